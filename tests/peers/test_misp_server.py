# SPDX-License-Identifier: Apache-2.0
"""Feeds of kind misp-server: events come in through MISP's REST API, page by page, and sightings go out, as far as their labels allow. The server stands in for MISP's, which needs PHP and
MariaDB; PyMISP asks it the same things."""
import json
import time

import pytest
from conftest import wait_for
from misp_server import KEY, Server
from pymisp import PyMISP
from test_misp import event


@pytest.fixture
def server():
    s = Server()
    yield s
    s.stop()


@pytest.fixture
def key(tmp_path):
    (tmp_path / "key").write_text(KEY + "\n")
    return tmp_path / "key"


def add(node, server, key, *options):
    node.cli("feed", "add", "misp", server.url, "--kind", "misp-server", "--token-file", key, "--every", "90d", *options)
    return wait_for(lambda: (f := node.json("feed", "show", "misp"))["pulled"] and not f["running"] and f, 30, "the first pull")


def indicators(node):
    return {o["name"]: o["id"] for o in node.json("stix", "list", "--type", "indicator", "--limit", "1000")["objects"]}


def put(server, name, *tags, published=None):
    e = event(name, *tags)
    e.add_attribute("domain", f"{name}.example", to_ids=True)
    server.put(e, published)
    return e


def searches(server):
    return [body for _, path, body in server.asked if path == "/events/restSearch"]


def test_pymisp_finds_what_koppel_finds(server):
    put(server, "one", "tlp:green")
    misp = PyMISP(server.url, KEY)
    assert [e["Event"]["info"] for e in misp.search(published=True, publish_timestamp=0, limit=50, page=1, deleted=[0, 1])] == ["one"]
    assert "errors" not in misp.add_sighting({"type": "0", "timestamp": 1}, server.events[0]["Attribute"][0]["uuid"])


def test_events_come_in_pages_and_then_only_what_was_published_since(node, server, key):
    now = int(time.time())
    for i in range(23):
        put(server, f"event{i}", "tlp:green", published=now - 1000 + i)
    f = add(node, server, key, "--set", "limit=10")
    assert f["fault"] is None and len(indicators(node)) == 23
    assert [(s["page"], s["limit"], s["publish_timestamp"], s["published"]) for s in searches(server)] == [(1, 10, 0, True), (2, 10, 0, True), (3, 10, 0, True)]
    put(server, "later", published=now)
    server.asked.clear()
    node.cli("feed", "pull", "misp")
    assert "later" in indicators(node) and [s["publish_timestamp"] for s in searches(server)] == [now - 1000 + 22]


@pytest.mark.parametrize("counts", [True, False])
def test_an_event_that_goes_away_between_two_pages_hides_no_other(node, server, key, counts):
    server.counts = counts
    for i in range(8):
        put(server, f"event{i}")

    def before(body):
        if body["page"] == 2 and len(server.events) == 8 and counts:
            server.events.pop(0)
    server.before = before
    add(node, server, key, "--set", "limit=3")
    assert {f"event{i}" for i in range(8)} <= set(indicators(node))


def test_a_pull_that_was_cut_short_goes_on_at_its_page(node, server, key):
    for i in range(9):
        put(server, f"event{i}")
    server.before = lambda body: (500, {"message": "out of order"}) if body["page"] == 3 else None
    node.cli("feed", "add", "misp", server.url, "--kind", "misp-server", "--token-file", key, "--every", "90d", "--set", "limit=3")
    assert "out of order" in wait_for(lambda: node.json("feed", "show", "misp")["fault"], 20, "the fault")
    server.before = lambda body: None
    node.kill()
    node.start()
    server.asked.clear()
    node.cli("feed", "pull", "misp")
    assert [s["page"] for s in searches(server)] == [3, 4] or [s["page"] for s in searches(server)] == [3]
    assert len(indicators(node)) == 9


def test_a_page_that_is_too_large_is_asked_for_in_smaller_ones_and_a_huge_event_is_passed_by(node, server, key):
    for i in range(6):
        put(server, f"event{i}")
    huge = b'{"response": [{"Event": {"info": "' + b"x" * (33 << 20) + b'"}}]}'
    server.before = lambda body: (200, huge) if (body["page"] - 1) * body["limit"] <= 2 < body["page"] * body["limit"] else None
    f = add(node, server, key, "--set", "limit=6")
    assert sorted(indicators(node)) == [f"event{i}" for i in (0, 1, 3, 4, 5)]
    assert f["refused"] == 1 and "larger than" in f["note"]


def test_what_the_server_says_is_told_in_words(node, server, key, tmp_path):
    def fault(*options):
        node.cli("feed", "set", "misp", *options)
        return wait_for(lambda: not (f := node.json("feed", "show", "misp"))["running"] and f["fault"], 20, "the fault")
    (tmp_path / "wrong").write_text("x" * 40)
    done = node.cli("feed", "add", "misp", server.url, "--kind", "misp-server", check=False)
    assert done.returncode == 1 and "My profile" in done.stderr
    done = node.cli("feed", "add", "misp", server.url, "--kind", "misp-server", "--token-file", key, "--set", "share=red", check=False)
    assert done.returncode == 1 and "share" in done.stderr
    node.cli("feed", "add", "misp", server.url, "--kind", "misp-server", "--token-file", tmp_path / "wrong", "--every", "90d")
    text = wait_for(lambda: node.json("feed", "show", "misp")["fault"], 20, "the fault")
    assert "does not take the key" in text and "koppel feed set misp --token-file" in text and "x" * 40 not in text
    server.rights = False
    node.cli("feed", "set", "misp", "--token-file", key)
    wait_for(lambda: "no right" in (node.json("feed", "show", "misp")["fault"] or ""), 20, "the right is missing")
    server.rights, server.version = True, "2.4.99"
    node.cli("feed", "pull", "misp", check=False)
    assert "2.4.120 or newer" in node.json("feed", "show", "misp")["fault"]
    node.cli("feed", "set", "misp", server.url + "elsewhere")
    wait_for(lambda: "no MISP at this address" in (node.json("feed", "show", "misp")["fault"] or ""), 20, "there is none")


def became(node, done):
    number = json.loads(done.stdout)["id"]
    return wait_for(lambda: (s := next(s for s in node.json("sightings")["sightings"] if s["id"] == number)) and (s["sent"] or s["fault"]) and s, 30, "the sighting")


def test_a_sighting_goes_to_misp_without_a_name_and_as_far_as_its_label_allows(node, server, key, tmp_path):
    for name, tag in (("seen", "tlp:green"), ("quiet", "tlp:amber"), ("secret", "tlp:red")):
        put(server, name, tag)
    add(node, server, key)
    known = indicators(node)
    say = lambda name, *options, check=True: node.cli("sightings", "add", known[name], "--to", "misp", "--json", *options, check=check)
    assert "share=green" in say("seen", check=False).stderr
    node.cli("feed", "set", "misp", "--set", "share=green")
    s = became(node, say("seen", "--tlp", "green", "--last", "2026-03-01T10:00:00Z", "--count", "3", "--comment", "at night"))
    assert s["fault"] is None
    assert server.sightings == [{"attribute_uuid": known["seen"].split("--")[1], "type": "0", "timestamp": 1772359200, "source": "a manufacturer"}]
    for name in ("quiet", "secret"):
        assert "may not go there" in became(node, say(name, "--tlp", "green"))["fault"]
    node.cli("feed", "set", "misp", "--set", "share=amber")
    assert became(node, say("quiet"))["fault"] is None and len(server.sightings) == 2
    server.events.clear()
    assert "No valid attributes" in became(node, say("seen"))["fault"]
    (tmp_path / "own.json").write_text(json.dumps({"type": "malware", "spec_version": "2.1", "id": "malware--5f0c1a4e-6f43-4a59-9b8b-6f7b1a0a4b11", "is_family": False,
                                                   "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z", "name": "m"}))
    node.cli("stix", "import", tmp_path / "own.json")
    done = node.cli("sightings", "add", "malware--5f0c1a4e-6f43-4a59-9b8b-6f7b1a0a4b11", "--to", "misp", "--json")
    assert "indicators" in became(node, done)["fault"]


def test_sightings_wait_for_the_right_to_add_them(node, server, key):
    put(server, "seen", "tlp:green")
    server.may_sight = False
    add(node, server, key, "--set", "share=amber")
    node.cli("sightings", "add", indicators(node)["seen"], "--to", "misp")
    note = wait_for(lambda: node.json("feed", "show", "misp")["note"], 20, "the note")
    assert "perm_sighting" in note and not server.sightings
    server.may_sight = True
    node.cli("feed", "pull", "misp")
    assert len(server.sightings) == 1
