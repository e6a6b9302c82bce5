// SPDX-License-Identifier: Apache-2.0
/*
 * The search for a witness: run an input, see where it leaves the wanted path, and mend it there. A run notes which bytes of the input the
 * program loads, which elements it looks up, and the operands of the branch that went the wrong way: what was loaded is
 * then set so that the branch goes the right way (input-to-state correspondence, Aschermann and others, REDQUEEN, NDSS
 * 2019; also as a sum with what the program added). An input that follows the path to its end without a fault is driven to the bounds:
 * packets one byte short, numbers that move the address behind its region. Then chance.
 */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "core/inputs.h"
#include "core/internal.h"
#include "core/witness.h"

#define SOURCES 24
#define WANTED 8
#define FIXES 256
#define IMMS 48
#define FALLBACK_LEN 64

enum where { IN_CTX, IN_PACKET, IN_VALUE, IN_LENGTH, IN_MAP };

/* A piece of the input that the program loads. */
struct source {
	enum where where;
	uint32_t entry, off, size;
};

/* A change of an input. */
struct fix {
	struct source at;
	uint64_t value;
	struct witness_entry *add; /* IN_MAP: NULL takes the entry out */
};

struct probe {
	uint32_t pos; /* instructions of the path that were followed */
	bool strayed, arrived;
	uint32_t last;	 /* instruction */
	uint64_t a, b;	 /* operands of the last branch */
	uint64_t target; /* the address that the last instruction of the path accesses */
	struct source sources[SOURCES];
	uint32_t nsources;
	struct {
		uint32_t map;
		uint8_t key[WITNESS_KEY];
	} wanted[WANTED];
	uint32_t nwanted;
};

struct search {
	struct core_prog *prog;
	const struct search_goal *goal;
	const struct skep_insn *insns;
	uint32_t n;
	struct stage *stage;
	struct witness *now, *best;
	struct probe probe, best_probe;
	uint64_t random;
	struct fix fixes[FIXES];
	uint32_t nfixes, next_fix;
	struct witness_entry fresh[WANTED]; /* that fixes add */
	int64_t imms[IMMS];
	uint32_t nimms;
	struct exec_run *run;
};

static uint64_t number(struct search *s)
{
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return s->random * 0x2545f4914f6cdd1dull;
}

/* Looking on -------------------------------------------------------------------------------------- */

static void add_source(struct probe *p, enum where where, uint32_t entry, uint64_t off,
		       uint64_t size)
{
	for (uint32_t i = 0; i < p->nsources; i++)
		if (p->sources[i].where == where && p->sources[i].entry == entry &&
		    p->sources[i].off == off && p->sources[i].size == size)
			return;
	if (p->nsources < SOURCES && size && size <= 8)
		p->sources[p->nsources++] =
			(struct source){ where, entry, (uint32_t)off, (uint32_t)size };
}

static void note_load(struct search *s, uint64_t addr, uint32_t size)
{
	const struct witness *w = s->now;
	uint64_t packet = stage_packet(s->stage);

	if (addr - stage_ctx(s->stage) < w->ctx_len)
		add_source(&s->probe, IN_CTX, 0, addr - stage_ctx(s->stage), size);
	else if (packet && addr - packet < w->packet_len)
		add_source(&s->probe, IN_PACKET, 0, addr - packet, size);
	for (uint32_t i = 0; i < w->nentries; i++) {
		uint64_t base = stage_value(s->stage, w, i);

		if (base && addr - base < w->entries[i].value_size)
			add_source(&s->probe, IN_VALUE, i, addr - base, size);
	}
}

static int map_index(const struct search *s, uint64_t addr)
{
	for (size_t i = 0; i < core_nmaps(s->prog->obj); i++)
		if (addr && (uint64_t)(uintptr_t)core_map(s->prog->obj, i) == addr)
			return (int)i;
	return -1;
}

static void note_lookup(struct search *s, struct exec_run *run, const uint64_t *r)
{
	struct probe *p = &s->probe;
	int map = map_index(s, r[1]);
	uint32_t size;

	if (map < 0 || p->nwanted == WANTED || !stage_takes(s->stage, (uint32_t)map))
		return;
	size = map_attr(core_map(s->prog->obj, (size_t)map))->key_size;
	if (!exec_may_access(run, r[2], size, false))
		return;
	p->wanted[p->nwanted].map = (uint32_t)map;
	memset(p->wanted[p->nwanted].key, 0, WITNESS_KEY);
	memcpy(p->wanted[p->nwanted++].key, (const void *)(uintptr_t)r[2], size);
}

