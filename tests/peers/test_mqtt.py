# SPDX-License-Identifier: Apache-2.0
"""The MQTT coupling against mosquitto and paho."""

import pytest
from broker import Broker, certificates
from conftest import known, wait_for, wait_value

MAP = """topic,path,field,type,time,unit,scale,states,set-topic
hall/oven/temperature,oven/temperature,,number,,°C,,,hall/oven/set
hall/+/state,{1}/state,,text,,,,running=ON; idle,
sensors/#,sensors/{1}/humidity,data.humidity,number,stamp,%,,,
sensors/#,sensors/{1}/first,data.list[0],int,stamp,,,,
scaled,scaled,,number,,,0.1,,
"""


@pytest.fixture
def broker(tmp_path, free_port):
    b = Broker(tmp_path, free_port)
    yield b
    b.kill()


def couple(node, url, *options, check=True):
    return node.cli("couple", url, "--name", "b", "--at", "plant", "--no-wait", *options, check=check)


def couple_map(node, broker, tmp_path, *options, text=MAP):
    (tmp_path / "map.csv").write_text(text)
    couple(node, f"mqtt://127.0.0.1:{broker.port}", "--map", tmp_path / "map.csv", *options)
    node.wait_link("b", "online")


def test_topics_become_signals_by_the_map(node, broker, tmp_path):
    couple_map(node, broker, tmp_path)
    broker.publish(("hall/oven/temperature", "231.5"), ("hall/press/state", "ON"), ("scaled", "215"),
                   ("sensors/a/b", '{"data":{"humidity":41.5,"list":[7,8]},"stamp":"2026-11-24T10:02:31.5Z"}'))
    oven = wait_value(node, "plant/oven/temperature", 231.5)
    assert (oven["unit"], oven["unitText"], oven["status"]["name"]) == ("CEL", "°C", "Good")
    wait_value(node, "plant/press/state", "ON")
    wait_value(node, "plant/scaled", 21.5)
    humidity = wait_value(node, "plant/sensors/a/b/humidity", 41.5)
    assert humidity["time"] == "2026-11-24T10:02:31.500Z"
    wait_value(node, "plant/sensors/a/b/first", 7)
    state = wait_for(lambda: node.json("get", "plant/press")["assets"][0]["state"], 5, "the state")
    assert state == "running"


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_without_a_map_all_topics_become_signals(node, broker, version):
    couple(node, f"mqtt://127.0.0.1:{broker.port}?version={version}")
    node.wait_link("b", "online")
    broker.publish(("a/number", "12"), ("a/text", "O1004.NC"), ("a/truth", "true"),
                   ("a/json", '{"speed": 3, "deep": {"x": 1.5, "on": false}, "list": [1, 2]}'), ("a/odd *name?", "1"))
    wait_value(node, "plant/a/number", 12)
    wait_value(node, "plant/a/text", "O1004.NC")
    wait_value(node, "plant/a/truth", True)
    wait_value(node, "plant/a/json/speed", 3)
    wait_value(node, "plant/a/json/deep/x", 1.5)
    wait_value(node, "plant/a/json/deep/on", False)
    wait_value(node, "plant/a/json/list/1", 2)
    wait_value(node, "plant/a/odd _name_", 1)
    broker.publish(("a/number", "12.5"))
    wait_value(node, "plant/a/number", 12.5)
    assert {type(p[1]) for p in node.history("plant/a/number")} <= {int, float}


def test_what_was_sent_while_the_node_was_down_comes_in(node, broker, tmp_path):
    couple_map(node, broker, tmp_path)
    broker.publish(("hall/oven/temperature", "1"))
    wait_value(node, "plant/oven/temperature", 1)
    node.stop()
    broker.publish(*[("hall/oven/temperature", str(i)) for i in range(2, 12)])
    node.start()
    wait_value(node, "plant/oven/temperature", 11)
    wait_for(lambda: [p[1] for p in node.history("plant/oven/temperature")] == list(range(1, 12)), 10, "all of them")


def test_a_broker_that_goes_and_comes_back(node, broker, tmp_path):
    couple_map(node, broker, tmp_path)
    broker.publish(("hall/oven/temperature", "1"))
    wait_value(node, "plant/oven/temperature", 1)
    broker.kill()
    node.wait_link("b", "waiting")
    wait_for(lambda: known(node, "plant/oven/temperature")["stale"], 10, "a stale value")
    broker.start()
    node.wait_link("b", "online")
    broker.publish(("hall/oven/temperature", "2"))
    wait_value(node, "plant/oven/temperature", 2)


