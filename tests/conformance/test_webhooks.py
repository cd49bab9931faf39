# SPDX-License-Identifier: Apache-2.0
"""Webhooks by MLflow's client; what is delivered for the same calls, and how it is signed."""
import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
import uuid

import pytest
from mlflow import MlflowClient
from mlflow.entities.webhook import VALID_ENTITY_ACTIONS, WebhookEvent, WebhookStatus
from mlflow.exceptions import MlflowException
from mlflow.webhooks.types import get_example_payload_for_event

SECRET = "s3cret-of-the-hook"
ALL = sorted(f"{entity.value}.{action.value}" for entity, actions in VALID_ENTITY_ACTIONS.items() for action in actions)


def verify(request, secret=SECRET, max_age=300):
    """As MLflow's documents say: the age first, then the signature in constant time."""
    assert abs(int(time.time()) - int(request.headers["X-MLflow-Timestamp"])) <= max_age
    delivery_id, timestamp = (request.headers["X-MLflow-" + name] for name in ("Delivery-Id", "Timestamp"))
    signed = f"{delivery_id}.{timestamp}.{request.body.decode()}"
    expected = base64.b64encode(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()).decode()
    version, _, signature = request.headers["X-MLflow-Signature"].partition(",")
    return version == "v1" and hmac.compare_digest(signature, expected)


class Request:
    def __init__(self, handler):
        self.headers = {name: value for name, value in handler.headers.items()}
        self.body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.json = json.loads(self.body)
        self.event = f"{self.json['entity']}.{self.json['action']}"


class Receiver:
    def __init__(self):
        self.requests, self.status = [], 200
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_POST(self):
                receiver.requests.append(Request(self))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "4")
                self.end_headers()
                self.wfile.write(b"seen")

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait_for(self, count):
        deadline = time.monotonic() + 90
        while len(self.requests) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)  # for one too many
        assert len(self.requests) == count, [request.event for request in self.requests]
        return self.requests


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def client(server):
    return MlflowClient(server.url, server.url)


@pytest.fixture
def hook(client):
    """Makes webhooks that are deleted with the test, as all tests share a server."""
    made = []

    def make(url, *events, **more):
        webhook = client.create_webhook(name=more.pop("name", "hook"), url=url, events=list(events or ALL), **more)
        made.append(webhook.webhook_id)
        return webhook

    yield make
    for webhook_id in made:
        try:
            client.delete_webhook(webhook_id)
        except MlflowException:
            pass


def name():
    return "m" + uuid.uuid4().hex[:12]


def test_made_changed_listed_and_deleted(client, hook):
    before = int(time.time() * 1000) - 1000
    made = hook("https://example.com/a", "model_version.created", "prompt.created", description="first", secret="x" * 9)
    assert (made.name, made.url, made.description) == ("hook", "https://example.com/a", "first")
    assert [str(one) for one in made.events] == ["model_version.created", "prompt.created"]
    assert made.status == WebhookStatus.ACTIVE and made.secret is None
    assert made.creation_timestamp == made.last_updated_timestamp > before
    changed = client.update_webhook(made.webhook_id, name="other", url="https://example.com/b", description="second",
                                    events=["prompt_tag.set"], secret="y" * 9, status="DISABLED")
    assert (changed.name, changed.url, changed.description) == ("other", "https://example.com/b", "second")
    assert [str(one) for one in changed.events] == ["prompt_tag.set"] and changed.status == WebhookStatus.DISABLED
    assert changed.last_updated_timestamp >= made.last_updated_timestamp
    same = client.update_webhook(made.webhook_id, name="third")
    assert (same.url, same.description, same.status) == ("https://example.com/b", "second", WebhookStatus.DISABLED)
    assert repr(client.get_webhook(made.webhook_id)) == repr(same)
    client.delete_webhook(made.webhook_id)
    for ask in (client.get_webhook, client.delete_webhook, client.test_webhook):
        with pytest.raises(MlflowException) as wrong:
            ask(made.webhook_id)
        assert wrong.value.error_code == "RESOURCE_DOES_NOT_EXIST"
        assert f"Webhook with ID {made.webhook_id} not found." in wrong.value.message
    with pytest.raises(MlflowException):
        client.update_webhook(made.webhook_id, name="z")


def test_pages_come_newest_first(client, hook):
    made = []
    for n in range(5):
        made.append(hook(f"https://example.com/{n}").webhook_id)
        time.sleep(0.005)
    found, token = [], None
    while token != "":
        page = client.list_webhooks(max_results=2, page_token=token or None)
        assert len(page) <= 2
        found += [webhook.webhook_id for webhook in page]
        token = page.token
    assert [one for one in found if one in made] == made[::-1]


