#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes a Debian package of what was built, by dpkg-deb alone.
#   deb.sh BUILD VERSION        writes BUILD/sluice_VERSION_ARCHITECTURE.deb
# Libraries that it needs are found by dpkg-shlibdeps; that of HTTP servers, which is loaded when the first one opens
# (orchestrator/http/library.c), by its name.
set -eu

build=$1 version=$2
here=$(cd "$(dirname -- "$0")" && pwd)
source=$(dirname "$(dirname "$here")")
architecture=$(dpkg --print-architecture)
package=$build/sluice_${version}_$architecture.deb
maintainer=${DEB_MAINTAINER:-The sluice authors <sluice@packages.invalid>}
umask 022
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
root=$work/root doc=$work/root/usr/share/doc/sluice

put() {
    mkdir -p "$root/$(dirname "$3")"
    install -m "$1" "$2" "$root/$3"
}

# Where Debian wants them.
"$source/orchestrator/install.sh" "$build" "$root/usr" >/dev/null
rm "$root/usr/share/sluice/installed" "$doc/LICENSE"
mkdir -p "$root/usr/share/zsh/vendor-completions"
mv "$root/usr/share/zsh/site-functions/_sluice" "$root/usr/share/zsh/vendor-completions/"
rmdir "$root/usr/share/zsh/site-functions"
gzip -9n "$root"/usr/share/man/man1/*.1
find "$root/usr/bin" "$root/usr/libexec/sluice" -type f ! -name '*-env' -exec strip --strip-all {} +
find "$root/usr/lib/sluice/plugins" -name '*.so' -exec strip --strip-unneeded {} +
mkdir -p "$root/lib/systemd"
mv "$root/usr/lib/systemd/system" "$root/lib/systemd/system"
rmdir "$root/usr/lib/systemd"
# Nobody looks into what runs a program that he cannot read: not even in the moment before it says so itself.
chmod 711 "$root/usr/libexec/sluice/sluice-runner"
put 644 "$here/sluice.lintian" usr/share/lintian/overrides/sluice
put 644 "$here/sluice.default" etc/default/sluice

cat >"$doc/copyright" <<END
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: sluice

Files: *
Copyright: 2026 the sluice authors
License: Apache-2.0
 On Debian systems, the whole text of the Apache License, version 2.0, is in
 /usr/share/common-licenses/Apache-2.0.
END
date=$(date -R -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}")
printf 'sluice (%s) unstable; urgency=medium\n\n  * As built from the source of this version.\n\n -- %s  %s\n' \
    "$version" "$maintainer" "$date" | gzip -9n >"$doc/changelog.gz"

# What it needs.
mkdir "$work/debian"
printf 'Source: sluice\n\nPackage: sluice\nArchitecture: any\n' >"$work/debian/control"
libraries=$(cd "$work" && find root/usr -type f \( -perm -100 -o -name '*.so' \) ! -name '*-env' ! -path '*/templates/*' \
    -exec dpkg-shlibdeps -O -Troot/none {} + | sed -n 's/^shlibs:Depends=//p')
http=$(sed -n 's/.*"\(libmicrohttpd\.so\.[0-9]*\)".*/\1/p' "$source/orchestrator/http/library.c" | head -1)
loaded=$(dpkg-query -S "*/$http" | sed -n '1s/:.*//p')
[ -n "$libraries" ] && [ -n "$loaded" ]

mkdir "$root/DEBIAN"
cat >"$root/DEBIAN/control" <<END
Package: sluice
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(du -ks --exclude=DEBIAN "$root" | cut -f1)
Depends: $libraries, $loaded, adduser, ca-certificates, tzdata
Recommends: git, python3, python3-venv
Section: science
Priority: optional
Description: workflows for the lives of models, and an MLflow server
 sluice takes a model from training to production under gates: it runs
 pipelines written in YAML, asks a person where they say so, and records
 every step and every model in one SQLite file, which stock MLflow clients
 write to and read.
 .
 The package starts it as a service, with its home in /var/lib/sluice, and
 its steps as another user, who cannot read the home.
END
echo /etc/default/sluice >"$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do
    install -m 755 "$here/$script" "$root/DEBIAN/$script"
done
(cd "$root" && find . -type f ! -path './DEBIAN/*' -printf '%P\n' | sort | xargs -d '\n' md5sum) >"$root/DEBIAN/md5sums"
chmod 644 "$root/DEBIAN/control" "$root/DEBIAN/conffiles" "$root/DEBIAN/md5sums"
find "$root" -type d -exec chmod 755 {} +
dpkg-deb --root-owner-group --build "$root" "$package" >/dev/null
echo "$package"
