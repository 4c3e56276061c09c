# SPDX-License-Identifier: Apache-2.0
"""Members of collections who show a name and a password (HTTP Basic), as many clients of TAXII do: what a user with the role member may, and against guessing."""
import json
import subprocess
import sys
import time

import pytest
import requests
from conftest import ROOT, Node, wait_for
from stix_kit import MEDIA, Member, indicator
from taxii2client.v21 import Server


class Named(Member):
    """Who asks by name."""

    def __init__(self, url, user, password, collection):
        super().__init__(url, password, collection)
        self.user = user

    def ask(self, method, where="objects/", body=None, headers=None, **query):
        where = where if where.startswith("http") else self.collection + where
        return requests.request(method, where, params=query, headers={"Accept": MEDIA, "Content-Type": MEDIA, **(headers or {})}, auth=(self.user, self.token),
                                data=body if body is None else json.dumps(body), timeout=30)


@pytest.fixture
def centre(tmp_path):
    node = Node(tmp_path).start()
    node.cli("feed", "collection", "add", "warnings")
    made = json.loads(node.cli("user", "add", "acme", "--role", "member", "--json").stdout)
    node.cli("feed", "collection", "allow", "warnings", "--user", "acme", "--write", "--amber")
    yield node, made["password"]
    node.stop()


def members(node):
    return [(m["who"], m["read"], m["write"], m["amber"]) for m in node.json("feed", "collection")["collections"][0]["members"]]


def test_a_member_gets_in_by_name_and_password_and_nowhere_else(centre):
    node, password = centre
    assert members(node) == [("user acme", True, True, True)]
    acme = Named(node.url, "acme", password, "warnings")
    assert acme.post(indicator(tlp="green"))["success_count"] == 1
    assert len(acme.objects()) == 1
    server = Server(node.url + "/taxii2/", user="acme", password=password)
    assert [c.alias for c in server.api_roots[0].collections] == ["warnings"]
    users = {u["name"]: u for u in node.json("user", "list")["users"]}
    assert (users["acme"]["role"], users["acme"]["mustChangePassword"], bool(users["acme"]["seen"])) == ("member", False, True)
    r = requests.post(f"{node.url}/api/v1/session", json={"user": "acme", "password": password}, timeout=30)
    assert r.status_code == 401, "it is none for the console"
    for where in ("status", "stix", "feeds", "users"):
        assert requests.get(f"{node.url}/api/v1/{where}", auth=("acme", password), timeout=30).status_code == 401
    counted = wait_for(lambda: (m := node.json("feed", "collection")["collections"][0]["members"][0])["requests"] and m, 20, "what went out is counted")
    assert counted["who"] == "user acme"


def test_the_60_things_hold_by_name_too(centre):
    node, password = centre
    node.cli("feed", "collection", "add", "reading")
    node.cli("feed", "collection", "allow", "reading", "--user", "acme")
    done = subprocess.run([sys.executable, ROOT / "tests/shield/taxii-check", f"{node.url}/taxii2/", "--user", "acme", "--password", password], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "60 passed, 0 failed", done.stdout + done.stderr


def test_a_person_of_the_console_is_no_member_and_a_member_without_a_right_sees_nothing(centre, tmp_path):
    node, password = centre
    made = json.loads(node.cli("user", "add", "anna", "--role", "engineer", "--json").stdout)
    node.cli("feed", "collection", "allow", "warnings", "--user", "anna")
    assert Named(node.url, "anna", made["password"], "warnings").ask("GET").status_code == 401
    bolt = json.loads(node.cli("user", "add", "bolt", "--role", "member", "--json").stdout)["password"]
    assert Named(node.url, "bolt", bolt, "warnings").ask("GET").status_code == 404
    node.cli("user", "role", "bolt", "viewer")
    assert Named(node.url, "bolt", bolt, "warnings").ask("GET").status_code == 401, "he is at the console now"
    node.cli("feed", "collection", "forbid", "warnings", "--user", "acme")
    assert Named(node.url, "acme", password, "warnings").ask("GET").status_code == 404


def test_what_is_remembered_ends_with_the_password_and_the_user(centre):
    node, password = centre
    acme = Named(node.url, "acme", password, "warnings")
    assert acme.ask("GET").status_code == 200
    times = []
    for _ in range(30):
        start = time.monotonic()
        assert acme.ask("GET").status_code == 200
        times.append(time.monotonic() - start)
    assert min(times) < .03, f"not hashed each time: {times}"
    node.cli("user", "disable", "acme")
    assert acme.ask("GET").status_code == 401
    node.cli("user", "enable", "acme")
    assert acme.ask("GET").status_code == 200
    new = json.loads(node.cli("user", "password", "acme", "--json").stdout)["password"]
    assert acme.ask("GET").status_code == 401
    acme.token = new
    assert acme.ask("GET").status_code == 200
    node.cli("user", "remove", "acme")
    assert acme.ask("GET").status_code == 401


def test_guessing_is_made_to_wait_and_tells_nothing(centre):
    node, password = centre
    token = node.cli("token", "add", "bolt", "--role", "member").stdout.split()[0]
    node.cli("feed", "collection", "allow", "warnings", "--token", "bolt")
    took = {"acme": [], "nobody": []}
    for i in range(5):
        for user in took:
            start = time.monotonic()
            r = Named(node.url, user, f"wrong password {i}", "warnings").ask("GET")
            took[user].append(time.monotonic() - start)
            assert r.status_code == 401 and "Basic" in r.headers["WWW-Authenticate"] and r.json()["http_status"] == "401"
    fast, slow = sorted(map(min, took.values()))  # the quickest is the one that the machine held up least
    assert slow < 3 * fast, f"the time tells whether there is such a user: {took}"
    r = Named(node.url, "acme", "wrong password 6", "warnings").ask("GET")
    r = Named(node.url, "acme", password, "warnings").ask("GET")
    assert r.status_code == 429 and int(r.headers["Retry-After"]) >= 1 and r.json()["error_code"] == "locked"
    assert Member(node.url, token, "warnings").ask("GET").status_code == 200, "a token is not locked out"
    audit = json.dumps(node.json("audit"))
    assert "wrong password" not in audit and "unauthorized" in audit and '"acme"' in audit and '"nobody"' not in audit
