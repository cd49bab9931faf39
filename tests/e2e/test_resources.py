# SPDX-License-Identifier: Apache-2.0
"""What steps ask for: nobody gets more than there is, over restarts and kills; nobody waits for ever; at rest nothing
is held."""
import contextlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time

import pytest

from programs import BUILD, ROOT, kill_runners, wait_until

sys.path.insert(0, str(ROOT / "tests" / "fault"))
import invariants  # noqa: E402

# Each step leaves when it began and ended, by the machine's own clock, synced: what happened, whatever the store says.
STAMP = """stamp() {{ echo "$1 $(date +%s%N) {what} ${{CUDA_VISIBLE_DEVICES-}}" >> "$SLUICE_WORKSPACE/stamps"; }}
      trap 'stamp end' EXIT; stamp begin; {meet}sleep {seconds}"""
MEET = 'until [ "$(grep -c ^begin "$SLUICE_WORKSPACE/stamps")" -ge {} ]; do sleep 0.02; done; '


def stamped(what, seconds=0.1, meet=0):
    """The first `meet` of them wait for each other."""
    return "|\n      " + STAMP.format(what=what, seconds=seconds, meet=MEET.format(meet) if meet else "")


def rows(sluice, sql):
    """None while there is no store yet."""
    try:
        with sqlite3.connect(f"file:{sluice.home / 'sluice.db'}?mode=ro", uri=True) as store:
            return store.execute(sql).fetchall()
    except sqlite3.OperationalError:
        return None


def stamps(sluice):
    """(time, +1 or -1, what, devices), in the order of time; who ends at the moment another begins ends before."""
    events = []
    for line in (sluice.folder / "stamps").read_text().splitlines():
        kind, when, what, *devices = line.split()
        events.append((int(when), 1 if kind == "begin" else -1, what, devices[0] if devices else ""))
    return sorted(events)


def most_at_once(sluice, **amounts):
    """The most that was in use at one time, when each step of these kinds uses so much."""
    now = most = 0
    for _, change, what, _ in stamps(sluice):
        now += change * amounts.get(what, 0)
        most = max(most, now)
    return most


def at_rest(sluice):
    assert invariants.check(sluice.home) == []
    return rows(sluice, "SELECT * FROM leases") == []


def wide(name, count, asks, what, seconds=0.1, more="", meet=0):
    return f"""\
name: {name}
{more}
steps:
  work:
    matrix: {{n: {list(range(count))}}}
    resources: {asks}
    run: {stamped(what, seconds, meet)}
"""


def write(sluice, name, text):
    (sluice.folder / name).write_text(text)


def test_steps_share_what_there_is_and_never_more(sluice):
    sluice.write(".sluice/config.yaml", "resources: {cpu: 3, memory: 1G}\npools: {licence: 2}\n")
    write(sluice, "sluice.yaml", wide("shares", 8, "{cpu: 0.75, memory: 300M, licence: 1}", "w", meet=2))
    assert sluice.run("-j", "8").json["status"] == "succeeded"
    assert most_at_once(sluice, w=1) == 2, "two licences"
    assert at_rest(sluice)


@pytest.mark.parametrize("asks, most", [("{cpu: 1.5}", 2), ("{memory: 300M}", 3), ("{}", 4), ("{gpu: 1, cpu: 1}", 2)])
def test_each_resource_limits_for_itself(sluice, asks, most):
    sluice.write(".sluice/config.yaml", "resources: {cpu: 3, memory: 1G, gpu: [3, GPU-b]}\n")
    write(sluice, "sluice.yaml", wide("limits", 9, asks, "w", meet=most))
    assert sluice.run("-j", "4").json["status"] == "succeeded"
    assert most_at_once(sluice, w=1) == most
    assert at_rest(sluice)


