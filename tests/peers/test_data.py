# SPDX-License-Identifier: Apache-2.0
"""The data of transfers: a partner pulls history and follows what comes, and gets what was agreed and nothing else, until it ends."""
import collections
import csv
import datetime
import gzip
import hashlib
import io
import json
import random
import threading
import time
import uuid

import pytest
import requests
from conftest import wait_for
from dsp_partner import USE, Partner, Wire, message, offer
from test_dsp import DSP, TOKEN, Company
from web_client import sanitized, statm_kib

BEGIN = datetime.datetime(2026, 1, 5, tzinfo=datetime.timezone.utc)
TEMPERATURE, NAME, INSIDE = "hall/oven/temperature", "hall/oven/name", "hall/oven/recipe"


def at(seconds):
    return (BEGIN + datetime.timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def limit(name, operator, value):
    return {"leftOperand": name, "operator": operator, "rightOperand": value}


class Deal:
    """An agreement with acme on a dataset of its own, and what he pulls under it."""

    def __init__(self, market, constraints=(), signals=(TEMPERATURE, NAME), **more):
        self.company, self.partner, self.wire = market
        self.dataset = "set-" + uuid.uuid4().hex[:8]
        self.rules = [{**USE[0], "constraint": list(constraints)}] if constraints else USE
        self.offer = self.dataset + "-offer"
        self.company.api.ok("POST", "offers", {"id": self.offer, "dataset": self.dataset, "signals": list(signals), "policy": {"permission": self.rules}, **more})
        pid = "urn:acme:" + uuid.uuid4().hex
        body = message("ContractRequestMessage", consumerPid=pid, callbackAddress=self.partner.url, offer=offer(self.dataset, self.offer, permission=self.rules))
        status, reply = self.wire.post(DSP + "negotiations/request", body)
        assert status == 201, reply
        if more.get("automatic") is False:
            self.company.api.ok("POST", f"negotiations/{self.company.newest()['id']}/agree", {})
        wait_for(lambda: self.partner.of(pid + "/agreement"), 20, "the agreement")
        self.agreement = self.partner.of(pid + "/agreement")[0]["agreement"]["@id"]
        pids = {"providerPid": reply["providerPid"], "consumerPid": pid}
        assert self.wire.post(DSP + f"negotiations/{pids['providerPid']}/agreement/verification", message("ContractAgreementVerificationMessage", **pids))[0] == 200
        if more.get("automatic") is False:
            self.company.api.ok("POST", f"negotiations/{self.company.newest()['id']}/finalize", {})
        wait_for(lambda: self.partner.of(pid + "/events"), 20, "the agreement in force")

    def ask(self):
        """Asks for a transfer."""
        self.pid = "urn:acme:" + uuid.uuid4().hex
        status, reply = self.wire.post(DSP + "transfers/request", message("TransferRequestMessage", consumerPid=self.pid, agreementId=self.agreement,
                                                                          format="HttpData-PULL", callbackAddress=self.partner.url))
        assert (status, reply["state"]) == (201, "REQUESTED"), reply
        self.theirs = reply["providerPid"]
        self.number = next(t["id"] for t in self.company.api.ok("GET", "transfers")["transfers"] if t["pid"] == self.theirs)
        return self

    def started(self, times=1):
        """The address that the node has sent."""
        messages = wait_for(lambda: len(m := self.partner.of(self.pid + "/start")) >= times and m, 20, "the start")
        self.address = messages[times - 1]["dataAddress"]
        self.names = {p["name"]: p["value"] for p in self.address["endpointProperties"]}
        self.token = self.names["authorization"]
        return self

    def says(self, word, kind, **members):
        status, reply = self.wire.post(DSP + f"transfers/{self.theirs}/{word}", message(kind, providerPid=self.theirs, consumerPid=self.pid, **members))
        assert status == 200, reply

    def get(self, below="", token=None, stream=False, headers=None, **query):
        headers = {"Accept-Encoding": "identity", **({} if token == "" else {"Authorization": token or self.token}), **(headers or {})}
        return requests.get(self.address["endpoint"] + below, params={k.rstrip("_"): v for k, v in query.items()}, headers=headers, stream=stream, timeout=30)

    def lines(self, **query):
        """The values of a whole answer."""
        reply = self.get(**query)
        assert reply.status_code == 200 and reply.headers["Content-Type"] == "application/x-ndjson", reply.text
        *lines, end = [json.loads(line) for line in reply.text.splitlines()]
        values = [line for line in lines if "kind" not in line]
        assert end == {"end": True, "values": len(values), "intervals": len(lines) - len(values)}
        return values

    def refused(self, status, words, **more):
        reply = self.get(**more)
        assert reply.status_code == status, (reply.status_code, reply.text)
        said = reply.json()
        assert said["@type"] == "TransferError" and words in said["reason"][0], said

    def end(self, reason="done"):
        self.company.api.ok("POST", f"agreements/{self.agreement}/end", {"reason": reason})

    def exits(self):
        names = "way, count, intervals, bytes, signals, hex(hash), ended is not null, why, from_at, to_at"
        rows = self.company.node.json("sql", f"select {names} from share_exit where agreement = '{self.agreement}' order by id")["rows"]
        return [dict(zip(("way", "count", "intervals", "bytes", "signals", "hash", "ended", "why", "from", "to"), row)) for row in rows]


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """(company, partner, wire): a node with an oven."""
    company = Company(tmp_path_factory.mktemp("data") / "one", plain=True)
    partner = Partner("acme", TOKEN)
    company.api.ok("POST", "partners", {"name": "acme", "id": "urn:acme", "url": partner.url, "token": TOKEN})
    points = [{"path": TEMPERATURE, "value": i / 4, "time": at(i)} for i in range(6000)]
    points += [{"path": NAME, "value": f'batch "{i}", é', "time": at(60 * i)} for i in range(50)] + [{"path": INSIDE, "value": i, "time": at(i)} for i in range(50)]
    points += [{"path": TEMPERATURE, "value": None, "status": "BadSensorFailure", "time": at(6000)}]
    for i in range(0, len(points), 2000):
        company.api.ok("POST", "values", points[i:i + 2000])
    company.node.cli("set", "hall/oven", "--label", "partner")
    company.node.cli("set", TEMPERATURE, "--unit", "CEL")
    yield company, partner, Wire(f"http://127.0.0.1:{company.port}", "Bearer " + TOKEN)
    partner.stop()
    company.node.stop()


@pytest.fixture(scope="module")
def plain(market):
    """A transfer without terms, to be left running."""
    return Deal(market).ask().started()


def test_history_comes_as_lines_and_as_csv_and_each_exit_has_a_row(market, plain):
    company, _, _ = market
    assert plain.address["endpoint"] == f"http://127.0.0.1:{company.port}/data/{plain.theirs}" and plain.address["endpointType"] == "https://w3id.org/idsa/v4.1/HTTP"
    assert (plain.names["authType"], plain.names["expiresIn"], plain.names["https://w3id.org/edc/v0.0.1/ns/endpoint"]) == ("bearer", "3600", plain.address["endpoint"])
    before = len(plain.exits())
    values = plain.lines()
    by_path = {path: [v for v in values if v["path"] == path] for path in {v["path"] for v in values}}
    assert [(v["time"], v["value"]) for v in by_path[TEMPERATURE][:6000]] == [(at(i), i / 4) for i in range(6000)]
    assert by_path[TEMPERATURE][6000] == {"path": TEMPERATURE, "time": at(6000), "value": None, "status": 0x808C0000}
    assert [v["value"] for v in by_path[NAME]] == [f'batch "{i}", é' for i in range(50)]
    part = plain.get(from_=at(10), to=at(20), token="Bearer " + plain.token)
    assert [v["value"] for v in map(json.loads, part.text.splitlines()[:-1])] == [i / 4 for i in range(10, 20)]
    reply = plain.get(format="csv")
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert reply.headers["Content-Type"].startswith("text/csv") and len(rows) == len(values)
    assert [(r["time"], r["path"], r["status"]) for r in rows] == [(v["time"], v["path"], str(v.get("status", 0))) for v in values]
    packed = plain.get(headers={"Accept": "text/csv", "Accept-Encoding": "gzip"}, stream=True)
    raw = packed.raw.read()
    assert packed.headers["Content-Encoding"] == "gzip" and gzip.decompress(raw).decode() == reply.text and len(raw) < len(reply.text) / 4
    exits = wait_for(lambda: len(e := plain.exits()[before:]) >= 4 and all(r["ended"] for r in e) and e, 10, "the rows")
    assert {(e["way"], e["why"]) for e in exits} == {("pull", "complete")}
    assert (exits[1]["count"], exits[1]["bytes"], exits[1]["hash"].lower()) == (10, len(part.content), hashlib.sha256(part.content).hexdigest())
    assert sorted(json.loads(exits[0]["signals"])) == sorted(by_path) and exits[2]["hash"] == exits[3]["hash"]


def test_the_list_of_signals_says_what_may_be_had(plain):
    listed = plain.get("/signals").json()
    assert {s["path"]: (s["type"], s["unit"], s["name"]) for s in listed} == {TEMPERATURE: ("double", "CEL", "temperature"), NAME: ("string", None, "name")}


class Follow:
    """A stream of events, read in a thread."""

    def __init__(self, deal, **query):
        self.reply = deal.get(stream=True, headers={"Accept": "text/event-stream"}, **query)
        assert self.reply.status_code == 200 and self.reply.headers["Content-Type"] == "text/event-stream", self.reply.text
        self.events, self.closed = [], None
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        kind = None
        for line in self.reply.iter_lines(chunk_size=None, decode_unicode=True):
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                self.events.append((kind, json.loads(line[6:])))
        self.closed = time.monotonic()

    def values(self, path=TEMPERATURE):
        return [v for kind, data in list(self.events) if kind == "values" for v in data if v["path"] == path]

    def intervals(self):
        return [data for kind, data in list(self.events) if kind == "interval"]

    def comes(self, n, path=TEMPERATURE):
        return wait_for(lambda: len(v := self.values(path)) >= n and v, 20, f"{n} values, not {len(self.values(path))}")

    def ends(self, words, since):
        """It closes with this reason, less than a second after `since`."""
        wait_for(lambda: self.closed, 10, "the end")
        kind, data = self.events[-1]
        assert kind == "end" and words in data["reason"], (kind, data)
        assert self.closed - since < 1, self.closed - since


def post(company, path, *values, start=None):
    """Values now, or a second apart from a time on."""
    company.api.ok("POST", "values", [{"path": path, "value": v, **({} if start is None else {"time": at(start + i)})} for i, v in enumerate(values)])


def test_history_then_live_comes_without_a_gap_and_without_a_double(market):
    company, _, _ = market
    path, deal = "line/press/force", None
    post(company, path, *range(3000), start=0)
    company.node.cli("set", "line", "--label", "partner")
    deal = Deal(market, signals=("line/press",)).ask().started()
    stop, sent = threading.Event(), [3000]

    def go_on():
        while not stop.is_set():
            post(company, path, sent[0])
            sent[0] += 1
    writer = threading.Thread(target=go_on)
    writer.start()
    streams = [Follow(deal, from_=at(0)) for _ in range(3)] + [Follow(deal, from_=at(2990))]
    time.sleep(1)  # values come all the while
    stop.set()
    writer.join()
    for stream, first in zip(streams, (0, 0, 0, 2990)):
        assert [v["value"] for v in stream.comes(sent[0] - first, path)] == list(range(first, sent[0]))
    later = Follow(deal)
    assert [v["value"] for v in later.comes(1, path)] == [sent[0] - 1], "what is there comes first"
    post(company, path, -1)
    assert [v["value"] for v in later.comes(2, path)] == [sent[0] - 1, -1]
    company.api.ok("POST", "intervals", {"path": "line/press", "kind": "stop", "attributes": {"reason": "tool"}})
    shown = wait_for(later.intervals, 10, "the stop")[-1]
    assert (shown["kind"], shown["path"], shown["end"], shown["attributes"]) == ("stop", "line/press", None, {"reason": "tool"}) and "label" not in shown
    again = Follow(deal, from_=at(0))
    assert wait_for(again.intervals, 10, "what was before")[0]["id"] == shown["id"]
    since = time.monotonic()
    company.node.cli("agreements", "end", deal.agreement, "--reason", "not paid")
    for stream in (*streams, later, again):
        stream.ends("the agreement has ended: not paid", since + 0.5)  # the command has taken its time
    deal.refused(403, "not paid")
    rows = wait_for(lambda: len(e := deal.exits()) == 6 and all(r["ended"] for r in e) and e, 10, "the rows")
    assert {(r["way"], r["why"]) for r in rows} == {("live", "the agreement has ended: not paid")}
    assert (rows[0]["count"], rows[0]["intervals"]) == (sent[0] + 1, 1)


def test_a_pause_an_end_and_a_removal_stop_it_within_a_second(market):
    company, partner, wire = market
    for who in ("he", "we"):
        deal = Deal(market).ask().started()
        for words, kind, mine in (("suspension", "TransferSuspensionMessage", "suspend"), ("termination", "TransferTerminationMessage", "terminate")):
            stream = Follow(deal)
            since = time.monotonic()
            if who == "he":
                deal.says(words, kind, reason=["too much"])
            else:
                company.api.ok("POST", f"transfers/{deal.number}/{mine}", {"reason": "too much"})
            stream.ends("too much" if who == "he" or mine == "terminate" else "suspended", since)
            deal.refused(403, "suspended" if mine == "suspend" else "too much")
            assert wire.ask("POST", f"/data/{deal.theirs}/token")[0] == 403
            if mine == "suspend":
                company.api.ok("POST", f"transfers/{deal.number}/start")
                old = deal.token
                assert len(deal.started(2).lines(from_=at(0), to=at(10))) == 11 and deal.get("/signals", token=old).status_code == 200
    other = TOKEN + "-of-another"
    company.api.ok("POST", "partners", {"name": "short", "id": "urn:short", "url": partner.url, "token": other})
    deal = Deal((company, partner, Wire(wire.url, "Bearer " + other))).ask().started()
    stream, since = Follow(deal), time.monotonic()
    company.api.ok("DELETE", "partners/short")
    stream.ends("the partner was removed", since)
    assert deal.get().status_code in (403, 404)


def test_a_token_opens_its_own_transfer_and_nothing_else(market, plain):
    company, partner, wire = market
    deal = Deal(market).ask().started()
    head, claims, signature = plain.token.split(".")
    for token in ("", "x", "Bearer ", "Bearer x.y.z", "Basic eDp5", TOKEN, company.node.token, f"{head}.{claims}.", f"{head}.{claims}.{signature[:-4]}AAAA",
                  f"{head}.{deal.token.split('.')[1]}.{signature}", partner.heard[0][2]):
        plain.refused(401, "", token=token)
        assert plain.get("/signals", token=token).status_code == 401
    plain.refused(401, "another transfer", token=deal.token)
    shown = wire.ask("POST", f"/data/{plain.theirs}/token")
    assert shown[0] == 200 and shown[1]["expiresIn"] == 3600 and len(plain.lines(token=shown[1]["authorization"], to=at(5))) == 6
    for other in (None, "Bearer " + TOKEN + "x", plain.token):
        assert Wire(wire.url, other).ask("POST", f"/data/{plain.theirs}/token")[0] == 401
    token = TOKEN + "-of-a-third"
    company.api.ok("POST", "partners", {"name": "third", "id": "urn:third", "url": partner.url, "token": token})
    assert Wire(wire.url, "Bearer " + token).ask("POST", f"/data/{plain.theirs}/token")[0] == 404
    assert wire.ask("POST", "/data/urn:uuid:none/token")[0] == 404
    for bad in ({"format": "xml"}, {"from_": "soon"}, {"from_": at(9), "to": at(3)}, {"path": "hall"}):
        assert plain.get(**bad).status_code == 400, bad
    assert plain.get(headers={"Accept": "text/event-stream"}, to=at(9)).status_code == 400
    assert requests.post(plain.address["endpoint"], timeout=10).status_code == 405
    rows = wait_for(lambda: company.api.ok("GET", "audit", action="GET /data/{pid}")["entries"], 10, "who tried, in the audit log")
    assert {e["via"] for e in rows} == {"partner"}


def test_so_many_transfers_as_were_agreed_may_begin(market):
    deal = Deal(market, [limit("count", "lteq", "2")])
    for _ in range(2):
        deal.ask().started()
        assert len(deal.lines(to=at(5))) == len(deal.lines(to=at(5))) == 6, "a transfer may be read more than once"
    deal.says("suspension", "TransferSuspensionMessage")
    deal.says("start", "TransferStartMessage")
    assert len(deal.lines(to=at(5))) == 6, "what goes on is no new one"
    deal.ask().started()
    deal.refused(403, "the 2 transfers that were agreed have been made")
    assert len(deal.exits()) == 5


def test_only_what_lies_in_the_agreed_time_and_no_newer_than_the_delay_goes(market):
    company, _, _ = market
    deal = Deal(market, [limit("koppel:sourceTime", "gteq", at(100)), limit("koppel:sourceTime", "lt", at(110))]).ask().started()
    for query in ({}, {"from_": at(0)}, {"from_": at(0), "to": at(1000)}):
        assert [v["time"] for v in deal.lines(**query) if v["path"] == TEMPERATURE] == [at(i) for i in range(100, 110)]
    assert deal.lines(from_=at(110)) == []
    Deal(market, [limit("dateTime", "lt", "2026-01-01T00:00:00Z")]).ask().started().refused(403, "expired")
    Deal(market, [limit("dateTime", "gteq", "2090-01-01T00:00:00Z")]).ask().started().refused(403, "begins later")
    path = "slow/scale/weight"
    post(company, path, 1, start=0)
    company.node.cli("set", "slow", "--label", "partner")
    late = Deal(market, [limit("delayPeriod", "eq", "PT3S")], signals=("slow",)).ask().started()
    stream = Follow(late, from_=at(0))
    stream.comes(1, path)
    now = time.time()
    post(company, path, 2)
    assert [v["value"] for v in late.lines()] == [1]
    stream.comes(2, path)
    assert time.time() - now >= 3 and [v["value"] for v in late.lines()] == [1, 2]
    late.end()


def test_an_agreement_whose_time_ends_ends_the_stream(market):
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4)
    deal = Deal(market, [limit("dateTime", "lt", end.isoformat().replace("+00:00", "Z"))]).ask().started()
    stream = Follow(deal)
    stream.ends("expired", time.monotonic() + (end - datetime.datetime.now(datetime.timezone.utc)).total_seconds() if not stream.closed else 0)
    deal.refused(403, "expired")
    assert deal.get("/signals").status_code == 403


