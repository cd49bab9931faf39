# SPDX-License-Identifier: Apache-2.0
"""Deliveries of webhooks as their senders make them: by their documents, with nothing of ours."""
import base64
import hashlib
import hmac
import json
import sqlite3
import time

from accounts import with_input
from serving import Server

SECRET = "It's a Secret to Everybody"
SIGNING_KEY = b"0123456789abcdef0123456789abcdef"
SIGNING_SECRET = "whsec_" + base64.b64encode(SIGNING_KEY).decode()
PIPELINE = """\
name: {name}
on:
  webhook:
    verify: {verify}
{secret}    if: event.body.ref == 'refs/heads/main'
    params: {{commit: "${{{{ event.body.after }}}}", kind: "${{{{ event.type ?? '' }}}}"}}
params: {{commit: {{default: none}}, kind: {{default: ''}}}}
steps:
  say: {{run: 'echo "${{{{ params.commit }}}} ${{{{ params.kind }}}}" >> "{folder}/said"'}}
"""
MAIN = {"ref": "refs/heads/main", "after": "0a1b2c"}


def mac(secret, data):
    return hmac.new(secret if isinstance(secret, bytes) else secret.encode(), data, hashlib.sha256)


def github(body, secret=SECRET, delivery="d-1", kind="push"):
    return {"X-Hub-Signature-256": "sha256=" + mac(secret, body).hexdigest(), "X-GitHub-Delivery": delivery,
            "X-GitHub-Event": kind, "Content-Type": "application/json", "User-Agent": "GitHub-Hookshot/044aadd"}


def gitlab(_body, secret=SECRET, delivery="d-1", kind="Push Hook"):
    return {"X-Gitlab-Token": secret, "X-Gitlab-Event": kind, "X-Gitlab-Event-UUID": delivery,
            "Idempotency-Key": delivery, "Content-Type": "application/json"}


def stamped(body, key, delivery, at, names=("webhook-id", "webhook-timestamp", "webhook-signature")):
    at = str(int(at if at is not None else time.time()))
    signed = f"{delivery}.{at}.".encode() + body
    signature = "v1," + base64.b64encode(mac(key, signed).digest()).decode()
    return {**dict(zip(names, (delivery, at, signature))), "Content-Type": "application/json"}


def gitlab_signed(body, secret=SIGNING_SECRET, delivery="d-1", kind="Push Hook", at=None):
    key = base64.b64decode(secret[6:])
    return {**stamped(body, key, delivery, at), "X-Gitlab-Event": kind, "Idempotency-Key": delivery,
            "X-Gitlab-Token": "another token"}


def gitea(body, secret=SECRET, delivery="d-1", kind="push"):
    signature = mac(secret, body).hexdigest()
    return {"X-Gitea-Delivery": delivery, "X-Gitea-Event": kind, "X-Gitea-Signature": signature,
            "X-Hub-Signature-256": "sha256=" + signature, "X-GitHub-Delivery": delivery, "X-GitHub-Event": kind,
            "Content-Type": "application/json"}


def bitbucket(body, secret=SECRET, delivery="d-1", kind="repo:push"):
    return {"X-Hub-Signature": "sha256=" + mac(secret, body).hexdigest(), "X-Request-UUID": delivery,
            "X-Event-Key": kind, "Content-Type": "application/json"}


def standard(body, secret=SIGNING_SECRET, delivery="d-1", at=None):
    return stamped(body, base64.b64decode(secret.removeprefix("whsec_")), delivery, at)


def mlflow(body, secret=SECRET, delivery="d-1", at=None):
    names = ("X-MLflow-Delivery-Id", "X-MLflow-Timestamp", "X-MLflow-Signature")
    return stamped(body, secret.encode(), delivery, at, names)


def bearer(_body, secret=SECRET, delivery="d-1"):
    return {"Authorization": "Bearer " + secret, "Idempotency-Key": delivery, "Content-Type": "application/json"}


def none(_body, secret=None, delivery="d-1"):
    return {"Idempotency-Key": delivery, "Content-Type": "application/json"}


# What the sender is called in a pipeline, and the secret that it and we have.
SENDERS = {
    "github": (github, SECRET), "gitlab": (gitlab, SECRET), "gitlab-signed": (gitlab_signed, SIGNING_SECRET),
    "gitea": (gitea, SECRET), "bitbucket": (bitbucket, SECRET), "standard": (standard, SIGNING_SECRET),
    "mlflow": (mlflow, SECRET), "bearer": (bearer, SECRET), "none": (none, None),
}


class Receiver:
    """A server with one pipeline that a sender's deliveries start, and what became of them."""

    def __init__(self, sluice, sender="github", name="wine", text=None, start=None, secret=True):
        self.sluice, self.name, self.sender = sluice, name, sender
        self.sign, self.secret = SENDERS[sender]
        sluice.write(f"pipelines/{name}.yaml", text or pipeline(sluice, sender, name))
        sluice("init", "-q")
        if self.secret is not None and secret:
            with_input(sluice, self.secret, "secrets", "set", "HOOK", "-")
        self.serve(start)

    def serve(self, start=None):
        self.server = Server(self.sluice, "--pipelines", "pipelines", start=start)

    def send(self, body=None, headers=None, name=None, method="POST", **sign):
        """Status and JSON of the answer."""
        body = body if isinstance(body, bytes) else json.dumps(MAIN if body is None else body).encode()
        headers = self.sign(body, **sign) if headers is None else headers
        status, _, answer = self.server.ask(method, f"/hooks/{name or self.name}", body, headers)
        return status, json.loads(answer) if answer.startswith(b"{") else answer

    def deliveries(self, *options):
        return self.sluice("deliveries", "list", *options, "--json", expect=0).json

    def runs(self):
        return self.sluice("runs", "--json", expect=0).json

    def said(self):
        path = self.sluice.folder / "said"
        return path.read_text().splitlines() if path.exists() else []

    def rows(self, sql):
        with sqlite3.connect(f"file:{self.sluice.home / 'sluice.db'}?mode=ro", uri=True) as store:
            return store.execute(sql).fetchall()


def pipeline(sluice, sender, name="wine"):
    secret = "" if SENDERS[sender][1] is None else "    secret: ${{ secrets.HOOK }}\n"
    return PIPELINE.format(name=name, verify=sender.partition("-")[0], secret=secret, folder=sluice.folder)
