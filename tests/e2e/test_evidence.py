# SPDX-License-Identifier: Apache-2.0
"""What an auditor gets of a version, and that no change of it stays hidden."""
import hashlib
import json
import os
import shutil

import pytest
from guarding import activity, guards, make_version, me, promote
from serving import Server

LEGAL = {"model": "wine*", "alias": "champion", "approvals": {"group:legal": 1}, "gate": "green"}


@pytest.fixture
def evidence(sluice):
    """The folder of version 2, which was judged, approved, set and deployed."""
    guards(sluice, LEGAL)
    make_version(sluice)
    make_version(sluice, "two")
    promote(sluice, 2, expect=5)
    sluice("approve", "promote/1", "-m", "fine", expect=0)
    sluice("resume", expect=0)
    sluice.pipeline(f"name: d\nsteps:\n  put: {{uses: deploy, with: {{model: models:/wine/2, "
                    f"target: {{directory: {sluice.folder}/srv}}}}}}\n")
    sluice.run()
    sluice("models", "comment", "wine/2", "reads well", expect=0)
    sluice("evidence", "wine/2", "-o", "audit", expect=0)
    return sluice.folder / "audit"


def verify(sluice, folder="audit", *options, expect=0):
    return sluice("evidence", "verify", folder, *options, expect=expect)


def load(folder, name):
    return json.loads((folder / name).read_text())


def test_it_has_what_an_auditor_asks_for(sluice, evidence):
    version, run = load(evidence, "version.json"), load(evidence, "run.json")
    assert version["model"] == "wine" and version["version"] == 2 and version["aliases"] == ["champion"]
    assert {one["path"]: one["sha256"] for one in version["files"]}["weights"] == hashlib.sha256(b"two").hexdigest()
    assert run["pipeline_run"]["params"] == {"limit": 1, "content": "two"}
    assert "uses: evaluate" in (evidence / "pipeline.yaml").read_text()
    gate, = load(evidence, "gates.json")
    assert gate["passed"] is True and gate["record"]
    approval, = load(evidence, "approvals.json")
    assert approval["status"] == "met" and approval["votes"][0]["actor"] == me()
    assert approval["votes"][0]["reason"] == "fine"
    history = load(evidence, "history.json")
    assert [move["alias"] for move in history["moves"]] == ["champion"]
    assert [row["state"] for row in history["deployments"]] == ["deployed"]
    assert [row["text"] for row in history["comments"]] == ["reads well"]
    rows = [json.loads(line) for line in (evidence / "activity.jsonl").read_text().splitlines()]
    assert {"config.loaded", "model.registered", "gate.passed", "approval.requested", "approval.approved",
            "alias.moved", "deployment.deployed", "model.commented"} <= {row["action"] for row in rows}
    note = activity(sluice, "evidence.written")[0]
    assert note["actor"] == me() and note["object"] == "model wine/2"


def test_it_is_checked_without_the_home(sluice, evidence, tmp_path):
    shutil.copy(sluice.home / "key", tmp_path / "kept.key")
    head = load(evidence, "manifest.json")["head"]
    shutil.move(sluice.home, tmp_path / "elsewhere")
    plain = verify(sluice).out
    assert "who wrote them is not proved" in plain
    proved = verify(sluice, "audit", "--key", tmp_path / "kept.key", "--head", head, "--json").json
    assert proved["holds"] and proved["signed"] and proved["meets_head"] and proved["files"] == 8
    assert "are what the home's key had written" in verify(sluice, "audit", "--key", tmp_path / "kept.key").out


