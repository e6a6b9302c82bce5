// SPDX-License-Identifier: Apache-2.0
/* Blocks of a function's instructions, the stack slots that can be variables, and liveness of all variables. */
#include <string.h>

#include "jit/build.h"

static inline bool is_packet(enum isa_op op)
{
	return jit_ops[op].kind == ISA_KIND_PACKET;
}

static inline uint32_t slots(enum isa_op op)
{
	return jit_ops[op].kind == ISA_KIND_WIDE_LOAD ? 2 : 1;
}

static inline bool ends_span(const struct build *b, uint32_t i)
{
	const struct exec_view *v = &b->u->view[i];

	if (jit_ops[v->op].plain)
		return false;
	if (jit_ops[v->op].kind == ISA_KIND_CALL)
		return (v->tail_call && !build_jumps_on(b)) || jit_loop_callee(b->u, i);
	return jit_ops[v->op].jumps || jit_ops[v->op].stops || is_packet(v->op);
}

static inline bool falls(const struct build *b, uint32_t i)
{
	const struct exec_view *v = &b->u->view[i];
	uint32_t next = i + slots(v->op);

	return !jit_ops[v->op].stops && next < b->fn->end && b->u->view[next].reached;
}

static uint32_t span_of(const struct build *b, uint32_t insn)
{
	return b->span_at[insn - b->fn->start];
}

static void link_span(struct build *b, struct span *s)
{
	const struct exec_view *v = &b->u->view[s->last];
	uint32_t next = s->last + slots(v->op), to;
	bool jump = jit_ops[v->op].jumps;

	s->succ[0] = s->succ[1] = NO_BLOCK;
	if (falls(b, s->last))
		s->succ[jump ? 1 : 0] = span_of(b, next);
	if (jump) {
		to = jit_target_of(b->u, s->last);
		if (b->u->view[to].reached)
			s->succ[0] = span_of(b, to);
	}
	if (s->succ[0] == NO_BLOCK || s->succ[0] == s->succ[1]) {
		s->succ[0] = s->succ[1];
		s->succ[1] = NO_BLOCK;
	}
	if (jit_loop_callee(b->u, s->last)) {
		s->succ[1] = s->succ[0];
		s->succ[0] = (uint32_t)(s - b->spans) + !s->loop;
	}
	s->leaves = is_packet(v->op) || (v->tail_call && !build_jumps_on(b));
	b->nleaves += s->leaves;
}

static struct span *new_span(struct build *b, uint32_t start)
{
	struct span *s = &b->spans[b->nspans++];

	*s = (struct span){ .start = start, .end = start, .last = start };
	return s;
}

/* Indirect jumps: the targets of a function in their order, and a tree of comparisons for each jump. */
struct targets {
	uint32_t *insn, n;
};

#define MAX_INNER 100000
#define MAX_SPANS 20000 /* of a function whose stack slots are variables */

/* How many spans the trees may take; targets are listed. */
static int find_targets(struct build *b, struct targets *t, uint32_t *ret_inner)
{
	uint64_t jumps = 0;

	*t = (struct targets){ 0 };
	*ret_inner = 0;
	if (!b->fn->indirect)
		return 0;
	for (uint32_t i = b->fn->start; i < b->fn->end; i++) {
		t->n += b->u->view[i].reached && b->u->view[i].in_table;
		jumps += b->u->view[i].reached && b->u->view[i].op == ISA_JA_REG;
	}
	if (jumps * t->n > MAX_INNER) {
		b->u->why = "too many indirect jumps with too many targets";
		return -EOPNOTSUPP;
	}
	*ret_inner = (uint32_t)jumps * t->n;
	t->insn = ARENA_ARRAY(b->arena, uint32_t, t->n);
	if (!t->insn)
		return -ENOMEM;
	t->n = 0;
	for (uint32_t i = b->fn->start; i < b->fn->end; i++)
		if (b->u->view[i].reached && b->u->view[i].in_table)
			t->insn[t->n++] = i;
	return 0;
}

/* The span that decides between targets [from, to), of which there is one at least. */
static uint32_t decide(struct build *b, const struct targets *t, struct span *s, uint32_t from,
		       uint32_t to)
{
	uint32_t mid = from + (to - from) / 2;

	if (!s && to - from == 1)
		return span_of(b, t->insn[from]);
	if (!s) {
		s = new_span(b, 0);
		s->inner = true;
	}
	s->pivot = t->insn[mid];
	s->succ[0] = decide(b, t, NULL, from, mid);
	s->succ[1] = decide(b, t, NULL, mid, to);
	return (uint32_t)(s - b->spans);
}

