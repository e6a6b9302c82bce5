// SPDX-License-Identifier: Apache-2.0
/*
 * Values by their types, and the output of iterators (bpf-helpers(7)): bpf_snprintf_btf, bpf_seq_printf and its kin. A value is shown as
 * a C initialiser with casts; members that are zero are left out, until BTF_F_ZERO asks for them. What does not fit into the
 * output of an iterator is not written: -EOVERFLOW, and counted. Compared with the kernel by tests/unit/print_oracle_test.c.
 */
#include <stdarg.h>
#include <stdio.h>

#include "btf/btf.h"
#include "helper/internal.h"

#define COMPACT 1u
#define NONAME 2u
#define PTR_RAW 4u
#define ZERO 8u
#define MAX_DEPTH 32

struct show {
	const struct btf *btf;
	struct exec_run *run;
	char *out;
	uint64_t size, len;
	uint32_t flags;
	int depth, bad; /* an errno of a read */
};

static void put(struct show *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct show *s, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (int i = 0; i < n && i < (int)sizeof(text) - 1; i++, s->len++)
		if (s->len + 1 < s->size)
			s->out[s->len] = text[i];
}

static void new_line(struct show *s)
{
	if (s->flags & COMPACT)
		return;
	put(s, "\n");
	for (int i = 0; i < s->depth; i++)
		put(s, " ");
}

static bool is_zero(const uint8_t *at, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (at[i])
			return false;
	return true;
}

/* The name that the cast shows: the outermost of the typedefs and qualifiers. */
static void cast(struct show *s, uint32_t type)
{
	struct buf text;

	if (s->flags & NONAME)
		return;
	buf_init(&text);
	btf_print_type(s->btf, type, &text);
	put(s, "(%s)", buf_str(&text));
	buf_done(&text);
}

static void show(struct show *s, uint32_t type, const uint8_t *at, const char *name, uint32_t bit,
		 uint32_t bits);

static void named(struct show *s, const char *name)
{
	if (name && *name && !(s->flags & NONAME))
		put(s, ".%s = ", name);
}

static void show_int(struct show *s, uint32_t type, uint32_t id, const uint8_t *at,
		     const char *name, uint32_t bit, uint32_t bits)
{
	uint32_t size = (uint32_t)btf_size(s->btf, id), n = bits ? bits : btf_int_bits(s->btf, id);
	bool is_signed = btf_int_encoding(s->btf, id) & BTF_INT_SIGNED;
	uint64_t v = 0;

	if (n > 64) {
		uint64_t half[2];

		memcpy(half, at, 16);
		named(s, name);
		cast(s, type);
		put(s, "0x%llx%016llx", (unsigned long long)half[1], (unsigned long long)half[0]);
		return;
	}
	memcpy(&v, at + bit / 8, num_min(8, (bit % 8 + n + 7) / 8));
	v = v >> bit % 8;
	if (n < 64)
		v &= (1ull << n) - 1;
	if (!v && !(s->flags & ZERO) && s->depth)
		return;
	named(s, name);
	cast(s, type);
	if (is_signed && n < 64 && v >> (n - 1) & 1)
		v |= ~0ull << n;
	if (size == 1 && is_signed && !bits)
		put(s, "%d", (int8_t)v);
	else if (btf_int_encoding(s->btf, id) & BTF_INT_BOOL && !bits)
		put(s, "%s", v ? "true" : "false");
	else if (is_signed)
		put(s, "%lld", (long long)v);
	else
		put(s, bits ? "0x%llx" : "%llu", (unsigned long long)v);
}

static void show_pointer(struct show *s, uint32_t type, const uint8_t *at, const char *name)
{
	uint64_t v;

	memcpy(&v, at, 8);
	if (!v && !(s->flags & ZERO) && s->depth)
		return;
	named(s, name);
	cast(s, type);
	if (s->flags & PTR_RAW)
		put(s, "0x%llx", (unsigned long long)v);
	else
		put(s, "0x%016llx",
		    (unsigned long long)(v ? (v ^ 0x5bd1e995u) * 0x9e3779b97f4a7c15ull >> 32 : 0));
}

