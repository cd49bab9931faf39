# SPDX-License-Identifier: Apache-2.0
"""Schedules, ends of pipelines and backfills under a clock that tests set, and with kill -9 in the middle: each
occurrence has one outcome, and is run once (docs/recovery.md, 1 and 2)."""
import json
import random
import signal
import sqlite3
import threading

import pytest

from faults import ALL, Clock

STEP = """
params: {at: {type: string, default: ""}, n: {type: string, default: ""}}
steps:
  one: {run: "%s"}
"""


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path / "machine")


def write(home, name, on, run="true", more=""):
    folder = home.folder / "pipelines"
    folder.mkdir(exist_ok=True)
    new = folder / f".{name}.new"
    new.write_text(f"name: {name}\n\"on\": {on}\n{more}{STEP % run}", encoding="utf-8")
    new.rename(folder / f"{name}.yaml")


def serve(home, *more, **env):
    process = home.start("serve", "--port", "0", "--pipelines", "pipelines", *more, **env)
    line = process.stdout.readline()
    assert "sluice serves" in line, line + process.stderr.read()
    return process


def stop(process):
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0, process.stderr.read()


def triggers(home, pipeline="nightly"):
    """[(kind, occurrence, outcome)] in the order in which they came; of several occurrences how many."""
    rows = home.rows("SELECT kind, strftime('%Y-%m-%dT%H:%MZ', scheduled_for_ms / 1000, 'unixepoch'), outcome, "
                     "occurrences FROM triggers WHERE pipeline = ? ORDER BY id", pipeline)
    return [(kind, at if count == 1 else f"{at} x{count}", outcome) for kind, at, outcome, count in rows]


def outcomes(home, pipeline="nightly"):
    return [f"{at} {outcome}" for _, at, outcome in triggers(home, pipeline)]


def wait_for_outcomes(home, wanted, pipeline="nightly", seconds=60):
    home.wait_for(lambda: len(outcomes(home, pipeline)) >= len(wanted), seconds)
    assert outcomes(home, pipeline) == wanted


def rest(home):
    """Until nothing pends, and then nothing is open: in the other order a run may begin between the two looks."""
    home.wait_for(lambda: not home.rows("SELECT 1 FROM triggers WHERE outcome = 'pending'") and not home.open_runs())


# ---- times -----------------------------------------------------------------------------------------------------------


def test_a_skipped_hour_and_an_hour_that_comes_twice(home, clock):
    """Once on each date, in the schedule's own zone, and the run knows for when it is."""
    clock.set_to("2026-03-08T06:59:58Z")
    write(home, "nightly", "{schedule: {id: night, cron: '30 2 * * *', timezone: America/New_York, "
                           "params: {at: '${{ event.scheduled_for }}'}}}",
          run="echo at ${{ params.at }} for ${{ run.scheduled_for }} by ${{ run.trigger }}")
    process = serve(home, **clock.env)
    wait_for_outcomes(home, ["2026-03-08T07:00Z started"])
    rest(home)
    log = home("logs", "nightly/latest", **clock.env)[1]
    assert "at 2026-03-08T07:00:00Z for 2026-03-08T07:00:00Z by schedule" in log, log
    assert home.rows("SELECT key, value FROM run_tags WHERE key LIKE 'sluice.trig%' OR key LIKE 'sluice.sched%' "
                     "ORDER BY key") == [("sluice.scheduled_for", "2026-03-08T07:00:00Z"),
                                         ("sluice.trigger", "schedule"), ("sluice.trigger_id", "night")]
    stop(process)
    clock.set_to("2026-11-01T06:29:58Z")  # 01:29:58 for the second time
    write(home, "nightly", "{schedule: {id: night, cron: '30 1 * * *', timezone: America/New_York}}")
    process = serve(home, **clock.env)
    clock.set_to("2026-11-02T06:29:58Z")
    wait_for_outcomes(home, ["2026-03-08T07:00Z started", "2026-11-02T06:30Z started"])
    rest(home)
    stop(process)
    home.expect_whole(clock_moved=True, **clock.env)


