// SPDX-License-Identifier: Apache-2.0
/*
 * What the verifier knows, in words, and what a rejection says to people: needed, known, help. Needs and help are rows of
 * advice.def, the first whose words are in the message; every error has one for all messages.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "verify/explain.h"

struct advice {
	const struct err_def *def;
	const char *words, *need, *help;
};

static const struct advice advices[] = {
#define ADVICE(name, words, need, help) { &ERR_##name, words, need, help },
#define ADVICE_ANY(name, need, help) { &ERR_##name, "", need, help },
#include "verify/advice.def"
#undef ADVICE
#undef ADVICE_ANY
};

/* An error without a row for all its messages does not compile. */
enum {
#define ADVICE(name, words, need, help)
#define ADVICE_ANY(name, need, help) ANY_##name,
#include "verify/advice.def"
#undef ADVICE
#undef ADVICE_ANY
	ANY_COUNT
};

#define ERR(name, id, code, problem) _Static_assert(ANY_##name < ANY_COUNT, "advice.def");
#include "verify/errors.def"
#undef ERR

/* Registers --------------------------------------------------------------------------------------- */

static void add_int(struct buf *out, int64_t x)
{
	if (x > -65536 && x < 65536)
		buf_printf(out, "%" PRId64, x);
	else
		buf_printf(out, "%s0x%" PRIx64, x < 0 ? "-" : "",
			   x < 0 ? -(uint64_t)x : (uint64_t)x);
}

static void add_uint(struct buf *out, uint64_t x)
{
	buf_printf(out, x < 65536 ? "%" PRIu64 : "0x%" PRIx64, x);
}

void words_number(const struct scalar *s, struct buf *out)
{
	unsigned int low = s->t.mask ? (unsigned int)__builtin_ctzll(s->t.mask) : 0;

	if (scalar_is_const(s)) {
		add_int(out, (int64_t)scalar_value(s));
		return;
	}
	if (s->smin >= 0 || s->umax != UINT64_MAX) {
		add_uint(out, s->umin);
		buf_adds(out, " to ");
		add_uint(out, s->umax);
	} else if (s->smin != INT64_MIN || s->smax != INT64_MAX) {
		if (s->smin == INT64_MIN)
			buf_adds(out, "anything");
		else
			add_int(out, s->smin);
		buf_adds(out, s->smin == INT64_MIN ? " up to " : " to ");
		if (s->smax == INT64_MAX)
			buf_adds(out, "the greatest number");
		else
			add_int(out, s->smax);
	} else {
		buf_adds(out, "any number");
	}
	if (low && low < 16 && !(s->t.value & ((1u << low) - 1)))
		buf_printf(out, " in steps of %u", 1u << low);
}

/* What the register points to, where the type says it all. */
static const char *const objects[] = {
	[T_NOT_INIT] = "nothing",
	[T_SCALAR] = "nothing",
	[T_CTX] = "the context",
	[T_STACK] = "the stack",
	[T_PKT] = "the packet",
	[T_PKT_META] = "the packet's metadata",
	[T_PKT_END] = "the packet's end",
	[T_FLOW_KEYS] = "the flow keys",
	[T_SOCKET] = "a socket",
	[T_SOCK_COMMON] = "a socket",
	[T_TCP_SOCK] = "a TCP socket",
	[T_XDP_SOCK] = "an XDP socket",
	[T_TP_BUFFER] = "the tracepoint's buffer",
	[T_ARENA] = "the arena",
	[T_FUNC] = "a function of the program",
	[T_DYNPTR] = "a dynptr",
	[T_COUNT] = NULL,
};

/* "a value of map 'm' (48 bytes)" */
static void add_object(const struct reg *r, struct buf *out)
{
	const char *map = "";

	if (r->type == T_MAP_PTR || r->type == T_MAP_VALUE || r->type == T_MAP_KEY)
		map = r->map->name ? r->map->name : "";
	if (r->type == T_MAP_VALUE)
		buf_printf(out, "a value of map '%s' (%u bytes)", map, r->map->value_size);
	else if (r->type == T_MAP_KEY)
		buf_printf(out, "a key of map '%s' (%u bytes)", map, r->map->key_size);
	else if (r->type == T_MAP_PTR)
		buf_printf(out, "map '%s'", map);
	else if (r->type == T_BTF)
		buf_printf(out, "%s%s'struct %s'",
			   r->flags & F_ALLOC ? "an object of the program's, " : "",
			   r->flags & F_PERCPU ? "per-CPU " : "",
			   r->btf ? btf_name(r->btf, r->btf_id) : "?");
	else if (r->type == T_MEM || r->type == T_BUF)
		buf_printf(out, "%s (%u bytes)",
			   r->flags & F_RINGBUF ? "a ring buffer reservation" : "memory",
			   r->mem_size);
	else
		buf_adds(out, objects[r->type]);
}

