// SPDX-License-Identifier: Apache-2.0
/*
 * A trie after the death of its writer, under its lock. Its nodes are a tree at any time; what the dead may have left is a
 * node that neither holds an entry nor branches, lists that miss nodes or values or name some in use, and the count.
 * Such nodes are taken out (the second pass: a branch whose leaf went), and the lists and the count made anew from what
 * the tree reaches. May be begun again at any point.
 */
#include "map/lpm.h"

#define MARK (1u << 31)	  /* in a node's len; readers are kept off by the sequence */
#define IN_USE UINT32_MAX /* in a value's link */

static void set(uint32_t *at, uint32_t to)
{
	__atomic_store_n(at, to, __ATOMIC_RELEASE);
}

static void clear_marks(struct lpm *t)
{
	for (uint32_t i = 1; i <= t->s->fresh_node; i++) {
		struct lpm_node *n = lpm_node_at(t, i);

		set(&n->len, n->len & ~MARK);
	}
	memset(t->value_link, 0, t->s->fresh_value * sizeof(*t->value_link));
}

/* Takes nodes of no use out below @where. */
static void straighten(const struct lpm *t, uint32_t *where)
{
	while (*where) {
		const struct lpm_node *n = lpm_node_at(t, *where);

		if (n->value || (n->child[0] && n->child[1]))
			return;
		set(where, n->child[0] ? n->child[0] : n->child[1]);
	}
}

/* Visits all nodes; @mark: they and their values are in use. Returns the entries. */
static uint32_t pass(struct lpm *t, bool mark)
{
	uint32_t *stack[LPM_MAX_BITS + 2], n = 0, entries = 0;

	stack[n++] = &t->s->root;
	while (n) {
		uint32_t *where = stack[--n];
		struct lpm_node *node;

		straighten(t, where);
		if (!*where)
			continue;
		node = lpm_node_at(t, *where);
		stack[n++] = &node->child[0];
		stack[n++] = &node->child[1];
		entries += node->value != 0;
		if (mark)
			set(&node->len, node->len | MARK);
		if (mark && node->value)
			t->value_link[node->value - 1] = IN_USE;
	}
	return entries;
}

static void remake_lists(struct lpm *t)
{
	t->s->free_node = t->s->free_value = 0;
	for (uint32_t i = 1; i <= t->s->fresh_node; i++) {
		struct lpm_node *n = lpm_node_at(t, i);

		if (n->len & MARK) {
			set(&n->len, n->len & ~MARK);
			continue;
		}
		set(&n->child[0], t->s->free_node);
		t->s->free_node = i;
	}
	for (uint32_t i = 1; i <= t->s->fresh_value; i++) {
		if (t->value_link[i - 1] == IN_USE)
			continue;
		t->value_link[i - 1] = t->s->free_value;
		t->s->free_value = i;
	}
}

void lpm_repair(struct lpm *t)
{
	uint32_t entries;

	if (!(t->s->sequence & 1))
		__atomic_fetch_add(&t->s->sequence, 1, __ATOMIC_ACQ_REL);
	clear_marks(t);
	pass(t, false);
	entries = pass(t, true);
	remake_lists(t);
	__atomic_store_n(&t->map.sh->entries, entries, __ATOMIC_RELAXED);
	__atomic_fetch_add(&t->s->sequence, 1, __ATOMIC_ACQ_REL);
}
