# SPDX-License-Identifier: Apache-2.0
"""What a run does: order, conditions, failures, retries, timeouts, matrices, values that travel."""
import json
import shutil

import pytest

from programs import BUILD


def test_hello_succeeds_and_says_so(sluice):
    sluice.pipeline("""\
        name: hello
        steps:
          greet: {run: echo "Hello from a step"}
        """)
    result = sluice("run", expect=0)
    assert "✓ greet succeeded" in result.out
    assert "hello run 1" in result.out
    assert "Hello from a step" in sluice("logs", expect=0).out


def test_json_is_one_object_on_stdout_and_the_same_from_show(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          one: {run: 'echo "n=3" >> "$SLUICE_OUTPUT"', outputs: {n: integer}}
          two: {run: exit 7, needs: [one]}
          three: {run: "true", needs: [two]}
        """)
    result = sluice.run(expect=1)
    run = result.json
    assert run["status"] == "failed" and run["verdict"] == "none" and run["number"] == "1"
    assert [step["id"] for step in run["steps"]] == ["one", "two", "three"]
    assert result.step("one")["outputs"] == {"n": 3}
    assert result.step("two")["status"] == "failed" and "exited with code 7" in result.step("two")["reason"]
    assert result.step("three")["status"] == "skipped" and "'two' failed" in result.step("three")["reason"]
    assert result.step("two")["exit"]["code"] == 7
    assert json.loads(sluice("show", "--json", expect=0).out) == run


def test_a_run_starts_before_its_steps_and_ends_after_them(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          one: {run: "true"}
          two: {run: "true", needs: [one]}
        """)
    run = sluice.run().json
    one, two = run["steps"]
    times = [run["started_at"], one["started_at"], one["ended_at"], two["started_at"], two["ended_at"], run["ended_at"]]
    assert times == sorted(times)


def test_attempts_tell_signal_memory_and_times(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          killed: {run: kill -9 $$}
        """)
    step = sluice.run(expect=1).step("killed")
    assert step["reason"].startswith("killed by signal 9 (SIGKILL) after ")
    assert step["exit"]["signal"] == 9
    assert step["exit"]["max_rss_bytes"] > 0 and step["exit"]["wall_ms"] >= 0 and "user_ms" in step["exit"]


def test_independent_steps_run_at_once_and_jobs_limits_them(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          a: {run: "touch a; for i in $(seq 1200); do [ -e b ] && exit 0; sleep 0.05; done; exit 1"}
          b: {run: "touch b; for i in $(seq 1200); do [ -e a ] && exit 0; sleep 0.05; done; exit 1"}
        """)
    sluice.run("-j", "2")
    sluice.pipeline("""\
        name: q
        steps:
          a: {run: "mkdir busy && sleep 0.2 && rmdir busy"}
          b: {run: "mkdir busy && sleep 0.2 && rmdir busy"}
          c: {run: "mkdir busy && sleep 0.2 && rmdir busy"}
        """, "q.yaml")
    sluice.run("q.yaml", "-j", "1")


def test_a_step_is_retried_as_often_as_it_may(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          flaky:
            run: |
              echo ${{ step.attempt }} >> tries
              test ${{ step.attempt }} = 3
            retry: {attempts: 3, delay: 10ms}
          hopeless: {run: exit 1, retry: {attempts: 2, delay: 1ms, jitter: none}}
          unwilling: {run: exit 4, retry: {attempts: 5, delay: 1ms, on: ["exit:75"]}}
        """)
    result = sluice.run(expect=1)
    assert result.step("flaky")["status"] == "succeeded" and result.step("flaky")["attempt"] == 3
    assert (sluice.folder / "tries").read_text() == "1\n2\n3\n"
    assert result.step("hopeless")["attempt"] == 2
    assert result.step("unwilling")["attempt"] == 1


def test_a_timeout_ends_the_whole_group(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          slow: {run: "sleep 300 & echo $! > child; wait", timeout: 4s, stop: {grace: 200ms}}
          stubborn: {run: "trap '' TERM; while :; do sleep 0.05; done", timeout: 3s, stop: {grace: 200ms}}
        """)
    result = sluice.run(expect=1)
    assert "timed out after 4 s" in result.step("slow")["reason"]
    reason = result.step("stubborn")["reason"]
    assert "timed out after 3 s" in reason and "SIGKILL" in reason
    child = int((sluice.folder / "child").read_text())
    try:
        status = open(f"/proc/{child}/stat", encoding="ascii").read().rpartition(")")[2].split()[0]
    except OSError:
        status = "gone"
    assert status in ("gone", "Z")


