# SPDX-License-Identifier: Apache-2.0
"""What a person reads when a run has ended, off a terminal and on narrow ones."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import unicodedata

import pytest

from programs import BUILD

GATED = """\
    name: gated
    params: {limit: {type: number, default: 0.1}}
    steps:
      make:
        run: |
          printf 'y,p,side\\n1,1,left\\n2,2.5,right\\n3,2.5,left\\n' > "$SLUICE_STEP_DIR/rows.csv"
        artifacts: {rows: "${{ step.dir }}/rows.csv"}
      judge:
        uses: evaluate
        with:
          dataset: {path: "${{ steps.make.artifacts.rows }}", name: rows}
          type: regressor
          label: y
          prediction: p
          thresholds: {mae: "<= ${{ params.limit }}", "mae[side=left]": "<= 0.1"}
          on_refuse: %s
      one: {needs: [judge], run: "true"}
      two: {needs: [one], run: "true"}
      three: {needs: [two, make], run: "true"}
      whatever: {needs: [three], if: always(), run: "true"}
    """


def section(text, name):
    return re.search(rf"^{name}\n((?:  .*\n)*)", text, re.M)[1].splitlines()


def on_terminal(sluice, columns, *arguments):
    """The rows of a terminal of so many columns, as the command left them, without colours and drawings in place."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen([BUILD / "sluice", *arguments], cwd=sluice.folder, stdin=follower, stdout=follower,
                               stderr=subprocess.STDOUT, env={**sluice.env, "TERM": "xterm", "NO_COLOR": ""})
    os.close(follower)
    received = b""
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:
            break
        if not chunk:
            break
        received += chunk
    os.close(leader)
    code = process.wait(timeout=60)
    text = received.decode().replace("\r\n", "\n")
    return code, re.sub(r"\x1b\[[0-9;]*m", "", text), text


