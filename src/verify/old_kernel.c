// SPDX-License-Identifier: Apache-2.0
/*
 * The verifier as an older kernel's: what that kernel has not is refused where the walk, or the look over all instructions,
 * comes to it, and where that kernel went by a stricter rule, so does the walk. spec/versions.def has the facts. That its
 * ranges were less exact is not modelled; docs/kernel-versions.md says what follows.
 */
#include "verify/old_kernel.h"

#include "spec/rules.h"
#include "verify/contract.h"
#include "verify/fields.h"

#define OLD_INSNS 4096

int profile_need(struct verifier *v, struct spec_need need)
{
	char text[SPEC_NEED_TEXT], since[SPEC_VERSION_TEXT], is[SPEC_VERSION_TEXT];

	if (!v->o->profile || spec_profile_has(v->o->profile, &need))
		return 0;
	v->obstacle = need;
	v->has_obstacle = true;
	spec_need_text(&need, text);
	spec_version_text(v->o->profile->version, is);
	if (need.since == SPEC_NEVER)
		reject(v, &ERR_KERNEL, "%s", text);
	else if (need.since <= v->o->profile->version)
		reject(v, &ERR_KERNEL, "%s is not in this kernel's types", text);
	else
		reject(v, &ERR_KERNEL, "%s, which came with Linux %s", text,
		       spec_version_text(need.since, since));
	skep_known(&v->error, "the program is verified for Linux %s", is);
	return -ERR_KERNEL.code;
}

int profile_feature(struct verifier *v, enum spec_feature feature)
{
	return v->o->profile ? profile_need(v, spec_need_feature(feature)) : 0;
}

HOT bool profile_knows(struct verifier *v, enum spec_feature feature)
{
	struct spec_need need;

	if (!v->o->profile)
		return true;
	need = spec_need_feature(feature);
	return spec_profile_has(v->o->profile, &need);
}

static int sleeps(struct verifier *v)
{
	int type = v->o->prog_type;

	if (!(v->o->prog_flags & VERIFY_F_SLEEPABLE) || type == PROG_SYSCALL)
		return 0;
	if (type == PROG_KPROBE)
		return profile_feature(v, FEATURE_SLEEPABLE_KPROBE);
	if (type == PROG_TRACING && v->o->attach_type == ATTACH_TRACE_ITER)
		return profile_feature(v, FEATURE_SLEEPABLE_ITER);
	return profile_feature(v, FEATURE_SLEEPABLE);
}

HOT int profile_prog(struct verifier *v)
{
	const struct verify_opts *o = v->o;
	int err;

	if (!o->profile)
		return 0;
	err = profile_need(v, spec_need_prog_type(o->prog_type));
	if (err == 0 && o->attach_type != ATTACH_NONE && spec_attach_at_load(o->prog_type))
		err = profile_need(v, spec_need_attach_type(o->attach_type));
	if (err == 0 && o->n > OLD_INSNS)
		err = profile_feature(v, FEATURE_BIG_PROGRAM);
	if (err == 0)
		err = sleeps(v);
	if (err == 0 && o->prog_flags & VERIFY_F_XDP_HAS_FRAGS)
		err = profile_feature(v, FEATURE_XDP_FRAGS);
	return err;
}