def test_messages_of_no_use_are_counted_and_harm_nothing(node, broker, tmp_path):
    couple_map(node, broker, tmp_path)
    deep = "[" * 100000 + "]" * 100000
    broker.publish(("hall/oven/temperature", "warm"), ("hall/oven/temperature", b"\xff\xfe"), ("hall/oven/temperature", "x" * 300000),
                   ("sensors/a", "{broken"), ("sensors/a", '{"data":{}}'), ("sensors/a", deep), ("sensors/a", '{"data":{"humidity":"wet"}}'),
                   ("hall/oven/temperature", "3"))
    wait_value(node, "plant/oven/temperature", 3)
    detail = wait_for(lambda: (d := node.coupling("b")["detail"]) if "of no use" in node.coupling("b")["detail"] else None, 5)
    assert "messages of no use, see the log" in detail
    assert "a message is of no use" in node.log.read_text()
    assert node.coupling("b")["state"] == "online"


def test_a_user_is_needed_where_the_broker_wants_one(node, tmp_path, free_port):
    broker = Broker(tmp_path, free_port, user=("koppel", "sesame"))
    try:
        couple(node, f"mqtt://127.0.0.1:{free_port}")
        assert "refuses the link" in node.wait_link("b", "refused")["detail"]
        (tmp_path / "pw").write_text("sesame\n")
        node.cli("couplings", "b", "--set", "user=koppel", "--password-file", tmp_path / "pw")
        node.wait_link("b", "online")
        broker.publish(("x", "1"))
        wait_value(node, "plant/x", 1)
        assert "sesame" not in node.cli("couplings", "b", "--json").stdout + node.cli("export").stdout + node.log.read_text()
    finally:
        broker.kill()


def test_tls_is_checked(node, tmp_path, free_port):
    broker = Broker(tmp_path, free_port, tls=certificates(tmp_path))
    try:
        couple(node, f"mqtts://localhost:{free_port}")
        assert "not vouched for" in node.wait_link("b", "refused")["detail"]
        node.cli("couplings", "b", "--set", f"ca={tmp_path}/ca.pem")
        node.wait_link("b", "online")
        broker.publish(("x", "1"))
        wait_value(node, "plant/x", 1)
    finally:
        broker.kill()


def test_writing_goes_to_the_set_topic(node, broker, tmp_path):
    couple_map(node, broker, tmp_path)
    broker.publish(("hall/oven/temperature", "1"))
    wait_value(node, "plant/oven/temperature", 1)
    got = []
    client = broker.client("listener")
    client.on_message = lambda c, u, m: got.append(m.payload)
    client.subscribe("hall/oven/set", 1)
    assert "not open for writing" in node.cli("set", "plant/oven/temperature", "200", check=False).stderr
    node.cli("set", "plant/oven/temperature", "--writable", "on")
    node.cli("set", "plant/oven/temperature", "200")
    wait_for(lambda: got == [b"200"], 10, "the message")
    client.loop_stop()


@pytest.mark.parametrize("url, text, complaint", [
    ("mqtt://192.0.2.1", None, "take mqtts://"),
    ("mqtt://127.0.0.1?qos=3", None, "qos: 3 is outside 0 to 1"),
    ("mqtt://127.0.0.1?topics=a%2b", None, None),
    ("mqtt://127.0.0.1?topics=a/b+", None, "topics: 'a/b+' is not a topic"),
    ("mqtt://127.0.0.1", "topic,path\na/#/b,x\n", "map: line 2: topic: 'a/#/b' is not a topic"),
    ("mqtt://127.0.0.1", "topic,path,field\na,x,a..b\n", "map: line 2: field: 'a..b' is not such as"),
    ("mqtt://127.0.0.1", "topic,path,type\na,x,float\n", "map: line 2: type: 'float' is none of number"),
    ("mqtt://127.0.0.1", "topic,path,set-topic\na,x,b/#\n", "map: line 2: set-topic: a value goes to one topic"),
])
def test_wrong_settings_are_refused(node, tmp_path, url, text, complaint):
    (tmp_path / "m.csv").write_text(text or "")
    done = couple(node, url, *(["--map", tmp_path / "m.csv"] if text else []), check=False)
    assert done.returncode == (1 if complaint else 0) and (complaint or "") in done.stderr, done.stderr