def test_steps_go_whole_or_not_at_all_however_they_are_asked_for(market):
    company, _, _ = market
    deal = Deal(market, [limit("timeInterval", "eq", "PT1M"), limit("koppel:aggregate", "isAnyOf", ["mean", "max"])], signals=(TEMPERATURE,)).ask().started()
    steps = deal.lines()
    assert [(s["time"], s["function"], s["value"]) for s in steps[:4]] == [(at(0), "mean", 59 / 8), (at(0), "max", 59 / 4), (at(60), "mean", 179 / 8), (at(60), "max", 119 / 4)]
    assert len(steps) == 202
    assert deal.lines(from_=at(70), to=at(71)) == deal.lines(from_=at(60), to=at(120)) == steps[2:4]
    rows = list(csv.reader(io.StringIO(deal.get(format="csv", to=at(60)).text)))
    assert rows == [["time", "path", "value", "status", "function"], [at(0), TEMPERATURE, "7.375", "0", "mean"], [at(0), TEMPERATURE, "14.75", "0", "max"]]
    path = "steps/lathe/load"
    post(company, path, 0)
    company.node.cli("set", "steps", "--label", "partner")
    quick = Deal(market, [limit("timeInterval", "eq", "PT1S"), limit("koppel:aggregate", "isAnyOf", ["count", "last"])], signals=("steps",)).ask().started()
    streams, until, sent = [], time.monotonic() + 3, 1
    while time.monotonic() < until:
        post(company, path, sent)
        sent += 1
        if sent % 40 == 0 and len(streams) < 5:
            streams.append(Follow(quick))  # from within a step on
    steps = wait_for(lambda: len(s := quick.lines()) >= 6 and s[-2]["value"] == sent - 1 and s, 10, "the last step")
    truth = {(v["time"], v["function"]): v["value"] for v in steps}
    for stream in streams:
        got = wait_for(lambda: (v := stream.values(path)) and v[-2]["value"] == sent - 1 and v, 10, "the last step")
        assert len({(v["time"], v["function"]) for v in got}) == len(got)
        assert all(truth[v["time"], v["function"]] == v["value"] for v in got), "the same as in the history"
    quick.end()