static void show_enum(struct show *s, uint32_t type, uint32_t id, const uint8_t *at,
		      const char *name)
{
	int64_t v = 0;

	memcpy(&v, at, num_min(8, btf_size(s->btf, id)));
	if (btf_size(s->btf, id) == 4)
		v = (int32_t)v;
	if (!v && !(s->flags & ZERO) && s->depth)
		return;
	named(s, name);
	cast(s, type);
	for (uint32_t i = 0; i < btf_vlen(s->btf, id); i++)
		if (btf_enumerator(s->btf, id, i).value == v) {
			put(s, "%s", btf_enumerator(s->btf, id, i).name);
			return;
		}
	put(s, "%lld", (long long)v);
}

static void show_array(struct show *s, uint32_t type, uint32_t id, const uint8_t *at,
		       const char *name)
{
	uint32_t elem = btf_array_elem(s->btf, id), n = btf_array_len(s->btf, id),
		 of = btf_strip_all(s->btf, elem);
	uint64_t size = btf_size(s->btf, elem);
	bool text = btf_kind(s->btf, of) == BTF_INT && size == 1 &&
		    !strcmp(btf_name(s->btf, of), "char"),
	     more = false;

	if (!(s->flags & ZERO) && s->depth && is_zero(at, size * n))
		return;
	named(s, name);
	cast(s, type);
	put(s, "[");
	s->depth++;
	for (uint32_t i = 0; i < n && !s->bad; i++) {
		if (text && !at[i])
			break;
		if (!text && !(s->flags & ZERO) && is_zero(at + i * size, size))
			continue;
		if (more)
			put(s, ",");
		new_line(s);
		if (text)
			put(s, "'%c'", at[i]);
		else
			show(s, elem, at + i * size, NULL, 0, 0);
		more = true;
	}
	s->depth--;
	if (more && !(s->flags & COMPACT))
		put(s, ",");
	if (more)
		new_line(s);
	put(s, "]");
}

static void show_struct(struct show *s, uint32_t type, uint32_t id, const uint8_t *at,
			const char *name)
{
	bool more = false;

	if (!(s->flags & ZERO) && s->depth && is_zero(at, btf_size(s->btf, id)))
		return;
	named(s, name);
	cast(s, type);
	put(s, "{");
	s->depth++;
	for (uint32_t i = 0; i < btf_vlen(s->btf, id) && s->depth < MAX_DEPTH; i++) {
		struct btf_member m = btf_member(s->btf, id, i);
		uint64_t before;
		bool field = m.bit_size;

		before = s->len;
		if (more)
			put(s, ",");
		new_line(s);
		{
			uint64_t start = s->len;

			show(s, m.type, at + (field ? 0 : m.bit_off / 8), m.name, m.bit_off,
			     m.bit_size);
			if (s->len == start)
				s->len = before;
			else
				more = true;
		}
	}
	s->depth--;
	if (more && !(s->flags & COMPACT))
		put(s, ",");
	if (more)
		new_line(s);
	put(s, "}");
}

static void show(struct show *s, uint32_t type, const uint8_t *at, const char *name, uint32_t bit,
		 uint32_t bits)
{
	uint32_t id = btf_strip_all(s->btf, type);

	if (s->depth >= MAX_DEPTH)
		return;
	switch ((int)btf_kind(s->btf, id)) {
	case BTF_INT:
		show_int(s, type, id, at, name, bits ? bit : 0, bits);
		break;
	case BTF_PTR:
		show_pointer(s, type, at, name);
		break;
	case BTF_ENUM:
	case BTF_ENUM64:
		show_enum(s, type, id, at, name);
		break;
	case BTF_ARRAY:
		show_array(s, type, id, at, name);
		break;
	case BTF_STRUCT:
	case BTF_UNION:
		show_struct(s, type, id, at, name);
		break;
	default:
		break;
	}
}

/* The length without NUL, or -errno. */
static int64_t show_value(struct exec_run *run, char *out, uint64_t size, const struct btf_ptr *p,
			  uint64_t flags)
{
	struct model *m = world(run);
	struct show s = { .run = run, .out = out, .size = size, .flags = (uint32_t)flags };
	uint64_t bytes;
	uint8_t *copy;

	if (!m)
		return -ENOMEM;
	s.btf = model_btf(m);
	if (flags & ~15ull || !s.btf || p->flags || !p->type_id || p->type_id >= btf_count(s.btf))
		return -EINVAL;
	bytes = btf_size(s.btf, p->type_id);
	if (!bytes || bytes > MODEL_MAX_OBJECT)
		return -EINVAL;
	copy = model_alloc(m, MODEL_SLICE, (uint32_t)bytes + 16, 0);
	if (!copy)
		return -ENOMEM;
	s.bad = mem_read_kernel(run, copy, (uintptr_t)p->ptr, bytes);
	if (!s.bad)
		show(&s, p->type_id, copy, NULL, 0, 0);
	model_unref(m, copy);
	if (size)
		out[num_min(s.len, size - 1)] = '\0';
	return s.bad ? s.bad : (int64_t)s.len;
}

