# SPDX-License-Identifier: Apache-2.0
"""What a node sees of others is held against the patterns of indicators; a hit is an alarm and a sighting."""
import json
import socket
import time

import pytest
import requests
from conftest import Node, wait_for
from stix_kit import TLP, Member, bundle, indicator
from test_dsp import Company
from test_listen import Lan
from web_client import Api


def knows(node, folder, *objects):
    """The node has these indicators, and watches them."""
    file = folder / f"known-{time.monotonic_ns()}.json"
    file.write_text(bundle(*objects))
    before = node.json("observations")["watch"]["indicators"]
    node.cli("stix", "import", file)
    wait_for(lambda: node.json("observations")["watch"]["indicators"] >= before + len(objects), 20, "the indicators are watched")


def fails_to_log_in(node, user="admin", password="wrong"):
    return requests.post(node.url + "/api/v1/session", json={"user": user, "password": password}, timeout=20)


def hit(node, known):
    """The hit of an indicator, once it is there."""
    return wait_for(lambda: next((h for h in node.json("observations", "hits")["hits"] if h["indicator"] == known["id"]), None), 20, "a hit")


def alarms(node, text):
    return [a for a in node.json("alarms")["alarms"] if text in a["text"]]


def test_a_login_that_fails_from_a_listed_address_is_an_alarm_and_a_prepared_sighting(node, tmp_path):
    known = indicator("Known scanner", "green", pattern="[ipv4-addr:value = '127.0.0.1']")
    knows(node, tmp_path, known)
    assert fails_to_log_in(node).status_code == 401
    h = hit(node, known)
    assert (h["name"], h["thing"], h["kind"], h["count"], h["tlp"], h["source"]) == ("Known scanner", "127.0.0.1", "login-failed", 1, "green", "import")
    assert h["what"] == f"a login as {node.owner} from 127.0.0.1 failed" if node.owner == "admin" else h["what"].startswith("a login")
    a = wait_for(lambda: alarms(node, "Known scanner"), 20, "the alarm")[0]
    assert a["active"] and a["priority"] == "high" and "127.0.0.1" in a["text"] and "Block the address" in a["text"]
    for _ in range(4):
        fails_to_log_in(node)
    wait_for(lambda: hit(node, known)["count"] == 5, 20, "five of them")
    assert len(alarms(node, "Known scanner")) == 1
    s = wait_for(lambda: hit(node, known)["sighting"], 20, "the sighting")
    assert s["state"] == "prepared" and s["feed"] is None
    kept = next(x for x in node.json("sightings")["sightings"] if x["id"] == s["id"])
    objects = {o["type"]: o for o in kept["objects"]}
    assert objects["sighting"]["sighting_of_ref"] == known["id"] and "ipv4-addr" not in objects  # it is an address of our own
    assert objects["identity"]["name"] == "a manufacturer" and kept["sent"] is None


def seen(node, kind, **fields):
    """An observation of this kind with these fields."""
    def find():
        return next((o for o in node.json("observations", "list", "--kind", kind)["observations"] if all(o[k] == v for k, v in fields.items())), None)
    return wait_for(find, 20, f"{kind} {fields}")


def listen():
    """A machine that takes connections and says nothing."""
    s = socket.create_server(("127.0.0.1", 0))
    s.listen(8)
    return s


def test_a_coupling_to_a_listed_address_is_an_alarm_at_its_asset(node, tmp_path):
    known = indicator("Bad PLC", pattern="[network-traffic:dst_ref.value = '127.0.0.1' AND network-traffic:protocols[*] = 'modbus']")
    other = indicator("Bad cell", pattern="[x-koppel-event:kind = 'coupling' AND x-koppel-event:coupling = 'cell']")
    knows(node, tmp_path, known, other)
    (tmp_path / "map.csv").write_text("address,path\n40025,temperature\n")
    with listen() as plc:
        node.cli("couple", f"modbus://127.0.0.1:{plc.getsockname()[1]}", "--at", "hall/press", "--name", "press", "--map", tmp_path / "map.csv", "--no-wait",
                 "--set", "timeout=200ms")
        h = hit(node, known)
    assert (h["thing"], h["coupling"], h["to"], h["kind"]) == ("press", "press", "127.0.0.1", "coupling")
    a = wait_for(lambda: alarms(node, "Bad PLC"), 20, "the alarm")[0]
    assert "Switch the coupling off" in a["text"]
    assert not [x for x in node.json("observations", "hits")["hits"] if x["indicator"] == other["id"]]
    api = Api(node)
    assert (a["source"], a["asset"]) == ("security", "hall/press")
    assert not [c for c in api.ok("GET", "status")["conditions"] if "Bad PLC" in (c["text"] or "")]  # it stands in the list of alarms, once
    # the asset goes, and its alarm with it: what is met again is a new alarm
    api.ok("DELETE", "asset", path="hall/press")
    again = wait_for(lambda: [x for x in alarms(node, "Bad PLC") if x["active"] and x["id"] != a["id"]], 40, "a new alarm")
    assert hit(node, known)["alarm"] == again[0]["id"]


