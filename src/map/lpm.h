/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the trie: what map_lpm.c shares with lpm_repair.c. The rules are told in map_lpm.c. */
#ifndef MAP_LPM_H
#define MAP_LPM_H

#include "map/internal.h"

#define LPM_MAX_BITS (8 * 256)

struct lpm_node {
	uint32_t child[2]; /* 1 + number, 0: none */
	uint32_t len;	   /* bits of the prefix */
	uint32_t value;	   /* 1 + number, 0: no entry */
	uint64_t data[];   /* bytes of the key, filled up with zeroes */
};

struct lpm_state {
	struct map_shared shared;
	struct map_lock lock;
	uint32_t sequence;
	uint32_t root;
	uint32_t free_node, fresh_node;
	uint32_t free_value, fresh_value;
};

struct lpm {
	struct map map;
	struct lpm_state *s;
	uint32_t bits; /* of the longest prefix */
	uint32_t words;
	uint8_t *nodes;
	uint64_t nodes_size, node_stride;
	uint32_t *value_link; /* of free values */
};

static inline struct lpm_node *lpm_node_at(const struct lpm *t, uint32_t number)
{
	return (struct lpm_node *)(t->nodes + (number - 1) * t->node_stride);
}

/* Its lock was taken over from the dead. */
void lpm_repair(struct lpm *t);

#endif
