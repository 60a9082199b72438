"""What Python consumers of an exported file rely on. Needs the program: FMTOOL=path/to/fmtool (make sets it)."""
import pathlib
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import sample as consumer
from conftest import FMTOOL, MODELS

def fmtool_samples(path, *args):
    out = subprocess.run([FMTOOL, "sample", str(path), *args], check=True, capture_output=True, text=True).stdout
    lines = [line.split(",") for line in out.splitlines()[1:]]
    return np.array([[float(v) for v in line[: np.prod(shape_of(path))]] for line in lines], np.float32)


def shape_of(path):
    return [d.dim_value for d in onnx.load(path).graph.input[0].type.tensor_type.shape.dim[1:]]


@pytest.mark.parametrize("engine", ["ort", "native"])
@pytest.mark.parametrize("name", MODELS)
def test_same_samples_as_the_program(model, name, engine):
    """The README's Python code and `fmtool sample` give the same samples from one seed."""
    path = model(name)
    label = 1 if name in ("labels", "constant column", "images") else None
    condition = [0.5, -1] if name == "vector" else None
    args = {"moons": [], "labels": ["--class", "1"], "constant column": ["--class", "y"], "images": ["--class", "1"], "vector": ["--condition", "0.5,-1"]}[name]
    ours = fmtool_samples(path, "-n", "37", "--steps", "20", "--seed", "7", "--offset", "5", "--engine", engine, *args)
    theirs = consumer.sample(str(path), 37, steps=20, seed=7, label=label, first=5, condition=condition)
    assert theirs.shape == ours.shape and theirs.dtype == np.float32
    assert np.max(np.abs(theirs - ours)) <= 1e-4 * max(1, np.max(np.abs(ours)))
    assert np.std(ours) > 0


def test_same_samples_from_a_source(model, tmp_path):
    rows = np.random.default_rng(1).normal(size=(9, 2)).astype(np.float32)
    np.save(tmp_path / "rows.npy", rows)
    want = fmtool_samples(model("source"), "-n", "9", "--steps", "10", "--source", str(tmp_path / "rows.npy"))
    np.testing.assert_allclose(consumer.sample(str(model("source")), 9, 10, source=rows), want, atol=1e-4)
    program = [sys.executable, consumer.__file__, str(model("source"))]
    out = subprocess.run([*program, str(tmp_path / "rows.npy"), "10"], check=True, capture_output=True, text=True).stdout
    np.testing.assert_allclose(np.array([line.split(",") for line in out.split()], np.float32), want, atol=1e-4)
    assert "give their .npy file" in subprocess.run([*program, "9"], capture_output=True, text=True).stderr


def test_condition_matters(model):
    """No condition, and two different ones, give three different samples."""
    path = str(model("vector"))
    none, a, b = (consumer.sample(path, 5, steps=3, condition=c) for c in (None, [0, 0], [3, -3]))
    assert np.abs(a - b).max() > 1e-4 and np.abs(a - none).max() > 1e-6


def test_constant_columns_are_exact(model):
    """A column that never varied comes back exactly, whatever the sample."""
    got = consumer.sample(str(model("constant column")), 10, steps=5)
    assert np.all(got[:, 1] == 4.5) and np.std(got[:, 0]) > 0


@pytest.mark.parametrize("name", MODELS)
def test_official_checker(model, name):
    """The files pass ONNX's own checker, with full check and strict shape inference, and declare a type for every value."""
    m = onnx.load(model(name))
    onnx.checker.check_model(m, full_check=True)
    onnx.shape_inference.infer_shapes(m, check_type=True, strict_mode=True, data_prop=True)
    typed = {v.name for v in [*m.graph.value_info, *m.graph.input, *m.graph.output]}
    assert all(out in typed for n in m.graph.node for out in n.output)
    assert (m.ir_version, m.opset_import[0].version) == (8, 17)


@pytest.mark.parametrize("rows,times", [(1, 1), (5, 1), (5, 5)])
@pytest.mark.parametrize("name", MODELS)
def test_reference_evaluator(model, name, rows, times):
    """ONNX's reference implementation and onnxruntime agree, with one time for all rows and with a time for each."""
    path = model(name)
    rng = np.random.default_rng(1)
    feed = {
        "x": rng.standard_normal((rows, *shape_of(path))).astype(np.float32),
        "t": rng.random((times, 1)).astype(np.float32),
    }
    if name == "vector":
        feed["y"] = rng.standard_normal((rows, 2)).astype(np.float32)
        feed["y_drop"] = rng.integers(0, 2, (rows, 1)).astype(np.float32)
    elif name != "moons":
        feed["y"] = rng.integers(0, 3, rows)
    (want,) = ReferenceEvaluator(str(path)).run(None, feed)
    (got,) = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, feed)
    assert np.max(np.abs(want - got)) <= 1e-5 * max(1, np.max(np.abs(want)))


def test_inspect_prints_the_code(model):
    """What `fmtool inspect` prints is the tested program."""
    out = subprocess.run([FMTOOL, "inspect", str(model("moons"))], check=True, capture_output=True, text=True).stdout
    code = pathlib.Path(consumer.__file__).read_text()
    assert code in out


def test_same_run_same_bytes(model, run, tmp_path):
    """Exporting a run twice gives the same bytes, which name no path."""
    path = model("moons")
    again = tmp_path / "again.onnx"
    subprocess.run([FMTOOL, "export", str(again), "--run", str(run("moons"))], check=True, capture_output=True)
    assert again.read_bytes() == path.read_bytes()
    assert str(path.parent).encode() not in again.read_bytes()


def test_threefry_known_answers():
    """The words are Threefry-2x32-20's."""
    for key, counter, want in [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
    ]:
        assert tuple(int(w) for w in consumer.threefry(key, counter)) == want


def test_noise_is_normal():
    """Moments of the noise, and a row that does not depend on where the batch begins."""
    z = consumer.noise(3, 20000, 5)
    assert abs(z.mean()) < 0.02 and abs(z.std() - 1) < 0.02 and np.abs(z).max() <= 5.77
    assert np.array_equal(consumer.noise(3, 4, 5, first=100), z[100:104])
