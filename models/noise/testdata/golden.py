"""Writes golden.csv: sampling noise by NumPy, the independent twin of package noise. Run from the repository's root: python3 models/noise/testdata/golden.py"""
import pathlib
import sys

sys.path.insert(0, "export/python")
from sample import noise

rows = []
for seed, first, dim in [(0, 0, 3), (7, 0, 64), (7, 5, 1), (2**40 + 3, 2**32 - 2, 4), (2**64 - 1, 2**33 + 1, 5)]:
    z = noise(seed, 4, dim, first)
    for n in range(4):
        rows.append(f"{seed},{first + n}," + ",".join(f"{v:.9g}" for v in z[n]))
pathlib.Path(__file__).with_name("golden.csv").write_text("\n".join(rows) + "\n")
