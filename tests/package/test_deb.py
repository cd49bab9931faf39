# SPDX-License-Identifier: Apache-2.0
"""The Debian package: what is in it, and its whole life in a Debian of its own: installed, started as its units say,
upgraded, removed, purged. There is no systemd in a chroot: the ExecStart of both units is run as their users, and the
socket of the third is made as it says. By systemd itself: test_systemd.py."""
import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from debian import CHROOT, HOME, ROOT, UNITS, Debian, ask, make_chroot, make_package, run, wait_for


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
    unit, runner, door = ((tmp_path / "lib/systemd/system" / name).read_text() for name in UNITS)
    for line in ("Type=notify", "User=sluice", "SupplementaryGroups=sluice-run", "StateDirectory=sluice", "UMask=0007",
                 "NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "PrivateDevices=yes",
                 "Requires=sluice-runner.socket"):
        assert f"\n{line}\n" in unit, line
    assert "KillMode" not in unit and "Delegate" not in unit and "sluice-runner.service" not in re.sub("#.*", "", unit)
    for line in ("User=sluice-run", "Group=sluice-run", "Delegate=yes", "KillMode=mixed", "UMask=0007",
                 "OOMPolicy=continue", "NoNewPrivileges=yes"):
        assert f"\n{line}\n" in runner, line
    # What steps need of the world is theirs: devices, data, /tmp, folders with a set-group-ID bit.
    for word in ("PrivateTmp", "PrivateDevices", "ProtectHome", "RestrictSUIDSGID", "MemoryDeny", "SystemCallFilter"):
        assert f"\n{word}" not in runner, word
    assert "SocketUser=sluice\n" in door and "SocketMode=0600\n" in door
    assert (tmp_path / "usr/libexec/sluice/sluice-runner").stat().st_mode & 0o777 == 0o711
    assert (tmp_path / "usr/lib/sysusers.d/sluice.conf").is_file()


# ---- what systemd says of the units ---------------------------------------------------------------------------------


def analyze(package, tmp_path, *words):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    run("dpkg-deb", "-x", package, tmp_path)
    units = [tmp_path / "lib/systemd/system" / name for name in UNITS]
    for unit in units:  # what it starts is looked for here, not in the package
        unit.write_text(re.sub(r"^ExecStart=/usr/", f"ExecStart={tmp_path}/usr/", unit.read_text(), flags=re.M))
    return run("systemd-analyze", *words, check=False), units


def test_systemd_finds_no_fault_in_the_units(package, tmp_path):
    _, units = analyze(package, tmp_path, "--version")
    for page in (tmp_path / "usr/share/man/man1").glob("sluice-serve.1*"):
        assert page.exists()
    found = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units, check=False)
    assert found.returncode == 0 and not found.stderr.strip(), found.stderr


@pytest.mark.parametrize("unit, most", [("sluice.service", 2.0), ("sluice-runner.service", 6.0)])
def test_systemd_calls_the_units_as_closed_as_they_claim(package, tmp_path, unit, most):
    analyze(package, tmp_path, "--version")
    found = run("systemd-analyze", "security", "--offline=true", "--no-pager",
                tmp_path / "lib/systemd/system" / unit).stdout
    exposure = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", found).group(1))
    assert exposure <= most, found


def test_systemd_makes_the_users_and_places_that_the_package_makes(package, tmp_path):
    """sysusers.d and tmpfiles.d, for those who `make install`."""
    if shutil.which("systemd-sysusers") is None or os.geteuid() != 0:
        pytest.skip("it needs systemd-sysusers, as root")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    run("dpkg-deb", "-x", package, root)
    run("systemd-sysusers", f"--root={root}")
    users = {line.split(":")[0]: line.split(":") for line in (root / "etc/passwd").read_text().splitlines()}
    groups = {line.split(":")[0]: line.split(":") for line in (root / "etc/group").read_text().splitlines()}
    assert users["sluice"][5] == HOME and users["sluice-run"][5] == f"{HOME}-run"
    assert groups["sluice-run"][3] == "sluice" and groups["sluice"][3] == ""
    run("systemd-tmpfiles", f"--root={root}", "--create", "sluice.conf")
    home = root / "var/lib/sluice"
    assert home.stat().st_mode & 0o7777 == 0o711 and home.stat().st_uid == int(users["sluice"][2])
    assert (home / "config.yaml").read_text() == "runner: {socket: /run/sluice-runner.sock}"
    assert (home / "config.yaml").stat().st_mode & 0o777 == 0o640


def test_lintian_finds_nothing(package):
    if shutil.which("lintian") is None:
        pytest.skip("lintian is not installed")
    found = run("lintian", "--allow-root", "--fail-on", "none", package).stdout
    assert not re.findall(r"^[EW]: .*", found, re.M), found


# ---- a Debian of its own --------------------------------------------------------------------------------------------


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


def as_user(debian, *words, check=True):
    return debian("runuser", "-u", "sluice", "--", *words, check=check)


def hand_over(debian, pipeline):
    """To the service, which goes on with it when who looks on is gone."""
    name = pathlib.Path(pipeline).stem
    process = subprocess.Popen([shutil.which("chroot") or "/usr/sbin/chroot", CHROOT, "setpriv", "--reuid=sluice",
                                "--regid=sluice", "--init-groups", "sluice", "run", pipeline, "-q", "--home", HOME],
                               stdin=subprocess.DEVNULL)
    wait_for(lambda: f"{name}/1 " in as_user(debian, "sluice", "runs", "--home", HOME).stdout)
    process.kill()
    process.wait()


