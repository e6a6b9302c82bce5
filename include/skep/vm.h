/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bare virtual machine for embedders: eBPF bytes and memory in, r0 out. No maps, no types; the plug-in form of
 * the conformance suite (`skep exec`) is built on it. r1 is the memory's address and r2 its length.
 *
 * A skep_vm is a program; it does not change once made, and any number of threads may run it at the same time, each
 * on a skep_vm_state of its own (skep_vm_run_on). skep_vm_run() uses a state that belongs to the vm: one thread
 * at a time. examples/embed.c is a whole embedder.
 */
#ifndef SKEP_VM_H
#define SKEP_VM_H

#include "skep/error.h"
#include "skep/insn.h"

#ifdef __cplusplus
extern "C" {
#endif

struct skep_vm;
struct skep_vm_state;
struct skep_vm_pool;

/** What runs the program. */
enum skep_engine {
	SKEP_ENGINE_INTERP, /**< the interpreter: every access is checked, instructions are counted */
	SKEP_ENGINE_JIT, /**< machine code without checks, for programs that are trusted: one that goes
				  astray takes the process with it, and one without end does not return */
	SKEP_ENGINE_CHECKED, /**< machine code with the interpreter's checks and count */
};

/**
 * A helper of the embedder: called with the registers r1 to r5, gives r0. @ctx is skep_vm_opts' ctx; where that is
 * NULL it is the struct skep_vm_state that runs, for skep_vm_memory(), skep_vm_user() and skep_vm_end().
 */
typedef uint64_t (*skep_vm_fn)(void *ctx, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
			       uint64_t a5);
/** What an argument of a helper must be; where the engine checks, a call with another one ends the run. */
enum skep_vm_arg {
	SKEP_ARG_ANY,	/**< a number */
	SKEP_ARG_READ,	/**< memory that the program may read; the next argument is its size */
	SKEP_ARG_WRITE, /**< the same, and write */
	SKEP_ARG_SIZE,	/**< a number that is not 0 */
	SKEP_ARG_TEXT,	/**< memory with a NUL in it */
	SKEP_ARG_MEM,	/**< the start of the memory that the run was given */
	SKEP_ARG_WORD,	/**< 8 bytes that the program may write */
};

struct skep_vm_helper {
	uint32_t id;
	const char *name;
	skep_vm_fn fn;
	enum skep_vm_arg args[5]; /**< of r1 to r5; none: not checked */
};

/** Bytes [offset, offset + size) of the program's memory, or @size bytes at @base if that is not NULL. */
struct skep_vm_region {
	const char *name; /**< for errors; NULL ends a list */
	void *base;
	uint64_t offset, size;
	int writable;
};

/** How machine code is made; skep_vm_opts' flags. */
enum skep_vm_flag {
	/** No constant of more than 8 bits that the program chose stands in its code: it is the XOR of two numbers, of
	 *  which one is random. For programs from whoever might jump into the middle of their instructions. */
	SKEP_VM_BLIND = 1,
	/** Calls through a register are such that speculation cannot be led elsewhere; where functions start an
	 *  indirect call may land (endbr64). -EOPNOTSUPP where the compiler cannot (arm64). */
	SKEP_VM_HARDEN = 2,
	/** bpf_probe_read() and its kin read this process's memory, at any address; a bad one fails as in the kernel.
	 *  Without it they read what the program may touch. For every engine. */
	SKEP_VM_OWN_MEMORY = 4,
	/** Functions are written into the file of this process that perf(1) reads. */
	SKEP_VM_PERF_MAP = 8,
	/** gdb and lldb are told of the code: names, lines and frames. */
	SKEP_VM_DEBUGGER = 16,
	/** Keeps where code comes from, for skep_vm_lines(). */
	SKEP_VM_LINES = 32,
};

/** Zero-initialise and set size. */
struct skep_vm_opts {
	size_t size;
	const char *name; /**< for errors; default "program" */
	const struct skep_vm_helper
		*helpers; /**< ended by a NULL fn; replaces the kernel's helpers */
	void *ctx;	  /**< handed to helpers */
	uint64_t budget;  /**< instructions a run; 0: 10 million; not counted by SKEP_ENGINE_JIT */
	enum skep_engine engine;
	/**
	 * Layout of the memory that a run is given: the parts that a program may touch, where the engine checks.
	 * NULL: all of it, writable. Parts with a base lie elsewhere and may be touched as well. Copied; at most 16.
	 */
	const struct skep_vm_region *regions;
	struct skep_vm_pool *pool; /**< where machine code lies; NULL: in pages of its own */
	unsigned int flags;	   /**< of enum skep_vm_flag */
};

/**
 * Memory for the code of many programs: packed, and quicker to take and to give back than pages of each program's
 * own. Thread-safe. It may be freed before the vms that use it.
 */
SKEP_API int skep_vm_pool_new(struct skep_vm_pool **ret, struct skep_error **reterr);
SKEP_API void skep_vm_pool_free(struct skep_vm_pool *pool);

/**
 * Decodes, checks and, if the engine asks for it, compiles @n slots (copied). -EINVAL with the instruction for a
 * malformed program; -EOPNOTSUPP when the compiler cannot do it (no back end for this CPU, or an instruction that
 * only the interpreter runs).
 */
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
 * Runs once over @len writable bytes at @mem (may be NULL with 0). Where the engine checks, an access outside of
 * what the program may touch ends the run with -EACCES and an error with its place; -ELOOP when the budget is used
 * up. One thread at a time per vm.
 */
SKEP_API int skep_vm_run(struct skep_vm *vm, void *mem, size_t len, uint64_t *ret_r0,
			 struct skep_error **reterr);

/** A stack and what else one run at a time needs; for any vm. @user: for skep_vm_user(). */
SKEP_API int skep_vm_state_new(void *user, struct skep_vm_state **ret, struct skep_error **reterr);
SKEP_API void skep_vm_state_free(struct skep_vm_state *state);
/**
 * From any thread: the run that is under way on @state ends within milliseconds with -ECANCELED, and so does every
 * later one, until skep_vm_resume(). Code of SKEP_ENGINE_JIT is not stopped while it runs.
 */
SKEP_API void skep_vm_stop(struct skep_vm_state *state);
SKEP_API void skep_vm_resume(struct skep_vm_state *state);
/** skep_vm_run() on @state: safe on any number of threads with a state each. */
SKEP_API int skep_vm_run_on(const struct skep_vm *vm, struct skep_vm_state *state, void *mem,
			    size_t len, uint64_t *ret_r0, struct skep_error **reterr);

/**
 * The machine code itself, for callers who count nanoseconds: `code(state, r1, r2)` gives r0. @state is prepared here
 * for calls of this vm's code on one thread at a time; a run of another vm on it needs this call again. NULL
 * unless the engine is SKEP_ENGINE_JIT. Helpers may not end such a run.
 */
typedef uint64_t (*skep_vm_code)(struct skep_vm_state *state, uint64_t r1, uint64_t r2);
SKEP_API skep_vm_code skep_vm_entry(const struct skep_vm *vm, struct skep_vm_state *state);

/** Code from byte `code` on, up to the next line's, is of instruction `insn`. */
struct skep_vm_line {
	uint32_t code, insn;
};
/** The machine code as bytes, NULL when there is none; and what they come from (SKEP_VM_LINES), in their order. */
SKEP_API const void *skep_vm_bytes(const struct skep_vm *vm, size_t *ret_size);
SKEP_API const struct skep_vm_line *skep_vm_lines(const struct skep_vm *vm, size_t *ret_n);

/** Set size; later fields than the library knows stay as they are. */
struct skep_vm_stats {
	size_t size;
	uint64_t insns;	     /**< slots of the program */
	uint64_t code_bytes; /**< of machine code; 0: interpreted */
	uint64_t compile_ns;
};
SKEP_API void skep_vm_stats(const struct skep_vm *vm, struct skep_vm_stats *ret);

/**
 * For helpers, which get addresses as numbers: the @len bytes at @addr if the program that runs on @state may read
 * them (and write them, if @write). Otherwise NULL, and the run ends with -EACCES at the call, whatever the helper
 * returns. Valid until the helper returns.
 */
SKEP_API void *skep_vm_memory(struct skep_vm_state *state, uint64_t addr, uint64_t len, int write);
SKEP_API void *skep_vm_user(const struct skep_vm_state *state);
/** Ends the run well when the helper returns: its result is @r0. */
SKEP_API void skep_vm_end(struct skep_vm_state *state, uint64_t r0);

/**
 * For applications that handle SIGSEGV or SIGBUS themselves. Programs that probe memory (bpf_probe_read_kernel() and its
 * kin, loads through pointers of kernel types) survive bad addresses through handlers of both signals, which the library
 * installs when the first such program needs them; a fault that is not ours goes on to the handler that was there
 * before, or has the effect that it had. An application that installs its handler later must ask here first: 1 when
 * the fault was ours and execution can go on, so that the handler returns; 0 when it is the application's own. The
 * arguments are those of the handler (SA_SIGINFO). Async-signal-safe. A thread that probes must not block the two.
 */
SKEP_API int skep_fault_handle(int sig, const void *siginfo, void *ucontext);

#ifdef __cplusplus
}
#endif
#endif
