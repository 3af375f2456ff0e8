# SPDX-License-Identifier: Apache-2.0
"""The daemon with public rules: how much memory."""
import os
import shutil

from . import subjects
from .world import Failed, settle

OPENERS = 4
TIMEOUT_SEC = 60


class Custos(subjects.Custos):
    """With public rules and so many workers."""
    start_sec = 300  # thousands of rules are compiled first

    def __init__(self, world, tree, workers):
        super().__init__(world)
        self.tree, self.workers = tree, workers
        self.baits = ("bait-eicar",)

    def prepare(self):
        for folder in (self.etc, self.run, self.state):
            folder.mkdir(exist_ok=True, mode=0o755)
        (self.etc / "custosd.conf").write_text(
            f"[Daemon]\nMode=enforce\n[Watch]\nMount={self.directory}\n[Rules]\nYara={self.tree}\n"
            f"[Limits]\nWorkers={self.workers}\nTimeout={TIMEOUT_SEC}s\n")


def copy(paths, folder):
    """Fresh files: no verdict of theirs can be known. Their paths."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    copies = []
    for number, path in enumerate(paths):
        copies.append(shutil.copyfile(path, folder / f"{number:05}"))
    os.sync()
    settle()
    return copies


def open_all(paths):
    """Each file once, by a few processes at a time."""
    pids = []
    for first in range(OPENERS):
        pid = os.fork()
        if pid == 0:
            for path in paths[first::OPENERS]:
                try:
                    fd = os.open(path, os.O_RDONLY)
                    os.read(fd, 4096)
                    os.close(fd)
                except PermissionError:
                    pass  # a match
            os._exit(0)
        pids.append(pid)
    failed = [pid for pid in pids if os.waitpid(pid, 0)[1] != 0]
    if failed:
        raise Failed("an opener died")


def pss(world, tree, paths, workers):
    """PSS of all processes before the files were opened, and after."""
    custos = Custos(world, tree, workers)
    copies = copy(paths, world.watched / "corpus")
    custos.start()
    try:
        n = custos.counters()["scans"]
        before = subjects.pss_bytes(custos.pids())
        open_all(copies)
        counters = custos.counters()
        after = subjects.pss_bytes(custos.pids())
    finally:
        custos.stop()
    if counters["scans"] - n < len(copies) or counters["timeouts"]:
        raise Failed(f"{counters['scans'] - n} scans of {len(copies)} files, {counters['timeouts']} timeouts")
    return before, after
