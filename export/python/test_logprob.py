"""The graph of log-densities, as consumers use it: with onnxruntime and numpy alone."""
import json
import subprocess

import numpy as np
import onnx
import pytest
from conftest import FMTOOL, MODELS
from onnx.reference import ReferenceEvaluator
from test_graphs import ARGS, conditions, ints, session

FILES = [(), ("--divergence", "probes"), ("--adaptive",), ("--unroll", "2", "--solver", "heun"), ("--profile", "modern", "--divergence", "probes")]


def about(path):
    """Metadata of a file, without the prefix, and the dimensions of a sample."""
    m = onnx.load(path)
    meta = {p.key.removeprefix("io.fmtool."): p.value for p in m.metadata_props}
    return meta, [d.dim_value for d in m.graph.input[0].type.tensor_type.shape.dim[1:]]


def rows_of(path, n, seed=1):
    """Random rows in data units, float32 [n, D...]; constant columns at their value."""
    meta, dims = about(path)
    mean, scale = (np.array([float(v) for v in meta[f"normaliser.{k}"].split()]) for k in ("mean", "scale"))
    varies = 1 - np.array([float(v) for v in meta.get("normaliser.constant", "0").split()])
    z = np.random.default_rng(seed).standard_normal((n, int(np.prod(dims)))) * varies
    return (mean + scale * z).astype(np.float32).reshape(n, *dims)


def feed_of(name, path, rows, steps):
    """What a file takes: steps or a tolerance, and probes as traces, one for each number of a sample, whose mean of v·(J v) is the divergence itself."""
    meta, dims = about(path)
    size = int(np.prod(dims))
    feed = {"x": rows, **({} if meta["condition.kind"] == "none" else conditions(name, len(rows)))}
    if "adaptive" in meta:
        feed["tolerance"] = np.array(1e-5, np.float32)
    elif "steps" not in meta:
        feed.update(ints(steps=steps))
    if meta["divergence"] == "probes":
        feed["probes"] = np.tile(np.sqrt(size) * np.eye(size, dtype=np.float32)[:, None], (1, len(rows), 1)).astype(np.float32).reshape(size, len(rows), *dims)
    return feed


def likelihood(name, path, rows, folder, *flags):
    """Log-densities by the program, from the model's velocity."""
    meta, _ = about(path)
    if name == "images":
        np.save(data := folder / "rows.npy", rows)
    else:
        data = folder / "rows.csv"
        data.write_text(",".join(json.loads(meta["columns"])) + "\n" + "\n".join(",".join(repr(float(v)) for v in r) for r in rows) + "\n")
    out = folder / "densities.csv"
    subprocess.run([FMTOOL, "likelihood", str(path), str(data), "-o", str(out), "--force", *ARGS.get(name, []), *flags], check=True, capture_output=True)
    return np.array([float(line) for line in out.read_text().split()[1:]])


@pytest.mark.parametrize("flags", [(), ("--divergence", "probes")], ids=["default", "probes"])
@pytest.mark.parametrize("name", [*MODELS, "shifted"])
def test_same_densities_as_the_program(graph, model, name, flags, tmp_path):
    """One set of rows has the log-densities of `fmtool likelihood`, within 1e-4 nats a number, and as many evaluations."""
    path = graph(name, "logprob", *flags)
    opened, rows = session(path), rows_of(path, 7)
    steps = 200 if name == "shifted" else 12  # the way back of a model that predicts x1 begins in short steps
    want = likelihood(name, model(name), rows, tmp_path, "--steps", str(steps))
    got, nfe = opened.run(None, feed_of(name, path, rows, steps))
    size = np.prod(rows.shape[1:])
    assert got.dtype == np.float32 and nfe == 4 * steps
    assert np.max(np.abs(got - want)) / size <= 1e-4 * max(1, np.max(np.abs(want)) / size)
    assert np.std(want) > 0


def test_by_tolerance(graph, model, tmp_path):
    """A tolerance gives what many steps give, and says how many each row took."""
    path = graph("moons", "logprob", "--adaptive")
    opened, rows = session(path), rows_of(path, 9)
    got, nfe = opened.run(None, feed_of("moons", path, rows, 0))
    assert np.max(np.abs(got - likelihood("moons", model("moons"), rows, tmp_path, "--steps", "100"))) <= 2e-3
    assert nfe.shape == (9,) and nfe.dtype == np.int64 and np.all(nfe % 3 == 1)