@pytest.mark.parametrize("catchup, wanted", [
    ("none", ["2026-05-05T01:00Z x3 expired"]),
    ("one", ["2026-05-05T01:00Z x2 expired", "2026-05-05T03:00Z started"]),
    ("all", ["2026-05-05T01:00Z started", "2026-05-05T02:00Z started", "2026-05-05T03:00Z started"]),
    ("all, catchup_limit: 2", ["2026-05-05T01:00Z expired", "2026-05-05T02:00Z started", "2026-05-05T03:00Z started"]),
    ("all, catchup_window: 90m",
     ["2026-05-05T01:00Z expired", "2026-05-05T02:00Z started", "2026-05-05T03:00Z started"]),
])
@pytest.mark.parametrize("how", ["while_it_runs", "between_two"])
def test_the_clock_jumps_three_hours_ahead(home, clock, catchup, wanted, how):
    clock.set_to("2026-05-05T00:10:00Z")
    write(home, "nightly", f"{{schedule: {{id: hourly, cron: '0 * * * *', catchup: {catchup}}}}}")
    process = serve(home, **clock.env)
    if how == "between_two":
        process.kill()
        process.wait()
    clock.set_to("2026-05-05T03:10:00Z")
    if how == "between_two":
        process = serve(home, **clock.env)
    wait_for_outcomes(home, wanted)
    missed = sum(int(word.partition(" x")[2].split()[0]) if " x" in word else 1 for word in wanted if "exp" in word)
    assert home.rows("SELECT missed FROM schedules") == [(missed,)]
    rest(home)
    stop(process)
    home.expect_whole(clock_moved=True, **clock.env)


def test_what_is_due_soon_is_read_before_it_is(home, clock):
    """It starts though its text cannot be read any more when it is due."""
    names = ["one", "two", "three"]
    clock.set_to("2026-05-05T01:30:00Z")
    for name in names:
        write(home, name, "{schedule: {id: nightly, cron: '0 2 * * *'}}")
    process = serve(home, SLUICE_LOG="debug", **clock.env)
    home.wait_for(lambda: home.rows("SELECT count(*) FROM schedules WHERE in_force") == [(len(names),)])
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(process.stderr))
    reader.start()
    assert not any("is read" in line for line in lines)
    clock.set_to("2026-05-05T01:59:52Z")
    home.wait_for(lambda: any("what is due at 2026-05-05T02:00:00Z is read: 3 schedules" in line for line in lines))
    texts = home.rows("SELECT source, digest FROM definitions")
    with sqlite3.connect(home.database, timeout=20) as store:
        store.execute("UPDATE definitions SET source = 'steps: ['")
    clock.set_to("2026-05-05T01:59:59Z")
    for name in names:
        wait_for_outcomes(home, ["2026-05-05T02:00Z started"], name)
    with sqlite3.connect(home.database, timeout=20) as store:
        store.executemany("UPDATE definitions SET source = ? WHERE digest = ?", texts)
    rest(home)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    reader.join()
    home.expect_whole(clock_moved=True, **clock.env)


def test_the_clock_jumps_one_hour_back(home, clock):
    """What was run is not run again; what is to come comes when the clock says so."""
    clock.set_to("2026-05-05T01:59:58Z")
    write(home, "nightly", "{schedule: {id: half, cron: '*/30 * * * *', catchup: all}}")
    process = serve(home, **clock.env)
    wait_for_outcomes(home, ["2026-05-05T02:00Z started"])
    clock.set_to("2026-05-05T01:29:58Z")
    wait_for_outcomes(home, ["2026-05-05T02:00Z started", "2026-05-05T01:30Z started"])
    clock.set_to("2026-05-05T02:29:58Z")
    wait_for_outcomes(home, ["2026-05-05T02:00Z started", "2026-05-05T01:30Z started", "2026-05-05T02:30Z started"])
    rest(home)
    stop(process)
    home.expect_whole(clock_moved=True, **clock.env)


def test_a_clock_that_was_wrong_by_years_stops_nothing(home, clock):
    write(home, "nightly", "{schedule: {id: daily, cron: '0 2 * * *', catchup: none}}")
    clock.set_to("2036-05-05T00:00:00Z")
    process = serve(home, **clock.env)
    clock.set_to("2036-05-06T03:00:00Z")
    wait_for_outcomes(home, ["2036-05-05T02:00Z x2 expired"])
    clock.set_to("2026-05-05T01:59:57Z")
    wait_for_outcomes(home, ["2036-05-05T02:00Z x2 expired", "2026-05-05T02:00Z started"])
    stop(process)


