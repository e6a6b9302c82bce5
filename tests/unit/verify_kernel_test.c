// SPDX-License-Identifier: Apache-2.0
/*
 * The verifier as other kernels: text cases of tests/cases/verify-kernel, each accepted by a version and refused by the one before for a
 * reason; limits; and that a verdict says right for which versions it holds.
 *
 *	since 5.17 helper bpf_loop	accepted from 5.17 on; before, these words (a * in front: of another error than "this kernel does not have it")
 *	attach cgroup_inet4_connect	expected attach type
 *	sleepable, frags		flags of the program; other lines are those of verify_kit.h
 */
#include <stdlib.h>

#include "verify_kit.h"

#define DIR_OF_CASES "tests/cases/verify-kernel"

struct text_case {
	struct kit_case kit;
	uint32_t since;
	int attach;
	char words[256];
};

static unsigned int cases;

static int ask(const struct text_case *c, uint32_t version, struct verify_result *result,
	       struct skep_error **err)
{
	struct spec_profile profile = spec_profile_of(version, NULL);
	struct verify_opts o = { .insns = c->kit.insns,
				 .n = (uint32_t)c->kit.n,
				 .prog_type = c->kit.type,
				 .attach_type = c->attach,
				 .prog_flags = c->kit.flags,
				 .caps = VERIFY_CAPS_ALL,
				 .gpl = true,
				 .maps = c->kit.maps,
				 .nmaps = c->kit.nmaps,
				 .profile = &profile };

	return verify_prog(&o, result, err);
}

static uint32_t before(uint32_t version)
{
	for (size_t i = 1; i < spec_version_count(); i++)
		if (spec_version_at(i) == version)
			return spec_version_at(i - 1);
	return 0;
}

/* Every version by itself, against what the first verdict says of the others. */
static void same_range(const struct text_case *c, const struct verify_result *r, int verdict)
{
	for (size_t i = 0; i < spec_version_count(); i++) {
		uint32_t version = spec_version_at(i);
		struct verify_result own;

		if (version < r->from || version >= r->until)
			continue;
		CHECK_EQ_INT(ask(c, version, &own, NULL), verdict);
		verify_done(&own);
	}
}

static void one_case(const struct text_case *c)
{
	bool other = c->words[0] == '*';
	struct skep_error *err = NULL;
	char text[SPEC_NEED_TEXT];
	struct verify_result r;
	int code;

	cases++;
	CHECK_CASE("%s: %s", c->kit.file, c->kit.name);
	code = ask(c, c->since, &r, &err);
	CHECK_MSG(code == 0, "%s", err ? skep_error_message(err) : "");
	CHECK(r.from <= c->since && r.until > c->since);
	same_range(c, &r, 0);
	verify_done(&r);
	skep_error_free(err);
	err = NULL;
	CHECK(before(c->since) != 0);
	code = ask(c, before(c->since), &r, &err);
	CHECK(code < 0 && err);
	if (err && !other) {
		CHECK_EQ_STR(skep_error_id(err), "V0016");
		CHECK(r.has_obstacle && r.obstacle.since == c->since);
		CHECK_MSG(strncmp(spec_need_text(&r.obstacle, text), c->words, strlen(c->words)) ==
				  0,
			  "%s", text);
	} else if (err) {
		CHECK_MSG(strstr(skep_error_message(err), c->words + 1) != NULL, "%s",
			  skep_error_message(err));
	}
	if (code < 0)
		same_range(c, &r, code);
	verify_done(&r);
	skep_error_free(err);
}

static bool header(struct text_case *c, char *line)
{
	char name[64];
	int used = 0;

	if (sscanf(line, "since %63s %n", name, &used) == 1) {
		c->since = spec_version_parse(name);
		snprintf(c->words, sizeof(c->words), "%s", line + used);
		return true;
	}
	if (sscanf(line, "attach %63s", name) == 1) {
		for (int i = 0; i < ATTACH_TYPE_COUNT; i++)
			if (strcmp(spec_attach_type_name(i), name) == 0)
				c->attach = i;
		return CHECK(c->attach != ATTACH_NONE);
	}
	if (strcmp(line, "sleepable") == 0)
		c->kit.flags |= VERIFY_F_SLEEPABLE;
	else if (strcmp(line, "frags") == 0)
		c->kit.flags |= VERIFY_F_XDP_HAS_FRAGS;
	else
		return kit_header(&c->kit, line);
	return true;
}

