# SPDX-License-Identifier: Apache-2.0
"""`sluice lua run` and `sluice lua test`: scripts without a pipeline, for those who write them."""
import json
import subprocess
import textwrap

import pytest
from lone_runner import BUILD, ROOT
from lua_steps import MODULES


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
