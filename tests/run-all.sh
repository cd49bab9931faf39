#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Everything that `make test` promises, one part after the other; a part that fails does not stop the next. Ends with the counts.
#   run-all.sh BUILD [PART...]        `soak`, `soak-daemon`, `conformance` and `package` are parts only when they are asked for
set -u

build=$1
shift
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(lint compilers unit simulate lua docs e2e plain fault fuzz)
jobs=$(nproc)
passed=0 failed=0
logs=$build/test-logs
mkdir -p "$logs"

# The counts of a part stand in the last line that has some: "NAME: N passed, M failed", or pytest's "N passed in 3s". A part
# that ends badly without saying so has failed, and so has one that counts nothing.
finish() {
    local name=$1 code=$2 log=$3 line good bad
    line=$(grep -E '[0-9]+ (passed|failed)' "$log" | tail -n 1)
    good=$(sed -nE 's/.*[^0-9]([0-9]+) passed.*/\1/p' <<<" $line")
    bad=$(sed -nE 's/.*[^0-9]([0-9]+) failed.*/\1/p' <<<" $line")
    good=${good:-0} bad=${bad:-0}
    if [ "$bad" -eq 0 ] && { [ "$code" -ne 0 ] || [ "$good" -eq 0 ]; }; then bad=1; fi
    passed=$((passed + good)) failed=$((failed + bad))
    printf '== %s: %s passed, %s failed (%s s)\n' "$name" "$good" "$bad" "$SECONDS"
}

part() {
    local name=$1 log=$logs/$1.log code
    shift
    SECONDS=0
    printf '== %s\n' "$name"
    "$@" 2>&1 | tee "$log"
    code=${PIPESTATUS[0]}
    finish "$name" "$code" "$log"
}

for name in "${parts[@]}"; do
    case $name in
    lint) part lint tests/lint/lint.sh ;;
    compilers) part compilers tests/lint/compilers.sh "$build" ;;
    unit) part unit make --no-print-directory -s -j"$jobs" BUILD="$build" unit ;;
    simulate) part simulate make --no-print-directory -s -j"$jobs" BUILD="$build" simulate-run ;;
    lua) part lua make --no-print-directory -s -j"$jobs" BUILD="$build" lua ;;
    docs) part docs make --no-print-directory -s -j"$jobs" BUILD="$build" docs-test ;;
    e2e) part e2e make --no-print-directory -s -j"$jobs" BUILD="$build" e2e ;;
    plain) part plain make --no-print-directory -s -j"$jobs" BUILD="$build" e2e-plain ;;
    fault) part fault make --no-print-directory -s -j"$jobs" BUILD="$build" fault ;;
    conformance) part conformance make --no-print-directory -s -j"$jobs" BUILD="$build" conformance ;;
    package) part package make --no-print-directory -s -j"$jobs" BUILD="$build" package ;;
    soak) part soak make --no-print-directory -s -j"$jobs" BUILD="$build" soak ;;
    soak-daemon) part soak-daemon make --no-print-directory -s -j"$jobs" BUILD="$build" soak-daemon ;;
    fuzz) part fuzz make --no-print-directory -s -j"$jobs" BUILD="$build" fuzz ;;
    *)
        echo "run-all.sh: unknown part '$name'" >&2
        exit 2
        ;;
    esac
done

printf '\n%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
