// SPDX-License-Identifier: Apache-2.0
/*
 * Faults become error values: which instruction and source line, which access, and where it lies
 * relative to the nearest region. The first fault of a run is kept; what follows from it is silent.
 */
#include <stdio.h>
#include <string.h>

#include "exec/internal.h"

#define NEAR_BYTES 4096 /* how far a region may be from a bad address to be named */
#define NEAR_STEP 8

struct skep_place trap_place(const struct exec_prog *prog, uint32_t insn)
{
	struct skep_place at = SKEP_AT_INSN(prog->object, prog->name, insn);
	size_t lo = 0, hi = prog->nlines;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (prog->lines[mid].insn <= insn)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo) {
		const struct exec_line *line = &prog->lines[lo - 1];

		at.src = line->file;
		at.text = line->text;
		at.line = line->line;
		at.col = line->col;
	}
	return at;
}

static void known_insn(struct exec_run *run, uint64_t addr)
{
	const struct exec_prog *prog = run->prog;
	struct buf text;

	buf_init(&text);
	isa_print(&text, &prog->insns[run->insn], prog->n - run->insn, run->insn, SKEP_INSN_KERNEL,
		  NULL);
	skep_known(&run->fault, "instruction %u is '%s', its address 0x%llx", run->insn,
		   buf_str(&text), (unsigned long long)addr);
	buf_done(&text);
}

static void vtrap(struct exec_run *run, const struct err_def *def, const char *fmt, va_list ap)
{
	char text[512] = "";

	if (run->fault)
		return;
	if (fmt)
		vsnprintf(text, sizeof(text), fmt, ap);
	skep_fail(&run->fault, def, trap_place(run->prog, run->insn), "%s", text);
}

void trap(struct exec_run *run, const struct err_def *def, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vtrap(run, def, fmt, ap);
	va_end(ap);
}

uint64_t exec_fault(struct exec_run *run, const struct err_def *def, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vtrap(run, def, fmt, ap);
	va_end(ap);
	return 0;
}

static const char *kind_name(enum exec_region_kind kind)
{
	switch (kind) {
	case REGION_CTX:
		return "context";
	case REGION_STACK:
		return "stack frame";
	case REGION_PACKET:
		return "packet";
	case REGION_MAP_VALUE:
		return "map value";
	case REGION_RING:
		return "ring reservation";
	case REGION_RODATA:
		return "read-only map value";
	case REGION_KERNEL:
		return "kernel memory";
	case REGION_MEM:
		return "memory";
	case REGION_KIND_COUNT:
		break;
	}
	return "region";
}

static uint64_t distance(const struct exec_region *reg, uint64_t addr)
{
	if (addr < reg->base)
		return reg->base - addr;
	return addr - reg->base < reg->size ? 0 : addr - reg->base - reg->size;
}

static void keep_nearer(struct exec_region *best, uint64_t *far, const struct exec_region *reg,
			uint64_t addr)
{
	uint64_t d = distance(reg, addr);

	if (reg->size && d < *far) {
		*best = *reg;
		*far = d;
	}
}

/* The region within NEAR_BYTES that lies nearest. */
static bool nearest(const struct exec_run *run, uint64_t addr, struct exec_region *ret)
{
	uint64_t far = NEAR_BYTES, first = addr & ~(uint64_t)(NEAR_STEP - 1);
	struct exec_region reg;

	if (access_find(run, addr, ret))
		return true;
	for (uint32_t i = 0; i < run->nregions; i++)
		keep_nearer(ret, &far, &run->regions[i], addr);
	for (uint64_t d = 0; d < far; d += NEAR_STEP) {
		if (access_find(run, first - d, &reg))
			keep_nearer(ret, &far, &reg, addr);
		if (access_find(run, first + d, &reg))
			keep_nearer(ret, &far, &reg, addr);
	}
	return far < NEAR_BYTES;
}

void trap_where(const struct exec_run *run, uint64_t addr, char *buf, size_t size)
{
	uint64_t frame = (uint64_t)(uintptr_t)run->stack + run->depth * (uint64_t)FRAME_STRIDE;
	struct exec_region reg = { 0 };
	const char *name;

	if (!nearest(run, addr, &reg)) {
		snprintf(buf, size, "address 0x%llx, near no region of this run",
			 (unsigned long long)addr);
	} else if (reg.kind == REGION_STACK) {
		snprintf(buf, size, "r10%+lld of %s stack frame (%u bytes below r10)",
			 (long long)(addr - reg.base) - ISA_STACK_SIZE,
			 reg.base == frame ? "the" : "a caller's", ISA_STACK_SIZE);
	} else {
		name = reg.ctx ? reg.ctx->name : reg.name;
		snprintf(buf, size, "offset %lld of %s%s%s%s (%llu bytes)",
			 (long long)(addr - reg.base), kind_name(reg.kind), name ? " '" : "",
			 name ? name : "", name ? "'" : "", (unsigned long long)reg.size);
	}
}

