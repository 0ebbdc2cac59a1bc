#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Puts one kernel of the table `kernels` into the cache: NAME/vmlinux (what qemu boots), NAME/version
# and the overlay module, where the package has it. Prints the version. Exit code 3: the mirror has no such kernel now.
# usage: fetch.sh NAME        KT_REFRESH=1 looks for a newer one even when there is one in the cache
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/aptroot.sh"

name=$1
read -r _ arch suite _ regex < <(awk -v n="$name" '$1 == n' "$here/kernels") || {
	echo "$name: no such row in kernel-tests/kernels" >&2
	exit 2
}
out=$CACHE/$name
if [ -s "$out/vmlinux" ] && [ -z "${KT_REFRESH:-}" ]; then
	if (cd "$out" && sha256sum --status --check sum 2>/dev/null); then
		cat "$out/version"
		exit 0
	fi
	echo "$name: the image in the cache is not what was put there, it is fetched again" >&2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
apt_root "$suite" "$arch" || { echo "$name: cannot read the package index of $suite" >&2; exit 1; }

# "version package", newest first. An index entry is no promise: the file may be gone from the
# mirror, so older versions and the unsigned variants are tried in turn.
candidates() {
	apt-cache pkgnames linux- | grep -xE "$regex" |
		sed -E 's/^(linux-[a-z]+-)(.*)$/\2 \1\2/; s/^([^ ]*)-unsigned /\1 /' | sort -rV
}

# The image of a package and its overlay module, into $work; prints the image.
unpack() {
	local deb=$1 files
	files=$(dpkg-deb --fsys-tarfile "$deb" | tar -t | grep -E '/(vmlinuz|overlay\.ko)[^/]*$') || return 0
	dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$work" $files
	find "$work" -type f -name 'vmlinuz*' | head -n 1
}

tried=0
while read -r version package; do
	tried=$((tried + 1))
	(cd "$work" && apt-get download -qq "$package" 2>/dev/null) || {
		echo "$name: $package is listed but cannot be downloaded" >&2
		continue
	}
	image=$(unpack "$work"/*.deb)
	if [ -z "$image" ]; then
		echo "$name: $package holds no kernel image" >&2
		rm -f "$work"/*.deb
		continue
	fi
	mkdir -p "$out"
	case $arch in
	amd64) "$here/extract_vmlinux.py" "$image" "$out/vmlinux.tmp" ;;
	*) cp "$image" "$out/vmlinux.tmp" ;;
	esac
	find "$work" -type f -name 'overlay.ko*' -exec cp {} "$out/" \;
	echo "$version" >"$out/version"
	mv "$out/vmlinux.tmp" "$out/vmlinux"
	(cd "$out" && sha256sum vmlinux >sum)
	echo "$version"
	exit 0
done < <(candidates)
if [ $tried -eq 0 ]; then
	echo "$name: the mirror has no package like $regex in $(suites_of "$suite") ($arch)" >&2
else
	echo "$name: none of $tried listed packages can be downloaded" >&2
fi
exit 3
