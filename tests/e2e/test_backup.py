# SPDX-License-Identifier: Apache-2.0
"""`sluice backup` and `sluice restore`: a home in use, killed half-way, torn, full disks, other places and keys."""
import hashlib
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

import pytest
from programs import BUILD, Sluice, wait_until
from serving import Server

LIFE = """\
    name: life
    steps:
      make:
        run: |
          mkdir -p "$SLUICE_STEP_DIR/m"; head -c 30000 /dev/urandom > "$SLUICE_STEP_DIR/m/weights"
          echo data > "$SLUICE_STEP_DIR/data.txt"; echo n=3 >> "$SLUICE_OUTPUT"; echo made
        outputs: {n: integer}
        model: {path: "${{ step.dir }}/m"}
        artifacts: {data: "${{ step.dir }}/data.txt"}
      ask: {needs: [make], uses: approve}
      use: {needs: [ask], run: 'cat "${{ steps.make.artifacts.data }}"; test -f "${{ steps.make.artifacts.data }}"'}
      register: {needs: [use], uses: register, with: {model: "${{ steps.make.model_id }}", name: life}}
    """
# Of these columns a text may name the home that was: what people, clients or steps wrote, and what happened there.
HISTORY = {("activity", "reason"), ("definitions", "source"), ("pipeline_runs", "params"), ("run_params", "value"),
           ("run_tags", "value"), ("pipeline_runs", "file")}


def at(folder, home):
    """sluice for another home."""
    program = Sluice(folder)
    program.env["SLUICE_HOME"] = str(home)
    return program


def backup(sluice, target, *options, expect=0):
    return sluice("backup", target, *options, "--json", expect=expect).json


def rewrite_manifest(made, manifest):
    text = json.dumps(manifest)
    (made / "manifest.json").write_text(text)
    (made / "manifest.sha256").write_text(hashlib.sha256(text.encode()).hexdigest() + "\n")


