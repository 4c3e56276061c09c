# SPDX-License-Identifier: Apache-2.0
"""The data of transfers: a partner pulls history and follows what comes, and gets what was agreed and nothing else, until it ends."""
import csv
import datetime
import gzip
import hashlib
import io
import json
import threading
import time
import uuid

import pytest
import requests
from conftest import wait_for
from dsp_partner import USE, Partner, Wire, message, offer
from test_dsp import DSP, TOKEN, Company

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
    exits = wait_for(lambda: len(e := plain.exits()) >= 4 and all(r["ended"] for r in e) and e, 10, "the rows")
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
