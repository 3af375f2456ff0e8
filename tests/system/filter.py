# SPDX-License-Identifier: Apache-2.0
"""filter.py [--no-fork] PROGRAM ARGUMENT...: run it where openat2(2) fails with ENOSYS, as RestrictSUIDSGID= of the unit
makes it; or, --no-fork, where clone(2) fails with EAGAIN, as where no more processes are allowed."""
import ctypes
import os
import struct
import sys

OPENAT2, ENOSYS = 437, 38
CLONE, EAGAIN = 56, 11
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
SECCOMP_RET_ERRNO, SECCOMP_RET_ALLOW = 0x00050000, 0x7fff0000

call, error = OPENAT2, ENOSYS
if sys.argv[1] == "--no-fork":
    call, error = CLONE, EAGAIN
    del sys.argv[1]
code = b"".join(struct.pack("<HBBI", *line) for line in (
    (LOAD_WORD, 0, 0, 0),  # the number of the call
    (JUMP_IF_EQUAL, 0, 1, call),
    (RETURN, 0, 0, SECCOMP_RET_ERRNO | error),
    (RETURN, 0, 0, SECCOMP_RET_ALLOW),
))
buffer = ctypes.create_string_buffer(code, len(code))
program = struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_char_p(program), 0, 0) != 0:
    sys.exit(f"filter: {os.strerror(ctypes.get_errno())}")
os.execv(sys.argv[1], sys.argv[1:])
