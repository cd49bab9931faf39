# SPDX-License-Identifier: Apache-2.0
"""A commit comes in force in many turns and at one moment: whoever looks, and whatever is killed, sees all of the old
one or all of the new one."""
import contextlib
import signal
import sqlite3
import threading

import pytest
from programs import wait_until
from repositories import Follower, Repository
from serving import Server

COUNT = 61
SAME, OTHER, RETIMED, ENDED, RENAMED, NEW, PAUSED = "p01", "p02", "p04", "p58", "p59", "p99", "p03"
EXCHANGED = ("p50", "p52")
PUSH = "  push: {}\n"
# What is in force; git-sources.md says that it is one commit's at every moment.
WHAT = {
    "pipelines": "SELECT name, path, workspace, definition, git, since_ms FROM pipelines_in_force ORDER BY name",
    "schedules": "SELECT pipeline, schedule, cron, overlap, in_force, decided_ms, next_ms, missed, paused_by, "
                 "pause_reason FROM schedules ORDER BY pipeline, schedule",
    "subscriptions": "SELECT * FROM subscriptions ORDER BY kind, about, pipeline, trigger_id",
}


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path)


def text(name, says="first", cron="0 3 1 1 *", on=""):
    schedule = f"  schedule:\n    - {{id: s, cron: '{cron}'}}\n"
    return f"name: {name}\non:\n{schedule}{on}steps:\n  say: {{run: 'echo {says}'}}\n"


def put_first(repository, count=COUNT):
    for i in range(count):
        repository.put(f"pipelines/p{i:02}.yaml", text(f"p{i:02}"))
    return repository.push("first")


def put_second(repository, push=""):
    """Every kind of change: most pipelines are the same."""
    repository.put(f"pipelines/{OTHER}.yaml", text(OTHER, "second", on=push))
    repository.put(f"pipelines/{PAUSED}.yaml", text(PAUSED, "second"))
    repository.put(f"pipelines/{RETIMED}.yaml", text(RETIMED, cron="0 4 1 1 *"))
    repository.put(f"pipelines/{ENDED}.yaml", None)
    repository.put(f"pipelines/{RENAMED}.yaml", None).put("pipelines/other.yaml", text(RENAMED))
    repository.put(f"pipelines/{NEW}.yaml", text(NEW))
    for file, name in zip(EXCHANGED, reversed(EXCHANGED)):
        repository.put(f"pipelines/{file}.yaml", text(name))
    return repository.push("second")


def source(repository):
    return {"name": "wine", "url": str(repository.bare), "every": "1h"}


def snapshot(home):
    """All that is in force, as it is at one moment."""
    with contextlib.closing(sqlite3.connect(f"file:{home.sluice.home / 'sluice.db'}?mode=ro", uri=True)) as store:
        store.execute("BEGIN")
        return {name: store.execute(sql).fetchall() for name, sql in WHAT.items()}


def is_settled(home):
    return all(home.rows(f"SELECT count(*) FROM coming_{table}") == [(0,)]
               for table in ("commits", "pipelines", "schedules", "subscriptions"))


def told(home, action):
    return home.rows(f"SELECT count(*) FROM activity WHERE action = '{action}'")[0][0]


def kill(home):
    home.server.process.kill()
    home.server.process.communicate()


def die_at(home, point):
    """A server that is killed there, and what it leaves in force."""
    killed = home.sluice.start("serve", "--port", "0", env={"SLUICE_CRASH": point})
    assert killed.wait(timeout=60) == -signal.SIGKILL
    with sqlite3.connect(home.sluice.home / "sluice.db") as store:
        store.execute("SELECT 1 FROM sources")  # what was killed left its log
    return snapshot(home)


def followed(sluice, repository):
    """The first commit is in force, one of its schedules is paused, and nobody serves."""
    first = put_first(repository)
    home = Follower(sluice, source(repository))
    home.until_in_force(first)
    wait_until(lambda: is_settled(home))
    sluice("schedule", "pause", PAUSED, "s", "--reason", "harvest", expect=0)
    kill(home)
    return home


def check_second(home, before, after, second):
    was, now = ({row[0]: row for row in state["pipelines"]} for state in (before, after))
    assert set(now) == set(was) - {ENDED} | {NEW}
    assert all(f'"{second}"' in row[4] and row[2].endswith(f"/commits/{second}") for row in now.values())
    changed = {name for name in now if name not in was or was[name][3] != now[name][3]}
    assert changed == {OTHER, PAUSED, RETIMED, NEW}
    assert all((now[name][5] == was[name][5]) == (name not in changed) for name in set(now) & set(was))
    was, now = ({row[0]: row for row in state["schedules"]} for state in (before, after))
    for name in set(was) - {RETIMED, ENDED}:
        assert now[name] == was[name], name
    assert now[PAUSED][9] == "harvest"
    begins = {row[0]: row[5] for row in after["pipelines"]}
    assert now[RETIMED][2] == "0 4 1 1 *" and now[RETIMED][5] == begins[RETIMED] > was[RETIMED][5]
    assert now[NEW][5] == begins[NEW] and now[NEW][6] is not None
    assert now[ENDED][4] == 0 and now[ENDED][6] is None
    rows = home.rows("SELECT action, object_id, count(*) FROM activity WHERE action LIKE 'pipeline.%' AND sequence > "
                     "(SELECT max(sequence) FROM activity WHERE action = 'source.in_force') GROUP BY 1, 2 ORDER BY 2")
    assert rows == [("pipeline.in_force", OTHER, 1), ("pipeline.in_force", PAUSED, 1),
                    ("pipeline.in_force", RETIMED, 1), ("pipeline.out_of_force", ENDED, 1),
                    ("pipeline.in_force", NEW, 1)]
    home.sluice("activity", "verify", expect=0)


