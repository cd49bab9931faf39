# SPDX-License-Identifier: Apache-2.0
"""What the real sluice-runner does around a step: inputs before it, and what its success publishes."""

import json
import pathlib
import time

import pytest

from lone_runner import engine, runner  # noqa: F401 (fixtures)
from test_step_process import done, plugin, points, reports, sha256  # noqa: F401

# ---- inputs --------------------------------------------------------------------------------------------------------


def test_inputs_are_digested_before_the_step(runner, engine, plugin):
    (runner.home / "data.csv").write_text("a,b\n1,2\n")
    (runner.home / "folder").mkdir()
    (runner.home / "folder" / "x").write_text("x")
    inputs = [
        {
            "name": "data",
            "path": str(runner.home / "data.csv"),
            "kind": "path",
            "uri": "data.csv",
            "dataset": "wine",
            "context": "training",
        },
        {"name": "model", "path": str(runner.home / "folder"), "kind": "model", "uri": "models:/m-" + "0" * 32},
        {"name": "maybe", "path": str(runner.home / "none"), "kind": "path", "uri": "none", "optional": True},
    ]
    attempt, end, _ = done(runner, engine, plugin, "records", inputs=inputs)
    assert end["code"] == 0
    data, model = reports(runner, attempt, "input")
    assert data == {
        "kind": "input",
        "name": "data",
        "path": str(runner.home / "data.csv"),
        "uri": "data.csv",
        "dataset": "wine",
        "context": "training",
        "sha256": sha256(b"a,b\n1,2\n"),
        "size": 8,
    }
    assert model["sha256"] == sha256(b"x\0" + sha256(b"x").encode() + b"\n") and model["size"] == 1
    attempt, end, result = done(
        runner, engine, plugin, "records", inputs=[{"name": "data", "path": "none.csv", "kind": "path"}]
    )
    assert (
        end["how"] == "not_started"
        and result["reason"] == f"input 'data': there is no file or folder '{runner.home}/none.csv'"
    )
    assert not runner.log(attempt)


# ---- what success publishes --------------------------------------------------------------------------------


def collect(runner, engine, script, **collecting):
    attempt = runner.next + 1
    folder = runner.home / "runs" / "run1" / str(attempt)
    env = {"D": str(folder), "OUT": f"{folder}.output"}
    for name, value in list(collecting.items()):
        collecting[name] = json.loads(json.dumps(value).replace("$D", str(folder)))
    runner.spawn(
        engine,
        script=script,
        env=env,
        collect=collecting,
        artifact_dir=str(runner.home / "artifacts"),
        context={"step_run_id": "c" * 32},
    )
    end = runner.exit(attempt)
    return attempt, end


def test_outputs_are_typed(runner, engine):
    types = {
        "i": "integer",
        "x": "number",
        "b": "boolean",
        "s": "string",
        "l": "list",
        "m": "map",
        "j": "json",
        "p": "path",
    }
    lines = r'i= 7\nx=2.50\nb=true\ns= a=b \nl=[1]\nm={"k": 1}\nj=null\np<<END\nout/x\nEND\n'
    script = f"printf '{lines}' >> \"$OUT\""
    attempt, end = collect(runner, engine, script, outputs=types)
    assert end["code"] == 0
    got = {r["key"]: r["value"] for r in reports(runner, attempt, "output")}
    assert got == {"i": 7, "x": 2.5, "b": True, "s": " a=b ", "l": [1], "m": {"k": 1}, "j": None, "p": "out/x"}


@pytest.mark.parametrize(
    "line, words",
    [
        ("n=many", "output 'n' (line 1): expected an integer, found 'many'"),
        ("m=1", "output 'm' (line 1) is not declared: add 'm: string'"),
        ("", "output 'n' was not set: expected integer"),
        ("what is this", "$SLUICE_OUTPUT: line 1: expected key=value or key<<END, found 'what is this'"),
    ],
)
def test_outputs_that_are_not_as_declared_fail_the_step(runner, engine, line, words):
    attempt, end = collect(
        runner,
        engine,
        f"echo '{line}' >> \"$OUT\"; echo x > a.txt",
        outputs={"n": "integer"},
        artifacts=[{"name": "a", "glob": "a.txt"}],
    )
    assert (end["how"], end["code"]) == ("exited", 1) and words in end["reason"]
    assert runner.result(attempt)["result"] == "failed" and not reports(runner, attempt)


