# SPDX-License-Identifier: Apache-2.0
"""The home: where it is found, which version wrote it, what `doctor`, `config` and `init` say of it."""
import fcntl
import os
import sqlite3

import pytest
from accounts import with_input
from programs import ROOT, Sluice
from test_cli import HELLO


# ---- the home -------------------------------------------------------------------------------------------------------


def test_the_home_is_found_upwards_and_sluice_yaml_is_hinted_at(sluice):
    sluice.pipeline(HELLO)
    environment = {**sluice.env}
    del environment["SLUICE_HOME"]
    sluice.env = environment
    sluice.run()
    below = sluice.folder / "a" / "b"
    below.mkdir(parents=True)
    assert [row["run"] for row in sluice("runs", "--json", cwd=below).json] == ["hello/1"]
    assert "did you mean '../../sluice.yaml'?" in sluice("run", cwd=below, expect=2).err
    sluice("run", "../../sluice.yaml", cwd=below, expect=0)
    assert not (below / ".sluice").exists() and len(sluice("runs", "--json").json) == 2
    elsewhere = sluice("runs", "--json", "--home", sluice.folder / "other", expect=4)
    assert "there is no home at" in elsewhere.json["error"]["message"]


ACTING = ["resume", "retry 1", "rerun 1", "cancel 1", "gates replay 1 wine/1", "approve 1", "reject 1 -m no",
          "approvals undelegate 1", "rollback wine champion", "models comment wine/1 good",
          "models subscribe wine mail", "models unsubscribe 1", "sources sync", "schedule pause wine night",
          "schedule resume wine night", "backfills cancel 1", "deploy-job start wine 1",
          "deploy-job connect wine ship", "deploy-job disconnect wine",
          "secrets rm TOKEN", "channels test mail", "channels enable mail", "webhooks test w", "webhooks redeliver d",
          "deliveries replay 1", "users rm eve", "users role eve admin", "tokens revoke t", "backup copies"]


@pytest.mark.parametrize("words", ACTING)
def test_what_acts_on_what_is_there_makes_no_home(sluice, words):
    """In the wrong folder it would say that there is no such run, and leave a home there that is found from then on."""
    refused = sluice(*words.split(), expect=4)
    assert refused.err == f"sluice: there is no home at '{sluice.home}': 'sluice init' or 'sluice run' makes one\n"
    assert not sluice.home.exists()


def test_who_stands_in_the_wrong_folder_hears_where_a_home_was_looked_for(sluice):
    del sluice.env["SLUICE_HOME"]
    for words in ("runs", "approve 1", "config"):
        refused = sluice(*words.split(), expect=4)
        assert f"there is no home at '{sluice.folder}/.sluice', nor in a folder above (--home names one elsewhere)" in \
            refused.err
    assert not (sluice.folder / ".sluice").exists()


@pytest.mark.parametrize("words, given", [("secrets set TOKEN -", "12345678"),
                                          ("users create eve --admin", "a long password\n")])
def test_what_is_said_before_the_first_run_makes_a_home(sluice, words, given):
    with_input(sluice, given, *words.split())
    assert (sluice.home / "sluice.db").exists()


def test_run_without_a_file_says_what_to_do(sluice):
    missing = sluice("run", expect=2)
    assert "there is no file 'sluice.yaml'" in missing.err and "sluice init" in missing.err
    assert not sluice.home.exists()


@pytest.mark.parametrize("name", ["with spaces and 'quotes\"", "ünïcode 漢字", "$(touch pwned)`id`",
                                  "d" * 120 + "/" + "e" * 120])
def test_a_home_may_lie_in_any_folder(sluice, name):
    place = Sluice(sluice.folder / name)
    place.folder.mkdir(parents=True)
    place.pipeline("""\
        name: p
        steps:
          shell: {run: 'test "$PWD" = "$SLUICE_WORKSPACE" && echo hello'}
          lua: {lua: 'sluice.log("hello")'}
          plugin: {uses: wait, with: {until: "2020-01-01T00:00:00Z"}}
        """)
    try:
        assert place.run().json["status"] == "succeeded"
        assert sorted(place("logs").out.splitlines())[:2] == ["lua | hello", "shell | hello"]
        place("doctor", expect=0)
    finally:
        place.close()
    assert not list(sluice.folder.rglob("pwned"))


