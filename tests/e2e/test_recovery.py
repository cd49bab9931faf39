# SPDX-License-Identifier: Apache-2.0
"""kill -9 at any moment: nothing is lost, no finished step runs twice, nothing stays "running"."""
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import time

import pytest
from programs import kill_runners, wait_until

CHAIN = """\
    name: chain
    steps:
      one: {run: "echo one >> trace; sleep 0.3"}
      two: {run: "echo two >> trace; sleep 0.5", needs: [one]}
      three: {run: "echo three >> trace; sleep 0.2", needs: [two]}
      four: {run: "echo four >> trace", needs: [three]}
    """


def trace(sluice):
    path = sluice.folder / "trace"
    return path.read_text().split() if path.exists() else []


def kill(process):
    process.kill()
    process.communicate()


def is_alive(pid):
    try:
        return " Z " not in pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:
        return False


def states(sluice, table, column):
    with sqlite3.connect(f"file:{sluice.home}/sluice.db?mode=ro", uri=True) as store:
        return [row[0] for row in store.execute(f"SELECT {column} FROM {table}")]


def test_steps_go_on_while_nobody_watches_and_resume_finds_them(sluice):
    sluice.pipeline(CHAIN)
    process = sluice.start("run")
    wait_until(lambda: "two" in trace(sluice))
    kill(process)
    result = sluice("resume", "--json", expect=0)
    assert result.json["status"] == "succeeded"
    assert trace(sluice) == ["one", "two", "three", "four"]
    assert [step["attempt"] for step in result.json["steps"]] == [1, 1, 1, 1]


def test_the_same_command_goes_on(sluice):
    sluice.pipeline(CHAIN)
    process = sluice.start("run")
    wait_until(lambda: "two" in trace(sluice))
    kill(process)
    result = sluice("run", "--json", expect=0)
    assert "going on with chain run 1" in result.err
    assert result.json["number"] == "1" and trace(sluice) == ["one", "two", "three", "four"]
    assert sluice.run().json["number"] == "2"


def test_an_operator_who_asks_is_told_when_the_runs_of_the_home_are_taken_up(sluice):
    sluice.pipeline(CHAIN)
    process = sluice.start("run")
    wait_until(lambda: "one" in trace(sluice))
    kill(process)
    told = sluice("resume", "-q", expect=0, env={"SLUICE_LOG": "info"}).err
    assert re.search(r"^info \S+ engine has taken up the open runs of the home: 1$", told, re.MULTILINE), told
    assert sluice("run", "--new", "-q", expect=0).err == ""


@pytest.mark.parametrize("seed", range(6))
def test_killed_at_random_moments_again_and_again(sluice, seed):
    sluice.pipeline(CHAIN)
    moments = random.Random(seed)
    process = sluice.start("run")
    for _ in range(6):
        time.sleep(moments.uniform(0.02, 0.4))
        kill(process)
        process = sluice.start("run")
    process.communicate(timeout=60)
    run = sluice("show", "chain/1", "--json", expect=0).json
    assert run["status"] == "succeeded"
    steps = trace(sluice)
    first = steps[:4]
    assert first == ["one", "two", "three", "four"], steps
    assert "running" not in states(sluice, "attempts", "state")


def test_a_dead_runner_loses_its_steps_and_says_so(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          slow: {run: "echo $$ > pid; echo again >> trace; sleep 300"}
          after: {run: "true", needs: [slow]}
        """)
    process = sluice.start("run")
    pid = int(wait_until(lambda: (sluice.folder / "pid").exists() and (sluice.folder / "pid").read_text().strip()))
    kill(process)
    kill_runners(sluice.home)
    result = sluice("resume", "--json", expect=1)
    step = result.step("slow")
    assert step["status"] == "failed" and "lost" in step["reason"]
    assert result.step("after")["status"] == "skipped"
    wait_until(lambda: not is_alive(pid))


def test_a_lost_attempt_is_retried_when_the_policy_says_so(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          slow:
            run: |
              echo ${{ step.attempt }} >> trace
              test ${{ step.attempt }} = 2 || sleep 300
            retry: {attempts: 2, delay: 1ms, on: [lost]}
        """)
    process = sluice.start("run")
    wait_until(lambda: trace(sluice) == ["1"])
    kill(process)
    kill_runners(sluice.home)
    result = sluice("resume", "--json", expect=0)
    assert result.step("slow")["attempt"] == 2 and trace(sluice) == ["1", "2"]


