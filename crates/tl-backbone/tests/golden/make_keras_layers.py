"""Where Keras's MobileNets have the layers of ours: positions of convolutions in `model.layers`, without top.

Usage: python make_keras_layers.py > keras_layers.json        (keras 3.15.1)
Of a squeeze-and-excite the first of its two convolutions counts.
"""
import json
from keras import applications

networks = {
    "mobilenet_v1": applications.MobileNet,
    "mobilenet_v2": applications.MobileNetV2,
    "mobilenet_v3_small": applications.MobileNetV3Small,
}


def positions(network):
    layers = network(weights=None, include_top=False, input_shape=(224, 224, 3)).layers
    counted = ("Conv2D", "DepthwiseConv2D")
    second = "squeeze_excite_conv_1"
    return [i for i, l in enumerate(layers) if type(l).__name__ in counted and not l.name.endswith(second)]


print(json.dumps({name: positions(network) for name, network in networks.items()}))
