"""Load a bundle that fmtool wrote (fmtool export FOLDER/), and verify it, with onnxruntime and numpy only.

    from fm_load import Bundle
    model = Bundle("FOLDER")                                  # compares every file with its SHA-256
    samples = model.sample(64, steps=50, seed=7)              # those of fmtool sample --seed 7 -n 64 --steps 50

    python3 fm_load.py FOLDER                                 # runs every graph on its test data; exit status 1 names what fails

All numbers are in data units unless a method says otherwise; manifest.json says what each input and output means.
"""
import hashlib
import json
import math
import os
import sys

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # onnxruntime 1.29 and later report usage unless told not to
import numpy as np
import onnxruntime

from fine_tune import begin, draw, fine_tune, read_safetensors, times, write_safetensors  # whose text stands here in bundles


def fields(raw):
    """The fields of a protobuf message: number and value, an int or bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = raw[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while at < len(raw):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        else:
            size = {1: 8, 2: None, 5: 4}[key & 7]
            size = varint() if size is None else size
            yield key >> 3, raw[at : at + size]
            at += size


def read_tensor(path):
    """The array in a file that holds one TensorProto of float32 or int64 with raw data, as ONNX's test data are."""
    with open(path, "rb") as f:
        raw = f.read()
    dims, kind, data = [], None, b""
    for number, value in fields(raw):
        if number == 1:
            dims.append(value)
        elif number == 2:
            kind = {1: "<f4", 7: "<i8"}[value]
        elif number == 9:
            data = value
    return np.frombuffer(data, kind).reshape(dims)


