# SPDX-License-Identifier: Apache-2.0
"""Alarms on a running node: limits on posted values, machines' own alarms, what people do about them, and kill -9."""
import pytest

from conftest import Node, wait_for
from web_client import Api, Events, open_stream

HOT = {"name": "hot", "kind": "limit", "match": "hall/**/temperature", "high": 80, "hysteresis": 2, "priority": "high"}


@pytest.fixture
def api(node):
    return Api(node)


def alarms(node, state="active"):
    return node.json("alarms", "list", "--state", state)["alarms"]


def one(node, state="active"):
    return wait_for(lambda: alarms(node, state), 20, f"an alarm that is {state}")[0]


def post(api, path, value):
    api.ok("POST", "values", {path: value})


def test_a_posted_value_above_its_limit_is_an_alarm_and_an_interval(node, api):
    post(api, "hall/oven/temperature", 20)
    api.ok("POST", "alarm-rules", HOT)
    wait_for(lambda: (post(api, "hall/oven/temperature", 81), alarms(node))[1], 20, "the alarm")
    a = one(node)
    assert (a["asset"], a["rule"], a["priority"], a["state"], a["value"], a["limit"]) == ("hall/oven", "hot", "high", "unacknowledged", 81, 80)
    assert a["firstOut"] and a["group"] == a["id"] and a["count"] == 1
    kept = api.ok("GET", "intervals", path="hall/oven", kind="alarm")["intervals"]
    assert [(i["id"], i["end"]) for i in kept] == [(a["id"], None)]
    assert kept[0]["attributes"]["signal"] == "hall/oven/temperature"
    assert api.ok("GET", "status")["alarms"]["unacknowledged"] == 1
    assert "1 not acknowledged" in node.cli("status").stdout
    post(api, "hall/oven/temperature", 79)
    assert one(node)["active"]
    post(api, "hall/oven/temperature", 70)
    assert one(node, "unacknowledged")["state"] == "returned"
    assert api.ok("GET", "intervals", path="hall/oven", kind="alarm")["intervals"][0]["end"]
    done = api.ok("POST", f"alarms/{a['id']}/acknowledge", {"comment": "door was open"})
    assert (done["state"], done["comment"], done["acknowledgedBy"]) == ("normal", "door was open", "init")
    assert not alarms(node, "unacknowledged")
    assert api.send("POST", f"alarms/{a['id']}/acknowledge").status_code in (404, 409)  # over: it may have left the list


def test_the_command_line_acknowledges_shelves_and_changes_rules(node, api):
    node.cli("alarms", "rule", "hot", "--new", "--set", "kind=limit", "--set", "match=hall/**/temperature", "--set", "high=80")
    wait_for(lambda: (post(api, "hall/oven/temperature", 90), alarms(node))[1], 20, "the alarm")
    number = one(node)["id"]
    assert "90" in node.cli("alarms").stdout
    assert "--for" in node.cli("alarms", "shelve", number, check=False).stderr
    assert "shelved" in node.cli("alarms", "shelve", number, "--for", "8h", "--reason", "new sensor").stdout
    assert not alarms(node) and alarms(node, "shelved")[0]["comment"] == "new sensor"
    node.cli("alarms", "unshelve", number)
    assert "acknowledged" in node.cli("alarms", "ack", number, "--comment", "seen").stdout
    again = node.cli("alarms", "ack", number, check=False)
    assert again.returncode == 1 and "acknowledged" in again.stderr
    node.cli("alarms", "suppress", number)
    assert alarms(node, "suppressed")
    node.cli("alarms", "unsuppress", number)
    node.cli("alarms", "rule", "hot", "--set", "high=100", "--set", "text=too hot")
    rules = {r["name"]: r for r in node.json("alarms", "rules")["rules"]}
    assert (rules["hot"]["high"], rules["hot"]["text"]) == (100, "too hot")
    assert {"link down", "disk", "backup failed", "certificate expires"} <= set(rules)
    assert "did you mean 'hot'" in node.cli("alarms", "rule", "hit", check=False).stderr
    node.cli("alarms", "rule", "hot", "--remove")
    assert not alarms(node)
    assert "no rule" in node.cli("alarms", "rule", "hot", check=False).stderr


def test_the_stream_tells_of_an_alarm_at_once(node, api):
    api.ok("POST", "alarm-rules", HOT)
    post(api, "hall/oven/temperature", 20)
    with open_stream(node, "?match=hall/oven&alarms=true") as s:
        events = Events(s)
        wait_for(lambda: (post(api, "hall/oven/temperature", 90), alarms(node))[1], 20, "the alarm")
        event, data = events.next()
        while event != "alarm":
            event, data = events.next()
        assert (data["state"], data["asset"], data["active"]) == ("unacknowledged", "hall/oven", True)
        api.ok("POST", f"alarms/{data['id']}/acknowledge")
        event, data = events.next()
        while event != "alarm" or data["state"] == "unacknowledged":
            event, data = events.next()
        assert data["state"] == "acknowledged"


