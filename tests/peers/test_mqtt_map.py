# SPDX-License-Identifier: Apache-2.0
"""MQTT against mosquitto: what a map says, what comes without one, and what can happen to a broker."""
import json
import subprocess
import time

import pytest
from conftest import comes, known, wait_for
from mqtt_broker import Broker
from web_client import Api


@pytest.fixture
def brokers(tmp_path):
    running = []

    def start(*lines, **options):
        running.append(Broker(tmp_path / f"broker{len(running)}", *lines, **options))
        return running[-1]

    yield start
    for broker in running:
        broker.kill()


@pytest.fixture
def broker(brokers):
    return brokers()


def write_map(tmp_path, *lines):
    file = tmp_path / "map.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def couple(node, url, *options, online=True):
    node.cli("couple", url, "--name", "b", "--at", "hall/b", "--no-wait", *options)
    if online:
        node.wait_link("b", "online")


# ---- with a map ----

def test_numbers_texts_and_bools_come_as_the_map_says(node, broker, tmp_path):
    m = write_map(tmp_path, "topic,path,field,type,unit,scale,offset",
                  "plant/temp,temp,,,°C,,", "plant/count,count,,integer,,,", "plant/run,run,,bool,,,",
                  "plant/serial,serial,,text,,,", "plant/raw,scaled,,number,bar,0.1,-1", "plant/free,free,,,,,")
    couple(node, broker.url, "--map", m)
    client = broker.client()
    for topic, payload in [("temp", "21"), ("count", "9007199254740993"), ("run", "ON"), ("serial", "000123"),
                           ("raw", "25"), ("free", "a text")]:
        client.send(f"plant/{topic}", payload)
    temp = comes(node, "hall/b/temp", 21)
    assert temp["unit"] == "CEL" and temp["type"] == "double" and temp["status"]["name"] == "Good"
    assert comes(node, "hall/b/count", 9007199254740993)["type"] == "int64"
    comes(node, "hall/b/run", True)
    assert comes(node, "hall/b/serial", "000123")["type"] == "string"
    comes(node, "hall/b/scaled", 1.5)
    comes(node, "hall/b/free", "a text")


def test_places_in_json_and_levels_of_topics_find_their_signals(node, broker, tmp_path):
    m = write_map(tmp_path, "topic,path,field,time,unit,low,high",
                  "line/+/press/+,{1}/press{2}/force,sensor.force,ts,kN,0,500",
                  "line/+/press/+,{1}/press{2}/peak,values[1].v,ts,,,",
                  "tree/#,tree/{1}/state,state,,,,")
    couple(node, broker.url, "--map", m)
    client = broker.client()
    now = time.time()
    earlier = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 600))
    client.send("line/north/press/7", json.dumps({"ts": int(now * 1000), "sensor": {"force": 12.5}, "values": [{"v": 1}, {"v": 2}]}))
    client.send("line/south/press/1", json.dumps({"ts": earlier, "sensor": {"force": -3}}))
    client.send("tree/a/b/c", '{"state": "RUN"}')
    force = comes(node, "hall/b/north/press7/force", 12.5)
    assert "kN" in force.values()
    comes(node, "hall/b/north/press7/peak", 2)
    south = comes(node, "hall/b/south/press1/force", -3)
    assert south["time"].startswith(earlier[:-1])
    comes(node, "hall/b/tree/a/b/c/state", "RUN")
    assert abs(int(now * 1000) - int(1000 * to_seconds(force["time"]))) <= 1
    assert known(node, "hall/b/south/press1/peak") is None


def to_seconds(text):
    from datetime import datetime
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_a_wrong_map_is_refused_with_line_and_reason(node, broker, tmp_path):
    for line, says in [("a/#/b,x,,", "line 2: topic: 'a/#/b'"), ("a/+,{2}/x,,", "no {2}"), ("a,x,b..c,", "field: 'b..c'"),
                       ("a,x,,wrong", "type: 'wrong'")]:
        m = write_map(tmp_path, "topic,path,field,type", line)
        done = node.cli("couple", broker.url, "--name", "b", "--at", "hall/b", "--no-wait", "--map", m, check=False)
        assert done.returncode != 0 and says in done.stderr, done.stderr
    m = write_map(tmp_path, "topic,path,field", "a,x,v", "a,y,v")
    assert "line 3: the same topic and field as in line 2" in node.cli(
        "couple", broker.url, "--name", "b", "--at", "h", "--no-wait", "--map", m, check=False).stderr


