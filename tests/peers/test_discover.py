# SPDX-License-Identifier: Apache-2.0
"""koppel discover against servers of every kind, on ports where nobody expects them."""
import json
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import KOPPEL, wait_for
from web_client import Api


@pytest.fixture
def broker(tmp_path, free_port):
    """broker("allow_anonymous true"): mosquitto with these lines; gives host:port."""
    running = []

    def start(*lines):
        conf = tmp_path / "mosquitto.conf"
        conf.write_text(f"listener {free_port} 127.0.0.1\n" + "".join(line + "\n" for line in lines))
        running.append(subprocess.Popen(["mosquitto", "-c", conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

        def up():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", free_port)) == 0
        wait_for(up, what="the broker")
        return f"127.0.0.1:{free_port}"

    yield start
    for p in running:
        p.kill()
        p.wait()


def look(node, *targets):
    j = node.json("discover", *targets)
    assert j["state"] == "done" and j["done"] == j["total"]
    return j["found"]


def only(found, protocol):
    assert [f["protocol"] for f in found] == [protocol], found
    return found[0]


def test_an_opc_ua_server_tells_its_name_its_security_and_how_to_couple_it(node, servers):
    url = servers("opcua_sim").url
    f = only(look(node, url.split("/")[2]), "opcua")
    assert f["name"] and "None" in f["detail"]
    assert f["couple"].startswith("koppel couple opc.tcp://127.0.0.1:") and f["url"].split("/")[2] == url.split("/")[2]
    node.cli(*f["couple"].split()[1:], "--set", "security=none", "--name", "found")
    node.wait_link("found", "online")


def test_the_c_server_is_found_with_its_endpoints(node, servers):
    f = only(look(node, servers("opcua_server").url.split("/")[2]), "opcua")
    assert f["product"] and f["detail"].startswith("security: ")


def test_a_modbus_unit_tells_vendor_product_and_name(node, servers):
    where = servers("discover_sim", "modbus").url
    f = only(look(node, where), "modbus")
    assert (f["manufacturer"], f["product"], f["name"]) == ("Acme Meters", "Energy meter", "Hall 2")
    assert f["unit"] == 1 and f["detail"] == "revision 2.17"
    assert f["couple"] == f"koppel couple modbus://{where}/1 --map FILE.csv"


def test_all_units_asked_for_are_told_one_by_one(node, servers):
    where = servers("discover_sim", "modbus").url
    found = look(node, where, "--units", "1-9")
    assert {f["unit"] for f in found} >= {1, 7} and all(f["protocol"] == "modbus" for f in found)


def test_an_s7_controller_tells_its_order_code(node, servers):
    f = only(look(node, servers("discover_sim", "s7").url), "s7")
    assert f["manufacturer"] == "Siemens" and f["product"].startswith("6ES7"), f


def test_an_ads_device_tells_its_name_and_version(node, servers):
    f = only(look(node, servers("discover_sim", "ads").url), "ads")
    assert f["manufacturer"] == "Beckhoff" and f["product"] and "version" in f["detail"], f


def test_an_mtconnect_agent_tells_its_devices(node, servers):
    found = look(node, servers("discover_sim", "mtconnect").url)
    assert [(f["protocol"], f["manufacturer"], f["product"]) for f in found] == [("mtconnect", "OKUMA", "MULTUS"), ("mtconnect", None, None)]
    assert found[0]["name"] == "OKUMA & co" and found[0]["detail"] == "serial 123456" and found[1]["name"] == "MAZAK.7"


def test_an_mtconnect_adapter_is_told_from_an_agent(node, servers):
    only(look(node, servers("discover_sim", "shdr").url), "shdr")


def test_a_broker_is_found_and_whether_it_wants_a_login(node, broker, tmp_path):
    where = broker("allow_anonymous true")
    f = only(look(node, where), "mqtt")
    assert f["detail"] == "anyone may connect" and f["couple"] == "koppel couple mqtt://" + where


def test_a_broker_that_wants_a_login_says_so(node, broker):
    assert "login" in only(look(node, broker("allow_anonymous false")), "mqtt")["detail"]


def test_silent_and_closed_ports_are_nothing(node, free_port):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert look(node, f"127.0.0.1:{free_port}", f"127.0.0.1:{silent.getsockname()[1]}") == []
    assert "nothing answers" in node.cli("discover", f"127.0.0.1:{free_port}").stdout


def test_several_at_once_in_a_table_for_people(node, servers):
    where = [servers("discover_sim", kind).url for kind in ("modbus", "ads")]
    table = node.cli("discover", *where).stdout
    assert "Acme Meters, Energy meter, Hall 2" in table and "Beckhoff" in table


def test_what_is_too_large_or_no_address_is_refused_in_a_sentence(node):
    api = Api(node)
    for word, why in (("10.0.0.0/16", "at most a /22"), ("nonsense-", "no"), ("10.0.0.9-1", "no range")):
        done = node.cli("discover", word, check=False)
        assert done.returncode == 1 and why in done.stderr, done.stderr
    assert node.cli("discover", check=False).returncode == 2
    assert "say where" in node.cli("discover", check=False).stderr
    assert api.ok("GET", "discover")["state"] == "none"


class Slow:
    """Takes connections and says nothing; remembers how many there were at a time, and what was said."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.where = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.links, self.overlaps = [], 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            link = self.listener.accept()[0]
            link.setblocking(False)
            self.overlaps += self.open()
            self.links.append(link)

    def open(self):
        """How many connections the other side has not closed."""
        def is_open(link):
            try:
                while link.recv(1000):
                    pass
            except BlockingIOError:
                return True
            except OSError:
                pass
            return False
        return sum(map(is_open, self.links))


def test_one_connection_at_a_time_and_all_are_closed(node):
    slow = Slow()
    assert look(node, slow.where) == []
    assert slow.open() == 0 and slow.overlaps == 0 and len(slow.links) > 3


def test_one_look_at_a_time_and_it_can_be_ended(node):
    api, slow = Api(node), Slow()
    assert api.ok("POST", "discover", {"targets": [slow.where]})["state"] == "running"
    assert "under way" in api.refused(409, "POST", "discover", {"targets": [slow.where]})
    began = time.monotonic()
    api.ok("DELETE", "discover")
    wait_for(lambda: api.ok("GET", "discover")["state"] == "cancelled", 5, "the end")
    assert time.monotonic() - began < 5  # to its end it would take twice that
    assert api.ok("GET", "discover")["done"] == 0


def test_interrupted_at_the_terminal_the_look_ends_too(node):
    api, slow = Api(node), Slow()
    p = subprocess.Popen([KOPPEL, "discover", slow.where, "--json", "--node", node.dir], stdout=subprocess.PIPE, text=True)
    wait_for(lambda: slow.links, what="the first question")
    p.send_signal(signal.SIGINT)
    out, _ = p.communicate(timeout=20)
    assert json.loads(out)["state"] == "cancelled" and api.ok("GET", "discover")["state"] == "cancelled"


def test_a_node_that_stops_does_not_wait_for_a_look(node):
    api, slow = Api(node), Slow()
    api.ok("POST", "discover", {"targets": [slow.where]})
    began = time.monotonic()
    node.stop()
    assert time.monotonic() - began < 10
