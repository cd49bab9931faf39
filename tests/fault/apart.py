# SPDX-License-Identifier: Apache-2.0
"""A home whose steps are of another user: `sluice` as one uid, a keeper of runners as another, and the keeper's socket
made by root in a folder of root's, as systemd makes it. No user has to be known to the system."""
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

from home import Home

DAEMON, STEPS = 61841, 61842
KEEPER = 'exec 3<&"$1"; shift; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'


def as_user(uid, *groups):
    """Words before a command."""
    given = ["--groups", ",".join(map(str, groups))] if groups else ["--clear-groups"]
    return ["setpriv", "--reuid", str(uid), "--regid", str(uid), *given, "--no-new-privs", "--inh-caps=-all", "--"]


def why_not(build):
    """Why there can be no second user here, or None."""
    if os.geteuid() != 0:
        return "only root starts programs as two users"
    if shutil.which("setpriv") is None:
        return "setpriv is not installed"
    done = subprocess.run([*as_user(STEPS), str(pathlib.Path(build) / "sluice-runner"), "--help"], capture_output=True,
                          text=True, check=False)
    return None if done.returncode == 0 else f"another user cannot start the programs: {done.stderr.strip()}"


class ApartHome(Home):
    def __init__(self, build):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="sluice-apart-", dir="/tmp"))
        self.root.chmod(0o755)
        super().__init__(self.root / "folder", build)
        self.ledger.chmod(0o777)
        self.folder.chmod(0o777)  # what steps and tests leave for each other
        self.home.mkdir(mode=0o700)
        self.socket = self.root / "run" / "sluice-runner.sock"
        self.socket.parent.mkdir(mode=0o755)
        (self.home / "config.yaml").write_text(f"runner: {{socket: {self.socket}}}\n")
        for path in (self.home, self.home / "config.yaml"):
            os.chown(path, DAEMON, DAEMON)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.socket))
        self.listener.listen(16)
        os.chown(self.socket, DAEMON, DAEMON)
        self.socket.chmod(0o600)
        self.keeper = None
        self.keepers = []
        self.keeper_env = {}

    def keep(self, build=None, **env):
        """Starts the keeper, as systemd does when it has ended."""
        keeper = pathlib.Path(build or self.build) / "sluice-runner"
        with (self.root / "keeper.log").open("a") as log:
            self.keeper = subprocess.Popen(
                ["bash", "-c", KEEPER, "keeper", str(self.listener.fileno()), *as_user(STEPS), str(keeper), "keep",
                 "--home", str(self.home)],
                env={**self.env, **env}, pass_fds=[self.listener.fileno()], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, umask=0o007)
        self.keepers.append(self.keeper)

    def start(self, *arguments, **env):
        if self.keeper is None or self.keeper.poll() is not None:
            self.keep(**env)
        process = subprocess.Popen([*as_user(DAEMON, STEPS), self.build / "sluice", *map(str, arguments)],
                                   cwd=self.folder, env={**self.env, **env}, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
        self.started.append(process)
        return process

    def run_as(self, uid, *words, groups=(), **options):
        return subprocess.run([*as_user(uid, *groups), *map(str, words)], capture_output=True, text=True, check=False,
                              cwd="/", **options)

    def log(self):
        path = self.root / "keeper.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def kill_all(self):
        for keeper in self.keepers:
            if keeper.poll() is None:
                keeper.kill()
            keeper.wait()
        super().kill_all()

    def close(self):
        super().close()
        assert "Sanitizer" not in self.log() and "runtime error:" not in self.log(), self.log()
        self.listener.close()
        shutil.rmtree(self.root, ignore_errors=True)
