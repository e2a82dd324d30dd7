"""Prints the numbers of it/golden.rs: PyTorch's (2.13) losses, scikit-learn's (1.9) logistic regression, and the
temperature that SciPy's bounded search finds.

pip install torch scikit-learn==1.9.*; python golden.py
"""
import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression


def rows(n, width):
    """Values by a formula that Rust computes alike, in -2 to 2."""
    return np.array([[((i * 37 + j * 101 + i * j * 13) % 64) / 16 - 2 for j in range(width)] for i in range(n)])


def labels(n, k):
    return np.array([(i * i + i // 3) % k for i in range(n)])


def show(name, values):
    print(name, np.array2string(np.asarray(values, dtype=float), separator=", ", precision=9, max_line_width=110))


# ---- Head: a dense stack 3-2-2 with given parameters, forward and gradients of its loss.
x = torch.tensor(rows(4, 3), dtype=torch.float64)
w0 = torch.tensor(rows(2, 3) / 4, requires_grad=True)
b0 = torch.tensor([0.5, -0.25], dtype=torch.float64, requires_grad=True)
w1 = torch.tensor(rows(2, 2) / 4, requires_grad=True)
b1 = torch.tensor([0.0, 0.125], dtype=torch.float64, requires_grad=True)
logits = F.linear(F.relu(F.linear(x, w0, b0)), w1, b1)
F.cross_entropy(logits, torch.tensor(labels(4, 2))).backward()
show("head logits", logits.detach().flatten())
for name, p in [("w0", w0), ("b0", b0), ("w1", w1), ("b1", b1)]:
    show(f"head grad {name}", p.grad.flatten())

# ---- Losses.
z, y = torch.tensor(rows(9, 4)), torch.tensor(labels(9, 4))
weight = torch.tensor([1.0, 0.5, 2.0, 0.25], dtype=torch.float64)
for smoothing in (0.0, 0.1):
    print("loss", smoothing, F.cross_entropy(z, y, label_smoothing=smoothing).item(),
          F.cross_entropy(z, y, weight=weight, label_smoothing=smoothing).item())
one_hot = F.one_hot(y, 4).double()
keras = -((one_hot * 0.9 + 0.1 / 4) * F.log_softmax(z, 1)).sum(1).mean()
print("Keras's formula with smoothing 0.1", keras.item())

# ---- Focal loss, written from the paper: its value and the gradient of the first three rows' logits.
for gamma, smoothing, w in ((2.0, 0.0, None), (0.5, 0.0, None), (2.0, 0.1, weight)):
    zg = z.clone().requires_grad_()
    p = F.softmax(zg, 1)
    target = one_hot * (1 - smoothing) + smoothing / 4
    terms = -target * (1 - p) ** gamma * p.log()
    loss = terms.sum() / len(y) if w is None else (terms * w).sum() / w[y].sum()
    loss.backward()
    print("focal", gamma, smoothing, w is not None, loss.item())
    show("  gradient", zg.grad[:3].flatten())

# ---- Mixtures of rows with the rows from the last on, as MixUp has them.
mixed = 0.7 * one_hot + 0.3 * one_hot.flip(0)
for smoothing in (0.0, 0.1):
    print("mixed", smoothing, F.cross_entropy(z, mixed, label_smoothing=smoothing).item())

# ---- Temperature.
for sharpness in (1.0, 8.0):
    logits = sharpness * (rows(40, 3) + 1.5 * np.eye(3)[labels(40, 3)])
    nll = lambda t: (logsumexp(logits / t, axis=1) - logits[np.arange(40), labels(40, 3)] / t).mean()
    print("temperature", sharpness, minimize_scalar(nll, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-10}).x)

# ---- Logistic regression: more rows than features, fewer, and two classes.
for n, width, k, l2 in ((60, 5, 3, 0.1), (60, 5, 3, 0.001), (12, 20, 3, 0.01), (30, 4, 2, 0.05)):
    x, y = rows(n, width), labels(n, k)
    x[np.arange(n), y] += 2.0
    # Two classes have one vector of weights in scikit-learn, half of whose square is our penalty.
    c = (2 if k == 2 else 1) / (n * l2)
    scaled = x - x.mean(0)
    scaled /= np.sqrt(scaled.var(0).mean())
    fit = LogisticRegression(C=c, tol=1e-12, max_iter=100_000).fit(scaled, y)
    log_p = fit.predict_log_proba(scaled)
    penalty = l2 / 2 * (fit.coef_ ** 2).sum() / (2 if k == 2 else 1)
    print("logistic", n, width, k, l2, "objective", -log_p[np.arange(n), y].mean() + penalty)
    show("  probabilities of the first three rows", np.exp(log_p[:3]).flatten())

# ---- Binary cross-entropy: its value, and the gradient of the first three rows' logits.
several = ((np.arange(9)[:, None] * 5 + np.arange(4) * 3 + np.arange(9)[:, None] * np.arange(4)) % 4 < 2).astype(float)
for smoothing in (0.0, 0.1):
    zg = z.clone().requires_grad_()
    loss = F.binary_cross_entropy_with_logits(zg, torch.tensor(several) * (1 - smoothing) + smoothing / 2)
    loss.backward()
    print("binary", smoothing, loss.item())
    show("  gradient", zg.grad[:3].flatten())
mixed = torch.tensor(0.7 * several + 0.3 * several[::-1])
print("binary, mixed", F.binary_cross_entropy_with_logits(z, mixed).item())
