"""Photos per second of OpenVINO: the network alone, and files to features with OpenCV's decoding, in whichever precision
is the faster here: not every processor that has bf16 is fast in it.

python engine_rates.py DATA --network N --models FOLDER
"""
import argparse, time
import numpy as np
from engines import openvino, openvino_features
from opencv import batches
from photos import listed, report

parser = argparse.ArgumentParser()
parser.add_argument("data")
parser.add_argument("--network", default="mobilenet_v1")
parser.add_argument("--models", required=True)
parser.add_argument("--seconds", type=float, default=1.0)
args = parser.parse_args()


def rate(compiled, batch):
    photos = [np.random.default_rng(0).integers(0, 256, (batch, 224, 224, 3), np.uint8)] * (64 // batch)
    openvino_features(compiled, photos)
    started, n = time.perf_counter(), 0
    while time.perf_counter() - started < args.seconds:
        openvino_features(compiled, photos)
        n += 64 // batch * batch
    return n / (time.perf_counter() - started)


rates, fastest = {}, (0, None, None)
for precision in ("f32", "bf16"):
    compiled = {batch: openvino(args.models, args.network, precision, batch) for batch in (1, 4, 8)}
    found = {batch: rate(model, batch) for batch, model in compiled.items()}
    best = max(found, key=found.get)
    rates[f"network {precision}"] = found[best]
    fastest = max(fastest, (found[best], best, compiled[best]), key=lambda entry: entry[0])
paths = [path for side in ("train", "validation") for path, _ in listed(args.data, side)[1]]
_, batch, network = fastest
started = time.perf_counter()
openvino_features(network, batches(paths, batch))
rates["files to features"] = len(paths) / (time.perf_counter() - started)
report(rates=rates)
