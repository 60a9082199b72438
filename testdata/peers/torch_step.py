"""PyTorch's training step, the same work as ours: four linear layers with SiLU, time as one more input, x_t = (1-t) x0 + t y, MSE, AdamW; rows,
noise and time drawn anew in each step. Modes: "eager", with the fused AdamW where the version has it for the CPU, and "compile", torch.compile
over network, loss and gradients and over AdamW, the drawing left eager: of the ways to divide it, these were the fastest.
"""
import protocol


def load():
    import torch

    return {"torch": torch.__version__, "torch blas": blas(torch)}, prepare


def blas(torch):
    """What multiplies matrices: MKL, or the library behind the generic interface."""
    if torch.backends.mkl.is_available():
        name = next((line.strip(" -") for line in torch.__config__.show().splitlines() if "Math Kernel" in line), "MKL")
        return name.split("-Product")[0]
    with open("/proc/self/maps") as maps:
        names = {line.split("/")[-1].strip() for line in maps}
    return ", ".join(sorted(n for n in names if "openblas" in n)) or "unknown"


def adamw(torch, parameters, mode):
    settings = {"lr": 1e-3, "weight_decay": 1e-5}
    if mode == "compile":
        return torch.optim.AdamW(parameters, foreach=True, **settings)
    try:
        return torch.optim.AdamW(parameters, fused=True, **settings)
    except (RuntimeError, TypeError):  # before 2.4 fused meant CUDA
        return torch.optim.AdamW(parameters, **settings)


def prepare(case):
    import torch
    from torch import nn

    torch.set_num_threads(case["threads"])
    torch.manual_seed(1)
    dim, width, batch = case["dim"], case["width"], case["batch"]
    data = torch.randn(case["rows"], dim)
    net = nn.Sequential(nn.Linear(dim + 1, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(),
                        nn.Linear(width, width), nn.SiLU(), nn.Linear(width, dim))
    optimiser = adamw(torch, list(net.parameters()), case["mode"])

    def loss(y, x0, t):
        u = net(torch.cat([(1 - t) * x0 + t * y, t], 1))
        return ((u - (y - x0)) ** 2).mean()

    def update():
        optimiser.step()

    if case["mode"] == "compile":
        if not hasattr(torch, "compile"):
            raise ImportError(f"PyTorch {torch.__version__} has no torch.compile")
        torch._dynamo.reset()  # or the sizes of the case before make those of this one dynamic, and slower
        loss, update = torch.compile(loss, dynamic=False), torch.compile(update, dynamic=False)

    def step():
        y = data[torch.randint(0, len(data), (batch,))]
        x0, t = torch.randn(batch, dim), torch.rand(batch, 1)
        optimiser.zero_grad(set_to_none=True)
        loss(y, x0, t).backward()
        update()

    return step


if __name__ == "__main__":
    protocol.serve(load)
