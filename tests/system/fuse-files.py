# SPDX-License-Identifier: Apache-2.0
"""fuse-files.py DIR [TYPE [alone|mine|UID]]: a FUSE file system at DIR whose files are in memory and can be written.

One directory. TYPE becomes "fuse.TYPE"; alone: for uid 65534 and nobody else, root included; mine: for root
alone; UID: mounted by that user, for all. Lines on standard input: `answer all`; `answer none` (questions are taken, and
nobody hears of them: who asked cannot even be killed); `hang NAME` (questions about that file alone); `put NAME TEXT`
(what another client of the server would do: no kernel hears of it); `end` (detach, end the connection, which ends all
waits; so does the end of this process). Prints "ready" when it is mounted, and each command once it is obeyed.
"""
import ctypes
import errno
import os
import select
import struct
import sys
import time

(LOOKUP, FORGET, GETATTR, SETATTR, MKNOD, UNLINK, RENAME, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC, FLUSH, INIT, OPENDIR,
 READDIR, RELEASEDIR, ACCESS, CREATE, INTERRUPT, DESTROY, BATCH_FORGET) = (
    1, 2, 3, 4, 8, 10, 12, 14, 15, 16, 17, 18, 20, 25, 26, 27, 28, 29, 34, 35, 36, 38, 42)
NO_REPLY = (FORGET, INTERRUPT, BATCH_FORGET)
EMPTY = (RELEASE, FSYNC, FLUSH, RELEASEDIR, ACCESS)
ROOT = 1
S_IFDIR, S_IFREG = 0o040000, 0o100000
FATTR_MODE, FATTR_SIZE = 1, 8
MAX_WRITE, BIG_WRITES, MAX_PAGES = 128 * 1024, 1 << 5, 1 << 22
MS_NOSUID, MS_NODEV, MNT_DETACH = 2, 4, 2
libc = ctypes.CDLL(None, use_errno=True)


class File:
    def __init__(self, mode, uid, gid):
        self.content, self.mode, self.uid, self.gid = bytearray(), mode, uid, gid
        self.touch()

    def touch(self):
        self.changed = time.time_ns()


files = {}  # node: File
names = {}  # name: node
last = [ROOT]


def make(name, mode, uid=0, gid=0):
    last[0] += 1
    files[last[0]] = File(mode & 0o7777 | S_IFREG, uid, gid)
    names[name] = last[0]
    return last[0]


def attributes(node):
    if node == ROOT:
        return struct.pack("<QQQQQQIIIIIIIIII", ROOT, 0, 1, 0, 0, 0, 0, 0, 0, S_IFDIR | 0o777, 2, 0, 0, 0, 4096, 0)
    f = files[node]
    seconds, nsec = divmod(f.changed, 10**9)
    return struct.pack("<QQQQQQIIIIIIIIII", node, len(f.content), 1, seconds, seconds, seconds, nsec, nsec, nsec,
                       f.mode, int(node in names.values()), f.uid, f.gid, 0, 4096, 0)


def entry(node):
    return struct.pack("<QQQQII", node, 0, 0, 0, 0, 0) + attributes(node)


def directory():
    out = b""
    for i, (name, node) in enumerate(names.items()):
        one = struct.pack("<QQII", node, i + 1, len(name), 8) + name
        out += one + b"\0" * (-len(one) % 8)
    return out


def change(node, body):
    """SETATTR."""
    valid, _, _, size = struct.unpack_from("<IIQQ", body)
    if node == ROOT:
        return
    f = files[node]
    if valid & FATTR_SIZE:
        del f.content[size:]
        f.content += bytes(size - len(f.content))
    if valid & FATTR_MODE:
        f.mode = struct.unpack_from("<I", body, 68)[0]
    f.touch()


def write(node, body):
    _, offset, size = struct.unpack_from("<QQI", body)
    f = files[node]
    f.content += bytes(max(0, offset - len(f.content)))
    f.content[offset:offset + size] = body[40:40 + size]
    f.touch()
    return struct.pack("<II", size, 0)


def rename(body):
    old, new = body[8:].split(b"\0")[:2]
    if old not in names:
        return -errno.ENOENT
    names[new] = names.pop(old)
    return b""


