/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bare virtual machine: eBPF bytes and memory in, r0 out. No maps, no types; the plug-in form of the
 * conformance suite (`skep exec`) is built on it. r1 is the memory's address and r2 its length.
 */
#ifndef SKEP_VM_H
#define SKEP_VM_H

#include "skep/error.h"
#include "skep/insn.h"

#ifdef __cplusplus
extern "C" {
#endif

struct skep_vm;

/** A helper of the embedder: called with the registers r1 to r5, gives r0. */
typedef uint64_t (*skep_vm_fn)(void *ctx, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
			       uint64_t a5);
struct skep_vm_helper {
	uint32_t id;
	const char *name;
	skep_vm_fn fn;
};

/** Zero-initialise and set size. */
struct skep_vm_opts {
	size_t size;
	const char *name; /**< for errors; default "program" */
	const struct skep_vm_helper
		*helpers; /**< ended by a NULL fn; replaces the kernel's helpers */
	void *ctx;	  /**< handed to helpers */
	uint64_t budget;  /**< instructions a run; 0: 10 million */
};

/** Decodes and checks @n slots (copied). -EINVAL with the instruction for a malformed program. */
SKEP_API int skep_vm_new(const struct skep_insn *insns, size_t n, const struct skep_vm_opts *opts,
			 struct skep_vm **ret, struct skep_error **reterr);
/**
 * The same from an ELF object: function @func (NULL: "main", else the first one) of `.text` or any program
 * section.
 */
SKEP_API int skep_vm_new_elf(const void *data, size_t size, const char *func,
			     const struct skep_vm_opts *opts, struct skep_vm **ret,
			     struct skep_error **reterr);
SKEP_API void skep_vm_free(struct skep_vm *vm);
/**
 * Runs once over @len writable bytes at @mem (may be NULL with 0). Every access outside them and the stack ends the
 * run with -EACCES and an error with its place; -ELOOP when the budget is used up. One thread at a time per vm.
 */
SKEP_API int skep_vm_run(struct skep_vm *vm, void *mem, size_t len, uint64_t *ret_r0,
			 struct skep_error **reterr);
/**
 * For the embedder's helpers, which get addresses as numbers: the @len bytes at @addr if the program that runs in
 * @vm may read them (and write them, if @write). Otherwise NULL, and the run ends with -EACCES at the call, whatever
 * the helper returns. Valid until the helper returns.
 */
SKEP_API void *skep_vm_memory(struct skep_vm *vm, uint64_t addr, uint64_t len, int write);

#ifdef __cplusplus
}
#endif
#endif
