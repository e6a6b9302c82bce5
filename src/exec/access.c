// SPDX-License-Identifier: Apache-2.0
/*
 * Regions: which memory a run may touch, and what a context with a table answers. A run has a short
 * list of its own (context, packet, reservations, what the hook gave); map values are asked of the
 * program's space one by one. What was found is remembered in run->near[] for the fast path, except
 * contexts that are converted. A pointer carries no provenance: any live region may be reached.
 */
#include "base/bytes.h"
#include "exec/guard.h"
#include "exec/internal.h"

/* Checked code must ask again. */
void access_close(struct exec_run *run)
{
	if (run->checks.open)
		memset(run->checks.windows, 0, sizeof(run->checks.windows));
	run->checks.open = false;
}

void access_forget(struct exec_run *run)
{
	memset(run->near, 0, sizeof(run->near));
	access_close(run);
	run->map_last = NULL;
	run->map_addr = 0;
}

int exec_region_add(struct exec_run *run, const struct exec_region *region)
{
	if (run->nregions == EXEC_MAX_REGIONS)
		return -ENOSPC;
	run->regions[run->nregions++] = *region;
	return 0;
}

int exec_region_remove(struct exec_run *run, enum exec_region_kind kind, uint64_t base)
{
	for (uint32_t i = run->nregions; i-- > 0;) {
		if (run->regions[i].kind != kind || run->regions[i].base != base)
			continue;
		if (i != --run->nregions)
			memmove(&run->regions[i], &run->regions[i + 1],
				(run->nregions - i) * sizeof(run->regions[0]));
		memset(&run->near[0], 0, sizeof(run->near[0]));
		access_close(run);
		return 0;
	}
	return -ENOENT;
}

void exec_region_move(struct exec_run *run, enum exec_region_kind kind, uint64_t base,
		      uint64_t size)
{
	for (uint32_t i = 0; i < run->nregions; i++) {
		if (run->regions[i].kind != kind)
			continue;
		run->regions[i].base = base;
		run->regions[i].size = size;
		memset(&run->near[0], 0, sizeof(run->near[0]));
		access_close(run);
		return;
	}
}

static const struct exec_region *listed(const struct exec_run *run, uint64_t addr)
{
	for (uint32_t i = 0; i < run->nregions; i++)
		if (addr - run->regions[i].base < run->regions[i].size)
			return &run->regions[i];
	return NULL;
}

/* A live frame of the stack; the callers' frames are live. */
static bool stack_frame(const struct exec_run *run, uint64_t addr, struct exec_region *ret)
{
	uint64_t off = addr - (uint64_t)(uintptr_t)run->stack;

	if (off >= (run->depth + 1ull) * FRAME_STRIDE || off % FRAME_STRIDE >= ISA_STACK_SIZE)
		return false;
	*ret = (struct exec_region){ .base = addr - off % FRAME_STRIDE,
				     .size = ISA_STACK_SIZE,
				     .kind = REGION_STACK,
				     .writable = true };
	return true;
}

bool access_find(const struct exec_run *run, uint64_t addr, struct exec_region *ret)
{
	const struct exec_region *reg = listed(run, addr);
	const struct exec_space_ops *ops = run->prog ? run->prog->space_ops : NULL;

	if (reg) {
		*ret = *reg;
		return true;
	}
	if (stack_frame(run, addr, ret))
		return true;
	if (ops && ops->value && ops->value(run->prog->space, addr, ret))
		return true;
	return run->model && run->model_find(run->model, addr, ret);
}

void exec_forget(struct exec_run *run)
{
	access_forget(run);
}

bool exec_region_find(struct exec_run *run, uint64_t addr, struct exec_region *ret)
{
	return access_find(run, addr, ret);
}

/* Finds the region and remembers it. */
static bool find(struct exec_run *run, uint64_t addr, struct exec_region *ret)
{
	struct exec_near *near;

	if (!access_find(run, addr, ret))
		return false;
	if (ret->ctx || ret->kind == REGION_STACK)
		return true;
	near = &run->near[listed(run, addr) ? 0 : 1];
	*near = (struct exec_near){ ret->base, ret->size, ret->writable };
	return true;
}

bool exec_may_access(struct exec_run *run, uint64_t addr, uint64_t len, bool write)
{
	struct exec_region reg;

	if (!len)
		return true;
	return find(run, addr, &reg) && !reg.ctx && (!write || reg.writable) &&
	       num_inside(addr - reg.base, len, reg.size);
}

/* The field of a converted access, or NULL with the fault set. */
static const struct spec_field *field_of(struct exec_run *run, const struct exec_region *reg,
					 const char *what, uint32_t off, uint32_t size)
{
	const struct spec_field *f = spec_ctx_served(reg->ctx, off, size, what[0] == 'w');

	if (!f)
		trap_field(run, reg, what, off, size);
	return f;
}

