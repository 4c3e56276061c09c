# SPDX-License-Identifier: Apache-2.0
"""Feeds of kind misp: events that PyMISP makes, put on a web server as feeds of MISP are, become indicators; only what is new or changed is brought again."""
import json
import threading
import uuid
from datetime import datetime, timedelta, timezone
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import Node, wait_for
from pymisp import MISPEvent, MISPObject, MISPOrganisation
from stix2patterns.validator import run_validator

VALUES = {"ip-dst": "198.51.100.9", "ip-src|port": "2001:db8::9|443", "domain": "bad.example", "domain|ip": "worse.example|198.51.100.10", "url": "http://bad.example/a'b\\c",
          "md5": "d41d8cd98f00b204e9800998ecf8427e", "filename|sha256": "evil.exe|" + "ab" * 32, "email-src": "mal@bad.example", "hostname": "c2.bad.example",
          "ip-dst|port": "203.0.113.0/24|80"}


class Site:
    """A folder with a manifest and events, on loopback."""

    def __init__(self, folder):
        self.folder, self.asked = folder, []
        site = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self):
                site.asked.append(self.path.rsplit("/", 1)[1])
                super().do_GET()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self.manifest = {}

    def put(self, event, text=None):
        (self.folder / f"{event.uuid}.json").write_text(text or json.dumps(feed_of(event), default=str))
        self.manifest |= event.manifest
        (self.folder / "manifest.json").write_text(json.dumps(self.manifest, default=str))


def feed_of(event):
    """As MISP puts it in a feed; PyMISP leaves out who may have it."""
    feed = event.to_feed()
    feed["Event"]["distribution"] = str(event.distribution)
    return feed


NOW = datetime.now(timezone.utc).replace(microsecond=0)


def event(info, *tags, age=0, distribution=3):
    e = MISPEvent()
    e.info, e.distribution, e.threat_level_id, e.analysis = info, distribution, 2, 2
    e.uuid, e.date, e.timestamp = str(uuid.uuid4()), (NOW - timedelta(days=age + 1)).date(), NOW - timedelta(days=age)
    e.published = True
    e.Orgc = MISPOrganisation()
    e.Orgc.name, e.Orgc.uuid = "Brainport", "55f6ea5e-2c60-40e5-964f-47a8950d210f"
    for tag in tags:
        e.add_tag(tag)
    return e


@pytest.fixture
def site(tmp_path):
    (tmp_path / "site").mkdir()
    s = Site(tmp_path / "site")
    yield s
    s.server.shutdown()
    s.server.server_close()


def here(node, source="feed misp"):
    return {o["id"]: o for o in node.json("stix", "list", "--limit", "1000")["objects"] if o["source"] == source}


def shown(node, id):
    return [v["object"] for v in node.json("stix", "show", id)["versions"]]


def test_events_become_indicators_and_only_what_is_new_comes_again(node, site):
    first = event("phishing", "tlp:green", age=3)
    for kind, value in VALUES.items():
        first.add_attribute(kind, value, to_ids=True)
    first.add_attribute("ip-dst", "192.0.2.1", to_ids=False)
    first.add_attribute("comment", "for people", to_ids=True)
    first.add_attribute("vulnerability", "CVE-2026-4711")
    first.add_attribute("sha1", "cd" * 20, to_ids=True).add_tag("tlp:red")
    thing = MISPObject("file")
    thing.add_attribute("sha512", value="ef" * 64, type="sha512", to_ids=True)
    first.add_object(thing)
    site.put(first)
    closed = event("closed", age=2, distribution=0)
    closed.add_attribute("domain", "own.example", to_ids=True)
    site.put(closed)
    node.cli("feed", "add", "misp", site.url + "manifest.json", "--kind", "misp", "--every", "90d")
    f = wait_for(lambda: (f := node.json("feed", "show", "misp"))["pulled"] and f, 20, "the first pull")
    objects = here(node)
    assert f["fault"] is None and "not looked for" in f["note"]
    indicators = [shown(node, i)[0] for i in objects if objects[i]["type"] == "indicator"]
    assert len(indicators) == len(VALUES) + 3
    for o in indicators:
        assert not run_validator(o["pattern"], stix_version="2.1"), o["pattern"]
    patterns = {o["pattern"] for o in indicators}
    assert {"[ipv4-addr:value = '198.51.100.9']", "[ipv6-addr:value = '2001:db8::9']", "[url:value = 'http://bad.example/a\\'b\\\\c']",
            "[domain-name:value = 'worse.example'] AND [ipv4-addr:value = '198.51.100.10']", "[ipv4-addr:value ISSUBSET '203.0.113.0/24']"} <= patterns
    tlp = {shown(node, i)[0].get("pattern"): o["tlp"] for i, o in objects.items()}
    assert tlp["[domain-name:value = 'bad.example']"] == "green" and tlp[f"[file:hashes.'SHA-1' = '{'cd' * 20}']"] == "red"
    assert tlp["[domain-name:value = 'own.example']"] == "amber+strict"
    assert "CVE-2026-4711" in [o["name"] for o in objects.values() if o["type"] == "vulnerability"]
    assert "Brainport" in [o["name"] for o in objects.values() if o["type"] == "identity"]

    site.asked.clear()
    node.cli("feed", "pull", "misp")
    assert site.asked == ["manifest.json"]
    first.timestamp = first.attributes[0].timestamp = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(minutes=5)
    first.attributes[0].deleted = True
    site.put(first)
    node.cli("feed", "pull", "misp")
    assert site.asked[1:] == ["manifest.json", f"{first.uuid}.json"]
    versions = shown(node, f"indicator--{first.attributes[0].uuid}")
    assert len(versions) == 2 and versions[0]["revoked"] is True


def test_an_event_that_cannot_be_read_holds_up_no_other(node, site):
    good, wrong = event("good", age=1), event("wrong", age=2)
    good.add_attribute("domain", "bad.example", to_ids=True)
    site.put(wrong, text='{"Event": [')
    site.put(good)
    site.manifest["../../secret"] = {"timestamp": "1700000000"}
    site.put(good)
    node.cli("feed", "add", "misp", site.url, "--kind", "misp", "--every", "90d")
    f = wait_for(lambda: (f := node.json("feed", "show", "misp"))["pulled"] and f, 20, "the pull")
    assert (f["refused"], f["fault"]) == (1, None) and wrong.uuid in f["note"]
    assert "bad.example" in json.dumps([shown(node, i) for i in here(node)])
    assert not [a for a in site.asked if "secret" in a]
