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

enum key {
	KEY_ELF = 256,
	KEY_INTERP,
	KEY_JIT,
	KEY_CHECKED,
	KEY_FUNC,
	KEY_BUDGET,
	KEY_BLIND,
	KEY_HARDEN,
	KEY_PERF_MAP,
	KEY_DEBUGGER,
	KEY_JSON
};

static const struct argp_option options[] = {
	{ "elf", KEY_ELF, 0, 0, "standard input is an ELF object in hex", 1 },
	{ "function", KEY_FUNC, "NAME", 0, "the object's function to run (main)", 1 },
	{ "interp", KEY_INTERP, 0, 0, "on the checking interpreter (the default)", 1 },
	{ "checked", KEY_CHECKED, 0, 0, "as machine code with the same checks", 1 },
	{ "jit", KEY_JIT, 0, 0, "as machine code that trusts the program", 1 },
	{ "budget", KEY_BUDGET, "N", 0, "instructions it may take (10000000)", 1 },
	{ "blind", KEY_BLIND, 0, 0, "machine code without the program's constants in it", 1 },
	{ "harden", KEY_HARDEN, 0, 0, "machine code whose indirect calls are hardened", 1 },
	{ "perf-map", KEY_PERF_MAP, 0, 0, "perf(1) learns of the machine code", 1 },
	{ "debugger", KEY_DEBUGGER, 0, 0, "gdb and lldb learn of the machine code", 1 },
	{ "json", KEY_JSON, 0, 0, "errors as JSON", 1 },
	{ 0 },
};

/* In the order in which they run: one that trusts the program comes after those that do not. */
static const struct {
	int key;
	enum skep_engine engine;
	const char *name;
} engines[] = {
	{ KEY_INTERP, SKEP_ENGINE_INTERP, "interpreter" },
	{ KEY_CHECKED, SKEP_ENGINE_CHECKED, "checked code" },
	{ KEY_JIT, SKEP_ENGINE_JIT, "trusting code" },
};
#define ENGINES (sizeof(engines) / sizeof(engines[0]))

static const struct {
	int key;
	unsigned int flag;
} flags[] = {
	{ KEY_BLIND, SKEP_VM_BLIND },
	{ KEY_HARDEN, SKEP_VM_HARDEN },
	{ KEY_PERF_MAP, SKEP_VM_PERF_MAP },
	{ KEY_DEBUGGER, SKEP_VM_DEBUGGER },
};

struct args {
	const char *memory, *function;
	uint64_t budget;
	unsigned int flags;   /* of the machine code */
	unsigned int engines; /* a bit for each of engines[] */
	bool elf, json;
};

/* A program and what it starts from. */
struct job {
	const struct args *args;
	const unsigned char *code;
	size_t code_len;
	unsigned char *mem;
	size_t mem_len;
};

/* How a run ended. */
struct outcome {
	const char *engine; /* NULL: none yet */
	int r;
	uint64_t r0;
	struct skep_error *err;
	unsigned char *mem;
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
	case KEY_CHECKED:
	case KEY_JIT:
		for (size_t i = 0; i < ENGINES; i++)
			a->engines |= (unsigned int)(engines[i].key == key) << i;
		return 0;
	case KEY_BUDGET:
		errno = 0;
		a->budget = strtoull(arg, &end, 0);
		if (errno || *end || end == arg)
			argp_error(state, "--budget '%s' is not a number", arg);
		return 0;
	case KEY_BLIND:
	case KEY_HARDEN:
	case KEY_PERF_MAP:
	case KEY_DEBUGGER:
		for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
			if (flags[i].key == key)
				a->flags |= flags[i].flag;
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
	       "3 sqrti, 4 strcmp_ext, 5 unwind (0 ends the program). On several engines, they must "
	       "agree in r0, memory and error.\v"
	       "example:\n"
	       "  echo 'b7 00 00 00 2a 00 00 00  95 00 00 00 00 00 00 00' | skep exec\n\n"
	       "Exit codes: 0 it ran, 1 malformed, ended by an error, or engines differ, 2 usage.",
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

static int make_vm(const struct job *job, enum skep_engine engine, struct skep_vm **ret,
		   struct skep_error **err)
{
	struct skep_vm_opts o = { .size = sizeof(o),
				  .name = INPUT,
				  .helpers = exec_helpers,
				  .budget = job->args->budget,
				  .engine = engine,
				  .flags = job->args->flags };

