# SPDX-License-Identifier: Apache-2.0
"""The MTConnect coupling against an agent that replays recordings: a small one of our own, and a real machine's where KOPPEL_DATA is set."""
import http.server
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from conftest import ROOT, comes, good, known, wait_for
from mtconnect_kit import MILL, Mill, Scripted, devices, kept, make_certificate, next_sequence, observations, stamp, streams
from relay import Relay
from web_client import Api

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


def test_a_machine_that_says_it_is_set_up_is_in_setup(node, servers, free_port):
    """FUNCTIONAL_MODE, beside an execution that says READY; what runs counts before it."""
    lathe = servers("mtconnect_sim", "--devices", ROOT / "demo/lathe.xml", "--device", "Lathe-01", "--port", free_port)
    couple(node, free_port)
    state = lambda: node.json("get", "hall/lathe")["assets"][0]["state"]
    for said, expected in (("execution|READY|function|SETUP", "setup"), ("execution|ACTIVE", "running"),
                           ("execution|READY|function|PRODUCTION", "idle"), ("function|MAINTENANCE", "maintenance"),
                           ("execution|INTERRUPTED|function|PRODUCTION", "stopped"), ("execution|UNAVAILABLE", None)):
        lathe.say(said)
        wait_for(lambda: state() == expected, 20, f"{expected} after {said}")


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
    couple(node, free_port, "--set", "heartbeat=200ms", "--set", "interval=100ms", "--set", "timeout=1s")
    good(node, "hall/lathe/C/speed")
    server.signal(signal.SIGSTOP)
    wait_for(lambda: "silent for twice the heartbeat" in node.log.read_text(), 20, "the reason")
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


# ---- a machine that says what the test says ----
def couple_mill(node, url, *options, at="m"):
    node.cli("couple", url, "--name", "m", "--at", at, "--no-wait", "--set", "interval=50ms", "--set", "clock=source", *options)
    node.wait_link("m", "online", 30)


def lasting(node, kind, check=len):
    """Those of this kind in order of their start, once `check` holds for them."""
    def now():
        found = [{**i, **i["attributes"]} for i in node.json("intervals", "--from", "-1d", "--kind", kind)["intervals"]]
        found.sort(key=lambda i: i["start"])
        return found if check(found) else None
    return wait_for(now, 20, f"intervals of kind {kind}")


def running(*names):
    """Exactly these programs so far, and only the last may still run."""
    def check(found):
        return [p["name"] for p in found] == [n.rstrip("+") for n in names] and [not p["end"] for p in found] == [n.endswith("+") for n in names]
    return check


def test_a_program_lasts_while_it_executes_and_no_restart_doubles_it_or_leaves_it_open(node, servers, tmp_path, free_port):
    mill = Mill(servers, tmp_path, free_port)
    couple_mill(node, mill.url)
    mill.say("program|O100", "execution|ACTIVE", "execution|FEED_HOLD")
    first = lasting(node, "program", running("O100+"))[0]
    assert first["path"] == "m/Controller/Path"
    mill.say("execution|ACTIVE|program|O200")
    both = lasting(node, "program", running("O100", "O200+"))
    assert both[0]["end"] == both[1]["start"] and both[0]["start"] == first["start"]
    node.kill()
    node.start()
    node.wait_link("m", "online")
    lasting(node, "program", running("O100", "O200+"))
    node.kill()
    mill.say("execution|PROGRAM_COMPLETED", "program|O300", "execution|ACTIVE")
    node.start()
    lasting(node, "program", running("O100", "O200", "O300+"))
    mill.server.signal(signal.SIGUSR1)  # the agent starts anew and knows nothing
    lasting(node, "program", running("O100", "O200", "O300"))
    mill.say("program|O300", "execution|ACTIVE")
    lasting(node, "program", running("O100", "O200", "O300", "O300+"))
    node.cli("couplings", "m", "--off")
    node.wait_link("m", "off")
    mill.say("execution|READY")
    node.cli("couplings", "m", "--on")
    last = lasting(node, "program", running("O100", "O200", "O300", "O300"))[3]
    ready = comes(node, "m/Controller/Path/execution", lambda s: s["value"] == "READY")
    assert stamp(last["end"]) == stamp(ready["time"]), "it ended when the machine says"


