# SPDX-License-Identifier: Apache-2.0
"""Profiles on the command line: which there are, what they make of a machine, and one of a person's own."""
import json

from conftest import wait_for
from test_mtconnect import agent, couple, good


def rows(text):
    return [json.loads(line) for line in text.splitlines()]


def test_the_list_and_one_of_it(node):
    names = {p["name"]: p for p in rows(node.cli("profile", "list", "--json").stdout)}
    assert {"opcua-generic", "opcua-machinery", "opcua-machinetool", "mtconnect", "sparkplug", "modbus-sdm630"} <= names.keys()
    assert names["modbus-sdm630"]["mapRows"] == 14
    assert node.json("profile", "show", "mtconnect")["title"] == "Any MTConnect agent"
    assert "there is no profile 'nope'" in node.cli("profile", "show", "nope", check=False).stderr


def test_what_a_profile_makes_of_a_machine(node, servers, free_port):
    agent(servers, free_port)
    couple(node, free_port)
    good(node, "hall/lathe/C/speed")
    tried = {n["path"]: n for n in rows(node.cli("profile", "try", "m", "--json").stdout)}
    assert tried["controller/path/execution"]["role"] == "state" and "running=ACTIVE" in tried["controller/path/execution"]["states"]
    assert all(n["subscribe"] and n["subscribed"] for n in tried.values())
    assert "no profile 'mtconect', did you mean 'mtconnect'?" in node.cli("profile", "try", "m", "--profile", "mtconect", check=False).stderr


def test_a_persons_own_profile_is_one_file(node, servers, free_port):
    folder = node.dir / "profiles"
    folder.mkdir()
    (folder / "our-lathe.json").write_text(json.dumps({
        "title": "the lathes of hall 3", "protocol": "mtconnect", "rank": 5, "namespaces": [],
        "rules": [{"kinds": ["PROGRAM"], "role": "recipe", "subscribe": True}, {"match": ["**"], "subscribe": False}]}))
    (folder / "broken.json").write_text("{")
    agent(servers, free_port)
    couple(node, free_port, "--profile", "our-lathe")
    wait_for(lambda: good(node, "hall/lathe/controller/path/Program")["role"] == "recipe", 10, "the role of our own profile")
    assert node.coupling("m")["items"] == 1
    assert "a profile is left out" in node.log.read_text() and "broken.json" in node.log.read_text()
    tried = {n["path"]: n for n in rows(node.cli("profile", "try", "m", "--profile", "mtconnect", "--json").stdout)}
    assert tried["controller/path/execution"]["role"] == "state" and not tried["controller/path/execution"]["subscribed"]
