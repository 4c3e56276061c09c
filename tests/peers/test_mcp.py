# SPDX-License-Identifier: Apache-2.0
"""AI assistants, with the official SDK of the Model Context Protocol as the other side: over a pipe and over HTTP, in both forms of the protocol; what
they see, what they may do, and what is written down of it."""
import asyncio
import calendar
import json
import sqlite3
import subprocess
import time

import httpx2
import pytest
import requests
from conftest import KOPPEL, Node, wait_for
from mcp import StdioServerParameters
from mcp.client.client import Client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from web_client import Api

READS = ["browse", "read_values", "read_history", "compare_periods", "forecast_signal", "list_alarms", "explain_alarm", "list_watches", "explain_watch", "list_stops", "machine_oee", "list_findings",
         "inventory"]
FORMS = [("legacy", "2025-11-25"), ("auto", "2026-07-28")]
# Each name of something that may not go to an assistant outside has one of these in it, and nothing else has.
STAYS = ("zebra", "heron")


def pipe(node, *options):
    return stdio_client(StdioServerParameters(command=str(KOPPEL), args=["mcp", "--node", str(node.dir), *map(str, options)]))


def ask(transport, talk, mode="auto"):
    """What talk(client) gives."""
    async def run():
        async with Client(transport, mode=mode) as client:
            return await talk(client)
    return asyncio.run(run())


def ask_http(node, token, talk, mode="auto"):
    async def run():
        headers = {"Authorization": "Bearer " + token} if token else {}
        async with httpx2.AsyncClient(headers=headers, timeout=30) as http, Client(streamable_http_client(node.url + "/mcp", http_client=http), mode=mode) as client:
            return await talk(client)
    return asyncio.run(run())


def call(name, **arguments):
    async def talk(client):
        return await client.call_tool(name, arguments)
    return talk


async def names(client):
    return [t.name for t in (await client.list_tools()).tools]


def text(result):
    assert [c.type for c in result.content] == ["text"]
    return result.content[0].text


