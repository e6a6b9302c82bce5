// SPDX-License-Identifier: Apache-2.0
/*
 * The program as a graph, before the walk: decoding, where functions start, where jumps lead, what is reachable, where
 * states are to be kept. Functions are laid out one after the other; a jump stays inside its function.
 */
#include <stdlib.h>

#include "verify/old_kernel.h"

#include "verify/graph.h"
#include "verify/loader.h"

#define WIDE_CODE 0x18 /* of all wide loads */

_Static_assert(ISA_COUNT < 256, "ops are bytes");

static bool writes_fp(const struct skep_insn *in)
{
	unsigned int class = in->code & 7;

	return insn_dst(in) == FP && (class == 4 || class == 7 || class == 0 || class == 1);
}

/* Has the kernel instructions of this code? Two are only written by itself, or newer. */
static bool known_code(const struct skep_insn *in)
{
	enum isa_op op = isa_nearest(in);

	return isa_kind(op) != ISA_KIND_NONE && op != ISA_CALLX && op != ISA_JA_REG;
}

static int bad_wide(struct verifier *v, uint32_t i)
{
	const struct skep_insn *in = &v->insns[i];

	if (i + 1 == v->n || in[1].code || in[1].regs || in[1].off)
		return reject(v, &ERR_INSN, "invalid bpf_ld_imm64 insn");
	if (in->off)
		return reject(v, &ERR_INSN, "BPF_LD_IMM64 uses reserved fields");
	return reject(v, &ERR_INSN, "unrecognized bpf_ld_imm64 insn");
}

/* Does what comes last let the program end? The kernel asks that first. */
static bool can_end(const struct verifier *v)
{
	enum isa_op op = isa_nearest(&v->insns[v->n - 1]);

	return op == ISA_EXIT || op == ISA_JA || op == ISA_JA32;
}

int graph_bad_insn(struct verifier *v, uint32_t i)
{
	static const char *const classes[] = { "BPF_LD",  "BPF_LDX", "BPF_ST",	  "BPF_STX",
					       "BPF_ALU", "BPF_JMP", "BPF_JMP32", "BPF_ALU64" };
	const struct skep_insn *in = &v->insns[i];
	unsigned int class = in->code & 7;
	char why[96];

	v->at = i;
	if (!can_end(v))
		return reject(v, &ERR_FALL_OFF, "last insn is not an exit or jmp");
	if (in->code == WIDE_CODE)
		return bad_wide(v, i);
	if (class == 1 && (in->code >> 5 == 0 || in->imm))
		return reject(v, &ERR_INSN, "BPF_LDX uses reserved fields");
	if (!known_code(in))
		return reject(v, &ERR_INSN, "unknown opcode %02x", in->code);
	if (isa_kind(isa_nearest(in)) == ISA_KIND_CALL)
		return reject(v, &ERR_INSN, "BPF_CALL uses reserved fields");
	if ((class == 4 || class == 7) && in->code >> 4 < 8 && in->code & 8 && in->imm)
		return reject(v, &ERR_INSN, "BPF_ALU uses reserved fields");
	if (insn_dst(in) > FP)
		return reject(v, &ERR_INSN, "R%u is invalid", insn_dst(in));
	if (insn_src(in) > FP)
		return reject(v, &ERR_INSN, "R%u is invalid", insn_src(in));
	isa_why_invalid(in, v->n - i, why, sizeof(why));
	if (strstr(why, "reserved")) {
		const char *what = classes[class];
		unsigned int op = in->code >> 4;

		if (class == 4 || class == 7)
			what = op == 11 ? "BPF_MOV" : op == 8 ? "BPF_NEG" : "BPF_ALU";
		else if (class == 5 || class == 6)
			what = op == 8 ? "BPF_CALL" :
			       op == 9 ? "BPF_EXIT" :
			       op == 0 ? "BPF_JA" :
					 classes[class];
		return reject(v, &ERR_INSN, "%s uses reserved fields: %s", what, why);
	}
	if (strstr(why, "r10") || (class == 3 && insn_src(in) == FP && in->imm & 1))
		return reject(v, &ERR_INSN, "frame pointer is read only");
	if (class == 3)
		return reject(v, &ERR_INSN, "BPF_ATOMIC uses invalid atomic opcode %02x",
			      (uint8_t)in->imm);
	return reject(v, &ERR_INSN, "unknown opcode %02x", in->code);
}

