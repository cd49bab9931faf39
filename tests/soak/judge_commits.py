# SPDX-License-Identifier: Apache-2.0
"""Whether what was pushed in a soak of the daemon came in force, as it was pushed, and started what it starts."""
import collections
import json

import commits


def _taken(soak, repository):
    """[(time, commit)] in force, one after the other, as the activity log has it."""
    return soak.rows("SELECT at_ms, to_state FROM activity WHERE action = 'source.in_force' AND object_id = ? ORDER BY "
                     "sequence", repository.name)


def _in_order(repository, taken):
    """Each that came in force was the branch's tip, valid, and after the one before it."""
    tips = iter(tip.commit for tip in repository.tips)
    for _, commit in taken:
        if not any(tip is not None and tip.id == commit and not tip.bad for tip in tips):
            yield f"commits {repository.name} {commit} came in force, and was no valid commit of the branch by then"
            return


def _long_enough(repository, taken):
    """What was the tip for long, or was seen to be taken, was in force when the next one was pushed."""
    for tip, following in zip(repository.tips, repository.tips[1:]):
        long = following.began_ms - tip.ended_ms >= commits.LONG_MS
        before = [commit for at_ms, commit in taken if at_ms <= following.began_ms]
        if tip.commit and not tip.commit.bad and (tip.seen or long) and before[-1:] != [tip.commit.id]:
            yield (f"commits {repository.name} {tip.commit.id} was the tip for "
                   f"{(following.began_ms - tip.ended_ms) / 1000:.1f} s, and in force was {before[-1:]}")


def _refused(soak, repository):
    refused = {commit for commit, in soak.rows(
        "SELECT to_state FROM activity WHERE action = 'source.refused' AND object_id = ?", repository.name)}
    for commit in refused:
        if commit not in repository.commits or not repository.commits[commit].bad:
            yield f"commits {repository.name} {commit} is valid, and was refused"
    for tip in repository.tips:
        if tip.commit and tip.commit.bad and tip.seen and tip.commit.id not in refused:
            yield f"commits {repository.name} {tip.commit.id} ({tip.commit.bad}) was seen, and not refused"


def _runs(soak, repository, taken):
    """A run's definition is that of the commit it says, which was in force when it began; so its steps say, too."""
    told = {path.name: path.read_text().split() for path in soak.told.iterdir()}
    marks = collections.defaultdict(list)
    for run, mark in soak.rows("SELECT run_id, mark FROM attempts"):
        marks[run].append(mark)
    spans = list(zip(taken, [*(at_ms for at_ms, _ in taken[1:]), 1 << 62]))
    for run, pipeline, number, commit, text, created_ms in soak.rows(
            "SELECT r.run_id, r.pipeline, r.number, json_extract(r.contexts, '$.git.commit'), d.source, r.created_ms "
            "FROM pipeline_runs r JOIN definitions d ON d.digest = r.definition WHERE r.pipeline LIKE ?",
            f"{repository.name}-%"):
        words = f"commits {pipeline}/{number} of {commit}"
        pushed = repository.commits.get(commit)
        if pushed is None or pushed.bad:
            yield f"{words} runs what was never to be in force"
        elif text != pushed.texts().get(pipeline):
            yield f"{words} has the definition of another commit"
        elif not any(of == commit and since_ms <= created_ms <= until_ms for (since_ms, of), until_ms in spans):
            yield f"{words} began while that was not in force"
        else:
            version = str(pushed.version)
            for mark in marks[run]:
                if mark in told and told[mark] != [version, version, commit]:
                    yield f"{words}, of version {version}: its step says {told[mark]}"


def _pushes(soak, repository, taken):
    """`on: push` starts one run for a commit that came in force, however often it did; not for the first of all."""
    started = collections.Counter(soak.rows(
        "SELECT pipeline, key FROM triggers WHERE kind = 'push' AND outcome = 'started' AND pipeline LIKE ?",
        f"{repository.name}-%"))
    expected = set()
    for (_, before), (_, commit) in zip(taken, taken[1:]):
        old, new = (repository.commits[one].files for one in (before, commit))
        key = f"{repository.name} {commit}"
        expected |= {(f"{repository.name}-{name}", key) for name, wants in (
            (commits.PUSHED, True), (commits.PICKY, old.get("data/grapes") != new.get("data/grapes")))
            if wants and f"{repository.name}-{name}" in repository.commits[commit].texts()}
    for pipeline, key in expected - started.keys():
        yield f"pushes {key} came in force, and started no {pipeline}"
    for (pipeline, key), count in started.items():
        if count > 1 or (pipeline, key) not in expected:
            yield f"pushes {key} started {count} of {pipeline}"


