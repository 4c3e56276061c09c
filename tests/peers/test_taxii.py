# SPDX-License-Identifier: Apache-2.0
"""The node as a centre where others fetch and leave threat information: TAXII 2.1 asked by the client of OASIS, and what goes out to whom
by the Traffic Light Protocol."""
import json
import subprocess
import sys
import uuid

import pytest
import requests
from conftest import ROOT, Node, wait_for
from ports import free_port
from stix_kit import MEDIA, TLP, Member, bundle, indicator
from web_client import Api


class Centre:
    def __init__(self, folder):
        self.node = Node(folder).start()
        self.api = Api(self.node)
        self.tokens = {name: self.node.cli("token", "add", name, "--role", "member").stdout.split()[0] for name in ("acme", "bolt", "cogs", "outside")}

    def collection(self, name, *rights, tlp="amber"):
        """Made anew; rights: "acme --write"."""
        self.node.cli("feed", "collection", "add", name, "--tlp", tlp)
        for right in rights:
            who, *flags = right.split()
            self.node.cli("feed", "collection", "allow", name, "--token", who, *flags)
        return name

    def member(self, who, collection):
        return Member(self.node.url, self.tokens[who], collection)

    def take(self, folder, *objects, collection=None, check=True):
        file = folder / "bundle.json"
        file.write_text(bundle(*objects))
        done = self.node.cli("stix", "import", file, *(["--collection", collection] if collection else []), "--json", check=check)
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def centre(tmp_path_factory):
    c = Centre(tmp_path_factory.mktemp("centre"))
    yield c
    c.node.stop()


