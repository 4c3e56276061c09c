# SPDX-License-Identifier: Apache-2.0
"""A provider of security advisories as the standard wants it: a tree of files made with gpg and sha512sum, served by nginx over TLS. What is
wrong about it, a test makes wrong."""
import json
import os
import re
import shutil
import ssl
import subprocess
import urllib.request
from pathlib import Path

from conftest import ROOT, wait_for
from ports import free_port

NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
CONF = """worker_processes 1; daemon off; pid {dir}/pid; error_log {dir}/error.log;
events {{ }}
http {{
    log_format seen '$status $request_uri "$http_user_agent" "$http_if_none_match$http_if_modified_since" "$remote_user" $connection';
    access_log {dir}/access.log seen; gzip on; gzip_types application/json; default_type application/octet-stream;
    types {{ application/json json; }}
    client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
    server {{
        listen 127.0.0.1:{port} ssl; server_name localhost; root {dir}/www;
        ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem;
        location /amber/ {{ auth_basic "members"; auth_basic_user_file {dir}/members; }}
        location /away/ {{ return 302 https://127.0.0.1:{port}/white/; }}
        location /near/ {{ return 302 https://localhost:{port}/white$request_uri; }}
        location /busy/ {{ add_header Retry-After 7200 always; return 429; }}
    }}
}}
"""


def template():
    return json.loads((ROOT / "tests" / "csaf" / "good.json").read_text())


def document(number, version=1, tlp="WHITE", **tracking):
    """A valid advisory of Gears about its Gear 1.2."""
    d = template()
    day = f"2026-01-{version:02}T00:00:00Z"
    d["document"]["distribution"]["tlp"]["label"] = tlp
    d["document"]["tracking"].update(id=f"G-{number}", version=str(version), initial_release_date="2026-01-01T00:00:00Z", current_release_date=day,
                                     revision_history=[{"date": f"2026-01-{i:02}T00:00:00Z", "number": str(i), "summary": "s"} for i in range(1, version + 1)], **tracking)
    return d


class Gpg:
    """A key ring of its own."""

    def __init__(self, folder, *names):
        self.home, self.keys = folder, {}
        folder.mkdir(mode=0o700)
        for name in names:
            self.make(name)
        self.run("--quick-add-key", self.keys[names[0]], "ed25519", "sign")  # a subkey, which signs from now on

    def make(self, name, *options, expire="0"):
        self.run(*options, "--quick-gen-key", f"{name} <{name}@gears.example>", "ed25519", "sign", expire)
        listed = self.run("--with-colons", "--fingerprint", f"{name}@gears.example")
        self.keys[name] = re.search(r"^fpr:+([0-9A-F]+):", listed, re.M).group(1)

    def run(self, *words):
        done = subprocess.run(["gpg", "--homedir", self.home, "--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase", "", *map(str, words)],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def armour(self, name):
        return self.run("--armor", "--export", self.keys[name])

    def sign(self, file, name):
        self.run("--local-user", self.keys[name], "--armor", "--output", f"{file}.asc", "--detach-sign", file)

    def stop(self):
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "all"], capture_output=True)


class Site:
    def __init__(self, folder, gpg):
        self.dir, self.gpg, self.port = folder, gpg, free_port()
        self.www = folder / "www"
        (self.www / ".well-known" / "csaf").mkdir(parents=True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
        secret = subprocess.run(["openssl", "passwd", "-apr1", "gearbox"], check=True, capture_output=True, text=True).stdout
        (folder / "members").write_text("acme:" + secret)
        (folder / "nginx.conf").write_text(("user root; " if os.geteuid() == 0 else "") + CONF.format(dir=folder, port=self.port))
        self.process = subprocess.Popen([NGINX, "-c", folder / "nginx.conf", "-e", folder / "error.log"])
        self.entries = {}

    @property
    def url(self):
        return f"https://localhost:{self.port}"

    @property
    def metadata(self):
        return self.url + "/.well-known/csaf/provider-metadata.json"

    def ready(self):
        context = ssl.create_default_context(cafile=self.dir / "cert.pem")

        def answers():
            try:
                return urllib.request.urlopen(self.metadata, context=context, timeout=5).status == 200
            except OSError:
                return False
        wait_for(answers, 20, "nginx")
        return self

    def stop(self):
        self.process.terminate()
        self.process.wait()

    # ---- what lies there ----
    def write(self, path, content):
        file = self.www / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else (content if isinstance(content, str) else json.dumps(content)).encode())
        return file

    def describe(self, *distributions, role="csaf_trusted_provider", keys=(), **more):
        self.write(".well-known/csaf/provider-metadata.json", {
            "canonical_url": self.metadata, "distributions": list(distributions), "last_updated": "2026-01-01T00:00:00Z", "list_on_CSAF_aggregators": True,
            "metadata_version": "2.0", "mirror_on_CSAF_aggregators": True, "role": role,
            "public_openpgp_keys": [{"fingerprint": self.gpg.keys[k], "url": f"{self.url}/openpgp/{k}.asc"} for k in keys],
            "publisher": {"category": "vendor", "name": "Gears", "namespace": "https://gears.example"}, **more})
        for k in keys:
            self.write(f"openpgp/{k}.asc", self.gpg.armour(k))

    def rolie(self, folder, tlp="WHITE"):
        return {"rolie": {"feeds": [{"summary": "all", "tlp_label": tlp, "url": f"{self.url}/{folder}/feed.json"}]}}

    def publish(self, number, version=1, folder="white", tlp="WHITE", key="psirt", algorithm="sha512", content=None, feed=True, **tracking):
        """A document with its digest and signature, and its entry in the feed of the folder. Returns the file."""
        path = f"{folder}/2026/g-{number}.json"
        file = self.write(path, content if content is not None else document(number, version, tlp, **tracking))
        digest = subprocess.run([algorithm + "sum", file.name], cwd=file.parent, check=True, capture_output=True, text=True).stdout
        Path(f"{file}.{algorithm}").write_text(digest)
        if key:
            self.gpg.sign(file, key)
        if feed:
            self.list(folder, f"{self.url}/{path}", f"2026-01-{version:02}T00:00:00Z", algorithm, key)
        return file

    def list(self, folder, url, updated, algorithm="sha512", key="psirt"):
        links = [{"rel": "self", "href": url}, {"rel": "hash", "href": f"{url}.{algorithm}"}] + ([{"rel": "signature", "href": url + ".asc"}] if key else [])
        self.entries.setdefault(folder, {})[url] = {"id": url, "title": url, "link": links, "published": updated, "updated": updated,
                                                    "content": {"src": url, "type": "application/json"}, "format": {"schema": "x", "version": "2.0"}}
        self.write_feed(folder)

    def write_feed(self, folder):
        self.write(f"{folder}/feed.json", {"feed": {"id": folder, "title": folder, "updated": "2026-01-01T00:00:00Z", "entry": list(self.entries.get(folder, {}).values())}})

    # ---- what was asked ----
    def log(self):
        return (self.dir / "access.log").read_text().splitlines()

    def asked(self, since=0):
        """[(status, path)] behind so many lines of the log."""
        return [(int(line.split()[0]), line.split()[1]) for line in self.log()[since:]]
