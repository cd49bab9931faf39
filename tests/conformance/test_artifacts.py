# SPDX-License-Identifier: Apache-2.0
"""Files of a run: sent, listed, fetched, deleted."""
import hashlib
import json
import os
import random
import time

import mlflow
import numpy
import pandas
import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.store.artifact import http_artifact_repo
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

# Names that are kept as they are. (`?`, `#` and `%41` a client puts into its URL unquoted; no server can tell.)
NAMES = ["plain.txt", "with space.txt", "ünï-✓-日本.txt", "100%.txt", "a+b=c&d.txt", "semi;colon,.txt", "'quote'.txt",
         "trailing.", ".hidden", "[x]{y}~!@$^()", "n" * 200]


def listed(client, run_id, path=None):
    return {one.path: None if one.is_dir else one.file_size for one in client.list_artifacts(run_id, path)}


def read(client, run_id, path, where):
    with open(client.download_artifacts(run_id, path, str(where)), "rb") as file:
        return file.read()


def test_one_file(client, run_id, tmp_path):
    source = tmp_path / "model.bin"
    source.write_bytes(bytes(range(256)))
    client.log_artifact(run_id, str(source))
    client.log_artifact(run_id, str(source), "deep/er")
    assert listed(client, run_id) == {"deep": None, "model.bin": 256}
    assert listed(client, run_id, "deep") == {"deep/er": None}
    assert listed(client, run_id, "deep/er") == {"deep/er/model.bin": 256}
    (tmp_path / "down").mkdir()
    assert read(client, run_id, "deep/er/model.bin", tmp_path / "down") == bytes(range(256))


def test_a_folder_of_folders(client, run_id, tmp_path):
    up, down = tmp_path / "up", tmp_path / "down"
    files = {"a.txt": b"a", "x/b.txt": b"bb", "x/y/z/c.txt": b"", "x/y/d.bin": os.urandom(100000)}
    for name, content in files.items():
        (up / name).parent.mkdir(parents=True, exist_ok=True)
        (up / name).write_bytes(content)
    down.mkdir()
    client.log_artifacts(run_id, str(up), "all")
    folder = client.download_artifacts(run_id, "all", str(down))
    found = {os.path.relpath(os.path.join(base, name), folder): open(os.path.join(base, name), "rb").read()
             for base, _, names in os.walk(folder) for name in names}
    assert found == files
    assert listed(client, run_id, "all/x") == {"all/x/b.txt": 2, "all/x/y": None}


# What the head of an answer says of a file, by its name: MLflow's text, then Python's mimetypes.
HEADS = {
    "a.json": ("text/plain", "a.json"), "a.csv": ("text/plain", "a.csv"), "a.toml": ("text/plain", "a.toml"),
    "MLmodel": ("text/plain", "MLmodel"), "mlproject": ("text/plain", "mlproject"), "a.png": ("image/png", "a.png"),
    "a.PDF": ("application/pdf", "a.PDF"), "a.zip": ("application/zip", "a.zip"),
    "README": ("application/octet-stream", "README"), "a.parquet": ("application/octet-stream", "a.parquet"),
    "b c.txt": ("text/plain", '"b c.txt"'), "semi;x.py": ("text/plain", '"semi;x.py"'),
}


def test_the_head_says_what_a_file_is_and_is_called(client, wire, run_id, url):
    for name in HEADS:
        client.log_text(run_id, "x", name)
    root = client.get_run(run_id).info.artifact_uri.removeprefix("mlflow-artifacts:")
    for name, (kind, called) in HEADS.items():
        by_path = requests.get(f"{url}/api/2.0/mlflow-artifacts/artifacts{root}/{name}", timeout=60)
        by_run = wire.send("GET", "/get-artifact", prefix="", params={"run_id": run_id, "path": name})
        for answer in (by_path, by_run):
            assert (answer.headers["Content-Type"], answer.headers["Content-Disposition"]) == (
                kind, f"attachment; filename={called}")


def test_a_file_with_a_name_beyond_ascii_is_saved_under_it(client, wire, run_id):
    client.log_text(run_id, "x", "größe 名.txt")
    answer = wire.send("GET", "/get-artifact", prefix="", params={"run_id": run_id, "path": "größe 名.txt"})
    assert answer.headers["Content-Disposition"].endswith("filename*=UTF-8''gr%C3%B6%C3%9Fe%20%E5%90%8D.txt")


