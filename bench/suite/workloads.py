# SPDX-License-Identifier: Apache-2.0
"""Whole workloads, with and without custos, on the same image."""
import os
import time

from . import stage as stages
from .opens import counted
from .subjects import Custos
from .world import TooSlow, run, settle

NATIVE, CUSTOS = "native", "custos"
PROCESSES = 1000
READERS = 4
BUILDS = ("buildCold", "buildWarm")

NAMES = {
    "buildCold": "build this project, cold cache",
    "buildWarm": "build this project, warm cache",
    "tar": "tar of /usr/share",
    "gitStatus": "git status of a large checkout",
    "web": "web-server-like mix",
    "spawnStatic": "start 1,000 static processes",
    "spawnDynamic": "start 1,000 dynamic processes",
}


class Workload:
    """One line of the table: seconds of each round, and what custos counted meanwhile."""

    def __init__(self, key):
        self.key, self.name = key, NAMES[key]
        self.seconds = {NATIVE: [], CUSTOS: []}
        self.counted = []
        self.at_least = False  # a run reached its limit: the figure is a lower bound


class Workloads:
    def __init__(self, world, quick, keys=tuple(NAMES)):
        self.world = world
        self.stage = stages.Stage(world, quick, with_build=any(k in keys for k in BUILDS))
        self.requests = 100000 if quick else 400000
        self.limit_sec = 20 if quick else 60  # of one run
        self.lines = [Workload(key) for key in NAMES if key in keys]

    def inside(self, *argv):
        """A command chrooted into the image. Its seconds."""
        start = time.monotonic()
        run("chroot", self.stage.root, *argv, limit_sec=self.limit_sec,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/", "TERM": "dumb"})
        return time.monotonic() - start

    def build(self):
        return self.inside("/usr/bin/ninja", "-C", "/project/build", *stages.TARGETS)

    def tar(self):
        # to a pipe: tar reads nothing at all when it sees /dev/null
        return self.inside("/bin/sh", "-c", "tar -cf - /share 2>/dev/null | wc -c")

    def git_status(self):
        return self.inside("/usr/bin/git", "-c", "safe.directory=*", "-C", "/checkout", "status", "--short")

    def web(self):
        return float(run(self.world.program("bench/webmix"), self.stage.root / "pages", stages.PAGES,
                         READERS, self.requests, limit_sec=self.limit_sec))

    def spawn(self, program):
        return float(run(self.world.program("bench/spawn"), self.stage.root, PROCESSES, program,
                         limit_sec=self.limit_sec))

    def steps(self):
        """By key: (what to do before, what is measured)."""
        return {
            "buildCold": (self.stage.unbuild, self.build),
            "buildWarm": (self.warm_build, self.build),
            "tar": (self.tar, self.tar),
            "gitStatus": (self.git_status, self.git_status),
            "web": (self.web, self.web),
            "spawnStatic": (lambda: self.spawn("/nothing-static"),) * 2,
            "spawnDynamic": (lambda: self.spawn("/nothing"),) * 2,
        }

    def warm_build(self):
        """The cold build before this one has opened all there is."""
        self.stage.unbuild()

    def timed(self, line, step):
        """Seconds of one step; at its limit, the limit."""
        try:
            return step()
        except TooSlow:
            line.at_least = True
            return float(self.limit_sec)

    def measure(self, number):
        """One round: all of it without and with custos; every second round the other way about."""
        order = (NATIVE, CUSTOS) if number % 2 == 0 else (CUSTOS, NATIVE)
        for variant in order:
            self.measure_variant(variant)

    def measure_variant(self, variant):
        self.stage.remount()
        self.bind_devices()
        custos = Custos(self.world, self.stage.root) if variant == CUSTOS else None
        if custos:
            custos.start()
        try:
            steps = self.steps()
            for line in self.lines:
                prepare, measured = steps[line.key]
                self.timed(line, prepare)
                settle()
                before = custos.counters() if custos else None
                line.seconds[variant].append(self.timed(line, measured))
                if custos:
                    line.counted.append(counted(before, custos.counters()))
        finally:
            if custos:
                custos.stop()
            self.unbind_devices()

    def bind_devices(self):
        for name in ("null", "zero", "urandom"):
            node = self.stage.root / "dev" / name
            if not node.exists():
                os.mknod(node, 0o666 | 0o020000, os.stat(f"/dev/{name}").st_rdev)
        run("mount", "-t", "proc", "proc", self.stage.root / "proc")

    def unbind_devices(self):
        run("umount", self.stage.root / "proc")