class Plant:
    def __init__(self, folder):
        self.folder, self.node = folder, Node(folder).start()
        self.api = Api(self.node)
        self.tokens = {role: self.node.json("token", "add", role, "--role", role)["token"] for role in ("viewer", "operator", "engineer")}
        self.share()
        self.fill()

    def share(self):
        """Three couplings that bring what partners gave, as it stands in the file when a transfer has begun."""
        node = self.node
        for name, at in (("kept", "partners/kept"), ("onward", "partners/onward"), ("moved", "hall/moved")):
            node.cli("couple", "sim://mill?signals=1&every=500ms", "--name", name, "--at", at)
            node.cli("set", at, "--label", "public")
        ids = {n: self.api.ok("GET", "signals", match=at)["signals"][0]["coupling"]
               for n, at in (("kept", "partners/kept"), ("onward", "partners/onward"), ("moved", "hall/moved"))}
        node.stop()
        with sqlite3.connect(node.dir / "factory.db") as db:
            db.executemany("insert into share_brought(coupling, agreement, onward) values(?, 'A', ?)",
                           [(ids["kept"], 0), (ids["onward"], 1), (ids["moved"], 0)])
        db.close()
        node.start()
        self.api = Api(node)

    def fill(self):
        api, node = self.api, self.node
        api.ok("POST", "assets", {"path": "hall/oven", "kind": "machine"})
        api.ok("POST", "assets", {"path": "hall/zebra-vault", "kind": "machine"})
        node.cli("set", "hall/oven", "--label", "partner")
        node.cli("set", "hall/zebra-vault", "--label", "secret")
        now = time.time_ns()
        lines = [f"hall/oven/temperature {20 + i % 3} {now - (119 - i) * 60 * 10**9}" for i in range(60)]
        lines += [f"hall/oven/temperature {30 + i % 3} {now - (59 - i) * 60 * 10**9}" for i in range(59)]
        hour = now // (3600 * 10**9) * 3600
        lines += [f"hall/oven/power {20 if 6 <= time.localtime(at).tm_hour < 18 else 10} {at * 10**9}" for at in range(hour - 15 * 86400, hour, 3600)]
        r = requests.post(api.base + "values", data="\n".join(lines), headers={**api.session.headers, "Content-Type": "text/plain"}, timeout=20)
        assert r.ok, r.text
        api.ok("POST", "values", {"hall/oven/program": "line one\nline two", "hall/oven/heron-recipe": 5, "hall/zebra-vault/count": 7, "hall/oven/zebra-key": 3})
        node.cli("set", "hall/oven/temperature", "--unit", "CEL", "--unit-text", "°C", "--description", "of the chamber")
        node.cli("set", "hall/oven/power", "--unit", "KWT", "--unit-text", "kW")
        node.cli("set", "hall/oven/heron-recipe", "--label", "internal")
        node.cli("set", "hall/oven/zebra-key", "--label", "secret")
        for name, match, high, words in (("hot", "hall/oven", 70, "too hot"), ("moved", "hall/moved", -1, "a heron"), ("given", "partners", -1, "a heron")):
            api.ok("POST", "alarm-rules", {"name": name, "kind": "limit", "match": match, "high": high, "priority": "urgent", "text": words})
        api.ok("POST", "values", {"hall/oven/temperature": 81.5})
        api.ok("POST", "values", {"hall/oven/heron-recipe": 90})
        for begin, end, state in (("-5h", "-3h", "running"), ("-3h", "-150m", "stopped"), ("-150m", "-2h", "running")):
            node.cli("intervals", "hall/oven", "--add", "--kind", "state", "--from", begin, "--to", end, "--set", "state=" + state)
        wait_for(lambda: len(node.json("alarms")["alarms"]) == 5, 20, "five alarms")
        assert api.ok("POST", "watches", {"name": "all", "kind": "signal", "match": "hall/**, partners/**"})["posts"]["total"] > 3
        api.ok("POST", "inventory", {"name": "pack/heron-drive", "manufacturer": "Gearworks", "firmware": "1.0"})

    def say(self, recipient, *options):
        self.node.cli("mcp", "set", "--recipient", recipient, *options)

    def alarm(self, value=81.5):
        """The alarm of the temperature, or of the recipe."""
        return next(a["id"] for a in self.api.ok("GET", "alarms", state="all")["alarms"] if a["value"] == value)

    def audit(self):
        return self.api.ok("GET", "audit", action="assistant", limit=1000)["entries"]


@pytest.fixture(scope="module")
def plant(tmp_path_factory):
    p = Plant(tmp_path_factory.mktemp("mcp"))
    yield p
    p.node.stop()


@pytest.mark.parametrize("mode,version", FORMS)
def test_the_sdk_speaks_with_the_node_over_a_pipe_and_over_http(plant, mode, version):
    plant.say("inside")

    async def talk(client):
        assert client.protocol_version == version and client.server_info.name == "koppel" and "hall/mill/load" in client.instructions
        tools = {t.name: t for t in (await client.list_tools()).tools}
        assert list(tools) == [*READS, "who_gets_what"]
        assert all(t.description and t.annotations.read_only_hint and t.input_schema["type"] == "object" for t in tools.values())
        result = await client.call_tool("browse", {"what": "machines"})
        assert not result.is_error and "hall/oven" in [m["path"] for m in result.structured_content["machines"]] and "hall/oven (machine)" in text(result)
        with pytest.raises(MCPError) as wrong:
            await client.call_tool("drop_everything", {})
        assert wrong.value.error.code == -32602 and "no tool of that name" in wrong.value.error.message
        return await client.call_tool("browse", {"what": "assets"})
    assert ask(pipe(plant.node), talk, mode).structured_content == ask_http(plant.node, plant.tokens["engineer"], talk, mode).structured_content


