# SPDX-License-Identifier: Apache-2.0
"""How what a watch said of public data sets is scored, as each set's own rules want it. What it said is a dictionary row -> (score, alarm)."""
import csv
import json
import math
import re
from datetime import datetime, timezone
from pathlib import Path


def said(path):
    with open(path) as f:
        next(f)
        return {int(i): (float(s), a.strip() == "1") for i, s, a in csv.reader(f)}


# ---- SKAB: a water pump, the first 400 rows of each file are to learn from ----
SKAB_TRAIN = 400


def skab_labels(path):
    with open(path) as f:
        return [row["anomaly"].startswith("1") for row in csv.DictReader(f, delimiter=";")]


def skab(files):
    """files: (labels, said) of each. Rows are pooled; an event is an alarm's beginning."""
    tp = fp = tn = fn = false_events = 0
    for labels, told in files:
        before = False
        for row in range(SKAB_TRAIN, len(labels)):
            alarm = told[row][1]
            tp, fp = tp + (alarm and labels[row]), fp + (alarm and not labels[row])
            fn, tn = fn + (not alarm and labels[row]), tn + (not alarm and not labels[row])
            false_events += alarm and not before and not labels[row]
            before = alarm
    return {"F1": tp / (tp + (fp + fn) / 2) if tp else 0, "FAR": 100 * fp / max(1, fp + tn), "MAR": 100 * fn / max(1, fn + tp),
            "false events": 1000 * false_events / max(1, fp + tn)}


# ---- NAB: the earliest alarm in a window counts, alarms outside cost ----
def nab_train(rows):
    return math.ceil(min(math.floor(.15 * rows), 750))


def nab_sigmoid(y):
    return 2 / (1 + math.exp(5 * y)) - 1


def nab_weights(stamps, windows):
    """What an alarm in each row is worth, and in which window it lies: -1 none, -2 not scored."""
    n, first = len(stamps), {}
    for i, s in enumerate(stamps):
        first.setdefault(s[:19], i)
    spans = [(first[a[:19]], first[b[:19]]) for a, b in windows]
    worth, inside = [-1.0] * n, [-1] * n
    for k, (left, right) in enumerate(spans):
        width, end = right - left + 1, spans[k + 1][0] if k + 1 < len(spans) else n
        for i in range(left, right + 1):
            worth[i], inside[i] = nab_sigmoid(-(right - i + 1) / width) / nab_sigmoid(-1), k
        for i in range(right + 1, end):
            z = (i - right) / max(1, width - 1)
            worth[i] = -1 if z > 3 else nab_sigmoid(z)
    inside[:nab_train(n)] = [-2] * min(n, nab_train(n))
    return worth, inside


def nab(files, tp=1, fp=.11, fn=1):
    """files: (stamps, windows, said). The standard profile, at the one threshold that suits all files best, as NAB's rules want it."""
    steps, null, windows_all = [], 0, 0
    for stamps, windows, told in files:
        worth, inside = nab_weights(stamps, windows)
        windows_all += len(windows)
        members = {}
        for i, w in enumerate(inside):
            if w == -1:
                steps.append((told[i][0], worth[i] * fp))
            elif w >= 0:
                members.setdefault(w, []).append(i)
        for rows in members.values():
            null -= fn
            best = -fn
            for i in sorted(rows, key=lambda i: -told[i][0]):
                better = max(best, worth[i] * tp)
                steps.append((told[i][0], better - best))
                best = better
    steps.sort(key=lambda s: -s[0])
    total = best = null
    for i, (score, step) in enumerate(steps):
        total += step
        if i + 1 == len(steps) or steps[i + 1][0] != score:
            best = max(best, total)
    perfect, base = windows_all * tp, -windows_all * fn
    return 100 * (best - base) / (perfect - base)


def nab_own_limit(files):
    """(windows with an alarm in them, windows, alarms outside for 1,000 rows): what a user sees, who has no threshold to choose."""
    hit = windows_all = false = rows = 0
    for stamps, windows, told in files:
        _, inside = nab_weights(stamps, windows)
        alarms = [inside[i] for i in told if told[i][1]]
        hit, windows_all = hit + len({w for w in alarms if w >= 0}), windows_all + len(windows)
        false, rows = false + alarms.count(-1), rows + len(stamps)
    return hit, windows_all, 1000 * false / max(1, rows)


