# SPDX-License-Identifier: Apache-2.0
"""What was found in MLflow's servers, by number, asked of `sluice serve`: each test sends the input that did it. More
of paths and sources is in test_serve_abuse.py, test_artifact_uri.c and test_file_path.c; of webhooks in
test_webhooks.py."""
import contextlib
import gzip
import io
import json
import os
import pathlib
import socket
import stat
import tarfile
import time
import zipfile
import zlib

from serving import Server

import pytest


@pytest.fixture
def server(sluice):
    server = Server(sluice)
    yield server
    assert server.is_alive()
    assert "AddressSanitizer" not in server.stop()


@pytest.fixture
def elsewhere():
    """A host that a server must not be talked into asking: gives its address; nobody may have come."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.settimeout(0.3)
        with pytest.raises(TimeoutError):
            listening.accept()


def memory_kb(process):
    text = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return int(text.partition("VmRSS:")[2].split()[0])


def below(folder):
    return sorted(str(path) for path in folder.rglob("*") if "sluice.db" not in path.name and not path.is_socket())


# ---- paths and URIs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", [False, True])
@pytest.mark.parametrize("source", [
    "file:///etc#/artifacts", "file:///etc/?/artifacts", "file://./etc", "mlflow-artifacts:///#/../../etc",
    "mlflow-artifacts:/x?/../../etc", "http://#/../../etc", "file:///%2e%2e/etc"])
def test_cve_2024_1558_no_source_has_its_path_behind_a_mark(server, source, prompt):
    server.api("POST", "/registered-models/create", {"name": "m"})
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}] if prompt else []
    server.api("POST", "/model-versions/create", {"name": "m", "source": source, "tags": tags}, expect=400)


@pytest.mark.parametrize("path", [
    "../../../../secret", "..%2f..%2f..%2fsecret", "%252e%252e/secret", "..\\secret", "/secret", "a/../../secret",
    "C:\\secret", "file:///secret", "//secret", "./../secret", ".%00./secret"])
def test_cve_2026_2033_all_routes_of_files_read_a_path_alike(server, path):
    """Read, list, written, deleted, in parts, presigned, by GraphQL: none leaves the run, whatever the spelling."""
    run_id = server.run()["run_id"]
    model = server.api("POST", "/logged-models", {"experiment_id": "0", "name": "m"})["model"]["info"]["model_id"]
    assert server.put(f"0/{run_id}/artifacts/own", b"own")[0] == 200
    secret = server.sluice.home / "secret"
    secret.write_bytes(b"the secret")
    (server.sluice.folder / "secret").write_bytes(b"the secret")
    before = below(server.sluice.folder)
    sent = path.replace("\\", "%5c")
    proxied = f"/mlflow-artifacts/artifacts/0/{run_id}/artifacts/{sent}"
    of_model = f"2.0/mlflow/logged-models/{model}/artifacts"
    asked = [("GET", f"/api/2.0/mlflow/artifacts/list?run_id={run_id}&path={sent}", None),
             ("GET", f"/get-artifact?run_id={run_id}&path={sent}", None),
             ("GET", f"/api/2.0{proxied}", None), ("PUT", f"/api/2.0{proxied}", b"new"),
             ("DELETE", f"/api/2.0{proxied}", None),
             ("PUT", f"/ajax-api/2.0{proxied}", b"new"), ("DELETE", f"/ajax-api/2.0{proxied}", None),
             ("GET", f"/api/2.0/mlflow-artifacts/artifacts?path=0/{run_id}/artifacts/{sent}", None),
             ("POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}&path={sent}", b"new"),
             ("GET", f"/api/{of_model}/directories?artifact_directory_path={sent}", None),
             ("GET", f"/ajax-api/{of_model}/files?artifact_file_path={sent}", None)]
    for step in ("create", "complete", "abort"):
        asked.append(("POST", f"/api/2.0/mlflow-artifacts/mpu/{step}/0/{run_id}/artifacts/{sent}",
                      {"path": path, "num_parts": 1, "upload_id": "x", "parts": []}))
    asked.append(("GET", f"/api/2.0/mlflow-artifacts/presigned/0/{run_id}/artifacts/{sent}", None))
    query = "query Q($input: MlflowListArtifactsInput!) {mlflowListArtifacts(input: $input) {files {path}}}"
    asked.append(("POST", "/graphql", {"query": query, "variables": {"input": {"runId": run_id, "path": path}}}))
    for method, target, body in asked:
        status, _, answer = server.ask(method, target, body)
        assert b"the secret" not in answer, (method, target)
        if target == "/graphql":
            assert not (json.loads(answer)["data"]["mlflowListArtifacts"] or {}).get("files"), answer
        else:
            listed = status == 200 and not json.loads(answer).get("files")
            assert status in (400, 404, 405, 501) or listed, (method, target, status, answer)
    assert below(server.sluice.folder) == before and secret.read_bytes() == b"the secret"
    assert server.get(f"0/{run_id}/artifacts/own")[2] == b"own"


@pytest.mark.parametrize("name", ["python_env.yaml", "MLmodel", "x.sh", "conda.yaml", "__init__.py"])
def test_cve_2023_6018_what_is_uploaded_is_no_program(server, name):
    """CVE-2023-6975 and -6976, too: files are nobody's to run, and not others' to change."""
    run_id = server.run()["run_id"]
    assert server.put(f"0/{run_id}/artifacts/model/{name}", b"#!/bin/sh\ntouch /tmp/x\n")[0] == 200
    path = server.sluice.home / "artifacts" / "0" / run_id / "artifacts" / "model" / name
    assert stat.S_IMODE(path.stat().st_mode) & 0o137 == 0


def test_pr_19260_a_link_in_a_run_leads_nothing_out(server, tmp_path):
    """To write, to delete and to list through one."""
    run_id = server.run()["run_id"]
    assert server.put(f"0/{run_id}/artifacts/a", b"x")[0] == 200
    place = server.sluice.home / "artifacts" / "0" / run_id / "artifacts"
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_bytes(b"kept")
    (place / "folder").symlink_to(outside)
    (place / "file").symlink_to(outside / "kept")
    for name in ("folder/kept", "folder/new", "file"):
        assert server.put(f"0/{run_id}/artifacts/{name}", b"theirs")[0] in (200, 400, 404)
        server.ask("DELETE", f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/{name}")
    server.ask("DELETE", f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/folder")
    assert [one.name for one in outside.iterdir()] == ["kept"] and (outside / "kept").read_bytes() == b"kept"
    answer = server.ask("GET", f"/api/2.0/mlflow/artifacts/list?run_id={run_id}&path=folder")
    assert answer[0] in (400, 404) or not json.loads(answer[2]).get("files")


@pytest.mark.parametrize("path", [".", "%2e", "./.", ".//", "", "/", "%2e%2f", "0/..", "..", "0/."])
def test_oidc_auth_290_a_delete_of_nothing_wipes_nothing(server, path):
    runs = [server.run()["run_id"] for _ in range(2)]
    for run_id in runs:
        assert server.put(f"0/{run_id}/artifacts/a", b"x")[0] == 200
    for prefix in ("/api", "/ajax-api"):
        answer = server.send(f"DELETE {prefix}/2.0/mlflow-artifacts/artifacts/{path} HTTP/1.1\r\nHost: localhost\r\n"
                             "Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
        assert int(answer.split(b" ")[1]) in (400, 404, 405), answer
    assert [server.get(f"0/{run_id}/artifacts/a")[0] for run_id in runs] == [200, 200]


def test_23500_an_open_server_has_to_be_asked_for(sluice, server, elsewhere):
    """Only this machine is listened to; and no source of a model makes the server call back."""
    inode = {line.split()[9] for line in pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
             if line.split()[1] == f"0100007F:{server.port:04X}"}
    assert inode
    refused = sluice("serve", "--host", "0.0.0.0", "--home", sluice.folder / "other")
    assert refused.code == 2 and "say --insecure" in refused.err
    server.api("POST", "/registered-models/create", {"name": "m"})
    for source in (f"http://{elsewhere}/x", f"https://{elsewhere}/x", "/proc/self", "file:///proc/self/environ"):
        status, _, answer = server.ask("POST", "/api/2.0/mlflow/model-versions/create", {"name": "m", "source": source})
        version = json.loads(answer).get("model_version", {}).get("version", "1")
        assert status == (200 if source.startswith("http") else 400), answer
        found, _, answer = server.ask("GET", f"/model-versions/get-artifact?name=m&version={version}&path=environ")
        assert found in (400, 404) and b"PATH=" not in answer


# ---- outbound requests ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/ajax-api/2.0/mlflow/gateway-proxy", "/api/2.0/mlflow/gateway-proxy",
                                  "/ajax-api/3.0/mlflow/gateway-proxy"])
def test_cve_2025_52967_nothing_is_asked_for_another(server, elsewhere, path):
    """GHSA-wxj7-3fx5-pp9m"""
    for target in (f"http://{elsewhere}/x", f"//{elsewhere}/x", f"@{elsewhere}/x"):
        status, _, answer = server.ask("GET", f"{path}?gateway_path={target}")
        assert status == 404 or json.loads(answer) == {"endpoints": []}  # what MLflow's page is told: there is none
        assert server.ask("POST", path, {"gateway_path": target, "json_data": {}})[0] in (404, 405)


def test_cve_2023_6974_a_location_elsewhere_is_not_gone_to(server, elsewhere):
    for scheme in ("http", "https"):
        body = {"name": scheme, "artifact_location": f"{scheme}://{elsewhere}/x"}
        made = server.api("POST", "/experiments/create", body)
        run_id = server.run(experiment_id=made["experiment_id"])["run_id"]
        for path in (f"/get-artifact?run_id={run_id}&path=a", f"/api/2.0/mlflow/artifacts/list?run_id={run_id}",
                     f"/api/2.0/mlflow/artifacts/list?run_id={run_id}&path=a"):
            assert server.ask("GET", path)[0] == 400
        answer = server.ask("POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}&path=a", b"x")
        assert answer[0] == 400


# ---- who may ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method, path", [
    ("GET", "/ajax-api/3.0/jobs/x"), ("POST", "/ajax-api/3.0/jobs/"), ("POST", "/ajax-api/3.0/jobs/search"),
    ("POST", "/api/3.0/jobs/"), ("PATCH", "/ajax-api/3.0/jobs/cancel/x")])
def test_cve_2026_0545_there_are_no_jobs(server, method, path):
    body = None if method == "GET" else {"function_fullname": "os.system", "params": {"command": "touch /tmp/x"}}
    assert server.ask(method, path, body)[0] in (404, 405)


@pytest.mark.parametrize("name", ["prod%2Ffraud", "prod%2ffraud", "fraud%20", "fr%61ud", "%66raud", "a%00b",
                                  "a\u0000b", "a\nb", "a\u2215b", "a\uff0fb", "a\u2044b", "a\u29f8b", "a\uff1ab"])
def test_cve_2024_3099_no_model_is_named_like_the_twin_of_another(server, name):
    server.api("POST", "/registered-models/create", {"name": name}, expect=400)
    server.api("POST", "/registered-models/create", {"name": "fraud"})
    server.api("POST", "/registered-models/rename", {"name": "fraud", "new_name": name}, expect=400)
    server.api("POST", "/registered-models/create", {"name": "100% sure"})


# ---- exhaustion, scripts, code ----------------------------------------------------------------------------------


def test_cve_2025_0453_graphql_does_not_repeat_itself(server):
    """#16203, #16028"""
    one = 'mlflowSearchRuns(input: {experimentIds: ["0"]}) {runs {info {runId}}}'
    many = "query {" + " ".join(f"a{n}: {one}" for n in range(11)) + "}"
    status, _, answer = server.ask("POST", "/graphql", {"query": many})
    assert status in (200, 400) and json.loads(answer).get("errors") and not json.loads(answer).get("data")
    status, _, answer = server.ask("POST", "/graphql", [{"query": "query {" + one + "}"}] * 1000)
    assert status == 400 or json.loads(answer).get("errors")
    started = time.monotonic()
    nested = "{" + "... on Query {" * 5000 + one + "}" * 5000 + "}"
    server.ask("POST", "/graphql", {"query": nested})
    assert time.monotonic() - started < 5