BODY(snprintf_btf)
{
	struct btf_ptr p;

	if ((uint32_t)a4 != sizeof(p))
		return fail(EINVAL);
	memcpy(&p, pointer(a3), sizeof(p));
	return result(show_value(run, pointer(a1), (uint32_t)a2, &p, a5));
}

/* The output of an iterator ------------------------------------------------------------------------------ */

static struct model_seq *seq_of(struct exec_run *run, const char *name, uint64_t addr)
{
	struct helper_event *e = run->event;

	if (e && e->seq && addr == (uintptr_t)&e->seq->file)
		return e->seq;
	no_object(run, name, "seq_file", addr);
	return NULL;
}

static uint64_t seq_put(struct model_seq *s, const char *text, uint64_t len)
{
	if (len > s->room - s->len) {
		s->lost += len;
		return fail(EOVERFLOW);
	}
	memcpy(s->bytes + s->len, text, len);
	s->len += len;
	s->file.count = s->len;
	return 0;
}

BODY(seq_write)
{
	struct model_seq *s = seq_of(run, "bpf_seq_write", a1);

	return s ? seq_put(s, pointer(a2), (uint32_t)a3) : 0;
}

BODY(seq_printf)
{
	struct model_seq *s = seq_of(run, "bpf_seq_printf", a1);
	uint64_t args[FORMAT_MAX_ARGS] = { 0 };
	char text[2048];
	int64_t r;

	if (!s)
		return 0;
	if ((uint32_t)a5 & 7 || (uint32_t)a5 > sizeof(args) || ((uint32_t)a5 && !a4))
		return fail(EINVAL);
	if ((uint32_t)a5)
		memcpy(args, pointer(a4), (uint32_t)a5);
	r = format_text(run, text, sizeof(text), pointer(a2), (uint32_t)a3, args, (uint32_t)a5 / 8);
	if (r < 0)
		return result(r);
	if (r >= (int64_t)sizeof(text)) {
		s->lost += (uint64_t)r;
		return fail(EOVERFLOW);
	}
	return seq_put(s, text, (uint64_t)r);
}

BODY(seq_printf_btf)
{
	struct model_seq *s = seq_of(run, "bpf_seq_printf_btf", a1);
	struct btf_ptr p;
	int64_t r;
	char *text;

	if (!s)
		return 0;
	if ((uint32_t)a3 != sizeof(p))
		return fail(EINVAL);
	memcpy(&p, pointer(a2), sizeof(p));
	text = model_alloc(world(run), MODEL_SLICE, 16384, 0);
	if (!text)
		return fail(ENOMEM);
	r = show_value(run, text, 16384, &p, a4);
	if (r >= 0)
		r = (int64_t)seq_put(s, text, num_min((uint64_t)r, 16383));
	model_unref(run->model, text);
	return result(r);
}

/* Streams: text of a program for who watches it; 1 is its output, 2 its errors. */
KBODY(bpf_stream_vprintk_impl)
{
	uint64_t args[FORMAT_MAX_ARGS] = { 0 };
	char text[1024], fmt[512];
	int64_t r;

	if ((uint32_t)a4 && !kfunc_memory(run, "bpf_stream_vprintk_impl", a3, (uint32_t)a4, false))
		return 0;
	if ((int32_t)a1 != 1 && (int32_t)a1 != 2)
		return (uint32_t)-ENOENT;
	if ((uint32_t)a4 & 7 || (uint32_t)a4 > sizeof(args) || ((uint32_t)a4 && !a3) ||
	    mem_read_str(run, MEM_KERNEL, fmt, sizeof(fmt), a2) < 0)
		return (uint32_t)-EINVAL;
	if ((uint32_t)a4)
		memcpy(args, pointer(a3), (uint32_t)a4);
	r = format_text(run, text, sizeof(text), fmt, sizeof(fmt), args, (uint32_t)a4 / 8);
	if (r < 0)
		return (uint32_t)r;
	if (run->host && run->host->trace)
		run->host->trace(run->host_ctx, text, strcspn(text, "\n"));
	return 0;
}
