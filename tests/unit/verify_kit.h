/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text cases of the verifier, tests/cases/verify/<topic>.txt: programs in the assembler's notation with what the verifier has to say.
 *
 *	== name of the case
 *	type xdp				program type (socket_filter)
 *	map array 4 48 1 [flags]		maps[0], maps[1]...: type, key, value, entries
 *	strict, nobody				BPF_F_STRICT_ALIGNMENT; a loader without capabilities
 *	caps bpf perfmon net_admin		those that the loader has (all)
 *	flags sleepable 0x100			of BPF_PROG_LOAD
 *	target getprocattr			of an LSM or fentry program; the kernel is not asked
 *	raw 1 0xff 0 0 0			the instruction in slot 1: code, regs, off, imm
 *	limit 100, memory 4096, kernel 4.18	of the verifier: instructions to walk, its memory; as that kernel (not asked of this one)
 *	accept		or	reject words of the message	or	refuse words: the kernel refuses it before it has a log
 *	r0 = 0
 *	exit
 *
 */
#ifndef TESTS_UNIT_VERIFY_KIT_H
#define TESTS_UNIT_VERIFY_KIT_H

#include <dirent.h>

#include "check.h"
#include "skep/insn.h"
#include "verify/verify.h"

#ifndef KIT_DIR
#define KIT_DIR "tests/cases/verify"
#endif
#define KIT_MAPS 8

struct kit_case {
	char name[128], reject[256], file[128], target[64];
	bool accept, refuse; /* refuse: the kernel says nothing */
	int type;
	uint32_t flags, caps, nmaps;
	uint32_t limit, kernel; /* version << 16 | patchlevel << 8 */
	size_t memory, raw_at;
	struct skep_insn raw;
	bool has_raw;
	struct verify_map maps[KIT_MAPS];
	struct skep_insn *insns;
	size_t n;
};

typedef void (*kit_fn)(struct kit_case *c);

static inline int kit_prog_type(const char *name)
{
	for (int i = 1; i < PROG_TYPE_COUNT; i++)
		if (spec_prog_type_name(i) && strcmp(spec_prog_type_name(i), name) == 0)
			return i;
	return 0;
}

/* The words of a list, each a bit; numbers are bits themselves. */
static inline uint32_t kit_bits(const char *list, const char *const *names, size_t n)
{
	char copy[128], *save = NULL;
	uint32_t bits = 0;

	snprintf(copy, sizeof(copy), "%s", list);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		size_t i = 0;

		while (i < n && strcmp(names[i], w) != 0)
			i++;
		bits |= i < n ? 1u << i : (uint32_t)strtoul(w, NULL, 0);
		CHECK_MSG(i < n || strncmp(w, "0x", 2) == 0, "no word of the list: %s", w);
	}
	return bits;
}

static inline bool kit_header(struct kit_case *c, const char *line)
{
	static const char *const caps[] = { "bpf", "perfmon", "net_admin", "sys_admin" };
	static const char *const load[] = { "strict_alignment", "any_alignment", "rnd_hi32",
					    "state_freq",	"sleepable",	 "xdp_has_frags",
					    "xdp_dev_bound",	"reg_invariants" };
	char name[32];
	uint32_t k, v, n, flags = 0;
	int code, regs, off, imm;

	if (sscanf(line, "type %31s", name) == 1) {
		c->type = kit_prog_type(name);
	} else if (sscanf(line, "map %31s %u %u %u %u", name, &k, &v, &n, &flags) >= 4 &&
		   c->nmaps < KIT_MAPS) {
		c->maps[c->nmaps++] =
			(struct verify_map){ .name = "m",
					     .type = (uint32_t)spec_map_type_find(name),
					     .key_size = k,
					     .value_size = v,
					     .max_entries = n,
					     .flags = flags };
	} else if (sscanf(line, "raw %u %i %i %i %i", &n, &code, &regs, &off, &imm) == 5) {
		c->has_raw = true;
		c->raw_at = n;
		c->raw = (struct skep_insn){ (uint8_t)code, (uint8_t)regs, (int16_t)off, imm };
	} else if (sscanf(line, "limit %u", &n) == 1) {
		c->limit = n;
	} else if (sscanf(line, "memory %u", &n) == 1) {
		c->memory = n;
	} else if (sscanf(line, "kernel %u.%u", &k, &v) == 2) {
		c->kernel = k << 16 | v << 8;
	} else if (strcmp(line, "strict") == 0) {
		c->flags |= VERIFY_F_STRICT_ALIGNMENT;
	} else if (strcmp(line, "nobody") == 0) {
		c->caps = 0;
	} else if (strncmp(line, "caps ", 5) == 0) {
		c->caps = kit_bits(line + 5, caps, ARRAY_SIZE(caps));
	} else if (sscanf(line, "target %63s", c->target) == 1) {
		return true;
	} else if (strncmp(line, "flags ", 6) == 0) {
		c->flags |= kit_bits(line + 6, load, ARRAY_SIZE(load));
	} else if (strcmp(line, "accept") == 0) {
		c->accept = true;
	} else if (strncmp(line, "reject ", 7) == 0 || strncmp(line, "refuse ", 7) == 0) {
		c->refuse = line[2] == 'f';
		snprintf(c->reject, sizeof(c->reject), "%s", line + 7);
	} else {
		return false;
	}
	return true;
}

