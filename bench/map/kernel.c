// SPDX-License-Identifier: Apache-2.0
/*
 * The programs in the kernel: XDP through BPF_PROG_TEST_RUN, attached nowhere. The clock is the kernel's
 * `duration`, whole nanoseconds a run of 1000 steps.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "map/engine.h"

struct kernel {
	struct bpf_object *obj;
	struct ring_buffer *ring;
	int progs[OP_COUNT], hash;
	uint64_t readable[READABLE];
};

static int silent(enum libbpf_print_level level, const char *fmt, va_list args)
{
	(void)level, (void)fmt, (void)args;
	return 0;
}

static int fd_of(const struct kernel *k, const char *name)
{
	const struct bpf_map *map = bpf_object__find_map_by_name(k->obj, name);

	return map ? bpf_map__fd(map) : -1;
}

static int bss_of(const struct kernel *k)
{
	const struct bpf_map *map;

	bpf_object__for_each_map(map, k->obj) if (strstr(bpf_map__name(map),
							 ".bss")) return bpf_map__fd(map);
	return -1;
}

static int on_record(void *ctx, void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	return 0;
}

static int fill(struct kernel *k)
{
	static const char *const names[] = { "hash", "percpu_hash", "lru" };
	uint64_t *values = calloc((size_t)libbpf_num_possible_cpus(), sizeof(*values));
	const uint64_t data[3] = { 0, (uintptr_t)k->readable, 0 }; /* as in .bss */
	uint32_t zero = 0;
	int r = values ? 0 : -ENOMEM;

	for (uint64_t key = 0; r == 0 && key < ENTRIES; key++) {
		struct {
			uint32_t bits, addr;
		} route = { 32, route_of((uint32_t)key) };

		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && r == 0; i++)
			r = bpf_map_update_elem(fd_of(k, names[i]), &key, values, 0);
		if (r == 0)
			r = bpf_map_update_elem(fd_of(k, "lpm"), &route, &key, 0);
	}
	if (r == 0)
		r = bpf_map_update_elem(fd_of(k, "progs"), &zero, &k->progs[OP_tail], 0);
	if (r == 0)
		r = bpf_map_update_elem(bss_of(k), &zero, data, 0);
	free(values);
	return r < 0 ? -errno : 0;
}

static void close_kernel(void *self)
{
	struct kernel *k = self;

	ring_buffer__free(k->ring);
	if (k->obj && !libbpf_get_error(k->obj))
		bpf_object__close(k->obj);
	free(k);
}

static int open_kernel(const char *build, void **ret)
{
	struct kernel *k = calloc(1, sizeof(*k));
	char path[4096];
	int r;

	if (!k)
		return -ENOMEM;
	libbpf_set_print(silent);
	snprintf(path, sizeof(path), "%s/bench/map_kernel.bpf.o", build);
	k->obj = bpf_object__open_file(path, NULL);
	r = libbpf_get_error(k->obj) ? -errno : bpf_object__load(k->obj);
	for (int i = 0; r == 0 && i < OP_COUNT; i++)
		k->progs[i] =
			bpf_program__fd(bpf_object__find_program_by_name(k->obj, op_programs[i]));
	if (r == 0)
		r = fill(k);
	if (r == 0) {
		k->hash = fd_of(k, "hash");
		k->ring = ring_buffer__new(fd_of(k, "ring"), on_record, NULL, NULL);
		r = k->ring ? 0 : -errno;
	}
	if (r < 0) {
		close_kernel(k);
		return r;
	}
	*ret = k;
	return 0;
}

static int run(void *self, enum map_op op, uint64_t times, double *ret_ns, uint32_t *ret_value)
{
	static const uint8_t packet[64];
	struct kernel *k = self;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = (int)times);
	int r = bpf_prog_test_run_opts(k->progs[op], &opts);

	if (r < 0)
		return -errno;
	*ret_ns = opts.duration;
	*ret_value = opts.retval;
	ring_buffer__consume(k->ring);
	return 0;
}

static int api(void *self, uint64_t times, double *ret_ns)
{
	const struct kernel *k = self;
	double begin = map_now();
	uint64_t value;

	for (uint64_t i = 0, key = 0; i < times; i++, key = i % ENTRIES)
		if (bpf_map_lookup_elem(k->hash, &key, &value) < 0)
			return -errno;
	*ret_ns = (map_now() - begin) / (double)times;
	return 0;
}

const struct map_engine map_kernel = {
	.name = "kernel", .open = open_kernel, .close = close_kernel, .run = run, .api = api
};
