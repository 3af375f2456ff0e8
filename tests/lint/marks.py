# SPDX-License-Identifier: Apache-2.0
"""Marks: nothing unfinished, nothing that is true on one machine only."""
import re

import tree

# Put together, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b")
DISABLED = re.compile(r"^\s*#\s*if\s+0\b")
MACHINE = re.compile(r"(?<![\w}.$)])/(" + "|".join(("wo" + "rk/", "tmp/w" + "t/", "home/" + r"\w+/", "ro" + "ot/")) + ")")
TEXT = {".c", ".h", ".py", ".sh", ".md", ".in", ".conf", ".build", ".txt", ".service", ".catalog", ".preset", ".rules", ".yar", ""}


def main():
    findings = []
    for path in tree.files():
        if path.suffix not in TEXT or path.name == "LICENSE" or path.parts[:2] == ("tests", "fixtures"):
            continue
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            for pattern, what in ((UNFINISHED, "unfinished mark"), (DISABLED, "disabled code"),
                                  (MACHINE, "path of one machine")):
                # A name such as mktemp's XXXXXX is longer and does not match.
                if pattern.search(line):
                    findings.append(f"{path}:{number}: {what}: {line.strip()}")
    tree.report(findings)


main()