def test_devices_are_given_one_by_one_and_never_twice(sluice):
    sluice.write(".sluice/config.yaml", "resources: {gpu: [3, GPU-b, 5]}\n")
    write(sluice, "sluice.yaml", wide("one", 5, "{gpu: 1}", "one"))
    write(sluice, "two.yaml", wide("two", 3, "{gpu: 2}", "two", more="env: {CUDA_VISIBLE_DEVICES: none}"))
    first = sluice.start("run", "--json", "-j", "8")
    second = sluice.start("run", "two.yaml", "--json")
    assert first.communicate(timeout=60) and second.communicate(timeout=60)
    assert first.returncode == second.returncode == 0
    busy = []
    seen = set()
    for _, change, what, devices in stamps(sluice):
        held = devices.split(",")
        assert len(held) == (1 if what == "one" else 2)
        for device in held:
            assert (device in busy) == (change < 0), f"{device} was given twice"
            busy.append(device) if change > 0 else busy.remove(device)
        seen.update(held)
    assert seen == {"3", "GPU-b", "5"} and at_rest(sluice)


def test_what_is_not_there_at_all_is_refused_in_words_before_anything_runs(sluice):
    sluice.write(".sluice/config.yaml", "resources: {gpu: 1, cpu: 2}\npools: {warehouse: 2}\n")
    for asks, words in [("{gpu: 2}", "asks for gpu 2: this home has 1 ('resources' in config.yaml)"),
                        ("{cpu: 2.5}", "asks for cpu 2.5: this home has 2"),
                        ("{warehouse: 3}", "asks for warehouse 3: this home has 2 ('pools' in config.yaml)"),
                        ("{warehose: 1}", "there is no such pool in this home (did you mean 'warehouse'?)"),
                        ("{memory: 900T}", "asks for memory 900 TB")]:
        write(sluice, "sluice.yaml", f"name: x\nsteps: {{a: {{run: echo, resources: {asks}}}}}\n")
        refused = sluice("run", expect=2)
        assert f"step 'a' {words}" in refused.err or words in refused.err, refused
        checked = sluice("validate", expect=3)
        assert words in checked.out and "sluice.yaml:2:" in checked.out
    assert not (sluice.home / "sluice.db").exists() or rows(sluice, "SELECT * FROM pipeline_runs") == []


def test_only_what_is_to_run_need_be_there(sluice):
    sluice.write(".sluice/config.yaml", "resources: {gpu: 0}\n")
    sluice.pipeline("""\
        name: until
        steps:
          load: {run: echo}
          train: {needs: [load], run: echo, resources: {gpu: 1}}
    """)
    assert "step 'train' asks for gpu 1: this home has 0" in sluice("run", expect=2).err
    assert rows(sluice, "SELECT * FROM pipeline_runs") == [] and not (sluice.home / "runs").exists()
    assert sluice.run("--until", "load").step("load")["status"] == "succeeded"


def test_pipelines_as_steps_begin_as_slots_come_free(sluice):
    write(sluice, "child.yaml", "name: child\nsteps: {a: {run: sleep 0.05}}\n")
    write(sluice, "sluice.yaml",
          f"name: wide\nsteps:\n  sub: {{matrix: {{n: {list(range(20))}}}, pipeline: ./child.yaml}}\n")
    process = sluice.start("run", "--json", "-j", "2")
    most = 0
    while process.poll() is None:
        found = rows(sluice, "SELECT COUNT(*) FROM pipeline_runs WHERE pipeline = 'child' AND ended_ms IS NULL")
        most = max(most, found[0][0] if found else 0)
    assert process.communicate(timeout=60) and process.returncode == 0
    assert 1 <= most <= 4 and at_rest(sluice)


