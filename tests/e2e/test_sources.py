# SPDX-License-Identifier: Apache-2.0
"""Sources of git: what a commit puts in force, what it does not, and what pushes start."""
import json
import os
import signal
import sqlite3
import time

import pytest
from hooks import github, gitea
from programs import wait_until
from repositories import Follower, Repository, git, pipeline
from serving import Server

def sluice_database(sluice):
    return sqlite3.connect(sluice.home / "sluice.db")


POINTS = {"committed": "after_commit:2"}
PUSH = "on: {push: {branches: [main], paths: ['*.txt']}}\n"


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path)


def follow(sluice, repository, *more, every="1s", **keys):
    return Follower(sluice, {"name": "wine", "url": str(repository.bare), "every": every, **keys}, *more)


def started(repository, sluice, on=PUSH):
    """A repository with one pipeline, pushed: its commit."""
    return repository.put("pipelines/wine.yaml", pipeline(sluice, on=on)).put("data.txt", "one\n").push("first")


def test_a_commit_is_in_force_and_the_next_one_fires_a_push_with_its_own_files(sluice, repository):
    first = started(repository, sluice)
    home = follow(sluice, repository)
    home.until_in_force(first)
    shown = home.source()
    assert shown["pipelines"] == ["wine"] and shown["branch"] == "main" and shown["commit"]["author"] == "Ann Vine"
    assert home.runs() == []  # the first clone is no push
    second = repository.put("data.txt", "two\n").push("second")
    wait_until(lambda: home.said() == [f"ran two {second} main"])
    third = repository.put("notes.md", "nothing of the pipeline\n").push("third")
    home.until_in_force(third)
    run, = home.runs()
    assert (run["trigger"], run["status"]) == ("push", "succeeded")
    checkout = sluice.home / "repos" / "wine" / "commits"
    assert {path.name for path in checkout.iterdir()} == {first, second, third}
    assert (checkout / first / "data.txt").read_text() == "one\n" and not (checkout / first / ".git").exists()
    tags = dict(home.rows(f"SELECT key, value FROM run_tags WHERE run_id = '{run['run_id']}'"))
    assert tags["mlflow.source.git.commit"] == second and tags["mlflow.source.git.branch"] == "main"
    assert tags["mlflow.source.git.repoURL"] == str(repository.bare) and tags["mlflow.source.type"] == "PROJECT"
    assert tags["mlflow.source.name"] == f"{repository.bare}#pipelines/wine.yaml"


def test_what_a_push_says_is_there_for_the_expressions(sluice, repository):
    text = """\
        name: wine
        on:
          push: {if: "contains(event.paths, 'data.txt')", params: {said: "${{ toJSON(event) }}"}}
        params: {said: {default: ''}}
        steps:
          say: {run: 'printf "%s" "${{ params.said }}" > "FOLDER/event"'}
        """.replace("FOLDER", str(sluice.folder))
    first = repository.put("sluice.yaml", text).put("data.txt", "one\n").push("first")
    home = follow(sluice, repository)
    home.until_in_force(first)
    repository.put("data.txt", "two\n").commit("two\n\nfor a reason")
    third = repository.put("sub/x.txt", "x\n").push("three")
    event = json.loads(wait_until(lambda: (path := sluice.folder / "event").exists() and path.read_text()))
    assert (event["type"], event["source"], event["branch"], event["before"], event["after"]) == (
        "push", "wine", "main", first, third)
    assert sorted(event["paths"]) == ["data.txt", "sub/x.txt"] and not event["forced"] and not event["more_paths"]
    assert [commit["message"] for commit in event["commits"]] == ["three", "two\n\nfor a reason"]
    assert event["commits"][0]["author"] == "Ann Vine" and event["commits"][0]["email"] == "ann@example.org"
    fourth = repository.put("sub/x.txt", "y\n").push("four")
    home.until_in_force(fourth)
    outcomes = [row["outcome"] for row in sluice("triggers", "--json", expect=0).json]
    assert outcomes == ["filtered", "started"]


