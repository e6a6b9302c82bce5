// SPDX-License-Identifier: Apache-2.0
/*
 * See explain.h. After a rejection the state before the instruction comes back. What was missing is taken for granted where that is
 * one fact (a pointer is not null, the packet is long enough), and the instruction is walked again; otherwise its result is
 * unknown and the next one follows; a jump, a return or a call of a function ends the path.
 */
#include "verify/explain.h"

#define MAX_ERRORS 20

HOT int explain_init(struct verifier *v)
{
	struct explain *e;

	if (!v->o->found)
		return 0;
	e = ARENA_NEW(&v->arena, struct explain);
	if (!e)
		return out_of_memory(v);
	e->max = v->o->max_errors ? v->o->max_errors : MAX_ERRORS;
	e->found = arena_alloc(&v->arena, e->max, sizeof(*e->found));
	if (!e->found)
		return out_of_memory(v);
	v->explain = e;
	return 0;
}

void explain_before(struct verifier *v)
{
	struct explain *e = v->explain;

	trail_note(v);
	if (e->snap)
		state_free(v, e->snap);
	e->snap = v->oom ? NULL : state_copy(v, v->st, true);
}

void explain_after(struct verifier *v)
{
	struct explain *e = v->explain;

	if (e->snap)
		state_free(v, e->snap);
	e->snap = NULL;
}

/* Findings ---------------------------------------------------------------------------------------- */

static bool is(const struct verifier *v, const struct err_def *def)
{
	return strcmp(skep_error_id(v->error), def->id) == 0;
}

/* Of what a path holds: a made-up call before it may be the reason. */
static bool of_state(const struct verifier *v)
{
	return is(v, &ERR_REFERENCE) || is(v, &ERR_RELEASE) || is(v, &ERR_LOCK) ||
	       is(v, &ERR_CONTEXT) || is(v, &ERR_DYNPTR) || is(v, &ERR_ITER) || is(v, &ERR_OBJECT);
}

/* The same instruction, or a part of the same expression. */
static bool is_known(const struct verifier *v)
{
	const struct explain *e = v->explain;

	const struct verify_line *line = words_line(v, v->at);

	for (uint32_t i = 0; i < e->nfound; i++)
		if ((e->found[i].insn == v->at || (line && e->found[i].line == line)) &&
		    strcmp(e->found[i].id, skep_error_id(v->error)) == 0)
			return true;
	return false;
}

static void put_causes(struct verifier *v)
{
	struct explain *e = v->explain;

	for (uint32_t i = 0; i < e->last_causes; i++) {
		struct verify_cause *c = &e->causes[i];
		struct buf out;

		buf_init(&out);
		log_insn_text(v, c->insn, &out);
		c->code = arena_strdup(&v->arena, out.len > 5 ? buf_str(&out) + 5 : "");
		buf_clear(&out);
		if (c->branch)
			buf_printf(&out, "%staken", c->taken ? "" : "not ");
		if (c->regno < 0 && isa_kind(v->ops[c->insn]) == ISA_KIND_CALL)
			buf_adds(&out, "r1 to r5 are without a value behind it");
		if (c->result && c->regno >= 0) {
			buf_printf(&out, "%sr%d is ", c->branch ? ": " : "", c->regno);
			words_reg(c->result, &out);
		}
		c->text = arena_strdup(&v->arena, buf_str(&out));
		buf_done(&out);
		if (!c->code || !c->text)
			c->code = c->text = "";
	}
}

/* The instructions of the path, from its start; the greatest part of it that there is memory for. */
static uint32_t *put_path(struct verifier *v, const struct trail *end, uint32_t *ret_n)
{
	uint32_t n = 0, *path;

	for (const struct trail *t = end; t; t = t->prev)
		n++;
	path = arena_alloc(&v->arena, n, sizeof(*path));
	*ret_n = path ? n : 0;
	for (const struct trail *t = end; t && path; t = t->prev)
		path[--n] = t->at;
	return path;
}

static void give(struct verifier *v, int culprit)
{
	struct explain *e = v->explain;
	const struct state *st = e->snap ? e->snap : v->st;
	struct verify_finding f = { .insn = v->at, .reg = culprit };

	put_causes(v);
	f.causes = e->causes;
	f.ncauses = e->last_causes;
	if (st)
		f.path = put_path(v, st->trail, &f.npath);
	e->found[e->nfound].insn = v->at;
	e->found[e->nfound].line = words_line(v, v->at);
	e->found[e->nfound++].id = skep_error_id(v->error);
	v->o->found(v->o->found_ctx, &f, v->error);
	v->error = NULL;
}

