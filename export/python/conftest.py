"""Models that the tests share. Needs the program: FMTOOL=path/to/fmtool (make sets it)."""
import os
import subprocess

import pytest

FMTOOL = os.environ.get("FMTOOL")

TABLE = "a,kind,b,c,c2\n" + "".join(f"{i % 7 + i / 50},{'xyz'[i % 3]},4.5,{i * i % 11},{i % 5}\n" for i in range(200))

# name: the source, what to train on it
MODELS = {
    "moons": ["moons:n=400", "--unconditional"],
    "labels": ["8gaussians:n=400"],
    "constant column": ["table.csv", "--columns", "a,b,c", "--label", "kind", "--schedule", "cosine"],
    "images": ["digits", "--width", "16"],
    "vector": ["table.csv", "--columns", "a,c", "--condition", "b,c2"],
}

# models for single tests
MORE = {
    "shifted": ["moons:n=400", "--unconditional", "--grid", "shift:3", "--prediction", "x1"],
    "source": ["8gaussians:n=400", "--unconditional", "--source", "moons:n=300", "--coupling", "ot"],  # starts at rows of a data set, not at noise
}


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Returns a function that trains a small model once and gives its folder."""
    if not FMTOOL:
        if os.environ.get("CI") == "true":
            pytest.fail("FMTOOL is not set")
        pytest.skip("set FMTOOL to the program: make python-test does")
    root = tmp_path_factory.mktemp("models")
    (root / "table.csv").write_text(TABLE)
    done = {}

    def make(name):
        if name not in done:
            done[name] = root / name
            small = ["--steps", "30", "--batch", "64", "--depth", "2", "-o", str(done[name])]
            subprocess.run([FMTOOL, "train", *{**MODELS, **MORE}[name], *small], check=True, cwd=root, capture_output=True)
        return done[name]

    return make


@pytest.fixture(scope="session")
def graph(run):
    """Returns a function that exports a graph of a model once: graph(name, "sampler", "--solver", "heun")."""
    done = {}

    def make(name, kind, *flags):
        key = (name, kind, *flags)
        if key not in done:
            path = run(name).parent / ("-".join([name, kind, *flags]).replace(" ", "_") + ".onnx")
            subprocess.run([FMTOOL, "export", str(path), "--run", str(run(name)), "--graph", kind, *flags], check=True, capture_output=True)
            done[key] = path
        return done[key]

    return make


@pytest.fixture(scope="session")
def model(graph):
    """Returns a function that exports a model's velocity once."""
    return lambda name: graph(name, "velocity")
