# SPDX-License-Identifier: Apache-2.0
"""What is labelled secret stays in the node: a token is not told of it by any question of the API, no stream, no file and no
message carries it; the console and the command line on the node see everything."""
import contextlib
import itertools
import json
import time

import pytest
import requests
from conftest import Node, wait_for
from test_alarm_delivery import Mailbox, Web
from aiosmtpd.controller import Controller
from ports import free_port
from web_client import Api, Events, open_stream

# Each name and value of something secret has one of these in it; nothing else has, not even the nanoseconds of a time.
MARKS = ("zebra", "880777123", "880777124", "880777125")
OPEN, RECIPE, STATE, COUNT = "hall/oven/temperature", "hall/oven/zebra-recipe", "hall/oven/zebra-state", "hall/zebra-vault/count"
SPEC = json.loads((Node.__init__.__globals__["ROOT"] / "src/web/openapi.json").read_text())


def console(node):
    """A browser in which the owner has logged in."""
    browser = requests.Session()
    browser.headers["X-Koppel"] = "1"
    r = browser.post(node.url + "/api/v1/session", json={"user": node.owner, "password": node.password}, timeout=20)
    assert r.ok, r.text
    if r.json().get("mustChangePassword"):
        new = {"current": node.password, "password": "a-password-of-my-own"}
        r = browser.put(f"{node.url}/api/v1/users/{node.owner}/password", json=new, timeout=20)
        assert r.ok, r.text
        node.password = new["password"]
    return browser


def clean(text):
    found = [m for m in MARKS if m in text]
    assert not found, f"{found} in {text[:2000]}"
    return text


class Plant:
    def __init__(self, folder):
        self.web, self.mails = Web(), Mailbox()
        self.mails.controller = Controller(self.mails, hostname="127.0.0.1", port=free_port())
        self.mails.controller.start()
        self.node = Node(folder).start()
        self.api = Api(self.node)
        self.label()
        self.watch()

    def label(self):
        node, api = self.node, self.api
        api.ok("POST", "assets", {"path": "hall/oven", "kind": "machine"})
        api.ok("POST", "assets", {"path": "hall/zebra-vault", "kind": "machine"})
        node.cli("set", "hall/zebra-vault", "--label", "secret")
        node.cli("inventory", "set", "hall/zebra-vault", "firmware=V880777123")
        device = node.json("inventory")["devices"][0]["id"]
        node.cli("incident", "new", "zebra", "--device", device)
        api.ok("POST", "values", {OPEN: 21.5, RECIPE: 1, STATE: 1})
        node.cli("set", RECIPE, "--label", "secret", "--description", "zebra steel")
        node.cli("set", STATE, "--label", "secret", "--states", "running>=2; idle")
        node.cli("intervals", "hall/oven", "--add", "--kind", "job", "--label", "secret", "--set", "name=zebra-4711")
        node.cli("intervals", "hall/oven", "--add", "--kind", "job", "--set", "name=4712")
        watch = {"name": "far", "kind": "signal", "match": "hall/**"}
        assert api.ok("POST", "watches", watch)["posts"]["total"] == 1
        api.ok("POST", "watches", {**watch, "name": "together", "kind": "group"})

    def watch(self):
        channels = [{"name": n, "kind": n, "url": self.web.url + "/" + n} for n in ("webhook", "ntfy", "teams")]
        self.api.ok("PUT", "alarm-delivery", {
            "mail": {"url": f"smtp://127.0.0.1:{self.mails.controller.port}", "security": "none", "from": "koppel@example.test"},
            "channels": [*channels, {"name": "mail", "kind": "mail", "to": "anna@example.test"}],
            "roster": [{"name": c, "channel": c} for c in ("webhook", "ntfy", "teams", "mail")]})
        self.api.ok("POST", "alarm-rules", {"name": "far", "kind": "limit", "match": "hall/**", "high": 70000, "priority": "urgent",
                                            "text": "too far"})

    def post(self):
        """New values of everything; the alarms of the secret ones are raised."""
        values = {OPEN: 70001.5, RECIPE: 880777123.5, COUNT: 880777124.5, STATE: 2}
        for path, value in values.items():
            self.api.ok("POST", "values", {path: value})
        wait_for(lambda: len(self.node.json("alarms")["alarms"]) == 3, 20, "three alarms")

    def stop(self):
        self.node.stop()
        self.web.stop()
        self.mails.controller.stop()


@contextlib.contextmanager
def filled(folder):
    p = Plant(folder)
    with open_stream(p.node, "?match=hall&intervals=1&alarms=1") as s:
        p.seen, events = [], Events(s)
        while not any(e == "values" for e, _ in p.seen):
            p.seen.append(events.next())
        p.post()
        p.api.ok("POST", "values", {OPEN: 20.25})  # the last thing that comes
        while "20.25" not in str(p.seen[-1]):
            p.seen.append(events.next())
    yield p
    p.stop()


