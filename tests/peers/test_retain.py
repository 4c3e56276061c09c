# SPDX-License-Identifier: Apache-2.0
"""Rules of retention by command line, REST and file."""
from conftest import wait_for
from web_client import Api


def rules(node):
    return [(r["pattern"], r["points"], r["rollups"], r["size"]) for r in node.json("retain")["rules"]]


def test_rules_are_made_changed_ordered_and_dropped(node):
    assert "ever" in node.cli("retain").stdout
    node.cli("retain", "**/vibration", "--for", "30d", "--rollups", "5y")
    node.cli("retain", "hall", "--size", "2GB")
    assert rules(node) == [("**/vibration", "30d", "5y", None), ("hall", None, None, "2GB")]
    node.cli("retain", "hall", "--for", "1y", "--first")
    assert rules(node) == [("hall", "1y", None, "2GB"), ("**/vibration", "30d", "5y", None)]
    node.cli("retain", "hall", "--size", "none", "--disk", "20GB", "--intervals", "2y", "--removed", "90d")
    said = node.cli("retain").stdout
    for words in ("the file may use 20GB", "closed intervals are kept for 2y", "no longer in the model are kept for 90d"):
        assert words in said
    node.cli("retain", "hall", "--drop")
    assert rules(node) == [("**/vibration", "30d", "5y", None)]
    node.kill()
    node.start()
    assert rules(node) == [("**/vibration", "30d", "5y", None)]
    settings = node.cli("export").stdout
    for line in ('disk-budget: "20GB"', 'interval-age: "2y"', 'removed-age: "90d"'):
        assert line in settings


def test_a_rule_that_cannot_be_is_refused_and_changes_nothing(node):
    node.cli("retain", "a", "--for", "9d")
    for words, why in (
        (("retain", "a", "--rollups", "1d"), "rule 1 'a': rollups must be kept at least as long as points"),
        (("retain", "b", "--rollups", "1d"), "rule 2 'b': points are kept for ever, so rollups must be too"),
        (("retain", "a//b", "--for", "1d"), "this is no pattern"),
        (("retain", "c", "--for", "yesterday"), "rules[1].points: 'yesterday' is not like 90d or 2y"),
        (("retain", "--disk", "lots"), "disk: 'lots' is not like 20GB or 500MB"),
        (("retain", "nobody", "--drop"), "there is no rule 'nobody'"),
    ):
        assert why in node.cli(*words, check=False).stderr
    assert rules(node) == [("a", "9d", None, None)]


def test_unknown_keys_are_named(node):
    api = Api(node)
    for body, why in (({"rules": [{"pattern": "a", "age": "1d"}]}, "rules[0].age"), ({"rules": [4]}, "rules[0]"),
                      ({}, "rules must be a list"), ({"rules": [], "size": "1GB"}, "size")):
        assert why in api.refused(400, "PUT", "retention", body)


def test_usage_lists_what_is_stored_and_what_is_left(node, servers):
    server = servers("opcua_sim", "--variables", 3, "--rate", 20)
    node.cli("couple", server.url, "--name", "m", "--at", "hall/m", "--set", "sampling=20ms")
    node.wait_link("m", "online")
    wait_for(lambda: node.json("usage")["forecast"]["diskBytes"] > 0)
    usage = node.json("usage")
    assert usage["fileBytes"] > 0 and usage["forecast"]["roomBytes"] > 0
    assert "when it will be full" in node.cli("usage").stdout


def test_an_apply_file_says_the_rules_and_their_order(node, tmp_path):
    node.cli("retain", "old", "--for", "9d")
    file = tmp_path / "rules.yaml"
    file.write_text("retention:\n  - pattern: '**/vibration'\n    points: 30d\n    rollups: 5y\n  - pattern: hall\n    size: 2GB\n")
    plan = node.cli("apply", file, "--dry-run").stdout
    assert "+ retention **/vibration: points: 30d, rollups: 5y" in plan and rules(node) == [("old", "9d", None, None)]
    node.cli("apply", file)
    both = [("**/vibration", "30d", "5y", None), ("hall", None, None, "2GB")]
    assert rules(node) == both + [("old", "9d", None, None)]
    assert node.json("apply", file)["plan"] == []
    node.cli("apply", file, "--prune")
    assert rules(node) == both
    exported = tmp_path / "exported.yaml"
    exported.write_text(node.cli("export").stdout)
    node.cli("retain", "hall", "--drop")
    node.cli("apply", exported)
    assert rules(node) == both
    file.write_text("retention:\n  - pattern: hall\n    points: 30d\n    rollups: 1d\n")
    refused = node.cli("apply", file, check=False)
    assert refused.returncode == 1 and "rollups must be kept at least as long" in refused.stderr and rules(node) == both
