#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fills a folder with what the container guest needs: containerd and runc of Debian (unpacked, not
# installed), the agent, their libraries, an image. usage: container_root.sh DIR TIERCEL KERNEL-DIR
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/aptroot.sh"
root=$1 tiercel=$2 kernel=$3

debs=$CACHE/containerd
if [ ! -e "$debs/complete" ]; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	apt_root bookworm amd64
	(cd "$work" && apt-get download -qq containerd runc libseccomp2 >&2)
	mkdir -p "$debs"
	for deb in "$work"/*.deb; do
		dpkg-deb -x "$deb" "$debs"
	done
	touch "$debs/complete"
fi

mkdir -p "$root"/{bin,etc,lib64,usr/bin,usr/sbin,usr/share/ktest,lib/x86_64-linux-gnu}
cp /bin/busybox "$root/bin/busybox"
cp "$tiercel" "$debs"/usr/bin/{containerd,ctr,containerd-shim-runc-v2} "$root/usr/bin/"
cp "$debs/usr/sbin/runc" "$root/usr/sbin/"
export LD_LIBRARY_PATH=$debs/usr/lib/x86_64-linux-gnu
for program in "$root"/usr/bin/* "$root"/usr/sbin/*; do
	ldd "$program" | sed -nE 's/.*(=> |^\s)(\/[^ ]+) .*/\2/p'
done | sort -u | while read -r lib; do
	case $lib in */ld-linux*) cp -L "$lib" "$root/lib64/" ;; *) cp -L "$lib" "$root/lib/x86_64-linux-gnu/" ;; esac
done
module=$(ls "$kernel"/overlay.ko* | head -n 1)
case $module in
*.xz) xz -dc "$module" >"$root/overlay.ko" ;;
*.zst) zstd -dqc "$module" >"$root/overlay.ko" ;;
*) cp "$module" "$root/overlay.ko" ;;
esac
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
echo 127.0.0.1 localhost >"$root/etc/hosts"
od -An -vtx1 -N32 /dev/urandom | tr -d ' \n' >"$root/usr/share/ktest/container-id"
cp "$here/containerd.toml" "$root/containerd.toml"
cp "$here/container_rules.yaml" "$root/rules.yaml"
install -m 755 "$here/container_init.sh" "$root/init"
"$here/oci_image.py" /bin/busybox "$root/image.tar"
