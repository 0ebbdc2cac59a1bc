#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the image of the sensor and runs the end-to-end test on it, see e2e.py. Prints TAP; skips, visibly,
# where something that it needs cannot be had. usage: BUILD=build e2e.sh
set -u
cd "$(dirname "$0")/../../.."
export BUILD=${BUILD:-build}
skip() {
	echo "1..1"
	echo "ok 1 - end to end # SKIP $1"
	exit 0
}

[ "$(id -u)" = 0 ] || skip "needs root"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
.ci/deps.sh agent/deploy/packages >"$log" 2>&1 || skip "packages cannot be installed: $(tail -n 1 "$log")"
# Where npm comes with nodejs, Debian's package of it is not wanted.
command -v npm >/dev/null && command -v node >/dev/null ||
	.ci/deps.sh agent/tests/e2e/packages >"$log" 2>&1 || skip "packages cannot be installed: $(tail -n 1 "$log")"
if ! image=$(agent/deploy/image.sh "$BUILD/tiercel" "$BUILD" 2>"$log"); then
	echo "1..1"
	echo "not ok 1 - the image is built"
	sed 's/^/# /' "$log"
	exit 1
fi
exec agent/tests/e2e/e2e.py "$image"
