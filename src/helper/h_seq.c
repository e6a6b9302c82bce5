// SPDX-License-Identifier: Apache-2.0
/*
 * Values by their types, and the output of iterators (bpf-helpers(7)): bpf_snprintf_btf, bpf_seq_printf and its kin. A value is shown as
 * a C initialiser with casts; members that are zero are left out, until BTF_F_ZERO asks for them. What does not fit into the
 * output of an iterator is not written: -EOVERFLOW, and counted. Compared with the kernel by tests/unit/print_oracle_test.c.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#include "btf/btf.h"
#include "helper/internal.h"

#define COMPACT 1u
#define NONAME 2u
#define PTR_RAW 4u
#define ZERO 8u
#define MAX_DEPTH 32
#define SLACK 65536u /* of the length that is counted, not written */

struct show {
	const struct btf *btf;
	struct exec_run *run;
	char *out;
	uint64_t size, len;
	uint32_t flags;
	int depth, bad; /* an errno of a read */
};

/* What is shown: of a bit field the bytes of its structure. */
struct value {
	uint32_t type, id; /* id: without typedefs */
	const uint8_t *at;
	const char *name;
	uint32_t bit, bits;
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

/* A line starts with as many blanks as the value is deep. */
static void indent(struct show *s)
{
	for (int i = 0; i < s->depth && !(s->flags & COMPACT); i++)
		put(s, " ");
}

static void end_line(struct show *s)
{
	if (!(s->flags & COMPACT))
		put(s, "\n");
}

static bool is_zero(const uint8_t *at, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (at[i])
			return false;
	return true;
}

/* Is a value that is zero left out? */
static bool left_out(const struct show *s, bool zero)
{
	return zero && s->depth && !(s->flags & ZERO);
}

static void begin(struct show *s, uint32_t type, const char *name)
{
	struct buf text;

	indent(s);
	if (s->flags & NONAME)
		return;
	if (name && *name)
		put(s, ".%s = ", name);
	buf_init(&text);
	btf_print_type(s->btf, type, &text);
	put(s, "(%s)", buf_str(&text));
	buf_done(&text);
}

static void end(struct show *s)
{
	if (s->depth)
		put(s, ",");
	end_line(s);
}

static void show(struct show *s, const struct value *v);

static void show_number(struct show *s, const struct value *v, uint32_t n, uint64_t bits)
{
	bool is_signed = btf_int_encoding(s->btf, v->id) & BTF_INT_SIGNED;

	if (is_signed && n < 64 && bits >> (n - 1) & 1)
		bits |= ~0ull << n;
	if (btf_int_encoding(s->btf, v->id) & BTF_INT_BOOL && !v->bits)
		put(s, "%s", bits ? "true" : "false");
	else if (v->bits)
		put(s, "0x%llx", (unsigned long long)(n < 64 ? bits & ((1ull << n) - 1) : bits));
	else
		put(s, is_signed ? "%lld" : "%llu", (unsigned long long)bits);
}

static void show_int(struct show *s, const struct value *v)
{
	uint32_t n = v->bits ? v->bits : btf_int_bits(s->btf, v->id);
	uint64_t word = 0, half[2];

	if (n > 64) {
		memcpy(half, v->at, 16);
		begin(s, v->type, v->name);
		put(s, "0x%llx%016llx", (unsigned long long)half[1], (unsigned long long)half[0]);
		end(s);
		return;
	}
	memcpy(&word, v->at + v->bit / 8, num_min(8, (v->bit % 8 + n + 7) / 8));
	word >>= v->bit % 8;
	if (n < 64)
		word &= (1ull << n) - 1;
	if (left_out(s, !word))
		return;
	begin(s, v->type, v->name);
	show_number(s, v, n, word);
	end(s);
}

static void show_pointer(struct show *s, const struct value *v)
{
	uint64_t p;

	memcpy(&p, v->at, 8);
	if (left_out(s, !p))
		return;
	begin(s, v->type, v->name);
	if (s->flags & PTR_RAW)
		put(s, "0x%llx", (unsigned long long)p);
	else
		put(s, "0x%016llx",
		    (unsigned long long)(p ? (p ^ 0x5bd1e995u) * 0x9e3779b97f4a7c15ull >> 32 : 0));
	end(s);
}

static void show_enum(struct show *s, const struct value *v)
{
	const char *name = NULL;
	int64_t n = 0;

	memcpy(&n, v->at, num_min(8, btf_size(s->btf, v->id)));
	if (btf_size(s->btf, v->id) == 4)
		n = (int32_t)n;
	if (left_out(s, !n))
		return;
	for (uint32_t i = 0; i < btf_vlen(s->btf, v->id) && !name; i++)
		if (btf_enumerator(s->btf, v->id, i).value == n)
			name = btf_enumerator(s->btf, v->id, i).name;
	begin(s, v->type, v->name);
	if (name)
		put(s, "%s", name);
	else
		put(s, "%lld", (long long)n);
	end(s);
}

/* An array of bytes is text: it ends at a NUL, and shows what can be printed as characters. */
static void show_array(struct show *s, const struct value *v)
{
	uint32_t elem = btf_array_elem(s->btf, v->id), n = btf_array_len(s->btf, v->id);
	uint64_t size = btf_size(s->btf, elem);
	bool text = size == 1 && btf_kind(s->btf, btf_strip_all(s->btf, elem)) == BTF_INT;

	if (left_out(s, is_zero(v->at, size * n)))
		return;
	begin(s, v->type, v->name);
	put(s, "[");
	end_line(s);
	s->depth++;
	for (uint32_t i = 0; i < n && !(text && !v->at[i]) && s->len < s->size + SLACK; i++) {
		const struct value e = { .type = elem, .at = v->at + i * size };

		if (text && isprint(v->at[i])) {
			begin(s, elem, NULL);
			put(s, "'%c'", v->at[i]);
			end(s);
		} else {
			show(s, &e);
		}
	}
	s->depth--;
	indent(s);
	put(s, "]");
	end(s);
}

static void show_struct(struct show *s, const struct value *v)
{
	if (left_out(s, is_zero(v->at, btf_size(s->btf, v->id))))
		return;
	begin(s, v->type, v->name);
	put(s, "{");
	end_line(s);
	s->depth++;
	for (uint32_t i = 0; i < btf_vlen(s->btf, v->id) && s->depth < MAX_DEPTH; i++) {
		struct btf_member m = btf_member(s->btf, v->id, i);
		const struct value e = { .type = m.type,
					 .at = v->at + (m.bit_size ? 0 : m.bit_off / 8),
					 .name = m.name,
					 .bit = m.bit_size ? m.bit_off : 0,
					 .bits = m.bit_size };

		show(s, &e);
	}
	s->depth--;
	indent(s);
	put(s, "}");
	end(s);
}

static void show(struct show *s, const struct value *v)
{
	struct value of = *v;

	of.id = btf_strip_all(s->btf, v->type);
	if (s->depth >= MAX_DEPTH)
		return;
	switch ((int)btf_kind(s->btf, of.id)) {
	case BTF_INT:
		show_int(s, &of);
		break;
	case BTF_PTR:
		show_pointer(s, &of);
		break;
	case BTF_ENUM:
	case BTF_ENUM64:
		show_enum(s, &of);
		break;
	case BTF_ARRAY:
		show_array(s, &of);
		break;
	case BTF_STRUCT:
	case BTF_UNION:
		show_struct(s, &of);
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
		show(&s, &(struct value){ .type = p->type_id, .at = copy });
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
