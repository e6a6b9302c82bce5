// SPDX-License-Identifier: Apache-2.0
/*
 * The programs of an object against every kernel version, newest first. A verdict tells for which versions it holds
 * (spec_profile_has() narrows them), so that the object is opened and its programs are walked only as often as an answer
 * changes: where nothing is too new, once.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "lib/internal.h"

#define OBJECT_LIMIT ((size_t)256 << 20)

struct run {
	struct skep_kernel_verdict v;
	char obstacle[SPEC_NEED_TEXT];
	struct skep_error *error;
};

struct prog {
	const char *name, *section;
	struct run *runs; /* newest first */
	size_t nruns, cruns;
	uint32_t down_to; /* versions from here on have their verdict */
};

struct skep_kernels {
	struct arena arena;
	struct prog *progs;
	size_t nprogs;
};

/* What the walk over the versions needs. */
struct job {
	struct skep_kernels *k;
	const struct skep_kernels_opts *opts;
	struct skep_obj_opts oo;
	const char *path;
	struct buf bytes;
	struct skep_obj *obj; /* opened for versions in [from, until) */
	uint32_t from, until;
};

/* Attached otherwise where the attach type came later than the hook. */
static bool has_older_way(const struct load_prog *p)
{
	return p->def->attach_type == ATTACH_XDP ||
	       p->def->attach_type == ATTACH_SK_REUSEPORT_SELECT ||
	       strncmp(p->section, "tc/", 3) == 0;
}

/* It loads; can it be attached? */
static bool attachable(struct spec_profile *profile, const struct load_prog *p, struct run *run)
{
	struct spec_need need;

	if (p->def->attach_type == ATTACH_NONE || spec_attach_at_load(p->def->prog_type) ||
	    has_older_way(p))
		return true;
	need = spec_need_attach_type(p->def->attach_type);
	if (spec_profile_has(profile, &need))
		return true;
	run->v.attach = true;
	run->v.since = need.since;
	run->v.kind = spec_need_kind_name(need.kind);
	run->v.name = need.name;
	spec_need_text(&need, run->obstacle);
	return false;
}

static struct run *add_run(struct prog *p)
{
	if (p->nruns == p->cruns) {
		size_t n = p->cruns ? p->cruns * 2 : 4;
		struct run *more = reallocarray(p->runs, n, sizeof(*more));

		if (!more)
			return NULL;
		p->runs = more;
		p->cruns = n;
	}
	memset(&p->runs[p->nruns], 0, sizeof(p->runs[0]));
	return &p->runs[p->nruns++];
}

static bool same_place(const struct skep_error *a, const struct skep_error *b)
{
	return !a == !b && (!a || (skep_error_place(a)->at == skep_error_place(b)->at &&
				   strcmp(skep_error_id(a), skep_error_id(b)) == 0 &&
				   strcmp(skep_error_message(a), skep_error_message(b)) == 0));
}

/* The last answer is that of the version above it, found anew. */
static void merge(struct prog *p)
{
	struct run *last = &p->runs[p->nruns - 1], *above = last - 1;

	if (p->nruns < 2 || above->v.code != last->v.code || above->v.attach != last->v.attach ||
	    strcmp(above->obstacle, last->obstacle) != 0 || !same_place(above->error, last->error))
		return;
	above->v.first = last->v.first;
	skep_error_free(last->error);
	p->nruns--;
}

/* The verdict of @version, and for which versions it holds. */
static int ask(struct job *j, struct prog *p, uint32_t version)
{
	struct skep_verify_opts vo = { .size = sizeof(vo),
				       .caps = j->opts->caps,
				       .prog_flags = j->opts->prog_flags };
	const struct skep_prog *prog = skep_obj_find_prog(j->obj, p->name);
	struct spec_profile profile = j->obj->profile;
	struct verify_result result;
	struct run *run = add_run(p);

	if (!run || !prog)
		return -ENOMEM;
	run->v.code = lib_verify(prog, &vo, NULL, &result, &run->error);
	if (result.until) {
		profile.from = result.from;
		profile.until = result.until;
	}
	if (result.has_obstacle) {
		run->v.since = result.obstacle.since == SPEC_NEVER ? 0 : result.obstacle.since;
		run->v.kind = spec_need_kind_name(result.obstacle.kind);
		run->v.name = result.obstacle.kind == NEED_KFUNC ?
				      arena_strdup(&j->k->arena, result.obstacle.name) :
				      result.obstacle.name;
		result.obstacle.name = run->v.name ? run->v.name : "";
		spec_need_text(&result.obstacle, run->obstacle);
	}
	if (run->v.code == 0)
		attachable(&profile, lib_prog_spec(prog), run);
	verify_done(&result);
	run->v.first = run->v.last = version;
	p->down_to = profile.from > j->from ? profile.from : j->from;
	merge(p);
	return run->v.code == -ENOMEM ? -ENOMEM : 0;
}

static int open_for(struct job *j, const struct skep_profile *profile, struct skep_error **reterr)
{
	int r;

	skep_obj_close(j->obj);
	j->obj = NULL;
	j->oo.profile = profile;
	r = skep_obj_open_mem(j->bytes.data, j->bytes.len, &j->oo, &j->obj, reterr);
	if (r < 0)
		return r;
	j->from = j->obj->profile.from;
	j->until = j->obj->profile.until;
	return 0;
}

