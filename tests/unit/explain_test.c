// SPDX-License-Identifier: Apache-2.0
/*
 * Explanations, tests/cases/explain/<topic>.txt: a program that is rejected, what `help` leads to, and what is said.
 *
 *	== name of the case
 *	type, map, strict, nobody, reject words		as in verify_kit.h
 *	<program>
 *	-- fixed
 *	<program that follows the advice: it is accepted>
 *	-- says
 *	<every finding: its text and its causes>
 *
 * SKEP_REBASE=1 writes what is said anew.
 */
#define KIT_DIR "tests/cases/explain"
#include <stdlib.h>

#include "verify_kit.h"

#define MIN_KINDS 25

struct said {
	struct buf text;
	uint32_t n;
	char first[16];
	bool whole; /* each has needed, known and help */
};

static void hear(void *ctx, const struct verify_finding *f, struct skep_error *err)
{
	struct said *s = ctx;
	char text[4096];

	skep_error_text(err, text, sizeof(text));
	if (!s->n++)
		snprintf(s->first, sizeof(s->first), "%s", skep_error_id(err));
	s->whole &= skep_error_needed(err) && skep_error_known(err) && skep_error_help(err);
	buf_adds(&s->text, text);
	for (uint32_t i = 0; i < f->ncauses; i++)
		buf_printf(&s->text, "  %3u: %s; %s\n", f->causes[i].insn, f->causes[i].code,
			   f->causes[i].text);
	CHECK(f->npath == 0 || f->path[f->npath - 1] == f->insn || strcmp(s->first, "V0005") == 0);
	skep_error_free(err);
}

static int verify(const struct kit_case *c, const struct skep_insn *insns, size_t n,
		  struct said *said, struct skep_error **err)
{
	const struct verify_opts o = { .name = "case",
				       .prog = c->name,
				       .insns = insns,
				       .n = (uint32_t)n,
				       .prog_type = c->type,
				       .attach_type = ATTACH_NONE,
				       .prog_flags = c->flags,
				       .gpl = true,
				       .caps = c->caps,
				       .maps = c->maps,
				       .nmaps = c->nmaps,
				       .log_level = said ? 0 : 1,
				       .found = said ? hear : NULL,
				       .found_ctx = said };

	return verify_prog(&o, NULL, err);
}

static bool assemble(const char *text, struct skep_insn **ret, size_t *ret_n)
{
	const struct skep_asm_opts opts = { .size = sizeof(opts), .style = SKEP_INSN_ANY };
	struct skep_error *err = NULL;
	bool ok = skep_insn_assemble_as(text, &opts, ret, ret_n, &err) == 0;

	CHECK_MSG(ok, "%s", err ? skep_error_message(err) : "?");
	skep_error_free(err);
	return ok;
}

/* Cuts @text before the line "-- word"; what is behind it, or NULL. */
static char *behind(char *text, const char *word)
{
	char mark[32], *at;

	snprintf(mark, sizeof(mark), "\n-- %s\n", word);
	at = strstr(text, mark);
	if (!at)
		return NULL;
	at[1] = '\0';
	return at + strlen(mark);
}

static char kinds[512];
static uint32_t nkinds;

static void count_kind(const char *id)
{
	if (strstr(kinds, id))
		return;
	strcat(kinds, id);
	nkinds++;
}

/* The verdict and its error are those of a run without explanations. */
static void same_verdict(const struct kit_case *c, const struct skep_insn *insns, size_t n,
			 int code, const struct said *said)
{
	struct skep_error *err = NULL;

	CHECK_EQ_INT(verify(c, insns, n, NULL, &err), code);
	CHECK(err && strcmp(skep_error_id(err), said->first) == 0);
	CHECK_MSG(err && strstr(skep_error_message(err), c->reject), "said: %s",
		  err ? skep_error_message(err) : "nothing");
	skep_error_free(err);
}

