// SPDX-License-Identifier: Apache-2.0
/*
 * Calls that the compiler builds in, against the interpreter, which calls the helpers' bodies: the same r0, memory,
 * maps and errors, for every program of the tables on fresh maps. Programs are ordinary; a row names what is special.
 */
#include <stddef.h>
#include <stdio.h>

#include "check.h"
#include "helper/helper.h"
#include "jit/jit.h"
#include "map/map.h"

enum {
	ARRAY,
	PERCPU,
	HASH4,
	HASH8,
	LRU,
	PERCPU_HASH,
	LONG_KEY,
	WIDE,
	RDONLY,
	SMALL,
	PROGS,
	OUTER,
	MAPS
};

static const struct map_attr attrs[MAPS] = {
	[ARRAY] = { "array", MAP_ARRAY, 4, 16, 5, 0, .ncpus = 4 },
	[PERCPU] = { "percpu", MAP_PERCPU_ARRAY, 4, 12, 3, 0, .ncpus = 4 },
	[HASH4] = { "hash4", MAP_HASH, 4, 8, 8, 0, .ncpus = 4 },
	[HASH8] = { "hash8", MAP_HASH, 8, 4, 4, 0, .ncpus = 4 },
	[LRU] = { "lru", MAP_LRU_HASH, 4, 8, 4, 0, .ncpus = 4 },
	[PERCPU_HASH] = { "percpu_hash", MAP_PERCPU_HASH, 8, 8, 4, 0, .ncpus = 4 },
	[LONG_KEY] = { "long_key", MAP_HASH, 12, 8, 4, 0, .ncpus = 4 },
	[WIDE] = { "wide", MAP_HASH, 4, 24, 4, 0, .ncpus = 4 },
	[RDONLY] = { "rdonly", MAP_HASH, 4, 8, 4, MAP_F_RDONLY_PROG, .ncpus = 4 },
	[SMALL] = { "small", MAP_ARRAY, 4, 2, 1, 0, .ncpus = 4 },
	[PROGS] = { "progs", MAP_PROG_ARRAY, 4, 4, 4, 0, .ncpus = 4 },
	[OUTER] = { "outer", MAP_ARRAY_OF_MAPS, 4, 4, 2, 0, .ncpus = 4, .inner = &attrs[ARRAY] },
};

#define MEM 64

/* What stands in a prog array. */
struct object {
	const struct exec_prog *prog;
	const struct exec_native *native;
};

struct space {
	struct object objects[2];
	struct map *maps[MAPS];
	struct exec_map refs[MAPS];
	uint8_t mem[MEM];
	uint32_t cpu;
};

static const struct exec_map *space_map(void *space, uint64_t addr)
{
	struct space *s = space;

	for (int i = 0; i < MAPS; i++)
		if ((uintptr_t)s->maps[i] == addr)
			return &s->refs[i];
	return NULL;
}

static bool space_value(void *space, uint64_t addr, struct exec_region *ret)
{
	struct space *s = space;
	uint32_t size;

	for (int i = 0; i < MAPS; i++) {
		if (!map_value_at(s->maps[i], addr, &ret->base, &size))
			continue;
		*ret = (struct exec_region){ .base = ret->base,
					     .size = size,
					     .kind = REGION_MAP_VALUE,
					     .writable = map_prog_may_write(s->maps[i]),
					     .name = s->refs[i].name };
		return true;
	}
	return false;
}

static bool space_form(void *space, uint64_t addr, struct map_form *ret)
{
	if (!space_map(space, addr) || !map_form((struct map *)(uintptr_t)addr, ret))
		return false;
	ret->native_at = offsetof(struct object, native);
	return true;
}

static const struct exec_prog *space_tail(void *space, void *map, uint32_t index)
{
	const struct object *o = map_slot_get(map, index);

	(void)space;
	return o ? o->prog : NULL;
}

static const struct exec_native *space_native(void *space, const struct exec_prog *prog)
{
	const struct space *s = space;

	return prog == s->objects[0].prog ? s->objects[0].native : s->objects[1].native;
}

static const struct exec_space_ops ops = { .map = space_map,
					   .value = space_value,
					   .tail = space_tail,
					   .native = space_native,
					   .form = space_form };

static uint64_t host_task(void *ctx)
{
	(void)ctx;
	return 77ull << 32 | 78;
}

static uint32_t host_cpu(void *ctx)
{
	return ((struct space *)ctx)->cpu;
}

/* The user's memory is the record. */
static int host_read(void *ctx, void *out, uint64_t addr, size_t len)
{
	const struct space *s = ctx;

	if (addr - (uintptr_t)s->mem > MEM - len)
		return -EFAULT;
	memcpy(out, (const void *)(uintptr_t)addr, len);
	return 0;
}

static const struct exec_host hosts[] = {
	{ .pid_tgid = host_task, .cpu = host_cpu, .read_user = host_read },
	{ .pid_tgid = host_task, .cpu = host_cpu, .own_user = true, .own_kernel = true },
};

static void put_map(void *map)
{
	map_unref(map);
}

