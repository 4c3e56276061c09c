# SPDX-License-Identifier: Apache-2.0
"""The ADS coupling against the test server of pyads (ads_sim.py)."""
import json
import signal
import time

import pytest
from conftest import good, known, wait_for

MAP = """symbol,path,type,scale,unit,role
MAIN.rReal,oven/temperature,REAL,,°C,
MAIN.nInt,oven/scaled,INT,0.1,,
MAIN.nNone,oven/none,INT,,,
MAIN.nDint,oven/wrong,INT,,,
MAIN.nCount,parts,UDINT,,,part-count
"""


def couple(node, port, *options, path="/127.0.0.1.1.1:851"):
    node.cli("couple", f"ads://127.0.0.1:{port}{path}", "--name", "plc", "--at", "hall/oven", "--no-wait", *options)


def bad(node, path, status):
    return wait_for(lambda: (s := known(node, f"hall/oven/{path}")) and s["status"]["name"] == status and s, 20, f"{path} {status}")


def write(tmp_path, text):
    (tmp_path / "map.csv").write_text(text)
    return tmp_path / "map.csv"


VALUES = {"MAIN/bOn": True, "MAIN/nSint": -5, "MAIN/nInt": -1234, "MAIN/nDint": -100000, "MAIN/nLint": -2**62, "MAIN/nUsint": 250,
          "MAIN/nWord": 0xBEEF, "MAIN/nUdint": 4000000000, "MAIN/nUlint": str(2**63 + 5), "MAIN/rReal": 21.5, "MAIN/rLreal": 0.1,
          "MAIN/sName": "Öl 20 €", "MAIN/wsName": "Ωµ", "MAIN/tTime": 1500, "MAIN/dtStart": "2026-11-24T10:00:00Z", "MAIN/aInts": [1, -2, 3, -4],
          "MAIN/eMode": 2, "GVL/aPumps[1]/rSpeed": 1480, "GVL/aPumps[2]/aTemps": [40, 41], "GVL/aPumps[2]/stMotor/nStarts": 17}


@pytest.mark.parametrize("watch", [500, 5, 0])
def test_what_the_controller_has_comes_with_its_values(node, servers, free_port, watch):
    servers("ads_sim", free_port)
    couple(node, free_port, "--set", f"watch={watch}", "--set", "poll=200ms")
    for path, value in VALUES.items():
        assert good(node, f"hall/oven/{path}")["value"] == value, path
    assert known(node, "hall/oven/MAIN/rReal")["description"] == "temperature"
    assert known(node, "hall/oven/MAIN/eMode")["enums"] == {"-1": "Fault", "2": "Auto"}
    first = good(node, "hall/oven/MAIN/nCount")["value"]
    wait_for(lambda: good(node, "hall/oven/MAIN/nCount")["value"] > first + 3, 10, "a count that grows")
    bad(node, "MAIN/nGone", "BadNodeIdUnknown")
    c = node.coupling("plc")
    assert f"25 variables found, {min(watch, 24)} watched" in c["detail"] and "1 refused, first MAIN.nGone" in c["detail"], c["detail"]
    plate = node.json("get", "hall/oven")["assets"][0]["nameplate"]
    assert plate["ManufacturerName"] == "Beckhoff" and plate["SoftwareVersion"] == "1.2.3", plate


def test_times_are_the_controllers(node, servers, free_port):
    servers("ads_sim", free_port)
    couple(node, free_port)
    good(node, "hall/oven/MAIN/nCount")
    wait_for(lambda: len(node.history("hall/oven/MAIN/nCount")) > 15, 10, "some history")
    points = node.history("hall/oven/MAIN/nCount")
    values = [p[1] for p in points]
    assert values == list(range(values[0], values[0] + len(values))), "each count once, none left out"
    assert any(not p[0].endswith("00Z") for p in points)


def test_a_map_names_what_is_taken_and_what_is_not_there_keeps_no_other_away(node, servers, free_port, tmp_path):
    servers("ads_sim", free_port, "--plain")
    couple(node, free_port, "--map", write(tmp_path, MAP))
    assert good(node, "hall/oven/oven/temperature")["value"] == 21.5 and known(node, "hall/oven/oven/temperature")["unit"] == "CEL"
    assert good(node, "hall/oven/oven/scaled")["value"] == pytest.approx(-123.4)
    good(node, "hall/oven/parts")
    bad(node, "oven/none", "BadNodeIdUnknown")
    bad(node, "oven/wrong", "BadTypeMismatch")
    assert node.coupling("plc")["state"] == "online"


