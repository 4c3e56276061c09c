#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""lathe.py PORT [--shop PLAN]: the lathe of the demo shop behind an MTConnect agent on loopback
(the one of the tests), which is told what changes as an adapter would. Prints READY URL."""

import subprocess
import sys
import time
from pathlib import Path

import shop_model as shop
from children import start
from shop_names import EXECUTION, FUNCTION

HERE = Path(__file__).resolve().parent
AGENT = HERE.parent / "tests/peers/mtconnect_sim.py"


def observed(n):
    """What the lathe says: {data item: value}."""
    running = n.state == "running"
    return {
        "avail": "AVAILABLE",
        "execution": EXECUTION[n.state],
        "function": FUNCTION[n.state],
        "mode": "MANUAL" if n.state == "setup" else "AUTOMATIC",
        "program": n.program,
        "good": n.good,
        "scrap": n.scrap,
        "override": 100,
        "load": n.load,
        "power": n.watts,
        "energy": round(n.kwh * 3.6e6),
        "speed": 2400 + 40 * (int(n.into_part) % 7) if running else 0,
        "temperature": round(31 + n.load / 8, 1),
    }


def condition(n):
    return (
        "system|FAULT|2041|1||bar feeder: no clamping pressure"
        if n.state == "fault"
        else "system|NORMAL||||"
    )


def main():
    a = shop.arguments("the lathe of the demo shop", ("port", {"type": int}))
    timeline = shop.Shop(shop.Plan.read(a.shop)).machines["Lathe-01"]
    agent = start(
        [
            sys.executable,
            AGENT,
            "--devices",
            HERE / "lathe.xml",
            "--device",
            "Lathe-01",
            "--port",
            a.port,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    last, ready = {}, agent.stdout.readline()
    while agent.poll() is None:
        n = timeline.now(time.time())
        for line in [*(f"{k}|{v}" for k, v in observed(n).items()), condition(n)]:
            key = line.split("|")[0]
            if last.get(key) != line:
                last[key] = line
                agent.stdin.write(line + "\n")
                agent.stdin.flush()
                agent.stdout.readline()
        if ready:
            print(f"READY mtconnect+http://127.0.0.1:{a.port}", flush=True)
            ready = ""
        time.sleep(0.5)


try:
    main()
except KeyboardInterrupt:
    pass
