# SPDX-License-Identifier: Apache-2.0
"""The command line as its users meet it: help, names, exit codes, what goes to which stream, lists, the home."""
import fcntl
import json
import os
import pwd
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess

import pytest

from conftest import BUILD, ROOT, Sluice, wait_until

HELLO = "name: hello\nsteps: {greet: {run: echo Hello}}\n"


def me():
    return pwd.getpwuid(os.getuid()).pw_name


def commands():
    """Every command, as `sluice --help` lists them."""
    out = subprocess.run([BUILD / "sluice", "--help"], capture_output=True, text=True, check=True).stdout
    return [line[2:20].strip() for line in out.splitlines() if re.match(r"  [a-z]+( [a-z]+)?  ", line)]


def examples(help_text):
    block = help_text.split("\nExamples\n")[1].split("\n\n")[0]
    return [line.strip() for line in block.splitlines()]


# ---- help ---------------------------------------------------------------------------------------------------------

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
    ("rnu", "did you mean 'run'?"), ("vaildate x", "did you mean 'validate'?"), ("nothing-like-it", "sluice --help"),
    ("models shwo", "did you mean 'models show'?"), ("lua rnu", "did you mean 'lua run'?"),
    ("lua", "'sluice lua run', 'sluice lua test'"), ("activity list", "'sluice activity verify'"),
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
    ("models show wine", "there is no registered model 'wine'"), ("models show m-1", "'m-1' not found"),
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


# ---- exit codes ---------------------------------------------------------------------------------------------------

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


# ---- streams ------------------------------------------------------------------------------------------------------

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
    "approvals": {"run", "step", "of", "asks", "approved_by", "asked_at", "expires_at", "message"},
    "experiments": {"id", "experiment", "runs", "updated_at"},
    "models": {"model", "latest_version", "aliases", "updated_at"},
    "artifacts": {"of", "path", "size_bytes", "sha256"},
    "activity": {"sequence", "at", "actor", "action", "object", "from", "to", "reason"},
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
        assert process.wait(timeout=30) == 0 and process.stderr.read() == "", words
    process = sluice.start("run")
    process.stdout.close()
    assert process.wait(timeout=30) == 0, "a run does not end because nobody reads"
    assert sluice("show", "p/2", "--json").json["status"] == "succeeded"


def test_a_full_disk_behind_standard_output_is_an_error(sluice):
    sluice.pipeline(HELLO)
    sluice.run()
    for words in ("runs", "version", "show --json"):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([BUILD / "sluice", *words.split()], cwd=sluice.folder, env=sluice.env, stdout=full,
                                  stderr=subprocess.PIPE, text=True)
        assert done.returncode == 4 and "cannot be written" in done.stderr


# ---- logs ---------------------------------------------------------------------------------------------------------