def test_a_map_without_types_asks_the_controller(node, servers, free_port, tmp_path):
    servers("ads_sim", free_port)
    couple(node, free_port, "--map", write(tmp_path, "symbol;path\nMAIN.rReal;t\nMAIN.sName;name\nMAIN.nowhere;none\n"))
    assert (good(node, "hall/oven/t")["value"], good(node, "hall/oven/name")["value"]) == (21.5, "Öl 20 €")
    bad(node, "none", "BadNodeIdUnknown")


@pytest.mark.parametrize("options", [["--notify", 0], ["--notify", 0, "--no-sum"], ["--notify", 3]])
def test_what_is_not_watched_is_asked_for(node, servers, free_port, options):
    servers("ads_sim", free_port, *options)
    couple(node, free_port, "--set", "poll=200ms")
    for path in ("MAIN/rReal", "MAIN/sName", "MAIN/aInts"):
        assert good(node, f"hall/oven/{path}")["value"] == VALUES[path]
    first = good(node, "hall/oven/MAIN/nCount")["value"]
    wait_for(lambda: good(node, "hall/oven/MAIN/nCount")["value"] > first + 3, 10, "a count that grows")


def test_more_than_a_thousand_variables_are_asked_for_together(node, servers, free_port):
    servers("ads_sim", free_port, "--count", 1500)
    couple(node, free_port, "--set", "watch=50", "--set", "poll=500ms")
    node.wait_link("plc", "online")
    assert wait_for(lambda: "950 asked for" in (d := node.coupling("plc")["detail"]) and d, 30)
    assert good(node, "hall/oven/GVL/n900")["value"] == 900
    listed = json.loads(node.cli("couplings", "plc", "GVL/n1499", "--nodes", "--json").stdout)
    assert listed["path"] == "GVL/n1499" and not listed["subscribed"]


def test_without_uploads_and_map_it_is_said_what_to_do(node, servers, free_port):
    servers("ads_sim", free_port, "--plain")
    couple(node, free_port)
    assert "give a map" in node.wait_link("plc", "online")["detail"]


def test_a_server_that_goes_hangs_and_comes_back(node, servers, free_port):
    server = servers("ads_sim", free_port)
    couple(node, free_port, "--set", "timeout=500ms")
    good(node, "hall/oven/MAIN/nCount")
    server.signal(signal.SIGSTOP)
    node.wait_link("plc", "waiting")
    wait_for(lambda: known(node, "hall/oven/MAIN/nCount")["stale"], 10, "a stale value")
    server.signal(signal.SIGCONT)
    node.wait_link("plc", "online")
    good(node, "hall/oven/MAIN/nCount")
    server.stop()
    node.wait_link("plc", "waiting")
    server.start()
    node.wait_link("plc", "online", 30)
    good(node, "hall/oven/MAIN/nCount")


@pytest.mark.parametrize("change", ["5 version 2", "5 handles 2"])
def test_a_changed_program_and_a_restart_of_the_plc_are_looked_at_anew(node, servers, free_port, tmp_path, change):
    state = tmp_path / "state"
    servers("ads_sim", free_port, "--state", state)
    couple(node, free_port)
    good(node, "hall/oven/MAIN/nCount")
    opens = node.coupling("plc")["counters"]["opens"]
    state.write_text(change)
    wait_for(lambda: node.coupling("plc")["counters"]["opens"] > opens, 10, "a new look")
    node.wait_link("plc", "online")
    arrived = known(node, "hall/oven/MAIN/nCount")["arrived"]
    wait_for(lambda: known(node, "hall/oven/MAIN/nCount")["arrived"] > arrived, 10, "values again")


