# SPDX-License-Identifier: Apache-2.0
"""freeze-thread.py PID N: N threads of the process that use the CPU for a while are stopped for good.

Prints "ready", then "frozen", and waits for a line, or the end of standard input. The others go on: it is single threads that are
stuck, as no signal can make them.
"""
import ctypes
import os
import select
import sys
import time

PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000
AT_WORK_TICKS = 5  # of 10 ms: a small file is read and hashed by then
pid, n_wanted = sys.argv[1], int(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)


def ticks(tid):
    with open(f"/proc/{pid}/task/{tid}/stat") as f:
        text = f.read()
    fields = text[text.rindex(")") + 2:].split()
    return int(fields[11])


def call(request, tid):
    if libc.ptrace(request, int(tid), None, None) != 0:
        sys.exit(f"ptrace: {os.strerror(ctypes.get_errno())}")


def freeze(tid):
    call(PTRACE_SEIZE, tid)
    call(PTRACE_INTERRUPT, tid)
    os.waitpid(int(tid), WALL)


def hold(tids):
    """One that is killed is a zombie until we look, and nobody could reap its process."""
    while not select.select([sys.stdin], [], [], 0.01)[0]:
        for tid in list(tids):
            if os.waitpid(int(tid), WALL | os.WNOHANG)[0]:
                tids.remove(tid)
        if not tids:
            break
    sys.exit(0)


before = {t: ticks(t) for t in os.listdir(f"/proc/{pid}/task")}
print("ready", flush=True)
frozen = set()
end = time.monotonic() + 20
while time.monotonic() < end:
    for tid in before.keys() - frozen:
        if ticks(tid) > before[tid] + AT_WORK_TICKS:
            freeze(tid)
            frozen.add(tid)
    if len(frozen) >= n_wanted:
        print("frozen", flush=True)
        hold(frozen)
    time.sleep(0.002)
sys.exit(f"{len(frozen)} of {n_wanted} frozen, of {len(before)} threads")
