# SPDX-License-Identifier: Apache-2.0
"""Lua steps in the real sluice-runner, what they may not do, and `lua run` and `lua test` for authors."""

import json
import signal
import subprocess
import textwrap
import time

import pytest

from lone_runner import BUILD, ROOT, engine, runner, wait_until  # noqa: F401 (fixtures)
from test_step_process import points, reports

MODULES = ROOT / "lua"


def start(runner, engine, script, folders=None, **fields):
    contexts = {
        "inputs": {},
        "steps": {},
        "run": {"id": "r" * 32, "number": 7},
        "matrix": {},
        **fields.pop("contexts", {}),
    }
    lua = {"text": textwrap.dedent(script), "chunk": "fit", "folders": [str(f) for f in folders or [MODULES]]}
    fields.setdefault("artifact_dir", str(runner.home / "artifacts"))
    fields.setdefault("collect", {"outputs": {}})
    fields.setdefault("params", {})
    context = {
        "step": "fit",
        "item": "",
        "attempt": 1,
        "home": str(runner.home / ".sluice"),
        **fields.pop("context", {}),
    }
    return runner.spawn(
        engine, kind="lua", lua={**lua, **fields.pop("lua", {})}, contexts=contexts, context=context, **fields
    )


def done(runner, engine, script, **fields):
    """Runs to the end: the attempt, its exit record, its result."""
    attempt = start(runner, engine, script, **fields)
    end = runner.exit(attempt, 30)
    results = runner.frames(attempt, "result")
    return attempt, end, json.loads(results[-1]) if results else None


def said(runner, engine, script, **fields):
    """The log of a script that succeeds."""
    attempt, end, result = done(runner, engine, script, **fields)
    assert result == {"result": "ok", "reason": None}, (result, runner.log(attempt))
    return runner.log(attempt, 3).splitlines()


def failure(runner, engine, script, **fields):
    attempt, end, result = done(runner, engine, script, **fields)
    assert end["how"] == "exited" and end["code"] == 1 and result["result"] == "failed", (end, result)
    assert "\n" not in result["reason"]
    return result["reason"]


# ---- what a script records -------------------------------------------------------------------------------------


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


# ---- what it may not do -----------------------------------------------------------------------------------------


def test_what_leads_out_of_the_sandbox_is_not_there(runner, engine):
    lines = said(
        runner,
        engine,
        """
        print(load, loadfile, dofile, loadstring, collectgarbage, warn, debug, os, io, package, coroutine, string.dump)
        local names = {}
        for name in pairs(_G) do names[#names + 1] = name end
        table.sort(names)
        print(table.concat(names, " "))
        print(getmetatable(""), pcall(setmetatable, "", {}))
        """,
    )
    assert lines[0].split("\t") == ["nil"] * 12
    assert lines[1] == (
        "_G _VERSION assert error getmetatable ipairs math next pairs pcall print rawequal rawget rawlen rawset "
        "require select setmetatable sluice string table tonumber tostring type utf8 xpcall"
    )
    assert lines[2].startswith("false\tfalse\t")


def test_bytecode_is_refused(runner, engine):
    (runner.home / "evil.lua").write_bytes(b"\x1bLua\x54\x00\x19\x93\r\n\x1a\n\x04\x08\x08" + bytes(200))
    as_script = {"path": str(runner.home / "evil.lua"), "chunk": "evil.lua"}
    for lua in ({}, as_script):
        reason = failure(runner, engine, 'require "evil"', folders=[runner.home], lua=lua)
        assert "attempt to load a binary chunk (mode is 't')" in reason


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "a..b", ".hidden.x", "link", "folder.link", "x\\0y", "", "a/../../secret"]
)
def test_require_stays_in_its_folders(runner, engine, name):
    folder = runner.home / "pipeline"
    (folder / "folder").mkdir(parents=True)
    (runner.home / "secret.lua").write_text("return 'reached'")
    (folder / "link.lua").symlink_to(runner.home / "secret.lua")
    (folder / "folder" / "link.lua").symlink_to("../../secret.lua")
    reason = failure(runner, engine, f'print(require "{name}")', folders=[folder])
    assert "is no name of a module" in reason or "there is no module" in reason


def test_modules_that_require_each_other_are_told(runner, engine):
    (runner.home / "a.lua").write_text('return require "b"')
    (runner.home / "b.lua").write_text('return require "a"')
    assert "module 'a' requires itself" in failure(runner, engine, 'require "a"', folders=[runner.home])