def nab_windows(folder):
    return json.loads((Path(folder) / "windows.json").read_text())


# ---- UCR: one anomaly in each series, its place is asked for ----
def ucr_name(path):
    """(source, rows to learn from, begin and end of the anomaly), all of them in the file's name."""
    m = re.fullmatch(r"\d+_UCR_Anomaly_(.*)_(\d+)_(\d+)_(\d+)", Path(path).stem)
    family = re.sub(r"\d+$", "", re.sub("^(DISTORTED|NOISE)", "", m[1]).lower())
    return family, int(m[2]), int(m[3]), int(m[4])


def ucr(files):
    """files: (path, said). The part of series in which the highest score lies at the anomaly; the same by source, for some are many variants of one."""
    families = {}
    for path, told in files:
        family, train, begin, end = ucr_name(path)
        place = max((row for row in told if row >= train), key=lambda row: told[row][0])
        slack = max(100, end - begin + 1)
        families.setdefault(family, []).append(begin - slack < place < end + slack)
    hits = [hit for family in families.values() for hit in family]
    return sum(hits) / len(hits), sum(sum(f) / len(f) for f in families.values()) / len(families)


# ---- TEP: a chemical plant, the fault begins at row 160 ----
TEP_TRAIN, TEP_FAULT = 500, 160
TEP_HOPELESS = (0, 3, 9, 15)  # the normal run, and three faults that nobody finds


def tep(files):
    """files: (number of the fault, rows, said): (mean part of the fault's rows in alarm, % of normal rows in alarm)."""
    rates, false, normal = [], 0, 0
    for fault, rows, told in files:
        start = TEP_FAULT if fault else rows
        false += sum(told[row][1] for row in range(start))
        normal += start
        if fault not in TEP_HOPELESS:
            rates.append(sum(told[row][1] for row in range(start, rows)) / (rows - start))
    return sum(rates) / max(1, len(rates)), 100 * false / max(1, normal)


# ---- forecasts: series with a usual day or week, and the step in seconds they are looked at in ----
SEASONAL = {
    "realKnownCause/nyc_taxi.csv": 1800,
    "realKnownCause/ambient_temperature_system_failure.csv": 3600,
    "realKnownCause/machine_temperature_system_failure.csv": 1800,
    **{f"realTraffic/{name}.csv": 1800 for name in ("occupancy_t4013", "speed_6005", "speed_t4013", "TravelTime_387", "TravelTime_451")},
    **{f"realTweets/Twitter_volume_{name}.csv": 1800 for name in ("AAPL", "AMZN", "CVS", "FB", "IBM", "KO", "UPS")},
    **{f"realAdExchange/exchange-{name}_results.csv": 3600 for name in ("2_cpc", "2_cpm", "3_cpm", "4_cpc")},
    **{f"realAWSCloudwatch/{name}.csv": 1800 for name in ("elb_request_count_8c0756", "ec2_cpu_utilization_c6585a", "rds_cpu_utilization_cc0c53")},
}


def nab_rows(path):
    with open(path) as f:
        return [(datetime.fromisoformat(row["timestamp"]).replace(tzinfo=timezone.utc).timestamp(), float(row["value"])) for row in csv.DictReader(f)]


def grid(rows, step, off=()):
    """What eval_forecast reads: steps a day, the first one's place in the week, whether they add up, the days off (0: the first); then the mean of each step."""
    steps = {}
    for at, value in rows:
        steps.setdefault(int(at // step), []).append(value)
    first, last, day = min(steps), max(steps), 86400 // step
    values = (sum(steps[i]) / len(steps[i]) if i in steps else math.nan for i in range(first, last + 1))
    return "\n".join([f"{day} {(first + 3 * day) % (7 * day)} 0 {len(off)}", *map(str, off), *map(repr, values)])  # 1970 began on a Thursday


def mean_ratio(ratios):
    return math.exp(sum(map(math.log, ratios)) / len(ratios))
