// SPDX-License-Identifier: Apache-2.0
/*
 * Damaged objects: real ones cut short, with bits turned over, with blocks of zeros. Each is loaded or refused
 * with one error, without a crash (sanitizers watch), and in less than a second.
 */
#include <time.h>

#include "base/file.h"
#include "check.h"
#include "load/load.h"

static const char *const names[] = { "object", "core_local", "byte_order.be" };

static struct {
	double slowest;
	unsigned loaded, refused, silent;
} seen;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool read_object(const char *name, struct buf *file)
{
	const char *dir = getenv("SKEP_BUILD");
	char path[512];

	snprintf(path, sizeof(path), "%s/tests/bpf/load/%s.bpf.o", dir ? dir : "build", name);
	buf_init(file);
	return CHECK_MSG(file_read(path, 1 << 26, file, NULL) == 0, "cannot read %s", path);
}

/* The bytes lie in an allocation of their own size, so that a read behind them is seen. */
static void attempt(const uint8_t *data, size_t size, const struct load_opts *opts)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct skep_error *err = NULL;
	struct load_obj *obj = NULL;
	double begin = now(), took;
	int r;

	if (!copy)
		return;
	memcpy(copy, data, size);
	r = load_open(copy, size, "damaged.bpf.o", opts, &obj, &err);
	free(copy);
	if (r == 0) {
		seen.loaded++;
		load_close(obj);
	} else {
		seen.refused++;
		seen.silent += !err || skep_error_code(err) != r;
	}
	took = now() - begin;
	if (took > seen.slowest)
		seen.slowest = took;
	skep_error_free(err);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void cut(struct buf *file, const struct load_opts *opts)
{
	for (size_t n = 0; n < file->len; n += 16)
		attempt((uint8_t *)file->data, n, opts);
}

static void flip(struct buf *file, const struct load_opts *opts)
{
	uint64_t state = 0x9e3779b97f4a7c15ull;

	for (unsigned i = 0; i < 2000; i++) {
		size_t at[8], n = 1 + next_random(&state) % ARRAY_SIZE(at);

		for (size_t k = 0; k < n; k++) {
			at[k] = next_random(&state) % (file->len * 8);
			file->data[at[k] / 8] ^= (char)(1 << at[k] % 8);
		}
		attempt((uint8_t *)file->data, file->len, opts);
		for (size_t k = n; k-- > 0;)
			file->data[at[k] / 8] ^= (char)(1 << at[k] % 8);
	}
}

static void zero(struct buf *file, const struct load_opts *opts)
{
	static const size_t sizes[] = { 8, 64, 512 };
	char saved[512];

	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		size_t step = sizes[s] < 64 ? sizes[s] * 5 : sizes[s];

		for (size_t at = 0; at + sizes[s] <= file->len; at += step) {
			memcpy(saved, file->data + at, sizes[s]);
			memset(file->data + at, 0, sizes[s]);
			attempt((uint8_t *)file->data, file->len, opts);
			memcpy(file->data + at, saved, sizes[s]);
		}
	}
}

static void each(void (*damage)(struct buf *file, const struct load_opts *opts))
{
	struct load_opts opts = { .target_name = "the target" };
	struct load_obj *kernel = NULL;
	struct buf file;

	if (!read_object("core_target", &file) ||
	    !CHECK(load_open(file.data, file.len, "target", NULL, &kernel, NULL) == 0))
		return;
	buf_done(&file);
	opts.target = kernel->btf;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CHECK_CASE("%s", names[i]);
		memset(&seen, 0, sizeof(seen));
		if (!read_object(names[i], &file))
			continue;
		damage(&file, &opts);
		buf_done(&file);
		CHECK_MSG(seen.slowest < 1, "one took %f s", seen.slowest);
		CHECK_EQ_INT(seen.silent, 0);
		CHECK_MSG(seen.refused > 0, "nothing was refused of %u", seen.loaded);
		printf("# %s: %u loaded, %u refused, slowest %.1f ms\n", names[i], seen.loaded,
		       seen.refused, seen.slowest * 1e3);
	}
	load_close(kernel);
}

static void cut_short(void)
{
	each(cut);
}

static void bits_turned(void)
{
	each(flip);
}

static void zeros(void)
{
	each(zero);
}

CHECK_MAIN({ "cut_short", cut_short }, { "bits_turned", bits_turned }, { "zeros", zeros })
