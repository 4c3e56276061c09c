# SPDX-License-Identifier: Apache-2.0
"""The Dataspace Protocol: two nodes that share over TLS, and partners that lie, vanish, repeat themselves and send rubbish. (The TCK
itself is tests/dsp/run-tck.)"""
import json
import random
import time

import pytest
from conftest import Node, wait_for
from dsp_partner import USE, Key, Partner, Wire, message, offer
from ports import free_port
from web_client import Api

TOKEN = "a token of".replace(" ", "-") + "-more-than-32-characters"
DSP = "/dsp/2025-1/"
WEEKS = [{"leftOperand": "delayPeriod", "operator": "eq", "rightOperand": "P2W"}]
PLACE = [{"leftOperand": "spatial", "operator": "eq", "rightOperand": "EU"}]


class Company:
    """A node whose partners' listener is open; api speaks its REST."""

    def __init__(self, folder, plain=False):
        folder.mkdir()
        self.node = Node(folder)
        self.port = free_port()
        self.run()
        self.node.cli("listen", "--partners", "--port", self.port, "--address", "127.0.0.1", *(["--plain"] if plain else []))
        self.card = self.node.json("partner", "card")

    def run(self):
        self.node.start()
        self.api = Api(self.node)

    def crash(self):
        self.node.kill()
        self.run()

    def knows(self, name, other):
        self.api.ok("POST", "partners", {"name": name, **other.card})

    def deal(self, number, kind="negotiations"):
        return self.api.ok("GET", f"{kind}/{number}")

    def newest(self, kind="negotiations"):
        return next(iter(self.api.ok("GET", kind)[kind]), None)

    def comes(self, number, state, kind="negotiations", seconds=30):
        return wait_for(lambda: (d := self.deal(number, kind))["state"] == state and d, seconds, f"{kind} {number} {state}: {self.deal(number, kind)}")

    def told(self, number, kind="negotiations"):
        """Everything it had to say has arrived."""
        return wait_for(lambda: not (d := self.deal(number, kind))["waiting"] and d, 30, "the partner is told")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A provider and a consumer that know each other by their cards, over TLS."""
    root = tmp_path_factory.mktemp("dsp")
    provider, consumer = Company(root / "provider"), Company(root / "consumer")
    provider.knows("buyer", consumer)
    consumer.knows("maker", provider)
    provider.api.ok("POST", "offers", {"id": "spindles-1", "dataset": "spindles", "signals": ["hall/**"],
                                       "policy": {"permission": [{"action": "use", "constraint": [
                                           {"leftOperand": "dateTime", "operator": "lt", "rightOperand": "2030-01-01T00:00:00Z"}]}]}})
    provider.api.ok("POST", "offers", {"id": "ovens-1", "dataset": "ovens", "signals": ["ovens/**"], "automatic": False})
    yield provider, consumer
    provider.node.stop()
    consumer.node.stop()


@pytest.fixture(scope="module")
def open_shop(tmp_path_factory):
    """A node behind a proxy (plain HTTP), and a partner by token that a test plays: (company, partner, wire)."""
    company = Company(tmp_path_factory.mktemp("dsp-open") / "one", plain=True)
    partner = Partner("acme", TOKEN)
    company.api.ok("POST", "partners", {"name": "acme", "id": "urn:acme", "url": partner.url, "token": TOKEN})
    company.api.ok("POST", "offers", {"id": "open-1", "dataset": "open", "signals": ["hall/**"]})
    company.api.ok("POST", "offers", {"id": "hand-1", "dataset": "hand", "signals": ["hall/**"], "automatic": False})
    yield company, partner, Wire(f"http://127.0.0.1:{company.port}", "Bearer " + TOKEN)
    partner.stop()
    company.node.stop()


def request(partner, dataset="hand", pid=None, name=None, **members):
    return message("ContractRequestMessage", consumerPid=pid or f"urn:theirs:{random.random()}", callbackAddress=partner.url,
                   offer=offer(dataset, name or dataset + "-1"), **members)


def next_page(wire):
    return wire.link.split(">")[0][1 + len(wire.url):] if wire.link and 'rel="next"' in wire.link else None


def began(company, wire, partner, dataset="hand", pid=None):
    """A negotiation that the partner has asked for: its provider's pid, its consumer's pid, its number."""
    body = request(partner, dataset, pid)
    status, reply = wire.post(DSP + "negotiations/request", body)
    assert status == 201 and reply["state"] == "REQUESTED", reply
    return reply["providerPid"], body["consumerPid"], company.newest()["id"]


# ---- two nodes ----

def test_two_nodes_come_to_an_agreement_over_tls_by_themselves(shop):
    provider, consumer = shop
    shown = consumer.node.json("catalogue", "maker")
    assert shown["participantId"] == provider.card["id"]
    assert {d["id"]: [o["id"] for o in d["offers"]] for d in shown["datasets"]} == {"ovens": ["ovens-1"], "spindles": ["spindles-1"]}
    mine = consumer.node.json("negotiate", "maker", "spindles", "--wait")
    assert (mine["state"], mine["note"], mine["fault"]) == ("FINALIZED", None, None)
    theirs = provider.newest()
    assert (theirs["state"], theirs["partner"], theirs["pid"], theirs["peerPid"]) == ("FINALIZED", "buyer", mine["peerPid"], mine["pid"])
    assert consumer.node.cli("negotiate").stdout.splitlines()[1].split() == [str(mine["id"]), "maker", "consumer", "FINALIZED", "spindles"]
    here = {a["id"]: a for a in consumer.node.json("agreements")["agreements"]}[mine["agreement"]]
    there = {a["id"]: a for a in provider.node.json("agreements")["agreements"]}[mine["agreement"]]
    assert here["agreement"] == there["agreement"] and (here["state"], there["state"]) == ("active", "active")
    assert there["signals"] == ["hall/**"] and here["agreement"]["target"] == "spindles"
    assert (here["agreement"]["assigner"], here["agreement"]["assignee"]) == (provider.card["id"], consumer.card["id"])
    assert here["agreement"]["permission"][0]["constraint"][0]["rightOperand"] == "2030-01-01T00:00:00Z"
    steps = [(e["user"], e["action"]) for e in provider.node.json("audit", "list")["entries"] if e["via"] == "partner"]
    assert ("buyer", "POST /dsp/2025-1/negotiations/{pid}/agreement/verification") in steps


def test_terms_go_to_and_fro_until_both_sides_have_said_yes(shop):
    provider, consumer = shop
    first, second = ({"permission": [{"action": "use", "constraint": [{"leftOperand": "count", "operator": "lteq", "rightOperand": n}]}]} for n in ("5", "9"))
    mine = consumer.api.ok("POST", "negotiations", {"partner": "maker", "dataset": "ovens", "automatic": False})["id"]
    theirs = wait_for(lambda: (d := provider.newest()) and d["dataset"] == "ovens" and d, 20, "the request")["id"]
    consumer.told(mine)
    provider.api.ok("POST", f"negotiations/{theirs}/counter", {"policy": first})
    assert consumer.comes(mine, "OFFERED")["offer"]["permission"] == first["permission"]
    provider.api.refused(409, "POST", f"negotiations/{theirs}/agree", {})
    consumer.api.ok("POST", f"negotiations/{mine}/counter", {"policy": second})
    assert provider.comes(theirs, "REQUESTED")["offer"]["permission"] == second["permission"]
    provider.api.ok("POST", f"negotiations/{theirs}/counter")
    consumer.comes(mine, "OFFERED")
    consumer.api.ok("POST", f"negotiations/{mine}/accept", {})
    provider.comes(theirs, "ACCEPTED")
    provider.api.ok("POST", f"negotiations/{theirs}/agree", {})
    consumer.comes(mine, "AGREED")
    consumer.api.refused(409, "POST", f"negotiations/{mine}/accept", {})
    consumer.api.ok("POST", f"negotiations/{mine}/verify", {})
    provider.comes(theirs, "VERIFIED")
    provider.api.ok("POST", f"negotiations/{theirs}/finalize", {})
    agreed = consumer.comes(mine, "FINALIZED")["agreement"]
    text = next(a for a in provider.api.ok("GET", "agreements")["agreements"] if a["id"] == agreed)["agreement"]
    assert text["permission"] == second["permission"]
    consumer.api.refused(409, "POST", f"negotiations/{mine}/terminate", {})


def test_either_side_may_end_a_negotiation_and_the_other_learns_why(shop):
    provider, consumer = shop
    for mine_ends in (True, False):
        mine = consumer.api.ok("POST", "negotiations", {"partner": "maker", "dataset": "ovens", "automatic": False})["id"]
        consumer.told(mine)
        theirs = provider.newest()["id"]
        ends, ended, number, other = (consumer, provider, mine, theirs) if mine_ends else (provider, consumer, theirs, mine)
        ends.node.cli("negotiate", number, "terminate", "--reason", "too dear")
        assert ended.comes(other, "TERMINATED")["note"] == "too dear"


def test_a_transfer_made_by_hand_starts_stops_goes_on_and_ends_with_its_agreement(shop):
    provider, consumer = shop
    number = consumer.api.ok("POST", "negotiations", {"partner": "maker", "dataset": "ovens"})["id"]
    consumer.told(number)
    theirs = provider.newest()["id"]
    provider.api.ok("POST", f"negotiations/{theirs}/agree", {})
    provider.comes(theirs, "VERIFIED")
    provider.api.ok("POST", f"negotiations/{theirs}/finalize", {})
    agreement = consumer.comes(number, "FINALIZED")["agreement"]
    mine = consumer.node.json("transfers", agreement)["id"]
    consumer.told(mine, "transfers")
    theirs = provider.newest("transfers")["id"]
    secret = "a-secret-in-an-address"
    provider.api.ok("POST", f"transfers/{theirs}/start", {"address": {"endpointType": "https://w3id.org/idsa/v4.1/HTTP", "endpoint": "https://maker.example/data",
                    "endpointProperties": [{"@type": "EndpointProperty", "name": "authorization", "value": secret}]}})
    given = consumer.comes(mine, "STARTED", "transfers")["address"]
    assert given["endpoint"] == "https://maker.example/data" and given["endpointProperties"][0]["value"] == secret
    assert "address" not in consumer.newest("transfers"), "lists tell no secrets"
    provider.told(theirs, "transfers")
    consumer.api.ok("POST", f"transfers/{mine}/suspend", {"reason": "maintenance"})
    assert provider.comes(theirs, "SUSPENDED", "transfers")["note"] == "maintenance"
    consumer.told(mine, "transfers")
    provider.api.ok("POST", f"transfers/{theirs}/start")
    consumer.comes(mine, "STARTED", "transfers")
    provider.told(theirs, "transfers")
    provider.node.cli("agreements", "end", agreement, "--reason", "not paid")
    assert consumer.comes(mine, "TERMINATED", "transfers")["note"] == "not paid"
    assert consumer.deal(mine, "transfers")["address"] is None, "of no use any more"
    again = consumer.api.ok("POST", "transfers", {"agreement": agreement})["id"]
    assert "not in force" in consumer.comes(again, "TERMINATED", "transfers")["note"]
    done = consumer.node.json("sql", "select count(*) from share_process where note like '%" + secret + "%'")
    assert done["rows"][0][0] == 0
    assert secret.encode() not in (consumer.node.dir / "factory.db").read_bytes(), "sealed in the file"


def test_a_partner_that_is_down_hears_everything_when_it_is_back(shop):
    provider, consumer = shop
    provider.node.kill()
    mine = consumer.api.ok("POST", "negotiations", {"partner": "maker", "dataset": "spindles", "offer": "spindles-1",
                                                    "policy": {"permission": [{"action": "use", "constraint": [
                                                        {"leftOperand": "dateTime", "operator": "lt", "rightOperand": "2030-01-01T00:00:00Z"}]}]}})["id"]
    wait_for(lambda: consumer.deal(mine)["fault"], 20, "a first try")
    assert consumer.deal(mine)["waiting"]
    consumer.crash()
    provider.run()
    assert consumer.comes(mine, "FINALIZED", seconds=60)["agreement"] == provider.newest()["agreement"]


def test_kill_9_at_any_moment_loses_no_step_and_doubles_none(shop):
    provider, consumer = shop
    rng = random.Random(8)
    for i in range(8):
        before = len(provider.api.ok("GET", "negotiations")["negotiations"])
        mine = consumer.api.ok("POST", "negotiations", {"partner": "maker", "dataset": "spindles"})["id"]
        time.sleep(rng.uniform(0, 0.05))  # the moment is the test's subject
        victims = [(provider,), (consumer,), (provider, consumer)][i % 3]
        for victim in victims:
            victim.node.kill()
        for victim in victims:
            victim.run()
        agreement = consumer.comes(mine, "FINALIZED", seconds=60)["agreement"]
        wait_for(lambda: (d := provider.newest()) and d["state"] == "FINALIZED", 60, "the provider's side")
        assert provider.newest()["agreement"] == agreement
        assert len(provider.api.ok("GET", "negotiations")["negotiations"]) == before + 1
    for company in (provider, consumer):
        kept = [a["agreement"]["@id"] for a in company.api.ok("GET", "agreements")["agreements"]]
        assert len(kept) == len(set(kept))


def test_an_end_of_a_partnership_ends_what_runs_with_it(tmp_path):
    company, partner = Company(tmp_path / "one", plain=True), Partner("acme", TOKEN)
    company.api.ok("POST", "partners", {"name": "acme", "id": "urn:acme", "url": partner.url, "token": TOKEN})
    company.api.ok("POST", "offers", {"dataset": "hand", "partner": "acme", "signals": ["**"], "automatic": False})
    wire = Wire(f"http://127.0.0.1:{company.port}", "Bearer " + TOKEN)
    _, _, number = began(company, wire, partner)
    company.api.refused(409, "POST", "partners", {"name": "acme", "id": "urn:x", "url": partner.url, "token": TOKEN + "x"})
    company.node.cli("partner", "remove", "acme")
    assert company.deal(number)["state"] == "TERMINATED" and company.api.ok("GET", "offers")["offers"] == []
    assert wire.post(DSP + "catalog/request", message("CatalogRequestMessage"))[0] == 401
    company.node.cli("listen", "--partners", "--off")
    with pytest.raises(OSError):
        wire.ask("GET", "/.well-known/dspace-version")
    partner.stop()
    company.node.stop()


# ---- what nobody should get away with ----

def test_who_is_no_partner_sees_the_versions_and_nothing_else(open_shop):
    company, partner, wire = open_shop
    stranger = Wire(wire.url, None)
    assert stranger.ask("GET", "/.well-known/dspace-version")[1]["protocolVersions"][0]["path"] == "/dsp/2025-1"
    pid, _, _ = began(company, wire, partner)
    for method, path in (("POST", "catalog/request"), ("GET", "catalog/datasets/open"), ("POST", "negotiations/request"), ("GET", "negotiations/" + pid),
                         ("POST", f"negotiations/{pid}/termination"), ("POST", "transfers/request")):
        for shown in (None, "Bearer " + TOKEN + "x", "Basic eDp5", "Bearer " + company.node.token, '{"region":"eu","audience":"x","clientId":"urn:acme"}'):
            assert stranger.ask(method, DSP + path, {} if method == "POST" else None, authorization=shown)[0] == 401
    for path in ("/", "/api/v1/status", "/api/v1/partners", "/metrics", "/assets/console.js"):
        assert wire.ask("GET", path)[0] == 404, "no path of the console or the API is here"


def test_a_partner_by_key_is_believed_only_with_a_fresh_token_for_us_by_his_own_key(open_shop):
    company, partner, wire = open_shop
    key, us, them = Key(), company.card["id"], "urn:by-key"
    company.api.ok("POST", "partners", {"name": "by key", "id": them, "url": partner.url, "key": key.jwk})
    body, now = message("CatalogRequestMessage"), int(time.time())

    def status(token):
        return wire.post(DSP + "catalog/request", body, authorization=token)[0]
    good = key.token(them, us)
    assert [status(good), status(good)] == [200, 401], "a token is good once"
    wait_for(lambda: int(time.time()) > now, 5, "the next second")
    company.crash()
    assert status(good) == 401 and status(key.token(them, us)) == 200, "over a crash too"
    for bad in (Key().token(them, us), key.token(them, "urn:other"), key.token("urn:nobody", us), key.token(them, us, exp=now - 100),
                key.token(them, us, iat=now - 1000), key.token(them, us, exp=now + 90000), key.token(them, us, jti=""), key.token(them, us, sub="urn:x"),
                key.token(them, [us, "urn:x"]), good[:-4] + "AAAA", good.rsplit(".", 1)[0] + "."):
        assert status(bad) == 401
    for bad in ({"key": {**key.jwk, "d": "AAAA"}}, {"key": {**key.jwk, "x": key.jwk["y"]}}, {"key": None}, {"token": TOKEN + "-2"}, {"url": "http://acme.example/dsp"},
                {"url": "ftp://127.0.0.1/dsp"}, {"url": "https://u@acme.example"}, {"id": us}, {"ca": "none"}, {"identity": "edc-mock", "key": None}, {"identity": "key"}):
        company.api.refused(400, "POST", "partners", {"name": "x", "id": "urn:x", "url": partner.url, "key": key.jwk, **bad})


def test_messages_that_are_none_are_refused_and_change_nothing(open_shop):
    company, partner, wire = open_shop
    pid, theirs, number = began(company, wire, partner)
    url = DSP + f"negotiations/{pid}/termination"
    good = message("ContractNegotiationTerminationMessage", providerPid=pid, consumerPid=theirs)
    for raw in (b"", b"[]", b"{", b"null", b'{"a":1,"a":2}', b'{"@context":' + b"[" * 5000, json.dumps(good).encode() + b"x", b'{"\xff":1}'):
        assert wire.ask("POST", url, raw=raw)[0] == 400
    for change in ({"@context": ["https://example.org"]}, {"@context": None}, {"@type": "ContractAgreementMessage"}, {"@type": None}, {"providerPid": theirs},
                   {"consumerPid": "urn:other"}, {"consumerPid": None}, {"consumerPid": ["a", "b"]}, {"dspace:providerPid": pid}):
        body = {k: v for k, v in {**good, **change}.items() if v is not None}
        status, reply = wire.post(url, body)
        assert status == 400 and reply["@type"] == "ContractNegotiationError" and reply["providerPid"] == pid and reply["reason"], (change, reply)
    assert wire.ask("POST", url, raw=b"{" + b" " * (300 << 10))[0] in (400, 409, 413)
    assert wire.ask("POST", url, good, **{"Content-Type": "text/plain"})[0] == 415
    assert company.deal(number)["state"] == "REQUESTED"
    loose = {"@context": "https://w3id.org/dspace/2025/1/context.jsonld", "@type": "dspace:ContractNegotiationTerminationMessage",
             "dspace:providerPid": {"@id": pid}, "dspace:consumerPid": {"@value": theirs}, "reason": [{"@value": "enough"}], "more": {"x": [1]}}
    assert wire.post(url, loose)[0] == 200
    assert (company.deal(number)["state"], company.deal(number)["note"]) == ("TERMINATED", "enough")


def test_requests_that_lie_begin_nothing(open_shop):
    company, partner, wire = open_shop
    _, _, before = began(company, wire, partner)
    for change in ({"callbackAddress": "http://127.0.0.1:1/dsp"}, {"callbackAddress": "https://" + partner.url[7:]}, {"callbackAddress": partner.url.replace("127", "x@127")},
                   {"callbackAddress": "file:///etc/passwd"}, {"callbackAddress": None}, {"providerPid": "urn:x"}, {"consumerPid": None}, {"consumerPid": ""},
                   {"consumerPid": "x" * 600}, {"consumerPid": "a\nb"}, {"offer": None}, {"offer": {}}, {"offer": offer("nothing")}, {"offer": {**offer("hand"), "permission": []}},
                   {"offer": {**offer("hand"), "permission": ["use"]}}, {"offer": {**offer("hand"), "@type": "Set"}}):
        body = {k: v for k, v in {**request(partner), **change}.items() if v is not None}
        status, reply = wire.post(DSP + "negotiations/request", body)
        assert status == 400 and reply["@type"] == "ContractNegotiationError", (change, reply)
    for body in (message("TransferRequestMessage", consumerPid="urn:t", agreementId="urn:none", format="HttpData-PULL", callbackAddress=partner.url),
                 message("TransferRequestMessage", consumerPid="urn:t", format="HttpData-PULL", callbackAddress=partner.url)):
        status, reply = wire.post(DSP + "transfers/request", body)
        assert status in (400, 404) and reply["@type"] == "TransferError"
    assert company.newest()["id"] == before and company.api.ok("GET", "transfers")["transfers"] == []


def test_a_request_said_twice_is_one_negotiation_and_steps_out_of_order_are_refused(open_shop):
    company, partner, wire = open_shop
    body = request(partner)
    replies = [wire.post(DSP + "negotiations/request", body) for _ in range(3)]
    assert {(status, r["providerPid"], r["state"]) for status, r in replies} == {(201, replies[0][1]["providerPid"], "REQUESTED")}
    pid, theirs = replies[0][1]["providerPid"], body["consumerPid"]
    pids = {"providerPid": pid, "consumerPid": theirs}
    steps = {"request": message("ContractRequestMessage", **pids, offer=offer("hand")), "agreement/verification": message("ContractAgreementVerificationMessage", **pids),
             "events": message("ContractNegotiationEventMessage", **pids, eventType="ACCEPTED"), "offers": message("ContractOfferMessage", **pids, offer=offer("hand")),
             "agreement": message("ContractAgreementMessage", **pids, agreement=offer("hand", **{"@type": "Agreement", "assigner": "a", "assignee": "b", "timestamp": "2026-01-01T00:00:00Z"}))}
    for path, step in steps.items():
        status, reply = wire.post(DSP + f"negotiations/{pid}/{path}", step)
        assert status == 400 and "REQUESTED" in reply["reason"][0], (path, reply)
    assert wire.post(DSP + f"negotiations/{pid}/events", {**steps["events"], "eventType": "FINALIZED"})[0] == 400
    assert wire.post(DSP + f"negotiations/{pid}/events", {**steps["events"], "eventType": "DONE"})[0] == 400
    assert wire.post(DSP + "negotiations/urn:none/events", steps["events"])[0] == 404
    assert wire.ask("GET", DSP + "negotiations/" + pid)[1]["state"] == "REQUESTED"


def test_another_partners_negotiation_is_not_there(open_shop):
    company, partner, wire = open_shop
    pid, theirs, _ = began(company, wire, partner)
    token = TOKEN + "-of-another"
    company.api.ok("POST", "partners", {"name": "other", "id": "urn:other", "url": partner.url, "token": token})
    end = message("ContractNegotiationTerminationMessage", providerPid=pid, consumerPid=theirs)
    other = Wire(wire.url, "Bearer " + token)
    assert other.ask("GET", DSP + "negotiations/" + pid)[0] == 404
    assert other.post(DSP + f"negotiations/{pid}/termination", end)[0] == 404
    again, _, _ = began(company, other, partner, pid=theirs)
    assert again != pid, "his own by the same consumerPid is another one"


def test_an_answer_that_got_lost_is_no_refusal(open_shop):
    company, partner, wire = open_shop
    pid, theirs, number = began(company, wire, partner)
    partner.answers["/offers"] = ["drop", (400, message("ContractNegotiationError", reason=["I have that already"]))]
    partner.states[theirs] = "OFFERED"
    company.api.ok("POST", f"negotiations/{number}/counter", {})
    assert company.told(number)["state"] == "OFFERED" and len(partner.of(theirs + "/offers")) == 2


def test_what_the_partner_refuses_is_taken_back_and_says_why(open_shop):
    company, partner, wire = open_shop
    pid, theirs, number = began(company, wire, partner)
    partner.answers["/agreement"] = [(400, message("ContractNegotiationError", reason=["not with us"]))]
    partner.states[theirs] = "REQUESTED"
    company.api.ok("POST", f"negotiations/{number}/agree", {})
    deal = wait_for(lambda: (d := company.deal(number))["state"] == "REQUESTED" and d, 20, "taken back")
    assert "not with us" in deal["note"] and deal["agreement"] is None
    assert not [a for a in company.api.ok("GET", "agreements")["agreements"] if a["state"] == "pending"]
    partner.answers["/offers"] = [(400, message("ContractNegotiationError", reason=["too dear"]))]
    company.api.ok("POST", f"negotiations/{number}/counter", {"policy": {"permission": [{"action": "use", "constraint": WEEKS}]}})
    deal = wait_for(lambda: (d := company.deal(number))["state"] == "REQUESTED" and d, 20, "taken back")
    assert "too dear" in deal["note"] and deal["offer"]["permission"] == USE, "what was asked for stands again"
    partner.answers["/agreement"] = [404, 409, 503, 200]
    company.api.ok("POST", f"negotiations/{number}/agree", {})
    assert company.told(number)["state"] == "AGREED", "what comes too early is said again"


def test_an_offer_that_nobody_asked_for_waits_for_a_person(open_shop):
    company, partner, wire = open_shop
    body = message("ContractOfferMessage", providerPid="urn:theirs:offer", callbackAddress=partner.url, offer=offer("their-data"))
    replies = [wire.post(DSP + "negotiations/offers", body) for _ in range(2)]
    assert [(status, r["state"]) for status, r in replies] == [(201, "OFFERED")] * 2
    deal = company.newest()
    assert (deal["side"], deal["state"], deal["dataset"], deal["waiting"]) == ("consumer", "OFFERED", "their-data", False)
    company.api.ok("POST", f"negotiations/{deal['id']}/accept", {})
    company.told(deal["id"])
    assert partner.of("urn:theirs:offer/events")[0] == message("ContractNegotiationEventMessage", providerPid="urn:theirs:offer", consumerPid=deal["pid"], eventType="ACCEPTED")


def test_an_agreement_that_is_not_what_was_offered_waits_for_a_person(open_shop):
    company, partner, wire = open_shop
    number = company.api.ok("POST", "negotiations", {"partner": "acme", "dataset": "theirs", "offer": "o-1", "policy": {"permission": USE}})["id"]
    mine = company.told(number)
    pids = {"providerPid": mine["peerPid"], "consumerPid": mine["pid"]}

    def agreement(**members):
        return message("ContractAgreementMessage", **pids, agreement=offer("theirs", "urn:agreement:1", **{"@type": "Agreement", "assigner": "urn:acme",
                       "assignee": company.card["id"], "timestamp": "2026-01-01T00:00:00Z", **members}))
    where = DSP + f"negotiations/{mine['pid']}/agreement"
    for lie in ({"prohibition": [{"action": "use"}]}, {"assigner": "urn:else"}, {"assignee": "urn:else"}, {"target": "another"}, {"timestamp": None}):
        assert wire.post(where, agreement(**lie))[0] == 400
    assert wire.post(where, agreement(permission=[{"action": "use", "constraint": WEEKS}]))[0] == 200
    deal = company.deal(number)
    assert deal["state"] == "AGREED" and "not what was offered" in deal["note"] and not deal["waiting"]
    company.api.ok("POST", f"negotiations/{number}/terminate", {"reason": "no"})
    assert company.told(number)["state"] == "TERMINATED" and partner.of(mine["peerPid"] + "/termination")[-1]["reason"] == ["no"]
    assert partner.heard[-1][2] == "Bearer " + TOKEN


def test_the_catalogue_comes_in_pages_and_by_id_and_shows_each_partner_his_own(open_shop):
    company, partner, wire = open_shop
    for i in range(103):
        company.api.ok("POST", "offers", {"dataset": f"set-{i:03}", "signals": ["hall/**"], **({"partner": "acme"} if i == 50 else {})})
    where = DSP + "catalog/request"

    def page(path=where, **query):
        return wire.post(path, message("CatalogRequestMessage", **({"filter": [{"@type": "QuerySpec", "sortOrder": "ASC", "filterExpression": [], **query}]} if query else {})))[1]
    seen, url = [], where
    while url:
        shown = page(url)
        assert all(d["hasPolicy"] and d["distribution"] for d in shown["dataset"])
        seen += [d["@id"] for d in shown["dataset"]]
        url = next_page(wire)
    assert len(seen) == len(set(seen)) and {"open", "hand", *(f"set-{i:03}" for i in range(103))} <= set(seen)
    assert [d["@id"] for d in page(limit=2, offset=3)["dataset"]] == seen[3:5]
    assert "dataset" not in page(offset=1000)
    by_id = {"@type": "Criterion", "operandLeft": "https://w3id.org/edc/v0.0.1/ns/id", "operator": "=", "operandRight": "set-007"}
    assert [d["@id"] for d in page(filterExpression=[by_id])["dataset"]] == ["set-007"]
    found = lambda operator, right: [d["@id"] for d in page(filterExpression=[{**by_id, "operator": operator, "operandRight": right}]).get("dataset", [])]
    assert found("like", "set-10_") == ["set-100", "set-101", "set-102"] and found("like", "%-001") == ["set-001"]
    assert found("in", ["set-005", "none", "set-004"]) == ["set-004", "set-005"] and not found("=", "none")
    page(limit=2, offset=3)
    assert 'offset=5>; rel="next"' in wire.link and 'offset=1>; rel="previous"' in wire.link
    for bad in ({"filterExpression": [{**by_id, "operator": "~"}]}, {"filterExpression": [{**by_id, "operandLeft": "description"}]},
                {"filterExpression": [{**by_id, "operator": "in"}]}, {"filterExpression": [by_id] * 5}, {"limit": -1}, {"offset": "x"}):
        assert page(**bad)["@type"] == "CatalogError"
    assert wire.ask("GET", DSP + "catalog/datasets/set-050")[1]["@id"] == "set-050"
    stranger = company.api.ok("POST", "partners", {"name": "third", "id": "urn:third", "url": partner.url, "token": TOKEN + "-third"})
    assert stranger == {"name": "third"}
    status, reply = wire.ask("GET", DSP + "catalog/datasets/set-050", authorization="Bearer " + TOKEN + "-third")
    assert status == 404 and reply["@type"] == "CatalogError"


# ---- what may be offered at all ----

def test_terms_that_cannot_be_kept_are_refused_with_the_reason_whoever_says_them(open_shop):
    company, partner, wire = open_shop
    local = {"permission": [{"action": "use", "constraint": PLACE}]}
    why = "permission[0].constraint[0]: the left operand 'spatial' cannot be enforced here"
    assert why in company.api.refused(400, "POST", "offers", {"dataset": "hand", "policy": local})
    assert why in company.api.refused(400, "POST", "negotiations", {"partner": "acme", "dataset": "theirs", "offer": "o-1", "policy": local})
    status, reply = wire.post(DSP + "negotiations/request", {**request(partner), "offer": offer("hand", "hand-1", **local)})
    assert status == 400 and why in reply["reason"][0]
    duty = offer("hand", "hand-1", obligation=[{"action": "compensate"}])
    assert "obligation" in wire.post(DSP + "negotiations/request", {**request(partner), "offer": duty})[1]["reason"][0]
    status, reply = wire.post(DSP + "negotiations/offers", message("ContractOfferMessage", providerPid="urn:theirs:eu", callbackAddress=partner.url,
                                                                   offer=offer("theirs", **local)))
    assert status == 400 and why in reply["reason"][0]
    provider, consumer, number = began(company, wire, partner)
    assert why in company.api.refused(400, "POST", f"negotiations/{number}/counter", {"policy": local})
    assert company.deal(number)["state"] == "REQUESTED"
    assert "recipient" in company.api.refused(400, "POST", "offers", {"dataset": "hand", "policy": {"permission": [
        {"action": "use", "constraint": [{"leftOperand": "recipient", "operator": "eq", "rightOperand": "urn:acme"}]}]}})


def test_what_is_secret_or_internal_is_offered_to_nobody_and_no_catalogue_shows_it(open_shop):
    company, partner, wire = open_shop
    company.api.ok("POST", "values", {"labels/known/level": 1, "labels/hidden/zebra": 2})
    company.node.cli("set", "labels", "--label", "internal")
    new = {"dataset": "labelled", "signals": ["labels/known/**"]}
    said = company.api.refused(403, "POST", "offers", new)
    assert "labels/known/level is labelled internal" in said and "koppel set 'labels/known/level' --label partner" in said
    company.node.cli("set", "labels", "--label", "partner")
    company.node.cli("set", "labels/hidden", "--label", "secret")
    said = company.api.refused(403, "POST", "offers", {**new, "signals": ["labels/**"]})
    assert "labelled secret" in said and "zebra" not in said
    assert "labels/hidden/zebra is labelled secret" in company.node.cli("offer", "add", "labelled", "--signals", "labels/**", check=False).stderr
    company.api.ok("POST", "offers", new)
    where = DSP + "catalog/datasets/labelled"
    assert wire.ask("GET", where)[0] == 200
    company.node.cli("set", "labels", "--label", "internal")
    assert wire.ask("GET", where)[0] == 404
    assert wire.post(DSP + "negotiations/request", request(partner, "labelled"))[0] == 400
    url = DSP + "catalog/request"
    while url:
        assert "labelled" not in [d["@id"] for d in wire.post(url, message("CatalogRequestMessage"))[1].get("dataset", [])]
        url = next_page(wire)
    company.node.cli("set", "labels", "--label", "public")
    assert wire.ask("GET", where)[0] == 200
