# SPDX-License-Identifier: Apache-2.0
"""The daily mail of a factory without a security team, through a real mail server; and the evidence pack."""
import json
import subprocess
import time
from datetime import datetime, timedelta, timezone

import pytest
from aiosmtpd.controller import Controller
from conftest import wait_for
from ports import free_port
from test_alarm_delivery import Mailbox
from test_incidents import SCOPE, ago, flat, text_of
from web_client import Api


def advisory(number, product="Cogs PLC", fix="2.0", tlp="WHITE"):
    """CSAF 2.0: devices of Cogs below a version are affected."""
    at = "2026-11-01T10:00:00.000Z"
    ident = f"COGS-2026-{number:02}"
    return {
        "document": {"category": "csaf_security_advisory", "csaf_version": "2.0", "title": f"Cogs: hole {number} in the web server", "lang": "en",
                     "distribution": {"tlp": {"label": tlp}}, "publisher": {"category": "vendor", "name": "Cogs", "namespace": "https://cogs.example"},
                     "references": [{"category": "self", "summary": "this", "url": f"https://cogs.example/{ident.lower()}.json"}],
                     "tracking": {"id": ident, "version": "1", "status": "final", "current_release_date": at, "initial_release_date": at,
                                  "revision_history": [{"date": at, "number": "1", "summary": "first"}]}},
        "product_tree": {"branches": [{"category": "vendor", "name": "Cogs", "branches": [{"category": "product_name", "name": product, "branches": [
            {"category": "product_version_range", "name": f"vers:generic/<{fix}", "product": {"product_id": "P1", "name": f"Cogs {product} <{fix}"}}]}]}]},
        "vulnerabilities": [{"cve": f"CVE-2026-10{number:02}", "notes": [{"category": "description", "text": "An attacker can stop it."}],
                             "product_status": {"known_affected": ["P1"]},
                             "scores": [{"products": ["P1"], "cvss_v3": {"version": "3.1", "vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
                                                                        "baseScore": 9.8, "baseSeverity": "CRITICAL"}}],
                             "remediations": [{"category": "vendor_fix", "details": f"Update to V{fix} or later.", "product_ids": ["P1"]}]}]}


@pytest.fixture
def box():
    b = Mailbox()
    b.controller = Controller(b, hostname="127.0.0.1", port=free_port())
    b.controller.start()
    yield b
    b.controller.stop()


def mail_plan(box):
    return {"mail": {"url": f"smtp://127.0.0.1:{box.controller.port}", "from": "koppel@plant.example", "security": "none"},
            "channels": [{"name": "post", "kind": "mail", "to": "anna@plant.example"}, {"name": "bob", "kind": "mail", "to": "bob@plant.example"}],
            "roster": [{"name": "Anna", "channel": "post", "language": "nl"}, {"name": "Bob", "channel": "bob", "language": "en"}],
            "escalation": [{"after": "10h", "to": ["Anna"]}]}


def take(api, *documents):
    for d in documents:
        api.ok("POST", "advisories", {"text": json.dumps(d)})


def plain(mail):
    return mail.get_body(("plain",)).get_content()


def subjects(box):
    return [m["Subject"] for _, m in box.mails if "alarm" not in m["Subject"]]


