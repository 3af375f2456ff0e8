# SPDX-License-Identifier: Apache-2.0
"""The engine against yara(1): rules, files, and what either makes of them."""
import os
import random
import re
import resource
import shutil
import stat
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from . import positives
from .world import Failed, run

# What depends on the bytes alone, in the order that engine-scan prints it.
FACTS = ("filetype", "elf_type", "elf_machine", "elf_linking", "elf_sections", "elf_packer", "elf_interp",
         "script_interpreter")
VARIABLES = ("filename", "filepath", "extension", "owner", *FACTS)
CORPUS = ("/usr", "/etc", "/var/lib")
FILE_MAX = 16 << 20
CLEAN = {"owner": "root"}  # files of others are left out
BATCH = 4000               # files of one call of yara(1)
LIMIT_SEC = 3600


def children_usec():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (usage.ru_utime + usage.ru_stime) * 1e6


def write_list(path, names):
    path.write_bytes(b"".join(os.fsencode(n) + b"\n" for n in names))
    return path


class Rules:
    """A tree of rule files that custos and yara(1) both take, compiled by each."""

    def __init__(self, source, base, build):
        self.base, self.build = base, build
        self.tree = base / "rules"
        if source.is_dir():
            shutil.copytree(source, self.tree)
        else:
            self.tree.mkdir()
            run("tar", "-xf", source, "-C", self.tree, "--no-same-owner", "--no-same-permissions")
        for path in self.tree.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
            if path.suffix == ".rule":
                path.rename(path.with_suffix(".rule.yar"))
        self.refused = []
        self.yarac = base / "rules.yarac"
        self.image = os.memfd_create("image", os.MFD_ALLOW_SEALING)
        self.compile()

    @property
    def files(self):
        return sorted(p for p in self.tree.rglob("*") if p.suffix in (".yar", ".yara"))

    def custos(self):
        """Errors by file; none: the image is made."""
        os.ftruncate(self.image, 0)
        done = subprocess.run([self.build / "daemon/custos-compile", "--out-fd", str(self.image), "--yara", self.tree],
                              pass_fds=[self.image], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            self.count = int(done.stdout.split("yara=")[1].split()[0])
            return set()
        return {line.split(":")[0] for line in done.stderr.splitlines() if line.startswith(str(self.tree))}

    def yara(self, files):
        defined = [a for v in VARIABLES for a in ("-d", f"{v}=")]
        return subprocess.run(["yarac", "-w", *defined, *(f"{f}:{f}" for f in files), self.yarac],
                              capture_output=True, text=True, check=False)

    def compile(self):
        while refused := self.custos():
            for name in refused:
                if self.yara([name]).returncode == 0:
                    raise Failed(f"custos refuses {name}, and yarac takes it")
                self.refused.append(name)
                Path(name).unlink()
        done = self.yara(self.files)
        if done.returncode != 0:
            raise Failed(f"yarac: {done.stderr[-300:]}")

    def texts(self):
        for path in self.files:
            yield path.read_text(encoding="utf-8", errors="surrogateescape")


@dataclass
class Pass:
    """One over a list, of all threads together; waited is what a thread had no processor for, on average."""
    cpu_usec: float
    wall_usec: float
    waited_usec: float
    bytes: float

    @property
    def own_usec(self):
        """As if nobody else were on the machine."""
        return self.wall_usec - self.waited_usec


class Engine:
    """bench/engine-scan with an image."""

    def __init__(self, program, image):
        self.program, self.image = program, image

    def __call__(self, verb, names, passes=1, threads=1):
        done = subprocess.run([self.program, str(self.image), verb, names, str(passes), str(threads)],
                              pass_fds=[self.image], capture_output=True, timeout=LIMIT_SEC, check=False)
        if done.returncode != 0:
            raise Failed(f"engine-scan {verb}: {done.stderr.decode(errors='replace')[-300:]}")
        return done.stdout.decode("utf-8", "surrogateescape").splitlines()

    def passes(self, verb, names, passes=1, threads=1):
        """Each pass."""
        return [Pass(*map(float, line.split()[1:])) for line in self(verb, names, passes, threads)
                if line.startswith("pass ")]

    def load_msec(self, names):
        return float(next(line for line in self("floor", names) if line.startswith("load ")).split()[1])


def yara(rules, names, *, fast=False, variables=None):
    """yara -C -p 1 over a list: lines of output, CPU usec."""
    defined = [a for k, v in (variables or {}).items() for a in ("-d", f"{k}={v}")]
    before = children_usec()
    done = subprocess.run(["yara", "-C", "-p", "1", "-e", "-w", *(["-f"] if fast else []), *defined, "--scan-list",
                           rules.yarac, names], capture_output=True, timeout=LIMIT_SEC, check=False)
    if done.returncode != 0 or b"error" in done.stderr:
        raise Failed(f"yara: exit {done.returncode}: {done.stderr.decode(errors='replace')[-300:]}")
    return done.stdout.decode("utf-8", "surrogateescape").splitlines(), children_usec() - before


def corpus(n, seed):
    """Files of this host, drawn by lot, and every Windows program among them."""
    found, windows = [], []
    for top in CORPUS:
        for folder, folders, names in os.walk(top):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(folder, name)
                st = os.lstat(path)
                if not stat.S_ISREG(st.st_mode) or not 0 < st.st_size <= FILE_MAX or st.st_uid != 0 or "\n" in path:
                    continue
                (windows if name.lower().endswith((".exe", ".dll", ".efi")) else found).append(path)
    random.Random(seed).shuffle(found)
    return sorted(windows[:n // 20] + found[:n - min(len(windows), n // 20)])


def is_windows(path):
    with open(path, "rb") as f:
        return f.read(2) == b"MZ"


def make_positives(rules, folder, one_in):
    """Files for rules, three each. Their paths."""
    paths = []
    folder.mkdir()
    every = [r for text in rules.texts() for r in positives.rules(text)]
    for number, rule in enumerate(every):
        if number % one_in:
            continue
        for kind, content in positives.contents(rule):
            path = folder / f"{number:05}-{kind}"
            path.write_bytes(content)
            paths.append(str(path))
    return paths


class Comparison:
    """What both said of the same files."""

    def __init__(self):
        self.files, self.matches, self.positive = 0, 0, 0
        self.differences = []

    def add(self, ours, theirs, files):
        """Sets of (rule, path)."""
        self.files += files
        self.matches += len(theirs)
        self.positive += len({path for _, path in theirs})
        self.differences += [f"yara alone: {r} {p}" for r, p in sorted(theirs - ours)]
        self.differences += [f"custos alone: {r} {p}" for r, p in sorted(ours - theirs)]


def parse(lines, comparison):
    """Of engine-scan: matches, and paths by the facts of the file."""
    matches, types = set(), defaultdict(list)
    for line in lines:
        kind, _, rest = line.partition(" ")
        what, _, path = rest.partition(" ")
        if kind == "M":
            matches.add((what, path))
        elif kind == "T":
            *facts, path = rest.split("\x1f", len(FACTS))
            types[tuple(facts)].append(path)
        elif kind in ("E", "D"):
            comparison.differences.append(f"engine: {line}")
    return matches, types


def compare(engine, rules, paths, base, comparison):
    """All rules of all files; yara(1) is told the facts that custos finds."""
    names = base / "compared.list"
    for at in range(0, len(paths), BATCH):
        ours, types = parse(engine("match", write_list(names, paths[at:at + BATCH])), comparison)
        theirs = set()
        for facts, some in types.items():
            lines, _ = yara(rules, write_list(names, some), variables={**CLEAN, **dict(zip(FACTS, facts))})
            theirs |= {tuple(line.split(" ", 1)) for line in lines}
        comparison.add(ours, theirs, len(paths[at:at + BATCH]))


def asked_names(rule):
    """A path as a rule wants it: parts of the texts that it compares names with."""
    parts = dict(re.findall(r"(filename|filepath|extension) (?:= =|contains|icontains|startswith|endswith) "
                            r'"((?:[^"\\]|\\.)+)"', rule.condition))
    clean = {k: re.sub(r"[^\w. -]+", "/" if k == "filepath" else "_", v).strip("/") for k, v in parts.items()}
    name = clean.get("filename", "file") + (clean.get("extension", "") if "filename" not in clean else "")
    return clean.get("filepath", "x"), name


def compare_names(engine, rules, base, comparison, most):
    """Files whose names count: yara(1) is told the names of one at a time."""
    named = [r for text in rules.texts() for r in positives.rules(text)
             if any(v in r.condition.split() for v in VARIABLES)]
    for number, rule in enumerate(named[::max(1, len(named) // most)][:most]):
        folder, name = asked_names(rule)
        path = base / "named" / str(number) / folder / name
        path.parent.mkdir(parents=True)
        path.write_bytes(list(positives.contents(rule))[0][1])
        listed = write_list(base / "named.list", [str(path)])
        ours, types = parse(engine("match-names", listed), comparison)
        suffix = path.name[path.name.rindex("."):].lower() if "." in path.name[1:] else ""
        lines, _ = yara(rules, listed, variables={**CLEAN, **dict(zip(FACTS, next(iter(types)))), "filename": path.name,
                                                  "filepath": path.parent, "extension": suffix})
        comparison.add(ours, {tuple(line.split(" ", 1)) for line in lines}, 1)


def openssl_bytes_per_sec():
    """SHA-256 of blocks of 16 KiB by openssl speed, which counts its own time in user space alone."""
    out = run("openssl", "speed", "-mr", "-seconds", "1", "-bytes", "16384", "-evp", "sha256")
    return float(next(line for line in out.splitlines() if line.startswith("+F:")).split(":")[-1])


def openssl_dgst_usec(path):
    """CPU of `openssl dgst`, which reads the file as we do, less its start."""
    def cpu(name):
        before = children_usec()
        run("openssl", "dgst", "-sha256", name)
        return children_usec() - before
    return max(cpu(path) - cpu("/dev/null"), 1)
