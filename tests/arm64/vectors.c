// SPDX-License-Identifier: Apache-2.0
/*
 * Conformance files (their sections: tests/cases/run_exec) on every engine of the library, in one process: on an emulated
 * CPU a process for each would take minutes.
 *
 *	vectors FILE...
 *
 * Programs that come as raw words are run from those. What a file expects must be what each engine gives; errors are
 * expected of those that check. Refusals of the compiler are counted.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "skep/insn.h"
#include "skep/vm.h"

#define FILE_MAX (1 << 20)
#define BUDGET 10000000

struct vector {
	const char *path;
	char *asm_text, *raw, *mem, *result, *error, *reload;
};

static const struct {
	enum skep_engine engine;
	const char *name;
	bool checks;
} engines[] = {
	{ SKEP_ENGINE_INTERP, "interpreter", true },
	{ SKEP_ENGINE_CHECKED, "checked code", true },
	{ SKEP_ENGINE_JIT, "trusting code", false },
};
#define ENGINES (sizeof(engines) / sizeof(engines[0]))

static unsigned int passed, failed, skipped, ran[ENGINES], refused[ENGINES];

__attribute__((format(printf, 3, 4))) static bool complain(const struct vector *v,
							   const char *engine, const char *fmt, ...)
{
	va_list ap;

	printf("not ok %s, %s: ", v->path, engine);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	return false;
}

/* Cuts the text at its headers: "-- name", perhaps with the content behind it. */
static void split(char *text, struct vector *v)
{
	char *line = text, *next, **section = NULL;

	for (; line; line = next) {
		char name[16] = "";

		next = strchr(line, '\n');
		if (next)
			next++;
		if (strncmp(line, "-- ", 3) != 0 || sscanf(line + 3, "%15[a-z]", name) != 1)
			continue;
		line[0] = '\0'; /* ends the section before */
		section = !strcmp(name, "asm")	  ? &v->asm_text :
			  !strcmp(name, "raw")	  ? &v->raw :
			  !strcmp(name, "mem")	  ? &v->mem :
			  !strcmp(name, "result") ? &v->result :
			  !strcmp(name, "error")  ? &v->error :
			  !strcmp(name, "reload") ? &v->reload :
						    NULL;
		if (section)
			*section = line + 3 + strlen(name);
	}
}

/* Numbers of the text, each of at most @width bytes, in hexadecimal; their count. */
static size_t numbers(const char *text, size_t width, uint8_t *out)
{
	size_t n = 0;

	while (text && *(text += strspn(text, " \t\r\n"))) {
		char *end;
		uint64_t v = strtoull(text, &end, 16);

		if (end == text)
			break;
		for (size_t i = 0; i < width; i++)
			out[n * width + i] = (uint8_t)(v >> (8 * i));
		n++;
		text = end;
	}
	return n;
}

static bool error_fits(const struct vector *v, const char *engine, int r, struct skep_error *err)
{
	char text[4096] = "", line[512];
	const char *at = v->error;
	int n;

	if (r == 0)
		return complain(v, engine, "it runs, an error was expected");
	skep_error_text(err, text, sizeof(text));
	for (; at && *at; at += n + (at[n] == '\n')) {
		n = (int)strcspn(at, "\n");
		snprintf(line, sizeof(line), "%.*s", n, at);
		if (line[strspn(line, " \t\r")] && !strstr(text, line))
			return complain(v, engine, "'%s' is not in '%s'", line, text);
	}
	return true;
}

static bool run_on(const struct vector *v, size_t e, const struct skep_insn *insns, size_t n)
{
	struct skep_vm_opts o = { .size = sizeof(o),
				  .name = "standard input",
				  .helpers = exec_helpers,
				  .budget = BUDGET,
				  .engine = engines[e].engine };
	const char *name = engines[e].name;
	static uint8_t mem[FILE_MAX];
	size_t len = numbers(v->mem, 1, mem);
	struct skep_error *err = NULL;
	struct skep_vm *vm = NULL;
	uint64_t r0 = 0;
	bool good;
	int r = skep_vm_new(insns, n, &o, &vm, &err);

	if (r < 0 && skep_error_id(err)[0] == 'J') {
		refused[e]++;
		skep_error_free(err);
		return true;
	}
	if (r == 0)
		r = skep_vm_run(vm, len ? mem : NULL, len, &r0, &err);
	ran[e]++;
	if (v->error)
		good = error_fits(v, name, r, err);
	else if (r < 0)
		good = complain(v, name, "%s", skep_error_message(err));
	else
		good = r0 == strtoull(v->result, NULL, 16) ||
		       complain(v, name, "r0 is 0x%" PRIx64 ", expected %s", r0, v->result);
	skep_error_free(err);
	skep_vm_free(vm);
	return good;
}

static bool run_vector(const struct vector *v)
{
	struct skep_insn *insns = NULL;
	struct skep_error *err = NULL;
	bool good = true;
	size_t n;

	if (v->asm_text) {
		if (skep_insn_assemble(v->asm_text, &insns, &n, &err) < 0)
			good = complain(v, "assembler", "%s", skep_error_message(err));
	} else {
		insns = calloc(strlen(v->raw) + 1, 8);
		n = insns ? numbers(v->raw, 8, (uint8_t *)insns) : 0;
	}
	for (size_t e = 0; e < ENGINES && insns; e++)
		if (engines[e].checks || !v->error)
			good = run_on(v, e, insns, n) && good;
	skep_error_free(err);
	free(insns);
	return good;
}

static void run_file(const char *path)
{
	static char text[FILE_MAX];
	struct vector v = { .path = path };
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f)
		fclose(f);
	text[n] = '\0';
	split(text, &v);
	if (v.reload) {
		skipped++;
		printf("skip %s: asks that a library object refuses a second program\n", path);
		return;
	}
	if ((!v.result && !v.error) || (!v.asm_text && !v.raw))
		return; /* one for the assembler */
	if (run_vector(&v))
		passed++;
	else
		failed++;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		run_file(argv[i]);
	for (size_t e = 0; e < ENGINES; e++)
		printf("# %s: %u ran, %u left to the interpreter\n", engines[e].name, ran[e],
		       refused[e]);
	printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
	return failed || !passed;
}
