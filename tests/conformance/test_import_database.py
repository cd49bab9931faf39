# SPDX-License-Identifier: Apache-2.0
"""`sluice import mlflow.db`: of databases that the real mlflow wrote, of broken ones, and killed imports."""
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time

import mlflow
import pytest
from moving import BUILD, assert_same, everything, fill, sluice, store_script
from servers import SERVERS

try:
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
except ImportError:  # an environment whose SQLAlchemy this version of mlflow does not know
    pytest.skip("this environment's mlflow cannot use a database", allow_module_level=True)


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """One that the real client has filled, and what that client says of it."""
    folder = tmp_path_factory.mktemp("mlflow")
    here = os.getcwd()
    os.chdir(folder)
    try:
        fill(f"sqlite:///{folder}/mlflow.db")
    finally:
        os.chdir(here)
    return folder / "mlflow.db"


@pytest.fixture
def copied(database, tmp_path):
    return shutil.copy(database, tmp_path / "mlflow.db")


def change(path, *statements):
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def rows(home):
    """All that was imported, but the moment of it."""
    connection = sqlite3.connect(f"file:{home}/sluice.db?mode=ro", uri=True)
    tables = ["experiments", "experiment_tags", "runs", "run_params", "run_tags", "run_datasets", "run_models",
              "metric_series", "logged_models", "registered_models", "model_versions", "model_version_tags", "traces",
              "trace_tags", "artifacts"]
    found = {table: sorted(map(repr, connection.execute(f"SELECT * FROM {table}"))) for table in tables}
    found["imports"] = sorted(connection.execute("SELECT kind, id, here, digest FROM imports"))
    connection.close()
    return found


@pytest.fixture
def serve():
    """A server over a home that is called `home`."""
    servers = []

    def start(home):
        servers.append(SERVERS["sluice"](home.parent).start())
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def test_the_client_says_the_same_of_an_imported_database(database, tmp_path, serve):
    home = tmp_path / "home"
    report = json.loads(sluice("import", database, "--json", home=home))
    assert report["verified"] and report["problem_count"] == 0
    assert report["points"] > 10000 and report["records"]["runs"]["imported"] == 31
    assert_same(everything(f"sqlite:///{database}"), everything(serve(home).url))


def test_a_database_of_mlflow_2_is_imported_as_its_client_has_it(tmp_path, serve):
    home, uri = tmp_path / "home", f"sqlite:///{tmp_path}/mlflow.db"
    store_script(2, "fill", uri, tmp_path / "cwd")
    report = json.loads(sluice("import", tmp_path / "mlflow.db", "--json", home=home))
    assert report["verified"] and report["problem_count"] == 0 and report["records"]["runs"]["imported"] == 31
    theirs = store_script(2, "say", uri, tmp_path / "cwd")
    assert_same(theirs, store_script(2, "say", serve(home).url, tmp_path / "cwd"))


def test_what_is_there_is_not_imported_twice_and_what_is_new_comes(copied, tmp_path):
    home = tmp_path / "home"
    sluice("import", copied, home=home)
    before = rows(home)
    again = json.loads(sluice("import", f"sqlite:///{copied}", "--json", home=home))
    assert again["records"]["runs"] == {"there": 31, "imported": 0, "before": 31, "left_out": 0, "differ": 0}
    assert rows(home) == before
    change(copied, "INSERT INTO params SELECT 'late', 'yes', run_uuid FROM runs WHERE name = 'child'")
    more = json.loads(sluice("import", copied, "--json", home=home))
    assert more["records"]["runs"]["imported"] == 1 and more["records"]["runs"]["before"] == 30


def test_searches_find_imported_runs_by_their_values(copied, tmp_path, serve):
    home = tmp_path / "home"
    sluice("import", copied, home=home)
    change(copied, "UPDATE params SET value = 'changed' WHERE key = 'p2' AND value = '6-2'")
    sluice("import", copied, home=home)
    client = mlflow.MlflowClient(serve(home).url)
    experiments = [e.experiment_id for e in client.search_experiments()]
    for words, names in {
        "params.p1 = '4-1'": ["run 4"], "params.p2 = '6-2'": [], "params.p2 = 'changed'": ["run 6"],
        "tags.t = 'v7'": ["run 7"], "tags.t = 'v7' AND params.p1 = '4-1'": [], "params.p1 = 'nowhere'": [],
        "tags.`x/y` = 'two\nlines' AND params.p0 = '8-0'": ["run 8"],
        "metrics.loss < 1 AND params.p0 = '9-0'": ["run 9"],
    }.items():
        assert [run.info.run_name for run in client.search_runs(experiments, words)] == names, words
    store = sqlite3.connect(home / "sluice.db")
    waiting = store.execute("SELECT COUNT(*) FROM metric_summaries JOIN metric_runs ON id = run JOIN runs USING "
                            "(run_id) WHERE settled <> (status IN ('FINISHED', 'FAILED', 'KILLED'))").fetchone()
    assert waiting == (0,)
    marked = store.execute("SELECT COUNT(*) FROM run_marks").fetchone()[0]
    assert marked == store.execute("SELECT (SELECT COUNT(*) FROM run_params) + (SELECT COUNT(*) FROM run_tags "
                                   "WHERE key NOT LIKE 'mlflow.%')").fetchone()[0]