/* Forms of older instructions with another field: those are looked at when the walk comes to them. */
static bool waits(enum isa_op op)
{
	static const char *const names[] = { "SDIV", "SMOD", "MOVSX" };

	if (isa_kind(op) == ISA_KIND_CAST)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (isa_kind(op) == ISA_KIND_ALU &&
		    strncmp(isa_name(op), names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static const char *kfunc_name(const struct verifier *v, uint32_t at)
{
	const struct btf *b = v->o->kernel_btf;
	int32_t id = v->insns[at].imm;

	return b && id > 0 && (uint32_t)id < btf_count(b) ? btf_name(b, (uint32_t)id) : NULL;
}

HOT int profile_insns(struct verifier *v)
{
	for (uint32_t i = 0; v->o->profile && i < v->n; i++) {
		enum isa_op op = v->ops[i];
		const char *name = op == ISA_CALL_KFUNC ? kfunc_name(v, i) : NULL;
		int err = 0;

		v->at = i;
		if (op != ISA_INVALID && !waits(op))
			err = profile_need(v, spec_need_insn(op));
		if (err == 0 && name)
			err = profile_need(v, spec_need_kfunc(name, -1));
		if (err < 0)
			return err;
	}
	return 0;
}

HOT int profile_step(struct verifier *v)
{
	enum isa_op op = v->ops[v->at];

	return v->o->profile && waits(op) ? profile_need(v, spec_need_insn(op)) : 0;
}

static int by_fields(struct verifier *v, const struct verify_map *map)
{
	static const struct {
		uint32_t kinds;
		enum spec_feature feature;
	} rows[] = {
		{ FK_SPIN_LOCK, FEATURE_SPIN_LOCK },
		{ FK_TIMER, FEATURE_TIMER },
		{ FK_KPTR_UNREF | FK_KPTR_REF, FEATURE_KPTR },
		{ FK_KPTR_PERCPU, FEATURE_PERCPU_KPTR },
		{ FK_UPTR, FEATURE_UPTR },
		{ FK_LIST_HEAD, FEATURE_LIST },
		{ FK_RB_ROOT, FEATURE_RBTREE },
		{ FK_REFCOUNT, FEATURE_REFCOUNT },
		{ FK_WORKQUEUE, FEATURE_WORKQUEUE },
		{ FK_RES_SPIN_LOCK, FEATURE_RES_SPIN_LOCK },
		{ FK_TASK_WORK, FEATURE_TASK_WORK },
	};
	const struct fields *f = fields_of_map(v, map);

	for (size_t i = 0; f && i < ARRAY_SIZE(rows); i++) {
		int err = f->kinds & rows[i].kinds ? profile_feature(v, rows[i].feature) : 0;

		if (err < 0)
			return err;
	}
	return 0;
}

int profile_map(struct verifier *v, const struct verify_map *map)
{
	int err = 0;

	if (!v->o->profile)
		return 0;
	for (const struct verify_map *m = map; err == 0 && m; m = m->inner) {
		err = profile_need(v, spec_need_map_type((int)m->type));
		for (unsigned int bit = 0; err == 0 && bit < 32; bit++)
			if (m->flags >> bit & 1)
				err = profile_need(v, spec_need_map_flag(bit));
		if (err == 0)
			err = by_fields(v, m);
	}
	if (err == 0 && v->o->prog_flags & VERIFY_F_SLEEPABLE)
		err = profile_need(v, spec_need_sleep_map((int)map->type));
	return err;
}

static int by_tag(struct verifier *v, const char *tag)
{
	static const struct {
		const char *tag;
		enum spec_feature feature;
	} rows[] = {
		{ "arg:nonnull", FEATURE_GLOBAL_TAGS },
		{ "arg:trusted", FEATURE_GLOBAL_TRUSTED },
		{ "arg:nullable", FEATURE_GLOBAL_TRUSTED },
		{ "arg:arena", FEATURE_GLOBAL_ARENA },
		{ "arg:untrusted", FEATURE_GLOBAL_UNTRUSTED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].tag, tag) == 0)
			return profile_feature(v, rows[i].feature);
	return 0;
}

int profile_args(struct verifier *v, const struct func *f)
{
	const struct btf *b = v->o->btf;
	int err = 0;

	if (!v->o->profile)
		return 0;
	v->at = f->start;
	for (uint32_t id = 1; err == 0 && id < btf_count(b); id++)
		if (btf_kind(b, id) == BTF_DECL_TAG && btf_ref_type(b, id) == f->btf_id &&
		    btf_decl_tag_index(b, id) >= 0)
			err = by_tag(v, btf_name(b, id));
	for (uint32_t i = 0; err == 0 && i < f->nargs; i++) {
		if (f->args[i].kind == FA_MEM)
			err = profile_feature(v, FEATURE_GLOBAL_POINTERS);
		else if (f->args[i].kind == FA_DYNPTR)
			err = profile_feature(v, FEATURE_GLOBAL_DYNPTR);
	}
	return err;
}
