# SPDX-License-Identifier: Apache-2.0
"""Events of channels: each told once, signed, in order, whoever dies when."""
import base64
import json
import signal
import threading
import time

import pytest
from certificates import Authority
from channels import FAILS, KEY, OLD_KEY, configure, deliveries, fails, mail_servers, states, team, types
from mail_server import context
from programs import wait_until


def test_events_of_a_run_come_in_order(sluice, receive):
    receiver = receive()
    team(sluice, receiver, more=', events: ["run.*", "step.*"]')
    sluice.pipeline("""
        name: wine
        steps:
          one: {run: "true"}
          two: {needs: [one], run: "true"}
          three: {if: "false", run: "true"}
        """)
    sluice.run()
    order = types(receiver)
    assert order[0] == "run.started" and order[-1] == "run.succeeded"
    assert sorted(order[1:-1]) == ["step.skipped"] + ["step.started"] * 2 + ["step.succeeded"] * 2
    assert len({told.json["id"] for told in receiver.deliveries}) == len(order)
    assert len({told.standard_id for told in receiver.deliveries}) == len(order)


def test_an_event_is_signed_by_both_keys_while_one_replaces_the_other(sluice, receive):
    receiver = receive()
    configure(sluice, f"""
        secrets: {{NEW: {{env: NEW}}, OLD: {{env: OLD}}}}
        channels:
          team:
            webhook: {receiver.url}
            secret: ["${{{{ secrets.NEW }}}}", "${{{{ secrets.OLD }}}}"]
            events: [run.*]
        """)
    sluice.pipeline("name: wine\nsteps: {a: {run: 'true'}}\n")
    sluice.run(env={"NEW": "whsec_" + KEY, "OLD": "whsec_" + OLD_KEY})
    assert types(receiver) == ["run.started", "run.succeeded"]
    for told in receiver.deliveries:
        assert told.is_standard(base64.b64decode(KEY)) and told.is_standard(base64.b64decode(OLD_KEY))
        assert not told.is_standard(b"another key, of 32 bytes .......")
        assert abs(int(told.headers["webhook-timestamp"]) - time.time()) < 60


def test_the_url_may_be_a_secret_and_is_shown_nowhere(sluice, receive):
    receiver = receive()
    configure(sluice, """
        secrets: {WHERE: {exec: [sh, -c, 'sleep 0.3; echo "$WHERE_IT_IS"'], ttl: 1h}}
        channels: {team: {slack: "${{ secrets.WHERE }}", events: [run.*]}}
        """)
    sluice.pipeline("name: wine\nsteps: {a: {run: 'true'}}\n")
    sluice.run(env={"WHERE_IT_IS": receiver.url + "/T0/B0/s3cret"})
    assert wait_until(lambda: len(receiver.deliveries) == 2)
    assert receiver.deliveries[0].path == "/hook/T0/B0/s3cret"
    shown = sluice("channels", "list", "--json").out + sluice("webhooks", "deliveries", "--json").out
    assert "s3cret" not in shown and "(secret WHERE)" in shown
    for path in sluice.home.iterdir():
        assert not path.is_file() or b"B0/s3cret" not in path.read_bytes(), path


def test_a_receiver_that_fails_gets_the_same_again(sluice, receive, serve):
    receiver = receive(lambda told: 200 if len(receiver.deliveries) > 2 else (429, {"Retry-After": "1"}, b""))
    team(sluice, receiver, more=", events: [run.failed]")
    fails(sluice, notify="")
    serve()
    sluice.run("-p", "code=3", expect=1)
    assert wait_until(lambda: states(sluice) == ["delivered"])
    assert len(receiver.deliveries) == 3
    assert len({(told.standard_id, told.body) for told in receiver.deliveries}) == 1
    assert receiver.deliveries[1].at - receiver.deliveries[0].at >= 0.95


