"""Features of a frozen network, and scikit-learn's logistic regression on them: what an informed person does today.

python features_logistic.py DATA --engine openvino|onnx|torch --network N --precision f32|bf16 --models FOLDER
"""
import argparse
import numpy as np
from engines import PIXELS
from opencv import batches
from photos import listed, report

parser = argparse.ArgumentParser()
parser.add_argument("data")
parser.add_argument("--engine", choices=["openvino", "onnx", "torch"], required=True)
parser.add_argument("--network", default="mobilenet_v1")
parser.add_argument("--precision", default="f32")
parser.add_argument("--models", required=True)
args = parser.parse_args()
BATCH = 8


def torch_features(network, batches):
    import torch
    from networks import NETWORKS
    net = NETWORKS[network]().eval().to(memory_format=torch.channels_last)
    mean, scale = (torch.tensor(v) for v in PIXELS[network])
    # Without instructions for it bf16 takes ten times as long as f32, and nobody would choose it.
    bf16 = args.precision == "bf16" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        for batch in batches:
            yield net(((torch.from_numpy(batch) - mean) / scale).permute(0, 3, 1, 2)).float().numpy()


def features(paths):
    read = batches(paths, BATCH)
    if args.engine == "openvino":
        from engines import openvino, openvino_features
        found = openvino_features(openvino(args.models, args.network, args.precision, BATCH), read)
    elif args.engine == "onnx":
        from engines import onnx_features
        found = onnx_features(args.models, args.network, read)
    else:
        found = torch_features(args.network, read)
    return np.concatenate(list(found))[:len(paths)]


_, train = listed(args.data, "train")
_, validation = listed(args.data, "validation")
rows = features([path for path, _ in train + validation])
labels = np.array([label for _, label in train + validation])
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)).fit(rows[:len(train)], labels[:len(train)])
report(accuracy=model.score(rows[len(train):], labels[len(train):]))
