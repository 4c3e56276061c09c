# SPDX-License-Identifier: Apache-2.0
"""The engines that stand beside koppel in bench/ingest and bench/query, all fed the same line protocol over HTTP on loopback.
VictoriaMetrics and InfluxDB are those of Debian (packages victoria-metrics and influxdb); one that is missing is named."""
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

from lib import RELEASE, Node, free_port, wait_for


def http(url, data=None, headers=None):
    with urllib.request.urlopen(urllib.request.Request(url, data=data, headers=headers or {}), timeout=300) as reply:
        return reply.read()


def du(folder):
    return sum(os.lstat(Path(at, f)).st_blocks * 512 for at, _, files in os.walk(folder) for f in files)


class Peer:
    program = None

    def __init__(self):
        scratch = RELEASE / "bench"
        scratch.mkdir(parents=True, exist_ok=True)
        self.dir = Path(tempfile.mkdtemp(dir=scratch))
        self.base = f"http://127.0.0.1:{free_port()}"
        self.headers = {}

    @classmethod
    def is_there(cls):
        return shutil.which(cls.program) is not None

    def start(self):
        self.process = subprocess.Popen(self.command(), env={**os.environ, **self.env()}, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        wait_for(self.name + " answers", self.answers, 60)

    def answers(self):
        try:
            http(self.base + self.ready)
            return True
        except OSError:
            return False

    def env(self):
        return {}

    @property
    def pid(self):
        return self.process.pid

    def write(self, body):
        http(self.base + self.path, body, self.headers)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def remove(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir)

    def bytes(self):
        return du(self.dir)


class Koppel(Peer):
    name = "koppel"
    path = "/write"

    def __init__(self):
        self.node = Node()
        self.dir = self.node.dir

    @classmethod
    def is_there(cls):
        return True

    def start(self):
        self.node.start()
        self.base = f"http://127.0.0.1:{self.node.status()['port']}"
        self.headers = {"Authorization": "Bearer " + self.node.token}

    @property
    def pid(self):
        return self.node.process.pid

    def settle(self):
        """Until sealing has nothing to do: the journal no longer shrinks."""
        before = None
        while before is None or self.node.status()["store"]["journalBytes"] < before:
            before = self.node.status()["store"]["journalBytes"]
            time.sleep(3)

    def stop(self):
        self.node.stop()

    def bytes(self):
        """Pages in use; where the journal was is free for what comes next. What still waits in the journal (30 minutes at most) is
        counted as the sealed points are."""
        with sqlite3.connect(self.dir / "factory.db") as db:
            points, chunks = db.execute("select sum(points), sum(bytes) from stored").fetchone()
            pages = db.execute("select sum(pgsize) from dbstat where name <> 'journal'").fetchone()[0]
        print(f"koppel: {points:,} of {self.points:,} points are sealed, in chunks of {chunks / points:.2f} bytes a point")
        return pages * self.points / points

    def remove(self):
        self.node.remove()

    def get(self, path, **query):
        return http(f"{self.base}/api/v1/{path}?{urllib.parse.urlencode(query, doseq=True)}", headers=self.headers)


class Victoria(Peer):
    name = "VictoriaMetrics"
    program = "victoria-metrics"
    path, ready = "/write", "/health"

    def command(self):
        return [self.program, f"-storageDataPath={self.dir}", f"-httpListenAddr={self.base[7:]}", "-retentionPeriod=100y",
                "-loggerLevel=ERROR"]

    def settle(self):
        http(self.base + "/internal/force_flush")
        http(self.base + "/internal/force_merge")
        time.sleep(5)


class Influx(Peer):
    name = "InfluxDB"
    program = "influxd"
    path, ready = "/write?db=k", "/ping"

    def env(self):
        return {"INFLUXDB_HTTP_BIND_ADDRESS": self.base[7:], "INFLUXDB_BIND_ADDRESS": f"127.0.0.1:{free_port()}",
                "INFLUXDB_DATA_DIR": f"{self.dir}/data", "INFLUXDB_DATA_WAL_DIR": f"{self.dir}/wal",
                "INFLUXDB_META_DIR": f"{self.dir}/meta", "INFLUXDB_REPORTING_DISABLED": "true",
                "INFLUXDB_HTTP_LOG_ENABLED": "false", "INFLUXDB_DATA_CACHE_SNAPSHOT_WRITE_COLD_DURATION": "5s",
                "INFLUXDB_MONITOR_STORE_ENABLED": "false"}

    def command(self):
        return [self.program, "-config", "/dev/null"]

    def start(self):
        super().start()
        http(self.base + "/query?" + urllib.parse.urlencode({"q": "create database k"}), b"")

    def settle(self):
        time.sleep(25)


ALL = [Koppel, Victoria, Influx]


def there():
    for kind in ALL:
        if kind.is_there():
            yield kind
        else:
            print(f"{kind.name}: not measured, {kind.program} is not installed")
