# SPDX-License-Identifier: Apache-2.0
"""`sluice logs`: of steps, items and attempts, of sub-pipelines, and of runs that go on."""
import json
import subprocess

import pytest
from programs import BUILD, wait_until


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
    assert "'work[2]': step 'work' has 2 items, from [0] to [1]" in sluice("logs", "latest", "work[2]", expect=2).err
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
    assert follower.communicate(timeout=60)[0] == "s | two\n" and follower.returncode == 0
    assert run.communicate(timeout=60) and run.returncode == 0


def test_a_follower_whose_reader_has_gone_ends(sluice):
    sluice.pipeline("name: p\nsteps: {s: {run: 'until [ -e go ]; do echo tick; sleep 0.02; done'}}\n")
    run = sluice.start("run", "--json")
    wait_until(lambda: "tick" in sluice("logs").out)
    follower = sluice.start("logs", "-f")
    follower.stdout.close()
    assert follower.wait(timeout=60) == 0 and run.poll() is None
    (sluice.folder / "go").touch()
    assert run.communicate(timeout=60) and run.returncode == 0
