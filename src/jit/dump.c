// SPDX-License-Identifier: Apache-2.0
/* The IR as text, for tests and for whoever debugs the compiler: one line a value, places once they are known. */
#include "jit/alloc.h"

static const char *const names[IR_COUNT] = {
#define IR(id, ...) [IR_##id] = #id,
#include "jit/ir.def"
#undef IR
};

static void value(struct buf *out, const struct ir_fn *f, uint32_t v)
{
	if (ir_is(f, v, IR_CONST))
		buf_printf(out, " 0x%llx", (unsigned long long)f->ins[v].imm);
	else
		buf_printf(out, " v%u", v);
}

static void line(struct buf *out, const struct jit_alloc *a, const struct ir_fn *f, uint32_t v)
{
	const struct ir_ins *in = &f->ins[v];
	uint32_t ops[8], n = in->op == IR_PHI ? 0 : jit_operands(f, in, ops);

	buf_printf(out, "  v%u", v);
	if (a && a->reg && a->reg[v] != NO_REG)
		buf_printf(out, " @%u", a->reg[v]);
	else if (a && a->slot && a->slot[v])
		buf_printf(out, " #%u", a->slot[v]);
	buf_printf(out, " = %s%s x%u y%u", names[in->op], in->w ? "" : "32", in->x, in->y);
	for (uint32_t k = 0; k < n; k++)
		value(out, f, ops[k]);
	for (uint32_t k = 0; in->op == IR_PHI && k < in->b; k++)
		value(out, f, f->args[in->a + k]);
	if (in->imm)
		buf_printf(out, " imm %lld", (long long)in->imm);
	buf_printf(out, "\n");
}

void jit_dump(const struct ir_fn *f, const struct jit_alloc *a, struct buf *out)
{
	uint32_t count = a && a->layout ? a->nlayout : f->nblocks;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t k = a && a->layout ? a->layout[i] : i;
		const struct ir_block *b = &f->blocks[k];

		if (!b->reached)
			continue;
		buf_printf(out, "block %u -> %d %d, loops %u, from", k, (int)b->succ[0],
			   (int)b->succ[1], b->loops);
		for (uint32_t p = 0; p < b->npreds; p++)
			buf_printf(out, " %u", f->preds[b->pred + p]);
		buf_printf(out, "\n");
		for (uint32_t v = b->start; v < b->end; v++)
			if (!ir_is(f, v, IR_NOP) && !ir_is(f, v, IR_CONST))
				line(out, a, f, v);
	}
}