def test_alarms_get_worse_and_end_at_their_time_though_the_link_was_cut_then(node, servers, tmp_path, free_port):
    mill = Mill(servers, tmp_path, free_port)
    cable = Relay(f"http://127.0.0.1:{free_port}/")
    couple_mill(node, f"mtconnect+http://127.0.0.1:{cable.url.rsplit(':', 1)[1]}")
    mill.say("system|WARNING|104|||Warm", "system|FAULT|205|9|HIGH|Oil", "logic|WARNING||||Check")
    began = lasting(node, "alarm", lambda found: len(found) == 3)
    assert {a["key"] for a in began} == {"system 104", "system 205", "logic"} and began[0]["type"] == "SYSTEM"
    mill.say("system|FAULT|104|||Hot")
    worse = lasting(node, "alarm", lambda found: found[0]["level"] == "fault")
    assert (worse[0]["text"], worse[0]["start"], len(worse)) == ("Hot", began[0]["start"], 3)
    cable.pull()
    node.wait_link("m", "waiting")
    mill.say("system|NORMAL|104|||")
    cut = time.time()
    time.sleep(1.1)  # so that its time is told from that of the new link
    cable.plug()
    ended = lasting(node, "alarm", lambda found: [bool(a["end"]) for a in found] == [True, False, False])
    assert ended[0]["end"] < time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(cut + 1))
    node.kill()
    mill.say("system|NORMAL||||")
    node.start()
    lasting(node, "alarm", lambda found: [bool(a["end"]) for a in found] == [True, True, False])
    mill.say("logic|UNAVAILABLE||||")
    lasting(node, "alarm", lambda found: len(found) == 3 and all(a["end"] for a in found))
    cable.close()


def test_an_agent_killed_and_started_again_is_read_on(node, servers, tmp_path, free_port):
    mill = Mill(servers, tmp_path, free_port)
    couple_mill(node, mill.url)
    mill.say("Xact|7")
    before = comes(node, "m/X/Xact", 7)
    mill.server.stop()
    wait_for(lambda: "127.0.0.1 port" in node.log.read_text(), 10, "the address in the reason")
    mill.server.start()
    node.wait_link("m", "online", 30)
    mill.say("Xact|8")
    assert comes(node, "m/X/Xact", 8)["id"] == before["id"]


def test_a_coupling_is_switched_off_at_once_though_the_agent_hangs(node, servers, tmp_path, free_port):
    mill = Mill(servers, tmp_path, free_port)
    couple_mill(node, mill.url, "--set", "timeout=60s", "--set", "heartbeat=60s")
    mill.server.signal(signal.SIGSTOP)
    node.cli("couplings", "m", "--off")
    node.wait_link("m", "off", 10)
    mill.server.signal(signal.SIGCONT)


# ---- who is on the other side ----
def test_https_takes_an_agent_only_when_somebody_vouches_for_it(node, tmp_path):
    certificate, key = make_certificate(tmp_path)
    agent = Scripted(tls=(certificate, key), probe=devices(MILL).encode(), sample=multipart(),
                     current=streams("<m:Samples>" + event("Position", "x", "1.5") + "</m:Samples>"))
    node.cli("couple", agent.url, "--name", "m", "--at", "m", "--no-wait", "--set", "clock=source")
    assert "certificate" in node.wait_link("m", "refused")["detail"]
    assert agent.asked == []
    node.cli("couplings", "m", "--set", f"ca={certificate}")
    node.wait_link("m", "online")
    assert good(node, "m/X/Xact")["value"] == 1.5
    agent.close()


def guarded(answer):
    def check(handler, _):
        if handler.headers.get("Authorization") == "Basic b3A6c2VjcmV0":
            return answer
        return 401, "text/plain", b"no"
    return check


