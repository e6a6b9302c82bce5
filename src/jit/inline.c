// SPDX-License-Identifier: Apache-2.0
/*
 * Calls that become instructions, or calls of something simpler than the helper's body, as the forms of maps and
 * helpers say (spec/form.h). What a call becomes is decided before SSA is built, because it decides
 * which bytes of the frame can be variables: a key of 4 or 8 bytes is then a value and never in memory.
 */
#include <errno.h>
#include <stddef.h>

#include "jit/build.h"

static bool is_word(uint32_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

static bool decide_map(const struct jit_unit *u, struct jit_known_call *call,
		       enum helper_form_kind how)
{
	struct map_form *m = &call->form;
	const struct map_form_fn *fn = how == HELPER_FORM_LOOKUP ? &m->lookup :
				       how == HELPER_FORM_UPDATE ? &m->update :
								   &m->remove;

	if (!call->map || !exec_view_form(u->prog, call->arg[0].value, m))
		return false;
	if (how == HELPER_FORM_LOOKUP && m->array) {
		call->word[1] = 4;
		return call->map->key_size == 4;
	}
	if (!fn->fn || (fn->key_word && !is_word(call->map->key_size)) ||
	    (fn->value_word && !is_word(call->map->value_size)))
		return false;
	call->word[1] = fn->key_word ? (uint8_t)call->map->key_size : 0;
	call->word[2] = fn->value_word ? (uint8_t)call->map->value_size : 0;
	return true;
}

/* Checked code takes a form when there is nothing to check: what the arguments point to lies in this frame. */
static bool is_safe(const struct jit_unit *u, const struct jit_known_call *call)
{
	const struct spec_helper *row = u->view[call->insn].call->row;

	if (jit_fact(u, call->insn, FACT_SAFE))
		return true;
	for (int a = 0; a < 5; a++) {
		int64_t off = (int64_t)call->arg[a].value;

		switch ((int)row->args[a]) {
		case ARG_NONE:
		case ARG_ANY:
			break;
		case ARG_MAP:
			if (!call->map)
				return false;
			break;
		case ARG_SIZE_OR_ZERO:
		case ARG_STACK_OR_NULL:
			break;
		case ARG_FUNC:
			if (call->arg[a].kind != KNOWN_FUNC)
				return false;
			break;
		case ARG_MAP_KEY:
		case ARG_MAP_VALUE:
		case ARG_MEM_OUT:
			if (call->arg[a].kind != KNOWN_FRAME || !call->bytes[a] ||
			    off < -ISA_STACK_SIZE || off + call->bytes[a] > 0)
				return false;
			break;
		default:
			return false;
		}
	}
	return true;
}

void jit_inline_decide(const struct jit_unit *u, struct jit_known_call *call)
{
	const struct helper_form *form = u->view[call->insn].call->form;
	bool yes = false;

	if (!form || (u->checked && !is_safe(u, call)))
		return;
	switch ((enum helper_form_kind)form->kind) {
	case HELPER_FORM_NONE:
		break;
	case HELPER_FORM_LOOKUP:
	case HELPER_FORM_UPDATE:
	case HELPER_FORM_DELETE:
		yes = decide_map(u, call, (enum helper_form_kind)form->kind);
		break;
	case HELPER_FORM_FIELD:
	case HELPER_FORM_DIRECT:
	case HELPER_FORM_RANDOM:
		yes = true;
		break;
	case HELPER_FORM_KNOWN:
		yes = call->map && call->map->type == form->at;
		break;
	case HELPER_FORM_PROBE:
		yes = call->arg[1].kind == KNOWN_CONST && call->arg[1].value <= 8 &&
		      is_word((uint32_t)call->arg[1].value);
		break;
	case HELPER_FORM_LOOP:
		yes = call->arg[1].kind == KNOWN_FUNC && call->arg[3].kind == KNOWN_CONST &&
		      !call->arg[3].value;
		break;
	}
	call->how = yes ? (enum helper_form_kind)form->kind : HELPER_FORM_NONE;
}

static uint32_t load(struct build *b, uint32_t base, int64_t off, uint32_t size)
{
	return ir_emit(b->f, (struct ir_ins){ .op = IR_LOAD,
					      .w = 1,
					      .x = (uint8_t)size,
					      .y = LOAD_ZERO,
					      .a = base,
					      .imm = (uint64_t)off });
}

/* Bytes of the frame as one number, from the variables and the memory that hold them. */
static uint32_t frame_word(struct build *b, int32_t off, uint32_t size)
{
	uint32_t value = 0, piece;

	if (!build_tiled(b, off, size))
		return load(b, b->fp, off, size);
	for (uint32_t k = 0, bytes; k < size; k += bytes) {
		int slot;

		bytes = b->slots->size[off + ISA_STACK_SIZE + (int32_t)k];
		slot = build_slot(b, off + (int32_t)k, bytes);
		piece = slot >= 0 ? build_get(b, slot) : load(b, b->fp, off + (int32_t)k, bytes);
		if (k)
			piece = ir_binary(b->f, IR_SHL, 1, piece, ir_const(b->f, 8 * k));
		value = k ? ir_binary(b->f, IR_OR, 1, value, piece) : piece;
	}
	return value;
}

/* What lies behind argument @a, as a number if the form takes it so, else its address. */
static uint32_t behind(struct build *b, const struct jit_known_call *call, int a)
{
	static const uint8_t ops[] = {
		[1] = ISA_LDX_B, [2] = ISA_LDX_H, [4] = ISA_LDX_W, [8] = ISA_LDX_DW
	};
	uint32_t size = call->word[a], addr = build_get(b, a + 1);
	uint64_t known;

	if (!size)
		return addr;
	if (call->arg[a].kind == KNOWN_FRAME && !b->fn->escaped)
		return frame_word(b, (int32_t)(int64_t)call->arg[a].value, size);
	if (b->f->fold && ir_is(b->f, addr, IR_CONST) &&
	    exec_view_constant(b->u->prog, (enum isa_op)ops[size], b->f->ins[addr].imm, &known))
		return ir_const(b->f, known);
	return load(b, addr, 0, size);
}

static uint32_t run_field(struct build *b, size_t at, uint32_t size)
{
	return load(b, b->run, (int64_t)at, size);
}

static uint32_t choose(struct build *b, enum ir_cc cc, int w, const uint32_t args[4], bool pointer)
{
	b->f->maybe_null |= pointer;
	return ir_emit(b->f, (struct ir_ins){ .op = IR_SELECT,
					      .w = 1,
					      .x = (uint8_t)cc,
					      .y = (uint8_t)w,
					      .a = ir_args(b->f, args, 4),
					      .imm = pointer });
}

static uint32_t array_lookup(struct build *b, const struct jit_known_call *call)
{
	const struct map_form *m = &call->form;
	struct ir_fn *f = b->f;
	uint32_t index = behind(b, call, 1), at, cpu, zero = ir_const(f, 0);
	uint32_t count = ir_const(f, m->count);

	if (ir_is(f, index, IR_CONST) && f->ins[index].imm >= m->count)
		return zero;
	at = ir_binary(f, IR_MUL, 1, index, ir_const(f, m->stride));
	at = ir_binary(f, IR_ADD, 1, at, ir_const(f, m->base));
	if (m->cpus) {
		uint32_t safe[4] = { 0, ir_const(f, m->cpus), index, ir_const(f, UINT32_MAX) };

		cpu = safe[0] = run_field(b, offsetof(struct exec_run, cpu), 4);
		index = choose(b, CC_LT, 0, safe, false);
		cpu = ir_binary(f, IR_MUL, 1, cpu, ir_const(f, m->cpu_stride));
		at = ir_binary(f, IR_ADD, 1, at, cpu);
	} else if (~f->zero[index] < m->count) {
		return at;
	}
	return choose(b, CC_LT, 0, (uint32_t[]){ index, count, at, zero }, true);
}

/* The function of the map that the form names. */
static uint32_t map_call(struct build *b, const struct jit_known_call *call,
			 const struct map_form_fn *fn, enum helper_form_kind how)
{
	uint32_t args[5] = { ir_const(b->f, (uintptr_t)call->map->map), behind(b, call, 1) }, n = 2;

	if (how == HELPER_FORM_UPDATE) {
		args[n++] = behind(b, call, 2);
		args[n++] = build_get(b, 4);
	}
	if (fn->cpu)
		args[n++] = run_field(b, offsetof(struct exec_run, cpu), 4);
	return build_call_to(b, fn->fn, args, n, false);
}

/* helper/h_task.c: get_prandom_u32. */
static uint32_t random_word(struct build *b, uint32_t at)
{
	static const struct {
		enum ir_op op;
		int by;
	} steps[] = { { IR_SHR, 12 }, { IR_SHL, 25 }, { IR_SHR, 27 } };
	struct ir_fn *f = b->f;
	uint32_t x = run_field(b, at, 8), zero = ir_const(f, 0);

	x = choose(b, CC_EQ, 1, (uint32_t[]){ x, zero, ir_const(f, 0x9e3779b97f4a7c15ull), x },
		   false);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		x = ir_binary(f, IR_XOR, 1, x,
			      ir_binary(f, steps[i].op, 1, x, ir_const(f, (uint64_t)steps[i].by)));
	ir_emit(f,
		(struct ir_ins){ .op = IR_STORE, .w = 1, .x = 8, .a = b->run, .b = x, .imm = at });
	x = ir_binary(f, IR_MUL, 1, x, ir_const(f, 0x2545f4914f6cdd1dull));
	return ir_binary(f, IR_SHR, 1, x, ir_const(f, 32));
}

/* @map: the map in r1, NULL: r1 as it is. */
static uint32_t direct(struct build *b, uint32_t i, uintptr_t fn, const void *map)
{
	uint64_t mask = build_arg_mask(b->u, i);
	uint32_t args[6] = { b->run }, n = 1;

	for (int r = 1; r <= 5 && mask >> r & 1; r++)
		args[n++] = build_get(b, r);
	if (map)
		args[1] = ir_const(b->f, (uintptr_t)map);
	return build_call_to(b, fn, args, n, false);
}

/* What is there as a number, and stored where it is to go. */
static uint32_t probe(struct build *b, const struct jit_known_call *call, uintptr_t fn)
{
	uint32_t size = (uint32_t)call->arg[1].value, to = build_get(b, 1), value, r;
	uint32_t args[3] = { b->run, build_get(b, 3), ir_const(b->f, size) };

	value = build_call_to(b, fn, args, 3, false);
	r = ir_append(b->f, (struct ir_ins){ .op = IR_SECOND, .w = 1 });
	ir_emit(b->f,
		(struct ir_ins){ .op = IR_STORE, .w = 1, .x = (uint8_t)size, .a = to, .b = value });
	return r;
}

bool build_inline(struct build *b, uint32_t i, uint32_t *ret)
{
	const struct jit_known_call *call = jit_known_call(b->u, i);
	const struct helper_form *form = b->u->view[i].call->form;

	if (!call)
		return false;
	switch (call->how) {
	case HELPER_FORM_NONE:
	case HELPER_FORM_LOOP: /* a span of its own */
		return false;
	case HELPER_FORM_LOOKUP:
		*ret = call->form.array ? array_lookup(b, call) :
					  map_call(b, call, &call->form.lookup, call->how);
		return true;
	case HELPER_FORM_UPDATE:
		*ret = map_call(b, call, &call->form.update, call->how);
		return true;
	case HELPER_FORM_DELETE:
		*ret = map_call(b, call, &call->form.remove, call->how);
		return true;
	case HELPER_FORM_FIELD:
		*ret = run_field(b, form->at, form->size);
		return true;
	case HELPER_FORM_DIRECT:
		*ret = direct(b, i, (uintptr_t)b->u->view[i].call->fn, NULL);
		return true;
	case HELPER_FORM_KNOWN:
		build_at(b, i);
		*ret = direct(b, i, form->fn, call->map->map);
		return true;
	case HELPER_FORM_PROBE:
		*ret = probe(b, call, form->fn);
		return true;
	case HELPER_FORM_RANDOM:
		*ret = random_word(b, form->at);
		return true;
	}
	return false;
}

/*
 * bpf_loop(n, f, ctx, 0): `do i++ while (!f(i - 1, ctx) && i < n)`, i the result, unless n is 0 or too large.
 */
struct ir_ins build_loop_start(struct build *b, uint32_t insn, struct span *turn)
{
	struct ir_fn *f = b->f;
	uint32_t n = ir_unary(f, IR_ZEXT, 1, 4, build_get(b, 1)), zero = ir_const(f, 0), none;

	turn->limit = n;
	turn->ctx = build_get(b, 3);
	none = choose(b, CC_EQ, 0, (uint32_t[]){ n, zero, zero, ir_const(f, (uint32_t)-E2BIG) },
		      false);
	build_clobber(b, none, false);
	build_set(b, b->turn, zero);
	return (struct ir_ins){ .op = IR_BR,
				.x = CC_LT,
				.a = ir_binary(f, IR_SUB, 0, n, ir_const(f, 1)),
				.b = ir_const(f, b->u->view[insn].call->form->size) };
}

struct ir_ins build_loop_turn(struct build *b, uint32_t insn, const struct span *turn)
{
	struct ir_fn *f = b->f;
	const struct jit_func *to = jit_loop_callee(b->u, insn);
	uint32_t i = build_get(b, b->turn), zero = ir_const(f, 0), stop, next;
	uint32_t args[3] = { b->run, i, turn->ctx };

	if (!to->uses_run)
		args[0] = b->undef;
	build_before_local(b, to);
	stop = ir_emit(f, (struct ir_ins){ .op = IR_CALL_LOCAL,
					   .w = 1,
					   .y = b->u->moves,
					   .a = ir_args(f, args, 3),
					   .b = 3,
					   .imm = (uint64_t)(to - b->u->funcs) });
	build_after_local(b, to);
	next = ir_binary(f, IR_ADD, 1, i, ir_const(f, 1));
	build_set(b, 0, next);
	build_set(b, b->turn, next);
	/* one comparison for both: the limit is 0 when it was told to stop */
	stop = choose(b, CC_EQ, 1, (uint32_t[]){ stop, zero, turn->limit, zero }, false);
	return (struct ir_ins){ .op = IR_BR, .x = CC_LT, .a = next, .b = stop };
}
