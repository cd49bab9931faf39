# SPDX-License-Identifier: Apache-2.0
"""What the author of a plugin uses: `sluice plugins`, `plugins show`, `plugins new`, `plugins test`."""
import pathlib
import shutil
import subprocess

import pytest

from programs import BUILD, ROOT, runners_of

STANDARD = {"alias", "approve", "deploy", "evaluate", "git", "http", "notify", "register", "select", "track", "train",
            "wait"}


def test_the_list_has_the_standard_plugins(sluice):
    rows = sluice("plugins", "--json", expect=0).json
    assert {row["plugin"] for row in rows} == STANDARD
    assert {row["plugin"] for row in rows if row["gate"]} == {"approve", "evaluate"}
    lines = sluice("plugins", expect=0).out.splitlines()
    assert lines[0].split() == ["plugin", "version", "gate", "repeatable", "summary"] and len(lines) == 13


def test_a_file_that_is_no_plugin_is_told_and_the_others_are_listed(sluice, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "junk.so").write_text("not a plugin")
    result = sluice("plugins", env={"SLUICE_PLUGINS": str(folder)}, expect=0)
    assert "evaluate" in result.out and "junk.so" in result.err and "cannot be used as a plugin" in result.err


def test_a_folder_of_plugins_without_any_is_told_where_plugins_are_looked_for(sluice, tmp_path):
    folder = tmp_path / "own"
    for words in (f"reading the folder of plugins '{folder}': No such file or directory",
                  f"the folder of plugins '{folder}' has no file *.so"):
        env = {"SLUICE_PLUGINS": str(folder)}
        result = sluice("plugins", env=env, expect=0)
        assert "evaluate" in result.out and result.err == f"sluice: {words}\n"
        assert f"there is no plugin 'mine': {words}\n" in sluice("plugins", "show", "mine", env=env, expect=2).err
        assert "did you mean 'evaluate'?" in sluice("plugins", "show", "evalute", env=env, expect=2).err
        told = sluice("doctor", env=env, expect=4).out
        assert f"BAD  plugins           0 in {folder}" in told and f"BAD  plugin            {words}" in told
        folder.mkdir(exist_ok=True)
    assert "BAD" not in sluice("doctor", expect=0).out


@pytest.mark.parametrize("name", sorted(STANDARD))
def test_every_standard_plugin_explains_its_inputs_and_outputs(sluice, name):
    shown = sluice("plugins", "show", name, "--json", expect=0).json
    assert shown["name"] == name and shown["summary"].endswith(".") and shown["inputs"]
    for row in [*shown["inputs"], *shown["outputs"]]:
        assert row["doc"].endswith(".") and row["type"]
    text = sluice("plugins", "show", name, expect=0).out
    assert all(row["name"] in text and row["doc"] in text for row in [*shown["inputs"], *shown["outputs"]])


def test_an_unknown_plugin_gets_the_nearest_name(sluice):
    assert "did you mean 'evaluate'?" in sluice("plugins", "show", "evaluat", expect=2).err
    assert "absent.so" in sluice("plugins", "show", "./absent.so", expect=2).err


@pytest.fixture
def greet(sluice):
    sluice("plugins", "new", "greet", expect=0)
    subprocess.run(["make", "-s", "greet.so"], cwd=sluice.folder / "greet", check=True, timeout=60)
    return sluice


def test_a_new_plugin_builds_without_a_warning_and_passes_its_tests_at_once(sluice):
    assert "next: make -C greet test" in sluice("plugins", "new", "greet", expect=0).out
    made = subprocess.run(["make", "-C", "greet", "test", "CFLAGS=-O2 -Wconversion -Wshadow -Werror",
                           f"SLUICE={BUILD}/sluice"], cwd=sluice.folder, env=sluice.env, capture_output=True, text=True,
                          timeout=120, check=False)
    assert made.returncode == 0 and "plugins: 4 passed, 0 failed" in made.stdout, made
    assert sorted(path.name for path in (sluice.folder / "greet").iterdir()) == [
        "Makefile", "README.md", "greet.c", "greet.so", "greet_test.yaml", "step.h"]
    assert not list((sluice.folder / "greet").glob(".sluice"))


def test_a_new_plugin_runs_in_a_pipeline(greet):
    greet.write("notes.txt", "one two three")
    greet.pipeline("""\
        name: p
        steps:
          count: {uses: ./greet/greet.so, with: {file: notes.txt}}
          check: {run: 'test ${{ steps.count.words }} = 3'}
    """)
    assert greet.run().json["status"] == "succeeded"