def test_who_says_that_he_is_gone_gets_nothing_more(sluice, receive, serve):
    over = threading.Event()
    receiver = receive(lambda told: 410 if over.wait(60) else 500)
    team(sluice, receiver, more=', events: ["run.*"]')
    sluice.pipeline("name: wine\nsteps: {a: {run: 'true'}}\n")
    serve()
    sluice.run()
    over.set()  # what is told of the run's end waits by then
    assert wait_until(lambda: sluice("channels", "list", "--json").json[0]["state"] == "disabled")
    sluice.run()
    assert len(receiver.deliveries) == 1 and sorted(states(sluice)) == ["dropped", "failed"]
    assert "410" in sluice("channels", "list").out
    activity = sluice("activity", "--json").out
    assert "channel.disabled" in activity
    one = deliveries(sluice, "--state", "failed")[0]["delivery_id"]
    assert "is disabled" in sluice("webhooks", "redeliver", one).err
    receiver.answer = lambda told: 200
    sluice("channels", "enable", "team", expect=0)
    sluice("webhooks", "redeliver", one, expect=0)
    assert receiver.deliveries[1].standard_id == one
    assert "is not disabled" in sluice("channels", "enable", "team").err


@pytest.mark.parametrize("answer, words", [
    (lambda told: (302, {"Location": "/elsewhere"}, b""), "redirects are not followed"),
    (lambda told: 400, "it answered 400"),
])
def test_what_is_refused_for_good_is_a_dead_letter(sluice, receive, answer, words):
    receiver = receive(answer)
    team(sluice, receiver, more=", events: [run.failed]")
    fails(sluice, notify="")
    sluice.run("-p", "code=3", expect=1)
    dead = deliveries(sluice, "--state", "failed")
    assert len(dead) == 1 and words in dead[0]["error"] and len(receiver.deliveries) == 1


def test_CVE_2026_2393_channels(sluice, receive):
    """A channel that points into the machine gets nothing, unless config.yaml lets it."""
    receiver = receive()
    configure(sluice, f'channels: {{team: {{webhook: "{receiver.url}", events: [run.failed]}}}}',
              "webhooks: {http: true}\n")
    fails(sluice, notify="")
    sluice.run("-p", "code=3", expect=1)
    assert states(sluice) == ["failed"] and "loopback" in deliveries(sluice)[0]["error"] and not receiver.deliveries


def test_a_channel_that_is_taken_out_loses_what_waits_for_it(sluice, receive, serve):
    receiver = receive(lambda told: 503)
    team(sluice, receiver, more=", events: [run.failed]")
    fails(sluice, notify="")
    sluice.run("-p", "code=3", expect=1)
    assert states(sluice) == ["waiting"]
    configure(sluice, "")
    server = serve()
    assert states(sluice) == ["dropped"] and "no such channel any more" in deliveries(sluice)[0]["error"]
    sluice.run("-p", "code=3", expect=1)
    assert states(sluice) == ["dropped"]
    team(sluice, receiver, more=", events: [run.failed]")
    receiver.answer = lambda told: 200
    server.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: "active" in sluice("channels", "list").out)
    sluice.run("-p", "code=3", expect=1)
    assert wait_until(lambda: sorted(states(sluice)) == ["delivered", "dropped"])
    assert receiver.deliveries[-1].json["data"]["subject"] == "run wine 3"  # not of what was before there was one


def test_a_long_log_leaves_an_event_below_20_kB(sluice, receive):
    receiver = receive()
    team(sluice, receiver, more=", events: [run.failed]")
    sluice.pipeline("""
        name: wine
        steps:
          train:
            run: |
              for i in $(seq 40); do head -c 100000 /dev/zero | tr '\\0' '\\001'; echo; done
              printf '\\377\\376\\n'; exit 1
        """)
    sluice.run(expect=1)
    told = receiver.deliveries[0]
    assert len(told.body) < 20000 and told.json["data"]["failed"]["step"] == "train"


# --- whoever dies when ------------------------------------------------------------------------------------------------

def test_kill_9_between_commit_and_answer_sends_again_with_the_same_id(sluice, receive, serve):
    held = threading.Event()
    receiver = receive(lambda told: held.wait(60) and 200)
    team(sluice, receiver, more=", events: [run.failed]")
    fails(sluice, notify="")
    server = serve()
    sluice.run("-p", "code=3", expect=1)
    assert wait_until(lambda: len(receiver.deliveries) == 1)
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    held.set()
    serve()
    assert wait_until(lambda: states(sluice) == ["delivered"])
    assert len(receiver.deliveries) == 2
    assert len({(told.standard_id, told.json["id"]) for told in receiver.deliveries}) == 1


