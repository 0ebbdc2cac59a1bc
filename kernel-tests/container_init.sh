#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# PID 1 of the container guest, twice: from the initramfs it moves everything to a tmpfs, because
# containers cannot pivot_root out of an initramfs; there it starts the sensor, containerd and one
# container, and checks what the sensor says about it. TAP on the second serial port.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
if [ ! -e /moved ]; then
	/bin/busybox --install -s /bin
	mkdir -p /proc /sys /dev /tmp /new
	mount -t proc proc /proc
	insmod /overlay.ko
	mount -t tmpfs -o size=80% root /new
	for d in bin etc lib lib64 usr init image.tar rules.yaml containerd.toml; do cp -a "/$d" /new/; done
	mkdir -p /new/proc /new/sys /new/dev /new/tmp /new/run /new/var /new/root
	touch /new/moved
	umount /proc
	exec switch_root /new /init
fi

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount -t tmpfs run /run
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup /sys/fs/cgroup
for c in $(cat /sys/fs/cgroup/cgroup.controllers); do echo "+$c" >/sys/fs/cgroup/cgroup.subtree_control; done
ifconfig lo 127.0.0.1 up
stty -F /dev/ttyS1 -opost
echo '<4>ktest: console is heard' >/dev/kmsg
exec >/dev/ttyS1 2>&1

number=0 failed=0
result() {	# STATUS NAME
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then echo "ok $number - $2"; else echo "not ok $number - $2"; failed=1; fi
}

# wait_for SECONDS COMMAND...
wait_for() {
	end=$(($(cut -d. -f1 /proc/uptime) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(cut -d. -f1 /proc/uptime)" -lt $end ] || return 1
		sleep 0.3
	done
}

echo "# guest $(uname -r), cgroup v2 with $(cat /sys/fs/cgroup/cgroup.controllers)"
tiercel run -r /rules.yaml >/run/alerts 2>/run/tiercel.log &
sensor=$!
wait_for 120 grep -qi 'sensor\|running\|watching\|attached' /run/tiercel.log
containerd --config /containerd.toml >/run/containerd.log 2>&1 &
wait_for 120 ctr -a /run/ktest/containerd.sock version
result $? "containerd runs"
id=$(cat /usr/share/ktest/container-id)
ctr -a /run/ktest/containerd.sock -n k8s.io image import /image.tar
ctr -a /run/ktest/containerd.sock -n k8s.io run --rm localhost/ktest/busybox:1 "$id" \
	/bin/sh -c 'cat /proc/self/cgroup; cp /bin/busybox /tmp/copied; /tmp/copied true; exit 7'
[ $? -eq 7 ]
result $? "a container runs"
short=$(echo "$id" | cut -c1-12)
wait_for 60 grep -q "KT exec id=$short exe=/tmp/copied" /run/alerts
result $? "its processes have its container id"
grep "KT exec id=$short exe=/tmp/copied" /run/alerts | grep -q 'upper=true lower=false'
result $? "a program written in the container is seen in the upper layer"
grep "KT exec id=$short exe=/bin/busybox" /run/alerts | grep -q 'upper=false lower=true'
result $? "a program of the image is seen in a lower layer"
grep "KT exec id=$short" /run/alerts | grep -q ' vpid=1 '
result $? "pids inside the container"
! grep 'KT exec id=host' /run/alerts | grep -q 'exe=/tmp/copied'
result $? "nothing of the container is taken for the host"
kill $sensor
wait $sensor
result $? "the sensor ends in order"
echo "1..$number"
if [ $failed -ne 0 ]; then
	sed 's/^/# alert: /' /run/alerts | tail -n 20
	sed 's/^/# sensor: /' /run/tiercel.log | tail -n 10
	sed 's/^/# containerd: /' /run/containerd.log | grep -i error | tail -n 5
fi
echo "# guest finished status $failed at $(cut -d' ' -f1 /proc/uptime) s"
echo '<4>ktest: end of tests' >/dev/kmsg
sync
poweroff -f
