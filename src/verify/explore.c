// SPDX-License-Identifier: Apache-2.0
/*
 * The walk: one instruction after the other along a path, branches that are still to be walked on a stack, until every path has
 * ended or one is refused. Each function that is checked by itself is walked from its own start.
 */
#include "verify/contract.h"
#include "verify/explain.h"
#include "verify/helpers.h"
#include "verify/old_kernel.h"
#include "verify/summary.h"

#define OLD_PENDING 1024 /* before FEATURE_MANY_BRANCHES */
#define OLD_LIMIT 131072 /* before FEATURE_WALK_MILLION */

HOT uint32_t next_id(struct verifier *v)
{
	return ++v->ids;
}

HOT struct state *push_branch(struct verifier *v, uint32_t at, uint32_t prev)
{
	struct pending *p;

	if (v->npending == OLD_PENDING && profile_feature(v, FEATURE_MANY_BRANCHES) < 0)
		return NULL;
	if (v->npending >= MAX_PENDING) {
		reject(v, &ERR_COMPLEX, "The sequence of %u jumps is too complex.", v->npending);
		return NULL;
	}
	p = v->free_pending;
	if (p)
		v->free_pending = p->next;
	else
		p = ARENA_NEW(&v->arena, struct pending);
	if (!p) {
		v->oom = true;
		return NULL;
	}
	p->state = state_copy(v, v->st, true);
	p->insn = at;
	p->prev = prev;
	p->late = false;
	p->log_pos = v->log.len;
	p->next = v->pending;
	v->pending = p;
	v->npending++;
	if (v->oom)
		return NULL;
	p->state->branches = 1;
	if (p->state->parent)
		p->state->parent->branches++;
	return p->state;
}

void path_ended(struct verifier *v, struct state *st)
{
	while (st) {
		struct state *parent = st->parent;

		if (--st->branches)
			break;
		prune_done(v, st);
		st = parent;
	}
}

static void end_path(struct verifier *v)
{
	struct state *parent = v->st->parent;

	state_free(v, v->st);
	v->st = NULL;
	path_ended(v, parent);
}

static bool pop(struct verifier *v)
{
	struct pending *p = v->pending;

	if (!p)
		return false;
	v->pending = p->next;
	v->npending--;
	v->st = p->state;
	v->at = p->insn;
	v->prev = p->prev;
	if (p->late)
		frame_own(v, v->st, v->st->cur)->regs[p->regno].s = p->s;
	if (!(v->log_level & VERIFY_LOG_ALL) && logging(v)) {
		v->log.len = p->log_pos;
		if (v->log.data)
			v->log.data[v->log.len] = '\0';
		v->last_line = NULL;
	}
	p->next = v->free_pending;
	v->free_pending = p;
	v->popped = true;
	memset(v->printed_regs, 0, sizeof(v->printed_regs));
	memset(v->printed_slots, 0, sizeof(v->printed_slots));
	return true;
}

static void forget_packet(struct verifier *v, struct reg *r, void *ctx)
{
	(void)v;
	(void)ctx;
	if (reg_is_packet(r) || r->type == T_PKT_END ||
	    (r->type == T_DYNPTR && (r->dynptr == DYNPTR_SKB || r->dynptr == DYNPTR_XDP) && false))
		reg_invalidate(v, r);
}

void invalidate_packets(struct verifier *v)
{
	state_each_reg(v, v->st, forget_packet, NULL);
	dynptr_packet_moved(v);
}

/* Instructions ------------------------------------------------------------------------------------ */

/* Its accesses are converted, or fault otherwise than others. */
static bool is_special(unsigned int type)
{
	return type == T_CTX || type == T_SOCKET || type == T_SOCK_COMMON || type == T_TCP_SOCK ||
	       type == T_XDP_SOCK || type == T_BTF || type == T_ARENA;
}

/* The host gives it, not the program's stack, packet or maps: the facts must not call it safe, whatever else comes here. */
static bool is_foreign(unsigned int type)
{
	return type == T_FLOW_KEYS || type == T_TP_BUFFER || type == T_BUF;
}

static uint8_t note_pointer(struct verifier *v, unsigned int regno)
{
	const struct reg *r = reg_at(v, regno);
	uint8_t *was = &v->ptr_types[v->at];
	uint8_t type = r->type == T_MEM && r->flags & F_UNTRUSTED ? T_BUF : r->type;

	if (!*was || (is_foreign(type) && !is_special(*was)))
		*was = type;
	return type;
}

