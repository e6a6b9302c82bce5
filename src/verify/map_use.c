// SPDX-License-Identifier: Apache-2.0
/* Which maps a program may refer to at all: by its type, by whether it sleeps, and by the special fields of their values. */
#include "spec/rules.h"
#include "verify/fields.h"

static bool traces(int prog_type)
{
	return prog_type == PROG_KPROBE || prog_type == PROG_TRACEPOINT ||
	       prog_type == PROG_PERF_EVENT || prog_type == PROG_RAW_TRACEPOINT ||
	       prog_type == PROG_RAW_TRACEPOINT_WRITABLE;
}

static int by_fields(struct verifier *v, const struct fields *f)
{
	static const struct {
		uint32_t kinds;
		const char *name;
	} denied[] = {
		{ FK_LIST_HEAD | FK_RB_ROOT, "bpf_{list_head,rb_root}" },
		{ FK_SPIN_LOCK | FK_RES_SPIN_LOCK, "bpf_spin_lock" },
		{ FK_TIMER, "bpf_timer" },
		{ FK_WORKQUEUE, "bpf_wq" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(denied); i++)
		if (f->kinds & denied[i].kinds && traces(v->o->prog_type))
			return reject(v, &ERR_MAP_USE, "tracing progs cannot use %s yet",
				      denied[i].name);
	if (f->kinds & (FK_SPIN_LOCK | FK_RES_SPIN_LOCK) && v->o->prog_type == PROG_SOCKET_FILTER)
		return reject(v, &ERR_MAP_USE, "socket filter progs cannot use bpf_spin_lock yet");
	return 0;
}

int map_use(struct verifier *v, const struct verify_map *map)
{
	const struct fields *f = fields_of_map(v, map);
	int err = f ? by_fields(v, f) : 0;

	if (err < 0)
		return err;
	if (map->type == MAP_STRUCT_OPS)
		return reject(v, &ERR_MAP_USE, "bpf_struct_ops map cannot be used in prog");
	if (v->o->prog_flags & VERIFY_F_SLEEPABLE && !spec_map_may_sleep((int)map->type))
		return reject(
			v, &ERR_MAP_USE,
			"Sleepable programs can only use array, hash, ringbuf and local storage maps");
	return 0;
}
