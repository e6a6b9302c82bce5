// SPDX-License-Identifier: Apache-2.0
/*
 * From instructions to a program that the dispatch loop can trust: every op is an instruction, every
 * jump and call lands on one, jumps stay in their function, and no function's end can be passed
 * (RFC 9669 section 4.3; the rest is the kernel's rule for subprograms). A function starts at 0 and
 * wherever a local call or a function pointer leads. What this engine cannot run is refused here, by
 * name, unless it lies in dead code (reach.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/internal.h"
#include "spec/rules.h"

struct maker {
	struct exec_prog *prog;
	const struct exec_prog_opts *opts;
	enum isa_op *ops; /* by instruction; fillers are ISA_INVALID */
	uint32_t *func;	  /* start of the function that holds the instruction */
};

static int refuse(const struct maker *m, uint32_t i, const struct err_def *def,
		  struct skep_error **reterr, const char *text)
{
	return skep_fail(reterr, def, trap_place(m->prog, i), "%s", text);
}

static int copy_input(struct maker *m, struct skep_error **reterr)
{
	const struct exec_prog_opts *o = m->opts;
	struct exec_prog *p = m->prog;
	struct arena *a = &p->arena;
	bool ok;

	p->object = arena_strdup(a, o->object ? o->object : "program");
	p->name = arena_strdup(a, o->name ? o->name : "program");
	p->insns = arena_dup(a, o->insns, o->ninsns * sizeof(*o->insns));
	p->ops = ARENA_ARRAY(a, struct exec_op, o->ninsns);
	p->marks = ARENA_ARRAY(a, uint8_t, o->ninsns);
	p->lines = ARENA_ARRAY(a, struct exec_line, o->nlines);
	p->poisons = ARENA_ARRAY(a, struct exec_poison, o->npoisons);
	ok = p->object && p->name && p->insns && p->ops && p->marks && p->lines && p->poisons;
	for (size_t i = 0; ok && i < o->nlines; i++) {
		const struct exec_line *from = &o->lines[i];
		const struct exec_line *prev = i ? &o->lines[i - 1] : NULL;
		struct exec_line *to = &p->lines[i];

		*to = *from;
		if (from->file)
			to->file = prev && prev->file == from->file ? p->lines[i - 1].file :
								      arena_strdup(a, from->file);
		if (from->text)
			to->text = arena_strdup(a, from->text);
		ok = (!from->file || to->file) && (!from->text || to->text);
	}
	for (size_t i = 0; ok && i < o->npoisons; i++) {
		p->poisons[i].insn = o->poisons[i].insn;
		p->poisons[i].reason = arena_strdup(a, o->poisons[i].reason ? o->poisons[i].reason :
									      "nothing was found");
		ok = p->poisons[i].reason;
	}
	p->n = o->ninsns;
	p->nlines = o->nlines;
	p->npoisons = o->npoisons;
	return ok ? 0 : skep_fail_nomem(reterr);
}

/* Before version 19, clang put the register of callx into imm. */
static void mend_callx(struct skep_insn *in)
{
	struct skep_insn now = *in;

	if (in->regs || in->imm <= 0 || in->imm >= ISA_REG_FP)
		return;
	now.regs = insn_regs((unsigned int)in->imm, 0);
	now.imm = 0;
	if (isa_decode(&now, 1) == ISA_CALLX)
		*in = now;
}

static int decode_all(struct maker *m, struct skep_error **reterr)
{
	struct exec_prog *p = m->prog;
	char why[200];

	for (uint32_t i = 0; i < p->n; i += isa_slots(m->ops[i])) {
		enum isa_op op;

		mend_callx(&p->insns[i]);
		op = isa_decode(&p->insns[i], p->n - i);
		m->ops[i] = op;
		if (op == ISA_INVALID) {
			isa_why_invalid(&p->insns[i], p->n - i, why, sizeof(why));
			return refuse(m, i, &ERR_INVALID, reterr, why);
		}
		p->ops[i] = (struct exec_op){ .code = (uint16_t)op,
					      .dst = (uint8_t)insn_dst(&p->insns[i]),
					      .src = (uint8_t)insn_src(&p->insns[i]),
					      .off = p->insns[i].off,
					      .imm = (uint64_t)(int64_t)p->insns[i].imm };
		p->stack |= (p->ops[i].dst == ISA_REG_FP && isa_reads(op) & ISA_USE_DST) ||
			    (p->ops[i].src == ISA_REG_FP && isa_reads(op) & ISA_USE_SRC);
		if (isa_slots(op) == 2)
			p->marks[i + 1] = MARK_FILLER;
	}
	return 0;
}

