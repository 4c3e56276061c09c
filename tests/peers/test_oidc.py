# SPDX-License-Identifier: Apache-2.0
"""Logging in at an identity provider: the npm package oidc-provider with a browser's way there and back, and providers that lie."""
import base64
import hashlib
import json
import re
import shutil
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import requests
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

import ports
from conftest import ROOT, Server, wait_for

MODULES = ROOT / "build" / "npm-oidc" / "node_modules"
NODE = shutil.which("node")
SECRET = "a secret: with/odd & characters"


class Browser:
    """Follows redirects as a browser does, and types into forms. Cookies go by host: ports do not part them."""

    def __init__(self):
        self.session = requests.Session()

    def get(self, url, **how):
        return self.session.get(url, timeout=20, allow_redirects=False, **how)

    def log_in(self, node, name):
        """The reply of the node to the callback, and its URL."""
        r = self.get(node.url + "/auth/oidc/start")
        assert r.status_code == 302, r.text
        for _ in range(20):
            url = r.url
            if r.status_code in (302, 303):
                url = urljoin(url, r.headers["Location"])
                r = self.get(url)
                if urlsplit(url).path == "/auth/oidc/callback":
                    return r, url
            else:
                form = re.search(r'<form[^>]*action="([^"]+)"', r.text)
                fields = {"prompt": re.search(r'name="prompt" value="(\w+)"', r.text)[1], "login": name, "password": "any"}
                r = self.session.post(urljoin(url, form[1]), data=fields, timeout=20, allow_redirects=False)
        raise AssertionError("the way back was not found")

    def who(self, node):
        return self.get(node.url + "/api/v1/session")


@pytest.fixture
def provider(node):
    if not (MODULES / "oidc-provider").exists():
        pytest.skip("oidc-provider is not installed: tools/setup check")
    server = Server(NODE, ROOT / "tests" / "peers" / "npm-oidc" / "provider.mjs", MODULES, ports.free_port(),
                    node.url + "/auth/oidc/callback")
    yield server
    server.stop()


def configure(node, provider, *words, client="koppel", secret=SECRET):
    more = ("--secret", "-") if secret is not None else ()
    return node.cli("oidc", "set", "--issuer", provider.url, "--client-id", client, *more, *words, input=(secret or "") + "\n", start_new_session=True)


@pytest.fixture
def anna(node):
    """A user of the node with the mail address that the provider knows."""
    node.cli("user", "add", "anna", "--role", "engineer", "--mail", "Anna@plant.example")


def logins(node):
    return [e for e in node.json("audit", "list", "--action", "login")["entries"] if e["via"] == "oidc"]


def test_a_user_of_this_node_enters_by_his_verified_mail_address(node, provider, anna):
    assert requests.get(node.url + "/api/v1/oidc", timeout=20).json() == {"enabled": False, "name": None}
    for path in ("start", "callback?state=x&code=y"):
        assert requests.get(f"{node.url}/auth/oidc/{path}", timeout=20).status_code == 404
    assert provider.url in configure(node, provider, "--name", "Plant login").stdout
    assert requests.get(node.url + "/api/v1/oidc", timeout=20).json() == {"enabled": True, "name": "Plant login"}
    browser = Browser()
    r, _ = browser.log_in(node, "anna")
    assert r.status_code == 302 and r.headers["Location"] == "/", r.text
    who = browser.who(node).json()
    assert (who["user"], who["role"], who["via"], who["mustChangePassword"]) == ("anna", "engineer", "oidc", False)
    (entry,) = logins(node)
    assert (entry["user"], entry["action"], entry["result"], entry["from"]) == ("anna", "login", "ok", "127.0.0.1")
    assert "code=" not in json.dumps(entry) and "state=" not in json.dumps(entry)
    node.cli("user", "disable", "anna")
    assert browser.who(node).status_code == 401


@pytest.mark.parametrize("client, secret", [("koppel-es256", "second"), ("koppel-public", None)])
def test_es256_and_clients_without_a_secret_work_too(node, provider, anna, client, secret):
    configure(node, provider, client=client, secret=secret)
    browser = Browser()
    assert browser.log_in(node, "anna")[0].status_code == 302
    assert browser.who(node).json()["user"] == "anna"