/*
 * As the kernel: fields of what is not loaded from are looked at when the walk comes there. Numbers of registers that do
 * not exist are refused at once, because everything here counts on them.
 */
static bool waits(const struct skep_insn *in)
{
	enum isa_kind kind = isa_kind(isa_nearest(in));

	return insn_dst(in) <= FP && insn_src(in) <= FP && kind != ISA_KIND_LOAD &&
	       kind != ISA_KIND_NONE;
}

HOT int graph_decode(struct verifier *v)
{
	for (uint32_t i = 0; i < v->n; i++) {
		enum isa_op op = isa_decode(&v->insns[i], v->n - i);

		if (op == ISA_INVALID && writes_fp(&v->insns[i])) {
			struct skep_insn copy[2] = { v->insns[i],
						     v->n - i > 1 ? v->insns[i + 1] : v->insns[i] };

			/* refused when the walk comes there */
			copy[0].regs = insn_regs(0, insn_src(&copy[0]));
			op = isa_decode(copy, v->n - i > 1 ? 2 : 1);
			v->marks[i] |= AT_BAD_WRITE;
		}
		if (op == ISA_INVALID && waits(&v->insns[i])) {
			op = isa_nearest(&v->insns[i]);
			v->marks[i] |= AT_BAD_FIELD;
		}
		if (op == ISA_INVALID || op == ISA_CALLX || op == ISA_MOV64_PERCPU)
			return graph_bad_insn(v, i);
		v->ops[i] = (uint8_t)op;
		v->has[op] = true;
		if (isa_slots(op) == 2) {
			v->marks[++i] |= AT_SECOND;
			v->ops[i] = ISA_INVALID;
		}
	}
	return 0;
}

/* Functions --------------------------------------------------------------------------------------- */

static int by_start(const void *a, const void *b)
{
	const struct func *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int add_start(struct verifier *v, uint32_t from, int64_t to)
{
	int err;

	v->at = from;
	err = loader_function(v);
	if (err < 0)
		return err;
	if (to < 0 || to >= v->n)
		return reject(v, &ERR_TARGET, "call to invalid destination");
	if (v->marks[to] & AT_SECOND)
		return reject(v, &ERR_TARGET, "call to the middle of an instruction");
	v->func_of[to] = 1;
	return 0;
}

static int kernel_function(struct verifier *v, uint32_t at)
{
	v->at = at;
	return loader_function(v);
}

static bool calls_functions(const struct verifier *v)
{
	return v->has[ISA_CALL_LOCAL] || v->has[ISA_LD_FUNC] || v->has[ISA_CALL_KFUNC];
}

static int find_starts(struct verifier *v)
{
	v->func_of[0] = 1;
	for (uint32_t i = 0; i < v->n && calls_functions(v); i++) {
		enum isa_op op = v->ops[i];
		int r = 0;

		if (op == ISA_CALL_LOCAL || op == ISA_LD_FUNC)
			r = add_start(v, i, (int64_t)i + 1 + v->insns[i].imm);
		else if (op == ISA_CALL_KFUNC)
			r = kernel_function(v, i);
		if (r < 0)
			return r;
	}
	for (uint32_t i = 0; i < v->o->nfuncs; i++) {
		v->at = 0;
		if (v->o->funcs[i].start >= v->n)
			return reject(v, &ERR_FUNCTION, "function '%s' starts outside the program",
				      v->o->funcs[i].name ? v->o->funcs[i].name : "");
		v->func_of[v->o->funcs[i].start] = 1;
	}
	return 0;
}

/* Numbers the functions in v->func_of; without calls there is but one, and no need to tell. */
static int lay_out(struct verifier *v)
{
	uint32_t n = 0;
	int r;

	if (!calls_functions(v) &&
	    (!v->o->nfuncs || (v->o->nfuncs == 1 && !v->o->funcs[0].start))) {
		v->nfuncs = 1;
		v->funcs = ARENA_ARRAY(&v->arena, struct func, 1);
		return v->funcs ? 0 : out_of_memory(v);
	}
	v->func_of = ARENA_ARRAY(&v->arena, uint32_t, v->n);
	r = v->func_of ? find_starts(v) : out_of_memory(v);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < v->n; i++)
		n += v->func_of[i];
	v->funcs = ARENA_ARRAY(&v->arena, struct func, n);
	if (!v->funcs)
		return out_of_memory(v);
	for (uint32_t i = 0; i < v->n; i++) {
		if (v->func_of[i])
			v->funcs[v->nfuncs++].start = i;
		v->func_of[i] = v->nfuncs - 1;
	}
	return 0;
}

