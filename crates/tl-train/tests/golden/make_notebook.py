"""Two steps of the notebook's training in Keras: MobileNet V1, the first 20 layers frozen, Adam: notebook.json.

The numbers are those of float64, under tl's names and in its layout. Beside each stands `noise`: how far Keras's own
f32 is from them, in the norm; the farthest of RUNS whose inputs differ in the last bit.

Run from the workspace: python crates/tl-train/tests/golden/make_notebook.py
Needs keras, tensorflow, safetensors and data/weights/mobilenet_v1.safetensors; written with Keras 3.15 on TensorFlow 2.21.
"""
import json, os, pathlib
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy as np, tensorflow as tf
from safetensors.numpy import load_file

N, SIDE, CLASSES, RUNS = 8, 96, 3, 8
ROOT = pathlib.Path(__file__).parents[4]
FILE = load_file(ROOT / "data/weights/mobilenet_v1.safetensors")
PARTS = ["weight", "bias", "running_mean", "running_var"]


def pictures(run):
    """The formula's pictures from -1 to 1, as f32; in all runs but 0 each value moved by at most a last place."""
    n, y, x, c = np.meshgrid(*(np.arange(k) for k in (N, SIDE, SIDE, 3)), indexing="ij")
    p = (y * y * (c + 1) + x * x * (3 - c) + 31 * y * x // (n + 2) + 4096 * n) >> 4
    x = (p & 255).astype(np.float32) / np.float32(127.5) - np.float32(1)
    ends = np.random.default_rng(run).integers(-1, 2, x.shape)
    moved = np.nextafter(x, np.where(ends > 0, np.float32(np.inf), np.float32(-np.inf)))
    return x if run == 0 else np.where(ends == 0, x, moved)


def layers():
    """Keras's name of each convolution and norm, and tl's."""
    yield "conv1", "conv_stem"
    yield "conv1_bn", "bn1"
    n = 0
    for stage, blocks in enumerate([1, 2, 2, 6, 2]):
        for block in range(blocks):
            n, name = n + 1, f"blocks.{stage}.{block}"
            yield f"conv_dw_{n}", f"{name}.conv_dw"
            yield f"conv_dw_{n}_bn", f"{name}.bn1"
            yield f"conv_pw_{n}", f"{name}.conv_pw"
            yield f"conv_pw_{n}_bn", f"{name}.bn2"


NAMES = dict(layers())


def model(kind):
    keras.config.set_floatx(kind)
    base = keras.applications.MobileNet(weights=None, include_top=False, input_shape=(SIDE, SIDE, 3))
    for ours, name in NAMES.items():
        if "_bn" in ours:
            base.get_layer(ours).set_weights([FILE[f"{name}.{part}"] for part in PARTS])
        else:
            base.get_layer(ours).set_weights([FILE[f"{name}.weight"].transpose((2, 3, 0, 1) if "dw" in ours else (2, 3, 1, 0))])
    h = keras.layers.GlobalAveragePooling2D()(base.output)
    net = keras.Model(base.input, keras.layers.Dense(CLASSES, activation="softmax", name="head")(h))
    kernel = (np.arange(1024 * CLASSES).reshape(CLASSES, 1024) % 17 - 8) / 1000
    net.get_layer("head").set_weights([kernel.T, np.zeros(CLASSES)])
    for layer in net.layers[:20]:
        layer.trainable = False
    net.compile(optimizer="adam", loss="categorical_crossentropy", jit_compile=False)
    return net


def renamed(variables, values):
    """By tl's names, in its layout, float64."""
    for variable, value in zip(variables, values):
        layer, what = variable.path.rsplit("/", 1)
        value = np.asarray(value, np.float64)
        if layer == "head":
            yield "classifier." + {"kernel": "weight", "bias": "bias"}[what], value.T
        elif what == "kernel":
            yield NAMES[layer] + ".weight", value.transpose((2, 3, 0, 1) if "dw" in layer else (3, 2, 0, 1))
        else:
            part = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}[what]
            yield f"{NAMES[layer]}.{part}", value


def two_steps(kind, run=0):
    """Losses, the first step's gradients, and how far both steps moved the weights and statistics."""
    x, y = pictures(run).astype(kind), keras.utils.to_categorical(np.arange(N) % CLASSES, CLASSES)
    net = model(kind)
    with tf.GradientTape() as tape:
        loss = net.compute_loss(x, y, net(x, training=True))
    gradients = dict(renamed(net.trainable_variables, tape.gradient(loss, [v.value for v in net.trainable_variables])))
    net = model(kind)
    before = dict(renamed(net.weights, net.get_weights()))
    losses = [float(net.train_on_batch(x, y)) for _ in range(2)]
    after = dict(renamed(net.weights, net.get_weights()))
    return losses, gradients, {name: after[name] - before[name] for name in after}


def summary(exact, singles):
    flat = exact.flatten()
    values = [float(flat[i]) for i in (0, len(flat) // 2, len(flat) - 1)]
    noise = max(float(np.linalg.norm(single - exact)) for single in singles)
    return {"norm": float(np.linalg.norm(flat)), "noise": noise, "values": values}


losses, *exact = two_steps("float64")
singles = [two_steps("float32", run)[1:] for run in range(RUNS)]
gradients, moved = ({k: summary(e[k], [s[i][k] for s in singles]) for k in e} for i, e in enumerate(exact))
numbers = {"losses": losses, "gradients": gradients, "moved": moved}
pathlib.Path(__file__).with_name("notebook.json").write_text(json.dumps(numbers, indent=None, separators=(",", ":")) + "\n")