def test_a_label_that_changes_holds_for_what_comes_next(market):
    company, _, _ = market
    one, two = "labels/one/a", "labels/two/a"
    company.api.ok("POST", "values", {one: 1, two: 1})
    company.node.cli("set", "labels", "--label", "partner")
    deal = Deal(market, signals=("labels",)).ask().started()
    stream = Follow(deal)
    stream.comes(1, one)
    company.node.cli("set", "labels/one", "--label", "secret")
    post(company, one, 2)
    post(company, two, 2)
    assert [v["value"] for v in stream.comes(2, two)] == [1, 2] and [v["value"] for v in stream.values(one)] == [1]
    assert {v["path"] for v in deal.lines()} == {s["path"] for s in deal.get("/signals").json()} == {two}
    company.node.cli("set", "labels", "--label", "internal")
    stream.ends("stays in the company", time.monotonic())
    deal.refused(403, "labelled so that it stays")


def test_an_offer_that_was_removed_leaves_what_was_agreed(market):
    company, _, _ = market
    deal = Deal(market)
    company.api.ok("DELETE", "offers/" + deal.offer)
    assert len(deal.ask().started().lines(to=at(5))) == 6


def test_transfers_of_an_offer_by_hand_wait_for_a_person(market):
    company, _, wire = market
    deal = Deal(market, automatic=False)
    deal.ask()
    assert company.told(deal.number, "transfers")["state"] == "REQUESTED"
    assert wire.ask("POST", f"/data/{deal.theirs}/token")[0] == 403
    company.node.cli("transfers", deal.number, "start")
    assert len(deal.started().lines(to=at(5))) == 6
    deal.ask()
    company.api.ok("POST", f"transfers/{deal.number}/start", {"address": {"endpointType": "x", "endpoint": "https://acme.example/export"}})
    wait_for(lambda: deal.partner.of(deal.pid + "/start"), 20, "the start")
    assert deal.partner.of(deal.pid + "/start")[0]["dataAddress"]["endpoint"] == "https://acme.example/export"


