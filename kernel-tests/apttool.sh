#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Puts a program that bookworm does not have below DIR and prints its name: PROGRAM of trixie's package of the
# same name, if it needs only libc.
# usage: apttool.sh PROGRAM DIR
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$2"
dir=$(realpath "$2")
bin=$dir/usr/bin/$1
if [ ! -x "$bin" ]; then
	KT_CACHE=$dir
	. "$here/aptroot.sh"
	apt_root trixie "$(dpkg --print-architecture)"
	(cd "$dir" && apt-get download -qq "$1" && dpkg-deb -x "$1"_*.deb .)
fi
echo "$bin"
