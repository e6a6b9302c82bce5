/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of the packets source: captures made byte by byte, programs made from assembler text
 * without an object, and one call that runs a session and keeps all that came out of it.
 */
#ifndef TESTS_UNIT_NET_KIT_H
#define TESTS_UNIT_NET_KIT_H

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "check.h"
#include "helper/helper.h"
#include "hook/hook.h"

#define KIT_MAX_PROGS 8

struct kit_prog {
	struct core_prog core;
	struct skep_insn *insns;
};

/* A session: what goes in, and what came out. */
struct kit {
	struct kit_prog progs[KIT_MAX_PROGS];
	size_t nprogs;
	struct hook_opts opts;
	uint64_t stop_after;	     /* `after` asks to stop at this call; 0 never */
	void (*each)(struct kit *k); /* after each packet; may be NULL */
	void *own;		     /* the test's */
	volatile int stop;
	void *source;
	/* out */
	int result;
	char id[16], text[1024]; /* of the error */
	struct hook_stats stats;
	struct hook_verdicts verdicts[KIT_MAX_PROGS];
	uint64_t faults, after, traces;
	char trace[256], fault[1024];
	char in_path[64], out_path[64];
};

static inline int kit_on_fault(void *ctx, struct core_prog *prog, struct skep_error *err)
{
	struct kit *k = ctx;

	(void)prog;
	k->faults++;
	snprintf(k->fault, sizeof(k->fault), "%s", skep_error_message(err));
	skep_error_free(err);
	return 0;
}

static inline int kit_on_after(void *ctx)
{
	struct kit *k = ctx;

	k->after++;
	if (k->each)
		k->each(k);
	return k->stop_after && k->after >= k->stop_after;
}

static inline void kit_on_trace(void *ctx, const char *line, size_t len)
{
	struct kit *k = ctx;

	k->traces++;
	snprintf(k->trace, sizeof(k->trace), "%.*s", (int)len, line);
}

/* Keeps an error's id and text, and frees it. */
static inline void kit_note(struct kit *k, struct skep_error *err)
{
	k->id[0] = k->text[0] = '\0';
	if (!err)
		return;
	snprintf(k->id, sizeof(k->id), "%s", skep_error_id(err));
	skep_error_text(err, k->text, sizeof(k->text));
	skep_error_free(err);
}

/* Adds a program: a section name that libbpf knows, and its text. */
static inline struct core_prog *kit_add(struct kit *k, const char *section, const char *text)
{
	struct kit_prog *p = &k->progs[k->nprogs];
	struct skep_error *err = NULL;
	struct exec_prog_opts o = { .object = "kit", .name = section, .owner = &p->core };
	size_t n;

	memset(p, 0, sizeof(*p));
	p->core.name = p->core.section = section;
	p->core.index = (uint32_t)k->nprogs;
	p->core.def = spec_section_find(section, &p->core.target);
	if (!CHECK_MSG(p->core.def, "section '%s'", section) ||
	    !CHECK_MSG(skep_insn_assemble(text, &p->insns, &n, &err) == 0, "%s: %s", text,
		       err ? skep_error_message(err) : ""))
		exit(2);
	o.insns = p->insns;
	o.ninsns = (uint32_t)n;
	o.prog_type = p->core.def->prog_type;
	o.helpers = helper_table(&o.nhelpers);
	if (!CHECK_MSG(exec_prog_new(&o, &p->core.exec, &err) == 0, "%s: %s", text,
		       err ? skep_error_message(err) : ""))
		exit(2);
	k->nprogs++;
	return &p->core;
}

static inline void kit_temp(char *path, size_t size)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	snprintf(path, size, "%s/skep-net-XXXXXX", dir && strlen(dir) < 40 ? dir : "/tmp");
	fd = mkstemp(path);
	if (fd < 0) {
		perror(path);
		exit(2);
	}
	close(fd);
}

/* Writes @bytes into the session's capture file. */
static inline void kit_input(struct kit *k, const struct buf *bytes)
{
	FILE *f;

	if (!k->in_path[0])
		kit_temp(k->in_path, sizeof(k->in_path));
	f = fopen(k->in_path, "wb");
	if (!f || fwrite(bytes->data ? bytes->data : "", 1, bytes->len, f) != bytes->len ||
	    fclose(f)) {
		perror(k->in_path);
		exit(2);
	}
	k->opts.pcap = k->in_path;
}

/* Asks for what passed. */
static inline void kit_output(struct kit *k)
{
	if (!k->out_path[0])
		kit_temp(k->out_path, sizeof(k->out_path));
	k->opts.write = k->out_path;
}

