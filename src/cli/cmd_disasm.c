// SPDX-License-Identifier: Apache-2.0
/* `skep disasm`: instructions beside the source lines they came from. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

enum key { KEY_JSON = 256, KEY_BTF, KEY_STYLE, KEY_BYTES, KEY_NO_SOURCE };

static const struct argp_option options[] = {
	{ "style", KEY_STYLE, "STYLE", 0,
	  "kernel (as its verifier logs) or asm (conformance files)", 1 },
	{ "bytes", KEY_BYTES, 0, 0, "the bytes of each instruction, too", 1 },
	{ "no-source", KEY_NO_SOURCE, 0, 0, "without source lines", 1 },
	{ "btf", KEY_BTF, "FILE", 0, "relocate against these kernel types, not the model kernel's",
	  2 },
	{ "json", KEY_JSON, 0, 0, "one JSON object an instruction", 2 },
	{ "output", 'o', "FILE", 0, "write there, not to standard output", 2 },
	{ 0 },
};

struct args {
	char *object;
	const char *prog, *btf, *output;
	enum skep_insn_style style;
	bool json, bytes, no_source;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *a = state->input;

	switch (key) {
	case KEY_STYLE:
		if (strcmp(arg, "kernel") == 0)
			a->style = SKEP_INSN_KERNEL;
		else if (strcmp(arg, "asm") == 0)
			a->style = SKEP_INSN_ASM;
		else
			argp_error(state, "--style is kernel or asm, not '%s'", arg);
		return 0;
	case KEY_BYTES:
		a->bytes = true;
		return 0;
	case KEY_NO_SOURCE:
		a->no_source = true;
		return 0;
	case KEY_BTF:
		a->btf = arg;
		return 0;
	case KEY_JSON:
		a->json = true;
		return 0;
	case 'o':
		a->output = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (a->object)
			argp_error(state, "one object at a time");
		a->object = arg;
		return 0;
	case ARGP_KEY_END:
		if (!a->object)
			argp_error(state, "which object?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "OBJECT[:PROGRAM]",
	.doc = "Prints the programs of an eBPF object (or one of them) as instructions, relocated, "
	       "beside their source lines.\v"
	       "example:\n"
	       "  skep disasm xdp_stats.bpf.o:count\n\n"
	       "Exit codes: 0 yes, 1 not a readable object or no such program, 2 usage, 3 "
	       "environment.",
};

/* A file's name where it changes, then a line: each once in a row, though compilers tell columns apart. */
static void print_source(struct out *o, const struct skep_place *at, struct skep_place *last)
{
	const char *text = at->text ? at->text : "", *src = at->src ? at->src : "?";
	char *flat;
	bool new_file = !last->src || strcmp(last->src, src) != 0;

	if (!new_file && last->line == at->line)
		return;
	last->src = src;
	last->line = at->line;
	while (*text == ' ' || *text == '\t')
		text++;
	fputs(out_dim(o), o->f);
	if (new_file) {
		fputs("; ", o->f);
		out_text(o, src);
		fputc('\n', o->f);
	}
	flat = strdup(text);
	for (char *p = flat; p && *p; p++)
		if (*p == '\t')
			*p = ' ';
	fprintf(o->f, "; %4u: ", at->line);
	out_text(o, flat);
	fprintf(o->f, "%s\n", out_plain(o));
	free(flat);
}

static void print_bytes(struct out *o, const struct skep_insn *in, int slots)
{
	const unsigned char *p = (const unsigned char *)in;

	for (int i = 0; i < 8; i++)
		fprintf(o->f, "%02x ", p[i]);
	fputs(slots == 2 ? "+ " : "  ", o->f);
}