static uint64_t operand(const struct skep_insn *in, const uint64_t *r)
{
	return in->code & 8 ? r[insn_src(in)] : (uint64_t)(int64_t)in->imm;
}

static void follow(struct search *s, uint32_t insn)
{
	struct probe *p = &s->probe;
	const struct search_goal *g = s->goal;

	if (p->strayed || p->arrived || (!p->pos && g->npath && insn != g->path[0]))
		return;
	if (p->pos < g->npath && g->path[p->pos] == insn)
		p->arrived = ++p->pos == g->npath;
	else
		p->strayed = true;
}

static bool look(void *ctx, struct exec_run *run, const uint64_t *r)
{
	struct search *s = ctx;
	const struct skep_insn *in;
	enum isa_kind kind;
	enum isa_op op;

	if (run->prog != s->prog->exec || run->insn >= s->n || s->probe.strayed)
		return true;
	follow(s, run->insn);
	if (s->probe.strayed)
		return true;
	in = &s->insns[run->insn];
	op = isa_decode(in, s->n - run->insn);
	kind = isa_kind(op);
	s->probe.last = run->insn;
	if (kind == ISA_KIND_BRANCH) {
		s->probe.a = r[insn_dst(in)];
		s->probe.b = operand(in, r);
	} else if (kind == ISA_KIND_LOAD) {
		note_load(s, r[insn_src(in)] + (uint64_t)(int64_t)in->off, isa_access_size(op));
		s->probe.target = r[insn_src(in)] + (uint64_t)(int64_t)in->off;
	} else if (kind == ISA_KIND_STORE || kind == ISA_KIND_ATOMIC) {
		s->probe.target = r[insn_dst(in)] + (uint64_t)(int64_t)in->off;
	} else if (op == ISA_CALL_HELPER && in->imm == 1) {
		note_lookup(s, run, r);
	} else if (op == ISA_CALL_HELPER && (in->imm == 26 || in->imm == 189)) {
		for (uint64_t i = 0; i < r[4] && i < 8;
		     i++) /* bytes that bpf_*_load_bytes() copies */
			add_source(&s->probe, IN_PACKET, 0, r[2] + i, 1);
	}
	return true;
}

/* Changes ----------------------------------------------------------------------------------------- */

static uint8_t *bytes_of(struct witness *w, const struct source *at)
{
	if (at->where == IN_CTX && at->off + at->size <= w->ctx_len)
		return w->ctx + at->off;
	if (at->where == IN_PACKET && at->off + at->size <= WITNESS_PACKET)
		return w->packet + at->off;
	if (at->where == IN_VALUE && at->entry < w->nentries &&
	    at->off + at->size <= w->entries[at->entry].value_size)
		return w->entries[at->entry].value + at->off;
	return NULL;
}

static uint64_t get(struct witness *w, const struct source *at)
{
	const uint8_t *p = bytes_of(w, at);
	uint64_t x = 0;

	if (p)
		memcpy(&x, p, at->size);
	return x;
}

static bool same_element(const struct witness_entry *a, const struct witness_entry *b)
{
	return a->map == b->map && memcmp(a->key, b->key, a->key_size) == 0;
}

static void change_map(struct witness *w, const struct fix *f)
{
	if (!f->add) {
		w->nentries = 0;
		return;
	}
	for (uint32_t i = 0; i < w->nentries; i++)
		if (same_element(&w->entries[i], f->add))
			return;
	if (w->nentries < WITNESS_ENTRIES)
		w->entries[w->nentries++] = *f->add;
}

static void change(struct witness *w, const struct fix *f)
{
	uint8_t *p;

	if (f->at.where == IN_MAP) {
		change_map(w, f);
	} else if (f->at.where == IN_LENGTH) {
		if (f->value <= WITNESS_PACKET)
			w->packet_len = (uint32_t)f->value;
	} else if ((p = bytes_of(w, &f->at))) {
		memcpy(p, &f->value, f->at.size);
	}
}

static void add_fix(struct search *s, struct source at, uint64_t value)
{
	if (s->nfixes < FIXES)
		s->fixes[s->nfixes++] = (struct fix){ .at = at, .value = value };
}

static void set_length(struct search *s, uint64_t len)
{
	for (int64_t d = 0; d < 3; d++)
		add_fix(s, (struct source){ .where = IN_LENGTH }, len - (uint64_t)(d - 1));
}

