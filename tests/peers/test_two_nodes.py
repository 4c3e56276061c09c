# SPDX-License-Identifier: Apache-2.0
"""Two nodes share the values of a machine: what one stores under an agreement the other has too, each value once, and nothing else, until it ends."""
import json
import time

import pytest
from conftest import wait_for
from test_dsp import Company

SIGNALS = 4
AGREED = {"permission": [{"action": "use"}]}


class Two:
    def __init__(self, root):
        self.maker, self.buyer = Company(root / "maker"), Company(root / "buyer")
        self.maker.knows("buyer", self.buyer)
        self.buyer.knows("maker", self.maker)
        for name, at in (("line", "hall/line"), ("own", "hall/own")):
            self.maker.node.cli("couple", f"sim://{name}?signals={SIGNALS}", "--name", name, "--at", at, "--no-wait")
        wait_for(lambda: len(signals(self.maker, "hall/**")) >= 2 * SIGNALS, 30, "the machines")
        self.maker.node.cli("set", "hall/line", "--label", "partner")

    def agree(self, dataset, policy=AGREED, **offer):
        self.maker.api.ok("POST", "offers", {"dataset": dataset, "signals": ["hall/line/**"], "policy": policy, "partner": "buyer", **offer})
        return self.buyer.node.json("negotiate", "maker", dataset, "--wait")["agreement"]

    def couple(self, dataset, name):
        self.buyer.node.cli("couple", f"dsp://maker/{dataset}", "--name", name, "--at", name, "--no-wait")
        return lambda: self.buyer.node.json("couplings", name)

    def values(self, company, path, before):
        series = company.api.ok("GET", "history", path=path, **{"from": "-1h", "to": before})["series"][0]
        return [tuple(p) for p in series["points"]]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    t = Two(tmp_path_factory.mktemp("two"))
    yield t
    t.buyer.node.stop()
    t.maker.node.stop()


def moment(later=0):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + later))


def signals(company, pattern):
    found = [json.loads(line) for line in company.node.cli("ls", pattern, "--json", check=False).stdout.splitlines()]
    return sorted(s["path"] for s in found if "value" in s)


def has_all(two, below, mark, lost=("", "")):
    """All that the maker has up to this moment is at the buyer, word for word, each value once; how much that is. In a crash the maker may
    lose what it has given already: of that time the buyer may have more."""
    theirs = signals(two.maker, "hall/line/**")
    mine = [f"{below}/{path}" for path in theirs]
    if signals(two.buyer, f"{below}/**") != mine:
        return 0
    pairs = [(two.values(two.maker, a, mark), two.values(two.buyer, b, mark)) for a, b in zip(theirs, mine)]
    same = all(a == [v for v in b if v in a or not lost[0] <= v[0] <= lost[1]] and len(b) == len(set(b)) for a, b in pairs)
    return same and sum(len(a) for a, _ in pairs)


def test_what_one_stores_the_other_has_each_value_once_and_nothing_else(two):
    agreement = two.agree("line")
    two.couple("line", "line-feed")
    below = "line-feed"
    wait_for(lambda: len(signals(two.buyer, f"{below}/**")) == SIGNALS, 30, "the signals")
    time.sleep(3)  # so that there is a history, and something that came live
    mark = moment()
    found = wait_for(lambda: has_all(two, below, mark), 30, "all values")
    assert found >= 2 * SIGNALS
    assert not [p for p in signals(two.buyer, "**") if "own" in p], "what was not agreed"
    shown = two.buyer.api.ok("GET", "signal", path=signals(two.buyer, f"{below}/**")[0])
    assert shown["agreement"] == agreement
    told = lambda: [x["values"] for x in two.maker.node.json("audit", "--partner", "buyer")["agreements"] if x["agreement"] == agreement and x["running"]]
    wait_for(lambda: told() and told()[0] >= found / 2, 5, "the maker knows what the buyer has, while it goes on")


def test_a_crash_of_either_side_loses_nothing_and_doubles_nothing(two):
    two.agree("crash")
    two.couple("crash", "crash-feed")
    wait_for(lambda: len(signals(two.buyer, "crash-feed/**")) == SIGNALS, 30, "the signals")
    two.buyer.crash()
    time.sleep(2)
    began = moment(-3)
    two.maker.crash()
    lost = (began, moment())
    wait_for(lambda: two.buyer.node.json("couplings", "crash-feed")["state"] == "online", 60, "the feed")
    time.sleep(2)
    mark = moment()
    assert wait_for(lambda: has_all(two, "crash-feed", mark, lost), 60, "all values") > SIGNALS


