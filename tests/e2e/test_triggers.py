# SPDX-License-Identifier: Apache-2.0
"""Pipelines in force: those of a folder that `sluice serve` follows, and the commands that show and change what starts
by itself (docs/triggers.md). Times are tried in tests/fault/test_firing.py, under a clock that is set."""
import json
import os
import signal
import time

import pytest
from programs import wait_until
from serving import Server

PIPELINE = """\
name: {name}
"on": {on}
{more}
steps:
  one: {{run: "{run}"}}
"""


@pytest.fixture
def folder(sluice):
    (sluice.folder / "pipelines").mkdir()

    def write(path, name, on="{schedule: {id: yearly, cron: '0 0 1 1 *'}}", run="true", more=""):
        sluice.write(f"pipelines/{path}", PIPELINE.format(name=name, on=on, run=run, more=more))

    return write


@pytest.fixture
def server(sluice, folder):  # pylint: disable=redefined-outer-name
    folder("a.yaml", "a")
    return Server(sluice, "--pipelines", "pipelines")


def states(sluice):
    """{path: (pipeline, state, first problem)}"""
    return {row["path"]: (row["pipeline"], row["state"], (row["problems"] or [{}])[0].get("message", ""))
            for row in sluice("pipelines", "--json", expect=0).json}


def wait_for_states(sluice, wanted):
    try:
        wait_until(lambda: states(sluice) == wanted)
    except AssertionError:
        assert states(sluice) == wanted


A = ("a", "in force", "")


def test_files_come_change_and_go(sluice, folder, server):
    wait_for_states(sluice, {"a.yaml": A})
    folder("b.yaml", "b")
    folder("c/sluice.yaml", "c")
    folder("c/other.yaml", "x")
    folder(".hidden.yaml", "x")
    wait_for_states(sluice, {"a.yaml": A, "b.yaml": ("b", "in force", ""), "c/sluice.yaml": ("c", "in force", "")})
    folder("c/sluice.yaml", "c", on="{schedule: [{id: yearly, cron: '0 0 1 1 *'}, {id: more, cron: '0 0 1 6 *'}]}")
    wait_until(lambda: len(sluice("schedule", "list", "c", "--json").json) == 2)
    (sluice.folder / "pipelines/b.yaml").unlink()
    (sluice.folder / "pipelines/c").rename(sluice.folder / "pipelines/d")
    wait_for_states(sluice, {"a.yaml": A, "d/sluice.yaml": ("c", "in force", "")})
    assert [row["state"] for row in sluice("schedule", "list", "b", "--all", "--json").json] == ["not in force"]
    actions = [row["action"] for row in sluice("activity", "--json").json]
    assert actions.count("pipeline.in_force") == 5 and actions.count("pipeline.out_of_force") == 2, actions
    assert server.is_alive()


def test_a_file_that_does_not_validate_leaves_what_was_in_force(sluice, folder, server):
    wait_for_states(sluice, {"a.yaml": A})
    definition = sluice("pipelines", "--json").json[0]["definition"]
    sluice.write("pipelines/a.yaml", "name: a\nstps: {}\n")
    wait_for_states(sluice, {"a.yaml": ("a", "in force, newer refused", "the pipeline has no 'steps'")})
    row = sluice("pipelines", "--json").json[0]
    assert row["definition"] == definition
    assert {(one["line"], one["code"], one["hint"]) for one in row["problems"]} == {
        (1, "E007", None), (2, "E003", "did you mean 'steps'?")}
    assert "line 1: the pipeline has no 'steps' (and 1 more)" in sluice("pipelines").out
    assert [one["schedule"] for one in sluice("schedule", "list", "--json").json] == ["yearly"]
    server.process.send_signal(signal.SIGTERM)
    server.process.wait()
    again = Server(sluice, "--pipelines", "pipelines")  # it is not told twice
    wait_for_states(sluice, {"a.yaml": ("a", "in force, newer refused", "the pipeline has no 'steps'")})
    assert [row["action"] for row in sluice("activity", "--json").json].count("pipeline.refused") == 1
    folder("a.yaml", "a")
    wait_for_states(sluice, {"a.yaml": A})
    assert again.is_alive()


@pytest.mark.parametrize("bad", [b"", b"\x00\xff\xfe", b"[" * 200000, b"name: a\n" * 3, b"a: &x [*x, *x]\n"],
                         ids=["empty", "binary", "deep", "twice", "aliases"])
def test_files_that_are_none(sluice, folder, server, bad):
    del folder
    (sluice.folder / "pipelines/bad.yaml").write_bytes(bad)
    wait_until(lambda: states(sluice).get("bad.yaml", ("", "", ""))[1] == "refused")
    assert states(sluice)["a.yaml"] == A and server.is_alive()


