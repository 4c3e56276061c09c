# SPDX-License-Identifier: Apache-2.0
"""Server-sent events: everything arrives, a slow reader harms nobody, what is dropped is freed."""
import time

import pytest

from conftest import wait_for
from web_client import Api, Events, open_files, open_stream, sanitized, statm_kib


@pytest.fixture
def api(node):
    return Api(node)


def couple(node, api, servers, variables, rate):
    server = servers("opcua_sim", "--variables", variables, "--rate", rate)
    api.ok("POST", "couplings", {"url": server.url, "name": "line", "at": "site/line", "security": "none"})
    node.wait_link("line", "online")
    wait_for(lambda: len(api.ok("GET", "signals", match="site/line/**/v*", limit=1000)["signals"]) == variables, 30, "the signals")


def test_current_values_come_first_then_every_change_in_order(node, api, servers):
    couple(node, api, servers, 5, 10)
    with open_stream(node, "?match=site/line/**/v0") as s:
        values, events = [], Events(s)
        while len(values) <= 20:
            values += events.values(0.5)
    assert {v["path"] for v in values} == {api.ok("GET", "signals", match="site/line/**/v0")["signals"][0]["path"]}
    assert set(values[0]) == {"path", "id", "value", "status", "time"}
    numbers = [v["value"] for v in values]
    assert numbers == list(range(int(numbers[0]), int(numbers[0]) + len(numbers)))


def test_a_pattern_a_rate_and_a_deadband_narrow_the_stream(node, api, servers):
    couple(node, api, servers, 5, 20)
    with open_stream(node, "?match=site/line/**/v1,site/line/**/v2&every=1s") as s:
        values = Events(s).values(4)
    assert {v["path"][-2:] for v in values} == {"v1", "v2"}
    assert len(values) <= 2 * 6
    with open_stream(node, "?match=site/line/**/v3&deadband=9.5") as s:
        numbers = [v["value"] for v in Events(s).values(4)]
    assert len(numbers) > 3 and all(b - a >= 10 for a, b in zip(numbers[1:], numbers[2:]))  # the first is the current value


def test_intervals_come_when_asked_for(node, api):
    api.ok("POST", "assets", {"path": "plant/press"})
    with open_stream(node, "?intervals=1") as s:
        events = Events(s)
        made = api.ok("POST", "intervals", {"path": "plant/press", "kind": "stop"})
        event, data = events.next()
        while event != "interval":
            event, data = events.next()
        assert (data["id"], data["path"], data["kind"], data["end"]) == (made["id"], "plant/press", "stop", None)
        api.ok("DELETE", f"intervals/{made['id']}")
        event, data = events.next()
        assert event == "interval" and data["removed"] is True


def test_a_quiet_stream_gets_a_heartbeat(node):
    with open_stream(node, "?match=nothing") as s:
        events = Events(s)
        began = time.monotonic()
        assert events.next() == ("", "")  # the time to wait before connecting again
        assert events.next() == ("", "")  # the heartbeat
        assert 13 < time.monotonic() - began < 19


def test_a_reader_that_stands_still_is_fed_again_and_the_others_miss_nothing(node, api, servers):
    couple(node, api, servers, 200, 20)
    with open_stream(node, "?match=site/line", buffer=4096) as still, open_stream(node, "?match=site/line/**/v7") as other:
        behind, good, got, memory = Events(still), Events(other), [], []
        for _ in range(25):
            got += good.values(1)
            memory.append(statm_kib(node.process))
        seen, fed = False, set()
        limit = time.monotonic() + 30
        while time.monotonic() < limit and len(fed) < 200:
            event, data = behind.next()
            seen |= event == "behind"
            if seen and event == "values":
                fed |= {v["path"] for v in data if "/v" in v["path"]}
        assert seen, "it never fell behind"
        assert len(fed) == 200
    assert len(got) > 100
    time.sleep(1)  # what came last is committed
    points = api.ok("GET", "history", **{"path": got[0]["path"], "from": got[0]["time"], "limit": 100000})["series"][0]["points"]
    assert [(v["time"], v["value"]) for v in got] == [(p[0], p[1]) for p in points][:len(got)]
    if not sanitized(node.process):
        assert memory[-1] - memory[len(memory) // 2] < 16 * 1024


def test_200_streams_opened_and_dropped_leak_nothing(node, api, servers):
    couple(node, api, servers, 20, 5)

    def round_of(n):
        streams = [open_stream(node, "?match=site/**") for _ in range(n)]
        for s in streams:
            assert b"200 OK" in s.recv(4096)
        assert api.ok("GET", "status")["hub"]["subscribers"] >= n
        for s in streams:
            s.close()
        wait_for(lambda: api.ok("GET", "status")["hub"]["subscribers"] == 0, 10, "streams ended")

    round_of(200)
    files, memory = open_files(node.process), statm_kib(node.process)
    for _ in range(3):
        round_of(200)
    wait_for(lambda: open_files(node.process) <= files + 20, 10, "files closed")
    if not sanitized(node.process):
        assert statm_kib(node.process) - memory < 20 * 1024


def test_more_streams_than_there_may_be_are_refused(node, api):
    streams = []
    try:
        for _ in range(300):
            s = open_stream(node, "?match=x")
            streams.append(s)
            head = s.recv(4096)
            if b"200 OK" not in head:
                break
        assert b" 409 " in head.split(b"\r\n")[0], head
        assert 200 <= len(streams) <= 257
        assert api.ok("GET", "status")["node"] == "test"
    finally:
        for s in streams:
            s.close()
