"""PyTorch's standard normals, written into the same memory again and again."""
import protocol


def load():
    import torch

    return {"torch": torch.__version__}, prepare


def prepare(case):
    import torch

    torch.set_num_threads(case["threads"])
    generator = torch.Generator().manual_seed(1)
    out = torch.empty(case["numbers"])
    return lambda: torch.randn(case["numbers"], generator=generator, out=out)


if __name__ == "__main__":
    protocol.serve(load)
