# SPDX-License-Identifier: Apache-2.0
"""sluice-runner by itself: engines come and go, are killed, or are none; and how a runner ends."""
import pathlib
import resource
import struct
import subprocess
import time

from lone_runner import BUILD, Engine, Runner, alive, engine, runner, wait_until  # noqa: F401 (fixtures)


def test_steps_outlive_the_engine_and_the_next_one_takes_them_over(runner):
    first = Engine(runner, generation=3)
    attempt = runner.spawn(first, script="seq 4; until [ -e go ]; do sleep 0.02; done; seq 5 8")
    wait_until(lambda: runner.log(attempt) == "1\n2\n3\n4\n")
    first.close()
    second = Engine(runner, generation=4)
    assert second.attempts == [{"attempt": attempt, "run_id": "run1", "state": "running", "calls": []}]
    assert second.receive_type("doorbell")["size"] > 0
    (runner.home / "go").touch()
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
        "import lone_runner as t, pathlib\n"
        "r = t.Runner.__new__(t.Runner); r.home, r.id, r.next = pathlib.Path(sys.argv[1]), 'r1', 0\n"
        "e = t.Engine(r); r.spawn(e, script='until [ -e go ]; do sleep 0.02; done'); time.sleep(600)\n"
    )
    process = subprocess.Popen(["python3", script, runner.home])
    runner.started(1)
    process.kill()
    process.wait()
    engine = Engine(runner, generation=2)
    assert engine.attempts[0]["state"] == "running"
    (runner.home / "go").touch()
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
    attempt = runner.spawn(engine, script="until [ -e go ]; do sleep 0.02; done")
    engine.send(type="ack", attempt=attempt)
    engine.send(type="list")
    assert [a["attempt"] for a in engine.receive_type("attempts")["attempts"]] == [attempt]
    (runner.home / "go").touch()
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
    assert runner.process.wait(60) == 0
    assert not (runner.home / "runner" / "r1.sock").exists()


def test_leave_ends_the_runner_after_its_last_step(runner, engine):
    attempt = runner.spawn(engine, argv=["sleep", "0.3"])
    engine.send(type="leave")
    runner.exit(attempt)
    assert runner.process.poll() is None
    engine.send(type="ack", attempt=attempt)
    assert runner.process.wait(60) == 0


def test_linger_stops_the_steps_of_a_home_that_nobody_comes_back_to(tmp_path):
    runner = Runner(tmp_path, linger="1")
    engine = Engine(runner)
    attempt = runner.spawn(engine, argv=["sleep", "60"])
    runner.started(attempt)
    engine.close()
    end = runner.exit(attempt)
    assert end["stopped"] == "linger" and end["reason"] == "no engine for 1 s: ended by SIGTERM"
    assert runner.process.wait(60) == 0


def test_a_runner_told_to_end_stops_its_steps_first(runner, engine):
    attempt = runner.spawn(engine, argv=["sleep", "60"])
    runner.started(attempt)
    runner.process.terminate()
    assert runner.process.wait(60) == 0
    assert runner.exit(attempt)["stopped"] == "linger"


def test_a_runner_killed_takes_the_step_with_it(runner, engine):
    attempt = runner.spawn(engine, argv=["sleep", "60"])
    pid = runner.started(attempt)["pid"]
    assert alive(pid)
    runner.process.kill()
    runner.process.wait()
    wait_until(lambda: not alive(pid))
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
        timeout=60,
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
        assert runner.exit(attempt)["code"] == i % 7 and runner.log(attempt) == f"{i}\n"


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
