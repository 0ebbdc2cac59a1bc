#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Holds the size of the BPF programs: none over 100,000 verified instructions, none more than 10 %
# above what bpf/insns/ has for this architecture and kernel series (make insns writes it).
set -u
cd "$(dirname "$0")/../.."
csv=bpf/insns/$(uname -m)-$(uname -r | cut -d. -f1,2).csv
now=$(mktemp)
trap 'rm -f "$now"' EXIT

"${BUILD:-build}/bpf/tests/insns" >"$now"
status=$?
echo 1..2
if [ $status -eq 77 ]; then
	echo "ok 1 - no program near the verifier's bound # SKIP needs root and 5.16 with BTF"
	echo "ok 2 - no program has grown # SKIP needs root and 5.16 with BTF"
	exit 0
elif [ $status -ne 0 ]; then
	echo "not ok 1 - the programs load"
	exit 1
fi

awk -F, -v max=100000 'NR > 1 { n++ } NR > 1 && $2 > max { print "# " $1 ": " $2; bad = 1 }
	END { print (bad || n < 100 ? "not ok" : "ok") " 1 - none of " n " programs above " max }' "$now"
if [ ! -f "$csv" ]; then
	echo "ok 2 - no program has grown # SKIP no $csv: make insns on this kernel"
	exit 0
fi
awk -F, 'NR == FNR { old[$1] = $2; next }
	FNR > 1 && !($1 in old) { print "# " $1 ": new, " $2; next }
	FNR > 1 && $2 > old[$1] * 1.1 { print "# " $1 ": " old[$1] " -> " $2; bad = 1 }
	END { print (bad ? "not ok" : "ok") " 2 - no program has grown over 10 % (else: make insns)" }' \
	"$csv" "$now"
