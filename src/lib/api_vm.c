// SPDX-License-Identifier: Apache-2.0
/*
 * The bare virtual machine: one program, one stretch of memory, the embedder's helpers. A vm is immutable; what a
 * run changes is in the state. The engine knows a state as its first member, so that a helper without a context of its
 * own is handed the state itself.
 */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "exec/guard.h"
#include "helper/helper.h"
#include "jit/jit.h"
#include "lib/internal.h"
#include "lib/vm_elf.h"

#define MAX_REGIONS 16
#define KNOWN_FLAGS                                                                              \
	((unsigned int)(SKEP_VM_BLIND | SKEP_VM_HARDEN | SKEP_VM_OWN_MEMORY | SKEP_VM_PERF_MAP | \
			SKEP_VM_DEBUGGER | SKEP_VM_LINES))

struct skep_vm_state {
	struct exec_run run; /* first: helpers get its address */
	void *user;
	bool ended; /* by skep_vm_end() */
	uint64_t end;
};

struct skep_vm {
	struct exec_prog *prog;
	struct jit_prog *jit; /* NULL: interpreted */
	bool trusted;	      /* jit's code */
	struct skep_vm_state *own;
	uint64_t budget;
	uint32_t insns;
	struct exec_region *regions; /* base of those in the memory: their offset */
	bool *elsewhere;
	size_t nregions;
	char *names;
	const struct exec_host *host; /* NULL: none */
};

static const struct exec_host own_memory = { .own_user = true, .own_kernel = true };

_Static_assert(offsetof(struct skep_vm_state, run) == 0, "a state is the engine's run");
_Static_assert(MAX_REGIONS + 2 <= EXEC_MAX_REGIONS, "all regions fit into a run");

static int copy_regions(struct skep_vm *vm, const struct skep_vm_region *regions,
			struct skep_error **reterr)
{
	size_t n = 0, text = 1;
	char *name;

	for (; regions && regions[n].name; n++)
		text += strlen(regions[n].name) + 1;
	if (n > MAX_REGIONS)
		return skep_fail(reterr, &ERR_VM_REGIONS, SKEP_NOWHERE, "%zu, at most %d", n,
				 MAX_REGIONS);
	vm->regions = calloc(n + 1, sizeof(*vm->regions));
	vm->elsewhere = calloc(n + 1, sizeof(*vm->elsewhere));
	name = vm->names = malloc(text);
	if (!vm->regions || !vm->elsewhere || !vm->names)
		return skep_fail_nomem(reterr);
	for (size_t i = 0; i < n; i++) {
		const struct skep_vm_region *from = &regions[i];

		vm->elsewhere[i] = from->base != NULL;
		vm->regions[i] = (struct exec_region){
			.base = from->base ? (uint64_t)(uintptr_t)from->base : from->offset,
			.size = from->size,
			.kind = REGION_MEM,
			.writable = from->writable,
			.name = name,
		};
		memcpy(name, from->name, strlen(from->name) + 1);
		name += strlen(from->name) + 1;
	}
	vm->nregions = n;
	return 0;
}

static enum spec_arg engine_arg(enum skep_vm_arg arg)
{
	switch (arg) {
	case SKEP_ARG_ANY:
		return ARG_ANY;
	case SKEP_ARG_READ:
		return ARG_MEM;
	case SKEP_ARG_WRITE:
		return ARG_MEM_OUT;
	case SKEP_ARG_SIZE:
		return ARG_SIZE;
	case SKEP_ARG_TEXT:
		return ARG_STR;
	case SKEP_ARG_MEM:
		return ARG_CTX;
	case SKEP_ARG_WORD:
		return ARG_LONG_OUT;
	}
	return ARG_OTHER; /* always refused */
}

/* The engine's form of the embedder's list; freed by the caller. */
static int make_helpers(const struct skep_vm_helper *helpers, struct exec_prog_opts *o,
			struct exec_custom **ret, struct skep_error **reterr)
{
	size_t n = 0;

	*ret = NULL;
	while (helpers && helpers[n].fn)
		n++;
	if (!helpers)
		return 0;
	*ret = calloc(n + 1, sizeof(**ret));
	if (!*ret)
		return skep_fail_nomem(reterr);
	for (size_t i = 0; i < n; i++) {
		(*ret)[i].id = helpers[i].id;
		(*ret)[i].name = helpers[i].name;
		(*ret)[i].fn = helpers[i].fn;
		for (int k = 0; k < 5; k++)
			(*ret)[i].args[k] = engine_arg(helpers[i].args[k]);
	}
	o->customs = *ret;
	o->ncustoms = n;
	return 0;
}

