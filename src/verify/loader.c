// SPDX-License-Identifier: Apache-2.0
/*
 * Who loads, and how: what is refused before the walk because of the loader's capabilities or the flags of BPF_PROG_LOAD, and
 * what loaders without CAP_BPF or CAP_PERFMON may not do. CAP_SYS_ADMIN stands for all. capabilities(7).
 */
#include "verify/loader.h"
#include "verify/old_kernel.h"
#include "verify/walk.h"

_Static_assert((int)VERIFY_CAP_BPF == SPEC_CAP_BPF && (int)VERIFY_CAP_PERFMON == SPEC_CAP_PERFMON &&
		       (int)VERIFY_CAP_NET_ADMIN == SPEC_CAP_NET_ADMIN,
	       "capabilities are numbered alike");

#define KNOWN_FLAGS 0xffu
#define TOKEN_FLAG (1u << 16)
#define UNPRIVILEGED_INSNS 4096

static bool may(const struct verifier *v, uint32_t caps)
{
	return v->o->caps & VERIFY_CAP_SYS_ADMIN || (v->o->caps & caps) == caps;
}

static int by_type(struct verifier *v)
{
	static const struct {
		uint32_t cap;
		const char *name;
	} names[] = { { SPEC_CAP_BPF, "CAP_BPF" },
		      { SPEC_CAP_NET_ADMIN, "CAP_NET_ADMIN" },
		      { SPEC_CAP_PERFMON, "CAP_PERFMON" } };
	uint32_t caps = spec_prog_caps(v->o->prog_type);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (caps & names[i].cap && !may(v, names[i].cap))
			return reject(v, &ERR_CAPABILITY, "'%s' programs need %s",
				      spec_prog_type_name(v->o->prog_type), names[i].name);
	return 0;
}

/* Program types, and of tracing programs the attach types, that may sleep. */
static bool may_sleep(const struct verify_opts *o)
{
	switch (o->prog_type) {
	case PROG_TRACING:
		return o->attach_type == ATTACH_TRACE_FENTRY ||
		       o->attach_type == ATTACH_TRACE_FEXIT ||
		       o->attach_type == ATTACH_MODIFY_RETURN ||
		       o->attach_type == ATTACH_TRACE_ITER;
	case PROG_LSM:
		return o->attach_type != ATTACH_LSM_CGROUP;
	case PROG_KPROBE: /* for uprobes */
	case PROG_STRUCT_OPS:
	case PROG_SYSCALL:
	case PROG_EXT: /* as the program that it extends */
		return true;
	default:
		return false;
	}
}

static int by_flags(struct verifier *v)
{
	const struct verify_opts *o = v->o;

	if (o->prog_flags & ~(KNOWN_FLAGS | TOKEN_FLAG))
		return reject(v, &ERR_PROG_TYPE, "load flags 0x%x are not known",
			      o->prog_flags & ~(KNOWN_FLAGS | TOKEN_FLAG));
	if (o->prog_type == PROG_SYSCALL && !(o->prog_flags & VERIFY_F_SLEEPABLE))
		return reject(v, &ERR_PROG_TYPE, "Syscall programs can only be sleepable");
	if (o->prog_flags & VERIFY_F_SLEEPABLE && !may_sleep(o))
		return reject(
			v, &ERR_PROG_TYPE,
			"Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable");
	return 0;
}

HOT int loader_check(struct verifier *v)
{
	const struct verify_opts *o = v->o;
	uint32_t limit = v->bpf_capable ? MAX_INSNS : UNPRIVILEGED_INSNS;
	int err;

	if (!o->n)
		return reject(v, &ERR_SIZE, "the program has no instructions");
	if (o->n > limit)
		return reject(v, &ERR_SIZE, "%u instructions, at most %u are allowed", o->n, limit);
	if (!spec_prog_type_name(o->prog_type) || !o->prog_type)
		return reject(v, &ERR_PROG_TYPE, "no program type %d", o->prog_type);
	err = by_type(v);
	if (err == 0)
		err = by_flags(v);
	if (err == 0)
		err = attach_check(v);
	if (err == 0)
		err = profile_prog(v);
	return err == 0 && o->prog_type == PROG_STRUCT_OPS ? struct_ops_check(v) : err;
}

int loader_function(struct verifier *v)
{
	if (v->bpf_capable)
		return 0;
	return reject(
		v, &ERR_CAPABILITY,
		"loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN");
}

bool loader_may_call(const struct verifier *v, int id)
{
	return may(v, spec_helper_caps(id, v->o->prog_type));
}

HOT bool loader_may_read(const struct verifier *v, uint32_t off, bool write)
{
	enum { DATA = 76, DATA_END = 80, TSTAMP = 152 };

	if (v->o->prog_type != PROG_CGROUP_SKB || v->bpf_capable)
		return true;
	return !(off >= DATA && off < DATA_END + 4) &&
	       !(write && off >= TSTAMP && off < TSTAMP + 8);
}

int loader_left(struct verifier *v)
{
	for (uint32_t i = 0; v->has[ISA_CALL_KFUNC] && i < v->n; i++) {
		if (v->ops[i] != ISA_CALL_KFUNC || v->insns[i].imm || !(v->marks[i] & AT_SEEN))
			continue;
		v->at = i;
		return reject(v, &ERR_KFUNC,
			      "invalid kernel function call not eliminated in verifier pass");
	}
	return 0;
}

/* Without CAP_PERFMON each tail call has to be through one map: its length becomes a mask. */
HOT int loader_tail_calls(struct verifier *v)
{
	if (v->perfmon)
		return 0;
	for (uint32_t i = 0; i < v->n; i++) {
		if (v->ops[i] != ISA_CALL_HELPER || v->insns[i].imm != HELPER_tail_call ||
		    !v->call_maps[i].several)
			continue;
		v->at = i;
		return reject(v, &ERR_TAIL_CALL, "tail_call abusing map_ptr");
	}
	return 0;
}
