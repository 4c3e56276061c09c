# SPDX-License-Identifier: Apache-2.0
"""Forecasts on a node: days off of the calendar count as days of rest, wherever the calendar says so."""
import calendar
import time

import pytest
import requests
from conftest import Node
from web_client import Api

HOUR = 3600
WORKED, RESTED = 30, 4


def day_of(at):
    return time.strftime("%Y-%m-%d", time.localtime(at))


@pytest.fixture(scope="module")
def plant(tmp_path_factory):
    """Six weeks of a hall's power by the hour: worked from 6 to 18 on working days. Three of those were days off, as tomorrow's first working day will be."""
    node = Node(tmp_path_factory.mktemp("forecast")).start()
    api = Api(node)
    api.ok("POST", "assets", {"path": "hall/mill", "kind": "machine"})
    now = int(time.time()) // HOUR * HOUR
    working = [at for at in range(now - 42 * 24 * HOUR, now + 5 * 24 * HOUR, HOUR) if time.localtime(at).tm_wday < 5]
    off = {day_of(working[i]) for i in (len(working) // 5, len(working) // 2, 4 * len(working) // 5)}
    ahead = next(day_of(at) for at in working if at > now + 20 * HOUR)
    rows = []
    for at in range(now - 42 * 24 * HOUR, now, HOUR):
        t = time.localtime(at)
        works = t.tm_wday < 5 and 6 <= t.tm_hour < 18 and day_of(at) not in off
        for path in ("hall/power", "hall/mill/power", "yard/power"):
            rows.append(f"{path} {(WORKED if works else RESTED) + (at // HOUR * 7 % 5) / 10} {at * 10**9}")
    for i in range(0, len(rows), 1000):
        r = requests.post(api.base + "values", data="\n".join(rows[i:i + 1000]), headers={**api.session.headers, "Content-Type": "text/plain"}, timeout=20)
        assert r.ok, r.text
    yield api, {*off, ahead}, ahead
    node.stop()


def forecast(api, path, day):
    """Of the hours of work of a day: what is said."""
    said = api.ok("GET", "forecast", path=path, horizon="5d", step="1h")["steps"]
    at = [(calendar.timegm(time.strptime(s["from"][:19], "%Y-%m-%dT%H:%M:%S")), s["value"]) for s in said]
    found = [v for t, v in at if day_of(t) == day and 7 <= time.localtime(t).tm_hour < 17]
    assert len(found) == 10
    return found


def test_a_day_off_is_forecast_as_a_day_of_rest_for_the_machine_and_for_its_hall(plant):
    api, off, ahead = plant
    for path in ("hall/power", "hall/mill/power"):
        assert min(forecast(api, path, ahead)) > 20
    shifts = [{"name": "day", "days": "mon-fri", "from": "06:00", "to": "18:00"}]
    api.ok("PUT", "calendar", {"plans": [{"match": "hall/mill", "shifts": shifts, "holidays": sorted(off)}]})
    for path in ("hall/power", "hall/mill/power"):  # the hall has no plan of its own: its machines have
        assert max(forecast(api, path, ahead)) < 8, path
    assert min(forecast(api, "yard/power", ahead)) > 20
    api.ok("PUT", "calendar", {"plans": [{"match": "hall/mill", "shifts": shifts, "holidays": sorted(off)}, {"match": "hall", "shifts": shifts}]})
    assert max(forecast(api, "hall/mill/power", ahead)) < 8
    assert min(forecast(api, "hall/power", ahead)) > 20  # by its own plan it works
    api.ok("PUT", "calendar", {"plans": []})
    assert min(forecast(api, "hall/power", ahead)) > 20
