/* SPDX-License-Identifier: Apache-2.0 */
/* What is behind the opaque handles of the public API: inside lib/ only. */
#ifndef LIB_INTERNAL_H
#define LIB_INTERNAL_H

#include "base/arena.h"
#include "core/core.h"
#include "hook/hook.h"
#include "load/load.h"
#include "skep/skep.h"
#include "verify/verify.h"

#define ERR(name, ident, errnum, text) \
	static const struct err_def ERR_##name __attribute__((unused)) = { ident, errnum, text };
#include "lib/errors.def"
#undef ERR

struct skep_prog {
	struct skep_obj *obj;
	uint32_t index; /* into spec->progs and core's */
};

struct skep_map {
	struct skep_obj *obj;
	uint32_t index;
};

struct skep_profile {
	struct spec_profile profile;
	struct spec_kernel_has has;
	struct btf *btf; /* NULL: a version alone */
	size_t probed;
};

struct lib_reloc {
	const char *section, *symbol, *type;
	uint64_t offset;
};

struct skep_obj {
	struct load_obj *spec;
	struct core_obj *core; /* NULL until skep_obj_load() */
	struct btf *target;    /* what CO-RE relocated against */
	struct skep_prog *progs;
	struct skep_map *maps;
	struct lib_reloc *relocs;
	size_t nrelocs;
	uint8_t **own_data; /* by map: bytes of a data section that was changed, in the arena */
	struct core_opts core_opts;
	struct spec_profile profile; /* the kernel that programs are verified for, when `profiled` */
	bool profiled;
	struct arena arena;
	struct arena_chunk *verify_memory; /* verify_opts.memory, whoever takes it first; atomic */
	/* of the last run */
	struct hook_verdicts *verdicts;
	size_t nverdicts;
};

/* The field of an options struct, or a default where the caller's struct is older than the field. */
#define OPT(opts, field, fallback)                                                                \
	((opts) && (opts)->size >= offsetof(__typeof__(*(opts)), field) + sizeof((opts)->field) ? \
		 (opts)->field :                                                                  \
		 (fallback))

const struct load_prog *lib_prog_spec(const struct skep_prog *prog);
struct core_prog *lib_prog_core(const struct skep_prog *prog); /* NULL before load */
struct map *lib_map(const struct skep_map *map);	       /* NULL before load, or refused */
/*
 * The verifier over a program of an object. With @watch facts are wanted, or `see` gets all states (verify_opts.watch).
 * verify_done() releases @ret in any case.
 */
struct lib_watch {
	void (*see)(void *ctx, const struct verify_point *at);
	void *ctx;
	/* verify_opts.found: then neither facts nor states */
	void (*found)(void *ctx, const struct verify_finding *f, struct skep_error *err);
	uint32_t max_errors;
};
int lib_verify(const struct skep_prog *prog, const struct skep_verify_opts *opts,
	       const struct lib_watch *watch, struct verify_result *ret,
	       struct skep_error **reterr);
/* core_opts.facts: @obj is the struct skep_obj. */
struct spec_fact *lib_facts(void *obj, uint32_t i);
/* NULL for NULL. */
struct map_space *lib_space(const struct skep_space *space);
/* Why the checking interpreter cannot run a program over inputs of ours, or NULL. */
const char *lib_obstacle(const struct skep_prog *prog);
/* Costs by source line, the dearest first; NULL without memory or costs. */
struct skep_verify_line *lib_lines(const struct load_prog *p, const struct verify_cost *costs,
				   size_t *ret_n);
/* A character, by its name or encoding: arrays of it are text. */
bool lib_is_char(const struct btf *btf, uint32_t id);
/* snprintf's answer for a finished buffer: copies, NUL-terminates, returns the full length. */
size_t lib_copy_out(const char *text, size_t len, char *buf, size_t size);

#endif
