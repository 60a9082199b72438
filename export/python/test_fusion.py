"""What onnxruntime makes of the graphs: the operators of its own optimised dump are those that the graphs are written for, on every release."""
import collections
import subprocess

import onnx
import onnxruntime
import pytest
from conftest import FMTOOL
from test_graphs import session

pytestmark = pytest.mark.skipif([int(v) for v in onnxruntime.__version__.split(".")[:2]] < [1, 17], reason="the expected operators are those of onnxruntime 1.17 and newer")

LEVELS = onnxruntime.GraphOptimizationLevel

# The time's layer and the output's are Gemm. The first layer is x·Wx + (the time's row): a product and a sum, so that one time broadcasts. H hidden layers follow.
BASE = {"Sin": 1, "Cos": 1, "Concat": 1, "MatMul": 2, "Add": 1}
H = 2

# activation: operators beside BASE, for the first layer's activation and those of H hidden layers
EXPECTED = {
    "silu": {"Gemm": 2 + H, "com.microsoft.QuickGelu": 1 + H},
    "gelu": {"Gemm": 2 + H, "com.microsoft.Gelu": 1 + H},
    "tanh": {"Gemm": 2, "com.microsoft.FusedGemm": H, "Tanh": 1},
    "relu": {"Gemm": 2, "com.microsoft.FusedGemm": H, "Relu": 1},
    "selu": {"Gemm": 2, "com.microsoft.FusedGemm": H, "Selu": 1},
}


def operators(graph, count):
    """Operators of a graph and of those inside."""
    for n in graph.node:
        count[f"{n.domain}.{n.op_type}" if n.domain else n.op_type] += 1
        for a in n.attribute:
            if a.HasField("g"):
                operators(a.g, count)
    return count


def dumped(path, folder, level=LEVELS.ORT_ENABLE_EXTENDED):
    """The operators of onnxruntime's own dump of a file."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level, options.optimized_model_filepath = level, str(folder / "optimised.onnx")
    options.log_severity_level = 3  # it warns that a dump is for this machine
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return operators(onnx.load(folder / "optimised.onnx").graph, collections.Counter())


@pytest.fixture(scope="module")
def trained(run):
    """Returns a function that trains a model of H + 1 layers with an activation and exports a graph of it."""
    root = run("moons").parent

    def make(activation, kind="velocity", *flags):
        folder, path = root / f"fusion-{activation}", root / f"fusion-{activation}-{kind}.onnx"
        if not folder.exists():
            small = ["--unconditional", "--steps", "2", "--batch", "32", "--width", "16", "--depth", str(1 + H), "--activation", activation]
            subprocess.run([FMTOOL, "train", "moons:n=300", *small, "-o", str(folder)], check=True, capture_output=True)
        subprocess.run([FMTOOL, "export", str(path), "--force", "--run", str(folder), "--graph", kind, *flags], check=True, capture_output=True)
        session(path)
        return path

    return make


@pytest.mark.parametrize("level", ["ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL"])
@pytest.mark.parametrize("activation", EXPECTED)
def test_velocity(trained, tmp_path, activation, level):
    """Every layer is one product with its bias, and every activation one operator, or inside the product before it."""
    assert dumped(trained(activation), tmp_path, getattr(LEVELS, level)) == BASE | EXPECTED[activation]


def test_without_optimisation(trained, tmp_path):
    """The audit sees what it should: without optimisation the dump is the file."""
    path = trained("silu")
    plain = dumped(path, tmp_path, LEVELS.ORT_DISABLE_ALL)
    assert plain == operators(onnx.load(path).graph, collections.Counter())
    assert plain["Sigmoid"] == 1 + H and "Gemm" not in plain


@pytest.mark.parametrize("solver,stages", [("euler", 1), ("rk4", 4)])
def test_sampler(trained, tmp_path, solver, stages):
    """Inside a Loop, out of a function, the network is fused once for each stage, and more than alone: one time for all makes the first layer a Gemm too."""
    got = dumped(trained("silu", "sampler", "--solver", solver), tmp_path)
    for op, n in {"Gemm": 3 + H, "MatMul": 1, "com.microsoft.QuickGelu": 1 + H, "Sin": 1, "Cos": 1, "Sigmoid": 0}.items():
        assert got[op] == stages * n, op
    assert got["Loop"] == 1 and not any(op.startswith("io.fmtool") for op in got)


def test_log_density(trained, tmp_path):
    """Beside its derivatives the network keeps its fused layers; sigmoids stay, as the derivatives read them; products backward have no bias to take in."""
    got = dumped(trained("silu", "logprob"), tmp_path)
    stages, columns = 4, 2
    for op, n in {"Gemm": 3 + H, "MatMul": 1 + columns * (2 + H), "Sigmoid": 1 + H, "com.microsoft.QuickGelu": 0, "Transpose": 0}.items():
        assert got[op] == stages * n, op
    assert got["Loop"] == 1 and not any(op.startswith("io.fmtool") for op in got)
