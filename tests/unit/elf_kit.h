/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small eBPF objects made by hand, for what no compiler would write: add sections, symbols and
 * relocations, then kit_bytes(). Host byte order. Memory is the kit's until kit_done().
 */
#ifndef TESTS_UNIT_ELF_KIT_H
#define TESTS_UNIT_ELF_KIT_H

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "btf/btf.h"

enum { KIT_SECTIONS = 24, KIT_SYMBOLS = 512 };

struct kit {
	Elf64_Shdr sections[KIT_SECTIONS]; /* sh_offset is into `body` */
	unsigned int nsections;
	struct buf body, names, symbols, rels[KIT_SECTIONS]; /* rels by target section */
	unsigned int nsymbols;
};

static inline uint32_t kit_name(struct kit *k, const char *name)
{
	uint32_t at = (uint32_t)k->names.len;

	buf_add(&k->names, name, strlen(name) + 1);
	return at;
}

static inline unsigned int kit_symbol(struct kit *k, const char *name, unsigned int section,
				      uint64_t value, uint64_t size, unsigned int type,
				      unsigned int bind)
{
	Elf64_Sym s = { .st_name = kit_name(k, name),
			.st_info = (unsigned char)ELF64_ST_INFO(bind, type),
			.st_shndx = (Elf64_Half)section,
			.st_value = value,
			.st_size = size };

	buf_add(&k->symbols, &s, sizeof(s));
	return k->nsymbols++;
}

static inline void kit_init(struct kit *k)
{
	memset(k, 0, sizeof(*k));
	buf_init(&k->body);
	buf_init(&k->names);
	buf_init(&k->symbols);
	for (unsigned int i = 0; i < KIT_SECTIONS; i++)
		buf_init(&k->rels[i]);
	k->nsections = 1;
	kit_symbol(k, "", 0, 0, 0, STT_NOTYPE, STB_LOCAL);
}

static inline void kit_done(struct kit *k)
{
	buf_done(&k->body);
	buf_done(&k->names);
	buf_done(&k->symbols);
	for (unsigned int i = 0; i < KIT_SECTIONS; i++)
		buf_done(&k->rels[i]);
}

/* @data NULL with SHT_NOBITS. */
static inline unsigned int kit_section(struct kit *k, const char *name, uint32_t type,
				       uint64_t flags, const void *data, uint64_t size)
{
	Elf64_Shdr *s = &k->sections[k->nsections];

	*s = (Elf64_Shdr){ .sh_name = kit_name(k, name),
			   .sh_type = type,
			   .sh_flags = flags,
			   .sh_offset = k->body.len,
			   .sh_size = size,
			   .sh_addralign = 1 };
	if (data)
		buf_add(&k->body, data, size);
	return k->nsections++;
}

static inline unsigned int kit_code(struct kit *k, const char *name, const void *insns, size_t n)
{
	return kit_section(k, name, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, insns, n * 8);
}

static inline void kit_rel(struct kit *k, unsigned int section, uint64_t offset, uint32_t type,
			   unsigned int symbol)
{
	Elf64_Rel r = { .r_offset = offset, .r_info = ELF64_R_INFO((uint64_t)symbol, type) };

	buf_add(&k->rels[section], &r, sizeof(r));
}

/* Where a string of the types stands; it must be there, as a DECL_TAG's name perhaps. */
static inline uint32_t kit_string(const struct buf *btf, const char *s)
{
	uint32_t hdr_len, off, len;

	memcpy(&hdr_len, btf->data + 4, 4);
	memcpy(&off, btf->data + 16, 4);
	memcpy(&len, btf->data + 20, 4);
	for (uint32_t i = 0; i < len; i += (uint32_t)strlen(btf->data + hdr_len + off + i) + 1)
		if (!strcmp(btf->data + hdr_len + off + i, s))
			return i;
	abort();
}

static inline void kit_put32(struct buf *b, uint32_t v)
{
	buf_add(b, &v, sizeof(v));
}

