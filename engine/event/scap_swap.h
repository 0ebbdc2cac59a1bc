/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Captures of big-endian machines: events are turned into the byte order of the format in place.
 */
#ifndef TIERCEL_SCAP_SWAP_H
#define TIERCEL_SCAP_SWAP_H

#include "engine/base/base.h"

/* Reverse `size` bytes if that is the size of an integer wider than one byte. */
void scap_swap(uint8_t *p, size_t size);
/* An event with nparams in its header. 0, or -EBADMSG when its sizes do not fit into `len`. */
int scap_swap_event(uint8_t *raw, uint32_t len);

#endif
