# SPDX-License-Identifier: Apache-2.0
"""Lua steps in the real sluice-runner: what a script records, knows and draws."""
import json

import pytest
from lone_runner import ROOT, engine, runner, wait_until  # noqa: F401 (fixtures)
from lua_steps import MODULES, done, failure, said, start
from test_step_process import points, reports


def test_what_a_script_records_arrives(runner, engine):
    attempt, end, result = done(
        runner,
        engine,
        """
        sluice.param("depth", 7)
        sluice.param("rate", 0.1)
        sluice.param("shuffle", true)
        sluice.param("layers", {64, 32})
        sluice.tag("team", "grün")
        sluice.metric("loss", 0.25, 3, 1234)
        sluice.metric("loss", 0/0, 4)
        sluice.progress(0.5, "half")
        sluice.output("n", 4.0)
        sluice.output("words", 12)
        sluice.output("thing", {a = {1, 2.5}, b = {}})
        sluice.output("none", nil)
        print("one", 2, nil)
        sluice.log("careful", "warn")
        """,
        collect={"outputs": {"n": "integer", "words": "string", "thing": "map", "none": "number"}},
    )
    assert (end["code"], result["result"]) == (0, "ok")
    params = {r["key"]: r["value"] for r in reports(runner, attempt, "param")}
    assert params == {"depth": "7", "rate": "0.1", "shuffle": "true", "layers": "[64,32]"}
    assert reports(runner, attempt, "tag") == [{"kind": "tag", "key": "team", "value": "grün"}]
    assert reports(runner, attempt, "progress") == [{"kind": "progress", "fraction": 0.5, "text": "half"}]
    outputs = {r["key"]: r["value"] for r in reports(runner, attempt, "output")}
    assert outputs == {"n": 4, "words": "12", "thing": {"a": [1, 2.5], "b": {}}, "none": None}
    first, second = points(runner, attempt)
    assert first == ("loss", 0.25, 3, 1234) and second[1] != second[1] and second[2] == 4
    assert runner.log(attempt, 3).splitlines() == ["one\t2\tnil", "careful"]


@pytest.mark.parametrize(
    "script, words",
    [
        ('sluice.metric("a*b", 1)', "metric key 'a*b'"),
        ('sluice.metric("loss", "high")', "number expected, got string"),
        ('sluice.param("x", nil)', "fit:1: param 'x': expected a value, found nil"),
        ('sluice.param("x", print)', "param 'x': a function has no place in JSON"),
        ('sluice.tag("../up", 1)', "tag key '../up'"),
        (
            'sluice.output("rmes", 1)',
            "output 'rmes' is not declared: expected it under the step's 'outputs:'; did you mean 'rmse'?",
        ),
        ('sluice.output("rmse", "low")', "output 'rmse': expected a number, found 'low'"),
        ('sluice.output("rmse", 0/0)', "output 'rmse': NaN has no place in JSON"),
        ('sluice.output("rmse", {x = {1/0}})', "output 'rmse': x[1]: infinity has no place in JSON"),
        ('sluice.artifact("no-such-file")', "no-such-file"),
        ('sluice.artifact("/etc/passwd")', "'/etc/passwd' is not the step's to read"),
        ("sluice.wait({})", "wait: expected {kind = ...}"),
        ('sluice.log("x", "loud")', "invalid option 'loud'"),
        ('sluice.registry.alias_get("wine")', "bad argument #2"),
        ('sluice.http{url = "http://x", metod = "PUT"}', "http: a request has no 'metod'"),
    ],
)
def test_what_a_script_says_wrongly_is_an_error_with_its_line(runner, engine, script, words):
    reason = failure(runner, engine, script, collect={"outputs": {"rmse": "number"}})
    assert reason.startswith("fit:1: ") and words in reason