def test_conditions(sluice):
    sluice.pipeline("""\
        name: p
        params: {full: {type: boolean, default: false}}
        steps:
          bad: {run: exit 1}
          fine: {run: "true"}
          only_full: {run: "true", if: params.full}
          after_bad: {run: "true", needs: [bad]}
          cleanup: {run: touch cleaned, needs: [bad], if: always()}
          alarm: {run: touch alarmed, needs: [bad], if: "${{ failure() }}"}
          optional: {run: "true", needs: ["only_full?"]}
          strict: {run: "true", needs: [only_full]}
        """)
    result = sluice.run(expect=1)
    status = {step["id"]: step["status"] for step in result.json["steps"]}
    assert status == {"bad": "failed", "fine": "succeeded", "only_full": "skipped", "after_bad": "skipped",
                      "cleanup": "succeeded", "alarm": "succeeded", "optional": "succeeded", "strict": "skipped"}
    assert (sluice.folder / "cleaned").exists() and (sluice.folder / "alarmed").exists()
    assert all(step["reason"] for step in result.json["steps"] if step["status"] == "skipped")


def test_continue_on_error_lets_what_follows_run(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          shaky: {run: exit 1, continue_on_error: true}
          next: {run: "true", needs: [shaky]}
        """)
    result = sluice.run()
    assert result.step("next")["status"] == "succeeded" and result.json["status"] == "succeeded"


def test_matrix_items_have_stable_order_and_lists_of_outputs(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          list: {run: "echo 'items=[3, 1, 2]' >> $SLUICE_OUTPUT", outputs: {items: json}}
          work:
            matrix: ${{ steps.list.outputs.items }}
            run: |
              test ${{ matrix }} != 1
              echo "square=$(( N * N ))" >> "$SLUICE_OUTPUT"
            env: {N: "${{ matrix }}"}
            outputs: {square: integer}
            continue_on_error: true
          sum: {run: "echo all=${{ toJSON(steps.work.outputs.square) }} >> $SLUICE_OUTPUT", outputs: {all: json}}
        """)
    result = sluice.run()
    assert [result.step("work", i)["status"] for i in range(3)] == ["succeeded", "failed", "succeeded"]
    assert result.step("sum")["outputs"]["all"] == [9, None, 4]


def test_of_a_matrix_whose_items_all_failed_each_name_is_a_list_of_nulls(sluice):
    sluice.write("child.yaml", """\
        name: child
        steps: {work: {run: exit 1}}
        outputs: {rows: "${{ steps.work.status }}"}
        """)
    sluice.pipeline("""\
        name: p
        steps:
          work:
            matrix: {i: [1, 2]}
            run: exit 1
            outputs: {n: integer}
            artifacts: {plot: "${{ step.dir }}/plot.svg"}
            metrics: ["${{ step.dir }}/metrics.json"]
            continue_on_error: true
          fetch: {matrix: {i: [1, 2]}, uses: http, with: {url: "http://127.0.0.1:1/"}, continue_on_error: true}
          child: {matrix: {i: [1, 2]}, pipeline: ./child.yaml, continue_on_error: true}
          see:
            outputs: {all: json, lua: json}
            with: {n: "${{ steps.work.outputs.n }}"}
            needs: [work, fetch]
            lua: |
              local fetched = sluice.steps.fetch.outputs
              sluice.output("all", {sluice.params.n, sluice.steps.work.artifacts.plot})
              sluice.output("lua", {fetched.status})
          tell:
            run: >-
              echo all=${{ toJSON(steps.work.metrics.rmse) }}${{ toJSON(steps.fetch.outputs.status) }}${{
              toJSON(steps.fetch.body) }}${{ toJSON(steps.child.outputs.rows) }} >> "$SLUICE_OUTPUT"
            outputs: {all: string}
          best:
            uses: select
            with: {metric: "${{ steps.work.metrics.rmse }}"}
        """)
    result = sluice.run(expect=1)
    assert result.step("tell")["outputs"]["all"] == "[null,null]" * 4, result
    assert result.step("see")["outputs"] == {"all": [[None, None], [None, None]], "lua": [[None, None]]}
    assert "no candidate has this metric" in result.step("best")["reason"]


