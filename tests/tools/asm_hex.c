// SPDX-License-Identifier: Apache-2.0
/*
 * Turns a program on standard input into the hexadecimal bytes that `skep exec` reads: assembler text
 * by default, with -r the words of a `-- raw` section (each one instruction, a little-endian number),
 * with -d hexadecimal bytes back into assembler text. Exit status 1 when the input is refused.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "skep/insn.h"

#define INPUT_MAX (1 << 20)

static char input[INPUT_MAX];

static void print_slot(const struct skep_insn *in)
{
	uint16_t off = (uint16_t)in->off;
	uint32_t imm = (uint32_t)in->imm;

	printf("%02x %02x %02x %02x %02x %02x %02x %02x\n", in->code, in->regs, off & 255, off >> 8,
	       imm & 255, imm >> 8 & 255, imm >> 16 & 255, imm >> 24);
}

static struct skep_insn unpack(uint64_t word)
{
	return (struct skep_insn){ .code = (uint8_t)word,
				   .regs = (uint8_t)(word >> 8),
				   .off = (int16_t)(uint16_t)(word >> 16),
				   .imm = (int32_t)(uint32_t)(word >> 32) };
}

static int assemble(void)
{
	struct skep_error *err = NULL;
	struct skep_insn *insns;
	char text[1024];
	size_t n;

	if (skep_insn_assemble(input, &insns, &n, &err) < 0) {
		skep_error_text(err, text, sizeof(text));
		fputs(text, stderr);
		skep_error_free(err);
		return 1;
	}
	for (size_t i = 0; i < n; i++)
		print_slot(&insns[i]);
	free(insns);
	return 0;
}

static int raw(void)
{
	for (char *word = strtok(input, " \t\r\n"); word; word = strtok(NULL, " \t\r\n")) {
		char *end;
		uint64_t value = strtoull(word, &end, 16);
		struct skep_insn in = unpack(value);

		if (*end || end == word) {
			fprintf(stderr, "not a word: '%s'\n", word);
			return 1;
		}
		print_slot(&in);
	}
	return 0;
}

static int disassemble(void)
{
	struct skep_insn *insns = calloc(INPUT_MAX / 16, sizeof(*insns));
	size_t n = 0, bytes = 0;
	uint64_t word = 0;
	char text[256];

	if (!insns)
		return 1;
	for (char *p = strtok(input, " \t\r\n"); p; p = strtok(NULL, " \t\r\n")) {
		word |= (uint64_t)(strtoul(p, NULL, 16) & 255) << bytes % 8 * 8;
		if (++bytes % 8)
			continue;
		insns[n++] = unpack(word);
		word = 0;
	}
	for (size_t i = 0; i < n;) {
		int slots = skep_insn_print(insns + i, n - i, SKEP_INSN_ASM, text, sizeof(text));

		puts(text);
		i += slots > 0 ? (size_t)slots : 1;
	}
	free(insns);
	return bytes % 8 ? 1 : 0;
}

int main(int argc, char **argv)
{
	size_t len = fread(input, 1, sizeof(input) - 1, stdin);

	input[len] = '\0';
	if (argc > 1 && !strcmp(argv[1], "-r"))
		return raw();
	if (argc > 1 && !strcmp(argv[1], "-d"))
		return disassemble();
	return assemble();
}
