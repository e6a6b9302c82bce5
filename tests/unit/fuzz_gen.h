/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structured random programs that end and mean the same on every engine: all computing instructions, the
 * patterns that compilers look for, branches, bounded loops, stack and memory at fixed and computed places,
 * atomics, functions, helpers, packet loads. Between statements every register is either a number or dead, and
 * r9 points to the memory (FUZZ_MEM bytes); so no result depends on an address, or on what no engine promises. The
 * result in r0 depends on every live register and on the stack.
 *
 * A program is a prologue (one for our engines, one for the kernel: XDP, the memory is the packet) and a body that
 * is the same. With `strict` the body is what the kernel's verifier takes. Helpers are an embedder's, or with
 * `maps` the kernel's: look-ups in map 0 (4 values of 16 bytes) and bpf_loop over a callback.
 */
#ifndef TESTS_UNIT_FUZZ_GEN_H
#define TESTS_UNIT_FUZZ_GEN_H

#include "fuzz_base.h"

/* Rotations of either width, sometimes not quite; extensions. */
static inline void fuzz_rotate(struct fuzz *f)
{
	unsigned int a = live_dst(f), b = any_dst(f);
	int n = 1 + (int)below(63), m = 1 + (int)below(31);
	struct text *t = &f->t;

	if (one_in(3)) {
		n = 8 << below(3);
		put(t, 0x67, a, 0, 0, 64 - n);
		put(t, one_in(2) ? 0x77 : 0xc7, a, 0, 0, 64 - (one_in(6) ? 8 : n));
		return;
	}
	if (a == b)
		return;
	put(t, one_in(3) ? 0xbc : 0xbf, b, a, 0, 0);
	if (one_in(2)) {
		put(t, 0x67, a, 0, 0, n);
		put(t, 0x77, b, 0, 0, one_in(8) ? n : 64 - n);
		put(t, one_in(3) ? 0x0f : one_in(2) ? 0xaf : 0x4f, a, b, 0, 0);
	} else {
		put(t, 0x64, a, 0, 0, m);
		put(t, 0x74, b, 0, 0, one_in(8) ? m : 32 - m);
		put(t, one_in(4) ? 0x4f : one_in(2) ? 0xac : 0x4c, a, b, 0, 0);
	}
	set(f, b);
}

/* Products, quotients and remainders by constants. */
static inline void fuzz_divide(struct fuzz *f)
{
	static const int32_t factors[] = { 2,	3,   5,	   7,	    9,	10, 12,	 60,	    100,
					   255, 256, 1000, 1 << 16, -1, -3, 641, 0x7fffffff };
	static const uint8_t ops[] = { 0x37, 0x34, 0x97, 0x94, 0x27, 0x24 };
	unsigned int a = live_dst(f);
	bool sign = one_in(3);
	int32_t c = factors[below(ARRAY_SIZE(factors))];

	put(&f->t, ops[below(sign ? 4 : 6)], a, 0, sign,
	    one_in(3) ? (int32_t)interesting() | 1 : c);
}

/* Address modes, bit tests, complements, shifts by a register, known values: what compilers look for. */
static inline void fuzz_idiom(struct fuzz *f)
{
	static const uint8_t shifts[] = { 0x6f, 0x7f, 0xcf, 0x6c, 0x7c, 0xcc };
	unsigned int a = live_dst(f), b = any_dst(f), s = any_src(f);
	struct text *t = &f->t;

	switch (below(5)) {
	case 0: /* shift and add: an address mode */
		if (a == b)
			break;
		put(t, 0xbf, b, a, 0, 0);
		put(t, 0x67, b, 0, 0, (int32_t)below(5));
		put(t, 0x0f, b, s, 0, 0);
		put(t, 0x07, b, 0, 0, (int32_t)interesting());
		set(f, b);
		break;
	case 1:
		put(t, 0x77, a, 0, 0, (int32_t)below(64));
		put(t, 0x57, a, 0, 0, one_in(2) ? 1 : (1 << below(31)) - 1);
		break;
	case 2:
		put(t, one_in(2) ? 0xa7 : 0xa4, a, 0, 0, -1);
		if (one_in(2))
			put(t, one_in(2) ? 0x87 : 0x84, a, 0, 0, 0);
		break;
	case 3:
		if (!(f->fixed >> s & 1) && s != a && (one_in(2) || f->strict))
			put(t, 0x57, s, 0, 0, 31);
		put(t, shifts[below(6)], a, s, 0, 0);
		break;
	default:
		give(f, a, interesting());
	}
}

