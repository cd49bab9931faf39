# SPDX-License-Identifier: Apache-2.0
"""examples/gitops: pipelines in a repository, from the hook before a commit to the run that a push starts."""
import json
import os
import subprocess

import pytest
import yaml
from accounts import with_input
from hooks import gitea
from programs import BUILD, Sluice, wait_until
from repositories import git
from serving import Server
from test_examples import type_all

WRONG = "${{ params.none }}"


@pytest.fixture
def work(example):
    """The example as a working copy of a repository, with its hook."""
    rung = example("gitops")
    git(rung.folder, "init", "-q", "-b", "main")
    git(rung.folder, "config", "core.hooksPath", "hooks")
    git(rung.folder, "config", "user.name", "Ann Vine")
    git(rung.folder, "config", "user.email", "ann@example.org")
    return rung


def bash(work, script, **more):
    """As a job's script, with the built programs on PATH."""
    return subprocess.run(["bash", "-e", "-c", script], cwd=work.folder, text=True, check=False, timeout=120,
                          env={**work.env, "PATH": f"{BUILD}:{os.environ['PATH']}", **more}, capture_output=True)


def commit(work, *options):
    return bash(work, "git add -A && git commit -q -m 'a change' " + " ".join(options))


def spoil(work):
    path = work.folder / "sluice.yaml"
    good = path.read_text()
    path.write_text(good.replace("wc -w < words.txt", f"wc -w < {WRONG}"))
    return path, good


def test_the_pipeline_runs_by_hand_too(example):
    rung = example("gitops")
    type_all(rung, ("sluice run", 0))
    assert rung("show", "gitops/1", "--json", expect=0).step("count")["outputs"] == {"words": 9}


def test_the_hook_refuses_what_is_to_be_committed_and_not_valid(work):
    assert commit(work).returncode == 0
    path, good = spoil(work)
    refused = commit(work)
    assert refused.returncode != 0 and "there is no param 'none'" in refused.stdout + refused.stderr
    assert "sluice.yaml:10:" in refused.stdout + refused.stderr
    path.write_text(good)  # beside what is staged: it is still refused
    assert bash(work, "git commit -q -m sly").returncode != 0
    assert git(work.folder, "rev-list", "--count", "HEAD") == "1"
    assert bash(work, "git add -A && git commit -q --allow-empty -m right").returncode == 0


def test_the_jobs_of_both_forges_annotate_what_is_wrong(work):
    workflow = yaml.safe_load((work.folder / ".github/workflows/sluice.yml").read_text())
    github = workflow["jobs"]["validate"]["steps"][-1]["run"]
    gitlab = yaml.safe_load((work.folder / ".gitlab-ci.yml").read_text())["validate pipelines"]
    report = work.folder / gitlab["artifacts"]["reports"]["codequality"]
    assert bash(work, github).returncode == 0
    assert bash(work, "\n".join(gitlab["script"])).returncode == 0 and json.loads(report.read_text()) == []
    spoil(work)
    annotated = bash(work, github)
    assert annotated.returncode == 3 and annotated.stdout.startswith("::error file=sluice.yaml,line=10,")
    assert bash(work, "\n".join(gitlab["script"])).returncode == 3
    [problem] = json.loads(report.read_text())
    assert problem["location"] == {"path": "sluice.yaml", "lines": {"begin": 10}} and problem["severity"] == "major"


def test_a_push_with_a_signed_webhook_puts_the_pipeline_in_force_and_starts_it(work, tmp_path):
    bare, home = tmp_path / "served.git", Sluice(tmp_path / "house")
    home.folder.mkdir()
    git(tmp_path, "init", "-q", "--bare", "-b", "main", bare)
    assert commit(work).returncode == 0
    git(work.folder, "push", "-q", bare, "main")
    home("init", "-q", expect=0)
    config = (work.folder / "home/config.yaml").read_text()
    assert "/srv/git/gitops.git" in config
    home.write(".sluice/config.yaml", config.replace("/srv/git/gitops.git", str(bare)))
    with_input(home, "the cellar's own secret", "secrets", "set", "GITOPS_HOOK", "-")
    server = Server(home)

    def in_force():
        return home("sources", "list", "--json", expect=0).json[0]["in_force"]

    wait_until(lambda: in_force() == git(work.folder, "rev-parse", "HEAD"))
    assert home("runs", "--json", expect=0).json == []  # what was there before is no push
    (work.folder / "words.txt").write_text("three more words\n")
    assert commit(work).returncode == 0
    git(work.folder, "push", "-q", bare, "main")
    after = git(work.folder, "rev-parse", "HEAD")
    body = json.dumps({"ref": "refs/heads/main", "after": after}).encode()
    assert server.ask("POST", "/hooks/sources/gitops", body, gitea(body, secret="another"))[0] == 401
    status, _, answer = server.ask("POST", "/hooks/sources/gitops", body, gitea(body, secret="the cellar's own secret"))
    assert status == 202 and json.loads(answer)["status"] == "accepted"
    wait_until(lambda: in_force() == after)
    run = wait_until(lambda: [run for run in home("runs", "--json", expect=0).json if run["status"] == "succeeded"])[0]
    shown = home("show", "gitops/1", "--json", expect=0)
    assert run["trigger"] == "push" and shown.step("count")["outputs"] == {"words": 3}
    server.stop()
    home.close()
