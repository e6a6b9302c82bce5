// SPDX-License-Identifier: Apache-2.0
/*
 * What a file is, in words: names of machines, object types and relocations, and a guess at bytes
 * that are no ELF file. Magic numbers come from the formats' own descriptions.
 */
#include <string.h>

#include "base/num.h"
#include "elf/internal.h"

static const struct {
	uint16_t value;
	const char *name;
} machines[] = {
#define MACHINE(value, name) { value, name },
#include "elf/machines.def"
#undef MACHINE
};

static const struct {
	const char *magic;
	size_t len;
	const char *name;
} magics[] = {
#define MAGIC(bytes, name)                     \
	{                                      \
		bytes, sizeof(bytes) - 1, name \
	}
	MAGIC("\x1f\x8b", "gzip data"),
	MAGIC("\x28\xb5\x2f\xfd", "zstd data"),
	MAGIC("\xfd\x37\x7a\x58\x5a", "xz data"),
	MAGIC("BZh", "bzip2 data"),
	MAGIC("PK\x03\x04", "a zip archive"),
	MAGIC("!<arch>\n", "an ar archive"),
	MAGIC("BC\xc0\xde", "LLVM bitcode"),
	MAGIC("\xde\xc0\x17\x0b", "LLVM bitcode"),
	MAGIC("MZ", "a PE executable"),
	MAGIC("\xcf\xfa\xed\xfe", "a Mach-O file"),
	MAGIC("\xfe\xed\xfa\xcf", "a Mach-O file"),
	MAGIC("\0asm", "a WebAssembly module"),
	MAGIC("\xd4\xc3\xb2\xa1", "a packet capture"),
	MAGIC("\xa1\xb2\xc3\xd4", "a packet capture"),
	MAGIC("\x0a\x0d\x0d\x0a", "a packet capture"),
	MAGIC("\x9f\xeb\x01", "raw BTF"),
	MAGIC("\xeb\x9f\x01", "raw BTF"),
	MAGIC("#!", "a script"),
#undef MAGIC
};

static bool all_zero(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (data[i])
			return false;
	return true;
}

static bool all_text(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((data[i] < 0x20 && !strchr("\t\n\r\f", data[i])) || data[i] == 0x7f || !data[i])
			return false;
	return true;
}

const char *elf_looks_like(const uint8_t *data, size_t size)
{
	size_t head = size < 1024 ? size : 1024;

	if (!size)
		return "an empty file";
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		if (size >= magics[i].len && !memcmp(data, magics[i].magic, magics[i].len))
			return magics[i].name;
	if (all_zero(data, head))
		return "zeros";
	if (all_text(data, head))
		return "text";
	return "unknown data";
}

const char *elf_machine_name(uint16_t machine)
{
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (machines[i].value == machine)
			return machines[i].name;
	return NULL;
}

static const char *type_name(uint16_t type)
{
	static const char *const names[] = { "an ELF file without a type", "a relocatable object",
					     "an executable", "a shared object or executable",
					     "a core dump" };

	return type < ARRAY_SIZE(names) ? names[type] : "an ELF file of unknown type";
}

int elf_check_bpf(const struct elf *elf, struct skep_error **reterr)
{
	const char *machine = elf_machine_name(elf->machine);
	int r;

	if (elf->machine != ELF_EM_BPF && elf->machine != 0) {
		r = machine ? skep_fail(reterr, &ERR_MACHINE, SKEP_AT_FILE(elf->name, EH_MACHINE),
					"it is for %s", machine) :
			      skep_fail(reterr, &ERR_MACHINE, SKEP_AT_FILE(elf->name, EH_MACHINE),
					"it is for machine %u", elf->machine);
		skep_hint(reterr, "compile it with clang -O2 -g -target bpf -c");
		return r;
	}
	if (elf->type != ET_REL)
		return skep_fail(reterr, &ERR_TYPE, SKEP_AT_FILE(elf->name, EH_TYPE), "it is %s",
				 type_name(elf->type));
	return 0;
}

const char *elf_rel_name(uint32_t type)
{
	switch (type) {
#define REL(name, value, bytes) \
	case value:             \
		return "R_BPF_" #name;
#include "elf/rels.def"
#undef REL
	default:
		return NULL;
	}
}