static int compile(struct skep_vm *vm, enum skep_engine engine, struct skep_vm_pool *pool,
		   unsigned int flags, struct skep_error **reterr)
{
	struct jit_opts opts = { .mode = engine == SKEP_ENGINE_JIT ? JIT_TRUSTED : JIT_CHECKED,
				 .pool = (struct jit_pool *)pool,
				 .blind = flags & SKEP_VM_BLIND,
				 .harden = flags & SKEP_VM_HARDEN,
				 .perf_map = flags & SKEP_VM_PERF_MAP,
				 .debugger = flags & SKEP_VM_DEBUGGER,
				 .lines = flags & SKEP_VM_LINES };

	vm->trusted = engine == SKEP_ENGINE_JIT;
	switch (engine) {
	case SKEP_ENGINE_INTERP:
		return 0;
	case SKEP_ENGINE_JIT:
	case SKEP_ENGINE_CHECKED:
		return jit_new(vm->prog, &opts, &vm->jit, reterr);
	}
	return skep_fail(reterr, &ERR_VM_ENGINE, SKEP_NOWHERE, "%d", (int)engine);
}

int skep_vm_new(const struct skep_insn *insns, size_t n, const struct skep_vm_opts *opts,
		struct skep_vm **ret, struct skep_error **reterr)
{
	const char *name = OPT(opts, name, NULL);
	struct exec_prog_opts o = { .object = name ? name : "program",
				    .name = name ? name : "program",
				    .insns = insns,
				    .ninsns = (uint32_t)num_min(n, UINT32_MAX),
				    .prog_type = -1,
				    .custom_ctx = OPT(opts, ctx, NULL) };
	struct skep_vm *vm = calloc(1, sizeof(*vm));
	struct exec_custom *customs = NULL;
	unsigned int flags = OPT(opts, flags, 0);
	int r;

	if (flags & ~KNOWN_FLAGS)
		r = skep_fail(reterr, &ERR_VM_FLAGS, SKEP_NOWHERE, "0x%x", flags & ~KNOWN_FLAGS);
	else
		r = vm ? 0 : skep_fail_nomem(reterr);
	if (r < 0) {
		free(vm);
		return r;
	}
	vm->host = flags & SKEP_VM_OWN_MEMORY ? &own_memory : NULL;
	o.helpers = helper_table(&o.nhelpers);
	vm->budget = OPT(opts, budget, 0);
	vm->insns = o.ninsns;
	r = copy_regions(vm, OPT(opts, regions, NULL), reterr);
	if (r == 0)
		r = make_helpers(OPT(opts, helpers, NULL), &o, &customs, reterr);
	if (r == 0)
		r = exec_prog_new(&o, &vm->prog, reterr);
	free(customs);
	if (r == 0)
		r = compile(vm, OPT(opts, engine, SKEP_ENGINE_INTERP), OPT(opts, pool, NULL), flags,
			    reterr);
	if (r == 0)
		r = skep_vm_state_new(NULL, &vm->own, reterr);
	if (r < 0) {
		skep_vm_free(vm);
		return r;
	}
	*ret = vm;
	return 0;
}

int skep_vm_pool_new(struct skep_vm_pool **ret, struct skep_error **reterr)
{
	return jit_pool_new((struct jit_pool **)ret, reterr);
}

void skep_vm_pool_free(struct skep_vm_pool *pool)
{
	if (pool)
		jit_pool_unref((struct jit_pool *)pool);
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
	if (vm->jit)
		jit_free(vm->jit);
	exec_prog_free(vm->prog);
	skep_vm_state_free(vm->own);
	free(vm->regions);
	free(vm->elsewhere);
	free(vm->names);
	free(vm);
}

int skep_vm_state_new(void *user, struct skep_vm_state **ret, struct skep_error **reterr)
{
	struct skep_vm_state *state = calloc(1, sizeof(*state));
	int r = state ? exec_run_init(&state->run, reterr) : skep_fail_nomem(reterr);

	if (r < 0) {
		free(state);
		return r;
	}
	state->user = user;
	*ret = state;
	return 0;
}

void skep_vm_state_free(struct skep_vm_state *state)
{
	if (!state)
		return;
	exec_run_done(&state->run);
	free(state);
}

/* What the program may touch of @len bytes at @mem, by the layout. */
static void allow(const struct skep_vm *vm, struct exec_run *run, uint64_t mem, size_t len)
{
	struct exec_region all = {
		.base = mem, .size = len, .kind = REGION_MEM, .writable = true, .name = "memory"
	};
	bool layout = false;

	for (size_t i = 0; i < vm->nregions; i++) {
		struct exec_region region = vm->regions[i];

		if (!vm->elsewhere[i]) {
			layout = true;
			region.size = region.base < len ? num_min(region.size, len - region.base) :
							  0;
			region.base += mem;
		}
		if (region.size)
			exec_region_add(run, &region);
	}
	if (!layout && len)
		exec_region_add(run, &all);
}

