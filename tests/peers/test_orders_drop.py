# SPDX-License-Identifier: Apache-2.0
"""Orders as files: what an order program drops into a folder is taken whole or refused with a reason, whatever it is written in; bookings,
answers and orders placed go out. UBL is judged by `koppel flex check` here and by the public rules in `make check-ubl`."""
import os
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import KOPPEL, Node, wait_for
from web_client import Api

UBL = Path(__file__).parent.parent / "flex" / "ubl"
OWN = {"name": "Freeswerk Zuid B.V.", "endpoint": "8712345000004", "scheme": "0088", "country": "NL", "registration": "87654321"}
PARTNER = {"name": "Machinefabriek Noord B.V.", "endpoint": "12345678", "scheme": "0106", "country": "NL"}
COLUMNS = {"number": "Ordernr", "quantity": "Aantal", "item": "Artikel", "due": "Leverdatum", "operation": "Bewerking", "machine": "Werkplek",
           "cycle": "Stuktijd (min)"}
SOON = {"quiet": "200ms", "patience": "2s"}
FOLDERS = {"folders": [
    {"name": "isah", "columns": COLUMNS, "machines": {"DMG50": "hall/mill", "FREES": "mills"}, "units": {"DOOS": "XBX"}, "language": "nl", **SOON},
    {"name": "any", "machines": {"M1": "hall/mill"}, **SOON},
    {"name": "replacing", "changes": "replace", **SOON},
    {"name": "strict", "encoding": "utf-8", "decimal": ",", "dates": "dmy", "times": "seconds", **SOON},
    {"name": "noord", "format": "peppol", "own": OWN, "partner": PARTNER, **SOON},
    {"name": "plain", "format": "ubl21", "sender": "noord", **SOON},
    {"name": "zuid", "format": "peppol", "own": PARTNER, "partner": OWN, **SOON},
]}
HEAD = "Ordernr;Artikel;Aantal;Leverdatum;Bewerking;Werkplek;Stuktijd (min)\r\n"


class Drop:
    def __init__(self, folder):
        os.environ["TZ"] = "Europe/Amsterdam"
        try:
            self.node = Node(folder).start()
        finally:
            del os.environ["TZ"]
        self.api = Api(self.node)
        self.base = self.node.dir / "orders"
        self.api.ok("POST", "assets", {"path": "hall/mill", "kind": "machine"})
        self.api.ok("PUT", "shop", {"groups": [{"name": "mills", "match": "hall/**"}]})
        self.api.ok("PUT", "order-folders", FOLDERS)
        wait_for(lambda: (self.base / "zuid" / "in").is_dir(), 20, "the folders")

    def put(self, folder, name, content):
        """Drops a file as a careful program does."""
        data = content.encode() if isinstance(content, str) else content
        part = self.base / folder / "in" / (name + ".tmp")
        part.write_bytes(data)
        part.rename(self.base / folder / "in" / name)

    def log(self, folder, name):
        files = self.api.ok("GET", "order-folders/log", folder=folder, limit=1000)["files"]
        return next((f for f in files if f["name"] == name), None)

    def drop(self, folder, name, content, result="taken"):
        """What the log says of it, once it is away from in/."""
        self.put(folder, name, content)
        wait_for(lambda: not (self.base / folder / "in" / name).exists(), 20, f"{folder}/{name}")
        entry = self.log(folder, name)
        assert entry and entry["result"] == result, entry
        where = self.base / folder / ("error" if result == "refused" else "done") / name
        assert where.exists()
        return entry

    def refused(self, folder, name, content, *words):
        """A refused file: its reason, in English; the same stands beside it, in Dutch too. Nothing of it was taken."""
        before = len(self.orders())
        entry = self.drop(folder, name, content, "refused")
        reason = (self.base / folder / "error" / (name + ".txt")).read_text()
        assert entry["reason"] in reason and entry["reason_nl"] in reason
        for word in words:
            assert word in entry["reason"], entry["reason"]
        assert len(self.orders()) == before
        return entry

    def orders(self, **query):
        return self.api.ok("GET", "orders", state="all", limit=1000, **query)["orders"]

    def order(self, number, **query):
        return next(o for o in self.orders(q=number, **query) if o["number"] == number)

    def out(self, folder, pattern):
        return wait_for(lambda: sorted((self.base / folder / "out").glob(pattern)), 20, f"{folder}/out/{pattern}")


@pytest.fixture(scope="module")
def drop(tmp_path_factory):
    d = Drop(tmp_path_factory.mktemp("drop"))
    yield d
    d.node.stop()