HOT int graph_functions(struct verifier *v)
{
	int r = lay_out(v);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < v->nfuncs; i++)
		v->funcs[i].end = i + 1 < v->nfuncs ? v->funcs[i + 1].start : v->n;
	for (uint32_t i = 0; i < v->o->nfuncs; i++) {
		struct func key = { .start = v->o->funcs[i].start };
		struct func *f = bsearch(&key, v->funcs, v->nfuncs, sizeof(key), by_start);

		f->name = v->o->funcs[i].name;
		f->btf_id = v->o->funcs[i].btf_id;
		f->global = v->o->funcs[i].global && i && profile_knows(v, FEATURE_GLOBAL_FUNCS);
	}
	if (v->log_level & VERIFY_LOG_ALL && v->nfuncs)
		for (uint32_t i = 0; i < v->nfuncs; i++)
			say(v, "func#%u @%u\n", i, v->funcs[i].start);
	return 0;
}

uint32_t graph_func_at(const struct verifier *v, int64_t start)
{
	uint32_t f;

	if (start < 0 || start >= v->n)
		return UINT32_MAX;
	f = func_at(v, (uint32_t)start);
	return v->funcs[f].start == start ? f : UINT32_MAX;
}

static bool ends(enum isa_op op)
{
	return op == ISA_EXIT || op == ISA_JA || op == ISA_JA32;
}

static int check_jump(struct verifier *v, const struct func *f, uint32_t i)
{
	int64_t to = (int64_t)i + 1 + isa_jump_delta(v->ops[i], &v->insns[i]);

	v->at = i;
	if (to < f->start || to >= f->end)
		return reject(v, &ERR_TARGET, "jump out of range from insn %u to %lld", i,
			      (long long)to);
	if (v->marks[to] & AT_SECOND)
		return reject(v, &ERR_TARGET, "jump into the middle of ldimm64 insn %lld",
			      (long long)to - 1);
	v->backward |= to <= i;
	return 0;
}

static int check_func(struct verifier *v, const struct func *f)
{
	uint32_t last = f->end - 1;
	int r = 0;

	for (uint32_t i = f->start; r == 0 && i < f->end; i++)
		if (isa_is_jump(v->ops[i]))
			r = check_jump(v, f, i);
	if (r < 0)
		return r;
	v->at = v->marks[last] & AT_SECOND ? last - 1 : last;
	return ends(v->ops[v->at]) ? 0 :
				     reject(v, &ERR_FALL_OFF, "last insn is not an exit or jmp");
}

HOT int graph_jumps(struct verifier *v)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < v->nfuncs; i++)
		r = check_func(v, &v->funcs[i]);
	return r;
}

HOT bool graph_calls_back(const struct verifier *v, uint32_t at)
{
	const struct spec_helper *h;

	if (v->ops[at] == ISA_CALL_KFUNC)
		return graph_is_kfunc(v, at, "bpf_rbtree_add_impl");
	if (v->ops[at] != ISA_CALL_HELPER)
		return false;
	h = spec_helper(v->insns[at].imm);
	return h && (h->id == HELPER_for_each_map_elem || h->id == HELPER_find_vma ||
		     h->id == HELPER_loop || h->id == HELPER_user_ringbuf_drain);
}