def width(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


@pytest.mark.parametrize("on_refuse, code", [("skip", 0), ("fail", 6)])
def test_a_refusal_is_told_once_and_what_it_skipped_says_which_gate(sluice, on_refuse, code):
    sluice.pipeline(GATED % on_refuse)
    out = sluice("run", expect=code).out
    live, summary = out.split("\ngated run 1")
    assert live.count("mae 0.333333 is above 0.1 (by 0.233)") == 1
    rows = {line.split()[1]: line for line in section(summary, "Steps")}
    assert rows["judge"].endswith("refused by 2 of 2 rules")
    after = "skipped: judge refused" if on_refuse == "skip" else "skipped: 'judge' failed"
    assert rows["one"].endswith(after)
    assert rows["two"].endswith("skipped: judge refused" if on_refuse == "skip" else "skipped: 'one' was skipped")
    assert rows["whatever"].split()[0] == "✓"
    assert section(summary, "Gates") == [
        "  judge refused by 2 of 2 rules, on rows",
        "    ✗ mae             0.333333   <= 0.1  missed by 0.233",
        "    ✗ mae[side=left]  0.25       <= 0.1  missed by 0.15"]
    # Where it fails the run, the reason heads the summary, with both rules in it.
    assert summary.count("is above 0.1 (by") == (0 if on_refuse == "skip" else 2)
    # The record keeps the whole reason for every step.
    run = sluice("show", "--json", expect=0)
    if on_refuse == "skip":
        for name in ("one", "two", "three"):
            assert run.step(name)["reason"] == (
                "refused by judge: mae 0.333333 is above 0.1 (by 0.233); mae[side=left] 0.25 is above 0.1 (by 0.15)")


def test_a_pass_shows_its_rules_too(sluice):
    sluice.pipeline(GATED.replace('"mae[side=left]": "<= 0.1"', '"mae[side=left]": "<= 0.3"') % "skip")
    summary = sluice("run", "-p", "limit=0.5", expect=0).out
    assert section(summary, "Gates") == [
        "  judge passed, on rows",
        "    ✓ mae             0.333333   <= 0.5",
        "    ✓ mae[side=left]  0.25       <= 0.3"]


def test_reasons_that_are_not_refusals_stand_as_they_are_recorded(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          bad: {run: exit 3}
          after: {run: "true", needs: [bad]}
          never: {run: "true", if: false}
          items: {matrix: {x: [1, 2]}, run: "test ${{ matrix.x }} = 1"}
        """)
    rows = section(sluice("run", expect=1).out, "Steps")
    text = [re.sub(r"  +", "  ", re.sub(r"\d+(\.\d+)? m?s", "TIME", row)) for row in rows]
    assert text == [
        "  ✗ bad  TIME  exited with code 3",
        "  – after  ← bad  skipped: 'bad' failed",
        "  – never  skipped: its condition was false: false",
        "  ✗ items  2 items  1 of 2 items failed; the first: exited with code 1",
        "  ✓  [0]  TIME  x=1",
        "  ✗  [1]  TIME  x=2  exited with code 1"]


def test_of_many_items_those_that_are_like_others_are_counted(sluice):
    sluice.pipeline("""\
        name: p
        params: {items: {type: list, default: []}}
        steps: {many: {matrix: "${{ params.items }}", run: "test ${{ matrix }} -lt 40"}}
        """)
    rows = section(sluice("run", "-p", f"items={list(range(70))}", expect=1).out, "Steps")
    items = [int(row) for row in re.findall(r"\[(\d+)\]", "\n".join(rows))]
    assert items == [*range(24), *range(40, 64)], rows
    assert rows[-1] == "    and 16 more that succeeded, 6 others: sluice show p/1 --json"
    assert sum(step["id"] == "many" for step in sluice("show", "--json", expect=0).json["steps"]) == 70


def test_metrics_of_items_stand_below_each_other_and_the_chosen_is_marked(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          try:
            matrix: {x: [3, 1, 2]}
            run: |
              printf '{"loss": %s.5, "accuracy_of_all": 0.25, "loss/side:left": 9}' ${{ matrix.x }} > "$OUT"
            env: {OUT: "${{ step.dir }}/m.json"}
            metrics: ["${{ step.dir }}/m.json"]
          best: {uses: select, with: {metric: "${{ steps.try.metrics.loss }}", mode: min}}
        """)
    assert section(sluice("run", expect=0).out, "Metrics") == [
        "  try       accuracy_of_all      loss",
        "       [0]             0.25       3.5",
        "       [1]             0.25       1.5  ← best",
        "       [2]             0.25       2.5"]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_on_a_terminal_no_row_is_wider_than_it(sluice, columns):
    sluice.pipeline(GATED % "fail")
    code, text, _ = on_terminal(sluice, columns, "run")
    assert code == 6
    summary = text[text.rindex("\ngated run 1") + 1:]
    paths = [line for line in summary.splitlines() if ".sluice/artifacts/" in line]
    assert paths and all(line.split()[-1].startswith(".sluice/") for line in paths)
    assert all(width(line) < columns for line in summary.splitlines() if line not in paths), summary
    assert "refused by 2 of 2 rules" in " ".join(summary.split())
    if columns < 100:  # the reason is broken between words, and goes on below its beginning
        at = summary.index("step 'judge'")
        assert re.match(r"step 'judge': [^\n]*\n  \S", summary[at:])


def test_colours_only_on_a_terminal_and_not_with_no_color(sluice):
    sluice.pipeline(GATED % "skip")
    _, _, coloured = on_terminal(sluice, 100, "run")
    assert "\x1b[31m✗" in coloured and "\x1b[32m✓" in coloured
    _, _, plain = on_terminal(sluice, 100, "show", "--no-color")
    assert "\x1b[3" not in plain and "✗ mae" in plain
    assert "\x1b" not in sluice("show", expect=0).out


def test_what_a_failed_step_printed_last_stands_in_the_summary(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          bad: {run: "seq 1 20; echo 'no such column: age' >&2; exit 3"}
          fine: {run: echo all well}
          each:
            matrix: {n: [1, 2]}
            run: "echo item ${{ matrix.n }}; test ${{ matrix.n }} = 1"
          quiet: {run: exit 4}
        """)
    summary = sluice("run", expect=1).out.split("\np run 1")[1]
    lines = section(summary, "Last lines")
    assert lines == [*(f"  bad | {n}" for n in range(16, 21)), "  bad | no such column: age", "  each[1] | item 2"]
    assert section(sluice("show", expect=0).out, "Last lines") == lines
    # They are there already when the lines of all steps were printed as they came.
    assert "Last lines" not in sluice("run", "--logs", expect=1).out


def test_lines_of_attempts_that_were_tried_again_and_of_refusals_are_not_repeated(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          again: {run: "echo x >> tries; echo try $(wc -l < tries); exit 1", retry: {attempts: 2, delay: 10ms}}
        """)
    assert section(sluice("run", expect=1).out, "Last lines") == ["  again | try 2"]
    sluice.pipeline(GATED % "fail")
    assert "Last lines" not in sluice("run", expect=6).out


def test_what_next_names_what_there_is(sluice):
    def hints(*words, expect=0):
        return [line.split("  ")[1] for line in section(sluice("run", *words, expect=expect).out, "Next")]

    sluice.pipeline("name: p\nsteps: {a: {run: echo hello}}")
    assert hints() == ["sluice show p/1", "sluice logs p/1", "sluice activity"]
    sluice.pipeline("""\
        name: q
        steps:
          a:
            run: mkdir "$SLUICE_STEP_DIR/m"; echo 1 > "$SLUICE_STEP_DIR/m/w"; echo 1 > "$SLUICE_STEP_DIR/x"
            model: {path: "${{ step.dir }}/m"}
            artifacts: {x: "${{ step.dir }}/x"}
        """)
    assert hints() == ["sluice show q/1", "sluice logs q/1", "sluice artifacts q/1", "sluice models", "sluice activity"]
    sluice.pipeline(GATED % "fail")
    assert hints(expect=6) == ["sluice logs gated/1", "sluice rerun gated/1 -p NAME=V"]


def test_nested_metrics_of_a_matrix_are_shown_and_missing_ones_are_a_dash(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          fit:
            matrix: {n: [1, 2]}
            run: |
              test ${{ matrix.n }} = 1
              echo '{"val": {"loss": 0.25}}' > "$SLUICE_STEP_DIR/m.json"
            metrics: ["${{ step.dir }}/m.json"]
        """)
    rows = [line.split() for line in section(sluice("run", expect=1).out, "Metrics")]
    assert rows == [["fit", "val/loss"], ["[0]", "0.25"], ["[1]", "-"]]
