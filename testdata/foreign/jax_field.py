"""Trains a score network with JAX, exports it with jax2onnx, and writes what an Euler loop in NumPy makes of it, as torch_fields.py does for PyTorch:

    python3 jax_field.py

The network is that of score-based diffusion: time falls from 1 at noise to 0 at data, the path is the variance-preserving one, and the output is the score, a
perceptron's over the standard deviation. Needs jax 0.10, jax2onnx 0.17 and NumPy."""
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import onnx
from jax2onnx import to_onnx

HERE = pathlib.Path(__file__).parent
SEED, ROWS, STEPS = 7, 64, 50


def path(s):
    """α and β at diffusion time s."""
    half = s * s * (20 - 0.1) / 4 + s * 0.1 / 2
    return jnp.exp(-half), jnp.sqrt(-jnp.expm1(-2 * half))


def features(x, s):
    a = s[:, None] * (jnp.pi * 2.0 ** jnp.arange(4, dtype=x.dtype))[None]
    return jnp.concatenate([x, s[:, None], jnp.sin(a), jnp.cos(a)], -1)


def score(params, x, s):
    h = features(x, s)
    for w, b in params[:-1]:
        h = jax.nn.silu(h @ w + b)
    w, b = params[-1]
    beta = jnp.sqrt(1 - jnp.exp(-2 * (s * s * (20 - 0.1) / 4 + s * 0.1 / 2)))
    return -(h @ w + b) / beta[:, None]


def moons(key, n):
    k = jax.random.split(key, 3)
    a, upper = jax.random.uniform(k[0], (n,)) * jnp.pi, jax.random.uniform(k[1], (n,)) < 0.5
    x = jnp.where(upper, jnp.cos(a), 1 - jnp.cos(a)) - 0.5
    y = jnp.where(upper, jnp.sin(a), 0.5 - jnp.sin(a)) - 0.25
    return 1.3 * jnp.stack([x, y], 1) + 0.05 * jax.random.normal(k[2], (n, 2))


def loss(params, key):
    k = jax.random.split(key, 3)
    x1, x0, s = moons(k[0], 512), jax.random.normal(k[1], (512, 2)), jax.random.uniform(k[2], (512,), minval=1e-3)
    alpha, beta = path(s)
    q = score(params, alpha[:, None] * x1 + beta[:, None] * x0, s)
    return jnp.mean((beta[:, None] * q + x0) ** 2)


def train(steps=8000, rate=3e-3):
    dims = [11, 40, 40, 40, 2]
    keys = jax.random.split(jax.random.key(0), len(dims))
    params = [(jax.random.normal(k, (i, o)) / i**0.5, jnp.zeros(o)) for k, i, o in zip(keys, dims, dims[1:])]

    def step(state, k):  # Adam
        params, m, v = state
        g = jax.grad(loss)(params, jax.random.fold_in(jax.random.key(1), k))
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        r = rate * (1 + jnp.cos(jnp.pi * k / steps)) / 2 * jnp.sqrt(1 - 0.999 ** (k + 1.0)) / (1 - 0.9 ** (k + 1.0))
        return (jax.tree.map(lambda p, m, v: p - r * m / (jnp.sqrt(v) + 1e-8), params, m, v), m, v), None

    zero = jax.tree.map(jnp.zeros_like, params)
    (params, _, _), _ = jax.lax.scan(step, (params, zero, zero), jnp.arange(steps))
    return params


def threefry_noise(rows, dim):
    """The noise of `fmtool sample --seed 7`; JAX's own generator has the same words in another order."""
    def rotate(x, r):
        return (x << np.uint32(r)) | (x >> np.uint32(32 - r))

    with np.errstate(over="ignore"):
        x0, x1 = np.meshgrid(np.arange(rows, dtype=np.uint32), np.arange((dim + 1) // 2, dtype=np.uint32), indexing="ij")
        keys = [np.uint32(SEED), np.uint32(0), np.uint32(SEED ^ 0x1BD11BDA)]
        x0, x1 = x0 + keys[0], x1 + keys[1]
        for block in range(5):
            for r in ((13, 15, 26, 6), (17, 29, 16, 24))[block % 2]:
                x0 = x0 + x1
                x1 = rotate(x1, r) ^ x0
            x0, x1 = x0 + keys[(block + 1) % 3], x1 + keys[(block + 2) % 3] + np.uint32(block + 1)
        u = ((x0 >> np.uint32(8)) + np.uint32(1)).astype(np.float32) * np.float32(2.0**-24)
        a = np.float32(2 * np.pi) * ((x1 >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24))
        r = np.sqrt(np.float32(-2) * np.log(u))
        return np.stack([r * np.cos(a), r * np.sin(a)], -1).reshape(rows, -1)[:, :dim]


def euler(params):
    with jax.enable_x64(True):
        wide = [(jnp.asarray(np.asarray(w, np.float64)), jnp.asarray(np.asarray(b, np.float64))) for w, b in params]
        x = threefry_noise(ROWS, 2).astype(np.float64)
        for k in range(STEPS):
            s = 1 - k / STEPS
            half, slope = s * s * 19.9 / 4 + s * 0.05, s * 19.9 / 2 + 0.05
            alpha, beta = np.exp(-half), np.sqrt(-np.expm1(-2 * half))
            d_alpha = slope * alpha
            d_beta = -alpha * d_alpha / beta
            e = -beta * np.asarray(score(wide, jnp.asarray(x), jnp.full(ROWS, s)))
            x = x + (d_beta * e + d_alpha / alpha * (x - beta * e)) / STEPS
    return x


params = train()
model = to_onnx(lambda x, s: score(params, x, s), inputs=[("B", 2), ("B",)], model_name="score")
for node in model.graph.node:
    del node.metadata_props[:]
onnx.save(model, HERE / "score_jax.onnx")
np.savetxt(HERE / "score.csv", euler(params), "%.9g", ",")
print([i.name for i in model.graph.input], [o.name for o in model.graph.output])
