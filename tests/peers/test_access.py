# SPDX-License-Identifier: Apache-2.0
"""Who may what: people with passwords and authenticator apps (pyotp), sessions and their end, guessing, other sites' pages, and the
audit log of it all, which sqlite3 tampers with."""
import json
import re
import socket
import sqlite3
import threading
import time

import pyotp
import pytest
import requests

from conftest import wait_for
from test_rest import operations
from web_client import Events, statm_kib

WORDS = "a few words are best"
ROLES = ["viewer", "operator", "engineer", "owner"]


class Person:
    """A browser: keeps its cookie, sends the header that pages of other sites cannot."""

    def __init__(self, node, **headers):
        self.base = node.url + "/api/v1/"
        self.session = requests.Session()
        self.session.headers.update({"X-Koppel": "1", **headers})

    def send(self, method, where, body=None, **query):
        return self.session.request(method, self.base + where, json=body, params=query, timeout=60)

    def ok(self, method, where, body=None, **query):
        r = self.send(method, where, body, **query)
        assert r.ok, (method, where, r.status_code, r.text[:300])
        return r.json() if r.text else None

    def login(self, user, password, **more):
        return self.send("POST", "session", {"user": user, "password": password, **more})

    def enter(self, user, password=WORDS, **more):
        r = self.login(user, password, **more)
        assert r.status_code == 200, r.text
        return r.json()


def make(node, name, role="viewer", password=WORDS):
    node.cli("user", "add", name, "--role", role, "--password-file", "-", input=password + "\n")


def person(node, name, **headers):
    p = Person(node, **headers)
    p.enter(name)
    return p


@pytest.fixture
def owner(node):
    """The first owner, after the first log-in."""
    p = Person(node)
    p.enter(node.owner, node.password)
    p.ok("PUT", f"users/{node.owner}/password", {"password": WORDS})
    return p


def rows(node, *options):
    """The audit log, oldest first."""
    return [json.loads(line) for line in node.cli("audit", "export", *options).stdout.splitlines()]


def row(node, action, result="ok", **want):
    """Waits for a row with these members; refusals are written a moment later."""
    def there():
        found = [r for r in rows(node) if r["action"] == action and r["result"] == result and all(r[k] == v for k, v in want.items())]
        return found[-1] if found else None
    return wait_for(there, 20, f"{action} {result} {want}")


# ---- the first owner ----

def test_the_first_password_opens_nothing_but_its_own_change(node):
    p = Person(node)
    assert re.fullmatch(r"([a-z2-9]{4}-){3}[a-z2-9]{4}", node.password) and node.owner == "owner"
    me = p.enter(node.owner, node.password)
    assert (me["user"], me["role"], me["via"], me["mustChangePassword"], me["totp"], me["csrf"]) == ("owner", "owner", "password", True, False, None)
    for method, path, operation in operations(node):
        if operation.get("security") == [] or operation["operationId"] in ("session", "closeSession", "setPassword"):
            continue
        r = p.session.request(method, node.url + path, timeout=20, stream=True)
        assert r.status_code == 403 and r.json()["error"] == "must-change", (method, path, r.status_code)
        r.close()
    assert p.send("PUT", "users/owner/password", {"password": "short"}).status_code == 400
    assert p.send("PUT", "users/owner/password", {"password": "Password123"}).status_code == 400
    assert p.send("PUT", "users/owner/password", {"password": node.password}).status_code == 400, "the one it is"
    assert p.ok("GET", "session")["mustChangePassword"] is True
    assert p.ok("PUT", "users/owner/password", {"password": WORDS})["mustChangePassword"] is False
    assert p.ok("GET", "status")["node"] == "test", "the session goes on"
    assert Person(node).login(node.owner, node.password).status_code == 401, "the first password is gone"


def test_the_first_owner_has_the_name_that_was_asked_for(tmp_path):
    from conftest import Node
    node = Node(tmp_path, init=False)
    done = json.loads(node.cli("init", node.dir, "--owner", "anna", "--json").stdout)
    assert done["owner"] == "anna"
    node.start()
    assert Person(node).enter("anna", done["password"])["role"] == "owner"
    node.stop()


