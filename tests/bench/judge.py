# SPDX-License-Identifier: Apache-2.0
"""Runs a benchmark that writes its figures as JSON, and prints what is wrong with them."""
import json
import subprocess
import tempfile
from pathlib import Path


def judge(command, findings):
    """Exit code. @command gets --json FILE; @findings: from its figures to sentences, none when all is well."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "figures.json"
        done = subprocess.run([*command, "--json", out], capture_output=True, text=True, check=False)
        if done.returncode == 77:
            print(done.stdout.strip())
            return 77
        if not out.exists():
            print(done.stdout + done.stderr)
            return 1
        found = list(findings(json.loads(out.read_text())))
    print("\n".join(f"FAIL: {f}" for f in found) or "ok")
    return 1 if found else 0