static void prepare(const struct skep_vm *vm, struct skep_vm_state *state, void *mem, size_t len)
{
	struct exec_run *run = &state->run;

	exec_run_start(run, vm->budget);
	allow(vm, run, (uint64_t)(uintptr_t)mem, len);
	run->host = vm->host;
	run->ctx_len = len;
	run->packet = mem;
	run->packet_len = (uint32_t)num_min(len, UINT32_MAX);
	state->ended = false;
}

void skep_vm_stop(struct skep_vm_state *state)
{
	exec_stop(&state->run, true);
}

void skep_vm_resume(struct skep_vm_state *state)
{
	exec_stop(&state->run, false);
}

int skep_vm_run_on(const struct skep_vm *vm, struct skep_vm_state *state, void *mem, size_t len,
		   uint64_t *ret_r0, struct skep_error **reterr)
{
	uint64_t ctx = (uint64_t)(uintptr_t)mem;
	struct skep_error *err = NULL;
	int r;

	if (__atomic_load_n(&state->run.stop, __ATOMIC_RELAXED))
		return skep_fail(reterr, &ERR_VM_STOPPED, SKEP_NOWHERE, NULL);
	prepare(vm, state, mem, len);
	if (vm->jit)
		r = jit_run(vm->jit, &state->run, ctx, ret_r0, &err);
	else
		r = exec(vm->prog, &state->run, ctx, ret_r0, &err);
	if (r == 0)
		return 0;
	if (state->ended) {
		skep_error_free(err);
		*ret_r0 = state->end;
		return 0;
	}
	if (reterr)
		*reterr = err;
	else
		skep_error_free(err);
	return r;
}

int skep_vm_run(struct skep_vm *vm, void *mem, size_t len, uint64_t *ret_r0,
		struct skep_error **reterr)
{
	return skep_vm_run_on(vm, vm->own, mem, len, ret_r0, reterr);
}

skep_vm_code skep_vm_entry(const struct skep_vm *vm, struct skep_vm_state *state)
{
	jit_entry entry = vm->jit && vm->trusted ? jit_code(vm->jit, NULL) : NULL;

	if (!entry)
		return NULL;
	prepare(vm, state, NULL, 0);
	state->run.prog = vm->prog;
	return (skep_vm_code)(void (*)(void))entry;
}

_Static_assert(sizeof(struct skep_vm_line) == sizeof(struct jit_line) &&
		       offsetof(struct skep_vm_line, insn) == offsetof(struct jit_line, insn),
	       "the public name of struct jit_line");

const void *skep_vm_bytes(const struct skep_vm *vm, size_t *ret_size)
{
	*ret_size = 0;
	return vm->jit ? jit_bytes(vm->jit, ret_size) : NULL;
}

const struct skep_vm_line *skep_vm_lines(const struct skep_vm *vm, size_t *ret_n)
{
	*ret_n = 0;
	return vm->jit ? (const struct skep_vm_line *)jit_lines(vm->jit, ret_n) : NULL;
}

void skep_vm_stats(const struct skep_vm *vm, struct skep_vm_stats *ret)
{
	struct skep_vm_stats stats = { .size = num_min(ret->size, sizeof(stats)),
				       .insns = vm->insns };
	struct jit_stats jit;

	if (vm->jit) {
		jit_stats(vm->jit, &jit);
		stats.code_bytes = jit.code_bytes;
		stats.compile_ns = jit.compile_ns;
	}
	memcpy(ret, &stats, stats.size);
}

void *skep_vm_memory(struct skep_vm_state *state, uint64_t addr, uint64_t len, int write)
{
	if (exec_may_access(&state->run, addr, len, write))
		return (void *)(uintptr_t)addr;
	exec_fault(&state->run, &ERR_VM_MEMORY, "%s %llu bytes at address 0x%llx",
		   write ? "write" : "read", (unsigned long long)len, (unsigned long long)addr);
	return NULL;
}

void *skep_vm_user(const struct skep_vm_state *state)
{
	return state->user;
}

void skep_vm_end(struct skep_vm_state *state, uint64_t r0)
{
	if (state->run.fault)
		return;
	state->ended = true;
	state->end = r0;
	exec_fault(&state->run, &ERR_VM_ENDED, "with 0x%llx", (unsigned long long)r0);
}

int skep_fault_handle(int sig, const void *siginfo, void *ucontext)
{
	return exec_guard_handle(sig, siginfo, ucontext);
}