def test_files_elsewhere_are_neither_read_nor_written(runner, engine, tmp_path):
    work = tmp_path / "work"
    home = work / ".sluice"
    (home / "artifacts").mkdir(parents=True)
    (home / "artifacts" / "model.json").write_text("{}")
    (home / "key").write_text("k")
    (work / "data.csv").write_text("a\n1\n")
    (work / "link").symlink_to("/etc/passwd")
    (work / "inside").symlink_to("data.csv")
    (work / "up").symlink_to("/etc")
    (tmp_path / "work-too").mkdir()
    (tmp_path / "work-too" / "x").write_text("x")
    script = """
        local function refused(f, path, ...)
            local ok, why = pcall(f, path, ...)
            assert(not ok and why:find("is not the step's", 1, true), tostring(path) .. ": " .. tostring(why))
        end
        local dir, home = sluice.step.dir, sluice.step.workspace .. "/.sluice"
        for _, path in ipairs{"/etc/passwd", "link", "up/passwd", "../work-too/x", "/proc/self/environ", "", "/",
                              dir .. "x", dir .. "/../../../runner", home, home .. "/key", ".sluice/key",
                              "./x/../.sluice/key", home .. "/artifacts/../key"} do
            refused(sluice.file.read, path)
            refused(sluice.csv.read, path)
            refused(sluice.file.exists, path)
            refused(sluice.file.list, path)
            refused(sluice.artifact, path)
        end
        for _, path in ipairs{"data.csv", "/tmp/x", "new.txt", home .. "/key", home .. "/artifacts/model.json", "link",
                              "inside", "up/x", dir .. "/../x", dir .. "x"} do
            refused(sluice.file.write, path, "x")
        end
        refused(sluice.http, {url = "http://localhost", to_file = "data.csv"})
        assert(sluice.file.read("data.csv") == "a\\n1\\n" and sluice.file.read("inside") == "a\\n1\\n")
        assert(sluice.file.read(home .. "/artifacts/model.json") == "{}")
        """
    said(runner, engine, script, cwd=str(work), context={"home": str(home)})
    assert (work / "data.csv").read_text() == "a\n1\n"


MEMORY = {
    "string.rep": 'local s = ("x"):rep(1 << 27)',
    "a huge table": "local t = {} for i = 1, math.huge do t[i] = i end",
    "table.concat": 'local t = {} for i = 1, 100 do t[i] = ("x"):rep(1 << 20) end local s = table.concat(t)',
    "string.format": 'local s = ("x"):rep(1 << 20) while true do s = string.format("%s%s", s, s) end',
    "gsub": 'local s = ("x"):rep(1 << 20):gsub("x", ("y"):rep(1 << 10))',
    "utf8.char": "local t = {} while true do t[#t + 1] = utf8.char(0x7fffffff, 0x7fffffff) .. #t end",
    "__tostring": 'print(setmetatable({}, {__tostring = function() return ("x"):rep(1 << 27) end}))',
    "closures": "local f = print while true do local g = f f = function() return g end end",
    "json.encode": 'local t = {("x"):rep(1 << 20)} for i = 1, 40 do t[i] = t[1] end local s = sluice.json.encode(t)',
    "pcall around it": 'while true do pcall(function() local s = ("x"):rep(1 << 27) end) end',
    "xpcall around it": 'while true do xpcall(string.rep, function() while true do end end, "x", 1 << 27) end',
    "pcall in pcall": 'print(pcall(pcall, pcall, string.rep, "x", 1 << 27)) print("got away")',
    "<close> around it": """
        local guard <close> = setmetatable({}, {__close = function() local t = {} while true do t[#t + 1] = #t end end})
        local s = ("x"):rep(1 << 27)""",
    "a long error": 'error(setmetatable({}, {__tostring = function() return ("x"):rep(1 << 27) end}))',
}


@pytest.mark.parametrize("how", MEMORY)
def test_memory_beyond_the_limit_ends_the_script(runner, engine, how):
    attempt, end, result = done(runner, engine, MEMORY[how], limits={"lua_memory_bytes": 32 << 20})
    assert (end["how"], end["code"]) == ("exited", 1)
    assert result["result"] == "failed" and "the script needs more than 32.0 MB of memory" in result["reason"], result
    assert "got away" not in runner.log(attempt)
    assert end["max_rss_bytes"] < 600 << 20