static bool has_target(enum isa_op op)
{
	return isa_is_jump(op) || op == ISA_CALL_LOCAL || op == ISA_LD_FUNC;
}

/* Marks targets, and puts their distance into `off`. */
static int find_targets(struct maker *m, struct skep_error **reterr)
{
	struct exec_prog *p = m->prog;
	char text[100];

	p->marks[0] |= MARK_FUNC;
	if (p->exception)
		p->marks[p->exception - 1] |= MARK_FUNC;
	for (uint32_t i = 0; i < p->n; i++) {
		enum isa_op op = m->ops[i];
		int64_t delta, to;

		if (!has_target(op))
			continue;
		delta = op == ISA_LD_FUNC ? p->insns[i].imm : isa_jump_delta(op, &p->insns[i]);
		to = (int64_t)i + 1 + delta;
		snprintf(text, sizeof(text), "%s to instruction %lld of %u",
			 isa_is_jump(op) ? "jump" : "call", (long long)to, p->n);
		if (to < 0 || to >= p->n)
			return refuse(m, i, &ERR_TARGET, reterr, text);
		if (p->marks[to] & MARK_FILLER)
			return refuse(m, i, &ERR_TARGET_WIDE, reterr, text);
		p->marks[to] |= isa_is_jump(op) ? MARK_JUMP : MARK_FUNC;
		p->ops[i].off = (int32_t)delta;
	}
	return 0;
}

/* Marks what stands in jump tables, and fills them. */
static int fill_tables(struct maker *m, struct skep_error **reterr)
{
	struct exec_prog *p = m->prog;
	char text[100];

	for (size_t i = 0; i < m->opts->ntables; i++) {
		const struct exec_table *t = &m->opts->tables[i];

		for (uint32_t k = 0; k < t->n; k++) {
			uint32_t to = t->insns[k];

			snprintf(text, sizeof(text), "jump table %zu to instruction %u of %u", i,
				 to, p->n);
			if (to >= p->n)
				return refuse(m, 0, &ERR_TARGET, reterr, text);
			if (p->marks[to] & MARK_FILLER)
				return refuse(m, 0, &ERR_TARGET_WIDE, reterr, text);
			p->marks[to] |= MARK_JUMP | MARK_TABLE;
			t->slots[k] = (uint64_t)(uintptr_t)&p->ops[to];
		}
	}
	return 0;
}

static int check_functions(struct maker *m, struct skep_error **reterr)
{
	struct exec_prog *p = m->prog;
	char text[100];

	for (uint32_t i = 0, start = 0; i < p->n; i++) {
		if (p->marks[i] & MARK_FUNC)
			start = i;
		m->func[i] = start;
	}
	if (m->opts->ntables) {
		p->func = arena_dup(&p->arena, m->func, p->n * sizeof(*p->func));
		if (!p->func)
			return skep_fail_nomem(reterr);
	}
	for (uint32_t i = 0; i < p->n; i++) {
		bool last = i + 1 == p->n || p->marks[i + 1] & MARK_FUNC;
		enum isa_op op = m->ops[i];
		uint32_t to = (uint32_t)((int64_t)i + 1 + p->ops[i].off);

		if (isa_is_jump(op) && m->func[to] != m->func[i]) {
			snprintf(text, sizeof(text), "from the one at %u to instruction %u",
				 m->func[i], to);
			return refuse(m, i, &ERR_TARGET_FUNC, reterr, text);
		}
		if (last && op != ISA_EXIT && op != ISA_JA && op != ISA_JA32 && op != ISA_JA_REG) {
			snprintf(text, sizeof(text),
				 "the one at %u must end with exit or an unconditional jump",
				 m->func[i]);
			return refuse(m, i, &ERR_FALL_OFF, reterr, text);
		}
	}
	return 0;
}

static bool needs_check(const struct spec_helper *row)
{
	for (int i = 0; i < 5; i++)
		if (row->args[i] != ARG_NONE && row->args[i] != ARG_ANY)
			return true;
	return false;
}

static uint64_t wide_imm(const struct skep_insn *in)
{
	return (uint32_t)in[0].imm | (uint64_t)(uint32_t)in[1].imm << 32;
}

