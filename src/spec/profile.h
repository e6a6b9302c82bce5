/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel profiles: what the kernel of some version gives, by spec/versions.def and the `since` columns of the other tables; or
 * what one kernel gives, by its BTF. One question, spec_profile_has(), which also notes between which versions
 * its answers stay the same: a verdict of one version holds for all versions in between.
 *
 * Versions are numbers, major << 16 | minor << 8, as LINUX_KERNEL_VERSION without the patch level.
 */
#ifndef SPEC_PROFILE_H
#define SPEC_PROFILE_H

#include "isa/isa.h"
#include "spec/spec.h"

#define SPEC_VERSION(major, minor) ((uint32_t)(major) << 16 | (uint32_t)(minor) << 8)
#define SPEC_NEVER UINT32_MAX

struct spec_ctx_rule;

enum spec_feature {
#define FEATURE(id, ...) FEATURE_##id,
#include "spec/versions.def"
#undef FEATURE
	FEATURE_COUNT,
};

enum spec_effect { EFFECT_REFUSED, EFFECT_OTHER, EFFECT_LOADER, EFFECT_ATTACH };

/* Of which table a need is. */
enum spec_need_kind {
	NEED_FEATURE,
	NEED_INSN,
	NEED_HELPER,
	NEED_KFUNC,
	NEED_MAP_TYPE,
	NEED_MAP_FLAG,
	NEED_PROG_TYPE,
	NEED_ATTACH_TYPE,
	NEED_CTX,
	NEED_SLEEP_MAP,
	NEED_TYPE,
};

/* Something that a kernel has, or has not. */
struct spec_need {
	enum spec_need_kind kind;
	int id;		   /* in the table; of a kfunc -1 */
	const char *name;  /* "bpf_loop" */
	const char *title; /* "a loop"; NULL: the kind and the name say it */
	uint32_t since;	   /* SPEC_NEVER: no kernel up to the newest */
	int prog_type; /* a helper or kfunc: for this type, which came later than itself; else -1 */
};

/* What the kernel's BTF says that it has; without it, versions decide. */
struct spec_kernel_has {
	uint64_t helpers[(HELPER_COUNT + 63) / 64];
	uint64_t maps, progs, attaches;
	const struct btf *btf; /* kernel functions; borrowed */
};

struct spec_profile {
	uint32_t version;
	const struct spec_kernel_has *has; /* or NULL */
	/* From one version to another (exclusive) all answers so far are the same. */
	uint32_t from, until;
};

/* A profile whose answers are not narrowed yet. */
static inline struct spec_profile spec_profile_of(uint32_t version,
						  const struct spec_kernel_has *has)
{
	return (struct spec_profile){ .version = version, .has = has, .until = SPEC_NEVER };
}

/* Does the kernel have it? Narrows from and until. */
bool spec_profile_has(struct spec_profile *p, const struct spec_need *need);

/* Versions of the table, oldest first. */
size_t spec_version_count(void);
uint32_t spec_version_at(size_t i);
const char *spec_version_released(size_t i); /* "2020-12" */
/* "5.10", "5.10.3", "6.1.0-56-amd64" -> 5.10, 6.1; 0: not a version. */
uint32_t spec_version_parse(const char *text);
#define SPEC_VERSION_TEXT 16
const char *spec_version_text(uint32_t version, char buf[SPEC_VERSION_TEXT]);

struct spec_need spec_need_feature(enum spec_feature feature);
enum spec_effect spec_feature_effect(enum spec_feature feature);
const char *spec_feature_document(enum spec_feature feature);
struct spec_need spec_need_insn(enum isa_op op);
/* @prog_type: who calls it; -1: anyone. */
struct spec_need spec_need_helper(int id, int prog_type);
struct spec_need spec_need_kfunc(const char *name, int prog_type);
struct spec_need spec_need_map_type(int type);
/* The bit of BPF_MAP_CREATE's flags; since 0 when no table knows it. */
struct spec_need spec_need_map_flag(unsigned int bit);
struct spec_need spec_need_prog_type(int type);
struct spec_need spec_need_attach_type(int type);
/* A map of the type in a program that may sleep. */
struct spec_need spec_need_sleep_map(int type);
/* The member of a context, as spec_ctx_access() found it. */
struct spec_need spec_need_ctx(const struct spec_ctx_rule *rule);
/* Is the attach type looked at when the program is loaded, or only when it is attached? */
bool spec_attach_at_load(int prog_type);
/* "helper bpf_loop", "map type ringbuf", "a loop": into @buf, returned. */
#define SPEC_NEED_TEXT 192
const char *spec_need_text(const struct spec_need *need, char buf[SPEC_NEED_TEXT]);
const char *spec_need_kind_name(enum spec_need_kind kind); /* "helper" */

/* A type that the table knows: what it needs; false: another. */
bool spec_need_type(const char *name, struct spec_need *ret);
/* A name of a kernel's enums (BPF_FUNC_loop, BPF_MAP_TYPE_RINGBUF, ...): what it needs; false: another name. */
bool spec_need_enumerator(const char *name, struct spec_need *ret);

/* What the kernel with these types has, and which version it must be at least. @btf stays borrowed. */
uint32_t spec_kernel_read(const struct btf *btf, struct spec_kernel_has *ret);

#endif
