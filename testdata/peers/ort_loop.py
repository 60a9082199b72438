"""The README's own Python program, export/python/sample.py, with its session opened once and held to the case's threads: noise, Euler loop and
decoding are timed, loading is not.
"""
import pathlib
import sys

import protocol

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "export" / "python"))


def load():
    import onnxruntime

    return {"onnxruntime": onnxruntime.__version__}, prepare


def prepare(case):
    import onnxruntime
    import sample

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = case["threads"]
    session = onnxruntime.InferenceSession(case["model"], settings, providers=["CPUExecutionProvider"])

    class Opened:
        """Stands for the module onnxruntime in sample.py."""

        InferenceSession = staticmethod(lambda *args, **kwargs: session)

    def unit():
        sample.onnxruntime = Opened
        sample.sample(case["model"], case["batch"], case["steps"])

    return unit


if __name__ == "__main__":
    protocol.serve(load)
