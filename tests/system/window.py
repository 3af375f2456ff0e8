#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From mount(2) to the first refused open, seen from outside: window.py DIR BAIT ROUNDS [same]

Each round mounts a tmpfs on DIR, in a mount namespace of its own unless `same` is given, copies BAIT
(a file that is refused) there and opens it until that fails. Prints microseconds, one line a round.
A round that is never refused prints "never".
"""
import ctypes
import os
import sys
import time

CLONE_NEWNS, MS_REC, MS_PRIVATE, MNT_DETACH = 0x20000, 0x4000, 0x40000, 2
LIMIT_SEC = 10
libc = ctypes.CDLL(None, use_errno=True)


def call(name, *args):
    if getattr(libc, name)(*args) != 0:
        raise OSError(ctypes.get_errno(), name)


def one_round(directory, content, same):
    if not same:
        call("unshare", CLONE_NEWNS)
        call("mount", None, b"/", None, MS_REC | MS_PRIVATE, None)
        time.sleep(float(os.environ.get("WINDOW_SETTLE", "0.3")))  # the namespace itself is known
    call("mount", b"window", directory.encode(), b"tmpfs", 0, b"mode=0755")
    began = time.monotonic()
    path = directory + "/bait"
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    os.write(fd, content)
    os.close(fd)
    took = None
    while time.monotonic() - began < LIMIT_SEC:
        try:
            os.close(os.open(path, os.O_RDONLY))
        except PermissionError:
            took = time.monotonic() - began
            break
    print("never" if took is None else round(took * 1e6), flush=True)
    call("umount2", directory.encode(), MNT_DETACH)


def main():
    directory, bait, rounds = sys.argv[1:4]
    same = sys.argv[4:] == ["same"]
    content = bytes.fromhex(bait)
    for _ in range(int(rounds)):
        pid = os.fork()
        if pid == 0:
            try:
                one_round(directory, content, same)
            except OSError as e:
                print(e, flush=True)
            os._exit(0)
        os.waitpid(pid, 0)


main()
