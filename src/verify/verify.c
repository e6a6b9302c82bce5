// SPDX-License-Identifier: Apache-2.0
/* The phases of a verification, and its result. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "spec/rules.h"
#include "verify/contract.h"
#include "verify/explain.h"
#include "verify/fields.h"
#include "verify/helpers.h"
#include "verify/depth.h"
#include "verify/facts.h"
#include "verify/loader.h"
#include "verify/old_kernel.h"
#include "verify/summary.h"

#define MEMORY_LIMIT ((size_t)1 << 30)
#define FIRST_MEMORY ((size_t)32 << 10)
#define KEPT_MEMORY ((size_t)2 << 20)
#define FACTS_MEMORY ((size_t)64 << 20)

static bool wants_maps(const struct verifier *v)
{
	return v->o->want_facts || v->o->want_rewrite || !v->perfmon;
}

static int allocate(struct verifier *v)
{
	uint32_t n = v->n;

	v->ops = ARENA_RAW(&v->arena, uint8_t, n);
	v->marks = ARENA_ARRAY(&v->arena, uint16_t, (size_t)n + 1);
	v->ptr_types = ARENA_ARRAY(&v->arena, uint8_t, n);
	v->kept = ARENA_ARRAY(&v->arena, struct state *, n);
	if (v->o->want_costs)
		v->costs = ARENA_ARRAY(&v->arena, struct verify_cost, n);
	if (wants_maps(v))
		v->call_maps = ARENA_ARRAY(&v->arena, struct call_map, n);
	if (!v->perfmon)
		v->masked = ARENA_ARRAY(&v->arena, struct masked, n);
	return v->ops && v->marks && v->ptr_types && v->kept && (v->masked || v->perfmon) &&
			       (v->costs || !v->o->want_costs) &&
			       (v->call_maps || !wants_maps(v)) && state_spares(v) ?
		       0 :
		       out_of_memory(v);
}

static int check_wide(struct verifier *v, uint32_t i)
{
	const struct skep_insn *in = &v->insns[i];
	const struct verify_map *map;
	unsigned int src = insn_src(in);
	int err;

	v->at = i;
	if (src == ISA_PSEUDO_IMM || src == ISA_PSEUDO_BTF_ID || src == ISA_PSEUDO_FUNC)
		return 0;
	if (src == ISA_PSEUDO_MAP_FD || src == ISA_PSEUDO_MAP_VALUE || in->imm < 0 ||
	    (uint32_t)in->imm >= v->o->nmaps)
		return reject(v, &ERR_MAP_USE, "fd %d is not pointing to valid bpf_map", in->imm);
	map = &v->o->maps[in->imm];
	err = map_use(v, map);
	if (err == 0)
		err = profile_map(v, map);
	if (err < 0)
		return err;
	if (src != ISA_PSEUDO_MAP_VALUE && src != ISA_PSEUDO_MAP_IDX_VALUE)
		return 0;
	if ((uint32_t)in[1].imm >= 1u << 29)
		return reject(v, &ERR_MAP_USE, "direct value offset of %u is not allowed",
			      (uint32_t)in[1].imm);
	if (map->type == MAP_ARENA)
		return 0;
	if (map->type != MAP_ARRAY || map->max_entries != 1)
		return reject(v, &ERR_MAP_USE, "no direct value access support for this map type");
	if ((uint32_t)in[1].imm >= map->value_size)
		return reject(v, &ERR_MAP_USE,
			      "invalid access to map value pointer, value_size=%u off=%u",
			      map->value_size, (uint32_t)in[1].imm);
	return 0;
}

HOT static int check_references(struct verifier *v)
{
	if (!v->has[ISA_LD_MAP_FD] && !v->has[ISA_LD_MAP_VALUE] && !v->has[ISA_LD_MAP_IDX] &&
	    !v->has[ISA_LD_MAP_IDX_VALUE])
		return 0;
	for (uint32_t i = 0; i < v->n; i++) {
		int err = isa_kind(v->ops[i]) == ISA_KIND_WIDE_LOAD ? check_wide(v, i) : 0;

		if (err < 0)
			return err;
	}
	return 0;
}

static int walk_all(struct verifier *v)
{
	bool again = true;
	int err = explore(v, 0);

	while (err == 0 && again) {
		again = false;
		for (uint32_t i = 1; err == 0 && i < v->nfuncs; i++) {
			struct func *f = &v->funcs[i];

			if (!f->global || f->checked ||
			    (!f->called && profile_knows(v, FEATURE_GLOBAL_LAZY)))
				continue;
			f->checked = again = true;
			say(v, "Validating %s() func#%u...\n", f->name ? f->name : "", i);
			err = explore(v, i);
			if (err == 0)
				say(v,
				    "Func#%u ('%s') is safe for any args that match its prototype\n",
				    i, f->name ? f->name : "");
		}
	}
	return err;
}

/* What an instruction does by itself, of which its function's callers must know. */
static void one_effect(struct verifier *v, uint32_t at)
{
	struct func *f = &v->funcs[func_at(v, at)];
	const struct spec_kfunc_rule *k;
	const struct spec_helper *h;

	if (v->ops[at] == ISA_CALL_HELPER) {
		h = spec_helper(v->insns[at].imm);
		if (!h)
			return;
		f->changes_data |= h->flags & HELPER_F_CHANGES || h->id == HELPER_tail_call;
		f->might_sleep |= h->flags & HELPER_F_SLEEP;
	} else if (v->ops[at] == ISA_CALL_KFUNC) {
		k = spec_kfunc_rule(graph_called(v, at));
		f->might_sleep |= k && k->flags & KFUNC_F_SLEEP;
		f->changes_data |= graph_is_kfunc(v, at, "bpf_xdp_pull_data");
	}
}

