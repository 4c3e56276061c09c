#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""history.py OUT [--shop PLAN]: the past of the demo shop as files for koppel import: NAME.csv
with the points of each machine, for the path its live signals have; intervals.csv with states,
stops, programs and shifts; truth.json with what each machine did on each day. Prints a line PATH
FILE for each file to import below that path."""

import json
from pathlib import Path

import shop_model as shop
from shop_names import HALL, PATHS, SIGNALS


def energy_text(kwh, unit):
    return f"{kwh:.3f}" if unit == 1 else str(round(kwh / unit))


def points(timeline):
    """(second, signal, value) of a machine's past: changes, and of what it draws a point a slot."""
    of = SIGNALS[timeline.machine.name]
    (power, watts), (energy, unit) = of.power, of.energy
    segments, parts = timeline.past()
    live, last = timeline.plan.live, {}

    def new(at, signal, value):
        if last.get(signal, signal) != value:  # None is a value too
            last[signal] = value
            yield at, signal, value

    for s in segments:
        for signal, words in of.states.items():
            yield from new(s.start, signal, words[s.state])
        for signal in of.programs if s.program else ():
            yield from new(s.start, signal, s.program)
    marks = {
        *map(shop.midnight, timeline.plan.days()),
        live - 1,
    }  # the counters say it then, changed or not
    for at in sorted({*marks, *(p[0] for p in parts)}):
        good, scrap = timeline.counts(at)
        for signal, value in ((of.good, good), (of.scrap, scrap), (of.total, good + scrap)):
            if signal:
                yield from [(at, signal, value)] if at in marks else new(at, signal, value)
    edges = {s.start for s in segments}
    for (at, w, hard), joules in zip(timeline.slots, timeline.joules):
        if at >= live:
            break
        yield from new(at, of.load, hard)
        yield at, power, w / watts
        if at in edges or at % 60 == 0:
            yield at, energy, energy_text(timeline.kwh_of(joules), unit)
    yield live, energy, energy_text(timeline.kwh(live), unit)


def meter_points(all_of):
    """The hall's meter, a value a minute."""
    plan = all_of.plan
    for at in [*range(plan.start, plan.live, 60), plan.live]:
        yield at, "power", all_of.meter_watts(at)
        yield at, "energy", f"{all_of.meter_kwh(at):.2f}"


def intervals(all_of):
    """Rows of states, stops, programs and shifts."""
    for name, timeline in all_of.machines.items():
        segments, _ = timeline.past()
        begun = None
        for i, s in enumerate(segments):
            path, end = PATHS[name], min(s.end, all_of.plan.live)
            after = segments[i + 1] if i + 1 < len(segments) else None
            begun = begun or s
            if not after or after.state != s.state:
                yield path, "state", begun.start, end, shop.CANONICAL[s.state], "true", "", ""
                begun = None
            if s.reason:
                yield path, "stop", s.start, end, "", "", s.reason, ""
        for program, start, end in runs(segments):
            yield PATHS[name], "program", start, min(end, all_of.plan.live), "", "", "", program
    for day in all_of.plan.days():
        for name, start, end in shop.shifts_of(day):
            yield HALL, "shift", start, end, "", "", "", name


def runs(segments):
    """[(program, start, end)]: segments of one program joined."""
    out = []
    for s in segments:
        if out and out[-1][0] == s.program and out[-1][2] == s.start:
            out[-1] = (s.program, out[-1][1], s.end)
        elif s.program:
            out.append((s.program, s.start, s.end))
    return out


def write(path, head, rows):
    with path.open("w") as f:
        f.write(head + "\n")
        f.writelines(",".join(map(str, row)) + "\n" for row in rows)


def with_status(rows):
    """What a control that is off says has a status and no value."""
    return (
        (at, signal, "", "BadNoCommunication") if value is None else (at, signal, value, "")
        for at, signal, value in rows
    )


def main():
    a = shop.arguments("writes the past of the demo shop", ("out", {"type": Path}))
    all_of = shop.Shop(shop.Plan.read(a.shop))
    a.out.mkdir(parents=True, exist_ok=True)
    for name, path in PATHS.items():
        file = a.out / f"{name}.csv"
        rows = meter_points(all_of) if name == shop.METER else points(all_of.machines[name])
        write(file, "time,signal,value,status", with_status(rows))
        print(path, file, flush=True)
    write(
        a.out / "intervals.csv", "asset,kind,start,end,state,derived,reason,name", intervals(all_of)
    )
    print("-", a.out / "intervals.csv", flush=True)
    (a.out / "truth.json").write_text(json.dumps(all_of.truth(), indent=1))


if __name__ == "__main__":
    main()
