#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Lays the files of an installation below ROOT; used by deb.sh and image.sh. The manual pages are taken
# from the folder man beside the program. usage: stage.sh TIERCEL ROOT
set -eu
tiercel=$1 root=$2
here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)

install -D -m 755 "$tiercel" "$root/usr/bin/tiercel"
strip --strip-unneeded "$root/usr/bin/tiercel"
install -D -m 644 "$here/tiercel.yaml" "$root/etc/tiercel/tiercel.yaml"
mkdir -p "$root/usr/share/tiercel"
(cd "$repo" && tar -c --exclude=tests --exclude='*.tests.yaml' --exclude='*.md' --owner=0 --group=0 \
	--mode=u=rwX,go=rX rules) | tar -x -C "$root/usr/share/tiercel"
for page in "$(dirname "$tiercel")"/man/*.[0-9]; do
	mkdir -p "$root/usr/share/man/man${page##*.}"
	gzip -9n <"$page" >"$root/usr/share/man/man${page##*.}/${page##*/}.gz"
done
