# SPDX-License-Identifier: Apache-2.0
"""What a coupled OPC UA server looks like in the model: everything listed, what matters subscribed, whatever it holds."""
import json
import time

import pytest
from conftest import wait_for


def couple(node, url, name, *options):
    node.cli("couple", url, "--name", name, "--at", f"hall/{name}", "--no-wait", *options)
    return node.wait_link(name, "online", 30)


def value(node, path):
    return wait_for(lambda: (v := node.value(path))["status"]["name"] != "BadWaitingForInitialData" and v["arrived"] and v,
                    10, path)


def nodes_of(node, name, *pattern):
    return [json.loads(line) for line in node.cli("couplings", name, *pattern, "--nodes", "--json").stdout.splitlines()]


@pytest.fixture
def odd(node, servers, free_port):
    """A node coupled to a server full of oddities."""
    servers("opcua_server", "--port", free_port, "--vars", 2, "--rate", 5, "--faults")
    couple(node, f"opc.tcp://127.0.0.1:{free_port}", "odd")
    return node


def test_values_move_and_carry_the_servers_time(odd):
    first = value(odd, "hall/odd/Live/v0")
    later = wait_for(lambda: (v := odd.value("hall/odd/Live/v0"))["value"] > first["value"] and v, 5)
    assert later["time"] > first["time"]
    assert later["status"] == {"code": 0, "name": "Good"}


def test_arrays_texts_and_structures_arrive_as_such(odd):
    array = value(odd, "hall/odd/Faults/Array")
    assert array["type"] == "float[]"
    assert array["value"] == pytest.approx([0.1, 0.2, 0.3])
    assert value(odd, "hall/odd/Faults/Text")["value"] == "O1000.NC"
    assert json.loads(value(odd, "hall/odd/Faults/Structure")["value"]) == {"Low": 1.0, "High": 2.0}


def test_a_node_that_answers_bad_says_so_and_harms_no_other(odd):
    assert value(odd, "hall/odd/Faults/Bad")["status"]["name"] == "BadSensorFailure"
    assert value(odd, "hall/odd/Live/v1")["status"]["name"] == "Good"
    assert odd.coupling("odd")["state"] == "online"


def test_a_name_that_is_not_utf8_is_cleaned_and_its_value_too(odd):
    names = [n["path"] for n in nodes_of(odd, "odd", "Faults/caf*")]
    assert len(names) == 1
    assert value(odd, "hall/odd/" + names[0])["value"] == "caf\ufffd"


def test_brothers_of_one_name_are_told_apart(odd):
    sources = {value(odd, f"hall/odd/Faults/{name}")["source"] for name in ("Twin", "Twin_2")}
    assert {s.split("=")[-1] for s in sources} == {"twin1", "twin2"}


def test_what_may_not_be_read_is_not_listed(odd):
    paths = {n["path"] for n in nodes_of(odd, "odd")}
    assert "Faults/Bad" in paths
    assert "Faults/Hidden" not in paths
    assert not any("Server" in p for p in paths)


def test_a_variable_below_a_variable_is_named_with_a_point(odd):
    assert value(odd, "hall/odd/Faults/Int16.Part")["value"] == 7


def test_writing_needs_a_signal_that_was_opened_for_it(odd):
    path = "hall/odd/Faults/Int16"
    value(odd, path)
    refused = odd.cli("set", path, "5", check=False)
    assert refused.returncode == 1
    assert "writ" in refused.stderr
    odd.cli("set", path, "--writable", "on")
    odd.cli("set", path, "12")
    wait_for(lambda: odd.value(path)["value"] == 12, 5, "the written value")


def test_a_value_the_node_cannot_hold_is_refused_with_the_reason(odd):
    for path, wrong, reason in (("Faults/Int16", "70000", "Int16"), ("Faults/Locked", "false", "BadNotWritable")):
        odd.cli("set", f"hall/odd/{path}", "--writable", "on")
        refused = odd.cli("set", f"hall/odd/{path}", wrong, check=False)
        assert refused.returncode == 1
        assert reason in refused.stderr


def test_answers_in_pieces_are_put_together(node, servers, free_port):
    servers("opcua_server", "--port", free_port, "--vars", 25, "--faults", "--max-references", 2)
    couple(node, f"opc.tcp://127.0.0.1:{free_port}", "pieces")
    assert len(nodes_of(node, "pieces", "Live")) == 25


def test_100000_nodes_are_listed_and_200_subscribed(node, servers, free_port):
    servers("opcua_server", "--port", free_port, "--vars", 5, "--nodes", 100000)
    couple(node, f"opc.tcp://127.0.0.1:{free_port}", "large")
    status = node.coupling("large")
    assert status["items"] == 200
    assert "100005 variables found, 200 subscribed" in status["detail"]
    assert "--nodes" in status["detail"]
    assert len(nodes_of(node, "large", "Still/folder42")) == 1000
    assert value(node, "hall/large/Live/v0")["status"]["name"] == "Good"


def test_more_is_subscribed_when_asked(node, servers, free_port):
    servers("opcua_server", "--port", free_port, "--vars", 5, "--nodes", 3000)
    couple(node, f"opc.tcp://127.0.0.1:{free_port}", "more")
    assert node.coupling("more")["items"] == 200
    node.cli("couplings", "more", "--add", "Still/folder2")
    wait_for(lambda: node.coupling("more")["items"] == 1200, 20, "the added items")
    assert value(node, "hall/more/Still/folder2/s999")["value"] == 2999


def test_a_budget_is_never_exceeded(node, servers, free_port):
    servers("opcua_server", "--port", free_port, "--vars", 50)
    couple(node, f"opc.tcp://127.0.0.1:{free_port}", "tight", "--set", "items-max=20", "--set", "subscribe=all")
    status = node.coupling("tight")
    assert status["items"] == status["itemsMax"] == 20


def test_a_new_look_finds_new_nodes_without_a_break(node, servers, free_port):
    servers("opcua_server", "--port", free_port, "--vars", 5, "--nodes", 500)
    couple(node, f"opc.tcp://127.0.0.1:{free_port}", "look")
    opens = node.coupling("look")["counters"]["opens"]
    node.cli("couplings", "look", "--browse")
    wait_for(lambda: "505 variables found" in node.coupling("look")["detail"], 20)
    time.sleep(1)
    status = node.coupling("look")
    assert status["state"] == "online"
    assert status["counters"]["opens"] == opens


def test_queues_too_short_are_counted_as_losses(node, servers, free_port):
    servers("opcua_server", "--port", free_port, "--vars", 2, "--rate", 100)
    couple(node, f"opc.tcp://127.0.0.1:{free_port}", "lossy", "--set", "queue=2", "--set", "sampling=10ms",
           "--set", "publishing=1s")
    wait_for(lambda: node.coupling("lossy")["counters"]["lost"] > 0, 15, "a loss")
    assert node.value("hall/lossy/Live/v0")["status"]["name"] == "Good"


def test_queues_as_chosen_lose_nothing(node, servers, free_port):
    servers("opcua_server", "--port", free_port, "--vars", 2, "--rate", 50)
    couple(node, f"opc.tcp://127.0.0.1:{free_port}", "whole", "--set", "sampling=0s", "--set", "publishing=1s")
    values = wait_for(lambda: (h := [int(v) for _, v, _ in node.history("hall/whole/Live/v0")]) and len(h) > 100 and h, 30, "a hundred values")
    assert node.coupling("whole")["counters"]["lost"] == 0
    assert values == list(range(values[0], values[0] + 1000 * len(values), 1000))
