# SPDX-License-Identifier: Apache-2.0
"""Links by which somebody decides once without a login, as those use them who get them, and those who should not."""
import concurrent.futures
import json
import re
import signal
import sqlite3
import urllib.parse

import pytest
from guarding import me
from rest import Rest, user, with_admin
from serving import Server

ASKING = """\
    name: asking
    steps:
      make: {run: "echo made"}
      ask: {needs: [make], uses: approve, with: {%s}}
      use: {needs: [ask], run: "echo used"}
    """
CONFIG = """\
external_url: https://sluice.example/base/
groups: {leads: [bob, carol], risk: [dora]}
auth: {default_permission: EDIT}
"""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def team(sluice):
    """Starts a pipeline's run; gives the admin's view of the server, which has bob and carol as users."""
    def start(asks="", config=CONFIG):
        sluice.pipeline(ASKING % asks)
        sluice.write(".sluice/config.yaml", config)
        sluice.run(expect=5)
        alice = with_admin(sluice)
        for name in ("bob", "carol"):
            user(alice, sluice, name, "--scope", "write")
        return alice
    return start


def make(alice, person="bob", **more):
    """The path behind the link."""
    [approval] = alice.get("/approvals")["approvals"]
    made = alice.post(f"/approvals/{approval['approval_id']}/links", {"for": person, **more}, 201)
    assert made["url"].startswith("https://sluice.example/base/approve/sluice_") and made["for"] == person
    return urllib.parse.urlparse(made["url"]).path.removeprefix("/base")


def look(server, path):
    status, headers, body = server.ask("GET", path)
    return status, headers, body.decode()


def say(server, path, decision, reason="", **more):
    form = urllib.parse.urlencode({"decision": decision, "reason": reason}).encode()
    status, _, body = server.ask("POST", path, form, {**FORM, **more})
    return status, body.decode()


def test_looking_changes_nothing_and_a_word_counts_once(team, sluice):
    alice = team('by: ["group:leads"], message: "is it good?"')
    path, server = make(alice), alice.server
    for _ in range(3):  # what looks into mails opens what it finds there
        status, headers, page = look(server, path)
        assert status == 200 and "is it good?" in page and "<dd>bob</dd>" in page
    assert server.ask("HEAD", path)[0] == 200
    [approval] = alice.get("/approvals")["approvals"]
    assert approval["votes"] == [] and approval["evidence_sha256"] in page
    assert headers["Referrer-Policy"] == "no-referrer" and headers["Cache-Control"] == "no-store"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "script" not in policy
    assert "<script" not in page and "form-action 'self'" in policy
    assert headers.get_all("Referrer-Policy") == ["no-referrer"]
    status, page = say(server, path, "approve", "looks right")
    assert status == 200 and "You have approved asking/1. It goes on." in page
    assert alice.wait(approval["run_id"])["status"] == "succeeded"
    [ended] = alice.get("/approvals?status=all")["approvals"]
    [vote] = ended["votes"]
    assert (vote["actor"], vote["login"], vote["decision"], vote["reason"]) == ("bob", "link", "approve", "looks right")
    [row] = alice.get("/activity?action=approval.approved")["activity"]
    assert (row["actor"], row["means"], row["address"]) == ("bob", "link", "127.0.0.1")
    [made] = alice.get("/activity?action=approval.link_made")["activity"]
    assert made["actor"] == "alice" and "for bob" in made["reason"]
    for status, page in (say(server, path, "reject", "no"), look(server, path)[::2]):
        assert status == 410 and "This link was used" in page
    assert "bob (link)" in sluice("approvals", "--all", expect=0).out


def test_who_may_decide_is_said_as_the_command_line_says_it(team, sluice):
    alice = team('by: {"group:leads": 2, "group:risk": 1}')
    page = look(alice.server, make(alice))[2]
    assert "<dt>Who may decide</dt><dd>2 of group:leads, 1 of group:risk</dd>" in page
    assert "2 of group:leads, 1 of group:risk" in sluice("approvals", expect=0).out