/* The elements that were looked up. */
static void add_elements(struct search *s)
{
	for (uint32_t i = 0; i < s->probe.nwanted; i++) {
		const struct map_attr *a = map_attr(core_map(s->prog->obj, s->probe.wanted[i].map));
		struct witness_entry *e = &s->fresh[i];

		*e = (struct witness_entry){ .map = s->probe.wanted[i].map,
					     .key_size = a->key_size,
					     .value_size = a->value_size };
		memcpy(e->key, s->probe.wanted[i].key, WITNESS_KEY);
		if (s->nfixes < FIXES)
			s->fixes[s->nfixes++] = (struct fix){ .at = { .where = IN_MAP }, .add = e };
	}
}

static uint64_t swapped(uint64_t x, uint32_t size)
{
	return __builtin_bswap64(x) >> (64 - 8 * size);
}

/* What the program has as @from should be @to. */
static void drive(struct search *s, uint64_t from, uint64_t to)
{
	uint64_t packet = stage_packet(s->stage);

	if (packet && from - packet <= WITNESS_PACKET && to - packet <= WITNESS_PACKET)
		set_length(s, from - packet == s->now->packet_len ? to - packet : from - packet);
	for (uint32_t i = 0; i < s->probe.nsources; i++) {
		struct source at = s->probe.sources[i];
		uint64_t x = get(s->now, &at),
			 mask = at.size == 8 ? ~0ull : (1ull << 8 * at.size) - 1;

		if (x == (from & mask))
			add_fix(s, at, to);
		if (at.size > 1 && swapped(x, at.size) == (from & mask))
			add_fix(s, at, swapped(to & mask, at.size));
		add_fix(s, at, x + (to - from));
		if (at.size > 1)
			add_fix(s, at,
				swapped((swapped(x, at.size) + (to - from)) & mask, at.size));
		for (unsigned int shift = 1; shift < 4; shift++)
			add_fix(s, at, x + (uint64_t)((int64_t)(to - from) >> shift) + 1);
	}
}

/* The branch that went wrong. */
static void mend_branch(struct search *s)
{
	const struct probe *p = &s->probe;
	uint32_t at = p->pos ? s->goal->path[p->pos - 1] : 0;

	s->nfixes = s->next_fix = 0;
	if (at >= s->n || isa_kind(isa_decode(&s->insns[at], s->n - at)) != ISA_KIND_BRANCH)
		return;
	if (!p->b || !p->a)
		add_elements(s);
	if (!p->b && p->a && s->now->nentries)
		s->fixes[s->nfixes++] = (struct fix){ .at = { .where = IN_MAP } };
	for (int64_t d = -1; d <= 1; d++) {
		drive(s, p->a, p->b + (uint64_t)d);
		if (s->insns[at].code & 8)
			drive(s, p->b, p->a + (uint64_t)d);
	}
	if (s->insns[at].code >> 4 == 4) /* bits */
		drive(s, p->a, p->a ^ p->b);
}

/* The end of the path, and no fault: out of bounds, then. */
static void push_out(struct search *s)
{
	const struct probe *p = &s->probe;
	uint64_t packet = stage_packet(s->stage);
	struct exec_region reg;

	s->nfixes = s->next_fix = 0;
	add_elements(s);
	if (packet && p->target - packet < WITNESS_PACKET)
		for (uint64_t i = 0; i < 8; i++)
			add_fix(s, (struct source){ .where = IN_LENGTH },
				p->target - packet + 7 - i);
	if (exec_region_find(s->run, p->target, &reg)) {
		drive(s, p->target, reg.base + reg.size);
		drive(s, p->target, reg.base + reg.size - 1);
		drive(s, p->target, reg.base - 1);
	}
}

static uint64_t interesting(struct search *s)
{
	static const uint64_t some[] = {
		0,   1,	  UINT64_MAX, INT64_MAX, 1ull << 63, UINT32_MAX, INT32_MAX,	 1ull << 31,
		255, 127, 128,	      65535,	 32767,	     32768,	 0x100000000ull, 8
	};
	uint64_t x = number(s);

	if (s->nimms && x & 1)
		return (uint64_t)s->imms[(x >> 8) % s->nimms] + (x >> 40) % 3 - 1;
	return x & 2 ? some[(x >> 8) % ARRAY_SIZE(some)] : number(s);
}