def texts_naming(database, path):
    """(table, column) of every text that says the path."""
    found = set()
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as store:
        tables = [name for name, in store.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in tables:
            for _, column, *_ in store.execute(f"PRAGMA table_info({table})").fetchall():
                if store.execute(f"SELECT 1 FROM {table} WHERE instr(CAST({column} AS TEXT), ?)", [path]).fetchone():
                    found.add((table, column))
    return found


def expect_sound(sluice):
    """doctor, the chain, every artifact by its recorded digest."""
    sluice("doctor", expect=0)
    assert sluice("activity", "verify", "--json", expect=0).json["holds"]
    with sqlite3.connect(f"file:{sluice.env['SLUICE_HOME']}/sluice.db?mode=ro", uri=True) as store:
        rows = store.execute("SELECT coalesce(r.artifact_uri, m.artifact_uri), a.path, a.sha256 FROM artifacts a LEFT "
                             "JOIN runs r ON r.run_id = a.owner LEFT JOIN logged_models m ON m.model_id = a.owner")
        for folder, path, sha256 in rows.fetchall():
            assert hashlib.sha256((pathlib.Path(folder) / path).read_bytes()).hexdigest() == sha256, path
    return True


# ---- there and back -------------------------------------------------------------------------------------------------


def test_a_restored_home_elsewhere_goes_on_where_the_other_was(sluice, tmp_path):
    sluice.pipeline(LIFE)
    sluice("run", "-q", expect=5)
    (sluice.home / "config.yaml").write_text("gc: {logs: {keep_last: 3}}\n")
    made = backup(sluice, tmp_path / "backups")
    assert made["open_runs"] == 1 and made["copied_files"] == made["files"] >= 5 and not made["key"]
    new = tmp_path / "a b" / "home's"
    restored = sluice("restore", tmp_path / "backups", "--home", new, "--json", expect=0).json
    assert restored["open_runs"] == 1 and restored["files"] == made["files"]
    other = at(sluice.folder, new)
    assert expect_sound(other)
    assert texts_naming(new / "sluice.db", str(sluice.home)) <= HISTORY
    shutil.move(sluice.home, tmp_path / "gone")  # nothing of it is needed
    other("approve", "life/1", "-m", "fine", "--resume", expect=0)
    show = other("show", "--json", expect=0).json
    assert show["status"] == "succeeded" and "made" in other("logs", "life/1", expect=0).out
    assert "data\n" in other("logs", "life/1", expect=0).out and expect_sound(other)
    assert "keep_last" in (new / "config.yaml").read_text()
    first = other("activity", "--json", expect=0).json
    row = next(row for row in first if row["action"] == "home.restored")
    assert row["object"] == f"backup {pathlib.Path(made['backup']).name}" and row["from"] == made["activity_head"]
    assert "1 runs were open" in row["reason"] and str(sluice.home) in row["reason"]


def test_the_chain_of_a_restored_home_is_held_with_its_key_and_without(sluice, tmp_path):
    sluice.pipeline("name: p\nsteps: {a: {run: 'true'}}\n")
    sluice("run", "-q", expect=0)
    sluice("secrets", "set", "WORD", "hidden-word", expect=0)
    made = backup(sluice, tmp_path / "b", "--with-key")
    plain = backup(sluice, tmp_path / "plain")
    assert made["key"] and (pathlib.Path(made["backup"]) / "home/key").stat().st_mode & 0o777 == 0o600
    key = sluice.home / "key"
    sluice("restore", made["backup"], "--home", tmp_path / "with", expect=0)
    sluice("restore", plain["backup"], "--home", tmp_path / "given", "--key", key, expect=0)
    out = sluice("restore", plain["backup"], "--home", tmp_path / "new", expect=0).out
    assert "with a new key: sealed secrets have to be set again" in out
    for name, foreign in (("with", 0), ("given", 0), ("new", 4)):
        other = at(sluice.folder, tmp_path / name)
        proof = other("activity", "verify", "--head", made["activity_head"], "--json", expect=0).json
        assert proof["of_another_key"] == foreign, name
        assert (other("doctor").code == 0) == (name != "new"), name  # a secret that cannot be opened
    (tmp_path / "wrong").write_bytes(b"x" * 32)
    refused = sluice("restore", plain["backup"], "--home", tmp_path / "no", "--key", tmp_path / "wrong", expect=2)
    assert "the key is not that of the backup" in refused.err and not (tmp_path / "no").exists()
    (tmp_path / "wrong").write_bytes(b"x" * 31)
    refused = sluice("restore", plain["backup"], "--home", tmp_path / "no", "--key", tmp_path / "wrong", expect=2)
    assert "expected the 32 bytes of a home's key, found 31" in refused.err
    # Whoever changes a row of before is found by the row that the restore added.
    with sqlite3.connect(tmp_path / "new/sluice.db") as store:
        store.execute("DROP TRIGGER activity_is_not_changed")
        store.execute("UPDATE activity SET actor = 'eve' WHERE sequence = 1")
    assert "the activity log is broken" in at(sluice.folder, tmp_path / "new")("activity", "verify", expect=1).err


def test_what_has_not_changed_is_not_copied_again_and_each_backup_stands_alone(sluice, tmp_path):
    sluice.pipeline(LIFE)
    sluice("run", "-q", expect=5)
    first = backup(sluice, tmp_path / "b")
    second = backup(sluice, tmp_path / "b")
    assert second["files"] == first["files"] and second["copied_files"] == 2  # the database and the journal
    weights = [next(pathlib.Path(made["backup"]).rglob("weights")) for made in (first, second)]
    assert weights[0].stat().st_ino == weights[1].stat().st_ino
    # The home's own file is another: writing to it changes no backup.
    own = next((sluice.home / "artifacts").rglob("weights"))
    assert own.stat().st_ino != weights[0].stat().st_ino
    newest = sluice("backup", "verify", tmp_path / "b", "--json", expect=0).json
    assert newest["sha256"] == second["sha256"] != first["sha256"]
    shutil.rmtree(first["backup"])
    sluice("backup", "verify", second["backup"], expect=0)
    own.chmod(0o644)
    own.write_bytes(b"changed")
    third = sluice("backup", tmp_path / "b", expect=1)
    assert "1 artifacts of the home are not what was recorded" in third.err and "weights" in third.err
    found = sluice("backup", "list", tmp_path / "b", "--json", expect=0).json
    assert len(found) == 2
    sluice("backup", "verify", second["backup"], expect=0)
    assert "were not what was recorded" in sluice("backup", "verify", tmp_path / "b" / found[1]["backup"], expect=1).err


def test_older_backups_go(sluice, tmp_path):
    sluice.pipeline("name: p\nsteps: {a: {run: 'true'}}\n")
    sluice("run", "-q", expect=0)
    names = [pathlib.Path(backup(sluice, tmp_path / "b")["backup"]).name for _ in range(11)]
    assert len(set(names)) == 11
    assert [row["backup"] for row in sluice("backup", "list", tmp_path / "b", "--json").json] == names
    (tmp_path / "b/mine").mkdir()
    made = backup(sluice, tmp_path / "b", "--keep", "2")
    assert made["removed"] == 10
    assert sorted(os.listdir(tmp_path / "b")) == sorted([names[-1], pathlib.Path(made["backup"]).name, "mine"])


def test_a_backup_is_behind_those_that_are_there_also_when_the_clock_was_set_back(sluice, tmp_path):
    sluice.pipeline("name: p\nsteps: {a: {run: 'true'}}\n")
    sluice("run", "-q", expect=0)
    first = pathlib.Path(backup(sluice, tmp_path / "b")["backup"])
    first.rename(tmp_path / "b/2999-01-01T00-00-00Z-9")
    assert backup(sluice, tmp_path / "b")["backup"].endswith("/2999-01-01T00-00-00Z-10")
    assert backup(sluice, tmp_path / "b", "--keep", "1")["backup"].endswith("/2999-01-01T00-00-00Z-11")
    assert os.listdir(tmp_path / "b") == ["2999-01-01T00-00-00Z-11"]


def test_steps_that_ran_are_lost_in_the_new_home_and_go_on_in_the_old(sluice, tmp_path):
    sluice.pipeline("""
        name: slow
        steps:
          a: {run: 'echo x >> "$SLUICE_WORKSPACE/began"; until [ -e go ]; do sleep 0.1; done; echo ended >> done'}
    """)
    process = sluice.start("run", "-q")
    wait_until(lambda: (sluice.folder / "began").exists())
    backup(sluice, tmp_path / "b")
    sluice("restore", tmp_path / "b", "--home", tmp_path / "new", expect=0)
    other = at(sluice.folder, tmp_path / "new")
    assert other("resume", "-q").code == 1
    step = other("show", "--json").json["steps"][0]
    assert step["status"] == "failed" and "lost: it ran when the backup was made" in json.dumps(step), step
    assert (sluice.folder / "began").read_text() == "x\n" and not (sluice.folder / "done").exists()
    (sluice.folder / "go").touch()
    assert process.wait(60) == 0 and (sluice.folder / "done").read_text() == "ended\n"


def test_settings_that_are_links_are_copied(sluice, tmp_path):
    """As they are where somebody else manages them: a volume of settings, a folder under version control."""
    sluice.pipeline("name: p\nsteps: {a: {run: 'true'}}\n")
    sluice.write(".sluice/config.yaml", "external_url: https://ml.example.org\n")
    sluice("run", "-q", expect=0)
    for name in ("config.yaml", "key"):
        (sluice.home / name).rename(tmp_path / name)
        (sluice.home / name).symlink_to(tmp_path / name)
    sluice("run", "-q", expect=0)
    backup(sluice, tmp_path / "b", "--with-key")
    sluice("restore", tmp_path / "b", "--home", tmp_path / "new", expect=0)
    for name in ("config.yaml", "key"):
        assert not (tmp_path / "new" / name).is_symlink()
        assert (tmp_path / "new" / name).read_bytes() == (tmp_path / name).read_bytes()
    (sluice.home / "config.yaml").unlink()
    (sluice.home / "config.yaml").symlink_to(tmp_path / "nowhere")
    made = pathlib.Path(backup(sluice, tmp_path / "b")["backup"])
    assert not (made / "home/config.yaml").exists()


# ---- refused --------------------------------------------------------------------------------------------------------


def test_what_is_refused_says_why(sluice, tmp_path):
    sluice.pipeline("name: p\nsteps: {a: {run: 'true'}}\n")
    assert sluice("backup", tmp_path / "b").code == 4  # no home
    sluice("run", "-q", expect=0)
    inside = sluice("backup", sluice.home / "backups", expect=2)
    assert "who loses that loses both" in inside.err
    made = pathlib.Path(backup(sluice, tmp_path / "b")["backup"])
    assert "holds something already" in sluice("restore", made, "--home", sluice.home).err
    (tmp_path / "file").touch()
    assert "holds something already" in sluice("restore", made, "--home", tmp_path / "file").err
    assert sluice("restore", tmp_path / "nothing", "--home", tmp_path / "new", expect=2).err
    assert "is no backup" in sluice("restore", tmp_path, "--home", tmp_path / "new", expect=2).err
    (tmp_path / "empty").mkdir()
    sluice("restore", made, "--home", tmp_path / "empty", expect=0)
    for words in (["--keep", "0"], ["--keep", "x"], ["--log-budget", "-1"]):
        assert sluice("backup", tmp_path / "b", *words, expect=2).err
    with sqlite3.connect(made / "home/sluice.db") as store:
        store.execute("PRAGMA user_version = 9999")
    manifest = json.loads((made / "manifest.json").read_text())
    for change, words in (({"schema": 9999}, "of a newer sluice (schema 9999"), ({"format": 7}, "format 7"),
                          ({"home": "x"}, "no manifest of a backup"), ({"files": None}, "no manifest of a backup")):
        rewrite_manifest(made, {**manifest, **change})
        refused = sluice("restore", made, "--home", tmp_path / "new", expect=4)
        assert words in refused.err and not (tmp_path / "new").exists(), refused.err


@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "longer", "empty"])
@pytest.mark.parametrize("which", ["home/sluice.db", "weights", "journal", "files.list", "manifest.json",
                                   "manifest.sha256"])