def test_the_stream_tells_of_alarms_of_other_assets_than_those_whose_values_it_has(node, api):
    api.ok("POST", "alarm-rules", HOT)
    post(api, "hall/oven/temperature", 20)
    post(api, "hall/mill/speed", 1)
    with open_stream(node, "?match=hall/mill/speed&alarms=true&alarmsOf=**") as all_of_them, open_stream(node, "?match=hall/mill/speed&alarms=true&alarmsOf=hall/mill") as own:
        everything, nothing = Events(all_of_them), Events(own)
        wait_for(lambda: (post(api, "hall/oven/temperature", 90), alarms(node))[1], 20, "the alarm")
        event, data = everything.next()
        while event != "alarm":
            assert all(v["path"] == "hall/mill/speed" for v in data or [])
            event, data = everything.next()
        assert data["asset"] == "hall/oven"
        post(api, "hall/mill/speed", 7)
        while True:
            event, data = nothing.next()
            assert event != "alarm"
            if event == "values" and data[0]["value"] == 7:
                break
    api.refused(400, "GET", "stream", alarmsOf="a//b")


def test_kill_9_loses_doubles_and_raises_nothing_again(tmp_path):
    node = Node(tmp_path).start()
    api = Api(node)
    api.ok("POST", "alarm-rules", HOT)
    post(api, "hall/oven/temperature", 20)
    post(api, "hall/mill/temperature", 20)
    wait_for(lambda: (post(api, "hall/oven/temperature", 90), alarms(node))[1], 20, "the alarm")
    first = one(node)["id"]
    node.cli("alarms", "ack", first)
    post(api, "hall/mill/temperature", 99)
    for _ in range(3):
        node.kill()
        node.start()
        api = Api(node)
        post(api, "hall/oven/temperature", 91)
        post(api, "hall/mill/temperature", 98)
        found = {a["asset"]: a for a in alarms(node)}
        assert (found["hall/oven"]["id"], found["hall/oven"]["state"]) == (first, "acknowledged")
        assert found["hall/mill"]["state"] == "unacknowledged"
        assert len(found) == len(alarms(node, "all")) == 2
    node.stop()


def test_a_machines_own_alarm_goes_through_the_same_states(node, servers):
    server = servers("opcua_alarms")
    node.cli("couple", server.url, "--name", "press", "--set", "security=none", "--no-wait")
    node.wait_link("press", "online")
    server.say("alarm Oil active 950 Oil is low")
    a = one(node)
    assert (a["source"], a["state"], a["priority"], a["text"]) == ("machine", "unacknowledged", "urgent", "Oil is low")
    node.cli("alarms", "ack", a["id"])
    server.say("alarm Oil inactive 950 Oil is low")
    wait_for(lambda: not alarms(node), 20, "its end")
    assert alarms(node, "all")[0]["state"] == "normal"


def test_a_link_that_is_down_is_an_alarm_of_the_built_in_rule(node, free_port):
    node.cli("alarms", "rule", "link down", "--set", "delay=1s")
    node.cli("couple", f"opc.tcp://127.0.0.1:{free_port}", "--name", "press", "--no-wait")
    a = one(node)
    assert (a["rule"], a["text"]) == ("link down", "press is not connected")
    node.cli("uncouple", "press")
    wait_for(lambda: not alarms(node), 20, "the end of it")


def test_rules_are_exported_and_applied(node, tmp_path):
    node.cli("alarms", "rule", "hot", "--new", "--set", "kind=limit", "--set", "match=hall", "--set", "high=80.5", "--set", "delay=10s")
    file = tmp_path / "factory.yaml"
    node.cli("export", file)
    assert "high: 80.5" in file.read_text()
    assert node.json("apply", file)["plan"] == []
    node.cli("alarms", "rule", "hot", "--set", "high=90")
    node.cli("apply", file)
    rules = {r["name"]: r for r in node.json("alarms", "rules")["rules"]}
    assert (rules["hot"]["high"], rules["hot"]["delay"]) == (80.5, "10s")
    file.write_text("alarms:\n  - name: cold\n    kind: limit\n    match: hall\n    low: 5\n    priority: urgent\n")
    node.cli("apply", file, "--prune")
    assert [r["name"] for r in node.json("alarms", "rules")["rules"]] == ["cold"]
    file.write_text("alarms:\n  - name: cold\n    kind: limit\n    match: hall\n")
    wrong = node.cli("apply", file, check=False)
    assert wrong.returncode == 1 and ":2:" in wrong.stderr and "high, low" in wrong.stderr


@pytest.mark.parametrize("body,word", [({"name": "x", "kind": "limit", "match": "a", "hihg": 1}, "high"), ({"name": "x"}, "kind"),
                                       ({"name": "a/b", "kind": "disk"}, "name"), ({"name": "x", "kind": "limit", "match": "a"}, "high")])
def test_a_rule_that_makes_no_sense_is_refused(api, body, word):
    assert word in api.refused(400, "POST", "alarm-rules", body)
