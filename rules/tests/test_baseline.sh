#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Our rules stay silent on recordings of ordinary activity: at most one alert of a rule per hour of
# event time, which is none in traces of seconds. Prints TAP.
set -u
tiercel=${BUILD:-build}/tiercel
corpus=${TIERCEL_SHARED:-../shared}/corpus
traces=("$corpus/behaviours/noise.scap.gz" "$corpus/scap/libs-curl_google.scap" "$corpus/scap/libs-sample.scap"
	"$corpus/scap/falco-cat_write.scap" "$corpus/scap/falco-connect_localhost.scap"
	"$corpus/scap/falco-run_as_user_0_container.scap")
out=$(mktemp)
trap 'rm -f "$out"' EXIT
n=0

# baseline NAME OPTION...
baseline() {
	local name=$1
	shift
	n=$((n + 1))
	if [ ! -e "${traces[0]}" ]; then
		echo "ok $n - $name # SKIP no shared reference data"
	elif "$tiercel" test --baseline --bundle rules "$@" --budget 1 "${traces[@]}" >"$out" 2>&1; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		sed 's/^/# /' "$out"
	fi
}

baseline "any node"
baseline "development" --node environment=development
baseline "staging" --node environment=staging
# The others are sessions at a terminal: production has an alert for those.
traces=("${traces[0]}")
baseline "production" --node environment=production
echo "1..$n"
