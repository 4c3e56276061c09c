# SPDX-License-Identifier: Apache-2.0
"""The command line on a running node, as a person and as a program use it."""
import json
import re
import sqlite3
import subprocess

import pytest

from conftest import KOPPEL, Node, wait_for


@pytest.fixture
def factory(node, servers):
    """A node coupled to a server whose five signals count up five times a second."""
    server = servers("opcua_sim", "--variables", 5, "--rate", 5)
    said = node.cli("couple", server.url, "--name", "line", "--at", "hall")
    assert "line is online: 5 signals" in said.stdout
    return node


def koppel(*words, **options):
    return subprocess.run([KOPPEL, *map(str, words)], capture_output=True, text=True, timeout=60, **options)


def test_misuse_is_exit_code_2_and_names_the_nearest():
    for words, said in [(["statsu"], "did you mean 'status'"), (["ls", "--recursiv-e"], "did you mean --recursive"),
                        (["get"], "it takes: PATH..."), (["history", "x", "--from", "soon"], "no time such as")]:
        done = koppel(*words)
        assert done.returncode == 2 and said in done.stderr, (words, done.stderr)


def test_every_verb_has_help_with_an_example():
    verbs = re.findall(r"^  (\w+) ", koppel("help").stdout, re.M)
    assert len(verbs) >= 20
    for verb in verbs:
        done = koppel(verb, "--help")
        assert done.returncode == 0 and f"example: " in done.stdout and verb in done.stdout, verb


def test_each_word_of_flex_has_help_of_its_own_and_refuses_what_it_does_not_take():
    words = re.findall(r"^  (\w+)  ", koppel("flex", "--help").stdout, re.M)
    assert len(words) == 12
    for word in words:
        text = koppel("flex", word, "--help").stdout
        assert text.startswith(f"koppel flex {word}") and f"example: koppel flex {word}" in text and len(text.splitlines()) < 30, word
    assert "--weeks" in koppel("help", "flex", "capacity").stdout and "--weeks" not in koppel("flex", "oee", "--help").stdout
    done = koppel("flex", "oee", "--weeks", "3")
    assert done.returncode == 2 and "flex oee takes no --weeks" in done.stderr


def test_a_node_that_does_not_run_says_how_to_start_it(tmp_path):
    node = Node(tmp_path)
    done = node.cli("status", check=False)
    assert done.returncode == 1 and "koppel run" in done.stderr
    done = koppel("status", "--node", tmp_path / "nothing")
    assert done.returncode == 1 and "koppel init" in done.stderr
    assert "rows" in json.loads(node.cli("sql", "select count(*) from signal", "--json").stdout)  # the file itself


def test_what_is_listed_is_what_is_there(factory):
    assert "hall/" in factory.cli("ls").stdout
    lines = [json.loads(l) for l in factory.cli("ls", "-r", "--json").stdout.splitlines()]
    assert len(lines) == 5 and all(l["status"]["code"] == 0 for l in lines)
    text = factory.cli("ls", "-r", "hall").stdout
    assert "\033" not in text and "Good" in text  # no colours into a pipe
    assert factory.cli("get", "hall/no", check=False).returncode == 1


def test_tail_streams_until_its_reader_goes(factory):
    path = json.loads(factory.cli("ls", "-r", "--json").stdout.splitlines()[0])["path"]
    tail = subprocess.Popen([KOPPEL, "tail", path, "--json", "--node", factory.dir], stdout=subprocess.PIPE, text=True)
    values = [json.loads(tail.stdout.readline())["value"] for _ in range(8)]
    tail.stdout.close()
    assert tail.wait(20) is not None
    assert values == sorted(values) and values[-1] > values[0]


