# SPDX-License-Identifier: Apache-2.0
"""A soak of the daemon: schedules, webhooks, approvals and changes of pipelines, while everything is killed at random.

    daemon.py [--seconds N] [--seed N] [--build FOLDER]

`sluice serve` has pipelines that are due every few seconds; senders flood it with deliveries, good, repeated, unwanted
and forged; somebody starts runs with keys, somebody approves and rejects; definitions of a folder change, break and go;
and two repositories are pushed to, of which it looks at one, and is told of the other by a webhook. The daemon, its
fetches, runners and steps are killed with SIGKILL, and it is started again. In the last part of the time the daemon
itself is left alone, so that its memory and descriptors can be looked at. Then all is brought to rest, and what each of
them was told, what steps wrote down and synced, and what the store says must be the same: judge.py.

The last line counts, as that of tests/fault/soak.py, which does the same to `sluice run`.
"""
import argparse
import json
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fault"))

import clients
import commits
import definitions
import invariants
import judge
from home import Home

STEADY = 0.4  # the last part of the time, in which the daemon lives
PASSWORD = "a long password, of a soak"


class Soak(Home):
    def __init__(self, build, seed):
        super().__init__(tempfile.mkdtemp(prefix="soak-daemon-"), build)
        self.chance = random.Random(seed)
        self.said, self.told = self.folder / "said", self.folder / "told"
        self.said.mkdir()
        self.told.mkdir()
        self.pipelines = definitions.Pipelines(self)
        self.source = definitions.FolderSource(self)
        self.repositories = [commits.GitSource(self, "polled", "2s", hook=False),
                             commits.GitSource(self, "hooked", "1h", hook=True)]
        self.seen, self.breaches = invariants.Seen(), []
        self.kills = {"daemon": 0, "runner": 0, "step": 0, "fetch": 0, "all": 0}
        self.changes, self.version = {}, 0
        self.samples = []  # (seconds, memory in KiB, descriptors, the store in KiB) of the steady part
        self.sizes = []    # (runs, bytes) of the store
        self.port, self.daemon, self.steady_s = None, None, None
        self.ends = threading.Event()
        self.keeper = threading.Thread(target=self.keep, daemon=True)

    # ---- the daemon ----

    def serve(self):
        log = self.folder / "daemon.log"
        with open(log, "ab") as err:
            self.daemon = subprocess.Popen(
                [self.build / "sluice", "serve", "--port", str(self.port or 0), "--jobs", "4", *self.source.options()],
                cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err)
        line = self.daemon.stdout.readline().decode()
        found = re.search(r":(\d+)\s*$", line)
        if found:
            self.port = int(found[1])
        return found is not None

    def keep(self):
        """As a service manager would: it is started again whenever it has gone."""
        while not self.ends.is_set():
            if self.daemon.poll() is not None:
                code = self.daemon.returncode
                if code != -signal.SIGKILL:
                    self.breaches.append(f"7 the daemon has ended by itself: {code}")
                self.daemon.stdout.close()
                if not self.serve() and self.daemon.wait() != -signal.SIGKILL:
                    self.breaches.append("7 the daemon does not start: see daemon.log")
            time.sleep(0.01)

    def prepare(self):
        self("init", "-q")
        subprocess.run([self.build / "sluice", "secrets", "set", "HOOK", "-"], env=self.env, cwd=self.folder,
                       input=clients.SECRET.encode(), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run([self.build / "sluice", "users", "create", "ann", "--admin"], env=self.env, cwd=self.folder,
                       input=(PASSWORD + "\n").encode(), check=True, stdout=subprocess.DEVNULL)
        code, out, err = self("tokens", "create", "--user", "ann", "--scope", "admin")
        assert code == 0, err
        for name, text in self.pipelines.all().items():
            self.source.put(name, text)
        for repository in self.repositories:
            repository.first(self.chance)
        rows = [repository.config() for repository in self.repositories]
        (self.home / "config.yaml").write_text(f"sources: {json.dumps(rows)}\n")
        code, _, err = self("run", self.folder / "pipelines/start.yaml", "-q", "-p", "id=first")
        assert code == 0, err
        return out.split()[0]

    def begin(self):
        token = self.prepare()
        assert self.serve(), (self.folder / "daemon.log").read_text()
        self.keeper.start()
        made = [clients.Sender, clients.Sender, clients.Starter, clients.Voter]
        self.sender, self.other, self.starter, self.voter = (
            kind(self, random.Random(self.chance.random()), *([token] if issubclass(kind, clients.Starter) else []))
            for kind in made)
        self.other.number = 1000000  # ids of its own
        self.pushers = [commits.Pusher(self, random.Random(self.chance.random()), repository)
                        for repository in self.repositories]
        self.clients = [self.sender, self.other, self.starter, self.voter, *self.pushers]
        for client in self.clients:
            client.start()

    # ---- what is done to it ----

    def kill_some(self, steady):
        runners, steps = self.processes()
        missing = [kind for kind, count in self.kills.items() if count == 0]  # each once, before chance has its way
        kind = (missing[0] if missing and not steady else
                self.chance.choices(list(self.kills), weights=(0, 1, 3, 1, 0) if steady else (3, 2, 4, 2, 1))[0])
        victims = {"daemon": [self.daemon.pid], "runner": runners, "step": steps,
                   "fetch": self.fetches() if kind == "fetch" else [], "all": [self.daemon.pid, *runners, *steps]}
        pids = victims[kind] if kind == "all" else self.chance.sample(victims[kind], min(1, len(victims[kind])))
        self.kill(*pids)
        self.kills[kind] += bool(pids)

    def fetches(self, seconds=1):
        """Of sluice-git: they are short, and are waited for."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                children = pathlib.Path(f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children").read_text()
                found = [int(pid) for pid in children.split()
                         if pathlib.Path(f"/proc/{pid}/comm").read_text() == "sluice-git\n"]
            except OSError:
                found = []
            if found:
                return found
            time.sleep(0.001)
        return []

    def change(self):
        self.version += 1
        missing = [kind for kind in definitions.CHANGES if kind not in self.changes]
        kind = missing[0] if missing else self.chance.choices(*zip(*definitions.CHANGES.items()))[0]
        definitions.change_one(self.source, self.pipelines, kind, self.version)
        self.changes[kind] = self.changes.get(kind, 0) + 1

    def look(self):
        self.breaches += self.seen.look(self.home)
        for repository in self.repositories:
            self.breaches += repository.look()
        runs = self.rows("SELECT count(*) FROM pipeline_runs")
        size = self.rows("SELECT (SELECT page_count FROM pragma_page_count()) * (SELECT page_size FROM "
                         "pragma_page_size())")
        if runs and size:
            self.sizes.append((runs[0][0], size[0][0]))

    def sample(self, at_s):
        try:
            process = pathlib.Path(f"/proc/{self.daemon.pid}")
            memory = int(re.search(r"VmRSS:\s+(\d+)", (process / "status").read_text())[1])
            self.samples.append((at_s, memory, len(list((process / "fd").iterdir())),
                                 self.database.stat().st_size // 1024))
        except (OSError, TypeError):
            pass

    def soak(self, seconds):
        began = time.monotonic()
        looked = changed = sampled = killed = began
        while (now := time.monotonic()) < began + seconds:
            steady = now - began > seconds * (1 - STEADY)
            if steady and self.steady_s is None:
                self.steady_s = now
            if now >= killed:
                self.kill_some(steady)
                killed = now + self.chance.uniform(0.2, 3.0)
            if now >= changed:
                self.change()
                changed = now + self.chance.uniform(2.0, 8.0)
            if now >= looked:
                self.look()
                looked = now + 5
            if steady and now >= sampled:
                self.sample(now - self.steady_s)
                sampled = now + 1
            time.sleep(0.05)

    # ---- rest ----

    def calm(self, seconds=240):
        """Nobody is killed any more, and nothing new comes: what was begun ends."""
        end = time.monotonic() + seconds
        for client in self.clients:
            if client is not self.voter:
                client.end()
        for pusher in self.pushers:
            pusher.rest()
        self.before_rest = dict(self.source.now)
        self.wait_for(lambda: self.in_force() == self.wanted(), 120)
        self.in_force_in_the_end = self.in_force()
        self.stopped_ms = int(time.time() * 1000)
        for name in list(self.source.now):
            self.source.remove(name)
        self.wait_for(lambda: not self.in_force(), 120)
        self.wait_for(lambda: not self.open_runs() and not self.rows(
            "SELECT 1 FROM triggers WHERE outcome = 'pending'"), max(120, end - time.monotonic()))
        self.voter.end()
        self.ends.set()
        self.keeper.join()
        self.daemon.send_signal(signal.SIGTERM)
        code = self.daemon.wait(timeout=60)
        self.daemon.stdout.close()
        if code != 0:
            self.breaches.append(f"7 the daemon ends with {code}")

    def in_force(self):
        return dict(self.rows("SELECT p.name, d.source FROM pipelines_in_force p JOIN definitions d ON "
                              "d.digest = p.definition WHERE p.source = 'folder'"))

    def wanted(self):
        return {name: text for name, text in self.source.now.items() if text is not None}

    def close(self):
        self.ends.set()
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait()
        super().close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    options = parser.parse_args()
    print(f"soak of the daemon: {options.seconds:g} s, seed {options.seed}", flush=True)
    soak = Soak(options.build.resolve(), options.seed)
    try:
        soak.begin()
        soak.soak(options.seconds)
        soak.calm()
        soak.breaches += judge.judge(soak)
    except (AssertionError, subprocess.TimeoutExpired) as wrong:
        soak.breaches.append(f"7 it does not come to rest: {wrong}")
    passed, failed = judge.report(soak)
    soak.close()
    if failed == 0:
        shutil.rmtree(soak.folder)
    else:
        print(f"soak of the daemon: seed {options.seed}; the home is in {soak.folder}")
    print(f"soak of the daemon: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
