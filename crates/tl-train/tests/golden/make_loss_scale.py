"""Factors of PyTorch's GradScaler after runs of steps, for the table in src/finetune/loss_scale.rs.

Run from anywhere: python make_loss_scale.py
Needs torch; written with torch 2.13.
"""

import torch

scaler = torch.amp.GradScaler("cpu")
parameter = torch.zeros(1, requires_grad=True)
optimizer = torch.optim.SGD([parameter], lr=1.0)
for is_finite, n in [(True, 1999), (True, 1), (False, 3), (True, 1999), (False, 1), (True, 4000), (False, 20)]:
    for _ in range(n):
        scaler.scale(torch.zeros(1)).sum()  # The scaler begins when it is first used.
        parameter.grad = torch.tensor([1.0 if is_finite else float("inf")])
        scaler.step(optimizer)
        scaler.update()
    print(f"({str(is_finite).lower()}, {n}, {scaler.get_scale()!r}),")
