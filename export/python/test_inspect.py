"""The Python program that `fmtool inspect --python` prints runs as it is, for every kind of file, ours and a stranger's."""
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto as T
from onnx import helper

from conftest import FMTOOL


def printed(path, *flags):
    return subprocess.run([FMTOOL, "inspect", "--python", str(path), *flags], check=True, capture_output=True, text=True).stdout


def ran(code, tmp_path):
    """What the program says of its outputs: a line each, of name, type and shape."""
    program = tmp_path / "program.py"
    program.write_text(code)
    return subprocess.run([sys.executable, str(program)], check=True, capture_output=True, text=True).stdout.splitlines()


@pytest.mark.parametrize("flags", [[], ["--divergence", "probes"], ["--adaptive"]])
def test_densities(graph, flags, tmp_path):
    lines = ran(printed(graph("labels", "logprob", *flags)), tmp_path)
    assert lines[0] == "log_prob float32 (4,)" and lines[1].startswith("nfe int64")


@pytest.mark.parametrize("flags", [["sampler"], ["sample"], ["sampler", "--adaptive"], ["sampler", "--unroll", "3"]])
@pytest.mark.parametrize("name", ["moons", "vector"])
def test_ours(graph, name, flags, tmp_path):
    lines = ran(printed(graph(name, *flags)), tmp_path)
    assert lines[0] == "samples float32 (4, 2)"
    assert len(lines) == (2 if "--adaptive" in flags else 1)


def test_guided(graph, tmp_path):
    assert ran(printed(graph("labels", "velocity", "--guidance")), tmp_path) == ["velocity float32 (4, 2)"]


def model(path, inputs, outputs, nodes, initialisers=(), opset=17):
    g = helper.make_graph(nodes, "g", inputs, outputs, list(initialisers))
    onnx.save(helper.make_model(g, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return path


def test_strangers(tmp_path):
    """Names that are no identifiers, words of the language, lengths open in every way, and most element types."""
    value = helper.make_tensor_value_info
    names = ["serving/x:0", "class", "ü", "lambda", "np", "feeds", 'q"uote', "text", "x.1"]
    kinds = [T.FLOAT, T.FLOAT16, T.BOOL, T.INT8, T.UINT64, T.DOUBLE, T.INT32, T.STRING, T.INT64]
    shapes = [["N", 3], [None, 2], [], ["N"], ["rng"], [2, "a+b"], [1], ["N"], None]
    inputs = [value(n, k, s) for n, k, s in zip(names, kinds, shapes)]
    outputs = [value(f"out {i}", k, None) for i, k in enumerate(kinds)]
    nodes = [helper.make_node("Identity", [n], [f"out {i}"]) for i, n in enumerate(names)]
    path = model(tmp_path / "strange.onnx", inputs, outputs, nodes)
    lines = ran(printed(path), tmp_path)
    assert lines[:3] == ["out 0 float32 (1, 3)", "out 1 float16 (1, 2)", "out 2 bool ()"] and len(lines) == len(names)
    assert ran(printed(path, "--length", "N=5"), tmp_path)[0] == "out 0 float32 (5, 3)"


def test_an_input_with_a_default_is_left_out(tmp_path):
    value = helper.make_tensor_value_info
    path = model(tmp_path / "m.onnx", [value("x", T.FLOAT, ["N", 2]), value("w", T.FLOAT, [2])], [value("y", T.FLOAT, ["N", 2])],
                 [helper.make_node("Mul", ["x", "w"], ["y"])], [onnx.numpy_helper.from_array(np.ones(2, np.float32), "w")])
    code = printed(path)
    assert '"w"' not in code and ran(code, tmp_path) == ["y float32 (1, 2)"]


def test_what_numpy_lacks_is_said(tmp_path):
    sequence = helper.make_tensor_sequence_value_info("s", T.FLOAT, [2])
    value = helper.make_tensor_value_info
    for inputs, node, want in [
        ([sequence, value("i", T.INT64, [])], helper.make_node("SequenceAt", ["s", "i"], ["y"]), '"s" is a sequence'),
        ([value("b", T.BFLOAT16, [2])], helper.make_node("Cast", ["b"], ["y"], to=1), '"b" is a bfloat16'),
    ]:
        path = model(tmp_path / "m.onnx", inputs, [value("y", T.FLOAT, [2])], [node])
        out = subprocess.run([FMTOOL, "inspect", "--python", str(path)], capture_output=True, text=True)
        assert out.returncode == 1 and want in out.stderr
        assert want in subprocess.run([FMTOOL, "inspect", str(path)], check=True, capture_output=True, text=True).stdout


def test_names_that_would_be_code(tmp_path):
    """Names and lengths of a stranger's file are data in the printed programs, whatever stands in them."""
    value = helper.make_tensor_value_info
    evil = 'x"\n\nraise SystemExit("run")\n#'
    inputs = [value(evil, T.FLOAT, [evil, 2]), value("t", T.FLOAT, ["$(touch run)"]), value("s'; touch run '", T.STRING, [evil])]
    outputs = [value("y", T.FLOAT, [evil, 2]), value("z", T.STRING, [evil])]
    nodes = [helper.make_node("Identity", [evil], ["y"]), helper.make_node("Identity", ["s'; touch run '"], ["z"])]
    path = model(tmp_path / "evil.onnx", inputs, outputs, nodes)
    assert ran(printed(path), tmp_path)[0] == "y float32 (1, 2)"
    told = subprocess.run([FMTOOL, "inspect", str(path)], check=True, capture_output=True, text=True).stdout
    assert not any(line.startswith("raise SystemExit") for line in told.splitlines())
