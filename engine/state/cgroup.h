/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Container ids from cgroup paths: containerd, CRI-O, docker, podman, lxc, ... with the systemd and
 * cgroupfs drivers, v1 and v2 (state contract, section 7). Pure text functions.
 */
#ifndef TIERCEL_CGROUP_H
#define TIERCEL_CGROUP_H

#include "engine/base/str.h"

struct cgroup_match {
	const char *type;	/* "podman", "docker", "cri", "containerd", "lxc", ... */
	struct str full_id;	/* view into the input */
	struct str id;		/* the short form that container.id prints */
};

/* `cgroups`: NUL-separated "subsys=path". False: host. */
bool cgroup_container(struct str cgroups, struct cgroup_match *ret);

#endif
