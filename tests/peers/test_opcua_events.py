# SPDX-License-Identifier: Apache-2.0
"""Events and conditions of OPC UA servers become alarms of their machines (asyncua and node-opcua as servers)."""
import json
import shutil
import signal

import pytest

from conftest import ROOT, Server, wait_for

NODE = shutil.which("node")
MODULES = ROOT / "build" / "npm-opcua" / "node_modules"
node_opcua = pytest.mark.skipif(not NODE or not MODULES.exists(), reason="node-opcua is not there: tools/setup check")


def alarms(node, name=None):
    found = node.json("intervals", "--kind", "alarm", "--from", "-1h")["intervals"]
    return [a for a in found if a["attributes"].get("coupling") == "m" and name in (None, a["attributes"]["name"])]


def wait_alarm(node, name, ended, count=1, seconds=20):
    """The alarms of that name, once there are `count` and the last one has ended, or has not."""
    def there():
        found = sorted(alarms(node, name), key=lambda a: a["start"])
        return found if len(found) == count and (found[-1]["end"] is not None) == ended else None
    return wait_for(there, seconds, f"{name}, {count} of them, {'ended' if ended else 'open'}")


def couple(node, server, *options):
    node.cli("couple", server.url, "--name", "m", "--at", "hall/m", "--no-wait", *options)
    return node.wait_link("m", "online", 30)


@pytest.fixture
def lathe(servers):
    return lambda *options: servers("opcua_alarms", *options)


def test_a_condition_is_an_alarm_while_it_is_active(node, lathe):
    server = lathe()
    couple(node, server)
    server.say("alarm Oil active 500 Oil is low")
    alarm = wait_alarm(node, "Oil", ended=False)[0]
    assert alarm["path"] == "hall/m/Lathe"
    assert alarm["attributes"]["text"] == "Oil is low"
    assert alarm["attributes"]["severity"] == 500
    assert alarm["attributes"]["source"] == "Lathe"
    assert alarm["attributes"]["acknowledged"] is False
    server.say("alarm Oil active 800 Oil is very low")
    wait_for(lambda: alarms(node, "Oil")[0]["attributes"]["severity"] == 800, what="the new severity")
    server.say("alarm Oil inactive 800 Oil is filled")
    closed = wait_alarm(node, "Oil", ended=True)[0]
    assert closed["start"] == alarm["start"] and closed["end"] > closed["start"]
    server.say("alarm Oil active 500 Oil is low")
    wait_alarm(node, "Oil", ended=False, count=2)


def test_a_condition_no_longer_retained_has_ended(node, lathe):
    server = lathe()
    couple(node, server)
    server.say("alarm Door active 300 Door is open")
    wait_alarm(node, "Door", ended=False)
    server.say("alarm Door forgotten 300 Door")
    wait_alarm(node, "Door", ended=True)


def test_what_is_retained_is_told_after_a_connect(node, lathe):
    server = lathe()
    server.say("alarm Oil active 500 Oil is low")
    server.say("alarm Air inactive 500 Air is back")
    couple(node, server)
    wait_alarm(node, "Oil", ended=False)
    assert alarms(node, "Air") == []


def test_what_ended_while_the_link_was_down_is_ended_and_the_rest_goes_on(node, lathe):
    server = lathe()
    couple(node, server)
    server.say("alarm Oil active 500 Oil is low")
    server.say("alarm Air active 500 Air is low")
    opened = wait_alarm(node, "Oil", ended=False)[0]
    wait_alarm(node, "Air", ended=False)
    node.cli("couplings", "m", "--off")
    node.wait_link("m", "off")
    server.say("alarm Air forgotten 500 Air")
    node.cli("couplings", "m", "--on")
    node.wait_link("m", "online", 30)
    wait_alarm(node, "Air", ended=True)
    assert [(a["start"], a["end"]) for a in alarms(node, "Oil")] == [(opened["start"], None)]


def test_alarms_of_a_server_that_has_restarted_are_over(node, lathe, free_port):
    server = lathe("--port", free_port)
    couple(node, server)
    server.say("alarm Oil active 500 Oil is low")
    wait_alarm(node, "Oil", ended=False)
    server.signal(signal.SIGKILL)
    server.process.wait()
    server.start()
    node.wait_link("m", "online", 30)
    wait_alarm(node, "Oil", ended=True)


def test_an_alarm_survives_a_restart_of_the_node(node, lathe):
    server = lathe()
    couple(node, server)
    server.say("alarm Oil active 500 Oil is low")
    opened = wait_alarm(node, "Oil", ended=False)[0]
    node.stop()
    node.start()
    node.wait_link("m", "online", 30)
    server.say("alarm Oil inactive 500 Oil")
    closed = wait_alarm(node, "Oil", ended=True)[0]
    assert (closed["id"], closed["start"]) == (opened["id"], opened["start"])


