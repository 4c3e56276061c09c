# SPDX-License-Identifier: Apache-2.0
"""Feeds, collections, devices and makers' other names in files for apply: what is exported makes another node the same, secrets apart, and changes nothing the second time."""
import json

import pytest
import requests
from conftest import Node, wait_for

FILE = """
collections:
  - name: warnings
    title: Warnings for the region
    tlp: green
    members:
      - who: token acme
        amber: on
      - who: "*"
        read: off
        write: on
devices:
  - name: hall/press
    manufacturer: Cogs
    product: Presser
    orderCode: 6ES7214-1AG40-0XB0
    firmware: "4.10"
    weight: high
feeds:
  - name: centre
    url: https://centre.example/taxii2/
    every: 2h
    enabled: off
    user: acme
    password-file: {password}
    into: warnings
    share: amber
    ca: |
      -----BEGIN CERTIFICATE-----
      bm9uZQ==
      -----END CERTIFICATE-----
  - name: sector
    kind: misp-server
    url: https://misp.example/
    enabled: off
    token-file: {password}
vendor-aliases: |
  Allen-Bradley = Rockwell Automation
  Telemecanique = Schneider Electric
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "password").write_text("gearbox-1\n")
    (tmp_path / "factory.yaml").write_text(FILE.format(password=tmp_path / "password"))
    return tmp_path / "factory.yaml"


def state(node):
    feeds = [{k: f[k] for k in ("name", "kind", "url", "every", "enabled", "settings", "secrets")} for f in node.json("feed", "list")["feeds"]]
    collections = [{**{k: c[k] for k in ("name", "root", "title", "description", "tlp")}, "members": [{k: m[k] for k in ("who", "read", "write", "amber")} for m in c["members"]]}
                   for c in node.json("feed", "collection")["collections"]]
    devices = [{k: v for k, v in d.items() if k not in ("id", "changed")} for d in node.json("inventory")["devices"]]
    return {"feeds": feeds, "collections": collections, "devices": devices, "aliases": node.json("inventory", "aliases")["text"]}


def steps(done):
    return [line for line in done.stdout.splitlines() if line.strip()]


def test_a_file_makes_them_so_and_changes_nothing_the_second_time(node, file):
    done = node.cli("apply", file)
    s = state(node)
    assert [(f["name"], f["kind"], f["every"], f["enabled"], f["secrets"]) for f in s["feeds"]] == [("centre", "taxii", "2h", False, ["password"]), ("sector", "misp-server", "1h", False, ["token"])]
    assert s["feeds"][0]["settings"]["share"] == "amber" and "bm9uZQ==" in s["feeds"][0]["settings"]["ca"]
    assert s["collections"][0]["members"] == [{"who": "*", "read": False, "write": True, "amber": False}, {"who": "token acme", "read": True, "write": False, "amber": True}]
    assert (s["devices"][0]["firmware"], s["devices"][0]["weight"], s["devices"][0]["source"]) == ("4.10", "high", "hand")
    assert "gearbox" not in done.stdout and len(steps(done)) >= 5
    assert json.loads(node.cli("apply", file, "--json").stdout)["plan"] == []


def test_what_is_exported_makes_another_node_the_same_without_its_secrets(node, file, tmp_path):
    node.cli("apply", file)
    out = node.cli("export").stdout
    assert "gearbox" not in out and "# password-file: /PATH" in out and "# token-file: /PATH" in out
    (tmp_path / "out.yaml").write_text(out)
    assert json.loads(node.cli("apply", tmp_path / "out.yaml", "--prune", "--json").stdout)["plan"] == [], "secrets stay"
    (tmp_path / "two").mkdir()
    other = Node(tmp_path / "two").start()
    try:
        text = out.replace("# password-file: /PATH  (a password is set; it is not exported)", f"password-file: {tmp_path}/password")
        (tmp_path / "in.yaml").write_text(text)
        missing = other.cli("apply", tmp_path / "in.yaml", check=False)
        assert missing.returncode == 1 and "secrets.token is missing" in missing.stderr
        (tmp_path / "in.yaml").write_text(text.replace("# token-file: /PATH  (a token is set; it is not exported)", f"token-file: {tmp_path}/password"))
        other.cli("apply", tmp_path / "in.yaml")
        assert state(other) == state(node)
    finally:
        other.stop()


def test_an_entry_is_one_whole_and_what_is_not_named_goes_with_prune_only(node, file):
    node.cli("apply", file)
    file.write_text("collections:\n  - name: warnings\n    members:\n      - who: token acme\ndevices:\n  - name: hall/press\n    manufacturer: Cogs\n"
                    "feeds:\n  - name: centre\n    url: https://centre.example/taxii2/\n    enabled: off\n")
    node.cli("apply", file)
    s = state(node)
    assert (s["collections"][0]["title"], s["collections"][0]["tlp"], len(s["collections"][0]["members"])) == ("warnings", "amber", 1)
    assert (s["devices"][0]["firmware"], s["devices"][0]["weight"], s["devices"][0]["manufacturer"]) == (None, "by-kind", "Cogs")
    assert (s["feeds"][0]["settings"], s["feeds"][0]["every"], s["feeds"][0]["secrets"]) == ({}, "1h", ["password"])
    assert len(s["feeds"]) == 2 and s["aliases"]
    file.write_text("collections:\ndevices:\nfeeds:\n")
    assert json.loads(node.cli("apply", file, "--json").stdout)["plan"] == []
    node.cli("apply", file, "--prune")
    s = state(node)
    assert s["feeds"] == s["collections"] == s["devices"] == [] and s["aliases"]


def test_a_new_secret_changes_the_feed_and_is_not_shown(node, file, tmp_path):
    node.cli("apply", file)
    (tmp_path / "password").write_text("gearbox-2")
    plan = node.cli("apply", file, "--dry-run")
    assert "secrets" in plan.stdout and "gearbox" not in plan.stdout
    assert len(json.loads(node.cli("apply", file, "--json").stdout)["plan"]) == 2


@pytest.mark.parametrize("text, why", [
    ("feeds:\n  - url: https://a.example/\n", "2:5: an entry needs a 'name'"),
    ("feeds:\n  - name: a\n", "url is missing"),
    ("feeds:\n  - name: a\n    url: https://a.example/\n    kind: gopher\n", "there are no feeds of kind 'gopher'"),
    ("feeds:\n  - name: a\n    url: https://a.example/\n    colour: red\n", "has no setting 'colour'"),
    ("feeds:\n  - name: a\n    url: https://a.example/\n    every: 3s\n", "between a minute and 90 days"),
    ("feeds:\n  - name: a\n    url: https://a.example/\n    enabled: maybe\n", "enabled"),
    ("feeds:\n  - name: a\n    url: https://a.example/\n    password: secret\n", "a secret does not stand in this file"),
    ("collections:\n  - name: Ä\n", "make one"),
    ("collections:\n  - name: a\n    tlp: red\n", "never goes out"),
    ("collections:\n  - name: a\n    members: all\n", "members: must be a list"),
    ("collections:\n  - name: a\n    members:\n      - who: nobody\n", "members[0]: who"),
    ("devices:\n  - name: a\n    firmwear: 1\n", "firmware"),
    ("devices:\n  - name: a\n    weight: huge\n", "weight"),
    ("vendor-aliases: no names\n", "other name = name"),
    ("vendor-aliases:\n  a: b\n", "must be a text"),
])
def test_what_is_wrong_is_told_with_its_place_and_changes_nothing(node, file, text, why):
    file.write_text(text)
    done = node.cli("apply", file, check=False)
    assert done.returncode == 1 and why in done.stderr and ":" in done.stderr.split("factory.yaml")[1][:3], done.stderr
    s = state(node)
    assert s["feeds"] == s["collections"] == s["devices"] == [] and not s["aliases"]


def test_a_token_changes_no_device_of_what_is_secret(node, tmp_path):
    (tmp_path / "secret.yaml").write_text("assets:\n  - path: hall/press\n    kind: machine\n    label: secret\n    ManufacturerName: Cogs\n")
    node.cli("apply", tmp_path / "secret.yaml")
    wait_for(lambda: node.json("inventory")["devices"], 10, "the device")
    ask = lambda method, where, body=None: requests.request(method, f"{node.url}/api/v1/{where}", data=body, headers={"Authorization": f"Bearer {node.token}", "Content-Type": "application/yaml"}, timeout=20)
    (tmp_path / "device.yaml").write_text("devices:\n  - name: hall/press\n    firmware: '1'\n")
    done = ask("POST", "apply", (tmp_path / "device.yaml").read_text())
    assert done.status_code == 403 and "labelled secret" in done.text, done.text
    node.cli("apply", tmp_path / "device.yaml")
    assert "hall/press" in node.cli("export").stdout.split("devices:")[1]
    exported = ask("GET", "export")
    assert exported.status_code == 200 and "devices:" not in exported.text
