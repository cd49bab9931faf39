# SPDX-License-Identifier: Apache-2.0
"""Every command, every YAML and every Lua block of the documents does what the page says."""
import pytest

from complete import complete, kind_of
from markdown import blocks, pages
from play import Player, Wrong, exchanges, matches, not_run


@pytest.mark.parametrize("page", pages())
def test_page_does_what_it_says(page, tmp_path):
    player = Player(tmp_path)
    problems = []
    for block in blocks(page):
        try:
            player.play(block)
        except Wrong as wrong:
            problems.append(f"{block}: {wrong}")
    not_run.extend(player.skipped)
    assert not problems, "\n\n".join(problems)


# ---- the player itself: what it must notice ----

@pytest.mark.parametrize("expected, printed, same", [
    ("a b", "a   b\n", True),
    ("a b", "a c\n", False),
    ("a …", "a 81 ms\n", True),
    ("a", "a\nb\n", False),
    ("…", "", True),
    ("a\n…\nd", "a\nb\nc\nd\n", True),
    ("a\n…\nd", "a\nb\nc\n", False),
    ("", "something\n", False),
])
def test_expected_output_is_compared_with_what_was_printed(expected, printed, same):
    assert matches(expected, printed) is same


def test_console_block_is_cut_into_commands_and_outputs():
    text = "$ cat <<END\n> x\n> END\nx\n$ false\n$ echo $?\n1\n"
    assert exchanges(text) == [("cat <<END\nx\nEND", "x"), ("false", ""), ("echo $?", "1")]


@pytest.mark.parametrize("text, kind", [
    ("name: a\nsteps: {b: {run: x}}", "pipeline"),
    ("steps: {b: {run: x}}", "fragment"),
    ("params: {a: {}}", "fragment"),
    ("run: x\nretry: {attempts: 2}", "step"),
    ("groups: {a: [b]}", "config"),
    ("anything: else", None),
])
def test_fragments_are_known_by_their_keys(text, kind):
    assert kind_of(text) == kind


def test_fragment_gets_the_steps_and_params_that_it_names():
    whole = complete("steps:\n  b:\n    needs: [a]\n    run: echo ${{ steps.c.outputs.n }} ${{ params.p }}\n")
    for line in ('  a: {run: "true"}', '  c: {run: "true", outputs: {n: json}}', "  p: {type: json, default: 1}"):
        assert line in whole.splitlines()


@pytest.mark.parametrize("language, text, directives", [
    ("console", "$ echo a\nb\n", []),
    ("console", "$ false\n", []),
    ("sh", "false\ntrue\n", []),
    ("yaml", "steps:\n  a: {rum: x}\n", []),
    ("yaml", "steps:\n  a: {run: x}\n", ["fails E003"]),
    ("yaml", "steps:\n  a: {rum: x}\n", ["skip"]),
    ("lua", "error('x')\n", []),
])
def test_wrong_block_is_noticed(language, text, directives, tmp_path):
    from markdown import Block
    with pytest.raises(Wrong):
        Player(tmp_path).play(Block("page", 1, language, text, directives))