def test_a_change_of_any_byte_of_any_file_is_found(sluice, evidence):
    names = sorted(path.name for path in evidence.iterdir())
    assert names == ["README.md", "activity.jsonl", "approvals.json", "gates.json", "history.json", "manifest.hmac",
                     "manifest.json", "manifest.sha256", "pipeline.yaml", "run.json", "version.json"]
    for name in names:
        good = (evidence / name).read_bytes()
        places = {0, len(good) // 3, len(good) // 2, len(good) - 1}
        for place in sorted(places):
            bad = bytearray(good)
            bad[place] ^= 1
            (evidence / name).write_bytes(bytes(bad))
            keyed = verify(sluice, "audit", "--key", ".sluice/key", expect=1)
            assert keyed.err.startswith("sluice: "), (name, place)
            if name != "manifest.hmac":  # which nobody without the key can check
                verify(sluice, expect=1)
        for changed in (good + b" ", good[:-1], b""):
            (evidence / name).write_bytes(changed)
            verify(sluice, "audit", "--key", ".sluice/key", expect=1)
        (evidence / name).unlink()
        verify(sluice, expect=1)
        (evidence / name).write_bytes(good)
    (evidence / "more.json").write_text("{}")
    assert "'more.json' is not in the manifest" in verify(sluice, expect=1).err
    (evidence / "more.json").unlink()
    verify(sluice)


def put_link(folder, name, target):
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(target)


@pytest.mark.parametrize("change", [
    lambda folder: (folder / "more").write_text(""),
    lambda folder: (folder / ".hidden").write_text(""),
    lambda folder: (folder / "empty").mkdir(),
    lambda folder: put_link(folder, "more", "README.md"),
    lambda folder: put_link(folder, "more", "/etc/passwd"),
    lambda folder: put_link(folder, "README.md", (folder / "README.md").rename(folder.parent / "elsewhere")),
    lambda folder: put_link(folder, "manifest.hmac", (folder / "manifest.hmac").rename(folder.parent / "elsewhere")),
    lambda folder: put_link(folder, "gates.json", "/dev/zero"),
    lambda folder: (folder / "gates.json").unlink(),
    lambda folder: ((folder / "gates.json").unlink(), os.mkfifo(folder / "gates.json")),
    lambda folder: ((folder / "gates.json").unlink(), (folder / "gates.json").mkdir()),
    lambda folder: os.truncate(folder / "gates.json", 1 << 33),
], ids=["added", "hidden", "folder", "link-added", "link-out", "link", "link-of-hmac", "device", "gone", "fifo",
        "folder-instead", "huge"])
def test_what_is_no_file_of_the_manifest_is_found(sluice, evidence, change):
    change(evidence)
    found = verify(sluice, "audit", "--key", sluice.home / "key", expect=1)
    assert found.err.startswith("sluice: ") and found.err.count("\n") == 1, found.err


def rewrite(folder, name, text):
    """Somebody who changes a file, and the manifest after it, but has no key."""
    (folder / name).write_text(text)
    manifest = load(folder, "manifest.json")
    manifest["files"][name] = {"sha256": hashlib.sha256(text.encode()).hexdigest(), "size_bytes": len(text.encode())}
    whole = json.dumps(manifest)
    (folder / "manifest.json").write_text(whole)
    (folder / "manifest.sha256").write_text(hashlib.sha256(whole.encode()).hexdigest() + "\n")


def test_whoever_writes_the_manifest_anew_is_found_with_the_key(sluice, evidence):
    rewrite(evidence, "approvals.json", (evidence / "approvals.json").read_text().replace("fine", "mine"))
    verify(sluice)  # As it says: without the key that is not proved.
    assert "manifest.hmac" in verify(sluice, "audit", "--key", ".sluice/key", expect=1).err


def test_a_row_of_the_log_that_was_made_up_has_no_chain(sluice, evidence):
    rows = (evidence / "activity.jsonl").read_text().splitlines()
    head = load(evidence, "manifest.json")["head"]
    last = json.loads(rows[-1])
    last["chain"] = "0" * 64
    rewrite(evidence, "activity.jsonl", "\n".join([*rows[:-1], json.dumps(last)]) + "\n")
    assert "had the published head" in verify(sluice, "audit", "--head", head, expect=1).err
    assert "is not among those" in verify(sluice, "audit", "--head", "9999:" + "0" * 64, expect=1).err


def test_it_is_written_into_a_folder_of_its_own_and_beside_a_server(sluice, evidence):
    assert "is not empty" in sluice("evidence", "wine/2", "-o", "audit").err
    assert "-o" in sluice("evidence", "wine/2", expect=2).err
    assert "expected MODEL/VERSION" in sluice("evidence", "wine", "-o", "x", expect=2).err
    assert "there is no version 9" in sluice("evidence", "wine/9", "-o", "x").err and not (sluice.folder / "x").exists()
    server = Server(sluice)
    sluice("evidence", "wine/1", "-o", "other", expect=0)
    server.stop()
    verify(sluice, "other", "--key", ".sluice/key")
    assert load(sluice.folder / "other", "history.json")["moves"] == []
    assert len(activity(sluice, "evidence.written")) == 2