def test_what_cannot_be_read_is_counted_and_logged_and_stops_nothing(node, broker, tmp_path):
    m = write_map(tmp_path, "topic,path,field,type", "t/+,{1},v,number")
    couple(node, broker.url, "--map", m)
    client = broker.client()
    bad = [b"{", b"\xff\xfe\x00", b'{"v":"no number"}', b"[" * 100000, b'{"v":{}}', b"", b'{"v":1e999}', b'{"a":1}{"v":2}']
    for payload in bad:
        client.send("t/x", payload)
    for _ in range(100):
        client.send("t/x", b"not json", qos=0)
    client.send("t/y", b'{"v":5}')
    comes(node, "hall/b/y", 5)
    detail = wait_for(lambda: "of no use" in (d := node.coupling("b")["detail"]) and d, 10)
    assert f"{len(bad) + 100} messages of no use" in detail
    assert node.coupling("b")["state"] == "online" and node.coupling("b")["counters"]["failures"] == 0
    assert node.log.read_text().count("a message is of no use") <= 20


def test_a_retained_message_is_uncertain_unless_it_tells_its_time(node, broker, tmp_path):
    client = broker.client()
    client.send("r/old", b"1", retain=True)
    client.send("r/timed", json.dumps({"v": 2, "t": int(time.time())}), retain=True)
    client.send("r/skipped", b"3", retain=True)
    m = write_map(tmp_path, "topic,path,field,time,retained", "r/old,old,,,", "r/timed,timed,v,t,take", "r/skipped,skipped,,,skip")
    couple(node, broker.url, "--map", m)
    assert comes(node, "hall/b/old", 1)["status"]["name"] == "UncertainLastUsableValue"
    assert comes(node, "hall/b/timed", 2)["status"]["name"] == "Good"
    client.send("r/skipped", b"4")
    comes(node, "hall/b/skipped", 4)
    client.send("r/old", b"5")
    assert comes(node, "hall/b/old", 5)["status"]["name"] == "Good"
    assert [v for _, v, _ in node.history("hall/b/skipped")] == [4]


@pytest.mark.parametrize("version, shows", [("5", "MQTT 5"), ("3.1.1", "MQTT 3.1.1"), ("auto", "MQTT 5")])
def test_both_versions_of_mqtt_carry_values(node, broker, tmp_path, version, shows):
    m = write_map(tmp_path, "topic,path", "a/b,v")
    couple(node, broker.url, "--map", m, "--set", f"version={version}")
    broker.client().send("a/b", "1")
    comes(node, "hall/b/v", 1)
    assert shows in node.coupling("b")["detail"]


# ---- without a map ----

def test_without_a_map_what_comes_is_listed_and_taken(node, broker):
    couple(node, broker.url)
    client = broker.client()
    client.send("plant/press/1", json.dumps({"force": 3.5, "state": "RUN", "list": [1, 2], "odd.key": True}))
    client.send("plant/temp", "19.5")
    client.send("/leading/slash", "x")
    client.send("plant/blob", b"\x00\xff")
    comes(node, "hall/b/plant/press/1/force", 3.5)
    comes(node, "hall/b/plant/press/1/state", "RUN")
    comes(node, "hall/b/plant/press/1/list/1", 2)
    comes(node, "hall/b/plant/press/1/odd.key", True)
    comes(node, "hall/b/plant/temp", 19.5)
    client.send("plant/temp", "20.5")
    comes(node, "hall/b/plant/temp", 20.5)
    lines = node.cli("couplings", "b", "--nodes", "--json").stdout.splitlines()
    listed = {json.loads(line)["source"] for line in lines}
    assert {"plant/press/1#force", "plant/press/1#list[0]", "plant/press/1#[\"odd.key\"]", "plant/temp", "plant/blob"} <= listed
    assert not any(s.startswith("$SYS") for s in listed)
    assert known(node, "hall/b/plant/blob") is None


def test_what_a_person_removed_stays_away_and_what_is_new_comes(node, broker):
    couple(node, broker.url, "--set", "topics=plant/#")
    client = broker.client()
    client.send("plant/a", "1")
    client.send("other/a", "1")
    comes(node, "hall/b/plant/a", 1)
    Api(node).ok("DELETE", "signal", path="hall/b/plant/a")
    node.kill()
    node.start()
    node.wait_link("b", "online")
    client.send("plant/a", "2")
    client.send("plant/b", "3")
    comes(node, "hall/b/plant/b", 3)
    assert known(node, "hall/b/plant/a") is None and known(node, "hall/b/other/a") is None


