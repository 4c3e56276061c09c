# SPDX-License-Identifier: Apache-2.0
"""Data of a partner under an agreement: the coupling dsp and koppel pull, against a data plane that breaks off, ends, refuses and lies."""
import datetime
import json
import subprocess

import pytest
from conftest import KOPPEL, wait_for
from dsp_partner import USE, Goods, Partner, Wire, message, offer
from test_dsp import DSP, TOKEN, Company

NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
TEMPERATURE = {"path": "hall/oven/temperature", "type": "double", "unit": "CEL", "name": "temperature", "description": "inside"}
PARTS = {"path": "hall/oven/parts", "type": "int64", "unit": None, "name": "parts"}
PROGRAM = {"path": "hall/oven/program", "type": "string", "unit": None, "name": "program"}


def at(seconds):
    """A time so many seconds from the begin of the test; all texts are of one length, so that they sort."""
    return (NOW + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def value(seconds, v, path="hall/oven/temperature", **more):
    return {"path": path, "time": at(seconds), "value": v, **more}


class Deal:
    """An agreement of the company with its partner on a dataset, and what is given under it."""

    def __init__(self, company, partner, wire, dataset, rules=USE):
        self.company, self.partner, self.wire, self.dataset, self.goods = company, partner, wire, dataset, Goods(partner)
        self.agreement = f"urn:agreement:{dataset}"
        self.name, self.asked = f"acme-{dataset}", 0
        number = company.api.ok("POST", "negotiations", {"partner": "acme", "dataset": dataset, "offer": f"offer-{dataset}", "policy": {"permission": rules}})["id"]
        mine = company.told(number)
        pids = {"providerPid": mine["peerPid"], "consumerPid": mine["pid"]}
        where = DSP + f"negotiations/{mine['pid']}/"
        text = offer(dataset, self.agreement, **{"@type": "Agreement", "assigner": "urn:acme", "assignee": company.card["id"],
                                                 "timestamp": "2026-01-01T00:00:00Z", "permission": rules})
        assert wire.post(where + "agreement", message("ContractAgreementMessage", **pids, agreement=text))[0] == 200
        wait_for(lambda: partner.of(mine["peerPid"] + "/agreement/verification"), 20, "verification")
        company.told(number)
        assert wire.post(where + "events", message("ContractNegotiationEventMessage", **pids, eventType="FINALIZED"))[0] == 200

    def requested(self):
        """The pids of the newest transfer of this agreement that was asked for."""
        def of_ours():
            mine = [b for b in self.partner.of("transfers/request") if b["agreementId"] == self.agreement]
            return mine[-1] if len(mine) > self.asked else None
        pid = wait_for(of_ours, 20, "a request for the data")["consumerPid"]
        self.asked += 1
        number = next(t["id"] for t in self.company.api.ok("GET", "transfers")["transfers"] if t["pid"] == pid)
        self.company.told(number, "transfers")
        self.pids = {"providerPid": "urn:theirs:" + pid, "consumerPid": pid}

    def says(self, word, kind, **members):
        status, reply = self.wire.post(DSP + f"transfers/{self.pids['consumerPid']}/{word}", message(kind, **self.pids, **members))
        assert status == 200, reply

    def starts(self, **more):
        self.says("start", "TransferStartMessage", dataAddress=self.goods.address(**more))

    def couple(self, **options):
        self.company.api.ok("POST", "couplings", {"url": f"dsp://acme/{self.dataset}", **options})

    def begins(self, options=None, **more):
        self.couple(**(options or {}))
        self.requested()
        self.starts(**more)
        self.company.node.wait_link(self.name, "online")

    def detail(self, words, seconds=20):
        return wait_for(lambda: words in (c := self.company.node.coupling(self.name))["detail"] and c, seconds, words)

    def stored(self, name="temperature"):
        return [(time, v) for time, v, *_ in self.company.node.history(f"partners/acme/hall/oven/{name}", "--from", at(-10 ** 6), "--to", at(10 ** 6))]

    def has(self, lines, name="temperature"):
        """Exactly these are here, each once."""
        path = f"hall/oven/{name}"
        want = [(v["time"], v["value"]) for v in lines if v["path"] == path]
        def same():
            got = [(t[:19] + "Z", v) for t, v in self.stored(name)]
            return got == want
        wait_for(same, 20, f"{len(want)} values of {name}, not {len(self.stored(name))}")


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """(company, partner, wire): the company consumes, a test plays the partner."""
    company = Company(tmp_path_factory.mktemp("dsp-data") / "one", plain=True)
    partner = Partner("acme", TOKEN)
    company.api.ok("POST", "partners", {"name": "acme", "id": "urn:acme", "url": partner.url, "token": TOKEN})
    yield company, partner, Wire(f"http://127.0.0.1:{company.port}", "Bearer " + TOKEN)
    partner.stop()
    company.node.stop()


@pytest.fixture
def deal(market):
    """deal(dataset) makes an agreement; its coupling and its data plane end with the test."""
    global NOW
    NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    made = []

    def make(dataset, rules=USE):
        made.append(Deal(*market, dataset, rules))
        return made[-1]
    yield make
    for one in made:
        one.goods.stop()
        market[0].node.cli("uncouple", one.name, "--forget", check=False)


def test_history_comes_first_then_what_is_new_with_types_units_and_the_agreement(deal):
    d = deal("ovens")
    d.goods.signals = [TEMPERATURE, PARTS, PROGRAM]
    d.goods.lines = [value(s, s / 4) for s in range(-40000, 0, 100)] + [value(-500, 7, PARTS["path"]), value(-400, "O1", PROGRAM["path"])]
    d.begins()
    d.has(d.goods.lines)
    d.goods.say(value(1, 12.5), value(2, None, status=0x80310000), value(3, 8, PARTS["path"]))
    d.has(d.goods.lines)
    assert d.stored("parts")[-1][1] == 8 and d.stored("program")[0][1] == "O1"
    seen = d.company.api.ok("GET", "observations?limit=1000")["observations"]
    went = [o for o in seen if o["kind"] == "outgoing" and o["coupling"] == d.name]
    assert went and all((o["partner"], o["to"], o["domain"]) == ("acme", "127.0.0.1", None) for o in went)
    assert not [o for o in seen if o["domain"] == "acme"]  # his name is no name of a host
    shown = d.company.api.ok("GET", "signal", path="partners/acme/hall/oven/temperature")
    assert (shown["type"], shown["unit"], shown["unitText"], shown["description"], shown["agreement"]) == ("double", "CEL", "°C", "inside", d.agreement)
    assert d.agreement in d.company.node.cli("ls", "partners/acme/hall/oven", "--long").stdout
    assert not any(e[2] != "Bearer token-0" for e in d.goods.asked)


def test_after_a_break_and_after_a_kill_it_goes_on_without_a_gap_and_without_doubles(deal):
    d = deal("breaks")
    d.goods.signals = [TEMPERATURE]
    d.goods.lines = [value(s, s / 4) for s in range(-3000, 0, 10)]
    d.goods.torn = 1
    d.begins({"settings": {"since": "2h"}})
    d.has(d.goods.lines)
    wait_for(lambda: d.goods.streams, 20, "the stream")
    for i in range(3):
        d.goods.say(*(value(s, s / 4) for s in range(20 * i, 20 * i + 10)))
        d.goods.end(cut=True)
        d.goods.say(*(value(s, s / 4) for s in range(20 * i + 10, 20 * i + 20)))
        d.has(d.goods.lines)
        streams = len(d.goods.streams)
        if i == 1:
            d.company.crash()
        wait_for(lambda: len(d.goods.streams) > streams - 1 and not d.goods.streams[-1]["cut"], 20, "the next stream")
    d.goods.say(value(100, 1.0))
    d.has(d.goods.lines)


def test_a_token_is_renewed_before_it_ends_and_when_it_is_refused(deal):
    d = deal("tokens")
    d.goods.signals = [TEMPERATURE]
    d.begins(lasts=30)
    wait_for(lambda: d.goods.streams, 20, "the stream")
    assert d.goods.renewals == 1 and d.goods.asked[0][2] == "Bearer token-1", "it would have ended soon"
    d.goods.token = "token-other"  # the partner has forgotten all tokens
    d.goods.end(cut=True)
    wait_for(lambda: any(e[2] == "Bearer token-2" and e[3] for e in d.goods.asked), 30, "the stream with a new one")
    d.goods.say(value(1, 2.5))
    d.has(d.goods.lines)


def test_the_state_says_why_it_stands_still(market, deal):
    company, _, _ = market
    company.api.ok("POST", "couplings", {"url": "dsp://acme/nothing"})
    refused = company.node.wait_link("acme-nothing", "refused")
    assert "koppel negotiate acme nothing" in refused["detail"]
    company.node.cli("uncouple", "acme-nothing")
    d = deal("stops")
    d.goods.signals = [TEMPERATURE]
    d.couple()
    d.detail("has not begun transfer")
    d.requested()
    d.starts()
    company.node.wait_link(d.name, "online")
    wait_for(lambda: d.goods.streams, 20, "the stream")
    d.says("suspension", "TransferSuspensionMessage", code="1", reason=["the oven is repaired"])
    d.goods.end(end="the transfer is suspended")
    d.detail("is suspended: the oven is repaired")
    d.starts()
    company.node.wait_link(d.name, "online")
    wait_for(lambda: len(d.goods.streams) > 1, 20, "the stream again")
    d.says("termination", "TransferTerminationMessage", code="2", reason=["not paid"])
    d.goods.end(end="the transfer has ended")
    assert d.detail("is over: not paid")["state"] == "refused"


def test_a_partner_who_lies_harms_nothing(deal):
    d = deal("lies")
    bad = ["../../etc/x", "/hall/a", "hall//a", "hall/oven/", "alone", "", 7, None, "x" * 2000, "a/\u0007b", "/".join("a" * 20)]
    d.goods.signals = [TEMPERATURE, PARTS, TEMPERATURE, {"path": "hall/oven/y", "type": "nonsense"}, 5, *({"path": p, "type": "double"} for p in bad)]
    good = [value(-100 + i, i / 2) for i in range(50)]
    rubbish = [*({"path": p, "time": at(-50), "value": 1} for p in bad), {"path": TEMPERATURE["path"], "time": "soon", "value": 1}, value(-50, [[[[[[[1]]]]]]]),
               {"time": at(-50)}, value(-50, 1, status="x"), value(-50, 1, function="sum"), value(-49, 3, "hall/oven/unheard")]
    d.goods.lines = [*good, *rubbish, value(-20, "warm"), value(-10, 4, PARTS["path"]), value(-9, 4.5, PARTS["path"])]
    d.begins()
    wait_for(lambda: len(d.stored()) == len(good) + 2, 20, "the good ones, and two of another type")
    assert [v for _, v in d.stored()][:50] == [v["value"] for v in good] and [v for _, v in d.stored("parts")] == [4, None]
    d.goods.lines = []
    outside = [s["path"] for s in d.company.api.ok("GET", "signals", limit=1000)["signals"] if not s["path"].startswith("partners/acme/")]
    assert outside == []
    wait_for(lambda: d.goods.streams, 20, "the stream")
    for text in (b"x" * 9_000_000, b"event: values\ndata: {\n\n" * 1000, b"\x00\xff\n\n"):
        d.goods.raw, asked = text, len(d.goods.asked)
        d.goods.end(cut=True)
        wait_for(lambda: any(e[3] for e in d.goods.asked[asked:]), 20, "a question that gets it")
        d.goods.raw = None
        wait_for(lambda: not d.goods.streams[-1]["cut"], 20, "the stream after it")
    d.goods.say(value(5, 9.0))
    wait_for(lambda: d.stored()[-1][1] == 9.0, 20, "the next good one")


def test_steps_become_signals_of_their_own_and_what_was_not_permitted_goes_no_further(deal):
    steps = [{"action": "use", "constraint": [{"leftOperand": "timeInterval", "operator": "eq", "rightOperand": "PT1M"},
                                                 {"leftOperand": "koppel:aggregate", "operator": "isAnyOf", "rightOperand": ["mean", "max"]}]}]
    d = deal("steps", steps)
    d.goods.signals = [TEMPERATURE]
    d.goods.lines = [value(s, v, function=f) for s in range(-600, -300, 60) for f, v in (("mean", 1.5), ("max", 2.0))]
    d.begins()
    d.has([{**v, "path": v["path"] + "-mean"} for v in d.goods.lines if v["function"] == "mean"], "temperature-mean")
    assert len(d.stored("temperature-max")) == 5


def test_pull_gives_the_data_once_and_never_takes_half_for_whole(deal, tmp_path):
    d = deal("pulls")
    d.goods.lines = [value(s, s / 4) for s in range(-100, 0)]
    number = d.company.api.ok("POST", "transfers", {"agreement": d.agreement})["id"]
    d.requested()
    d.starts()
    d.company.comes(number, "STARTED", "transfers")
    cli, file = d.company.node.cli, tmp_path / "out.jsonl"
    assert [json.loads(line) for line in cli("pull", d.agreement).stdout.splitlines()] == d.goods.lines
    cli("pull", d.agreement, "--from", at(-50), "--to", at(-40), "--jsonl", "--output", file)
    assert [json.loads(line) for line in file.read_text().splitlines()] == d.goods.lines[50:60]
    assert d.goods.asked[-1][1] == {"from": at(-50), "to": at(-40), "format": "jsonl"}
    d.goods.torn, half = 1, tmp_path / "half"
    torn = cli("pull", d.agreement, "--output", half, check=False)
    assert torn.returncode == 1 and "cut off" in torn.stderr and not half.exists() and len((tmp_path / "half.part").read_text().splitlines()) == 50
    d.goods.raw = bytes(range(256)) * 1000
    cli("pull", d.agreement, "--output", file)
    assert file.read_bytes() == d.goods.raw, "what is no JSON lines is written as it comes"
    d.goods.raw, d.goods.token = None, "token-forgotten"
    assert len(cli("pull", d.agreement).stdout.splitlines()) == 100 and d.goods.renewals == 1
    assert "there is no agreement" in cli("pull", "urn:nobody", check=False).stderr
    follow = subprocess.Popen([KOPPEL, "pull", d.agreement, "--follow", "--from", at(-3), "--node", d.company.node.dir], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert [json.loads(follow.stdout.readline()) for _ in range(3)] == d.goods.lines[-3:]
    d.goods.say(value(1, 3.0))
    assert json.loads(follow.stdout.readline()) == value(1, 3.0)
    d.goods.end(end="not paid")
    assert follow.wait(20) == 1 and "not paid" in follow.stderr.read()


def test_an_address_elsewhere_or_without_what_is_needed_is_refused(deal):
    d = deal("elsewhere")
    d.couple()
    d.requested()
    address = {**d.goods.address(), "endpoint": "http://169.254.169.254/latest"}
    d.says("start", "TransferStartMessage", dataAddress=address)
    assert d.detail("on another server, 169.254.169.254")["state"] == "refused"


def test_an_address_as_eclipse_connectors_write_it_is_read(deal):
    d = deal("eclipse")
    number = d.company.api.ok("POST", "transfers", {"agreement": d.agreement})["id"]
    d.requested()
    names, d.goods.raw = "https://w3id.org/edc/v0.0.1/ns/", b"any bytes"
    properties = {"endpoint": d.goods.url, "authorization": "raw-token", "authType": "bearer", "endpointType": names + "HTTP"}
    d.says("start", "TransferStartMessage", dataAddress={"@type": "DataAddress", "endpointType": "https://w3id.org/idsa/v4.1/HTTP", "endpointProperties": [
        {"@type": "EndpointProperty", "name": names + k, "value": v} for k, v in properties.items()]})
    d.company.comes(number, "STARTED", "transfers")
    d.goods.shown = "raw-token"
    assert d.company.node.cli("pull", d.agreement).stdout == "any bytes"
    assert d.goods.asked[-1][2] == "raw-token"


def test_intervals_come_too_and_only_once(deal):
    d = deal("intervals")
    d.goods.signals = [TEMPERATURE]
    d.goods.lines = [{"id": 5, "kind": "alarm", "path": "hall/oven", "start": at(-900), "end": at(-800), "attributes": {"text": "too hot", "key": "x"}}, value(-700, 1.0)]
    d.begins()
    d.has(d.goods.lines[1:])
    d.goods.say({"id": 6, "kind": "alarm", "path": "hall/oven", "start": at(-10), "end": None, "attributes": {"text": "door"}})

    def alarms():
        list_ = d.company.api.ok("GET", "intervals", kind="alarm", **{"from": at(-2000), "to": at(1000)})["intervals"]
        return [(i["path"], i["attributes"]["text"], i["end"] is None) for i in list_ if i["path"].startswith("partners/")]
    wait_for(lambda: len(alarms()) == 2, 20, "both alarms")
    d.goods.end(cut=True)
    wait_for(lambda: not d.goods.streams[-1]["cut"], 20, "the next stream")
    d.goods.say({"id": 6, "kind": "alarm", "path": "hall/oven", "start": at(-10), "end": at(-5), "attributes": {"text": "door"}}, value(-600, 2.0))
    wait_for(lambda: sorted(alarms()) == [("partners/acme/hall/oven", "door", False), ("partners/acme/hall/oven", "too hot", False)], 20, "both, closed")
