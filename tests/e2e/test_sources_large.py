# SPDX-License-Identifier: Apache-2.0
"""Repositories of 300 MB by each way, what is copied of one on the same disk, and packs that mean ill."""
import hashlib
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import threading
import time
import zlib

import pytest
from programs import BUILD, wait_until
from repositories import Follower, Repository, git, pipeline
from test_git import GitServer, me, ssh_server  # noqa: F401 (a fixture)

SANITIZED = b"__asan_init" in (BUILD / "sluice-git").read_bytes()
needs_limits = pytest.mark.skipif(SANITIZED, reason="a sanitized program has no limit of memory")
MB = 1 << 20


# By a process between, which is small: what is measured begins with the memory of whoever starts it.
MEASURE = """import json, os, subprocess, sys
asked = subprocess.Popen(sys.argv[1:])
_, status, used = os.wait4(asked.pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss]), file=sys.stderr)
"""


def ask_program(folder, **fetch):
    """(the answer, processor seconds, the most memory it had, what it maps of files included)."""
    suppressed = pathlib.Path(folder).parent / "leaks"
    # What libgit2 matches with regular expressions keeps a little for ever, and so does its way by ssh.
    by_ssh = fetch["url"].startswith("ssh:")
    suppressed.write_text("leak:libpcre2\n" + ("leak:libssh2\nleak:libgit2\n" if by_ssh else ""))
    done = subprocess.run([sys.executable, "-S", "-c", MEASURE, BUILD / "sluice-git"], capture_output=True, text=True,
                          input=json.dumps({"folder": str(folder), "fetch": fetch}), check=True,
                          env={**os.environ, "LSAN_OPTIONS": f"suppressions={suppressed}:print_suppressions=0",
                               "ASAN_OPTIONS": "quarantine_size_mb=8"})  # or what was freed counts as memory
    said, _, measured = done.stderr.strip().rpartition("\n")
    assert "Sanitizer" not in said and "runtime error" not in said, said
    code, seconds, kilobytes = json.loads(measured)
    answer = json.loads(done.stdout)
    assert code == ("error" in answer)
    return answer, seconds, kilobytes << 10


def fetched(folder, **fetch):
    answer, *_ = ask_program(folder, **fetch)
    assert "error" not in answer, answer
    return answer["fetch"]


def refused(folder, **fetch):
    answer, *_ = ask_program(folder, **fetch)
    mirror = pathlib.Path(folder) / "mirror.git"
    assert not (mirror / "refs" / "remotes").exists()
    return answer["error"]


def whole(folder, commit):
    """All of the commit is in the clone, without anybody else's help."""
    mirror = pathlib.Path(folder) / "mirror.git"
    assert not (mirror / "objects" / "info" / "alternates").exists()
    assert git(mirror, "rev-parse", "refs/remotes/origin/main") == commit
    assert git(mirror, "fsck", "--full", "--strict", "--no-dangling", check=False) == ""
    return mirror


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path)


# ---- 300 MB --------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """30 files that do not compress, 1,000 that do: `git add` writes the former to a pack as they are."""
    folder = tmp_path_factory.mktemp("large")
    bare, work = folder / "served" / "wine.git", folder / "work"
    work.mkdir()
    (work / "data").mkdir()
    for i in range(29):
        (work / f"blob{i}").write_bytes(os.urandom(10 * MB))
    words = [os.urandom(6).hex() for _ in range(500)]
    random.seed(1)
    for i in range(1000):
        (work / "data" / f"{i}.csv").write_text("\n".join(" ".join(random.choices(words, k=12)) for _ in range(60)))
    (work / "sluice.yaml").write_text("name: wine\nsteps: {say: {run: 'true'}}\n")
    bare.parent.mkdir()
    git(folder, "init", "-q", "--bare", "-b", "main", bare)
    fast = ["-c", "pack.compression=0", "-c", "core.looseCompression=1", "-c", "core.bigFileThreshold=1m",
            "-c", "gc.auto=0", f"--git-dir={bare}", f"--work-tree={work}"]
    git(work, *fast, "add", ".")
    git(work, *fast, "commit", "-q", "-m", "much")
    shutil.rmtree(work)
    yield bare
    shutil.rmtree(folder)


