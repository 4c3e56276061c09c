# SPDX-License-Identifier: Apache-2.0
"""The shop floor: of thirty imported days of the demo shop koppel's key figures, stops, parts and energy are what the shop's
own record says; people give reasons and count by hand; the clock changes; roles are kept."""
import bisect
import json
import os
import subprocess
import sys
from datetime import date, datetime, timedelta

import pytest
from conftest import KOPPEL, Node, wait_for
from test_demo import DEMO, MACHINES, Shop, shop_model, stamp, within
from shop_names import HALL, PATHS, SIGNALS
from web_client import Api

SHIFTS = [{"name": n, "days": "mon-fri", "from": f"{a:02}:00", "to": f"{b:02}:00"} for n, a, b in shop_model.SHIFTS]
CALENDAR = {"plans": [{"match": HALL, "shifts": SHIFTS}]}


def machine_rule(name):
    """Where the counters of a machine of the demo stand, and how long its parts should take."""
    _, programs, good, scrap, _, _, _, (energy, _) = SIGNALS[name]
    return {"match": PATHS[name], "good": good, "scrap": scrap, "program": programs[0], "energy": energy, "threshold": "1s",
            "cycles": {p.name: p.cycle for p in shop_model.MACHINES[name].programs}}


SETTINGS = {"machines": [machine_rule(n) for n in MACHINES], "energy": {"price": 0.25, "co2": "0.3"}}


class Patient(Api):
    """Asks again while days are missing, for they are still being summed up."""

    def ok(self, *words, **more):
        return wait_for(lambda: "making" not in ((reply := super(Patient, self).ok(*words, **more)) or {}) and (reply or True), 60, "all days")


class Past(Shop):
    """A node with the shop's past, and no machines; its clock on the wall is that of the shop."""

    def __init__(self, folder):
        self.plan, self.file = shop_model.Plan.new(step=120), folder / "shop.json"
        self.file.write_text(json.dumps(self.plan.__dict__))
        os.environ["TZ"] = "Europe/Amsterdam"
        try:
            self.node = Node(folder).start()
        finally:
            del os.environ["TZ"]
        self.api = Patient(self.node)
        self.bring_past(folder / "past")
        self.api.ok("PATCH", "signal", {"unit": "JOU"}, path=f"{PATHS['Lathe-01']}/{SIGNALS['Lathe-01'][7][0]}")

    def stop(self):
        self.node.stop()


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    p = Past(tmp_path_factory.mktemp("shop"))
    p.api.ok("PUT", "calendar", CALENDAR)
    p.api.ok("PUT", "shop", SETTINGS)
    yield p
    p.stop()


def planned_cycle(plan, name):
    """{day: how long the parts of that day should have taken, in s}, by the shop's model."""
    segments, parts = shop_model.Timeline(plan, shop_model.MACHINES[name]).past()
    cycles = {p.name: p.cycle for p in shop_model.MACHINES[name].programs}
    starts, sums = [s.start for s in segments], {}
    for at, _ in parts:
        program = segments[bisect.bisect_right(starts, at - 1) - 1].program
        day = str(shop_model.day_of(at))
        sums[day] = sums.get(day, 0) + cycles[program]
    return sums


def span(past, name):
    days = past.whole_days(name)
    return {"from": stamp(days[0][1]["from"]), "to": stamp(days[-1][1]["to"])}


def steps_by_day(asset):
    return {str(shop_model.day_of(datetime.fromisoformat(s["from"]).timestamp())): s for s in asset["steps"]}