@pytest.fixture(scope="module")
def large(market, tmp_path_factory):
    """A transfer of half a million values."""
    company, _, _ = market
    file = tmp_path_factory.mktemp("large") / "x.csv"
    file.write_text("time,large/axis/load\n" + "".join(f"{1767225600 + i},{i % 1000 / 8}\n" for i in range(500_000)))
    company.node.cli("import", file)
    company.node.cli("set", "large", "--label", "partner")
    return Deal(market, signals=("large",)).ask().started()


def test_who_reads_slowly_costs_little_and_holds_up_nobody(market, large, plain):
    company, _, _ = market
    large.lines(to=at(0))
    before = statm_kib(company.node.process)
    slow = [large.get(stream=True, format=f) for f in ("jsonl", "csv") for _ in range(8)]
    assert all(s.status_code == 200 for s in slow)
    large.refused(409, "16 answers")
    wait_for(lambda: len([1 for e in large.exits() if not e["ended"]]) == 16, 10, "the rows, before a byte is read")
    since = time.monotonic()
    assert company.node.json("status") and time.monotonic() - since < 5
    if not sanitized(company.node.process):
        assert statm_kib(company.node.process) - before < 40_000
    large.says("suspension", "TransferSuspensionMessage", reason=["enough"])
    for i, reply in enumerate(slow):
        try:
            text = b"".join(reply.iter_content(1 << 16))
            assert i < 8 and json.loads(text.splitlines()[-1]) == {"end": False, "reason": "the transfer is suspended: enough"}
        except requests.exceptions.ChunkedEncodingError:
            assert i >= 8, "a CSV that is not whole breaks off"
    wait_for(lambda: all(e["ended"] for e in large.exits()), 10, "the rows")
    large.says("start", "TransferStartMessage")
    assert len(large.lines()) == 500_000


