#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Boots a guest by guest.sh, again when it never came as far as its init: until then nothing of ours has
# run, so that is the emulator's or the image's fault. The last try is with a fresh image. What happens
# from init on is the result, good or bad, and not repeated.
# usage: boot.sh KERNEL ARCH VMLINUX ROOT OUT       KT_GUEST, KT_FETCH: other programs, for the harness's test
# Leaves what guest.sh leaves, the console of a failed try in OUT.console.TRY. Exit code: that of guest.sh,
# or 4 when the init was never reached.
set -u
here=$(cd "$(dirname "$0")" && pwd)
kernel=$1 out=$5
shift
tries=3

# The mark of init on the console, or anything at all on the port for results.
init_reached() {
	grep -aq 'ktest: console is heard' "$out.console" || [ -s "$out.tap" ]
}

for ((try = 1; try <= tries; try++)); do
	status=0
	"${KT_GUEST:-$here/guest.sh}" "$@" || status=$?
	touch "$out.tap" "$out.console"
	init_reached && exit $status
	echo "$kernel: boot $try of $tries did not reach init, qemu ended with $status: $(tail -n 1 "$out.qemu")"
	cp "$out.console" "$out.console.$try"
	if [ $try -eq $((tries - 1)) ]; then
		KT_REFRESH=1 "${KT_FETCH:-$here/fetch.sh}" "$kernel" >/dev/null || echo "$kernel: no fresh image, the old one is tried again"
	fi
done
echo "$kernel: end of its console:"
tr -d '\r' <"$out.console" | tail -n 20 | sed 's/^/  | /'
exit 4
