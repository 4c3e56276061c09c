# SPDX-License-Identifier: Apache-2.0
"""Sparkplug B against mosquitto, with nodes of two implementations (pysparkplug; the npm package sparkplug-client) and, where a node
has to misbehave, payloads of Eclipse Tahu's own schema."""
import json
import os
import shutil
import struct
import subprocess
import threading
import time
from pathlib import Path

import pysparkplug as psp
import pytest
from conftest import ROOT, comes, known, wait_for
from mqtt_broker import Broker
from pysparkplug import _protobuf as tahu

D = psp.DataType
STALE = "BadNoCommunication"


@pytest.fixture
def broker(tmp_path):
    b = Broker(tmp_path / "broker")
    yield b
    b.kill()


def couple(node, broker, *options, group="/plant", online=True, seen=None):
    node.cli("couple", broker.url.replace("mqtt:", "mqtt+sparkplug:") + group, "--name", "s", "--at", "hall", "--no-wait", *options)
    if online:
        node.wait_link("s", "online")
    if seen:  # a node that says nothing cannot be asked for its birth
        seen.tell(metrics=[{"alias": 1, "type": "UInt32", "value": 4}])


def is_stale(signal):
    return signal["status"]["name"] == STALE


class Edge:
    """A node made of Tahu's schema, that says exactly what a test wants."""

    def __init__(self, broker, name="edge", group="plant", bd=0):
        self.name, self.group, self.bd, self.seq = name, group, bd, 0
        self.asked = []
        self.client = broker.client(f"tahu-{name}-{bd}", will=(self.topic("NDEATH"), self.death(bd), 0, False))
        self.client.hear(self.topic("NCMD"))

    def topic(self, kind, device=None):
        return f"spBv1.0/{self.group}/{kind}/{self.name}" + (f"/{device}" if device else "")

    def death(self, bd):
        p = tahu.Payload(timestamp=psp.get_current_timestamp())
        p.metrics.add(name="bdSeq", datatype=8, long_value=bd)
        return p.SerializeToString()

    def payload(self, metrics, seq=None):
        p = tahu.Payload(timestamp=psp.get_current_timestamp())
        if seq is None:
            seq = self.seq
            self.seq = (self.seq + 1) % 256
        p.seq = seq
        for m in metrics:
            p.metrics.add(**m)
        return p.SerializeToString()

    def birth(self, *metrics, device=None):
        if not device:
            self.seq = 0
            metrics = ({"name": "bdSeq", "datatype": 8, "long_value": self.bd}, *metrics)
        self.client.send(self.topic("DBIRTH" if device else "NBIRTH", device), self.payload(metrics), 0)

    def data(self, *metrics, device=None, seq=None):
        self.client.send(self.topic("DDATA" if device else "NDATA", device), self.payload(metrics, seq), 0)

    def commands(self):
        return [tahu.Payload.FromString(payload) for _, payload, _ in self.client.heard]

    def rebirths(self):
        return sum(any(m.name == "Node Control/Rebirth" and m.boolean_value for m in p.metrics) for p in self.commands())

    def lost(self):
        """Ends without a goodbye: the broker publishes the death."""
        self.client.paho.loop_stop()
        self.client.paho.socket().close()


# ---- two implementations ----

