# SPDX-License-Identifier: Apache-2.0
"""The power goes, and with it what was written and never synced (docs/recovery.md). A life is recorded once, as its
disk saw it; then the home is put in place as the disk may hold it at some moment of it, on a machine that has started
again: nothing may be lost that had been shown as done, or that another step had built upon."""
import random
import re
import shutil
import threading
import time

import pytest

import disk
import life
from faults import ALL, BUILD, preload
from home import Home
from test_heirs import AGAIN, HOMES, STEPS, chain, expect_in_order, heirs
from test_wide_heirs import expect_once, wide

CUTS = 60 if ALL else 4


def record_lines(process, lines):
    """What the command says, with the time at which it was seen."""
    for line in process.stderr:
        lines.append((time.time_ns(), line))


class Life:
    """A recorded life: the disk's log, what was said when, and the ledgers of the steps."""

    def __init__(self, folder, write, *commands):
        self.home = Home(folder, BUILD)
        self.log = self.home.folder / "disk.log"
        self.log.touch()
        self.machine = self.home.folder / "machine"
        self.machine.mkdir()
        self.said = []
        write(self.home)
        env = preload("disk_log", DISK_LOG=self.log, DISK_OF=self.home.home)
        for command in commands:
            process = self.home.start(*command, **env)
            reader = threading.Thread(target=record_lines, args=(process, self.said))
            reader.start()
            process.wait(timeout=60)
            reader.join()
        self.home.kill_all()
        self.disk = disk.Recording(self.home, self.log)
        self.ledgers = {path.name: path.read_text() for path in self.home.ledger.iterdir()}
        self.positions = dict(self.home.rows(  # of all that was begun in it: lives after a cut have other marks
            "SELECT a.mark, s.position FROM attempts a JOIN steps s USING (run_id, position, item)"))
        (self.machine / "boot_id").write_text("11111111-2222-3333-4444-555555555555\n", encoding="ascii")

    def cut(self, count, mode, chance):
        """The home, and the ledgers, as they are after the power went. What was said to have succeeded by then."""
        at_ns = self.disk.cut(count, mode, chance)
        shutil.rmtree(self.home.ledger)
        self.home.ledger.mkdir()
        for mark, text in self.ledgers.items():
            lines = [line for line in text.splitlines() if int((re.search(r"\d{16,}", line) or [at_ns])[0]) <= at_ns]
            if lines and lines[0].startswith("begin"):
                (self.home.ledger / mark).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return {match[1] for when, line in self.said if when <= at_ns and (match := re.match(r"✓ (\w+)", line))}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    recording = Life(tmp_path_factory.mktemp("recorded"), life.write, ["run", "life.yaml", "--json"],
                     ["approve", "latest", "--resume", "--json"])
    yield recording
    recording.home.close()


@pytest.fixture(scope="module")
def recorded_line(tmp_path_factory):
    """Of quick steps that a runner begins by itself."""
    for left in reversed(range(HOMES)):
        recording = Life(tmp_path_factory.mktemp("line"), lambda home: chain(home, retry=AGAIN),
                         ["run", "chain.yaml", "-q"])
        if heirs(recording.home) > STEPS / 2:
            break
        recording.home.close()
        assert left > 0, "there were no heirs"
    yield recording
    recording.home.close()


def test_the_record_is_whole(recorded):
    """Without a cut the disk holds what the file system showed, and everything that matters was synced."""
    recorded.cut(len(recorded.disk.records), "all", random.Random(0))
    for name in ("sluice.db", "sluice.db-wal"):
        at_end = recorded.disk.end / name
        if at_end.exists() and at_end.stat().st_size > 0:
            assert (recorded.home.home / name).read_bytes() == at_end.read_bytes(), name
    said = recorded.cut(len(recorded.disk.records), "none", random.Random(0))
    assert {"prepare", "train", "last"} <= said, recorded.said
    assert recorded.home.rows("SELECT state FROM pipeline_runs WHERE parent_run IS NULL") == [("succeeded",)]


