// SPDX-License-Identifier: Apache-2.0
/*
 * Makes files that nobody's compiler would: exit 0, or 1 and a word on standard error.
 *
 *	bad_objects flip IN OUT BIT	IN with one bit turned over
 *	bad_objects machine IN OUT N	IN for the ELF machine number N
 *	bad_objects class IN OUT N	IN with the ELF class N (1: 32 bits)
 *	bad_objects sections OUT N	an eBPF object of N sections and nothing else
 *	bad_objects overlap OUT N	the same, each section holding the whole file
 *	bad_objects typedef IN OUT	IN with a typedef of itself in its BTF
 *	bad_objects struct IN OUT	IN with a struct in its BTF that contains itself
 *	bad_objects array IN OUT	IN with an array of itself in its BTF
 */
#include <elf.h>
#include <linux/btf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef EM_BPF
#define EM_BPF 247
#endif

struct bytes {
	unsigned char *p;
	size_t n;
};

static void die(const char *what)
{
	fprintf(stderr, "bad_objects: %s\n", what);
	exit(1);
}

static struct bytes read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	struct bytes b = { calloc(1, 4 << 20), 0 };

	if (!f || !b.p)
		die(path);
	b.n = fread(b.p, 1, 4 << 20, f);
	fclose(f);
	if (b.n < sizeof(Elf64_Ehdr))
		die("too small for an ELF file");
	return b;
}

static void write_file(const char *path, struct bytes b)
{
	FILE *f = fopen(path, "w");

	if (!f || fwrite(b.p, 1, b.n, f) != b.n || fclose(f) != 0)
		die(path);
	free(b.p);
}

static struct bytes sections(size_t n, bool overlap)
{
	static const char names[] = "\0.strtab\0x";
	size_t table = sizeof(Elf64_Ehdr) + sizeof(names);
	struct bytes b = { NULL, table + n * sizeof(Elf64_Shdr) };
	Elf64_Ehdr *eh;
	Elf64_Shdr *sh;

	b.p = calloc(1, b.n + 16);
	if (!b.p || n < 3)
		die("how many sections?");
	eh = (Elf64_Ehdr *)b.p;
	memcpy(eh->e_ident, ELFMAG, SELFMAG);
	eh->e_ident[EI_CLASS] = ELFCLASS64;
	eh->e_ident[EI_DATA] = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB :
									   ELFDATA2MSB;
	eh->e_ident[EI_VERSION] = EV_CURRENT;
	eh->e_type = ET_REL;
	eh->e_machine = EM_BPF;
	eh->e_version = EV_CURRENT;
	eh->e_ehsize = sizeof(*eh);
	eh->e_shentsize = sizeof(*sh);
	eh->e_shoff = table;
	eh->e_shnum = (Elf64_Half)n;
	eh->e_shstrndx = 1;
	memcpy(b.p + sizeof(*eh), names, sizeof(names));
	sh = (Elf64_Shdr *)(b.p + table);
	sh[1] = (Elf64_Shdr){ .sh_name = 1,
			      .sh_type = SHT_STRTAB,
			      .sh_offset = sizeof(*eh),
			      .sh_size = sizeof(names) };
	for (size_t i = 2; i < n; i++)
		sh[i] = (Elf64_Shdr){ .sh_name = 9,
				      .sh_type = SHT_PROGBITS,
				      .sh_offset = overlap ? 0 : table,
				      .sh_size = overlap ? b.n : 1 };
	return b;
}

static unsigned char *section(struct bytes b, const char *name, size_t *ret_size)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)b.p;
	const Elf64_Shdr *sh = (const Elf64_Shdr *)(b.p + eh->e_shoff);
	const char *names = (const char *)b.p + sh[eh->e_shstrndx].sh_offset;

	for (size_t i = 1; i < eh->e_shnum; i++)
		if (strcmp(names + sh[i].sh_name, name) == 0) {
			*ret_size = sh[i].sh_size;
			return b.p + sh[i].sh_offset;
		}
	die("no such section");
	return NULL;
}

/* Bytes behind the fixed part of a type. */
static size_t extra(const struct btf_type *t)
{
	size_t n = BTF_INFO_VLEN(t->info);

	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return n * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return n * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return n * 12;
	case BTF_KIND_FUNC_PROTO:
		return n * sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return n * sizeof(struct btf_var_secinfo);
	default:
		return 0;
	}
}

static bool turn_inward(struct btf_type *t, uint32_t id, unsigned int kind)
{
	if (BTF_INFO_KIND(t->info) != kind)
		return false;
	if (kind == BTF_KIND_TYPEDEF)
		t->type = id;
	else if (kind == BTF_KIND_ARRAY)
		((struct btf_array *)(t + 1))->type = id;
	else if (BTF_INFO_VLEN(t->info))
		((struct btf_member *)(t + 1))->type = id;
	else
		return false;
	return true;
}

static void self_reference(struct bytes b, unsigned int kind)
{
	size_t size, at;
	unsigned char *btf = section(b, ".BTF", &size);
	const struct btf_header *h = (const struct btf_header *)btf;
	unsigned char *types = btf + h->hdr_len + h->type_off;
	uint32_t id = 1;

	for (at = 0; at + sizeof(struct btf_type) <= h->type_len; id++) {
		struct btf_type *t = (struct btf_type *)(types + at);

		if (turn_inward(t, id, kind))
			return;
		at += sizeof(*t) + extra(t);
	}
	die("no type of that kind");
}

int main(int argc, char **argv)
{
	const char *what = argc > 3 ? argv[1] : "";
	unsigned long n = strtoul(argc > 4 ? argv[4] : argc > 3 ? argv[3] : "0", NULL, 0);
	struct bytes b;

	if (!strcmp(what, "sections") || !strcmp(what, "overlap")) {
		write_file(argv[2], sections(n, what[0] == 'o'));
		return 0;
	}
	if (argc < 4)
		die("usage: bad_objects WHAT IN OUT [NUMBER]");
	b = read_file(argv[2]);
	if (!strcmp(what, "flip"))
		b.p[n / 8 % b.n] ^= (unsigned char)(1u << n % 8);
	else if (!strcmp(what, "machine"))
		((Elf64_Ehdr *)b.p)->e_machine = (Elf64_Half)n;
	else if (!strcmp(what, "class"))
		b.p[EI_CLASS] = (unsigned char)n;
	else if (!strcmp(what, "typedef"))
		self_reference(b, BTF_KIND_TYPEDEF);
	else if (!strcmp(what, "struct"))
		self_reference(b, BTF_KIND_STRUCT);
	else if (!strcmp(what, "array"))
		self_reference(b, BTF_KIND_ARRAY);
	else
		die("unknown kind of damage");
	write_file(argv[3], b);
	return 0;
}
