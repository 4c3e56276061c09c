# SPDX-License-Identifier: Apache-2.0
"""Work orders: taken once, worked at by people and by programs, booked with the times and parts of the machine; a node that
is killed loses none and doubles none."""
import concurrent.futures
import json
import random
import threading
import time

import pytest
from conftest import Node, wait_for
from web_client import Api

MILL, LATHE = "hall/mill", "hall/lathe"


class Floor:
    """A node with two machines whose signals are posted."""

    def __init__(self, folder):
        self.node = Node(folder).start()
        self.api = Api(self.node)
        for path in (MILL, LATHE):
            self.api.ok("POST", "assets", {"path": path, "kind": "machine"})
        self.say(**{"hall/mill/Good": 0, "hall/mill/Program": "NONE"})
        self.api.ok("PATCH", "signal", {"role": "good-count"}, path="hall/mill/Good")
        self.api.ok("PATCH", "signal", {"role": "program"}, path="hall/mill/Program")
        # What it said before anybody looked begins nothing.
        wait_for(lambda: self.node.json("sql", "select program from order_program")["rows"] == [["NONE"]], 20, "the program is followed")

    def say(self, **values):
        self.api.ok("POST", "values", values)

    def take(self, number, *operations, **more):
        body = {"number": number, "quantity": 5, "operations": list(operations), **more}
        return self.api.ok("POST", "orders", body)["order"]

    def order(self, order):
        return self.api.ok("GET", f"orders/{order['id']}")

    def bookings(self, order):
        return self.api.ok("GET", "bookings", order=order["id"])["bookings"]

    def act(self, order, verb, n=0, **body):
        return self.api.ok("POST", f"operations/{order['operations'][n]['id']}/{verb}", body)

    def again(self):
        """After a kill."""
        self.node.start()
        self.api = Api(self.node)


@pytest.fixture(scope="module")
def floor(tmp_path_factory):
    f = Floor(tmp_path_factory.mktemp("orders"))
    yield f
    f.node.stop()


def op(number, **more):
    return {"number": number, **more}


def test_the_same_order_twice_is_one_and_another_under_its_number_is_refused(floor):
    body = {"number": "4711", "sender": "ACME", "customer": "ACME BV", "item": "flange", "quantity": 10, "unit": "H87",
            "due": "2026-12-01", "operations": [op("10", asset=MILL, cycle="190s", setup="10m"), op("20", asset=LATHE)]}
    first = floor.api.send("POST", "orders", body)
    assert first.status_code == 201 and "repeated" not in first.json()
    again = floor.api.send("POST", "orders", body)
    assert again.status_code == 200 and again.json()["repeated"] and again.json()["id"] == first.json()["id"]
    why = floor.api.refused(409, "POST", "orders", {**body, "quantity": 12})
    assert "quantity was 10, is 12" in why
    other = floor.api.ok("POST", "orders", {**body, "quantity": 12, "replace": True})
    assert other["replaced"] and [o["quantity"] for o in other["order"]["operations"]] == [12, 12]
    assert floor.api.send("POST", "orders", {**body, "sender": "Other"}).status_code == 201
    assert "there is no machine" in floor.api.refused(400, "POST", "orders", {**body, "number": "x", "operations": [op("1", asset="hall/x")]})
    found = floor.api.ok("GET", "orders", q="acme bv", sender="ACME")["orders"]
    assert [o["number"] for o in found] == ["4711"]
    assert found[0]["operations"][0]["remainingSeconds"] == 12 * 190 + 600
    for o in floor.api.ok("GET", "orders")["orders"]:
        assert floor.api.ok("POST", f"orders/{o['id']}/cancel")["state"] == "cancelled"


def test_work_is_booked_with_its_times_and_the_parts_the_machine_counts(floor):
    order = floor.take("B1", op("10", asset=MILL, cycle="60s"))
    begun = floor.act(order, "start", comment="first")
    assert begun["order"]["state"] == "started" and "asset" in begun["order"]["operations"][0]
    for n in range(1, 4):
        floor.say(**{"hall/mill/Good": n})
        time.sleep(1.1)  # the counter is not believed when it is faster than two parts a second
    done = wait_for(lambda: (o := floor.order(order))["operations"][0]["good"] == 3 and o, 15, "three parts")
    assert done["operations"][0]["remainingSeconds"] == 120
    floor.act(order, "finish")
    booking, = floor.bookings(order)
    assert (booking["good"], booking["via"], booking["who"], booking["asset"]) == (3, "rest", "init", MILL)
    assert booking["comment"] == "first" and 3 < booking["otherSeconds"] < 60
    assert floor.order(order)["state"] == "finished"
    assert "finished already" in floor.api.refused(409, "POST", f"operations/{order['operations'][0]['id']}/finish", {})


