# SPDX-License-Identifier: Apache-2.0
"""A Debian in a folder, made once by debootstrap from where this machine gets its packages; and packages of sluice."""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", ROOT / "build")).resolve()
CHROOT = pathlib.Path(os.environ.get("SLUICE_CHROOT", BUILD / "debian"))
PATIENCE = 150  # seconds for making it
UNITS = ("sluice.service", "sluice-runner.service", "sluice-runner.socket")
HOME = "/var/lib/sluice"


def run(*words, check=True, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **options)
    assert not check or done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done


def make_package(version):
    out = run(ROOT / "orchestrator/packaging/deb.sh", BUILD, version, cwd=ROOT).stdout
    return BUILD / pathlib.Path(out.strip().splitlines()[-1]).name


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

    def __init__(self, root=CHROOT):
        self.root = root
        if not (self.root / "proc/self").exists():
            run("mount", "-t", "proc", "proc", self.root / "proc", check=False)
        self.kept = self.root / "etc/apt.kept"
        if not self.kept.exists():  # else a test that was killed has left it
            (self.root / "etc/apt").rename(self.kept)
        shutil.rmtree(self.root / "etc/apt", ignore_errors=True)
        shutil.copytree("/etc/apt", self.root / "etc/apt", symlinks=True)
        for path in ("etc/resolv.conf", "etc/hosts"):
            shutil.copy(f"/{path}", self.root / path)
        for path in ("usr/share/keyrings", "usr/local/share/ca-certificates", "etc/ssl/certs/ca-certificates.crt"):
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            run("cp", "-rLT", "--remove-destination", f"/{path}", self.root / path, check=False)
        (self.root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (self.root / "usr/sbin/policy-rc.d").chmod(0o755)
        self.started = []
        self.listener = self.keeper = None

    def __call__(self, *words, check=True, **options):
        env = {**proxies(), "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        return run("chroot", self.root, *words, check=check, env=env, **options)

    def install(self, package):
        shutil.copy(package, self.root / "tmp" / package.name)
        return self("apt-get", "install", "-y", "--no-install-recommends", f"/tmp/{package.name}")

    def unit(self, name):
        """{key: the last value}"""
        text = (self.root / "lib/systemd/system" / name).read_text()
        return dict(re.findall(r"^(\w+)=(.*)$", text, re.M))

    def command(self, unit, line, **options):
        """As systemd starts it: of that user and his groups, with that umask, and without privileges."""
        groups = ",".join(self("id", "-G", unit["User"]).stdout.split())
        user = [f"--reuid={unit['User']}", f"--regid={unit['Group']}", f"--groups={groups}"]
        chroot = shutil.which("chroot") or "/usr/sbin/chroot"
        process = subprocess.Popen([chroot, self.root, "setpriv", *user, "--no-new-privs", "--inh-caps=-all",
                                    "--bounding-set=-all", "--", "/bin/bash", "-c", line],
                                   umask=int(unit["UMask"], 8), **options)
        self.started.append(process)
        return process

    def listen(self):
        """What sluice-runner.socket says."""
        unit = self.unit("sluice-runner.socket")
        path = self.root / unit["ListenStream"].lstrip("/")
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(16)
        self("chown", f"{unit['SocketUser']}:{unit['SocketGroup']}", unit["ListenStream"])
        path.chmod(int(unit["SocketMode"], 8))

    def keep(self):
        """sluice-runner.service, with the socket as its descriptor 3."""
        if self.listener is None:
            self.listen()
        unit = self.unit("sluice-runner.service")
        fd = self.listener.fileno()
        line = f"exec 3<&{fd} {fd}<&-; LISTEN_PID=$$ LISTEN_FDS=1 exec {unit['ExecStart']}"
        self.keeper = self.command(unit, line, env={"PATH": "/usr/bin:/bin", "HOME": f"{HOME}-run"}, pass_fds=[fd],
                                   stdin=subprocess.DEVNULL)
        return self.keeper

    def start(self, **env):
        """ExecStart of the unit as its user, with what its EnvironmentFile says."""
        unit = self.unit("sluice.service")
        command = unit["ExecStart"]
        if self.keeper is None or self.keeper.poll() is not None:
            self.keep()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        settings = (self.root / "etc/default/sluice").read_text()
        options = re.search(r'^SLUICE_SERVE="(.*)"$', settings, re.M).group(1) + f" --port {port}"
        line = "cd /var/lib/sluice && exec " + command.replace("$SLUICE_SERVE", options)
        process = self.command(unit, line, env={"PATH": "/usr/bin:/bin", "HOME": HOME, **env}, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
        first = process.stdout.readline()
        assert "sluice serves /var/lib/sluice at" in first, first + process.stdout.read()
        return process, f"http://127.0.0.1:{port}"

    def close(self):
        for process in self.started:
            if process.poll() is None:
                process.terminate()
                process.wait(60)
        if self.listener is not None:
            self.listener.close()
        self("dpkg", "--purge", "sluice", check=False)
        for folder in ("var/lib/sluice", "var/lib/sluice-run"):
            shutil.rmtree(self.root / folder, ignore_errors=True)
        for user in ("sluice", "sluice-run"):
            self("deluser", "--quiet", user, check=False)
        shutil.rmtree(self.root / "etc/apt", ignore_errors=True)
        self.kept.rename(self.root / "etc/apt")
        run("umount", "-l", self.root / "proc", check=False)


def ask(url, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def wait_for(check, seconds=120):
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)