HOT static int same_pointers(struct verifier *v, unsigned int regno)
{
	uint8_t type = reg_at(v, regno)->type, *was = &v->ptr_types[v->at];

	if (*was == type && type != T_MEM)
		return 0;
	type = note_pointer(v, regno);
	if (*was == type || (!is_special(type) && !is_special(*was)))
		return 0;
	return reject(v, &ERR_ACCESS, "same insn cannot be used with different pointers");
}

HOT static int load(struct verifier *v)
{
	const struct skep_insn *in = &v->insns[v->at];
	unsigned int mode = in->code >> 5;
	struct access a = { .regno = insn_src(in),
			    .off = in->off,
			    .value = (int)insn_dst(in),
			    .size = isa_access_size(v->ops[v->at]),
			    .sign = mode == 4,
			    .once_strict = mode == 6 };
	uint8_t type, flags;
	int err = use_reg(v, a.regno);

	if (err < 0)
		return err;
	type = reg_at(v, a.regno)->type;
	flags = (uint8_t)reg_at(v, a.regno)->flags;
	(void)flags;
	if (mode == 6 && (type == T_CTX || reg_is_packet(reg_at(v, a.regno)) ||
			  type == T_FLOW_KEYS || type == T_SOCKET || type == T_SOCK_COMMON ||
			  type == T_TCP_SOCK || type == T_XDP_SOCK)) {
		char name[TYPE_NAME];

		return reject(v, &ERR_ACCESS, "BPF_ATOMIC loads from R%u %s is not allowed",
			      a.regno, type_name(v, type, 0, name, sizeof(name)));
	}
	err = same_pointers(v, a.regno);
	if (err == 0)
		err = mem_access(v, &a);
	if (err == 0)
		def_reg(v, insn_dst(in));
	return err;
}

static int store(struct verifier *v)
{
	const struct skep_insn *in = &v->insns[v->at];
	bool reg = (in->code & 7) == 3;
	struct access a = { .regno = insn_dst(in),
			    .off = in->off,
			    .value = reg ? (int)insn_src(in) : -1,
			    .size = isa_access_size(v->ops[v->at]),
			    .write = true,
			    .is_imm = !reg,
			    .imm = in->imm,
			    .once_strict = in->code >> 5 == 6 };
	uint8_t type;
	int err = reg ? use_reg(v, insn_src(in)) : 0;

	if (err == 0)
		err = use_reg(v, a.regno);
	if (err < 0)
		return err;
	type = reg_at(v, a.regno)->type;
	if (a.once_strict && (type == T_CTX || reg_is_packet(reg_at(v, a.regno)) ||
			      type == T_FLOW_KEYS || type == T_SOCKET || type == T_SOCK_COMMON ||
			      type == T_TCP_SOCK || type == T_XDP_SOCK)) {
		char name[TYPE_NAME];

		return reject(v, &ERR_ACCESS, "BPF_ATOMIC stores into R%u %s is not allowed",
			      a.regno, type_name(v, type, 0, name, sizeof(name)));
	}
	if (!reg && type == T_CTX && false)
		return 0;
	err = same_pointers(v, a.regno);
	return err < 0 ? err : mem_access(v, &a);
}

static int atomic_operands(struct verifier *v, unsigned int dst, unsigned int src)
{
	bool cmpxchg = isa_writes(v->ops[v->at]) & ISA_USE_R0;
	const struct reg *r;
	char name[TYPE_NAME];
	int err = use_reg(v, src);

	if (err == 0)
		err = use_reg(v, dst);
	if (err == 0 && cmpxchg) {
		err = use_reg(v, 0);
		if (err == 0 && reg_is_pointer(reg_at(v, 0)) && !v->allow_leak)
			err = reject(v, &ERR_LEAK, "R0 leaks addr into mem");
	}
	if (err == 0 && reg_is_pointer(reg_at(v, src)) && !v->allow_leak)
		err = reject(v, &ERR_LEAK, "R%u leaks addr into mem", src);
	if (err < 0)
		return err;
	r = reg_at(v, dst);
	if (r->type == T_CTX || reg_is_packet(r) || r->type == T_FLOW_KEYS || r->type == T_SOCKET ||
	    r->type == T_SOCK_COMMON || r->type == T_TCP_SOCK || r->type == T_XDP_SOCK)
		return reject(v, &ERR_ACCESS, "BPF_ATOMIC stores into R%u %s is not allowed", dst,
			      type_name(v, r->type, r->flags, name, sizeof(name)));
	return 0;
}

