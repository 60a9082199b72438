"""The peers' side of cmd/bench: a child process that measures on request, a JSON object a line in each direction.

    {"op": "hello"}                                    -> {"versions": {...}} or {"absent": "why it cannot be imported"}
    {"op": "open", "case": {...}}                      -> {} once the case is prepared and warm
    {"op": "slice", "case": {...}, "seconds": 0.2}     -> {"units": n, "wall": seconds, "cpu": seconds}, of all n together
    {"op": "close", "case": {...}}                     -> {}

A request that fails is answered {"error": "..."}. The program ends with its standard input.
"""
import json
import os
import sys
import time


def measure(unit, seconds):
    """Calls unit for at least that many seconds of wall time, and at least once."""
    n, cpu, begun = 0, time.process_time(), time.perf_counter()
    while True:
        unit()
        n += 1
        wall = time.perf_counter() - begun
        if wall >= seconds:
            return {"units": n, "wall": wall, "cpu": time.process_time() - cpu}


def serve(load):
    """load() imports what the peer needs and returns its versions and prepare(case), which returns the function of one unit of work."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries that print must not print into the protocol
    opened, prepare = {}, None
    for line in sys.stdin:
        request = json.loads(line)
        key = json.dumps(request.get("case"), sort_keys=True)
        try:
            if request["op"] == "hello":
                versions, prepare = load()
                reply = {"versions": versions}
            elif request["op"] == "open":
                opened[key] = prepare(request["case"])
                for _ in range(3):
                    opened[key]()
                reply = {}
            elif request["op"] == "slice":
                reply = measure(opened[key], request["seconds"])
            else:
                opened.pop(key, None)
                reply = {}
        except ImportError as e:
            reply = {"absent": str(e)}
        except Exception as e:  # the driver decides what a failure means
            reply = {"error": f"{type(e).__name__}: {e}"}
        out.write(json.dumps(reply) + "\n")
        out.flush()