static void space_init(struct space *s, uint32_t cpu)
{
	memset(s, 0, sizeof(*s));
	for (uint32_t i = 0; i < MAPS; i++) {
		if (map_new(&attrs[i], &s->maps[i], NULL) < 0)
			abort();
		s->refs[i] = (struct exec_map){ s->maps[i], attrs[i].name, attrs[i].type,
						attrs[i].key_size, attrs[i].value_size };
	}
	for (uint32_t i = 0; i < MEM; i++)
		s->mem[i] = (uint8_t)(i + 1);
	for (uint32_t key = 1; key <= 3; key++) {
		const uint64_t long_key[2] = { key, 9 }, value[12] = { key * 100, 5, 6 };
		const uint64_t wide = key;

		map_user_update(s->maps[ARRAY], &key, value, 0);
		map_user_update(s->maps[HASH4], &key, value, 0);
		map_user_update(s->maps[HASH8], &wide, value, 0);
		map_user_update(s->maps[LRU], &key, value, 0);
		map_user_update(s->maps[PERCPU_HASH], &wide, value, 0);
		map_user_update(s->maps[LONG_KEY], long_key, value, 0);
		map_user_update(s->maps[WIDE], &key, value, 0);
		map_user_update(s->maps[RDONLY], &key, value, 0);
	}
	map_slot_set(s->maps[OUTER], 1, map_ref(s->maps[ARRAY]), put_map);
	s->cpu = cpu;
}

static void space_done(struct space *s)
{
	map_unref(s->maps[OUTER]);
	for (int i = 0; i < OUTER; i++)
		map_unref(s->maps[i]);
}

/* All that a map holds, in the order of its keys in memory; hashes have no seed here that could differ. */
static uint64_t digest(const struct space *s)
{
	uint64_t sum = 0;

	for (int i = 0; i < PROGS; i++) {
		uint8_t key[16] = { 0 }, value[512] = { 0 };
		const void *from = NULL;

		for (uint32_t n = 0; map_next_key(s->maps[i], from, key) == 0 && n < 100; n++) {
			uint64_t h = (uint64_t)i + 1;

			from = key;
			memset(value, 0, sizeof(value));
			map_user_lookup(s->maps[i], key, value);
			for (uint32_t k = 0; k < attrs[i].key_size; k++)
				h = (h ^ key[k]) * 0x100000001b3ull;
			for (uint32_t k = 0; k < map_user_value_size(s->maps[i]); k++)
				h = (h ^ value[k]) * 0x100000001b3ull;
			sum += h; /* whatever the order */
		}
	}
	for (int i = 0; i < MEM; i++)
		sum = (sum ^ s->mem[i]) * 0x100000001b3ull;
	return sum;
}

struct outcome {
	int r;
	uint64_t r0, digest;
	char id[16];
};

static struct exec_prog *make_prog(struct space *s, const char *text)
{
	struct exec_prog_opts o = { .prog_type = PROG_TRACEPOINT,
				    .name = "inline",
				    .space_ops = &ops };
	uint64_t ptr[MAPS], value[MAPS];
	struct exec_prog *prog = NULL;
	struct skep_insn *insns = NULL;
	size_t n = 0;

	for (int i = 0; i < MAPS; i++) {
		ptr[i] = (uintptr_t)s->maps[i];
		value[i] = map_direct_value(s->maps[i]);
	}
	if (skep_insn_assemble(text, &insns, &n, NULL) < 0)
		abort();
	o.insns = insns;
	o.ninsns = (uint32_t)n;
	o.space = s;
	o.map_ptr = ptr;
	o.map_value = value;
	o.nmaps = MAPS;
	o.helpers = helper_table(&o.nhelpers);
	o.forms = helper_forms();
	if (exec_prog_new(&o, &prog, NULL) < 0)
		abort();
	free(insns);
	return prog;
}

/* The programs of one run. Slot 0 of the prog array holds the other one, slot 1 the program itself. */
struct pair {
	struct exec_prog *prog[2];
	struct jit_prog *jit[2];
};

static int pair_init(struct space *s, const char *text, const char *other,
		     const struct jit_opts *opts, struct pair *ret, struct skep_error **reterr)
{
	int r = 0;

	*ret = (struct pair){ { make_prog(s, text), other ? make_prog(s, other) : NULL },
			      { NULL } };
	for (int i = 0; i < 2 && ret->prog[i]; i++) {
		if (opts && r == 0 && !(i == 1 && s->cpu == 4)) /* there it stays interpreted */
			r = jit_new(ret->prog[i], opts, &ret->jit[i], reterr);
		s->objects[i] = (struct object){ ret->prog[i],
						 ret->jit[i] ? jit_native(ret->jit[i]) : NULL };
		map_slot_set(s->maps[PROGS], (uint32_t)!i, &s->objects[i], NULL);
	}
	return r;
}

static void pair_done(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		jit_free(p->jit[i]);
		exec_prog_free(p->prog[i]);
	}
}

/* @opts NULL: interpreted. Addresses of maps in r0 differ between two runs, so programs return none. */
static struct outcome run_pair(const char *text, const char *other, const struct jit_opts *opts,
			       uint32_t cpu)
{
	struct outcome out = { 0 };
	struct skep_error *err = NULL;
	struct exec_run run;
	struct space s;
	struct pair p;

	space_init(&s, cpu);
	out.r = pair_init(&s, text, other, opts, &p, &err);
	if (exec_run_init(&run, NULL) < 0)
		abort();
	exec_run_start(&run, 0);
	run.host = &hosts[cpu == 2];
	run.host_ctx = &s;
	run.prandom = 12345;
	exec_region_add(&run, &(struct exec_region){ .base = (uintptr_t)s.mem,
						     .size = MEM,
						     .kind = REGION_CTX,
						     .writable = true,
						     .name = "record" });
	if (out.r == 0)
		out.r = opts ? jit_run(p.jit[0], &run, (uintptr_t)s.mem, &out.r0, &err) :
			       exec(p.prog[0], &run, (uintptr_t)s.mem, &out.r0, &err);
	if (err)
		snprintf(out.id, sizeof(out.id), "%s", skep_error_id(err));
	out.digest = digest(&s);
	skep_error_free(err);
	exec_run_done(&run);
	pair_done(&p);
	space_done(&s);
	return out;
}

