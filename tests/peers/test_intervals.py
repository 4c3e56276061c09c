# SPDX-License-Identifier: Apache-2.0
"""Intervals by hand and their sums, through REST, SQL and the command line of a running node."""
import random
import re
import shlex
from datetime import datetime, timedelta, timezone

import pytest

from conftest import ROOT
from web_client import Api

START = datetime(2026, 1, 5, tzinfo=timezone.utc)  # a Monday
HOUR = 3600 * 10**9


def at(hours):
    return (START + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def api(node):
    a = Api(node)
    for path in ("hall", "hall/mill", "hall/press", "yard"):
        a.ok("POST", "assets", {"path": path, "kind": "machine"})
    return a


def put(api, path, kind, start, end, **attributes):
    body = {"path": path, "kind": kind, "start": at(start), "end": None if end is None else at(end), "attributes": attributes}
    return api.ok("POST", "intervals", body)["id"]


def sums(api, asset="hall/mill", kind="state", start=0, end=24, **query):
    """[(shift or hour of the step, {value: hours})] of the one asset asked for."""
    reply = api.ok("GET", "intervals/sum", asset=asset, kind=kind, **{"from": at(start), "to": at(end)}, **query)
    assert len(reply["assets"]) == 1
    return [(s["shift"] or s["from"][11:16], {v["value"]: v["ns"] / HOUR for v in s["values"]}) for s in reply["assets"][0]["steps"]]


def test_time_in_state_per_hour_and_per_shift_over_midnight(api):
    put(api, "hall/mill", "state", -3, 7.5, state="running")
    put(api, "hall/mill", "state", 7.5, 9, state="stopped")
    put(api, "hall/mill", "state", 9, 30, state="running")
    assert sums(api) == [("00:00", {"running": 22.5, "stopped": 1.5})]
    assert sums(api, every="8h") == [("00:00", {"running": 7.5, "stopped": 0.5}), ("08:00", {"running": 7, "stopped": 1}), ("16:00", {"running": 8})]
    assert sums(api, by="shift") == []  # no shifts yet
    for name, start in (("night", -2), ("early", 6), ("late", 14), ("night", 22)):
        put(api, "hall", "shift", start, start + 8, name=name)
    assert sums(api, by="shift") == [("night", {"running": 6}), ("early", {"running": 6.5, "stopped": 1.5}), ("late", {"running": 8}), ("night", {"running": 2})]
    assert sums(api, by="shift", start=-2, end=6) == [("night", {"running": 8})]
    assert sums(api, asset="hall/press", by="shift", start=6, end=14) == [("early", {None: 8})]


def test_an_open_interval_counts_until_it_is_ended(api):
    stop = put(api, "hall/mill", "stop", 2, None, reason="jam")
    assert sums(api, kind="stop", end=5) == [("00:00", {"jam": 3, None: 2})]
    api.ok("PATCH", f"intervals/{stop}", {"end": at(4)})
    assert sums(api, kind="stop", end=5) == [("00:00", {"jam": 2, None: 3})]
    api.ok("DELETE", f"intervals/{stop}")
    assert sums(api, kind="stop", end=5) == [("00:00", {None: 5})]


def test_a_pattern_gives_all_assets_that_have_such_intervals(api):
    put(api, "hall/press", "job", 1, 2, name="A", customer="x")
    put(api, "hall/mill", "job", 1, 3, name="B", customer="x")
    put(api, "yard", "job", 1, 3, name="C")
    put(api, "", "alarm", 1, 2, key="disk")
    asked = lambda asset, **q: [(a["path"], a["steps"][0]["values"][0]["value"]) for a in api.ok("GET", "intervals/sum", asset=asset, **{"kind": "job", "from": at(0), "to": at(24), **q})["assets"]]
    assert asked("hall/*") == [("hall/mill", "B"), ("hall/press", "A")]
    assert asked("**", attribute="customer") == [("hall/mill", "x"), ("hall/press", "x"), ("yard", "")]
    assert asked(["yard", "hall/mill"]) == [("yard", "C"), ("hall/mill", "B")]
    assert asked("**", kind="batch") == []
    assert asked("", kind="alarm") == [("", "disk")]


@pytest.mark.parametrize("query, status, said", [
    ({"kind": "state"}, 400, "asset"), ({"asset": "hall/mill"}, 400, "kind"),
    ({"asset": "hall/mil", "kind": "state"}, 404, "no asset 'hall/mil'"),
    ({"asset": "hall/mill", "kind": "stat"}, 400, "kind"),
    ({"asset": "hall/mill", "kind": "state", "every": "1h", "by": "shift"}, 400, "not both"),
    ({"asset": "hall/mill", "kind": "state", "by": "every"}, 400, "by"),
    ({"asset": "hall/mill", "kind": "state", "every": "1ms"}, 400, "every"),
    ({"asset": "hall/mill", "kind": "state", "from": "2026-01-02", "to": "2026-01-01"}, 400, "from must be before to"),
    ({"asset": "hall/mill", "kind": "state", "from": "1900-01-01", "to": "2250-01-01"}, 400, "292 years"),
    ({"asset": "hall/mill", "kind": "state", "from": "2020-01-01", "to": "2026-01-01", "every": "1s"}, 400, "more than 100000 steps"),
    ({"asset": "hall/mill", "kind": "state", "attribute": 'a"b'}, 400, "is not the name of an attribute"),
])
def test_what_is_wrong_with_a_question_is_said(api, query, status, said):
    assert said in api.refused(status, "GET", "intervals/sum", **query)


def test_sum_is_a_word_and_no_number_of_an_interval(api):
    for method in ("PATCH", "DELETE", "POST"):
        r = api.send(method, "intervals/sum", {} if method != "DELETE" else None)
        assert r.status_code == 405 and r.headers["Allow"] == "GET"


def test_sql_rest_and_command_line_say_the_same(node, api):
    draw = random.Random(5)
    for _ in range(60):
        start = draw.uniform(0, 40)
        put(api, "hall/mill", "state", start, start + draw.choice((0, 0.25, 1, 5)), state=draw.choice("abc"))
    for name, start in (("early", 6), ("late", 14), ("early", 30)):
        put(api, "hall", "shift", start, start + 8, name=name)
    rest = sums(api, end=48, by="shift")
    rows = node.json("sql", f"select shift, value, ns, time from interval_agg('state', 'hall/mill', kp_ns('{at(0)}'), kp_ns('{at(48)}'), 'shift') order by until, value is null, value")["rows"]
    assert [(r[0], r[1], r[2] / HOUR) for r in rows] == [(shift, value, hours) for shift, values in rest for value, hours in values.items()]
    csv = node.cli("intervals", "hall/mill", "--sum", "--by", "shift", "--from", at(0), "--to", at(48), "--csv").stdout.splitlines()
    assert csv[0] == "asset,from,to,shift,value,ns,began,open"
    assert [(c[3], c[4] or None, int(c[5]) / HOUR) for c in (line.split(",") for line in csv[1:])] == [(r[0], r[1], r[2] / HOUR) for r in rows]


def test_the_example_of_the_document_works_as_it_stands(node, api):
    text = (ROOT / "docs" / "history.md").read_text().split("## Intervals")[1].split("\n## ")[0]
    said = []
    for line in re.findall(r"^    koppel (.*)$", text, re.M):
        said.append(node.cli(*shlex.split(line, comments=True)).stdout)
    table = re.search(r"^    hall/mill\n(?:    .*\n)+", text, re.M).group(0)
    strip = lambda t: [line.split() for line in t.splitlines() if line.strip()]
    assert strip(said[7]) == strip(table)
    assert said[5].strip() == "interval 5 closed" and "reason=tool change" in said[6]
    assert "early" in said[8] and "7.1" in said[8]


def test_bars_a_table_and_misuse(node, api):
    put(api, "hall/mill", "state", 0, 3, state="running")
    put(api, "hall/mill", "state", 3, 4, state='"; drop')
    words = ("intervals", "hall/mill", "--from", at(0), "--to", at(8), "--every", "4h", "--utc")
    plot = node.cli(*words, "--plot", env={"COLUMNS": "60", "PATH": "/usr/bin"}).stdout.splitlines()
    assert plot[0] == "hall/mill" and abs(plot[1].count("█") - 3 * plot[1].count("▓")) <= 2 and "·" in plot[2] and "running" in plot[3]
    assert max(map(len, plot)) <= 60
    table = node.cli(*words).stdout.splitlines()
    assert table[2].split() == ["2026-01-05T00:00:00Z", "3:00", "75%", "1:00", "25%"]
    listed = node.json("intervals", "hall/mill", "--from", at(0), "--to", at(8))["intervals"]
    assert [i["attributes"]["state"] for i in listed] == ["running", '"; drop']
    for wrong in (("--sum",), ("hall/mill", "--add"), ("--close", "1", "--remove", "2"), ("hall/mill", "--close", "1"),
                  ("hall/mill", "--from", "soon"), ("hall/mill", "--add", "--kind", "stop", "--set", "reason")):
        assert node.cli("intervals", *wrong, check=False).returncode == 2
    for failing in (("hall/mill", "--by", "fortnight"), ("nowhere", "--sum"), ("--close", "x"), ("hall/mill", "--add", "--kind", "stade")):
        assert node.cli("intervals", *failing, check=False).returncode == 1


def test_labels_are_kept_when_an_interval_is_made_by_hand(node, api):
    node.cli("intervals", "hall/mill", "--add", "--kind", "job", "--label", "secret", "--set", "name=4711")
    job = node.json("intervals", "hall/mill")["intervals"][0]
    assert job["label"] == job["labelInForce"] == "secret" and job["attributes"] == {"name": 4711} and job["end"] is None
