# SPDX-License-Identifier: Apache-2.0
"""Sightings: what a factory saw goes back to the centre it trusts, without a name, as far as its label allows."""
import json

import pytest
from conftest import Node, wait_for
from stix_kit import TLP, Member, bundle, indicator
from web_client import Api


class Region:
    """A centre, and a factory that is a member of it."""

    def __init__(self, folder):
        (folder / "acme").mkdir()
        self.centre, self.factory = Node(folder).start(), Node(folder / "acme").start()
        self.known = {level: indicator(level, level) for level in ("green", "amber")}
        (folder / "known.json").write_text(bundle(*self.known.values()))
        self.centre.cli("feed", "collection", "add", "warnings")
        self.centre.cli("feed", "collection", "add", "seen")
        self.centre.cli("stix", "import", folder / "known.json", "--collection", "warnings")
        token = self.token("acme", "warnings", "--amber")
        self.centre.cli("feed", "collection", "allow", "seen", "--token", "acme", "--write-only")
        self.reader = Member(self.centre.url, self.token("watcher", "seen", "--amber"), "seen")
        (folder / "token").write_text(token)
        self.factory.cli("feed", "add", "centre", self.centre.url + "/taxii2/", "--token-file", folder / "token", "--set", "post=seen", "--set",
                         "share=amber", "--every", "90d")
        assert wait_for(lambda: self.factory.json("stix", "list")["objects"], 20, "what the centre knows")

    def token(self, name, collection, *rights):
        token = self.centre.cli("token", "add", name, "--role", "member").stdout.split()[0]
        self.centre.cli("feed", "collection", "allow", collection, "--token", name, *rights)
        return token

    def saw(self, level, *options, check=True):
        return self.factory.cli("sightings", "add", self.known[level]["id"], *options, "--json", check=check)

    def became(self, done, seconds=30):
        """The sighting, once something became of it."""
        number = json.loads(done.stdout)["id"]
        find = lambda: next(s for s in self.factory.json("sightings")["sightings"] if s["id"] == number)
        return wait_for(lambda: (s := find()) and (s["sent"] or s["fault"]) and s, seconds, "the sighting goes out")

    def told(self, sighting):
        """The objects of it that the centre has, by type."""
        wanted = {o["id"] for o in sighting["objects"]}
        return {o["type"]: o for o in self.reader.objects(limit=1000) if o["id"] in wanted}


@pytest.fixture(scope="module")
def region(tmp_path_factory):
    r = Region(tmp_path_factory.mktemp("region"))
    yield r
    r.factory.stop()
    r.centre.stop()


def test_a_sighting_reaches_the_centre_and_names_nobody(region):
    s = region.became(region.saw("green", "--to", "centre", "--count", "3", "--observed", "ipv4-addr=198.51.100.7", "--first", "2026-03-01T10:00:00Z",
                                 "--comment", "twice at night"))
    assert s["fault"] is None
    told = region.told(s)
    sighting, data, address, identity = (told[t] for t in ("sighting", "observed-data", "ipv4-addr", "identity"))
    assert (sighting["sighting_of_ref"], sighting["count"], sighting["description"]) == (region.known["green"]["id"], 3, "twice at night")
    assert sighting["observed_data_refs"] == [data["id"]] and data["object_refs"] == [address["id"]] and address["value"] == "198.51.100.7"
    assert sighting["where_sighted_refs"] == [identity["id"]] and sighting["object_marking_refs"] == [TLP["amber"]]
    assert identity["name"] == "a manufacturer"
    text = json.dumps(told)
    assert not [word for word in ("test", "acme", "127.0.0.1", "token") if word in text]


def test_the_same_factory_is_seen_as_one_and_the_same_nobody(region):
    one, two = (region.told(region.became(region.saw("green", "--to", "centre"))) for _ in range(2))
    assert one["sighting"]["created_by_ref"] == two["sighting"]["created_by_ref"]
    assert one["sighting"]["id"] != two["sighting"]["id"]


