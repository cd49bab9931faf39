# SPDX-License-Identifier: Apache-2.0
"""sluice-runner by itself: this file plays the engine, over the real socket, and reads the real journals.

Standard library and pytest. SLUICE_BUILD names the folder with sluice-runner (default: build).
"""
import base64
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import struct
import subprocess
import time

import pytest
from metric_points import of_payload

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", ROOT / "build")).resolve()
TYPES = {1: "spawning", 2: "started", 3: "log", 4: "metrics", 5: "report", 6: "call", 7: "wait", 8: "result", 9: "exit",
         10: "points"}


def wait_until(check, seconds=10.0):
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


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
        if at + 40 + size > len(data):
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
        self.sock.settimeout(10)
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
    def __init__(self, home, linger="600", preexec=None):
        self.home, self.id, self.linger = pathlib.Path(home), "r1", linger
        self.process = subprocess.Popen(
            [BUILD / "sluice-runner", "serve", "--home", self.home, "--id", self.id, "--linger", linger],
            preexec_fn=preexec,
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

    def exit(self, attempt, seconds=15, run="run1"):
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
            self.process.wait(20)


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


# ---- what a step is ------------------------------------------------------------------------------------------


def test_a_command_that_succeeds_leaves_its_frames_in_order(runner, engine):
    attempt = runner.spawn(engine, argv=["true"])
    end = runner.exit(attempt)
    assert [f[1] for f in runner.frames(attempt)] == ["spawning", "started", "exit"]
    assert runner.frames(attempt, "spawning") == [b"{}"]
    assert runner.started(attempt)["pid"] > 1 and runner.started(attempt)["start_ticks"] > 0
    assert (end["how"], end["code"], end["signal"], end["stopped"], end["reason"]) == ("exited", 0, 0, None, None)
    assert end["wall_ms"] >= 0 and end["max_rss_bytes"] > 100000
    bell = engine.receive_type("doorbell")
    assert bell["run_id"] == "run1" and bell["size"] > 16


def test_a_command_that_fails_says_its_code(runner, engine):
    end = runner.exit(runner.spawn(engine, argv=["false"]))
    assert (end["how"], end["code"], end["reason"]) == ("exited", 1, "exited with code 1")
    end = runner.exit(runner.spawn(engine, script="exit 75"))
    assert (end["how"], end["code"], end["reason"]) == ("exited", 75, "exited with code 75")


def test_what_a_step_used_is_recorded(runner, engine):
    code = "import time\nx=bytearray(120<<20)\nend=time.process_time()+0.3\nwhile time.process_time()<end: pass"
    end = runner.exit(runner.spawn(engine, argv=["python3", "-c", code]))
    assert end["user_ms"] + end["system_ms"] >= 280 and end["wall_ms"] >= 280
    assert 120 << 20 < end["max_rss_bytes"] < 300 << 20


def test_a_killed_step_says_by_which_signal(runner, engine):
    end = runner.exit(runner.spawn(engine, script="kill -9 $$"))
    assert (end["how"], end["signal"], end["code"]) == ("signalled", 9, 137)
    assert end["reason"].startswith("killed by signal 9 (SIGKILL) after ")


@pytest.mark.parametrize(
    "fields, code, reason",
    [
        ({"argv": ["no-such-program"]}, 127, "the program 'no-such-program' was not found on PATH"),
        ({"argv": ["./no-such"]}, 127, "the program './no-such' was not found"),
        ({"argv": ["/dev/null"]}, 126, "the program '/dev/null' cannot be executed: Permission denied"),
        ({"argv": ["true"], "cwd": "/no/such/folder"}, 125, "the working directory '/no/such/folder' does not exist"),
        ({"argv": []}, 125, "the step has no program to start"),
        (
            {"argv": ["true", "x" * 3000000]},
            126,
            "the arguments and environment of 'true' are too large: pass them by file",
        ),
        ({"argv": ["true"], "step_dir": "/proc/nothing"}, 125, None),
    ],
)
def test_what_cannot_be_started_says_why(runner, engine, fields, code, reason):
    end = runner.exit(runner.spawn(engine, **fields))
    assert (end["how"], end["code"]) == ("not_started", code)
    assert end["reason"] == reason if reason else "/proc/nothing" in end["reason"]


def test_a_step_sees_its_environment_and_nothing_else(runner, engine):
    attempt = runner.spawn(engine, argv=["/usr/bin/env", "-0"], env={"GREETING": "good\nday"})
    runner.exit(attempt)
    seen = dict(part.split("=", 1) for part in runner.log(attempt, 1).rstrip("\n").split("\u2400") if part)
    assert seen == {"PATH": os.environ["PATH"], "GREETING": "good\nday", "SLUICE_ATTEMPT": f"{runner.home}:{attempt}"}


def test_a_step_gets_three_descriptors_default_signals_and_a_group_of_its_own(runner, engine):
    code = (
        "import os, json, signal\n"
        "status = dict(l.split(':', 1) for l in open('/proc/self/status'))\n"
        "fds = [f for f in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + f)]\n"
        "print(json.dumps([sorted(map(int, fds)), status['SigBlk'].strip(), os.getpgid(0) == os.getpid(),"
        " os.readlink('/proc/self/fd/0'), os.getcwd()]))\n"
    )
    attempt = runner.spawn(engine, argv=["python3", "-c", code])
    runner.exit(attempt)
    fds, blocked, leads, stdin, cwd = json.loads(runner.log(attempt, 1))
    assert set(fds) <= {0, 1, 2} and blocked == "0" * 16 and leads and stdin == "/dev/null" and cwd == str(runner.home)


def test_a_script_never_stands_in_the_arguments(runner, engine):
    attempt = runner.spawn(engine, script="echo mark-of-script; tr '\\0' ' ' < /proc/$$/cmdline; echo; echo $0 >&2")
    runner.exit(attempt)
    assert runner.log(attempt, 1).startswith("mark-of-script\nbash --noprofile --norc -eo pipefail /dev/fd/")
    attempt = runner.spawn(engine, script="print('by file', __file__)", shell=["python3", "{0}"])
    runner.exit(attempt)
    assert runner.log(attempt, 1).startswith("by file ") and runner.log(attempt, 1).endswith("/.script\n")
    attempt = runner.spawn(engine, script="echo plain $0", shell=["sh", "-e", "{0}"])
    runner.exit(attempt)
    assert runner.log(attempt, 1).startswith("plain /dev/fd/")


def test_the_folders_are_there_and_the_own_one_is_empty(runner, engine):
    left = runner.home / "runs" / "run1" / "1"
    left.mkdir(parents=True)
    (left / "from-before").write_text("x")
    script = 'ls -A "$D" | wc -l; echo state > "$S/kept"; test -f "$O"; echo n=1 >> "$O"'
    env = {"D": str(left), "S": str(runner.home / "state"), "O": str(left) + ".output"}
    attempt = runner.spawn(engine, script=script, env=env)
    assert runner.exit(attempt)["code"] == 0
    assert runner.log(attempt, 1).strip() == "0"
    assert (runner.home / "state" / "kept").read_text() == "state\n"


def test_logs_keep_their_streams_long_lines_and_odd_bytes(runner, engine):
    code = (
        "import sys, os\n"
        "os.write(2, b'to stderr\\n')\n"
        "os.write(1, b'nul \\0 bad \\xff euro \\xe2\\x82')\n"
        "os.write(1, b'\\xac\\n' + b'y' * 200000 + b'\\nlast without end')\n"
    )
    attempt = runner.spawn(engine, argv=["python3", "-c", code])
    runner.exit(attempt)
    assert runner.log(attempt, 2) == "to stderr\n"
    lines = runner.log(attempt, 1).split("\n")
    assert lines[0] == "nul \u2400 bad \ufffd euro \u20ac" and lines[-2] == "last without end"
    assert "".join(lines[1:-2]) == "y" * 200000 and all(len(line) <= 65536 for line in lines)


def test_secrets_are_masked_however_they_are_written(runner, engine):
    secret = "s3cr3t/with+odd=chars"
    code = (
        "import os, time, base64, urllib.parse, json\n"
        "s = os.environ['TOKEN']\n"
        "for cut in range(len(s) + 1):\n"
        "    os.write(1, b'A ' + s[:cut].encode()); time.sleep(0.002); os.write(1, s[cut:].encode() + b' B\\n')\n"
        "print(base64.b64encode(('user:' + s).encode()).decode(), urllib.parse.quote(s, safe=''), s.encode().hex(),"
        " flush=True)\n"
        "os.write(2, s[:-1].encode())\n"
    )
    attempt = runner.spawn(engine, argv=["python3", "-c", code], env={"TOKEN": secret}, secrets={"TOKEN": secret})
    assert runner.exit(attempt)["code"] == 0
    raw = runner.journal().read_bytes()
    assert secret.encode() not in raw and secret.encode().hex().encode() not in raw
    assert base64.b64encode(secret.encode())[:20] not in raw
    assert runner.log(attempt, 1).split("\n")[: len(secret) + 1] == ["A *** B"] * (len(secret) + 1)
    assert runner.log(attempt, 2) == secret[:-1] + "\n"
    end = runner.exit(runner.spawn(engine, argv=[secret], secrets={"TOKEN": secret}))
    assert end["reason"] == "the program '***' was not found" and secret.encode() not in runner.journal().read_bytes()


# ---- stopping ------------------------------------------------------------------------------------------------


def test_cancel_ends_a_step_by_sigterm(runner, engine):
    attempt = runner.spawn(engine, argv=["sleep", "60"])
    runner.started(attempt)
    engine.send(type="stop", attempt=attempt, why="cancel", grace_ms=10000)
    end = runner.exit(attempt)
    assert (end["how"], end["signal"], end["stopped"]) == ("signalled", 15, "cancel")
    assert end["reason"] == "cancelled: ended by SIGTERM" and end["wall_ms"] < 5000


def test_the_stop_signal_is_the_steps_own_choice_and_reaches_the_group(runner, engine):
    child = "trap 'echo child got USR1; exit' USR1; echo ready; while :; do sleep 0.05; done"
    script = f'trap "echo got USR1; wait; exit 4" USR1; bash -c "{child}" & wait'
    attempt = runner.spawn(engine, script=script, stop={"signal": 10, "grace_ms": 5000})
    wait_until(lambda: "ready" in runner.log(attempt))
    engine.send(type="stop", attempt=attempt, why="cancel", grace_ms=5000)
    end = runner.exit(attempt)
    assert (end["how"], end["code"]) == ("exited", 4)
    assert sorted(runner.log(attempt, 1).split("\n")) == ["", "child got USR1", "got USR1", "ready"]
    assert end["reason"] == "cancelled: ended with code 4 after SIGUSR1"


def test_a_step_that_ignores_sigterm_is_killed_after_the_grace(runner, engine):
    attempt = runner.spawn(engine, script="trap '' TERM; echo ready; while :; do sleep 0.1; done")
    wait_until(lambda: "ready" in runner.log(attempt))
    engine.send(type="stop", attempt=attempt, why="cancel", grace_ms=400)
    end = runner.exit(attempt)
    assert (end["signal"], end["stopped"]) == (9, "cancel") and end["wall_ms"] >= 400
    assert end["reason"] == "cancelled: still alive 400 ms after SIGTERM, ended by SIGKILL"


def test_a_second_stop_can_only_be_harder(runner, engine):
    attempt = runner.spawn(engine, script="trap '' TERM; echo ready; while :; do sleep 0.1; done")
    wait_until(lambda: "ready" in runner.log(attempt))
    engine.send(type="stop", attempt=attempt, why="cancel", grace_ms=300)
    engine.send(type="stop", attempt=attempt, why="cancel", grace_ms=60000)
    assert runner.exit(attempt, 5)["signal"] == 9
    attempt = runner.spawn(engine, argv=["sleep", "60"])
    runner.started(attempt)
    engine.send(type="stop", attempt=attempt, why="cancel", grace_ms=0)
    assert runner.exit(attempt, 5)["reason"] == "cancelled: ended by SIGKILL"


def test_a_timeout_is_said_in_words(runner, engine):
    attempt = runner.spawn(engine, argv=["sleep", "60"], timeout_ms=300)
    end = runner.exit(attempt)
    assert (end["stopped"], end["signal"]) == ("timeout", 15) and 300 <= end["wall_ms"] < 5000
    assert end["reason"] == "timed out after 300 ms: ended by SIGTERM"


DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in (0, 1, 2): os.close(fd)
        open(sys.argv[1], 'w').write(str(os.getpid()))
        while True:
            open(sys.argv[2], 'a').write('x'); time.sleep(0.05)
    os._exit(0)
os.wait()
"""


def daemon_pid(path):
    return int(wait_until(lambda: path.exists() and path.read_text()))


@pytest.mark.parametrize("clean", [[], ["env", "-i"]], ids=["", "with an emptied environment"])
def test_what_a_step_leaves_running_ends_with_it(runner, engine, tmp_path, clean):
    argv = [*clean, shutil.which("python3"), "-c", DAEMON, str(tmp_path / "pid"), str(tmp_path / "beat")]
    attempt = runner.spawn(engine, argv=argv)
    end = runner.exit(attempt)
    assert end["code"] == 0
    pid = daemon_pid(tmp_path / "pid")
    wait_until(lambda: not alive(pid), 2)
    beats = (tmp_path / "beat").stat().st_size
    time.sleep(0.2)
    assert (tmp_path / "beat").stat().st_size == beats


def test_a_daemon_of_a_stopped_step_dies_and_one_of_a_neighbour_does_not(runner, engine, tmp_path):
    def start(name):
        code = DAEMON + "time.sleep(60)"
        argv = ["python3", "-c", code, str(tmp_path / (name + "pid")), str(tmp_path / (name + "beat"))]
        attempt = runner.spawn(engine, argv=argv)
        return attempt, daemon_pid(tmp_path / (name + "pid"))

    first, first_pid = start("a")
    second, second_pid = start("b")
    engine.send(type="stop", attempt=first, why="cancel", grace_ms=1000)
    runner.exit(first)
    wait_until(lambda: not alive(first_pid), 2)
    assert alive(second_pid)
    engine.send(type="stop", attempt=second, why="cancel", grace_ms=1000)
    runner.exit(second)
    wait_until(lambda: not alive(second_pid), 2)


def test_background_children_that_hold_the_pipes_do_not_hang_the_step(runner, engine):
    attempt = runner.spawn(engine, script="sleep 60 & echo done")
    end = runner.exit(attempt, 5)
    assert end["code"] == 0 and runner.log(attempt) == "done\n" and end["wall_ms"] < 3000


def test_a_child_that_still_writes_has_a_moment_to_finish(runner, engine):
    attempt = runner.spawn(engine, script="exec > >(sleep 0.05; tr a-z A-Z); echo late")
    assert runner.exit(attempt)["code"] == 0 and runner.log(attempt) == "LATE\n"


def test_a_log_over_its_limit_stops_the_step(runner, engine):
    attempt = runner.spawn(engine, script="yes 0123456789", limits={"log_bytes": 1 << 20})
    end = runner.exit(attempt)
    assert end["stopped"] == "log_limit"
    assert end["reason"].startswith("the log grew over its limit of 1.0 MB: ended by ")
    assert len(runner.log(attempt, 1)) <= (1 << 20) + 1
    assert "limit" in runner.log(attempt, 3)


def test_the_limit_counts_what_is_written_not_what_was_read(runner, engine):
    attempt = runner.spawn(engine, script="head -c 900000 /dev/zero; seq 1 100000", limits={"log_bytes": 1 << 20})
    assert runner.exit(attempt)["stopped"] == "log_limit"  # a NUL becomes three bytes
    assert 1 << 19 < (runner.home / "runs" / "run1" / "journal").stat().st_size < (1 << 20) + 8192


def test_a_stop_before_the_start_and_a_repeated_spawn(runner, engine):
    attempt = runner.spawn(engine, argv=["sleep", "0.2"])
    runner.spawn(engine, attempt=attempt, argv=["sleep", "0.2"])
    runner.exit(attempt)
    runner.spawn(engine, attempt=attempt, argv=["true"])
    time.sleep(0.1)
    assert [f[1] for f in runner.frames(attempt)] == ["spawning", "started", "exit"]


# ---- engines come and go --------------------------------------------------------------------------------------


def test_steps_outlive_the_engine_and_the_next_one_takes_them_over(runner):
    first = Engine(runner, generation=3)
    attempt = runner.spawn(first, script="for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.1; done")
    runner.started(attempt)
    first.close()
    time.sleep(0.3)
    second = Engine(runner, generation=4)
    assert second.attempts == [{"attempt": attempt, "run_id": "run1", "state": "running", "calls": []}]
    assert second.receive_type("doorbell")["size"] > 0
    assert runner.exit(attempt)["code"] == 0
    assert runner.log(attempt) == "".join(f"{i}\n" for i in range(1, 9))
    second.send(type="list")
    assert second.receive_type("attempts")["attempts"][0]["state"] == "exited"
    second.send(type="ack", attempt=attempt)
    second.send(type="list")
    assert second.receive_type("attempts")["attempts"] == []
    second.close()


def test_an_engine_process_killed_does_not_touch_its_steps(runner, tmp_path):
    """The engine side dies by SIGKILL with its socket open."""
    script = tmp_path / "engine.py"
    script.write_text(
        "import sys, time\n"
        f"sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})\n"
        "import test_runner as t, pathlib\n"
        "r = t.Runner.__new__(t.Runner); r.home, r.id, r.next = pathlib.Path(sys.argv[1]), 'r1', 0\n"
        "e = t.Engine(r); r.spawn(e, argv=['sleep', '1']); time.sleep(60)\n"
    )
    process = subprocess.Popen(["python3", script, runner.home])
    runner.started(1)
    process.kill()
    process.wait()
    engine = Engine(runner, generation=2)
    assert engine.attempts[0]["state"] == "running"
    assert runner.exit(1)["code"] == 0
    engine.close()


def test_an_attempt_that_waited_goes_on_under_its_id_with_its_files(runner, engine):
    attempt = runner.spawn(engine, script='echo kept > "$D/file"', env={"D": str(runner.home / "runs" / "run1" / "1")})
    runner.exit(attempt)
    folder = runner.home / "runs" / "run1" / "1"
    engine.send(type="ack", attempt=attempt)
    runner.spawn(engine, attempt=attempt, script='cat "$D/file"', env={"D": str(folder)}, resumed={"outcome": "met"})
    wait_until(lambda: len(runner.frames(attempt, "exit")) == 2)
    assert runner.log(attempt) == "kept\n"
    assert [f[1] for f in runner.frames(attempt)].count("spawning") == 2


def test_an_attempt_acked_while_it_runs_is_forgotten_when_it_ends(runner, engine):
    attempt = runner.spawn(engine, argv=["sleep", "0.3"])
    engine.send(type="ack", attempt=attempt)
    engine.send(type="list")
    assert [a["attempt"] for a in engine.receive_type("attempts")["attempts"]] == [attempt]
    runner.exit(attempt)
    engine.send(type="list")
    assert engine.receive_type("attempts")["attempts"] == []


def test_the_newest_generation_wins(runner):
    old = Engine(runner, generation=5)
    new = Engine(runner, generation=6)
    assert old.receive() is None
    late = Engine(runner, generation=5, hello=False)
    late.send(type="hello", protocol=1, generation=5)
    assert late.receive() is None
    attempt = runner.spawn(new, argv=["true"])
    runner.exit(attempt)
    for engine in (old, new, late):
        engine.close()


def test_what_is_no_engine_is_shut_out(runner):
    for message in (b"\xff\xff\xff\xff", b"\x02\0\0\0[]", struct.pack("<I", 15) + b'{"type":"list"}'):
        stranger = Engine(runner, hello=False)
        stranger.sock.sendall(message)
        assert stranger.receive() is None
        stranger.close()
    silent = [Engine(runner, hello=False) for _ in range(12)]
    engine = Engine(runner)
    assert runner.exit(runner.spawn(engine, argv=["true"]))["code"] == 0
    for connection in [*silent, engine]:
        connection.close()


def test_hello_names_the_runner(runner, engine):
    assert engine.hello["type"] == "hello" and engine.hello["id"] == "r1"
    assert engine.hello["protocol"] == 2 and engine.hello["oldest"] == 1
    assert engine.hello["pid"] == runner.process.pid
    assert engine.hello["boot_id"] == pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    stat = pathlib.Path(f"/proc/{runner.process.pid}/stat").read_text().rpartition(")")[2].split()
    assert engine.hello["start_ticks"] == int(stat[19])
    socket_mode = (runner.home / "runner" / "r1.sock").stat().st_mode & 0o777
    assert socket_mode == 0o600


def test_without_work_and_engine_the_runner_ends(runner):
    engine = Engine(runner)
    attempt = runner.spawn(engine, argv=["true"])
    runner.exit(attempt)
    engine.close()
    assert runner.process.wait(5) == 0
    assert not (runner.home / "runner" / "r1.sock").exists()


def test_leave_ends_the_runner_after_its_last_step(runner, engine):
    attempt = runner.spawn(engine, argv=["sleep", "0.3"])
    engine.send(type="leave")
    runner.exit(attempt)
    assert runner.process.poll() is None
    engine.send(type="ack", attempt=attempt)
    assert runner.process.wait(5) == 0


def test_linger_stops_the_steps_of_a_home_that_nobody_comes_back_to(tmp_path):
    runner = Runner(tmp_path, linger="1")
    engine = Engine(runner)
    attempt = runner.spawn(engine, argv=["sleep", "60"])
    runner.started(attempt)
    engine.close()
    end = runner.exit(attempt)
    assert end["stopped"] == "linger" and end["reason"] == "no engine for 1 s: ended by SIGTERM"
    assert runner.process.wait(5) == 0


def test_a_runner_told_to_end_stops_its_steps_first(runner, engine):
    attempt = runner.spawn(engine, argv=["sleep", "60"])
    runner.started(attempt)
    runner.process.terminate()
    assert runner.process.wait(10) == 0
    assert runner.exit(attempt)["stopped"] == "linger"


def test_a_runner_killed_takes_the_step_with_it(runner, engine):
    attempt = runner.spawn(engine, argv=["sleep", "60"])
    pid = runner.started(attempt)["pid"]
    assert alive(pid)
    runner.process.kill()
    runner.process.wait()
    wait_until(lambda: not alive(pid), 2)
    again = Runner(runner.home)  # the socket of the dead one is replaced, the journal goes on
    engine2 = Engine(again, generation=2)
    assert engine2.attempts == []
    assert again.exit(again.spawn(engine2, attempt=9, argv=["true"]))["code"] == 0
    engine2.close()
    again.stop()


def test_a_second_runner_of_the_same_id_is_refused(runner, engine):
    second = subprocess.run(
        [BUILD / "sluice-runner", "serve", "--home", runner.home, "--id", "r1"],
        capture_output=True,
        text=True,
        timeout=10,
    )
    assert second.returncode == 1 and "another runner of this id is alive" in second.stderr
    assert runner.exit(runner.spawn(engine, argv=["true"]))["code"] == 0


def test_a_home_of_any_depth_has_a_socket(tmp_path):
    home = tmp_path / ("d" * 200) / ("e" * 200)
    home.mkdir(parents=True)
    runner = Runner(home)
    engine = Engine(runner)
    assert runner.exit(runner.spawn(engine, argv=["true"]))["code"] == 0
    engine.close()
    runner.stop()


def test_many_steps_at_once_each_have_their_end(runner, engine):
    attempts = [runner.spawn(engine, script=f"echo {i}; exit {i % 7}") for i in range(60)]
    for i, attempt in enumerate(attempts):
        assert runner.exit(attempt, 30)["code"] == i % 7 and runner.log(attempt) == f"{i}\n"


def test_a_full_disk_holds_the_step_and_loses_nothing(tmp_path):
    limit = 60000
    limits = (limit, resource.RLIM_INFINITY)
    runner = Runner(tmp_path, preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits))
    engine = Engine(runner)
    attempt = runner.spawn(engine, argv=["seq", "1", "60000"])
    full = engine.receive_type("full")
    assert full["run_id"] == "run1" and "cannot write the journal" in full["message"]
    assert runner.journal().stat().st_size <= limit and not runner.frames(attempt, "exit")
    killed = runner.spawn(engine, run="run2", argv=["seq", "1", "60000"])
    assert engine.receive_type("full")["run_id"] == "run2"
    engine.send(type="stop", attempt=killed, why="cancel", grace_ms=0)
    held = runner.spawn(engine, argv=["true"])
    time.sleep(0.5)
    assert not runner.frames(held) and not runner.frames(killed, "exit", "run2")
    engine.send(type="list")
    assert {a["state"] for a in engine.receive_type("attempts")["attempts"]} == {"running"}
    resource.prlimit(runner.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert runner.exit(attempt)["code"] == 0 and runner.exit(held)["code"] == 0
    assert runner.log(attempt) == "".join(f"{i}\n" for i in range(1, 60001))
    assert runner.exit(killed, run="run2")["reason"] == "cancelled: ended by SIGKILL"
    engine.close()
    runner.stop()


def core_limit(pid):
    for line in pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines():
        if line.startswith("Max core file size"):
            return line.split()[4:6]
    return None


def test_the_runner_and_code_in_it_leave_no_core_and_programs_have_the_limit_they_were_given(tmp_path, monkeypatch):
    limits = (1 << 20, 1 << 21)
    monkeypatch.setenv("ASAN_OPTIONS", "disable_coredump=0")  # which would set the limit by itself
    runner = Runner(tmp_path, preexec=lambda: resource.setrlimit(resource.RLIMIT_CORE, limits))
    engine = Engine(runner)
    program = runner.spawn(engine, script="ulimit -Sc; ulimit -Hc")
    assert runner.exit(program)["code"] == 0 and runner.log(program) == "1024\n2048\n"
    runner.spawn(engine, kind="lua", lua={"text": "while true do end", "chunk": "spin"})
    spinning = wait_until(lambda: pathlib.Path(f"/proc/{runner.process.pid}/task/{runner.process.pid}/children")
                          .read_text().split())
    for pid in (runner.process.pid, *spinning):
        wait_until(lambda pid=pid: core_limit(pid) == ["0", str(1 << 21)])
    runner.process.kill()
    runner.process.wait()


# ---- inputs, outputs, plugins -------------------------------------------------------------------------------------


def test_an_input_that_is_not_there_keeps_the_step_from_starting(runner, engine):
    inputs = [{"name": "data", "path": str(runner.home / "missing.csv"), "kind": "path"}]
    attempt = runner.spawn(engine, argv=["touch", "started"], inputs=inputs)
    end = runner.exit(attempt)
    assert end["how"] == "not_started" and "missing.csv" in end["reason"]
    assert not (runner.home / "started").exists()


def test_an_input_is_reported_before_the_command_runs(runner, engine):
    (runner.home / "data.csv").write_text("a,b\n1,2\n")
    inputs = [{"name": "data", "path": str(runner.home / "data.csv"), "kind": "path"}]
    attempt = runner.spawn(engine, argv=["true"], inputs=inputs)
    assert runner.exit(attempt)["code"] == 0
    assert json.loads(runner.frames(attempt, "report")[0])["kind"] == "input"


def test_outputs_are_collected_after_success_only(runner, engine):
    def run(script):
        output = str(runner.home / "runs" / "run1" / f"{runner.next + 1}.output")
        attempt = runner.spawn(engine, script=script, env={"OUT": output}, collect={"outputs": {"n_rows": "integer"}})
        return attempt, runner.exit(attempt)

    attempt, end = run('echo n_rows=569 >> "$OUT"')
    assert end["code"] == 0 and b"569" in runner.frames(attempt, "report")[0]
    attempt, end = run("true")
    assert (end["how"], end["code"]) == ("exited", 1) and "n_rows" in end["reason"]
    assert runner.result(attempt)["result"] == "failed"
    attempt, end = run('echo n_rows=569 >> "$OUT"; exit 3')
    assert end["code"] == 3 and not runner.frames(attempt, "report")


PLUGIN = r"""
#include "step.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#define PARAMS(P) P(STRING, what, "required", "What to do.")
#define OUTPUTS(O)
STEP_PARAMS_STRUCT(odd_params, PARAMS);
static enum step_result run(const struct step_host *host, const void *params)
{
    const char *what = ((const struct odd_params *)params)->what;
    if (strcmp(what, "ok") == 0) {
        step_log(host, STEP_LOG_INFO, "from the host");
        host->metric(host, "loss", 0.5, 1, 0);
        printf("from printf\n");
    } else if (strcmp(what, "crash") == 0) {
        raise(SIGSEGV);
    } else if (strcmp(what, "loop") == 0) {
        for (;;) { __asm__ volatile(""); }
    } else if (strcmp(what, "deaf") == 0) {
        signal(SIGTERM, SIG_IGN);
        for (;;) { pause(); }
    } else if (strcmp(what, "close") == 0) {
        for (int fd = 0; fd < 1024; fd++) { close(fd); }
    } else if (strcmp(what, "exit") == 0) {
        exit(0);
    } else if (strcmp(what, "garbage") == 0) {
        for (int fd = 3; fd < 10; fd++) { (void)!write(fd, "\377\377\377\377\377\377garbage", 13); }
        for (;;) { pause(); }
    } else if (strcmp(what, "flood") == 0) {
        for (;;) { host->log(host, STEP_LOG_INFO, "line after line after line"); }
    } else if (strcmp(what, "hog") == 0) {
        volatile char *much = malloc((size_t)10 << 30);
        for (size_t i = 0; i < (size_t)10 << 30; i += 4096) { much[i] = 1; }
    } else if (strcmp(what, "fork") == 0) {
        if (fork() == 0) { setsid(); if (fork() == 0) { for (int fd = 0; fd < 64; fd++) { close(fd); }
            int fd = open("escaped", O_WRONLY | O_CREAT, 0600);
            (void)!dprintf(fd, "%d", getpid()); pause(); } _exit(0); }
        while (access("escaped", F_OK) != 0) { usleep(1000); }
    } else if (strcmp(what, "call") == 0) {
        const struct step_value *reply;
        return host->call(host, "registry.get", "{\"name\":\"wine\"}", &reply) == 0 ? STEP_OK : STEP_FAILED;
    } else if (strcmp(what, "descriptors") == 0) {
        for (int fd = 0; fd < 1024; fd++) {
            if (fcntl(fd, F_GETFD) >= 0) { step_log(host, STEP_LOG_INFO, "fd %d", fd); } }
    } else if (strcmp(what, "memory") == 0) {
        /* Whatever this process has in memory, is the neighbour's secret in it? */
        char pattern[] = {'n', 'e', 'i', 'g', 'h', 'b', 'o', 'u', 'r', 's', '-', 's'};
        for (size_t i = 0; i < sizeof pattern; i++) { pattern[i] = (char)(pattern[i] ^ 1); }
        FILE *maps = fopen("/proc/self/maps", "r");
        int memory = open("/proc/self/mem", O_RDONLY);
        char line[512], *block = malloc(1 << 16);
        unsigned long from, to;
        int found = 0;
        while (fgets(line, sizeof line, maps) != NULL) {
            char mode[8];
            if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3) { continue; }
            if (mode[1] != 'w' || to - from > 1UL << 30) { continue; }
            for (unsigned long at = from; at < to; at += 1 << 16) {
                ssize_t n = pread(memory, block, 1 << 16, (off_t)at);
                for (ssize_t i = 0; i + (ssize_t)sizeof pattern <= n; i++) {
                    size_t k = 0;
                    while (k < sizeof pattern && (block[i + (ssize_t)k] ^ 1) == pattern[k]) { k++; }
                    found += k == sizeof pattern;
                }
            }
        }
        step_log(host, STEP_LOG_INFO, "found %d", found);
    }
    return STEP_OK;
}
STEP_PLUGIN(odd, "1.0", "Does odd things.", STEP_PLAIN, odd_params, PARAMS, OUTPUTS, run)
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "odd.c").write_text(PLUGIN)
    subprocess.run(
        ["cc", "-std=c17", "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", f"-I{ROOT}/orchestrator",
         "-o", folder / "odd.so",
         folder / "odd.c"], check=True)
    return folder / "odd.so"


