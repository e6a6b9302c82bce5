/* SPDX-License-Identifier: Apache-2.0 */
/* Shared inside core/: the object and its space (what its programs may touch). */
#ifndef CORE_INTERNAL_H
#define CORE_INTERNAL_H

#include "base/arena.h"
#include "core/core.h"
#include "load/load.h"

#define ERR(name, ident, errnum, text) \
	static const struct err_def ERR_##name __attribute__((unused)) = { ident, errnum, text };
#include "core/errors.def"
#undef ERR

struct core_map {
	struct map *map;     /* NULL: refused */
	const char *why;     /* then in words */
	struct exec_map ref; /* as exec knows it */
};

/* Address range of one map's values; space.c keeps them sorted by base. */
struct core_range {
	uint64_t base, size;
	uint32_t map;
};

struct core_obj {
	const struct load_obj *spec;
	struct core_map *maps;
	size_t nmaps;
	struct map_world *world; /* whose objects its maps hold */
	struct core_prog *progs;
	size_t nprogs;
	struct core_range *ranges;
	size_t nranges;
	uint64_t *tables; /* the jump tables of all programs, one after the other */
	uint64_t tables_size;
	uint32_t *buffers; /* indexes of ring and perf maps */
	size_t nbuffers;
	struct model *model;   /* whose objects its programs and maps see */
	struct jit_pool *pool; /* NULL: nothing is compiled */
	bool perf_map;
	struct arena arena;
};

/* What exec asks of this object's maps; the space is the struct core_obj. */
extern const struct exec_space_ops core_space_ops;
/* Fills ranges[] from the maps; call once, after all maps exist. */
int core_space_init(struct core_obj *obj, struct skep_error **reterr);

/* compile.c: 0 also when the program is left to the interpreter */
int core_compile(struct core_prog *prog, struct skep_error **reterr);

int core_maps_init(struct core_obj *obj, const struct core_opts *opts, struct skep_error **reterr);
/* Fills prog arrays and map-in-map slots, once the programs are prepared. */
int core_maps_slots(struct core_obj *obj, struct skep_error **reterr);
void core_maps_done(struct core_obj *obj);

#endif
