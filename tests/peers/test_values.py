# SPDX-License-Identifier: Apache-2.0
"""Values that a script posts: with curl as people type it, and with a token that may do nothing else."""
import datetime
import json
import subprocess
import time

import requests

from web_client import Api


def curl(node, token, *words):
    done = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", "-H", "Authorization: Bearer " + token, *words], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    body, code = done.stdout.rsplit("\n", 1)
    return int(code), body


def post(node, token, *words):
    return curl(node, token, *words, node.url + "/api/v1/values")


def add(node, name, pattern):
    return node.json("token", "add", name, "--write", pattern)["token"]


def test_one_line_of_curl_is_a_live_value_and_history(node):
    assert post(node, node.token, "-d", "hall/oven/temperature 231.5") == (200, '{"values":1,"made":1}')
    v = node.value("hall/oven/temperature")
    assert v["value"] == 231.5 and v["type"] == "double" and v["status"]["code"] == 0
    assert post(node, node.token, "-d", "hall/oven/temperature 232")[0] == 200
    assert [p[1] for p in node.history("hall/oven/temperature")] == [231.5, 232]


def test_lines_json_objects_and_json_arrays_are_taken(node):
    lines = '"hall/mill 1/state" "in production"\nhall/mill/load 12.5 2026-01-05T06:00:00Z\n# a remark\n\nhall/mill/on true\n'
    assert post(node, node.token, "--data-binary", lines)[0] == 200
    assert node.value("hall/mill 1/state")["value"] == "in production" and node.value("hall/mill/on")["value"] is True
    assert node.history("hall/mill/load", "--from", "2026-01-01") == [("2026-01-05T06:00:00Z", 12.5, 0)]
    assert post(node, node.token, "-d", '{"hall/a": 1, "hall/b": "x", "hall/c": {"d": false}}')[0] == 200
    assert [node.value("hall/" + p)["value"] for p in ("a", "b", "c/d")] == [1, "x", False]
    points = [{"path": "hall/a", "value": 2.5, "time": "2026-01-05T06:00:00Z"}, {"path": "hall/a", "value": None, "status": "BadSensorFailure"}]
    Api(node).ok("POST", "values", points)
    assert node.value("hall/a")["status"]["name"] == "BadSensorFailure" and node.value("hall/a")["value"] is None
    assert ("2026-01-05T06:00:00Z", 2.5, 0) in node.history("hall/a", "--from", "2026-01-01")


def test_posted_values_reach_whoever_listens(node):
    api = Api(node)
    api.ok("POST", "values", {"hall/oven/temperature": 1})
    with requests.get(node.url + "/api/v1/stream?match=hall", headers={"Authorization": "Bearer " + node.token}, stream=True, timeout=20) as s:
        lines = s.iter_lines()
        next(l for l in lines if b"hall/oven/temperature" in l)
        api.ok("POST", "values", {"hall/oven/temperature": 99.25})
        assert next(l for l in lines if b"99.25" in l)


def test_a_fault_names_its_place_and_nothing_is_taken(node):
    api = Api(node)
    api.ok("POST", "values", {"hall/a": 1})
    assert "value 2: " in api.refused(400, "POST", "values", [{"path": "hall/a", "value": 7}, {"path": "hall/a", "value": "hot"}])
    code, body = post(node, node.token, "--data-binary", "hall/a 7\nhall/a\n")
    assert code == 400 and json.loads(body)["message"].startswith("line 2: ")
    for bad in ("", "[1]", "{", '{"hall/a": [1]}', "hall/a 1 soon", "alone 1", '{"hall/x": 1, "hall/x": 2}'):
        assert post(node, node.token, "-d", bad)[0] == 400, bad
    assert node.value("hall/a")["value"] == 1
    assert api.send("POST", "values", [{"path": "hall/a", "value": i} for i in range(10001)]).status_code == 409


def test_a_signal_of_a_machine_cannot_be_posted_to(node, servers):
    node.cli("couple", servers("opcua_sim", "--variables", 1).url, "--name", "sim", "--set", "security=none", "--all")
    path = node.json("ls", "sim", "--recursive")["signals"][0]["path"] if "signals" in node.json("ls", "sim", "--recursive") else "sim/Line/v0"
    assert "machine" in Api(node).refused(409, "POST", "values", {path: 1})


def test_a_token_for_posting_can_post_below_its_pattern_and_do_nothing_else(node):
    token = add(node, "oven", "hall/oven")
    assert post(node, token, "-d", "hall/oven/temperature 231.5")[0] == 200
    assert node.value("hall/oven/temperature")["value"] == 231.5
    for path in ("hall/mill/load", "hall/ovens/x", "hall", "other/x"):
        assert post(node, token, "-d", path + " 1")[0] == 403, path
    assert post(node, token, "-d", "hall/oven/a 1\nhall/mill/load 2") [0] == 403
    assert curl(node, token, "-d", "oven/a 1", node.url + "/api/v1/values?at=hall")[0] == 200
    assert curl(node, token, "-d", "oven/a 1", node.url + "/api/v1/values?at=elsewhere")[0] == 403
    spec = requests.get(node.url + "/api/v1/openapi.json", timeout=20).json()
    tried = 0
    for path, item in spec["paths"].items():
        for method, operation in item.items():
            if operation.get("security") == [] or operation["operationId"] == "postValues":
                continue
            r = requests.request(method, node.url + path.replace("{name}", "x").replace("{id}", "1"), data=b"", timeout=20,
                                 headers={"Authorization": "Bearer " + token})
            assert r.status_code == 403, (method, path, r.status_code)
            tried += 1
    assert tried > 50
    r = requests.post(node.url + "/api/v1/session", json={"token": token}, timeout=20)
    assert r.status_code == 401, "no session is opened with it"
    assert node.cli("ls", "other", check=False).returncode == 1