def spawn_plugin(runner, engine, plugin, what, **fields):
    named = {"path": str(plugin), "name": "odd"}
    return runner.spawn(engine, kind="plugin", plugin=named, params={"what": what}, **fields)


def test_a_plugin_reports_logs_and_ends(runner, engine, plugin):
    attempt = spawn_plugin(runner, engine, plugin, "ok")
    end = runner.exit(attempt)
    assert (end["how"], end["code"], end["reason"]) == ("exited", 0, None)
    assert runner.result(attempt)["result"] == "ok"
    assert runner.log(attempt, 3) == "from the host\n" and runner.log(attempt, 1) == "from printf\n"
    (key, value, step, time_ms), = of_payload(runner.frames(attempt, "points")[0])
    assert (key, value, step) == ("loss", 0.5, 1) and abs(time_ms / 1000 - time.time()) < 60


@pytest.mark.parametrize(
    "what, fields, how, words",
    [
        ("crash", {}, "signalled", "killed by signal 11 (SIGSEGV) after "),
        ("loop", {"timeout_ms": 300}, "signalled", "timed out after 300 ms: "),
        ("deaf", {"timeout_ms": 300, "stop": {"grace_ms": 300}}, "signalled",
         "timed out after 300 ms: still alive 300 ms after SIGTERM, ended by SIGKILL"),
        ("hog", {"limits": {"memory_bytes": 1 << 30}}, "signalled", "killed by signal 11 (SIGSEGV) after "),
        ("close", {}, "exited", ""),
        ("exit", {}, "exited", ""),
        ("garbage", {}, "signalled", "the step wrote something into its host's descriptors that is no message"),
        ("flood", {"limits": {"log_bytes": 100000}, "stop": {"grace_ms": 300}}, "signalled",
         "the log grew over its limit of 97.7 KB: "),
    ],
)
def test_a_plugin_that_misbehaves_is_one_failed_step(runner, engine, plugin, what, fields, how, words):
    if what == "hog" and b"__asan_init" in (BUILD / "sluice-runner").read_bytes():
        pytest.skip("RLIMIT_AS: AddressSanitizer itself reserves more")
    attempt = spawn_plugin(runner, engine, plugin, what, **fields)
    end = runner.exit(attempt)
    assert end["how"] == how and (end["reason"] or "").startswith(words)
    if what in ("close", "exit"):
        assert runner.result(attempt)["result"] == "failed" and runner.result(attempt)["reason"]
    assert runner.exit(runner.spawn(engine, argv=["true"]))["code"] == 0


