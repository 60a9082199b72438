"""Writes tiny.safetensors from the format's description alone: python3 golden.py"""
import json, struct

tensors = {"a": ("F32", [2, 3], struct.pack("<6f", 0, 1.5, -2, 3, -4.25, 5)), "b/c": ("I64", [2], struct.pack("<2q", -7, 1 << 40)), "flag": ("BOOL", [3], bytes([1, 0, 1]))}
header, data = {"__metadata__": {"note": "Grüße"}}, b""
for name, (dtype, shape, raw) in tensors.items():
    header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
text = json.dumps(header, ensure_ascii=False).encode()
with open("tiny.safetensors", "wb") as f:
    f.write(struct.pack("<Q", len(text)) + text + data)
