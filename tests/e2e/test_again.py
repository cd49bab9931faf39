# SPDX-License-Identifier: Apache-2.0
"""retry, rerun, cancel, approve, reject: what people do with a run that is there."""
import datetime
import json
import os
import signal

from programs import wait_until

import pytest


def trace(sluice):
    return (sluice.folder / "trace").read_text().split()


FLAKY = """\
    name: p
    params: {word: {type: string, default: old}}
    steps:
      a: {run: 'echo a >> trace; echo "n=1" >> "$SLUICE_OUTPUT"', outputs: {n: integer}}
      b: {run: 'echo b >> trace; test -e good', needs: [a]}
      c: {run: 'echo "c-${{ steps.a.outputs.n }}-${{ params.word }}" >> trace', needs: [b]}
      side: {run: "echo side >> trace"}
    """


def test_retry_keeps_what_was_good(sluice):
    sluice.pipeline(FLAKY)
    sluice.run(expect=1)
    (sluice.folder / "good").touch()
    (sluice.folder / "trace").unlink()
    result = sluice("retry", "p/1", "--json", expect=0)
    assert result.json["number"] == "1.2"
    assert trace(sluice) == ["b", "c-1-old"]
    assert result.step("a")["reason"] == "from run 1" and result.step("a")["outputs"] == {"n": 1}


ITEMS = """\
    name: p
    steps:
      train:
        matrix: {lr: [1, 2, 3]}
        %s
        run: |
          echo "${{ matrix.lr }}" >> trace
          test "${{ matrix.lr }}" != 2 || test -e good
          echo "n=${{ matrix.lr }}0" >> "$SLUICE_OUTPUT"
        outputs: {n: integer}
      best: {run: 'echo "best ${{ steps.train.outputs.n }}" >> trace', needs: [train]}
    """


@pytest.mark.parametrize("key, first, again", [
    ("max_parallel: 1", ["1", "2", "3"], ["2"]), ("max_parallel: 1\n        fail_fast: true", ["1", "2"], ["2", "3"])])
@pytest.mark.parametrize("step", [[], ["train"]])
def test_retry_of_a_matrix_runs_only_the_items_that_were_not_good(sluice, key, first, again, step):
    sluice.pipeline(ITEMS % key)
    sluice.run(expect=1)
    assert trace(sluice) == first
    (sluice.folder / "good").touch()
    (sluice.folder / "trace").unlink()
    run = sluice("retry", "p/1", *step, "--json", expect=0).json
    assert trace(sluice) == again + ["best", "[10,20,30]"]
    items = [s for s in run["steps"] if s["id"] == "train"]
    kept = [i for i, s in enumerate(items) if s["reason"] == "from run 1"]
    assert [s["status"] for s in items] == ["succeeded"] * 3
    assert kept == [i for i in range(3) if str(i + 1) not in again]
    (sluice.folder / "trace").unlink()
    sluice("retry", "p/1.2", "train", expect=0)  # all of it was good: it is asked for again
    assert trace(sluice)[:3] == ["1", "2", "3"]


def test_rerun_from_a_matrix_step_begins_it_anew(sluice):
    sluice.pipeline(ITEMS % "max_parallel: 1")
    sluice.run(expect=1)
    (sluice.folder / "good").touch()
    (sluice.folder / "trace").unlink()
    sluice("rerun", "p/1", "--from", "train", expect=0)
    assert trace(sluice)[:3] == ["1", "2", "3"]


def test_retry_of_one_step_and_all_below_it(sluice):
    sluice.pipeline(FLAKY)
    (sluice.folder / "good").touch()
    sluice.run()
    (sluice.folder / "trace").unlink()
    sluice("retry", "p/1", "b", expect=0)
    assert trace(sluice) == ["b", "c-1-old"]
    (sluice.folder / "trace").unlink()
    sluice("retry", "p/1.2", "b", "--only", expect=0)
    assert trace(sluice) == ["b"]


