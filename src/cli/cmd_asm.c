// SPDX-License-Identifier: Apache-2.0
/* `skep asm`: text to instructions, as bytes, hex, a C array or an object. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/cli.h"

enum key {
	KEY_STYLE = 256,
	KEY_HEX,
	KEY_C,
	KEY_ELF,
	KEY_SECTION,
	KEY_NAME,
	KEY_LICENSE,
	KEY_CBPF,
	KEY_JSON
};

static const struct argp_option options[] = {
	{ "style", KEY_STYLE, "STYLE", 0,
	  "notation of the text: auto (the default), kernel (as its verifier logs), clang (as "
	  "llvm-objdump) or conformance (files of the conformance suite)",
	  1 },
	{ "cbpf", KEY_CBPF, 0, 0, "classic BPF, as tcpdump -d, -dd or -ddd prints it", 1 },
	{ "hex", KEY_HEX, 0, 0, "write hex, a line an instruction (the default on a terminal)", 2 },
	{ "c", KEY_C, 0, 0, "write a C array", 2 },
	{ "elf", KEY_ELF, 0, 0, "write an ELF object", 2 },
	{ "section", KEY_SECTION, "NAME", 0, "the object's section (.text)", 2 },
	{ "name", KEY_NAME, "NAME", 0, "the object's function, or the C array (main, program)", 2 },
	{ "license", KEY_LICENSE, "TEXT", 0, "the object's license", 2 },
	{ "output", 'o', "FILE", 0, "write there, not to standard output", 3 },
	{ "json", KEY_JSON, 0, 0, "errors as JSON", 3 },
	{ 0 },
};

enum form { FORM_RAW, FORM_HEX, FORM_C, FORM_ELF };

struct args {
	const char *input, *output, *section, *name, *license;
	enum form form;
	int style;
	bool cbpf, json;
};

static void set_form(struct args *a, enum form form, struct argp_state *state)
{
	if (a->form != FORM_RAW && a->form != form)
		argp_error(state, "one of --hex, --c and --elf");
	a->form = form;
}

static error_t parse_form(int key, char *arg, struct argp_state *state)
{
	struct args *a = state->input;

	switch (key) {
	case KEY_HEX:
		set_form(a, FORM_HEX, state);
		return 0;
	case KEY_C:
		set_form(a, FORM_C, state);
		return 0;
	case KEY_ELF:
		set_form(a, FORM_ELF, state);
		return 0;
	case KEY_SECTION:
		a->section = arg;
		return 0;
	case KEY_NAME:
		a->name = arg;
		return 0;
	case KEY_LICENSE:
		a->license = arg;
		return 0;
	case ARGP_KEY_END:
		if (a->form == FORM_ELF && a->cbpf)
			argp_error(state, "an object holds eBPF, not what --cbpf reads");
		if ((a->section || a->license) && a->form != FORM_ELF)
			argp_error(state, "--section and --license are of an object: --elf");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *a = state->input;

	switch (key) {
	case KEY_STYLE:
		if (!style_parse(arg, &a->style))
			argp_error(state, "--style is auto, kernel, clang or conformance, not '%s'",
				   arg);
		return 0;
	case KEY_CBPF:
		a->cbpf = true;
		return 0;
	case KEY_JSON:
		a->json = true;
		return 0;
	case 'o':
		a->output = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (a->input)
			argp_error(state, "one file at a time");
		a->input = arg;
		return 0;
	default:
		return parse_form(key, arg, state);
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "[FILE]",
	.doc = "Assembles eBPF (or classic BPF) from a file or standard input. Without --hex, --c or "
	       "--elf the instructions' bytes are written, in this machine's order.\v"
	       "example:\n"
	       "  printf 'r0 = 42\\nexit\\n' | skep asm --hex | skep exec\n\n"
	       "Exit codes: 0 assembled, 1 wrong text, 2 usage, 3 environment.",
};

static void put_hex(struct out *o, const void *data, size_t n)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < 8 * n; i++)
		fprintf(o->f, "%02x%c", p[i], i % 8 == 7 ? '\n' : ' ');
}

static void put_c(struct out *o, const struct args *a, const struct skep_insn *in, size_t n)
{
	char text[160];
	int slots = 0;

	fprintf(o->f, "static const struct bpf_insn %s[] = {\n", a->name ? a->name : "program");
	for (size_t i = 0; i < n; i++) {
		fprintf(o->f,
			"\t{ .code = 0x%02x, .dst_reg = %d, .src_reg = %d, .off = %d, .imm = %d },",
			in[i].code, in[i].regs & 15, in[i].regs >> 4, in[i].off, in[i].imm);
		if (slots-- <= 0)
			slots = skep_insn_print(&in[i], n - i, SKEP_INSN_CLANG, text,
						sizeof(text)) -
				1;
		else
			text[0] = '\0';
		fprintf(o->f, text[0] ? " /* %s */\n" : "\n", text);
	}
	fputs("};\n", o->f);
}