static struct outcome run_text(const char *text, const struct jit_opts *opts, uint32_t cpu)
{
	return run_pair(text, NULL, opts, cpu);
}

static void twin_pairs(const char *text, const char *other, uint64_t want, const char *error)
{
	static const struct jit_opts variants[] = {
		{ .mode = JIT_TRUSTED },
		{ .mode = JIT_TRUSTED, .portable = true },
		{ .mode = JIT_TRUSTED, .no_optimise = true },
		{ .mode = JIT_CHECKED },
	};

	for (uint32_t cpu = 0; cpu < 6; cpu += 2) {
		struct outcome a;

		CHECK_CASE("%.60s, CPU %u", text, cpu);
		a = run_pair(text, other, NULL, cpu);

		CHECK_MSG(!strcmp(a.id, error ? error : ""), "interpreter: '%s'\n%s", a.id, text);
		if (!error && cpu == 0)
			CHECK_MSG(a.r0 == want, "interpreter: %lld\n%s", (long long)a.r0, text);
		for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
			struct outcome b = run_pair(text, other, &variants[i], cpu);

			/* loops in loops are compiled only when they are built in */
			if ((variants[i].no_optimise || variants[i].mode == JIT_CHECKED) &&
			    !strcmp(b.id, "J0002"))
				continue;
			CHECK_MSG(
				a.r == b.r && a.r0 == b.r0 && a.digest == b.digest &&
					!strcmp(a.id, b.id),
				"variant %zu, cpu %u: %d %lld '%s', interpreter %d %lld '%s'%s\n%s",
				i, cpu, b.r, (long long)b.r0, b.id, a.r, (long long)a.r0, a.id,
				a.digest == b.digest ? "" : ", memory differs", text);
		}
	}
}

static void twins(const char *text, uint64_t want, const char *error)
{
	twin_pairs(text, NULL, want, error);
}

/* The key is on the stack, of 4 bytes. */
#define KEY4(key) "stw [%r10-4], " #key "\nmov %r2, %r10\nadd %r2, -4\n"
#define KEY8(key) "stdw [%r10-8], " #key "\nmov %r2, %r10\nadd %r2, -8\n"
#define LOOK(map) "lddw %r1, map_idx " #map "\ncall 1\n"
#define READ "jeq %r0, 0, none\nldxw %r0, [%r0+0]\nexit\nnone: mov %r0, -1\nexit\n"

struct row {
	const char *text;
	uint64_t r0;
};