static void one_case(char *text, struct buf *out)
{
	struct kit_case c = { .type = PROG_SOCKET_FILTER, .caps = VERIFY_CAPS_ALL };
	struct said said = { .whole = true };
	struct skep_insn *insns = NULL, *fixed = NULL;
	char *says = behind(text, "says"), *twin = behind(text, "fixed"), *end;
	size_t n = 0, m = 0;

	buf_printf(out, "== %s-- fixed\n%s-- says\n", text, twin ? twin : "");
	buf_init(&said.text);
	sscanf(text, "%127[^\n]", c.name);
	CHECK_CASE("%s", c.name);
	for (text = strchr(text, '\n') + 1; (end = strchr(text, '\n')); text = end + 1) {
		*end = '\0';
		if (!kit_header(&c, text)) {
			*end = '\n';
			break;
		}
	}
	if (CHECK(says && twin) && assemble(text, &insns, &n) && assemble(twin, &fixed, &m)) {
		struct skep_error *err = NULL;
		int code = verify(&c, insns, n, &said, NULL);

		same_verdict(&c, insns, n, code, &said);
		CHECK(said.whole);
		count_kind(said.first);
		CHECK_MSG(strcmp(buf_str(&said.text), says) == 0 || getenv("SKEP_REBASE"), "%s",
			  buf_str(&said.text));
		CHECK_MSG(verify(&c, fixed, m, NULL, &err) == 0, "the fixed program: %s",
			  err ? skep_error_message(err) : "?");
		skep_error_free(err);
	}
	buf_adds(out, buf_str(&said.text));
	buf_done(&said.text);
	free(insns);
	free(fixed);
}

static void one_file(const char *name)
{
	char path[300], *text = calloc(1, 1 << 20), *at, *next;
	FILE *f;
	struct buf out;

	buf_init(&out);
	snprintf(path, sizeof(path), KIT_DIR "/%s", name);
	f = fopen(path, "r");
	if (CHECK(f && text)) {
		text[fread(text, 1, (1 << 20) - 2, f)] = '\0';
		at = strstr(text, "== ");
		buf_add(&out, text, at ? (size_t)(at - text) : 0);
		for (; at; at = next) {
			next = strstr(at + 3, "\n== ");
			if (next) {
				next[1] = '\0'; /* "= name" stays for the next */
				next++;
			}
			one_case(at + 3, &out);
		}
	}
	if (f)
		fclose(f);
	f = getenv("SKEP_REBASE") ? fopen(path, "w") : NULL;
	if (f) {
		fputs(buf_str(&out), f);
		fclose(f);
	}
	buf_done(&out);
	free(text);
}

static void cases(void)
{
	DIR *d = opendir(KIT_DIR);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (strstr(e->d_name, ".txt"))
			one_file(e->d_name);
	if (d)
		closedir(d);
	CHECK_CASE("kinds of errors");
	CHECK_MSG(nkinds >= MIN_KINDS, "%u: %s", nkinds, kinds);
}

static void count(void *ctx, const struct verify_finding *f, struct skep_error *err)
{
	uint32_t *n = ctx;

	(void)f;
	(*n)++;
	skep_error_free(err);
}

/* Independent errors are told up to the limit, each once. */
static void limit(void)
{
	static const char text[] = "r0 = 0\n"
				   "r0 = *(u64 *)(r10 - 8)\n"
				   "r0 = *(u64 *)(r10 - 16)\n"
				   "r0 = *(u64 *)(r10 - 24)\n"
				   "*(u64 *)(r10 + 8) = 1\n"
				   "exit\n";
	struct verify_opts o = { .prog_type = PROG_XDP,
				 .attach_type = ATTACH_NONE,
				 .found = count };
	struct skep_insn *insns = NULL;
	uint32_t n = 0;
	size_t ninsns = 0;

	if (!assemble(text, &insns, &ninsns))
		return;
	o.insns = insns;
	o.n = (uint32_t)ninsns;
	o.found_ctx = &n;
	o.caps = VERIFY_CAP_BPF | VERIFY_CAP_NET_ADMIN;
	verify_prog(&o, NULL, NULL);
	CHECK_EQ_INT(n, 4);
	n = 0;
	o.max_errors = 2;
	verify_prog(&o, NULL, NULL);
	CHECK_EQ_INT(n, 2);
	free(insns);
}

CHECK_MAIN({ "cases", cases }, { "limit", limit })
