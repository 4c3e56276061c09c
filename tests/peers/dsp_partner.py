# SPDX-License-Identifier: Apache-2.0
"""A partner that speaks as much of the Dataspace Protocol as a test wants: it keeps what it hears, answers as it is told, and says anything."""
import base64
import http.server
import json
import threading
import time
import urllib.error
import urllib.request
import uuid

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

CONTEXT = "https://w3id.org/dspace/2025/1/context.jsonld"
USE = [{"action": "use"}]


def message(kind, **members):
    return {"@context": [CONTEXT], "@type": kind, **members}


def offer(dataset, name="offer-1", **members):
    return {"@id": name, "@type": "Offer", "target": dataset, "permission": USE, **members}


class Partner:
    """Known to the node by a token. `answers` maps the end of a path to a list of what is answered in turn: a status, (status, body), or
    "drop" (the connection is cut after the message was taken); without one it is 200 and the state it would be in. `double`: what it calls each
    process it is asked for."""

    def __init__(self, name, token):
        self.name, self.token, self.heard, self.answers, self.states = name, token, [], {}, {}
        self.double = None
        partner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def reply(self, status, body):
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                partner.heard.append((self.path, body, self.headers.get("Authorization")))
                wanted = next((a.pop(0) for end, a in partner.answers.items() if self.path.endswith(end) and a), None)
                if wanted == "drop":
                    self.close_connection = True
                    return
                status, reply = wanted if isinstance(wanted, tuple) else (wanted or 200, None)
                if reply is None and self.path.endswith("negotiations/request"):
                    reply = message("ContractNegotiation", providerPid=partner.double or "urn:theirs:" + body["consumerPid"], consumerPid=body["consumerPid"], state="REQUESTED")
                self.reply(status, reply or {})

            def do_GET(self):
                partner.heard.append((self.path, None, self.headers.get("Authorization")))
                pid = self.path.rsplit("/", 1)[1]
                state = partner.states.get(pid)
                self.reply(200 if state else 404, message("ContractNegotiation", providerPid="?", consumerPid="?", state=state) if state else {})

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/dsp"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def of(self, end):
        """The bodies that came to paths with this end."""
        return [body for path, body, _ in self.heard if path.endswith(end)]


class Wire:
    """Says things to a node's partners' listener; (status, body)."""

    def __init__(self, url, authorization):
        self.url, self.authorization = url, authorization

    def ask(self, method, path, body=None, raw=None, authorization=None, **headers):
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        shown = authorization or self.authorization
        request = urllib.request.Request(self.url + path, data, method=method, headers={"Content-Type": "application/json", **({"Authorization": shown} if shown else {}), **headers})
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                self.link = reply.headers.get("Link")
                return reply.status, json.loads(reply.read() or "null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or "null")

    def post(self, path, body, **more):
        return self.ask("POST", path, body, **more)


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """A P-256 key: its public half as JWK, and tokens signed by it."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        n = self.key.public_key().public_numbers()
        self.jwk = {"kty": "EC", "crv": "P-256", "x": encode(n.x.to_bytes(32, "big")), "y": encode(n.y.to_bytes(32, "big"))}

    def token(self, issuer, audience, **claims):
        now = int(time.time())
        all_claims = {"iss": issuer, "sub": issuer, "aud": audience, "iat": now, "exp": now + 60, "jti": str(uuid.uuid4()), **claims}
        text = encode(json.dumps({"alg": "ES256", "typ": "JWT"}).encode()) + "." + encode(json.dumps(all_claims).encode())
        r, s = decode_dss_signature(self.key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return "Bearer " + text + "." + encode(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