static const struct row lookups[] = {
	{ KEY4(2) LOOK(0) READ, 200 },
	{ KEY4(0) LOOK(0) READ, 0 },
	{ KEY4(4) LOOK(0) READ, 0 },
	{ KEY4(5) LOOK(0) READ, (uint64_t)-1 },
	{ KEY4(-1) LOOK(0) READ, (uint64_t)-1 },
	{ KEY4(0x80000000) LOOK(0) READ, (uint64_t)-1 },
	{ KEY4(0) LOOK(9) "jeq %r0, 0, none\nldxh %r0, [%r0+0]\nexit\nnone: mov %r0, -1\nexit\n",
	  0 },
	/* an index from memory: 1, and with other bytes behind it */
	{ "ldxb %r3, [%r1+1]\nstxw [%r10-4], %r3\nmov %r2, %r10\nadd %r2, -4\n" LOOK(0) READ, 200 },
	{ "ldxw %r3, [%r1+1]\nstxw [%r10-4], %r3\nmov %r2, %r10\nadd %r2, -4\n" LOOK(0) READ,
	  (uint64_t)-1 },
	{ "ldxb %r3, [%r1+4]\nstxw [%r10-4], %r3\nmov %r2, %r10\nadd %r2, -4\n" LOOK(0) READ,
	  (uint64_t)-1 },
	/* within bounds for certain */
	{ "ldxb %r3, [%r1+6]\nand %r3, 3\nstxw [%r10-4], %r3\nmov %r2, %r10\nadd %r2, -4\n" LOOK(0)
		  READ,
	  300 },
	/* the key is in the context; in a map's value; in two halves; half of a larger store */
	{ "mov %r2, %r1\nadd %r2, 1\n" LOOK(0) READ, (uint64_t)-1 },
	{ "stw [%r1+4], 3\nmov %r2, %r1\nadd %r2, 4\n" LOOK(0) READ, 300 },
	{ "lddw %r2, map_idx_value 0, 8\nstw [%r2+0], 3\n" LOOK(2) READ, 300 },
	{ "sth [%r10-4], 3\nsth [%r10-2], 0\nmov %r2, %r10\nadd %r2, -4\n" LOOK(0) READ, 300 },
	{ "stdw [%r10-8], 3\nmov %r2, %r10\nadd %r2, -8\n" LOOK(0) READ, 300 },
	{ "stdw [%r10-8], 3\nmov %r2, %r10\nadd %r2, -4\n" LOOK(0) READ, 0 },
	{ "stw [%r10-8], 3\nstw [%r10-4], 0\nmov %r2, %r10\nadd %r2, -8\n" LOOK(3) READ, 300 },
	{ "stw [%r10-8], 3\nstw [%r10-4], 1\nmov %r2, %r10\nadd %r2, -8\n" LOOK(3) READ,
	  (uint64_t)-1 },
	{ "stb [%r10-4], 3\nstb [%r10-3], 0\nstb [%r10-2], 0\nmov %r2, %r10\nadd %r2, -4\n" LOOK(0)
		  READ,
	  300 },
	/* a frame address in a kept register, used before and after; the slot is read again */
	{ "mov %r6, %r10\nadd %r6, -4\nstw [%r6+0], 1\nmov %r2, %r6\n" LOOK(
		  0) "jeq %r0, 0, none\nldxw %r7, [%r0+0]\nstw [%r10-4], 2\nmov %r2, %r6\n" LOOK(0) "jeq %r0, 0, none\nldxw %r0, [%r0+0]\nadd %r0, %r7\nldxw %r1, [%r6+0]\nadd %r0, %r1\n"
												    "exit\nnone: mov %r0, -1\nexit\n",
	  302 },
	/* slots beside the key; what the other call writes */
	{ "stdw [%r10-16], 5\nstw [%r10-4], 3\nstw [%r10-8], 7\nmov %r2, %r10\nadd %r2, -4\n" LOOK(
		  2) "jeq %r0, 0, none\nldxw %r0, [%r0+0]\nldxw %r1, [%r10-8]\nadd %r0, %r1\n"
		     "ldxdw %r1, [%r10-16]\nadd %r0, %r1\nnone: exit\n",
	  312 },
	{ "mov %r1, %r10\nadd %r1, -16\nmov %r2, 16\nstdw [%r10-16], 1\nstdw [%r10-24], 9\ncall 16\n"
	  "ldxdw %r0, [%r10-24]\nexit\n",
	  9 },
	/* used as a number: NULL or not; both ways kept */
	{ KEY4(3) LOOK(0) "jne %r0, 0, some\nmov %r0, 4\nexit\nsome: mov %r0, 5\nexit\n", 5 },
	{ KEY4(5) LOOK(0) "jne %r0, 0, some\nexit\nsome: mov %r0, 5\nexit\n", 0 },
	{ "mov %r7, 0\nmov %r8, 0\nagain: stxw [%r10-4], %r8\nmov %r2, %r10\nadd %r2, -4\n" LOOK(
		  0) "jeq %r0, 0, none\nldxw %r1, [%r0+0]\nadd %r7, %r1\nadd %r1, 1\nstxw [%r0+0], %r1\n"
		     "none: add %r8, 1\njlt %r8, 9, again\nmov %r0, %r7\nexit\n",
	  600 },
	{ "mov %r8, 0\nmov %r9, 0\nagain: stxw [%r10-4], %r8\nmov %r2, %r10\nadd %r2, -4\n" LOOK(
		  0) "mov %r6, %r0\nadd %r8, 1\njeq %r6, 0, out\nldxw %r9, [%r6+0]\njlt %r8, 9, again\n"
		     "out: mov %r0, 0\njne %r6, 0, end\nmov %r0, %r9\nadd %r0, %r8\nend: exit\n",
	  6 },
	/* two maps, and one pointer that is either's */
	{ "ldxb %r6, [%r1+0]\n" KEY4(2) "lddw %r1, map_idx 0\njeq %r6, 1, go\nlddw %r1, map_idx 2\n"
					"go: call 1\n" READ,
	  200 },
	{ "ldxb %r6, [%r1+0]\nstw [%r10-4], 1\nstw [%r10-8], 3\nmov %r2, %r10\nadd %r2, -4\n"
	  "jeq %r6, 1, go\nadd %r2, -4\ngo: " LOOK(0) READ,
	  100 },
	/* maps of all kinds */
	{ KEY4(2) LOOK(1) "jeq %r0, 0, none\nldxw %r1, [%r0+8]\nadd %r1, 7\nstxw [%r0+8], %r1\n"
			  "mov %r0, %r1\nnone: exit\n",
	  7 },
	{ KEY4(3) LOOK(1) READ, (uint64_t)-1 },
	{ KEY4(2) LOOK(2) READ, 200 },
	{ KEY4(9) LOOK(2) READ, (uint64_t)-1 },
	{ KEY8(2) LOOK(3) READ, 200 },
	{ KEY8(-2) LOOK(3) READ, (uint64_t)-1 },
	{ KEY4(2) LOOK(4) READ, 200 },
	{ KEY8(2) LOOK(5) READ, 200 },
	{ "stdw [%r10-16], 2\nstw [%r10-8], 9\nmov %r2, %r10\nadd %r2, -16\n" LOOK(6) READ, 200 },
	{ "stdw [%r10-16], 2\nstw [%r10-8], 8\nmov %r2, %r10\nadd %r2, -16\n" LOOK(6) READ,
	  (uint64_t)-1 },
	{ KEY4(2) LOOK(7) READ, 200 },
	{ KEY4(2) LOOK(8) READ, 200 },
	/* a map in a map: the inner one is not known */
	{ KEY4(1) LOOK(
		  11) "jeq %r0, 0, none\nmov %r1, %r0\nmov %r2, %r10\nadd %r2, -4\nstw [%r10-4], 2\n"
		      "call 1\n" READ,
	  200 },
	{ KEY4(0) LOOK(11) "jeq %r0, 0, none\nmov %r0, 1\nnone: exit\n", 0 },
};

#define VALUE8(v) "stdw [%r10-16], " #v "\nmov %r3, %r10\nadd %r3, -16\n"
#define UPDATE(map, flags) "lddw %r1, map_idx " #map "\nmov %r4, " #flags "\ncall 2\n"
#define DELETE(map) "lddw %r1, map_idx " #map "\ncall 3\n"

