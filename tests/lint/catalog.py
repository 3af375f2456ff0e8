# SPDX-License-Identifier: Apache-2.0
"""Catalog: every MESSAGE_ID of the source has a text and every text an id; fields exist."""
import re

import tree


def main():
    source = tree.text("daemon/supervisor/entry.c")
    header = tree.text("daemon/supervisor/entry.h")
    catalog = tree.text("systemd/custos.catalog")

    events = re.search(r"enum journal_event \{(.*?)\};", header, re.S).group(1)
    names = [n for n in re.findall(r"\bJOURNAL_\w+(?=,)", events)]
    ids = dict(re.findall(r"\[(JOURNAL_\w+)\] = \"([0-9a-f]{32})\"", source))
    texts = re.findall(r"^-- ([0-9a-f]{32})$", catalog, re.M)
    fields = set(re.findall(r'"([A-Z][A-Z0-9_]+)"', source))

    findings = [f"{n}: no MESSAGE_ID in entry.c" for n in names if n not in ids]
    findings += [f"{n}: MESSAGE_ID {i} is not in custos.catalog" for n, i in ids.items() if i not in texts]
    findings += [f"custos.catalog: {t} is not in entry.c" for t in texts if t not in ids.values()]
    findings += [f"custos.catalog: no event has a field {f}"
                 for f in sorted(set(re.findall(r"@([A-Z0-9_]+)@", catalog)) - fields)]
    if len(set(ids.values())) != len(ids) or len(set(texts)) != len(texts):
        findings.append("an id is used twice")
    if not names:
        findings.append("no event found: the search is broken")
    tree.report(findings)


main()