def test_a_script_knows_what_the_pipeline_gave(runner, engine):
    (runner.home / "wine.csv").write_text('a,b\n1,"x, y"\n\n2,z\n')
    lines = said(
        runner,
        engine,
        """
        local p = sluice.params
        print(p.rate, p.none, #p.list, p.list[2], p.map.deep, sluice.matrix.lr, sluice.inputs.data, sluice.run.number)
        print(sluice.step.id, sluice.step.attempt, sluice.steps.train.outputs.n, sluice.secrets.TOKEN, sluice.env.SHADE)
        for i, v in ipairs(p.list) do print(i, v) end
        for k, v in pairs(p.map) do print(k, v) end
        print(table.concat(p.list, "+"), table.unpack(p.list), sluice.json.encode(p.map), sluice.json.encode(p.list))
        local data = sluice.csv.read(sluice.inputs.data)
        print(table.concat(data.header, "|"), #data.rows, data.rows[1][2])
        print(pcall(function() p.rate = 1 end))
        print(pcall(function() p.list[1] = 1 end))
        print(pcall(table.sort, p.list))
        print(getmetatable(p), sluice.resumed)
        """,
        params={"rate": 0.5, "none": None, "list": [3, 2], "map": {"deep": True}},
        contexts={
            "inputs": {"data": str(runner.home / "wine.csv")},
            "matrix": {"lr": 0.1},
            "steps": {"train": {"outputs": {"n": 5}}},
            "run": {"number": 7},
        },
        env={"SHADE": "red"},
        secrets={"TOKEN": "opensesame"},
    )
    assert lines[:4] == [f"0.5\tnil\t2\t2\ttrue\t0.1\t{runner.home}/wine.csv\t7", "fit\t1\t5\t***\tred", "1\t3", "2\t2"]
    assert lines[4:7] == ["deep\ttrue", '3+2\t3\t{"deep":true}\t[3,2]', "a|b\t2\tx, y"]
    assert all("read-only" in line for line in lines[7:10]) and lines[10] == "false\tnil"
    reason = failure(runner, engine, "return sluice.secrets.OTHER")
    assert reason.startswith("fit:1: sluice.secrets has no 'OTHER': a step is given the secrets that")


def test_files_are_made_with_their_folders_and_published(runner, engine):
    attempt, end, result = done(
        runner,
        engine,
        """
        local path = sluice.step.dir .. "/model/deep/weights.json"
        sluice.file.write(path, sluice.json.encode({w = {1, 2}}, {indent = true}))
        assert(sluice.json.decode(sluice.file.read(path)).w[2] == 2)
        assert(sluice.file.exists(path) == "file" and sluice.file.exists(sluice.step.dir) == "folder")
        assert(sluice.file.exists("nothing") == nil)
        assert(sluice.file.list(sluice.step.dir .. "/model")[1] == "deep")
        sluice.file.write(sluice.step.state .. "/checkpoint", "7")
        sluice.artifact(sluice.step.dir .. "/model", "made")
        sluice.artifact(path)
        """,
    )
    assert result["result"] == "ok", result
    assert (runner.home / "state" / "checkpoint").read_text() == "7"
    assert json.loads((runner.home / "artifacts/made/deep/weights.json").read_text()) == {"w": [1, 2]}
    assert [r["files"][0]["path"] for r in reports(runner, attempt, "artifact")] == [
        "made/deep/weights.json",
        "weights.json",
    ]


def test_a_script_file_runs_with_the_modules_of_its_pipeline_and_of_sluice(runner, engine):
    folder = runner.home / "pipeline"
    (folder / "parts").mkdir(parents=True)
    (folder / "main.lua").write_text(
        '#!/usr/bin/lua\nlocal a = require "parts.a"\nprint(a.name, require("parts.a") == a, '
        'require "stats".mean({1, 3}))\nprint(require "nothing")\nerror "end of it"\n'
    )
    (folder / "parts" / "a.lua").write_text("return {name = ...}\n")
    (folder / "nothing.lua").write_text("\ufeff-- returns nothing\n")
    attempt, end, result = done(
        runner, engine, "", folders=[folder, MODULES], lua={"path": str(folder / "main.lua"), "chunk": "main.lua"}
    )
    assert runner.log(attempt, 3).splitlines()[:3] == ["parts.a\ttrue\t2.0", "true", "main.lua:5: end of it"]
    assert "stack traceback:" in runner.log(attempt, 3) and result["reason"] == "main.lua:5: end of it"