@pytest.mark.parametrize("point", ["in_telling", "before_commit", "after_commit", "after_act"])
def test_kill_9_loses_and_doubles_no_event(sluice, receive, point):
    receiver = receive()
    team(sluice, receiver, more=', events: ["run.*"]')
    sluice.pipeline("name: wine\nsteps: {a: {run: 'true'}, b: {needs: [a], run: 'true'}}\n")
    died = 0
    for nth in range(1, 9):
        result = sluice("run", "-q", env={"SLUICE_CRASH": f"{point}:{nth}"})
        died += result.code == -9
        if result.code == -9:
            sluice("webhooks", "redeliver", "zzz")  # whoever opens the home next takes it up
            wait_until(lambda: all(run["status"] in ("succeeded", "failed", "cancelled")
                                   for run in finish(sluice)))
    assert died > 0
    sluice("run", "-q", expect=0)
    events = [(told.json["data"]["run"]["run_id"], told.json["type"]) for told in receiver.deliveries]
    runs = {run["run_id"] for run in sluice("runs", "--json", "--limit", "100").json}
    ids = {told.json["id"] for told in receiver.deliveries}
    assert len(ids) == 2 * len(runs), events  # each once, whatever its tries
    assert set(events) == {(run, kind) for run in runs for kind in ("run.started", "run.succeeded")}


def finish(sluice):
    """Lets open runs go on to their end; all runs."""
    for run in sluice("runs", "--json", "--limit", "100").json:
        if run["status"] in ("queued", "running", "waiting"):
            sluice("resume", run["run_id"], "-q")
    return sluice("runs", "--json", "--limit", "100").json


# --- Slack ------------------------------------------------------------------------------------------------------------

def test_a_message_of_slacks_shape_calls_nobody(sluice, receive):
    receiver = receive()
    configure(sluice, f"""
        external_url: https://ml.example.org
        channels: {{team: {{slack: "{receiver.url}"}}}}
        """)
    sluice.pipeline("""
        name: wine
        notify: [{on: failed, to: team}]
        steps:
          train:
            run: |
              echo '<!channel> & <@U123> ``` *bold* https://evil.example.org #general'
              exit 2
        """)
    sluice.run(expect=1)
    message = receiver.deliveries[0].json
    assert message["text"] == "run wine 1 failed"
    blocks = [block["text"] for block in message["blocks"]]
    assert blocks[0] == {"type": "plain_text", "text": "run wine 1 failed"}
    line = "&lt;!channel&gt; &amp; &lt;@U123&gt; ''' *bold* https://evil.example.org #general"
    assert {"type": "mrkdwn", "text": f"```{line}```", "verbatim": True} in blocks
    assert all(block.get("verbatim") for block in blocks if block["type"] == "mrkdwn"), "nothing becomes a link"
    assert message["mrkdwn"] is message["unfurl_links"] is message["unfurl_media"] is False
    assert blocks[-1]["text"].startswith("<https://ml.example.org/api/sluice/v1/runs/")
    assert all(len(block["text"]) <= 3000 for block in blocks)
    assert "webhook-id" not in receiver.deliveries[0].headers


# --- e-mail -----------------------------------------------------------------------------------------------------------

@pytest.fixture
def authority(tmp_path):
    folder = tmp_path / "authority"
    folder.mkdir()
    return Authority(folder)


def by_mail(sluice, server, more=""):
    configure(sluice, f"""
        secrets: {{PASSWORD: {{env: MAIL_PASSWORD}}}}
        channels:
          mail: {{email: "{server.url}", from: sluice@example.org, to: [ada@example.org, bob@example.com]{more}}}
        """)
    fails(sluice, notify="notify: [{on: [failed], to: mail}]")


LOGIN = ', user: sluice, password: "${{ secrets.PASSWORD }}"'


