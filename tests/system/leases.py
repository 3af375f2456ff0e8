# SPDX-License-Identifier: Apache-2.0
"""leases.py: users who hold leases on their files, and those who open them.

hold KIND SECONDS DIR N EICAR   N clean and N malicious files, a lease of KIND (read, write) on each; who breaks one
                                waits SECONDS until it is given up. Prints "ready"; ends with standard input, and
                                prints how many leases were broken.
fight SECONDS DIR N EICAR       takes and gives up leases of both kinds on N of each, as fast as it can
open HOW FILE...                opens all files at once (HOW: read, write, nowait, truncate) and prints how many were
                                opened, how many got which error, and the longest and shortest wait in milliseconds
"""
import collections
import errno
import fcntl
import os
import random
import select
import signal
import sys
import threading
import time

NOBODY = 65534
KINDS = {"read": fcntl.F_RDLCK, "write": fcntl.F_WRLCK}


def become_a_user():
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def lease(fd, kind):
    """Take a lease. Who was asked about the open of this file may have it open for a moment."""
    for _ in range(1000):
        try:
            fcntl.fcntl(fd, fcntl.F_SETLEASE, kind)
            return
        except BlockingIOError:
            time.sleep(0.002)
    raise SystemExit(f"leases: no lease on {os.readlink(f'/proc/self/fd/{fd}')}")


def make(path, content, kind):
    """A file with this content, opened before there was any; the descriptor."""
    writer = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
    os.fchmod(writer, 0o666)
    if kind == fcntl.F_WRLCK:
        os.write(writer, content)
        return writer
    fd = os.open(path, os.O_RDONLY)
    os.write(writer, content)
    os.close(writer)
    return fd


def make_all(directory, n, eicar, kind):
    fds = []
    for i in range(n):
        fds.append(make(f"{directory}/clean.{i}", f"clean {i}\n".encode(), kind))
        fds.append(make(f"{directory}/bad.{i}", eicar.encode() + b" " * (i % 50), kind))
    return fds


def hold(kind, seconds, directory, n, eicar):
    kind, seconds = KINDS[kind], float(seconds)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
    become_a_user()
    fds = make_all(directory, int(n), eicar, kind)
    for fd in fds:
        lease(fd, kind)
    print("ready", flush=True)
    broken, given_up = {}, 0
    while not select.select([sys.stdin], [], [], 0.02)[0]:
        now = time.monotonic()
        for fd in fds:
            if fd not in broken and fcntl.fcntl(fd, fcntl.F_GETLEASE) != kind:
                broken[fd] = now
            if fd in broken and broken[fd] and now >= broken[fd] + seconds:
                fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
                if kind == fcntl.F_WRLCK:
                    os.close(fd)
                    fds.remove(fd)
                broken[fd] = 0
                given_up += 1
    print(f"broken={len(broken)} given_up={given_up}")


def fight(seconds, directory, n, eicar):
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    become_a_user()
    fds = make_all(directory, int(n), eicar, fcntl.F_RDLCK)
    print("ready", flush=True)
    end = time.monotonic() + float(seconds)
    taken = refused = 0
    while time.monotonic() < end:
        fd = random.choice(fds)
        try:
            fcntl.fcntl(fd, fcntl.F_SETLEASE, random.choice(list(KINDS.values())))
            taken += 1
            if random.random() < 0.5:
                os.sched_yield()
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except BlockingIOError:
            refused += 1
    print(f"taken={taken} refused={refused}")


FLAGS = {"read": os.O_RDONLY, "write": os.O_WRONLY, "nowait": os.O_WRONLY | os.O_NONBLOCK}


def open_all(how, *paths):
    counts, times, gate, lock = collections.Counter(), [], threading.Event(), threading.Lock()

    def one(path):
        gate.wait()
        began, got = time.monotonic(), "opened"
        try:
            if how == "truncate":
                os.truncate(path, 1)
            else:
                os.close(os.open(path, FLAGS[how]))
        except OSError as e:
            got = errno.errorcode[e.errno]
        took = time.monotonic() - began
        with lock:
            counts[got] += 1
            times.append(int(took * 1000))
    threads = [threading.Thread(target=one, args=(p,)) for p in paths]
    for t in threads:
        t.start()
    gate.set()
    for t in threads:
        t.join()
    print(" ".join(f"{k}={v}" for k, v in sorted(counts.items())),
          f"longest={max(times)} shortest={min(times)}")


COMMANDS = {"hold": hold, "fight": fight, "open": open_all}
COMMANDS[sys.argv[1]](*sys.argv[2:])
