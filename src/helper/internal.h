/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of helper/ share: the bodies' prototypes, errors, maps and memory of a run. */
#ifndef HELPER_INTERNAL_H
#define HELPER_INTERNAL_H

#include <string.h>

#include "base/num.h"
#include "helper/event.h"
#include "helper/helper.h"
#include "map/object.h"

#define ERR(name, ident, errnum, text) \
	static const struct err_def ERR_##name __attribute__((unused)) = { ident, errnum, text };
#include "helper/errors.def"
#undef ERR

/* h_<name>() of every served helper. */
#define BODY_Y(name)                                                                   \
	uint64_t h_##name(struct exec_run *run, uint64_t a1, uint64_t a2, uint64_t a3, \
			  uint64_t a4, uint64_t a5);
#define BODY_M BODY_Y
#define BODY_K(name)
#define BODY_N(name)
#define HELPER(name, id, since, state, ...) BODY_##state(name)
#include "spec/helpers.def"
#undef HELPER
#undef BODY_N
#undef BODY_Y
#undef BODY_M
#undef BODY_K

#define KBODY_Y(name)                                                                  \
	uint64_t k_##name(struct exec_run *run, uint64_t a1, uint64_t a2, uint64_t a3, \
			  uint64_t a4, uint64_t a5);
#define KBODY_M KBODY_Y
#define KBODY_K(name)
#define KBODY_N(name)
#define KFUNC(name, since, state, proto) KBODY_##state(name)
#include "spec/kfuncs.def"
#undef KFUNC
#undef KBODY_N
#undef KBODY_Y
#undef KBODY_M
#undef KBODY_K

/* Defines a body; the arguments that it has no use for are silenced by name. */
#define BODY(name) ANY_BODY(h_##name)
#define KBODY(name) ANY_BODY(k_##name)
#define ANY_BODY(symbol)                                                                          \
	uint64_t symbol(struct exec_run *run __attribute__((unused)),                             \
			uint64_t a1 __attribute__((unused)), uint64_t a2 __attribute__((unused)), \
			uint64_t a3 __attribute__((unused)), uint64_t a4 __attribute__((unused)), \
			uint64_t a5 __attribute__((unused)))

/* The kernel's ENOTSUPP, which libc does not know. */
#define HELPER_ENOTSUPP 524

static inline uint64_t fail(int error)
{
	return (uint64_t)(int64_t)-error;
}

static inline uint64_t result(int64_t r)
{
	return (uint64_t)r;
}

static inline void *pointer(uint64_t addr)
{
	return (void *)(uintptr_t)addr;
}

static inline struct map *map_of(struct exec_run *run, uint64_t addr)
{
	const struct exec_map *m = exec_map_of(run, addr);

	return m ? m->map : NULL;
}

static inline uint32_t cpu_of(const struct exec_run *run)
{
	if (run->sampled & NEED_CPU)
		return run->cpu;
	return run->host && run->host->cpu ? run->host->cpu(run->host_ctx) : 0;
}

/* world.c: the model kernel of the run, made when there is none; NULL: the run ends. */
struct model *world(struct exec_run *run);
struct helper_event *event_of(struct exec_run *run);
/* What the run is about. May be NULL. */
struct model_task *current_task(struct exec_run *run);
struct model_cgroup_dir *current_cgroup(struct exec_run *run);
/* The object of the model that a pointer leads into; NULL: it is none. */
struct model_task *task_of(struct exec_run *run, uint64_t addr);
struct model_cgroup_dir *cgroup_of(struct exec_run *run, uint64_t addr);
struct model_end *socket_of(struct exec_run *run, uint64_t addr);
/* Ends the run: the argument is no such object. 0. */
uint64_t no_object(struct exec_run *run, const char *name, const char *what, uint64_t addr);

/* h_storage.c: the object of a map's world that one of the model stands for. */
struct map_object *object_in(struct exec_run *run, struct map *map, enum map_object_kind kind,
			     uint64_t id, const struct model_end *sk);

/* k_obj.c: the start of the object of the model that holds @addr, or NULL. */
void *object_start(struct exec_run *run, uint64_t addr);

/* k_iter.c: the first mapping of a process that ends behind @from; false: there is none. */
bool vma_read(int32_t pid, uint64_t from, struct model_vm_area_struct *vma, char path[4096]);

/* h_mem.c: reads of memory that may not be there. Both give 0 or -EFAULT and promise nothing about @out then. */
int mem_read_user(struct exec_run *run, void *out, uint64_t addr, uint64_t len);
int mem_read_kernel(struct exec_run *run, void *out, uint64_t addr, uint64_t len);
enum mem_from { MEM_KERNEL, MEM_USER, MEM_EITHER };
/* A string into @out of @size bytes, cut if need be; its length with the NUL, or -EFAULT. */
int64_t mem_read_str(struct exec_run *run, enum mem_from from, char *out, uint64_t size,
		     uint64_t addr);

/* The same of another task's; NULL: the current one. */
int mem_read_task(struct exec_run *run, const struct model_task *task, void *out, uint64_t addr,
		  uint64_t len);
int64_t mem_read_task_str(struct exec_run *run, const struct model_task *task, char *out,
			  uint64_t size, uint64_t addr);

/* Of a kernel function: may @len bytes at @addr be read, or written? False: the run ends after the call. */
bool kfunc_memory(struct exec_run *run, const char *name, uint64_t addr, uint64_t len, bool write);

/* h_ring.c: bpf_ringbuf_reserve on this ring. */
/* h_mem.c: probe_read and its kin for up to 8 bytes: those, or 0; and in `ok` what the helper returns. */
struct exec_pair mem_probe_user(struct exec_run *run, uint64_t addr, uint64_t size);
struct exec_pair mem_probe_kernel(struct exec_run *run, uint64_t addr, uint64_t size);
struct exec_pair mem_probe_either(struct exec_run *run, uint64_t addr, uint64_t size);
uint64_t ring_reserve(struct exec_run *run, struct map *ring, uint64_t size, uint64_t flags);

/* h_xdp.c: the packet of the context, if it has one. */
enum packet_kind { PACKET_NONE, PACKET_XDP, PACKET_SKB };
/* May the program write it? */
bool skb_writable(const struct exec_run *run);
enum packet_kind packet_of(struct exec_run *run, const uint8_t **ret_data, uint64_t *ret_len);

/* format.c: formatting with the rules of the kernel's bpf_trace_printk and bpf_snprintf. */
#define FORMAT_MAX_ARGS 12
/* @fmt is NUL-terminated within @fmt_size. Length of the whole text without NUL, or -EINVAL, -ENOSPC. */
int64_t format_text(struct exec_run *run, char *out, uint64_t size, const char *fmt,
		    uint64_t fmt_size, const uint64_t *args, uint32_t nargs);

#endif
