#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill.py PROGRAM INIT ROUNDS [SEED]: kill -9 at random moments. PROGRAM is crash_store, INIT the koppel binary that
makes the file. After each kill the next run first checks that everything acknowledged is there, once, bit for bit.
Ends with a line "N passed, M failed"."""
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def run(program, folder, acked, life):
    """One life of the writer; returns (what it says it verified, last acknowledged round, complaint)."""
    with open(folder.parent / "out", "w+") as out:
        process = subprocess.Popen([program, folder, str(acked)], stdout=out, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while "verified" not in (folder.parent / "out").read_text() and process.poll() is None:
            if time.monotonic() > deadline:
                break
            time.sleep(0.001)
        time.sleep(life)
        process.kill()
        process.wait()
        lines = (folder.parent / "out").read_text().split("\n")[:-1]  # the last line may be cut off
    verified = next((int(l.split()[1]) for l in lines if l.startswith("verified")), None)
    acks = [int(l) for l in lines if l.isdigit()]
    complaint = next((l for l in lines if l.split()[0] in ("LOST", "WRONG", "ERROR")), None)
    if verified is None and not complaint:
        complaint = "did not verify: " + " ".join(lines[-5:])
    return verified, max(acks, default=acked), complaint


def main():
    program, koppel, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    passed = failed = points = 0
    scratch = Path(tempfile.mkdtemp(prefix="koppel-kill-"))
    folder = scratch / "node"
    acked = -1
    for n in range(rounds):
        if n % 50 == 0:  # a fresh file now and then keeps the checks short
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([koppel, "init", folder], check=True, stdout=subprocess.DEVNULL)
            acked = -1
        verified, acked, complaint = run(program, folder, acked, chance.random() * 0.4)
        points = max(points, verified or 0)
        if complaint:
            failed += 1
            print(f"kill {n}: {complaint}")
            break
        passed += 1
        if n % 10 == 9:
            with sqlite3.connect(f"file:{folder}/factory.db?mode=ro", uri=True) as db:
                sound = db.execute("pragma integrity_check").fetchone()[0]
                chunks = db.execute("select count(*) from chunk").fetchone()[0]
            if sound != "ok":
                failed += 1
                print(f"kill {n}: the file is not sound: {sound}")
                break
            print(f"{n + 1} kills, {verified} points and {chunks} chunks in the file, acknowledged up to round {acked}")
    if not failed:
        shutil.rmtree(scratch)
    else:
        print(f"the file is kept in {folder}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not points else 0


sys.exit(main())