def test_new_findings_go_to_each_in_his_language_and_a_quiet_day_has_no_mail(node, box):
    api = Api(node)
    first = api.ok("GET", "shield/mail")
    assert (first["on"], first["at"], first["to"], first["reaches"], first["next"]) == (True, "07:00", [], 0, None)  # on at first, but there is no mail server
    assert "nobody is reached" in api.refused(400, "POST", "shield/mail/send")
    api.ok("PUT", "alarm-delivery", mail_plan(box))
    assert api.ok("GET", "shield/mail")["reaches"] == 2
    assert api.ok("POST", "shield/mail/send") == {"sent": 0, "empty": True} and not box.mails
    node.cli("inventory", "set", "hall/press", "manufacturer=Cogs", "product=Cogs PLC", "firmware=V1.4")
    take(api, advisory(1), advisory(2, "Another thing"))
    assert api.ok("POST", "shield/mail/send") == {"sent": 2, "empty": False}
    got = {to[0]: m for to, m in box.mails}
    dutch, english = plain(got["anna@plant.example"]), plain(got["bob@plant.example"])
    assert got["anna@plant.example"]["Subject"] == "test: 1 nieuw lek" and got["bob@plant.example"]["Subject"] == "test: 1 new hole"
    assert "hall/press, V1.4" in dutch and "COGS-2026-01" in dutch and "Nieuwe lekken in onze eigen apparaten" in dutch
    assert "Update to V2.0 or later." in english and "COGS-2026-02" not in english  # only what touches own devices
    html = got["bob@plant.example"].get_body(("html",)).get_content()
    assert "COGS-2026-01" in html and "<script" not in html
    assert node.cli("report", "mail", "--send").stdout.startswith("sent to 2")
    # Bad settings change nothing.
    for body, why in (({"at": "25:00"}, "at"), ({"to": ["nobody"]}, "nobody"), ({"language": "fr"}, "fr"), ({"hour": 7}, "hour"), ({"at": "24:00"}, "midnight")):
        assert why in api.refused(400, "PUT", "shield/mail", body)
    assert "off" in node.cli("report", "mail", "--off").stdout and api.ok("GET", "shield/mail")["next"] is None


def test_it_comes_at_its_hour_once_a_day(node, box):
    api = Api(node)
    node.cli("inventory", "set", "hall/press", "manufacturer=Cogs", "product=Cogs PLC", "firmware=V1.4")
    take(api, advisory(1))
    api.ok("PUT", "alarm-delivery", mail_plan(box))
    now = datetime.now()
    if now.second > 40:
        time.sleep(61 - now.second)
        now = datetime.now()
    at = now + timedelta(minutes=1)
    said = json.loads(node.cli("report", "mail", "--at", f"{at:%H:%M}", "--to", "chief@plant.example", "--language", "nl", "--json").stdout)
    assert said["on"] and said["to"] == ["chief@plant.example"] and said["next"]
    time.sleep(3)
    assert not subjects(box)  # not when it is set, but at its hour
    wait_for(lambda: subjects(box), 100, "the mail of the hour")
    assert subjects(box) == ["test: 1 nieuw lek"] and box.mails[-1][0] == ["chief@plant.example"]
    state = wait_for(lambda: (s := api.ok("GET", "shield/mail"))["last"] and s, 10, "it is noted")
    assert state["sent"] == ["chief@plant.example"] and state["error"] is None
    # What comes later the same day waits for tomorrow, also over a restart and with another hour.
    take(api, advisory(3))
    api.ok("PUT", "shield/mail", {"on": True, "at": f"{datetime.now():%H:%M}", "to": ["chief@plant.example"], "language": "nl"})
    node.stop()
    node.start()
    time.sleep(4)
    assert len(subjects(box)) == 1
    assert Api(node).ok("POST", "shield/mail/send") == {"sent": 1, "empty": False}
    assert "COGS-2026-03" in plain(box.mails[-1][1]) and "COGS-2026-01" not in plain(box.mails[-1][1])  # only what was not told yet


def test_clocks_of_incidents_and_changes_of_firmware_are_in_it_and_nothing_secret(node, box):
    api = Api(node)
    api.ok("PUT", "alarm-delivery", mail_plan(box))
    api.ok("PUT", "incidents/scope", SCOPE)
    api.ok("POST", "incidents", {"title": "Phishing in sales", "aware": ago(hours=25)})
    api.ok("POST", "assets", {"path": "hall/zebra", "kind": "machine"})
    node.cli("set", "hall/zebra", "--label", "secret")
    for name in ("zebra", "zebra/drive", "press"):
        node.cli("inventory", "set", f"hall/{name}", "manufacturer=Cogs", "product=Cogs PLC", "firmware=V1.4")
    device = next(d["id"] for d in node.json("inventory")["devices"] if d["name"] == "hall/zebra")
    node.cli("incident", "new", "zebra is ill", "--device", device, "aware=-25h")
    take(api, advisory(1))
    api.ok("POST", "shield/mail/send")
    for to, mail in box.mails:
        text = plain(mail) + mail.get_body(("html",)).get_content() + mail["Subject"]
        assert "zebra" not in text and "hall/press" in text and "Phishing in sales" in text and "NIS2 art. 23(4)(a)" in text
    assert {m["Subject"] for _, m in box.mails} == {"test: 2 reports due, 1 new hole", "test: 2 meldingen moeten, 1 nieuw lek"}