def test_a_plugin_that_forks_away_is_found(runner, engine, plugin):
    neighbour = runner.spawn(engine, argv=["sleep", "60"])
    attempt = spawn_plugin(runner, engine, plugin, "fork")
    assert runner.exit(attempt)["code"] == 0
    pid = int((runner.home / "escaped").read_text())
    wait_until(lambda: not alive(pid), 2)
    assert alive(runner.started(neighbour)["pid"])


def test_a_question_waits_for_the_engine_that_answers_it(runner, plugin):
    first = Engine(runner)
    attempt = spawn_plugin(runner, first, plugin, "call")
    call = json.loads(wait_until(lambda: runner.frames(attempt, "call"))[0])
    assert call["method"] == "registry.get" and call["params"] == {"name": "wine"}
    first.close()
    second = Engine(runner, generation=2)
    assert second.attempts[0]["calls"] == [call["seq"]]
    second.send(type="reply", attempt=attempt, seq=call["seq"], result={"version": 3})
    assert runner.exit(attempt)["code"] == 0
    second.close()


def test_a_plugin_has_no_descriptor_of_the_runner(runner, engine, plugin):
    runner.spawn(engine, argv=["sleep", "60"])
    attempt = spawn_plugin(runner, engine, plugin, "descriptors")
    assert runner.exit(attempt)["code"] == 0
    assert runner.log(attempt, 3).split() == "fd 0 fd 1 fd 2 fd 3".split()


def test_a_plugin_can_be_found_by_its_mark(runner, engine, plugin):
    attempt = spawn_plugin(runner, engine, plugin, "deaf")
    pid = runner.started(attempt)["pid"]
    mark = f"SLUICE_ATTEMPT={runner.home}:{attempt}"
    wait_until(lambda: mark in pathlib.Path(f"/proc/{pid}/environ").read_text().split("\0"))
    assert pathlib.Path(f"/proc/{pid}/comm").read_text() == f"step-{attempt}\n"
    assert mark not in pathlib.Path(f"/proc/{runner.process.pid}/environ").read_text()
    engine.send(type="stop", attempt=attempt, why="cancel", grace_ms=0)
    runner.exit(attempt)


def test_a_plugin_finds_no_secret_of_another_step_in_its_memory(runner, engine, plugin):
    secret = "neighbours-secret-0123456789"
    script = f"printf '%s' {secret[:12]}; sleep 60"
    runner.spawn(engine, argv=["sh", "-c", script], env={"T": secret}, secrets={"T": secret})
    time.sleep(0.3)
    attempt = spawn_plugin(runner, engine, plugin, "memory")
    assert runner.exit(attempt, 60)["code"] == 0
    assert runner.log(attempt, 3).strip() == "found 0"
