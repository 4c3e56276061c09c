# SPDX-License-Identifier: Apache-2.0
"""The MTConnect coupling against an agent that replays recordings: a small one of our own, and a real machine's where KOPPEL_DATA is set."""
import http.server
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from conftest import good, known, wait_for
from relay import Relay

HERE = Path(__file__).parent / "mtconnect"
DATA = Path(os.environ.get("KOPPEL_DATA", "/nowhere")) / "mtconnect"
real = pytest.mark.skipif(not DATA.is_dir(), reason="the recording of a real machine is not here: KOPPEL_DATA is not set")


def agent(servers, port, *options):
    return servers("mtconnect_sim", "--devices", HERE / "Devices.xml", "--shdr", HERE / "lathe.txt", "--device", "LATHE", "--port", port, *options)


def couple(node, port, *options, name="m", at="hall/lathe"):
    node.cli("couple", f"mtconnect+http://127.0.0.1:{port}", "--name", name, "--at", at, "--no-wait", *options)
    return node.wait_link(name, "online")


def alarms(node):
    return [{**i, **i["attributes"]} for i in node.json("intervals", "--kind", "alarm", "--from", "-1h")["intervals"]]


def test_a_device_with_units_roles_and_a_nameplate(node, servers, free_port):
    agent(servers, free_port)
    couple(node, free_port)
    speed = good(node, "hall/lathe/C/speed")
    assert (speed["unit"], speed["unitText"], speed["type"]) == ("RPM", "rpm", "double")
    assert good(node, "hall/lathe/C/Load")["role"] == "load"
    assert good(node, "hall/lathe/C/Temperature")["unit"] == "CEL"
    assert good(node, "hall/lathe/controller/path/Program")["value"] == "O1004.NC"
    assert good(node, "hall/lathe/controller/path/PathPosition_Actual")["value"] == [1.5, 2, -3.25]
    assert good(node, "hall/lathe/controller/path/PartCount")["role"] == "part-count"
    plate = node.json("get", "hall/lathe")["assets"][0]
    assert plate["kind"] == "machine"
    assert {"ManufacturerName": "Test Lathe Works", "ManufacturerProductDesignation": "TL-20", "SerialNumber": "4711",
            "AssetId": "lathe-0001"}.items() <= plate["nameplate"].items()
    states = set()
    wait_for(lambda: states.add(node.json("get", "hall/lathe")["assets"][0]["state"]) or {"running", "idle"} <= states, 30, "running and idle")
    first = good(node, "hall/lathe/C/speed")["time"]
    wait_for(lambda: good(node, "hall/lathe/C/speed")["time"] > first, 10, "a stream of values")


def test_conditions_are_alarms_several_at_once(node, servers, free_port):
    agent(servers, free_port)
    couple(node, free_port)
    wait_for(lambda: {a["nativeCode"] for a in alarms(node) if a["end"]} >= {"104", "105", "OTEMP"}, 60, "alarms that began and ended")
    by_code = {}
    for a in sorted(alarms(node), key=lambda a: a["start"]):
        by_code.setdefault(a["nativeCode"], a)
    assert by_code["104"]["path"] == "hall/lathe/controller" and by_code["104"]["text"] == "Coolant low" and by_code["104"]["level"] == "fault"
    assert by_code["OTEMP"]["path"] == "hall/lathe/C" and by_code["OTEMP"]["level"] == "warning" and by_code["OTEMP"]["qualifier"] == "HIGH"
    assert by_code["104"]["start"] < by_code["105"]["start"] < by_code["104"]["end"], "two at once"


def test_an_agent_started_again_is_asked_anew(node, servers, free_port):
    server = agent(servers, free_port)
    couple(node, free_port)
    good(node, "hall/lathe/C/speed")
    opens = node.coupling("m")["counters"]["opens"]
    server.signal(signal.SIGUSR1)
    wait_for(lambda: node.coupling("m")["counters"]["opens"] > opens and node.coupling("m")["state"] == "online", 20, "a new link")
    good(node, "hall/lathe/C/speed")


def test_unavailable_is_bad(node, servers, free_port):
    server = agent(servers, free_port, "--speed", "1")
    couple(node, free_port)
    good(node, "hall/lathe/controller/path/Program")
    server.signal(signal.SIGUSR1)
    wait_for(lambda: known(node, "hall/lathe/controller/path/Program")["status"]["name"] == "BadNoCommunication", 20, "unavailable")


