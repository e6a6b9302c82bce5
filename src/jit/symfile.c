// SPDX-License-Identifier: Apache-2.0
/*
 * An ELF object in memory that says of code what an executable file's does: its symbols, its lines, its frames. The code
 * itself is where it runs; `.text` names that place and holds nothing.
 */
#include <elf.h>
#include <string.h>

#include "jit/debug.h"

enum { S_NONE, S_TEXT, S_SYMTAB, S_STRTAB, S_INFO, S_ABBREV, S_LINE, S_FRAME, S_NAMES, SECTIONS };

static const struct {
	const char *name;
	uint32_t type, align;
} kinds[SECTIONS] = {
	[S_NONE] = { "", SHT_NULL, 0 },
	[S_TEXT] = { ".text", SHT_NOBITS, 16 },
	[S_SYMTAB] = { ".symtab", SHT_SYMTAB, 8 },
	[S_STRTAB] = { ".strtab", SHT_STRTAB, 1 },
	[S_INFO] = { ".debug_info", SHT_PROGBITS, 1 },
	[S_ABBREV] = { ".debug_abbrev", SHT_PROGBITS, 1 },
	[S_LINE] = { ".debug_line", SHT_PROGBITS, 1 },
	[S_FRAME] = { ".eh_frame", SHT_PROGBITS, 8 },
	[S_NAMES] = { ".shstrtab", SHT_STRTAB, 1 },
};

static void symbols(const struct jit_code_info *info, struct buf *table, struct buf *names)
{
	Elf64_Sym sym = { 0 };
	struct jit_code_func f;
	uint32_t at = 0;

	buf_addc(names, '\0');
	buf_add(table, &sym, sizeof(sym));
	while (jit_next_func(info, &at, &f)) {
		sym = (Elf64_Sym){ .st_name = (Elf64_Word)names->len,
				   .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
				   .st_shndx = S_TEXT,
				   .st_value = info->start + f.start,
				   .st_size = f.end - f.start };
		buf_add(table, &sym, sizeof(sym));
		buf_add(names, f.name, strlen(f.name) + 1);
	}
}

static void section_names(struct buf *b, Elf64_Shdr *headers)
{
	for (int i = 0; i < SECTIONS; i++) {
		headers[i].sh_name = (Elf64_Word)b->len;
		buf_add(b, kinds[i].name, strlen(kinds[i].name) + 1);
	}
}

static void put_sections(const struct jit_code_info *info, struct buf *const parts[SECTIONS],
			 Elf64_Shdr *headers, struct buf *out)
{
	for (int i = 1; i < SECTIONS; i++) {
		Elf64_Shdr *h = &headers[i];

		while (out->len % 8 && !out->failed)
			buf_addc(out, '\0');
		h->sh_type = kinds[i].type;
		h->sh_addralign = kinds[i].align;
		h->sh_offset = out->len;
		if (!parts[i]) {
			h->sh_flags = SHF_ALLOC | SHF_EXECINSTR;
			h->sh_addr = info->start;
			h->sh_size = info->size;
			continue;
		}
		h->sh_size = parts[i]->len;
		buf_add(out, parts[i]->data, parts[i]->len);
		out->failed |= parts[i]->failed;
	}
	headers[S_SYMTAB].sh_entsize = sizeof(Elf64_Sym);
	headers[S_SYMTAB].sh_link = S_STRTAB;
	headers[S_SYMTAB].sh_info = 1;
}

void jit_symfile(const struct jit_code_info *info, struct buf *out)
{
	Elf64_Ehdr head = { .e_type = ET_EXEC,
			    .e_machine = EM_X86_64,
			    .e_version = EV_CURRENT,
			    .e_ehsize = sizeof(head),
			    .e_shentsize = sizeof(Elf64_Shdr),
			    .e_shnum = SECTIONS,
			    .e_shstrndx = S_NAMES };
	Elf64_Shdr headers[SECTIONS] = { { 0 } };
	struct buf table, strings, names;
	struct jit_dwarf dwarf;
	struct buf *const parts[SECTIONS] = {
		[S_SYMTAB] = &table,	    [S_STRTAB] = &strings,  [S_INFO] = &dwarf.info,
		[S_ABBREV] = &dwarf.abbrev, [S_LINE] = &dwarf.line, [S_FRAME] = &dwarf.frame,
		[S_NAMES] = &names
	};

#if defined(__aarch64__)
	head.e_machine = EM_AARCH64;
#endif
	memcpy(head.e_ident, ELFMAG, SELFMAG);
	head.e_ident[EI_CLASS] = ELFCLASS64;
	head.e_ident[EI_DATA] = ELFDATA2LSB;
	head.e_ident[EI_VERSION] = EV_CURRENT;
	for (int i = 0; i < SECTIONS; i++)
		if (parts[i])
			buf_init(parts[i]);
	symbols(info, &table, &strings);
	jit_dwarf(info, &dwarf);
	section_names(&names, headers);
	buf_add(out, &head, sizeof(head));
	put_sections(info, parts, headers, out);
	while (out->len % 8 && !out->failed)
		buf_addc(out, '\0');
	head.e_shoff = out->len;
	buf_add(out, headers, sizeof(headers));
	if (!out->failed)
		memcpy(out->data, &head, sizeof(head));
	for (int i = 0; i < SECTIONS; i++)
		if (parts[i])
			buf_done(parts[i]);
}
