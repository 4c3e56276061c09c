# SPDX-License-Identifier: Apache-2.0
"""What the profiles make of a server with the published companion specifications (node-opcua)."""
import json
import shutil

import pytest

from conftest import ROOT, Server

NODE = shutil.which("node")
MODULES = ROOT / "build" / "npm-opcua" / "node_modules"


@pytest.fixture
def mill(tmp_path):
    if not NODE or not MODULES.exists():
        pytest.skip("node-opcua is not there: tools/setup check")
    server = Server("env", f"NODE_PATH={MODULES}", NODE, ROOT / "tests" / "peers" / "npm-opcua" / "machine_tool.js",
                    tmp_path / "pki")
    yield server
    server.stop()


def test_a_machine_tool_has_the_roles_of_its_specification(node, mill):
    node.cli("couple", mill.url, "--name", "m", "--at", "hall/m", "--no-wait")
    node.wait_link("m", "online", 30)
    tried = {n["path"]: n for n in map(json.loads, node.cli("profile", "try", "m", "--json").stdout.splitlines())}
    roles = {path: n["role"] for path, n in tried.items() if n["role"]}
    assert {
        "Mill/Monitoring/Channel1/ChannelState": "state",
        "Mill/Monitoring/Channel1/ChannelMode": "mode",
        "Mill/Monitoring/Channel1/FeedOverride": "override",
        "Mill/Monitoring/Channel1/RapidOverride": "override",
        "Mill/Monitoring/MachineTool/FeedOverride": "override",
        "Mill/Monitoring/MachineTool/OperationMode": "mode",
        "Mill/Production/ActiveProgram/Name": "program",
        "Mill/Production/ActiveProgram/State/CurrentState": "program-state",
        "Mill/Production/Statistics/PartsProducedInLifetime": "part-count",
    }.items() <= roles.items()
    assert tried["Mill/Monitoring/Channel1/ChannelState"]["states"] == "running=0,Active; stopped=1,Interrupted; idle=2,Reset"
    for path, role in roles.items():
        assert node.value(f"hall/m/{path}")["role"] == role
    assert not [p for p, n in tried.items() if n["subscribed"] and ("/Identification/" in p or "Prognoses" in p)]
