#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""floor.py LOGS --shop PLAN [--free]: all machines of the demo shop and their broker, on fixed
ports of loopback or, with --free, on any. Their output goes into the folder LOGS. Prints for
each coupling, once its machine is there,

    READY NAME URL AT [MAP]

then OPEN, and goes on until it is ended."""

import random
import shutil
import socket
import sys
import time
from pathlib import Path

import shop_model as shop
from children import start
from shop_names import HALL

HERE = Path(__file__).resolve().parent
PORTS = {
    "mill": 48400,
    "laser": 48401,
    "meter": 48402,
    "lathe": 48403,
    "mill-02": 48404,
    "mill-03": 48405,
    "press": 48406,
    "broker": 48483,
}
BROKER = shutil.which("mosquitto") or "/usr/sbin/mosquitto"


def is_free(port):
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def free_ports():
    """As many in a row as are needed, below those that the system gives to clients."""
    while True:
        first = random.SystemRandom().randrange(12000, 31000)
        ports = dict(zip(PORTS, range(first, first + len(PORTS))))
        if all(map(is_free, ports.values())):
            return ports


def couplings(p):
    """What stands where: (name, address, path, map)."""
    opc = lambda name: (name, f"opc.tcp://127.0.0.1:{p[name]}", HALL, None)
    return [
        opc("mill"),
        opc("mill-02"),
        opc("mill-03"),
        opc("laser"),
        ("lathe", f"mtconnect+http://127.0.0.1:{p['lathe']}", f"{HALL}/Lathe-01", None),
        ("press", f"s7://127.0.0.1:{p['press']}", f"{HALL}/Press-01", HERE / "press.csv"),
        ("meter", f"modbus://127.0.0.1:{p['meter']}/1", f"{HALL}/Meter", None),
        ("sparkplug", f"mqtt+sparkplug://127.0.0.1:{p['broker']}", HALL.rsplit("/", 1)[0], None),
    ]


class Floor:
    def __init__(self, logs, plan, ports):
        self.logs, self.plan, self.running = logs, plan, []
        self.broker(ports["broker"])
        self.run("factory", 4, ports["mill"], "--mills", ports["mill-02"], ports["mill-03"])
        self.run("lathe", 1, ports["lathe"])
        self.run("press", 1, ports["press"])
        self.run("shop", 2, ports["meter"], ports["broker"])
        self.wait()

    def broker(self, port):
        settings = self.logs / "broker.conf"
        # `user root`: a broker that became another user would no longer end with this program
        settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n")
        with (self.logs / "broker.log").open("w") as log:
            self.running.append(
                ("broker", 0, start([BROKER, "-c", settings], stdout=log, stderr=log))
            )
        end = time.monotonic() + 10
        while is_free(port):
            if time.monotonic() > end:
                sys.exit(f"floor: the broker does not listen; see {self.logs}/broker.log")
            time.sleep(0.05)

    def run(self, name, ready, *words):
        with (self.logs / f"{name}.log").open("w") as log:
            command = [sys.executable, HERE / f"{name}.py", *words, "--shop", self.plan]
            self.running.append((name, ready, start(command, stdout=log, stderr=log)))

    def wait(self):
        for name, ready, process in self.running:
            while (self.logs / f"{name}.log").read_text().count("READY") < ready:
                self.check(name, process)
                time.sleep(0.05)

    def check(self, name, process):
        if process.poll() is not None:
            sys.exit(f"floor: {name} ended: " + (self.logs / f"{name}.log").read_text()[-2000:])

    def watch(self):
        while True:
            for name, _, process in self.running:
                self.check(name, process)
            time.sleep(0.5)


def main():
    a = shop.arguments(
        "all machines of the demo shop",
        ("logs", {"type": Path}),
        ("--free", {"action": "store_true"}),
    )
    ports = free_ports() if a.free else PORTS
    a.logs.mkdir(parents=True, exist_ok=True)
    floor = Floor(a.logs, a.shop, ports)
    for name, url, at, card in couplings(ports):
        print("READY", name, url, at, card or "", flush=True)
    print("OPEN", flush=True)
    floor.watch()


try:
    main()
except KeyboardInterrupt:
    pass