def test_a_commit_of_which_one_pipeline_does_not_validate_leaves_all_old_ones_in_force(sluice, repository):
    first = started(repository, sluice)
    home = follow(sluice, repository, page="https://g.example/c/{commit}")
    home.until_in_force(first)
    repository.put("pipelines/other.yaml", pipeline(sluice, name="other"))
    repository.put("pipelines/wine.yaml", "name: wine\nsteps:\n  say: {run: echo, frm: 1}\n")
    bad = repository.put("data.txt", "bad\n").push("a slip of the hand")
    row = wait_until(lambda: (now := home.sources()["wine"])["seen"] == bad and now)
    assert row["state"] == "in force, newer refused" and row["in_force"] == first
    assert row["page"] == f"https://g.example/c/{bad}" and "'frm'" in row["problem"]
    assert [(problem["file"], problem["line"]) for problem in row["problems"]][:1] == [("pipelines/wine.yaml", 3)]
    pipelines = home.pipelines()
    assert set(pipelines) == {"wine"} and pipelines["wine"]["state"] == "in force, newer refused"
    assert home.runs() == []
    refused, = home.activity("source.refused")
    assert refused["to"] == bad and refused["from"] == first and f"https://g.example/c/{bad}" in refused["reason"]
    assert home.sync(expect=1)["words"].startswith("refused: pipelines/wine.yaml:3: ")
    assert len(home.activity("source.refused")) == 1  # the same again is no news
    good = repository.put("pipelines/wine.yaml", pipeline(sluice, on=PUSH)).push("mended")
    home.until_in_force(good)
    assert set(home.pipelines()) == {"wine", "other"} and home.sources()["wine"]["problems"] == []
    # What the refused commit changed is in the push that is accepted.
    wait_until(lambda: home.said() == [f"ran bad {good} main"])


def test_a_child_that_cannot_be_read_for_a_moment_is_no_fault_of_the_commit(sluice, repository):
    late = sluice.folder / "late.yaml"
    late.symlink_to("/proc/self/mem")  # which can be opened and, at its beginning, not be read
    child = "../" * len((sluice.home / "repos/wine/commits/COMMIT").relative_to(sluice.folder).parts) + "late.yaml"
    commit = repository.put("pipelines/wine.yaml", f"name: wine\nsteps: {{one: {{pipeline: {child}}}}}\n").push()
    home = follow(sluice, repository)
    wait_until(lambda: "Input/output error" in json.dumps(home.source()), 60)
    late.unlink()
    os.mkfifo(late)
    sluice("sources", "sync", "wine")
    assert "is a pipe, expected a file" in json.dumps(home.source())
    late.unlink()
    late.write_text("name: child\nsteps: {one: {run: 'true'}}\n")
    assert home.sync()["commit"] == commit
    home.until_in_force(commit)
    actions = [row["action"] for row in sluice("activity", "--json").json]
    assert actions.count("source.failed") == 1 and actions.count("source.recovered") == 1, actions


def test_files_that_go_take_their_pipelines_along_and_names_may_be_exchanged(sluice, repository):
    one, two = (pipeline(sluice, name=name) for name in ("one", "two"))
    repository.put("pipelines/a.yaml", one).put("pipelines/b.yaml", two)
    home = follow(sluice, repository)
    home_first = repository.put("data.txt", "x").push()
    home.until_in_force(home_first)
    repository.put("pipelines/a.yaml", two).put("pipelines/b.yaml", one)
    home.until_in_force(repository.push())
    assert {name: row["path"] for name, row in home.pipelines().items()} == {
        "two": "pipelines/a.yaml", "one": "pipelines/b.yaml"}
    (repository.work / "pipelines" / "a.yaml").rename(repository.work / "pipelines" / "c.yaml")
    repository.put("pipelines/b.yaml", None)
    home.until_in_force(repository.push())
    assert {name: row["path"] for name, row in home.pipelines().items()} == {"two": "pipelines/c.yaml"}
    repository.put("pipelines/c.yaml", None)
    empty = repository.push()
    wait_until(lambda: home.sources()["wine"]["seen"] == empty)
    assert "the commit has no pipeline" in home.sources()["wine"]["problem"] and set(home.pipelines()) == {"two"}