def test_a_name_belongs_to_one_file(sluice, folder, server):
    wait_for_states(sluice, {"a.yaml": A})
    folder("z.yaml", "a")
    clash = f"a pipeline 'a' is in force already, from {sluice.folder}/pipelines/a.yaml: names are unique in a home"
    wait_for_states(sluice, {"a.yaml": A, "z.yaml": ("a", "refused", clash)})
    (sluice.folder / "pipelines/a.yaml").unlink()
    wait_for_states(sluice, {"z.yaml": A})
    folder("y.yaml", "y")
    wait_for_states(sluice, {"y.yaml": ("y", "in force", ""), "z.yaml": A})
    for path, name in (("y.new", "a"), ("z.new", "y")):  # they change their names, at once
        folder(path, name)
    server.process.send_signal(signal.SIGSTOP)
    for name in "yz":
        os.rename(sluice.folder / f"pipelines/{name}.new", sluice.folder / f"pipelines/{name}.yaml")
    server.process.send_signal(signal.SIGCONT)
    wait_for_states(sluice, {"y.yaml": A, "z.yaml": ("y", "in force", "")})


def test_what_is_refused_for_want_of_another_file_comes_in_force_when_that_can_be_read(sluice, folder, server):
    """No event of the watched folder tells of a file elsewhere: what is refused is looked at again by itself."""
    for path, child in (("p.yaml", "late"), ("q.yaml", "odd"), ("r.yaml", "pipe")):
        sluice.write(f"pipelines/{path}", f"name: {path[0]}\nsteps: {{one: {{pipeline: ../lib/{child}.yaml}}}}\n")
    wait_until(lambda: states(sluice).get("p.yaml", ("", "", ""))[1] == "refused")
    lib = sluice.folder / "lib"
    (lib / "odd.yaml").mkdir(parents=True)
    os.mkfifo(lib / "pipe.yaml")
    wait_until(lambda: "is a folder: expected a pipeline file" in states(sluice)["q.yaml"][2], 90)
    wait_until(lambda: "is a pipe, expected a file" in states(sluice)["r.yaml"][2], 90)
    (lib / "odd.yaml").rmdir()
    (lib / "pipe.yaml").unlink()
    for name in ("late", "odd", "pipe"):
        sluice.write(f"lib/{name}.yaml", f"name: {name}\nsteps: {{one: {{run: 'true'}}}}\n")
    wanted = {"a.yaml": A, **{f"{name}.yaml": (name, "in force", "") for name in "pqr"}}
    wait_until(lambda: states(sluice) == wanted, 150)
    refusals = [row["action"] for row in sluice("activity", "--json").json].count("pipeline.refused")
    assert 3 <= refusals <= 5  # told once for each reason, not at each look
    assert server.is_alive()


def test_a_run_keeps_the_definition_that_it_began_with(sluice, folder, server):
    wait_for_states(sluice, {"a.yaml": A})
    folder("slow.yaml", "slow", run="echo first; while [ ! -e ../go ]; do sleep 0.05; done; echo end")
    wait_until(lambda: "slow.yaml" in states(sluice))
    sluice("backfill", "slow", "yearly", "--from", "2024-12-31", "--to", "2025-01-02", expect=0)
    first = wait_until(lambda: [row for row in sluice("triggers", "slow", "--json").json if row["run_id"]])[0]
    folder("slow.yaml", "slow", on="{schedule: {id: other, cron: '0 0 1 1 *'}}", run="echo second")
    wait_until(lambda: [one["schedule"] for one in sluice("schedule", "list", "slow", "--json").json] == ["other"])
    (sluice.folder / "go").touch()
    wait_until(lambda: sluice("show", first["run_id"], "--json").json["status"] == "succeeded")
    log = sluice("logs", first["run_id"]).out
    assert "first" in log and "end" in log and "second" not in log
    assert server.is_alive()


def test_no_such_folder(sluice):
    result = sluice("serve", "--port", "0", "--pipelines", "nowhere")
    assert result.code == 2 and "--pipelines: 'nowhere' is not a folder" in result.err


def test_times_in_two_zones(sluice, folder, server):
    folder("night.yaml", "night", on="{schedule: {id: early, cron: '30 2 * * *', timezone: Europe/Berlin, jitter: 5m}}")
    wait_until(lambda: "night.yaml" in states(sluice))
    rows = sluice("schedule", "next", "night", "early", "--from", "2026-10-24", "--count", "3", "--json").json
    assert [(row["scheduled_for"], row["local"]) for row in rows] == [
        ("2026-10-24T00:30:00Z", "Sat 2026-10-24 02:30:00 CEST"),
        ("2026-10-25T00:30:00Z", "Sun 2026-10-25 02:30:00 CEST"),
        ("2026-10-26T01:30:00Z", "Mon 2026-10-26 02:30:00 CET")]
    starts = sluice("schedule", "next", "night", "early", "--from", "2026-03-29", "--count", "1", "--json").json[0]
    assert starts["scheduled_for"] == "2026-03-29T01:00:00Z" and starts["local"].endswith("03:00:00 CEST")
    assert "2026-03-29T01:00:00.000Z" <= starts["starts_at"] <= "2026-03-29T01:05:00.000Z"
    again = sluice("schedule", "next", "night", "early", "--from", "2026-03-29T00:59:59+00:00", "--count", "1",
                   "--json")
    assert again.json == [starts]
    assert server.is_alive()