def test_a_page_fits_a_telephone_and_who_likes_it_dark(team):
    """No name widens it, letters are of the size that the telephone has, and colours are those of the browser."""
    alice = team()
    for path in (make(alice), "/approve/none"):
        page = look(alice.server, path)[2]
        assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
        assert "color-scheme:light dark" in page and "overflow-wrap:anywhere" in page


def test_a_rejection_needs_a_reason_and_ends_it(team):
    alice = team()
    path = make(alice)
    status, page = say(alice.server, path, "reject", "  ")
    assert status == 422 and '<p role="alert">A rejection needs a reason' in page and "<form" in page
    assert say(alice.server, path, "maybe", "so")[0] == 422
    assert say(alice.server, path, "reject", "x" * 5000)[0] == 422
    assert alice.server.ask("POST", path, b"{}", {"Content-Type": "application/json"})[0] == 415
    assert alice.server.ask("POST", path, b"decision=approve&reason=%ff%00", FORM)[0] == 422
    assert alice.server.ask("POST", path, b"decision=approve&reason=" + b"x" * 60000, FORM)[0] in (413, 422)
    run = alice.get("/approvals")["approvals"][0]["run_id"]
    status, page = say(alice.server, path, "reject", "recall <b>fell</b>")
    assert status == 200 and "It ends here." in page
    assert alice.wait(run)["verdict"] == "refused"


def test_names_and_texts_are_text(sluice):
    evil = '<script>alert(1)</script>"\'&'
    sluice.pipeline(ASKING % f"message: {json.dumps(evil)}")
    sluice.write(".sluice/config.yaml", CONFIG)
    sluice.run(expect=5)
    alice = with_admin(sluice)
    user(alice, sluice, "<img src=x>", "--scope", "write")
    path = make(alice, "<img src=x>")
    page = look(alice.server, path)[2]
    assert "<script" not in page and "<img" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;" in page
    assert "&lt;img src=x&gt;" in page
    assert "<img" not in say(alice.server, path, "reject", "<img>")[1]


def test_a_token_that_is_none_tells_nothing_and_stands_in_no_log(team, sluice):
    alice = team()
    path, server = make(alice), alice.server
    secret, _, signature = path.partition("/approve/")[2].partition(".")
    other = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    wrong = [path[:-1] + ("0" if path[-1] != "0" else "1"), "/approve/" + secret, "/approve/", "/approve/x.y",
             "/approve/" + secret + "." + "0" * 64, "/approve/" + other + "." + signature,
             "/approve/" + secret + "." + signature + "0", path + "/", "/approve/" + "a" * 5000, "/approve/%00"]
    answers = {(status, re.sub(r"nonce-?=?\S+", "", page)) for status, _, page in (look(server, one) for one in wrong)}
    assert {status for status, _ in answers} <= {404, 414, 400} and (404 in {status for status, _ in answers})
    assert len({page for status, page in answers if status == 404}) == 1
    assert say(server, wrong[0], "approve")[0] == 404
    assert len(alice.get("/approvals")["approvals"][0]["votes"]) == 0
    assert look(server, path)[0] == 200
    alice.get("/runs")
    assert server.is_alive()
    said = server.stop()
    everything = said + sluice("activity", "--json", "--limit", 1000, expect=0).out
    database = b"".join(part.read_bytes() for part in sluice.home.glob("sluice.db*"))
    for part in (secret, signature):
        assert part not in everything and part.encode() not in database


def test_guesses_are_few(team):
    alice = team()
    path = make(alice)
    seen = [look(alice.server, f"/approve/sluice_{n:043}.{n:064}")[0] for n in range(40)]
    assert seen[:30] == [404] * 30 and seen[-1] == 429
    status, headers, _ = look(alice.server, "/approve/x")
    assert status == 429 and headers["Retry-After"]
    assert look(alice.server, path)[0] == 429  # nobody was good from here yet


def test_who_opens_good_ones_is_not_held_up_by_those_who_guess(team):
    alice = team()
    path = make(alice)
    assert look(alice.server, path)[0] == 200
    for n in range(60):
        look(alice.server, f"/approve/{n}")
    assert look(alice.server, path)[0] == 200


