# SPDX-License-Identifier: Apache-2.0
"""The Sparkplug host application against mosquitto and pysparkplug: whole edge nodes of it, and payloads of its encoder where a session
of its own would not do what is tried (aliases, lost messages, wrong ones)."""
import json
import time

import pysparkplug as psp
import pytest
from broker import Broker
from conftest import known, wait_for, wait_value

D = psp.DataType


@pytest.fixture
def broker(tmp_path, free_port):
    b = Broker(tmp_path, free_port)
    yield b
    b.kill()


def couple(node, broker, *options):
    node.cli("couple", f"mqtt+sparkplug://127.0.0.1:{broker.port}", "--name", "sp", "--at", "plant", "--no-wait", *options)
    node.wait_link("sp", "online")


def metric(name, datatype, value, **more):
    return psp.Metric(timestamp=psp.get_current_timestamp(), name=name, datatype=datatype, value=value, **more)


class Edge:
    """An edge node as a script: what is said when is the test's to choose."""

    def __init__(self, broker, group="G", name="E"):
        self.client, self.group, self.name, self.seq, self.asked = broker.client(f"{group}-{name}"), group, name, 255, []
        self.client.on_message = lambda c, u, m: self.asked.append(m.payload)
        self.client.subscribe(f"spBv1.0/{group}/NCMD/{name}", 1)

    def say(self, kind, payload, device=None):
        topic = "/".join(["spBv1.0", self.group, kind, self.name] + ([device] if device else []))
        data = payload if isinstance(payload, bytes) else payload.encode()
        self.client.publish(topic, data, 0).wait_for_publish(5)

    def next(self):
        self.seq = (self.seq + 1) % 256
        return self.seq

    def birth(self, metrics=(), bdseq=0):
        self.seq = 255
        self.say("NBIRTH", psp.NBirth(psp.get_current_timestamp(), self.next(), [metric("bdSeq", D.INT64, bdseq), metric("Node Control/Rebirth", D.BOOLEAN, False), *metrics]))

    def device_birth(self, device, metrics):
        self.say("DBIRTH", psp.DBirth(psp.get_current_timestamp(), self.next(), list(metrics)), device)

    def data(self, metrics, device=None, seq=None):
        kind = psp.DData if device else psp.NData
        self.say("DDATA" if device else "NDATA", kind(psp.get_current_timestamp(), self.next() if seq is None else seq, list(metrics)), device)

    def death(self, bdseq=0):
        self.say("NDEATH", psp.NDeath(psp.get_current_timestamp(), metric("bdSeq", D.INT64, bdseq)))


def test_a_real_edge_node_with_devices(node, broker):
    couple(node, broker)
    edge = psp.EdgeNode("Plant1", "edge0", [metric("Properties/Hardware Make", D.STRING, "SimEdge")])
    press = psp.Device("press", [metric("Temperature", D.DOUBLE, 21.5), metric("PartCount", D.INT32, -12), metric("Program", D.STRING, "O1"),
                                 metric("Door/Open", D.BOOLEAN, True), metric("State", D.STRING, "Executing")])
    edge.register(press)
    edge.connect("127.0.0.1", port=broker.port)
    wait_value(node, "plant/Plant1/edge0/press/Temperature", 21.5)
    assert known(node, "plant/Plant1/edge0/press/PartCount")["value"] == -12
    assert known(node, "plant/Plant1/edge0/press/PartCount")["role"] == "part-count"
    assert known(node, "plant/Plant1/edge0/press/Door/Open")["value"] is True
    machine = wait_for(lambda: (a := node.json("get", "plant/Plant1/edge0/press")["assets"][0])["state"] and a, 10, "the state")
    assert (machine["kind"], machine["state"]) == ("machine", "running")
    assert node.json("get", "plant/Plant1/edge0")["assets"][0]["nameplate"]["ManufacturerName"] == "SimEdge"
    edge.update_device("press", [metric("Temperature", D.DOUBLE, 22.5)])
    wait_value(node, "plant/Plant1/edge0/press/Temperature", 22.5)
    link = edge._client._client  # the power goes: the broker says what the will says
    link.loop_stop()
    link.socket().close()
    wait_for(lambda: known(node, "plant/Plant1/edge0/press/Temperature")["status"]["name"] == "BadNoCommunication", 10, "the death")
    wait_for(lambda: node.json("get", "plant/Plant1/edge0/press")["assets"][0]["state"] is None, 10, "no state")


def test_every_integer_keeps_its_sign_and_size(node, broker):
    couple(node, broker)
    edge = Edge(broker)
    values = {D.INT8: -128, D.INT16: -32768, D.INT32: -2147483648, D.INT64: -2**63, D.UINT8: 255, D.UINT16: 65535, D.UINT32: 2**32 - 1,
              D.UINT64: 2**63 - 1}
    edge.birth([metric(d.name, d, v) for d, v in values.items()])
    for d, v in values.items():
        wait_value(node, f"plant/G/E/{d.name}", v)


def test_aliases(node, broker):
    couple(node, broker)
    edge = Edge(broker)
    edge.birth([metric("a", D.DOUBLE, 1.0, alias=7)])
    edge.device_birth("dev", [metric("x/y", D.INT32, 1, alias=8), metric("z", D.FLOAT, 0.5, alias=9)])
    wait_value(node, "plant/G/E/dev/x/y", 1)
    edge.data([metric(None, D.INT32, -5, alias=8), metric(None, D.FLOAT, 2.5, alias=9)], "dev")
    edge.data([metric(None, D.DOUBLE, 3.0, alias=7)])
    wait_value(node, "plant/G/E/dev/x/y", -5)
    wait_value(node, "plant/G/E/dev/z", 2.5)
    wait_value(node, "plant/G/E/a", 3.0)
    assert edge.asked == []