@pytest.mark.parametrize("name", NAMES)
def test_names(client, run_id, tmp_path, name):
    (tmp_path / "down").mkdir()
    (tmp_path / name).write_bytes(name.encode())
    client.log_artifact(run_id, str(tmp_path / name), "dir with space")
    assert listed(client, run_id, "dir with space") == {f"dir with space/{name}": len(name.encode())}
    assert read(client, run_id, f"dir with space/{name}", tmp_path / "down") == name.encode()


# With a '%' that is only itself, a client quotes the others, too.
ESCAPED = ["a%st%20b.txt", "d%st%41/e%2526f.txt", "dogs%step%26%timestamp%1182%b2.png", "50%.txt", "%st%0A.txt"]


def test_names_that_the_client_decodes(client, wire, run_id, tmp_path):
    # It decodes what a list says, until nothing changes, and asks for that: as its images were called before 3.11.
    for name in ESCAPED:
        (tmp_path / "up" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "up" / name).write_text(name)
    client.log_artifacts(run_id, str(tmp_path / "up"), "up")
    (tmp_path / "down").mkdir()
    client.download_artifacts(run_id, "up", str(tmp_path / "down"))
    got = [path.read_text() for path in (tmp_path / "down").rglob("*") if path.is_file()]
    assert sorted(got) == sorted(ESCAPED)
    for name in ESCAPED:  # each by its own name, too
        assert read(client, run_id, f"up/{name}", tmp_path) == name.encode()
    for path, status in (("up/a%st b.txt", 200), ("up/d%stA/e&f.txt", 200), ("up/a%st c.txt", 404)):
        answer = wire.send("GET", "/get-artifact", prefix="", params={"run_id": run_id, "path": path})
        assert answer.status_code == status


def test_of_two_names_each_is_its_own(client, run_id, tmp_path):
    client.log_text(run_id, "escaped", "a%st%20b.txt")
    client.log_text(run_id, "plain", "a%st b.txt")
    assert read(client, run_id, "a%st b.txt", tmp_path) == b"plain"


def test_a_list_is_sorted(client, run_id):
    for name in ("b", "a", "C", "a.b", "ab"):
        client.log_text(run_id, "x", name)
    assert [one.path for one in client.list_artifacts(run_id)] == ["C", "a", "a.b", "ab", "b"]


def test_a_list_of_nothing(client, run_id):
    assert client.list_artifacts(run_id) == []
    assert client.list_artifacts(run_id, "nothing") == []
    client.log_text(run_id, "x", "file.txt")
    assert client.list_artifacts(run_id, "file.txt") == []


def test_an_empty_file(client, run_id, tmp_path):
    client.log_text(run_id, "", "empty.txt")
    one, = client.list_artifacts(run_id)
    assert one.path == "empty.txt" and not one.is_dir and not one.file_size
    assert read(client, run_id, "empty.txt", tmp_path) == b""


def test_a_large_file(client, run_id, tmp_path):
    size = 30 * 1024 * 1024 + 1
    content = random.Random(7).randbytes(size)
    (tmp_path / "large.bin").write_bytes(content)
    (tmp_path / "down").mkdir()
    client.log_artifact(run_id, str(tmp_path / "large.bin"))
    assert listed(client, run_id) == {"large.bin": size}
    fetched = read(client, run_id, "large.bin", tmp_path / "down")
    assert hashlib.sha256(fetched).digest() == hashlib.sha256(content).digest()


def test_a_file_is_written_over(client, run_id, tmp_path):
    client.log_text(run_id, "a longer first text", "x.txt")
    client.log_text(run_id, "second", "x.txt")
    assert read(client, run_id, "x.txt", tmp_path) == b"second"


def test_texts_tables_and_what_else_is_made_into_files(client, run_id, tmp_path):
    client.log_text(run_id, "ü\n", "texts/t.txt")
    client.log_dict(run_id, {"a": [1, None, "ü"]}, "d.json")
    client.log_dict(run_id, {"a": 1}, "d.yaml")
    client.log_table(run_id, pandas.DataFrame({"x": [1, 2]}), "table.json")
    client.log_table(run_id, {"x": [3]}, "table.json")
    client.log_image(run_id, numpy.zeros((4, 4, 3), dtype=numpy.uint8), "image.png")
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/texts/t.txt") == "ü\n"
    assert mlflow.artifacts.load_dict(f"runs:/{run_id}/d.json") == {"a": [1, None, "ü"]}
    assert read(client, run_id, "d.yaml", tmp_path) == b"a: 1\n"
    assert list(client.load_table(client.get_run(run_id).info.experiment_id, "table.json", [run_id])["x"]) == [1, 2, 3]
    assert mlflow.artifacts.load_image(f"runs:/{run_id}/image.png").size == (4, 4)
    logged = json.loads(client.get_run(run_id).data.tags["mlflow.loggedArtifacts"])
    assert logged == [{"path": "table.json", "type": "table"}]


