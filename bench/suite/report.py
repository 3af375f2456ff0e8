# SPDX-License-Identifier: Apache-2.0
"""What was measured, as tables for people (Markdown) and as one JSON object."""


def number(value, digits=1):
    return "-" if value is None else f"{value:,.{digits}f}"


def table(head, lines):
    """Columns as wide as their widest cell; valid Markdown."""
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    form = lambda cells: "| " + " | ".join(
        c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths))) + " |"
    rule = "|" + "|".join("---" if i == 0 else "---:" for i in range(len(head))) + "|"
    return "\n".join([form(head), rule, *map(form, lines)])


def header(result):
    m = result["machine"]
    return (f"{m['processor']}, {m['cpus']} CPUs, {m['memoryMib']} MiB, Linux {m['kernel']}, {m['date']}, "
            f"load {m['loadAtStart']:.1f} at the start; medians of {result['rounds']} alternating rounds"
            f"{' (quick)' if result['quick'] else ''}; rules: {result['rules']}")


def open_line(row):
    one = row["runs"][0]
    rate = {r["openers"]: r["opensPerSec"] for r in row["runs"]}
    counted = row.get("counted")
    return [row["name"], number(one["p50Usec"], 2), f"{one['p50LowUsec']:.1f}..{one['p50HighUsec']:.1f}",
            number(one["p99Usec"]), number(one["p999Usec"]),
            *(number(rate.get(w), 0) for w in (1, 2, 4, 8)),
            number(one["openerCpuUsec"], 2), number(one["daemonCpuUsec"], 2),
            number(row["pssBytes"] / 2**20),
            *([f"{100 * counted['hitRatio']:.1f} %", f"{100 * counted['notScanned']:.1f} %"] if counted else ["-", "-"])]


def opens_table(result):
    head = ["open+read+close of 4 KiB", "p50 us", "p50 of rounds", "p99 us", "p99.9 us", "opens/s 1", "2", "4", "8",
            "opener CPU s/M", "daemon CPU s/M", "PSS MiB", "cache hits", "not scanned"]
    return table(head, [open_line(r) for r in result["rows"] if "skipped" not in r])


def workloads_table(result):
    head = ["workload", "without s", "with custos s", "ratio", "of rounds", "cache hits", "not scanned"]
    return table(head, [
        [w["name"], number(w["nativeSec"], 3), number(w["custosSec"], 3), ("at least " if w["atLeast"] else "") + number(w["ratio"], 3),
         f"{w['ratioLow']:.2f}..{w['ratioHigh']:.2f}", f"{100 * w['counted']['hitRatio']:.1f} %",
         f"{100 * w['counted']['notScanned']:.1f} %"]
        for w in result["workloads"] if "skipped" not in w])


def bars_table(result):
    word = {True: "met", False: "NOT met", None: "not measured"}
    return table(["figure", "measured", "bar", ""], [
        [b["name"], number(b["ratio"], 3), "-" if b["bar"] is None else f"{b['relation']} {b['bar']:g}", word[b["met"]]]
        for b in result["bars"]])


def skipped(result):
    return [f"skipped: {r['name']}: {r['skipped']}" for r in result["rows"] + result["workloads"] if "skipped" in r]


def markdown(result):
    parts = [header(result), opens_table(result), *skipped(result)]
    if any("skipped" not in w for w in result["workloads"]):
        parts.append(workloads_table(result))
    parts.append(bars_table(result))
    return "\n\n".join(parts) + "\n"