static const struct row updates[] = {
	{ KEY4(2) VALUE8(7) UPDATE(2, 0) "exit\n", 0 },
	{ KEY4(7) VALUE8(7) UPDATE(2, 0) "exit\n", 0 },
	{ KEY4(2) VALUE8(7) UPDATE(2, 1) "exit\n", (uint64_t)-17 },
	{ KEY4(9) VALUE8(7) UPDATE(2, 2) "exit\n", (uint64_t)-2 },
	{ KEY4(9) VALUE8(7) UPDATE(2, 3) "exit\n", (uint64_t)-22 },
	{ KEY4(9) VALUE8(7) "lddw %r1, map_idx 2\nlddw %r4, 0x100000000\ncall 2\nexit\n",
	  (uint64_t)-22 },
	{ KEY4(2) VALUE8(7) UPDATE(0, 0) "exit\n", 0 },
	{ KEY4(5) VALUE8(7) UPDATE(0, 0) "exit\n", (uint64_t)-7 },
	{ KEY8(2) VALUE8(-7) UPDATE(3, 0) "exit\n", 0 },
	{ KEY8(0x70000000) VALUE8(-7) UPDATE(3, 0) "exit\n", 0 },
	{ KEY4(7) VALUE8(7) UPDATE(4, 0) "exit\n", 0 },
	{ KEY8(9) VALUE8(7) UPDATE(5, 0) "exit\n", 0 },
	{ KEY8(2) VALUE8(7) UPDATE(5, 0) "exit\n", 0 },
	/* a value of 24 bytes; the value is the key; the value in another map */
	{ "stdw [%r10-32], 1\nstdw [%r10-24], 2\nstdw [%r10-16], 3\nmov %r3, %r10\nadd %r3, -32\n" KEY4(
		  2) UPDATE(7, 0) "exit\n",
	  0 },
	{ KEY8(9) "mov %r3, %r2\n" UPDATE(5, 0) "exit\n", 0 },
	{ KEY4(9) "lddw %r3, map_idx_value 0, 16\n" UPDATE(2, 0) "exit\n", 0 },
	/* full: the fifth of 4 entries, of 8 */
	{ KEY8(11) VALUE8(7) UPDATE(3, 0) KEY8(12) VALUE8(8) UPDATE(3, 0) "exit\n", (uint64_t)-7 },
	{ KEY4(11) VALUE8(7) UPDATE(4, 0) KEY4(12) VALUE8(8) UPDATE(4, 0) KEY4(13) VALUE8(8)
		  UPDATE(4, 0) "exit\n",
	  0 },
	{ KEY4(2) DELETE(2) "exit\n", 0 },
	{ KEY4(9) DELETE(2) "exit\n", (uint64_t)-2 },
	{ KEY8(2) DELETE(3) "exit\n", 0 },
	{ KEY8(2) DELETE(5) "exit\n", 0 },
	{ KEY4(2) DELETE(4) "exit\n", 0 },
	{ KEY4(2) DELETE(0) "exit\n", (uint64_t)-22 },
	{ "stdw [%r10-16], 2\nstw [%r10-8], 9\nmov %r2, %r10\nadd %r2, -16\n" DELETE(6) "exit\n",
	  0 },
	/* a value that is held while its element goes, and comes back */
	{ KEY4(2) LOOK(2) "mov %r6, %r0\njeq %r0, 0, none\n" KEY4(2)
		  DELETE(2) "ldxdw %r7, [%r6+0]\nadd %r7, 1\nstxdw [%r6+0], %r7\n" KEY4(2)
			  LOOK(2) "jne %r0, 0, none\nmov %r0, %r7\nexit\nnone: mov %r0, -1\nexit\n",
	  201 },
	{ KEY4(2) LOOK(2) "mov %r6, %r0\njeq %r0, 0, none\n" KEY4(2) VALUE8(9)
		  UPDATE(2, 0) "ldxdw %r0, [%r6+0]\nexit\nnone: mov %r0, -1\nexit\n",
	  200 },
	/* insert, find, delete, not found */
	{ KEY4(20) VALUE8(5) UPDATE(2, 1) KEY4(20)
		  LOOK(2) "jeq %r0, 0, none\nldxdw %r6, [%r0+0]\n" KEY4(20)
			  DELETE(2) "add %r6, %r0\n" KEY4(20)
				  LOOK(2) "jne %r0, 0, none\nmov %r0, %r6\nexit\n"
					  "none: mov %r0, -1\nexit\n",
	  5 },
};

static const struct row helpers[] = {
	{ "call 8\nexit\n", 0 },
	{ "call 14\nexit\n", 77ull << 32 | 78 },
	{ "call 14\nmov %r6, %r0\ncall 14\nsub %r0, %r6\nexit\n", 0 },
	{ "call 7\nmov %r6, %r0\ncall 7\nlsh %r6, 32\nxor %r0, %r6\nexit\n",
	  (uint64_t)-7469225261568968117 },
	{ "call 15\nexit\n", 0 },
	{ "call 80\nexit\n", 0 },
	{ "call 5\nmov %r6, %r0\ncall 5\njge %r0, %r6, ok\nmov %r0, 1\nexit\nok: mov %r0, 0\nexit\n",
	  0 },
	/* in a function that does nothing else */
	{ "call local f\nexit\nf: call 8\nexit\n", 0 },
};

/* n turns of f over the stack from @at on */
#define LOOP(n, f, at)                                            \
	"mov %r1, " #n "\nlddw %r2, func " #f "\nmov %r3, %r10\n" \
	"add %r3, " #at "\nmov %r4, 0\ncall 181\n"
#define ADD "ldxdw %r3, [%r2+0]\nadd %r3, %r1\nadd %r3, 1\nstxdw [%r2+0], %r3\n"
#define TOTAL "ldxdw %r1, [%r10-8]\nlsh %r0, 32\nadd %r0, %r1\nexit\n"

