# SPDX-License-Identifier: Apache-2.0
"""Lua steps: what a script may not do, and what becomes of one that tries."""
import signal
import time

import pytest
from lone_runner import engine, runner  # noqa: F401 (fixtures)
from lua_steps import done, failure, said


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


BEGUN_MS = 3000  # a script that has not begun yet is ended by the signal itself

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
    stop = {"signal": 15, "grace_ms": 60000}
    attempt, end, result = done(runner, engine, ENDLESS[how], timeout_ms=BEGUN_MS, stop=stop)
    assert end["stopped"] == "timeout" and end["how"] == "exited" and end["wall_ms"] < 30000, end
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
    attempt, end, _ = done(runner, engine, script, timeout_ms=BEGUN_MS, stop={"signal": 15, "grace_ms": 300})
    assert (end["stopped"], end["how"], end["signal"]) == ("timeout", "signalled", 9), end


def test_a_script_that_asks_is_given_its_grace(runner, engine):
    script = """
        local n = 0
        repeat n = n + 1 until sluice.cancelled()
        sluice.file.write(sluice.step.state .. "/checkpoint", "saved")
        sluice.fail("cancelled in good order")
        """
    attempt, end, result = done(runner, engine, script, timeout_ms=BEGUN_MS, stop={"signal": 10, "grace_ms": 60000})
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


def test_a_script_that_hides_in_one_match_is_ended_by_a_signal(sluice):
    sluice.write("deep.lua", 'print("begun"); local s = ("a"):rep(50); s:find(("a*"):rep(50) .. "b")')
    process = sluice.start("lua", "run", "deep.lua")
    assert "begun" in process.stdout.readline()
    time.sleep(0.5)  # well within the match
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGALRM
