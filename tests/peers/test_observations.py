# SPDX-License-Identifier: Apache-2.0
"""What a node sees of others is held against the patterns of indicators; a hit is an alarm and a sighting."""
import json
import time

import pytest
import requests
from conftest import Node, wait_for
from stix_kit import TLP, Member, bundle, indicator
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
    node.start()
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