static void mark_points(struct verifier *v, uint32_t at)
{
	enum isa_op op = v->ops[at];
	uint32_t next[2] = { 0, 0 };

	if (isa_kind(op) == ISA_KIND_BRANCH) {
		graph_next(v, at, next);
		v->marks[at] |= AT_TARGET;
		v->marks[next[0]] |= AT_TARGET;
	}
	if (op == ISA_JA || op == ISA_JA32) {
		graph_next(v, at, next);
		v->marks[next[0]] |= AT_TARGET;
	}
	if (op == ISA_MAY_GOTO)
		v->marks[at] |= AT_TARGET | AT_FORCE;
	if (op == ISA_CALL_LOCAL || op == ISA_LD_FUNC) {
		v->marks[at] |= AT_TARGET;
		v->marks[at + isa_slots(op)] |= AT_TARGET;
		v->marks[at + 1 + v->insns[at].imm] |= AT_TARGET;
	}
	if (op == ISA_CALL_KFUNC && graph_is_iter_next(v, at)) {
		v->marks[at] |= AT_TARGET | AT_FORCE | AT_ITER;
		v->marks[at + 1] |= AT_TARGET;
	}
	if (graph_calls_back(v, at)) {
		v->marks[at] |= AT_TARGET | AT_FORCE | AT_CALLBACK;
		v->marks[at + 1] |= AT_TARGET;
		v->cyclic = true;
	}
	if (op == ISA_CALL_HELPER && v->insns[at].imm == HELPER_timer_set_callback)
		v->marks[at] |= AT_TARGET;
}

/* Depth first, colours of instructions: 0 new, 1 open, 2 done. What lies in a row is walked as one. */
struct run {
	uint32_t first, last;
};

struct dfs {
	uint8_t *colour;
	struct run *stack;
	uint32_t depth;
};

static bool is_plain(enum isa_op op)
{
	const unsigned int others = 1u << ISA_KIND_JUMP | 1u << ISA_KIND_JUMP_REG |
				    1u << ISA_KIND_BRANCH | 1u << ISA_KIND_CALL |
				    1u << ISA_KIND_EXIT;

	return !(others >> isa_kind(op) & 1) && op != ISA_LD_FUNC;
}

HOT static void open_run(const struct verifier *v, struct dfs *d, uint32_t at)
{
	struct run *r = &d->stack[d->depth++];
	const uint8_t *ops = v->ops;
	uint8_t *colour = d->colour;

	r->first = at;
	for (;;) {
		enum isa_op op = ops[at];
		uint32_t next = at + isa_slots(op);

		colour[at] = 1;
		if (!is_plain(op) || colour[next])
			break;
		at = next;
	}
	r->last = at;
}

static void close_run(struct verifier *v, struct dfs *d)
{
	const struct run *r = &d->stack[--d->depth];

	memset(d->colour + r->first, 2, r->last - r->first + isa_slots(v->ops[r->last]));
	mark_points(v, r->last);
}

/* A jump to an open instruction. */
static int back_edge(struct verifier *v, uint32_t at, uint32_t to)
{
	v->cyclic = true;
	if (v->ops[at] == ISA_CALL_LOCAL || v->ops[at] == ISA_LD_FUNC)
		return 0;
	v->at = at;
	if (!v->bpf_capable)
		return reject(v, &ERR_LOOP, "back-edge from insn %u to %u", at, to);
	return profile_feature(v, FEATURE_LOOPS) < 0 ? -ERR_KERNEL.code : 0;
}

HOT static int walk_func(struct verifier *v, struct dfs *d, uint32_t start)
{
	if (d->colour[start])
		return 0;
	open_run(v, d, start);
	while (d->depth) {
		uint32_t at = d->stack[d->depth - 1].last, next[3] = { 0, 0, 0 };
		unsigned int n = graph_next(v, at, next);
		bool pushed = false;

		if (v->ops[at] == ISA_CALL_LOCAL || v->ops[at] == ISA_LD_FUNC)
			next[n++] = (uint32_t)((int64_t)at + 1 + v->insns[at].imm);
		/* what falls through first, so that messages name the same instruction as the kernel's */
		for (unsigned int k = n; k-- && !pushed;) {
			uint32_t to = next[k];
			int r = d->colour[to] == 1 ? back_edge(v, at, to) : 0;

			if (r < 0)
				return r;
			pushed = !d->colour[to];
			if (pushed)
				open_run(v, d, to);
		}
		if (!pushed)
			close_run(v, d);
	}
	return 0;
}

