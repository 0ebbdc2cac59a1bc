#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The tutorial of rules/README.md, block by block as it is written, in a copy of the tree. Prints TAP.
set -u
top=$PWD
build=$(realpath "${BUILD:-build}")
work=$(mktemp -d)
trap 'rm -rf "$work" /tmp/payroll /tmp/payroll.log' EXIT
mkdir "$work/tree" && cp -r rules "$work/tree/rules" && ln -s "$build" "$work/tree/build"
cd "$work/tree" || exit 1
sudo() { "$@"; }
export -f sudo

# The n-th ```sh block of the tutorial into a file.
awk -v dir="$work" '/^```sh$/ { n++; on = 1; next } /^```$/ { on = 0 } on { print > (dir "/step" n) }' \
	"$top/rules/README.md"
if [ "$(id -u)" -ne 0 ] || ! build/tiercel doctor >/dev/null 2>&1; then
	echo "ok 1 - the tutorial # SKIP the sensor needs root and BTF"
	echo "1..1"
	exit 0
fi
n=0
while [ -e "$work/step$((n + 1))" ]; do
	n=$((n + 1))
	if bash -eu -o pipefail "$work/step$n" >"$work/out$n" 2>&1; then
		echo "ok $n - tutorial, step $n"
	else
		echo "not ok $n - tutorial, step $n"
		tail -n 20 "$work/out$n" | sed 's/^/# /'
	fi
done

# What the steps promise beyond their exit status: both readers, then only the one that is not excepted.
readers() { grep -o '"proc.name":"[a-z]*"' "$work/$1" | sort -u | tr '\n' ' '; }
check() {
	n=$((n + 1))
	if [ "$2" = "$3" ]; then echo "ok $n - $1"; else echo "not ok $n - $1: '$2'"; fi
}
check "the trace has both readers" "$(readers out3)" '"proc.name":"head" "proc.name":"tar" '
check "the exception hides one of them" "$(readers out4)" '"proc.name":"head" '
echo "1..$n"