def test_intervals_go_as_lines_and_cut_to_the_agreed_time(market):
    company, _, _ = market
    company.api.ok("POST", "assets", {"path": "jobs/mill"})
    for begin, end in ((0, 90), (95, 105), (108, 200), (300, 400)):
        company.api.ok("POST", "intervals", {"path": "jobs/mill", "kind": "job", "start": at(begin), "end": at(end), "attributes": {"name": f"J{begin}"}})
    post(company, "jobs/mill/load", 1, start=100)
    company.node.cli("set", "jobs", "--label", "partner")
    deal = Deal(market, [limit("koppel:sourceTime", "gteq", at(100)), limit("koppel:sourceTime", "lt", at(110))], signals=("jobs",)).ask().started()
    value, *jobs, end = map(json.loads, deal.get().text.splitlines())
    assert value["value"] == 1 and end == {"end": True, "values": 1, "intervals": 2}
    assert [(j["kind"], j["path"], j["start"], j["end"], j["attributes"]) for j in jobs] == [
        ("job", "jobs/mill", at(100), at(105), {"name": "J95"}), ("job", "jobs/mill", at(108), at(110), {"name": "J108"})]


def test_after_a_kill_it_goes_on_and_the_rows_say_so(market, large):
    company, _, _ = market
    stream = large.get(stream=True)
    wait_for(lambda: any(not e["ended"] for e in large.exits()), 10, "the row")
    company.crash()
    with pytest.raises(requests.exceptions.RequestException):  # so that nobody takes it for all
        list(stream.iter_content(1 << 16))
    row = large.exits()[-1]
    assert row["ended"] == 1 and "the node went down" in row["why"] and row["count"] < 500_000
    company.node.cli("set", "large/axis/load", "--unit", "N")
    assert len(large.lines(to="2026-01-01T00:00:09Z")) == 9, "the token is good after a restart"


