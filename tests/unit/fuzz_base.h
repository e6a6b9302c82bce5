/* SPDX-License-Identifier: Apache-2.0 */
/* What random programs are made of (fuzz_gen.h): which registers hold something, and single instructions. */
#ifndef TESTS_UNIT_FUZZ_BASE_H
#define TESTS_UNIT_FUZZ_BASE_H

#include "base/num.h"
#include "exec_gen.h"

#define FUZZ_MEM 128
#define FUZZ_STACK 64 /* bytes below r10 that a program uses, in main; half of it in functions */
#define FUZZ_FUNCS 3
#define FUZZ_CALLBACK (FUZZ_FUNCS + 1)
#define FUZZ_HELPERS 3
#define FUZZ_ROOM 480
#define MEM_REG 9

struct fuzz {
	struct text t;
	bool strict; /* for the kernel */
	bool faults; /* an access may fall outside */
	bool maps;
	uint32_t end;
	uint16_t dead, fixed; /* registers without a value; those that must keep it */
	int depth, loops;
	int func;     /* 0: main */
	int stack;    /* bytes below r10 */
	int reserved; /* of them at the far end, for loop counters */
	struct {
		uint32_t at;
		int func;
	} calls[32];
	int ncalls;
	bool wanted[FUZZ_CALLBACK + 1];
};

static inline uint32_t below(uint32_t n)
{
	return (uint32_t)(random64() >> 33) % n;
}

static inline bool one_in(uint32_t n)
{
	return below(n) == 0;
}

static inline bool fuzz_full(const struct fuzz *f)
{
	return f->t.n >= f->end;
}

static inline unsigned int any_dst(const struct fuzz *f)
{
	for (;;) {
		unsigned int r = below(9);

		if (!(f->fixed >> r & 1))
			return r;
	}
}

static inline void give(struct fuzz *f, unsigned int r, uint64_t value)
{
	if ((uint64_t)(int64_t)(int32_t)value == value && !one_in(4))
		put(&f->t, 0xb7, r, 0, 0, (int32_t)value);
	else
		put_lddw(&f->t, r, value);
	f->dead &= (uint16_t) ~(1u << r);
}

static inline unsigned int live_dst(struct fuzz *f)
{
	unsigned int r = any_dst(f);

	if (f->dead >> r & 1)
		give(f, r, interesting());
	return r;
}

/* A register that has a value. */
static inline unsigned int any_src(struct fuzz *f)
{
	for (int i = 0; i < 40; i++) {
		unsigned int r = below(9);

		if (!(f->dead >> r & 1))
			return r;
	}
	return live_dst(f);
}

static inline void set(struct fuzz *f, unsigned int r)
{
	f->dead &= (uint16_t) ~(1u << r);
}

static inline void fuzz_alu(struct fuzz *f)
{
	const struct row *row;
	int32_t imm = (int32_t)interesting();
	unsigned int dst = live_dst(f), src = any_src(f);

	do
		row = &rows[1 + below(ISA_COUNT - 1)];
	while (row->kind != ISA_KIND_ALU);
	if (one_in(3))
		imm = (int32_t)below(65);
	put_row(&f->t, row, dst, src, 0, f->strict ? in_width(row, imm) : imm);
	set(f, dst);
}

/* A place below r10 for @size bytes that is not a loop counter's. */
static inline int stack_at(const struct fuzz *f, int size, bool aligned)
{
	int room = f->stack - f->reserved;
	int off = -room + (int)below((uint32_t)(room - size + 1));

	return aligned || f->strict ? -room + (off + room) / size * size : off;
}

static const struct {
	int size;
	uint8_t ldx, ldxs, st, stx;
} widths[] = {
	{ 1, 0x71, 0x91, 0x72, 0x73 },
	{ 2, 0x69, 0x89, 0x6a, 0x6b },
	{ 4, 0x61, 0x81, 0x62, 0x63 },
	{ 8, 0x79, 0x79, 0x7a, 0x7b },
};