def test_the_certificate_of_a_machine_is_seen(node, tmp_path, servers):
    machine = servers("opcua_sim", "--secure", tmp_path / "sim", "--only-secure")
    node.cli("couple", machine.url, "--at", "hall/mill", "--name", "mill", "--no-wait", check=False)
    o = seen(node, "certificate", coupling="mill")
    assert len(o["certificate"]) == 64
    known = indicator("Stolen certificate", pattern=f"[x509-certificate:hashes.'SHA-256' = '{o['certificate']}']")
    knows(node, tmp_path, known)
    node.cli("trust", "mill", "--yes")
    assert hit(node, known)["thing"] == "mill"


# ---- what other programs see ----

EVE = [
    {"timestamp": "2026-03-01T10:00:00.123456+0100", "event_type": "alert", "src_ip": "192.0.2.10", "src_port": 50000, "dest_ip": "203.0.113.9",
     "dest_port": 443, "proto": "TCP", "alert": {"signature": "ET MALWARE beacon"}},
    {"timestamp": "2026-03-01T10:00:01.000000+0000", "event_type": "dns", "src_ip": "192.0.2.11", "dest_ip": "192.0.2.1", "dest_port": 53, "proto": "UDP",
     "dns": {"type": "query", "rrname": "evil.example"}},
    {"timestamp": "2026-03-01T10:00:02.000000+0000", "event_type": "tls", "src_ip": "192.0.2.12", "dest_ip": "203.0.113.10", "dest_port": 443,
     "tls": {"sni": "c2.example", "fingerprint": "aa:" * 19 + "bb", "subject": "CN=c2"}},
    {"timestamp": "2026-03-01T10:00:03.000000+0000", "event_type": "fileinfo", "src_ip": "203.0.113.11", "dest_ip": "192.0.2.13",
     "fileinfo": {"filename": "/x.exe", "sha256": "ab" * 32}},
    {"timestamp": "2026-03-01T10:00:04.000000+0000", "event_type": "http", "src_ip": "192.0.2.14", "dest_ip": "203.0.113.12", "dest_port": 80,
     "http": {"hostname": "drop.example", "url": "/a.bin"}},
    {"timestamp": "2026-03-01T10:00:05.000000+0000", "event_type": "stats", "stats": {}},
]
ZEEK = [{"ts": 1772359200.5, "uid": "C1", "id.orig_h": "192.0.2.20", "id.orig_p": 5000, "id.resp_h": "198.51.100.66", "id.resp_p": 502, "proto": "tcp"}]
PATTERNS = {
    "beacon": "[ipv4-addr:value = '203.0.113.9']", "name": "[domain-name:value = 'evil.example']",
    "print": f"[x509-certificate:hashes.'SHA-1' = '{'aa' * 19}bb']", "file": f"[file:hashes.'SHA-256' = '{'ab' * 32}']",
    "url": "[url:value LIKE 'http://drop.example/%']", "modbus": "[network-traffic:dst_ref.value ISSUBSET '198.51.100.0/24' AND network-traffic:dst_port = 502]",
    "two": "[domain-name:value = 'evil.example'] FOLLOWEDBY [domain-name:value = 'c2.example'] WITHIN 60 SECONDS",
    "never": "[domain-name:value = 'c2.example'] FOLLOWEDBY [domain-name:value = 'evil.example'] WITHIN 60 SECONDS",
}


def write(file, *events):
    with file.open("a") as out:
        out.writelines(json.dumps(e) + "\n" for e in events)


