"""The graphs that sample by themselves, as consumers use them: with onnxruntime and numpy alone."""
import hashlib
import pathlib
import re
import shutil
import subprocess

import numpy as np
import onnx
import onnxruntime
import pytest
import sample as consumer
from conftest import FMTOOL, MODELS
from onnx.reference import ReferenceEvaluator

README = pathlib.Path(__file__).parents[2] / "README.md"

SAMPLERS = [
    ("sampler", ()), ("sampler", ("--solver", "rk4")), ("sampler", ("--unroll", "4", "--solver", "heun")), ("sampler", ("--profile", "modern")),
    ("sampler", ("--adaptive",)), ("sample", ()), ("sample", ("--unroll", "3")),
]


def takes(path):
    """Whether this onnxruntime is one that the file's metadata say will load it."""
    meta = {p.key: p.value for p in onnx.load(path).metadata_props}
    number = lambda version: [int(v) for v in version.split(".")[:2]]
    return number(onnxruntime.__version__) >= number(meta["io.fmtool.onnxruntime.min"])


def session(path):
    """The file opened; where this onnxruntime is older than the file needs, that it refuses the file, and the end of the test."""
    opened = lambda: onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    if takes(path):
        return opened()
    with pytest.raises(Exception, match="IR version|[Oo]pset"):
        opened()
    pytest.skip(f"onnxruntime {onnxruntime.__version__} refuses {path.name}, as it should")


def conditions(name, rows):
    """A condition for each row, in the ways the models of MODELS take it."""
    if name == "vector":
        return {"y": np.tile(np.float32([0.5, -1]), (rows, 1)), "y_drop": np.zeros((rows, 1), np.float32)}
    return {} if name == "moons" else {"y": np.full(rows, 1, np.int64)}


ARGS = {"moons": [], "labels": ["--class", "1"], "constant column": ["--class", "y"], "images": ["--class", "1"], "vector": ["--condition", "0.5,-1"]}


def fmtool(path, rows, *args):
    """What `fmtool sample` draws from a velocity file, [rows, D]."""
    out = subprocess.run([FMTOOL, "sample", str(path), "-n", str(rows), *args], check=True, capture_output=True, text=True).stdout
    dim = int(np.prod([d.dim_value for d in onnx.load(path).graph.input[0].type.tensor_type.shape.dim[1:]]))
    return np.array([[float(v) for v in line.split(",")[:dim]] for line in out.splitlines()[1:]], np.float32)


def close(got, want, tolerance=1e-4):
    got = np.asarray(got).reshape(want.shape)
    return np.max(np.abs(got - want)) <= tolerance * max(1, np.max(np.abs(want)))


def ints(**values):
    return {k: np.array(v, np.int64) for k, v in values.items()}


@pytest.mark.parametrize("engine", ["ort", "native"])
def test_readme(graph, model, engine, tmp_path, monkeypatch):
    """The three lines of the README give the samples of `fmtool sample --seed 7`."""
    code = re.search(r"```python\n(.*?sample\.onnx.*?)```", README.read_text(), re.S).group(1)
    session(graph("moons", "sample"))
    (tmp_path / "sample.onnx").write_bytes(graph("moons", "sample").read_bytes())
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)
    want = fmtool(model("moons"), 64, "--steps", "50", "--seed", "7", "--engine", engine)
    assert names["samples"].shape == (64, 2) and np.std(want) > 0
    assert close(names["samples"], want)


@pytest.mark.parametrize("engine", ["ort", "native"])
@pytest.mark.parametrize("name", MODELS)
def test_same_samples_as_the_program(graph, model, name, engine):
    """One seed gives the same samples in the graph and in `fmtool sample`, for every kind of condition, from the middle of a job."""
    want = fmtool(model(name), 37, "--steps", "50", "--seed", "7", "--offset", "5", "--engine", engine, *ARGS[name])
    feed = ints(seed=7, count=37, steps=50, offset=5)
    (got,) = session(graph(name, "sample")).run(None, {**feed, **conditions(name, 37)})
    assert close(got, want)