/* Bytes of memory put together, in either order, all or almost all of a word. */
static inline void fuzz_bytes(struct fuzz *f)
{
	unsigned int a = any_dst(f), b = any_dst(f), base = one_in(2) ? 10 : MEM_REG;
	int n = 2 << below(3), step = one_in(5) ? 2 : 1, bits = 8 * step;
	int span = n * step <= 8 ? n : 8 / step;
	int at = base == 10 ? stack_at(f, 8, false) : (int)below(FUZZ_MEM - 8);
	bool big = one_in(2);

	if (a == b)
		return;
	for (int i = 0; i < span; i++) {
		unsigned int r = i ? b : a;
		int shift = bits * (big ? span - 1 - i : i);

		put(&f->t, step == 2 ? 0x69 : 0x71, r, base, at + i * step, 0);
		if (shift)
			put(&f->t, span * bits <= 32 && one_in(2) ? 0x64 : 0x67, r, 0, 0,
			    one_in(12) ? bits : shift & (span * bits <= 32 ? 31 : 63));
		if (i)
			put(&f->t, one_in(4) ? 0x0f : 0x4f, a, b, 0, 0);
	}
	set(f, a);
	set(f, b);
}

/* Bytes side by side added up, upwards or downwards; now and then one is a half word, or changes on the way. */
static inline void fuzz_sum(struct fuzz *f)
{
	unsigned int a = any_dst(f), b = any_dst(f), base = one_in(4) ? 10 : MEM_REG;
	int n = 4 + (int)below(20), room = base == 10 ? f->stack - f->reserved : FUZZ_MEM, at;
	bool down = one_in(2);
	uint8_t sum = one_in(4) ? 0x0c : 0x0f;

	if (a == b || (f->dead >> a & 1))
		return;
	n = n < room ? n : room - 1;
	at = (int)below((uint32_t)(room - n)) - (base == 10 ? room : 0);
	for (int i = 0; i < n; i++) {
		put(&f->t, base != 10 && one_in(40) ? 0x69 : 0x71, b, base,
		    at + (down ? n - 1 - i : i), 0);
		put(&f->t, one_in(40) ? 0xaf : sum, a, b, 0, 0);
		if (one_in(60))
			put(&f->t, 0x73, base, a, at + (int)below((uint32_t)n), 0);
	}
	set(f, a);
	set(f, b);
}

static inline void fuzz_statement(struct fuzz *f);

static inline void fuzz_block(struct fuzz *f, int most)
{
	for (int i = 1 + (int)below((uint32_t)most); i > 0 && !fuzz_full(f); i--)
		fuzz_statement(f);
}

static inline const struct row *any_branch(void)
{
	const struct row *row;

	do
		row = &rows[1 + below(ISA_COUNT - 1)];
	while (row->kind != ISA_KIND_BRANCH);
	return row;
}

static inline void land(struct fuzz *f, uint32_t jump)
{
	f->t.in[jump].off = (int16_t)(f->t.n - jump - 1);
}

static inline void fuzz_if(struct fuzz *f)
{
	const struct row *row = any_branch();
	unsigned int a = any_src(f), b = any_src(f);
	uint32_t jump, over = 0;
	uint16_t before, then;
	bool has_else = one_in(2);

	jump = f->t.n;
	put_row(&f->t, row, a, b, 0, one_in(2) ? (int32_t)below(20) : (int32_t)interesting());
	before = f->dead;
	f->depth++;
	fuzz_block(f, 4);
	then = f->dead;
	if (has_else) {
		over = f->t.n;
		put(&f->t, 0x05, 0, 0, 0, 0);
		land(f, jump);
		f->dead = before;
		fuzz_block(f, 4);
		land(f, over);
		f->dead |= then;
	} else {
		land(f, jump);
		f->dead |= before;
	}
	f->depth--;
}