def test_the_end_of_an_agreement_stops_it_at_once_and_says_why(two):
    agreement = two.agree("ends")
    state = two.couple("ends", "ends-feed")
    wait_for(lambda: len(signals(two.buyer, "ends-feed/**")) == SIGNALS, 30, "the signals")
    path = signals(two.buyer, "ends-feed/**")[0]
    wait_for(lambda: two.values(two.buyer, path, moment()), 30, "a value of it")
    two.maker.node.cli("agreements", "end", agreement, "--reason", "not paid")
    ended = time.time()
    said = wait_for(lambda: (s := state())["state"] != "online" and s, 10, "the end at the buyer")
    assert "not paid" in said["detail"], said
    time.sleep(1.5)
    newest = two.values(two.buyer, path, moment())[-1][0]
    assert newest[:19] <= time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ended + 1)), newest
    assert "not paid" in two.buyer.node.cli("pull", agreement, check=False).stderr


def test_what_a_partner_gave_is_offered_to_nobody_else(two):
    two.agree("resale")
    two.couple("resale", "resale-feed")
    wait_for(lambda: len(signals(two.buyer, "resale-feed/**")) == SIGNALS, 30, "the signals")
    two.buyer.node.cli("set", "resale-feed", "--label", "partner")
    assert "does not permit" in two.buyer.api.refused(403, "POST", "offers", {"dataset": "resold", "signals": ["resale-feed/**"], "partner": "maker"})


def test_a_machine_that_stands_longer_than_its_grace_time_has_fewer_free_hours_at_the_partner_within_a_minute(two):
    api, clock = two.maker.api, lambda later: time.strftime("%H:%M", time.localtime(time.time() + later))
    api.ok("POST", "assets", {"path": "works/saw", "kind": "machine"})
    api.ok("PUT", "calendar", {"plans": [{"match": "works/**", "shifts": [{"name": "long", "days": "mon-sun", "from": clock(-3600), "to": clock(12 * 3600)}]}]})
    api.ok("PUT", "shop", {"capacity": {"grace": "5s", "round": "15m"}})
    say = lambda state: api.ok("POST", "values", {"works/saw/status": state})
    say(3)
    two.maker.node.cli("set", "works/saw/status", "--states", "running=3; stopped=7; idle")
    say(3)
    two.maker.node.cli("offer", "works/saw", "--capacity", "--weeks", "8", "--to", "buyer", "--until", "2030-01-01")
    two.buyer.node.json("negotiate", "maker", "saw-capacity", "--wait")
    two.couple("saw-capacity", "free")
    week = lambda n: two.buyer.node.value(f"free/works/saw/capacity/week-{n}")["value"]
    wait_for(lambda: len(signals(two.buyer, "free/**")) == 8 and all(week(n) is not None for n in range(8)), 60, "the free hours of eight weeks at the partner")
    hours = lambda: week(0) + week(1)  # a shift may go on into the next week
    before, later = hours(), week(2)
    assert before > 60 and later > 60, "three quarters of thirteen hours a day"
    say(7)
    began = time.time()
    after = wait_for(lambda: (h := hours()) < before - 7 and h, 5 + 60, "fewer free hours at the partner")
    assert time.time() - began > 5, "not before its grace time is over"
    assert week(2) == later, "the week after is as free as it was"
    say(3)
    wait_for(lambda: hours() > after + 7, 60, "it works again")


def test_a_catalogue_of_very_long_terms_comes_page_by_page(two):
    def long(i):
        words = lambda what: [f"{what}-{i}-{k}-" + "x" * 140 for k in range(7)]
        return {"purpose": words("purpose"), "recipient": [two.buyer.card["id"], *words("urn:company")]}

    api, many = two.maker.api, 150
    offer = lambda dataset, i: {"dataset": dataset, "signals": ["hall/line/**"], "terms": long(i), "partner": "buyer"}
    size = len(json.dumps(api.ok("POST", "offers", offer("long-000", 0))["policy"]))
    assert 256 << 10 < many * size
    for i in range(1, many):
        api.ok("POST", "offers", offer(f"long-{i:03}", i))
    found = [d["id"] for d in two.buyer.node.json("catalogue", "maker")["datasets"]]
    assert [d for d in found if d.startswith("long-")] == [f"long-{i:03}" for i in range(many)] and len(found) == len(set(found))
    assert two.buyer.node.json("negotiate", "maker", f"long-{many - 1}", "--wait")["state"] == "FINALIZED"
    for i in range(1, 200):
        said = api.send("POST", "offers", offer("long-000", i))
        if not said.ok:
            break
    assert "larger than 192 KiB in all" in said.json()["message"] and (150 << 10) // size < i < (256 << 10) // size
    assert len(two.buyer.node.json("catalogue", "maker")["datasets"]) == len(found)
