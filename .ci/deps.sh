#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what .ci/packages, or the list given, names and is missing. Silent when there is nothing to do.
# usage: deps.sh [LIST]
set -eu
list=${1:-$(dirname "$0")/packages}
missing=
for p in $(sed 's/#.*//' "$list"); do
	dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "missing packages:$missing" >&2
	echo "run as root, or: sudo apt-get install$missing" >&2
	exit 1
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null
