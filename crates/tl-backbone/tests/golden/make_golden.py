"""Golden numbers for the backbones, from PyTorch/torchvision modules that share no code with ours.

Usage: python make_golden.py V1.npz mobilenet_v2-b0353104.pth mobilenet_v3_small-047dcff4.pth OUT_DIR
V1.npz holds the tensors of the TensorFlow graph by node name (BatchNorm not folded).

Input n, height y, width x, channel c (0 R, 1 G, 2 B), all integers, 224 x 224:
    p(n, y, x, c) = ((y*y*(c+1) + x*x*(3-c) + 31*y*x // (n+2) + 4096*n) >> 4) & 255      as u8
V1 sees p/127.5 - 1; V2 and V3 see (p/255 - mean)/std with the ImageNet mean and std.
"""
import json, sys
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F, torchvision

torch.manual_seed(0)
torch.set_num_threads(1)


def pixels(n_images=4, side=224):
    n, y, x, c = np.meshgrid(np.arange(n_images), np.arange(side), np.arange(side), np.arange(3), indexing="ij")
    p = (y * y * (c + 1) + x * x * (3 - c) + 31 * y * x // (n + 2) + 4096 * n) >> 4
    return (p & 255).astype(np.uint8)


class ConvBn(nn.Module):
    def __init__(self, i, o, k, stride, groups=1):
        super().__init__()
        self.same = k == 3 and stride == 2
        self.conv = nn.Conv2d(i, o, k, stride, 0 if self.same else k // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(o, eps=1e-3)

    def forward(self, x):
        return F.relu6(self.bn(self.conv(F.pad(x, (0, 1, 0, 1)) if self.same else x)))


class V1(nn.Module):
    plan = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + [(512, 1)] * 5 + [(1024, 2), (1024, 1)]

    def __init__(self, path):
        super().__init__()
        layers, c = [ConvBn(3, 32, 3, 2)], 32
        for o, s in self.plan:
            layers += [ConvBn(c, c, 3, s, c), ConvBn(c, o, 1, 1)]
            c = o
        self.features, self.classifier = nn.Sequential(*layers), nn.Linear(1024, 1000)
        t = {k: torch.from_numpy(v) for k, v in np.load(path).items()}
        names = ["Conv2d_0"] + [f"Conv2d_{i}_{kind}" for i in range(1, 14) for kind in ("depthwise", "pointwise")]
        for layer, name in zip(layers, names):
            p = f"MobilenetV1/{name}/"
            w = t[p + "depthwise_weights"].permute(2, 3, 0, 1) if "depthwise" in name else t[p + "weights"].permute(3, 2, 0, 1)
            layer.conv.weight.data.copy_(w)
            b = p + "BatchNorm/"
            layer.bn.weight.data.copy_(t[b + "gamma"]); layer.bn.bias.data.copy_(t[b + "beta"])
            layer.bn.running_mean.copy_(t[b + "moving_mean"]); layer.bn.running_var.copy_(t[b + "moving_variance"])
        l = "MobilenetV1/Logits/Conv2d_1c_1x1/"
        self.classifier.weight.data.copy_(t[l + "weights"][0, 0].T[1:])   # class 0 is background
        self.classifier.bias.data.copy_(t[l + "biases"][1:])


def load(make, path):
    m = make()
    m.load_state_dict(torch.load(path, weights_only=True))
    return m


v1, v2, v3, out = sys.argv[1:]
mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
nets = {
    "mobilenet_v1": (V1(v1), lambda p: p / 127.5 - 1),
    "mobilenet_v2": (load(torchvision.models.mobilenet_v2, v2), lambda p: (p / 255 - mean) / std),
    "mobilenet_v3_small": (load(torchvision.models.mobilenet_v3_small, v3), lambda p: (p / 255 - mean) / std),
}
u8 = pixels()
for name, (net, prep) in nets.items():
    net.double().eval()                                        # float64: a reference better than any float32
    x = torch.from_numpy(prep(u8.astype(np.float64))).permute(0, 3, 1, 2).contiguous()
    trace = []
    with torch.inference_mode():
        h = x
        for layer in net.features:
            h = layer(h)
            trace.append({"shape": list(h.shape), "mean": h.mean().item(), "abs_mean": h.abs().mean().item()})
        f = h.mean((2, 3))
        logits = net.classifier(f)
    r = lambda v: float(f"{v:.7g}")
    rows = lambda t: [[r(v) for v in row] for row in t[:2].tolist()]      # two pictures in full, top 5 of all four
    golden = {"pixel_sum": int(u8.astype(np.int64).sum()), "first_pixels": u8[1, 100, 100:104].tolist(),
              "n_parameters": sum(p.numel() for p in net.parameters()),
              "layers": [{"shape": t["shape"], "mean": r(t["mean"]), "abs_mean": r(t["abs_mean"])} for t in trace],
              "features": rows(f), "logits": rows(logits), "top5": logits.topk(5).indices.tolist()}
    body = ",\n".join(f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in golden.items())
    with open(f"{out}/{name}.json", "w") as file:
        file.write("{" + body + "}\n")
