# SPDX-License-Identifier: Apache-2.0
"""`sluice validate` as users see it: text, JSON, SARIF, annotations; all errors at once; large and hostile files."""
import json
import re
import resource
import shutil
import subprocess
import time

import pytest
from programs import BUILD, ROOT

WRONG = """\
name: Wine
params: {data: {type: path, default: a.csv}}
steps:
  train:
    run: python train.py ${{ params.dta }}
    timeuot: 1h
  test: {uses: evalaute, needs: [trian]}
"""
FOUND = [(1, 7, "E006"), (5, 30, "E009"), (6, 5, "E003"), (7, 16, "E014"), (7, 34, "E009")]


def is_plain(program):
    """Built without ASan? Only then its times say something."""
    return program.is_file() and b"__asan_init" not in program.read_bytes()


# What is timed: the program under test, or the plain one that `make test` leaves beside a sanitized build.
PLAIN = next((path for path in (BUILD / "sluice", BUILD.parent / "sluice") if is_plain(path)), None)


def piped(sluice, text, *arguments):
    """`sluice validate -` with this text."""
    done = subprocess.run([BUILD / "sluice", "validate", "-", *arguments], cwd=sluice.folder, env=sluice.env,
                          input=text, capture_output=True, timeout=60)
    assert done.returncode != 99 and b"AddressSanitizer" not in done.stderr, done.stderr
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def timed(sluice, *arguments, expect, runs=5):
    """The best of several runs, in seconds of the processor (others may use it, too), and the result."""
    best, result = 1e9, sluice(*arguments, expect=expect)
    for _ in range(runs if PLAIN else 0):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([PLAIN, *arguments], cwd=sluice.folder, env=sluice.env, capture_output=True, timeout=60,
                       check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return best, result


# ---- what is printed -------------------------------------------------------------------------------------------

def test_every_error_is_told_at_once_with_its_line_a_caret_and_a_hint(sluice):
    sluice.pipeline(WRONG)
    out = sluice("validate", expect=3).out
    assert re.findall(r"^sluice\.yaml:(\d+):(\d+): error (E\d+): ", out, re.M) == \
        [(str(line), str(column), code) for line, column, code in FOUND]
    assert out.splitlines()[4:8] == [
        "sluice.yaml:5:30: error E009: there is no param 'dta'",
        "    5 |     run: python train.py ${{ params.dta }}",
        "      |                              ^^^^^^^^^^",
        "      = did you mean 'data'?"], out
    assert "did you mean 'timeout'?" in out and "did you mean 'evaluate'?" in out and "did you mean 'train'?" in out
    assert out.endswith("sluice.yaml: 5 errors\n")


JUDGED = """\
name: wine
params: {min_r2: {type: number, default: 0.3}}
steps:
  train: {run: sleep 7200}
  evaluate:
    needs: [train]
    uses: evaluate
    with:
      dataset: holdout.csv
      label: quality
      prediction: predicted
      type: regressor
      thresholds:
        rmse: "less than 1"
        r2: [">= ${{ params.min_r2 }}", ">= champoin"]
        acuracy: ">= 0.9"
        "mae[color]": {is: "<= 0.9", min_samples: 50}
        roc_auc: ">= 0.8"
        mse: "<= champion"
"""
JUDGED_FOUND = [(14, 16, "did you mean '<'?"), (15, 42, "did you mean 'champion'?"), (16, 9, "expected one of rmse"),
                (17, 9, "in quotes"), (18, 9, "needs 'type: classifier', but it is 'regressor'"),
                (19, 15, "there is no input 'champion'")]


@pytest.mark.parametrize("arguments", [["validate"], ["run"], ["run", "--dry-run"]])
def test_what_a_gate_could_not_judge_is_told_before_anything_runs(sluice, arguments):
    sluice.pipeline(JUDGED)
    result = sluice(*arguments, expect=3)
    text = result.out if arguments == ["validate"] else result.err
    found = re.findall(r"^sluice\.yaml:(\d+):(\d+): error E015: 'evaluate': 'thresholds': (.*\n.*\n.*\n?.*)$", text,
                       re.M)
    assert [(int(line), int(column)) for line, column, _ in found] == [row[:2] for row in JUDGED_FOUND], text
    for (_, _, said), (line, column, words) in zip(found, JUDGED_FOUND):
        assert words in said, (line, column, said)
    shown = text.splitlines()
    caret = next(i for i, line in enumerate(shown) if line.startswith("sluice.yaml:16:9")) + 2
    assert shown[caret - 1][shown[caret].index("^"):].startswith("acuracy")
    assert shown[caret].count("^") == len("acuracy")


def test_what_a_gate_could_not_judge_is_told_as_json_too(sluice):
    sluice.pipeline(JUDGED)
    items = sluice("validate", "--json", expect=3).json["files"][0]["diagnostics"]
    assert [(item["code"], item["line"], item["column"]) for item in items] == \
        [("E015", line, column) for line, column, _ in JUDGED_FOUND]
    for item, (_, _, words) in zip(items, JUDGED_FOUND):
        assert words in f"{item['message']} {item['hint']}"


def test_a_gate_with_good_rules_is_valid(sluice):
    sluice.pipeline(JUDGED.replace("less than 1", "<= 1").replace("champoin", "${{ params.min_r2 }}")
                    .replace("acuracy", "max_error").replace("[color]", "[color=red]").replace("roc_auc", "mape")
                    .replace("<= champion", "<= 3"))
    assert sluice("validate", expect=0).out == "sluice.yaml: valid\n"


# ---- Lua -------------------------------------------------------------------------------------------------------

LUA = """\
name: scripts
steps:
  train: {run: sleep 7200}
  judge:
    needs: [train]
    lua: |
      local r2 = sluice.params.r2
      if r2 < 0.3 then
          sluice.refuse("too poor"
      end
  open:
    lua: |
      for i = 1, 3 do
        if i > 2 then
          print(i)
        end
  file: {lua: scripts/fit.lua}
  grid: {uses: train, with: {lua: scripts/fit.lua, metric: m, mode: min, grid: {a: [1]}}}
  good: {lua: scripts/good.lua}
"""


@pytest.fixture
def scripts(sluice):
    sluice.pipeline(LUA)
    sluice.write("scripts/fit.lua", "local x = 1\nx = = 2\n")
    sluice.write("scripts/good.lua", "#!/usr/bin/env lua\nlocal x <const> = 1\n")
    return sluice


@pytest.mark.parametrize("arguments", [["validate"], ["run"], ["run", "--dry-run"]])
def test_a_script_that_does_not_compile_is_told_with_its_line_before_anything_runs(scripts, arguments):
    result = scripts(*arguments, expect=3)
    text = result.out if arguments == ["validate"] else result.err
    assert re.findall(r"^sluice\.yaml:(\d+:\d+): error E023: the Lua script does not compile: (.*)$", text, re.M) == [
        ("10:7", "')' expected (to close '(' at line 9) near 'end'"),
        ("16:9", "'end' expected (to close 'for' at line 13) near <eof>"),
        ("17:15", "scripts/fit.lua:2: unexpected symbol near '='"),
        ("18:35", "scripts/fit.lua:2: unexpected symbol near '='")], text
    assert "   10 |       end\n      |       ^^^\n" in text
    assert not (scripts.folder / ".sluice").exists() or scripts("runs", "--json", expect=0).json["runs"] == []


def test_scripts_that_do_not_compile_are_told_as_json(scripts):
    items = scripts("validate", "--json", expect=3).json["files"][0]["diagnostics"]
    assert [(item["code"], item["line"], item["column"], item["end_column"]) for item in items] == \
        [("E023", 10, 7, 10), ("E023", 16, 9, 12), ("E023", 17, 15, 30), ("E023", 18, 35, 50)]


def test_a_script_is_compiled_as_a_step_would_and_never_run(sluice):
    sluice.write("ok.lua", "\ufeff#!/usr/bin/lua\nfor i = 1, math.huge do end\n")
    sluice.write("code.lua", "\x1bLua")
    sluice.pipeline("name: p\nsteps: {a: {lua: ok.lua}, b: {lua: 'while true do end'}}\n")
    assert sluice("validate", expect=0).out == "sluice.yaml: valid\n"
    sluice.pipeline("name: p\nsteps: {a: {lua: code.lua}}\n")
    assert "code.lua:1: attempt to load a binary chunk" in sluice("validate", expect=3).out
    (sluice.folder / "code.lua").unlink()
    (sluice.folder / "code.lua").mkdir()
    assert "error E018: the Lua script 'code.lua' cannot be read: " in sluice("validate", expect=3).out


def test_a_script_named_by_an_input_must_be_there(sluice):
    sluice.pipeline("name: p\nsteps: {a: {uses: train, with: {lua: no.lua, metric: m, mode: min, grid: {a: [1]}}}}\n")
    assert "2:38: error E018: the Lua script 'no.lua' does not exist" in sluice("validate", expect=3).out


HOSTILE = {
    "deep": lambda: "x = " + "(" * 1000000,
    "large": lambda: "x = {" + "1.5," * 4000000 + "}",
    # Jumps and labels, each of which is looked up among all before it.
    "slow": lambda: "".join(
        f"function f{k}()\n" + "".join(f"do goto l{i} end\n" for i in range(16000)) +
        "".join(f"::l{i}:: x()\n" for i in range(16000)) + "end\n" for k in range(25)),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_script_holds_nobody_up(sluice, kind):
    text, known = HOSTILE[kind](), kind != "slow"
    sluice.write("hostile.lua", text)
    sluice.pipeline("name: p\nsteps: {a: {run: x}, b: {lua: hostile.lua}}\n")
    began = time.monotonic()
    result = sluice("validate", timeout=60)
    assert time.monotonic() - began < 30
    if known and result.code == 3:
        assert "error E023: the Lua script does not compile: hostile.lua:1: " in result.out
    else:
        assert result.code == 0 and (known or "2:31: warning W021: it was not looked whether" in result.out), result


def test_without_the_runner_a_pipeline_is_checked_all_the_same(sluice, tmp_path):
    alone = tmp_path / "alone/bin/sluice"
    alone.parent.mkdir(parents=True)
    shutil.copy(BUILD / "sluice", alone)
    sluice.pipeline("name: p\nsteps: {a: {lua: 'x ='}, b: {run: 'echo ${{ params.x }}'}}\n")
    done = subprocess.run([alone, "validate"], cwd=sluice.folder, env=sluice.env, capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 3 and "error E009" in done.stdout
    assert "warning W021: it was not looked whether this Lua script" in done.stdout
    assert "compile: starting" in done.stdout


def test_a_caret_stands_under_characters_not_bytes(sluice):
    sluice.pipeline('name: p\nsteps: {a: {run: "echo æøå ${{ params.x }}"}}\n')
    lines = sluice("validate", expect=3).out.splitlines()
    assert lines[0].startswith("sluice.yaml:2:32: ")
    assert lines[1][lines[2].index("^"):].startswith("params.x")
    assert lines[2].count("^") == len("params.x")


def test_a_long_line_is_shown_around_the_place(sluice):
    sluice.pipeline("name: p\nsteps: {a: {run: '" + "x" * 5000 + " ${{ params.y }}'}}\n")
    lines = sluice("validate", expect=3).out.splitlines()
    assert len(lines[1]) < 200 and lines[1][lines[2].index("^"):].startswith("params.y")


def test_a_valid_file_is_said_to_be_and_quiet_says_nothing(sluice):
    sluice.pipeline("name: p\nsteps: {a: {run: 'true'}}\n")
    assert sluice("validate", expect=0).out == "sluice.yaml: valid\n"
    assert sluice("validate", "--quiet", expect=0).out == ""
    sluice.pipeline("name: p\nsteps: {a: {lua: 'return', permissions: {register: [m]}}}\n")
    assert sluice("validate", expect=0).out.endswith("sluice.yaml: valid, 1 warning\n")


def test_json_has_every_file_and_every_problem(sluice):
    sluice.pipeline(WRONG, "bad.yaml")
    sluice.pipeline("name: p\nsteps: {a: {lua: 'return', permissions: {register: [m]}}}\n", "good.yaml")
    for arguments in (("--format", "json"), ("--json",)):
        report = json.loads(sluice("validate", "good.yaml", "bad.yaml", *arguments, expect=3).out)
        assert report["valid"] is False
        assert [(file["file"], file["errors"], file["warnings"]) for file in report["files"]] == \
            [("good.yaml", 0, 1), ("bad.yaml", 5, 0)]
        warning, = report["files"][0]["diagnostics"]
        assert (warning["level"], warning["code"], warning["line"]) == ("warning", "W020", 2)
        found = [(item["line"], item["column"], item["code"]) for item in report["files"][1]["diagnostics"]]
        assert found == FOUND
        assert all(item["level"] == "error" and item["message"] for item in report["files"][1]["diagnostics"])
        unknown = report["files"][1]["diagnostics"][1]
        assert unknown["end_column"] == 40 and unknown["hint"] == "did you mean 'data'?"
    report = json.loads(sluice("validate", "good.yaml", "--json", expect=0).out)
    assert report["valid"] is True


def test_sarif_is_what_its_version_2_1_0_requires(sluice):
    sluice.pipeline(WRONG, "a folder/bad: 1.yaml")
    sluice.pipeline("name: p\nsteps: {a: {lua: 'return', permissions: {register: [m]}}}\n", "good.yaml")
    out = sluice("validate", "a folder/bad: 1.yaml", "good.yaml", "nowhere.yaml", "--format", "sarif", expect=3).out
    log = json.loads(out)
    assert log["version"] == "2.1.0" and log["$schema"].endswith("sarif-2.1.0.json")
    assert set(log) <= {"$schema", "version", "runs", "properties"}
    run, = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "sluice" and re.fullmatch(r"\d+\.\d+\.\d+", driver["version"])
    assert run["columnKind"] == "unicodeCodePoints"
    assert len(run["results"]) == len(FOUND) + 2
    for result in run["results"]:
        assert result["level"] in ("none", "note", "warning", "error")
        assert re.fullmatch(r"[EW]\d{3}", result["ruleId"]) and result["message"]["text"]
        location, = result["locations"]
        place = location["physicalLocation"]
        assert re.fullmatch(r"([A-Za-z0-9._~/-]|%[0-9A-F]{2})+", place["artifactLocation"]["uri"])
        region = place["region"]
        assert region["startLine"] >= 1 and region["startColumn"] >= 1
        assert region.get("endColumn", 10**9) > region["startColumn"]
    first = run["results"][0]["locations"][0]["physicalLocation"]
    assert first["artifactLocation"]["uri"] == "a%20folder/bad%3A%201.yaml"
    assert [(item["locations"][0]["physicalLocation"]["region"]["startLine"], item["ruleId"])
            for item in run["results"]] == [(line, code) for line, _, code in FOUND] + [(2, "W020"), (1, "E018")]


def test_annotations_are_commands_that_a_workflow_understands(sluice):
    sluice.pipeline(WRONG, "a,b.yaml")
    lines = sluice("validate", "a,b.yaml", "--format", "github", expect=3).out.splitlines()
    assert len(lines) == len(FOUND)
    for line, (row, column, code) in zip(lines, FOUND):
        place = rf"file=a%2Cb\.yaml,line={row},col={column},(endColumn=\d+,)?"
        assert re.match(rf"::error {place}title=sluice {code}::", line)
    assert lines[1].endswith("::there is no param 'dta': did you mean 'data'?")
    sluice.pipeline('name: p\nsteps: {a: {uses: "x%\\ny"}}\n', "b.yaml")  # one problem is one line
    line, = sluice("validate", "b.yaml", "--format", "github", expect=3).out.splitlines()
    assert "x%25 y" in line


def test_a_report_of_code_quality_knows_a_problem_again_where_its_line_has_moved(sluice):
    """The fields that GitLab's Code Quality reads, each problem with a fingerprint of its own."""
    sluice.pipeline(WRONG, "a.yaml")
    report = sluice("validate", "a.yaml", "--format", "gitlab", expect=3).json
    assert [(row["location"], row["check_name"]) for row in report] == [
        ({"path": "a.yaml", "lines": {"begin": line}}, f"sluice {code}") for line, _, code in FOUND]
    assert {row["severity"] for row in report} == {"major"}
    assert report[1]["description"] == "there is no param 'dta': did you mean 'data'?"
    prints = [row["fingerprint"] for row in report]
    assert len(set(prints)) == len(prints) and all(re.fullmatch("[0-9a-f]{64}", one) for one in prints)
    (sluice.folder / "a.yaml").write_text("# moved\n" + (sluice.folder / "a.yaml").read_text())
    assert [row["fingerprint"] for row in sluice("validate", "a.yaml", "--format", "gitlab").json] == prints
    sluice.pipeline("name: p\nsteps: {a: {run: 'true'}}\n", "good.yaml")
    assert sluice("validate", "good.yaml", "--format", "gitlab", expect=0).json == []


def test_a_wrong_format_is_a_wrong_use(sluice):
    result = sluice("validate", "--format", "xml", expect=2)
    assert "expected text, json, sarif, github or gitlab" in result.err


# ---- what is read ----------------------------------------------------------------------------------------------

def test_standard_input_is_a_file_named_dash(sluice):
    code, out, _ = piped(sluice, b"name: p\nsteps: {a: {rum: x}}\n")
    assert code == 3 and out.startswith("-:2:12: error E007:") and out.endswith("-: 2 errors\n")
    assert piped(sluice, b"name: p\nsteps: {a: {run: x}}\n")[:2] == (0, "-: valid\n")
    code, out, _ = piped(sluice, b"name: p\xff\n", "--json")
    assert code == 3
    item, = json.loads(out)["files"][0]["diagnostics"]
    assert (item["line"], item["column"], item["code"]) == (1, 8, "E001")


@pytest.mark.parametrize("text, says", [
    (b"", "the file is empty"),
    (b"name: p\n\tsteps: x\n", "YAML is indented by blanks, not tabs"),
    (b"name: p\nsteps: {a: {run: \x00}}\n", "a NUL byte"),
    (b"{" * 100000, "nested more than 64 deep"),
    (b"name: p\nsteps:\n  a: {run: x}\n  a: {run: y}\n", "the key 'a' stands twice"),
    (b"name: p\nsteps: {a: !!python/object:os.system {run: x}}\n", "tags ("),
    (b"x: " + b"y" * (16 << 20), "larger than 16 MiB"),
    (bytes(range(256)), "a NUL byte"),
], ids=["empty", "tab", "nul", "deep", "twice", "tag", "large", "bytes"])
def test_a_file_that_is_no_pipeline_is_refused_in_words(sluice, text, says):
    code, out, err = piped(sluice, text)
    assert code == 3 and says in out, out[:1000] + err


def test_a_folder_or_a_missing_file_is_told_beside_the_others(sluice):
    sluice.pipeline("name: p\nsteps: {a: {run: 'true'}}\n")
    (sluice.folder / "folder").mkdir()
    result = sluice("validate", "folder", "nowhere.yaml", "sluice.yaml", expect=3)
    assert "folder: error E018: 'folder' is a folder: expected a pipeline file" in result.out
    assert "there is no file 'nowhere.yaml'" in result.out and "sluice.yaml: valid" in result.out


def test_of_a_missing_file_it_is_said_what_was_meant(sluice):
    alone = sluice("validate", expect=3).out
    assert "sluice.yaml: error E018: there is no file 'sluice.yaml'\n" in alone
    assert "= name one, or 'sluice init' writes a first pipeline" in alone
    sluice.pipeline("name: p\nsteps: {a: {run: 'true'}}\n", "sluice.yml")
    assert "= did you mean 'sluice.yml'?" in sluice("validate", expect=3).out
    told = sluice("validate", "slice.yml", "--json", expect=3).json
    assert "did you mean 'sluice.yml'?" in str(told)


def test_nothing_is_made_and_no_home_is_needed(sluice):
    sluice.pipeline("name: p\nsteps: {a: {run: touch made}}\n")
    sluice("validate", expect=0)
    assert [entry.name for entry in sluice.folder.iterdir()] == ["sluice.yaml"]


def test_the_example_of_the_contract_is_valid_once_its_files_are_there(sluice):
    text = (ROOT / "tests/fixtures/pipelines/wine-quality.yaml").read_text(encoding="utf-8")
    (sluice.folder / "wine.yaml").write_text(text, encoding="utf-8")
    report = sluice("validate", "wine.yaml", "--json", expect=3).json
    errors = [item for item in report["files"][0]["diagnostics"] if item["level"] == "error"]
    assert [(item["code"], "requirements.lock" in item["message"]) for item in errors] == [("E018", True)]
    sluice.write("requirements.lock", "")
    items = sluice("validate", "wine.yaml", "--json", expect=0).json["files"][0]["diagnostics"]
    unhonoured = {item["message"].split("'")[1] for item in items if item["code"] == "W020"}
    assert unhonoured == set()
    others = [item["message"] for item in items if item["code"] != "W020"]
    assert others == ["the pipeline has no param 'full': what the trigger gives is left out",
                      "the pipeline has no param 'commit': what the trigger gives is left out"]


# ---- how long it takes -----------------------------------------------------------------------------------------

def bomb(name):
    """1 MB of aliases in aliases: of lists, of maps, all of one anchor; of anchors alone; of lists in lists."""
    if name == "lists":
        lines = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 13000)]
        return "a0: &a0 [x, x]\n" + "\n".join(lines)
    if name == "maps":
        return "a0: &a0 {x: y}\n" + "\n".join(f"a{n}: &a{n} {{x: *a{n - 1}, y: *a{n - 1}}}" for n in range(1, 28000))
    return {"aliases": "a: &a x\nb: [" + "*a, " * 270000 + "]\n",
            "anchors": "\n".join(f"a{n}: &a{n} x" for n in range(70000)),
            "nested": "a: " + "[" * (1 << 20)}[name]


@pytest.mark.parametrize("name", ["lists", "maps", "aliases", "anchors", "nested"])
def test_a_megabyte_of_aliases_is_refused_in_under_100_ms(sluice, name):
    text = bomb(name)
    assert len(text) > 1 << 20
    sluice.pipeline(text)
    best, result = timed(sluice, "validate", expect=3)
    assert "E001" in result.out or "E002" in result.out
    assert len(result.out) < 1 << 20
    if PLAIN is None:
        pytest.skip("refused; no plain build to time")
    print(f"{name}: {best * 1000:.0f} ms")
    assert best < 0.1


def large(count):
    """A chain in which each step has a script, an artifact and uses what the one before leaves."""
    steps = ["name: large\nsteps:\n"]
    for n in range(count):
        steps.append(f"  step_{n}:\n    run: |\n      echo ${{{{ run.id }}}} > \"$SLUICE_STEP_DIR/out\"\n")
        if n > 0:
            steps.append(f"      cat ${{{{ steps.step_{n - 1}.artifacts.out }}}}\n")
        steps.append("    artifacts: {out: \"${{ step.dir }}/out\", all: shared/all.csv}\n")
    return "".join(steps)


def test_ten_thousand_steps_are_valid_in_little_time(sluice):
    sluice.pipeline(large(10000))
    best, result = timed(sluice, "validate", expect=0, runs=3)
    assert result.out == "sluice.yaml: valid\n"
    print(f"10,000 steps: {best * 1000:.0f} ms")
    if PLAIN:
        assert best < 2


def test_ten_thousand_errors_are_told_in_little_time(sluice):
    sluice.pipeline(large(10000).replace("run.id", "run.idd"))
    best, result = timed(sluice, "validate", expect=3, runs=1)
    assert result.out.count("error E009") == 1000 and "sluice.yaml: 10000 errors" in result.out
    file, = sluice("validate", "--json", expect=3).json["files"]
    assert (file["errors"], file["warnings"], len(file["diagnostics"])) == (10000, 0, 1000)
    print(f"10,000 errors: {best * 1000:.0f} ms")
    if PLAIN:
        assert best < 3
