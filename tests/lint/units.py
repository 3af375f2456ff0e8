# SPDX-License-Identifier: Apache-2.0
"""Units: systemd's own tools accept every file we ship. Arguments: source root, built units."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import tree

# Exposure in tenths as systemd 252 counts it; 4.4 is what the comments in the unit account for.
EXPOSURE_MAX = 45
TEXTFILE_EXPOSURE_MAX = 20


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)


def check_unit(built, exposure_max, tmp):
    """verify wants the programs to exist, and exits 0 on unknown keys: so the output counts."""
    name = Path(built).name
    unit = Path(tmp) / name
    text = Path(built).read_text(encoding="utf-8")
    unit.write_text(re.sub(r"^(Exec\w+=)\S+", r"\1/bin/true", text, flags=re.M), encoding="utf-8")
    out = run("systemd-analyze", "verify", "--man=no", str(unit)).stdout
    if out:
        yield f"systemd-analyze verify: {out}"
    if "@" in re.sub(r"^#.*|SystemCallFilter=.*", "", text, flags=re.M):
        yield f"{name}: a place-holder was not replaced"
    if not exposure_max:
        return
    r = run("systemd-analyze", "security", "--offline=yes", f"--threshold={exposure_max}",
            "--no-pager", str(unit))
    if r.returncode:
        yield f"systemd-analyze security {name}: above {exposure_max / 10}: {r.stdout[-200:]}"


def check_catalog(tmp):
    folder = Path(tmp) / "usr/lib/systemd/catalog"
    folder.mkdir(parents=True)
    (Path(tmp) / "var/lib/systemd/catalog").mkdir(parents=True)
    shutil.copy(tree.ROOT / "systemd/custos.catalog", folder)
    r = run("journalctl", "--update-catalog", f"--root={tmp}")
    if r.returncode or r.stdout:
        yield f"journalctl --update-catalog: {r.stdout}"
    r = run("journalctl", "--list-catalog", f"--root={tmp}")
    n_texts = len(re.findall(r"^-- ", tree.text("systemd/custos.catalog"), re.M))
    if len(r.stdout.splitlines()) != n_texts:
        yield f"journalctl lists other than {n_texts} texts: {r.stdout}"


def check_sysusers():
    r = run("systemd-sysusers", "--dry-run", str(tree.ROOT / "systemd/sysusers.conf"))
    if r.returncode:
        yield f"systemd-sysusers: {r.stdout}"


def check_tmpfiles(tmp):
    if os.geteuid() != 0:
        print("note: tmpfiles not tried, it needs root")
        return
    r = run("systemd-tmpfiles", "--create", f"--root={tmp}", str(tree.ROOT / "systemd/tmpfiles.conf"))
    if r.returncode or r.stdout or not (Path(tmp) / "run/custos").is_dir():
        yield f"systemd-tmpfiles: {r.stdout}"


def main():
    if not shutil.which("systemd-analyze"):
        tree.skip("systemd-analyze is not installed")
    with tempfile.TemporaryDirectory() as tmp:
        tree.report([*check_unit(sys.argv[2], EXPOSURE_MAX, tmp),
                     *check_unit(sys.argv[3], TEXTFILE_EXPOSURE_MAX, tmp),
                     *check_unit(tree.ROOT / "systemd/custos-textfile.timer", None, tmp), *check_catalog(tmp), *check_sysusers(),
                     *check_tmpfiles(tmp)])


main()