def test_a_node_that_stops_says_so_in_the_rows(market, large):
    company, _, _ = market
    stream, follow = large.get(stream=True), Follow(large)
    company.node.stop()
    with pytest.raises(requests.exceptions.RequestException):
        list(stream.iter_content(1 << 16))
    wait_for(lambda: follow.closed, 10, "the end")
    company.run()
    assert [e["why"] for e in large.exits()[-2:]] == 2 * ["the node stops"]


def test_two_nodes_share_over_tls(tmp_path):
    provider, consumer = Company(tmp_path / "provider"), Company(tmp_path / "consumer")
    provider.knows("buyer", consumer)
    consumer.knows("maker", provider)
    post(provider, TEMPERATURE, *range(10), start=0)
    provider.node.cli("set", "hall", "--label", "partner")
    provider.api.ok("POST", "offers", {"dataset": "ovens", "signals": ["hall"]})
    agreement = consumer.node.json("negotiate", "maker", "ovens", "--wait")["agreement"]
    address = consumer.comes(consumer.node.json("transfers", agreement)["id"], "STARTED", "transfers")["address"]
    ca = tmp_path / "ca.pem"
    ca.write_text(provider.card["ca"])
    token = next(p["value"] for p in address["endpointProperties"] if p["name"] == "authorization")
    reply = requests.get(address["endpoint"], headers={"Authorization": "Bearer " + token}, verify=ca, timeout=20)
    assert [json.loads(line).get("value") for line in reply.text.splitlines()] == [*range(10), None]
    assert token.encode() not in (provider.node.dir / "factory.db").read_bytes(), "it is kept nowhere"
    for company in (provider, consumer):
        company.node.stop()