@pytest.mark.parametrize("starttls", [True, False])
def test_a_mail_is_handed_over_encrypted_with_a_password(sluice, mail_servers, authority, starttls):
    server = mail_servers(tls=context(authority), starttls=starttls, users={"sluice": "a-pass-word"})
    by_mail(sluice, server, LOGIN)
    env = {"MAIL_PASSWORD": "a-pass-word", "SSL_CERT_FILE": authority.certificate}
    sluice.run("-p", "code=3", expect=1, env=env)
    assert states(sluice) == ["delivered"], deliveries(sluice)
    mail = server.mails[0]
    assert server.logins == [("sluice", "a-pass-word")] and mail.encrypted
    assert mail.envelope_from == "sluice@example.org"
    assert mail.envelope_to == ["ada@example.org", "bob@example.com"]
    assert mail["From"] == "sluice <sluice@example.org>" and mail["To"] == "ada@example.org, bob@example.com"
    assert mail["Subject"] == "run wine 1 failed" and mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == f"<{deliveries(sluice)[0]['delivery_id']}@example.org>"
    text = mail.get_content().replace("\r\n", "\n")
    assert "exited with code 3" in text and "\nline 30\n" in text and "\nline 10\n" not in text
    assert all(len(line) <= 998 for line in mail.raw.split(b"\r\n"))


def test_a_mail_in_any_language_without_a_line_too_many(sluice, mail_servers, authority):
    server = mail_servers(tls=context(authority))
    by_mail(sluice, server)
    sluice.pipeline("""
        name: wine
        notify: [{on: failed, to: mail}]
        steps:
          train:
            run: |
              echo 'Grüße, 葡萄酒 = 1'
              echo '.'
              echo '.point   '
              printf 'Bcc: eve@example.org\\r\\n\\r\\n'
              exit 2
        """)
    sluice.run(expect=1, env={"SSL_CERT_FILE": authority.certificate})
    mail = server.mails[0]
    lines = mail.get_content().splitlines()
    assert "Grüße, 葡萄酒 = 1" in lines and "." in lines and ".point   " in lines
    assert mail["Bcc"] is None and len(mail.envelope_to) == 2


def test_a_mail_that_is_tried_again_has_its_id(sluice, mail_servers, authority, serve):
    server = mail_servers(lambda mail: "451 later" if len(server.mails) < 3 else "250 taken", tls=context(authority))
    by_mail(sluice, server)
    serve(start=lambda *words: sluice.start(*words, env={"SSL_CERT_FILE": authority.certificate}))
    sluice.run("-p", "code=3", expect=1)
    assert wait_until(lambda: states(sluice) == ["delivered"])
    assert len(server.mails) == 3 and len({mail["Message-ID"] for mail in server.mails}) == 1
    assert len({mail.raw for mail in server.mails}) == 1


@pytest.mark.parametrize("case, words", [
    ("refuses", "answered 550"), ("password", "does not take the user's password"), ("certificate", "certificate"),
    ("plain", "does not encrypt"), ("down", "")])
def test_a_mail_that_cannot_be(sluice, mail_servers, authority, case, words):
    tls = None if case == "plain" else context(authority)
    users = {"sluice": "a-pass-word"} if case == "password" else None
    server = mail_servers(lambda mail: "550 no", tls=tls, users=users)
    by_mail(sluice, server, LOGIN if case == "password" else "")
    env = {"MAIL_PASSWORD": "another-word", "SSL_CERT_FILE": authority.certificate}
    if case == "certificate":
        del env["SSL_CERT_FILE"]
    if case == "down":
        server.close()
    sluice.run("-p", "code=3", expect=1, env=env)
    row = deliveries(sluice)[0]
    assert row["state"] == ("waiting" if case == "down" else "failed") and words in row["error"], row
    assert "another-word" not in json.dumps(row)
    assert not [mail for mail in server.mails if case != "refuses"]


def test_a_mail_may_go_unencrypted_when_config_yaml_says_so(sluice, mail_servers):
    server = mail_servers()
    by_mail(sluice, server, ", tls: false")
    sluice.run("-p", "code=3", expect=1)
    assert len(server.mails) == 1 and states(sluice) == ["delivered"]


# --- subscriptions ----------------------------------------------------------------------------------------------------

