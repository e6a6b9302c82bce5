// SPDX-License-Identifier: Apache-2.0
/* Prints docs/kernel-versions.md from the tables (`make docs-kernel-versions`; tests/sh/kernel_docs.sh compares). */
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "isa/isa.h"
#include "skep/kernel.h"
#include "spec/kfunc.h"
#include "spec/profile.h"

static const char intro[] =
	"<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
	"<!-- made by `make docs-kernel-versions` from src/spec/versions.def and the tables beside it: do not edit -->\n"
	"# Kernel versions\n\n"
	"`skep verify --kernel 5.10 OBJECT` gives the verdict of another kernel, `--kernel all` that of every version below and the minimum of each\n"
	"program and object, `--kernel live` this machine's, and `--kernel FILE` that of a kernel whose raw BTF is in FILE.\n\n"
	"## What it foresees\n\n"
	"- Everything below: where an instruction, helper, kernel function, map type, flag, member of a context or feature is met that the\n"
	"  kernel lacks, the verdict names it, its source line, and the version that has it. As in the kernel, opcodes, maps and kernel\n"
	"  functions count wherever they stand, helpers and members of contexts where the walk comes to them: a guard that the loader decides\n"
	"  (`bpf_core_enum_value_exists()`, weak kernel functions, LINUX_KERNEL_VERSION, .rodata) keeps them out.\n"
	"- Limits: 4,096 instructions and 131,072 walked before 5.2, 1,024 waiting branches and no loops before 5.3.\n"
	"- Rules that older kernels had otherwise: rows \"other rule\" of the features.\n"
	"- What libbpf takes out for older kernels (BTF kinds, BPF_F_MMAPABLE of data sections) is no obstacle: rows \"loader\".\n"
	"- That a program loads but cannot be attached.\n\n"
	"## What it cannot foresee\n\n"
	"- Ranges. The verifier here knows what Linux 6.18's knows of numbers; an older one knew less (32-bit ranges before 5.7, spilled\n"
	"  numbers before 5.16, linked registers, loops by widening before 6.8), and may refuse an access as out of bounds, or give up, where this one does not.\n"
	"- Fields of kernel types. CO-RE is answered by the types of `--btf` (this machine's, unless told otherwise); only the enumerators of\n"
	"  bpf_func_id, bpf_map_type, bpf_prog_type and bpf_attach_type, and the types listed, are those of the version. `--kernel FILE` has them all.\n"
	"- How the kernel was built, what distributions took over from newer kernels, and which module has a kernel function: `--kernel FILE`\n"
	"  and `--kernel live` see it.\n"
	"- The CPU: tail calls beside subprograms, kernel functions and fentry came later to other CPUs than x86-64.\n"
	"- Which helpers older kernels gave to which program types: rows before 6.1 are from changelogs; 6.1, 6.12 and 6.18 were asked.\n\n";

enum { WIDTH = 118 };

static size_t column;

static void word(const char *text)
{
	size_t n = strlen(text);

	if (column && column + n + 1 > WIDTH) {
		printf("\n  ");
		column = 2;
	} else if (column) {
		putchar(' ');
		column++;
	}
	fputs(text, stdout);
	column += n;
}

static void end(void)
{
	if (column)
		putchar('\n');
	column = 0;
}

/* One list of a version: a heading with its first name. */
static void item(const char *heading, bool *started, const char *name)
{
	char text[160];

	if (!*started) {
		snprintf(text, sizeof(text), "- %s:", heading);
		word(text);
	}
	*started = true;
	snprintf(text, sizeof(text), "`%s`", name);
	word(text);
}

static void list_needs(uint32_t version, const char *heading, struct spec_need (*need)(int),
		       int count)
{
	bool started = false;

	for (int i = 0; i < count; i++) {
		struct spec_need n = need(i);

		if (n.since == version && strcmp(n.name, "?") != 0)
			item(heading, &started, n.name);
	}
	end();
}