def test_a_broken_link_goes_on_where_it_stopped(node, servers, free_port, tmp_path):
    agent(servers, free_port, "--speed", "3")
    relay = Relay(f"http://127.0.0.1:{free_port}/")
    couple(node, relay.url.rsplit(":", 1)[1])
    good(node, "hall/lathe/C/speed")
    relay.pull()
    node.wait_link("m", "waiting")
    time.sleep(2)
    relay.plug()
    node.wait_link("m", "online")
    time.sleep(2)
    times = [p[0] for p in node.history("hall/lathe/C/speed")]
    assert times == sorted(times)
    stamps = [time.mktime(time.strptime(t[:19], "%Y-%m-%dT%H:%M:%S")) for t in times]
    assert max(b - a for a, b in zip(stamps, stamps[1:])) <= 1, "no hole while the link was cut"
    relay.close()


def test_what_left_the_agents_buffer_is_a_gap(node, servers, free_port):
    agent(servers, free_port, "--buffer", "30")
    relay = Relay(f"http://127.0.0.1:{free_port}/")
    couple(node, relay.url.rsplit(":", 1)[1])
    good(node, "hall/lathe/C/speed")
    relay.pull()
    node.wait_link("m", "waiting")
    time.sleep(3)
    relay.plug()
    node.wait_link("m", "online")
    good(node, "hall/lathe/C/speed")
    wait_for(lambda: [i for i in node.json("intervals", "hall/lathe", "--kind", "gap", "--from", "-1h")["intervals"]
                      if "buffer" in i["attributes"].get("reason", "")], 10, "the gap")
    relay.close()


def test_a_silent_agent_is_left(node, servers, free_port):
    server = agent(servers, free_port)
    couple(node, free_port, "--set", "heartbeat=1s")
    good(node, "hall/lathe/C/speed")
    server.signal(signal.SIGSTOP)
    detail = node.wait_link("m", "waiting", 30)["detail"]
    assert "silent" in detail or "Timeout" in detail or "timed out" in detail, detail
    server.signal(signal.SIGCONT)
    node.wait_link("m", "online")


@pytest.mark.parametrize("answer, complaint", [
    (b"<MTConnectDevices><Header instanceId='1'/><Devices><Device id='d'>", "no element found"),
    (b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]><MTConnectDevices/>", "a document type is not taken"),
    (b"<html/>", "it is no such document of MTConnect"),
    (b"<a>" * 100 + b"</a>" * 100, "it is no such document of MTConnect"),
    (b"<MTConnectDevices>" + b"<a>" * 100, "elements are too deep"),
    (b"<MTConnectError><Errors><Error errorCode='NO_DEVICE'>Could not find it</Error></Errors></MTConnectError>", "NO_DEVICE: Could not find it"),
    (b"", "no element found"),
])
def test_a_wrong_answer_is_told_and_harms_nothing(node, answer, complaint):
    class Wrong(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Wrong)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    node.cli("couple", f"mtconnect+http://127.0.0.1:{server.server_port}", "--name", "m", "--no-wait")
    detail = node.wait_link("m", "waiting")["detail"]
    assert complaint in detail, detail
    server.shutdown()


def test_a_wrong_address_is_refused(node):
    for url, complaint in (("mtconnect+http://", "is not the address"), ("mtconnect+http://127.0.0.1/a/b", "is not the name of a device"),
                           ("mtconnect+http://127.0.0.1?heartbeat=0s", "heartbeat: 0s is outside")):
        done = node.cli("couple", url, "--no-wait", check=False)
        assert done.returncode == 1 and complaint in done.stderr, done.stderr


@real
def test_a_real_machines_recording_comes_in_whole(node, servers, free_port):
    servers("mtconnect_sim", "--devices", DATA / "Devices.xml", "--shdr", DATA / "okuma.txt", "--port", free_port, "--speed", "60")
    status = couple(node, free_port, at="hall/okuma")
    assert status["items"] >= 80, status
    machine = wait_for(lambda: (a := node.json("get", "hall/okuma")["assets"][0])["state"] and a, 30, "its state")
    assert machine["nameplate"]["ManufacturerName"] == "OKUMA"
    wait_for(lambda: node.coupling("m")["counters"]["samples"] > 3000, 60, "its values")
    assert node.coupling("m")["state"] == "online" and "no number" not in node.log.read_text()


@real
def test_the_agent_of_these_tests_answers_as_the_schemas_ask(servers, free_port, tmp_path):
    import requests
    servers("mtconnect_sim", "--devices", DATA / "Devices.xml", "--shdr", DATA / "okuma.txt", "--port", free_port)
    for request, schema in (("probe", "Devices"), ("current", "Streams"), ("sample?count=50", "Streams")):
        (tmp_path / "answer.xml").write_bytes(requests.get(f"http://127.0.0.1:{free_port}/{request}", timeout=10).content)
        done = subprocess.run(["xmllint", "--noout", "--nonet", "--schema", DATA / f"MTConnect{schema}_2.7_1.0.xsd", tmp_path / "answer.xml"],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
