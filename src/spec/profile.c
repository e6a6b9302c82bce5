// SPDX-License-Identifier: Apache-2.0
/*
 * What needs which kernel: one need from the row of each table, and whether a profile has it. Versions stand in the tables as
 * they are written, "5.10".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "spec/kfunc.h"
#include "spec/profile.h"
#include "spec/rules.h"

#define T(type) (1ull << PROG_##type)
#define RAW_TRACEPOINTS (T(RAW_TRACEPOINT) | T(RAW_TRACEPOINT_WRITABLE))
#define TRACEPOINTS (T(TRACEPOINT) | T(PERF_EVENT))
#define TRACING (T(KPROBE) | TRACEPOINTS | RAW_TRACEPOINTS | T(TRACING))
#define NO_TRACING (~(TRACING | T(LSM) | T(SYSCALL) | T(STRUCT_OPS) | T(EXT)))
/* Those whose context is a packet or its socket. */
#define PACKETS                                                                                    \
	(T(SOCKET_FILTER) | T(SCHED_CLS) | T(SCHED_ACT) | T(XDP) | T(CGROUP_SKB) | T(LWT_IN) |     \
	 T(LWT_OUT) | T(LWT_XMIT) | T(SOCK_OPS) | T(SK_SKB) | T(LWT_SEG6LOCAL) | T(SK_REUSEPORT) | \
	 T(FLOW_DISSECTOR) | T(SK_LOOKUP))
#define CGROUPS                                                                       \
	(T(CGROUP_SOCK) | T(CGROUP_DEVICE) | T(CGROUP_SOCK_ADDR) | T(CGROUP_SYSCTL) | \
	 T(CGROUP_SOCKOPT))

static const struct version {
	uint32_t version;
	const char *released;
} versions[] = {
#define KERNEL(major, minor, released) { SPEC_VERSION(major, minor), released },
#include "spec/versions.def"
#undef KERNEL
};

