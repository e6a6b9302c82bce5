// SPDX-License-Identifier: Apache-2.0
/*
 * Stack traces: ids of random traces with all flags on ours and on a naive twin; and, with one bucket, where every id is
 * known, beside the kernel's, whose traces are those of three programs.
 */
#include <linux/bpf.h>
#include <stdlib.h>

#include "check.h"
#include "map/object.h"
#include "map_model.h"
#include "oracle.h"

#define STEPS 20000
#define TRACES 40u
#define BUCKETS 8u
#define DEPTH 4u
#define FAST 512u
#define REUSE 1024u

static struct map *make(uint32_t max, uint32_t value_size, uint32_t flags)
{
	struct map_attr attr = { .name = "stacks",
				 .type = MAP_STACK_TRACE,
				 .key_size = 4,
				 .value_size = value_size,
				 .max_entries = max,
				 .flags = flags };
	struct map *map = NULL;

	CHECK_EQ_INT(map_new(&attr, &map, NULL), 0);
	return map;
}

struct trace {
	uint64_t ip[DEPTH + 3];
	uint32_t n, bucket;
};

struct twin {
	struct trace trace[TRACES];
	int in[BUCKETS]; /* 1 + number of the trace */
	uint32_t used, max;
};

static void make_traces(struct twin *t, struct map *scratch, uint64_t *state)
{
	for (uint32_t i = 0; i < TRACES; i++) {
		struct trace *x = &t->trace[i];

		x->n = 1 + (uint32_t)(model_random(state) % DEPTH);
		for (uint32_t k = 0; k < x->n; k++)
			x->ip[k] = model_random(state);
		x->bucket = (uint32_t)map_stack_id(scratch, x->ip, x->n, REUSE);
		CHECK(x->bucket < BUCKETS);
		map_user_delete(scratch, &x->bucket);
	}
}

static int64_t twin_id(struct twin *t, uint32_t i, uint64_t flags)
{
	int *in = &t->in[t->trace[i].bucket];

	if (*in == (int)i + 1)
		return t->trace[i].bucket;
	if (*in && !(flags & REUSE))
		return -EEXIST;
	if (t->used == t->max)
		return -ENOMEM;
	t->used += !*in;
	*in = (int)i + 1;
	return t->trace[i].bucket;
}

static int twin_next(const struct twin *t, uint32_t key)
{
	uint32_t i = key < BUCKETS && t->in[key] ? key + 1 : 0;

	while (i < BUCKETS && !t->in[i])
		i++;
	return i < BUCKETS ? (int)i : -ENOENT;
}

static void user_step(struct twin *t, struct map *map, uint64_t *state)
{
	uint32_t key = (uint32_t)(model_random(state) % (BUCKETS + 2)), next = 99;
	int *in = key < BUCKETS ? &t->in[key] : NULL, want;
	uint64_t got[DEPTH], expect[DEPTH] = { 0 };

	if (in && *in)
		memcpy(expect, t->trace[*in - 1].ip, t->trace[*in - 1].n * 8);
	switch (model_random(state) % 4) {
	case 0:
		CHECK_EQ_INT(map_user_delete(map, &key), !in ? -E2BIG : *in ? 0 : -ENOENT);
		break;
	case 1:
		want = twin_next(t, key);
		CHECK_EQ_INT(map_next_key(map, &key, &next), want < 0 ? want : 0);
		CHECK_EQ_INT(next, want < 0 ? 99 : want);
		return;
	case 2:
		CHECK_EQ_INT(map_user_lookup_and_delete(map, &key, got, 0),
			     in && *in ? 0 : -ENOENT);
		if (in && *in)
			CHECK_EQ_MEM(got, expect, sizeof(got));
		break;
	default:
		CHECK_EQ_INT(map_user_lookup(map, &key, got), in && *in ? 0 : -ENOENT);
		if (in && *in)
			CHECK_EQ_MEM(got, expect, sizeof(got));
		return;
	}
	if (in && *in) {
		*in = 0;
		t->used--;
	}
}

static void ids(void)
{
	unsigned long steps = model_steps(STEPS);

	for (uint32_t max = 5; max <= 8; max += 3) {
		struct map *map = make(max, DEPTH * 8, 0), *scratch = make(max, DEPTH * 8, 0);
		struct twin t = { .max = max };
		uint64_t state = max;

		CHECK_CASE("%u traces", max);
		make_traces(&t, scratch, &state);
		for (unsigned long n = 0; n < steps && !check_state.bad; n++) {
			uint32_t i = (uint32_t)(model_random(&state) % TRACES);
			uint64_t flags = (model_random(&state) % 4) * FAST;

			if (model_random(&state) % 3 == 0)
				user_step(&t, map, &state);
			else
				CHECK_EQ_INT(map_stack_id(map, t.trace[i].ip, t.trace[i].n, flags),
					     twin_id(&t, i, flags));
		}
		map_unref(map);
		map_unref(scratch);
	}
}

