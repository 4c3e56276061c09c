# SPDX-License-Identifier: Apache-2.0
"""Points from elsewhere: files by hand, and the InfluxDB client as gateways use it."""
import gzip
import random
import struct

import requests
from influxdb_client import InfluxDBClient, Point
from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.client.write_api import SYNCHRONOUS
import pytest


def rows(node, path):
    return node.history(path, "--from", "2020-01-01")


def test_what_is_exported_is_imported_bit_for_bit(node, tmp_path):
    """Through CSV into other signals, and out again; the file has more than one piece of a MiB."""
    rng = random.Random(4)
    doubles = [struct.unpack("d", struct.pack("Q", rng.getrandbits(64)))[0] for _ in range(30000)]
    doubles = [d for d in doubles if d == d and abs(d) != float("inf")]
    texts = ['say "hi"', "a,b", "x\ny", "déjà vu; ok", "'", "1e3", "true"]
    csv = tmp_path / "in.csv"
    with csv.open("w") as f:
        f.write("time,hall/m/number,hall/m/text\n")
        for i, d in enumerate(doubles):
            text = '"' + texts[i % len(texts)].replace('"', '""') + '"'
            f.write(f"{1767592800 + i},{d!r},{text}\n")
    assert csv.stat().st_size > 1 << 20
    said = node.cli("import", csv).stdout
    assert f"{2 * len(doubles)} points imported" in said and "2 signals are new" in said
    first = node.cli("history", "hall", "--from", "2020-01-01", "--csv").stdout
    assert first.count("\n") > 2 * len(doubles)
    (tmp_path / "out.csv").write_text(first)
    node.cli("import", tmp_path / "out.csv", "--at", "copy")
    second = node.cli("history", "copy/hall", "--from", "2020-01-01", "--csv").stdout
    assert second.replace("\ncopy/", "\n") == first
    assert [float(v) for _, v, _ in rows(node, "copy/hall/m/number")] == doubles
    lines = node.cli("history", "copy/**", "--from", "2020-01-01", "--jsonl").stdout
    assert lines.count("\n") == 2 * len(doubles)


def test_a_fault_in_the_last_line_of_a_large_file_stores_nothing(node, tmp_path):
    csv = tmp_path / "in.csv"
    csv.write_text("time,hall/m/a\n" + "".join(f"{1767592800 + i},{i}.25\n" for i in range(100000)) + "soon,1\n")
    failed = node.cli("import", csv, check=False)
    assert failed.returncode == 1 and "line 100002" in failed.stderr and "soon" in failed.stderr
    assert node.cli("ls", "hall", check=False).returncode == 1
    assert node.cli("import", csv, "--dry-run", check=False).returncode == 1


def test_the_influxdb_client_writes_and_is_told_what_is_wrong(node):
    with InfluxDBClient(url=node.url, token=node.token, org="koppel", enable_gzip=True) as client:
        write = client.write_api(write_options=SYNCHRONOUS)
        write.write("bucket", record=[Point("spindle").tag("machine", "mill 1").field("load", 12.5 + i).field("n", i)
                                      .time(1767592800_000000000 + i) for i in range(1000)])
        write.write("bucket", record="spindle,machine=mill\\ 1 program=\"O1004\" 1767592800", write_precision="s")
        assert [(t, float(v)) for t, v, _ in rows(node, "spindle/mill 1/load")][:2] == [
            ("2026-01-05T06:00:00Z", 12.5), ("2026-01-05T06:00:00.000000001Z", 13.5)]
        assert len(rows(node, "spindle/mill 1/n")) == 1000
        assert node.value("spindle/mill 1/n")["type"] == "int64"
        assert rows(node, "spindle/mill 1/program") == [("2026-01-05T06:00:00Z", "O1004", 0)]
        with pytest.raises(InfluxDBError, match="line 2"):
            write.write("bucket", record="spindle,machine=x load=1\nspindle,machine=x load=no")
    with InfluxDBClient(url=node.url, token="wrong", org="koppel") as client:
        with pytest.raises(InfluxDBError):
            client.write_api(write_options=SYNCHRONOUS).write("bucket", record="a,b=c d=1")


def test_a_packed_body_that_is_damaged_or_a_bomb_is_refused(node):
    def post(body, coding="gzip"):
        return requests.post(node.url + "/write?precision=s", body, timeout=20,
                             headers={"Authorization": "Bearer " + node.token, "Content-Encoding": coding})
    assert post(gzip.compress(b"m,t=a v=1 1767592800")).status_code == 204
    for body in (b"m,t=a v=1", gzip.compress(b"m v=1")[:-4], gzip.compress(b"m,t=a v=2") + b"x"):
        assert post(body).status_code == 400
    bomb = post(gzip.compress(b" " * (64 << 20)))
    assert bomb.status_code in (409, 413) and "pieces" in bomb.text
    assert post(b"", "br").status_code == 400
    assert len(rows(node, "m/a/v")) == 1


def test_intervals_that_are_listed_are_imported_as_they_are(node, tmp_path):
    """More than one piece of a MiB; sent twice they are there once."""
    rows = ["asset,kind,start,end,state,reason,note"]
    for i in range(20000):
        start = 1767592800 + 60 * i
        rows.append(f"hall/m{i % 3},state,{start},{start + 60},running,," if i % 2 else
                    f'hall/m{i % 3},stop,{start},{start + 30},,"no material","{"déjà vu, " * 6}{i}"')
    csv = tmp_path / "in.csv"
    csv.write_text("\n".join(rows) + "\n")
    assert csv.stat().st_size > 1 << 20
    for _ in range(2):
        assert "20000 intervals imported, from 2026-01-05T06:00:00Z to 2026-01-19T" in node.cli("import", csv).stdout
    listed = lambda path: node.cli("intervals", path, "--from", "2026-01-01", "--to", "2026-02-01", "--csv").stdout
    first = listed("hall/m1")
    assert len(first.splitlines()) == 1 + 20000 // 3 + (20000 % 3 > 1)
    (tmp_path / "out.csv").write_text(first)
    node.cli("import", tmp_path / "out.csv", "--at", "copy")
    bare = lambda text: [line.split(",", 1)[1] for line in text.splitlines()]
    assert [line.replace("copy/hall", "hall", 1) for line in bare(listed("copy/hall/m1"))] == bare(first)
    sums = node.json("intervals", "hall/m1", "--sum", "--from", "2026-01-01", "--to", "2026-02-01")
    values = {v["value"]: v["ns"] for v in sums["assets"][0]["steps"][0]["values"]}
    assert values["running"] == sum(60 * 10**9 for i in range(1, 20000, 2) if i % 3 == 1)
    csv.write_text("\n".join(rows + ["hall/m0,nap,1,2,,,"]) + "\n")
    failed = node.cli("import", csv, "--at", "other", check=False)
    assert failed.returncode == 1 and "line 20002" in failed.stderr and "nap" in failed.stderr
    assert node.cli("ls", "other", check=False).returncode == 1