def test_who_follows_and_falls_behind_gets_what_he_missed_once(market):
    company, _, _ = market
    signals, rounds = 400, 25
    company.api.ok("POST", "values", {f"fast/saw/s{k}": "" for k in range(signals)})
    company.node.cli("set", "fast", "--label", "partner")
    deal = Deal(market, signals=("fast",)).ask().started()
    begin = datetime.datetime.now(datetime.timezone.utc).isoformat()
    reply = deal.get(stream=True, headers={"Accept": "text/event-stream"}, from_=begin)
    for i in range(rounds):  # more than a queue takes each time, and in all more than the sockets do
        company.api.ok("POST", "values", {f"fast/saw/s{k}": f"{i}" + "." * 1000 for k in range(signals)})
    got = []
    for line in reply.iter_lines(chunk_size=1 << 16, decode_unicode=True):
        if line.startswith("data: ["):
            got += [(v["path"], int(v["value"].rstrip("."))) for v in json.loads(line[6:])]
        if len(got) >= signals * rounds:
            break
    assert sorted(got) == sorted((f"fast/saw/s{k}", i) for k in range(signals) for i in range(rounds))
    reply.close()


def test_what_is_written_down_later_than_it_was_comes_too(market):
    company, _, _ = market
    path, n = "later/scale/weight", 12_000
    post(company, path, 0, start=0)
    company.node.cli("set", "later", "--label", "partner")
    deal = Deal(market, signals=("later",)).ask().started()
    stream = Follow(deal, from_=at(0))
    for i in range(1, n, 3000):
        post(company, path, *range(i, min(i + 3000, n)), start=i)
    post(company, path, -1, start=-1)
    assert sorted(v["value"] for v in stream.comes(n, path)) == list(range(n)), "and not what is before the time that was asked for"
    post(company, path, n, start=0.5)
    assert stream.comes(n + 1, path)[-1]["value"] == n
    deal.end()