def test_artifacts_keep_their_paths(runner, engine):
    script = (
        'mkdir -p "$D/plots" tables/deep; echo h > "$D/h.csv"; echo 1 > "$D/plots/a.png"; echo 2 > "$D/plots/b.png"; '
        "echo t > tables/t.csv; echo u > tables/deep/u.csv"
    )
    artifacts = [
        {"name": "holdout", "glob": "$D/h.csv"},
        {"name": "plots", "glob": "$D/plots/*.png"},
        {"name": "", "glob": "tables/**"},
        {"name": "all", "glob": "tables"},
    ]
    attempt, end = collect(runner, engine, script, artifacts=artifacts)
    assert end["code"] == 0, end
    root = runner.home / "artifacts"
    found = {r.get("declared"): r for r in reports(runner, attempt, "artifact")}
    assert found["holdout"]["local"] == str(root / "h.csv")
    assert found["holdout"]["files"] == [{"path": "h.csv", "sha256": sha256(b"h\n"), "size": 2}]
    assert found["plots"]["local"] == str(root / "plots") and [f["path"] for f in found["plots"]["files"]] == [
        "plots/a.png",
        "plots/b.png",
    ]
    assert found["all"]["local"] == str(root / "tables")
    files = {f["path"] for r in reports(runner, attempt, "artifact") for f in r["files"]}
    assert files == {"h.csv", "plots/a.png", "plots/b.png", "tables/t.csv", "tables/deep/u.csv"}
    assert all((root / path).is_file() for path in files) and not list(root.rglob(".new-*"))


def test_artifacts_that_would_share_a_path_go_below_their_names(runner, engine):
    artifacts = [{"name": "mine", "glob": "$D/r.txt"}, {"name": "theirs", "glob": "r.txt"}]
    attempt, end = collect(runner, engine, 'echo a > "$D/r.txt"; echo b > r.txt', artifacts=artifacts)
    assert {r["declared"]: pathlib.Path(r["local"]).read_text() for r in reports(runner, attempt, "artifact")} == {
        "mine": "a\n",
        "theirs": "b\n",
    }
    attempt, end = collect(
        runner,
        engine,
        'echo a > "$D/r.txt"',
        artifacts=[{"name": "", "glob": "$D/r.txt"}, {"name": "", "glob": "r.txt"}],
    )
    assert end["code"] == 1 and "would both be the artifact 'r.txt'" in end["reason"]


@pytest.mark.parametrize("glob", ["$D/x", "$D/x*", "x", "x*"])
def test_an_artifact_that_is_a_link_to_the_outside_is_refused_by_name_and_by_glob(runner, engine, glob):
    place = "$D/x" if glob.startswith("$D") else "x"
    attempt, end = collect(runner, engine, f'ln -s /etc/passwd "{place}"', artifacts=[{"name": "a", "glob": glob}])
    assert end["code"] == 1 and "x' is a link to the outside of '" in end["reason"]
    assert not reports(runner, attempt, "artifact")


def test_an_artifact_that_is_a_link_within_its_folder_is_the_file(runner, engine):
    script = 'echo two > "$D/v2"; ln -s v2 "$D/latest"; mkdir real; echo one > real/f; ln -s real shown'
    artifacts = [{"name": "a", "glob": "$D/latest"}, {"name": "b", "glob": "shown/f"}]
    attempt, end = collect(runner, engine, script, artifacts=artifacts)
    assert end["code"] == 0, end["reason"]
    assert {r["declared"]: pathlib.Path(r["local"]).read_text() for r in reports(runner, attempt, "artifact")} == {
        "a": "two\n", "b": "one\n"}


def test_an_artifact_that_is_not_there_fails_the_step(runner, engine):
    attempt, end = collect(runner, engine, "true", artifacts=[{"name": "report", "glob": "out/*.html"}])
    assert end["code"] == 1 and end["reason"] == f"artifact 'report': nothing is at 'out/*.html' in {runner.home}"