static void mutate(struct search *s, struct witness *w)
{
	unsigned int times = 1 + (unsigned int)(number(s) >> 32) % 3;
	const struct probe *p = &s->best_probe;

	while (times--) {
		uint64_t x = number(s);

		if (p->nsources && x & 7)
			change(w, &(struct fix){ .at = p->sources[(x >> 8) % p->nsources],
						 .value = interesting(s) });
		else if (x & 8)
			change(w, &(struct fix){ .at = { .where = IN_LENGTH },
						 .value = (x >> 8) % 96 });
		else
			w->prandom = number(s);
	}
}

/* Inputs to begin with: nothing, ones, noise; packets of a known protocol. */
static void fresh(struct search *s, struct witness *w, uint64_t turn)
{
	w->prandom = number(s);
	w->nentries = 0;
	w->packet_len = turn % 4 == 1 ? 14 : turn % 4 == 3 ? 1 : FALLBACK_LEN;
	for (uint32_t i = 0; i < w->ctx_len; i++)
		w->ctx[i] = turn == 0 ? 0 : turn % 3 == 1 ? 0xff : (uint8_t)(number(s) >> 40);
	for (uint32_t i = 0; i < WITNESS_PACKET; i++)
		w->packet[i] = turn == 0 ? 0 : turn % 3 == 1 ? 0xff : (uint8_t)(number(s) >> 40);
	if (turn % 2 == 0)
		memcpy(w->packet + 12, "\x08\x00\x45", 3);
}

/* The one element of each section of global variables is an input, too. */
static void add_globals(struct search *s, struct witness *w)
{
	for (uint32_t i = 0; i < core_nmaps(s->prog->obj) && w->nentries < 4; i++) {
		const struct map_attr *a =
			stage_takes(s->stage, i) ? map_attr(core_map(s->prog->obj, i)) : NULL;
		struct witness_entry *e = &w->entries[w->nentries];

		if (!a || a->type != MAP_ARRAY || a->max_entries != 1 || a->value_size > 4096 ||
		    !map_prog_may_write(core_map(s->prog->obj, i)))
			continue;
		*e = (struct witness_entry){ .map = i,
					     .key_size = a->key_size,
					     .value_size = a->value_size };
		if (map_user_lookup(core_map(s->prog->obj, i), e->key, e->value) == 0)
			w->nentries++;
	}
}

/* Searching --------------------------------------------------------------------------------------- */

bool search_fits(const struct skep_error *fault, const char *id, uint32_t insn)
{
	const char *x = skep_error_id(fault);

	if (strcmp(x, "X0106") == 0) /* the budget */
		return strcmp(id, "V0005") == 0;
	if (skep_error_place(fault)->at != insn ||
	    strstr(skep_error_message(fault), "does not serve"))
		return false;
	return strncmp(x, "X02", 3) == 0 || strcmp(x, "X0101") == 0 || strcmp(x, "X0102") == 0 ||
	       strcmp(x, "X0103") == 0 || strcmp(x, "X0104") == 0 || strcmp(x, "X0105") == 0 ||
	       strcmp(x, "X0107") == 0 || strcmp(x, "X0109") == 0;
}

static void read_imms(struct search *s)
{
	for (uint32_t i = 0; i < s->n && s->nimms < IMMS; i++)
		if (isa_kind(isa_decode(&s->insns[i], s->n - i)) == ISA_KIND_BRANCH &&
		    !(s->insns[i].code & 8))
			s->imms[s->nimms++] = s->insns[i].imm;
}

static void choose(struct search *s, uint64_t turn)
{
	if (s->next_fix < s->nfixes) {
		*s->now = *s->best;
		change(s->now, &s->fixes[s->next_fix++]);
		return;
	}
	if (turn < 6 || turn % 16 == 15) {
		fresh(s, s->now, turn);
		if (turn % 2)
			add_globals(s, s->now);
		return;
	}
	*s->now = *s->best;
	mutate(s, s->now);
}

/* Is the last run nearer than the best one? */
static void judge(struct search *s, uint64_t turn)
{
	bool better = !turn || s->probe.pos > s->best_probe.pos ||
		      (s->probe.pos == s->best_probe.pos && s->next_fix == s->nfixes);
	bool further = !turn || s->probe.pos > s->best_probe.pos ||
		       (s->probe.arrived && s->next_fix == s->nfixes);

	if (!better)
		return;
	*s->best = *s->now;
	s->best_probe = s->probe;
	if (!further && turn % 8)
		return;
	if (s->probe.strayed)
		mend_branch(s);
	else
		push_out(s);
}

