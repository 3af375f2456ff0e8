# SPDX-License-Identifier: Apache-2.0
"""Whole workloads, with and without custos, on the same image."""
import os
import time

from . import stage as stages
from .opens import counted
from .subjects import Custos
from .world import run, settle

NATIVE, CUSTOS = "native", "custos"
PROCESSES = 1000
READERS = 4
FLUSHED = "buildCold"

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


class Workloads:
    def __init__(self, world, quick):
        self.world = world
        self.stage = stages.Stage(world, quick)
        self.requests = 20000 if quick else 100000
        self.lines = [Workload(key) for key in NAMES]

    def inside(self, *argv, limit_sec=200):
        """A command chrooted into the image. Its seconds."""
        start = time.monotonic()
        run("chroot", self.stage.root, *argv, limit_sec=limit_sec,
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
                         READERS, self.requests))

    def spawn(self, program):
        return float(run(self.world.program("bench/spawn"), self.stage.root, PROCESSES, program))

    def steps(self):
        """(key, prepare, how often unmeasured before, what is measured)."""
        nothing = lambda: None
        return [
            ("buildCold", nothing, 0, self.build),
            ("buildWarm", self.stage.unbuild, 0, self.build),
            ("tar", nothing, 1, self.tar),
            ("gitStatus", nothing, 1, self.git_status),
            ("web", nothing, 1, self.web),
            ("spawnStatic", nothing, 1, lambda: self.spawn("/nothing-static")),
            ("spawnDynamic", nothing, 1, lambda: self.spawn("/nothing")),
        ]

    def measure(self, number):
        """One round: all of it without and with custos; every second round the other way about."""
        order = (NATIVE, CUSTOS) if number % 2 == 0 else (CUSTOS, NATIVE)
        for variant in order:
            self.measure_variant(variant)

    def measure_variant(self, variant):
        self.stage.unbuild()
        self.stage.remount()
        self.bind_devices()
        custos = Custos(self.world, self.stage.root) if variant == CUSTOS else None
        if custos:
            custos.start()
        try:
            for line, (key, prepare, n_warm_ups, measured) in zip(self.lines, self.steps()):
                assert line.key == key
                prepare()
                for _ in range(n_warm_ups):
                    measured()
                settle()
                before = custos.counters() if custos else None
                line.seconds[variant].append(measured())
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
