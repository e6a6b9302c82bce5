// SPDX-License-Identifier: Apache-2.0
/* `skep disasm`: instructions beside the source lines they came from, or bare ones. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

enum key {
	KEY_JSON = 256,
	KEY_BTF,
	KEY_STYLE,
	KEY_BYTES,
	KEY_NO_SOURCE,
	KEY_RAW,
	KEY_HEX,
	KEY_CBPF,
	KEY_LABELS,
	KEY_JIT
};

static const struct argp_option options[] = {
	{ "style", KEY_STYLE, "STYLE", 0,
	  "kernel (as its verifier logs), clang (as llvm-objdump) or asm (conformance files)", 1 },
	{ "bytes", KEY_BYTES, 0, 0, "the bytes of each instruction, too", 1 },
	{ "no-source", KEY_NO_SOURCE, 0, 0, "without source lines", 1 },
	{ "jit", KEY_JIT, 0, 0,
	  "as machine code of this CPU: its bytes, in their order, behind the instructions that "
	  "they come from; for programs without maps",
	  1 },
	{ "raw", KEY_RAW, 0, 0, "the file is bare instructions, not an object", 2 },
	{ "hex", KEY_HEX, 0, 0, "the file is bare instructions in hex", 2 },
	{ "cbpf", KEY_CBPF, 0, 0,
	  "the file is classic BPF, as tcpdump -d, -dd or -ddd prints it; with --style, what it "
	  "becomes",
	  2 },
	{ "labels", KEY_LABELS, 0, 0, "bare instructions with labels, as 'skep asm' takes them",
	  2 },
	{ "btf", KEY_BTF, "FILE", 0, "relocate against these kernel types, not the model kernel's",
	  3 },
	{ "json", KEY_JSON, 0, 0, "one JSON object an instruction", 3 },
	{ "output", 'o', "FILE", 0, "write there, not to standard output", 3 },
	{ 0 },
};

struct args {
	char *object;
	const char *prog, *btf, *output;
	int style; /* SKEP_INSN_ANY: not given */
	bool json, bytes, no_source, raw, hex, cbpf, labels, jit;
};

static bool is_bare(const struct args *a)
{
	return a->raw || a->hex || a->cbpf;
}

