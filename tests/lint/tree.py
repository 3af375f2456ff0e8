# SPDX-License-Identifier: Apache-2.0
"""What the lints share: the list of files, and how findings are reported."""
import os
import sys
from pathlib import Path

SKIPPED_DIRS = {".git", "__pycache__", "corpus", "artifacts", "subprojects"}
ROOT = Path(sys.argv[1]).resolve()


def files(*tops):
    """Every file below the folders (default: all), as paths relative to the root, sorted."""
    found = []
    for top in tops or (".",):
        for folder, dirs, names in os.walk(ROOT / top):
            # A build tree is a folder that meson made, whatever its name.
            dirs[:] = sorted(
                d for d in dirs
                if d not in SKIPPED_DIRS and not (Path(folder) / d / "meson-info").is_dir()
            )
            found += [(Path(folder) / n).relative_to(ROOT) for n in names if n not in SKIPPED_DIRS]
    return sorted(found)


def text(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def is_script(path):
    with open(ROOT / path, "rb") as f:
        return f.read(2) == b"#!"


def skip(reason):
    print(f"skip: {reason}")
    sys.exit(77)


def report(findings):
    for line in findings:
        print(line)
    sys.exit(1 if findings else 0)