@pytest.mark.parametrize("more, said", [
    ({"name": "-a"}, "Webhook name '-a' is invalid. It must start and end with a letter or digit"),
    ({"name": "a b"}, "Webhook name 'a b' is invalid."),
    ({"name": "a" * 64}, "is invalid"),
    ({"name": "é"}, "Webhook name 'é' is invalid."),
    ({"url": "ftp://example.com/"}, "Invalid webhook URL scheme: 'ftp'"),
    ({"url": "example.com"}, "Invalid webhook URL scheme: ''"),
    ({"url": "   "}, "Webhook URL cannot be empty or just whitespace: '   '"),
    ({"url": "https://[invalid"}, "Invalid webhook URL 'https://[invalid': "),
    ({"url": "https:///path"}, "Webhook URL must include a hostname: 'https:///path'"),
])
def test_what_is_refused(client, more, said):
    given = {"name": "hook", "url": "https://example.com/", "events": ["prompt.created"], **more}
    with pytest.raises(MlflowException) as wrong:
        client.create_webhook(**given)
    assert wrong.value.error_code == "INVALID_PARAMETER_VALUE" and said in wrong.value.message


@pytest.mark.parametrize("events, said", [
    ([], "Webhook events must be a non-empty list of WebhookEvent objects: []."),
    ([{"entity": "MODEL_VERSION", "action": "DELETED"}],
     "Invalid action 'deleted' for entity 'model_version'. Valid actions are: ['created']"),
    ([{"entity": "PROMPT_TAG", "action": "CREATED"}],
     "Invalid action 'created' for entity 'prompt_tag'. Valid actions are: ['deleted', 'set']"),
])
def test_events_that_are_none(wire, events, said):
    answer = wire.send("POST", "/webhooks", {"name": "h", "url": "https://example.com/", "events": events})
    assert answer.status_code == 400 and said in answer.json()["message"]


def test_every_event_may_be_tested(client, hook, receiver):
    webhook = hook(receiver.url, secret=SECRET)
    for event in ALL:
        result = client.test_webhook(webhook.webhook_id, event)
        assert result.success and result.response_status == 200 and result.error_message is None
        request = receiver.requests[-1]
        assert request.event == event and verify(request)
        assert request.json["data"] == get_example_payload_for_event(WebhookEvent.from_str(event))
    one = hook(receiver.url, "prompt_alias.deleted", "prompt.created")
    assert client.test_webhook(one.webhook_id).success
    assert receiver.requests[-1].event in ("prompt_alias.deleted", "prompt.created")
    assert "X-MLflow-Signature" not in receiver.requests[-1].headers


def test_a_test_that_fails(client, hook, receiver):
    webhook = hook(receiver.url)
    receiver.status = 404
    result = client.test_webhook(webhook.webhook_id)
    assert not result.success and result.response_status == 404
    nobody = hook("http://127.0.0.1:9/")
    result = client.test_webhook(nobody.webhook_id)
    assert not result.success and result.response_status is None and "Failed to test webhook" in result.error_message


def expect(receiver, hook, change, *expected):
    """The events and their data of what `change` does, in any order of the events: MLflow has none."""
    hook(receiver.url, secret=SECRET)
    change()
    requests = receiver.wait_for(len(expected))
    assert all(verify(request) for request in requests)
    assert all(set(request.json) == {"entity", "action", "timestamp", "data"} for request in requests)
    assert all(request.json["timestamp"].endswith("+00:00") for request in requests)
    assert len({request.headers["X-MLflow-Delivery-Id"] for request in requests}) == len(expected)
    found = sorted(((request.event, request.json["data"]) for request in requests), key=repr)
    assert found == sorted(expected, key=repr)