ENDLESS = {
    "a loop beside the link's thread": "sluice.metric('x', 1) while true do end",
    "a loop": "while true do end",
    "a goto": "::a:: goto a",
    "pcall around it": "while true do pcall(function() while true do end end) end",
    "pcall in pcall": "local function f() while true do pcall(f) end end f()",
    "an endless handler": "xpcall(function() while true do end end, function() while true do end end)",
    "<close>": "local x <close> = setmetatable({}, {__close = function() while true do end end}) error('x')",
    "<close> and pcall": """
        local function f() local x <close> = setmetatable({}, {__close = f}) while true do pcall(f) end end f()""",
    "a metamethod": "local t = setmetatable({}, {__index = function() while true do end end}) return t.x",
    "an iterator": "for x in function() return 1 end do end",
    "gsub": 'while true do (("x"):rep(1000)):gsub("x", function() end) end',
    "sort": "while true do table.sort({3, 1, 2}, function(a, b) return a < b end) end",
    "tostring": "error(setmetatable({}, {__tostring = function() while true do end end}))",
}


@pytest.mark.parametrize("how", ENDLESS)
def test_an_endless_script_is_stopped_where_it_is(runner, engine, how):
    attempt, end, result = done(runner, engine, ENDLESS[how], timeout_ms=300, stop={"signal": 15, "grace_ms": 8000})
    assert end["stopped"] == "timeout" and end["how"] == "exited" and end["wall_ms"] < 5000, end
    assert result["result"] == "failed" and result["reason"].startswith("stopped at fit:"), result


@pytest.mark.parametrize(
    "script",
    [
        'return (("a"):rep(3000)):find((".-"):rep(30) .. "b")',
        "return table.move({}, 1, 1 << 60, 2)",
        "return table.insert(setmetatable({}, {__len = function() return 1 << 60 end}), 1, 1)",
    ],
)
def test_a_script_that_hides_in_one_call_is_killed(runner, engine, script):
    attempt, end, _ = done(runner, engine, script, timeout_ms=200, stop={"signal": 15, "grace_ms": 300})
    assert (end["stopped"], end["how"], end["signal"]) == ("timeout", "signalled", 9), end


def test_a_script_that_asks_is_given_its_grace(runner, engine):
    script = """
        local n = 0
        repeat n = n + 1 until sluice.cancelled()
        sluice.file.write(sluice.step.state .. "/checkpoint", "saved")
        sluice.fail("cancelled in good order")
        """
    attempt, end, result = done(runner, engine, script, timeout_ms=300, stop={"signal": 10, "grace_ms": 8000})
    assert end["stopped"] == "timeout" and result == {"result": "failed", "reason": "cancelled in good order"}
    assert (runner.home / "state" / "checkpoint").read_text() == "saved"


@pytest.mark.parametrize(
    "script, words",
    [
        ("local function f() return 1 + f() end f()", "stack overflow"),
        ("local function f(n) return select(2, pcall(f, n + 1)) end error(f(1))", "C stack overflow"),
        (
            'local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k .. "x"] end return t.x',
            "stack overflow",
        ),
        ("local t = setmetatable({}, {}) getmetatable(t).__tostring = tostring error(t)", "C stack overflow"),
        ('(("("):rep(10000)):find(("("):rep(10000))', "too many captures"),
        ('(("a"):rep(300000)):find((".-"):rep(250000) .. "b")', "pattern too complex"),
        ("local t = {} t.t = t sluice.json.encode(t)", "nested deeper than 64 levels: does the table hold itself?"),
        ('sluice.json.decode(("["):rep(100000))', "json.decode"),
        ("setmetatable({}, {__gc = function() end})", "no finalizers"),
        ("local t = setmetatable({}, {__metatable = 1}) setmetatable(t, {})", "cannot change a protected metatable"),
        ("error({code = 7})", "the error that the script raised is a table, expected text"),
        ("error()", "the error that the script raised is a nil, expected text"),
        ("error(setmetatable({}, {__tostring = function() return 'in words' end}))", "in words"),
        ("error(setmetatable({}, {__tostring = function() error('again') end}))", "again"),
        ("error(setmetatable({}, {__tostring = function(s) error(s) end}))", "C stack overflow"),
        ("error(setmetatable({}, {__tostring = function() return {} end}))", "'__tostring' must return a string"),
        ("error('not enough memory', 0)", "not enough memory"),
        ("table.unpack({}, 1, 1e8)", "too many results to unpack"),
        (
            "table.concat(setmetatable({}, {__len = function() return 1e15 // 1 | 0 end}))",
            "invalid value (nil) at index 1",
        ),
        ("string.format('%d', 1.5)", "number has no integer representation"),
        ("utf8.char(-1)", "value out of range"),
        ("math.randomseed(1, 2, print) utf8.codepoint('abc', 1, 100)", "out of bounds"),
        ("if then", "fit:1: unexpected symbol near 'then'"),
        ("sluice.http('http://127.0.0.1')", "this step has no way out"),
    ],
)
def test_what_goes_wrong_is_one_line_with_its_place(runner, engine, script, words):
    assert words in failure(runner, engine, script)


