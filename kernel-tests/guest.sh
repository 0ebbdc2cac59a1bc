#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Boots one kernel with the folder ROOT as initramfs (its /init is PID 1) and leaves OUT.tap (TAP),
# OUT.console and OUT.qemu (what the emulator said). Exit code 0: the guest ended by itself in time,
# whatever the tests say; a kernel that panics ends by itself, too.
# usage: guest.sh ARCH VMLINUX ROOT OUT     KT_LIMIT=seconds KT_BOOT_LIMIT=seconds KT_MEM=MiB KT_APPEND=...
set -eu
arch=$1 kernel=$2 root=$3 out=$4

rm -f "$out.tap" "$out.console" "$out.qemu"
(cd "$root" && find . | cpio -o -H newc --quiet -R 0:0 | gzip -1) >"$out.initramfs"
# One thread for both processors: with two, this emulator runs code that the kernel has patched meanwhile,
# and a kernel under load then panics now and then ("Oops: int3").
common=(-accel tcg,thread=single -m "${KT_MEM:-512}" -smp 2 -nographic -no-reboot -nodefaults
	-kernel "$kernel" -initrd "$out.initramfs")
# Level 5 shows warnings; mitigations only slow the emulation down. The early console shows a panic from
# before the real one is there; the check of the timer panics when the emulator gets no time.
append="loglevel=5 panic=-1 mitigations=off lsm=lockdown,capability,yama,bpf ${KT_APPEND:-}"
case $arch in
amd64)
	qemu=(qemu-system-x86_64 -cpu max -serial "file:$out.console" -serial "file:$out.tap")
	append="console=ttyS0 earlyprintk=ttyS0 no_timer_check ktest.results=ttyS1 $append"
	;;
arm64)	# One UART on the board; the second port is on PCI. Pointer authentication is slow to emulate.
	qemu=(qemu-system-aarch64 -M virt -cpu neoverse-n1 -serial "file:$out.console"
		-chardev "file,id=tap,path=$out.tap" -device pci-serial,chardev=tap)
	append="console=ttyAMA0 earlycon ktest.results=ttyS0 $append"
	;;
*)
	echo "no emulator for $arch" >&2
	exit 2
	;;
esac
# qemu does not end by itself when the guest hangs.
timeout -k 5 "${KT_LIMIT:-480}" "${qemu[@]}" "${common[@]}" -append "$append" </dev/null >"$out.qemu" 2>&1 &
emulator=$!
trap 'kill $emulator 2>/dev/null || true' EXIT

booting() {
	kill -0 $emulator 2>/dev/null && ! grep -aqs 'ktest: console is heard' "$out.console"
}

end=$((SECONDS + ${KT_BOOT_LIMIT:-180}))
while booting; do
	if [ $SECONDS -ge $end ]; then
		echo "init not reached within ${KT_BOOT_LIMIT:-180} s" >>"$out.qemu"
		kill $emulator
		break
	fi
	sleep 0.2
done
wait $emulator
