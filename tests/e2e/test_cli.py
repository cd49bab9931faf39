# SPDX-License-Identifier: Apache-2.0
"""The command line as its users meet it: help, names, exit codes, what goes to which stream, lists."""
import os
import pwd
import re
import shlex
import subprocess

import pytest
from programs import BUILD, Sluice

HELLO = "name: hello\nsteps: {greet: {run: echo Hello}}\n"


def me():
    return pwd.getpwuid(os.getuid()).pw_name


def commands():
    """Every command, as `sluice --help` lists them."""
    out = subprocess.run([BUILD / "sluice", "--help"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^  ([a-z-]+(?: [a-z]+)?)  ", out, re.MULTILINE)


def examples(help_text):
    block = help_text.split("\nExamples\n")[1].split("\n\n")[0]
    return [line.strip() for line in block.splitlines()]


# ---- help -----------------------------------------------------------------------------------------------------------


def test_every_command_explains_itself_with_an_example_that_is_a_command(sluice):
    names = commands()
    assert {"init", "run", "resume", "retry", "models show", "activity verify", "completion"} <= set(names)
    known = {option for name in names for option in re.findall(r"--[a-z-]+", sluice(*name.split(), "--help").out)}
    for name in names:
        text = sluice(*name.split(), "--help", expect=0).out
        assert text.startswith(f"sluice {name}: ") and "\nUsage\n  sluice " + name in text
        lines = examples(text)
        assert lines, name
        for line in lines:
            line = line.removeprefix("source <(").rstrip(")").split(" | ")[0].split(" > ")[0]
            words = shlex.split(line)
            assert words[0] == "sluice" and " ".join(words[1:]).startswith(name.split()[0]), line
            assert any(words[1:1 + len(one.split())] == one.split() for one in names), line
            options = {word.split("=")[0] for word in words if word.startswith("--")}
            assert options <= known, f"{line}: {options - known}"


def test_options_and_what_they_do_stand_in_two_columns(sluice):
    for name in commands():
        for block in sluice(*name.split(), "--help", expect=0).out.split("\n\n"):
            lines = block.splitlines()[1:] if block.startswith("Options") else []
            begins = {len(re.match(r"  .*?\S  +", line)[0]) for line in lines}
            assert len(begins) <= 1, block


def test_help_fits_a_window_and_is_the_same_by_any_way_to_ask(sluice):
    for name in ("run", "models show", "activity verify"):
        text = sluice(*name.split(), "--help", expect=0).out
        assert sluice("help", *name.split(), expect=0).out == text == sluice(*name.split(), "-h", expect=0).out
    assert max(map(len, sluice("--help").out.splitlines())) <= 110
    assert "sluice models show" in sluice("models", "--help").out, "what is below a command is named"
    alone = sluice(expect=2)
    assert alone.out == "" and alone.err == sluice("--help", expect=0).out
    assert sluice("--version", expect=0).out == sluice("version", expect=0).out


@pytest.mark.parametrize("words, hint", [
    ("man run x", "unknown command 'run x': nothing is below 'sluice run'"), ("man models shwo", "'models show'?"),
    ("rnu", "did you mean 'run'?"), ("vaildate x", "did you mean 'validate'?"), ("nothing-like-it", "sluice --help"),
    ("models shwo", "did you mean 'models show'?"), ("lua rnu", "did you mean 'lua run'?"),
    ("lua", "'sluice lua run', 'sluice lua test'"), ("activity everything", "'sluice activity verify'"),
    ("help run x", "unknown command 'run x': nothing is below 'sluice run'"), ("help models shwo", "'models show'?"),
    ("plugins nope", "there is 'sluice plugins', 'sluice plugins show'"), ("webhooks lst", "'webhooks list'?"),
    ("help rnu", "did you mean 'run'?"), ("man rnu", "did you mean 'run'?"),
    ("run --pram x=1", "did you mean '--param'?"), ("runs --zzz", "'sluice runs --help' lists them"),
    ("runs -z", "unknown option '-z'"), ("--zzz runs", "unknown option '--zzz'"),
    ("runs --limit", "option '--limit' needs N"), ("run -j", "option '-j' needs N"),
    ("runs --json=yes", "takes no value"), ("runs --limit 3 --limit 4", "given twice"),
    ("runs --limit none", "--limit: expected an integer from 1"), ("run -j 0", "--jobs: expected an integer from 1"),
    ("runs --status suceeded", "did you mean 'succeeded'?"), ("runs --status x", "expected one of queued, running"),
    ("runs extra", "unexpected argument 'extra'"), ("retry", "needs RUN [STEP]"),
    ("completion tcsh", "expected bash, zsh or fish"), ("init --from helo", "did you mean 'hello'?"),
    ("show helo/1", "did you mean 'hello/1'?"), ("show hello", "did you mean 'hello/1'?"),
    ("show hello/77", "did you mean 'hello/1'?"), ("show 77", "as 'sluice runs' shows it"), ("show ''", "no run ''"),
    ("logs latest gret", "did you mean 'greet'?"), ("logs latest 'greet[1]'", "has no matrix"),
    ("retry latest gret", "did you mean 'greet'?"), ("rerun latest --from gret", "--from: there is no step 'gret'"),
    ("run --until gret", "did you mean 'greet'?"), ("run sluice.yml", "did you mean 'sluice.yaml'?"),
    ("models show wine", "there is no registered model 'wine'"), ("models show m-1", "there is no model 'm-1'"),
    ("artifacts hello/2", "did you mean 'hello/1'?"), ("cancel latest", "nothing to cancel"),
    ("approve latest", "nothing to decide"), ("reject latest", "needs -m TEXT"), ("retry latest", "name the step"),
    ("resume", "nothing to resume"), ("run -p x=1", "no param of this name"), ("run -p x", "expected NAME=VALUE"),
    ("run --workspace nowhere", "is not a folder"), ("run --params nowhere.json", "nowhere.json"),
    ("run -e nowhere", "nowhere"), ("run --seed -1", "--seed: expected an integer"),
])
def test_what_is_not_known_is_refused_with_the_nearest_name(one_run, words, hint):
    result = one_run(*shlex.split(words), expect=2)
    assert hint in result.err and result.out == "" and result.err.startswith("sluice: ")
    assert result.err.count("\n") == 1, "one line"


@pytest.fixture(scope="module")
def one_run(tmp_path_factory):
    """A home with one run, for tests that change nothing."""
    program = Sluice(tmp_path_factory.mktemp("one"))
    program.pipeline(HELLO)
    program.run()
    yield program
    program.close()


# ---- exit codes -----------------------------------------------------------------------------------------------------


def step(text):
    return f"name: p\nsteps:\n  s: {text}\n"


GATE = """\
    name: p
    steps:
      judge:
        uses: evaluate
        with: {dataset: data.csv, label: y, prediction: p, type: regressor, thresholds: {rmse: "<= 0.1"}%s}
    """


def write_data(sluice):
    sluice.write("data.csv", "y,p\n" + "".join(f"{i},{i + 1}\n" for i in range(20)))


def test_exit_codes_tell_what_became_of_the_run(sluice):
    write_data(sluice)
    for text, code, status, verdict in (
            (step('{run: "true"}'), 0, "succeeded", "none"),
            (step("{run: exit 3}"), 1, "failed", "none"),
            (step("{run: exit 3, continue_on_error: true}"), 0, "succeeded", "none"),
            (step("{uses: approve}"), 5, "waiting", "none"),
            (GATE % "", 6, "failed", "refused"),
            (GATE % ", on_refuse: skip", 0, "succeeded", "refused")):
        sluice.pipeline(text)
        run = sluice.run(expect=code).json
        assert (run["status"], run["verdict"]) == (status, verdict), text
    assert "is no folder" in sluice("run", "--home", sluice.write("file", "") / "below", expect=4).err
    sluice.pipeline(step("{runn: x}"))
    assert sluice("run", expect=3).code == sluice("validate", expect=3).code == 3


def test_show_and_logs_of_a_failed_run_succeed(sluice):
    sluice.pipeline(step("{run: echo out; exit 3}"))
    sluice.run(expect=1)
    assert sluice("show", expect=0).code == 0 and sluice("logs", expect=0).out == "s | out\n"


def test_a_run_that_somebody_else_cancelled_exits_1_and_cancel_exits_0(sluice):
    sluice.pipeline(step("{uses: approve}"))
    sluice.run(expect=5)
    sluice("cancel", "latest", expect=0)
    assert sluice("resume", "latest", expect=1).code == 1


# ---- streams --------------------------------------------------------------------------------------------------------


RUN_KEYS = {"schema_version", "run_id", "pipeline", "number", "status", "verdict", "reason", "params", "started_at",
            "ended_at", "steps"}
STEP_KEYS = {"id", "item", "matrix", "depends", "attempt", "status", "reason", "run_id", "model_id", "outputs",
             "artifacts", "metrics", "started_at", "ended_at", "exit"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


def test_run_and_show_print_the_documented_object(sluice):
    sluice.pipeline("""\
        name: p
        params: {n: {type: integer, default: 2}}
        steps:
          work: {matrix: {n: [1, 2]}, run: 'echo "sum=1" >> "$SLUICE_OUTPUT"', outputs: {sum: integer}}
          after: {needs: [work], if: params.n == 3, run: "true"}
        """)
    run = sluice.run()
    assert run.json == sluice("show", "--json").json == sluice("show", run.json["run_id"][:8], "--json").json
    assert set(run.json) >= RUN_KEYS and run.json["number"] == "1" and run.json["params"] == {"n": 2}
    assert all(set(one) >= STEP_KEYS for one in run.json["steps"])
    assert TIME.match(run.json["started_at"]) and TIME.match(run.json["ended_at"])
    items = [one for one in run.json["steps"] if one["id"] == "work"]
    assert [one["matrix"] for one in items] == [{"n": 1}, {"n": 2}] and items[0]["outputs"] == {"sum": 1}
    assert run.step("after")["status"] == "skipped" and run.step("after")["depends"] == ["work"]


LISTS = {
    "runs": {"run", "status", "verdict", "started_at", "took_ms", "trigger", "reason", "run_id", "pipeline", "number",
             "ended_at"},
    "approvals": {"run", "step", "of", "asks", "approved_by", "asked_at", "expires_at", "message", "state",
                  "ended_at", "reason", "votes", "sha256"},
    "experiments": {"id", "experiment", "runs", "updated_at"},
    "models": {"model", "latest_version", "aliases", "updated_at"},
    "artifacts": {"of", "path", "size_bytes", "sha256"},
    "activity": {"sequence", "at", "actor", "action", "object", "from", "to", "reason", "address", "means"},
}
EVERYTHING = """\
    name: %s
    steps:
      make:
        run: mkdir "$SLUICE_STEP_DIR/model"; echo 1 > "$SLUICE_STEP_DIR/model/w"; echo 2 > "$SLUICE_STEP_DIR/plot.csv"
        model: {path: "${{ step.dir }}/model", name: %s}
        artifacts: {plot: "${{ step.dir }}/plot.csv"}
      register: {uses: register, with: {model: "${{ steps.make.model_id }}", name: %s, aliases: [challenger]}}
      ask: {needs: [register], uses: approve, with: {by: [%s, "group:x"], expires: 2d, message: "look\tat it"}}
    """


def test_lists_of_nothing_of_one_and_of_many(sluice):
    for name in LISTS:
        gone = sluice(name, expect=4)
        assert gone.out == "" and "there is no home at" in gone.err
    sluice.pipeline(HELLO)
    sluice("init", "--from", "hello", expect=2)
    (sluice.folder / "sluice.yaml").unlink()
    sluice("init", expect=0)
    for name in LISTS:
        if name in ("artifacts", "experiments"):
            continue
        empty = sluice(name, expect=0)
        assert empty.out == "" and empty.err.count("\n") == 1, name
        assert sluice(name, "--json", expect=0).json == [] and sluice(name, "-q", expect=0).err == ""
    for number, name in enumerate(("first", "second-one", "0a_b-c"), 1):
        sluice.pipeline(EVERYTHING % (name, name, name, me()))
        sluice.run(expect=5)
        for listed, keys in LISTS.items() if number != 2 else ():
            rows = sluice(listed, "--json", expect=0).json
            assert len(rows) >= (number if listed != "artifacts" else 1), listed
            assert all(set(row) == keys for row in rows), (listed, rows[0])
            assert len(sluice(listed, expect=0).out.splitlines()) == len(rows) + 1, "a row is one line"
    newest = sluice("runs", "--json").json[0]
    assert newest["run"] == "0a_b-c/1" and newest["ended_at"] is None and TIME.match(newest["started_at"])
    assert [row["run"] for row in sluice("approvals", "--json").json] == ["first/1", "second-one/1", "0a_b-c/1"]
    assert sluice("approvals", "--json").json[0]["asks"] == [me(), "group:x"]
    assert f"{me()}, group:x" in sluice("approvals").out
    assert sluice("models", "--json").json[0]["aliases"] == {"challenger": 1}


def test_columns_stand_under_their_headings(sluice):
    sluice.pipeline(HELLO)
    sluice.run()
    heading, row = sluice("runs", expect=0).out.splitlines()
    assert heading.split() == ["run", "status", "verdict", "started", "took", "trigger", "reason"]
    assert heading.index("status") == row.index("succeeded") and heading.index("trigger") == row.index("cli")


def test_runs_can_be_narrowed(sluice):
    for name in ("a", "b"):
        sluice.pipeline(f"name: {name}\nsteps: {{s: {{uses: approve}}}}\n")
        sluice.run(expect=5)
    sluice.pipeline("name: a\nsteps: {s: {run: 'true'}}\n")
    sluice.run()

    def found(*words):
        return [row["run"] for row in sluice("runs", *words, "--json", expect=0).json]

    assert found() == ["a/2", "b/1", "a/1"] and found("--limit", "1") == ["a/2"]
    assert found("--pipeline", "a") == ["a/2", "a/1"] and found("--status", "waiting") == ["b/1", "a/1"]
    assert found("--open") == ["b/1", "a/1"] and found("--open", "--pipeline", "a") == ["a/1"]
    assert found("--open", "--status", "running") == [] and found("--open", "--limit", "1") == ["b/1"]


def test_a_run_is_named_in_many_ways(sluice):
    sluice.pipeline(HELLO)
    ids = [sluice.run().json["run_id"] for _ in range(2)]
    for words, wanted in (("latest", 1), ("2", 1), ("hello/1", 0), ("hello/latest", 1), ("hello 1", 0),
                          (ids[0], 0), (ids[1][:31], 1), (ids[0][-8:], 0)):
        assert sluice("show", words, "--json", expect=0).json["run_id"] == ids[wanted], words
    sluice.pipeline(HELLO.replace("hello", "other"))
    sluice.run()
    both = sluice("show", "1", expect=2).err
    assert "hello" in both and "other" in both and "name the pipeline too" in both


def test_every_json_answer_parses(sluice):
    sluice.pipeline(EVERYTHING % ("p", "wine", "wine", me()))
    sluice.run(expect=5)
    model = sluice("models", "show", "wine", "--json").json[0]["model_id"]
    for words in ("version", "config", "doctor", "models show wine", f"models show {model}", f"artifacts {model}",
                  "activity verify", "validate", "run --dry-run", "approve p/1"):
        assert sluice(*words.split(), "--json", expect=0).json, words
    assert set(sluice("version", "--json").json) == {"version", "schema", "sqlite"}
    assert {"check", "well", "words"} == set(sluice("doctor", "--json").json[0])
    for words in ("show 99", "rnu", "run --until x", "retry p/1", "resume 99", "models show x", "logs p/1 x"):
        wrong = sluice(*words.split(), "--json", expect=2)
        assert set(wrong.json["error"]) == {"code", "message"} and wrong.json["error"]["message"] in wrong.err, words
    sluice.pipeline(step("{runn: x}"))
    assert sluice("run", "--json", expect=3).json and sluice("validate", "--json", expect=3).json


def test_quiet_prints_only_errors(sluice):
    sluice.pipeline(HELLO)
    for words in ("run", "runs -q --status failed", "validate"):
        result = sluice(*words.split(), "-q", expect=0)
        assert (result.out, result.err) == ("", ""), words
    assert "no run" in sluice("show", "9", "-q", expect=2).err


def test_no_colour_off_a_terminal(sluice):
    sluice.pipeline(step("{run: exit 1}"))
    for words in ("run", "show", "runs", "--help", "validate"):
        result = sluice(*words.split(), env={"NO_COLOR": "", "TERM": "xterm-256color"})
        assert "\033" not in result.out + result.err


def test_a_reader_that_has_seen_enough_is_no_error(sluice):
    sluice.pipeline("name: p\nsteps: {s: {run: 'seq 20000'}}\n")
    sluice.run()
    for words in ("logs", "logs --json", "runs", "--help", "man"):
        process = sluice.start(*words.split())
        process.stdout.close()
        assert process.wait(timeout=60) == 0 and process.stderr.read() == "", words
    process = sluice.start("run")
    process.stdout.close()
    assert process.wait(timeout=60) == 0, "a run does not end because nobody reads"
    assert sluice("show", "p/2", "--json").json["status"] == "succeeded"


def test_a_full_disk_behind_standard_output_is_an_error(sluice):
    sluice.pipeline(HELLO)
    sluice.run()
    for words in ("runs", "version", "show --json"):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([BUILD / "sluice", *words.split()], cwd=sluice.folder, env=sluice.env, stdout=full,
                                  stderr=subprocess.PIPE, text=True)
        assert done.returncode == 4 and "cannot be written" in done.stderr


# ---- names ----------------------------------------------------------------------------------------------------------


def test_the_first_word_of_several_commands_can_be_asked_for_help(sluice):
    for words in (("lua", "--help"), ("lua", "-h"), ("help", "lua")):
        out = sluice(*words, expect=0).out
        assert "sluice lua run" in out and "sluice lua test" in out and "models" not in out
    assert "unknown command 'nothing'" in sluice("nothing", "--help", expect=2).err


def test_answers_name_the_run_by_its_number_however_it_was_named(sluice):
    sluice.pipeline("name: p\nsteps: {ask: {uses: approve}}")
    sluice("run", expect=5)
    said = sluice("approve", "latest", expect=0).out
    assert said.startswith("p/1 approved by ") and "sluice resume p/1" in said


# ---- params from a file ---------------------------------------------------------------------------------------------


def test_a_number_of_a_params_file_keeps_its_text_for_a_param_that_is_text(sluice):
    sluice.pipeline("name: p\n"
                    "params: {s: {}, f: {type: path}, n: {type: number}, i: {type: integer}, j: {type: json}}\n"
                    "steps: {s: {run: \"echo ${{ params.s }} ${{ params.f }} ${{ params.n }} ${{ params.i }}"
                    " ${{ toJSON(params.j) }}\"}}\n")
    (sluice.folder / "q.yaml").write_text("s: 1.10\nf: 012\nn: 1.10\ni: 0x10\nj: 1.10\n")
    sluice("run", "-q", "--params", "q.yaml", expect=0)
    assert sluice("logs", expect=0).out == "s | 1.10 012 1.1 16 1.1\n"
    (sluice.folder / "q.json").write_text('{"s": 1e3}')
    sluice("run", "-q", "--params", "q.yaml", "--params", "q.json", expect=0)
    assert sluice("logs", expect=0).out == "s | 1e3 012 1.1 16 1.1\n"
    (sluice.folder / "q.yaml").write_text("s: [1]\nn: .inf\n")
    said = sluice("run", "--params", "q.yaml", expect=2).err
    assert "q.yaml:2:4: expected a finite number, found '.inf'" in said