@pytest.mark.parametrize("name", ["before_commit", "after_commit", "before_spawn", "after_spawn", "after_act"])
@pytest.mark.parametrize("nth", [1, 2, 3, 5, 8])
def test_a_crash_at_each_commit_is_recovered(sluice, name, nth):
    sluice.pipeline(CHAIN.replace("sleep 0.3", "true").replace("sleep 0.5", "true").replace("sleep 0.2", "true"))
    crashed = sluice("run", env={"SLUICE_CRASH": f"{name}:{nth}"})
    assert crashed.code in (0, -signal.SIGKILL)
    if crashed.code != 0:
        sluice("run", expect=0)
    assert trace(sluice)[:4] == ["one", "two", "three", "four"]
    run = sluice("show", "chain/1", "--json", expect=0).json
    assert run["status"] == "succeeded" and all(step["attempt"] == 1 for step in run["steps"])


def test_ctrl_c_cancels_and_waits_for_the_steps(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          polite: {run: "trap 'echo bye >> trace; exit 0' TERM; echo up >> trace; while :; do sleep 0.05; done"}
          after: {run: "true", needs: [polite]}
          cleanup: {run: "echo cleaned >> trace", needs: [polite], if: always()}
        """)
    process = sluice.start("run", "--json")
    wait_until(lambda: trace(sluice) == ["up"])
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    import json
    run = json.loads(out)
    assert run["status"] == "cancelled"
    status = {step["id"]: step["status"] for step in run["steps"]}
    assert status["polite"] == "cancelled" and status["after"] in ("cancelled", "skipped")
    assert trace(sluice) == ["up", "bye", "cleaned"]


def rows(sluice, sql):
    """What the store says; nothing while it is being made."""
    try:
        with sqlite3.connect(f"file:{sluice.home}/sluice.db?mode=ro", uri=True) as store:
            return store.execute(sql).fetchall()
    except sqlite3.OperationalError:
        return []


def journal_of(sluice):
    return next((sluice.home / "runs").glob("*/journal"))


def has_ended(sluice):
    return b'"how":"exited"' in journal_of(sluice).read_bytes()[-4096:]


@pytest.mark.parametrize("command", ["run", "resume"])
def test_a_run_whose_last_step_ended_meanwhile_has_succeeded(sluice, command):
    """Recovery ended it, and then nothing was open: `resume` knew of no run, and `run` began another one."""
    sluice.pipeline("name: p\nsteps: {only: {run: 'echo once >> trace; until [ -e go ]; do sleep 0.02; done'}}\n")
    process = sluice.start("run")
    wait_until(lambda: trace(sluice) == ["once"])
    kill(process)
    (sluice.folder / "go").touch()
    wait_until(lambda: has_ended(sluice))
    result = sluice(command, "--json", expect=0)
    assert result.json["number"] == "1" and result.json["status"] == "succeeded" and trace(sluice) == ["once"]
    assert sluice.run().json["number"] == "2"


def test_a_run_that_came_to_its_question_meanwhile_is_gone_on_with(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          first: {run: "echo once >> trace; until [ -e go ]; do sleep 0.02; done"}
          ask: {uses: approve, needs: [first]}
        """)
    process = sluice.start("run")
    wait_until(lambda: trace(sluice) == ["once"])
    kill(process)
    (sluice.folder / "go").touch()
    wait_until(lambda: has_ended(sluice))
    assert sluice.run(expect=5).json["number"] == "1"
    killed = sluice("resume", env={"SLUICE_CRASH": "after_generation"})
    assert killed.code == -signal.SIGKILL
    assert sluice.run(expect=5).json["number"] == "2"  # that one had asked before: the next goes on beside it


def test_a_run_that_recovery_ends_badly_is_not_taken_for_the_next(sluice):
    sluice.pipeline("name: p\nsteps: {only: {run: 'echo x >> trace; [ -e go ] || sleep 300'}}\n")
    process = sluice.start("run")
    wait_until(lambda: trace(sluice) == ["x"])
    kill(process)
    kill_runners(sluice.home)
    (sluice.folder / "go").touch()
    assert sluice.run().json["number"] == "2"


