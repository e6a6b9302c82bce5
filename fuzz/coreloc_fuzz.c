// SPDX-License-Identifier: Apache-2.0
/*
 * CO-RE records over two sets of types that the input describes: a local one and a target. Each instruction
 * holds what its record says the compiler put there, unless the input decides otherwise, so that
 * most records reach the search and the patching.
 */
#include "../tests/unit/elf_kit.h"
#include "base/num.h"
#include "load/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TYPES = 24, RECORDS = 12, MEMBERS = 5 };

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

struct input {
	const uint8_t *data;
	size_t left;
};

static unsigned int next(struct input *in, unsigned int limit)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->data++ % limit;
}

static const char *const names[] = { "a",	  "b",	  "c", "s", "s___x",   "s___y", "t",
				     "t___y___z", "___s", "E", "F", "F___new", "",	"u" };
static const char *const accesses[] = { "0",	 "0:0",	    "0:1",   "0:2",	"1:0",	 "0:0:0",
					"0:1:0", "0:0:1",   "0:1:1", "0:2:1",	"0:3",	 "0:4:2",
					"3",	 "0:1:0:1", "1",     "0:2:0:0", "0:0:9", "" };

static const char *name_of(struct input *in)
{
	return names[next(in, ARRAY_SIZE(names))];
}

struct types {
	struct btf_builder *b;
	uint64_t size[TYPES + 1];
	bool number[TYPES + 1];
	unsigned int n; /* ids 1..n */
};

static void add_composite(struct input *in, struct types *t)
{
	bool is_union = next(in, 4) == 0;
	struct btf_member m[MEMBERS];
	unsigned int n = next(in, MEMBERS + 1);
	uint64_t bits = 0, most = 0, size;

	for (unsigned int i = 0; i < n; i++) {
		unsigned int type = 1 + next(in, t->n), width = next(in, 256);

		m[i] = (struct btf_member){ .name = name_of(in), .type = type };
		if (t->number[type] && width < 64 && width <= t->size[type] * 8)
			m[i].bit_size = width;
		else if (!is_union)
			bits = (bits + 31) & ~31ull;
		m[i].bit_off = is_union ? 0 : (uint32_t)bits;
		size = m[i].bit_size ? m[i].bit_size : t->size[type] * 8;
		bits += size;
		most = size > most ? size : most;
	}
	size = ((is_union ? most : bits) + 7) / 8;
	t->size[t->n + 1] = size;
	btf_add_composite(t->b, is_union ? BTF_UNION : BTF_STRUCT, name_of(in), (uint32_t)size, m,
			  n);
}

static void add_enum(struct input *in, struct types *t)
{
	struct btf_enumerator v[3];
	bool wide = next(in, 2);
	unsigned int n = 1 + next(in, 3);

	for (unsigned int i = 0; i < n; i++)
		v[i] = (struct btf_enumerator){ name_of(in), (int64_t)next(in, 256) - 100 };
	t->size[t->n + 1] = wide ? 8 : 4;
	t->number[t->n + 1] = true;
	btf_add_enum(t->b, wide ? BTF_ENUM64 : BTF_ENUM, name_of(in), wide ? 8 : 4, true, v, n);
}

static void add_proto(struct input *in, struct types *t)
{
	struct btf_param p[2] = { { "", 1 + next(in, t->n) }, { "", 1 + next(in, t->n) } };

	btf_add_proto(t->b, 1 + next(in, t->n), p, next(in, 3));
}

static void add_type(struct input *in, struct types *t)
{
	unsigned int old = t->n ? 1 + next(in, t->n) : 0, id = t->n + 1;

	t->size[id] = old ? t->size[old] : 0;
	switch (old ? next(in, 12) : 0) {
	case 0:
		t->size[id] = 1u << next(in, 4);
		t->number[id] = true;
		btf_add_int(t->b, name_of(in), (uint32_t)t->size[id], next(in, 2));
		break;
	case 1:
		t->size[id] = 8;
		btf_add_ref(t->b, BTF_PTR, NULL, next(in, 4) ? old : 0);
		break;
	case 2:
		t->size[id] = t->size[old] * next(in, 4);
		btf_add_array(t->b, old, 1,
			      t->size[old] ? (uint32_t)(t->size[id] / t->size[old]) : 0);
		break;
	case 3:
		btf_add_ref(t->b, BTF_TYPEDEF, "typed", old);
		break;
	case 4:
		btf_add_ref(t->b, BTF_CONST, NULL, old);
		break;
	case 5:
		t->size[id] = 0;
		btf_add_fwd(t->b, "s", next(in, 2));
		break;
	case 6:
		t->size[id] = 0;
		add_proto(in, t);
		break;
	case 7:
	case 8:
		add_enum(in, t);
		break;
	default:
		add_composite(in, t);
		break;
	}
	t->n++;
}