@pytest.mark.parametrize("mode", disk.MODES)
def test_power_loss(recorded, mode):
    chance = random.Random(mode)
    home = recorded.home
    moments = sorted(chance.sample(range(30, len(recorded.disk.records)), CUTS))
    for moment in moments:
        said = recorded.cut(moment, mode, chance)
        env = preload("machine", MACHINE=recorded.machine)
        where = f"the power went after record {moment} of {len(recorded.disk.records)}"
        try:
            home.restart(**env)
            done = {step for step, in home.rows("SELECT step FROM steps WHERE state = 'succeeded'")}
            assert said <= done, f"shown as done, and lost: {said - done}"
            assert not (breaches := home.check(at_rest=False)), breaches
            life.live(home, **env)
            states = home.rows("SELECT state, reason FROM pipeline_runs")
            assert {state for state, _ in states} == {"succeeded"}, states
            home.expect_whole(**env)
        except AssertionError as wrong:
            raise AssertionError(f"{where}: {wrong}") from None
        finally:
            home.kill_all()


@pytest.mark.parametrize("mode", disk.MODES)
def test_power_loss_before_anything_was_promised(tmp_path, mode):
    """Of a new home nothing is synced before the first run is; whatever is left of it is a home, in which it runs."""
    recording = Life(tmp_path, chain, ["run", "chain.yaml", "-q"])
    chance, home, records = random.Random(mode), recording.home, recording.disk.records
    first = next(number for number, record in enumerate(records) if record[0] not in "WTU")
    assert first > 100, "the store was synced before it was whole"
    for moment in [*sorted(chance.sample(range(1, first), CUTS)), *range(first, first + 6)]:
        recording.cut(moment, mode, chance)
        env = preload("machine", MACHINE=recording.machine)
        try:
            code, _, err = home("run", "chain.yaml", "-q", **env)
            assert code == 0, err
            home.expect_whole(**env)
        except AssertionError as wrong:
            raise AssertionError(f"the power went after record {moment}, before {first} was synced: {wrong}") from None
        finally:
            home.kill_all()
    home.close()


@pytest.mark.parametrize("mode", disk.MODES)
def test_power_loss_in_a_line_of_heirs(recorded_line, mode):
    """Of all that had begun the disk knows, whatever it lost: one step is lost at most, and the run goes on with it."""
    chance = random.Random(mode)
    home = recorded_line.home
    first = next(number for number, record in enumerate(recorded_line.disk.records) if record[1].endswith("/journal"))
    for moment in sorted(chance.sample(range(first + 1, len(recorded_line.disk.records)), 3 * CUTS)):
        recorded_line.cut(moment, mode, chance)
        begun = sorted(recorded_line.positions[path.name] for path in home.ledger.iterdir())
        env = preload("machine", MACHINE=recorded_line.machine)
        try:
            code, _, err = home("run", "chain.yaml", "-q", **env)
            assert code == 0, f"{err}\n{home.rows('SELECT id, state, reason FROM attempts')}"
            lost = [step for step, found in home.attempts().items() if "lost" in found]
            assert len(lost) <= 1, lost
            expect_in_order(home)
            home.expect_whole(**env)
        except AssertionError as wrong:
            where = f"the power went after record {moment} of {len(recorded_line.disk.records)}, {begun} had begun"
            raise AssertionError(f"{where}: {wrong}") from None
        finally:
            home.kill_all()


@pytest.fixture(scope="module")
def recorded_wide(tmp_path_factory):
    """Of quick steps that begin in each other's place, and wait for no sync."""
    for left in reversed(range(HOMES)):
        recording = Life(tmp_path_factory.mktemp("wide"), wide, ["run", "wide.yaml", "-q"])
        if heirs(recording.home) > STEPS / 2:
            break
        recording.home.close()
        assert left > 0, "there were no heirs"
    yield recording
    recording.home.close()


@pytest.mark.parametrize("mode", disk.MODES)
def test_power_loss_among_heirs_that_wait_for_no_sync(recorded_wide, mode):
    """What a journal would have said is gone with it, and yet nothing that has begun begins again unknown: the store
    knew of all that might begin."""
    chance = random.Random(mode)
    home = recorded_wide.home
    first = next(number for number, record in enumerate(recorded_wide.disk.records) if record[1].endswith("/journal"))
    for moment in sorted(chance.sample(range(first + 1, len(recorded_wide.disk.records)), 3 * CUTS)):
        recorded_wide.cut(moment, mode, chance)
        env = preload("machine", MACHINE=recorded_wide.machine)
        try:
            home.restart(**env)
            expect_once(home)
            assert not (breaches := home.check(at_rest=False)), breaches
            code, _, err = home("resume", "latest", "-q", **env)
            assert code in (0, 1, 2), err  # some are lost; or it was over
            expect_once(home)
        except AssertionError as wrong:
            where = f"the power went after record {moment} of {len(recorded_wide.disk.records)}"
            raise AssertionError(f"{where}: {wrong}") from None
        finally:
            home.kill_all()
