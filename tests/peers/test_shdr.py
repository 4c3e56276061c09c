# SPDX-License-Identifier: Apache-2.0
"""Adapters without an agent: SHDR over TCP, learned from what comes or read by a map."""
import json
import os
import re
import socket
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest
from conftest import wait_for
from mtconnect_kit import kept, stamp
from web_client import Api

DATA = Path(os.environ.get("KOPPEL_DATA", "/nonexistent")) / "mtconnect"
needs_recording = pytest.mark.skipif(not (DATA / "okuma.txt").exists(),
                                     reason="the recording of a real Okuma is not here (KOPPEL_DATA/mtconnect/okuma.txt)")


class Adapter:
    """A TCP server that sends what it is told to whoever connects."""

    def __init__(self, greeting="", pong=None):
        self.greeting = greeting
        self.pong = pong
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"shdr://127.0.0.1:{self.port}"
        self.links, self.pings, self.answers, self.connects = [], 0, True, 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            self.connects += 1
            try:
                link.sendall(self.greeting.encode("utf-8", "surrogateescape"))
            except OSError:
                continue
            self.links.append(link)
            threading.Thread(target=self.read, args=(link,), daemon=True).start()

    def read(self, link):
        try:
            while data := link.recv(4096):
                self.pings += data.count(b"* PING\n")
                if self.pong and self.answers:
                    link.sendall(f"* PONG {self.pong}\n".encode())
        except OSError:
            pass

    def send(self, *lines):
        for link in self.links:
            link.sendall("".join(line + "\n" for line in lines).encode("utf-8", "surrogateescape"))

    def drop(self):
        for link in self.links:
            link.close()
        self.links = []

    def close(self):
        self.listener.close()
        self.drop()


@pytest.fixture
def adapter():
    made = []

    def make(*options, **named):
        made.append(Adapter(*options, **named))
        return made[-1]

    yield make
    for a in made:
        a.close()


def signals(node):
    return Api(node).ok("GET", "signals", match="m/**", limit=1000)["signals"]


def now():
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def couple(node, url, *options):
    node.cli("couple", url, "--name", "m", "--at", "m", "--no-wait", "--set", "clock=source", *options)
    node.wait_link("m", "online", 20)


def value(node, path, check=lambda v: True):
    def there():
        done = node.cli("get", path, "--json", check=False)
        v = json.loads(done.stdout)["signals"][0] if done.returncode == 0 else None
        return v and v["arrived"] and check(v) and v
    return wait_for(there, 20, path)


def alarms(node, check):
    def there():
        found = sorted((i for i in node.json("intervals", "--from", "-1d")["intervals"] if i["kind"] == "alarm"),
                       key=lambda i: i["start"])
        return found if check(found) else None
    return wait_for(there, 20, "alarms")


def test_every_key_seen_becomes_a_signal_with_its_usual_role(node, adapter):
    a = adapter("2026-03-01T10:00:00.5Z|execution|READY|Xact|1.5|program|O100|Mill2:Xload|17|lost|UNAVAILABLE\n")
    couple(node, a.url)
    x = value(node, "m/Xact")
    assert (x["type"], x["value"], x["time"]) == ("double", 1.5, "2026-03-01T10:00:00.500Z")
    state = value(node, "m/execution")
    assert (state["role"], state["value"]) == ("state", "READY") and state["states"].startswith("running=ACTIVE")
    assert value(node, "m/program")["role"] == "program" and value(node, "m/Mill2/Xload")["role"] == "load"
    a.send("2026-03-01T10:00:01Z|Xact|2|late|first", "2026-03-01T10:00:02Z|Xact|3", "2026-03-01T10:00:03Z|Xact|UNAVAILABLE")
    assert value(node, "m/late")["value"] == "first"
    gone = value(node, "m/Xact", lambda v: v["value"] is None)
    assert gone["status"]["name"] == "BadNoCommunication"
    day = ("--from", "2026-03-01T00:00:00Z", "--to", "2026-03-02T00:00:00Z")
    wait_for(lambda: [p[1] for p in node.history("m/Xact", *day)] == [1.5, 2, 3, None], 10, "all four in the history")