def test_a_home_that_gives_less_than_before_fails_what_it_can_no_longer_give(sluice):
    config = sluice.write(".sluice/config.yaml", "pools: {licence: 2}\n")
    sluice.pipeline("""\
        name: less
        steps:
          first: {run: 'touch begun; until [ -e go ]; do sleep 0.05; done'}
          second: {needs: [first], run: echo, resources: {licence: 2}}
    """)
    process = sluice.start("run", "--json")
    wait_until(lambda: (sluice.folder / "begun").exists())
    process.kill()
    process.communicate()
    config.write_text("pools: {licence: 1}\n")
    (sluice.folder / "go").touch()
    resumed = sluice("resume", "--json", expect=1)
    assert resumed.step("first")["status"] == "succeeded"
    assert resumed.step("second")["reason"] == "asks for licence 2: this home has 1 ('pools' in config.yaml)"
    assert at_rest(sluice)


def gated(name, asks, go):
    return f"""\
name: {name}
steps:
  train: {{resources: {asks}, run: 'touch {name}.begun; until [ -e {go} ]; do sleep 0.02; done'}}
"""


def test_why_a_step_waits_is_shown(sluice):
    sluice.write(".sluice/config.yaml", "resources: {gpu: 1}\n")
    write(sluice, "sluice.yaml", gated("wine", "{gpu: 1}", "go"))
    write(sluice, "beer.yaml", gated("beer", "{gpu: 1}", "go"))
    first = sluice.start("run", "-j", "4", "--json")
    wait_until(lambda: (sluice.folder / "wine.begun").exists())
    second = sluice.start("run", "beer.yaml", "--json")
    words = "waits for gpu: 1 of 1 held by wine/1 train"
    wait_until(lambda: rows(sluice, "SELECT * FROM pipeline_runs WHERE pipeline = 'beer'"))
    wait_until(lambda: sluice("show", "beer/1", "--json", expect=0).step("train")["reason"] == words)
    assert words in sluice("show", "beer/1").out
    wait_until(lambda: words in second.stderr.readline())
    (sluice.folder / "go").touch()
    assert second.communicate(timeout=60) and first.communicate(timeout=60)
    assert first.returncode == second.returncode == 0 and at_rest(sluice)


def test_a_step_that_waits_for_an_approval_holds_nothing(sluice):
    sluice.write(".sluice/config.yaml", "pools: {licence: 1}\n")
    sluice.pipeline("""\
        name: asks
        steps:
          ask: {uses: approve, resources: {licence: 1}}
          use: {resources: {licence: 1}, run: echo}
    """)
    assert sluice.run(expect=5).step("use")["status"] == "succeeded"
    assert at_rest(sluice)
    sluice("approve", "latest", expect=0)
    assert at_rest(sluice)
    assert sluice("resume", "--json", expect=0).step("ask")["status"] == "succeeded"
    assert at_rest(sluice)


def test_one_slot_goes_round_between_pipelines(sluice):
    write(sluice, "sluice.yaml", wide("a", 8, "{}", "a", 0.05))
    write(sluice, "b.yaml", wide("b", 4, "{}", "b", 0.05))
    write(sluice, "gate.yaml", gated("gate", "{}", "go"))
    gate = sluice.start("run", "gate.yaml", "--json", "-j", "1")
    wait_until(lambda: (sluice.folder / "gate.begun").exists())
    first = sluice.start("run", "--json", "-j", "1")
    wait_until(lambda: rows(sluice, "SELECT * FROM pipeline_runs WHERE pipeline = 'a'"))
    second = sluice.start("run", "b.yaml", "--json", "-j", "1")
    wait_until(lambda: rows(sluice, "SELECT * FROM pipeline_runs WHERE pipeline = 'b'"))
    (sluice.folder / "go").touch()
    for process in (gate, first, second):
        process.communicate(timeout=60)
        assert process.returncode == 0
    order = [what for _, change, what, _ in stamps(sluice) if change > 0]
    # The follower of the gate's sluice takes the home over once, and turns begin anew: one place may be off.
    last_b = max(i for i, what in enumerate(order) if what == "b")
    assert last_b <= 9, f"b was starved: {order}"
    assert most_at_once(sluice, a=1, b=1) == 1 and at_rest(sluice)