static void link_indirect(struct build *b, const struct targets *t, uint32_t k)
{
	const var_set budget = b->left >= 0 ? VAR(b->left) : 0;
	uint32_t inner = b->nspans;
	struct span *s = &b->spans[k];

	s->succ[0] = s->succ[1] = NO_BLOCK;
	if (t->n == 1)
		s->succ[0] = span_of(b, t->insn[0]);
	else if (t->n)
		decide(b, t, s, 0, t->n);
	for (; inner < b->nspans; inner++) {
		b->spans[inner].last = s->last;
		b->spans[inner].writes = s->writes & budget;
		b->spans[inner].reads = VAR(b->u->view[s->last].dst) | (s->writes & budget);
	}
}

/* The bytes of the frame while they are given away. */
struct bytes {
	int16_t owner[ISA_STACK_SIZE]; /* 1 + start of the access that has it, -1: memory */
	uint8_t size[ISA_STACK_SIZE];  /* of the accesses that start here; 0xff: not alike */
};

static void spoil(struct bytes *t, int32_t at, uint32_t bytes)
{
	for (int32_t k = at < 0 ? 0 : at; k < at + (int32_t)bytes && k < ISA_STACK_SIZE; k++) {
		if (t->owner[k] > 0)
			t->size[t->owner[k] - 1] = 0xff;
		t->owner[k] = -1;
	}
}

/* Claims the bytes of one access for its slot; they may belong to another. */
static void claim(struct bytes *t, int32_t off, uint32_t bytes)
{
	int32_t at = off + ISA_STACK_SIZE;
	bool clash = false;

	if (at < 0 || at + (int32_t)bytes > ISA_STACK_SIZE)
		return;
	for (uint32_t k = 0; k < bytes; k++)
		clash |= t->owner[at + (int32_t)k] && t->owner[at + (int32_t)k] != at + 1;
	clash |= t->owner[at] == at + 1 && t->size[at] != bytes;
	if (clash) {
		spoil(t, at, bytes);
		return;
	}
	for (uint32_t k = 0; k < bytes; k++)
		t->owner[at + (int32_t)k] = (int16_t)(at + 1);
	t->size[at] = (uint8_t)bytes;
}

static bool whole(const struct bytes *t, int32_t at)
{
	bool all = t->size[at] && t->size[at] != 0xff;

	for (int k = 0; all && k < t->size[at]; k++)
		all = t->owner[at + k] == at + 1;
	return all;
}

static bool tiled(const struct bytes *t, int32_t at, uint32_t bytes)
{
	int32_t end = at + (int32_t)bytes;

	while (at < end && whole(t, at))
		at += t->size[at];
	return at == end;
}

/* What calls touch: words that they take by value stay variables if they consist of whole ones. */
static void claim_calls(const struct build *b, struct bytes *t)
{
	bool changed = true;

	for (int pass = 0; changed; pass++) {
		changed = false;
		for (uint32_t i = b->fn->start; i < b->fn->end; i++) {
			const struct jit_known_call *call = jit_known_call(b->u, i);

			for (int a = 0; call && b->u->view[i].reached && a < 5; a++) {
				int32_t at = (int32_t)call->arg[a].value + ISA_STACK_SIZE;

				if (!call->bytes[a] || (pass && !call->word[a]) ||
				    (call->word[a] && tiled(t, at, call->bytes[a])))
					continue;
				changed |= !pass || t->owner[at] != -1;
				spoil(t, at, call->bytes[a]);
			}
		}
	}
}

/*
 * Checked code's memory is what others may find there: only the entry's frame, when no function of the program
 * lets an address of a frame go, is nobody else's. Whoever guesses its address finds zeros.
 */
static bool keeps_frame(const struct jit_unit *u, const struct jit_func *fn)
{
	if (!u->checked || u->vouched)
		return fn->known ? !fn->escaped : !fn->names_frame;
	if (fn != u->funcs || fn->callback)
		return false;
	for (uint32_t f = 0; f < u->nfuncs; f++) {
		const struct jit_func *other = &u->funcs[f];

		if (other->reached && (other->known ? other->escaped : other->names_frame))
			return false;
	}
	return true;
}

static bool may_have_slots(const struct build *b)
{
	return b->fn->uses_stack && !b->u->opts->no_optimise &&
	       b->fn->targets + b->fn->others <= MAX_SPANS && keeps_frame(b->u, b->fn);
}