void trap_access(struct exec_run *run, const char *what, uint64_t addr, uint64_t size)
{
	const struct err_def *def = &ERR_ACCESS;
	struct exec_region reg;
	char where[256];

	if (run->fault)
		return;
	trap_where(run, addr, where, sizeof(where));
	if (addr < NEAR_BYTES) {
		trap(run, &ERR_NULL_POINTER, "%s of %llu bytes at address 0x%llx", what,
		     (unsigned long long)size, (unsigned long long)addr);
		skep_hint(&run->fault,
			  "compare the result of the look-up with NULL before using it");
		known_insn(run, addr);
		return;
	}
	if (strcmp(what, "read") && access_find(run, addr, &reg) && !reg.writable && !reg.ctx &&
	    num_inside(addr - reg.base, size, reg.size))
		def = &ERR_READONLY;
	trap(run, def, "%s of %llu bytes at %s", what, (unsigned long long)size, where);
	if (addr - SCRUBBED + INT16_MAX <= UINT16_MAX)
		skep_hint(&run->fault, "r1 to r5 do not survive a call: keep values in r6 to r9");
	known_insn(run, addr);
}

void trap_field(struct exec_run *run, const struct exec_region *reg, const char *what, uint32_t off,
		uint32_t size)
{
	const struct spec_field *f = spec_ctx_field(reg->ctx, off, size);
	const char *type = spec_prog_type_name(run->prog->prog_type);

	if (!f)
		trap(run, &ERR_FIELD,
		     "%s of %u bytes at offset %u of context '%s' (%u bytes) is "
		     "not inside one field",
		     what, size, off, reg->ctx->name, reg->ctx->size);
	else if (f->kind == FIELD_ABSENT)
		trap(run, &ERR_FIELD, "this engine does not serve field '%s' of '%s'", f->name,
		     reg->ctx->name);
	else if (f->kind == FIELD_DENIED)
		trap(run, &ERR_FIELD, "field '%s' of '%s' is not for %s programs", f->name,
		     reg->ctx->name, type ? type : "these");
	else if (what[0] == 'w' && !f->writable)
		trap(run, &ERR_FIELD, "field '%s' of '%s' is read-only for %s programs", f->name,
		     reg->ctx->name, type ? type : "these");
	else
		trap(run, &ERR_FIELD,
		     "%s of %u bytes at offset %u of '%s': field '%s' is accessed "
		     "whole, %u bytes at offset %u",
		     what, size, off, reg->ctx->name, f->name, f->size, f->off);
}

const char *refused_reason(const struct exec_prog *prog, enum isa_op op)
{
	if (op == ISA_JA_REG && !prog->func)
		return "there is no jump table that it could take";
	if ((op == ISA_CAST_KERN || op == ISA_CAST_USER) && !prog->has_arena)
		return "there is no arena whose addresses it casts";
	if (op == ISA_MOV64_PERCPU)
		return "only the kernel makes it, of a per-CPU address of its own";
	if (op == ISA_CALL_KFUNC && !prog->nkfuncs)
		return "it calls a kernel function, of which there are none here";
	if (op == ISA_CALLX && prog->prog_type >= 0 && !prog->ncustoms)
		return "no kernel takes calls through a register";
	if (op == ISA_LD_MAP_FD || op == ISA_LD_MAP_VALUE)
		return "maps are given by index, not by file descriptor";
	if (op == ISA_LD_BTF_ID)
		return "it loads the address of a kernel variable, of which this engine has none";
	return NULL;
}

void trap_stopped(struct exec_run *run)
{
	trap(run, &ERR_STOPPED, "by another thread");
}

void trap_budget(struct exec_run *run)
{
	trap(run, &ERR_BUDGET, "ended after %llu instructions, the budget of this run",
	     (unsigned long long)run->budget_start);
	run->budget = 0;
}

void trap_refused(struct exec_run *run)
{
	const struct skep_insn *in = &run->prog->insns[run->insn];
	enum isa_op op = isa_decode(in, run->prog->n - run->insn);
	const struct spec_helper *h = op == ISA_CALL_HELPER ? spec_helper(in->imm) : NULL;
	const char *why = refused_reason(run->prog, op);

	if (op == ISA_CALL_HELPER)
		trap(run, &ERR_REACHED, "call of %s%s (%d)", h ? "bpf_" : "helper",
		     h ? h->name : "", in->imm);
	else
		trap(run, &ERR_REACHED, "%s: %s", isa_name(op), why ? why : "it is refused");
}
