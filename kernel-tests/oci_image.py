#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes an OCI image with busybox as a tar, without registry or daemon. usage: oci_image.py BUSYBOX OUT [COMMAND...]"""
import gzip
import hashlib
import io
import json
import sys
import tarfile

REF = "localhost/ktest/busybox:1"
MEDIA = "application/vnd.oci.image."


def add(tar, name, data=b"", mode=0o755, kind=tarfile.REGTYPE, target=""):
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.type, info.linkname = len(data), mode, kind, target
    tar.addfile(info, io.BytesIO(data))


def layer(busybox):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in ("bin", "tmp", "etc", "proc", "sys", "dev"):
            add(tar, folder, kind=tarfile.DIRTYPE)
        add(tar, "bin/busybox", busybox)
        for applet in ("sh", "cat", "cp"):
            add(tar, "bin/" + applet, kind=tarfile.SYMTYPE, target="busybox")
    return out.getvalue()


def main():
    with open(sys.argv[1], "rb") as f:
        plain = layer(f.read())
    blobs = {}

    def blob(data, media):
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {"mediaType": media, "digest": "sha256:" + digest, "size": len(data)}

    packed = blob(gzip.compress(plain, 1, mtime=0), MEDIA + "layer.v1.tar+gzip")
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/bin"], "Cmd": sys.argv[3:] or ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(plain).hexdigest()]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MEDIA + "manifest.v1+json",
        "config": blob(json.dumps(config).encode(), MEDIA + "config.v1+json"),
        "layers": [packed],
    }
    entry = blob(json.dumps(manifest).encode(), MEDIA + "manifest.v1+json")
    entry["annotations"] = {"io.containerd.image.name": REF, "org.opencontainers.image.ref.name": "1"}
    index = {"schemaVersion": 2, "manifests": [entry]}
    with tarfile.open(sys.argv[2], "w") as tar:
        add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}', 0o644)
        add(tar, "index.json", json.dumps(index).encode(), 0o644)
        for digest, data in blobs.items():
            add(tar, "blobs/sha256/" + digest, data, 0o644)


main()
