# SPDX-License-Identifier: Apache-2.0
"""koppel stix: patterns of STIX 2.1 from the command line, and beside the matcher and the grammar of OASIS (stix2-matcher, stix2-patterns) on
generated patterns and observations. Left out where that matcher stands alone: EXISTS (it has none), sets of bytes, addresses that are none (it ends)."""
import json
import os
import random
import subprocess
from pathlib import Path

import pytest
from conftest import KOPPEL, ROOT
from stix2matcher.matcher import Pattern
from stix2patterns.validator import run_validator

DATA = Path(os.environ.get("KOPPEL_DATA", "/nowhere")) / "shield" / "stix-pattern"
vectors = pytest.mark.skipif(not DATA.is_dir(), reason="the vectors are not here: KOPPEL_DATA/shield/stix-pattern")


def stix(*args, **more):
    return subprocess.run([KOPPEL, "stix", *map(str, args)], capture_output=True, text=True, timeout=120, **more)


# ---- observations ----
def stamp(second):
    return f"2026-11-28T06:{int(second) // 60:02}:{int(second) % 60:02}{f'{second % 1:.3f}'[1:] if second % 1 else ''}Z"


def observed(objects, first=0, last=None, count=1, number=0):
    """A bundle: the objects as one observation."""
    data = {"type": "observed-data", "id": f"observed-data--{number}", "spec_version": "2.1", "number_observed": count,
            "first_observed": stamp(first), "last_observed": stamp(first if last is None else last), "object_refs": [o["id"] for o in objects]}
    return {"type": "bundle", "id": f"bundle--{number}", "objects": [data, *objects]}


NAMES = ["alice", "bob", "carol", "a", "Ålice", "d\u0323\u0307", "x.y+z", "", "%", "é"]
WHEN = ["2026-11-28T06:00:00Z", "2026-11-28T06:00:00.5Z", "1999-12-31T23:59:59Z"]
ADDRESSES = ["10.1.2.3", "10.1.0.0/16", "192.0.2.7", "192.0.2.0/24", "10.1.2.3/32"]


def person(rng, number, everyone):
    o = {"type": rng.choice(["person", "person", "device"]), "id": f"person--{number}", "name": rng.choice(NAMES), "age": rng.choice([1, 2, 2.5, 20, -3]),
         "when": rng.choice(WHEN), "tags": [rng.choice(["red", "blue", "alice", 7, 2.5, True]) for _ in range(rng.randrange(4))],
         "data_hex": rng.choice(["616c696365", "00ff", ""]), "data_bin": rng.choice(["YWxpY2U=", "Ym9i"]),
         "ip": rng.choice(ADDRESSES), "deep": {"has-hyphen": rng.choice([1, "a", None, False]), "list": [{"n": rng.randrange(3)} for _ in range(rng.randrange(3))]},
         "knows_ref": rng.choice(everyone), "knows_refs": [rng.choice(everyone) for _ in range(rng.randrange(3))]}
    return {k: v for k, v in o.items() if k in ("type", "id") or rng.random() < 0.85}


def observations(rng):
    bundles, number = [], 0
    for i in range(rng.randrange(1, 7)):
        some = range(number, number + rng.choice([1, 1, 2]))
        everyone = [f"person--{n}" for n in (*some, 999)]
        first = rng.choice([0, 1, 2, 2.5, 5, 30])
        bundles.append(observed([person(rng, n, everyone) for n in some], first, first + rng.choice([0, 0, 0, 1, 3]), rng.choice([1, 1, 1, 2]), i))
        number += len(some)
    return bundles