def test_a_script_ends_as_it_says(runner, engine):
    assert failure(runner, engine, 'sluice.fail("too\\nrough") print("goes on")') == "too rough"
    _, end, result = done(runner, engine, 'sluice.refuse("accuracy 0.7 < 0.9")')
    assert (end["code"], result) == (1, {"result": "refused", "reason": "accuracy 0.7 < 0.9"})
    attempt, end, result = done(runner, engine, 'sluice.wait({kind = "until", at = 5}, {seen = 3})')
    assert result["result"] == "wait"
    assert json.loads(runner.frames(attempt, "wait")[0]) == {"wait": {"at": 5, "kind": "until"}, "state": {"seen": 3}}
    lines = said(
        runner,
        engine,
        "print(sluice.resumed.outcome, sluice.resumed.state.seen)",
        resumed={"outcome": "met", "state": {"seen": 3}},
    )
    assert lines == ["met\t3"]


def test_the_store_answers_or_refuses(runner, engine):
    attempt = start(
        runner,
        engine,
        """
        local answer = sluice.registry.register{name = "wine", model = "m-1"}
        print(answer.version, sluice.registry.alias_get("wine", "champion"))
        print(pcall(sluice.model.get, "models:/wine@x"))
        """,
    )
    answers = [
        {"result": {"version": 4}},
        {"result": {"version": None}},
        {"error": {"code": "not_found", "message": "there is no model"}},
    ]
    for number, answer in enumerate(answers, 1):
        calls = wait_until(lambda: len(c) >= number and c if (c := runner.frames(attempt, "call")) else None)
        call = json.loads(calls[number - 1])
        engine.send(type="reply", attempt=attempt, seq=call["seq"], **answer)
    assert runner.exit(attempt)["code"] == 0
    assert [json.loads(c)["method"] for c in runner.frames(attempt, "call")] == [
        "registry.register",
        "registry.alias_get",
        "model.get",
    ]
    assert runner.log(attempt, 3).splitlines() == ["4\tnil", "false\tmodel.get: there is no model"]


def test_the_same_attempt_draws_the_same_numbers(runner, engine):
    script = "print(math.random(1000000), math.random(1000000), math.random(1000000))"
    first = said(runner, engine, script)
    assert said(runner, engine, script) == first
    assert said(runner, engine, script, context={"item": "lr=0.1"}) != first


def test_a_secret_is_masked_in_all_that_is_recorded(runner, engine):
    attempt, _, result = done(
        runner,
        engine,
        """
        sluice.output("token", "Bearer " .. sluice.secrets.TOKEN)
        sluice.param("token", {sluice.secrets.TOKEN})
        error("cannot use " .. sluice.secrets.TOKEN)
        """,
        secrets={"TOKEN": "opensesame"},
        collect={"outputs": {"token": "string"}},
    )
    assert result["reason"] == "fit:4: cannot use ***"
    assert [r["value"] for r in reports(runner, attempt)] == ["Bearer ***", '["***"]']
    assert b"opensesame" not in runner.journal().read_bytes()


def test_the_example_trains_and_another_step_predicts(runner, engine):
    folder = ROOT / "examples" / "breast-cancer"
    data = str(folder / "data" / "breast-cancer.csv")
    declared = ("val_log_loss", "val_auc", "val_accuracy", "train_rows", "validation_rows", "holdout_rows", "model")
    train = {"path": str(folder / "train.lua"), "chunk": "train.lua"}
    attempt, end, result = done(
        runner,
        engine,
        "",
        lua=train,
        contexts={"inputs": {"data": data}},
        params={"learning_rate": 0.1, "epochs": 40},
        collect={"outputs": {name: "json" for name in declared}},
    )
    assert result == {"result": "ok", "reason": None}, runner.log(attempt)
    assert len(list(points(runner, attempt))) == 82
    model = {r["key"]: r["value"] for r in reports(runner, attempt, "output")}["model"]
    predict = {"path": str(folder / "predict.lua"), "chunk": "predict.lua"}
    attempt, end, result = done(
        runner,
        engine,
        "",
        lua=predict,
        contexts={"inputs": {"data": data, "model": model}},
        collect={"outputs": {name: "json" for name in ("rows", "positive_rows", "positive_share", "accuracy")}},
    )
    assert result == {"result": "ok", "reason": None}, runner.log(attempt)
    outputs = {r["key"]: r["value"] for r in reports(runner, attempt, "output")}
    assert outputs["rows"] == 569 and outputs["accuracy"] > 0.95
    assert len((runner.home / "artifacts" / "predictions.csv").read_text().splitlines()) == 570
