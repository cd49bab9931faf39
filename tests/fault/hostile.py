#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a step may not do to the sluice that started it, where its user is another: each try a function, whose end
without an exception, or with another than that of a refusal, is a breach.

    hostile.py HOME SOCKET JOURNAL      prints {try: what came of it} as JSON
"""
import ctypes
import errno
import json
import os
import pathlib
import signal
import socket
import sqlite3
import sys

HOME, SOCKET, OTHER = map(pathlib.Path, sys.argv[1:4])
OWN = HOME / "runs" / os.environ["SLUICE_RUN_ID"] / "journal"
REFUSALS = (errno.EACCES, errno.EPERM)
LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, PTRACE_SEIZE, PIDFD_OPEN, PIDFD_GETFD = 16, 0x4206, 434, 438


def words(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return [b""]


def is_of_home(pid):
    return str(HOME).encode() in words(pid)


def parents():
    pid = os.getpid()
    while pid > 1:
        status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
        pid = int(next(line for line in status.splitlines() if line.startswith("PPid:")).split()[1])
        yield pid


RUNNER = next(pid for pid in parents() if words(pid)[1:2] == [b"serve"] and b"sluice-runner" in words(pid)[0])
KEEPER = next(int(pid) for pid in os.listdir("/proc")
              if pid.isdigit() and words(pid)[1:2] == [b"keep"] and is_of_home(pid))
DAEMON = int(os.environ["DAEMON"])


def system(number, *arguments):
    ctypes.set_errno(0)
    result = LIBC.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def attach(pid, how):
    LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    ctypes.set_errno(0)
    if LIBC.ptrace(how, pid, None, None) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def knock(kind, path):
    with socket.socket(socket.AF_UNIX, kind) as door:
        door.connect(str(path))


def take_descriptors(pid):
    process = system(PIDFD_OPEN, pid, 0)
    system(PIDFD_GETFD, process, 3, 0)


def append(path):
    with open(path, "ab") as file:
        file.write(b"forged")


def read(path):
    with open(path, "rb") as file:
        file.read(1)


def query():
    sqlite3.connect(f"file:{HOME}/sluice.db?mode=ro", uri=True).execute("SELECT 1 FROM activity").fetchall()


def become(uid):
    os.setresuid(uid, uid, uid)


TRIES = {
    "read the key": lambda: read(HOME / "key"),
    "read the store": lambda: read(HOME / "sluice.db"),
    "read what the store is about to hold": lambda: read(HOME / "sluice.db-wal"),
    "ask the store": query,
    "read the settings": lambda: read(HOME / "config.yaml"),
    "change the settings": lambda: append(HOME / "config.yaml"),
    "list the home": lambda: os.listdir(HOME),
    "make a file in the home": lambda: append(HOME / "mine"),
    "rename in the home": lambda: os.rename(HOME / "key", HOME / "key.old"),
    "take the lock": lambda: read(HOME / "lock"),
    "knock at the door": lambda: knock(socket.SOCK_SEQPACKET, HOME / "sock"),
    "list the sockets of runners": lambda: os.listdir(HOME / "runner"),
    "knock at its runner": lambda: knock(socket.SOCK_STREAM, HOME / "runner" / f"{os.environ['RUNNER_ID']}.sock"),
    "ask for runners": lambda: knock(socket.SOCK_STREAM, SOCKET),
    "put another in the place of who is asked for runners": lambda: os.unlink(SOCKET),
    "move who is asked for runners away": lambda: os.rename(SOCKET, SOCKET.with_name("old")),
    "read the journal of another run": lambda: read(OTHER),
    "write the journal of another run": lambda: append(OTHER),
    "remove the journal of another run": lambda: os.unlink(OTHER),
    "put a file in the place of the journal of another run": lambda: os.rename("up", OTHER),
    "move another run": lambda: os.rename(OTHER.parent, OTHER.parent.with_name("gone")),
    "write its own journal": lambda: append(OWN),
    "open its journal to everybody": lambda: os.chmod(OWN, 0o666),
    "make a run": lambda: os.mkdir(HOME / "runs" / "mine"),
    "trace the daemon": lambda: attach(DAEMON, PTRACE_SEIZE),
    "attach to the daemon": lambda: attach(DAEMON, PTRACE_ATTACH),
    "read the memory of the daemon": lambda: read(f"/proc/{DAEMON}/mem"),
    "read the environment of the daemon": lambda: read(f"/proc/{DAEMON}/environ"),
    "list the descriptors of the daemon": lambda: os.listdir(f"/proc/{DAEMON}/fd"),
    "signal the daemon": lambda: os.kill(DAEMON, signal.SIGTERM),
    "stop the daemon": lambda: os.kill(DAEMON, signal.SIGSTOP),
    "trace the runner": lambda: attach(RUNNER, PTRACE_SEIZE),
    "read the memory of the runner": lambda: read(f"/proc/{RUNNER}/mem"),
    "read the environment of the runner": lambda: read(f"/proc/{RUNNER}/environ"),
    "list the descriptors of the runner": lambda: os.listdir(f"/proc/{RUNNER}/fd"),
    "take a descriptor of the runner": lambda: take_descriptors(RUNNER),
    "trace the keeper": lambda: attach(KEEPER, PTRACE_SEIZE),
    "read the memory of the keeper": lambda: read(f"/proc/{KEEPER}/mem"),
    "take a descriptor of the keeper": lambda: take_descriptors(KEEPER),
    "be the daemon's user": lambda: become(int(os.environ["DAEMON_UID"])),
    "be root": lambda: become(0),
    "be in the daemon's group": lambda: os.setgroups([int(os.environ["DAEMON_UID"])]),
}


def outcome(what):
    try:
        what()
    except OSError as error:
        return "refused" if error.errno in REFUSALS else f"{error}"
    except sqlite3.OperationalError as error:
        return "refused" if "unable to open" in str(error) else f"{error}"
    return "done"


if __name__ == "__main__":
    print(json.dumps({name: outcome(what) for name, what in TRIES.items()}))
