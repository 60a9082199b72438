"""Bundles and their Python program, as consumers meet them. Needs the program: FMTOOL=path/to/fmtool (make sets it)."""
import importlib.util
import json
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import FMTOOL, MODELS
from test_graphs import ARGS

README = pathlib.Path(__file__).parents[2] / "README.md"


@pytest.fixture(scope="session")
def bundle(run):
    """Returns a function that exports the bundle of a model once and gives its folder."""
    done = {}

    def make(name, *flags):
        if (name, *flags) not in done:
            path = run(name).parent / ("-".join([name, "bundle", *flags]).replace(" ", "_"))
            subprocess.run([FMTOOL, "export", f"{path}/", "--run", str(run(name)), *flags], check=True, capture_output=True)
            done[(name, *flags)] = path
        return done[(name, *flags)]

    return make


def program(folder):
    """The program of a bundle as a module."""
    spec = importlib.util.spec_from_file_location("fm_load_of_a_bundle", folder / "fm_load.py")
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    spec.loader.exec_module(module)
    return module


def opened(folder, graph="sample", **options):
    """The bundle; where this onnxruntime is too old for a graph, that the program says so, and the end of the test."""
    model = program(folder).Bundle(folder, **options)
    if graph in model.graphs and model.too_old(graph):
        with pytest.raises(RuntimeError, match="needs onnxruntime"):
            model.session(graph)
        pytest.skip(f"onnxruntime {onnxruntime.__version__} refuses {graph}.onnx, as it should")
    return model


def verify(folder):
    out = subprocess.run([sys.executable, "-B", "fm_load.py", "."], cwd=folder, capture_output=True, text=True)
    assert not out.stderr or out.returncode, out.stderr
    return out.returncode, out.stdout


CONDITION = {"moons": None, "labels": 1, "constant column": "y", "images": 1, "vector": [0.5, -1]}


def close(got, want, tolerance=1e-4):
    got = np.asarray(got).reshape(np.shape(want))
    return np.max(np.abs(got - want)) <= tolerance * max(1, np.max(np.abs(want)))


@pytest.mark.parametrize("name", MODELS)
def test_verifies(bundle, name):
    """The program verifies the bundle on this machine: a line for the files and one for each graph."""
    code, out = verify(bundle(name))
    assert code == 0 and "FAIL" not in out, out
    for graph in ["velocity", "sampler", "sample", "logprob", "train_step"]:
        assert re.search(rf"^(PASS|skip) {graph}\.onnx", out, re.M)


@pytest.mark.parametrize("name", MODELS)
def test_same_samples_as_the_program(bundle, graph, name):
    """sample gives the samples of fmtool sample."""
    path = graph(name, "velocity")
    out = subprocess.run([FMTOOL, "sample", str(path), "-n", "9", "--steps", "50", "--seed", "7", "--offset", "4", *ARGS[name]], check=True, capture_output=True, text=True)
    model = opened(bundle(name))
    dim = int(np.prod(model.model["dims"]))
    want = np.array([[float(v) for v in line.split(",")[:dim]] for line in out.stdout.splitlines()[1:]], np.float32)
    assert close(model.sample(9, steps=50, seed=7, offset=4, y=CONDITION[name]), want)


@pytest.mark.parametrize("name", MODELS)
def test_same_log_densities_as_the_program(bundle, graph, name, tmp_path):
    """log_prob gives those of fmtool likelihood where the divergence is exact, and numbers that the probes move little where it is estimated."""
    model = opened(bundle(name), "logprob")
    rows = np.random.default_rng(1).normal(size=(6, int(np.prod(model.model["dims"])))).astype(np.float32)
    got = model.log_prob(rows, steps=20, y=CONDITION[name])
    assert got.shape == (6,) and np.isfinite(got).all()
    if name == "moons":
        np.save(tmp_path / "rows.npy", rows)
        args = ["likelihood", str(graph(name, "velocity")), str(tmp_path / "rows.npy"), "--solver", "rk4", "--steps", "20", "-o", str(tmp_path / "l.csv")]
        subprocess.run([FMTOOL, *args], check=True, capture_output=True)
        lines = [line.split(",") for line in (tmp_path / "l.csv").read_text().splitlines()]
        want = np.array([float(line[lines[0].index("log_density")]) for line in lines[1:]])
        assert np.max(np.abs(got - want)) <= 1e-3


@pytest.mark.parametrize("name", MODELS)
def test_velocity(bundle, graph, name):
    """velocity is the graph's, at one time and at a time for each row, and with a condition and without."""
    model = opened(bundle(name), "velocity")
    x = np.random.default_rng(2).standard_normal((4, *model.model["dims"]))
    one, each = model.velocity(x, 0.25, y=CONDITION[name]), model.velocity(x, [0.25] * 4, y=CONDITION[name])
    assert one.shape == x.shape and close(one, each, 1e-6)
    if name != "moons":
        assert not np.allclose(one, model.velocity(x, 0.25))


