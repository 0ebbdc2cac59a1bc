/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks as ranges, see net_index.h. A sweep over the beginnings and ends of all networks:
 * between two of them the set of checks is the same.
 */
#include "engine/match/net_index.h"
#include "engine/base/map.h"
#include "engine/match/mask.h"

#define V4_BITS 32
#define V6_BITS 128

typedef unsigned __int128 address;

/* A network begins or ends here. */
struct edge {
	address at;
	uint32_t bit;
	bool begins;
};

struct sweep {
	struct arena *arena;
	struct edge *edges;
	uint32_t nedges;
	uint32_t *open;		/* networks around the place, by check */
	uint64_t *inside;	/* set of the checks with any */
	uint32_t words;
	/* Rows that are known: open addressing, row number, 0: free. The empty one is not in it. */
	uint32_t *table, mask;
	struct net_row *rows;
	uint32_t nrows, rows_cap;
	uint32_t *bits;
	uint32_t nbits, bits_cap;
};

static address read_address(const uint8_t *p, unsigned bytes)
{
	address v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | p[i];
	return v;
}

static address below(unsigned bits)
{
	return bits == V6_BITS ? ~(address)0 : ((address)1 << bits) - 1;
}

/*
 * Both edges of the networks of one family. Masks that are longer than the address match nothing.
 */
static void find_edges(struct sweep *s, const struct net_key *keys, uint32_t n, bool v6)
{
	unsigned width = v6 ? V6_BITS : V4_BITS;

	s->nedges = 0;
	for (uint32_t i = 0; i < n; i++) {
		address first, last, rest;

		if (keys[i].ip.v6 != v6 || keys[i].bits > width)
			continue;
		rest = below(width - keys[i].bits);
		first = read_address(keys[i].ip.addr, width / 8) & ~rest;
		last = first | rest;
		s->edges[s->nedges++] = (struct edge){ first, keys[i].bit, true };
		if (last != below(width))
			s->edges[s->nedges++] = (struct edge){ last + 1, keys[i].bit, false };
	}
}