def test_metrics_files_become_points(runner, engine):
    script = """echo '{"rmse": 0.5, "test": {"r2": "NaN"}, "note": "x"}' > m.json
        printf 'step,loss\\n0,2\\n1,1\\n' > "$D/m.csv" """
    attempt, end = collect(runner, engine, script, metrics=["m.json", "$D/*.csv"])
    assert end["code"] == 0
    got = list(points(runner, attempt))
    assert [(p[0], p[2]) for p in got] == [("rmse", 0), ("test/r2", 0), ("loss", 0), ("loss", 1)]
    assert (
        [p[1] for p in got][::2] == [0.5, 2.0]
        and got[1][1] != got[1][1]
        and all(abs(p[3] / 1000 - time.time()) < 60 for p in got)
    )
    assert "metric 'note' is left out" in runner.log(attempt, 3)
    attempt, end = collect(runner, engine, "echo '{' > m.json", metrics=["m.json"])
    assert end["code"] == 1 and "m.json" in end["reason"]
    attempt, end = collect(
        runner,
        engine,
        """echo '{"a*b": 1}' > m.json; echo x > a.txt""",
        metrics=["m.json"],
        artifacts=[{"name": "a", "glob": "a.txt"}],
    )
    assert end["code"] == 1 and "metric key 'a*b'" in end["reason"] and not reports(runner, attempt)


@pytest.mark.parametrize(
    "script, path, files",
    [
        ('echo w > "$D/model.bin"', "$D/model.bin", ["MLmodel", "model.bin"]),
        ('mkdir "$D/m"; echo w > "$D/m/w"; echo "flavors: {}" > "$D/m/MLmodel"', "$D/m", ["MLmodel", "w"]),
    ],
)
def test_a_model_is_published_with_an_mlmodel(runner, engine, script, path, files):
    target = runner.home / "models" / "m-1" / "artifacts"
    model = {
        "id": "m-1",
        "name": "wine",
        "path": path,
        "dir": str(target),
        "model_type": "regressor",
        "params": {"depth": 3},
    }
    attempt, end = collect(runner, engine, script, model=model)
    assert end["code"] == 0, end
    begun, copied, ready = reports(runner, attempt, "model")
    assert begun == {"kind": "model", "status": "PENDING", "model_id": "m-1", "name": "wine", "dir": str(target),
                     "model_type": "regressor", "params": {"depth": 3}}
    assert (copied["status"], copied["model_id"]) == ("PENDING", "m-1")
    assert [f["path"] for f in copied["files"]] == files
    lines = "".join(f"{f['path']}\0{f['sha256']}\n" for f in copied["files"])
    assert ready.pop("stamp").startswith("2:")  # of two files
    assert ready == {"kind": "model", "status": "READY", "model_id": "m-1", "sha256": sha256(lines.encode()),
                     "dir": str(target), "size": sum(f["size"] for f in copied["files"])}
    text = (target / "MLmodel").read_text()
    assert (
        text == "flavors: {}\n"
        if "mkdir" in script
        else f'run_id: "{"c" * 32}"' in text and "python_function" not in text
    )


def test_a_model_that_is_not_there_fails_the_step(runner, engine):
    model = {"id": "m-1", "name": "wine", "path": "none.bin", "dir": str(runner.home / "models" / "m-1" / "artifacts")}
    attempt, end = collect(runner, engine, "true", model=model)
    assert end["code"] == 1 and end["reason"] == f"model: there is no file or folder '{runner.home}/none.bin'"
    assert not (runner.home / "models").exists()


def test_a_plugin_step_publishes_too(runner, engine, plugin):
    output = str(runner.home / "runs" / "run1" / f"{runner.next + 1}.output")
    attempt, end, result = done(
        runner, engine, plugin, "output file", env={"SLUICE_OUTPUT": output}, collect={"outputs": {"rows": "integer"}}
    )
    assert result["result"] == "ok" and {r["key"]: r["value"] for r in reports(runner, attempt, "output")} == {
        "rows": 12
    }
    attempt, end, result = done(runner, engine, plugin, "records", collect={"outputs": {"rows": "integer"}})
    assert end["code"] == 1 and result == {"result": "failed", "reason": "output 'rows' was not set: expected integer"}