@pytest.mark.parametrize("name", MODELS)
def test_fine_tune(bundle, run, name, tmp_path):
    """The loss falls, and the tuned state comes back as a run that exports a bundle of its own, whose state goes on from it."""
    model = opened(bundle(name), "train_step")
    rows = np.random.default_rng(3).standard_normal((300, int(np.prod(model.model["dims"])))) * 0.5 + 2
    y = {"moons": None, "vector": np.zeros((300, 2)), "constant column": ["x"] * 300}.get(name, np.ones(300, int))
    state, losses = model.fine_tune(rows, steps=150, y=y, batch=64, rate=2e-3)
    assert np.mean(losses[-20:]) < 0.8 * np.mean(losses[:5]) and state["step"] == 180
    more, _ = model.fine_tune(rows, steps=2, y=y, batch=8, state=state)
    assert more["step"] == 182
    program(bundle(name)).write_safetensors(tmp_path / "tuned.safetensors", state)
    subprocess.run([FMTOOL, "import-weights", str(run(name)), "tuned.safetensors", "-o", "tuned"], check=True, cwd=tmp_path, capture_output=True)
    subprocess.run([FMTOOL, "export", "again/", "--run", "tuned", "--parity", "native"], check=True, cwd=tmp_path, capture_output=True)
    weights = program(bundle(name)).read_safetensors(tmp_path / "again" / "weights.safetensors")
    assert all(np.array_equal(v, state["ema." + k]) for k, v in weights.items())


def test_too_old(bundle, monkeypatch):
    """An onnxruntime below a graph's minimum is told so, and verifies what it can."""
    loaded = program(bundle("moons"))
    model, lines = loaded.Bundle(bundle("moons")), []
    monkeypatch.setattr(loaded.onnxruntime, "__version__", "1.13.1")
    with pytest.raises(RuntimeError, match="sample.onnx needs onnxruntime 1.14 or later, and this is 1.13.1"):
        model.sample(3)
    assert model.verify(lines.append) == [] and any(line.startswith("skip sample.onnx") for line in lines)
    assert any(line.startswith("PASS sampler.onnx") for line in lines)


def test_guidance(bundle):
    """With guidance inside, weight 1 is the plain sampler and more is not; without, it is refused."""
    guided, plain = opened(bundle("labels", "--guidance")), opened(bundle("labels"))
    draw = lambda model, **more: model.sample(6, steps=8, seed=1, y=2, **more)
    assert close(draw(guided), draw(plain), 1e-6) and not np.allclose(draw(guided, guidance=3), draw(plain))
    with pytest.raises(ValueError, match="--guidance"):
        draw(plain, guidance=3)


def test_source(bundle):
    """A model that starts at rows of a data set samples from those, and says in one line which graphs it does without."""
    model = opened(bundle("source"), "sampler")
    rows = np.random.default_rng(1).normal(size=(9, 2))
    assert model.sample(steps=10, source=rows).shape == (9, 2)
    for use in (lambda: model.sample(9), lambda: model.log_prob(rows)):
        with pytest.raises(LookupError, match="starts at rows of a data set") as e:
            use()
        assert "\n" not in str(e.value)
    code, out = verify(bundle("source"))
    assert code == 0 and "sampler.onnx" in out and "sample.onnx" not in out


def test_mistakes(bundle):
    """Each mistake is one line that says what to do."""
    model, plain = opened(bundle("labels")), opened(bundle("moons"))
    for use, want in [
        (lambda: model.sample(2, y=99), "want 0 to"),
        (lambda: model.sample(2, y="sun"), "unknown class"),
        (lambda: plain.sample(2, y=1), "leave y out"),
        (lambda: plain.sample(), "give count"),
    ]:
        with pytest.raises(ValueError, match=want):
            use()