def answer(opcode, node, body, uid, gid):
    """The body of a reply, or a negative errno."""
    name = body.rstrip(b"\0")
    if opcode == INIT:
        return struct.pack("<IIIIHHIIHHI7I", 7, 31, 0, BIG_WRITES | MAX_PAGES, 12, 10, MAX_WRITE, 1, MAX_WRITE // 4096, 0,
                           0, *[0] * 7)
    if opcode == LOOKUP:
        return entry(names[name]) if node == ROOT and name in names else -errno.ENOENT
    if opcode == GETATTR:
        return struct.pack("<QII", 0, 0, 0) + attributes(node)
    if opcode == SETATTR:
        change(node, body)
        return struct.pack("<QII", 0, 0, 0) + attributes(node)
    if opcode in (CREATE, MKNOD):
        made = make(body[16:].rstrip(b"\0"), struct.unpack_from("<I", body, 4 if opcode == CREATE else 0)[0], uid, gid)
        return entry(made) + (struct.pack("<QII", 0, 0, 0) if opcode == CREATE else b"")
    if opcode == UNLINK:
        return b"" if names.pop(name, None) else -errno.ENOENT
    if opcode == RENAME:
        return rename(body)
    if opcode in (OPEN, OPENDIR):
        return struct.pack("<QII", 0, 0, 0)
    if opcode == READ:
        offset, size = struct.unpack_from("<QI", body, 8)
        return bytes(files[node].content[offset:offset + size])
    if opcode == WRITE:
        return write(node, body)
    if opcode == STATFS:
        return struct.pack("<QQQQQIIII6I", 1 << 20, 1 << 20, 1 << 20, 0, 0, 4096, 255, 4096, 0, *[0] * 6)
    if opcode == READDIR:
        return directory() if struct.unpack_from("<Q", body, 8)[0] == 0 else b""
    return b"" if opcode in EMPTY else -errno.ENOSYS


def serve(fuse, silent, hung):
    try:
        request = os.read(fuse, MAX_WRITE + 8192)
    except OSError as e:
        if e.errno == errno.ENODEV:  # unmounted
            sys.exit(0)
        return
    _, opcode, unique, node, uid, gid = struct.unpack_from("<IIQQII", request)
    if opcode in NO_REPLY or silent or node in (names.get(n) for n in hung):
        return
    body = answer(opcode, node, request[40:], uid, gid)
    error, body = (body, b"") if isinstance(body, int) else (0, body)
    try:
        os.write(fuse, struct.pack("<IiQ", 16 + len(body), error, unique) + body)
    except OSError:
        pass  # who asked is gone


def obey(line, hung):
    """Return: is nothing to be answered from now on?"""
    word, _, rest = line.partition(b" ")
    if word == b"hang":
        hung.add(rest)
    elif word == b"put":
        name, _, text = rest.partition(b" ")
        node = names.get(name) or make(name, 0o644)
        files[node].content[:] = text
        files[node].touch()
    return line == b"answer none"


def main():
    where, kind = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    fuse = os.open("/dev/fuse", os.O_RDWR)
    whom = sys.argv[3] if sys.argv[3:] else "0"
    whom = {"alone": "user_id=65534,group_id=65534", "mine": "user_id=0,group_id=0"}.get(
        whom, f"user_id={whom},group_id={whom},allow_other")
    options = f"fd={fuse},rootmode=40000,{whom}".encode()
    fs_type = ("fuse." + kind if kind else "fuse").encode()
    if libc.mount(b"files", where.encode(), fs_type, MS_NOSUID | MS_NODEV, options) != 0:
        sys.exit(f"fuse: {os.strerror(ctypes.get_errno())}")
    print("ready", flush=True)
    commands, silent, hung = b"", False, set()
    while True:
        ready = select.select([fuse, 0], [], [])[0]
        if fuse in ready:
            serve(fuse, silent, hung)
            continue
        chunk = os.read(0, 65536)
        *lines, commands = (commands + chunk).split(b"\n")
        if not chunk or b"end" in lines:
            break
        for line in lines:
            silent = obey(line, hung) if line.startswith(b"answer") else (obey(line, hung), silent)[1]
            print(line.decode(errors="replace"), flush=True)
    libc.umount2(where.encode(), MNT_DETACH)
    os.close(fuse)


main()