def test_each_tool_answers_in_units_and_times_that_people_read(plant):
    plant.say("inside")
    alarm = plant.alarm()

    async def talk(client):
        tell = {}
        for name, arguments in {
                "browse": {"match": "hall/oven/t*"}, "read_values": {"paths": ["hall/oven"]},
                "read_history": {"paths": ["hall/oven/temperature"], "from": "-2h", "rows": 5},
                "compare_periods": {"paths": ["hall/oven/temperature"], "from": "-60m", "to": "-1m"}, "list_alarms": {"asset": "hall/oven"},
                "explain_alarm": {"id": alarm}, "list_stops": {}, "machine_oee": {"every": "day"}, "list_findings": {"all": True}, "inventory": {}}.items():
            result = await client.call_tool(name, arguments)
            assert not result.is_error, (name, text(result))
            tell[name] = text(result), result.structured_content
        return tell
    tell = ask_http(plant.node, plant.tokens["viewer"], talk)
    assert "hall/oven/temperature = 81.5 °C, Good, 20" in tell["browse"][0] and "of the chamber" in tell["browse"][0]
    assert "program = line one line two, Good" in tell["read_values"][0]  # what a machine says stays on its line
    signals = {s["path"]: s for s in tell["read_values"][1]["signals"]}
    assert signals["hall/oven/program"]["value"] == "line one\nline two" and "hall/oven/zebra-key" not in signals
    steps = tell["read_history"][1]["series"][0]["steps"]
    assert 2 <= len(steps) <= 5 and sum(s["n"] for s in steps) == 120 and steps[0]["min"] == 20 and steps[-1]["max"] == 81.5
    both = tell["compare_periods"][1]["signals"][0]
    assert both["period"]["count"] in (58, 59) and both["before"]["count"] in (58, 59, 60) and both["change"] == pytest.approx(10, abs=.2)
    assert both["period"]["min"] == 30 and both["before"]["max"] == 22 and "change +" in tell["compare_periods"][0]
    assert {a["text"] for a in tell["list_alarms"][1]["alarms"]} == {"too hot"} and len(tell["list_alarms"][1]["alarms"]) == 2
    why = tell["explain_alarm"][1]
    assert why["signal"] == "hall/oven/temperature" and why["rule"]["high"] == 70 and why["course"][-1]["max"] == 81.5
    assert [a["id"] for a in why["cameWith"]] == [a["id"] for a in tell["list_alarms"][1]["alarms"] if a["id"] != alarm and a["group"] == why["alarm"]["group"]]
    assert "The value was 81.5, the limit 70" in tell["explain_alarm"][0]
    for tool, where, rows in (("list_stops", "stops", "stops"), ("machine_oee", "oee", "machines")):
        said = plant.api.ok("GET", where, **({"from": "-24h", "every": "day"} if where == "oee" else {"from": "-24h"}))
        own = [s for r in tell[tool][1][rows] for s in r.get("steps", [r])]
        same = [s for r in said["assets" if where == "oee" else "stops"] for s in r.get("steps", [r])]
        assert own and [(s.get("id"), s.get("seconds"), s.get("apt")) for s in own] == [(s.get("id"), s.get("seconds"), s.get("apt")) for s in same]
    assert "for 30 min 0 s: not explained" in tell["list_stops"][0] and "hall/oven:" in tell["machine_oee"][0]
    assert "pack/heron-drive" in {d["name"] for d in tell["inventory"][1]["devices"]} and "firmware 1.0" in tell["inventory"][0]