# ---- roles ----

def test_every_route_is_open_to_users_of_its_role_and_above_and_to_none_below(node):
    people = {}
    for role in ROLES:
        make(node, "a-" + role, role)
        people[role] = person(node, "a-" + role)
    tried = 0
    for method, path, operation in operations(node):
        needs = operation.get("x-role")
        if not needs or operation["operationId"] == "closeSession":
            continue
        local = "Over the Unix socket only" in operation.get("description", "")
        for role in ROLES:
            r = people[role].session.request(method, node.url + path.replace("sessions/1", "sessions/999"), timeout=60, stream=True)
            may = ROLES.index(role) >= ROLES.index(needs) and not local
            lacks = r.status_code == 403 and ("it takes " + needs in r.text or "Unix socket" in r.text)
            assert lacks != may, (role, method, path, r.status_code, r.text[:200] if r.status_code >= 400 else "")
            r.close()
            tried += 1
    assert tried > 300


def test_each_may_change_what_is_the_own_and_no_more(node):
    make(node, "anna")
    make(node, "bert")
    anna = person(node, "anna")
    assert anna.ok("PATCH", "users/anna", {"language": "nl", "displayName": "Anna"})["language"] == "nl"
    me = anna.ok("GET", "session")
    assert (me["language"], me["displayName"]) == ("nl", "Anna")
    for body in ({"role": "owner"}, {"disabled": False}):
        assert anna.send("PATCH", "users/anna", body).status_code == 403
    assert anna.send("PATCH", "users/bert", {"language": "nl"}).status_code == 403
    assert anna.send("PUT", "users/bert/password", {"password": WORDS}).status_code == 403
    assert anna.send("DELETE", "users/bert/totp").status_code == 403
    assert anna.send("GET", "users").status_code == 403
    assert anna.send("PUT", "users/anna/password", {"password": "another few words"}).status_code == 403, "without the current one"
    assert anna.send("PUT", "users/anna/password", {"password": "another few words", "current": "wrong"}).status_code == 403
    anna.ok("PUT", "users/anna/password", {"password": "another few words", "current": WORDS})
    assert Person(node).enter("anna", "another few words")["role"] == "viewer"
    token = node.json("token", "add", "anna", "--role", "viewer")["token"]
    r = requests.put(node.url + "/api/v1/users/anna/password", json={"password": WORDS}, headers={"Authorization": "Bearer " + token}, timeout=20)
    assert r.status_code == 403, "a token of that name is not that user"


def test_the_last_owner_stays_one(node, owner):
    for method, where, body in (("DELETE", "users/owner", None), ("PATCH", "users/owner", {"disabled": True}), ("PATCH", "users/owner", {"role": "engineer"})):
        r = owner.send(method, where, body)
        assert r.status_code == 409 and "last owner" in r.json()["message"], (method, body, r.text)
    for words in (["remove", "owner"], ["disable", "owner"], ["role", "owner", "viewer"]):
        done = node.cli("user", *words, check=False)
        assert done.returncode == 1 and "last owner" in done.stderr
    make(node, "second", "owner")
    assert owner.ok("PATCH", "users/owner", {"role": "engineer"})["role"] == "engineer"


# ---- the command line ----

def test_users_are_kept_from_the_command_line(node):
    made = node.cli("user", "add", "anna", "--role", "engineer", "--display", "Anna de Vries").stdout.strip()
    assert Person(node).enter("anna", made)["mustChangePassword"] is True
    listed = {u["name"]: u for u in node.json("user", "list")["users"]}
    assert listed["anna"]["displayName"] == "Anna de Vries" and listed["anna"]["seen"] and not listed["owner"]["seen"]
    assert "password" not in listed["anna"] and "Anna de Vries" in node.cli("user").stdout
    node.cli("user", "password", "anna", "--password-file", "-", input=WORDS + "\n")
    anna = person(node, "anna")
    node.cli("user", "role", "anna", "operator")
    assert anna.send("GET", "session").status_code == 401, "a lower role ends what was open"
    node.cli("user", "disable", "anna")
    assert Person(node).login("anna", WORDS).status_code == 401
    node.cli("user", "enable", "anna")
    assert Person(node).enter("anna")["role"] == "operator"
    again = node.json("user", "password", "anna")["password"]
    assert Person(node).enter("anna", again)["mustChangePassword"] is True
    node.cli("user", "remove", "anna")
    assert Person(node).login("anna", again).status_code == 401
    for words, code in ((["add", "x"], 2), (["add", "x", "--role", "boss"], 1), (["role", "x"], 2), (["remove", "x"], 1),
                        (["remove"], 2), (["frobnicate", "x"], 2), (["set", "x"], 2), (["add", "local", "--role", "viewer"], 1)):
        assert node.cli("user", *words, check=False).returncode == code, words


