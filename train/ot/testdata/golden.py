"""Writes assignment.json: costs of optimal pairings by SciPy's linear_sum_assignment. Needs numpy and scipy: python3 golden.py

Points come from a linear congruential generator that the test repeats: s <- (1103515245 s + 12345) mod 2^31, coordinate = s / 2^31, float64.
x fills [n, dim] first, then y [n, dim], scaled and shifted by the case.
"""
import json
import os

import numpy as np
import scipy
from scipy.optimize import linear_sum_assignment


def points(seed, count):
    out = np.empty(count)
    for i in range(count):
        seed = (1103515245 * seed + 12345) % 2**31
        out[i] = seed / 2**31
    return out


cases = []
for n in (64, 128, 256, 512):
    for dim, scale, shift in ((2, 1, 0), (2, 3, 5), (8, 1, 0.5)):
        p = points(n + dim, 2 * n * dim)
        x, y = p[: n * dim].reshape(n, dim), p[n * dim :].reshape(n, dim) * scale + shift
        cost = ((x[:, None] - y[None]) ** 2).sum(-1)
        i, j = linear_sum_assignment(cost)
        cases.append({"n": n, "dim": dim, "scale": scale, "shift": shift, "cost": cost[i, j].sum()})
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "assignment.json")
with open(path, "w") as f:
    json.dump({"scipy": scipy.__version__, "numpy": np.__version__, "cases": cases}, f, indent=1)
    f.write("\n")
