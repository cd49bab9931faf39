# SPDX-License-Identifier: Apache-2.0
"""The ladder in examples/: each folder is copied, and used as the head of its sluice.yaml says.

The whole life cycle has tests of its own: test_demo.py (breast-cancer) and test_wine_month.py (wine-quality).
"""
import csv
import hashlib
import importlib.util
import json
import math
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys

import pytest

from programs import BUILD, ROOT, Result

EXAMPLES = sorted(folder.name for folder in (ROOT / "examples").iterdir() if folder.is_dir())


def commands_of(program):
    """What the head comment tells to type: the lines that are set in by three blanks, without remarks behind them."""
    commands = []
    for line in (program.folder / "sluice.yaml").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        found = re.match(r"#   (\S.*?)(?:  +.*)?$", line)
        if found:
            commands.append(found[1])
    return commands


def type_in(program, command):
    """The command as a shell understands it, with the built programs on PATH."""
    env = {**program.env, "PATH": f"{BUILD}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", command], cwd=program.folder, env=env, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=240)
    result = Result(done.returncode, done.stdout, done.stderr)
    assert "AddressSanitizer" not in done.stderr and "runtime error:" not in done.stderr, repr(result)
    return result


def type_all(program, *expected):
    """Types every command of the head; they are exactly these, and end with these codes. What each left."""
    assert commands_of(program) == [command for command, _ in expected]
    results = []
    for command, code in expected:
        results.append(type_in(program, command))
        assert results[-1].code == code, f"{command}: {results[-1]!r}"
    return results


def run_of(program, name):
    """The JSON object of a run, by its name."""
    return program("show", name, "--json", expect=0)


def artifact(result, step, name):
    return pathlib.Path(result.step(step)["artifacts"][name])


def recorded(program, name):
    """{path: sha256} of the artifacts that a run has left."""
    return {row["path"]: row["sha256"] for row in program("artifacts", name, "--json", expect=0).json}


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# ---- the ladder itself ------------------------------------------------------------------------------------------


def test_every_example_has_a_test_and_a_line_in_the_ladder():
    tests = "".join(path.read_text(encoding="utf-8") for folder in ("e2e", "conformance")
                    for path in (ROOT / "tests" / folder).glob("test_*.py"))
    untested = [name for name in EXAMPLES if f'example("{name}")' not in tests]
    assert untested == []
    ladder = re.findall(r"^\| \[`([a-z-]+)`\]\(\1\) \|", (ROOT / "examples" / "README.md").read_text(), re.M)
    assert sorted(ladder) == EXAMPLES and ladder[0] == "hello"


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name not in ("hello", "wine-quality")])
def test_the_head_of_an_example_says_what_it_shows_and_what_to_type(name):
    text = (ROOT / "examples" / name / "sluice.yaml").read_text(encoding="utf-8")
    head = [line for line in text.splitlines()[:8] if line.startswith("#")]
    assert re.match(r"# [A-Z]", head[0]) and any(line.startswith("#   sluice run") for line in head)


# ---- the rungs ------------------------------------------------------------------------------------------------------


def test_hello_is_three_lines(example):
    hello = example("hello")
    assert len((hello.folder / "sluice.yaml").read_text().splitlines()) == 3
    assert type_in(hello, "sluice run").code == 0
    assert hello("logs", expect=0).out == "greet | Hello from a step\n"


