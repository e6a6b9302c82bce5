// SPDX-License-Identifier: Apache-2.0
/*
 * A workload in the kernel: an XDP program through BPF_PROG_TEST_RUN, attached nowhere. The clock is the
 * kernel's `duration`, whole nanoseconds a run, and holds its loop. Ours around the call would hold a
 * millisecond of preparation as well.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

#include "jit/engine.h"

struct kernel_work {
	struct bpf_object *obj;
	int fd;
};

static int silent(enum libbpf_print_level level, const char *fmt, va_list args)
{
	(void)level, (void)fmt, (void)args;
	return 0;
}

static int fill(struct bpf_object *obj)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, "bench_hash");

	for (uint64_t key = 0; map && key < TABLE_SIZE; key++)
		if (bpf_map_update_elem(bpf_map__fd(map), &key, &key, BPF_ANY) < 0)
			return -errno;
	return 0;
}

int kernel_open(const char *path, struct kernel_work **ret, struct work_info *info)
{
	struct kernel_work *k = calloc(1, sizeof(*k));
	struct bpf_prog_info about = { 0 };
	uint32_t len = sizeof(about);
	int r;

	if (!k)
		return -ENOMEM;
	libbpf_set_print(silent);
	k->obj = bpf_object__open_file(path, NULL);
	r = libbpf_get_error(k->obj) ? -errno : bpf_object__load(k->obj);
	if (r == 0)
		r = fill(k->obj);
	if (r < 0) {
		kernel_close(k);
		return r;
	}
	k->fd = bpf_program__fd(bpf_object__next_program(k->obj, NULL));
	if (bpf_obj_get_info_by_fd(k->fd, &about, &len) == 0) {
		info->code_bytes = about.jited_prog_len;
		info->insns = about.xlated_prog_len / 8;
	}
	*ret = k;
	return 0;
}

void kernel_close(struct kernel_work *k)
{
	if (!k)
		return;
	if (!libbpf_get_error(k->obj))
		bpf_object__close(k->obj);
	free(k);
}

int kernel_run(struct kernel_work *k, const uint8_t *packet, uint64_t times, double *ret_ns,
	       uint32_t *ret_value)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = PACKET_SIZE,
		    .repeat = (int)times);
	int r = bpf_prog_test_run_opts(k->fd, &opts);

	if (r < 0)
		return r;
	*ret_ns = opts.duration;
	*ret_value = opts.retval;
	return 0;
}
