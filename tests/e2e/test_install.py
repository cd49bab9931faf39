# SPDX-License-Identifier: Apache-2.0
"""`make install` and `make uninstall`."""
import json
import subprocess

from programs import BUILD, ROOT


def install(*words):
    return subprocess.run([ROOT / "orchestrator/install.sh", *words], capture_output=True, text=True)


def test_an_installed_tree_works_from_another_folder_by_path_alone(sluice):
    prefix = sluice.folder / "a prefix" / "usr"
    installed = install(BUILD, prefix)
    assert installed.returncode == 0
    assert installed.stdout == f"installed sluice in {prefix}\nto find it: export PATH={prefix}/bin:$PATH\n"
    environment = {"PATH": f"{prefix}/bin:/usr/bin:/bin", "HOME": str(sluice.folder), "ASAN_OPTIONS": "exitcode=99"}
    work = sluice.folder / "work"
    work.mkdir()

    def do(*words):
        return subprocess.run(words, cwd=work, env=environment, capture_output=True, text=True)

    assert do("sluice", "init", "--from", "python").returncode == 0
    run = do("sluice", "run", "--json")
    assert json.loads(run.stdout)["status"] == "succeeded", run.stderr
    doctor = do("sluice", "doctor", "--json")
    assert doctor.returncode == 0, doctor.stdout
    inside = [one["words"] for one in json.loads(doctor.stdout) if one["check"].startswith("sluice-")]
    assert len(inside) == 3 and all(words.startswith(str(prefix / "libexec/sluice")) for words in inside)
    (work / "work.lua").write_text('local stats = require("stats")\nsluice.metric("m", stats.mean({1, 3}))\n')
    assert do("sluice", "lua", "run", "work.lua").returncode == 0
    assert do("sluice", "plugins", "new", "mine").returncode == 0
    assert (work / "mine/step.h").read_bytes() == (ROOT / "orchestrator/step.h").read_bytes()
    for path in ("include/sluice/step.h", "lib/sluice/plugins/evaluate.so", "share/man/man1/sluice-run.1",
                 "share/bash-completion/completions/sluice", "share/zsh/site-functions/_sluice",
                 "share/fish/vendor_completions.d/sluice.fish"):
        assert (prefix / path).is_file(), path
    moved = prefix.parent / "moved"
    prefix.rename(moved)
    environment["PATH"] = f"{moved}/bin:/usr/bin:/bin"
    assert do("sluice", "run", "-q").returncode == 0, "the tree may be moved"


def test_installing_again_drops_what_is_no_more_and_uninstall_leaves_the_rest(sluice):
    prefix = sluice.folder / "prefix"
    assert install(BUILD, prefix).returncode == 0
    old = prefix / "lib/sluice/plugins/old.so"
    old.write_text("")
    with open(prefix / "share/sluice/installed", "a", encoding="utf-8") as listed:
        listed.write("lib/sluice/plugins/old.so\n")
    mine = prefix / "lib/sluice/plugins/mine.so"
    other = prefix / "bin/other"
    mine.write_text("")
    other.write_text("")
    assert install(BUILD, prefix).returncode == 0
    assert not old.exists() and mine.exists()
    assert install("--uninstall", prefix).returncode == 0
    left = sorted(str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file())
    assert left == ["bin/other", "lib/sluice/plugins/mine.so"]
    again = install("--uninstall", prefix)
    assert again.returncode == 1 and "nothing to remove" in again.stderr
    assert install().returncode == 2
