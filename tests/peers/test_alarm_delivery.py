# SPDX-License-Identifier: Apache-2.0
"""Alarms that reach a person: mail through a real SMTP server with STARTTLS and a password, and posts to a web server."""
import email
import email.policy
import http.server
import json
import ssl
import subprocess
import threading

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from conftest import Node, wait_for
from ports import free_port
from web_client import Api

HOT = {"name": "hot", "kind": "limit", "match": "hall/**/temperature", "high": 80, "priority": "urgent", "text": "te heet, n° 7"}
SECRET = "s3cret-of-the-mail"


class Mailbox:
    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((envelope.rcpt_tos, email.message_from_bytes(envelope.content, policy=email.policy.default)))
        return "250 taken"


def login(server, session, envelope, mechanism, data):
    return AuthResult(success=isinstance(data, LoginPassword) and data.password == SECRET.encode(), handled=False)


@pytest.fixture
def certificate(tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "ca.pem"],
                   check=True, capture_output=True)
    return tmp_path / "ca.pem", tmp_path / "key.pem"


def serve_mail(certificate, port):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    box = Mailbox()
    box.controller = Controller(box, hostname="127.0.0.1", port=port, tls_context=context, require_starttls=True, auth_required=True,
                                authenticator=login)
    box.controller.start()
    return box


@pytest.fixture
def mailbox(certificate):
    box = serve_mail(certificate, free_port())
    yield box
    box.controller.stop()


