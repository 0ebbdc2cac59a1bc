#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# PID 1 of a guest. Kernel messages go to the console, which is the first serial port; TAP goes to the
# second one. Runs ktest and switches the machine off.
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup /sys/fs/cgroup
ifconfig lo 127.0.0.1 up
results=/dev/$(sed -n 's/.*ktest.results=\([a-zA-Z0-9]*\).*/\1/p' /proc/cmdline)
stty -F "$results" -opost
# Proof that warnings of the kernel would be seen by the splat check.
echo '<4>ktest: console is heard' >/dev/kmsg
{
	echo "# guest $(uname -r) up at $(cut -d' ' -f1 /proc/uptime) s"
	/ktest
	echo "# guest finished status $? at $(cut -d' ' -f1 /proc/uptime) s"
} >"$results" 2>&1
echo '<4>ktest: end of tests' >/dev/kmsg
sync
poweroff -f
