// SPDX-License-Identifier: Apache-2.0
/*
 * What is read later. Registers: one backward analysis before the walk, on the instructions alone. Stack slots: which
 * instruction reads or overwrites which slot is learnt by the walk (pointers to the stack travel), so the
 * tables grow with it: reads are added, writes lose slots that some visit did not write. Both only ever make more
 * slots live, so the backward analysis goes on from where it was. What it says of an instruction is final once every
 * way from there has been walked to its end.
 */
#include <stdlib.h>

#include "verify/graph.h"

#define ARG_REGS 0x3e
#define CALLER_REGS 0x3f

static uint16_t use_set(unsigned int uses, const struct skep_insn *in)
{
	unsigned int set = 0;

	if (uses & ISA_USE_DST)
		set |= 1u << insn_dst(in);
	if (uses & ISA_USE_SRC)
		set |= 1u << insn_src(in);
	if (uses & ISA_USE_R0)
		set |= 1;
	if (uses & ISA_USE_R6)
		set |= 1u << 6;
	if (uses & ISA_USE_ARGS)
		set |= ARG_REGS;
	if (uses & ISA_USE_CALLER)
		set |= CALLER_REGS;
	return (uint16_t)(set & 0x3ff);
}

static uint16_t reads_of(const struct verifier *v, uint32_t at)
{
	const struct skep_insn *in = &v->insns[at];
	const struct spec_helper *h;
	unsigned int n = 0;

	if (v->ops[at] == ISA_CALL_HELPER) {
		h = spec_helper(in->imm);
		while (h && n < 5 && h->args[n] != ARG_NONE)
			n++;
		return h ? (uint16_t)(((1u << n) - 1) << 1) : ARG_REGS;
	}
	return use_set(isa_reads(v->ops[at]), in);
}

int live_registers(struct verifier *v)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (uint32_t i = v->n; i--;) {
			uint32_t next[2];
			uint16_t live = 0;
			unsigned int n;

			if (v->ops[i] == ISA_INVALID)
				continue;
			n = graph_next(v, i, next);
			for (unsigned int k = 0; k < n; k++)
				live |= v->live[next[k]];
			live &= (uint16_t)~use_set(isa_writes(v->ops[i]), &v->insns[i]);
			live |= reads_of(v, i);
			if (live != v->live[i]) {
				v->live[i] = live;
				changed = true;
			}
		}
	}
	if (!(v->log_level & VERIFY_LOG_ALL))
		return 0;
	say(v, "Live regs before insn:\n");
	for (uint32_t i = 0; i < v->n; i++) {
		if (v->ops[i] == ISA_INVALID)
			continue;
		if (v->scc[i])
			say(v, "%3u ", v->scc[i]);
		else
			say(v, "    ");
		say(v, "%3u: ", i);
		for (unsigned int r = 0; r < 10; r++)
			say(v, "%c", v->live[i] & 1u << r ? (int)('0' + r) : '.');
		say(v, " ");
		log_insn_text(v, i, &v->log);
		say(v, "\n");
	}
	return 0;
}

/* Stack ------------------------------------------------------------------------------------------- */

struct entry {
	uint64_t reads, writes, before;
	bool written, queued;
};

struct instance {
	uint32_t index, parent, callsite, func, start, n;
	struct entry *entries;
	uint32_t *queue;
	uint32_t nqueue;
	struct instance *next; /* of the same hash */
};

#define BUCKETS 256

struct live_data {
	struct instance **list;
	uint32_t n, cap;
	struct instance *buckets[BUCKETS];
};

static struct live_data *data_of(struct verifier *v)
{
	if (!v->lives)
		v->lives = ARENA_NEW(&v->arena, struct live_data);
	if (!v->lives)
		v->oom = true;
	return v->lives;
}

static struct instance *instance_new(struct verifier *v, struct live_data *d, uint32_t func)
{
	struct instance *in = ARENA_NEW(&v->arena, struct instance);
	const struct func *f = &v->funcs[func];

	if (d->n == d->cap) {
		uint32_t cap = d->cap ? d->cap * 2 : 16;
		struct instance **list = ARENA_ARRAY(&v->arena, struct instance *, cap);

		if (!list)
			return NULL;
		if (d->n)
			memcpy(list, d->list, d->n * sizeof(struct instance *));
		d->list = list;
		d->cap = cap;
	}
	if (!in)
		return NULL;
	in->func = func;
	in->start = f->start;
	in->n = f->end - f->start;
	in->entries = ARENA_ARRAY(&v->arena, struct entry, in->n);
	in->queue = ARENA_ARRAY(&v->arena, uint32_t, in->n);
	return in->entries && in->queue ? in : NULL;
}