# ---- the second factor ----

def test_an_authenticator_app_is_asked_for_and_no_code_opens_twice(node, owner):
    make(node, "anna", "engineer")
    anna = person(node, "anna")
    given = anna.ok("POST", "users/anna/totp")
    app = pyotp.parse_uri(given["uri"])
    assert app.secret == given["secret"] and app.name == "anna" and app.issuer == "koppel test"
    assert anna.send("PUT", "users/anna/totp", {"code": "000000" if app.now() != "000000" else "000001"}).status_code == 400
    assert Person(node).enter("anna")["totp"] is False, "not asked for before it is confirmed"
    used = app.now()
    assert anna.send("PUT", "users/anna/totp", {"code": used}).status_code == 204
    assert anna.ok("GET", "session")["totp"] is True
    r = Person(node).login("anna", WORDS)
    assert (r.status_code, r.json()["error"]) == (401, "totp")
    r = Person(node).login("anna", "wrong words here")
    assert (r.status_code, r.json()["error"]) == (401, "unauthorized"), "what is asked for tells nothing without the password"
    assert Person(node).login("anna", WORDS, totp=used).status_code == 401, "it has confirmed the app already"
    later = app.at(time.time() + 30)
    assert Person(node).enter("anna", totp=later)["totp"] is True
    assert Person(node).login("anna", WORDS, totp=later).status_code == 401, "not twice"
    assert Person(node).login("anna", WORDS, totp=app.at(time.time() - 300)).status_code == 401
    assert owner.send("POST", "users/anna/totp").status_code == 403, "nobody else sees the secret"
    node.cli("user", "totp-reset", "anna")
    assert Person(node).enter("anna")["totp"] is False
    text = node.log.read_text() + "".join(json.dumps(r) for r in rows(node)) + json.dumps(owner.ok("GET", "users"))
    assert given["secret"] not in text and given["secret"].encode() not in (node.dir / "factory.db").read_bytes()


# ---- guessing ----

def test_who_guesses_waits_and_is_told_how_long(node):
    make(node, "anna")
    answers = [Person(node).login("anna", f"wrong words {i}") for i in range(5)]
    assert {r.status_code for r in answers} == {401}
    r = Person(node).login("anna", WORDS)
    assert r.status_code == 429 and r.json()["error"] == "locked" and int(r.headers["Retry-After"]) == 1, "the right one has to wait too"
    wait_for(lambda: Person(node).login("anna", WORDS).status_code == 200, 10, "a second chance")
    for i in range(5):
        assert Person(node).login("anna", f"wrong words {i}").status_code == 401, "who gets in begins anew"
    make(node, "bert")
    assert Person(node).enter("bert")["user"] == "bert", "others are not locked out"
    row(node, "login", "unauthorized", user="anna", **{"from": "127.0.0.1"})
    row(node, "login", "ok", user="anna", via="password")


def test_an_address_that_tries_many_names_is_stopped(node, owner):
    seen = []
    for i in range(40):
        seen.append(Person(node).login(f"user{i}", "wrong words here").status_code)
        if seen[-1] == 429:
            break
    assert seen == [401] * 20 + [429]
    assert owner.ok("GET", "status")["node"] == "test", "who is in stays in"
    code = json.loads(node.cli("status", "--url", "--json").stdout)["url"].split("#code=")[1]
    assert Person(node).send("POST", "session", {"code": code}).status_code == 200, "a link opens all the same"


