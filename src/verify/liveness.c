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

static unsigned int use_set(unsigned int uses, const struct skep_insn *in)
{
	/* by the sets that are the same for all */
	static const uint16_t fixed[16] = {
#define SET(i) ((i)&1) | ((i)&2 ? 1u << 6 : 0) | ((i)&4 ? ARG_REGS : 0) | ((i)&8 ? CALLER_REGS : 0)
		SET(0), SET(1), SET(2),	 SET(3),  SET(4),  SET(5),  SET(6),  SET(7),
		SET(8), SET(9), SET(10), SET(11), SET(12), SET(13), SET(14), SET(15),
#undef SET
	};

	return ((uses & ISA_USE_DST) << insn_dst(in) | (uses >> 1 & 1) << insn_src(in) |
		fixed[uses >> 2 & 15]) &
	       0x3ff;
}

_Static_assert(ISA_USE_DST == 1 && ISA_USE_SRC == 2 && ISA_USE_R0 == 4 && ISA_USE_R6 == 8 &&
		       ISA_USE_ARGS == 16 && ISA_USE_CALLER == 32,
	       "the bits that use_set() counts on");

static unsigned int helper_reads(const struct skep_insn *in)
{
	const struct spec_helper *h = spec_helper(in->imm);
	unsigned int n = 0;

	while (h && n < 5 && h->args[n] != ARG_NONE)
		n++;
	return h ? ((1u << n) - 1) << 1 : ARG_REGS;
}

/* Backwards over all instructions; true: something changed that one before it has gone by. */
static bool live_round(const struct verifier *v, uint16_t *live)
{
	const struct skep_insn *insns = v->insns;
	const uint8_t *ops = v->ops;
	bool changed = false;

	for (uint32_t i = v->n; i--;) {
		enum isa_op op = ops[i];
		const struct isa_fact *fact = isa_fact(op);
		unsigned int set = 0;

		if (op == ISA_INVALID)
			continue;
		if (op != ISA_EXIT && op != ISA_JA && op != ISA_JA32)
			set = live[i + 1 + (fact->more & ISA_MORE_WIDE)];
		if (fact->more & ISA_MORE_JUMP)
			set |= live[(int64_t)i + 1 + isa_jump_delta(op, &insns[i])];
		set &= ~use_set(fact->writes, &insns[i]);
		set |= op == ISA_CALL_HELPER ? helper_reads(&insns[i]) :
					       use_set(fact->reads, &insns[i]);
		changed |= set != live[i];
		live[i] = (uint16_t)set;
	}
	return changed && v->backward;
}

HOT void live_registers(struct verifier *v)
{
	uint16_t *live = ARENA_ARRAY(&v->arena, uint16_t, (size_t)v->n + 1);

	if (!live) {
		v->oom = true;
		return;
	}
	while (live_round(v, live))
		;
	v->live = live;
}

HOT int live_log(struct verifier *v)
{
	if (!(v->log_level & VERIFY_LOG_ALL))
		return 0;
	say(v, "Live regs before insn:\n");
	for (uint32_t i = 0; i < v->n; i++) {
		if (v->ops[i] == ISA_INVALID)
			continue;
		if (v->scc && v->scc[i])
			say(v, "%3u ", v->scc[i]);
		else
			say(v, "    ");
		say(v, "%3u: ", i);
		for (unsigned int r = 0; r < 10; r++)
			say(v, "%c", live_regs(v, i) & 1u << r ? (int)('0' + r) : '.');
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

#define BUCKETS 32

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
	return in;
}

HOT uint32_t live_instance(struct verifier *v, uint32_t parent, uint32_t callsite, uint32_t func)
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

/* The tables come with the first access to a stack. */
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
	if (!in->entries) {
		in->queue = ARENA_ARRAY(&v->arena, uint32_t, in->n);
		in->entries = in->queue ? ARENA_ARRAY(&v->arena, struct entry, in->n) : NULL;
	}
	if (!in->entries) {
		v->oom = true;
		return NULL;
	}
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
