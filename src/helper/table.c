// SPDX-License-Identifier: Apache-2.0
/* The table of bodies, made from the rows of spec/helpers.def that are served. */
#include "helper/internal.h"

const exec_helper_fn *helper_table(size_t *ret_n)
{
#define ENTRY_Y(name, number) [number] = h_##name,
#define ENTRY_N(name, number)
#define HELPER(name, id, since, served, ...) ENTRY_##served(name, id)
	static const exec_helper_fn table[HELPER_COUNT] = {
#include "spec/helpers.def"
	};
#undef HELPER
#undef ENTRY_N
#undef ENTRY_Y

	*ret_n = HELPER_COUNT;
	return table;
}
