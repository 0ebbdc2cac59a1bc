#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Enforces the direction of the modules: an include scan of engine/, agent/ and bpf/, and an nm check
# that libtiercel.a needs nothing the engine must not touch. Prints every violation.
set -u
cd "$(dirname "$0")/.."
lib=${1:-build/libtiercel.a}
bad=0

# module | modules of engine/ it may include, besides itself
allowed() {
	case $1 in
	base) echo "" ;;
	event) echo "base" ;;
	state) echo "event base" ;;
	field) echo "state event base" ;;
	rule) echo "field state event base" ;;	# state comes with field.h only, see below
	match) echo "rule field state event base" ;;
	out) echo "field state event base" ;;
	esac
}

for module in base event state field rule match out; do
	for file in engine/$module/*.[ch] engine/$module/*.cc; do
		[ -f "$file" ] || continue
		while read -r inc; do
			case " $module $(allowed $module) " in
			*" ${inc%%/*} "*) ;;
			*) echo "$file includes engine/$inc"; bad=1 ;;
			esac
		done < <(sed -n 's|^#include "engine/\([^"]*/[^"]*\)".*|\1|p' "$file")
		if grep -qE '#include "(agent|bpf|bench|rules)/' "$file"; then
			echo "$file includes a file of another room"; bad=1
		fi
	done
done
grep -nE '#include "engine/(state|match|out)/' engine/rule/*.[ch] && bad=1
grep -nE '#include "engine/rule/yaml' engine/match/*.[ch] && bad=1
grep -lE '#include <yaml.h>' -r engine agent | grep -v '^engine/rule/yaml.c$' && bad=1
grep -lE '#include <(bpf/|.*skel)' -r agent | grep -vE '^agent/(tests/test_)?(source_ring|source_counters|snapshot_iter)' && bad=1
grep -nE '#include "engine/[^/"]+/[^"]+"' agent/*.[ch] | grep -vE 'engine/event/(ring|scap_input).h' && bad=1
grep -nE '#include "(engine|agent)/' bpf/*.[ch] 2>/dev/null | grep -vE 'engine/event/(event_type.h|ring.h|.*\.def)' && bad=1

# Symbols the library may not need: kernel interfaces, threads, sockets, clocks, files, output.
if [ -f "$lib" ]; then
	forbidden='bpf_|pthread_|(socket|connect|bind|listen|accept|getaddrinfo|gethostname)$|(clock_gettime|gettimeofday|time|localtime|localtime_r|sleep|nanosleep)$|(open|open64|fopen|fopen64|opendir|read|write|printf|puts|putchar|perror|exit|_exit|abort|getenv|system)$'
	found=$(nm -u --format=posix "$lib" 2>/dev/null | awk '{print $1}' | sort -u | grep -E "^($forbidden)")
	# regex.cc: what libstdc++ templates pull in is the shim's business only
	if [ -n "$found" ]; then
		echo "libtiercel.a needs: $found"; bad=1
	fi
fi
[ $bad -eq 0 ] && echo "check-deps: ok"
exit $bad
