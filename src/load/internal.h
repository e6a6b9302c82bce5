/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of load/ share: the ways to refuse, the state while an object is read (struct loader, which
 * dies when load_open() returns) and the phases in their order.
 *
 * What the file says is indexed first: code sections, functions, references. Then each program is put
 * together from functions. Nothing is quadratic in what a hostile file chooses: names have a longest length and are
 * found by binary search, and CO-RE has a budget of steps.
 */
#ifndef LOAD_INTERNAL_H
#define LOAD_INTERNAL_H

#include "isa/isa.h"
#include "load/load.h"

#define ERR(name, ident, errnum, text) \
	static const struct err_def ERR_##name __attribute__((unused)) = { ident, errnum, text };
#include "load/errors.def"
#undef ERR

enum load_limit {
	MAX_NAME = 512,		    /* characters of a name that means something */
	MAX_PROG_INSNS = 1 << 20,   /* slots of one program */
	MAX_OBJECT_INSNS = 1 << 22, /* slots of all programs together */
	ARENA_PAGE = 4096,	    /* the least that a page of an arena has */
	MAX_DEPTH = 32,		    /* nesting of types */
	MAX_ACCESS = 64,	    /* parts of a CO-RE access string */
	MAX_CORE_STEPS = 20000000,  /* members, enumerators and types that CO-RE looks at */
};

/* A function of a code section; fns[] is sorted by (code, start), each start once. */
struct fn {
	const char *name;
	uint32_t code, start, len; /* index of its section in codes[]; in slots */
	uint32_t btf_id;
	uint32_t use; /* itself, or the strong function that stands in for this weak one */
	int32_t prog; /* index into progs[], or -1 */
	bool global, weak, local;
};

enum ref_kind {
	REF_MAP,  /* index: maps[] */
	REF_DATA, /* index: maps[]; addend: offset in its value */
	REF_CALL, /* index: fns[] */
	REF_FUNC, /* index: fns[]; a function pointer */
	REF_EXTERN,
	REF_TABLE,   /* index: byte of .jumptables; addend: size of the table */
	REF_NOTHING, /* what no engine has; `why` is set */
};

/* What an instruction refers to; the refs of a section are sorted by insn, each insn once. */
struct ref {
	uint32_t insn;
	enum ref_kind kind;
	uint32_t index;
	int64_t addend;
	const char *why; /* its users are unusable, or NULL */
};

/* An executable section in host byte order. */
struct code {
	const struct elf_section *section;
	struct skep_insn *insns;
	uint32_t ninsns;
	uint32_t first, nfns; /* its part of fns[] */
	struct ref *refs;
	uint32_t nrefs;
	const struct btf_ext_sec *ext; /* or NULL */
	struct load_poison *poisons;   /* sorted by insn */
	uint32_t npoisons;
	struct load_core *cores; /* sorted by insn */
	uint32_t ncores;
};

/* Where a map of .maps lies in its section; sorted by start. */
struct map_place {
	uint64_t start, size;
	uint64_t values; /* offset of `values` in the map, 0 none */
	uint32_t map;
};

struct loader {
	struct load_obj *obj;
	const struct load_opts *opts;
	struct arena tmp;
	const struct elf_section **sections; /* sorted by name */
	size_t nsections;
	const struct elf_symbol **vars; /* named, defined, no functions; sorted by section and name */
	size_t nvars;
	struct code *codes;
	uint32_t ncodes;
	struct fn *fns;
	uint32_t nfns;
	int32_t *code_of;   /* by section: index into codes[] or -1 */
	int32_t *map_of;    /* by section: index into maps[] of a data section or -1 */
	int32_t *extern_of; /* by symbol: index into externs[] or -1 */
	uint32_t maps_section;
	const struct elf_section *jump_tables; /* NULL: none */
	struct map_place *places;
	uint32_t nplaces;
	int32_t kconfig_map; /* index into maps[] or -1 */
	size_t made;	     /* slots of the programs so far */
};

/* The phases, in the order of object.c. */
int sections_index(struct loader *l, struct skep_error **reterr);
int functions_read(struct loader *l, struct skep_error **reterr);
int data_place_variables(struct loader *l, struct skep_error **reterr);
int maps_declare(struct loader *l, struct skep_error **reterr);
int data_maps(struct loader *l, struct skep_error **reterr);
int struct_ops_maps(struct loader *l, struct skep_error **reterr);
int externs_read(struct loader *l, struct skep_error **reterr);
int refs_read(struct loader *l, struct skep_error **reterr);
int core_relocate(struct loader *l, struct skep_error **reterr);
int progs_make(struct loader *l, struct skep_error **reterr);
int struct_ops_progs(struct loader *l, struct skep_error **reterr);
int maps_fill_slots(struct loader *l, struct skep_error **reterr);

/* sections.c */
const struct elf_section *section_find(const struct loader *l, const char *name);
const struct elf_symbol *var_find(const struct loader *l, uint32_t section, const char *name);
bool name_is(const char *name, const char *prefix); /* "prefix" or "prefix.anything" */
/* The place of byte @off of a section. */
struct skep_place at_section(const struct loader *l, const struct elf_section *s, uint64_t off);
/* An arena string; NULL when memory is out. Names in it should be cut as "%.128s". */
#define TEXT(l, ...) arena_printf(&(l)->obj->arena, __VA_ARGS__)

