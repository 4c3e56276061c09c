# SPDX-License-Identifier: Apache-2.0
"""A node of its own for each test that asks for one, and servers to couple it to. KOPPEL_BIN names the binary."""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path

import ports
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
KOPPEL = Path(os.environ.get("KOPPEL_BIN", ROOT / "build" / "dev" / "koppel"))
PROGRAMS = KOPPEL.parent  # peer_* are built beside it
SANITIZERS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:", "Assertion")


PATIENCE = 3  # times as long as it should take: what a busy machine may need. What has to be quick is measured by its test


def wait_for(check, seconds=20, what="it"):
    """Calls check() until it gives something true, which is returned."""
    end, pause = time.monotonic() + seconds * PATIENCE, 0.05
    while True:
        result = check()
        if result:
            return result
        assert time.monotonic() < end, f"{what} did not come within {seconds * PATIENCE} s"
        time.sleep(pause)
        pause = min(0.2, pause * 1.2)  # to look costs time that what is waited for may need


def known(node, path):
    """The signal once it has a value, else None."""
    try:
        status, s = node.ask("signal", path=path)
    except OSError:
        return None  # the node is not there
    return s if status == 200 and s["arrived"] else None


def good(node, path):
    return wait_for(lambda: (s := known(node, path)) and s["status"]["name"] == "Good" and not s["stale"] and s, 20, path)


def wait_value(node, path, want):
    return wait_for(lambda: (s := known(node, path)) and s["value"] == want and not s["stale"] and s, 15, f"{path} = {want}")


def comes(node, path, check, seconds=20):
    """Waits until the signal has this value, or until check(signal) holds; returns the signal."""
    holds = check if callable(check) else lambda s: s["value"] == check
    return wait_for(lambda: (s := known(node, path)) and holds(s) and s, seconds, f"{path}: {check}")


class Local(http.client.HTTPConnection):
    """HTTP over a node's socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Node:
    processes = []  # of all nodes: what a test that failed left running ends with the tests

    def __init__(self, folder, init=True):
        self.dir = folder / "node"
        self.log = folder / "run.log"
        self.process = None
        self.port = 0
        if init:
            done = subprocess.run([KOPPEL, "init", self.dir, "--name", "test", "--json"], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            said = json.loads(done.stdout)
            self.token, self.owner, self.password = said["token"], said["owner"], said["password"]

    def start(self, *options):
        assert not self.process or self.process.poll() is not None, "it runs already"
        with self.log.open("a") as log:
            self.process = subprocess.Popen([KOPPEL, "run", self.dir, "--listen", "127.0.0.1:0", *options],
                                            stdout=log, stderr=log)
        self.processes.append(self.process)
        wait_for(self.answers, 30, "the node")
        self.port = self.ask("status")[1]["port"]
        return self

    @property
    def socket(self):
        return str(self.dir / "koppel.sock")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def answers(self):
        assert self.process.poll() is None, "the node ended: " + self.log.read_text()[-4000:]
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(self.socket)
                s.sendall(b"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return s.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def cli(self, *words, check=True, timeout=60, **options):
        """Runs a verb on this node; the result has returncode, stdout, stderr."""
        done = subprocess.run([KOPPEL, *map(str, words), "--node", self.dir], capture_output=True, text=True,
                              timeout=timeout, **options)
        for word in SANITIZERS:
            assert word not in done.stderr, done.stderr
        if check:
            assert done.returncode == 0, f"koppel {words}: {done.returncode}\n{done.stderr}\n{done.stdout}"
        return done

    def ask(self, where, **query):
        """(status, answer): what the command line asks for, without a process for each look."""
        link = Local(self.socket)
        try:
            link.request("GET", f"/api/v1/{urllib.parse.quote(where)}?{urllib.parse.urlencode(query)}")
            reply = link.getresponse()
            return reply.status, json.load(reply)
        finally:
            link.close()

    def json(self, *words, **options):
        return json.loads(self.cli(*words, "--json", **options).stdout)

    def coupling(self, name):
        status, c = self.ask("couplings/" + name)
        assert status == 200, c
        return c

    def wait_link(self, name, link, seconds=20):
        """Waits until the coupling is in this state; returns its status."""
        def there():
            c = self.coupling(name)
            return c if c["state"] == link else None
        return wait_for(there, seconds, f"{name} {link}")

    def value(self, path):
        status, s = self.ask("signal", path=path)
        assert status == 200, s
        return s

    def history(self, path, *options):
        """[(time, value, status), ...] as stored."""
        return [tuple(p) for p in self.json("history", path, *(options or ("--from", "-1d")))["series"][0]["points"]]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            code = self.process.wait(30)
            assert code == 0, f"the node ended with {code}: " + self.log.read_text()[-4000:]
        text = self.log.read_text() if self.log.exists() else ""
        for word in SANITIZERS:
            assert word not in text, text[-6000:]


def pytest_sessionfinish():
    for process in Node.processes:
        process.kill()  # does nothing to one that has ended


class Server:
    """A peer program that prints READY and a URL."""

    def __init__(self, *command):
        self.command = [str(c) for c in command]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        said = []
        for line in self.process.stdout:
            said.append(line)
            if line.startswith("READY"):
                self.url = line.split()[1]
                return self
        raise AssertionError(f"{self.command}: {''.join(said)[-2000:]}")

    def say(self, line):
        """Has a peer that takes lines do one; returns when it is done."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        for answer in self.process.stdout:
            if answer.strip() == "OK":
                return
        raise AssertionError(f"{self.command} ended at '{line}'")

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="session")
def fresh(tmp_path_factory):
    """A node that was never started, to be copied: to make one costs more than most tests, for its owner's password is hashed."""
    return Node(tmp_path_factory.mktemp("fresh"))


@pytest.fixture
def node(tmp_path, fresh):
    n = Node(tmp_path, init=False)
    shutil.copytree(fresh.dir, n.dir)
    n.token, n.owner, n.password = fresh.token, fresh.owner, fresh.password
    n.start()
    yield n
    n.stop()


@pytest.fixture
def servers():
    """servers("opcua_sim", "--variables", 5) or servers("opcua_server", ...); all end with the test."""
    running = []

    def start(name, *options):
        script = Path(__file__).parent / f"{name}.py"
        command = [sys.executable, script] if script.exists() else [PROGRAMS / f"peer_{name}"]
        running.append(Server(*command, *options))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def impostor():
    """impostor(talk) is the port of a server that is none of the protocol: talk(socket) with each that connects, until the test ends."""
    listeners = []

    def start(talk):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve():
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                talk(peer)
                peer.close()

        threading.Thread(target=serve, daemon=True).start()
        return listener.getsockname()[1]

    yield start
    for listener in listeners:
        listener.close()


@pytest.fixture
def free_port():
    return ports.free_port()
