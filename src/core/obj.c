// SPDX-License-Identifier: Apache-2.0
/*
 * An object at run time: maps first, then programs against them, then the slots that refer to programs.
 * Invariant: a core_prog has either `exec`, or `refused`, or autoload off.
 */
#include <stdlib.h>

#include "core/internal.h"
#include "helper/helper.h"
#include "jit/jit.h"
#include "model/model.h"
#include "spec/kfunc.h"

struct prepared {
	uint64_t *ptr, *value; /* by map index */
	const char **missing;
	struct exec_kfunc *kfuncs; /* by extern */
	uint64_t arena;
	struct exec_table *tables;
	struct exec_line *lines;
	struct exec_poison *poisons;
};

/* Jump tables lie one after the other, in the order of the programs. */
static void collect_tables(const struct core_obj *obj, const struct load_prog *p,
			   struct prepared *x)
{
	uint64_t *at = obj->tables;

	for (const struct load_prog *q = obj->spec->progs; q < p; q++)
		for (uint32_t i = 0; i < q->ntables; i++)
			at += q->tables[i].n;
	for (uint32_t i = 0; i < p->ntables; i++) {
		x->tables[i] = (struct exec_table){ at, p->tables[i].to, p->tables[i].n };
		x->value[obj->nmaps + i] = (uintptr_t)at;
		at += p->tables[i].n;
	}
}

static void collect(const struct core_obj *obj, const struct load_prog *p, struct prepared *x)
{
	collect_tables(obj, p, x);
	for (size_t i = 0; i < obj->nmaps; i++) {
		struct map *map = obj->maps[i].map;

		x->ptr[i] = (uint64_t)(uintptr_t)map;
		x->value[i] = map ? map_direct_value(map) : 0;
		x->missing[i] = map ? NULL : obj->maps[i].why;
		if (map && map_attr(map)->type == MAP_ARENA)
			x->arena = x->value[i];
	}
	for (uint32_t i = 0; i < obj->spec->nexterns; i++) {
		const char *name = obj->spec->externs[i].name;

		const struct spec_kfunc *k = spec_kfunc_find(name);

		x->kfuncs[i] = (struct exec_kfunc){ name, helper_kfunc(name), spec_kfunc_nargs(k),
						    spec_kfunc_callbacks(k) };
	}
	for (uint32_t i = 0; i < p->nlines; i++)
		x->lines[i] = (struct exec_line){ .insn = p->lines[i].insn,
						  .file = p->lines[i].file,
						  .text = p->lines[i].text,
						  .line = p->lines[i].line,
						  .col = p->lines[i].col };
	for (uint32_t i = 0; i < p->npoisons; i++)
		x->poisons[i] = (struct exec_poison){ p->poisons[i].insn, p->poisons[i].reason };
}

/* A tail call may lead to a program whose context is another: then nothing is known of contexts. */
static bool mixes_types(const struct load_obj *spec)
{
	bool calls = false, mixed = false;
	int type = -1;

	for (uint32_t i = 0; i < spec->nmaps; i++)
		calls |= spec->maps[i].type == MAP_PROG_ARRAY;
	for (uint32_t i = 0; i < spec->nprogs; i++) {
		const struct load_prog *p = &spec->progs[i];

		if (p->unusable || !p->autoload)
			continue;
		mixed |= type >= 0 && type != p->def->prog_type;
		type = p->def->prog_type;
	}
	return calls && mixed;
}

static void ask_facts(const struct core_obj *obj, const struct core_opts *opts,
		      struct core_prog *prog)
{
	if (opts && opts->facts && !mixes_types(obj->spec))
		prog->facts = opts->facts(opts->facts_ctx, prog->index);
	prog->verified = prog->facts;
}

static int prepare(struct core_obj *obj, struct core_prog *prog, struct skep_error **reterr)
{
	const struct load_prog *p = prog->spec;
	struct arena scratch;
	struct prepared x;
	struct exec_prog_opts o;
	size_t nmaps;
	int r;

	arena_init(&scratch, 0);
	nmaps = obj->nmaps + p->ntables;
	x.ptr = ARENA_ARRAY(&scratch, uint64_t, nmaps);
	x.value = ARENA_ARRAY(&scratch, uint64_t, nmaps);
	x.missing = ARENA_ARRAY(&scratch, const char *, nmaps);
	x.tables = ARENA_ARRAY(&scratch, struct exec_table, p->ntables);
	x.arena = 0;
	x.kfuncs = ARENA_ARRAY(&scratch, struct exec_kfunc, obj->spec->nexterns);
	x.lines = ARENA_ARRAY(&scratch, struct exec_line, p->nlines);
	x.poisons = ARENA_ARRAY(&scratch, struct exec_poison, p->npoisons);
	if (!x.tables || !x.ptr || !x.value || !x.missing || !x.kfuncs || !x.lines || !x.poisons) {
		arena_done(&scratch);
		return skep_fail_nomem(reterr);
	}
	collect(obj, p, &x);
	o = (struct exec_prog_opts){ .object = obj->spec->name,
				     .name = p->name,
				     .insns = p->insns,
				     .ninsns = p->ninsns,
				     .prog_type = p->def->prog_type,
				     .map_ptr = x.ptr,
				     .map_value = x.value,
				     .map_missing = x.missing,
				     .nmaps = nmaps,
				     .tables = x.tables,
				     .ntables = p->ntables,
				     .kfuncs = x.kfuncs,
				     .nkfuncs = obj->spec->nexterns,
				     .arena = x.arena,
				     .lines = x.lines,
				     .nlines = p->nlines,
				     .poisons = x.poisons,
				     .npoisons = p->npoisons,
				     .space = obj,
				     .space_ops = &core_space_ops,
				     .facts = prog->facts,
				     .exception = p->exception,
				     .owner = prog };
	o.helpers = helper_table(&o.nhelpers);
	o.forms = helper_forms();
	r = exec_prog_new(&o, &prog->exec, reterr);
	arena_done(&scratch);
	return r;
}

