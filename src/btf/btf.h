/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contract of BTF: read (hostile input), build, lay out, print, find; and .BTF.ext. A struct btf owns
 * its bytes in host order and is immutable after btf_open()/btf_finish(), so threads may share it.
 * Invariant after btf_open(): every type id that a type refers to exists, every name offset is a
 * NUL-terminated string, kind-specific data lies inside the section, modifier and typedef chains, and
 * struct containment by value, are acyclic. Kernel document bpf/btf.rst.
 */
#ifndef BTF_BTF_H
#define BTF_BTF_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

enum btf_kind {
	BTF_VOID = 0,
#define KIND(id, value, ...) BTF_##id = value,
#include "btf/kinds.def"
#undef KIND
	BTF_KIND_END,
};

struct btf;

/*
 * Members of structs and unions. bit_off in bits from the start; bit_size 0: not a bit field. Both
 * ways that BTF has of telling a bit field come out alike.
 */
struct btf_member {
	const char *name;
	uint32_t type, bit_off, bit_size;
};
struct btf_param {
	const char *name;
	uint32_t type;
};
struct btf_enumerator {
	const char *name;
	int64_t value; /* as the enum's sign says; unsigned ones are cast */
};
struct btf_secinfo {
	uint32_t type, offset, size;
};
enum btf_int_encoding { BTF_INT_SIGNED = 1, BTF_INT_CHAR = 2, BTF_INT_BOOL = 4 };
enum btf_linkage { BTF_STATIC = 0, BTF_GLOBAL = 1, BTF_EXTERN = 2 };

/* Reads a .BTF section of either byte order. Copies; @data may go. @name is what errors call it. */
int btf_open(const void *data, size_t size, const char *name, struct btf **ret,
	     struct skep_error **reterr);
struct btf *btf_ref(struct btf *btf);
struct btf *btf_unref(struct btf *btf); /* returns NULL; btf_unref(NULL) is fine */

uint32_t btf_count(const struct btf *btf); /* ids are 0 (void) .. count - 1 */
/* All of these take a valid id (< btf_count). */
enum btf_kind btf_kind(const struct btf *btf, uint32_t id);
const char *btf_name(const struct btf *btf, uint32_t id); /* "" for none */
uint32_t btf_vlen(const struct btf *btf, uint32_t id);
bool btf_kflag(const struct btf *btf, uint32_t id);
/* PTR, TYPEDEF, modifiers, FUNC, VAR, DECL_TAG, FUNC_PROTO (what it returns); else 0. */
uint32_t btf_ref_type(const struct btf *btf, uint32_t id);
/* The size field of INT, STRUCT, UNION, ENUM, ENUM64, FLOAT, DATASEC; else 0. */
uint32_t btf_raw_size(const struct btf *btf, uint32_t id);
unsigned int btf_int_encoding(const struct btf *btf, uint32_t id);
unsigned int btf_int_bits(const struct btf *btf, uint32_t id);
unsigned int btf_int_offset(const struct btf *btf, uint32_t id);
uint32_t btf_array_elem(const struct btf *btf, uint32_t id);
uint32_t btf_array_index(const struct btf *btf, uint32_t id);
uint32_t btf_array_len(const struct btf *btf, uint32_t id);
struct btf_member btf_member(const struct btf *btf, uint32_t id, uint32_t i);
/* Of a FUNC_PROTO; a last one of type 0 without a name: variadic. */
struct btf_param btf_param(const struct btf *btf, uint32_t id, uint32_t i);
struct btf_enumerator btf_enumerator(const struct btf *btf, uint32_t id, uint32_t i);
bool btf_enum_signed(const struct btf *btf, uint32_t id); /* ENUM, ENUM64 (kind_flag) */
struct btf_secinfo btf_secinfo(const struct btf *btf, uint32_t id, uint32_t i);
unsigned int btf_linkage(const struct btf *btf, uint32_t id); /* VAR, FUNC */
int32_t btf_decl_tag_index(const struct btf *btf, uint32_t id);
/* For the loader, before the btf is shared: where the variables of a DATASEC really are. */
void btf_set_datasec_size(struct btf *btf, uint32_t id, uint32_t size);
void btf_set_secinfo(struct btf *btf, uint32_t id, uint32_t i, uint32_t offset, uint32_t size);
/* A string of the string section, or NULL when @off is outside it. */
const char *btf_string(const struct btf *btf, uint32_t off);
unsigned int btf_pointer_size(const struct btf *btf); /* 8 */

const char *btf_kind_name(enum btf_kind kind); /* "STRUCT", "VOID" */