/* Minimum, maximum, clamp: a branch over one move. */
static inline void fuzz_select(struct fuzz *f)
{
	const struct row *row = any_branch();
	unsigned int a = live_dst(f), b = any_src(f);

	put_row(&f->t, row, one_in(2) ? a : any_src(f), b, 1, (int32_t)interesting());
	if (one_in(2))
		put(&f->t, one_in(3) ? 0xbc : 0xbf, a, b, 0, 0);
	else
		put(&f->t, one_in(3) ? 0xb4 : 0xb7, a, 0, 0, (int32_t)interesting());
}

/* The registers that had a value at the head of a loop have one at its end. */
static inline void revive(struct fuzz *f, uint16_t dead)
{
	for (unsigned int r = 0; r < 9; r++)
		if (f->dead >> r & 1 && !(dead >> r & 1))
			give(f, r, interesting());
	f->dead = dead;
}

static inline void fuzz_loop_reg(struct fuzz *f)
{
	unsigned int r = any_dst(f);
	int32_t n = 1 + (int32_t)below(f->loops ? 4 : 9), step = one_in(3) ? 2 : 1;
	bool up = one_in(2);
	uint16_t dead;
	uint32_t head;

	if (r < 6)
		r = 6 + below(3);
	if (f->fixed >> r & 1)
		return;
	give(f, r, up ? 0 : (uint64_t)(n * step));
	f->fixed |= (uint16_t)(1u << r);
	f->loops++;
	f->depth++;
	dead = f->dead;
	head = f->t.n;
	fuzz_block(f, 5);
	revive(f, dead);
	put(&f->t, one_in(2) ? 0x07 : 0x04, r, 0, 0, up ? step : -step);
	if (up)
		put(&f->t, one_in(2) ? 0xa5 : 0x55, r, 0, (int)head - (int)f->t.n - 1, n * step);
	else
		put(&f->t, one_in(2) ? 0x55 : 0x25, r, 0, (int)head - (int)f->t.n - 1, 0);
	f->depth--;
	f->loops--;
	f->fixed &= (uint16_t) ~(1u << r);
}

/* The counter lies on the stack; the test stands at the head. */
static inline void fuzz_loop_stack(struct fuzz *f)
{
	unsigned int r = any_dst(f);
	int32_t n = 1 + (int32_t)below(f->loops ? 4 : 9);
	uint32_t head, out;
	uint16_t dead;
	int slot;

	if (f->stack - f->reserved < 32)
		return;
	f->reserved += 8;
	slot = -f->stack + f->reserved - 8;
	put(&f->t, 0x7a, 10, 0, slot, 0);
	set(f, r);
	put(&f->t, 0xb7, r, 0, 0, 0);
	f->loops++;
	f->depth++;
	head = f->t.n;
	put(&f->t, 0x79, r, 10, slot, 0);
	out = f->t.n;
	put(&f->t, 0x35, r, 0, 0, n);
	put(&f->t, 0x07, r, 0, 0, 1);
	put(&f->t, 0x7b, 10, r, slot, 0);
	dead = f->dead;
	fuzz_block(f, 5);
	revive(f, dead);
	put(&f->t, 0x05, 0, 0, (int)head - (int)f->t.n - 1, 0);
	land(f, out);
	put(&f->t, 0x7a, 10, 0, slot, 0);
	f->depth--;
	f->loops--;
	f->reserved -= 8;
}

static inline void after_call(struct fuzz *f)
{
	f->dead = (uint16_t)((f->dead & ~1u) | 0x3e);
}

static inline void arguments(struct fuzz *f, unsigned int from)
{
	for (unsigned int r = from; r <= 5; r++)
		if (f->dead >> r & 1)
			give(f, r, interesting());
		else if (one_in(3))
			put(&f->t, 0xbf, r, any_src(f), 0, 0);
}

/* The place of a function's address, or of its call, to be filled in when it has one. */
static inline bool fuzz_refer(struct fuzz *f, uint32_t at, int func)
{
	if (f->ncalls == (int)ARRAY_SIZE(f->calls))
		return false;
	f->calls[f->ncalls].at = at;
	f->calls[f->ncalls++].func = func;
	f->wanted[func] = true;
	return true;
}

