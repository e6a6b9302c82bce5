// SPDX-License-Identifier: Apache-2.0
/* Bare instructions as text: a listing with indexes, or one with labels that assembles again. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static void print_insn_bytes(struct out *o, const struct skep_insn *in, int slots)
{
	const unsigned char *p = (const unsigned char *)in;

	for (int i = 0; i < 8; i++)
		fprintf(o->f, "%02x ", p[i]);
	fputs(slots == 2 ? "+ " : "  ", o->f);
}

static json_t *json_line(const struct skep_insn *in, size_t at, const char *text)
{
	return json_pack("{s:I, s:i, s:i, s:i, s:i, s:i, s:o}", "instruction", (json_int_t)at,
			 "code", in->code, "dst", in->regs & 15, "src", in->regs >> 4, "off",
			 in->off, "imm", in->imm, "text", text_json(text));
}

int raw_print(struct out *o, const struct skep_insn *insns, size_t n, const struct raw_opts *opts)
{
	unsigned char *target = malloc(n);
	char text[160];
	int slots;

	if (!target)
		return EXIT_ENV;
	skep_insn_targets(insns, n, target);
	for (size_t i = 0; i < n; i += (size_t)slots) {
		const struct skep_insn *in = &insns[i];

		if (opts->labels)
			slots = skep_insn_print_labels(insns, n, i, opts->style, text,
						       sizeof(text));
		else
			slots = skep_insn_print(in, n - i, opts->style, text, sizeof(text));
		if (slots < 1)
			slots = 1;
		if (o->json) {
			out_json(o, json_line(in, i, text));
			continue;
		}
		if (opts->labels && target[i])
			fprintf(o->f, "L%zu:\n", i);
		if (opts->labels)
			fputc('\t', o->f);
		else
			fprintf(o->f, "%5zu: ", i);
		if (opts->bytes)
			print_insn_bytes(o, in, slots);
		fprintf(o->f, "%s\n", text);
	}
	free(target);
	return EXIT_YES;
}

void raw_print_cbpf(struct out *o, const struct skep_cbpf *insns, size_t n)
{
	char text[96];

	for (size_t i = 0; i < n; i++) {
		const struct skep_cbpf *in = &insns[i];

		skep_cbpf_print(insns, i, text, sizeof(text));
		if (o->json)
			out_json(o, json_pack("{s:I, s:i, s:i, s:i, s:I, s:o}", "instruction",
					      (json_int_t)i, "code", in->code, "jt", in->jt, "jf",
					      in->jf, "k", (json_int_t)in->k, "text",
					      text_json(text)));
		else
			fprintf(o->f, "%s\n", text);
	}
}
