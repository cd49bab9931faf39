# SPDX-License-Identifier: Apache-2.0
"""Groups of runs (`concurrency:`): never more than the limit at once, whoever is killed; who waits, who gives way."""
import json
import sqlite3
import time

from programs import wait_until


def rows(sluice, sql):
    """None while there is no store yet."""
    try:
        with sqlite3.connect(f"file:{sluice.home / 'sluice.db'}?mode=ro", uri=True) as store:
            return store.execute(sql).fetchall()
    except sqlite3.OperationalError:
        return None


def gated(sluice, name, concurrency, more=""):
    """A pipeline whose step begins, waits for NAME.go, and ends; each leaves a line with the time and the run."""
    (sluice.folder / f"{name}.yaml").write_text(f"""\
name: {name}
params: {{tag: {{default: x}}}}
concurrency: {concurrency}
steps:
  work:
    run: |
      echo "begin $(date +%s%N) ${{{{ params.tag }}}}" >> stamps
      until [ -e {name}.go ] || [ -e "${{{{ params.tag }}}}.go" ]; do sleep 0.02; done
      echo "end $(date +%s%N) ${{{{ params.tag }}}}" >> stamps
{more}
""")


def start(sluice, name, tag, *words):
    process = sluice.start("run", f"{name}.yaml", "--json", "--new", "-p", f"tag={tag}", *words)
    wait_until(lambda: rows(sluice, f"SELECT 1 FROM pipeline_runs WHERE params LIKE '%\"tag\":\"{tag}\"%'"))
    return process


def begun(sluice, tag):
    path = sluice.folder / "stamps"
    return path.exists() and f" {tag}\n" in path.read_text()


def finish(process):
    out, err = process.communicate(timeout=60)
    assert "AddressSanitizer" not in err and "runtime error:" not in err, err
    return process.returncode, json.loads(out), err


def let(sluice, *names):
    for name in names:
        (sluice.folder / f"{name}.go").touch()


def order(sluice, kind="begin"):
    return [line.split()[2] for line in (sluice.folder / "stamps").read_text().splitlines() if line.startswith(kind)]


def most_at_once(sluice):
    events = sorted((int(line.split()[1]), 1 if line.startswith("begin") else -1)
                    for line in (sluice.folder / "stamps").read_text().splitlines())
    now = most = 0
    for _, change in events:
        now += change
        most = max(most, now)
    return most


def state(sluice, name):
    return sluice("show", name, "--json").json


def test_runs_of_a_group_wait_their_turn_and_say_for_whom(sluice):
    gated(sluice, "w", "{group: g, limit: 1}")
    processes = [start(sluice, "w", "a", "-j", "4")]
    wait_until(lambda: begun(sluice, "a"))
    processes += [start(sluice, "w", "b"), start(sluice, "w", "c", "--priority", "5")]
    shown = state(sluice, "w/2")
    assert shown["status"] == "queued" and shown["started_at"] is None
    assert shown["reason"] == "waits for a place in group 'g': 1 of 1 held by w/1"
    status = "SELECT status FROM runs JOIN pipeline_runs USING (run_id) WHERE number = 2"
    assert rows(sluice, status) == [("SCHEDULED",)]
    time.sleep(0.3)
    assert not begun(sluice, "b") and not begun(sluice, "c")
    let(sluice, "w")
    ends = [finish(process) for process in processes]
    assert [end[0] for end in ends] == [0, 0, 0]
    assert "queued: waits for a place in group 'g': 1 of 1 held by w/1" in ends[1][2]
    assert order(sluice) == ["a", "c", "b"] and most_at_once(sluice) == 1


def test_the_group_may_be_an_expression_and_is_shared_by_pipelines(sluice):
    gated(sluice, "one", '{group: "deploy-${{ params.tag }}"}')
    gated(sluice, "two", "{group: deploy-a, limit: 1}")
    first = start(sluice, "one", "a", "-j", "4")
    wait_until(lambda: begun(sluice, "a"))
    other = start(sluice, "one", "b")
    wait_until(lambda: begun(sluice, "b"))
    second = start(sluice, "two", "c")
    assert state(sluice, "two/1")["reason"] == "waits for a place in group 'deploy-a': 1 of 1 held by one/1"
    let(sluice, "one", "two")
    assert [finish(process)[0] for process in (first, other, second)] == [0, 0, 0]


