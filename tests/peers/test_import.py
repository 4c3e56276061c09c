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