def test_who_is_no_user_here_enters_with_the_role_his_groups_give_him_or_not_at_all(node, provider, anna):
    configure(node, provider, "--claim", "preferred_username", "--role", "groups=maintenance:operator", "--role", "groups=managers:owner",
              "--role", "groups=nobody:viewer")
    browser = Browser()
    assert browser.log_in(node, "fitter7")[0].status_code == 302
    who = browser.who(node).json()
    assert (who["user"], who["role"], who["via"]) == ("fitter7", "operator", "oidc")
    r = browser.session.post(node.url + "/api/v1/assets", json={"path": "a"}, headers={"X-Koppel": "1"}, timeout=20)
    assert r.status_code == 403 and "operator" in r.json()["message"]
    r, _ = Browser().log_in(node, "visitor")
    assert r.status_code == 403 and "no user here for visitor" in r.json()["message"]
    wait_for(lambda: sorted((e["user"], e["result"]) for e in logins(node)) == [("fitter7", "ok"), ("visitor", "denied")], 20, "both entries")
    node.cli("oidc", "set", "--name", "changed")  # what was opened under other rules ends
    assert browser.who(node).status_code == 401
    node.cli("user", "disable", "anna")
    r, _ = Browser().log_in(node, "anna")
    assert r.status_code == 403 and "disabled" in r.json()["message"]


def test_an_address_that_is_not_verified_or_stands_at_two_users_opens_nothing(node, provider, anna):
    configure(node, provider)
    node.cli("user", "add", "eve", "--role", "owner", "--mail", "unverified-eve@plant.example")
    r, _ = Browser().log_in(node, "unverified-eve")
    assert r.status_code == 403 and "email_verified" in r.json()["message"]
    node.cli("user", "add", "second", "--role", "viewer", "--mail", "anna@plant.example")
    r, _ = Browser().log_in(node, "anna")
    assert r.status_code == 403 and "2 users here" in r.json()["message"]


def test_a_callback_counts_once_and_in_the_browser_that_began(node, provider, anna):
    configure(node, provider)
    browser = Browser()
    r, url = browser.log_in(node, "anna")
    assert r.status_code == 302
    again = browser.get(url)
    assert again.status_code == 403 and "begin again" in again.json()["message"] and "Set-Cookie" not in again.headers
    # somebody else's browser is sent where a log-in of the attacker's goes on
    victim, attacker = Browser(), Browser()
    start = attacker.get(node.url + "/auth/oidc/start")
    state = parse_qs(urlsplit(start.headers["Location"]).query)["state"][0]
    victim.get(node.url + "/auth/oidc/start")
    r = victim.get(node.url + "/auth/oidc/callback", params={"state": state, "code": "x"})
    assert r.status_code == 403 and "another browser" in r.json()["message"]
    r = requests.get(node.url + "/auth/oidc/callback", params={"state": state, "code": "x"}, timeout=20)
    assert r.status_code == 403 and "not begun here" in r.json()["message"]
    for query in ({}, {"state": "x" * 43}, {"code": "x"}, {"error": "access_denied", "state": "y"}):
        assert browser.get(node.url + "/auth/oidc/callback", params=query).status_code == 403


def test_a_code_that_was_used_is_refused_by_the_provider(node, provider, anna):
    configure(node, provider)
    browser = Browser()
    _, url = browser.log_in(node, "anna")
    used = parse_qs(urlsplit(url).query)["code"][0]
    start = browser.get(node.url + "/auth/oidc/start")
    state = parse_qs(urlsplit(start.headers["Location"]).query)["state"][0]
    r = browser.get(node.url + "/auth/oidc/callback", params={"state": state, "code": used})
    assert r.status_code == 403 and "invalid_grant" in r.json()["message"]


def test_the_question_to_the_provider_is_made_of_fresh_parts_and_a_challenge(node, provider):
    configure(node, provider)
    asked = [requests.get(node.url + "/auth/oidc/start", timeout=20, allow_redirects=False) for _ in range(2)]
    queries = [parse_qs(urlsplit(r.headers["Location"]).query) for r in asked]
    for r, q in zip(asked, queries):
        assert q["response_type"] == ["code"] and q["code_challenge_method"] == ["S256"] and q["scope"] == ["openid profile email"]
        assert q["redirect_uri"] == [node.url + "/auth/oidc/callback"] and len(q["code_challenge"][0]) == 43
        assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"} <= set(r.headers["Set-Cookie"].split("; "))
    for part in ("state", "nonce", "code_challenge"):
        assert queries[0][part] != queries[1][part]
    assert requests.get(node.url + "/auth/oidc/start", headers={"Host": "evil.example"}, timeout=20).status_code == 403


