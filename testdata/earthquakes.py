"""Writes earthquakes.csv from the file data/earthquakes.json of npm's vega-datasets 3.2.1: python3 earthquakes.py path/to/earthquakes.json"""
import json
import pathlib
import sys

rows = [
    (*(f["geometry"]["coordinates"]), f["properties"]["mag"])
    for f in json.load(open(sys.argv[1]))["features"]
]
text = "longitude,latitude,depth,magnitude\n" + "".join(",".join("" if v is None else f"{v:.8g}" for v in r) + "\n" for r in rows)
pathlib.Path(__file__).with_name("earthquakes.csv").write_text(text)