def test_values_never_become_shell_code(sluice):
    sluice.pipeline("""\
        name: p
        params: {word: {type: string, default: x}}
        steps:
          bare: {run: "printf '%s' ${{ params.word }} > bare"}
          double: {run: 'printf "%s" "<${{ params.word }}>" > double'}
          single: {run: "printf '%s' '<${{ params.word }}>' > single"}
        """)
    hostile = "; touch hacked; $(touch hacked) `touch hacked` \" ' \\ * ~ \n"
    sluice.run("-p", f"word={hostile}")
    assert (sluice.folder / "bare").read_text() == hostile
    assert (sluice.folder / "double").read_text() == f"<{hostile}>"
    assert (sluice.folder / "single").read_text() == f"<{hostile}>"
    assert not (sluice.folder / "hacked").exists()


def test_outputs_are_checked_against_their_types(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          lies: {run: 'echo "n=many" >> "$SLUICE_OUTPUT"', outputs: {n: integer}}
          silent: {run: "true", outputs: {n: integer}}
          extra: {run: 'printf "n=1\\nm=1\\n" >> "$SLUICE_OUTPUT"', outputs: {n: integer}}
        """)
    result = sluice.run(expect=1)
    assert "'n'" in result.step("lies")["reason"] and "integer" in result.step("lies")["reason"]
    assert "'n'" in result.step("silent")["reason"]
    assert "'m'" in result.step("extra")["reason"]


def test_artifacts_flow_by_name_and_are_read_only(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          make:
            run: mkdir -p "$SLUICE_STEP_DIR/d" && cd "$SLUICE_STEP_DIR/d" && echo one > 1.txt && echo two > 2.txt
            artifacts: {folder: "${{ step.dir }}/d", first: "${{ step.dir }}/d/1.txt"}
          use: {run: "cat ${{ steps.make.artifacts.folder }}/2.txt ${{ steps.make.artifacts.first }} > seen"}
        """)
    result = sluice.run()
    assert (sluice.folder / "seen").read_text() == "two\none\n"
    path = result.step("make")["artifacts"]["first"]
    import os
    assert os.stat(path).st_mode & 0o222 == 0
    rows = sluice("artifacts", "--json", expect=0).json
    assert all(len(row["sha256"]) == 64 for row in rows) and len(rows) >= 2


def test_what_a_step_sees_of_the_environment(sluice):
    sluice.pipeline("""\
        name: p
        env: {COLOR: red, SHARED: "${{ params.who }}"}
        params: {who: {type: string, default: all}}
        steps:
          look:
            env: {COLOR: blue}
            run: |
              env > environment
              pwd > where
        """)
    sluice.run(env={"SECRET_OF_MINE": "x", "LC_ALL": "C.UTF-8"})
    seen = dict(line.split("=", 1) for line in (sluice.folder / "environment").read_text().splitlines() if "=" in line)
    assert seen["COLOR"] == "blue" and seen["SHARED"] == "all" and seen["PYTHONUNBUFFERED"] == "1"
    assert seen["SLUICE_STEP"] == "look"
    ours = ("ATTEMPT", "OUTPUT", "STEP_DIR", "STATE", "RUN_ID", "WORKSPACE")
    assert {"PATH", "HOME", *(f"SLUICE_{name}" for name in ours)} <= set(seen)
    assert "SECRET_OF_MINE" not in seen
    assert (sluice.folder / "where").read_text().strip() == str(sluice.folder)


