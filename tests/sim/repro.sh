#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the simulator prints with a failure is a command that lives it again: tried with a scenario that comes to
# something else than expected, without a fault and with one. (deletions.py tries it with random histories.)
#   repro.sh BUILD
set -u
build=$1
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cp tests/sim/scenarios/cycle.scenario "$folder/" || exit 1
printf '== messages\nspoilt\n' >"$folder/cycle.expected"
for which in 0 1; do
    told=$("$build/simulate" --folder "$folder" --scenarios $which)
    command=$(grep -A1 '^seed' <<<"$told" | sed -n 2p)
    again=$($command)
    if [ $? -ne 1 ] || ! grep -q '^seed .*cycle.scenario: another end' <<<"$again"; then
        echo "the command that was printed does something else: $command"
        exit 1
    fi
done
if "$build/simulate" --seed 1 --only nonsense >/dev/null 2>&1 || ! "$build/simulate" --seed 1 --only none >/dev/null; then
    echo "--only takes kinds of faults, and nothing else"
    exit 1
fi
echo "what is printed with a failure lives it again"
