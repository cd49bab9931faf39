# SPDX-License-Identifier: Apache-2.0
"""Runs of which something is no longer accepted or cannot be sent: definitions, plugins, messages. They fail in words,
and the others of the home go on."""
import re
import shutil
import sqlite3

from programs import BUILD, forget_definition, wait_until
from test_recovery import is_alive, kill, rows, trace


def test_a_run_that_cannot_be_loaded_does_not_keep_the_home_from_others(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          ask: {uses: approve, with: {expires: 3d}}
        """)
    sluice.write("other.yaml", "name: other\nsteps:\n  a: {run: 'true'}\n")
    sluice("run", expect=5)
    was = forget_definition(sluice)
    other = sluice.run("other.yaml")
    assert "cannot go on" in other.err and "sluice.yaml:2:" in other.err and "sluice cancel" in other.err
    with sqlite3.connect(sluice.home / "sluice.db") as store:
        store.execute("UPDATE definitions SET source = ? WHERE source LIKE '%steps: 3%'", (was,))
    sluice("approve", "p/1", expect=0)
    assert sluice("resume", "p/1", "--json", expect=0).json["status"] == "succeeded"


def test_a_run_that_cannot_be_loaded_can_be_cancelled(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          ask: {uses: approve, with: {expires: 3d}}
          slow: {run: "touch up; echo $$ > pid; sleep 300"}
          after: {run: "true", needs: [slow]}
        """)
    process = sluice.start("run")
    wait_until(lambda: (sluice.folder / "pid").exists() and rows(sluice, "SELECT 1 FROM waits"))
    kill(process)
    pid = int((sluice.folder / "pid").read_text())
    forget_definition(sluice)
    result = sluice("cancel", "p/1", "--reason", "its rules are gone", expect=0)
    assert "cannot go on" in result.err and "is cancelled" in result.err
    state, reason = rows(sluice, "SELECT state, reason FROM pipeline_runs")[0]
    assert state == "cancelled" and "its rules are gone" in reason
    assert {state for state, in rows(sluice, "SELECT state FROM steps")} == {"cancelled"}
    wait_until(lambda: not is_alive(pid))
    assert rows(sluice, "SELECT 1 FROM attempts WHERE ended_ms IS NULL") == []
    assert rows(sluice, "SELECT status FROM waits") == [("withdrawn",)]
    assert {status for status, in rows(sluice, "SELECT status FROM runs")} == {"KILLED"}
    assert "cannot go on" not in sluice("cancel", "p/1").err


def test_a_plugin_that_is_gone_fails_its_steps_and_no_other(sluice):
    """The whole run could not go on."""
    shutil.copy(BUILD / "plugins/http.so", sluice.folder / "mine.so")
    sluice.pipeline("""\
        name: p
        steps:
          ask: {uses: approve, with: {expires: 3d}}
          other: {run: "echo other >> trace", needs: [ask]}
          mine: {uses: ./mine.so, with: {url: "http://127.0.0.1:1/${{ steps.ask.outputs.waived }}"}, needs: [ask]}
          after: {run: "echo after >> trace", needs: [mine]}
        """)
    sluice("run", expect=5)
    (sluice.folder / "mine.so").rename(sluice.folder / "away.so")
    sluice("approve", "p/1", expect=0)
    result = sluice("resume", "p/1", "--json", expect=1)
    assert trace(sluice) == ["other"], repr(result)
    reason = result.step("mine")["reason"]
    assert reason.startswith("its plugin is gone: ") and "mine.so" in reason and "sluice retry" in reason
    assert result.step("after")["status"] == "skipped"
    (sluice.folder / "away.so").rename(sluice.folder / "mine.so")
    again = sluice("retry", "p/1", "--json", expect=1)
    assert "plugin is gone" not in again.step("mine")["reason"] and trace(sluice) == ["other"]


def test_a_plugin_that_takes_other_inputs_now_fails_its_steps_in_words(sluice):
    shutil.copy(BUILD / "plugins/wait.so", sluice.folder / "mine.so")
    sluice.pipeline("""\
        name: p
        steps:
          ask: {uses: approve, with: {expires: 3d}}
          mine: {uses: ./mine.so, with: {delay: 1s}, needs: [ask]}
        """)
    sluice("run", expect=5)
    shutil.copy(BUILD / "plugins/http.so", sluice.folder / "new.so")
    (sluice.folder / "new.so").rename(sluice.folder / "mine.so")
    sluice("approve", "p/1", expect=0)
    result = sluice("resume", "p/1", "--json", expect=1)
    assert "'delay'" in result.step("mine")["reason"], repr(result)


def test_a_matrix_key_that_is_no_param_fails_its_step_and_not_the_home(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          odd:
            run: "true"
            matrix: ${{ fromJSON('[{"a$b":1}]') }}
        """)
    step = sluice.run(expect=1).step("odd")
    assert step["status"] == "failed" and "a$b" in step["reason"]
    assert rows(sluice, "SELECT status FROM runs WHERE status = 'RUNNING'") == []


def test_a_message_larger_than_the_socket_arrives(sluice):
    texts = "abcd"
    outputs = "".join(f"sluice.output('{name}', ('{name}'):rep(1000000)) " for name in texts)
    taken = ", ".join(f"{name}: '${{{{ steps.big.outputs.{name} }}}}'" for name in texts)
    declared = ", ".join(f"{name}: string" for name in texts)
    sluice.pipeline(f"""\
        name: p
        steps:
          big: {{lua: "{outputs}", outputs: {{{declared}}}}}
          take:
            outputs: {{size: integer}}
            lua: "local n = 0 for _, text in pairs(sluice.params) do n = n + #text end sluice.output('size', n)"
            with: {{{taken}}}
        """)
    assert sluice.run(timeout=60).step("take")["outputs"]["size"] == 4000000


def test_a_message_larger_than_any_fails_its_step_in_words(sluice):
    """It was dropped: the step was starting for ever."""
    sluice.write("big.json", '{"x": "' + "z" * (9 << 20) + '"}')
    copies = ", ".join(f"v{i}: '${{{{ params.x }}}}'" for i in range(8))
    sluice.pipeline(f"""\
        name: p
        params: {{x: {{type: string}}}}
        steps:
          large: {{lua: "return 1", with: {{{copies}}}}}
          small: {{run: "echo small >> trace"}}
        """)
    result = sluice.run("--params", "big.json", expect=1, timeout=60)
    assert re.match(r"what the step is given is \d\d MiB, at most 64 MiB can be sent", result.step("large")["reason"])
    assert trace(sluice) == ["small"]
