/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for code, never writable and executable at once. A pool is one stretch of address space backed by a memory
 * file: mapped executable, written through the file, so no writable mapping of code exists at any time. Programs lie
 * packed in it; what is freed is reused, and whole free pages go back to the system. Without a pool a program
 * has pages of its own, written and then made executable. An inaccessible page ends both.
 */
#ifndef JIT_CODE_MEM_H
#define JIT_CODE_MEM_H

#include "base/arena.h"
#include "jit/jit.h"

struct code_mem {
	struct jit_pool *pool; /* NULL: own pages */
	uint8_t *start;
	size_t size, mapped;
};

/* Starts with address space for @most bytes (a pool: takes nothing yet). 0 or -ENOMEM. */
int code_mem_alloc(struct jit_pool *pool, size_t most, struct code_mem *ret);
/* Addresses between which the code will lie. */
void code_mem_reach(const struct code_mem *mem, uint64_t *ret_lo, uint64_t *ret_hi);
/* Takes room for @size bytes, which cannot run before code_mem_write(). */
int code_mem_fit(struct code_mem *mem, size_t size);
int code_mem_write(struct code_mem *mem, const uint8_t *bytes, size_t size);
void code_mem_free(struct code_mem *mem);

/*
 * Memory of compiling, kept by the pool from one program to the next so that its pages are there already. False: it is
 * lent out, or there is no pool; *ret are empty arenas of the caller's own.
 */
#define JIT_KEPT_SCRATCH (4u << 20)
enum { MEM_PROGRAM, MEM_FUNCTION, MEM_KINDS };
bool jit_pool_lend(struct jit_pool *pool, struct arena ret[MEM_KINDS]);
void jit_pool_take_back(struct jit_pool *pool, struct arena scratch[MEM_KINDS]);

#endif