def test_two_at_once_are_one_word(team):
    alice = team('by: ["group:leads"], quorum: 2')
    path = make(alice)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: say(alice.server, path, "approve", "me")[0], range(8)))
    assert sorted(answers) == [200] + [410] * 7
    [approval] = alice.get("/approvals")["approvals"]
    assert len(approval["votes"]) == 1 and approval["missing"] == "1 more"


def test_it_is_void_when_its_end_has_come(team, sluice):
    alice = team()
    path = make(alice, seconds=60)
    with sqlite3.connect(sluice.home / "sluice.db") as database:
        end, = database.execute("SELECT expires_ms - created_ms FROM approval_links").fetchone()
    assert end == 60000
    # Whoever writes the database without the key makes no link of it.
    alice.server.stop()
    with sqlite3.connect(sluice.home / "sluice.db") as database:
        database.execute("UPDATE approval_links SET expires_ms = expires_ms + 1")
    assert look(Server(sluice), path)[0] == 404


def test_a_link_dies_with_its_request(team):
    alice = team()
    path = make(alice)
    run = alice.get("/approvals")["approvals"][0]["run_id"]
    alice.post(f"/runs/{run}/cancel", expect=202)
    alice.wait(run)
    status, _, page = look(alice.server, path)
    assert status == 410 and "the request is withdrawn" in page
    assert say(alice.server, path, "approve")[0] == 410


def test_a_newer_link_takes_the_place_of_the_older(team):
    alice = team()
    first, second = make(alice), make(alice)
    assert look(alice.server, first)[0] == 410 and say(alice.server, first, "approve")[0] == 410
    other = make(alice, "carol")
    assert look(alice.server, second)[0] == look(alice.server, other)[0] == 200


def test_who_is_removed_or_may_no_more_has_no_word(team, sluice):
    alice = team('by: ["group:leads"]')
    bob, carol = make(alice), make(alice, "carol")
    sluice("users", "rm", "bob", expect=0)
    assert look(alice.server, bob)[0] == 403
    user(alice, sluice, "bob", "--scope", "write")  # another of that name
    status, page = say(alice.server, bob, "approve")
    assert status == 403 and "is no user any more" in page
    alice.server.stop()
    sluice.write(".sluice/config.yaml", CONFIG.replace(", carol", ""))
    server = Server(sluice)
    status, page = say(server, carol, "approve")
    assert status == 403 and "may not decide this" in page


def test_who_may_not_use_the_experiment_has_no_word(team, sluice):
    alice = team("", CONFIG.replace("EDIT", "USE"))
    path = make(alice)
    assert look(alice.server, path)[0] == 200
    alice.server.stop()
    sluice.write(".sluice/config.yaml", CONFIG.replace("EDIT", "READ"))
    assert say(Server(sluice), path, "approve")[0] == 403


def test_no_link_is_made_for_whom_it_would_be_of_no_use(team):
    alice = team("", CONFIG.replace("EDIT", "READ"))
    [approval] = alice.get("/approvals")["approvals"]
    status, _, answer = alice.ask("POST", f"/approvals/{approval['approval_id']}/links", {"for": "bob"})
    assert status == 422 and json.loads(answer)["message"] == (
        "a link is of no use to 'bob': Permission denied: user 'bob' has READ on experiment 1, and needs USE")


def test_what_was_reviewed_must_still_be_the_same(sluice):
    sluice.pipeline("""\
        name: asking
        steps:
          train:
            run: mkdir "$SLUICE_STEP_DIR/model" && echo 1 > "$SLUICE_STEP_DIR/model/w"
            model: {path: "${{ step.dir }}/model"}
          ask: {uses: approve, with: {of: "${{ steps.train.model_uri }}", by: [bob, carol], quorum: 2}}
        """)
    sluice.write(".sluice/config.yaml", CONFIG)
    sluice.run(expect=5)
    alice = with_admin(sluice)
    for name in ("bob", "carol"):
        user(alice, sluice, name, "--scope", "write")
    path = make(alice)
    weights = next(one for one in sluice.home.rglob("w") if "models" in str(one))
    weights.chmod(0o644)
    weights.write_text("2\n")
    status, page = say(alice.server, path, "approve", "fine")
    assert status == 409 and "has changed since: nothing was decided" in page
    assert alice.get("/approvals")["approvals"][0]["votes"] == []