def test_an_unknown_name_takes_as_long_as_a_wrong_password(node):
    make(node, "anna")
    took = {"anna": [], "nobody": []}
    for i in range(4):
        for name in took:
            start = time.monotonic()
            assert Person(node).login(name, "wrong words here").status_code == 401
            took[name].append(time.monotonic() - start)
    known, unknown = min(took["anna"]), min(took["nobody"])  # the quickest is the one that the machine held up least
    assert 0.5 < known / unknown < 2, (known, unknown)


def test_a_flood_of_log_ins_costs_neither_memory_nor_the_others(node, owner):
    before, answers, slowest = statm_kib(node.process), [], 0
    threads = [threading.Thread(target=lambda n=n: [answers.append(Person(node).login(f"user{n}", "wrong words here").status_code) for _ in range(6)])
               for n in range(16)]
    for t in threads:
        t.start()
    peak = 0
    while any(t.is_alive() for t in threads):
        peak = max(peak, statm_kib(node.process))
        start = time.monotonic()
        owner.ok("GET", "status")
        slowest = max(slowest, time.monotonic() - start)
    for t in threads:
        t.join()
    assert set(answers) <= {401, 429, 503} and 429 in answers
    assert peak - before < 2 * 64 * 1024 + 32 * 1024, f"{before} -> {peak} KiB"
    assert slowest < 5


# ---- sessions ----

def test_sessions_are_listed_and_ended(node, owner):
    make(node, "anna")
    anna, phone, other = person(node, "anna"), person(node, "anna", **{"User-Agent": "a phone"}), Person(node)
    other.ok("POST", "session", {"token": node.token})
    own = anna.ok("GET", "sessions")["sessions"]
    assert [s["user"] for s in own] == ["anna", "anna"] and [s["current"] for s in own] == [True, False]
    assert own[1]["agent"] == "a phone" and own[1]["from"] == "127.0.0.1" and own[1]["via"] == "password"
    everyone = owner.ok("GET", "sessions")["sessions"]
    assert sorted((s["user"], s["via"]) for s in everyone) == [("anna", "password"), ("anna", "password"), ("init", "token"), ("owner", "password")]
    assert not any(node.token in json.dumps(s) or any(c.value in json.dumps(s) for c in anna.session.cookies) for s in everyone)
    theirs = next(s["id"] for s in everyone if s["user"] == "owner")
    assert anna.send("DELETE", f"sessions/{theirs}").status_code == 404, "not another's"
    assert anna.send("DELETE", f"sessions/{own[1]['id']}").status_code == 204
    assert phone.send("GET", "session").status_code == 401
    assert anna.ok("GET", "session")["user"] == "anna"
    assert owner.send("DELETE", f"sessions/{own[0]['id']}").status_code == 204
    assert anna.send("GET", "session").status_code == 401
    assert owner.send("DELETE", f"sessions/{own[0]['id']}").status_code == 404


class Stream(threading.Thread):
    """Reads events until the stream ends; `last` is when one came."""

    def __init__(self, node, header):
        super().__init__(daemon=True)
        s = socket.create_connection(("127.0.0.1", node.port), timeout=30)
        s.sendall(f"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n".encode())
        self.events, self.began, self.last = Events(s), time.monotonic(), 0
        self.start()

    def run(self):
        try:
            while True:
                self.events.next()
                self.last = time.monotonic()
        except (EOFError, OSError, ValueError):
            pass


def watch(node, p):
    return Stream(node, "Cookie: " + "; ".join(f"{c.name}={c.value}" for c in p.session.cookies))


def goes_on(node, streams):
    """They still have events two seconds after they began, when they have been looked at twice."""
    def late():
        requests.post(node.url + "/api/v1/values", json={"hall/t": time.time()}, headers={"Authorization": "Bearer " + node.token}, timeout=20)
        return all(s.is_alive() and s.last > s.began + 2 for s in streams)
    wait_for(late, 20, "an event of each stream")


