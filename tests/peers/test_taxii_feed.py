# SPDX-License-Identifier: Apache-2.0
"""Feeds of kind taxii: all is brought from medallion, the reference server, and from another node; servers that are slow, wrong or hostile are told
apart from each other, and hold up nobody."""
import json
import ssl
import subprocess
import threading
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from sys import executable
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from conftest import Node, wait_for
from ports import free_port
from stix_kit import MEDIA, Member, bundle, indicator


@pytest.fixture(scope="module")
def factory(tmp_path_factory):
    n = Node(tmp_path_factory.mktemp("factory")).start()
    yield n
    n.stop()


def add(node, name, url, *options):
    node.cli("feed", "add", name, url, "--every", "90d", *options)
    return name


def pull(node, name):
    """What became of it: {"taken", "fault" ...}."""
    done = node.cli("feed", "pull", name, check=False)
    return json.loads(node.cli("feed", "show", name, "--json").stdout) | {"code": done.returncode}


def brought(node, name, url, *options):
    """What became of a new feed when it was pulled for the first time."""
    add(node, name, url, *options)
    def over():
        f = json.loads(node.cli("feed", "show", name, "--json").stdout)
        return f if (f["pulled"] or f["fault"]) and not f["running"] else None
    return wait_for(over, 30, "the first pull of " + name)


def there(node):
    return {o["id"]: o for o in node.json("stix", "list", "--limit", "1000")["objects"]}