def local(text):
    """An instant on the wall of the node, in winter, as the API says it."""
    return datetime.fromisoformat(text + "+01:00").astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_an_export_with_the_words_of_its_program_becomes_orders_with_operations(drop):
    drop.drop("isah", "week49.csv", HEAD + "W-1;A-100;1.250,00;10-12-2026;10;DMG50;3,5\r\nW-1;A-100;1.250,00;10-12-2026;20;FREES;0:02:30\r\n"
                                           "W-2;Gehäuse;12;2026-12-11 14:30;10;;90s\r\n")
    one, two = drop.order("W-1"), drop.order("W-2")
    assert (one["sender"], one["item"], one["quantity"], one["due"], one["folder"], one["source"]) == (
        "isah", "A-100", 1250, local("2026-12-10T23:59:59"), "isah", "week49.csv")
    assert [(o["number"], o.get("asset"), o.get("machineGroup"), o["cycle"]) for o in one["operations"]] == [
        ("10", "hall/mill", None, "210s"), ("20", None, "mills", "150s")]
    assert (two["item"], two["due"], two["operations"][0]["cycle"]) == ("Gehäuse", local("2026-12-11T14:30"), "90s")


ENCODINGS = [
    ("utf8", "ordernummer;artikel;aantal\nE-1;Zwölf €\u2019s;2\n", "utf-8"),
    ("bom", "ordernummer;artikel;aantal\r\nE-1;Zwölf €\u2019s;2\r\n", "utf-8-sig"),
    ("1252", "ordernummer;artikel;aantal\r\nE-1;Zwölf €\u2019s;2\r\n", "cp1252"),
    ("excel", "ordernummer\tartikel\taantal\r\nE-1\tZwölf €\u2019s\t2\r\n", "utf-16"),
    ("big", "ordernummer\tartikel\taantal\r\nE-1\tZwölf €\u2019s\t2\r\n", "utf-16-be"),
    ("sep", 'sep=|\nordernummer|artikel|aantal\n"E-1"|"Zwölf €\u2019s"|="2"\n', "utf-8"),
]


@pytest.mark.parametrize("name,text,encoding", ENCODINGS, ids=[e[0] for e in ENCODINGS])
def test_whatever_a_text_is_encoded_in_it_says_the_same(drop, name, text, encoding):
    data = text.replace("E-1", "E-" + name).encode(encoding)
    drop.drop("any", f"encoding-{name}.csv", b"\xfe\xff" + data if encoding == "utf-16-be" else data)
    order = drop.order("E-" + name)
    assert (order["item"], order["quantity"]) == ("Zwölf €\u2019s", 2)


CELLS = [  # quantity and due as they stand in a file, and what they say
    ("1.234,5", "31/12/2026", 1234.5, "2026-12-31T23:59:59"),
    ("1,234.5", "12/31/2026", 1234.5, "2026-12-31T23:59:59"),
    ("12,50", "31.12.26", 12.5, "2026-12-31T23:59:59"),
    ("1 234", "20261231", 1234, "2026-12-31T23:59:59"),
    ("7", "46387", 7, "2026-12-31T23:59:59"),  # a spreadsheet's number of a day
    ("7", "46386,75", 7, "2026-12-30T18:00"),
    ("7", "31-dec-26 08:15", 7, "2026-12-31T08:15"),
    ("7", "2026-12-31T08:15:00Z", 7, "2026-12-31T09:15"),
]


def test_numbers_and_dates_are_read_as_countries_and_spreadsheets_write_them(drop):
    for i, (quantity, due, number, at) in enumerate(CELLS):
        drop.put("any", f"cell-{i}.csv", f'number;quantity;due\nC-{i};"{quantity}";{due}\n')
    wait_for(lambda: drop.log("any", f"cell-{len(CELLS) - 1}.csv"), 20, "the files")
    for i, (quantity, due, number, at) in enumerate(CELLS):
        order = drop.order(f"C-{i}")
        assert (order["quantity"], order["due"]) == (number, local(at)), (quantity, due)


