/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests that run compiled objects over captures: one program of an object on fresh maps, its
 * maps on either engine, and what they hold as lines of text, in the form of tests/captures/.
 */
#ifndef TESTS_UNIT_NET_OBJECT_H
#define TESTS_UNIT_NET_OBJECT_H

#include <arpa/inet.h>

#include "base/file.h"
#include "load/load.h"
#include "net_kit.h"
#include "oracle.h"

#define CAPTURE "examples/captures/mixed.pcap"

struct net_object {
	struct load_obj *spec;
	struct core_obj *core;
};

static inline void net_object_path(char *path, size_t size, const char *name)
{
	const char *dir = getenv("SKEP_BUILD");

	snprintf(path, size, "%s/%s.bpf.o", dir ? dir : "build", name);
}

/* @name as "examples/xdp_stats", below the build directory. */
static inline bool net_object_open_as(struct net_object *o, const char *name,
				      const struct core_opts *opts)
{
	struct skep_error *err = NULL;
	struct buf bytes;
	char path[512];
	int r;

	memset(o, 0, sizeof(*o));
	net_object_path(path, sizeof(path), name);
	buf_init(&bytes);
	r = file_read(path, 1 << 26, &bytes, &err);
	if (r == 0)
		r = load_open(bytes.data, bytes.len, path, &(struct load_opts){ 0 }, &o->spec,
			      &err);
	if (r == 0)
		r = core_new(o->spec, opts, &o->core, &err);
	buf_done(&bytes);
	CHECK_MSG(r == 0, "%s: %s", path, err ? skep_error_message(err) : "");
	skep_error_free(err);
	return r == 0;
}

static inline bool net_object_open(struct net_object *o, const char *name)
{
	return net_object_open_as(o, name, &(struct core_opts){ .ncpus = 2 });
}

static inline void net_object_close(struct net_object *o)
{
	if (o->core)
		core_free(o->core);
	if (o->spec)
		load_close(o->spec);
	memset(o, 0, sizeof(*o));
}

static inline struct core_prog *net_object_prog(struct net_object *o, const char *name)
{
	for (size_t i = 0; i < core_nprogs(o->core); i++) {
		struct core_prog *prog = core_prog(o->core, i);

		if (strcmp(prog->name, name))
			continue;
		if (CHECK_MSG(prog->exec != NULL, "%s: %s", name,
			      prog->refused ? skep_error_message(prog->refused) : "not loaded"))
			return prog;
	}
	CHECK_MSG(false, "no program '%s'", name);
	return NULL;
}

/* A map of either engine. */
struct net_map {
	struct map *map; /* ours, or NULL */
	int fd;		 /* the kernel's */
};

static inline struct net_map net_object_map(struct net_object *o, const char *name)
{
	for (size_t i = 0; i < core_nmaps(o->core); i++)
		if (!strcmp(o->spec->maps[i].name, name))
			return (struct net_map){ core_map(o->core, i), -1 };
	return (struct net_map){ NULL, -1 };
}

static inline int net_map_get(struct net_map m, const void *key, void *value)
{
	return m.map ? map_user_lookup(m.map, key, value) : oracle_lookup(m.fd, key, value);
}

static inline int net_map_next(struct net_map m, const void *key, void *next)
{
	return m.map ? map_next_key(m.map, key, next) : oracle_next(m.fd, key, next);
}

/* Sums @n counters of a per-CPU value over the CPUs. */
static inline bool net_map_sum(struct net_map m, const void *key, uint64_t *ret, size_t n,
			       size_t ncpus)
{
	static uint64_t all[1024];

	memset(ret, 0, n * sizeof(*ret));
	if (n * ncpus > ARRAY_SIZE(all) || net_map_get(m, key, all) < 0)
		return false;
	for (size_t cpu = 0; cpu < ncpus; cpu++)
		for (size_t i = 0; i < n; i++)
			ret[i] += all[cpu * n + i];
	return true;
}