def test_until_runs_only_what_is_needed(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          a: {run: "true"}
          b: {run: "true", needs: [a]}
          c: {run: touch c, needs: [b]}
          d: {run: touch d}
        """)
    sluice.run("--until", "b")
    assert not (sluice.folder / "c").exists() and not (sluice.folder / "d").exists()


def test_a_sub_pipeline_is_a_step(sluice):
    sluice.pipeline("""\
        name: child
        params: {n: {type: integer}}
        steps:
          twice:
            run: echo "m=$(( ${N} * 2 ))" >> "$SLUICE_OUTPUT"
            env: {N: "${{ params.n }}"}
            outputs: {m: integer}
        outputs: {m: "${{ steps.twice.outputs.m }}"}
        """, "child.yaml")
    sluice.pipeline("""\
        name: parent
        steps:
          call: {pipeline: ./child.yaml, with: {n: 21}}
          use: {run: 'echo ${{ steps.call.outputs.m }} > answer'}
        """)
    sluice.run()
    assert (sluice.folder / "answer").read_text() == "42\n"


def test_a_number_for_a_text_param_of_a_sub_pipeline_keeps_the_way_it_is_written(sluice):
    sluice.pipeline("""\
        name: child
        params: {version: {type: string}, n: {type: number, default: 0}}
        steps: {tell: {run: 'echo ${{ params.version }} ${{ params.n }} >> told'}}
        """, "child.yaml")
    sluice.pipeline("""\
        name: parent
        steps:
          file: {pipeline: ./child.yaml, with: {version: 1.10, n: 1.50}}
          name: {needs: [file], pipeline: child, with: {version: 2.0}}
        """)
    sluice.run("child.yaml", "-p", "version=0.10")
    sluice.run()
    assert (sluice.folder / "told").read_text() == "0.10 0\n1.10 1.5\n2.0 0\n"


def test_values_of_a_matrix_may_be_maps_and_lists(sluice):
    sluice.pipeline("""\
        name: p
        params: {low: {type: number, default: 0.001}}
        steps:
          work:
            matrix:
              cfg: [{lr: 0.1, depth: 2}, {lr: "${{ params.low }}", depth: 4}]
              layers: [[8, 8], [16]]
              exclude: [{cfg: {lr: 0.1, depth: 2}, layers: [16]}]
            run: echo "v=${{ matrix.cfg.lr }}/${{ matrix.cfg.depth }}/${{ toJSON(matrix.layers) }}" >> "$SLUICE_OUTPUT"
            outputs: [v]
          tell: {run: "echo ${{ join(steps.work.outputs.v, ' ') }} > told"}
        """)
    first = sluice.run().json
    assert (sluice.folder / "told").read_text() == "0.1/2/[8,8] 0.001/4/[8,8] 0.001/4/[16]\n"
    keys = [step["item"] for step in first["steps"] if step["id"] == "work"]
    assert keys == [step["item"] for step in sluice.run().json["steps"] if step["id"] == "work"]
    assert len(set(keys)) == 3


def test_a_run_whose_plugin_is_gone_is_shown_all_the_same(sluice):
    shutil.copy(BUILD / "plugins" / "wait.so", sluice.folder / "x.so")
    sluice.pipeline("""\
        name: p
        steps:
          pause: {uses: ./x.so, with: {delay: 10ms}}
          tell: {needs: [pause], run: echo here}
        """)
    sluice.run()
    (sluice.folder / "x.so").unlink()
    assert "x.so" in sluice("validate", "sluice.yaml", expect=3).out
    assert "tell" in sluice("show", expect=0).out
    shown = sluice("show", "--json", expect=0).json
    assert [(step["id"], step["status"], step["depends"]) for step in shown["steps"]] == [
        ("pause", "succeeded", []), ("tell", "succeeded", ["pause"])]
    assert sluice("logs", "latest", "tell", expect=0).out.split() == ["tell", "|", "here"]
    assert len(sluice("runs", "--json", expect=0).out.splitlines()) == 1
    assert "is not accepted any more" in sluice("rerun", "1", "--from", "tell", expect=None).err
def test_a_sub_pipeline_that_fails_is_named_and_its_lines_are_found_by_that_name(sluice):
    sluice.pipeline("name: child\nsteps: {work: {run: echo too big; exit 3}}", "child.yaml")
    sluice.pipeline("name: parent\nsteps: {call: {pipeline: ./child.yaml}}")
    assert "run child/1  step 'work': exited with code 3" in sluice("run", expect=1).out
    assert sluice("logs", "child/1", expect=0).out == "work | too big\n"
    # Tried again by itself it is the same run's second revision.
    assert "child run 1.2 " in sluice("retry", "child/1", expect=1).out
    assert [run["number"] for run in sluice("runs", "--json", expect=0).json] == ["1.2", "1"]


def test_a_secret_is_masked_wherever_it_shows(sluice):
    sluice.write(".sluice/config.yaml", "secrets: {TOKEN: {env: THE_TOKEN}}\n")
    sluice.pipeline("""\
        name: p
        steps:
          leak:
            env: {TOKEN: "${{ secrets.TOKEN }}"}
            run: |
              echo "it is $TOKEN"
              printf '%s' "$TOKEN" | base64
              printf 'hunter2-'; sleep 0.1; printf 'hunter2\\n'
              echo "value=$TOKEN" >> "$SLUICE_OUTPUT"
            outputs: {value: string}
        """)
    result = sluice.run(expect=None, env={"THE_TOKEN": "hunter2-hunter2"})
    logs = sluice("logs", expect=0)
    everything = result.out + result.err + logs.out + logs.err
    assert "hunter2-hunter2" not in everything and "aHVudGVyMi1odW50ZXIy" not in everything
    assert "it is ***" in logs.out
    for path in sluice.home.rglob("*"):
        if path.is_file() and path.name != "config.yaml":
            assert b"hunter2-hunter2" not in path.read_bytes(), path


def test_a_matrix_takes_a_list_that_a_step_declared_as_json(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          list: {run: 'echo "items=[3, 1, 2]" >> "$SLUICE_OUTPUT"', outputs: {items: json}}
          work: {matrix: "${{ fromJSON(steps.list.outputs.items) }}", run: "echo ${{ matrix }}"}
    """)
    run = sluice.run()
    assert [step["matrix"] for step in run.json["steps"] if step["id"] == "work"] == [3, 1, 2]


