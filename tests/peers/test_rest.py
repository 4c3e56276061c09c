# SPDX-License-Identifier: Apache-2.0
"""Each route of the REST API on a running node: what it does, what it refuses, and who may."""
import calendar
import csv
import io
import json
import re
import socket
import threading
import time
from urllib.parse import quote

import pytest
import requests

from conftest import wait_for
from web_client import Api, dial

SPEC = ("get", "post", "put", "patch", "delete")


@pytest.fixture
def api(node):
    return Api(node)


@pytest.fixture
def machine(node, api, servers):
    """A coupled machine with five doubles that change five times a second, and its path."""
    server = servers("opcua_sim", "--variables", 5, "--rate", 5, "--history")
    api.ok("POST", "couplings", {"url": server.url, "name": "line", "at": "site/line", "security": "none"})
    node.wait_link("line", "online")

    def signals():
        found = api.ok("GET", "signals", match="site/line/**/v*")["signals"]
        return found if len(found) == 5 and all(s["value"] is not None for s in found) else None
    wait_for(signals, 20, "five values")
    return server


def ns(text):
    """RFC 3339 as whole ns, exactly."""
    seconds, _, rest = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(seconds, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int(rest.ljust(9, "0"))


def first_signal(api):
    return api.ok("GET", "signals", match="site/line/**/v0")["signals"][0]


# ---- rights ----

def operations(node):
    for path, item in requests.get(node.url + "/api/v1/openapi.json", timeout=20).json()["paths"].items():
        for method in SPEC:
            if method in item:
                yield method.upper(), path.replace("{name}", "x").replace("{id}", "1"), item[method]


def test_every_route_needs_a_token_but_for_the_open_ones(node):
    for method, path, operation in operations(node):
        is_open = operation.get("security") == []
        for headers in ({}, {"Authorization": "Bearer kp_wrong"}, {"Authorization": "Basic a29wcGVs"}, {"Cookie": f"koppel-{node.port}=x"}):
            r = requests.request(method, node.url + path, headers=headers, timeout=20, stream=True)
            if is_open:
                assert r.status_code in (200, 400, 404), (method, path, r.status_code)
            else:
                assert r.status_code == 401, (method, path, headers, r.status_code)
                assert r.headers["WWW-Authenticate"].startswith("Bearer")
            r.close()


def test_another_host_name_is_refused_everywhere(node):
    for method, path, _ in operations(node):
        for host in ("factory.example.com", "127.0.0.1.example.com", ""):
            r = requests.request(method, node.url + path, timeout=20, headers={"Authorization": "Bearer " + node.token, "Host": host})
            assert r.status_code in (400, 403), (method, path, host, r.status_code)


def test_a_session_reads_and_changes_only_with_the_header_that_other_sites_cannot_send(node, api):
    s = requests.Session()
    assert s.post(node.url + "/api/v1/session", json={"token": "kp_wrong"}, timeout=20).status_code == 401
    r = s.post(node.url + "/api/v1/session", json={"token": node.token}, timeout=20)
    assert r.status_code == 200 and r.json()["user"] == "init" and r.json()["role"] == "owner"
    cookie = r.headers["Set-Cookie"]
    assert cookie.startswith(f"koppel-{node.port}=") and "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert s.get(node.url + "/api/v1/status", timeout=20).status_code == 200
    r = s.post(node.url + "/api/v1/assets", json={"path": "a"}, timeout=20)
    assert r.status_code == 403 and "X-Koppel: 1" in r.json()["message"]
    assert s.post(node.url + "/api/v1/assets", json={"path": "a"}, headers={"X-Koppel": "1"}, timeout=20).status_code == 201
    assert s.delete(node.url + "/api/v1/session", headers={"X-Koppel": "1"}, timeout=20).status_code == 204
    s.cookies.clear()
    stolen = cookie.split(";")[0]
    assert requests.get(node.url + "/api/v1/status", headers={"Cookie": stolen}, timeout=20).status_code == 401


def over_socket(node, method, target, body=b"", headers=""):
    """Status and body of a request over the Unix socket."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        s.connect(node.socket)
        s.sendall(f"{method} {target} HTTP/1.0\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)
        data = b""
        while piece := s.recv(65536):
            data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), rest


def test_a_link_made_over_the_unix_socket_logs_in_once(node, api):
    assert "Unix socket" in api.refused(403, "POST", "session/link")
    status, body = over_socket(node, "POST", "/api/v1/session/link")
    assert status == 201
    code = json.loads(body)["url"].split("#code=")[1]
    assert json.loads(body)["url"].startswith(node.url)
    first = requests.post(node.url + "/api/v1/session", json={"code": code}, timeout=20)
    assert first.status_code == 200 and first.json()["via"] == "code"
    second = requests.post(node.url + "/api/v1/session", json={"code": code}, timeout=20)
    assert second.status_code == 401


def test_the_unix_socket_needs_no_token(node):
    assert over_socket(node, "GET", "/api/v1/status")[0] == 200


# ---- bad requests ----

@pytest.mark.parametrize("method, where, query, status, said", [
    ("GET", "signals", {"limt": 5}, 400, "did you mean 'limit'"),
    ("GET", "signals", {"limit": 0}, 400, "limit must be from 1 to 10000"),
    ("GET", "signals", {"limit": "many"}, 400, "whole number"),
    ("GET", "signals", {"match": "a//b"}, 400, "not a pattern"),
    ("GET", "signal", {}, 400, "path is missing"),
    ("GET", "signal", {"path": "no/such"}, 404, "there is no signal 'no/such'"),
    ("GET", "asset", {"path": "no/such"}, 404, "there is no asset 'no/such'"),
    ("GET", "tree", {"path": "no/such"}, 404, "no/such"),
    ("GET", "tree", {"depth": 17}, 400, "depth must be from 0 to 16"),
    ("GET", "history", {"path": "no/such"}, 404, "no/such"),
    ("GET", "history", {}, 400, "path is missing"),
    ("GET", "intervals", {"kind": "nap"}, 400, "kind must be one of"),
    ("GET", "stream", {"every": "often"}, 400, "every must be a duration"),
    ("GET", "stream", {"deadband": "-1"}, 400, "deadband must be"),
    ("GET", "couplings/no", {}, 404, "no"),
    ("PATCH", "couplings/no", {}, 400, "the body is missing"),
    ("DELETE", "couplings/no", {}, 404, "no"),
    ("GET", "couplings/no/nodes", {}, 404, "no"),
    ("GET", "couplings/no/certificates", {}, 404, "no"),
    ("POST", "couplings/no/reconnect", {}, 404, "no"),
    ("POST", "couplings/no/browse", {}, 404, "no"),
    ("POST", "couplings/no/trust", {}, 404, "no"),
    ("DELETE", "intervals/999", {}, 404, ""),
    ("DELETE", "intervals/nine", {}, 400, "is not the number"),
    ("DELETE", "signal", {"path": "no/such"}, 404, "no/such"),
    ("DELETE", "asset", {"path": "no/such"}, 404, "no/such"),
    ("GET", "certificate", {"format": "p12"}, 400, "one of pem, der"),
    ("GET", "nothing", {}, 404, "openapi.json"),
    ("PUT", "status", {}, 405, "allowed: GET"),
    ("POST", "backup", {}, 403, "Unix socket"),
])
def test_what_is_wrong_with_a_request_is_said(api, method, where, query, status, said):
    assert said in api.refused(status, method, where, **query)


@pytest.mark.parametrize("body, status, said", [
    (b"{", 400, "body:1:"), (b"[]", 400, "must be a JSON object"), (b'{"sql":1}', 400, "must be a text"), (b"{}", 400, "'sql' is missing"),
    (b'{"sql":"select 1","sql":"select 2"}', 400, "duplicate"), (b'{"qsl":"select 1"}', 400, "did you mean 'sql'"),
    (b'{"sql":"' + b"[" * 99 + b'"}', 400, ""), (b"[" * 5000, 400, "nested deeper"), (b"\xff\xfe", 400, "body:1:"),
    (b'{"sql":"drop table signal"}', 403, ""), (b'{"sql":"select * from token"}', 403, ""), (b'{"sql":"selekt"}', 400, ""),
])
def test_what_is_wrong_with_a_body_is_said(node, body, status, said):
    r = requests.post(node.url + "/api/v1/sql", data=body, timeout=20, headers={"Authorization": "Bearer " + node.token, "Content-Type": "application/json"})
    assert (r.status_code, said in r.json()["message"]) == (status, True), r.text


def test_a_body_of_another_type_and_one_too_large_are_refused(node):
    headers = {"Authorization": "Bearer " + node.token}
    r = requests.post(node.url + "/api/v1/sql", data="x", headers={**headers, "Content-Type": "text/plain"}, timeout=20)
    assert r.status_code == 415 and "application/json" in r.json()["message"]
    with dial(node) as s:
        s.sendall(f"POST /api/v1/sql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {node.token}\r\nContent-Length: 5000000\r\n\r\n".encode())
        assert b" 413 " in s.recv(4096).split(b"\r\n")[0]


# ---- what the routes do ----

def test_status_protocols_metrics_page_and_certificate(node, api):
    status = api.ok("GET", "status")
    assert status["node"] == "test" and status["port"] == node.port and not status["store"]["stalled"]
    names = [p["name"] for p in api.ok("GET", "protocols")["protocols"]]
    assert names[0] == "opcua" and {"modbus", "mqtt", "mtconnect", "s7", "file"} <= set(names)
    metrics = api.session.get(node.url + "/metrics", timeout=20)
    assert metrics.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    for line in metrics.text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) koppel_\w+ .+|koppel_\w+(\{.*\})? -?[0-9.e+-]+', line), line
    page = requests.get(node.url + "/", timeout=20)
    assert "script-src 'self'; style-src 'self'" in page.headers["Content-Security-Policy"]
    script = requests.get(node.url + re.search(r'src="(/assets/app-\w+\.js)"', page.text).group(1), timeout=20)
    assert script.headers["Content-Encoding"] == "gzip" and script.headers["Cache-Control"].endswith("immutable")
    assert len(script.text) > 10000
    pem = api.get("certificate").text
    assert pem.startswith("-----BEGIN CERTIFICATE-----\n") and pem.endswith("-----END CERTIFICATE-----\n")
    assert all(len(line) <= 64 for line in pem.splitlines())
    assert api.get("certificate", format="der").content[:2] == b"\x30\x82"


def test_assets_are_made_changed_moved_and_removed(api):
    made = api.ok("POST", "assets", {"path": "plant/press", "kind": "machine", "nameplate": {"SerialNumber": "7"}, "ManufacturerName": "ACME"})
    assert made["kind"] == "machine" and made["nameplate"] == {"SerialNumber": "7", "ManufacturerName": "ACME"}
    assert sorted(made["byHand"]) == ["ManufacturerName", "SerialNumber"]
    api.refused(409, "POST", "assets", {"path": "plant/press"})
    changed = api.ok("PATCH", "asset", {"path": "plant/hall/press 1", "description": "200 t", "label": "partner"}, path="plant/press")
    assert changed["id"] == made["id"] and changed["path"] == "plant/hall/press 1" and changed["labelInForce"] == "partner"
    api.refused(404, "GET", "asset", path="plant/press")
    assert [a["path"] for a in api.ok("GET", "assets")["assets"]] == ["plant", "plant/hall", "plant/hall/press 1"]
    assert "did you mean" in api.refused(400, "PATCH", "asset", {"lable": "public"}, path="plant")
    assert api.ok("GET", "asset", path="plant")["label"] == "inherit"
    api.ok("DELETE", "asset", path="plant/hall")
    assert [a["path"] for a in api.ok("GET", "assets")["assets"]] == ["plant"]


def test_intervals_are_opened_closed_found_and_deleted(api):
    api.ok("POST", "assets", {"path": "plant/press", "kind": "machine"})
    made = api.ok("POST", "intervals", {"path": "plant/press", "kind": "stop", "start": "2026-01-02T03:04:05.000000006Z", "attributes": {"reason": "tool"}})
    day = {"from": "2026-01-02", "to": "2026-01-03"}
    found = api.ok("GET", "intervals", path="plant/press", **day)["intervals"]
    assert [(f["id"], f["kind"], f["start"], f["end"], f["attributes"]) for f in found] == [(made["id"], "stop", "2026-01-02T03:04:05.000000006Z", None, {"reason": "tool"})]
    api.ok("PATCH", f"intervals/{made['id']}", {"end": "2026-01-02T04:00:00Z"})
    assert api.ok("GET", "intervals", kind="stop", **day)["intervals"][0]["end"] == "2026-01-02T04:00:00Z"
    assert api.ok("GET", "intervals", kind="job", **day)["intervals"] == []
    api.refused(400, "PATCH", f"intervals/{made['id']}", {"end": "2025-01-01T00:00:00Z"})
    api.refused(400, "POST", "intervals", {"path": "plant/press", "kind": "stop", "attributes": [1]})
    api.ok("DELETE", f"intervals/{made['id']}")
    assert api.ok("GET", "intervals", **day)["intervals"] == []


def test_a_coupling_lives_changes_and_ends(node, api, machine):
    one = api.ok("GET", "couplings/line")
    assert one["state"] == "online" and one["at"] == "site/line" and one["items"] >= 5
    assert [c["name"] for c in api.ok("GET", "couplings")["couplings"]] == ["line"]
    api.refused(409, "POST", "couplings", {"url": machine.url, "name": "line"})
    assert "did you mean" in api.refused(400, "PATCH", "couplings/line", {"evry": "1s"})
    assert "gopher" in api.refused(400, "POST", "couplings", {"url": "gopher://x"})
    nodes = api.ok("GET", "couplings/line/nodes", limit=2)
    assert len(nodes["nodes"]) == 2 and nodes["next"] == nodes["nodes"][-1]["path"]
    rest = api.ok("GET", "couplings/line/nodes", after=nodes["next"], limit=10000)
    assert nodes["nodes"][0]["path"] not in [n["path"] for n in rest["nodes"]] and rest["next"] is None
    for word in ("browse", "reconnect"):
        assert api.ok("POST", f"couplings/line/{word}")["name"] == "line"
        node.wait_link("line", "online")
    assert api.ok("GET", "couplings/line/certificates")["certificates"] == []
    changed = api.ok("PATCH", "couplings/line", {"every": "1s"})
    assert changed["every"] == "1s"
    api.ok("DELETE", "couplings/line", forget=1)
    assert api.ok("GET", "couplings")["couplings"] == []
    wait_for(lambda: not api.ok("GET", "signals")["signals"], 10, "forgotten signals")


def test_signals_are_shown_described_and_written_only_when_opened(api, machine):
    s = first_signal(api)
    assert s["type"] == "double" and s["status"] == {"code": 0, "name": "Good"} and not s["stale"]
    assert ns(s["time"]) <= ns(s["arrived"]) + 10**9
    assert "writ" in api.refused(403, "PUT", "value", {"value": 1.5}, path=s["path"])
    changed = api.ok("PATCH", "signal", {"description": "speed", "unitText": "1/min", "low": 0, "high": 100}, path=s["path"])
    assert (changed["description"], changed["unitText"], changed["low"], changed["high"]) == ("speed", "1/min", 0, 100)
    api.refused(400, "PATCH", "signal", {"writeable": True}, path=s["path"])
    moved = api.ok("PATCH", "signal", {"path": "site/line/speed"}, path=s["path"])
    assert moved["id"] == s["id"]
    api.refused(404, "GET", "signal", path=s["path"])
    api.ok("PATCH", "signal", {"writable": True}, path="site/line/speed")
    api.refused(400, "PUT", "value", {"value": "fast"}, path="site/line/speed")
    api.ok("PUT", "value", {"value": 1234.5}, path="site/line/speed")
    wait_for(lambda: [p for p in api.ok("GET", "history", path="site/line/speed")["series"][0]["points"] if p[1] == 1234.5], 10, "the value written")


def test_history_comes_as_csv_for_spreadsheets(node, api):
    at = "2026-01-01T00:00:00Z"
    api.ok("POST", "values", [{"path": "csv/n", "value": 1.5, "time": at}, {"path": "csv/t", "value": 'a "b", c', "time": at}])
    ask = {"path": ["csv/n", "csv/t"], "from": "2025-12-31T00:00:00Z", "to": "2026-01-02T00:00:00Z", "format": "csv"}
    reply = api.get("history", **ask)
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(reply.text, newline="")))
    assert rows[0] == ["path", "time", "value", "status"] and [r[0] for r in rows[1:]] == ["csv/n", "csv/t"]
    assert rows[1][1:] == ["2026-01-01T00:00:00Z", "1.5", "0"] and rows[2][2] == 'a "b", c'
    steps = list(csv.reader(io.StringIO(api.get("history", **(ask | {"path": "csv/n", "every": "1d", "fn": "min,mean"})).text, newline="")))
    assert steps == [["path", "from", "to", "n", "bad", "min", "mean"], ["csv/n", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "1", "0", "1.5", "1.5"]]
    assert "no signal" in api.refused(404, "GET", "history", path="csv/none", format="csv")


def test_history_pages_hold_every_point_once(api, machine):
    path = first_signal(api)["path"]
    wait_for(lambda: len(api.ok("GET", "history", path=path)["series"][0]["points"]) > 25, 20, "25 points")
    to = api.ok("GET", "history", path=path)["to"]
    whole = api.ok("GET", "history", path=path, to=to)["series"][0]
    assert whole["next"] is None
    pages, after = [], None
    while True:
        page = api.ok("GET", "history", path=path, to=to, limit=7, after=after)["series"][0]
        pages += page["points"]
        after = page["next"]
        if after is None:
            break
        assert len(page["points"]) == 7
    assert pages == whole["points"]
    assert [p[0] for p in pages] == sorted(p[0] for p in pages)


def test_aggregates_agree_with_the_points(api, machine):
    path = first_signal(api)["path"]
    wait_for(lambda: len(api.ok("GET", "history", path=path)["series"][0]["points"]) > 20, 20, "20 points")
    to = api.ok("GET", "status")["now"]
    points = api.ok("GET", "history", **{"path": path, "from": "-10m", "to": to})["series"][0]["points"]
    for query in ({"points": 10}, {"every": "1s"}):
        series = api.ok("GET", "history", **{"path": path, "from": "-10m", "to": to}, **query)["series"][0]
        buckets = series["buckets"]
        assert sum(b["n"] for b in buckets) == len(points)
        assert len(buckets) <= query.get("points", 1000)
        for b in buckets:
            inside = [p[1] for p in points if ns(b["from"]) <= ns(p[0]) < ns(b["to"])]
            assert len(inside) == b["n"]
            assert (b["min"], b["max"], b["first"], b["last"]) == (min(inside), max(inside), inside[0], inside[-1])
            assert b["mean"] == pytest.approx(sum(inside) / len(inside))
    only = api.ok("GET", "history", path=path, points=5, fn="mean,last")["series"][0]["buckets"][0]
    assert set(only) == {"from", "to", "n", "bad", "mean", "last"}


def test_the_tree_holds_what_signals_and_assets_hold(api, machine):
    tree = api.ok("GET", "tree", depth=16)
    seen = []

    def walk(a):
        seen.extend(s["path"] for s in a["signals"])
        assert a["counts"]["signals"] == len(a["signals"])
        for child in a["assets"]:
            walk(child)
    walk(tree)
    assert sorted(seen) == sorted(s["path"] for s in api.ok("GET", "signals", limit=10000)["signals"])


def test_sql_reads_and_is_interrupted_when_the_client_hangs_up(node, api, machine):
    answer = api.ok("POST", "sql", {"sql": "select count(*) n from signal"})
    assert answer["columns"] == ["n"] and answer["rows"][0][0] >= 5
    endless = json.dumps({"sql": "with recursive t(n) as (select 1 union all select n+1 from t) select count(*) from t"}).encode()
    for _ in range(4):  # more than there are workers for slow requests
        with dial(node) as s:
            s.sendall(f"POST /api/v1/sql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {node.token}\r\nContent-Type: application/json\r\n"
                      f"Content-Length: {len(endless)}\r\n\r\n".encode() + endless)
            time.sleep(0.2)
    began = time.monotonic()
    assert api.ok("POST", "sql", {"sql": "select 1"})["rows"] == [[1]]
    assert time.monotonic() - began < 15  # the deadline of one alone is 30 s


def test_slow_requests_do_not_hold_up_quick_ones(node, api):
    endless = {"sql": "with recursive t(n) as (select 1 union all select n+1 from t) select count(*) from t"}

    def ask():
        try:
            Api(node).send("POST", "sql", endless)
        except requests.ConnectionError:
            pass  # the node ended first
    others = [threading.Thread(target=ask, daemon=True) for _ in range(4)]
    for t in others:
        t.start()
    time.sleep(0.5)
    for _ in range(20):
        assert api.ok("GET", "status")["node"] == "test"
    node.process.terminate()  # ends the queries too; the fixture checks that it ended well
    assert node.process.wait(30) == 0


def test_backup_streams_progress_and_refuses_what_makes_no_sense(node, tmp_path, machine):
    file = tmp_path / "copy.db"
    status, body = over_socket(node, "POST", "/api/v1/backup", json.dumps({"file": str(file)}).encode())
    lines = [json.loads(line) for line in body.splitlines()]
    assert status == 200 and lines[-1] == {"ok": True, "file": str(file)} and file.stat().st_size > 0
    assert all(0 <= line["done"] <= line["total"] for line in lines[:-1])
    status, body = over_socket(node, "POST", "/api/v1/backup", json.dumps({"file": str(file)}).encode())
    assert json.loads(body.splitlines()[-1])["ok"] is False
    assert over_socket(node, "POST", "/api/v1/backup", b'{"file":"relative.db"}')[0] == 400


def test_what_is_exported_applies_without_a_change(api, machine):
    yaml = api.get("export")
    assert yaml.headers["Content-Type"].startswith("application/yaml") and "line" in yaml.text
    headers = {**api.session.headers, "Content-Type": "application/yaml"}
    plan = requests.post(api.base + "apply?dryRun=1", data=yaml.content, headers=headers, timeout=30)
    assert plan.status_code == 200, plan.text
    assert plan.json() == {"plan": [], "applied": False}
    wrong = requests.post(api.base + "apply?name=my.yaml", data=b"couplins: {}\n", headers=headers, timeout=30)
    assert wrong.status_code == 400 and wrong.json()["message"].startswith("my.yaml:1:")


def test_names_with_spaces_slashes_and_letters_of_all_kinds_work(api):
    path = "Fräserei/Maschine 1 & 2/50% + ß"
    assert api.ok("POST", "assets", {"path": path})["path"] == path
    assert api.ok("GET", "asset", path=path)["path"] == path
    assert requests.get(f"{api.base}asset?path={quote(path, safe='')}", headers=api.session.headers, timeout=20).json()["path"] == path
    assert api.send("GET", "couplings/" + quote("a/b", safe="")).status_code == 404