@needs_recording
def test_every_observation_of_a_real_adapter_is_in_the_history(node, adapter):
    """All lines of a recorded Okuma as fast as TCP takes them, assets of many lines between; keys count from their first value on."""
    text = (DATA / "okuma.txt").read_text()
    seen = {}
    for line in text.splitlines():
        f = [t.strip() for t in line.split("|")]
        if re.match(r"\d{4}-\d\d-\d\dT", f[0]) and len(f) > 2 and not f[1].startswith("@") and not (len(f) == 7 and f[2] == "NORMAL"):
            for key, v in zip(f[1::2], f[2::2]):
                if key in seen or v not in ("UNAVAILABLE", ""):
                    seen.setdefault(key, {})[stamp(f[0])] = v
    a = adapter(text)
    couple(node, a.url)
    wait_for(lambda: node.coupling("m")["counters"]["samples"] > 25000, 60, "all observations")
    paths = {s["source"]: s["path"] for s in signals(node)}
    assert set(paths) == set(seen)
    year = ("--from", "2022-01-01T00:00:00Z", "--to", "2023-01-01T00:00:00Z")
    for key, points in seen.items():
        have = wait_for(lambda: (h := kept(node, paths[key], *year)) and set(points) <= set(h) and h, 30, f"all of {key}")
        for t, v in points.items():
            same = v in ("UNAVAILABLE", "") if have[t] is None else have[t] == v or float(have[t]) == float(v)
            assert same, (key, t, v, have[t])


def test_conditions_are_alarms_and_end_when_normal_or_not_told_again(node, adapter):
    a = adapter(f"{now()}|system|NORMAL||||\n")
    couple(node, a.url)
    wait_for(lambda: a.pings, 10, "a ping")
    a.send(f"{now()}|system|FAULT|104|9|HIGH|Spindle too hot", f"{now()}|system|WARNING|205|||Oil", f"{now()}|logic|WARNING||||Check")
    three = alarms(node, lambda found: len(found) == 3)
    assert {i["attributes"]["key"]: i["attributes"]["level"] for i in three} == {
        "system 104": "fault", "system 205": "warning", "logic": "warning"}
    assert three[0]["attributes"]["text"] == "Spindle too hot" and three[0]["attributes"]["qualifier"] == "HIGH"
    a.send(f"{now()}|system|NORMAL|104|||")
    ended = alarms(node, lambda found: [i for i in found if i["end"]])
    assert [i["attributes"]["key"] for i in ended if i["end"]] == ["system 104"]
    a.greeting = f"{now()}|system|WARNING|205|||Oil\n"
    a.drop()
    rest = alarms(node, lambda found: len([i for i in found if i["end"]]) == 2)
    assert [i["attributes"]["key"] for i in rest if not i["end"]] == ["system 205"]
    node.cli("uncouple", "m")
    assert all(i["end"] for i in alarms(node, lambda found: found))


def test_series_messages_quotes_and_relative_times_are_read(node, adapter):
    a = adapter()
    couple(node, a.url)
    wait_for(lambda: a.links, 10)
    a.send("0|vib|3|100|0.5 -1 2e1", "10|msg|M7|Door open", '20|note|"a \\| b"|dur|4', "30@1.5|dur|5", "|now|1")
    assert value(node, "m/vib")["value"] == [0.5, -1, 20]
    assert value(node, "m/msg")["value"] == "M7: Door open"
    assert value(node, "m/note")["value"] == "a | b"
    assert value(node, "m/dur", lambda v: v["value"] == 5)
    times = [datetime.fromisoformat(value(node, f"m/{k}")["time"].replace("Z", "+00:00")).timestamp() for k in ("vib", "dur")]
    assert abs(times[1] - times[0] - 0.030) < 0.002


MAP = """key,path,type,unit,scale,role,states
exec,path/execution,text,,,state,running=ACTIVE; idle
x,axes/x/position,number,MILLIMETER,0.001,,
n,path/parts,int,,,part-count,
vars,path/variables,data-set,,,,
sys,path/system,condition,,,,
txt,path/message,message,,,,
vib,axes/x/vibration,time-series,mm/s,,,
"""


