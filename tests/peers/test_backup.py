# SPDX-License-Identifier: Apache-2.0
"""Backups of a running node that takes values, restored as new nodes that know the same."""
import os
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import Node, wait_for

PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def machine(node, servers):
    server = servers("opcua_sim", "--variables", 3, "--rate", 20)
    node.cli("couple", server.url, "--name", "m", "--at", "hall/m", "--set", "sampling=20ms")
    node.wait_link("m", "online")
    time.sleep(1)
    return "hall/m/Line/v0"


@pytest.fixture
def restored(tmp_path):
    """restored(FILE, flags...) -> a running node made of that copy."""
    made = []

    def make(node, file, *flags):
        folder = tmp_path / f"new{len(made)}"
        folder.mkdir()
        new = Node(folder, init=False)
        node.cli("restore", file, new.dir, *flags)
        assert sorted(os.listdir(new.dir)) == ["factory.db", "node.key"]
        assert "whole" in new.cli("audit", "verify").stdout, "its audit log"
        assert new.cli("audit", "list", "--action", "restore").stdout.count(str(file)) == 1
        new.start()
        made.append(new)
        return new
    yield make
    for new in made:
        new.kill()


def test_an_encrypted_backup_makes_the_same_node_elsewhere(node, machine, restored, tmp_path):
    to = tmp_path / "nas"
    to.mkdir()
    words = tmp_path / "passphrase"
    words.write_text(PASSPHRASE + "\n")
    node.cli("backup", "--to", to, "--passphrase-file", words, "--keep", 2)
    before = node.history(machine)
    for _ in range(3):
        time.sleep(1.1)
        node.cli("backup", "--now")
    state = node.json("backup", "--prove")
    copies = sorted(to.iterdir())
    assert len(copies) == 2 and all(r["error"] is None for r in state["runs"]) and state["runs"][0]["proven"]
    assert state["encrypted"] and PASSPHRASE.encode() not in (node.dir / "factory.db").read_bytes()
    assert b"SQLite format" not in copies[-1].read_bytes()
    refused = node.cli("restore", copies[-1], tmp_path / "no", "--passphrase-file", __file__, check=False)
    assert refused.returncode == 1 and "the passphrase does not open" in refused.stderr
    new = restored(node, copies[-1], "--passphrase-file", words)
    after = new.history(machine)
    assert after[:len(before)] == before
    assert new.cli("cert", "show").stdout == node.cli("cert", "show").stdout  # a secret, so the key is right


def test_a_plain_backup_needs_its_key_or_forgets_the_secrets(node, machine, restored, tmp_path):
    copy = tmp_path / "copy.db"
    node.cli("backup", copy)
    refused = node.cli("restore", copy, tmp_path / "no", check=False)
    assert refused.returncode == 2 and "--key" in refused.stderr and not (tmp_path / "no").exists()
    same = restored(node, copy, "--key", node.dir / "node.key")
    assert same.cli("cert", "show").stdout == node.cli("cert", "show").stdout
    other = restored(node, copy, "--new-key")
    other.wait_link("m", "online")
    assert other.cli("cert", "show").stdout != node.cli("cert", "show").stdout
    assert len(other.history(machine)) > 10


def test_how_far_a_backup_is_can_be_seen_and_its_speed_is_a_setting(node, machine, tmp_path):
    to = tmp_path / "nas"
    to.mkdir()
    with ThreadPoolExecutor() as pool:
        made = pool.submit(node.cli, "backup", "--to", to, "--limit-rate", "100kB")
        wait_for(lambda: "a copy is being made: " in node.cli("status").stdout)
        seen = node.json("status")["backup"]
        assert seen["running"] and 0 < seen["doneBytes"] <= seen["totalBytes"]
        shown = node.cli("backup").stdout
        assert "a copy is being made: " in shown and "no more than 100.0 kB a second" in shown
        made.result()
    state = node.json("backup")
    assert state["bytesPerSecond"] == 100000 and state["runs"][0]["ms"] >= 0.8 * state["runs"][0]["bytes"] / 100
    assert not node.json("status")["backup"]["running"] and "being made" not in node.cli("status").stdout
    assert node.json("backup", "--limit-rate", "half")["bytesPerSecond"] is None
    assert node.cli("backup", "--limit-rate", "fast", check=False).returncode == 2


def test_a_folder_that_goes_away_is_an_alarm_and_comes_back(node, machine, tmp_path):
    to = tmp_path / "nas"
    to.mkdir()
    node.cli("backup", "--to", to)
    to.rename(tmp_path / "away")
    failed = node.cli("backup", "--now", check=False)
    assert failed.returncode == 1 and "No such file" in failed.stderr
    wait_for(lambda: any(c["key"] == "store-backup" for c in node.json("status")["conditions"]))
    (tmp_path / "away").rename(to)
    node.cli("backup", "--now")
    wait_for(lambda: not any(c["key"] == "store-backup" for c in node.json("status")["conditions"]))


def test_a_damaged_file_is_repaired_into_a_node_that_runs(node, machine, restored, tmp_path):
    copy, sound = tmp_path / "copy.db", tmp_path / "sound.db"
    node.cli("import", "-", input="time,hall/old/a\n" + "".join(f"{1767592800 + i},{i}.125\n" for i in range(20000)))
    wait_for(lambda: int(node.json("usage")["points"]) >= 16000, 60, "sealed chunks")
    node.cli("backup", copy)
    db = sqlite3.connect(copy)  # one chunk rots
    (rotten, n) = db.execute("select id, n from chunk where n > 100 order by id limit 1").fetchone()
    db.execute("update chunk set data = cast(substr(data, 1, 60) || x'dead' || substr(data, 63) as blob) where id = ?", (rotten,))
    db.commit()
    db.close()
    found = node.cli("check", copy, check=False)
    assert found.returncode == 1 and f"chunk {rotten} " in found.stdout
    refused = node.cli("restore", copy, tmp_path / "no", "--new-key", check=False)
    assert refused.returncode == 1 and "check --repair" in refused.stderr
    said = node.cli("check", copy, "--repair", sound).stdout
    assert f"{n} points from 2026-01-05" in said and "sound copy without the above" in said
    assert node.cli("check", sound).returncode == 0
    new = restored(node, sound, "--key", node.dir / "node.key")
    assert len(new.history("hall/old/a", "--from", "2026-01-01")) == 20000 - n


def test_a_node_killed_in_a_backup_leaves_no_half_copy_under_its_name(node, machine, tmp_path):
    to = tmp_path / "nas"
    to.mkdir()
    node.cli("backup", "--to", to)
    for _ in range(4):
        os.kill(node.process.pid, signal.SIGKILL)
        node.process.wait()
        node.start()
        node.cli("backup", "--now")
    for copy in to.glob("*.db"):
        assert sqlite3.connect(copy).execute("pragma integrity_check").fetchone() == ("ok",)