@pytest.fixture(scope="module")
def plant(tmp_path_factory):
    with filled(tmp_path_factory.mktemp("plant")) as p:
        yield p


def test_no_question_of_a_token_is_answered_with_something_secret(plant):
    answers = {"match": ["**"], "path": ["hall", "hall/oven"], "asset": ["hall/**", "hall/oven"], "from": ["-1d", None], "to": ["+1d", None],
               "after": ["0"], "depth": ["9"], "signals": ["true"], "state": ["all"], "kind": ["job", "state", "alarm"], "weeks": ["2"],
               "name": ["far"], "every": ["day", None], "horizon": ["8h"]}
    asked = 0
    for path, methods in SPEC["paths"].items():
        if "get" not in methods or path == "/api/v1/stream":
            continue
        known = [p["name"] for p in methods["get"].get("parameters", []) + methods.get("parameters", [])]
        wanted = [answers.get(k, [None]) for k in known]
        for chosen in itertools.product(*wanted):
            query = {k: v for k, v in zip(known, chosen) if v is not None}
            where = path.format(**{k: query.pop(k, "far") for k in ("name", "id", "stage") if "{" + k + "}" in path})
            where = where.replace("incidents/far", "incidents/1").replace("stages/far", "stages/nis2-warning")
            r = requests.get(plant.node.url + where, params=query, headers=plant.api.session.headers, timeout=60)
            if "openapi" not in path:
                clean(r.text)
            asked += r.ok
    assert asked > 60
    for path in (OPEN, "hall/oven"):
        assert plant.api.get("history" if path == OPEN else "asset", path=path).ok


def test_what_watches_say_goes_no_further_than_their_signals(plant):
    def posts():  # they follow new signals in a second or two
        return plant.node.json("watch", "posts")["posts"]
    wait_for(lambda: {p["about"] for p in posts()} == {OPEN, RECIPE, COUNT, "hall"}, 20, "posts of all signals")
    mine = posts()
    given = plant.api.ok("GET", "watch-posts")["posts"]
    assert [p["about"] for p in given] == [OPEN]
    for p in mine:
        if p["about"] == OPEN:
            why = plant.api.ok("GET", f"watch-posts/{p['id']}")
            assert why["machineState"] is None and why["reason"] not in ("machine-state", "state-unknown")
            clean(json.dumps(why))
            continue
        for method, where, body in (("GET", "", None), ("GET", "/score", None), ("GET", "/feedback", None), ("POST", "/feedback", {"verdict": "normal"})):
            clean(plant.api.refused(404, method, f"watch-posts/{p['id']}{where}", body))
    assert not plant.api.ok("GET", "watch-posts", signal=RECIPE)["posts"]
    assert {w["name"]: w["posts"]["total"] for w in plant.api.ok("GET", "watches")["watches"]} == {"far": 1, "together": 0}


def test_what_is_asked_for_by_name_is_not_there(plant):
    api = plant.api
    for path in (RECIPE, COUNT):
        assert api.refused(404, "GET", "signal", path=path) == f"there is no signal '{path}'"
        api.refused(404, "GET", "history", path=path)
        api.refused(404, "GET", "history", path=path, format="csv")
        api.refused(404, "GET", "forecast", path=path)
        api.refused(404, "PATCH", "signal", {"label": "public"}, path=path)
        api.refused(404, "PUT", "value", {"value": 1}, path=path)
        api.refused(404, "DELETE", "signal", path=path)
        api.refused(404, "GET", "quarantine", path=path)
    for where in ("asset", "tree", "intervals"):
        api.refused(404, "GET", where, path="hall/zebra-vault")
    api.refused(404, "PATCH", "asset", {"label": "public"}, path="hall/zebra-vault")
    api.refused(404, "POST", "intervals", {"path": "hall/zebra-vault", "kind": "job"})
    api.refused(404, "GET", "oee", asset="hall/zebra-vault")
    api.refused(404, "GET", "intervals/sum", asset="hall/zebra-vault", kind="job")
    assert [v["value"] for v in api.ok("GET", "intervals/sum", asset="hall/oven", kind="job")["assets"][0]["steps"][0]["values"]] == ["4712", None]
    job = next(i for i in plant.node.json("intervals", "hall/oven")["intervals"] if i["label"] == "secret" and i["kind"] == "job")
    api.refused(404, "PATCH", f"intervals/{job['id']}", {"label": "public"})
    api.refused(404, "DELETE", f"intervals/{job['id']}")
    hidden = next(a for a in plant.node.json("alarms")["alarms"] if a["value"] == 880777123.5)
    api.refused(404, "POST", f"alarms/{hidden['id']}/acknowledge", {})