def test_a_model_that_lives(client, hook, receiver):
    model = name()
    run = client.create_run("0").info
    source = f"{run.artifact_uri}/model"

    def change():
        client.create_registered_model(model, tags={"a": "1", "ü": "ß"}, description="of grapes")
        client.create_model_version(model, source, run.run_id, tags={"k": "v"}, description="first")
        client.create_model_version(model, source, run.run_id)
        client.set_model_version_tag(model, "1", "k", "w")
        client.delete_model_version_tag(model, "1", "k")
        client.set_registered_model_tag(model, "silent", "1")
        client.delete_registered_model_tag(model, "silent")
        client.set_registered_model_alias(model, "champion", 2)
        client.set_registered_model_alias(model, "champion", 1)
        client.delete_registered_model_alias(model, "champion")
        client.update_model_version(model, "1", description="silent")
        client.rename_registered_model(model, model + "-new")

    expect(receiver, hook, change,
           ("registered_model.created", {"name": model, "tags": {"a": "1", "ü": "ß"}, "description": "of grapes"}),
           ("model_version.created", {"name": model, "version": "1", "source": source, "run_id": run.run_id,
                                      "tags": {"k": "v"}, "description": "first"}),
           ("model_version.created", {"name": model, "version": "2", "source": source, "run_id": run.run_id, "tags": {},
                                      "description": None}),
           ("model_version_tag.set", {"name": model, "version": "1", "key": "k", "value": "w"}),
           ("model_version_tag.deleted", {"name": model, "version": "1", "key": "k"}),
           ("model_version_alias.created", {"name": model, "alias": "champion", "version": "2"}),
           ("model_version_alias.created", {"name": model, "alias": "champion", "version": "1"}),
           ("model_version_alias.deleted", {"name": model, "alias": "champion"}))


def test_a_model_without_words(client, hook, receiver):
    model = name()

    def change():
        client.create_registered_model(model)
        client.create_model_version(model, "s3://bucket/model")

    expect(receiver, hook, change,
           ("registered_model.created", {"name": model, "tags": {}, "description": ""}),
           ("model_version.created", {"name": model, "version": "1", "source": "s3://bucket/model", "run_id": None,
                                      "tags": {}, "description": None}))


def test_a_prompt_that_lives(client, hook, receiver):
    prompt = name()

    def change():
        client.create_prompt(prompt, description="of words", tags={"team": "a"})
        client.create_prompt_version(prompt, "Hello {{name}}!", description="first", tags={"k": "v"})
        client.set_prompt_tag(prompt, "team", "b")
        client.delete_prompt_tag(prompt, "team")
        client.set_prompt_version_tag(prompt, "1", "k", "w")
        client.delete_prompt_version_tag(prompt, "1", "k")
        client.set_prompt_alias(prompt, "live", 1)
        client.delete_prompt_alias(prompt, "live")

    hook(receiver.url, secret=SECRET)
    change()
    events = [("prompt.created", {"name": prompt, "tags": {"team": "a"}, "description": "of words"}),
              ("prompt_tag.set", {"name": prompt, "key": "team", "value": "b"}),
              ("prompt_tag.deleted", {"name": prompt, "key": "team"}),
              ("prompt_version_tag.set", {"name": prompt, "version": "1", "key": "k", "value": "w"}),
              ("prompt_version_tag.deleted", {"name": prompt, "version": "1", "key": "k"}),
              ("prompt_alias.created", {"name": prompt, "alias": "live", "version": "1"}),
              ("prompt_alias.deleted", {"name": prompt, "alias": "live"})]
    deadline = time.monotonic() + 90
    while len(receiver.requests) < len(events) + 1 and time.monotonic() < deadline:
        time.sleep(0.02)
    found = [(request.event, request.json["data"]) for request in receiver.requests]
    for one in events:
        assert one in found
    (version,) = [data for event, data in found if event == "prompt_version.created"]
    assert version["name"] == prompt and version["version"] == "1" and version["template"] == "Hello {{name}}!"
    assert version["description"] == "first" and version["tags"]["k"] == "v"
    assert not {"mlflow.prompt.text", "mlflow.prompt.is_prompt"} & set(version["tags"])


def test_only_what_was_asked_for_is_told(client, hook, receiver):
    model = name()
    hook(receiver.url, "model_version.created")
    hook(receiver.url, "registered_model.created", status="DISABLED")
    client.create_registered_model(model)
    client.create_model_version(model, "s3://bucket/model")
    assert [request.event for request in receiver.wait_for(1)] == ["model_version.created"]


def test_a_receiver_that_fails_once_is_asked_again(client, hook, receiver):
    hook(receiver.url, "registered_model.created", secret=SECRET)
    receiver.status = 503
    client.create_registered_model(name())
    deadline = time.monotonic() + 90
    while not receiver.requests and time.monotonic() < deadline:
        time.sleep(0.01)
    receiver.status = 200
    while len(receiver.requests) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    first, second = receiver.requests[:2]
    assert first.headers["X-MLflow-Delivery-Id"] == second.headers["X-MLflow-Delivery-Id"]
    assert first.body == second.body and verify(second)