static int resolve_loads(struct maker *m, struct skep_error **reterr)
{
	const struct exec_prog_opts *o = m->opts;
	struct exec_prog *p = m->prog;
	char text[100];

	for (uint32_t i = 0; i < p->n; i++) {
		const struct skep_insn *in = &p->insns[i];
		enum isa_op op = m->ops[i];
		bool value = op == ISA_LD_MAP_IDX_VALUE;
		const uint64_t *table = value ? o->map_value : o->map_ptr;
		bool missing = in->imm >= 0 && (size_t)in->imm < o->nmaps && o->map_missing &&
			       o->map_missing[in->imm];

		if (op == ISA_LD_IMM)
			p->ops[i].imm = wide_imm(in);
		if (op == ISA_CAST_KERN || op == ISA_CAST_USER)
			p->ops[i].imm = p->arena_base;
		if (op == ISA_LD_FUNC)
			p->ops[i].imm = (uint64_t)(uintptr_t)&p->ops[(int64_t)i + 1 + in->imm];
		if ((op != ISA_LD_MAP_IDX && !value) || missing)
			continue;
		if (in->imm < 0 || (size_t)in->imm >= o->nmaps || !table || !table[in->imm]) {
			snprintf(text, sizeof(text), "index %d of %zu maps%s", in->imm, o->nmaps,
				 value ? ", with a value at a fixed address" : "");
			return refuse(m, i, &ERR_MAP_INDEX, reterr, text);
		}
		p->ops[i].imm = table[in->imm] + (value ? (uint32_t)in[1].imm : 0);
	}
	return 0;
}

/* Why the helper cannot be called; NULL: it can, and *ret says how. */
static const struct err_def *find_helper(const struct maker *m, int32_t id, struct exec_call *ret,
					 char *text, size_t size)
{
	const struct exec_prog_opts *o = m->opts;
	const struct spec_helper *row = spec_helper(id);
	const char *type = spec_prog_type_name(o->prog_type);

	for (size_t i = 0; o->customs && i < m->prog->ncustoms; i++) {
		if (m->prog->customs[i].id != (uint32_t)id)
			continue;
		*ret = (struct exec_call){ .custom = &m->prog->customs[i] };
		if (m->prog->custom_rows[i].name)
			ret->row = &m->prog->custom_rows[i];
		return NULL;
	}
	if (!row || o->customs) {
		snprintf(text, size, "%d", id);
		return &ERR_HELPER_UNKNOWN;
	}
	snprintf(text, size, "bpf_%s (%d)%s%s", row->name, id,
		 type ? ", in a program of type " : "", type ? type : "");
	if (o->prog_type >= 0 && !spec_helper_allowed(row, o->prog_type))
		return &ERR_HELPER_GATE;
	*ret = (struct exec_call){ .row = spec_helper_for(row, o->prog_type) };
	if (id == HELPER_tail_call)
		return NULL;
	if (id >= 0 && (size_t)id < o->nhelpers && o->helpers)
		ret->fn = o->helpers[id];
	if (ret->fn && o->forms && o->forms[id].kind != HELPER_FORM_NONE) {
		ret->form = &o->forms[id];
		m->prog->needs |= ret->form->needs;
	}
	if (!ret->fn && row->why)
		snprintf(text, size, "bpf_%s (%d) needs a kernel: %s", row->name, id, row->why);
	return ret->fn ? NULL : &ERR_HELPER_UNSERVED;
}

/* Per-CPU maps are built into compiled code with the CPU of the run. */
static void note_percpu(struct maker *m)
{
	const struct exec_prog_opts *o = m->opts;

	for (uint32_t i = 0; o->forms && o->space_ops && i < m->prog->n; i++) {
		const struct exec_map *map;

		if (m->ops[i] != ISA_LD_MAP_IDX || !o->space_ops->map)
			continue;
		map = o->space_ops->map(o->space, m->prog->ops[i].imm);
		if (map && (map->type == MAP_PERCPU_HASH || map->type == MAP_PERCPU_ARRAY ||
			    map->type == MAP_LRU_PERCPU_HASH))
			m->prog->needs |= NEED_CPU;
	}
}

