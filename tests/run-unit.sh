#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the unit test programs given, each to its end, and prints one line of counts.
set -u
passed=0; failed=0
for program in "$@"; do
    if out=$("$program" 2>&1); then
        n=$(printf '%s\n' "$out" | grep -c '^\[       OK \]')
        passed=$((passed + n))
        echo "ok   $(basename "$program") ($n)"
    else
        failed=$((failed + 1))
        n=$(printf '%s\n' "$out" | grep -c '^\[       OK \]')
        passed=$((passed + n))
        echo "FAIL $(basename "$program")"
        printf '%s\n' "$out" | grep -v '^\[\( RUN      \|       OK \)' | head -n 60
    fi
done
echo "unit: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
