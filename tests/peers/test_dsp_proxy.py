# SPDX-License-Identifier: Apache-2.0
"""The partners' listener behind nginx, which speaks TLS to the world: what docs/share.md says of it."""
import gzip
import http.client
import json
import os
import shutil
import ssl
import subprocess

import pytest
from conftest import wait_for
from dsp_partner import USE, Partner, message
from ports import free_port
from test_dsp import DSP, TOKEN, Company

NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
CONF = """worker_processes 1; daemon off; pid {dir}/pid; error_log {dir}/error.log;
events {{ }}
http {{
    access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem;
        location / {{
            proxy_pass http://127.0.0.1:{behind};
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }}
        location /api/ {{ proxy_pass http://127.0.0.1:{api}; }}
    }}
}}
"""


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    """(the node behind nginx, the port of nginx, its certificate)"""
    root = tmp_path_factory.mktemp("dsp-proxy")
    company, folder, port = Company(root / "maker", plain=True), root / "nginx", free_port()
    folder.mkdir()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    (folder / "nginx.conf").write_text(("user root; " if os.geteuid() == 0 else "") + CONF.format(dir=folder, port=port, behind=company.port, api=company.node.port))
    process = subprocess.Popen([NGINX, "-c", folder / "nginx.conf", "-e", folder / "error.log"])
    company.node.cli("listen", "--partners", "--plain", "--address", "127.0.0.1", "--port", company.port, "--url", f"https://127.0.0.1:{port}")
    certificate = (folder / "cert.pem").read_text()
    wait_for(lambda: answers(port, certificate), 20, "nginx")
    company.card = {**company.node.json("partner", "card"), "ca": certificate}
    del company.card["fingerprint"]  # it is that of the node's own CA
    yield company, port, certificate
    process.terminate()
    process.wait()
    company.node.stop()


def line(port, certificate, source="127.0.0.1"):
    return http.client.HTTPSConnection("127.0.0.1", port, source_address=(source, 0), context=ssl.create_default_context(cadata=certificate), timeout=20)


def answers(port, certificate):
    try:
        c = line(port, certificate)
        c.request("GET", "/.well-known/dspace-version")
        return c.getresponse().status == 200
    except OSError:
        return False


def test_two_nodes_share_through_a_proxy_that_speaks_tls(front, tmp_path):
    company, port, _ = front
    buyer = Company(tmp_path / "buyer")
    assert company.card["url"] == f"https://127.0.0.1:{port}/dsp/2025-1"
    buyer.knows("maker", company)
    company.knows("buyer", buyer)
    company.api.ok("POST", "offers", {"id": "spindles-1", "dataset": "spindles", "signals": ["hall/**"]})
    assert "spindles" in [d["id"] for d in buyer.node.json("catalogue", "maker")["datasets"]]
    assert buyer.node.json("negotiate", "maker", "spindles", "--wait")["agreement"] == company.newest()["agreement"]
    buyer.node.stop()


def test_pages_are_packed_and_the_audit_log_has_who_asked_and_not_the_proxy(front):
    company, port, certificate = front
    partner = Partner("far", TOKEN)
    company.api.ok("POST", "partners", {"name": "far", "id": "urn:far", "url": partner.url, "token": TOKEN})
    for i in range(30):
        company.api.ok("POST", "offers", {"dataset": f"packed-{i}", "signals": ["hall/**"]})
    c = line(port, certificate, "127.0.0.7")
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + TOKEN, "X-Forwarded-For": "192.0.2.9, 192.0.2.10"}

    def post(path, body, **more):
        c.request("POST", DSP + path, json.dumps(body), {**headers, **more})
        reply = c.getresponse()
        return reply, reply.read()
    plain = post("catalog/request", message("CatalogRequestMessage"))[1]
    reply, packed = post("catalog/request", message("CatalogRequestMessage"), **{"Accept-Encoding": "gzip"})
    assert reply.headers["Content-Encoding"] == "gzip" and gzip.decompress(packed) == plain and len(packed) < len(plain) / 3
    asked = message("ContractRequestMessage", consumerPid="urn:far:1", callbackAddress=partner.url, offer={"@id": "packed-0", "@type": "Offer", "target": "packed-0", "permission": USE})
    assert post("negotiations/request", asked)[0].status == 201
    entry = next(e for e in company.node.json("audit", "list")["entries"] if e["via"] == "partner" and e["user"] == "far")
    assert entry["from"] == "127.0.0.7", "the address that nginx saw, not one that the asker said"
    partner.stop()


def test_a_stream_comes_through_as_it_is_written(front):
    company, port, certificate = front
    c = line(port, certificate)
    c.request("GET", "/api/v1/stream", headers={"Authorization": "Bearer " + company.node.token})
    reply = c.getresponse()
    assert reply.status == 200
    company.api.ok("POST", "values", {"yard/mill/level": 41.5})
    while b"41.5" not in (said := reply.readline()):
        assert said, "it ended"
    c.close()
