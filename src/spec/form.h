/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a map or a helper may be built into compiled code, as data: what it is made of, or a function that does the
 * same with less ado. Maps and helpers declare their forms, the compiler reads them, neither knows the other. Without
 * a form the helper's body is called. A form must do what the body does when its arguments are right; checking them is
 * the compiler's business.
 */
#ifndef SPEC_FORM_H
#define SPEC_FORM_H

#include <stdbool.h>
#include <stdint.h>

/* Maps ------------------------------------------------------------------------------------------------ */

/*
 * An operation as one call: fn(map, key, [value,] [flags,] [cpu]). Words are zero-extended from the map's sizes, of
 * 1, 2, 4 or 8 bytes.
 */
struct map_form_fn {
	uintptr_t fn;	 /* 0: there is none */
	bool key_word;	 /* the key itself, not where it lies */
	bool value_word; /* the same of an update's value */
	bool cpu;	 /* the current CPU comes last */
};

struct map_form {
	/* Values in a row: value i of CPU c is at base + i * stride + c * cpu_stride, i < count, c < cpus. */
	bool array;
	uint64_t base;
	uint32_t count, stride, cpu_stride, cpus;
	/*
	 * Prog arrays: at slots + i * slot_stride, i < count, stands the address of an object or 0, and `native_at`
	 * bytes into it that of its struct exec_native or 0.
	 */
	uint64_t slots;
	uint16_t slot_stride, native_at;
	struct map_form_fn lookup, update,
		remove; /* a program that may not read or write it has none */
};

/* Helpers --------------------------------------------------------------------------------------------- */

enum helper_form_kind {
	HELPER_FORM_NONE,
	HELPER_FORM_LOOKUP, /* as the map's form says */
	HELPER_FORM_UPDATE,
	HELPER_FORM_DELETE,
	HELPER_FORM_FIELD,  /* `size` bytes of the run at `at`, sampled when it starts: `needs` */
	HELPER_FORM_DIRECT, /* its body, which neither faults nor asks where it is called from */
	HELPER_FORM_RANDOM, /* xorshift64* over the 8 bytes of the run at `at` */
	HELPER_FORM_KNOWN, /* `fn`, as its body, but it gets the map itself; if that is known and of type `at` */
	HELPER_FORM_PROBE, /* of 1, 2, 4 or 8 bytes: fn(run, address, size) gives them, zero-extended, and the helper's result */
	HELPER_FORM_LOOP,  /* calls a function of the program, at most `size` times */
};

/* What a run samples of its host when it starts. */
enum helper_need {
	NEED_CPU = 1,
	NEED_TASK = 2,
};

struct helper_form {
	uint8_t kind; /* enum helper_form_kind */
	uint8_t needs;
	uint16_t at;
	uint32_t size;
	uintptr_t fn;
};

#endif