def check_large(folder, large, **fetch):
    answer, seconds, most = ask_program(folder, **fetch)
    assert "error" not in answer, answer
    assert answer["fetch"]["files"] == ["sluice.yaml"] and answer["fetch"]["bytes"] > 290 * MB
    assert answer["fetch"]["commit"] == git(large, "rev-parse", "main")
    files = folder / "commits" / answer["fetch"]["commit"]
    assert [(files / f"blob{i}").stat().st_size for i in range(29)] == [10 * MB] * 29
    assert git(folder / "mirror.git", "fsck", "--connectivity-only", "--no-dangling", check=False) == ""
    shutil.rmtree(folder)
    print(f"{fetch['url'].split(':')[0]}: {seconds:.1f} s of processor time, {most / MB:.0f} MB at most")
    # libgit2's own way from a repository on the same disk took 80 s and 850 MB.
    assert seconds < 40
    assert most < (400 if SANITIZED else 100) * MB


def test_300_mb_come_from_the_same_disk(large, tmp_path):
    check_large(tmp_path / "f", large, url=f"file://{large}")


def test_300_mb_come_over_https(large, tmp_path):
    (tmp_path / "tls").mkdir()
    server = GitServer(tmp_path / "tls", large.parent)
    try:
        check_large(tmp_path / "f", large, url=f"{server.url}/wine.git", ca=str(server.ca))
    finally:
        server.close()


def test_300_mb_come_over_ssh(large, tmp_path, ssh_server):  # noqa: F811
    check_large(tmp_path / "f", large, url=f"ssh://{me()}@127.0.0.1:{ssh_server.port}{large}",
                known_hosts=ssh_server.known("host"), ssh_key=(ssh_server.folder / "user").read_text())


def test_300_mb_come_by_the_plugin_as_well(large, sluice):
    sluice.pipeline(f"""\
        name: clone
        steps:
          large: {{uses: git, with: {{url: "file://{large}", path: clone}}}}
        """)
    step = sluice.run().step("large")
    assert step["outputs"]["commit"] == git(large, "rev-parse", "main")
    assert [(sluice.folder / "clone" / f"blob{i}").stat().st_size for i in range(29)] == [10 * MB] * 29
    assert git(sluice.folder / "clone", "fsck", "--connectivity-only", "--no-dangling", check=False) == ""
    shutil.rmtree(sluice.folder / "clone")
    used = step["exit"]
    seconds, most = (used["user_ms"] + used["system_ms"]) / 1000, used["max_rss_bytes"]
    print(f"plugin: {seconds:.1f} s of processor time, {most / MB:.0f} MB at most")
    assert seconds < 40
    assert most < (500 if SANITIZED else 120) * MB


def test_the_server_answers_while_300_mb_come_and_needs_no_memory_for_them(large, sluice):
    commit = git(large, "rev-parse", "main")
    home = Follower(sluice, {"name": "wine", "url": f"file://{large}", "every": "1s"})
    before = memory_of(home.server.process.pid)
    answers = 0
    while home.sources().get("wine", {}).get("in_force") != commit:
        assert home.server.ask("GET", "/health")[0] == 200
        assert home.sources().get("wine", {}).get("problem") in (None, ""), home.sources()
        answers += 1
        time.sleep(0.02)
    after = memory_of(home.server.process.pid)
    print(f"{answers} answers; the server had {before / MB:.0f} MB before, {after / MB:.0f} MB at most")
    assert answers > 1 and after - before < (100 if SANITIZED else 20) * MB


