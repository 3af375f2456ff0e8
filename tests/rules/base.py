# SPDX-License-Identifier: Apache-2.0
"""The base rules, one by one: what each says of itself, what it finds, what it leaves alone.

Usage: base.py SOURCE COMPILE RULE-FACTS SCAN-FILES
"""
import datetime
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import samples

SOURCE, COMPILE, FACTS, SCAN = (Path(a).resolve() for a in sys.argv[1:5])
RULES = sorted((SOURCE / "policy/rules").glob("*.yar"))
METAS = {"description", "reference", "date", "severity", "level"}
SEVERITIES = {"low", "medium", "high", "critical"}
SHORTEST = 4  # bytes of text: what is shorter is found everywhere
SKIPPED = {".git", "__pycache__"}
findings = []


def check(good, text):
    if not good:
        findings.append(text)


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, check=False, **options)
    if done.returncode:
        sys.exit(f"{command[0]}: exit {done.returncode}\n{done.stderr.decode(errors='replace')}")
    return done.stdout.decode(errors="surrogateescape")


def facts():
    metas = {}
    for line in run(FACTS, *RULES).splitlines():
        rule, meta, value = line.split("\t")
        check(meta not in metas.setdefault(rule, {}), f"{rule}: {meta} twice")
        metas[rule][meta] = value
    return metas


def check_metas(metas):
    for rule, meta in metas.items():
        check(rule.startswith("Custos_"), f"{rule}: its name does not tell where it is from")
        check(set(meta) == METAS and all(meta.values()), f"{rule}: has {sorted(meta)}")
        check(meta.get("severity") in SEVERITIES, f"{rule}: severity {meta.get('severity')}")
        check(meta.get("level") in ("deny", "log"), f"{rule}: level {meta.get('level')}")
        date = datetime.date.fromisoformat(meta.get("date", ""))
        check(datetime.date(2026, 1, 1) <= date, f"{rule}: date {date}")
    written = re.findall(r"^rule (\w+)$", "".join(p.read_text() for p in RULES), re.M)
    check(len(written) == len(set(written)), "a name is used twice")
    check(set(written) == set(metas), "a rule without metas, or an odd line that begins one")
    check(set(metas) == set(samples.SAMPLES), f"no samples for {set(metas) ^ set(samples.SAMPLES)}")


def check_strings():
    """Short text in a string is looked for in every file, wherever it stands."""
    for path in RULES:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            text = re.match(r'\s+\$\w+ = "((?:[^"\\]|\\.)*)"', line)
            if text and len(re.sub(r"\\(x..|.)", "x", text[1])) < SHORTEST:
                check(text[1] in ("<%", "<?="), f"{path.name}:{number}: {text[1]!r} is short")


def check_documented(metas):
    text = (SOURCE / "docs/rules.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(Custos_\w+)` \| (\w+) \|", text, re.M))
    check(told == {r: m.get("level") for r, m in metas.items()},
          f"docs/rules.md differs: {set(told.items()) ^ {(r, m.get('level')) for r, m in metas.items()}}")


def write_samples(folder):
    """(path, rule) of what must be found, and paths of what must not."""
    found, clean = [], []
    for rule, (positives, negatives) in samples.SAMPLES.items():
        check(positives and negatives, f"{rule}: no sample, or none next to it")
        for kind, contents in (("yes", positives), ("no", negatives)):
            for i, content in enumerate(contents):
                path = Path(folder) / f"{rule}.{kind}.{i}"
                path.write_bytes(content if isinstance(content, bytes) else content.encode())
                if kind == "yes":
                    found.append((path, rule))
                else:
                    clean.append(path)
    return found, clean


def check_samples(found, clean):
    matches = {}
    for line in run(FACTS, *RULES, "--", *(p for p, _ in found), *clean).splitlines():
        rule, path = line.split("\t")
        matches.setdefault(Path(path), set()).add(rule)
    for path, rule in found:
        check(rule in matches.get(path, ()), f"{path.name}: not found, but {matches.get(path, 'nothing')}")
    for path in clean:
        check(path not in matches, f"{path.name}: found {matches.get(path)}")
    return matches


def scan(image, paths):
    out = run(SCAN, image, input=b"".join(bytes(p) + b"\0" for p in paths))
    lines = [line.split("\t", 2) for line in out.splitlines()]
    return {Path(path): (level, rule) for level, rule, path in lines[:-1]}, lines[-1][0]


def check_engine(folder, found, clean, matches, metas):
    """The engine agrees with libyara, and refuses when any rule that matches does."""
    image = Path(folder) / "image"
    with open(image, "wb") as out:
        run(COMPILE, "--out-fd", out.fileno(), *(a for p in RULES for a in ("--yara", p)), pass_fds=[out.fileno()])
    results, _ = scan(image, [p for p, _ in found] + clean)
    for path, rules in matches.items():
        level = "deny" if any(metas[r]["level"] == "deny" for r in rules) else "log"
        check(results.get(path, ("clean",))[0] == level, f"{path.name}: {results.get(path)}, not {level}")
    check(set(results) == set(matches), f"the engine differs: {set(results) ^ set(matches)}")
    check(results[Path(folder) / "Custos_Test_EICAR.yes.0"][1] == "EICAR-Test-File", "the built-in rule comes first")

    # Nor is anything in these sources found, the rules themselves among them.
    ours = [p for p in SOURCE.rglob("*") if p.is_file() and not p.is_symlink() and
            not any(part in SKIPPED or part.startswith("build") for part in p.relative_to(SOURCE).parts)]
    results, _ = scan(image, ours)
    check(len(ours) > 300 and not results, f"in our own sources: {results}")


def main():
    metas = facts()
    check_metas(metas)
    check_strings()
    check_documented(metas)
    with tempfile.TemporaryDirectory(prefix="custos-rules-") as folder:
        found, clean = write_samples(folder)
        matches = check_samples(found, clean)
        check_engine(folder, found, clean, matches, metas)
    print("\n".join(findings))
    print(f"{len(metas)} rules, {len(found)} samples found, {len(clean)} left alone, {len(findings)} findings")
    sys.exit(1 if findings else 0)


main()
