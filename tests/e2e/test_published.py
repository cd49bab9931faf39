# SPDX-License-Identifier: Apache-2.0
"""What a step published is given to later steps as it was recorded, or they do not start."""
import hashlib
import os
import pathlib
import shutil

import pytest

MAKES = """\
    name: p
    params: {key: {type: string, default: ""}}
    steps:
      a:
        run: |
          cd "$SLUICE_STEP_DIR"; echo good > f; mkdir d; echo x > d/x; echo m > weights; echo other > g; echo s > 'a b'
        artifacts:
          f: "${{ step.dir }}/f"
          d: "${{ step.dir }}/d"
          g: "${{ step.dir }}/g"
          spaced: "${{ step.dir }}/a b"
        model: {path: "${{ step.dir }}/weights", name: m}
    """

CHANGE = """
      b:
        env: {F: "${{ steps.a.artifacts.f }}", D: "${{ steps.a.artifacts.d }}", M: "${{ steps.a.model_id }}"}
        run: |
          chmod u+w "$F"; echo evil > "$F"; echo more > "$D/y"
          for w in .sluice/artifacts/*/models/$M/artifacts/weights; do chmod u+w $w; echo evil > $w; done
    """

USES = {
    "expression": ('run: "cat ${{ steps.a.artifacts.f }}"', "f"),
    "within_a_text": ('run: [cat, "${{ steps.a.artifacts.d }}/x"]', "d"),
    "within_a_list": ('run: "echo ${{ toJSON(steps.a.artifacts) }}"', "d"),
    "environment": ('env: {X: "--from=${{ steps.a.artifacts.f }},then"}\n        run: echo $X', "f"),
    "input": ('inputs: {x: "${{ steps.a.artifacts.f }}"}\n        run: "cat ${{ inputs.x }}"', "f"),
    "input_model": ('inputs: {x: "models:/${{ steps.a.model_id }}"}\n        run: "ls ${{ inputs.x }}"', "model"),
    "lua": ('lua: sluice.log(sluice.file.read(sluice.steps.a.artifacts.f))', "d"),
    "lua_with": ('lua: sluice.log(sluice.params.x)\n        with: {x: "${{ steps.a.artifacts.f }}"}', "d"),
    "plugin_model": ('uses: register\n        with: {model: "${{ steps.a.model_id }}", name: m}', "model"),
    "plugin_path": ('uses: notify\n        with: {to: {command: [cat]}, message: "${{ steps.a.artifacts.f }}"}', "f"),
    "pipeline": ('pipeline: ./c.yaml\n        with: {f: "${{ steps.a.artifacts.f }}"}', "f"),
}


def words_of(name):
    return "model m-" if name == "model" else f"artifact '{name}' of step a is not what was recorded: sha256 "


@pytest.mark.parametrize("way", list(USES))
def test_a_changed_artifact_is_given_to_nobody(sluice, way):
    use, name = USES[way]
    (sluice.folder / "c.yaml").write_text("""\
name: c
params: {f: {type: path}}
steps: {x: {inputs: {f: "${{ params.f }}"}, run: "cat ${{ inputs.f }}"}}
""")
    step = f"\n      use:\n        needs: [a%s]\n        {use}\n    "
    sluice.pipeline(MAKES.rstrip() + step % "")
    sluice.run(expect=0)  # untouched, it is given
    sluice.pipeline(MAKES.rstrip() + CHANGE.rstrip() + step % ", b")
    run = sluice.run(expect=1)
    reason = run.step("use")["reason"]
    if way == "pipeline":
        reason = sluice("show", "c/2", "--json").step("x")["reason"]
    assert words_of(name) in reason and "expected " in reason, reason
    assert "evil" not in sluice("logs", "latest", expect=0).out


def test_the_words_have_both_digests(sluice):
    sluice.pipeline(MAKES.rstrip() + CHANGE.rstrip() + """
      use: {needs: [a, b], run: "cat ${{ steps.a.artifacts.f }}"}
    """)
    reason = sluice.run(expect=1).step("use")["reason"]
    good, evil = (hashlib.sha256(text).hexdigest() for text in (b"good\n", b"evil\n"))
    assert reason == f"artifact 'f' of step a is not what was recorded: sha256 {evil}, expected {good}"


def artifact_of(sluice, run, name):
    return pathlib.Path(run.step("a")["artifacts"][name])


RETRIED = MAKES.rstrip() + """
      use:
        run: cat ${{ steps.a.artifacts.f }} ${{ steps.a.artifacts.spaced }} ${{ steps.a.artifacts.d }}/x; test -e ok
    """


def change_in_place(path):
    path.chmod(0o644)
    stat = path.stat()
    path.write_text("evil\n")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    path.chmod(0o444)