def test_who_subscribes_to_a_model_is_told_of_it(sluice, receive, serve):
    receiver = receive()
    team(sluice, receiver)
    server = serve()
    for name in ("wine", "beer"):
        server.api("POST", "/registered-models/create", {"name": name})
    sluice("models", "subscribe", "wine", "team", expect=0)
    for name in ("wine", "beer"):
        server.api("POST", "/model-versions/create", {"name": name, "source": "s3://b/m"})
        server.api("POST", "/registered-models/alias", {"name": name, "alias": "champion", "version": "1"})
        server.api("POST", "/model-versions/set-tag", {"name": name, "version": "1", "key": "k", "value": "v"})
        server.api("POST", "/model-versions/transition-stage",
                   {"name": name, "version": "1", "stage": "Production", "archive_existing_versions": False})
    sluice("models", "comment", "wine/1", "the residuals look odd", expect=0)
    assert wait_until(lambda: len(receiver.deliveries) == 6), types(receiver)
    assert types(receiver) == ["model.subscribed", "model_version.created", "alias.moved", "model_version_tag.set",
                               "stage.moved", "model.commented"]
    for told in receiver.deliveries:
        assert told.json["data"]["model"]["name"] == "wine"
    assert [told.json["data"]["model"].get("version") for told in receiver.deliveries] == [None] + ["1"] * 5
    assert receiver.deliveries[2].json["data"]["to"] == "1"
    assert receiver.deliveries[5].json["data"]["reason"] == "the residuals look odd"


def test_a_subscription_to_a_version_by_mail_goes_to_its_address(sluice, mail_servers, serve):
    server = mail_servers()
    by_mail(sluice, server, ", tls: false, trusts: [example.net]")
    home = serve()
    home.api("POST", "/registered-models/create", {"name": "wine"})
    for _ in range(2):
        home.api("POST", "/model-versions/create", {"name": "wine", "source": "s3://b/m"})
    sluice("models", "subscribe", "wine/2", "mail", "--address", "eve@example.net", expect=0)
    sluice("models", "comment", "wine/1", "of another", expect=0)
    sluice("models", "comment", "wine/2", "of this", expect=0)
    assert wait_until(lambda: len(server.mails) == 2)
    assert [mail.envelope_to for mail in server.mails] == [["eve@example.net"]] * 2
    assert "of this" in server.mails[1].get_content() and server.mails[1]["To"] == "eve@example.net"
    rows = sluice("models", "subscriptions", "wine", "--json", expect=0).json
    assert [(row["model"], row["version"], row["channel"], row["address"]) for row in rows] == [
        ("wine", 2, "mail", "eve@example.net")]
    sluice("models", "unsubscribe", rows[0]["subscription"], expect=0)
    assert "you have no subscription" in sluice("models", "unsubscribe", rows[0]["subscription"]).err
    assert sluice("models", "subscriptions", "--json", expect=0).json == []


@pytest.mark.parametrize("words, expected", [
    (["wine/9", "team"], "there is no version 9 of a registered model 'wine'"),
    (["wine", "teem"], "there is no channel 'teem'"),
    (["wine", "team", "--address", "a@b.c"], "only e-mail goes to an address"), (["wine/x", "team"], "MODEL/VERSION"),
    (["beer", "team"], "there is no registered model 'beer'")])
def test_a_subscription_that_cannot_be(sluice, receive, serve, words, expected):
    team(sluice, receive())
    server = serve()
    server.api("POST", "/registered-models/create", {"name": "wine"})
    result = sluice("models", "subscribe", *words)
    assert result.code != 0 and expected in result.err, repr(result)


# --- what is checked --------------------------------------------------------------------------------------------------

def test_an_unknown_channel_is_an_error_with_the_nearest_name(sluice, receive):
    team(sluice, receive())
    fails(sluice, notify="notify: [{on: [failed], to: taem}]")
    for command in ("validate", "run"):
        result = sluice(command)
        assert result.code != 0 and "there is no channel 'taem'" in result.out + result.err
        assert "did you mean 'team'?" in result.out + result.err, repr(result)