int build_find_slots(struct build *b)
{
	struct bytes *t;

	b->nvars = FIRST_SLOT;
	if (!may_have_slots(b))
		return 0;
	t = ARENA_NEW(b->arena, struct bytes);
	b->slots = ARENA_NEW(b->arena, struct slots);
	if (!t || !b->slots)
		return -ENOMEM;
	for (uint32_t i = b->fn->start; i < b->fn->end; i++) {
		const struct exec_view *v = &b->u->view[i];
		const struct jit_op *op = &jit_ops[v->op];

		if (v->reached && (op->kind == ISA_KIND_LOAD || op->kind == ISA_KIND_STORE))
			claim(t, jit_frame_off(b->u, i), op->bytes);
	}
	if (b->fn->known)
		claim_calls(b, t);
	for (int at = ISA_STACK_SIZE - 1; at >= 0; at--) {
		if (!t->size[at] || !whole(t, at))
			continue;
		b->slots->size[at] = t->size[at];
		if (b->nvars < MAX_VARS - 2) /* for the budget, and the turns of a loop */
			b->slots->var[at] = (uint8_t)b->nvars++;
	}
	return 0;
}

bool build_tiled(const struct build *b, int32_t off, uint32_t size)
{
	int32_t at = off + ISA_STACK_SIZE, end = at + (int32_t)size;

	while (b->slots && at < end && b->slots->size[at])
		at += b->slots->size[at];
	return at == end;
}

int build_slot(const struct build *b, int32_t off, uint32_t size)
{
	int32_t at = off + ISA_STACK_SIZE;

	if (!b->slots || at < 0 || at >= ISA_STACK_SIZE || !b->slots->var[at] ||
	    b->slots->size[at] != size)
		return -1;
	return b->slots->var[at];
}

uint64_t build_arg_mask(const struct jit_unit *u, uint32_t insn)
{
	const struct exec_view *v = &u->view[insn];
	const enum spec_arg *args;
	uint64_t mask = 0;

	if (v->op == ISA_CALL_LOCAL)
		return u->funcs[u->func_of[jit_target_of(u, insn)]].live_in;
	if (v->tail_call)
		return 0xe;
	if (v->op == ISA_CALLX)
		return 0x3e;
	args = v->call->row ? v->call->row->args : v->call->custom->args;
	for (int i = 0; i < 5 && args[i] != ARG_NONE; i++)
		mask |= 2ull << i;
	return mask || v->call->row ? mask :
				      0x3e; /* an embedder's without a list takes what there is */
}

/* The variables that a call takes by value from the frame. */
static var_set word_slots(const struct build *b, uint32_t i)
{
	const struct jit_known_call *call = jit_known_call(b->u, i);
	var_set mask = 0;

	for (int a = 0; call && b->slots && a < 5; a++) {
		int32_t off = (int32_t)call->arg[a].value;

		for (uint32_t k = 0; call->bytes[a] && k < call->word[a]; k++) {
			int32_t at = off + (int32_t)k + ISA_STACK_SIZE;

			if (b->slots->var[at])
				mask |= VAR(b->slots->var[at]);
		}
	}
	return mask;
}

/* Registers that are read before they are written, and written. */
struct regs {
	uint32_t reads, writes;
};

/* An instruction that may be more than its registers: its slots go to the span, more registers are given. */
static __attribute__((noinline)) struct regs special(const struct build *b, struct span *s,
						     uint32_t i)
{
	const struct exec_view *v = &b->u->view[i];
	const struct jit_op *op = &jit_ops[v->op];
	struct regs more = { 0, 0 };
	int slot;

	if (op->kind == ISA_KIND_LOAD || op->kind == ISA_KIND_STORE) {
		slot = build_slot(b, jit_frame_off(b->u, i), op->bytes);
		if (slot >= 0 && op->kind == ISA_KIND_LOAD)
			s->reads |= VAR(slot) & ~s->writes;
		else if (slot >= 0)
			s->writes |= VAR(slot);
	} else if (op->kind == ISA_KIND_CALL) {
		more.reads = (uint32_t)build_arg_mask(b->u, i);
		s->reads |= word_slots(b, i) & ~s->writes;
	}
	if (op->writes & ISA_USE_CALLER)
		more.writes = b->u->keeps_args && v->op != ISA_CALL_LOCAL ? 1 : 0x3f;
	return more;
}

static inline void add_regs(struct span *s, struct regs regs)
{
	if (!s)
		return;
	s->reads |= regs.reads & ~s->writes;
	s->writes |= regs.writes;
}

/* The span that goes on behind instruction @i of @s, or NULL. */
static __attribute__((noinline)) struct span *next_span(struct build *b, struct span *s, uint32_t i)
{
	if (jit_loop_callee(b->u, i)) {
		var_set counts = VAR(b->turn) | (b->left >= 0 ? VAR(b->left) : 0);

		s->writes |= counts;
		s = new_span(b, i);
		s->loop = true;
		s->reads = counts;
		s->writes = counts | 1;
	}
	return ends_span(b, i) || !falls(b, i) ? NULL : s;
}

