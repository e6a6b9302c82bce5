// SPDX-License-Identifier: Apache-2.0
/*
 * A hash table after the death of a process that wrote it (map_table.c, space.h). Chains are whole; an element that is
 * in none is free, whatever the lists say. With all locks held the free list, the count and the spares are made
 * anew. Dying here leaves the locks to the next, who does it again: `stale` goes last.
 */
#include "map/table.h"

/* Elements are marked by their link: TABLE_LIVE in a chain, 0 else. */
static uint32_t mark_live(const struct table *t)
{
	uint32_t live = 0;

	for (uint32_t i = 1; i <= t->state->fresh; i++)
		elem_at(t, i)->link = 0;
	for (uint64_t bucket = 0; bucket <= t->mask; bucket++)
		for (uint32_t at = t->buckets[bucket]; !is_end(at); at = elem_at(t, at)->next) {
			elem_at(t, at)->link = TABLE_LIVE;
			live++;
		}
	return live;
}

static void remake(const struct table *t)
{
	uint32_t live = mark_live(t);

	t->state->free_top = 0;
	for (uint32_t i = 1; i <= t->state->fresh; i++) {
		struct table_elem *e = elem_at(t, i);

		if (e->link == TABLE_LIVE)
			continue;
		e->link = t->state->free_top;
		t->state->free_top = i;
	}
	for (uint32_t i = 0; i < t->nstripes; i++) {
		struct table_stripe *s = &t->stripes[i];

		s->spare = 0;
		if (s->sequence & 1) /* readers of what it wrote look again */
			__atomic_store_n(&s->sequence, s->sequence + 1, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&t->map.sh->entries, live, __ATOMIC_RELAXED);
}

void table_sweep(const struct table *t)
{
	map_lock(&t->map, &t->state->sweep_lock);
	if (__atomic_load_n(&t->map.sh->stale, __ATOMIC_ACQUIRE)) {
		for (uint32_t i = 0; i < t->nstripes; i++)
			map_lock(&t->map, &t->stripes[i].lock);
		map_lock(&t->map, &t->state->free_lock);
		remake(t);
		__atomic_store_n(&t->map.sh->stale, 0, __ATOMIC_RELEASE);
		map_unlock(&t->state->free_lock);
		for (uint32_t i = 0; i < t->nstripes; i++)
			map_unlock(&t->stripes[i].lock);
	}
	map_unlock(&t->state->sweep_lock);
}