def test_an_approval_of_a_sub_pipeline_is_asked_for_by_the_name_that_answers_it(sluice):
    sluice.pipeline("name: child\nsteps: {ask: {uses: approve, with: {expires: 1h}}}\n", "child.yaml")
    sluice.pipeline("name: parent\nsteps: {k: {pipeline: ./child.yaml}, use: {needs: [k], run: echo x}}\n")
    said = sluice("run", expect=5).out
    assert "sluice approve child/1 ask " in said and "sluice resume parent/1 " in said
    sluice("approve", "child/1", "ask", expect=0)
    assert "✓ use succeeded" in sluice("resume", "parent/1", expect=0).out


def test_the_approval_of_a_sub_pipeline_is_found_by_its_parent(sluice):
    """It said that the parent waits for no approval."""
    sluice.pipeline("name: child\nsteps: {ask: {uses: approve, with: {expires: 1h}}}\n", "child.yaml")
    sluice.pipeline("name: mid\nsteps: {c: {pipeline: ./child.yaml}}\n", "mid.yaml")
    sluice.pipeline("name: parent\nsteps: {k: {pipeline: ./mid.yaml}, use: {needs: [k], run: echo x}}\n")
    sluice("run", expect=5)
    assert "waits for no approval at step use" in sluice("approve", "parent/1", "use").err
    said = sluice("approve", "parent/1", expect=0).out
    assert "child/1 approved by " in said and "sluice resume parent/1 " in said
    assert "✓ use succeeded" in sluice("resume", "parent/1", expect=0).out
    sluice("run", expect=5)
    assert "child/2 rejected by " in sluice("reject", "parent/2", "k", "-m", "no", expect=0).out


