# SPDX-License-Identifier: Apache-2.0
"""Several terminals, one home: a run is handed to the sluice that holds it, followed from there, and outlives it."""
import json
import os
import random
import shutil
import signal
import socket
import struct
import time

import pytest

from programs import BUILD, kill_runners, runners_of, wait_until

GATED = """\
    name: {name}
    steps:
      first: {{run: "echo first >> {name}.trace; until [ -e {name}.go ]; do sleep 0.02; done"}}
      last: {{needs: [first], run: "echo last >> {name}.trace"}}
"""


def start(sluice, name, *words, **options):
    """`sluice run` of a pipeline of two steps, the first of which waits for NAME.go; returns when that has begun."""
    sluice.pipeline(GATED.format(name=name), f"{name}.yaml")
    process = sluice.start("run", f"{name}.yaml", "--json", *words, **options)
    wait_until(lambda: (sluice.folder / f"{name}.trace").exists())
    return process


def let(sluice, *names):
    for name in names:
        (sluice.folder / f"{name}.go").touch()


def finish(process, timeout=60):
    out, err = process.communicate(timeout=timeout)
    assert "AddressSanitizer" not in err and "runtime error:" not in err, err
    return process.returncode, (json.loads(out) if out.strip() else None), err


def trace(sluice, name):
    return (sluice.folder / f"{name}.trace").read_text().split()


def holder_of(sluice):
    return (sluice.home / "lock").read_text()


def test_a_second_run_is_taken_in_by_the_holder_and_ends_before_it(sluice):
    first = start(sluice, "a")
    second = start(sluice, "b")
    assert f"pid {first.pid}," in holder_of(sluice)
    let(sluice, "b")
    code, run, _ = finish(second)
    assert (code, run["status"], run["pipeline"]) == (0, "succeeded", "b") and first.poll() is None
    let(sluice, "a")
    assert finish(first)[:1] == (0,)
    assert trace(sluice, "a") == trace(sluice, "b") == ["first", "last"]


def test_a_follower_takes_the_home_over_when_the_holder_is_done(sluice):
    first, second, third = start(sluice, "a", "-j", "3"), start(sluice, "b"), start(sluice, "c")
    let(sluice, "a")
    assert finish(first)[0] == 0
    wait_until(lambda: any(f"pid {p.pid}," in holder_of(sluice) for p in (second, third)))
    let(sluice, "b", "c")
    assert finish(second)[0] == finish(third)[0] == 0
    for name in "abc":
        assert trace(sluice, name) == ["first", "last"]


def test_a_follower_takes_over_from_a_holder_that_was_killed_and_sees_both_runs_to_their_end(sluice):
    first = start(sluice, "a")
    second = start(sluice, "b")
    first.kill()
    first.communicate()
    wait_until(lambda: f"pid {second.pid}," in holder_of(sluice))
    let(sluice, "b")
    wait_until(lambda: trace(sluice, "b") == ["first", "last"])
    wait_until(lambda: sluice("show", "b/1", "--json").json["status"] == "succeeded")
    assert second.poll() is None, "it left, though run a still goes on"
    let(sluice, "a")
    code, run, err = finish(second)
    assert code == 0 and run["pipeline"] == "b" and "staying while another run goes on" in err
    assert sluice("show", "a/1", "--json", expect=0).json["status"] == "succeeded"
    assert trace(sluice, "a") == ["first", "last"]


def test_the_holder_stays_for_a_run_whose_follower_was_killed(sluice):
    first, second = start(sluice, "a"), start(sluice, "b")
    second.kill()
    second.communicate()
    let(sluice, "a")
    wait_until(lambda: sluice("show", "a/1", "--json").json["status"] == "succeeded")
    time.sleep(0.5)
    assert first.poll() is None
    let(sluice, "b")
    assert finish(first)[0] == 0
    assert sluice("show", "b/1", "--json", expect=0).json["status"] == "succeeded"


def test_a_holder_that_stays_leaves_at_ctrl_c_with_the_code_of_its_own_run(sluice):
    first, second = start(sluice, "a"), start(sluice, "b")
    second.kill()
    second.communicate()
    let(sluice, "a")
    wait_until(lambda: "staying while another run goes on" in first.stderr.readline())
    first.send_signal(signal.SIGINT)
    assert finish(first)[0] == 0
    let(sluice, "b")
    assert sluice("resume", "b/1", "--json", expect=0).json["status"] == "succeeded"
    assert trace(sluice, "b") == ["first", "last"]


