# SPDX-License-Identifier: Apache-2.0
"""A machine that follows OPC UA for Machinery: nameplate, roles, units, own structures and enumerations."""
import json
import subprocess

import pytest
from conftest import wait_for


def couple(node, url, name="hall", *options):
    node.cli("couple", url, "--name", name, "--at", name, "--no-wait", *options)
    node.wait_link(name, "online", 30)


def value(node, path):
    return wait_for(lambda: (v := node.value(path))["arrived"] and v, 10, path)


@pytest.fixture
def park(node, servers):
    couple(node, servers("opcua_machine").url)
    return node


def test_the_nameplate_comes_from_the_machine(park):
    plate = park.json("get", "hall/Mill-01")["assets"][0]["nameplate"]
    assert plate["ManufacturerName"] == "Beispiel Maschinenbau"
    assert plate["ManufacturerProductDesignation"] == "FZ 500"
    assert plate["SerialNumber"] == "0012345"
    assert plate["YearOfConstruction"] == "2019"
    assert plate["SoftwareVersion"] == "3.2.1"
    assert park.json("get", "hall/Mill-02")["assets"][0]["kind"] == "machine"


def test_identification_is_listed_and_not_subscribed(park):
    nodes = {n["path"]: n for n in map(json.loads, park.cli("couplings", "hall", "--nodes", "--json").stdout.splitlines())}
    assert nodes["Mill-01/Identification/SerialNumber"]["subscribed"] is False
    assert nodes["Mill-01/Monitoring/Temperature"]["subscribed"] is True


def test_roles_units_ranges_and_descriptions_are_known(park):
    state = value(park, "hall/Mill-01/MachineryBuildingBlocks/MachineryItemState/CurrentState")
    assert (state["role"], state["value"]) == ("state", "Executing")
    t = value(park, "hall/Mill-01/Monitoring/Temperature")
    assert (t["unit"], t["unitText"], t["low"], t["high"]) == ("CEL", "°C", -20, 120)
    assert t["description"] == "of the spindle"
    assert t["value"] == 21.5


def test_own_enumerations_have_their_texts(park):
    mode = value(park, "hall/Mill-01/Monitoring/MachineMode")
    assert (mode["type"], mode["value"]) == ("int64", 2)
    assert mode["enums"] == {"0": "Off", "1": "Auto", "2": "Hand"}


def test_own_structures_arrive_as_json(park):
    job = value(park, "hall/Mill-01/Monitoring/Job")
    assert job["type"] == "string"
    assert json.loads(job["value"]) == {"Name": "Flange \"7\"", "Tool": {"Number": 12, "Length": 81.5}, "Parts": [1, 2]}


def test_whole_numbers_above_53_bits_stay_exact(park):
    assert value(park, "hall/Mill-01/Monitoring/Count")["value"] == 2**62 + 5


def test_an_enumeration_can_be_written(park):
    path = "hall/Mill-01/Monitoring/MachineMode"
    value(park, path)
    park.cli("set", path, "--writable", "on")
    park.cli("set", path, "1")
    wait_for(lambda: park.value(path)["value"] == 1, 5, "the written value")


def test_signals_find_their_nodes_when_the_server_counts_its_namespaces_anew(node, servers, free_port):
    server = servers("opcua_machine", "--port", free_port)
    couple(node, server.url)
    before = value(node, "hall/Mill-01/Monitoring/Temperature")
    items = node.coupling("hall")["items"]
    server.stop()
    wait_for(lambda: node.coupling("hall")["state"] == "waiting", 10)
    servers("opcua_machine", "--port", free_port, "--shift")
    node.wait_link("hall", "online", 30)
    after = wait_for(lambda: (v := node.value("hall/Mill-01/Monitoring/Temperature"))["arrived"] > before["arrived"] and v, 10)
    assert (after["id"], after["value"], after["stale"]) == (before["id"], 21.5, False)
    status = node.coupling("hall")
    assert (status["items"], status["rejected"]) == (items, 0)
    assert json.loads(value(node, "hall/Mill-02/Monitoring/Job")["value"])["Tool"]["Number"] == 12


def test_a_node_that_has_gone_is_counted_and_the_others_live_on(node, servers, free_port):
    servers("opcua_server", "--port", free_port, "--vars", 3)
    couple(node, f"opc.tcp://127.0.0.1:{free_port}", "m")
    signal = node.json("get", "m/Live/v0")["signals"][0]
    assert signal["source"].endswith("s=v0")
    node.cli("couplings", "m", "--add", "nsu=urn:koppel:tests:opcua_server;s=gone", "--path", "Live/gone", check=False)
    wait_for(lambda: node.coupling("m")["state"] == "online" and node.coupling("m")["items"] == 3, 15)
    assert value(node, "m/Live/v2")["stale"] is False


def test_login_with_a_certificate(node, servers, free_port, tmp_path):
    node.cli("cert", "export", tmp_path / "client.der")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=operator",
                    "-keyout", tmp_path / "user.key", "-out", tmp_path / "user.pem"], check=True, capture_output=True)
    servers("opcua_server", "--port", free_port, "--secure", tmp_path, "--user", "op:secret")
    node.cli("couple", f"opc.tcp://127.0.0.1:{free_port}", "--name", "m", "--at", "m", "--no-wait",
             "--set", f"user-certificate={tmp_path}/user.pem", "--set", f"user-key={tmp_path}/user.key")
    node.wait_link("m", "refused")
    node.cli("trust", "m", "--yes")
    node.wait_link("m", "online")
    node.cli("couplings", "m", "--set", f"user-key={tmp_path}/missing.key")
    refused = node.wait_link("m", "refused")
    assert "missing.key" in refused["detail"]
