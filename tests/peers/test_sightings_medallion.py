# SPDX-License-Identifier: Apache-2.0
"""What was met here reaches another maker's TAXII server (medallion, the reference) when a person lets it go: without our names, as its label allows."""
import json
import time

import pytest
from conftest import Node, wait_for
from stix_kit import TLP, indicator
from test_observations import EVE, alarms, hit, write
from test_taxii_feed import Medallion

BAD = {"green": "203.0.113.5", "amber": "203.0.113.6", "amber+strict": "203.0.113.7", "red": "203.0.113.8", "again": "203.0.113.9"}


class Sector:
    """medallion that knows of bad addresses, and a factory that follows it."""

    def __init__(self, folder):
        self.known = {level: indicator(f"beacon {level}", level if level in TLP else "green", pattern=f"[ipv4-addr:value = '{a}']") for level, a in BAD.items()}
        self.medallion = Medallion(folder, list(self.known.values()))
        (folder / "acme").mkdir()
        self.factory, self.eve = Node(folder / "acme").start(), folder / "eve.json"
        (folder / "password").write_text("Password0\n")
        self.factory.cli("feed", "add", "sector", self.medallion.url + "taxii2/", "--user", "admin", "--password-file", folder / "password", "--every", "90d",
                         "--set", f"collections={Medallion.READ}", "--set", f"post={Medallion.EMPTY}", "--set", "share=amber")
        wait_for(lambda: self.factory.json("observations")["watch"]["indicators"] == len(BAD), 30, "what the sector knows is watched")
        self.factory.cli("observations", "set", "--eve", self.eve)

    def meets(self, level):
        """A machine of ours talks to the bad address; the hit, once its sighting is prepared."""
        write(self.eve, EVE[0] | {"src_ip": "10.20.30.40", "dest_ip": BAD[level], "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime())})
        return wait_for(lambda: (h := hit(self.factory, self.known[level]))["sighting"] and h, 30, "the sighting")

    def told(self):
        r = self.medallion.ask("GET", f"api1/collections/{Medallion.EMPTY}/objects/")
        assert r.status_code == 200, r.text
        return r.json().get("objects", [])

    def send(self, h):
        self.factory.cli("sightings", "send", h["sighting"]["id"], "--to", "sector")
        find = lambda: next(s for s in self.factory.json("sightings")["sightings"] if s["id"] == h["sighting"]["id"])
        return wait_for(lambda: (s := find()) and (s["sent"] or s["fault"]) and s, 30, "the sighting goes out")


@pytest.fixture(scope="module")
def sector(tmp_path_factory):
    s = Sector(tmp_path_factory.mktemp("sector"))
    yield s
    s.factory.stop()
    s.medallion.process.kill()
    s.medallion.process.wait()


@pytest.mark.parametrize("level", ["green", "amber"])
def test_a_hit_is_an_alarm_and_once_a_person_lets_it_go_medallion_has_its_sighting(sector, level):
    h = sector.meets(level)
    assert wait_for(lambda: alarms(sector.factory, f"'beacon {level}'"), 20, "the alarm")[0]["source"] == "security"
    before = sector.told()
    assert h["sighting"]["state"] == "prepared" and not [o for o in before if o.get("sighting_of_ref") == sector.known[level]["id"]]
    s = sector.send(h)
    assert s["fault"] is None and s["sent"]
    sighting = next(o for o in sector.told() if o.get("sighting_of_ref") == sector.known[level]["id"])
    there = {o["id"]: o for o in sector.told()}
    assert (sighting["type"], sighting["count"], sighting["object_marking_refs"]) == ("sighting", 1, [TLP["amber"]])
    data = there[sighting["observed_data_refs"][0]]
    assert [there[i]["value"] for i in data["object_refs"]] == [BAD[level]]  # only what the warning itself says
    assert there[sighting["where_sighted_refs"][0]]["name"] == "a manufacturer"
    text = json.dumps(sector.told())
    assert not [word for word in ("10.20.30.40", "127.0.0.1", "acme", '"test"', "Password0", "eve.json") if word in text]
    wait_for(lambda: hit(sector.factory, sector.known[level])["sighting"]["state"] == "sent", 20, "the hit says so")


def test_one_that_came_there_while_its_answer_was_lost_is_no_refused_one(sector):
    h = sector.meets("again")
    kept = next(s for s in sector.factory.json("sightings")["sightings"] if s["id"] == h["sighting"]["id"])
    r = sector.medallion.ask("POST", f"api1/collections/{Medallion.EMPTY}/objects/", json={"objects": kept["objects"]})
    assert r.status_code == 202 and sector.known["again"]["id"] in json.dumps(sector.told())
    s = sector.send(h)
    assert s["fault"] is None and s["sent"]
    assert len([o for o in sector.told() if o.get("sighting_of_ref") == sector.known["again"]["id"]]) == 1


@pytest.mark.parametrize("level", ["amber+strict", "red"])
def test_what_its_label_keeps_back_is_not_in_medallion_though_a_person_sent_it(sector, level):
    h = sector.meets(level)
    s = sector.send(h)
    assert s["sent"] is None and "may not go there" in s["fault"]
    assert sector.known[level]["id"] not in json.dumps(sector.told()) and BAD[level] not in json.dumps(sector.told())
    assert hit(sector.factory, sector.known[level])["sighting"]["state"] == "refused"
