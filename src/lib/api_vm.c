// SPDX-License-Identifier: Apache-2.0
/* The bare virtual machine: one program, one stretch of memory, the embedder's helpers. */
#include <stdlib.h>
#include <string.h>

#include "helper/helper.h"
#include "lib/internal.h"
#include "lib/vm_elf.h"

struct skep_vm {
	struct exec_prog *prog;
	struct exec_run run;
	uint64_t budget;
};

_Static_assert(sizeof(struct skep_vm_helper) == sizeof(struct exec_custom) &&
		       offsetof(struct skep_vm_helper, fn) == offsetof(struct exec_custom, fn),
	       "the public and the engine's helper row are one layout");

int skep_vm_new(const struct skep_insn *insns, size_t n, const struct skep_vm_opts *opts,
		struct skep_vm **ret, struct skep_error **reterr)
{
	const struct skep_vm_helper *helpers = OPT(opts, helpers, NULL);
	const char *name = OPT(opts, name, NULL);
	struct exec_prog_opts o = { .object = name ? name : "program",
				    .name = name ? name : "program",
				    .insns = insns,
				    .ninsns = (uint32_t)n,
				    .prog_type = -1,
				    .custom_ctx = OPT(opts, ctx, NULL) };
	struct skep_vm *vm = calloc(1, sizeof(*vm));
	int r;

	if (!vm)
		return skep_fail_nomem(reterr);
	o.helpers = helper_table(&o.nhelpers);
	o.customs = (const struct exec_custom *)helpers;
	while (helpers && helpers[o.ncustoms].fn)
		o.ncustoms++;
	vm->budget = OPT(opts, budget, 0);
	r = exec_prog_new(&o, &vm->prog, reterr);
	if (r == 0)
		r = exec_run_init(&vm->run, reterr);
	if (r < 0) {
		exec_prog_free(vm->prog);
		free(vm);
		return r;
	}
	*ret = vm;
	return 0;
}

int skep_vm_new_elf(const void *data, size_t size, const char *func,
		    const struct skep_vm_opts *opts, struct skep_vm **ret,
		    struct skep_error **reterr)
{
	const char *name = OPT(opts, name, NULL);
	struct skep_insn *insns;
	size_t n;
	int r;

	r = vm_elf_read(data, size, name ? name : "program", func, &insns, &n, reterr);
	if (r < 0)
		return r;
	r = skep_vm_new(insns, n, opts, ret, reterr);
	free(insns);
	return r;
}

void skep_vm_free(struct skep_vm *vm)
{
	if (!vm)
		return;
	exec_prog_free(vm->prog);
	exec_run_done(&vm->run);
	free(vm);
}

int skep_vm_run(struct skep_vm *vm, void *mem, size_t len, uint64_t *ret_r0,
		struct skep_error **reterr)
{
	struct exec_region region = { .base = (uint64_t)(uintptr_t)mem,
				      .size = len,
				      .kind = REGION_MEM,
				      .writable = true,
				      .name = "memory" };

	exec_run_start(&vm->run, vm->budget);
	if (len)
		exec_region_add(&vm->run, &region);
	vm->run.ctx_len = len;
	vm->run.packet = mem;
	vm->run.packet_len = (uint32_t)len;
	return exec(vm->prog, &vm->run, region.base, ret_r0, reterr);
}

void *skep_vm_memory(struct skep_vm *vm, uint64_t addr, uint64_t len, int write)
{
	if (exec_may_access(&vm->run, addr, len, write))
		return (void *)(uintptr_t)addr;
	exec_fault(&vm->run, &ERR_VM_MEMORY, "%s %llu bytes at address 0x%llx",
		   write ? "write" : "read", (unsigned long long)len, (unsigned long long)addr);
	return NULL;
}
