#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A model's whole life in a folder of its own: trained, judged, registered, approved, deployed; then a worse one, refused.
#   demo.sh BUILD
set -eu

here=$(cd -- "$(dirname -- "$0")" && pwd)
build=$1
demo=$build/demo

bold=$(printf '\033[1m') plain=$(printf '\033[0m')
if [ ! -t 1 ] || [ -n "${NO_COLOR:-}" ]; then bold='' plain=''; fi

say() {
    printf '\n%s%s%s\n' "$bold" "$1" "$plain"
}

# Shows the command as a person would type it, runs it, and wants the exit code given first.
sluice() {
    expected=$1
    shift
    printf '\n$ sluice'
    for word in "$@"; do
        case $word in
        *' '*) printf ' "%s"' "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    printf '\n'
    code=0
    "$build/sluice" "$@" || code=$?
    if [ "$code" -ne "$expected" ]; then
        printf 'demo: that ended with exit code %s, expected %s\n' "$code" "$expected" >&2
        exit 1
    fi
}

rm -rf -- "$demo"
mkdir -p -- "$demo"
cp -r -- "$here/sluice.yaml" "$here/train.lua" "$here/predict.lua" "$here/data" "$demo/"
cd -- "$demo"
SLUICE_HOME=$demo/.sluice
export SLUICE_HOME
unset SLUICE_PLUGINS

say "1. Nine candidates are trained, the best one is judged and registered; then a person is asked"
sluice 5 run --workspace .

say "2. The answer: what is approved is bound to the digest of what was reviewed"
sluice 0 approvals
sluice 0 approve breast-cancer/1 -m "recall and slices look right"

say "3. The run goes on: deployed, promoted, told"
sluice 0 resume breast-cancer/1

say "4. Another night, a lazier training: the gate says no, by how much, and the champion stays"
sluice 0 run --workspace . -p epochs=3
sluice 0 models show breast-cancer

say "Try next, in $demo"
cat <<EOF
  export PATH=$build:\$PATH
  sluice show latest                              the refused run: rules, values, by how much
  sluice show breast-cancer/1 --json              the first one, as data
  sluice logs breast-cancer/1 train               what the candidates printed
  sluice run --workspace . -p seed=2              another split: another winner
  sluice graph --format mermaid                   the pipeline as a picture
  sluice activity verify                          who did what, chained
  ls -l deployed/                                 what serves
  mkdir ../mine && cd ../mine && sluice init --from retraining
                                                  a pipeline of your own
EOF
