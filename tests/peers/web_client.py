# SPDX-License-Identifier: Apache-2.0
"""What the tests of the REST API share: a client over TCP with the node's token, and raw sockets."""
import contextlib
import json
import os
import socket
import threading
import time

import requests


class Api:
    """api.get("signals", limit=5) -> the reply of requests."""

    def __init__(self, node, **headers):
        self.base = node.url + "/api/v1/"
        self.session = requests.Session()
        self.session.headers.update(headers or {"Authorization": "Bearer " + node.token})

    def send(self, method, where, body=None, **query):
        query = {k: v for k, v in query.items() if v is not None}
        return self.session.request(method, self.base + where, params=query, json=body, timeout=60)

    def get(self, where, **query):
        return self.send("GET", where, **query)

    def ok(self, method, where, body=None, **query):
        """The document of a reply that must be good."""
        r = self.send(method, where, body, **query)
        assert r.ok, f"{method} {where} {query}: {r.status_code} {r.text[:300]}"
        return r.json() if r.text else None

    def refused(self, status, method, where, body=None, **query):
        """The message of a reply that must be this error."""
        r = self.send(method, where, body, **query)
        assert r.status_code == status, f"{method} {where} {query}: {r.status_code} {r.text[:300]}"
        assert set(r.json()) == {"error", "message"}
        return r.json()["message"]


def dial(node):
    s = socket.create_connection(("127.0.0.1", node.port), timeout=20)
    return s


def connect_many(port, n, first=b"", source="127.0.0.1"):
    """n connections from this address, on each of which these are the first words."""
    out = []
    for _ in range(n):
        s = socket.socket()
        s.setblocking(False)
        s.bind((source, 0))
        s.connect_ex(("127.0.0.1", port))
        out.append(s)
    for s in out:
        s.setblocking(True)
        s.settimeout(5)
        try:
            s.sendall(first)
        except OSError:
            pass
    return out


def close_all(sockets):
    for s in sockets:
        s.close()


@contextlib.contextmanager
def dripping(sockets):
    """Sends one byte more on each, once a second; closes them at the end."""
    stop = threading.Event()

    def drip():
        while not stop.wait(1):
            for s in sockets:
                try:
                    s.send(b"a")
                except OSError:
                    pass
    t = threading.Thread(target=drip)
    t.start()
    try:
        yield
    finally:
        stop.set()
        t.join()
        close_all(sockets)


def oversized(token):
    """Requests that are too much, or none at all."""
    head = f"Host: localhost\r\nAuthorization: Bearer {token}\r\n"
    return [request.encode() for request in (
        f"GET /api/v1/status HTTP/1.1\r\n{head}X: {'x' * 100_000}\r\n\r\n",
        f"GET /api/v1/signals?match={'x' * 100_000} HTTP/1.1\r\n{head}\r\n",
        f"POST /api/v1/sql HTTP/1.1\r\n{head}Content-Length: 4194305\r\n\r\n",
        f"POST /api/v1/sql HTTP/1.1\r\n{head}Content-Length: -1\r\n\r\n",
        f"POST /api/v1/sql HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n",
        "GET\r\n\r\n",
        "GET /api/v1/status HTTP/9.9\r\n\r\n",
    )]


def refuses_oversized(connect, token, cut_off, alive):
    """Each of them is answered with a refusal or cut off, by an error of this kind, and the node lives."""
    for request in oversized(token):
        with connect() as s:
            try:
                s.sendall(request)
                reply = s.recv(200)
            except cut_off:
                continue  # while we were sending
            assert reply == b"" or reply.split()[1][:1] in (b"4", b"5"), (request[:60], reply)
        assert alive()


def open_stream(node, query="", buffer=None):
    """A raw connection on which the events of a stream arrive."""
    s = socket.socket()
    if buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    s.settimeout(20)
    s.connect(("127.0.0.1", node.port))
    s.sendall(f"GET /api/v1/stream{query} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {node.token}\r\n\r\n".encode())
    return s


class Events:
    """Reads (event, data) pairs of a stream, undoing the chunks of HTTP."""

    def __init__(self, sock):
        self.file = sock.makefile("rb")
        assert b" 200 " in self.file.readline()
        while self.file.readline().strip():
            pass
        self.text = b""

    def chunk(self):
        size = int(self.file.readline() or b"0", 16)
        data = self.file.read(size)
        self.file.readline()
        return data

    def next(self):
        """The next event; comments are ("", "")."""
        while b"\n\n" not in self.text:
            data = self.chunk()
            if not data:
                raise EOFError
            self.text += data
        block, self.text = self.text.split(b"\n\n", 1)
        fields = dict(line.split(": ", 1) for line in block.decode().split("\n") if ": " in line)
        data = fields.get("data", "")
        return fields.get("event", ""), json.loads(data) if data else ""

    def values(self, seconds):
        """All values that come within this time."""
        end, out = time.monotonic() + seconds, []
        while time.monotonic() < end:
            event, data = self.next()
            if event == "values":
                out += data
        return out


def sanitized(process):
    """Whether it keeps freed memory for a while to find faults: then its leak check counts, not its size."""
    with open(f"/proc/{process.pid}/maps") as f:
        return "libasan" in f.read()


def statm_kib(process):
    with open(f"/proc/{process.pid}/statm") as f:
        return int(f.read().split()[1]) * 4


def open_files(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))
