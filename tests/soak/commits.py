# SPDX-License-Identifier: Apache-2.0
"""Repositories of git that the home of a soak follows, and who pushes to them: `git` itself makes every commit.

Each commit has a version, which its pipelines have in their text, and its files beside them: a step writes down both,
and the commit that it was told, so that a commit of which only a part is in force is seen. `tips` is what the branch
was, one after the other, and from when to when.
"""
import json
import os
import subprocess
import time

import clients
import definitions

BRANCH = "main"
LONG_MS = 30000    # what is the branch's tip for so long has been taken
TAKEN_S = 180      # the most that anything is waited for: the daemon is killed meanwhile, and its fetches are
PUSHED, PICKY, NOW = "pushed", "picky", "now"  # what the pipelines of a source are called, after its name and a dash
KINDS = {"good": 10, "bad": 4, "two": 4, "forced": 2, "back": 2, "vanished": 2}
# Commits that must not come in force, by what is wrong with them: {file: text} instead of the good ones.
BAD = {
    "needs nobody": lambda files, path: {path: files[path] + "  more: {needs: [nobody], run: 'true'}\n"},
    "no YAML": lambda files, path: {path: "\x00\x01 \xff: [\n"},
    "no pipelines": lambda files, path: {name: None for name in files if name.startswith("pipelines/")},
    "another's name": lambda files, path: {path: files[path].replace("name: ", "name: hook # ", 1)},
}


class Commit:
    def __init__(self, version, files, bad):
        self.version, self.files, self.bad, self.id = version, files, bad, None

    def texts(self):
        """{pipeline: text}"""
        return {path[len("pipelines/"):-len(".yaml")]: text for path, text in self.files.items()
                if path.startswith("pipelines/")}


class Tip:
    """`commit` is what the branch is from some time in [began_ms, ended_ms] on; None: there is no branch. `before` is
    what the daemon had seen last by then."""

    def __init__(self, commit, before):
        self.commit, self.before, self.began_ms, self.ended_ms, self.seen = commit, before, now_ms(), None, False


def now_ms():
    return time.time_ns() // 1000000