@pytest.mark.parametrize("point", ["in_writing", "in_writing:2", "in_writing:4"])
def test_killed_before_it_counts_all_of_the_old_commit_is_in_force(sluice, repository, point):
    home = followed(sluice, repository)
    before = snapshot(home)
    second = put_second(repository)
    for _ in range(2):  # what the first one wrote is no hindrance to the next
        assert die_at(home, point) == before
    home.server = Server(sluice)
    home.until_in_force(second)
    wait_until(lambda: is_settled(home))
    check_second(home, before, snapshot(home), second)


@pytest.mark.parametrize("point", ["in_settling", "in_settling:2", "in_settling:21", f"in_settling:{COUNT}"])
def test_killed_once_it_counts_all_of_the_new_commit_is_in_force(sluice, repository, point):
    home = followed(sluice, repository)
    before = snapshot(home)
    second = put_second(repository)
    counts = die_at(home, point)
    assert home.source()["in_force"] == second and not is_settled(home)
    assert die_at(home, "in_settling") == counts
    home.server = Server(sluice)
    wait_until(lambda: is_settled(home))
    assert snapshot(home) == counts
    check_second(home, before, counts, second)


def test_a_schedule_that_is_not_in_its_place_yet_can_be_paused(sluice, repository):
    home = followed(sluice, repository)
    put_second(repository)
    die_at(home, "in_settling")
    for name in (RETIMED, NEW):
        sluice("schedule", "pause", name, "s", "--reason", "frost", expect=0)
    sluice("schedule", "resume", PAUSED, "s", expect=0)
    home.server = Server(sluice)
    wait_until(lambda: is_settled(home))
    rows = home.rows("SELECT pipeline, cron, pause_reason FROM schedules WHERE paused_ms IS NOT NULL ORDER BY 1")
    assert rows == [(RETIMED, "0 4 1 1 *", "frost"), (NEW, "0 3 1 1 *", "frost")]
    assert told(home, "pipeline.in_force") == COUNT + 4


@pytest.mark.parametrize("point", ["in_settling:3", "in_push", "after_commit"])
def test_a_push_starts_once_what_is_settled_after_a_kill(sluice, repository, point):
    home = followed(sluice, repository)
    second = put_second(repository, push=PUSH)
    die_at(home, "in_settling")
    die_at(home, point)
    home.server = Server(sluice)
    wait_until(lambda: is_settled(home))
    assert home.rows("SELECT pipeline, key FROM triggers WHERE kind = 'push'") == [(OTHER, f"wine {second}")]
    wait_until(lambda: [run["status"] for run in home.runs()] == ["succeeded"])


def test_a_source_that_is_gone_has_nothing_in_force_at_once_also_when_that_is_killed(sluice, repository):
    home = followed(sluice, repository)
    home.configure()
    gone = die_at(home, "in_settling:5")
    assert gone["pipelines"] == [] and {row[4] for row in gone["schedules"]} == {0}
    home.server = Server(sluice)
    wait_until(lambda: is_settled(home))
    assert snapshot(home) == gone
    assert told(home, "pipeline.out_of_force") == COUNT and told(home, "source.removed") == 1
    assert home.rows("SELECT count(*) FROM settled_pipelines") == [(0,)]
    # It comes back as it was, and what was paused is.
    home.configure(source(repository))
    home.restart()
    wait_until(lambda: len(home.rows("SELECT 1 FROM pipelines_in_force")) == COUNT and is_settled(home))
    assert home.rows("SELECT pipeline, in_force FROM schedules WHERE paused_ms IS NOT NULL") == [(PAUSED, 1)]


class Looker(threading.Thread):
    """Somebody who looks all the while at how much of which commit is in force."""

    def __init__(self, home):
        super().__init__(daemon=True)
        self.home, self.seen, self.ends = home, set(), False

    def run(self):
        with contextlib.closing(sqlite3.connect(f"file:{self.home.sluice.home / 'sluice.db'}?mode=ro", uri=True,
                                                timeout=60)) as store:
            while not self.ends:
                store.execute("BEGIN")
                commits = store.execute("SELECT json_extract(git, '$.commit'), count(*) FROM pipelines_in_force "
                                        "GROUP BY 1").fetchall()
                crons = store.execute("SELECT cron, count(*) FROM schedules WHERE in_force GROUP BY 1").fetchall()
                store.execute("COMMIT")
                self.seen.add((tuple(commits), tuple(crons)))


def test_whoever_looks_while_it_comes_in_force_sees_one_commit(sluice, repository):
    count = 100
    first = put_first(repository, count)
    home = Follower(sluice, source(repository))
    home.until_in_force(first)
    wait_until(lambda: is_settled(home))
    for i in range(count):
        repository.put(f"pipelines/p{i:02}.yaml", text(f"p{i:02}", cron="0 4 1 1 *"))
    second = repository.push("second")
    looker = Looker(home)
    looker.start()
    home.sync()
    home.until_in_force(second)
    wait_until(lambda: is_settled(home))
    looker.ends = True
    looker.join()
    allowed = {(((commit, count),), ((cron, count),)) for commit, cron in ((first, "0 3 1 1 *"),
                                                                           (second, "0 4 1 1 *"))}
    assert looker.seen <= allowed, looker.seen
