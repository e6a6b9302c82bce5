// SPDX-License-Identifier: Apache-2.0
/*
 * The log, as text that tools for the kernel's can read, and rejections. Its shape is that of Linux 6.18, learnt from what
 * that kernel prints: a line an instruction, behind it what it used and changed, `; source` lines, states at branches.
 */
#include <stdio.h>

#include "verify/state.h"

#define INSN_COLUMN 40
#define NAME_SIZE 80

void say(struct verifier *v, const char *fmt, ...)
{
	va_list ap;

	if (!logging(v))
		return;
	va_start(ap, fmt);
	buf_vprintf(&v->log, fmt, ap);
	va_end(ap);
}

void say_always(struct verifier *v, const char *fmt, ...)
{
	va_list ap;

	if (!v->log_level)
		return;
	va_start(ap, fmt);
	buf_vprintf(&v->log, fmt, ap);
	va_end(ap);
}

int out_of_memory(struct verifier *v)
{
	v->oom = true;
	return -ENOMEM;
}

static void place_error(struct verifier *v, struct skep_error **err)
{
	const struct verify_opts *o = v->o;
	struct skep_place at = SKEP_AT_INSN(o->name, o->prog, v->at);
	uint32_t lo = 0, hi = o->nlines;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (o->lines[mid].insn <= v->at)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo) {
		const struct verify_line *l = &o->lines[lo - 1];

		at.src = l->file;
		at.text = l->text;
		at.line = l->line;
		at.col = l->col;
	}
	skep_relocate(err, at);
}

int reject(struct verifier *v, const struct err_def *def, const char *fmt, ...)
{
	struct buf text;
	va_list ap;
	int r;

	buf_init(&text);
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	if (v->log_level) {
		buf_adds(&v->log, buf_str(&text));
		buf_addc(&v->log, '\n');
	}
	if (v->error)
		skep_error_free(v->error);
	v->error = NULL;
	r = skep_fail(&v->error, def, SKEP_NOWHERE, "%s", buf_str(&text));
	place_error(v, &v->error);
	buf_done(&text);
	return r;
}

/* Types ------------------------------------------------------------------------------------------- */

const char *type_name(const struct verifier *v, enum reg_type type, unsigned int flags, char *buf,
		      size_t size)
{
	static const char *const names[] = {
#define REG(id, name) [T_##id] = name,
#include "verify/regs.def"
#undef REG
	};
	const char *null = flags & F_NULL ? (type == T_BTF ? "or_null_" : "_or_null") : "";

	(void)v;
	snprintf(buf, size, "%s%s%s%s%s%s%s%s%s", flags & F_RDONLY ? "rdonly_" : "",
		 flags & F_RINGBUF ? "ringbuf_" : "", flags & F_USER ? "user_" : "",
		 flags & F_PERCPU ? "percpu_" : "", flags & F_RCU ? "rcu_" : "",
		 flags & F_UNTRUSTED ? "untrusted_" : "", flags & F_TRUSTED ? "trusted_" : "",
		 names[type], null);
	return buf;
}

/* As the kernel prints it: a number, or value and mask. */
const char *tnum_name(struct tnum t, char *buf, size_t size)
{
	struct buf b;

	if (t.mask) {
		snprintf(buf, size, "(0x%llx; 0x%llx)", (unsigned long long)t.value,
			 (unsigned long long)t.mask);
		return buf;
	}
	buf_init(&b);
	scalar_print_unsigned(&b, t.value);
	snprintf(buf, size, "%s", buf_str(&b));
	buf_done(&b);
	return buf;
}

