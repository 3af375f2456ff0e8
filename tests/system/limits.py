# SPDX-License-Identifier: Apache-2.0
"""What root can do to a file behind custos, one verb each: limits.py VERB FILE MALICIOUS.

Prints "refused" when another open of the file gives EPERM afterwards, "slips" when it gives
the malicious content, "unchanged" when it gives anything else.
"""
import ctypes
import mmap
import os
import sys
import time

USER = 65534
OPENS = 3  # until what can be cached is
AGE = 0.1  # seconds; a younger file is not cached


def as_user(uid, action):
    """@action in a process of its own; its status."""
    pid = os.fork()
    if pid == 0:
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        os._exit(action())
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def judge(path, malicious, uid=USER - 1):
    def look():
        try:
            fd = os.open(path, os.O_RDONLY)
        except PermissionError as error:
            return 0 if error.errno == 1 else 3
        return 1 if os.pread(fd, 1 << 20, 0) == malicious else 2

    return ("refused", "slips", "unchanged", "error")[as_user(uid, look)]


def store(path, content):
    """Through a mapping that lives on in this process."""
    fd = os.open(path, os.O_RDWR)
    kept = mmap.mmap(fd, len(content))
    os.close(fd)
    kept[:] = content
    return kept


def chown_map(path, content, _device):
    os.chown(path, USER, USER)
    down, up = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setresgid(USER, USER, USER)
        os.setresuid(USER, USER, USER)
        kept = store(path, content)
        os.write(up[1], b"x")
        os.read(down[0], 1)
        os._exit(len(kept) == 0)
    os.close(up[1])
    os.read(up[0], 1)
    result = judge(path, content)
    os.write(down[1], b"x")
    os.waitpid(pid, 0)
    return result


def raw_block(path, content, device):
    """The bytes are looked for on the device and written over, below the file system."""
    with open(path, "rb") as file:
        clean = file.read()
        os.fsync(file.fileno())
        libc = ctypes.CDLL(None)
        libc.syncfs(file.fileno())
        raw = os.open(device, os.O_RDWR)
        os.posix_fadvise(raw, 0, 0, os.POSIX_FADV_DONTNEED)
        size = os.lseek(raw, 0, os.SEEK_END)
        at = mmap.mmap(raw, size, prot=mmap.PROT_READ).find(clean)
        if at < 0:
            return "unchanged"
        os.pwrite(raw, content, at)
        os.fsync(raw)
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return judge(path, content)


def early_descriptor(path, content, _device):
    """Whoever had the clean file open reads what it holds now."""
    fd = os.open(path, os.O_RDONLY)
    with open(path, "r+b") as file:
        file.write(content)
    return "slips" if os.pread(fd, 1 << 20, 0) == content else "unchanged"


def opath(path, content, _device):
    """A descriptor without content, from before; making it a real one is an open."""
    fd = os.open(path, os.O_PATH)
    with open(path, "r+b") as file:
        file.write(content)
    return judge(f"/proc/self/fd/{fd}", content, 0)


VERBS = {"chown-map": chown_map, "raw-block": raw_block,
         "early-descriptor": early_descriptor, "o-path": opath}


def main():
    verb, path, malicious, device = sys.argv[1:]
    with open(malicious, "rb") as file:
        content = file.read()
    serial = f"clean {time.time_ns():024d} ".encode()
    with open(path, "wb") as file:
        file.write(serial.ljust(len(content), b"."))
    os.chmod(path, 0o644)
    time.sleep(AGE)
    for _ in range(OPENS):
        with open(path, "rb"):
            pass
    print(VERBS[verb](path, content, device))


main()