def test_the_client_of_oasis_finds_all_right(centre):
    both = centre.collection("both", "acme --write --amber")
    centre.collection("reading", "acme")
    done = subprocess.run([sys.executable, ROOT / "tests/shield/taxii-check", f"{centre.node.url}/taxii2/", "--user", "acme", "--password",
                           centre.tokens["acme"]], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "60 passed, 0 failed", done.stdout + done.stderr
    assert both in [c["name"] for c in centre.node.json("feed", "collection")["collections"]]


# ---- who may what ----
def test_only_who_is_named_knows_of_a_collection_and_may_what_is_said(centre):
    name = centre.collection("rights", "acme --write", "bolt", "cogs --write-only")
    acme, bolt, cogs, outside, nobody = (centre.member(w, name) for w in ("acme", "bolt", "cogs", "outside", "acme"))
    nobody.token = ""
    wrong = centre.member("acme", name)
    wrong.token = "kp_" + "A" * 43
    assert acme.post(indicator(tlp="green"))["success_count"] == 1
    assert cogs.post(indicator(tlp="green"))["success_count"] == 1
    assert len(bolt.objects()) == 2
    assert bolt.ask("POST", body={"objects": [indicator()]}).status_code == 403
    assert cogs.ask("GET").status_code == 403
    assert outside.ask("GET", "").status_code == outside.ask("GET").status_code == 404
    assert nobody.ask("GET").status_code == wrong.ask("GET").status_code == 401
    titles = lambda who: [c["alias"] for c in who.ask("GET", f"{who.url}/taxii2/api/collections/").json().get("collections", [])]
    assert name in titles(acme) and name not in titles(outside)
    assert outside.ask("GET", f"{outside.url}/taxii2/").json()["api_roots"] == []
    centre.node.cli("feed", "collection", "forbid", name, "--token", "bolt")
    assert bolt.ask("GET").status_code == 404


def test_a_members_token_opens_nothing_else(centre):
    for where in ("status", "stix", "assets", "sql", "tokens", "feeds"):
        r = requests.get(f"{centre.node.url}/api/v1/{where}", headers={"Authorization": f"Bearer {centre.tokens['acme']}"}, timeout=10)
        assert r.status_code in (401, 403, 405), where
    for token in (centre.node.token, centre.tokens["acme"]):
        r = requests.get(f"{centre.node.url}/taxii2/", headers={"Authorization": f"Bearer {token}", "Accept": MEDIA}, timeout=10)
        assert r.status_code == 200


def test_a_partner_asks_at_the_partners_listener_with_what_it_shows_there(centre, tmp_path):
    node, port, secret = centre.node, free_port(), "a-secret-that-both-sides-know-0001"
    name = centre.collection("partners", "acme")
    green, amber = indicator(tlp="green"), indicator(tlp="amber")
    centre.take(tmp_path, green, amber, collection=name)
    node.cli("listen", "--partners", "--plain", "--port", port, "--address", "127.0.0.1")
    centre.api.ok("POST", "partners", {"name": "buyer", "id": "urn:company:buyer", "url": "https://buyer.example/dsp/2025-1", "token": secret})
    buyer, acme = Member(f"http://127.0.0.1:{port}", secret, name), Member(f"http://127.0.0.1:{port}", centre.tokens["acme"], name)
    assert buyer.ask("GET").status_code == 404
    node.cli("feed", "collection", "allow", name, "--partner", "buyer")
    for who in (buyer, acme):
        assert who.objects() == [green]
        assert who.ask("GET", f"{who.url}/taxii2/").json()["default"] == f"{who.url}/taxii2/api/"
        assert requests.get(f"{who.url}/taxii2/api/", headers={"Authorization": f"Bearer {who.token}"}, timeout=10).status_code == 200
    assert centre.member("acme", name).objects() == [green]
    assert Member(centre.node.url, secret, name).ask("GET").status_code == 401  # partners have a door of their own
    assert requests.get(f"{buyer.url}/api/v1/status", headers={"Authorization": f"Bearer {centre.node.token}"}, timeout=10).status_code == 404
    node.cli("listen", "--partners", "--off")


def test_a_status_is_told_to_who_left_the_objects_alone(centre):
    name = centre.collection("statuses", "acme --write", "bolt --write")
    acme, bolt = (centre.member(w, name) for w in ("acme", "bolt"))
    where = f"{acme.url}/taxii2/api/status/{acme.post(indicator())['id']}/"
    assert acme.ask("GET", where).json()["status"] == "complete"
    assert bolt.ask("GET", where).status_code == 404


def test_what_is_no_envelope_is_refused_with_the_status_that_says_why(centre):
    acme = centre.member("acme", centre.collection("faults", "acme --write"))
    for body, status in (("{}", 422), ('{"objects":{}}', 422), ('{"objects":[{}', 400), ("[]", 400), ("", 400), ('{"objects":[]}{', 400),
                         ('{"objects":[' + '{"a":' * 60 + "1" + "}" * 60 + "]}", 413), ('{"objects":["' + "x" * (5 << 20) + '"]}', 413)):
        r = acme.ask("POST", body=body)
        assert (r.status_code, r.headers["Content-Type"]) == (status, MEDIA), (body[:40], r.text)
        assert set(r.json()) == {"title", "error_code", "http_status"}
    assert acme.ask("PUT").status_code == 405
    assert acme.ask("GET", "objects").status_code == 404  # the slash is part of the address
    assert acme.ask("GET", **{"match[colour]": "red"}).status_code == 400


# ---- the Traffic Light Protocol ----
LEVELS = ("clear", "green", "unmarked", "amber", "amber+strict", "red", "unknown")


def marked(level):
    own = {"unmarked": None, "unknown": f"marking-definition--{uuid.uuid4()}"}
    return indicator(f"zebra-{level}-zebra", own.get(level, level))


def told(text):
    """Of which levels a text tells."""
    return {level for level in LEVELS if f"zebra-{level}-zebra" in text}


def test_nothing_goes_out_on_any_path_to_whom_its_label_forbids_it(centre, tmp_path):
    name = centre.collection("levels", "acme", "bolt --amber", "cogs --write --amber")
    made = {level: marked(level) for level in LEVELS}
    later = [dict(o, modified="2026-05-01T00:00:00.000Z") for o in made.values()]
    assert centre.take(tmp_path, *made.values(), *later, collection=name)["stored"] == 2 * len(LEVELS)
    community, named = {"clear", "green"}, {"clear", "green", "unmarked", "amber"}
    for who, may in (("acme", community), ("bolt", named), ("cogs", named)):
        m = centre.member(who, name)
        everything = ",".join(o["id"] for o in made.values())
        for query in ({}, {"match[version]": "all"}, {"match[id]": everything}, {"match[type]": "indicator"}, {"match[spec_version]": "2.1"},
                      {"match[id]": everything, "match[version]": "first,last"}, {"added_after": "2020-01-01T00:00:00Z"}):
            assert told(m.ask("GET", **query).text) == may, (who, query)
            ids = {o["id"] for o in m.ask("GET", "manifest/", **query).json()["objects"]}
            assert ids == {made[level]["id"] for level in may}, (who, query)
        text, query = "", {"limit": 1}
        while query:
            page = m.ask("GET", **query)
            text += page.text
            query = {"limit": 1, "next": page.json()["next"]} if page.json().get("more") else None
        assert told(text) == may
        for level, o in made.items():
            for where in ("", "versions/"):
                r = m.ask("GET", f"objects/{o['id']}/{where}", **{"match[version]": "all"} if not where else {})
                assert r.status_code == (200 if level in may else 404), (who, level, where)
            assert m.ask("DELETE", f"objects/{o['id']}/").status_code == (404 if level not in may and who == "cogs" else 403)
    for r in (requests.get(centre.node.url + "/taxii2/api/collections/levels/objects/", timeout=10), centre.member("outside", name).ask("GET")):
        assert told(r.text) == set()


def test_a_program_of_the_company_gets_all_but_what_is_for_persons(centre, tmp_path):
    made = {level: marked(level) for level in LEVELS}
    centre.take(tmp_path, *made.values())
    assert told(json.dumps(centre.api.ok("GET", "stix", limit=1000))) == set(LEVELS) - {"red", "unknown"}
    for level, o in made.items():
        assert centre.api.get(f"stix/{o['id']}").status_code == (404 if level in ("red", "unknown") else 200)
        assert o["id"] in centre.node.cli("stix", "show", o["id"]).stdout
    assert "TLP:RED" in centre.api.refused(403, "POST", "sql", {"sql": "select body from stix_object"})


def test_a_collection_takes_nothing_out_above_its_own_level(centre, tmp_path):
    name = centre.collection("greens", "acme --write --amber", tlp="green")
    acme, amber, green = centre.member("acme", name), indicator(tlp="amber"), indicator(tlp="green")
    centre.take(tmp_path, amber, green)
    done = centre.node.cli("feed", "collection", "put", name, amber["id"], check=False)
    assert done.returncode == 1 and "TLP:amber" in done.stderr
    centre.node.cli("feed", "collection", "put", name, green["id"])
    assert acme.post(indicator("left", "amber"))["success_count"] == 1
    assert [o["id"] for o in acme.objects()] == [green["id"]]
    assert centre.node.cli("feed", "collection", "add", "reds", "--tlp", "red", check=False).returncode == 1


def test_older_markings_and_those_of_parts_count_as_the_strictest_of_them(centre, tmp_path):
    name = centre.collection("markings", "acme")
    own = {"type": "marking-definition", "spec_version": "2.1", "id": f"marking-definition--{uuid.uuid4()}", "created": "2026-01-01T00:00:00Z",
           "definition_type": "statement", "definition": {"statement": "ask first"}}
    red = dict(own, id=f"marking-definition--{uuid.uuid4()}", definition_type="tlp", definition={"tlp": "red"})
    white = "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"
    objects = {"open": indicator("open", white), "spoken": indicator("spoken", white), "part": indicator("part", white), "own": indicator("own", white)}
    objects["spoken"]["object_marking_refs"].append(own["id"])
    objects["part"]["granular_markings"] = [{"marking_ref": TLP["red"], "selectors": ["name"]}]
    objects["own"]["object_marking_refs"].append(red["id"])
    centre.take(tmp_path, *objects.values(), own, red, collection=name)
    assert {o["name"] for o in centre.member("acme", name).objects() if "name" in o} == {"open", "spoken"}


def test_what_was_marked_by_what_is_not_here_goes_out_when_that_has_come(centre, tmp_path):
    name = centre.collection("waiting", "acme")
    mark = {"type": "marking-definition", "spec_version": "2.1", "id": f"marking-definition--{uuid.uuid4()}", "created": "2026-01-01T00:00:00Z",
            "definition_type": "tlp", "name": "TLP:GREEN", "definition": {"tlp": "green"}}
    o, acme = indicator("waits", mark["id"]), centre.member("acme", name)
    centre.take(tmp_path, o, collection=name)
    assert acme.objects() == []
    centre.take(tmp_path, mark, o, collection=name)
    assert o in acme.objects()


# ---- objects ----
def why(status):
    return {f["id"]: f["message"] for f in status["failures"]}


def test_versions_may_not_claim_another_creator_a_lower_label_or_another_time(centre):
    name = centre.collection("claims", "acme --write --amber", "bolt --write --amber")
    acme, bolt = (centre.member(w, name) for w in ("acme", "bolt"))
    maker, other = (f"identity--{uuid.uuid4()}" for _ in range(2))
    first = indicator(tlp="amber", created_by_ref=maker)
    later = dict(first, modified="2026-04-01T00:00:00.000Z")
    assert acme.post(first)["success_count"] == 1
    for object, words in ((dict(later, created_by_ref=other), "created_by_ref"), ({k: v for k, v in later.items() if k != "created_by_ref"}, "created_by_ref"),
                          (dict(later, object_marking_refs=[TLP["green"]]), "TLP:green"), (dict(later, created="2026-02-01T00:00:00.000Z"), "created"),
                          (dict(first, name="another"), "another content"), (dict(later, modified="2026-02-01T00:00:00.000Z"), "before created"),
                          (dict(later, modified="2126-02-01T00:00:00.000Z"), "future"), (dict(later, modified="2026-04-01"), "no time")):
        status = acme.post(object, indicator())
        assert (status["success_count"], status["failure_count"]) == (1, 1) and words in why(status)[first["id"]], status
    assert "somebody else" in why(bolt.post(later))[first["id"]]
    assert bolt.ask("DELETE", f"objects/{first['id']}/").status_code == 403
    assert acme.post(dict(later, revoked=True))["success_count"] == 1
    assert "revoked" in why(acme.post(dict(later, modified="2026-04-02T00:00:00.000Z")))[first["id"]]
    assert [o["modified"] for o in acme.objects(**{"match[id]": first["id"], "match[version]": "all"})] == [first["modified"], later["modified"]]


def test_what_is_no_object_is_refused_with_the_property_that_is_wrong(centre, tmp_path):
    good = indicator()
    wrong = [({"type": "indicator"}, "id"), (dict(good, id="indicator--1"), "UUID"), (dict(good, id=f"malware--{uuid.uuid4()}"), "indicator--"),
             (dict(good, type="Indicator"), "type"), (dict(good, spec_version="3.0"), "spec_version"), ({k: v for k, v in good.items() if k != "pattern"}, "pattern"),
             ({k: v for k, v in good.items() if k != "modified"}, "modified"), (dict(good, created="2026-03-01T10:00:00"), "created"),
             (dict(good, created_by_ref="me"), "created_by_ref"), (dict(good, object_marking_refs=["red"]), "marking"), (dict(good, revoked="no"), "revoked"),
             (dict(good, confidence=101), "confidence"), ({"type": "bundle", "id": f"bundle--{uuid.uuid4()}"}, "bundle"), (7, "object"), ([], "object")]
    sum = centre.take(tmp_path, *(o for o, _ in wrong), good, check=False)
    assert (sum["stored"], sum["refused"]) == (1, len(wrong))
    for (object, word), failure in zip(wrong, sorted(sum["failures"], key=lambda f: f["place"])):
        assert word in failure["why"], (object, failure)
    assert centre.take(tmp_path, good)["known"] == 1


def test_pages_have_each_object_once_while_others_come_and_go(centre):
    acme = centre.member("acme", centre.collection("busy", "acme --write"))
    kept = [indicator(tlp="green") for _ in range(30)]
    going = [indicator(tlp="green") for _ in range(10)]
    acme.post(*kept[:15], *going, *kept[15:])
    seen, query = [], {"limit": 4}
    while query:
        page = acme.ask("GET", **query).json()
        seen += [o["id"] for o in page["objects"]]
        query = {"limit": 4, "next": page["next"]} if page.get("more") else None
        if going:
            acme.ask("DELETE", f"objects/{going.pop()['id']}/")
            acme.post(indicator(tlp="green"))
    assert len(seen) == len(set(seen)) and {o["id"] for o in kept} <= set(seen)


def test_numbers_and_the_order_of_keys_come_back_as_they_were(centre):
    acme = centre.member("acme", centre.collection("bytes", "acme --write --amber"))
    text = '{"type":"x-odd","id":"x-odd--%s","z":1.50,"a":[1e2, -0.0],  "u":"\\u00e9\\/","spec_version":"2.1"}' % uuid.uuid4()
    assert acme.ask("POST", body='{"objects":[%s]}' % text).json()["success_count"] == 1
    assert text in acme.ask("GET").text


def test_what_went_out_to_whom_is_counted(centre):
    name = centre.collection("counts", "acme --write", "bolt")
    centre.member("acme", name).post(*(indicator(tlp="green") for _ in range(3)))
    for _ in range(2):
        centre.member("bolt", name).objects()

    def counted():
        members = next(c for c in centre.node.json("feed", "collection")["collections"] if c["name"] == name)["members"]
        return {m["who"]: (m["requests"], m["objects"]) for m in members} == {"token acme": (0, 0), "token bolt": (2, 6)}
    wait_for(counted, 20, "the counts")


def test_what_is_kept_is_there_after_a_kill(centre):
    acme = centre.member("acme", centre.collection("kills", "acme --write --amber"))
    left = [indicator() for _ in range(3)]
    acme.post(*left)
    centre.node.kill()
    centre.node.start()
    centre.api = Api(centre.node)
    assert centre.member("acme", "kills").objects() == left