def test_a_paused_schedule_passes_over_what_comes_meanwhile(home, clock):
    clock.set_to("2026-05-05T00:10:00Z")
    write(home, "nightly", "{schedule: {id: hourly, cron: '0 * * * *', catchup: all}}")
    process = serve(home, **clock.env)
    assert home("schedule", "pause", "nightly", "hourly", "-m", "the warehouse moves", **clock.env)[0] == 0
    code, _, err = home("schedule", "pause", "nightly", "hourly", **clock.env)
    assert code != 0 and "is paused already, by " in err
    clock.set_to("2026-05-05T05:10:00Z")
    stop(process)
    process = serve(home, **clock.env)
    write(home, "nightly", "{schedule: {id: hourly, cron: '0 */2 * * *', catchup: all}}")  # it stays paused
    home.wait_for(lambda: home.rows("SELECT cron FROM schedules") == [("0 */2 * * *",)])
    assert outcomes(home) == []
    clock.set_to("2026-05-05T08:10:00Z")
    assert home("schedule", "resume", "nightly", "hourly", **clock.env)[0] == 0
    wait_for_outcomes(home, ["2026-05-05T06:00Z x2 skipped"])
    assert "paused by" in home.rows("SELECT reason FROM triggers")[0][0]
    clock.set_to("2026-05-05T09:59:58Z")
    wait_for_outcomes(home, ["2026-05-05T06:00Z x2 skipped", "2026-05-05T10:00Z started"])
    rest(home)
    assert home("schedule", "resume", "nightly", "hourly", **clock.env)[0] != 0
    stop(process)
    home.expect_whole(clock_moved=True, **clock.env)


# ---- overlap ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overlap, held, after", [
    ("allow", ["started", "started", "started"], None),
    ("skip", ["started", "skipped", "skipped"], None),
    ("queue", ["started", "pending", "pending"], ["started", "started", "started"]),
    ("queue_one", ["started", "skipped", "pending"], ["started", "skipped", "started"]),
    ("cancel_running", ["started", "started", "started"], None),
])
def test_the_last_run_has_not_ended(home, clock, overlap, held, after):
    clock.set_to("2026-05-05T00:59:58Z")
    write(home, "nightly", f"{{schedule: {{id: hourly, cron: '0 * * * *', overlap: {overlap}}}}}",
          run="while [ ! -e ../go ]; do sleep 0.05; done")
    process = serve(home, **clock.env)
    for count, hour in enumerate(("00:59:58", "01:59:58", "02:59:58"), 1):
        clock.set_to(f"2026-05-05T{hour}Z")
        home.wait_for(lambda: len(outcomes(home)) == count)  # pylint: disable=cell-var-from-loop
    assert [outcome for _, _, outcome in triggers(home)] == held
    if overlap == "cancel_running":
        home.wait_for(lambda: len(home.open_runs()) == 1)
        reasons = [reason for reason, in home.rows("SELECT reason FROM pipeline_runs WHERE state = 'cancelled'")]
        assert len(reasons) == 2 and all("overlap: cancel_running" in reason for reason in reasons), reasons
    (home.folder / "go").touch()
    rest(home)
    assert [outcome for _, _, outcome in triggers(home)] == (after or held)
    stop(process)
    home.expect_whole(clock_moved=True, **clock.env)


# ---- ends of pipelines -----------------------------------------------------------------------------------------------


def test_a_chain_of_pipelines_ends_where_it_began(home, clock):
    write(home, "nightly", "{schedule: {id: hourly, cron: '0 * * * *'}, "
                           "pipeline: {name: c, params: {n: '${{ event.number }}'}}}")
    write(home, "b", "{pipeline: {name: nightly, params: {n: '${{ event.params.at ?? event.number }}'}}}")
    write(home, "c", "{pipeline: {name: b, if: event.status == 'succeeded' && event.nothing == null}}")
    write(home, "d", "{pipeline: {name: b, status: [failed, cancelled]}}")
    write(home, "e", "{pipeline: {name: b, if: event.pipeline == 'x'}}")
    clock.set_to("2026-05-05T00:59:58Z")
    process = serve(home, **clock.env)
    wait_for_outcomes(home, ["2026-05-05T01:00Z started", "None skipped"])
    rest(home)
    reason = home.rows("SELECT reason FROM triggers WHERE pipeline = 'nightly' AND outcome = 'skipped'")[0][0]
    assert reason == "it would go round in circles: nightly -> b -> c -> nightly"
    assert [outcomes(home, name) for name in "bcde"] == [["None started"], ["None started"], [], ["None filtered"]]
    stop(process)
    home.expect_whole(clock_moved=True, **clock.env)