def test_both_are_a_section_of_apply_files(node, tmp_path):
    file = tmp_path / "f.yaml"
    file.write_text("shield:\n  scope: {sector: machinery, size: large, named: false, supplier: true, products: false}\n"
                    "  mail: {on: true, at: '06:30', to: [a@b.example], language: nl}\n")
    assert "~ setting shield" in node.cli("apply", file, "--dry-run").stdout
    node.cli("apply", file)
    assert node.json("report", "mail")["at"] == "06:30" and node.json("incident", "scope")["answers"]["size"] == "large"
    assert "nothing" in node.cli("apply", file).stdout
    (tmp_path / "out.yaml").write_text(node.cli("export").stdout)
    assert "06:30" in (tmp_path / "out.yaml").read_text()
    assert "nothing" in node.cli("apply", tmp_path / "out.yaml").stdout
    file.write_text("shield:\n  scope: {sector: machinery}\n")
    wrong = node.cli("apply", file, check=False)
    assert wrong.returncode == 1 and "all five" in wrong.stderr and "f.yaml:1" in wrong.stderr


def test_the_evidence_pack_says_what_the_node_knows_and_nothing_secret(node, tmp_path):
    api = Api(node)
    api.ok("POST", "assets", {"path": "hall/zebra", "kind": "machine"})
    node.cli("set", "hall/zebra", "--label", "secret")
    for name in ("zebra", "press", "saw"):
        node.cli("inventory", "set", f"hall/{name}", "manufacturer=Cogs", "product=Cogs PLC", "firmware=V1.4", "serialNumber=secret-serial")
    take(api, advisory(1), advisory(2, tlp="AMBER"))
    node.cli("inventory", "set", "hall/saw", "firmware=V2.0")  # which closes its findings
    (tmp_path / "copies").mkdir()
    node.cli("backup", "--to", tmp_path / "copies", "--keep", 5)
    node.cli("backup", "--now")
    node.cli("backup", "--prove")
    wait_for(lambda: [r for r in api.ok("GET", "backups")["runs"] if r["proven"]], 60, "a proof")
    node.cli("token", "add", "grafana", "--role", "viewer")
    e = api.ok("GET", "reports/evidence", format="json")
    assert {d["name"]: (d["firmware"], d["affectedBy"]) for d in e["devices"]} == {"hall/press": ("V1.4", 2), "hall/saw": ("V2.0", 0)} and e["secretDevices"] == 1
    assert {f["advisory"] for f in e["findings"]} == {"COGS-2026-01", None} and e["notToBePassedOn"] == 1
    assert e["fixedInAYear"]["count"] >= 2 and e["fixedInAYear"]["medianSeconds"] < 60
    assert e["backups"]["proven"] >= 1 and e["backups"]["lastProven"] and e["backups"]["keep"] == 5
    assert {t["name"]: t["may"] for t in e["tokens"]}["grafana"] == "viewer" and [u["role"] for u in e["users"]] == ["owner"]
    assert e["listeners"][0]["for"] == "this machine" and e["auditLog"]["whole"] and e["dataFileVersion"] >= 11
    for language in ("en", "nl"):
        for format in ("html", "pdf", "text"):
            r = api.get("reports/evidence", format=format, language=language)
            text = flat(text_of(r.content, tmp_path)) if format == "pdf" else r.text
            for word in ("zebra", "secret-serial", "hole 2", "COGS-2026-02", node.token, str(tmp_path)):
                assert word not in text, (language, format, word)
            for word in ("hall/press", "V1.4", "COGS-2026-01", "grafana", "TLP:AMBER", "Evidence of security" if language == "en" else "Bewijs van beveiliging"):
                assert word in text, (language, format, word)
    node.cli("report", "evidence", "--pdf", tmp_path / "e.pdf", "--language", "nl")
    assert (tmp_path / "e.pdf").read_bytes()[:4] == b"%PDF"
    assert node.json("report", "evidence")["node"] == "test"
    assert any(a["action"] == "export evidence" for a in node.json("audit")["entries"])
    viewer = node.cli("token", "add", "eye", "--role", "engineer").stdout.split()[0]
    Api(node, Authorization=f"Bearer {viewer}").refused(403, "GET", "reports/evidence")