def test_params_and_outputs(example):
    rung = example("params-and-outputs")
    first, second, logs = type_all(rung, ("sluice run", 0), ("sluice run -p word=Sauerkrautsuppe -p times=5", 0),
                                   ("sluice logs", 0))
    run = run_of(rung, "params-and-outputs/1")
    text = artifact(run, "write", "text")
    assert text.read_text() == "line 1 says sluice\nline 2 says sluice\nline 3 says sluice\n"
    assert recorded(rung, "params-and-outputs/1") == {"text.txt": sha256(text)}
    assert run.step("write")["outputs"] == {"lines": 3}
    assert run.step("count")["outputs"] == {"average": 19} and run.step("count")["metrics"] == {"letters": 57}
    assert run.step("report")["status"] == "skipped" and "average > 20" in run.step("report")["reason"]
    assert "– report skipped: its condition was false" in first.out
    run = run_of(rung, "params-and-outputs/2")
    assert run.step("count")["outputs"] == {"average": 28} and run.step("count")["metrics"] == {"letters": 140}
    assert run.json["params"] == {"word": "Sauerkrautsuppe", "times": 5}
    assert logs.out == "report | about 28 letters a line\n"


def test_params_and_outputs_takes_no_value_for_a_command(example):
    rung = example("params-and-outputs")
    rung("run", "-p", "word=; touch pwned $(touch pwned)", expect=0)
    assert artifact(run_of(rung, "latest"), "write", "text").read_text().splitlines()[0] == \
        "line 1 says ; touch pwned $(touch pwned)"
    assert not list(rung.folder.rglob("pwned"))
    assert rung("run", "-p", "times=0", expect=2).err.count("times") >= 1


def test_matrix_and_select(example):
    rung = example("matrix-and-select")
    (result,) = type_all(rung, ("sluice run", 0))
    run = run_of(rung, "latest")
    items = [step for step in run.json["steps"] if step["id"] == "simulate"]
    assert [step["matrix"] for step in items] == [
        {"slope": slope, "offset": offset} for slope in (0.5, 1.0, 1.5) for offset in (0, 1)
        if (slope, offset) != (0.5, 1)]
    for step in items:
        slope, offset = step["matrix"]["slope"], step["matrix"]["offset"]
        rmse = math.sqrt(statistics.fmean((1.4 * x + 0.8 - slope * x - offset) ** 2 for x in range(1, 21)))
        assert step["metrics"]["rmse"] == pytest.approx(rmse, abs=1e-6)
    best = min(range(5), key=lambda i: items[i]["metrics"]["rmse"])
    outputs = run.step("best")["outputs"]
    assert outputs["index"] == best and outputs["best"] == items[best]["artifacts"]["line"]
    line = json.loads(pathlib.Path(outputs["best"]).read_text())
    assert line == items[best]["matrix"]
    assert re.search(rf"^ +\[{best}\] .*← best$", result.out, re.M)
    assert f"number {best} is the best, rmse {outputs['value']}:" in rung("logs", "latest", "show").out


def test_lua_step(example):
    rung = example("lua-step")
    _, tried = type_all(rung, ("sluice run", 0),
                        ("sluice lua run smooth.lua --params '{\"series\": [1, 5, 2, 8], \"window\": 2}'", 0))
    series = [3, 4, 8, 6, 9, 12, 7, 15, 11, 18]
    smoothed = [statistics.fmean(series[i - 3:i]) for i in range(3, 11)]
    steepest = max(abs(b - a) for a, b in zip(smoothed, smoothed[1:]))
    step = run_of(rung, "latest").step("smooth")
    assert step["outputs"]["smoothed"] == pytest.approx(smoothed) and step["metrics"]["smoothed"] == smoothed[-1]
    assert step["outputs"]["steepest"] == pytest.approx(steepest)
    assert f"steepest climb after smoothing: {steepest:.2f}" in rung("logs", expect=0).out
    assert "smoothed = [3.0,3.5,5.0]" in tried.out and "steepest = 1.5" in tried.out
    assert "still too rough" in rung("run", "-p", "window=1", expect=1).out