def test_a_forecast_comes_with_its_unit_its_times_and_its_band_or_with_the_reason_why_not(plant):
    plant.say("cloud")

    async def talk(client):
        return [await client.call_tool("forecast_signal", arguments) for arguments in (
            {"path": "hall/oven/power"}, {"path": "hall/oven/power", "hours": 2}, {"path": "hall/oven/program"}, {"path": "hall/oven/temperature", "hours": 300},
            {"path": "hall/oven/power", "hours": 337}, {"path": "hall/oven/zebra-key"}, {"path": "hall/oven/heron-recipe"}, {"path": "hall/oven/*"})]
    day, short, words, young, long, secret, internal, pattern = ask_http(plant.node, plant.tokens["viewer"], talk)
    assert not day.is_error, text(day)
    told = day.structured_content
    assert told["unit"] == "kW" and told["counter"] is False and told["share"] == .8 and told["stepMs"] == 3600_000 and len(told["steps"]) == 25
    for step in told["steps"]:
        at = time.localtime(calendar.timegm(time.strptime(step["from"][:19], "%Y-%m-%dT%H:%M:%S")))
        assert step["value"] == pytest.approx(20 if 6 <= at.tm_hour < 18 else 10, abs=1.5) and step["low"] - .01 <= step["value"] <= step["high"] + .01, step
    assert "hall/oven/power in kW, forecast; 80 % of what comes is within:" in text(day) and text(day).count(" to ") == 25
    same = plant.api.ok("GET", "forecast", path="hall/oven/power", horizon="24h", step="1h")
    assert [s["from"] for s in same["steps"]] == [s["from"] for s in told["steps"]]
    assert short.structured_content["stepMs"] == 900_000 and len(short.structured_content["steps"]) in (8, 9)
    assert words.is_error and "no numbers" in text(words)
    assert young.is_error and "it takes" in text(young) and "ask for fewer hours" in text(young)
    assert long.is_error and "hours" in text(long)
    for refused in secret, internal:
        assert refused.is_error and "there is no signal" in text(refused)
    assert pattern.is_error and "is not a path" in text(pattern)
    rows = [e for e in plant.audit() if e["action"] == "assistant forecast_signal"][:8]
    assert [e["result"] for e in rows] == ["failed"] * 6 + ["ok"] * 2 and rows[-1]["detail"] == '25 rows to cloud: {"path":"hall/oven/power"}'


def test_what_an_assistant_asks_is_bounded_and_a_wrong_question_says_what_is_right(plant):
    plant.say("inside")

    async def talk(client):
        said = {}
        for name, arguments in {
                "read_history": {"paths": ["hall/oven/temperature"], "rows": 501}, "read_values": {"paths": ["nowhere/**"]},
                "compare_periods": {"paths": ["hall/oven/temperature"], "from": "-1h", "to": "-2h"}, "browse": {"what": "signals", "matches": "hall"},
                "list_alarms": {"from": "tomorrow"}, "explain_alarm": {"id": 4711}, "list_stops": {"asset": "hall/nowhere"}}.items():
            result = await client.call_tool(name, arguments)
            assert result.is_error and result.structured_content is None, name
            said[name] = text(result)
        page = await client.call_tool("browse", {"limit": 2})
        more = await client.call_tool("browse", {"limit": 200, "after": page.structured_content["next"]})
        assert page.structured_content["next"] in text(page)
        return said, [s["path"] for r in (page, more) for s in r.structured_content["signals"]]
    said, paths = ask(pipe(plant.node), talk)
    for name, words in {"read_history": "from 2 to 500", "read_values": "no signal 'nowhere/**'", "compare_periods": "from must be before to",
                        "browse": "did you mean match?", "list_alarms": "is no time", "explain_alarm": "no alarm 4711", "list_stops": "no asset"}.items():
        assert words in said[name], said
    assert paths == sorted(set(paths)) and len(paths) == 7


# ---- who may what ----

@pytest.mark.parametrize("recipient", ["cloud", "inside"])
def test_an_assistant_has_the_rights_of_the_token_it_shows(plant, recipient):
    plant.say(recipient)
    cloud = recipient == "cloud"
    assert ask_http(plant.node, plant.tokens["viewer"], names) == READS
    assert ask_http(plant.node, plant.tokens["engineer"], names) == READS + ([] if cloud else ["who_gets_what"])
    result = ask_http(plant.node, plant.tokens["viewer"], call("who_gets_what"))
    assert result.is_error and "your role may not use this tool" in text(result)
    refused = ask_http(plant.node, plant.tokens["engineer"], call("who_gets_what"))
    assert refused.is_error == cloud and ("another company runs" if cloud else "Nothing was agreed") in text(refused)
    # the right to the socket may be narrowed by a token; over a pipe the same holds then
    token = plant.folder / "viewer.token"
    token.write_text(plant.tokens["viewer"] + "\n")
    assert ask(pipe(plant.node, "--token", token), names) == READS
    assert ask(pipe(plant.node, "--url", plant.node.url, "--token", token), names) == READS
    assert ask(pipe(plant.node, "--url", plant.node.url, "--token", token), call("browse", what="assets")).structured_content["assets"]


def test_from_another_machine_the_pipe_goes_over_https(plant, free_port):
    plant.say("inside")
    plant.node.cli("listen", "--lan", "--port", free_port, "--address", "127.0.0.1")
    ca, token = plant.folder / "ca.pem", write(plant, "lan.token", plant.tokens["viewer"])
    plant.node.cli("listen", "--ca", ca)
    there = pipe(plant.node, "--url", f"https://localhost:{free_port}/", "--ca", ca, "--token", token)
    assert "hall/oven" in text(ask(there, call("browse", what="assets")))
    stranger = subprocess.run([KOPPEL, "mcp", "--url", f"https://localhost:{free_port}", "--token", token], input=json.dumps(PING), capture_output=True,
                              text=True, timeout=30)
    assert "asking the node" in json.loads(stranger.stdout)["error"]["message"]  # a CA nobody vouches for
    plant.node.cli("listen", "--off")


def post(node, body, token=None, method="POST", **headers):
    if token:
        headers["Authorization"] = "Bearer " + token
    data = body if isinstance(body, (bytes, str)) else json.dumps(body)
    return requests.request(method, node.url + "/mcp", data=data, headers={"Content-Type": "application/json", **headers}, timeout=30)


PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


def test_who_shows_no_token_or_an_expired_one_gets_nothing(plant):
    node, viewer = plant.node, plant.tokens["viewer"]
    soon = node.json("token", "add", "soon", "--role", "viewer", "--expires", "2s")["token"]
    poster = node.json("token", "add", "poster", "--write", "hall/**")["token"]
    assert post(node, PING).status_code == 401 and "Bearer" in post(node, PING).headers["WWW-Authenticate"]
    assert post(node, PING, "wrong").status_code == 401 and post(node, PING, poster).status_code == 403
    assert post(node, PING, viewer).json() == {"jsonrpc": "2.0", "id": 1, "result": {}}
    wait_for(lambda: post(node, PING, soon).status_code == 401, 10, "the end of a token")
    with pytest.raises(BaseExceptionGroup):
        ask_http(node, soon, names)
    with pytest.raises(Exception) as gone:
        ask(pipe(node, "--token", write(plant, "soon.token", soon)), names)
    assert gone.value
    # pages of other sites, ways that are not offered
    assert post(node, PING, viewer, Origin="http://evil.example").status_code == 403
    assert post(node, PING, viewer, Origin=node.url).status_code == 200
    assert post(node, PING, viewer, Host="evil.example").status_code == 403
    for method in ("GET", "DELETE"):
        r = post(node, PING, viewer, method)
        assert r.status_code == 405 and r.headers["Allow"] == "POST"
    assert post(node, PING, viewer, **{"Content-Type": "text/plain"}).status_code == 415


def write(plant, name, text):
    path = plant.folder / name
    path.write_text(text)
    return path


def test_switched_off_nobody_is_answered(plant):
    plant.say("off")
    r = post(plant.node, PING, plant.tokens["engineer"])
    assert r.status_code == 403 and "koppel mcp set" in r.json()["message"]
    assert plant.api.refused(400, "PUT", "assistants", {"recipient": "everybody"})
    assert plant.api.refused(400, "PUT", "assistants", {"recipient": "cloud", "open": ["browse"]})
    assert Api(plant.node, Authorization="Bearer " + plant.tokens["engineer"]).refused(403, "PUT", "assistants", {"recipient": "inside"})
    plant.say("cloud")
    assert post(plant.node, PING, plant.tokens["engineer"]).ok


# ---- what leaves ----

