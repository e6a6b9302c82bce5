// SPDX-License-Identifier: Apache-2.0
/*
 * From an op to text: the row's text of the wanted style with its % directives filled in. isa.def
 * explains the directives. Names go into the kernel style only, so that the other notations can always
 * be assembled again; the kernel's can as long as it is given none.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "isa/internal.h"

struct printer {
	struct buf *out;
	const struct skep_insn *in;
	size_t at;
	enum isa_op op;
	enum skep_insn_style style;
	const struct isa_names *names;
};

static uint64_t wide_value(const struct skep_insn *in)
{
	return (uint64_t)(uint32_t)in[1].imm << 32 | (uint32_t)in[0].imm;
}

static int64_t target_of(const struct printer *p)
{
	return (int64_t)p->at + 1 + isa_jump_delta(p->op, p->in);
}

static const char *name_func(const struct printer *p)
{
	if (p->style != SKEP_INSN_KERNEL || !p->names || !p->names->func)
		return NULL;
	return p->names->func(p->names->ctx, target_of(p));
}

static const char *label_of(const struct printer *p)
{
	return p->names && p->names->label ? p->names->label(p->names->ctx, target_of(p)) : NULL;
}

static void put_register(struct printer *p, unsigned int reg, bool half)
{
	if (p->style == SKEP_INSN_ASM)
		buf_printf(p->out, "%%r%u", reg);
	else
		buf_printf(p->out, "%s%u", half ? "w" : "r", reg);
}

static void put_target(struct printer *p, int32_t delta)
{
	const char *label = label_of(p), *name = NULL;

	if (label) {
		buf_adds(p->out, label);
		return;
	}
	buf_printf(p->out, "%+d", delta);
	if (p->op == ISA_CALL_LOCAL)
		name = name_func(p);
	if (name)
		buf_printf(p->out, "#%s", name);
}

static void put_helper(struct printer *p)
{
	const char *name = NULL;

	if (p->names && p->names->helper)
		name = p->names->helper(p->names->ctx, p->in->imm);
	buf_printf(p->out, "%s#%d", name ? name : "unknown", p->in->imm);
}

/* The kernel tells no module; without a name we do, for the way back. */
static void put_kfunc(struct printer *p)
{
	const char *name = NULL;

	if (p->names && p->names->kfunc)
		name = p->names->kfunc(p->names->ctx, p->in);
	buf_printf(p->out, "%s#%d", name ? name : "kernel-function", p->in->imm);
	if (!name && p->in->off)
		buf_printf(p->out, ", %d", p->in->off);
}

static void put_offset(struct printer *p, char directive)
{
	int off = p->in->off;

	if (directive == 'f')
		buf_printf(p->out, "%c %d", off < 0 ? '-' : '+', off < 0 ? -off : off);
	else if (off || p->style != SKEP_INSN_ASM)
		buf_printf(p->out, "%+d", off);
}

/* The name of what a wide load loads, if it has one. */
static bool put_object(struct printer *p)
{
	const char *name = NULL;

	if (p->op == ISA_LD_FUNC)
		name = name_func(p);
	if (!name && p->names && p->names->pseudo)
		name = p->names->pseudo(p->names->ctx, p->in);
	if (name)
		buf_adds(p->out, name);
	return name;
}

static void put_number(struct printer *p, char directive)
{
	const struct skep_insn *in = p->in;

	switch (directive) {
	case 'i':
	case 'j':
		buf_printf(p->out, "%d", in->imm);
		break;
	case 'x':
		buf_printf(p->out, "0x%x", (uint32_t)in->imm);
		break;
	case 'v':
		buf_printf(p->out, "%u", (uint32_t)in->imm);
		break;
	case 'c':
		if (in->imm)
			buf_printf(p->out, " + %d", in->imm);
		break;
	case 'n':
		buf_printf(p->out, "%d", in->off);
		break;
	case 'u':
		buf_printf(p->out, "%d", in[1].imm);
		break;
	case 'q':
		buf_printf(p->out, "0x%" PRIx64, wide_value(in));
		break;
	case 'Q':
		buf_printf(p->out, "%" PRId64, (int64_t)wide_value(in));
		break;
	default:
		buf_addc(p->out, directive);
	}
}