# ---- patterns ----
def quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def comparison(rng):
    kind, no = rng.choice(["person", "person", "person", "device"]), rng.choice(["", "", "NOT "])
    order = rng.choice(["=", "!=", "<", "<=", ">", ">="])
    path, rest = rng.choice([
        ("name", f"{no}{order} {quoted(rng.choice(NAMES))}"),
        ("name", f"{no}IN ({', '.join(quoted(rng.choice(NAMES)) for _ in range(rng.randrange(4)))})"),
        ("name", f"{no}LIKE {quoted(rng.choice(['a%', '%o%', '_ob', '%', '', 'Å%', '%.y+_', 'al_ce', 'é', 'x.y+z', '%%b']))}"),
        ("name", f"{no}MATCHES {quoted(rng.choice(['^a', 'o', 'l+', 'i.e$', '', '[a-c]b', '^Å', '(a|b)(l|o)', chr(0xe9), 'x[.]y']))}"),
        ("age", f"{no}{order} {rng.choice(['1', '2', '2.5', '-3', '+20', '0', '.5'])}"),
        ("age", f"{no}IN (2, 2.5, 7)"),
        ("age", f"{no}{order} 'alice'"),
        ("when", f"{no}{order} t'{rng.choice(WHEN)}'"),
        ("when", f"{no}IN (t'{WHEN[0]}', t'{WHEN[1]}')"),
        ("tags[*]", f"{no}{order} {rng.choice([quoted('red'), quoted('alice'), '7', '2.5'])}"),
        (f"tags[{rng.randrange(3)}]", f"{no}= {rng.choice([quoted('red'), '7', 'true', 'false'])}"),
        (rng.choice(["data_hex", "data_bin", "name"]), f"{no}{order} {rng.choice([quoted('alice'), quoted('Å'), 'h' + quoted('616c'), 'b' + quoted('YWxpY2U='), 'h' + quoted('')])}"),
        (rng.choice(["data_bin", "data_hex"]), f"{no}MATCHES {quoted(rng.choice(['^al', chr(92) + 'x62', 'Å', '^.{2}$']))}"),
        ("data_bin", f"{no}LIKE {quoted(rng.choice(['al%', '_ob', 'Å%']))}"),
        ("ip", f"{no}ISSUBSET {quoted(rng.choice(['10.0.0.0/8', '10.1.2.0/24', '192.0.2.7/32', '192.0.0.0/9']))}"),
        ("deep.'has-hyphen'", f"{no}{rng.choice(['=', '!='])} {rng.choice(['1', quoted('a'), 'false'])}"),
        ("deep.list[*].n", f"{no}{order} 1"),
        ("knows_ref.name", f"{no}= {quoted(rng.choice(NAMES))}"),
        ("knows_refs[*].age", f"{no}{order} 2"),
        ("knows_refs[1].knows_ref.name", f"{no}!= 'bob'"),
    ])
    return f"{kind}:{path} {rest}"


def expression(rng, depth=0):
    what = rng.random()
    if what < 0.55 or depth > 2:
        return comparison(rng)
    joined = f" {rng.choice(['AND', 'OR'])} ".join(expression(rng, depth + 1) for _ in range(rng.choice([2, 2, 3])))
    return f"({joined})" if what < 0.75 else joined


def leaf(rng):
    easy = rng.choice(["person:age > 1", "person:name != 'bob'", "person:name = 'alice' OR device:age > 0", "person:knows_ref.age > 1"])
    return f"[{easy if rng.random() < 0.6 else expression(rng)}]"


def pattern(rng, depth=0):
    what = rng.random()
    if what < 0.4 or depth > 1:
        text = leaf(rng)
    else:
        text = f" {rng.choice(['AND', 'OR', 'FOLLOWEDBY'])} ".join(pattern(rng, depth + 1) for _ in range(2))
        text = f"({text})" if what < 0.8 or depth else text
    for _ in range(rng.choice([0, 0, 1, 1, 2] if text[-1] in ")]" else [0])):
        text += rng.choice([f" WITHIN {rng.choice(['1', '2', '.5', '30'])} SECONDS", f" REPEATS {rng.choice([1, 2, 2, 3])} TIMES",
                            f" START t'{stamp(rng.choice([0, 1]))}' STOP t'{stamp(rng.choice([2, 4, 31]))}'"])
    return text


def test_thousands_of_generated_patterns_match_as_the_matcher_of_oasis_says(tmp_path):
    rng = random.Random(20261128)
    sets = [observations(rng) for _ in range(60)]
    for i, bundles in enumerate(sets):
        (tmp_path / f"{i}.json").write_text(json.dumps(bundles))
    cases = []
    for n in range(600):
        text = pattern(rng)
        compiled = Pattern(text, "2.1")
        for at in rng.sample(range(len(sets)), 5):
            cases.append((at, f"{n}-{at}", text, "match" if compiled.match(sets[at]) else "nomatch"))
    cases.sort()
    batch = tmp_path / "batch.json"
    batch.write_text(json.dumps([{"id": name, "pattern": text, "observations": str(tmp_path / f"{at}.json")} for at, name, text, _ in cases]))
    done = stix("match-batch", batch)
    told = dict(line.split() for line in done.stdout.splitlines())
    wrong = [(name, text, expected, told.get(name)) for _, name, text, expected in cases if told.get(name) != expected]
    assert not wrong, f"{len(wrong)} of {len(cases)}, the first: {wrong[:5]} {done.stderr[:500]}"
    assert 0.2 < sum(expected == "match" for *_, expected in cases) / len(cases) < 0.8