def test_a_long_journal_is_read_to_its_end_before_a_step_is_given_up(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          wordy:
            run: |
              echo again >> trace
              while [ ! -e go ]; do sleep 0.02; done
              head -c 4000000 /dev/zero | tr '\\0' x | fold -w 200
        """)
    process = sluice.start("run")
    wait_until(lambda: trace(sluice) == ["again"])
    kill(process)
    (sluice.folder / "go").touch()
    wait_until(lambda: has_ended(sluice))
    kill_runners(sluice.home)
    result = sluice("resume", "--json", expect=0)
    assert result.step("wordy")["status"] == "succeeded" and trace(sluice) == ["again"]


def test_a_cancel_whose_message_was_lost_in_a_crash_is_carried_out(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          slow: {run: "echo $$ > pid; sleep 300"}
          cleanup: {run: "echo cleaned >> trace", needs: [slow], if: always()}
        """)
    process = sluice.start("run", env={"SLUICE_CRASH": "before_stop"})
    wait_until(lambda: (sluice.folder / "pid").exists())
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    result = sluice("resume", "--json")
    assert result.json["status"] == "cancelled" and result.step("slow")["status"] == "cancelled"
    assert trace(sluice) == ["cleaned"]


def test_a_step_that_was_to_be_stopped_is_not_started_again_with_a_new_runner(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          first: {run: "touch up; sleep 300"}
          second: {run: "echo second >> trace", needs: ["first?"]}
        """)
    process = sluice.start("run", env={"SLUICE_CRASH": "before_stop"})
    wait_until(lambda: (sluice.folder / "up").exists())
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    kill_runners(sluice.home)
    result = sluice("resume", "--json")
    assert result.json["status"] == "cancelled" and result.step("first")["status"] == "cancelled"
    assert "runner was killed" in result.step("first")["reason"]
    assert trace(sluice) == [] and rows(sluice, "SELECT state, stopping FROM attempts") == [("cancelled", "cancel")]


def test_a_wait_that_is_over_but_has_no_slot_ends_with_its_run(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          pause: {uses: wait, with: {delay: 300ms}}
          slow: {run: "touch up; sleep 300"}
        """)
    process = sluice.start("run", "--jobs", "1")
    wait_until(lambda: (sluice.folder / "up").exists())
    wait_until(lambda: rows(sluice, "SELECT status FROM waits") == [("met",)])
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert sorted(rows(sluice, "SELECT state FROM attempts WHERE ended_ms IS NOT NULL")) == [("cancelled",)] * 2
    assert rows(sluice, "SELECT status FROM runs WHERE status IN ('RUNNING', 'SCHEDULED')") == []


def test_a_step_that_asks_to_wait_while_it_is_stopped_does_not_wait(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          stubborn:
            lua: |
              sluice.progress(0.5, "up")
              while not sluice.cancelled() do end
              sluice.wait{kind = "until", at_ms = 4102444800000}
            stop: {grace: 5s}
        """)
    process = sluice.start("run", "--json")
    wait_until(lambda: rows(sluice, "SELECT 1 FROM attempts WHERE state = 'running'"))
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert rows(sluice, "SELECT * FROM waits") == []
    assert rows(sluice, "SELECT state FROM attempts") == [("cancelled",)]


def test_processes_without_the_mark_in_their_environment_die_with_a_dead_runner(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          bare: {run: "env -i bash -c 'while :; do echo x >> beat; sleep 0.05; done' & touch up; wait"}
        """)
    process = sluice.start("run")
    wait_until(lambda: (sluice.folder / "beat").exists())
    kill(process)
    kill_runners(sluice.home)
    sluice("resume", "--json", expect=1)
    size = (sluice.folder / "beat").stat().st_size
    time.sleep(0.4)
    assert (sluice.folder / "beat").stat().st_size == size


def test_a_wait_of_any_length_is_taken(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          long:
            lua: |
              if not sluice.resumed then
                sluice.wait{kind = "until", at_ms = 1, every_ms = math.maxinteger, expires_ms = math.maxinteger}
              end
        """)
    assert sluice.run().step("long")["status"] == "succeeded"


def test_a_store_that_was_busy_for_a_while_makes_nobody_wait_for_ever(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          slow: {run: "touch up; while [ ! -e go ]; do sleep 0.02; done"}
          after: {run: echo after >> trace, needs: [slow]}
        """)
    process = sluice.start("run")
    wait_until(lambda: rows(sluice, "SELECT 1 FROM attempts WHERE state = 'running'"))
    store = sqlite3.connect(sluice.home / "sluice.db", isolation_level=None)
    store.execute("BEGIN IMMEDIATE")
    (sluice.folder / "go").touch()
    wait_until(lambda: b'"how":"exited"' in journal_of(sluice).read_bytes()[-4096:])
    time.sleep(3)  # longer than sluice waits for the lock
    store.execute("ROLLBACK")
    store.close()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and "trying again in a second" in err
    assert trace(sluice) == ["after"]


