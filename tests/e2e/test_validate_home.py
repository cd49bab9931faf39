# SPDX-License-Identifier: Apache-2.0
"""`sluice validate --home`: what a home counts on, checked before a switch; and what a migration leaves of before."""
import contextlib
import json
import os
import shutil
import sqlite3

from programs import BUILD, ROOT, forget_definition
from serving import Server


SCHEMA = sorted((ROOT / "orchestrator/store/schema").glob("*.sql"))
OLDER = len(SCHEMA) - 1


def make_older(path):
    """A store as the version before left it, with an open run in it."""
    with contextlib.closing(sqlite3.connect(path)) as store:
        for file in SCHEMA[:OLDER]:
            store.executescript(file.read_text(encoding="utf-8"))
        store.execute("INSERT INTO definitions VALUES ('d', 'p', ?, 0)", ["name: p\nsteps: {a: {uses: approve}}\n"])
        store.execute("INSERT INTO pipeline_runs (run_id, pipeline, number, definition, file, folder, workspace, "
                      "experiment_id, state, params, contexts, trigger, actor, seed, created_ms, ended_ms) VALUES "
                      "('r', 'p', 1, 'd', 'p.yaml', '/', '/', 0, 'succeeded', '{}', '{}', 'cli', 'ada', 0, 1, 2)")
        store.execute(f"PRAGMA user_version = {OLDER}")
        store.execute("PRAGMA journal_mode = WAL")
        store.commit()


def version_of(path):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
        return store.execute("PRAGMA user_version").fetchone()[0]


def test_what_is_open_and_what_is_newest_is_checked(sluice):
    sluice.pipeline("name: old\nsteps: {a: {run: 'true'}}\n")
    sluice("run", "-q", expect=0)
    sluice.pipeline("name: old\nsteps: {b: {run: 'true'}}\n")
    sluice("run", "-q", expect=0)
    sluice.write("ask.yaml", "name: ask\nsteps: {a: {uses: approve}}\n")
    sluice("run", "-q", "ask.yaml", expect=5)
    sluice.write("ask.yaml", "name: ask\nsteps: {a: {run: 'true'}}\n")
    sluice("run", "-q", "ask.yaml", expect=0)
    out = sluice("validate", "--home", sluice.home, expect=0).out.splitlines()
    assert out == ["ask.yaml of ask/1: valid", "ask.yaml of ask/2: valid", "sluice.yaml of old/2: valid"]


def test_a_definition_that_is_no_longer_accepted_is_named(sluice):
    sluice.write("ask.yaml", "name: ask\nsteps: {a: {uses: approve}}\n")
    sluice("run", "-q", "ask.yaml", expect=5)
    server = Server(sluice)  # also while somebody holds it
    sluice("validate", "--home", sluice.home, expect=0)
    server.stop()
    forget_definition(sluice)
    found = sluice("validate", "--home", sluice.home, expect=3)
    assert "ask.yaml of ask/1:2:8: error" in found.out and "ask.yaml of ask/1: 1 error" in found.out, found
    data = sluice("validate", "--home", sluice.home, "--json", expect=3).json
    assert data and "ask.yaml of ask/1" in json.dumps(data)


def test_what_is_in_force_and_never_ran_is_checked_once(sluice):
    on = '"on": {schedule: {id: yearly, cron: "0 0 1 1 *"}}\n'
    sluice.write("pipelines/line.yaml", f"name: line\n{on}steps: {{a: {{uses: approve}}}}\n")
    sluice("init", "-q", expect=0)
    server = Server(sluice, "--pipelines", "pipelines")
    assert server.is_alive()
    out = sluice("validate", "--home", sluice.home, expect=0).out
    assert out == f"{sluice.folder / 'pipelines/line.yaml'}, in force: valid\n", out
    server.stop()
    # Run from where it is in force, the same definition is one.
    sluice("run", sluice.folder / "pipelines/line.yaml", "-q", expect=5)
    assert sluice("validate", "--home", sluice.home, expect=0).out.count("valid") == 1
    forget_definition(sluice)
    assert "error" in sluice("validate", "--home", sluice.home, expect=3).out


def test_a_plugin_that_the_new_version_does_not_have_is_an_error(sluice):
    sluice.pipeline("name: p\nsteps: {a: {uses: ./mine.so}}\n")
    shutil.copy(BUILD / "plugins/approve.so", sluice.folder / "mine.so")
    sluice("run", "-q", expect=5)
    sluice("validate", "--home", sluice.home, expect=0)
    os.unlink(sluice.folder / "mine.so")
    assert "mine.so" in sluice("validate", "--home", sluice.home, expect=3).out


def test_a_home_without_runs_has_nothing_to_check(sluice, tmp_path):
    assert "holds no runs" in sluice("validate", "--home", tmp_path / "none", expect=4).err


def test_a_migration_keeps_the_store_as_it_was(sluice):
    """An older store is read as it is, and the next command that writes keeps a copy before it upgrades."""
    sluice("init", expect=0)
    database, copy = sluice.home / "sluice.db", sluice.home / f"sluice.db.schema-{OLDER}"
    for file in sluice.home.glob("sluice.db*"):
        file.unlink()
    make_older(database)
    assert sluice("validate", "--home", sluice.home, expect=0).out == "p.yaml of p/1: valid\n"
    assert version_of(database) == OLDER and not copy.exists()
    found = sluice("runs", expect=0)
    assert f"the store was brought up to schema {OLDER + 1}; as it was before it is '{copy}'" in found.err
    assert copy.stat().st_mode & 0o777 == 0o600 and version_of(copy) == OLDER and version_of(database) == OLDER + 1
    with contextlib.closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as store:
        assert store.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert store.execute("SELECT run_id FROM pipeline_runs").fetchall() == [("r",)]
    assert sluice("run", "-q", expect=0).err == ""


def test_a_migration_that_finds_no_room_for_the_copy_changes_nothing(sluice):
    sluice("init", expect=0)
    for file in sluice.home.glob("sluice.db*"):
        file.unlink()
    make_older(sluice.home / "sluice.db")
    (sluice.home / f"sluice.db.schema-{OLDER}").mkdir()  # nothing can be called so
    (sluice.home / f"sluice.db.schema-{OLDER}/x").touch()
    found = sluice("run", "-q", expect=4)
    assert "keeping the store as it was before it is upgraded" in found.err
    assert version_of(sluice.home / "sluice.db") == OLDER
