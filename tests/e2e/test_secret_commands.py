# SPDX-License-Identifier: Apache-2.0
"""Secrets that a command of config.yaml prints (`exec`): asked for in the background, while all else goes on."""
import contextlib
import json
import os
import pathlib
import signal
import sqlite3

import pytest
from programs import wait_until

VALUE = f"Qk3-told-by-a-command/{os.getpid():07}"
# Writes down that it was asked; answers when there is a file `tell`.
COMMAND = f"""\
#!/bin/sh
echo $$ >> asked
until [ -e tell ]; do sleep 0.02; done
echo "{VALUE}"
"""
STEP = """\
name: p
steps:
  first: {run: 'true'}
  secret:
    needs: [first]
    env: {TOKEN: "${{ secrets.TOKEN }}"}
    run: printf %s "$TOKEN" > seen
  after: {needs: [secret], run: echo after}
"""


@pytest.fixture
def asking(sluice):
    """A home whose secret TOKEN is told by COMMAND."""
    path = sluice.write("command", COMMAND)
    path.chmod(0o700)
    configure(sluice)
    sluice.pipeline(STEP)
    return sluice


def configure(sluice, **more):
    secret = {"exec": [str(sluice.folder / "command")], **more}
    sluice.write(".sluice/config.yaml", json.dumps({"secrets": {"TOKEN": secret}}))


def rows(sluice, sql):
    """Nothing while there is no store yet."""
    try:
        with sqlite3.connect(f"file:{sluice.home / 'sluice.db'}?mode=ro", uri=True) as store:
            return store.execute(sql).fetchall()
    except sqlite3.OperationalError:
        return []


def asked(sluice):
    """The process ids of the commands that were begun."""
    path = sluice.folder / "asked"
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def is_there(pid):
    try:
        return " Z " not in pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def finish(process, code=0):
    out, err = process.communicate(timeout=60)
    assert process.returncode == code and "Sanitizer" not in err and "runtime error:" not in err, f"{out}\n{err}"
    return err


def attempts(sluice):
    return rows(sluice, "SELECT s.step, a.state FROM attempts a JOIN steps s USING (run_id, position, item) "
                        "ORDER BY a.id")


ALL_SUCCEEDED = [("first", "succeeded"), ("secret", "succeeded"), ("after", "succeeded")]


def test_other_runs_go_on_while_a_command_has_not_answered(asking):
    first = asking.start("run", "-q", "-j", "4")
    wait_until(lambda: asked(asking))
    asking.pipeline("name: other\nsteps:\n  a: {run: echo a}\n  b: {needs: [a], run: echo b}\n", "other.yaml")
    asking("run", "other.yaml", "-q", expect=0)
    assert first.poll() is None
    assert rows(asking, "SELECT state FROM pipeline_runs WHERE pipeline = 'p'") == [("running",)]
    (asking.folder / "tell").touch()
    finish(first)
    assert (asking.folder / "seen").read_text() == VALUE and len(asked(asking)) == 1


def test_other_steps_of_the_run_go_on_too(asking):
    asking.pipeline(STEP + "  beside: {needs: [first], run: touch tell}\n")
    asking("run", "-q", "-j", "4", expect=0, timeout=60)
    assert (asking.folder / "seen").read_text() == VALUE


@pytest.mark.parametrize("how", ["signal", "command"])
def test_a_cancel_ends_the_command_and_the_step_has_not_begun(asking, how):
    process = asking.start("run", "-q")
    wait_until(lambda: asked(asking))
    if how == "signal":
        process.send_signal(signal.SIGINT)
    else:
        asking("cancel", "latest", expect=0)
    finish(process, 130 if how == "signal" else 1)
    pid, = asked(asking)
    wait_until(lambda: not is_there(pid))
    assert attempts(asking) == [("first", "succeeded"), ("secret", "cancelled")]
    assert rows(asking, "SELECT reason FROM attempts WHERE state = 'cancelled'") == [("stopped before it began",)]
    assert rows(asking, "SELECT * FROM leases") == [] and not (asking.folder / "seen").exists()


def test_the_time_of_a_run_is_over_while_it_asks(asking):
    asking.pipeline("timeout: 6s\n" + STEP)
    result = asking("run", "--json", expect=1)
    assert "timed out after 6 s of running" in result.json["reason"]
    pid, = asked(asking)
    wait_until(lambda: not is_there(pid))
    assert rows(asking, "SELECT * FROM leases") == []