class Js:
    def __init__(self, broker, name="js"):
        env = dict(os.environ, NODE_PATH=str(ROOT / "build" / "npm-tests" / "node_modules"))
        self.process = subprocess.Popen([shutil.which("node"), Path(__file__).parent / "sparkplug_edge.cjs", str(broker.port), "plant", name],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        assert self.process.stdout.readline().startswith("READY")
        self.heard = []
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            self.heard.append(json.loads(line))

    def tell(self, **order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def js(broker):
    edge = Js(broker)
    yield edge
    edge.stop()


def test_a_node_with_aliases_is_born_by_our_asking_and_its_data_found(node, broker, js):
    couple(node, broker, seen=js)
    temp = comes(node, "hall/plant/js/press/temp", -12)
    assert temp["type"] == "int64" and temp["unit"] == "CEL" and (temp["low"], temp["high"]) == (-40, 120)
    comes(node, "hall/plant/js/uptime", 5)
    comes(node, "hall/plant/js/press/line/speed", 1.5)
    assert any("Node Control/Rebirth" in e.get("ncmd", []) for e in wait_for(lambda: js.heard, 10))
    js.tell(device="press", metrics=[{"alias": 10, "type": "Int16", "value": -13}])
    js.tell(metrics=[{"alias": 1, "type": "UInt32", "value": 4000000000}])
    comes(node, "hall/plant/js/press/temp", -13)
    comes(node, "hall/plant/js/uptime", 4000000000)
    assert "1 of 1 nodes online" in wait_for(lambda: "1 of" in (d := node.coupling("s")["detail"]) and d, 10)


def test_the_maker_of_a_node_comes_into_its_nameplate(node, broker, js):
    couple(node, broker, seen=js)
    comes(node, "hall/plant/js/uptime", 5)
    assert "Eclipse" in node.cli("get", "hall/plant/js", "--json").stdout


def test_a_metric_is_written_only_when_opened_and_in_its_own_type(node, broker, js):
    couple(node, broker, seen=js)
    comes(node, "hall/plant/js/press/temp", -12)
    assert node.cli("set", "hall/plant/js/press/temp", "7", check=False).returncode != 0
    assert not any("device" in e for e in js.heard)
    node.cli("set", "hall/plant/js/press/temp", "--writable", "on")
    node.cli("set", "hall/plant/js/press/line/speed", "--writable", "on")
    node.cli("set", "hall/plant/js/press/temp", "7")
    node.cli("set", "hall/plant/js/press/line/speed", "2.5")
    wait_for(lambda: sum("device" in e for e in js.heard) == 2, 10, "the commands")
    first, second = [e for e in js.heard if "device" in e]
    assert first == {"device": "press", "metrics": [{"name": "temp", "type": "Int16", "value": 7}]}
    assert second["metrics"][0] == {"name": "line/speed", "type": "Double", "value": 2.5}
    assert "does not fit" in node.cli("set", "hall/plant/js/press/temp", "70000", check=False).stderr


def test_a_node_that_is_gone_leaves_its_values_bad_and_comes_back(node, broker, js):
    couple(node, broker, seen=js)
    comes(node, "hall/plant/js/press/temp", -12)
    before = time.time()
    js.tell(quit=True)
    js.process.wait(10)
    gone = comes(node, "hall/plant/js/press/temp", is_stale)
    comes(node, "hall/plant/js/uptime", is_stale)
    wait_for(lambda: [p[1] for p in node.history("hall/plant/js/press/temp")] == [-12, None], 10, "the history")
    assert seconds(gone["time"]) >= before - 1
    back = Js(broker)
    comes(node, "hall/plant/js/press/temp", -12)
    back.stop()


def seconds(text):
    from datetime import datetime
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_a_node_of_pysparkplug_is_taken_by_names(node, broker):
    couple(node, broker)
    metrics = [psp.Metric(timestamp=psp.get_current_timestamp(), name=f"m{t.name}", datatype=t, value=v) for t, v in
               [(D.INT8, -1), (D.INT64, -2**63), (D.UINT64, 2**63 - 1), (D.FLOAT, 1.5), (D.BOOLEAN, True), (D.TEXT, "é"), (D.UINT8, 255)]]
    edge = psp.EdgeNode("plant", "py", metrics[:1], cmd_callback=lambda *_: None)
    edge.register(psp.Device("dev", metrics))
    edge.connect("127.0.0.1", port=broker.port)
    for path, value in [("INT8", -1), ("INT64", -2**63), ("UINT64", 2**63 - 1), ("FLOAT", 1.5), ("BOOLEAN", True), ("TEXT", "é"), ("UINT8", 255)]:
        comes(node, f"hall/plant/py/dev/m{path}", value)
    edge.update_device("dev", [psp.Metric(timestamp=psp.get_current_timestamp(), name="mINT8", datatype=D.INT8, value=-128)])
    comes(node, "hall/plant/py/dev/mINT8", -128)
    edge.deregister("dev")
    comes(node, "hall/plant/py/dev/mINT8", is_stale)
    assert not is_stale(known(node, "hall/plant/py/mINT8"))
    edge._client._client.loop_stop()
    edge._client._client.socket().close()  # the broker then publishes its will
    comes(node, "hall/plant/py/mINT8", is_stale)


# ---- values ----

def test_every_type_keeps_its_value(node, broker):
    node_time = 1_767_225_600_123
    edge = Edge(broker)
    couple(node, broker, "--set", "version=3.1.1")
    cases = {
        "int16": (2, {"int_value": 65524}, -12), "wide": (3, {"long_value": 2**64 - 5}, -5), "int32": (3, {"int_value": 2**32 - 12}, -12),
        "int64": (4, {"long_value": 2**64 - 7}, -7), "uint32": (7, {"long_value": 2**32 - 1}, 2**32 - 1), "uuid": (15, {"string_value": "a-b"}, "a-b"),
        "when": (13, {"long_value": node_time}, "2026-01-01T00:00:00.123Z"),
        "i16s": (23, {"bytes_value": struct.pack("<3h", 1, -2, 3)}, [1, -2, 3]), "u8s": (26, {"bytes_value": b"\x01\xff"}, [1, 255]),
        "floats": (30, {"bytes_value": struct.pack("<2f", 0.5, -1.5)}, [0.5, -1.5]), "doubles": (31, {"bytes_value": struct.pack("<d", 0.1)}, [0.1]),
        "bools": (32, {"bytes_value": struct.pack("<I", 10) + b"\xaa\xc0"}, [True, False] * 4 + [True, True]),
        "texts": (33, {"bytes_value": "ab\0é\0".encode()}, ["ab", "é"]),
        "times": (34, {"bytes_value": struct.pack("<q", node_time)}, ["2026-01-01T00:00:00.123Z"]),
    }
    edge.birth(*({"name": n, "datatype": t, **v} for n, (t, v, _) in cases.items()))
    for name, (_, _, value) in cases.items():
        comes(node, f"hall/plant/edge/{name}", value)


def test_datasets_and_templates_are_json_for_who_asks_for_them(node, broker):
    edge = Edge(broker)
    couple(node, broker)
    data = tahu.Payload.DataSet(num_of_columns=2, columns=["n", "t"], types=[3, 12])
    row = data.rows.add()
    row.elements.add(int_value=2**32 - 3)
    row.elements.add(string_value="x")
    template = tahu.Payload.Template(template_ref="Motor")
    template.metrics.add(name="rpm", datatype=3, int_value=2**32 - 9)
    edge.birth({"name": "set", "datatype": 16, "dataset_value": data}, {"name": "motor", "datatype": 19, "template_value": template},
               {"name": "plain", "datatype": 3, "int_value": 1})
    comes(node, "hall/plant/edge/plain", 1)
    assert known(node, "hall/plant/edge/set") is None
    node.cli("couplings", "s", "--add", "plant/edge/set")
    node.cli("couplings", "s", "--add", "plant/edge/motor")
    wait_for(lambda: edge.rebirths() >= 2, 20, "another rebirth")
    edge.birth({"name": "set", "datatype": 16, "dataset_value": data}, {"name": "motor", "datatype": 19, "template_value": template},
               {"name": "plain", "datatype": 3, "int_value": 1})
    got = comes(node, "hall/plant/edge/set", lambda s: s["value"])["value"]
    assert (json.loads(got) if isinstance(got, str) else got) == {"columns": ["n", "t"], "rows": [[-3, "x"]]}
    got = comes(node, "hall/plant/edge/motor", lambda s: s["value"])["value"]
    assert (json.loads(got) if isinstance(got, str) else got) == {"template": "Motor", "metrics": {"rpm": -9}}


def test_null_and_the_property_quality_become_the_status(node, broker):
    edge = Edge(broker)
    couple(node, broker)
    v = {"name": "v", "datatype": 10}

    def with_quality(q):
        p = tahu.Payload.PropertySet(keys=["Quality"])
        p.values.add(type=3, int_value=q)
        return p

    edge.birth({**v, "double_value": 1.0})
    comes(node, "hall/plant/edge/v", 1)
    for quality, status in [(0, "Bad"), (500, "UncertainLastUsableValue"), (192, "Good")]:
        edge.data({**v, "double_value": 2.0, "properties": with_quality(quality)})
        comes(node, "hall/plant/edge/v", lambda s, status=status: s["status"]["name"] == status)
    edge.data({**v, "is_null": True})
    assert comes(node, "hall/plant/edge/v", lambda s: s["value"] is None)["status"]["name"].startswith("Bad")


def test_historical_data_goes_into_the_history_and_not_into_the_live_value(node, broker):
    edge = Edge(broker)
    couple(node, broker)
    now = psp.get_current_timestamp()
    v = {"name": "v", "datatype": 10}
    edge.birth({**v, "double_value": 5.0, "timestamp": now})
    comes(node, "hall/plant/edge/v", 5)
    for i in range(3):
        edge.data({**v, "double_value": float(i), "timestamp": now - 60000 + i * 1000, "is_historical": True})
    wait_for(lambda: [p[1] for p in node.history("hall/plant/edge/v")] == [0, 1, 2, 5], 20, "the history")
    assert known(node, "hall/plant/edge/v")["value"] == 5


# ---- order ----

def test_a_gap_in_the_sequence_asks_for_a_rebirth_and_is_counted(node, broker):
    edge = Edge(broker)
    couple(node, broker)
    edge.birth({"name": "v", "datatype": 10, "double_value": 1.0})
    comes(node, "hall/plant/edge/v", 1)
    before = edge.rebirths()
    edge.data({"name": "v", "datatype": 10, "double_value": 2.0}, seq=4)
    comes(node, "hall/plant/edge/v", 2)
    wait_for(lambda: edge.rebirths() > before, 10, "the rebirth")
    assert node.coupling("s")["counters"]["lost"] == 3


def test_data_before_a_birth_and_unknown_aliases_ask_for_one(node, broker):
    edge = Edge(broker)
    couple(node, broker)
    edge.data({"alias": 3, "double_value": 1.0})
    wait_for(lambda: edge.rebirths() == 1, 10, "the first")
    edge.birth({"name": "v", "alias": 3, "datatype": 10, "double_value": 7.0})
    comes(node, "hall/plant/edge/v", 7)
    edge.data({"alias": 4, "double_value": 1.0})
    wait_for(lambda: edge.rebirths() == 2, 10, "the second")
    edge.birth({"name": "v", "alias": 4, "datatype": 10, "double_value": 8.0})
    edge.data({"alias": 3, "double_value": 99.0})
    edge.data({"alias": 4, "double_value": 9.0})
    comes(node, "hall/plant/edge/v", 9)
    assert 99 not in [p[1] for p in node.history("hall/plant/edge/v")]


def test_however_wild_a_node_is_it_is_asked_once_in_five_seconds(node, broker):
    edge = Edge(broker)
    couple(node, broker)
    begin = time.monotonic()
    while edge.rebirths() < 2:
        edge.data({"name": "v", "datatype": 10, "double_value": 1.0})
        assert time.monotonic() - begin < 20
        time.sleep(0.01)
    assert time.monotonic() - begin > 4.5
    assert node.coupling("s")["state"] == "online"


def test_the_death_of_an_earlier_session_is_no_death(node, broker):
    edge = Edge(broker, bd=4)
    couple(node, broker)
    edge.birth({"name": "v", "datatype": 10, "double_value": 1.0})
    comes(node, "hall/plant/edge/v", 1)
    edge.client.send(edge.topic("NDEATH"), edge.death(3), 0)
    edge.data({"name": "v", "datatype": 10, "double_value": 2.0})
    comes(node, "hall/plant/edge/v", 2)
    assert None not in [p[1] for p in node.history("hall/plant/edge/v")]
    edge.lost()
    comes(node, "hall/plant/edge/v", is_stale)


def test_a_rebirth_without_a_metric_makes_it_bad(node, broker):
    edge = Edge(broker)
    couple(node, broker)
    edge.birth({"name": "a", "datatype": 10, "double_value": 1.0}, {"name": "b", "datatype": 10, "double_value": 1.0})
    comes(node, "hall/plant/edge/b", 1)
    edge.birth({"name": "a", "datatype": 10, "double_value": 2.0})
    comes(node, "hall/plant/edge/b", is_stale)
    comes(node, "hall/plant/edge/a", 2)


def test_a_node_that_left_while_we_were_away_is_found_gone(node, broker):
    edge = Edge(broker)
    couple(node, broker)
    edge.birth({"name": "v", "datatype": 10, "double_value": 1.0})
    comes(node, "hall/plant/edge/v", 1)
    node.kill()
    edge.lost()
    node.start()
    comes(node, "hall/plant/edge/v", lambda s: s["value"] is None and is_stale(s), 40)


# ---- limits ----

def test_what_cannot_be_read_is_counted_and_stops_nothing(node, broker):
    edge = Edge(broker)
    couple(node, broker)
    nested = b""
    for _ in range(200):  # a template in a template in a template ...
        metric = b"\x92\x01" + encode_length(nested) + nested
        nested = b"\x12" + encode_length(metric) + metric
    for payload in (b"\xff" * 50, b"\x12", nested, b"\x12\x00" * 30000, b"\x0b" * 1000):
        edge.client.send("spBv1.0/plant/NBIRTH/evil", payload, 0)
    edge.client.send("spBv1.0/plant/NBIRTH", b"", 0)
    edge.client.send("spBv1.0/plant/NBIRTH/a/b/c", b"", 0)
    edge.birth({"name": "odd", "datatype": 99, "int_value": 1}, {"name": "text", "datatype": 3, "string_value": "x"},
               {"name": "array", "datatype": 23, "bytes_value": b"123"}, {"name": "v", "datatype": 10, "double_value": 3.0})
    comes(node, "hall/plant/edge/v", 3)
    detail = wait_for(lambda: "of no use" in (d := node.coupling("s")["detail"]) and d, 10)
    assert node.coupling("s")["state"] == "online" and node.coupling("s")["counters"]["failures"] == 0, detail


def encode_length(data):
    n, out = len(data), b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def test_metrics_and_nodes_beyond_the_limits_are_left_out(node, broker):
    edges = [Edge(broker, f"edge{i}") for i in range(3)]
    couple(node, broker, "--set", "metrics-max=5", "--set", "nodes-max=2")
    for edge in edges:
        edge.birth(*({"name": f"v{i}", "datatype": 10, "double_value": float(i)} for i in range(9)))
    comes(node, "hall/plant/edge0/v4", 4)
    comes(node, "hall/plant/edge1/v4", 4)
    detail = wait_for(lambda: "more than fit" in (d := node.coupling("s")["detail"]) and d, 10)
    assert "2 of 2 nodes online, 10 metrics" in detail
    assert known(node, "hall/plant/edge0/v5") is None and known(node, "hall/plant/edge2/v0") is None


# ---- primary host ----

def test_the_primary_host_says_when_it_is_there_and_its_will_when_not(node, broker):
    watcher = broker.client()
    watcher.hear("spBv1.0/STATE/#")
    couple(node, broker, "--set", "primary=main")
    states = lambda: [json.loads(p) for t, p, _ in watcher.heard if t == "spBv1.0/STATE/main"]  # noqa: E731
    wait_for(lambda: states() and states()[-1]["online"] is True, 10, "the birth")
    born = states()[-1]["timestamp"]
    watcher.send("spBv1.0/STATE/main", json.dumps({"online": False, "timestamp": born}), retain=True)
    wait_for(lambda: [s["online"] for s in states()][-2:] == [False, True], 10, "the answer to a false death")
    node.kill()
    wait_for(lambda: states()[-1] == {"online": False, "timestamp": born}, 10, "the will")
    node.start()
    wait_for(lambda: states()[-1]["online"] is True, 20, "the second birth")
    node.cli("couplings", "s", "--off")
    wait_for(lambda: states()[-1]["online"] is False, 10, "the goodbye")
    late = broker.client()
    late.hear("spBv1.0/STATE/main")
    wait_for(lambda: late.heard and late.heard[0][2] and json.loads(late.heard[0][1])["online"] is False, 10, "the retained STATE")


def test_without_a_name_no_state_is_published(node, broker):
    watcher = broker.client()
    watcher.hear("spBv1.0/STATE/#", "x")
    edge = Edge(broker)
    couple(node, broker)
    edge.birth({"name": "v", "datatype": 10, "double_value": 1.0})
    comes(node, "hall/plant/edge/v", 1)
    watcher.send("x", "end")
    wait_for(lambda: ("x", b"end", False) in watcher.heard, 10)
    assert len(watcher.heard) == 1
