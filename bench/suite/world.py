# SPDX-License-Identifier: Apache-2.0
"""A private world: namespaces, file systems, lists, rules and baits of the bench's own.

Why nothing can be left hanging: everything runs below one process of its own pid and mount
namespace, under --kill-child and timeout(1). When that ends, however it ends, the kernel
kills all of it, lets go of waiting opens and drops mounts and loop devices. Only file
systems that were made here are ever marked.
"""
import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

INSIDE = "CUSTOS_BENCH_INSIDE"
N_HASHES = 200_000
N_YARA = 200
BAIT_BYTES = 3000  # clamd looks at nothing tiny
CACHE_MEMORY_MIB = 32
# In halves, so that nobody's scanner takes this file for the test file.
EICAR = ("X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*")
# Older than any clock tick of the kernel: what was changed within one may not be cached.
SETTLE_SEC = 0.05
DISK_MIB = 256


class Skip(Exception):
    """This cannot be measured here, and the reason."""


class Failed(Exception):
    """This should have been measured."""


class TooSlow(Failed):
    """Not done within its limit."""


def inside():
    return os.environ.get(INSIDE) == "1"


def enter(limit_sec):
    """Come back as the first process of private mount and pid namespaces, within a limit."""
    if os.geteuid() != 0:
        raise Skip("needs root (fanotify, mount namespace)")
    namespaces = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork",
                  "--kill-child", "--mount-proc"]
    if subprocess.run([*namespaces, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        raise Skip("cannot make a mount and a pid namespace")
    os.environ[INSIDE] = "1"
    os.execvp("timeout", ["timeout", "--foreground", "-k", "5", str(limit_sec), *namespaces,
                          sys.executable, *sys.argv])


def run(*argv, limit_sec=120, **more):
    """A command that must succeed, within a limit. Its output."""
    command = [str(a) for a in argv]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=limit_sec, check=False, **more)
    except subprocess.TimeoutExpired as e:
        raise TooSlow(f"{Path(command[0]).name}: not done after {limit_sec} s") from e
    if done.returncode != 0:
        last = " / ".join((done.stdout + done.stderr).strip().splitlines()[-3:]) or "no output"
        raise Failed(f"{Path(command[0]).name}: exit {done.returncode}: {last}")
    return done.stdout


def mount(kind, source, target, options="defaults"):
    Path(target).mkdir(parents=True, exist_ok=True)
    run("mount", "-t", kind, "-o", options, source, target)


def settle():
    time.sleep(SETTLE_SEC)


def memory_available_mib():
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    return 0


def machine():
    """What a figure is worth nothing without."""
    cpu = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    return {
        "processor": cpu,
        "cpus": os.cpu_count(),
        "memoryMib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        "kernel": os.uname().release,
        "loadAtStart": os.getloadavg()[0],
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def _base_directory(avoid):
    """A standard directory to hide under a tmpfs: none that we need ourselves."""
    for name in ("/srv", "/media", "/opt", "/mnt"):
        if Path(name).is_dir() and not any(str(a).startswith(name + "/") for a in avoid):
            return Path(name)
    raise Skip("no directory to mount on (tried /srv, /media, /opt, /mnt)")


class World:
    """Where things are. Made once, before anything is measured."""

    def __init__(self, build, source, peers):
        self.build, self.source, self.peers = build, source, peers
        self.base = _base_directory([build, source, Path(sys.executable).resolve()])
        mount("tmpfs", "custos-bench", self.base, "mode=0755,size=90%")
        self.watched = self.base / "watched"  # the measured file system
        self.other = self.base / "other"      # one that nobody opens
        mount("tmpfs", "custos-bench-files", self.watched, "mode=0755,size=1G,nosuid,nodev")
        mount("tmpfs", "custos-bench-other", self.other, "mode=0755,size=1M")
        self.log = self.base / "log"
        self.log.mkdir()
        self.hashes = self.base / "hashes.sha256"
        self.yara = self.base / "rules.yar"
        self.bait_mark = "custos bench bait"
        self.baits = {
            "bait-eicar": "".join(EICAR).encode(),
            "bait-hash": b"custos bench, known by its hash\n".ljust(BAIT_BYTES, b"h"),
            "bait-yara": self.bait_mark.encode().ljust(BAIT_BYTES, b"y"),
        }
        self.write_hashes()
        self.write_yara()
        self.put_baits(self.watched)
        self._disk = None

    @property
    def disk(self):
        """An ext4 in memory: where users' files lie, and what custos keeps of them."""
        if not self._disk:
            if not shutil.which("mkfs.ext4"):
                raise Skip("mkfs.ext4 is not installed")
            image = self.base / "disk.img"
            run("truncate", "-s", f"{DISK_MIB}M", image)
            run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
            mount("ext4", image, self.base / "disk", "loop,relatime,nosuid,nodev")
            self._disk = self.base / "disk"
            self.put_baits(self._disk)
        return self._disk

    def program(self, name):
        path = self.build / name
        if not path.exists():
            raise Skip(f"{path.name} is not built")
        return path

    def hash_of_bait(self):
        return hashlib.sha256(self.baits["bait-hash"]).hexdigest()

    def write_hashes(self, extra=()):
        """The same list in every run; no file of the bench is in it but the bait."""
        with open(self.hashes, "w", encoding="ascii") as f:
            for i in range(N_HASHES - 1):
                f.write(hashlib.sha256(b"custos bench %d" % i).hexdigest() + "\n")
            for line in (self.hash_of_bait(), *extra):
                f.write(line + "\n")

    def write_yara(self):
        """Strings, bytes and expressions as people write them; the same in every run."""
        rand = random.Random(3)
        word = lambda n: "".join(rand.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(n))
        octets = lambda n: " ".join(f"{rand.randrange(256):02x}" for _ in range(n))
        with open(self.yara, "w", encoding="ascii") as f:
            f.write(f'rule bench_bait {{ strings: $m = "{self.bait_mark}" condition: $m at 0 }}\n')
            for i in range(1, N_YARA):
                f.write(f'rule bench_{i} {{\n\tstrings:\n\t\t$a = "{word(14)}" nocase\n'
                        f'\t\t$b = "{word(10)}" wide ascii\n\t\t$c = {{ {octets(6)} ?? {octets(5)} }}\n'
                        f'\t\t$d = /{word(8)}[0-9]{{2,4}}{word(4)}/\n\tcondition:\n\t\tany of them\n}}\n')

    def put_baits(self, directory):
        for name, content in self.baits.items():
            (Path(directory) / name).write_bytes(content)