static void add_offset(const struct reg *r, struct buf *out)
{
	struct scalar sum;

	if (r->type == T_STACK && scalar_is_const(&r->s)) {
		long long off = (long long)r->off + (long long)scalar_value(&r->s);

		buf_printf(out, off ? " at r10%+lld" : " at r10", off);
		return;
	}
	if (!r->off && scalar_is_zero(&r->s))
		return;
	buf_adds(out, r->type == T_STACK ? " at r10" : "");
	if (r->off || scalar_is_const(&r->s)) {
		sum = scalar_const((uint64_t)(int64_t)r->off);
		if (scalar_is_const(&r->s))
			sum = scalar_add(&sum, &r->s);
		buf_adds(out, " plus ");
		words_number(&sum, out);
	}
	if (!scalar_is_const(&r->s)) {
		buf_adds(out, " plus ");
		words_number(&r->s, out);
	}
}

void words_reg(const struct reg *r, struct buf *out)
{
	if (r->type == T_NOT_INIT) {
		buf_adds(out, "without a value");
		return;
	}
	if (r->type == T_SCALAR) {
		bool plain = scalar_is_const(&r->s) || scalar_is_unknown(&r->s);

		buf_adds(out, plain && scalar_is_const(&r->s) ? "the number " :
			      plain			      ? "" :
								"a number, ");
		words_number(&r->s, out);
		return;
	}
	if (r->flags & F_UNTRUSTED)
		buf_adds(out, "an untrusted pointer to ");
	else
		buf_adds(out, r->type == T_MAP_PTR || r->type == T_PKT_END ? "" : "a pointer to ");
	add_object(r, out);
	add_offset(r, out);
	if (r->type == T_PKT) {
		if (r->range > 0)
			buf_printf(out, ", %d bytes from its start compared with the end",
				   r->range);
		else
			buf_adds(out, ", not compared with the end");
	}
	if (r->flags & F_RDONLY)
		buf_adds(out, ", read only");
	if (r->flags & F_NULL)
		buf_adds(out, ", or null");
}

/* Culprits ---------------------------------------------------------------------------------------- */

static int number_behind(const char *message, const char *word)
{
	const char *p = message;

	while ((p = strstr(p, word))) {
		p += strlen(word);
		if (*p >= '0' && *p <= '9')
			return (int)strtol(p, NULL, 10) & 63;
	}
	return NO_REG;
}

int words_culprit(struct verifier *v, const char *message)
{
	const struct skep_insn *in = &v->insns[v->at];
	enum isa_kind kind = isa_kind(v->ops[v->at]);
	int r = number_behind(message, "R");

	if (r < 0) {
		r = number_behind(message, "arg#");
		r = r < 0 ? number_behind(message, "args#") : r;
		r += r >= 0;
	}
	if (r >= 0 && r < ISA_REGS)
		return r;
	if (kind == ISA_KIND_LOAD)
		return (int)insn_src(in);
	if (kind == ISA_KIND_ALU && in->code & 8 && reg_at(v, insn_src(in))->type == T_SCALAR)
		return (int)insn_src(in);
	if (kind == ISA_KIND_STORE || kind == ISA_KIND_ATOMIC || kind == ISA_KIND_ALU ||
	    kind == ISA_KIND_BRANCH)
		return (int)insn_dst(in);
	return kind == ISA_KIND_EXIT && (strstr(message, "return") || strstr(message, "exit")) ?
		       0 :
		       NO_REG;
}

/* Needed, known, help ----------------------------------------------------------------------------- */

static const struct advice *find_advice(const struct skep_error *err)
{
	const char *id = skep_error_id(err), *message = skep_error_message(err);

	for (size_t i = 0; i < ARRAY_SIZE(advices); i++)
		if (strcmp(advices[i].def->id, id) == 0 && strstr(message, advices[i].words))
			return &advices[i];
	return NULL;
}

static bool is_word(const char *at, size_t len, const char *word)
{
	return strlen(word) == len && strncmp(at, word, len) == 0;
}

