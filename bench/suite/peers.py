# SPDX-License-Identifier: Apache-2.0
"""Other products that answer opens, from their Debian packages, kept where they can do no harm.

A peer sees a root of its own: an overlay of the machine's (and of the unpacked packages)
that is written to a tmpfs, with the measured file system bound at /watched and nothing else
to mark. After its start every fanotify mark it holds is read from /proc and must lie on
that file system; otherwise it is killed before anything is opened. Nothing is installed, no
service is started: packages are unpacked into a directory of the build tree.
"""
import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from .subjects import Subject
from .world import Failed, Skip, mount, run

PACKAGES = ["fapolicyd", "clamav-daemon"]


def install(to):
    """Fetch the packages with what they need, and unpack them below @to."""
    archives = to / "archives"
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    apt = ["apt-get", "-qq", "-y"]
    subprocess.run([*apt, "update"], check=False, stdout=subprocess.DEVNULL)
    subprocess.run([*apt, "--no-install-recommends", "--download-only", "--reinstall", "-o",
                    f"Dir::Cache::Archives={archives}", "install", *PACKAGES],
                   check=True, stdout=subprocess.DEVNULL)
    root = to / "root"
    shutil.rmtree(root, ignore_errors=True)
    for package in sorted(archives.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, root], check=True)
    # /lib is a symbolic link on the machine; a directory of that name would hide it
    for name in ("lib", "lib64", "bin", "sbin"):
        if (root / name).is_dir() and not (root / name).is_symlink():
            shutil.copytree(root / name, root / "usr" / name, dirs_exist_ok=True, symlinks=True)
            shutil.rmtree(root / name)


def marks_of(pid):
    """The marks of every fanotify group a process holds: (kind, id) as /proc tells them."""
    found = []
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            text = info.read_text()
        except OSError:
            continue
        for line in text.splitlines():
            if not line.startswith("fanotify ") or line.startswith("fanotify flags:"):
                continue
            for kind in ("mnt_id", "sdev"):
                match = re.search(rf"\b{kind}:([0-9a-f]+)", line)
                if match:
                    found.append((kind, int(match.group(1), 16)))
                    break
            else:
                found.append(("unknown", 0))
    return found


class Peer(Subject):
    """A product in its jail."""
    program = ""

    def __init__(self, world, directory=None):
        super().__init__(world, directory)
        self.root = world.base / "jail" / self.program
        if not self.root.exists():
            self.make_jail()
        if not (self.root / "usr/sbin" / self.program).exists():
            raise Skip(f"{self.program} is not installed (bench/run --install-peers unpacks it)")
        self.directory = self.root / "watched"

    def make_jail(self):
        upper, work = (self.world.base / "jail" / f"{self.program}-{n}" for n in ("upper", "work"))
        upper.mkdir(parents=True)
        work.mkdir()
        lower = f"{self.packages()}:/" if self.world.peers.is_dir() else "/"
        try:
            mount("overlay", "overlay", self.root,
                  f"lowerdir={lower},upperdir={upper},workdir={work}")
        except Failed as e:
            raise Skip(f"no overlay of / can be mounted for it ({e})") from e
        (self.root / "watched").mkdir()
        run("mount", "--bind", self.world.watched, self.root / "watched")
        mount("proc", "proc", self.root / "proc")
        for name in ("null", "zero", "urandom"):
            node = self.root / "dev" / name
            if not node.exists():
                os.mknod(node, 0o666 | 0o020000, os.stat(f"/dev/{name}").st_rdev)

    def packages(self):
        """A copy on our tmpfs: overlay takes no layer that lies within another."""
        copy = self.world.base / "jail/packages"
        if not copy.exists():
            shutil.copytree(self.world.peers, copy, symlinks=True)
        return copy

    def jailed(self, program, *args):
        # the limit is a second rope: the whole bench is under one already
        return ["chroot", self.root, f"/usr/sbin/{program}", *args]

    def marks_ready(self, process, _log):
        """It holds marks, they are where they may be, and it refuses the bait."""
        marks = marks_of(process.pid)
        if not marks:
            return False
        device = os.stat(self.world.watched).st_dev
        mine = {("sdev", os.major(device) << 20 | os.minor(device)), ("mnt_id", self.mount_id())}
        if not set(marks) <= mine:
            process.send_signal(signal.SIGKILL)
            raise Failed(f"{self.program} marked more than the file system it was given: {marks}")
        return self.is_ready()

    def mount_id(self):
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            if line.split()[4] == str(self.directory):
                return int(line.split()[0])
        return -1


