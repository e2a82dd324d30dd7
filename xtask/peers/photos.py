"""What the peers share: a folder of photos as lists, and the line of results that `cargo xtask bench` reads."""
import json, pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIDES = {"train": ["train"], "validation": ["val", "valid", "test"]}


def listed(data, side):
    """Classes, and pairs of a photo's path and its label, of a folder with a folder per class."""
    folder = next(p for name in SIDES[side] if (p := pathlib.Path(data) / name).is_dir())
    classes = sorted(p.name for p in folder.iterdir() if p.is_dir())
    return classes, [(str(p), i) for i, c in enumerate(classes) for p in sorted((folder / c).iterdir())]


def report(**results):
    """The last line of a peer's output."""
    print(json.dumps(results))
