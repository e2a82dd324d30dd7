"""Reads the event files of a run's folder with TensorBoard's own reader, and says what they hold.

    python read_events.py runs/latest      # needs the package tensorboard (2.21)

Exits with 1 unless the scalars are those of events.jsonl, without the steps that a resumed run took back.
"""

import json
import sys
from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

CURVES = {
    "loss/train": "train_loss",
    "loss/validation": "val_loss",
    "accuracy/train": "train_accuracy",
    "accuracy/validation": "val_accuracy",
    "learning_rate": "learning_rate",
    "photos_per_second": "photos_per_second",
    "epoch": "epoch",
    "step/loss": "loss",
    "step/learning_rate": "learning_rate",
    "step/photos_per_second": "photos_per_second",
}


def expected(folder):
    """Points of each curve by events.jsonl: (step, number)."""
    curves = {tag: [] for tag in CURVES}
    must_restart = False
    for line in (folder / "events.jsonl").read_text().splitlines():
        record = json.loads(line)
        event = record["event"]
        if must_restart and event in ("resumed", "step", "epoch"):
            first = record["step"] + 1 if event == "resumed" else record["step"]
            curves = {tag: [p for p in points if p[0] < first] for tag, points in curves.items()}
            must_restart = False
        if event == "started":
            must_restart = True
        if event not in ("step", "epoch"):
            continue
        for tag, key in CURVES.items():
            if tag.startswith("step/") == (event == "step") and record[key] is not None:
                curves[tag].append((record["step"], np.float32(record[key])))
    return {tag: points for tag, points in curves.items() if points}


def main():
    folder = Path(sys.argv[1])
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    accumulator.Reload()
    tags = accumulator.Tags()
    found = {tag: [(e.step, np.float32(e.value)) for e in accumulator.Scalars(tag)] for tag in tags["scalars"]}
    for tag, points in sorted(found.items()):
        print(f"{tag:24} {len(points):5} points, steps {points[0][0]} to {points[-1][0]}, last {points[-1][1]}")
    settings = accumulator.Tensors("settings")[-1].tensor_proto.string_val[0].decode()
    print(f"settings                 {len(settings.splitlines())} lines")
    if found != expected(folder):
        sys.exit("the scalars are not those of events.jsonl")


main()
