# SPDX-License-Identifier: Apache-2.0
"""koppel listen: HTTPS for other machines, seen by curl, OpenSSL and Python; its certificates; and people with bad intentions."""
import datetime
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import threading
import time
import warnings

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from conftest import Node, wait_for
from web_client import Api, Events, close_all, connect_many, dripping, open_files, refuses_oversized, sanitized, statm_kib

NAME = "koppel.plant.example"


class Lan:
    """A node's HTTPS listener on 127.0.0.1, and clients that trust its CA."""

    def __init__(self, node, port, folder, *names):
        self.node, self.port, self.ca = node, port, folder / "ca.pem"
        self.shown = node.json("listen", "--lan", *(names or (NAME,)), "--port", port, "--address", "127.0.0.1")
        node.cli("listen", "--ca", self.ca)

    def connect(self, name="127.0.0.1", source="127.0.0.1", context=None):
        """A TLS connection that verifies chain and name, as the client at this address."""
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=20, source_address=(source, 0))
        return (context or ssl.create_default_context(cafile=self.ca)).wrap_socket(raw, server_hostname=name)

    def ask(self, path="/api/v1/status", method="GET", source="127.0.0.1", **headers):
        """Status, headers and text of one request, with the node's token."""
        with self.connect(source=source) as s:
            return self.over(s, path, method, **headers)

    def over(self, s, path="/api/v1/status", method="GET", **headers):
        """The same over a connection that is there."""
        c = http.client.HTTPSConnection(f"127.0.0.1:{self.port}")
        c.sock = s
        c.request(method, path, headers={"Authorization": "Bearer " + self.node.token, **headers})
        r = c.getresponse()
        return r.status, r.headers, r.read().decode()

    def certificate(self):
        with self.connect() as s:
            return x509.load_der_x509_certificate(s.getpeercert(True))

    def curl(self, *words):
        return subprocess.run(["curl", "-sS", "--max-time", "20", "--cacert", self.ca, *map(str, words)], capture_output=True, text=True)


@pytest.fixture
def lan(node, free_port, tmp_path):
    return Lan(node, free_port, tmp_path)


@pytest.fixture
def machine(node, servers):
    """Five doubles that change ten times a second; flows() says that they still do."""
    server = servers("opcua_sim", "--variables", 5, "--rate", 10)
    api = Api(node)
    api.ok("POST", "couplings", {"url": server.url, "name": "line", "at": "site/line", "security": "none"})
    node.wait_link("line", "online")

    def count():
        return api.ok("GET", "status")["hub"]["stored"]

    def flows():
        before = count()
        wait_for(lambda: count() >= before + 50, 20, "fifty more values stored")
    flows()
    return flows


# ---- the company's CA ----

def name_of(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Company:
    """A CA, one below it, and what they sign."""

    def __init__(self):
        self.root_key, self.key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        self.root = self.sign("root", self.root_key.public_key(), "root", self.root_key, ca=True)
        self.middle = self.sign("issuing", self.key.public_key(), "root", self.root_key, ca=True)

    def sign(self, subject, public, issuer="issuing", by=None, days=(-1, 90), names=(NAME,), ca=False, use=ExtendedKeyUsageOID.SERVER_AUTH):
        now = datetime.datetime.now(datetime.timezone.utc)
        b = x509.CertificateBuilder(name_of(issuer), name_of(subject), public, x509.random_serial_number(),
                                    now + datetime.timedelta(days=days[0]), now + datetime.timedelta(days=days[1]))
        b = b.add_extension(x509.BasicConstraints(ca, None), True)
        if not ca:
            b = b.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
            b = b.add_extension(x509.ExtendedKeyUsage([use]), False)
        return b.sign(by or self.key, hashes.SHA256())

    def leaf(self, key=None, **how):
        key = key or ec.generate_private_key(ec.SECP256R1())
        return self.sign(NAME, key.public_key(), **how), key


def pem(*things):
    out = b""
    for t in things:
        if hasattr(t, "private_bytes"):
            out += t.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        else:
            out += t.public_bytes(serialization.Encoding.PEM)
    return out


@pytest.fixture(scope="module")
def company():
    return Company()


# ---- the node's own certificate ----

def test_curl_python_and_openssl_trust_the_node_by_its_ca_alone(lan, node):
    done = lan.curl("-H", "Authorization: Bearer " + node.token, f"https://127.0.0.1:{lan.port}/api/v1/status")
    assert json.loads(done.stdout)["node"] == "test"
    done = lan.curl("--resolve", f"{NAME}:{lan.port}:127.0.0.1", f"https://{NAME}:{lan.port}/")
    assert "<title>koppel</title>" in done.stdout, done.stderr
    assert requests.get(f"https://localhost:{lan.port}/api/v1/openapi.json", verify=str(lan.ca), timeout=20).status_code == 200
    with lan.connect(NAME) as s:
        assert s.version() == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError):
        lan.connect(context=ssl.create_default_context())
    said = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{lan.port}", "-CAfile", lan.ca, "-verify_return_error",
                           "-verify_hostname", NAME], input="", capture_output=True, text=True, timeout=20).stdout
    assert "Verification: OK" in said and "Verified peername: " + NAME in said


