# SPDX-License-Identifier: Apache-2.0
"""Medians of rounds, ratios between them, and the bars they are held against."""
import statistics

COLUMNS = ("p50Usec", "p99Usec", "p999Usec", "opensPerSec", "openerCpuUsec", "daemonCpuUsec")


def reduce_row(row):
    """A row's rounds as one object: medians, and the lowest and highest p50 of a round."""
    out = {"key": row.key, "name": row.name}
    if row.skipped or not row.rounds:
        return {**out, "skipped": row.skipped or "not measured"}
    out["runs"] = []
    for i, width in enumerate(row.widths):
        runs = [r["runs"][i] for r in row.rounds]
        line = {"openers": width, **{c: statistics.median(r[c] for r in runs) for c in COLUMNS}}
        line["p50LowUsec"] = min(r["p50Usec"] for r in runs)
        line["p50HighUsec"] = max(r["p50Usec"] for r in runs)
        line["opens"] = sum(r["opens"] for r in runs)
        out["runs"].append(line)
    out["pssBytes"] = statistics.median(r["pssBytes"] for r in row.rounds)
    if "counted" in row.rounds[0]:
        out["counted"] = reduce_counted(r["counted"] for r in row.rounds)
    return out


def reduce_counted(rounds):
    rounds = list(rounds)
    total = {k: sum(r[k] for r in rounds) for k in ("opens", "asked", "cacheHits", "scans")}
    total["hitRatio"] = statistics.median(r["hitRatio"] for r in rounds)
    total["notScanned"] = statistics.median(r["notScanned"] for r in rounds)
    return total


def reduce_workload(line):
    native, custos = (line.seconds[v] for v in ("native", "custos"))
    out = {"key": line.key, "name": line.name}
    if not native or not custos:
        return {**out, "skipped": "not measured"}
    return {
        **out,
        "nativeSec": statistics.median(native),
        "custosSec": statistics.median(custos),
        # each round against its own neighbour: what drifts between rounds drops out
        "ratio": statistics.median(c / n for c, n in zip(custos, native)),
        "ratioLow": min(c / n for c, n in zip(custos, native)),
        "ratioHigh": max(c / n for c, n in zip(custos, native)),
        "atLeast": line.at_least,
        "counted": reduce_counted(line.counted),
    }


class Figures:
    """Look-up of what was measured; None for what was not."""

    def __init__(self, rows, workloads, extra):
        self.rows = {r["key"]: r for r in rows}
        self.workloads = {w["key"]: w for w in workloads}
        self.extra = extra

    def open(self, key, column="p50Usec", openers=1):
        for line in self.rows.get(key, {}).get("runs", ()):
            if line["openers"] == openers:
                return line[column]
        return None

    def ratio(self, over, under, **which):
        a, b = self.open(over, **which), self.open(under, **which)
        return a / b if a is not None and b else None

    def workload(self, key):
        return self.workloads.get(key, {}).get("ratio")


MOST, LEAST = "<=", ">="
RATE = "opensPerSec"
# name, relation, bar, how it is computed. The bars are those of the issue of record.
BARS = [
    ("warm root-owned / native, p50", MOST, 1.08, lambda f: f.ratio("warmRoot", "native")),
    ("warm user-owned / minimal listener, p50, ext4", MOST, 1.15, lambda f: f.ratio("warmUserDisk", "minimalDisk")),
    ("the same, minimal listener on the opener's CPU", MOST, 1.15,
     lambda f: f.ratio("warmUserDisk", "minimalDiskNear")),
    ("warm user-owned / minimal listener, p50, tmpfs", MOST, 1.15, lambda f: f.ratio("warmUser", "minimal")),
    ("the same, minimal listener on the opener's CPU", MOST, 1.15,
     lambda f: f.ratio("warmUser", "minimalNear")),
    ("warm user-owned / minimal listener, opens/s of 4 openers, ext4", LEAST, 0.9,
     lambda f: f.ratio("warmUserDisk", "minimalDisk", column=RATE, openers=4)),
    ("warm user-owned / minimal listener, opens/s of 4 openers, tmpfs", LEAST, 0.9,
     lambda f: f.ratio("warmUser", "minimal", column=RATE, openers=4)),
    ("cold / minimal + SHA-256 + libyara, p50", MOST, 1.25, lambda f: f.ratio("cold", "scan")),
    ("cold / minimal + SHA-256 + libyara on the opener's CPU, p50", MOST, 1.25,
     lambda f: f.ratio("cold", "scanNear")),
    ("warm root-owned / clamonacc, opens/s", LEAST, 200, lambda f: f.ratio("warmRoot", "clamonacc", column=RATE)),
    ("the same, 4 openers", LEAST, 200, lambda f: f.ratio("warmRoot", "clamonacc", column=RATE, openers=4)),
    ("warm user-owned on ext4 / clamonacc, opens/s", LEAST, 200,
     lambda f: f.ratio("warmUserDisk", "clamonacc", column=RATE)),
    ("the same, 4 openers", LEAST, 200, lambda f: f.ratio("warmUserDisk", "clamonacc", column=RATE, openers=4)),
    ("warm user-owned on tmpfs / clamonacc, opens/s", LEAST, 200,
     lambda f: f.ratio("warmUser", "clamonacc", column=RATE)),
    ("warm user-owned on ext4 / fapolicyd, opens/s", LEAST, 1.5,
     lambda f: f.ratio("warmUserDisk", "fapolicyd", column=RATE)),
    ("warm user-owned on tmpfs / fapolicyd, opens/s", LEAST, 1.5,
     lambda f: f.ratio("warmUser", "fapolicyd", column=RATE)),
    ("warm root-owned / fapolicyd, opens/s", LEAST, 4, lambda f: f.ratio("warmRoot", "fapolicyd", column=RATE)),
    ("build of this project, warm, wall time with / without", MOST, 1.03, lambda f: f.workload("buildWarm")),
    ("build of this project, cold, wall time with / without", MOST, 1.15, lambda f: f.workload("buildCold")),
    ("1,000 static processes, warm, with / without", MOST, 1.05, lambda f: f.workload("spawnStatic")),
    ("1,000 dynamic processes, warm, with / without", MOST, 1.05, lambda f: f.workload("spawnDynamic")),
    ("scans of a cached file after a hash-only rule update", MOST, 0, lambda f: f.extra.get("scansAfterUpdate")),
    ("memory above rules, MiB (bar: cache ceiling + 32)", MOST, None, lambda f: f.extra.get("memoryAboveRulesMib")),
]


def judge(figures):
    out = []
    for name, relation, bar, compute in BARS:
        bar = figures.extra.get("memoryBarMib") if bar is None else bar
        value = compute(figures)
        met = None
        if value is not None:
            met = value <= bar if relation == MOST else value >= bar
        out.append({"name": name, "relation": relation, "bar": bar, "ratio": value, "met": met})
    return out