PARTS = """\
    name: p
    steps:
      w:
        matrix: {i: [1, 2, 3]}
        continue_on_error: true
        run: |
          echo "w${{ matrix.i }}" >> trace
          test "${{ matrix.i }}" != 2
          echo "n=${{ matrix.i }}" >> "$SLUICE_OUTPUT"
        outputs: {n: integer}
      sel: {run: 'echo "sel ${{ steps.w.status }}" >> trace', needs: [w]}
      use: {run: 'echo "use ${{ toJSON(steps.w.outputs.n) }}" >> trace; test -e good', needs: [w, sel]}
      below: {run: echo below >> trace, needs: [use]}
      apart: {run: 'echo apart >> trace; test ! -e bad', continue_on_error: true}
    """


def test_retry_only_runs_that_step_and_leaves_all_others_as_they_ended(sluice):
    sluice.pipeline(PARTS)
    (sluice.folder / "bad").touch()
    sluice.run(expect=1)
    (sluice.folder / "good").touch()
    (sluice.folder / "trace").unlink()
    run = sluice("retry", "p/1", "use", "--only", "--json", expect=0)
    assert (sluice.folder / "trace").read_text() == "use [1,null,3]\n"
    assert [s["status"] for s in run.json["steps"] if s["id"] == "w"] == ["succeeded", "failed", "succeeded"]
    assert run.step("use")["status"] == "succeeded" and run.step("use")["reason"] is None
    assert run.step("below")["status"] == "skipped" and run.step("below")["reason"] == "from run 1: 'use' failed"
    assert run.step("apart")["status"] == "failed" and "from run 1: exit" in run.step("apart")["reason"]
    (sluice.folder / "trace").unlink()
    again = sluice("retry", "p/1.2", "below", "--only", "--json", expect=0)  # what failed once stays failed
    assert trace(sluice) == ["below"] and "from run 1: exit" in again.step("apart")["reason"]
    (sluice.folder / "trace").unlink()
    sluice("retry", "p/1.3", "w", "--only", expect=0)  # of a matrix, the item that failed
    assert trace(sluice) == ["w2"]


def test_retry_only_of_a_step_whose_need_failed_is_skipped_as_ever(sluice):
    sluice.pipeline(FLAKY)
    sluice.run(expect=1)
    (sluice.folder / "trace").unlink()
    run = sluice("retry", "p/1", "c", "--only", "--json", expect=1)
    assert not (sluice.folder / "trace").exists() and run.step("c")["reason"] == "'b' failed"


def test_retry_only_goes_on_after_a_kill(sluice):
    sluice.pipeline(FLAKY)
    sluice.run(expect=1)
    (sluice.folder / "good").touch()
    (sluice.folder / "trace").unlink()
    sluice("retry", "p/1", "b", "--only", env={"SLUICE_CRASH": "after_spawn"}, expect=-9)
    sluice("resume", expect=0)
    assert trace(sluice) == ["b"]


def test_retry_of_a_step_that_until_had_left_out(sluice):
    sluice.pipeline(FLAKY)
    (sluice.folder / "good").touch()
    sluice.run("--until", "a")
    (sluice.folder / "trace").unlink()
    run = sluice("retry", "p/1", "b", "--json", expect=0)
    assert sorted(trace(sluice)) == ["b", "c-1-old", "side"] and run.step("b")["status"] == "succeeded"


def test_retry_of_a_good_run_needs_a_step(sluice):
    sluice.pipeline(FLAKY)
    (sluice.folder / "good").touch()
    sluice.run()
    assert "name the step" in sluice("retry", "p/1", expect=2).err
    assert "there is no step 'x'" in sluice("retry", "p/1", "x", expect=2).err


def test_rerun_from_a_step_with_another_param(sluice):
    sluice.pipeline(FLAKY)
    (sluice.folder / "good").touch()
    sluice.run()
    (sluice.folder / "trace").unlink()
    result = sluice("rerun", "latest", "--from", "c", "-p", "word=new", "--json", expect=0)
    assert result.json["number"] == "2" and trace(sluice) == ["c-1-new"]
    assert result.json["params"] == {"word": "new"}


def test_an_edited_file_does_not_change_what_retry_runs(sluice):
    sluice.pipeline(FLAKY)
    sluice.run(expect=1)
    sluice.pipeline(FLAKY.replace("echo b", "echo edited"))
    (sluice.folder / "good").touch()
    sluice("retry", "p/1", expect=0)
    assert "edited" not in trace(sluice)