def test_a_run_without_a_server_is_heard_of_by_the_next(home):
    write(home, "b", "{pipeline: {name: a, params: {n: '${{ event.number }}'}}}")
    stop(serve(home))
    home.write("a.yaml", "name: a\nsteps: {one: {run: 'true'}}\n")
    assert home("run", "a.yaml", "-q")[0] == 0
    assert outcomes(home, "b") == ["None pending"]
    process = serve(home)
    wait_for_outcomes(home, ["None started"], "b")
    rest(home)
    stop(process)
    home.expect_whole()


# ---- backfills -------------------------------------------------------------------------------------------------------


def test_a_backfill_over_restarts(home, clock):
    clock.set_to("2026-05-10T12:00:00Z")
    write(home, "nightly", "{schedule: {id: daily, cron: '0 2 * * *', params: {at: '${{ event.scheduled_for }}'}}}",
          run="case ${{ params.at }} in 2026-05-0[13]*) exit 1 ;; esac")
    process = serve(home, **clock.env)
    span = ["--from", "2026-05-01", "--to", "2026-05-08"]
    code, out, _ = home("backfill", "nightly", "daily", *span, "--dry-run", "--json", **clock.env)
    assert code == 0 and [one["scheduled_for"][8:10] for one in json.loads(out)] == [f"{day:02}" for day in range(1, 8)]
    code, out, _ = home("backfill", "nightly", "daily", *span, "--reverse", "--max-active", "2", "--json", **clock.env)
    assert code == 0 and json.loads(out) == {"id": 1}
    for nth in (1, 2, 1, 3):
        home.wait_for(lambda: rested(home) or home.rows("SELECT 1 FROM triggers WHERE outcome = 'started'"))
        process.kill()
        process.wait()
        process = home.start("serve", "--port", "0", "--pipelines", "pipelines", **clock.env,
                             SLUICE_CRASH=f"in_backfill:{nth}")
        home.wait_for(lambda: process.poll() is not None or rested(home))
    process.kill()
    process.wait()
    process = serve(home, **clock.env)
    home.wait_for(lambda: home.rows("SELECT 1 FROM backfills WHERE state = 'done'"))
    rest(home)
    assert outcomes(home) == [f"2026-05-0{day}T02:00Z started" for day in range(7, 0, -1)]
    assert home.rows("SELECT started, skipped FROM backfills") == [(7, 0)]

    def again(reprocess):
        before = len(outcomes(home))
        assert home("backfill", "nightly", "daily", *span, "--reprocess", reprocess, **clock.env)[0] == 0
        home.wait_for(lambda: not home.rows("SELECT 1 FROM backfills WHERE state = 'open'"))
        rest(home)
        return [one[8:10] for one in outcomes(home)[before:] if one.endswith("started")]

    assert again("none") == []
    assert again("failed") == ["01", "03"]
    assert again("completed") == [f"0{day}" for day in range(1, 8)]
    stop(process)
    home.expect_whole(clock_moved=True, **clock.env)


def rested(home):
    return not home.rows("SELECT 1 FROM backfills WHERE state = 'open'")


# ---- kill -9 ---------------------------------------------------------------------------------------------------------

COUNT = 12
MINUTES = ["2026-05-05T01:00Z", "2026-05-05T01:01Z"]


def write_many(home):
    for i in range(COUNT):
        on = f"{{schedule: {{id: s{i}, cron: '* * * * *', catchup: all}}"
        write(home, f"p{i}", on + (f", pipeline: {{name: p{i - 1}}}}}" if i == 1 else "}"))