@pytest.mark.parametrize("name, change, words", [
    ("f", change_in_place, "is not what was recorded"),  # same size, same time of the last write
    ("f", lambda path: path.unlink(), "is gone"),
    ("f", lambda path: (path.unlink(), path.symlink_to("/etc/hostname")), "is not what was recorded"),
    ("d", shutil.rmtree, "is gone"),
    ("d", lambda path: (path / "y").write_text("more"), "is not what was recorded"),
    ("d", lambda path: (path / "x").rename(path / "z"), "is not what was recorded"),
    ("spaced", change_in_place, "is not what was recorded"),
])
def test_on_another_day_too(sluice, name, change, words):
    sluice.pipeline(RETRIED)
    run = sluice.run(expect=1)
    change(artifact_of(sluice, run, name))
    reason = sluice("retry", "latest", "--json", expect=1).step("use")["reason"]
    assert f"artifact '{name}' of step a {words}" in reason


def test_what_is_the_same_in_another_place_on_disk_is_good(sluice):
    """Other inodes and times, as after a restored backup: then the bytes decide."""
    sluice.pipeline(RETRIED)
    run = sluice.run(expect=1)
    for name in ("f", "d"):
        path = artifact_of(sluice, run, name)
        kept = path.with_name(path.name + ".kept")
        path.rename(kept)
        (shutil.copytree if kept.is_dir() else shutil.copy)(kept, path)
    (sluice.folder / "ok").touch()
    sluice("retry", "latest", expect=0)


def test_the_artifact_of_the_last_run_is_looked_at_too(sluice):
    sluice.pipeline(MAKES.rstrip() + """
      use: {inputs: {x: {path: "last:a.f", optional: true}}, run: "cat ${{ inputs.x ?? '/dev/null' }}"}
    """)
    run = sluice.run(expect=0)
    sluice.run(expect=0)
    run = sluice("show", "latest", "--json")
    change_in_place(artifact_of(sluice, run, "f"))
    assert "artifact 'f' of step a is not what was recorded" in sluice.run(expect=1).step("use")["reason"]


def test_what_a_script_publishes_as_it_goes_may_grow(sluice):
    """A folder that gets another file later is another folder: what was said of it before holds no more."""
    sluice.pipeline("""\
        name: p
        steps:
          a:
            lua: |
              sluice.file.write(sluice.step.dir .. "/d/one", "1")
              sluice.artifact(sluice.step.dir .. "/d", "d")
              sluice.file.write(sluice.step.dir .. "/two", "2")
              sluice.artifact(sluice.step.dir .. "/two", "d/two")
          use:
            needs: [a]
            inputs: {x: "runs:/${{ steps.a.run_id }}/d", y: "runs:/${{ steps.a.run_id }}/d/two"}
            run: "ls ${{ inputs.x }}; test -e ok"
        """)
    run = sluice.run(expect=1)
    assert run.step("use")["reason"].startswith("exit"), run
    (two,) = sluice.home.glob("artifacts/*/*/artifacts/d/two")
    change_in_place(two)
    reason = sluice("retry", "latest", "--json", expect=1).step("use")["reason"]
    assert "artifact 'two' of step a is not what was recorded" in reason


def test_a_home_can_be_removed_by_who_made_it(sluice):
    """Files are read-only, folders are not: rm -r needs to write in them."""
    sluice.pipeline(MAKES)
    run = sluice.run(expect=0)
    folder = artifact_of(sluice, run, "d")
    assert folder.stat().st_mode & 0o777 == 0o755 and (folder / "x").stat().st_mode & 0o222 == 0


REGISTERED = """\
        name: p
        steps:
          train: {run: "mkdir m; echo good > m/weights", model: {path: m, name: m}}
          register: {uses: register, with: {model: "${{ steps.train.model_id }}", name: m}}
"""


def test_a_model_that_was_changed_after_the_request_is_not_approved(sluice):
    sluice.pipeline(REGISTERED + """\
          ok: {uses: approve, with: {of: "${{ steps.register.model_uri }}"}}
          move: {needs: [ok], uses: alias, with: {model: m, version: "${{ steps.register.version }}", set: champion}}
        """)
    sluice.run(expect=5)
    weights, = sluice.home.glob("artifacts/*/models/m-*/artifacts/weights")
    weights.chmod(0o644)
    weights.write_text("evil\n")
    result = sluice("approve", "p/1", "--resume", "--json", expect=6)
    assert result.step("ok")["reason"] == "void: what was reviewed has changed"
    assert result.step("move")["status"] == "skipped"


def test_a_model_that_was_changed_before_the_request_is_not_asked_about(sluice):
    sluice.pipeline(REGISTERED + """\
          spoil:
            needs: [register]
            run: |
              chmod u+w .sluice/artifacts/*/models/m-*/artifacts/weights
              echo evil > .sluice/artifacts/*/models/m-*/artifacts/weights
          ok: {needs: [spoil], uses: approve, with: {of: "${{ steps.register.model_uri }}"}}
        """)
    assert "is not what was recorded" in sluice.run(expect=1).step("ok")["reason"]


def test_a_model_that_was_only_touched_is_approved(sluice):
    sluice.pipeline(REGISTERED + """\
          ok: {uses: approve, with: {of: "${{ steps.register.model_uri }}"}}
        """)
    sluice.run(expect=5)
    weights, = sluice.home.glob("artifacts/*/models/m-*/artifacts/weights")
    weights.touch()
    assert sluice("approve", "p/1", "--resume", "--json", expect=0).json["status"] == "succeeded"
