// SPDX-License-Identifier: Apache-2.0
/*
 * Containment of one program of an object: the verifier's states (core/contain.h) against runs over many inputs
 * (core/inputs.h). A run that ends because this engine lacks something, for want of budget, or at a load that the
 * kernel lets fail with 0, says nothing against the verifier; any other end is a breach.
 */
#include <string.h>

#include "core/contain.h"
#include "core/inputs.h"
#include "lib/internal.h"

#define RUNS 100
#define BUDGET 1000000

struct check {
	const struct skep_prog *prog;
	struct core_prog *core;
	struct verify_result verdict; /* with facts */
	struct contain *contain;
	struct inputs *inputs;
	struct skep_check_result sum;
};

static bool foreseen(const struct check *c, const struct skep_error *err)
{
	const char *id = skep_error_id(err);
	uint64_t at = skep_error_place(err)->at;

	if (skep_error_code(err) == -ELOOP || skep_error_code(err) == -EOPNOTSUPP ||
	    strcmp(id, "X0104") == 0)
		return true;
	return skep_error_code(err) == -EACCES && at < lib_prog_spec(c->prog)->ninsns &&
	       c->verdict.facts[at].flags & FACT_PROBE;
}

static int run_all(struct check *c, struct exec_run *run, uint64_t runs, uint64_t budget,
		   struct skep_error **reterr)
{
	for (; c->sum.runs < runs; c->sum.runs++) {
		struct skep_error *err = NULL;
		uint64_t r0;

		inputs_next(c->inputs, c->core, run, budget);
		run->watch = contain_look;
		run->watch_ctx = c->contain;
		if (core_run(c->core, run, run->ctx, &r0, &err) == 0)
			continue;
		if (foreseen(c, err)) {
			c->sum.ended++;
			skep_error_free(err);
			continue;
		}
		c->sum.breaches++;
		skep_fail(reterr, &ERR_BREACH, *skep_error_place(err), "run %llu: %s",
			  (unsigned long long)c->sum.runs, skep_error_message(err));
		skep_error_free(err);
		return -ENOTRECOVERABLE;
	}
	return 0;
}

static int verify_both(struct check *c, const struct skep_verify_opts *opts,
		       struct skep_error **reterr)
{
	const struct lib_watch facts = { 0 }, watch = { .see = contain_see, .ctx = c->contain };
	struct skep_error *err = NULL;
	struct verify_result watched;
	int r = lib_verify(c->prog, opts, &facts, &c->verdict, reterr);

	if (r < 0)
		return r;
	if (!c->verdict.facts)
		return skep_fail_nomem(reterr);
	r = lib_verify(c->prog, opts, &watch, &watched, &err);
	verify_done(&watched);
	if (r == -E2BIG) {
		c->sum.unwatched = true;
		contain_free(c->contain);
		c->contain = contain_new(0, 0);
		skep_error_free(err);
		return c->contain ? 0 : skep_fail_nomem(reterr);
	}
	if (r < 0 && reterr)
		*reterr = err;
	else
		skep_error_free(err);
	return r;
}

static int check(struct check *c, const struct skep_check_opts *opts, struct skep_error **reterr)
{
	const struct skep_verify_opts vo = { .size = sizeof(vo),
					     .caps = OPT(opts, caps, 0),
					     .prog_flags = OPT(opts, prog_flags, 0) };
	uint64_t runs = OPT(opts, runs, 0), budget = OPT(opts, budget, 0);
	struct contain_stats stats;
	struct exec_run run;
	int r = verify_both(c, &vo, reterr);

	if (r == 0)
		r = exec_run_init(&run, reterr);
	if (r < 0)
		return r;
	r = run_all(c, &run, runs ? runs : RUNS, budget ? budget : BUDGET, reterr);
	exec_run_done(&run);
	contain_stats(c->contain, &stats);
	c->sum.unwatched |= stats.full;
	c->sum.steps = c->sum.unwatched ? 0 : stats.steps;
	c->sum.states = stats.states;
	return r;
}

const char *lib_obstacle(const struct skep_prog *prog)
{
	const struct load_prog *p = lib_prog_spec(prog);
	struct core_prog *core = lib_prog_core(prog);

	if (!core)
		return "the object is not loaded";
	if (core->refused)
		return skep_error_message(core->refused);
	if (!core->exec)
		return "its section says that it is not loaded by itself";
	return inputs_missing(p->def->prog_type);
}

int skep_prog_check(const struct skep_prog *prog, const struct skep_check_opts *opts,
		    struct skep_check_result *ret, struct skep_error **reterr)
{
	uint64_t seed = OPT(opts, seed, 0);
	struct check c = { .prog = prog, .core = lib_prog_core(prog) };
	const char *why = lib_obstacle(prog);
	int r;

	if (why) {
		r = skep_fail(reterr, &ERR_NO_CHECK,
			      SKEP_AT_INSN(prog->obj->spec->name, lib_prog_spec(prog)->name, 0),
			      "%s", why);
	} else {
		c.contain = contain_new(lib_prog_spec(prog)->ninsns, 0);
		c.inputs = inputs_new(seed ? seed : 1);
		r = c.contain && c.inputs ? check(&c, opts, reterr) : skep_fail_nomem(reterr);
	}
	if (ret) {
		size_t size = ret->size;

		c.sum.size = size;
		memcpy(ret, &c.sum, size && size < sizeof(c.sum) ? size : sizeof(c.sum));
	}
	verify_done(&c.verdict);
	contain_free(c.contain);
	inputs_free(c.inputs);
	return r;
}