/* May a function move the packet? Then its callers' packet pointers are void. May it sleep? */
static void find_effects(struct verifier *v)
{
	bool changed = v->has[ISA_CALL_LOCAL];

	if (!v->has[ISA_CALL_HELPER] && !v->has[ISA_CALL_KFUNC] && !changed)
		return;
	for (uint32_t i = 0; i < v->n; i++)
		if (isa_kind(v->ops[i]) == ISA_KIND_CALL)
			one_effect(v, i);
	while (changed) {
		changed = false;
		for (uint32_t i = 0; i < v->n; i++) {
			uint32_t callee =
				v->ops[i] == ISA_CALL_LOCAL ?
					graph_func_at(v, (int64_t)i + 1 + v->insns[i].imm) :
					UINT32_MAX;
			struct func *f = &v->funcs[func_at(v, i)];
			const struct func *g = callee == UINT32_MAX ? f : &v->funcs[callee];

			if ((!g->changes_data || f->changes_data) &&
			    (!g->might_sleep || f->might_sleep))
				continue;
			f->changes_data |= g->changes_data;
			f->might_sleep |= g->might_sleep;
			changed = true;
		}
	}
}

static int run(struct verifier *v)
{
	static int (*const phases[])(struct verifier * v) = {
		graph_decode,	  profile_insns, graph_functions, exception_find, graph_jumps,
		check_references, graph_reach,	 graph_cycles,	  live_log,
	};
	int err = loader_check(v);

	if (err == 0)
		err = allocate(v);
	for (size_t i = 0; err == 0 && i < ARRAY_SIZE(phases); i++)
		err = v->oom ? -ENOMEM : phases[i](v);
	if (err < 0)
		return err;
	find_effects(v);
	depth_find_fast(v);
	/* the kernel of a profile walks each round */
	if (v->tries->summaries && v->bpf_capable && v->allow_leak && !v->o->profile)
		err = loops_find(v);
	for (uint32_t i = 0; v->loops && i < v->tries->nbad; i++)
		if (v->loops->of[v->tries->bad[i]])
			v->loops->of[v->tries->bad[i]]->failures = LOOP_FAILURES;
	for (uint32_t i = 0; err == 0 && i < v->nfuncs; i++)
		err = contract_read(v, i);
	if (err == 0)
		err = contract_ends(v);
	if (err == 0)
		err = walk_all(v);
	if (err == 0)
		err = exception_callbacks(v);
	if (err == 0)
		err = loader_tail_calls(v);
	if (err == 0)
		err = loader_left(v);
	if (err == 0)
		err = depth_check(v);
	return v->oom ? -ENOMEM : err;
}