static void read_case(char *text, const char *file)
{
	struct skep_asm_opts opts = { .size = sizeof(opts), .style = SKEP_INSN_ANY, .name = file };
	struct text_case c = { .attach = ATTACH_NONE, .kit = { .type = PROG_SOCKET_FILTER } };
	struct skep_error *err = NULL;
	char *end = strchr(text, '\n');

	*end = '\0';
	snprintf(c.kit.name, sizeof(c.kit.name), "%s", text);
	snprintf(c.kit.file, sizeof(c.kit.file), "%s", file);
	for (text = end + 1; (end = strchr(text, '\n')); text = end + 1) {
		*end = '\0';
		if (!header(&c, text)) {
			*end = '\n';
			break;
		}
	}
	if (CHECK_MSG(skep_insn_assemble_as(text, &opts, &c.kit.insns, &c.kit.n, &err) == 0,
		      "%s: %s", c.kit.name, err ? skep_error_message(err) : ""))
		one_case(&c);
	skep_error_free(err);
	free(c.kit.insns);
}

static void read_file(const char *name)
{
	char path[300], *text = calloc(1, 1 << 20), *at, *next;
	FILE *f;

	snprintf(path, sizeof(path), DIR_OF_CASES "/%s", name);
	f = fopen(path, "r");
	if (CHECK(f && text)) {
		text[fread(text, 1, (1 << 20) - 2, f)] = '\0';
		for (at = strstr(text, "\n== "); at; at = next) {
			next = strstr(at + 1, "\n== ");
			if (next)
				next[0] = '\0';
			if (next) {
				size_t n = strlen(at);
				char *copy = malloc(n + 2);

				memcpy(copy, at, n);
				copy[n] = '\n';
				copy[n + 1] = '\0';
				read_case(copy + 4, name);
				free(copy);
				next[0] = '\n';
			} else {
				read_case(at + 4, name);
			}
		}
	}
	if (f)
		fclose(f);
	free(text);
}

static void text_cases(void)
{
	DIR *d = opendir(DIR_OF_CASES);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (strstr(e->d_name, ".txt"))
			read_file(e->d_name);
	if (d)
		closedir(d);
	CHECK_CASE("cases were found");
	CHECK_MSG(cases >= 60, "%u", cases);
}

/* @n slots: r0 = 0 ..., exit. */
static struct text_case straight(size_t n)
{
	struct text_case c = { .attach = ATTACH_NONE, .kit = { .type = PROG_SOCKET_FILTER } };

	c.kit.insns = calloc(n, sizeof(*c.kit.insns));
	c.kit.n = n;
	for (size_t i = 0; i + 1 < n; i++)
		c.kit.insns[i].code = 0xb7;
	c.kit.insns[n - 1].code = 0x95;
	return c;
}

static void limits(void)
{
	static const struct {
		const char *name;
		size_t insns, branches; /* conditional jumps to the end, each to be walked */
		uint32_t since;
		const char *words;
	} rows[] = {
		{ "4,096 instructions", 4096, 0, SPEC_VERSION(4, 18), NULL },
		{ "4,097 instructions", 4097, 0, SPEC_VERSION(5, 2), "a program of more" },
		{ "131,072 instructions", 131072, 0, SPEC_VERSION(5, 2), "a program of more" },
		{ "1,000 branches", 3000, 1000, SPEC_VERSION(4, 18), NULL },
		{ "1,100 branches", 3000, 1100, SPEC_VERSION(5, 3), "more than 1,024 branches" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct text_case c = straight(rows[i].insns);

		snprintf(c.kit.name, sizeof(c.kit.name), "%s", rows[i].name);
		snprintf(c.kit.file, sizeof(c.kit.file), "limits");
		/* r2 = *(u32 *)(r1 + 0), then: if r2 == k goto the end */
		if (rows[i].branches)
			c.kit.insns[1] = (struct skep_insn){ .code = 0x61, .regs = 0x12 };
		for (size_t b = 0; b < rows[i].branches; b++)
			c.kit.insns[2 + b] = (struct skep_insn){
				.code = 0x15,
				.regs = 2,
				.imm = (int32_t)b,
				.off = (int16_t)(rows[i].insns - 1 - (2 + b) - 1),
			};
		c.since = rows[i].since;
		if (rows[i].words) {
			snprintf(c.words, sizeof(c.words), "%s", rows[i].words);
			one_case(&c);
		} else {
			CHECK_CASE("%s", rows[i].name);
			CHECK_EQ_INT(ask(&c, c.since, &(struct verify_result){ 0 }, NULL), 0);
		}
		free(c.kit.insns);
	}
}

CHECK_MAIN({ "text_cases", text_cases }, { "limits", limits })