static inline void fuzz_call(struct fuzz *f)
{
	int callee = f->func + 1 + (int)below(FUZZ_FUNCS);

	if (callee > FUZZ_FUNCS || f->ncalls == (int)ARRAY_SIZE(f->calls) || f->loops > 1 ||
	    f->fixed & 0x3f)
		return;
	arguments(f, 2);
	put(&f->t, 0xbf, 1, MEM_REG, 0, 0);
	fuzz_refer(f, f->t.n, callee);
	put(&f->t, 0x85, 0, 1, 0, 0);
	after_call(f);
}

/* A value of the map, or bpf_loop: its callback gets the turn in r1 and the memory in r2. */
static inline void fuzz_kernel_helper(struct fuzz *f)
{
	int w = (int)below(4), slot = stack_at(f, 4, true);
	uint16_t before;
	uint32_t skip;

	if (!one_in(3)) {
		put(&f->t, 0x62, 10, 0, slot, (int32_t)below(6)); /* two of them are not there */
		put(&f->t, 0x18, 1, 5, 0, 0);
		put(&f->t, 0, 0, 0, 0, 0);
		put(&f->t, 0xbf, 2, 10, 0, 0);
		put(&f->t, 0x07, 2, 0, 0, slot);
		put(&f->t, 0x85, 0, 0, 0, 1);
		after_call(f);
		skip = f->t.n;
		put(&f->t, 0x15, 0, 0, 0, 0);
		f->fixed |= 1;
		f->dead |= 1;
		before = f->dead;
		access_at(f, 0, (int)below((uint32_t)(16 - widths[w].size + 1)), w);
		f->fixed &= (uint16_t)~1u;
		f->dead |= before; /* what was loaded is there on one path only */
		land(f, skip);
		give(f, 0, interesting());
	} else if (f->func == 0 && f->loops < 2 && !f->strict) {
		put(&f->t, 0xb7, 1, 0, 0, (int32_t)below(9));
		if (!fuzz_refer(f, f->t.n, FUZZ_CALLBACK))
			return;
		put(&f->t, 0x18, 2, 4, 0, 0);
		put(&f->t, 0, 0, 0, 0, 0);
		put(&f->t, 0xbf, 3, MEM_REG, 0, 0);
		put(&f->t, 0xb7, 4, 0, 0, 0);
		put(&f->t, 0x85, 0, 0, 0, 181);
		after_call(f);
	}
}

/* Helpers 1 and 2 compute, 3 reads and writes memory (address, bytes); by number or through a register. */
static inline void fuzz_helper(struct fuzz *f)
{
	int32_t id = 1 + (int32_t)below(FUZZ_HELPERS);
	unsigned int r = 6 + below(3);

	if ((f->strict && !f->maps) || f->fixed & 0x3f)
		return;
	if (f->maps) {
		fuzz_kernel_helper(f);
		return;
	}
	arguments(f, 1);
	if (id == 3) {
		bool stack = one_in(2);
		int size = 1 + (int)below(16);

		put(&f->t, 0xbf, 1, stack ? 10 : MEM_REG, 0, 0);
		put(&f->t, 0x07, 1, 0, 0,
		    stack ? stack_at(f, size, false) : (int)below((uint32_t)(FUZZ_MEM - size)));
		give(f, 2, (uint64_t)size);
	}
	if (one_in(6) && !(f->fixed >> r & 1)) {
		give(f, r, (uint64_t)id);
		put(&f->t, 0x8d, r, 0, 0, 0);
	} else {
		put(&f->t, 0x85, 0, 0, 0, id);
	}
	after_call(f);
}

