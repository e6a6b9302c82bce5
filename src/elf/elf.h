/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contract of the ELF64 reader: checked views into bytes that the caller keeps alive. Both byte
 * orders. After elf_open() succeeds every section's data lies inside the file, every name is
 * NUL-terminated inside its string table, and every symbol's section index is valid or special; every
 * relocation that elf_rel_get() yields has a valid symbol and lies inside its target section.
 * System V ABI (gABI) chapters 4 and 5.
 */
#ifndef ELF_ELF_H
#define ELF_ELF_H

#include <inttypes.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

#define ELF_SHT_NULL 0
#define ELF_SHT_PROGBITS 1
#define ELF_SHT_SYMTAB 2
#define ELF_SHT_STRTAB 3
#define ELF_SHT_NOBITS 8
#define ELF_SHT_REL 9
#define ELF_SHT_RELA 4
#define ELF_SHF_ALLOC 2
#define ELF_SHF_EXECINSTR 4
#define ELF_SHF_COMPRESSED 0x800
#define ELF_EM_BPF 247
#define ELF_SHN_UNDEF 0
/* Not the file's 16-bit values, which are valid indices of files with very many sections. */
#define ELF_SHN_ABS 0xfffffff1u
#define ELF_SHN_COMMON 0xfffffff2u

enum elf_bind { ELF_LOCAL = 0, ELF_GLOBAL = 1, ELF_WEAK = 2 };
enum elf_sym_type { ELF_NOTYPE = 0, ELF_OBJECT = 1, ELF_FUNC = 2, ELF_SECTION = 3, ELF_FILE = 4 };

struct elf_section {
	const char *name;
	uint32_t index, type, link, info;
	uint64_t flags, size, entsize, offset, addralign;
	const uint8_t *data; /* NULL for SHT_NOBITS (size is then memory size) and empty sections */
};

struct elf_symbol {
	const char *name; /* "" when it has none; a section symbol keeps its section's name */
	uint64_t value, size;
	uint32_t section;		/* index, or ELF_SHN_UNDEF / _ABS / _COMMON */
	uint8_t bind, type, visibility; /* enum elf_bind, enum elf_sym_type, STV_* */
};

struct elf {
	const char *name; /* what errors call the file */
	const uint8_t *data;
	size_t size;
	bool swap;	 /* the file's byte order is not the host's */
	bool big_endian; /* the file's byte order */
	uint16_t type, machine;
	uint32_t flags;
	struct elf_section *sections; /* [0] is the null section */
	size_t nsections;	      /* at least 1 */
	struct elf_symbol *symbols;   /* [0] is the null symbol */
	size_t nsymbols;	      /* at least 1 */
	uint32_t symtab;	      /* section of the symbol table; 0 when there is none */
	uint32_t *rel_first; /* by section: the first relocation section that applies to it */
	uint32_t *rel_next;  /* by relocation section: the next for the same section */
	struct arena arena;
};

struct elf_rel {
	uint64_t offset; /* in the target section */
	uint32_t type;
	uint32_t symbol; /* index into elf->symbols */
	int64_t addend;	 /* RELA only, else 0 */
};

/*
 * Reads a relocatable or other ELF64 file. @data and @name must outlive @elf. Memory is bounded by a
 * small multiple of @size. Any machine is read; elf_check_bpf() says whether it is eBPF.
 */
int elf_open(struct elf *elf, const void *data, size_t size, const char *name,
	     struct skep_error **reterr);
void elf_close(struct elf *elf);
/* ET_REL and EM_BPF (machine 0 is taken too, as old compilers wrote it), else an error that names what it is. */
int elf_check_bpf(const struct elf *elf, struct skep_error **reterr);
const char *elf_machine_name(uint16_t machine); /* "x86-64", or NULL */
/* First section of that name, or NULL. */
const struct elf_section *elf_section(const struct elf *elf, const char *name);
/* The SHT_REL/RELA section that applies to section @index (first from @after + 1 on; start with 0), or NULL. */
const struct elf_section *elf_rel_section(const struct elf *elf, uint32_t index, uint32_t after);
/* Number of entries of a relocation section, and entry i; an error for a bad symbol or offset. */
size_t elf_rel_count(const struct elf_section *rel);
int elf_rel_get(const struct elf *elf, const struct elf_section *rel, size_t i, struct elf_rel *ret,
		struct skep_error **reterr);
/* R_BPF_* name ("R_BPF_64_64"), or NULL. Constants from the kernel's llvm_reloc document. */
const char *elf_rel_name(uint32_t type);

/* What elf_write_program() writes: @size bytes of code in section @section, a global function over all of it. */
struct elf_program {
	const char *section, *function;
	const char *license; /* NULL: no license section */
	const void *code;
	size_t size;
};

/* Appends a relocatable object of the host's byte order to @out. */
int elf_write_program(struct buf *out, const struct elf_program *program,
		      struct skep_error **reterr);

#define ELF_R_BPF_NONE 0
#define ELF_R_BPF_64_64 1
#define ELF_R_BPF_64_ABS64 2
#define ELF_R_BPF_64_ABS32 3
#define ELF_R_BPF_64_NODYLD32 4
#define ELF_R_BPF_64_32 10

#endif
