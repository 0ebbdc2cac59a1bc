#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A file that is opened through io_uring, without a system call of its own, gives the same alert."""
import ctypes
import mmap
import os
import struct

import livelib

NR_SETUP, NR_ENTER = 425, 426   # the same on every architecture
PARAMS = struct.Struct("=10I 10I 10I")
SQ_OFF, CQ_OFF = 10, 20         # where the offsets of the two queues begin in it
OFF_SQES = 0x10000000
OP_OPENAT, AT_FDCWD, GETEVENTS = 18, -100, 1
libc = ctypes.CDLL(None, use_errno=True)
RULES = """
- rule: opened
  desc: a marked file is opened
  condition: evt.type = openat and fd.name endswith /tiercel-uring-needle
  output: "%evt.type %fd.name %proc.pid %proc.name"
  priority: NOTICE
"""


def setup():
    """fd of a ring with its parameters, or why there is none."""
    params = ctypes.create_string_buffer(PARAMS.size)
    fd = libc.syscall(NR_SETUP, 1, params)
    if fd < 0:
        return None, os.strerror(ctypes.get_errno())
    return fd, PARAMS.unpack(params.raw)


def open_by_ring(fd, params, path):
    """fd of the file that the kernel opened for us, or -errno."""
    tail, mask, array = (params[SQ_OFF + i] for i in (1, 2, 6))
    cqes = params[CQ_OFF + 5]
    ring = mmap.mmap(fd, max(array + 4 * params[0], cqes + 16 * params[1]), offset=0)
    sqes = mmap.mmap(fd, 64 * params[0], offset=OFF_SQES)
    name = ctypes.create_string_buffer(path.encode())
    sqes[:64] = struct.pack("=BBHiQQIIQ24x", OP_OPENAT, 0, 0, AT_FDCWD, 0,
                            ctypes.addressof(name), 0, os.O_RDONLY, 1)
    ring[array:array + 4] = struct.pack("=I", 0)
    ring[tail:tail + 4] = struct.pack("=I", 1)
    if libc.syscall(NR_ENTER, fd, 1, 1, GETEVENTS, None, ctypes.c_size_t(0)) != 1:
        return -ctypes.get_errno()
    return struct.unpack_from("=i", ring, cqes + 8)[0]


def main():
    livelib.require(community=False, cgroup=False)
    ring, params = setup()
    if ring is None:
        livelib.skip("no io_uring: " + params)
    with livelib.Box() as work:
        rules, needle = (os.path.join(work, n) for n in ("rules.yaml", "tiercel-uring-needle"))
        livelib.write(rules, RULES)
        os.mknod(needle)
        sensor = livelib.Sensor(work, "run", "-r", rules)
        ready = sensor.wait_ready()
        # What the kernel can show is told right behind; one before 5.19 has no such hook.
        seen = ready and sensor.wait_message("coverage: ") and \
            "io_uring_complete" in sensor.messages()
        opened = open_by_ring(ring, params, needle) if ready else -1
        alert = sensor.wait_alert(lambda a: a["rule"] == "opened") if seen else None
        code = sensor.stop()
        if ready and not seen:
            livelib.skip("this kernel does not tell what io_uring opens")
        got = alert and alert["output_fields"]
        want = {"evt.type": "openat", "fd.name": needle, "proc.pid": os.getpid()}
        livelib.report([
            ("the sensor starts and ends", None if ready and code == 0 else sensor.messages()),
            ("the kernel opens the file", None if opened >= 0 else os.strerror(-opened)),
            ("the alert has call, file and process",
             None if got and want.items() <= got.items() else "%s\n%s" % (got, sensor.messages()))])


main()