def test_names_clash_in_words_with_another_source_and_within_a_commit(sluice, tmp_path, repository):
    first = started(repository, sluice)
    other = Repository(tmp_path, "beer")
    other.put("sluice.yaml", pipeline(sluice, name="wine")).put("data.txt", "x").push()
    home = follow(sluice, repository)
    home.until_in_force(first)
    home.configure({"name": "wine", "url": str(repository.bare)}, {"url": str(other.bare), "every": "1s"})
    home.server.process.send_signal(signal.SIGHUP)
    row = wait_until(lambda: (now := home.sources().get("beer")) and now["seen"] and now)
    assert row["state"] == "refused"
    assert row["problem"] == (f"sluice.yaml: a pipeline 'wine' is in force already, from {repository.bare}"
                              "#pipelines/wine.yaml: names of pipelines are unique in a home")
    beer = pipeline(sluice, name="beer")
    other.put("sluice.yaml", beer).put("pipelines/x.yaml", beer).push()
    wait_until(lambda: "is also what pipelines/x.yaml is called" in home.sources()["beer"]["problem"]
               or "is also what sluice.yaml is called" in home.sources()["beer"]["problem"])
    other.put("pipelines/x.yaml", None).push()
    wait_until(lambda: set(home.pipelines()) == {"wine", "beer"})
    # A source that config.yaml has no more has nothing in force.
    home.configure({"name": "wine", "url": str(repository.bare)})
    home.server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: set(home.pipelines()) == {"wine"})
    assert set(home.sources()) == {"wine"} and len(home.activity("source.removed")) == 1


def test_a_run_keeps_its_commit_through_a_forced_push_and_its_retry(sluice, repository):
    gate = f"steps:\n  gate: {{run: 'test -e \"{sluice.folder}/open\"'}}\n"
    fails = pipeline(sluice, on=PUSH).replace("steps:\n", gate)
    fails = fails.replace("say: {run", "say: {needs: [gate], run")
    first = repository.put("pipelines/wine.yaml", fails).put("data.txt", "one\n").push("first")
    home = follow(sluice, repository)
    home.until_in_force(first)
    second = repository.put("data.txt", "two\n").push("second")
    wait_until(lambda: [run["status"] for run in home.runs()] == ["failed"])
    git(repository.work, "reset", "-q", "--hard", first)
    forced = repository.put("data.txt", "forced\n").push("another", "--force")
    home.until_in_force(forced)
    run_id = home.runs()[-1]["run_id"]
    pin = sluice.home / "repos" / "wine" / "mirror.git" / "refs" / "sluice" / "runs" / run_id
    wait_until(pin.exists)
    assert pin.read_text().strip() == second
    started_of = "SELECT count(*) FROM triggers WHERE kind = 'push' AND outcome = 'started'"
    wait_until(lambda: home.rows(started_of) == [(2,)])
    (sluice.folder / "open").touch()
    sluice("retry", "wine/1", expect=0)
    wait_until(lambda: home.said() == [f"ran two {second} main"])
    tags = dict(home.rows("SELECT key, value FROM run_tags t JOIN pipeline_runs p USING (run_id) WHERE p.revision = 2"))
    assert tags["mlflow.source.git.commit"] == second and tags["mlflow.source.git.branch"] == "main"


def test_the_files_of_a_commit_cannot_be_changed_by_a_run_that_only_forgets(sluice, repository):
    first = started(repository, sluice)
    home = follow(sluice, repository)
    home.until_in_force(first)
    checkout = sluice.home / "repos" / "wine" / "commits" / first
    assert [oct(path.stat().st_mode & 0o777) for path in (checkout / "data.txt", checkout)] == ["0o444", "0o750"]


def test_a_branch_that_vanishes_and_a_repository_that_is_empty_are_said_once(sluice, tmp_path, repository):
    home = follow(sluice, repository)
    row = wait_until(lambda: (now := home.sources().get("wine")) and now["problem"] and now)
    assert row["problem"] == "the repository is empty: there is no branch yet" and row["state"] == "failing"
    first = started(repository, sluice)
    home.until_in_force(first)
    assert home.activity("source.recovered")
    git(repository.work, "push", "-q", repository.bare, "HEAD:refs/heads/side")
    git(repository.bare, "update-ref", "-d", "refs/heads/main")
    home.configure({"name": "wine", "url": str(repository.bare), "every": "1s", "branch": "main"})
    home.server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: home.sources()["wine"]["problem"] == "there is no branch 'main'")
    wait_until(lambda: home.sources()["wine"]["failures"] >= 2)
    assert set(home.pipelines()) == {"wine"} and len(home.activity("source.failed")) == 2