def test_a_higher_priority_goes_first(sluice):
    write(sluice, "sluice.yaml", wide("low", 5, "{}", "low", 0.05, more="priority: -5"))
    write(sluice, "high.yaml", wide("high", 5, "{}", "high", 0.05))
    write(sluice, "gate.yaml", gated("gate", "{}", "go"))
    gate = sluice.start("run", "gate.yaml", "--json", "-j", "1")
    wait_until(lambda: (sluice.folder / "gate.begun").exists())
    low = sluice.start("run", "--json", "-j", "1")
    wait_until(lambda: rows(sluice, "SELECT * FROM pipeline_runs WHERE pipeline = 'low' AND priority = -5"))
    high = sluice.start("run", "high.yaml", "--json", "-j", "1", "--priority", "7")
    wait_until(lambda: rows(sluice, "SELECT * FROM pipeline_runs WHERE pipeline = 'high' AND priority = 7"))
    (sluice.folder / "go").touch()
    for process in (gate, low, high):
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert [what for _, change, what, _ in stamps(sluice) if change > 0] == ["high"] * 5 + ["low"] * 5


@pytest.mark.parametrize("words", ["--priority=1001", "--priority=high"])
def test_a_priority_that_is_none_is_refused(sluice, words):
    write(sluice, "sluice.yaml", "name: x\nsteps: {a: {run: echo}}\n")
    assert "--priority" in sluice("run", words, expect=2).err


def test_a_large_step_does_not_starve_behind_small_ones(sluice):
    sluice.write(".sluice/config.yaml", "pools: {room: 4}\n")
    write(sluice, "sluice.yaml", f"""\
name: mixed
steps:
  begin: {{run: sleep 0.1}}
  small:
    matrix: {{n: {list(range(40))}}}
    max_parallel: 3
    resources: {{room: 1}}
    run: {stamped("small", 0.1)}
  large:
    needs: [begin]
    resources: {{room: 4}}
    run: {stamped("large", 0.1)}
""")
    assert sluice.run("-j", "3").json["status"] == "succeeded"
    order = [what for _, change, what, _ in stamps(sluice) if change > 0]
    assert order.index("large") < 30, f"it was passed by {order.index('large')}"
    assert most_at_once(sluice, small=1, large=4) <= 4 and at_rest(sluice)


@pytest.mark.parametrize("whom", ["sluice", "runner", "both"])
def test_what_is_held_is_known_after_kill(sluice, whom):
    """Killed again and again, at any moment: nothing is given twice, and nothing stays taken."""
    sluice.write(".sluice/config.yaml", "pools: {room: 3}\nresources: {gpu: 2}\n")
    write(sluice, "sluice.yaml", wide("killed", 36, "{room: 1, gpu: 1}", "w", 0.4).replace(
        "    run:", "    retry: {attempts: 20, delay: 10ms, on: [lost, failure]}\n    run:"))
    process = sluice.start("run", "--json", "-j", "4")
    for _ in range(6):
        time.sleep(0.5)
        if whom != "runner":
            process.kill()
            process.communicate()
        if whom != "sluice":
            kill_runners(sluice.home)
        if whom != "runner":
            process = sluice.start("run", "--json", "-j", "4")
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert json.loads(out)["status"] == "succeeded" and at_rest(sluice)
    if whom == "sluice":  # what a killed runner's steps were cut off in has no end
        assert most_at_once(sluice, w=1) <= 2
        assert len(stamps(sluice)) == 72


# ---- memory is a limit, too ----------------------------------------------------------------------------------------

GROW = ("python3 -c 'import time; kept = bytearray({mib} << 20); kept[::4096] = b\"x\" * len(kept[::4096]); "
        "time.sleep({seconds})'")


def memory_run(sluice, script, more="", expect=0):
    sluice.pipeline(f"name: m\nsteps:\n  a:\n    resources: {{memory: 80M}}\n{more}    run: |\n" +
                    "".join(f"      {line}\n" for line in script))
    return sluice.run(expect=expect).step("a")