@pytest.mark.parametrize("name", ["Greet", "9lives", "my-plugin", "a" * 41, "", "../x"])
def test_a_name_that_is_no_identifier_is_refused(sluice, name):
    assert "is no name for a plugin" in sluice("plugins", "new", name, expect=2).err
    assert list(sluice.folder.iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(sluice):
    (sluice.folder / "greet").mkdir()
    assert "'greet' is there already" in sluice("plugins", "new", "greet", expect=2).err
    assert list((sluice.folder / "greet").iterdir()) == []


def write_tests(sluice, text):
    sluice.write("greet/greet_test.yaml", "plugin: ./greet.so\ntests:\n" + text)


def test_each_expectation_can_fail_and_says_what_was_found(greet):
    write_tests(greet, """\
  result: {files: {a: one}, with: {file: a}, expect: {result: failed}}
  reason: {with: {file: a}, expect: {result: failed, reason: wrong words}}
  log: {files: {a: one}, with: {file: a}, expect: {log: two words}}
  outputs: {files: {a: one}, with: {file: a}, expect: {outputs: {words: 2, other: 1}}}
  metrics: {files: {a: one}, with: {file: a}, expect: {metrics: {words: 2, other: 1}}}
  params: {files: {a: one}, with: {file: a}, expect: {params: {p: 1}}}
  tags: {files: {a: one}, with: {file: a}, expect: {tags: {t: x}}}
  artifacts: {files: {a: one}, with: {file: a}, expect: {artifacts: [plot.svg]}}
  invalid: {files: {a: one}, with: {file: a}, expect: {result: invalid}}
  valid: {with: {fil: a}, expect: {result: ok}}
  good: {files: {a: one}, with: {file: a}, expect: {outputs: {words: 1}}}
""")
    result = greet("plugins", "test", "greet", "--json", expect=1)
    found = {test["name"]: test["complaints"] for test in result.json["tests"]}
    assert (result.json["passed"], result.json["failed"]) == (1, 10)
    assert found["good"] == ""
    for name, words in {
        "result": "expected the result 'failed', found 'ok'",
        "reason": "/a' cannot be read: No such file or directory'",
        "log": "log: expected 'two words' in it, found '1 words in /",
        "outputs": "output 'words': expected 2, found 1\noutput 'other': expected 1, found nothing",
        "metrics": "metric 'words': expected 2, found 1\nmetric 'other': expected 1, found none",
        "params": "param 'p': expected \"1\", found nothing",
        "tags": "tag 't': expected \"x\", found nothing",
        "artifacts": 'artifact "plot.svg" is not there; there are none',
        "invalid": "expected the result 'invalid', found 'ok'",
        "valid": "expected the result 'ok', found 'invalid': 'greet': its input 'file' is missing in 'with'; 'greet'",
    }.items():
        assert words in found[name], name
    text = greet("plugins", "test", "greet", expect=1).out
    assert "FAIL  greet/greet_test.yaml: outputs\n      output 'words': expected 2, found 1\n" in text
    assert text.endswith("plugins: 1 passed, 10 failed\n")


def test_a_gate_that_refuses_and_a_step_that_waits_are_results_too(sluice):
    sluice.write("good.csv", "y,p\n1,1\n0,0\n1,1\n0,0\n")
    sluice.write("standard_test.yaml", """\
        plugin: wait
        tests:
          waits_for_a_file:
            with: {file: absent, expires: 1h}
            expect: {result: waiting}
    """)
    sluice.write("gate_test.yaml", """\
        plugin: evaluate
        tests:
          refuses_by_a_rule:
            files: {data.csv: {from: good.csv}}
            with: {dataset: data.csv, type: classifier, label: y, prediction: p, thresholds: {accuracy: "> 1"}}
            expect: {result: refused, reason: accuracy, metrics: {accuracy: 1}}
          passes:
            files: {data.csv: {from: good.csv}}
            with: {dataset: data.csv, type: classifier, label: y, prediction: p, thresholds: {accuracy: ">= 1"}}
            expect: {outputs: {passed: true}}
    """)
    result = sluice("plugins", "test", expect=0)
    assert "plugins: 3 passed, 0 failed" in result.out


def test_nothing_is_left_of_a_test(greet, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    greet("plugins", "test", "greet", env={"TMPDIR": str(scratch)}, expect=0)
    assert list(scratch.iterdir()) == [] and not greet.home.exists()
    assert runners_of(scratch) == []


@pytest.mark.parametrize("text, words", [
    ("plugin: ./greet.so\ntests: {}\n", "'tests' is empty"),
    ("plugin: ./greet.so\ntests: {a: {with: {}}}\n", "has no 'expect'"),
    ("plugin: ./greet.so\ntests: {a: {expect: {outcome: ok}}}\n", "'expect' has no key 'outcome'"),
    ("plugin: ./greet.so\ntests: {a: {expect: {result: success}}}\n", "unknown value 'success'"),
    ("plugin: ./greet.so\ntests: {a: {files: {../x: y}, expect: {}}}\n", "no path below the workspace"),
    ("plugin: ./greet.so\ntests: {a: {files: {x: {from: absent}}, expect: {}}}\n", "absent"),
    ("plugin: ./other.so\ntests: {a: {expect: {}}}\n", "other.so"),
    ("plugin: evaluat\ntests: {a: {expect: {}}}\n", "did you mean 'evaluate'?"),
    ("plugin: [\n", "E001"),
])
def test_a_wrong_test_file_is_told_with_its_place(greet, text, words):
    greet.write("greet/greet_test.yaml", text)
    result = greet("plugins", "test", "greet", expect=2)
    assert words in result.err and "greet_test.yaml" in result.err


def test_no_tests_is_no_success(sluice):
    assert "no tests" in sluice("plugins", "test", expect=2).err


def test_the_example_of_step_h_is_a_plugin(sluice):
    comment = (ROOT / "orchestrator/step.h").read_text().split("A whole plugin:")[1].split("cc -std=c17")[0]
    source = "\n".join(line.removeprefix(" *").removeprefix("     ") for line in comment.splitlines())
    sluice.write("greet.c", source)
    shutil.copy(ROOT / "orchestrator/step.h", sluice.folder)
    subprocess.run(["cc", "-std=c17", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", "greet.so", "greet.c"],
                   cwd=sluice.folder, check=True, timeout=60)
    shown = sluice("plugins", "show", "./greet.so", "--json", expect=0).json
    assert [row["name"] for row in shown["inputs"]] == ["name", "times"]
    assert pathlib.Path(shown["path"]).name == "greet.so"
