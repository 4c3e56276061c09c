# SPDX-License-Identifier: Apache-2.0
"""The Modbus coupling against pymodbus, over TCP, over a line, and with a line's frames over TCP."""
import json
import os
import resource
import signal
import socket
import subprocess
import threading
import time

import pytest
from conftest import KOPPEL, good, known, wait_for
from pymodbus.client import ModbusTcpClient
from relay import Relay

FULL = """address,path,type,order,unit,scale,bit,length,unit-id,role
holding:0,abcd,float32,ABCD,V,,,,,
40003,cdab,float32,CDAB,,,,,,
400005,badc,float32,BADC,,,,,,
h6,dcba,float32,DCBA,,,,,,
holding:8,i1,int32,ABCD,,,,,,
holding:10,i2,int32,CDAB,,,,,,
holding:12,i3,int32,BADC,,,,,,
holding:14,i4,int32,DCBA,,,,,,
holding:16,u,uint64,,,,,,,
holding:20,d,float64,DCBA,,,,,,
holding:24,temperature,int16,,°C,0.1,,,,
holding:25,field,uint16,,,,2-3,,,
holding:0x19,flag,,,,,0,,,
holding:26,name,string,,,,,10,,
holding:50,count,,,,,,,,part-count
30006,in,,,,,,,,
00004,coil,,,,,,,,
10008,disc,,,,,,,,
holding:100,other/x,,,,,,,2,
"""


def write(tmp_path, text, name="map.csv"):
    (tmp_path / name).write_text(text)
    return tmp_path / name


def simulator(servers, port, tmp_path, *options):
    control = write(tmp_path, "{}", "control.json")
    return servers("modbus_sim", "--port", port, "--control", control, *options), control


def couple(node, url, map_file, *options, at="hall/em"):
    return node.cli("couple", url, "--name", "em", "--at", at, "--map", map_file, "--no-wait", *options)


def value(node, path):
    return good(node, path)["value"]


def test_every_type_order_and_way_to_write_an_address(node, servers, free_port, tmp_path):
    simulator(servers, free_port, tmp_path)
    couple(node, f"modbus://127.0.0.1:{free_port}/1", write(tmp_path, FULL))
    node.wait_link("em", "online")
    assert [value(node, f"hall/em/{p}") for p in ("abcd", "cdab", "badc", "dcba")] == [231.5] * 4
    assert [value(node, f"hall/em/i{n}") for n in (1, 2, 3, 4)] == [-123456] * 4
    assert value(node, "hall/em/u") == str(2**63 + 5)
    assert value(node, "hall/em/d") == -0.1
    temperature = good(node, "hall/em/temperature")
    assert (temperature["value"], temperature["unit"], temperature["unitText"]) == (-27.5, "CEL", "°C")
    assert (value(node, "hall/em/field"), value(node, "hall/em/flag")) == (0b11, True)
    assert value(node, "hall/em/name") == "EM-340-SIM"
    assert (value(node, "hall/em/in"), value(node, "hall/em/coil"), value(node, "hall/em/disc")) == (4711, True, True)
    assert value(node, "hall/em/other/x") == 22
    first = value(node, "hall/em/count")
    wait_for(lambda: value(node, "hall/em/count") > first, 10, "a count that grows")
    times = [p[0] for p in node.history("hall/em/count")]
    assert all(len(t) <= len("2026-11-24T10:02:31.123Z") for t in times), "time stamps are whole milliseconds"


def test_the_device_says_what_it_is(node, servers, free_port, tmp_path):
    simulator(servers, free_port, tmp_path)
    couple(node, f"modbus://127.0.0.1:{free_port}", write(tmp_path, FULL))
    plate = wait_for(lambda: (a := node.json("get", "hall/em")["assets"][0]["nameplate"] if known(node, "hall/em/abcd") else None) and a.get("ManufacturerName") and a,
                     20, "the nameplate")
    assert plate["ManufacturerName"] == "Koppel Test Works"
    assert plate["OrderCodeOfManufacturer"] == "KTW-340"
    assert plate["FirmwareVersion"] == "2.7"
    assert plate["ManufacturerProductDesignation"] == "EM340"


