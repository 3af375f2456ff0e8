# SPDX-License-Identifier: Apache-2.0
"""Floors: a file includes its own and lower floors, and foreign headers stay where they belong."""
import re

import tree

FLOORS = {"lib/base": 0, "lib/sys": 1, "lib/scan": 2, "lib/policy": 2, "daemon": 3, "ctl": 4}

# Headers without a source file of the same name.
HEADER_HOME = {
    "types": "lib/base", "cleanup": "lib/base", "ruleset": "lib/scan", "record": "lib/scan",
    "verdict": "lib/scan", "engine": "lib/scan", "conf": "lib/policy", "policy": "lib/policy",
}

# Foreign headers: pattern, files that may include them, and why.
FOREIGN = [
    (r"yara(/.*)?\.h|yara/.*", r"lib/scan/(rules|ruleset|engine)[a-z0-9-]*\.[ch]", "libyara: rules and engine"),
    (r"archive(_entry)?\.h", r"lib/scan/archive[a-z0-9-]*\.[ch]", "libarchive: archive"),
    (r"zlib\.h", r"lib/scan/(payload[a-z0-9-]*|archive-rar)\.[ch]", "zlib: payload, and sums in archive-rar"),
    (r"systemd/.*", r"(daemon/supervisor|ctl)/.*", "libsystemd: supervisor and ctl"),
    (r"urcu(/.*)?(\.h)?|openssl/.*|sys/capability\.h|seccomp\.h|libmount(/.*)?\.h|jansson\.h",
     r"(lib/(sys|scan|policy)|daemon|ctl)/.*", "not in lib/base, which is libc alone"),
]

# The supervisor touches no hostile byte.
SUPERVISOR_NEVER = {"custos/rules.h", "custos/engine.h", "custos/archive.h", "custos/unpack.h", "custos/payload.h"}

# The keeper becomes the scanner by cloning itself: it calls its entry, in the same program.
# An outpost is the same program, too, and loads what a keeper loads.
STAGE_FRIENDS = {("daemon/keeper", "daemon/scanner"), ("daemon/keeper", "daemon/outpost"), ("daemon/outpost", "daemon/keeper")}
STAGES = ("daemon/supervisor", "daemon/keeper", "daemon/scanner", "daemon/outpost")
TRADE = re.compile(r"verdict|malware|malicious|virus|infect|eicar", re.I)
LIB_NEVER = re.compile(r"^\s+.*\b(exit|syslog|sd_journal_\w+|printf|perror|puts)\s*\(")
F2_NEVER = re.compile(r"\b(pthread_create|epoll_\w+|poll)\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def home(path):
    """The folder that gives a file its floor."""
    s = path.as_posix()
    if s.startswith("include/custos/"):
        for folder in FLOORS:
            if (tree.ROOT / folder / (path.stem + ".c")).exists():
                return folder
        return HEADER_HOME.get(path.stem)
    for folder in FLOORS:
        if s.startswith(folder + "/"):
            return folder
    return None


def floor_of(path):
    folder = home(path)
    if folder is None:
        return None
    return 4 if path.name == "main.c" else FLOORS[folder]


def stage_of(path):
    return next((s for s in STAGES if path.as_posix().startswith(s + "/")), None)


def resolve(path, name, sources):
    """The file of ours an #include "..." means, or None."""
    if name.startswith("custos/"):
        return next((p for p in sources if p.as_posix() == "include/" + name), None)
    near = [p for p in sources if p == path.parent / name or p.as_posix() == name]
    return (near or [p for p in sources if p.as_posix().endswith("/" + name)] or [None])[0]


def check_ours(path, name, sources):
    target = resolve(path, name, sources)
    if target is None:
        return f"includes {name}, which is no header of ours"
    if floor_of(target) is None:
        return f"includes {name}, which belongs to no floor: add lib/*/{target.stem}.c"
    if floor_of(target) > floor_of(path):
        return f"includes {name} of a higher floor ({home(target)})"
    meets = (stage_of(path), stage_of(target))
    if all(meets) and meets[0] != meets[1] and meets not in STAGE_FRIENDS:
        return f"includes {name} of another stage ({stage_of(target)})"
    if stage_of(path) == "daemon/supervisor" and name in SUPERVISOR_NEVER:
        return f"includes {name}: the supervisor never does"
    return None


def check_foreign(path, name):
    place = f"{home(path)}/{path.name}"  # a public header counts as its module
    for pattern, where, why in FOREIGN:
        if re.fullmatch(pattern, name) and not re.fullmatch(where, place) \
                and not re.fullmatch(where, path.as_posix()):
            return f"includes <{name}> ({why})"
    return None


def check_words(path, lines):
    folder = home(path)
    for number, line in enumerate(lines, 1):
        if folder in ("lib/base", "lib/sys") and TRADE.search(line):
            yield f"{path}:{number}: a word of the trade on a mechanism floor: {line.strip()}"
        if folder and folder.startswith("lib/") and LIB_NEVER.match(line) and path.suffix == ".c":
            yield f"{path}:{number}: a library logs or exits: {line.strip()}"
        if folder in ("lib/scan", "lib/policy") and F2_NEVER.search(line):
            yield f"{path}:{number}: a thread or event loop on F2: {line.strip()}"


def main():
    sources = [p for p in tree.files("include", "lib", "daemon", "ctl") if p.suffix in (".c", ".h")]
    findings = []
    for path in sources:
        body = tree.text(path)
        if floor_of(path) is None:
            findings.append(f"{path}: belongs to no floor")
            continue
        for kind, name in INCLUDE.findall(body):
            ours = kind == '"'
            problem = check_ours(path, name, sources) if ours else check_foreign(path, name)
            if problem:
                findings.append(f"{path}: {problem}")
        findings += check_words(path, body.splitlines())
    tree.report(findings)


main()