@pytest.mark.parametrize("words, said", [
    (["schedule", "next", "a", "yearl"], "'a' has no schedule 'yearl': did you mean 'yearly'?"),
    (["schedule", "next", "b", "x"], "no schedule of a pipeline 'b' is known in this home"),
    (["schedule", "next", "a", "yearly", "--from", "soon"], "--from: expected a date or time such as"),
    (["schedule", "next", "a", "yearly", "--count", "0"], "--count: expected an integer from 1 to 10000"),
    (["schedule", "pause", "a", "other"], "'a' has no schedule 'other'"),
    (["schedule", "resume", "a", "yearly"], "schedule 'yearly' of a is not paused"),
    (["backfill", "a", "yearly", "--from", "2026-01-01"], "--from and --to: expected both"),
    (["backfill", "a", "yearly", "--from", "2026-01-02", "--to", "2026-01-01"], "'to' is not after 'from'"),
    (["backfill", "a", "yearly", "--from", "2026-01-02", "--to", "2996-01-01"], "'to' lies ahead"),
    (["backfill", "a", "yearly", "--from", "2025-01-02", "--to", "2026-01-01", "--reprocess", "all"],
     "reprocess 'all': expected none, failed or completed"),
    (["backfill", "aa", "yearly", "--from", "2025-01-02", "--to", "2026-01-01"],
     "no pipeline 'aa' is in force: did you mean 'a'?"),
    (["backfills", "cancel", "7"], "no backfill 7"),
    (["backfills", "cancel", "x"], "BACKFILL, as 'sluice backfills' numbers them: expected an integer"),
    (["triggers", "--outcome", "good"], "--outcome 'good': expected one of pending, started, "),
    (["triggers", "--kind", "cron"], "--kind 'cron': expected one of schedule, backfill, webhook, push, model, "),
])
def test_words_that_are_none(sluice, server, words, said):
    wait_for_states(sluice, {"a.yaml": A})
    result = sluice(*words)
    assert result.code != 0 and said in result.err, result
    assert server.is_alive()


def test_what_is_said_without_a_server_is_done_by_the_next(sluice, folder, server):
    folder("m.yaml", "m", on="{schedule: {id: monthly, cron: '0 0 1 * *'}}")
    wait_until(lambda: "m.yaml" in states(sluice))
    server.process.send_signal(signal.SIGTERM)
    server.process.wait()
    sluice("schedule", "pause", "a", "yearly", "-m", "later", expect=0)
    assert sluice("schedule", "list", "a", "--json").json[0]["reason"] == "later"
    sluice("backfill", "m", "monthly", "--from", "2025-01-01", "--to", "2025-04-01", "--max-active", "3", expect=0)
    sluice("backfill", "m", "monthly", "--from", "2024-01-01", "--to", "2024-04-01", expect=0)
    sluice("backfills", "cancel", "2", expect=0)
    time.sleep(0.3)
    assert sluice("triggers", "--json").json == []
    again = Server(sluice, "--pipelines", "pipelines")
    wait_until(lambda: [row["state"] for row in sluice("backfills", "--json").json] == ["cancelled", "done"])
    assert [row["scheduled_for"] for row in sluice("triggers", "m", "--json").json] == [
        "2025-03-01T00:00:00Z", "2025-02-01T00:00:00Z", "2025-01-01T00:00:00Z"]
    assert again.is_alive() and sluice("activity", "verify").code == 0


def test_a_definition_in_force_is_kept_by_gc(sluice, server):
    wait_for_states(sluice, {"a.yaml": A})
    server.process.send_signal(signal.SIGTERM)
    server.process.wait()
    sluice("gc", expect=0)
    result = sluice("backfill", "a", "yearly", "--from", "2024-12-31", "--to", "2025-01-02", "--json", expect=0)
    assert json.loads(result.out) == {"id": 1}
    again = Server(sluice, "--pipelines", "pipelines")
    wait_until(lambda: [row["outcome"] for row in sluice("triggers", "--json").json] == ["started"])
    assert again.is_alive()


def test_an_environment_in_which_triggers_start_nothing(sluice, folder):
    folder("a.yaml", "a")
    folder("b.yaml", "b", on="{pipeline: {name: a}}")
    sluice.write(".sluice/config.yaml", "environment: staging\nenvironments: {staging: {triggers: none}}\n")
    server = Server(sluice, "--pipelines", "pipelines")
    wait_for_states(sluice, {"a.yaml": A, "b.yaml": ("b", "in force", "")})
    sluice("backfill", "a", "yearly", "--from", "2024-12-31", "--to", "2025-01-02", expect=0)
    wait_until(lambda: [(row["kind"], row["outcome"], row["reason"]) for row in sluice("triggers", "--json").json] == [
        ("pipeline", "skipped", "config.yaml: triggers start nothing in this environment"),
        ("backfill", "started", "")])
    assert server.is_alive()
