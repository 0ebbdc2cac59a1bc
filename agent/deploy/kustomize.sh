#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Puts Debian's kustomize (trixie has it, its binary needs only libc) below DIR and prints its name.
# usage: kustomize.sh DIR
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(realpath "$1")
bin=$dir/usr/bin/kustomize
if [ ! -x "$bin" ]; then
	KT_CACHE=$dir
	. "$here/../../kernel-tests/aptroot.sh"
	apt_root trixie "$(dpkg --print-architecture)"
	(cd "$dir" && apt-get download -qq kustomize && dpkg-deb -x kustomize_*.deb .)
fi
echo "$bin"
