# SPDX-License-Identifier: Apache-2.0
"""Rows of open+read+close: who answers, which files, which openers."""
import json

from . import peers, subjects
from .world import Failed, Skip, run, settle

FILES = 256          # of a warm row, opened in turn
WARM_BASE = 1000000  # number of the files a cold row warms up with: never measured
WIDTHS = (1, 2, 4, 8)
WARM_PASSES = 6      # custos keeps a user's file from its fourth open on
OWNER = 1000         # of "user-owned" files: anybody but root


class Row:
    """One line of the table, and what it gave in each round."""

    def __init__(self, key, name, make, *, first=False, uid=0, pinned=False, disk=False):
        self.key, self.name, self.make = key, name, make
        self.first = first    # every file is opened once, so that no cache can know it
        self.uid = uid        # owner of the files
        self.pinned = pinned  # opener and listener on CPU 0: the least a wake-up can cost
        self.disk = disk      # on ext4; tmpfs if not
        self.widths = (1,) if pinned else WIDTHS
        self.skipped = None
        self.rounds = []


def rows():
    custos = subjects.Custos
    return [
        Row("native", "native", subjects.Subject),
        Row("nativeFirst", "native, first opens", subjects.Subject, first=True),
        Row("unmarked", "group present, file system unmarked", subjects.Unmarked),
        Row("minimal", "minimal listener", subjects.Minimal, uid=OWNER),
        Row("minimalNear", "minimal listener, opener's CPU", subjects.Minimal, uid=OWNER, pinned=True),
        Row("ignored", "minimal listener, every file ignored", subjects.MinimalIgnore),
        Row("held", "minimal listener, every file held", subjects.MinimalHold),
        Row("scan", "minimal + SHA-256 + libyara", subjects.MinimalScan, first=True),
        Row("scanNear", "minimal + SHA-256 + libyara, opener's CPU", subjects.MinimalScan, first=True,
            pinned=True),
        Row("cold", "custos cold", custos, first=True),
        Row("warmRoot", "custos warm, root-owned", custos),
        Row("warmUser", "custos warm, user-owned", custos, uid=OWNER),
        Row("nativeDisk", "native, on ext4", subjects.Subject, disk=True),
        Row("minimalDisk", "minimal listener, on ext4", subjects.Minimal, uid=OWNER, disk=True),
        Row("minimalDiskNear", "minimal listener, opener's CPU, on ext4", subjects.Minimal, uid=OWNER,
            disk=True, pinned=True),
        Row("warmUserDisk", "custos warm, user-owned, on ext4", custos, uid=OWNER, disk=True),
        Row("fapolicyd", "fapolicyd", peers.Fapolicyd),
        Row("clamonacc", "clamonacc", peers.Clamonacc),
    ]


class Opens:
    """Measures rows in one world."""

    def __init__(self, world, n_opens, limit_msec):
        self.world, self.n_opens, self.limit_msec = world, n_opens, limit_msec
        self.program = world.program("bench/opens")

    def make_files(self, directory, first, n, uid):
        run(self.program, "make", directory, first, n, uid)

    def remove_files(self, directory):
        for file in directory.glob("f*"):
            file.unlink()

    def open(self, directory, *options, openers=1, cpu=None):
        pinned = ["--cpu", cpu] if cpu is not None else []
        return json.loads(run(self.program, "run", directory, "--openers", openers, *options, *pinned))

    def warm_up(self, subject, row):
        base = WARM_BASE if row.first else 0
        self.open(subject.directory, "--first", base, "--files", FILES, "--opens", WARM_PASSES * FILES,
                  "--limit-msec", 4 * self.limit_msec, cpu=0 if row.pinned else None)
        settle()  # who works on in the background is done

    def measure_width(self, subject, row, width, first):
        n = self.n_opens // 2 if row.first else self.n_opens
        # a short warm-up of its own lets every new opener find its place
        options = ["--opens", n, "--limit-msec", self.limit_msec, "--warmup", FILES // 4]
        if row.first:
            options += ["--first", first, "--files", n * width, "--warm-base", WARM_BASE,
                        "--warm-files", FILES]
        else:
            options += ["--files", FILES]
        pids = subject.pids()
        before = subjects.cpu_usec(pids)
        figures = self.open(subject.directory, *options, openers=width, cpu=0 if row.pinned else None)
        figures["daemonCpuUsec"] = (subjects.cpu_usec(pids) - before) / figures["allOpens"]
        if figures["errors"]:
            raise Failed(f"{row.name}: {figures['errors']} opens failed")
        return figures

    def prepare_files(self, row, directory):
        self.remove_files(directory)
        if row.first:
            self.make_files(directory, WARM_BASE, FILES, row.uid)
            self.make_files(directory, 0, sum(row.widths) * (self.n_opens // 2), row.uid)
        else:
            self.make_files(directory, 0, FILES, row.uid)
        run("sync", "-f", directory)
        settle()

    def measure(self, row):
        """One row, one round."""
        try:
            subject = row.make(self.world, self.world.disk if row.disk else self.world.watched)
            self.prepare_files(row, subject.directory)
            subject.start(cpu=0 if row.pinned else None)
            try:
                row.rounds.append(self.measure_started(row, subject))
            finally:
                subject.stop()
        except Skip as e:
            row.skipped = str(e)

    def measure_started(self, row, subject):
        self.warm_up(subject, row)
        before = subject.counters()
        widths, first = [], 0
        for width in row.widths:
            widths.append(self.measure_width(subject, row, width, first))
            first += width * (self.n_opens // 2)
        result = {"runs": widths, "pssBytes": subjects.pss_bytes(subject.pids())}
        if before:
            result["counted"] = counted(before, subject.counters(), sum(w["allOpens"] for w in widths))
        return result


def counted(before, after, n_opens=None):
    """Where the answers came from: kernel, cache, or a scan. Shows a warm row that is not.

    @n_opens is how many opens there were, if that is known: those the kernel never asked
    about are seen by nobody else.
    """
    delta = {k: after[k] - before[k] for k in ("allowed", "denied", "cacheHits", "scans")}
    asked = delta["allowed"] + delta["denied"]
    n_opens = n_opens or asked
    return {
        "opens": n_opens,
        "asked": asked,
        "cacheHits": delta["cacheHits"],
        "scans": delta["scans"],
        "hitRatio": delta["cacheHits"] / asked if asked else 1.0,
        "notScanned": max(0.0, 1 - delta["scans"] / n_opens) if n_opens else 1.0,
    }