uint32_t live_instance(struct verifier *v, uint32_t parent, uint32_t callsite, uint32_t func)
{
	uint32_t h = (parent * 31 + callsite * 7 + func) % BUCKETS;
	struct live_data *d = data_of(v);
	struct instance *in;

	if (!d)
		return 0;
	for (in = d->buckets[h]; in; in = in->next)
		if (in->parent == parent && in->callsite == callsite && in->func == func)
			break;
	if (!in) {
		in = instance_new(v, d, func);
		if (!in) {
			v->oom = true;
			return 0;
		}
		in->parent = parent;
		in->callsite = callsite;
		in->next = d->buckets[h];
		d->buckets[h] = in;
		in->index = d->n;
		d->list[d->n++] = in;
	}
	return in->index;
}

static struct entry *entry_of(struct verifier *v, uint32_t instance, uint32_t at,
			      struct instance **ret)
{
	struct live_data *d = v->lives;
	struct instance *in;

	if (!d || instance >= d->n)
		return NULL;
	in = d->list[instance];
	if (at < in->start || at - in->start >= in->n)
		return NULL;
	*ret = in;
	return &in->entries[at - in->start];
}

static void queue(struct instance *in, uint32_t i)
{
	if (!in->entries[i].queued) {
		in->entries[i].queued = true;
		in->queue[in->nqueue++] = i;
	}
}

void live_read(struct verifier *v, uint32_t instance, uint32_t at, uint64_t slots)
{
	struct instance *in;
	struct entry *e = entry_of(v, instance, at, &in);

	if (!e || !(slots & ~e->reads))
		return;
	e->reads |= slots;
	queue(in, at - in->start);
}

void live_write(struct verifier *v, uint32_t instance, uint32_t at, uint64_t slots)
{
	struct instance *in;
	struct entry *e = entry_of(v, instance, at, &in);

	if (!e)
		return;
	if (!e->written) {
		e->written = true;
		e->writes = slots;
		queue(in, at - in->start);
	} else if (e->writes & ~slots) {
		e->writes &= slots;
		queue(in, at - in->start);
	}
}

/* Sets `before` of an entry and queues those before it when it grew. */
static void settle(struct verifier *v, struct instance *in, uint32_t **preds, const uint32_t *first)
{
	while (in->nqueue) {
		uint32_t i = in->queue[--in->nqueue], next[2];
		struct entry *e = &in->entries[i];
		unsigned int n = graph_next(v, in->start + i, next);
		uint64_t live = 0;

		e->queued = false;
		for (unsigned int k = 0; k < n; k++)
			live |= in->entries[next[k] - in->start].before;
		live = (live & ~(e->written ? e->writes : 0)) | e->reads;
		if (live == e->before)
			continue;
		e->before |= live;
		for (uint32_t p = first[in->start + i]; p < first[in->start + i + 1]; p++)
			queue(in, (*preds)[p] - in->start);
	}
}

bool live_preds(struct verifier *v)
{
	uint32_t *first, next[2];

	if (v->first_pred)
		return true;
	first = ARENA_ARRAY(&v->arena, uint32_t, (size_t)v->n + 2);
	if (!first)
		return false;
	for (uint32_t i = 0; i < v->n; i++) {
		unsigned int n = v->ops[i] ? graph_next(v, i, next) : 0;

		for (unsigned int k = 0; k < n; k++)
			first[next[k] + 2]++;
	}
	for (uint32_t i = 2; i <= v->n + 1; i++)
		first[i] += first[i - 1];
	v->preds = ARENA_ARRAY(&v->arena, uint32_t, first[v->n + 1]);
	if (!v->preds)
		return false;
	for (uint32_t i = 0; i < v->n; i++) {
		unsigned int n = v->ops[i] ? graph_next(v, i, next) : 0;

		for (unsigned int k = 0; k < n; k++)
			v->preds[first[next[k] + 1]++] = i;
	}
	v->first_pred = first;
	return true;
}

uint64_t live_slots(struct verifier *v, uint32_t instance, uint32_t at)
{
	struct instance *in;
	struct entry *e = entry_of(v, instance, at, &in);

	if (!e)
		return ~0ull;
	if (!live_preds(v)) {
		v->oom = true;
		return ~0ull;
	}
	settle(v, in, &v->preds, v->first_pred);
	return e->before;
}
