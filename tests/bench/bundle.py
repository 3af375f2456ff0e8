# SPDX-License-Identifier: Apache-2.0
"""bench/bundle measures all it promises, and a small bundle is in force in less than a second."""
import sys

from judge import judge

HASHES = 4_200_000  # their list is large enough for a table that is shared (docs/adr/0043)
FIGURES = ("copy and verify", "compile, check, try", "going live", "to the answer of custosctl", "longest open meanwhile",
           "memory", "largest memory")


def findings(result):
    figures = {f["name"]: f for f in result["figures"]}
    for order in ("first import", "import of one hash more"):
        for name in (f"{order}: {f}" for f in FIGURES):
            if not figures.get(name, {}).get("value", 0) > 0:
                yield f"{name}: not measured"
    largest = figures["import of one hash more: largest memory"]
    if not largest["met"]:
        yield f"memory while one hash more is imported: {largest['value']:.2f} times"
    # What was in force before must go: this was forgotten once.
    before, after = (figures[f"{order}: memory"]["value"] for order in ("first import", "import of one hash more"))
    if after > 1.2 * before:
        yield f"memory after the second import {after:.0f} MiB, after the first {before:.0f}"


program, build = sys.argv[1:]
sys.exit(judge([program, "--build", build, "--hashes", str(HASHES)], findings))