def test_cancel_of_a_waiting_run(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          ask: {uses: approve}
          after: {run: touch after, needs: [ask]}
        """)
    sluice.run(expect=5)
    sluice("cancel", "latest", "--reason", "no longer wanted", expect=0)
    run = sluice("show", "--json", expect=0).json
    assert run["status"] == "cancelled" and "no longer wanted" in run["reason"]
    assert sluice("approvals", "--json", expect=0).json == []
    assert "nothing to cancel" in sluice("cancel", "latest", expect=2).err


def waiting_for_many(sluice, count):
    sluice.pipeline(f"""\
        name: many
        steps:
          ask: {{uses: approve, with: {{message: {'long ' * 1000}}}, matrix: {{n: {list(range(count))}}}}}
        """)
    sluice.run("--jobs", "16", expect=5)


def peak_kib(sluice, *arguments, expect):
    process = sluice.start(*arguments)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == expect
    return usage.ru_maxrss


@pytest.mark.parametrize("command, code", [("cancel", 0), ("resume", 5)])
def test_many_waits_are_read_once(sluice, command, code):
    peaks = []
    for count in (1, 200):
        waiting_for_many(sluice, count)
        peaks.append(peak_kib(sluice, command, "latest", expect=code))
        if command == "cancel":
            assert sluice("approvals", "--json", expect=0).json == []
        else:
            assert len(sluice("approvals", "--json", expect=0).json) == count
            sluice("cancel", "latest", expect=0)
    assert peaks[1] - peaks[0] < 25 << 10  # each of them read all that were left: 85 MB and more


APPROVAL = """\
    name: p
    steps:
      make: {run: 'echo "n=1" >> "$SLUICE_OUTPUT"', outputs: {n: integer}}
      ask: {uses: approve, with: {by: %s, evidence: "${{ steps.make.outputs.n }}"%s}}
      after: {run: touch after, needs: [ask]}
    """


def me():
    import pwd
    return pwd.getpwuid(os.getuid()).pw_name


def test_an_approval_lets_the_run_go_on_in_the_same_attempt(sluice):
    sluice.pipeline(APPROVAL % (me(), ""))
    waiting = sluice("run", expect=5)
    assert f"sluice approve p/1 ask" in waiting.out
    assert sluice("approvals", "--json", expect=0).json[0]["run"] == "p/1"
    sluice("approve", "p/1", "-m", "fine", expect=0)
    result = sluice("resume", "--json", expect=0)
    assert result.json["verdict"] == "passed" and result.step("ask")["attempt"] == 1
    assert result.step("ask")["outputs"]["approved_by"] == [me()] and result.step("ask")["outputs"]["reason"] == "fine"
    assert (sluice.folder / "after").exists()


def test_who_is_not_asked_may_not_answer(sluice):
    sluice.pipeline(APPROVAL % ("somebody-else", ""))
    sluice.run(expect=5)
    refused = sluice("approve", "p/1", expect=6)
    assert me() in refused.err and "somebody-else" in refused.err
    assert sluice("show", "--json", expect=0).json["status"] == "waiting"


def test_groups_of_the_config_count_distinct_people(sluice):
    sluice.write(".sluice/config.yaml", f"groups: {{leads: [{me()}], risk: [bob, carol]}}\n")
    sluice.pipeline(APPROVAL % ('{"group:leads": 1, "group:risk": 1}', ""))
    sluice.run(expect=5)
    assert "1 more of group:risk" in sluice("approve", "p/1", expect=0).out
    assert "1 more of group:risk" in sluice("approve", "p/1", expect=0).out
    assert sluice("resume", expect=5).code == 5


@pytest.mark.parametrize("groups, mode, waived", [
    ("{}", 0o755, True), ("{leads: [%s]}", 0o700, True), ("{leads: [%s, bob]}", 0o700, False),
    ("{leads: [%s], risk: [carol]}", 0o700, False), ("{leads: [%s]}", 0o770, False)])
def test_not_by_is_waived_where_the_home_has_one_user(sluice, groups, mode, waived):
    sluice.write(".sluice/config.yaml", "groups: " + groups.replace("%s", me()) + "\n")
    sluice.home.chmod(mode)
    sluice.pipeline(APPROVAL % (me(), ", not_by: [author]"))
    sluice.run(expect=5)
    said = sluice("approve", "p/1", expect=0 if waived else 6)
    assert waived or "not_by excludes who made it" in said.err
    if waived:
        assert sluice("resume", "--json", expect=0).step("ask")["outputs"]["waived"] is True


def test_one_rejection_ends_it_and_the_verdict_is_refused(sluice):
    sluice.pipeline(APPROVAL % (me(), ""))
    sluice.run(expect=5)
    assert "-m" in sluice("reject", "p/1", expect=2).err
    sluice("reject", "p/1", "-m", "slices are bad", expect=0)
    result = sluice("resume", "--json", expect=6)
    assert result.json["verdict"] == "refused" and "slices are bad" in result.step("ask")["reason"]
    assert not (sluice.folder / "after").exists()


def test_a_rerun_names_the_kept_steps_that_read_a_param_which_has_changed(sluice):
    sluice.write("own.lua", "return {say = sluice.run.params.day}\n")
    sluice.pipeline("""\
        name: p
        params: {day: {type: string, default: mon}, days: {type: integer, default: 1}}
        steps:
          shell: {run: "echo ${{ params.day }}"}
          guarded: {run: echo x, if: "params.day != 'sun'"}
          script: {lua: ./own.lua, with: {day: x}}
          own: {lua: "return {say = sluice.params.day}", with: {day: x}}
          innocent: {run: "echo ${{ params.days }} params day"}
          use: {run: "echo ${{ params.day }}", needs: [shell, guarded, script, own, innocent]}
        """)
    sluice.run()
    same = sluice("rerun", "p/1", "--from", "use", "-p", "day=mon", expect=0)
    assert "is kept" not in same.err
    other = sluice("rerun", "p/1", "--from", "use", "-p", "day=tue", expect=0)
    named = [line.split("'")[1] for line in other.err.splitlines() if "is kept" in line]
    assert named == ["shell", "guarded", "script"]
    assert "reads the param 'day', which has changed" in other.err and "'--from shell' runs it too" in other.err
    assert "is kept" not in sluice("rerun", "p/1", "-p", "day=tue", expect=0).err


def test_who_approves_twice_is_told_so_and_counts_once(sluice):
    """It said "approved" again, as if that were the second word."""
    sluice.pipeline("name: p\nsteps: {ask: {uses: approve, with: {quorum: 2, expires: 1h}}}\n")
    sluice("run", expect=5)
    first = sluice("approve", "p/1", "-m", "good", expect=0).out
    assert "p/1 approved by " in first and "still missing: 1 more" in first
    second = sluice("approve", "p/1", "-m", "better", expect=0).out
    assert "p/1 has been approved by " in second and "before" in second and "still missing: 1 more" in second
    told = sluice("approve", "p/1", "--json", expect=0).json
    assert told["repeated"] is True and told["status"] == "open" and told["step"] == "ask"
    words = [row["reason"] for row in sluice("activity", "--json").json if row["action"] == "approval.approved"]
    assert words == ["good"]
    assert sluice("reject", "p/1", "-m", "on second thoughts, no", "--resume").code == 6


def test_an_approval_expires_closed(sluice):
    sluice.pipeline(APPROVAL % (me(), ", expires: 5s"))
    sluice.run(expect=5)
    expires = datetime.datetime.fromisoformat(sluice("approvals", "--json", expect=0).json[0]["expires_at"])
    wait_until(lambda: datetime.datetime.now(datetime.timezone.utc) > expires)
    result = sluice("resume", "--json", expect=6)
    assert "expired" in result.step("ask")["reason"] and result.json["verdict"] == "refused"


def test_a_newer_request_withdraws_the_older_only_for_the_same_model(sluice):
    sluice.pipeline(APPROVAL % (me(), ""))
    sluice.run(expect=5)
    sluice.run(expect=5)
    assert [row["run"] for row in sluice("approvals", "--json", expect=0).json] == ["p/1", "p/2"]


def test_everything_people_did_stands_in_the_activity(sluice):
    sluice.pipeline(APPROVAL % (me(), ""))
    sluice.run(expect=5)
    sluice("approve", "p/1", "-m", "fine", expect=0)
    sluice("resume", expect=0)
    rows = sluice("activity", "--json", expect=0).json
    actions = [row["action"] for row in rows]
    assert "run.started" in actions and "approval.approved" in actions
    verified = json.loads(sluice("activity", "verify", "--json", expect=0).out)
    assert verified["holds"] and verified["rows"] == len(rows)


ENVIRONMENTS = "environments: {dev: {vars: {place: dev}}, prod: {vars: {place: prod}}}\nenvironment: dev\n"


def test_again_means_in_the_same_environment_with_the_values_it_had(sluice):
    sluice.write(".sluice/config.yaml", ENVIRONMENTS)
    sluice.pipeline("name: p\nsteps: {s: {run: 'echo ${{ vars.place }} >> trace; test -e good'}}\n")
    sluice.run("-e", "prod", expect=1)
    sluice.write(".sluice/config.yaml", ENVIRONMENTS.replace("place: prod", "place: changed"))
    (sluice.folder / "good").touch()
    sluice("retry", "p/1", expect=0)
    sluice("rerun", "p/1", expect=0)
    sluice("rerun", "p/1", "--from", "s", expect=0)
    sluice.run()
    assert trace(sluice) == ["prod", "prod", "prod", "prod", "dev"]


def test_a_retry_of_a_retry_counts_on_and_latest_is_the_last(sluice):
    sluice.pipeline(FLAKY)
    sluice.run(expect=1)
    assert [sluice("retry", "p/1", "--json", expect=1).json["number"] for _ in range(2)] == ["1.2", "1.3"]
    (sluice.folder / "good").touch()
    assert sluice("retry", "latest", "--json", expect=0).json["number"] == "1.4"
    assert sluice("show", "1", "--json").json["number"] == "1.4", "a number alone is its last revision"
    assert sluice("show", "p/1.2", "--json").json["status"] == "failed", "what has ended stays as it was"
    assert sluice("run", "--json", expect=0).json["number"] == "2"


def test_rerun_with_another_param_runs_all_and_refuses_what_it_cannot_know(sluice):
    sluice.pipeline(FLAKY)
    (sluice.folder / "good").touch()
    sluice.run("-p", "word=first")
    (sluice.folder / "trace").unlink()
    assert sluice("rerun", "p/1", "--json", expect=0).json["params"] == {"word": "first"}
    assert sorted(trace(sluice)) == ["a", "b", "c-1-first", "side"]
    assert "no param of this name: did you mean 'word'?" in sluice("rerun", "p/1", "-p", "wrod=x", expect=2).err
    assert "--from: there is no step 'cc'" in sluice("rerun", "p/1", "--from", "cc", expect=2).err
    (sluice.folder / "trace").unlink()
    sluice("rerun", "p/1", "--from", "b", "--until", "b", expect=0)
    assert trace(sluice) == ["b"]


def test_an_open_run_is_neither_retried_nor_rerun(sluice):
    sluice.pipeline(APPROVAL % (me(), ""))
    sluice.run(expect=5)
    for words in ("retry", "rerun"):
        refused = sluice(words, "p/1", expect=2)
        assert "still open (waiting)" in refused.err and "'sluice resume p/1'" in refused.err


def test_an_interrupted_run_of_another_environment_is_not_gone_on_with(sluice):
    sluice.write(".sluice/config.yaml", ENVIRONMENTS)
    script = "echo ${{ vars.place }} >> trace; until [ -e go ]; do sleep 0.02; done"
    sluice.pipeline(f"name: p\nsteps: {{s: {{run: '{script}'}}}}\n")
    first = sluice.start("run", "-e", "prod")
    wait_until(lambda: (sluice.folder / "trace").exists())
    first.send_signal(signal.SIGKILL)
    first.wait()
    (sluice.folder / "go").touch()
    other = sluice("run", "-e", "dev", "--json", expect=0)
    assert other.json["number"] == "2" and trace(sluice) == ["prod", "dev"]