@pytest.mark.parametrize("what", ["revoke", "disable", "lower", "password", "remove", "logout"])
def test_what_ends_a_session_ends_its_streams(node, owner, what):
    make(node, "anna", "operator")
    anna = person(node, "anna")
    open_one, bystander = watch(node, anna), watch(node, owner)
    goes_on(node, [open_one, bystander])
    if what == "revoke":
        owner.ok("DELETE", f"sessions/{anna.ok('GET', 'sessions')['sessions'][0]['id']}")
    elif what == "disable":
        owner.ok("PATCH", "users/anna", {"disabled": True})
    elif what == "lower":
        owner.ok("PATCH", "users/anna", {"role": "viewer"})
    elif what == "password":
        owner.ok("PUT", "users/anna/password", {})
    elif what == "remove":
        owner.ok("DELETE", "users/anna")
    else:
        anna.ok("DELETE", "session")
    assert anna.send("GET", "status").status_code == 401
    open_one.join(10)
    assert not open_one.is_alive(), "the stream goes on"
    assert bystander.is_alive()


def test_a_stream_of_a_token_ends_when_it_expires_or_is_removed(node):
    for expires, end in (("3s", lambda: None), ("1h", lambda: node.cli("token", "remove", "wall"))):
        token = node.json("token", "add", "wall", "--role", "viewer", "--expires", expires)["token"]
        s = Stream(node, "Authorization: Bearer " + token)
        end()
        s.join(20)
        assert not s.is_alive()
        node.cli("token", "remove", "wall", check=False)


def test_a_password_changed_ends_the_other_sessions_and_not_this_one(node):
    make(node, "anna")
    here, there = person(node, "anna"), person(node, "anna")
    here.ok("PUT", "users/anna/password", {"password": "another few words", "current": WORDS})
    assert here.ok("GET", "session")["user"] == "anna"
    assert there.send("GET", "session").status_code == 401


def test_forged_and_broken_cookies_open_nothing(node, owner):
    cookie = next(c for c in owner.session.cookies)
    good = cookie.value
    bad = [good[:-1], good + "A", good[:-1] + ("A" if good[-1] != "A" else "B"), "A" * 43, "", "1", "../../etc/passwd", good.swapcase(), "\x01" * 43, "'; drop table user; --"]
    for value in bad:
        r = requests.get(node.url + "/api/v1/status", headers={"Cookie": f"{cookie.name}={value}"}, timeout=20)
        assert r.status_code in (400, 401), (value, r.status_code)
    assert requests.get(node.url + "/api/v1/status", headers={"Cookie": f"koppel-{node.port + 1}={good}"}, timeout=20).status_code == 401
    assert requests.get(node.url + "/api/v1/status", headers={"Cookie": f"{cookie.name}={good}"}, timeout=20).status_code == 200


# ---- pages of other sites ----

def test_a_page_of_another_site_changes_nothing_and_logs_nobody_in(node, owner):
    asked = {"path": "hall"}
    foreign = [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": f"http://127.0.0.1:{node.port + 1}"}, {"Sec-Fetch-Site": "cross-site"},
               {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "cross-site", "Origin": node.url}]
    for headers in foreign:
        r = owner.session.post(node.url + "/api/v1/assets", json=asked, headers=headers, timeout=20)
        assert r.status_code == 403 and "another site" in r.json()["message"], headers
        r = requests.post(node.url + "/api/v1/session", json={"user": "owner", "password": WORDS}, headers=headers, timeout=20)
        assert r.status_code == 403 and "Set-Cookie" not in r.headers, headers
        assert owner.session.get(node.url + "/api/v1/status", headers=headers, timeout=20).status_code == 200, "reading is kept from it by the browser"
    r = owner.session.post(node.url + "/api/v1/assets", json=asked, headers={"X-Koppel": ""}, timeout=20)
    assert r.status_code == 403 and "X-Koppel" in r.json()["message"]
    for i, headers in enumerate([{}, {"Origin": node.url}, {"Sec-Fetch-Site": "same-origin", "Origin": "https://proxy.example"}, {"Sec-Fetch-Site": "none"}]):
        assert owner.session.post(node.url + "/api/v1/assets", json={"path": f"hall{i}"}, headers=headers, timeout=20).status_code == 201, headers
    set_by = Person(node).login("owner", WORDS).headers["Set-Cookie"]
    assert "HttpOnly" in set_by and "SameSite=Strict" in set_by and f"Max-Age={7 * 86400}" in set_by


