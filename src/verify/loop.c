// SPDX-License-Identifier: Apache-2.0
/*
 * Loops of the program, for summary.c, one inside the other: a strongly connected part is a loop, where it is entered is its
 * head; what is strongly connected without the head are the loops inside (Bourdoncle, Efficient chaotic iteration strategies
 * with widenings, FMPA 1993). A part with several entries has the lowest for its head. Nothing depends on that choice but
 * which ways are put off, so a loop that is found badly is walked.
 */
#include <stdlib.h>

#include "verify/summary.h"

#define DEPTH 12 /* of loops in loops; those further inside are walked */

struct part {
	struct part *next;
	uint32_t start, n; /* of nodes */
	uint32_t depth;
	struct loop *outer;
};

struct finder {
	struct verifier *v;
	struct loops *loops;
	uint32_t *nodes; /* each part's together */
	uint32_t *part;	 /* number of each instruction's part; 0: in none any more */
	uint32_t *index, *low, *stack, *path;
	uint8_t *child, *on;
	uint32_t nparts, counter, depth, npath;
	uint32_t start, n; /* of the parts that come out, in nodes */
	struct part *todo;
	struct part *current;
	struct loop *loop;
};

static void push_part(struct finder *f, uint32_t start, uint32_t n)
{
	struct part *p = ARENA_NEW(&f->v->arena, struct part);

	if (!p) {
		f->v->oom = true;
		return;
	}
	p->start = start;
	p->n = n;
	p->depth = f->current ? f->current->depth + 1 : 0;
	p->outer = f->loop;
	p->next = f->todo;
	f->todo = p;
	f->nparts++;
	for (uint32_t i = start; i < start + n; i++)
		f->part[f->nodes[i]] = f->nparts;
}

/* Instructions by the cycles that graph_cycles() found. */
static void first_parts(struct finder *f)
{
	struct verifier *v = f->v;
	uint32_t cycles = 0, *count;

	for (uint32_t i = 0; i < v->n; i++)
		cycles = v->scc[i] > cycles ? v->scc[i] : cycles;
	count = cycles ? calloc((size_t)cycles + 2, sizeof(*count)) : NULL;
	if (!count) {
		v->oom |= cycles != 0;
		return;
	}
	for (uint32_t i = 0; i < v->n; i++)
		if (v->scc[i])
			count[v->scc[i] + 1]++;
	for (uint32_t i = 1; i <= cycles + 1; i++)
		count[i] += count[i - 1];
	for (uint32_t i = 0; i < v->n; i++)
		if (v->scc[i])
			f->nodes[count[v->scc[i]]++] = i;
	for (uint32_t i = 1, start = 0; i <= cycles; start = count[i++])
		push_part(f, start, count[i] - start);
	free(count);
}

static bool is_entry(const struct finder *f, uint32_t at, uint32_t part)
{
	const struct verifier *v = f->v;

	for (uint32_t p = v->first_pred[at]; p < v->first_pred[at + 1]; p++)
		if (f->part[v->preds[p]] != part)
			return true;
	return v->funcs[func_at(v, at)].start == at;
}

static bool goes_to(const struct verifier *v, uint32_t from, uint32_t to)
{
	uint32_t next[2];
	unsigned int n = graph_next(v, from, next);

	return (n > 0 && next[0] == to) || (n > 1 && next[1] == to);
}

static void emit(struct finder *f, uint32_t from)
{
	uint32_t n = f->depth - from, first = f->stack[from];

	if (n == 1 && !goes_to(f->v, first, first))
		return;
	memcpy(&f->nodes[f->start + f->n], &f->stack[from], n * sizeof(*f->nodes));
	push_part(f, f->start + f->n, n);
	f->n += n;
}

static void visit(struct finder *f, uint32_t at)
{
	f->index[at] = f->low[at] = ++f->counter;
	f->stack[f->depth++] = at;
	f->path[f->npath++] = at;
	f->on[at] = 1;
}

