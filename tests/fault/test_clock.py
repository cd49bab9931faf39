# SPDX-License-Identifier: Apache-2.0
"""The wall clock is set three hours ahead or one hour back, while sluice runs or between two of them
(docs/recovery.md). Durations are durations; only a time of day is waited for by the clock on the wall."""
import threading
import time

import pytest

import life
from faults import Clock

JUMPS = pytest.mark.parametrize("jump_ms", [3 * 3600000, -3600000], ids=["3h_ahead", "1h_back"])


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path / "machine")


@JUMPS
def test_clock_jumps_while_a_step_runs(home, clock, jump_ms):
    """Neither its timeout nor that of the run is any nearer."""
    process = life.hold(home, retry="{attempts: 1}\n    timeout: 30m", **clock.env)
    clock.set(jump_ms)
    time.sleep(0.5)
    assert process.poll() is None
    life.let_go(home)
    assert process.wait(timeout=60) == 0, process.communicate()
    home.expect_whole(clock_moved=True, **clock.env)
    assert home.attempts() == {"first": ["succeeded"], "slow": ["succeeded"], "after": ["succeeded"]}


RETRY = """\
name: again
env: {LEDGER: "@LEDGER@", STORE: "@STORE@"}
steps:
  flaky:
    run: |
      @BEGIN@
      echo x >> tries
      [ "$(wc -l < tries)" -gt 1 ]
      @END@
    retry: {attempts: 2, delay: 5s, jitter: none}
"""


@JUMPS
@pytest.mark.parametrize("lives", ["in_one_life", "between_two"])
def test_clock_jumps_before_a_retry_is_due(home, clock, jump_ms, lives):
    home.write("again.yaml", life.fill(RETRY, home))
    process = home.start("run", "again.yaml", "-q", **clock.env)
    home.wait_for(lambda: home.rows("SELECT 1 FROM steps WHERE state = 'delayed'"))
    if lives == "between_two":
        home.kill(process.pid)
        process.wait()
    clock.set(jump_ms)
    begun = time.monotonic()
    if lives == "between_two":
        process = home.start("resume", "-q", **clock.env)
    assert process.wait(timeout=60) == 0, process.communicate()
    took = time.monotonic() - begun
    assert took < 40, f"it waited {took:.1f} s for a retry that was 5 s away"
    if lives == "in_one_life":
        entries = sorted(entry.begins[0] for entry in life.ledger.read(home.ledger).values())
        assert entries[1] - entries[0] > 4.5e9, "the delay was cut short"
    home.expect_whole(clock_moved=True, **clock.env)


DURATION = """\
name: duration
steps:
  pause: {uses: wait, with: %s}
"""


@JUMPS
@pytest.mark.parametrize("what", ["{delay: 5s}", "{file: there, stable: 5s, every: 200ms}"],
                         ids=["delay", "stable_file"])
def test_clock_jumps_while_a_duration_goes_by(home, clock, jump_ms, what):
    (home.folder / "there").touch()
    home.write("duration.yaml", DURATION % what)
    process = home.start("run", "duration.yaml", "-q", **clock.env)
    home.wait_for(lambda: home.rows("SELECT 1 FROM waits WHERE status = 'open'"))
    begun = time.monotonic()
    time.sleep(0.3)
    clock.set(jump_ms)
    assert process.wait(timeout=60) == 0, process.communicate()
    took = time.monotonic() - begun
    assert 2 < took < 40, f"5 s became {took:.1f} s"
    home.expect_whole(clock_moved=True, **clock.env)


ASK = """\
name: ask
steps:
  ask: {uses: approve, with: {expires: 1h}}
"""


@JUMPS
def test_clock_jumps_while_a_person_is_asked(home, clock, jump_ms):
    """Who had an hour still has it."""
    home.write("ask.yaml", ASK)
    process = home.start("run", "ask.yaml", "-q", "--wait", **clock.env)
    home.wait_for(lambda: home.rows("SELECT 1 FROM waits WHERE status = 'open'"))
    clock.set(jump_ms)
    time.sleep(0.7)
    assert process.poll() is None, process.communicate()
    left = home.rows("SELECT expires_ms FROM waits")[0][0] - (time.time() * 1000 + jump_ms)
    assert 3500000 < left < 3600000, left
    assert home("approve", "latest", "-q", **clock.env)[0] == 0
    assert process.wait(timeout=60) == 0, process.communicate()
    home.expect_whole(clock_moved=True, **clock.env)


def test_a_time_of_day_is_waited_for_by_the_clock_on_the_wall(home, clock):
    home.write("until.yaml", "name: until\nsteps:\n  pause: {uses: wait, with: {until: '%s'}}\n"
               % time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 7200)))
    process = home.start("run", "until.yaml", "-q", **clock.env)
    home.wait_for(lambda: home.rows("SELECT 1 FROM waits WHERE status = 'open'"))
    clock.set(3 * 3600000)
    assert process.wait(timeout=60) == 0, process.communicate()
    home.expect_whole(clock_moved=True, **clock.env)


@pytest.mark.parametrize("seed", range(2))
def test_clock_jumps_to_and_fro(home, clock, seed):
    over = threading.Event()

    def jump():
        ahead = 3 * 3600000 if seed == 0 else -3600000
        while not over.wait(0.11):
            clock.set(ahead)
            ahead = 0 if ahead else (3 * 3600000 if seed == 0 else -3600000)

    thread = threading.Thread(target=jump)
    thread.start()
    try:
        life.write(home)
        life.live(home, **clock.env)
    finally:
        over.set()
        thread.join()
    home.expect_whole(clock_moved=True, **clock.env)
    assert {step: len(states) for step, states in home.attempts().items()} == life.QUIET
