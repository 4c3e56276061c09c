# SPDX-License-Identifier: Apache-2.0
"""The inventory and its findings: a meter says what it runs, lists and bills of materials are taken, advisories of our own are matched, answered and
closed by firmware; a change nobody announced is an alarm."""
import json
import subprocess

import pytest
from conftest import KOPPEL, Node, wait_for
from web_client import Api


def advisory(name, number, entries, version="1", date="2026-02-01T00:00:00Z", maker="Koppel Test Works", score=8.8, **status):
    """entries: {product_id: (range, helper or None)}; status: known_affected=[...]."""
    branches = [{"category": "product_version_range", "name": text, "product": {"name": f"{name} {text}", "product_id": key,
                 **({"product_identification_helper": helper} if helper else {})}} for key, (text, helper) in entries.items()]
    affected = status.get("known_affected", [])
    return {"document": {"category": "csaf_security_advisory", "csaf_version": "2.0", "title": f"A hole in {name}",
                         "publisher": {"category": "vendor", "name": "Test Works", "namespace": "https://works.example"},
                         "tracking": {"id": number, "version": version, "status": "final", "current_release_date": date}},
            "product_tree": {"branches": [{"category": "vendor", "name": maker, "branches": [{"category": "product_name", "name": name, "branches": branches}]}]},
            "vulnerabilities": [{"cve": "CVE-2026-4711", "product_status": status,
                                 "remediations": [{"category": "vendor_fix", "details": "Update to 2.9", "product_ids": affected,
                                                   "restart_required": {"category": "machine"}}],
                                 "scores": [{"products": affected, "cvss_v3": {"version": "3.1", "baseScore": score}}]}]}


class Plant:
    def __init__(self, folder):
        self.folder = folder
        self.node = Node(folder).start()
        self.api = Api(self.node)
        self.taken = self.load("name;manufacturer;product;order_number;firmware\npack/drive;Gearworks;Drive SD-300;;V2.3\n"
                               "pack/plc;Siemens AG;Controller;6es7515 2am02 0ab0;V2.8.1\n")

    def take(self, document):
        return self.api.ok("POST", "advisories", {"text": json.dumps(document)})

    def findings(self, all=None):
        return {(f["name"], f["advisory"]): f for f in self.api.ok("GET", "advisories", all=all)["findings"]}

    def device(self, name):
        return next((d for d in self.api.ok("GET", "inventory")["devices"] if d["name"] == name), None)

    def load(self, text, **more):
        return self.api.ok("POST", "inventory/import", {"text": text, **more})


@pytest.fixture(scope="module")
def plant(tmp_path_factory):
    p = Plant(tmp_path_factory.mktemp("shield"))
    yield p
    p.node.stop()


def test_a_list_is_taken_whole_or_not_at_all(plant):
    assert plant.taken == {"devices": 2, "made": 2, "changed": 0, "removed": 0}
    assert plant.device("pack/plc")["readAs"] == {"manufacturer": "siemens", "orderCode": "6ES75152AM020AB0", "firmware": True}
    why = plant.api.refused(400, "POST", "inventory/import", {"text": "name,firmware\npack/other,1.0\n../x,1.0\n"})
    assert "line 3" in why and "../x" in why
    assert plant.device("pack/other") is None
    plant.api.refused(400, "POST", "inventory/import", {"text": "colour\nred\n"})


def test_a_bill_of_materials_follows_its_device(plant):
    def bom(*parts):
        return json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.5",
                           "components": [{"type": "library", "name": n, "version": v, "purl": f"pkg:generic/{n}@{v}", "supplier": {"name": "Cogs"}} for n, v in parts]})
    assert plant.load(bom(("cogssl", "3.0.1"), ("view runtime", "2.9")), of="pack/plc")["made"] == 2
    assert plant.device("pack/plc/cogssl")["partOf"] == plant.device("pack/plc")["id"]
    assert plant.load(bom(("cogssl", "3.0.2")), of="pack/plc") == {"devices": 1, "made": 0, "changed": 1, "removed": 1}
    assert plant.device("pack/plc/view runtime") is None


