#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the test program on kernels and prints a matrix. Exit code 1 when a case fails, a kernel
# complains, a guest does not finish, or a kernel of the core set cannot be had or never boots
# (KT_MISSING=skip: said, but no failure).
# usage: run.sh RESULTS-DIR NAME...     with KTEST_ARCH and BUSYBOX_ARCH per architecture, and TIERCEL
# NAME: a row of the table `kernels`, "host" for the kernel we are on, "container" for a container in a guest
set -u
here=$(cd "$(dirname "$0")" && pwd)
results=$1
shift
mkdir -p "$results"
cache=${KT_CACHE:-build/kernels}
container_kernel=6.12
bad=0 missing=0
ran=()
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

row() {
	awk -v n="$1" -v f="$2" '$1 == n { print $f }' "$here/kernels"
}

fail() {
	echo "FAIL $1: $2"
	bad=$((bad + 1))
}

run_host() {
	local start=$SECONDS
	"$KTEST_amd64" >"$results/host.tap"
	ran+=(host)
	uname -r >"$results/host.version"
	"$here/judge.sh" "$results/host.tap" || fail host "see above"
	summary host $((SECONDS - start))
}

summary() {
	printf '%-13s %-32s %4d ok %2d failed %2d skipped  %3ds  attach %s\n' "$1" \
		"$(cat "$results/$1.version")" "$(grep -a '^ok' "$results/$1.tap" | grep -cv '# SKIP')" \
		"$(grep -ac '^not ok' "$results/$1.tap")" "$(grep -ac '^ok.*# SKIP' "$results/$1.tap")" "$2" \
		"$(sed -n 's/.*sensor attached in \(.*\)/\1/p' "$results/$1.tap" | grep . || echo -)"
}

# fetch NAME KERNEL: its version goes to the results.
fetch() {
	rm -f "$results/$1".*
	"$here/fetch.sh" "$2" >"$results/$1.version" && return
	not_run "$1" "$(row "$2" 4)" "the kernel cannot be had"
	return 1
}

# not_run NAME SET WHY: a failure for the core set, unless KT_MISSING=skip says that the mirror may
# be out of reach and the emulator starved (continuous integration).
not_run() {
	if [ "$2" = core ] && [ "${KT_MISSING:-fail}" != skip ]; then
		fail "$1" "$3"
	else
		echo "SKIPPED $1: $3"
	fi
	missing=$((missing + 1))
}

# boot NAME KERNEL ROOT: run the guest and judge it. Returns 1 when there is nothing to judge.
boot() {
	local name=$1 status=0
	"$here/boot.sh" "$2" "$(row "$2" 2)" "$cache/$2/vmlinux" "$3" "$results/$name" || status=$?
	if [ $status -eq 4 ]; then
		not_run "$name" "$(row "$2" 4)" "the guest never reached its init, see $results/$name.console"
		return 1
	fi
	sed -i 's/\r//' "$results/$name.tap"
	ran+=("$name")
	[ $status -eq 0 ] || fail "$name" "qemu ended with $status: $(tail -n 1 "$results/$name.qemu")"
	"$here/judge.sh" "$results/$name.tap" '^# guest finished status 0' || fail "$name" "see above"
	"$here/splat.sh" "$results/$name.console" || fail "$name" "the kernel complained, see $results/$name.console"
}

run_kernel() {
	local name=$1 arch ktest busybox start=$SECONDS root=$work/$1
	arch=$(row "$name" 2)
	[ -n "$arch" ] || { fail "$name" "no such row in kernel-tests/kernels"; return; }
	fetch "$name" "$name" || return
	ktest=KTEST_$arch busybox=BUSYBOX_$arch
	[ -x "${!ktest}" ] || { not_run "$name" "$(row "$name" 4)" "no libraries to build its test program with"; return; }
	mkdir -p "$root/bin"
	cp "${!busybox}" "$root/bin/busybox"
	cp "${!ktest}" "$root/ktest"
	install -m 755 "$here/init.sh" "$root/init"
	boot "$name" "$name" "$root" && summary "$name" $((SECONDS - start))
}

# The whole agent beside containerd with a real container, cgroup v2 only.
run_container() {
	local start=$SECONDS root=$work/container
	ls "$cache/$container_kernel"/overlay.ko* >/dev/null 2>&1 || local -x KT_REFRESH=1
	fetch container $container_kernel || return
	"$here/container_root.sh" "$root" "$TIERCEL" "$cache/$container_kernel" ||
		{ not_run container core "containerd cannot be had"; return; }
	KT_MEM=1536 boot container $container_kernel "$root" && summary container $((SECONDS - start))
}

matrix() {
	local files=() name
	for name in "${ran[@]}"; do
		files+=("$results/$name.tap")
	done
	awk '
		FNR == 1 { kernels++; name = FILENAME; sub(/.*\//, "", name); sub(/\.tap$/, "", name); title[kernels] = name }
		/^(not )?ok / {
			mark = /^not/ ? "X" : /# SKIP/ ? "s" : "+"
			sub(/^(not )?ok [0-9]+ - /, ""); sub(/ # SKIP.*/, "")
			if (!($0 in seen)) { seen[$0] = 1; order[++cases] = $0 }
			cell[$0, kernels] = mark
			if (length($0) > width) width = length($0)
		}
		END {
			left = "%-" width "s"
			printf left, "case"
			for (k = 1; k <= kernels; k++) printf " %12s", title[k]
			print ""
			for (c = 1; c <= cases; c++) {
				printf left, order[c]
				for (k = 1; k <= kernels; k++)
					printf " %12s", ((order[c], k) in cell) ? cell[order[c], k] : "."
				print ""
			}
		}' "${files[@]}"
}

for name in "$@"; do
	case $name in
	host | container) "run_$name" ;;
	*) run_kernel "$name" ;;
	esac
done
if [ ${#ran[@]} -gt 0 ]; then
	matrix >"$results/matrix.txt"
	cat "$results/matrix.txt"
	echo "+ passed  X failed  s not possible on this kernel  . no such system call on this architecture"
fi
echo "${#ran[@]} kernels run, $bad problems, $missing kernels not run"
[ ${#ran[@]} -gt 0 ] || echo "NO KERNEL WAS RUN: nothing is tested"
[ $bad -eq 0 ]
