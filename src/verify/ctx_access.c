// SPDX-License-Identifier: Apache-2.0
/* The context: what a program's type lets it read and write there, and what a field yields. */
#include "verify/walk.h"

#define TRACE_RECORD 8192 /* a tracepoint's record is no longer */
#define PT_REGS 168
#define RAW_ARGS 12

static int refuse(struct verifier *v, const struct access *a, int64_t off)
{
	reject(v, &ERR_CTX_ACCESS, "invalid bpf_context access off=%lld size=%u", (long long)off,
	       a->size);
	skep_need(&v->error, "a field of this program type's context, of its size, that may be %s",
		  a->write ? "written" : "read");
	return -EACCES;
}

/* A context that is plain memory. */
static bool plain(struct verifier *v, const struct access *a, int64_t off, bool *ret_known)
{
	uint64_t limit = 0;

	*ret_known = true;
	if (off < 0 || off % a->size)
		return false;
	switch (v->o->prog_type) {
	case PROG_TRACEPOINT:
		limit = TRACE_RECORD;
		if (a->write)
			return false;
		break;
	case PROG_KPROBE:
		limit = PT_REGS;
		if (a->write)
			return false;
		break;
	case PROG_PERF_EVENT:
		if (a->write)
			return false;
		if ((off == PT_REGS || off == PT_REGS + 8))
			return a->size <= 8;
		limit = PT_REGS + 16;
		return (uint64_t)off + a->size <= limit && a->size == 8;
	case PROG_RAW_TRACEPOINT:
	case PROG_RAW_TRACEPOINT_WRITABLE:
	case PROG_TRACING:
	case PROG_LSM:
		if (a->write)
			return false;
		return a->size == 8 && off + 8 <= RAW_ARGS * 8;
	case PROG_SYSCALL:
		return off + a->size <= UINT16_MAX;
	default:
		*ret_known = false;
		return false;
	}
	return (uint64_t)off + a->size <= limit;
}

static void yield(struct verifier *v, const struct access *a, const struct spec_field *f,
		  bool whole)
{
	struct reg *dst = reg_at(v, (unsigned int)a->value);

	switch (whole ? f->kind : FIELD_SCALAR) {
	case FIELD_PKT:
		reg_pointer(dst, T_PKT, 0);
		break;
	case FIELD_PKT_META:
		reg_pointer(dst, T_PKT_META, 0);
		break;
	case FIELD_PKT_END:
		reg_pointer(dst, T_PKT_END, 0);
		break;
	default:
		reg_unknown(dst);
		break;
	}
}

int ctx_access(struct verifier *v, const struct access *a)
{
	const struct spec_ctx *ctx = spec_ctx_of(v->o->prog_type);
	const struct reg *r = reg_at(v, a->regno);
	int64_t off = (int64_t)r->off + a->off + (int64_t)scalar_value(&r->s);
	const struct spec_field *f;
	bool known, ok, pointer;
	int err;

	if (a->write && a->value >= 0 && !v->allow_leak &&
	    reg_is_pointer(reg_at(v, (unsigned int)a->value)))
		return reject(v, &ERR_LEAK, "R%d leaks addr into ctx", a->value);
	err = v->o->prog_type == PROG_SYSCALL && scalar_is_const(&r->s) ?
		      0 :
		      mem_fixed(v, a->regno, false);
	if (err < 0)
		return err;
	ok = plain(v, a, off, &known);
	if (known) {
		if (!ok)
			return refuse(v, a, off);
		if (!a->write && a->value >= 0)
			reg_unknown(reg_at(v, (unsigned int)a->value));
		return 0;
	}
	if (!ctx || off < 0 || off % a->size)
		return refuse(v, a, off);
	f = spec_ctx_field(ctx, (uint32_t)off, a->size);
	if (!f || f->kind == FIELD_DENIED || (a->write && !f->writable))
		return refuse(v, a, off);
	pointer = f->kind == FIELD_PKT || f->kind == FIELD_PKT_END || f->kind == FIELD_PKT_META;
	if (pointer && (a->write || a->size != f->size || off != f->off))
		return refuse(v, a, off);
	if (a->write && f->kind == FIELD_SCALAR && a->size != f->size)
		return refuse(v, a, off);
	if (!a->write && a->value >= 0)
		yield(v, a, f, pointer);
	return 0;
}

/* struct bpf_sock of linux/bpf.h: 4-byte fields, and 1 or 2 byte reads inside some. */
int sock_access(struct verifier *v, const struct access *a)
{
	const struct reg *r = reg_at(v, a->regno);
	int64_t off = (int64_t)r->off + a->off;
	char name[TYPE_NAME];
	bool ok = off >= 0 && off % a->size == 0;

	if (r->s.smin < 0)
		return reject(
			v, &ERR_ACCESS,
			"R%u min value is negative, either use unsigned index or do a if (index >=0) check.",
			a->regno);
	switch ((int)r->type) {
	case T_SOCK_COMMON:
		ok = ok && a->size <= 4 &&
		     ((off >= 4 && off + a->size <= 8) || (off >= 24 && off + a->size <= 44) ||
		      (off >= 44 && off + a->size <= 76) || (off >= 72 && off + a->size <= 80));
		break;
	case T_SOCKET:
		ok = ok && a->size <= 4 && off + a->size <= 80 && !(off == 50);
		break;
	case T_TCP_SOCK:
		ok = ok && (a->size == 4 || a->size == 8) && off + a->size <= 112;
		if (a->size == 8)
			ok = ok && (off == 72 || off == 80);
		break;
	default:
		ok = ok && a->size == 4 && off == 0;
		break;
	}
	if (!ok)
		return reject(v, &ERR_ACCESS, "R%u invalid %s access off=%lld size=%u", a->regno,
			      type_name(v, r->type, 0, name, sizeof(name)), (long long)off,
			      a->size);
	if (a->value >= 0)
		reg_unknown(reg_at(v, (unsigned int)a->value));
	return 0;
}
