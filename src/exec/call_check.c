// SPDX-License-Identifier: Apache-2.0
/*
 * The arguments of a helper against its row in spec/helpers.def: what the verifier would have proved
 * is decided here on the values. A body may then use its arguments without looking twice.
 */
#include <string.h>

#include "exec/internal.h"

#define MAX_STRING (1u << 16)

struct check {
	struct exec_run *run;
	const struct spec_helper *row;
	const uint64_t *r;	    /* r[1] is the first argument */
	const struct exec_map *map; /* of an earlier argument */
	const char *prefix;	    /* of the helper's name */
};

const struct exec_map *exec_map_of(struct exec_run *run, uint64_t addr)
{
	const struct exec_prog *prog = run->prog;

	if (run->map_last && run->map_addr == addr)
		return run->map_last;
	if (!addr || !prog->space_ops || !prog->space_ops->map)
		return NULL;
	run->map_last = prog->space_ops->map(prog->space, addr);
	run->map_addr = addr;
	return run->map_last;
}

static bool memory(struct check *c, int i, uint64_t size, bool write, const char *what)
{
	char where[256];

	if (exec_may_access(c->run, c->r[i], size, write))
		return true;
	trap_where(c->run, c->r[i], where, sizeof(where));
	trap(c->run, &ERR_ARG_MEM, "argument %d of %s%s: %llu %s bytes for the %s at %s", i,
	     c->prefix, c->row->name, (unsigned long long)size, write ? "writable" : "readable",
	     what, where);
	return false;
}

/* The size stands in the argument that follows. */
static bool sized(struct check *c, int i, bool write, bool may_be_null)
{
	uint64_t size = i < 5 ? c->r[i + 1] : 0;

	if (may_be_null && !c->r[i]) {
		if (!size)
			return true;
		trap(c->run, &ERR_ARG_SIZE, "arguments %d and %d of %s%s: NULL, but %llu bytes", i,
		     i + 1, c->prefix, c->row->name, (unsigned long long)size);
		return false;
	}
	return memory(c, i, size, write, "buffer");
}

static bool of_map(struct check *c, int i, bool key, bool write)
{
	if (!c->map) {
		trap(c->run, &ERR_ARG_MAP, "argument %d of %s%s has no map to belong to", i,
		     c->prefix, c->row->name);
		return false;
	}
	return memory(c, i, key ? c->map->key_size : c->map->value_size, write,
		      key ? "key" : "value");
}

static bool string(struct check *c, int i)
{
	struct exec_region reg;
	uint64_t room = 0;
	char where[256];

	if (access_find(c->run, c->r[i], &reg) && !reg.ctx)
		room = num_min(reg.base + reg.size - c->r[i], MAX_STRING);
	if (room && memchr((const void *)(uintptr_t)c->r[i], '\0', room))
		return true;
	trap_where(c->run, c->r[i], where, sizeof(where));
	trap(c->run, &ERR_ARG_STR, "argument %d of %s%s: no %s at %s", i, c->prefix, c->row->name,
	     room ? "end of the string" : "readable memory", where);
	return false;
}

static bool map(struct check *c, int i)
{
	char where[256];

	c->map = exec_map_of(c->run, c->r[i]);
	if (c->map)
		return true;
	trap_where(c->run, c->r[i], where, sizeof(where));
	trap(c->run, &ERR_ARG_MAP, "argument %d of %s%s: %s", i, c->prefix, c->row->name, where);
	return false;
}

static bool ring(struct check *c, int i)
{
	for (uint32_t k = 0; k < c->run->nregions; k++)
		if (c->run->regions[k].kind == REGION_RING && c->run->regions[k].base == c->r[i])
			return true;
	trap(c->run, &ERR_ARG_RING, "argument %d of %s%s is 0x%llx", i, c->prefix, c->row->name,
	     (unsigned long long)c->r[i]);
	return false;
}

static bool refuse(struct check *c, int i, const struct err_def *def)
{
	trap(c->run, def, "argument %d of %s%s is 0x%llx", i, c->prefix, c->row->name,
	     (unsigned long long)c->r[i]);
	return false;
}

static bool argument(struct check *c, int i)
{
	switch (c->row->args[i - 1]) {
	case ARG_NONE:
	case ARG_ANY:
	case ARG_MORE:
	case ARG_STACK_OR_NULL: /* the callback's accesses are checked */
	case ARG_SIZE_OR_ZERO:	/* with its buffer */
		return true;
	case ARG_SIZE:
		return c->r[i] ? true : refuse(c, i, &ERR_ARG_SIZE);
	case ARG_CTX:
		return c->r[i] == c->run->ctx ? true : refuse(c, i, &ERR_ARG_CTX);
	case ARG_MAP:
		return map(c, i);
	case ARG_MAP_KEY:
		return of_map(c, i, true, false);
	case ARG_MAP_VALUE:
		return of_map(c, i, false, false);
	case ARG_MAP_VALUE_OUT:
		return of_map(c, i, false, true);
	case ARG_MEM:
		return sized(c, i, false, false);
	case ARG_MEM_OR_NULL:
		return sized(c, i, false, true);
	case ARG_MEM_OUT:
		return sized(c, i, true, false);
	case ARG_MEM_OUT_OR_NULL:
		return sized(c, i, true, true);
	case ARG_STR:
		return string(c, i);
	case ARG_FUNC:
		return func_is_valid(c->run->prog, c->r[i]) ? true : refuse(c, i, &ERR_ARG_FUNC);
	case ARG_RING_MEM:
		return ring(c, i);
	case ARG_LONG_OUT:
		return memory(c, i, 8, true, "result");
	case ARG_INT_OUT:
		return memory(c, i, 4, true, "result");
	case ARG_ALLOC_SIZE:
		return true;
	case ARG_CTX_OR_NULL:
		return !c->r[i] || c->r[i] == c->run->ctx ? true : refuse(c, i, &ERR_ARG_CTX);
	case ARG_MAP_VALUE_OR_NULL:
		return !c->r[i] || of_map(c, i, false, false);
	case ARG_MEM_INOUT:
		return sized(c, i, true, false);
	case ARG_INT_INOUT:
		return memory(c, i, 4, true, "result");
	case ARG_IPV4_HDR:
	case ARG_TCP_HDR:
		return memory(c, i, 20, false, "header");
	case ARG_IPV6_HDR:
		return memory(c, i, 40, false, "header");
#define ARG_OBJECT(id, ...) case ARG_##id:
#include "spec/args.def"
#undef ARG_OBJECT
		return true; /* the body knows its objects */
	case ARG_COUNT:
		break;
	}
	return refuse(c, i, &ERR_ARG_MEM);
}

bool call_check(struct exec_run *run, const struct exec_call *call, const uint64_t *r)
{
	struct check c = {
		.run = run, .row = call->row, .r = r, .prefix = call->custom ? "" : "bpf_"
	};

	for (int i = 1; i <= 5; i++)
		if (!argument(&c, i))
			return false;
	return true;
}