# ---- the audit log ----

def test_what_people_do_is_written_down_with_who_where_and_what(node, owner):
    make(node, "anna", "engineer")
    anna = person(node, "anna")
    anna.ok("POST", "assets", {"path": "hall/mill", "kind": "machine"})
    anna.ok("PATCH", "asset", {"description": "the old one"}, path="hall/mill")
    owner.ok("PATCH", "users/anna", {"role": "operator"})
    node.cli("token", "add", "wall", "--role", "viewer")
    log = {r["action"]: r for r in rows(node)}
    want = {
        "POST /assets": ("anna", "password", "127.0.0.1", "hall/mill", "path, kind"),
        "PATCH /asset": ("anna", "password", "127.0.0.1", "hall/mill", "description"),
        "PATCH /users/{name}": ("owner", "password", "127.0.0.1", "anna", "role operator"),
        "POST /tokens": ("local", "local", None, "wall", "name, role"),
        "POST /users": ("local", "local", None, "anna", "role engineer"),
        "PUT /users/{name}/password": ("owner", "password", "127.0.0.1", "owner", "own"),
        "start": ("koppel", "node", None, "test", None),
        "listen": ("koppel", "node", None, f"127.0.0.1:{node.port}", None),
    }
    for action, (user, via, where, target, detail) in want.items():
        r = log[action]
        assert (r["user"], r["via"], r["from"], r["target"], r["result"]) == (user, via, where, target, "ok"), r
        assert detail is None or r["detail"] == detail, r
    assert [r["id"] for r in rows(node)] == list(range(1, len(rows(node)) + 1))


def test_refusals_are_written_down_and_a_flood_of_them_is_one_row_a_minute(node, owner):
    make(node, "anna", "viewer")
    anna = person(node, "anna")
    for i in range(30):
        assert anna.send("POST", "assets", {"path": f"hall{i}"}).status_code == 403
        assert requests.get(node.url + "/api/v1/status", headers={"Authorization": f"Bearer kp_{i}"}, timeout=20).status_code == 401
    row(node, "POST /assets", "denied", user="anna", via="password")
    row(node, "GET /status", "unauthorized", user=None, via="token")
    refused = [r for r in rows(node) if r["result"] != "ok"]
    assert len(refused) == 2, refused
    node.stop()
    refused = [r for r in rows(node) if r["result"] != "ok"]
    assert len(refused) == 4 and [r["detail"] for r in refused[2:]] == ["29 more refusals from 127.0.0.1 in this minute"] * 2


def test_measurements_and_questions_are_not_written_down(node, owner):
    before = len(rows(node))
    for i in range(5):
        requests.post(node.url + "/api/v1/values", json={"hall/oven/t": i}, headers={"Authorization": "Bearer " + node.token}, timeout=20)
        owner.ok("POST", "sql", {"sql": "select 1"}) if i == 0 else owner.ok("GET", "status")
    assert len(rows(node)) == before


def test_no_secret_is_in_the_log_the_answers_or_the_file(node, owner):
    make(node, "anna", "engineer", password="my very own words")
    anna = Person(node)
    anna.enter("anna", "my very own words")
    anna.login("my very own words", "typed into the wrong field")
    anna.ok("PUT", "users/anna/password", {"password": "some other words", "current": "my very own words"})
    made = owner.ok("POST", "tokens", {"name": "x", "role": "viewer"})["token"]
    reset = owner.ok("PUT", "users/anna/password", {})["password"]
    anna.send("PUT", "users/anna/password", {"password": "some other words", "current": "a wrong guess"})
    answers = json.dumps([owner.ok("GET", w) for w in ("users", "sessions", "tokens", "audit", "audit/verify")])
    node.stop()
    cookies = [c.value for c in owner.session.cookies] + [c.value for c in anna.session.cookies]
    everything = answers + node.log.read_text() + json.dumps(rows(node))
    file = b"".join(p.read_bytes() for p in node.dir.iterdir() if p.name.startswith("factory.db"))
    for secret in ["my very own words", "some other words", "typed into the wrong field", "a wrong guess", WORDS, node.password, made, reset, node.token, *cookies]:
        assert secret not in everything and secret.encode() not in file, secret


