#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""agree.py KOPPEL [N [SEED]]: N documents (300), each one of tests/flex/ubl with one thing changed, judged by `koppel flex check` and
by check-ubl (the UBL schemas and the public Peppol rules, Java): how many koppel refuses that the referee takes (false alarms, none
may be) and takes that the referee refuses (misses, 5 % at most). Prints `N passed, N failed`: a document they disagree on fails."""
import copy
import json
import random
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

HERE = Path(__file__).resolve().parent
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
TEXTS = ["", "x", "-1", "0", "12,5", "1e3", "2026-02-30", "2026-12-10", "AP", "EUR", "USD", "true", "STUKS", "8712345000005", "999999", "3", "380"]


def remove(rng, root, parents):
    node, parent = rng.choice(parents)
    parent.remove(node)


def repeat(rng, root, parents):
    node, parent = rng.choice(parents)
    parent.insert(list(parent).index(node), copy.deepcopy(node))


def swap(rng, root, parents):
    node, parent = rng.choice([(n, p) for n, p in parents if len(p) > 1])
    i, j = rng.sample(range(len(parent)), 2)
    parent[i], parent[j] = parent[j], parent[i]


def rename(rng, root, parents):
    node, _ = rng.choice(parents)
    space, name = node.tag[1:].split("}")
    node.tag = rng.choice([f"{{{space}}}{name}s", f"{{{CAC if space == CBC else CBC}}}{name}"])


def retext(rng, root, parents):
    rng.choice([n for n, _ in parents if not len(n)]).text = rng.choice(TEXTS)


def scale(rng, root, parents):
    numbers = [n for n, _ in parents if not len(n) and re.fullmatch(r"-?\d+(\.\d+)?", n.text or "")]
    node = rng.choice(numbers)
    node.text = f"{float(node.text) * rng.choice([-1, 0.5, 1.001, 1.1, 10]):.2f}"


def attribute(rng, root, parents):
    node = rng.choice([n for n, _ in parents if n.attrib])
    key = rng.choice(list(node.attrib))
    if rng.random() < 0.4:
        del node.attrib[key]
    else:
        node.attrib[key] = rng.choice(["PCE", "EUR", "USD", "HUR", "KGM", "0088", "0106", "C62", "STUKS"])


def move(rng, root, parents):
    node, parent = rng.choice(parents)
    _, other = rng.choice(parents)
    if node is other or other in list(node.iter()):
        return
    parent.remove(node)
    other.append(node)


CHANGES = [remove, remove, repeat, swap, rename, retext, retext, scale, attribute, move]


def mutant(rng, source):
    root = ET.parse(source).getroot()
    parents = [(node, parent) for parent in root.iter() for node in parent]
    change = rng.choice(CHANGES)
    change(rng, root, parents)
    ET.register_namespace("cac", CAC)
    ET.register_namespace("cbc", CBC)
    ET.register_namespace("", root.tag[1:].split("}")[0])
    return change.__name__, ET.tostring(root, encoding="utf-8", xml_declaration=True)


def main():
    koppel, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 300
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    sources = sorted((HERE / "ubl").glob("*.xml"))
    with tempfile.TemporaryDirectory() as folder:
        files, kinds = [], {}
        for i in range(count):
            source = rng.choice(sources)
            kind, text = mutant(rng, source)
            file = Path(folder) / f"{i:05d}-{source.stem}-{kind}.xml"
            file.write_bytes(text)
            files.append(file)
            kinds[file.name] = kind
        out = subprocess.run([koppel, "flex", "check", "--json", *files], capture_output=True, text=True)
        mine = {Path(f["file"]).name: f for f in json.loads(out.stdout)}
        out = subprocess.run([HERE / "check-ubl", *files], capture_output=True, text=True)
        theirs, why = {}, []
        for line in out.stdout.splitlines():
            if line.startswith(("PASS ", "FAIL ")):
                theirs[Path(line.split()[1]).name] = (line.startswith("PASS"), why)
                why = []
            else:
                why.append(line.strip())
        if len(theirs) != count:
            sys.exit(f"check-ubl judged {len(theirs)} of {count}: {out.stderr[-500:]}")
        misses, alarms, refused = [], [], 0
        for name, (good, why) in theirs.items():
            refused += not good
            if good and not mine[name]["good"]:
                alarms.append(name)
                print(f"false alarm: {name}: {mine[name]['error'] or mine[name]['faults'][:1]}")
            elif not good and mine[name]["good"]:
                misses.append(name)
                print(f"missed: {name}: {why[0][:200] if why else ''}")
        print(f"the referee refuses {refused} of {count}; missed {len(misses)} ({100 * len(misses) / max(1, refused):.1f} %), "
              f"false alarms {len(alarms)}")
        print(f"{count - len(misses) - len(alarms)} passed, {len(misses) + len(alarms)} failed")
        sys.exit(1 if alarms or len(misses) > 0.05 * refused else 0)


main()