def test_a_torn_file_is_found_and_nothing_is_restored(sluice, tmp_path, which, damage):
    sluice.pipeline(LIFE)
    sluice("run", "-q", expect=5)
    made = pathlib.Path(backup(sluice, tmp_path / "b")["backup"])
    sluice("backup", "verify", made, expect=0)
    file = made / which if (made / which).exists() else next((made / "home").rglob(which))
    data = file.read_bytes()
    file.chmod(0o600)
    middle = len(data) // 2
    changed = {"flip": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1:], "cut": data[:-1],
               "longer": data + b"x", "empty": b"", "gone": b""}[damage]
    file.write_bytes(changed)
    if damage == "gone":
        file.unlink()
    assert sluice("backup", "verify", made).code != 0
    refused = sluice("restore", made, "--home", tmp_path / "new")
    assert refused.code in (2, 4) and refused.err.startswith("sluice: "), refused
    assert not (tmp_path / "new").exists() and not list(tmp_path.glob(".new*"))


def test_a_backup_of_before_has_no_digest_of_its_manifest(sluice, tmp_path):
    sluice.pipeline("name: p\nsteps: {a: {run: 'true'}}\n")
    sluice("run", "-q", expect=0)
    made = pathlib.Path(backup(sluice, tmp_path / "b")["backup"])
    manifest = json.loads((made / "manifest.json").read_text())
    assert manifest.pop("sha256_in") == "manifest.sha256"
    (made / "manifest.json").write_text(json.dumps(manifest))
    sluice("backup", "verify", made, expect=4)  # it has one, of another manifest
    (made / "manifest.sha256").unlink()
    sluice("backup", "verify", made, expect=0)
    sluice("restore", made, "--home", tmp_path / "new", expect=0)


