# SPDX-License-Identifier: Apache-2.0
"""Nodes of companies that know each other: what bench/share and bench/network have in common."""
import http.client
import json
import socket
import statistics
import threading
import time

from lib import Node, free_port, wait_for


class Local(http.client.HTTPConnection):
    """HTTP over a node's Unix socket, on a connection that stays."""

    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


class Company:
    """A node whose partners' listener is open, over TLS."""

    def __init__(self, name):
        self.name, self.node, self.lines = name, Node(), threading.local()
        self.node.start()
        port = free_port()
        self.node.cli("listen", "--partners", "--port", port, "--address", "127.0.0.1", "--url", f"https://127.0.0.1:{port}")
        self.node.cli("partner", "card", "--id", f"urn:company:{name}")
        self.card = self.ask("GET", "share")

    @property
    def pid(self):
        return self.node.process.pid

    def ask(self, method, where, body=None):
        if not hasattr(self.lines, "one"):
            self.lines.one = Local(self.node.dir / "koppel.sock")
        try:
            reply = self.said(method, where, body)
        except (BrokenPipeError, http.client.RemoteDisconnected):  # it was idle for long
            self.lines.one.close()
            reply = self.said(method, where, body)
        text = reply.read()
        if reply.status >= 400:
            raise SystemExit(f"{self.name}: {method} {where}: {reply.status} {text[:300]}")
        return json.loads(text) if text else None

    def said(self, method, where, body):
        self.lines.one.request(method, "/api/v1/" + where, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
        return self.lines.one.getresponse()

    def knows(self, other):
        self.ask("POST", "partners", {"name": other.name, **other.card})

    def sql(self, query):
        return json.loads(self.node.cli("sql", query, "--json"))["rows"]

    def again(self):
        """Stops and starts; the seconds to the first answer."""
        self.node.stop()
        self.lines = threading.local()
        return self.node.start()

    def remove(self):
        self.node.remove()


def negotiate(consumer, provider, dataset, policy):
    """Begins one, by the words of the offer that is named as its dataset is, so that the catalogue is not asked before."""
    return consumer.ask("POST", "negotiations", {"partner": provider.name, "dataset": dataset, "offer": dataset, "policy": policy})["id"]


def final(company, number):
    return wait_for(f"negotiation {number} of {company.name}", lambda: company.ask("GET", f"negotiations/{number}")["state"] == "FINALIZED", 60)


def at_a_time(workers, jobs):
    """Does all jobs, so many at a time."""
    left, lock, failed = iter(jobs), threading.Lock(), []

    def work():
        try:
            while not failed:
                with lock:
                    job = next(left, None)
                if job is None:
                    return
                job()
        except (Exception, SystemExit) as error:  # told below
            failed.append(error)
    threads = [threading.Thread(target=work) for _ in range(workers)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        raise failed[0]


def share_of(values, part):
    return statistics.quantiles(values, n=1000, method="inclusive")[int(part * 1000) - 1]


def timed(job):
    begin = time.perf_counter()
    job()
    return time.perf_counter() - begin
