"""NumPy's matrix product, that of the OpenBLAS in its wheels, and its standard normals. Results go into the same memory again and again."""
import protocol


def load():
    import numpy as np

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {"numpy": np.__version__, "numpy blas": f"{blas['name']} {blas['version']}"}, prepare


def prepare(case):
    import numpy as np

    generator = np.random.default_rng(1)
    if case["kind"] == "normals":
        out = np.empty(case["numbers"], np.float32)
        return lambda: generator.standard_normal(dtype=np.float32, out=out)
    m, n, k = case["m"], case["n"], case["k"]
    a = generator.standard_normal((k, m) if case["ta"] else (m, k), dtype=np.float32)
    b = generator.standard_normal((n, k) if case["tb"] else (k, n), dtype=np.float32)
    a, b = a.T if case["ta"] else a, b.T if case["tb"] else b
    out = np.empty((m, n), np.float32)
    return lambda: np.matmul(a, b, out=out)


if __name__ == "__main__":
    protocol.serve(load)
