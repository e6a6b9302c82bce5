/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors are values with a place. Every function of libskep that can refuse takes a
 * `struct skep_error **reterr` as its last parameter: it is set only on failure, may be NULL, and
 * the caller frees what it got. The library itself never prints.
 *
 * Threading: an error belongs to whoever received it; distinct errors are independent.
 */
#ifndef SKEP_ERROR_H
#define SKEP_ERROR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef SKEP_API
#define SKEP_API __attribute__((visibility("default")))
#endif

/** Where an error lies: which of the fields of struct skep_place carry meaning. */
enum skep_place_kind {
	SKEP_PLACE_NONE, /**< nowhere in particular */
	SKEP_PLACE_FILE, /**< name: file; at: byte offset */
	SKEP_PLACE_TEXT, /**< name: source file; line, col */
	SKEP_PLACE_ELF,	 /**< name: object; part: section; at: byte offset in the section */
	SKEP_PLACE_BTF,	 /**< name: object; part: type name; at: type id */
	SKEP_PLACE_INSN, /**< name: object; part: program; at: instruction; src, line, col: source */
	SKEP_PLACE_MAP,	 /**< name: object; part: map */
};

/** A place. Strings are borrowed: from the error, when read from one. NULL means unknown. */
struct skep_place {
	enum skep_place_kind kind;
	const char *name;
	const char *part;
	uint64_t at;
	const char *src;  /**< source file of an instruction, or NULL */
	const char *text; /**< text of the source line, or NULL */
	uint32_t line;	  /**< 1-based, 0 unknown */
	uint32_t col;	  /**< 1-based, 0 unknown */
};

struct skep_error;

/** Stable id such as "E0007": a letter for the folder that refused, and a number. Never NULL. */
SKEP_API const char *skep_error_id(const struct skep_error *err);
/** The negative errno that the failing function returned. */
SKEP_API int skep_error_code(const struct skep_error *err);
/** What went wrong, one line, lower case, no full stop. Never NULL; borrowed from @err. */
SKEP_API const char *skep_error_message(const struct skep_error *err);
/** What would have been needed, what is known, what to try. NULL if there is nothing to say. */
SKEP_API const char *skep_error_needed(const struct skep_error *err);
SKEP_API const char *skep_error_known(const struct skep_error *err);
SKEP_API const char *skep_error_help(const struct skep_error *err);
/** Where. Never NULL; kind is SKEP_PLACE_NONE when there is no place. Borrowed from @err. */
SKEP_API const struct skep_place *skep_error_place(const struct skep_error *err);
/** Context added on the way up ("loading 'x.bpf.o'"), outermost last; NULL past the end. */
SKEP_API const char *skep_error_context(const struct skep_error *err, size_t i);
/**
 * The whole error as text for people, several lines, each ended by a newline:
 * `error[E0007]: ...`, `  --> place`, source excerpt, needed, known, help, context.
 * Returns the length that the text needs (without the NUL), like snprintf(3).
 */
SKEP_API size_t skep_error_text(const struct skep_error *err, char *buf, size_t size);
/** Frees @err; NULL is fine. */
SKEP_API void skep_error_free(struct skep_error *err);

#ifdef __cplusplus
}
#endif
#endif