MEGABYTE = "x" * (1 << 20)


@pytest.mark.parametrize("route, body", [
    ("/experiments/create", {"name": MEGABYTE}),
    ("/experiments/create", {"name": "e", "artifact_location": "s3://b/" + MEGABYTE}),
    ("/experiments/update", {"experiment_id": "0", "new_name": MEGABYTE}),
    ("/registered-models/create", {"name": MEGABYTE}),
    ("/logged-models", {"experiment_id": "0", "name": MEGABYTE}),
], ids=["name", "location", "new_name", "model", "logged"])
def test_cve_2024_6838_no_name_is_a_megabyte(server, route, body):
    assert len(server.api("POST", route, body, expect=400)["message"]) < 2000
    assert len(server.run(run_name=MEGABYTE)["run_name"]) == 8000  # a tag's value, which MLflow cuts


@pytest.mark.parametrize("coding, pack", [
    ("gzip", gzip.compress), ("deflate", zlib.compress),
    ("zstd", lambda data: bytes.fromhex("28b52ffda0000080c8") + b"\x02\x00\x00" * 8 + data[:6000])])
def test_pr_24784_a_small_body_does_not_become_a_large_one(server, coding, pack):
    """Also CVE-2024-36129. Packed bodies are not unpacked: what comes is no JSON."""
    before = memory_kb(server.process)
    body = pack(b" " * (200 << 20) + b'{"name": "unpacked"}')
    for _ in range(3):
        headers = {"Content-Type": "application/json", "Content-Encoding": coding}
        assert server.ask("POST", "/api/2.0/mlflow/experiments/create", body, headers)[0] in (400, 413, 415)
    assert memory_kb(server.process) - before < (64 << 10)
    server.api("GET", "/experiments/get-by-name?experiment_name=unpacked", expect=404)