def test_a_parent_goes_on_when_its_child_ends_whatever_else_the_home_did_before(sluice):
    """Another run that ends first changes the order in which the engine looks at the runs."""
    sluice.write("other.yaml", "name: other\nsteps: {a: {run: 'touch up; until [ -e first ]; do sleep 0.02; done'}}\n")
    sluice.write("child.yaml", "name: child\nsteps: {a: {run: 'touch in; until [ -e second ]; do sleep 0.02; done'}}\n")
    sluice.pipeline("""\
        name: parent
        steps:
          sub: {pipeline: ./child.yaml}
          after: {run: echo after >> trace, needs: [sub]}
        """)
    process = sluice.start("run", "other.yaml")
    wait_until(lambda: (sluice.folder / "up").exists())
    kill(process)
    process = sluice.start("run", "--jobs", "4")
    wait_until(lambda: (sluice.folder / "in").exists())
    (sluice.folder / "first").touch()
    wait_until(lambda: rows(sluice, "SELECT 1 FROM pipeline_runs WHERE pipeline = 'other' AND state = 'succeeded'"))
    (sluice.folder / "second").touch()
    process.communicate(timeout=60)
    assert process.returncode == 0 and trace(sluice) == ["after"]


def test_the_same_command_goes_on_with_a_run_that_was_left_in_a_timed_wait(sluice):
    sluice.pipeline("""\
        name: nap
        steps:
          a: {run: echo a >> trace}
          w: {needs: [a], uses: wait, with: {delay: 8s}}
          b: {needs: [w], run: echo b >> trace}
        """)
    first = sluice.start("run", "-q")
    wait_until(lambda: rows(sluice, "SELECT state FROM pipeline_runs") == [("waiting",)])
    first.kill()
    first.communicate()
    again = sluice("run", "--json", expect=0)
    assert again.json["number"] == "1" and "going on with nap run 1" in again.err
    assert trace(sluice) == ["a", "b"]


def test_the_same_command_starts_anew_beside_a_run_that_waits_for_a_person(sluice):
    sluice.pipeline("name: ask\nsteps: {ok: {uses: approve}}\n")
    assert sluice.run(expect=5).json["number"] == "1"
    assert sluice.run(expect=5).json["number"] == "2"


def test_a_runner_that_is_killed_as_it_begins_is_replaced_at_once(sluice):
    """It was waited for, dead, for ten seconds; then the run stood still."""
    sluice.pipeline("name: p\nsteps: {only: {run: 'true'}}\n")
    passes = sluice.write("passes", "")
    died = 0
    for _ in range(10):  # another process may have passed a point in between: then it is there that it dies
        begun = time.monotonic()
        result = sluice("run", "--json", env={"SLUICE_CRASH": f"{passes}:{died}"})
        points = passes.read_text().split()
        if died and points[died - 1] == "runner_begins":
            break
        died = points.index("runner_begins") + 1 if "runner_begins" in points else died
        passes.write_text("")
        kill_runners(sluice.home)
        shutil.rmtree(sluice.home)
    assert result.code == 0 and points.count("runner_begins") == 2 and result.json["steps"][0]["attempt"] == 1
    assert time.monotonic() - begun < 9
    kill_runners(sluice.home)
    always = sluice("run", env={"SLUICE_CRASH": "runner_begins"})
    assert always.code == 4 and "sluice-runner ended as soon as it was started" in always.err, repr(always)


@pytest.mark.parametrize("step", ["run: 'echo n=1 >> $SLUICE_OUTPUT; echo x > data'", "lua: sluice.output('n', 1)"])
def test_what_a_lost_step_had_told_of_itself_is_nobodys(sluice, step):
    """Outputs and artifacts are those of a step that succeeded: all of them, or none. This one had told them, and its
    runner died before it could tell that this was all."""
    artifacts = "artifacts: {data: data}" if step.startswith("run") else ""
    sluice.pipeline(f"""\
        name: p
        steps:
          a:
            {step}
            outputs: {{n: integer}}
            {artifacts}
        """)
    result = sluice("run", "--json", env={"SLUICE_CRASH": "runner_before_exit"}, expect=1)
    assert result.step("a")["status"] == "failed" and "runner was killed" in result.step("a")["reason"]
    told = rows(sluice, "SELECT outputs, artifacts FROM steps WHERE item = 0")
    assert told == [(None, None)] and not result.step("a").get("outputs"), repr(result)