def test_a_device_that_does_not_know_the_question_is_read_all_the_same(node, servers, free_port, tmp_path):
    simulator(servers, free_port, tmp_path, "--anonymous")
    couple(node, f"modbus://127.0.0.1:{free_port}", write(tmp_path, "address,path\n40025,temperature\n"))
    assert value(node, "hall/em/temperature") == 65536 - 275


def test_a_place_that_is_not_there_keeps_no_other_away(node, servers, free_port, tmp_path):
    simulator(servers, free_port, tmp_path)
    rows = "address,path\n" + "".join(f"holding:{n},r{n}\n" for n in (60, 61, 62, 70))
    couple(node, f"modbus://127.0.0.1:{free_port}", write(tmp_path, rows))
    assert (value(node, "hall/em/r60"), value(node, "hall/em/r62")) == (7, 8)
    for missing in ("r61", "r70"):
        wait_for(lambda: (s := known(node, f"hall/em/{missing}")) and s["status"]["name"] == "BadNodeIdUnknown", 10, missing)
    status = node.coupling("em")
    assert (status["rejected"], status["state"]) == (2, "online")
    assert "refused by the device" in status["detail"]


def test_a_dead_unit_keeps_no_other_away(node, servers, free_port, tmp_path):
    _, control = simulator(servers, free_port, tmp_path)
    control.write_text('{"delay": 1, "units": [2]}')
    couple(node, f"modbus://127.0.0.1:{free_port}", write(tmp_path, FULL), "--set", "timeout=200ms", "--set", "poll=200ms")
    first = value(node, "hall/em/count")
    wait_for(lambda: (s := known(node, "hall/em/other/x")) and s["status"]["name"] == "BadNoCommunication", 20, "the dead unit")
    wait_for(lambda: value(node, "hall/em/count") > first + 5, 10, "the living one")
    control.write_text("{}")
    assert value(node, "hall/em/other/x") == 22


def late_answers_are_passed_over(node, control):
    assert (value(node, "hall/em/seven"), value(node, "hall/em/eight")) == (7, 8)
    for delay in (0.2, 0.16, 0.0, 0.18, 0.0):
        control.write_text(json.dumps({"delay": delay}))
        time.sleep(1)
    assert {p[1] for p in node.history("hall/em/seven")} <= {7, None}
    assert {p[1] for p in node.history("hall/em/eight")} <= {8, None}
    assert (value(node, "hall/em/seven"), value(node, "hall/em/eight")) == (7, 8)


def test_a_late_answer_is_not_taken_for_the_next(node, servers, free_port, tmp_path):
    """Each answer comes after the next question was asked; values of another place must never show up."""
    _, control = simulator(servers, free_port, tmp_path)
    rows = "address,path,every\nholding:60,seven,\nholding:62,eight,\n"
    couple(node, f"modbus://127.0.0.1:{free_port}", write(tmp_path, rows), "--set", "timeout=150ms", "--set", "poll=100ms",
           "--set", "gap=0")
    late_answers_are_passed_over(node, control)


@pytest.fixture
def line(tmp_path):
    """Two ends of one pseudo terminal: the simulator's and the node's."""
    ends = [tmp_path / "one", tmp_path / "two"]
    socat = subprocess.Popen(["socat", f"pty,raw,echo=0,link={ends[0]}", f"pty,raw,echo=0,link={ends[1]}"])
    wait_for(lambda: all(e.exists() for e in ends), 10, "the line")
    yield [os.path.realpath(e) for e in ends]
    socat.kill()
    socat.wait()