def test_24577_what_is_sent_again_and_again_is_stored_once(server):
    run_id = server.run()["run_id"]
    metrics = [{"key": "m", "value": n / 4, "timestamp": 1000 + n, "step": n} for n in range(998)]
    body = {"run_id": run_id, "metrics": metrics, "params": [{"key": "p", "value": "x" * 6000}],
            "tags": [{"key": "t", "value": "x" * 5000}]}
    server.api("POST", "/runs/log-batch", body)
    first = None
    for _ in range(100):
        server.api("POST", "/runs/log-batch", body)
        size = (server.sluice.home / "sluice.db").stat().st_size
        first = first or size
    assert size - first <= 256 << 10
    points = server.api("GET", f"/metrics/get-history?run_id={run_id}&metric_key=m&max_results=25000")["metrics"]
    assert len(points) == 998


@pytest.mark.parametrize("pattern", ["a%" * 2000, "%a" * 2000 + "b", "_%" * 2000 + "c", "%" * 4000])
def test_peers_4_4_a_pattern_of_many_wildcards_is_answered_at_once(server, pattern):
    for _ in range(5):
        run_id = server.run()["run_id"]
        server.api("POST", "/runs/set-tag", {"run_id": run_id, "key": "t", "value": "a" * 5000})
    started = time.monotonic()
    for word in ("LIKE", "ILIKE"):
        server.api("POST", "/runs/search", {"experiment_ids": ["0"], "filter": f"tags.t {word} '{pattern}'"})
    assert time.monotonic() - started < 10