def test_a_machine_works_at_one_operation_and_the_reply_says_what_it_interrupted(floor):
    one, two = floor.take("C1", op("10", asset=MILL)), floor.take("C2", op("10"))
    floor.act(one, "start")
    assert "say at which" in floor.api.refused(400, "POST", f"operations/{two['operations'][0]['id']}/start", {})
    said = floor.act(two, "start", asset=MILL)
    assert said["interrupted"] == one["operations"][0]["id"]
    assert floor.order(one)["operations"][0]["state"] == "interrupted"
    assert floor.act(two, "finish", good=5, scrap=1)["order"]["state"] == "finished"
    assert [(b["good"], b["scrap"]) for b in floor.bookings(two)] == [(5, 1)]
    floor.api.ok("PATCH", f"operations/{one['operations'][0]['id']}", {"asset": LATHE, "due": "2026-12-24"})
    assert floor.order(one)["operations"][0]["asset"] == LATHE
    assert floor.api.ok("POST", f"orders/{one['id']}/confirm", {"answer": "accepted", "promised": "2026-12-24"})["confirmation"] == "accepted"
    floor.api.ok("POST", f"orders/{one['id']}/cancel")


def test_an_operation_follows_the_program_of_its_machine(floor):
    a, b = floor.take("P1", op("10", asset=MILL, program="O1000.NC")), floor.take("P2", op("10", asset=MILL, program="O2000"))
    state = lambda o: floor.order(o)["operations"][0]["state"]
    for program, states in (("O1000", ("started", "open")), ("O2000.NC", ("interrupted", "started")), ("O3000", ("interrupted", "interrupted"))):
        floor.say(**{"hall/mill/Program": program})
        wait_for(lambda: (state(a), state(b)) == states, 10, f"{program}: {states}")
    assert [x["via"] for x in floor.bookings(a) + floor.bookings(b)] == ["program", "program"]
    for o in (a, b):
        floor.act(o, "finish")


def test_free_time_is_less_what_orders_need(floor):
    floor.api.ok("PUT", "shop", {"groups": [{"name": "all", "match": "hall/**"}]})
    order = floor.take("F1", op("10", machineGroup="all", cycle="1h"), op("20", asset=MILL, cycle="2h"))
    reply = floor.api.ok("GET", "capacity", asset=MILL, weeks=4)
    mill, group = reply["assets"][0], reply["groups"][0]
    assert [a["path"] for a in reply["assets"]] == [MILL] and group["assets"] == [LATHE, MILL]
    assert abs(sum(w["bookedHours"] for w in group["weeks"]) - 15) < 0.1
    assert 10 < sum(w["bookedHours"] for w in mill["weeks"]) < 15
    assert "booked h" in floor.node.cli("flex", "capacity", MILL, "--group").stdout
    assert [o["number"] for o in floor.api.ok("GET", "orders", asset=LATHE, q="F1")["orders"]] == ["F1"]
    floor.api.ok("POST", f"orders/{order['id']}/cancel")
    floor.api.ok("PUT", "shop", {})


def test_groups_and_rules_for_orders_stand_in_apply_files(floor, tmp_path):
    settings = {"groups": [{"name": "all", "match": "hall/**"}], "orders": {"program": False, "finish": "count"},
                "capacity": {"round": "15m", "grain": "day", "grace": "20m"}}
    floor.api.ok("PUT", "shop", settings)
    exported = tmp_path / "node.yaml"
    floor.node.cli("export", exported)
    assert "shop" not in floor.node.cli("apply", exported, "--dry-run").stdout
    assert len(floor.api.ok("GET", "capacity", asset=MILL, weeks=1)["assets"][0]["weeks"]) == 7
    exported.write_text(exported.read_text().replace("count", "by hand"))
    assert "orders.finish: 'by hand' is none of person, count" in floor.node.cli("apply", exported, check=False).stderr
    floor.api.ok("PUT", "shop", {})