HOT static void find(struct verifier *v, int code)
{
	struct explain *e = v->explain;
	const struct trail *t = e->snap ? e->snap->trail : v->st ? v->st->trail : NULL;
	int culprit = e->snap ? words_culprit(v, skep_error_message(v->error)) : NO_REG;
	const struct reg *r = culprit >= 0 ? &e->snap->frames[e->snap->cur]->regs[culprit] : NULL;

	if (!e->first)
		e->first = code;
	e->last_causes = 0;
	if (e->nfound == e->max || is_known(v) || (e->nfound && is(v, &ERR_BUG)) ||
	    (t && t->state && of_state(v)))
		return;
	if (v->st)
		causes_find(v, culprit);
	if (e->nfound && e->consequence)
		return;
	words_advise(v, culprit, r);
	give(v, culprit);
}

int explain_end(struct verifier *v, int code)
{
	struct explain *e = v->explain;

	v->st = NULL;
	e->snap = NULL;
	if (v->error && code < 0 && !(e->nfound && is(v, &ERR_COMPLEX)))
		find(v, code);
	skep_error_free(v->error);
	v->error = NULL;
	return e->first;
}

/* Going on ---------------------------------------------------------------------------------------- */

static void grant_null(struct verifier *v, uint32_t id)
{
	null_decide(v, v->st, id, 0, false);
}

static void grant_range(struct verifier *v, struct reg *r, void *ctx)
{
	const struct reg *wanted = ctx;

	(void)v;
	if (r->type == wanted->type && r->id == wanted->id && r->range < wanted->range)
		r->range = wanted->range;
}

/* Takes for granted what the culprit lacks. */
static bool grant(struct verifier *v, int culprit)
{
	const struct skep_insn *in = &v->insns[v->at];
	struct reg r;

	if (culprit < 0)
		return false;
	r = *reg_at(v, (unsigned int)culprit);
	if (r.flags & F_NULL && reg_is_pointer(&r)) {
		grant_null(v, r.id);
		return !(reg_at(v, (unsigned int)culprit)->flags & F_NULL);
	}
	if (r.type == T_PKT && isa_access_size(v->ops[v->at]) && r.s.smin >= 0 && r.off >= 0 &&
	    r.off + in->off >= 0 && r.off < MAX_PACKET) {
		int32_t end = r.off + in->off + (int32_t)isa_access_size(v->ops[v->at]);

		if (end <= r.range)
			return false;
		r.range = end;
		state_each_reg(v, v->st, grant_range, &r);
		return true;
	}
	return false;
}

/* The instruction did something unknown. */
static bool make_up(struct verifier *v)
{
	int r = trail_result(v, v->at);
	enum isa_kind kind = isa_kind(v->ops[v->at]);
	struct frame *f = frame_own(v, v->st, v->st->cur);

	if (kind == ISA_KIND_BRANCH || kind == ISA_KIND_JUMP || kind == ISA_KIND_JUMP_REG ||
	    kind == ISA_KIND_EXIT || kind == ISA_KIND_NONE)
		return false;
	if (kind == ISA_KIND_CALL) {
		for (unsigned int i = 1; i <= 5; i++)
			reg_clear(&f->regs[i]);
		v->st->trail->state = true;
	}
	v->st->trail->bad = true;
	if (r == FP)
		return false;
	if (r >= 0)
		reg_unknown(&f->regs[r]);
	v->prev = v->at;
	v->at += isa_slots(v->ops[v->at]);
	return v->at < v->n;
}

int explain_reject(struct verifier *v, int code)
{
	struct explain *e = v->explain;
	int culprit;

	if (v->oom || !v->error || is(v, &ERR_COMPLEX))
		return code;
	culprit = e->snap ? words_culprit(v, skep_error_message(v->error)) : NO_REG;
	find(v, code);
	skep_error_free(v->error);
	v->error = NULL;
	if (e->nfound == e->max || v->oom)
		return code;
	if (!e->snap)
		return 1;
	state_free(v, v->st);
	v->st = e->snap;
	e->snap = NULL;
	if (grant(v, culprit)) {
		e->again = v->st->trail;
		v->st->trail = v->st->trail->prev;
		return 2;
	}
	return make_up(v) ? 0 : 1;
}
