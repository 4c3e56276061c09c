#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""emitted.py KOPPEL: a node takes orders of many kinds through folders, answers each in every way and places orders; every document it
puts out is judged by `koppel flex check` and, all in one call, by check-ubl (the UBL schemas and the public Peppol rules, Java).
Prints `N passed, M failed`."""
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "crash"))
from drop_kill import Node  # noqa: E402

ORDER = (HERE / "ubl" / "order.xml").read_text()
OWN = {"name": "Freeswerk Zuid B.V.", "endpoint": "8712345000004", "scheme": "0088", "country": "NL", "registration": "87654321"}
PARTNER = {"name": "Machinefabriek Noord & Zn. <B.V.>", "endpoint": "12345678", "scheme": "0106", "country": "NL"}
QUICK = {"quiet": "50ms"}
FOLDERS = {"folders": [
    {"name": "peppol", "format": "peppol", "own": OWN, "partner": PARTNER, **QUICK},
    {"name": "plain", "format": "ubl21", **QUICK},
    {"name": "named", "format": "ubl21", "own": {"name": "Zuid"}, "partner": {"name": "Noord"}, "currency": "SEK", **QUICK},
    {"name": "buying", "format": "peppol", "own": PARTNER, "partner": OWN, "currency": "SEK", **QUICK}]}
LINE = ORDER[ORDER.index("<cac:OrderLine>"):ORDER.index("</Order>")]
TOTAL = ORDER[ORDER.index("<cac:AnticipatedMonetaryTotal>"):ORDER.index("<cac:OrderLine>")]
# what is changed in the order that is dropped
KINDS = {
    "as it is": lambda x: x,
    "two lines": lambda x: x.replace(TOTAL, "").replace(LINE, LINE + LINE.replace("<cbc:ID>1</cbc:ID>", "<cbc:ID>2</cbc:ID>", 1)),
    "units": lambda x: x.replace('unitCode="H87">12<', 'unitCode="KGM">12.5<').replace("780.00", "812.50"),
    "signs": lambda x: x.replace("Bracket B-12", "Bügel &lt;B-12&gt; &amp; ø 12 €"),
    "crowns": lambda x: x.replace("EUR", "SEK"),
    "no day": lambda x: x[:x.index("<cac:Delivery>")] + x[x.index("</cac:Delivery>") + 15:],
    "no ids": lambda x: x.replace('<cac:PartyIdentification><cbc:ID schemeID="0106">12345678</cbc:ID></cac:PartyIdentification>', ""),
}
PLAIN = {"no profile": lambda x: "\n".join(line for line in x.split("\n") if "CustomizationID" not in line and "ProfileID" not in line)}
ANSWERS = [("accepted", {}), ("changed", {"promised": "2026-12-14", "comment": "the mill stood still"}), ("accepted", {"comment": "thanks"}), ("rejected", {"comment": "no <room> & time"})]


def wait_for(check, what):
    end = time.monotonic() + 60
    while not check():
        if time.monotonic() > end:
            sys.exit(f"{what} did not come")
        time.sleep(0.05)


def out(node, folder):
    return [f for f in (node.dir / "orders" / folder / "out").glob("*.xml")]


def sell(node, folder, kinds):
    """Each kind of order once for each answer; the number says which."""
    wanted = 0
    for kind, change in kinds.items():
        for i, _ in enumerate(ANSWERS):
            number = f"{folder}-{kind}-{i}".replace(" ", "_")
            part = node.dir / "orders" / folder / "in" / (number + ".xml.tmp")
            part.write_text(change(ORDER).replace("PO-7", number))
            part.rename(part.with_suffix(""))
            wanted += 1
    wait_for(lambda: len(out(node, folder)) >= wanted, f"{folder}: acknowledgements")
    for order in node.orders():
        if order["direction"] == "in" and order["folder"] == folder:
            answer, more = ANSWERS[int(order["number"][-1])]
            node.ask("POST", f"orders/{order['id']}/confirm", {"answer": answer, **more})
    wait_for(lambda: len(out(node, folder)) >= 2 * wanted, f"{folder}: answers")


def buy(node, folder):
    operations = [{"number": "10", "name": "Bügel <B-12>", "item": "B-12", "quantity": 2.25}, {"number": "20", "item": "B-13", "due": "2026-12-01"},
                  {"number": "30"}]
    for i, more in enumerate([{}, {"due": "2026-12-10"}, {"operations": operations}, {"unit": "KGM", "description": "plate & bar"}]):
        node.ask("POST", "orders", {"direction": "out", "number": f"{folder}-{i}", "folder": folder, "item": "B-12", "quantity": 5 + i, **more})
    wait_for(lambda: len([f for f in out(node, folder) if f.name.startswith("order-")]) >= 4, f"{folder}: orders")


def judge(koppel, files):
    mine = subprocess.run([koppel, "flex", "check", *files], capture_output=True, text=True)
    theirs = subprocess.run([HERE / "check-ubl", *files], capture_output=True, text=True)
    good, why, failed = 0, [], 0
    for line in theirs.stdout.splitlines():
        if not line.startswith(("PASS ", "FAIL ")):
            why.append(line)
            continue
        by_rules = "/plain/" in line or "/named/" in line or "rules none" not in line
        if line.startswith("PASS") and by_rules:
            good += 1
        elif line.split()[0] in ("PASS", "FAIL"):
            failed += 1
            print("\n".join([*why, line]))
        why = []
    if mine.returncode:
        print(mine.stdout)
    if good + failed != len(files):
        sys.exit(f"check-ubl judged {good + failed} of {len(files)}: {theirs.stderr[-500:]}")
    return good, failed + (mine.returncode != 0)


def main():
    koppel = sys.argv[1]
    with tempfile.TemporaryDirectory() as scratch:
        node = Node(koppel, Path(scratch) / "node")
        node.start()
        try:
            node.ask("PUT", "order-folders", FOLDERS)
            wait_for(lambda: (node.dir / "orders" / "buying" / "error").is_dir(), "the folders")
            sell(node, "peppol", KINDS)
            sell(node, "plain", {**KINDS, **PLAIN})
            sell(node, "named", PLAIN)
            buy(node, "buying")
            buy(node, "named")
            good, failed = judge(koppel, sorted(f for folder in ("peppol", "plain", "named", "buying") for f in out(node, folder)))
        finally:
            node.kill()
    print(f"{good} passed, {failed} failed")
    sys.exit(1 if failed or not good else 0)


main()