def test_the_command_line_takes_and_works_at_orders(floor, tmp_path):
    file = tmp_path / "orders.json"
    file.write_text(json.dumps([{"number": "K1", "quantity": 2, "operations": [op("10", asset=MILL)]}, {"number": "K2", "quantity": 1}]))
    cli = lambda *words, **o: floor.node.cli("flex", "orders", *words, **o)
    assert cli("take", file).stdout.count(" taken: ") == 2
    assert cli("take", file).stdout.count(" is there already: ") == 2
    listed = floor.node.json("flex", "orders", "--find", "K1")["orders"][0]
    operation = listed["operations"][0]["id"]
    assert "K1" in cli("list", "--asset", MILL, "--find", "K1").stdout and "hall/mill" in cli("show", listed["id"]).stdout
    cli("start", operation)
    cli("finish", operation, "--good", 2, "--comment", "by hand")
    assert "by hand" in cli("bookings", listed["id"]).stdout
    assert "accepted" in cli("confirm", listed["id"], "accepted").stdout
    assert cli("finish", operation, check=False).returncode == 1 and cli("begin", check=False).returncode == 2
    text = floor.node.cli("sql", "select via, good from booking where comment = 'by hand'", "--json").stdout
    assert json.loads(text)["rows"] == [["cli", 2]]


def test_roles_decide_who_takes_and_works(floor):
    of = lambda role: Api(floor.node, Authorization="Bearer " + floor.node.json("token", "add", "o-" + role, "--role", role)["token"])
    order, viewer, operator = floor.take("R1", op("10", asset=LATHE)), of("viewer"), of("operator")
    viewer.ok("GET", "orders")
    viewer.ok("GET", "bookings")
    viewer.refused(403, "POST", "orders", {"number": "R2", "quantity": 1})
    viewer.refused(403, "POST", f"operations/{order['operations'][0]['id']}/start", {})
    operator.ok("POST", f"operations/{order['operations'][0]['id']}/start", {})
    operator.ok("POST", f"operations/{order['operations'][0]['id']}/finish", {})
    assert floor.bookings(order)[0]["who"] == "o-operator"


def test_a_booking_goes_on_over_a_kill_and_ends_once(floor):
    floor.say(**{"hall/mill/Program": "O5000"})
    order = floor.take("K9", op("10", asset=MILL, program="O5000"))
    floor.act(order, "start")
    floor.node.kill()
    floor.again()
    now = floor.order(order)["operations"][0]
    assert now["state"] == "started" and "finishedAt" not in now
    assert floor.act(order, "interrupt")["booking"] == floor.bookings(order)[0]["id"]
    floor.say(**{"hall/mill/Program": "O5000"})  # the program that was there before begins nothing again
    floor.node.kill()
    floor.again()
    floor.say(**{"hall/mill/Program": "O5000"})
    time.sleep(2.5)  # two looks at the machine
    assert len(floor.bookings(order)) == 1 and floor.order(order)["operations"][0]["state"] == "interrupted"
    floor.act(order, "finish")


def test_no_order_and_no_booking_is_lost_or_doubled_when_the_node_is_killed(floor):
    rng, acknowledged, started = random.Random(5), set(), set()

    def work(turn, client, stop):
        api = Api(floor.node)
        for i in range(1000):
            number = f"X{turn}-{client}-{i}"
            while not stop.is_set():
                try:
                    taken = api.send("POST", "orders", {"number": number, "sender": "kill", "quantity": 1, "operations": [op("10"), op("20")]})
                    if taken.ok:
                        acknowledged.add(number)
                    one = taken.json()["order"]["operations"][0]["id"]
                    if api.send("POST", f"operations/{one}/start", {"asset": (MILL, LATHE)[client]}).ok:
                        started.add(one)
                    break
                except OSError:
                    return
            if stop.is_set():
                return

    for turn in range(4):
        stop = threading.Event()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            workers = [pool.submit(work, turn, c, stop) for c in range(2)]
            time.sleep(rng.uniform(0.2, 1.2))
            floor.node.kill()
            stop.set()
            for w in workers:
                w.result()
        floor.again()
        rows = lambda sql: floor.node.json("sql", sql, "--limit", "100000")["rows"]
        there = dict(rows("select number, count(*) from work_order where sender = 'kill' group by number"))
        assert acknowledged <= set(there) and set(there.values()) <= {1}
        assert rows("select count(*) from work_order w where (select count(*) from operation where work_order = w.id) <> 2 and sender = 'kill'") == [[0]]
        booked = dict(rows("select operation, count(*) from booking join operation o on o.id = operation join work_order w on w.id = "
                           "work_order where sender = 'kill' group by operation"))
        assert started <= set(booked) and set(booked.values()) <= {1}
        assert rows("select count(*) from operation o where (state = 'started') <> exists(select 1 from booking where operation = o.id "
                    "and \"end\" is null)") == [[0]]
    assert len(acknowledged) > 20 and len(started) > 10