def test_tampered(bundle, tmp_path):
    """A file with another byte, a missing one, wrong test data and a hostile manifest are named, with exit status 1; other files are nobody's concern."""
    good = bundle("moons")

    def broken(change):
        folder = tmp_path / "broken"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(good, folder)
        change(folder)
        return verify(folder)

    code, out = broken(lambda f: (f / "notes.txt").write_text("mine"))
    assert code == 0 and "FAIL" not in out
    for name in ["sampler.onnx", "weights.safetensors", "MODEL_CARD.md", "velocity/test_data_set_0/output_0.pb"]:
        def flip(f):
            raw = bytearray((f / name).read_bytes())
            raw[len(raw) // 2] ^= 1
            (f / name).write_bytes(raw)

        for change, why in [(flip, "its SHA-256 is"), (lambda f: (f / name).unlink(), "No such file")]:
            code, out = broken(change)
            assert code == 1 and f"FAIL {name}: {why}" in out, out
            with pytest.raises(ValueError, match=re.escape(name)):
                program(good).Bundle(tmp_path / "broken")

    def other_numbers(f):
        path = f / "velocity/test_data_set_0/output_0.pb"
        t = onnx.load_tensor(str(path))
        t.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(t) + np.float32(1e-3), t.name))
        path.write_bytes(t.SerializeToString())

    code, out = broken(other_numbers)
    assert code == 1 and re.search(r"FAIL velocity\.onnx: 0\.001 from float64, 5e-06 allowed|FAIL velocity\.onnx: .*e-0\d from float64", out), out
    assert "PASS sampler.onnx" in out
    edit = lambda old, new: lambda f: (f / "manifest.json").write_text((f / "manifest.json").read_text().replace(old, new))
    for change in [edit('"MODEL_CARD.md": {', '"../MODEL_CARD.md": {'), edit('"MODEL_CARD.md": {', '"/etc/passwd": {')]:
        out = subprocess.run([sys.executable, "-B", "fm_load.py", "."], cwd=broken(change) and tmp_path / "broken", capture_output=True, text=True)
        assert out.returncode == 1 and "is no file of a bundle" in out.stderr + out.stdout
    for change in [edit("fmtool bundle 1", "fmtool bundle 9"), edit("{", "["), lambda f: (f / "manifest.json").unlink()]:
        assert broken(change)[0] == 1


def test_official_reader_of_test_data(bundle):
    """ONNX's own package reads the test data, named as the graph's inputs and outputs are, and its reference implementation passes them."""
    from onnx.reference import ReferenceEvaluator

    folder = bundle("vector")
    manifest = json.loads((folder / "manifest.json").read_text())
    for g in manifest["graphs"]:
        read = lambda prefix, ports: {p["name"]: onnx.load_tensor(str(folder / g["test"]["folder"] / f"{prefix}_{i}.pb")) for i, p in enumerate(ports)}
        inputs, want = read("input", g["inputs"]), read("output", g["outputs"])
        assert all(t.name == name for name, t in [*inputs.items(), *want.items()])
        arrays = {name: onnx.numpy_helper.to_array(t) for name, t in inputs.items()}
        got = ReferenceEvaluator(str(folder / g["file"])).run(list(want), arrays)
        for value, (name, t) in zip(got, want.items()):
            assert close(value, onnx.numpy_helper.to_array(t), 2e-5), (g["file"], name)


def test_manifest(bundle):
    """The manifest says of each input and output what onnxruntime says, and a meaning."""
    for name in ["images", "vector"]:
        model = program(bundle(name)).Bundle(bundle(name))
        for graph, g in model.graphs.items():
            if model.too_old(graph):
                continue
            session = model.session(graph)
            for ports, have in [(g["inputs"], session.get_inputs()), (g["outputs"], session.get_outputs())]:
                assert [(p["name"], p["dims"]) for p in ports] == [(v.name, [str(d) for d in v.shape]) for v in have]
                assert all(p["meaning"] and p["units"] for p in ports), graph
                assert all(f"tensor({p['dtype'].replace('float32', 'float')})" == v.type for p, v in zip(ports, have))
            assert g["doc"] == session.get_modelmeta().description


@pytest.mark.parametrize("flags", [(), ("--sidecar",)])
def test_same_run_same_bytes(bundle, run, flags, tmp_path):
    """Exporting twice gives the same bytes, which name no path; weights apart are the same model."""
    first = bundle("images", *flags)
    subprocess.run([FMTOOL, "export", f"{tmp_path}/again/", "--run", str(run("images")), *flags], check=True, capture_output=True)
    files = lambda folder: {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    assert files(first) == files(tmp_path / "again")
    for name, raw in files(first).items():
        assert str(first.parent).encode() not in raw and b"/tmp" not in raw and b"/home/" not in raw, name
    assert verify(first)[0] == 0
    if flags:
        assert (first / "velocity.onnx.data").stat().st_size > (first / "velocity.onnx").stat().st_size


def test_the_lines_of_the_readme(bundle, tmp_path):
    """The README's three lines, run in a fresh process beside the bundle."""
    opened(bundle("moons"))
    code = next(c for c in re.findall(r"```python\n(.*?)```", README.read_text(), re.S) if "fm_load" in c)
    assert len(code.strip().splitlines()) == 3
    shutil.copytree(bundle("moons"), tmp_path / "bundle")
    shutil.copy(tmp_path / "bundle" / "fm_load.py", tmp_path)
    run = subprocess.run([sys.executable, "-B", "-c", code + "\nprint(samples.shape)"], cwd=tmp_path, capture_output=True, text=True)
    assert run.stdout.strip() == "(64, 2)", run.stderr
