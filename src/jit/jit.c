// SPDX-License-Identifier: Apache-2.0
/*
 * The compiler from end to end, and how compiled programs run. Functions are compiled one by one, each in the same
 * scratch arena, into one buffer; calls between them, and of helpers that are near, are linked when the code has
 * its place.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "jit/alloc.h"
#include "jit/code_mem.h"
#include "jit/debug.h"
#include "jit/debug.h"

#define ERR(name, id, code, problem) \
	static const struct err_def ERR_##name __attribute__((unused)) = { id, code, problem };
#include "jit/errors.def"
#undef ERR

struct entry {
	uint32_t insn, code;
};

struct jit_prog {
	struct exec_native native; /* first: jit_call() gets it back */
	const struct exec_prog *prog;
	struct code_mem mem;
	enum jit_mode mode;
	const struct spec_ctx *ctx; /* run->ctx_backing is read as this one says */
	struct entry *entries;	    /* of functions, by instruction */
	uint32_t nentries;
	struct jit_stats stats;
	struct jit_faults *faults;
	struct jit_line *lines;
	uint32_t nlines;
	struct jit_gdb *gdb;
	bool foreign; /* for another CPU */
};
_Static_assert(offsetof(struct jit_prog, native) == 0, "exec_native is the head");

static const struct jit_target *host(void)
{
#if defined(__x86_64__)
	return &jit_x86_64;
#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return &jit_arm64;
#else
	return NULL;
#endif
}

static const struct jit_target *target_of(const struct jit_opts *opts)
{
	return opts->target ? opts->target : host();
}

bool jit_available(void)
{
	return host() != NULL;
}

typedef uint64_t (*code_fn)(struct exec_run *run, uint64_t r1, uint64_t r2, uint64_t r3,
			    uint64_t r4, uint64_t r5);

static code_fn code_at(const struct jit_prog *jit, uint32_t off)
{
	return (code_fn)(uintptr_t)(jit->mem.start + off);
}

