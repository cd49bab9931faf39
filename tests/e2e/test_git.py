# SPDX-License-Identifier: Apache-2.0
"""The plugin git: folders, HTTPS with an authority of one's own, ssh with a known host."""
import base64
import http.server
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import threading
import types

import pytest
from programs import wait_until
from test_plugins_outside import me


def git(folder, *arguments):
    identity = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER")
                for part, value in (("NAME", "A"), ("EMAIL", "a@example.org"))}
    identity.update(GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null")
    return subprocess.run(["git", *map(str, arguments)], cwd=folder, env={**os.environ, **identity}, check=True,
                          capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    """A bare repository with two commits, a tag on the first; .first and .second are their ids."""
    work, bare = tmp_path / "work", tmp_path / "served" / "features.git"
    work.mkdir()
    bare.parent.mkdir()
    git(work, "init", "-q", "-b", "main")
    ids = []
    for text in ("one", "two"):
        (work / "data.csv").write_text(text + "\n")
        git(work, "add", ".")
        git(work, "commit", "-q", "-m", text)
        ids.append(git(work, "rev-parse", "HEAD"))
    git(work, "tag", "v1", ids[0])
    git(tmp_path, "clone", "-q", "--bare", work, bare)
    git(bare, "config", "uploadpack.allowAnySHA1InWant", "true")
    return types.SimpleNamespace(path=bare, work=work, first=ids[0], second=ids[1])


def clone(sluice, url, expect=0, **more):
    options = "".join(f", {key}: {json.dumps(value)}" for key, value in more.items())
    sluice.pipeline(f"""\
        name: clone
        steps:
          features: {{uses: git, with: {{url: {json.dumps(str(url))}{options}}}}}
          use: {{run: "cat ${{{{ steps.features.outputs.path }}}}/data.csv > seen"}}
        """)
    return sluice.run(expect=expect).step("features")


def test_git_clones_from_a_folder_at_a_branch_a_tag_and_a_pinned_commit(sluice, repository):
    tip = clone(sluice, repository.path)
    assert tip["outputs"]["commit"] == repository.second and tip["outputs"]["ref"] == "refs/heads/main"
    tag = clone(sluice, f"file://{repository.path}", ref="v1", path="features")
    assert tag["outputs"]["commit"] == repository.first and (sluice.folder / "seen").read_text() == "one\n"
    (repository.work / "data.csv").write_text("three\n")
    git(repository.work, "commit", "-qam", "three")
    git(repository.work, "push", "-q", "--force", repository.path, "main")
    pinned = clone(sluice, f"file://{repository.path}", ref=repository.second, path="features")
    assert pinned["outputs"]["commit"] == repository.second and pinned["outputs"]["changed"] is True
    assert (sluice.folder / "seen").read_text() == "two\n"
    (sluice.folder / "features" / "data.csv").write_text("mine\n")
    changed = clone(sluice, f"file://{repository.path}", ref="v1", path="features", expect=1)
    assert "has 1 changed files, such as 'data.csv': expected none, or 'force: true'" in changed["reason"]
    missing = clone(sluice, repository.path, ref="nothing", expect=1)
    assert "nothing" in missing["reason"]


class GitServer:
    """`git http-backend` behind TLS, with a certificate of an authority of its own and a password."""

    def __init__(self, folder, root, name="127.0.0.1"):
        self.ca, self.seen = folder / "ca.pem", []
        authorize(folder, name)
        wanted = "Basic " + base64.b64encode(b"git:correct-horse-battery").decode()
        seen = self.seen

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def log_message(self, *args):
                pass

            def do_GET(self):
                seen.append(self.path)
                if self.path.startswith("/private/") and self.headers.get("Authorization") != wanted:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="git"')
                    self.end_headers()
                    return
                path, _, query = self.path.removeprefix("/private").partition("?")
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                env = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(root), "GIT_HTTP_EXPORT_ALL": "1",
                       "REQUEST_METHOD": self.command, "PATH_INFO": path, "QUERY_STRING": query,
                       "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
                       "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                       "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
                done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=False)
                head, _, rest = done.stdout.partition(b"\r\n\r\n")
                lines = [line.partition(b": ")[::2] for line in head.split(b"\r\n") if line]
                status = next((int(value.split()[0]) for name, value in lines if name == b"Status"), 200)
                self.send_response(status)
                for name, value in lines:
                    if name != b"Status":
                        self.send_header(name.decode(), value.decode())
                self.end_headers()
                self.wfile.write(rest)

            do_POST = do_GET

        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads, self.httpd.block_on_close = True, False
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        self.httpd.socket = context.wrap_socket(self.httpd.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self.httpd.server_port}"
        threading.Thread(target=self.httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()


def authorize(folder, address):
    """An authority, and a certificate of it for the address."""
    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 2, "-subj", "/CN=Authority of a test",
            "-keyout", "ca.key", "-out", "ca.pem", "-addext", "basicConstraints=critical,CA:TRUE")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={address}", "-keyout", "server.key",
            "-out", "server.csr")
    (folder / "names").write_text(f"subjectAltName=IP:{address},DNS:{address}\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", 2,
            "-extfile", "names", "-out", "server.pem")