static error_t parse_bare(int key, struct argp_state *state)
{
	struct args *a = state->input;

	switch (key) {
	case KEY_RAW:
		a->raw = true;
		return 0;
	case KEY_HEX:
		a->hex = true;
		return 0;
	case KEY_CBPF:
		a->cbpf = true;
		return 0;
	case KEY_LABELS:
		a->labels = true;
		return 0;
	case ARGP_KEY_END:
		if (a->raw + a->hex + a->cbpf > 1)
			argp_error(state, "one of --raw, --hex and --cbpf");
		if (a->labels && !is_bare(a))
			argp_error(state, "--labels is for --raw, --hex and --cbpf");
		if (a->jit && (a->labels || a->bytes))
			argp_error(state, "--jit goes with neither --labels nor --bytes");
		if (!a->object && !is_bare(a))
			argp_error(state, "which object?");
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
		if (!style_parse(arg, &a->style) || a->style == SKEP_INSN_ANY)
			argp_error(state, "--style is kernel, clang or asm, not '%s'", arg);
		return 0;
	case KEY_BYTES:
		a->bytes = true;
		return 0;
	case KEY_JIT:
		a->jit = true;
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
	default:
		return parse_bare(key, state);
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "OBJECT[:PROGRAM]",
	.doc = "Prints the programs of an eBPF object (or one of them) as instructions, relocated, "
	       "beside their source lines. With --raw, --hex or --cbpf it reads bare instructions, "
	       "from standard input when no file is given.\v"
	       "example:\n"
	       "  skep disasm xdp_stats.bpf.o:count\n"
	       "  tcpdump -ddd tcp port 80 | skep disasm --cbpf --style kernel\n\n"
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

static enum skep_insn_style style_of(const struct args *a)
{
	return a->style == SKEP_INSN_ANY ? SKEP_INSN_KERNEL : (enum skep_insn_style)a->style;
}

/* Where a program's instructions are from: an object's program, or NULL. */
struct subject {
	const struct skep_prog *prog;
	const struct skep_insn *insns;
	size_t n;
};

static void print_code(struct out *o, const unsigned char *code, size_t from, size_t end)
{
	for (size_t at = from; at < end; at++) {
		if ((at - from) % 16 == 0)
			fprintf(o->f, "%s%8zx:", at > from ? "\n" : "", at);
		fprintf(o->f, " %02x", code[at]);
	}
	fputc('\n', o->f);
}

static void json_code(struct out *o, size_t insn, const char *text, const unsigned char *code,
		      size_t from, size_t end)
{
	struct buf hex;

	buf_init(&hex);
	for (size_t at = from; at < end; at++)
		buf_printf(&hex, "%02x", code[at]);
	out_json(o, json_pack("{s:I, s:o, s:I, s:s}", "instruction", (json_int_t)insn, "text",
			      text_json(text), "offset", (json_int_t)from, "bytes", buf_str(&hex)));
	buf_done(&hex);
}

static void print_native(struct out *o, const struct args *a, const struct subject *s,
			 const struct skep_vm *vm)
{
	struct skep_place place, last = { 0 };
	const struct skep_vm_line *lines;
	const unsigned char *code;
	size_t size, n;
	char text[512];

	code = skep_vm_bytes(vm, &size);
	lines = skep_vm_lines(vm, &n);
	for (size_t i = 0; i < n; i++) {
		size_t insn = lines[i].insn, end = i + 1 < n ? lines[i + 1].code : size;

		if (s->prog)
			skep_prog_print_insn(s->prog, insn, style_of(a), text, sizeof(text));
		else
			skep_insn_print(&s->insns[insn], s->n - insn, style_of(a), text,
					sizeof(text));
		if (o->json) {
			json_code(o, insn, text, code, lines[i].code, end);
			continue;
		}
		if (!a->no_source && s->prog && skep_prog_line(s->prog, insn, false, &place))
			print_source(o, &place, &last);
		fprintf(o->f, "%5zu: ", insn);
		out_text(o, text);
		fputc('\n', o->f);
		print_code(o, code, lines[i].code, end);
	}
}

static int show_native(struct out *o, const struct args *a, const struct subject *s)
{
	struct skep_vm_opts opts = { .size = sizeof(opts),
				     .name = a->object ? a->object : "standard input",
				     .engine = SKEP_ENGINE_JIT,
				     .flags = SKEP_VM_LINES };
	struct skep_error *err = NULL;
	struct skep_vm *vm;

	if (skep_vm_new(s->insns, s->n, &opts, &vm, &err) < 0)
		return show_error(err, a->json);
	if (s->prog && !o->json) {
		struct skep_prog_info p;

		skep_prog_info(s->prog, &p);
		print_head(o, &p);
	}
	print_native(o, a, s, vm);
	skep_vm_free(vm);
	return EXIT_YES;
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

		slots = skep_prog_print_insn(prog, i, style_of(a), text, sizeof(text));
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
		if (!a->jit)
			print_prog(&o, a, prog);
		else if (code == EXIT_YES)
			code = show_native(&o, a, &(struct subject){ prog, p.insns, p.ninsns });
	}
	if (code == EXIT_YES)
		code = out_close(&o);
	else
		out_close(&o);
	if (found || !a->prog)
		return code;
	skep_fail(&err, &ERR_NO_PROGRAM, SKEP_AT_FILE(a->object, 0), "'%s'", a->prog);
	return show_error(err, a->json);
}

static int show_insns(const struct args *a, const struct skep_insn *insns, size_t n)
{
	const struct raw_opts opts = { style_of(a), a->labels, a->bytes };
	struct out o;
	int code = out_open(&o, a->output, a->json);

	if (code == EXIT_YES && a->jit)
		code = show_native(&o, a, &(struct subject){ NULL, insns, n });
	else if (code == EXIT_YES)
		code = raw_print(&o, insns, n, &opts);
	return code == EXIT_YES ? out_close(&o) : code;
}

static int show_cbpf(const struct args *a, const struct skep_cbpf *cbpf, size_t n)
{
	struct out o;
	int code = out_open(&o, a->output, a->json);

	if (code != EXIT_YES)
		return code;
	raw_print_cbpf(&o, cbpf, n);
	return out_close(&o);
}

static int disasm_cbpf(const struct args *a, struct skep_error **err)
{
	struct skep_cbpf *cbpf = NULL;
	struct skep_insn *insns;
	int r, code = EXIT_YES;
	struct buf text;
	size_t n, ninsns;

	buf_init(&text);
	r = input_read(a->object, &text, err);
	if (r == 0)
		r = skep_cbpf_parse(buf_str(&text), input_name(a->object), &cbpf, &n, err);
	buf_done(&text);
	if (r == 0 && a->style == SKEP_INSN_ANY && !a->labels && !a->jit) {
		code = show_cbpf(a, cbpf, n);
	} else if (r == 0) {
		r = skep_cbpf_translate(cbpf, n, &insns, &ninsns, err);
		if (r == 0) {
			code = show_insns(a, insns, ninsns);
			free(insns);
		}
	}
	free(cbpf);
	return r < 0 ? show_error(*err, a->json) : code;
}

static int disasm_bare(const struct args *a)
{
	struct skep_error *err = NULL;
	struct skep_insn *insns;
	size_t n;
	int code;

	if (a->cbpf)
		return disasm_cbpf(a, &err);
	if (input_insns(a->object, a->hex, &insns, &n, &err) < 0)
		return show_error(err, a->json);
	code = show_insns(a, insns, n);
	free(insns);
	return code;
}

int cmd_disasm(int argc, char **argv)
{
	struct skep_obj_opts oo = { .size = sizeof(oo) };
	struct skep_error *err = NULL;
	struct args a = { .style = SKEP_INSN_ANY };
	struct skep_obj *obj;
	char *colon;
	int code;

	argv[0] = (char *)"skep disasm";
	argp_parse(&argp, argc, argv, 0, NULL, &a);
	if (is_bare(&a))
		return disasm_bare(&a);
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