static const struct feature {
	const char *name, *since, *title, *document;
	enum spec_effect effect;
} features[FEATURE_COUNT] = {
#define FEATURE(id, since, effect, title, document) \
	[FEATURE_##id] = { #id, #since, title, document, EFFECT_##effect },
#include "spec/versions.def"
#undef FEATURE
};

/* Rows by number; NULL: there is none. */
static const char *const prog_since[PROG_TYPE_COUNT] = {
#define PROG_TYPE(id, value, name, ctx, since, served) [value] = #since,
#include "spec/prog_types.def"
#undef PROG_TYPE
};
static const char *const attach_since[ATTACH_TYPE_COUNT] = {
#define ATTACH_TYPE(id, value, name, since) [value] = #since,
#include "spec/attach_types.def"
#undef ATTACH_TYPE
};
static const char *const map_since[MAP_TYPE_COUNT] = {
#define MAP_ROW(id, value, name, since, served) [value] = #since,
#include "spec/map_types.def"
#undef MAP_ROW
};

static const struct name_row {
	const char *name;
	uint64_t set; /* of program types, or a number */
	const char *since;
} kfunc_types[] = {
#define KFUNC_FOR(prefix, types, since) { prefix, types, #since },
#include "spec/versions.def"
#undef KFUNC_FOR
}, helper_types[] = {
#define HELPER_FOR(name, types, since) { #name, types, #since },
#include "spec/versions.def"
#undef HELPER_FOR
}, map_flags[] = {
#define MAP_FLAG(name, bit, since) { #name, bit, #since },
#include "spec/versions.def"
#undef MAP_FLAG
}, sleep_maps[] = {
#define SLEEP_MAP(type, since) { #type, MAP_##type, #since },
#include "spec/versions.def"
#undef SLEEP_MAP
}, kernel_types[] = {
#define KERNEL_TYPE(name, since) { #name, 0, #since },
#include "spec/versions.def"
#undef KERNEL_TYPE
};

size_t spec_version_count(void)
{
	return ARRAY_SIZE(versions);
}

uint32_t spec_version_at(size_t i)
{
	return versions[i].version;
}

const char *spec_version_released(size_t i)
{
	return versions[i].released;
}

uint32_t spec_version_parse(const char *text)
{
	char *end;
	unsigned long major = strtoul(text, &end, 10), minor;

	if (text[0] < '0' || text[0] > '9' || *end != '.' || end[1] < '0' || end[1] > '9')
		return 0;
	minor = strtoul(end + 1, &end, 10);
	if (major > 255 || minor > 255 || (*end && !strchr(".-+_ ", *end)))
		return 0;
	return SPEC_VERSION(major, minor);
}

const char *spec_version_text(uint32_t version, char buf[SPEC_VERSION_TEXT])
{
	snprintf(buf, SPEC_VERSION_TEXT, "%u.%u", version >> 16 & 0xffff, version >> 8 & 0xff);
	return buf;
}

/* A column of a table: "none" is no kernel. */
static uint32_t column(const char *since)
{
	uint32_t v = since ? spec_version_parse(since) : 0;

	return v ? v : SPEC_NEVER;
}

static struct spec_need make(enum spec_need_kind kind, int id, const char *name, uint32_t since)
{
	return (struct spec_need){
		.kind = kind, .id = id, .name = name, .since = since, .prog_type = -1
	};
}

struct spec_need spec_need_feature(enum spec_feature feature)
{
	const struct feature *f = &features[feature];
	struct spec_need n = make(NEED_FEATURE, (int)feature, f->name, column(f->since));

	n.title = f->title;
	return n;
}

enum spec_effect spec_feature_effect(enum spec_feature feature)
{
	return features[feature].effect;
}

const char *spec_feature_document(enum spec_feature feature)
{
	return features[feature].document;
}

struct spec_need spec_need_insn(enum isa_op op)
{
	/* what the loader makes of references that are indexes here */
	if (op == ISA_LD_MAP_IDX)
		op = ISA_LD_MAP_FD;
	if (op == ISA_LD_MAP_IDX_VALUE)
		op = ISA_LD_MAP_VALUE;
	return make(NEED_INSN, (int)op, isa_name(op), column(isa_since(op)));
}

/* Narrows a need to a program type that came later. */
static void for_type(struct spec_need *n, const struct name_row *row, int prog_type)
{
	uint32_t since = column(row->since);

	if (prog_type < 0 || !(row->set >> prog_type & 1) || since <= n->since)
		return;
	n->since = since;
	n->prog_type = prog_type;
}

struct spec_need spec_need_helper(int id, int prog_type)
{
	const struct spec_helper *h = spec_helper(id);
	struct spec_need n = make(NEED_HELPER, id, h ? h->name : "?", column(h ? h->since : NULL));

	for (size_t i = 0; h && i < ARRAY_SIZE(helper_types); i++)
		if (strcmp(helper_types[i].name, h->name) == 0)
			for_type(&n, &helper_types[i], prog_type);
	return n;
}

struct spec_need spec_need_kfunc(const char *name, int prog_type)
{
	const struct spec_kfunc *k = spec_kfunc_find(name);
	struct spec_need n = make(NEED_KFUNC, -1, name, k ? column(k->since) : SPEC_NEVER);

	for (size_t i = 0; i < ARRAY_SIZE(kfunc_types); i++) {
		const struct spec_kfunc_rule *rule = spec_kfunc_rule(name);

		/* what every type may call could be called from the start */
		if (strncmp(kfunc_types[i].name, name, strlen(kfunc_types[i].name)) == 0 && rule &&
		    rule->gate != ~0ull)
			for_type(&n, &kfunc_types[i], prog_type);
	}
	return n;
}

struct spec_need spec_need_map_type(int type)
{
	const char *name = spec_map_type_name(type);

	return make(NEED_MAP_TYPE, type, name ? name : "?",
		    name ? column(map_since[type]) : SPEC_NEVER);
}

struct spec_need spec_need_map_flag(unsigned int bit)
{
	for (size_t i = 0; i < ARRAY_SIZE(map_flags); i++)
		if (map_flags[i].set == bit)
			return make(NEED_MAP_FLAG, (int)bit, map_flags[i].name,
				    column(map_flags[i].since));
	return make(NEED_MAP_FLAG, (int)bit, "?", 0);
}

struct spec_need spec_need_prog_type(int type)
{
	const char *name = spec_prog_type_name(type);

	return make(NEED_PROG_TYPE, type, name ? name : "?",
		    name ? column(prog_since[type]) : SPEC_NEVER);
}

struct spec_need spec_need_attach_type(int type)
{
	const char *name = spec_attach_type_name(type);

	return make(NEED_ATTACH_TYPE, type, name ? name : "?",
		    name ? column(attach_since[type]) : SPEC_NEVER);
}

struct spec_need spec_need_sleep_map(int type)
{
	const char *name = spec_map_type_name(type);

	for (size_t i = 0; i < ARRAY_SIZE(sleep_maps); i++)
		if (sleep_maps[i].set == (uint64_t)type)
			return make(NEED_SLEEP_MAP, type, name, column(sleep_maps[i].since));
	return make(NEED_SLEEP_MAP, type, name ? name : "?", 0);
}

struct spec_need spec_need_ctx(const struct spec_ctx_rule *rule)
{
	const char *since = spec_ctx_since(rule);

	return make(NEED_CTX, rule->off, rule->name, since ? column(since) : 0);
}

bool spec_need_type(const char *name, struct spec_need *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel_types); i++)
		if (strcmp(kernel_types[i].name, name) == 0) {
			*ret = make(NEED_TYPE, (int)i, kernel_types[i].name,
				    column(kernel_types[i].since));
			return true;
		}
	return false;
}