def test_c_plugin_is_built_outside_the_tree_with_step_h_alone(example, tmp_path):
    rung = example("c-plugin")
    header = tmp_path / "only-the-header" / "step.h"
    header.parent.mkdir()
    shutil.copy(ROOT / "orchestrator" / "step.h", header)
    commands = commands_of(rung)
    assert commands == ["make STEP_H=…/orchestrator", "sluice plugins show ./correlate.so", "sluice run"]
    make, show, run = [type_in(rung, command.replace("…/orchestrator", str(header.parent))) for command in commands]
    assert make.code == 0 and "warning" not in make.err, make
    assert show.code == 0 and "Pearson's correlation" in show.out and "From -1 to 1." in show.out, show
    assert run.code == 0, run
    step = run_of(rung, "latest").step("correlate")
    expected = statistics.correlation([1, 2, 3, 4, 5, 6], [2.1, 3.9, 6.2, 7.8, 10.1, 12.2])
    assert step["outputs"] == {"correlation": pytest.approx(expected, abs=1e-12), "n": 6}
    assert step["metrics"] == {"correlation": pytest.approx(expected, abs=1e-12)}
    assert f"correlated {expected:.6f}"[:16] in rung("logs", "latest", "judge").out


def test_c_plugin_says_what_is_wrong_with_its_lists(example):
    rung = example("c-plugin")
    assert type_in(rung, f"make STEP_H={ROOT}/orchestrator").code == 0
    text = (rung.folder / "sluice.yaml").read_text()
    for wrong, words in (("[1, 2]", "x has 2 items and y 6"), ("[1, 2, a, 4, 5, 6]", "x: item 3 is no number"),
                         ("[4, 4, 4, 4, 4, 4]", "x is constant")):
        (rung.folder / "sluice.yaml").write_text(text.replace("[1, 2, 3, 4, 5, 6]", wrong))
        result = rung.run(expect=1)
        assert words in result.step("correlate")["reason"]
        assert result.step("judge")["status"] == "skipped"


