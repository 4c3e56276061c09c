# SPDX-License-Identifier: Apache-2.0
"""Partners that hang, drip, flood, cut off, redirect and lie: nobody waits for them, and nothing is kept of them. (Messages that are wrong: test_dsp.py.)"""
import json
import os
import socket
import threading
import time

from conftest import wait_for
from dsp_partner import USE, Key, Partner, Wire, message, offer
from test_dsp import DSP, TOKEN, began, open_shop  # noqa: F401 (a fixture)
from web_client import close_all, connect_many, sanitized, statm_kib


WORKERS = 3  # of the web begin when they are needed


class Rogue:
    """Answers each connection by what `behave` writes on it, or never."""

    def __init__(self, behave):
        self.socket, self.behave, self.heard, self.over = socket.create_server(("127.0.0.1", 0), backlog=100), behave, [], threading.Event()
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/dsp"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while not self.over.is_set():
            try:
                line, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(line,), daemon=True).start()

    def talk(self, line):
        try:
            with line:
                head = b""
                while b"\r\n\r\n" not in head:
                    got = line.recv(65536)
                    if not got:
                        return
                    head += got
                self.heard.append(head)
                self.behave(line, self.over)
        except OSError:
            pass

    def stop(self):
        self.over.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def hangs(line, over):
    over.wait()


def drips(line, over):
    line.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 5000\r\n\r\n")
    while not over.wait(0.5):
        line.sendall(b" ")