static inline void kit_run_progs(struct kit *k, struct core_prog **progs, size_t n)
{
	const struct hook_sink sink = { k, kit_on_fault, kit_on_after, kit_on_trace, &k->stop };
	struct skep_error *err = NULL;

	k->faults = k->after = k->traces = 0;
	memset(&k->stats, 0, sizeof(k->stats));
	k->result = hook_net.open(&k->opts, progs, n, &sink, &k->source, &err);
	if (k->result == 0) {
		k->result = hook_net.run(k->source, &err);
		hook_net.stats(k->source, &k->stats);
		for (size_t i = 0; i < k->stats.nverdicts && i < KIT_MAX_PROGS; i++)
			k->verdicts[i] = k->stats.verdicts[i];
		hook_net.close(k->source);
	}
	CHECK_MSG((k->result < 0) == (err != NULL), "result %d, error %s", k->result,
		  err ? skep_error_message(err) : "none");
	kit_note(k, err);
}

static inline void kit_run(struct kit *k)
{
	struct core_prog *progs[KIT_MAX_PROGS];

	for (size_t i = 0; i < k->nprogs; i++)
		progs[i] = &k->progs[i].core;
	kit_run_progs(k, progs, k->nprogs);
}

/* The session failed with this error, whose text contains @part. */
#define KIT_FAILED(k, error_id, part)                                                   \
	do {                                                                            \
		CHECK_EQ_STR((k)->id, error_id);                                        \
		CHECK_MSG(strstr((k)->text, part), "'%s' not in: %s", part, (k)->text); \
	} while (0)
#define KIT_FINE(k) CHECK_MSG((k)->result == 0, "%d: %s", (k)->result, (k)->text)

static inline void kit_free_progs(struct kit *k)
{
	for (size_t i = 0; i < k->nprogs; i++) {
		exec_prog_free(k->progs[i].core.exec);
		free(k->progs[i].insns);
	}
	k->nprogs = 0;
}

static inline void kit_done(struct kit *k)
{
	kit_free_progs(k);
	if (k->in_path[0])
		unlink(k->in_path);
	if (k->out_path[0])
		unlink(k->out_path);
	memset(k, 0, sizeof(*k));
}

/* Count of a verdict by its name; -1: the program has none of that name. */
static inline long long kit_count(const struct kit *k, size_t prog, const char *name)
{
	const struct hook_verdicts *v = &k->verdicts[prog];

	for (size_t i = 0; i < HOOK_MAX_VERDICTS; i++)
		if (v->names[i] && !strcmp(v->names[i], name))
			return (long long)v->counts[i];
	return -1;
}

/* Captures: host byte order, microseconds. */
static inline void kit_u16(struct buf *b, uint16_t v)
{
	buf_add(b, &v, sizeof(v));
}

static inline void kit_u32(struct buf *b, uint32_t v)
{
	buf_add(b, &v, sizeof(v));
}

#define KIT_MICRO 0xa1b2c3d4u
#define KIT_NANO 0xa1b23c4du

static inline void kit_header(struct buf *b, uint32_t magic, uint32_t linktype)
{
	buf_clear(b);
	kit_u32(b, magic);
	kit_u16(b, 2);
	kit_u16(b, 4);
	kit_u32(b, 0);
	kit_u32(b, 0);
	kit_u32(b, 262144);
	kit_u32(b, linktype);
}

static inline void kit_record(struct buf *b, uint32_t sec, uint32_t frac, const void *bytes,
			      uint32_t caplen, uint32_t len)
{
	kit_u32(b, sec);
	kit_u32(b, frac);
	kit_u32(b, caplen);
	kit_u32(b, len);
	buf_add(b, bytes, caplen);
}

/* Reads a whole file. */
static inline void kit_read(const char *path, struct buf *out)
{
	char chunk[4096];
	FILE *f = fopen(path, "rb");
	size_t n;

	buf_clear(out);
	while (f && (n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(out, chunk, n);
	if (f)
		fclose(f);
}

/* Record @i of a capture written here: its bytes, or NULL. */
static inline const uint8_t *kit_written(const struct buf *b, size_t i, uint32_t *ret_caplen,
					 uint32_t *ret_len)
{
	size_t at = 24;
	uint32_t w[4];

	for (;; i--) {
		if (at + sizeof(w) > b->len)
			return NULL;
		memcpy(w, b->data + at, sizeof(w));
		at += sizeof(w);
		if (w[2] > b->len - at)
			return NULL;
		if (i == 0)
			break;
		at += w[2];
	}
	*ret_caplen = w[2];
	*ret_len = w[3];
	return (const uint8_t *)b->data + at;
}

#endif
