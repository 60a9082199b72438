"""Uneven steps, and predictions other than the velocity, as Python consumers meet them. Needs the program: FMTOOL=path/to/fmtool (make sets it)."""
import os
import pathlib
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import sample as consumer

FMTOOL = os.environ.get("FMTOOL")


def trained(folder, *flags):
    if not FMTOOL:
        if os.environ.get("CI") == "true":
            pytest.fail("FMTOOL is not set")
        pytest.skip("set FMTOOL to the program: make python-test does")
    small = ["--unconditional", "--steps", "30", "--batch", "64", "--depth", "2"]
    subprocess.run([FMTOOL, "train", "moons:n=400", *small, *flags, "-o", str(folder / "run")], check=True, capture_output=True)
    subprocess.run([FMTOOL, "export", str(folder / "model.onnx"), "--run", str(folder / "run")], check=True, capture_output=True)
    return str(folder / "model.onnx")


def program(path):
    out = subprocess.run([FMTOOL, "sample", path, "-n", "9", "--steps", "10", "--seed", "7"], check=True, capture_output=True, text=True).stdout
    return np.array([[float(v) for v in line.split(",")] for line in out.splitlines()[1:]], np.float32)


@pytest.mark.parametrize("flags", [
    ["--grid", "shift:3"], ["--grid", "u-shaped:2 shift:0.5"], ["--grid", "logit-normal:0,1"],
    ["--prediction", "x1"], ["--prediction", "noise", "--schedule", "cosine"], ["--prediction", "score", "--schedule", "vp"], ["--schedule", "linear-vp"],
], ids=" ".join)
def test_same_samples_as_the_program(tmp_path, flags):
    """The program's samples along the model's own steps, and from whatever its network predicts."""
    path = trained(tmp_path, *flags)
    ours, theirs = program(path), consumer.sample(path, 9, steps=10, seed=7)
    assert np.max(np.abs(theirs - ours)) <= 1e-4 * max(1, np.max(np.abs(ours)))
    assert np.std(ours) > 0


def test_unknown_steps_are_refused(tmp_path):
    """Steps that the Python program cannot take are told, not replaced."""
    path = trained(tmp_path, "--grid", "beta:2,1")
    with pytest.raises(SystemExit, match="beta:2,1"):
        consumer.sample(path, 2)
    meta = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).get_modelmeta().custom_metadata_map
    assert "uneven" in meta["io.fmtool.time"]
