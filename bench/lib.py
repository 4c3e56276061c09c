# SPDX-License-Identifier: Apache-2.0
"""What the benchmark commands share: a node in a scratch folder, processes measured by /proc, figure lines."""
import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests" / "peers"))
from ports import free_port  # noqa: E402, F401
RELEASE = ROOT / "build" / "release"
KOPPEL = Path(os.environ.get("KOPPEL_BIN", RELEASE / "koppel")).resolve()


def figure(name, value, unit, aim=None, peer=None):
    """Prints one line. aim: ("<=", number); peer: (name, number), in the same unit."""
    line = f"figure: {name} {value:.4g} {unit}"
    if aim:
        line += f" | aim {aim[0]} {aim[1]:g}"
    if peer:
        line += f" | peer {peer[0]} {peer[1]:.4g} | ratio {peer[1] / value if value else float('inf'):.3g}"
    print(line, flush=True)


def cpu_seconds(pid):
    """Of the whole process, to the nanosecond: its CPU clock (clock_getcpuclockid(3))."""
    return time.clock_gettime(~pid << 3 | 2)


def memory_mb(pid):
    """(VmRSS, RssAnon) in MB of 1,000,000 bytes."""
    found = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        key, _, rest = line.partition(":")
        if key in ("VmRSS", "RssAnon"):
            found[key] = int(rest.split()[0]) * 1024 / 1e6
    return found["VmRSS"], found["RssAnon"]


def wait_for(what, check, seconds=60):
    """Calls check() until it returns something true; that is returned."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = check()
        if result:
            return result
        time.sleep(0.002)
    raise SystemExit(f"gave up after {seconds} s: {what}")


class Node:
    """A node of its own in a scratch folder on disk."""

    def __init__(self):
        scratch = RELEASE / "bench"
        scratch.mkdir(parents=True, exist_ok=True)
        self.dir = Path(tempfile.mkdtemp(dir=scratch)) / "node"
        self.process = None
        made = subprocess.run([KOPPEL, "init", self.dir, "--name", "bench", "--json"], check=True, capture_output=True)
        self.token = json.loads(made.stdout)["token"]

    def start(self, *options):
        """Starts it; returns the seconds from the start to the first answered request."""
        log = open(self.dir / "run.log", "a")
        begin = time.monotonic()
        self.process = subprocess.Popen([KOPPEL, "run", self.dir, "--listen", "127.0.0.1:0", *options],
                                        stdout=log, stderr=log)
        atexit.register(self.kill)
        wait_for("the node answers", self.answers, 30)
        return time.monotonic() - begin

    def answers(self):
        """One request over the Unix socket, made by hand so that no client's start counts."""
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(str(self.dir / "koppel.sock"))
                s.sendall(b"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return s.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def cli(self, *words):
        out = subprocess.run([KOPPEL, *map(str, words), "--node", self.dir], capture_output=True, text=True)
        if out.returncode:
            raise SystemExit(f"koppel {' '.join(map(str, words))}: {out.stderr}")
        return out.stdout

    def status(self):
        return json.loads(self.cli("status", "--json"))

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def remove(self):
        self.stop()
        shutil.rmtree(self.dir.parent)


def find_telegraf():
    cache = Path(os.environ.get("KOPPEL_CACHE") or Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "koppel")
    return shutil.which("telegraf", path=f"{os.environ['PATH']}:{cache / 'telegraf' / 'bin'}")


class Server:
    """An open62541 server with that many doubles, each written `rate` times a second."""

    def __init__(self, variables, rate):
        command = [RELEASE / "peer_opcua_server", "--port", free_port(), "--vars", variables, "--rate", rate]
        self.process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, text=True)
        atexit.register(self.stop)
        for line in self.process.stdout:
            if line.startswith("READY"):
                self.url = line.split()[1]
                return
        raise SystemExit(f"{command[0]} did not become ready")

    def stop(self):
        self.process.kill()
        self.process.wait()