HOSTILE = {
    "MLmodel": b"artifact_path: m\nflavors: !!js/function 'function(){alert(1)}'\n",
    "page.html": b"<script>alert(1)</script>",
    "picture.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "note.ipynb": b'{"cells": [{"outputs": [{"data": {"text/html": "<script>alert(1)</script>"}}]}]}',
    "card.xml": b"<?xml version='1.0'?><x xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></x>",
    "model.pkl": b"cos\nsystem\n(S'touch ran'\ntR.",
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_cve_2026_33865_files_are_handed_out_and_no_more(server, name):
    """#21422 (PR 21435), #1556, #12256, CVE-2024-27132, -27133, -37052 to -37061, PR 25511: a file is kept to be saved,
    not shown; nothing in it is run or read."""
    run_id = server.run()["run_id"]
    assert server.put(f"0/{run_id}/artifacts/{name}", HOSTILE[name])[0] == 200
    server.api("POST", "/registered-models/create", {"name": "m"})
    server.api("POST", "/model-versions/create", {"name": "m", "run_id": run_id, "source": f"runs:/{run_id}/{name}"})
    for path in (f"/get-artifact?run_id={run_id}&path={name}", "/api/2.0/mlflow-artifacts/artifacts/"
                 f"0/{run_id}/artifacts/{name}"):
        status, headers, answer = server.ask("GET", path)
        assert status == 200 and answer == HOSTILE[name]
        assert headers["Content-Disposition"].startswith("attachment")
        assert headers["X-Content-Type-Options"] == "nosniff"
    assert not list(server.sluice.folder.rglob("ran"))


def hostile_archives():
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz") as archive:
        for name in ("../../escaped", "/tmp/escaped-absolute"):
            member = tarfile.TarInfo(name)
            member.size = 4
            archive.addfile(member, io.BytesIO(b"data"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../escaped", b"data")
    return {"m.tar.gz": tar.getvalue(), "m.zip": packed.getvalue()}


@pytest.mark.parametrize("name", ["m.tar.gz", "m.zip"])
def test_cve_2025_15031_no_archive_is_unpacked(server, name):
    """CVE-2025-15036, too."""
    data = hostile_archives()[name]
    run_id = server.run()["run_id"]
    before = below(server.sluice.folder)
    assert server.put(f"0/{run_id}/artifacts/a/{name}", data)[0] == 200
    added = set(below(server.sluice.folder)) - set(before)
    assert {pathlib.Path(path).name for path in added} <= {"0", run_id, "artifacts", "a", name}
    assert server.get(f"0/{run_id}/artifacts/a/{name}")[2] == data


def test_cve_2025_10279_no_folder_of_the_home_is_others_to_change(server):
    """CVE-2026-4137, too: looked at while a file comes, and after."""
    run_id = server.run()["run_id"]

    def private():
        for path in [server.sluice.home, *server.sluice.home.rglob("*")]:
            with contextlib.suppress(FileNotFoundError):
                if not path.is_symlink() and not path.is_socket():
                    assert stat.S_IMODE(path.stat().st_mode) & 0o022 == 0, path
        assert stat.S_IMODE(server.sluice.home.stat().st_mode) & 0o077 == 0

    old = os.umask(0)
    try:
        with server.connect() as line:
            line.sendall(f"PUT /api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/a/b HTTP/1.1\r\nHost: localhost"
                         "\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n".encode() + b"x" * 50000)
            time.sleep(0.2)
            private()
            line.sendall(b"x" * 50000)
            assert b" 200 " in line.recv(100)
    finally:
        os.umask(old)
    private()