static struct span *start_span(struct build *b, uint32_t i)
{
	struct span *s = new_span(b, i);

	b->span_at[i - b->fn->start] = b->nspans - 1;
	if (b->left >= 0) /* every span reads the budget, and changes it */
		s->reads = s->writes = VAR(b->left);
	return s;
}

static void find_spans(struct build *b)
{
#define ONE(r) [r] = 1ull << (r) | 1ull << (32 + (r))
	static const uint64_t one[16] = { ONE(0), ONE(1), ONE(2), ONE(3), ONE(4),
					  ONE(5), ONE(6), ONE(7), ONE(8), ONE(9) };
#undef ONE
	const uint32_t end = b->fn->end;
	const struct exec_view *v = &b->u->view[b->fn->start];
	struct regs now = { 0, 0 }, more = { 0, 0 };
	struct span *s = NULL;

	for (uint32_t i = b->fn->start; i < end; i++, v++) {
		const struct jit_op *op = &jit_ops[v->op];
		uint64_t regs;

		if (!v->reached)
			continue;
		if (!s || v->target) {
			add_regs(s, now);
			now = (struct regs){ 0, 0 };
			s = start_span(b, i);
		}
		s->last = i;
		s->end = i + 1;
		if (!op->plain || (b->slots && op->bytes))
			more = special(b, s, i);
		regs = (one[v->dst] & op->dst) | (one[v->src] & op->src) | op->r0;
		now.reads |= ((uint32_t)regs | more.reads) & ~now.writes;
		now.writes |= (uint32_t)(regs >> 32) | more.writes;
		if (op->plain)
			continue;
		add_regs(s, now);
		now = more = (struct regs){ 0, 0 };
		s = next_span(b, s, i);
	}
	add_regs(s, now);
}

int build_spans(struct build *b)
{
	uint32_t n = b->fn->end - b->fn->start, inner, plain;
	/* each target and each that may end one starts one, a call of bpf_loop two */
	size_t most = 2 + (size_t)b->fn->targets + 2 * (size_t)b->fn->others;
	struct targets targets;
	int r = find_targets(b, &targets, &inner);

	if (r < 0)
		return r;
	b->span_at = ARENA_RAW(b->arena, uint32_t, n);
	b->spans = ARENA_RAW(b->arena, struct span, most + inner + 1);
	if (!b->span_at || !b->spans)
		return -ENOMEM;
	new_span(b, 0);
	b->spans[0].end = 0;
	b->spans[0].succ[0] = 1;
	b->spans[0].succ[1] = NO_BLOCK;
	find_spans(b);
	plain = b->nspans;
	for (uint32_t k = 1; k < plain; k++)
		if (b->u->view[b->spans[k].last].op == ISA_JA_REG)
			link_indirect(b, &targets, k);
		else
			link_span(b, &b->spans[k]);
	return 0;
}

static int spread_liveness(struct build *b)
{
	bool changed = true, back = false;

	for (uint32_t round = 0; changed; round++) {
		changed = false;
		if (round > 1000)
			return -EOPNOTSUPP;
		for (uint32_t k = b->nspans; k-- > 0;) {
			struct span *s = &b->spans[k];
			var_set out = 0, live;

			for (int e = 0; e < 2; e++)
				if (s->succ[e] != NO_BLOCK) {
					out |= b->spans[s->succ[e]].live;
					back |= s->succ[e] <= k;
				}
			live = s->reads | (out & ~s->writes);
			changed |= live != s->live;
			s->live = live;
		}
		changed &= back; /* else once is enough */
	}
	return 0;
}

/* Slots that are read before they are written stay in memory, whose contents are others'. */
static void drop_open_slots(struct build *b)
{
	const var_set open = b->spans[0].live & ~(VAR(FIRST_SLOT) - 1);
	var_set dropped = 0;

	for (uint32_t at = 0; open && at < ISA_STACK_SIZE; at++) {
		uint8_t *var = &b->slots->var[at];

		if (!*var || !(open >> *var & 1))
			continue;
		dropped |= VAR(*var);
		*var = 0;
	}
	for (uint32_t k = 0; dropped && k < b->nspans; k++) {
		b->spans[k].reads &= ~dropped;
		b->spans[k].writes &= ~dropped;
		b->spans[k].live &= ~dropped;
	}
}

int build_liveness(struct build *b)
{
	int r = spread_liveness(b);

	if (r == 0 && b->slots && b->u->checked && !b->u->vouched)
		drop_open_slots(b);
	return r;
}
