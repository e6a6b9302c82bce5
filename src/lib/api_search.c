// SPDX-License-Identifier: Apache-2.0
/* Concrete inputs that fault where the verifier refuses: found (core/witness.h), given away, run again. */
#include <stdlib.h>
#include <string.h>

#include "core/inputs.h"
#include "core/witness.h"
#include "lib/internal.h"

#define TRIES 1000
#define BUDGET 100000

static int fail(const struct skep_prog *prog, const struct err_def *def, const char *why,
		struct skep_error **reterr)
{
	return skep_fail(reterr, def,
			 SKEP_AT_INSN(prog->obj->spec->name, lib_prog_spec(prog)->name, 0), "%s",
			 why);
}

/* The input and all that it points to are one block. */
static struct skep_input *give(const struct skep_prog *prog, const struct witness *w)
{
	size_t size = sizeof(struct skep_input) + w->nentries * sizeof(struct skep_input_element);
	bool packet = stage_has_packet(lib_prog_spec(prog)->def->prog_type);
	struct skep_input_element *elements;
	struct skep_input *in = calloc(1, size + sizeof(*w));
	struct witness *copy;

	if (!in)
		return NULL;
	elements = (struct skep_input_element *)(in + 1);
	copy = (struct witness *)((char *)in + size);
	memcpy(copy, w, sizeof(*w));
	*in = (struct skep_input){ .size = sizeof(*in),
				   .prandom = w->prandom,
				   .context = copy->ctx,
				   .packet = copy->packet,
				   .context_size = w->ctx_len,
				   .packet_size = packet ? w->packet_len : 0,
				   .elements = elements,
				   .nelements = w->nentries };
	for (uint32_t i = 0; i < w->nentries; i++) {
		const struct witness_entry *e = &copy->entries[i];

		elements[i] = (struct skep_input_element){ prog->obj->spec->maps[e->map].name,
							   e->key, e->value, e->key_size,
							   e->value_size };
	}
	return in;
}

void skep_input_free(struct skep_input *input)
{
	free(input);
}

int skep_prog_find_fault(const struct skep_prog *prog, const struct skep_verify_finding *finding,
			 const struct skep_search_opts *opts, struct skep_input **ret,
			 struct skep_error **ret_fault, uint64_t *ret_tries)
{
	const struct search_goal goal = {
		.id = skep_error_id(finding->error),
		.insn = (uint32_t)skep_error_place(finding->error)->at,
		.path = finding->path,
		.npath = (uint32_t)finding->npath,
		.tries = OPT(opts, tries, 0) ? opts->tries : TRIES,
		.seed = OPT(opts, seed, 0),
		.budget = OPT(opts, budget, 0) ? opts->budget : BUDGET,
	};
	const char *why = lib_obstacle(prog);
	struct witness *w;
	uint64_t tries = 0;
	int r = -ENOMEM;

	if (why)
		return fail(prog, &ERR_NO_CHECK, why, ret_fault);
	w = calloc(1, sizeof(*w));
	if (w)
		r = search_witness(lib_prog_core(prog), &goal, w, ret_fault, &tries);
	if (r == 0) {
		*ret = give(prog, w);
		r = *ret ? 0 : -ENOMEM;
	}
	free(w);
	if (ret_tries)
		*ret_tries = tries;
	return r;
}

static const char *take_element(const struct skep_prog *prog, const struct skep_input_element *e,
				struct witness *w)
{
	struct witness_entry *out = &w->entries[w->nentries];
	const struct load_obj *spec = prog->obj->spec;

	for (uint32_t i = 0; i < spec->nmaps; i++) {
		if (strcmp(spec->maps[i].name, e->map) != 0)
			continue;
		if (!prog->obj->core || !core_map(prog->obj->core, i) ||
		    !inputs_fillable(map_attr(core_map(prog->obj->core, i))) ||
		    e->key_size != spec->maps[i].key_size ||
		    e->value_size != spec->maps[i].value_size || e->key_size > WITNESS_KEY ||
		    e->value_size > WITNESS_VALUE || w->nentries == WITNESS_ENTRIES)
			return "an element is not one of its map";
		out->map = i;
		out->key_size = (uint32_t)e->key_size;
		out->value_size = (uint32_t)e->value_size;
		memcpy(out->key, e->key, e->key_size);
		memcpy(out->value, e->value, e->value_size);
		w->nentries++;
		return NULL;
	}
	return "no such map";
}

static const char *take(const struct skep_prog *prog, const struct skep_input *in,
			struct witness *w)
{
	int type = lib_prog_spec(prog)->def->prog_type;
	const char *why = NULL;

	w->ctx_len = stage_ctx_size(type);
	if (in->context_size > w->ctx_len)
		return "the context is too long";
	if (in->packet_size > WITNESS_PACKET || (in->packet_size && !stage_has_packet(type)))
		return "the packet is too long, or this program type has none";
	w->prandom = in->prandom;
	w->packet_len = (uint32_t)in->packet_size;
	if (in->context_size)
		memcpy(w->ctx, in->context, in->context_size);
	if (in->packet_size)
		memcpy(w->packet, in->packet, in->packet_size);
	for (size_t i = 0; i < in->nelements && !why; i++)
		why = take_element(prog, &in->elements[i], w);
	return why;
}

/* Whatever is watched is interpreted. */
static bool see(void *ctx, struct exec_run *run, const uint64_t *r)
{
	(void)ctx;
	(void)run;
	(void)r;
	return true;
}

static int replay(const struct skep_prog *prog, const struct witness *w, uint64_t budget,
		  uint64_t *ret_r0, struct skep_error **reterr)
{
	struct core_prog *core = lib_prog_core(prog);
	struct stage *s = stage_new(core);
	struct exec_run run;
	int r;

	if (!s)
		return skep_fail_nomem(reterr);
	r = exec_run_init(&run, reterr);
	if (r == 0) {
		stage_set(s, w, &run, budget ? budget : BUDGET);
		run.watch = see;
		r = core_run(core, &run, run.ctx, ret_r0, reterr);
		exec_run_done(&run);
	}
	stage_free(s);
	return r;
}

int skep_prog_replay(const struct skep_prog *prog, const struct skep_input *input, uint64_t budget,
		     uint64_t *ret_r0, struct skep_error **reterr)
{
	const char *why = lib_obstacle(prog);
	struct witness *w;
	int r;

	if (why)
		return fail(prog, &ERR_NO_CHECK, why, reterr);
	w = calloc(1, sizeof(*w));
	if (!w)
		return skep_fail_nomem(reterr);
	why = take(prog, input, w);
	r = why ? fail(prog, &ERR_INPUT_FIT, why, reterr) : replay(prog, w, budget, ret_r0, reterr);
	free(w);
	return r;
}
