# SPDX-License-Identifier: Apache-2.0
"""A server that asks who somebody is, and MLflow's clients in the name of its users."""
import json
import os
import subprocess

from servers import BUILD, Sluice

ADMIN, USER = ("alice", "alice's password"), ("bob", "bob's password 1")


class Asking(Sluice):
    """`sluice serve` over a home with an admin and a user."""

    def command(self, *arguments, text=None):
        done = subprocess.run([os.path.join(BUILD, "sluice"), *arguments], input=text, text=True, capture_output=True,
                              env={**os.environ, "SLUICE_HOME": os.path.join(self.home, "home")}, timeout=60,
                              check=False)
        assert done.returncode == 0, done
        return done.stdout.strip()

    def start(self, port=0):
        if not os.path.exists(os.path.join(self.home, "home")):
            self.command("users", "create", ADMIN[0], "--admin", text=ADMIN[1])
            self.command("users", "create", USER[0], text=USER[1])
        return super().start(port)

    def token(self, user, *options):
        return json.loads(self.command("tokens", "create", "--user", user, "--json", *options))["token"]


def be(monkeypatch, who=None, token=None):
    """The clients of this process show that from now on."""
    shown = {"USERNAME": who and who[0], "PASSWORD": who and who[1], "TOKEN": token}
    for name, value in shown.items():
        if value is None:
            monkeypatch.delenv("MLFLOW_TRACKING_" + name, raising=False)
        else:
            monkeypatch.setenv("MLFLOW_TRACKING_" + name, value)