HOT int graph_reach(struct verifier *v)
{
	struct dfs d = { .colour = calloc(v->n, 1), .stack = malloc(v->n * sizeof(*d.stack)) };
	int r = d.colour && d.stack ? walk_func(v, &d, 0) : out_of_memory(v);
	const uint8_t *never;

	for (uint32_t i = 0; r == 0 && i < v->nfuncs; i++)
		if (v->funcs[i].is_exception)
			r = walk_func(v, &d, v->funcs[i].start);
	never = r == 0 ? memchr(d.colour, 0, v->n) : NULL;
	if (never) {
		v->at = (uint32_t)(never - d.colour);
		r = reject(v, &ERR_UNREACHABLE, "unreachable insn %u", v->at);
	}
	free(d.stack);
	free(d.colour);
	return r;
}

/* Cycles: Tarjan, Depth-first search and linear graph algorithms, SIAM J. Comput. 1972 ------------- */

struct tarjan {
	struct verifier *v;
	uint32_t *index, *low, *stack, *path;
	uint8_t *on, *child;
	uint32_t counter, depth, npath, cycles;
};

static void close_cycle(struct tarjan *t, uint32_t at)
{
	struct verifier *v = t->v;
	bool single = t->stack[t->depth - 1] == at, forced = false;
	uint32_t from = t->depth, id;

	while (t->stack[--from] != at)
		;
	if (single && !(v->marks[at] & AT_CALLBACK)) {
		uint32_t next[2];
		unsigned int n = graph_next(v, at, next);

		single = !((n > 0 && next[0] == at) || (n > 1 && next[1] == at));
	} else if (single) {
		single = false;
	}
	id = single ? 0 : ++t->cycles;
	for (uint32_t i = from; i < t->depth; i++)
		forced |= v->marks[t->stack[i]] & AT_FORCE;
	for (uint32_t i = from; i < t->depth; i++) {
		v->scc[t->stack[i]] = id;
		t->on[t->stack[i]] = 0;
		if (forced && id)
			v->marks[t->stack[i]] |= AT_LOOP;
	}
	t->depth = from;
}

static void tarjan_visit(struct tarjan *t, uint32_t at)
{
	t->index[at] = t->low[at] = ++t->counter;
	t->stack[t->depth++] = at;
	t->on[at] = 1;
	t->path[t->npath++] = at;
}

static void tarjan(struct tarjan *t, uint32_t start)
{
	tarjan_visit(t, start);
	while (t->npath) {
		uint32_t at = t->path[t->npath - 1], next[2];
		unsigned int n = graph_next(t->v, at, next);

		if (t->child[at] < n) {
			uint32_t to = next[t->child[at]++];

			if (!t->index[to])
				tarjan_visit(t, to);
			else if (t->on[to] && t->index[to] < t->low[at])
				t->low[at] = t->index[to];
			continue;
		}
		if (t->low[at] == t->index[at])
			close_cycle(t, at);
		if (--t->npath && t->low[at] < t->low[t->path[t->npath - 1]])
			t->low[t->path[t->npath - 1]] = t->low[at];
	}
}

HOT int graph_cycles(struct verifier *v)
{
	struct tarjan t = { .v = v };
	uint32_t *words;
	uint8_t *bytes;

	if (!v->cyclic)
		return 0;
	words = calloc(v->n, 4 * sizeof(*words));
	bytes = calloc(v->n, 2);
	v->scc = ARENA_ARRAY(&v->arena, uint32_t, v->n);
	if (words && bytes && v->scc) {
		t.index = words;
		t.low = words + v->n;
		t.stack = words + 2 * (size_t)v->n;
		t.path = words + 3 * (size_t)v->n;
		t.on = bytes;
		t.child = bytes + v->n;
		for (uint32_t i = 0; i < v->nfuncs; i++)
			if (!t.index[v->funcs[i].start])
				tarjan(&t, v->funcs[i].start);
	} else {
		v->oom = true;
	}
	free(words);
	free(bytes);
	return v->oom ? -ENOMEM : 0;
}
