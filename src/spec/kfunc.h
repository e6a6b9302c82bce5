/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel functions that programs may call, by number and by name: the rows of kfuncs.def (bpf/kfuncs.rst). */
#ifndef SPEC_KFUNC_H
#define SPEC_KFUNC_H

#include "spec/spec.h"

/* KFUNC(name, since, state, prototype): see spec/kfuncs.def. */
enum spec_kfunc_id {
#define KFUNC(name, ...) KFUNC_##name,
#include "spec/kfuncs.def"
#undef KFUNC
	KFUNC_COUNT,
};

struct spec_kfunc {
	const char *name, *since;
	enum spec_state state;
	bool served;	   /* has a body */
	const char *why;   /* SPEC_K: what it needs a kernel for */
	const char *proto; /* as kfuncs.def says */
};

const struct spec_kfunc *spec_kfunc(int id);		       /* below KFUNC_COUNT */
const struct spec_kfunc *spec_kfunc_find(const char *name);    /* NULL: not known */
unsigned int spec_kfunc_nargs(const struct spec_kfunc *k);     /* NULL: 0 */
unsigned int spec_kfunc_callbacks(const struct spec_kfunc *k); /* bit n: argument n is a function */

#endif
