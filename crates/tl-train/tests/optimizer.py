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


class Lion(torch.optim.Optimizer):
    """Algorithm 2 of Chen et al. 2023 (arXiv:2302.06675); PyTorch has none."""

    def __init__(self, params, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, dict(lr=0.0, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                update = torch.sign(beta1 * m + (1 - beta1) * p.grad) + group["weight_decay"] * p
                p -= group["lr"] * update
                m.copy_(beta2 * m + (1 - beta2) * p.grad)


def clipped(name, clip):
    """SGD of momentum 0.9 with the gradients clipped by `clip`."""
    parameters = start()
    optimizer = torch.optim.SGD(parameters, momentum=0.9)
    for rate in RATES:
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        loss(*parameters).backward()
        clip(parameters)
        optimizer.step()
    show(name, *parameters)


def ema():
    """PyTorch's AveragedModel over plain SGD, with the decay of timm's ModelEmaV3 and its warm-up."""
    model = torch.nn.Linear(3, 2)
    weight, bias = start()
    with torch.no_grad():
        model.weight.copy_(weight)
        model.bias.copy_(bias)

    def average(average, weight, n):
        decay = min(0.6, 1 - (1 + n) ** (-2 / 3))
        return decay * average + (1 - decay) * weight

    averaged = torch.optim.swa_utils.AveragedModel(model, avg_fn=average)
    optimizer = torch.optim.SGD(model.parameters())
    for rate in RATES:
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        loss(model.weight, model.bias).backward()
        optimizer.step()
        averaged.update_parameters(model)
    show("ema 0.6 of sgd", averaged.module.weight, averaged.module.bias)


keras()
run("adam eps 1e-3", lambda p: torch.optim.Adam(p, eps=1e-3))
run("adam", lambda p: torch.optim.Adam(p))
run("adamw 0.1", lambda p: torch.optim.AdamW(p, weight_decay=0.1))
run("sgd", lambda p: torch.optim.SGD(p))
run("sgd decay 0.1", lambda p: torch.optim.SGD(p, weight_decay=0.1))
run("momentum 0.9", lambda p: torch.optim.SGD(p, momentum=0.9))
run("nesterov 0.9 decay 0.1", lambda p: torch.optim.SGD(p, momentum=0.9, nesterov=True, weight_decay=0.1))
run("rmsprop", lambda p: torch.optim.RMSprop(p))
run("rmsprop 0.9 decay 0.1", lambda p: torch.optim.RMSprop(p, momentum=0.9, weight_decay=0.1))
run("lion decay 0.1", lambda p: Lion(p, weight_decay=0.1))
clipped("norm 0.1", lambda p: torch.nn.utils.clip_grad_norm_(p, 0.1))
clipped("value 0.05", lambda p: torch.nn.utils.clip_grad_value_(p, 0.05))
weight, bias = start()
groups = [{"params": [weight], "weight_decay": 0.2}, {"params": [bias], "weight_decay": 0.0}]
optimizer = torch.optim.AdamW(groups)
for rate in RATES:
    optimizer.param_groups[0]["lr"], optimizer.param_groups[1]["lr"] = 0.5 * rate, 2.0 * rate
    optimizer.zero_grad()
    loss(weight, bias).backward()
    optimizer.step()
show("groups", weight, bias)
ema()