static void add_words(struct verifier *v, int culprit, const struct reg *r, const char *at,
		      size_t len, struct buf *out)
{
	bool inside = v->ops && v->at < v->n;
	const struct spec_helper *h = inside ? spec_helper(v->insns[v->at].imm) : NULL;

	if (is_word(at, len, "r"))
		buf_printf(out, culprit >= 0 ? "r%d" : "the register", culprit);
	else if (is_word(at, len, "object") && r)
		add_object(r, out);
	else if (is_word(at, len, "bytes") && inside && isa_access_size(v->ops[v->at]))
		buf_printf(out, isa_access_size(v->ops[v->at]) == 1 ? "%u byte" : "%u bytes",
			   isa_access_size(v->ops[v->at]));
	else if (is_word(at, len, "bytes"))
		buf_adds(out, "all bytes");
	else if (is_word(at, len, "helper") && inside && isa_kind(v->ops[v->at]) != ISA_KIND_CALL)
		buf_adds(out, "the instruction");
	else if (is_word(at, len, "helper") && h && v->ops[v->at] == ISA_CALL_HELPER)
		buf_printf(out, "bpf_%s()", h->name);
	else if (is_word(at, len, "helper"))
		buf_adds(out, "what is called");
	else
		buf_printf(out, "{%.*s}", (int)len, at);
}

/* {r} the register, {object} what it points to, {bytes} of the access, {helper} that is called. */
static char *expand(struct verifier *v, int culprit, const struct reg *r, const char *text)
{
	struct buf out;

	buf_init(&out);
	while (*text) {
		const char *end = *text == '{' ? strchr(text, '}') : NULL;

		if (end) {
			add_words(v, culprit, r, text + 1, (size_t)(end - text) - 1, &out);
			text = end + 1;
		} else {
			buf_addc(&out, *text++);
		}
	}
	return buf_give(&out);
}

const struct verify_line *words_line(const struct verifier *v, uint32_t at)
{
	const struct verify_opts *o = v->o;
	uint32_t lo = 0, hi = o->nlines;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (o->lines[mid].insn <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? &o->lines[lo - 1] : NULL;
}

/* "since instruction 4, line 12" of what last changed the culprit; "and the branch at ..." */
static void add_since(struct verifier *v, struct buf *out)
{
	const struct explain *e = v->explain;
	const struct verify_cause *made = NULL, *branch = NULL;
	const struct verify_line *l;

	for (uint32_t i = 0; i < e->last_causes; i++)
		if (e->causes[i].branch)
			branch = &e->causes[i];
		else
			made = &e->causes[i];
	if (made) {
		buf_printf(out, ", since instruction %u", made->insn);
		l = words_line(v, made->insn);
		if (l && l->line)
			buf_printf(out, ", line %u", l->line);
	}
	if (branch && (!made || branch > made)) {
		buf_printf(out, "%s the branch at instruction %u (%staken)",
			   made ? " and" : ", since", branch->insn, branch->taken ? "" : "not ");
		l = words_line(v, branch->insn);
		if (l && l->line)
			buf_printf(out, ", line %u", l->line);
	}
}

/* What is known without a register: what the path holds, else the stack's slot, else how it came here. */
static void known_of_path(struct verifier *v, struct buf *out)
{
	const struct explain *e = v->explain;
	const struct state *st = e->snap ? e->snap : v->st;

	if (st && st->nrefs) {
		buf_printf(out, "what instruction %u took is still held here",
			   st->refs[st->nrefs - 1].insn);
		return;
	}
	buf_adds(out, e->snap ? "the instruction is reached" :
		      v->st   ? "the state is the same as before" :
				"it is refused before a path is walked");
	add_since(v, out);
}

static void say_known(struct verifier *v, int culprit, const struct reg *r)
{
	struct buf out;

	if (skep_error_known(v->error))
		return;
	buf_init(&out);
	if (r) {
		buf_printf(&out, "r%d is ", culprit);
		words_reg(r, &out);
		add_since(v, &out);
	} else {
		known_of_path(v, &out);
	}
	skep_known(&v->error, "%s", buf_str(&out));
	buf_done(&out);
}

void words_advise(struct verifier *v, int culprit, const struct reg *r)
{
	const struct advice *a = find_advice(v->error);
	char *text;

	say_known(v, culprit, r);
	if (!a)
		return;
	text = expand(v, culprit, r, a->need);
	if (text && !skep_error_needed(v->error))
		skep_need(&v->error, "%s", text);
	free(text);
	text = expand(v, culprit, r, a->help);
	if (text && !skep_error_help(v->error))
		skep_hint(&v->error, "%s", text);
	free(text);
}

void verify_advise(struct skep_error **err)
{
	const struct advice *a = find_advice(*err);

	if (a && !skep_error_needed(*err))
		skep_need(err, "%s", a->need);
	if (a && !skep_error_help(*err))
		skep_hint(err, "%s", a->help);
}