def test_a_limit_lets_that_many_run(sluice):
    gated(sluice, "w", "{limit: 2}")
    processes = [start(sluice, "w", tag, "-j", "4") for tag in "abcd"]
    wait_until(lambda: begun(sluice, "a") and begun(sluice, "b"))
    assert [row[0] for row in rows(sluice, "SELECT state FROM pipeline_runs ORDER BY number")] == \
        ["running", "running", "queued", "queued"]
    let(sluice, "w")
    assert [finish(process)[0] for process in processes] == [0] * 4
    assert most_at_once(sluice) <= 2


def test_latest_supersedes_what_is_queued_and_nothing_that_runs(sluice):
    gated(sluice, "w", "{policy: latest}", "  tidy: {needs: [work], if: always(), run: touch tidied}\n")
    processes = [start(sluice, "w", "a", "-j", "4")]
    wait_until(lambda: begun(sluice, "a"))
    processes += [start(sluice, "w", "b"), start(sluice, "w", "c")]
    code, run, _ = finish(processes[1])
    assert (code, run["status"]) == (1, "cancelled")
    assert run["reason"] == "superseded by w/3 in group 'w' before it began" and run["started_at"] is None
    assert {step["status"] for step in run["steps"]} == {"cancelled"} and not (sluice.folder / "tidied").exists()
    let(sluice, "w")
    assert [finish(processes[i])[0] for i in (0, 2)] == [0, 0]
    assert order(sluice) == ["a", "c"]


def test_skip_ends_a_run_that_finds_no_place(sluice):
    gated(sluice, "w", "{policy: skip}")
    first = start(sluice, "w", "a", "-j", "4")
    wait_until(lambda: begun(sluice, "a"))
    second = sluice("run", "w.yaml", "--new", "-p", "tag=b", expect=1)
    assert "skipped: group 'w' has no place free, held by w/1 (concurrency: skip)" in second.out
    let(sluice, "w")
    assert finish(first)[0] == 0 and order(sluice) == ["a"]
    assert sluice("run", "w.yaml", "--new", "-p", "tag=c", expect=0) and order(sluice) == ["a", "c"]


def test_cancel_running_stops_by_the_ladder_and_waits_for_the_end(sluice):
    gated(sluice, "w", "{policy: cancel_running}")
    text = (sluice.folder / "w.yaml").read_text()
    (sluice.folder / "w.yaml").write_text(text.replace("    run: |\n", "    stop: {grace: 10s}\n"
        "    env: {TAG: '${{ params.tag }}'}\n    run: |\n"
        "      trap 'sleep 0.5; echo \"end $(date +%s%N) $TAG\" >> stamps; exit 1' TERM\n"))
    first = start(sluice, "w", "a", "-j", "4")
    wait_until(lambda: begun(sluice, "a"))
    second = start(sluice, "w", "b")
    code, run, _ = finish(first)
    assert (code, run["status"]) == (1, "cancelled")
    assert run["reason"] == "cancelled for w/2 in group 'w' (concurrency: cancel_running)"
    let(sluice, "w")
    assert finish(second)[0] == 0 and order(sluice) == ["a", "b"] and most_at_once(sluice) == 1


WAITS = """\
  ask: {needs: [work], uses: approve}
  after:
    needs: [ask]
    run: |
      echo "begin $(date +%s%N) ${{ params.tag }}-after" >> stamps
      sleep 0.2
      echo "end $(date +%s%N) ${{ params.tag }}-after" >> stamps
"""


def test_a_waiting_run_holds_no_place_and_goes_on_at_the_head_of_the_queue(sluice):
    gated(sluice, "w", "{group: g}", WAITS)
    gated(sluice, "v", "{group: g}")
    let(sluice, "a")
    assert sluice.run("w.yaml", "-p", "tag=a", expect=5).json["status"] == "waiting"
    second = start(sluice, "v", "b", "-j", "4")
    wait_until(lambda: begun(sluice, "b"))
    third = start(sluice, "v", "c", "--priority", "9")
    sluice("approve", "w/1", expect=0)
    fourth = sluice.start("resume", "w/1", "--json")
    wait_until(lambda: state(sluice, "w/1")["status"] == "queued")
    assert state(sluice, "w/1")["reason"] == "waits for a place in group 'g': 1 of 1 held by v/1"
    time.sleep(0.3)
    assert not begun(sluice, "a-after")
    let(sluice, "v")
    assert [finish(process)[0] for process in (second, third, fourth)] == [0, 0, 0]
    assert order(sluice) == ["a", "b", "a-after", "c"] and most_at_once(sluice) == 1


