"""Fine-tuning with train_step.onnx. Needs the program: FMTOOL=path/to/fmtool (make sets it)."""
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator

import fine_tune as consumer
from conftest import FMTOOL, MODELS


def session(path):
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def state_of(path):
    return consumer.read_safetensors(path.with_suffix(".safetensors"))


def data(step, seed=3, n=300):
    """Rows far from those of the training, and their conditions."""
    rng = np.random.default_rng(seed)
    x1, y = step.get_inputs()[0], next((i for i in step.get_inputs() if i.name == "y"), None)
    rows = rng.standard_normal((n, *x1.shape[1:])) * 0.5 + 2
    if y is None:
        return rows, None
    return rows, rng.integers(0, 2, n) if "int64" in y.type else rng.standard_normal((n, y.shape[1]))


@pytest.mark.parametrize("name", MODELS)
def test_tuned_weights_come_back(graph, run, name, tmp_path):
    """The loss falls, and the tuned state becomes a run that exports, verifies and samples."""
    path = graph(name, "train_step")
    step = session(path)
    rows, y = data(step)
    state, losses = consumer.fine_tune(step, state_of(path), consumer.draw(step, rows, 150, batch=64, rate=2e-3, y=y))
    assert np.mean(losses[-20:]) < 0.8 * np.mean(losses[:5])
    assert state["step"] == 30 + 150
    consumer.write_safetensors(tmp_path / "tuned.safetensors", state)
    for args in (
        ["import-weights", str(run(name)), "tuned.safetensors", "-o", "tuned"],
        ["export", "tuned.onnx", "--run", "tuned"],
        ["verify", "tuned.onnx"],
        ["sample", "tuned.onnx", "-n", "20", "--steps", "10", "-o", "samples.npy"],
    ):
        subprocess.run([FMTOOL, *args], check=True, cwd=tmp_path, capture_output=True)
    samples = np.load(tmp_path / "samples.npy")
    assert np.isfinite(samples).all() and len(samples) == 20
    weight = next(n for n in state if n.endswith("out.weight") and n.startswith("net."))
    kept = onnx.numpy_helper.to_array(next(i for i in onnx.load(tmp_path / "tuned.onnx").graph.initializer if i.name == weight))
    assert np.array_equal(kept, state["ema." + weight])


def test_program(graph, tmp_path):
    """The command line of the program tunes a labelled model on a table of rows and classes."""
    path = graph("labels", "train_step")
    rows, y = data(session(path))
    np.save(tmp_path / "data.npy", np.column_stack([rows, y]))
    args = [path, path.with_suffix(".safetensors"), tmp_path / "data.npy", tmp_path / "tuned.safetensors", 20, 1e-3]
    out = subprocess.run([sys.executable, consumer.__file__, *map(str, args)], check=True, capture_output=True, text=True).stdout
    assert out.startswith("20 steps: loss")
    assert consumer.read_safetensors(tmp_path / "tuned.safetensors")["step"] == 50


def test_inspect_prints_the_program(graph):
    """What `fmtool inspect --python` prints is the tested program."""
    out = subprocess.run([FMTOOL, "inspect", "--python", str(graph("moons", "train_step"))], check=True, capture_output=True, text=True).stdout
    with open(consumer.__file__) as f:
        assert f.read() == out


def test_weights_alone_begin(graph):
    """Weights without moments, averages and step begin as training does: averages at the weights, the rest at zero."""
    path = graph("moons", "train_step")
    step, whole = session(path), state_of(path)
    weights = {name: v for name, v in whole.items() if name.startswith("net.")}
    begun = consumer.begin(step, weights)
    assert begun.keys() == whole.keys() and begun["step"] == 0
    for name, v in weights.items():
        assert np.array_equal(begun["ema." + name], v) and not begun["adamw.m." + name].any() and not begun["adamw.v." + name].any()
    rows, _ = data(step)
    state, losses = consumer.fine_tune(step, weights, consumer.draw(step, rows, 3, batch=8))
    assert len(losses) == 3 and state["step"] == 3


@pytest.mark.parametrize("name", MODELS)
def test_official_checker_and_reference(graph, name):
    """The file passes ONNX's own checker, says the type of every value, and its reference implementation takes the same step."""
    path = graph(name, "train_step")
    m = onnx.load(path)
    onnx.checker.check_model(m, full_check=True)
    onnx.shape_inference.infer_shapes(m, check_type=True, strict_mode=True, data_prop=True)
    typed = {v.name for v in [*m.graph.value_info, *m.graph.input, *m.graph.output]}
    assert all(out in typed for n in m.graph.node for out in n.output)
    assert (m.ir_version, m.opset_import[0].version) == (8, 17) and not m.functions
    step = session(path)
    rows, y = data(step)
    batch = next(consumer.draw(step, rows, 1, batch=5, rate=1e-2, y=y))
    kinds = {i.name: np.int64 if "int64" in i.type else np.float32 for i in step.get_inputs()}
    feed = {**state_of(path), **{k: np.asarray(v, kinds[k]) for k, v in batch.items()}}
    names = [o.name for o in step.get_outputs()]
    for name, want, got in zip(names, ReferenceEvaluator(str(path)).run(names, feed), step.run(names, feed)):
        assert np.max(np.abs(want - got)) <= 2e-5 * max(np.max(np.abs(want)), 1e-3), name


def test_pairs_are_refused(graph):
    """A model of pairs says that the caller must pair."""
    step = session(graph("source", "train_step"))
    with pytest.raises(SystemExit, match="pair them yourself"):
        next(consumer.draw(step, np.zeros((9, 2)), 1))


@pytest.mark.parametrize("text,mean", [("uniform", 0.5), ("stratified", 0.5), ("logit-normal:1,0.5", 0.725), ("u-shaped:4", 0.5), ("beta:1,3", 0.25), ("stratified shift:3", 0.324)])
def test_times(text, mean):
    """Times come from the distribution that the metadata name, within those of training."""
    meta = {"io.fmtool.times": text, "io.fmtool.time.max": "0.999"}
    t = consumer.times(meta, 20000, np.random.default_rng(0))
    assert t.shape == (20000, 1) and t.dtype == np.float32 and 0 <= t.min() and t.max() <= 0.999
    assert abs(t.mean() - 0.999 * mean) < 0.01