@pytest.mark.parametrize("trouble", ["data before birth", "unknown alias", "a number left out"])
def test_who_cannot_be_understood_is_asked_for_a_rebirth_and_not_too_often(node, broker, trouble):
    couple(node, broker)
    edge = Edge(broker)
    if trouble != "data before birth":
        edge.birth([metric("a", D.INT32, 1, alias=1)])
        wait_value(node, "plant/G/E/a", 1)
    for _ in range(20):
        if trouble == "a number left out":
            edge.next()
        edge.data([metric(None, D.INT32, 2, alias=99 if trouble == "unknown alias" else 1)])
    wait_for(lambda: edge.asked, 10, "the wish for a rebirth")
    time.sleep(1)
    assert len(edge.asked) == 1, "once in five seconds"
    wish = psp.NCmd.decode(edge.asked[0]).metrics[0]
    assert (wish.name, wish.value) == ("Node Control/Rebirth", True)
    edge.birth([metric("a", D.INT32, 5, alias=1)])
    wait_value(node, "plant/G/E/a", 5)


def test_a_death_of_an_earlier_session_means_nothing(node, broker):
    couple(node, broker)
    edge = Edge(broker)
    edge.birth([metric("a", D.INT32, 1)], bdseq=4)
    wait_value(node, "plant/G/E/a", 1)
    edge.death(bdseq=3)
    edge.data([metric("a", D.INT32, 2)])
    assert wait_value(node, "plant/G/E/a", 2)["status"]["name"] == "Good"
    edge.death(bdseq=4)
    wait_for(lambda: known(node, "plant/G/E/a")["status"]["name"] == "BadNoCommunication", 10, "the death")


def test_what_is_historical_goes_to_the_history_alone(node, broker):
    couple(node, broker)
    edge = Edge(broker)
    edge.birth([metric("a", D.INT32, 1)])
    wait_value(node, "plant/G/E/a", 1)
    old = psp.Metric(timestamp=psp.get_current_timestamp() - 60000, name="a", datatype=D.INT32, value=77, is_historical=True)
    edge.data([old])
    wait_for(lambda: [p[1] for p in node.history("plant/G/E/a")] == [77, 1], 10, "the old value in its place")
    assert known(node, "plant/G/E/a")["value"] == 1


def test_null_is_bad_and_bad_payloads_harm_nothing(node, broker):
    couple(node, broker)
    edge = Edge(broker)
    edge.birth([metric("a", D.INT32, 1), metric("s", D.STRING, "x")])
    wait_value(node, "plant/G/E/a", 1)
    edge.data([psp.Metric(timestamp=psp.get_current_timestamp(), name="a", datatype=D.INT32, is_null=True)])
    wait_for(lambda: known(node, "plant/G/E/a")["status"]["name"].startswith("Bad"), 10, "null")
    edge.say("NDATA", b"\xff\xff\xff")
    edge.say("NBIRTH", b"\x12" * 1000)
    edge.client.publish("spBv1.0/G/NDATA", b"", 0).wait_for_publish(5)
    edge.client.publish("spBv1.0/G/DDATA/E", b"", 0).wait_for_publish(5)
    edge.birth([metric("a", D.INT32, 3)])
    wait_value(node, "plant/G/E/a", 3)
    assert "of no use" in node.coupling("sp")["detail"]


def test_births_are_asked_for_after_a_restart(node, broker):
    couple(node, broker)
    edge = Edge(broker)
    edge.birth([metric("a", D.INT32, 1)])
    wait_value(node, "plant/G/E/a", 1)
    node.stop()
    node.start()
    wait_for(lambda: edge.asked, 10, "the wish for a rebirth")
    edge.birth([metric("a", D.INT32, 2)])
    wait_value(node, "plant/G/E/a", 2)


def test_the_primary_host_says_when_it_is_there(node, broker):
    states = []
    listener = broker.client("listener")
    listener.on_message = lambda c, u, m: states.append(json.loads(m.payload)["online"])
    listener.subscribe("spBv1.0/STATE/factory", 1)
    couple(node, broker, "--set", "primary=factory")
    wait_for(lambda: states[-1:] == [True], 10, "online")
    node.kill()
    wait_for(lambda: states[-1:] == [False], 60, "offline, said by the broker")
    node.start()
    wait_for(lambda: states[-1:] == [True], 20, "online again")
    node.cli("uncouple", "sp")
    wait_for(lambda: states[-1:] == [False], 10, "offline")
    listener.loop_stop()


def test_writing_goes_out_as_a_command(node, broker):
    couple(node, broker)
    edge = Edge(broker)
    commands = []
    edge.client.message_callback_add("spBv1.0/G/DCMD/E/dev", lambda c, u, m: commands.append(m.payload))
    edge.client.subscribe("spBv1.0/G/DCMD/E/dev", 1)
    edge.birth()
    edge.device_birth("dev", [metric("setpoint", D.INT16, 1), metric("on", D.BOOLEAN, False)])
    wait_value(node, "plant/G/E/dev/setpoint", 1)
    assert "not open for writing" in node.cli("set", "plant/G/E/dev/setpoint", "5", check=False).stderr
    node.cli("set", "plant/G/E/dev/setpoint", "--writable", "on")
    node.cli("set", "plant/G/E/dev/setpoint", "5")
    wait_for(lambda: commands, 10, "the command")
    assert b"setpoint" in commands[0]
    assert "does not fit" in node.cli("set", "plant/G/E/dev/setpoint", "40000", check=False).stderr
