# SPDX-License-Identifier: Apache-2.0
"""Companies that do not know each other yet: by address and fingerprint, and somebody in between. And what a partner has of us."""
import csv
import http.server
import io
import json
import sqlite3
import ssl
import subprocess
import threading
import time

import pytest
from ports import free_port
from test_dsp import Company


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    root = tmp_path_factory.mktemp("meet")
    ours, theirs = Company(root / "ours"), Company(root / "theirs")
    yield ours, theirs
    ours.node.stop()
    theirs.node.stop()


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """An HTTPS server with a certificate that it has made itself; it says what stands in `says`."""
    folder = tmp_path_factory.mktemp("stranger")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "key.pem", "-out",
                    folder / "own.pem", "-days", "2", "-subj", "/CN=stranger", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)

    class Says(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = self.server.says if isinstance(self.server.says, bytes) else json.dumps(self.server.says).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Says)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "own.pem", folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.url, server.own = f"https://127.0.0.1:{server.server_port}", (folder / "own.pem").read_text()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def card_at(server, card, **changes):
    return {**{k: card[k] for k in ("id", "key", "ca")}, "url": server.url + "/dsp/2025-1", **changes}


def names(company):
    return [p["name"] for p in company.api.ok("GET", "partners")["partners"]]


def test_nothing_is_stored_before_the_fingerprint_is_confirmed_and_then_both_can_talk(two):
    ours, theirs = two
    url = f"https://127.0.0.1:{theirs.port}"
    met = ours.api.ok("POST", "partners/meet", {"url": url})
    assert (met["id"], met["url"], met["fingerprint"]) == (theirs.card["id"], theirs.card["url"], theirs.card["fingerprint"])
    assert [len(g) for g in met["fingerprint"].split()] == [4] * 16 and met["caFingerprint"] and met["keyFingerprint"]
    for words in ([], ["--fingerprint", "0000 " + met["fingerprint"][5:]]):
        refused = ours.node.cli("partner", "add", url, "--name", "theirs", *words, check=False, stdin=subprocess.DEVNULL)
        assert refused.returncode == 1 and "nothing is stored" in refused.stderr, refused
    assert names(ours) == []
    read_out = met["fingerprint"].replace(" ", ":").upper()
    assert "theirs is a partner now" in ours.node.cli("partner", "add", url, "--name", "theirs", "--fingerprint", read_out).stdout
    theirs.node.cli("partner", "add", f"https://127.0.0.1:{ours.port}", "--name", "ours", "--yes")
    assert ours.node.json("catalogue", "theirs")["participantId"] == theirs.card["id"]


def test_a_card_whose_ca_has_not_signed_the_certificate_shown_is_refused(two, stranger):
    ours, theirs = two
    stranger.says = card_at(stranger, theirs.card)
    assert "not signed by the CA of the card" in ours.api.refused(502, "POST", "partners/meet", {"url": stranger.url})
    stranger.says = card_at(stranger, theirs.card, ca=stranger.own)  # his own CA: another fingerprint than the one that was read out
    met = ours.api.ok("POST", "partners/meet", {"url": stranger.url})
    assert met["fingerprint"] != theirs.card["fingerprint"] and met["keyFingerprint"]
    before = names(ours)
    ours.api.refused(502, "POST", "partners", {"name": "false", "url": stranger.url, "fingerprint": theirs.card["fingerprint"]})
    assert names(ours) == before


def test_what_is_no_card_is_refused_with_the_reason(two, stranger):
    ours, theirs = two
    for says, why in ((b"no JSON", "card"), (b"{}", "id"), (b" " * 200000, "larger"), (b"[" * 50000, "card"),
                      (card_at(stranger, theirs.card, key={"kty": "EC"}), "key"), (card_at(stranger, theirs.card, url="https://elsewhere.example/dsp"), "elsewhere"),
                      (card_at(stranger, theirs.card, ca="no PEM"), "CA")):
        stranger.says = says
        reply = ours.api.send("POST", "partners/meet", {"url": stranger.url})
        assert reply.status_code == 502 and why in reply.json()["message"], (str(says)[:200], reply.status_code, reply.text)
    for url in ("http://192.0.2.1:8444", "ftp://127.0.0.1", "https://a@b.example", "https://", "file:///etc/passwd"):
        ours.api.refused(400, "POST", "partners/meet", {"url": url})


def test_what_a_partner_has_of_us_is_a_table_csv_and_json(two):
    ours, _ = two
    ours.node.stop()
    with sqlite3.connect(ours.node.dir / "factory.db") as db:
        for i in range(3):
            at = (int(time.time()) - 3600 * (i + 1)) * 10**9
            db.execute("insert into share_exit(at, partner, agreement, transfer, dataset, way, from_at, to_at, count, bytes, signals, hash, ended) values"
                       "(?, 'theirs', 'urn:a', 1, 'spindles', 'pull', ?, ?, 100, 4000, ?, ?, ?)", (at, at - 10**12, at, json.dumps([f"hall/{i % 2}"]), bytes(32), at + 1))
    ours.run()
    out = ours.node.cli("audit", "--partner", "theirs").stdout.splitlines()
    assert out[1].split()[:6] == ["theirs", "urn:a", "spindles", "300", "12000", "3"] and out[1].endswith("hall/0 hall/1")
    row = next(csv.DictReader(io.StringIO(ours.node.cli("audit", "--partner", "theirs", "--csv").stdout)))
    assert (row["values"], row["signals"]) == ("300", "hall/0 hall/1")
    whole = ours.node.json("audit", "--partner", "theirs", "--from", "-90m")
    assert [e["hash"] for e in whole["exits"]] == ["00" * 32] and whole["agreements"][0]["values"] == 100
    assert ours.node.cli("audit", "--partner", "nobody").stdout == "nothing has gone out\n"