def test_a_step_that_uses_more_memory_than_it_asked_for_is_stopped(sluice):
    step = memory_run(sluice, [GROW.format(mib=200, seconds=300)], expect=1)
    words = r"out of memory: it used [\d.]+ MB, and had asked for 80.0 MB: ended by SIGTERM"
    assert re.fullmatch(words, step["reason"])
    assert step["exit"]["out_of_memory"] is True and step["exit"]["stopped"] == "memory"
    assert step["exit"]["wall_ms"] < 100000 and at_rest(sluice)


def test_all_processes_of_a_step_count_together_wherever_they_went(sluice):
    one = GROW.format(mib=30, seconds=30)
    step = memory_run(sluice, [f"setsid {one} &", f"{one} &", f"{one} &", "wait"], expect=1)
    assert step["reason"].startswith("out of memory: it used ")


def test_memory_that_processes_share_is_counted_once(sluice):
    fork = ("python3 -c 'import os, time; kept = bytearray(40 << 20); kept[::4096] = b\"x\" * len(kept[::4096])\n"
            "for _ in range(4):\n  if os.fork() == 0:\n    time.sleep(1.2); os._exit(0)\ntime.sleep(1.5)'")
    assert memory_run(sluice, fork.split("\n"))["status"] == "succeeded"


def test_one_that_catches_the_stop_and_says_all_is_well_has_failed_all_the_same(sluice):
    step = memory_run(sluice, ["trap 'exit 0' TERM", GROW.format(mib=200, seconds=30) + " & wait"], expect=1)
    assert step["status"] == "failed" and step["reason"].startswith("out of memory: ")


def test_out_of_memory_can_be_tried_again_and_a_kill_is_no_proof_of_it(sluice):
    more = "    retry: {attempts: 2, delay: 10ms, on: [oom]}\n"
    again = ['if [ "${{ step.attempt }}" = 1 ]; then ' + GROW.format(mib=200, seconds=30) + "; fi"]
    assert memory_run(sluice, again, more)["attempt"] == 2
    killed = memory_run(sluice, ["kill -9 $$"], more, expect=1)
    assert killed["attempt"] == 1 and "signal 9" in killed["reason"] and killed["exit"]["out_of_memory"] is False


def test_lua_gets_no_more_than_its_step_asked_for(sluice):
    sluice.pipeline("""\
        name: m
        steps:
          a: {lua: 'local t = {} for i = 1, 1e9 do t[i] = string.rep("x", 1000) .. i end', resources: {memory: 64M}}
    """)
    assert "memory" in sluice.run(expect=1).step("a")["reason"]


# ---- limits of the kernel ------------------------------------------------------------------------------------------

GROUP = "sys/fs/cgroup/mine"


@pytest.fixture
def groups(sluice, tmp_path_factory):
    """A tree that stands for `/`, with a group that was delegated to us: plain files, of which the kernel knows
    nothing. A step plays its part: what it writes there, the kernel has said."""
    root = tmp_path_factory.mktemp("root")
    mine = root / GROUP
    mine.mkdir(parents=True)
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/mountinfo").write_text(f"31 23 0:28 /mine /{GROUP} rw - cgroup2 cgroup2 rw\n")
    (root / "proc/self/cgroup").write_text("0::/mine\n")
    (root / "proc/meminfo").write_text("MemTotal: 4194304 kB\n")
    (mine / "cgroup.type").write_text("domain\n")
    (mine / "cgroup.controllers").write_text("cpu memory\n")
    for name in ("cgroup.procs", "cgroup.subtree_control"):
        (mine / name).touch()
    sluice.env["SLUICE_CGROUP_ROOT"] = str(root)
    return mine