class Bundle:
    """A model in a folder. Graphs are opened when they are needed, one session each."""

    def __init__(self, folder=".", check=True, options=None, providers=("CPUExecutionProvider",)):
        self.folder, self.options, self.providers, self.sessions = str(folder), options, list(providers), {}
        with open(self.path("manifest.json"), encoding="utf-8") as f:
            self.manifest = json.load(f)
        if self.manifest.get("format") != "fmtool bundle 1":
            raise ValueError(f"{folder}: not a bundle that this program reads: its format is {self.manifest.get('format')!r}")
        self.model = self.manifest["model"]
        self.graphs = {g["name"]: g for g in self.manifest["graphs"]}
        problems = self.check() if check else []
        if problems:
            raise ValueError("; ".join(problems))

    def path(self, name):
        """The path of a file of the bundle."""
        parts = name.split("/")
        if os.path.isabs(name) or "\\" in name or ".." in parts or "" in parts:
            raise ValueError(f"{name!r} is no file of a bundle")
        return os.path.join(self.folder, *parts)

    def check(self):
        """What is wrong with the files, a line for each: missing, or with another SHA-256 than the manifest has. Other files are nobody's concern."""
        problems = []
        for name, want in sorted(self.manifest["files"].items()):
            digest = hashlib.sha256()
            try:
                with open(self.path(name), "rb") as f:
                    for part in iter(lambda: f.read(1 << 20), b""):
                        digest.update(part)
            except OSError as e:
                problems.append(f"{name}: {e.strerror}")
                continue
            if digest.hexdigest() != want["sha256"]:
                problems.append(f"{name}: its SHA-256 is {digest.hexdigest()[:8]}..., the manifest has {want['sha256'][:8]}...")
        return problems

    def too_old(self, name):
        """Why this onnxruntime cannot open a graph; None if it can."""
        number = lambda version: [int(v) for v in version.split(".")[:2]]
        least = self.graphs[name]["onnxruntime"]
        if number(onnxruntime.__version__) < number(least):
            return f"{self.graphs[name]['file']} needs onnxruntime {least} or later, and this is {onnxruntime.__version__}"

    def session(self, name):
        """The session of a graph: velocity, sampler, sample, logprob or train_step."""
        if name not in self.graphs:
            raise LookupError(f"this bundle has no {name}.onnx: {self.manifest['absent'].get(name, 'it was exported without')}")
        if self.too_old(name):
            raise RuntimeError(self.too_old(name))
        if name not in self.sessions:
            path = self.path(self.graphs[name]["file"])
            self.sessions[name] = onnxruntime.InferenceSession(path, self.options, providers=self.providers)
        return self.sessions[name]

    def run(self, name, feed, y=None, rows=None, guidance=None):
        """The outputs of a graph for a feed by names, to which what it takes of a condition is added."""
        session = self.session(name)
        takes = {i.name: np.int64 if "int64" in i.type else np.float32 for i in session.get_inputs()}
        feed = {**feed, **self.condition(y, rows, takes)}
        if guidance is not None and "guidance" not in takes:
            raise ValueError(f"{name}.onnx takes no guidance; export the bundle with --guidance")
        if "guidance" in takes:
            feed["guidance"] = np.atleast_1d(1 if guidance is None else guidance)
        return session.run(None, {k: np.asarray(v, takes[k]) for k, v in feed.items()})

    def condition(self, y, rows, takes):
        """The inputs y and y_drop: a class or its name, or numbers, one for all rows or one for each; None stands for no condition."""
        c = self.model["condition"]
        if "y" not in takes:
            if y is not None:
                raise ValueError("the model takes no condition; leave y out")
            return {}
        if y is None and not c["drop"]:
            raise ValueError("the model was trained with its condition always given; give y")
        if c["kind"] == "vector":
            value = np.zeros(c["width"]) if y is None else np.asarray(y)
            return {"y": np.broadcast_to(value, (rows, c["width"])), "y_drop": np.full((rows, 1), y is None)}
        numbers = [self.label(v) for v in np.atleast_1d(c["classes"] if y is None else y).tolist()]
        return {"y": np.broadcast_to(numbers, rows)}

    def label(self, value):
        """The number of a class."""
        c = self.model["condition"]
        if isinstance(value, str):
            if value not in c.get("names", []):
                raise ValueError(f"unknown class {value!r}, the model has {c.get('names') or c['classes']}")
            return c["names"].index(value)
        if not 0 <= value <= c["classes"]:
            raise ValueError(f"class {value}: want 0 to {c['classes'] - 1}, or {c['classes']} for none")
        return value

    def rows(self, values):
        """Rows as the graphs take them, float32 [rows, ...]."""
        values = np.asarray(values, np.float32)
        return values.reshape(len(values), *self.model["dims"])

    def sample(self, count=None, steps=50, seed=0, offset=0, y=None, guidance=None, source=None):
        """Samples, float32 [count, ...]: number offset and those after it of a seed. source: rows to start at, of a model that does not start at noise."""
        if source is not None:
            x0 = self.rows(source)
            return self.run("sampler", {"x0": x0, "steps": steps}, y, len(x0), guidance)[0]
        if count is None:
            raise ValueError("how many samples? give count")
        seed = seed - 2**64 if seed >= 2**63 else seed
        return self.run("sample", {"seed": seed, "count": count, "steps": steps, "offset": offset}, y, count, guidance)[0]

    def log_prob(self, rows, steps=50, y=None, guidance=None, probes=16, seed=0):
        """Log-densities of rows, in nats, float32 [rows]. Where the graph estimates the divergence, probes is the number of probes for each row."""
        x = self.rows(rows)
        feed = {"x": x, "steps": steps}
        if "probes" in {i.name for i in self.session("logprob").get_inputs()}:
            feed["probes"] = np.random.default_rng(seed).integers(0, 2, (probes, *x.shape)) * 2 - 1
        return self.run("logprob", feed, y, len(x), guidance)[0]

    def velocity(self, x, t, y=None):
        """The field u(x, t) at points x [rows, ...], both in model space, and at one time or one for each row, from 0 (noise) to 1 (data)."""
        x = self.rows(x)
        return self.run("velocity", {"x": x, "t": np.asarray(t, np.float32).reshape(-1, 1)}, y, len(x))[0]

    def fine_tune(self, rows, steps=1000, y=None, batch=256, rate=1e-4, seed=0, state=None):
        """Train on rows and the conditions y of theirs; returns the state and the losses. state: what fine_tune returned before; None: the run's own.

        write_safetensors("tuned.safetensors", state) and `fmtool import-weights RUN tuned.safetensors -o TUNED` make it a model to export.
        """
        step = self.session("train_step")
        if state is None:
            state = read_safetensors(self.path(self.graphs["train_step"]["state"]))
        x = self.rows(rows)
        if self.model["condition"]["kind"] == "labels" and y is not None:
            y = np.array([self.label(v) for v in np.asarray(y).tolist()])
        return fine_tune(step, state, draw(step, x, steps, batch=batch, rate=rate, seed=seed, y=None if y is None else np.asarray(y)))

    def test(self, name):
        """The worst difference of a graph's outputs from its test data, as a share of its tolerance: 1 or less passes."""
        g, t = self.graphs[name], self.graphs[name]["test"]
        load = lambda prefix, ports: [read_tensor(self.path(f"{t['folder']}/{prefix}_{i}.pb")) for i in range(len(ports))]
        feed = dict(zip([p["name"] for p in g["inputs"]], load("input", g["inputs"])))
        got = self.session(name).run([p["name"] for p in g["outputs"]], feed)
        worst = 0.0
        for port, scale, have, want in zip(g["outputs"], t["scales"], got, load("output", g["outputs"])):
            off = np.abs(np.asarray(have, np.float64) - want)
            if port["units"] == "data units":
                mean, unit = (np.array(self.model["normaliser"][k], np.float64) for k in ("mean", "scale"))
                spread = lambda v: v.reshape(want.shape[1:]) if v.size > 1 else v
                off = np.maximum(off - 2.0**-23 * np.maximum(np.abs(spread(mean)), np.abs(want)), 0) / spread(unit)
            share = np.max(off, initial=0) / (scale or 1) / t["tolerance"]
            worst = share if not share <= worst else worst  # keeps a NaN
        return worst

    def verify(self, say=print):
        """Compare all files with their SHA-256, and every graph with its test data on this machine; returns what fails, a line for each."""
        failures = self.check()
        for line in failures:
            say("FAIL " + line)
        if not failures:
            say(f"PASS {len(self.manifest['files'])} files have the SHA-256 of the manifest")
        for name, g in self.graphs.items():
            if self.too_old(name):
                say("skip " + self.too_old(name))
            elif g["test"] is None:
                say(f"skip {g['file']} has no test data")
            else:
                try:
                    share = self.test(name)
                    passed, line = share <= 1, f"{g['file']}: {share * g['test']['tolerance']:.2g} from float64, {g['test']['tolerance']:.2g} allowed"
                except Exception as e:
                    passed, line = False, f"{g['file']}: {str(e).splitlines()[0]}"
                say(("PASS " if passed else "FAIL ") + line)
                if not passed:
                    failures.append(line)
        return failures


if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    try:
        bundle = Bundle(folder, check=False)
    except (OSError, ValueError, KeyError) as e:
        sys.exit(f"FAIL {folder}: no bundle: {e}")
    sys.exit(1 if bundle.verify() else 0)