/* After reach(): the uses of maps that are not there, where the program can come. */
static int check_missing(struct maker *m, struct skep_error **reterr)
{
	const struct exec_prog_opts *o = m->opts;
	struct exec_prog *p = m->prog;

	for (uint32_t i = 0; o->map_missing && i < p->n; i++) {
		int32_t map = p->insns[i].imm;
		bool load = m->ops[i] == ISA_LD_MAP_IDX || m->ops[i] == ISA_LD_MAP_IDX_VALUE;

		if (load && p->marks[i] & MARK_REACHED && o->map_missing[map])
			return refuse(m, i, &ERR_MAP_MISSING, reterr, o->map_missing[map]);
	}
	return 0;
}

/* The same for a kernel function, which then is called as a helper is. */
static const struct err_def *find_kfunc(const struct maker *m, int32_t index, struct exec_call *ret,
					char *text, size_t size)
{
	const struct exec_prog_opts *o = m->opts;

	if (index < 0 || (size_t)index >= o->nkfuncs) {
		snprintf(text, size, "number %d of %zu", index, o->nkfuncs);
		return &ERR_KFUNC_UNKNOWN;
	}
	snprintf(text, size, "%s", o->kfuncs[index].name);
	*ret = (struct exec_call){ .row = &m->prog->kfunc_rows[index], .fn = o->kfuncs[index].fn };
	return ret->fn ? NULL : &ERR_KFUNC_UNSERVED;
}

static uint16_t call_code(const struct exec_call *call)
{
	if (call->custom)
		return call->row ? OP_CUSTOM_CHECKED : OP_CUSTOM;
	if (call->row->id == HELPER_tail_call)
		return OP_TAIL_CALL;
	return needs_check(call->row) ? OP_HELPER : OP_HELPER_PLAIN;
}

static int resolve_calls(struct maker *m, struct skep_error **reterr)
{
	struct exec_prog *p = m->prog;
	uint32_t count = 0;
	char text[240];

	for (uint32_t i = 0; i < p->n; i++)
		count += m->ops[i] == ISA_CALL_HELPER || m->ops[i] == ISA_CALL_KFUNC;
	p->calls = ARENA_ARRAY(&p->arena, struct exec_call, count);
	if (!p->calls)
		return skep_fail_nomem(reterr);
	for (uint32_t i = 0; i < p->n; i++) {
		bool reached = p->marks[i] & MARK_REACHED;
		const char *refused = refused_reason(p, m->ops[i]);
		const struct err_def *why;

		if (p->ops[i].code == OP_POISON)
			continue;
		if (refused && reached) {
			snprintf(text, sizeof(text), "%s: %s", isa_name(m->ops[i]), refused);
			return refuse(m, i, &ERR_UNSERVED, reterr, text);
		}
		if (m->ops[i] == ISA_CALL_HELPER)
			why = find_helper(m, p->insns[i].imm, &p->calls[p->ncalls], text,
					  sizeof(text));
		else if (m->ops[i] == ISA_CALL_KFUNC)
			why = find_kfunc(m, p->insns[i].imm, &p->calls[p->ncalls], text,
					 sizeof(text));
		else
			continue;
		if (why && reached)
			return refuse(m, i, why, reterr, text);
		p->ops[i].code = why ? OP_REFUSED : call_code(&p->calls[p->ncalls]);
		p->ops[i].imm = p->ncalls;
		p->ncalls += !why;
	}
	return 0;
}

static int copy_customs(struct maker *m, struct skep_error **reterr)
{
	const struct exec_prog_opts *o = m->opts;
	struct exec_prog *p = m->prog;

	p->custom_ctx = o->custom_ctx;
	p->ncustoms = o->customs ? o->ncustoms : 0;
	p->helpers = o->helpers;
	p->nhelpers = o->helpers ? o->nhelpers : 0;
	p->customs = ARENA_ARRAY(&p->arena, struct exec_custom, p->ncustoms);
	p->custom_rows = ARENA_ARRAY(&p->arena, struct spec_helper, p->ncustoms);
	if (!p->customs || !p->custom_rows)
		return skep_fail_nomem(reterr);
	for (size_t i = 0; i < p->ncustoms; i++) {
		const struct exec_custom *from = &o->customs[i];
		struct spec_helper row = { .id = (int)from->id, .ret = RET_INT };

		p->customs[i] = *from;
		memcpy(row.args, from->args, sizeof(row.args));
		if (needs_check(&row) &&
		    !(row.name = arena_strdup(&p->arena, from->name ? from->name : "helper")))
			return skep_fail_nomem(reterr);
		p->custom_rows[i] = row;
	}
	return 0;
}

