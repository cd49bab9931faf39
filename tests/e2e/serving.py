# SPDX-License-Identifier: Apache-2.0
"""A server under test, and requests to it as bytes, for what no client would send."""
import json
import pathlib
import signal
import socket
import urllib.error
import urllib.request

from programs import wait_until


class Server:
    """`sluice serve` in a private home."""

    def __init__(self, sluice, *options, start=None, context=None):
        self.sluice, self.context = sluice, context  # of TLS
        self.process = (start or sluice.start)("serve", "--port", "0", *options)
        line = self.process.stdout.readline()
        scheme = "https" if context else "http"
        assert f" at {scheme}://127.0.0.1:" in line, line + (self.process.stderr.read() if not line else "")
        self.url = line.strip().rpartition(" at ")[2]
        self.port = int(self.url.rpartition(":")[2])

    def ask(self, method, path, body=None, headers=None, timeout=60):
        """Status, headers and bytes of the answer. A body that is no bytes is sent as JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout, context=self.context) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.headers, answer.read()

    def api(self, method, path, body=None, expect=200, version="2.0"):
        """The JSON of an answer of MLflow's interface."""
        status, _, answer = self.ask(method, f"/api/{version}/mlflow{path}", body)
        assert status == expect, (status, answer)
        return json.loads(answer)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def connections(self):
        """By what the kernel says: {the client's port: (accepted, bytes that have come and were not taken)}."""
        found = {}
        for row in pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
            _, here, there, state, queues, _, _, _, _, inode, *_ = row.split()
            if int(here.rpartition(":")[2], 16) == self.port and state != "0A":  # the one that listens
                found[int(there.rpartition(":")[2], 16)] = (inode != "0", int(queues.partition(":")[2], 16))
        return found

    def has_read(self, line):
        """It has accepted the connection and taken all that was sent on it."""
        return self.connections().get(line.getsockname()[1]) == (True, 0)

    def unread(self):
        """On how many connections something has come that it has not taken."""
        return sum(waiting > 0 for _, waiting in self.connections().values())

    def hold(self):
        """Stops it once it has noticed all that came before, also that a client has gone: so `unread` counts from 0."""
        wait_until(lambda: self.unread() == 0)
        self.process.send_signal(signal.SIGSTOP)

    def is_closed(self):
        """Nobody can connect any more."""
        try:
            self.connect().close()
        except OSError:
            return True
        return False

    def send(self, *parts):
        """What comes back for these bytes, until the server closes."""
        with self.connect() as line:
            for part in parts:
                line.sendall(part)
            answer = b""
            while data := line.recv(65536):
                answer += data
            return answer

    def run(self, **more):
        """A new run's info."""
        return self.api("POST", "/runs/create", {"experiment_id": "0", **more})["run"]["info"]

    def put(self, path, data, **options):
        return self.ask("PUT", "/api/2.0/mlflow-artifacts/artifacts/" + path, data, **options)

    def get(self, path, **options):
        return self.ask("GET", "/api/2.0/mlflow-artifacts/artifacts/" + path, **options)

    def is_alive(self):
        return self.process.poll() is None and self.ask("GET", "/health")[2] == b"OK"

    def stop(self, number=signal.SIGTERM):
        """Ends it; what it has said on standard error."""
        self.process.send_signal(number)
        assert wait_until(lambda: self.process.poll() is not None)
        assert self.process.returncode == 0, self.process.stderr.read()
        return self.process.stderr.read()
