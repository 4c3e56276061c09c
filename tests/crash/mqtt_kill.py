#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mqtt_kill.py [--durable on|off] [--kills N] [--rate N]: numbered QoS 1 messages are published without a pause while koppel is
killed with SIGKILL and started again; says how many of them are not in the history at the end. 1 when durable lost any."""
import argparse
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "peers"))
from conftest import Node, wait_for  # noqa: E402
from mqtt_broker import Broker  # noqa: E402


class Publisher(threading.Thread):
    def __init__(self, client, rate):
        super().__init__(daemon=True)
        self.client, self.rate, self.sent, self.ending = client, rate, 0, False

    def run(self):
        begin = time.monotonic()
        while not self.ending:
            due = int((time.monotonic() - begin) * self.rate)
            while self.sent < due:
                self.sent += 1
                self.client.paho.publish("n", str(self.sent), 1)
            time.sleep(0.005)


def stored(node):
    """The numbers in the history."""
    text = node.cli("sql", "select value from history where signal = 'hall/number'", "--csv", "--limit", 100000).stdout
    return [int(line) for line in text.split()[1:]]


def run(folder, durable, kills, rate, seed):
    rng = random.Random(seed)
    broker = Broker(folder / "broker")
    node = Node(folder).start()
    table = folder / "map.csv"
    table.write_text("topic,path,type\nn,number,integer\n")
    node.cli("couple", broker.url, "--name", "b", "--at", "hall", "--no-wait", "--map", table, "--set", f"durable={'true' if durable else 'false'}")
    node.wait_link("b", "online")
    publisher = Publisher(broker.client(), rate)
    publisher.start()
    for _ in range(kills):
        time.sleep(rng.uniform(0.2, 0.8))
        node.kill()
        node.start()
    publisher.ending = True
    publisher.join()
    publisher.client.send("n", str(publisher.sent + 1))
    wait_for(lambda: node.value("hall/number")["value"] == publisher.sent + 1, 120, "the last message")
    node.stop()
    node.start()
    there = stored(node)
    node.stop()
    broker.kill()
    total = publisher.sent + 1
    return total, total - len(set(there)), len(there) - len(set(there))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--durable", choices=["on", "off"], default="on")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        total, lost, twice = run(Path(folder), a.durable == "on", a.kills, a.rate, a.seed)
    print(f"durable {a.durable}: {a.kills} kills, {total} messages, {lost} lost, {twice} stored twice")
    return 1 if lost and a.durable == "on" else 0


if __name__ == "__main__":
    sys.exit(main())