static int copy_kfuncs(struct maker *m, struct skep_error **reterr)
{
	struct exec_prog *p = m->prog;

	p->nkfuncs = m->opts->nkfuncs;
	p->kfunc_rows = ARENA_ARRAY(&p->arena, struct spec_helper, m->opts->nkfuncs);
	if (!p->kfunc_rows)
		return skep_fail_nomem(reterr);
	for (size_t i = 0; i < m->opts->nkfuncs; i++) {
		const struct exec_kfunc *k = &m->opts->kfuncs[i];

		p->kfunc_rows[i] = (struct spec_helper){ .id = -1, .name = k->name };
		for (unsigned int a = 0; a < k->nargs && a < 5; a++)
			p->kfunc_rows[i].args[a] = k->callbacks >> a & 1 ? ARG_FUNC : ARG_ANY;
	}
	return 0;
}

static void poison(struct exec_prog *p)
{
	for (size_t i = 0; i < p->npoisons; i++) {
		uint32_t at = p->poisons[i].insn;

		if (at >= p->n || p->marks[at] & MARK_FILLER)
			continue;
		p->ops[at].code = OP_POISON;
		p->ops[at].imm = i;
	}
}

/* Loads through pointers that may be bad. */
static void mark_probes(struct maker *m)
{
	struct exec_prog *p = m->prog;

	for (uint32_t i = 0; m->opts->facts && i < p->n; i++) {
		struct exec_op *op = &p->ops[i];

		if (!(m->opts->facts[i].flags & FACT_PROBE) || op->code >= ISA_COUNT ||
		    isa_kind((enum isa_op)op->code) != ISA_KIND_LOAD ||
		    isa_group((enum isa_op)op->code) == ISA_GROUP_LINUX)
			continue;
		op->imm = op->code;
		op->code = OP_PROBE;
	}
}

static int make(struct maker *m, struct skep_error **reterr)
{
	int r = copy_input(m, reterr);

	if (r == 0)
		r = copy_customs(m, reterr);
	if (r == 0)
		r = copy_kfuncs(m, reterr);
	if (r == 0)
		r = decode_all(m, reterr);
	if (r == 0)
		r = find_targets(m, reterr);
	if (r == 0)
		r = fill_tables(m, reterr);
	if (r == 0)
		r = check_functions(m, reterr);
	if (r == 0)
		r = resolve_loads(m, reterr);
	if (r == 0)
		r = reach(m->prog, reterr);
	if (r < 0)
		return r;
	poison(m->prog);
	note_percpu(m);
	r = check_missing(m, reterr);
	if (r == 0)
		r = resolve_calls(m, reterr);
	mark_probes(m);
	return r;
}

int exec_prog_new(const struct exec_prog_opts *opts, struct exec_prog **ret,
		  struct skep_error **reterr)
{
	struct exec_prog *p;
	struct maker m = { .opts = opts };
	struct skep_place at = SKEP_AT_INSN(opts->object, opts->name, 0);
	int r;

	if (!opts->ninsns)
		return skep_fail(reterr, &ERR_EMPTY, at, NULL);
	if (opts->ninsns > MAX_INSNS)
		return skep_fail(reterr, &ERR_LARGE, at, "%u instructions, at most %u",
				 opts->ninsns, MAX_INSNS);
	p = calloc(1, sizeof(*p));
	if (!p)
		return skep_fail_nomem(reterr);
	arena_init(&p->arena, 0);
	p->prog_type = opts->prog_type;
	p->arena_base = exec_arena_base(opts->arena);
	p->has_arena = opts->arena;
	p->scrub = opts->prog_type >= 0 && !opts->customs;
	p->space = opts->space;
	p->space_ops = opts->space_ops;
	p->owner = opts->owner;
	p->exception = opts->exception && opts->exception <= opts->ninsns ? opts->exception : 0;
	m.prog = p;
	m.ops = calloc(opts->ninsns, sizeof(*m.ops));
	m.func = calloc(opts->ninsns, sizeof(*m.func));
	r = m.ops && m.func ? make(&m, reterr) : skep_fail_nomem(reterr);
	free(m.ops);
	free(m.func);
	if (r < 0) {
		exec_prog_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void exec_prog_free(struct exec_prog *prog)
{
	if (!prog)
		return;
	arena_done(&prog->arena);
	free(prog);
}

void *exec_prog_owner(const struct exec_prog *prog)
{
	return prog->owner;
}

const char *exec_prog_name(const struct exec_prog *prog)
{
	return prog->name;
}
