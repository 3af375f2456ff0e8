# SPDX-License-Identifier: Apache-2.0
"""journald-holder.py JOURNALD PIDFILE: journald as systemd runs it.

The socket of the native protocol is held here, so what waits in it outlives a journald that is killed; another one is
started half a second later. PIDFILE has the number of the one that runs.
"""
import os
import socket
import subprocess
import sys
import time

journald, pidfile = sys.argv[1:]
SOCKET = "/run/systemd/journal/socket"
LISTEN_FD = 3
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
server.bind(SOCKET)
os.dup2(server.fileno(), LISTEN_FD)
while True:
    # LISTEN_PID is the number of who is run: known to itself alone.
    child = subprocess.Popen(["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0"', journald],
                             pass_fds=[LISTEN_FD])
    with open(pidfile + ".new", "w") as f:
        f.write(str(child.pid))
    os.rename(pidfile + ".new", pidfile)
    child.wait()
    time.sleep(0.5)