static void add(struct buf *out, bool *first, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void add(struct buf *out, bool *first, const char *fmt, ...)
{
	va_list ap;

	if (!*first)
		buf_addc(out, ',');
	*first = false;
	va_start(ap, fmt);
	buf_vprintf(out, fmt, ap);
	va_end(ap);
}

static void print_scalar(struct buf *out, const struct reg *r)
{
	if (r->precise)
		buf_addc(out, 'P');
	if (scalar_is_const(&r->s)) {
		scalar_print_signed(out, (int64_t)scalar_value(&r->s));
		return;
	}
	buf_adds(out, "scalar(");
	if (r->id & ~ID_ADD)
		buf_printf(out, "id=%u", r->id & ~ID_ADD);
	if (r->id & ID_ADD)
		buf_printf(out, "%+d", r->off);
	scalar_print_bounds(out, &r->s, r->id & ~ID_ADD ? "," : "");
	buf_addc(out, ')');
}

static void print_map(struct buf *out, const struct reg *r, bool *first)
{
	if (r->type != T_MAP_PTR && r->type != T_MAP_VALUE && r->type != T_MAP_KEY)
		return;
	if (r->map->name && r->map->name[0])
		add(out, first, "map=%s", r->map->name);
	add(out, first, "ks=%u", r->map->key_size);
	add(out, first, "vs=%u", r->map->value_size);
}

static void print_reg(struct verifier *v, uint32_t frame, const struct reg *r, struct buf *out)
{
	char name[TYPE_NAME];
	bool first = true;

	if (r->type == T_SCALAR) {
		print_scalar(out, r);
		return;
	}
	buf_adds(out, type_name(v, r->type, r->flags, name, sizeof(name)));
	if (r->type == T_STACK) {
		if (r->frame != frame)
			buf_printf(out, "[%u]", r->frame);
		if (scalar_is_const(&r->s)) {
			buf_printf(out, "%lld", (long long)(r->off + (int64_t)scalar_value(&r->s)));
			return;
		}
	}
	if (r->type == T_BTF && r->btf)
		buf_adds(out, btf_name(r->btf, r->btf_id));
	buf_addc(out, '(');
	if (r->id)
		add(out, &first, "id=%u", r->id);
	if (r->ref)
		add(out, &first, "ref_obj_id=%u", r->ref);
	if (r->flags & F_NON_OWN)
		add(out, &first, "non_own_ref");
	print_map(out, r, &first);
	if (r->off)
		add(out, &first, "off=%d", r->off);
	if (reg_is_packet(r) || r->type == T_PKT_END) {
		if (r->type != T_PKT_END)
			add(out, &first, "r=%d", r->range);
	}
	if (r->type == T_MEM || r->type == T_BUF)
		add(out, &first, "sz=%u", r->mem_size);
	if (scalar_is_const(&r->s)) {
		if (scalar_value(&r->s)) {
			add(out, &first, "imm=");
			scalar_print_signed(out, (int64_t)scalar_value(&r->s));
		}
	} else {
		scalar_print_bounds(out, &r->s, first ? "" : ",");
	}
	buf_addc(out, ')');
}

static void print_special(struct buf *out, const struct slot *s, uint32_t i)
{
	static const char *const kinds[] = { "",    "local",	"ringbuf", "skb",
					     "xdp", "skb_meta", "file" };
	int off = -8 * ((int)i + 1);

	if (s->type[0] == SLOT_DYNPTR) {
		if (!s->spill.first)
			return;
		buf_printf(out, " fp%d=dynptr_%s(", off - 8, kinds[s->spill.dynptr]);
		if (s->spill.id)
			buf_printf(out, "id=%u", s->spill.id);
		if (s->spill.ref)
			buf_printf(out, "%sref_id=%u", s->spill.id ? "," : "", s->spill.ref);
		buf_addc(out, ')');
	} else if (s->type[0] == SLOT_ITER) {
		if (!s->spill.ref)
			return;
		buf_printf(out, " fp%d=iter_%s(ref_id=%u,state=%s,depth=%u)", off,
			   s->spill.btf ? btf_name(s->spill.btf, s->spill.btf_id) + 9 : "?",
			   s->spill.ref, s->spill.iter_state == ITER_ACTIVE ? "active" : "drained",
			   s->spill.iter_depth);
	} else {
		buf_printf(out, " fp%d=ffffffff", off);
	}
}

static void print_slot(struct verifier *v, uint32_t frame, const struct slot *s, uint32_t i,
		       struct buf *out)
{
	static const char marks[] = { '?', 'r', 'm', '0', 'd', 'i', 'f' };
	bool any = false;

	if (s->type[0] >= SLOT_DYNPTR) {
		print_special(out, s, i);
		return;
	}
	for (unsigned int b = 0; b < 8; b++)
		any |= s->type[b] != SLOT_INVALID;
	if (!any)
		return;
	buf_printf(out, " fp%d=", -8 * ((int)i + 1));
	if (!slot_is_spill(s)) {
		for (unsigned int b = 0; b < 8; b++)
			buf_addc(out, marks[s->type[b]]);
		return;
	}
	for (unsigned int b = 0; b < 8 && s->type[b] != SLOT_SPILL; b++)
		buf_addc(out, marks[s->type[b]]);
	print_reg(v, frame, &s->spill, out);
}

static void print_refs(const struct state *st, struct buf *out)
{
	bool first = true;

	for (uint32_t i = 0; i < st->nrefs; i++) {
		if (st->refs[i].kind != REF_PTR)
			continue;
		buf_printf(out, "%s%u", first ? " refs=" : ",", st->refs[i].id);
		first = false;
	}
}

static void print_state(struct verifier *v, const struct state *st, uint32_t frame, bool all,
			struct buf *out)
{
	const struct frame *f = st->frames[frame];

	if (frame)
		buf_printf(out, " frame%u:", frame);
	for (unsigned int i = 0; i < ISA_REGS; i++) {
		if (f->regs[i].type == T_NOT_INIT || (!all && !(v->printed_regs[frame] & 1u << i)))
			continue;
		buf_printf(out, " R%u=", i);
		print_reg(v, frame, &f->regs[i], out);
	}
	for (uint32_t i = 0; f->stack && i < f->stack->n; i++)
		if (all || v->printed_slots[frame] & 1ull << i)
			print_slot(v, frame, &f->stack->slots[i], i, out);
	print_refs(st, out);
	buf_addc(out, '\n');
	v->printed_regs[frame] = 0;
	v->printed_slots[frame] = 0;
}

void log_state(struct verifier *v, const struct state *st, uint32_t frame, bool all)
{
	if (logging(v))
		print_state(v, st, frame, all, &v->log);
}

/* What the last instruction used and changed: behind it, or on a line of its own. */
void log_changed(struct verifier *v)
{
	const uint32_t f = v->st->cur;

	if (!logging(v) || (!v->printed_regs[f] && !v->printed_slots[f]))
		return;
	if (v->insn_end && v->insn_end == v->log.len) {
		size_t len = v->log.len - v->insn_start;
		size_t to = num_align(num_max(len + 4, INSN_COLUMN), 8) - len - 1;

		v->log.len--;
		buf_printf(&v->log, "%*c;", (int)to, ' ');
	} else {
		buf_printf(&v->log, "%u:", v->at);
	}
	print_state(v, v->st, f, false, &v->log);
}

/* Instructions ------------------------------------------------------------------------------------ */

static const char *name_helper(void *ctx, int32_t id)
{
	const struct spec_helper *h = spec_helper(id);
	char *name = ctx;

	if (!h)
		return "unknown";
	snprintf(name, NAME_SIZE, "bpf_%s", h->name);
	return name;
}

void log_insn_text(struct verifier *v, uint32_t at, struct buf *out)
{
	const struct btf *b = v->o->kernel_btf;
	const struct skep_insn *in = &v->insns[at];
	char name[NAME_SIZE];
	struct isa_names names = { .helper = name_helper, .ctx = name };

	buf_printf(out, "(%02x) ", in->code);
	if (v->ops[at] == ISA_CALL_KFUNC && b && in->imm > 0 && (uint32_t)in->imm < btf_count(b))
		buf_printf(out, "call %s#%d", btf_name(b, (uint32_t)in->imm), in->imm);
	else
		isa_print(out, in, v->n - at, at, SKEP_INSN_KERNEL, &names);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

void log_line(struct verifier *v, uint32_t at)
{
	const struct verify_opts *o = v->o;
	const struct verify_line *l = NULL;
	uint32_t lo = 0, hi = o->nlines;
	bool same;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (o->lines[mid].insn <= at) {
			l = &o->lines[mid];
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	if (!l || l == v->last_line)
		return;
	same = v->last_line && l->file && v->last_line->file == l->file &&
	       v->last_line->line == l->line;
	v->last_line = l;
	if (same)
		return;
	if (l->text) {
		const char *text = l->text + strspn(l->text, " \t");

		say(v, "; %s @ %s:%u\n", text, l->file ? base_name(l->file) : "?", l->line);
	}
}

void log_insn(struct verifier *v, uint32_t at)
{
	log_line(v, at);
	v->insn_start = v->log.len;
	buf_printf(&v->log, "%u: ", at);
	log_insn_text(v, at, &v->log);
	buf_addc(&v->log, '\n');
	v->insn_end = v->log.len;
}
