"""Prints the numbers of it/schedule.rs: the learning rates of PyTorch's (2.13) schedulers over 12 steps from 0.1, and
of src/plateau.rs.

python schedule.py
"""
import torch
from torch.optim import lr_scheduler as s

N = 12


def show(name, make):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = make(optimizer)
    rates = []
    for _ in range(N):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(rates) < N:
            scheduler.step()
    print(f"{name:16}", [round(rate, 12) for rate in rates])


def warm(optimizer, n, then):
    up = s.LinearLR(optimizer, start_factor=1 / (n + 1), total_iters=n)
    return s.SequentialLR(optimizer, [up, then], milestones=[n])


show("cosine", lambda o: s.CosineAnnealingLR(o, T_max=N))
show("warm-up 3 cosine", lambda o: warm(o, 3, s.CosineAnnealingLR(o, T_max=N - 3)))
show("warm-up 3", lambda o: s.LinearLR(o, start_factor=1 / 4, total_iters=3))
show("one-cycle", lambda o: s.OneCycleLR(o, max_lr=0.1, total_steps=N))
# Over the epochs of a run, from their validation losses.
losses = [1.0, 0.8, 0.8, 0.79999, 0.7, 0.71, 0.72, 0.73, 0.74, 0.69, 0.75, 0.76]
optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
plateau = s.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
rates = []
for loss in losses:
    rates.append(optimizer.param_groups[0]["lr"])
    optimizer.step()
    plateau.step(loss)
print("plateau", rates)

show("step", lambda o: s.StepLR(o, step_size=4))