def test_what_is_made_of_something_secret_is_secret_too(plant):
    def states(ask):
        return {m["path"]: m["state"] for m in ask("machines")["machines"]}

    inside = console(plant.node)
    def see(where, **query):
        return inside.get(plant.node.url + "/api/v1/" + where, params=query, timeout=20).json()
    assert states(see)["hall/oven"] == "running" and states(lambda w: plant.api.ok("GET", w)) == {"hall/oven": None}
    assert see("intervals", path="hall/oven", kind="state")["intervals"][-1]["labelInForce"] == "secret"
    assert plant.api.ok("GET", "intervals", path="hall/oven", kind="state")["intervals"] == []
    assert [a["path"] for a in see("oee", asset="hall/**")["assets"]] == ["hall/oven"]
    assert plant.api.ok("GET", "oee", asset="hall/**")["assets"] == []
    assert [(a["asset"], a["value"]) for a in plant.api.ok("GET", "alarms", state="all")["alarms"]] == [("hall/oven", 70001.5)]


def test_a_session_opened_with_a_token_sees_no_more_than_the_token(plant):
    browser = requests.Session()
    assert browser.post(plant.node.url + "/api/v1/session", json={"token": plant.node.token}, timeout=20).ok
    values = browser.get(plant.node.url + "/api/v1/values", timeout=20)
    assert values.ok and OPEN in clean(values.text)


def test_sql_a_file_and_an_export_tell_a_token_nothing(plant):
    assert "labelled secret" in plant.api.refused(403, "POST", "sql", {"sql": "select * from history"})
    text = clean(plant.api.get("export").text)
    assert "left out, for they are labelled secret: 4" in text and "zebra" in plant.node.cli("export").stdout
    for wanted in ("assets:\n  - path: hall/zebra-vault\n    label: public\n", f"signals:\n  - path: {RECIPE}\n    label: public\n"):
        for dry in ("true", "false"):
            r = plant.api.session.post(plant.api.base + "apply", params={"dryRun": dry}, data=wanted)
            assert r.status_code == 403 and "1 of 1 changes" in r.json()["message"]
    assert plant.node.json("get", RECIPE)["signals"][0]["label"] == "secret"


def test_a_stream_carries_nothing_secret(plant):
    clean(json.dumps(plant.seen))
    kinds = {e for e, _ in plant.seen}
    assert {"values", "alarm", "interval"} <= kinds  # of what is not secret they came
    assert all(v["path"] == OPEN for e, d in plant.seen if e == "values" for v in d)


def test_a_message_says_only_that_there_is_something(plant):
    wait_for(lambda: len({p for p, _, _ in plant.web.got}) == 3 and plant.mails.mails, 20, "the messages")
    def told():
        texts = [b for p, _, b in plant.web.got if p == "/webhook"]
        return sum(len(json.loads(t)["alarms"]) for t in texts) == 3
    wait_for(told, 60, "all three alarms")
    everything = [json.dumps(headers) + body for _, headers, body in plant.web.got]
    everything += [str(m["Subject"]) + m.get_content() for _, m in plant.mails.mails]
    assert any("something that is secret" in clean(text) for text in everything)
    assert any("too far" in text for text in everything)
    alarms = [a for p, _, b in plant.web.got if p == "/webhook" for a in json.loads(b)["alarms"]]
    assert sorted(a["value"] is None for a in alarms) == [False, True, True]


def test_the_console_and_the_command_line_see_everything(plant):
    node = plant.node
    assert [p[1] for p in node.history(RECIPE)] == [1, 880777123.5] and node.value(COUNT)["value"] == 880777124.5
    assert "zebra" in node.cli("sql", "select * from asset").stdout
    values = {v["path"]: v["value"] for v in console(node).get(node.url + "/api/v1/values", timeout=20).json()["values"]}
    assert values[RECIPE] == 880777123.5 and values[COUNT] == 880777124.5


def relabel(node, api):
    node.cli("set", RECIPE, "--label", "internal")
    assert [p[1] for p in api.ok("GET", "history", path=RECIPE)["series"][0]["points"]] == [1, 880777123.5]
    node.cli("set", STATE, "--label", "internal")
    r = console(node).delete(node.url + "/api/v1/asset", params={"path": "hall/zebra-vault"}, timeout=20)
    assert r.status_code == 204, r.text
    for job in node.json("intervals", "hall/oven")["intervals"]:
        if job["label"] == "secret":
            node.cli("intervals", "--remove", job["id"])
    # What was secret when it was removed left its history behind.
    assert "labelled secret" in api.refused(403, "POST", "sql", {"sql": "select * from history"})


def test_what_was_secret_is_told_once_it_is_labelled_otherwise(tmp_path):
    with filled(tmp_path) as plant:
        relabel(plant.node, plant.api)
