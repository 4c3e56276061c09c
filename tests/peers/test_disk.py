# SPDX-License-Identifier: Apache-2.0
"""A real disk that is full, and one that may not be written to, under a node that takes values."""
import os
import subprocess

import pytest
import requests

from conftest import KOPPEL, Node, wait_for


def mount(*words):
    return subprocess.run(["mount", *map(str, words)], capture_output=True, text=True)


@pytest.fixture
def disk(tmp_path):
    """A disk of 12 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = mount("-t", "tmpfs", "-o", "size=12m", "none", folder)
    if done.returncode:
        pytest.skip("only root can mount a small disk: " + done.stderr.strip())
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def small(disk, tmp_path, servers):
    """A node on it with a machine."""
    n = Node(disk)
    n.log = tmp_path / "run.log"
    n.start()
    server = servers("opcua_sim", "--variables", 3, "--rate", 20)
    n.cli("couple", server.url, "--name", "m", "--at", "hall/m", "--set", "sampling=20ms")
    n.wait_link("m", "online")
    yield n
    n.stop()


def write(node, line):
    """As Telegraf does."""
    return requests.post(node.url + "/write?precision=s", data=line, headers={"Authorization": "Token " + node.token}, timeout=60)


def fill(file):
    with file.open("wb", buffering=0) as f:
        try:
            while f.write(b"x" * 4096):
                pass
        except OSError:
            os.fsync(f.fileno())


def test_on_a_full_disk_live_values_go_on_imports_wait_and_nothing_is_lost(small, disk):
    fill(disk / "filler")
    wait_for(lambda: small.json("status")["store"]["stalled"], 60, "the stall")
    assert any("the disk is full" in c["text"] for c in small.json("status")["conditions"])
    before = small.value("hall/m/Line/v0")["time"]
    wait_for(lambda: small.value("hall/m/Line/v0")["time"] > before, what="a live value")
    told = write(small, "old,site=ehv x=1 1767225600\n")
    assert told.status_code == 503 and told.headers["Retry-After"] and "send it again later" in told.text
    assert small.cli("ls", "old", check=False).returncode == 1
    (disk / "filler").unlink()
    wait_for(lambda: not small.json("status")["store"]["stalled"], 60, "the end of the stall")
    assert write(small, "old,site=ehv x=1 1767225600\n").status_code == 204
    assert small.history("old/ehv/x", "--from", "2025-12-31") == [("2026-01-01T00:00:00Z", 1, 0)]
    state = small.json("status")
    assert state["hub"]["lost"] == 0 and state["store"]["refused"] == 0
    wait_for(lambda: not any("the disk is full" in c["text"] for c in small.json("status")["conditions"]))


def test_a_node_on_a_read_only_disk_says_so_and_its_file_can_be_checked(small, disk):
    small.cli("set", "hall/m/Line/v0", "--description", "before")
    small.stop()
    assert mount("-o", "remount,ro", disk).returncode == 0
    done = subprocess.run([KOPPEL, "run", small.dir, "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "Read-only file system" in done.stderr and str(small.dir) in done.stderr
    checked = subprocess.run([KOPPEL, "check", small.dir / "factory.db"], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stderr
    assert mount("-o", "remount,rw", disk).returncode == 0
    small.start()
    assert small.value("hall/m/Line/v0")["description"] == "before"
