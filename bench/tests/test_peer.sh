#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bench/peer.py: equal alerts give figures, different ones fail and are shown. Prints TAP.
set -u
build=${BUILD:-build}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"$build/bench/gen_trace" -n 5000 -a 500 -o "$tmp/t.scap" || exit 1
cat >"$tmp/r.yaml" <<'R'
- rule: shadow
  desc: d
  priority: NOTICE
  output: read %fd.name
  condition: evt.type = openat and fd.name = /etc/shadow
R
peer() {
	timeout 120 bench/peer.py --build "$build" --pairs 2 --rules "$tmp/r.yaml" --trace "$tmp/t.scap" \
		--peer "$1" >"$tmp/out" 2>&1
}

if peer "$build/tiercel replay -q {rules} {trace}" && grep -q "^alerts: [1-9]" "$tmp/out" &&
	grep -q "^peer/ours: median" "$tmp/out"; then
	echo "ok 1 - the same alerts"
else
	echo "not ok 1 - the same alerts"
	sed 's/^/# /' "$tmp/out"
fi
if ! peer "$build/tiercel replay -q {rules} {trace} | tail -n +2" && grep -q "the alerts differ" "$tmp/out" &&
	grep -q "^only ours: .* shadow" "$tmp/out"; then
	echo "ok 2 - a missing alert fails"
else
	echo "not ok 2 - a missing alert fails"
	sed 's/^/# /' "$tmp/out"
fi
echo "1..2"
