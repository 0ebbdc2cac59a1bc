#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Takes the uncompressed kernel out of an x86 bzImage, so that qemu can start it without the slow
decompressor. usage: extract_vmlinux.py BZIMAGE OUT"""
import struct
import subprocess
import sys

SETUP_SECTS = 0x1F1  # sectors of real-mode code; 0 means 4
PAYLOAD = 0x248  # offset and length of the payload, relative to the protected-mode code
SECTOR = 512
TOOLS = (
    (b"\x28\xb5\x2f\xfd", ["zstd", "-dcq"]),
    (b"\xfd7zXZ", ["xz", "-dcq"]),
    (b"\x1f\x8b", ["gzip", "-dcq"]),
    (b"\x02\x21\x4c\x18", ["lz4", "-dcq"]),
)


def main():
    with open(sys.argv[1], "rb") as f:
        image = f.read()
    if image[0x202:0x206] != b"HdrS":
        sys.exit("%s: not a bzImage" % sys.argv[1])
    offset, length = struct.unpack_from("<II", image, PAYLOAD)
    start = ((image[SETUP_SECTS] or 4) + 1) * SECTOR + offset
    payload = image[start : start + length]
    for magic, tool in TOOLS:
        if payload.startswith(magic):
            break
    else:
        sys.exit("%s: unknown compression %s" % (sys.argv[1], payload[:6].hex()))
    # The payload ends with its unpacked size, which the tools take for garbage: output decides.
    kernel = subprocess.run(tool, input=payload, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    (size,) = struct.unpack("<I", payload[-4:])
    if not kernel.startswith(b"\x7fELF") or len(kernel) != size:
        sys.exit("%s: unpacked %d bytes, expected %d" % (sys.argv[1], len(kernel), size))
    with open(sys.argv[2], "wb") as f:
        f.write(kernel)


main()