def test_a_step_that_the_kernel_ends_at_a_limit_around_it_is_tried_again_on_oom(sluice, groups):
    """It asked for no memory: the limit is a container's, say."""
    events = groups / "memory.events"
    events.write_text("oom 0\noom_kill 0\n")
    sluice.pipeline(f"""
        name: around
        steps:
          shell:
            retry: {{attempts: 2, on: [oom], delay: 10ms}}
            run: |
              [ "$SLUICE_STEP_DIR" != "${{SLUICE_STEP_DIR%.2}}" ] && exit 0
              sed -i 's/oom_kill 0/oom_kill 1/' {events}
              sh -c 'kill -9 $$'
          itself:
            needs: [shell]
            retry: {{attempts: 2, on: [oom], delay: 10ms}}
            run: |
              [ "$SLUICE_STEP_DIR" != "${{SLUICE_STEP_DIR%.2}}" ] && exit 0
              sed -i 's/oom_kill 1/oom_kill 2/' {events}
              kill -9 $$
          somebody:
            needs: [itself]
            retry: {{attempts: 2, on: [oom], delay: 10ms}}
            run: kill -9 $$
    """)
    result = sluice.run(expect=1)
    assert [result.step(name)["status"] for name in ("shell", "itself", "somebody")] == ["succeeded", "succeeded",
                                                                                       "failed"]
    with contextlib.closing(sqlite3.connect(sluice.home / "sluice.db")) as store:
        reasons = [reason for reason, in store.execute("SELECT reason FROM attempts ORDER BY id")]
    around = "out of memory: the kernel ended it, at a limit of the machine or of a group around it"
    assert reasons[:4] == [around, None, around, None]
    assert len(reasons) == 5 and reasons[4].startswith("killed by signal 9 (SIGKILL)")


def memory_limit(sluice):
    return next(row["words"] for row in sluice("doctor", "--json").json if row["check"] == "memory limit")


def test_a_step_has_a_group_with_its_limits_before_it_begins(sluice, groups):
    step = memory_run(sluice, [f"cd {groups}/sluice-*", "cat memory.max memory.swap.max memory.oom.group; echo",
                               "echo $(cat cgroup.procs) by $$"])
    assert step["status"] == "succeeded"
    log = sluice("logs", "latest", "a").out.replace("a | ", "")
    limits, line = log.splitlines()[:2]
    assert limits == f"{80 << 20}01" and line.startswith("0 by ")
    assert sorted(path.name for path in groups.glob("*/")) == ["supervisor"]
    assert (groups / "cgroup.subtree_control").read_text() == "+cpuory"  # written over "+memory": it is no kernel
    assert memory_limit(sluice) == f"by the kernel, in groups of '{groups}'"


def test_cores_are_a_share_and_a_step_that_asks_for_neither_has_no_group(sluice, groups):
    sluice.pipeline(f"""
        name: m
        steps:
          a: {{resources: {{cpu: 0.5}}, run: "cd {groups}/sluice-*; cat cpu.weight; echo; cat memory.max"}}
          b: {{needs: [a], run: "ls {groups}"}}
    """)
    sluice.run()
    assert sluice("logs", "latest", "a").out == "a | 50\n"
    assert "sluice-" not in sluice("logs", "latest", "b").out


def test_out_of_memory_is_what_the_kernel_says_and_nothing_else(sluice, groups):
    more = "    retry: {attempts: 2, delay: 10ms, on: [oom]}\n"
    said = [f"cd {groups}/sluice-*", "echo 'oom_kill 1' > memory.events", "echo 83886080 > memory.peak",
            "printf 'usage_usec 7200000\\nuser_usec 7000000\\nsystem_usec 200000\\n' > cpu.stat"]
    step = memory_run(sluice, [*said, "kill -9 $$"], more, expect=1)
    assert step["reason"] == "out of memory: the kernel ended it at its limit of 80.0 MB" and step["attempt"] == 2
    assert step["exit"]["out_of_memory"] is True and step["exit"]["stopped"] is None
    assert step["exit"]["memory_peak_bytes"] == 80 << 20
    assert step["exit"]["user_ms"] == 7000 and step["exit"]["system_ms"] == 200
    # Its own child was ended, and it with it; or it had gone on, and all is well.
    assert memory_run(sluice, [*said, "exit 137"], expect=1)["exit"]["out_of_memory"] is True
    assert memory_run(sluice, said)["exit"]["out_of_memory"] is False
    killed = memory_run(sluice, ["kill -9 $$"], more, expect=1)
    assert killed["attempt"] == 1 and killed["reason"].startswith("killed by signal 9 (SIGKILL)")
    assert killed["exit"]["out_of_memory"] is False
    assert sorted(path.name for path in groups.glob("*/")) == ["supervisor"]