def test_lines_of_suricata_and_zeek_are_held_against_indicators(node, tmp_path):
    known = {name: indicator(name, pattern=p, valid_from="2026-02-01T00:00:00Z") for name, p in PATTERNS.items()}
    knows(node, tmp_path, *known.values())
    folder = tmp_path / "ids"
    folder.mkdir()
    write(folder / "eve.json", *EVE[:3])
    node.cli("observations", "set", "--eve", folder)
    hit(node, known["beacon"])
    write(folder / "eve.json", *EVE[3:])
    write(folder / "conn.log", *ZEEK)
    for name in PATTERNS:
        if name != "never":
            h = hit(node, known[name])
            assert h["what"].startswith("eve: ") and h["count"] == 1, h
    state = node.json("observations")
    assert [x["indicator"] for x in node.json("observations", "hits")["hits"]].count(known["never"]["id"]) == 0
    assert (state["inputs"][0]["kind"], state["inputs"][0]["events"], state["inputs"][0]["bad"], state["inputs"][0]["fault"]) == ("eve", 7, 0, None)
    o = seen(node, "alert")
    assert (o["first"], o["from"], o["toPort"], o["detail"], o["source"]) == ("2026-03-01T09:00:00.123456Z", "192.0.2.10", 443, "ET MALWARE beacon", "eve")
    # the file is moved away, and a new one begins; a restart reads nothing twice
    (folder / "eve.json").rename(folder / "eve.json.1")
    write(folder / "eve.json", EVE[0])
    wait_for(lambda: hit(node, known["beacon"])["count"] == 2, 20, "the new file")
    with (folder / "eve.json").open("a") as out:
        out.write("no json\n")
    wait_for(lambda: node.json("observations")["inputs"][0]["bad"] == 1, 20, "a bad line is counted")
    node.stop()
    write(folder / "eve.json", EVE[0])
    node.start()
    wait_for(lambda: hit(node, known["beacon"])["count"] == 3, 20, "after the restart")
    time.sleep(1)
    assert hit(node, known["beacon"])["count"] == 3
    node.cli("observations", "set", "--eve", "-")
    wait_for(lambda: not node.json("observations")["inputs"], 20, "nothing is read along")


def test_syslog_is_off_until_it_is_switched_on_and_then_heard_both_ways(node, tmp_path, free_port):
    known = indicator("Guessing", pattern="[x-koppel-event:kind = 'log' AND x-koppel-event:from = '203.0.113.77'] REPEATS 3 TIMES WITHIN 300 SECONDS")
    knows(node, tmp_path, known)
    with socket.socket() as s:
        assert s.connect_ex(("127.0.0.1", free_port)) != 0
    for wrong in ("514", "host:514", "127.0.0.1:0", "127.0.0.1:70000", "[::1]"):
        done = node.cli("observations", "set", "--syslog", wrong, check=False)
        assert done.returncode == 1 and "syslog" in done.stderr, (wrong, done.stderr)
    node.cli("observations", "set", "--syslog", f"127.0.0.1:{free_port}")
    wait_for(lambda: node.json("observations")["inputs"], 20, "the listener")
    text = "Failed password for invalid user root from 203.0.113.77 port 22 ssh2"
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    def reaches():
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", free_port)) == 0
    wait_for(reaches, 20, "the listener")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(f"<38>1 {at} bastion sshd 99 - - {text}".encode(), ("127.0.0.1", free_port))
    with socket.create_connection(("127.0.0.1", free_port)) as s:
        s.sendall(f"<38>{time.strftime('%b %e %H:%M:%S')} bastion sshd[99]: {text}\n".encode())
        counted = f"<38>1 {at} bastion sshd 99 - [x@1 y=\"]\"] {text}"
        s.sendall(f"{len(counted)} {counted}".encode())
        assert hit(node, known)["what"].startswith("syslog: log from 203.0.113.77")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"<38>1 - h app - - - \x1b[2J gone from 203.0.113.78", ("127.0.0.1", free_port))
    assert "\x1b" in seen(node, "log", **{"from": "203.0.113.78"})["detail"]  # as it came; a terminal is not told
    assert "\x1b" not in node.cli("observations").stdout
    o = seen(node, "log", user="root")
    assert o["from"] == "203.0.113.77" and "bastion sshd: Failed password" in o["detail"]


