# SPDX-License-Identifier: Apache-2.0
"""The S7 coupling against the server of snap7."""
import signal
import struct
import time

import pytest
from conftest import comes, good, known, wait_for

MAP = """address,path,type,length,unit,scale,role
DB10.DBD0,real,real,,°C,,
DB10.DBW4,int,int,,,,
"DB10,DINT6",dint,,,,,
DB10.DBW10,word,,,,,
DB10.DBX12.3,bit,,,,,
DB10.14,lreal,lreal,,,,
DB10.22,name,string,20,,,program
DB10.44,dt,date_and_time,,,,
DB10.52,dtl,dtl,,,,
DB10.64,usint,usint,,,,
DB10.65,sint,sint,,,,
DB10.66,udint,udint,,,,
DB10.70,time,time,,ms,,
DB10.74,ulint,ulint,,,,
DB10.4,scaled,int,,,0.1,
DB10.82,date,date,,,,
DB10.84,tod,time_of_day,,,,
DB10.22,same,string[20],,,,
DB10.100,count,int,,,,part-count
MW20,flags,,,,,
E0.1,input,,,,,
"""


def write(tmp_path, text):
    (tmp_path / "map.csv").write_text(text)
    return tmp_path / "map.csv"


def couple(node, port, map_file, *options):
    node.cli("couple", f"s7://127.0.0.1:{port}?rack=0&slot=2&poll=200ms", "--name", "plc", "--at", "hall/press", "--map", map_file, "--no-wait", *options)


def test_every_type_and_way_to_write_an_address(node, servers, free_port, tmp_path):
    servers("s7_sim", free_port)
    couple(node, free_port, write(tmp_path, MAP))
    want = {"real": 21.5, "int": -7, "dint": -100000, "word": 0xBEEF, "bit": True, "lreal": 0.1, "name": "O1004.NC", "dt": "2026-11-24T10:02:31.250Z",
            "dtl": "2026-11-24T10:02:31.250Z", "usint": 250, "sint": -3, "udint": 4000000000, "time": 1500, "date": "2026-11-24T00:00:00Z", "tod": 36000000, "same": "O1004.NC", "ulint": str(2**63 + 5), "flags": 77,
            "input": True}
    for path, value in want.items():
        assert good(node, f"hall/press/{path}")["value"] == value, path
    assert good(node, "hall/press/scaled")["value"] == pytest.approx(-0.7)
    assert good(node, "hall/press/real")["unit"] == "CEL"
    first = good(node, "hall/press/count")["value"]
    wait_for(lambda: good(node, "hall/press/count")["value"] > first, 10, "a count that grows")
    plate = node.json("get", "hall/press")["assets"][0]["nameplate"]
    assert plate["ManufacturerName"] == "Siemens" and plate["OrderCodeOfManufacturer"].startswith("6ES7"), plate


def test_a_place_that_is_not_there_keeps_no_other_away(node, servers, free_port, tmp_path):
    servers("s7_sim", free_port)
    couple(node, free_port, write(tmp_path, "address,path,type\nDB10.0,a,real\nDB10.198,edge,dint\nDB11.0,none,int\nDB10.4,b,int\n"))
    assert (good(node, "hall/press/a")["value"], good(node, "hall/press/b")["value"]) == (21.5, -7)
    for path, status in (("edge", "BadOutOfRange"), ("none", "BadNodeIdUnknown")):
        wait_for(lambda: (s := known(node, f"hall/press/{path}")) and s["status"]["name"] == status, 10, path)
    assert "2 refused by the PLC" in node.coupling("plc")["detail"]
    assert node.coupling("plc")["state"] == "online"


def test_a_server_that_goes_hangs_and_comes_back(node, servers, free_port, tmp_path):
    server = servers("s7_sim", free_port)
    couple(node, free_port, write(tmp_path, MAP), "--set", "timeout=500ms")
    good(node, "hall/press/real")
    server.signal(signal.SIGSTOP)
    node.wait_link("plc", "waiting")
    wait_for(lambda: known(node, "hall/press/real")["stale"], 10, "a stale value")
    server.signal(signal.SIGCONT)
    node.wait_link("plc", "online")
    server.stop()
    node.wait_link("plc", "waiting")
    time.sleep(1)
    server.start()
    node.wait_link("plc", "online", 30)
    good(node, "hall/press/real")


def test_writing_is_refused_until_opened_and_then_seen(node, servers, free_port, tmp_path):
    servers("s7_sim", free_port)
    couple(node, free_port, write(tmp_path, MAP))
    good(node, "hall/press/int")
    assert "not open for writing" in node.cli("set", "hall/press/int", "5", check=False).stderr
    for path in ("int", "bit", "real", "name"):
        node.cli("set", f"hall/press/{path}", "--writable", "on")
    for path, text, value in (("int", "123", 123), ("bit", "false", False), ("real", "2.5", 2.5), ("name", "NEW.NC", "NEW.NC")):
        node.cli("set", f"hall/press/{path}", text)
        wait_for(lambda: good(node, f"hall/press/{path}")["value"] == value, 10, path)
    assert "does not fit" in node.cli("set", "hall/press/int", "40000", check=False).stderr