def test_a_password_is_used_and_not_sent_readable_to_others_unasked(node):
    done = node.cli("couple", "mtconnect+http://192.0.2.1", "--set", "user=op", "--no-wait", check=False)
    assert done.returncode != 0 and "allow-plain-password" in done.stderr
    agent = Scripted(probe=guarded(devices(MILL).encode()), current=guarded(streams("")), sample=guarded(streams("")))
    node.cli("couple", agent.url, "--name", "m", "--at", "m", "--no-wait", "--set", "user=op", "--set", "password=wrong")
    assert "401" in node.wait_link("m", "refused")["detail"]
    node.cli("couplings", "m", "--set", "password=secret")
    node.wait_link("m", "online")
    agent.close()


# ---- agents that answer as they are told ----
def part(data):
    return f"--b\r\nContent-type: text/xml\r\nContent-length: {len(data)}\r\n\r\n".encode() + data + b"\r\n"


def multipart(*parts):
    """One answer with these parts, and then nothing more."""
    def send(handler, _):
        handler.send_response(200)
        handler.send_header("Content-Type", 'multipart/x-mixed-replace; boundary="b"')
        handler.end_headers()
        try:
            for p in parts:
                handler.wfile.write(p)
            handler.wfile.flush()
            time.sleep(30)
        except OSError:
            pass
    return send


def event(name, item, text, sequence=9, attributes=""):
    return f'<m:{name} dataItemId="{item}" sequence="{sequence}" timestamp="2026-03-01T10:00:00Z" {attributes}>{text}</m:{name}>'


OWN = ('<Agent id="a" name="Agent_1" uuid="a"><DataItems><DataItem id="aa" type="AVAILABILITY" category="EVENT" name="up"/></DataItems></Agent>')


def test_messages_data_sets_tables_and_odd_values_are_read_and_the_agents_own_device_waits_to_be_chosen(node):
    extra = ('<DataItem id="set" type="VARIABLE" category="EVENT" name="set" representation="DATA_SET"/>'
             '<DataItem id="tab" type="WORK_OFFSET" category="EVENT" name="tab" representation="TABLE"/>'
             '<DataItem id="odd" type="LOAD" category="SAMPLE" name="odd"/>'
             '<DataItem id="big" type="MESSAGE" category="EVENT" name="big"/>')
    machine = MILL.replace("<DataItems>", "<DataItems>" + extra, 1)
    body = ("<m:Events>" + event("Message", "msg", " Door &lt;open&gt; é ", attributes='nativeCode="M7"')
            + event("VariableDataSet", "set", '<m:Entry key="a">1.5</m:Entry><m:Entry key="b">two</m:Entry><m:Entry key="c" removed="true"/>')
            + event("WorkOffsetTable", "tab", '<m:Entry key="G54"><m:Cell key="X">1</m:Cell><m:Cell key="Y">2.5</m:Cell></m:Entry>')
            + event("Availability", "aa", "AVAILABLE") + event("Message", "big", "x" * 1100000)
            + event("Unknown", "nobody", "x") + "</m:Events><m:Samples>" + event("Load", "odd", "n/a")
            + event("Load", "load", "1e2") + "</m:Samples>")
    probe = devices(OWN, machine, namespace="urn:mtconnect.org:MTConnectDevices:1.3").replace("16384", "100")
    agent = Scripted(probe=probe.encode(), current=streams(body),
                     sample=multipart(b"\r\n\r\n" + part(streams("<m:Events>" + event("ToolNumber", "tool", "T4", 10) + "</m:Events>", 11))))
    couple_mill(node, agent.url)
    assert good(node, "m/Controller/msg")["value"] == "M7: Door <open> é"
    assert json.loads(good(node, "m/set")["value"]) == {"a": 1.5, "b": "two", "c": None}
    assert json.loads(good(node, "m/tab")["value"]) == {"G54": {"X": 1, "Y": 2.5}}
    assert good(node, "m/X/Xload")["value"] == 100 and good(node, "m/Controller/Path/tool")["value"] == "T4"
    assert comes(node, "m/odd", None)["status"]["name"] == "BadTypeMismatch"
    assert comes(node, "m/big", None)["status"]["name"] == "Bad", "too long to be kept"
    assert any("from=10&count=100&" in a for a in agent.asked), "no more at once than the agent's buffer holds"
    nodes = {n["path"]: n["subscribed"] for n in map(json.loads, node.cli("couplings", "m", "--nodes", "--json").stdout.splitlines())}
    assert nodes["Agent/up"] is False
    node.cli("couplings", "m", "--add", "Agent/up")
    assert good(node, "m/Agent/up")["value"] == "AVAILABLE", "the present value, though it does not change"
    agent.close()


