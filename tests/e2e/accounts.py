# SPDX-License-Identifier: Apache-2.0
"""Users and tokens of a home, and requests in their names."""
import base64
import contextlib
import http.client
import subprocess

from programs import BUILD
from serving import Server

ALICE, BOB, CAROL = "alice's password", "bob's password 1", "carol's password"


def with_input(sluice, text, *arguments, expect=0):
    """A command that reads `text` from its standard input."""
    done = subprocess.run([BUILD / "sluice", *arguments], cwd=sluice.folder, env=sluice.env, input=text, text=True,
                          capture_output=True, timeout=120, check=False)
    assert done.returncode == expect and "Sanitizer" not in done.stderr, done
    return done


def add_user(sluice, name, password, *options):
    with_input(sluice, password, "users", "create", name, *options)


def add_token(sluice, user, *options):
    return sluice("tokens", "create", "--user", user, *options, expect=0).out.strip()


def basic(user, password):
    text = f"{user}:{password}".encode() if isinstance(user, str) else user
    return {"Authorization": "Basic " + base64.b64encode(text).decode()}


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


class As:
    """A server as one user sees it."""

    def __init__(self, server, headers):
        self.server, self.headers = server, headers

    def ask(self, method, path, body=None, headers=None, **more):
        return self.server.ask(method, path, body, {**self.headers, **(headers or {})}, **more)

    def status(self, method, path, body=None):
        return self.ask(method, "/api/2.0/mlflow" + path, body)[0]


for name in ("api", "run", "put", "get"):
    setattr(As, name, getattr(Server, name))


@contextlib.contextmanager
def kept_alive(server):
    """A connection that stays open; ask(headers) gives the status of an ordinary question."""
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def ask(headers):
        line.request("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0", headers=headers)
        with line.getresponse() as answer:
            answer.read()
            return answer.status

    yield ask
    line.close()
