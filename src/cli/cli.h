/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the subcommands share: exit codes, output, values by type. A command's output is one tree (jansson)
 * that is printed as text or as JSON at the end; colour and bars only on a terminal.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <argp.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"
#include "skep/skep.h"

#define ERR(name, ident, errnum, text) \
	static const struct err_def ERR_##name __attribute__((unused)) = { ident, errnum, text };
#include "cli/errors.def"
#undef ERR

enum exit_code {
	EXIT_YES = 0,
	EXIT_NO = 1, /* rejected, not found */
	EXIT_USAGE = 2,
	EXIT_ENV = 3, /* permission, kernel, disk, memory */
	EXIT_BUG = 70,
};

#define COMMAND(name, text) int cmd_##name(int argc, char **argv);
#include "cli/commands.def"
#undef COMMAND

struct out {
	FILE *f;
	const char *path; /* as given, may be NULL */
	bool json, colour;
	int width; /* columns of the terminal, 0: none */
};

/* @path NULL or "-": standard output. An exit code, EXIT_YES when it is open. */
int out_open(struct out *o, const char *path, bool json);
/* Flushes and closes; EXIT_ENV when something could not be written. */
int out_close(struct out *o);
/* One JSON line; takes the reference. */
void out_json(struct out *o, json_t *value);
/* Starts and ends a heading, dim text ... on a terminal; nothing elsewhere. */
const char *out_bold(const struct out *o);
const char *out_dim(const struct out *o);
const char *out_red(const struct out *o);
const char *out_plain(const struct out *o);

/* Prints an error on standard error (as JSON with `json`) and gives the exit code; frees it. */
int show_error(struct skep_error *err, bool json);
json_t *error_json(const struct skep_error *err);
int exit_code_of(int code); /* of a negative errno */

/*
 * Text out of files and programs. text_: names and remarks, anything unprintable spelt out (NULL becomes null); data_:
 * values, which JSON carries as they are while they are valid UTF-8. Never NULL but for memory.
 */
json_t *text_json(const char *s);
json_t *data_json(const char *s, size_t len);
char *text_safe(const char *s, size_t len); /* caller frees */
void out_text(const struct out *o, const char *s);

/* A table: columns, then cells row by row; printed by libsmartcols. */
struct table;
struct table *table_new(struct out *o);
void table_column(struct table *t, const char *name, bool right);
void table_row(struct table *t);
void table_cell(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void table_print(struct table *t, const char *indent); /* and frees it */

/* Bytes as the type says; raw bytes become "0x..." text. */
json_t *value_json(const struct skep_obj *obj, uint32_t type, const void *data, size_t len);
/* A leaf or small tree as one cell of text; caller frees. */
char *value_text(const json_t *value);
/* Flattens an object to columns "a", "b.c"; anything else to one column. */
typedef void (*value_column_fn)(void *ctx, const char *name, const json_t *leaf);
void value_columns(const json_t *value, const char *name, value_column_fn fn, void *ctx);
/* Adds numbers of b to a, in place, wherever both have numbers in the same place. */
void value_sum(json_t *a, const json_t *b);
/* An order of values of one type: numbers by size, text by bytes, members one after the other. */
int value_compare(const json_t *a, const json_t *b);
bool value_is_zero(const json_t *value);

/* Log2 buckets: does this name and array look like them? Draws them. */
bool hist_named(const char *name); /* by its name alone; NULL is none */
bool hist_is(const char *name, const json_t *array);
void hist_draw(struct out *o, const json_t *array);

/* exec_helpers.c: what vectors may call; for a vm without a ctx. */
extern const struct skep_vm_helper exec_helpers[];

/* input.c: a file, or standard input for NULL and "-". */
const char *input_name(const char *path);
int input_read(const char *path, struct buf *out, struct skep_error **err);
/* Bare instructions, as bytes or as hex; caller frees. */
int input_insns(const char *path, bool hex, struct skep_insn **ret, size_t *ret_n,
		struct skep_error **err);
/* "auto", "kernel", "clang", "conformance" (also "asm"): enum skep_insn_style or SKEP_INSN_ANY. */
bool style_parse(const char *text, int *ret);

/* raw.c */
struct raw_opts {
	enum skep_insn_style style;
	bool labels, bytes;
};
int raw_print(struct out *o, const struct skep_insn *insns, size_t n, const struct raw_opts *opts);
void raw_print_cbpf(struct out *o, const struct skep_cbpf *insns, size_t n);

/* Hex text to bytes, blanks and "0x" allowed; NULL with *ret_bad = the offending position. */
unsigned char *hex_parse(const char *text, size_t len, size_t *ret_n, size_t *ret_bad);

#endif