def test_a_log_file_is_read_along_over_rotation_and_restart(node, tmp_path):
    known = indicator("Guesser", pattern="[x-koppel-event:kind = 'log' AND x-koppel-event:from = '203.0.113.80']")
    root = indicator("Root", pattern="[user-account:user_id = 'root']")
    knows(node, tmp_path, known, root)
    file = tmp_path / "auth.log"

    def line(address, user="root"):
        with file.open("a") as out:
            out.write(f"{time.strftime('%b %e %H:%M:%S')} bastion sshd[99]: Failed password for invalid user {user} from {address} port 22 ssh2\n")
    def inputs():
        return node.json("observations")["inputs"]
    assert "whole path" in node.cli("observations", "set", "--syslog-file", "auth.log", check=False).stderr
    node.cli("observations", "set", "--syslog-file", file)
    wait_for(lambda: inputs() and "No such file" in inputs()[0]["fault"], 20, "why nothing is read yet")
    line("203.0.113.80")
    h = hit(node, known)
    assert h["what"].startswith("syslog: log from 203.0.113.80") and h["kind"] == "log"
    o = seen(node, "log", **{"from": "203.0.113.80"})
    assert (o["user"], o["source"]) == ("root", "syslog") and "bastion sshd: Failed password" in o["detail"]
    assert hit(node, root)["thing"] == "203.0.113.80"
    file.rename(tmp_path / "auth.log.1")
    line("203.0.113.80", "admin")
    wait_for(lambda: hit(node, known)["count"] == 2, 20, "the file that took its place")
    node.stop()
    line("203.0.113.80", "guest")
    node.start()
    wait_for(lambda: hit(node, known)["count"] == 3, 20, "what came meanwhile")
    time.sleep(1)
    assert hit(node, known)["count"] == 3 and hit(node, root)["count"] == 1  # nothing is read twice
    assert (inputs()[0]["kind"], inputs()[0]["at"], inputs()[0]["fault"]) == ("syslog-file", str(file), None)
    node.cli("observations", "set", "--syslog-file", "-")
    wait_for(lambda: not inputs(), 20, "nothing is read along")


# ---- and back to who warned ----

class Region:
    """A centre that warns and takes sightings, and a factory."""

    def __init__(self, folder):
        (folder / "acme").mkdir()
        self.centre, self.factory = Node(folder).start(), Node(folder / "acme").start()
        self.known = indicator("Scanner of the region", "green", pattern="[ipv4-addr:value = '203.0.113.5']")
        (folder / "known.json").write_text(bundle(self.known))
        for name in ("warnings", "seen"):
            self.centre.cli("feed", "collection", "add", name)
        self.centre.cli("stix", "import", folder / "known.json", "--collection", "warnings")
        token = self.centre.cli("token", "add", "acme", "--role", "member").stdout.split()[0]
        self.centre.cli("feed", "collection", "allow", "warnings", "--token", "acme", "--amber")
        self.centre.cli("feed", "collection", "allow", "seen", "--token", "acme", "--write-only")
        watcher = self.centre.cli("token", "add", "watcher", "--role", "member").stdout.split()[0]
        self.centre.cli("feed", "collection", "allow", "seen", "--token", "watcher", "--amber")
        self.reader = Member(self.centre.url, watcher, "seen")
        (folder / "token").write_text(token)
        self.factory.cli("feed", "add", "centre", self.centre.url + "/taxii2/", "--token-file", folder / "token", "--set", "post=seen", "--set",
                         "share=amber", "--every", "90d")
        wait_for(lambda: self.factory.json("observations")["watch"]["indicators"] == 1, 30, "what the centre knows is watched")

    def told(self):
        return [o for o in self.reader.objects(limit=1000) if o["type"] == "sighting"]

    def stop(self):
        self.factory.stop()
        self.centre.stop()


@pytest.fixture
def region(tmp_path):
    r = Region(tmp_path)
    yield r
    r.stop()