	if (job->args->elf)
		return skep_vm_new_elf(job->code, job->code_len, job->args->function, &o, ret, err);
	return skep_vm_new((const struct skep_insn *)(const void *)job->code, job->code_len / 8, &o,
			   ret, err);
}

/* All engines run at the same addresses: the memory is put back afterwards. */
static int run_one(const struct job *job, enum skep_engine engine, struct skep_vm_state *state,
		   struct outcome *o)
{
	unsigned char *before = malloc(job->mem_len + 1);
	struct skep_vm *vm = NULL;
	int r = before ? make_vm(job, engine, &vm, &o->err) : skep_fail_nomem(&o->err);

	if (r == 0) {
		memcpy(before, job->mem ? job->mem : before, job->mem_len);
		o->r = skep_vm_run_on(vm, state, job->mem, job->mem_len, &o->r0, &o->err);
		o->mem = malloc(job->mem_len + 1);
		if (o->mem && job->mem) {
			memcpy(o->mem, job->mem, job->mem_len);
			memcpy(job->mem, before, job->mem_len);
		}
		r = o->mem ? 0 : skep_fail_nomem(&o->err);
	}
	skep_vm_free(vm);
	free(before);
	return r;
}

static bool same(const struct outcome *a, const struct outcome *b, size_t mem_len, char *why,
		 size_t size)
{
	size_t at = 0;

	while (at < mem_len && a->mem[at] == b->mem[at])
		at++;
	if (a->r != b->r || (a->r < 0 && strcmp(skep_error_id(a->err), skep_error_id(b->err)) != 0))
		snprintf(why, size, "the %s %s, the %s %s", a->engine,
			 a->r < 0 ? skep_error_message(a->err) : "runs to the end", b->engine,
			 b->r < 0 ? skep_error_message(b->err) : "runs to the end");
	else if (a->r == 0 && a->r0 != b->r0)
		snprintf(why, size, "r0 is 0x%" PRIx64 " in the %s, 0x%" PRIx64 " in the %s", a->r0,
			 a->engine, b->r0, b->engine);
	else if (at < mem_len)
		snprintf(why, size, "byte %zu of the memory is 0x%02x in the %s, 0x%02x in the %s",
			 at, a->mem[at], a->engine, b->mem[at], b->engine);
	else
		return true;
	return false;
}

static int print(const struct job *job, uint64_t r0)
{
	struct skep_error *err = NULL;

	printf("%" PRIx64 "\n", r0);
	if (fflush(stdout) == 0)
		return EXIT_YES;
	skep_fail(&err, &ERR_OUTPUT, SKEP_AT_FILE("standard output", 0), "%s", strerror(errno));
	show_error(err, job->args->json);
	return EXIT_ENV;
}

/* Runs on every engine asked for, and prints what the first one gives when the others agree. */
static int run_all(const struct job *job, struct skep_vm_state *state)
{
	struct outcome first = { 0 }, o;
	struct skep_error *err = NULL;
	int ret = EXIT_YES;
	char why[512];

	for (size_t i = 0; i < ENGINES && ret == EXIT_YES; i++) {
		if (!(job->args->engines >> i & 1))
			continue;
		if (first.r < 0 && engines[i].engine == SKEP_ENGINE_JIT)
			break; /* it would go astray */
		o = (struct outcome){ .engine = engines[i].name };
		if (run_one(job, engines[i].engine, state, &o) < 0) {
			ret = show_error(o.err, job->args->json);
			free(o.mem);
			break;
		}
		if (!first.engine) {
			first = o;
			continue;
		}
		if (!same(&first, &o, job->mem ? job->mem_len : 0, why, sizeof(why))) {
			skep_fail(&err, &ERR_DIFFER, SKEP_AT_FILE(INPUT, 0), "%s", why);
			show_error(err, job->args->json);
			ret = EXIT_NO;
		}
		skep_error_free(o.err);
		free(o.mem);
	}
	free(first.mem);
	if (ret != EXIT_YES) {
		skep_error_free(first.err);
		return ret;
	}
	if (first.r == 0)
		return print(job, first.r0);
	show_error(first.err, job->args->json);
	return EXIT_NO;
}

static int run(const struct job *job)
{
	struct skep_vm_state *state = NULL;
	struct skep_error *err = NULL;
	int ret;

	if (!job->args->elf && (job->code_len == 0 || job->code_len % 8)) {
		skep_fail(&err, &ERR_PARTIAL, SKEP_AT_FILE(INPUT, 0), "%zu bytes, 8 each",
			  job->code_len);
		return show_error(err, job->args->json);
	}
	if (skep_vm_state_new(NULL, &state, &err) < 0)
		return show_error(err, job->args->json);
	ret = run_all(job, state);
	skep_vm_state_free(state);
	return ret;
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
	if (!a.engines)
		a.engines = 1;
	if (code && (mem || !a.memory))
		ret = run(&(struct job){ &a, code, n, mem, mem_len });
	free(text);
	free(code);
	free(mem);
	return ret;
}
