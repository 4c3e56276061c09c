# SPDX-License-Identifier: Apache-2.0
"""The machine that is not there: its values can be foretold from their times."""
import math

from conftest import wait_for

NS = 10**9


def nanoseconds(node, path):
    """[(ns since 1970, value), ...] as stored."""
    rows = node.json("sql", f"select time, value, status from history where signal = '{path}' order by time")["rows"]
    assert all(status == 0 for _, _, status in rows)
    return [(at, value) for at, value, _ in rows]


def test_each_value_is_what_its_time_says_and_none_is_missing(node):
    node.cli("couple", "sim://mill?signals=5&every=50ms&period=10s", "--at", "hall/mill")
    wait_for(lambda: len(node.history("hall/mill/counter-4")) > 20, 20, "values")
    every, period = NS // 20, 10 * NS
    for name, of in {"counter-4": lambda at: at // every, "step-2": lambda at: (at // (period // 4) + 1) % 4,
                     "sine-1": lambda at: 50 + 40 * math.sin(2 * math.pi * (at % period) / period),
                     "sine-5": lambda at: 50 + 40 * math.sin(2 * math.pi * ((at % period) / period + 4 / 16))}.items():
        points = nanoseconds(node, "hall/mill/" + name)
        assert [b - a for (a, _), (b, _) in zip(points, points[1:])] == [every] * (len(points) - 1)
        assert all(math.isclose(value, of(at), abs_tol=1e-9) for at, value in points), (name, points[:3])
    noise = [value for _, value in nanoseconds(node, "hall/mill/noise-3")]
    assert all(19 <= v <= 21 for v in noise) and len(set(noise)) == len(noise)
    assert node.coupling("mill")["counters"]["lost"] == 0


def test_a_setting_that_makes_no_sense_is_refused(node):
    for wrong, words in {"signals=0": "signals", "shape=square": "sine", "every=0s": "every", "speed=1": "speed"}.items():
        done = node.cli("couple", "sim://mill?" + wrong, "--at", "hall/mill", check=False)
        assert done.returncode and words in done.stderr, done.stderr
