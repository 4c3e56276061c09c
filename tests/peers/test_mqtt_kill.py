# SPDX-License-Identifier: Apache-2.0
"""A kill -9 loses nothing of QoS 1: a message is acknowledged when it is committed, so the broker sends again what a kill took, and a message that
comes twice is one point. With durable=off the library acknowledges before it hands over, and what was not yet committed is gone."""
import threading
import time

import pytest
from broker import Broker
from conftest import wait_for

KILLS, RATE = 6, 200


@pytest.mark.parametrize("durable", ["on", "off"])
def test_a_kill_loses_nothing_that_was_acknowledged(node, tmp_path, free_port, durable):
    broker = Broker(tmp_path, free_port)
    sent, going = [], True

    def publish():
        client = broker.client("numbers")
        while going:
            client.publish("n", str(len(sent)), 1).wait_for_publish(30)
            sent.append(time.time())
            time.sleep(1 / RATE)
        client.loop_stop()

    try:
        node.cli("couple", f"mqtt://127.0.0.1:{free_port}", "--name", "b", "--at", "plant", "--set", f"durable={durable}")
        publisher = threading.Thread(target=publish)
        publisher.start()
        for _ in range(KILLS):
            time.sleep(1.5)
            node.kill()
            node.start()
            node.wait_link("b", "online", 30)
        going = False
        publisher.join()
        last = len(sent) - 1
        wait_for(lambda: node.value("plant/n")["value"] == last, 30, "the last one")
        node.cli("sql", "select 1")
        got = wait_for(lambda: (h := [int(p[1]) for p in node.history("plant/n", "--from", "-1h", "--limit", "100000")]) and h[-1] == last and h, 20)
    finally:
        going = False
        broker.kill()
    lost = last + 1 - len(set(got))
    print(f"durable={durable}: {lost} of {last + 1} messages lost in {KILLS} kills, {len(got) - len(set(got))} twice")
    if durable == "on":
        assert set(got) == set(range(last + 1)), f"{lost} lost"
    assert lost <= KILLS * RATE * 0.3, f"{lost} lost: more than the commit interval of 100 ms explains"
