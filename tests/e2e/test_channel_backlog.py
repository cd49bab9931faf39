# SPDX-License-Identifier: Apache-2.0
"""More to tell than one turn tells: the turn is bounded, and nothing is lost or told twice for it."""
import json
import sqlite3
import uuid

from channels import team
from programs import wait_until
from serving import Server

TELL_MAX = 200  # orchestrator/engine/telling.c


def leave(sluice, count, kind):
    """So many events of the newest run that nobody has told yet; their ids."""
    run = sluice("show", "latest", "--json", expect=0).json["run_id"]
    ids = {str(uuid.uuid4()) for _ in range(count)}
    with sqlite3.connect(sluice.home / "sluice.db") as store:
        store.executemany(
            "INSERT INTO told_events (event_id, type, at_ms, object, object_id, data) VALUES (?, ?, 1, 'run', ?, '{}')",
            [(one, kind, run) for one in sorted(ids)])
    return ids


def left(sluice):
    with sqlite3.connect(f"file:{sluice.home / 'sluice.db'}?mode=ro", uri=True) as store:
        return store.execute("SELECT count(*) FROM told_events").fetchone()[0]


def tell_one_turn(sluice):
    """Killed as the second turn is about to tell: what is committed is what the first told."""
    before = left(sluice)
    result = sluice("webhooks", "redeliver", "zzz", env={"SLUICE_CRASH": "in_telling:2"})
    assert result.code == -9, result
    return before - left(sluice)


def tell_all(sluice, ids):
    """Each is in the outbox once; how that is sent is the matter of other tests."""
    server = Server(sluice)
    wait_until(lambda: left(sluice) == 0, 60)
    assert server.is_alive()
    with sqlite3.connect(f"file:{sluice.home / 'sluice.db'}?mode=ro", uri=True) as store:
        told = [json.loads(body)["id"] for body, in store.execute("SELECT body FROM deliveries")]
    assert sorted(one for one in told if one in ids) == sorted(ids)


def test_a_turn_tells_so_many_events_and_the_next_turns_the_rest(sluice, receive):
    receiver = receive()
    team(sluice, receiver, more=', events: ["run.*"]')
    sluice.pipeline("name: wine\nsteps: {a: {run: 'true'}}\n")
    sluice.run()
    ids = leave(sluice, 2 * TELL_MAX + 50, "run.started")
    assert tell_one_turn(sluice) == TELL_MAX
    tell_all(sluice, ids)


def test_a_turn_reads_so_much_of_journals_to_tell_and_the_next_turns_the_rest(sluice, receive):
    """The last lines of what has failed are told: 400 KB of them here, and 512 KB are a turn's."""
    receiver = receive()
    team(sluice, receiver, more=', events: ["run.*"]')
    sluice.pipeline("""\
        name: wine
        steps:
          fit:
            run: |
              for i in $(seq 30); do head -c 20000 /dev/zero | tr '\\0' x; echo; done
              exit 1
        """)
    sluice.run(expect=1)
    ids = leave(sluice, 20, "run.ended")
    assert 1 <= tell_one_turn(sluice) <= 3
    tell_all(sluice, ids)