def everything(alarms):
    """Questions that would bring out whatever there is."""
    paths = ["**", "hall/**", "partners/**", "hall/oven/heron-recipe", "hall/oven/zebra-key", "hall/zebra-vault/count", "partners/kept/sine-1", "hall/moved/sine-1"]
    for what in ("signals", "assets", "machines"):
        yield "browse", {"what": what, "limit": 200}
        yield "browse", {"what": what, "match": "hall/**"}
        yield "browse", {"what": what, "match": "partners/**"}
    for p in paths:
        yield "read_values", {"paths": [p]}
        yield "read_history", {"paths": [p], "from": "-1d"}
        yield "compare_periods", {"paths": [p], "from": "-1h"}
        yield "forecast_signal", {"path": p}
    for state in ("open", "all", "active"):
        yield "list_alarms", {"state": state, "limit": 200}
    for i in alarms:
        yield "explain_alarm", {"id": i}
    for state in ("learning", "active", "alarm"):
        yield "list_watches", {"state": state, "limit": 200}
    for i in range(1, 20):
        yield "explain_watch", {"id": i}
    for asset in (None, "hall/**", "hall/oven", "hall/zebra-vault", "partners/**"):
        more = {"asset": asset} if asset else {}
        yield "list_stops", {"from": "-1d", **more}
        yield "machine_oee", {"from": "-1d", "every": "day", **more}
    yield "list_findings", {"all": True, "limit": 100}
    yield "inventory", {"limit": 500}
    yield "who_gets_what", {}


def test_an_assistant_outside_gets_only_what_its_labels_and_the_partners_let_go(plant):
    plant.say("cloud")
    questions = list(everything([a["id"] for a in plant.api.ok("GET", "alarms", state="all")["alarms"]]))

    async def talk(client):
        assert "labelled public or partner" in client.instructions
        return [(name, arguments, await client.call_tool(name, arguments)) for name, arguments in questions]
    asked = ask(pipe(plant.node), talk)
    seen = set()
    for name, arguments, result in asked:
        said = text(result) + json.dumps(result.structured_content)
        given = json.dumps(arguments)
        assert not [m for m in (*STAYS, "moved/sine") if m in said and m not in given], (name, arguments, said)
        assert result.is_error or not [m for m in (*STAYS, "partners/kept", "moved/sine") if m in json.dumps(result.structured_content)], (name, arguments, said)
        for signal in (result.structured_content or {}).get("signals", []):
            seen.add(signal["path"])
    assert seen == {"hall/oven/temperature", "hall/oven/power", "hall/oven/program", "partners/onward/sine-1"}
    assert len([r for n, _, r in asked if n == "explain_alarm" and not r.is_error]) == 1
    assert {s["asset"] for n, _, r in asked if n == "list_stops" and not r.is_error for s in r.structured_content["stops"]} == {"hall/oven"}
    plant.say("inside")

    async def inside(client):
        return [(name, arguments, await client.call_tool(name, arguments)) for name, arguments in questions]
    for name, arguments, result in ask(pipe(plant.node), inside):
        assert "zebra" not in json.dumps(result.structured_content) and ("zebra" not in text(result) or "zebra" in json.dumps(arguments)), (name, arguments)


def test_what_an_advisory_says_goes_as_far_as_its_mark_lets_it(plant):
    from test_shield import advisory
    plant.api.ok("PATCH", "asset", {"nameplate": {"ManufacturerName": "Gearworks", "ManufacturerProductDesignation": "Oven O-1", "FirmwareVersion": "1.0"}}, path="hall/oven")
    for number, tlp in (("OWN-1", None), ("OWN-2", "WHITE"), ("OWN-3", "AMBER")):
        document = advisory("Oven O-1", number, {"P": ("< 2.0", None)}, maker="Gearworks", known_affected=["P"])
        if tlp:
            document["document"]["distribution"] = {"tlp": {"label": tlp}}
        plant.api.ok("POST", "advisories", {"text": json.dumps(document)})
    wait_for(lambda: len(plant.api.ok("GET", "advisories")["findings"]) == 3, 20, "three findings")
    for recipient, wanted in (("cloud", {"OWN-1", "OWN-2"}), ("inside", {"OWN-1", "OWN-2", "OWN-3"})):
        plant.say(recipient)
        result = ask_http(plant.node, plant.tokens["viewer"], call("list_findings"))
        assert {f["advisory"] for f in result.structured_content["findings"]} == wanted
        assert "to do: Update to 2.9" in text(result)