class GitSource:
    """One of `sources` in config.yaml; `every` and `hook` say how it is noticed that something was pushed."""

    def __init__(self, home, name, every, hook):
        self.home, self.name, self.every, self.hook = home, name, every, hook
        self.work, self.bare = home.folder / f"{name}-work", home.folder / f"{name}.git"
        self.commits, self.tips, self.version, self.data = {}, [], 0, 0
        identity = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER")
                    for part, value in (("NAME", "Ann Vine"), ("EMAIL", "ann@example.org"))}
        self.env = {**os.environ, **identity, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
        self.work.mkdir()
        self.git("init", "-q", "-b", BRANCH)
        self.git("init", "-q", "--bare", "-b", BRANCH, self.bare)
        self.git("-C", self.bare, "config", "receive.denyDeleteCurrent", "ignore")

    def config(self):
        row = {"name": self.name, "url": f"file://{self.bare}", "branch": BRANCH, "every": self.every}
        return {**row, "webhook": {"verify": "github", "secret": "${{ secrets.HOOK }}"}} if self.hook else row

    def git(self, *arguments):
        done = subprocess.run(["git", *map(str, arguments)], cwd=self.work, env=self.env, capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0, f"git {' '.join(map(str, arguments))}: {done.stderr}"
        return done.stdout.strip()

    # ---- what a commit has ----

    def text(self, pipeline, version):
        schedule = "  schedule: {id: minutely, cron: '* * * * *', jitter: 50s, catchup: all}\n"
        on = {PUSHED: "  push: {}\n" + schedule, PICKY: "  push: {paths: ['data/**']}\n", NOW: schedule}[pipeline]
        env = f"{{VERSION: '{version}', COMMIT: '${{{{ git.commit }}}}'}}"
        return self.home.pipelines.text(
            f"{self.name}-{pipeline}", on, definitions.step(
                "one", f"env: {env}\n    {definitions.RETRY}",
                say=f'echo "$VERSION $(cat version) $COMMIT" > "{self.home.told}/$SLUICE_ATTEMPT"; '
                    f'sync "{self.home.told}/$SLUICE_ATTEMPT"', seconds="0.02"))

    def files(self, chance):
        """Of a new version, all of them good."""
        self.version += 1
        self.data += chance.random() < 0.3
        names = [PUSHED, PICKY] + ([NOW] if self.version % 3 else [])
        files = {f"pipelines/{self.name}-{name}.yaml": self.text(name, self.version) for name in names}
        return {**files, "version": f"{self.version}\n", "data/grapes": f"{self.data}\n"}

    def commit(self, files, bad=None):
        """On top of what is checked out, instead of all that is there."""
        commit = Commit(self.version, {path: text for path, text in files.items() if text is not None}, bad)
        self.git("rm", "-r", "-q", "--ignore-unmatch", ".")
        for path, text in commit.files.items():
            (self.work / path).parent.mkdir(parents=True, exist_ok=True)
            (self.work / path).write_text(text, encoding="latin-1")
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", f"version {self.version}" + (f": {bad}" if bad else ""))
        commit.id = self.git("rev-parse", "HEAD")
        self.commits[commit.id] = commit
        return commit

    # ---- what the branch is ----

    def push(self, commit, *options):
        """Another one than it was, or none (None)."""
        tip = Tip(commit, self.seen())
        self.tips.append(tip)
        self.git("push", "-q", *options, self.bare, f"{commit.id if commit else ''}:refs/heads/{BRANCH}")
        tip.ended_ms = now_ms()

    def first(self, chance):
        self.push(self.commit(self.files(chance)))

    def seen(self):
        return [commit for commit, in self.home.rows("SELECT seen FROM sources WHERE name = ?", self.name)]

    def in_force(self):
        return [commit for commit, in self.home.rows("SELECT in_force FROM sources WHERE name = ?", self.name)]

    def look(self):
        """A list of breaches: what is in force now is one commit, whole."""
        rows = self.home.rows(
            "SELECT s.in_force, p.name, json_extract(p.git, '$.commit'), d.source FROM sources s JOIN "
            "pipelines_in_force p ON p.source = s.name JOIN definitions d ON d.digest = p.definition WHERE s.name = ?",
            self.name)
        if not rows:
            return []
        commit = self.commits.get(rows[0][0])
        if commit is None:
            return [f"commits {self.name} has a commit in force that was never pushed: {rows[0][0]}"]
        whole = {name: text for _, name, _, text in rows} == commit.texts()
        others = {of for _, _, of, _ in rows} - {commit.id}
        return [f"commits {self.name} {commit.id} is not whole in force, of {others}"] if others or not whole else []


class Pusher(clients.Client):
    """Commits and pushes, and says so to the daemon when its source has a webhook."""

    def __init__(self, soak, chance, source):
        super().__init__(soak, chance)
        self.source, self.number, self.accepted, self.done = source, 0, set(), dict.fromkeys(KINDS, 0)
        self.first = ["vanished", "back", "forced", "two", "bad", "good"]  # each once, from the last on

    def pause(self):
        return self.chance.choice((0, 0.5, 2, 5))

    def act(self):
        begins = bool(self.first)
        kind = self.first.pop() if begins else self.chance.choices(list(KINDS), weights=list(KINDS.values()))[0]
        getattr(self, kind)()
        self.done[kind] += 1
        self.tell()
        if begins or self.chance.random() < 0.5:
            self.wait_taken()

    # ---- what is pushed ----

    def good(self):
        self.source.push(self.source.commit(self.source.files(self.chance)))

    def bad(self):
        """Its version is a new one everywhere, and one file is not as it should be."""
        files = self.source.files(self.chance)
        path = self.chance.choice([path for path in files if path.startswith("pipelines/")])
        kind = self.chance.choice(list(BAD))
        self.source.push(self.source.commit({**files, **BAD[kind](files, path)}, bad=kind))

    def two(self):
        for _ in range(2):
            self.chance.choice((self.good, self.good, self.bad))()
            if self.chance.random() < 0.5:
                self.tell()

    def forced(self):
        """History is written anew: up to three commits are there no more."""
        depth = len(self.source.git("rev-list", "--first-parent", "-n", "4", "HEAD").split()) - 1
        self.source.git("reset", "-q", "--hard", f"HEAD~{self.chance.randint(min(1, depth), depth)}")
        self.source.push(self.source.commit(self.source.files(self.chance)), "--force")

    def back(self):
        """By force to a commit that was in force before."""
        now = self.source.tips[-1].commit
        known = [tip.commit for tip in self.source.tips[-12:] if tip.seen and not tip.commit.bad
                 and tip.commit is not now]
        if known:
            commit = self.chance.choice(known)
            self.source.git("reset", "-q", "--hard", commit.id)
            self.source.push(commit, "--force")

    def vanished(self):
        now = self.source.tips[-1].commit
        self.source.push(None)
        self.ending.wait(self.chance.choice((0, 0.2, 3)))
        self.source.push(now)

    # ---- what is said of it ----

    def tell(self):
        if not self.source.hook:
            return
        if self.chance.random() < 0.2:
            self.deliver(f"forged-{self.source.name}-{self.number}", "another", 401)
        self.number += 1
        self.deliver(f"{self.source.name}-{self.number}", clients.SECRET, 202)

    def deliver(self, delivery, secret, expected):
        body = json.dumps({"ref": f"refs/heads/{BRANCH}"}).encode()
        status, answer, _ = self.insist("POST", f"/hooks/sources/{self.source.name}", body,
                                        clients.github(body, delivery, secret))
        if status != expected:
            self.wrong.append(f"deliveries {delivery}, of a push: {status} {answer[:200]}")
        elif expected == 202:
            self.accepted.add(delivery)

    def wait_taken(self):
        """Until it is in force, or refused."""
        tip = self.source.tips[-1]
        end = time.monotonic() + TAKEN_S
        while self.source.seen() != [tip.commit.id]:
            if time.monotonic() > end:
                self.wrong.append(f"commits {self.source.name} {tip.commit.id} is not taken in {TAKEN_S} s")
                return
            time.sleep(0.05)
        tip.seen = tip.before != [tip.commit.id]  # else it may be looked at for the first time only now

    # ---- rest ----

    def rest(self):
        """After its end: what was in force, and one pipeline instead that nothing starts."""
        self.good()
        self.tell()
        self.wait_taken()
        files = {f"pipelines/{self.source.name}-rests.yaml": f"name: {self.source.name}-rests\nsteps: {{a: {{run: "
                                                             "'true'}}\n"}
        self.source.push(self.source.commit(files))
        self.tell()
        self.wait_taken()
