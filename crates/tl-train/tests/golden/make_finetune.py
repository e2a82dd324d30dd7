"""Two steps of fine-tuning MobileNet V2 in PyTorch, with BatchNorm in inference and in training mode: finetune.json.

The numbers are those of float64. Beside each stands `noise`: how far PyTorch's own f32 is from them, in the norm;
the farthest of RUNS whose inputs differ in the last bit, since processors round differently, too.

Run from the workspace: python crates/tl-train/tests/golden/make_finetune.py
Needs torch, torchvision, safetensors and data/weights/mobilenet_v2.safetensors; written with torch 2.13 on one thread.
"""
import json, pathlib
import torch, torchvision
from safetensors.torch import load_file

N, SIDE, CLASSES, LR, MOMENTUM, RUNS = 8, 96, 3, 1e-4, 0.9, 8
ROOT = pathlib.Path(__file__).parents[4]
torch.set_num_threads(1)


def pictures():
    n, y, x, c = torch.meshgrid(*(torch.arange(k) for k in (N, SIDE, SIDE, 3)), indexing="ij")
    p = (y * y * (c + 1) + x * x * (3 - c) + 31 * y * x // (n + 2) + 4096 * n) >> 4
    x = (p & 255).float() / 255
    mean, std = (torch.tensor(v, dtype=torch.float32) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    return ((x - mean) / std).permute(0, 3, 1, 2)


def model():
    net = torchvision.models.mobilenet_v2()
    net.load_state_dict({k: v for k, v in load_file(ROOT / "data/weights/mobilenet_v2.safetensors").items()}, strict=False)
    head = torch.nn.Linear(1280, CLASSES)
    with torch.no_grad():
        head.weight.copy_((torch.arange(1280 * CLASSES).reshape(CLASSES, 1280) % 17 - 8) / 1000)
        head.bias.zero_()
    net.classifier = head
    return net


def nudged(x, run):
    """Every value of x moved by at most one unit of its last place; run 0 is x itself."""
    generator = torch.Generator().manual_seed(run)
    ends = torch.randint(-1, 2, x.shape, generator=generator).to(x) * torch.inf
    return torch.where(ends.isnan() | (run == 0), x, torch.nextafter(x, ends))


def two_steps(train, kind, run=0):
    """Losses, and by name the first step's gradients and what the state is after both, in float64."""
    net = model().to(kind).train(train)
    optimizer = torch.optim.SGD(net.parameters(), lr=LR, momentum=MOMENTUM)
    x, labels = nudged(pictures(), run).to(kind), torch.arange(N) % CLASSES
    losses, gradients = [], {}
    for step in range(2):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x), labels)
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            gradients = {k: p.grad.double().clone() for k, p in net.named_parameters()}
        optimizer.step()
    return losses, gradients, {k: v.double() for k, v in net.state_dict().items() if "num_batches" not in k}


def summary(exact, singles):
    flat = exact.flatten()
    values = [flat[i].item() for i in (0, len(flat) // 2, len(flat) - 1)]
    return {"norm": flat.norm().item(), "noise": max((single - exact).norm().item() for single in singles), "values": values}


def golden(train):
    losses, *exact = two_steps(train, torch.float64)
    singles = [two_steps(train, torch.float32, run)[1:] for run in range(RUNS)]
    gradients, weights = ({k: summary(e[k], [s[i][k] for s in singles]) for k in e} for i, e in enumerate(exact))
    return {"losses": losses, "gradients": gradients, "weights": weights}


numbers = {"inference": golden(False), "training": golden(True)}
pathlib.Path(__file__).with_name("finetune.json").write_text(json.dumps(numbers, indent=None, separators=(",", ":")) + "\n")
