// SPDX-License-Identifier: Apache-2.0
/* Work that is done later: a bpf_wq or bpf_task_work in a map value, the map that it is in, and a callback that gets map, key and value. */
#include "verify/kcall.h"

int work_argument(struct verifier *v, struct kcall *k, uint32_t i, const char *type)
{
	const struct reg *r = reg_at(v, i + 1);
	uint32_t kind = strcmp(type, "bpf_wq") == 0	   ? FK_WORKQUEUE :
			strcmp(type, "bpf_task_work") == 0 ? FK_TASK_WORK :
							     0;
	const struct field *f;
	int err;

	if (!kind)
		return 0;
	if (r->type != T_MAP_VALUE || r->flags)
		return reject(v, &ERR_OBJECT, "arg#%u doesn't point to a map value", i);
	err = object_field(v, i + 1, kind, &f);
	if (err < 0)
		return err;
	k->work = r;
	return 1;
}

/* The map argument is the one that the work lies in. */
int work_map(struct verifier *v, const struct kcall *k, uint32_t i)
{
	const struct reg *r = reg_at(v, i + 1), *w = k->work;
	const struct fields *f = w ? fields_of_map(v, w->map) : NULL;
	bool task = f && f->kinds & FK_TASK_WORK;

	if (!w || (r->map == w->map && r->uid == w->uid))
		return 0;
	return reject(v, &ERR_OBJECT,
		      "%s pointer in R%u map_uid=%u doesn't match map pointer in R%u map_uid=%u",
		      task ? "bpf_task_work" : "workqueue", task ? 2 : 1, w->uid, task ? 3 : 2,
		      r->uid);
}