/* 1: it faults as wanted, 0: not, or -ENOMEM. */
static int try_one(struct search *s, struct skep_error **ret_fault)
{
	struct skep_error *fault = NULL;
	uint64_t r0;
	int r;

	memset(&s->probe, 0, sizeof(s->probe));
	stage_set(s->stage, s->now, s->run, s->goal->budget);
	s->run->watch = look;
	s->run->watch_ctx = s;
	r = core_run(s->prog, s->run, s->run->ctx, &r0, &fault);
	if (r < 0 && search_fits(fault, s->goal->id, s->goal->insn)) {
		skep_error_free(*ret_fault);
		*ret_fault = fault;
		return 1;
	}
	skep_error_free(fault);
	return r == -ENOMEM ? r : 0;
}

/* Zeroes @n bytes if the fault stays. */
static void clear(struct search *s, uint8_t *at, size_t n, struct skep_error **fault)
{
	uint8_t was[64];
	bool any = false;

	for (size_t i = 0; i < n; i++)
		any |= at[i] != 0;
	if (!any)
		return;
	memcpy(was, at, n);
	memset(at, 0, n);
	if (try_one(s, fault) != 1)
		memcpy(at, was, n);
}

static void clear_all(struct search *s, uint8_t *at, size_t n, struct skep_error **fault)
{
	for (size_t i = 0; i < n; i += 64)
		clear(s, at + i, num_min(64, n - i), fault);
	for (size_t i = 0; i < n; i++)
		if (at[i])
			clear(s, at + i, 1, fault);
}

/* What does not matter goes, so that what does can be seen. */
static void make_small(struct search *s, struct skep_error **fault)
{
	static const uint32_t lengths[] = { 0, 1, 14, 34, 54 };
	struct witness *w = s->now;
	uint64_t random = w->prandom;
	uint32_t len = w->packet_len;

	memset(w->packet + w->packet_len, 0, sizeof(w->packet) - w->packet_len);
	for (uint32_t i = w->nentries; i-- > 0;) {
		struct witness_entry was = w->entries[i], last = w->entries[w->nentries - 1];

		w->entries[i] = last;
		w->nentries--;
		if (try_one(s, fault) == 1)
			continue;
		w->entries[w->nentries++] = last;
		w->entries[i] = was;
	}
	w->prandom = 1;
	if (try_one(s, fault) != 1)
		w->prandom = random;
	for (size_t i = 0; i < ARRAY_SIZE(lengths) && lengths[i] < len; i++) {
		w->packet_len = lengths[i];
		if (try_one(s, fault) == 1)
			break;
		w->packet_len = len;
	}
	clear_all(s, w->ctx, w->ctx_len, fault);
	clear_all(s, w->packet, w->packet_len, fault);
	for (uint32_t i = 0; i < w->nentries; i++)
		clear_all(s, w->entries[i].value, w->entries[i].value_size, fault);
	try_one(s, fault);
}

static int try_all(struct search *s, struct skep_error **ret_fault, uint64_t *ret_tries)
{
	for (uint64_t t = 0; t < s->goal->tries; t++) {
		int r;

		choose(s, t);
		*ret_tries = t + 1;
		r = try_one(s, ret_fault);
		if (r < 0)
			return r;
		if (r) {
			make_small(s, ret_fault);
			return 0;
		}
		judge(s, t);
	}
	return -ENOENT;
}

int search_witness(struct core_prog *prog, const struct search_goal *goal, struct witness *ret,
		   struct skep_error **ret_fault, uint64_t *ret_tries)
{
	struct search *s = calloc(1, sizeof(*s));
	struct exec_run run;
	int r = -ENOMEM;

	*ret_tries = 0;
	if (!s)
		return r;
	s->prog = prog;
	s->goal = goal;
	s->insns = prog->spec->insns;
	s->n = prog->spec->ninsns;
	s->random = goal->seed ? goal->seed : 1;
	s->stage = stage_new(prog);
	s->now = calloc(1, sizeof(*s->now));
	s->best = calloc(1, sizeof(*s->best));
	s->run = &run;
	read_imms(s);
	if (s->stage && s->now && s->best && exec_run_init(&run, NULL) == 0) {
		s->now->ctx_len = stage_ctx_size(prog->def->prog_type);
		r = try_all(s, ret_fault, ret_tries);
		*ret = *s->now;
		exec_run_done(&run);
	}
	stage_free(s->stage);
	free(s->now);
	free(s->best);
	free(s);
	return r;
}
