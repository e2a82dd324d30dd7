"""Writes state_dict_zip.pth and state_dict_legacy.pth, the same tensors in both formats of torch (2.13)."""
from collections import OrderedDict

import torch

grid = torch.arange(6, dtype=torch.float32).reshape(2, 3)
state = OrderedDict(
    {
        "transposed": grid.t(),
        "slice": grid[:, 1],
        "bn.running_mean": torch.tensor([0.5, -0.25]),
        "bn.num_batches_tracked": torch.tensor(3),
    }
)
state._metadata = OrderedDict({"": {"version": 1}})
torch.save(state, "state_dict_zip.pth")
torch.save(state, "state_dict_legacy.pth", _use_new_zipfile_serialization=False)
