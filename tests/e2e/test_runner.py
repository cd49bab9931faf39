# SPDX-License-Identifier: Apache-2.0
"""sluice-runner by itself: what a step is, sees and leaves."""
import base64
import json
import os

import pytest
from lone_runner import engine, runner  # noqa: F401 (fixtures)


# ---- what a step is -------------------------------------------------------------------------------------------------


def test_a_command_that_succeeds_leaves_its_frames_in_order(runner, engine):
    attempt = runner.spawn(engine, argv=["true"])
    end = runner.exit(attempt)
    assert [f[1] for f in runner.frames(attempt)] == ["spawning", "started", "exit"]
    (spawning,) = runner.frames(attempt, "spawning")
    assert json.loads(spawning) == {"session": engine.hello["pid"]}
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


# ---- inputs, outputs ------------------------------------------------------------------------------------------------


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