# ---- grammar ----
WORDS = ["[", "]", "(", ")", "AND", "OR", "NOT", "=", "==", "!=", "<>", "<", ">=", "IN", "LIKE", "MATCHES", "ISSUBSET", "EXISTS", "FOLLOWEDBY", "WITHIN", "REPEATS", "START",
         "STOP", "SECONDS", "TIMES", "5", "01", "1.5", ".5", "-1", "+2", "1.", "1e5", "true", "TRUE", "'a'", "'\\'", "'\\n'", "h'0a'", "h'0'", "b'YQ=='", "b''", "a:b", "a-b:c", "a:'b-c'.d[*]",
         "a:b-c", "a:b[1][-1]", "a:", "t'2026-02-31T00:00:00Z'", "t'2026-13-01T00:00:00Z'", "t'2026-01-01T00:00:60.5Z'", "/* c */", "// c\n", "\u00a0", ",", "(1, 2)", "()", "within", "x"]
OF_MEANING = ("WITHIN takes", "REPEATS takes", "is no regular expression", "is no address", "stands twice", "too large", "has no end")  # judged here alone


def mutated(rng):
    words = pattern(rng).replace("[", " [ ").replace("]", " ] ").split()
    for _ in range(rng.choice([0, 1, 1, 2])):
        at = rng.randrange(len(words))
        words[at:at + rng.choice([0, 1])] = rng.choice([[], [rng.choice(WORDS)], [rng.choice(WORDS)]])
        words = words or ["["]
    return rng.choice([" ", " ", "  \n"]).join(words)


def test_hundreds_of_broken_and_whole_patterns_are_read_as_the_grammar_of_oasis_reads_them():
    rng = random.Random(9)
    texts = [text for text in (mutated(rng) for _ in range(800)) if text.strip()]
    told = [line for at in range(0, len(texts), 100) for line in stix("check-pattern", "--", *texts[at:at + 100]).stdout.splitlines()]
    assert len(told) == len(texts)
    wrong = [(text, ours) for text, ours in zip(texts, told)
             if not any(m in ours for m in OF_MEANING) and (ours == "valid") != (run_validator(text, "2.1") == [])]
    assert not wrong, f"{len(wrong)} of {len(texts)}, the first: {wrong[:4]}"
    assert all(ours == "valid" or ours.startswith("column ") for ours in told if "too large" not in ours)
    assert 0.2 < told.count("valid") / len(told) < 0.8


# ---- the command line ----
@pytest.fixture
def seen(tmp_path):
    file = tmp_path / "seen.json"
    names = ["alice", "bob", "a" * 40 + "!"]
    file.write_text(json.dumps([observed([{"type": "person", "id": f"person--{i}", "name": name}], i, number=i) for i, name in enumerate(names)]))
    return file


def test_a_match_names_its_observations_and_the_exit_code_says_which_it_was(seen):
    done = stix("match", "--pattern", "[person:name = 'alice'] FOLLOWEDBY [person:name = 'bob']", "--observations", seen)
    assert (done.returncode, done.stdout) == (0, "match\n  observed-data--0\n  observed-data--1\n")
    done = stix("match", "--json", "--pattern", "[NOT EXISTS person:age AND person:name LIKE 'b%']", "--observations", "-", stdin=seen.open())
    assert json.loads(done.stdout) == {"match": True, "observations": ["observed-data--1"]}
    assert stix("match", "--pattern", "[EXISTS person:age]", "--observations", seen).returncode == 1
    done = stix("match", "--pattern", "[person:name = 'alice'", "--observations", seen)
    assert done.returncode == 2 and "column 23: the pattern ends where AND, OR or ] should stand" in done.stderr
    assert stix("match", "--pattern", "[a:b = 1]", "--observations", seen.parent / "none").returncode == 2


def test_an_expression_that_backtracks_without_end_is_told_by_its_name(seen):
    done = stix("match", "--pattern", "[person:name MATCHES '^(a+)+$']", "--observations", seen)
    assert done.returncode == 2 and "MATCHES '^(a+)+$' takes too long" in done.stderr


@vectors
def test_the_vectors_are_judged_as_they_say():
    done = subprocess.run([ROOT / "tests/shield/stix-vectors", KOPPEL], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
