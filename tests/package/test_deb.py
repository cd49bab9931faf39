# SPDX-License-Identifier: Apache-2.0
"""The Debian package: what is in it, and its whole life in a Debian of its own: installed, started as its unit says,
upgraded, removed, purged. There is no systemd in a chroot: the unit's ExecStart is run as the unit's user.

The Debian is made once, in BUILD/debian, by debootstrap from where this machine gets its packages."""
import gzip
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", ROOT / "build")).resolve()
CHROOT = pathlib.Path(os.environ.get("SLUICE_CHROOT", BUILD / "debian"))
PATIENCE = 150  # seconds for making it


def run(*words, check=True, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **options)
    assert not check or done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done


def make_package(version):
    out = run(ROOT / "orchestrator/packaging/deb.sh", BUILD, version, cwd=ROOT).stdout
    return BUILD / pathlib.Path(out.strip().splitlines()[-1]).name


@pytest.fixture(scope="session")
def package():
    return make_package("0.1.0~test1")


# ---- what is in it --------------------------------------------------------------------------------------------------


def control_of(package):
    text = run("dpkg-deb", "-f", package).stdout
    return dict(re.findall(r"^(\S+): (.*)$", text, re.M))


def test_it_says_what_it_needs(package):
    control = control_of(package)
    needs = {word.split()[0] for word in control["Depends"].split(", ")}
    assert {"libc6", "libsqlite3-0", "libyaml-0-2", "adduser", "tzdata", "ca-certificates"} <= needs
    assert any(word.startswith("libmicrohttpd") for word in needs) and any(word.startswith("libgit2") for word in needs)
    assert control["Architecture"] == run("dpkg", "--print-architecture").stdout.strip()


def test_it_has_programs_pages_completions_and_the_unit(package, tmp_path):
    run("dpkg-deb", "-x", package, tmp_path)
    for path in ("usr/bin/sluice", "usr/libexec/sluice/sluice-runner", "usr/lib/sluice/plugins/evaluate.so",
                 "usr/share/bash-completion/completions/sluice", "usr/share/zsh/vendor-completions/_sluice",
                 "usr/share/fish/vendor_completions.d/sluice.fish", "usr/include/sluice/step.h", "etc/default/sluice",
                 "usr/share/doc/sluice/copyright", "usr/share/doc/sluice/changelog.gz"):
        assert (tmp_path / path).is_file(), path
    page = gzip.decompress((tmp_path / "usr/share/man/man1/sluice-backup.1.gz").read_bytes())
    assert b"sluice backup" in page
    unit = (tmp_path / "lib/systemd/system/sluice.service").read_text()
    for line in ("Type=notify", "User=sluice", "KillMode=process", "StateDirectory=sluice", "NoNewPrivileges=yes"):
        assert f"\n{line}\n" in unit, line
    assert "\nPrivateTmp" not in unit and "\nPrivateDevices" not in unit and "\nDelegate" not in unit


def test_lintian_finds_nothing(package):
    if shutil.which("lintian") is None:
        pytest.skip("lintian is not installed")
    found = run("lintian", "--allow-root", "--fail-on", "none", package).stdout
    assert not re.findall(r"^[EW]: .*", found, re.M), found


# ---- a Debian of its own --------------------------------------------------------------------------------------------


def mirror():
    """Where this machine gets its packages, and the release."""
    out = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)", "Created-By: Packages", check=False)
    rows = [line.split() for line in out.stdout.splitlines() if len(line.split()) == 2]
    release = re.search(r"VERSION_CODENAME=(\S+)", pathlib.Path("/etc/os-release").read_text()).group(1)
    return next((uri for uri, name in rows if name == release), None), release


def proxies():
    env = dict(os.environ)
    for scheme in ("http", "https"):
        found = re.search(rf'^Acquire::{scheme}::Proxy "([^"]+)"', run("apt-config", "dump").stdout, re.M)
        if found:
            env.setdefault(f"{scheme}_proxy", found.group(1))
    return env


def make_chroot():
    if (CHROOT / ".whole").exists():
        return None
    if os.geteuid() != 0:
        return "only root makes a chroot"
    if shutil.which("debootstrap") is None:
        return "debootstrap is not installed"
    uri, release = mirror()
    if uri is None:
        return f"this machine's apt names no packages of {release}"
    shutil.rmtree(CHROOT, ignore_errors=True)
    CHROOT.parent.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(["debootstrap", "--variant=minbase", release, str(CHROOT), uri], env=proxies(),
                              timeout=PATIENCE, capture_output=True, text=True, check=False)
    except subprocess.TimeoutExpired:
        return f"debootstrap was not done within {PATIENCE} s"
    if done.returncode != 0:
        return f"debootstrap: {(done.stdout + done.stderr).strip().splitlines()[-1][:200]}"
    (CHROOT / ".whole").touch()
    return None