def fire_many(home, clock, crashes=(), **env):
    """Two minutes of all schedules. In each, serves that die as `crashes` say, and then one that lives."""
    write_many(home)
    for moment in ("2026-05-05T00:59:30Z", "2026-05-05T01:01:01Z"):
        clock.set_to(moment)
        for crash in crashes:
            process = home.start("serve", "--port", "0", "--pipelines", "pipelines", **clock.env, SLUICE_CRASH=crash)
            home.wait_for(lambda: process.poll() is not None or is_through(home, moment))
            process.kill()
            process.wait()
        process = serve(home, **clock.env, **env)
        home.wait_for(lambda: is_through(home, moment))
        stop(process)
    found = home.rows("SELECT pipeline, trigger_id, strftime('%Y-%m-%dT%H:%MZ', scheduled_for_ms / 1000, 'unixepoch'), "
                      "outcome FROM triggers WHERE kind = 'schedule'")
    assert sorted(found) == sorted((f"p{i}", f"s{i}", at, "started") for i in range(COUNT) for at in MINUTES)
    home.expect_whole(clock_moved=True, **clock.env)


def is_through(home, moment):
    minutes = 0 if moment < "2026-05-05T01:00" else len(MINUTES)
    started = dict(home.rows("SELECT kind, count(*) FROM triggers WHERE outcome = 'started' GROUP BY kind"))
    return (home.rows("SELECT count(*) FROM schedules WHERE in_force") == [(COUNT,)] and
            started == ({"schedule": COUNT * minutes, "pipeline": minutes} if minutes else {}) and not home.open_runs())


def test_an_undisturbed_minute_passes_the_points_that_matter(home, clock):
    passes = home.folder / "passes"
    passes.touch()
    fire_many(home, clock, SLUICE_CRASH=f"{passes}:0")
    names = set(passes.read_text(encoding="ascii").split())
    assert set(POINTS) <= names, names


POINTS = ["in_folder", "in_schedule", "in_trigger", "in_pipeline_end", "before_commit", "after_commit", "after_act"]


@pytest.mark.parametrize("point", POINTS)
def test_kill_9_in_the_middle_of_firing(homes, tmp_path, point):
    chance = random.Random(point)
    for nth in range(1, 13) if ALL else (1, chance.randrange(2, 7), chance.randrange(7, 13)):
        fire_many(homes(), Clock(tmp_path / f"machine{nth}"), [f"{point}:{nth}", f"{point}:{nth + 1}"])


# ---- more than a turn takes ------------------------------------------------------------------------------------------

MISSED, FROM = 150, "2026-05-05T01:00:30Z"


@pytest.mark.parametrize("point, begun", [("in_start:1", 0), ("in_start:33", 32)])
def test_what_is_due_is_durable_before_its_steps_begin_and_these_a_few_dozen_in_a_turn(home, clock, point, begun):
    """Whoever dies as the first step begins, or the first of the second turn that begins some, has written the others
    before. Nothing is lost by that, or started twice."""
    write(home, "many", f"{{schedule: {{id: s, cron: '* * * * *', catchup: all, catchup_limit: {MISSED}, "
                        "overlap: allow}}")
    clock.set_to(FROM)
    process = serve(home, **clock.env)
    home.wait_for(lambda: home.rows("SELECT 1 FROM schedules WHERE in_force"))
    stop(process)
    clock.set_to("2026-05-05T03:30:30Z")
    process = home.start("serve", "--port", "0", "--pipelines", "pipelines", "--jobs", "100", **clock.env,
                         SLUICE_CRASH=point)
    home.wait_for(lambda: process.poll() is not None)
    durable = home.rows("SELECT count(*) FROM triggers WHERE outcome = 'started'")[0][0]
    assert 0 < durable <= MISSED, durable
    assert home.rows("SELECT count(*) FROM attempts") == [(begun,)]
    process = serve(home, "--jobs", "4", **clock.env)
    home.wait_for(lambda: len(triggers(home, "many")) >= MISSED and not home.open_runs(), 60)
    found = [at for at, _ in (one.split() for one in outcomes(home, "many"))]
    assert len(found) == len(set(found)) == MISSED, found
    assert home.rows("SELECT count(*), sum(state = 'succeeded') FROM pipeline_runs") == [(MISSED, MISSED)]
    stop(process)
    home.expect_whole(clock_moved=True, **clock.env)
