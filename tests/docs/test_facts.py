# SPDX-License-Identifier: Apache-2.0
"""What the pages say about the code is looked up in the code: names, keys, codes, tables."""
import os
import pathlib
import re
import subprocess

import pytest
import yaml

from generate import PAGES, difference
from markdown import ROOT, read
from picture import draw, run_example

BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", ROOT / "build")).resolve()


def source(path):
    return (ROOT / path).read_text(encoding="utf-8")


def words(page):
    """Everything that stands in code marks on a page, and each name in it."""
    found = set()
    for text in re.findall(r"`([^`\n]+)`", read(page)):
        found.add(text)
        found.update(re.findall(r"[\w.]+", text))
        found.update(re.findall(r"\w+", text))
    return found


def missing(page, names):
    known = words(page)
    return sorted(name for name in names if name not in known)


# ---- generated pages ----

@pytest.mark.parametrize("page", PAGES)
def test_generated_page_is_what_the_program_says(page):
    assert difference(page, BUILD) == "", "run make docs"


def test_picture_in_the_readme_is_what_two_runs_give():
    assert draw(run_example(BUILD)) == source("docs/pipeline.svg"), "run make docs"


# ---- pipelines ----

CODES = yaml.safe_load(source("tests/docs/codes.yaml"))


def test_each_code_of_validate_is_explained_and_has_an_example():
    enum = re.findall(r"/\* ([EW]0\d\d) ", source("orchestrator/pipeline/diag.h").split("enum diag_code")[1])
    listed = re.findall(r"^\| ([EW]0\d\d) \|", read("docs/pipelines.md"), re.M)
    assert len(enum) > 20 and set(enum) == set(listed) == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_each_code_comes_for_its_example(code, tmp_path):
    done = subprocess.run([BUILD / "sluice", "validate", "-"], input=CODES[code], cwd=tmp_path, capture_output=True,
                          text=True, check=False)
    assert re.search(rf"\b{code}\b", done.stdout + done.stderr), done.stdout + done.stderr
    assert done.returncode == (3 if code.startswith("E") else 0)


def test_each_key_of_a_pipeline_is_documented():
    names = set()
    for path in sorted((ROOT / "orchestrator/pipeline").glob("*.c")):
        names.update(re.findall(r'\{\.name = "(\w+)", \.takes', path.read_text(encoding="utf-8")))
    assert len(names) > 60 and missing("docs/pipelines.md", names) == []


def test_each_function_of_expressions_is_documented():
    names = re.findall(r'^    \{"(\w+)", -?\d', source("orchestrator/pipeline/expr_functions.c"), re.M)
    assert len(names) > 10 and missing("docs/expressions.md", names) == []


def test_each_context_of_expressions_is_documented():
    text = source("orchestrator/pipeline/check_expr.c").split("context_names[] = {")[1].split("}")[0]
    assert missing("docs/expressions.md", re.findall(r'"(\w+)"', text)) == []


# ---- plugins, Lua, configuration, store ----

def test_each_method_of_the_store_is_documented():
    names = re.findall(r'^    \{"([\w.]+)", call_', source("orchestrator/engine/calls.c"), re.M)
    assert len(names) > 10 and missing("docs/plugins.md", names) == []


def test_each_function_of_the_host_is_documented():
    text = source("orchestrator/step.h").split("struct step_host {")[1].split("\n};")[0]
    assert missing("docs/plugins.md", re.findall(r"\(\*(\w+)\)", text)) == []


def test_each_member_of_the_lua_table_is_documented():
    names = set()
    for path in sorted((ROOT / "orchestrator/runner").glob("lua_api*.c")):
        names.update(re.findall(r'\{"(\w+)", (?:api|model|registry|file|csv)_', path.read_text(encoding="utf-8")))
    assert len(names) > 20 and missing("docs/lua.md", names) == []


def test_each_key_of_the_configuration_is_documented():
    names = {prefix + key for prefix, key in re.findall(r'ROW\("([\w.]*)", "(\w+)"',
                                                        source("orchestrator/config/config.c"))}
    assert len(names) > 10
    assert missing("docs/operations.md", names - {"environments", "secrets"}) == []


def test_each_table_of_the_store_is_documented():
    names = set()
    for path in sorted((ROOT / "orchestrator/store/schema").glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        names.difference_update(re.findall(r"^ALTER TABLE (\w+) RENAME TO \w+_before;", text, re.M))
        names.update(re.findall(r"^CREATE (?:TABLE|VIEW) (\w+)", text, re.M))
    assert len(names) > 25 and missing("docs/records.md", names) == []


def test_each_test_that_the_page_of_crashes_names_exists():
    named = set(re.findall(r"`(test_\w+)", read("docs/recovery.md")))
    paths = [path for folder in ("fault", "e2e") for path in (ROOT / "tests" / folder).glob("test_*.py")]
    tests = {path.stem for path in paths}
    for path in paths:
        tests.update(re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.M))
    assert len(named) > 20 and {name for name in named if not any(test.startswith(name) for test in tests)} == set()


# ---- architecture ----

def test_each_function_that_the_architecture_names_exists():
    paths = [path for suffix in ("*.[ch]", "*.sql") for path in sorted((ROOT / "orchestrator").rglob(suffix))]
    code = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    names = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", read("docs/architecture.md")))
    assert len(names) > 30
    assert sorted(name for name in names if not re.search(rf"\b{name}\b( \(| +TEXT|[\[(])", code)) == []


def test_the_life_of_one_run_has_ten_steps_that_name_functions():
    text = read("docs/architecture.md").split("## The life of one run")[1].split("\n## ")[0]
    steps = re.findall(r"^(\d+)\. (.*)$", text, re.M)
    assert [int(number) for number, _ in steps] == list(range(1, 11))
    assert all(re.search(r"`[a-z]+_[a-z_]+`", step) for _, step in steps)


def test_the_table_of_layers_is_layers_txt():
    said = {}
    for folder, may, libraries in re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|([^|]*)\|$", read("docs/architecture.md"),
                                             re.M):
        said[folder] = (may.split(), libraries.split())
    true = {}
    for line in source("orchestrator/layers.txt").splitlines():
        if line.strip() and not line.startswith("#"):
            folder, _, rest = line.partition(":")
            may, _, libraries = rest.partition("|")
            true[folder] = (may.split(), libraries.split())
    assert said == true


def test_each_frame_and_kind_of_report_is_documented():
    kinds = re.findall(r'\{"(\w+)", report_', source("orchestrator/engine/reports.c"))
    frames = re.findall(r"JOURNAL_([A-Z]+) = ", source("orchestrator/wire/journal.h").split("enum journal_type {")[1]
                        .split("};")[0])
    assert len(kinds) > 5 and len(frames) > 5 and missing("docs/architecture.md", kinds + frames) == []


def test_pages_that_the_code_names_exist():
    problems = []
    for path in sorted((ROOT / "orchestrator").rglob("*.[ch]")):
        for page in re.findall(r"\bdocs/\w+\.md", path.read_text(encoding="utf-8")):
            if not (ROOT / page).exists():
                problems.append(f"{path.relative_to(ROOT)}: {page}")
    assert problems == []


def test_files_that_the_architecture_names_exist():
    for text in re.findall(r"`((?:pipeline|engine|store|runner|config|cli)/[\w/.*]*\w*\.[ch])`",
                           read("docs/architecture.md")):
        assert list((ROOT / "orchestrator").glob(text)), text


def test_each_top_folder_stands_in_the_readme():
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")} - {"build"}
    assert missing("README.md", {f"{name}/" for name in folders}) == []