/* One case from its text, which is cut into lines. */
static inline void kit_one(char *text, const char *file, kit_fn fn)
{
	struct kit_case c = { .type = PROG_SOCKET_FILTER, .caps = VERIFY_CAPS_ALL };
	struct skep_error *err = NULL;
	char *end = strchr(text, '\n');

	if (!end)
		return;
	*end = '\0';
	snprintf(c.name, sizeof(c.name), "%s", text);
	snprintf(c.file, sizeof(c.file), "%.127s", file);
	for (text = end + 1; (end = strchr(text, '\n')); text = end + 1) {
		*end = '\0';
		if (!kit_header(&c, text)) {
			*end = '\n';
			break;
		}
	}
	CHECK_CASE("%s: %s", c.file, c.name);
	if (CHECK(skep_insn_assemble_as(
			  text,
			  &(struct skep_asm_opts){ .size = sizeof(struct skep_asm_opts),
						   .style = SKEP_INSN_ANY,
						   .name = file },
			  &c.insns, &c.n, &err) == 0) &&
	    CHECK(c.accept != !!c.reject[0])) {
		if (c.has_raw && CHECK(c.raw_at < c.n))
			c.insns[c.raw_at] = c.raw;
		fn(&c);
	} else if (err)
		printf("# %s\n", skep_error_message(err));
	skep_error_free(err);
	free(c.insns);
}

static inline void kit_file(const char *file, kit_fn fn)
{
	char path[300], *text = calloc(1, 1 << 20), *at, *next;
	FILE *f;

	snprintf(path, sizeof(path), KIT_DIR "/%s", file);
	f = fopen(path, "r");
	if (CHECK(f && text)) {
		size_t n = fread(text, 1, (1 << 20) - 2, f);

		text[n] = '\0';
		for (at = strstr(text, "== "); at; at = next) {
			next = strstr(at + 3, "\n== ");
			if (next) {
				next[1] = '\0'; /* "= name" stays for the next */
				next += 1;
			}
			kit_one(at + 3, file, fn);
			if (next)
				*next = '=';
		}
	}
	if (f)
		fclose(f);
	free(text);
}

/* A case as options; @profile is room for the kernel that it names. */
static inline struct verify_opts kit_opts(const struct kit_case *c, uint32_t level,
					  struct spec_profile *profile)
{
	struct verify_opts o = { .name = c->file,
				 .prog = c->name,
				 .insns = c->insns,
				 .n = (uint32_t)c->n,
				 .prog_type = c->type,
				 .attach_type = c->type == PROG_LSM	? ATTACH_LSM_MAC :
						c->type == PROG_TRACING ? ATTACH_TRACE_FENTRY :
									  ATTACH_NONE,
				 .attach_name = c->target[0] ? c->target : NULL,
				 .prog_flags = c->flags,
				 .gpl = true,
				 .caps = c->caps,
				 .maps = c->maps,
				 .nmaps = c->nmaps,
				 .insn_limit = c->limit,
				 .memory_limit = c->memory,
				 .log_level = level };

	if (c->kernel) {
		*profile = spec_profile_of(c->kernel, NULL);
		o.profile = profile;
	}
	return o;
}

static inline void kit_each(kit_fn fn)
{
	DIR *d = opendir(KIT_DIR);
	struct dirent *e;
	unsigned int n = 0;

	while (d && (e = readdir(d)))
		if (strstr(e->d_name, ".txt")) {
			kit_file(e->d_name, fn);
			n++;
		}
	if (d)
		closedir(d);
	CHECK_CASE("cases were found");
	CHECK(n > 0);
}

#endif