def test_a_stopped_plc_is_told(node, servers, free_port, tmp_path):
    state = tmp_path / "state"
    servers("ads_sim", free_port, "--state", state)
    couple(node, free_port)
    good(node, "hall/oven/MAIN/nCount")
    state.write_text("6")
    wait_for(lambda: "the PLC is in state stop" in node.coupling("plc")["detail"], 10, "the state")
    state.write_text("5")
    wait_for(lambda: "state" not in node.coupling("plc")["detail"], 10, "the state")


@pytest.mark.parametrize("watch", [500, 0])
def test_writing_is_refused_until_opened_and_then_seen(node, servers, free_port, watch):
    servers("ads_sim", free_port)
    couple(node, free_port, "--set", f"watch={watch}")
    good(node, "hall/oven/MAIN/nInt")
    assert "not open for writing" in node.cli("set", "hall/oven/MAIN/nInt", "5", check=False).stderr
    for path, text, value in (("nInt", "123", 123), ("bOn", "false", False), ("rReal", "2.5", 2.5), ("sName", "Größe", "Größe"), ("wsName", "Ω", "Ω"),
                              ("nUlint", "18446744073709551615", "18446744073709551615")):
        good(node, f"hall/oven/MAIN/{path}")
        node.cli("set", f"hall/oven/MAIN/{path}", "--writable", "on")
        node.cli("set", f"hall/oven/MAIN/{path}", text)
        wait_for(lambda: good(node, f"hall/oven/MAIN/{path}")["value"] == value, 10, path)
    assert "does not fit" in node.cli("set", "hall/oven/MAIN/nInt", "40000", check=False).stderr
    assert "longer than 20" in node.cli("set", "hall/oven/MAIN/sName", "x" * 21, check=False).stderr
    node.cli("set", "hall/oven/MAIN/rLreal", "--writable", "on")
    assert "read only" in node.cli("set", "hall/oven/MAIN/rLreal", "1", check=False).stderr


@pytest.mark.parametrize("text, complaint", [
    ("symbol,path,type\nMAIN.a,a,RAEL\n", "map: line 2: type: 'RAEL' is not such as REAL"),
    ("symbol,path\n,a\n", "line 2: 'symbol' is empty"),
    ("symbol,path,type,scale\nMAIN.a,a,BOOL,2\n", "map: line 2: scale: a BOOL has none"),
])
def test_a_wrong_map_is_refused_with_its_line(node, tmp_path, text, complaint):
    done = node.cli("couple", "ads://127.0.0.1:1", "--map", write(tmp_path, text), "--no-wait", check=False)
    assert done.returncode == 1 and complaint in done.stderr, done.stderr


@pytest.mark.parametrize("path", ["/1.2.3.4.5:851", "/1.2.3.4.5.6:0", "/1.2.3.4.5.256:851", "/x"])
def test_a_wrong_net_id_is_refused(node, path):
    done = node.cli("couple", f"ads://127.0.0.1{path}", "--no-wait", check=False)
    assert done.returncode == 1 and "AMS Net Id" in done.stderr, done.stderr


def test_a_port_where_nothing_runs_is_told(node, impostor):
    def talk(peer):
        while ask := peer.recv(1000):  # back to the sender, as an answer without data, with the error 6
            peer.sendall(ask[:2] + b"\x20\0\0\0" + ask[14:22] + ask[6:14] + ask[22:24] + b"\5\0" + bytes(4) + b"\6\0\0\0" + ask[34:38])

    couple(node, impostor(talk))
    assert "AMS port 851: nothing runs" in node.wait_link("plc", "waiting")["detail"]


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 no\r\nContent-Length: 0\r\nServer: x\r\n\r\n", b"\0\0\xff\xff\xff\x7f" + b"\0" * 100, b"\0\0\x20\0\0\0" + b"\0" * 32])
def test_something_else_at_the_port_is_told(node, impostor, answer):
    couple(node, impostor(lambda peer: (peer.recv(100), peer.sendall(answer))))
    assert "route" in node.wait_link("plc", "waiting")["detail"]


def test_it_ends_promptly_while_a_controller_hangs(node, servers, free_port):
    server = servers("ads_sim", free_port)
    couple(node, free_port)
    good(node, "hall/oven/MAIN/nCount")
    server.signal(signal.SIGSTOP)
    began = time.monotonic()
    node.cli("couplings", "plc", "--off")
    assert time.monotonic() - began < 5
    server.signal(signal.SIGCONT)