def python_points(folder, count, seed):
    spec = importlib.util.spec_from_file_location("example_train", folder / "train.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.points(count, seed))


def test_python_script_is_judged_and_registered(example, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    rung = example("python")
    _, models, _ = type_all(rung, ("sluice run", 0), ("sluice models", 0), ("sluice run -p seed=2", 0))
    assert re.search(r"^line +1 ", models.out, re.M)
    for number, seed in (("1", 1), ("2", 2)):
        run = run_of(rung, f"python-script/{number}")
        points = python_points(rung.folder, 200, seed)
        line = statistics.linear_regression(*zip(*points[:160]))
        rmse = math.sqrt(statistics.fmean((y - line.slope * x - line.intercept) ** 2 for x, y in points[160:]))
        assert run.step("train")["outputs"]["slope"] == pytest.approx(line.slope, rel=1e-9)
        assert run.step("train")["metrics"]["rmse"] == pytest.approx(rmse, rel=1e-9)
        assert run.step("evaluate")["metrics"]["rmse"] == pytest.approx(rmse, rel=1e-9)
        assert run.step("evaluate")["outputs"]["n"] == 40 and run.json["verdict"] == "passed"
        assert run.step("register")["outputs"]["version"] == int(number)
        holdout = artifact(run, "train", "holdout")
        assert recorded(rung, f"python-script/{number}")["holdout.csv"] == sha256(holdout)
        model = rung("models", "show", run.step("train")["model_id"], "--json", expect=0).json
        kept = json.loads((pathlib.Path(model["artifact_uri"]) / "line.json").read_text())
        assert kept == {"slope": pytest.approx(line.slope), "intercept": pytest.approx(line.intercept)}
        assert {metric["key"]: metric["value"] for metric in model["metrics"]}["rmse"] == pytest.approx(rmse)


def test_python_script_whose_line_is_bad_is_refused(example):
    rung = example("python")
    text = (rung.folder / "sluice.yaml").read_text()
    (rung.folder / "sluice.yaml").write_text(text.replace('"<= 1.5"', '"<= 0.1"'))
    result = rung.run(expect=6)
    assert result.json["verdict"] == "refused" and result.step("evaluate")["attempt"] == 1
    assert re.search(r"rmse [\d.]+ is above 0\.1 \(by [\d.]+\)", result.step("evaluate")["reason"])
    assert result.step("register")["status"] == "skipped"
    summary = rung("show", "latest", expect=0).out
    assert "refused by 1 of 2 rules" in summary and re.search(r"✗ rmse +[\d.]+ +<= 0\.1 +missed by", summary)


def test_approval_waits_for_a_person_and_goes_on(example):
    rung = example("approval")
    run, waiting, approved, resumed = type_all(
        rung, ("sluice run", 5), ("sluice approvals", 0), ('sluice approve approval/1 -m "looks right"', 0),
        ("sluice resume", 0))
    assert "sluice approve approval/1" in run.out and "sluice resume approval/1" in run.out
    assert "569 rows: may they be published?" in waiting.out
    result = run_of(rung, "approval/1")
    me = rung("activity", "--json").json[-1]["actor"]
    outputs = result.step("ask")["outputs"]
    assert outputs["approved_by"] == [me] and outputs["reason"] == "looks right"
    assert rung("logs", "latest", "publish").out == f"publish | published, as {me} said\npublish | rows: 569\n"
    assert result.step("prepare")["attempt"] == 1
    # What had ended before it was taken up again is not told again.
    assert "prepare succeeded" in run.out and "prepare succeeded" not in resumed.out
    assert "publish succeeded" in resumed.out
    assert rung("approvals", "--json", expect=0).json == []


def test_approval_rejected_publishes_nothing(example):
    rung = example("approval")
    rung("run", expect=5)
    assert rung("reject", "approval/1", expect=2).err.count("-m") == 1
    rung("reject", "approval/1", "-m", "names are in it", expect=0)
    resumed = rung("resume", expect=6)
    result = run_of(rung, "approval/1")
    assert result.json["verdict"] == "refused" and result.step("publish")["status"] == "skipped"
    assert "names are in it" in result.step("ask")["reason"] and "names are in it" in resumed.out


def no_index():
    """Why PyPI cannot be had from here, in pip's words; None when it can."""
    index = subprocess.run([sys.executable, "-m", "pip", "index", "versions", "tabulate"], capture_output=True,
                           text=True, timeout=120)
    return None if index.returncode == 0 else index.stderr.strip()[-300:]


def environment_digest(requirements):
    """The name of the folder: what the file says, and the Python that reads it."""
    python = subprocess.run(["python3", "-c", "import sys; print(sys.version, sys.executable)"], capture_output=True,
                            check=True).stdout
    told = b"sluice-python-env 1 requirements\n" + python + requirements.read_bytes()
    return hashlib.sha256(told).hexdigest()[:32]


def test_python_requirements_are_built_once_into_an_environment_of_their_own(example):
    rung = example("python-requirements")
    assert commands_of(rung) == ["sluice run", "sluice run"]
    first = type_in(rung, "sluice run")
    if first.code != 0 and (why := no_index()):
        pytest.skip(f"PyPI cannot be reached: {why}")
    assert first.code == 0, first
    assert "building" in rung("logs", "python-requirements/1").out
    environments = [path for path in (rung.home / "envs").iterdir() if path.is_dir()]
    assert [path.name for path in environments] == [environment_digest(rung.folder / "requirements.txt")]
    assert list(environments[0].glob("lib/python3*/site-packages/tabulate*"))
    built = (environments[0] / ".ready").stat()

    assert type_in(rung, "sluice run").code == 0
    assert "building" not in rung("logs", "python-requirements/2").out
    assert [path for path in (rung.home / "envs").iterdir() if path.is_dir()] == environments
    assert (environments[0] / ".ready").stat().st_mtime_ns == built.st_mtime_ns
    for number in (1, 2):
        table = artifact(run_of(rung, f"python-requirements/{number}"), "report", "table").read_text().splitlines()
        assert len(table) == 7 and table[0].split() == ["n", "square", "root", "logarithm"]
        assert table[3].split() == ["2", "1.4142", "0.6931"]


# ---- retraining, which `sluice init` writes, too ------------------------------------------------------------


def figures(path):
    """rmse and r2 of a file of judged rows."""
    rows = rows_of(path)
    actual = [float(row["minutes"]) for row in rows]
    errors = [float(row["predicted"]) - y for row, y in zip(rows, actual)]
    mean = statistics.fmean(actual)
    squares = math.fsum(e * e for e in errors)
    return math.sqrt(squares / len(rows)), 1 - squares / math.fsum((y - mean) ** 2 for y in actual)


def check_retraining(rung):
    run, approved, refused = type_all(rung, ("sluice run", 5), ("sluice approve retraining/1 --resume", 0),
                                      ("sluice run -p l2=1", 0))
    first, second = run_of(rung, "retraining/1"), run_of(rung, "retraining/2")
    for result in (first, second):
        rmse, r2 = figures(artifact(result, "train", "judged"))
        metrics = result.step("evaluate")["metrics"]
        assert metrics["rmse"] == pytest.approx(rmse, rel=1e-9) and metrics["r2"] == pytest.approx(r2, rel=1e-9)
        assert result.step("train")["outputs"] == {"rows": 200} and result.step("evaluate")["outputs"]["n"] == 60
    assert first.step("evaluate")["metrics"]["rmse"] < 10 < second.step("evaluate")["metrics"]["rmse"]
    assert first.json["verdict"] == "passed" and second.json["verdict"] == "refused"
    assert second.json["status"] == "succeeded" and second.step("promote")["status"] == "skipped"
    assert first.step("evaluate")["outputs"]["champion_version"] is None
    assert second.step("evaluate")["outputs"]["champion_version"] == "1"
    current = rung.folder / "deployed" / "current"
    assert current.is_symlink() and sorted(path.name for path in current.iterdir()) == ["MLmodel", "model.json"]
    weights = json.loads((current / "model.json").read_text())
    assert len(weights["weights"]) == 4
    models = rung("models", "--json", expect=0).json
    assert models[0]["model"] == "deliveries" and models[0]["aliases"] == {"challenger": 1, "champion": 1}
    # The whole refusal stands once: at the gate. The others say which gate it was.
    assert refused.out.count("is above 10 (by") == 1 and refused.out.count("skipped: evaluate refused") == 8
    assert refused.out.count("refused by 3 of 3 rules") == 2
    assert second.step("register")["reason"].startswith("refused by evaluate: rmse")


def test_retraining(example):
    check_retraining(example("retraining"))


def test_init_writes_the_retraining_example_ready_to_run(sluice):
    result = sluice("init", "--from", "retraining", "--home", sluice.home, expect=0)
    assert "next: sluice run\n" in result.out
    source = ROOT / "examples" / "retraining"
    for path in source.rglob("*"):
        if path.is_file():
            assert (sluice.folder / path.relative_to(source)).read_bytes() == path.read_bytes()
    assert (sluice.folder / ".gitignore").read_text() == ".sluice/\n"
    plan = sluice("validate", "--json", expect=0)
    assert plan.err == ""
    check_retraining(sluice)


@pytest.mark.parametrize("template", ["hello", "python"])
def test_init_writes_what_runs_at_once(sluice, template):
    sluice("init", "--from", template, "--home", sluice.home, expect=0)
    sluice("run", expect=0)


def test_init_below_the_root_of_a_checkout_says_where_to_run(sluice):
    subprocess.run(["git", "init", "-q", sluice.folder], check=True)
    below = sluice.folder / "ml"
    below.mkdir()
    result = sluice("init", "--from", "retraining", "--home", sluice.home, cwd=below, expect=0)
    assert "next: sluice run --workspace .\n" in result.out
    wrong = sluice("run", cwd=below, expect=3)
    assert "train.lua" in wrong.err and f"--workspace {below}" in wrong.err
    sluice("run", "--workspace", ".", cwd=below, expect=5)