def test_what_the_host_hands_out_cannot_be_made_a_trap(runner, engine):
    said(
        runner,
        engine,
        """
        assert(getmetatable(sluice.json.decode("[]")) == false and getmetatable(sluice.json.null) == false)
        assert(not pcall(setmetatable, sluice.json.decode("[]"), {}))
        assert(not pcall(setmetatable, sluice.params, {}))
        local late = {}
        local t = setmetatable({}, late)
        late.__gc = function() while true do end end
        t = nil
        for i = 1, 100 do local s = ("x"):rep(100000) .. i end
        tostring, pcall, error, math.randomseed, string.format = nil
        sluice.log({} == nil and "" or "alive")
        """,
    )


def test_json_comes_back_as_it_went(runner, engine):
    said(
        runner,
        engine,
        """
        local encode, decode = sluice.json.encode, sluice.json.decode
        for _, text in ipairs{'[]', '{}', '[1,2.5,"x",null,true]', '{"a":[],"b":{},"c":[[]],"d":null}', '-0.0',
                              '"\\\\u0000\\\\n"', '1e+300', '9223372036854775807', '0.1', '"ü"', 'null', 'false'} do
            assert(encode(decode(text)) == text, text .. " -> " .. encode(decode(text)))
        end
        assert(math.type(decode("1")) == "integer" and math.type(decode("1.0")) == "float")
        assert(encode({b = 1, a = 2, c = {[1] = "x"}}) == '{"a":2,"b":1,"c":["x"]}')
        assert(encode(sluice.json.array()) == "[]" and tostring(sluice.json.null) == "null")
        for _, bad in ipairs{{1, nil, 3}, {1, x = 2}, {[1.5] = 1}, {[true] = 1}, {print}, {"\\xff"}, {["\\xff"] = 1},
                             {0/0}, {[2] = 1}} do
            assert(not pcall(encode, bad))
        end
        for _, bad in ipairs{"", "{", "[1,]", "NaN", "{'a':1}", '{"a":1,"a":2}', "\\xff", "1 2"} do
            assert(not pcall(decode, bad), bad)
        end
        """,
    )


# ---- for authors ------------------------------------------------------------------------------------------------