def test_several_devices_stand_beside_each_other_and_a_new_look_finds_another(node):
    second = MILL.replace('id="', 'id="s_').replace('name="Mill"', 'name="Saw"')
    third = MILL.replace('id="', 'id="t_').replace('name="Mill"', 'name="Drill"')
    body = "<m:Samples>" + event("Position", "x", "1") + event("Position", "s_x", "2") + event("Position", "t_x", "3") + "</m:Samples>"
    agent = Scripted(probe=devices(OWN, MILL, second).encode(), current=streams(body), sample=multipart())
    couple_mill(node, agent.url)
    assert good(node, "m/Mill/X/Xact")["value"] == 1 and good(node, "m/Saw/X/Xact")["value"] == 2
    agent.answers["probe"] = devices(OWN, MILL, second, third).encode()
    node.cli("couplings", "m", "--browse")
    assert good(node, "m/Drill/X/Xact")["value"] == 3
    assert node.coupling("m")["counters"]["failures"] == 0
    agent.close()


@pytest.mark.parametrize("first, then", [('instanceId="1"', 'instanceId="2"'),
                                         ('deviceModelChangeTime="a" instanceId="1"', 'deviceModelChangeTime="b" instanceId="1"')])
def test_a_stream_that_goes_on_as_another_agent_or_with_other_devices_is_begun_anew(node, first, then):
    head = {"now": first}

    def of(text, header=None):
        return text.replace('instanceId="1"', header or head["now"]).encode()

    def probe(*_):
        return of(devices(MILL if head["now"] == first else MILL.replace("Xact", "Xnew")))

    def current(*_):
        return of(streams("<m:Samples>" + event("Position", "x", "1" if head["now"] == first else "2") + "</m:Samples>", 10).decode())

    def sample(handler, query):
        old, head["now"] = head["now"], then
        wrong = "<m:Samples>" + event("Position", "x", "77", 11).replace("10:00:00", "10:00:05") + "</m:Samples>"
        parts = [part(of(streams("", 11).decode(), old)), part(of(streams(wrong, 12).decode(), then))]
        return multipart(*parts[:1 if old == then else 2])(handler, query)

    agent = Scripted(probe=probe, current=current, sample=sample)
    couple_mill(node, agent.url)
    wait_for(lambda: node.coupling("m")["counters"]["opens"] == 2 and node.coupling("m")["state"] == "online", 20, "a second look")
    if "instanceId=\"2\"" in then:
        comes(node, "m/X/Xact", lambda s: s["value"] == 2)
    nodes = [n["path"] for n in map(json.loads, node.cli("couplings", "m", "--nodes", "--json").stdout.splitlines())]
    assert "X/Xnew" in nodes, nodes
    assert 77 not in [p[1] for p in node.history("m/X/Xact", "--from", "2026-03-01T00:00:00Z", "--to", "2026-03-02T00:00:00Z")], "not read by the old list"
    agent.close()


