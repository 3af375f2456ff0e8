# SPDX-License-Identifier: Apache-2.0
"""In journald's place: print the MESSAGE of what arrives at a socket, one a line."""
import os
import socket
import sys

path = sys.argv[1]
os.makedirs(os.path.dirname(path), exist_ok=True)
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind(path)
while True:
    data, fds, _, _ = socket.recv_fds(server, 1 << 20, 4)
    for fd in fds:  # too long for a datagram
        data = os.pread(fd, 1 << 20, 0)
        os.close(fd)
    for line in data.split(b"\n"):
        if line.startswith(b"MESSAGE="):
            print(line[8:].decode("utf-8", "replace"), flush=True)