def test_git_over_https_trusts_the_authority_it_is_told_and_no_stranger(sluice, repository, tmp_path):
    folder = tmp_path / "tls"
    folder.mkdir()
    server = GitServer(folder, repository.path.parent)
    try:
        stranger = clone(sluice, f"{server.url}/features.git", expect=1)
        assert stranger["reason"] == "the certificate of '127.0.0.1' is not valid" and server.seen == []
        sluice.env["SSL_CERT_FILE"] = str(server.ca)
        trusted = clone(sluice, f"{server.url}/features.git", ref=repository.first)
        assert trusted["outputs"]["commit"] == repository.first and (sluice.folder / "seen").read_text() == "one\n"
        asked = clone(sluice, f"{server.url}/private/features.git", expect=1)
        assert "asks for credentials: expected 'password'" in asked["reason"]
        sluice.write(".sluice/config.yaml", "secrets: {GIT: {env: GIT_TOKEN}}\n")
        sluice.env["GIT_TOKEN"] = "correct-horse-battery"
        given = clone(sluice, f"{server.url}/private/features.git", password="${{ secrets.GIT }}", path="mine")
        assert given["outputs"]["commit"] == repository.second
        assert "correct-horse" not in (sluice.folder / "mine" / ".git" / "config").read_text()
        sluice.env["GIT_TOKEN"] = "somebody-else-entirely"
        wrong = clone(sluice, f"{server.url}/private/features.git", password="${{ secrets.GIT }}", expect=1)
        assert "the server refused the credentials of 'git'" in wrong["reason"]
        sluice.env["SSL_CERT_FILE"] = str(sluice.folder / "sluice.yaml")
        broken = clone(sluice, f"{server.url}/features.git", expect=1)
        assert "cannot be read: expected PEM" in broken["reason"]
    finally:
        server.close()


@pytest.fixture
def ssh_server(tmp_path):
    """A real sshd on a loopback port, for one key, with a host key of its own."""
    program = shutil.which("sshd") or "/usr/sbin/sshd"
    if not os.path.exists(program):
        pytest.skip("there is no sshd here (Debian: openssh-server)")
    folder = tmp_path / "ssh"
    folder.mkdir(mode=0o700)
    for name in ("host", "other", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", folder / name, "-m", "PEM"], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized_keys")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "config").write_text("\n".join([
        "ListenAddress 127.0.0.1", f"Port {port}", f"HostKey {folder}/host", f"PidFile {folder}/pid",
        f"AuthorizedKeysFile {folder}/authorized_keys", "StrictModes no", "UsePAM no", "PasswordAuthentication no",
        "KbdInteractiveAuthentication no", "PermitRootLogin yes", ""]))
    privileges = pathlib.Path("/run/sshd")  # sshd of root wants it, empty
    if os.getuid() == 0:
        privileges.mkdir(mode=0o755, exist_ok=True)  # and is left there: others may have come to need it
    process = subprocess.Popen([program, "-D", "-e", "-f", folder / "config"], stdin=subprocess.DEVNULL,
                               stderr=open(folder / "log", "wb"))

    def answers():
        assert process.poll() is None, (folder / "log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(answers)

    def known(name):
        kind, key, *_ = (folder / f"{name}.pub").read_text().split()
        return f"[127.0.0.1]:{port} {kind} {key}\n"

    yield types.SimpleNamespace(port=port, folder=folder, known=known)
    process.terminate()
    process.wait()


def test_git_over_ssh_knows_the_right_host_key_from_a_wrong_one(sluice, repository, ssh_server):
    url = f"ssh://{me()}@127.0.0.1:{ssh_server.port}{repository.path}"
    sluice.write(".sluice/config.yaml", "secrets: {KEY: {env: SSH_KEY}}\n")
    sluice.env["SSH_KEY"] = (ssh_server.folder / "user").read_text()
    sluice.env["HOME"] = str(sluice.folder)
    with_key = {"ssh_key": "${{ secrets.KEY }}"}
    right = clone(sluice, url, ref=repository.first, known_hosts=ssh_server.known("host"), **with_key)
    assert right["outputs"]["commit"] == repository.first and (sluice.folder / "seen").read_text() == "one\n"
    wrong = clone(sluice, url, known_hosts=ssh_server.known("other"), expect=1, **with_key)
    assert "is another than 'known_hosts' says: somebody may be in between" in wrong["reason"]
    unknown = clone(sluice, url, expect=1, **with_key)
    assert "is not in ~/.ssh/known_hosts" in unknown["reason"]
    elsewhere = clone(sluice, url, known_hosts="[example.org]:22 ssh-ed25519 AAAA\n", expect=1, **with_key)
    assert "is not in 'known_hosts': expected a line of ssh-keyscan" in elsewhere["reason"]
    keyless = clone(sluice, url, known_hosts=ssh_server.known("host"), expect=1)
    assert "expected 'ssh_key', or an agent in SSH_AUTH_SOCK" in keyless["reason"]
    sluice.env["SSH_KEY"] = (ssh_server.folder / "other").read_text()
    stranger = clone(sluice, url, known_hosts=ssh_server.known("host"), expect=1, **with_key)
    assert "the server refused the credentials" in stranger["reason"]
    (sluice.folder / ".ssh").mkdir()
    (sluice.folder / ".ssh" / "known_hosts").write_text(ssh_server.known("host"))
    sluice.env["SSH_KEY"] = (ssh_server.folder / "user").read_text()
    home = clone(sluice, url, **with_key)
    assert home["outputs"]["commit"] == repository.second
