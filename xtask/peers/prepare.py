"""Writes the networks as ONNX, once: python prepare.py FOLDER."""
import pathlib, sys
from networks import NETWORKS, export

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for network in NETWORKS:
    export(network, folder / f"{network}.onnx")
