# SPDX-License-Identifier: Apache-2.0
"""Folders into which machines write files."""
import os
import random
import shutil
import time
from datetime import datetime, timedelta, timezone

import pytest

from conftest import wait_for

START = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=2)


def at(seconds):
    return (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def put(path, text, mode="w"):
    with open(path, mode) as f:
        f.write(text)


@pytest.fixture
def drop(tmp_path):
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


def couple(node, url, *settings):
    words = [w for s in ("poll=300ms", "quiet=400ms", *settings) for w in ("--set", s)]
    node.cli("couple", f"file://{url}", "--name", "drop", "--at", "hall", "--no-wait", *words)
    node.wait_link("drop", "online")


def rows(node, path):
    done = node.cli("history", path, "--from", "-3d", "--json", check=False)
    return [] if done.returncode else node.history(path, "--from", "-3d")


def wait_rows(node, path, n, seconds=20):
    return wait_for(lambda: len(r := rows(node, path)) >= n and r, seconds, f"{n} points of {path}")


def test_new_files_and_growing_files_are_read(node, drop):
    put(drop / "a.csv", f"time,oven/temperature,oven/state\n{at(0)},20.5,heating\n")
    couple(node, drop)
    wait_rows(node, "hall/oven/temperature", 1)
    put(drop / "a.csv", f"{at(1)},21.5,heating\n{at(2)},22.5,ho", "a")
    assert [r[1] for r in wait_rows(node, "hall/oven/temperature", 2)][:2] == [20.5, 21.5]
    put(drop / "a.csv", f"t\n{at(3)},23.5,hot\n", "a")
    assert [r[1] for r in wait_rows(node, "hall/oven/temperature", 4)] == [20.5, 21.5, 22.5, 23.5]
    put(drop / "b.csv", f"time,oven/temperature\n{at(4)},24.5\n")
    wait_rows(node, "hall/oven/temperature", 5)
    assert node.value("hall/oven/temperature")["value"] == 24.5
    assert [r[1] for r in rows(node, "hall/oven/state")][-1] in ("hot",)


def test_a_last_line_without_an_end_counts_when_the_file_is_quiet(node, drop):
    put(drop / "a.csv", f"time,x/a\n{at(0)},1\n{at(1)},2")
    couple(node, drop)
    assert [r[1] for r in wait_rows(node, "hall/x/a", 2)] == [1, 2]


def test_spreadsheets_with_semicolons_decimal_commas_and_another_code_page(node, drop):
    (drop / "log.csv").write_bytes("Datum;Ofen/Größe;Ofen/Zustand\r\n".encode("cp1252")
                                   + f"{(START).strftime('%d.%m.%Y %H:%M:%S')};12,5;läuft\r\n".encode("cp1252"))
    couple(node, drop, "timezone=+00:00")
    assert wait_rows(node, "hall/Ofen/Größe", 1)[0][:2] == (at(0), 12.5)
    assert rows(node, "hall/Ofen/Zustand")[0][1] == "läuft"


def test_times_without_a_zone_are_of_the_zone_that_is_set(node, drop):
    put(drop / "a.csv", f"time,x/a\n{(START + timedelta(hours=5, minutes=30)).strftime('%Y-%m-%d %H:%M:%S')},1\n")
    couple(node, drop, "timezone=+05:30")
    assert wait_rows(node, "hall/x/a", 1)[0][0] == at(0)


@pytest.mark.parametrize("kind, text", [
    ("lines", "oven,nr=1 temperature=20.5 {ns}\n"),
    ("jsonl", '{{"time": "{t}", "oven/1": {{"temperature": 20.5}}}}\n'),
    ("plain", "oven/1/temperature 20.5 {t}\n"),
])
def test_other_formats(node, drop, kind, text):
    put(drop / "a.log", text.format(t=at(0), ns=int(START.timestamp()) * 10**9))
    couple(node, f"{drop}/*.log", "format=" + kind)
    assert wait_rows(node, "hall/oven/1/temperature", 1) == [(at(0), 20.5, 0)]


def test_bad_lines_are_left_out_counted_and_said_with_their_place(node, drop):
    put(drop / "a.csv", f"time,x/a\n{at(0)},1\nsoon,2\n{at(2)},3,4\n{at(3)},4\n{at(4)},warm\n\"{at(5)},5\n{at(6)},6\n")
    couple(node, drop)
    assert [r[1] for r in wait_rows(node, "hall/x/a", 3)] == [1, 4, 6]
    wait_for(lambda: " 4 bad" in node.coupling("drop")["detail"], what="the count")
    log = node.log.read_text()
    assert all(f"place=a.csv:{n} " in log for n in (3, 4, 6, 7)) and "a bad line is left out" in log
    assert node.coupling("drop")["state"] == "online"


def test_files_that_are_read_are_moved_and_bad_ones_set_aside(node, drop):
    put(drop / "good.csv", f"time,x/a\n{at(0)},1\n")
    put(drop / "bad.csv", "nothing here\nof use\n")
    (drop / "zero.csv").write_bytes(b"time,x/a\n" + bytes(100))
    couple(node, drop, "after=move")
    wait_for(lambda: (drop / "done" / "good.csv").exists() and (drop / "failed" / "bad.csv").exists() and (drop / "failed" / "zero.csv").exists(),
             what="the moves")
    assert [r[1] for r in rows(node, "hall/x/a")] == [1]
    put(drop / "good.csv", f"time,x/a\n{at(1)},2\n")
    wait_for(lambda: (drop / "done" / "good.csv.1").exists(), what="the second move")
    assert [r[1] for r in rows(node, "hall/x/a")] == [1, 2]
    assert sorted(p.name for p in drop.iterdir()) == ["done", "failed"]


def test_files_are_deleted_only_after_their_points_are_stored(node, drop):
    couple(node, drop, "after=delete")
    for i in range(20):
        put(drop / f"{i}.part", f"time,x/a\n{at(i)},{i}\n")
        os.rename(drop / f"{i}.part", drop / f"{i}.csv")
    wait_for(lambda: not list(drop.iterdir()), what="an empty folder")
    node.kill()
    node.start()
    assert [r[1] for r in rows(node, "hall/x/a")] == list(range(20))


def test_a_file_rewritten_in_place_is_read_anew_even_with_the_same_length(node, drop):
    put(drop / "now.csv", f"time,x/a\n{at(0)},1\n")
    couple(node, drop)
    wait_rows(node, "hall/x/a", 1)
    for i in range(1, 6):
        put(drop / "now.csv", f"time,x/a\n{at(i)},{i + 1}\n")
        assert [r[1] for r in wait_rows(node, "hall/x/a", i + 1)] == list(range(1, i + 2))


def test_a_log_that_is_turned_over_is_read_on_under_its_new_name(node, drop):
    put(drop / "log.csv", f"time,x/a\n{at(0)},1\n{at(1)},2")
    couple(node, drop, "quiet=1h")
    wait_rows(node, "hall/x/a", 1)
    node.cli("couplings", "drop", "--off")
    put(drop / "log.csv", f"5\n{at(2)},3\n", "a")
    os.rename(drop / "log.csv", drop / "log.1.csv")
    put(drop / "log.csv", f"time,x/a\n{at(3)},4\n")
    node.cli("couplings", "drop", "--on")
    assert [r[1] for r in wait_rows(node, "hall/x/a", 4)] == [1, 25, 3, 4]
    assert node.coupling("drop")["counters"]["duplicates"] == 0


def test_links_and_pipes_are_not_followed(node, drop, tmp_path):
    put(tmp_path / "secret.csv", f"time,x/secret\n{at(0)},1\n")
    os.symlink(tmp_path / "secret.csv", drop / "link.csv")
    os.mkfifo(drop / "pipe.csv")
    put(drop / "a.csv", f"time,x/a\n{at(0)},1\n")
    couple(node, drop)
    wait_rows(node, "hall/x/a", 1)
    assert rows(node, "hall/x/secret") == []


def test_a_folder_that_is_not_there_is_waited_for(node, drop):
    shutil.rmtree(drop)
    node.cli("couple", f"file://{drop}", "--name", "drop", "--at", "hall", "--no-wait")
    node.wait_link("drop", "waiting")
    assert "cannot be opened" in node.coupling("drop")["detail"]
    drop.mkdir()
    put(drop / "a.csv", f"time,x/a\n{at(0)},1\n")
    node.wait_link("drop", "online")
    wait_rows(node, "hall/x/a", 1)


def test_settings_that_make_no_sense_are_refused(node, drop):
    for words, why in ((["relative/x"], "folder"), ([str(drop), "timezone=Mars"], "timezone"), (["/a/*/b"], "last part")):
        sets = [w for s in words[1:] for w in ("--set", s)]
        done = node.cli("couple", "file://" + words[0], "--name", "x", *sets, check=False)
        assert done.returncode == 1 and why in done.stderr, done.stderr
    node.cli("couple", f"file://{drop}/*.csv", "--no-wait")
    assert node.coupling("drop")["at"] == "drop", "its name comes from the folder"


def test_a_file_of_many_pieces_is_read_whole_while_others_get_their_turn(node, drop):
    n = 300000
    with open(drop / "a.csv", "w") as f:
        f.write("time,x/a\n" + "".join(f"{int(START.timestamp() * 1000) + i},{i}\n" for i in range(n)))
    assert (drop / "a.csv").stat().st_size > 5 << 20
    put(drop / "b.csv", f"time,x/b\n{at(0)},1\n")
    couple(node, drop, "quiet=1h")
    wait_rows(node, "hall/x/b", 1)
    wait_for(lambda: f" {n + 1} points" in node.coupling("drop")["detail"], 60, "all points")
    assert node.json("sql", "select count(*) from history where signal = 'hall/x/a'")["rows"][0][0] == n


def test_nothing_is_lost_or_doubled_over_kills_while_a_file_grows(node, drop):
    rng = random.Random(7)
    couple(node, drop, "quiet=1h")
    total = 0
    with open(drop / "a.csv", "w") as f:
        f.write("time,x/a\n")
        for _ in range(5):
            for _ in range(rng.randrange(200, 4000)):
                line = f"{(START + timedelta(milliseconds=total)).isoformat(timespec='milliseconds').replace('+00:00', 'Z')},{total}\n"
                f.write(line)
                total += 1
            f.flush()
            time.sleep(rng.random() * 0.4)
            node.kill()
            node.start()
    def all_there():
        return node.json("sql", "select count(*) n from history where signal = 'hall/x/a'")["rows"][0][0] >= total
    wait_for(all_there, 60, "all points")
    done = node.json("sql", "select count(*), count(distinct time), min(value), max(value), sum(value) from history where signal = 'hall/x/a'")
    assert done["rows"][0] == [total, total, 0, total - 1, total * (total - 1) / 2]
