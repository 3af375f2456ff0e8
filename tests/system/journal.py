# SPDX-License-Identifier: Apache-2.0
"""journal.py SOCKET OUT: journald's side of its native protocol, where there is no journald.

Appends the FILE_PATH of each record with EVENT_ACTION=file-open-denied to OUT, a line each.
Reads until it is ended by a signal.
"""
import array
import os
import socket
import struct
import sys


def fields(data):
    """Yield (name, value): NAME=value, or NAME, length and value where it may hold a newline."""
    while data:
        line, _, rest = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            size = struct.unpack("<Q", rest[:8])[0]
            value, rest = rest[8:8 + size], rest[8 + size + 1:]
        yield name.decode(), value
        data = rest


def receive(sock):
    """One record; a large one comes as a descriptor of sealed memory."""
    data, ancillary, _, _ = sock.recvmsg(1 << 20, socket.CMSG_SPACE(4))
    for level, kind, body in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fd = array.array("i", body)[0]
            data = os.pread(fd, os.fstat(fd).st_size, 0)
            os.close(fd)
    return dict(fields(data))


def main():
    path, out = sys.argv[1:]
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.bind(path)
    with open(out, "ab", buffering=0) as log:
        while True:
            record = receive(sock)
            if record.get("EVENT_ACTION") == b"file-open-denied":
                log.write(record["FILE_PATH"] + b"\n")


main()
