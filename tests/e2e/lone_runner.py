# SPDX-License-Identifier: Apache-2.0
"""sluice-runner by itself: a test plays the engine, speaks to it over its socket and reads the journal."""
import json
import os
import pathlib
import socket
import struct
import subprocess
import time

import pytest

from programs import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", ROOT / "build")).resolve()
TYPES = {1: "spawning", 2: "started", 3: "log", 4: "metrics", 5: "report", 6: "call", 7: "wait", 8: "result", 9: "exit",
         10: "points"}


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def crc32c(data, table=[]):
    if not table:
        for i in range(256):
            for _ in range(8):
                i = (i >> 1) ^ 0x82F63B78 if i & 1 else i >> 1
            table.append(i)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def read_journal(path):
    data = pathlib.Path(path).read_bytes()
    assert b"sluice-journal1\n".startswith(data[:16])
    at, frames = 16, []
    while at + 40 <= len(data):
        size, crc, sequence, time_ms, attempt, kind, zero, zero2 = struct.unpack_from("<IIQqqHHI", data, at)
        if at + 40 + size > len(data) or not any(data[at : at + 40]):
            break
        if size < 4096:
            assert crc == crc32c(data[at + 8 : at + 40 + size])
        assert sequence == len(frames) + 1 and zero == 0 and zero2 == 0
        assert abs(time_ms / 1000 - time.time()) < 600
        frames.append((attempt, TYPES[kind], data[at + 40 : at + 40 + size]))
        at += 40 + size
    return frames


class Engine:
    """One connection of an engine."""

    def __init__(self, runner, generation=1, hello=True):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.buffer = b""
        wait_until((runner.home / "runner").is_dir)
        folder = os.open(runner.home / "runner", os.O_RDONLY)
        try:
            wait_until(lambda: self.connect(f"/proc/self/fd/{folder}/{runner.id}.sock"))
        finally:
            os.close(folder)
        self.hello = self.receive()
        if hello:
            self.send(type="hello", protocol=1, generation=generation)
            self.attempts = self.receive_type("attempts")["attempts"]

    def connect(self, path):
        try:
            self.sock.connect(path)
            return True
        except (FileNotFoundError, ConnectionRefusedError):
            return False

    def send(self, **message):
        text = json.dumps(message).encode()
        self.sock.sendall(struct.pack("<I", len(text)) + text)

    def receive(self):
        """The next message, None when the runner has closed."""
        while len(self.buffer) < 4 or len(self.buffer) < 4 + struct.unpack("<I", self.buffer[:4])[0]:
            try:
                more = self.sock.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                return None
            self.buffer += more
        size = struct.unpack("<I", self.buffer[:4])[0]
        text, self.buffer = self.buffer[4 : 4 + size], self.buffer[4 + size :]
        return json.loads(text)

    def receive_type(self, kind):
        while True:
            message = self.receive()
            assert message is not None, f"the runner closed before {kind}"
            if message["type"] == kind:
                return message

    def close(self):
        self.sock.close()


class Runner:
    def __init__(self, home, linger="600", preexec=None, env=None):
        self.home, self.id, self.linger = pathlib.Path(home), "r1", linger
        self.process = subprocess.Popen(
            [BUILD / "sluice-runner", "serve", "--home", self.home, "--id", self.id, "--linger", linger],
            preexec_fn=preexec, env={**os.environ, **(env or {})},
        )
        self.next = 0

    def journal(self, run="run1"):
        return self.home / "runs" / run / "journal"

    def spawn(self, engine, run="run1", attempt=None, env=None, **fields):
        self.next = attempt or self.next + 1
        folder = self.home / "runs" / run / str(self.next)
        message = {
            "type": "spawn",
            "attempt": self.next,
            "run_id": run,
            "journal": str(self.journal(run)),
            "kind": "shell" if "script" in fields else "command",
            "env": {"PATH": os.environ["PATH"], "SLUICE_ATTEMPT": f"{self.home}:{self.next}", **(env or {})},
            "cwd": str(self.home),
            "step_dir": str(folder),
            "state_dir": str(self.home / "state"),
            "output_file": str(folder) + ".output",
            "stop": {"signal": 15, "grace_ms": 10000},
        }
        if "script" in fields:
            message["shell"] = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "{0}"]
        message.update(fields)
        engine.send(**message)
        return self.next

    def frames(self, attempt, kind=None, run="run1"):
        if not self.journal(run).exists():
            return []
        frames = [f for f in read_journal(self.journal(run)) if f[0] == attempt and kind in (None, f[1])]
        return [f[2] for f in frames] if kind else frames

    def started(self, attempt, run="run1"):
        return json.loads(wait_until(lambda: self.frames(attempt, "started", run))[0])

    def exit(self, attempt, seconds=60, run="run1"):
        frames = wait_until(lambda: self.frames(attempt, "exit", run), seconds)
        assert len(frames) == 1 and self.frames(attempt, run=run)[-1][1] == "exit"
        return json.loads(frames[0])

    def log(self, attempt, stream=None, run="run1"):
        out = b""
        for payload in self.frames(attempt, "log", run):
            if stream in (None, payload[0]):
                out += payload[2 if payload[0] == 3 else 1 :] + b"\n"
        return out.decode()

    def result(self, attempt):
        return json.loads(self.frames(attempt, "result")[-1])

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)


@pytest.fixture
def runner(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    runner = Runner(home)
    yield runner
    runner.stop()
    log = home / "runner" / "r1.log"
    assert not log.exists() or "ERROR: " not in log.read_text() and "runtime error" not in log.read_text()


@pytest.fixture
def engine(runner):
    engine = Engine(runner)
    yield engine
    engine.close()