def test_findings_open_are_answered_and_close_by_themselves(plant):
    codes = {"model_numbers": ["6ES7515-2AM0x-0AB0"]}
    done = plant.take(advisory("S7-1500", "OWN-1", {"P": ("< V2.9.4", codes)}, maker="Siemens", known_affected=["P"]))
    assert (done["affected"], done["review"], done["opened"]) == (1, 0, 1)
    found = plant.findings()["pack/plc", "OWN-1"]
    assert found["verdict"] == "affected" and found["evidence"] == {"product": "P", "rule": "the order code is named", "version": "inside '< V2.9.4'"}
    assert found["do"][0] == {"category": "vendor_fix", "text": "Update to 2.9", "url": None, "restart": "machine"}
    assert "score 8.8" in found["because"] and found["vulnerabilities"][0]["id"] == "CVE-2026-4711"
    before = found["priority"]
    plant.api.ok("POST", "advisories", {"text": "#model_version:v1\ncve,epss,percentile\nCVE-2026-4711,0.91,0.99\n"})
    plant.api.ok("POST", "advisories", {"text": json.dumps({"catalogVersion": "1", "vulnerabilities": [{"cveID": "CVE-2026-4711"}]})})
    found = plant.findings()["pack/plc", "OWN-1"]
    assert found["priority"] > before and "exploited (KEV)" in found["because"]
    plc = plant.device("pack/plc")["id"]
    plant.api.ok("PATCH", f"inventory/{plc}", {"firmware": "V2.9.4"})
    assert ("pack/plc", "OWN-1") not in plant.findings()
    closed = plant.findings(all="true")["pack/plc", "OWN-1"]
    assert closed["closed"] and "V2.9.4 is outside '< V2.9.4'" in closed["closedWhy"]
    plant.api.ok("PATCH", f"inventory/{plc}", {"firmware": "V2.9.3"})
    assert plant.findings()["pack/plc", "OWN-1"]["verdict"] == "affected"


def test_doubt_is_asked_once_and_the_answer_is_remembered(plant):
    document = advisory("Drive SD-300", "OWN-2", {"P": ("< 2.4 only if the web server is on", None)}, maker="Gearworks", known_affected=["P"])
    assert plant.take(document)["review"] == 1
    key, drive = ("pack/drive", "OWN-2"), plant.device("pack/drive")["id"]
    assert "under a condition" in plant.findings()[key]["evidence"]["version"]
    plant.node.cli("advisories", "answer", "OWN-2", "pack/drive", "not_affected", "--comment", "it is off")
    assert key not in plant.findings()
    document["document"]["tracking"].update(version="2", current_release_date="2026-02-02T00:00:00Z")
    plant.take(document)
    assert key not in plant.findings() and plant.findings(all="true")[key]["comment"] == "it is off"
    document["vulnerabilities"][0]["remediations"][0]["details"] = "Update at once"
    document["document"]["tracking"].update(version="3", current_release_date="2026-02-03T00:00:00Z")
    plant.take(document)
    assert plant.findings()[key]["answer"] is None
    document["document"]["tracking"].update(version="1", current_release_date="2026-02-01T00:00:00Z")
    assert "newer" in plant.api.refused(409, "POST", "advisories", {"text": json.dumps(document)})
    assert "none of" in plant.api.refused(400, "PUT", "advisories/OWN-2/answer", {"device": drive, "answer": "perhaps"})
    plant.api.refused(404, "PUT", "advisories/OWN-9/answer", {"device": drive, "answer": "done"})
    shown = plant.node.cli("advisories", "show", "OWN-2").stdout
    assert "pack/drive" in shown and "vendor_fix: Update at once" in shown and "restart: machine" in shown


def test_what_an_advisory_points_to_is_shown_and_only_the_web_is_a_link(plant):
    document = advisory("Drive SD-300", "OWN-20", {"P": ("< 2.4", None)}, maker="Gearworks", known_affected=["P"])
    given = [("self", "The maker's page", "https://works.example/own-20"), ("external", "How to update", "http://works.example/how?a=1"),
             ("external", "Ask us", "mailto:psirt@works.example"), ("external", "Look", "javascript:alert(1)"), ("external", "Odd", "https://works.example/a b"),
             (None, "No word", "https://works.example/c")]
    document["document"]["references"] = [{"summary": s, "url": u, **({"category": c} if c else {})} for c, s, u in given]
    plant.take(document)
    told = plant.api.ok("GET", "advisories/OWN-20")["references"]
    assert [(r["category"], r["summary"], r["url"]) for r in told] == [
        ("self", "The maker's page", "https://works.example/own-20"), ("external", "How to update", "http://works.example/how?a=1"), ("external", "Ask us", None),
        ("external", "Look", None), ("external", "Odd", None), ("external", "No word", "https://works.example/c")]
    shown = plant.node.cli("advisories", "show", "OWN-20").stdout
    assert "self      https://works.example/own-20 The maker's page" in shown and "javascript" not in shown
    document["document"]["references"] = [{"summary": str(i), "url": f"https://works.example/{i}"} for i in range(300)]
    document["document"]["tracking"].update(version="2", current_release_date="2026-02-02T00:00:00Z")
    plant.take(document)
    assert len(plant.api.ok("GET", "advisories/OWN-20")["references"]) == 100
    assert plant.api.ok("GET", "advisories/OWN-2")["references"] == []