static struct spec_need insn(int i)
{
	/* indexes are the loader's form, descriptors what kernels get */
	return i == ISA_INVALID || i == ISA_LD_MAP_IDX || i == ISA_LD_MAP_IDX_VALUE ?
		       (struct spec_need){ .name = "?" } :
		       spec_need_insn((enum isa_op)i);
}

static struct spec_need helper(int i)
{
	return spec_need_helper(i, -1);
}

static struct spec_need flag(int i)
{
	return spec_need_map_flag((unsigned int)i);
}

static const char *const kfuncs[] = {
#define KFUNC(name, ...) #name,
#include "spec/kfuncs.def"
#undef KFUNC
};

static struct spec_need kfunc(int i)
{
	return spec_need_kfunc(kfuncs[i], -1);
}

static const struct row {
	const char *name, *since;
} contexts[] = {
#define CTX_SINCE(view, member, since) { #view "." #member, #since },
#include "spec/versions.def"
#undef CTX_SINCE
}, types[] = {
#define KERNEL_TYPE(name, since) { #name, #since },
#include "spec/versions.def"
#undef KERNEL_TYPE
}, links[] = {
#define LINK(value, name, since) { #name, #since },
#include "spec/versions.def"
#undef LINK
}, sleepers[] = {
#define SLEEP_MAP(type, since) { #type, #since },
#include "spec/versions.def"
#undef SLEEP_MAP
}, widened[] = {
#define HELPER_FOR(name, types, since) { "bpf_" #name, #since },
#include "spec/versions.def"
#undef HELPER_FOR
};

static void list_rows(uint32_t version, const char *heading, const struct row *rows, size_t n)
{
	bool started = false;

	for (size_t i = 0; i < n; i++)
		if (spec_version_parse(rows[i].since) == version)
			item(heading, &started, rows[i].name);
	end();
}

static void features(void)
{
	static const char *const effects[] = { [EFFECT_REFUSED] = "refused before",
					       [EFFECT_OTHER] = "other rule before",
					       [EFFECT_LOADER] = "loader",
					       [EFFECT_ATTACH] = "not attached before" };
	char text[SPEC_VERSION_TEXT];

	puts("## Features\n\n| since | what | | document |\n| --- | --- | --- | --- |");
	for (int i = 0; i < FEATURE_COUNT; i++) {
		struct spec_need n = spec_need_feature((enum spec_feature)i);

		printf("| %s | %s | %s | %s |\n", spec_version_text(n.since, text), n.title,
		       effects[spec_feature_effect((enum spec_feature)i)],
		       spec_feature_document((enum spec_feature)i));
	}
}

static void one_version(size_t i)
{
	uint32_t v = spec_version_at(i);
	char text[SPEC_VERSION_TEXT];

	printf("\n## %s (%s)\n\n", spec_version_text(v, text), spec_version_released(i));
	list_needs(v, "instructions", insn, ISA_COUNT);
	list_needs(v, "helpers (bpf_)", helper, HELPER_COUNT);
	list_rows(v, "helpers for further program types", widened, ARRAY_SIZE(widened));
	list_needs(v, "kernel functions", kfunc, (int)ARRAY_SIZE(kfuncs));
	list_needs(v, "map types", spec_need_map_type, MAP_TYPE_COUNT);
	list_needs(v, "map flags", flag, 32);
	list_rows(v, "maps for sleepable programs", sleepers, ARRAY_SIZE(sleepers));
	list_needs(v, "program types", spec_need_prog_type, PROG_TYPE_COUNT);
	list_needs(v, "attach types", spec_need_attach_type, ATTACH_TYPE_COUNT);
	list_rows(v, "members of contexts", contexts, ARRAY_SIZE(contexts));
	list_rows(v, "links", links, ARRAY_SIZE(links));
	list_rows(v, "types", types, ARRAY_SIZE(types));
}

int main(void)
{
	fputs(intro, stdout);
	features();
	for (size_t i = spec_version_count(); i--;)
		one_version(i);
	return 0;
}