def test_at_most_a_thousand_signals_come_unasked(node, broker):
    couple(node, broker.url)
    client = broker.client()
    for i in range(4):
        client.send(f"many/{i}", json.dumps({f"v{k:03}": k for k in range(400)}))
    wait_for(lambda: node.coupling("b")["signals"] == 1000, 20)
    assert "1600 values found, 1000 subscribed" in wait_for(lambda: "1000 sub" in (d := node.coupling("b")["detail"]) and d, 10)


# ---- writing ----

def test_an_opened_signal_is_published_as_its_map_says(node, broker, tmp_path):
    m = write_map(tmp_path, "topic,path,field,type,scale,set-topic",
                  "dev/+/temp,{1}/setpoint,,number,0.5,dev/{1}/temp/set", "dev/+/state,{1}/state,out.power,text,,dev/{1}/cmd",
                  "dev/+/only,{1}/only,,,,")
    couple(node, broker.url, "--map", m)
    client = broker.client()
    client.hear("dev/+/temp/set", "dev/+/cmd")
    client.send("dev/k1/temp", "40")
    client.send("dev/k1/state", '{"out":{"power":"OFF"}}')
    client.send("dev/k1/only", "1")
    comes(node, "hall/b/k1/setpoint", 20)
    comes(node, "hall/b/k1/state", "OFF")
    comes(node, "hall/b/k1/only", 1)
    refused = node.cli("set", "hall/b/k1/setpoint", "25", check=False)
    assert refused.returncode != 0 and "writable" in refused.stderr
    for signal in ("setpoint", "state", "only"):
        node.cli("set", f"hall/b/k1/{signal}", "--writable", "on")
    node.cli("set", "hall/b/k1/setpoint", "25")
    node.cli("set", "hall/b/k1/state", "ON")
    wait_for(lambda: len(client.heard) == 2, 10, "the messages")
    assert client.heard[0][:2] == ("dev/k1/temp/set", b"50")
    assert client.heard[1][0] == "dev/k1/cmd" and json.loads(client.heard[1][1]) == {"out": {"power": "ON"}}
    none = node.cli("set", "hall/b/k1/only", "2", check=False)
    assert none.returncode != 0 and "set-topic" in none.stderr


# ---- security ----

def test_an_unprotected_link_to_elsewhere_must_be_allowed(node):
    done = node.cli("couple", "mqtt://192.0.2.9", "--name", "b", "--at", "hall/b", "--no-wait", check=False)
    assert done.returncode != 0 and "allow-plain" in done.stderr
    node.cli("couple", "mqtt://192.0.2.9", "--name", "b", "--at", "hall/b", "--no-wait", "--set", "allow-plain=true",
             "--set", "timeout=300ms")
    assert "192.0.2.9" in node.wait_link("b", "waiting", 30)["detail"]
    embedded = node.cli("couple", "mqtt://op:secret@127.0.0.1", "--name", "c", "--at", "hall/c", "--no-wait", check=False)
    assert embedded.returncode != 0


def test_user_and_password_are_asked_for_and_work(node, brokers, tmp_path):
    passwords = tmp_path / "passwords"
    passwords.touch()
    subprocess.run(["mosquitto_passwd", "-b", passwords, "op", "secret"], check=True)
    broker = brokers(f"password_file {passwords}", anonymous=False)
    m = write_map(tmp_path, "topic,path", "a/b,v")
    for version in ("5", "3.1.1"):
        name = f"b{version[0]}"
        node.cli("couple", broker.url, "--name", name, "--at", f"hall/{name}", "--no-wait", "--map", m, "--set", f"version={version}")
        assert "--set user=" in node.wait_link(name, "refused")["detail"]
        node.cli("couplings", name, "--set", "user=op", "--set", "password=wrong")
        node.wait_link(name, "refused")
        node.cli("couplings", name, "--set", "password=secret")
        node.wait_link(name, "online")
    broker.client(user=("op", "secret")).send("a/b", "7")
    comes(node, "hall/b5/v", 7)
    comes(node, "hall/b3/v", 7)
    assert "secret" not in node.cli("couplings", "b5", "--json").stdout + node.cli("export").stdout + node.log.read_text()


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def authority(folder, name="ca"):
    folder.mkdir(exist_ok=True)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt",
            "-days", 2, "-subj", f"/CN={name}")
    return folder / f"{name}.crt"


def vouched(folder, name, host):
    (folder / f"{name}.ext").write_text(f"subjectAltName={host}\n")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr", "-subj", f"/CN={name}")
    openssl("x509", "-req", "-in", folder / f"{name}.csr", "-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-CAcreateserial",
            "-days", 2, "-extfile", folder / f"{name}.ext", "-out", folder / f"{name}.crt")


