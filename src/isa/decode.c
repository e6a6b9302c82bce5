// SPDX-License-Identifier: Apache-2.0
/*
 * From bytes to an op. A table of 256 entries gives the first row with an opcode; the rows that share
 * the code stand one behind the other in isa.def (MORE) and differ in what their fields may hold. At
 * most one of them fits (the unit test proves it), so the first that does is the op.
 *
 * Fields that an instruction does not use must be zero (RFC 9669 section 3.1), and r10 is read-only (the
 * calling convention of the eBPF psABI).
 */
#include <stdio.h>
#include <string.h>

#include "isa/internal.h"

_Static_assert(ISA_COUNT <= 256, "ops no longer fit the byte of the opcode table");
_Static_assert(sizeof(struct skep_insn) == 8, "a basic instruction has 64 bits");

#define ZERO         \
	{            \
		0, 0 \
	}
#define ANY                          \
	{                            \
		INT32_MIN, INT32_MAX \
	}
#define IS(n)        \
	{            \
		n, n \
	}
#define REG                   \
	{                     \
		0, ISA_REG_FP \
	}
#define WREG                      \
	{                         \
		0, ISA_REG_FP - 1 \
	}
#define WIDE ANY
#define LOW ANY
#define NEXT_ZERO ZERO
#define NEXT_ANY ZERO
#define NEXT_IS(n) ZERO
#define NEXT_WIDE ANY
#define NEXT_LOW ZERO
#define SLOTS_ZERO 1
#define SLOTS_ANY 1
#define SLOTS_IS(n) 1
#define SLOTS_WIDE 2
#define SLOTS_LOW 2
#define MAX_DST(reads, writes) (((writes)&DST) ? ISA_REG_FP - 1 : ((reads)&DST) ? ISA_REG_FP : 0)

