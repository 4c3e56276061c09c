# SPDX-License-Identifier: Apache-2.0
"""What a kill -9 can lose of QoS 1: the library acknowledges a message before it hands it over, so what came in and was not yet committed is
gone. Nothing that was committed may be missing, and nothing may be there twice or changed."""
import threading
import time

from broker import Broker
from conftest import wait_for

KILLS, RATE = 6, 200


def test_a_kill_loses_no_more_than_what_was_not_committed(node, tmp_path, free_port):
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
        node.cli("couple", f"mqtt://127.0.0.1:{free_port}", "--name", "b", "--at", "plant")
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
    assert got == sorted(set(got)), "none twice, none out of order"
    lost = last + 1 - len(got)
    print(f"{lost} of {last + 1} messages lost in {KILLS} kills")
    assert lost <= KILLS * RATE * 0.3, f"{lost} lost: more than the commit interval of 100 ms explains"
