#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Headers and static libraries of arm64 for the cross-built test program, and a busybox for the guest,
# unpacked into the cache. Prints the folder.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/aptroot.sh"

out=$CACHE/sysroot-arm64
if [ ! -e "$out/complete" ]; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	apt_root bookworm arm64
	rm -rf "$out"
	mkdir -p "$out"
	cd "$work"
	apt-get download -qq libbpf-dev libelf-dev zlib1g-dev busybox-static >&2
	for deb in *.deb; do
		dpkg-deb -x "$deb" "$out"
	done
	touch "$out/complete"
fi
echo "$out"
