"""Fine-tuning MobileNet V2 in eager PyTorch: python torch_finetune.py DATA --precision f32|bf16 --epochs N --seed N.

As fast as eager PyTorch does it: channels-last, batches of 32, BatchNorm in inference mode, photos decoded beforehand and,
for `--device cuda`, on the GPU already. The loop's time counts, without decoding and without validation.
"""
import argparse, time
import numpy as np, torch
from PIL import Image
from engines import PIXELS
from networks import MobileNetV2
from photos import listed, report

parser = argparse.ArgumentParser()
parser.add_argument("data")
parser.add_argument("--precision", default="f32")
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--device", default="cpu")
args = parser.parse_args()
torch.manual_seed(args.seed)
BATCH = 32


def photos(side):
    """All photos of a side, normalised, [N, 3, 224, 224] in channels-last, and labels."""
    classes, pairs = listed(args.data, side)
    read = lambda path: np.asarray(Image.open(path).convert("RGB").resize((256, 256), Image.Resampling.BILINEAR))[16:240, 16:240]
    x = torch.from_numpy(np.stack([read(path) for path, _ in pairs])).float()
    mean, scale = (torch.tensor(v) for v in PIXELS["mobilenet_v2"])
    x, y = ((x - mean) / scale).permute(0, 3, 1, 2), torch.tensor([label for _, label in pairs])
    return x.to(args.device), y.to(args.device), len(classes)


x, y, n_classes = photos("train")
net = MobileNetV2()
model = torch.nn.Sequential(net, torch.nn.Dropout(0.2), torch.nn.Linear(1280, n_classes)).to(args.device, memory_format=torch.channels_last)
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
n_steps = args.epochs * -(-len(x) // BATCH)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.lr, total_steps=n_steps)
model.train()
for layer in net.modules():
    if isinstance(layer, torch.nn.BatchNorm2d):
        layer.eval()
started, losses, seconds_by_epoch = time.perf_counter(), [], []
for _ in range(args.epochs):
    total, began = 0.0, time.perf_counter()
    for rows in torch.randperm(len(x)).split(BATCH):
        optimizer.zero_grad()
        with torch.autocast(args.device, torch.bfloat16, enabled=args.precision == "bf16"):
            loss = torch.nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        schedule.step()
        total += loss.item() * len(rows)
    losses.append(total / len(x))
    seconds_by_epoch.append(time.perf_counter() - began)
seconds, n_seen = time.perf_counter() - started, args.epochs * len(x)
model.eval()
x, y, _ = photos("validation")
with torch.inference_mode():
    right = sum((model(part).argmax(1) == labels).sum().item() for part, labels in zip(x.split(BATCH), y.split(BATCH)))
report(accuracy=right / len(y), losses=losses, seconds=seconds_by_epoch, rates={"training": n_seen / seconds})