static const struct row loops[] = {
	{ "stdw [%r10-8], 0\n" LOOP(0, f, -8) TOTAL "f: " ADD "mov %r0, 0\nexit\n", 0 },
	{ "stdw [%r10-8], 0\n" LOOP(1, f, -8) TOTAL "f: " ADD "mov %r0, 0\nexit\n",
	  1ull << 32 | 1 },
	{ "stdw [%r10-8], 0\n" LOOP(100, f, -8) TOTAL "f: " ADD "mov %r0, 0\nexit\n",
	  100ull << 32 | 5050 },
	{ "stdw [%r10-8], 0\n" LOOP(8388609, f, -8) TOTAL "f: " ADD "mov %r0, 0\nexit\n",
	  (uint64_t)-7 << 32 },
	{ "stdw [%r10-8], 0\n" LOOP(-1, f, -8) TOTAL "f: " ADD "mov %r0, 0\nexit\n",
	  (uint64_t)-7 << 32 },
	{ "stdw [%r10-8], 0\n" LOOP(8388608, f, -8) TOTAL
	  "f: " ADD "mov %r0, 0\njne %r1, 9, go\nmov %r0, 1\ngo: exit\n",
	  10ull << 32 | 55 },
	/* how often is known at run time only; 64 bits of it do not count */
	{ "ldxb %r6, [%r1+4]\nstdw [%r10-8], 0\nlddw %r1, 0x500000000\nadd %r1, %r6\n"
	  "lddw %r2, func f\nmov %r3, %r10\nadd %r3, -8\nmov %r4, 0\ncall 181\n" TOTAL "f: " ADD
	  "mov %r0, 0\nexit\n",
	  5ull << 32 | 15 },
	/* stops at once, at the last turn, with a result of which only the upper half is set */
	{ "stdw [%r10-8], 0\n" LOOP(9, f, -8) TOTAL "f: " ADD "mov %r0, 1\nexit\n",
	  1ull << 32 | 1 },
	{ "stdw [%r10-8], 0\n" LOOP(3, f, -8) TOTAL
	  "f: " ADD "mov %r0, 0\njne %r1, 2, go\nmov %r0, 1\ngo: exit\n",
	  3ull << 32 | 6 },
	{ "stdw [%r10-8], 0\n" LOOP(9, f, -8) TOTAL "f: " ADD "lddw %r0, 0x100000000\nexit\n",
	  1ull << 32 | 1 },
	/* flags are refused */
	{ "stdw [%r10-8], 0\nmov %r1, 4\nlddw %r2, func f\nmov %r3, %r10\nadd %r3, -8\nmov %r4, 1\n"
	  "call 181\nexit\nf: " ADD "mov %r0, 0\nexit\n",
	  (uint64_t)-22 },
	/* kept registers and slots on both sides */
	{ "mov %r6, 1\nmov %r7, 2\nmov %r8, 3\nmov %r9, 4\nstdw [%r10-8], 0\nstdw [%r10-16], 5\n" LOOP(
		  10, f,
		  -8) "add %r0, %r6\nadd %r0, %r7\nadd %r0, %r8\nadd %r0, %r9\n"
		      "ldxdw %r1, [%r10-16]\nadd %r0, %r1\nldxdw %r1, [%r10-8]\nadd %r0, %r1\n"
		      "exit\nf: mov %r6, 9\nmov %r7, 9\nmov %r8, 9\nmov %r9, 9\nstdw [%r10-16], 9\n" ADD
		      "mov %r0, 0\nexit\n",
	  80 },
	/* one in another; one after another; in a loop; in a function; of two functions */
	{ "stdw [%r10-8], 0\n" LOOP(7, f, -8) TOTAL
	  "f: mov %r6, %r2\nmov %r3, %r2\nmov %r1, 5\nlddw %r2, func g\nmov %r4, 0\ncall 181\n"
	  "mov %r0, 0\nexit\ng: ldxdw %r3, [%r2+0]\nadd %r3, 1\nstxdw [%r2+0], %r3\nmov %r0, 0\nexit\n",
	  7ull << 32 | 35 },
	{ "stdw [%r10-8], 0\n" LOOP(7, f, -8) LOOP(3, g, -8) TOTAL
	  "f: " ADD "mov %r0, 0\nexit\n"
	  "g: ldxdw %r3, [%r2+0]\nadd %r3, 1000\nstxdw [%r2+0], %r3\nmov %r0, 0\nexit\n",
	  3ull << 32 | 3028 },
	{ "stdw [%r10-8], 0\nmov %r6, 0\nagain: " LOOP(
		  4, f, -8) "add %r6, 1\njlt %r6, 5, again\n" TOTAL "f: " ADD "mov %r0, 0\nexit\n",
	  4ull << 32 | 50 },
	{ "call local run\nadd %r0, 1\nexit\nrun: stdw [%r10-8], 0\n" LOOP(
		  4, f, -8) "ldxdw %r0, [%r10-8]\nexit\nf: " ADD "mov %r0, 0\nexit\n",
	  11 },
	{ "ldxb %r6, [%r1+0]\nstdw [%r10-8], 0\nlddw %r2, func f\njeq %r6, 1, go\nlddw %r2, func g\n"
	  "go: mov %r1, 4\nmov %r3, %r10\nadd %r3, -8\nmov %r4, 0\ncall 181\n" TOTAL "f: " ADD
	  "mov %r0, 0\nexit\ng: mov %r0, 0\nexit\n",
	  4ull << 32 | 10 },
	/* it calls helpers and looks up */
	{ "stdw [%r10-8], 0\n" LOOP(8, f, -8) TOTAL
	  "f: mov %r6, %r2\nstxw [%r10-4], %r1\nmov %r2, %r10\nadd %r2, -4\n" LOOK(
		  2) "jeq %r0, 0, none\nldxdw %r1, [%r0+0]\nldxdw %r2, [%r6+0]\nadd %r2, %r1\n"
		     "stxdw [%r6+0], %r2\nnone: mov %r0, 0\nexit\n",
	  8ull << 32 | 600 },
	/* a pointer to a map's value, checked before, used after */
	{ KEY4(2) LOOK(0) "jeq %r0, 0, none\nmov %r6, %r0\nstdw [%r10-16], 0\n" LOOP(
		  5, f, -16) "ldxw %r0, [%r6+0]\nnone: exit\nf: " ADD "mov %r0, 0\nexit\n",
	  200 },
};

