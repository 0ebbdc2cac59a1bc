#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The cases on the kernel we are on, as part of `make test`. Skips visibly where no sensor can run.
ktest=${BUILD:-build}/kernel-tests/ktest
why=
[ "$(id -u)" = 0 ] || why="needs root"
[ -r /sys/kernel/btf/vmlinux ] || why="this kernel has no type information"
[ -x "$ktest" ] || why="$ktest is not built"
if [ -n "$why" ]; then
	echo "ok 1 - kernel cases # SKIP $why"
	echo "1..1"
	exit 0
fi
exec "$ktest"
