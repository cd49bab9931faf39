# SPDX-License-Identifier: Apache-2.0
"""Homes in whose store somebody has removed rows by hand: they open, and what cannot go on ends in words."""
import json
import re
import sqlite3

import pytest
from programs import wait_until

MISSING = ("lost: the store does not say any more what it waited for, or how that ended: somebody has removed rows of "
           "the table 'waits'")
ASK = """\
    name: asks
    steps:
      ask: {uses: approve, retry: {attempts: 2, delay: 1ms, on: [RETRY]}}
      after: {needs: [ask], run: 'true'}
    """


def change(sluice, sql):
    with sqlite3.connect(sluice.home / "sluice.db") as store:
        count = store.execute(sql).rowcount
    assert count > 0, sql


def ask(sluice, retry="failure"):
    sluice.pipeline(ASK.replace("RETRY", retry))
    sluice("run", "-q", expect=5)


def test_a_wait_that_is_gone_ends_its_step_as_lost(sluice):
    ask(sluice)
    change(sluice, "DELETE FROM waits")
    assert sluice("resume", "-q").code == 1
    run = sluice("show", "latest", "--json", expect=0).json
    assert run["status"] == "failed"
    assert {step["id"]: step["status"] for step in run["steps"]} == {"ask": "failed", "after": "skipped"}
    assert run["steps"][0]["reason"] == MISSING
    sluice("run", "-q", "--new", expect=5)
    sluice("approve", "latest", expect=0)
    assert sluice("doctor", "--json").json


def test_a_wait_that_is_gone_is_waited_for_again_where_the_pipeline_tries_what_is_lost_again(sluice):
    ask(sluice, retry="lost")
    change(sluice, "DELETE FROM waits")
    sluice("resume", "-q", expect=5)
    sluice("approve", "latest", expect=0)
    sluice("resume", "-q", expect=0)
    assert sluice("show", "latest", "--json", expect=0).json["status"] == "succeeded"
    with sqlite3.connect(sluice.home / "sluice.db") as store:
        assert [row[0] for row in store.execute("SELECT state FROM attempts ORDER BY id")][:2] == ["lost", "succeeded"]


@pytest.mark.parametrize("how", ["DELETE FROM waits", "UPDATE waits SET outcome = NULL"])
def test_a_wait_whose_end_is_gone_ends_its_step_as_lost(sluice, how):
    """Killed as the answer was written, before the step was told."""
    ask(sluice)
    sluice("approve", "latest", env={"SLUICE_CRASH": "in_start"})
    sluice("approve", "latest", env={"SLUICE_CRASH": "after_commit"})
    change(sluice, "DELETE FROM votes")
    change(sluice, how)
    assert sluice("resume", "-q").code == 1
    assert sluice("show", "latest", "--json", expect=0).json["steps"][0]["reason"] == MISSING


def hold(sluice):
    """A run that was killed as its first step ran."""
    sluice.pipeline("""\
        name: held
        steps:
          hold: {run: 'touch begun; while [ ! -e go ]; do sleep 0.05; done'}
          after: {needs: [hold], run: 'true'}
        """, "held.yaml")
    process = sluice.start("run", "-q", "held.yaml")
    wait_until(lambda: (sluice.folder / "begun").exists())
    process.kill()
    process.communicate()
    (sluice.folder / "go").touch()


ORDER = {"attempt": 900, "step_run_id": "of nobody", "position": 1, "item": 0, "free": True}


@pytest.mark.parametrize("orders", [
    [{**ORDER, "item": 7}], [{**ORDER, "item": 1 << 62}], [{**ORDER, "position": 2}], [{**ORDER, "position": -1}],
    [{**ORDER, "item": -1}], [{**ORDER, "position": 0}], [{**ORDER, "step_run_id": ""}], [{**ORDER, "attempt": 0}],
    [{}, 1, None, []], {}, 7, "no JSON"])
def test_what_may_have_begun_before_the_machine_went_is_passed_over_where_there_is_no_such_step(sluice, orders):
    hold(sluice)
    text = orders if isinstance(orders, str) else json.dumps(orders)
    change(sluice, "INSERT OR REPLACE INTO free_heirs "
                   f"SELECT run_id, 'boot of before', '{text}' FROM pipeline_runs")
    told = sluice("resume", "-q", expect=0)
    assert "cannot go on" not in told.err and "internal" not in told.err
    assert {step["id"]: step["status"] for step in sluice("show", "--json", expect=0).json["steps"]} == \
        {"hold": "succeeded", "after": "succeeded"}
    with sqlite3.connect(sluice.home / "sluice.db") as store:
        assert store.execute("SELECT COUNT(*) FROM attempts").fetchone() == (2,)


# Of each table, what the runs that lack its rows come to.
TABLES = {
    "attempts": "the store lacks rows of it in the table 'attempts': somebody has removed them",
    "steps": "the store lacks rows of it in the table 'steps': somebody has removed them",
    "steps WHERE position = 1 AND item = -1": "the store has rows of 1 of its 2 steps: somebody has removed the others",
    "runs": "the store lacks rows of it in the table 'runs': somebody has removed them",
    "experiments": "the store lacks rows of it in the table 'runs': somebody has removed them",
    "definitions": "no pipeline definition",
    "waits": None,
    "leases": None,
    "attempt_calls": None,
    "pipeline_runs": None,
}


@pytest.mark.parametrize("table", TABLES)
def test_whatever_rows_are_gone_the_home_opens_and_other_runs_go_on(sluice, table):
    """One run waits for a person, one was killed as it ran; both can be cancelled, whatever they lack."""
    ask(sluice)
    hold(sluice)
    with sqlite3.connect(sluice.home / "sluice.db") as store:
        store.execute(f"DELETE FROM {table}")
    words = TABLES[table]
    if words is not None:
        told = sluice("cancel", "asks/1", expect=0).err
        for name in ("asks", "held"):
            assert re.search(rf"run {name} 1 \(\w+\) cannot go on: {re.escape(words)}", told), told
        sluice("cancel", "held/1", expect=0)
    sluice.pipeline("name: other\nsteps: {one: {run: 'true'}}\n", "other.yaml")
    result = sluice("run", "-q", "--new", "other.yaml", expect=0)
    assert "cannot go on" not in result.err and "internal" not in result.err, result
    assert sluice("runs", "--json", expect=0).json[0]["status"] == "succeeded"