static void test_loops(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(loops); i++)
		twins(loops[i].text, loops[i].r0, NULL);
	/* a fault in a turn */
	twins("stdw [%r10-8], 0\n" LOOP(9, f, -8) "exit\nf: " KEY4(2) DELETE(8) "exit\n", 0,
	      "H0003");
}

/* the slot is a number more than r0 */
#define SLOT(more) \
	"mov %r3, %r0\nadd32 %r3, " #more "\nmov %r1, %r6\nlddw %r2, map_idx 10\ncall 12\n"
/* What is read on top of all ones, and 1000 times the result. */
#define PROBE(call, size, at)                                                                  \
	"mov %r6, %r1\nstdw [%r10-8], -1\nmov %r1, %r10\nadd %r1, -8\nmov %r2, " #size "\n" at \
	"call " #call "\nldxdw %r1, [%r10-8]\nmul %r0, 1000\nxor %r0, %r1\nexit\n"
#define GOOD "mov %r3, %r6\nadd %r3, 2\n"
#define BAD "mov %r3, 8\n"

static const struct row probes[] = {
	{ PROBE(112, 8, GOOD), 0x0a09080706050403 },
	{ PROBE(112, 4, GOOD), 0xffffffff06050403 },
	{ PROBE(112, 2, GOOD), 0xffffffffffff0403 },
	{ PROBE(112, 1, GOOD), 0xffffffffffffff03 },
	{ PROBE(112, 3, GOOD), 0xffffffffff050403 },
	{ PROBE(112, 0, GOOD), UINT64_MAX },
	{ PROBE(113, 8, GOOD), 0x0a09080706050403 },
	{ PROBE(113, 4, GOOD), 0xffffffff06050403 },
	{ PROBE(4, 8, GOOD), 0x0a09080706050403 },
	{ PROBE(4, 1, GOOD), 0xffffffffffffff03 },
	{ PROBE(112, 8, BAD), (uint64_t)-14000 },
	{ PROBE(112, 4, BAD), (uint64_t)-14000 ^ 0xffffffff00000000 },
	{ PROBE(113, 8, BAD), (uint64_t)-34000 },
	{ PROBE(113, 2, BAD), (uint64_t)-34000 ^ 0xffffffffffff0000 },
	{ PROBE(112, 8, "lddw %r3, 0x8123456789abcdef\n"), (uint64_t)-14000 },
	/* into the record; into a value of a map; the size is known only at run time */
	{ "mov %r6, %r1\nadd %r1, 24\nmov %r2, 8\nmov %r3, %r6\ncall 112\nldxdw %r1, [%r6+24]\n"
	  "add %r0, %r1\nexit\n",
	  0x0807060504030201 },
	{ "mov %r6, %r1\n" KEY4(2)
		  LOOK(2) "jeq %r0, 0, none\nmov %r7, %r0\nmov %r1, %r0\nmov %r2, 2\n"
			  "mov %r3, %r6\ncall 112\nldxdw %r1, [%r7+0]\nadd %r0, %r1\nnone: exit\n",
	  0x0201 },
	{ "mov %r6, %r1\nstdw [%r10-8], -1\ncall 8\nmov %r2, %r0\nadd32 %r2, 4\nmov %r1, %r10\n"
	  "add %r1, -8\nmov %r3, %r6\ncall 112\nldxdw %r1, [%r10-8]\nrsh %r1, 56\nadd %r0, %r1\nexit\n",
	  255 },
};

#define TAIL(slot) "mov %r1, %r6\nlddw %r2, map_idx 10\nmov %r3, " #slot "\ncall 12\n"