def test_a_link_in_the_way_of_a_restore_leads_nowhere(sluice, tmp_path):
    sluice.pipeline("name: p\nsteps: {a: {run: 'true'}}\n")
    sluice("run", "-q", expect=0)
    made = backup(sluice, tmp_path / "b")["backup"]
    other = tmp_path / "other"
    other.mkdir()
    (other / "theirs").write_text("it stays")
    (tmp_path / ".new.restoring").symlink_to(other)
    refused = sluice("restore", made, "--home", tmp_path / "new", expect=1)
    assert "is a link" in refused.err and (other / "theirs").read_text() == "it stays"
    assert not (tmp_path / "new").exists() and os.listdir(other) == ["theirs"]
    (tmp_path / ".new.restoring").unlink()
    for target in (tmp_path / "nowhere", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        link = tmp_path / "link"
        link.symlink_to(target)
        assert "is a link" in sluice("restore", made, "--home", link, expect=1).err
        link.unlink()
    assert not list(tmp_path.glob(".*.restoring"))
    (tmp_path / ".new.restoring").mkdir(mode=0o777)
    sluice("restore", made, "--home", tmp_path / "new", expect=0)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_in_the_way_of_a_restore_is_refused(sluice, tmp_path):
    sluice.pipeline("name: p\nsteps: {a: {run: 'true'}}\n")
    sluice("run", "-q", expect=0)
    made = backup(sluice, tmp_path / "b", "--with-key")["backup"]
    staging = tmp_path / ".new.restoring"
    staging.mkdir()
    os.chown(staging, 65534, 65534)
    assert "another user's" in sluice("restore", made, "--home", tmp_path / "new", expect=1).err
    assert os.listdir(staging) == [] and not (tmp_path / "new").exists()


@pytest.mark.parametrize("path", ["../out", "/etc/passwd", "a/../../out", ""])
def test_a_list_that_names_the_outside_is_refused(sluice, tmp_path, path):
    sluice.pipeline("name: p\nsteps: {a: {run: 'true'}}\n")
    sluice("run", "-q", expect=0)
    made = pathlib.Path(backup(sluice, tmp_path / "b")["backup"])
    lines = f"{'0' * 64} 0 0600 - {path}\n".encode()
    (made / "files.list").write_bytes(lines)
    manifest = json.loads((made / "manifest.json").read_text())
    manifest["files"] = {"count": 1, "bytes": 0, "list_sha256": hashlib.sha256(lines).hexdigest()}
    rewrite_manifest(made, manifest)
    assert "line 1 is none of a list" in sluice("restore", made, "--home", tmp_path / "new", expect=4).err
    assert not (tmp_path / "out").exists()


# ---- killed half-way ------------------------------------------------------------------------------------------------

BACKUP_POINTS = ["backup_store_copied", "backup_before_artifacts", "backup_before_sync", "backup_before_rename",
                 "backup_after_rename", "backup_while_removing"]
RESTORE_POINTS = ["restore_half_copied", "restore_copied", "restore_before_sync", "restore_before_rename",
                  "restore_after_rename"]


@pytest.mark.parametrize("point", BACKUP_POINTS)
def test_killed_while_it_backs_up(sluice, tmp_path, point):
    sluice.pipeline(LIFE)
    sluice("run", "-q", expect=5)
    first = backup(sluice, tmp_path / "b")
    killed = sluice("backup", tmp_path / "b", "--keep", "1", env={"SLUICE_CRASH": point})
    assert killed.code == -signal.SIGKILL
    found = [row["backup"] for row in sluice("backup", "list", tmp_path / "b", "--json").json]
    assert len(found) == (2 if point == "backup_after_rename" else 1), found
    for name in found:
        sluice("backup", "verify", tmp_path / "b" / name, expect=0)
    again = backup(sluice, tmp_path / "b", "--keep", "2")
    assert pathlib.Path(again["backup"]).name in os.listdir(tmp_path / "b")
    assert not [name for name in os.listdir(tmp_path / "b") if name.startswith(".")]
    sluice("restore", tmp_path / "b", "--home", tmp_path / "new", expect=0)
    assert expect_sound(at(sluice.folder, tmp_path / "new")) and first


@pytest.mark.parametrize("point", RESTORE_POINTS)
def test_killed_while_it_restores(sluice, tmp_path, point):
    sluice.pipeline(LIFE)
    sluice("run", "-q", expect=5)
    backup(sluice, tmp_path / "b")
    killed = sluice("restore", tmp_path / "b", "--home", tmp_path / "new", env={"SLUICE_CRASH": point})
    assert killed.code == -signal.SIGKILL
    whole = point == "restore_after_rename"
    assert (tmp_path / "new").exists() == whole
    again = sluice("restore", tmp_path / "b", "--home", tmp_path / "new")
    assert again.code == (1 if whole else 0), again
    assert expect_sound(at(sluice.folder, tmp_path / "new")) and not list(tmp_path.glob(".new*"))


def test_two_at_once(sluice, tmp_path):
    sluice.pipeline("name: p\nsteps: {a: {run: 'true'}}\n")
    sluice("run", "-q", expect=0)
    stopped = sluice.start("backup", tmp_path / "b", env={"SLUICE_CRASH": "none"})
    stopped.wait(30)
    import fcntl  # the lock as another sluice would hold it
    folder = os.open(tmp_path / "b", os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    assert "another sluice makes a backup" in sluice("backup", tmp_path / "b", expect=4).err
    os.close(folder)
    pin = os.open(sluice.home / "pin", os.O_RDWR)
    fcntl.flock(pin, fcntl.LOCK_SH)
    assert "a backup of the home" in sluice("gc", expect=4).err
    sluice("gc", "--dry-run", expect=0)
    fcntl.flock(pin, fcntl.LOCK_EX)
    assert "being removed" in sluice("backup", tmp_path / "b", expect=4).err
    os.close(pin)
    sluice("gc", expect=0)


# ---- full disks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [100_000, 620_000])
def test_a_file_that_does_not_fit_leaves_nothing(sluice, tmp_path, most):
    """100 kB: the database does not fit; 620 kB: an artifact."""
    sluice.pipeline("""
        name: big
        steps:
          a:
            run: head -c 900000 /dev/zero > "$SLUICE_STEP_DIR/big"
            artifacts: {big: "${{ step.dir }}/big"}
    """)
    sluice("run", "-q", expect=0)

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    failed = sluice("backup", tmp_path / "b", preexec_fn=limit)
    assert failed.code == 4 or failed.code == 1, failed
    assert failed.err.startswith("sluice: ") and os.listdir(tmp_path / "b") == []
    backup(sluice, tmp_path / "b")
    failed = sluice("restore", tmp_path / "b", "--home", tmp_path / "new", preexec_fn=limit)
    assert failed.code == 4 and not (tmp_path / "new").exists() and not list(tmp_path.glob(".new*")), failed
    sluice("restore", tmp_path / "b", "--home", tmp_path / "new", expect=0)


def test_a_full_disk_is_said(sluice, tmp_path):
    sluice.pipeline("name: p\nsteps: {a: {run: 'true'}}\n")
    sluice("run", "-q", expect=0)
    source = pathlib.Path(__file__).parents[1] / "fixtures" / "full_disk.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", tmp_path / "full.so", source, "-ldl"], check=True)
    env = {"LD_PRELOAD": str(tmp_path / "full.so"), "FULL_WHILE": str(tmp_path / "full"),
           "ASAN_OPTIONS": sluice.env["ASAN_OPTIONS"] + ":verify_asan_link_order=0"}
    (tmp_path / "full").touch()
    failed = sluice("backup", tmp_path / "b", env=env)
    assert failed.code != 0 and "disk is full" in failed.err and os.listdir(tmp_path / "b") == [], failed
    (tmp_path / "full").unlink()
    sluice("backup", tmp_path / "b", env=env, expect=0)