FAULTS = [
    ("number.csv", "number;quantity\nF-1;twelve\n", "line 2, column 2 (quantity): 'twelve' is not a number"),
    ("none.csv", "number;quantity\nF-1;0\nF-2;-3\nF-3;\n", "must be more than 0", "line 3", "line 4, column 2 (quantity): the quantity is missing"),
    ("thousand.csv", "number;quantity\nF-1;1.250\n", "may be in thousands or have decimals", "decimal"),
    ("month.csv", "number;quantity;due\nF-1;3;03/04/2026\n", "may have the day or the month first", "dates"),
    ("day.csv", "number;quantity;due\nF-1;3;31-02-2026\n", "'31-02-2026' is not a date"),
    ("unit.csv", "number;quantity;cycle\nF-1;3;4,5\n", "has no unit", "(min)"),
    ("short.csv", "number;quantity\n2,026E+11;3\n", "was shortened by the spreadsheet"),
    ("broken.csv", "number;quantity;due\nF-1;3;#REF!\n", "'#REF!' is a fault of the spreadsheet itself"),
    ("header.csv", "number;quantiti\nF-1;3\n", "this column is not known; is it 'quantity'"),
    ("missing.csv", "nonsense;more\nF-1;3\n", "no column says the number"),
    ("twice.csv", "number;quantity;aantal\nF-1;3;4\n", "says the quantity too"),
    ("cells.csv", "number;quantity;item\nF-1;3;a;b\n", "4 cells stand here, 3 columns have a name"),
    ("quote.csv", 'number;quantity\n"F-1;3\n', "a quote opens here"),
    ("same.csv", "number;quantity\nF-1;3\nF-1;3\n", "order 'F-1' with operation '' stands in line 2 too"),
    ("differs.csv", "number;operation;quantity\nF-1;10;3\nF-1;20;4\n", "is '4' here and '3' in line 2"),
    ("machine.csv", "number;quantity;machine\nF-1;3;M2\n", "'M2' is no machine here", "'M1' ?"),
    ("words.csv", "number;quantity;unit\nF-1;3;DOOS\n", "'DOOS' is no unit"),
    ("empty.csv", "number;quantity\n", "there is no order in the file"),
    ("book.csv", b"PK\x03\x04 an archive\n", "an Excel workbook"),
    ("xml.csv", "<Order/>\n", "XML"),
    ("zero.csv", b"number;quantity\nF-1;3\0\n", "zero bytes"),
    ("cut.csv", "number;quantity\nF-1;3\nF-2;1", "line 3: the file ends in the middle of this line"),
]


def test_each_fault_of_a_file_is_told_with_its_place_and_what_to_do(drop):
    before = len(drop.orders())
    for name, content, *_ in FAULTS:
        drop.put("any", name, content)
    wait_for(lambda: all(drop.log("any", f[0]) for f in FAULTS), 30, "all files")
    for name, content, *words in FAULTS:
        entry = drop.log("any", name)
        assert entry["result"] == "refused", entry
        for word in words:
            assert word in entry["reason"], f"{name}: {entry['reason']}"
        reason = (drop.base / "any" / "error" / (name + ".txt")).read_text()
        assert entry["reason"] in reason and entry["reason_nl"] in reason and "niet aangenomen" in reason
    assert len(drop.orders()) == before


def test_a_column_that_was_renamed_is_named_with_what_it_may_be_now(drop):
    entry = drop.refused("isah", "renamed.csv", HEAD.replace("Aantal", "Aantallen") + "W-9;A;3;10-12-2026;10;DMG50;1\r\n",
                         "there is no column 'Aantal', in which the quantity is expected; 'Aantallen' ?")
    assert "er is geen kolom 'Aantal'" in entry["reason_nl"]


def test_what_a_folder_says_of_its_files_is_held(drop):
    drop.refused("strict", "1252.csv", "number;quantity;item\nS-1;3;Größe\n".encode("cp1252"), "line 2: byte 9 of this line is 0xf6", "windows-1252")
    drop.drop("strict", "good.csv", "number;quantity;due;cycle\nS-1;1.250;03/04/2027;45\n")
    order = drop.order("S-1")
    assert (order["quantity"], order["due"], order["operations"][0]["cycle"]) == (1250, "2027-04-03T21:59:59Z", "45s")


def test_an_order_that_comes_again_is_known_and_with_other_numbers_refused_or_replaced(drop):
    drop.drop("any", "first.csv", "number;quantity\nR-1;10\n")
    drop.drop("any", "again.csv", "number;quantity\nR-1;10\n", "repeated")
    drop.refused("any", "other.csv", "number;quantity\nR-0;1\nR-1;12\n", "line 3: order 'R-1' came before, and now differs", "quantity was 10, is 12", "changes: replace")
    assert drop.order("R-1")["quantity"] == 10
    for quantity in (10, 12, 10):
        drop.drop("replacing", f"r-{quantity}.csv", f"number;quantity\nR-2;{quantity}\n")
        assert drop.order("R-2")["quantity"] == quantity


