/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contract of the loader: ELF bytes -> a description of programs, maps and externs, with relocations
 * applied. Pure: the same bytes and options give the same answer; it creates nothing and asks the
 * machine nothing.
 *
 * Invariant of a struct load_obj: instructions refer to maps by index (wide loads with
 * ISA_PSEUDO_MAP_IDX / _MAP_IDX_VALUE, imm = index into maps[]; of the latter the upper imm is the
 * offset in the value; index nmaps + i is the program's jump table i), to functions by ISA_PSEUDO_FUNC and local calls, both relative to the next slot
 * within insns[], to kfuncs (calls with src LOAD_CALL_KFUNC) and ksyms (wide loads with
 * ISA_PSEUDO_BTF_ID) by imm = index into externs[]. Every program is self-contained: the subprograms
 * that it reaches are appended to it. Byte order is the host's unless `swapped` (then it can be
 * inspected and disassembled, not run).
 */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

#include "base/arena.h"
#include "btf/btf.h"
#include "elf/elf.h"
#include "skep/insn.h"
#include "spec/profile.h"
#include "spec/spec.h"

enum load_map_kind {
	LOAD_MAP_USER,	     /* declared in .maps */
	LOAD_MAP_DATA,	     /* .data, .data.* */
	LOAD_MAP_RODATA,     /* .rodata, .rodata.*: frozen and read-only for programs */
	LOAD_MAP_BSS,	     /* .bss, .bss.* */
	LOAD_MAP_KCONFIG,    /* .kconfig externs: frozen, read-only */
	LOAD_MAP_STRUCT_OPS, /* a variable of .struct_ops: always unusable */
};

/* src of a call to a kfunc (linux/bpf.h BPF_PSEUDO_KFUNC_CALL). */
#define LOAD_CALL_KFUNC 2

/* An initial slot of a prog array or map-in-map (`values`). */
struct load_slot {
	uint32_t index;
	int target; /* index into progs[] or maps[]; -1: empty */
};

struct load_map {
	const char *name; /* as declared; internal ones as the section: ".rodata" */
	enum load_map_kind kind;
	uint32_t type, key_size, value_size, max_entries, flags, numa_node;
	uint64_t map_extra;
	bool pin_by_name;
	uint32_t key_type,
		value_type;	/* BTF ids, 0 none. For internal maps value_type is the DATASEC */
	struct load_map *inner; /* template of a map-in-map, else NULL */
	struct load_slot *slots;
	uint32_t nslots;
	const uint8_t *data; /* initial contents (value_size bytes) of internal maps; NULL: zeros */
	uint32_t variables; /* bytes of an arena's variables, which `data` then holds; they lie at its start */
	const char *section;  /* where it was declared */
	uint32_t unfilled;    /* pointers in `data` that no loader fills: they stay 0 */
	const char *unusable; /* why it cannot be created; NULL: fine */
};

struct load_line {
	uint32_t insn;
	const char *file, *text;
	uint32_t line, col;
};

struct load_func {
	const char *name;
	uint32_t start, len; /* in instructions */
	uint32_t btf_id;     /* FUNC, 0 none */
	bool global;
};

/* Why an instruction is poisoned (its CO-RE relocation found nothing): reaching it is an error. */
struct load_poison {
	uint32_t insn;
	const char *reason; /* "field 'no_such' of struct 'task_struct' does not exist in ..." */
};

/* A jump table of a program: what its entries lead to. */
struct load_table {
	uint32_t insn;	 /* the wide load of its address */
	uint32_t *to, n; /* instructions of the program */
};

/* What CO-RE did, for `inspect` and tests. */
struct load_core {
	uint32_t insn;
	uint32_t kind;	   /* enum btf_core_kind */
	const char *local; /* "struct task_struct.pid" */
	bool resolved;
	uint64_t old_value, new_value;
};

struct load_prog {
	const char *name, *section;
	const struct spec_section *def; /* NULL only if unusable */
	const char *target;		/* behind the '/', or NULL */
	const char *ops,
		*member; /* of a struct_ops program: the struct and its member; NULL: none */
	bool autoload;	 /* false for SEC("?...") */
	struct skep_insn *insns;
	uint32_t ninsns;
	struct load_func *funcs; /* [0] is the program itself */
	uint32_t nfuncs;
	uint32_t exception; /* 1 + the first instruction of the function for what is thrown; 0: none */
	struct load_line *lines; /* sorted by insn */
	uint32_t nlines;
	struct load_poison *poisons;
	uint32_t npoisons;
	struct load_core *cores;
	uint32_t ncores;
	struct load_table *tables;
	uint32_t ntables;
	/* A section name that no table knows, or another reason why it cannot be used; NULL: fine. */
	const char *unusable;
};

enum load_extern_kind { LOAD_EXTERN_KCONFIG, LOAD_EXTERN_KSYM, LOAD_EXTERN_KFUNC };

struct load_extern {
	const char *name;
	enum load_extern_kind kind;
	bool weak;
	uint32_t btf_id;       /* VAR or FUNC, 0 none */
	uint32_t offset, size; /* in the .kconfig map */
	bool resolved;
	uint64_t value; /* of a number, or the target's type id of a ksym or kfunc; for display */
	const char *problem; /* why it is not resolved, or NULL; users of a strong one are unusable */
};

struct load_obj {
	const char *name;
	const char *license; /* "" when there is none */
	bool swapped;
	struct elf elf;
	struct btf *btf; /* NULL: the object has none */
	struct btf_ext ext;
	bool has_ext;
	struct load_map *maps;
	uint32_t nmaps;
	struct load_prog *progs;
	uint32_t nprogs;
	struct load_extern *externs;
	uint32_t nexterns;
	struct arena arena;
	void *bytes; /* the file, owned */
};

/* A value for a .kconfig extern: name ("CONFIG_HZ", "LINUX_KERNEL_VERSION"), text as in a .config file
 * ("y", "m", "n", "100", "\"text\""). */
struct load_kconfig {
	const char *name, *value;
};

struct load_opts {
	const struct btf *target; /* types that CO-RE relocates against; NULL: all unresolved */
	const char *target_name;  /* "the model kernel", "/sys/kernel/btf/vmlinux" */
	const struct load_kconfig *kconfig; /* ended by a NULL name; may be NULL */
	/* The target is as this kernel: helpers, map types ... that it lacks do not exist (profile.h). NULL: as @target says. */
	struct spec_profile *profile;
};

/*
 * Reads an object. Takes a copy of @data. An object with errors is refused whole with one error; a
 * program that only this machine or this engine cannot serve (unknown section name, unresolved strong
 * extern) is kept with `unusable` set.
 */
int load_open(const void *data, size_t size, const char *name, const struct load_opts *opts,
	      struct load_obj **ret, struct skep_error **reterr);
void load_close(struct load_obj *obj);
/* The line of an instruction of a program, or NULL. */
const struct load_line *load_line_at(const struct load_prog *prog, uint32_t insn);
const struct load_poison *load_poison_at(const struct load_prog *prog, uint32_t insn);

#endif
