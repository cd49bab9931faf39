# SPDX-License-Identifier: Apache-2.0
"""Man pages, and completion in bash, fish and zsh."""
import os
import shutil
import subprocess

import pytest
from programs import BUILD
from test_cli import commands, one_run  # noqa: F401 (fixtures)


def test_man_pages_are_without_warnings(sluice):
    sluice("man", "--into", ".", expect=0)
    pages = sorted(path.name for path in sluice.folder.glob("*.1"))
    assert pages == sorted(["sluice.1"] + ["sluice-%s.1" % name.replace(" ", "-") for name in commands()])
    done = subprocess.run(["groff", "-ww", "-man", "-Tutf8", "-z", *pages], cwd=sluice.folder, capture_output=True,
                          text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert sluice("man", "models", "show", expect=0).out == (sluice.folder / "sluice-models-show.1").read_text()
    shown = subprocess.run(["man", "--warnings", "-l", "sluice-cancel.1"], cwd=sluice.folder, capture_output=True,
                           text=True, env={**sluice.env, "LC_ALL": "C.UTF-8", "MANPAGER": "cat"})
    assert shown.stderr == "" and "--reason 'wrong data'" in shown.stdout, "quotes and dashes can be copied"


COMPLETIONS = [("ru", {"run", "runs"}), ("run --unt", {"--until"}), ("models sh", {"show"}),
               ("completion ", {"bash", "zsh", "fish"}), ("show hello/", {"hello/1"}), ("run slu", {"sluice.yaml"}),
               ("logs latest --fol", {"--follow"})]


def complete_bash(sluice, words):
    script = sluice.write("complete.bash", """\
        source <(sluice completion bash)
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _sluice; printf '%s\\n' "${COMPREPLY[@]}"
        """)
    return ["bash", "--norc", script, "sluice", *words.split(" ")]


def complete_fish(_, words):
    script = f"source (sluice completion fish | psub); complete -C 'sluice {words}' | string split -f1 \\t"
    return ["fish", "--no-config", "-c", script]


ZSH = r"""
zmodload zsh/zpty
zpty shell 'PS1= zsh -f -i'
zpty -w shell 'autoload -Uz compinit; compinit -u -D; source <(sluice completion zsh)'
zpty -w shell 'LISTMAX=1000; bindkey "^Xl" list-choices'
zpty -w shell 'echo REA""DY'
zpty -m -r shell out '*READY*'
for words wanted in "$@"; do
    zpty -w -n shell "sluice $words"$'\t\x18l'
    shown=
    SECONDS=0
    # While something is typed nothing is drawn: it is let alone until what is looked for stands there.
    while (( SECONDS < 30 )); do
        out=; zpty -r -t shell out && shown+=$out
        missing=; for word in ${=wanted}; do [[ $shown == *"$word"* ]] || missing=yes; done
        [[ -z $missing ]] && break
        [[ -z $out ]] && sleep 0.02
    done
    zpty -w -n shell $'\x15'
    zpty -w shell 'echo DO""NE'
    zpty -m -r shell out '*DONE*'
    print -r -- "$shown$out"
    print -r -- "--end--"
done
"""


def environment_of(program):
    return {**program.env, "PATH": f"{BUILD}:{os.environ['PATH']}", "HOME": str(program.folder), "TERM": "dumb"}


@pytest.mark.parametrize("command", [complete_bash, complete_fish])
def test_completion_in_bash_and_fish(one_run, command):
    for words, wanted in COMPLETIONS:
        done = subprocess.run(command(one_run, words), cwd=one_run.folder, env=environment_of(one_run),
                              capture_output=True, text=True, timeout=60)
        assert set(done.stdout.split()) == wanted, (words, done.stdout, done.stderr)


def test_completion_in_zsh(one_run):
    """zsh completes only at a prompt: one is made on a pty of zsh's own."""
    script = one_run.write("complete.zsh", ZSH)
    pairs = [text for words, wanted in COMPLETIONS for text in (words, " ".join(wanted))]
    done = subprocess.run(["zsh", "-f", script, *pairs], cwd=one_run.folder, env=environment_of(one_run),
                          capture_output=True, text=True, timeout=300)
    answers = done.stdout.split("--end--\n")
    for (words, wanted), answer in zip(COMPLETIONS, answers):
        assert all(word in answer for word in wanted), (words, answer, done.stderr)


def test_completion_never_runs_what_stands_in_a_name(one_run):
    fake = one_run.write("bin/sluice", '#!/bin/sh\necho "heading"\necho \'$(touch${IFS}pwned)`touch${IFS}pwned`\'\n')
    fake.chmod(0o755)
    script = subprocess.run([BUILD / "sluice", "completion", "bash"], capture_output=True, text=True, check=True)
    one_run.write("sluice.bash", script.stdout)
    subprocess.run(["bash", "--norc", "-c", 'source sluice.bash; COMP_WORDS=(sluice show ""); COMP_CWORD=2; _sluice; '
                    'echo "${COMPREPLY[@]}"'], cwd=one_run.folder, check=True,
                   env={**one_run.env, "PATH": f"{fake.parent}:{os.environ['PATH']}"})
    assert not list(one_run.folder.rglob("pwned"))
    shutil.rmtree(fake.parent)
