# SPDX-License-Identifier: Apache-2.0
"""A whole life under kill -9, at moments drawn by lot."""
import random
import sqlite3
import subprocess
import time

import pytest
from metric_points import points_of
from programs import kill_runners, wait_until
from test_recovery import kill, rows

LIFE = """\
    name: life
    steps:
      list:
        run: |
          echo "list.${{ step.attempt }}" >> begun
          echo "items=[1, 2, 3, 4]" >> "$SLUICE_OUTPUT"
        outputs: {items: json}
        retry: {attempts: 30, delay: 1ms, on: [lost]}
      work:
        matrix: {i: "${{ steps.list.outputs.items }}"}
        max_parallel: 3
        run: |
          echo work$I.${{ step.attempt }} >> begun
          sleep 0.1
          printf 'key,value,step\\nloss,0.5,1\\nloss,0.4,2\\n' > "$SLUICE_STEP_DIR/m.csv"
          test "$I" != 2 -o "${{ step.attempt }}" -gt 1
        env: {I: "${{ matrix.i }}"}
        metrics: ["${{ step.dir }}/m.csv"]
        model: {path: "${{ step.dir }}/m.csv", name: "life${{ matrix.i }}"}
        retry: {attempts: 30, delay: 20ms, on: [failure, lost]}
      ask: {needs: [work], uses: approve, with: {expires: 3d}, retry: {attempts: 30, delay: 1ms, on: [lost]}}
      pause: {needs: [list], uses: wait, with: {delay: 200ms}, retry: {attempts: 30, delay: 1ms, on: [lost]}}
      after: {needs: [ask, pause], run: "echo after.${{ step.attempt }} >> begun; sleep 0.1",
              retry: {attempts: 30, delay: 1ms, on: [lost]}}
    """


def harass(sluice, moments, times, *words):
    """The command, killed again and again at random moments, alone, with its runner, or the runner alone."""
    process = sluice.start(*words)
    wait_until(lambda: rows(sluice, "SELECT 1 FROM pipeline_runs") or process.poll() is not None)
    for _ in range(times):
        time.sleep(moments.uniform(0.01, 0.5))
        if process.poll() is not None:
            break
        victim = moments.choice(["sluice", "sluice", "runner", "both"])
        if victim != "runner":
            kill(process)
        if victim != "sluice":
            kill_runners(sluice.home)
        if victim != "runner":
            process = sluice.start("resume", "life/1")
    _, err = process.communicate(timeout=120)
    assert "AddressSanitizer" not in err and "runtime error" not in err, err
    return process.returncode, err


@pytest.mark.parametrize("seed", range(4))
def test_a_whole_life_under_kill_9_of_sluice_and_of_its_runners(sluice, seed):
    moments = random.Random(seed)
    sluice.pipeline(LIFE)
    code, err = harass(sluice, moments, 8, "run")
    assert code == 5, err
    for patience in range(20):
        approve = sluice.start("approve", "life/1")
        try:
            approve.communicate(timeout=moments.uniform(0.01, 0.1 * (patience + 1)))
        except subprocess.TimeoutExpired:
            kill(approve)
        if rows(sluice, "SELECT 1 FROM waits WHERE kind = 'approval' AND status = 'met'"):
            break
    else:  # none of them lived long enough
        sluice("approve", "life/1", expect=0)
    code, err = harass(sluice, moments, 6, "resume", "life/1")
    assert code == 0, err
    run = sluice("show", "life/1", "--json", expect=0).json
    assert run["status"] == "succeeded" and {step["status"] for step in run["steps"]} == {"succeeded"}
    # No attempt began twice, each item succeeded once, and nothing came after that.
    begun = (sluice.folder / "begun").read_text().split()
    assert len(begun) == len(set(begun)), begun
    attempts = rows(sluice, "SELECT position, item, number, state FROM attempts ORDER BY position, item, number")
    for place in {attempt[:2] for attempt in attempts}:
        mine = [attempt for attempt in attempts if attempt[:2] == place]
        assert [attempt[2] for attempt in mine] == list(range(1, len(mine) + 1)), mine
        assert [attempt[3] for attempt in mine].index("succeeded") == len(mine) - 1, mine
    assert rows(sluice, "SELECT COUNT(*) FROM votes") == [(1,)]
    # The metrics of each attempt that got so far are there once.
    points = rows(sluice, "SELECT a.item, s.run_id, s.key, s.count FROM metric_series AS s "
                          "JOIN attempts AS a ON a.step_run_id = s.run_id WHERE a.state = 'succeeded' ORDER BY a.item")
    assert [(item, count) for item, _, _, count in points] == [(item, 2) for item in range(4)]
    with sqlite3.connect(f"file:{sluice.home}/sluice.db?mode=ro", uri=True) as store:
        assert [len(points_of(store, run_id, key)) for _, run_id, key, _ in points] == [2, 2, 2, 2]
    # So is its model. Of attempts that ended otherwise none is ready; and no file is of a model that is not recorded.
    ready = rows(sluice, "SELECT a.item, m.name FROM logged_models AS m JOIN attempts AS a "
                         "ON a.step_run_id = m.source_run_id "
                         "WHERE m.status = 2 AND a.state = 'succeeded' ORDER BY a.item")
    assert ready == [(item, f"life{item + 1}") for item in range(4)]
    assert rows(sluice, "SELECT COUNT(*) FROM logged_models WHERE status = 2") == [(4,)]
    assert rows(sluice, "SELECT 1 FROM logged_models WHERE status = 1") == []
    folders = {folder.name for folder in sluice.home.glob("artifacts/*/models/m-*")}
    known = {model_id for model_id, in rows(sluice, "SELECT model_id FROM logged_models")}
    assert folders <= known and len(folders) >= 4
    # Nothing is left open.
    assert rows(sluice, "SELECT 1 FROM runs WHERE status IN ('RUNNING', 'SCHEDULED') OR end_ms IS NULL") == []
    assert rows(sluice, "SELECT 1 FROM attempts WHERE ended_ms IS NULL") == []
    assert rows(sluice, "SELECT 1 FROM waits WHERE status = 'open'") == []
    assert sluice("activity", "verify").code == 0
    actions = [action for action, in rows(sluice, "SELECT action FROM activity")]
    assert actions.count("run.started") == actions.count("run.ended") == 1
    assert actions.count("approval.approved") == 1
