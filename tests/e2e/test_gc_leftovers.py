# SPDX-License-Identifier: Apache-2.0
"""`sluice gc`: what killed processes left, and what a `sluice gc` leaves that is killed itself."""
import os
import pathlib
import re
import shutil
import time

import pytest
from gc_home import RULES, SOCKETS, Home, names
from programs import ROOT, wait_until


# ---- leftovers ------------------------------------------------------------------------------------------------------


def test_what_killed_processes_left_goes(sluice):
    home = Home(sluice)
    home.run()
    run, uri = home.sql("SELECT run_id, artifact_uri FROM runs WHERE run_id IN (SELECT step_run_id FROM steps WHERE "
                        "step = 'train')")[0]
    stage = pathlib.Path(uri) / (".new-" + "0" * 32)
    stage.mkdir()
    (stage / "half").write_bytes(b"x" * 10000)
    for folder in ("runs/" + "a" * 32, "artifacts/1/" + "b" * 32, "artifacts/1/models/m-" + "c" * 32, "envs/half"):
        (sluice.home / folder).mkdir(parents=True)
    (sluice.home / "envs/whole").mkdir()
    (sluice.home / "envs/whole/.ready").touch()
    outcome = home.gc()
    assert sorted(names(outcome, "leftover")) == sorted(
        ["runs/" + "a" * 32, "artifacts/1/" + "b" * 32, "artifacts/1/models/m-" + "c" * 32, "envs/half",
         str(stage.relative_to(sluice.home))])
    assert not stage.exists() and (sluice.home / "envs/whole").is_dir()
    assert outcome["totals"]["runs"]["count"] == 0
    home.check_clean()
    assert "held out" in sluice("logs", "latest", "use", expect=0).out
    assert run


@pytest.mark.parametrize("change", ["deleted_ms = 1", "status = 3"], ids=["deleted", "failed"])
def test_files_of_a_model_that_a_client_has_given_up_stay_while_a_version_is_of_it(sluice, change):
    home = Home(sluice)
    home.run("-p", "register=true")
    model, uri = home.sql("SELECT model_id, artifact_uri FROM logged_models")[0]
    home.sql(f"UPDATE logged_models SET {change} WHERE model_id = ?", model)
    assert home.gc()["totals"]["leftover"]["count"] == 0 and os.path.exists(uri + "/weights")
    home.sql("DELETE FROM model_versions")
    assert names(home.gc(), "leftover") == [f"artifacts/1/models/{model}"]
    assert not os.path.exists(uri)


def test_files_of_a_trace_stay_as_long_as_it_does(sluice):
    home = Home(sluice)
    home.run()
    kept, gone = "a" * 32, "b" * 32
    for trace in (kept, gone):
        folder = sluice.home / "artifacts/1/traces" / trace / "artifacts"
        folder.mkdir(parents=True)
        (folder / "traces.json").write_text("{}")
    home.sql("INSERT INTO traces (request_id, experiment_id, start_ms, status, artifact_uri) VALUES (?, 1, 1, 'OK', ?)",
             kept, str(sluice.home / "artifacts/1/traces" / kept / "artifacts"))
    assert names(home.gc(), "leftover") == ["artifacts/1/traces/" + gone]
    assert os.listdir(sluice.home / "artifacts/1/traces") == [kept]


def test_what_a_living_step_copies_stays_though_no_row_knows_it_yet(sluice):
    """sluice was killed: the runner goes on, and tells the journal alone of the model that it copies."""
    home = Home(sluice)
    home.run()
    sluice.pipeline("""
        name: slow
        steps:
          a:
            run: mkdir "$SLUICE_STEP_DIR/m"; touch "$SLUICE_STEP_DIR/m/w" began; until [ -e go ]; do sleep 0.1; done
            model: {path: "${{ step.dir }}/m", name: slow}
    """)
    running = sluice.start("run")
    wait_until((sluice.folder / "began").exists)
    running.kill()
    running.wait()
    (sluice.folder / "go").touch()
    models = sluice.home / "artifacts" / "2" / "models"
    wait_until(lambda: models.is_dir() and [name for name in os.listdir(models) if name.startswith("m-")])
    assert home.gc("--runs", "keep_last=0")["totals"]["leftover"]["count"] == 0
    sluice("resume", expect=0)
    assert home.sql("SELECT status FROM logged_models WHERE name = 'slow'") == [(2,)]
    assert list(models.rglob("w"))
    home.check_clean()


def test_logs_of_runners_that_are_long_gone_go(sluice):
    home = Home(sluice)
    home.run()
    folder = sluice.home / "runner"
    for name, days in (("1-a.log", 40), ("2-b.log", 20), ("3-c.log", 40), ("4-d.txt", 40)):
        (folder / name).write_text("it said something\n")
        os.utime(folder / name, (time.time() - days * 86400,) * 2)
    (folder / "3-c.sock").touch()  # it listens, as far as one can see
    outcome = home.gc()
    assert names(outcome, "leftover") == ["runner/1-a.log"]
    assert {"2-b.log", "3-c.log", "3-c.sock", "4-d.txt"} <= set(os.listdir(folder))
    home.check_clean()