def test_who_makes_links(team, sluice):
    alice = team('by: ["group:leads"], not_by: [starter]')
    [approval] = alice.get("/approvals")["approvals"]
    links = f"/approvals/{approval['approval_id']}/links"
    eve = user(alice, sluice, "eve", "--scope", "write")
    assert eve.post(links, {"for": "bob"}, 403)["code"] == "denied"
    assert Rest(alice.server, document=alice.document).raw("POST", links, {"for": "bob"})[0] == 401
    assert "may not decide this" in alice.post(links, {"for": "eve"}, 403)["message"]
    alice.post(links, {"for": "bob", "seconds": 5}, 400)
    alice.post(links, {"for": "bob"}, 422, key="k")
    alice.post("/approvals/99/links", {"for": "bob"}, 404)
    # Who started the run is kept from deciding, and from holding another's word.
    refused = sluice("approvals", "link", "asking/1", "--for", "bob", expect=6)
    assert f"'{me()}' may not decide this (not_by), and so makes no link for another" in refused.err


def test_the_command_line_makes_them_too(sluice):
    sluice.pipeline(ASKING % "")
    sluice.write(".sluice/config.yaml", "groups: {leads: [bob]}\n")
    sluice.run(expect=5)
    assert "external_url" in sluice("approvals", "link", "asking/1", "--for", "bob", expect=1).err
    sluice.write(".sluice/config.yaml", "groups: {leads: [bob]}\nexternal_url: http://localhost:5000\n")
    assert "for whom?" in sluice("approvals", "link", "asking/1", expect=2).err
    assert "1m to 30d" in sluice("approvals", "link", "asking/1", "--for", "bob", "--expires", "31d", expect=2).err
    assert "at step use" in sluice("approvals", "link", "asking/1", "use", "--for", "bob").err
    made = sluice("approvals", "link", "asking/1", "ask", "--for", "bob", "--expires", "2h", "--json", expect=0).json
    path = made["url"].removeprefix("http://localhost:5000")
    server = Server(sluice)  # whose home has no users: the name is whom the pipeline lets decide
    while_held = sluice("approvals", "link", "asking/1", "--for", "carol", "--json", expect=0).json
    assert look(server, while_held["url"].removeprefix("http://localhost:5000"))[0] == 200
    assert "<dd>bob</dd>" in look(server, path)[2]
    assert say(server, path, "approve")[0] == 200


def test_a_word_that_was_answered_survives_the_server(team, sluice):
    alice = team('by: ["group:leads"], quorum: 2')
    path = make(alice)
    assert say(alice.server, path, "approve", "me")[0] == 200
    alice.server.process.send_signal(signal.SIGKILL)
    alice.server.process.wait()
    server = Server(sluice)
    assert look(server, path)[0] == 410
    votes = sluice("approvals", "--json", expect=0).json[0]["votes"]
    assert [(vote["actor"], vote["login"]) for vote in votes] == [("bob", "link")]


@pytest.mark.parametrize("url", ["sluice.example", "ftp://x", "http://sluice.example", "https://", "https://a b",
                                 "https://x/?q", "https://user@x", "https://x:port", "https://x/#f", "https://[]"])
def test_an_address_that_no_link_could_have_is_refused_with_its_place(sluice, url):
    sluice.write(".sluice/config.yaml", f"groups: {{}}\nexternal_url: {json.dumps(url)}\n")
    sluice.pipeline("name: p\nsteps: {a: {run: 'true'}}\n")
    said = sluice("run")
    assert said.code != 0 and "config.yaml:2:15" in said.out + said.err, said