static bool ctx_load(struct exec_run *run, const struct exec_region *reg, uint32_t off,
		     uint32_t size, uint64_t *ret)
{
	const struct spec_field *f = field_of(run, reg, "read", off, size);
	const uint8_t *back;
	uint8_t seen[8];

	if (!f)
		return false;
	back = (const uint8_t *)reg->backing + f->back_off;
	if (f->kind == FIELD_ARRAY) {
		*ret = bytes_uint(back + (off - f->off), size);
	} else if (f->kind == FIELD_SCALAR) {
		bytes_put_uint(seen, f->size, bytes_uint(back, f->back_size));
		*ret = bytes_uint(seen + (off - f->off), size);
	} else {
		*ret = bytes_uint(back, f->back_size);
	}
	return true;
}

static bool ctx_store(struct exec_run *run, const struct exec_region *reg, uint32_t off,
		      uint32_t size, uint64_t value)
{
	const struct spec_field *f = field_of(run, reg, "write", off, size);
	uint8_t *back;

	if (!f)
		return false;
	back = (uint8_t *)reg->backing + f->back_off;
	if (f->kind == FIELD_ARRAY)
		bytes_put_uint(back + (off - f->off), size, value);
	else
		bytes_put_uint(back, f->back_size, value);
	return true;
}

bool access_load(struct exec_run *run, uint64_t addr, uint32_t size, uint64_t *ret)
{
	struct exec_region reg;

	if (!find(run, addr, &reg) || !num_inside(addr - reg.base, size, reg.size)) {
		trap_access(run, "read", addr, size);
		return false;
	}
	if (reg.ctx)
		return ctx_load(run, &reg, (uint32_t)(addr - reg.base), size, ret);
	*ret = bytes_uint((const void *)(uintptr_t)addr, size);
	return true;
}

bool access_store(struct exec_run *run, uint64_t addr, uint32_t size, uint64_t value)
{
	struct exec_region reg;

	if (!find(run, addr, &reg) || !num_inside(addr - reg.base, size, reg.size) ||
	    (!reg.ctx && !reg.writable)) {
		trap_access(run, "write", addr, size);
		return false;
	}
	if (reg.ctx)
		return ctx_store(run, &reg, (uint32_t)(addr - reg.base), size, value);
	bytes_put_uint((void *)(uintptr_t)addr, size, value);
	return true;
}

void *access_atomic(struct exec_run *run, uint64_t addr, uint32_t size, bool write)
{
	char where[160];

	if (!exec_may_access(run, addr, size, write)) {
		trap_access(run, "atomic access", addr, size);
		return NULL;
	}
	if (addr % size) {
		trap_where(run, addr, where, sizeof(where));
		trap(run, &ERR_UNALIGNED, "%u bytes at %s, whose address is not a multiple of %u",
		     size, where, size);
		return NULL;
	}
	return (void *)(uintptr_t)addr;
}

uint64_t access_probe(enum isa_op op, uint64_t addr)
{
	if (exec_guard_start() < 0)
		return 0;
	switch ((int)op) { /* loads */
	case ISA_LDX_B:
		return exec_guard_load1(addr).value;
	case ISA_LDX_H:
		return exec_guard_load2(addr).value;
	case ISA_LDX_W:
		return exec_guard_load4(addr).value;
	case ISA_LDXS_B:
		return (uint64_t)(int8_t)exec_guard_load1(addr).value;
	case ISA_LDXS_H:
		return (uint64_t)(int16_t)exec_guard_load2(addr).value;
	case ISA_LDXS_W:
		return (uint64_t)(int32_t)exec_guard_load4(addr).value;
	default:
		return exec_guard_load8(addr).value;
	}
}

/* Offsets below 0 count from a header: linux/filter.h, SKF_LL_OFF and SKF_NET_OFF. */
#define FROM_NET (-0x100000)
#define FROM_LINK (-0x200000)

bool access_packet(const struct exec_run *run, int32_t off, uint32_t size, uint64_t *ret)
{
	int64_t at = off;
	uint64_t value = 0;

	if (off < 0 && off >= FROM_NET)
		at = run->packet_net ? (int64_t)off - FROM_NET + run->packet_net : -1;
	else if (off < FROM_NET && off >= FROM_LINK)
		at = (int64_t)off - FROM_LINK;
	if (!run->packet || at < 0 || !num_inside((uint64_t)at, size, run->packet_len))
		return false;
	for (uint32_t i = 0; i < size; i++)
		value = value << 8 | run->packet[at + i];
	*ret = value;
	return true;
}