static void limits(void)
{
	struct map *map = make(4, DEPTH * 8, 0), *ids_map = make(4, 64, MAP_F_STACK_BUILD_ID);
	uint64_t ip[DEPTH + 3] = { 1, 2, 3, 4, 5, 6, 7 }, got[DEPTH], wide[8];
	uint8_t build[3][32] = { { 1 }, { 2 }, { 3 } };
	int64_t id;
	uint32_t key;

	CHECK_EQ_INT(map_stack_entry(map), 8);
	CHECK_EQ_INT(map_stack_entry(ids_map), 32);
	CHECK_EQ_INT(map_stack_depth(ids_map), 2);
	CHECK_EQ_INT(map_stack_id(map, ip, 7, 2048), -EINVAL);
	CHECK_EQ_INT(map_stack_id(map, ip, 0, 0), -EFAULT);
	CHECK_EQ_INT(map_stack_id(map, ip, 7, 7), -EFAULT);
	id = map_stack_id(map, ip, 7, 1 | 256);
	key = (uint32_t)id;
	CHECK(id >= 0 && map_user_lookup(map, &key, got) == 0);
	CHECK_EQ_MEM(got, ip + 1, sizeof(got));
	CHECK_EQ_INT(map_stack_id(map, ip + 1, 4, 0), id);
	CHECK_EQ_INT(map_user_update(map, &key, got, 0), -EINVAL);
	id = map_stack_id(ids_map, build, 3, 0);
	key = (uint32_t)id;
	CHECK(id >= 0 && map_user_lookup(ids_map, &key, wide) == 0);
	CHECK_EQ_MEM(wide, build, sizeof(wide));
	map_unref(map);
	map_unref(ids_map);
}

/* r0 = bpf_get_stackid(ctx, map, ctx[0]) */
static int load_program(int map)
{
	struct bpf_insn insns[] = {
		{ .code = 0x79, .dst_reg = 3, .src_reg = 1 },
		{ .code = 0x18, .dst_reg = 2, .src_reg = BPF_PSEUDO_MAP_FD, .imm = map },
		{ 0 },
		{ .code = 0x85, .imm = BPF_FUNC_get_stackid },
		{ .code = 0x95 },
	};

	return oracle_load(BPF_PROG_TYPE_RAW_TRACEPOINT, insns, ARRAY_SIZE(insns), NULL, 0);
}

static int run_program(int fd, uint64_t flags)
{
	uint64_t ctx[2] = { flags, 0 };
	union bpf_attr a;
	int r;

	memset(&a, 0, sizeof(a));
	a.test.prog_fd = (uint32_t)fd;
	a.test.ctx_in = (uintptr_t)ctx;
	a.test.ctx_size_in = sizeof(ctx);
	r = oracle_bpf(BPF_PROG_TEST_RUN, &a);
	CHECK_EQ_INT(r, 0);
	return (int)a.test.retval;
}

/* One bucket: every trace has id 0. */
static void as_the_kernel(void)
{
	static const uint32_t some[] = { 0, FAST, REUSE, FAST | REUSE, 2048, 250, 0, 0 };
	const char *missing = oracle_missing();
	uint64_t state = 5, ip[3] = { 10, 20, 30 }, got[DEPTH], theirs[DEPTH];
	struct map *map;
	int fd, prog[3];

	if (missing)
		CHECK_SKIP(missing);
	map = make(1, DEPTH * 8, 0);
	fd = oracle_map_new(BPF_MAP_TYPE_STACK_TRACE, 4, DEPTH * 8, 1, 0, 0);
	for (int i = 0; i < 3; i++) {
		prog[i] = load_program(fd);
		if (!CHECK_MSG(prog[i] >= 0, "program: %d", prog[i]))
			return;
	}
	for (int n = 0; n < 2000 && !check_state.bad; n++) {
		uint32_t i = (uint32_t)(model_random(&state) % 3);
		uint32_t key = model_random(&state) % 8 == 0, a = 7, b = 7;
		uint64_t flags = some[model_random(&state) % ARRAY_SIZE(some)];

		switch (model_random(&state) % 6) {
		case 0:
			CHECK_EQ_INT(map_user_delete(map, &key), oracle_delete(fd, &key));
			break;
		case 1:
			CHECK_EQ_INT(map_user_lookup(map, &key, got),
				     oracle_lookup(fd, &key, theirs));
			break;
		case 2:
			CHECK_EQ_INT(map_next_key(map, &key, &a), oracle_next(fd, &key, &b));
			CHECK_EQ_INT(a, b);
			break;
		default:
			CHECK_EQ_INT(map_stack_id(map, &ip[i], 1, flags),
				     run_program(prog[i], flags));
		}
	}
	for (int i = 0; i < 3; i++)
		close(prog[i]);
	close(fd);
	map_unref(map);
}

CHECK_MAIN({ "ids", ids }, { "limits", limits }, { "as_the_kernel", as_the_kernel })
