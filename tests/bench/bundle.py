# SPDX-License-Identifier: Apache-2.0
"""bench/bundle measures all it promises, and a small bundle is in force in less than a second."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

FIGURES = ("copy and verify", "compile, check, try", "going live", "to the answer of custosctl", "longest open meanwhile",
           "memory", "largest memory")


def findings(result):
    figures = {f["name"]: f for f in result["figures"]}
    for order in ("first import", "import of one hash more"):
        for name in (f"{order}: {f}" for f in FIGURES):
            if not figures.get(name, {}).get("value", 0) > 0:
                yield f"{name}: not measured"
    # What was in force before must go: this was forgotten once.
    before, after = (figures[f"{order}: memory"]["value"] for order in ("first import", "import of one hash more"))
    if after > 1.2 * before:
        yield f"memory after the second import {after:.0f} MiB, after the first {before:.0f}"


def main():
    program, build = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "figures.json"
        done = subprocess.run([program, "--build", build, "--hashes", "1000000", "--json", out], capture_output=True, text=True,
                              check=False)
        if done.returncode == 77:
            print(done.stdout.strip())
            return 77
        if not out.exists():
            print(done.stdout + done.stderr)
            return 1
        found = list(findings(json.loads(out.read_text())))
    print("\n".join(f"FAIL: {f}" for f in found) or "ok")
    return 1 if found else 0


sys.exit(main())
