#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds all with clang as well as gcc, warnings being errors. What clang builds is not run: it need not be fast.
#   compilers.sh BUILD
set -u
cd "$(dirname "$0")/../.." || exit 1
passed=0 failed=0
for compiler in gcc clang-14; do
    folder=$1 opt="-O2 -g"
    [ "$compiler" = gcc ] || { folder=$1/$compiler opt=-O0; }
    if make --no-print-directory -s -j"$(nproc)" BUILD="$folder" CC="$compiler" OPT="$opt" all; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
echo "compilers: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