def test_integrates_to_one(graph):
    """The densities are of data units: over a grid around the data they sum to one."""
    path = graph("moons", "logprob")
    meta, _ = about(path)
    mean, scale = (np.array([float(v) for v in meta[f"normaliser.{k}"].split()]) for k in ("mean", "scale"))
    n, reach = 61, 6.0
    z = np.linspace(-reach, reach, n)
    rows = (mean + scale * np.stack(np.meshgrid(z, z), -1).reshape(-1, 2)).astype(np.float32)
    logs, _ = session(path).run(None, {"x": rows, **ints(steps=12)})
    cell = np.prod(scale) * (2 * reach / (n - 1)) ** 2
    assert abs(np.exp(logs.astype(np.float64)).sum() * cell - 1) <= 2e-3


def test_probes_estimate(graph):
    """Probes of ±1 estimate the exact log-density without bias, within some standard errors of their own spread."""
    exact, estimate = graph("vector", "logprob"), graph("vector", "logprob", "--divergence", "probes")
    rows, probes = rows_of(exact, 4), 400
    feed = {"x": rows, **ints(steps=5), **conditions("vector", 4)}
    want, _ = session(exact).run(None, feed)
    signs = np.random.default_rng(3).choice(np.float32([-1, 1]), (probes, *rows.shape))
    opened = session(estimate)
    run = lambda v: opened.run(None, {**feed, "probes": v})[0]
    each = np.stack([run(signs[k : k + 1]) for k in range(50)])
    got = run(signs)
    error = each.std(0, ddof=1) / np.sqrt(probes)
    assert np.all(np.abs(got - want) <= 5 * error + 1e-4)


@pytest.mark.parametrize("name", ["labels", "vector"])
def test_guidance(graph, name):
    """Weight 1 is the plain density, one weight for all rows is that weight in each, more changes it."""
    path = graph(name, "logprob", "--guidance", "--divergence", "probes")
    plain = graph(name, "logprob", "--divergence", "probes")
    rows = rows_of(path, 5)
    feed = feed_of(name, path, rows, 6)
    opened = session(path)
    run = lambda w: opened.run(None, {**feed, "guidance": np.float32(w)})[0]
    (want, _) = session(plain).run(None, feed)
    assert np.allclose(run([1]), want, atol=1e-4)
    assert np.allclose(run([3]), run([3] * 5), atol=1e-4) and not np.allclose(run([3]), want, atol=1e-4)


@pytest.mark.parametrize("flags", FILES, ids=" ".join)
@pytest.mark.parametrize("name", ["moons", "constant column", "vector"])
def test_official_checker(graph, name, flags):
    """ONNX's own checker and strict shape inference take the files, which declare a type for every value and name no path."""
    path = graph(name, "logprob", *flags)
    m = onnx.load(path)
    onnx.checker.check_model(m, full_check=True)
    onnx.shape_inference.infer_shapes(m, check_type=True, strict_mode=True, data_prop=True)
    typed = {v.name for v in [*m.graph.value_info, *m.graph.input, *m.graph.output]}
    assert all(out in typed for n in m.graph.node for out in n.output)
    assert (m.ir_version, m.opset_import[0].version) == ((10, 21) if "modern" in flags else (8, 17))
    assert b"/tmp" not in path.read_bytes() and str(path.parent).encode() not in path.read_bytes()


@pytest.mark.parametrize("flags", FILES, ids=" ".join)
@pytest.mark.parametrize("name", ["moons", "vector"])
def test_reference_evaluator(graph, name, flags):
    """ONNX's reference implementation and onnxruntime agree on the whole graph; releases below the minimum refuse the file."""
    path = graph(name, "logprob", *flags)
    opened, rows = session(path), rows_of(path, 3)
    feed = feed_of(name, path, rows, 2)
    if "--adaptive" in flags:
        feed["tolerance"] = np.array(1e-2, np.float32)
    want, got = ReferenceEvaluator(str(path)).run(None, feed), opened.run(None, feed)
    assert np.max(np.abs(got[0] - want[0])) <= 1e-5 * max(1, np.max(np.abs(want[0])))
    assert np.array_equal(got[1], want[1])


def test_a_source_has_no_density(run, tmp_path):
    """A model that starts at rows of a data set is refused, and nothing is written."""
    out = tmp_path / "x.onnx"
    done = subprocess.run([FMTOOL, "export", str(out), "--run", str(run("source")), "--graph", "logprob"], capture_output=True, text=True)
    assert done.returncode == 1 and "starts at rows of a data set" in done.stderr and not out.exists()
