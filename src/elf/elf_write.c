// SPDX-License-Identifier: Apache-2.0
/*
 * The least relocatable object that loaders take: one section of code, one function over all of it, and
 * a license section when there is a license. In the host's byte order, as the instructions are. System V
 * ABI (gABI) chapter 4.
 */
#include <string.h>

#include "elf/internal.h"

/* In the order of the section headers; the license comes last, as it may be missing. */
enum { SEC_NULL, SEC_CODE, SEC_SYMTAB, SEC_STRTAB, SEC_SHSTRTAB, SEC_LICENSE, SEC_COUNT };

#define SHF_WRITE 1
#define STB_GLOBAL 1
#define LICENSE_SYMBOL "_license"

static void put(struct buf *out, uint64_t value, size_t size)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < size; i++)
		bytes[__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? i : size - 1 - i] =
			(uint8_t)(value >> 8 * i);
	buf_add(out, bytes, size);
}

static void pad(struct buf *out)
{
	while (out->len % 8 && !out->failed)
		buf_addc(out, 0);
}

/* Appends a string with its NUL; its offset in the table. */
static uint32_t add_string(struct buf *table, const char *s)
{
	uint32_t at = (uint32_t)table->len;

	buf_add(table, s, strlen(s) + 1);
	return at;
}

static void put_header(struct buf *out, uint64_t shoff, unsigned int sections)
{
	const uint8_t ident[16] = { 0x7f, 'E', 'L',
				    'F',  2,   __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 1 : 2,
				    1 };

	buf_add(out, ident, sizeof(ident));
	put(out, ET_REL, 2);
	put(out, ELF_EM_BPF, 2);
	put(out, 1, 4); /* version */
	put(out, 0, 8); /* entry */
	put(out, 0, 8); /* program headers */
	put(out, shoff, 8);
	put(out, 0, 4); /* flags */
	put(out, EHDR_SIZE, 2);
	put(out, 0, 2);
	put(out, 0, 2);
	put(out, SHDR_SIZE, 2);
	put(out, sections, 2);
	put(out, SEC_SHSTRTAB, 2);
}

static void put_symbol(struct buf *out, uint32_t name, uint8_t type, uint16_t section,
		       uint64_t size)
{
	put(out, name, 4);
	put(out, (uint64_t)STB_GLOBAL << 4 | type, 1);
	put(out, 0, 1);
	put(out, section, 2);
	put(out, 0, 8);
	put(out, size, 8);
}

struct place {
	uint64_t off, size;
};

struct writer {
	const struct elf_program *p;
	struct buf body, strings, names; /* body: without the ELF header */
	struct place at[SEC_COUNT];
	uint32_t name[SEC_COUNT];
	unsigned int sections;
};

static void add_section(struct writer *w, unsigned int index, const char *name, const void *data,
			size_t size)
{
	pad(&w->body);
	w->at[index] = (struct place){ EHDR_SIZE + w->body.len, size };
	w->name[index] = add_string(&w->names, name);
	buf_add(&w->body, data, size);
}

static void add_symbols(struct writer *w)
{
	struct buf table;

	buf_init(&table);
	for (int i = 0; i < SYM_SIZE; i++)
		buf_addc(&table, 0);
	put_symbol(&table, add_string(&w->strings, w->p->function), ELF_FUNC, SEC_CODE, w->p->size);
	if (w->p->license)
		put_symbol(&table, add_string(&w->strings, LICENSE_SYMBOL), ELF_OBJECT, SEC_LICENSE,
			   strlen(w->p->license) + 1);
	add_section(w, SEC_SYMTAB, ".symtab", table.data, table.len);
	w->body.failed |= table.failed;
	buf_done(&table);
}

static void put_section_headers(struct writer *w)
{
	const struct {
		uint32_t type, link, info;
		uint64_t flags, align, entsize;
	} kinds[SEC_COUNT] = {
		[SEC_CODE] = { ELF_SHT_PROGBITS, 0, 0, ELF_SHF_ALLOC | ELF_SHF_EXECINSTR, 8, 0 },
		[SEC_SYMTAB] = { ELF_SHT_SYMTAB, SEC_STRTAB, 1, 0, 8, SYM_SIZE },
		[SEC_STRTAB] = { ELF_SHT_STRTAB, 0, 0, 0, 1, 0 },
		[SEC_SHSTRTAB] = { ELF_SHT_STRTAB, 0, 0, 0, 1, 0 },
		[SEC_LICENSE] = { ELF_SHT_PROGBITS, 0, 0, ELF_SHF_ALLOC | SHF_WRITE, 1, 0 },
	};

	for (unsigned int i = 0; i < w->sections; i++) {
		put(&w->body, w->name[i], 4);
		put(&w->body, kinds[i].type, 4);
		put(&w->body, kinds[i].flags, 8);
		put(&w->body, 0, 8); /* address */
		put(&w->body, w->at[i].off, 8);
		put(&w->body, w->at[i].size, 8);
		put(&w->body, kinds[i].link, 4);
		put(&w->body, kinds[i].info, 4);
		put(&w->body, kinds[i].align, 8);
		put(&w->body, kinds[i].entsize, 8);
	}
}

int elf_write_program(struct buf *out, const struct elf_program *program,
		      struct skep_error **reterr)
{
	struct writer w = { .p = program, .sections = program->license ? SEC_COUNT : SEC_LICENSE };
	uint64_t shoff;

	buf_init(&w.body);
	buf_init(&w.strings);
	buf_init(&w.names);
	add_string(&w.strings, "");
	add_string(&w.names, "");
	add_section(&w, SEC_CODE, program->section, program->code, program->size);
	if (program->license)
		add_section(&w, SEC_LICENSE, "license", program->license,
			    strlen(program->license) + 1);
	add_symbols(&w);
	add_section(&w, SEC_STRTAB, ".strtab", w.strings.data, w.strings.len);
	w.name[SEC_SHSTRTAB] = add_string(&w.names, ".shstrtab");
	pad(&w.body);
	w.at[SEC_SHSTRTAB] = (struct place){ EHDR_SIZE + w.body.len, w.names.len };
	buf_add(&w.body, w.names.data, w.names.len);
	pad(&w.body);
	shoff = EHDR_SIZE + w.body.len;
	put_section_headers(&w);
	put_header(out, shoff, w.sections);
	buf_add(out, w.body.data, w.body.len);
	out->failed |= w.body.failed || w.strings.failed || w.names.failed;
	buf_done(&w.body);
	buf_done(&w.strings);
	buf_done(&w.names);
	return out->failed ? skep_fail_nomem(reterr) : 0;
}