def lua(*arguments, cwd, expect=0):
    end = subprocess.run(
        [BUILD / "sluice-runner", "lua", *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=60
    )
    assert end.returncode == expect, (end.returncode, end.stdout, end.stderr)
    assert "runtime error" not in end.stderr and "Sanitizer" not in end.stderr
    return end


def test_lua_run_prints_what_a_script_records(tmp_path):
    script = ROOT / "examples" / "lua-step" / "smooth.lua"
    end = lua("run", script, "--lua", MODULES, "--params", '{"series": [1, 5, 2, 8], "window": 2}', cwd=tmp_path)
    assert end.stdout.splitlines() == [
        "metric    smoothed = 3 (step 2)",
        "metric    smoothed = 3.5 (step 3)",
        "metric    smoothed = 5 (step 4)",
        "output    smoothed = [3.0,3.5,5.0]",
        "output    steepest = 1.5",
    ]
    assert end.stderr == "succeeded\n"
    end = lua(
        "run", "--lua", MODULES, "--params", '{"series": [1, 5, 2, 8], "window": 2}', "--json", script, cwd=tmp_path
    )
    assert json.loads(end.stdout) == {
        "status": "succeeded",
        "reason": "",
        "params": {},
        "tags": {},
        "artifacts": [],
        "metrics": {"smoothed": {"value": 5.0, "step": 4, "count": 3}},
        "outputs": {"smoothed": [3.0, 3.5, 5.0], "steepest": 1.5},
    }


def test_lua_run_trains_and_scores_the_example(tmp_path):
    folder = ROOT / "examples" / "breast-cancer"
    end = lua(
        "run",
        folder / "train.lua",
        "--lua",
        MODULES,
        "--inputs",
        json.dumps({"data": str(folder / "data/breast-cancer.csv")}),
        "--json",
        cwd=tmp_path,
    )
    outcome = json.loads(end.stdout)
    assert outcome["outputs"]["val_auc"] > 0.97 and outcome["metrics"]["train_loss"]["count"] == 100
    assert end.stderr.startswith("info      learning rate 0.1")


def test_lua_run_says_why_it_failed(tmp_path):
    (tmp_path / "bad.lua").write_text("local x = nil\nreturn x.y\n")
    end = lua("run", "bad.lua", cwd=tmp_path, expect=1)
    assert end.stderr == "failed: bad.lua:2: attempt to index a nil value (local 'x')\n"
    assert "stack traceback:" in end.stdout
    (tmp_path / "gate.lua").write_text("sluice.refuse('no')")
    lua("run", "gate.lua", cwd=tmp_path, expect=6)
    (tmp_path / "ask.lua").write_text("sluice.model.get('models:/wine@champion')")
    assert "there is no store here to ask 'model.get'" in lua("run", "ask.lua", cwd=tmp_path, expect=1).stderr
    assert "no.lua" in lua("run", "no.lua", cwd=tmp_path, expect=1).stderr


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "expected 'run' or 'test', found ''"),
        (["walk"], "expected 'run' or 'test', found 'walk'"),
        (["run"], "expected one file, found 0"),
        (["run", "a", "b"], "expected one file, found 2"),
        (["run", "a", "--params"], "option '--params' needs a value"),
        (["run", "a", "--colour"], "there is no option '--colour'"),
        (["run", "a", "--params", "{"], "--params: "),
        (["run", "a", "--params", "[1]"], '--params: expected a map like {"name": 1}, found a list'),
        (["test", "--json"], "takes files and folders"),
    ],
)
def test_wrong_usage_is_told_with_an_example(tmp_path, arguments, words):
    end = lua(*arguments, cwd=tmp_path, expect=2)
    assert words in end.stderr and "sluice lua run smooth.lua --params" in end.stderr and end.stdout == ""


def test_lua_test_runs_the_standard_modules(tmp_path):
    end = lua("test", "--lua", MODULES, MODULES / "tests", cwd=tmp_path)
    assert end.stdout.splitlines()[-1] == "lua: 56 passed, 0 failed"


def test_lua_test_tells_each_failure(tmp_path):
    tests = tmp_path / "tests"
    tests.mkdir()
    (tmp_path / "twice.lua").write_text("return function(x) return 2 * x end")
    (tests / "twice_test.lua").write_text(textwrap.dedent("""
        local twice = require "twice"
        local t = {}
        function t.a_number() assert(twice(2) == 4) end
        function t.a_text() print("trying") error("no text") end
        function t.the_network()
            sluice.http = function(request) return {status = 200, body = request} end
            assert(sluice.http("x").body == "x")
        end
        return t
        """))
    (tests / "nothing_test.lua").write_text("return 7")
    (tests / "broken_test.lua").write_text("if")
    end = lua("test", cwd=tmp_path, expect=1)
    lines = end.stdout.splitlines()
    assert "ok    tests/twice_test.lua: a_number" in lines and "ok    tests/twice_test.lua: the_network" in lines
    failed = lines.index("FAIL  tests/twice_test.lua: a_text")
    assert lines[failed + 1].strip() == "tests/twice_test.lua:5: no text" and lines[failed + 2].strip() == "trying"
    assert (
        "FAIL  tests/nothing_test.lua" in lines
        and "      it returns number, expected a table {name = function, ...}" in lines
    )
    assert "FAIL  tests/broken_test.lua" in lines and lines[-1] == "lua: 2 passed, 3 failed"
    lua("test", "nowhere", cwd=tmp_path, expect=1)


def test_a_script_that_hides_in_one_match_is_ended_by_a_signal(sluice):
    sluice.write("deep.lua", 'print("begun"); local s = ("a"):rep(50); s:find(("a*"):rep(50) .. "b")')
    process = sluice.start("lua", "run", "deep.lua")
    assert "begun" in process.stdout.readline()
    time.sleep(0.5)  # well within the match
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == -signal.SIGALRM