def test_what_fails_is_tried_later_each_time_and_told_once(sluice, tmp_path):
    home = Follower(sluice, {"name": "away", "url": str(tmp_path / "nowhere.git"), "every": "1s"})
    row = wait_until(lambda: (now := home.sources().get("away")) and now["failures"] >= 3 and now)
    assert "it cannot be reached: '" in row["problem"] and "No such file or directory" in row["problem"]
    tried = [row[0] for row in home.rows("SELECT started_ms FROM jobs ORDER BY id")]
    assert tried[1] - tried[0] >= 950 and tried[2] - tried[1] >= 1950, tried  # a second, then two
    assert len(home.activity("source.failed")) == 1


@pytest.mark.parametrize("what", ["submodule", "lfs"])
def test_submodules_and_lfs_are_refused_in_words(sluice, repository, what):
    first = started(repository, sluice)
    home = follow(sluice, repository)
    home.until_in_force(first)
    if what == "submodule":
        git(repository.work, "update-index", "--add", "--cacheinfo", f"160000,{first},vendor")
        git(repository.work, "commit", "-qm", "a submodule")
        git(repository.work, "push", "-q", repository.bare, "HEAD:main")
    else:
        repository.put(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n").push()
    words = {"submodule": "'vendor' is a submodule, which is not fetched",
             "lfs": "'.gitattributes' keeps files in Git LFS, which is not fetched"}[what]
    wait_until(lambda: words in home.sources()["wine"]["problem"])
    assert home.sources()["wine"]["in_force"] == first


def test_a_webhook_has_its_source_fetched_at_once(sluice, repository):
    first = started(repository, sluice)
    home = Follower(sluice, {"name": "wine", "url": str(repository.bare), "every": "1h",
                             "webhook": {"verify": "github", "secret": "${{ secrets.HOOK }}"}},
                    secrets={"HOOK": "It's a Secret to Everybody"})
    home.until_in_force(first)
    second = repository.put("data.txt", "two\n").push()

    def send(body, **sign):
        body = json.dumps(body).encode()
        status, _, answer = home.server.ask("POST", "/hooks/sources/wine", body, github(body, **sign))
        return status, json.loads(answer)

    status, answer = send({"ref": "refs/heads/main"}, secret="not the secret")
    assert status == 401 and answer["error_code"] == "UNAUTHENTICATED"
    status, answer = send({"ref": "refs/heads/other"})
    assert status == 200 and answer["reason"] == "it is about refs/heads/other, and main is followed"
    assert home.sources()["wine"]["seen"] == first
    status, answer = send({"ref": "refs/heads/main", "after": second}, delivery="d-9")
    assert status == 202 and answer["status"] == "accepted"
    home.until_in_force(second)
    wait_until(lambda: home.said() == [f"ran two {second} main"])
    again, = [status for status, _ in [send({"ref": "refs/heads/main"}, delivery="d-9")]]
    wait_until(lambda: home.rows("SELECT count(*) FROM jobs WHERE why = 'webhook' AND state = 'done'") == [(2,)])
    assert again == 202 and len(home.runs()) == 1  # a delivery that comes twice starts nothing twice
    status, _, _ = home.server.ask("POST", "/hooks/sources/none", b"{}", gitea(b"{}"))
    assert status == 401
    outcomes = [row["outcome"] for row in sluice("deliveries", "list", "sources/wine", "--json", expect=0).json]
    assert outcomes == ["accepted", "accepted", "ignored", "refused"]


def test_what_a_webhook_asked_for_is_tried_again_soon_when_it_fails(sluice, repository):
    first = started(repository, sluice)
    home = Follower(sluice, {"name": "wine", "url": str(repository.bare), "every": "1h",
                             "webhook": {"verify": "github", "secret": "${{ secrets.HOOK }}"}},
                    secrets={"HOOK": "It's a Secret to Everybody"})
    home.until_in_force(first)
    second = repository.put("data.txt", "two\n").push()
    away = repository.bare.rename(repository.bare.with_suffix(".away"))
    body = json.dumps({"ref": "refs/heads/main"}).encode()
    assert home.server.ask("POST", "/hooks/sources/wine", body, github(body))[0] == 202
    wait_until(lambda: home.sources()["wine"]["state"].startswith("failing") or home.sources()["wine"]["failures"])
    away.rename(repository.bare)
    home.until_in_force(second)


def test_rest_lists_shows_and_syncs(sluice, repository):
    first = started(repository, sluice)
    home = follow(sluice, repository, every="1h")
    home.until_in_force(first)

    def ask(method, path, expect=200):
        status, _, answer = home.server.ask(method, "/api/sluice/v1" + path, {} if method == "POST" else None)
        assert status == expect, answer
        return json.loads(answer)

    source, = ask("GET", "/sources")["sources"]
    assert source["source"] == "wine" and source["in_force"] == first and source["error"] is None
    second = repository.put("data.txt", "two\n").push("a second")
    job = ask("POST", "/sources/wine/sync", expect=202)
    assert job["state"] == "waiting" and job["why"] == "sync"
    wait_until(lambda: ask("GET", "/sources/wine")["in_force"] == second)
    whole = ask("GET", "/sources/wine")
    assert whole["pipelines"] == ["wine"] and whole["commit"]["message"] == "a second"
    assert whole["jobs"][0]["job"] == job["job"] and whole["jobs"][0]["state"] == "done", whole["jobs"]
    time.sleep(0.5)
    assert [found["why"] for found in ask("GET", "/sources/wine")["jobs"]] == ["sync", "start"]  # none before `every`
    ask("GET", "/sources/none", expect=404)
    ask("POST", "/sources/none/sync", expect=404)


def test_links_of_a_commit_are_there_as_they_are_wherever_they_lead(sluice, repository):
    started(repository, sluice)
    links = {"current": "versions/2", "data": "/nowhere/at/all", "host": "/etc/hostname", "same": "data.txt"}
    repository.put("versions/2/weights", "two\n")
    for name, target in links.items():
        (repository.work / name).symlink_to(target)
    commit = repository.push("with links")
    home = follow(sluice, repository)
    home.until_in_force(commit)
    files = sluice.home / "repos/wine/commits" / commit
    assert {name: os.readlink(files / name) for name in links} == links
    assert (files / "current/weights").read_text() == "two\n"


def test_a_run_that_is_asked_for_is_of_the_commit_in_force_each_time(sluice, repository):
    home = follow(sluice, repository)
    expected = []
    for data in ("one", "two"):
        commit = repository.put("pipelines/wine.yaml", pipeline(sluice, says=data)).put("data.txt", data).push(data)
        home.until_in_force(commit)
        status, _, answer = home.server.ask("POST", "/api/sluice/v1/runs", {"pipeline": "wine"})
        assert status == 201, answer
        expected.append(f"{data} {data} {commit} main")
        wait_until(lambda: home.said() == expected)
        tags = dict(home.rows("SELECT key, value FROM run_tags WHERE key LIKE 'mlflow.source.git.%' AND run_id = "
                              f"'{json.loads(answer)['run_id']}'"))
        assert tags == {"mlflow.source.git.commit": commit, "mlflow.source.git.branch": "main",
                        "mlflow.source.git.repoURL": str(repository.bare)}


def test_rest_tells_what_is_in_force_before_it_has_run_and_what_is_refused(sluice):
    sluice.write("flows/good.yaml", "name: good\nsteps: {a: {run: 'true'}}\n")
    sluice.write("flows/slip.yaml", "name: slip\nstepz: {}\n")
    server = Server(sluice, "--pipelines", "flows")

    def told():
        status, _, answer = server.ask("GET", "/api/sluice/v1/in-force")
        assert status == 200, answer
        return {row["path"]: row for row in json.loads(answer)["pipelines"]}

    rows = wait_until(lambda: (now := told()).keys() == {"good.yaml", "slip.yaml"} and now)
    good, slip = rows["good.yaml"], rows["slip.yaml"]
    assert (good["pipeline"], good["state"], good["source"], good["problems"]) == ("good", "in force", "folder", [])
    assert len(good["definition"]) == 64 and good["file"].endswith("flows/good.yaml")
    assert (slip["pipeline"], slip["state"], slip["definition"], slip["file"]) == (None, "refused", None, None)
    assert ("the pipeline has no key 'stepz'", 2) in [(p["message"], p["line"]) for p in slip["problems"]]
    sluice.write("flows/good.yaml", "name: good\nsteps: {a: {rum: 'true'}}\n")
    newer = wait_until(lambda: (now := told()["good.yaml"])["problems"] and now)
    assert (newer["state"], newer["definition"]) == ("in force, newer refused", good["definition"])


def test_nobody_fetches_where_nobody_serves(sluice, repository):
    home = follow(sluice, repository)
    started(repository, sluice)
    wait_until(lambda: home.sources().get("wine"))
    home.server.process.kill()
    home.server.process.communicate()
    refused = sluice("sources", "sync", "wine")
    assert refused.code != 0 and "'sluice serve' fetches its sources when it starts" in refused.err
    assert sluice("sources", "show", "none").code != 0


def test_a_source_whose_url_changes_begins_anew_and_pushes_nothing(sluice, tmp_path, repository):
    first = started(repository, sluice)
    home = follow(sluice, repository)
    home.until_in_force(first)
    moved = Repository(tmp_path, "moved")
    commit = moved.put("pipelines/wine.yaml", pipeline(sluice, on=PUSH)).put("data.txt", "moved\n").push()
    home.configure({"name": "wine", "url": str(moved.bare), "every": "1s"})
    home.server.process.send_signal(signal.SIGHUP)
    home.until_in_force(commit)
    assert home.runs() == []


@pytest.mark.parametrize("point", ["in_source", "in_push", "in_trigger", "committed"])
def test_a_push_is_fired_once_whatever_is_killed(sluice, repository, point):
    first = started(repository, sluice)
    home = follow(sluice, repository)
    home.until_in_force(first)
    home.server.process.kill()
    home.server.process.communicate()
    second = repository.put("data.txt", "two\n").push()
    # Of the commits of that turn, the first is that the fetch has begun, the second that it has fired.
    killed = sluice.start("serve", "--port", "0", env={"SLUICE_CRASH": POINTS.get(point, point)})
    assert killed.wait(timeout=60) == -signal.SIGKILL
    home.server = Server(sluice)
    home.until_in_force(second)
    wait_until(lambda: home.said() == [f"ran two {second} main"])
    time.sleep(1.5)
    assert home.rows("SELECT count(*) FROM triggers WHERE kind = 'push'") == [(1,)]
    assert home.said() == [f"ran two {second} main"]


def test_a_fetch_that_is_killed_half_way_is_done_again(sluice, repository):
    first = started(repository, sluice)
    home = Follower(sluice, {"name": "wine", "url": str(repository.bare), "every": "1s"}, serve=False)
    for i in range(12):
        (repository.work / f"blob{i}").write_bytes(os.urandom(1 << 20))
    big = repository.put("data.txt", "big\n").push()
    for _ in range(6):
        server = Server(sluice)
        time.sleep(0.05 + 0.05 * _)
        server.process.kill()
        server.process.communicate()
    home.server = Server(sluice)
    home.until_in_force(big)
    mirror = sluice.home / "repos" / "wine" / "mirror.git"
    assert not [path for path in mirror.rglob("*_git2_*")] and not [path for path in mirror.rglob("*.lock")]
    assert git(mirror, "fsck", "--no-dangling", check=False) == ""
    assert {path.name for path in (sluice.home / "repos" / "wine" / "commits").iterdir()} <= {big, first}
    # One of the next second may run just now.
    assert wait_until(lambda: {row[0] for row in home.rows("SELECT state FROM jobs")} <= {"done", "lost"})


def test_gc_keeps_commits_that_runs_or_pipelines_need_and_no_others(sluice, repository):
    first = started(repository, sluice)
    home = follow(sluice, repository)
    home.until_in_force(first)
    second = repository.put("data.txt", "two\n").push()
    wait_until(lambda: [run["status"] for run in home.runs()] == ["succeeded"])
    third = repository.put("notes.md", "no push of the pipeline\n").push()
    home.until_in_force(third)
    repos = sluice.home / "repos" / "wine"
    pins = repos / "mirror.git" / "refs" / "sluice" / "runs"
    wait_until(lambda: pins.is_dir() and [pin.name for pin in pins.iterdir()] == [home.runs()[0]["run_id"]])
    home.server.process.kill()
    home.server.process.communicate()
    (repos / "commits" / f"{first}.new").mkdir()
    sluice("gc", expect=0)
    assert {path.name for path in (repos / "commits").iterdir()} == {second, third}
    with sluice_database(sluice) as store:  # a newer success, so that no rule holds the run
        store.execute("UPDATE pipeline_runs SET state = 'failed'")
    time.sleep(1.1)
    sluice("gc", "--runs", "older_than=1s", expect=0)
    assert [path.name for path in (repos / "commits").iterdir()] == [third] and list(pins.iterdir()) == []
    home.configure()
    home.restart()
    wait_until(lambda: home.pipelines() == {})
    home.server.process.kill()
    home.server.process.communicate()
    sluice("gc", expect=0)
    assert not repos.exists()