/* A CO-RE record. */
struct kit_record {
	uint32_t insn_off, type;
	const char *access;
	uint32_t kind;
};

/* .BTF with the types of a builder, and .BTF.ext with records of @section. */
static inline void kit_btf(struct kit *k, struct btf_builder *types, const char *section,
			   const struct kit_record *records, uint32_t n)
{
	uint32_t core_len = n ? 4 + 8 + 16 * n : 0;
	struct buf btf, ext;

	buf_init(&btf);
	buf_init(&ext);
	if (btf_builder_bytes(types, &btf) < 0)
		abort();
	kit_section(k, ".BTF", SHT_PROGBITS, 0, btf.data, btf.len);
	kit_put32(&ext, 0xeb9f | 1 << 16);
	kit_put32(&ext, 32);
	for (unsigned int i = 0; i < 4; i++)
		kit_put32(&ext, i % 2 ? 4 : i * 2);
	kit_put32(&ext, 8);
	kit_put32(&ext, core_len);
	kit_put32(&ext, 8);  /* no functions */
	kit_put32(&ext, 16); /* no lines */
	if (n) {
		kit_put32(&ext, 16);
		kit_put32(&ext, kit_string(&btf, section));
		kit_put32(&ext, n);
		for (uint32_t i = 0; i < n; i++) {
			kit_put32(&ext, records[i].insn_off);
			kit_put32(&ext, records[i].type);
			kit_put32(&ext, kit_string(&btf, records[i].access));
			kit_put32(&ext, records[i].kind);
		}
		kit_section(k, ".BTF.ext", SHT_PROGBITS, 0, ext.data, ext.len);
	}
	buf_done(&btf);
	buf_done(&ext);
}

/* The file; free() it. */
static inline uint8_t *kit_bytes(struct kit *k, size_t *ret_size)
{
	unsigned int first = k->nsections, strtab, symtab;
	Elf64_Ehdr h = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, 0, EV_CURRENT },
			 .e_type = ET_REL,
			 .e_machine = EM_BPF,
			 .e_version = EV_CURRENT,
			 .e_ehsize = sizeof(h),
			 .e_shentsize = sizeof(Elf64_Shdr) };
	uint8_t *out;

	h.e_ident[EI_DATA] = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
	symtab = kit_section(k, ".symtab", SHT_SYMTAB, 0, k->symbols.data, k->symbols.len);
	k->sections[symtab].sh_entsize = sizeof(Elf64_Sym);
	for (unsigned int i = 1; i < first; i++) {
		unsigned int r;

		if (!k->rels[i].len)
			continue;
		r = kit_section(k, ".rel", SHT_REL, 0, k->rels[i].data, k->rels[i].len);
		k->sections[r].sh_entsize = sizeof(Elf64_Rel);
		k->sections[r].sh_link = symtab;
		k->sections[r].sh_info = i;
	}
	strtab = kit_section(k, ".strtab", SHT_STRTAB, 0, NULL, 0);
	k->sections[strtab].sh_size = k->names.len;
	k->sections[symtab].sh_link = strtab;
	buf_add(&k->body, k->names.data, k->names.len);
	h.e_shstrndx = (Elf64_Half)strtab;
	h.e_shnum = (Elf64_Half)k->nsections;
	h.e_shoff = sizeof(h) + k->body.len;
	*ret_size = h.e_shoff + k->nsections * sizeof(Elf64_Shdr);
	out = malloc(*ret_size);
	if (!out || k->body.failed || k->names.failed)
		abort();
	for (unsigned int i = 1; i < k->nsections; i++)
		k->sections[i].sh_offset += sizeof(h);
	memcpy(out, &h, sizeof(h));
	memcpy(out + sizeof(h), k->body.data, k->body.len);
	memcpy(out + h.e_shoff, k->sections, k->nsections * sizeof(Elf64_Shdr));
	return out;
}

#endif