SENSELESS = [
    (("--issuer", "http://login.plant.example"), "no https"),
    (("--issuer", "http://127.0.0.1@evil.example"), "no https"),
    (("--issuer", "http://localhost:x@evil.example/"), "no https"),
    (("--issuer", "http://localhost.evil.example"), "no https"),
    (("--issuer", "file:///etc/passwd"), "no https"),
    (("--issuer", "http://127.0.0.1:1"), "identity provider"),
    (("--role", "groups:operator"), "CLAIM=VALUE:ROLE"),
    (("--role", "groups=x:boss"), "roles"),
    (("--claim", "phone"), "none of email"),
]


def test_settings_that_make_no_sense_are_refused_and_change_nothing(node, provider):
    configure(node, provider)
    for words, said in SENSELESS:
        done = node.cli("oidc", "set", *words, check=False)
        assert done.returncode in (1, 2) and said in done.stderr, (words, done.stderr)
        shown = node.json("oidc")
        assert shown["issuer"] == provider.url and shown["secret"] == {"set": True} and SECRET not in json.dumps(shown)


def test_off_forgets_the_secret_and_ends_sessions(node, provider, anna):
    configure(node, provider)
    browser = Browser()
    browser.log_in(node, "anna")
    assert browser.who(node).status_code == 200
    node.cli("oidc", "off")
    assert browser.who(node).status_code == 401
    assert node.json("oidc") == {"enabled": False, "issuer": None, "clientId": None, "secret": {"set": False}, "name": None, "claim": "email",
                                 "roles": []}
    assert requests.get(node.url + "/auth/oidc/start", timeout=20).status_code == 404


def test_settings_are_there_after_a_restart(node, provider, anna):
    configure(node, provider, "--role", "groups=maintenance:operator")
    before = node.json("oidc")
    node.kill()
    node.start("--listen", f"127.0.0.1:{node.port}")
    assert node.json("oidc") == before
    assert Browser().log_in(node, "anna")[0].status_code == 302


# ---- providers that lie ----

def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Liar:
    """Answers as told: `claims` change those of a good token; `header`, `key`, `keys`, `token` and `answers` change the rest."""

    def __init__(self):
        self.rsa, self.ec = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
        self.claims, self.header, self.answers, self.nonce, self.form = {}, {"alg": "RS256", "kid": "1"}, {}, "", {}
        self.sign = self.rs256
        n = self.rsa.public_key().public_numbers()
        self.keys = [{"kty": "RSA", "kid": "1", "use": "sig", "n": b64(n.n.to_bytes(256, "big")), "e": "AQAB"}]
        liar = self

        class Handler(BaseHTTPRequestHandler):
            def reply(self):
                length = int(self.headers.get("Content-Length", 0))
                liar.form = parse_qs(self.rfile.read(length).decode()) or liar.form
                status, body = liar.answers.get(self.path) or (200, json.dumps(liar.document(self.path)).encode())
                if callable(body):
                    return body(self)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except ConnectionError:
                    pass  # it had enough

            do_GET = do_POST = reply

            def log_message(self, *_):
                pass
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def document(self, path):
        if path == "/jwks":
            return {"keys": self.keys}
        if path == "/token":
            return {"access_token": "a", "token_type": "Bearer", "id_token": self.token()}
        return {"issuer": self.url, "authorization_endpoint": self.url + "/authorize", "token_endpoint": self.url + "/token", "jwks_uri": self.url + "/jwks"}

    def rs256(self, data):
        return self.rsa.sign(data, padding.PKCS1v15(), hashes.SHA256())

    def token(self):
        now = int(time.time())
        claims = {"iss": self.url, "aud": "koppel", "sub": "1", "exp": now + 300, "iat": now, "nonce": self.nonce, "email": "anna@plant.example",
                  "email_verified": True, **self.claims}
        claims = {k: v for k, v in claims.items() if v is not None}
        text = (b64(json.dumps(self.header).encode()) + "." + b64(json.dumps(claims).encode())).encode()
        return text.decode() + "." + b64(self.sign(text))


@pytest.fixture
def liar(node, anna):
    l = Liar()
    node.cli("oidc", "set", "--issuer", l.url, "--client-id", "koppel")
    yield l
    l.server.shutdown()
    l.server.server_close()


def come_back(node, liar):
    """The reply to a callback for whatever the liar now says."""
    browser = Browser()
    start = browser.get(node.url + "/auth/oidc/start")
    assert start.status_code == 302, start.text
    query = parse_qs(urlsplit(start.headers["Location"]).query)
    liar.nonce = query["nonce"][0]
    r = browser.get(node.url + "/auth/oidc/callback", params={"state": query["state"][0], "code": "c"})
    if "code_verifier" in liar.form:
        assert b64(hashlib.sha256(liar.form["code_verifier"][0].encode()).digest()) == query["code_challenge"][0]
    return r


