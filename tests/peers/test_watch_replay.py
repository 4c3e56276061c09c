# SPDX-License-Identifier: Apache-2.0
"""koppel watch replay from the command line: files, standard input and output, and what it says when something is wrong."""
import math
import subprocess

from conftest import KOPPEL


def replay(*args, **more):
    return subprocess.run([KOPPEL, "watch", "replay", *map(str, args)], capture_output=True, text=True, timeout=60, **more)


def rows(n, spike):
    return "".join(f"{i},{50 + 10 * math.sin(i / 8):.4f},{'x' * (i % 3)}\n" if i != spike else f"{i},400,\n" for i in range(n))


def test_a_file_and_standard_input_give_the_same_bytes_each_time(tmp_path):
    file, said = tmp_path / "in.csv", tmp_path / "said.csv"
    file.write_text("when,load,note\n" + rows(2000, 1500))
    options = ["--train", 400, "--time", "when", "--without", "note"]
    done = replay(file, "--out", said, *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "1 signal, 2000 rows, 1600 judged: 1 alarms, 0 values that are no measurement\n"
    lines = said.read_text().splitlines()
    assert lines[0] == "index,score,alarm" and len(lines) == 2001
    assert [line for line in lines[1:] if line.endswith(",1")][0].startswith("1500,")
    with file.open() as stdin:
        piped = replay("-", "--out", "-", *options, stdin=stdin)
    assert piped.stdout == said.read_text() and "1600 judged" in piped.stderr


def test_what_is_wrong_is_told_with_file_and_line(tmp_path):
    file, none = tmp_path / "in.csv", tmp_path / "no" / "said.csv"
    file.write_text("a,b\n1,2\n3\n")
    cases = [
        ([file, "--train", 20, "--out", "-"], 1, f"{file}: line 3: 1 cells, but 2 columns"),
        ([file, "--train", 20, "--out", "-", "--time", "when"], 1, f"{file}: line 1: no column is called 'when'"),
        ([file, "--train", 5, "--out", "-"], 1, "rows to learn from"),
        ([file, "--train", 20, "--out", none], 1, f"{none}: No such file"),
        ([tmp_path / "none.csv", "--train", 20, "--out", "-"], 1, "none.csv: No such file"),
        ([file, "--out", "-"], 2, "--train N"),
        ([file, "--train", "many", "--out", "-"], 2, "--train N"),
        ([file, "--train", 20], 2, "--out FILE"),
        ([file, "--train", 20, "--out", "-", "--sep", ";;"], 2, "--sep takes one character"),
    ]
    for args, code, words in cases:
        done = replay(*args)
        assert done.returncode == code and words in done.stderr, (args, done.stderr)


def test_a_line_without_end_is_refused_and_a_long_file_is_not(tmp_path):
    endless, long = tmp_path / "endless.csv", tmp_path / "long.csv"
    endless.write_text("a\n1\n" + "1" * (2 << 20))
    assert "is longer than" in replay(endless, "--train", 20, "--out", "-").stderr
    long.write_text("when,load,note\n" + rows(60000, -1))  # more than a piece of it
    done = replay(long, "--train", 1000, "--out", tmp_path / "said.csv", "--plain", "--without", "when,note")
    assert done.returncode == 0 and "60000 rows, 59000 judged: 0 alarms" in done.stdout
