# SPDX-License-Identifier: Apache-2.0
"""`sluice serve` as a service: what systemd is told, signals, config.yaml and certificates read again, logs."""
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest
from certificates import Authority
from programs import BUILD, send, wait_until
from serving import Server


class Manager:
    """The end of NOTIFY_SOCKET that systemd would hold."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.settimeout(0.05)
        self.env = {"NOTIFY_SOCKET": address}
        self.said = []

    def hear(self):
        while True:
            try:
                self.said.append((time.monotonic(), self.socket.recv(4096).decode()))
            except TimeoutError:
                return [text for _, text in self.said]

    def wait_for(self, word):
        return wait_until(lambda: next((text for text in self.hear() if word in text), None))


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    made = Manager(str(tmp_path / "notify") if request.param == "path" else f"@sluice-test-{os.getpid()}-{id(request)}")
    yield made
    made.socket.close()


def serve(sluice, manager=None, *options, **env):
    def start(*arguments):
        return sluice.start(*arguments, env={**(manager.env if manager else {}), **env})
    return Server(sluice, *options, start=start)


def test_systemd_is_told_of_a_whole_life(sluice, manager):
    sluice("init", expect=0)
    server = serve(sluice, manager)
    ready = manager.wait_for("READY=1")
    assert f"STATUS=serves {server.url}" in ready
    assert manager.hear()[0].startswith("EXTEND_TIMEOUT_USEC=600000000")
    (sluice.home / "config.yaml").write_text("pools: {w: 2}\n")
    before = time.clock_gettime(time.CLOCK_MONOTONIC)
    server.process.send_signal(signal.SIGHUP)
    reloading = manager.wait_for("RELOADING=1")
    usec = int(reloading.partition("MONOTONIC_USEC=")[2].split()[0])
    assert before <= usec / 1e6 + 0.001 <= time.clock_gettime(time.CLOCK_MONOTONIC) + 0.001
    wait_until(lambda: sum("READY=1" in text for text in manager.hear()) == 2)
    server.stop()
    assert "STOPPING=1" in manager.hear()[-1]


def test_the_watchdog_is_fed_at_half_its_time_and_only_by_a_loop_that_turns(sluice, manager):
    server = serve(sluice, manager, WATCHDOG_USEC="400000")
    manager.wait_for("READY=1")
    wait_until(lambda: len([text for text in manager.hear() if "WATCHDOG=1" in text]) >= 7)
    beats = [at for at, text in manager.said if "WATCHDOG=1" in text]
    assert len(beats) - 1 <= (beats[-1] - beats[0]) / 0.1, beats  # each 200 ms, or later on a busy machine
    server.process.send_signal(signal.SIGSTOP)
    time.sleep(0.3)
    count = len([text for text in manager.hear() if "WATCHDOG=1" in text])
    time.sleep(0.8)
    assert len([text for text in manager.hear() if "WATCHDOG=1" in text]) == count
    server.process.send_signal(signal.SIGCONT)
    server.stop()


def test_a_watchdog_of_another_process_is_none_of_ours(sluice, tmp_path):
    manager = Manager(str(tmp_path / "notify"))
    server = serve(sluice, manager, WATCHDOG_USEC="100000", WATCHDOG_PID="1")
    manager.wait_for("READY=1")
    time.sleep(0.5)
    assert not [text for text in manager.hear() if "WATCHDOG" in text]
    server.stop()


def test_steps_do_not_see_the_manager(sluice, tmp_path):
    manager = Manager(str(tmp_path / "notify"))
    sluice.pipeline('name: p\nsteps: {a: {run: \'test -z "$NOTIFY_SOCKET$WATCHDOG_USEC"\'}}\n')
    server = serve(sluice, manager, WATCHDOG_USEC="5000000")
    sluice("run", "-q", expect=0)
    runner = subprocess.run(["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True, check=True).stdout
    environ = open(f"/proc/{runner.split()[0]}/environ", "rb").read()
    assert b"NOTIFY_SOCKET" not in environ and b"WATCHDOG" not in environ
    server.stop()


@pytest.mark.parametrize("address", ["relative", "@", "/" + "x" * 200, "/nobody/listens/there"])
def test_an_address_that_nobody_listens_at_harms_nothing(sluice, address):
    server = serve(sluice, None, NOTIFY_SOCKET=address)
    assert server.is_alive()
    server.stop()


# ---- signals --------------------------------------------------------------------------------------------------------

SLOW = """\
    name: slow
    steps:
      a: {run: 'touch began; while [ ! -e go ]; do sleep 0.05; done; touch ended', stop: {grace: 1s}}
      b: {needs: [a], run: touch next}
    """


UNFINISHED = (b"POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
              b"Content-Length: 5\r\n\r\n{")


def test_the_first_signal_leaves_steps_to_their_runner(sluice):
    sluice.pipeline(SLOW)
    server = Server(sluice)
    run = sluice.start("run", "-q")
    wait_until(lambda: (sluice.folder / "began").exists())
    server.stop()
    (sluice.folder / "go").touch()
    assert run.wait(60) == 0 and (sluice.folder / "ended").exists() and (sluice.folder / "next").exists()


def test_the_first_signal_waits_for_what_has_begun(sluice):
    server = Server(sluice)
    run_id = server.run()["run_id"]
    body = json.dumps({"run_id": run_id, "key": "a", "value": "b"}).encode()
    with server.connect() as line:
        line.sendall(b"POST /api/2.0/mlflow/runs/set-tag HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json"
                     b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:5])
        wait_until(lambda: server.has_read(line))
        server.process.send_signal(signal.SIGTERM)
        wait_until(server.is_closed)
        assert server.process.poll() is None
        line.sendall(body[5:])
        assert line.recv(4096).startswith(b"HTTP/1.1 200")
    assert server.process.wait(60) == 0


@pytest.mark.parametrize("numbers", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)])
def test_the_second_signal_stops_the_steps_too(sluice, numbers):
    sluice.pipeline(SLOW)
    sluice.write("ask.yaml", "name: ask\nsteps: {a: {uses: approve}}\n")
    server = Server(sluice)
    sluice("run", "-q", "ask.yaml", expect=5)
    sluice.start("run", "-q")
    wait_until(lambda: (sluice.folder / "began").exists())
    with server.connect() as line:  # the first signal alone would wait for this
        line.sendall(UNFINISHED)
        wait_until(lambda: server.has_read(line))
        send(server.process, numbers[0])
        wait_until(server.is_closed)
        assert server.process.poll() is None
        server.process.send_signal(numbers[1])
        wait_until(lambda: sluice("show", "slow/1", "--json").json["status"] == "cancelled")
    assert server.process.wait(60) == 0
    show = sluice("show", "slow/1", "--json", expect=0).json
    assert show["status"] == "cancelled" and not (sluice.folder / "ended").exists()
    assert "sluice serve was ended, and its steps with it" in json.dumps(show)
    assert sluice("show", "ask/1", "--json", expect=0).json["status"] == "waiting"


def test_the_third_signal_ends_it_at_once(sluice):
    sluice.pipeline("name: p\nsteps: {a: {run: \"trap '' TERM; touch began; sleep 600\", stop: {grace: 1h}}}\n")
    server = Server(sluice)
    sluice.start("run", "-q")
    wait_until(lambda: (sluice.folder / "began").exists())
    with server.connect() as line:
        line.sendall(UNFINISHED)
        wait_until(lambda: server.has_read(line))
        for _ in range(2):
            send(server.process, signal.SIGTERM)
    time.sleep(0.5)
    assert server.process.poll() is None  # the step has an hour
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0


# ---- reading again --------------------------------------------------------------------------------------------------


def activity(sluice, action):
    return [row for row in sluice("activity", "--json", expect=0).json if row["action"] == action]


def hup(sluice, server, action="config.loaded"):
    count = len(activity(sluice, action))
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(activity(sluice, action)) > count)
    return activity(sluice, action)[0]


def test_config_is_taken_when_it_is_right_and_refused_when_not(sluice):
    sluice("init", expect=0)
    config = sluice.home / "config.yaml"
    config.write_text("pools: {w: 1, old: 1}\ngc: {logs: {keep_last: 3}}\n")
    server = Server(sluice)
    first = activity(sluice, "config.loaded")
    assert len(first) == 1 and first[0]["actor"] != "sluice"  # whoever started it
    assert first[0]["reason"] == 'pools: nothing -> {"w":1,"old":1}; gc: nothing -> {"logs":{"keep_last":3}}'
    config.write_text("pools: {w: 2}\ngroups: {ml: [ada]}\ngc: {logs: {keep_last: 3}}\n")
    row = hup(sluice, server)
    assert row["reason"] == 'pools.old: 1 -> nothing; pools.w: 1 -> 2; groups: nothing -> {"ml":["ada"]}'
    assert row["actor"] == "sluice" and row["from"] == first[0]["to"] != row["to"]
    config.write_text("pools: {w: two}\n")
    row = hup(sluice, server, "config.refused")
    assert "config.yaml:1:" in row["reason"] and "expected an integer" in row["reason"], row
    config.write_text("pools: {w: 3\n")
    hup(sluice, server, "config.refused")
    assert server.is_alive()
    err = server.stop()
    assert err.count("config.yaml is not taken, and what was in force stays") == 2
    server = Server(sluice) if config.write_text("pools: {w: 2}\n") else None
    server.stop()
    server = Server(sluice)
    server.stop()
    assert len(activity(sluice, "config.loaded")) == 3  # not again for what is in force already


def test_a_pool_that_grew_lets_more_steps_begin(sluice):
    sluice("init", expect=0)
    (sluice.home / "config.yaml").write_text("pools: {w: 1}\n")
    sluice.pipeline("""
        name: p
        steps:
          a:
            matrix: {i: [1, 2]}
            resources: {w: 1}
            run: 'touch "began-${{ matrix.i }}"; while [ ! -e go ]; do sleep 0.05; done'
    """)
    server = Server(sluice)
    run = sluice.start("run", "-q")
    wait_until(lambda: (sluice.folder / "began-1").exists())
    time.sleep(0.3)
    assert not (sluice.folder / "began-2").exists()
    (sluice.home / "config.yaml").write_text("pools: {w: 2}\n")
    hup(sluice, server)
    wait_until(lambda: (sluice.folder / "began-2").exists())
    (sluice.folder / "go").touch()
    assert run.wait(60) == 0
    server.stop()


def test_what_config_says_of_secrets_and_environment_counts_at_once(sluice):
    sluice("init", expect=0)
    (sluice.home / "config.yaml").write_text("environment: one\nenvironments: {one: {vars: {x: old}}}\n")
    (sluice.folder / "word").write_text("a-secret-word")
    sluice.pipeline("""
        name: p
        steps: {a: {run: 'echo "${{ vars.x }} ${#WORD} $OWN" > out', env: {WORD: "${{ secrets.WORD }}"}}}
    """)
    server = serve(sluice, None, OWN="seen")
    (sluice.home / "config.yaml").write_text(
        f"environment: one\nenvironments: {{one: {{vars: {{x: new}}}}}}\nstep_env: [OWN]\n"
        f"secrets: {{WORD: {{file: {sluice.folder}/word}}}}\n")
    hup(sluice, server)
    sluice("run", "-q", expect=0, env={"OWN": "seen"})
    assert (sluice.folder / "out").read_text() == "new 13 seen\n"
    server.stop()


def test_reading_again_a_hundred_times_under_load(sluice):
    sluice("init", expect=0)
    server = Server(sluice)
    wrong, ended = [], threading.Event()

    def ask():
        while not ended.is_set():
            if server.run()["status"] != "RUNNING":
                wrong.append(1)
    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for turn in range(30):
        (sluice.home / "config.yaml").write_text(f"pools: {{w: {turn + 1}}}\n" if turn % 3 else "nonsense: 1\n")
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.02)
    ended.set()
    for thread in threads:
        thread.join()
    assert not wrong and server.is_alive()
    assert "Sanitizer" not in server.stop()


def certificate_of(server, authority):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with server.connect() as line, context.wrap_socket(line) as secured:
        return secured.getpeercert(True)


def test_a_certificate_is_renewed_without_a_restart(sluice, tmp_path):
    authority = Authority(tmp_path)
    options = authority.sign("server")
    paths = dict(zip(options[::2], options[1::2]))
    sluice.env["ASAN_OPTIONS"] += ":detect_leaks=0"  # GnuTLS forgets a part of a certificate that is none
    server = Server(sluice, *options, context=authority.context())
    old = certificate_of(server, authority)
    run_id = server.run()["run_id"]
    body = json.dumps({"run_id": run_id, "key": "a", "value": "b"}).encode()
    with server.connect() as line, authority.context().wrap_socket(line, server_hostname="localhost") as begun:
        begun.sendall(b"POST /api/2.0/mlflow/runs/set-tag HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json"
                      b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:5])
        wait_until(lambda: server.has_read(begun))
        fresh = authority.sign("renewed")
        for name, path in zip(fresh[::2], fresh[1::2]):
            os.replace(path, paths[name])
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: certificate_of(server, authority) != old)
        begun.sendall(body[5:])  # what has begun is answered under the one that it has seen
        assert begun.recv(4096).startswith(b"HTTP/1.1 200")
    new = certificate_of(server, authority)
    with open(paths["--tls-cert"], "w", encoding="ascii") as file:
        file.write("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    send(server.process, signal.SIGHUP)
    assert certificate_of(server, authority) == new and server.is_alive()
    assert "the certificate stays: --tls-cert and --tls-key" in server.stop()


# ---- logs -----------------------------------------------------------------------------------------------------------


def test_logs_are_json_when_they_are_asked_to_be(sluice):
    sluice("init", expect=0)
    server = serve(sluice, None, "--log-format", "json", SLUICE_LOG="info")
    (sluice.home / "config.yaml").write_text('pools: {"a\\"b": 1}\n')
    hup(sluice, server, "config.refused")
    (sluice.home / "config.yaml").write_text("pools: {w: 1}\n")
    hup(sluice, server)
    lines = [json.loads(line) for line in server.stop().splitlines()]
    assert all(set(line) == {"time", "level", "component", "message"} for line in lines)
    refused = [line for line in lines if line["level"] == "error"]
    assert len(refused) == 1 and 'a"b' in refused[0]["message"]
    assert [line["message"] for line in lines if line["level"] == "info" and line["component"] == "serve"] == \
           ['config.yaml is taken: pools: nothing -> {"w":1}']
    assert "expected" in sluice("serve", "--log-format", "xml", expect=2).err


@pytest.mark.parametrize("options, start", [([], "<6>engine "), (["--log-format", "json"], '<6>{"time":')])
def test_lines_for_the_journal_have_a_priority(sluice, tmp_path, options, start):
    """And those of a process that has only inherited the word for it have none."""
    def lines(names):
        with (tmp_path / "journal").open("w") as file:
            status = os.fstat(file.fileno())
            env = {"SLUICE_LOG": "info", "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + (0 if names else 1)}"}
            process = subprocess.Popen([BUILD / "sluice", "serve", "--port", "0", *options], stderr=file,
                                       stdout=subprocess.PIPE, cwd=sluice.folder, env={**sluice.env, **env})
            assert b"http" in process.stdout.readline()
            process.terminate()
            process.communicate(timeout=60)
            assert process.returncode == 0
        return [line for line in (tmp_path / "journal").read_text().splitlines() if "has taken up" in line]

    assert all(line.startswith(start) for line in lines(True))
    assert not any(line.startswith("<") for line in lines(False))