/* A packet load ends its function when it falls outside. */
static inline void fuzz_packet(struct fuzz *f)
{
	static const uint8_t codes[] = { 0x30, 0x28, 0x20, 0x50, 0x48, 0x40 };
	uint8_t code = codes[below(6)];
	unsigned int src = 6 + below(3);
	int32_t at = (int32_t)below(one_in(8) ? FUZZ_MEM + 4 : FUZZ_MEM / 2);

	if (f->strict || f->fixed & 0x3f)
		return;
	if (code & 0x40) {
		if (f->fixed >> src & 1)
			return;
		give(f, src, below(FUZZ_MEM / 2 + (one_in(8) ? FUZZ_MEM : 0)));
	}
	put(&f->t, code, 0, code & 0x40 ? src : 0, 0, at);
	after_call(f);
}

/* Through a pointer that is not one, or off the end. */
static inline void fuzz_fault(struct fuzz *f)
{
	int w = (int)below(4);
	unsigned int r = live_dst(f);

	switch (below(5)) {
	case 0:
		access_at(f, MEM_REG, FUZZ_MEM - widths[w].size + 1 + (int)below(16), w);
		break;
	case 1:
		access_at(f, MEM_REG, -1 - (int)below(16), w);
		break;
	case 2:
		access_at(f, 10, one_in(2) ? -(int)below(8) + 7 : -520, w);
		break;
	case 3:
		put(&f->t, widths[w].ldx, r, r, (int)below(100), 0);
		break;
	default:
		put(&f->t, 0xbf, r, MEM_REG, 0, 0);
		put(&f->t, 0x0f, r, any_src(f), 0, 0);
		put(&f->t, widths[w].ldx, r, r, 0, 0);
	}
}

static inline void fuzz_exit(struct fuzz *f)
{
	const struct row *row = any_branch();

	if (f->dead & 1)
		return;
	put_row(&f->t, row, any_src(f), any_src(f), 1, (int32_t)interesting());
	put(&f->t, 0x95, 0, 0, 0, 0);
}

static inline void fuzz_statement(struct fuzz *f)
{
	uint32_t n = below(100);

	if (f->faults && one_in(30))
		fuzz_fault(f);
	else if (n < 30)
		fuzz_alu(f);
	else if (n < 36)
		fuzz_rotate(f);
	else if (n < 40)
		fuzz_divide(f);
	else if (n < 46)
		fuzz_idiom(f);
	else if (n < 60)
		fuzz_access(f);
	else if (n < 65)
		fuzz_indexed(f);
	else if (n < 69)
		fuzz_atomic(f);
	else if (n < 72)
		fuzz_bytes(f);
	else if (n < 73)
		fuzz_sum(f);
	else if (n < 78)
		fuzz_select(f);
	else if (n < 86 && f->depth < 4)
		fuzz_if(f);
	else if (n < 89 && f->depth < 3 && f->loops < 2)
		fuzz_loop_reg(f);
	else if (n < 91 && f->depth < 3 && f->loops < 2)
		fuzz_loop_stack(f);
	else if (n < 94)
		fuzz_call(f);
	else if (n < 97)
		fuzz_helper(f);
	else if (n < 98)
		fuzz_packet(f);
	else if (n < 99)
		fuzz_exit(f);
}

/* r0 becomes a mixture of what the function knows. */
static inline void fuzz_end(struct fuzz *f)
{
	if (f->dead & 1)
		give(f, 0, 7);
	for (unsigned int r = 1; r < 9; r++) {
		if (f->dead >> r & 1)
			continue;
		put(&f->t, 0x27, 0, 0, 0, 31);
		put(&f->t, 0x0f, 0, r, 0, 0);
	}
	for (int at = -f->stack; at < 0; at += 8) {
		put(&f->t, 0x79, 1, 10, at, 0);
		put(&f->t, 0x27, 0, 0, 0, 33);
		put(&f->t, 0xaf, 0, 1, 0, 0);
	}
	if (f->func == FUZZ_CALLBACK)
		put(&f->t, 0x57, 0, 0, 0, 1); /* go on, or enough */
	if (!f->func) {			      /* the kernel shows 32 bits */
		put(&f->t, 0xbf, 1, 0, 0, 0);
		put(&f->t, 0x77, 1, 0, 0, 32);
		put(&f->t, 0xaf, 0, 1, 0, 0);
	}
	put(&f->t, 0x95, 0, 0, 0, 0);
}