def test_an_advisory_that_says_fixed_clears_without_a_person(plant):
    entries = {"P": ("vers:all/*", None), "F": ("2.3", None)}
    plant.take(advisory("Drive SD-300", "OWN-3", {"P": entries["P"]}, maker="Gearworks", known_affected=["P"]))
    assert ("pack/drive", "OWN-3") in plant.findings()
    done = plant.take(advisory("Drive SD-300", "OWN-3", entries, version="2", date="2026-02-05T00:00:00Z", maker="Gearworks", known_affected=["P"], fixed=["F"]))
    assert done["closed"] == 1 and ("pack/drive", "OWN-3") not in plant.findings()


def test_a_makers_other_name_opens_what_it_hid(plant):
    plant.take(advisory("Drive SD-300", "OWN-7", {"P": ("<2.4", None)}, maker="Old Cogs", known_affected=["P"]))
    assert ("pack/drive", "OWN-7") not in plant.findings()
    assert "line 1" in plant.api.refused(400, "PUT", "vendor-aliases", {"text": "Old Cogs\n"})
    plant.api.ok("PUT", "vendor-aliases", {"text": "Old Cogs = Gearworks\n"})
    assert plant.findings()["pack/drive", "OWN-7"]["verdict"] == "affected"
    assert plant.node.cli("inventory", "aliases").stdout == "Old Cogs = Gearworks\n"


def test_what_is_no_advisory_is_refused_with_the_reason(plant):
    for text, why in (("{}", "CSAF"), ("{\"document\": ", "line 1"), ("nothing\n", "no CVE")):
        assert why in plant.api.refused(400, "POST", "advisories", {"text": text})
    deep = advisory("x", "OWN-4", {"P": ("<1", None)}, known_affected=["P"])
    for _ in range(40):
        deep["product_tree"]["branches"] = [{"category": "product_family", "name": "f", "branches": deep["product_tree"]["branches"]}]
    assert not plant.api.send("POST", "advisories", {"text": json.dumps(deep)}).ok


def test_firmware_that_changes_unannounced_is_an_alarm(plant, servers, free_port):
    meter, node = "hall/em", plant.node
    (plant.folder / "map.csv").write_text("address,path\n40025,temperature\n")

    def sim(revision):
        return servers("modbus_sim", "--port", free_port, "--revision", revision)

    def firmware(version):
        return wait_for(lambda: (d := plant.device(meter)) and d["firmware"] == version and d, 30, f"firmware {version}")

    def alarms():
        return [a for a in plant.api.ok("GET", "alarms")["alarms"] if "nobody announced" in str(a) and a["active"]]

    machine = sim("2.7")
    node.cli("couple", f"modbus://127.0.0.1:{free_port}", "--name", "em", "--at", meter, "--map", plant.folder / "map.csv", "--no-wait")
    device = firmware("2.7")
    assert (device["source"], device["orderCode"]) == ("model", "KTW-340")
    plant.take(advisory("EM340", "OWN-5", {"P": ("< 2.8", None)}, known_affected=["P"]))
    assert "reachable" in plant.findings()[meter, "OWN-5"]["because"]
    machine.stop()
    node.wait_link("em", "waiting")
    machine = sim("2.8")
    assert firmware("2.8")["unexpectedChange"]
    assert wait_for(alarms, 10, "the alarm")[0]["asset"] == meter
    assert (meter, "OWN-5") not in plant.findings()
    node.cli("inventory", "confirm", meter)
    wait_for(lambda: not alarms(), 10, "the end of the alarm")
    node.cli("inventory", "expect", meter, "V2.9", "--for", "1h")
    machine.stop()
    node.wait_link("em", "waiting")
    sim("2.9")
    assert not firmware("2.9")["unexpectedChange"] and not alarms()
    history = node.json("inventory", "show", meter)["history"]
    assert [(h["new"], h["expected"], bool(h["confirmed"])) for h in history] == [("2.9", True, False), ("2.8", False, True), ("2.7", True, False)]


def test_what_is_secret_is_not_there_for_a_token(plant):
    plant.api.ok("POST", "assets", {"path": "secret/press", "kind": "machine", "label": "secret", "ManufacturerName": "Gearworks",
                                    "ManufacturerProductDesignation": "Hidden Press", "FirmwareVersion": "1.0"})
    plant.take(advisory("Hidden Press", "OWN-8", {"P": ("<2.4", None)}, maker="Gearworks", known_affected=["P"]))
    seen = plant.node.json("inventory")["devices"]
    assert "secret/press" in [d["name"] for d in seen] and plant.device("secret/press") is None
    key = next(d["id"] for d in seen if d["name"] == "secret/press")
    plant.api.refused(404, "GET", f"inventory/{key}")
    assert "secret/press" in [f["name"] for f in plant.node.json("advisories")["findings"]]
    assert not [name for name, _ in plant.findings() if name == "secret/press"]


