# SPDX-License-Identifier: Apache-2.0
"""`sluice export`: databases and folders that the real mlflow opens, and says the same of."""
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import time

import pytest
from moving import BUILD, assert_same, differences, sluice, store_script
from servers import SERVERS

LARGEST = {"inf": "1.7976931348623157e+308", "-inf": "-1.7976931348623157e+308", "-0.0": "0.0"}


def as_kept(value):
    """What a home keeps of a number."""
    if isinstance(value, dict):
        return {key: as_kept(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(as_kept(item) for item in value)
    return LARGEST.get(value, value)


@pytest.fixture(scope="module")
def from_database(tmp_path_factory):
    """A home with what MLflow 3 wrote into a database, and what its client says of that."""
    folder = tmp_path_factory.mktemp("database")
    uri = f"sqlite:///{folder}/mlflow.db"
    store_script(3, "fill", uri, folder)
    sluice("import", folder / "mlflow.db", home=folder / "home")
    return folder / "home", as_kept(store_script(3, "say", uri, folder))


def imported(home):
    """What was read by imports, by the digests of all that it says."""
    connection = sqlite3.connect(home / "sluice.db")
    found = sorted(connection.execute("SELECT kind, id, digest FROM imports"))
    connection.close()
    return found


@pytest.mark.parametrize("mode", ["copy", "link", "reference"])
def test_the_client_says_the_same_of_an_exported_database(mode, from_database, tmp_path):
    home, said = from_database
    report = json.loads(sluice("export", tmp_path / "mlflow.db", "--artifacts", mode, "--json", home=home))
    assert report["verified"] and report["problem_count"] == 0 and report["records"]["runs"]["exported"] == 31
    assert_same(said, as_kept(store_script(3, "say", f"sqlite:///{tmp_path}/mlflow.db", tmp_path)))
    copies = list(tmp_path.rglob("a.txt"))
    assert {copy.stat().st_nlink for copy in copies} == {"copy": {1}, "link": {2}, "reference": set()}[mode]


def test_mlflow_server_serves_an_exported_database_with_its_files(from_database, tmp_path):
    home, said = from_database
    sluice("export", tmp_path / "mlflow.db", "--served", home=home)
    (tmp_path / "mlartifacts").rename(tmp_path / "artifacts")  # where this server is told to look
    server = SERVERS["mlflow"](tmp_path).start()
    try:
        here = as_kept(store_script(3, "say", server.url, tmp_path / "cwd"))
    finally:
        server.stop()
    assert_same(said, here)


@pytest.mark.parametrize("name", ["mlflow.db", "mlruns"])
def test_what_is_exported_is_imported_as_it_was(name, from_database, tmp_path):
    home, _ = from_database
    sluice("export", tmp_path / name, home=home)
    sluice("import", tmp_path / name, home=tmp_path / "home")
    lost = {record for record in imported(home) if record not in imported(tmp_path / "home")}
    # A dataset with a blank in its name cannot stand beside a point in MLflow's folder.
    assert len(lost) == (name == "mlruns")


@pytest.mark.parametrize("generation", [3, 2])
def test_the_client_says_the_same_of_an_exported_folder(generation, tmp_path):
    uri = f"file://{tmp_path}/written/mlruns"
    store_script(generation, "fill", uri, tmp_path / "written")
    sluice("import", tmp_path / "written/mlruns", home=tmp_path / "home")
    report = json.loads(sluice("export", tmp_path / "mlruns", "--json", home=tmp_path / "home"))
    assert report["verified"] and not any(kind["not_all_of_it"] for kind in report["records"].values())
    said = as_kept(store_script(generation, "say", uri, tmp_path))
    here = as_kept(store_script(generation, "say", f"file://{tmp_path}/mlruns", tmp_path))
    # Points of a dataset: MLflow reads the step of such a line of a run as 0, and we write none.
    found = [place for place in differences(said, here) if "acc" not in place[0]]
    assert not found, "\n".join(map(str, found))


def test_keys_that_cannot_be_files_beside_each_other_are_counted(from_database, tmp_path):
    home, _ = from_database
    database = tmp_path / "mlflow.db"
    sluice("export", database, home=home)
    with sqlite3.connect(database) as connection:
        run, = connection.execute("SELECT run_uuid FROM runs WHERE name = 'run 4'").fetchone()
        connection.executemany("INSERT INTO params (key, value, run_uuid) VALUES (?, 'x', ?)",
                               [("a", run), ("a/b", run), ("../../up", run), ("long" * 62, run)])
    connection.close()
    sluice("import", database, home=tmp_path / "home")
    said = sluice("export", tmp_path / "mlruns", home=tmp_path / "home")
    assert "left out: 3 params and tags" in said and "compared: MLflow's store says what the home has" in said
    folder, = (tmp_path / "mlruns").glob(f"*/{run}")
    assert (folder / "params/a").read_text(encoding="utf-8") == "x" and not list(tmp_path.rglob("up"))


def test_an_export_that_is_killed_leaves_nothing_under_its_name(from_database, tmp_path):
    home, _ = from_database
    began = time.monotonic()
    sluice("export", tmp_path / "whole.db", home=home)
    took = time.monotonic() - began
    for name in ("mlflow.db", "mlruns"):
        for part in range(1, 5):
            process = subprocess.Popen([os.path.join(BUILD, "sluice"), "export", str(tmp_path / name), "--home",
                                        str(home)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(took * part / 8)
            process.send_signal(signal.SIGKILL)
            if process.wait() == 0 or (tmp_path / name).exists():
                break
        if not (tmp_path / name).exists():
            sluice("export", tmp_path / name, home=home)
        assert not pathlib.Path(f"{tmp_path}/{name}.part").exists()
        sluice("import", tmp_path / name, home=tmp_path / f"home of {name}")


def test_what_is_there_is_not_written_over(from_database, tmp_path):
    home, _ = from_database
    for name in ("mlflow.db", "mlruns"):
        (tmp_path / name).write_text("mine", encoding="utf-8")
        assert "is there already" in sluice("export", tmp_path / name, home=home, expect=1)
        assert (tmp_path / name).read_text(encoding="utf-8") == "mine"


def test_files_of_a_folder_are_not_served(from_database, tmp_path):
    assert "--served" in sluice("export", tmp_path / "mlruns", "--served", home=from_database[0], expect=2)
