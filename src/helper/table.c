// SPDX-License-Identifier: Apache-2.0
/* The tables of bodies, made from the rows of spec/helpers.def and spec/kfuncs.def that are served. */
#include <stddef.h>

#include "helper/internal.h"

static const struct {
	const char *name;
	exec_helper_fn fn;
} kfuncs[] = {
#define ROW_Y(name) { #name, k_##name },
#define ROW_M ROW_Y
#define ROW_K(name)
#define ROW_N(name)
#define KFUNC(name, since, state, proto) ROW_##state(name)
#include "spec/kfuncs.def"
#undef KFUNC
#undef ROW_N
#undef ROW_Y
#undef ROW_M
#undef ROW_K
};

exec_helper_fn helper_kfunc(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kfuncs); i++)
		if (!strcmp(kfuncs[i].name, name))
			return kfuncs[i].fn;
	return NULL;
}

bool kfunc_memory(struct exec_run *run, const char *name, uint64_t addr, uint64_t len, bool write)
{
	if (exec_may_access(run, addr, len, write))
		return true;
	exec_fault(run, &ERR_KFUNC_MEMORY, "%s: %llu %s bytes at 0x%llx", name,
		   (unsigned long long)len, write ? "writable" : "readable",
		   (unsigned long long)addr);
	return false;
}

const exec_helper_fn *helper_table(size_t *ret_n)
{
#define ENTRY_Y(name, number) [number] = h_##name,
#define ENTRY_M ENTRY_Y
#define ENTRY_K(name, number)
#define ENTRY_N(name, number)
#define HELPER(name, id, since, state, ...) ENTRY_##state(name, id)
	static const exec_helper_fn table[HELPER_COUNT] = {
#include "spec/helpers.def"
	};
#undef HELPER
#undef ENTRY_N
#undef ENTRY_Y
#undef ENTRY_M
#undef ENTRY_K

	*ret_n = HELPER_COUNT;
	return table;
}

const struct helper_form *helper_forms(void)
{
#define FIELD(field, bytes, need) \
	.at = offsetof(struct exec_run, field), .size = (bytes), .needs = (need)
#define FORM(name, form, ...) [HELPER_##name] = { .kind = HELPER_FORM_##form, ##__VA_ARGS__ },
	static const struct helper_form forms[HELPER_COUNT] = {
#include "helper/forms.def"
	};
#undef FORM
#undef FIELD

	return forms;
}