/* What the walk says of the access or call at a slot that it came to. */
static unsigned int safety(const struct verifier *v, uint32_t at, bool arena)
{
	enum isa_kind kind = isa_kind(v->ops[at]);
	unsigned int type = v->ptr_types[at];

	if (kind == ISA_KIND_CALL)
		return !v->call_maps || v->call_maps[at].foreign ? 0 : FACTS_SAFE;
	if (kind == ISA_KIND_ATOMIC && arena)
		return 0;
	switch (type) {
	case T_BTF:
		return kind == ISA_KIND_LOAD ? FACTS_PROBE : 0;
	case T_CTX:
		return FACTS_CTX | (spec_ctx_of(v->o->prog_type) ? FACTS_SAFE : 0);
	case T_STACK:
	case T_PKT:
	case T_PKT_META:
	case T_MAP_KEY:
	case T_MAP_VALUE:
	case T_MEM:
		return FACTS_SAFE;
	default: /* of the host, which may give less than the kernel does */
		return 0;
	}
}

/*
 * No run takes more instructions than the walk did: without summaries, iterators, callbacks and may_goto, states that were walked follow
 * each other without a circle, and a run goes from one to the next.
 */
static bool bounded(const struct verifier *v)
{
	if (v->stats.summaries || v->has[ISA_MAY_GOTO])
		return false;
	for (uint32_t i = 0; i < v->n; i++)
		if (v->marks[i] & AT_SEEN && v->marks[i] & (AT_ITER | AT_CALLBACK))
			return false;
	return true;
}

static void facts(struct verifier *v, struct verify_result *ret)
{
	uint8_t *walked = arena_alloc(&v->arena, v->n, 1);
	bool arena = false;

	ret->facts = calloc(v->n, sizeof(*ret->facts));
	for (uint32_t i = 0; i < v->o->nmaps; i++)
		arena |= v->o->maps[i].type == MAP_ARENA;
	for (uint32_t i = 0; walked && i < v->n; i++) {
		bool always = v->marks[i] & AT_ALWAYS, never = v->marks[i] & AT_NEVER;

		if (!(v->marks[i] & AT_SEEN))
			continue;
		walked[i] = (uint8_t)(FACTS_SEEN | safety(v, i, arena));
		if (isa_kind(v->ops[i]) == ISA_KIND_BRANCH && always != never)
			walked[i] |= always ? FACTS_ALWAYS : FACTS_NEVER;
	}
	if (!ret->facts || !walked ||
	    facts_make(&(struct facts_in){ .insns = v->insns,
					   .n = v->n,
					   .maps = v->o->maps,
					   .nmaps = v->o->nmaps,
					   .walk = walked,
					   .memory = FACTS_MEMORY },
		       ret->facts) < 0)
		return;
	if (bounded(v))
		ret->facts[0].flags |= FACT_BOUNDED;
	for (uint32_t i = 0; i < v->n; i++) {
		const struct call_map *c = &v->call_maps[i];

		if (!c->map || c->several || ret->facts[i].flags & FACT_MAP)
			continue;
		ret->facts[i].flags |= FACT_MAP;
		ret->facts[i].value = c->map->address ? c->map->address :
							(uint64_t)(c->map - v->o->maps);
	}
}

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void say_stats(struct verifier *v)
{
	const char *sep = "";

	if (!(v->log_level & VERIFY_LOG_STATS))
		return;
	buf_printf(&v->log, "verification time %llu usec\nstack depth ",
		   (unsigned long long)v->stats.time_ns / 1000);
	for (uint32_t i = 0; i < v->nfuncs; i++, sep = "+")
		buf_printf(&v->log, "%s%u", sep, v->funcs[i].depth);
	buf_addc(&v->log, '\n');
}