@pytest.mark.parametrize("sent, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_to_a_follower_cancels_its_run_and_no_other(sluice, sent, code):
    first, second = start(sluice, "a"), start(sluice, "b")
    second.send_signal(sent)
    ended, run, _ = finish(second)
    assert ended == code and run["status"] == "cancelled"
    let(sluice, "a")
    assert finish(first)[0] == 0


def test_a_second_signal_to_a_follower_kills_its_steps(sluice):
    first = start(sluice, "a")
    sluice.pipeline("""\
        name: deaf
        steps: {s: {run: "trap '' TERM; touch up; sleep 60", stop: {grace: 1h}}}
    """, "d.yaml")
    second = sluice.start("run", "d.yaml", "--json")
    wait_until((sluice.folder / "up").exists)
    second.send_signal(signal.SIGINT)
    wait_until(lambda: "run.cancelled" in [row["action"] for row in sluice("activity", "--json").json])
    second.send_signal(signal.SIGINT)
    assert finish(second)[0] == 130
    let(sluice, "a")
    assert finish(first)[0] == 0


def test_steps_see_the_environment_of_who_submitted_them(sluice):
    first = start(sluice, "a", env={"VIRTUAL_ENV": "/venv/a"})
    sluice.pipeline("""\
        name: own
        steps:
          s:
            run: echo "venv=$VIRTUAL_ENV" >> "$SLUICE_OUTPUT"
            outputs: {venv: string}
          child: {needs: [s], pipeline: ./child.yaml}
    """, "own.yaml")
    sluice.pipeline("""\
        name: child
        steps: {c: {run: 'echo "$VIRTUAL_ENV" > child.venv'}}
    """, "child.yaml")
    run = sluice("run", "own.yaml", "--json", env={"VIRTUAL_ENV": "/venv/b"}, expect=0)
    assert run.step("s")["outputs"] == {"venv": "/venv/b"}
    assert (sluice.folder / "child.venv").read_text() == "/venv/b\n"
    let(sluice, "a")
    assert finish(first)[0] == 0


def test_a_follower_leaves_when_only_a_person_can_help_and_resume_follows_again(sluice):
    first = start(sluice, "a")
    sluice.pipeline("name: ask\nsteps: {ok: {uses: approve, with: {expires: 1h}}}\n", "ask.yaml")
    assert sluice.run("ask.yaml", expect=5).json["status"] == "waiting"
    assert sluice("resume", "ask/1", "--json", expect=5).json["status"] == "waiting"
    waiting = sluice.start("resume", "ask/1", "--wait", "--json")
    assert "the sluice that runs it goes on" in sluice("approve", "ask/1", expect=0).out
    code, run, _ = finish(waiting)
    assert code == 0 and run["status"] == "succeeded" and first.poll() is None
    let(sluice, "a")
    assert finish(first)[0] == 0


def test_approve_and_resume_beside_a_holder(sluice):
    first = start(sluice, "a")
    sluice.pipeline("name: ask\nsteps: {ok: {uses: approve}, then: {needs: [ok], run: echo yes}}\n", "ask.yaml")
    sluice.run("ask.yaml", expect=5)
    assert sluice("approve", "ask/1", "--resume", "--json", expect=0).json["status"] == "succeeded"
    let(sluice, "a")
    assert finish(first)[0] == 0


def test_retry_and_rerun_beside_a_holder_keep_what_was_good(sluice):
    sluice.pipeline("""\
        name: flaky
        params: {lr: {type: number, default: 0.1}}
        steps:
          good: {run: "echo good >> flaky.trace"}
          bad: {needs: [good], run: "echo ${{ params.lr }} >> flaky.trace; [ -e fine ]"}
    """, "flaky.yaml")
    sluice.run("flaky.yaml", expect=1)
    first = start(sluice, "a")
    (sluice.folder / "fine").touch()
    retried = sluice("retry", "flaky/1", "--json", expect=0)
    assert retried.json["number"] == "1.2" and retried.step("good")["reason"] == "from run 1"
    again = sluice("rerun", "flaky/1", "--from", "bad", "-p", "lr=0.5", "--json", expect=0)
    assert again.json["number"] == "2" and again.json["params"] == {"lr": 0.5}
    assert trace(sluice, "flaky") == ["good", "0.1", "0.1", "0.5"]
    let(sluice, "a")
    assert finish(first)[0] == 0


def test_the_same_command_twice_is_two_runs_but_one_that_was_left_is_gone_on_with(sluice):
    first = start(sluice, "a")
    second = sluice.start("run", "a.yaml", "--json")
    wait_until(lambda: trace(sluice, "a") == ["first", "first"])
    second.kill()
    second.communicate()
    left = sluice("show", "a/2", "--json").json["run_id"]
    look = json.dumps({"do": "look", "run": left}).encode()
    wait_until(lambda: not knock(sluice, look)["outcome"]["followed"])
    third = sluice.start("run", "a.yaml", "--json")
    assert "going on with a run 2, which was interrupted" in third.stderr.readline()
    let(sluice, "a")
    code, run, _ = finish(third)
    assert code == 0 and run["number"] == "2"
    assert finish(first)[0] == 0
    assert len(sluice("runs", "--json").json) == 2


def test_options_that_only_the_holder_can_have_are_not_silently_dropped(sluice):
    first = start(sluice, "a")
    sluice.pipeline("name: q\nsteps: {s: {run: \"true\"}}\n", "q.yaml")
    assert "--jobs has no effect" in sluice("run", "q.yaml", "-j", "7", expect=0).err
    let(sluice, "a")
    assert finish(first)[0] == 0


def test_a_stopped_follower_is_not_waited_for(sluice):
    first, second = start(sluice, "a"), start(sluice, "b")
    second.send_signal(signal.SIGSTOP)
    try:
        time.sleep(4)
        let(sluice, "a")
        wait_until(lambda: sluice("show", "a/1", "--json").json["status"] == "succeeded")
        let(sluice, "b")
        assert finish(first)[0] == 0
    finally:
        second.send_signal(signal.SIGCONT)
    code, run, _ = finish(second)
    assert code == 0 and run["status"] == "succeeded" and trace(sluice, "b") == ["first", "last"]


def test_a_step_starts_no_run_in_its_own_home(sluice):
    sluice.pipeline("name: inner\nsteps: {s: {run: \"true\"}}\n", "inner.yaml")
    sluice.pipeline(f"""\
        name: outer
        steps:
          s:
            run: '{BUILD}/sluice --home "$HOME_OF" run inner.yaml 2> said || echo $? >> said'
        env: {{HOME_OF: "{sluice.home}"}}
    """, "outer.yaml")
    sluice.run("outer.yaml")
    said = (sluice.folder / "said").read_text()
    assert "a step decides nothing about runs" in said and said.endswith("\n1\n"), said
    assert [run["pipeline"] for run in sluice("runs", "--json").json] == ["outer"]


def test_a_vote_alone_starts_no_step_and_no_runner(sluice):
    sluice.pipeline("""\
        name: ask
        steps:
          ok: {uses: approve}
          after: {needs: [ok], run: echo after >> trace}
        """)
    sluice.run(expect=5)
    wait_until(lambda: not runners_of(sluice.home) or kill_runners(sluice.home))
    sluice("approve", "ask/1", expect=0)
    assert not runners_of(sluice.home) and not (sluice.folder / "trace").exists()
    assert sluice("resume", "--json", expect=0).json["status"] == "succeeded"
    assert (sluice.folder / "trace").read_text() == "after\n"


def test_a_run_that_is_superseded_is_seen_to_its_end_by_the_one_that_superseded_it(sluice):
    sluice.pipeline("""\
        name: twice
        steps:
          model: {run: "mkdir m; touch m/MLmodel; sleep 0.1", model: {path: m, name: m}}
          register: {uses: register, with: {model: "${{ steps.model.model_id }}", name: m}}
          ok: {uses: approve, with: {of: "${{ steps.register.model_uri }}"}}
          always: {needs: [ok], if: always(), run: "sleep 1; echo cleaned >> trace"}
        """)
    sluice.run(expect=5)
    shutil.rmtree(sluice.folder / "m")
    sluice.run("--new", expect=5)
    assert (sluice.folder / "trace").read_text() == "cleaned\n"
    assert sluice("show", "twice/1", "--json").json["status"] == "cancelled"


# ---- what comes to the door ---------------------------------------------------------------------------------------


def knock(sluice, packet, descriptors=()):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as guest:
        guest.settimeout(60)
        home = os.open(sluice.home, os.O_PATH)
        try:
            guest.connect(f"/proc/self/fd/{home}/sock")
            control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(descriptors)}i", *descriptors))]
            guest.sendmsg([packet], control if descriptors else [])
            return json.loads(guest.recv(1 << 16) or b"null")
        finally:
            os.close(home)