bool spec_attach_at_load(int prog_type)
{
	static const uint64_t set = T(CGROUP_SOCK) | T(CGROUP_SOCK_ADDR) | T(CGROUP_SKB) |
				    T(CGROUP_SOCKOPT) | T(SK_LOOKUP) | T(NETFILTER) | T(TRACING) |
				    T(LSM);

	return prog_type >= 0 && prog_type < PROG_TYPE_COUNT && set >> prog_type & 1;
}

const char *spec_need_kind_name(enum spec_need_kind kind)
{
	static const char *const names[] = {
		[NEED_FEATURE] = "feature",
		[NEED_INSN] = "instruction",
		[NEED_HELPER] = "helper",
		[NEED_KFUNC] = "kernel function",
		[NEED_MAP_TYPE] = "map type",
		[NEED_MAP_FLAG] = "map flag",
		[NEED_PROG_TYPE] = "program type",
		[NEED_ATTACH_TYPE] = "attach type",
		[NEED_CTX] = "member of the context",
		[NEED_SLEEP_MAP] = "map of a sleepable program",
		[NEED_TYPE] = "type",
	};

	return names[kind];
}

const char *spec_need_text(const struct spec_need *need, char buf[SPEC_NEED_TEXT])
{
	const char *bpf = need->kind == NEED_HELPER ? "bpf_" : "";

	if (need->title)
		snprintf(buf, SPEC_NEED_TEXT, "%s", need->title);
	else if (need->prog_type >= 0)
		snprintf(buf, SPEC_NEED_TEXT, "%s %s%s for %s programs",
			 spec_need_kind_name(need->kind), bpf, need->name,
			 spec_prog_type_name(need->prog_type));
	else
		snprintf(buf, SPEC_NEED_TEXT, "%s %s%s", spec_need_kind_name(need->kind), bpf,
			 need->name);
	return buf;
}

/* Answers by the version; the range in which they are the same gets narrower. */
static bool by_version(struct spec_profile *p, uint32_t since)
{
	if (since <= p->version) {
		if (since > p->from)
			p->from = since;
		return true;
	}
	if (since < p->until)
		p->until = since;
	return false;
}

static bool in_set(uint64_t set, int id)
{
	return id >= 0 && id < 64 && set >> id & 1;
}

bool spec_profile_has(struct spec_profile *p, const struct spec_need *need)
{
	bool later = need->prog_type >= 0;

	if (!p->has || need->since == SPEC_NEVER)
		return by_version(p, need->since);
	switch (need->kind) {
	case NEED_HELPER:
		if (!in_set(p->has->helpers[need->id / 64], need->id % 64))
			return false;
		return !later || by_version(p, need->since);
	case NEED_KFUNC:
		if (!btf_find(p->has->btf, need->name, BTF_FUNC, 0))
			return false;
		return by_version(p, need->since);
	case NEED_MAP_TYPE:
		return in_set(p->has->maps, need->id);
	case NEED_PROG_TYPE:
		return in_set(p->has->progs, need->id);
	case NEED_ATTACH_TYPE:
		return in_set(p->has->attaches, need->id);
	case NEED_FEATURE:
	case NEED_INSN:
	case NEED_MAP_FLAG:
	case NEED_CTX:
	case NEED_SLEEP_MAP:
		break;
	case NEED_TYPE:
		return btf_find(p->has->btf, need->name, BTF_STRUCT, 0);
	}
	return by_version(p, need->since);
}