class Fapolicyd(Peer):
    """An allow list: every file of the bench is on it, by size and SHA-256; the bait is not."""
    program = "fapolicyd"
    baits = ("bait-hash",)

    def prepare(self):
        etc = self.root / "etc/fapolicyd"
        for folder in (etc / "rules.d", etc / "trust.d"):
            shutil.rmtree(folder, ignore_errors=True)
        for folder in (etc, self.root / "run/fapolicyd", self.root / "var/lib/fapolicyd"):
            folder.mkdir(parents=True, exist_ok=True)
        for old in (self.root / "var/lib/fapolicyd").glob("*.mdb"):
            old.unlink()
        # Debian's settings but for: the file systems, the list, no reports, no user of its own
        (etc / "fapolicyd.conf").write_text(
            "permissive = 0\nnice_val = 14\nq_size = 640\nuid = 0\ngid = 0\ndo_stat_report = 0\n"
            "detailed_report = 0\ndb_max_size = 50\nsubj_cache_size = 1549\nobj_cache_size = 8191\n"
            "watch_fs = tmpfs\ntrust = file\nintegrity = sha256\nallow_filesystem_mark = 0\n"
            "syslog_format = rule,dec,perm,auid,pid,exe,:,path,ftype,trust\n")
        (etc / "fapolicyd.rules").write_text("allow perm=any all : trust=1\ndeny perm=any all : all\n")
        with open(etc / "fapolicyd.trust", "w", encoding="ascii") as f:
            for file in sorted(self.world.watched.glob("f*")):
                content = file.read_bytes()
                f.write(f"/watched/{file.name} {len(content)} {hashlib.sha256(content).hexdigest()}\n")

    def commands(self):
        # --debug-deny: in the foreground, and silent about what it allows
        yield self.jailed("fapolicyd", "--debug-deny"), self.marks_ready


class Clamonacc(Peer):
    """clamd with the same hash list, clamonacc with prevention on the measured directory."""
    program = "clamonacc"
    baits = ("bait-hash",)

    def prepare(self):
        folder = self.root / "clam"
        (folder / "db").mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)
        (folder / "clamd.sock").unlink(missing_ok=True)
        if not (folder / "db/bench.hsb").exists():
            lines = self.world.hashes.read_text().split()
            (folder / "db/bench.hsb").write_text("".join(f"{h}:*:bench-{i}:73\n" for i, h in enumerate(lines)))
        # clamd runs as a user whose opens are never asked about, as its manual says
        (folder / "clamd.conf").write_text(
            "Foreground yes\nLocalSocket /clam/clamd.sock\nDatabaseDirectory /clam/db\n"
            "TemporaryDirectory /clam\nUser nobody\nOnAccessIncludePath /watched\n"
            "OnAccessPrevention yes\nOnAccessExcludeUname nobody\n")

    def commands(self):
        if not (self.root / "usr/sbin/clamd").exists():
            raise Skip("clamd is not installed")
        yield self.jailed("clamd", "-c", "/clam/clamd.conf"), \
            lambda _process, _log: (self.root / "clam/clamd.sock").exists()
        time.sleep(0.2)  # the socket is there a moment before it listens
        yield self.jailed("clamonacc", "--foreground", "--fdpass", "-c", "/clam/clamd.conf"), self.marks_ready
