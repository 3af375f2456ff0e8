# SPDX-License-Identifier: Apache-2.0
"""opener.py DIR EICAR: opens that have never been judged, one after another, each timed.

Until standard input ends: a clean file is written and must open, a malicious one is written and must be
refused. Prints opens, denied, wrong and the longest time that any open took, the one for writing included.
"""
import errno
import itertools
import os
import select
import sys
import time


class Opener:
    def __init__(self, directory, eicar):
        self.directory, self.eicar = directory, eicar.encode()
        self.opens = self.denied = self.wrong = 0
        self.longest = 0.0

    def open(self, path, flags, wanted):
        began, got, fd = time.monotonic(), 0, -1
        try:
            fd = os.open(path, flags, 0o644)
        except OSError as e:
            got = e.errno
        self.longest = max(self.longest, time.monotonic() - began)
        self.opens += 1
        self.denied += got == errno.EPERM
        if got != wanted:
            self.wrong += 1
            print(f"opener: {path}: {errno.errorcode.get(got, 'opened')}", file=sys.stderr)
        return fd

    def try_one(self, name, content, wanted):
        path = f"{self.directory}/{name}"
        fd = self.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0)
        if fd < 0:
            return
        os.write(fd, content)
        os.close(fd)
        fd = self.open(path, os.O_RDONLY, wanted)
        if fd >= 0:
            os.close(fd)
        os.unlink(path)


def main():
    directory, eicar = sys.argv[1:]
    os.makedirs(directory, exist_ok=True)
    opener = Opener(directory, eicar)
    for i in itertools.count():
        opener.try_one(f"clean.{i}", f"{i} {time.time_ns()}".encode(), 0)
        opener.try_one(f"bad.{i}", opener.eicar + b" " * (i % 50), errno.EPERM)
        if select.select([sys.stdin], [], [], 0.01)[0]:
            break
    print(f"opens={opener.opens} denied={opener.denied} wrong={opener.wrong} "
          f"slowest_usec={int(opener.longest * 1e6)}")
    sys.exit(opener.wrong != 0)


main()