def test_tokens_are_listed_without_themselves_and_end_when_removed(node):
    token = add(node, "oven", "hall/oven/**")
    listed = node.json("token")["tokens"]
    assert [(t["name"], t["write"]) for t in listed] == [("init", None), ("oven", "hall/oven/**")]
    assert token not in node.cli("token").stdout and "post values to hall/oven/**" in node.cli("token").stdout
    assert node.cli("token", "add", "oven", check=False).returncode == 1
    assert "no pattern" in node.cli("token", "add", "x", "--write", "a//b", check=False).stderr
    node.cli("token", "remove", "oven")
    assert post(node, token, "-d", "hall/oven/temperature 1")[0] == 401
    assert node.cli("token", "remove", "oven", check=False).returncode == 1
    full = node.json("token", "add", "second")["token"]
    assert curl(node, full, node.url + "/api/v1/status")[0] == 200
    assert [t["name"] for t in json.loads(curl(node, full, node.url + "/api/v1/tokens")[1])["tokens"]] == ["init", "second"]


def test_a_token_with_a_role_may_what_its_role_may(node):
    assert post(node, node.token, "-d", "hall/oven/temperature 231.5")[0] == 200
    interval = json.dumps({"path": "hall/oven", "kind": "shift", "start": "2026-01-01T06:00:00Z", "end": "2026-01-01T14:00:00Z"})
    asked = [("viewer", ["/api/v1/signals"]), ("operator", ["-H", "Content-Type: application/json", "-d", interval, "/api/v1/intervals"]),
             ("engineer", ["-d", "hall/oven/door 1", "/api/v1/values"])]
    for may in range(len(asked)):
        token = node.json("token", "add", asked[may][0], "--role", asked[may][0])["token"]
        said = json.loads(curl(node, token, node.url + "/api/v1/session")[1])
        assert (said["user"], said["role"], said["via"]) == (asked[may][0], asked[may][0], "token")
        for i, (role, words) in enumerate(asked):
            code, body = curl(node, token, *words[:-1], node.url + words[-1])
            assert code in (200, 201) if i <= may else code == 403, (asked[may][0], words, code, body)
            assert i <= may or f"the role {asked[may][0]} may not do this: it takes {role}" in body
    roles = {t["name"]: t["role"] for t in node.json("token")["tokens"]}
    assert roles == {"init": "owner", "viewer": "viewer", "operator": "operator", "engineer": "engineer"}
    assert "no role" in node.cli("token", "add", "x", "--role", "boss", check=False).stderr
    assert "not both" in node.cli("token", "add", "x", "--role", "viewer", "--write", "hall", check=False).stderr
    assert node.cli("token", "--role", "viewer", check=False).returncode == 2


def test_a_token_that_has_expired_opens_nothing_nor_does_a_session_made_with_it(node):
    made = node.json("token", "add", "guest", "--role", "viewer", "--expires", "5s")
    s = requests.Session()
    assert s.post(node.url + "/api/v1/session", json={"token": made["token"]}, timeout=20).status_code == 200
    until = datetime.datetime.fromisoformat(made["expires"].replace("Z", "+00:00"))
    seen = 200
    while seen == 200:
        time.sleep(0.05)
        assert datetime.datetime.now(datetime.timezone.utc) < until + datetime.timedelta(seconds=1)
        seen = s.get(node.url + "/api/v1/status", timeout=20).status_code
    assert seen == 401 and datetime.datetime.now(datetime.timezone.utc) >= until
    code, body = curl(node, made["token"], node.url + "/api/v1/status")
    assert code == 401 and "has expired" in body
    assert s.post(node.url + "/api/v1/session", json={"token": made["token"]}, timeout=20).status_code == 401
    assert "expired already" in node.cli("token", "add", "x", "--expires", "2020-01-01", check=False).stderr
    assert node.cli("token", "add", "x", "--expires", "soon", check=False).returncode == 2


def test_what_was_acknowledged_is_there_after_a_kill(node):
    api = Api(node)
    for i in range(20):
        api.ok("POST", "values", {"hall/oven/temperature": i})
    node.kill()
    node.start()
    assert [p[1] for p in node.history("hall/oven/temperature")] == list(range(20))


def test_a_token_for_posting_makes_a_bounded_number_of_signals(node):
    token = add(node, "oven", "hall/oven")
    api = Api(node, Authorization="Bearer " + token)
    api.ok("POST", "values", {f"hall/oven/s{i}": i for i in range(900)})
    assert "1000" in api.refused(409, "POST", "values", {f"hall/oven/t{i}": i for i in range(101)})
    api.ok("POST", "values", {f"hall/oven/t{i}": i for i in range(100)})
    began = time.monotonic()
    for i in range(50):
        api.ok("POST", "values", {f"hall/oven/s{k}": i for k in range(10)})
    print(f"{(time.monotonic() - began) / 50 * 1000:.0f} ms a post")