def test_a_step_in_a_group_is_not_looked_at(sluice, groups):
    assert memory_run(sluice, [GROW.format(mib=200, seconds=1)])["status"] == "succeeded"


@pytest.mark.parametrize("name, text, words", [
    ("cgroup.type", "threaded\n", "is of the type 'threaded'"),
    ("cgroup.controllers", "cpu\n", "has no memory controller"),
    ("cgroup.procs", "1\n", "process 1 is in the group"),
    ("../../../../proc/self/mountinfo", "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
     "there is no cgroup version 2"),
])
def test_without_a_group_memory_is_looked_at_and_doctor_says_why(sluice, groups, name, text, words):
    (groups / name).write_text(text)
    assert memory_limit(sluice).startswith("looked at every 250 ms") and words in memory_limit(sluice)
    step = memory_run(sluice, [GROW.format(mib=200, seconds=30)], expect=1)
    assert step["reason"].startswith("out of memory: it used ") and not (groups / "supervisor").exists()


def test_a_group_that_cannot_be_made_is_told_in_the_log(sluice, groups):
    # Two steps, so that the runner has begun when the first takes the place away.
    sluice.pipeline(f"""
        name: m
        steps:
          a: {{run: "mv {groups} {groups}-away"}}
          b:
            needs: [a]
            resources: {{memory: 80M}}
            run: |
              {GROW.format(mib=200, seconds=30)}
    """)
    step = sluice.run(expect=1).step("b")
    assert step["reason"].startswith("out of memory: it used ")
    assert "its memory is looked at, not limited by the kernel: making the group" in sluice("logs", "latest", "b").out