/* Read, then write something unknown; what was there comes back in a register. */
static int atomic(struct verifier *v)
{
	const struct skep_insn *in = &v->insns[v->at];
	unsigned int writes = isa_writes(v->ops[v->at]);
	int back = writes & ISA_USE_SRC ? (int)insn_src(in) : writes & ISA_USE_R0 ? 0 : -1;
	struct access a = { .regno = insn_dst(in),
			    .off = in->off,
			    .value = -1,
			    .once_strict = true,
			    .size = isa_access_size(v->ops[v->at]) };
	struct reg was, loaded;
	int err = atomic_operands(v, a.regno, insn_src(in));

	if (err < 0)
		return err;
	note_pointer(v, a.regno);
	was = *reg_at(v, a.regno);
	err = mem_access(v, &a);
	if (err == 0 && back >= 0) {
		a.value = back;
		err = mem_access(v, &a);
		loaded = *reg_at(v, (unsigned int)back);
		*reg_at(v, a.regno) = was;
	}
	if (err < 0)
		return err;
	a.value = -1;
	a.write = true;
	err = mem_access(v, &a);
	if (err < 0)
		return err;
	if (back >= 0) {
		*reg_at(v, (unsigned int)back) = loaded;
		def_reg(v, (unsigned int)back);
	}
	return 0;
}

static int wide_load(struct verifier *v)
{
	const struct skep_insn *in = &v->insns[v->at];
	struct reg *dst = reg_at(v, insn_dst(in));
	unsigned int src = insn_src(in);
	const struct verify_map *map;

	def_reg(v, insn_dst(in));
	if (src == ISA_PSEUDO_IMM) {
		reg_const(dst, (uint32_t)in->imm | (uint64_t)(uint32_t)in[1].imm << 32);
		return 0;
	}
	if (src == ISA_PSEUDO_BTF_ID)
		return contract_ksym(v, dst, (uint32_t)in->imm);
	if (src == ISA_PSEUDO_FUNC) {
		uint32_t f = graph_func_at(v, (int64_t)v->at + 1 + in->imm);

		reg_pointer(dst, T_FUNC, 0);
		dst->subprog = f;
		return 0;
	}
	map = &v->o->maps[in->imm];
	if (src == ISA_PSEUDO_MAP_FD || src == ISA_PSEUDO_MAP_IDX) {
		if (map->type == MAP_ARENA) {
			reg_pointer(dst, T_MAP_PTR, 0);
		} else {
			reg_pointer(dst, T_MAP_PTR, 0);
		}
	} else if (map->type == MAP_ARENA) {
		reg_pointer(dst, T_ARENA, 0);
		return 0;
	} else {
		reg_pointer(dst, T_MAP_VALUE, 0);
		dst->off = in[1].imm;
	}
	dst->map = map;
	return 0;
}

static int jump(struct verifier *v, uint32_t *ret_next)
{
	uint32_t to =
		(uint32_t)((int64_t)v->at + 1 + isa_jump_delta(v->ops[v->at], &v->insns[v->at]));
	struct state *stays;

	*ret_next = to;
	if (v->ops[v->at] != ISA_MAY_GOTO)
		return 0;
	stays = push_branch(v, v->at + 1, v->at);
	if (!stays)
		return -E2BIG;
	stays->may_goto_depth++;
	widen_round(v, stays, v->at);
	return 0;
}

