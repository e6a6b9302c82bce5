/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mechanism of errors: base knows no ids. A folder that can refuse lists its ways in errors.def,
 * one row `ERR(name, id, errno, problem)`, and turns the rows into `struct err_def` constants:
 *
 *	#define ERR(name, id, code, problem) ERR_##name,
 *	enum { #include "elf/errors.def" };
 *
 * Use DEFINE_ERRORS()-like expansion as in elf/internal.h: each row becomes a
 * `static const struct err_def ERR_NAME`. Strings of a place are copied into the error.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>

#include "skep/error.h"

/* One way to fail: a row of an errors.def. `code` is a positive errno. */
struct err_def {
	const char *id;
	int code;
	const char *problem;
};

#define SKEP_NOWHERE ((struct skep_place){ .kind = SKEP_PLACE_NONE })
#define SKEP_AT_FILE(file, off) \
	((struct skep_place){ .kind = SKEP_PLACE_FILE, .name = (file), .at = (off) })
#define SKEP_AT_TEXT(file, l, c) \
	((struct skep_place){ .kind = SKEP_PLACE_TEXT, .name = (file), .line = (l), .col = (c) })
#define SKEP_AT_ELF(obj, sec, off) \
	((struct skep_place){ .kind = SKEP_PLACE_ELF, .name = (obj), .part = (sec), .at = (off) })
#define SKEP_AT_BTF(obj, type, id) \
	((struct skep_place){ .kind = SKEP_PLACE_BTF, .name = (obj), .part = (type), .at = (id) })
#define SKEP_AT_INSN(obj, prog, insn) \
	((struct skep_place){         \
		.kind = SKEP_PLACE_INSN, .name = (obj), .part = (prog), .at = (insn) })
#define SKEP_AT_MAP(obj, map) \
	((struct skep_place){ .kind = SKEP_PLACE_MAP, .name = (obj), .part = (map) })

/*
 * Makes an error of @def at @at, its message `problem: fmt...` (just `problem` when fmt is NULL or
 * empty). Returns -def->code always, also when reterr is NULL or memory is out (then *reterr is a
 * static out-of-memory error, which skep_error_free() ignores).
 */
int skep_fail(struct skep_error **reterr, const struct err_def *def, struct skep_place at,
	      const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* -ENOMEM with the static error. */
int skep_fail_nomem(struct skep_error **reterr);
/* Adds context to the error in *reterr (if any) and returns @code: `return skep_wrap(reterr, r, ...)`. */
int skep_wrap(struct skep_error **reterr, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Fill the further parts of the error in *reterr; no-ops when reterr or *reterr is NULL. */
void skep_need(struct skep_error **reterr, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void skep_known(struct skep_error **reterr, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void skep_hint(struct skep_error **reterr, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Replaces the place of an error, for a caller that knows it better. */
void skep_relocate(struct skep_error **reterr, struct skep_place at);

#endif
