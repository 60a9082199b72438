"""Fine-tune a model with a train_step.onnx written by fmtool, with onnxruntime and numpy only.

    python3 fine_tune.py train_step.onnx train_step.safetensors DATA.npy TUNED.safetensors [STEPS [RATE [SEED]]]

DATA.npy holds rows of numbers in data units, then the class or the numbers that a row is conditioned on, if the model takes any. Then

    fmtool import-weights RUN TUNED.safetensors -o TUNED

makes the tuned weights a run to export.
"""
import json
import math
import os
import sys

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # onnxruntime 1.29 and later report usage unless told not to
import numpy as np
import onnxruntime

TYPES = {"F32": np.float32, "I64": np.int64}


def read_safetensors(path):
    """The arrays of a safetensors file, by name."""
    with open(path, "rb") as f:
        raw = f.read()
    start = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:start])
    header.pop("__metadata__", None)
    part = lambda e: np.frombuffer(raw[start + e["data_offsets"][0] : start + e["data_offsets"][1]], TYPES[e["dtype"]]).reshape(e["shape"])
    return {name: part(e) for name, e in header.items()}


def write_safetensors(path, tensors):
    """Write arrays of float32 or int64 as safetensors: length of the header, header, numbers in little-endian."""
    header, at = {}, 0
    for name, v in tensors.items():
        kind = next(k for k, t in TYPES.items() if v.dtype == t)
        header[name] = {"dtype": kind, "shape": list(v.shape), "data_offsets": [at, at + v.nbytes]}
        at += v.nbytes
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text)
        for v in tensors.values():
            f.write(np.ascontiguousarray(v).tobytes())


def begin(step, given):
    """The state that a training step takes, from one that may be weights alone: no moments yet, averages equal to the weights, no step taken."""
    back = {o.name for o in step.get_outputs()}
    state = {}
    for i in step.get_inputs():
        if "next." + i.name not in back:
            continue
        if i.name in given:
            state[i.name] = given[i.name]
        elif i.name.startswith("ema."):
            state[i.name] = given[i.name[len("ema.") :]]
        elif i.name == "step":
            state[i.name] = np.array(0, np.int64)
        else:
            state[i.name] = np.zeros(i.shape, np.float32)
    return state


def fine_tune(step, state, batches):
    """Take a training step for each batch, a dict of the inputs x1, x0, t, rate and the condition; return the last state and the losses.

    step: the session of a train_step.onnx. state: weights by name, or all that a fine_tune before returned.
    """
    state, losses = begin(step, state), []
    names = [o.name for o in step.get_outputs()]
    kinds = {i.name: np.int64 if "int64" in i.type else np.float32 for i in step.get_inputs()}
    for batch in batches:
        feed = {name: np.asarray(v, kinds[name]) for name, v in batch.items()}
        out = dict(zip(names, step.run(names, {**state, **feed})))
        losses.append(float(out["loss"]))
        state = {name: out["next." + name] for name in state}
    return state, losses


def times(meta, n, rng):
    """n times as training draws them: uniform numbers through the quantiles of the distribution that the metadata name."""
    text = meta.get("io.fmtool.times", "uniform")
    even = text.startswith("stratified")  # one in each of n equal parts of probability
    name, _, numbers = (text[len("stratified") :].strip() or "uniform" if even else text).partition(":")
    p = [float(v) for v in numbers.split(",") if v]
    draws = {
        "uniform": lambda q: q,
        "u-shaped": lambda q: 0.5 + np.arcsinh((2 * q - 1) * math.sinh(p[0])) / (2 * p[0]),
        "shift": lambda q: q / (q + p[0] * (1 - q)),
        "logit-normal": None if even else lambda q: 1 / (1 + np.exp(-p[0] - p[1] * rng.standard_normal(n))),
        "beta": None if even else lambda q: rng.beta(*p, n),
    }
    if draws.get(name) is None:
        raise SystemExit(f"the model was trained at times {text}, which this program cannot draw; draw them yourself and call fine_tune")
    q = (np.arange(n) + rng.random(n)) / n if even else rng.random(n)
    low, high = (float(meta.get("io.fmtool.time." + k, v)) for k, v in (("min", 0), ("max", 1)))
    return (low + (high - low) * draws[name](q)).astype(np.float32).reshape(n, 1)


def draw(step, rows, steps, batch=256, rate=1e-4, seed=0, y=None):
    """Batches for fine_tune: rows [n, ...] in data units and conditions y of the data at random, noise, times, conditions dropped as in training."""
    meta, rng = step.get_modelmeta().custom_metadata_map, np.random.default_rng(seed)
    shape = step.get_inputs()[0].shape[1:]
    inputs = {i.name for i in step.get_inputs()}
    if meta.get("io.fmtool.source") or meta.get("io.fmtool.coupling", "independent") != "independent":
        raise SystemExit("the model was trained on pairs of x0 and x1; pair them yourself and call fine_tune")
    if ("y" in inputs) != (y is not None):
        raise SystemExit("the model is conditional; give y" if y is None else "the model takes no condition; leave y out")
    drop = float(meta.get("io.fmtool.condition.drop", 0))
    normal = lambda: rng.standard_normal((batch, *shape)).astype(np.float32)
    for _ in range(steps):
        pick = rng.integers(0, len(rows), batch)
        feed = {"x1": rows[pick].reshape(batch, *shape), "x0": normal(), "t": times(meta, batch, rng), "rate": rate}
        if "path_noise" in inputs:
            feed["path_noise"] = normal()
        none = rng.random(batch) < drop
        if "y_drop" in inputs:
            feed["y"], feed["y_drop"] = y[pick], none.reshape(batch, 1)
        elif "y" in inputs:
            feed["y"] = np.where(none, int(meta["io.fmtool.condition.classes"]), y[pick])
        yield feed


if __name__ == "__main__":
    path, state, data, tuned = sys.argv[1:5]
    steps, rate, seed = [cast(a) for cast, a in zip((int, float, int), sys.argv[5:8] + ["1000", "1e-4", "0"][len(sys.argv[5:8]) :])]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    numbers = np.load(data)
    numbers, last = numbers.reshape(len(numbers), -1), None
    meta = session.get_modelmeta().custom_metadata_map
    if meta["io.fmtool.condition.kind"] == "labels":
        numbers, last = numbers[:, :-1], numbers[:, -1].astype(int)
    elif meta["io.fmtool.condition.kind"] == "vector":
        width = int(meta["io.fmtool.condition.width"])
        numbers, last = numbers[:, :-width], numbers[:, -width:]
    after, losses = fine_tune(session, read_safetensors(state), draw(session, numbers, steps, rate=rate, seed=seed, y=last))
    write_safetensors(tuned, after)
    tenth = max(1, steps // 10)
    print(f"{steps} steps: loss {np.mean(losses[:tenth]):.4g} at first, {np.mean(losses[-tenth:]):.4g} at last; {tuned}")