def test_digests_and_rows_that_are_of_no_use_go(sluice):
    home = Home(sluice, """
        name: digests
        steps:
          a: {run: cat data.csv, inputs: {rows: data.csv}, cache: true}
    """)
    data = sluice.write("data.csv", "1,2\n")
    os.utime(data, (1, 1))
    time.sleep(2.1)  # younger files are not remembered
    home.run()
    assert home.sql("SELECT count(*) FROM file_digests WHERE path LIKE '%data.csv'") == [(1,)]
    assert home.gc()["removed"] == []
    data.write_text("3,4\n")
    home.sql("INSERT INTO definitions VALUES ('x', 'x', 'x', 1)")
    outcome = home.gc()
    assert names(outcome, "rows") == ["1 digests of files", "1 definitions without a run"]
    assert home.sql("SELECT count(*) FROM file_digests WHERE path LIKE '%data.csv'") == [(0,)]
    home.check_clean()


def test_the_database_shrinks(sluice):
    home = Home(sluice, """
        name: points
        steps:
          a:
            run: |
              python3 -c "
              print(*('k%d' % k for k in range(999)), sep=',')
              for i in range(300): print(*(i * 7919 * k % 99991 for k in range(999)), sep=',')
              " > m.csv
            metrics: [m.csv]
    """)
    home.run()
    sluice.pipeline("name: points\nsteps:\n  a: {run: \"true\"}\n")
    home.run()
    home.age("number = 1")
    before = (sluice.home / "sluice.db").stat().st_size
    outcome = home.gc(*RULES)
    assert names(outcome) == ["points/1"]
    assert outcome["database"]["bytes_after"] < outcome["database"]["bytes_before"] / 2
    assert (sluice.home / "sluice.db").stat().st_size == outcome["database"]["bytes_after"] < before / 2
    home.check_clean()


# ---- killed ---------------------------------------------------------------------------------------------------------


POINTS = sorted(set(re.findall(r'crash_point\([^"]*"(\w+)"\)', (ROOT / "orchestrator/gc/collect.c").read_text())))


def copy_home(sluice, folder):
    """The same home at the same place, from a copy kept beside: paths in it are absolute."""
    shutil.rmtree(sluice.home)
    shutil.copytree(folder, sluice.home, ignore=SOCKETS)


def delete_as_clients_do(home):
    """An experiment that was deleted two days ago, of a run with a file, a model and a trace."""
    run, model, trace = "0" * 31 + "1", "m-" + "0" * 31 + "2", "0" * 31 + "3"
    folder = home.sluice.home / "artifacts/77"
    deleted = "(SELECT max(created_ms) FROM pipeline_runs) - 48 * 3600000"
    home.sql(f"INSERT INTO experiments VALUES (77, 'clients', '', 1, 1, {deleted})")
    home.sql("INSERT INTO experiment_tags VALUES (77, 'a', 'b')")
    home.sql("INSERT INTO runs VALUES (?, 77, 'r', 'u', 'FINISHED', 1, 2, NULL, ?, NULL)", run,
             f"{folder}/{run}/artifacts")
    home.sql("INSERT INTO run_params VALUES (?, 'a', 'b')", run)
    home.sql("INSERT INTO run_models VALUES (?, ?, 1, 0)", run, model)
    home.sql("INSERT INTO logged_models VALUES (?, 77, 'm', ?, ?, '', 1, '', '', 0, 1, 1, NULL, NULL)", model,
             f"{folder}/models/{model}/artifacts", run)
    home.sql("INSERT INTO traces VALUES (?, 77, 1, 2, 'OK', ?)", trace, f"{folder}/traces/{trace}/artifacts")
    home.sql("INSERT INTO trace_tags VALUES (?, 'a', 'b')", trace)
    home.sql("INSERT INTO runs VALUES (?, 0, 'r', 'u', 'FINISHED', 1, 2, 5, ?, NULL)", "0" * 31 + "4",
             str(home.sluice.home / "artifacts/0" / ("0" * 31 + "4") / "artifacts"))
    for below in (run, "models/" + model, "traces/" + trace):
        (folder / below / "artifacts").mkdir(parents=True)
        (folder / below / "artifacts/file").write_text("x")


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_nothing_dangles_and_the_next_one_completes(sluice, tmp_path, point):
    home = Home(sluice, cache=True)
    for i in range(3):
        home.run("-p", f"lr=0.{i + 1}")
    home.run("-p", "lr=0.9", "-p", "register=true")
    home.run("-p", "lr=0.2", "-p", "fail=true", expect=1)
    home.age("number < 5")
    (sluice.home / "runs/stray").mkdir()
    if "compact" in point:
        home.sql("CREATE TABLE ballast (b BLOB)")
        home.sql("INSERT INTO ballast VALUES (zeroblob(8000000))")
        home.sql("DROP TABLE ballast")
    delete_as_clients_do(home)
    home.settle()
    kept = tmp_path.parent / (tmp_path.name + "-kept")
    shutil.copytree(sluice.home, kept, ignore=SOCKETS)
    rules = (*RULES, "--cache", "keep_last=0", "--logs", "keep_last=1", "--deleted", "older_than=1h")
    whole = home.gc("--dry-run", *rules)
    assert len(names(whole)) == 2 and len(names(whole, "logs")) >= 1 and len(names(whole, "deleted")) == 4
    killed = 0
    for nth in range(1, 40):
        copy_home(sluice, kept)
        ended = sluice("gc", *rules, env={"SLUICE_CRASH": f"{point}:{nth}"})
        if ended.code == 0:
            break
        assert ended.code == -9, repr(ended)
        killed += 1
        home.check()
        home.gc(*rules)
        assert set(names(whole)).isdisjoint(home.labels())
        home.check_clean()
    assert ended.code == 0 and killed > 0
    # All of it still works.
    assert home.run("-p", "lr=0.9")["status"] == "succeeded"
    sluice("retry", "shop/5", "train", expect=1)
    home.check_clean()
