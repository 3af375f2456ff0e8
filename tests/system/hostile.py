#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A client that does not mean well: what it sends must change nothing.

hostile.py SOCKET json       every malformed message is refused, none is obeyed
hostile.py SOCKET oversized  messages past 1 MiB are refused
hostile.py SOCKET idle N     N connections that say nothing; prints "ready", holds them
                             until standard input ends
"""
import json
import resource
import socket
import sys

TIMEOUT_S = 20
MESSAGE_MAX = 1 << 20
RELOAD = b'"io.custos.Manager.Reload"'
CALL = b'{"method":' + RELOAD + b',"parameters":{%s}}'

HOSTILE = {
    'duplicate keys': b'{"method":"io.custos.Manager.Status","method":' + RELOAD + b'}',
    'lone surrogate': CALL % rb'"a":"\ud800"',
    'escaped NUL': CALL % rb'"a":"x\u0000y"',
    'single quotes': b"{'method':'io.custos.Manager.Reload'}",
    'NaN': CALL % b'"a":NaN',
    '2^64': CALL % b'"a":18446744073709551616',
    '-2^63-1': CALL % b'"a":-9223372036854775809',
    'raw control character': CALL % b'"a":"x\x01y"',
    '1e999': CALL % b'"a":1e999',
    'invalid UTF-8': CALL % b'"a":"\xff\xfe"',
    '200k nesting': CALL % (b'"a":' + b'[' * 200000 + b']' * 200000),
    'unterminated': b'{"method":' + RELOAD + b',"parameters":{"a":"',
    'trailing garbage': b'{"method":' + RELOAD + b'} {"x":1}',
    'empty': b'',
    'huge string': b'{"method":"io.custos.Manager.Reload' + b'd' * (MESSAGE_MAX - 200) + b'"}',
}


def connect(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(TIMEOUT_S)
    s.connect(path)
    return s


def receive(s):
    """One reply, or None when the server closed the connection."""
    data = b''
    while not data.endswith(b'\0'):
        try:
            piece = s.recv(65536)
        except ConnectionError:
            return None
        if not piece:
            return None
        data += piece
    return json.loads(data[:-1])


def talk(path, message):
    s = connect(path)
    try:
        s.sendall(message + b'\0')
    except (BrokenPipeError, ConnectionResetError):
        pass  # refused before it was all said; a reply may wait all the same
    reply = receive(s)
    s.close()
    return reply


def obeyed(reply):
    return reply is not None and 'error' not in reply


def alive(path):
    reply = talk(path, b'{"method":"org.varlink.service.GetInfo"}')
    return reply is not None and 'io.custos.Manager' in reply['parameters']['interfaces']


def judge(name, reply, path):
    ok = not obeyed(reply) and alive(path)
    print('%s: %s: %s' % ('ok' if ok else 'FAIL', name, json.dumps(reply)[:200]))
    return ok


def run_json(path):
    results = [judge(name, talk(path, m), path) for name, m in HOSTILE.items()]
    return all(results)


def run_oversized(path):
    body = CALL % (b'"a":"' + b'A' * (MESSAGE_MAX + 1) + b'"')
    results = [judge('one byte too many and more', talk(path, body), path)]
    # Without an end: the server must give up, not collect.
    s = connect(path)
    sent = 0
    try:
        while sent < 64 * MESSAGE_MAX:
            sent += s.send(b'A' * 65536)
    except (BrokenPipeError, ConnectionResetError, socket.timeout):
        pass
    ok = sent < 8 * MESSAGE_MAX and alive(path)
    print('%s: endless message: cut off after %d bytes' % ('ok' if ok else 'FAIL', sent))
    return all(results) and ok


def run_idle(path, n):
    resource.setrlimit(resource.RLIMIT_NOFILE, (n + 64, n + 64))
    held = []
    for _ in range(n):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.setblocking(False)
        try:
            s.connect(path)
        except OSError:
            pass  # the backlog is full: part of the siege
        held.append(s)
    print('ready', flush=True)
    sys.stdin.read()
    return True


def main():
    path, what = sys.argv[1:3]
    if what == 'json':
        ok = run_json(path)
    elif what == 'oversized':
        ok = run_oversized(path)
    else:
        ok = run_idle(path, int(sys.argv[3]))
    sys.exit(0 if ok else 1)


if __name__ == '__main__':
    main()