/* False: the text ends here. */
static bool put_directive(struct printer *p, char directive)
{
	switch (directive) {
	case 'd':
	case 'D':
	case 'e':
		put_register(p, insn_dst(p->in), directive == 'D');
		return true;
	case 's':
	case 'S':
	case 'g':
		put_register(p, insn_src(p->in), directive == 'S');
		return true;
	case 'o':
	case 'f':
		put_offset(p, directive);
		return true;
	case 't':
		put_target(p, p->in->off);
		return true;
	case 'l':
		put_target(p, p->in->imm);
		return true;
	case 'h':
		put_helper(p);
		return true;
	case 'k':
		put_kfunc(p);
		return true;
	case 'p':
		return !put_object(p);
	default:
		put_number(p, directive);
		return true;
	}
}

static void put_invalid(struct buf *out, const struct skep_insn *in)
{
	uint16_t off = (uint16_t)in->off;
	uint32_t imm = (uint32_t)in->imm;

	buf_printf(out, "invalid %02x %02x %02x %02x %02x %02x %02x %02x", in->code, in->regs,
		   off & 255, off >> 8, imm & 255, imm >> 8 & 255, imm >> 16 & 255, imm >> 24);
}

int isa_print(struct buf *out, const struct skep_insn *in, size_t n, size_t at,
	      enum skep_insn_style style, const struct isa_names *names)
{
	struct printer p = { out, in, at, isa_decode(in, n), style, names };
	const char *t;

	if (p.op == ISA_INVALID || (unsigned int)style >= SKEP_INSN_STYLES) {
		put_invalid(out, in);
		return -EINVAL;
	}
	for (t = isa_text(p.op, style); *t; t++) {
		if (!strncmp(t, "pc%", 3) && label_of(&p))
			t += 2; /* a label is not relative to anything */
		if (*t != '%')
			buf_addc(out, *t);
		else if (!put_directive(&p, *++t))
			break;
	}
	return (int)isa_slots(p.op);
}

static int print_to(const struct skep_insn *in, size_t n, size_t at, enum skep_insn_style style,
		    const struct isa_names *names, char *buf, size_t size)
{
	struct buf out;
	int r;

	buf_init(&out);
	r = isa_print(&out, in, n, at, style, names);
	if (out.failed)
		r = -ENOMEM;
	if (size)
		snprintf(buf, size, "%s", buf_str(&out));
	buf_done(&out);
	return r;
}

int skep_insn_print(const struct skep_insn *insns, size_t n, enum skep_insn_style style, char *buf,
		    size_t size)
{
	return print_to(insns, n, 0, style, NULL, buf, size);
}

struct labels {
	const struct skep_insn *insns;
	size_t n;
	char name[24];
};

/* Inside the program, and not the second half of a wide instruction. */
static bool can_have_label(const struct skep_insn *insns, size_t n, int64_t slot)
{
	if (slot < 0 || (uint64_t)slot >= n)
		return false;
	return !slot || isa_slots(isa_decode(insns + slot - 1, n - (size_t)slot + 1)) == 1;
}

static const char *name_label(void *ctx, int64_t target)
{
	struct labels *l = ctx;

	if (!can_have_label(l->insns, l->n, target))
		return NULL;
	snprintf(l->name, sizeof(l->name), "L%" PRId64, target);
	return l->name;
}

int skep_insn_print_labels(const struct skep_insn *insns, size_t n, size_t at,
			   enum skep_insn_style style, char *buf, size_t size)
{
	struct labels labels = { .insns = insns, .n = n };
	const struct isa_names names = { .label = name_label, .ctx = &labels };

	return print_to(insns + at, n - at, at, style, &names, buf, size);
}

void skep_insn_targets(const struct skep_insn *insns, size_t n, unsigned char *ret_target)
{
	enum isa_op op;

	memset(ret_target, 0, n);
	for (size_t at = 0; at < n; at += isa_slots(op)) {
		int64_t target;

		op = isa_decode(insns + at, n - at);
		if (!isa_is_jump(op) && op != ISA_CALL_LOCAL && op != ISA_LD_FUNC)
			continue;
		target = (int64_t)at + 1 + isa_jump_delta(op, insns + at);
		if (can_have_label(insns, n, target))
			ret_target[target] = 1;
	}
}
