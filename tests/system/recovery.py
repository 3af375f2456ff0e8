# SPDX-License-Identifier: Apache-2.0
"""recovery.py PID FRESH FILE...: open the files at once, and see how long that and what comes of it takes.

Prints, in ms since the opens began, the latest answer of them, when process PID was gone, and when the new file FRESH could be opened
and read after that: "answer=1003 gone=1391 fresh=1420". All in one process, so that no start of others is measured. 30 s at most.
"""
import os
import select
import sys
import threading
import time

LONGEST_MSEC = 30000
pid, fresh, files = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
answered = []
began = 0


def msec():
    return int((time.monotonic() - began) * 1000)


def open_one(path):
    try:
        os.close(os.open(path, os.O_RDONLY))
        sys.exit(f"{path} was opened")
    except PermissionError:
        answered.append(msec())


def open_fresh():
    with open(fresh, "w") as f:
        f.write(f"{fresh} {time.time_ns()}\n")
    while msec() < LONGEST_MSEC:
        try:
            os.close(os.open(fresh, os.O_RDONLY))
            return msec()
        except PermissionError:
            time.sleep(0.01)
    sys.exit("nothing is opened")


watch = select.poll()
watch.register(os.pidfd_open(pid), select.POLLIN)
threads = [threading.Thread(target=open_one, args=(path,)) for path in files]
began = time.monotonic()
for t in threads:
    t.start()
if not watch.poll(LONGEST_MSEC):
    sys.exit("it lives on")
gone = msec()
opened = open_fresh()
for t in threads:
    t.join()
if len(answered) != len(files):
    sys.exit("not all were refused")
print(f"answer={max(answered)} gone={gone} fresh={opened}")
