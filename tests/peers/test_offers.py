# SPDX-License-Identifier: Apache-2.0
"""Offers made of options: what a person is told of them, what they reveal, and what the partner gets to see, between two nodes."""
from datetime import datetime, timedelta, timezone

import pytest
from conftest import wait_for
from test_dsp import Company


class Two:
    def __init__(self, root):
        self.maker, self.buyer = Company(root / "maker"), Company(root / "buyer")
        self.maker.knows("buyer", self.buyer)
        self.buyer.knows("maker", self.maker)
        api = self.maker.api
        api.ok("POST", "assets", {"path": "hall/mill", "kind": "machine"})
        api.ok("POST", "assets", {"path": "hall/lathe", "kind": "machine"})
        api.ok("POST", "values", {"hall/mill/cyclustijd": 41.5, "hall/mill/stukteller": 12, "hall/mill/spindle/temperature": 40.5,
                                  "hall/mill/vermogen": 3.25, "hall/mill/programmanaam": "ACME-4711", "hall/lathe/PartCount": 7,
                                  "hall/lathe/departed": 1})
        self.maker.node.cli("set", "hall", "--label", "partner")

    def stop(self):
        self.maker.node.stop()
        self.buyer.node.stop()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    t = Two(tmp_path_factory.mktemp("offers"))
    yield t
    t.stop()


def codes(reply):
    return {r["code"]: r for r in reply["reveals"]}


def tried(two, **offer):
    return two.maker.api.ok("POST", "offers", {"dataset": "tried", **offer}, dryRun=1)


def test_an_offer_of_options_is_told_in_words_and_the_partner_reads_the_same(two):
    said = two.maker.node.cli("offer", "hall/mill/spindle", "--to", "buyer", "--until", "2030-06-30", "--every", "1m", "--fn", "mean,max", "--delay", "1h",
                              "--purpose", "maintenance", "--count", "5", "--utc", "--id", "spindle-1").stdout.splitlines()
    words = ["to be had until 2030-06-30", "mean, max of each 1m", "only what is at least 1h old", "at most 5 transfers", "only for: maintenance",
             "may not be handed on to others"]
    assert said == ["dataset 'spindle' is offered to buyer, as spindle-1", *["  - " + w for w in words],
                    "the partner asks for it with: koppel negotiate OUR-NAME 'spindle' --wait"]
    shown = two.buyer.node.json("catalogue", "maker")["datasets"]
    assert [d["offers"][0]["words"] for d in shown if d["id"] == "spindle"] == [words]
    policy = next(o for o in two.maker.api.ok("GET", "offers")["offers"] if o["id"] == "spindle-1")["policy"]
    assert policy["profile"] == "urn:koppel:odrl:1" and {c["leftOperand"] for c in policy["permission"][0]["constraint"]} == {
        "dateTime", "delayPeriod", "timeInterval", "koppel:aggregate", "count", "purpose"}
    assert two.buyer.node.json("negotiate", "maker", "spindle", "--wait")["state"] == "FINALIZED"


def test_terms_that_make_no_sense_are_refused_with_the_reason(two):
    for terms, why in (({"every": "1m"}, "belong together"), ({"from": "2030-01-01", "until": "2029-01-01"}, "end before they begin"),
                       ({"untill": "2030-01-01"}, "until"), ({"count": 1.5}, "whole number"), ({"until": "soon"}, "no time"),
                       ({"every": "1m", "functions": ["median"]}, "none of min"), ({"every": "900d", "functions": ["mean"]}, "")):
        assert why in two.maker.api.refused(400, "POST", "offers", {"dataset": "x", "signals": ["hall/mill"], "terms": terms})
    assert "not both" in two.maker.api.refused(400, "POST", "offers", {"dataset": "x", "signals": ["hall/mill"], "terms": {}, "policy": {}})
    assert two.maker.node.cli("offer", "hall/mill", "--until", "soon", check=False).returncode == 1