# ---- what an assistant does, and what is written down ----

def test_a_tool_that_writes_is_closed_until_an_owner_opens_it(plant):
    node, alarm = plant.node, plant.alarm(90)
    plant.say("inside")
    ack = call("acknowledge_alarm", id=alarm, comment="seen by the night shift")
    for token in (plant.tokens["operator"], node.token):
        assert "not opened on this node" in text(ask_http(node, token, ack))
    plant.say("inside", "--open", "acknowledge_alarm")
    assert "writes: open" in node.cli("mcp", "show").stdout
    assert "acknowledge_alarm" not in ask_http(node, plant.tokens["viewer"], names)
    assert "your role" in text(ask_http(node, plant.tokens["viewer"], ack))
    plant.say("cloud")  # what was opened stays, and what is not seen cannot be acknowledged
    result = ask_http(node, plant.tokens["operator"], ack)
    assert result.is_error and f"no alarm {alarm}" in text(result)
    plant.say("inside")
    result = ask_http(node, plant.tokens["operator"], ack)
    assert not result.is_error and result.structured_content["alarm"]["state"] == "acknowledged", text(result)
    told = plant.api.ok("GET", f"alarms/{alarm}")
    assert (told["comment"], told["acknowledgedBy"]) == ("seen by the night shift", "operator")
    plant.say("inside", "--close", "acknowledge_alarm")
    assert "acknowledge_alarm" not in ask_http(node, plant.tokens["operator"], names)
    rows = [e for e in plant.audit() if e["action"] == "assistant acknowledge_alarm"]
    assert [e["result"] for e in rows[:5]] == ["ok", "failed", "denied", "denied", "denied"]
    assert (rows[0]["user"], rows[0]["via"]) == ("operator", "token") and "night shift" in rows[0]["detail"]


def test_each_call_is_in_the_audit_log_before_it_is_answered(plant):
    plant.say("cloud")
    ask_http(plant.node, plant.tokens["viewer"], call("browse", match="hall/oven"))
    e = plant.audit()[0]
    assert (e["action"], e["user"], e["via"], e["from"], e["result"]) == ("assistant browse", "viewer", "token", "127.0.0.1", "ok")
    assert e["detail"] == '3 rows to cloud: {"match":"hall/oven"}'
    before = len(plant.audit())
    ask_http(plant.node, plant.tokens["viewer"], names)
    assert len(plant.audit()) == before  # lists and greetings tell nothing of the factory
    ask(pipe(plant.node), call("read_history", paths=["x" * 900]))
    e = plant.audit()[0]
    assert (e["user"], e["via"], e["result"]) == ("local", "local", "failed") and len(e["detail"]) <= 300
    assert plant.node.cli("audit", "verify").returncode == 0


def test_who_asks_without_end_does_not_write_the_log_full(plant):
    plant.say("cloud")
    greedy = plant.node.json("token", "add", "greedy", "--role", "viewer")["token"]
    session = requests.Session()
    session.headers.update({"Authorization": "Bearer " + greedy, "Content-Type": "application/json"})
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "browse", "arguments": {"limit": 1}}})
    said = ""
    for asked in range(1, 2000):
        said = session.post(plant.node.url + "/mcp", data=body, timeout=20).json()["result"]["content"][0]["text"]
        if "too many questions" in said:
            break
    assert "too many questions" in said and asked > 600
    rows = plant.api.ok("GET", "audit", user="greedy", limit=2000)["entries"]
    assert len(rows) == asked - 1


# ---- what makes no sense ----

NONSENSE = [b"", b"{", b"[]", b"null", b"7", b'"x"', b"{}", b"\xff\xfe", json.dumps([PING, PING]).encode(), b"[" * 5000, b'{"a":' * 3000 + b"1" + b"}" * 3000,
            b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}', b'{"jsonrpc":"2.0","id":[1],"method":"ping"}',
            b'{"jsonrpc":"2.0","id":9' + b"9" * 400 + b',"method":"ping"}', b'{"jsonrpc":"2.0","id":1,"result":{}}']


