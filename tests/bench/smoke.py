# SPDX-License-Identifier: Apache-2.0
"""bench/run measures and its JSON has the promised form. Says nothing about the figures."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROWS = "native,unmarked,minimal,minimalNear,ignored,scan,cold,warmRoot,warmUser,warmUserDisk"
WORKLOADS = "gitStatus,spawnStatic"
POSITIVE = ("p50Usec", "p99Usec", "p999Usec", "opensPerSec", "openerCpuUsec", "opens")
BARS = 23
NO_DAEMON = ("native", "unmarked")
HELD = ("warmRoot", "warmUserDisk")


def findings(result):
    rows = {r["key"]: r for r in result["rows"]}
    lines = {w["key"]: w for w in result["workloads"]}
    for key in ROWS.split(","):
        row = rows.get(key, {"skipped": "not there"})
        if "skipped" in row:
            yield f"row {key}: {row['skipped']}"
            continue
        widths = [run["openers"] for run in row["runs"]]
        if widths != ([1] if key.endswith("Near") else [1, 2, 4, 8]):
            yield f"row {key}: openers {widths}"
        for run in row["runs"]:
            yield from (f"row {key}: {c} is {run.get(c)}" for c in POSITIVE if not run.get(c, 0) > 0)
            if not run["p50Usec"] <= run["p99Usec"] <= run["p999Usec"]:
                yield f"row {key}: percentiles out of order"
        if key not in NO_DAEMON and not row["pssBytes"] > 0:
            yield f"row {key}: a daemon without memory"
        # Of a held or ignored file the kernel asks nobody.
        if key not in (*NO_DAEMON, "ignored", *HELD) and not row["runs"][0]["daemonCpuUsec"] > 0:
            yield f"row {key}: a daemon without processor time"
        if key in HELD and not row["counted"]["notScanned"] > 0.5:
            yield f"row {key}: not warm: {row['counted']}"
        if key in ("cold", "warmUser", *HELD) and not 0 <= row["counted"]["hitRatio"] <= 1:
            yield f"row {key}: hit ratio {row['counted']}"
    for key in WORKLOADS.split(","):
        line = lines.get(key, {"skipped": "not there"})
        if "skipped" in line:
            yield f"workload {key}: {line['skipped']}"
        elif not (line["nativeSec"] > 0 and line["custosSec"] > 0 and line["ratio"] > 0):
            yield f"workload {key}: {line}"
    if len(result["bars"]) != BARS:
        yield f"{len(result['bars'])} bars, wanted {BARS}"
    for bar in result["bars"]:
        if (bar["ratio"] is None) != (bar["met"] is None):
            yield f"bar {bar['name']}: judged without a figure, or the other way about"
    if result["rows"] and not all(result["machine"].get(k) for k in ("processor", "kernel", "cpus", "date")):
        yield f"machine: {result['machine']}"


def main():
    program, build = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "figures.json"
        done = subprocess.run(
            [sys.executable, program, "--quick", "--rounds", "1", "--no-build", "--build", build, "--rows", ROWS,
             "--workloads", WORKLOADS, "--json", out], capture_output=True, text=True, check=False)
        if done.returncode == 77:
            print(done.stdout.strip())
            return 77
        if done.returncode:
            print(done.stdout + done.stderr)
            return 1
        found = list(findings(json.loads(out.read_text())))
    print("\n".join(f"FAIL: {f}" for f in found) or "ok")
    return 1 if found else 0


sys.exit(main())