/* The first entry at or behind an instruction. */
static uint32_t find_entry(const struct jit_prog *jit, uint32_t insn)
{
	uint32_t lo = 0, hi = jit->nentries;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (jit->entries[mid].insn < insn)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool has_native(const struct exec_native *native, uint32_t insn)
{
	const struct jit_prog *jit = (const struct jit_prog *)native;
	uint32_t k = find_entry(jit, insn);

	return k < jit->nentries && jit->entries[k].insn == insn;
}

static uint64_t call_native(const struct exec_native *native, struct exec_run *run, uint32_t insn,
			    const uint64_t args[5])
{
	const struct jit_prog *jit = (const struct jit_prog *)native;
	uint64_t r0;

	if (jit->mode == JIT_CHECKED && insn)
		run->checks.left = 0; /* the first charge takes a piece */
	r0 = code_at(jit, jit->entries[find_entry(jit, insn)].code)(run, args[0], args[1], args[2],
								    args[3], args[4]);
	if (jit->mode == JIT_CHECKED && insn)
		run->budget += run->checks.left;
	return r0;
}

/* Is there memory of the frame that is not a variable? */
static bool reads_stack(const struct ir_fn *f)
{
	for (uint32_t v = 1; v < f->n; v++)
		if (ir_is(f, v, IR_LOAD) && f->ins[v].imm == offsetof(struct exec_run, stack) &&
		    ir_is(f, f->ins[v].a, IR_ARG) && f->ins[f->ins[v].a].imm == RUN_ARG)
			return true;
	return false;
}

/* Asks at the entry for what the function's checks ask for; a twin, behind all functions, keeps them. */
static void guard_entry(struct jit_unit *u, struct jit_func *fn, struct jit_alloc *a)
{
	a->checked = u->checked;
	a->frame = fn->frame;
	if (!u->checked || fn != u->funcs || u->funcs[u->nfuncs].reached)
		return;
	a->most = fn->counts ? 0 : fn->most;
	/* the entry writes bounds that the program chose as they are: not where constants are hidden */
	if (!a->f->fold || u->moves || fn->callback || u->opts->blind ||
	    !jit_guards(a->f, a->guards))
		return;
	a->twin = u->nfuncs;
	u->funcs[u->nfuncs].reached = true;
}

/* Which functions are called, and room for the calls that splicing made more of. */
static int note_calls(struct jit_unit *u, const struct ir_fn *f, struct jit_code_buf *out)
{
	uint32_t calls = 0, room;
	struct jit_call_fix *fixes;

	if (!u->has_locals && !f->spliced)
		return 0;
	for (uint32_t v = 1; v < f->n; v++) {
		calls += ir_is(f, v, IR_CALL) || ir_is(f, v, IR_CALL_LOCAL);
		if (ir_is(f, v, IR_CALL_LOCAL))
			u->funcs[f->ins[v].imm].called = true;
	}
	if (!f->spliced)
		return 0;
	room = out->nfixes + 4 * u->calls_out + 8 * (calls + u->nfuncs + 1);
	fixes = room > out->fixes_room ? ARENA_RAW(u->arena, struct jit_call_fix, room) :
					 out->fixes;
	if (!fixes)
		return -ENOMEM;
	if (fixes != out->fixes) {
		memcpy(fixes, out->fixes, out->nfixes * sizeof(*fixes));
		out->fixes_room = room;
	}
	out->fixes = fixes;
	return 0;
}

/* What checks become when the function is known as a whole; then loops are free of them, and worth another look. */
static int checked_entry(struct jit_unit *u, struct jit_func *fn, struct jit_alloc *a)
{
	bool news;

	guard_entry(u, fn, a);
	if (!u->checked || !a->f->fold)
		return 0;
	news = fn->counts && jit_put_off(a->f, u->scratch);
	return news || a->twin ? jit_optimise(a->f, u->scratch) : 0;
}

/* The code is that of @as: @fn, or the twin of it. */
static int compile_function(struct jit_unit *u, struct jit_func *fn, struct jit_func *as,
			    struct jit_code_buf *out)
{
	struct ir_fn f;
	struct jit_alloc a = { .f = &f, .target = target_of(u->opts), .arena = u->scratch };
	int r;

	arena_reset(u->scratch, JIT_KEPT_SCRATCH);
	a.features = u->opts->portable ? 0 : a.target->features();
	r = jit_build(u, fn, u->scratch, &f);
	if (r == 0)
		r = jit_splice(u, fn, u->scratch, &f);
	if (r == 0)
		r = jit_optimise(&f, u->scratch);
	if (r == 0)
		r = note_calls(u, &f, out);
	if (r == 0)
		r = checked_entry(u, fn, &a);
	if (r == 0 && u->opts->blind)
		r = jit_blind(&f, u->scratch, &u->blind);
	if (r == 0)
		r = jit_layout(&a);
	if (r == 0)
		r = jit_live(&a);
	if (r == 0)
		r = jit_registers(&a);
	if (u->checked)
		fn->touches = fn->uses_stack;
	else
		fn->touches = r == 0 && (fn->uses_stack || f.spliced) && reads_stack(&f);
	if (r == 0) {
		while (out->len % 16 && out->len < out->room)
			out->bytes[out->len++] = a.target->fill;
		as->code = (uint32_t)out->len;
		jit_note(out, NOTE_FUNC, 0, fn->start);
		a.target->emit(&a, out);
		r = out->failed ? -ENOMEM : 0;
		u->ir_insns += a.ninsns;
	}
	return r;
}

static int live_ins(struct jit_unit *u)
{
	int r = 0;

	/* callees before callers: theirs are the higher frames */
	for (uint32_t frame = ISA_MAX_FRAMES; frame-- > 0 && u->nfuncs > 1;)
		for (uint32_t f = 0; f < u->nfuncs && r == 0; f++) {
			if (!u->funcs[f].reached || u->funcs[f].frame != frame)
				continue;
			arena_reset(u->scratch, JIT_KEPT_SCRATCH);
			r = jit_live_in(u, &u->funcs[f], u->scratch);
		}
	return r;
}

/* Calls between functions, and those of helpers that the code's place reaches. */
static void link_calls(const struct jit_unit *u, struct jit_code_buf *out, uint64_t start)
{
	for (uint32_t i = 0; i < out->nfixes; i++) {
		const struct jit_call_fix *fix = &out->fixes[i];
		uint64_t to = fix->to == FIX_ADDRESS ? fix->address :
			      fix->to == FIX_THUNK   ? start + out->thunk :
			      fix->to == FIX_PLACE   ? start + fix->address :
						       start + u->funcs[fix->to].code;

		target_of(u->opts)->link(out, fix->at, start, to);
	}
}

static void write_thunk(const struct jit_unit *u, struct jit_code_buf *out)
{
	for (uint32_t i = 0; i < out->nfixes && !out->thunk; i++) {
		if (out->fixes[i].to != FIX_THUNK)
			continue;
		out->thunk = (uint32_t)out->len;
		target_of(u->opts)->thunk(out);
	}
}

/* What was asked to be known of the code. */
static int publish(struct jit_unit *u, const struct jit_code_buf *out, struct jit_prog *jit)
{
	struct jit_code_info info = { .prog = u->prog,
				      .start = (uintptr_t)jit->mem.start,
				      .size = (uint32_t)out->len,
				      .notes = out->notes,
				      .nnotes = out->nnotes };
	int r = 0;

	if (u->opts->lines)
		r = jit_line_table(&info, &jit->lines, &jit->nlines);
	if (r == 0 && u->opts->perf_map && !jit->foreign && (r = jit_perf_map(&info)) < 0)
		u->no_map = r != -ENOMEM;
	if (r == 0 && u->opts->debugger && !jit->foreign)
		r = jit_gdb_new(&info, &jit->gdb);
	return r;
}

/* Callers before callees: what is only called where it was spliced is left out. */
static int compile_functions(struct jit_unit *u, struct jit_code_buf *out)
{
	int r = 0;

	u->funcs[0].called = true;
	for (uint32_t frame = 0; frame < u->frames; frame++)
		for (uint32_t f = 0; f < u->nfuncs && r == 0; f++) {
			struct jit_func *fn = &u->funcs[f];

			if (!fn->reached || fn->frame != frame)
				continue;
			fn->reached = fn->called || fn->callback;
			if (fn->reached)
				r = compile_function(u, fn, fn, out);
		}
	return r;
}

static int place(struct jit_unit *u, struct jit_code_buf *out, struct jit_prog *jit)
{
	/* bytes an instruction becomes at most, with its share of prologues: only address space */
	bool splices = u->has_locals || u->has_callbacks;
	size_t insns = u->n + (splices ? (size_t)u->nfuncs * JIT_MOST_GROWTH + u->n : 0);
	size_t most = insns * (u->opts->blind || u->checked ? 480 : 240) + 4096;
	int r = code_mem_alloc(u->opts->pool, most, &jit->mem);

	if (r < 0)
		return r;
	code_mem_reach(&jit->mem, &out->lo, &out->hi);
	r = compile_functions(u, out);
	if (r == 0 && u->funcs[u->nfuncs].reached)
		r = compile_function(u, u->funcs, &u->funcs[u->nfuncs], out);
	write_thunk(u, out);
	if (r == 0)
		r = code_mem_fit(&jit->mem, out->len);
	if (r < 0)
		return r;
	link_calls(u, out, (uintptr_t)jit->mem.start);
	if (out->failed)
		return -ENOMEM;
	r = code_mem_write(&jit->mem, out->bytes, out->len);
	if (r == 0)
		r = jit_faults_new(out, jit->mem.start, &jit->faults);
	return r < 0 || !out->noting ? r : publish(u, out, jit);
}

static int keep_entries(struct jit_unit *u, struct jit_prog *jit)
{
	jit->entries = calloc(u->nfuncs, sizeof(*jit->entries));
	if (!jit->entries)
		return -ENOMEM;
	for (uint32_t f = 0; f < u->nfuncs; f++) {
		if (!u->funcs[f].reached)
			continue;
		if (!f || u->funcs[f].callback) /* what may be called from outside */
			jit->entries[jit->nentries++] =
				(struct entry){ u->funcs[f].start, u->funcs[f].code };
		if (u->funcs[f].touches && u->funcs[f].deepest + 1 > jit->native.dirty)
			jit->native.dirty = u->funcs[f].deepest + 1;
	}
	jit->native.jumps = u->has_tails && !u->checked;
	jit->native.entry = jit->foreign ? 0 : (uintptr_t)jit->mem.start;
	jit->native.depth = u->frames ? u->frames - 1 : 0;
	if (!u->checked && !jit->foreign && !jit->native.dirty)
		jit->native.kin = exec_view_kin(u->prog);
	return 0;
}

static int protection(struct jit_unit *u)
{
	if (u->opts->blind && !jit_blind_seed(&u->blind))
		u->why = "there are no random numbers to blind its constants with";
	else if (u->opts->harden && !target_of(u->opts)->thunk)
		u->why = "indirect calls are not hardened on this CPU";
	return u->why ? -EOPNOTSUPP : 0;
}

static int compile(struct jit_unit *u, struct jit_prog *jit)
{
	struct jit_code_buf out = { 0 };
	int r = jit_scan(u);

	if (r == 0)
		r = protection(u);
	if (r < 0)
		return r;
	out.harden = u->opts->harden;
	u->jumps_on = !u->checked && !u->opts->harden && target_of(u->opts)->tails;
	out.noting = u->noting = u->opts->lines || u->opts->perf_map || u->opts->debugger;
	if (u->checked)
		jit_plan(u);
	if (u->ctx && (r = jit_contexts(u)) < 0)
		return r;
	r = live_ins(u);
	/* callx has two; hardened checks or jump tables up to four a function, the entry's guards four; a twin has as many again */
	out.fixes_room = 2 * (2 * u->calls_out + 4 * u->nfuncs + 4);
	out.fixes = ARENA_ARRAY(u->arena, struct jit_call_fix, out.fixes_room);
	out.room = 256;
	out.bytes = malloc(out.room);
	if (r == 0 && (!out.fixes || !out.bytes))
		r = -ENOMEM;
	if (r == 0)
		r = place(u, &out, jit);
	if (r == 0)
		r = keep_entries(u, jit);
	jit->stats.code_bytes = out.len;
	jit->stats.insns = u->n;
	jit->stats.ir_insns = u->ir_insns;
	jit->native.frames = u->frames;
	free(out.bytes);
	free(out.probes);
	free(out.notes);
	return r;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int jit_new(const struct exec_prog *prog, const struct jit_opts *opts, struct jit_prog **ret,
	    struct skep_error **reterr)
{
	static const struct jit_opts defaults;
	struct skep_place at = SKEP_AT_INSN(exec_prog_name(prog), exec_prog_name(prog), 0);
	struct arena mem[MEM_KINDS];
	struct jit_unit u = { .prog = prog,
			      .opts = opts ? opts : &defaults,
			      .arena = &mem[MEM_PROGRAM],
			      .scratch = &mem[MEM_FUNCTION] };
	uint64_t start = now();
	struct jit_prog *jit;
	bool lent;
	int r;

	if (!target_of(u.opts))
		return skep_fail(reterr, &ERR_JIT_HOST, SKEP_NOWHERE, NULL);
	u.checked = u.opts->mode == JIT_CHECKED;
	if (u.checked && !target_of(u.opts)->checks)
		return skep_fail(reterr, &ERR_JIT_MODE, SKEP_NOWHERE, NULL);
	if (exec_view_type(prog) >= 0)
		u.ctx = spec_ctx_of(exec_view_type(prog));
	if (u.ctx && !u.checked) /* addresses of it are found out by the checks */
		return skep_fail(reterr, &ERR_JIT_INSN, at,
				 "its context is converted field by field");
	jit = calloc(1, sizeof(*jit));
	if (!jit)
		return skep_fail_nomem(reterr);
	jit->prog = prog;
	jit->mode = u.opts->mode;
	jit->ctx = u.ctx;
	jit->native.prog = prog;
	jit->native.call = call_native;
	jit->native.has = has_native;
	jit->foreign = target_of(u.opts) != host();
	u.native = &jit->native;
	lent = jit_pool_lend(u.opts->pool, mem);
	r = compile(&u, jit);
	at.at = u.why_insn;
	if (lent)
		jit_pool_take_back(u.opts->pool, mem);
	for (int k = 0; k < MEM_KINDS && !lent; k++)
		arena_done(&mem[k]);
	jit->stats.compile_ns = now() - start;
	if (r == 0) {
		*ret = jit;
		return 0;
	}
	jit_free(jit);
	if (u.no_map)
		return skep_fail(reterr, &ERR_JIT_PERF_MAP, SKEP_NOWHERE, "%s", strerror(-r));
	if (r == -EOPNOTSUPP)
		return skep_fail(reterr, &ERR_JIT_INSN, at, "%s",
				 u.why ? u.why : "it is too large");
	return skep_fail_nomem(reterr);
}

void jit_free(struct jit_prog *jit)
{
	if (!jit)
		return;
	jit_gdb_free(jit->gdb);
	jit_faults_free(jit->faults);
	free(jit->lines);
	code_mem_free(&jit->mem);
	free(jit->entries);
	free(jit);
}

int jit_run(const struct jit_prog *jit, struct exec_run *run, uint64_t ctx, uint64_t *ret_r0,
	    struct skep_error **reterr)
{
	uint64_t r0;
	int r;

	if (jit->foreign)
		return skep_fail(reterr, &ERR_JIT_HOST, SKEP_NOWHERE,
				 "the code is for another one");
	if (jit->ctx && !exec_context_is(run, ctx, jit->ctx))
		return exec(jit->prog, run, ctx, ret_r0, reterr);
	exec_begin(jit->prog, run, ctx);
	run->native = &jit->native;
	run->depth = jit->native.frames ? jit->native.frames - 1 : 0;
	run->dirty = jit->native.dirty; /* exec_begin() takes the interpreter's */
	r0 = code_at(jit, 0)(run, ctx, run->ctx_len, 0, 0, 0);
	r = exec_end(run, run->fault ? skep_error_code(run->fault) : 0, reterr);
	if (r == 0)
		*ret_r0 = run->thrown ? run->thrown_value : r0;
	return r;
}

jit_entry jit_code(const struct jit_prog *jit, size_t *ret_size)
{
	if (ret_size)
		*ret_size = jit->stats.code_bytes;
	return (jit_entry)(uintptr_t)jit->mem.start;
}

const struct exec_native *jit_native(const struct jit_prog *jit)
{
	return &jit->native;
}

void jit_stats(const struct jit_prog *jit, struct jit_stats *ret)
{
	*ret = jit->stats;
}

const struct jit_line *jit_lines(const struct jit_prog *jit, size_t *ret_n)
{
	*ret_n = jit->nlines;
	return jit->lines;
}

const uint8_t *jit_bytes(const struct jit_prog *jit, size_t *ret_size)
{
	*ret_size = jit->stats.code_bytes;
	return jit->mem.start;
}