/* Non-zero rows of the four maps of tests/bpf/packets.bpf.c, as in mixed.packets. */
static inline void net_lines_packets(struct buf *b, const char *prog, struct net_map sums,
				     struct net_map verdicts, struct net_map ethertypes,
				     struct net_map lengths, size_t ncpus)
{
	uint64_t v[2];

	for (uint32_t i = 0; i < 6; i++)
		if (net_map_get(sums, &i, v) == 0 && v[0])
			buf_printf(b, "sums %s %u %" PRIu64 "\n", prog, i, v[0]);
	for (uint32_t i = 0; i < 8; i++)
		if (net_map_get(verdicts, &i, v) == 0 && v[0])
			buf_printf(b, "verdicts %s %u %" PRIu64 "\n", prog, i, v[0]);
	for (uint32_t type = 0; type < 0x10000; type++)
		if (net_map_get(ethertypes, &type, v) == 0)
			buf_printf(b, "ethertypes %s 0x%04x %" PRIu64 " %" PRIu64 "\n", prog, type,
				   v[0], v[1]);
	for (uint32_t i = 0; i < 32; i++)
		if (net_map_sum(lengths, &i, v, 1, ncpus) && v[0])
			buf_printf(b, "lengths %s %u %" PRIu64 "\n", prog, i, v[0]);
}

/*
 * The digest of all packets of a capture written by us, one after another; also their number and
 * bytes.
 */
static inline void net_digest(const char *capture, size_t *ret_n, size_t *ret_bytes, char hex[65])
{
	char path[64], command[128];
	struct buf in;
	uint32_t n, len;
	const uint8_t *p;
	FILE *f;

	*ret_n = *ret_bytes = 0;
	kit_temp(path, sizeof(path));
	buf_init(&in);
	kit_read(capture, &in);
	f = fopen(path, "wb");
	for (size_t at = 24; f && at + 16 <= in.len; at += 16 + n) {
		memcpy(&n, in.data + at + 8, 4);
		memcpy(&len, in.data + at + 12, 4);
		p = (const uint8_t *)in.data + at + 16;
		if (!CHECK(n == len && n <= in.len - at - 16) || fwrite(p, 1, n, f) != n)
			break;
		++*ret_n;
		*ret_bytes += n;
	}
	if (f)
		fclose(f);
	snprintf(command, sizeof(command), "sha256sum %s", path);
	f = popen(command, "r");
	if (!f || fscanf(f, "%64s", hex) != 1)
		hex[0] = '\0';
	if (f)
		pclose(f);
	unlink(path);
	buf_done(&in);
}

/*
 * Each line of @file that has @word as one of its words must be among @lines, and no line may be
 * more. @word NULL: all lines. Comments do not count.
 */
static inline void net_compare(const char *file, const char *word, const struct buf *lines)
{
	struct buf golden;
	size_t want = 0, have = 0;
	char spaced[64], line[512];

	snprintf(spaced, sizeof(spaced), " %s ", word ? word : "");
	buf_init(&golden);
	kit_read(file, &golden);
	CHECK_MSG(golden.len > 0, "cannot read %s", file);
	for (const char *p = buf_str(&golden), *e; (e = strchr(p, '\n')); p = e + 1) {
		snprintf(line, sizeof(line), "\n%.*s\n", (int)(e - p), p);
		if (*p == '#' || (word && !strstr(line, spaced)))
			continue;
		want++;
		CHECK_MSG(strstr(buf_str(lines), line) ||
				  !strncmp(buf_str(lines), line + 1, strlen(line + 1)),
			  "%s: missing: %.*s", file, (int)(e - p), p);
	}
	for (const char *p = buf_str(lines); (p = strchr(p, '\n')); p++)
		have++;
	CHECK_MSG(want == have && want, "%s has %zu lines, here are %zu:\n%s", file, want, have,
		  buf_str(lines));
	buf_done(&golden);
}

#endif