def test_what_concerns_us_is_told_device_by_device_and_answers_are_kept(plant):
    plant.load("name,manufacturer,product,firmware\nline/saw,Sawyers,Blade 9,\nline/mill,Sawyers,Blade 9,V1.0\n")
    plant.take(advisory("Blade 9", "SAW-1", {"P": ("< 2.0", None)}, maker="Sawyers", known_affected=["P"]))
    sum_ = plant.api.ok("GET", "security", limit=200)
    by = {c["name"]: c for c in sum_["concerned"]}
    assert (by["line/mill"]["affected"], by["line/mill"]["review"]) == (1, 0) and (by["line/saw"]["affected"], by["line/saw"]["review"]) == (0, 1)
    assert sum_["total"] == len(by) and sum_["withoutFirmware"] >= 1 and sum_["feeds"] == []
    assert by["line/mill"]["findings"][0]["reasons"][0] == {"is": "score", "value": 8.8} and by["line/mill"]["findings"][0]["firmware"] == "V1.0"
    assert [c["name"] for c in plant.api.ok("GET", "security", skip=1, limit=1)["concerned"]] == [sum_["concerned"][1]["name"]]
    saw = by["line/saw"]["device"]

    def say(answer, **more):
        plant.api.ok("PUT", "advisories/SAW-1/answer", {"device": saw, "answer": answer, **more})

    def listed(**q):
        return [f["name"] for f in plant.api.ok("GET", "advisories", find="SAW-1", **q)["findings"]]

    assert listed(verdict="review") == ["line/saw"] and listed(verdict="affected") == ["line/mill"] and listed(state="in_hand") == []
    say("affected")
    assert sorted(listed(verdict="affected")) == ["line/mill", "line/saw"]
    say("in_progress", comment="update on Friday")
    assert listed(state="in_hand") == ["line/saw"] and listed(state="waiting") == ["line/mill"]
    assert {c["name"]: c for c in plant.api.ok("GET", "security", limit=200)["concerned"]}["line/saw"]["inHand"] == 1
    say("not_affected")
    assert listed() == ["line/mill"] and listed(state="closed") == ["line/saw"] and listed(device=saw) == []
    say("open")
    assert sorted(listed(state="waiting")) == ["line/mill", "line/saw"] and plant.api.ok("GET", "advisories", find="%%")["total"] == 0 and listed(urgency="low") == []
    told = plant.api.ok("GET", "advisories/SAW-1")["answers"]
    assert [a["answer"] for a in told] == ["open", "not_affected", "in_progress", "affected"] and told[2]["comment"] == "update on Friday"
    page = plant.api.ok("GET", "advisories", limit=1, skip=1)
    assert len(page["findings"]) == 1 and page["total"] == len(plant.findings())


def test_the_inventory_is_searched_and_says_what_it_lacks(plant):
    def names(**q):
        return [d["name"] for d in plant.api.ok("GET", "inventory", **q)["devices"]]
    plant.load("name,manufacturer,product,firmware\nshed/saw,Axemen,Axe 8,\nshed/mill,Axemen,Axe 9,1.0\nshed/box,Axemen,,rather new\n")
    assert set(names(find="axemen")) == {"shed/saw", "shed/mill", "shed/box"} and names(find="AXE 9", limit=1) == ["shed/mill"]
    assert set(names(find="shed/", needs="firmware")) == {"shed/saw", "shed/box"} and names(find="shed/", needs="product") == ["shed/box"]
    assert names(find="shed/", needs="confirmation") == [] and plant.api.ok("GET", "inventory", find="shed/", limit=1)["total"] == 3


def test_files_are_matched_without_a_node(tmp_path):
    (tmp_path / "csaf").mkdir()
    (tmp_path / "csaf" / "own.json").write_text(json.dumps(advisory("Drive SD-300", "OWN-6", {"P": ("<2.4", None)}, maker="Gearworks", known_affected=["P"])))
    (tmp_path / "csaf" / "broken.json").write_text("{")
    (tmp_path / "list.csv").write_text("id,manufacturer,product,firmware\nD1,Gearworks GmbH,DRIVE SD 300,V2.3\nD2,Gearworks,Drive SD-300,2.4\nD3,Gearworks,Drive SD-300,\n")
    done = subprocess.run([KOPPEL, "shield", "match", "--inventory", tmp_path / "list.csv", "--advisories", tmp_path / "csaf"], capture_output=True, text=True, timeout=60)
    assert [line.split(",")[:3] for line in done.stdout.splitlines()[1:]] == [["D1", "OWN-6", "affected"], ["D2", "OWN-6", "not_affected"], ["D3", "OWN-6", "review"]]
    assert done.returncode == 1 and "broken.json: line 1" in done.stderr