static int step(struct verifier *v, uint32_t *ret_next, bool *ret_ended)
{
	enum isa_op op = v->ops[v->at];
	bool both;

	*ret_next = v->at + isa_slots(op);
	switch (isa_kind(op)) {
	case ISA_KIND_ALU:
		return do_alu(v);
	case ISA_KIND_CAST:
		return do_cast(v);
	case ISA_KIND_LOAD:
		return load(v);
	case ISA_KIND_STORE:
		return store(v);
	case ISA_KIND_ATOMIC:
		return atomic(v);
	case ISA_KIND_WIDE_LOAD:
		return wide_load(v);
	case ISA_KIND_PACKET:
		return do_packet_load(v);
	case ISA_KIND_JUMP:
		v->jumps++;
		return jump(v, ret_next);
	case ISA_KIND_BRANCH:
		v->jumps++;
		return do_branch(v, &both, ret_next);
	case ISA_KIND_CALL: {
		int r;

		v->jumps++;
		v->next = *ret_next;
		r = do_call(v);
		*ret_next = v->next;
		*ret_ended = r > 0; /* something was thrown */
		return r < 0 ? r : 0;
	}
	case ISA_KIND_EXIT: {
		int r;

		v->jumps++;
		v->next = *ret_next;
		r = do_exit(v, ret_ended);
		*ret_next = v->next;
		return r;
	}
	case ISA_KIND_JUMP_REG:
	case ISA_KIND_NONE:
		break;
	}
	return reject(v, &ERR_INSN, "unknown opcode %02x", v->insns[v->at].code);
}

static void log_before(struct verifier *v)
{
	if (v->popped || v->log_from) {
		if (v->popped)
			say(v, "\nfrom %u to %u%s:", v->prev, v->at,
			    v->st->speculative ? " (speculative execution)" : "");
		else
			say(v, "%u:", v->at);
		log_state(v, v->st, v->st->cur, true);
		v->popped = v->log_from = false;
	} else {
		log_changed(v);
	}
	log_insn(v, v->at);
}

/* At a place where states are kept. 1: the path has ended, 0: go on. */
static int visit(struct verifier *v)
{
	bool known = false;
	int err = prune_visit(v, &known);

	if (err < 0 || !known)
		return err < 0 || !v->loops ? err : summary_begin(v);
	if (logging(v)) {
		if (v->popped)
			say(v, "\nfrom %u to %u%s: safe\n", v->prev, v->at,
			    v->st->speculative ? " (speculative execution)" : "");
		else
			say(v, "%u: safe\n", v->at);
	}
	v->popped = false;
	return 1;
}

static int act(struct verifier *v, uint32_t *ret_next, bool *ret_ended)
{
	enum isa_kind kind = isa_kind(v->ops[v->at]);
	int err;

	if (v->marks[v->at] & AT_BAD_FIELD)
		return graph_bad_insn(v, v->at);
	if (v->marks[v->at] & AT_BAD_WRITE)
		return reject(v, &ERR_FRAME_POINTER, "frame pointer is read only");
	if (kind != ISA_KIND_BRANCH && kind != ISA_KIND_JUMP) /* those own what they refine */
		frame_own(v, v->st, v->st->cur);
	err = profile_step(v);
	return err < 0 ? err : step(v, ret_next, ret_ended);
}

/* The instruction itself; as one(). */
HOT static int perform(struct verifier *v)
{
	uint32_t next;
	bool ended = false;
	int err;

	if (v->st->speculative && v->marks[v->at] & AT_BARRIER)
		return 1;
	if (v->explain)
		explain_before(v);
	err = act(v, &next, &ended);
	if (err < 0)
		return speculate_recovers(v, err) ? 1 : err;
	if (v->explain)
		explain_after(v);
	if (v->oom)
		return -ENOMEM;
	if (ended || (v->st->speculative && v->marks[v->at] & AT_BARRIER_AFTER))
		return 1;
	v->prev = v->at;
	v->at = next;
	return 0;
}

/* 1: the path has ended, 2: it is put off, 0: go on, or a negative errno. */
static int one(struct verifier *v)
{
	int err;

	if (v->trial && !(v->marks[v->at] & AT_SEEN))
		summary_seen(v);
	v->marks[v->at] |= AT_SEEN;
	if (v->costs)
		costs_note(v);
	if (++v->stats.insns_processed > v->insn_limit)
		return reject(v, &ERR_COMPLEX, "BPF program is too large. Processed %u insn",
			      v->stats.insns_processed);
	if (v->stats.insns_processed == OLD_LIMIT + 1 &&
	    profile_feature(v, FEATURE_WALK_MILLION) < 0)
		return -ERR_KERNEL.code;
	v->st->last_insn = v->prev;
	if (v->trial && !v->resumed) {
		err = summary_step(v);
		if (err)
			return err;
	}
	if (v->marks[v->at] & AT_TARGET && !v->resumed) {
		err = visit(v);
		if (err)
			return err;
	}
	if (v->resumed)
		v->resumed = false;
	else if (v->prev + 1 != v->at &&
		 !(v->prev + 2 == v->at && v->marks[v->at - 1] & AT_SECOND) && v->started) {
		struct step s = { .at = v->at, .from = v->prev, .slot = -1 };

		state_add_step(v, v->st, &s);
	}
	v->started = true;
	if (logging(v))
		log_before(v);
	if (v->o->watch && !v->st->speculative && !(v->trial && summary_silent(v)))
		watch_state(v);
	return perform(v);
}