@pytest.mark.parametrize("kind", ["text/xml", "multipart/x-mixed-replace; boundary=b"])
def test_an_agent_that_streams_not_or_not_for_long_is_asked_at_the_interval(node, kind):
    def sample(handler, query):
        n = int(query["from"])
        data = streams("<m:Samples>" + event("Position", "x", n).replace("10:00:00", f"10:00:{n:02}") + "</m:Samples>", n + 1)
        return 200, kind, part(data) + b"--b--" if "multi" in kind else data

    agent = Scripted(probe=devices(MILL).encode(), current=streams(""), sample=sample)
    couple_mill(node, agent.url, "--set", "interval=200ms")
    wait_for(lambda: "again and again" in node.coupling("m")["detail"], 10, "the note")
    begun, before = time.monotonic(), len(agent.asked)
    comes(node, "m/X/Xact", lambda s: s["value"] > 15)
    assert len(agent.asked) - before <= (time.monotonic() - begun) / 0.2 + 2
    day = ("--from", "2026-03-01T00:00:00Z", "--to", "2026-03-02T00:00:00Z")
    wait_for(lambda: len(h := node.history("m/X/Xact", *day)) > 5 and [p[1] for p in h] == list(range(10, 10 + len(h))), 10, "each value once")
    assert node.coupling("m")["counters"]["failures"] == 0
    agent.close()


def test_an_agent_that_refuses_its_own_numbers_is_left_alone_for_a_while(node):
    error = b"<MTConnectError><Header instanceId='1'/><Errors><Error errorCode='OUT_OF_RANGE'>no</Error></Errors></MTConnectError>"
    agent = Scripted(probe=devices(MILL).encode(), current=streams(""), sample=(404, "text/xml", error))
    node.cli("couple", agent.url, "--name", "m", "--at", "m", "--no-wait")
    assert "its own next number" in node.wait_link("m", "waiting")["detail"]
    assert sum("sample" in a for a in agent.asked) <= 5 and not lasting(node, "gap", lambda _: True)[1:]
    agent.close()


def test_an_endless_document_ends(node):
    def endless(handler, _):
        handler.send_response(200)
        handler.end_headers()
        try:
            handler.wfile.write(b"<MTConnectStreams><Header instanceId='1'/><Streams>")
            for _ in range(5000):
                handler.wfile.write(b"<a>" + b"x" * 50000 + b"</a>")
        except OSError:
            pass

    agent = Scripted(probe=devices(MILL).encode(), current=endless)
    node.cli("couple", agent.url, "--name", "m", "--at", "m", "--no-wait")
    assert "larger than" in node.wait_link("m", "waiting", 60)["detail"]
    agent.close()


@real
def test_every_observation_of_a_real_machine_is_in_the_history(node, servers, free_port):
    servers("mtconnect_sim", "--devices", DATA / "Devices.xml", "--shdr", DATA / "okuma.txt", "--port", free_port, "--speed", "120",
            "--buffer", "200000")
    couple_mill(node, f"mtconnect+http://127.0.0.1:{free_port}", at="hall/okuma")
    since = next_sequence(free_port)
    status = node.coupling("m")
    assert status["items"] >= 80, status
    machine = wait_for(lambda: (a := node.json("get", "hall/okuma")["assets"][0])["state"] and a, 30, "its state")
    assert machine["nameplate"]["ManufacturerName"] == "OKUMA"
    wait_for(lambda: node.coupling("m")["counters"]["samples"] > 4000, 60, "its values")
    seen = {item: {stamp(t): text for t, text in of} for item, of in observations(free_port, since).items()}
    newest = max(t for of in seen.values() for t in of)
    signals = Api(node).ok("GET", "signals", match="hall/okuma/**", limit=1000)["signals"]
    wait_for(lambda: any(stamp(s["time"]) > newest for s in Api(node).ok("GET", "signals", match="hall/okuma/**", limit=1000)["signals"] if s["time"]),
             20, "what came after them")
    compared = 0
    for s in signals:
        have = kept(node, s["path"])
        for t, text in seen.get(s["source"], {}).items():
            assert t in have, (s["path"], t, text)
            if s["type"] == "double":
                assert have[t] == (None if text == "UNAVAILABLE" else float(text)), (s["path"], t)
            compared += 1
    assert compared > 3000 and node.coupling("m")["counters"]["lost"] == 0
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
