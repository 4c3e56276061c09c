#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""history.py: thirty days of the hall's energy meter as CSV, a value a minute, up to now; for koppel import."""
import math
import random
import time

random.seed(1)
now = int(time.time()) // 60 * 60
energy = 48211.0 - 30 * 24 * 22
print("time,signal,value")
for at in range(now - 30 * 86400, now, 60):
    hour = at / 3600 % 24
    day = 1 if 6 <= hour < 22 and at // 86400 % 7 < 5 else 0.15
    breaks = 0.5 if any(b <= hour < b + 0.4 for b in (9, 12, 15, 18)) else 1
    power = 6 + 38 * day * breaks * (1 + 0.15 * math.sin(at / 210)) + random.uniform(0, 2)
    energy += power / 60
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    print(f"{stamp},power,{1000 * power:.1f}\n{stamp},energy,{energy:.2f}")
