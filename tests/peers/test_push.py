# SPDX-License-Identifier: Apache-2.0
"""HttpData-PUSH: two nodes over TLS, one of which sends the other what was agreed, and addresses that nothing is sent to."""
import json
import sqlite3
import time
import uuid

import pytest
from conftest import wait_for
from dsp_partner import USE, Partner, Wire, message, offer
from test_dsp import DSP, TOKEN, Company

BEGAN = 1767225600  # 2026-01-01T00:00:00Z
VALUES = 20000
UNTIL = [{"action": "use", "constraint": [{"leftOperand": "koppel:sourceTime", "operator": "lt", "rightOperand": "2026-01-01T01:00:00Z"}]}]


def fill(company, folder):
    file = folder / "in.csv"
    rows = [f"{BEGAN + i},hall/spindle/speed,{i}.25\n" for i in range(VALUES)]
    rows += [f"{BEGAN + i},yard/crane/load,{i}.25\n" for i in range(7200)]
    file.write_text("time,path,value\n" + "".join(rows))
    company.node.cli("import", file)
    for place in ("hall", "yard"):
        company.node.cli("set", place, "--label", "partner")


def values(company, path, since="2026-01-01"):
    done = company.node.cli("history", path, "--from", since, "--csv", check=False)
    return [float(line.split(",")[2]) for line in done.stdout.splitlines()[1:]] if done.returncode == 0 else []


def agreed(consumer, dataset):
    deal = json.loads(consumer.node.cli("negotiate", "maker", dataset, "--wait", "--json").stdout)
    assert deal["state"] == "FINALIZED", deal
    return deal["agreement"]


def exits(company):
    names = ("partner", "agreement", "way", "count", "bytes", "hash", "ended", "why")
    with sqlite3.connect(f"file:{company.node.dir}/factory.db?mode=ro", uri=True) as db:
        return [dict(zip(names, row)) for row in db.execute("select partner, agreement, way, count, bytes, length(hash), ended, why from share_exit order by id")]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    root = tmp_path_factory.mktemp("push")
    provider, consumer = Company(root / "provider"), Company(root / "consumer")
    provider.knows("buyer", consumer)
    consumer.knows("maker", provider)
    fill(provider, root)
    provider.api.ok("POST", "offers", {"id": "all-1", "dataset": "all", "signals": ["hall/**"]})
    provider.api.ok("POST", "offers", {"id": "hour-1", "dataset": "hour", "signals": ["yard/**"], "policy": {"permission": UNTIL}})
    yield provider, consumer
    provider.node.stop()
    consumer.node.stop()


def test_what_was_agreed_is_pushed_whole_and_then_the_transfer_is_complete(shop):
    provider, consumer = shop
    agreement = agreed(consumer, "hour")
    number = json.loads(consumer.node.cli("transfers", agreement, "--push", "--json").stdout)["id"]
    consumer.comes(number, "COMPLETED", "transfers")
    assert values(consumer, "partners/maker/yard/crane/load") == [i + 0.25 for i in range(3600)]
    row = next(r for r in exits(provider) if r["agreement"] == agreement)
    assert (row["partner"], row["way"], row["count"], row["hash"]) == ("buyer", "push", 3600, 32) and row["ended"] and row["bytes"] > 3600 * 60, row