def test_an_unknown_channel_keeps_a_pipeline_out_of_force(sluice, receive, serve):
    team(sluice, receive())
    sluice.write("pipelines/wine.yaml", FAILS % "notify: [{on: [failed], to: taem}]")
    serve("--pipelines", "pipelines")
    assert wait_until(lambda: "there is no channel 'taem'" in sluice("activity", "--json").out)


@pytest.mark.parametrize("text, expected", [
    ("channels: {team: {}}", "exactly one of 'webhook', 'slack' and 'email'"),
    ("channels: {team: {webhook: 'https://a', slack: 'https://b'}}", "exactly one of"),
    ("channels: {team: {webhook: ftp://a}}", "expected https://HOST... or http://HOST..."),
    ("channels: {team: {webhook: 'https://a b'}}", "expected https://HOST"),
    ("channels: {Team: {webhook: 'https://a'}}", "is no name of a channel"),
    ("channels: {team: {webhook: 'https://a', secret: plain-text}}", "what signs stands in the file"),
    ("channels: {team: {webhook: 'https://a', from: a@b.c}}", "'from' belongs to channels of 'email'"),
    ("channels: {team: {email: 'smtp://a', to: [a@b.c]}}", "has no 'from'"),
    ("channels: {team: {email: 'smtp://a', from: a@b.c}}", "has no 'to'"),
    ("channels: {team: {email: 'smtp://a:b@c', from: a@b.c, to: a@b.c}}", "name or password stands in"),
    ('channels: {team: {email: "smtp://a", from: "a@b.c\\nBcc: e@f.g", to: a@b.c}}', "is no address"),
    ('channels: {team: {email: "smtp://a", from: a@b.c, to: ["a@b.c, e@f.g"]}}', "is no address"),
    ("channels: {team: {email: 'smtp://a', from: a@b.c, to: a@b.c, user: u}}", "belong together"),
    ("channels: {team: {email: 'smtp://a', from: a@b.c, to: a@b.c, user: u, password: plain}}",
     "a password stands"),
    ("channels: {team: {email: 'smtp://a', from: a@b.c, to: a@b.c, user: u, tls: false, "
     "password: '${{ secrets.P }}'}}", "without TLS the password could be read"),
    ("notify: [{on: [failed], to: team}]", "there is no channel 'team'"),
    ("channels: {team: {slack: 'https://a'}}\nnotify: [{on: [fail], to: team}]",
     "did you mean 'failed'?"),
    ("channels: {team: {slack: 'https://a'}}\nnotify: [{on: [always], to: team}]",
     "expected one of failed, recovered, refused"),
    ("channels: {team: {slack: 'https://a'}}\nnotify: [{to: team}]", "has no 'on'"),
    ("channels: {team: {slack: 'https://a'}}\nnotify: [{on: [], to: team}]", "expected at least one"),
])
def test_config_yaml_is_checked(sluice, text, expected):
    sluice.write(".sluice/config.yaml", text + "\n")
    result = sluice("config")
    assert result.code != 0 and expected in result.out + result.err, repr(result)


def test_a_test_from_the_terminal(sluice, receive):
    receiver = receive()
    team(sluice, receiver)
    sluice.pipeline("name: wine\nsteps: {a: {run: 'true'}}\n")
    sluice.run()
    assert "delivered: it answered 200" in sluice("channels", "test", "team", expect=0).out
    assert types(receiver) == ["channel.test"]
    receiver.answer = lambda told: 500
    assert sluice("channels", "test", "team", expect=1).out.endswith("it answered 500\n")
    assert "there is no channel" in sluice("channels", "test", "taem").err
    assert [row["state"] for row in deliveries(sluice, "team")] == ["failed", "delivered"]


# --- by REST ----------------------------------------------------------------------------------------------------------

def rest(server, method, path, body=None, expect=200):
    status, _, answer = server.ask(method, "/api/sluice/v1" + path, body)
    assert status == expect, (status, answer)
    return json.loads(answer)


