#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""orders.py KOPPEL DIR [--shop PLAN]: gives the demo's node in DIR work orders: of each machine what
it made last, with a booking of the time it took; what it makes now, of one machine too late; and
what is to come. The same plan gives the same orders."""

import json
import subprocess
from datetime import datetime, timedelta
from itertools import groupby

import shop_model as shop
from shop_names import PATHS

CUSTOMERS = ["Van Dijk Hydrauliek", "Brainport Optics", "Kempen Motion", "Maas Robotics"]
MILLING = "milling"  # the group in shop.yaml


def batches(timeline):
    """[(program, begin, end)] of the past."""
    segments = [s for s in timeline.past()[0] if s.program]
    for program, group in groupby(segments, key=lambda s: s.program):
        group = list(group)
        yield program, group[0].start, group[-1].end


def made(timeline, begin, end):
    return timeline.counts(end - 1)[0] - timeline.counts(begin - 1)[0]


def order(number, i, program, quantity, due, **place):
    cycle = {"cycle": f"{program.cycle}s", "setup": "30m", "program": program.name}
    return {
        "number": number,
        "sender": f"PO-{CUSTOMERS[i % len(CUSTOMERS)].split()[-1].upper()}",
        "customer": CUSTOMERS[i % len(CUSTOMERS)],
        "item": program.name.split(".")[0],
        "unit": "H87",
        "quantity": quantity,
        "due": str(due),
        "operations": [{"number": "10", **cycle, **place}],
    }


def plan_orders(plan):
    """[(order, times of its booking: [], [begin] or [begin, end])]"""
    today = datetime.fromtimestamp(plan.live, shop.ZONE).date()
    day = lambda n: today + timedelta(days=n)
    for i, (name, timeline) in enumerate(shop.Shop(plan).machines.items()):
        place = {"asset": PATHS[name]}
        programs = timeline.machine.programs
        last, now = list(batches(timeline))[-2:]
        by_name = {p.name: p for p in programs}
        before, begin, end = by_name[last[0]], last[1], last[2]
        current = by_name[now[0]]
        others = [p for p in programs if p not in (before, current)] or [before]
        done = max(1, made(timeline, begin, end))
        yield order(f"W{260 + i}1", i, before, done, day(-1), **place), [begin, end]
        so_far = made(timeline, now[1], plan.live)
        yield order(f"W{260 + i}2", i + 1, current, so_far + 60, day(i and 1 + i % 4 or -1), **place), [now[1]]
        yield order(f"W{260 + i}3", i + 2, others[0], 150 + 25 * i, day(3 + i), **place), []
    bracket = shop.Program("BRACKET-M", 320, 0, 0)
    for n in range(2):
        yield order(f"W270{n}", n, bracket, 40, day(6 + 5 * n), machineGroup=MILLING), []


def main():
    a = shop.arguments("gives the demo's node work orders", ("koppel", {}), ("dir", {}))

    def koppel(*words, given=None):
        command = [a.koppel, "flex", "orders", *map(str, words), "--json", "--node", a.dir]
        done = subprocess.run(command, input=given, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}: {done.stderr}")
        return json.loads(done.stdout)

    stamp = lambda at: datetime.fromtimestamp(at, shop.ZONE).isoformat()
    count = 0
    for body, times in plan_orders(shop.Plan.read(a.shop)):
        taken = koppel("take", "-", given=json.dumps(body))
        operation = taken["order"]["operations"][0]["id"]
        count += 1
        if taken.get("repeated"):
            continue
        for verb, at in zip(("start", "finish"), times):
            koppel(verb, operation, "--at", stamp(at))
    print(f"{count} work orders")


if __name__ == "__main__":
    main()
