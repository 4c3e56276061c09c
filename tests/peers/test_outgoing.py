# SPDX-License-Identifier: Apache-2.0
"""Where a node goes by itself (brokers, feeds, partners, mail), and which certificates it meets there, is held against indicators."""
import subprocess

import pytest
from broker import Broker, certificates
from csaf_site import Gpg, Site
from misp_server import KEY, Server
from ports import free_port
from stix_kit import indicator
from test_alarm_delivery import begin, certificate, mail_plan, mailbox, raise_one  # noqa: F401 (fixtures)
from test_dsp import Company
from test_observations import alarms, hit, knows, seen
from conftest import wait_for


def fingerprint(file):
    done = subprocess.run(["openssl", "x509", "-in", file, "-noout", "-fingerprint", "-sha256"], check=True, capture_output=True, text=True)
    return done.stdout.split("=")[1].strip().replace(":", "").lower()


def by_print(name, file):
    return indicator(name, pattern=f"[x509-certificate:hashes.'SHA-256' = '{fingerprint(file)}']")


@pytest.fixture
def broker(tmp_path):
    b = Broker(tmp_path, free_port(), tls=certificates(tmp_path))
    yield b
    b.kill()


def test_the_certificate_of_a_broker_is_seen_also_when_it_is_refused(node, broker, tmp_path):
    stolen = by_print("Stolen certificate", tmp_path / "server.pem")
    issued = indicator("Fake CA", pattern="[x509-certificate:issuer = 'CN=Test CA' AND x509-certificate:subject = 'CN=localhost']")
    there = indicator("Bad broker", pattern=f"[x-koppel-event:domain = 'localhost' AND x-koppel-event:to_port = {broker.port}]")
    knows(node, tmp_path, stolen, issued, there)
    node.cli("couple", f"mqtts://localhost:{broker.port}", "--at", "plant", "--name", "b", "--no-wait", check=False)
    assert "not vouched for" in node.wait_link("b", "refused")["detail"]
    o = seen(node, "certificate", coupling="b")
    assert (o["certificate"], o["subject"], o["issuer"]) == (fingerprint(tmp_path / "server.pem"), "CN=localhost", "CN=Test CA")
    assert (o["to"], o["toPort"], o["domain"]) == ("127.0.0.1", broker.port, "localhost") and "certificate CN=localhost" in o["what"]
    for known in (stolen, issued):
        h = hit(node, known)
        assert (h["thing"], h["coupling"], h["kind"]) == ("b", "b", "certificate")
    assert wait_for(lambda: alarms(node, "Stolen certificate"), 20, "the alarm")[0]["asset"] in ("plant", "")
    hit(node, there)
    before = seen(node, "certificate", coupling="b")["id"]
    node.cli("couplings", "b", "--set", f"ca={tmp_path}/ca.pem", "--set", "client-id=line-3")
    node.wait_link("b", "online")
    wait_for(lambda: seen(node, "certificate", coupling="b")["id"] > before, 20, "it is seen once more")
    linked = wait_for(lambda: [o for o in node.json("observations", "list", "--kind", "coupling")["observations"] if o["client"] == "line-3"], 20, "the name")
    assert linked[0]["detail"] == "connected"
    for _ in range(5):  # each link has a context of its own, which goes with it
        node.cli("couplings", "b", "--reconnect", check=False)
    node.wait_link("b", "online")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    gpg = Gpg(tmp_path_factory.mktemp("gpg") / "home", "gears")
    s = Site(tmp_path_factory.mktemp("site"), gpg)
    s.write_feed("white")
    s.describe(s.rolie("white"), keys=["gears"])
    yield s.ready()
    s.stop()
    gpg.stop()