def test_a_written_text_never_goes_beyond_the_plcs_string(node, servers, free_port, tmp_path):
    servers("s7_sim", free_port)
    couple(node, free_port, write(tmp_path, "address,path,type\nDB10.22,name,string[40]\nDB10.44,behind,date_and_time\n"))
    behind = good(node, "hall/press/behind")["value"]
    good(node, "hall/press/name")
    node.cli("set", "hall/press/name", "--writable", "on")
    assert "holds 20 characters" in node.cli("set", "hall/press/name", "x" * 21, check=False).stderr
    assert "Latin 1" in node.cli("set", "hall/press/name", "Ω", check=False).stderr
    node.cli("set", "hall/press/name", "Größe " + "y" * 14)
    wait_for(lambda: good(node, "hall/press/name")["value"] == "Größe " + "y" * 14, 10, "the text")
    assert good(node, "hall/press/behind")["value"] == behind


def test_a_value_longer_than_a_message_keeps_no_other_away(node, servers, free_port, tmp_path):
    servers("s7_sim", free_port, "--pdu", 240)
    couple(node, free_port, write(tmp_path, "address,path,type\nDB12.0,long,string[254]\nDB12.300,int,int\nDB10.0,real,real\n"))
    assert good(node, "hall/press/long")["value"] == "x" * 250
    assert (good(node, "hall/press/int")["value"], good(node, "hall/press/real")["value"]) == (5, 21.5)
    assert "messages of 240 bytes" in node.coupling("plc")["detail"]


def test_many_values_all_come_and_a_stop_does_not_wait_for_them(node, servers, free_port, tmp_path):
    servers("s7_sim", free_port)
    rows = "".join(f"DB10.{i % 190},v{i},int\n" for i in range(3000))
    couple(node, free_port, write(tmp_path, "address,path,type\n" + rows))
    good(node, "hall/press/v2999")
    began = time.monotonic()
    node.cli("couplings", "plc", "--off")
    assert time.monotonic() - began < 5


def test_a_cpu_in_stop_is_told(node, servers, free_port, tmp_path):
    server = servers("s7_sim", free_port)
    couple(node, free_port, write(tmp_path, MAP))
    good(node, "hall/press/real")
    assert "STOP" not in node.coupling("plc")["detail"]
    server.signal(signal.SIGUSR1)
    wait_for(lambda: "the CPU is in STOP" in node.coupling("plc")["detail"], 20, "the state")


def test_a_tsap_takes_the_place_of_rack_and_slot(node, servers, free_port, tmp_path):
    servers("s7_sim", free_port)
    couple(node, free_port, write(tmp_path, MAP), "--set", "tsap=03.01", "--set", "local-tsap=0200")
    good(node, "hall/press/real")
    done = node.cli("couplings", "plc", "--set", "tsap=3.1", check=False)
    assert done.returncode == 1 and "tsap: '3.1' is not such as 10.01" in done.stderr, done.stderr


@pytest.mark.parametrize("text, complaint", [
    ("address,path,type,length\nDB10.4,a,string[20],20\n", "map: line 2: length: it stands behind the type already"),
    ("address,path,type\nDB10.4,a,string[0]\n", "map: line 2: length: '0' is not a number from 1 to 254"),
    ("address,path\nDB0.DBW1,a\n", "map: line 2: address: 'DB0.DBW1' is not such as DB10.DBD4"),
    ("address,path\nDB10.DBX1,a\n", "map: line 2: address: a bool needs its bit"),
    ("address,path,type\nDB10.4,a,rael\n", "map: line 2: type: 'rael' is not known, did you mean 'real'?"),
    ("address,path\nDB10.4,a\n", "map: line 2: type: neither it nor the address says"),
    ("address,path,type,length\nDB10.4,a,string,300\n", "map: line 2: length: '300' is not a number from 1 to 254"),
])
def test_a_wrong_map_is_refused_with_its_line(node, tmp_path, text, complaint):
    done = node.cli("couple", "s7://127.0.0.1:1", "--map", write(tmp_path, text), "--no-wait", check=False)
    assert done.returncode == 1 and complaint in done.stderr, done.stderr


def test_a_plc_that_does_not_permit_put_get_is_told_with_what_to_tick(node, tmp_path, impostor):
    def packet(message):
        return struct.pack(">BBH", 3, 0, 7 + len(message)) + b"\x02\xf0\x80" + message

    def answer(ask):
        if ask[5] == 0xe0:
            return b"\x03\0\0\x16\x11\xd0\0\1\0\2\0\xc0\1\x0a\xc1\2\1\0\xc2\2\1\1"
        reference = ask[11:13]
        if ask[17] == 0xf0:
            return packet(b"\x32\3\0\0" + reference + b"\0\x08\0\0\0\0\xf0\0\0\1\0\1\0\xf0")
        return packet(b"\x32\3\0\0" + reference + b"\0\0\0\0\x81\4")

    def talk(peer):
        while ask := peer.recv(1000):
            peer.sendall(answer(ask))

    couple(node, impostor(talk), write(tmp_path, MAP))
    assert "Permit access with PUT/GET" in node.wait_link("plc", "refused")["detail"]


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 no\r\n\r\n", b"\x03\x00\x00\x16" + b"\xff" * 18, b"\x03\x00\xff\xff" + b"\0" * 100])
def test_something_else_at_the_port_is_told(node, impostor, answer):
    port = impostor(lambda peer: (peer.recv(100), peer.sendall(answer)))
    node.cli("couple", f"s7://127.0.0.1:{port}", "--name", "plc", "--no-wait")
    assert node.wait_link("plc", "waiting")["detail"]
