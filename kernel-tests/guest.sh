#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Boots one kernel with the folder ROOT as initramfs (its /init is PID 1) and leaves OUT.tap (TAP) and
# OUT.console. Exit code 0: booted and switched off in time, whatever the tests say.
# usage: guest.sh ARCH VMLINUX ROOT OUT     KT_LIMIT=seconds KT_MEM=MiB KT_APPEND=...
set -eu
arch=$1 kernel=$2 root=$3 out=$4

rm -f "$out.tap" "$out.console"
(cd "$root" && find . | cpio -o -H newc --quiet -R 0:0 | gzip -1) >"$out.initramfs"
common=(-accel tcg,thread=multi -m "${KT_MEM:-512}" -smp 2 -nographic -no-reboot -nodefaults
	-kernel "$kernel" -initrd "$out.initramfs")
# Level 5 shows warnings; mitigations only slow the emulation down.
append="loglevel=5 panic=-1 mitigations=off lsm=lockdown,capability,yama,bpf ${KT_APPEND:-}"
case $arch in
amd64)
	qemu=(qemu-system-x86_64 -cpu max -serial "file:$out.console" -serial "file:$out.tap")
	append="console=ttyS0 ktest.results=ttyS1 $append"
	;;
arm64)	# One UART on the board; the second port is on PCI. Pointer authentication is slow to emulate.
	qemu=(qemu-system-aarch64 -M virt -cpu neoverse-n1 -serial "file:$out.console"
		-chardev "file,id=tap,path=$out.tap" -device pci-serial,chardev=tap)
	append="console=ttyAMA0 ktest.results=ttyS0 $append"
	;;
*)
	echo "no emulator for $arch" >&2
	exit 2
	;;
esac
# qemu does not end by itself when the guest hangs.
timeout "${KT_LIMIT:-240}" "${qemu[@]}" "${common[@]}" -append "$append" </dev/null >"$out.qemu" 2>&1
