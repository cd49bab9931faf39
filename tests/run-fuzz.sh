#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs each fuzz target for FUZZ_SECONDS (default 10), from the seeds in tests/fuzz/corpus/NAME if there are any.
set -u
passed=0 failed=0
for program in "$@"; do
    name=$(basename "$program")
    work=$(dirname "$program")/work-$name
    mkdir -p "$work"
    seeds=()
    [ -d "tests/fuzz/corpus/$name" ] && seeds=("tests/fuzz/corpus/$name")
    if "$program" -max_total_time="${FUZZ_SECONDS:-10}" -timeout=5 -rss_limit_mb=2048 -artifact_prefix="$work/" \
        -print_final_stats=1 "$work" "${seeds[@]}" >"$work.log" 2>&1; then
        passed=$((passed + 1))
        echo "ok   $name ($(sed -n 's/^stat::number_of_executed_units: //p' "$work.log") inputs)"
    else
        failed=$((failed + 1))
        echo "FAIL $name"
        tail -n 40 "$work.log"
    fi
done
echo "fuzz: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
