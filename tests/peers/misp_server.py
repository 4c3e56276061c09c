# SPDX-License-Identifier: Apache-2.0
"""Stands in for a MISP server, after MISP's OpenAPI document (operations getServerVersion, restSearchEvents, addSighting) and, where that is silent, MISP 2.4's own answers
(a sighting of an attribute nobody knows: status 200 with a message; a wrong key: 403). PyMISP, the official client, is a second judge of it in the tests."""
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "yB8DMS8LkfYYpcVX8bN2v7xwDZDMp4bpW0sNqNGj"
WRONG = "Authentication failed. Please make sure you pass the API key of an API enabled user along in the Authorization header."


class Server:
    def __init__(self):
        self.events, self.asked, self.sightings = [], [], []
        self.version, self.may_sight, self.rights, self.counts, self.before = "2.4.198", True, True, True, lambda body: None
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.reply(*site.answer("GET", self.path, None, self.headers))

            def do_POST(self):
                text = self.rfile.read(int(self.headers["Content-Length"]))
                self.reply(*site.answer("POST", self.path, json.loads(text), self.headers))

            def reply(self, status, body, headers=()):
                text = body if isinstance(body, bytes) else json.dumps(body, default=str).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", "Content-Length": str(len(text)), **dict(headers)}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/"

    def stop(self):
        self.http.shutdown()
        self.http.server_close()

    def put(self, event, published=None):
        """An event of PyMISP, published at that time (s)."""
        e = json.loads(json.dumps(event.to_feed(), default=str))["Event"]
        e |= {"id": str(len(self.events) + 1), "published": True, "publish_timestamp": str(int(published or time.time())), "distribution": str(event.distribution)}
        self.events = [x for x in self.events if x["uuid"] != e["uuid"]] + [e]

    def answer(self, method, path, body, headers):
        self.asked.append((method, path, body))
        if headers["Authorization"] != KEY:
            return 403, {"name": WRONG, "message": WRONG, "url": path}
        if path == "/servers/getVersion":
            return 200, {"version": self.version, "perm_sync": False, "perm_sighting": self.may_sight, "perm_galaxy_editor": False, "request_encoding": []}
        if path in ("/servers/getPyMISPVersion.json", "/users/view/me"):  # what PyMISP asks first
            return 200, {"version": "2.5.0", "User": {"id": "1", "email": "a@b.example"}, "Role": {"id": "3", "name": "Sync"}, "UserSetting": []}
        if not self.rights:
            return 403, {"name": "You do not have permission to use this functionality.", "message": "You do not have permission to use this functionality.", "url": path}
        if path == "/events/restSearch":
            return self.search(body)
        if path.startswith("/sightings/add/"):
            return self.sighted(path.rsplit("/", 1)[1], body)
        return 404, {"name": "Invalid", "message": "Invalid", "url": path}

    def search(self, body):
        said = self.before(body)
        if said:
            return said
        found = [e for e in self.events if e["published"] == body.get("published", True) and int(e["publish_timestamp"]) >= int(body.get("publish_timestamp", 0))]
        limit, page = int(body.get("limit", 0)), int(body.get("page", 1))
        part = found[(page - 1) * limit:page * limit] if limit else found
        return 200, {"response": [{"Event": e} for e in part]}, {"X-Result-Count": str(len(found))} if self.counts else {}

    def sighted(self, uuid, body):
        known = [a for e in self.events for a in e.get("Attribute", []) if a["uuid"] == uuid]
        if not known:
            return 200, {"message": "Could not add the Sighting. Reason: No valid attributes found that match the criteria."}
        self.sightings.append({"attribute_uuid": uuid, **body})
        return 200, {"Sighting": {"id": str(len(self.sightings)), "attribute_id": "7", "event_id": "1", "org_id": "1", "date_sighting": str(body["timestamp"]), "uuid": uuid,
                                  "source": body.get("source", ""), "type": body.get("type", "0")}}