def test_a_feed_over_tls_is_seen_with_the_certificate_that_was_met(node, site, tmp_path):
    cert = site.dir / "cert.pem"
    known = {"host": indicator("host", pattern="[domain-name:value = 'localhost']"),
             "address": indicator("address", pattern=f"[network-traffic:dst_ref.value = '127.0.0.1' AND network-traffic:dst_port = {site.port} AND network-traffic:protocols[*] = 'https']"),
             "event": indicator("event", pattern="[x-koppel-event:kind = 'outgoing' AND x-koppel-event:detail = 'connected for feed gears']"),
             "print": by_print("print", cert)}
    knows(node, tmp_path, *known.values())
    node.cli("feed", "add", "gears", site.metadata, "--kind", "csaf", "--every", "90d", check=False)  # nobody vouches for it
    o = seen(node, "certificate", certificate=fingerprint(cert))
    assert (o["subject"], o["domain"], o["to"], o["toPort"], o["coupling"]) == ("CN=localhost", "localhost", "127.0.0.1", site.port, None)
    tried = seen(node, "outgoing", detail="tried for feed")
    assert (tried["domain"], tried["to"], tried["toPort"], tried["protocol"]) == ("localhost", "127.0.0.1", site.port, "https")
    assert tried["what"] == f"this node tried to connect to localhost port {site.port} for feed"
    assert hit(node, known["print"])["what"] == "localhost showed the certificate CN=localhost"
    node.cli("feed", "add", "gears", site.metadata, "--kind", "csaf", "--ca", cert, "--trust", site.gpg.keys["gears"], "--every", "90d")
    seen(node, "outgoing", detail="connected for feed gears")
    for k in ("host", "address", "event"):
        assert hit(node, known[k])["thing"] == "127.0.0.1"
    assert "take it out when in doubt" in wait_for(lambda: alarms(node, "'address'"), 20, "the alarm")[0]["text"]


def test_feeds_that_are_not_there_and_misp_are_seen(node, tmp_path):
    server = Server()
    known = indicator("MISP", pattern="[network-traffic:dst_ref.value = '127.0.0.1' AND network-traffic:protocols[*] = 'http']")
    gone = indicator("Sinkhole", pattern="[domain-name:value = 'nowhere.invalid']")
    knows(node, tmp_path, known, gone)
    (tmp_path / "key").write_text(KEY)
    node.cli("feed", "add", "sector", server.url, "--kind", "misp-server", "--token-file", tmp_path / "key", "--every", "90d")
    assert hit(node, known)["thing"] == "127.0.0.1"
    o = seen(node, "outgoing", detail="connected for feed sector")
    assert o["domain"] is None and o["to"] == "127.0.0.1"
    node.cli("feed", "add", "nowhere", "https://nowhere.invalid/taxii2/", "--every", "90d", check=False)
    assert hit(node, gone)["thing"] == "nowhere.invalid"
    assert seen(node, "outgoing", detail="tried for feed nowhere")["to"] is None


def test_a_partner_we_go_to_is_seen_by_his_name(tmp_path):
    provider, consumer = Company(tmp_path / "provider"), Company(tmp_path / "consumer")
    provider.knows("buyer", consumer)
    consumer.knows("maker", provider)
    known = indicator("A partner in trouble", pattern="[x-koppel-event:kind = 'outgoing' AND x-koppel-event:partner = 'maker']")
    knows(consumer.node, tmp_path, known)
    consumer.api.ok("GET", "partners/maker/catalogue")
    h = hit(consumer.node, known)
    assert (h["thing"], h["partner"], h["to"]) == ("maker", "maker", "127.0.0.1")
    o = seen(consumer.node, "outgoing", partner="maker")
    assert o["toPort"] == provider.port and o["protocol"] == "https"
    met = seen(consumer.node, "certificate", partner="maker")
    assert len(met["certificate"]) == 64 and met["subject"] and met["issuer"]
    provider.node.stop()
    consumer.node.stop()


def test_a_mail_server_is_seen_with_its_certificate(node, mailbox, certificate, tmp_path):  # noqa: F811
    known = [indicator("Mail drop", pattern=f"[network-traffic:dst_port = {mailbox.controller.port} AND network-traffic:protocols[*] = 'smtp']"),
             by_print("Mail certificate", certificate[0])]
    knows(node, tmp_path, *known)
    begin(node, {"mail": mail_plan(mailbox, certificate), "channels": [{"name": "post", "kind": "mail", "to": "anna@example.test"}],
                 "roster": [{"name": "anna", "channel": "post", "language": "nl"}]})
    raise_one(node)
    for k in known:
        assert hit(node, k)["thing"] == "127.0.0.1"
    assert seen(node, "outgoing", detail="connected for mail")["domain"] == "localhost"
