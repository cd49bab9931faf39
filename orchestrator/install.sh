#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Puts what was built in place below a folder, or takes it away again.
#   install.sh BUILD FOLDER          FOLDER is DESTDIR and PREFIX together; units are written for PREFIX (/usr)
#   install.sh --uninstall FOLDER
# The programs find each other from where they lie (bin/../libexec/sluice and so on), so the folder may be moved. What
# was installed stands in share/sluice/installed; nothing else is ever removed.
set -eu

list=share/sluice/installed
own="libexec/sluice lib/sluice share/sluice share/doc/sluice include/sluice"

# put MODE SOURCE PATH: by rename, so that a program or a plugin that runs keeps the file it has.
put() {
    mkdir -p -- "$folder/$(dirname -- "$3")"
    install -m "$1" -- "$2" "$folder/$3.new"
    mv -f -- "$folder/$3.new" "$folder/$3"
    printf '%s\n' "$3" >>"$written"
}

# made PATH COMMAND...: a file that a command prints.
made() {
    path=$1
    shift
    "$@" >"$scratch/made"
    put 644 "$scratch/made" "$path"
}

# A unit with the paths of where it is installed.
in_prefix() {
    sed "s|^ExecStart=/usr/|ExecStart=${PREFIX:-/usr}/|" "$1"
}

put_all() {
    put 755 "$build/sluice" bin/sluice
    for program in sluice-runner sluice-fetch sluice-git sluice-python-env; do
        put 755 "$build/$program" "libexec/sluice/$program"
    done
    for plugin in "$build"/plugins/*.so; do
        put 644 "$plugin" "lib/sluice/plugins/${plugin##*/}"
    done
    for module in "$build"/lua/*.lua; do
        put 644 "$module" "share/sluice/lua/${module##*/}"
    done
    (cd "$build/templates" && find . -type f ! -name .done) | sort >"$scratch/templates"
    while IFS= read -r file; do
        mode=644
        [ ! -x "$build/templates/$file" ] || mode=755
        put "$mode" "$build/templates/$file" "share/sluice/templates/${file#./}"
    done <"$scratch/templates"
    for header in step.h step_threshold.h; do
        put 644 "$source/orchestrator/$header" "include/sluice/$header"
    done
    put 644 "$source/LICENSE" share/doc/sluice/LICENSE
    mkdir "$scratch/man"
    "$build/sluice" man --into "$scratch/man"
    for page in "$scratch"/man/*.1; do
        put 644 "$page" "share/man/man1/${page##*/}"
    done
    # Services for systemd, which do nothing until somebody enables them.
    for unit in sluice.service sluice-runner.socket sluice-runner.service; do
        made "lib/systemd/system/$unit" in_prefix "$source/orchestrator/packaging/$unit"
    done
    put 644 "$source/orchestrator/packaging/sluice.sysusers" lib/sysusers.d/sluice.conf
    put 644 "$source/orchestrator/packaging/sluice.tmpfiles" lib/tmpfiles.d/sluice.conf
    made share/bash-completion/completions/sluice "$build/sluice" completion bash
    made share/zsh/site-functions/_sluice "$build/sluice" completion zsh
    made share/fish/vendor_completions.d/sluice.fish "$build/sluice" completion fish
}

# What an older version had and this one has not.
drop_leftovers() {
    [ -f "$folder/$list" ] || return 0
    sort "$written" >"$scratch/new"
    sort "$folder/$list" | comm -23 - "$scratch/new" >"$scratch/old"
    while IFS= read -r path; do
        rm -f -- "$folder/$path"
    done <"$scratch/old"
}

install_all() {
    build=$1 folder=$2
    source=$(cd "$(dirname -- "$0")/.." && pwd)
    scratch=$(mktemp -d)
    trap 'rm -rf -- "$scratch"' EXIT
    written=$scratch/installed
    put_all
    drop_leftovers
    put 644 "$written" "$list"
    echo "installed sluice in $folder"
    case ":$PATH:" in
    *":${folder%/}/bin:"*) ;;
    *) [ -n "${DESTDIR:-}" ] || echo "to find it: export PATH=${folder%/}/bin:\$PATH" ;;
    esac
}

uninstall() {
    folder=$1
    if [ ! -f "$folder/$list" ]; then
        echo "install.sh: nothing to remove: there is no '$folder/$list'" >&2
        exit 1
    fi
    while IFS= read -r path; do
        rm -f -- "$folder/$path"
    done <"$folder/$list"
    rm -f -- "$folder/$list"
    for ours in $own; do
        [ ! -d "$folder/$ours" ] || find "$folder/$ours" -depth -type d -exec rmdir -- {} + 2>/dev/null || true
    done
    echo "removed sluice from $folder"
}

if [ $# -ne 2 ]; then
    echo "usage: install.sh BUILD FOLDER, or install.sh --uninstall FOLDER" >&2
    exit 2
elif [ "$1" = --uninstall ]; then
    uninstall "$2"
else
    install_all "$1" "$2"
fi
