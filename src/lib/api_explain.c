// SPDX-License-Identifier: Apache-2.0
/* Every independent reason to reject a program: the verifier's findings with their source lines. */
#include <stdlib.h>
#include <string.h>

#include "lib/internal.h"
#include "verify/verify.h"

#define TOO_COMPLEX "V0006"
#define MORE_INSNS 200000 /* that are walked behind the first error */

struct explain {
	const struct load_prog *prog;
	void (*found)(void *ctx, const struct skep_verify_finding *finding);
	void *ctx;
	bool oom;
};

static void source_of(const struct load_prog *p, struct skep_verify_cause *c)
{
	uint32_t lo = 0, hi = p->nlines;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (p->lines[mid].insn <= c->insn)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return;
	c->file = p->lines[lo - 1].file;
	c->source = p->lines[lo - 1].text;
	c->line = p->lines[lo - 1].line;
	c->col = p->lines[lo - 1].col;
}

static void hand_on(void *ctx, const struct verify_finding *f, struct skep_error *err)
{
	struct explain *e = ctx;
	struct skep_verify_cause *causes = calloc(f->ncauses + 1, sizeof(*causes));
	const struct skep_verify_finding out = { .size = sizeof(out),
						 .error = err,
						 .causes = causes,
						 .ncauses = causes ? f->ncauses : 0,
						 .path = f->path,
						 .npath = f->npath };

	for (uint32_t i = 0; causes && i < f->ncauses; i++) {
		causes[i].insn = f->causes[i].insn;
		causes[i].branch = f->causes[i].branch;
		causes[i].taken = f->causes[i].taken;
		causes[i].code = f->causes[i].code;
		causes[i].text = f->causes[i].text;
		source_of(e->prog, &causes[i]);
	}
	e->oom |= !causes;
	e->found(e->ctx, &out);
	free(causes);
	skep_error_free(err);
}

/* A program that is too complex has no path to tell of, but lines where the walk spent its time. */
static void tell_costs(struct explain *e, const struct verify_result *result,
		       struct skep_error *err)
{
	const struct skep_verify_finding out = { .size = sizeof(out), .error = err };
	struct skep_verify_line *lines;
	size_t n;

	verify_advise(&err);
	lines = lib_lines(e->prog, result->costs, &n);
	if (n)
		skep_known(&err,
			   "%u instructions were walked, %u of them in line %u (instruction %u)",
			   result->stats.insns_processed, lines[0].walked, lines[0].line,
			   lines[0].insn);
	free(lines);
	e->found(e->ctx, &out);
}

int skep_prog_explain(const struct skep_prog *prog, const struct skep_verify_opts *opts,
		      void (*found)(void *ctx, const struct skep_verify_finding *finding),
		      void *ctx, struct skep_error **reterr)
{
	struct explain e = { .prog = lib_prog_spec(prog), .found = found, .ctx = ctx };
	struct skep_verify_opts plain = { .size = sizeof(plain),
					  .caps = OPT(opts, caps, 0),
					  .prog_flags = OPT(opts, prog_flags, 0),
					  .insn_limit = OPT(opts, insn_limit, 0),
					  .want_lines = true };
	const struct lib_watch watch = { .ctx = &e,
					 .found = hand_on,
					 .max_errors = OPT(opts, max_errors, 0) };
	struct skep_error *err = NULL;
	struct verify_result result;
	int r = lib_verify(prog, &plain, NULL, &result, &err);

	if (r == 0 || r == -ENOEXEC || r == -ENOMEM) {
		if (reterr)
			*reterr = err;
		else
			skep_error_free(err);
		verify_done(&result);
		return r;
	}
	if (strcmp(skep_error_id(err), TOO_COMPLEX) == 0) {
		tell_costs(&e, &result, err);
	} else {
		plain.insn_limit = result.stats.insns_processed + MORE_INSNS;
		plain.want_lines = false;
		verify_done(&result);
		r = lib_verify(prog, &plain, &watch, &result, reterr);
	}
	skep_error_free(err);
	verify_done(&result);
	return e.oom ? skep_fail_nomem(reterr) : r;
}