def is_alive(pid):
    try:
        return open(f"/proc/{pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def test_what_left_everything_but_its_group_ends_with_the_step(sluice, groups):
    sluice.pipeline(f"""
        name: m
        steps:
          other: {{run: sleep 4}}
          leaves:
            resources: {{memory: 80M}}
            run: |
              # Neither the environment, nor the name, nor the session, nor the parent says whose it is.
              (setsid env -i sleep 77.1234 >/dev/null 2>&1 &) &
              wait
              until pgrep -f 'sleep 77.1234' > pids; do sleep 0.05; done
              (echo; cat pids) >> {groups}/sluice-*/cgroup.procs
          # While the other runs: with the last step of a runner everything ends that is below it.
          after: {{needs: [leaves], run: "for pid in $(cat pids); do if kill -0 $pid; then exit 1; fi; done"}}
    """)
    assert [step["status"] for step in sluice.run().json["steps"]] == ["succeeded"] * 3


def own_v2_group():
    """The folder of the real group of version 2 that we are in, or why it cannot be used."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8") as text:
            mounts = [line.split() for line in text if " - cgroup2 " in line]
        with open("/proc/self/cgroup", encoding="utf-8") as text:
            path = next(line[3:].strip() for line in text if line.startswith("0::"))
        folder = os.path.normpath(mounts[0][4] + path)
        os.mkdir(folder + "/sluice-can-we")
        os.rmdir(folder + "/sluice-can-we")
        return folder, None
    except (IndexError, StopIteration):
        return None, "there is no cgroup version 2"
    except OSError as wrong:
        return None, f"no group can be made here: {wrong}"


def test_the_group_of_a_dead_runner_is_swept_too(sluice):
    folder, why = own_v2_group()
    if folder is None:
        pytest.skip(why)
    sluice.pipeline(f"""
        name: m
        steps:
          a:
            run: |
              group={folder}/sluice-1-1-$SLUICE_ATTEMPT
              mkdir "$group"
              echo "$group" > group
              (setsid env -i sleep 78.1234 >/dev/null 2>&1 &) &
              wait
              until pgrep -f 'sleep 78.1234' > pids; do sleep 0.05; done
              for pid in $(cat pids); do echo "$pid" > "$group/cgroup.procs"; done
              touch ready; sleep 60
    """)
    process = sluice.start("run", "--json")
    try:
        wait_until((sluice.folder / "ready").exists)
        pids = [int(pid) for pid in (sluice.folder / "pids").read_text().split()]
        assert pids and all(is_alive(pid) for pid in pids)
        kill_runners(sluice.home)
        out, err = process.communicate(timeout=60)
        assert "lost" in out, err
        assert not any(is_alive(pid) for pid in pids)
    finally:
        group = (sluice.folder / "group").read_text().strip()
        wait_until(lambda: not os.path.isdir(group) or os.rmdir(group) is None)


def test_the_kernel_keeps_a_step_to_its_memory(sluice):
    """The real thing, where there is a group to divide: as we are, or started by systemd in one of its own."""
    starts = [[]]
    if shutil.which("systemd-run"):
        starts += [["systemd-run", *user, "--scope", "-q", "-p", "Delegate=yes"] for user in ([], ["--user"])]
    reasons = []
    for start in starts:
        found = subprocess.run([*start, BUILD / "sluice", "doctor", "--json"], cwd=sluice.folder, env=sluice.env,
                               capture_output=True, text=True, timeout=60)
        words = next((row["words"] for row in json.loads(found.stdout or "[]") if row["check"] == "memory limit"),
                     found.stderr.strip() or "nothing was said")
        if words.startswith("by the kernel"):
            break
        reasons.append(words)
    else:
        pytest.skip("; ".join(dict.fromkeys(" ".join(words.split()) for words in reasons)))
    sluice.pipeline("name: m\nsteps:\n  a:\n    resources: {memory: 80M}\n    run: |\n      " +
                    GROW.format(mib=200, seconds=30) + "\n")
    done = subprocess.run([*start, BUILD / "sluice", "run", "--json"], cwd=sluice.folder, env=sluice.env,
                          capture_output=True, text=True, timeout=60)
    step = json.loads(done.stdout)["steps"][0]
    assert step["reason"] == "out of memory: the kernel ended it at its limit of 80.0 MB", done
    assert step["exit"]["memory_peak_bytes"] <= 80 << 20


def test_what_steps_share_is_what_a_limit_around_sluice_leaves(sluice, groups):
    """As in a container of one core and 512 MiB, whatever the machine has."""
    (groups / "cpu.max").write_text("100000 100000\n")
    (groups / "memory.max").write_text(f"{512 << 20}\n")
    sluice.pipeline("name: a\nsteps:\n  a: {run: ['true'], resources: {cpu: 1, memory: 512M}}\n")
    sluice.run(expect=0)
    found = sluice("config", "--json", expect=0).json["resources"]
    assert (found["cpu"], found["memory"]) == (1, 512 << 20)
    with contextlib.closing(sqlite3.connect(sluice.home / "sluice.db")) as store:
        assert dict(store.execute("SELECT resource, amount FROM supply WHERE resource IN ('slot', 'cpu')")) == {
            "slot": 1, "cpu": 1000}
    sluice.pipeline("name: a\nsteps:\n  a: {run: ['true'], resources: {memory: 513M}}\n")
    refused = sluice("validate")
    assert refused.code == 3 and "this home has 512 MB" in refused.out, repr(refused)
