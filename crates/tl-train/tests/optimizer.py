"""Prints the numbers of it/optimizer.rs: where PyTorch's (2.13) optimizers take a weight and a bias in five steps,
and where Keras's formula for Adam takes them.

python optimizer.py
"""
import torch

torch.set_default_dtype(torch.float64)
RATES = [0.1, 0.1, 0.05, 0.05, 0.02]


def start():
    weight = torch.tensor([[0.5, -1.0, 1.5], [2.0, 0.25, -0.75]], requires_grad=True)
    return weight, torch.tensor([0.1, -0.2], requires_grad=True)


def loss(weight, bias):
    x = torch.tensor([[1.0, 2.0, -1.0], [0.5, -1.5, 0.25], [3.0, 0.0, 1.0]])
    return ((x @ weight.T + bias).tanh() - torch.tensor([[1.0, -1.0]])).square().mean()


def show(name, weight, bias):
    print(f"{name:22}", [round(v, 9) for v in torch.cat([weight.flatten(), bias]).tolist()])


def run(name, make):
    weight, bias = start()
    optimizer = make([{"params": [weight]}, {"params": [bias], "weight_decay": 0.0}])
    for rate in RATES:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        loss(weight, bias).backward()
        optimizer.step()
    show(name, weight, bias)


def keras():
    """Adam as in keras/src/optimizers/adam.py: epsilon beside the square root of the raw moment."""
    parameters = start()
    state = [(torch.zeros_like(p), torch.zeros_like(p)) for p in parameters]
    for t, rate in enumerate(RATES, 1):
        gradients = torch.autograd.grad(loss(*parameters), parameters)
        alpha = rate * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t)
        with torch.no_grad():
            for p, g, (m, v) in zip(parameters, gradients, state):
                m += (g - m) * (1 - 0.9)
                v += (g * g - v) * (1 - 0.999)
                # 1e-3 instead of 1e-7, so that the place of epsilon shows.
                p -= alpha * m / (v.sqrt() + 1e-3)
    show("adam_keras eps 1e-3", *parameters)


keras()
run("adam eps 1e-3", lambda p: torch.optim.Adam(p, eps=1e-3))
run("adam", lambda p: torch.optim.Adam(p))
run("adamw 0.1", lambda p: torch.optim.AdamW(p, weight_decay=0.1))
run("sgd", lambda p: torch.optim.SGD(p))
run("sgd decay 0.1", lambda p: torch.optim.SGD(p, weight_decay=0.1))
run("momentum 0.9", lambda p: torch.optim.SGD(p, momentum=0.9))
run("nesterov 0.9 decay 0.1", lambda p: torch.optim.SGD(p, momentum=0.9, nesterov=True, weight_decay=0.1))
