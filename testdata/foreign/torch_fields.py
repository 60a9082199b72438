"""Trains small networks with PyTorch, exports them with both of its exporters, and writes what an Euler loop in NumPy makes of them:

    python3 torch_fields.py [NAME...]

NAME.onnx is the network, NAME.csv the samples: x0 is the noise of `fmtool sample --seed 7`, the loop and the network compute in float64, and the ONNX
file is not looked at. Needs torch 2.15, onnx 1.22 and onnxscript 0.7 (for the newer exporter) and NumPy. Times, signs and predictions follow the conventions
that are found in the field, one of each; fields_test.go of package export says them to fmtool."""
import io
import math
import pathlib
import sys

import numpy as np
import torch
from torch import nn

HERE = pathlib.Path(__file__).parent
SEED, ROWS, STEPS = 7, 64, 50


# The noise of fmtool: Threefry-2x32-20 and Box–Muller in float32, as the README has it.
def threefry(key, counter):
    with np.errstate(over="ignore"):
        ks = [np.uint32(key[0]), np.uint32(key[1])]
        ks.append(ks[0] ^ ks[1] ^ np.uint32(0x1BD11BDA))
        x0, x1 = counter[0] + ks[0], counter[1] + ks[1]
        for block in range(5):
            for r in ((13, 15, 26, 6), (17, 29, 16, 24))[block % 2]:
                x0 = x0 + x1
                x1 = (x1 << np.uint32(r)) | (x1 >> np.uint32(32 - r))
                x1 = x1 ^ x0
            x0, x1 = x0 + ks[(block + 1) % 3], x1 + ks[(block + 2) % 3] + np.uint32(block + 1)
        return x0, x1


def noise(rows, dim):
    n, j = np.meshgrid(np.arange(rows, dtype=np.uint32), np.arange((dim + 1) // 2, dtype=np.uint32), indexing="ij")
    w0, w1 = threefry((SEED, 0), (n, j))
    one = np.float32(2.0**-24)
    u = ((w0 >> np.uint32(8)) + np.uint32(1)).astype(np.float32) * one
    a = np.float32(2 * np.pi) * ((w1 >> np.uint32(8)).astype(np.float32) * one)
    r = np.sqrt(np.float32(-2) * np.log(u))
    return np.stack([r * np.cos(a), r * np.sin(a)], -1).reshape(rows, -1)[:, :dim]


# Data.
def moons(n):
    a = torch.rand(n) * math.pi
    upper = torch.rand(n) < 0.5
    x = torch.where(upper, torch.cos(a), 1 - torch.cos(a)) - 0.5
    y = torch.where(upper, torch.sin(a), 0.5 - torch.sin(a)) - 0.25
    return 1.3 * torch.stack([x, y], 1) + 0.05 * torch.randn(n, 2)


def ring(n):  # eight Gaussians and which of them
    k = torch.randint(8, (n,))
    a = k * (math.pi / 4)
    return 1.4 * torch.stack([torch.cos(a), torch.sin(a)], 1) + 0.07 * torch.randn(n, 2), k


# Networks.
def sinusoids(t, dim, period=1000.0):
    f = torch.exp(-math.log(period) * torch.arange(dim // 2) / (dim // 2)).to(t.dtype)
    return torch.cat([torch.sin(t[:, None] * f), torch.cos(t[:, None] * f)], -1)


class Silu(nn.Module):
    """t [N] from 0 at noise to 1 at data, as torchcfm and facebookresearch/flow_matching have it."""

    def __init__(self, h=48):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, 2))

    def forward(self, x, t):
        return self.net(torch.cat([x, t[:, None]], -1))


class Blocks(nn.Module):
    """t [N] from 1000 at noise to 0 at data and velocity noise − data, as diffusers' rectified flows have it."""

    def __init__(self, h=28):
        super().__init__()
        self.enter, self.time = nn.Linear(2, h), nn.Sequential(nn.Linear(16, h), nn.GELU(), nn.Linear(h, h))
        self.norm = nn.ModuleList([nn.LayerNorm(h) for _ in range(2)])
        self.block = nn.ModuleList([nn.Sequential(nn.Linear(h, h), nn.GELU(), nn.Linear(h, h)) for _ in range(2)])
        self.leave = nn.Linear(h, 2)

    def forward(self, sample, timestep):
        h = self.enter(sample) + self.time(sinusoids(timestep, 16))
        for norm, block in zip(self.norm, self.block):
            h = h + block(norm(h))
        return self.leave(h)


class Noise(nn.Module):
    """timestep int64 [N] in 0..999 with data at 0, predicts the noise, as DDPM has it."""

    def __init__(self, h=48):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2 + 32, h), nn.SiLU(), nn.Linear(h, h), nn.Mish(), nn.Linear(h, h), nn.Softplus(), nn.Linear(h, 2))

    def forward(self, x, timestep):
        return self.net(torch.cat([x, sinusoids(timestep.to(x.dtype), 32, 10000.0)], -1))


