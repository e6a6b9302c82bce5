// SPDX-License-Identifier: Apache-2.0
/*
 * From an op to text: the row's text of the wanted style with its % directives filled in. isa.def
 * explains the directives. Names go into the kernel style only, so that the assembler's notation can
 * always be assembled again.
 */
#include <inttypes.h>
#include <stdio.h>

#include "isa/internal.h"

struct printer {
	struct buf *out;
	const struct skep_insn *in;
	size_t at;
	enum isa_op op;
	bool assembler;
	const struct isa_names *names;
};

static uint64_t wide_value(const struct skep_insn *in)
{
	return (uint64_t)(uint32_t)in[1].imm << 32 | (uint32_t)in[0].imm;
}

static const char *name_func(const struct printer *p)
{
	int64_t target = (int64_t)p->at + 1 + isa_jump_delta(p->op, p->in);

	return p->names && p->names->func ? p->names->func(p->names->ctx, target) : NULL;
}

static void put_register(struct printer *p, unsigned int reg, bool half)
{
	buf_printf(p->out, "%s%u", p->assembler ? "%r" : half ? "w" : "r", reg);
}

static void put_target(struct printer *p, int32_t delta)
{
	const char *name = NULL;

	buf_printf(p->out, "%+d", delta);
	if (!p->assembler && p->op == ISA_CALL_LOCAL)
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

static void put_kfunc(struct printer *p)
{
	const char *name = NULL;

	if (p->names && p->names->kfunc)
		name = p->names->kfunc(p->names->ctx, p->in);
	buf_printf(p->out, "%s#%d", name ? name : "kernel-function", p->in->imm);
}

static void put_object(struct printer *p)
{
	const char *name = NULL;

	if (p->op == ISA_LD_FUNC)
		name = name_func(p);
	if (!name && p->names && p->names->pseudo)
		name = p->names->pseudo(p->names->ctx, p->in);
	if (name)
		buf_adds(p->out, name);
	else
		buf_printf(p->out, "0x%" PRIx64, wide_value(p->in));
}

static void put_directive(struct printer *p, char directive)
{
	const struct skep_insn *in = p->in;

	switch (directive) {
	case 'd':
	case 'D':
		put_register(p, insn_dst(in), directive == 'D');
		break;
	case 's':
	case 'S':
		put_register(p, insn_src(in), directive == 'S');
		break;
	case 'i':
		buf_printf(p->out, "%d", in->imm);
		break;
	case 'x':
		buf_printf(p->out, "0x%x", (uint32_t)in->imm);
		break;
	case 'o':
		if (in->off || !p->assembler)
			buf_printf(p->out, "%+d", in->off);
		break;
	case 'n':
		buf_printf(p->out, "%d", in->off);
		break;
	case 't':
		put_target(p, in->off);
		break;
	case 'l':
		put_target(p, in->imm);
		break;
	case 'h':
		put_helper(p);
		break;
	case 'k':
		put_kfunc(p);
		break;
	case 'u':
		buf_printf(p->out, "%d", in[1].imm);
		break;
	case 'q':
		buf_printf(p->out, "0x%" PRIx64, wide_value(in));
		break;
	case 'p':
		put_object(p);
		break;
	default:
		buf_addc(p->out, directive);
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
	struct printer p = { out, in, at, isa_decode(in, n), style == SKEP_INSN_ASM, names };

	if (p.op == ISA_INVALID) {
		put_invalid(out, in);
		return -EINVAL;
	}
	for (const char *t = isa_text(p.op, p.assembler ? SKEP_INSN_ASM : SKEP_INSN_KERNEL); *t;
	     t++) {
		if (*t == '%')
			put_directive(&p, *++t);
		else
			buf_addc(out, *t);
	}
	return (int)isa_slots(p.op);
}

int skep_insn_print(const struct skep_insn *insns, size_t n, enum skep_insn_style style, char *buf,
		    size_t size)
{
	struct buf out;
	int r;

	buf_init(&out);
	r = isa_print(&out, insns, n, 0, style, NULL);
	if (out.failed)
		r = -ENOMEM;
	if (size)
		snprintf(buf, size, "%s", buf_str(&out));
	buf_done(&out);
	return r;
}