static int list_progs(struct job *j, struct skep_error **reterr)
{
	struct skep_kernels *k = j->k;

	k->progs = ARENA_ARRAY(&k->arena, struct prog, skep_obj_nprogs(j->obj));
	if (!k->progs)
		return skep_fail_nomem(reterr);
	for (size_t i = 0; i < skep_obj_nprogs(j->obj); i++) {
		const struct load_prog *p = lib_prog_spec(skep_obj_prog(j->obj, i));
		struct prog *out = &k->progs[k->nprogs];

		if (j->opts->prog ? strcmp(j->opts->prog, p->name) != 0 :
				    !p->autoload && !j->opts->all)
			continue;
		out->name = arena_strdup(&k->arena, p->name);
		out->section = arena_strdup(&k->arena, p->section);
		if (!out->name || !out->section)
			return skep_fail_nomem(reterr);
		out->down_to = SPEC_NEVER;
		k->nprogs++;
	}
	if (!k->nprogs)
		return skep_fail(reterr, &ERR_NO_PROG, SKEP_AT_FILE(j->path, 0), "'%s'",
				 j->opts->prog ? j->opts->prog : "any");
	return 0;
}

/* One version, for all programs. */
static int one_version(struct job *j, const struct skep_profile *profile,
		       struct skep_error **reterr)
{
	uint32_t version = profile->profile.version;
	int r = 0;

	if (!j->obj || version < j->from || version >= j->until)
		r = open_for(j, profile, reterr);
	if (r == 0 && !j->k->progs)
		r = list_progs(j, reterr);
	if (r < 0)
		return r;
	j->obj->profile.version = version;
	for (size_t i = 0; i < j->k->nprogs; i++) {
		struct prog *p = &j->k->progs[i];

		if (p->nruns && version >= p->down_to)
			p->runs[p->nruns - 1].v.first = version;
		else if (ask(j, p, version) < 0)
			return skep_fail_nomem(reterr);
	}
	return 0;
}

static int every_version(struct job *j, struct skep_error **reterr)
{
	for (size_t i = spec_version_count(); i--;) {
		struct skep_profile profile = { .profile =
							spec_profile_of(spec_version_at(i), NULL) };
		int r = one_version(j, &profile, reterr);

		if (r < 0)
			return r;
	}
	return 0;
}

int skep_kernels_new(const char *path, const struct skep_obj_opts *oo,
		     const struct skep_kernels_opts *opts, struct skep_kernels **ret,
		     struct skep_error **reterr)
{
	struct skep_kernels_opts own = { .size = sizeof(own) };
	struct job j = { .k = calloc(1, sizeof(*j.k)), .path = path, .opts = &own };
	int r;

	if (!j.k)
		return skep_fail_nomem(reterr);
	arena_init(&j.k->arena, 0);
	if (opts)
		memcpy(&own, opts, opts->size < sizeof(own) ? opts->size : sizeof(own));
	if (oo)
		memcpy(&j.oo, oo, oo->size < sizeof(j.oo) ? oo->size : sizeof(j.oo));
	j.oo.size = sizeof(j.oo);
	if (!j.oo.name)
		j.oo.name = path;
	buf_init(&j.bytes);
	r = file_read(path, OBJECT_LIMIT, &j.bytes, reterr);
	if (r == 0)
		r = own.profile ? one_version(&j, own.profile, reterr) : every_version(&j, reterr);
	buf_done(&j.bytes);
	skep_obj_close(j.obj);
	if (r < 0) {
		skep_kernels_free(j.k);
		return r;
	}
	*ret = j.k;
	return 0;
}

void skep_kernels_free(struct skep_kernels *kernels)
{
	if (!kernels)
		return;
	for (size_t i = 0; i < kernels->nprogs; i++) {
		for (size_t n = 0; n < kernels->progs[i].nruns; n++)
			skep_error_free(kernels->progs[i].runs[n].error);
		free(kernels->progs[i].runs);
	}
	arena_done(&kernels->arena);
	free(kernels);
}

size_t skep_kernels_nprogs(const struct skep_kernels *kernels)
{
	return kernels->nprogs;
}

const char *skep_kernels_prog(const struct skep_kernels *kernels, size_t i,
			      const char **ret_section)
{
	if (ret_section)
		*ret_section = kernels->progs[i].section;
	return kernels->progs[i].name;
}

bool skep_kernels_verdict(const struct skep_kernels *kernels, size_t i, size_t n,
			  struct skep_kernel_verdict *ret)
{
	const struct prog *p = &kernels->progs[i];

	if (n >= p->nruns)
		return false;
	*ret = p->runs[n].v;
	ret->error = p->runs[n].error;
	ret->obstacle = p->runs[n].obstacle[0] ? p->runs[n].obstacle : NULL;
	return true;
}

static uint32_t minimum(const struct skep_kernels *k, size_t i, struct skep_kernel_verdict *ret)
{
	struct skep_kernel_verdict v = { 0 };
	uint32_t first = 0;
	size_t n = 0;

	for (; skep_kernels_verdict(k, i, n, &v) && v.code == 0 && !v.attach; n++)
		first = v.first;
	if (n == k->progs[i].nruns)
		memset(&v, 0, sizeof(v));
	*ret = v;
	return first;
}

uint32_t skep_kernels_minimum(const struct skep_kernels *kernels, size_t i,
			      struct skep_kernel_verdict *ret, size_t *ret_prog)
{
	uint32_t most = 0;

	if (i != SIZE_MAX)
		return minimum(kernels, i, ret);
	for (i = 0; i < kernels->nprogs; i++) {
		struct skep_kernel_verdict v;
		uint32_t first = minimum(kernels, i, &v);

		if (i && first && first <= most)
			continue;
		most = first;
		*ret = v;
		if (ret_prog)
			*ret_prog = i;
		if (!first)
			return 0;
	}
	return most;
}