#define PLAIN \
	(1u << ISA_KIND_ALU | 1u << ISA_KIND_LOAD | 1u << ISA_KIND_STORE | 1u << ISA_KIND_WIDE_LOAD)
#define WANTS_MORE                                                                                 \
	(AT_TARGET | AT_FORCE | AT_ITER | AT_CALLBACK | AT_BAD_WRITE | AT_BAD_FIELD | AT_BARRIER | \
	 AT_BARRIER_AFTER)

/* Does nobody ask for more of an instruction than that it is walked? */
static bool is_quiet(const struct verifier *v)
{
	return v->perfmon && !v->o->profile && !v->o->watch && !v->explain && !v->costs &&
	       !logging(v);
}

static int plain(struct verifier *v, enum isa_op op)
{
	enum isa_kind kind = isa_kind(op);

	if (kind == ISA_KIND_ALU)
		return do_alu(v);
	if (kind == ISA_KIND_LOAD)
		return load(v);
	return kind == ISA_KIND_STORE ? store(v) : wide_load(v);
}

/* As one(), for instructions that stand in a row, as long as there is nothing else to do with them. */
static int straight(struct verifier *v)
{
	if (v->prev + 1 != v->at && !(v->prev + 2 == v->at && v->marks[v->at - 1] & AT_SECOND))
		return 0;
	while (v->stats.insns_processed < v->insn_limit) {
		uint32_t at = v->at;
		enum isa_op op = v->ops[at];
		int err;

		if (v->marks[at] & WANTS_MORE || !(PLAIN >> isa_kind(op) & 1))
			return 0;
		v->marks[at] |= AT_SEEN;
		v->stats.insns_processed++;
		v->st->last_insn = v->prev;
		frame_own(v, v->st, v->st->cur);
		err = plain(v, op);
		if (err < 0)
			return err;
		if (v->oom)
			return -ENOMEM;
		v->prev = at;
		v->at = at + isa_slots(op);
	}
	return 0;
}

/* 1: v->st is the next one, 0: there is none. */
static int next_path(struct verifier *v)
{
	while (v->trial && summary_walked(v)) {
		if (summary_end(v))
			return 1;
		if (v->oom)
			return -ENOMEM;
	}
	return pop(v);
}

static int walk(struct verifier *v)
{
	bool quiet = is_quiet(v);
	int r;

	v->started = false;
	for (;;) {
		do {
			r = quiet && v->started && !v->trial ? straight(v) : 0;
			if (r == 0)
				r = one(v);
		} while (r == 0);
		while (r < 0 && v->explain) {
			r = explain_reject(v, r);
			if (r == 2)
				r = perform(v);
			else if (r < 0)
				return r;
		}
		if (r == 0)
			continue;
		if (r < 0 && (v->oom || !v->trial))
			return r;
		if (r < 0) {
			summary_abort(v);
			continue;
		}
		if (r == 1)
			end_path(v);
		r = next_path(v);
		if (r <= 0)
			return r;
	}
}

HOT int explore(struct verifier *v, uint32_t func)
{
	struct state *st = state_new(v);
	struct frame *f = frame_new(v, func, UINT32_MAX);
	int r;

	v->func = func;
	v->st = st;
	st->frames[0] = f;
	st->branches = 1;
	st->sleepable = v->o->prog_flags & VERIFY_F_SLEEPABLE;
	f->inst = live_instance(v, UINT32_MAX, UINT32_MAX, func);
	reg_pointer(&f->regs[FP], T_STACK, 0);
	v->at = v->prev = v->funcs[func].start;
	st->first_insn = v->at;
	if (v->explored)
		memset(v->kept, 0, v->n * sizeof(*v->kept));
	v->explored = true;
	if (v->oom)
		return -ENOMEM;
	r = contract_enter(v, func, f);
	if (r < 0)
		return r;
	v->log_from = true;
	v->popped = false;
	return walk(v);
}