class Debian:
    """Commands in the chroot; this machine's settings of apt are lent to it for as long."""

    def __init__(self):
        if not (CHROOT / "proc/self").exists():
            run("mount", "-t", "proc", "proc", CHROOT / "proc", check=False)
        self.kept = CHROOT / "etc/apt.kept"
        if not self.kept.exists():  # else a test that was killed has left it
            (CHROOT / "etc/apt").rename(self.kept)
        shutil.rmtree(CHROOT / "etc/apt", ignore_errors=True)
        shutil.copytree("/etc/apt", CHROOT / "etc/apt", symlinks=True)
        for path in ("etc/resolv.conf", "etc/hosts"):
            shutil.copy(f"/{path}", CHROOT / path)
        for path in ("usr/share/keyrings", "usr/local/share/ca-certificates", "etc/ssl/certs/ca-certificates.crt"):
            (CHROOT / path).parent.mkdir(parents=True, exist_ok=True)
            run("cp", "-rLT", "--remove-destination", f"/{path}", CHROOT / path, check=False)
        (CHROOT / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (CHROOT / "usr/sbin/policy-rc.d").chmod(0o755)
        self.started = []

    def __call__(self, *words, check=True, **options):
        env = {**proxies(), "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        return run("chroot", CHROOT, *words, check=check, env=env, **options)

    def install(self, package):
        shutil.copy(package, CHROOT / "tmp" / package.name)
        return self("apt-get", "install", "-y", "--no-install-recommends", f"/tmp/{package.name}")

    def start(self, **env):
        """ExecStart of the unit as its user, with what its EnvironmentFile says."""
        unit = (CHROOT / "lib/systemd/system/sluice.service").read_text()
        command = re.search(r"^ExecStart=(.*)$", unit, re.M).group(1)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        settings = (CHROOT / "etc/default/sluice").read_text()
        options = re.search(r'^SLUICE_SERVE="(.*)"$', settings, re.M).group(1) + f" --port {port}"
        line = "cd /var/lib/sluice && exec " + command.replace("$SLUICE_SERVE", options)
        chroot = shutil.which("chroot") or "/usr/sbin/chroot"
        command = [chroot, "--userspec=sluice:sluice", CHROOT, "/bin/sh", "-c", line]
        process = subprocess.Popen(command,
                                   env={"PATH": "/usr/bin:/bin", "HOME": "/var/lib/sluice", **env},
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.started.append(process)
        first = process.stdout.readline()
        assert "sluice serves /var/lib/sluice at" in first, first + process.stdout.read()
        return process, f"http://127.0.0.1:{port}"

    def close(self):
        for process in self.started:
            if process.poll() is None:
                process.terminate()
                process.wait(30)
        self("dpkg", "--purge", "sluice", check=False)
        shutil.rmtree(CHROOT / "var/lib/sluice", ignore_errors=True)
        shutil.rmtree(CHROOT / "etc/apt", ignore_errors=True)
        self.kept.rename(CHROOT / "etc/apt")
        run("umount", "-l", CHROOT / "proc", check=False)


@pytest.fixture
def debian():
    why_not = make_chroot()
    if why_not:
        pytest.skip(why_not)
    made = Debian()
    if made("apt-get", "update", "-qq", check=False).returncode != 0:
        made.close()
        pytest.skip("apt-get update does not come through in the chroot")
    yield made
    made.close()


def ask(url, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def as_user(debian, *words, check=True):
    return debian("runuser", "-u", "sluice", "--", *words, check=check)


def test_the_whole_life_of_the_package(debian, package):
    debian.install(package)
    assert debian("getent", "passwd", "sluice").stdout.split(":")[5] == "/var/lib/sluice"
    home = CHROOT / "var/lib/sluice"
    assert debian("stat", "-c", "%U:%G %a", "/var/lib/sluice").stdout == "sluice:sluice 750\n"
    process, url = debian.start()
    assert ask(url, "/health") == "OK"
    run_id = json.loads(ask(url, "/api/2.0/mlflow/runs/create", {"experiment_id": "0"}))["run"]["info"]["run_id"]
    (CHROOT / "tmp/p.yaml").write_text("name: p\nsteps: {a: {run: echo hello}}\n")
    as_user(debian, "sluice", "run", "/tmp/p.yaml", "-q", "--home", "/var/lib/sluice")
    assert "sluice_runs_total" in ask(url, "/metrics")

    # An upgrade stops nothing; the new version is asked whether it takes the home, and goes on with it.
    said = debian.install(make_package("0.1.0~test2"))
    assert "does not take" not in said.stdout + said.stderr and process.poll() is None and ask(url, "/health") == "OK"
    assert "test2" in debian("dpkg-query", "-W", "sluice").stdout
    process.terminate()
    assert process.wait(30) == 0
    process, url = debian.start()
    assert run_id in ask(url, f"/api/2.0/mlflow/runs/get?run_id={run_id}")
    assert "succeeded" in as_user(debian, "sluice", "runs", "--home", "/var/lib/sluice").stdout
    process.terminate()
    process.wait(30)

    # One that does not take what the home counts on says so, and the package is installed all the same.
    store = home / "sluice.db"
    run("sqlite3", store, "UPDATE definitions SET source = 'name: p' || char(10) || 'steps: 3'")
    said = debian.install(make_package("0.1.0~test3"))
    assert "this version does not take all pipelines" in said.stdout + said.stderr

    # Removed, the settings stay; purged, the home does.
    (CHROOT / "etc/default/sluice").write_text('SLUICE_SERVE="--log-format json"\nSLUICE_LOG=warn\n')
    debian("dpkg", "--remove", "sluice")
    assert not (CHROOT / "usr/bin/sluice").exists() and (CHROOT / "etc/default/sluice").exists()
    assert not (CHROOT / "usr/lib/sluice").exists() and store.exists()
    said = debian("dpkg", "--purge", "sluice")
    assert not (CHROOT / "etc/default/sluice").exists() and store.exists()
    assert "the home /var/lib/sluice stays" in said.stderr + said.stdout


def test_a_purge_leaves_nothing_of_a_home_that_was_never_used(debian, package):
    debian.install(package)
    debian("dpkg", "--purge", "sluice")
    assert not (CHROOT / "var/lib/sluice").exists()
