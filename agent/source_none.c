/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for the live source in builds without the kernel side.
 */
#include "agent/source.h"

__attribute__((weak)) int source_ring_open(const struct source_ring_opts *opts,
					   struct buf *ret_error, struct source **ret)
{
	buf_add_c(ret_error, "this build has no live source");
	return -ENOSYS;
}