def test_a_file_is_taken_when_it_is_whole_however_slowly_it_is_written(drop):
    path = drop.base / "any" / "in" / "slow.csv"
    with path.open("w") as f:
        for piece in ("number;quant", "ity\nL-1;3\nL-", "2;4\nL-3;5", "5\n"):
            f.write(piece)
            f.flush()
            before = path.stat().st_mtime_ns
            wait_for(lambda: datetime.now().timestamp() * 1e9 - before > 3e8, 5)  # longer than a file must be still
    wait_for(lambda: drop.log("any", "slow.csv"), 20, "the file")
    assert [drop.order(f"L-{i}")["quantity"] for i in (1, 2, 3)] == [3, 4, 55]


def test_what_a_file_would_do_is_told_without_doing_it(drop, tmp_path):
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("number;quantity\nWOULD-1;3\n")
    bad.write_text("number;quantity\nWOULD-1;x\n")
    said = drop.node.json("flex", "folders", "check", good, "--folder", "any")
    assert said["good"] and said["orders"] == [{"sender": "any", "number": "WOULD-1", "quantity": 3, "operations": 1}]
    good.write_text("number;quantity\nWOULD-1;12,5\n")
    assert "12.5" in drop.node.cli("flex", "folders", "check", good, "--folder", "any").stdout
    done = drop.node.cli("flex", "folders", "check", bad, "--folder", "any", "--dutch", check=False)
    assert done.returncode == 1 and "regel 2, kolom 2 (quantity): 'x' is geen getal" in done.stdout
    assert not drop.orders(q="WOULD-1")
    assert "there is none" in drop.api.refused(400, "POST", "order-folders/any/check")


def test_an_alarm_of_the_node_stands_until_somebody_has_seen_what_was_refused(drop):
    def alarm():
        return [a for a in drop.api.ok("GET", "alarms")["alarms"] if "folder of orders strict" in str(a) and a["active"]]
    entry = drop.refused("strict", "seen.csv", "number;quantity\nA-1;x\n")
    wait_for(alarm, 20, "the alarm")
    for f in drop.api.ok("GET", "order-folders/log", folder="strict", limit=1000)["files"]:
        if f["result"] == "refused":
            drop.node.cli("flex", "folders", "acknowledge", f["id"])
    wait_for(lambda: not alarm(), 20, "its end")
    assert "acknowledged" in drop.log("strict", "seen.csv") and entry["id"]
    assert "seen.csv" in drop.node.cli("flex", "folders", "log", "--folder", "strict").stdout


def test_bookings_go_out_once_in_the_words_of_the_program(drop):
    drop.drop("isah", "book.csv", HEAD + "B-1;A-100;3;10-12-2026;10;DMG50;1\r\n")
    operation = drop.order("B-1")["operations"][0]["id"]
    drop.api.ok("POST", f"operations/{operation}/start", {"asset": "hall/mill", "at": "2026-11-20T08:00:00Z"})
    drop.api.ok("POST", f"operations/{operation}/finish", {"good": 3, "scrap": 1, "comment": 'a "b"; c', "at": "2026-11-20T09:00:00Z"})
    file = drop.out("isah", "bookings-*.csv")
    assert len(file) == 1
    head, row, end = file[0].read_bytes().decode().split("\r\n")
    assert head.split(";")[:6] == ["boeking", "Ordernr", "Bewerking", "Artikel", "Werkplek", "begin"] and not end
    assert row.split(";")[1:9] == ["B-1", "10", "A-100", "DMG50", "2026-11-20T09:00:00+01:00", "2026-11-20T10:00:00+01:00", "3", "1"]
    assert row.endswith('"a ""b""; c"')
    booking = next(b for b in drop.api.ok("GET", "bookings")["bookings"] if b["number"] == "B-1")
    assert booking["written"]


def values(file, name):
    return [e.text for e in ElementTree.parse(file).iter() if e.tag.endswith("}" + name)]