def test_each_day_of_thirty_has_the_key_figures_that_the_shop_says(past):
    reply = past.api.ok("GET", "oee", asset=HALL + "/**", every="day", **span(past, "Mill-01"))
    assets = {a["path"]: a for a in reply["assets"]}
    assert set(assets) == {PATHS[n] for n in MACHINES}
    for name in MACHINES:
        asset, cycles = assets[PATHS[name]], planned_cycle(past.plan, name)
        assert asset["calendar"] and {c["by"] for c in asset["cycles"]} == {"set"}
        found = steps_by_day(asset)
        for day, truth in past.whole_days(name):
            step, works, made = found[day], date.fromisoformat(day).weekday() < 5, truth["good"] + truth["scrap"]
            assert step["pbt"] == (16 * 3600 if works else 0), (name, day)
            assert (step["gq"], step["scrap"], step["pq"]) == (truth["good"], truth["scrap"], made), (name, day)
            assert step["doubtful"] == {"parts": 0, "jumps": 0, "resets": 0}
            within(step["energy"]["kwh"], truth["kwh"], f"{name} {day} kWh")
            within(step["energy"]["cost"], truth["kwh"] * 0.25, f"{name} {day} cost")
            within(step["energy"]["co2Kg"], truth["kwh"] * 0.3, f"{name} {day} CO2")
            if not works:
                assert step["oee"] is None
                continue
            assert step["apt"] == truth["seconds"]["running"] and step["aust"] == truth["seconds"]["setup"], (name, day)
            within(step["energy"]["kwhPerPart"], truth["kwh"] / made, f"{name} {day} kWh a part")
            availability, quality = truth["seconds"]["running"] / step["pbt"], truth["good"] / made
            effectiveness = cycles[day] / truth["seconds"]["running"]
            within(step["oee"], availability * effectiveness * quality, f"{name} {day} OEE")
            within(step["effectiveness"], effectiveness, f"{name} {day} effectiveness")


def test_each_day_of_thirty_lost_the_time_that_the_shop_says_to_each_reason(past):
    for name in MACHINES:
        for day, truth in past.whole_days(name):
            reply = past.api.ok("GET", "stops", asset=PATHS[name], limit=0, **{"from": stamp(truth["from"]), "to": stamp(truth["to"])})
            found = {r["reason"]: r for r in reply["reasons"]}
            want = {}
            for s in truth["stops"]:
                want.setdefault(s["reason"], []).append(s["end"] - s["start"])
            assert set(found) - {None} == set(want), (name, day)
            for reason, times in want.items():
                within(found[reason]["seconds"], sum(times), f"{name} {day} {reason}")
                assert found[reason]["count"] == len(times), (name, day, reason)


def test_shifts_days_and_weeks_add_up_to_the_same(past):
    whole, sums = span(past, "Press-01"), {}
    for every in ("shift", "day", "week", None):
        steps = past.api.ok("GET", "oee", asset=PATHS["Press-01"], every=every, **whole)["assets"][0]["steps"]
        sums[every] = [sum(s[k] for s in steps) for k in ("pbt", "apt", "pq", "gq")]
        if every == "shift":
            assert {s["shift"] for s in steps} == {"early", "late"} and {s["pbt"] for s in steps} == {8 * 3600}
    assert sums["shift"] == sums["day"] == sums["week"] == sums[None] and sums[None][2] > 0


def test_the_best_a_machine_has_shown_counts_where_nobody_set_a_cycle(past):
    # the mill is handed its workpieces while it does not run
    names = ["Lathe-01", "Mill-01"]
    rules = [dict(m, cycles=None) if m["match"] in [PATHS[n] for n in names] else m for m in SETTINGS["machines"]]
    past.api.ok("PUT", "shop", dict(SETTINGS, machines=rules))
    try:
        for name in names:
            asset = past.api.ok("GET", "oee", asset=PATHS[name], **span(past, name))["assets"][0]
            found = {c["program"]: c for c in asset["cycles"]}
            for p in shop_model.MACHINES[name].programs:
                assert found[p.name]["by"] == "best"
                assert 0.93 * p.cycle <= found[p.name]["seconds"] <= 1.0 * p.cycle
            assert 0.93 <= asset["steps"][0]["effectiveness"] <= 1
    finally:
        past.api.ok("PUT", "shop", SETTINGS)