def test_live_values_follow_and_a_pause_or_an_end_stops_them(shop):
    provider, consumer = shop
    agreement = agreed(consumer, "all")
    number = json.loads(consumer.node.cli("transfers", agreement, "--push", "--json").stdout)["id"]
    path = "partners/maker/hall/spindle/speed"
    wait_for(lambda: len(values(consumer, path)) == VALUES, 30, "the history")
    provider.api.ok("POST", "values", {"path": "hall/spindle/speed", "value": 77777})
    wait_for(lambda: values(consumer, path)[-1] == 77777, 20, "a value of now")
    consumer.node.cli("transfers", number, "suspend")
    ours = provider.newest("transfers")["id"]
    provider.comes(ours, "SUSPENDED", "transfers")
    wait_for(lambda: exits(provider)[-1]["ended"], 5, "the end of the exit")
    provider.api.ok("POST", "values", {"path": "hall/spindle/speed", "value": 88888})
    time.sleep(5)  # more than it takes for a value to go out
    assert values(consumer, path)[-1] == 77777
    consumer.told(number, "transfers")
    provider.node.cli("transfers", ours, "start")
    wait_for(lambda: values(consumer, path)[-1] == 88888, 20, "what came during the pause")
    assert len(values(consumer, path)) == VALUES + 2, "nothing twice, nothing left out"
    provider.node.cli("agreements", "end", agreement, "--reason", "not paid")
    assert consumer.comes(number, "TERMINATED", "transfers")["note"] == "not paid"
    assert exits(provider)[-1]["why"]


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A provider over plain HTTP, a partner of it with an agreement, and how to ask for a push."""
    company = Company(tmp_path_factory.mktemp("asked") / "node", plain=True)
    fill(company, tmp_path_factory.mktemp("in"))
    partner = Partner("peer", TOKEN)
    company.api.ok("POST", "partners", {"name": "peer", "id": "urn:peer", "url": partner.url, "token": TOKEN})
    company.api.ok("POST", "offers", {"id": "all-1", "dataset": "all", "signals": ["hall/**"]})
    wire = Wire(company.card["url"], "Bearer " + TOKEN)
    status, body = wire.post("/negotiations/request", message("ContractRequestMessage", consumerPid="c", callbackAddress=partner.url, offer=offer("all", "all-1")))
    assert status == 201, body
    pid = body["providerPid"]
    wait_for(lambda: partner.of("/agreement"), 20, "the agreement")
    agreement = partner.of("/agreement")[0]["agreement"]["@id"]
    assert wire.post(f"/negotiations/{pid}/agreement/verification", message("ContractAgreementVerificationMessage", providerPid=pid, consumerPid="c"))[0] == 200
    wait_for(lambda: company.newest()["state"] == "FINALIZED", 20, "FINALIZED")

    def ask(address):
        members = {} if address is None else {"dataAddress": address}
        return wire.post("/transfers/request", message("TransferRequestMessage", consumerPid=str(uuid.uuid4()), agreementId=agreement, format="HttpData-PUSH", callbackAddress=partner.url, **members))
    yield company, partner, ask, wire
    company.node.stop()
    partner.stop()


def at(url, **properties):
    return {"@type": "DataAddress", "endpointType": "HttpData", "endpoint": url,
            "endpointProperties": [{"@type": "EndpointProperty", "name": n, "value": v} for n, v in properties.items()]}


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "https://127.0.0.1:1/x", "https://localhost/x", "https://10.0.0.7/x", "https://192.168.1.4/", "https://169.254.169.254/latest",
                                 "https://[::1]/x", "https://[fd00::1]/x", "https://[::ffff:10.0.0.1]/", "http://public.example/x", "ftp://public.example/x", "file:///etc/passwd",
                                 "https://u:p@public.example/", "", "x" * 500])
def test_nothing_is_pushed_into_our_network(asked, url):
    status, body = asked[2](at(url))
    assert status in (400, 403) and body["reason"], (status, body)


@pytest.mark.parametrize("properties", [{"authKey": "Host", "authCode": "x"}, {"authKey": "X-A\r\nHost", "authCode": "x"}, {"authorization": "a\r\nX-B: c"}, {"authorization": "a" * 9000}])
def test_what_is_shown_there_changes_no_request(asked, properties):
    status, body = asked[2](at(asked[1].url + "/in", **properties))
    assert status == 400 and body["reason"], (status, body)


def test_without_an_address_no_push_begins(asked):
    assert asked[2](None)[0] == 400


def test_a_partner_that_does_not_take_it_is_asked_again_and_gets_each_value_once(asked):
    company, partner, ask, wire = asked
    bodies = []
    partner.server.RequestHandlerClass.do_POST = keeping(partner.server.RequestHandlerClass.do_POST, bodies, [503, 503, 200])
    status, body = ask(at(partner.url + "/in", authKey="X-Api-Key", authCode="for-you"))
    assert status == 201, body
    wait_for(lambda: sum(t.count(b"\n") for s, t, _ in bodies if s == 200) >= VALUES, 40, "all values")
    assert {key for _, _, key in bodies} == {"for-you"} and len(bodies) > 3
    assert bodies[0][1] == bodies[1][1] == bodies[2][1]
    lines = [json.loads(line) for s, t, _ in bodies if s == 200 for line in t.splitlines()]
    assert [v["value"] for v in lines] == [i + 0.25 for i in range(VALUES)]
    pid = body["providerPid"]
    consumer = company.newest("transfers")["peerPid"]
    assert wire.post(f"/transfers/{pid}/termination", message("TransferTerminationMessage", providerPid=pid, consumerPid=consumer))[0] == 200
    wait_for(lambda: exits(company)[-1]["ended"], 5, "the end of the exit")
    assert exits(company)[-1]["count"] == VALUES


def keeping(before, bodies, statuses):
    def do_POST(self):
        if not self.path.endswith("/in"):
            before(self)
            return
        text = self.rfile.read(int(self.headers["Content-Length"]))
        status = statuses.pop(0) if statuses else 200
        bodies.append((status, text, self.headers.get("X-Api-Key")))
        self.reply(status, {})
    return do_POST