def test_fluent_files(client, unique, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    mlflow.set_experiment(unique)
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(tmp_path / "a.txt"))
        mlflow.log_artifacts(str(tmp_path), "folder")
        mlflow.log_text("t", "t.txt")
        mlflow.log_dict({"a": 1}, "d.json")
        assert mlflow.get_artifact_uri("a.txt") == f"{run.info.artifact_uri}/a.txt"
    assert sorted(listed(client, run.info.run_id)) == ["a.txt", "d.json", "folder", "t.txt"]
    found = mlflow.artifacts.list_artifacts(run_id=run.info.run_id, artifact_path="folder")
    assert [one.path for one in found] == ["folder/a.txt"]
    path = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="a.txt")
    assert open(path).read() == "a"


def test_a_file_that_is_not_there(client, run_id, tmp_path):
    with pytest.raises(Exception, match="(?i)404|not found|no such|do(es)? not exist|failed") as failed:
        client.download_artifacts(run_id, "nothing.txt", str(tmp_path))
    assert not isinstance(failed.value, AssertionError) and os.listdir(tmp_path) == []


def test_files_are_deleted(client, run_id, tmp_path):
    client.log_text(run_id, "x", "dir/a.txt")
    client.log_text(run_id, "x", "dir/b.txt")
    client.log_text(run_id, "x", "kept.txt")
    repository = get_artifact_repository(client.get_run(run_id).info.artifact_uri)
    repository.delete_artifacts("dir/a.txt")
    assert listed(client, run_id, "dir") == {"dir/b.txt": 1}
    repository.delete_artifacts("dir")
    repository.delete_artifacts("dir")  # What is gone is no error.
    assert listed(client, run_id) == {"kept.txt": 1}


def test_a_path_out_of_the_run_is_refused(client, run_id, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    for path in ("../../x", "/etc", "a/../../b"):
        with pytest.raises(MlflowException, match="Invalid artifact path"):
            client.log_artifact(run_id, str(tmp_path / "a.txt"), path)
        with pytest.raises(Exception, match="(?i)invalid"):
            client.list_artifacts(run_id, path)


def test_the_list_by_its_own_route(client, wire, run_id):
    client.log_text(run_id, "four", "dir/x.txt")
    client.log_text(run_id, "", "empty")
    root = client.get_run(run_id).info.artifact_uri
    whole = wire.get("/artifacts/list", run_id=run_id)
    assert whole["root_uri"] == root
    assert [(one["path"], one["is_dir"], one.get("file_size", 0)) for one in whole["files"]] == [
        ("dir", True, 0), ("empty", False, 0)]
    inner = wire.call("GET", "/artifacts/list", params={"run_uuid": run_id, "path": "dir"})
    assert inner == {"root_uri": root, "files": [{"path": "dir/x.txt", "is_dir": False, "file_size": 4}]}
    for path in ("../x", "/etc", "%2e%2e/x"):
        assert wire.refused("GET", "/artifacts/list", params={"run_id": run_id, "path": path}) == "Invalid path"


@pytest.fixture
def parts(monkeypatch):
    """The client sends and fetches files of more than one MiB in parts; the list of addresses that it asks then."""
    asked = []
    put, chunk = requests.put, http_artifact_repo.download_chunk
    for name, value in (("ENABLE_PROXY_MULTIPART_UPLOAD", "true"), ("ENABLE_PROXY_MULTIPART_DOWNLOAD", "true"),
                        ("MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", 1 << 20), ("MULTIPART_UPLOAD_CHUNK_SIZE", 5 << 20),
                        ("MULTIPART_DOWNLOAD_CHUNK_SIZE", 5 << 20)):
        monkeypatch.setenv("MLFLOW_" + name, str(value))

    def noted_put(url, **options):
        asked.append(url)
        return put(url, **options)

    def noted_chunk(**options):
        asked.append(options["http_uri"])
        return chunk(**options)

    monkeypatch.setattr(requests, "put", noted_put)
    monkeypatch.setattr(http_artifact_repo, "download_chunk", noted_chunk)
    return asked


def test_parts_of_a_large_file(client, run_id, tmp_path, parts, request):
    """A server that offers parts takes them; one that does not says so, and the client sends the file whole."""
    content = random.Random(8).randbytes(12 * 1024 * 1024)
    (tmp_path / "parts.bin").write_bytes(content)
    (tmp_path / "down").mkdir()
    client.log_artifact(run_id, str(tmp_path / "parts.bin"), "dir")
    assert listed(client, run_id, "dir") == {"dir/parts.bin": len(content)}
    assert len(parts) == (3 if request.config.getoption("--server") == "sluice" else 0)
    assert read(client, run_id, "dir/parts.bin", tmp_path / "down") == content
    assert len(parts) == (6 if request.config.getoption("--server") == "sluice" else 0)


def test_many_parts_at_once(client, run_id, tmp_path, parts, monkeypatch):
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(5 << 20))
    contents = {}
    (tmp_path / "in").mkdir()
    for number in range(3):
        contents[f"{number}.bin"] = random.Random(number).randbytes((20 << 20) + number)
        (tmp_path / "in" / f"{number}.bin").write_bytes(contents[f"{number}.bin"])
    client.log_artifacts(run_id, str(tmp_path / "in"))
    (tmp_path / "down").mkdir()
    for name, content in contents.items():
        assert read(client, run_id, name, tmp_path / "down") == content


