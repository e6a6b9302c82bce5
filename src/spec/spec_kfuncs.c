// SPDX-License-Identifier: Apache-2.0
/* Kernel functions by number and by name: the rows of kfuncs.def, of which there are too few for more than a walk. */
#include <string.h>

#include "spec/kfunc.h"

#define NEEDS_KERNEL_KFUNC(name, why) static const char why_##name[] = why;
#include "spec/needs_kernel.def"
#undef NEEDS_KERNEL_KFUNC
#define WHY_N(name) NULL
#define WHY_Y(name) NULL
#define WHY_M(name) NULL
#define WHY_K(name) why_##name

static const struct spec_kfunc kfuncs[KFUNC_COUNT] = {
#define KFUNC(n, s, y, p)                                                   \
	[KFUNC_##n] = { .name = #n,                                         \
			.since = #s,                                        \
			.state = SPEC_##y,                                  \
			.served = SPEC_##y == SPEC_Y || SPEC_##y == SPEC_M, \
			.why = WHY_##y(n),                                  \
			.proto = (p) },
#include "spec/kfuncs.def"
#undef KFUNC
};

const struct spec_kfunc *spec_kfunc(int id)
{
	return &kfuncs[id];
}

const struct spec_kfunc *spec_kfunc_find(const char *name)
{
	for (int i = 0; i < KFUNC_COUNT; i++)
		if (!strcmp(kfuncs[i].name, name))
			return &kfuncs[i];
	return NULL;
}

unsigned int spec_kfunc_nargs(const struct spec_kfunc *k)
{
	const char *at = k ? strchr(k->proto, '(') + 1 : ")";
	unsigned int n = *at != ')';

	for (int depth = 0; *at; at++) {
		depth += (*at == '{') - (*at == '}');
		n += *at == ',' && !depth;
	}
	return n;
}

unsigned int spec_kfunc_callbacks(const struct spec_kfunc *k)
{
	const char *at = k ? strchr(k->proto, '(') + 1 : "";
	unsigned int set = 0, n = 0;

	for (int depth = 0; *at; at++) {
		if (!depth && !strncmp(at, "fn{", 3))
			set |= 1u << n;
		depth += (*at == '{') - (*at == '}');
		n += *at == ',' && !depth;
	}
	return set;
}
