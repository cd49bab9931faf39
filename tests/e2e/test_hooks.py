# SPDX-License-Identifier: Apache-2.0
"""Webhooks in: deliveries as each sender makes them start a run, once, and nothing else does."""
import base64
import json
import threading
import time
import urllib.parse

import hooks
from accounts import ALICE, add_user, with_input
from hooks import MAIN, SECRET, SENDERS, Receiver
from programs import wait_until

import pytest

UNKNOWN = {"error_code": "UNAUTHENTICATED", "message": "the delivery is not signed for a hook that is here"}
KINDS = {"github": "push", "gitlab": "Push Hook", "gitlab-signed": "Push Hook", "gitea": "push",
         "bitbucket": "repo:push"}


@pytest.mark.parametrize("sender", SENDERS)
def test_what_a_sender_signs_starts_one_run(sluice, sender):
    receiver = Receiver(sluice, sender)
    status, answer = receiver.send()
    assert status == 202 and answer["status"] == "accepted" and answer["delivery_id"] == "d-1"
    wait_until(lambda: receiver.said() == [f"0a1b2c {KINDS.get(sender, '')}"])
    status, again = receiver.send()
    assert status == 200 and again["status"] == "duplicate" and again["trigger"] == answer["trigger"]
    wait_until(lambda: [(run["trigger"], run["status"]) for run in receiver.runs()] == [("webhook", "succeeded")])
    first, second = reversed(receiver.deliveries())
    assert (first["outcome"], first["run"], first["from"]) == ("accepted", "wine/1", sender.partition("-")[0])
    assert (second["outcome"], second["trigger"]) == ("duplicate", first["trigger"])


def wrong_ones(receiver):
    """Headers and bodies that are nearly right."""
    body = json.dumps(MAIN).encode()
    right = receiver.sign(body)
    other = receiver.secret[:-4] + "xxx=" if receiver.secret.startswith("whsec_") else receiver.secret[:-1] + "x"
    yield body, receiver.sign(body, secret=other)
    yield body, {name: value for name, value in right.items() if name in ("Content-Type", "X-GitHub-Event")}
    signed = [name for name in right if any(word in name.lower() for word in ("signature", "gitlab-token", "authoriz"))]
    for name in signed:
        yield body, {**right, **{one: "" for one in signed}}
        if receiver.sender == "gitlab-signed" and name == "X-Gitlab-Token":
            continue
        nearly = right[name][:-6] + ("b" if right[name][-6] != "b" else "c") + right[name][-5:]
        yield body, {**right, **dict.fromkeys(signed, nearly)}
    if receiver.sign not in (hooks.gitlab, hooks.bearer):
        yield body + b" ", right
        yield body.replace(b"0a1b2c", b"0a1b2d"), right
    if receiver.sign in (hooks.standard, hooks.gitlab_signed):
        yield body, {**right, "webhook-id": "d-2"}
        yield body, {**right, "webhook-timestamp": str(int(time.time()) + 1)}
        for seconds in (-301, 330):
            yield body, receiver.sign(body, at=time.time() + seconds)


@pytest.mark.parametrize("sender", [sender for sender in SENDERS if sender != "none"])
def test_what_is_not_genuine_is_refused_and_starts_nothing(sluice, sender):
    receiver = Receiver(sluice, sender)
    count = 0
    for body, headers in wrong_ones(receiver):
        assert receiver.send(body, headers) == (401, UNKNOWN), headers
        count += 1
    assert receiver.send(name="no-such-pipeline") == (401, UNKNOWN)
    assert count >= 3 and receiver.runs() == [] and receiver.rows("SELECT * FROM triggers") == []
    refused = receiver.deliveries("--outcome", "refused")
    assert len(refused) == count + 1 and refused[0]["pipeline"] == "no-such-pipeline"
    assert all(one["reason"] and one["status"] == 401 for one in refused)
    assert receiver.send()[0] == 202