/* functions.c: the function that starts at, or holds, slot @at of a section; NULL for none. */
struct fn *fn_at(const struct loader *l, uint32_t code, uint64_t at);
struct fn *fn_around(const struct loader *l, uint32_t code, uint64_t at);
/* How many slots its function has from @at on, which bounds a wide load; 0: no function is there. */
uint32_t fn_left(const struct loader *l, uint32_t code, uint64_t at);

/* maps_decl.c: a zeroed map behind the others; there is room, maps_declare() counted. */
struct load_map *map_add(struct loader *l, const char *name, enum load_map_kind kind);
const struct map_place *map_place_at(const struct loader *l, uint64_t off);

/* tables.c: a jump table that a function refers to, which starts at @start of the program. */
int table_read(struct loader *l, const struct ref *ref, const struct fn *f, uint32_t start,
	       struct load_table *ret, struct skep_error **reterr);

/* nearest.c: the known section prefix or word most like @name, or NULL if none is. */
const char *nearest_section(const char *name);

/* kconfig.c: what type a .kconfig variable has, and its value from text. */
enum kconfig_kind {
	KCONFIG_UNKNOWN,
	KCONFIG_BOOL,
	KCONFIG_CHAR,
	KCONFIG_INT,
	KCONFIG_TRISTATE,
	KCONFIG_STRING,
};
struct kconfig_type {
	enum kconfig_kind kind;
	uint32_t size, align;
	bool is_signed;
};
struct kconfig_type kconfig_type(const struct btf *btf, uint32_t type);
/* Writes the value of @text into @to (type.size bytes). NULL, or why it cannot be. */
const char *kconfig_set(struct kconfig_type type, const char *text, void *to, uint64_t *ret_value);

/* CO-RE. A part of an access: member idx of the composite `type`, or (name NULL) element idx of elements
 * of `type`, or enumerator idx of the enum `type`. */
struct core_part {
	uint32_t type, idx;
	const char *name;
};
struct core_spec {
	const struct btf *btf;
	uint32_t root, kind;
	uint64_t bit_off;
	struct core_part part[MAX_ACCESS];
	uint32_t nparts;
};
struct core {
	struct loader *l;
	const struct btf *local, *target; /* target may be NULL */
	const char *target_name;
	struct arena *tmp;
	uint32_t steps;
	bool other_kind;	  /* the last match found the name, with a kind that does not fit */
	struct core_cands *cands; /* by local type id */
	uint32_t *flavours;	  /* ids of target types whose name has a flavour */
	uint32_t nflavours;
	bool have_flavours;
};
struct core_cands {
	uint32_t *ids;
	uint32_t n;
	bool known;
};
/* What a relocation asks for, of one side. */
struct core_value {
	uint64_t value;
	uint64_t size; /* of the field, when an access may have to change; 0: not known */
	uint32_t type; /* of the field */
	bool check;    /* the instruction must hold the local value before */
};
/* What to do with an instruction: `poison` is why it has no answer, `trouble` why the answer does not go
 * into it ("has another size"); both NULL: done. */
struct core_result {
	uint64_t old_value, new_value;
	uint64_t old_size, new_size;
	bool check, resolved;
	const char *bad_size; /* why the size of an access must not change, or NULL */
	const char *poison, *trouble;
};

bool core_is_field(uint32_t kind);
bool core_is_type(uint32_t kind);
bool core_is_enum(uint32_t kind);
/* core_spec.c. NULL or why the access string is wrong. */
const char *core_parse(const struct btf *btf, const struct btf_core_reloc *rel,
		       struct core_spec *ret);
/* Adds a part; false when there are too many or the offset overflows. */
bool core_add_element(struct core_spec *spec, uint32_t type, uint32_t idx);
bool core_add_member(struct core_spec *spec, uint32_t type, uint32_t idx, struct btf_member m);
/* May elements behind the end of @array be named, because it is a flexible last member (@before)? */
bool core_flexible(const struct btf *btf, const struct core_part *before, uint32_t array);
/* "struct foo.bar[3]", "enum foo: BAR"; at most 256 bytes. */
const char *core_describe(struct arena *a, const struct core_spec *spec);
/* core_find.c: 1 match, 0 none, negative errno. */
int core_candidates(struct core *c, uint32_t local, struct core_cands *ret,
		    struct skep_error **reterr);
int core_match(struct core *c, const struct core_spec *local, uint32_t target,
	       struct core_spec *ret);
size_t core_essential(const char *name);
bool core_names_match(const char *a, const char *b);
/* core_compat.c: 1 yes, 0 no, -E2BIG when it takes too long. */
int core_step(struct core *c);
bool core_kinds_match(enum btf_kind a, enum btf_kind b);
int core_fields_compatible(struct core *c, uint32_t local, uint32_t target);
int core_types_compatible(struct core *c, uint32_t local, uint32_t target, unsigned int depth);
int core_types_match(struct core *c, uint32_t local, uint32_t target);
/* core_value.c: NULL, or why there is no such value. @spec NULL: nothing matched. */
const char *core_value(const struct core_spec *spec, uint32_t kind, bool big_endian,
		       struct core_value *ret);
/* core_patch.c: how many slots follow the first, or negative with an error. May set res->trouble. */
int core_patch(struct core *c, struct code *code, uint32_t insn, struct core_result *res,
	       struct skep_error **reterr);
/* An instruction that no engine runs: a call of a helper that cannot exist. */
struct skep_insn core_bad_insn(void);
void core_init(struct core *c, struct loader *l);

#endif
