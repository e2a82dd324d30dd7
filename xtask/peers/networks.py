"""The networks in PyTorch, with the weights that tl uses: a batch [N, 3, 224, 224] of f32 RGB, normalised, to features."""
import torch, torchvision
from safetensors.torch import load_file
from photos import ROOT

# Names of V1's layers in the file of its weights, with stride.
V1_BLOCKS = [[(64, 1)], [(128, 2), (128, 1)], [(256, 2), (256, 1)], [(512, 2)] + [(512, 1)] * 5, [(1024, 2), (1024, 1)]]


def weights(network):
    return load_file(ROOT / "data/weights" / f"{network}.safetensors")


def v1_layers():
    """(convolution, norm) names in the file with input and output channels, kernel, stride and groups."""
    layers, channels = [("conv_stem", "bn1", 3, 32, 3, 2, 1)], 32
    for stage, blocks in enumerate(V1_BLOCKS):
        for block, (out, stride) in enumerate(blocks):
            name = f"blocks.{stage}.{block}"
            layers.append((f"{name}.conv_dw", f"{name}.bn1", channels, channels, 3, stride, channels))
            layers.append((f"{name}.conv_pw", f"{name}.bn2", channels, out, 1, 1, 1))
            channels = out
    return layers


class MobileNetV1(torch.nn.Module):
    def __init__(self):
        super().__init__()
        file, steps = weights("mobilenet_v1"), []
        for conv, norm, i, o, kernel, stride, groups in v1_layers():
            if stride == 2:  # TensorFlow pads at the end only
                steps.append(torch.nn.ZeroPad2d((0, 1, 0, 1)))
            steps.append(torch.nn.Conv2d(i, o, kernel, stride, 0 if stride == 2 else kernel // 2, groups=groups, bias=False))
            steps[-1].load_state_dict({"weight": file[f"{conv}.weight"]})
            steps.append(torch.nn.BatchNorm2d(o, eps=1e-3))
            steps[-1].load_state_dict({k.rsplit(".", 1)[1]: v for k, v in file.items() if k.startswith(f"{norm}.")}, strict=False)
            steps.append(torch.nn.ReLU6())
        self.features = torch.nn.Sequential(*steps)

    def forward(self, x):
        return self.features(x).mean((2, 3))


class MobileNetV2(torch.nn.Module):
    def __init__(self):
        super().__init__()
        net = torchvision.models.mobilenet_v2()
        net.load_state_dict(weights("mobilenet_v2"), strict=False)
        self.features = net.features

    def forward(self, x):
        return self.features(x).mean((2, 3))


NETWORKS = {"mobilenet_v1": MobileNetV1, "mobilenet_v2": MobileNetV2}


def export(network, path):
    """Writes the network as ONNX for any number of photos."""
    example = torch.zeros(2, 3, 224, 224)
    torch.onnx.export(NETWORKS[network]().eval(), example, path, input_names=["x"], output_names=["features"],
                      dynamic_axes={"x": {0: "n"}, "features": {0: "n"}}, dynamo=False)
