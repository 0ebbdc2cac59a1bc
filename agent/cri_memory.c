/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of containers by last use, see cri_memory.h. */
#include "agent/cri_memory.h"

struct cri_known {
	struct cri_known *next, *prev;
	struct str id, json;		/* behind the struct */
};

static void unlink_known(struct cri_memory *m, struct cri_known *k)
{
	*(k->prev ? &k->prev->next : &m->first) = k->next;
	*(k->next ? &k->next->prev : &m->last) = k->prev;
}

static void put_first(struct cri_memory *m, struct cri_known *k)
{
	k->prev = NULL;
	k->next = m->first;
	*(m->first ? &m->first->prev : &m->last) = k;
	m->first = k;
}

static void forget(struct cri_memory *m, struct cri_known *k)
{
	unlink_known(m, k);
	strmap_remove(&m->by_id, k->id);
	m->count--;
	m->bytes -= sizeof(*k) + k->id.len + k->json.len;
	free(k);
}

void cri_memory_done(struct cri_memory *m)
{
	while (m->last)
		forget(m, m->last);
	strmap_done(&m->by_id);
}

bool cri_memory_have(const struct cri_memory *m, struct str id)
{
	return strmap_get(&m->by_id, id);
}

struct str cri_memory_get(struct cri_memory *m, struct str id)
{
	struct cri_known *k = strmap_get(&m->by_id, id);

	if (!k)
		return STR_NONE;
	unlink_known(m, k);
	put_first(m, k);
	return k->json;
}

void cri_memory_put(struct cri_memory *m, struct str id, struct str json, uint64_t max,
		    uint64_t max_bytes, uint64_t *ret_forgotten)
{
	struct cri_known *k = strmap_get(&m->by_id, id);
	uint64_t bytes = sizeof(*k) + id.len + json.len, n = 0;

	if (k)
		forget(m, k);
	for (; m->last && (m->count >= max || m->bytes + bytes > max_bytes); n++)
		forget(m, m->last);
	*ret_forgotten = n;
	k = malloc(bytes);
	if (!k)
		return;
	*k = (struct cri_known){ .id = { (char *)(k + 1), id.len },
				 .json = { (char *)(k + 1) + id.len, json.len } };
	memcpy(k + 1, id.p, id.len);
	memcpy((char *)(k + 1) + id.len, json.p, json.len);
	if (strmap_put(&m->by_id, k->id, k) < 0) {
		free(k);
		return;
	}
	m->count++;
	m->bytes += bytes;
	put_first(m, k);
}