def test_a_late_answer_on_a_line_is_not_taken_for_the_next(node, servers, line, tmp_path):
    """Frames of a line bear no number: two questions to one unit whose answers are equally long."""
    control = write(tmp_path, "{}", "control.json")
    servers("modbus_sim", "--line", line[0], "--control", control)
    rows = "address,path\nholding:60,seven\nholding:62,eight\n"
    couple(node, f"modbus+rtu://{line[1]}?baud=19200&parity=N", write(tmp_path, rows), "--set", "timeout=150ms", "--set", "poll=100ms",
           "--set", "gap=0")
    late_answers_are_passed_over(node, control)


def status_is(node, path, name, seconds=20):
    return wait_for(lambda: (s := known(node, path)) and s["status"]["name"] == name and s, seconds, f"{path} {name}")


def test_units_that_a_gateway_does_not_reach_keep_no_other_away(node, servers, free_port, tmp_path):
    _, control = simulator(servers, free_port, tmp_path)
    rows = "address,path,unit-id\nholding:50,count,1\nholding:100,two/x,2\nholding:0,three/x,3\n"
    couple(node, f"modbus://127.0.0.1:{free_port}", write(tmp_path, rows), "--set", "poll=200ms")
    assert (value(node, "hall/em/two/x"), value(node, "hall/em/three/x")) == (22, 1)
    control.write_text('{"exceptions": {"2": 11, "3": 10}}')
    status_is(node, "hall/em/two/x", "BadNoCommunication")
    status_is(node, "hall/em/three/x", "BadNoCommunication")
    detail = wait_for(lambda: "no answer from unit 2, 3" in (d := node.coupling("em")["detail"]) and d, 10, "which units")
    first = value(node, "hall/em/count")
    wait_for(lambda: value(node, "hall/em/count") > first, 10, "the unit that answers")
    control.write_text("{}")
    assert (value(node, "hall/em/two/x"), value(node, "hall/em/three/x")) == (22, 1)
    wait_for(lambda: "no answer" not in node.coupling("em")["detail"], 10, detail)


@pytest.mark.parametrize("code, status", [(4, "BadDeviceFailure"), (6, "BadResourceUnavailable"), (5, "BadResourceUnavailable")])
def test_a_place_that_fails_again_and_again_is_bad_until_it_answers(node, servers, free_port, tmp_path, code, status):
    _, control = simulator(servers, free_port, tmp_path)
    rows = "address,path\nholding:60,seven\nholding:50,count\n"
    couple(node, f"modbus://127.0.0.1:{free_port}", write(tmp_path, rows), "--set", "poll=200ms", "--set", "gap=0")
    first = value(node, "hall/em/count")
    assert value(node, "hall/em/seven") == 7
    control.write_text(json.dumps({"exceptions": {"1/60": code}}))
    status_is(node, "hall/em/seven", status)
    wait_for(lambda: value(node, "hall/em/count") > first, 10, "the other place")
    control.write_text("{}")
    assert value(node, "hall/em/seven") == 7