def test_the_liar_is_believed_while_he_tells_the_truth(node, liar):
    assert come_back(node, liar).status_code == 302
    n = liar.ec.public_key().public_numbers()
    liar.keys.append({"kty": "EC", "crv": "P-256", "kid": "2", "x": b64(n.x.to_bytes(32, "big")), "y": b64(n.y.to_bytes(32, "big"))})
    liar.header = {"alg": "ES256", "kid": "2"}

    def es256(data):
        r, s = decode_dss_signature(liar.ec.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    liar.sign = es256
    assert come_back(node, liar).status_code == 302
    liar.claims = {"aud": ["koppel", "other"], "azp": "koppel"}
    assert come_back(node, liar).status_code == 302


CLAIMS = [
    ({"nonce": "another"}, "nonce"),
    ({"nonce": None}, "nonce"),
    ({"exp": 1}, "has expired"),
    ({"exp": None}, "has expired"),
    ({"exp": "9999999999"}, "has expired"),
    ({"iat": 1}, "not issued just now"),
    ({"iat": 9999999999}, "not issued just now"),
    ({"iat": None}, "not issued just now"),
    ({"nbf": 9999999999}, "not valid yet"),
    ({"aud": "other"}, "audience"),
    ({"aud": ["other"]}, "audience"),
    ({"aud": ["koppel", "other"]}, "audience"),
    ({"aud": "koppel", "azp": "other"}, "audience"),
    ({"aud": None}, "audience"),
    ({"iss": "https://evil.example"}, "another issuer"),
    ({"iss": None}, "another issuer"),
    ({"sub": None}, "whom it is about"),
    ({"email_verified": "true"}, "email_verified"),
    ({"email_verified": False}, "email_verified"),
    ({"email": None}, "says nothing of 'email'"),
    ({"email": ["anna@plant.example"]}, "says nothing of 'email'"),
    ({"email": "evil@plant.example"}, "no user here"),
]


def test_a_token_with_wrong_claims_opens_nothing(node, liar):
    for claims, said in CLAIMS:
        liar.claims = claims
        r = come_back(node, liar)
        assert r.status_code == 403 and said in r.json()["message"], (claims, r.text)
        assert f"koppel-{node.port}" not in r.headers.get("Set-Cookie", "")
    entry = wait_for(lambda: logins(node), 20, "the entry")[-1]
    assert entry["result"] == "denied" and "nonce" in entry["detail"]


def test_a_token_that_is_not_signed_by_the_providers_keys_opens_nothing(node, liar):
    def refused(said):
        r = come_back(node, liar)
        assert r.status_code == 403 and said in r.json()["message"], r.text
    other = rsa.generate_private_key(65537, 2048)
    liar.sign = lambda data: other.sign(data, padding.PKCS1v15(), hashes.SHA256())
    refused("not signed by a key")
    liar.sign = liar.rs256
    for alg in ("none", "None", "HS256", "RS512", "PS256", "ES384", "", "rs256"):
        liar.header = {"alg": alg, "kid": "1"}
        refused("only RS256 and ES256")
    liar.header = {"alg": "HS256", "kid": "1"}  # the public key taken for a secret

    def hs256(data):
        h = hmac.HMAC(liar.keys[0]["n"].encode(), hashes.SHA256())
        h.update(data)
        return h.finalize()
    liar.sign = hs256
    refused("only RS256 and ES256")
    liar.sign, liar.header = liar.rs256, {"alg": "RS256", "kid": "another"}
    refused("not signed by a key")
    liar.header = {"alg": "RS256", "kid": "1", "crit": ["x"]}
    refused("crit")
    liar.header = {"alg": "ES256", "kid": "1"}
    refused("not signed by a key")
    liar.header = {"alg": "RS256", "kid": "1", "jwk": liar.keys[0]}
    good = liar.keys[0]
    for keys in ([], [{**good, "use": "enc"}], [{**good, "kty": "oct", "k": "AAAA"}], [{**good, "n": "AQAB"}], [{**good, "n": "!"}], [{**good, "alg": "RS512"}],
                 [None, 1, "x", [], {}], [{}] * 1000):
        liar.keys = keys
        refused("not signed by a key")
    weak = rsa.generate_private_key(65537, 1024)
    liar.keys = [{**good, "n": b64(weak.public_key().public_numbers().n.to_bytes(128, "big"))}]
    liar.sign = lambda data: weak.sign(data, padding.PKCS1v15(), hashes.SHA256())
    refused("not signed by a key")


TOKENS = ["", "a", "a.b", "a.b.c", "..", "a.b.c.d", "x" * 20000, "e30.e30.AAAA", "e30.e30.", "e30=.e30.AAAA", "W10.W10.AAAA", b64(b'{"alg":"RS256","alg":"none"}') + ".e30.AAAA",
          b64(b'{"a":' * 100 + b"1" + b"}" * 100) + ".e30.AAAA", 7, None, ["a"]]


def test_a_token_that_is_none_opens_nothing(node, liar):
    for token in TOKENS:
        liar.answers["/token"] = (200, json.dumps({"id_token": token}).encode())
        r = come_back(node, liar)
        assert r.status_code == 403 and "ID token" in r.json()["message"], (token, r.text)


NONSENSE = [("/token", 500, b"{}"), ("/token", 200, b""), ("/token", 200, b"[1]"), ("/token", 200, b"{" * 1000), ("/token", 200, b"{}" * 200_000),
            ("/token", 200, b'{"id_token": "\\u0000"}'), ("/token", 302, b""), ("/jwks", 404, b"{}"), ("/jwks", 200, b"no"), ("/jwks", 200, b'{"keys": "x"}' * 100_000)]


def test_a_provider_that_answers_nonsense_is_told_of_and_harms_nobody(node, liar):
    for path, status, text in NONSENSE:
        liar.answers = {path: (status, text)}
        r = come_back(node, liar)
        assert r.status_code == 502 and "provider" in r.json()["message"], (path, status, text[:20], r.text)
    liar.answers = {}
    assert come_back(node, liar).status_code == 302


def test_a_provider_that_never_answers_holds_up_no_other_request(node, liar):
    stop = threading.Event()
    liar.answers["/token"] = (200, lambda request: stop.wait(30))
    replies = []

    def come():
        browser = Browser()
        start = browser.get(node.url + "/auth/oidc/start")
        state = parse_qs(urlsplit(start.headers["Location"]).query)["state"][0]
        replies.append(browser.session.get(node.url + "/auth/oidc/callback", params={"state": state, "code": "c"}, timeout=60).status_code)
    waiting = [threading.Thread(target=come) for _ in range(3)]
    for t in waiting:
        t.start()
    try:
        for _ in range(20):
            began = time.monotonic()
            assert requests.get(node.url + "/api/v1/signals", headers={"Authorization": "Bearer " + node.token}, timeout=20).status_code == 200
            assert time.monotonic() - began < 5
            time.sleep(0.05)
        for t in waiting:
            t.join(60)
        assert len(replies) == 3 and set(replies) <= {503, 504}
        began = time.monotonic()  # it is spared for a while, so that nobody can keep the node waiting
        assert requests.get(node.url + "/auth/oidc/callback", params={"state": "x", "code": "c"}, timeout=60).status_code == 504
        assert time.monotonic() - began < 2
    finally:
        stop.set()


def test_discovery_that_names_other_places_is_refused(node, liar):
    def document(**more):
        return 200, json.dumps({**liar.document("/"), **more}).encode()
    for more, said in (({"issuer": "https://evil.example"}, "calls itself"), ({"token_endpoint": "http://evil.example/token"}, "token_endpoint"),
                       ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri"), ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint"),
                       ({"authorization_endpoint": "https://a/\r\nSet-Cookie: x=y"}, "authorization_endpoint"), ({"jwks_uri": None}, "jwks_uri")):
        liar.answers["/.well-known/openid-configuration"] = document(**more)
        done = node.cli("oidc", "set", "--issuer", liar.url, check=False)
        assert done.returncode == 1 and said in done.stderr, (more, done.stderr)


def test_many_log_ins_begun_at_one_address_do_not_flush_those_of_others(node, liar):
    browser = Browser()
    start = browser.get(node.url + "/auth/oidc/start")
    query = parse_qs(urlsplit(start.headers["Location"]).query)
    liar.nonce = query["nonce"][0]
    from requests.adapters import HTTPAdapter

    class From(HTTPAdapter):
        def init_poolmanager(self, *a, **k):
            super().init_poolmanager(*a, **k, source_address=("127.0.0.9", 0))
    flood = requests.Session()
    flood.mount("http://", From())
    for _ in range(300):
        assert flood.get(node.url + "/auth/oidc/start", timeout=20, allow_redirects=False).status_code in (302, 503)
    r = browser.get(node.url + "/auth/oidc/callback", params={"state": query["state"][0], "code": "c"})
    assert r.status_code == 302, r.text
    wait_for(lambda: logins(node), 20, "the entry")