def test_cancelling_one_that_is_queued_ends_it(sluice):
    gated(sluice, "w", "{}")
    first = start(sluice, "w", "a", "-j", "4")
    wait_until(lambda: begun(sluice, "a"))
    second = start(sluice, "w", "b")
    sluice("cancel", "w/2", expect=0)
    code, run, _ = finish(second)
    assert (code, run["status"]) == (1, "cancelled") and first.poll() is None
    let(sluice, "w")
    assert finish(first)[0] == 0


def test_the_limit_holds_over_kills_of_sluice(sluice):
    (sluice.folder / "w.yaml").write_text("""\
name: w
params: {tag: {default: x}}
concurrency: {limit: 1}
steps:
  work:
    run: |
      echo "begin $(date +%s%N) ${{ params.tag }}" >> stamps
      sleep 0.7
      echo "end $(date +%s%N) ${{ params.tag }}" >> stamps
""")
    processes = {tag: start(sluice, "w", tag, "-j", "4") for tag in "abcde"}
    for _ in range(5):
        time.sleep(0.4)
        for tag, process in list(processes.items()):
            if process.poll() is None:
                process.kill()
                process.communicate()
                break
    while rows(sluice, "SELECT 1 FROM pipeline_runs WHERE ended_ms IS NULL"):
        sluice("resume", "--json", timeout=60)
    for process in processes.values():
        process.communicate(timeout=60)
    assert sorted(order(sluice)) == list("abcde") and most_at_once(sluice) == 1
    assert rows(sluice, "SELECT DISTINCT state FROM pipeline_runs") == [("succeeded",)]


# ---- pipelines within pipelines ------------------------------------------------------------------------------------

def parent_of(sluice, name, child, concurrency):
    (sluice.folder / f"{name}.yaml").write_text(f"""\
name: {name}
params: {{tag: {{default: x}}}}
concurrency: {concurrency}
steps:
  sub: {{pipeline: ./{child}.yaml, with: {{tag: "${{{{ params.tag }}}}"}}}}
""")


def test_a_run_within_another_of_its_group_needs_no_second_place(sluice):
    gated(sluice, "inner", "{group: g}")
    parent_of(sluice, "outer", "inner", "{group: g}")
    let(sluice, "inner")
    assert sluice.run("outer.yaml").json["status"] == "succeeded"


def test_groups_taken_crosswise_do_not_block_each_other(sluice):
    for name, group in (("in1", "b"), ("in2", "a")):
        gated(sluice, name, f"{{group: {group}}}")
    parent_of(sluice, "out1", "in1", "{group: a}")
    parent_of(sluice, "out2", "in2", "{group: b}")
    let(sluice, "in1", "in2")
    for round_ in range(3):
        processes = [start(sluice, f"out{i}", f"{round_}{i}", "-j", "4") for i in (1, 2)]
        assert [finish(process)[0] for process in processes] == [0, 0]


def test_a_step_whose_pipeline_is_queued_waits_and_its_run_gives_its_place_away(sluice):
    gated(sluice, "inner", "{group: g}")
    parent_of(sluice, "outer", "inner", "{group: h}")
    gated(sluice, "other", "{group: h}")
    first = start(sluice, "inner", "a", "-j", "4")
    wait_until(lambda: begun(sluice, "a"))
    second = start(sluice, "outer", "b")
    wait_until(lambda: state(sluice, "outer/1")["status"] == "waiting")
    words = "inner/2 waits for a place in group 'g': 1 of 1 held by inner/1"
    assert state(sluice, "outer/1")["steps"][0]["reason"] == words
    third = start(sluice, "other", "c")
    wait_until(lambda: begun(sluice, "c"))
    let(sluice, "other")
    assert finish(third)[0] == 0
    let(sluice, "inner")
    assert finish(first)[0] == finish(second)[0] == 0