def test_whoever_offers_is_told_what_it_reveals(two):
    before = two.maker.api.ok("GET", "offers")
    everything = tried(two, signals=["hall/mill"], terms={"until": "2030-01-01"})
    found = codes(everything)
    assert set(found) == {"price", "output", "customers-by-program", "shifts-by-power", "raw"}, found
    assert set(found["price"]["signals"]) == {"hall/mill/cyclustijd", "hall/mill/stukteller"} and not found["price"]["together"]
    assert "kost" in found["price"]["nl"] and "costs" in found["price"]["en"]
    assert found["raw"]["signals"] == ["hall/mill/spindle/temperature"]
    coarse = {"until": "2030-01-01", "every": "15m", "functions": ["mean"]}
    assert not codes(tried(two, signals=["hall/mill/vermogen", "hall/mill/spindle"], terms=coarse))
    assert set(codes(tried(two, signals=["hall/mill/spindle"], terms={**coarse, "until": None, "distribution": True}))) == {"endless", "onward"}
    two.maker.api.ok("POST", "values", {"hall/OrderNumber": "4711"})
    assert set(codes(tried(two, signals=["hall/OrderNumber"], terms=coarse))) == {"customers-by-order"}, "also of what stands in no machine"
    assert set(codes(tried(two, signals=["hall/lathe"], terms=coarse))) == {"output"}, "a part of another word is no word"
    two.maker.node.cli("intervals", "hall/lathe", "--add", "--kind", "job", "--set", "order=4711", "--from", "-2h", "--to", "-1h")
    job = codes(tried(two, signals=["hall/lathe/**"], terms={"until": "2030-01-01"}))["customers-by-order"]
    assert job["signals"] == ["hall/lathe"], "its intervals go with its signals"
    assert "customers-by-order" not in codes(tried(two, signals=["hall/lathe/**"], terms=coarse)), "under steps they do not"
    assert two.maker.api.ok("GET", "offers") == before, "to try keeps nothing"


def test_offers_to_one_partner_count_together(two):
    api = two.maker.api
    api.ok("POST", "offers", {"id": "counts", "dataset": "counts", "partner": "buyer", "signals": ["hall/mill/stukteller"]})
    time_of_cycles = {"signals": ["hall/mill/cyclustijd"], "terms": {"until": "2030-01-01"}}
    assert codes(tried(two, partner="buyer", **time_of_cycles))["price"]["together"]
    assert "price" not in codes(tried(two, **time_of_cycles)), "every partner is not offered the counts"
    assert "price" not in codes(tried(two, partner="buyer", signals=["hall/lathe"], terms={"until": "2030-01-01"})), "of another machine"
    said = two.maker.node.cli("offer", "hall/mill/cyclustijd", "--to", "buyer", "--dry-run").stdout
    assert "what a part costs you" in said and "with what is offered already (hall/mill/cyclustijd)" in said and "negotiate" not in said
    two.maker.node.cli("offer", "remove", "counts")


def test_a_request_for_other_terms_shows_a_person_what_is_different(two):
    two.maker.node.cli("offer", "hall/lathe", "--to", "buyer", "--until", "2030-06-30", "--every", "1m", "--fn", "mean", "--utc", "--id", "lathe-1")
    asked = {"permission": [{"action": "use", "constraint": [{"leftOperand": "dateTime", "operator": "lt", "rightOperand": "2031-01-01T00:00:00Z"}]}]}
    two.buyer.api.ok("POST", "negotiations", {"partner": "maker", "dataset": "lathe", "offer": "lathe-1", "policy": asked})
    theirs = wait_for(lambda: [d["id"] for d in two.maker.api.ok("GET", "negotiations")["negotiations"] if d["dataset"] == "lathe"], 20, "the request")[0]
    deal = two.maker.deal(theirs)
    assert deal["state"] == "REQUESTED" and [(d["about"], d["offered"], d["asked"]) for d in deal["differences"]] == [
        ("time", "to be had until 2030-06-30", "to be had until 2031-01-01"), ("resolution", "mean of each 1m", "each value as it was measured")]
    assert "resolution: offered was 'mean of each 1m', asked for is 'each value as it was measured'" in two.maker.node.cli("negotiate", theirs).stdout


