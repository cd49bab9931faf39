# SPDX-License-Identifier: Apache-2.0
"""REST: what steps printed: whole, in parts, and as events, of which a client that is cut off gets each once."""
import http.client
import json
import random
import signal
import threading
import time

import pytest
from programs import BUILD, wait_until
from rest import API, QUICK, WAITS, anonymous


class Events:
    """Server-sent events, as a client reads them that is cut off now and then."""

    def __init__(self, rest, path, last=None):
        self.last = last
        self.line = http.client.HTTPConnection("127.0.0.1", rest.server.port, timeout=60)
        headers = {**rest.headers, **({"Last-Event-ID": last} if last else {})}
        self.line.request("GET", API + path, headers=headers)
        self.answer = self.line.getresponse()
        self.status = self.answer.status

    def __iter__(self):
        event = {}
        for line in self.answer:
            line = line.decode().rstrip("\n")
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                event[name] = value
            elif event:
                self.last = event["id"]
                yield event
                event = {}

    def close(self):
        self.answer.close()
        self.line.close()


def ticking(name, lines, seconds):
    """A pipeline that counts, unless there is a file `quick`."""
    run = f"test -e quick || for i in $(seq {lines}); do echo $i; sleep {seconds}; done"
    return f"name: {name}\nsteps: {{tick: {{run: '{run}'}}}}\n"


def lines_of(events):
    return [json.loads(one["data"])["line"] for one in events if "event" not in one]


@pytest.fixture
def counted(sluice):
    """A run that printed 1 to 5000 on two streams; and the server."""
    sluice.pipeline("""
        name: counted
        steps:
          up: {run: "seq 5000"}
          err: {needs: [up], run: "seq 3 >&2"}
          each: {needs: [up], matrix: {n: [1, 2]}, run: "echo item ${{ matrix.n }}"}
    """)
    run = sluice.run().json
    return anonymous(sluice), f"/runs/{run['run_id']}/logs"


UP = "".join(f"{n}\n" for n in range(1, 5001))


def test_whole_and_by_filters(counted):
    rest, logs = counted
    assert rest.text(logs + "?step=up") == UP
    assert rest.text(logs + "?stream=stderr") == "1\n2\n3\n"
    assert rest.text(logs + "?step=each&item=1") == "item 2\n"
    assert rest.text(logs + "?step=each&item=1&attempt=2") == rest.text(logs + "?step=none") == ""
    assert sorted(rest.text(logs).splitlines()) == sorted(UP.splitlines() + ["1", "2", "3", "item 1", "item 2"])
    [line] = [json.loads(one) for one in rest.text(logs + "?format=jsonl&step=each&item=0").splitlines()]
    assert {**line, "at": None} == {"at": None, "step": "each", "item": 0, "attempt": 1, "stream": "stdout",
                                    "line": "item 1"}


@pytest.mark.parametrize("query, expected", [
    ("tail=2", "4999\n5000\n"), ("tail=5000", UP), ("tail=99999", UP), ("from_line=4999", "4999\n5000\n"),
    ("lines=2", "1\n2\n"), ("from_line=3&lines=2", "3\n4\n"), ("from_line=5001", ""),
    ("from_line=5000&lines=9", "5000\n"),
])
def test_its_end_and_lines_of_it(counted, query, expected):
    rest, logs = counted
    assert rest.text(f"{logs}?step=up&{query}") == expected


@pytest.mark.parametrize("asked, first, last", [
    ("bytes=0-3", 0, 3), ("bytes=5-5", 5, 5), ("bytes=23000-", 23000, len(UP) - 1),
    ("bytes=-7", len(UP) - 7, len(UP) - 1),
    ("bytes=0-999999", 0, len(UP) - 1), (f"bytes=8000-{8000 + 12000}", 8000, 20000),
])
def test_bytes_of_it(counted, asked, first, last):
    rest, logs = counted
    status, headers, answer = rest.ask("GET", logs + "?step=up", headers={"Range": asked})
    assert (status, headers["Content-Range"]) == (206, f"bytes {first}-{last}/{len(UP)}")
    assert answer.decode() == UP[first:last + 1] and headers["Content-Length"] == str(len(answer))


def test_what_does_not_go_together_is_refused(counted):
    rest, logs = counted
    assert rest.ask("GET", logs, headers={"Range": "bytes=999999-"})[0] == 416
    for query, headers in (("tail=1&lines=1", {}), ("tail=1&from_line=1", {}), ("tail=1", {"Range": "bytes=0-1"})):
        assert rest.ask("GET", f"{logs}?{query}", headers=headers)[0] == 422, query
    assert rest.ask("GET", logs + "?step=up", headers={"Range": "lines=1-2"})[2].decode() == UP, "no unit of ours"
    for query in ("tail=0", "item=-1", "stream=none", "format=xml", "attempt=0"):
        assert rest.ask("GET", f"{logs}?{query}")[0] == 400, query


def test_lines_of_any_bytes(sluice):
    sluice.pipeline(r"""
        name: bytes
        steps:
          raw:
            run: "printf 'a\\377b\\033[31m\\nid: 9\\n\\ndata: x\\r\\n'; head -c 300000 /dev/zero | tr '\\0' z; echo"
    """)
    run = sluice.run().json
    rest = anonymous(sluice)
    logs = f"/runs/{run['run_id']}/logs"
    whole = rest.ask("GET", logs)[2]
    assert whole.startswith(b"a") and whole.endswith(b"z" * 1000 + b"\n")
    parsed = [json.loads(one)["line"] for one in rest.text(logs + "?format=jsonl").splitlines()]
    events = lines_of(Events(rest, logs + "/events"))
    assert events == parsed and "".join(events).count("z") == 300000
    assert parsed[1] == "id: 9" and parsed[0].startswith("a\ufffdb")


