# SPDX-License-Identifier: Apache-2.0
"""The package under systemd itself: a Debian that is booted in a container (systemd-nspawn), where systemd starts,
watches, reloads, restarts and upgrades the services, and a step goes on through all of it.

It is skipped, with the reason, where no container can be booted."""
import json
import pathlib
import re
import shutil
import subprocess

import pytest

from debian import BUILD, CHROOT, HOME, Debian, make_chroot, make_package, run, wait_for

MACHINE = BUILD / "machine"
WORK = "/srv/work"
UP = ("running", "degraded")
SLOW = """\
name: slow
steps:
  one: {run: 'id -nu; cat /proc/self/cgroup; touch up; until [ -e go ]; do sleep 0.1; done'}
  two: {needs: [one], run: 'id -nu'}
"""


def make_machine(package):
    """A copy of the Debian of test_deb.py with systemd, and what the package needs; or why there is none."""
    why_not = make_chroot()
    if why_not or (MACHINE / ".machine").exists():
        return why_not
    shutil.rmtree(MACHINE, ignore_errors=True)
    run("cp", "-a", "--reflink=auto", CHROOT, MACHINE)
    debian = Debian(MACHINE)
    try:
        if debian("apt-get", "update", "-qq", check=False).returncode != 0:
            return "apt-get update does not come through in the chroot"
        debian.install(package)
        debian("apt-get", "install", "-y", "--no-install-recommends", "systemd", "systemd-sysv")
    finally:
        debian.close()
    (MACHINE / "usr/sbin/policy-rc.d").unlink()
    (MACHINE / "etc/machine-id").write_text("")
    (MACHINE / ".machine").touch()
    return None