static json_t *json_insn(const struct skep_prog_info *p, const struct skep_prog *prog, size_t at,
			 const char *text)
{
	const struct skep_insn *in = &p->insns[at];
	struct skep_place place;
	json_t *o = json_pack("{s:o, s:I, s:i, s:i, s:i, s:i, s:i, s:o}", "program",
			      text_json(p->name), "instruction", (json_int_t)at, "code", in->code,
			      "dst", in->regs & 15, "src", in->regs >> 4, "off", in->off, "imm",
			      in->imm, "text", text_json(text));

	if (o && skep_prog_line(prog, at, false, &place))
		json_object_set_new(o, "source",
				    json_pack("{s:o, s:I, s:I, s:o}", "file", text_json(place.src),
					      "line", (json_int_t)place.line, "column",
					      (json_int_t)place.col, "text",
					      text_json(place.text)));
	return o;
}

static void print_head(struct out *o, const struct skep_prog_info *p)
{
	fputs(out_bold(o), o->f);
	out_text(o, p->name);
	fprintf(o->f, "%s (", out_plain(o));
	out_text(o, p->section);
	fprintf(o->f, "), %zu instructions\n", p->ninsns);
}

static void print_prog(struct out *o, const struct args *a, const struct skep_prog *prog)
{
	struct skep_prog_info p;
	struct skep_place place;
	struct skep_place last = { 0 };
	char text[512];
	int slots;

	skep_prog_info(prog, &p);
	if (!o->json)
		print_head(o, &p);
	for (size_t i = 0; i < p.ninsns; i += (size_t)slots) {
		const char *func = skep_prog_func(prog, i);

		slots = skep_prog_print_insn(prog, i, a->style, text, sizeof(text));
		if (slots < 1)
			slots = 1;
		if (o->json) {
			out_json(o, json_insn(&p, prog, i, text));
			continue;
		}
		if (func) {
			fputs(out_bold(o), o->f);
			out_text(o, func);
			fprintf(o->f, ":%s\n", out_plain(o));
		}
		if (!a->no_source && skep_prog_line(prog, i, true, &place))
			print_source(o, &place, &last);
		fprintf(o->f, "%5zu: ", i);
		if (a->bytes)
			print_bytes(o, &p.insns[i], slots);
		out_text(o, text);
		fputc('\n', o->f);
	}
}

static int show(const struct args *a, const struct skep_obj *obj)
{
	struct out o;
	int code = out_open(&o, a->output, a->json);
	struct skep_error *err = NULL;
	bool found = false;

	if (code != EXIT_YES)
		return code;
	for (size_t i = 0; i < skep_obj_nprogs(obj); i++) {
		const struct skep_prog *prog = skep_obj_prog(obj, i);
		struct skep_prog_info p;

		skep_prog_info(prog, &p);
		if (a->prog && strcmp(a->prog, p.name) != 0)
			continue;
		if (found && !o.json)
			fputc('\n', o.f);
		found = true;
		print_prog(&o, a, prog);
	}
	code = out_close(&o);
	if (found || !a->prog)
		return code;
	skep_fail(&err, &ERR_NO_PROGRAM, SKEP_AT_FILE(a->object, 0), "'%s'", a->prog);
	return show_error(err, a->json);
}

int cmd_disasm(int argc, char **argv)
{
	struct skep_obj_opts oo = { .size = sizeof(oo) };
	struct skep_error *err = NULL;
	struct args a = { 0 };
	struct skep_obj *obj;
	char *colon;
	int code;

	argv[0] = (char *)"skep disasm";
	argp_parse(&argp, argc, argv, 0, NULL, &a);
	/* OBJECT:PROGRAM, unless a file has that very name */
	colon = strrchr(a.object, ':');
	if (access(a.object, F_OK) < 0 && colon && colon[1] && !strchr(colon, '/')) {
		*colon = '\0';
		a.prog = colon + 1;
	}
	oo.btf = a.btf;
	if (skep_obj_open(a.object, &oo, &obj, &err) < 0)
		return show_error(err, a.json);
	code = show(&a, obj);
	skep_obj_close(obj);
	return code;
}