def beacon():
    return EVE[0] | {"dest_ip": "203.0.113.5", "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime())}


def test_a_prepared_sighting_reaches_the_centre_when_a_person_sends_it(region, tmp_path):
    eve = tmp_path / "eve.json"
    write(eve, beacon(), beacon())
    region.factory.cli("observations", "set", "--eve", eve)
    s = wait_for(lambda: hit(region.factory, region.known)["sighting"], 20, "the sighting")
    assert s["state"] == "prepared" and not region.told()
    wait_for(lambda: [x["count"] for x in region.factory.json("sightings")["sightings"]] == [2], 30, "both are counted in it")
    region.factory.cli("sightings", "send", s["id"], "--to", "centre")
    told = wait_for(region.told, 30, "the sighting at the centre")[0]
    assert told["sighting_of_ref"] == region.known["id"] and told["count"] == 2 and told["first_seen"] <= told["last_seen"]
    assert told["object_marking_refs"] == [TLP["amber"]]
    objects = {o["type"]: o for o in region.reader.objects(limit=1000)}
    assert objects["ipv4-addr"]["value"] == "203.0.113.5" and objects["identity"]["name"] == "a manufacturer"
    assert "192.0.2.10" not in json.dumps(objects)  # the machine of ours that did it
    wait_for(lambda: hit(region.factory, region.known)["sighting"]["state"] == "sent", 20, "it was sent")
    assert region.factory.cli("sightings", "send", s["id"], "--to", "centre", check=False).returncode == 1


def test_the_feed_that_is_named_gets_sightings_of_all_indicators(region, tmp_path):
    eve, factory = tmp_path / "eve.json", region.factory
    own = indicator("Found by ourselves", "green", pattern="[ipv4-addr:value = '203.0.113.6']")
    (tmp_path / "own.json").write_text(bundle(own))
    factory.cli("stix", "import", tmp_path / "own.json")
    wait_for(lambda: factory.json("observations")["watch"]["indicators"] == 2, 20, "it is watched")
    refused = factory.cli("observations", "set", "--eve", eve, "--feed", "nobody", check=False)
    assert "no feed 'nobody'" in refused.stderr and not factory.json("observations")["inputs"]
    factory.cli("observations", "set", "--eve", eve, "--sightings", "send")
    write(eve, beacon() | {"dest_ip": "203.0.113.6"})
    s = wait_for(lambda: hit(factory, own)["sighting"], 20, "the sighting")
    assert (s["state"], s["feed"]) == ("prepared", None) and not region.told()  # nobody said where to: a person does
    factory.cli("observations", "set", "--feed", "centre")
    write(eve, beacon() | {"dest_ip": "203.0.113.6"})
    told = wait_for(region.told, 40, "the sighting at the centre")
    assert [o["sighting_of_ref"] for o in told] == [own["id"]] and told[0]["count"] == 2
    wait_for(lambda: (x := hit(factory, own)["sighting"])["state"] == "sent" and x["feed"] == "centre", 20, "it was sent")


def test_with_leave_it_goes_by_itself_and_an_ignored_hit_tells_nothing(region, tmp_path):
    eve = tmp_path / "eve.json"
    region.factory.cli("observations", "set", "--eve", eve, "--sightings", "send")
    write(eve, beacon())
    assert wait_for(region.told, 30, "the sighting at the centre")[0]["count"] == 1
    h = hit(region.factory, region.known)
    wait_for(lambda: hit(region.factory, region.known)["alarm"], 20, "the alarm")
    region.factory.cli("observations", "ignore", h["id"], "--comment", "a test")
    wait_for(lambda: hit(region.factory, region.known)["alarm"] is None, 20, "its alarm is over")
    write(eve, beacon())
    wait_for(lambda: hit(region.factory, region.known)["count"] == 2, 20, "it is counted on")
    h = hit(region.factory, region.known)
    assert h["ignored"] and h["comment"] == "a test" and h["alarm"] is None and len(region.told()) == 1


# ---- what is refused, and what is told to whom ----

def test_settings_that_cannot_be_are_refused_with_the_reason(node):
    api = Api(node)
    for body, word in (({"eve": "eve.json"}, "eve"), ({"sightings": "always"}, "sightings"), ({"nothing": 1}, "nothing"), ({"watch": "maybe"}, "watch")):
        assert word in api.refused(400, "PUT", "observations/settings", body)
    assert api.ok("GET", "observations/settings") == {"watch": True, "sightings": "ask", "feed": None, "eve": None, "syslogFile": None, "syslog": None}
    api.refused(404, "PATCH", "hits/99", {"ignored": True})
    api.refused(404, "POST", "sightings/99/send", {"feed": "nobody"})
    node.cli("observations", "set", "--eve", "/nowhere/eve.json")
    wait_for(lambda: "No such file" in str(node.json("observations")["inputs"]), 20, "why it cannot be read")


def test_what_is_red_and_devices_that_are_secret_are_not_told_to_tokens(node, tmp_path):
    api = Api(node)
    api.ok("POST", "assets", {"path": "hall/vault", "kind": "machine"})
    node.cli("set", "hall/vault", "--label", "secret", "--nameplate", "ManufacturerName=Cogs", check=False)
    known = indicator("Nobody shall know", "red", pattern="[ipv4-addr:value = '127.0.0.1']")
    knows(node, tmp_path, known)
    fails_to_log_in(node)
    hit(node, known)
    assert not api.ok("GET", "hits")["hits"]
    wait_for(lambda: alarms(node, "Nobody shall know"), 20, "the alarm inside")
    assert not [a for a in api.ok("GET", "alarms")["alarms"] if "Nobody" in a["text"]]
    assert "Nobody" not in json.dumps(api.ok("GET", "status"))


def test_who_comes_from_other_machines_and_what_changes_here_is_seen(node, tmp_path, free_port):
    lan = Lan(node, free_port, tmp_path)
    known = [indicator("Connects", pattern="[network-traffic:src_ref.value = '127.0.0.5' AND network-traffic:dst_port = %d]" % free_port),
             indicator("Old firmware", pattern="[software:vendor = 'Cogs' AND software:version = '1.0']"),
             indicator("Guesses", pattern="[x-koppel-event:kind = 'login-failed'] REPEATS 6 TIMES WITHIN 600 SECONDS")]
    knows(node, tmp_path, *known)
    assert lan.ask(source="127.0.0.5")[0] == 200
    h = hit(node, known[0])
    assert (h["thing"], h["kind"], h["from"]) == ("127.0.0.5", "connection", "127.0.0.5")
    assert requests.get(node.url + "/api/v1/signals", headers={"Authorization": "Bearer none"}, timeout=20).status_code == 401
    assert "GET /api/v1/signals" in seen(node, "refused", **{"from": "127.0.0.1"})["detail"]
    node.cli("token", "add", "reader")
    assert "POST /api/v1/tokens" in seen(node, "change", user="local")["detail"]
    devices = tmp_path / "devices.csv"
    devices.write_text("id,manufacturer,product,firmware\nhall/press,Cogs,Presser,2.0\n")
    node.cli("inventory", "import", devices)
    assert seen(node, "device", vendor="Cogs")["software"] == "Presser"
    devices.write_text("id,manufacturer,product,firmware\nhall/press,Cogs,Presser,1.0\n")
    node.cli("inventory", "import", devices)
    assert hit(node, known[1])["thing"] == "hall/press"
    for _ in range(5):
        fails_to_log_in(node)
    assert not [x for x in node.json("observations", "hits")["hits"] if x["indicator"] == known[2]["id"]]
    fails_to_log_in(node)
    assert hit(node, known[2])["thing"] == "127.0.0.1"
    listed = node.json("observations", "list", "--address", "127.0.0.1", "--stix")
    assert {o["kind"] for o in listed["observations"]} >= {"refused", "login-failed"}
    assert all(x["objects"][0]["type"] == "observed-data" for x in listed["observations"])
    first = node.json("observations", "list", "--limit", "2")
    assert len(first["observations"]) == 2 and first["next"] == first["observations"][-1]["id"]
    assert "indicators watched" in node.cli("observations").stdout and "Old firmware" in node.cli("observations", "hits").stdout


def test_a_partner_that_asks_is_seen_by_his_name(tmp_path):
    provider, consumer = Company(tmp_path / "provider"), Company(tmp_path / "consumer")
    provider.knows("buyer", consumer)
    consumer.knows("maker", provider)
    known = indicator("A partner in trouble", pattern="[x-koppel-event:kind = 'partner' AND x-koppel-event:partner = 'buyer']")
    knows(provider.node, tmp_path, known)
    consumer.api.ok("GET", "partners/maker/catalogue")
    h = hit(provider.node, known)
    assert (h["thing"], h["partner"], h["from"]) == ("buyer", "buyer", "127.0.0.1")
    assert "Ask the partner" in wait_for(lambda: alarms(provider.node, "A partner in trouble"), 20, "the alarm")[0]["text"]
    provider.node.stop()
    consumer.node.stop()