def test_a_map_gives_paths_types_units_and_roles(node, adapter, tmp_path):
    (tmp_path / "map.csv").write_text(MAP)
    a = adapter(f"{now()}|exec|ACTIVE|x|12500|n|7|other|1|vars|a=1 b='x y' c={{2}} d=\n{now()}|other|FAULT|8|||Cold\n{now()}|sys|FAULT|9|||Hot\n"
                f"{now()}|txt|1|Hello\n{now()}|vib|2||1 2\n")
    couple(node, a.url, "--map", tmp_path / "map.csv")
    x = value(node, "m/axes/x/position")
    assert (x["value"], x["unit"], x["source"]) == (12.5, "MMT", "x")
    assert value(node, "m/path/parts")["value"] == 7 and value(node, "m/path/parts")["type"] == "int64"
    assert (value(node, "m/path/execution")["role"], value(node, "m/path/execution")["states"]) == ("state", "running=ACTIVE; idle")
    assert json.loads(value(node, "m/path/variables")["value"]) == {"a": 1, "b": "x y", "c": 2, "d": None}
    assert value(node, "m/axes/x/vibration")["value"] == [1, 2] and value(node, "m/path/message")["value"] == "1: Hello"
    assert [(i["path"], i["attributes"]["key"]) for i in alarms(node, len)] == [("m/path", "sys 9")]
    assert node.cli("get", "m/other", check=False).returncode != 0


def test_a_map_with_a_fault_names_the_line(node, tmp_path):
    (tmp_path / "map.csv").write_text("key,path,type\nx,a/x,numbr\n")
    done = node.cli("couple", "shdr://127.0.0.1:7878", "--name", "m", "--at", "m", "--no-wait", "--map", tmp_path / "map.csv",
                    check=False)
    assert done.returncode == 1 and "line 2" in done.stderr and "numbr" in done.stderr


def test_the_adapter_tells_what_machine_it_is(node, adapter):
    couple(node, adapter("* manufacturer: Beispiel\n* serialNumber: 0077\n* station: Hall 1\n* adapterVersion: 2\n").url)
    plate = wait_for(lambda: (a := node.json("get", "m")["assets"]) and a[0]["nameplate"].get("ManufacturerName") and a[0], 10)
    assert plate["kind"] == "machine" and plate["nameplate"]["SerialNumber"] == "0077"


def test_an_adapter_that_misses_two_heartbeats_is_left_and_found_again(node, adapter):
    a = adapter(f"{now()}|x|1\n", pong=300)
    couple(node, a.url)
    wait_for(lambda: a.pings > 3, 10, "pings at the pace agreed")
    assert node.coupling("m")["state"] == "online"
    a.answers = False
    wait_for(lambda: "two heartbeats" in node.coupling("m")["detail"], 10, "the reason")
    a.answers = True
    node.wait_link("m", "online", 20)
    assert a.connects >= 2


def test_an_adapter_without_heartbeats_stays_coupled_and_one_that_closes_is_dialled_again(node, adapter):
    a = adapter(f"{now()}|x|1\n")
    couple(node, a.url)
    value(node, "m/x")
    assert "no heartbeat" in wait_for(lambda: "heartbeat" in (d := node.coupling("m")["detail"]) and d, 10)
    a.greeting = f"{now()}|x|2\n"
    a.drop()
    assert value(node, "m/x", lambda v: v["value"] == 2)
    assert a.connects == 2


def test_rubbish_is_passed_over_and_a_line_without_end_ends_the_link(node, adapter):
    a = adapter("\x00\udcff\udcfe|||\n|\n||\n* \n*\nno pipe at all\n2026-13-45T99:99:99Z|x|1\n" + now() + "|b\udcffd|2\n")
    couple(node, a.url)
    assert value(node, "m/x")["value"] == 1
    assert value(node, "m/b\ufffdd")["value"] == 2
    try:
        a.send("x" * (2 << 20))
    except OSError:
        pass
    wait_for(lambda: node.coupling("m")["counters"]["failures"] > 0, 20, "the refusal")


def test_ever_new_keys_do_not_fill_the_memory(node, adapter):
    a = adapter()
    couple(node, a.url)
    wait_for(lambda: a.links, 10)
    a.send(*(f"{now()}|k{i}|{i}" for i in range(7000)))
    wait_for(lambda: "more keys" in node.coupling("m")["detail"], 60, "the limit")
    assert node.coupling("m")["state"] == "online"
    assert len(signals(node)) == 1000


def test_a_node_stops_at_once_though_no_adapter_answers(node, adapter):
    node.cli("couple", "shdr://192.0.2.1:7878", "--name", "m", "--at", "m", "--no-wait", "--set", "timeout=60s")
    begun = time.monotonic()
    node.stop()
    assert time.monotonic() - begun < 10