def test_a_sluice_that_is_killed_while_it_asks_is_taken_over_by_one_that_asks_again(asking):
    process = asking.start("run", "-q")
    wait_until(lambda: asked(asking))
    process.kill()
    process.communicate()
    (asking.folder / "tell").touch()
    asking("resume", "-q", expect=0)
    assert attempts(asking) == ALL_SUCCEEDED and len(asked(asking)) == 2
    assert (asking.folder / "seen").read_text() == VALUE


def test_a_runner_that_is_killed_meanwhile_costs_the_step_nothing(asking):
    process = asking.start("run", "-q")
    starting = "SELECT runner FROM attempts WHERE state = 'starting'"
    runner, = wait_until(lambda: asked(asking) and rows(asking, starting))[0]
    for entry in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # it may just end
            if entry.name.isdigit() and runner.encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
    wait_until(lambda: rows(asking, starting) != [(runner,)])
    (asking.folder / "tell").touch()
    finish(process)
    assert attempts(asking) == ALL_SUCCEEDED


def test_a_command_that_fails_fails_the_step_with_its_words(asking):
    asking.write("command", "#!/bin/sh\necho 'no login' >&2; exit 3\n")
    result = asking.run(expect=1)
    assert "exited with 3: no login" in result.step("secret")["reason"]
    assert result.step("after")["status"] == "skipped"


def test_a_command_that_fails_after_it_told_shows_no_value(asking):
    """Its errors are kept with the step: what it printed as the value is masked there, as in a log."""
    asking.write("command", f"#!/bin/sh\nset -x\nprintf '%s\\n' '{VALUE}'\necho 'not renewed' >&2; exit 3\n")
    reason = asking.run(expect=1).step("secret")["reason"]
    assert "exited with 3: + printf" in reason and "***" in reason and "not renewed" in reason
    assert VALUE not in reason
    for path in [asking.home / "sluice.db", *asking.home.glob("runs/*/journal")]:
        assert VALUE.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("more, times", [({}, 3), ({"ttl": "1h"}, 1)])
def test_steps_that_ask_at_once_share_an_answer_only_if_it_may_be_kept(asking, more, times):
    configure(asking, **more)
    asking.pipeline("""\
        name: p
        steps:
          grid:
            matrix: {n: [1, 2, 3]}
            env: {TOKEN: "${{ secrets.TOKEN }}"}
            run: printf %s "$TOKEN" > "seen${{ matrix.n }}"
        """)
    process = asking.start("run", "-q", "-j", "3")
    wait_until(lambda: len(rows(asking, "SELECT 1 FROM attempts WHERE state = 'starting'")) == 3)
    wait_until(lambda: len(asked(asking)) == times)
    (asking.folder / "tell").touch()
    finish(process)
    assert [(asking.folder / f"seen{n}").read_text() for n in (1, 2, 3)] == [VALUE] * 3
    assert len(asked(asking)) == times


def test_one_of_those_who_share_an_answer_is_cancelled_and_the_other_gets_it(asking):
    configure(asking, ttl="1h")
    asking.pipeline("name: host\nsteps: {hold: {run: 'until [ -e seen ]; do sleep 0.02; done'}}\n", "host.yaml")
    host = asking.start("run", "host.yaml", "-q", "-j", "4")
    wait_until(lambda: rows(asking, "SELECT 1 FROM attempts WHERE state = 'running'"))
    first = asking.start("run", "-q")
    wait_until(lambda: asked(asking))
    second = asking.start("run", "-q", "--new")
    wait_until(lambda: attempts(asking).count(("secret", "starting")) == 2)
    asking("cancel", "p/1", expect=0)
    assert first.wait(60) == 1
    (asking.folder / "tell").touch()
    finish(second)
    finish(host)
    assert (asking.folder / "seen").read_text() == VALUE and len(asked(asking)) == 1


def test_a_step_that_goes_on_after_a_wait_asks_again(asking):
    asking.pipeline("""\
        name: p
        steps:
          pause:
            lua: |
              if not sluice.resumed then return sluice.wait{kind = "until", at_ms = 1} end
              sluice.output("length", #sluice.params.token)
            with: {token: "${{ secrets.TOKEN }}"}
            outputs: {length: integer}
        """)
    (asking.folder / "tell").touch()
    result = asking.run("--wait", expect=0)
    assert result.step("pause")["attempt"] == 1 and len(asked(asking)) == 2, result
    assert result.step("pause")["outputs"] == {"length": len(VALUE)}
