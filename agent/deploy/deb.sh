#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the Debian package from a built program and TIERCEL-libs beside it. Prints its name. usage: deb.sh TIERCEL OUTPUT-DIR
set -eu
tiercel=$(realpath "$1") out=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
version=$("$tiercel" --version | awk '{ print $2 }')
maintainer='the tiercel authors <tiercel@example.org>'
arch=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

"$here/stage.sh" "$tiercel" "$root"
install -D -m 644 "$here/tiercel.service" "$root/lib/systemd/system/tiercel.service"
doc=$root/usr/share/doc/tiercel
mkdir -p "$doc" "$root/DEBIAN" "$work/debian"
gzip -9n <"$repo/CHANGELOG.md" >"$doc/NEWS.gz"
# A native package has a changelog in Debian's form; the news are in ours.
printf 'tiercel (%s) unstable; urgency=medium\n\n  * See NEWS.gz.\n\n -- %s  %s\n' "$version" "$maintainer" \
	"$(date -R -r "$repo/CHANGELOG.md")" | gzip -9n >"$doc/changelog.gz"
{
	echo 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/'
	echo 'Upstream-Name: tiercel'
	printf '\nFiles: *\nCopyright: 2026 the tiercel authors\nLicense: Apache-2.0\n'
	printf ' On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.\n'
	printf '\nFiles: bpf/*\nCopyright: 2026 the tiercel authors\nLicense: GPL-2.0-only or BSD-2-Clause\n'
	printf ' On Debian systems the text of the GPL is in /usr/share/common-licenses/GPL-2.\n'
} >"$doc/copyright"

# The libraries that the program is linked with and those that it loads when needed, as package names.
printf 'Source: tiercel\nPackage: tiercel\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O "$root/usr/bin/tiercel" "$tiercel-libs" 2>/dev/null | sed 's/^shlibs:Depends=//')
cat >"$root/DEBIAN/control" <<-END
	Package: tiercel
	Version: $version
	Section: admin
	Priority: optional
	Architecture: $arch
	Depends: $depends
	Recommends: ca-certificates
	Installed-Size: $(du -sk "$root" | cut -f1)
	Maintainer: $maintainer
	Description: eBPF node sensor with an embedded rule engine
	 CO-RE eBPF programs capture system calls into ring buffers, a matcher evaluates
	 Falco-compatible rules, and alerts leave as JSON on stdout, files, syslog, HTTP
	 or gRPC. The same engine replays recorded traces.
END
echo /etc/tiercel/tiercel.yaml >"$root/DEBIAN/conffiles"
# The unit is neither enabled nor started by itself: rules and outputs are chosen first.
cat >"$root/DEBIAN/postinst" <<-'END'
	#!/bin/sh
	set -e
	if [ -d /run/systemd/system ]; then
		systemctl daemon-reload || true
		[ -z "$2" ] || systemctl try-restart tiercel.service || true
	fi
END
cat >"$root/DEBIAN/prerm" <<-'END'
	#!/bin/sh
	set -e
	[ "$1" != remove ] || [ ! -d /run/systemd/system ] || systemctl stop tiercel.service || true
END
chmod 755 "$root/DEBIAN/postinst" "$root/DEBIAN/prerm"
deb=$out/tiercel_${version}_$arch.deb
dpkg-deb --root-owner-group -b "$root" "$deb" >/dev/null
echo "$deb"
