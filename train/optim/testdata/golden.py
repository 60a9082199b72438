"""Five steps of AdamW with clipping and averaging in NumPy float64, on the loss sum((x W + b - y)^2)/N: python3 golden.py > golden.json

The update is written from Loshchilov and Hutter, "Decoupled weight decay regularization", algorithm 2 with a constant schedule multiplier folded into the rate.
"""
import json
import numpy as np

rng = np.random.default_rng(1)
x, y = rng.standard_normal((7, 3)).astype(np.float32), rng.standard_normal((7, 2)).astype(np.float32)
w, b = rng.standard_normal((3, 2)).astype(np.float32), rng.standard_normal((1, 2)).astype(np.float32)
beta1, beta2, epsilon, decay, clip, ema = 0.9, 0.999, 1e-8, 0.1, 2.0, 0.95
rates = [0.01, 0.02, 0.03, 0.02, 0.01]

p = {"w": w.astype(float), "b": b.astype(float)}
m = {k: np.zeros_like(v) for k, v in p.items()}
v = {k: np.zeros_like(v) for k, v in p.items()}
e = {k: v.copy() for k, v in p.items()}
steps = []
for k, rate in enumerate(rates, 1):
    d = x.astype(float) @ p["w"] + p["b"] - y
    loss = (d * d).sum(axis=1).mean()
    g = {"w": x.astype(float).T @ (2 * d / len(x)), "b": (2 * d / len(x)).sum(axis=0, keepdims=True)}
    norm = np.sqrt(sum((a * a).sum() for a in g.values()))
    g = {n: a * min(1, clip / norm) for n, a in g.items()}
    for n in p:
        m[n] = beta1 * m[n] + (1 - beta1) * g[n]
        v[n] = beta2 * v[n] + (1 - beta2) * g[n] ** 2
        mh, vh = m[n] / (1 - beta1**k), v[n] / (1 - beta2**k)
        if n == "w":
            p[n] = p[n] - rate * decay * p[n]
        # The decay acts on the weight before the step; both terms are taken from it.
        p[n] = p[n] - rate * mh / (np.sqrt(vh) + epsilon)
        keep = min(ema, k / (k + 9))
        e[n] = keep * e[n] + (1 - keep) * p[n]
    steps.append({"loss": loss, "norm": norm, "w": p["w"].ravel().tolist(), "b": p["b"].ravel().tolist(), "ew": e["w"].ravel().tolist(), "eb": e["b"].ravel().tolist()})
print(json.dumps({"x": x.ravel().tolist(), "y": y.ravel().tolist(), "w": w.ravel().tolist(), "b": b.ravel().tolist(), "beta1": beta1, "beta2": beta2,
                  "epsilon": epsilon, "decay": decay, "clip": clip, "ema": ema, "rates": rates, "steps": steps}, indent=1))
