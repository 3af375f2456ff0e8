# SPDX-License-Identifier: Apache-2.0
"""bench/engine measures all it promises, and finds the base rules' matches to be those of yara(1)."""
import sys

from judge import judge

FIGURES = (
    "differences, files of this host", "differences, files made for rules", "differences, files with names", "positives",
    "yara / custos, not PE", "yara / custos, whole corpus", "load to the first verdict, all rules", "4 KiB by hash alone",
    "1 MiB by hash alone / openssl speed", "64 MiB by hash alone / openssl speed",
    "2 workers / 1, as if alone on the machine", "memory of all processes, 2 workers",
    "100,000 hashes: build, per 10 million", "100,000 hashes: load to the first verdict", "100,000 hashes: lookup, miss",
    "100,000 hashes: lookup, hit",
)


def findings(result):
    figures = {f["name"]: f for f in result["figures"]}
    yield from (f"{name}: not measured" for name in FIGURES if name not in figures)
    yield from result["failures"]
    for name, f in figures.items():
        if name.startswith("differences"):
            if f["value"] != 0:
                yield f"{name}: {f['value']}: {f['detail']}"
        elif not f["value"] > 0:
            yield f"{name}: {f['value']}"
    if figures.get("positives", {}).get("value", 0) < 5:
        yield "the made files match next to nothing: the comparison says nothing"


program, build, rules = sys.argv[1:]
sys.exit(judge([program, rules, "--build", build, "--files", "60", "--rounds", "1", "--hashes", "100000"], findings))
