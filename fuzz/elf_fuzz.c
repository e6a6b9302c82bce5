// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as an ELF file: what is taken must keep the promises of elf/elf.h, which every later
 * reader relies on.
 */
#include <stdlib.h>
#include <string.h>

#include "elf/elf.h"

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

static void check_sections(const struct elf *elf)
{
	for (size_t i = 0; i < elf->nsections; i++) {
		const struct elf_section *s = &elf->sections[i];

		MUST(s->index == i && strlen(s->name) <= elf->size);
		if (!s->data) {
			MUST(!s->size || s->type == ELF_SHT_NOBITS);
			continue;
		}
		MUST(s->size <= elf->size && s->data >= elf->data);
		MUST((size_t)(s->data - elf->data) <= elf->size - s->size);
	}
}

static void check_symbols(const struct elf *elf)
{
	size_t total = 0;

	for (size_t i = 0; i < elf->nsymbols && total < 1 << 20; i++) {
		const struct elf_symbol *s = &elf->symbols[i];

		total += strlen(s->name);
		MUST(s->section < elf->nsections || s->section == ELF_SHN_ABS ||
		     s->section == ELF_SHN_COMMON);
	}
}

static void check_rels(const struct elf *elf)
{
	for (uint32_t i = 1; i < elf->nsections; i++) {
		const struct elf_section *rel = elf_rel_section(elf, i, 0);
		struct elf_rel r;

		for (; rel; rel = elf_rel_section(elf, i, rel->index)) {
			MUST(rel->info == i);
			for (size_t k = 0; k < elf_rel_count(rel); k++) {
				if (elf_rel_get(elf, rel, k, &r, NULL) < 0)
					break;
				MUST(r.symbol < elf->nsymbols);
				MUST(r.offset <= elf->sections[i].size);
			}
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct skep_error *err = NULL;
	char text[4096];
	struct elf elf;
	int r;

	r = elf_open(&elf, data, size, "fuzz.o", &err);
	if (r < 0) {
		MUST(err && skep_error_code(err) == r && skep_error_id(err)[0] == 'E');
		skep_error_text(err, text, sizeof(text));
		skep_error_free(err);
		return 0;
	}
	MUST(!err && elf.arena.used <= size * 4 + 65536);
	check_sections(&elf);
	check_symbols(&elf);
	check_rels(&elf);
	if (elf_check_bpf(&elf, &err) < 0)
		MUST(err);
	skep_error_free(err);
	elf_close(&elf);
	return 0;
}
