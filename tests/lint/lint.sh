#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The rules of the house, and shellcheck over every script.
set -u
cd "$(dirname "$0")/../.." || exit 1
passed=0 failed=0

check() {
    if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

check /usr/bin/python3 tests/lint/lint.py
mapfile -t scripts < <(git ls-files --cached --others --exclude-standard | while read -r file; do
    if [ -f "$file" ] && head -c 20 "$file" | grep -qaE '^#!/bin/(ba)?sh'; then echo "$file"; fi
done)
for script in "${scripts[@]}"; do
    check shellcheck "$script"
done
echo "lint: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