def test_an_upload_in_parts_that_fails(client, run_id, tmp_path, parts, monkeypatch, request):
    """The client ends it, and says what was wrong; it may begin again."""
    if request.config.getoption("--server") == "mlflow":
        pytest.skip("its store of files takes no parts")
    (tmp_path / "parts.bin").write_bytes(b"x" * (6 << 20))
    with monkeypatch.context() as broken:
        broken.setattr(requests, "put", lambda url, **options: requests.get(url + "0"))
        with pytest.raises(MlflowException, match="Failed to upload at least one part"):
            client.log_artifact(run_id, str(tmp_path / "parts.bin"))
    assert listed(client, run_id) == {}
    client.log_artifact(run_id, str(tmp_path / "parts.bin"))
    assert listed(client, run_id) == {"parts.bin": 6 << 20}


def test_parts_of_a_download(client, run_id, tmp_path, parts, request):
    client.log_text(run_id, "x" * 1000, "x.txt")
    assert read(client, run_id, "x.txt", tmp_path) == b"x" * 1000
    assert len(parts) == (1 if request.config.getoption("--server") == "sluice" else 0)


PROXY = pytest.mark.flaw("the route of mlflow-artifacts passes conditions over")


def validators_of(wire, path, **more):
    """When the file has not been changed for a while."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        headers = wire.send("GET", path, prefix="", **more).headers
        if "ETag" in headers:
            return headers
        time.sleep(0.1)
    raise AssertionError("no ETag")


@pytest.fixture(params=["/get-artifact?run_id={run}&path=f.txt",
                        pytest.param("/api/2.0/mlflow-artifacts/artifacts/{place}/f.txt", marks=PROXY)])
def told(request, client, wire, run_id):
    """The address of a file, with what tells its state."""
    client.log_text(run_id, "0123456789", "f.txt")
    place = client.get_run(run_id).info.artifact_uri.removeprefix("mlflow-artifacts:/")
    path = request.param.format(run=run_id, place=place)
    return path, validators_of(wire, path)


def test_a_file_that_a_client_has_is_not_sent_again(wire, told):
    path, headers = told
    for asked in ({"If-None-Match": headers["ETag"]}, {"If-None-Match": f'"x", W/{headers["ETag"]}'},
                  {"If-Modified-Since": headers["Last-Modified"]}):
        answer = wire.send("GET", path, prefix="", headers=asked)
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", headers["ETag"])


@pytest.mark.parametrize("route", ["/get-artifact?run_id={run}&path=f.txt",
                                   "/api/2.0/mlflow-artifacts/artifacts/{place}/f.txt"])
def test_a_part_is_of_the_state_that_the_client_has(client, wire, run_id, route):
    client.log_text(run_id, "0123456789", "f.txt")
    place = client.get_run(run_id).info.artifact_uri.removeprefix("mlflow-artifacts:/")
    path = route.format(run=run_id, place=place)
    headers = validators_of(wire, path)
    for tag, status, body in ((headers["ETag"], 206, b"23"), ('"x"', 200, b"0123456789")):
        answer = wire.send("GET", path, prefix="", headers={"Range": "bytes=2-3", "If-Range": tag})
        assert (answer.status_code, answer.content) == (status, body)
    client.log_text(run_id, "9876543210", "f.txt")
    answer = wire.send("GET", path, prefix="", headers={"Range": "bytes=2-3", "If-Range": headers["ETag"]})
    assert (answer.status_code, answer.content) == (200, b"9876543210")
    answer = wire.send("GET", path, prefix="", headers={"If-None-Match": headers["ETag"]})
    assert (answer.status_code, answer.content) == (200, b"9876543210")
    head = wire.send("HEAD", path, prefix="")
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", "10")
