# SPDX-License-Identifier: Apache-2.0
"""Who answers the opens while they are measured."""
import json
import os
import signal
import subprocess
import time
from pathlib import Path

from .world import CACHE_MEMORY_MIB, Failed, run

START_SEC = 30  # a build with sanitizers is slow to load rules
STOP_SEC = 10
STEP_SEC = 0.02


def process_tree(pid):
    """A process and its descendants, parents first."""
    pids = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in task.read_text().split():
                pids += process_tree(int(child))
        except OSError:
            pass  # gone meanwhile
    return pids


def cpu_usec(pids):
    """Processor time so far, to the nanosecond: /proc/PID/stat counts in ticks."""
    total = 0.0
    for pid in pids:
        try:
            total += time.clock_gettime((~pid << 3) | 2) * 1e6  # CPUCLOCK_SCHED of a process
        except OSError:
            pass  # gone meanwhile
    return total


def pss_bytes(pids):
    """Memory, shared pages counted by their share."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(s.split()[1]) * 1024 for s in text.splitlines() if s.startswith("Pss:"))
    return total


def is_refused(path):
    """Is the open refused? By a process of its own: it can wait for an answer for ever."""
    done = subprocess.run(["timeout", "-s", "KILL", "10", "head", "-c1", path],
                          stdin=subprocess.DEVNULL, capture_output=True, check=False,
                          env={**os.environ, "LC_ALL": "C"})
    return done.returncode != 0 and b"Operation not permitted" in done.stderr


class Subject:
    """Nobody: the kernel alone. What the others have in common."""
    baits = ()
    start_sec = START_SEC

    def __init__(self, world, directory=None):
        self.world = world
        self.directory = directory or world.watched  # where the openers open
        self.processes = []

    def prepare(self):
        """After the files were made, before the start."""

    def commands(self):
        """Yield what to run; each is ready before the next is asked for."""
        return ()

    def is_ready(self):
        return all(is_refused(self.directory / b) for b in self.baits)

    def start(self, cpu=None):
        self.prepare()
        try:
            for argv, is_ready in self.commands():
                self.launch([str(a) for a in argv], is_ready, cpu)
        except BaseException:
            self.stop()
            raise

    def launch(self, argv, is_ready, cpu):
        name = Path(argv[0] if argv[0] != "chroot" else argv[2]).name
        log = self.world.log / name
        with open(log, "wb") as out:
            pinned = ["taskset", "-c", str(cpu)] if cpu is not None else []
            process = subprocess.Popen(pinned + argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.processes.append(process)
        end = time.monotonic() + self.start_sec
        while not is_ready(process, log):
            if process.poll() is not None or time.monotonic() > end:
                last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
                why = "not ready in time" if process.poll() is None else f"ended ({process.returncode})"
                raise Failed(f"{name}: {why}: {last[0]}")
            time.sleep(STEP_SEC)

    def stop(self):
        for process in reversed(self.processes):
            tree = process_tree(process.pid)
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SEC)
            except subprocess.TimeoutExpired:
                pass
            for pid in tree:
                if pid != process.pid or process.poll() is None:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
            process.wait()
        self.processes = []

    def pids(self):
        return [pid for p in self.processes for pid in process_tree(p.pid)]

    def counters(self):
        """What it says about its own work, or None."""
        return None


def says_ready(_process, log):
    return log.read_text(errors="replace").startswith("ready\n")


class Unmarked(Subject):
    """A group that holds another file system: what its being there costs everybody."""

    def commands(self):
        yield [self.world.program("bench/minimal"), self.world.other], says_ready


class Minimal(Subject):
    def commands(self):
        yield [self.world.program("bench/minimal"), self.directory], says_ready


class MinimalIgnore(Subject):
    """Every file is asked about once: what is left is the kernel's price for a marked file system."""

    def commands(self):
        yield [self.world.program("bench/minimal"), self.directory, "ignore"], says_ready


class MinimalHold(Subject):
    """The same with a read lease on each: the kernel's price for ignoring that is sound."""

    def commands(self):
        yield [self.world.program("bench/minimal"), self.directory, "hold"], says_ready


class MinimalScan(Subject):
    baits = ("bait-hash", "bait-yara")

    def commands(self):
        yield [self.world.program("bench/minimal-scan"), self.directory, self.world.hashes,
               self.world.yara], lambda p, log: says_ready(p, log) and self.is_ready()


class Custos(Subject):
    baits = ("bait-eicar", "bait-hash", "bait-yara")

    def __init__(self, world, directory=None, rules=True):
        super().__init__(world, directory)
        self.rules = rules
        if not rules:
            self.baits = ("bait-eicar",)
        self.etc, self.run, self.state = (world.base / n for n in ("etc", "run", "state"))

    def prepare(self):
        for folder in (self.etc, self.run, self.state):
            folder.mkdir(exist_ok=True, mode=0o755)
        rules = f"[Rules]\nHashes={self.world.hashes}\nYara={self.world.yara}\n"
        (self.etc / "custosd.conf").write_text(
            f"[Daemon]\nMode=enforce\n[Watch]\nMount={self.directory}\n"
            f"[Limits]\nCacheMemory={CACHE_MEMORY_MIB}M\n" + (rules if self.rules else ""))

    def commands(self):
        yield [self.world.program("daemon/custosd"), "--config-root", self.etc, "--runtime-dir",
               self.run, "--state-dir", self.state], self.answers

    def answers(self, _process, _log):
        # the socket first: before it is there, nothing of ours is marked
        return (self.run / "io.custos.Manager").exists() and self.is_ready()

    def control(self, *verb):
        return run(self.world.program("ctl/custosctl"), "--socket", self.run / "io.custos.Manager",
                   *verb, limit_sec=20)

    def status(self):
        return json.loads(self.control("--json=short", "status"))

    def counters(self):
        return self.status()["counters"]
