#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds libFuzzer targets with clang, ASan and UBSan and runs each for some seconds from its seeds.
# New inputs stay in build-fuzz/corpus/TARGET, findings in build-fuzz/findings. usage: fuzz.sh SECONDS TARGET...
set -eu
cd "$(dirname "$0")/.."
seconds=$1
shift
san='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all'
make --no-print-directory -j2 BUILD=build-fuzz CC=clang-14 CXX=clang++-14 OPT='-O1 -g' SAN="$san" \
	EXTRA_CPPFLAGS='-DFUZZING -Wno-unknown-warning-option' build-fuzz/libtiercel.a build-fuzz/agent/libgrpc.a
mkdir -p build-fuzz/findings
for target in "$@"; do
	name=${target#fuzz_}
	target=fuzz_$name
	corpus=build-fuzz/corpus/$target
	room=engine libs=build-fuzz/libtiercel.a
	if [ -e "agent/tests/$target.c" ]; then
		room=agent libs="build-fuzz/agent/libgrpc.a $libs -lnghttp2 -lssl -lcrypto -lprotobuf-c -lpthread"
	fi
	mkdir -p "$corpus"
	clang-14 -std=gnu11 -O1 -g -D_GNU_SOURCE -DFUZZING -I. -Ibuild-fuzz $san \
		-c -o "build-fuzz/$target.o" "$room/tests/$target.c"
	clang++-14 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o "build-fuzz/$target" \
		"build-fuzz/$target.o" $libs -lyaml -lz -lre2 -lm
	echo "== $target, $seconds seconds"
	"build-fuzz/$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
		-artifact_prefix="build-fuzz/findings/$target-" "$corpus" "$room/tests/seeds/$name" 2>&1 |
		grep -E '^(==|SUMMARY|stat::|.*ERROR|Test unit)' || true
	if ls build-fuzz/findings/"$target"-* >/dev/null 2>&1; then
		echo "findings in build-fuzz/findings"
		exit 1
	fi
done