def test_a_protected_link_wants_an_authority_it_knows_and_the_right_name(node, brokers, tmp_path):
    pki = tmp_path / "pki"
    ca = authority(pki)
    other = authority(pki, "other")
    vouched(pki, "server", "IP:127.0.0.1")
    vouched(pki, "client", "DNS:koppel")
    broker = brokers(f"cafile {ca}", f"certfile {pki}/server.crt", f"keyfile {pki}/server.key", "require_certificate true")
    url = f"mqtts://127.0.0.1:{broker.port}"
    m = write_map(tmp_path, "topic,path", "a/b,v")
    login = ["--set", f"certificate={pki}/client.crt", "--set", f"key={pki}/client.key"]
    couple(node, url, "--map", m, *login, online=False)
    assert "certificate" in node.wait_link("b", "refused")["detail"]
    node.cli("couplings", "b", "--set", f"ca={other}")
    assert "certificate" in node.wait_link("b", "refused")["detail"]
    node.cli("couplings", "b", "--set", f"ca={ca}")
    online = node.wait_link("b", "online")
    assert "TLS" in online["detail"]
    broker.client(tls=(str(ca), f"{pki}/client.crt", f"{pki}/client.key")).send("a/b", "9")
    comes(node, "hall/b/v", 9)
    node.cli("couplings", "b", "--set", f"url=mqtts://localhost:{broker.port}")
    assert "host name" in wait_for(lambda: "host name" in (d := node.coupling("b")["detail"]) and d, 20)


# ---- what happens to brokers ----

@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_broker_killed_and_back_is_found_again_and_the_session_kept(node, brokers, tmp_path, version):
    broker = brokers("persistence true", f"persistence_location {tmp_path}/", "autosave_interval 1")
    m = write_map(tmp_path, "topic,path", "a/+,v{1}")
    couple(node, broker.url, "--map", m, "--set", f"version={version}")
    client = broker.client()
    client.send("a/1", "1")
    comes(node, "hall/b/v1", 1)
    broker.kill()
    node.wait_link("b", "waiting")
    broker.start()
    node.wait_link("b", "online", 30)
    client.send("a/1", "2")
    comes(node, "hall/b/v1", 2)
    node.kill()
    for i in range(3, 8):
        client.send("a/1", str(i))
    node.start()
    comes(node, "hall/b/v1", 7)
    assert [v for _, v, _ in node.history("hall/b/v1")] == [1, 2, 3, 4, 5, 6, 7]


def test_another_map_does_not_stumble_over_the_session_of_the_first(node, broker, tmp_path):
    couple(node, broker.url, "--map", write_map(tmp_path, "topic,path", "old/#,{1}"))
    client = broker.client()
    client.send("old/a", "1")
    comes(node, "hall/b/a", 1)
    node.cli("couplings", "b", "--map", write_map(tmp_path, "topic,path", "new/#,{1}"))
    node.wait_link("b", "online")
    client.send("old/a", "2")
    client.send("new/a", "3")
    wait_for(lambda: node.log.read_text().count("part=coupling msg=online") >= 3, 20, "the new session")
    client.send("old/a", "4")
    client.send("new/b", "5")
    comes(node, "hall/b/b", 5)


def test_a_message_that_is_too_large_is_dropped_and_counted(node, broker, tmp_path):
    m = write_map(tmp_path, "topic,path,type", "a/+,{1},text")
    couple(node, broker.url, "--map", m, "--set", "payload-max=1024", "--set", "version=3.1.1")
    client = broker.client()
    client.send("a/x", b"y" * 1025)
    client.send("a/x", b"z" * 1024)
    comes(node, "hall/b/x", "z" * 1024)
    assert "1 messages too large" in wait_for(lambda: "large" in (d := node.coupling("b")["detail"]) and d, 10)


def test_a_broker_that_hangs_is_left(node, broker, tmp_path):
    import signal
    couple(node, broker.url, "--map", write_map(tmp_path, "topic,path", "a,v"), "--set", "timeout=500ms")
    broker.kill()
    node.wait_link("b", "waiting")
    broker.start()
    broker.process.send_signal(signal.SIGSTOP)
    assert "does not answer" in wait_for(lambda: "does not answer" in (d := node.coupling("b")["detail"]) and d, 30)
    broker.process.send_signal(signal.SIGCONT)
    node.wait_link("b", "online", 30)