def test_a_hook_that_is_not_there_answers_as_one_that_refuses(sluice):
    """The same bytes, and as soon."""
    receiver = Receiver(sluice)
    body = b'{"a": "' + b"x" * 200000 + b'"}'
    headers = hooks.github(body, secret="another")
    took = {"wine": [], "wines": []}
    answers = {}
    for _ in range(40):
        for name, times in took.items():
            begun = time.perf_counter()
            status, head, answer = receiver.server.ask("POST", f"/hooks/{name}", body, headers)
            times.append(time.perf_counter() - begun)
            answers[name] = (status, answer, [(key, value) for key, value in head.items() if key != "Date"])
    assert answers["wine"] == answers["wines"]
    there, absent = (sorted(times)[len(times) // 2] for times in took.values())
    assert 0.5 < there / absent < 2, took


def test_public_keys_of_standard_webhooks_verify_too(sluice):
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    key = ed25519.Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    receiver = Receiver(sluice, "standard", secret=False)
    with_input(sluice, "whpk_" + base64.b64encode(public).decode(), "secrets", "set", "HOOK", "-")
    body, at = json.dumps(MAIN).encode(), str(int(time.time()))
    signature = base64.b64encode(key.sign(f"d-1.{at}.".encode() + body)).decode()
    headers = {"webhook-id": "d-1", "webhook-timestamp": at, "webhook-signature": "v1a," + signature}
    assert receiver.send(body, {**headers, "webhook-id": "d-2"})[0] == 401
    assert receiver.send(body, hooks.standard(body))[0] == 401
    assert receiver.send(body, headers)[0] == 202


def test_a_form_of_github_is_read_as_its_payload(sluice):
    receiver = Receiver(sluice)
    body = urllib.parse.urlencode({"payload": json.dumps(MAIN)}).encode()
    headers = {**hooks.github(body), "Content-Type": "application/x-www-form-urlencoded"}
    assert receiver.send(body, headers)[0] == 202
    wait_until(lambda: receiver.said() == ["0a1b2c push"])


def test_what_the_pipeline_does_not_want_is_answered_well(sluice):
    """GitLab turns off what answers with 4xx: what is genuine never is."""
    receiver = Receiver(sluice)
    for number, body in enumerate(({"ref": "refs/heads/other"}, {"zen": "no ref"}, [], b"", b"no JSON", b"{",
                                   b'{"ref": 1, "ref": 2}', b"\xff\xfe", b"[" * 100000, b"9" * 100000)):
        status, answer = receiver.send(body, delivery=f"d-{number}")
        assert status == 200 and answer["status"] == "ignored" and answer["reason"], (body, answer)
    status, answer = receiver.send(delivery="p", kind="ping")
    assert status == 200 and answer["status"] == "ignored" and "ping" in answer["reason"]
    assert receiver.runs() == []
    assert {one["outcome"] for one in receiver.deliveries()} == {"ignored"}
    status, answer = receiver.send({"ref": "refs/heads/other"}, delivery="d-0")
    assert status == 200 and answer["status"] == "duplicate"


def test_an_error_of_an_expression_is_told_and_starts_nothing(sluice):
    text = hooks.pipeline(sluice, "github").replace("if: event.body.ref == 'refs/heads/main'",
                                                    "if: event.body.n > 'x'")
    receiver = Receiver(sluice, text=text)
    status, answer = receiver.send({"n": 1})
    assert status == 200 and answer["status"] == "ignored" and "'if' of the trigger" in answer["reason"]
    assert receiver.runs() == []


def at_once(receiver, count, **sign):
    answers = []
    ready = threading.Barrier(count)

    def send():
        ready.wait()
        answers.append(receiver.send(**sign))

    threads = [threading.Thread(target=send) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize("sender", ["github", "standard"])
def test_the_same_delivery_many_times_in_flight_starts_one_run(sluice, sender):
    receiver = Receiver(sluice, sender)
    for round_number in range(1, 6):
        answers = at_once(receiver, 16, delivery=f"r-{round_number}")
        assert sorted(status for status, _ in answers) == [200] * 15 + [202]
        assert len({answer["trigger"] for _, answer in answers}) == 1
        wait_until(lambda: len(receiver.said()) == round_number)
    assert len(receiver.runs()) == 5


def test_deliveries_without_an_id(sluice):
    """What is signed is then known by its body; a token says nothing of that, and each is another."""
    receiver = Receiver(sluice)
    body = json.dumps(MAIN).encode()
    headers = {name: value for name, value in hooks.github(body).items() if name != "X-GitHub-Delivery"}
    assert [receiver.send(body, headers)[0] for _ in range(2)] == [202, 200]
    sluice.write("pipelines/beer.yaml", hooks.pipeline(sluice, "bearer", "beer"))
    headers = {"Authorization": "Bearer " + SECRET}
    wait_until(lambda: receiver.send(body, headers, name="beer")[0] == 202)
    assert receiver.send(body, headers, name="beer")[0] == 202
    wait_until(lambda: len(receiver.said()) == 3)


def test_nothing_of_a_secret_is_kept_and_bodies_are_sealed(sluice):
    receiver = Receiver(sluice, "gitlab")
    body = {**MAIN, "plain": "words that stand nowhere"}
    assert receiver.send(body)[0] == 202
    assert receiver.send(body, {**hooks.gitlab(b"", secret="a wrong token of nobody"), "Cookie": "crumbs"})[0] == 401
    wait_until(lambda: receiver.said())
    shown = "".join(sluice("deliveries", "show", number, expect=0).out for number in (1, 2))
    assert "x-gitlab-event-uuid: d-1" in shown
    for option in ("", "--json"):
        shown += "".join(sluice("deliveries", *words, *([option] if option else []), expect=0).out
                         for words in (["list"], ["show", "1"], ["show", "2"]))
    stored = b"".join(path.read_bytes() for path in sluice.home.glob("sluice.db*"))
    for word in (SECRET, "a wrong token of nobody", "crumbs", "words that stand nowhere"):
        assert word not in shown and word.encode() not in stored, word
    assert json.loads(sluice("deliveries", "show", "1", "--body", expect=0).out) == body
    assert json.loads(sluice("deliveries", "show", "2", "--body", expect=0).out) == body


# ---- replaying ---------------------------------------------------------------------------------------------------


def test_a_delivery_is_replayed_by_the_pipeline_of_today(sluice):
    receiver = Receiver(sluice)
    assert receiver.send({"ref": "refs/heads/next", "after": "77"})[1]["status"] == "ignored"
    text = hooks.pipeline(sluice, "github").replace("refs/heads/main", "refs/heads/next")
    sluice.write("pipelines/wine.yaml", text)
    wait_until(lambda: "next" in receiver.rows("SELECT settings FROM subscriptions")[0][0])
    assert receiver.send({"ref": "refs/heads/next", "after": "77"})[1]["status"] == "duplicate"
    replayed = sluice("deliveries", "replay", "1", "--json", expect=0).json
    assert replayed["status"] == "accepted" and replayed["delivery"] == 3
    wait_until(lambda: receiver.said() == ["77 push"])
    assert sluice("deliveries", "replay", "1", expect=0).out.startswith("delivery 4 accepted")
    wait_until(lambda: len(receiver.said()) == 2)
    newest = receiver.deliveries()[0]
    assert (newest["replay_of"], newest["status"]) == (1, 0) and newest["actor"]
    assert [row["action"] for row in sluice("activity", "--json", expect=0).json if
            row["action"] == "delivery.replayed"] == ["delivery.replayed"] * 2
    assert sluice("activity", "verify").code == 0


def test_a_refused_delivery_is_verified_again_when_it_is_replayed(sluice):
    receiver = Receiver(sluice, "standard")
    body = json.dumps(MAIN).encode()
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()
    headers = hooks.standard(body, secret=other, delivery="late")
    assert receiver.send(body, headers)[0] == 401
    refused = sluice("deliveries", "replay", "1")
    assert refused.code == 1 and "was refused, and is not genuine by today's secret either" in refused.err
    with_input(sluice, other, "secrets", "set", "HOOK", "-")
    assert sluice("deliveries", "replay", "1", "--json", expect=0).json["status"] == "accepted"
    wait_until(lambda: receiver.said() == ["0a1b2c "])


def test_a_token_is_not_kept_so_somebody_has_to_say_that_it_was_right(sluice):
    receiver = Receiver(sluice, "gitlab")
    assert receiver.send(secret="the one before the last")[0] == 401
    assert "--trust" in sluice("deliveries", "replay", "1").err
    assert sluice("deliveries", "replay", "1", "--trust", "--json", expect=0).json["status"] == "accepted"
    wait_until(lambda: receiver.said() == ["0a1b2c Push Hook"])


def test_what_cannot_be_replayed_is_said_in_words(sluice):
    receiver = Receiver(sluice)
    receiver.send()
    receiver.send()
    for arguments, words in ((["2"], "it is a duplicate, of which the first may be replayed"), (["9"], "no delivery 9"),
                             (["x"], "DELIVERY, as 'sluice deliveries list' numbers them")):
        result = sluice("deliveries", "replay", *arguments)
        assert result.code in (1, 2) and words in result.err, result
    (sluice.folder / "pipelines/wine.yaml").unlink()
    wait_until(lambda: receiver.rows("SELECT * FROM subscriptions") == [])
    assert "is not in force" in sluice("deliveries", "replay", "1").err
    receiver.server.stop()
    assert "no 'sluice serve' has the home" in sluice("deliveries", "replay", "1").err


# ---- who may ------------------------------------------------------------------------------------------------------


def test_a_hook_needs_no_user_and_other_routes_do(sluice):
    receiver = Receiver(sluice)
    receiver.server.stop()
    add_user(sluice, "alice", ALICE, "--admin")
    receiver.serve()
    assert receiver.server.ask("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0")[0] == 401
    assert receiver.send()[0] == 202
    assert receiver.send(secret="another")[0] == 401


def test_other_methods_and_paths_are_not_there(sluice):
    receiver = Receiver(sluice)
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        status, headers, _ = receiver.server.ask(method, "/hooks/wine", None if method == "GET" else b"{}")
        assert status == 405 and headers["Allow"] == "POST"
    for path in ("/hooks/", "/hooks/wine/", "/hooks/wine/x", "/hooks/%77ine", "/hooks/WINE", "/hooks/" + "a" * 5000,
                 "/hooks/..", "/hooks/wine%00"):
        body = json.dumps(MAIN).encode()
        assert receiver.server.ask("POST", path, body, hooks.github(body))[0] == 401, path
    assert receiver.server.ask("POST", "/hooks", b"{}")[0] == 404
    assert receiver.runs() == [] and receiver.server.is_alive()


def test_a_page_cannot_send_to_a_hook_that_verifies_nothing(sluice):
    receiver = Receiver(sluice, "none")
    page = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
    assert receiver.send(headers=page) == (401, UNKNOWN)
    assert receiver.send(headers={"Host": "evil.example"}) == (401, UNKNOWN)
    assert receiver.send(headers={})[0] == 202
    assert {one["reason"] for one in receiver.deliveries("--outcome", "refused")} == {
        "a web page of somebody else sent it"}


def test_a_signed_delivery_may_come_through_any_name_of_the_server(sluice):
    receiver = Receiver(sluice)
    body = json.dumps(MAIN).encode()
    assert receiver.send(body, {**hooks.github(body), "Host": "hooks.example.com"})[0] == 202


def test_the_port_of_steps_has_no_hooks(sluice):
    text = """\
        name: asks
        on: {webhook: {verify: none}}
        steps:
          ask:
            run: |
              curl -s -o /dev/null -w '%{http_code}' -X POST "$MLFLOW_TRACKING_URI/hooks/asks" -d '{}' > "FOLDER/code"
        """.replace("FOLDER", str(sluice.folder))
    receiver = Receiver(sluice, "none", name="asks", text=text)
    assert receiver.send()[0] == 202
    path = sluice.folder / "code"
    wait_until(lambda: path.exists() and path.read_text() == "404")


def test_our_own_webhooks_are_taken(sluice):
    """What one sluice tells, another takes: here it is the same."""
    sluice.write(".sluice/config.yaml", "webhooks: {allow: [127.0.0.1], http: true}\n")
    text = """\
        name: told
        on:
          webhook:
            verify: mlflow
            secret: ${{ secrets.HOOK }}
            if: event.type == 'model_version_alias.created' && event.body.data.alias == 'champion'
            params: {version: "${{ event.body.data.version }}"}
        params: {version: {default: ''}}
        steps:
          say: {run: 'echo ${{ params.version }} > "FOLDER/said"'}
        """.replace("FOLDER", str(sluice.folder))
    receiver = Receiver(sluice, "mlflow", name="told", text=text)
    server = receiver.server
    server.api("POST", "/webhooks", {"name": "own", "url": server.url + "/hooks/told", "secret": SECRET, "events": [
        {"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"}]})
    server.api("POST", "/registered-models/create", {"name": "wine"})
    server.api("POST", "/model-versions/create", {"name": "wine", "source": "s3://a/b"})
    for alias in ("other", "champion"):
        server.api("POST", "/registered-models/alias", {"name": "wine", "alias": alias, "version": "1"})
    wait_until(lambda: receiver.said() == ["1"])
    wait_until(lambda: sorted(one["outcome"] for one in receiver.deliveries()) == ["accepted", "ignored"])
