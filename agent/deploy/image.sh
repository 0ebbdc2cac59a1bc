#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the OCI image from a built program, without Docker: the program, the shared libraries it needs,
# CA certificates and the rules; nothing else, no shell. TIERCEL-libs beside it names the libraries.
# Prints the archive's name.
# usage: image.sh TIERCEL OUTPUT-DIR
set -eu
tiercel=$(realpath "$1") out=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
version=$("$tiercel" --version | awk '{ print $2 }')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

"$here/stage.sh" "$tiercel" "$root"
# The libraries under the names that the loader looks for, those that are loaded when needed, too; the
# loader itself stands in the program.
ldd "$tiercel-libs" | awk '/=> \// { print $3 } /^\t\/lib/ { print $1 }' | while read -r lib; do
	install -D -m 755 "$lib" "$root/$lib"
done
install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
printf 'root:x:0:0:root:/:/usr/sbin/nologin\n' >"$root/etc/passwd"
printf 'root:x:0:\n' >"$root/etc/group"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
mkdir -p "$root/tmp" "$root/run/tiercel" "$root/var/lib/tiercel" "$root/host"
chmod 1777 "$root/tmp"

# Everything of buildah's stays in the work folder.
printf '[storage]\ndriver = "vfs"\nrunroot = "%s/run"\ngraphroot = "%s/store"\n' "$work" "$work" >"$work/storage.conf"
printf '{ "default": [ { "type": "insecureAcceptAnything" } ] }\n' >"$work/policy.json"
export CONTAINERS_STORAGE_CONF=$work/storage.conf STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot TMPDIR=$work
archive=$out/tiercel-image-$version.tar
container=$(buildah from scratch)
buildah copy --quiet "$container" "$root" / >/dev/null
buildah config --entrypoint '["/usr/bin/tiercel"]' --cmd 'run -c /etc/tiercel/tiercel.yaml' \
	--env HOST_ROOT=/host --user 0:0 --label org.opencontainers.image.title=tiercel \
	--label org.opencontainers.image.version="$version" \
	--label org.opencontainers.image.licenses=Apache-2.0 "$container"
buildah commit --quiet --timestamp 0 "$container" "tiercel:$version" >/dev/null
rm -f "$archive"
# The whole of the name that kubelet makes of "image: tiercel:VERSION": an archive that was imported on a
# node, without a registry, is found.
buildah push --quiet --signature-policy "$work/policy.json" "tiercel:$version" \
	"oci-archive:$archive:docker.io/library/tiercel:$version" >/dev/null
buildah rm "$container" >/dev/null
echo "$archive"