# ---- under load -----------------------------------------------------------------------------------------------------


class Writers:
    """Clients that log batches, each point telling how many came before it."""

    def __init__(self, server, count):
        self.server, self.ended = server, threading.Event()
        self.runs = [server.run()["run_id"] for _ in range(count)]
        self.acked = dict.fromkeys(self.runs, 0)
        self.threads = [threading.Thread(target=self.log, args=(run,)) for run in self.runs]
        for thread in self.threads:
            thread.start()

    def log(self, run):
        step = 0
        while not self.ended.is_set():
            metrics = [{"key": "n", "value": step + i, "timestamp": step + i, "step": step + i} for i in range(20)]
            self.server.api("POST", "/runs/log-batch", {"run_id": run, "metrics": metrics})
            step += 20
            self.acked[run] = step

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()


def points_of(database):
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as store:
        return dict(store.execute("SELECT run_id, count FROM metric_series WHERE key = 'n'").fetchall())


def test_backups_beside_writers_hold_all_that_was_acknowledged(sluice, tmp_path):
    server = Server(sluice)
    writers = Writers(server, 6)
    try:
        for turn in range(4):
            time.sleep(0.3)
            before = dict(writers.acked)
            made = backup(sluice, tmp_path / "b")
            after = dict(writers.acked)
            home = tmp_path / f"home{turn}"
            sluice("restore", made["backup"], "--home", home, expect=0)
            found = points_of(home / "sluice.db")
            for run in writers.runs:
                assert before[run] <= found.get(run, 0) <= after[run] + 20 and found.get(run, 0) % 20 == 0, run
            assert expect_sound(at(sluice.folder, home))
        wait_until(lambda: all(writers.acked.values()))
    finally:
        writers.stop()
    backup(sluice, tmp_path / "b")
    assert (sluice.home / "sluice.db-wal").stat().st_size == 0  # cut once it was done
    actions = [row["action"] for row in sluice("activity", "--json", expect=0).json]
    assert actions.count("home.backed_up") == 5
    server.stop()


