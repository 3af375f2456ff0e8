# SPDX-License-Identifier: Apache-2.0
"""Headers: licence line in every source, and what a module owns in every .c of the product."""
import tree

SPDX = "SPDX-License-Identifier: Apache-2.0"
SOURCES = {".c", ".h", ".py", ".sh", ".conf", ".preset", ".catalog", ".in", ".rules", ".yar"}


def needs_licence(path):
    if path.parts[:2] == ("tests", "fixtures"):
        return False
    return path.suffix in SOURCES or (path.suffix == "" and tree.is_script(path))


def main():
    findings = []
    for path in tree.files():
        if not needs_licence(path):
            continue
        body = tree.text(path)
        if SPDX not in "\n".join(body.splitlines()[:3]):
            findings.append(f"{path}: no '{SPDX}' in the first three lines")
        if path.suffix == ".c" and path.parts[0] in ("lib", "daemon", "ctl"):
            opening = body[:2500]
            findings += [
                f"{path}: the opening comment does not say '{word}:'"
                for word in ("Owns", "ust not own")
                if word not in opening
            ]
        if path.suffix == ".h" and "#pragma once" not in body:
            findings.append(f"{path}: no #pragma once")
    tree.report(findings)


main()
