/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of elf/ share: the ways to refuse, and the layout of ELF64 on disk. */
#ifndef ELF_INTERNAL_H
#define ELF_INTERNAL_H

#include "elf/elf.h"

#define ERR(name, ident, errnum, text) \
	static const struct err_def ERR_##name __attribute__((unused)) = { ident, errnum, text };
#include "elf/errors.def"
#undef ERR

/* Sizes of the structures in the file. */
#define EHDR_SIZE 64
#define SHDR_SIZE 64
#define SYM_SIZE 24
#define REL_SIZE 16
#define RELA_SIZE 24

/* e_ident, and the offsets of what is read from the header. */
#define EI_CLASS 4
#define EI_DATA 5
#define EI_VERSION 6
#define EH_TYPE 16
#define EH_MACHINE 18
#define EH_SHOFF 40
#define EH_FLAGS 48
#define EH_SHENTSIZE 58
#define EH_SHNUM 60
#define EH_SHSTRNDX 62

#define ET_REL 1
#define SHT_SYMTAB_SHNDX 18

/* Values of 16-bit section index fields. */
#define SHN_LORESERVE 0xff00
#define SHN_FILE_ABS 0xfff1
#define SHN_FILE_COMMON 0xfff2
#define SHN_XINDEX 0xffff

/*
 * The sections of a file may overlap, but not so that together they are more than this many times
 * the file: whoever reads them all once does work bounded by the file's size.
 */
#define MAX_OVERLAP 16

/* What bytes that are no ELF file look like, for an error: "gzip data". Never NULL. */
const char *elf_looks_like(const uint8_t *data, size_t size);
/* elf_symbols.c: fills elf->symbols. */
int elf_read_symbols(struct elf *elf, struct skep_error **reterr);
/* elf_rel.c: checks the shape of relocation sections and links them to their targets. */
int elf_index_rels(struct elf *elf, struct skep_error **reterr);
/* The string at @off of string table @strtab, or NULL when it lies outside. */
const char *elf_string(const struct elf_section *strtab, uint64_t off);
/* A string table ends with NUL, so that every offset inside is a string. */
int elf_check_strtab(const struct elf *elf, const struct elf_section *user, uint32_t index,
		     struct skep_error **reterr);

#endif