def test_a_reason_given_by_hand_moves_the_time_and_keeps_what_the_machine_said(past):
    api, name = past.api, "Mill-02"
    day = {"asset": PATHS[name], **span(past, name)}
    before = api.ok("GET", "stops", reason="none", limit=5, **day)
    stop = before["stops"][0]
    assert stop["reason"] is None and stop["seconds"] == max(s["seconds"] for s in before["stops"])
    assert "no operator" in api.refused(400, "PUT", f"stops/{stop['id']}", {"reason": "no operater"})
    api.refused(404, "PUT", "stops/999999999", {"reason": "no operator"})
    api.ok("PUT", f"stops/{stop['id']}", {"reason": "no operator", "comment": "feast"})
    listed = {s["id"]: s for s in api.ok("GET", "stops", reason="no operator", **day)["stops"]}
    assert listed[stop["id"]]["comment"] == "feast" and listed[stop["id"]]["by"] and listed[stop["id"]]["at"]
    cost = {r["reason"]: r["seconds"] for r in api.ok("GET", "stops", limit=0, **day)["reasons"]}
    was = {r["reason"]: r["seconds"] for r in before["reasons"]}
    assert cost["no operator"] == stop["seconds"] and cost[None] == was[None] - stop["seconds"]
    raw = past.node.json("sql", f"select attributes from interval where id = {stop['id']}")["rows"][0][0]
    assert json.loads(raw)["state"] == stop["state"]
    api.ok("PUT", f"stops/{stop['id']}", {"state": "maintenance"})
    corrected = {s["id"]: s for s in api.ok("GET", "stops", reason="no operator", **day)["stops"]}[stop["id"]]
    assert (corrected["state"], corrected["told"]) == ("maintenance", stop["state"])
    api.ok("PUT", f"stops/{stop['id']}", {"reason": None, "state": None, "comment": None})
    assert {r["reason"]: r["seconds"] for r in api.ok("GET", "stops", limit=0, **day)["reasons"]} == was


def test_parts_counted_by_hand_are_added_and_taken_back(past):
    api, name = past.api, "Oven-01"
    day, truth = past.whole_days(name)[-1] if date.fromisoformat(past.whole_days(name)[-1][0]).weekday() < 5 else \
        next(d for d in reversed(past.whole_days(name)) if date.fromisoformat(d[0]).weekday() < 5)
    when = {"from": stamp(truth["from"]), "to": stamp(truth["to"])}
    count = lambda: [api.ok("GET", "oee", asset=PATHS[name], **when)["assets"][0]["steps"][0][k] for k in ("gq", "scrap")]
    was = count()
    noon = stamp(truth["from"] + 12 * 3600)
    api.ok("POST", "parts", {"asset": PATHS[name], "good": 7, "scrap": 2, "at": noon, "comment": "found in a box"})
    assert count() == [was[0] + 7, was[1] + 2]
    past.node.cli("flex", "parts", PATHS[name], "--good", "-7", "--scrap", "-2", "--at", noon)
    assert count() == was
    assert "how many" in api.refused(400, "POST", "parts", {"asset": PATHS[name]})
    api.refused(404, "POST", "parts", {"asset": "no/such", "good": 1})


def test_a_late_interval_changes_the_day_that_was_summed_up(past):
    api, path = past.api, PATHS["Laser-01"]
    _, truth = next(d for d in past.whole_days("Laser-01") if date.fromisoformat(d[0]).weekday() >= 5)
    when = {"from": stamp(truth["from"]), "to": stamp(truth["to"])}
    overtime = lambda: api.ok("GET", "oee", asset=path, **when)["assets"][0]["steps"][0]["overtime"]["seconds"]
    assert overtime() == 0
    begin = truth["from"] + 9 * 3600
    off = next(i for i in api.ok("GET", "intervals", path=path, kind="state", **when)["intervals"])
    api.ok("PATCH", f"intervals/{off['id']}", {"end": stamp(begin)})
    new = api.ok("POST", "intervals", {"path": path, "kind": "state", "start": stamp(begin), "end": stamp(begin + 600),
                                       "attributes": {"state": "running"}})
    assert overtime() == 600
    api.ok("DELETE", f"intervals/{new['id']}")
    assert overtime() == 0
    api.ok("PATCH", f"intervals/{off['id']}", {"end": off["end"]})