static void finish(struct verifier *v, int err, struct verify_result *ret)
{
	say_stats(v);
	if (v->log_level)
		buf_printf(
			&v->log,
			"processed %u insns (limit %u) max_states_per_insn %u total_states %u peak_states %u mark_read %u\n",
			v->stats.insns_processed, v->insn_limit, v->stats.max_states_per_insn,
			v->stats.total_states, v->stats.peak_states, v->stats.mark_read);
	if (v->o->log && v->log.len)
		v->o->log(v->o->log_ctx, buf_str(&v->log), v->log.len);
	v->stats.memory = v->arena.used;
	if (!ret) {
		buf_done(&v->log);
		return;
	}
	ret->stats = v->stats;
	ret->obstacle = v->obstacle;
	if (v->o->profile) {
		ret->from = v->o->profile->from;
		ret->until = v->o->profile->until;
	}
	ret->has_obstacle = v->has_obstacle;
	ret->stack_depth = v->stack_depth;
	if (err == 0 && (v->o->want_facts || v->o->want_rewrite))
		facts(v, ret);
	if (err == 0 && v->o->want_rewrite)
		(void)rewrite_make(v, ret->facts, &ret->rewrite);
	if (!v->o->want_facts) {
		free(ret->facts);
		ret->facts = NULL;
	}
	if (v->costs) {
		costs_end(v);
		ret->costs = calloc(v->n, sizeof(*ret->costs));
		if (ret->costs)
			memcpy(ret->costs, v->costs, v->n * sizeof(*ret->costs));
	}
	if (v->log_level)
		ret->log = buf_give(&v->log);
	else
		buf_done(&v->log);
}

HOT static struct verifier *verifier_new(const struct verify_opts *opts, struct tries *t)
{
	struct verifier *v;
	struct arena a;
	size_t limit = opts->memory_limit ? opts->memory_limit : MEMORY_LIMIT;
	bool on_kept = t->kept && t->kept->top;

	if (on_kept) {
		a = *t->kept;
		a.limit = limit;
		arena_init(t->kept, 0);
	} else {
		arena_init_on(&a, limit, t->memory, t->memory ? t->size : 0);
	}
	v = ARENA_NEW(&a, struct verifier);
	if (!v) {
		arena_done(&a);
		return NULL;
	}
	v->arena = a;
	v->on_kept = on_kept;
	if (!on_kept) {
		v->borrowed = t->memory;
		t->memory = NULL;
	}
	v->o = opts;
	v->tries = t;
	v->insns = opts->insns;
	v->n = opts->n;
	v->log_level = t->summaries ? opts->log_level & VERIFY_LOG_STATS : opts->log_level;
	v->insn_limit = opts->insn_limit ? opts->insn_limit : MAX_INSNS;
	v->bpf_capable = opts->caps & (VERIFY_CAP_BPF | VERIFY_CAP_SYS_ADMIN);
	v->perfmon = opts->caps & (VERIFY_CAP_PERFMON | VERIFY_CAP_SYS_ADMIN);
	v->privileged = v->allow_leak = v->perfmon;
	v->strict = opts->prog_flags & VERIFY_F_STRICT_ALIGNMENT;
	v->any_align = opts->prog_flags & VERIFY_F_ANY_ALIGNMENT;
	v->test_state_freq = opts->prog_flags & VERIFY_F_TEST_STATE_FREQ;
	buf_init(&v->log);
	return v;
}

static void verifier_free(struct verifier *v, struct tries *t)
{
	struct arena a;
	bool on_kept;

	if (!v)
		return;
	if (v->borrowed)
		t->memory = v->borrowed;
	on_kept = v->on_kept;
	a = v->arena;
	skep_error_free(v->error);
	buf_done(&v->log);
	if (on_kept) {
		arena_reset(&a, KEPT_MEMORY);
		*t->kept = a;
		return;
	}
	if (t->kept && a.used > FIRST_MEMORY && a.used <= KEPT_MEMORY)
		arena_reserve(t->kept, a.used);
	arena_done(&a);
}

