# SPDX-License-Identifier: Apache-2.0
"""fuse.py DIR MODE: a FUSE file system at DIR whose server answers, or does not.

It holds an empty directory `d` and a file `f` ("clean\\n"); nothing may be kept by the kernel, so every look is a
question. MODE says what is answered: `all`, `names` (which files there are, and nothing about them), `init` (nothing
but the first message), `none`. A line on standard input changes it. Prints "ready" when it is mounted, and each
question that is not answered. At `end` the mount is detached and the connection given up, which ends all waits.
"""
import ctypes
import errno
import os
import select
import struct
import sys

LOOKUP, FORGET, GETATTR, OPEN, READ, STATFS, RELEASE = 1, 2, 3, 14, 15, 17, 18
FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, ACCESS, INTERRUPT, BATCH_FORGET = 25, 26, 27, 28, 29, 34, 36, 42
ANSWERED = {"none": (), "init": (INIT,), "names": (INIT, LOOKUP)}
NO_REPLY = (FORGET, INTERRUPT, BATCH_FORGET)
ROOT, FILE, DIRECTORY = 1, 2, 3  # numbers of nodes
CONTENT = b"clean\n"
S_IFDIR, S_IFREG = 0o040000, 0o100000
MS_NOSUID, MS_NODEV, MNT_DETACH = 2, 4, 2
libc = ctypes.CDLL(None, use_errno=True)


def attributes(node):
    mode = S_IFDIR | 0o755 if node != FILE else S_IFREG | 0o644
    size = 0 if node != FILE else len(CONTENT)
    return struct.pack("<QQQQQQIIIIIIIIII", node, size, 1, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def answer(opcode, node, body):
    """The body of a reply, or a negative errno."""
    if opcode == INIT:
        return struct.pack("<IIIIHHIIHHI7I", 7, 31, 0, 0, 12, 10, 4096, 1, 1, 0, 0, *[0] * 7)
    if opcode == LOOKUP:
        found = {b"d": DIRECTORY, b"f": FILE}.get(body.rstrip(b"\0")) if node == ROOT else None
        return -errno.ENOENT if not found else struct.pack("<QQQQII", found, 0, 0, 0, 0, 0) + attributes(found)
    if opcode == GETATTR:
        return struct.pack("<QII", 0, 0, 0) + attributes(node)
    if opcode in (OPEN, OPENDIR):
        return struct.pack("<QII", 0, 0, 0)
    if opcode == READ:
        offset, size = struct.unpack_from("<QI", body, 8)
        return CONTENT[offset:offset + size]
    if opcode == STATFS:
        return struct.pack("<QQQQQIIII6I", 0, 0, 0, 0, 0, 4096, 255, 4096, 0, *[0] * 6)
    if opcode in (READDIR, RELEASE, RELEASEDIR, FLUSH, ACCESS):
        return b""
    return -errno.ENOSYS


def serve(fuse, mode):
    request = os.read(fuse, 1 << 20)
    _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
    if opcode in NO_REPLY:
        return
    if opcode not in ANSWERED.get(mode, (opcode,)):
        print(f"unanswered {opcode}", flush=True)
        return
    body = answer(opcode, node, request[40:])
    error, body = (body, b"") if isinstance(body, int) else (0, body)
    try:
        os.write(fuse, struct.pack("<IiQ", 16 + len(body), error, unique) + body)
    except FileNotFoundError:
        pass  # who asked is gone


def main():
    directory, mode = sys.argv[1:]
    fuse = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    if libc.mount(b"silent", directory.encode(), b"fuse", MS_NOSUID | MS_NODEV, options) != 0:
        sys.exit(f"fuse: {os.strerror(ctypes.get_errno())}")
    print("ready", flush=True)
    commands = b""
    while True:
        ready = select.select([fuse, sys.stdin], [], [])[0]
        if sys.stdin in ready:
            chunk = os.read(0, 4096)
            commands += chunk
            *lines, commands = commands.split(b"\n")
            mode = lines[-1].decode() if lines else mode
            if not chunk or mode == "end":
                break
            print(f"mode {mode}", flush=True)
        elif fuse in ready:
            serve(fuse, mode)
    libc.umount2(directory.encode(), MNT_DETACH)
    os.close(fuse)


main()