def test_a_home_whose_holder_keeps_no_door_is_refused_after_a_while_and_looking_goes_on(sluice):
    sluice.pipeline(HELLO)
    sluice.run()
    with open(sluice.home / "lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate()
        lock.write("sluice backup, pid 1, since 2020-01-01T00:00:00.000Z\n")
        lock.flush()
        started = [sluice.start(*words.split()) for words in ("run --new", "resume", "retry latest", "approve latest")]
        for words in ("runs", "show", "logs", "approvals", "activity", "experiments", "doctor", "config"):
            sluice(*words.split(), expect=0)
        for process in started:
            out, err = process.communicate(timeout=60)
            assert process.returncode == 4 and out == ""
            assert "in use by sluice backup, pid 1" in err and "--home" in err


def make_older(path, version):
    """The same rows in a store as a sluice of that version of the schema had it."""
    older = path.with_name("older.db")
    with sqlite3.connect(older) as store:
        for file in sorted((ROOT / "orchestrator/store/schema").glob("*.sql"))[:version]:
            store.executescript(file.read_text(encoding="utf-8"))
        store.execute("ATTACH ? AS new", (str(path),))
        for table, in store.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'").fetchall():
            columns = ", ".join(row[1] for row in store.execute(f"PRAGMA main.table_info({table})"))
            store.execute(f"DELETE FROM main.{table}")
            now = store.execute("SELECT type FROM new.sqlite_schema WHERE name = ?", (table,)).fetchone()
            if now != ("table",):
                continue  # what came later has other tables for it
            store.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")
        store.execute(f"PRAGMA user_version = {version}")
    store.close()
    older.replace(path)


@pytest.mark.parametrize("version", [7, 8, 9, 10, 11])
def test_a_home_of_an_older_sluice_is_upgraded_by_whoever_comes_first(sluice, version):
    sluice.pipeline(HELLO)
    sluice.run()
    make_older(sluice.home / "sluice.db", version)
    assert len(sluice("runs", "--json", expect=0).json) == 1
    assert sluice.run().json["number"] == "2"
    sluice("activity", "verify", expect=0)


def test_a_home_of_a_newer_sluice_is_refused_in_words(sluice):
    sluice.pipeline(HELLO)
    sluice.run()
    with sqlite3.connect(sluice.home / "sluice.db") as store:
        store.execute("PRAGMA user_version = 999")
    store.close()
    for words in ("run", "runs", "show", "doctor"):
        result = sluice(*words.split(), expect=4)
        assert "written by a newer sluice (schema 999" in result.out + result.err


def test_doctor_finds_what_is_not_well(sluice):
    assert "none yet" in sluice("doctor", expect=0).out
    sluice.pipeline(HELLO)
    sluice.run()
    well = sluice("doctor", "--json", expect=0).json
    assert all(one["well"] for one in well)
    assert {"home", "store", "activity", "plugins"} <= {one["check"] for one in well}
    store = sluice.home / "sluice.db"
    data = bytearray(store.read_bytes())
    for page in range(2, len(data) // 4096):
        data[page * 4096:page * 4096 + 64] = b"\xa5" * 64
    store.write_bytes(data)
    ill = sluice("doctor", expect=4)
    assert "BAD  store" in ill.out and "damaged" in ill.out
    assert all(line.startswith(("ok  ", "BAD ")) for line in ill.out.splitlines()), "one line each"
    assert any(not one["well"] for one in sluice("doctor", "--json", expect=4).json)
    store.write_text("this is no database")
    assert "not a database" in sluice("doctor", expect=4).out and "damaged" in sluice("runs", expect=4).err
    (sluice.home / "key").write_text("short")
    assert sluice("doctor", expect=4).code == 4


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_a_home_of_somebody_else_is_refused_in_words(sluice):
    sluice.pipeline(HELLO)
    sluice.run()
    for folder in (sluice.folder, *sluice.folder.parents):
        if folder.stat().st_uid == os.getuid() and str(folder).startswith("/tmp/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    closed = sluice("runs", user=65534, group=65534, extra_groups=[], expect=4)
    assert "Permission denied" in closed.err
    sluice.home.chmod(0o755)
    for path in sluice.home.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    for words in ("runs", "doctor"):
        result = sluice(*words.split(), user=65534, group=65534, extra_groups=[], expect=4)
        assert "read-only for you" in result.out + result.err
    assert "Permission denied" in sluice("run", user=65534, group=65534, extra_groups=[], expect=4).err


def test_config_is_checked_before_anything_has_run(sluice):
    assert "there is no home" in sluice("config", expect=4).err
    sluice.write(".sluice/config.yaml", "group: {leads: [ann]}\nsecret: {}\n")
    wrong = sluice("config", expect=2)
    assert "did you mean 'groups'?" in wrong.err and "config.yaml:2:1" in wrong.err
    assert sluice("config", "--json", expect=2).json["files"][0]["errors"] == 2
    sluice.write(".sluice/config.yaml", "groups: {leads: [ann]}\n")
    assert sluice("config", "--json", expect=0).json["groups"] == {"leads": ["ann"]}


def test_config_lists_its_keys_checks_the_file_and_shows_no_secret(sluice):
    sluice.pipeline(HELLO)
    sluice.run()
    plain = sluice("config", expect=0).out
    assert "not there: all defaults" in plain and "secrets.NAME.exec" in plain
    sluice.write(".sluice/config.yaml", "secrets: {TOKEN: {env: HIDDEN}}\ngroups: {leads: [ann]}\n")
    shown = sluice("config", "--json", env={"HIDDEN": "swordfish"}, expect=0)
    assert shown.json["secrets"] == ["TOKEN"] and shown.json["groups"] == {"leads": ["ann"]}
    assert "swordfish" not in shown.out and "TOKEN" in sluice("config").out
    sluice.write(".sluice/config.yaml", "group: {leads: [ann]}\n")
    wrong = sluice("config", expect=2).err
    assert "config.yaml:1:1" in wrong and "did you mean 'groups'?" in wrong
    assert "config.yaml:1:1" in sluice("run", expect=2).err


# ---- init -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before, after", [
    (None, ".sluice/\n"), ("", ".sluice/\n"), ("out/\n", "out/\n.sluice/\n"), ("out/", "out/\n.sluice/\n"),
    (".sluice/\nout/\n", None), ("/.sluice\n", None), ("a\r\n.sluice/\r\n", None)])
def test_init_adds_the_home_to_gitignore_once(sluice, before, after):
    ignored = sluice.folder / ".gitignore"
    if before is not None:
        ignored.write_bytes(before.encode())
    result = sluice("init", expect=0)
    assert "next: sluice run" in result.out and "wrote sluice.yaml" in result.err
    assert ignored.read_bytes().decode() == (before if after is None else after)
    assert (sluice.home / ".gitignore").read_text() == "*\n" and sluice.home.stat().st_mode & 0o77 == 0
    (sluice.folder / "sluice.yaml").unlink()
    sluice("init", expect=0)
    assert ignored.read_bytes().decode() == (before if after is None else after)


@pytest.mark.parametrize("template", ["hello", "python"])
def test_what_init_writes_runs_at_once(sluice, template):
    made = sluice("init", "--from", template, "--json", expect=0).json
    assert made == {"home": str(sluice.home), "template": template}
    sluice("validate", expect=0)
    assert sluice.run().json["status"] == "succeeded"


def test_init_never_overwrites(sluice):
    sluice.write("train.py", "mine\n")
    refused = sluice("init", "--from", "python", expect=2)
    assert "'train.py' is there already" in refused.err
    assert (sluice.folder / "train.py").read_text() == "mine\n"
    assert sorted(os.listdir(sluice.folder)) == ["train.py"], "nothing half done"