def test_logs_of_a_step_an_item_an_attempt(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          work: {matrix: {n: [1, 2]}, run: 'echo item ${{ matrix.n }}'}
          again: {run: 'echo try ${{ step.attempt }}; test ${{ step.attempt }} = 2', retry: {attempts: 2, delay: 1ms}}
          silent: {run: "true"}
        """)
    sluice.run()
    assert sorted(sluice("logs").out.splitlines()) == ["again | try 1", "again#2 | try 2", "work[0] | item 1",
                                                       "work[1] | item 2"]
    assert sluice("logs", "latest", "work[1]", expect=0).out == "work[1] | item 2\n"
    assert sluice("logs", "p/1", "again", "--attempt", "1", expect=0).out == "again | try 1\n"
    nothing = sluice("logs", "latest", "silent", expect=0)
    assert nothing.out == "" and "nothing was printed" in nothing.err
    lines = [json.loads(line) for line in sluice("logs", "latest", "again", "--json").out.splitlines()]
    assert [line["attempt"] for line in lines] == [1, 2]
    assert set(lines[0]) == {"time", "run", "step", "item", "attempt", "stream", "line"}


@pytest.fixture
def family(sluice):
    """A run whose step is a pipeline whose matrix is a pipeline."""
    sluice.pipeline("""\
        name: leaf
        params: {n: {type: integer}}
        steps:
          say: {run: "echo leaf ${{ params.n }}; echo x > $SLUICE_STEP_DIR/f", artifacts: {f: "${{ step.dir }}/f"}}
        """, "leaf.yaml")
    sluice.pipeline("""\
        name: mid
        steps:
          each: {pipeline: ./leaf.yaml, matrix: {n: [1, 2]}, with: {n: "${{ matrix.n }}"}}
          done: {run: echo mid, needs: [each]}
        """, "mid.yaml")
    sluice.pipeline("""\
        name: top
        steps:
          first: {run: echo first}
          k: {pipeline: ./mid.yaml, needs: [first]}
          last: {run: echo last, needs: [k]}
        """)
    return sluice


def test_the_lines_of_sub_pipelines_stand_in_the_log_of_their_parent(family):
    """They were left out, and nothing said where they are."""
    family.run()
    lines = family("logs", expect=0).out.splitlines()
    assert lines[0] == "first | first" and lines[-2:] == ["k/done | mid", "last | last"]
    assert sorted(lines[1:-2]) == ["k/each[0]/say | leaf 1", "k/each[1]/say | leaf 2"]
    rows = [json.loads(line) for line in family("logs", "top/1", "--json", expect=0).out.splitlines()]
    assert [(row["run"], row["step"]) for row in rows if row["line"] == "mid"] == [("mid/1", "k/done")]
    assert len(family("logs", "top/1", "k", expect=0).out.splitlines()) == 3
    assert family("logs", "top/1", "last", expect=0).out == "last | last\n"
    assert family("logs", "mid/1", "each[1]", expect=0).out == "each[1]/say | leaf 2\n"


def test_a_log_that_is_followed_shows_sub_pipelines_as_they_begin(family):
    process = family.start("run")
    wait_until(lambda: "top/1" in family("runs").out)
    told = family("logs", "top/1", "--follow", expect=0).out
    process.communicate(timeout=60)
    assert sorted(told.splitlines()) == sorted(family("logs", "top/1").out.splitlines())


def test_the_artifacts_of_sub_pipelines_stand_in_the_list_of_their_parent(family):
    family.run()
    rows = family("artifacts", "top/1", "--json", expect=0).json
    assert sorted(row["of"] for row in rows) == ["k/each[0]/say", "k/each[1]/say"]
    assert [row["of"] for row in family("artifacts", "leaf/1", "--json", expect=0).json] == ["say"]


def test_bytes_that_are_no_text_are_marked_in_logs_and_json_stays_json(sluice):
    sluice.pipeline("name: p\nsteps: {s: {run: 'printf \"a\\377\\376b\\nlast line\"'}}\n")
    sluice.run()
    raw = subprocess.run([BUILD / "sluice", "logs"], cwd=sluice.folder, env=sluice.env, capture_output=True, check=True)
    assert raw.stdout.decode("utf-8") == "s | a\ufffd\ufffdb\ns | last line\n"
    lines = sluice("logs", "--json", expect=0).out.splitlines()
    assert [json.loads(line)["line"] for line in lines] == ["a\ufffd\ufffdb", "last line"]


def test_logs_follow_a_run_to_its_end(sluice):
    sluice.pipeline("name: p\nsteps: {s: {run: 'echo one; until [ -e go ]; do sleep 0.02; done; echo two'}}\n")
    run = sluice.start("run", "--json")
    wait_until(lambda: sluice("logs").out == "s | one\n")
    follower = sluice.start("logs", "--follow")
    assert follower.stdout.readline() == "s | one\n"
    (sluice.folder / "go").touch()
    assert follower.communicate(timeout=30)[0] == "s | two\n" and follower.returncode == 0
    assert run.communicate(timeout=30) and run.returncode == 0


def test_a_follower_whose_reader_has_gone_ends(sluice):
    sluice.pipeline("name: p\nsteps: {s: {run: 'until [ -e go ]; do echo tick; sleep 0.02; done'}}\n")
    run = sluice.start("run", "--json")
    wait_until(lambda: "tick" in sluice("logs").out)
    follower = sluice.start("logs", "-f")
    follower.stdout.close()
    assert follower.wait(timeout=20) == 0 and run.poll() is None
    (sluice.folder / "go").touch()
    assert run.communicate(timeout=30) and run.returncode == 0


# ---- the home -----------------------------------------------------------------------------------------------------

def test_the_home_is_found_upwards_and_sluice_yaml_is_hinted_at(sluice):
    sluice.pipeline(HELLO)
    environment = {**sluice.env}
    del environment["SLUICE_HOME"]
    sluice.env = environment
    sluice.run()
    below = sluice.folder / "a" / "b"
    below.mkdir(parents=True)
    assert [row["run"] for row in sluice("runs", "--json", cwd=below).json] == ["hello/1"]
    assert "did you mean '../../sluice.yaml'?" in sluice("run", cwd=below, expect=2).err
    sluice("run", "../../sluice.yaml", cwd=below, expect=0)
    assert not (below / ".sluice").exists() and len(sluice("runs", "--json").json) == 2
    elsewhere = sluice("runs", "--json", "--home", sluice.folder / "other", expect=4)
    assert "there is no home at" in elsewhere.json["error"]["message"]


def test_run_without_a_file_says_what_to_do(sluice):
    missing = sluice("run", expect=2)
    assert "there is no file 'sluice.yaml'" in missing.err and "sluice init" in missing.err
    assert not sluice.home.exists()


@pytest.mark.parametrize("name", ["with spaces and 'quotes\"", "ünïcode 漢字", "$(touch pwned)`id`",
                                  "d" * 120 + "/" + "e" * 120])
def test_a_home_may_lie_in_any_folder(sluice, name):
    place = Sluice(sluice.folder / name)
    place.folder.mkdir(parents=True)
    place.pipeline("""\
        name: p
        steps:
          shell: {run: 'test "$PWD" = "$SLUICE_WORKSPACE" && echo hello'}
          lua: {lua: 'sluice.log("hello")'}
          plugin: {uses: wait, with: {until: "2020-01-01T00:00:00Z"}}
        """)
    try:
        assert place.run().json["status"] == "succeeded"
        assert sorted(place("logs").out.splitlines())[:2] == ["lua | hello", "shell | hello"]
        place("doctor", expect=0)
    finally:
        place.close()
    assert not list(sluice.folder.rglob("pwned"))


def test_a_home_whose_holder_keeps_no_door_is_refused_after_a_while_and_looking_goes_on(sluice):
    sluice.pipeline(HELLO)
    sluice.run()
    with open(sluice.home / "lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate()
        lock.write("sluice backup, pid 1, since 2020-01-01T00:00:00.000Z\n")
        lock.flush()
        started = [sluice.start(*words.split()) for words in ("run --new", "resume", "retry latest", "approve latest")]
        for words in ("runs", "show", "logs", "approvals", "activity", "experiments", "doctor", "config"):
            sluice(*words.split(), expect=0)
        for process in started:
            out, err = process.communicate(timeout=60)
            assert process.returncode == 4 and out == ""
            assert "in use by sluice backup, pid 1" in err and "--home" in err


def make_older(path, version):
    """The same rows in a store as a sluice of that version of the schema had it."""
    older = path.with_name("older.db")
    with sqlite3.connect(older) as store:
        for file in sorted((ROOT / "orchestrator/store/schema").glob("*.sql"))[:version]:
            store.executescript(file.read_text(encoding="utf-8"))
        store.execute("ATTACH ? AS new", (str(path),))
        for table, in store.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'").fetchall():
            columns = ", ".join(row[1] for row in store.execute(f"PRAGMA main.table_info({table})"))
            store.execute(f"DELETE FROM main.{table}")
            now = store.execute("SELECT type FROM new.sqlite_schema WHERE name = ?", (table,)).fetchone()
            if now != ("table",):
                continue  # what came later has other tables for it
            store.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")
        store.execute(f"PRAGMA user_version = {version}")
    store.close()
    older.replace(path)


@pytest.mark.parametrize("version", [7, 8, 9, 10, 11])
def test_a_home_of_an_older_sluice_is_upgraded_by_whoever_comes_first(sluice, version):
    sluice.pipeline(HELLO)
    sluice.run()
    make_older(sluice.home / "sluice.db", version)
    assert len(sluice("runs", "--json", expect=0).json) == 1
    assert sluice.run().json["number"] == "2"
    sluice("activity", "verify", expect=0)


def test_a_home_of_a_newer_sluice_is_refused_in_words(sluice):
    sluice.pipeline(HELLO)
    sluice.run()
    with sqlite3.connect(sluice.home / "sluice.db") as store:
        store.execute("PRAGMA user_version = 999")
    store.close()
    for words in ("run", "runs", "show", "doctor"):
        result = sluice(*words.split(), expect=4)
        assert "written by a newer sluice (schema 999" in result.out + result.err


def test_doctor_finds_what_is_not_well(sluice):
    assert "none yet" in sluice("doctor", expect=0).out
    sluice.pipeline(HELLO)
    sluice.run()
    well = sluice("doctor", "--json", expect=0).json
    assert all(one["well"] for one in well)
    assert {"home", "store", "activity", "plugins"} <= {one["check"] for one in well}
    store = sluice.home / "sluice.db"
    data = bytearray(store.read_bytes())
    for page in range(2, len(data) // 4096):
        data[page * 4096:page * 4096 + 64] = b"\xa5" * 64
    store.write_bytes(data)
    ill = sluice("doctor", expect=4)
    assert "BAD  store" in ill.out and "damaged" in ill.out
    assert all(line.startswith(("ok  ", "BAD ")) for line in ill.out.splitlines()), "one line each"
    assert any(not one["well"] for one in sluice("doctor", "--json", expect=4).json)
    store.write_text("this is no database")
    assert "not a database" in sluice("doctor", expect=4).out and "damaged" in sluice("runs", expect=4).err
    (sluice.home / "key").write_text("short")
    assert sluice("doctor", expect=4).code == 4


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_a_home_of_somebody_else_is_refused_in_words(sluice):
    sluice.pipeline(HELLO)
    sluice.run()
    for folder in (sluice.folder, *sluice.folder.parents):
        if folder.stat().st_uid == os.getuid() and str(folder).startswith("/tmp/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    closed = sluice("runs", user=65534, group=65534, extra_groups=[], expect=4)
    assert "Permission denied" in closed.err
    sluice.home.chmod(0o755)
    for path in sluice.home.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    for words in ("runs", "doctor"):
        result = sluice(*words.split(), user=65534, group=65534, extra_groups=[], expect=4)
        assert "read-only for you" in result.out + result.err
    assert "Permission denied" in sluice("run", user=65534, group=65534, extra_groups=[], expect=4).err


def test_config_is_checked_before_anything_has_run(sluice):
    assert "there is no home" in sluice("config", expect=4).err
    sluice.write(".sluice/config.yaml", "group: {leads: [ann]}\nsecret: {}\n")
    wrong = sluice("config", expect=2)
    assert "did you mean 'groups'?" in wrong.err and "config.yaml:2:1" in wrong.err
    assert sluice("config", "--json", expect=2).json["files"][0]["errors"] == 2
    sluice.write(".sluice/config.yaml", "groups: {leads: [ann]}\n")
    assert sluice("config", "--json", expect=0).json["groups"] == {"leads": ["ann"]}


def test_config_lists_its_keys_checks_the_file_and_shows_no_secret(sluice):
    sluice.pipeline(HELLO)
    sluice.run()
    plain = sluice("config", expect=0).out
    assert "not there: all defaults" in plain and "secrets.NAME.exec" in plain
    sluice.write(".sluice/config.yaml", "secrets: {TOKEN: {env: HIDDEN}}\ngroups: {leads: [ann]}\n")
    shown = sluice("config", "--json", env={"HIDDEN": "swordfish"}, expect=0)
    assert shown.json["secrets"] == ["TOKEN"] and shown.json["groups"] == {"leads": ["ann"]}
    assert "swordfish" not in shown.out and "TOKEN" in sluice("config").out
    sluice.write(".sluice/config.yaml", "group: {leads: [ann]}\n")
    wrong = sluice("config", expect=2).err
    assert "config.yaml:1:1" in wrong and "did you mean 'groups'?" in wrong
    assert "config.yaml:1:1" in sluice("run", expect=2).err


# ---- init ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("before, after", [
    (None, ".sluice/\n"), ("", ".sluice/\n"), ("out/\n", "out/\n.sluice/\n"), ("out/", "out/\n.sluice/\n"),
    (".sluice/\nout/\n", None), ("/.sluice\n", None), ("a\r\n.sluice/\r\n", None)])
def test_init_adds_the_home_to_gitignore_once(sluice, before, after):
    ignored = sluice.folder / ".gitignore"
    if before is not None:
        ignored.write_bytes(before.encode())
    result = sluice("init", expect=0)
    assert "next: sluice run" in result.out and "wrote sluice.yaml" in result.err
    assert ignored.read_bytes().decode() == (before if after is None else after)
    assert (sluice.home / ".gitignore").read_text() == "*\n" and sluice.home.stat().st_mode & 0o77 == 0
    (sluice.folder / "sluice.yaml").unlink()
    sluice("init", expect=0)
    assert ignored.read_bytes().decode() == (before if after is None else after)


@pytest.mark.parametrize("template", ["hello", "python"])
def test_what_init_writes_runs_at_once(sluice, template):
    made = sluice("init", "--from", template, "--json", expect=0).json
    assert made == {"home": str(sluice.home), "template": template}
    sluice("validate", expect=0)
    assert sluice.run().json["status"] == "succeeded"


def test_init_never_overwrites(sluice):
    sluice.write("train.py", "mine\n")
    refused = sluice("init", "--from", "python", expect=2)
    assert "'train.py' is there already" in refused.err
    assert (sluice.folder / "train.py").read_text() == "mine\n"
    assert sorted(os.listdir(sluice.folder)) == ["train.py"], "nothing half done"


# ---- manual and completion ----------------------------------------------------------------------------------------

def test_man_pages_are_without_warnings(sluice):
    sluice("man", "--into", ".", expect=0)
    pages = sorted(path.name for path in sluice.folder.glob("*.1"))
    assert pages == sorted(["sluice.1"] + ["sluice-%s.1" % name.replace(" ", "-") for name in commands()])
    done = subprocess.run(["groff", "-ww", "-man", "-Tutf8", "-z", *pages], cwd=sluice.folder, capture_output=True,
                          text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert sluice("man", "models", "show", expect=0).out == (sluice.folder / "sluice-models-show.1").read_text()
    shown = subprocess.run(["man", "--warnings", "-l", "sluice-cancel.1"], cwd=sluice.folder, capture_output=True,
                           text=True, env={**sluice.env, "LC_ALL": "C.UTF-8", "MANPAGER": "cat"})
    assert shown.stderr == "" and "--reason 'wrong data'" in shown.stdout, "quotes and dashes can be copied"


COMPLETIONS = [("ru", {"run", "runs"}), ("run --unt", {"--until"}), ("models sh", {"show"}),
               ("completion ", {"bash", "zsh", "fish"}), ("show hello/", {"hello/1"}), ("run slu", {"sluice.yaml"}),
               ("logs latest --fol", {"--follow"})]


def complete_bash(sluice, words):
    script = sluice.write("complete.bash", """\
        source <(sluice completion bash)
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _sluice; printf '%s\\n' "${COMPREPLY[@]}"
        """)
    return ["bash", "--norc", script, "sluice", *words.split(" ")]


def complete_fish(_, words):
    script = f"source (sluice completion fish | psub); complete -C 'sluice {words}' | string split -f1 \\t"
    return ["fish", "--no-config", "-c", script]


ZSH = r"""
zmodload zsh/zpty
zpty shell 'PS1= zsh -f -i'
zpty -w shell 'autoload -Uz compinit; compinit -u -D; source <(sluice completion zsh)'
zpty -w shell 'LISTMAX=1000; bindkey "^Xl" list-choices'
zpty -w shell 'echo REA""DY'
zpty -m -r shell out '*READY*'
for words in "$@"; do
    zpty -w -n shell "sluice $words"$'\t\x18l'
    sleep 0.2
    zpty -w -n shell $'\x15'
    zpty -w shell 'echo DO""NE'
    zpty -m -r shell out '*DONE*'
    print -r -- "$out"
    print -r -- "--end--"
done
"""


def environment_of(program):
    return {**program.env, "PATH": f"{BUILD}:{os.environ['PATH']}", "HOME": str(program.folder), "TERM": "dumb"}


@pytest.mark.parametrize("command", [complete_bash, complete_fish])
def test_completion_in_bash_and_fish(one_run, command):
    for words, wanted in COMPLETIONS:
        done = subprocess.run(command(one_run, words), cwd=one_run.folder, env=environment_of(one_run),
                              capture_output=True, text=True, timeout=60)
        assert set(done.stdout.split()) == wanted, (words, done.stdout, done.stderr)


def test_completion_in_zsh(one_run):
    """zsh completes only at a prompt: one is made on a pty of zsh's own."""
    script = one_run.write("complete.zsh", ZSH)
    done = subprocess.run(["zsh", "-f", script, *[words for words, _ in COMPLETIONS]], cwd=one_run.folder,
                          env=environment_of(one_run), capture_output=True, text=True, timeout=60)
    answers = done.stdout.split("--end--\n")
    for (words, wanted), answer in zip(COMPLETIONS, answers):
        assert all(word in answer for word in wanted), (words, answer, done.stderr)


def test_completion_never_runs_what_stands_in_a_name(one_run):
    fake = one_run.write("bin/sluice", '#!/bin/sh\necho "heading"\necho \'$(touch${IFS}pwned)`touch${IFS}pwned`\'\n')
    fake.chmod(0o755)
    script = subprocess.run([BUILD / "sluice", "completion", "bash"], capture_output=True, text=True, check=True)
    one_run.write("sluice.bash", script.stdout)
    subprocess.run(["bash", "--norc", "-c", 'source sluice.bash; COMP_WORDS=(sluice show ""); COMP_CWORD=2; _sluice; '
                    'echo "${COMPREPLY[@]}"'], cwd=one_run.folder, check=True,
                   env={**one_run.env, "PATH": f"{fake.parent}:{os.environ['PATH']}"})
    assert not list(one_run.folder.rglob("pwned"))
    shutil.rmtree(fake.parent)


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


# ---- installing ---------------------------------------------------------------------------------------------------

def install(*words):
    return subprocess.run([ROOT / "orchestrator/install.sh", *words], capture_output=True, text=True)


def test_an_installed_tree_works_from_another_folder_by_path_alone(sluice):
    prefix = sluice.folder / "a prefix" / "usr"
    installed = install(BUILD, prefix)
    assert installed.returncode == 0
    assert installed.stdout == f"installed sluice in {prefix}\nto find it: export PATH={prefix}/bin:$PATH\n"
    environment = {"PATH": f"{prefix}/bin:/usr/bin:/bin", "HOME": str(sluice.folder), "ASAN_OPTIONS": "exitcode=99"}
    work = sluice.folder / "work"
    work.mkdir()

    def do(*words):
        return subprocess.run(words, cwd=work, env=environment, capture_output=True, text=True)

    assert do("sluice", "init", "--from", "python").returncode == 0
    run = do("sluice", "run", "--json")
    assert json.loads(run.stdout)["status"] == "succeeded", run.stderr
    doctor = do("sluice", "doctor", "--json")
    assert doctor.returncode == 0, doctor.stdout
    inside = [one["words"] for one in json.loads(doctor.stdout) if one["check"].startswith("sluice-")]
    assert len(inside) == 3 and all(words.startswith(str(prefix / "libexec/sluice")) for words in inside)
    (work / "work.lua").write_text('local stats = require("stats")\nsluice.metric("m", stats.mean({1, 3}))\n')
    assert do("sluice", "lua", "run", "work.lua").returncode == 0
    assert do("sluice", "plugins", "new", "mine").returncode == 0
    assert (work / "mine/step.h").read_bytes() == (ROOT / "orchestrator/step.h").read_bytes()
    for path in ("include/sluice/step.h", "lib/sluice/plugins/evaluate.so", "share/man/man1/sluice-run.1",
                 "share/bash-completion/completions/sluice", "share/zsh/site-functions/_sluice",
                 "share/fish/vendor_completions.d/sluice.fish"):
        assert (prefix / path).is_file(), path
    moved = prefix.parent / "moved"
    prefix.rename(moved)
    environment["PATH"] = f"{moved}/bin:/usr/bin:/bin"
    assert do("sluice", "run", "-q").returncode == 0, "the tree may be moved"


def test_installing_again_drops_what_is_no_more_and_uninstall_leaves_the_rest(sluice):
    prefix = sluice.folder / "prefix"
    assert install(BUILD, prefix).returncode == 0
    old = prefix / "lib/sluice/plugins/old.so"
    old.write_text("")
    with open(prefix / "share/sluice/installed", "a", encoding="utf-8") as listed:
        listed.write("lib/sluice/plugins/old.so\n")
    mine = prefix / "lib/sluice/plugins/mine.so"
    other = prefix / "bin/other"
    mine.write_text("")
    other.write_text("")
    assert install(BUILD, prefix).returncode == 0
    assert not old.exists() and mine.exists()
    assert install("--uninstall", prefix).returncode == 0
    left = sorted(str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file())
    assert left == ["bin/other", "lib/sluice/plugins/mine.so"]
    again = install("--uninstall", prefix)
    assert again.returncode == 1 and "nothing to remove" in again.stderr
    assert install().returncode == 2


# ---- params from a file --------------------------------------------------------------------------------------------

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