class Machine:
    def __init__(self):
        with (BUILD / "machine.log").open("w") as log:
            self.process = subprocess.Popen(
                ["systemd-nspawn", "--quiet", "--directory", MACHINE, "--boot", "--ephemeral", "--private-network",
                 "--register=no", "--keep-unit", "--console=pipe"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.pid = None

    def why_not(self):
        """Waits for it to have booted; why it has not."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for _ in range(300):
            if self.process.poll() is not None:
                break
            found = children.read_text().split()
            self.pid = int(found[-1]) if found else None
            if self.pid and self("systemctl", "is-system-running", check=False).stdout.strip() in UP:
                return None
            try:
                self.process.wait(0.2)
            except subprocess.TimeoutExpired:
                pass
        said = (BUILD / "machine.log").read_text(errors="replace").strip().splitlines()
        return f"no container is booted here: {said[-1] if said else 'nothing was said'}"

    def __call__(self, *words, check=True, **options):
        return run("nsenter", "-t", self.pid, "-a", *words, check=check, timeout=120, **options)

    def start(self, *words):
        line = f"cd {WORK} && exec {' '.join(words)}"
        return subprocess.Popen(["nsenter", "-t", str(self.pid), "-a", "sh", "-c", line], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def put(self, path, text):
        run("nsenter", "-t", self.pid, "-a", "sh", "-c", f"cat > {path}", input=text)

    def has(self, path):
        return self("test", "-e", path, check=False).returncode == 0

    def install(self, package):
        with package.open("rb") as file:
            subprocess.run(["nsenter", "-t", str(self.pid), "-a", "sh", "-c", "cat > /root/sluice.deb"], stdin=file,
                           check=True)
        return self("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "-i", "/root/sluice.deb")

    def show(self, unit, key):
        return self("systemctl", "show", "-p", key, "--value", unit).stdout.strip()

    def kill(self, signal, unit):
        """By the shell's own kill: a small Debian has no other."""
        self("sh", "-c", f"kill -{signal} {self.show(unit, 'MainPID')}")

    def close(self):
        if self.pid and self.process.poll() is None:
            self("systemctl", "poweroff", "--force", check=False)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="module")
def machine():
    if shutil.which("systemd-nspawn") is None or shutil.which("nsenter") is None:
        pytest.skip("systemd-nspawn (systemd-container) is not installed")
    package = make_package("0.1.0~test1")
    why_not = make_machine(package)
    if why_not:
        pytest.skip(why_not)
    made = Machine()
    why_not = made.why_not()
    if why_not:
        made.close()
        pytest.skip(why_not)
    made.install(package)
    made("mkdir", "-m", "777", WORK)
    made.put(f"{WORK}/slow.yaml", SLOW)
    yield made
    failed = made("systemctl", "list-units", "--failed", "--plain", "--no-legend").stdout
    made.close()
    assert "sluice" not in failed, failed


@pytest.fixture
def step(machine):
    """A run whose first step goes on until there is a file `go`; who follows it is root, not the home's user."""
    machine("rm", "-f", f"{WORK}/up", f"{WORK}/go")
    follower = machine.start("sluice", "run", "--home", HOME, "slow.yaml")
    wait_for(lambda: machine.has(f"{WORK}/up"))
    yield follower
    machine("touch", f"{WORK}/go")  # so that it ends by itself: to kill nsenter would leave what it has started
    follower.communicate(timeout=90)


def runs(machine):
    return re.sub(" +", " ", machine("sluice", "runs", "--home", HOME).stdout).splitlines()[1:]


def let_go(machine, follower):
    """What was said of the run to who has followed it all the time."""
    machine("touch", f"{WORK}/go")
    said = follower.communicate(timeout=60)[0]
    assert follower.returncode == 0, said
    assert " succeeded " in runs(machine)[0]
    told = machine("sluice", "logs", "latest", "--home", HOME).stdout
    assert told.count("sluice-run\n") == 2 and "sluice-runner.service" in told, told
    return said


def test_an_installed_package_serves(machine):
    for unit in ("sluice.service", "sluice-runner.socket"):
        assert machine.show(unit, "ActiveState") == "active" and machine.show(unit, "UnitFileState") == "enabled"
    assert machine.show("sluice", "StatusText") == "serves http://127.0.0.1:5000"
    said = machine("journalctl", "-u", "sluice", "-o", "json", "--no-pager").stdout.splitlines()
    priorities = {entry["MESSAGE"]: entry["PRIORITY"] for entry in map(json.loads, said)}
    assert priorities["engine has taken up the open runs of the home: 0"] == "6", priorities


def test_a_reload_takes_config_yaml(machine):
    machine("sh", "-c", f"echo 'pools: {{license: 2}}' >> {HOME}/config.yaml")
    machine("systemctl", "reload", "sluice")
    wait_for(lambda: "license" in machine("sluice", "activity", "--home", HOME, "--json").stdout)
    assert machine.show("sluice", "ActiveState") == "active"


def test_a_restart_ends_no_step(machine, step):
    before = machine.show("sluice", "MainPID")
    machine("systemctl", "restart", "sluice")
    assert machine.show("sluice", "MainPID") != before and " running " in runs(machine)[0]
    assert "waiting until it is back" in let_go(machine, step)


def test_kill_9_of_the_daemon_ends_no_step(machine, step):
    restarts = int(machine.show("sluice", "NRestarts"))
    machine.kill("KILL", "sluice")
    wait_for(lambda: int(machine.show("sluice", "NRestarts")) == restarts + 1)
    wait_for(lambda: machine.show("sluice", "ActiveState") == "active")
    let_go(machine, step)


def test_an_upgrade_ends_no_step(machine, step):
    before = machine.show("sluice", "MainPID"), machine.show("sluice-runner", "MainPID")
    machine.install(make_package("0.1.0~test2"))
    wait_for(lambda: machine.show("sluice", "ActiveState") == "active")
    after = machine.show("sluice", "MainPID"), machine.show("sluice-runner", "MainPID")
    assert before[0] != after[0] and before[1] == after[1]
    let_go(machine, step)


def test_a_daemon_that_hangs_is_started_anew_by_the_watchdog(machine, step):
    machine("mkdir", "-p", "/run/systemd/system/sluice.service.d")
    machine.put("/run/systemd/system/sluice.service.d/quick.conf", "[Service]\nWatchdogSec=2\nTimeoutAbortSec=1\n")
    machine("systemctl", "daemon-reload")
    machine("systemctl", "restart", "sluice")
    restarts = int(machine.show("sluice", "NRestarts"))
    machine.kill("STOP", "sluice")
    wait_for(lambda: int(machine.show("sluice", "NRestarts")) > restarts)
    wait_for(lambda: machine.show("sluice", "ActiveState") == "active")
    let_go(machine, step)


def test_to_stop_the_service_of_the_steps_ends_them_and_says_so(machine, step):
    machine("systemctl", "stop", "sluice-runner.service")
    said = step.communicate(timeout=60)[0]
    assert step.returncode == 1 and " failed " in runs(machine)[0], said
    assert machine.show("sluice", "ActiveState") == "active"
    told = machine("runuser", "-u", "sluice", "--", "sluice", "doctor", "--home", HOME, check=False)
    assert "ok steps" in re.sub(" +", " ", told.stdout), told.stdout


def test_a_removed_package_leaves_no_service(machine):
    machine("dpkg", "--purge", "sluice")
    for unit in ("sluice.service", "sluice-runner.service", "sluice-runner.socket"):
        assert machine.show(unit, "LoadState") == "not-found" or machine.show(unit, "ActiveState") == "inactive"
    assert machine.has(f"{HOME}/sluice.db")