const struct isa_shape isa_shapes[ISA_COUNT] = {
#define INSN(id, opcode, src, off, imm, kind, reads, writes, ...) \
	[ISA_##id] = { opcode,                                    \
		       SLOTS_##imm,                               \
		       { { 0, MAX_DST(reads, writes) }, src, off, imm, NEXT_##imm } },
#include "isa/isa.def"
#undef INSN
};

/* -Woverride-init: two INSN() rows with one code are a mistake (the second must be MORE). */
static const uint8_t first_op[256] = {
#define INSN(id, opcode, ...) [opcode] = ISA_##id,
#define MORE(...)
#include "isa/isa.def"
#undef INSN
};

static bool in_range(int32_t value, struct isa_range r)
{
	return (uint32_t)value - (uint32_t)r.lo <= (uint32_t)r.hi - (uint32_t)r.lo;
}

static bool fits(const struct isa_shape *shape, const struct skep_insn *in)
{
	return in_range((int32_t)insn_dst(in), shape->field[ISA_FIELD_DST]) &&
	       in_range((int32_t)insn_src(in), shape->field[ISA_FIELD_SRC]) &&
	       in_range(in->off, shape->field[ISA_FIELD_OFF]) &&
	       in_range(in->imm, shape->field[ISA_FIELD_IMM]);
}

/* The second slot holds nothing but imm (RFC 9669 section 3.2). */
static bool fits_next(const struct isa_shape *shape, const struct skep_insn *in, size_t n)
{
	return n > 1 && !in[1].code && !in[1].regs && !in[1].off &&
	       in_range(in[1].imm, shape->field[ISA_FIELD_NEXT]);
}

enum isa_op isa_decode(const struct skep_insn *in, size_t n)
{
	unsigned int op;

	if (!n)
		return ISA_INVALID;
	op = first_op[in->code];
	if (!op)
		return ISA_INVALID;
	for (; op < ISA_COUNT && isa_shapes[op].code == in->code; op++) {
		if (!fits(&isa_shapes[op], in))
			continue;
		if (isa_shapes[op].slots == 2 && !fits_next(&isa_shapes[op], in, n))
			return ISA_INVALID;
		return (enum isa_op)op;
	}
	return ISA_INVALID;
}

static int32_t field_value(const struct skep_insn *in, enum isa_field f)
{
	const int32_t values[] = { (int32_t)insn_dst(in), (int32_t)insn_src(in), in->off, in->imm };

	return values[f];
}

/* The first field of @in that @shape does not take; ISA_FIELD_NEXT if all fit. *@ret_count: how many. */
static enum isa_field misfit(const struct isa_shape *shape, const struct skep_insn *in,
			     unsigned int *ret_count)
{
	enum isa_field bad = ISA_FIELD_NEXT;

	*ret_count = 0;
	for (int f = ISA_FIELD_NEXT - 1; f >= 0; f--) {
		if (in_range(field_value(in, (enum isa_field)f), shape->field[f]))
			continue;
		bad = (enum isa_field)f;
		++*ret_count;
	}
	return bad;
}

static const char *const field_names[] = { "dst", "src", "off", "imm" };

static void why_register(enum isa_field f, int32_t value, char *buf, size_t size)
{
	if (value > ISA_REG_FP)
		snprintf(buf, size, "%s is r%d, the last register is r%d", field_names[f], value,
			 ISA_REG_FP);
	else
		snprintf(buf, size, "%s is r%d, which is read-only", field_names[f], value);
}

/* Names every value of field @f that the rows of this code would take if it alone were at fault. */
static void why_field(const struct skep_insn *in, enum isa_field f, char *buf, size_t size)
{
	unsigned int count, listed = 0;
	int len = snprintf(buf, size, "field '%s' is %d, must be", field_names[f],
			   field_value(in, f));

	for (unsigned int op = first_op[in->code];
	     op < ISA_COUNT && isa_shapes[op].code == in->code; op++) {
		struct isa_range r = isa_shapes[op].field[f];

		if (misfit(&isa_shapes[op], in, &count) != f || r.lo != r.hi || len < 0 ||
		    (size_t)len >= size)
			continue;
		len += snprintf(buf + len, size - (size_t)len, "%s %d", listed++ ? " or" : "",
				r.lo);
	}
}

static void why_next(const struct skep_insn *in, size_t n, char *buf, size_t size)
{
	if (n < 2)
		snprintf(buf, size, "the second half of a wide instruction is missing");
	else if (in[1].code)
		snprintf(buf, size, "opcode of the second half is 0x%02x, must be 0", in[1].code);
	else if (in[1].regs)
		snprintf(buf, size, "registers of the second half are 0x%02x, must be 0",
			 in[1].regs);
	else if (in[1].off)
		snprintf(buf, size, "field 'off' of the second half is %d, must be 0", in[1].off);
	else
		snprintf(buf, size, "field 'imm' of the second half is %d, must be 0", in[1].imm);
}

static unsigned int nearest(const struct skep_insn *in)
{
	unsigned int best = 0, fewest = ISA_FIELDS, count;

	for (unsigned int op = first_op[in->code];
	     op && op < ISA_COUNT && isa_shapes[op].code == in->code; op++) {
		misfit(&isa_shapes[op], in, &count);
		if (count < fewest) {
			fewest = count;
			best = op;
		}
	}
	return best;
}

enum isa_op isa_nearest(const struct skep_insn *in)
{
	enum isa_op op = (enum isa_op)nearest(in);

	return isa_shapes[op].slots == 1 ? op : ISA_INVALID;
}

void isa_why_invalid(const struct skep_insn *in, size_t n, char *buf, size_t size)
{
	unsigned int best, count;
	enum isa_field bad;

	if (!n || !first_op[in->code]) {
		if (!n)
			snprintf(buf, size, "no instruction is left");
		else
			snprintf(buf, size, "unknown opcode 0x%02x", in->code);
		return;
	}
	best = nearest(in);
	bad = misfit(&isa_shapes[best], in, &count);
	if (bad == ISA_FIELD_NEXT)
		why_next(in, n, buf, size);
	else if (isa_shapes[best].field[bad].hi != isa_shapes[best].field[bad].lo)
		why_register(bad, field_value(in, bad), buf, size);
	else
		why_field(in, bad, buf, size);
}
