#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds all with clang as well as gcc, warnings being errors.
#   compilers.sh BUILD
set -u
cd "$(dirname "$0")/../.." || exit 1
passed=0 failed=0
for compiler in gcc clang-14; do
    folder=$1
    [ "$compiler" = gcc ] || folder=$1/$compiler
    if make --no-print-directory -s -j"$(nproc)" BUILD="$folder" CC="$compiler" all; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
echo "compilers: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
