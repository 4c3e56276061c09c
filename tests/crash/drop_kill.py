#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""drop_kill.py KOPPEL [--files N] [--seed S]: order files are dropped while the node is killed with -9 at random moments and started
again. In the end every order is there once, every file in done/, every order in UBL answered once and every booking in one file.
Ends with a line "N passed, M failed": orders, answers and bookings."""
import argparse
import http.client
import json
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ORDER = Path(__file__).resolve().parent.parent / "flex" / "ubl" / "order.xml"
QUICK = {"quiet": "20ms", "patience": "60s"}
FOLDERS = {"folders": [{"name": "csv", **QUICK}, {"name": "ubl", "format": "ubl21", **QUICK}]}
IN_A_FILE = 3  # orders of a CSV file


class Local(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


class Node:
    def __init__(self, koppel, folder, *options):
        self.koppel, self.dir, self.options, self.process = koppel, folder, options, None
        subprocess.run([koppel, "init", folder], check=True, stdout=subprocess.DEVNULL)

    def ask(self, method, where, body=None):
        c = Local(self.dir / "koppel.sock")
        try:
            c.request(method, "/api/v1/" + where, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
            reply = c.getresponse()
            text = reply.read()
        finally:
            c.close()
        if reply.status >= 400:
            raise ValueError(f"{method} {where}: {reply.status} {text[:300]}")
        return json.loads(text)

    def start(self):
        self.process = subprocess.Popen([self.koppel, "run", self.dir, *self.options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while True:
            try:
                return self.ask("GET", "status")
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise SystemExit("the node does not answer")
                time.sleep(0.005)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def orders(self):
        out, after = [], 0
        while True:
            page = self.ask("GET", f"orders?state=all&limit=1000&after={after}")
            out += page["orders"]
            if not page["more"]:
                return out
            after = page["orders"][-1]["id"]


class Work:
    """What a life of the node is given to do."""

    def __init__(self, node, files, chance):
        self.node, self.chance = node, chance
        self.left = [(i, "ubl" if i % 3 == 0 else "csv") for i in range(files)]
        self.wanted, self.names, self.asked = set(), {"csv": set(), "ubl": set()}, 0
        self.xml = ORDER.read_text()

    def drop(self):
        i, folder = self.left.pop(0)
        if folder == "ubl":
            name, numbers = f"{i:05}.xml", [f"U-{i}"]
            text = self.xml.replace("PO-7", numbers[0])
        else:
            name, numbers = f"{i:05}.csv", [f"C-{i}-{k}" for k in range(IN_A_FILE)]
            text = "number;quantity;machine\n" + "".join(f"{n};{i + 1};hall/mill\n" for n in numbers)
        part = self.node.dir / "orders" / folder / "in" / (name + ".tmp")
        part.write_text(text)
        part.rename(part.with_suffix(""))
        self.wanted.update(numbers)
        self.names[folder].add(name)

    def book(self):
        """Begins and ends an operation; the node may be killed meanwhile."""
        try:
            open_ones = self.node.ask("GET", "orders?state=open&limit=1&sender=csv")["orders"]
            if open_ones:
                operation = open_ones[0]["operations"][0]["id"]
                self.node.ask("POST", f"operations/{operation}/start", {"asset": "hall/mill"})
                self.node.ask("POST", f"operations/{operation}/finish", {"good": 1})
                self.asked += 1
        except (OSError, ValueError, http.client.HTTPException):
            pass

    def life(self):
        end = time.monotonic() + self.chance.random() * 0.5
        while time.monotonic() < end:
            if self.left and self.chance.random() < 0.8:
                self.drop()
            elif self.chance.random() < 0.3:
                self.book()
            time.sleep(self.chance.random() * 0.03)


def settle(node):
    """Until the folders are at rest: nothing in in/, nothing half in out/, each order answered and each booking written."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        rest = [f for folder in ("csv", "ubl") for part in ("in", "out") for f in (node.dir / "orders" / folder / part).iterdir()
                if part == "in" or f.name.startswith(".")]
        told = sum(o.get("confirmation") == "acknowledged" for o in node.orders())
        answers = len(list((node.dir / "orders" / "ubl" / "out").glob("answer-*")))
        unwritten = [b for b in node.ask("GET", "bookings?limit=10000")["bookings"] if b.get("end") and not b.get("written")]
        if not rest and not unwritten and answers >= told:
            return
        time.sleep(0.2)
    print(f"not at rest: {rest[:5]}, {len(unwritten)} bookings in no file, {answers} answers of {told}")


def judge(node, work):
    faults = []
    have = Counter(o["number"] for o in node.orders())
    faults += [f"lost: {n}" for n in work.wanted - set(have)] + [f"doubled: {n}" for n, k in have.items() if k > 1]
    faults += [f"never dropped: {n}" for n in set(have) - work.wanted]
    for folder, names in work.names.items():
        done = {f.name for f in (node.dir / "orders" / folder / "done").iterdir()}
        faults += [f"not in done/: {folder}/{n}" for n in names - done] + [f"more than dropped: {folder}/{n}" for n in done - names]
        faults += [f"refused: {f}" for f in (node.dir / "orders" / folder / "error").iterdir()]
    answers = Counter(f.name.split("-")[1] for f in (node.dir / "orders" / "ubl" / "out").glob("answer-*"))
    orders = {str(o["id"]) for o in node.orders() if o["folder"] == "ubl"}
    faults += [f"order {i} has {answers[i]} answers" for i in orders if answers[i] != 1]
    rows = Counter(line.split(",")[0] for f in (node.dir / "orders" / "csv" / "out").glob("bookings-*.csv") for line in f.read_text().splitlines()[1:])
    ended = {str(b["id"]) for b in node.ask("GET", "bookings?limit=10000")["bookings"] if b.get("end")}
    faults += [f"booking {i} stands {rows[i]} times in files" for i in ended | set(rows) if rows[i] != 1 or i not in ended]
    return len(have) + len(orders) + len(ended), faults


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("koppel")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    args = parser.parse_args()
    print(f"seed {args.seed}")
    scratch = Path(tempfile.mkdtemp(prefix="koppel-drop-"))
    node = Node(args.koppel, scratch / "node")
    work = Work(node, args.files, random.Random(args.seed))
    kills = 0
    node.start()
    node.ask("POST", "assets", {"path": "hall/mill", "kind": "machine"})
    node.ask("PUT", "order-folders", FOLDERS)
    while not (node.dir / "orders" / "ubl" / "error").is_dir():
        time.sleep(0.01)
    while work.left:
        work.life()
        node.kill()
        kills += 1
        node.start()
    settle(node)
    checked, faults = judge(node, work)
    node.process.terminate()
    node.process.wait()
    for fault in faults[:20]:
        print(fault)
    if not faults:
        shutil.rmtree(scratch)
    else:
        print(f"the node is kept in {node.dir}")
    print(f"{args.files} files, {kills} kills, {len(work.wanted)} orders, {work.asked} operations ended")
    print(f"{checked - len(faults)} passed, {len(faults)} failed")
    return 1 if faults or not kills else 0


if __name__ == "__main__":
    sys.exit(main())