static inline void fuzz_function(struct fuzz *f, int func, uint32_t most)
{
	f->func = func;
	f->stack = func ? FUZZ_STACK / 2 : FUZZ_STACK;
	f->reserved = f->depth = f->loops = 0;
	f->fixed = 0;
	f->dead = func == FUZZ_CALLBACK ? 0x1fd : func ? 0x1c3 : 0x1ff; /* arguments live */
	if (func)
		put(&f->t, 0xbf, MEM_REG, func == FUZZ_CALLBACK ? 2 : 1, 0, 0);
	for (unsigned int r = 0; r < 9; r++)
		if (f->dead >> r & 1 && !one_in(5))
			give(f, r, interesting());
	for (int at = -f->stack; at < 0; at += 8)
		if (one_in(2))
			put(&f->t, 0x7a, 10, 0, at, (int32_t)interesting());
		else
			put(&f->t, 0x7b, 10, any_src(f), at, 0);
	f->end = (uint32_t)num_min(f->t.n + 10 + below(most), FUZZ_ROOM - 110);
	while (!fuzz_full(f))
		fuzz_statement(f);
	fuzz_end(f);
}

/* One that is small enough to be written where it is called, with a branch or without. */
static inline void fuzz_small(struct fuzz *f, int func)
{
	f->func = func;
	f->stack = f->reserved = f->depth = f->loops = 0;
	f->fixed = 0;
	f->dead = 0x1c3; /* arguments live */
	put(&f->t, 0xbf, MEM_REG, 1, 0, 0);
	give(f, 0, interesting());
	for (uint32_t n = below(5); n; n--) {
		if (one_in(4))
			access_at(f, MEM_REG, (int)below(FUZZ_MEM / 8) * 8, 1 + (int)below(3));
		else if (one_in(4))
			fuzz_exit(f);
		else
			fuzz_alu(f);
	}
	put(&f->t, 0x95, 0, 0, 0, 0);
}

/* The body; false: it did not fit. */
static inline bool fuzz_body(struct fuzz *f, uint64_t seed, uint32_t most)
{
	uint32_t starts[FUZZ_CALLBACK + 1];

	state = seed * 0x9e3779b97f4a7c15ull ^ 0xd1b54a32d192ed03ull;
	f->t.n = 0;
	f->ncalls = 0;
	memset(f->wanted, 0, sizeof(f->wanted));
	fuzz_function(f, 0, most);
	for (int func = 1; func <= FUZZ_CALLBACK; func++) {
		if (!f->wanted[func])
			continue;
		if (f->t.n > FUZZ_ROOM - 180)
			return false;
		starts[func] = f->t.n;
		if (func != FUZZ_CALLBACK && one_in(3))
			fuzz_small(f, func);
		else
			fuzz_function(f, func, 40);
	}
	for (int i = 0; i < f->ncalls; i++)
		f->t.in[f->calls[i].at].imm =
			(int32_t)(starts[f->calls[i].func] - f->calls[i].at - 1);
	return f->t.n <= FUZZ_ROOM;
}

/* Our engines: r1 is the memory. */
static inline void fuzz_ours(const struct fuzz *f, struct text *t)
{
	t->n = 0;
	put(t, 0xbf, MEM_REG, 1, 0, 0);
	memcpy(t->in + t->n, f->t.in, f->t.n * sizeof(f->t.in[0]));
	t->n += f->t.n;
}

/* The kernel: r1 is a struct xdp_md, the memory is the packet. */
static inline void fuzz_kernel(const struct fuzz *f, struct text *t)
{
	t->n = 0;
	put(t, 0x61, MEM_REG, 1, 0, 0);
	put(t, 0x61, 2, 1, 4, 0);
	put(t, 0xbf, 3, MEM_REG, 0, 0);
	put(t, 0x07, 3, 0, 0, FUZZ_MEM);
	put(t, 0xbd, 3, 2, 2, 0);
	put(t, 0xb7, 0, 0, 0, 0);
	put(t, 0x95, 0, 0, 0, 0);
	memcpy(t->in + t->n, f->t.in, f->t.n * sizeof(f->t.in[0]));
	t->n += f->t.n;
}

#endif
