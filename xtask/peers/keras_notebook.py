"""The notebook that tl began with, in Keras 3, without its two slips: python keras_notebook.py DATA --seed N --epochs N.

MobileNet with the weights that tl uses, the first 20 layers frozen, three dense layers, Adam, batches of 32.
"""
import argparse, os
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras, numpy as np
from safetensors.numpy import load_file
from photos import ROOT, SIDES, listed, report

parser = argparse.ArgumentParser()
parser.add_argument("data")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--same-batches", action="store_true", help="shuffle once, as a seeded fit does without telling")
args = parser.parse_args()
keras.utils.set_random_seed(args.seed)


def file_names():
    """Names of Keras's convolutions and norms, and what they are called in the file."""
    yield "conv1", "conv1_bn", "conv_stem", "bn1"
    n = 0
    for stage, blocks in enumerate([1, 2, 2, 6, 2]):
        for block in range(blocks):
            n, name = n + 1, f"blocks.{stage}.{block}"
            yield f"conv_dw_{n}", f"conv_dw_{n}_bn", f"{name}.conv_dw", f"{name}.bn1"
            yield f"conv_pw_{n}", f"conv_pw_{n}_bn", f"{name}.conv_pw", f"{name}.bn2"


def pretrained():
    net = keras.applications.MobileNet(weights=None, include_top=False, input_shape=(224, 224, 3))
    file = load_file(ROOT / "data/weights/mobilenet_v1.safetensors")
    for conv, norm, conv_file, norm_file in file_names():
        axes = (2, 3, 0, 1) if "dw" in conv else (2, 3, 1, 0)
        net.get_layer(conv).set_weights([file[f"{conv_file}.weight"].transpose(axes)])
        parts = ["weight", "bias", "running_mean", "running_var"]
        net.get_layer(norm).set_weights([file[f"{norm_file}.{part}"] for part in parts])
    return net


def photos(side):
    """All photos of a side in memory as f32 RGB from -1 to 1, and their labels as one-hot rows."""
    classes, pairs = listed(args.data, side)
    load = lambda path: keras.utils.img_to_array(keras.utils.load_img(path, target_size=(224, 224)))
    x = keras.applications.mobilenet.preprocess_input(np.stack([load(path) for path, _ in pairs]))
    return x, keras.utils.to_categorical([label for _, label in pairs], len(classes))


base = pretrained()
(x, y), validation = photos("train"), photos("validation")
h = keras.layers.GlobalAveragePooling2D()(base.output)
for units in (1024, 1024, 512):
    h = keras.layers.Dense(units, activation="relu")(h)
model = keras.Model(base.input, keras.layers.Dense(y.shape[1], activation="softmax")(h))
for layer in model.layers[:20]:
    layer.trainable = False
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])


# Seeded, fit(shuffle=True) draws one order and repeats it in every epoch: tf.data makes the random operation anew for
# each pass, and it begins with the same seed. The notebook sets no seed, and its batches differ.
if args.same_batches:
    passes = [model.fit(x, y, batch_size=32, epochs=args.epochs, shuffle=True, validation_data=validation, verbose=0).history]
else:
    orders = np.random.default_rng(args.seed)
    passes = [model.fit(x[o], y[o], batch_size=32, shuffle=False, validation_data=validation, verbose=0).history
              for o in (orders.permutation(len(x)) for _ in range(args.epochs))]
numbers = lambda name: [value for history in passes for value in history[name]]
report(accuracy=numbers("val_accuracy")[-1], losses=numbers("loss"), val_losses=numbers("val_loss"))