def test_a_run_that_was_changed_on_both_sides_is_told_and_left(copied, tmp_path):
    home = tmp_path / "home"
    sluice("import", copied, home=home)
    change(copied, "UPDATE runs SET user_id = 'bob' WHERE name = 'child'")
    change(home / "sluice.db", "UPDATE runs SET user = 'eve' WHERE name = 'child'")
    report = json.loads(sluice("import", copied, "--json", home=home))
    assert report["records"]["runs"]["left_out"] == 1 and "changed there and here" in report["problems"][0]


def test_an_import_that_is_killed_goes_on(database, tmp_path):
    whole, home = tmp_path / "whole", tmp_path / "home"
    began = time.monotonic()
    sluice("import", database, home=whole)
    took = time.monotonic() - began
    for part in range(1, 9):
        process = subprocess.Popen([os.path.join(BUILD, "sluice"), "import", str(database), "--home", str(home)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(took * part / 9)
        process.send_signal(signal.SIGKILL)
        process.wait()
    sluice("import", database, home=home)
    expected = rows(whole)
    found = rows(home)
    for table in expected:  # what names the home names its own folder
        assert found[table] == [row.replace(str(whole), str(home)) if isinstance(row, str) else row
                                for row in expected[table]], table


def test_a_dry_run_counts_and_writes_nothing(database, tmp_path):
    home = tmp_path / "home"
    report = json.loads(sluice("import", database, "--dry-run", "--json", home=home))
    assert report["dry_run"] and report["records"]["runs"]["imported"] == 31 and not home.exists()


def test_a_database_that_its_server_has_open_is_read_and_not_written_to(copied, tmp_path):
    open_one = sqlite3.connect(copied)
    open_one.execute("PRAGMA journal_mode=WAL")
    open_one.execute("UPDATE runs SET user_id = 'in the log' WHERE name = 'child'")
    open_one.commit()
    before = open(copied, "rb").read()
    sluice("import", copied, home=tmp_path / "home")
    assert open(copied, "rb").read() == before
    found = sqlite3.connect(tmp_path / "home" / "sluice.db").execute("SELECT user FROM runs WHERE name = 'child'")
    assert found.fetchall() == [("in the log",)]
    open_one.close()


def test_a_database_in_wal_mode_that_nobody_has_open_gets_no_files_beside_it(copied, tmp_path):
    change(copied, "PRAGMA journal_mode=WAL")
    before = sorted(os.listdir(tmp_path))
    sluice("import", copied, home=tmp_path / "home")
    assert sorted(os.listdir(tmp_path)) == sorted([*before, "home"])


@pytest.mark.parametrize("content, words", [
    (b"", "is empty"), (b"no database at all, but text", "is not a database"),
    ("CREATE TABLE songs (title TEXT)", "is a database of another program"),
])
def test_what_is_no_database_of_mlflow_is_told(content, words, tmp_path):
    path = tmp_path / "mlflow.db"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        change(path, content)
    assert words in sluice("import", path, home=tmp_path / "home", expect=2)


def test_a_database_without_a_table_that_all_have_is_told(copied, tmp_path):
    change(copied, "DROP TABLE metrics")
    assert "has no table 'metrics'" in sluice("import", copied, home=tmp_path / "home", expect=2)


def test_a_run_of_an_experiment_that_is_not_there_is_left_out_and_told(copied, tmp_path):
    change(copied, "UPDATE runs SET experiment_id = 99 WHERE name = 'child'")
    report = json.loads(sluice("import", copied, "--json", home=tmp_path / "home"))
    assert report["records"]["runs"]["left_out"] == 1 and "experiment 99, which is not there" in report["problems"][0]
    assert "experiment 99" in sluice("import", copied, "--strict", home=tmp_path / "other", expect=2)


def test_two_experiments_of_one_name_are_told_or_one_gets_another(copied, tmp_path):
    """MLflow has them in two workspaces, or equal up to a NUL, where a name ends here."""
    change(copied, "UPDATE experiments SET name = CAST(x'6e756c0061' AS TEXT) WHERE experiment_id = 1",
           "UPDATE experiments SET name = CAST(x'6e756c0062' AS TEXT) WHERE experiment_id = 2")
    said = sluice("import", copied, home=tmp_path / "home", expect=1)
    assert "the name 'nul' of experiment 2 is taken in the home by another one of the source" in said
    assert "the name 'nul'" in sluice("import", copied, "--dry-run", "--json", home=tmp_path / "none")
    report = json.loads(sluice("import", copied, "--rename", "--json", home=tmp_path / "home"))
    assert report["verified"] and report["records"]["experiments"]["left_out"] == 0
    names = dict(sqlite3.connect(tmp_path / "home" / "sluice.db").execute("SELECT id, name FROM experiments"))
    assert (names[1], names[2]) == ("nul", "nul (imported)")


def test_a_number_that_the_home_uses_for_something_else_is_told_or_gets_another(database, tmp_path, serve):
    home = tmp_path / "home"
    server = serve(home)
    mine = mlflow.MlflowClient(server.url, server.url)
    assert mine.create_experiment("mine") == "1"
    mine.create_registered_model("wine")
    assert "in use by sluice serve" in sluice("import", database, home=home, expect=4)
    server.stop()
    said = sluice("import", database, home=home, expect=1)
    assert "experiment 1 'exp-0' is taken in the home by 'mine'" in said and "nothing was imported" in said
    assert "'wine'" in sluice("import", database, "--dry-run", "--json", home=home)
    report = json.loads(sluice("import", database, "--rename", "--json", home=home))
    assert report["verified"]
    again = json.loads(sluice("import", database, "--rename", "--json", home=home))
    assert again["records"]["experiments"]["before"] == 5 and again["records"]["registered models"]["before"] == 3
    url = serve(home).url
    after = mlflow.MlflowClient(url, url)
    assert after.get_experiment_by_name("exp-0").experiment_id not in ("0", "1")
    assert after.get_model_version("wine-imported", "3").aliases == ["champion"]
    assert after.get_experiment("1").name == "mine"


@pytest.mark.parametrize("mode", ["copy", "link", "reference"])
def test_files_are_copied_linked_or_left(mode, database, tmp_path):
    home = tmp_path / "home"
    report = json.loads(sluice("import", database, "--artifacts", mode, "--json", home=home))
    copies = list((home / "artifacts").rglob("a.txt")) if (home / "artifacts").exists() else []
    places = [row[0] for row in sqlite3.connect(home / "sluice.db").execute("SELECT artifact_uri FROM runs")]
    if mode == "reference":
        assert not copies and report["files"]["stay"] > 0 and not any(str(home) in place for place in places)
        return
    assert len(copies) == 12 and all(place.startswith(str(home)) for place in places)
    assert {copy.stat().st_nlink for copy in copies} == ({2} if mode == "link" else {1})


def test_a_run_whose_files_are_somewhere_else_is_not_followed(copied, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("x", encoding="utf-8")
    change(copied, f"UPDATE runs SET artifact_uri = '{secret}' WHERE name = 'child'",
           f"UPDATE runs SET artifact_uri = '{secret}/' || run_uuid || '/../../secret' WHERE name = 'run 1'")
    report = json.loads(sluice("import", copied, "--json", home=tmp_path / "home", expect=1).splitlines()[0])
    assert len(report["problems"]) == 2 and not list((tmp_path / "home" / "artifacts").rglob("key"))


def test_files_behind_the_server_need_the_folder_where_it_keeps_them(copied, tmp_path):
    home, kept = tmp_path / "home", tmp_path / "kept"
    connection = sqlite3.connect(copied)
    run, experiment = connection.execute("SELECT run_uuid, experiment_id FROM runs WHERE name = 'child'").fetchone()
    connection.close()
    change(copied, f"UPDATE runs SET artifact_uri = 'mlflow-artifacts:/{experiment}/{run}/artifacts' "
                   f"WHERE name = 'child'")
    folder = kept / str(experiment) / run / "artifacts"
    folder.mkdir(parents=True)
    (folder / "kept.txt").write_text("here", encoding="utf-8")
    assert "--artifacts-root" in sluice("import", copied, home=home, expect=1)
    sluice("import", copied, "--artifacts-root", kept, home=home)
    assert (home / "artifacts" / str(experiment) / run / "artifacts" / "kept.txt").read_text("utf-8") == "here"
    found = sqlite3.connect(home / "sluice.db").execute("SELECT artifact_uri FROM runs WHERE name = 'child'")
    assert found.fetchone()[0].startswith(str(home))
