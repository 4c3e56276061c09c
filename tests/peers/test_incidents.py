# SPDX-License-Identifier: Apache-2.0
"""Incidents: records with the clocks of NIS2 and the Cyber Resilience Act, and what is reported, filled in."""
import json
import sqlite3
import subprocess
from datetime import datetime, timedelta, timezone

import pytest
from conftest import Node, wait_for
from web_client import Api

SCOPE = {"sector": "machinery", "size": "medium", "named": False, "supplier": True, "products": True}
HOT = {"name": "hot", "kind": "limit", "match": "hall/**/temperature", "high": 80, "priority": "high", "text": "the oven is <too> hot"}


def ago(**time):
    return (datetime.now(timezone.utc) - timedelta(**time)).strftime("%Y-%m-%dT%H:%M:%SZ")


def when(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def alarm(node, api, machine="oven"):
    """One of a machine that the inventory knows; its number."""
    node.cli("inventory", "set", f"hall/{machine}", "manufacturer=Siemens", "product=S7-1500", "firmware=V2.8.1", "serialNumber=S-42")
    if not node.json("alarms", "rules")["rules"] or "hot" not in [r["name"] for r in node.json("alarms", "rules")["rules"]]:
        api.ok("POST", "alarm-rules", HOT)
    api.ok("POST", "values", {f"hall/{machine}/temperature": 95})
    return wait_for(lambda: [a for a in node.json("alarms")["alarms"] if a["asset"] == f"hall/{machine}"], 20, "the alarm")[0]["id"]


def clocks(incident):
    return {c["stage"]: c for c in incident["clocks"]}


def text_of(pdf, tmp_path):
    (tmp_path / "a.pdf").write_bytes(pdf)
    return subprocess.run(["pdftotext", "-layout", tmp_path / "a.pdf", "-"], capture_output=True, text=True, check=True).stdout


def flat(text):
    return " ".join(text.split())


def test_five_answers_say_which_laws_set_clocks(node):
    api = Api(node)
    first = api.ok("GET", "incidents/scope", language="nl")
    assert first["answers"] is None and not any(law["applies"] for law in first["laws"])
    assert [q["key"] for q in first["questions"]] == list(SCOPE)
    assert "geen juridisch advies" in first["notice"]
    assert api.ok("POST", "incidents", {"title": "nobody answered"})["id"] == 1
    assert api.ok("GET", "incidents/1")["clocks"] == []
    said = api.ok("PUT", "incidents/scope", SCOPE)
    assert [(law["law"], law["applies"], law["as"]) for law in said["laws"]] == [("nis2", True, "important"), ("cra", True, None)]
    assert said["answers"] == SCOPE and said["changed"] and said["who"]
    assert list(clocks(api.ok("GET", "incidents/1"))) == ["nis2-warning", "nis2-notification", "nis2-progress", "nis2-final"]
    small = api.ok("PUT", "incidents/scope", {**SCOPE, "size": "small", "products": False})
    assert not any(law["applies"] for law in small["laws"]) and "NIS2 art. 30" in small["voluntary"]
    assert "contract" in small["laws"][0]["why"]  # its customers may ask
    left = api.ok("GET", "incidents/1")
    assert left["clocks"] == [] and "free will" in left["voluntary"]
    assert "all five" in api.refused(400, "PUT", "incidents/scope", {"sector": "machinery"})
    assert "sector" in api.refused(400, "PUT", "incidents/scope", {**SCOPE, "sector": "magic"})
    assert api.ok("GET", "incidents/scope")["answers"]["size"] == "small"


def test_a_record_made_from_an_alarm_knows_what_the_node_knows(node, tmp_path):
    api = Api(node)
    api.ok("PUT", "incidents/scope", SCOPE)
    number = alarm(node, api)
    made = api.ok("POST", "incidents", {"alarms": [number], "category": "intrusion"})["id"]
    i = api.ok("GET", f"incidents/{made}")
    assert (i["title"], i["severity"], i["status"], i["category"]) == (HOT["text"], "high", "open", "intrusion")
    assert when(i["began"]) <= when(i["aware"])
    assert [(d["name"], d["manufacturer"], d["product"], d["firmware"]) for d in i["devices"]] == [("hall/oven", "Siemens", "S7-1500", "V2.8.1")]
    assert [a["id"] for a in i["alarms"]] == [number]
    assert [n["kind"] for n in i["log"]] == ["made"]
    # The record says what was, though the device is updated afterwards.
    node.cli("inventory", "set", "hall/oven", "firmware=V3.0")
    assert api.ok("GET", f"incidents/{made}")["devices"][0]["firmware"] == "V2.8.1"
    other = api.ok("POST", "incidents", {"title": "other", "alarms": [number]})["id"]
    api.ok("PATCH", f"incidents/{other}", {"alarms": None, "devices": []})
    assert (lambda i: i["alarms"] == i["devices"] == [])(api.ok("GET", f"incidents/{other}"))
    report = api.ok("GET", f"incidents/{made}/stages/nis2-notification")
    texts = {t["key"]: t["text"] for t in report["texts"]}
    assert "hall/oven: Siemens S7-1500, firmware V2.8.1, serial number S-42" in texts["assets"] and HOT["text"] in texts["assets"]
    assert texts["assessment"].startswith("Severity: high. Kind: intrusion.") and "not known yet" in texts["malicious"]
    assert report["open"] == sum(t.count("[fill in:") for t in texts.values()) > 3
    dutch = {t["key"]: t["text"] for t in api.ok("GET", f"incidents/{made}/stages/nis2-notification", language="nl")["texts"]}
    assert "serienummer S-42" in dutch["assets"] and "[in te vullen:" in dutch["what"] and "nog niet bekend" in dutch["malicious"]
    api.ok("PATCH", f"incidents/{made}", {"what": "Somebody came in by the service line.", "malicious": "yes", "impact": "Line 3 stood still.", "contact": "Anna, 040-1234567"})
    api.ok("POST", f"incidents/{made}/notes", {"text": "pulled the plug", "at": ago(minutes=5)})
    after = {t["key"]: t["text"] for t in api.ok("GET", f"incidents/{made}/stages/nis2-notification")["texts"]}
    assert "service line" in after["what"] and "suspected: yes" in after["malicious"] and "pulled the plug" in after["measures"] and after["organisation"].startswith("Anna")


def test_clocks_run_until_a_person_says_that_he_sent_it(node):
    api = Api(node)
    api.ok("PUT", "incidents/scope", SCOPE)
    made = api.ok("POST", "incidents", {"title": "late", "aware": ago(hours=30)})["id"]
    now = clocks(api.ok("GET", f"incidents/{made}"))
    assert (now["nis2-warning"]["state"], now["nis2-notification"]["state"], now["nis2-final"]["state"]) == ("overdue", "running", "waiting")
    assert when(now["nis2-warning"]["due"]) - when(now["nis2-warning"]["begins"]) == timedelta(hours=24)
    assert now["nis2-warning"]["article"] == "NIS2 art. 23(4)(a)" and len(now["nis2-warning"]["holds"]) == 3
    row = api.ok("GET", "incidents")["incidents"][0]
    assert (row["next"]["stage"], row["next"]["state"]) == ("nis2-warning", "overdue")
    # An alarm says so, by number only.
    find = lambda: [a for a in node.json("alarms")["alarms"] if a["text"].startswith(f"incident {made}:") and a["active"]]
    told = wait_for(find, 10, "the alarm of the clock")[0]
    assert "NIS2 art. 23(4)(a)" in told["text"] and "was due" in told["text"] and "late" not in told["text"]
    api.ok("PUT", f"incidents/{made}/stages/nis2-warning", {"sent": ago(minutes=1), "reference": "NCSC-1"})
    now = clocks(api.ok("GET", f"incidents/{made}"))
    assert (now["nis2-warning"]["state"], now["nis2-warning"]["late"], now["nis2-warning"]["reference"]) == ("done", True, "NCSC-1")
    wait_for(lambda: not find(), 10, "the end of the alarm")
    api.ok("PUT", f"incidents/{made}/stages/nis2-notification", {"sent": ago(minutes=1)})
    now = clocks(api.ok("GET", f"incidents/{made}"))
    assert now["nis2-progress"]["state"] == "running" and now["nis2-final"]["state"] == "waiting"
    assert when(now["nis2-progress"]["due"]) - datetime.now(timezone.utc) > timedelta(days=27)
    api.ok("PATCH", f"incidents/{made}", {"status": "closed"})
    i = api.ok("GET", f"incidents/{made}")
    assert "nis2-progress" not in clocks(i) and clocks(i)["nis2-final"]["state"] == "running" and i["handled"] and not i["ongoing"]
    assert api.ok("GET", "incidents")["incidents"] == [] and api.ok("GET", "incidents", all=1)["counts"]["closed"] == 1
    api.ok("PUT", f"incidents/{made}/stages/nis2-notification", {"sent": None})  # taken back
    assert clocks(api.ok("GET", f"incidents/{made}"))["nis2-notification"]["state"] == "running"
    assert [n["kind"] for n in api.ok("GET", f"incidents/{made}")["log"]] == ["made", "sent", "sent", "closed", "changed"]


def test_a_product_of_ours_and_what_is_not_significant(node):
    api = Api(node)
    api.ok("PUT", "incidents/scope", SCOPE)
    made = api.ok("POST", "incidents", {"title": "hole in our controller", "product": "vulnerability", "significant": "no"})["id"]
    assert {k: c["state"] for k, c in clocks(api.ok("GET", f"incidents/{made}")).items()} == {
        "cra-warning": "running", "cra-notification": "running", "cra-final": "waiting"}
    api.ok("PATCH", f"incidents/{made}", {"fixed": ago(days=1)})
    final = clocks(api.ok("GET", f"incidents/{made}"))["cra-final"]
    assert final["article"] == "CRA art. 14(2)(c)" and timedelta(days=13, hours=22) < when(final["due"]) - when(final["begins"]) < timedelta(days=14, hours=2)
    texts = [t["key"] for t in api.ok("GET", f"incidents/{made}/stages/cra-notification")["texts"]]
    assert texts == ["organisation", "product", "what", "malicious", "assessment", "measures", "users", "sensitive"]


def test_texts_are_edited_and_taken_along_in_four_formats(node, tmp_path):
    api = Api(node)
    api.ok("PUT", "incidents/scope", SCOPE)
    made = api.ok("POST", "incidents", {"title": "<b>R&D</b> down", "what": "Eerst viel de server uit.\nToen de rest: żółć."})["id"]
    where = f"incidents/{made}/stages/nis2-warning"
    api.ok("PUT", where, {"texts": {"organisation": "Acme BV\nKvK 12345678"}})
    own = {t["key"]: (t["text"], t["edited"]) for t in api.ok("GET", where)["texts"]}
    assert own["organisation"] == ("Acme BV\nKvK 12345678", True) and own["what"][1] is False
    page = api.get(f"{where}/file", language="nl")
    assert page.headers["Content-Type"].startswith("text/html") and "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "Vroegtijdige waarschuwing" in page.text and "&#60;b&#62;R&#38;D" in page.text and "<b>R&D" not in page.text and "Concept" in page.text
    pdf = flat(text_of(api.get(f"{where}/file", format="pdf").content, tmp_path))
    assert "Early warning" in pdf and "KvK 12345678" in pdf and "żółć" in pdf and "A draft: nothing has been sent" in pdf
    text = api.get(f"{where}/file", format="text", language="nl").text
    assert "Wie meldt" in text and "Geen" not in text.split("\n")[0] and "Acme BV\nKvK 12345678" in text
    assert api.get(f"{where}/file", format="json").json()["texts"][0]["text"] == "Acme BV\nKvK 12345678"
    record = flat(text_of(api.get(f"incidents/{made}/file", format="pdf").content, tmp_path))
    assert f"Incident {made}: <b>R&D</b> down" in record and "What was done" in record and "NIS2 art. 23(4)(a)" in record
    assert api.get(f"incidents/{made}/file", format="json").json()["id"] == made
    api.ok("PUT", where, {"texts": {"organisation": None}})
    assert not api.ok("GET", where)["texts"][0]["edited"]
    assert [a["action"] for a in node.json("audit")["entries"] if a["action"] == "export incident"]


def test_what_was_noted_stays(node):
    api = Api(node)
    made = api.ok("POST", "incidents", {"title": "x"})["id"]
    api.ok("POST", f"incidents/{made}/notes", {"text": "first"})
    with sqlite3.connect(node.dir / "factory.db", timeout=20) as db:
        for sql in ("update incident_log set text = 'other'", "delete from incident_log"):
            with pytest.raises(sqlite3.DatabaseError, match="what was noted is not"):
                db.execute(sql)
    node.stop()
    node.start()
    assert [n["text"] for n in Api(node).ok("GET", f"incidents/{made}")["log"]][1:] == ["first"]


def test_something_secret_is_not_told(node, tmp_path):
    api = Api(node)
    api.ok("PUT", "incidents/scope", SCOPE)
    number = alarm(node, api, "vault")
    open_one = alarm(node, api, "oven")
    node.cli("set", "hall/vault", "--label", "secret")
    made = node.json("incident", "new", "--alarm", number, "--alarm", open_one)["id"]  # a person at the node
    inside = node.json("incident", "show", made)
    assert [a["asset"] for a in inside["alarms"]] == ["hall/vault", "hall/oven"] and "hot" not in inside["title"]
    # A program with a token does not see the record, nor may it make one of what it may not see.
    assert api.ok("GET", "incidents", all=1)["incidents"] == []
    for method, where, body in (("GET", "", None), ("PATCH", "", {"title": "y"}), ("POST", "/notes", {"text": "y"}), ("GET", "/file", None),
                                ("GET", "/stages/nis2-warning", None), ("PUT", "/stages/nis2-warning", {"reference": "y"})):
        assert "no incident" in api.refused(404, method, f"incidents/{made}{where}", body)
    assert "no alarm" in api.refused(404, "POST", "incidents", {"alarms": [number]})
    # What a person takes along leaves it out.
    for format in ("text", "html", "pdf"):
        for stage in ((), ("nis2-notification",)):
            file = tmp_path / f"out.{format}"
            words = () if format == "text" else (f"--{format}", file)
            done = node.cli("incident", "export", made, *stage, *words)
            out = done.stdout if format == "text" else text_of(file.read_bytes(), tmp_path) if format == "pdf" else file.read_text()
            assert "vault" not in out and "oven" in out and "secret" in out, (format, stage)


@pytest.mark.parametrize("body, why", [
    ({}, "title"), ({"title": ""}, "title"), ({"title": "x" * 201}, "200"), ({"title": "x", "severity": "huge"}, "huge"), ({"title": "x", "colour": "red"}, "colour"),
    ({"title": "x", "aware": "yesterday"}, "aware"), ({"title": "x", "aware": "2199-01-01T00:00:00Z"}, "future"), ({"title": "x", "status": "closed"}, "open"),
    ({"title": "x", "what": "a\u0007b"}, "control"), ({"title": "x", "what": 7}, "text"), ({"title": "x", "devices": ["a"]}, "number"), ({"title": "x", "alarms": "1"}, "alarms"),
    ({"title": "x", "what": "y" * 20001}, "20000")])
def test_bad_records_are_refused_and_change_nothing(node, body, why):
    api = Api(node)
    assert why in api.refused(400, "POST", "incidents", body)
    assert api.ok("GET", "incidents", all=1)["incidents"] == []


def test_bad_changes_are_refused_and_change_nothing(node):
    api = Api(node)
    made = api.ok("POST", "incidents", {"title": "x"})["id"]
    before = api.ok("GET", f"incidents/{made}")
    assert "no device 99" in api.refused(404, "POST", "incidents", {"title": "x", "devices": [99]})
    for body, status, why in (({"severity": "low", "devices": [99]}, 404, "no device 99"), ({"severity": "low", "alarms": [99]}, 404, "no alarm 99"),
                              ({"title": None}, 400, "title"), ({}, 400, "nothing"), ({"aware": None}, 400, "aware")):
        assert why in api.refused(status, "PATCH", f"incidents/{made}", body)
    for stage, body, status, why in (("nis2-warnin", {"sent": None}, 404, "nis2-warning"), ("nis2-warning", {}, 400, "nothing"),
                                     ("nis2-warning", {"texts": {"timeline": "x"}}, 400, "timeline"), ("nis2-warning", {"sent": "2199-01-01"}, 400, "future"),
                                     ("nis2-warning", {"texts": {"what": 3}}, 400, "texts: what")):
        assert why in api.refused(status, "PUT", f"incidents/{made}/stages/{stage}", body)
    assert api.ok("GET", "incidents", all=1)["counts"]["open"] == 1
    assert api.ok("GET", f"incidents/{made}") == before
    assert "not the number" in api.refused(400, "GET", "incidents/x")


def test_at_the_command_line(node, tmp_path):
    node.cli("incident", "scope", *(f"{k}={str(v).lower()}" for k, v in SCOPE.items()))
    assert "important" in node.cli("incident", "scope").stdout
    made = node.json("incident", "new", "Phishing", "category=phishing", "aware=-2h")["id"]
    assert f"incident {made}" in node.cli("incident", "set", made, "severity=critical", "significant=yes").stdout
    node.cli("incident", "note", made, "reset all passwords", "--at", "-1h")
    node.cli("incident", "sent", made, "nis2-warning", "--reference", "R-7")
    shown = node.cli("incident", "show", made).stdout
    assert "reset all passwords" in shown and "R-7" in shown and "critical" in shown
    assert "nis2-notification" in node.cli("incident").stdout
    node.cli("incident", "export", made, "nis2-notification", "--pdf", tmp_path / "m.pdf", "--language", "nl")
    assert "Incidentmelding" in text_of((tmp_path / "m.pdf").read_bytes(), tmp_path)
    assert node.json("incident", "export", made)["title"] == "Phishing"
    node.cli("incident", "close", made)
    assert "none" in node.cli("incident", "list").stdout and "Phishing" in node.cli("incident", "list", "--all").stdout
    wrong = node.cli("incident", "note", made, check=False)
    assert wrong.returncode == 2 and "what was done" in wrong.stderr
    assert node.cli("incident", "set", made, "aware=never", check=False).returncode == 2