def test_messages_that_make_no_sense_are_refused_in_the_words_of_the_protocol(plant):
    plant.say("cloud")
    node, viewer = plant.node, plant.tokens["viewer"]
    for body in NONSENSE:
        r = post(node, body, viewer)
        assert r.status_code == 400 and r.json()["error"]["code"] in (-32700, -32600), (body[:60], r.status_code, r.text[:200])
    assert post(node, b" " * (300 << 10), viewer).status_code == 413
    assert post(node, b" " * (5 << 20), viewer).status_code == 413
    def rpc(method, params, **headers):
        return post(node, {"jsonrpc": "2.0", "id": "i", "method": method, "params": params}, viewer, **headers)
    for params in ({}, {"name": 7}, {"name": "browse", "arguments": [1]}, {"name": "no\nsuch"}, {"name": "browse" * 1000}):
        assert rpc("tools/call", params).json()["error"]["code"] == -32602, params
    for arguments in ({"paths": "hall"}, {"paths": [["hall"]]}, {"paths": ["a"] * 51}, {"paths": [""] * 3, "from": "x" * 5000}, {"paths": ["hall/" * 300]}):
        result = rpc("tools/call", {"name": "read_history", "arguments": arguments}).json()["result"]
        assert result["isError"] and len(result["content"][0]["text"]) < 400, arguments
    modern = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}}
    said = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list"}
    assert rpc("tools/list", modern, **said).json()["result"]["resultType"] == "complete"
    assert rpc("tools/list", modern, **{**said, "Mcp-Method": "ping"}).json()["error"]["code"] == -32020
    assert rpc("ping", modern, **{**said, "Mcp-Method": "ping"}).status_code == 404
    assert node.answers()


def test_the_bridge_survives_nonsense_and_a_node_that_is_away(tmp_path):
    node = Node(tmp_path)
    bridge = subprocess.Popen([KOPPEL, "mcp", "--node", node.dir], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def say(line):
        bridge.stdin.write(line + b"\n")
        bridge.stdin.flush()

    def hear():
        return json.loads(bridge.stdout.readline())
    ping = json.dumps(PING).encode()
    say(ping)
    away = hear()
    assert away["id"] == 1 and "is not running; start it" in away["error"]["message"]
    node.start()
    try:
        for line in (b"", b"   ", b'{"jsonrpc":"2.0","method":"notifications/initialized"}'):
            say(line)  # no answer
        for line in NONSENSE:
            if line:
                say(line)
                assert hear()["error"]["code"] in (-32700, -32600), line[:60]
        say(b"x" * (1 << 20))
        assert "256 KiB" in hear()["error"]["message"]
        say(b'{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"browse\\r\\nX-Evil: 1","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}')
        assert hear()["error"]["code"] == -32602
        say(ping)
        assert hear() == {"jsonrpc": "2.0", "id": 1, "result": {}}
        bridge.stdin.write(ping)  # the last line may lack its end
        bridge.stdin.close()
        assert json.loads(bridge.stdout.read()) == {"jsonrpc": "2.0", "id": 1, "result": {}}
        assert bridge.wait(20) == 0
        assert all(line.startswith(b"koppel: mcp:") for line in bridge.stderr.read().splitlines())
    finally:
        bridge.kill()
        node.stop()
    done = node.cli("mcp", "--url", "https://127.0.0.1:1", check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 2 and "--token" in done.stderr
    (tmp_path / "token").write_text("secret")
    for url in ("http://192.0.2.1:8420", "ftp://127.0.0.1", "127.0.0.1:8420", "https://anna:secret@127.0.0.1"):
        done = node.cli("mcp", "--url", url, "--token", tmp_path / "token", check=False, stdin=subprocess.DEVNULL)
        assert done.returncode == 1 and "koppel: mcp:" in done.stderr and not done.stdout, url