# ---- medallion ----
class Medallion:
    READ, EMPTY = "91a7b528-80eb-42ed-a74d-c6fbd5a26116", "472c94ae-3113-4e3e-a4dd-a9f4ac7471d4"

    def __init__(self, folder, objects):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        media = "application/stix+json;version=2.1"
        manifest = [{"id": o["id"], "date_added": f"2026-04-01T00:{i // 60:02}:{i % 60:02}.{i:06}Z", "version": o["modified"], "media_type": media}
                    for i, o in enumerate(objects)]
        make = lambda id, title, objects, manifest: {"id": id, "title": title, "can_read": True, "can_write": True, "media_types": [media],
                                                     "objects": objects, "manifest": manifest}
        root = {"information": {"title": "api1", "versions": [MEDIA], "max_content_length": 10 << 20}, "status": [],
                "collections": [make(self.READ, "known", objects, manifest), make(self.EMPTY, "empty", [], [])]}
        (folder / "data.json").write_text(json.dumps({"/discovery": {"title": "peer", "default": self.url + "api1/", "api_roots": [self.url + "api1/"]},
                                                      "api1": root}))
        (folder / "conf.json").write_text(json.dumps({
            "backend": {"module": "medallion.backends.memory_backend", "module_class": "MemoryBackend", "filename": str(folder / "data.json")},
            "users": {"admin": "Password0"}, "taxii": {"max_page_size": 40}}))
        program = Path(executable).parent / "medallion"
        self.process = subprocess.Popen([program, "--host", "127.0.0.1", "--port", str(self.port), folder / "conf.json", "--log-level", "ERROR"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.answers, 30, "medallion")

    def ask(self, method, where, **more):
        return requests.request(method, self.url + where, auth=("admin", "Password0"), headers={"Accept": MEDIA, "Content-Type": MEDIA}, timeout=20, **more)

    def answers(self):
        try:
            return self.ask("GET", "taxii2/").status_code == 200
        except requests.ConnectionError:
            return False


def test_everything_is_brought_from_medallion_and_then_only_what_is_new(factory, tmp_path):
    objects = [indicator(f"m{i}") for i in range(90)]
    peer = Medallion(tmp_path, objects)
    try:
        (tmp_path / "password").write_text("Password0\n")
        add(factory, "medallion", peer.url + "taxii2/", "--user", "admin", "--password-file", tmp_path / "password")
        assert (pull(factory, "medallion")["taken"], pull(factory, "medallion")["taken"]) == (90, 90)
        here = there(factory)
        assert {o["id"]: o["modified"] for o in objects} == {i: here[i]["version"] for i in here if here[i]["source"] == "feed medallion"}
        for o in (objects[0], objects[89]):
            assert [v["object"] for v in factory.json("stix", "show", o["id"])["versions"]] == [o]
        new = dict(objects[0], modified="2026-05-01T00:00:00.000Z", name="later")
        assert peer.ask("POST", f"api1/collections/{peer.READ}/objects/", json={"objects": [new]}).status_code == 202
        f = pull(factory, "medallion")
        assert (f["taken"], f["refused"], f["fault"], f["secrets"]) == (91, 0, None, ["password"])
        assert "Password0" not in factory.cli("feed", "show", "medallion", "--json").stdout
        assert there(factory)[objects[0]["id"]]["version"] == new["modified"]
    finally:
        peer.process.kill()
        peer.process.wait()


def test_what_a_centre_of_koppel_gives_a_member_is_brought_and_passed_on_by_label(factory, tmp_path):
    centre = Node(tmp_path).start()
    try:
        token = centre.cli("token", "add", "plant", "--role", "member").stdout.split()[0]
        (tmp_path / "token").write_text(token)
        given = {level: indicator(level, level) for level in ("green", "amber", "red")}
        (tmp_path / "b.json").write_text(bundle(*given.values()))
        centre.cli("feed", "collection", "add", "region")
        centre.cli("feed", "collection", "allow", "region", "--token", "plant", "--amber")
        centre.cli("stix", "import", tmp_path / "b.json", "--collection", "region")
        factory.cli("feed", "collection", "add", "onward")
        onward = factory.cli("token", "add", "supplier", "--role", "member").stdout.split()[0]
        factory.cli("feed", "collection", "allow", "onward", "--token", "supplier")
        add(factory, "centre", centre.url + "/taxii2/", "--token-file", tmp_path / "token", "--set", "collections=region", "--set", "into=onward")
        f = pull(factory, "centre")
        assert (f["taken"], f["fault"]) == (2, None)
        assert given["red"]["id"] not in there(factory)
        assert Member(factory.url, onward, "onward").objects() == [given["green"]]
        who = centre.json("feed", "collection")["collections"][0]["members"][0]
        assert who["who"] == "token plant"
    finally:
        centre.stop()


# ---- servers that are wrong ----
class Peer:
    """A server of TAXII of which a test says how it pages: objects(query, number of the request) -> (status, headers, body)."""

    def __init__(self, objects, context=None):
        self.asked, self.objects = [], objects
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                status, headers, body = outer.answer(self.path, self.headers)
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in ({"Content-Type": MEDIA, "Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    pass

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path, headers):
        where, query = urlsplit(path).path, {k: v[0] for k, v in parse_qs(urlsplit(path).query).items()}
        if where == "/taxii2/":
            return 200, {}, {"title": "peer", "api_roots": ["/api/"]}
        if where == "/api/collections/":
            return 200, {}, {"collections": [{"id": "one", "title": "one", "can_read": True, "can_write": False},
                                             {"id": "shut", "title": "shut", "can_read": False, "can_write": True}]}
        self.asked.append(query)
        return self.objects(query, len(self.asked))

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def peer():
    running = []

    def start(objects, context=None):
        running.append(Peer(objects, context))
        return running[-1]

    yield start
    for p in running:
        p.stop()


def added(second, **more):
    return {"X-TAXII-Date-Added-Last": f"2026-04-01T00:00:{second:02}.000000Z", **more}


ENDLESS = {
    "the same token again": (lambda q, n: (200, added(1), {"more": True, "next": "t", "objects": [indicator()]}), "again and again"),
    "tokens without end": (lambda q, n: (200, added(1), {"more": True, "next": f"t{n}"}), "no end"),
    "more without a place": (lambda q, n: (200, {}, {"more": True, "objects": [indicator()]}), "neither next nor when"),
    "a token that is too long": (lambda q, n: (200, added(1), {"more": True, "next": "t" * 5000}), "longer than"),
    "no envelope": (lambda q, n: (200, {}, []), "JSON"),
    "another more": (lambda q, n: (200, {}, {"more": "yes"}), "no envelope"),
    "no JSON": (lambda q, n: (200, {}, b'{"objects":[{'), "ends within"),
    "too deep": (lambda q, n: (200, {}, b'{"objects":[' + b'{"a":' * 100 + b"1" + b"}" * 100 + b"]}"), "deeper than 40"),
    "no entrance": (lambda q, n: (401, {}, {}), "does not let us in"),
    "elsewhere": (lambda q, n: (302, {"Location": "http://127.0.0.2/"}, {}), "another server"),
    "broken": (lambda q, n: (500, {}, {}), "status 500"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_a_server_does_wrong_is_said_and_ends_the_pull(factory, peer, name):
    objects, words = ENDLESS[name]
    p = peer(objects)
    f = brought(factory, f"wrong {name}", p.url + "taxii2/")
    assert words in f["fault"] and len(p.asked) < 50, f
    done = factory.cli("feed", "pull", f["name"], check=False)
    assert done.returncode == 1 and words in done.stderr
    factory.cli("feed", "remove", f["name"])


def test_a_root_on_another_server_is_not_asked(factory, peer):
    other, p = peer(lambda q, n: (200, {}, {})), peer(lambda q, n: (200, {}, {}))
    p.answer = lambda path, headers: (200, {}, {"title": "x", "api_roots": [other.url + "api/"]})
    f = brought(factory, "led away", p.url + "taxii2/")
    assert "another server" in f["fault"] and other.asked == []


def test_a_server_that_asks_for_time_gets_it(factory, peer):
    def objects(query, n):
        return (429, {"Retry-After": "1"}, {}) if n == 1 else (200, added(1), {"objects": [indicator()]})
    f = brought(factory, "busy", peer(objects).url + "taxii2/")
    assert (f["taken"], f["fault"]) == (1, None)
    f = brought(factory, "busier", peer(lambda q, n: (429, {"Retry-After": "86400"}, {})).url + "taxii2/")
    wait = datetime.fromisoformat(f["next"][:19]) - datetime.utcnow()
    assert "left alone" in f["fault"] and wait > timedelta(hours=23)


def test_a_page_that_is_too_large_is_asked_for_in_smaller_ones(factory, peer):
    large = [indicator(description="x" * 900000) for _ in range(40)]

    def objects(query, n):
        first, limit = int(query.get("next", 0)), int(query["limit"])
        more = first + limit < len(large)
        return 200, added(min(first + limit, 59)), {"objects": large[first:first + limit], **({"more": True, "next": str(first + limit)} if more else {})}
    p = peer(objects)
    f = brought(factory, "large", p.url + "taxii2/")
    assert (f["taken"], f["fault"]) == (40, None)
    assert len({q["limit"] for q in p.asked}) > 1


def test_bad_objects_are_refused_with_a_reason_and_the_others_come(factory, peer):
    good = indicator()
    future = indicator(modified="2099-01-01T00:00:00Z")
    f = brought(factory, "mixed", peer(lambda q, n: (200, added(1), {"objects": [{"type": "x"}, future, good, 7]})).url + "taxii2/")
    assert (f["taken"], f["refused"], f["fault"]) == (1, 3, None) and "refused" in f["note"]
    assert good["id"] in there(factory) and future["id"] not in there(factory)


def test_a_token_that_is_over_is_no_end_of_the_feed(factory, peer):
    made = [indicator() for _ in range(4)]

    def objects(query, n):
        if "added_after" in query:
            return 200, added(4), {"objects": made[2:]}
        return (404, {}, {}) if "next" in query else (200, added(2), {"more": True, "next": "soon over", "objects": made[:2]})
    f = brought(factory, "over", peer(objects).url + "taxii2/")
    assert (f["taken"], f["fault"]) == (4, None)


def test_one_feed_that_hangs_holds_up_no_other(factory, peer):
    gate = threading.Event()

    def hang(query, n):
        gate.wait(30)
        return 200, {}, {}
    add(factory, "hangs", peer(hang).url + "taxii2/")
    wait_for(lambda: json.loads(factory.cli("feed", "show", "hangs", "--json").stdout)["running"], 10, "the pull")
    f = brought(factory, "beside", peer(lambda q, n: (200, added(1), {"objects": [indicator()]})).url + "taxii2/")
    assert (f["taken"], f["fault"]) == (1, None)
    gate.set()
    factory.cli("feed", "remove", "hangs")


def test_a_pull_cut_short_by_a_kill_goes_on_where_it_was(tmp_path, peer):
    pages = [[indicator() for _ in range(5)] for _ in range(12)]
    reached, go = threading.Event(), threading.Event()

    def objects(query, n):
        page = int(query.get("next", 0))
        if page == 6:
            reached.set()
            go.wait(20)
        return 200, added(page), {"objects": pages[page], **({"more": True, "next": str(page + 1)} if page < 11 else {})}
    p = peer(objects)
    node = Node(tmp_path).start()
    add(node, "long", p.url + "taxii2/")
    assert reached.wait(20)
    node.kill()
    go.set()
    before = len(p.asked)
    node.start()
    wait_for(lambda: len(there(node)) == 60, 20, "all objects")
    assert [int(q.get("next", 0)) for q in p.asked[before:]] == list(range(6, 12))
    node.stop()


def test_a_server_is_shown_a_certificate_and_has_to_show_one(factory, peer, tmp_path):
    def run(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=tmp_path)
    (tmp_path / "names").write_text("subjectAltName=IP:127.0.0.1")
    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "2")
    for name in ("server", "client"):
        run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-out", f"{name}.pem", "-days", "2", "-extfile", "names")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    context.load_verify_locations(tmp_path / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    p = peer(lambda q, n: (200, added(1), {"objects": [indicator()]}), context)
    mine = ("--certificate", tmp_path / "client.pem", "--key", tmp_path / "client.key")
    assert brought(factory, "stranger", p.url + "taxii2/", *mine)["fault"]
    assert brought(factory, "bare", p.url + "taxii2/", "--ca", tmp_path / "ca.pem")["fault"]
    f = brought(factory, "both", p.url + "taxii2/", "--ca", tmp_path / "ca.pem", *mine)
    assert (f["taken"], f["fault"], f["secrets"]) == (1, None, ["key"])
    assert "PRIVATE" not in factory.cli("feed", "show", "both", "--json").stdout


def test_what_cannot_be_a_feed_is_refused_with_the_reason(factory):
    for words, reason in ((("x", "ftp://example.org/"), "https"), (("x", "http://centre.example/taxii2/"), "https"),
                          (("x", "https://me:secret@centre.example/"), "login"), (("x", "https://centre.example/", "--kind", "rss"), "kind"),
                          (("x", "https://centre.example/", "--set", "colour=red"), "no setting"), (("x", "https://centre.example/", "--every", "1s"), "every"),
                          (("x", "https://centre.example/", "--set", "into=nowhere"), "no collection"), (("a/b", "https://centre.example/"), "name")):
        done = factory.cli("feed", "add", *words, check=False)
        assert done.returncode == 1 and reason in done.stderr, (words, done.stderr)
    assert "no feed" in factory.cli("feed", "remove", "nobody", check=False).stderr