def test_what_names_us_is_refused_unless_a_person_allows_it(region, tmp_path):
    factory = region.factory
    (tmp_path / "devices.csv").write_text("id,manufacturer,product,serial\nhall/Press-4711,Cogs,Presser,SN-778899\n")
    factory.cli("inventory", "import", tmp_path / "devices.csv")
    for words in (("--comment", "at press-4711 in the hall"), ("--comment", "serial sn-778899"), ("--comment", "from 10.1.2.3."),
                  ("--comment", "[fd00::1]"), ("--observed", "ipv4-addr=192.168.1.5"), ("--observed", "ipv6-addr=fe80::1"), ("--comment", "here at TEST")):
        done = region.saw("green", "--to", "centre", *words, check=False)
        assert done.returncode == 1 and "our own" in done.stderr, (words, done.stderr)
    told = region.told(region.became(region.saw("green", "--to", "centre", "--named", "--comment", "at press-4711")))
    assert told["identity"]["name"] == "test" and "press-4711" in told["sighting"]["description"]


def test_what_its_label_forbids_does_not_go_out(region):
    factory = region.factory
    for level, tlp, share in (("green", "red", "amber"), ("green", "amber+strict", "amber"), ("green", "amber", "green"), ("amber", "green", "green")):
        factory.cli("feed", "set", "centre", "--set", f"share={share}")
        s = region.became(region.saw(level, "--to", "centre", "--tlp", tlp))
        assert "may not go there" in s["fault"] and s["sent"] is None, s
        assert region.told(s) in ({}, {"identity": region.told(s).get("identity")})
    factory.cli("feed", "set", "centre", "--set", "share=amber")
    assert region.became(region.saw("amber", "--to", "centre", "--tlp", "green"))["tlp"] == "amber"


def test_what_cannot_be_a_sighting_is_refused_with_the_reason(region):
    for words, reason in ((("--to", "nobody"), "no feed"), (("--tlp", "blue"), "tlp"), (("--last", "2099-01-01T00:00:00Z"), "last"),
                          (("--first", "2026-03-02T00:00:00Z", "--last", "2026-03-01T00:00:00Z"), "first"), (("--observed", "ipv4-addr=x"), "address"),
                          (("--observed", "mac=1"), "observed.type"), (("--count", "0"), "count")):
        done = region.saw("green", *words, check=False)
        assert done.returncode == 1 and reason in done.stderr, (words, done.stderr)
    done = region.factory.cli("sightings", "add", "indicator--00000000-0000-4000-8000-000000000000", check=False)
    assert "no object" in done.stderr


def test_one_that_stays_here_can_be_taken_back(region):
    number = json.loads(region.saw("green").stdout)["id"]
    region.factory.cli("sightings", "remove", number)
    assert number not in [s["id"] for s in region.factory.json("sightings")["sightings"]]
    assert region.factory.cli("sightings", "remove", number, check=False).returncode == 1


def test_a_sighting_waits_for_a_centre_that_is_away_and_for_a_node_that_was_killed(region):
    port = region.centre.port
    region.centre.stop()
    done = region.saw("green", "--to", "centre")
    wait_for(lambda: region.factory.json("feed", "show", "centre")["fault"], 20, "the fault of the feed")
    region.factory.kill()
    region.factory.start()
    region.centre.start("--listen", f"127.0.0.1:{port}")
    region.factory.cli("feed", "pull", "centre")
    s = region.became(done)
    assert s["fault"] is None and "sighting" in region.told(s)


def test_what_would_go_out_is_seen_before(region):
    api = Api(region.factory)
    before = region.factory.json("sightings")["sightings"]
    told = api.ok("POST", "sightings/look", {"of": region.known["amber"]["id"], "count": 2, "tlp": "green", "observed": {"type": "ipv4-addr", "value": "198.51.100.7"}})
    assert told["tlp"] == "amber" and [o["type"] for o in told["objects"]] == ["identity", "ipv4-addr", "observed-data", "sighting"]
    assert told["objects"][0]["name"] == "a manufacturer" and told["objects"][3]["count"] == 2
    assert "our own" in api.refused(403, "POST", "sightings/look", {"of": region.known["amber"]["id"], "summary": "at 192.168.1.4"})
    assert region.factory.json("sightings")["sightings"] == before