static void put_cbpf(struct out *o, const struct args *a, const struct skep_cbpf *in, size_t n)
{
	if (a->form == FORM_RAW) {
		fwrite(in, sizeof(*in), n, o->f);
	} else if (a->form == FORM_HEX) {
		put_hex(o, in, n);
	} else {
		fprintf(o->f, "static const struct sock_filter %s[] = {\n",
			a->name ? a->name : "program");
		for (size_t i = 0; i < n; i++)
			fprintf(o->f, "\t{ 0x%02x, %u, %u, 0x%08x },\n", in[i].code, in[i].jt,
				in[i].jf, in[i].k);
		fputs("};\n", o->f);
	}
}

static int put_elf(struct out *o, const struct args *a, const struct skep_insn *in, size_t n,
		   struct skep_error **err)
{
	const struct skep_object_opts opts = { .size = sizeof(opts),
					       .section = a->section,
					       .function = a->name,
					       .license = a->license };
	void *data;
	size_t size;
	int r = skep_insn_object(in, n, &opts, &data, &size, err);

	if (r < 0)
		return r;
	fwrite(data, 1, size, o->f);
	free(data);
	return 0;
}

static int write_insns(const struct args *a, const struct skep_insn *in, size_t n)
{
	struct skep_error *err = NULL;
	struct out o;
	int code = out_open(&o, a->output, false), r = 0;

	if (code != EXIT_YES)
		return code;
	if (a->form == FORM_RAW)
		fwrite(in, sizeof(*in), n, o.f);
	else if (a->form == FORM_HEX)
		put_hex(&o, in, n);
	else if (a->form == FORM_C)
		put_c(&o, a, in, n);
	else
		r = put_elf(&o, a, in, n, &err);
	code = out_close(&o);
	return r < 0 ? show_error(err, a->json) : code;
}

static int write_cbpf(const struct args *a, const struct skep_cbpf *in, size_t n)
{
	struct out o;
	int code = out_open(&o, a->output, false);

	if (code != EXIT_YES)
		return code;
	put_cbpf(&o, a, in, n);
	return out_close(&o);
}

static int assemble_cbpf(const struct args *a, const char *text)
{
	struct skep_error *err = NULL;
	struct skep_cbpf *cbpf;
	size_t n;
	int code;

	if (skep_cbpf_parse(text, input_name(a->input), &cbpf, &n, &err) < 0)
		return show_error(err, a->json);
	if (skep_cbpf_check(cbpf, n, &err) < 0)
		code = show_error(err, a->json);
	else
		code = write_cbpf(a, cbpf, n);
	free(cbpf);
	return code;
}

static int assemble(const struct args *a, const char *text)
{
	const struct skep_asm_opts opts = { .size = sizeof(opts),
					    .style = a->style,
					    .name = input_name(a->input) };
	struct skep_error *err = NULL;
	struct skep_insn *insns;
	size_t n;
	int code;

	if (skep_insn_assemble_as(text, &opts, &insns, &n, &err) < 0)
		return show_error(err, a->json);
	code = write_insns(a, insns, n);
	free(insns);
	return code;
}

int cmd_asm(int argc, char **argv)
{
	struct args a = { .style = SKEP_INSN_ANY };
	struct skep_error *err = NULL;
	struct buf text;
	int code;

	argv[0] = (char *)"skep asm";
	argp_parse(&argp, argc, argv, 0, NULL, &a);
	if (a.form == FORM_RAW && !a.output && isatty(STDOUT_FILENO))
		a.form = FORM_HEX;
	buf_init(&text);
	if (input_read(a.input, &text, &err) < 0)
		code = show_error(err, a.json);
	else
		code = a.cbpf ? assemble_cbpf(&a, buf_str(&text)) : assemble(&a, buf_str(&text));
	buf_done(&text);
	return code;
}
