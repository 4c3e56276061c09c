#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""share_kill.py KOPPEL [--cases N] [--random N] [--seed S]: two nodes negotiate and transfer through a relay that kills one of them, or both, with -9 at every message:
before the other side hears it, when it has been heard and not yet answered, and as the answer arrives. Then, N times, at random moments. Started again, each deal must come
to the end it was to come to, the same on both sides, with one agreement on each. N cases are chosen by the seed; without --cases all are done.
Ends with a line "N passed, M failed"."""
import argparse
import http.client
import http.server
import itertools
import random
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from pathlib import Path

from drop_kill import Node

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "peers"))
from ports import free_port  # noqa: E402

ADDRESS = {"address": {"endpointType": "https://w3id.org/idsa/v4.1/HTTP", "endpoint": "https://maker.example/data"}}
UNHEARD, UNANSWERED, ANSWERED = "before it is heard", "when it is heard and not answered", "as the answer arrives"
MOMENTS = [UNHEARD, UNANSWERED, ANSWERED]


class Relay:
    """Stands before a node, for its partner. `armed`: (end of a path, moment, what to do then), once."""

    def __init__(self, target):
        self.armed = None
        relay = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def carry(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                armed = relay.take(self.path)
                moment, strike = armed[1:] if armed else (None, None)
                if moment == UNHEARD:
                    strike()
                    return self.drop()
                try:
                    line = http.client.HTTPConnection("127.0.0.1", target, timeout=20)
                    line.request(self.command, self.path, body, {k: v for k, v in self.headers.items() if k.lower() in ("content-type", "authorization")})
                    reply = line.getresponse()
                    text = reply.read()
                except (OSError, http.client.HTTPException):
                    if strike:
                        relay.armed = armed  # it has not come that far: the next try
                    return self.drop()
                if moment == UNANSWERED:
                    strike()
                    return self.drop()
                try:
                    self.send_response(reply.status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)
                    self.wfile.flush()
                except OSError:
                    self.drop()
                if moment == ANSWERED:
                    strike()

            do_GET = do_POST = carry

            def drop(self):
                self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # who is killed hangs up
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, path):
        armed = self.armed
        if armed and path.endswith(armed[0]):
            self.armed = None
            return armed
        return None


class Company:
    def __init__(self, koppel, folder, name):
        self.name, self.lock = name, threading.Lock()
        folder.mkdir()
        self.node = Node(koppel, folder / "node", "--no-http")
        self.node.start()
        port = free_port()
        self.relay = Relay(port)
        self.node.ask("PUT", "listen?for=partners", {"lan": True, "port": port, "address": "127.0.0.1", "plain": True, "url": self.relay.url})
        self.card = self.node.ask("GET", "share")

    def ask(self, method, where, body=None):
        return self.node.ask(method, where, body)

    def kill(self):
        with self.lock:
            self.node.kill()

    def revive(self):
        with self.lock:
            if self.node.process.poll() is not None:
                self.node.start()

    def newest(self, kind):
        found = self.ask("GET", kind)[kind]
        return found[0] if found else {"id": 0, "state": None}


class Lost(Exception):
    pass


def until(check, what, seconds=30):
    end = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > end:
            raise Lost(f"{what} did not come within {seconds} s")
        time.sleep(0.005)


class Strike:
    """Kills the victims at a message and brings them up again."""

    def __init__(self, victims):
        self.victims, self.done = victims, threading.Event()

    def __call__(self):
        for v in self.victims:
            v.kill()
        self.done.set()

    def mend(self):
        if not self.done.wait(20):
            raise Lost("the message that was to be killed at was never said")
        for v in self.victims:
            v.revive()


# A step: who says it, the word a person says (None: it is said by itself), the end of its path, the state then (None: it does not stay there).
REQUEST = ("consumer", "request", "negotiations/request", "REQUESTED")
HAND = [REQUEST, ("provider", "counter", "/offers", "OFFERED"), ("consumer", "accept", "/events", "ACCEPTED"), ("provider", "agree", "/agreement", "AGREED"),
        ("consumer", "verify", "/agreement/verification", "VERIFIED"), ("provider", "finalize", "/events", "FINALIZED")]
ALONE = [(*REQUEST[:3], None), ("provider", None, "/agreement", None), ("consumer", None, "/agreement/verification", None), ("provider", None, "/events", "FINALIZED")]
ENDS = [(*HAND[:at], (side, "terminate", "/termination", "TERMINATED")) for at, side in ((1, "consumer"), (2, "provider"), (4, "consumer"))]
MOVE = [("consumer", "request", "transfers/request", "REQUESTED"), ("provider", "start", "/start", "STARTED"), ("consumer", "suspend", "/suspension", "SUSPENDED"),
        ("provider", "start", "/start", "STARTED"), ("consumer", "complete", "/completion", "COMPLETED")]
STOPS = [(*MOVE[:at], (side, "terminate", "/termination", "TERMINATED")) for at, side in ((1, "consumer"), (2, "provider"), (3, "consumer"))]
SCRIPTS = [("negotiations", "alone", ALONE, range(len(ALONE))), ("negotiations", "hand", HAND, range(len(HAND))), *(("negotiations", "hand", e, [len(e) - 1]) for e in ENDS),
           ("transfers", None, MOVE, range(len(MOVE))), *(("transfers", None, e, [len(e) - 1]) for e in STOPS)]


class Deal:
    """A negotiation or a transfer, seen from both sides."""

    def __init__(self, sides, kind, begin):
        self.sides, self.kind, self.begin = sides, kind, begin
        self.before = {c: c.newest(kind)["id"] for c in sides.values()}

    def find(self, company):
        """It as the company has it; None: it has not come."""
        new = [d for d in company.ask("GET", self.kind)[self.kind] if d["id"] > self.before[company]]
        if len(new) > 1:
            raise Lost(f"{company.name} has it {len(new)} times")
        return new[0] if new else None

    def say(self, step):
        """A node that is killed meanwhile does not answer."""
        who, word = self.sides[step[0]], step[1]
        try:
            if word == "request":
                who.ask("POST", self.kind, self.begin)
            else:
                who.ask("POST", f"{self.kind}/{self.find(who)['id']}/{word}", ADDRESS if word == "start" else {})
        except (OSError, http.client.HTTPException):
            pass

    def rest(self, state):
        """Both sides stand there and have nothing to say."""
        def there():
            both = [self.find(c) for c in self.sides.values()]
            return all(d and d["state"] == state and not d["waiting"] for d in both)
        try:
            until(there, state)
        except Lost as lost:
            seen = {side: (d := self.find(c)) and {k: d[k] for k in ("state", "waiting", "note", "fault")} for side, c in self.sides.items()}
            raise Lost(f"{lost}: {seen}") from None

    def play(self, script, at, moment, victims):
        for i, step in enumerate(script):
            if not step[1]:
                continue
            follows = next((k for k in range(i + 1, len(script)) if script[k][1]), len(script))
            strike = None
            if i <= at < follows:
                strike = Strike(victims)
                hears = self.sides["provider" if script[at][0] == "consumer" else "consumer"]
                hears.relay.armed = (script[at][2], moment, strike)
            self.say(step)
            if strike:
                strike.mend()
            self.rest(script[follows - 1][3])


class Pair:
    def __init__(self, koppel, scratch):
        self.sides = {"provider": Company(koppel, scratch / "maker", "maker"), "consumer": Company(koppel, scratch / "buyer", "buyer")}
        provider, consumer = self.sides.values()
        for one, other in ((provider, consumer), (consumer, provider)):
            one.ask("POST", "partners", {"name": other.name, **other.card})
        for name in ("alone", "hand"):
            provider.ask("POST", "offers", {"id": name, "dataset": name, "signals": ["hall/**"], "automatic": name == "alone"})
        self.agreement = self.agree()

    def negotiation(self, name):
        return Deal(self.sides, "negotiations", {"partner": "maker", "dataset": name, "offer": name, "policy": USE, "automatic": name == "alone"})

    def agree(self):
        """An agreement under which transfers start when a person says so."""
        deal = self.negotiation("hand")
        deal.play(HAND, len(HAND), None, None)
        return deal.find(self.sides["consumer"])["agreement"]

    def case(self, case):
        (kind, name, script, _), at, moment, victims = case
        deal = self.negotiation(name) if kind == "negotiations" else Deal(self.sides, kind, {"agreement": self.agreement})
        deal.play(script, at, moment, [self.sides[v] for v in victims])

    def chance(self, chance):
        """Kills somebody at any moment of a negotiation that goes on by itself."""
        deal, victims = self.negotiation("alone"), chance.choice(VICTIMS)
        strike = Strike([self.sides[v] for v in victims])
        timer = threading.Timer(chance.random() * 0.02, strike)
        timer.start()
        deal.say(ALONE[0])
        strike.mend()
        if not deal.find(self.sides["consumer"]):
            deal.say(ALONE[0])  # it was killed before it could promise anything
        deal.rest("FINALIZED")

    def judge(self):
        """What both files say in the end."""
        found = []
        for c in self.sides.values():
            c.node.process.terminate()
            c.node.process.wait(30)
            with sqlite3.connect(f"file:{c.node.dir}/factory.db?mode=ro", uri=True) as db:
                sound = db.execute("pragma integrity_check").fetchone()[0]
                deals = db.execute("select kind, case side when 0 then pid else peer_pid end, case side when 1 then pid else peer_pid end, state, agreement, dataset "
                                   "from share_process order by 2").fetchall()
                agreed = db.execute("select a.id, a.dataset, a.text, a.active, (select count(*) from share_process p where p.agreement = a.id and p.kind = 0) "
                                    "from share_agreement a order by 1").fetchall()
            found.append((sound, deals, agreed))
        (sound, deals, agreed), (other_sound, other_deals, other_agreed) = found
        faults = [f"a file is damaged: {s}" for s in (sound, other_sound) if s != "ok"]
        faults += [f"only one side has {d}" for d in set(deals) ^ set(other_deals)] + [f"only one side has agreement {a[:2]}, active {a[3]}" for a in set(agreed) ^ set(other_agreed)]
        faults += [f"agreement {a[0]} belongs to {a[4]} negotiations" for a in agreed if a[4] != 1]
        finals = [d[4] for d in deals if d[0] == 0 and d[3] == FINALIZED]
        faults += [f"{len(finals)} negotiations are final, {sum(a[3] for a in agreed)} agreements in force"] if sorted(finals) != [a[0] for a in agreed if a[3]] else []
        return faults, len(deals), len(agreed)


USE = {"permission": [{"action": "use"}]}
VICTIMS = [("provider",), ("consumer",), ("provider", "consumer")]
FINALIZED = 5  # as the file has it


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("koppel")
    parser.add_argument("--cases", type=int)
    parser.add_argument("--random", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    args = parser.parse_args()
    print(f"seed {args.seed}")
    chance = random.Random(args.seed)
    scratch = Path(tempfile.mkdtemp(prefix="koppel-share-"))
    pair = Pair(args.koppel, scratch)
    cases = [(script, at, moment, victims) for script in SCRIPTS for at, moment, victims in itertools.product(script[3], MOMENTS, VICTIMS)]
    cases = chance.sample(cases, min(args.cases or len(cases), len(cases)))
    passed, faults = 0, []
    for n in range(len(cases) + args.random):
        what = "at a random moment"
        try:
            if n < len(cases):
                (kind, _, script, _), at, moment, victims = cases[n]
                what = f"{kind}, {script[at][2]} by the {script[at][0]}, {moment}, {' and '.join(victims)} killed"
                pair.case(cases[n])
            else:
                pair.chance(chance)
            passed += 1
        except (Lost, ValueError) as fault:
            faults.append(f"{what}: {fault}")
            break
    told, deals, agreements = pair.judge()
    faults += told
    for fault in faults[:20]:
        print(fault)
    if faults:
        print(f"the nodes are kept in {scratch}")
    else:
        shutil.rmtree(scratch)
    print(f"{len(cases)} kills at a message, {args.random} at a random moment, {deals} deals, {agreements} agreements")
    print(f"{passed} passed, {len(faults)} failed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