@pytest.mark.parametrize("flags", [(), ("--unroll", "12")])
def test_own_steps(graph, model, flags):
    """The graph takes the model's own uneven steps, and converts what its network predicts."""
    want = fmtool(model("shifted"), 9, "--steps", "12", "--seed", "3")
    (got,) = session(graph("shifted", "sample", *flags)).run(None, {**ints(seed=3, count=9, offset=0), **({} if flags else ints(steps=12))})
    assert close(got, want)
    assert not close(got, fmtool(model("shifted"), 9, "--steps", "12", "--seed", "3", "--grid", "uniform"), 1e-3)


def test_seeds_of_64_bits(graph, model):
    """A seed of 2^63 or more is given as seed − 2^64, and offsets reach beyond 32 bits."""
    seed, offset = 2**63 + 12345, 2**32 - 2
    want = fmtool(model("moons"), 5, "--steps", "3", "--seed", str(seed), "--offset", str(offset))
    (got,) = session(graph("moons", "sample")).run(None, ints(seed=seed - 2**64, count=5, steps=3, offset=offset))
    assert close(got, want)


def test_shards(graph):
    """Two halves of a job are the job."""
    s = session(graph("images", "sample"))
    draw = lambda count, offset: s.run(None, {**ints(seed=1, count=count, steps=5, offset=offset), **conditions("images", count)})[0]
    whole = draw(20, 3)
    assert np.allclose(whole, np.concatenate([draw(13, 3), draw(7, 16)]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("seed,offset", [(7, 0), (2**63 + 1, 2**32 - 3), (0x13198A2E03707344, 5 * 2**40)])
@pytest.mark.parametrize("name", ["moons", "constant column"])
def test_noise(graph, name, seed, offset):
    """The words made in the graph are Threefry's, bit for bit, and the normals NumPy's within 4e-7 and 4 units of the last place."""
    session(graph(name, "sample"))
    m = onnx.load(graph(name, "sample"))
    words = [n for n in m.graph.node if n.op_type == "threefry"][-1].output
    (loop,) = (n for n in m.graph.node if n.op_type == "Loop")
    for extra in [*words, loop.input[3]]:
        m.graph.output.append(onnx.ValueInfoProto(name=extra, type=next(v.type for v in m.graph.value_info if v.name == extra)))
    rows, dim = 11, m.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    feed = {**ints(seed=seed - 2**64 * (seed >= 2**63), count=rows, steps=1, offset=offset), **conditions(name, rows)}
    _, w0, w1, z = onnxruntime.InferenceSession(m.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, feed)
    for n in range(rows):
        row, key = offset + n, (seed & 0xFFFFFFFF, seed >> 32)
        if row >> 32:
            key = consumer.threefry(key, (row >> 32, 0xFFFFFFFE))
        want = consumer.threefry(key, (np.full(w0.shape[1], row & 0xFFFFFFFF), np.arange(w0.shape[1])))
        assert np.array_equal(w0[n], want[0]) and np.array_equal(w1[n], want[1])
    want = consumer.noise(seed, rows, dim, first=offset)
    assert np.all(np.abs(z - want) <= 4e-7 + 4 * np.spacing(np.abs(want)))


@pytest.mark.parametrize("kind,flags", SAMPLERS)
@pytest.mark.parametrize("name", MODELS)
def test_official_checker(graph, name, kind, flags):
    """ONNX's own checker and strict shape inference take the files, which declare a type for every value and name no path."""
    path = graph(name, kind, *flags)
    m = onnx.load(path)
    onnx.checker.check_model(m, full_check=True)
    onnx.shape_inference.infer_shapes(m, check_type=True, strict_mode=True, data_prop=True)
    typed = {v.name for v in [*m.graph.value_info, *m.graph.input, *m.graph.output]}
    assert all(out in typed for n in m.graph.node for out in n.output)
    want = (10, 21) if "modern" in flags else (8, 18) if kind == "sample" else (8, 17)
    assert (m.ir_version, m.opset_import[0].version) == want
    assert b"/tmp" not in path.read_bytes() and str(path.parent).encode() not in path.read_bytes()


@pytest.mark.parametrize("kind,flags", SAMPLERS)
@pytest.mark.parametrize("name", ["moons", "images", "vector"])
def test_reference_evaluator(graph, name, kind, flags):
    """ONNX's reference implementation and onnxruntime agree on the whole graph, functions and Loop included; releases below the minimum refuse the file."""
    path = graph(name, kind, *flags)
    opened = session(path)
    rows, steps = 6, {} if "--unroll" in flags else {"tolerance": np.array(1e-4, np.float32)} if "--adaptive" in flags else ints(steps=4)
    if kind == "sample":
        feed = {**ints(seed=3, count=rows, offset=2**33), **steps}
    else:
        dims = [d.dim_value for d in onnx.load(path).graph.input[0].type.tensor_type.shape.dim[1:]]
        feed = {"x0": np.random.default_rng(1).standard_normal((rows, *dims)).astype(np.float32), **steps}
    feed.update(conditions(name, rows))
    want, got = ReferenceEvaluator(str(path)).run(None, feed), opened.run(None, feed)
    assert close(got[0], want[0], 1e-5)
    assert all(np.array_equal(g, w) for g, w in zip(got[1:], want[1:]))  # numbers of evaluations


@pytest.mark.parametrize("name", ["labels", "vector"])
def test_guidance(graph, name):
    """Weight 1 is the plain sampler; one weight for all rows is that weight in each row; more changes the samples."""
    rows = 8
    x0 = np.random.default_rng(2).standard_normal((rows, 2)).astype(np.float32)
    feed = {"x0": x0, **ints(steps=10), **conditions(name, rows)}
    (plain,) = session(graph(name, "sampler")).run(None, feed)
    guided = session(graph(name, "sampler", "--guidance"))
    draw = lambda w: guided.run(None, {**feed, "guidance": np.float32(w)})[0]
    assert close(draw([1]), plain, 1e-6)
    assert close(draw([3]), draw([3] * rows), 1e-6) and not np.allclose(draw([3]), plain)


def test_constant_columns_are_exact(graph):
    """A column that never varied comes back exactly, whatever the noise."""
    (got,) = session(graph("constant column", "sample")).run(None, {**ints(seed=1, count=10, steps=5, offset=0), **conditions("constant column", 10)})
    assert np.all(got[:, 1] == 4.5) and np.std(got[:, 0]) > 0


@pytest.mark.parametrize("kind", ["velocity", "sampler"])
def test_sidecar(graph, kind, tmp_path):
    """Weights in a file of their own: the checker and onnxruntime read the pair, and so does the program; another file in its place is refused."""
    inside, path = graph("images", kind), graph("images", kind, "--sidecar")
    data = path.with_name(path.name + ".data")
    meta = {p.key: p.value for p in onnx.load(path, load_external_data=False).metadata_props}
    assert hashlib.sha256(data.read_bytes()).hexdigest() == meta["io.fmtool.data.sha256"]
    assert path.stat().st_size < 40_000 < data.stat().st_size
    onnx.checker.check_model(str(path), full_check=True)
    shape = [d.dim_value for d in onnx.load(inside).graph.input[0].type.tensor_type.shape.dim[1:]]
    feed = conditions("images", 3) | {"x" if kind == "velocity" else "x0": np.ones((3, *shape), np.float32)}
    feed |= {"t": np.ones((1, 1), np.float32) / 2} if kind == "velocity" else ints(steps=3)
    assert np.array_equal(session(path).run(None, feed)[0], session(inside).run(None, feed)[0])
    subprocess.run([FMTOOL, "verify", str(path)], check=True, capture_output=True)
    shutil.copy(path, tmp_path)
    (tmp_path / data.name).write_bytes(data.read_bytes()[:-1] + b"x")
    broken = subprocess.run([FMTOOL, "verify", str(tmp_path / path.name)], capture_output=True, text=True)
    assert broken.returncode == 1 and "take both from one export" in broken.stderr


def test_same_run_same_bytes(graph, run, tmp_path):
    """Exporting twice gives the same bytes."""
    for kind in ("sampler", "sample"):
        again = tmp_path / f"{kind}.onnx"
        subprocess.run([FMTOOL, "export", str(again), "--run", str(run("moons")), "--graph", kind], check=True, capture_output=True)
        assert again.read_bytes() == graph("moons", kind).read_bytes()
