# SPDX-License-Identifier: Apache-2.0
"""Programs that read by position get every stored value once, whatever happens to them and to the node."""
import json
import subprocess
import time

from conftest import KOPPEL, wait_for


def numbers(lines, path):
    return [int(v["value"]) for v in map(json.loads, lines) if v["path"] == path and v["value"] is not None]


def stored(node, path):
    return [int(v) for _, v, _ in node.history(path) if v is not None]


def follow_once(node):
    return node.cli("follow", "erp", "--once").stdout.splitlines()


def test_a_program_misses_nothing_over_its_own_and_the_nodes_stops(node, servers):
    server = servers("opcua_sim", "--variables", 3, "--rate", 20)
    assert node.cli("follow", "erp", "--once").stdout == ""
    node.cli("couple", server.url, "--name", "m", "--at", "hall/m", "--set", "sampling=20ms")
    node.wait_link("m", "online")
    path = "hall/m/Line/v0"
    lines = []
    for round_ in range(4):
        time.sleep(1)
        lines += follow_once(node)
        if round_ == 1:
            node.kill()
            node.start()
            node.wait_link("m", "online", 10)
    node.cli("uncouple", "m")

    def all_came():
        lines.extend(follow_once(node))
        return len(numbers(lines, path)) >= len(stored(node, path))
    wait_for(all_came, 10, "what was taken last is stored and told")
    got = numbers(lines, path)
    assert got == stored(node, path) and len(got) > 40
    assert follow_once(node) == []


def test_a_reader_that_dies_gets_the_same_lines_again(node, servers):
    server = servers("opcua_sim", "--variables", 3, "--rate", 20)
    node.cli("follow", "erp", "--once")
    node.cli("couple", server.url, "--name", "m", "--at", "hall/m", "--set", "sampling=20ms")
    node.wait_link("m", "online")
    time.sleep(1)
    reader = subprocess.Popen([KOPPEL, "follow", "erp", "--node", node.dir], stdout=subprocess.PIPE, text=True)
    first = [reader.stdout.readline() for _ in range(5)]
    reader.kill()
    first += [line for line in reader.stdout if line.endswith("\n")]  # it may have confirmed them already
    reader.wait()
    reader.stdout.close()
    node.cli("uncouple", "m")
    path, everything = "hall/m/Line/v0", first

    def all_came():
        everything.extend(follow_once(node))
        return set(numbers(everything, path)) >= set(stored(node, path))
    wait_for(all_came, 10, "what was taken last is stored and told")
    assert set(numbers(everything, path)) == set(stored(node, path))


def test_consumers_are_listed_and_removed(node):
    node.cli("follow", "erp", "--once")
    listed = node.json("consumers")
    assert [c["name"] for c in listed["consumers"]] == ["erp"]
    assert listed["consumers"][0]["lost"] is False
    assert "erp" in node.cli("consumers").stdout
    node.cli("consumers", "--remove", "erp")
    assert node.json("consumers")["consumers"] == []
    assert "no consumer" in node.cli("consumers", "--remove", "erp", check=False).stderr


def test_follow_ends_with_its_reader_and_at_a_signal(node):
    follower = subprocess.Popen([KOPPEL, "follow", "erp", "--node", node.dir], stdout=subprocess.PIPE)
    wait_for(lambda: node.json("consumers")["consumers"], 10, "the consumer")
    follower.terminate()
    assert follower.wait(5) == 0
    follower.stdout.close()