def test_the_outbox_by_rest(sluice, receive, serve):
    receiver = receive(lambda told: 400)
    team(sluice, receiver, more=", events: [run.failed]")
    fails(sluice, notify="")
    server = serve()
    for _ in range(3):
        sluice.run("-p", "code=3", expect=1)
    assert wait_until(lambda: states(sluice) == ["failed"] * 3)
    assert rest(server, "GET", "/channels")["channels"] == [
        {"name": "team", "kind": "webhook", "state": "active", "disabled_at": None, "reason": ""}]
    page = rest(server, "GET", "/outbox?state=failed&limit=2")
    more = rest(server, "GET", f"/outbox?state=failed&limit=2&page_token={page['next_page_token']}")
    found = page["deliveries"] + more["deliveries"]
    assert len({row["delivery_id"] for row in found}) == 3 and more["next_page_token"] is None
    assert all(row["receiver"] == "channel/team" and row["event"] == "run.failed" for row in found)
    assert rest(server, "GET", "/outbox?receiver=channel/other")["deliveries"] == []
    receiver.answer = lambda told: 200
    one = found[0]["delivery_id"]
    assert rest(server, "POST", f"/outbox/{one}/redeliver", {}, 202)["state"] == "waiting"
    assert wait_until(lambda: sorted(states(sluice)) == ["delivered", "failed", "failed"])
    assert receiver.deliveries[-1].standard_id == one
    rest(server, "POST", "/outbox/3f0e8b1e-6f3d-4c55-9a52-7f1f0d8a3b11/redeliver", {}, 404)


def test_a_channel_is_tested_and_enabled_by_rest(sluice, receive, serve):
    receiver = receive(lambda told: 410)
    team(sluice, receiver, more=', events: ["run.*"]')
    sluice.pipeline("name: wine\nsteps: {a: {run: 'true'}}\n")
    server = serve()
    assert "is not disabled" in rest(server, "POST", "/channels/team/enable", {}, 409)["message"]
    sluice.run()
    assert wait_until(lambda: rest(server, "GET", "/channels")["channels"][0]["state"] == "disabled")
    receiver.answer = lambda told: 200
    test = rest(server, "POST", "/channels/team/test", {}, 202)
    assert (test["receiver"], test["event"], test["state"]) == ("channel/team", "channel.test", "waiting")
    assert wait_until(lambda: rest(server, "GET", "/outbox?state=delivered")["deliveries"])[0]["delivery_id"] == test[
        "delivery_id"]
    assert json.loads(receiver.deliveries[-1].body)["type"] == "channel.test"
    assert rest(server, "GET", "/channels")["channels"][0]["state"] == "disabled"
    assert rest(server, "POST", "/channels/team/enable", {}) == {
        "name": "team", "kind": "webhook", "state": "active", "disabled_at": None, "reason": ""}
    for verb in ("test", "enable"):
        rest(server, "POST", f"/channels/other/{verb}", {}, 404)
    actions = {row["action"] for row in rest(server, "GET", "/activity")["activity"]}
    assert {"channel.enabled", "webhook.tested"} <= actions


def test_subscriptions_by_rest(sluice, receive, serve):
    receiver = receive()
    team(sluice, receiver)
    server = serve()
    server.api("POST", "/registered-models/create", {"name": "wine"})
    rest(server, "POST", "/subscriptions", {"name": "beer", "channel": "team"}, 404)
    rest(server, "POST", "/subscriptions", {"name": "wine", "channel": "teem"}, 404)
    rest(server, "POST", "/subscriptions", {"name": "wine", "channel": "team", "address": "a@b.c"}, 409)
    made = rest(server, "POST", "/subscriptions", {"name": "wine", "channel": "team"}, 201)
    assert made["name"] == "wine" and made["version"] == 0 and made["actor"] == "anonymous"
    assert rest(server, "GET", "/subscriptions?name=wine")["subscriptions"] == [made]
    server.api("POST", "/model-versions/create", {"name": "wine", "source": "s3://b/m"})
    assert wait_until(lambda: "model_version.created" in types(receiver))
    rest(server, "DELETE", f"/subscriptions/{made['subscription_id']}")
    rest(server, "DELETE", f"/subscriptions/{made['subscription_id']}", expect=404)
    assert rest(server, "GET", "/subscriptions")["subscriptions"] == []
