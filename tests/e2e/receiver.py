# SPDX-License-Identifier: Apache-2.0
"""A receiver of webhooks on the loopback: what it was sent, and what it answers."""
import base64
import hashlib
import hmac
import http.server
import json
import threading
import time


class Delivery:
    """One request that came."""

    def __init__(self, path, headers, body):
        self.path, self.headers, self.body, self.at = path, headers, body, time.monotonic()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def id(self):
        return self.headers["X-MLflow-Delivery-Id"]

    @property
    def event(self):
        return f"{self.json['entity']}.{self.json['action']}"

    @property
    def standard_id(self):
        return self.headers["webhook-id"]

    def is_standard(self, key):
        """As Standard Webhooks verifies it: one of the signatures is that of the key's bytes."""
        content = f"{self.standard_id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        expected = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return expected in self.headers["webhook-signature"].split(" ")

    def is_signed_by(self, secret):
        """As MLflow's documents verify it."""
        content = f"{self.id}.{self.headers['X-MLflow-Timestamp']}.{self.body.decode()}"
        digest = hmac.new(secret.encode(), content.encode(), hashlib.sha256).digest()
        return self.headers["X-MLflow-Signature"] == "v1," + base64.b64encode(digest).decode()


class Receiver:
    """`answer(delivery)` gives a status, or (status, headers, body); it may sleep. `tls`: an ssl context."""

    def __init__(self, answer=lambda delivery: 200, host="127.0.0.1", tls=None):
        self.deliveries, self.answer = [], answer
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                delivery = Delivery(self.path, dict(self.headers.items()), body)
                receiver.deliveries.append(delivery)
                answer = receiver.answer(delivery)
                status, headers, body = answer if isinstance(answer, tuple) else (answer, {}, b"")
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # who asked has been killed

        self.server = http.server.ThreadingHTTPServer((host, 0), Handler)
        self.server.daemon_threads = True
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://{host}:{self.port}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def events(self):
        return [delivery.event for delivery in list(self.deliveries)]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