def test_history_as_table_csv_json_plot_and_sql(factory):
    path = json.loads(factory.cli("ls", "-r", "--json").stdout.splitlines()[0])["path"]
    wait_for(lambda: len(factory.history(path)) >= 10, what="ten points")
    csv = factory.cli("history", path, "--csv").stdout.splitlines()
    assert csv[0] == "signal,time,value,status" and csv[1].startswith(path + ",20")
    buckets = factory.json("history", path, "--every", "1s")["series"][0]["buckets"]
    assert sum(b["n"] for b in buckets) >= 10 and all(b["min"] <= b["mean"] <= b["max"] for b in buckets)
    plot = factory.cli("history", path, "--plot", "--from", "-1m", env={"COLUMNS": "80", "PATH": "/usr/bin"}).stdout
    assert any("\u2800" < c <= "\u28ff" for c in plot) and max(map(len, plot.splitlines())) <= 80
    rows = factory.json("sql", f"select value from history where signal = '{path}' order by time limit 3")["rows"]
    assert rows[1][0] - rows[0][0] == 1 and rows[2][0] - rows[1][0] == 1


def test_sql_reads_only_and_sees_no_secrets(factory):
    for statement in ("delete from signal", "select * from secret", "select * from token", "drop table signal"):
        assert factory.cli("sql", statement, check=False).returncode == 1, statement
    assert factory.json("sql", "select count(*) from signal")["rows"] == [[5]]


def test_a_backup_taken_while_values_flow_is_whole(factory, tmp_path):
    path = json.loads(factory.cli("ls", "-r", "--json").stdout.splitlines()[0])["path"]
    wait_for(lambda: len(factory.history(path)) >= 10, what="ten points")
    copy = tmp_path / "copy.db"
    factory.cli("backup", copy)
    assert "0 faults" in factory.cli("check", copy).stdout
    with sqlite3.connect(copy) as db:
        assert db.execute("select count(*) from signal").fetchone() == (5,)
    assert factory.cli("backup", copy, check=False).returncode == 1  # is there already


def test_apply_of_an_export_changes_nothing_and_of_a_change_just_that(factory, tmp_path):
    file = tmp_path / "factory.yaml"
    factory.cli("export", file)
    assert factory.json("apply", file)["plan"] == []
    opens = factory.coupling("line")["counters"]["opens"]
    file.write_text("assets:\n  - path: hall\n    label: partner\n    SerialNumber: H-1\n")
    assert len(factory.json("apply", file, "--dry-run")["plan"]) == 1
    assert factory.json("get", "hall")["assets"][0]["label"] == "inherit"
    factory.cli("apply", file)
    hall = factory.json("get", "hall")["assets"][0]
    assert hall["label"] == "partner" and hall["nameplate"]["SerialNumber"] == "H-1"
    assert factory.json("apply", file)["plan"] == []
    assert factory.coupling("line")["counters"]["opens"] == opens  # an untouched coupling never reconnects


def test_a_wrong_file_changes_nothing_and_names_the_place(factory, tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text("assets:\n  - path: hall2\nsignals:\n  - path: hall/Line/v0\n    lable: secret\n")
    for verb in ("check", "apply"):
        done = factory.cli(verb, file, check=False)
        assert done.returncode == 1 and "wrong.yaml:5:5" in done.stderr and "'label'" in done.stderr, done.stderr
    assert factory.cli("get", "hall2", check=False).returncode == 1


def test_things_are_renamed_labelled_and_keep_their_history(factory):
    path = json.loads(factory.cli("ls", "-r", "--json").stdout.splitlines()[0])["path"]
    wait_for(lambda: len(factory.history(path)) >= 5, what="five points")
    before = factory.history(path)[:5]
    factory.cli("set", path, "--path", "elsewhere/counter", "--description", "counts", "--unit", "C62")
    assert factory.history("elsewhere/counter")[:5] == before
    signal = factory.value("elsewhere/counter")
    assert signal["unit"] == "C62" and signal["description"] == "counts"
    assert factory.cli("set", "elsewhere/counter", "--label", "mine", check=False).returncode == 1


def test_uncoupling_keeps_the_history_and_forgetting_the_signals_does_not(factory, servers):
    path = json.loads(factory.cli("ls", "-r", "--json").stdout.splitlines()[0])["path"]
    wait_for(lambda: len(factory.history(path)) >= 5, what="five points")
    factory.cli("uncouple", "line")
    assert len(factory.history(path)) >= 5 and factory.value(path)["stale"]
    server = servers("opcua_sim", "--variables", 2, "--rate", 5)
    factory.cli("couple", server.url, "--name", "second")
    factory.cli("uncouple", "second", "--forget")
    assert len(factory.cli("ls", "-r", "--json").stdout.splitlines()) == 5