def check(soak):
    for repository, pusher in zip(soak.repositories, soak.pushers):
        taken = _taken(soak, repository)
        if any(commit not in repository.commits for _, commit in taken):
            yield f"commits {repository.name}: one came in force that was never pushed"
            continue
        yield from _in_order(repository, taken)
        yield from _long_enough(repository, taken)
        yield from _refused(soak, repository)
        yield from _runs(soak, repository, taken)
        yield from _pushes(soak, repository, taken)
        known = {delivery for delivery, in soak.rows(
            "SELECT delivery_id FROM hook_deliveries WHERE pipeline = ? AND outcome = 'accepted'",
            f"sources/{repository.name}")}
        oldest = soak.rows("SELECT min(id) FROM hook_deliveries")[0][0]
        for delivery in pusher.accepted - known if oldest == 1 else ():  # else the store has let some go
            yield f"deliveries {delivery} was answered with 202, and is not recorded"


LET_CHANGE = "DROP TRIGGER activity_is_not_changed"
ONE_TAKEN = "(SELECT {0}(sequence) FROM activity WHERE action = 'source.in_force' AND object_id = 'polled')"
CHANGES = [
    ("a commit came in force too late", "commits", check,
     (LET_CHANGE, "UPDATE activity SET at_ms = at_ms + 100000000 WHERE action = 'source.in_force' AND sequence < "
      + ONE_TAKEN.format("max"))),
    ("a commit came in force before the one before it", "commits", check,
     (LET_CHANGE, "UPDATE activity SET to_state = (SELECT to_state FROM activity WHERE sequence = "
      + ONE_TAKEN.format("max") + ") WHERE sequence = " + ONE_TAKEN.format("min"))),
    ("a commit is in force that was refused", "commits", check,
     (LET_CHANGE, "UPDATE activity SET to_state = (SELECT to_state FROM activity WHERE action = 'source.refused' AND "
      "object_id = 'polled' LIMIT 1) WHERE sequence = " + ONE_TAKEN.format("max"))),
    ("a run has the definition of another commit", "commits", check,
     "UPDATE pipeline_runs SET definition = (SELECT definition FROM pipeline_runs WHERE pipeline = 'polled-pushed' "
     "ORDER BY created_ms DESC LIMIT 1) WHERE pipeline = 'polled-pushed'"),
    ("a push has started nothing", "pushes", check,
     "DELETE FROM triggers WHERE id = (SELECT max(id) FROM triggers WHERE kind = 'push' AND outcome = 'started')"),
    ("a push has started two runs", "pushes", check,
     ("CREATE TEMP TABLE again AS SELECT * FROM triggers WHERE kind = 'push' AND outcome = 'started' LIMIT 1",
      "UPDATE again SET id = (SELECT max(id) + 1 FROM triggers), trigger_id = trigger_id || ' again'",
      "INSERT INTO triggers SELECT * FROM again")),
]


def questions(soak):
    """(what is asked, the answer), as those of judge.py."""
    for repository, pusher in zip(soak.repositories, soak.pushers):
        for kind, count in pusher.done.items():
            yield f"was a push to {repository.name} {kind}", count > 0
        for name in (commits.PUSHED, commits.PICKY):
            yield f"has a push to {repository.name} started {name}", bool(soak.rows(
                "SELECT 1 FROM triggers WHERE kind = 'push' AND outcome = 'started' AND pipeline = ? LIMIT 1",
                f"{repository.name}-{name}"))
        yield f"was a commit of {repository.name} refused", bool(soak.rows(
            "SELECT 1 FROM activity WHERE action = 'source.refused' AND object_id = ? LIMIT 1", repository.name))
        yield f"did a commit of {repository.name} come again", any(
            count > 1 for count in collections.Counter(commit for _, commit in _taken(soak, repository)).values())
        yield f"has a step of {repository.name} told its commit", any(
            path.read_text().split()[-1:] and path.read_text().split()[-1] in repository.commits
            for path in soak.told.iterdir())


def told(soak):
    """For the report."""
    return "; ".join(f"{len(repository.tips)} pushes to {repository.name} ({json.dumps(pusher.done)[1:-1]}), "
                     f"{len(_taken(soak, repository))} came in force"
                     for repository, pusher in zip(soak.repositories, soak.pushers)).replace('"', "")
