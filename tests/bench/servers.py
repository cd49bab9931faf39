# SPDX-License-Identifier: Apache-2.0
"""The servers that are measured, each a process of its own, and what is asked of them."""
import http.client
import json
import os
import pathlib
import re
import socket
import subprocess
import time

from peers import Peer


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One server while it is measured, in a folder of its own."""

    def __init__(self, name, command, folder, port=None):
        self.name, self.folder = name, pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE if port is None else log,
                                            stderr=log, start_new_session=True,
                                            env={**os.environ, "SLUICE_HOME": str(self.folder / "home"),
                                                 "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"})
        self.port = port or int(re.search(rb":(\d+)\s*$", self.process.stdout.readline())[1])
        self.line = None
        self.await_answer()
        self.start_ms = (time.monotonic() - began) * 1e3

    def await_answer(self):
        """Until the first right answer of its store."""
        while True:
            try:
                self.ask("POST", "/experiments/search", {"max_results": 1})
                return
            except OSError:
                time.sleep(0.002)
                assert self.process.poll() is None, f"{self.name} has ended: see {self.folder}/log"

    def raw(self, method, path, body=None):
        """The bytes of an answer, over one connection that stays, unless the server has ended it meanwhile."""
        kept = self.line is not None
        try:
            return self.once(method, path, body)
        except (OSError, http.client.HTTPException) as error:
            self.line.close()
            self.line = None
            if kept:
                return self.raw(method, path, body)
            raise OSError(str(error)) from error

    def once(self, method, path, body):
        data = None if body is None else json.dumps(body).encode()
        self.line = self.line or http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        self.line.request(method, path, data, {"Content-Type": "application/json"})
        answer = self.line.getresponse()
        text = answer.read()
        assert answer.status == 200, (self.name, method, path, body, answer.status, text[:400])
        return text

    def ask(self, method, path, body=None):
        return json.loads(self.raw(method, "/api/2.0/mlflow" + path, body))

    def processes(self):
        """Its own and all below it."""
        found = [self.process.pid]
        for pid in found:
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        return found

    def memory_mib(self, what="VmRSS"):
        """VmRSS, or since forget_peak VmHWM."""
        return sum(int(re.search(what + r":\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])
                   for pid in self.processes()) / 1024

    def forget_peak(self):
        for pid in self.processes():
            pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")

    def new_run(self):
        return self.ask("POST", "/runs/create", {"experiment_id": "0", "start_time": 1})["run"]["info"]["run_id"]

    def end(self):
        os.killpg(self.process.pid, 15)
        self.process.wait()


class FastTrackML(Peer):
    """Only installed by what installs the peers."""
    package = "fasttrackml==0.6.0"


def with_descriptors(command):
    """As a service has it on Debian, where the hard limit is 524,288; a shell's may be less."""
    limit = ["prlimit", "--nofile=524288"]
    allowed = subprocess.run([*limit, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0
    return [*limit, *command] if allowed else command


def start(name, build, folder):
    """One of the three over the store in a folder: home/ for sluice, m.db for MLflow, f.db for FastTrackML."""
    folder = pathlib.Path(folder).absolute()
    if name == "sluice":
        return Server(name, with_descriptors([build / "sluice", "serve", "--port", "0"]), folder)
    port = free_port()
    if name == "mlflow server":
        return Server(name, [build / "mlflow3/bin/mlflow", "server", "--backend-store-uri", "sqlite:///m.db",
                             "--artifacts-destination", folder / "files", "--workers", "1", "--port", str(port)],
                      folder, port)
    assert name == "FastTrackML", name
    peer = FastTrackML(build / "bench/peers")
    peer.install()
    return Server(name, [peer.folder / "env/bin/fml", "server", "--database-uri", "sqlite://f.db",
                         "--listen-address", f"127.0.0.1:{port}", "--log-level", "error"], folder, port)

