// SPDX-License-Identifier: Apache-2.0
/* Loops through callbacks. */
#include "helper/dynptr.h"
#include "map/object.h"

#define MAX_LOOPS (1u << 23)

BODY(loop)
{
	uint32_t n = (uint32_t)a1;

	if (a4)
		return fail(EINVAL);
	/* The kernel builds this answer into the program, as 32 bits. */
	if (n > MAX_LOOPS)
		return (uint32_t)-E2BIG;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t args[5] = { i, a3 }, ret;

		if (exec_callback(run, a2, args, &ret) < 0)
			return 0;
		if (ret)
			return i + 1;
	}
	return n;
}

/* The engine makes tail calls itself: they do not return to a body. */
BODY(tail_call)
{
	return exec_fault(run, &ERR_TAIL_CALL, NULL);
}

/* Each element once, by the order of the keys' walk; the callback may delete the one that it is given. */
BODY(for_each_map_elem)
{
	struct map *map = map_of(run, a1);
	const struct map_attr *attr = map ? map_attr(map) : NULL;
	struct model *m = world(run);
	uint8_t *key, *next;
	uint64_t n = 0, ret = 0;
	int r;

	if (!map || !m)
		return exec_fault(run, &ERR_MAP_TYPE, "0x%llx is no map", (unsigned long long)a1);
	if (!(attr->type == MAP_HASH || attr->type == MAP_ARRAY || attr->type == MAP_PERCPU_HASH ||
	      attr->type == MAP_PERCPU_ARRAY || attr->type == MAP_LRU_HASH ||
	      attr->type == MAP_LRU_PERCPU_HASH))
		return exec_fault(run, &ERR_MAP_TYPE, "'%s' is of type %s", attr->name,
				  spec_map_type_name((int)attr->type));
	if (a4)
		return fail(EINVAL);
	key = model_alloc(m, MODEL_SLICE, attr->key_size * 2, 0);
	if (!key)
		return exec_fault(run, &ERR_NO_MEMORY, "for a key");
	next = key + attr->key_size;
	r = map_next_key(map, NULL, next);
	while (r == 0 && !ret) {
		uint64_t args[5] = { a1, (uintptr_t)key, 0, a3 };

		memcpy(key, next, attr->key_size);
		r = map_next_key(map, key, next);
		args[2] = (uintptr_t)map_lookup(map, key, cpu_of(run));
		if (!args[2])
			continue;
		n++;
		if (exec_callback(run, a2, args, &ret) < 0)
			break;
	}
	model_unref(m, key);
	exec_forget(run);
	return n;
}

struct drained {
	struct exec_run *run;
	uint64_t func, ctx, dynptr;
};

static int64_t one_sample(void *arg, const void *data, uint32_t len)
{
	struct drained *d = arg;
	const uint64_t args[5] = { d->dynptr, d->ctx };
	const struct exec_region region = { .base = (uintptr_t)data,
					    .size = len,
					    .kind = REGION_KERNEL };
	uint64_t ret = 1;

	if (exec_region_add(d->run, &region) < 0) {
		exec_fault(d->run, &ERR_RESERVED, "at most %d regions", EXEC_MAX_REGIONS);
		return 1;
	}
	dynptr_set(pointer(d->dynptr), DYNPTR_LOCAL, region.base, len, true);
	if (exec_callback(d->run, d->func, args, &ret) < 0)
		ret = 1;
	exec_region_remove(d->run, REGION_KERNEL, region.base);
	return (int64_t)ret;
}

BODY(user_ringbuf_drain)
{
	struct map *map = map_of(run, a1);
	struct model *m = world(run);
	struct drained d = { run, a2, a3, 0 };
	int64_t r;

	if (!map || map_attr(map)->type != MAP_USER_RINGBUF || !m)
		return exec_fault(run, &ERR_MAP_TYPE, "'%s' is no user ring buffer",
				  map ? map_attr(map)->name : "?");
	d.dynptr = (uintptr_t)model_alloc(m, MODEL_SLICE, sizeof(struct dynptr), 0);
	if (!d.dynptr)
		return exec_fault(run, &ERR_NO_MEMORY, "for a dynptr");
	r = map_user_ring_drain(map, one_sample, &d, a4);
	model_unref(m, pointer(d.dynptr));
	exec_forget(run);
	return result(r);
}