def test_the_calendar_knows_days_off_and_maintenance_and_says_what_is_wrong(past):
    api = past.api
    monday = date(2027, 3, 22)
    maintenance = {"match": PATHS["Mill-01"], "from": "2027-03-23T10:00:00+01:00", "to": "2027-03-23T12:00:00+01:00"}
    night = {"name": "night", "days": "mon-sun", "from": "22:00", "to": "06:00"}
    api.ok("PUT", "calendar", {"plans": [{"match": HALL, "shifts": SHIFTS, "holidays": ["2027-03-24"]},
                                         {"match": PATHS["Laser-01"], "shifts": [night]}], "maintenance": [maintenance]})
    try:
        def hours(name, day):
            spans = api.ok("GET", "calendar/planned", asset=PATHS[name], **{"from": stamp(shop_model.midnight(day)), "to": stamp(
                shop_model.midnight(day + timedelta(days=1)))})["planned"]
            at = lambda s, k: datetime.fromisoformat(s[k]).timestamp()
            return [(s["shift"], (at(s, "to") - at(s, "from")) / 3600) for s in spans]
        assert hours("Mill-01", monday) == [("early", 8), ("late", 8)]
        assert hours("Mill-01", monday + timedelta(days=1)) == [("early", 4), ("early", 2), ("late", 8)]
        assert hours("Mill-02", monday + timedelta(days=2)) == [] == hours("Mill-02", monday + timedelta(days=5))
        spring, autumn = date(2027, 3, 28), date(2027, 10, 31)
        assert hours("Laser-01", spring) == [("night", 5), ("night", 2)] and hours("Laser-01", autumn) == [("night", 7), ("night", 2)]
    finally:
        api.ok("PUT", "calendar", CALENDAR)
    wrong = lambda **more: api.refused(400, "PUT", "calendar", {"plans": [{"shifts": [dict(SHIFTS[0], **more)]}]})
    assert "plans[0].shifts[0].days" in wrong(days="mo-fr")
    assert "plans[0].shifts[0].from" in wrong(**{"from": "25:00"})
    assert "did you mean 'shifts'" in api.refused(400, "PUT", "calendar", {"plans": [{"shift": []}]})
    assert "holidays[0]" in api.refused(400, "PUT", "calendar", {"plans": [{"holidays": ["2027-02-30"]}]})
    assert "ends before it begins" in api.refused(400, "PUT", "calendar", {"maintenance": [dict(maintenance, to=maintenance["from"])]})
    assert api.ok("GET", "calendar")["plans"] == CALENDAR["plans"]


def test_people_read_tables_and_programs_read_json(past):
    days = past.whole_days("Mill-03")
    when = ["--from", stamp(days[0][1]["from"]), "--to", stamp(days[-1][1]["to"])]
    table = past.node.cli("flex", "oee", PATHS["Mill-03"], "--every", "week", *when).stdout
    assert "OEE" in table and "PBT" in table and "%" in table
    assert past.node.json("flex", "oee", PATHS["Mill-03"], *when)["assets"][0]["steps"][0]["pq"] > 0
    assert "set-up" in past.node.cli("flex", "stops", PATHS["Mill-03"], "--sum", *when).stdout
    assert "breakdown" in past.node.cli("flex", "reason").stdout
    assert "kWh" in past.node.cli("flex", "energy", PATHS["Mill-03"], "--every", "day", *when).stdout
    assert "early" in past.node.cli("flex", "calendar", PATHS["Mill-03"]).stdout
    assert "free h" in past.node.cli("flex", "capacity", PATHS["Mill-03"], "--weeks", "2").stdout
    assert past.node.cli("flex", "oeee", check=False).returncode == 2


def test_free_time_is_planned_time_times_what_the_machine_makes_of_it(past):
    for asset in past.api.ok("GET", "capacity", asset=HALL + "/**", weeks=8)["assets"]:
        assert asset["shifts"] == 20 and 0.3 < asset["yield"] < 1
        full = asset["weeks"][7]  # beyond all orders
        assert (full["plannedHours"], full["bookedHours"]) == (80, 0) and abs(full["freeHours"] - 80 * asset["yield"]) <= 0.5