static void test_tails(void)
{
	static const struct {
		const char *text, *other;
		uint64_t r0;
	} rows[] = {
		{ "mov %r6, %r1\nstdw [%r6+8], 1\n" TAIL(0) "stdw [%r6+8], 2\nmov %r0, 9\nexit\n",
		  "ldxdw %r0, [%r1+8]\nadd %r0, 4\nstdw [%r1+16], 3\nexit\n", 5 },
		{ "mov %r6, %r1\n" TAIL(2) "exit\n", "mov %r0, 1\nexit\n", (uint64_t)-2 },
		{ "mov %r6, %r1\n" TAIL(4) "exit\n", "mov %r0, 1\nexit\n", (uint64_t)-2 },
		{ "mov %r6, %r1\n" TAIL(-1) "exit\n", "mov %r0, 1\nexit\n", (uint64_t)-2 },
		/* 33 times itself; there and back; the other has a stack, which is fresh */
		{ "mov %r6, %r1\nldxb %r7, [%r6+8]\nadd %r7, 1\nstxb [%r6+8], %r7\n" TAIL(
			  1) "ldxb %r1, [%r6+8]\nadd %r0, %r1\nexit\n",
		  "mov %r0, 0\nexit\n", 9 + 34 - 40 },
		{ "mov %r6, %r1\nldxb %r7, [%r6+8]\nadd %r7, 1\nstxb [%r6+8], %r7\n" TAIL(
			  0) "exit\n",
		  "mov %r6, %r1\nldxb %r7, [%r6+9]\nadd %r7, 1\nstxb [%r6+9], %r7\n" TAIL(
			  1) "ldxb %r0, [%r6+8]\nldxb %r1, [%r6+9]\nadd %r0, %r1\nexit\n",
		  9 + 17 + 10 + 17 },
		{ "mov %r6, %r1\nstdw [%r10-8], 5\n" TAIL(0) "exit\n",
		  "ldxdw %r0, [%r10-8]\nmov %r6, %r0\nstdw [%r10-8], 7\nmov %r1, %r10\nadd %r1, -8\n"
		  "call local f\nadd %r0, %r6\nexit\nf: ldxdw %r0, [%r1+0]\nexit\n",
		  7 },
		/* the other one asks for the CPU, which this one does not */
		{ "mov %r6, %r1\n" TAIL(0) "exit\n", "call 8\nadd %r0, 1\nexit\n", 1 },
		/* it has what this one has in kept registers */
		{ "mov %r6, %r1\nmov %r7, 7\nmov %r8, 8\nmov %r9, 9\ncall 8\nadd %r7, %r0\n" TAIL(
			  3) "add %r0, %r7\nadd %r0, %r8\nadd %r0, %r9\nexit\n",
		  "mov %r0, 1\nexit\n", 22 },
		{ "mov %r6, %r1\n" TAIL(0) "exit\n",
		  "mov %r6, %r1\ncall 8\nmov %r7, %r0\ncall 8\nadd %r7, %r0\nldxb %r0, [%r6+3]\n"
		  "add %r0, %r7\nexit\n",
		  4 },
		/* slots by register: one with a program, an empty one, none; values that stay, and the stack is aligned for it */
		{ "mov %r6, %r1\ncall 8\n" SLOT(0) "exit\n", "mov %r0, 5\nexit\n", 5 },
		{ "mov %r6, %r1\ncall 8\n" SLOT(2) "add %r0, 3\nexit\n", "mov %r0, 5\nexit\n", 1 },
		{ "mov %r6, %r1\ncall 8\n" SLOT(4) "add %r0, 3\nexit\n", "mov %r0, 5\nexit\n", 1 },
		{ "mov %r6, %r1\ncall 8\nmov %r7, %r0\ncall 7\nmov %r8, %r0\nmov %r0, %r7\n" SLOT(
			  -1) "sub %r8, %r8\nadd %r0, %r8\nadd %r0, %r7\n" TAIL(2) "add %r0, %r7\n" TAIL(0) "exit\n",
		  "call 8\nadd %r0, 6\nexit\n", 6 },
		{ "mov %r6, %r1\ncall 8\nmov %r7, %r0\nadd %r7, 70\n" TAIL(2) "add %r7, %r0\n" TAIL(
			  3) "add %r0, %r7\nexit\n",
		  "mov %r0, 1\nexit\n", 66 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		twin_pairs(rows[i].text, rows[i].other, rows[i].r0, NULL);
}

/* What the program may not do is told all the same. */
static void test_refusals(void)
{
	/* what the form of a helper does not look at: the key outside of the frame, none at all, a map that is none */
	static const struct row bad[] = {
		{ "mov %r2, %r10\nadd %r2, -2\n" LOOK(2) "mov %r0, 0\nexit\n", 0 },
		{ "mov %r2, %r10\nadd %r2, 8\n" LOOK(0) "mov %r0, 0\nexit\n", 0 },
		{ "mov %r2, %r10\nadd %r2, -514\n" LOOK(2) "mov %r0, 0\nexit\n", 0 },
		{ "mov %r2, 0\n" LOOK(0) "mov %r0, 0\nexit\n", 0 },
		{ "mov %r2, %r1\nadd %r2, 62\n" LOOK(0) "mov %r0, 0\nexit\n", 0 },
		{ KEY4(1) "mov %r3, %r10\nadd %r3, -4\n" UPDATE(2, 0) "mov %r0, 0\nexit\n", 0 },
		{ KEY4(1) "mov %r1, 77\ncall 1\nmov %r0, 0\nexit\n", 0 },
		{ KEY4(4) LOOK(0) "ldxdw %r0, [%r0+16]\nexit\n", 0 },
		{ KEY4(5) LOOK(0) "ldxdw %r0, [%r0+0]\nexit\n", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		static const struct jit_opts checked = { .mode = JIT_CHECKED };
		struct outcome a, b;

		CHECK_CASE("%s", bad[i].text);
		a = run_text(bad[i].text, NULL, 0);
		b = run_text(bad[i].text, &checked, 0);
		CHECK(a.r < 0);
		CHECK_EQ_INT(b.r, a.r);
		CHECK_EQ_STR(b.id, a.id);
	}
	twins(KEY4(2) VALUE8(7) UPDATE(8, 0) "exit\n", 0, "H0003");
	twins(KEY4(2) DELETE(8) "exit\n", 0, "H0003");
}

static void test_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		twins(rows[i].text, rows[i].r0, NULL);
}

static void test_lookups(void)
{
	test_rows(lookups, ARRAY_SIZE(lookups));
}

static void test_updates(void)
{
	test_rows(updates, ARRAY_SIZE(updates));
}

static void test_probes(void)
{
	test_rows(probes, ARRAY_SIZE(probes));
}

static void test_helpers(void)
{
	test_rows(helpers, ARRAY_SIZE(helpers));
}

CHECK_MAIN({ "look-ups", test_lookups }, { "updates and deletions", test_updates },
	   { "helpers", test_helpers }, { "refusals", test_refusals }, { "loops", test_loops },
	   { "tail calls", test_tails }, { "probes", test_probes })