def memory_of(pid):
    """The most that it had."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM:"))


# ---- from the same disk --------------------------------------------------------------------------------------------

def test_a_clone_needs_its_origin_no_more_and_what_they_pack_anew_does_not_come_again(repository, tmp_path, sluice):
    for i in range(5):
        (repository.work / f"blob{i}").write_bytes(os.urandom(2 * MB))
    first = repository.put("sluice.yaml", pipeline(sluice)).push()
    assert fetched(tmp_path / "f", url=str(repository.bare))["bytes"] > 10 * MB
    git(repository.bare, "gc", "-q", "--prune=now")
    second = repository.put("data.txt", "two\n").push()
    again = fetched(tmp_path / "f", url=f"file://localhost{repository.bare}", seen=first, since=first)
    assert again["commit"] == second and again["push"]["paths"] == ["data.txt"] and again["bytes"] < 10000
    git(repository.bare, "gc", "-q", "--prune=now")
    third = repository.put("data.txt", "three\n").push()
    assert fetched(tmp_path / "f", url=str(repository.bare), seen=second)["bytes"] < 10000
    shutil.rmtree(repository.bare)
    whole(tmp_path / "f", third)


def test_loose_objects_alternates_and_odd_names_are_copied_too(repository, tmp_path, sluice):
    (repository.work / "large").write_bytes(os.urandom(3 * MB))
    (repository.work / "even larger").write_bytes(bytes(40 * MB))
    commit = repository.put("sluice.yaml", pipeline(sluice)).push()
    assert not list(repository.bare.rglob("*.pack"))
    fetched(tmp_path / "loose", url=str(repository.bare))
    whole(tmp_path / "loose", commit)
    shared = tmp_path / "a name"
    git(tmp_path, "clone", "-q", "--bare", "--shared", repository.bare, shared)
    fetched(tmp_path / "shared", url=f"file://{tmp_path}/a%20name")
    mirror = whole(tmp_path / "shared", commit)
    assert (mirror.parent / "commits" / commit / "even larger").stat().st_size == 40 * MB
    git(repository.work, "worktree", "add", "-q", "-b", "side", tmp_path / "tree")
    assert fetched(tmp_path / "tree-clone", url=str(tmp_path / "tree"), branch="side")["commit"] == commit


def test_packs_of_a_repository_that_it_borrows_from_are_copied_as_they_are(repository, tmp_path, sluice):
    for i in range(20):
        (repository.work / f"blob{i}").write_bytes(os.urandom(MB // 4))
    repository.put("sluice.yaml", pipeline(sluice)).push()
    git(repository.bare, "repack", "-q", "-a", "-d")
    lender, = repository.bare.rglob("*.pack")
    middle, last = tmp_path / "middle.git", tmp_path / "last.git"
    git(tmp_path, "clone", "-q", "--bare", "--shared", repository.bare, middle)
    git(tmp_path, "clone", "-q", "--bare", "--shared", middle, last)
    (last / "objects" / "info" / "alternates").write_text("# who lends\n\n../../middle.git/objects\n/nowhere\n")
    commit = git(last, "rev-parse", "main")
    fetched(tmp_path / "f", url=str(last))
    mirror = whole(tmp_path / "f", commit)
    assert {path.read_bytes() for path in mirror.rglob("*.pack")} == {lender.read_bytes()}


def test_a_pack_full_of_what_others_need_is_not_copied(repository, tmp_path, sluice):
    first = repository.put("sluice.yaml", pipeline(sluice)).push()
    for i in range(60):
        (repository.work / f"blob{i}").write_bytes(os.urandom(MB // 8))
    repository.push(branch="experiments")
    git(repository.bare, "gc", "-q", "--prune=now")
    assert fetched(tmp_path / "f", url=str(repository.bare), branch="main")["bytes"] < 10000
    mirror = whole(tmp_path / "f", first)
    assert "in-pack: 3\n" in git(mirror, "count-objects", "-v")
    error = refused(tmp_path / "g", url=str(repository.bare), branch="experiments", max_bytes=MB)
    assert "a fetch brings more than 1 MiB" in error


def test_a_commit_of_which_something_is_missing_is_refused_and_comes_when_it_is_there(repository, tmp_path, sluice):
    commit = repository.put("sluice.yaml", pipeline(sluice)).put("data.txt", "lost\n").push()
    blob = git(repository.work, "rev-parse", "HEAD:data.txt")
    loose = repository.bare / "objects" / blob[:2] / blob[2:]
    loose.rename(tmp_path / "kept")
    assert blob[:8] in refused(tmp_path / "f", url=str(repository.bare)) or "not found" in refused(
        tmp_path / "f", url=str(repository.bare))
    (tmp_path / "kept").rename(loose)
    fetched(tmp_path / "f", url=str(repository.bare))
    whole(tmp_path / "f", commit)


# ---- that mean ill -------------------------------------------------------------------------------------------------

def entry(kind, size, data, head=b""):
    """An object of a pack: its type and size, what stands before its data, and these."""
    first, size = kind << 4 | size & 15, size >> 4
    out = bytearray()
    while size:
        out.append(first | 0x80)
        first, size = size & 0x7F, size >> 7
    out.append(first)
    return bytes(out) + head + zlib.compress(data)


def write_pack(folder, entries):
    """A pack of [(id, bytes)], and an index that says so."""
    pack, places = bytearray(b"PACK" + struct.pack(">II", 2, len(entries))), {}
    for name, data in entries:
        places[name] = (len(pack), zlib.crc32(data))
        pack += data
    pack += hashlib.sha1(pack).digest()
    names = sorted(places)
    index = bytearray(b"\xfftOc" + struct.pack(">I", 2))
    for byte in range(256):
        index += struct.pack(">I", sum(name[0] <= byte for name in names))
    index += b"".join(names)
    index += b"".join(struct.pack(">I", places[name][1]) for name in names)
    index += b"".join(struct.pack(">I", places[name][0]) for name in names)
    index += pack[-20:]
    index += hashlib.sha1(index).digest()
    folder.mkdir(exist_ok=True)
    (folder / f"pack-{'e' * 40}.pack").write_bytes(pack)
    (folder / f"pack-{'e' * 40}.idx").write_bytes(index)


def with_object(repository, name):
    """A commit on main with a file `evil` of this id, of which the index is not asked."""
    tree = subprocess.run(["git", "mktree", "--missing"], cwd=repository.bare, text=True, check=True,
                          input=f"100644 blob {name.hex()}\tevil\n", capture_output=True).stdout.strip()
    commit = git(repository.bare, "commit-tree", "-m", "evil", tree)
    git(repository.bare, "update-ref", "refs/heads/main", commit)


def size_bytes(size):
    out = bytearray()
    while size >= 0x80:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes(out) + bytes([size])


@needs_limits
def test_a_pack_that_unfolds_to_gigabytes_is_refused_in_bounded_memory(repository, tmp_path):
    evil, part = bytes(range(20)), 0xFFFFFF
    base = bytes(part)
    name = hashlib.sha1(b"blob %d\0" % part + base).digest()
    delta = size_bytes(part) + size_bytes(part * 400) + (b"\xf0\xff\xff\xff") * 400  # 6.7 GB of 1.6 KB
    with_object(repository, evil)
    write_pack(repository.bare / "objects" / "pack",
               [(name, entry(3, part, base)), (evil, entry(7, len(delta), delta, name))])
    answer, seconds, most = ask_program(tmp_path / "f", url=str(repository.bare))
    assert "the fetch failed" in answer["error"]
    assert seconds < 20 and most < 100 * MB
    assert not list((tmp_path / "f" / "mirror.git").rglob("*.pack"))


def test_an_index_that_lies_and_a_pack_that_is_torn_are_refused(repository, tmp_path, sluice):
    evil = bytes(range(20))
    with_object(repository, evil)
    folder = repository.bare / "objects" / "pack"
    write_pack(folder, [(evil, entry(3, 5, b"other"))])
    error = refused(tmp_path / "f", url=str(repository.bare))
    assert error == f"the fetch failed: the object {evil.hex()} is not in the pack that should have it"
    (folder / f"pack-{'e' * 40}.pack").write_bytes((folder / f"pack-{'e' * 40}.pack").read_bytes()[:-25])
    assert "the fetch failed" in refused(tmp_path / "g", url=str(repository.bare))
    (folder / f"pack-{'e' * 40}.pack").unlink()
    os.mkfifo(folder / f"pack-{'e' * 40}.pack")
    assert "the fetch failed" in refused(tmp_path / "h", url=str(repository.bare))
    shutil.rmtree(folder)
    commit = repository.put("sluice.yaml", pipeline(sluice)).push("mended", "--force")
    fetched(tmp_path / "f", url=str(repository.bare))
    assert git(tmp_path / "f" / "mirror.git", "rev-parse", "refs/remotes/origin/main") == commit


def tree(entries):
    """(its id, its bytes) of a tree of [(mode, name, id)], names in order."""
    data = b"".join(mode + b" " + name + b"\0" + kept for mode, name, kept in entries)
    return hashlib.sha1(b"tree %d\0" % len(data) + data).digest(), data


def in_each_other(last, levels, often):
    """Trees that each have the one before `often` times: the id of the top one, and all as objects of a pack."""
    objects = []
    for _ in range(levels):
        name, data = tree([(b"40000", b"d%d" % i, last) for i in range(often)])
        objects.append((name, entry(2, len(data), data)))
        last = name
    return last, objects


@pytest.mark.parametrize("levels, often, words", [
    (100000, 1, "the commit has more than 100 folders in each other, such as 'd0/d0/"),
    (40, 10, "the commit has more than 1000000 files and folders (below 'd"),
])
def test_folders_that_are_endless_or_countless_are_refused_in_words(repository, tmp_path, sluice, levels, often, words):
    first = repository.put("sluice.yaml", pipeline(sluice)).push()
    blob = git(repository.bare, "rev-parse", "main:sluice.yaml")
    file, data = tree([(b"100644", b"sluice.yaml", bytes.fromhex(blob))])
    top, objects = in_each_other(file, levels, often)
    write_pack(repository.bare / "objects" / "pack", [(file, entry(2, len(data), data)), *objects])
    commit = git(repository.bare, "commit-tree", "-m", "much", "-p", first, top.hex())
    git(repository.bare, "update-ref", "refs/heads/main", commit)
    answer, seconds, most = ask_program(tmp_path / "f", url=str(repository.bare), since=first, seen=first)
    assert words in answer["fetch"]["refused"] and answer["fetch"]["files"] == []
    assert not (tmp_path / "f" / "commits" / commit).exists()
    print(f"{seconds:.1f} s, {most / MB:.0f} MB")
    assert most < (1000 if SANITIZED else 200) * MB


def test_files_that_are_more_than_may_be_written_are_refused_in_words(repository, tmp_path, sluice):
    (repository.work / "large").write_bytes(bytes(4 * MB))  # which is 4 KB of a pack
    for i in range(3):
        shutil.copy(repository.work / "large", repository.work / f"large{i}")
    repository.put("sluice.yaml", pipeline(sluice)).push()
    git(repository.bare, "repack", "-q", "-a", "-d")
    answer = fetched(tmp_path / "f", url=str(repository.bare), max_bytes=MB)
    assert answer["refused"] == ("the commit's files have more than 10 MiB (below ''): expected less, or a larger "
                                 "'max_size'")
    assert not list((tmp_path / "f").glob("commits/*"))


def test_a_loose_object_that_is_not_what_it_is_called_is_refused(repository, tmp_path, sluice):
    repository.put("sluice.yaml", pipeline(sluice))
    (repository.work / "large").write_bytes(os.urandom(2 * MB))
    repository.push()
    blob = git(repository.work, "rev-parse", "HEAD:large")
    loose = repository.bare / "objects" / blob[:2] / blob[2:]
    loose.chmod(0o600)
    loose.write_bytes(zlib.compress(b"blob %d\0" % (2 * MB) + bytes(2 * MB)))
    assert "an object is not what it is called" in refused(tmp_path / "f", url=str(repository.bare))


def test_they_may_pack_anew_while_it_is_copied(repository, tmp_path, sluice):
    """Whatever they do meanwhile, it is copied whole, or the next try does it."""
    for i in range(30):
        (repository.work / f"blob{i}").write_bytes(os.urandom(MB // 2))
        commit = repository.put("sluice.yaml", pipeline(sluice)).push(f"{i}")
    over = threading.Event()

    def pack():
        while not over.is_set():
            git(repository.bare, "repack", "-q", "-a", "-d", "-f", check=False)

    packer = threading.Thread(target=pack)
    packer.start()
    try:
        for i in range(4):
            folder = tmp_path / f"f{i}"
            wait_until(lambda: "error" not in ask_program(folder, url=str(repository.bare))[0], 60)
            whole(folder, commit)
    finally:
        over.set()
        packer.join()
