/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contract of the runtime objects: a loaded description (load) becomes maps and runnable programs. A program
 * that this engine refuses keeps its reason; the others still run.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include "base/error.h"
#include "exec/exec.h"
#include "map/map.h"
#include "spec/spec.h"

struct load_obj;
struct load_prog;
struct core_obj;
struct jit_prog;

struct core_prog {
	struct core_obj *obj;
	const char *name, *section;
	const struct spec_section *def; /* NULL only when unusable */
	const char *target;		/* behind the section's '/', or NULL */
	const struct load_prog *spec;
	uint32_t index;
	struct exec_prog *exec;	    /* NULL: refused or not asked for */
	struct skep_error *refused; /* why, owned; NULL when it runs or was never asked for */
	const struct exec_native
		*native;      /* its compiled form, for tail calls: of who compiled it, or NULL */
	struct jit_prog *jit; /* what core_run() runs; NULL: the interpreter does */
	struct spec_fact *facts; /* while it is made */
	bool verified;		 /* there were facts */
	/* what happened, counted by core_run() */
	uint64_t runs, faults, insns;
};

struct core_opts {
	uint32_t ncpus;	       /* of per-CPU maps; 0: the machine's */
	uint64_t memory_limit; /* a map's bytes; 0: default */
	bool interpret;	       /* programs are not compiled */
	bool perf_map;	       /* perf(1) is told of compiled programs */
	/*
	 * What the verifier knows of program @i: one a slot, from malloc(), or NULL. It spares checks, so it must be of the maps'
	 * declarations, their initial contents, and types that this engine's objects have.
	 */
	struct spec_fact *(*facts)(void *ctx, uint32_t i);
	void *facts_ctx;
	struct map_space
		*space; /* declared maps that may lie there do: found by name, else made. Or NULL */
	struct map_world *world; /* whose objects its maps hold; NULL: its own */
};

/* Creates maps and prepares every program with autoload. @spec stays the caller's and must outlive it. */
int core_new(const struct load_obj *spec, const struct core_opts *opts, struct core_obj **ret,
	     struct skep_error **reterr);
void core_free(struct core_obj *obj);
size_t core_nprogs(const struct core_obj *obj);
struct core_prog *core_prog(struct core_obj *obj, size_t i);
size_t core_nmaps(const struct core_obj *obj);
struct map *core_map(struct core_obj *obj, size_t i);
struct map_world *core_world(const struct core_obj *obj);
/* The first ring or perf buffer with something to read, for a cheap look after each run. */
bool core_pending(const struct core_obj *obj);

/* A run of the compiled program, or exec(), plus statistics, plus discarding reservations that a fault left open. */
int core_run(struct core_prog *prog, struct exec_run *run, uint64_t ctx, uint64_t *ret_r0,
	     struct skep_error **reterr);

/* Bytes of machine code; 0: it is interpreted. */
size_t core_code_size(const struct core_prog *prog);

#endif