/* Layout. Bounded; size 0 and alignment 1 for types that have no size (FUNC, void). */
uint64_t btf_size(const struct btf *btf, uint32_t id);
uint32_t btf_align(const struct btf *btf, uint32_t id);
/* Skips CONST, VOLATILE, RESTRICT, TYPE_TAG (and TYPEDEF for _strip_all). */
uint32_t btf_strip(const struct btf *btf, uint32_t id);
uint32_t btf_strip_all(const struct btf *btf, uint32_t id);
bool btf_is_composite(const struct btf *btf, uint32_t id); /* STRUCT or UNION, itself */

/* First id of that name (and kind; BTF_VOID: any kind) from @after + 1 on; 0 when none. Hashed. */
uint32_t btf_find(const struct btf *btf, const char *name, enum btf_kind kind, uint32_t after);

/*
 * Printing as C: a type ("struct foo *"), a declaration ("char name[16]"), a whole definition without
 * a newline at its end. Bounded: what would be too much shows as `...`.
 */
void btf_print_type(const struct btf *btf, uint32_t id, struct buf *out);
void btf_print_decl(const struct btf *btf, uint32_t id, const char *var, struct buf *out);
void btf_print_def(const struct btf *btf, uint32_t id, struct buf *out);

/* Building. Each returns the new id (> 0, one more than the last) or -errno. Names may be NULL. */
struct btf_builder;
struct btf_builder *btf_builder_new(void);
void btf_builder_free(struct btf_builder *b);
int btf_add_int(struct btf_builder *b, const char *name, uint32_t size, unsigned int encoding);
int btf_add_float(struct btf_builder *b, const char *name, uint32_t size);
/* PTR, TYPEDEF, modifiers, FUNC (global). */
int btf_add_ref(struct btf_builder *b, enum btf_kind kind, const char *name, uint32_t type);
int btf_add_func(struct btf_builder *b, const char *name, uint32_t proto, unsigned int linkage);
int btf_add_fwd(struct btf_builder *b, const char *name, bool is_union);
int btf_add_array(struct btf_builder *b, uint32_t elem, uint32_t index, uint32_t len);
int btf_add_composite(struct btf_builder *b, enum btf_kind kind, const char *name, uint32_t size,
		      const struct btf_member *members, uint32_t n);
int btf_add_enum(struct btf_builder *b, enum btf_kind kind, const char *name, uint32_t size,
		 bool is_signed, const struct btf_enumerator *values, uint32_t n);
int btf_add_proto(struct btf_builder *b, uint32_t ret, const struct btf_param *params, uint32_t n);
int btf_add_var(struct btf_builder *b, const char *name, uint32_t type, unsigned int linkage);
int btf_add_datasec(struct btf_builder *b, const char *name, uint32_t size,
		    const struct btf_secinfo *vars, uint32_t n);
int btf_add_decl_tag(struct btf_builder *b, const char *name, uint32_t type, int32_t index);
/* The bytes of a .BTF section in host order. */
int btf_builder_bytes(struct btf_builder *b, struct buf *out);
/* Turns the builder's types into a btf (checked by btf_open). The builder stays. */
int btf_finish(struct btf_builder *b, const char *name, struct btf **ret,
	       struct skep_error **reterr);

/* .BTF.ext: records per ELF section; instruction offsets are in bytes from the section's start. */
enum btf_core_kind {
#define CORE(id, value, ...) BTF_CORE_##id = value,
#include "btf/core_kinds.def"
#undef CORE
};
struct btf_func_info {
	uint32_t insn_off, type;
};
struct btf_line_info {
	uint32_t insn_off;
	const char *file, *text;
	uint32_t line, col;
};
struct btf_core_reloc {
	uint32_t insn_off, type;
	const char *access;
	uint32_t kind; /* may be unknown */
};
/* Each list is sorted by insn_off. Blocks of one section name are joined. */
struct btf_ext_sec {
	const char *section;
	struct btf_func_info *funcs;
	uint32_t nfuncs;
	struct btf_line_info *lines;
	uint32_t nlines;
	struct btf_core_reloc *cores;
	uint32_t ncores;
};
struct btf_ext {
	struct btf_ext_sec *secs;
	uint32_t nsecs;
	struct arena arena;
};
/* Strings are borrowed from @btf. Unknown trailing header fields and sections are skipped. */
int btf_ext_open(struct btf_ext *ext, const void *data, size_t size, const struct btf *btf,
		 const char *name, struct skep_error **reterr);
void btf_ext_close(struct btf_ext *ext);
const struct btf_ext_sec *btf_ext_find(const struct btf_ext *ext, const char *section);
const char *btf_core_kind_name(uint32_t kind); /* "field offset", NULL unknown */

#endif