static int make_progs(struct core_obj *obj, const struct core_opts *opts,
		      struct skep_error **reterr)
{
	obj->progs = ARENA_ARRAY(&obj->arena, struct core_prog, obj->spec->nprogs);
	if (!obj->progs)
		return skep_fail_nomem(reterr);
	for (uint32_t i = 0; i < obj->spec->nprogs; i++) {
		const struct load_prog *spec = &obj->spec->progs[i];
		struct core_prog *prog = &obj->progs[obj->nprogs++];
		int r = 0;

		*prog = (struct core_prog){ .obj = obj,
					    .name = spec->name,
					    .section = spec->section,
					    .def = spec->def,
					    .target = spec->target,
					    .spec = spec,
					    .index = i };
		if (spec->unusable)
			skep_fail(&prog->refused, &ERR_UNUSABLE,
				  SKEP_AT_ELF(obj->spec->name, spec->section, 0), "%s",
				  spec->unusable);
		else if (spec->autoload) {
			ask_facts(obj, opts, prog);
			r = prepare(obj, prog, &prog->refused);
		}
		if (r == -ENOMEM)
			return skep_fail_nomem(reterr);
	}
	return 0;
}

/* Programs and maps see the same objects; what values hold goes with them. */
static void share_model(struct core_obj *obj)
{
	model_set_types(obj->model, obj->spec->btf);
	for (size_t i = 0; i < obj->nmaps; i++)
		if (obj->maps[i].map && map_fields(obj->maps[i].map))
			map_on_release(obj->maps[i].map, helper_release_field, obj->model);
}

int core_new(const struct load_obj *spec, const struct core_opts *opts, struct core_obj **ret,
	     struct skep_error **reterr)
{
	struct core_obj *obj;
	int r;

	if (spec->swapped)
		return skep_fail(reterr, &ERR_SWAPPED, SKEP_AT_FILE(spec->name, 5),
				 "it can be inspected here, not run");
	obj = calloc(1, sizeof(*obj));
	if (!obj)
		return skep_fail_nomem(reterr);
	arena_init(&obj->arena, 0);
	obj->spec = spec;
	obj->perf_map = opts && opts->perf_map;
	if (jit_available() && !(opts && opts->interpret))
		jit_pool_new(&obj->pool, NULL); /* without one the interpreter runs all */
	r = model_new(&obj->model, reterr);
	if (r == 0)
		r = core_maps_init(obj, opts, reterr);
	if (r == 0)
		share_model(obj);
	if (r == 0)
		r = make_progs(obj, opts, reterr);
	if (r == 0)
		r = core_maps_slots(obj, reterr);
	for (size_t i = 0; i < obj->nprogs && r == 0; i++)
		r = core_compile(&obj->progs[i], reterr);
	if (r < 0) {
		core_free(obj);
		return r;
	}
	*ret = obj;
	return 0;
}

void core_free(struct core_obj *obj)
{
	if (!obj)
		return;
	for (size_t i = 0; obj->maps && i < obj->nmaps; i++) /* they may stay longer than we */
		if (obj->maps[i].map && map_fields(obj->maps[i].map))
			map_on_release(obj->maps[i].map, NULL, NULL);
	model_free(obj->model);
	for (size_t i = 0; i < obj->nprogs; i++) {
		jit_free(obj->progs[i].jit);
		free(obj->progs[i].facts);
		exec_prog_free(obj->progs[i].exec);
		skep_error_free(obj->progs[i].refused);
	}
	jit_pool_unref(obj->pool);
	core_maps_done(obj);
	arena_done(&obj->arena);
	free(obj);
}

size_t core_nprogs(const struct core_obj *obj)
{
	return obj->nprogs;
}

struct core_prog *core_prog(struct core_obj *obj, size_t i)
{
	return &obj->progs[i];
}

size_t core_nmaps(const struct core_obj *obj)
{
	return obj->nmaps;
}

struct map *core_map(struct core_obj *obj, size_t i)
{
	return obj->maps[i].map;
}

bool core_pending(const struct core_obj *obj)
{
	for (size_t i = 0; i < obj->nbuffers; i++)
		if (map_pending(obj->maps[obj->buffers[i]].map))
			return true;
	return false;
}
