# SPDX-License-Identifier: Apache-2.0
"""`sluice import mlruns`: of folders that the real mlflow wrote, moved ones, and broken ones."""
import json
import os
import pathlib
import shutil
import sqlite3

import pytest
from moving import differences, sluice, store_script
from servers import SERVERS

LARGEST = {"inf": "1.7976931348623157e+308", "-inf": "-1.7976931348623157e+308", "-0.0": "0.0"}


@pytest.fixture(scope="module", params=[3, 2])
def written(request, tmp_path_factory):
    """A folder that a generation has filled, and what its client says of it."""
    folder = tmp_path_factory.mktemp(f"mlruns-of-{request.param}")
    uri = f"file://{folder}/mlruns"
    store_script(request.param, "fill", uri, folder)
    return request.param, folder / "mlruns", store_script(request.param, "say", uri, folder)


@pytest.fixture(scope="module")
def folder(written):
    return written[1]


@pytest.fixture
def copied(folder, tmp_path):
    return pathlib.Path(shutil.copytree(folder, tmp_path / "copy" / "mlruns"))


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def a_run(folder, name):
    """The folder of a run."""
    return next(path.parent.parent for path in folder.glob("*/*/tags/mlflow.runName")
                if path.read_text(encoding="utf-8") == name)


def as_kept(value):
    """What a database and a home keep of a number."""
    if isinstance(value, dict):
        return {key: as_kept(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(as_kept(item) for item in value)
    return LARGEST.get(value, value)


def test_the_client_says_the_same_of_an_imported_folder(written, home, tmp_path):
    generation, folder, said = written
    report = json.loads(sluice("import", folder, "--json", home=home))
    assert report["verified"] and report["problem_count"] == 0
    assert report["points"] > 10000 and report["records"]["runs"]["imported"] == 31
    server = SERVERS["sluice"](tmp_path).start()
    try:
        here = store_script(generation, "say", server.url, tmp_path)
    finally:
        server.stop()
    found = differences(as_kept(said), as_kept(here))
    if generation == 3:  # MLflow reads the step of a point with a dataset as 0, of a run as of a model
        found = [place for place in found if not ("acc" in place[0] and 0 in place[1] and 1 in place[2])]
    assert not found, "\n".join(map(str, found))


def test_what_is_there_is_not_imported_twice_and_what_is_new_comes(copied, home):
    sluice("import", copied, home=home)
    (a_run(copied, "run 4") / "params" / "late").write_text("yes", encoding="utf-8")
    report = json.loads(sluice("import", copied, "--json", home=home))
    assert report["verified"]
    assert report["records"]["runs"] == {"there": 31, "imported": 1, "before": 30, "left_out": 0, "differ": 0}


def test_files_of_a_folder_that_was_moved_are_found_in_it(folder, tmp_path, home):
    away = tmp_path / "away"
    shutil.copytree(folder, away / "mlruns")
    for meta in (away / "mlruns").glob("*/*/meta.yaml"):
        meta.write_text(meta.read_text(encoding="utf-8").replace(str(folder), "/somewhere/else/mlruns"),
                        encoding="utf-8")
    report = json.loads(sluice("import", away / "mlruns", "--json", home=home))
    assert report["files"]["imported"] == 14
    run = a_run(away / "mlruns", "run 5")
    kept = home / "artifacts" / run.parent.name / run.name / "artifacts"
    assert (kept / "a.txt").read_text(encoding="utf-8") == (kept / "sub dir/a.txt").read_text("utf-8") == "hello 5"


@pytest.mark.parametrize("name, change, words", [
    ("meta.yaml", "status: [", "meta.yaml', line"),
    ("meta.yaml", "run_id: other\n", "says that it is 'other'"),
    ("metrics/loss", "1700000000000 0.5 0\n170000x 1 1\n", "a point is '170000x 1 1'"),
    ("metrics/loss", "1700000000000 half 0\n", "a point is '1700000000000 half 0'"),
    ("params/p0", "a\0b", "has a byte of zero"),
    ("meta.yaml", "", "the file is empty"),
    ("meta.yaml", "- a\n", "expected keys and values"),
])
def test_a_run_that_cannot_be_read_is_left_out_and_told(name, change, words, copied, home, tmp_path):
    (a_run(copied, "run 4") / name).write_text(change, encoding="utf-8")
    report = json.loads(sluice("import", copied, "--json", home=home))
    assert report["records"]["runs"]["left_out"] == 1 and words in report["problems"][0]
    assert words in sluice("import", copied, "--strict", home=tmp_path / "other", expect=2)


def test_a_run_that_lies_twice_is_told(copied, home):
    run = a_run(copied, "run 4")
    shutil.copytree(run, copied / "0" / run.name)
    report = json.loads(sluice("import", copied, "--json", home=home))
    assert report["records"]["runs"]["there"] == 31 and run.name in report["problems"][0]


def test_a_link_that_leads_out_of_a_run_is_not_followed(copied, home, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("key", encoding="utf-8")
    os.symlink(secret, a_run(copied, "run 4") / "params" / "stolen")
    report = json.loads(sluice("import", copied, "--json", home=home))
    assert report["records"]["runs"]["left_out"] == 1
    assert not sqlite3.connect(home / "sluice.db").execute("SELECT 1 FROM run_params WHERE value = 'key'").fetchall()


def test_a_folder_without_experiments_is_told(tmp_path, home):
    assert "is no folder of MLflow" in sluice("import", tmp_path, home=home, expect=2)
