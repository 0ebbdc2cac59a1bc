#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the test program on kernels and prints a matrix. Exit code 1 when a case fails, a kernel
# complains, a guest does not finish, or a kernel of the core set cannot be had.
# usage: run.sh RESULTS-DIR NAME...     with KTEST_amd64, KTEST_arm64, BUSYBOX_amd64, BUSYBOX_arm64
# NAME: a row of the table `kernels`, or "host" for the kernel we are on.
set -u
here=$(cd "$(dirname "$0")" && pwd)
results=$1
shift
mkdir -p "$results"
bad=0 missing=0
ran=()

row() {
	awk -v n="$1" -v f="$2" '$1 == n { print $f }' "$here/kernels"
}

fail() {
	echo "FAIL $1: $2"
	bad=$((bad + 1))
}

# Is the TAP complete and without failures? Prints what is wrong. `finished` is the last line of a guest.
judge() {
	local tap=$1 finished=$2 plan got
	plan=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$tap")
	got=$(grep -acE '^(not )?ok ' "$tap")
	grep -a '^Bail out!' "$tap" && return 1
	grep -aA 1 '^not ok' "$tap"
	if [ "${plan:-0}" -eq 0 ] || [ "$plan" != "$got" ]; then
		echo "incomplete: plan ${plan:-missing}, $got results"
		return 1
	fi
	[ -z "$finished" ] || grep -aq "$finished" "$tap" || { echo "no closing line"; return 1; }
	! grep -aq '^not ok' "$tap"
}

run_host() {
	local start=$SECONDS
	"$KTEST_amd64" >"$results/host.tap"
	ran+=(host)
	uname -r >"$results/host.version"
	judge "$results/host.tap" "" || fail host "see above"
	summary host $((SECONDS - start))
}

summary() {
	printf '%-13s %-32s %4d ok %2d failed %2d skipped  %3ds  attach %s\n' "$1" \
		"$(cat "$results/$1.version")" "$(grep -a '^ok' "$results/$1.tap" | grep -cv '# SKIP')" \
		"$(grep -ac '^not ok' "$results/$1.tap")" "$(grep -ac '^ok.*# SKIP' "$results/$1.tap")" "$2" \
		"$(sed -n 's/.*sensor attached in \(.*\)/\1/p' "$results/$1.tap")"
}

run_kernel() {
	local name=$1 arch start=$SECONDS ktest busybox status
	arch=$(row "$name" 2)
	[ -n "$arch" ] || { fail "$name" "no such row in kernel-tests/kernels"; return; }
	rm -f "$results/$name".*
	if ! "$here/fetch.sh" "$name" >"$results/$name.version"; then
		missing=$((missing + 1))
		if [ "$(row "$name" 4)" = core ]; then
			fail "$name" "the kernel cannot be had"
		else
			echo "MISSING $name"
		fi
		return
	fi
	ktest=KTEST_$arch busybox=BUSYBOX_$arch
	status=0
	"$here/guest.sh" "$arch" "${KT_CACHE:-build/kernels}/$name/vmlinux" "${!busybox}" "${!ktest}" \
		"$results/$name" || status=$?
	touch "$results/$name.tap" "$results/$name.console"
	sed -i 's/\r//' "$results/$name.tap"
	ran+=("$name")
	[ $status -eq 0 ] || fail "$name" "qemu ended with $status: $(tail -n 1 "$results/$name.qemu")"
	judge "$results/$name.tap" '^# guest finished status 0' || fail "$name" "see above"
	"$here/splat.sh" "$results/$name.console" || fail "$name" "the kernel complained, see $results/$name.console"
	summary "$name" $((SECONDS - start))
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
		}
		END {
			printf "%-24s", "case"
			for (k = 1; k <= kernels; k++) printf " %12s", title[k]
			print ""
			for (c = 1; c <= cases; c++) {
				printf "%-24s", order[c]
				for (k = 1; k <= kernels; k++)
					printf " %12s", ((order[c], k) in cell) ? cell[order[c], k] : "."
				print ""
			}
		}' "${files[@]}"
}

for name in "$@"; do
	if [ "$name" = host ]; then run_host; else run_kernel "$name"; fi
done
if [ ${#ran[@]} -gt 0 ]; then
	matrix >"$results/matrix.txt"
	cat "$results/matrix.txt"
	echo "+ passed  X failed  s not possible on this kernel  . no such system call on this architecture"
fi
echo "${#ran[@]} kernels run, $bad problems, $missing kernels not to be had"
[ $bad -eq 0 ] && [ ${#ran[@]} -gt 0 ]