def test_killed_at_random_moments_beside_writers(sluice, tmp_path):
    lot = random.Random(5)
    server = Server(sluice)
    writers = Writers(server, 3)
    kills = 0
    try:
        wait_until(lambda: all(writers.acked.values()))
        for _ in range(8):
            process = sluice.start("backup", tmp_path / "b")
            time.sleep(lot.uniform(0, 0.06))
            process.kill()
            process.communicate()
            kills += process.returncode == -signal.SIGKILL
            assert server.is_alive()
        names = [row["backup"] for row in sluice("backup", "list", tmp_path / "b", "--json").json]
        assert kills > 0 and len(names) < 8
        for name in names:
            sluice("backup", "verify", tmp_path / "b" / name, expect=0)
        backup(sluice, tmp_path / "b")
    finally:
        writers.stop()
    sluice("restore", tmp_path / "b", "--home", tmp_path / "new", expect=0)
    found = points_of(tmp_path / "new/sluice.db")
    assert all(found[run] % 20 == 0 and found[run] > 0 for run in writers.runs)
    assert expect_sound(at(sluice.folder, tmp_path / "new"))
    server.stop()


def test_the_log_budget_ends_a_copy_that_holds_up_too_much(sluice, tmp_path):
    sluice("init", expect=0)
    with sqlite3.connect(sluice.home / "sluice.db") as store:
        store.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) "
                      "INSERT INTO experiment_tags SELECT 0, i, 'value' FROM n")
    server = Server(sluice)
    writers = Writers(server, 3)
    try:
        wait_until(lambda: all(writers.acked.values()))
        # A slow disk: it copies thousands of pages. LeakSanitizer does not work in a process that is traced.
        process = subprocess.Popen(
            ["strace", "-f", "-o", "/dev/null", "-e", "inject=pwrite64,write:delay_enter=50000", BUILD / "sluice",
             "backup", tmp_path / "b", "--log-budget", "1"], cwd=sluice.folder, text=True, stderr=subprocess.PIPE,
            env={**sluice.env, "ASAN_OPTIONS": sluice.env["ASAN_OPTIONS"] + ":detect_leaks=0"})
        sluice.started.append(process)
        err = process.communicate(timeout=300)[1]
    finally:
        writers.stop()
    assert process.returncode == 4 and re.search("write-ahead log '.*sluice.db-wal' grew by more than", err), err
    assert os.listdir(tmp_path / "b") == []
    sluice("backup", tmp_path / "b", expect=0)
    server.stop()
