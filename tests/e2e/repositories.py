# SPDX-License-Identifier: Apache-2.0
"""Repositories of git that a home follows: a working copy, what it pushes to, and what sluice says of it."""
import json
import os
import sqlite3
import subprocess
import textwrap

from accounts import with_input
from programs import wait_until
from serving import Server

PIPELINE = """\
name: {name}
{on}steps:
  say: {{run: 'echo "{says} $(cat data.txt) ${{{{ git.commit }}}} ${{{{ git.branch }}}}" >> "{folder}/said"'}}
"""


def git(folder, *arguments, check=True):
    identity = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER")
                for part, value in (("NAME", "Ann Vine"), ("EMAIL", "ann@example.org"))}
    identity.update(GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null")
    return subprocess.run(["git", *map(str, arguments)], cwd=folder, env={**os.environ, **identity}, check=check,
                          capture_output=True, text=True).stdout.strip()


class Repository:
    """A working copy `work`, and the bare repository `bare` that it pushes to."""

    def __init__(self, folder, name="wine"):
        self.work, self.bare = folder / f"{name}-work", folder / "served" / f"{name}.git"
        self.work.mkdir()
        self.bare.parent.mkdir(exist_ok=True)
        git(self.work, "init", "-q", "-b", "main")
        git(folder, "init", "-q", "--bare", "-b", "main", self.bare)

    def write(self, **files):
        """Files by names in which two underscores stand for a slash, one for a dot; None removes one."""
        for name, text in files.items():
            self.put(name.replace("__", "/").replace("_", "."), text)
        return self

    def put(self, name, text):
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.unlink()
        else:
            path.write_text(textwrap.dedent(text))
        return self

    def commit(self, message="a change", *options):
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "--allow-empty", "-m", message, *options)
        return git(self.work, "rev-parse", "HEAD")

    def push(self, message="a change", *options, branch="main"):
        commit = self.commit(message)
        git(self.work, "push", "-q", *options, self.bare, f"HEAD:{branch}")
        return commit


class Follower:
    """A home that follows sources, and its server."""

    def __init__(self, sluice, *sources, secrets=None, serve=True, more=""):
        self.sluice = sluice
        sluice("init", "-q")
        self.configure(*sources, more=more)
        for name, value in (secrets or {}).items():
            with_input(sluice, value, "secrets", "set", name, "-")
        self.server = Server(sluice) if serve else None

    def configure(self, *sources, more=""):
        self.sluice.write(".sluice/config.yaml", f"sources: {json.dumps(list(sources))}\n{more}")

    def restart(self):
        self.server.process.kill()
        self.server.process.communicate()
        self.server = Server(self.sluice)

    def source(self, name="wine"):
        return self.sluice("sources", "show", name, "--json", expect=0).json

    def sync(self, name="wine", expect=0):
        return self.sluice("sources", "sync", name, "--json", expect=expect).json[0]

    def until_in_force(self, commit, name="wine"):
        return wait_until(lambda: (now := self.sources().get(name)) and now["in_force"] == commit and now)

    def sources(self):
        return {row["source"]: row for row in self.sluice("sources", "list", "--json", expect=0).json}

    def pipelines(self):
        return {row["pipeline"]: row for row in self.sluice("pipelines", "--json", expect=0).json}

    def runs(self):
        return self.sluice("runs", "--json", expect=0).json

    def activity(self, action):
        return [row for row in self.sluice("activity", "--json", expect=0).json if row["action"] == action]

    def said(self):
        path = self.sluice.folder / "said"
        return path.read_text().splitlines() if path.exists() else []

    def rows(self, sql):
        with sqlite3.connect(f"file:{self.sluice.home / 'sluice.db'}?mode=ro", uri=True) as store:
            return store.execute(sql).fetchall()


def pipeline(sluice, name="wine", on="", says="ran"):
    return PIPELINE.format(name=name, on=on, says=says, folder=sluice.folder)