static int by_place(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

static void pass_edge(struct sweep *s, const struct edge *e)
{
	if (e->begins)
		s->open[e->bit]++;
	else
		s->open[e->bit]--;
	if (s->open[e->bit])
		mask_set(s->inside, e->bit);
	else
		s->inside[e->bit / 64] &= ~(1ULL << (e->bit % 64));
}

static bool row_equals(const struct sweep *s, uint32_t row, uint32_t n)
{
	const struct net_row *r = &s->rows[row];

	for (uint32_t i = 0; i < r->n; i++)
		if (!mask_has(s->inside, s->bits[r->first + i]))
			return false;
	return r->n == n;
}

static bool grow_table(struct sweep *s)
{
	uint32_t cap = s->mask ? 2 * (s->mask + 1) : 64;
	uint32_t *old = s->table, nold = s->mask ? s->mask + 1 : 0;

	s->table = calloc(cap, 2 * sizeof(*s->table));
	if (!s->table) {
		s->table = old;
		return false;
	}
	s->mask = cap - 1;
	/* Pairs of row and hash. */
	for (uint32_t i = 0; i < nold; i++) {
		uint32_t at = old[2 * i + 1] & s->mask;

		if (!old[2 * i])
			continue;
		while (s->table[2 * at])
			at = (at + 1) & s->mask;
		s->table[2 * at] = old[2 * i];
		s->table[2 * at + 1] = old[2 * i + 1];
	}
	free(old);
	return true;
}

static bool add_row(struct sweep *s, uint32_t n)
{
	struct net_row *rows = arena_grow(s->arena, s->rows, &s->rows_cap, s->nrows + 1,
					  sizeof(*rows));
	uint32_t *bits;

	if (!rows)
		return false;
	s->rows = rows;
	bits = arena_grow(s->arena, s->bits, &s->bits_cap, s->nbits + MAX(n, 1U), sizeof(*bits));
	if (!bits)
		return false;
	s->bits = bits;
	rows[s->nrows++] = (struct net_row){ s->nbits, n };
	for (uint32_t i = 0; i < s->words; i++)
		for (uint64_t left = s->inside[i]; left; left &= left - 1)
			bits[s->nbits++] = i * 64 + (uint32_t)__builtin_ctzll(left);
	return true;
}

/* The row of the checks that are around the place. False: no memory. */
static bool find_row(struct sweep *s, uint32_t *ret_row)
{
	uint32_t hash = (uint32_t)hash_bytes(s->inside, s->words * sizeof(*s->inside), 0), at,
		 n = 0;

	for (uint32_t i = 0; i < s->words; i++)
		n += (uint32_t)__builtin_popcountll(s->inside[i]);
	if (!n) {
		*ret_row = 0;
		return true;
	}
	if ((!s->mask || 2 * s->nrows > s->mask) && !grow_table(s))
		return false;
	for (at = hash & s->mask; s->table[2 * at]; at = (at + 1) & s->mask)
		if (s->table[2 * at + 1] == hash && row_equals(s, s->table[2 * at], n)) {
			*ret_row = s->table[2 * at];
			return true;
		}
	if (!add_row(s, n))
		return false;
	s->table[2 * at] = *ret_row = s->nrows - 1;
	s->table[2 * at + 1] = hash;
	return true;
}

/*
 * The next range: where it begins and its row. Ranges with the same row as the one before are none.
 */
static bool next_range(struct sweep *s, uint32_t *pos, uint32_t *row, address *ret_at)
{
	while (*pos < s->nedges) {
		address at = s->edges[*pos].at;
		uint32_t before = *row;

		for (; *pos < s->nedges && s->edges[*pos].at == at; ++*pos)
			pass_edge(s, &s->edges[*pos]);
		if (!find_row(s, row))
			return false;
		if (*row == before)
			continue;
		*ret_at = at;
		return true;
	}
	return false;
}

static void start_family(struct sweep *s, const struct net_key *keys, uint32_t n, bool v6,
			 uint32_t nbits)
{
	find_edges(s, keys, n, v6);
	qsort(s->edges, s->nedges, sizeof(*s->edges), by_place);
	memset(s->open, 0, nbits * sizeof(*s->open));
	memset(s->inside, 0, s->words * sizeof(*s->inside));
}

/* No more ranges than edges, and the one before them. */
static int fill4(struct net_index *x, struct sweep *s)
{
	uint32_t pos = 0, row = 0, byte = 0;
	address at;

	x->v4 = arena_array(s->arena, s->nedges + 1ULL, sizeof(*x->v4));
	x->row4 = arena_array(s->arena, s->nedges + 1ULL, sizeof(*x->row4));
	if (!x->v4 || !x->row4)
		return -ENOMEM;
	x->n4 = 1;
	while (next_range(s, &pos, &row, &at)) {
		/* One that begins at 0 takes the place of the empty one. */
		x->n4 -= at == 0;
		x->v4[x->n4] = (uint32_t)at;
		x->row4[x->n4++] = row;
	}
	for (uint32_t i = 0; i < x->n4; i++)
		while (byte <= x->v4[i] >> 24)
			x->start4[byte++] = i;
	while (byte < 257)
		x->start4[byte++] = x->n4;
	return pos == s->nedges ? 0 : -ENOMEM;
}

static int fill6(struct net_index *x, struct sweep *s)
{
	uint32_t pos = 0, row = 0;
	address at;

	x->v6 = arena_array(s->arena, s->nedges + 1ULL, sizeof(*x->v6));
	if (!x->v6)
		return -ENOMEM;
	x->n6 = 1;
	while (next_range(s, &pos, &row, &at)) {
		x->n6 -= at == 0;
		x->v6[x->n6++] = (struct net_range6){ (uint64_t)(at >> 64), (uint64_t)at, row };
	}
	return pos == s->nedges ? 0 : -ENOMEM;
}

int net_index_init(struct net_index *x, struct arena *a, const struct net_key *keys, uint32_t n,
		   uint32_t nbits)
{
	struct sweep s = { .arena = a, .words = MAX((nbits + 63) / 64, 1U) };
	int r = -ENOMEM;

	*x = (struct net_index){ 0 };
	s.edges = calloc(2ULL * n + 1, sizeof(*s.edges));
	s.open = calloc(nbits + 1ULL, sizeof(*s.open));
	s.inside = calloc(s.words, sizeof(*s.inside));
	if (s.edges && s.open && s.inside && add_row(&s, 0)) {
		start_family(&s, keys, n, false, nbits);
		r = fill4(x, &s);
		if (!r) {
			start_family(&s, keys, n, true, nbits);
			r = fill6(x, &s);
		}
	}
	x->rows = s.rows;
	x->nrows = s.nrows;
	x->bits = s.bits;
	free(s.edges);
	free(s.open);
	free(s.inside);
	free(s.table);
	return r;
}

static uint32_t find4(const struct net_index *x, const uint8_t *addr)
{
	uint32_t at = (uint32_t)addr[0] << 24 | (uint32_t)addr[1] << 16 | (uint32_t)addr[2] << 8 |
		      addr[3];
	uint32_t first = x->start4[addr[0]], n = x->start4[addr[0] + 1] - first;

	/* Before all that begin in this byte: the last one of those before. */
	if (!n || x->v4[first] > at)
		return x->row4[first - 1];
	/* Halves without branches that nobody can foresee. */
	while (n > 1) {
		uint32_t half = n / 2;

		first += x->v4[first + half] <= at ? half : 0;
		n -= half;
	}
	return x->row4[first];
}

static uint32_t find6(const struct net_index *x, const uint8_t *addr)
{
	address at = read_address(addr, 16);
	uint64_t high = (uint64_t)(at >> 64), low = (uint64_t)at;
	uint32_t first = 0, n = x->n6;

	while (n > 1) {
		const struct net_range6 *r = &x->v6[first + n / 2];
		bool before = r->high < high || (r->high == high && r->low <= low);

		first += before ? n / 2 : 0;
		n -= n / 2;
	}
	return x->v6[first].row;
}

uint32_t net_index_find(const struct net_index *x, const struct ip_value *ip)
{
	return ip->v6 ? find6(x, ip->addr) : find4(x, ip->addr);
}
