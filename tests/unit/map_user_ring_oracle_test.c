// SPDX-License-Identifier: Apache-2.0
/*
 * User ring buffers beside the kernel's: both get the same bytes and positions of a producer who may be wrong, and must give
 * the same result, the same number of samples and the same position of the consumer.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "check.h"
#include "map/object.h"
#include "map_model.h"

#define SIZE 4096u
#define PAGE 4096u
#define STEPS 3000

struct global {
	uint64_t stop, flags, seen;
};

struct kernel {
	struct bpf_object *obj;
	int prog, global;
	const uint64_t *consumer;
	uint64_t *producer;
	uint8_t *data;
};

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level, (void)fmt, (void)ap;
	return 0;
}

/* Why not, or NULL. */
static const char *open_kernel(struct kernel *k)
{
	const char *build = getenv("SKEP_BUILD");
	struct bpf_program *prog;
	uint8_t *pages;
	char path[512];
	int ring;

	snprintf(path, sizeof(path), "%s/tests/bpf/user_ring.bpf.o", build ? build : "build");
	libbpf_set_print(quiet);
	k->obj = bpf_object__open_file(path, NULL);
	if (!k->obj)
		return "libbpf does not open the object";
	if (bpf_object__load(k->obj) < 0)
		return "the kernel does not load the program";
	prog = bpf_object__find_program_by_name(k->obj, "drain");
	k->prog = bpf_program__fd(prog);
	k->global = bpf_object__find_map_fd_by_name(k->obj, ".bss");
	ring = bpf_object__find_map_fd_by_name(k->obj, "ring");
	pages = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ring, 0);
	k->consumer = (const uint64_t *)(void *)pages;
	pages = mmap(NULL, PAGE + 2 * SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, ring, PAGE);
	k->producer = (uint64_t *)(void *)pages;
	k->data = pages + PAGE;
	return pages == MAP_FAILED ? "the ring cannot be mapped" : NULL;
}

static int kernel_drain(struct kernel *k, struct global *g)
{
	LIBBPF_OPTS(bpf_test_run_opts, o);
	uint64_t ctx[2] = { 0 };
	uint32_t zero = 0;

	o.ctx_in = ctx;
	o.ctx_size_in = sizeof(ctx);
	CHECK_EQ_INT(bpf_map_update_elem(k->global, &zero, g, 0), 0);
	CHECK_EQ_INT(bpf_prog_test_run_opts(k->prog, &o), 0);
	CHECK_EQ_INT(bpf_map_lookup_elem(k->global, &zero, g), 0);
	return (int)o.retval;
}

static int64_t see(void *ctx, const void *data, uint32_t len)
{
	struct global *g = ctx;

	(void)data, (void)len;
	return ++g->seen == g->stop;
}

/* A header and a position, often right. */
static void produce(struct kernel *k, uint8_t *ours, uint64_t *producer, uint64_t *state)
{
	uint64_t at = *k->consumer, end = at;
	uint32_t n = (uint32_t)(model_random(state) % 4);

	for (uint32_t i = 0; i <= n; i++) {
		uint32_t len = (uint32_t)(model_random(state) % 600), word = len;
		uint64_t kind = model_random(state) % 16;

		if (kind < 2)
			word |= MAP_RING_BUSY;
		else if (kind < 5)
			word |= MAP_RING_DISCARD;
		else if (kind == 5)
			word = (uint32_t)model_random(state) & 0x1fff;
		else if (kind == 6)
			word = (uint32_t)model_random(state);
		memcpy(k->data + end % SIZE, &word, 4);
		memcpy(ours + end % SIZE, &word, 4);
		end += (len + 8 + 7) / 8 * 8;
	}
	if (model_random(state) % 8 == 0)
		end = at + model_random(state) % (2 * SIZE);
	*k->producer = *producer = end;
}

static void drains(void)
{
	struct map_attr attr = { .name = "ring", .type = MAP_USER_RINGBUF, .max_entries = SIZE };
	uint64_t state = 3, *consumer, *producer, results[3] = { 0 };
	struct kernel k = { 0 };
	const char *why = open_kernel(&k);
	struct map *map = NULL;
	uint8_t *data;

	if (why) {
		bpf_object__close(k.obj);
		CHECK_SKIP(why);
	}
	CHECK_EQ_INT(map_new(&attr, &map, NULL), 0);
	data = (uint8_t *)map_user_ring_reserve(map, 0) - 8;
	producer = (uint64_t *)(void *)(data - PAGE);
	consumer = (uint64_t *)(void *)(data - 2 * PAGE);
	for (unsigned long n = 0; n < model_steps(STEPS) && !check_state.bad; n++) {
		struct global ours = { .stop = model_random(&state) % 4,
				       .flags = model_random(&state) % 16 ?
							0 :
							model_random(&state) % 8 };
		struct global theirs = ours;
		int64_t got, want;

		produce(&k, data, producer, &state);
		got = map_user_ring_drain(map, see, &ours, ours.flags);
		want = kernel_drain(&k, &theirs);
		CHECK_EQ_INT(got, want);
		CHECK_EQ_INT(ours.seen, theirs.seen);
		CHECK_EQ_INT(*consumer, *k.consumer);
		results[got < 0 ? 0 : got > 0 ? 1 : 2]++;
	}
	CHECK(results[0] && results[1] && results[2]);
	bpf_object__close(k.obj);
	map_unref(map);
}

CHECK_MAIN({ "drains", drains })