def test_a_device_that_closes_idle_connections_is_read_all_the_same(node, servers, free_port, tmp_path):
    """Each connection lives for a few answers: every poll finds it closed."""
    simulator(servers, free_port, tmp_path)
    front = socket.create_server(("127.0.0.1", 0))

    def serve(near):
        with near, socket.create_connection(("127.0.0.1", free_port)) as far:
            near.settimeout(0.3)
            try:
                while ask := near.recv(300):
                    far.sendall(ask)
                    near.sendall(far.recv(300))
            except OSError:
                pass

    def accept():
        while True:
            try:
                near, _ = front.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(near,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    couple(node, f"modbus://127.0.0.1:{front.getsockname()[1]}", write(tmp_path, "address,path\nholding:50,count\n"))
    first = value(node, "hall/em/count")
    opens = node.coupling("em")["counters"]["opens"]
    for _ in range(4):
        first = wait_for(lambda: (v := value(node, "hall/em/count")) > first and v, 5, "the next value")
    assert node.coupling("em")["counters"]["opens"] == opens
    assert all(p[2] == 0 for p in node.history("hall/em/count")), "none is Bad"
    front.close()


def test_a_device_that_takes_connections_and_says_nothing_is_told(node, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        couple(node, f"modbus://127.0.0.1:{mute.getsockname()[1]}/7", write(tmp_path, FULL), "--set", "timeout=200ms")
        node.cli("couple", f"modbus://127.0.0.1:{mute.getsockname()[1]}/7", "--name", "bare", "--no-wait", "--set", "timeout=200ms")
        wait_for(lambda: "unit 7 does not answer within" in (c := node.coupling("bare"))["detail"] and c["state"] == "waiting", 20, "why")
        wait_for(lambda: "none of the 2 units" in (c := node.coupling("em"))["detail"] and c["state"] == "waiting", 20, "why")
        begin = time.monotonic()
        node.stop()
        assert time.monotonic() - begin < 5


def test_a_node_with_very_many_connections_says_so_and_lives(node, servers, free_port, tmp_path):
    """The library waits by select(), which ends the process at the 1,024th descriptor: so many are given to the node here."""
    simulator(servers, free_port, tmp_path)
    node.stop()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    hold = 'for i in {3..1100}; do eval "exec $i</dev/null"; done; exec "$@"'  # every low number, or the link would get one
    with node.log.open("a") as log:
        node.process = subprocess.Popen(["bash", "-c", hold, "-", KOPPEL, "run", node.dir, "--listen", "127.0.0.1:0"], stdout=log, stderr=log)
    wait_for(node.answers, 30, "the node")
    couple(node, f"modbus://127.0.0.1:{free_port}", write(tmp_path, FULL))
    assert "connections open" in node.wait_link("em", "waiting")["detail"]
    node.cli("status")


def test_a_corrected_map_feeds_the_signals_it_names(node, servers, free_port, tmp_path):
    """The path says which signal a row is: other registers, swapped ones too, are no other signals."""
    simulator(servers, free_port, tmp_path)
    couple(node, f"modbus://127.0.0.1:{free_port}", write(tmp_path, "address,path\nholding:60,a\nholding:62,b\nholding:25,c\n"), "--set", "poll=100ms")
    assert (value(node, "hall/em/a"), value(node, "hall/em/b")) == (7, 8)
    ids = [known(node, f"hall/em/{p}")["id"] for p in "abc"]
    node.cli("couplings", "em", "--map", write(tmp_path, "address,path\nholding:62,a\nholding:60,b\nholding:0x1d,c\n"))
    wait_for(lambda: (value(node, "hall/em/a"), value(node, "hall/em/b")) == (8, 7), 10, "the swapped registers")
    assert [known(node, f"hall/em/{p}")["id"] for p in "abc"] == ids
    assert not any(known(node, f"hall/em/{p}_2") for p in "abc")


def test_one_register_may_be_two_signals(node, servers, free_port, tmp_path):
    simulator(servers, free_port, tmp_path)
    rows = "address,path,type,scale\nholding:24,raw,int16,\nholding:24,temperature,int16,0.1\n"
    couple(node, f"modbus://127.0.0.1:{free_port}", write(tmp_path, rows), "--set", "poll=100ms")
    for _ in range(2):
        assert (value(node, "hall/em/raw"), value(node, "hall/em/temperature")) == (-275, -27.5)
        node.cli("couplings", "em", "--off")
        node.cli("couplings", "em", "--on")
        node.wait_link("em", "online")
    assert {p[1] for p in node.history("hall/em/raw")} == {-275}
    assert {p[1] for p in node.history("hall/em/temperature")} == {-27.5}


class Shy(Relay):
    """Lets no question pass of who the device is."""
    def pump(self, source, sink):
        try:
            while data := source.recv(260):
                if len(data) < 8 or data[7] != 0x2b or not self.shy:
                    sink.sendall(data)
        except OSError:
            pass
        sink.close()

    shy = True


def test_a_meter_that_did_not_say_at_first_what_it_is_gets_its_map_when_it_does(node, servers, free_port, tmp_path):
    simulator(servers, free_port, tmp_path, "--vendor", "Eastron", "--product", "SDM630MCT")
    relay = Shy(f"tcp://127.0.0.1:{free_port}")
    node.cli("couple", f"modbus://127.0.0.1:{relay.listener.getsockname()[1]}/1", "--name", "em", "--at", "hall/em", "--no-wait")
    assert "nothing is known" in node.wait_link("em", "online")["detail"]
    assert node.coupling("em")["items"] == 0
    relay.shy = False
    wait_for(lambda: node.coupling("em")["items"] > 0, 40, "the map of its profile")
    assert node.wait_link("em", "online")["signals"] > 0
    relay.close()


def test_a_meter_that_says_what_it_is_gets_the_map_of_its_profile(node, servers, free_port, tmp_path):
    simulator(servers, free_port, tmp_path, "--vendor", "Eastron", "--product", "SDM630MCT")
    node.cli("couple", f"modbus://127.0.0.1:{free_port}", "--name", "em", "--at", "hall/em", "--no-wait")
    assert good(node, "hall/em/L1/voltage")["unit"] == "VLT"
    status_is(node, "hall/em/energy", "BadNodeIdUnknown")


def test_a_bus_that_is_asked_too_much_serves_everything_and_says_so(node, servers, free_port, tmp_path):
    """Thirty questions of 30 ms each, five times a second: none of them may wait for ever."""
    _, control = simulator(servers, free_port, tmp_path)
    control.write_text('{"delay": 0.03}')
    rows = "address,path\n" + "".join(f"holding:{n},r{n}\n" for n in range(30)) + "holding:50,count\n"
    couple(node, f"modbus://127.0.0.1:{free_port}", write(tmp_path, rows), "--set", "poll=200ms", "--set", "registers-max=1")
    first = value(node, "hall/em/count")
    wait_for(lambda: value(node, "hall/em/count") > first + 20, 20, "the last of them, again")
    assert value(node, "hall/em/r24") == 65536 - 275
    assert "raise poll" in node.coupling("em")["detail"]


@pytest.mark.parametrize("code, complaint", [(2, "does not let unit 1 holding:24 be written"), (3, "does not take this value"), (6, "busy")])
def test_what_the_device_answers_to_a_write_is_told(node, servers, free_port, tmp_path, code, complaint):
    _, control = simulator(servers, free_port, tmp_path)
    couple(node, f"modbus://127.0.0.1:{free_port}", write(tmp_path, "address,path\nholding:24,a\n"))
    value(node, "hall/em/a")
    node.cli("set", "hall/em/a", "--writable", "on")
    control.write_text(json.dumps({"exceptions": {"1": code}}))
    done = node.cli("set", "hall/em/a", "5", check=False)
    assert done.returncode == 1 and complaint in done.stderr, done.stderr


def test_one_map_serves_many_units(node, servers, free_port, tmp_path):
    simulator(servers, free_port, tmp_path)
    rows = "address,path,unit-id\nholding:100,x,\nholding:0,y,\nholding:60,seven,1\n"
    couple(node, f"modbus://127.0.0.1:{free_port}", write(tmp_path, rows), "--set", "units=2-3")
    assert (value(node, "hall/em/unit-2/x"), value(node, "hall/em/unit-3/y"), value(node, "hall/em/seven")) == (22, 1, 7)
    status_is(node, "hall/em/unit-3/x", "BadNodeIdUnknown")
    for wrong in ("2-", "3-2", "x", "1,", "256", "1;2"):
        refused = node.cli("couplings", "em", "--set", f"units={wrong}", check=False)
        assert refused.returncode == 1 and "is not such as 1-4,7" in refused.stderr, wrong
    assert value(node, "hall/em/unit-2/x") == 22


def test_a_row_has_a_pace_of_its_own(node, servers, free_port, tmp_path):
    simulator(servers, free_port, tmp_path)
    rows = "address,path,every\nholding:50,fast,50ms\nholding:0x32,slow,1h\n"
    couple(node, f"modbus://127.0.0.1:{free_port}", write(tmp_path, rows.replace("0x32,slow", "49,slow")))
    first = value(node, "hall/em/fast")
    wait_for(lambda: value(node, "hall/em/fast") > first + 10, 10, "a count that grows")
    assert len(node.history("hall/em/fast")) > 5


def test_a_server_that_goes_and_comes_back(node, servers, free_port, tmp_path):
    server, _ = simulator(servers, free_port, tmp_path)
    couple(node, f"modbus://127.0.0.1:{free_port}", write(tmp_path, FULL))
    value(node, "hall/em/abcd")
    server.stop()
    assert "cannot connect to" in node.wait_link("em", "waiting")["detail"]
    wait_for(lambda: known(node, "hall/em/abcd")["stale"], 10, "a stale value")
    server.start()
    node.wait_link("em", "online")
    good(node, "hall/em/abcd")


def test_a_hanging_server_makes_values_bad_and_the_node_answers(node, servers, free_port, tmp_path):
    server, _ = simulator(servers, free_port, tmp_path)
    couple(node, f"modbus://127.0.0.1:{free_port}", write(tmp_path, FULL), "--set", "timeout=200ms", "--set", "poll=200ms")
    value(node, "hall/em/abcd")
    server.signal(signal.SIGSTOP)
    wait_for(lambda: known(node, "hall/em/abcd")["status"]["name"] == "BadNoCommunication", 20, "bad values")
    begin = time.monotonic()
    node.cli("status")
    assert time.monotonic() - begin < 5
    server.signal(signal.SIGCONT)
    good(node, "hall/em/abcd")


@pytest.mark.parametrize("text, complaint", [
    ("address,path\n40001,a\n4x,b\n", "map: line 3: address: '4x' is neither such as 40001"),
    ("address,path,type\n40001,a,flaot32\n", "map: line 2: type: 'flaot32' is none of"),
    ("address,path,type\n40001,a,string\n", "map: line 2: length: a string needs its characters"),
    ("address,path,bit\n40001,a,16\n", "map: line 2: bit: '16' is not such as 3 or 3-5"),
    ("address,path,order\n40001,a,ACBD\n", "map: line 2: order: 'ACBD' is none of"),
    ("address,path,scale\n40001,a,x\n", "map: line 2: scale: 'x' is not a number"),
    ("address,path,type\n17,a,float32\n", "map: line 2: type: '17' is coil:16"),
    ("address,path,unit-id\n40001,a,250\n", "map: line 2: unit-id: there is no unit 250"),
    ("adress,path\n40001,a\n", "map: line 1: unknown column 'adress', did you mean 'address'?"),
])
def test_a_wrong_map_is_refused_with_its_line_and_changes_nothing(node, tmp_path, text, complaint):
    done = node.cli("couple", "modbus://127.0.0.1:1", "--map", write(tmp_path, text), "--no-wait", check=False)
    assert done.returncode == 1 and complaint in done.stderr
    assert "127.0.0.1" not in node.cli("couplings", "--json").stdout


@pytest.mark.parametrize("url, complaint", [
    ("modbus://127.0.0.1/300", "'300' behind the host is not a unit"),
    ("modbus:///3", "names no host"),
    ("modbus+rtu://ttyUSB0", "is not such as modbus+rtu:///dev/ttyUSB0"),
    ("modbus://127.0.0.1?pol=3s", "unknown setting 'pol', did you mean 'poll'?"),
    ("modbus://127.0.0.1?poll=3", "is not a time"),
    ("modbus://a:b@127.0.0.1", "a user does not stand in the address"),
])
def test_a_wrong_address_is_refused(node, url, complaint):
    done = node.cli("couple", url, "--no-wait", check=False)
    assert done.returncode == 1 and complaint in done.stderr, done.stderr


def test_without_a_map_it_says_what_to_do(node, servers, free_port, tmp_path):
    simulator(servers, free_port, tmp_path)
    node.cli("couple", f"modbus://127.0.0.1:{free_port}", "--name", "em", "--no-wait")
    assert "koppel couplings em --map FILE" in wait_for(lambda: (c := node.wait_link("em", "online"))["detail"] and c, 10)["detail"]
    node.cli("couplings", "em", "--map", write(tmp_path, FULL))
    assert value(node, "em/abcd") == 231.5


def test_writing_is_refused_until_opened_and_then_seen(node, servers, free_port, tmp_path):
    simulator(servers, free_port, tmp_path)
    rows = "address,path,type,scale,bit\nholding:24,temperature,int16,0.1,\nholding:25,field,uint16,,2-3\nholding:26,name,string,,\ncoil:3,coil,,,\ninput:5,in,,,\n"
    rows = rows.replace("bit\n", "bit,length\n").replace("string,,", "string,,,16")
    couple(node, f"modbus://127.0.0.1:{free_port}", write(tmp_path, rows), "--set", "poll=100ms")
    value(node, "hall/em/temperature")
    refused = node.cli("set", "hall/em/temperature", "12.5", check=False)
    assert refused.returncode == 1 and "not open for writing" in refused.stderr
    for path in ("temperature", "field", "name", "coil", "in"):
        node.cli("set", f"hall/em/{path}", "--writable", "on")
    node.cli("set", "hall/em/temperature", "12.5")
    node.cli("set", "hall/em/field", "1")
    node.cli("set", "hall/em/name", "new name")
    node.cli("set", "hall/em/coil", "false")
    wait_for(lambda: [value(node, f"hall/em/{p}") for p in ("temperature", "field", "name", "coil")] == [12.5, 1, "new name", False], 10,
             "what was written")
    with ModbusTcpClient("127.0.0.1", port=free_port) as other:
        registers = other.read_holding_registers(24, count=2, device_id=1).registers
    assert registers == [125, 0b100101], "bits beside the field stay"
    for path, text, complaint in (("temperature", "1e9", "does not fit"), ("field", "4", "does not fit"), ("in", "1", "can only be read"),
                                  ("name", "x" * 17, "does not fit")):
        done = node.cli("set", f"hall/em/{path}", text, check=False)
        assert done.returncode == 1 and complaint in done.stderr


def test_frames_of_a_line_over_tcp(node, servers, free_port, tmp_path):
    server, _ = simulator(servers, free_port, tmp_path, "--rtu")
    couple(node, f"modbus+rtutcp://127.0.0.1:{free_port}/1", write(tmp_path, FULL))
    assert value(node, "hall/em/abcd") == 231.5
    assert value(node, "hall/em/other/x") == 22
    wait_for(lambda: node.json("get", "hall/em")["assets"][0]["nameplate"].get("ManufacturerName") == "Koppel Test Works", 10, "the nameplate")
    server.stop()
    node.wait_link("em", "waiting")
    server.start()
    good(node, "hall/em/abcd")


def test_a_serial_line(node, servers, line, tmp_path):
    servers("modbus_sim", "--line", line[0])
    couple(node, f"modbus+rtu://{line[1]}?baud=19200&parity=N", write(tmp_path, FULL))
    assert value(node, "hall/em/abcd") == 231.5
    assert value(node, "hall/em/other/x") == 22
    wait_for(lambda: node.json("get", "hall/em")["assets"][0]["nameplate"].get("ManufacturerName") == "Koppel Test Works", 10, "the nameplate")
    node.cli("uncouple", "em")


def test_an_energy_meter_is_known_by_a_profile_chosen_by_hand(node, servers, free_port):
    done = node.cli("couple", f"modbus://127.0.0.1:{free_port}", "--profile", "modbus-sdm36", "--no-wait", check=False)
    assert done.returncode == 1 and "did you mean 'modbus-sdm630'?" in done.stderr