def test_free_hours_and_figures_follow_the_floor_and_are_labelled_only_while_they_are_offered(two):
    api = two.maker.api
    api.ok("PUT", "calendar", {"plans": [{"match": "hall/**", "shifts": [{"name": "day", "days": "mon-sun", "from": "00:00", "to": "24:00"}]}]})
    api.ok("POST", "assets", {"path": "plant/press", "kind": "machine"})
    said = two.maker.node.cli("offer", "plant/press", "--capacity", "--weeks", "3", "--to", "buyer", "--until", "2030-01-01", "--id", "free-1").stdout
    assert "dataset 'press-capacity' is offered to buyer" in said and "free time tells" in said
    api.ok("PUT", "calendar", {"plans": [{"match": "plant/**", "shifts": [{"name": "day", "days": "mon-fri", "from": "08:00", "to": "16:00"}]}]})
    week = lambda n: two.maker.node.value(f"plant/press/capacity/week-{n}")["value"]
    wait_for(lambda: api.get("signal", path="plant/press/capacity/week-2").ok and week(2) == 30, 30, "three quarters of 40 hours in a whole week")
    signal = wait_for(lambda: (s := api.ok("GET", "signal", path="plant/press/capacity/week-2"))["unit"] == "HUR" and s, 20, "its unit")
    assert signal["role"] == "capacity" and not api.get("signal", path="plant/press/capacity/week-3").ok
    assert "press-capacity" in [d["id"] for d in two.buyer.node.json("catalogue", "maker")["datasets"]]
    order = api.ok("POST", "orders", {"number": "A1", "quantity": 10, "operations": [{"number": "10", "asset": "plant/press", "cycle": "12h"}]})["order"]
    wait_for(lambda: week(1) < 30, 60, "the order takes time")
    api.ok("POST", f"orders/{order['id']}/cancel")
    wait_for(lambda: week(1) == 30, 60, "it is free again")
    label = lambda: api.ok("GET", "asset", path="plant/press/capacity")["label"]
    assert label() == "partner" and api.ok("GET", "asset", path="plant/press")["label"] in (None, "inherit", "internal")
    two.maker.node.cli("offer", "remove", "free-1")
    wait_for(lambda: label() != "partner", 20, "the label goes with the offer")
    assert "there is no machine" in api.refused(404, "POST", "offers", {"dataset": "x", "capacity": {"machines": ["plant/none"]}})
    assert "two offers" in api.refused(400, "POST", "offers", {"dataset": "x", "signals": ["a"], "figures": {"machines": ["plant/press"]}})


def test_key_figures_come_for_each_shift_that_is_over(two):
    api, day = two.maker.api, datetime.now(timezone.utc).date() - timedelta(days=2)
    api.ok("POST", "assets", {"path": "works/saw", "kind": "machine"})
    two.maker.node.cli("intervals", "works/saw", "--add", "--kind", "state", "--set", "state=running", "--from", f"{day}T08:00:00Z", "--to", f"{day}T12:00:00Z")
    api.ok("PUT", "calendar", {"plans": [{"match": "works/**", "shifts": [{"name": "day", "days": "mon-sun", "from": "08:00", "to": "16:00"}]}]})
    two.maker.node.cli("offer", "works/saw", "--figures", "--by", "shift", "--to", "buyer", "--until", "2030-01-01")
    path = "works/saw/figures/shift/availability"
    wait_for(lambda: api.get("signal", path=path).ok, 30, "its figures")
    told = {p[0][:19]: p[1] for p in two.maker.node.history(path, "--from", "-3d")}
    assert told[f"{day}T16:00:00"] == 0.5 and 0 in told.values()