class Classes(nn.Module):
    """One time for all rows, [], and a class with a null class behind the others; predicts the data x1."""

    def __init__(self, h=48):
        super().__init__()
        self.label = nn.Embedding(9, 8)
        self.net = nn.Sequential(nn.Linear(2 + 1 + 8, h), nn.Tanh(), nn.Linear(h, h), nn.ELU(), nn.Linear(h, 2))

    def forward(self, x, t, label):
        t = t.reshape(1, 1).expand(x.shape[0], 1)
        return self.net(torch.cat([x, t, self.label(label)], -1))


# Training.
def fit(model, loss, steps, batch=512):
    opt = torch.optim.Adam(model.parameters(), 3e-3)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(opt, steps)
    for k in range(steps):
        opt.zero_grad()
        value = loss(model, batch)
        value.backward()
        opt.step()
        rate.step()
    return model.eval()


def mse(a, b):
    return ((a - b) ** 2).mean()


def silu_loss(m, n):
    x1, x0, t = moons(n), torch.randn(n, 2), torch.rand(n)
    return mse(m((1 - t)[:, None] * x0 + t[:, None] * x1, t), x1 - x0)


def blocks_loss(m, n):
    x1, x0, s = moons(n), torch.randn(n, 2), torch.rand(n)  # s = 1 is noise
    return mse(m((1 - s)[:, None] * x1 + s[:, None] * x0, 1000 * s), x0 - x1)


def vp(s):
    """α and β of the continuous variance-preserving path at diffusion time s, which DDPM's discrete one follows."""
    half = s * s * (20 - 0.1) / 4 + s * 0.1 / 2
    return torch.exp(-half), torch.sqrt(-torch.expm1(-2 * half))


def noise_loss(m, n):
    x1, x0, k = moons(n), torch.randn(n, 2), torch.randint(1000, (n,))
    a, b = vp(k / 999)
    return mse(m(a[:, None] * x1 + b[:, None] * x0, k), x0)


def classes_loss(m, n):
    (x1, y), x0, t = ring(n), torch.randn(n, 2), torch.rand(())
    y = torch.where(torch.rand(n) < 0.1, 8, y)
    return mse(m((1 - t) * x0 + t * x1, t, y), x1)


# The Euler loops, in float64: t is ours, 0 at noise and 1 at data.
def euler(velocity):
    x = noise(ROWS, 2).astype(np.float64)
    for k in range(STEPS):
        x = x + velocity(x, k / STEPS) / STEPS
    return x


def call(model, *args):
    with torch.no_grad():
        return model(*[torch.as_tensor(a) for a in args]).numpy()


def silu_velocity(m):
    return lambda x, t: call(m, x, np.full(ROWS, t))


def blocks_velocity(m):
    return lambda x, t: -call(m, x, np.full(ROWS, 1000 * (1 - t)))


