#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Is the simulator made of the same run/, engine/, store/ and trigger/ as sluice? Every function and table of their object files
# is in both programs, of the same size.
#   same-objects.sh BUILD
set -u
build=$1

# "size name" of what is defined.
symbols() {
    nm -S --defined-only "$@" | awk 'NF == 4 && $3 ~ /[TtDdRrBb]/ { sub(/\.[0-9]+$/, "", $4); print $2, $4 }' | sort -u
}

wanted=$(symbols "$build"/obj/orchestrator/{run,engine,store,trigger}/*.o)
missing=0
for program in sluice simulate; do
    while read -r size name; do
        [ -n "$name" ] || continue
        echo "$program has no '$name' of 0x$size bytes"
        missing=$((missing + 1))
    done < <(comm -23 <(echo "$wanted") <(symbols "$build/$program"))
done
[ "$missing" -eq 0 ] && echo "simulate is made of sluice's own object files: $(wc -l <<<"$wanted") symbols compared"