class Web:
    """Takes posts; answers with `status`."""

    def __init__(self, port=0):
        web, self.got, self.status = self, [], 200

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if web.status == 200:
                    web.got.append((self.path, dict(self.headers), body.decode()))
                self.send_response(web.status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def web():
    w = Web()
    yield w
    w.stop()


def mail_plan(box, certificate, password=SECRET):
    return {"url": f"smtp://localhost:{box.controller.port}", "from": "koppel@example.test", "user": "koppel", "password": password,
            "ca": str(certificate[0])}


def heat(node, value=90, machine="oven"):
    Api(node).ok("POST", "values", {f"hall/{machine}/temperature": value})


def begin(node, plan):
    api = Api(node)
    answer = api.ok("PUT", "alarm-delivery", plan)
    heat(node, 20)
    api.ok("POST", "alarm-rules", HOT)
    return api, answer


def raise_one(node):
    return wait_for(lambda: (heat(node), node.json("alarms")["alarms"])[1], 20, "the alarm")[0]


def log(node):
    return node.json("alarms", "delivery", "log")["messages"]


def test_a_mail_arrives_over_tls_with_a_password_in_the_language_of_its_reader(node, mailbox, certificate):
    begin(node, {"mail": mail_plan(mailbox, certificate), "channels": [{"name": "post", "kind": "mail", "to": "anna@example.test"}],
                 "roster": [{"name": "anna", "channel": "post", "language": "nl"}]})
    raise_one(node)
    wait_for(lambda: mailbox.mails, 20, "the mail")
    to, mail = mailbox.mails[0]
    assert to == ["anna@example.test"]
    assert mail["Subject"] == "test: te heet, n° 7"
    assert "[dringend] hall/oven: te heet, n° 7" in mail.get_content()
    assert "Bevestigen" in mail.get_content()
    assert wait_for(lambda: [m for m in log(node) if m["state"] == "sent"], 20, "the log")[0]["person"] == "anna"


def test_a_password_is_never_shown_and_stays_until_it_is_taken_away(node, mailbox, certificate):
    plan = {"mail": mail_plan(mailbox, certificate), "channels": [{"name": "post", "kind": "mail", "to": "anna@example.test"}]}
    api, answer = begin(node, plan)
    assert answer["mail"]["password"] == {"set": True}
    answer = api.ok("PUT", "alarm-delivery", answer)  # as it was given
    node.cli("alarms", "test", "post")
    assert "test of koppel" in mailbox.mails[0][1].get_content()
    for text in (json.dumps(answer), api.get("alarm-delivery").text, node.cli("export").stdout, node.log.read_text()):
        assert SECRET not in text
    assert SECRET.encode() not in (node.dir / "factory.db").read_bytes() + (node.dir / "factory.db-wal").read_bytes()
    answer["mail"]["password"] = None
    assert api.ok("PUT", "alarm-delivery", answer)["mail"]["password"] == {"set": False}


def test_a_secret_goes_with_the_server_it_was_given_for(node, web):
    def put(*channels):
        return {c["name"]: c["token"]["set"] for c in api.ok("PUT", "alarm-delivery", {"channels": list(channels)})["channels"]}

    api, phone = Api(node), {"name": "phone", "kind": "ntfy", "url": web.url + "/factory"}
    assert put({**phone, "token": SECRET}) == {"phone": True}
    assert put({**phone, "url": web.url + "/hall"}) == {"phone": True}  # another place on it
    assert put({**phone, "url": "https://localhost.example/factory"}) == {"phone": False}
    assert put({**phone, "token": SECRET}) == {"phone": True}
    assert put({**phone, "url": web.url + "1/factory"}) == {"phone": False}  # another port, of which the old is the beginning
    assert put({**phone, "token": SECRET}, {**phone, "name": "other"}) == {"phone": True, "other": False}
    assert put({**phone, "name": "other"}) == {"other": False}
    assert put(phone) == {"phone": False}


def test_a_wrong_password_and_an_unknown_certificate_are_told_in_words(node, mailbox, certificate):
    mail = mail_plan(mailbox, certificate, "wrong")
    api, _ = begin(node, {"mail": mail, "channels": [{"name": "post", "kind": "mail", "to": "anna@example.test"}]})
    assert "enied" in api.refused(502, "POST", "alarm-delivery/test", {"channel": "post"})
    api.ok("PUT", "alarm-delivery", {"mail": {**mail, "ca": None, "password": SECRET},
                                     "channels": [{"name": "post", "kind": "mail", "to": "anna@example.test"}]})
    assert "certificate" in api.refused(502, "POST", "alarm-delivery/test", {"channel": "post"})
    assert mailbox.mails == []


def test_ntfy_teams_and_webhooks_get_what_they_expect(node, web):
    begin(node, {"channels": [
        {"name": "phone", "kind": "ntfy", "url": web.url + "/factory", "token": "tk_1"},
        {"name": "team", "kind": "teams", "url": web.url + "/workflow"},
        {"name": "own", "kind": "webhook", "url": web.url + "/own"},
        {"name": "shaped", "kind": "webhook", "url": web.url + "/shaped", "template": '{"what": "{text}", "p": "{priority}", "x": "{unknown}"}'}],
        "roster": [{"name": c, "channel": c} for c in ("phone", "team", "own", "shaped")]})
    number = raise_one(node)["id"]
    wait_for(lambda: len(web.got) == 4, 20, "four posts")
    got = {path: (headers, body) for path, headers, body in web.got}
    headers, body = got["/factory"]
    assert headers["Priority"] == "5" and headers["Authorization"] == "Bearer tk_1" and "hall/oven" in body
    card = json.loads(got["/workflow"][1])["attachments"][0]["content"]
    assert card["type"] == "AdaptiveCard" and "te heet" in card["body"][0]["text"]
    assert json.loads(got["/own"][1])["alarms"][0]["id"] == number
    assert json.loads(got["/shaped"][1]) == {"what": "te heet, n° 7", "p": "urgent", "x": "{unknown}"}


def test_an_acknowledgement_stops_the_escalation_and_its_lack_goes_on(node, web):
    plan = {"channels": [{"name": "a", "kind": "webhook", "url": web.url + "/a"}, {"name": "b", "kind": "webhook", "url": web.url + "/b"}],
            "roster": [{"name": "anna", "channel": "a"}, {"name": "bob", "channel": "b"}],
            "escalation": [{"after": "0s", "to": ["anna"]}, {"after": "4s", "to": ["bob"]}]}
    begin(node, plan)
    number = raise_one(node)["id"]
    wait_for(lambda: [p for p, *_ in web.got] == ["/a"], 20, "anna")
    node.cli("alarms", "ack", number)
    wait_for(lambda: [m for m in log(node) if m["person"] == "bob" and m["state"] == "dropped"], 20, "the end of the escalation")
    assert [p for p, *_ in web.got] == ["/a"]
    heat(node, 90, "mill")
    wait_for(lambda: [p for p, *_ in web.got] == ["/a", "/a", "/b"], 40, "bob")


def test_a_message_outlives_kill_9_and_a_server_that_is_away(tmp_path, free_port):
    node = Node(tmp_path).start()
    begin(node, {"channels": [{"name": "own", "kind": "webhook", "url": f"http://127.0.0.1:{free_port}/x"}],
                 "roster": [{"name": "anna", "channel": "own"}]})
    number = raise_one(node)["id"]
    failed = wait_for(lambda: [m for m in log(node) if m["tries"]], 20, "a try")[0]
    assert failed["state"] == "waiting" and "connect" in failed["error"].lower()
    node.kill()
    web = Web(free_port)
    node.start()
    wait_for(lambda: web.got, 40, "the message")
    assert json.loads(web.got[0][2])["alarms"][0]["id"] == number
    wait_for(lambda: log(node)[0]["state"] == "sent", 20, "the log")
    assert len(web.got) == 1
    node.stop()
    web.stop()


def test_a_flood_is_one_digest(node, web):
    api, _ = begin(node, {"channels": [{"name": "own", "kind": "webhook", "url": web.url}], "roster": [{"name": "anna", "channel": "own"}]})
    web.status = 503
    api.ok("POST", "values", {f"hall/m{i}/temperature": 20 for i in range(50)})
    wait_for(lambda: (api.ok("POST", "values", {f"hall/m{i}/temperature": 99 for i in range(50)}),
                      len(node.json("alarms")["alarms"]) == 50)[1], 20, "the flood")
    wait_for(lambda: len(log(node)) == 50, 20, "the messages")
    web.status = 200
    wait_for(lambda: all(m["state"] == "sent" for m in log(node)), 60, "all")
    sent = [json.loads(body) for _, _, body in web.got]
    assert sum(len(s["alarms"]) + s["more"] for s in sent) >= 50 and len(sent) <= 10


@pytest.mark.parametrize("plan,word", [
    ({"channels": [{"name": "a", "kind": "pager", "url": "http://x"}]}, "kind"),
    ({"channels": [{"name": "a", "kind": "ntfy", "url": "ftp://x"}]}, "https"),
    ({"channels": [{"name": "a", "kind": "mail", "to": "x@y"}]}, "mail server"),
    ({"roster": [{"name": "a", "channel": "b"}]}, "channel"),
    ({"escalation": [{"to": ["nobody"]}]}, "roster"),
    ({"quiet": [{"from": "25:00", "to": "06:00"}]}, "time of day"),
    ({"mail": {"url": "smtp://x", "from": "a@b", "user": "u", "security": "none"}}, "TLS"),
    ({"chanels": []}, "channels")])
def test_a_plan_that_makes_no_sense_is_refused(node, plan, word):
    assert word in Api(node).refused(400, "PUT", "alarm-delivery", plan)