def noise_velocity(m):
    def velocity(x, t):
        t = min(t, 0.999)
        s = 1 - t
        half, slope = s * s * 19.9 / 4 + s * 0.05, s * 19.9 / 2 + 0.05
        alpha, beta = np.exp(-half), np.sqrt(-np.expm1(-2 * half))
        d_alpha = slope * alpha
        d_beta = -alpha * d_alpha / beta
        e = call(m, x, np.full(ROWS, int(999 * s + 0.5)))
        return d_beta * e + d_alpha / alpha * (x - beta * e)

    return velocity


def classes_velocity(m):
    def velocity(x, t):
        t = min(t, LAST_X1)
        q = call(m, x, np.float64(t), np.full(ROWS, 3))
        return q - (x - t * q) / (1 - t)

    return velocity


LAST_X1 = 0.995  # where fmtool stops x1 on the straight path: beyond it the velocity would enlarge errors more than 200 times


# Exports.
def torchscript(path, model, args, names, dynamic, opset):
    b = io.BytesIO()
    torch.onnx.export(model, args, b, dynamo=False, opset_version=opset, input_names=names[:-1], output_names=names[-1:],
                      dynamic_axes={n: {0: "batch"} for n in dynamic})
    path.write_bytes(b.getvalue())


def dynamo(path, model, args, names, dynamic, opset):
    batch = torch.export.Dim("batch", min=1, max=1 << 20)
    shapes = tuple({0: batch} if n in dynamic else None for n in names[:-1])
    program = torch.onnx.export(model, args, dynamo=True, opset_version=opset, input_names=names[:-1], output_names=names[-1:], dynamic_shapes=shapes,
                                verbose=False)
    proto = program.model_proto
    for node in [n for g in [proto.graph, *proto.functions] for n in g.node]:  # it tells where the author's files lie
        kept = [p for p in node.metadata_props if p.key != "pkg.torch.onnx.stack_trace"]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    path.write_bytes(proto.SerializeToString())


x, t = torch.randn(4, 2), torch.rand(4)
FIELDS = {
    "silu": (Silu, silu_loss, silu_velocity, [
        ("torchscript", torchscript, 17, (x, t), ["x", "t", "v"], ["x", "t", "v"]),
        ("dynamo", dynamo, 18, (x, t), ["x", "t", "v"], ["x", "t"]),
    ]),
    "blocks": (Blocks, blocks_loss, blocks_velocity, [
        ("torchscript", torchscript, 17, (x, t), ["sample", "timestep", "out_sample"], ["sample", "timestep", "out_sample"]),
        ("dynamo", dynamo, 20, (x, t), ["sample", "timestep", "out_sample"], ["sample", "timestep"]),
    ]),
    "noise": (Noise, noise_loss, noise_velocity, [
        ("torchscript", torchscript, 12, (x, torch.arange(4)), ["x", "timestep", "eps"], ["x", "timestep", "eps"]),
        ("dynamo", dynamo, 18, (x, torch.arange(4)), ["x", "timestep", "eps"], ["x", "timestep"]),
    ]),
    "classes": (Classes, classes_loss, classes_velocity, [
        ("torchscript", torchscript, 17, (x, torch.tensor(0.5), torch.arange(4)), ["x", "t", "label", "x1"], ["x", "label", "x1"]),
        ("dynamo", dynamo, 18, (x, torch.tensor(0.5), torch.arange(4)), ["x", "t", "label", "x1"], ["x", "label"]),
    ]),
}

torch.set_num_threads(1)
for name in sys.argv[1:] or FIELDS:
    network, loss, velocity, exports = FIELDS[name]
    torch.manual_seed(0)
    model = fit(network(), loss, 6000)
    for exporter, export, opset, args, names, dynamic in exports:
        export(HERE / f"{name}_{exporter}.onnx", model, args, names, dynamic, opset)
    samples = euler(velocity(model.double()))
    np.savetxt(HERE / f"{name}.csv", samples, "%.9g", ",")
    print(name, samples.mean(0), samples.std(0))
