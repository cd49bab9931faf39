# SPDX-License-Identifier: Apache-2.0
"""The servers that the suite can be run against, and how each is started: what differs stands here alone."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import requests

BUILD = os.environ.get("SLUICE_BUILD", os.path.join(os.path.dirname(__file__), "..", "..", "build"))
PATIENCE_SECONDS = 120


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One server over one folder. What was stored is kept over stop() and start(); the port is kept when it is said."""

    authority = None  # the file of whoever signed its certificate

    def __init__(self, home):
        self.home, self.url, self.process = str(home), None, None
        self.log_path = os.path.join(self.home, "server.log")
        os.makedirs(self.home, exist_ok=True)

    def spawn(self, command, **more):
        with open(self.log_path, "ab") as log:
            # A group of its own: mlflow has children, and all of them are ended.
            self.process = subprocess.Popen(command, stderr=log, cwd=self.home, start_new_session=True, **more)

    def wait_until_it_answers(self):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if requests.get(self.url + "/health", timeout=5, verify=self.authority).status_code == 200:
                    return self
            except requests.ConnectionError:
                time.sleep(0.05)
        raise RuntimeError(f"{self.url} does not answer:\n{self.log()[-4000:]}")

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as text:
            return text.read()

    @property
    def port(self):
        return int(self.url.rpartition(":")[2])

    def stop(self, with_signal=signal.SIGTERM):
        """Ends it as an administrator does, unless another signal is given, and returns its exit status."""
        if self.process is None:
            return None
        self.process.send_signal(with_signal)
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            status = None
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self.process = None
        return status


class Mlflow(Server):
    """The judge: `mlflow server` of the environment that runs the tests."""

    options, environment = (), {}

    def start(self, port=None):
        port = port or free_port()
        self.url = f"http://127.0.0.1:{port}"
        environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **self.environment}
        # Receivers of webhooks are on this machine; a change of them is seen at once.
        environment.update(MLFLOW_WEBHOOK_ALLOWED_SCHEMES="http,https", MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS="true",
                           MLFLOW_WEBHOOK_CACHE_TTL="0", MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES="1",
                           MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY="QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NTY=")
        environment.pop("MLFLOW_TRACKING_URI", None)
        self.spawn([sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{self.home}/mlflow.db",
                    "--artifacts-destination", f"{self.home}/artifacts", "--host", "127.0.0.1", "--port", str(port),
                    "--workers", "1", *self.options], env=environment, stdout=subprocess.DEVNULL)
        return self.wait_until_it_answers()


    def remove_deleted(self):
        """What clients deleted goes for good; the server is there again afterwards."""
        done = subprocess.run([sys.executable, "-m", "mlflow", "gc", "--backend-store-uri",
                               f"sqlite:///{self.home}/mlflow.db", "--artifacts-destination", f"{self.home}/artifacts",
                               "--tracking-uri", self.url], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


class Sluice(Server):
    """`sluice serve`: says its address on stdout, once it listens."""

    config = ""  # more lines of config.yaml

    def __init__(self, home, *options):
        super().__init__(home)
        self.options = options

    def start(self, port=0):
        home = os.path.join(self.home, "home")
        environment = {**os.environ, "SLUICE_HOME": home}
        os.makedirs(home, mode=0o700, exist_ok=True)
        with open(os.path.join(home, "config.yaml"), "w", encoding="utf-8") as config:
            config.write("webhooks: {http: true, allow: [127.0.0.1], retry_first: 200ms}\n" + self.config)
        environment.pop("MLFLOW_TRACKING_URI", None)
        self.spawn([os.path.join(BUILD, "sluice"), "serve", "--host", "127.0.0.1", "--port", str(port),
                    *self.options], env=environment, stdout=subprocess.PIPE)
        said = b""
        while not (found := re.search(rb"https?://127\.0\.0\.1:\d+", said)):
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(f"sluice serve ended ({self.process.wait()}) with: {said!r}\n{self.log()[-4000:]}")
            said += line
        self.url = found.group().decode()
        return self.wait_until_it_answers()


    def sluice(self, *arguments):
        """What another command over the same home prints, as JSON."""
        done = subprocess.run([os.path.join(BUILD, "sluice"), *arguments, "--json", "--home",
                               os.path.join(self.home, "home")], capture_output=True, text=True, timeout=120,
                              check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def remove_deleted(self):
        port = self.port
        self.stop()
        self.sluice("gc", "--deleted", "older_than=0s")
        self.start(port)


class Running:
    """One that somebody else has started, in a debugger perhaps: it is neither started nor stopped here."""

    def __init__(self, url):
        self.url = url.rstrip("/")


SERVERS = {"mlflow": Mlflow, "sluice": Sluice}