def floods(line, over):
    line.sendall(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n")
    piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
    while not over.is_set():
        line.sendall(piece)


def heads(line, over):
    line.sendall(b"HTTP/1.1 201 Created\r\n")
    while not over.is_set():
        line.sendall(b"X-More: " + b"x" * 8000 + b"\r\n")


def cuts(line, over):
    line.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 5000\r\n\r\n{\"@type\":")


def babbles(line, over):
    line.sendall(b"\x16\x03\x01\x02\x00 what?\r\n\r\n")


def says(status, body=b"", head=b""):
    def behave(line, over):
        line.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n" % (status, len(body), head) + body)
    return behave


def threads(process):
    return len(os.listdir(f"/proc/{process.pid}/task"))


def ask_for(company, name):
    return company.api.ok("POST", "negotiations", {"partner": name, "dataset": "theirs", "offer": "o-1", "policy": {"permission": USE}})["id"]


def know(company, name, url):
    company.api.ok("POST", "partners", {"name": name, "id": "urn:" + name.replace(" ", "-"), "url": url, "token": f"{TOKEN}-{name.replace(' ', '-')}"})


def test_partners_that_hang_drip_flood_or_cut_off_take_nothing_from_the_others(open_shop):
    company, partner, _ = open_shop
    trap = Rogue(says(200))
    far = trap.url.encode()
    rogues = {"hangs": Rogue(hangs), "drips": Rogue(drips), "floods": Rogue(floods), "heads": Rogue(heads), "cuts": Rogue(cuts), "babbles": Rogue(babbles), "fails": Rogue(says(500)),
              "sends away": Rogue(says(302, head=b"Location: %s\r\n" % far)), "keeps the word": Rogue(says(307, head=b"Location: %s\r\n" % far))}
    rogues["is deep"] = Rogue(says(201, b"[" * 100_000))
    rogues["is large"] = Rogue(says(201, b'{"@type":"' + b"x" * 900_000 + b'"}'))
    company.told(ask_for(company, "acme"))
    size, count = statm_kib(company.node.process), threads(company.node.process)
    asked = {}
    for name, rogue in rogues.items():
        know(company, name, rogue.url)
        asked[name] = [ask_for(company, name) for _ in range(80 if name == "hangs" else 12)]
    for _ in range(5):
        begin = time.monotonic()
        assert company.told(ask_for(company, "acme"))["state"] == "REQUESTED"
        assert time.monotonic() - begin < 15, "a partner who hangs has 20 s"
    for name, words in {"floods": "larger than", "heads": "", "cuts": "", "babbles": "", "fails": "answers 500", "is deep": "answers 201", "is large": "answers 201"}.items():
        fault = wait_for(lambda: company.deal(asked[name][0])["fault"], 30, name)
        assert words in fault, (name, fault)
    for name in ("sends away", "keeps the word"):
        assert "the partner answers 30" in company.comes(asked[name][0], "TERMINATED")["note"]
    assert trap.heard == [], "no token goes where a partner sends us"
    assert company.deal(asked["hangs"][0])["state"] == "REQUESTED" and 1 <= len(rogues["hangs"].heard) <= 8
    assert threads(company.node.process) <= count + WORKERS, "none waits for a partner"
    if not sanitized(company.node.process):
        assert statm_kib(company.node.process) - size < 24 << 10
    for name, rogue in rogues.items():
        company.node.cli("partner", "remove", name)
        assert all(company.deal(n)["state"] == "TERMINATED" for n in asked[name])
        rogue.stop()
    trap.stop()


def test_a_catalogue_that_does_not_end_is_given_up(open_shop):
    company, _, _ = open_shop
    page = json.dumps(message("Catalog", **{"@id": "c", "participantId": "urn:x"})).encode()
    endless = Rogue(lambda line, over: None)
    endless.behave = says(200, page, b'Link: <%s/catalog/request?offset=1>; rel="next"\r\n' % endless.url.encode())
    for name, rogue, words in (("endless", endless, "more than 1000 pages"), ("flooding", Rogue(floods), "larger than"), ("silent", Rogue(cuts), ""), ("wrong", Rogue(says(200, b"{}")), "@context"),
                               ("failing", Rogue(says(503, b"out of order")), "503")):
        know(company, name, rogue.url)
        said = company.api.send("GET", f"partners/{name}/catalogue")
        assert said.status_code in (409, 502) and name in said.json()["message"] and words in said.json()["message"], (name, said.text)
        assert rogue is not endless or len(rogue.heard) == 1000, "so many pages and no more"
        rogue.stop()


def test_a_partner_that_lies_about_ids_is_not_believed_and_holds_up_nobody(open_shop):
    company, partner, _ = open_shop
    liar = Partner("liar", TOKEN + "-liar")
    know(company, "liar", liar.url)

    def answer(**members):
        return 201, message("ContractNegotiation", state="REQUESTED", **members)
    first = ask_for(company, "liar")
    real = company.told(first)
    lies = [answer(providerPid="urn:new", consumerPid="urn:of-another"), answer(providerPid="urn:new"), answer(consumerPid=real["pid"]), answer(providerPid="x" * 600, consumerPid=real["pid"]),
            (201, message("ContractNegotiationError", providerPid="urn:new", consumerPid="urn:y")), (201, [1]), (200, {})]
    for lie in lies:
        liar.answers["/negotiations/request"] = [lie] * 3
        number = ask_for(company, "liar")
        assert "does not say what he calls this negotiation" in wait_for(lambda: company.deal(number)["fault"], 20, "a fault")
        assert company.deal(number)["state"] == "REQUESTED" and company.deal(number)["peerPid"] is None
        liar.answers["/negotiations/request"] = []
        company.told(number)
    liar.double = real["peerPid"]
    doubled = ask_for(company, "liar")
    assert "the id of another one" in wait_for(lambda: company.deal(doubled)["fault"], 20, "a fault")
    company.told(ask_for(company, "acme"))
    tries = len(liar.of("/negotiations/request"))
    company.told(ask_for(company, "acme"))
    assert len(liar.of("/negotiations/request")) - tries < 5, "it is not said over and over"
    liar.double = None
    assert company.told(doubled)["peerPid"] not in (None, real["peerPid"])
    liar.stop()


def test_an_agreement_opens_nothing_to_another_company_and_its_id_cannot_be_taken(open_shop):
    company, partner, wire = open_shop
    pid, theirs, number = began(company, wire, partner, "open")
    agreement = company.told(number)["agreement"]
    pids = {"providerPid": pid, "consumerPid": theirs}
    assert wire.post(DSP + f"negotiations/{pid}/agreement/verification", message("ContractAgreementVerificationMessage", **pids))[0] == 200
    company.comes(number, "FINALIZED")
    thief = Partner("thief", TOKEN + "-thief")
    know(company, "thief", thief.url)
    other = Wire(wire.url, "Bearer " + thief.token)

    def transfer(name, **members):
        return message("TransferRequestMessage", **{"consumerPid": f"urn:t:{name}", "agreementId": agreement, "format": "HttpData-PULL", "callbackAddress": thief.url, **members})
    status, reply = other.post(DSP + "transfers/request", transfer("theft"))
    assert status == 404 and "no agreement" in reply["reason"][0] and company.api.ok("GET", "transfers")["transfers"] == []
    assert wire.post(DSP + "transfers/request", transfer("own", callbackAddress=partner.url, format="HttpData-MAGIC"))[0] == 400
    assert wire.post(DSP + "transfers/request", transfer("own", callbackAddress=partner.url))[0] == 201
    own = company.newest("transfers")
    end = message("TransferTerminationMessage", providerPid=own["pid"], consumerPid="urn:t:own")
    assert other.post(DSP + f"transfers/{own['pid']}/termination", end)[0] == 404
    mine = company.told(ask_for(company, "thief"))
    stolen = offer("theirs", agreement, **{"@type": "Agreement", "assigner": "urn:thief", "assignee": company.card["id"], "timestamp": "2026-01-01T00:00:00Z"})
    status, reply = other.post(DSP + f"negotiations/{mine['pid']}/agreement", message("ContractAgreementMessage", providerPid=mine["peerPid"], consumerPid=mine["pid"], agreement=stolen))
    assert status == 400 and "already" in reply["reason"][0]
    kept = [a for a in company.api.ok("GET", "agreements")["agreements"] if a["id"] == agreement]
    assert [(a["partner"], a["state"]) for a in kept] == [("acme", "active")]
    thief.stop()


def test_clocks_may_differ_by_less_than_a_minute(open_shop):
    company, partner, wire = open_shop
    key, us, them, now = Key(), company.card["id"], "urn:skewed", int(time.time())
    company.api.ok("POST", "partners", {"name": "skewed", "id": them, "url": partner.url, "key": key.jwk})

    def catalogue(skew, **claims):
        return wire.post(DSP + "catalog/request", message("CatalogRequestMessage"), authorization=key.token(them, us, iat=now + skew, exp=now + skew + 60, **claims))
    assert [catalogue(skew)[0] for skew in (0, 30)] == [200] * 2
    for skew, words in ((-200, "has expired; is the clock of this machine right?"), (200, "clock"), (-3600, "expired"), (3600, "clock")):
        status, reply = catalogue(skew)
        assert status == 401 and words in reply["reason"][0], (skew, reply)
    old = catalogue(-90)  # ended 30 s ago: within the minute
    assert old[0] == 401 and "older than the last start of this node" in old[1]["reason"][0], "what was shown before a crash is not known after it"
    assert catalogue(0, nbf=now + 30)[0] == 200 and catalogue(0, nbf=now + 200)[0] == 401


def test_who_sends_slowly_or_half_or_without_end_holds_up_nobody(open_shop):
    company, partner, wire = open_shop
    head = f"POST {DSP}negotiations/request HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
    halves = connect_many(company.port, 60, (head + "Content-Length: 1000\r\n\r\n{").encode()) + connect_many(company.port, 60, head.encode()) + connect_many(company.port, 60, b"P")
    count, size = threads(company.node.process), statm_kib(company.node.process)
    begin = time.monotonic()
    began(company, wire, partner)
    assert time.monotonic() - begin < 10
    flood = connect_many(company.port, 1, (head + "Transfer-Encoding: chunked\r\n\r\n").encode())[0]
    for _ in range(256):
        flood.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
    began(company, wire, partner)
    assert threads(company.node.process) <= count + WORKERS, "none waits for a partner"
    if not sanitized(company.node.process):
        assert statm_kib(company.node.process) - size < 16 << 10
    close_all([*halves, flood])
