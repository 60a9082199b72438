"""Sample a velocity.onnx written by fmtool, with onnxruntime and numpy only.

    python3 sample.py model.onnx ROWS [STEPS [SEED [LABEL]]] > samples.csv

The same seed gives the same samples as `fmtool sample model.onnx -n ROWS --steps STEPS --seed SEED --class LABEL`. For a model that starts at rows of a
data set, ROWS is the .npy file of such rows [rows, D] in data units.
"""
import math
import os
import statistics
import sys

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # onnxruntime 1.29 and later report usage unless told not to
import numpy as np
import onnxruntime

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def threefry(key, counter):
    """Threefry-2x32 with 20 rounds: two uint32 words for a key and a counter of two uint32 words each."""
    k0, k1, x0, x1 = (np.asarray(w, np.uint32) for w in (*key, *counter))
    keys = (k0, k1, k0 ^ k1 ^ np.uint32(0x1BD11BDA))
    with np.errstate(over="ignore"):
        x0, x1 = x0 + k0, x1 + k1
        for i in range(5):
            for r in ROTATIONS[i % 2]:
                x0 = x0 + x1
                x1 = (x1 << np.uint32(r) | x1 >> np.uint32(32 - r)) ^ x0
            x0, x1 = x0 + keys[(i + 1) % 3], x1 + keys[(i + 2) % 3] + np.uint32(i + 1)
    return x0, x1


def noise(seed, rows, dim, first=0):
    """Standard normal float32 [rows, dim]: row n depends on the seed and on first + n alone."""
    key = (seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF)
    row = np.arange(first, first + rows, dtype=np.uint64)[:, None]
    high = (row >> np.uint64(32)).astype(np.uint32)
    far = threefry(key, (high, np.full_like(high, 0xFFFFFFFE)))
    key = tuple(np.where(high == 0, np.uint32(k), f) for k, f in zip(key, far))
    pair = np.arange((dim + 1) // 2, dtype=np.uint32)[None, :]
    w0, w1 = threefry(key, ((row & np.uint64(0xFFFFFFFF)).astype(np.uint32), pair))
    scale = np.float32(2**-24)
    u = ((w0 >> np.uint32(8)) + np.uint32(1)).astype(np.float32) * scale
    theta = np.float32(2 * np.pi) * ((w1 >> np.uint32(8)).astype(np.float32) * scale)
    radius = np.sqrt(np.float32(-2) * np.log(u))
    return np.stack([radius * np.cos(theta), radius * np.sin(theta)], -1).reshape(rows, -1)[:, :dim]


def decode(x, meta):
    """From model space to data units: x * scale + mean, one pair for all numbers or one for each column; constant columns are their mean."""
    mean, scale = (np.array(meta[f"io.fmtool.normaliser.{key}"].split(), np.float32) for key in ("mean", "scale"))
    out = x * scale + mean
    constant = np.array(meta.get("io.fmtool.normaliser.constant", "0").split(), int) != 0
    return np.where(constant, mean, out) if len(mean) > 1 else out


def encode(rows, meta):
    """From data units to model space: (row - mean) / scale."""
    mean, scale = (np.array(meta[f"io.fmtool.normaliser.{key}"].split(), np.float32) for key in ("mean", "scale"))
    return ((rows - mean) / scale).astype(np.float32)


def conditions(session, meta, rows, label, condition):
    """The inputs that say what the samples are conditioned on: a class, or numbers; None means neither."""
    names = [i.name for i in session.get_inputs()]
    if "y_drop" in names:
        width = int(meta["io.fmtool.condition.width"])
        y = np.zeros((rows, width)) if condition is None else np.broadcast_to(condition, (rows, width))
        return {"y": np.ascontiguousarray(y, np.float32), "y_drop": np.full((rows, 1), condition is None, np.float32)}
    if "y" in names:
        null = int(meta["io.fmtool.condition.classes"])
        return {"y": np.full(rows, null if label is None else label, np.int64)}
    return {}


def grid(meta, steps):
    """The times of the steps: k / steps, or where the model prefers uneven steps those quantiles of the distribution it names, then shifted."""
    text = meta.get("io.fmtool.grid", "uniform")
    name, _, shift = ("uniform " + text if text.startswith("shift:") else text).partition(" shift:")
    name, _, numbers = name.partition(":")
    p = [float(v) for v in numbers.split(",") if v]
    quantiles = {
        "uniform": lambda q: q,
        "logit-normal": lambda q: 1 / (1 + math.exp(-p[0] - p[1] * statistics.NormalDist().inv_cdf(q))),
        "u-shaped": lambda q: 0.5 + math.asinh((2 * q - 1) * math.sinh(p[0])) / (2 * p[0]),
    }
    if name not in quantiles:
        raise SystemExit(f"the model steps along {text!r}, which this program cannot; fmtool sample can, or leave that key out of the metadata for even steps")
    t = np.array([0.0] + [quantiles[name](k / steps) for k in range(1, steps)] + [1.0])
    return t / (t + float(shift) * (1 - t)) if shift else t


def sample(path, rows, steps=100, seed=0, label=None, first=0, condition=None, source=None):
    """Euler steps x <- x + h u(x, t), for even steps at t = 0, h, ..., 1 - h with h = 1/steps; returns float32 [rows, D] in data units.

    source: rows [rows, D] to start at, in data units, for a model that does not start at noise.
    """
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    meta = session.get_modelmeta().custom_metadata_map
    shape = [int(d) for d in session.get_inputs()[0].shape[1:]]
    if (source is None) != ("io.fmtool.source" not in meta):
        sys.exit("the model starts at noise; give a number of rows" if source is not None else "the model starts at rows of a data set; give their .npy file")
    x = noise(seed, rows, int(np.prod(shape)), first) if source is None else encode(source, meta)
    x = x.reshape(rows, *shape)
    feed = conditions(session, meta, rows, label, condition)
    times = grid(meta, steps)
    for t, next_t in zip(times, times[1:]):
        (u,) = session.run(["velocity"], {"x": x, "t": np.full((1, 1), t, np.float32), **feed})
        x = x + np.float32(next_t - t) * u
    return decode(x.reshape(rows, -1), meta)


if __name__ == "__main__":
    path, rows, counts = sys.argv[1], sys.argv[2], [int(a) for a in sys.argv[3:]]
    start = np.load(rows).astype(np.float32) if rows.endswith(".npy") else None
    if start is not None:
        start = start.reshape(len(start), -1)
    np.savetxt(sys.stdout, sample(path, int(rows) if start is None else len(start), *counts, source=start), fmt="%.9g", delimiter=",")
