# SPDX-License-Identifier: Apache-2.0
"""The demo shop: every machine is there within a minute of its coupling, and thirty days of its
past are what they were."""

import json
import subprocess
import sys
import time
from datetime import date, datetime, timezone

import pytest
from conftest import ROOT, Node, known, wait_for
from web_client import Api

DEMO = ROOT / "demo"
sys.path.insert(0, str(DEMO))
import shop_model  # noqa: E402
from shop_names import HALL, PATHS, SIGNALS  # noqa: E402

CANONICAL = {"running", "idle", "setup", "maintenance", "stopped", "off"}
MACHINES = list(shop_model.MACHINES)
NAMES = {
    "Mill-01": "mill",
    "Mill-02": "mill-02",
    "Mill-03": "mill-03",
    "Laser-01": "laser",
    "Lathe-01": "lathe",
    "Press-01": "press",
    "Oven-01": "sparkplug",
}


class Shop:
    """The simulators and a node coupled to them, as tools/demo does it."""

    def __init__(self, folder, plan):
        self.plan, self.file = plan, folder / "shop.json"
        self.file.write_text(json.dumps(plan.__dict__))
        self.floor = subprocess.Popen(
            [sys.executable, DEMO / "floor.py", folder / "logs", "--free", "--shop", self.file],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.node = Node(folder)
        self.coupled = {}

    def open(self):
        self.node.start()
        self.api = Api(self.node)
        for line in self.floor.stdout:
            if line == "OPEN\n":
                break
            self.couple(*line.split()[1:])
        for name, coupled in self.coupled.items():
            self.node.wait_link(name, "online", max(1, coupled + 60 - time.monotonic()))
        wait_for(lambda: known(self.node, PATHS["Oven-01"] + "/State"), 30, "the oven")

    def couple(self, name, url, at, card=None):
        self.coupled[name] = time.monotonic()
        self.node.cli(
            "couple",
            url,
            "--name",
            name,
            "--at",
            at,
            "--no-wait",
            *(["--map", card] if card else []),
        )

    def bring_past(self, out):
        files = subprocess.run(
            [sys.executable, DEMO / "history.py", out, "--shop", self.file],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for path, file in map(str.split, files.splitlines()):
            self.node.cli("import", file, *(["--at", path] if path != "-" else []), timeout=120)
        self.truth = json.loads((out / "truth.json").read_text())

    def stop(self):
        self.floor.kill()
        self.floor.wait()
        self.node.stop()

    def states(self):
        return {m["path"]: m["state"] for m in self.api.ok("GET", "machines")["machines"]}

    def whole_days(self, name):
        """[(day, its truth)] of those that were over."""
        days = list(self.truth[name].items())[:-1]
        assert len(days) == 30
        return days

    def values(self, path, *times):
        """What a signal was at these times, when a point of it stands there."""
        signal = f"{PATHS[path.split('/')[0]]}/{path.split('/', 1)[1]}"
        numbers = ",".join(str(t * 10**9) for t in times)
        reply = self.node.json(
            "sql",
            f"select time / 1000000000, value from history where signal = '{signal}' and time >= "
            f"{times[0] * 10**9} and time <= {times[-1] * 10**9} and time in ({numbers})",
        )
        return dict(map(tuple, reply["rows"]))


@pytest.mark.parametrize("last, days", [("2026-10-27T12:00", 3), ("2027-03-30T07:31", 3)])
def test_the_model_is_the_same_each_time_and_fills_days_of_23_to_25_hours(last, days):
    """Its counters, states and stops say one thing; a live plan goes on where its past ended."""
    live = int(datetime.fromisoformat(last).replace(tzinfo=shop_model.ZONE).timestamp())
    plan = shop_model.Plan.new(days=days, live=live)
    truth = shop_model.Shop(plan).truth()
    assert truth == shop_model.Shop(plan).truth()
    assert {(t["to"] - t["from"]) // 3600 for t in list(truth["Mill-01"].values())[:-1]} in (
        {24, 25},
        {23, 24},
    )
    for name, machine in shop_model.MACHINES.items():
        timeline = shop_model.Timeline(plan, machine)
        timeline.extend(live + 3 * 86400)
        assert all(a.end == b.start for a, b in zip(timeline.segments, timeline.segments[1:])), name
        assert all(
            sum(t["seconds"].values()) == t["to"] - t["from"] for t in truth[name].values()
        ), name
        assert (
            sum(t["good"] for t in truth[name].values())
            == timeline.counts(live - 1)[0] - machine.counters[0]
        ), name
        assert all(timeline.now(live + hour * 3600).state != "offline" for hour in range(72)), name
        of_stops = {s["reason"] for t in truth[name].values() for s in t["stops"]}
        assert (
            of_stops <= {"breakdown", "no material", "tool change", "set-up"}
            and "set-up" in of_stops
        ), name


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Thirty days in it; fewer points of power than the demo has."""
    folder = tmp_path_factory.mktemp("shop")
    s = Shop(folder, shop_model.Plan.new(step=120))
    try:
        s.open()
        s.bring_past(folder / "past")
        yield s
    finally:
        s.stop()


def test_every_machine_shows_a_state_within_a_minute_and_goes_on_where_its_past_ends(shop):
    def all_there():
        states = shop.states()
        return set(states) >= {PATHS[n] for n in MACHINES} and all(
            states[PATHS[n]] in CANONICAL for n in MACHINES
        )

    for name, coupled in shop.coupled.items():
        mine = [PATHS[m] for m in MACHINES if NAMES[m] == name]
        wait_for(
            lambda: all(shop.states().get(p) in CANONICAL for p in mine),
            max(1, coupled + 60 - time.monotonic()),
            name,
        )
    assert all_there()
    for name in MACHINES:
        good, (energy, unit) = SIGNALS[name].good, SIGNALS[name].energy
        timeline = shop_model.Timeline(shop.plan, shop_model.MACHINES[name])
        live = shop.node.value(f"{PATHS[name]}/{good}")["value"]
        now = time.time()
        assert timeline.counts(shop.plan.live)[0] <= live <= timeline.counts(now)[0], name
        used = float(shop.node.value(f"{PATHS[name]}/{energy}")["value"]) * unit
        assert timeline.kwh(shop.plan.live) - 0.01 <= used <= timeline.kwh(time.time()) + 0.01, name
    roles = lambda name: {
        s["role"] for s in shop.api.ok("GET", "signals", match=PATHS[name], limit=200)["signals"]
    }
    for name in MACHINES:
        more = {"mode", "override"} if name.startswith("Mill") else set()
        counts = {"good-count", "scrap-count"} if name == "Lathe-01" else {"part-count"}
        assert roles(name) >= {"state", "program", "load", "power", "energy"} | counts | more, name


def points_of(shop, name, days):
    """How many points of its power each day has."""
    signal = f"{PATHS[name]}/{SIGNALS[name].power[0]}"
    of_day = lambda t: (
        f"(select count(*) from history where signal = '{signal}' "
        f"and time >= {t['from'] * 10**9} and "
        f"time < {t['to'] * 10**9})"
    )
    return shop.node.json("sql", "select " + ", ".join(of_day(t) for _, t in days))["rows"][0]


def within(found, true, what):
    assert abs(found - true) <= max(0.01 * abs(true), 1e-6), f"{what}: {found}, and truly {true}"


def stamp(at):
    return datetime.fromtimestamp(at, timezone.utc).isoformat()


def test_each_day_of_thirty_is_what_the_truth_says(shop):
    """Time in state, stops by reason, parts and kWh, of each machine."""
    paths = {PATHS[n]: n for n in MACHINES}
    for day, truth in shop.whole_days("Mill-01"):
        sums = lambda kind: {
            paths[a["path"]]: {v["value"]: v["ns"] / 1e9 for v in a["steps"][0]["values"]}
            for a in shop.api.ok(
                "GET",
                "intervals/sum",
                asset=HALL + "/**",
                kind=kind,
                **{"from": stamp(truth["from"]), "to": stamp(truth["to"])},
            )["assets"]
        }
        states, stops = sums("state"), sums("stop")
        for name in MACHINES:
            mine = shop.truth[name][day]
            want = {
                shop_model.CANONICAL[s]: seconds
                for s, seconds in mine["seconds"].items()
                if seconds
            }
            assert set(states[name]) == set(want), (name, day)
            for state, seconds in want.items():
                within(states[name][state], seconds, f"{name} {day} {state}")
            for reason in {s["reason"] for s in mine["stops"]}:
                seconds = sum(s["end"] - s["start"] for s in mine["stops"] if s["reason"] == reason)
                within(stops[name][reason], seconds, f"{name} {day} {reason}")
    for name in MACHINES:
        of = SIGNALS[name]
        good, scrap, (energy, unit) = of.good, of.scrap, of.energy
        edges = [t["from"] for t in shop.truth[name].values()]
        made = {
            k: shop.values(f"{name}/{path}", *edges)
            for k, path in (("good", good), ("scrap", scrap), ("kwh", energy))
        }
        points = dict(zip(shop.truth[name], points_of(shop, name, shop.whole_days(name))))
        for (day, truth), (begin, end) in zip(shop.whole_days(name), zip(edges, edges[1:])):
            for what, factor in (("good", 1), ("scrap", 1), ("kwh", unit)):
                found = (float(made[what][end]) - float(made[what][begin])) * factor
                within(found, truth[what], f"{name} {day} {what}")
            assert (
                truth["kwh"] > 0
                and points[day] >= 90
                and (truth["good"] > 0) == (date.fromisoformat(day).weekday() < 5)
            ), (name, day)
    edges = [t["from"] for t in shop.truth["Meter"].values()]
    meter = shop.values("Meter/energy", *edges)
    for (day, truth), (begin, end) in zip(shop.whole_days("Meter"), zip(edges, edges[1:])):
        within(meter[end] - meter[begin], truth["kwh"], f"Meter {day}")


def plans_that_stop():
    """Two plans by which many machines stand still now and for a minute, in different ways."""
    now, found = int(time.time()), []
    for ago in range(900, 36000, 600):
        plan = shop_model.Plan.new(days=0, live=now - ago)
        of = {n: shop_model.Timeline(plan, m) for n, m in shop_model.MACHINES.items()}
        still = {(n, t.now(now + 60).state) for n, t in of.items() if t.now(now + 60).since < now}
        found.append((plan, {x for x in still if x[1] != "running"}))
    first = max(found, key=lambda f: (len({state for _, state in f[1]}), len(f[1])))
    return [first, max(found, key=lambda f: len(f[1] - first[1]))]


def test_what_a_machine_does_is_what_koppel_says_of_it(tmp_path):
    """The intervals of the past are the model's; live ones koppel makes of what machines say."""
    for i, (plan, _) in enumerate(plans_that_stop()):
        (tmp_path / str(i)).mkdir()
        s = Shop(tmp_path / str(i), plan)
        try:
            s.open()
            for name, machine in shop_model.MACHINES.items():
                timeline = shop_model.Timeline(plan, machine)
                does = lambda: shop_model.CANONICAL[timeline.now(time.time()).state]
                wait_for(
                    lambda: s.states()[PATHS[name]] == does(),
                    20,
                    f"{name}: what the model says, {does()}",
                )
        finally:
            s.stop()
