# SPDX-License-Identifier: Apache-2.0
"""Watches on a running node: values as machines write them into files, alarms with their reasons, restarts, what people say."""
import math
import random
import time
from datetime import datetime, timezone

import pytest

from conftest import wait_for
from web_client import Api

WORDS = {"unusual", "sensor", "overdue"}


class Plant:
    """A machine that writes a row a second, of which the last ones are fresh."""

    def __init__(self, node, folder, names=("pressure",), lead=1500, head="press"):
        self.node, self.api, self.names, self.folder = node, Api(node), names, folder
        self.random = random.Random(11)
        self.at = int(time.time()) - 3400 - lead
        self.n, self.head = 0, head
        self.file = folder / "press.csv"
        self.file.write_text("time," + ",".join(f"{head}/{n}" for n in names) + "\n")
        self.write(lead)
        node.cli("couple", f"file://{folder}", "--name", "drop", "--at", "hall", "--no-wait", "--set", "poll=200ms", "--set", "quiet=200ms")
        node.wait_link("drop", "online")
        self.wait()

    def usual(self, name):
        k = self.names.index(name)
        return 50 + 10 * k + 8 * math.sin(2 * math.pi * self.n / 40 + k) + self.random.gauss(0, 0.4)

    def write(self, rows, **other):
        """More rows; other: name -> function of (usual value, row)."""
        text = ""
        for i in range(rows):
            cells = [other[n](self.usual(n), i) if n in other else self.usual(n) for n in self.names]
            stamp = datetime.fromtimestamp(self.at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
            text += stamp + "," + ",".join("" if c is None else f"{c:.4f}" for c in cells) + "\n"
            self.at, self.n = self.at + 1, self.n + 1
        with self.file.open("a") as f:
            f.write(text)

    def wait(self):
        """Until the newest row is in the node."""
        stamp = datetime.fromtimestamp(self.at - 1, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

        def there():
            r = self.api.get("signal", path=f"hall/{self.head}/{self.names[0]}")
            return r.ok and r.json()["time"] == stamp
        wait_for(there, 30, "the newest row")

    def go_on(self, rows, **other):
        self.write(rows, **other)
        self.wait()
        time.sleep(0.3)  # what was taken is judged behind the hub

    def watch(self, **fields):
        made = self.api.ok("POST", "watches", {"name": "w", "kind": "signal", "match": "hall/**", "learn": 500, **fields})
        wait_for(lambda: self.api.ok("GET", "watches/w")["posts"]["active"] == made["posts"]["total"], 20, "learning from history")
        return made

    def posts(self, **query):
        return self.api.ok("GET", "watch-posts", **query)["posts"]

    def why(self, number=None):
        return self.api.ok("GET", f"watch-posts/{number or self.posts()[0]['id']}")

    def alarms(self):
        return [a for a in self.api.ok("GET", "alarms", state="active")["alarms"] if a["source"] == "watch"]


@pytest.fixture
def plant(node, tmp_path):
    folder = tmp_path / "drop"
    folder.mkdir()
    return Plant(node, folder)


def test_a_step_is_an_alarm_with_its_reason_and_ends(plant):
    assert plant.watch(priority="high")["posts"]["total"] == 1
    why = plant.why()
    assert why["learntFrom"] == "history" and why["learnt"] == 500 and why["about"] == "hall/press/pressure"
    plant.go_on(300)
    assert not plant.alarms(), plant.why()
    plant.write(30, pressure=lambda usual, i: usual + 60)
    alarm = wait_for(plant.alarms, 20, "the alarm")[0]
    assert (alarm["asset"], alarm["watch"], alarm["finding"], alarm["priority"]) == ("hall/press", "w", "unusual", "high")
    assert "pressure" in alarm["text"] and "never" in alarm["text"] and alarm["rule"] is None
    why = plant.why(alarm["post"])
    assert why["alarm"] and why["score"] >= why["limit"] and why["alarms"] == [alarm["id"]]
    assert why["reasons"][0]["signal"] == "hall/press/pressure" and why["reasons"][0]["actual"] > 80
    assert [p["id"] for p in plant.posts(state="alarm")] == [why["id"]] == [p["id"] for p in plant.posts(signal="hall/press/pressure")]
    plant.write(600)
    wait_for(lambda: not plant.alarms(), 20, "the end of the alarm")
    course = plant.api.ok("GET", f"watch-posts/{why['id']}/score")
    assert course["step"] == 240000 and any(p[2] for p in course["points"]) and max(p[1] for p in course["points"]) >= 0.5
    assert len(course["points"]) > 5
    plant.api.ok("DELETE", "watches/w")
    assert not plant.posts() and "has a post" in plant.api.refused(404, "GET", f"watch-posts/{why['id']}")


def test_a_restart_goes_on_without_learning_anew(plant, node):
    plant.watch()
    plant.write(40, pressure=lambda usual, i: usual + 60)
    alarm = wait_for(plant.alarms, 20, "the alarm")[0]
    before = plant.why()
    node.stop()
    node.start()
    plant.api = Api(node)
    after = wait_for(lambda: plant.posts() and plant.why(), 10, "the post")
    assert (after["id"], after["values"], after["learntAt"]) == (before["id"], before["values"], before["learntAt"])
    assert after["alarm"] and after["relearns"] is None and after["since"] == before["since"]
    assert [a["id"] for a in plant.alarms()] == [alarm["id"]] == after["alarms"]
    node.wait_link("drop", "online")
    plant.write(600)
    wait_for(lambda: not plant.alarms(), 20, "the end of the alarm")


def test_what_was_kept_by_another_version_is_learnt_anew(plant, node):
    plant.watch()
    node.stop()
    import sqlite3
    with sqlite3.connect(node.dir / "factory.db") as db:
        db.execute("update watch_post set memory = zeroblob(5000)")
    node.start()
    plant.api = Api(node)
    why = wait_for(lambda: plant.posts() and plant.why(), 10, "the post")
    wait_for(lambda: plant.why()["state"] == "active", 20, "learning anew")
    assert "version" in plant.why()["relearns"] and plant.why()["learntFrom"] == "history"
    assert plant.why()["id"] == why["id"]


def test_a_stuck_sensor_is_an_alarm_of_its_own_kind(plant):
    plant.watch()
    plant.write(150, pressure=lambda usual, i: 50.1234)
    alarm = wait_for(lambda: [a for a in plant.alarms() if a["finding"] == "sensor"], 20, "the alarm")[0]
    assert "has not changed" in alarm["text"]
    assert plant.why()["trouble"] == "stuck"
    plant.write(60)
    wait_for(lambda: not [a for a in plant.alarms() if a["finding"] == "sensor"], 20, "the end of the alarm")


def test_what_people_say_is_remembered(plant):
    plant.watch()
    plant.write(40, pressure=lambda usual, i: usual + 30)
    wait_for(plant.alarms, 20, "the alarm")
    number = plant.why()["id"]
    said = plant.api.ok("POST", f"watch-posts/{number}/feedback", {"verdict": "normal", "comment": "new tool"})
    assert not said["alarm"] and not plant.alarms()
    plant.go_on(400, pressure=lambda usual, i: usual + 30)
    assert not plant.alarms(), plant.why()
    assert "neither" in plant.api.refused(400, "POST", f"watch-posts/{number}/feedback", {"verdict": "well"})
    plant.api.ok("POST", f"watch-posts/{number}/feedback", {"verdict": "fault"})
    kept = plant.api.ok("GET", f"watch-posts/{number}/feedback")["feedback"]
    assert [(f["verdict"], f["comment"], f["user"]) for f in kept] == [("fault", None, "init"), ("normal", "new tool", "init")]


def test_signals_that_go_together_and_no_more(node, tmp_path):
    folder = tmp_path / "drop"
    folder.mkdir()
    plant = Plant(node, folder, ("flow", "pressure", "speed"))
    made = plant.api.ok("POST", "watches", {"name": "w", "kind": "group", "match": "hall/press", "learn": 500, "pace": "1s"})
    assert made["posts"]["total"] == 1
    wait_for(lambda: plant.why()["state"] == "active", 20, "learning from history")
    assert plant.posts()[0]["about"] == "hall/press" and len(plant.posts()[0]["signals"]) == 3
    plant.go_on(300)
    assert not plant.alarms(), plant.why()
    plant.write(120, pressure=lambda usual, i: usual + 6)  # hardly beyond its range, but not with the others
    alarm = wait_for(plant.alarms, 20, "the alarm")[0]
    assert alarm["finding"] == "unusual" and "pressure" in alarm["text"]
    assert plant.why()["reasons"][0]["signal"] == "hall/press/pressure"


def stamp(at):
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def interval(plant, kind, start, end=None, **attributes):
    return plant.api.ok("POST", "intervals", {"path": "hall/press", "kind": kind, "start": stamp(start), "end": end and stamp(end), "attributes": attributes})["id"]


def close(plant, number, end):
    plant.api.ok("PATCH", f"intervals/{number}", {"end": stamp(end)})


def test_setting_up_is_no_anomaly(plant):
    """The machine tells its state: what it does while it is set up is neither judged nor learnt."""
    running = interval(plant, "state", plant.at - 1500, state="running")
    plant.watch()
    plant.go_on(50)
    close(plant, running, plant.at)
    setup = interval(plant, "state", plant.at, state="setup")
    plant.go_on(100, pressure=lambda usual, i: 5 if i % 7 else 95)
    why = plant.why()
    assert (why["state"], why["reason"], why["machineState"], why["machine"]) == ("frozen", "machine-state", "setup", "hall/press")
    close(plant, setup, plant.at)
    running = interval(plant, "state", plant.at, state="running")
    plant.go_on(200)
    assert not plant.alarms() and plant.why()["reason"] is None, plant.why()
    plant.write(30, pressure=lambda usual, i: usual + 60)
    wait_for(plant.alarms, 20, "the alarm")
    close(plant, running, plant.at)
    wait_for(lambda: plant.why()["reason"] == "state-unknown", 10, "the end of the state")


def test_the_first_run_of_a_program_is_silent(plant):
    """With a memory for each program, another program is not unusual, and its first run is not judged."""
    first = interval(plant, "program", plant.at - 1500, name="O1000")
    plant.watch(context="program", states="all")
    assert plant.why()["program"] == "O1000"
    plant.go_on(30)
    close(plant, first, plant.at)
    other = interval(plant, "program", plant.at, name="O2000")
    plant.go_on(60, pressure=lambda usual, i: usual + 100)
    assert plant.why()["reason"] == "first-run" and not plant.alarms()
    close(plant, other, plant.at)
    other = interval(plant, "program", plant.at, name="O2000")
    plant.go_on(60, pressure=lambda usual, i: usual + 100)
    assert plant.why()["state"] == "learning" and plant.why()["learnt"] >= 50
    close(plant, other, plant.at)
    interval(plant, "program", plant.at, name="O1000")
    plant.go_on(30)
    assert plant.why()["reason"] == "first-run" and plant.why()["learnt"] == 500


def cycle(plant, seconds=20, **other):
    number = interval(plant, "program", plant.at, name="O1000")
    plant.go_on(seconds, **other)
    close(plant, number, plant.at)
    plant.go_on(2)
    return number


def test_cycles_that_take_longer_and_one_that_does_not_end(node, tmp_path):
    folder = tmp_path / "drop"
    folder.mkdir()
    plant = Plant(node, folder, ("load",))
    plant.api.ok("PATCH", "asset", {"kind": "machine"}, path="hall/press")
    node.cli("set", "hall/press/load", "--role", "load")
    for k in range(30):
        begin = plant.at - 1500 + 22 * k
        interval(plant, "program", begin, begin + 20, name="O1000")
    made = plant.api.ok("POST", "watches", {"name": "w", "kind": "machine", "match": "hall/press"})
    assert made["posts"]["total"] == 1
    wait_for(lambda: plant.why()["state"] == "active", 20, "learning from history")
    assert plant.why()["signals"] == ["hall/press/load"] and plant.why()["about"] == "hall/press"
    cycle(plant)
    cycle(plant)
    assert not plant.alarms(), plant.why()
    for _ in range(3):
        cycle(plant, 40)
    alarm = wait_for(plant.alarms, 20, "the alarm")[0]
    assert alarm["finding"] == "unusual" and "O1000" in alarm["text"]
    why = plant.why()
    assert why["finding"] in ("duration", "course") and why["program"] == "O1000"
    plant.api.ok("POST", f"watch-posts/{why['id']}/feedback", {"verdict": "normal"})
    assert not plant.alarms()


def test_a_cycle_that_does_not_end_is_an_alarm(node, tmp_path):
    folder = tmp_path / "drop"
    folder.mkdir()
    plant = Plant(node, folder, ("load",), lead=400)
    plant.api.ok("PATCH", "asset", {"kind": "machine"}, path="hall/press")
    for k in range(40):  # of two seconds each
        begin = plant.at - 400 + 4 * k
        interval(plant, "program", begin, begin + 2, name="O1000")
    plant.api.ok("POST", "watches", {"name": "w", "kind": "machine", "match": "hall/press", "channels": "load"})
    wait_for(lambda: plant.why()["state"] == "active", 20, "learning from history")
    number = interval(plant, "program", plant.at, name="O1000")
    alarm = wait_for(plant.alarms, 20, "the alarm")[0]
    assert alarm["finding"] == "overdue" and "O1000" in alarm["text"] and plant.why()["overdue"]
    close(plant, number, plant.at + 2)
    wait_for(lambda: not plant.alarms(), 20, "the end of the alarm")


FILE = """watches:
  - name: press
    kind: signal
    match: hall/press/**
    learn: 300
    states: running, setup
    priority: high
  - name: together
    kind: group
    match: hall/press
    pace: 2s
    enabled: false
"""


def test_the_declarative_file_has_watches(node, tmp_path):
    file = tmp_path / "factory.yaml"
    file.write_text(FILE)
    said = node.cli("apply", file).stdout
    assert "+ watch press" in " ".join(said.split())
    watches = {w["name"]: w for w in Api(node).ok("GET", "watches")["watches"]}
    assert (watches["press"]["learn"], watches["press"]["states"], watches["press"]["priority"]) == (300, "running, setup", "high")
    assert (watches["together"]["pace"], watches["together"]["enabled"]) == ("2s", False)
    exported = tmp_path / "out.yaml"
    exported.write_text(node.cli("export").stdout)
    assert "watches:" in exported.read_text()
    assert "watch" not in node.cli("apply", exported).stdout
    file.write_text(FILE.replace("learn: 300", "lern: 300"))
    assert ":5:5: unknown key 'lern', did you mean 'learn'?" in node.cli("apply", file, check=False).stderr
    file.write_text("watches:\n  - name: press\n    kind: signal\n    match: hall/press/**\n    learn: 3\n")
    assert ":2:11:" in node.cli("apply", file, check=False).stderr
    file.write_text("watches: []\n")
    node.cli("apply", file, "--prune")
    assert not Api(node).ok("GET", "watches")["watches"]


def test_what_a_watch_would_have_said(plant, node):
    plant.go_on(40, pressure=lambda usual, i: usual + 60)
    plant.go_on(600)
    said = plant.api.ok("POST", "watch-replay", {"name": "x", "kind": "signal", "match": "hall/**", "learn": 500})
    (post,) = said["posts"]
    assert post["about"] == "hall/press/pressure" and post["values"] == 2140 and said["left"] == 0
    (alarm,) = [a for a in post["alarms"] if a["finding"] == "unusual"]
    began = datetime.fromisoformat(alarm["since"].replace("Z", "+00:00")).timestamp()
    assert plant.at - 645 < began < plant.at - 590 and alarm["until"] and "never" in alarm["text"] and alarm["score"] >= 0.5
    assert not plant.api.ok("GET", "watches")["watches"] and not plant.alarms()
    out = node.cli("watch", "replay", "hall/press", "--learn", "500", "--from", "-3h").stdout
    assert "1 alarms in 2140 values" in out and "never" in out
    assert "too few to learn from" in node.cli("watch", "replay", "hall/press", "--learn", "5000").stdout
    assert "nothing to watch" in node.cli("watch", "replay", "nowhere").stdout
    assert "before to" in plant.api.refused(400, "POST", "watch-replay", {"name": "x", "kind": "signal", "match": "hall"}, **{"from": "-1h", "to": "-2h"})


def test_the_command_line_watches(plant, node):
    assert "0 learning" not in node.cli("watch", "add", "w", "hall/**", "--learn", "500", "--priority", "low").stdout
    wait_for(lambda: plant.api.ok("GET", "watches/w")["posts"]["active"] == 1, 20, "learning from history")
    assert "hall/**" in node.cli("watch", "list").stdout and "hall/press/pressure" in node.cli("watch", "posts", "w").stdout
    assert "active" in node.cli("watch", "why", "hall/press/pressure").stdout
    assert "an alarm from 0.5 on" in node.cli("watch", "score", "hall/press/pressure").stdout
    plant.write(40, pressure=lambda usual, i: usual + 60)
    number = wait_for(plant.alarms, 20, "the alarm")[0]["post"]
    assert "never" in node.cli("watch", "why", number).stdout and "never" in node.cli("watch", "posts", "--state", "alarm").stdout
    assert "active" in node.cli("watch", "feedback", number, "normal", "--comment", "new steel").stdout
    assert not plant.alarms()
    assert "high" in node.cli("watch", "set", "w", "--priority", "high", "--json").stdout
    assert "no watch looks at" in node.cli("watch", "why", "hall/oven", check=False).stderr
    assert "did you mean 'w'" in node.cli("watch", "set", "v", "--off", check=False).stderr
    node.cli("watch", "set", "w", "--off")
    assert plant.why()["reason"] == "disabled"
    node.cli("watch", "remove", "w")
    assert not plant.posts()


def test_cycles_by_the_counter_of_parts(node, tmp_path):
    """A machine whose programs are no intervals: a step of its counter is a cycle, by the program it has."""
    folder = tmp_path / "drop"
    folder.mkdir()
    plant = Plant(node, folder, ("load",), lead=10)
    plant.api.ok("PATCH", "asset", {"kind": "machine"}, path="hall/press")
    other = folder / "count.csv"
    other.write_text("time,press/parts,press/program\n")
    parts = 0

    def part(seconds, program="O1000"):
        nonlocal parts
        plant.n = 0
        parts += 1
        with other.open("a") as f:
            f.write(f"{stamp(plant.at)},{parts},{program}\n")
        plant.write(seconds)
    for _ in range(30):
        part(20)
    plant.wait()
    wait_for(lambda: node.value("hall/press/parts")["value"] == 30, 20, "the parts")
    for name, role in (("load", "load"), ("parts", "part-count"), ("program", "program")):
        node.cli("set", f"hall/press/{name}", "--role", role)
    plant.api.ok("POST", "watches", {"name": "w", "kind": "machine", "match": "hall/press", "cycles": "count"})
    wait_for(lambda: plant.why()["state"] == "active", 20, "learning from history")
    assert plant.why()["program"] == "O1000"

    def live(seconds):
        part(seconds)
        plant.wait()
        wait_for(lambda: node.value("hall/press/parts")["value"] == parts, 20, "the part")
        time.sleep(0.3)
    for _ in range(3):
        live(20)
    assert not plant.alarms(), plant.why()
    for _ in range(5):
        live(40)
    alarm = wait_for(plant.alarms, 20, "the alarm")[0]
    assert alarm["finding"] == "unusual" and "O1000" in alarm["text"]
