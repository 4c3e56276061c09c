# SPDX-License-Identifier: Apache-2.0
"""A machine without a signal of its state: running, idle and off are learnt from what it draws. The truth is that of the demo's shop."""
import pytest
from conftest import Node, wait_for
from test_demo import shop_model, stamp
from web_client import Api

POWER = "hall/mill/power"


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    """A node with ten days of a mill's power."""
    folder = tmp_path_factory.mktemp("levels")
    node = Node(folder).start()
    plan = shop_model.Plan.new(10)
    line = shop_model.Timeline(plan, shop_model.MACHINES["Mill-01"])
    line.extend(plan.live)
    past = folder / "past.csv"
    past.write_text("time,power\n" + "".join(f"{stamp(at)},{watts}\n" for at, watts, _ in line.slots if at < plan.live))
    node.cli("import", past, "--at", "hall/mill")
    node.cli("set", "hall/mill", "--kind", "machine")
    yield node
    node.stop()


@pytest.fixture
def mill(past):
    """It has learnt its limits anew."""
    past.cli("set", POWER, "--states", "learn")
    wait_for(lambda: rule(past) != "learn", 20, "what was learnt")
    return past


def rule(node, path=POWER):
    return node.json("get", path)["signals"][0]["states"]


def doing(node):
    return {m["path"]: m["state"] for m in Api(node).ok("GET", "machines")["machines"]}["hall/mill"]


def is_doing(node, watts, state):
    """Sends a value a second until the state is there."""
    api = Api(node)
    wait_for(lambda: api.ok("POST", "values", {POWER: watts}) is not False and doing(node) == state, 40, state)


def limits(text):
    first, second, last, hold = text.removeprefix("learn; ").split("; ")
    assert first.startswith("running>=") and second.startswith("idle>=") and last == "off" and hold == "hold 10s"
    return [float(n) for part in (first, second) for n in part.split(">=")[1].split(",")]


def test_limits_are_learnt_from_history_and_shown(mill):
    run, run_ends, stand, stand_ends = limits(rule(mill))
    assert 1900 < run_ends < run < 11000 and 120 < stand_ends < stand < 1900  # the mill: 120 W off, 1900 W idle, from 11 kW on running


def test_states_follow_as_of_any_machine(mill):
    for watts, state in ((12400, "running"), (1900, "idle"), (120, "off"), (13000, "running")):
        is_doing(mill, watts, state)
    states = [i for i in mill.json("intervals", "hall/mill", "--kind", "state")["intervals"]]
    assert {i["attributes"]["state"] for i in states} == {"running", "idle", "off"} and all(i["attributes"]["derived"] for i in states)


def test_a_file_that_says_learn_changes_nothing_and_it_outlives_a_restart(mill, tmp_path):
    learnt = rule(mill)
    file = tmp_path / "factory.yaml"
    file.write_text(f"signals:\n  - {{ path: {POWER}, states: learn }}\n")
    assert "change" not in mill.cli("apply", file, "--dry-run").stdout.replace("nothing to change", "")
    mill.stop()
    mill.start()
    assert rule(mill) == learnt
    is_doing(mill, 1900, "idle")


def test_what_a_person_has_fixed_wins(mill):
    Api(mill).ok("POST", "values", {"hall/mill/mode": "STOPPED"})
    mill.cli("set", "hall/mill/mode", "--states", "running=RUN; stopped=STOPPED; idle")
    Api(mill).ok("POST", "values", {"hall/mill/mode": "RUN"})
    is_doing(mill, 120, "running")
    mill.cli("set", "hall/mill/mode", "--states", "")
    is_doing(mill, 120, "off")
    mill.cli("set", POWER, "--states", "running>=5000; idle")
    assert rule(mill) == "running>=5000; idle"
    is_doing(mill, 120, "idle")


def test_with_too_little_history_it_goes_on_looking(mill):
    Api(mill).ok("POST", "values", {"hall/press/power": 3})
    mill.cli("set", "hall/press/power", "--states", "learn")
    assert rule(mill, "hall/press/power") == "learn"
    assert "second limit" in mill.cli("set", "hall/press/power", "--states", "running>=5,6", check=False).stderr
    assert rule(mill, "hall/press/power") == "learn"