def test_the_whole_life_of_the_package(debian, package):
    debian.install(package)
    assert debian("getent", "passwd", "sluice").stdout.split(":")[5] == "/var/lib/sluice"
    home = CHROOT / "var/lib/sluice"
    assert debian("stat", "-c", "%U:%G %a", HOME, f"{HOME}-run", f"{HOME}/config.yaml").stdout.split("\n")[:-1] == [
        "sluice:sluice 711", "sluice-run:sluice-run 700", "sluice:sluice 640"]
    assert "sluice-run" in debian("id", "-nG", "sluice").stdout.split()
    assert debian("id", "-nG", "sluice-run").stdout.split() == ["sluice-run"]
    process, url = debian.start()
    assert ask(url, "/health") == "OK"
    run_id = json.loads(ask(url, "/api/2.0/mlflow/runs/create", {"experiment_id": "0"}))["run"]["info"]["run_id"]
    (CHROOT / "tmp/p.yaml").write_text("name: p\nsteps: {a: {run: echo hello}}\n")
    as_user(debian, "sluice", "run", "/tmp/p.yaml", "-q", "--home", "/var/lib/sluice")
    assert "sluice_runs_total" in ask(url, "/metrics")

    # A step goes on over an upgrade, as a user of its own: neither service of the old version is stopped.
    (CHROOT / "tmp/long.yaml").write_text(
        "name: long\nsteps:\n  a: {run: 'id -nu; touch /tmp/up; until [ -e /tmp/go ]; do sleep 0.1; done'}\n"
        "  b: {needs: [a], run: 'id -nu'}\n")
    debian("rm", "-f", "/tmp/up", "/tmp/go")
    hand_over(debian, "/tmp/long.yaml")
    wait_for((CHROOT / "tmp/up").exists)
    keeper = debian.keeper

    # An upgrade stops nothing; the new version is asked whether it takes the home, and goes on with it.
    said = debian.install(make_package("0.1.0~test2"))
    assert keeper.poll() is None
    assert "does not take" not in said.stdout + said.stderr and process.poll() is None and ask(url, "/health") == "OK"
    assert "test2" in debian("dpkg-query", "-W", "sluice").stdout
    process.terminate()
    assert process.wait(30) == 0
    process, url = debian.start()
    assert run_id in ask(url, f"/api/2.0/mlflow/runs/get?run_id={run_id}")
    assert "succeeded" in as_user(debian, "sluice", "runs", "--home", "/var/lib/sluice").stdout
    (CHROOT / "tmp/go").touch()
    listed = ("sluice", "runs", "--home", HOME)
    wait_for(lambda: "long/1 succeeded" in re.sub(" +", " ", as_user(debian, *listed).stdout))
    told = as_user(debian, "sluice", "logs", "long/1", "--home", HOME).stdout
    assert re.findall(r"\| (\S+)", told) == ["sluice-run", "sluice-run"], told
    assert keeper.poll() is None and "ok   steps" in as_user(debian, "sluice", "doctor", "--home", HOME).stdout
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


def test_a_step_cannot_reach_what_the_package_keeps(debian, package):
    """tests/fault/hostile.py, installed as it is shipped: in the runner that nobody can read."""
    debian.install(package)
    debian("apt-get", "install", "-y", "--no-install-recommends", "python3")
    shutil.copy(ROOT / "tests/fault/hostile.py", CHROOT / "tmp/hostile.py")
    (CHROOT / "tmp/other.yaml").write_text(
        "name: other\nsteps: {a: {run: 'until [ -e /tmp/go ]; do sleep 0.1; done'}}\n")
    debian("rm", "-f", "/tmp/go", "/tmp/tried.json")
    process, _ = debian.start()
    hand_over(debian, "/tmp/other.yaml")
    home = CHROOT / HOME.lstrip("/")
    wait_for(lambda: list(home.glob("runs/*/journal")) and list(home.glob("runner/*.sock")))
    journal = f"/{next(home.glob('runs/*/journal')).relative_to(CHROOT)}"
    runner = next(home.glob("runner/*.sock")).stem
    uid = debian("id", "-u", "sluice").stdout.strip()
    (CHROOT / "tmp/hostile.yaml").write_text(
        f"name: hostile\nenv: {{DAEMON: '{process.pid}', DAEMON_UID: '{uid}', RUNNER_ID: '{runner}'}}\nsteps:\n"
        f"  a: {{run: 'python3 /tmp/hostile.py {HOME} /run/sluice-runner.sock {journal}'}}\n")
    as_user(debian, "sluice", "run", "/tmp/hostile.yaml", "-q", "--home", HOME)
    (CHROOT / "tmp/go").touch()
    told = json.loads(as_user(debian, "sluice", "logs", "hostile/1", "--home", HOME).stdout.split(" | ", 1)[1])
    assert len(told) >= 40 and {what: came for what, came in told.items() if came != "refused"} == {}


def test_a_home_of_before_there_were_two_users_is_told_of_them(debian, package):
    debian.install(package)
    settings = CHROOT / HOME.lstrip("/") / "config.yaml"
    settings.write_text("pools: {gpu: 2}\n")
    debian("dpkg-reconfigure", "-f", "noninteractive", "sluice")
    assert settings.read_text() == "pools: {gpu: 2}\n\nrunner: {socket: /run/sluice-runner.sock}\n"
    debian("dpkg-reconfigure", "-f", "noninteractive", "sluice")
    assert settings.read_text().count("runner:") == 1
    assert debian("stat", "-c", "%U %a", f"{HOME}/config.yaml").stdout == "sluice 640\n"


def test_a_purge_leaves_nothing_of_a_home_that_was_never_used(debian, package):
    debian.install(package)
    debian("dpkg", "--purge", "sluice")
    assert not (CHROOT / "var/lib/sluice").exists() and not (CHROOT / "var/lib/sluice-run").exists()
