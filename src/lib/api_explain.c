// SPDX-License-Identifier: Apache-2.0
/* Every independent reason to reject a program: the verifier's findings with their source lines. */
#include <stdlib.h>
#include <string.h>

#include "lib/internal.h"
#include "verify/verify.h"

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

int skep_prog_explain(const struct skep_prog *prog, const struct skep_verify_opts *opts,
		      void (*found)(void *ctx, const struct skep_verify_finding *finding),
		      void *ctx, struct skep_error **reterr)
{
	struct explain e = { .prog = lib_prog_spec(prog), .found = found, .ctx = ctx };
	const struct lib_watch watch = { .ctx = &e,
					 .found = hand_on,
					 .max_errors = OPT(opts, max_errors, 0) };
	struct verify_result result;
	int r = lib_verify(prog, opts, &watch, &result, reterr);

	verify_done(&result);
	return e.oom ? skep_fail_nomem(reterr) : r;
}
