#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs each fuzz target for FUZZ_SECONDS (default 10), as many at once as there are processors, from the seeds in
# tests/fuzz/corpus/NAME if there are any.
set -u

fuzz_one() {
    local program=$1 name work seeds=()
    name=$(basename "$program")
    work=$(dirname "$program")/work-$name
    mkdir -p "$work"
    [ -d "tests/fuzz/corpus/$name" ] && seeds=("tests/fuzz/corpus/$name")
    if "$program" -max_total_time="${FUZZ_SECONDS:-10}" -timeout=5 -rss_limit_mb=2048 -artifact_prefix="$work/" \
        -print_final_stats=1 "$work" "${seeds[@]}" >"$work.log" 2>&1; then
        echo "ok   $name ($(sed -n 's/^stat::number_of_executed_units: //p' "$work.log") inputs)"
    else
        echo "FAIL $name"
        tail -n 40 "$work.log"
    fi
}
export -f fuzz_one

# shellcheck disable=SC2016 # the inner shell expands it
verdicts=$(printf '%s\0' "$@" | xargs -0 -r -n 1 -P "$(nproc)" bash -c 'fuzz_one "$1"' fuzz)
printf '%s\n' "$verdicts"
passed=$(grep -c '^ok   fuzz_' <<<"$verdicts")
failed=$(grep -c '^FAIL fuzz_' <<<"$verdicts")
[ $((passed + failed)) -eq $# ] || failed=$(($# - passed))
echo "fuzz: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
