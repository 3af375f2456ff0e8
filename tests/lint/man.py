# SPDX-License-Identifier: Apache-2.0
"""Manual: scdoc takes every page; each verb, option, key, predicate and journal field is described."""
import re
import shutil
import subprocess

import tree

PAGES = "docs/man"


def page(name):
    # In scdoc a backslash takes the next character as it is.
    return re.sub(r"\\(.)", r"\1", tree.text(f"{PAGES}/{name}.scd"))


def missing(name, words, form="{}"):
    described = page(name)
    if not words:
        yield f"{name}: nothing found to look for: the search is broken"
    for word in sorted(words):
        if form.format(word) not in described:
            yield f"{name}: {form.format(word)} is not described"


def verbs(source, table):
    body = re.search(table + r"\[\] = \{(.*?)\n\};", tree.text(source), re.S).group(1)
    return set(re.findall(r'^\t\{"(\w+)",', body, re.M))


def long_options(source):
    return set(re.findall(r'\{"([a-z-]+)", (?:no|required|optional)_argument', tree.text(source)))


def sent_events():
    """MESSAGE_IDs of events that something reports; the first three come with records."""
    entry = tree.text("daemon/supervisor/entry.c")
    ids = dict(re.findall(r"\[(JOURNAL_\w+)\] = \"([0-9a-f]{32})\"", entry))
    senders = "".join(tree.text(f) for f in tree.files("daemon/supervisor")
                      if f.suffix == ".c" and f.name != "entry.c")
    always = {"JOURNAL_DETECTION", "JOURNAL_SCAN_ERROR", "JOURNAL_ACCESS", "JOURNAL_DROPPED"}
    return {i for n, i in ids.items() if n in always or n in senders}


def conf_keys():
    return set(re.findall(r"^#?(\w+)=", tree.text("policy/custosd.conf"), re.M))


def fields():
    common = {"MESSAGE_ID", "PRIORITY"}  # journald's own
    return set(re.findall(r'"([A-Z][A-Z0-9_]{4,})"', tree.text("daemon/supervisor/entry.c"))) - common


def reasons():
    return set(re.findall(r'\[REASON_\w+\] = "([a-z-]+)"', tree.text("lib/scan/verdict.c")))


def check_scdoc():
    for path in tree.files(PAGES):
        if path.suffix != ".scd":
            continue
        r = subprocess.run(["scdoc"], input=tree.text(path), capture_output=True, text=True, check=False)
        if r.returncode or r.stderr:
            yield f"{path}: scdoc: {r.stderr.strip()}"


def main():
    findings = [
        *missing("custosctl.1", verbs("ctl/main.c", "verbs"), "\n*{}"),
        *missing("custosctl.1", verbs("ctl/policy.c", "policy_verbs"), "*policy {}*"),
        *missing("custosctl.1", long_options("ctl/main.c"), "*--{}*"),
        *missing("custosd.8", long_options("daemon/supervisor/main.c"), "*--{}*"),
        *missing("custosd.conf.5", conf_keys(), "*{}=*"),
        *missing("custos.events.7", sent_events()),
        *missing("custos.events.7", fields()),
        *missing("custos.events.7", reasons()),
    ]
    if not shutil.which("scdoc"):
        if findings:
            tree.report(findings)
        tree.skip("scdoc is not installed")
    tree.report([*findings, *check_scdoc()])


main()