HOT static int verify_once(struct verifier *v)
{
	int err;

	if (v->o->watch)
		v->point = ARENA_NEW(&v->arena, struct verify_point);
	v->oom = v->o->watch && !v->point;
	err = v->oom ? -ENOMEM : explain_init(v);
	if (err == 0)
		err = run(v);
	if (v->explain && !v->oom)
		err = explain_end(v, err);
	if (err == -ENOMEM && v->oom) {
		skep_error_free(v->error);
		v->error = NULL;
		err = v->arena.limit && v->arena.used > v->arena.limit / 2 ?
			      reject(v, &ERR_MEMORY, "%zu bytes are in use", v->arena.used) :
			      skep_fail_nomem(&v->error);
	}
	if (v->loops)
		v->stats.summaries = v->loops->decided;
	return err;
}

/*
 * After a refusal with summaries: once more without those on the way to it, or without any, so that what is told is what
 * the walk of all rounds finds. True: there is something to try.
 */
static bool try_again(const struct verifier *v, const struct verify_opts *opts, struct tries *t)
{
	uint32_t found;

	if (!t->summaries || v->oom || v->stats.insns_processed > v->insn_limit)
		return false;
	if (!v->loops || !v->loops->tried) {
		t->summaries = false;
		return opts->found;
	}
	found = v->st ? summary_blame(v, t->bad + t->nbad, MAX_BAD_LOOPS - t->nbad) : 0;
	t->nbad += found;
	t->summaries = found != 0;
	return true;
}

/* The verdict, and the verifier that gave it; NULL: out of memory. */
HOT static struct verifier *verify_all(const struct verify_opts *opts,
				       const struct verify_opts *quiet, struct tries *t, int *ret)
{
	struct verifier *v, *walked;

	for (;;) {
		v = verifier_new(t->summaries ? quiet : opts, t);
		*ret = v ? verify_once(v) : -ENOMEM;
		if (!v || *ret == 0 || opts->watch || !try_again(v, opts, t))
			break;
		verifier_free(v, t);
	}
	if (*ret != -E2BIG || t->summaries || t->tried || !v)
		return v;
	/* only the log asked for a walk of all rounds, and that has no end */
	walked = v;
	t->summaries = t->tried = true;
	v = verifier_new(quiet, t);
	if (v && verify_once(v) == 0) {
		*ret = 0;
		walked->stats.summaries = v->stats.summaries;
		say(walked, "accepted with a summary of %u loops\n", v->stats.summaries);
		skep_error_free(walked->error);
		walked->error = NULL;
		v->log_level = walked->log_level;
		struct buf log = v->log;
		v->log = walked->log;
		walked->log = log;
		verifier_free(walked, t);
		return v;
	}
	verifier_free(v, t);
	return walked;
}

HOT int verify_prog(const struct verify_opts *opts, struct verify_result *ret,
		    struct skep_error **reterr)
{
	bool allowed = !opts->every_round && !opts->profile;
	bool paths = opts->log_level & (VERIFY_LOG_PATH | VERIFY_LOG_ALL);
	_Alignas(16) unsigned char memory[FIRST_MEMORY]; /* warm, and no call of malloc */
	struct tries t = { .summaries = allowed && !paths,
			   .tried = !allowed || !paths,
			   .memory = memory,
			   .size = sizeof(memory),
			   .kept = opts->memory };
	struct verify_opts quiet = *opts; /* for tries that may be wrong when they refuse */
	uint64_t start = clock_ns();
	struct verifier *v;
	int err;

	if (ret)
		memset(ret, 0, sizeof(*ret));
	quiet.found = NULL;
	/* who watches sees one walk, so it has to be known which */
	if (opts->watch && t.summaries) {
		struct verify_opts dry = quiet;

		dry.watch = NULL;
		verifier_free(verify_all(&dry, &dry, &t, &err), &t);
	}
	v = verify_all(opts, &quiet, &t, &err);
	if (!v)
		return skep_fail_nomem(reterr);
	v->stats.time_ns = clock_ns() - start;
	finish(v, err, ret);
	if (err < 0 && reterr) {
		*reterr = v->error;
		v->error = NULL;
	}
	verifier_free(v, &t);
	return err;
}

void verify_done(struct verify_result *result)
{
	free(result->facts);
	free(result->hits);
	free(result->costs);
	free(result->rewrite.insns);
	free(result->rewrite.from);
	free(result->rewrite.marks);
	free(result->log);
	memset(result, 0, sizeof(*result));
}
