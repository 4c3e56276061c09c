# SPDX-License-Identifier: Apache-2.0
"""koppel csaf: advisories judged from the command line; the test files of OASIS and real advisories where KOPPEL_DATA is set."""
import json
import os
import subprocess
from pathlib import Path

import pytest
from conftest import KOPPEL, ROOT

GOOD = ROOT / "tests" / "csaf" / "good.json"
DATA = Path(os.environ.get("KOPPEL_DATA", "/nowhere")) / "shield" / "csaf-oasis"
oasis = pytest.mark.skipif(not DATA.is_dir(), reason="the test files of OASIS are not here: KOPPEL_DATA/shield/csaf-oasis")


def csaf(*args, **more):
    return subprocess.run([KOPPEL, "csaf", *map(str, args)], capture_output=True, text=True, timeout=120, **more)


@pytest.fixture
def bad(tmp_path):
    file = tmp_path / "bad.json"
    file.write_text(GOOD.read_text().replace('"baseScore": 9.8', '"baseScore": 9.9').replace('"lang": "en-GB",', ""))
    return file


def test_a_good_advisory_passes_and_a_bad_one_names_test_and_pointer(bad):
    done = csaf("check", GOOD)
    assert (done.returncode, done.stdout) == (0, f"{GOOD}: valid: 0 faults, 0 warnings, 0 hints\n")
    done = csaf("check", bad)
    assert done.returncode == 1
    assert f"{bad}: [6.1.9] /vulnerabilities/0/scores/0/cvss_v3/baseScore: " in done.stdout
    assert "warning [6.2.12] /document: " in done.stdout
    assert "6.2.12" not in csaf("check", "--only", "mandatory", bad).stdout


def test_a_folder_is_judged_whole_and_what_is_no_document_ends_with_2(bad):
    deep = bad.parent / "2026" / "deeper"
    deep.mkdir(parents=True)
    (deep / "good.json").write_bytes(b"\xef\xbb\xbf" + GOOD.read_bytes())
    (deep / "index.txt").write_text("good.json\n")
    done = csaf("check", bad.parent)
    assert done.returncode == 1 and done.stdout.endswith("1 passed, 1 failed\n")
    (deep / "deep.json").write_text("[" * 100 + "]" * 100)
    done = csaf("check", bad.parent)
    assert done.returncode == 2 and "deep.json: unusable: /0/0/" in done.stdout and ": the document is nested deeper than 72\n" in done.stdout
    assert csaf("check", bad.parent / "none.json").returncode == 2
    assert csaf("check", "-", stdin=GOOD.open()).returncode == 0


def test_programs_get_the_same_and_what_is_left_out_as_json(bad):
    told = json.loads(csaf("check", "--json", GOOD, bad).stdout)
    assert (told["valid"], told["invalid"], told["unusable"]) == (1, 1, 0)
    good, fault = told["documents"]
    assert good["valid"] and good["findings"] == [] and (good["id"], good["version"], good["error"]) == ("G-1", "2", None)
    assert {(f["test"], f["group"], f["pointer"]) for f in fault["findings"]} == {
        ("6.1.9", "mandatory", "/vulnerabilities/0/scores/0/cvss_v3/baseScore"), ("6.2.12", "optional", "/document")}
    assert "6.3.8" in {t["test"] for t in told["leftOut"]}
    tests = json.loads(csaf("tests", "--json").stdout)
    assert len(tests) == 1 + 43 + 20 + 11


def test_a_document_larger_than_the_limit_is_refused(tmp_path):
    file = tmp_path / "huge.json"
    with file.open("wb") as f:
        f.truncate(1 << 30)
    done = csaf("check", file)
    assert done.returncode == 2 and "the document is larger than 16 MiB" in done.stdout


@oasis
def test_the_test_files_of_oasis_are_judged_as_they_say():
    done = subprocess.run([ROOT / "tests/csaf/check", KOPPEL], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
    assert "mandatory: 147 of 147 files judged rightly" in done.stdout
