// SPDX-License-Identifier: Apache-2.0
/*
 * `skep exec`: the plug-in form of the field's conformance suite. Instructions as hex on standard input, memory as hex
 * in the first argument; r0 in hex on standard output.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

#define INPUT "standard input"
#define INPUT_LIMIT ((size_t)64 << 20)

enum key { KEY_ELF = 256, KEY_INTERP, KEY_FUNC, KEY_BUDGET, KEY_JSON };

static const struct argp_option options[] = {
	{ "elf", KEY_ELF, 0, 0, "standard input is an ELF object in hex", 1 },
	{ "function", KEY_FUNC, "NAME", 0, "the object's function to run (main)", 1 },
	{ "interp", KEY_INTERP, 0, 0, "on the checking interpreter (the default)", 1 },
	{ "budget", KEY_BUDGET, "N", 0, "instructions it may take (10000000)", 1 },
	{ "json", KEY_JSON, 0, 0, "errors as JSON", 1 },
	{ 0 },
};

struct args {
	const char *memory, *function;
	uint64_t budget;
	bool elf, json;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *a = state->input;
	char *end;

	switch (key) {
	case KEY_ELF:
		a->elf = true;
		return 0;
	case KEY_FUNC:
		a->function = arg;
		return 0;
	case KEY_INTERP:
		return 0;
	case KEY_BUDGET:
		errno = 0;
		a->budget = strtoull(arg, &end, 0);
		if (errno || *end || end == arg)
			argp_error(state, "--budget '%s' is not a number", arg);
		return 0;
	case KEY_JSON:
		a->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (a->memory)
			argp_error(state, "one stretch of memory at a time");
		a->memory = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "[MEMORY_HEX]",
	.doc = "Runs bare eBPF instructions, given as hex on standard input, over memory given as "
	       "hex (r1 is its address, r2 its length), without a verifier; prints r0 in hex. "
	       "Helpers are those of the conformance suite: 0 gather_bytes, 1 memfrob, 2 no_op, "
	       "3 sqrti, 4 strcmp_ext, 5 unwind.\v"
	       "example:\n"
	       "  echo 'b7 00 00 00 2a 00 00 00  95 00 00 00 00 00 00 00' | skep exec\n\n"
	       "Exit codes: 0 it ran, 1 malformed or ended by an error, 2 usage.",
};

static char *read_input(size_t *ret_len)
{
	size_t len = 0, cap = 65536, n;
	char *text = malloc(cap);

	while (text && (n = fread(text + len, 1, cap - len, stdin)) > 0) {
		char *grown;

		len += n;
		if (len < cap)
			continue;
		if (cap >= INPUT_LIMIT) {
			free(text);
			return NULL;
		}
		cap *= 2;
		grown = realloc(text, cap);
		if (!grown)
			free(text);
		text = grown;
	}
	*ret_len = len;
	return text;
}

static unsigned char *decode(const struct args *a, const char *text, size_t len, const char *what,
			     size_t *ret_n)
{
	struct skep_error *err = NULL;
	size_t bad = len;
	unsigned char *bytes = hex_parse(text, len, ret_n, &bad);

	if (bytes)
		return bytes;
	if (bad + 1 < len)
		skep_fail(&err, &ERR_NOT_HEX, SKEP_AT_FILE(what, bad), "'%.2s'", text + bad);
	else
		skep_fail(&err, &ERR_NOT_HEX, SKEP_AT_FILE(what, bad), "half a byte at the end");
	show_error(err, a->json);
	return NULL;
}

static int make_vm(const struct args *a, const unsigned char *code, size_t n, struct skep_vm **ret,
		   struct skep_error **err)
{
	struct skep_vm_opts o = { .size = sizeof(o),
				  .name = INPUT,
				  .helpers = exec_helpers,
				  .ctx = ret,
				  .budget = a->budget };

	if (a->elf)
		return skep_vm_new_elf(code, n, a->function, &o, ret, err);
	return skep_vm_new((const struct skep_insn *)(const void *)code, n / 8, &o, ret, err);
}

static int run(const struct args *a, const unsigned char *code, size_t n, unsigned char *mem,
	       size_t mem_len)
{
	struct skep_error *err = NULL;
	struct skep_vm *vm;
	uint64_t r0;
	int r;

	if (!a->elf && (n == 0 || n % 8)) {
		skep_fail(&err, &ERR_PARTIAL, SKEP_AT_FILE(INPUT, 0), "%zu bytes, 8 each", n);
		return show_error(err, a->json);
	}
	if (make_vm(a, code, n, &vm, &err) < 0)
		return show_error(err, a->json);
	r = skep_vm_run(vm, mem, mem_len, &r0, &err);
	skep_vm_free(vm);
	if (r < 0) {
		show_error(err, a->json);
		return EXIT_NO;
	}
	printf("%" PRIx64 "\n", r0);
	if (fflush(stdout) == 0)
		return EXIT_YES;
	skep_fail(&err, &ERR_OUTPUT, SKEP_AT_FILE("standard output", 0), "%s", strerror(errno));
	show_error(err, a->json);
	return EXIT_ENV;
}

int cmd_exec(int argc, char **argv)
{
	unsigned char *code = NULL, *mem = NULL;
	size_t text_len = 0, n = 0, mem_len = 0;
	struct skep_error *err = NULL;
	struct args a = { 0 };
	char *text;
	int ret = EXIT_NO;

	argv[0] = (char *)"skep exec";
	argp_parse(&argp, argc, argv, 0, NULL, &a);
	text = read_input(&text_len);
	if (!text) {
		skep_fail(&err, &ERR_INPUT, SKEP_NOWHERE, "more than %zu bytes, or memory is out",
			  INPUT_LIMIT);
		return show_error(err, a.json);
	}
	code = decode(&a, text, text_len, INPUT, &n);
	if (code && a.memory)
		mem = decode(&a, a.memory, strlen(a.memory), "the memory", &mem_len);
	if (code && (mem || !a.memory))
		ret = run(&a, code, n, mem, mem_len);
	free(text);
	free(code);
	free(mem);
	return ret;
}
