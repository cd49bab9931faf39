# SPDX-License-Identifier: Apache-2.0
"""Other orchestrators, from the package registry of Python: installed once under the build folder, each in an
environment of its own; started, measured and ended here. Nothing of them is left running or written elsewhere.

A peer that takes seconds for a step gets few of them. What is counted is the steps alone: the start of its interpreter
and of its servers is not.
"""
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.request

from timing import ENV, NotMeasured

SCRIPTS = pathlib.Path(__file__).parent / "peers"
INSTALL_S, START_S, RUN_S = 1200, 180, 600


def free_port():
    """One that the system gives. Between here and its use another process might take it: then the peer is left out."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, seconds, what):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise NotMeasured(f"{what}: not within {seconds} seconds")
        time.sleep(0.2)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return reply.status == 200
    except OSError:
        return False


class Peer:
    """One of them. `package` is pinned; `steps` is how many it gets; `how` says what of it is measured."""
    package, steps, how = "", 0, ""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder) / self.name
        self.python = self.folder / "env/bin/python"
        self.data = self.folder / "data"
        self.servers = []

    @property
    def name(self):
        return type(self).__name__.lower()

    def environment(self):
        return {**ENV, "PATH": f"{self.folder}/env/bin:{ENV['PATH']}", "HOME": str(self.data), "DO_NOT_TRACK": "1"}

    def install(self):
        mark = self.folder / "installed"
        if mark.exists() and mark.read_text(encoding="utf-8") == self.package:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for command in (["/usr/bin/python3", "-m", "venv", self.folder / "env"],
                        [self.python, "-m", "pip", "install", "-q", "--retries", "2", self.package]):
            try:
                done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE, text=True, timeout=INSTALL_S, check=False)
            except (OSError, subprocess.TimeoutExpired) as wrong:
                raise NotMeasured(f"cannot be installed: {wrong}") from wrong
            if done.returncode != 0:
                raise NotMeasured("cannot be installed: " + " ".join(done.stderr.strip().splitlines()[-1:]))
        mark.write_text(self.package, encoding="utf-8")

    def serve(self, *command):
        """A server in a process group of its own, which `stop` ends."""
        log = open(self.data / f"server-{len(self.servers)}.log", "wb")
        self.servers.append(subprocess.Popen(list(map(str, command)), cwd=self.data, env=self.environment(),
                                             stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True))
        log.close()

    def check_servers(self):
        for server in self.servers:
            if server.poll() is not None:
                raise NotMeasured(f"'{self.name} {server.args[1]}' ended with {server.returncode}")
        return True

    def start(self):
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir()

    def stop(self):
        """The groups that `serve` made, and nobody else."""
        for number, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
            until = time.monotonic() + patience
            for server in self.servers:
                try:
                    os.killpg(server.pid, number)
                    server.wait(max(0.1, until - time.monotonic()))
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    pass
        self.servers = []
        shutil.rmtree(self.data, ignore_errors=True)

    def script(self, *arguments):
        """Milliseconds a step, by the script of this peer."""
        done = subprocess.run([self.python, SCRIPTS / f"{self.name}_steps.py", *map(str, arguments)], cwd=self.data,
                              env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=RUN_S, check=False)
        if done.returncode != 0:
            raise NotMeasured(" ".join(done.stderr.strip().splitlines()[-1:]) or f"exit code {done.returncode}")
        return float(done.stdout.split()[-1]) * 1000 / self.steps


class Luigi(Peer):
    package, steps = "luigi==3.8.1", 100
    how = "local scheduler, in memory; 1 worker in the same process, 2 workers that fork"

    def run(self, shape):
        folder = self.data / f"{shape}-{time.monotonic_ns()}"
        folder.mkdir()
        return self.script(shape, self.steps, folder)


class Prefect(Peer):
    package, steps = "prefect==3.9.1", 20
    how = "its server on SQLite; tasks in the process of the flow, 2 threads when wide"

    def environment(self):
        return {**super().environment(), "PREFECT_HOME": str(self.data), "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
                "PREFECT_LOGGING_LEVEL": "ERROR", "PREFECT_API_URL": f"http://127.0.0.1:{self.port}/api"}

    def start(self):
        super().start()
        self.port = free_port()
        self.serve(self.folder / "env/bin/prefect", "server", "start", "--host", "127.0.0.1", "--port", self.port)
        wait_for(lambda: self.check_servers() and answers(f"http://127.0.0.1:{self.port}/api/health"), START_S,
                 "the server")

    def run(self, shape):
        return self.script(shape, self.steps)


class Airflow(Peer):
    package, steps = "apache-airflow==3.3.2", 10
    how = "scheduler, DAG processor and API server on SQLite, LocalExecutor with 2 workers; from the start of the " \
          "DAG run to its end"

    def environment(self):
        settings = {
            "CORE__EXECUTOR": "LocalExecutor", "CORE__PARALLELISM": "2", "CORE__LOAD_EXAMPLES": "False",
            "CORE__DAGS_FOLDER": str(self.data / "dags"), "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{self.port}/execution/",
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False", "CORE__FERNET_KEY": "",
            "API__HOST": "127.0.0.1", "API__PORT": str(self.port), "API__WORKERS": "1",
            "API_AUTH__JWT_SECRET": "a-secret-of-this-bench-and-nothing-else-0123456789",
            "API__SECRET_KEY": "another-secret-of-this-bench", "LOGGING__LOGGING_LEVEL": "WARNING",
            "USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        return {**super().environment(), "AIRFLOW_HOME": str(self.data), "BENCH_STEPS": str(self.steps),
                **{f"AIRFLOW__{name}": value for name, value in settings.items()}}

    def airflow(self, *arguments):
        done = subprocess.run([self.folder / "env/bin/airflow", *arguments], cwd=self.data, env=self.environment(),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=START_S, check=False)
        if done.returncode != 0:
            raise NotMeasured(f"airflow {arguments[0]}: " + " ".join(done.stderr.strip().splitlines()[-1:]))

    def query(self, text, *values):
        try:
            with sqlite3.connect(f"file:{self.data}/airflow.db?mode=ro", uri=True) as store:
                return store.execute(text, values).fetchall()
        except sqlite3.OperationalError:
            return []  # not made yet, or locked for a moment

    def start(self):
        super().start()
        self.port = free_port()
        (self.data / "dags").mkdir()
        shutil.copy(SCRIPTS / "airflow_steps.py", self.data / "dags")
        self.airflow("db", "migrate")
        for part in ("api-server", "scheduler", "dag-processor"):
            self.serve(self.folder / "env/bin/airflow", part)
        wait_for(lambda: self.check_servers() and answers(f"http://127.0.0.1:{self.port}/api/v2/version"), START_S,
                 "the API server")
        wait_for(lambda: self.check_servers() and len(self.query("SELECT dag_id FROM serialized_dag")) == 2, START_S,
                 "the DAG processor")

    def run(self, shape):
        name = f"{shape}-{time.monotonic_ns()}"
        self.airflow("dags", "trigger", shape, "--run-id", name)
        row = "SELECT state, (julianday(end_date) - julianday(start_date)) * 86400000 FROM dag_run WHERE run_id = ?"
        ended = ("success", "failed")
        wait_for(lambda: self.check_servers() and any(r[0] in ended for r in self.query(row, name)), RUN_S, "its run")
        state, took_ms = self.query(row, name)[0]
        if state != "success":
            raise NotMeasured(f"its run ended as {state}")
        return took_ms / self.steps


PEERS = {peer.__name__.lower(): peer for peer in (Luigi, Prefect, Airflow)}


def measure(name, folder, times, tell):
    """{"package", "steps", "how", "chain": [ms a step], "wide": [...]}, or {"package", "missing": why}."""
    peer = PEERS[name](folder)
    result = {"package": peer.package, "steps": peer.steps, "how": peer.how, "chain": [], "wide": []}
    try:
        tell(f"{name}: installing {peer.package}, unless it is there")
        peer.install()
        tell(f"{name}: starting")
        peer.start()
        for n in range(times):
            for shape in ("chain", "wide") if n % 2 == 0 else ("wide", "chain"):
                result[shape].append(peer.run(shape))
                tell(f"{name}: {shape} of {peer.steps}: {result[shape][-1]:.1f} ms a step")
    except (NotMeasured, OSError, subprocess.TimeoutExpired) as wrong:
        result["missing"] = str(wrong)
        tell(f"{name}: left out: {wrong}")
    finally:
        peer.stop()
    return result
