// SPDX-License-Identifier: Apache-2.0
/* Workloads over maps on our engine: the object is loaded as any other, and its hash table filled. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "jit/engine.h"
#include "load/load.h"

struct maps_work {
	char *data;
	struct load_obj *spec;
	struct core_obj *core;
};

static int fill(struct core_obj *core)
{
	int r = 0;

	for (size_t i = 0; i < core_nmaps(core); i++) {
		struct map *map = core_map(core, i);

		if (strcmp(map_attr(map)->name, "bench_hash"))
			continue;
		for (uint64_t key = 0; r == 0 && key < TABLE_SIZE; key++)
			r = map_user_update(map, &key, &key, 0);
	}
	return r;
}

int maps_open(char *data, size_t size, const char *path, struct maps_work **ret,
	      struct exec_prog **ret_prog, struct skep_error **reterr)
{
	struct maps_work *m = calloc(1, sizeof(*m));
	int r;

	if (!m) {
		free(data);
		return -ENOMEM;
	}
	m->data = data;
	r = load_open(data, size, path, NULL, &m->spec, reterr);
	if (r == 0)
		r = core_new(m->spec, NULL, &m->core, reterr);
	if (r == 0)
		r = fill(m->core);
	if (r == 0 && (core_nprogs(m->core) != 1 || !core_prog(m->core, 0)->exec))
		r = -EINVAL;
	if (r < 0) {
		maps_close(m);
		return r;
	}
	*ret = m;
	*ret_prog = core_prog(m->core, 0)->exec;
	return 0;
}

void maps_close(struct maps_work *m)
{
	if (!m)
		return;
	core_free(m->core);
	load_close(m->spec);
	free(m->data);
	free(m);
}
