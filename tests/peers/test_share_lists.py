# SPDX-License-Identifier: Apache-2.0
"""Lists of share are read to their end, page by page, over REST and at the command line."""
import sqlite3

import pytest
from conftest import Node
from web_client import Api

MANY = 2345
AT = 1_770_000_000_000_000_000


def fill(db):
    db.execute("insert into share_dataset(id, signals, made, content) values('d', '[\"a/**\"]', 1, 'signals')")
    for i in range(MANY):
        db.execute("insert into share_offer(id, dataset, policy, automatic, made) values(?, 'd', '{\"permission\":[{\"action\":\"use\"}]}', 1, ?)", (f"o{i:05}", i // 7))
        for kind in (0, 1):
            db.execute("insert into share_process(kind, side, partner, pid, callback, state, automatic, made, changed) values(?, 1, 'acme', ?, '', 8, 1, ?, ?)", (kind, f"{kind}-{i}", AT, AT))
        db.execute("insert into share_agreement(id, side, partner, dataset, text, active, made) values(?, 1, 'acme', 'd', '{}', 1, ?)", (f"a{i:05}", AT + i // 7))
        for k in range(2 if i < 5 else 1):
            db.execute("insert into share_exit(at, partner, agreement, transfer, dataset, way, count, intervals, bytes, signals, ended) values(?, ?, ?, 1, 'd', 'pull', 3, 0, 30, '[\"a/b\"]', ?)",
                       (AT + i + k, "acme" if i % 2 else "other", f"a{i:05}", AT + i + k))
    db.commit()


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    n = Node(tmp_path_factory.mktemp("lists"))
    n.start()
    n.stop()
    db = sqlite3.connect(n.dir / "factory.db")
    fill(db)
    db.close()
    n.start()
    yield n
    n.stop()


@pytest.mark.parametrize("verb,key", [("offer", "offers"), ("negotiate", "negotiations"), ("agreements", "agreements"), ("transfers", "transfers")])
def test_a_list_has_all_rows_each_once_in_one_order(node, verb, key):
    api = Api(node)
    ids = [x["id"] for x in node.json(verb)[key]]
    assert len(ids) == len(set(ids)) == MANY
    assert len(node.cli(verb).stdout.splitlines()) == MANY + 1
    small, after = [], {}
    while True:
        reply = api.ok("GET", key, limit=500, **after)
        small += [x["id"] for x in reply[key]]
        if not reply["more"]:
            break
        assert len(reply[key]) == 500
        after = {"after": small[-1]}
    assert small == ids
    if key in ("offers", "agreements"):
        assert "from its beginning" in api.refused(404, "GET", key, after="gone")


def test_what_a_partner_has_of_us_is_told_of_every_agreement(node):
    told = node.json("audit", "--partner", "*")
    assert len({x["agreement"] for x in told["agreements"]}) == len(told["agreements"]) == MANY
    assert len({x["id"] for x in told["exits"]}) == len(told["exits"]) == MANY + 5
    assert sum(x["values"] for x in told["agreements"]) == 3 * (MANY + 5)
    assert len(node.cli("audit", "--partner", "acme", "--csv").stdout.splitlines()) == MANY // 2 + 1
    page = Api(node).ok("GET", "exits", skip=MANY - 3, limit=2)
    assert len(page["agreements"]) == 2 and page["moreAgreements"] and page["exits"] == page["days"] == []
    page = Api(node).ok("GET", "exits", after=3, limit=2)
    assert [x["id"] for x in page["exits"]] == [2, 1] and not page["more"] and page["agreements"] == []