def test_bulks_single_values_and_late_ones_all_come_once_to_everyone_who_follows(market):
    company, _, _ = market
    rnd, names = random.Random(7), [f"mix/m{k}/v" for k in range(20)]
    told, streams, late = collections.Counter(), [], []

    def some(n):
        for name in rnd.choices(names, k=n):
            told[name] += 1
            yield {"path": name, "value": told[name], "time": at(told[name])}
    for _ in range(10):
        company.api.ok("POST", "values", list(some(2000)))
    company.node.cli("set", "mix", "--label", "partner")
    deal = Deal(market, signals=("mix",)).ask().started()
    for i in range(240):  # so much that the journal is sealed meanwhile
        points = list(some(rnd.choice((1, 5, 400))))
        if len(points) == 5:
            late.append(points.pop(0))
        company.api.ok("POST", "values", points)
        if i % 20 == 19:
            company.api.ok("POST", "values", late)
            late.clear()
        if i % 60 == 0:
            streams.append(Follow(deal, from_=at(0)))
    every = wait_for(lambda: len(c := collections.Counter((v["path"], v["time"], v["value"]) for v in deal.lines())) == sum(told.values()) and c, 10, "all that was told")
    for stream in streams:
        got = wait_for(lambda: sum((c := collections.Counter((v["path"], v["time"], v["value"]) for k, d in list(stream.events) if k == "values" for v in d)).values()) >= len(every) and c, 20, "all")
        assert got == every
    deal.end()