# ---- events ----

def test_events_of_a_run_that_has_ended(counted):
    rest, logs = counted
    events = list(Events(rest, logs + "/events?step=up"))
    assert lines_of(events) == UP.split()
    assert (events[-1]["event"], json.loads(events[-1]["data"])) == ("end", {"status": "succeeded"})
    assert len({one["id"] for one in events}) == len(events)
    behind = Events(rest, logs + "/events?step=up", events[-1]["id"])
    assert (behind.status, behind.answer.read()) == (204, b"")


def test_a_client_that_is_cut_off_gets_each_line_once(counted):
    rest, logs = counted
    chance = random.Random(5)
    got, last = [], None
    while True:
        events = Events(rest, logs + "/events?step=up", last)
        for event in events:
            if event.get("event") == "end":
                assert got == UP.split()
                return
            got.append(json.loads(event["data"])["line"])
            if chance.random() < 0.004:
                break
        last = events.last
        events.close()


@pytest.mark.parametrize("last", ["0", "x", "1.2", "1.2.3.4", "-1.0.0", "17.0.0", "145.7.0", "99999999999.1.1",
                                  "9223372036854775807.9223372036854775807.0", "end "])
def test_an_id_of_no_event_is_refused(counted, last):
    rest, logs = counted
    status = rest.ask("GET", logs + "/events", headers={"Last-Event-ID": last})[0]
    assert status == (204 if last == "end " else 422), "blanks around a header are none of it"


def test_lines_come_while_the_run_goes_on_over_a_restart_of_the_server(sluice):
    sluice.pipeline(ticking("slow", 40, 0.1))
    quick = sluice.write("quick", "")
    sluice.run()
    quick.unlink()
    rest = anonymous(sluice)
    run = rest.post("/runs", {"pipeline": "slow"}, 201)
    path = f"/runs/{run['run_id']}/logs/events"
    got, last, kills = [], None, 0
    while True:
        events = Events(rest, path, last)
        try:
            for event in events:
                if event.get("event") == "end":
                    assert got == [str(n) for n in range(1, 41)] and kills == 2
                    return
                got.append(json.loads(event["data"])["line"])
                if len(got) in (12, 25):
                    rest.server.process.send_signal(signal.SIGKILL)
                    rest.server.process.wait()
                    kills += 1
                elif len(got) % 7 == 0:
                    break
        except (http.client.HTTPException, OSError):
            pass
        last = events.last
        events.close()
        if rest.server.process.poll() is not None:
            rest = anonymous(sluice)


def test_followers_do_not_keep_the_server_from_going_or_others_waiting(sluice):
    sluice.pipeline(WAITS)
    run = sluice.run(expect=5).json
    rest = anonymous(sluice)
    followers = [Events(rest, f"/runs/{run['run_id']}/logs/events") for _ in range(30)]
    seen = [next(iter(one)) for one in followers]
    assert all("line" in json.loads(one["data"]) for one in seen)
    for _ in range(20):
        rest.get("/home")
    begun = time.monotonic()
    rest.server.stop()
    assert time.monotonic() - begun < 9.5, "FAREWELL_MS is ten seconds"
    for one in followers:
        one.close()


def test_a_client_that_reads_slowly_costs_no_memory(sluice):
    sluice.pipeline("name: loud\nsteps: {loud: {run: 'seq 2000000'}}\n")
    run = sluice.run(timeout=240).json
    rest = anonymous(sluice)
    logs = f"/runs/{run['run_id']}/logs"

    def resident_kb():
        text = open(f"/proc/{rest.server.process.pid}/status", encoding="ascii").read()
        return int(text.partition("VmRSS:")[2].split()[0])

    rest.text(logs + "?tail=1")
    before = resident_kb()
    slow = [Events(rest, logs + "?format=jsonl") for _ in range(10)]
    for one in slow:
        assert one.answer.read(1000)
    time.sleep(1)
    sanitized = b"__asan_init" in (BUILD / "sluice").read_bytes()  # which keeps what was freed for a while
    assert resident_kb() - before < (400000 if sanitized else 40000)
    for one in slow:
        one.close()
    assert rest.text(logs + "?tail=2") == "1999999\n2000000\n"


def test_a_run_that_has_printed_nothing_and_one_whose_logs_are_gone(sluice):
    sluice.pipeline(QUICK.replace("seq ${{ params.n }}", "true"))
    run = sluice.run().json
    rest = anonymous(sluice)
    logs = f"/runs/{run['run_id']}/logs"
    assert rest.text(logs) == rest.text(logs + "?tail=3") == ""
    assert [one["event"] for one in Events(rest, logs + "/events")] == ["end"]
    (sluice.home / "runs" / run["run_id"] / "journal").unlink()
    assert "removed" in rest.get(logs, 404)["message"]
    assert rest.ask("GET", logs + "/events")[0] == 404
    assert rest.get(f"/runs/{'0' * 32}/logs", 404)["code"] == "not_found"


def test_many_followers_of_one_run_get_the_same(sluice):
    sluice.pipeline(ticking("some", 20, 0.02))
    quick = sluice.write("quick", "")
    sluice.run()
    quick.unlink()
    rest = anonymous(sluice)
    run = rest.post("/runs", {"pipeline": "some"}, 201)
    results = []

    def follow():
        results.append(lines_of(Events(rest, f"/runs/{run['run_id']}/logs/events")))

    threads = [threading.Thread(target=follow) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[str(n) for n in range(1, 21)]] * 20
    assert wait_until(lambda: rest.status(run["run_id"]) == "succeeded")
