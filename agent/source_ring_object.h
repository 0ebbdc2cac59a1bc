/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the objects of bpf/ fits the kernel: what differs most between kernels was decided by
 * the compiler. Included by those who open them; the bytes are in our program file.
 */
#ifndef TIERCEL_SOURCE_RING_OBJECT_H
#define TIERCEL_SOURCE_RING_OBJECT_H

#include "agent/source_ring_btf.h"
#include "engine/event/ring.h"

#include "bpf/sensor.skel.h"
#include "bpf/sensor_plain.skel.h"
#include "bpf/sensor_preempt.skel.h"
#include "bpf/snapshot.skel.h"
#include "bpf/snapshot_plain.skel.h"

static inline const void *source_ring_object_sensor(const struct source_ring_btf *btf,
						    size_t *ret_size)
{
	if (!source_ring_btf_has_functions(btf))
		return sensor_plain__elf_bytes(ret_size);
	return source_ring_btf_is_preemptible(btf) ? sensor_preempt__elf_bytes(ret_size)
						   : sensor__elf_bytes(ret_size);
}

static inline const void *source_ring_object_snapshot(const struct source_ring_btf *btf,
						      size_t *ret_size)
{
	return source_ring_btf_has_functions(btf) ? snapshot__elf_bytes(ret_size)
						  : snapshot_plain__elf_bytes(ret_size);
}

#endif
