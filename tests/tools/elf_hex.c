// SPDX-License-Identifier: Apache-2.0
/*
 * Wraps a program (hexadecimal bytes on standard input) in the smallest ELF object that a loader takes:
 * section .text, function main. Prints it as hexadecimal bytes, which is what `skep exec --elf` reads.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef EM_BPF
#define EM_BPF 247
#endif

#define TEXT_MAX (1 << 20)

enum { SEC_NULL, SEC_TEXT, SEC_SYMTAB, SEC_STRTAB, SEC_COUNT };

static const char strings[] = "\0.text\0.symtab\0.strtab\0main";

static Elf64_Word string_at(const char *s)
{
	size_t i = 0;

	while (i < sizeof(strings) && strcmp(strings + i, s))
		i += strlen(strings + i) + 1;
	return (Elf64_Word)i;
}

static void print_hex(const void *data, size_t size)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < size; i++)
		printf("%02x%s", p[i], i % 32 == 31 || i + 1 == size ? "\n" : " ");
}

static size_t read_hex(unsigned char *out, size_t max)
{
	unsigned int byte;
	size_t n = 0;

	while (n < max && scanf("%2x", &byte) == 1)
		out[n++] = (unsigned char)byte;
	return n;
}

int main(void)
{
	static unsigned char text[TEXT_MAX];
	size_t size = read_hex(text, sizeof(text)), at = sizeof(Elf64_Ehdr);
	Elf64_Ehdr head = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64,
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
					 ELFDATA2LSB,
#else
					 ELFDATA2MSB,
#endif
					 EV_CURRENT },
			    .e_type = ET_REL,
			    .e_machine = EM_BPF,
			    .e_version = EV_CURRENT,
			    .e_ehsize = sizeof(head),
			    .e_shentsize = sizeof(Elf64_Shdr),
			    .e_shnum = SEC_COUNT,
			    .e_shstrndx = SEC_STRTAB };
	Elf64_Sym symbols[2] = { { 0 },
				 { .st_name = string_at("main"),
				   .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
				   .st_shndx = SEC_TEXT,
				   .st_size = size } };
	Elf64_Shdr sections[SEC_COUNT] = {
		[SEC_TEXT] = { .sh_name = string_at(".text"),
			       .sh_type = SHT_PROGBITS,
			       .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
			       .sh_size = size,
			       .sh_addralign = 8 },
		[SEC_SYMTAB] = { .sh_name = string_at(".symtab"),
				 .sh_type = SHT_SYMTAB,
				 .sh_size = sizeof(symbols),
				 .sh_link = SEC_STRTAB,
				 .sh_info = 1,
				 .sh_addralign = 8,
				 .sh_entsize = sizeof(Elf64_Sym) },
		[SEC_STRTAB] = { .sh_name = string_at(".strtab"),
				 .sh_type = SHT_STRTAB,
				 .sh_size = sizeof(strings),
				 .sh_addralign = 1 },
	};

	if (!size || size % 8) {
		fprintf(stderr, "elf_hex: %zu bytes are no program\n", size);
		return 1;
	}
	head.e_shoff = at;
	at += sizeof(sections);
	for (int i = SEC_TEXT; i < SEC_COUNT; i++) {
		sections[i].sh_offset = at;
		at += sections[i].sh_size;
	}
	print_hex(&head, sizeof(head));
	print_hex(sections, sizeof(sections));
	print_hex(text, size);
	print_hex(symbols, sizeof(symbols));
	print_hex(strings, sizeof(strings));
	return 0;
}
