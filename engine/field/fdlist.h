/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The FDLIST parameter of poll: u16 count, then fd and events of each entry.
 */
#ifndef TIERCEL_FDLIST_H
#define TIERCEL_FDLIST_H

#include "engine/base/str.h"

#define FDLIST_ENTRY_SIZE 10

struct fdlist_iter {
	struct str rest;
	unsigned left;
};

static inline struct fdlist_iter fdlist_start(struct str param)
{
	if (param.len < 2)
		return (struct fdlist_iter){ .left = 0 };
	return (struct fdlist_iter){ str_sub(param, 2, param.len), load_u16(param.p) };
}

static inline bool fdlist_next(struct fdlist_iter *it, int64_t *ret_fd, uint16_t *ret_events)
{
	if (it->left == 0 || it->rest.len < FDLIST_ENTRY_SIZE)
		return false;
	*ret_fd = (int64_t)load_u64(it->rest.p);
	*ret_events = load_u16(it->rest.p + 8);
	it->rest = str_sub(it->rest, FDLIST_ENTRY_SIZE, it->rest.len);
	it->left--;
	return true;
}

#endif