def test_a_server_that_cannot_be_asked_ends_what_it_does_not_tell(node, lathe):
    server = lathe("--no-refresh")
    couple(node, server)
    server.say("alarm Oil active 500 Oil is low")
    wait_alarm(node, "Oil", ended=False)
    node.cli("couplings", "m", "--reconnect")
    wait_alarm(node, "Oil", ended=True)


def test_plain_events_of_weight_are_alarms_without_length(node, lathe):
    server = lathe()
    couple(node, server)
    server.say("event 100 hardly worth it")
    server.say("event 900 Spindle crash")
    alarm = wait_alarm(node, "Spindle crash", ended=True)[0]
    assert alarm["start"] == alarm["end"] and alarm["path"] == "hall/m/Lathe"
    assert alarms(node, "hardly worth it") == []


def test_the_weight_of_plain_events_is_a_setting(node, lathe):
    server = lathe()
    couple(node, server, "--set", "events-from=0")
    server.say("event 900 Spindle crash")
    server.say("alarm Oil active 500 Oil is low")
    wait_alarm(node, "Oil", ended=False)
    assert alarms(node, "Spindle crash") == []
    node.cli("couplings", "m", "--set", "events-from=50")
    node.cli("couplings", "m", "--reconnect")

    def heard():  # an event sent before the link is there again is not heard
        server.say("event 100 hardly worth it")
        return alarms(node, "hardly worth it")
    wait_for(heard, what="the weaker event")


def test_a_flood_of_plain_events_is_held_back_and_counted(node, lathe):
    server = lathe()
    couple(node, server)
    for i in range(120):
        server.say(f"event 900 flood {i}")
    server.say("alarm Oil active 500 Oil is low")
    wait_alarm(node, "Oil", ended=False)
    taken = len([a for a in alarms(node) if a["attributes"]["name"].startswith("flood")])
    assert 20 <= taken <= 120 and taken + node.coupling("m")["counters"]["lost"] == 120


def test_events_can_be_switched_off(node, lathe):
    server = lathe()
    couple(node, server, "--set", "events=off")
    server.say("alarm Oil active 500 Oil is low")
    node.cli("couplings", "m", "--set", "events=on")
    wait_alarm(node, "Oil", ended=False)
    assert len(alarms(node)) == 1


def test_a_profile_names_who_sends_events_without_the_server(node, lathe):
    server = lathe("--only-object")
    profile = {"title": "Lathe", "protocol": "opcua", "namespaces": [], "rules": [],
               "notifiers": ["nsu=urn:koppel:alarms;s=Lathe", "nsu=urn:not-there;s=X"]}
    (node.dir / "profiles").mkdir()
    (node.dir / "profiles" / "lathe.json").write_text(json.dumps(profile))
    couple(node, server, "--set", "profile=lathe")
    server.say("alarm Oil active 500 Oil is low")
    wait_alarm(node, "Oil", ended=False)


def test_a_server_without_alarms_is_coupled_as_before(node, servers):
    status = couple(node, servers("opcua_server"))
    assert status["items"] >= 1
    assert alarms(node) == []


@pytest.fixture
def press(tmp_path):
    server = Server("env", f"NODE_PATH={MODULES}", NODE, ROOT / "tests" / "peers" / "npm-opcua" / "alarms.js", tmp_path / "pki")
    yield server
    server.stop()


@node_opcua
def test_a_limit_alarm_of_a_variable_is_an_alarm_of_its_machine(node, press):
    couple(node, press)
    press.say("temperature 95")
    alarm = wait_alarm(node, "TooHot", ended=False)[0]
    assert alarm["path"] == "hall/m/Press"
    press.say("temperature 20")
    wait_alarm(node, "TooHot", ended=True)


@node_opcua
def test_a_server_that_retains_tells_it_again(node, press):
    press.say("temperature 120")
    press.say("oil false")
    couple(node, press)
    wait_alarm(node, "TooHot", ended=False)
    wait_alarm(node, "OilLow", ended=False)
    node.cli("couplings", "m", "--off")
    node.wait_link("m", "off")
    press.say("oil true")
    node.cli("couplings", "m", "--on")
    wait_alarm(node, "OilLow", ended=True)
    wait_alarm(node, "TooHot", ended=False)


@node_opcua
def test_a_plain_event_of_an_object_stands_at_the_object(node, press):
    couple(node, press)
    press.say("event 800 Tool broken")
    alarm = wait_alarm(node, "Tool broken", ended=True)[0]
    assert alarm["path"] == "hall/m/Press"