def memory_file(text, seals=0xf):
    fd = os.memfd_create("document", os.MFD_ALLOW_SEALING)
    os.write(fd, text)
    if seals:
        import fcntl
        fcntl.fcntl(fd, 1033, seals)  # F_ADD_SEALS
    return fd


def submission(**changes):
    document = {
        "run_id": "%032x" % random.getrandbits(128), "workspace": "/tmp", "params": {}, "trigger": "cli",
        "definition": {"file": "x.yaml", "folder": "/tmp", "text": 'name: x\nsteps: {s: {run: ["true"]}}\n'},
    }
    document.update(changes)
    return json.dumps({key: value for key, value in document.items() if value is not None}).encode()


def test_what_is_no_submission_is_refused_in_words_and_hurts_nobody(sluice, tmp_path):
    first = start(sluice, "a")
    ask = b'{"do": "submit"}'
    os.mkfifo(tmp_path / "fifo")
    plain = os.open(tmp_path / "plain", os.O_RDWR | os.O_CREAT)
    os.write(plain, submission())
    fifo = os.open(tmp_path / "fifo", os.O_RDWR)
    attempts = [
        ((), "sealed memory file"),
        ((plain,), "sealed memory file"),
        ((fifo,), "sealed memory file"),
        ((memory_file(submission(), seals=0),), "sealed memory file"),
        ((memory_file(b""),), "expected"),
        ((memory_file(b"[" * 100000),), "fewer levels"),
        ((memory_file(b"[]"),), "needs a workspace"),
        ((memory_file(submission(run_id="../../../etc")),), "32 hex digits"),
        ((memory_file(submission(run_id=None)),), "32 hex digits"),
        ((memory_file(submission(definition=None)),), "does not accept the pipeline"),
        ((memory_file(submission(definition={"text": "name: x\nsteps: {s: {uses: nosuch}}"})),), "nosuch"),
        ((memory_file(submission(again=["nosuch"])),), "names a step"),
        ((memory_file(submission(retry_of="nosuch")),), "nosuch"),
    ]
    for descriptors, words in attempts:
        answer = knock(sluice, ask, descriptors)
        assert words in answer["error"]["message"], (answer, words)
    assert "does not know how to" in knock(sluice, b'{"do": "dance"}')["error"]["message"]
    assert "error" in knock(sluice, b"\xff\x00")
    accepted = knock(sluice, ask, (memory_file(submission()),))
    assert len(accepted["outcome"]["run_id"]) == 32
    twice = submission(run_id=accepted["outcome"]["run_id"])
    assert "error" in knock(sluice, ask, (memory_file(twice),))
    let(sluice, "a")
    assert finish(first)[0] == 0
    assert {run["pipeline"] for run in sluice("runs", "--json").json} == {"a", "x"}