def test_of_several_approvals_below_a_run_the_names_are_given(sluice):
    sluice.pipeline("name: child\nsteps: {ask: {uses: approve, with: {expires: 1h}}}\n", "child.yaml")
    sluice.pipeline("name: parent\nsteps: {k: {pipeline: ./child.yaml}, own: {uses: approve, with: {expires: 1h}}}\n")
    sluice("run", expect=5)
    said = sluice("approve", "parent/1").err
    assert "waits for 2 approvals" in said and "'parent/1 own'" in said and "'child/1 ask'" in said
    assert "child/1 approved by " in sluice("approve", "parent/1", "k", expect=0).out
    assert "parent/1 approved by " in sluice("approve", "parent/1", expect=0).out
    assert sluice("resume", "parent/1", "--json", expect=0).json["status"] == "succeeded"


def test_an_output_that_nobody_declared_fails_the_step_also_where_none_is_declared(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          a: {run: 'echo rows=1 >> "$SLUICE_OUTPUT"'}
          b: {run: 'echo novalue >> "$SLUICE_OUTPUT"'}
          c: {run: ': > "$SLUICE_OUTPUT"'}
    """)
    run = sluice.run(expect=1)
    assert "output 'rows' (line 1) is not declared: add 'rows: string'" in run.step("a")["reason"]
    assert "line 1" in run.step("b")["reason"] and run.step("c")["status"] == "succeeded"


@pytest.mark.parametrize("wait, words", [
    ("{kind = 'until'}", "to wait for 'until' needs 'at_ms'"),
    ("{kind = 'until', at = '2030'}", "to wait for 'until' has no member 'at'"),
    ("{kind = 'until', at_ms = 'soon'}", "'at_ms' is no whole number"),
    ("{kind = 'until', at_ms = 1.5}", "'at_ms' is no whole number"),
    ("{kind = 'file'}", "to wait for 'file' needs 'path'"),
    ("{kind = 'url', url = ''}", "'url' is no text"),
    ("{kind = 'file', path = 'x', stabel_ms = 3}", "did you mean 'stable_ms'?"),
    ("{kind = 'tide'}", "expected approval, until, delay, file, url or target"),
])
def test_what_nobody_could_wait_for_fails_the_step(sluice, wait, words):
    sluice.pipeline(f"""\
        name: idle
        steps:
          s:
            lua: |
              if not sluice.resumed then sluice.wait({wait}) end
        """)
    assert words in sluice.run(expect=1).step("s")["reason"]


def test_a_script_may_compute_when_to_go_on(sluice):
    sluice.pipeline("""\
        name: idle
        steps:
          s:
            lua: |
              if sluice.resumed then return end
              sluice.wait{kind = "until", at_ms = 2.0 * 1000}
        """)
    assert sluice.run().json["status"] == "succeeded"


@pytest.mark.parametrize("glob", ["../*", "/etc/passwd", "a/../../x", ""])
def test_hash_files_looks_at_nothing_but_the_workspace(sluice, glob):
    sluice.pipeline(f"""\
        name: hash
        steps:
          s: {{run: "echo ${{{{ hashFiles('{glob}') }}}}"}}
        """)
    assert "below the workspace" in sluice.run(expect=1).step("s")["reason"]


def test_of_artifacts_of_which_one_cannot_be_published_none_is(sluice):
    sluice.pipeline("""\
        name: half
        steps:
          s:
            run: "mkdir d; echo x > one; echo y > d/y; ln -s /etc/passwd d/p; mkdir m; echo m > m/weights"
            artifacts: {one: one, all: d}
            model: {path: m, name: m}
            continue_on_error: true
        """)
    assert "is a link to the outside" in sluice.run().step("s")["reason"]
    assert sluice("artifacts", "latest", "--json", expect=0).json == []
    assert not [path for path in (sluice.home / "artifacts").rglob("*") if path.is_file()]