/* Tarjan's, in the instructions of one part. Those that come out are of other parts at once. */
static void tarjan(struct finder *f, uint32_t start, uint32_t part)
{
	visit(f, start);
	while (f->npath) {
		uint32_t at = f->path[f->npath - 1], next[2], from;

		if (f->child[at] < graph_next(f->v, at, next)) {
			uint32_t to = next[f->child[at]++];

			if (f->part[to] == part && !f->index[to])
				visit(f, to);
			else if (f->on[to] && f->index[to] < f->low[at])
				f->low[at] = f->index[to];
			continue;
		}
		f->npath--;
		if (f->npath && f->low[at] < f->low[f->path[f->npath - 1]])
			f->low[f->path[f->npath - 1]] = f->low[at];
		if (f->low[at] != f->index[at])
			continue;
		for (from = f->depth; f->stack[--from] != at;)
			f->on[f->stack[from]] = 0;
		f->on[at] = 0;
		emit(f, from);
		f->depth = from;
	}
}

/* The part without its head. */
HOT static void inside(struct finder *f, const struct part *p, uint32_t part)
{
	uint32_t *nodes = malloc(p->n * sizeof(*nodes));

	if (!nodes) {
		f->v->oom = true;
		return;
	}
	memcpy(nodes, &f->nodes[p->start], p->n * sizeof(*nodes));
	f->part[f->loop->head] = 0;
	f->start = p->start;
	f->n = f->counter = 0;
	for (uint32_t i = 0; i < p->n; i++)
		f->index[nodes[i]] = f->child[nodes[i]] = 0;
	for (uint32_t i = 0; i < p->n; i++)
		if (f->part[nodes[i]] == part && !f->index[nodes[i]])
			tarjan(f, nodes[i], part);
	free(nodes);
}

static void make_loop(struct finder *f, const struct part *p)
{
	const uint32_t *nodes = &f->nodes[p->start];
	struct verifier *v = f->v;
	struct loop *l = ARENA_NEW(&v->arena, struct loop);
	uint32_t part = f->part[nodes[0]];

	if (!l) {
		v->oom = true;
		return;
	}
	l->head = UINT32_MAX;
	l->outer = p->outer;
	for (uint32_t i = 0; i < p->n; i++) {
		uint32_t at = nodes[i];

		if (at < l->head && is_entry(f, at, part))
			l->head = at;
		f->loops->of[at] = l;
		if (v->marks[at] & (AT_ITER | AT_CALLBACK) || v->ops[at] == ISA_MAY_GOTO)
			l->failures = LOOP_FAILURES;
	}
	if (l->head == UINT32_MAX)
		l->head = nodes[0];
	f->loop = l;
	if (p->n > 1 && p->depth < DEPTH)
		inside(f, p, part);
}

static bool make_room(struct finder *f, uint32_t n)
{
	f->nodes = calloc(n, 6 * sizeof(*f->nodes));
	f->child = calloc(n, 2);
	if (!f->nodes || !f->child)
		return false;
	f->part = f->nodes + n;
	f->index = f->nodes + 2 * (size_t)n;
	f->low = f->nodes + 3 * (size_t)n;
	f->stack = f->nodes + 4 * (size_t)n;
	f->path = f->nodes + 5 * (size_t)n;
	f->on = f->child + n;
	return true;
}

HOT int loops_find(struct verifier *v)
{
	struct finder f = { .v = v };
	bool any = false;

	for (uint32_t i = 0; v->scc && i < v->n && !any; i++)
		any = v->scc[i];
	if (!any)
		return 0;
	f.loops = ARENA_NEW(&v->arena, struct loops);
	if (f.loops)
		f.loops->of = ARENA_ARRAY(&v->arena, struct loop *, v->n);
	if (f.loops)
		f.loops->seen = ARENA_ARRAY(&v->arena, uint32_t, v->n);
	if (f.loops && f.loops->of && f.loops->seen && live_preds(v) && make_room(&f, v->n)) {
		first_parts(&f);
		while (f.todo && !v->oom) {
			f.current = f.todo;
			f.todo = f.todo->next;
			make_loop(&f, f.current);
		}
		f.loops->next_origin = 1;
		v->loops = f.loops;
	} else {
		v->oom = true;
	}
	free(f.nodes);
	free(f.child);
	return v->oom ? -ENOMEM : 0;
}

struct loop *loop_at(struct verifier *v, uint32_t at)
{
	struct loop *l = v->loops->of[at];

	return l && l->head == at && l->failures < LOOP_FAILURES ? l : NULL;
}
