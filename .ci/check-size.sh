#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Hard limits of size: 1000 lines per file, 100 lines per function, 100 columns per line but where a
# text or a single word is longer.
# Exceptions: "file" or "file:function" lines in .ci/check-size.allow.
set -u
cd "$(dirname "$0")/.."
allow=.ci/check-size.allow
bad=0
while read -r file; do
	lines=$(wc -l <"$file")
	if [ "$lines" -gt 1000 ] && ! grep -qxF "$file" $allow; then
		echo "$file: $lines lines"; bad=1
	fi
	while read -r name start len; do
		grep -qxF "$file:$name" $allow && continue
		echo "$file:$start: function $name has $len lines"; bad=1
	done < <(awk '
		/^[a-zA-Z_].*\(/ && !/;$/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
		/^\{/ { start = NR }
		/^\}/ && start { if (NR - start > 100) print name, start, NR - start; start = 0 }
	' "$file")
	while read -r at; do
		echo "$file:$at: more than 100 columns"; bad=1
	done < <(expand -t8 "$file" | awk 'length > 100 && !/"/ && NF > 1 { print FNR }')
done < <(git ls-files '*.c' '*.h' '*.cc')
[ $bad -eq 0 ] && echo "check-size: ok"
exit $bad
