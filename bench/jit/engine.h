/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Engines as the benchmark sees them: a workload is opened on one, and run back to back any number of times
 * over the same packet.
 */
#ifndef BENCH_JIT_ENGINE_H
#define BENCH_JIT_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exec/exec.h"

#define PACKET_SIZE 1500
#define TABLE_SIZE 1024
#define BENCH_HELPERS 4

enum engine {
	ENGINE_GCC,
	ENGINE_CLANG,
	ENGINE_JIT,
	ENGINE_MAPS, /* the same over the engine's own maps, as the kernel's is over the kernel's */
	ENGINE_CHECKED,
	ENGINE_FACTS, /* checked, with facts by construction */
	ENGINE_INTERP,
	ENGINE_KERNEL,
	ENGINES
};

/* WORKLOAD(function, label): the table of all. */
#define WORKLOADS(WORKLOAD)                        \
	WORKLOAD(empty, "empty")                   \
	WORKLOAD(xorshift10k, "xorshift10k")       \
	WORKLOAD(primes500, "primes500")           \
	WORKLOAD(csum1500, "csum1500")             \
	WORKLOAD(parse_jhash, "parse+jhash")       \
	WORKLOAD(copy512, "copy512")               \
	WORKLOAD(strscan1000, "strscan1000")       \
	WORKLOAD(switch512, "switch512")           \
	WORKLOAD(siphash256, "siphash256")         \
	WORKLOAD(helper1000, "helper x1000")       \
	WORKLOAD(bpf2bpf1000, "bpf2bpf x1000")     \
	WORKLOAD(atomic1000, "atomic x1000")       \
	WORKLOAD(array1000, "array inc x1000")     \
	WORKLOAD(hash_inc1000, "hash inc x1000")   \
	WORKLOAD(hash_upd1000, "hash upd x1000")   \
	WORKLOAD(large4k6, "large4.6k")            \
	WORKLOAD(fw_csum, "fw+csum")               \
	WORKLOAD(helper64_unrl, "helper x64 unrl") \
	WORKLOAD(siphash64_unrl, "siphash64 unrl") \
	WORKLOAD(csum256_unrl, "csum256 unrl")

enum workload {
#define WORKLOAD(name, label) WORK_##name,
	WORKLOADS(WORKLOAD)
#undef WORKLOAD
		WORK_COUNT,
};

struct work; /* a workload opened on an engine */

struct work_info {
	uint32_t insns;
	size_t code_bytes;
	double compile_ns; /* median */
};

/*
 * 0 and *ret; -EOPNOTSUPP (or -EPERM, from the kernel) when the engine is not there: *ret_why says why; any other
 * -errno is a failure, said on standard error.
 */
int work_open(enum engine engine, enum workload workload, const char *build, struct work **ret,
	      const char **ret_why);
void work_close(struct work *work);
/* Runs @times over @packet. 0, nanoseconds a run and the last result's low 32 bits; or -errno. */
int work_run(struct work *work, uint8_t *packet, uint64_t times, double *ret_ns,
	     uint32_t *ret_value);
const struct work_info *work_info(const struct work *work);

/* The parts of work_open() by kind. */
struct kernel_work;
int kernel_open(const char *path, struct kernel_work **ret, struct work_info *info);
void kernel_close(struct kernel_work *k);
int kernel_run(struct kernel_work *k, const uint8_t *packet, uint64_t times, double *ret_ns,
	       uint32_t *ret_value);

/* maps.c: takes @data; the program is its own. -errno, and *reterr if there is more to say */
struct maps_work;
int maps_open(char *data, size_t size, const char *path, struct maps_work **ret,
	      struct exec_prog **ret_prog, struct skep_error **reterr);
void maps_close(struct maps_work *m);

/* tables.c */
uint64_t bench_trivial(uint64_t a);
uint64_t *bench_array_at(const uint32_t *key);
uint64_t *bench_hash_at(const uint64_t *key);
uint64_t bench_hash_put(const uint64_t *key, const uint64_t *value);
extern const struct exec_custom bench_helpers[BENCH_HELPERS];
void bench_tables_fill(void);
int bench_tables_allow(struct exec_run *run);

#endif