def test_bookings_of_the_demos_orders_have_the_parts_that_the_shop_says(past):
    settings = {**SETTINGS, "groups": [{"name": "milling", "match": HALL + "/Mill-*"}]}
    past.api.ok("PUT", "shop", settings)
    before = past.api.ok("GET", "capacity", asset=HALL + "/**", weeks=3)["assets"]
    for _ in range(2):  # the second time they are there already
        done = subprocess.run([sys.executable, DEMO / "orders.py", KOPPEL, past.node.dir, "--shop", past.file], capture_output=True, text=True)
        assert done.stdout == f"{3 * len(MACHINES) + 2} work orders\n", done.stderr
    orders = past.api.ok("GET", "orders", state="all")["orders"]
    states = {s: [o for o in orders if o["state"] == s] for s in ("open", "started", "finished")}
    assert [len(v) for v in states.values()] == [len(MACHINES) + 2, len(MACHINES), len(MACHINES)]
    assert [o["operations"][0]["asset"] for o in orders if o["late"]] == [PATHS[MACHINES[0]]]
    for name in MACHINES:
        one, = [o for o in states["finished"] if o["operations"][0]["asset"] == PATHS[name]]
        booking, = past.api.ok("GET", "bookings", order=one["id"])["bookings"]
        begin, end = (int(datetime.fromisoformat(booking[k]).timestamp()) for k in ("start", "end"))
        segments, parts = shop_model.Timeline(past.plan, shop_model.MACHINES[name]).past()
        made = [good for at, good in parts if begin <= at < end]
        assert (booking["good"], booking["scrap"]) == (sum(made), len(made) - sum(made)), name
        for state in ("running", "setup"):
            assert booking[state + "Seconds"] == sum(s.end - s.start for s in segments if s.state == state and begin <= s.start < end), (name, state)
    after = past.api.ok("GET", "capacity", asset=HALL + "/**", weeks=3)
    assert sum(w["bookedHours"] for w in after["groups"][0]["weeks"]) > 7
    left = lambda assets: sum(w["freeHours"] for a in assets for w in a["weeks"])
    assert left(after["assets"]) < left(before) - 20
    past.api.ok("PUT", "shop", SETTINGS)


def test_the_calendar_and_the_settings_stand_in_apply_files(past, tmp_path):
    exported = tmp_path / "node.yaml"
    past.node.cli("export", exported)
    text = exported.read_text()
    assert "\ncalendar:" in text and "\nshop:" in text
    same = past.node.cli("apply", exported, "--dry-run").stdout
    assert "calendar" not in same and "shop" not in same
    other = tmp_path / "other.yaml"
    other.write_text('calendar:\n  plans:\n    - match: "eindhoven/**"\n      shifts:\n        - name: night\n          from: "22:00"\n          to: "06:00"\n')
    assert "calendar" in past.node.cli("apply", other).stdout
    assert past.api.ok("GET", "calendar")["plans"][0]["shifts"][0]["name"] == "night"
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text('calendar:\n  plans:\n    - shifts:\n        - name: night\n          from: "22:00"\n')
    refused = past.node.cli("apply", wrong, check=False)
    assert refused.returncode == 1 and "plans[0].shifts[0].to is missing" in refused.stderr
    past.node.cli("apply", exported)
    assert past.api.ok("GET", "calendar")["plans"] == CALENDAR["plans"]
    assert past.api.ok("GET", "shop")["machines"][0]["good"] == SETTINGS["machines"][0]["good"]


def test_roles_decide_who_gives_reasons_and_who_changes_shifts(past):
    def of(role):
        token = past.node.json("token", "add", role, "--role", role)["token"]
        return Api(past.node, Authorization="Bearer " + token)
    viewer, operator = of("viewer"), of("operator")
    viewer.ok("GET", "oee", asset=PATHS["Mill-01"])
    viewer.refused(403, "POST", "parts", {"asset": PATHS["Mill-01"], "good": 1})
    viewer.refused(403, "PUT", "stops/1", {"comment": "x"})
    operator.refused(403, "PUT", "calendar", CALENDAR)
    operator.refused(403, "PUT", "shop", SETTINGS)
    stop = operator.ok("GET", "stops", asset=PATHS["Mill-01"], limit=1, **span(past, "Mill-01"))["stops"][0]
    operator.ok("PUT", f"stops/{stop['id']}", {"comment": "seen"})
    operator.ok("PUT", f"stops/{stop['id']}", {"comment": None})
