# SPDX-License-Identifier: Apache-2.0
"""Feeds of security advisories: from a provider behind nginx whose documents gpg signed, from a folder, through tinyproxy, and from gocsaf's own
provider where tools/get-csaf-provider could build it. Each wrong document is refused with its reason, and the others are taken."""
import gzip
import json
import os
import shutil
import socket
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from conftest import Node, wait_for
from csaf_site import Gpg, Site, document
from ports import free_port
from web_client import Api

AGENT = '"koppel/'
CACHE = Path(os.environ.get("KOPPEL_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "koppel")
GOCSAF = CACHE / "gocsaf-3.2.0" / "bin" / "csaf_provider"


class Plant:
    def __init__(self, folder):
        self.node = Node(folder).start()
        self.api = Api(self.node)
        self.api.ok("POST", "inventory/import", {"text": "name,manufacturer,product,firmware,cpe\nhall/mill,Gears,Gear,1.2,cpe:2.3:h:gears:gear:1.2:*:*:*:*:*:*:*\n"})

    def add(self, name, site, trust=(), kind="csaf", url=None, secrets=None, enabled=False, **settings):
        """A feed that is pulled when it is told to."""
        settings = {"ca": (site.dir / "cert.pem").read_text(), **({"trust": list(trust)} if kind == "csaf" else {}), **settings}
        self.api.ok("POST", "feeds", {"name": name, "kind": kind, "url": url or site.metadata, "every": "90d", "settings": settings, "secrets": secrets or {}, "enabled": enabled})

    def pull(self, name):
        """The feed after a pull."""
        before = self.feed(name)
        self.api.ok("PATCH", f"feeds/{name}", {"enabled": True}) if not before["enabled"] else self.api.ok("POST", f"feeds/{name}/pull")
        return wait_for(lambda: (f := self.feed(name)) and not f["running"] and f["next"] and (f["fault"] or f["pulled"] != before["pulled"]) and f, 30, f"{name} pulled")

    def feed(self, name):
        return self.api.ok("GET", f"feeds/{name}")

    def documents(self, name):
        return {d["url"].rsplit("/", 1)[1]: d for d in self.api.ok("GET", f"feeds/{name}/documents")["documents"]}

    def advisories(self):
        return {a: v for a, v in json.loads(self.node.cli("sql", "select id, version from advisory", "--json").stdout)["rows"]}


@pytest.fixture(scope="module")
def gpg(tmp_path_factory):
    g = Gpg(tmp_path_factory.mktemp("gpg") / "home", "psirt", "other")
    yield g
    g.stop()


@pytest.fixture(scope="module")
def site(tmp_path_factory, gpg):
    s = Site(tmp_path_factory.mktemp("site"), gpg)
    s.describe(s.rolie("white"), keys=["psirt"])
    for n in (1, 2, 3):
        s.publish(n)
    yield s.ready()
    s.stop()


@pytest.fixture(scope="module")
def plant(tmp_path_factory):
    p = Plant(tmp_path_factory.mktemp("plant"))
    yield p
    p.node.stop()


def test_a_person_says_which_key_is_trusted(plant, site, gpg):
    site.describe(site.rolie("white"), keys=["psirt"])
    ca = site.dir / "cert.pem"
    refused = plant.node.cli("feed", "add", "unseen", site.metadata, "--kind", "csaf", "--ca", ca, "--every", "90d", check=False)
    assert refused.returncode == 1 and "--trust FINGERPRINT" in refused.stderr
    shown = " ".join(refused.stdout.replace("\n", " ").split())
    assert " ".join(gpg.keys["psirt"][i:i + 4] for i in range(0, 40, 4)) in shown and "psirt@gears.example" in shown and site.url in shown
    assert plant.api.refused(403, "POST", "feeds", {"name": "unseen", "kind": "csaf", "url": site.metadata, "settings": {"ca": ca.read_text()}}).startswith("Gears shows 1 keys")
    wrong = plant.node.cli("feed", "add", "unseen", site.metadata, "--kind", "csaf", "--ca", ca, "--trust", gpg.keys["other"], check=False)
    assert wrong.returncode == 1 and "no key with the fingerprint" in wrong.stderr
    assert "unseen" not in {f["name"] for f in plant.api.ok("GET", "feeds")["feeds"]}


def test_what_a_provider_has_is_brought_and_matched_and_only_what_is_new_again(plant, site, gpg):
    site.describe(site.rolie("grows"), keys=["psirt"])
    for n in (11, 12, 13):
        site.publish(n, folder="grows")
    begun = len(site.log())
    plant.add("gears", site, [gpg.keys["psirt"]], url=f"localhost:{site.port}")
    feed = plant.pull("gears")
    assert (feed["taken"], feed["refused"], feed["fault"], feed["note"]) == (3, 0, None, None)
    assert {"G-11", "G-12", "G-13"} <= set(plant.advisories())
    assert ("hall/mill", "G-11") in {(f["name"], f["advisory"]) for f in plant.api.ok("GET", "advisories")["findings"]}
    lines = site.log()[begun:]
    assert all(AGENT in line for line in lines)
    assert len({line.rsplit(" ", 1)[1] for line in lines}) == 3, "one connection each time it is looked at, one to pull"
    begun = len(site.log())
    assert plant.pull("gears")["taken"] == 3
    assert [s for s, p in site.asked(begun) if p == "/grows/feed.json"] == [304]
    assert not any("/2026/" in p for _, p in site.asked(begun))
    begun = len(site.log())
    site.publish(12, 2, folder="grows")
    site.publish(14, folder="grows")
    assert plant.pull("gears")["taken"] == 5
    assert plant.advisories()["G-12"] == "2"
    assert sorted(p for _, p in site.asked(begun) if p.endswith("n")) == ["/.well-known/csaf/provider-metadata.json", "/grows/2026/g-12.json", "/grows/2026/g-14.json", "/grows/feed.json"]
    assert not list(plant.node.dir.glob("gnupg*")), "keys are there only while they are needed"


def test_each_wrong_document_is_refused_for_its_reason_and_the_others_are_taken(plant, site, gpg):
    site.describe(site.rolie("mixed"), keys=["psirt"])

    def put(number, **options):
        return site.publish(number, folder="mixed", **options)
    put(20)
    put(21).write_bytes(json.dumps(document(21, 1), indent=1).encode())
    put(22).with_name("g-22.json.sha512").write_text("0" * 128 + "  g-22.json\n")
    put(23, key="other")
    put(24, key=None)
    file = put(25)
    file.with_name("g-25.json.asc").write_bytes(site.www.joinpath("mixed/2026/g-20.json.asc").read_bytes())
    put(26, tlp="RED")
    put(27, content=b"{" + b" " * (17 << 20) + b"}")
    put(28, content=b"[" * 5000)
    put(29, content=document(99))
    (put(30).with_name("g-30.json.asc")).write_text("-----BEGIN PGP SIGNATURE-----\n\nnothing\n-----END PGP SIGNATURE-----\n")
    put(31).unlink()
    for url in (site.url + "/away/g-32.json", site.url + "/mixed/../../etc/g-33.json", "https://evil.example/g-34.json"):
        site.list("mixed", url, "2026-01-01T00:00:00Z")
    put(35, content={**document(35), "vulnerabilities": [{"cve": "CVE-1"}]})
    plant.add("mixed", site, [gpg.keys["psirt"]])
    feed = plant.pull("mixed")
    why = {name: d["why"] for name, d in plant.documents("mixed").items() if d["state"] == "refused"}
    for number, word in {21: "SHA-512 digest is another one", 22: "SHA-512 digest is another one", 23: "which is not trusted", 24: "no signature",
                         25: "signature is wrong", 26: "labelled RED", 27: "larger than", 28: "nested deeper", 29: "does not belong", 30: "no OpenPGP signature", 31: "status 404",
                         32: "another server", 34: "did not name"}.items():
        assert word in why[f"g-{number}.json"], f"{number}: {why.get(f'g-{number}.json')}"
    assert "G-20" in plant.advisories() and "G-35" in plant.advisories()
    assert set(plant.advisories()) & {f"G-{i}" for i in range(21, 35)} == set()
    faulty = plant.documents("mixed")["g-35.json"]
    assert faulty["state"] == "taken with faults" and faulty["why"].startswith("[")
    assert feed["refused"] == 14 and "14 documents were refused, the first: " in feed["note"] and "1 documents were taken though they are not valid" in feed["note"]
    assert "refused" in plant.node.cli("feed", "documents", "mixed").stdout
    put(21), put(22)
    assert plant.pull("mixed")["refused"] == 14 + 12, "what was mended is taken without a new date"
    assert {"G-21", "G-22"} <= set(plant.advisories())


def test_keys_that_are_gone_or_were_never_trusted_count_for_nothing(plant, site, gpg):
    site.describe(site.rolie("white"), keys=["psirt"])
    plant.add("keys", site, [gpg.keys["psirt"]])
    assert plant.pull("keys")["fault"] is None
    site.describe(site.rolie("white"), keys=["other"])
    feed = plant.pull("keys")
    assert "does not show the key" in feed["fault"] and gpg.keys["psirt"] in feed["fault"]
    site.describe(site.rolie("white"), keys=["psirt", "other"])
    feed = plant.pull("keys")
    assert feed["fault"] is None and "shows a key that is not trusted" in feed["note"]
    gpg.make("old", "--faked-system-time", "20240101T000000", expire="30d")
    site.describe(site.rolie("white"), keys=["psirt", "old"])
    shown = plant.api.ok("POST", "feeds/look", {"kind": "csaf", "url": site.metadata, "settings": {"ca": (site.dir / "cert.pem").read_text()}})
    assert [k["fingerprint"] for k in shown["keys"]] == [gpg.keys["psirt"]] and "has expired" in shown["notes"][0] and gpg.keys["old"] in shown["notes"][0]
    site.write("openpgp/psirt.asc", gpg.armour("other"))
    shown = plant.api.ok("POST", "feeds/look", {"kind": "csaf", "url": site.metadata, "settings": {"ca": (site.dir / "cert.pem").read_text()}})
    assert not shown["keys"] and "no key with the fingerprint" in shown["notes"][0]
    site.describe(site.rolie("white"), keys=["psirt"])


def test_folders_are_read_too_and_what_they_do_not_date_is_asked_for_as_changed(plant, site):
    site.describe({"directory_url": site.url + "/plain"}, role="csaf_provider")
    for n in (40, 41):
        site.publish(n, folder="plain", key=None, algorithm="sha256", feed=False)
    site.write("plain/index.txt", "2026/g-40.json\n2026/g-41.json\n../../g-42.json\n")
    plant.add("folder", site)
    assert plant.pull("folder")["taken"] == 2 and {"G-40", "G-41"} <= set(plant.advisories())
    site.publish(41, 2, folder="plain", key=None, algorithm="sha256", feed=False)
    begun = len(site.log())
    feed = plant.pull("folder")
    assert feed["taken"] == 3 and plant.advisories()["G-41"] == "2"
    assert (304, "/plain/2026/g-40.json") in site.asked(begun) and "climbs out" in feed["note"]
    site.write("plain/changes.csv", '"2026/g-40.json","2026-01-01T00:00:00Z"\n')
    assert plant.pull("folder")["fault"] is None


def test_amber_is_asked_for_only_by_members(plant, site):
    site.describe(site.rolie("amber", "AMBER"), role="csaf_provider")
    site.publish(50, folder="amber", tlp="AMBER", key=None)
    plant.add("amber", site)
    feed = plant.pull("amber")
    assert feed["taken"] == 0 and "without a login" in feed["note"]
    plant.api.ok("PATCH", "feeds/amber", {"settings": {"user": "acme"}, "secrets": {"password": "wrong"}})
    wait_for(lambda: "status 401" in (plant.feed("amber")["fault"] or ""), 20, "the server's refusal")
    plant.api.ok("PATCH", "feeds/amber", {"secrets": {"password": "gearbox"}})
    wait_for(lambda: plant.feed("amber")["taken"] == 1, 20, "what members get")
    assert '"acme"' in next(line for line in reversed(site.log()) if "/amber/" in line)


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def test_it_goes_through_a_proxy_and_leaves_a_server_alone_that_asks_for_it(plant, site, tmp_path):
    port = free_port()
    (tmp_path / "conf").write_text(f'Port {port}\nListen 127.0.0.1\nLogLevel Connect\nTimeout 60\nMaxClients 10\nAllow 127.0.0.1\n')
    with (tmp_path / "log").open("w") as log:
        proxy = subprocess.Popen(["tinyproxy", "-d", "-c", tmp_path / "conf"], stdout=log, stderr=log)
    site.describe(site.rolie("proxied"), role="csaf_provider")
    site.publish(60, folder="proxied", key=None)
    wait_for(lambda: listens(port), 20, "tinyproxy")
    plant.add("proxied", site, proxy=f"http://127.0.0.1:{port}")
    assert plant.pull("proxied")["taken"] == 1
    assert f"CONNECT localhost:{site.port}" in (tmp_path / "log").read_text()
    proxy.terminate()
    proxy.wait()
    plant.api.ok("PATCH", "feeds/proxied", {"enabled": False})
    site.describe(site.rolie("busy"), role="csaf_provider")
    plant.add("busy", site)
    feed = plant.pull("busy")
    assert "asks to be left alone" in feed["fault"]
    assert datetime.fromisoformat(feed["next"]) > datetime.now(timezone.utc) + timedelta(seconds=7000)


def test_a_node_that_is_killed_goes_on_where_it_was(site, gpg, tmp_path):
    site.describe(site.rolie("long"), keys=["psirt"])
    for n in range(70, 82):
        site.publish(n, folder="long")
    plant = Plant(tmp_path)
    plant.add("long", site, [gpg.keys["psirt"]], enabled=True)
    begun = len(site.log())
    wait_for(lambda: len(plant.advisories()) >= 3, 30, "some documents")
    plant.node.kill()
    left = {p.name for p in plant.node.dir.glob("gnupg-*")}
    plant.node.start()
    plant.api = Api(plant.node)
    wait_for(lambda: plant.feed("long")["pulled"], 30, "the rest")
    assert len(plant.advisories()) == 12
    assert left and not left & {p.name for p in plant.node.dir.glob("gnupg-*")}, "keys that a crash left are removed"
    asked = [p for _, p in site.asked(begun) if p.endswith(".json") and "/2026/" in p]
    assert len(asked) <= 13 and len(set(asked)) == 12, "at most the one it was at is asked for again"
    plant.node.stop()


def test_a_provider_comes_on_a_stick_too(site, gpg, tmp_path):
    site.describe(site.rolie("stick"), keys=["psirt"])
    for n in (101, 102, 103, 104):
        site.publish(n, folder="stick")
    stick = tmp_path / "stick"
    shutil.copytree(site.www / "stick", stick / "white")
    (stick / ".well-known" / "csaf").mkdir(parents=True)
    shutil.copy(site.www / ".well-known" / "csaf" / "provider-metadata.json", stick / ".well-known" / "csaf")
    shutil.copytree(site.www / "openpgp", stick / "openpgp")
    (stick / "white" / "2026" / "g-103.json").write_text(json.dumps(document(103, 2)))
    (stick / "white" / "2026" / "g-104.json.asc").unlink()
    plant = Plant(tmp_path)
    nobody = plant.node.cli("feed", "import", stick, check=False)
    assert nobody.returncode == 1 and "say a name for it" in nobody.stderr
    asks = plant.node.cli("feed", "import", stick, "gears", check=False)
    assert asks.returncode == 1 and "--trust FINGERPRINT" in asks.stderr
    done = plant.node.cli("feed", "import", stick, "gears", "--trust", gpg.keys["psirt"], check=False)
    assert done.returncode == 1 and done.stdout.startswith("2 taken, 0 of them with faults, 0 older than what is here, 2 refused; 2 findings opened")
    assert "g-103.json: refused: its SHA-512 digest is another one" in done.stderr and "g-104.json: refused: there is no signature" in done.stderr
    assert plant.advisories() == {"G-101": "1", "G-102": "1"}
    assert plant.feed("gears")["enabled"] is False and plant.feed("gears")["url"] == site.metadata
    shutil.copytree(site.www / "stick", stick / "white", dirs_exist_ok=True)
    again = plant.node.cli("feed", "import", stick)
    assert again.stdout.startswith("4 taken") and not again.stderr
    plant.api.ok("DELETE", "feeds/gears")
    assert plant.advisories(), "what came stays"
    plant.node.stop()


def test_lists_of_what_is_exploited_are_feeds(plant, site):
    site.write("epss.csv.gz", gzip.compress(b"#model_version:v1\ncve,epss,percentile\n" + b"".join(b"CVE-2026-%d,0.5,0.9\n" % n for n in range(4000, 9000))))
    site.write("kev.json", {"catalogVersion": "1", "vulnerabilities": [{"cveID": "CVE-2026-4000"}, {"cveID": "CVE-2026-4001"}]})
    site.write("none.csv", "<html>\n")
    for kind, path in (("epss", "epss.csv.gz"), ("kev", "kev.json")):
        plant.add(kind, site, kind=kind, url=f"{site.url}/{path}")
        assert plant.pull(kind)["taken"] == 1
    count = "select count(*), sum(kev), sum(epss) from exploit"
    assert json.loads(plant.node.cli("sql", count, "--json").stdout)["rows"] == [[5000, 2, 2500.0]]
    begun = len(site.log())
    assert plant.pull("epss")["fault"] is None and [a for a in site.asked(begun) if "epss" in a[1]] == [(304, "/epss.csv.gz")]
    site.write("kev.json", {"catalogVersion": "2", "vulnerabilities": [{"cveID": "CVE-2026-4001"}]})
    plant.pull("kev")
    assert json.loads(plant.node.cli("sql", count, "--json").stdout)["rows"][0][1] == 1, "what is not in the catalogue any more is not known"
    plant.add("none", site, kind="epss", url=site.url + "/none.csv")
    assert "no CVE in it" in plant.pull("none")["fault"]


def test_a_list_of_providers_offers_those_it_lists(plant, site, gpg):
    site.describe(site.rolie("white"), keys=["psirt"])
    listed = lambda name, url, **more: {"metadata": {"last_updated": "2026-01-01T00:00:00Z", "publisher": {"category": "vendor", "name": name, "namespace": f"https://{name.lower()}.example"}, "url": url}, **more}
    site.write("aggregator.json", {"aggregator": {"category": "aggregator", "name": "Collector", "namespace": "https://collector.example"}, "aggregator_version": "2.0",
                                   "canonical_url": site.url + "/aggregator.json", "last_updated": "2026-01-01T00:00:00Z", "csaf_providers": [listed("Gears", site.metadata)],
                                   "csaf_publishers": [listed("Cogs", site.url + "/none.json", mirrors=[site.url + "/.well-known/csaf/"], update_interval="daily")]})
    url, ca = site.url + "/aggregator.json", site.dir / "cert.pem"
    looked = plant.api.ok("POST", "feeds/look", {"kind": "csaf", "url": url, "settings": {"ca": ca.read_text()}})
    assert (looked["aggregator"], [(p["publisher"], p["url"]) for p in looked["providers"]]) == ("Collector", [("Gears", site.metadata), ("Cogs", site.url + "/none.json")])
    add = lambda *words, check=True: plant.node.cli("feed", "add", *words, "--kind", "csaf", "--ca", ca, "--every", "90d", check=check)
    told = add("collector", url, check=False)
    assert told.returncode == 1 and "--provider NAME" in told.stderr and "Gears (csaf_provider)" in told.stdout and "Cogs (csaf_publisher)" in told.stdout
    assert "does not list 'Sprockets'" in add("collector", url, "--provider", "Sprockets", check=False).stderr
    for name, provider in (("gears-a", "gears"), ("cogs-a", "Cogs")):
        add(name, url, "--provider", provider, "--trust", gpg.keys["psirt"])
        assert plant.feed(name)["url"] == site.metadata
        plant.node.cli("feed", "remove", name)
    refused = plant.api.refused(400, "POST", "feeds", {"name": "collector", "kind": "csaf", "url": url, "settings": {"ca": ca.read_text(), "trust": []}})
    assert "Collector lists 2 providers" in refused and site.metadata in refused


@pytest.mark.skipif(not GOCSAF.exists(), reason="gocsaf's csaf_provider is not here: tools/get-csaf-provider builds it where there is Go 1.22")
def test_what_gocsafs_provider_publishes_is_brought(plant, site, gpg, tmp_path):
    (tmp_path / "public.asc").write_text(gpg.armour("psirt"))
    (tmp_path / "private.asc").write_text(gpg.run("--armor", "--export-secret-keys", gpg.keys["psirt"]))
    shutil.rmtree(site.www / ".well-known")
    (tmp_path / "data").mkdir()
    (tmp_path / "conf.toml").write_text(f'openpgp_public_key = "{tmp_path}/public.asc"\nopenpgp_private_key = "{tmp_path}/private.asc"\n'
                                        f'folder = "{tmp_path}/data"\nweb = "{site.www}"\ncanonical_url_prefix = "{site.url}"\nno_passphrase = true\nwrite_indices = true\n'
                                        '[provider_metadata.publisher]\ncategory = "vendor"\nname = "Gears"\nnamespace = "https://gears.example"\n')

    def cgi(path, body=b"", kind="application/x-www-form-urlencoded"):
        done = subprocess.run([GOCSAF], input=body, capture_output=True, env={
            "CSAF_CONFIG": f"{tmp_path}/conf.toml", "REQUEST_METHOD": "POST" if body else "GET", "PATH_INFO": path, "SCRIPT_NAME": "/cgi-bin/csaf_provider.go", "SERVER_PROTOCOL": "HTTP/1.1",
            "REQUEST_URI": "/cgi-bin/csaf_provider.go" + path, "HTTP_HOST": "localhost", "SERVER_NAME": "localhost", "SSL_CLIENT_VERIFY": "SUCCESS", "CONTENT_TYPE": kind, "CONTENT_LENGTH": str(len(body))})
        assert b'"errors"' not in done.stdout and b"200" in done.stdout.split(b"\n")[0], done.stdout + done.stderr
    cgi("/api/create")
    for n in (90, 91):
        text = json.dumps(document(n)).encode()
        cgi("/api/upload", b'--x\r\nContent-Disposition: form-data; name="tlp"\r\n\r\ncsaf\r\n--x\r\nContent-Disposition: form-data; name="csaf"; filename="g-%d.json"\r\n'
            b"Content-Type: application/json\r\n\r\n%s\r\n--x--\r\n" % (n, text), "multipart/form-data; boundary=x")
    plant.add("gocsaf", site, [gpg.keys["psirt"]])
    feed = plant.pull("gocsaf")
    assert (feed["taken"], feed["refused"], feed["fault"]) == (2, 0, None)
    assert {"G-90", "G-91"} <= set(plant.advisories())