def judged(*files):
    done = subprocess.run([KOPPEL, "flex", "check", *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_an_order_in_ubl_is_answered_at_once_and_when_somebody_confirms(drop):
    xml = (UBL / "order.xml").read_text()
    drop.drop("noord", "PO-7.xml", xml)
    order = drop.order("PO-7")
    assert (order["sender"], order["customer"], order["quantity"], order["unit"], order["due"], order["confirmation"]) == (
        "0106:12345678", "Machinefabriek Noord B.V.", 12, "H87", local("2026-12-10T23:59:59"), "acknowledged")
    assert [(o["line"], o["name"], o["item"]) for o in order["operations"]] == [("1", "Bracket B-12", "B-12 rev C")]
    out = lambda answer: drop.out("noord", f"answer-{order['id']}-{answer}-*.xml")
    files = out("acknowledged")
    assert values(files[0], "OrderResponseCode") == ["AB"]
    drop.api.ok("POST", f"orders/{order['id']}/confirm", {"answer": "changed", "promised": "2026-12-14", "comment": "the mill stood still"})
    files += out("changed")
    assert values(files[1], "OrderResponseCode") == ["CA"] and values(files[1], "EndDate") == ["2026-12-14"]
    drop.api.ok("POST", f"orders/{order['id']}/confirm", {"answer": "accepted"})
    files += out("accepted")
    judged(*files)
    files[-1].unlink()  # it was fetched, and lost on its way: who sends the order again gets the answer again
    drop.drop("noord", "PO-7-again.xml", xml, "repeated")
    judged(*out("accepted"))
    assert len(out("*")) == 3
    # to a buyer without Peppol, and refused
    drop.drop("plain", "PO-8.xml", xml.replace("PO-7", "PO-8").replace("H87", "C62"))
    order = drop.order("PO-8")
    drop.api.ok("POST", f"orders/{order['id']}/confirm", {"answer": "rejected", "comment": "no capacity"})
    judged(*drop.out("plain", f"answer-{order['id']}-rejected-*.xml"))


def test_a_document_that_is_no_good_order_is_refused(drop):
    xml = (UBL / "order.xml").read_text().replace("PO-7", "PO-9")
    drop.refused("noord", "unit.xml", xml.replace('unitCode="H87"', 'unitCode="STUKS"'), "'STUKS'")
    drop.refused("noord", "seller.xml", xml.replace("8712345000004", "8712345000011"), "the document is for '8712345000011'")
    drop.refused("noord", "buyer.xml", xml.replace('"0106">12345678<', '"0106">22345678<'), "is from '22345678'")
    drop.refused("noord", "kind.xml", (UBL / "invoice.xml").read_text(), "(Invoice)")
    drop.refused("noord", "profile.xml", xml.replace("urn:fdc:peppol.eu:poacc:trns:order:3", "mine"), "does not say that it follows Peppol")
    drop.refused("noord", "cut.xml", xml[:-40], "ends in the middle")
    drop.refused("noord", "stranger.xml", (UBL / "orderresponse-accepted.xml").read_text().replace("PO-7", "PO-99")
                 .replace("8712345000004", "x").replace("12345678", "8712345000004").replace(">x<", ">12345678<").replace('"0088"', '"0106"'),
                 "which did not go out through this folder")


def test_an_order_placed_goes_out_and_its_answer_comes_back(drop):
    order = {"direction": "out", "number": "OUT-1", "folder": "zuid", "item": "B-12", "description": "Bracket", "unit": "H87", "quantity": 5,
             "due": "2026-12-10", "operations": [{"number": "10", "name": "Bracket B-12"}]}
    drop.api.ok("POST", "orders", order)
    file = drop.out("zuid", "order-*.xml")[0]
    judged(file)
    assert (values(file, "Quantity"), values(file, "EndDate")) == (["5"], ["2026-12-10"])
    # the supplier is a koppel too
    drop.drop("noord", "OUT-1.xml", file.read_bytes())
    theirs = next(o for o in drop.orders(q="OUT-1") if o["direction"] == "in")
    drop.api.ok("POST", f"orders/{theirs['id']}/confirm", {"answer": "changed", "promised": "2026-12-12"})
    answer = next(f for f in drop.out("noord", f"answer-{theirs['id']}-changed-*.xml"))
    drop.drop("zuid", "answer.xml", answer.read_bytes())
    ours = next(o for o in drop.orders(q="OUT-1") if o["direction"] == "out")
    assert (ours["confirmation"], ours["promised"]) == ("changed", local("2026-12-12T23:59:59"))


def test_the_folders_stand_in_the_apply_file(drop, tmp_path):
    file = tmp_path / "factory.yaml"
    drop.node.cli("export", file)
    assert "orders:" in file.read_text() and "DMG50: hall/mill" in file.read_text()
    assert drop.node.json("apply", file, "--dry-run")["plan"] == []
    file.write_text(file.read_text().replace("changes: replace", "changes: revert"))
    done = drop.node.cli("apply", file, check=False)
    assert done.returncode and "folders[2].changes: 'revert' is none of refuse, replace" in done.stderr