def test_many_at_once_while_holders_are_killed_run_each_step_once(sluice):
    """Ten runs in one home, from ten terminals; whoever holds it is killed, five times. Every step ran once."""
    for n in range(10):
        sluice.pipeline(f"""\
            name: p{n}
            steps:
              one: {{run: "echo one >> p{n}.trace; sleep 0.{n}"}}
              two: {{needs: [one], run: "echo two >> p{n}.trace; sleep 0.3"}}
              three: {{needs: [two], run: "echo three >> p{n}.trace"}}
        """, f"p{n}.yaml")
    terminals = [sluice.start("run", f"p{n}.yaml", "--json") for n in range(10)]
    killed = set()
    for _ in range(5):
        time.sleep(random.uniform(0.3, 0.9))
        try:
            pid = int(holder_of(sluice).split("pid ")[1].split(",")[0])
        except (IndexError, ValueError, OSError):  # it is being written
            continue
        for process in terminals:
            if process.pid == pid and process.poll() is None:
                process.kill()
                killed.add(pid)
    codes = [process.wait(timeout=240) for process in terminals]
    for process in terminals:
        out, err = process.communicate()
        assert process.pid in killed or process.returncode == 0, (process.returncode, err)
    for n in range(10):
        if not (sluice.folder / f"p{n}.trace").exists():
            assert codes[n] == -9, "it was killed before it had begun"
            continue
        run = sluice("show", f"p{n}/1", "--json", expect=0).json
        if run["status"] != "succeeded":
            assert codes[n] == -9
            sluice("resume", f"p{n}/1", expect=0)
        assert trace(sluice, f"p{n}") == ["one", "two", "three"]
