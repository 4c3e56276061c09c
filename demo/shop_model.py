#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""shop_model.py [--days 30] [--seed 1] [--step 30]: prints the plan of a demo shop whose past
ends now, as JSON.

The shop of the demo, second by second. From a plan (a seed, where the past begins, where the
present does) it follows what each machine did and does: shifts, programs, parts, stops with their
reason, load, power, energy. The same plan gives the same shop, so the history that is imported,
what the simulators say live and the truth agree.

Rounding: everything happens on whole seconds. Power is whole watts and holds until the next slot,
so energy is a whole number of joules; a counter of kWh shows it rounded to three decimals. The
truth is made of what the counters show, not of what lies behind them."""

import argparse
import bisect
import json
import math
import random
import time
from collections import namedtuple
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Amsterdam")
SHIFTS = [("early", 6, 14), ("late", 14, 22)]  # on working days, by the clock on the wall
STATES = ["running", "idle", "setup", "fault", "offline"]
CANONICAL = {
    "running": "running",
    "idle": "idle",
    "setup": "setup",
    "fault": "stopped",
    "offline": "off",
}
QUIET = 900  # seconds between two points of a machine that does not run
CALM = 600  # seconds after the present begins in which nothing stops

Program = namedtuple("Program", "name cycle watts load")
Segment = namedtuple("Segment", "start end state program reason")
Stop = namedtuple("Stop", "start end reason")
Now = namedtuple("Now", "state since program reason good scrap watts load kwh into_part")


@dataclass(frozen=True)
class Machine:
    """What a machine is like; times in seconds, power in watts."""

    name: str
    programs: tuple
    handling: int  # between two parts; 0: it goes on running
    batch: tuple  # parts between two set-ups
    setup: tuple
    idle_watts: int
    off_watts: int
    scrap: float
    tool_every: int  # of cutting; 0: it has no tools
    stock_every: int
    break_every: int
    counters: tuple = (0, 0, 0.0)  # good, scrap and kWh when the plan begins


MACHINES = [
    Machine(
        "Mill-01",
        programs=(
            Program("O1000.NC", 190, 12400, 46),
            Program("O1001.NC", 265, 14100, 52),
            Program("O1002.NC", 240, 13200, 49),
            Program("O1003.NC", 330, 15800, 58),
            Program("O1004.NC", 210, 11800, 44),
        ),
        handling=30, batch=(24, 60), setup=(900, 2100),
        idle_watts=1900, off_watts=120, scrap=0.03,
        tool_every=7200, stock_every=22000, break_every=32000,
        counters=(41873, 112, 18250.0),
    ),
    Machine(
        "Mill-02",
        programs=(
            Program("FLANGE-80.MPF", 285, 9800, 41),
            Program("HOUSING-A.MPF", 410, 11900, 55),
            Program("COVER-3.MPF", 230, 8900, 38),
        ),
        handling=35, batch=(18, 45), setup=(1200, 2400),
        idle_watts=1600, off_watts=90, scrap=0.02,
        tool_every=6400, stock_every=26000, break_every=40000,
        counters=(28110, 340, 22410.0),
    ),
    Machine(
        "Mill-03",
        programs=(
            Program("SHAFT-KEY.H", 350, 16400, 62),
            Program("BRACKET-L.H", 260, 13300, 47),
        ),
        handling=40, batch=(20, 40), setup=(1000, 2600),
        idle_watts=2200, off_watts=140, scrap=0.04,
        tool_every=5400, stock_every=18000, break_every=25000,
        counters=(9034, 402, 30117.0),
    ),
    Machine(
        "Laser-01",
        programs=(
            Program("SHEET-0", 68, 14200, 70),
            Program("SHEET-1", 94, 16100, 82),
            Program("SHEET-2", 57, 12800, 61),
        ),
        handling=0, batch=(40, 160), setup=(300, 900),
        idle_watts=2200, off_watts=250, scrap=0.015,
        tool_every=0, stock_every=15000, break_every=36000,
        counters=(9120, 41, 40211.0),
    ),
    Machine(
        "Lathe-01",
        programs=(
            Program("O1004.NC", 74, 7200, 36),
            Program("O1011.NC", 105, 8100, 44),
            Program("O1020.NC", 58, 6600, 31),
        ),
        handling=0, batch=(120, 400), setup=(900, 1800),
        idle_watts=1100, off_watts=80, scrap=0.02,
        tool_every=5000, stock_every=20000, break_every=45000,
        counters=(150322, 2004, 9120.0),
    ),
    Machine(
        "Press-01",
        programs=(
            Program("CUP-40", 26, 21500, 66),
            Program("LID-40", 22, 19800, 58),
        ),
        handling=0, batch=(300, 900), setup=(1500, 3000),
        idle_watts=3100, off_watts=210, scrap=0.01,
        tool_every=0, stock_every=17000, break_every=28000,
        counters=(880120, 7710, 71020.0),
    ),
    Machine(
        "Oven-01",
        programs=(
            Program("HARDEN-850", 240, 30500, 85),
            Program("TEMPER-220", 180, 12600, 35),
        ),
        handling=0, batch=(30, 70), setup=(600, 900),
        idle_watts=5200, off_watts=1400, scrap=0.005,
        tool_every=0, stock_every=30000, break_every=90000,
        counters=(201900, 310, 130455.0),
    ),
]
MACHINES = {m.name: m for m in MACHINES}
METER, METER_KWH = "Meter", 48211.0


def midnight(day):
    """The second at which a day begins on the wall."""
    return int(datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp())


def day_of(at):
    return datetime.fromtimestamp(at, ZONE).date()


def shifts_of(day):
    """[(name, start, end)] of a day; none at the weekend."""
    clock = lambda hour: int(datetime(day.year, day.month, day.day, hour, tzinfo=ZONE).timestamp())
    return [(n, clock(a), clock(b)) for n, a, b in SHIFTS] if day.weekday() < 5 else []


@dataclass(frozen=True)
class Plan:
    """The past is [start, live), from a midnight on; from `live` on the shop works day and night,
    so that a demo shows something whenever it is looked at."""

    seed: int
    start: int
    live: int
    step: int = 30  # seconds between two points of what a running machine draws

    @staticmethod
    def new(days=30, seed=1, step=30, live=None):
        live = int(time.time() if live is None else live)
        return Plan(seed, midnight(day_of(live) - timedelta(days=days)), live, step)

    @staticmethod
    def read(path):
        """The plan in a file, or without one that of thirty days up to now."""
        if not path:
            return Plan.new()
        with open(path) as f:
            return Plan(**json.load(f))

    def days(self):
        """The days of the past, the last one not yet over."""
        first, last = day_of(self.start), day_of(self.live)
        return [first + timedelta(days=i) for i in range((last - first).days + 1)]


class Work:
    """A machine at work from `start` to `end`, written down as segments and parts."""

    def __init__(self, machine, rng, start, end, calm=0, ready=False):
        """ready: the first batch needs no set-up; calm: for so many seconds nothing stops."""
        self.m, self.rng, self.t, self.end, self.calm = machine, rng, start, end, start + calm
        self.segments, self.parts, self.program = [], [], ""
        while self.t < self.end:
            self.batch(ready)
            ready = False

    def go(self, seconds, state, reason=None):
        """Spends time; what does not fit is cut."""
        until = min(self.end, self.t + max(1, round(seconds)))
        last = self.segments[-1] if self.segments else None
        if until > self.t and last and last[2:] == (state, self.program, reason):
            self.segments[-1] = last._replace(end=until)
        elif until > self.t:
            self.segments.append(Segment(self.t, until, state, self.program, reason))
        self.t = until

    def happens(self, every, seconds):
        return every and self.t >= self.calm and self.rng.random() < seconds / every

    def batch(self, ready):
        program = self.rng.choice(self.m.programs)
        self.program = program.name
        if not ready:
            self.go(self.rng.randint(*self.m.setup), "setup", "set-up")
        for _ in range(self.rng.randint(*self.m.batch)):
            if self.t >= self.end:
                return
            self.one(program)

    def one(self, program):
        """A part, and what comes in between."""
        r = self.rng
        if self.happens(self.m.tool_every, program.cycle):
            self.go(r.uniform(120, 420), "setup", "tool change")
        if self.happens(self.m.stock_every, program.cycle):
            self.go(r.uniform(180, 1500), "idle", "no material")
        cycle = max(5, round(program.cycle * r.gauss(1, 0.015)))
        if self.t + cycle > self.end:
            self.go(self.end - self.t, "idle")
            return
        broken = self.happens(self.m.break_every, cycle)
        if broken:
            before = r.randint(1, cycle - 1)
            self.go(before, "running")
            self.go(min(9000, 240 + r.expovariate(1 / 1300)), "fault", "breakdown")
            cycle -= before
            if self.t + cycle > self.end:
                self.go(self.end - self.t, "idle")
                return
        self.go(cycle, "running")
        self.parts.append((self.t, r.random() >= (0.5 if broken else self.m.scrap)))
        if self.m.handling:
            self.go(self.m.handling * r.uniform(0.7, 1.6), "idle")


def work_day(plan, machine, day):
    """Segments that fill a day without a gap, and its parts."""
    begin, end = midnight(day), midnight(day + timedelta(days=1))
    rng = random.Random(f"{plan.seed}/{machine.name}/{day}")
    segments, parts, t = [], [], begin

    def add(work, until):
        nonlocal t
        if work.t > t and work.segments and work.segments[0].start > t:
            segments.append(Segment(t, work.segments[0].start, "offline", "", None))
        segments.extend(s._replace(end=min(s.end, until)) for s in work.segments if s.start < until)
        parts.extend(p for p in work.parts if p[0] <= until)
        t = segments[-1].end

    shifts = shifts_of(day)
    past = min(end, plan.live)
    if shifts and shifts[0][1] < past:
        add(Work(machine, rng, shifts[0][1], shifts[-1][2]), past)
    if t < past:
        segments.append(Segment(t, past, "offline", "", None))
    t = max(t, past)
    if plan.live < end:
        begin = max(begin, plan.live)
        add(
            Work(
                machine,
                random.Random(f"{plan.seed}/{machine.name}/{day}/live"),
                begin,
                end,
                CALM if begin == plan.live else 0,
                ready=True,
            ),
            end,
        )
    return segments, parts


def sway(at, of):
    """A number that goes up and down around 1, the same at the same time."""
    return 1 + 0.06 * math.sin(at / 37 + of) + 0.03 * math.sin(at / 11.3 + 2 * of)


@dataclass
class Timeline:
    """All a machine does from the plan's start on, made day by day as far as it is asked for."""

    plan: Plan
    machine: Machine
    segments: list = field(default_factory=list)
    parts: list = field(default_factory=list)  # (second, good)
    slots: list = field(default_factory=list)  # (second, watts, load): holds until the next
    joules: list = field(default_factory=list)  # used when each slot begins
    until: int = 0

    def __post_init__(self):
        self.until = self.plan.start
        self.programs = {p.name: p for p in self.machine.programs}
        self.phase = sum(map(ord, self.machine.name))
        self.used = 0

    def extend(self, until):
        while self.until <= until:
            day = day_of(self.until)
            segments, parts = work_day(self.plan, self.machine, day)
            self.segments += segments
            self.parts += parts
            for s in segments:
                self.fill(s)
            self.until = midnight(day + timedelta(days=1))
            good = list(accumulate((g for _, g in self.parts), initial=0))
            self.good, self.part_times = good, [p[0] for p in self.parts]
            self.starts, self.slot_times = [s.start for s in self.segments], [
                s[0] for s in self.slots
            ]

    def fill(self, s):
        """The slots of a segment: what it draws, and how hard it works."""
        m, running = self.machine, s.state == "running"
        every = self.plan.step if running else QUIET
        at = s.start
        while at < s.end:
            until = min(s.end, (at // every + 1) * every)
            watts, load = m.off_watts if s.state == "offline" else m.idle_watts, 0.0
            if running:
                program, way = self.programs[s.program], sway(at, self.phase)
                watts, load = round(program.watts * way), round(program.load * way, 1)
            self.slots.append((at, watts, load))
            self.joules.append(self.used)
            self.used += watts * (until - at)
            at = until

    def kwh_of(self, joules):
        return round(self.machine.counters[2] + joules / 3.6e6, 3)

    def watts(self, at):
        self.extend(at)
        return self.slots[bisect.bisect_right(self.slot_times, at) - 1][1]

    def kwh(self, at):
        """What the counter shows."""
        self.extend(at)
        i = bisect.bisect_right(self.slot_times, at) - 1
        return self.kwh_of(self.joules[i] + self.slots[i][1] * (at - self.slots[i][0]))

    def counts(self, at):
        """(good, scrap) as the counters stand."""
        self.extend(at)
        n = bisect.bisect_right(self.part_times, at)
        good, scrap, _ = self.machine.counters
        return good + self.good[n], scrap + n - self.good[n]

    def now(self, at):
        """All that a simulator says of the machine at this moment."""
        self.extend(at)
        s = self.segments[bisect.bisect_right(self.starts, at) - 1]
        watts, load = self.slots[bisect.bisect_right(self.slot_times, at) - 1][1:]
        n = bisect.bisect_right(self.part_times, at)
        begun = max(s.start, self.part_times[n - 1] if n else 0)
        return Now(
            s.state,
            s.start,
            s.program,
            s.reason,
            *self.counts(at),
            watts,
            load,
            self.kwh(at),
            at - begun,
        )

    def past(self):
        """Segments and parts up to where the present begins."""
        self.extend(self.plan.live)
        live = self.plan.live
        return [s for s in self.segments if s.start < live], [p for p in self.parts if p[0] < live]

    def truth(self, day):
        """Of one day of the past: seconds in each state, parts, stops, kWh."""
        begin, end = midnight(day), min(midnight(day + timedelta(days=1)), self.plan.live)
        segments, _ = self.past()
        seconds, stops = dict.fromkeys(STATES, 0), []
        for s in segments:
            start, until = max(s.start, begin), min(s.end, end)
            if start < until:
                seconds[s.state] += until - start
                stops += [Stop(start, until, s.reason)] if s.reason else []
        # counters a second before each end: nothing is counted in the second of `live`
        (good, scrap), (good0, scrap0) = self.counts(end - 1), self.counts(begin - 1)
        return {
            "from": begin,
            "to": end,
            "seconds": seconds,
            "good": good - good0,
            "scrap": scrap - scrap0,
            "stops": [x._asdict() for x in stops],
            "kwh": round(self.kwh(end) - self.kwh(begin), 3),
        }


class Shop:
    """All machines of a plan, and the hall's meter, which sees them and the hall itself: light and
    air, more of it while people are there."""

    HALL_WATTS = ((0, 900), (6, 4200), (22, 900))  # from which hour of the day

    def __init__(self, plan):
        self.plan = plan
        self.machines = {n: Timeline(plan, m) for n, m in MACHINES.items()}
        self.hall, self.until = [], plan.start  # (second, watts, joules used until then)

    def hall_at(self, at):
        """(watts, joules) of the hall."""
        while self.until <= at:
            day = day_of(self.until)
            for hour, watts in self.HALL_WATTS:
                t = int(datetime(day.year, day.month, day.day, hour, tzinfo=ZONE).timestamp())
                last = self.hall[-1] if self.hall else (t, 0, 0)
                self.hall.append((t, watts, last[2] + last[1] * (t - last[0])))
            self.until = midnight(day + timedelta(days=1))
        t, watts, joules = self.hall[bisect.bisect_right(self.hall, (at, math.inf)) - 1]
        return watts, joules + watts * (at - t)

    def meter_watts(self, at):
        return self.hall_at(at)[0] + sum(t.watts(at) for t in self.machines.values())

    def meter_kwh(self, at):
        """The meter adds up what the machines' own counters add, and the hall."""
        used = sum(t.kwh(at) - t.machine.counters[2] for t in self.machines.values())
        return round(METER_KWH + used + self.hall_at(at)[1] / 3.6e6, 2)

    def truth(self):
        """{machine: {day: what happened}}; of the meter only kWh."""
        days = self.plan.days()
        all_of = {n: {str(d): t.truth(d) for d in days} for n, t in self.machines.items()}
        some = all_of["Mill-01"]
        all_of[METER] = {
            d: {
                "from": some[d]["from"],
                "to": some[d]["to"],
                "kwh": round(self.meter_kwh(some[d]["to"]) - self.meter_kwh(some[d]["from"]), 2),
            }
            for d in some
        }
        return all_of


def arguments(about, *positional):
    """What every program of the demo takes."""
    parser = argparse.ArgumentParser(description=about)
    for name, options in positional:
        parser.add_argument(name, **options)
    parser.add_argument(
        "--shop", metavar="PLAN", help="the plan, a file of shop_model.py; else one made now"
    )
    return parser.parse_args()


def main():
    parser = argparse.ArgumentParser(description="prints the plan of a shop whose past ends now")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--step", type=int, default=30)
    a = parser.parse_args()
    print(json.dumps(Plan.new(a.days, a.seed, a.step).__dict__))


if __name__ == "__main__":
    main()