def test_the_log_is_read_in_pages_and_by_filter(node, owner):
    for i in range(7):
        owner.ok("POST", "assets", {"path": f"hall{i}"})
    first = owner.ok("GET", "audit", limit=3)
    assert [e["target"] for e in first["entries"]] == ["hall6", "hall5", "hall4"] and first["more"] is True
    second = owner.ok("GET", "audit", limit=1000, after=first["entries"][-1]["id"])
    assert second["entries"][0]["target"] == "hall3" and second["more"] is False
    assert [e["user"] for e in owner.ok("GET", "audit", user="koppel")["entries"]] == ["koppel"] * 3
    assert {e["action"] for e in owner.ok("GET", "audit", action="POST")["entries"]} == {"POST /assets"}
    assert owner.ok("GET", "audit", to="2020-01-01")["entries"] == []
    assert owner.ok("GET", "audit", **{"from": "-1h", "action": "init"})["entries"][0]["target"] == "test"
    assert owner.ok("GET", "audit/verify")["ok"] is True
    lines = node.cli("audit", "export", "--syslog").stdout.splitlines()
    assert len(lines) == len(rows(node)) and all(re.match(r"<10[89]>1 \d{4}-\S+Z \S+ koppel - audit \[koppel@\d+ id=\"\d+\"", line) for line in lines)
    assert len(rows(node, "--after", "5")) == len(lines) - 5
    assert [e["target"] for e in node.json("audit", "--limit", "2")["entries"]] == ["hall6", "hall5"]
    assert "hall6" in node.cli("audit").stdout and "hall6" not in node.cli("audit", "--user", "koppel").stdout
    assert node.cli("audit", "frobnicate", check=False).returncode == 2


@pytest.mark.parametrize("sql, found", [
    ("update audit set user = 'somebody' where id = 4", 4),
    ("delete from audit where id = 4", 4),
    ("insert into audit select max(id) + 1, at, user, via, origin, action, target, detail, result, hash from audit", "after"),
    ("update audit set id = -1 where id = 4; update audit set id = 4 where id = 5; update audit set id = 5 where id = -1", 4),
    ("delete from audit where id = (select max(id) from audit)", "last"),
    ("delete from audit where id > 5; update audit_head set last = 5, hash = (select hash from audit where id = 5)", 5),
])
def test_what_somebody_does_to_the_file_of_a_stopped_node_is_found_then_and_later(node, owner, sql, found):
    for i in range(3):
        owner.ok("POST", "assets", {"path": f"hall{i}"})
    node.stop()
    whole = node.json("audit", "verify")
    assert whole["ok"] and whole["sealed"] and whole["entries"] == whole["last"] > 7
    with sqlite3.connect(node.dir / "factory.db") as db:
        db.executescript(sql)
    db.close()
    done = node.cli("audit", "verify", "--json", check=False)
    said = json.loads(done.stdout)
    assert done.returncode == 1 and said["ok"] is False
    assert said["broken"]["id"] == {"after": whole["last"] + 1, "last": whole["last"]}.get(found, found), said
    node.start()
    assert node.cli("audit", "verify", check=False).returncode == 1, "starting the node hides nothing"


def test_how_long_it_is_kept_is_a_setting_that_cannot_be_made_short(node, tmp_path):
    file = tmp_path / "settings.yaml"
    for age, code in (("5d", 1), ("soon", 1), ("5y", 0)):
        file.write_text(f"settings:\n  audit-age: {age}\n")
        assert node.cli("apply", file, check=False).returncode == code, age
    assert 'audit-age: "5y"' in node.cli("export").stdout
    assert [r["target"] for r in rows(node) if r["action"] == "POST /apply"] == [None]


def test_a_log_without_its_node_key_is_checked_but_for_its_end(node, owner, tmp_path):
    node.stop()
    other = tmp_path / "copy"
    other.mkdir()
    (other / "factory.db").write_bytes((node.dir / "factory.db").read_bytes())
    node.dir = other
    said = node.cli("audit", "verify").stdout
    assert "whole" in said and "node.key" in said
