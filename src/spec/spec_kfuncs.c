// SPDX-License-Identifier: Apache-2.0
/* Kernel functions by number and by name: the rows of kfuncs.def, of which there are too few for more than a walk. */
#include <string.h>

#include "spec/kfunc.h"

enum { N = 0, Y = 1 };

static const struct spec_kfunc kfuncs[KFUNC_COUNT] = {
#define KFUNC(n, s, y, p) [KFUNC_##n] = { .name = #n, .since = #s, .served = (y), .proto = (p) },
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
	const char *at = k ? strchr(k->proto, ' ') + 1 : "";
	unsigned int n = 0;

	for (; *at; at++) {
		if (*at == '{')
			at = strchr(at, '}');
		n++;
	}
	return n;
}