static void make_types(struct input *in, struct types *t)
{
	unsigned int n = 1 + next(in, TYPES);

	*t = (struct types){ .b = btf_builder_new() };
	while (t->n < n)
		add_type(in, t);
}

/* An instruction that may carry the answer, with the local value in it. */
static unsigned int make_insn(struct input *in, const struct btf *local,
			      const struct kit_record *rec, struct skep_insn *out)
{
	static const uint8_t codes[] = { 0x61, 0x71, 0x69, 0x79, 0x81, 0x63, 0x7a,
					 0xb7, 0xb4, 0x07, 0x18, 0xdb, 0x95 };
	struct btf_core_reloc rel = { .type = rec->type, .access = rec->access, .kind = rec->kind };
	struct core_value v = { 0 };
	struct core_spec spec;
	uint8_t code = codes[next(in, sizeof(codes))];

	if (!core_parse(local, &rel, &spec) && rec->kind <= BTF_CORE_TYPE_MATCHES)
		core_value(&spec, rec->kind, false, &v);
	if (next(in, 16) == 15)
		v.value++;
	out[0] =
		(struct skep_insn){ .code = code, .regs = code == 0x18 || code == 0xb7 ? 1 : 0x21 };
	if (code == 0xb4 || code == 0x07 || code == 0x7a)
		out[0].regs = 1;
	if ((code & 7) >= 1 && (code & 7) <= 3)
		out[0].off = (int16_t)v.value;
	else if (code != 0x95)
		out[0].imm = (int32_t)v.value;
	if (code == 0x95)
		out[0].regs = 0;
	out[1] = (struct skep_insn){ .imm = (int32_t)(v.value >> 32) };
	return code == 0x18 ? 2 : 1;
}

static void load(struct kit *k, const struct btf *target)
{
	struct load_opts opts = { .target = target, .target_name = "the target" };
	struct skep_error *err = NULL;
	struct load_obj *obj;
	size_t size;
	uint8_t *bytes = kit_bytes(k, &size);
	int r = load_open(bytes, size, "fuzz", &opts, &obj, &err);

	free(bytes);
	MUST((r == 0) == !err);
	skep_error_free(err);
	if (r < 0)
		return;
	for (uint32_t i = 0; i < obj->nprogs; i++) {
		const struct load_prog *p = &obj->progs[i];

		for (uint32_t c = 0; c < p->ncores; c++)
			MUST(p->cores[c].local && p->cores[c].insn < p->ninsns);
		for (uint32_t c = 0; c < p->npoisons; c++)
			MUST(p->poisons[c].reason && p->poisons[c].insn < p->ninsns);
	}
	load_close(obj);
}

static void relocate(struct input *in, struct types *local, const struct btf *btf,
		     const struct btf *target)
{
	struct skep_insn insns[RECORDS * 2 + 1];
	struct kit_record records[RECORDS];
	unsigned int n = 1 + next(in, RECORDS), at = 0;
	struct kit k;

	kit_init(&k);
	for (unsigned int i = 0; i < n; i++) {
		records[i] =
			(struct kit_record){ .insn_off = at * 8,
					     .type = 1 + next(in, local->n),
					     .access = accesses[next(in, ARRAY_SIZE(accesses))],
					     .kind = next(in, 14) };
		at += make_insn(in, btf, &records[i], &insns[at]);
	}
	insns[at++] = (struct skep_insn){ .code = 0x95 };
	kit_symbol(&k, "main", kit_code(&k, "xdp", insns, at), 0, at * 8, STT_FUNC, STB_GLOBAL);
	kit_btf(&k, local->b, "xdp", records, n);
	load(&k, target);
	kit_done(&k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct btf *btf = NULL, *target = NULL;
	struct input in = { data, size };
	struct types local, other;

	make_types(&in, &local);
	make_types(&in, &other);
	btf_add_decl_tag(local.b, "xdp", 1, -1);
	for (size_t i = 0; i < ARRAY_SIZE(accesses); i++)
		btf_add_decl_tag(local.b, accesses[i], 1, -1);
	if (btf_finish(local.b, "local", &btf, NULL) == 0 &&
	    btf_finish(other.b, "target", &target, NULL) == 0)
		relocate(&in, &local, btf, next(&in, 8) ? target : NULL);
	btf_unref(btf);
	btf_unref(target);
	btf_builder_free(local.b);
	btf_builder_free(other.b);
	return 0;
}
