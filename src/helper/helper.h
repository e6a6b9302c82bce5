/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contract of helper bodies. A body is `uint64_t h_<name>(run, a1..a5)`, in one file a family; exec has
 * already checked the arguments against the row of spec/helpers.def. Semantics: bpf-helpers(7).
 */
#ifndef HELPER_HELPER_H
#define HELPER_HELPER_H

#include "exec/exec.h"
#include "map/map.h"

/* The table for struct exec_prog_opts: indexed by helper id, NULL where not served. Constant. */
const exec_helper_fn *helper_table(size_t *ret_n);
/* The body of a kernel function of spec/kfuncs.def, k_<name>; NULL: none. It checks its arguments itself. */
exec_helper_fn helper_kfunc(const char *name);
/* How they are built into compiled code, as many. */
const struct helper_form *helper_forms(void);
/* For exec_run.model_find of a struct model. */
/* For map_on_release(), with a struct model. */
void helper_release_field(void *model, struct map *map, const struct map_field *field, void *at);
bool helper_find_object(void *model, uint64_t addr, struct exec_region *ret);

#endif