def test_the_chain_is_valid_strictly_and_names_what_it_is_for(lan, tmp_path):
    leaf = lan.certificate()
    (tmp_path / "leaf.pem").write_bytes(pem(leaf))
    done = subprocess.run(["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", lan.ca, tmp_path / "leaf.pem"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days <= 397
    san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {NAME, "localhost", socket.gethostname().lower()} <= set(san.get_values_for_type(x509.DNSName))
    assert "127.0.0.1" in map(str, san.get_values_for_type(x509.IPAddress))
    assert isinstance(leaf.public_key().curve, ec.SECP256R1)
    ca = x509.load_pem_x509_certificate(lan.ca.read_bytes())
    basic = ca.extensions.get_extension_for_class(x509.BasicConstraints)
    names = ca.extensions.get_extension_for_class(x509.NameConstraints)
    assert basic.critical and basic.value.ca and basic.value.path_length == 0
    assert names.critical and NAME in [n.value for n in names.value.permitted_subtrees if isinstance(n, x509.DNSName)]


def test_the_ca_cannot_be_used_for_other_names(lan, node, tmp_path):
    """OpenSSL refuses what the CA of a stolen node would sign for somebody else's site, and the node does not sign it."""
    done = node.cli("listen", "--lan", "bank.example", check=False)
    assert done.returncode == 1 and "may not sign for bank.example" in done.stderr and "--new-ca" in done.stderr
    assert node.json("listen")["names"] == [NAME] and lan.ask()[0] == 200
    before = lan.ca.read_bytes()
    node.cli("listen", "--lan", "bank.example", "--new-ca")
    node.cli("listen", "--ca", lan.ca)
    assert lan.ca.read_bytes() != before
    with lan.connect("bank.example"):
        pass
    (tmp_path / "old.pem").write_bytes(before)
    with pytest.raises(ssl.SSLCertVerificationError):
        lan.connect(context=ssl.create_default_context(cafile=tmp_path / "old.pem"))


def test_without_an_address_the_machines_own_addresses_are_in_the_certificate(node, tmp_path):
    """Seen in the answer alone: nothing of this test listens beyond 127.0.0.1."""
    addresses = {a.split("/")[0] for a in re.findall(r"inet ([0-9./]+)", subprocess.run(["ip", "-4", "addr"], capture_output=True, text=True).stdout)}
    addresses.discard("127.0.0.1")
    if not addresses:
        pytest.skip("this machine has no address but loopback")
    chosen = sorted(addresses)[0]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = node.cli("listen", "--lan", "--address", "127.0.0.1", "--port", port, check=False)
        assert refused.returncode == 1 and "in use" in refused.stderr
    assert node.json("listen")["lan"] is False
    shown = node.json("listen", "--lan", chosen, "--address", "127.0.0.1", "--port", port)
    assert chosen in shown["certificate"]["names"] and f"https://{chosen}:{port}/" in shown["urls"]


def test_fingerprint_and_words_are_those_of_the_certificate(lan, node):
    leaf = lan.certificate()
    want = leaf.fingerprint(hashes.SHA256())
    shown = node.json("listen")["certificate"]
    assert shown["fingerprint"] == want.hex(":").upper()
    words = shown["words"].split("-")
    letters, vowels = "bdfghjklmnprstvz", "aiou"
    back = b"".join((letters.index(w[0]) << 12 | vowels.index(w[1]) << 10 | letters.index(w[2]) << 6 | vowels.index(w[3]) << 4
                     | letters.index(w[4])).to_bytes(2, "big") for w in words)
    assert back == want[:16]
    text = node.cli("listen").stdout
    assert shown["words"] in text and shown["fingerprint"][:47] in text


def test_the_listener_its_ca_and_its_certificate_are_there_after_a_restart(lan, node):
    before = lan.certificate()
    node.kill()
    node.start()
    assert lan.certificate() == before and lan.ask()[0] == 200
    node.cli("listen", "--off")
    with pytest.raises(ConnectionRefusedError):
        lan.connect()
    node.stop()
    node.start()
    with pytest.raises(ConnectionRefusedError):
        lan.connect()
    node.cli("listen", "--lan")
    assert lan.certificate() == before


def test_live_values_and_large_answers_come_over_https_until_the_node_stops(lan, node, machine):
    whole = requests.get(node.url + "/api/v1/openapi.json", timeout=20).text
    with lan.connect() as s, lan.connect() as quiet:
        assert lan.over(s, "/api/v1/openapi.json")[2] == whole
        for one, query in ((s, "?match=site/line"), (quiet, "?match=no/such")):
            one.sendall(f"GET /api/v1/stream{query} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {node.token}\r\n\r\n".encode())
        events = Events(s)
        assert len(events.values(3)) > 20
        node.stop()
        quiet.settimeout(20)
        while quiet.recv(65536):
            pass


def test_off_ends_connections_and_streams_that_are_open(lan, node):
    with lan.connect() as s, lan.connect() as stream:
        assert lan.over(s)[0] == 200
        stream.sendall(f"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {node.token}\r\n\r\n".encode())
        assert b" 200 " in stream.recv(65536)
        node.cli("listen", "--off")
        assert lan.over(s)[0] == 421
        stream.settimeout(20)
        while stream.recv(65536):
            pass


def test_another_port_takes_over_and_a_taken_one_changes_nothing(lan, node):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = node.cli("listen", "--lan", "--port", taken.getsockname()[1], check=False)
        assert done.returncode == 1 and "cannot listen" in done.stderr
    assert lan.ask()[0] == 200 and node.json("listen")["port"] == lan.port


def test_a_port_that_is_taken_at_the_start_is_an_alarm_and_tried_again(lan, node):
    node.stop()
    with socket.create_server(("127.0.0.1", lan.port)):
        node.start()
        shown = node.json("listen")
        assert shown["lan"] and not shown["listening"] and "in use" in shown["why"]
        wait_for(lambda: [a for a in node.json("alarms", "list")["alarms"] if "HTTPS for other machines" in a["text"]], 20, "the alarm")
    wait_for(lambda: node.json("listen")["listening"], 30, "the listener")
    assert lan.ask()[0] == 200
    wait_for(lambda: not [a for a in node.json("alarms", "list")["alarms"] if "HTTPS" in a["text"] and a["active"]], 20, "its end")


@pytest.mark.parametrize("words, said", [
    (("--lan", "no_such"), "no name of a machine"),
    (("--lan", "a..b"), "no name of a machine"),
    (("--lan", "*.example"), "no name of a machine"),
    (("--lan", "10.1"), "no name of a machine"),
    (("--lan", "x" * 64 + ".example"), "no name of a machine"),
    (("--lan", "--port", "0"), "no port"),
    (("--lan", "--port", "65536"), "no port"),
    (("--lan", "--address", "nowhere"), "no IP address"),
    (("--lan", "--off"), "at a time"),
    (("--port", "8443"), "goes with --lan"),
    (("--key", "x"), "goes with --certificate"),
    (("name",), "names go with --lan"),
    (("--certificate", "/no/such"), "/no/such"),
], ids=lambda w: "-".join(w)[:20] if isinstance(w, tuple) else "")
def test_what_makes_no_sense_is_refused_and_changes_nothing(node, words, said):
    done = node.cli("listen", *words, check=False)
    assert done.returncode in (1, 2) and said in done.stderr, done.stderr
    assert node.json("listen")["lan"] is False


# ---- the company's certificate ----

def test_a_request_is_signed_by_the_company_and_its_certificate_taken_without_a_restart(lan, node, company, tmp_path):
    request, given = tmp_path / "node.csr", tmp_path / "node.pem"
    node.cli("listen", "--csr", request)
    first = request.read_bytes()
    node.cli("listen", "--csr", request)
    csr = x509.load_pem_x509_csr(request.read_bytes())
    assert csr.is_signature_valid and csr.public_key() == x509.load_pem_x509_csr(first).public_key()
    assert csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == [NAME]
    assert "self-signature verify OK" in subprocess.run(["openssl", "req", "-verify", "-noout", "-in", request], capture_output=True, text=True).stderr
    leaf = company.sign(NAME, csr.public_key())
    given.write_bytes(pem(leaf, company.middle))
    with lan.connect() as old:
        shown = node.json("listen", "--certificate", given)
        assert shown["signedBy"] == "another" and shown["certificate"]["issuer"] == "CN=issuing"
        assert lan.over(old)[0] == 200  # it goes on under the certificate it began with
    (tmp_path / "root.pem").write_bytes(pem(company.root))
    with lan.connect(NAME, context=ssl.create_default_context(cafile=tmp_path / "root.pem")) as s:
        assert s.getpeercert(True) == leaf.public_bytes(serialization.Encoding.DER)
    again = company.sign(NAME, csr.public_key())  # renewed with the same key
    given.write_bytes(pem(again, company.middle))
    node.cli("listen", "--certificate", given)
    with lan.connect(NAME, context=ssl.create_default_context(cafile=tmp_path / "root.pem")) as s:
        assert s.getpeercert(True) == again.public_bytes(serialization.Encoding.DER)
    assert node.json("listen", "--own")["signedBy"] == "node"
    assert lan.ask()[0] == 200


def refusals(company):
    leaf, key = company.leaf()
    other = ec.generate_private_key(ec.SECP256R1())
    weak = rsa.generate_private_key(65537, 1024)
    stranger = Company()
    locked = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x"))
    return {
        "another key": (pem(leaf), pem(other), "does not belong"),
        "no key": (pem(leaf), None, "its key is not known"),
        "a locked key": (pem(leaf), locked, "passphrase"),
        "expired": (pem(company.leaf(key, days=(-30, -1))[0]), pem(key), "has expired on"),
        "of the future": (pem(company.leaf(key, days=(1, 30))[0]), pem(key), "is valid from"),
        "another name": (pem(company.leaf(key, names=("other.example",))[0]), pem(key), "not for the name " + NAME),
        "the wrong order": (pem(company.middle, leaf), pem(key), "wrong order"),
        "a CA's": (pem(company.middle), pem(company.key), "is one of a CA"),
        "not of this chain": (pem(leaf, stranger.middle), pem(key), "was not signed by"),
        "for clients": (pem(company.leaf(key, use=ExtendedKeyUsageOID.CLIENT_AUTH)[0]), pem(key), "not for servers"),
        "weak": (pem(company.leaf(weak)[0]), pem(weak), "1024 bits"),
        "no certificate": (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", pem(key), "no certificate"),
        "noise": (os.urandom(200).hex().encode(), pem(key), "no certificate"),
        "a key that is none": (pem(leaf), b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key"),
    }


def test_certificates_that_browsers_would_not_take_are_refused_with_the_reason(lan, node, company, tmp_path):
    before = lan.certificate()
    for what, (certificate, key, said) in refusals(company).items():
        (tmp_path / "c.pem").write_bytes(certificate)
        (tmp_path / "k.pem").write_bytes(key or b"")
        done = node.cli("listen", "--certificate", tmp_path / "c.pem", *(("--key", tmp_path / "k.pem") if key else ()), check=False)
        assert done.returncode == 1 and said in done.stderr, (what, done.stderr)
    assert lan.certificate() == before and node.json("listen")["signedBy"] == "node"


def test_a_file_with_key_and_chain_is_taken_and_the_key_is_never_told(lan, node, company, tmp_path):
    leaf, key = company.leaf()
    (tmp_path / "all.pem").write_bytes(pem(leaf, key, company.middle))
    shown = node.json("listen", "--certificate", tmp_path / "all.pem")
    assert shown["signedBy"] == "another"
    secret = pem(key).decode().splitlines()[1]
    assert secret not in json.dumps(shown) and "PRIVATE" not in json.dumps(node.json("listen"))
    assert "PRIVATE" not in node.cli("audit", "list", "--json").stdout
    for file in node.dir.glob("factory.db*"):
        assert secret.encode() not in file.read_bytes() and b"PRIVATE KEY" not in file.read_bytes()
    done = node.cli("listen", "--lan", NAME, "second.plant.example", check=False)
    assert done.returncode == 1 and "not for the name second.plant.example" in done.stderr


def test_a_given_certificate_that_ends_soon_is_an_alarm_until_another_comes(lan, node, company, tmp_path):
    def told():
        return [a["text"] for a in node.json("alarms", "list")["alarms"] if a["active"] and "this node for HTTPS" in a["text"]]
    leaf, key = company.leaf(days=(-30, 9))
    (tmp_path / "all.pem").write_bytes(pem(leaf, key))
    node.cli("listen", "--certificate", tmp_path / "all.pem")
    assert "expires in 8 d" in wait_for(told, 20, "the alarm")[0]
    leaf, key = company.leaf(days=(-1, 90))
    (tmp_path / "all.pem").write_bytes(pem(leaf, key))
    node.cli("listen", "--certificate", tmp_path / "all.pem")
    wait_for(lambda: not told(), 20, "its end")


# ---- who may, and from where ----

def test_only_an_owner_sees_and_changes_the_listener(lan, node):
    for role in ("viewer", "operator", "engineer"):
        token = node.cli("token", "add", role, "--role", role).stdout.strip()
        for method, path in (("GET", "listen"), ("PUT", "listen"), ("POST", "listen/csr"), ("PUT", "listen/certificate"), ("DELETE", "listen/certificate")):
            r = requests.request(method, f"https://127.0.0.1:{lan.port}/api/v1/{path}", json={}, verify=str(lan.ca), timeout=20,
                                 headers={"Authorization": "Bearer " + token})
            assert r.status_code == 403, (role, method, path)


def test_answers_over_https_say_so_and_its_cookie_never_leaves_it(lan, node):
    r = requests.post(f"https://127.0.0.1:{lan.port}/api/v1/session", json={"token": node.token}, verify=str(lan.ca), timeout=20)
    assert r.status_code == 200
    cookie = r.headers["Set-Cookie"]
    assert cookie.startswith(f"__Host-koppel-{lan.port}=")
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    value = cookie.split(";")[0]
    for path in ("/", "/api/v1/status", "/no"):
        r = requests.get(f"https://127.0.0.1:{lan.port}{path}", verify=str(lan.ca), headers={"Cookie": value}, timeout=20)
        assert r.headers["Strict-Transport-Security"] == "max-age=31536000" and "default-src 'none'" in r.headers["Content-Security-Policy"]
    assert requests.get(f"https://127.0.0.1:{lan.port}/api/v1/status", verify=str(lan.ca), headers={"Cookie": value}, timeout=20).status_code == 200
    plain = requests.get(node.url + "/", timeout=20)
    assert "Strict-Transport-Security" not in plain.headers
    assert requests.get(node.url + "/api/v1/status", headers={"Cookie": value}, timeout=20).status_code == 401


def test_only_names_of_this_node_are_answered(lan):
    for host in (NAME, NAME.upper(), NAME + ".", f"{NAME}:{lan.port}", "localhost", "127.0.0.1", "[::1]", "[0:0::1]:99", socket.gethostname()):
        assert lan.ask(Host=host)[0] == 200, host
    for host in ("evil.example", NAME + ".evil.example", "127.0.0.2", "", "localhost:80:80", "[::1", "[localhost]", "::1", NAME + "@evil", "x" * 3000,
                 "127.1", "2130706433", "127.0.0.1.nip.io", "_", NAME + ":x", NAME + ":123456"):
        status, _, text = lan.ask(Host=host)
        assert status in (400, 421), (host, status)
        assert status == 400 or ("misdirected" in text and "koppel listen --lan" in text)
    assert lan.ask("/", Host="evil.example")[0] == 421 and lan.ask("/api/v1/openapi.json", Host="evil.example")[0] == 421


def test_a_change_by_cookie_comes_from_the_page_of_this_node_only(lan, node):
    base = f"https://127.0.0.1:{lan.port}"
    r = requests.post(base + "/api/v1/session", json={"token": node.token}, verify=str(lan.ca), timeout=20)
    headers = {"Cookie": r.headers["Set-Cookie"].split(";")[0], "X-Koppel": "1"}

    def post(i, **more):
        return requests.post(base + "/api/v1/assets", json={"path": f"a{i}"}, headers={**headers, **more}, verify=str(lan.ca), timeout=20).status_code
    assert post(1, Origin=base) == 201
    assert post(2, **{"Sec-Fetch-Site": "same-origin", "Origin": base}) == 201
    for i, origin in enumerate(("https://evil.example", f"http://127.0.0.1:{lan.port}", f"https://127.0.0.1:{lan.port + 1}", "null")):
        assert post(10 + i, Origin=origin) == 403, origin
    for i, site in enumerate(("cross-site", "same-site")):
        assert post(20 + i, Origin=base, **{"Sec-Fetch-Site": site}) == 403


def test_paths_that_try_to_get_elsewhere_find_nothing(lan):
    for path in ("/../../etc/passwd", "/assets/..%2f..%2fetc%2fpasswd", "/assets/%2e%2e/%2e%2e/factory.db", "//etc/passwd", "/api/v1/../../node.key",
                 "/assets/%00", "/api/v1/status%00x", "/%ff", "/api/v1/listen/certificate/../..", "/" + "a/" * 2000):
        status, _, text = lan.ask(path)
        assert status in (400, 404, 414, 431), (path[:40], status)
        assert "root:" not in text


# ---- what is spoken ----

def test_old_versions_and_weak_ciphers_of_tls_are_refused(lan):
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore"):
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, version
        with pytest.raises((ssl.SSLError, ConnectionError)):
            lan.connect(context=context)
    for ciphers in ("AES128-GCM-SHA256:@SECLEVEL=0", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0", "NULL:@SECLEVEL=0", "ADH:@SECLEVEL=0"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            lan.connect(context=context)
    context = ssl.create_default_context(cafile=lan.ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with lan.connect(NAME, context=context) as s:
        assert s.version() == "TLSv1.2" and s.cipher()[0].startswith("ECDHE-")


def test_another_name_asked_for_in_tls_gets_no_more_than_the_certificate(lan, node):
    with pytest.raises(ssl.SSLCertVerificationError):
        lan.connect("evil.example")
    context = ssl.create_default_context(cafile=lan.ca)
    context.check_hostname = False
    with lan.connect("evil.example", context=context) as s:
        assert lan.over(s, Host="evil.example")[0] == 421


def test_plain_http_on_the_port_is_told_to_use_https(lan):
    for first in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /api/v1/values HTTP/1.1\r\nContent-Length: 50000\r\n\r\n" + b"x" * 50000):
        with socket.create_connection(("127.0.0.1", lan.port), timeout=20) as s:
            s.sendall(first)
            said = b""
            while piece := s.recv(65536):
                said += piece
        assert said.startswith(b"HTTP/1.1 400 ") and b"https://" in said
    done = subprocess.run(["curl", "-s", "--max-time", "20", f"http://127.0.0.1:{lan.port}/"], capture_output=True, text=True)
    assert "This port speaks HTTPS" in done.stdout


# ---- people with bad intentions: the node goes on collecting, and answers others ----

def hello():
    """A ClientHello of OpenSSL's, whose sender then says no more."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(into, out, server_hostname=NAME).do_handshake()
    return out.read()


@pytest.mark.parametrize("first", [b"", b"\x16", b"\x16\x03\x01\xff\xff" + b"a" * 100, hello(), b"\x16\x03\x01\x02\x00\x01" + b"\xff" * 600, b"\x80" * 1000],
                         ids=["silent", "one-byte", "never-complete", "hello-only", "broken-hello", "noise"])
def test_1000_connections_that_never_finish_their_handshake_keep_nobody_out(lan, node, machine, first):
    files, memory = open_files(node.process), statm_kib(node.process)
    many = connect_many(lan.port, 1000, first)
    try:
        machine()
        began = time.monotonic()
        assert lan.ask(source="127.0.0.2")[0] == 200  # somebody at another address
        assert time.monotonic() - began < 10
        assert wait_for(lambda: tried(lan) == 200, 30, "an answer at the same address")
        assert node.cli("status").returncode == 0 and Api(node).ok("GET", "status")["node"] == "test"
        machine()
        assert sanitized(node.process) or statm_kib(node.process) - memory < 64 * 1024
    finally:
        close_all(many)
    wait_for(lambda: open_files(node.process) <= files + 20, 30, "connections closed")


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("first", [hello(), b"\x16\x03\x01\x02\x00\x01"], ids=["hello-only", "part-of-one"])
def test_a_handshake_that_waits_for_its_peer_costs_no_cpu(lan, node, first):
    many = connect_many(lan.port, 20, first)
    try:
        wait_for(lambda: open_files(node.process) > 20, 20, "the connections")
        before, began = cpu_seconds(node.process), time.monotonic()
        time.sleep(3)
        assert cpu_seconds(node.process) - before < 0.3 * (time.monotonic() - began)
    finally:
        close_all(many)


def tried(lan, **how):
    """The status, None when the connection was closed: there were too many just now."""
    try:
        return lan.ask(**how)[0]
    except (OSError, http.client.HTTPException):
        return None


def test_1000_idle_connections_that_finished_their_handshake_give_way(lan, node, machine):
    context = ssl.create_default_context(cafile=lan.ca)
    files, memory, idle = open_files(node.process), statm_kib(node.process), []
    for _ in range(1000):
        try:
            idle.append(lan.connect(context=context))
        except OSError:
            pass
    try:
        assert len(idle) >= 200
        assert lan.ask(source="127.0.0.2")[0] == 200
        assert wait_for(lambda: tried(lan) == 200, 30, "an answer at the same address")
        machine()
        assert sanitized(node.process) or statm_kib(node.process) - memory < 64 * 1024
    finally:
        close_all(idle)
    wait_for(lambda: open_files(node.process) <= files + 20, 30, "connections closed")


def test_requests_sent_a_byte_at_a_time_over_tls_are_cut_off(lan, node, machine):
    context = ssl.create_default_context(cafile=lan.ca)
    slow = [lan.connect(context=context) for _ in range(240)]
    for s in slow:
        s.sendall(b"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    with dripping(slow):
        assert lan.ask(source="127.0.0.2")[0] == 200
        machine()

        def is_cut(s):
            try:
                return not s.recv(1000)
            except (TimeoutError, ssl.SSLWantReadError):
                return False
            except OSError:
                return True
        for s in slow:
            s.settimeout(0.01)
        wait_for(lambda: sum(map(is_cut, slow)) >= 40, 30, "half of the places free again")  # there are 400
        assert lan.ask()[0] == 200


def test_oversized_headers_targets_and_bodies_are_refused_over_tls(lan, node):
    refuses_oversized(lan.connect, node.token, OSError, lambda: lan.ask()[0] == 200)


def test_a_peer_that_never_reads_its_reply_holds_up_nobody(lan, node, machine):
    context = ssl.create_default_context(cafile=lan.ca)
    ask = f"GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {node.token}\r\n\r\n".encode() * 20
    deaf = [lan.connect(context=context) for _ in range(100)]
    try:
        for s in deaf:
            s.sendall(ask)
        for _ in range(10):
            assert lan.ask()[0] == 200
        machine()
    finally:
        close_all(deaf)


def test_certificates_change_under_load_without_one_failed_request(lan, node, company, tmp_path):
    leaf, key = company.leaf()
    (tmp_path / "all.pem").write_bytes(pem(leaf, key, company.middle))
    (tmp_path / "both.pem").write_bytes(lan.ca.read_bytes() + pem(company.root))
    context = ssl.create_default_context(cafile=tmp_path / "both.pem")
    stop, statuses, faults = threading.Event(), [], []

    def ask():
        while not stop.is_set():
            try:
                with lan.connect(NAME, context=context) as s:
                    statuses.append(lan.over(s)[0])
            except (OSError, http.client.HTTPException) as e:
                faults.append(repr(e))
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for t in threads:
        t.start()
    for i in range(100):
        node.cli("listen", *(("--certificate", tmp_path / "all.pem") if i % 2 == 0 else ("--own",)))
        if i > 5 and len(statuses) > 20:
            break
    stop.set()
    for t in threads:
        t.join()
    assert not faults and len(statuses) > 20 and set(statuses) == {200}


def test_a_restored_copy_without_its_key_makes_a_new_ca(lan, node, tmp_path):
    """Sealed by node.key: a copy of the file alone cannot speak for this node."""
    copy = tmp_path / "copy.db"
    node.cli("backup", copy)
    node.stop()
    other = Node(tmp_path / "other", init=False)
    (tmp_path / "other").mkdir()
    done = subprocess.run([os.environ.get("KOPPEL_BIN") or "build/dev/koppel", "restore", copy, other.dir, "--new-key"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    other.token = node.token
    other.start()
    try:
        wait_for(lambda: other.json("listen")["listening"], 20, "its listener")
        with pytest.raises(ssl.SSLCertVerificationError):
            lan.connect()
        other.cli("listen", "--ca", lan.ca)
        with lan.connect():
            pass
    finally:
        other.stop()