static inline void access_at(struct fuzz *f, unsigned int base, int off, int w)
{
	unsigned int r;

	switch (below(4)) {
	case 0:
	case 1:
		r = any_dst(f);
		put(&f->t, one_in(4) ? widths[w].ldxs : widths[w].ldx, r, base, off, 0);
		set(f, r);
		break;
	case 2:
		put(&f->t, widths[w].st, base, 0, off, (int32_t)interesting());
		break;
	default:
		put(&f->t, widths[w].stx, base, any_src(f), off, 0);
	}
}

static inline void fuzz_access(struct fuzz *f)
{
	int w = (int)below(4), size = widths[w].size;

	if (one_in(2))
		access_at(f, 10, stack_at(f, size, !one_in(3)), w);
	else
		access_at(f, MEM_REG, (int)below((uint32_t)(FUZZ_MEM - size + 1)), w);
}

/* Memory at a computed place: index & mask, times a scale. */
static inline void fuzz_indexed(struct fuzz *f)
{
	int w = (int)below(4);
	unsigned int p = any_dst(f), i = any_src(f);
	bool stack = one_in(3);
	int span = stack ? (f->stack - f->reserved) / 2 : FUZZ_MEM / 2, scale = (int)below(4);

	if (f->fixed >> i & 1 || p == i)
		i = live_dst(f);
	if (p == i || f->fixed >> p & 1 || f->fixed >> i & 1 || f->strict)
		return;
	while (span % (1 << scale) || (span >> scale) < 2)
		scale--;
	put(&f->t, one_in(2) ? 0x57 : 0x54, i, 0, 0, (span >> scale) - 1);
	if (scale)
		put(&f->t, 0x67, i, 0, 0, scale);
	put(&f->t, 0xbf, p, stack ? 10 : MEM_REG, 0, 0);
	if (stack)
		put(&f->t, 0x07, p, 0, 0, -(f->stack - f->reserved));
	put(&f->t, 0x0f, p, i, 0, 0);
	f->dead |= (uint16_t)(1u << p);
	f->fixed |= (uint16_t)(1u << p);
	for (uint32_t k = 1 + below(2); k; k--)
		access_at(f, p, (int)below((uint32_t)(span - widths[w].size + 1)), w);
	f->fixed &= (uint16_t) ~(1u << p);
	give(f, p, interesting());
}

/*
 * A value fetched from the stack goes through the packet, so that the kernel knows nothing about it. Linux 6.18 does
 * not follow precision through such an instruction back to the slot: it leaves a path as covered by one with another
 * constant there, and then makes a branch on the value unconditional. And it zero-extends r0 of cmpxchg32 only if a path
 * that it walked to its end needs that, not if one does that it left. Vectors hold our engines to both.
 */
static inline void fuzz_forget(struct fuzz *f, unsigned int r, int w)
{
	int at = (int)below((uint32_t)(FUZZ_MEM - widths[w].size + 1));

	put(&f->t, widths[w].stx, MEM_REG, r, at, 0);
	put(&f->t, widths[w].ldx, r, MEM_REG, at, 0);
}

static inline void fuzz_atomic(struct fuzz *f)
{
	const struct row *row;
	bool stack = one_in(2) || f->strict;
	unsigned int src = live_dst(f);
	int size;

	do
		row = &rows[1 + below(ISA_COUNT - 1)];
	while (row->kind != ISA_KIND_ATOMIC && row->imm != 0x100 && row->imm != 0x110);
	size = (int)isa_access_size((enum isa_op)(row - rows));
	if (f->dead & 1 && !(f->fixed & 1))
		give(f, 0, interesting()); /* compared */
	if (row->imm == 0xf1 && f->fixed & 1)
		return;
	if (row->imm == 0x100)
		put(&f->t, row->code, src, stack ? 10 : MEM_REG,
		    stack ? stack_at(f, size, true) : (int)below(FUZZ_MEM / 8) * 8, row->imm);
	else
		put(&f->t, row->code, stack ? 10 : MEM_REG, src,
		    stack ? stack_at(f, size, true) : (int)below(FUZZ_MEM / 8) * 8, row->imm);
	if (f->strict && row->imm & 1)
		fuzz_forget(f, row->imm == 0xf1 ? 0 : src, size == 8 ? 3 : 2);
}

#endif
