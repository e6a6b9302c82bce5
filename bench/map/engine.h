/* SPDX-License-Identifier: Apache-2.0 */
/* The programs of ops.h on our engine and in the kernel, as map_bench.c sees them. */
#ifndef BENCH_MAP_ENGINE_H
#define BENCH_MAP_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#define STEPS 1000
#define ENTRIES 10000
#define READABLE 64

/* OP(program, figure, label): `figure` NULL: it is only what others are compared with. */
#define MAP_OPS(OP)                                                            \
	OP(empty, NULL, "empty")                                               \
	OP(steps, NULL, "empty steps")                                         \
	OP(array_inc, "map.array", "array look-up + inc")                      \
	OP(hash_lookup, "map.hash.lookup", "hash look-up + inc")               \
	OP(hash_update, "map.hash.update", "hash update")                      \
	OP(hash_pair, "map.hash.pair", "hash update + delete")                 \
	OP(percpu_hash_lookup, "map.percpu_hash", "percpu hash look-up + inc") \
	OP(lru_lookup, "map.lru.lookup", "LRU look-up + inc")                  \
	OP(lru_update, "map.lru.update", "LRU update, evicts")                 \
	OP(lpm_lookup, "map.lpm", "LPM look-up")                               \
	OP(ring_16, "ring", "ring reserve + submit 16")                        \
	OP(ktime, "helper.ktime", "ktime_get_ns")                              \
	OP(random, "helper.random", "get_prandom_u32")                         \
	OP(cpu, "helper.cpu", "get_smp_processor_id")                          \
	OP(probe_read, "probe_read", "probe_read_user 8, 1/8 bad")             \
	OP(loop, "loop", "bpf_loop, a turn")                                   \
	OP(tail, "tail_call", "tail call")

enum map_op {
#define OP(program, ...) OP_##program,
	MAP_OPS(OP)
#undef OP
		OP_COUNT,
};

extern const char *const op_programs[OP_COUNT];

struct map_engine {
	const char *name;
	int (*open)(const char *build, void **ret);
	void (*close)(void *self);
	/* Runs @times and reads what the rings hold afterwards. 0 and nanoseconds a run, the last result; or -errno. */
	int (*run)(void *self, enum map_op op, uint64_t times, double *ret_ns, uint32_t *ret_value);
	/* Looks @times keys up from user space: nanoseconds each. */
	int (*api)(void *self, uint64_t times, double *ret_ns);
};

extern const struct map_engine map_ours, map_kernel;

static inline uint32_t route_of(uint32_t i)
{
	return i * 2654435761u;
}

double map_now(void);

#endif
