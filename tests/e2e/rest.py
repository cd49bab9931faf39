# SPDX-License-Identifier: Apache-2.0
"""sluice's own REST interface as a client sees it: every answer is held against the OpenAPI document that is served."""
import json
import re
import urllib.parse

import jsonschema
from accounts import ALICE, add_token, add_user, bearer
from programs import wait_until
from serving import Server

API = "/api/sluice/v1"

WAITS = """
    name: line
    params: {word: {type: string, default: plain}}
    steps:
      make:
        run: |
          echo "made ${{ params.word }}"
          echo "to stderr" >&2
          echo "hello" > "$SLUICE_STEP_DIR/hello.txt"
        artifacts: {hello: "${{ step.dir }}/hello.txt"}
      ask: {needs: [make], uses: approve, with: {message: "is it good?"}}
      use: {needs: [ask], run: "echo used"}
"""
QUICK = """
    name: quick
    params: {n: {type: integer, default: 3}}
    steps:
      count: {run: "seq ${{ params.n }}"}
      fail: {needs: [count], run: "test ! -e fail"}
"""


class Rest:
    """A server as one user (or nobody) asks it."""

    def __init__(self, server, headers=None, document=None):
        self.server, self.headers = server, headers or {}
        self.document = document or json.loads(self.raw("GET", "/openapi.json")[2])

    def as_user(self, headers):
        return Rest(self.server, headers, self.document)

    def raw(self, method, path, body=None, headers=None, **more):
        return self.server.ask(method, API + path, body, {**self.headers, **(headers or {})}, **more)

    def operation(self, method, path):
        path = path.partition("?")[0]
        for pattern, operations in self.document["paths"].items():
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path) and method.lower() in operations:
                return operations[method.lower()]
        return None

    def check(self, method, path, status, headers, answer):
        """It is an answer that the document has."""
        operation = self.operation(method, path)
        if operation is None:
            assert status in (404, 405), (method, path, status)
            return
        response = operation["responses"].get(str(status))
        assert response is not None, f"{method} {path}: {status} is not documented: {answer[:300]}"
        kind = (headers.get("Content-Type") or "").partition(";")[0]
        if "content" not in response:
            assert not answer
            return
        assert kind in response["content"], (method, path, status, kind)
        if kind == "application/json":
            schema = {**response["content"][kind]["schema"], "components": self.document["components"]}
            jsonschema.Draft202012Validator(schema).validate(json.loads(answer))

    def ask(self, method, path, body=None, headers=None, **more):
        status, got, answer = self.raw(method, path, body, headers, **more)
        self.check(method, path, status, got, answer)
        return status, got, answer

    def get(self, path, expect=200, **more):
        status, _, answer = self.ask("GET", path, **more)
        assert status == expect, (status, answer)
        return json.loads(answer)

    def text(self, path, expect=200, **more):
        status, _, answer = self.ask("GET", path, **more)
        assert status == expect, (status, answer)
        return answer.decode()

    def post(self, path, body=None, expect=200, key=None):
        status, _, answer = self.ask("POST", path, {} if body is None else body,
                                     {"Idempotency-Key": key} if key else {})
        assert status == expect, (status, answer)
        return json.loads(answer)

    def pages(self, path, name, **query):
        """All items of a list, page by page."""
        items, token = [], None
        while True:
            asked = urllib.parse.urlencode({**query, **({"page_token": token} if token else {})})
            page = self.get(f"{path}?{asked}")
            items += page[name]
            token = page["next_page_token"]
            if token is None:
                return items

    def status(self, run_id):
        return self.get(f"/runs/{run_id}")["status"]

    def wait(self, run_id, *states):
        """The run, once it is in one of the states (default: ended)."""
        states = states or ("succeeded", "failed", "cancelled")
        return wait_until(lambda: self.status(run_id) in states and self.get(f"/runs/{run_id}"))


def anonymous(sluice, *options):
    return Rest(Server(sluice, *options))


def with_admin(sluice):
    """A server whose home has the admin alice; as she asks by a token."""
    add_user(sluice, "alice", ALICE, "--admin")
    token = add_token(sluice, "alice", "--scope", "admin").split()[0]
    return Rest(Server(sluice), bearer(token))


def user(rest, sluice, name, *options):
    """Another user of the server's home, by a token."""
    add_user(sluice, name, f"{name}'s password")
    return rest.as_user(bearer(add_token(sluice, name, *options).split()[0]))
