// SPDX-License-Identifier: Apache-2.0
/*
 * Types as C. A declarator is read from the outside in: pointers, arrays and functions are levels
 * around a base type, and the text is base, what stands left of the name (innermost level first), the
 * name, what stands right of it (outermost first). A pointer level whose inner neighbour is an array
 * or a function needs parentheses.
 *
 * Hostile types may be deep or, printed, exponentially long: levels, nesting and text are bounded, and
 * what is left out shows as `...`. Padding that only attributes can explain is not reproduced.
 */
#include "btf/internal.h"

#define MAX_LEVELS 64
#define MAX_NESTING 16
#define MAX_MODIFIERS 64
#define MAX_NAME 1024
#define MAX_TEXT ((size_t)1 << 20)

enum { Q_CONST = 1, Q_VOLATILE = 2, Q_RESTRICT = 4 };

/* Qualifiers of a level: bits, and where in the type graph its type tags begin. */
struct quals {
	unsigned int bits;
	uint32_t from;
};

struct level {
	uint32_t id;
	struct quals quals;
};

struct printer {
	const struct btf *btf;
	struct buf *out;
	size_t start, limit; /* of out->len */
	bool bodies;	     /* write out what has no name, instead of {...} */
	unsigned int indent, nesting;
};

static void print_declarator(struct printer *p, uint32_t id, const char *name);

static bool full(const struct printer *p)
{
	return p->out->failed || p->out->len >= p->limit;
}

static void put(struct printer *p, const char *text)
{
	if (!full(p))
		buf_adds(p->out, text);
}

/* Names come from the file: nothing in them may move a terminal's cursor or fill the memory. */
static void put_name(struct printer *p, const char *name)
{
	size_t len = strnlen(name, MAX_NAME);

	if (full(p))
		return;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];

		buf_addc(p->out, c < 0x20 || c == 0x7f ? '?' : (char)c);
	}
	if (name[len])
		put(p, "...");
}

/* A space, unless what stands before binds to what follows. */
static void glue(struct printer *p)
{
	const struct buf *b = p->out;

	if (b->len > p->start && !strchr(" *(\t\n", b->data[b->len - 1]))
		put(p, " ");
}

static void put_indent(struct printer *p)
{
	for (unsigned int i = 0; i < p->indent; i++)
		put(p, "\t");
}

static unsigned int qualifier_bit(enum btf_kind kind)
{
	return kind == BTF_CONST    ? Q_CONST :
	       kind == BTF_VOLATILE ? Q_VOLATILE :
	       kind == BTF_RESTRICT ? Q_RESTRICT :
				      0;
}

static struct quals read_quals(const struct btf *btf, uint32_t id)
{
	struct quals q = { .from = id };

	for (int i = 0; i < MAX_MODIFIERS && btf_kind_is_modifier(btf_kind(btf, id)); i++) {
		q.bits |= qualifier_bit(btf_kind(btf, id));
		id = btf_ref_type(btf, id);
	}
	return q;
}

static void put_qualifiers(struct printer *p, unsigned int bits)
{
	static const char *const names[] = { "const", "volatile", "restrict" };

	for (unsigned int i = 0; i < 3; i++)
		if (bits >> i & 1) {
			glue(p);
			put(p, names[i]);
		}
}

/* With kind_flag the text is the attribute itself, else the argument of the kind's own. */
static void put_tag(struct printer *p, uint32_t id, const char *attribute)
{
	const char *text = btf_name(p->btf, id);

	if (btf_kflag(p->btf, id)) {
		put(p, "__attribute__((");
		put_name(p, text);
		put(p, "))");
		return;
	}
	put(p, "__attribute__((");
	put(p, attribute);
	put(p, "(\"");
	put_name(p, text);
	put(p, "\")))");
}

static void put_type_tags(struct printer *p, uint32_t id)
{
	for (int i = 0; i < MAX_MODIFIERS && btf_kind_is_modifier(btf_kind(p->btf, id)); i++) {
		if (btf_kind(p->btf, id) == BTF_TYPE_TAG) {
			glue(p);
			put_tag(p, id, "btf_type_tag");
		}
		id = btf_ref_type(p->btf, id);
	}
}

static bool is_packed(const struct btf *btf, uint32_t id)
{
	if (btf_align(btf, id) > 1)
		return false;
	for (uint32_t i = 0; i < btf_vlen(btf, id); i++)
		if (btf_align(btf, btf_member(btf, id, i).type) > 1)
			return true;
	return false;
}

static void put_members(struct printer *p, uint32_t id)
{
	for (uint32_t i = 0; i < btf_vlen(p->btf, id) && !full(p); i++) {
		struct btf_member m = btf_member(p->btf, id, i);

		put_indent(p);
		print_declarator(p, m.type, m.name);
		if (m.bit_size && !full(p))
			buf_printf(p->out, " : %u", m.bit_size);
		put(p, ";\n");
	}
}

static void put_enumerators(struct printer *p, uint32_t id)
{
	bool is_signed = btf_enum_signed(p->btf, id);

	for (uint32_t i = 0; i < btf_vlen(p->btf, id) && !full(p); i++) {
		struct btf_enumerator e = btf_enumerator(p->btf, id, i);

		put_indent(p);
		put_name(p, e.name);
		if (is_signed)
			buf_printf(p->out, " = %" PRId64 ",\n", e.value);
		else
			buf_printf(p->out, " = %" PRIu64 ",\n", (uint64_t)e.value);
	}
}

static bool is_enum(enum btf_kind kind)
{
	return kind == BTF_ENUM || kind == BTF_ENUM64;
}

/* Everything between a tag and what follows the closing brace. */
static void put_body(struct printer *p, uint32_t id)
{
	bool enumeration = is_enum(btf_kind(p->btf, id));

	put(p, " {\n");
	p->indent++;
	p->nesting++;
	if (enumeration)
		put_enumerators(p, id);
	else
		put_members(p, id);
	p->nesting--;
	p->indent--;
	put_indent(p);
	put(p, "}");
	if (enumeration ? btf_raw_size(p->btf, id) < 4 : is_packed(p->btf, id))
		put(p, " __attribute__((packed))");
}

static const char *tag_word(const struct btf *btf, uint32_t id)
{
	enum btf_kind kind = btf_kind(btf, id);

	if (is_enum(kind))
		return "enum";
	if (kind == BTF_UNION || (kind == BTF_FWD && btf_kflag(btf, id)))
		return "union";
	return kind == BTF_STRUCT || kind == BTF_FWD ? "struct" : NULL;
}

static void put_base(struct printer *p, uint32_t id, struct quals q)
{
	const char *word = tag_word(p->btf, id), *name = btf_name(p->btf, id);

	put_qualifiers(p, q.bits);
	glue(p);
	if (word)
		put(p, word);
	if (word && *name)
		put(p, " ");
	if (*name)
		put_name(p, name);
	else if (word && p->bodies && p->nesting < MAX_NESTING)
		put_body(p, id);
	else
		put(p, word ? " {...}" : id ? "/* unnamed */" : "void");
	put_type_tags(p, q.from);
}

static void put_params(struct printer *p, uint32_t id)
{
	uint32_t n = btf_vlen(p->btf, id);

	put(p, "(");
	if (p->nesting >= MAX_NESTING) {
		put(p, "...)");
		return;
	}
	p->nesting++;
	for (uint32_t i = 0; i < n && !full(p); i++) {
		struct btf_param a = btf_param(p->btf, id, i);

		if (i)
			put(p, ", ");
		if (i + 1 == n && !a.type && !*a.name)
			put(p, "...");
		else
			print_declarator(p, a.type, a.name);
	}
	p->nesting--;
	put(p, n ? ")" : "void)");
}

/* Fills the levels around the base type, outermost first; returns the base. */
static uint32_t read_levels(const struct printer *p, uint32_t id, struct level *levels,
			    unsigned int *ret_n, struct quals *ret_quals)
{
	const struct btf *btf = p->btf;
	unsigned int n = 0, carried = 0;

	for (;; n++) {
		struct quals q = read_quals(btf, id);
		enum btf_kind kind;

		id = btf_strip(btf, id);
		kind = btf_kind(btf, id);
		q.bits |= carried;
		carried = 0;
		*ret_quals = q;
		*ret_n = n;
		if (n == MAX_LEVELS ||
		    (kind != BTF_PTR && kind != BTF_ARRAY && kind != BTF_FUNC_PROTO))
			return id;
		if (kind == BTF_ARRAY) /* qualifies its elements */
			carried = q.bits;
		levels[n] = (struct level){ .id = id, .quals = q };
		id = kind == BTF_ARRAY ? btf_array_elem(btf, id) : btf_ref_type(btf, id);
	}
}

static bool has_parens(const struct btf *btf, const struct level *levels, unsigned int i,
		       unsigned int n)
{
	return btf_kind(btf, levels[i].id) == BTF_PTR && i + 1 < n &&
	       btf_kind(btf, levels[i + 1].id) != BTF_PTR;
}

static void print_declarator(struct printer *p, uint32_t id, const char *name)
{
	struct level levels[MAX_LEVELS];
	const struct btf *btf = p->btf;
	struct quals q;
	unsigned int n;

	id = read_levels(p, id, levels, &n, &q);
	if (n == MAX_LEVELS)
		put(p, "...");
	else
		put_base(p, id, q);
	for (unsigned int i = n; i-- > 0;) {
		if (btf_kind(btf, levels[i].id) != BTF_PTR)
			continue;
		glue(p);
		put(p, has_parens(btf, levels, i, n) ? "(*" : "*");
		put_qualifiers(p, levels[i].quals.bits);
		put_type_tags(p, levels[i].quals.from);
	}
	if (*name) {
		glue(p);
		put_name(p, name);
	} else if (n && btf_kind(btf, levels[0].id) == BTF_FUNC_PROTO) {
		glue(p);
	}
	for (unsigned int i = 0; i < n; i++) {
		enum btf_kind kind = btf_kind(btf, levels[i].id);

		if (kind == BTF_FUNC_PROTO)
			put_params(p, levels[i].id);
		else if (kind == BTF_ARRAY && !full(p))
			buf_printf(p->out, "[%u]", btf_array_len(btf, levels[i].id));
		else if (has_parens(btf, levels, i, n))
			put(p, ")");
	}
}

static struct printer printer_of(const struct btf *btf, struct buf *out, bool bodies)
{
	return (struct printer){
		.btf = btf,
		.out = out,
		.start = out->len,
		.limit = out->len + MAX_TEXT,
		.bodies = bodies,
	};
}

static void put_end(struct printer *p, const char *text)
{
	buf_adds(p->out, full(p) ? "..." : text);
}

static void put_linkage(struct printer *p, uint32_t id)
{
	if (btf_linkage(p->btf, id) == BTF_STATIC)
		put(p, "static ");
	else if (btf_linkage(p->btf, id) == BTF_EXTERN)
		put(p, "extern ");
}

static void put_datasec(struct printer *p, uint32_t id)
{
	put(p, "/* section ");
	put_name(p, btf_name(p->btf, id));
	buf_printf(p->out, ", %u bytes */", btf_raw_size(p->btf, id));
	for (uint32_t i = 0; i < btf_vlen(p->btf, id) && !full(p); i++) {
		struct btf_secinfo s = btf_secinfo(p->btf, id, i);

		put(p, "\n");
		put_linkage(p, s.type);
		print_declarator(p, btf_ref_type(p->btf, s.type), btf_name(p->btf, s.type));
		if (!full(p))
			buf_printf(p->out, "; /* offset %u, %u bytes */", s.offset, s.size);
	}
}

/* What stands for a type itself: declarations have a name of their own. */
static void put_whole(struct printer *p, uint32_t id, const char *var)
{
	enum btf_kind kind = btf_kind(p->btf, id);

	if (kind == BTF_FUNC || kind == BTF_VAR)
		print_declarator(p, btf_ref_type(p->btf, id), *var ? var : btf_name(p->btf, id));
	else if (kind == BTF_DECL_TAG)
		put_tag(p, id, "btf_decl_tag");
	else if (kind == BTF_DATASEC)
		put_name(p, btf_name(p->btf, id));
	else
		print_declarator(p, id, var);
}

void btf_print_type(const struct btf *btf, uint32_t id, struct buf *out)
{
	btf_print_decl(btf, id, "", out);
}

void btf_print_decl(const struct btf *btf, uint32_t id, const char *var, struct buf *out)
{
	struct printer p = printer_of(btf, out, false);

	put_whole(&p, id, var);
	put_end(&p, "");
}

void btf_print_def(const struct btf *btf, uint32_t id, struct buf *out)
{
	struct printer p = printer_of(btf, out, true);
	enum btf_kind kind = btf_kind(btf, id);
	const char *word = tag_word(btf, id);

	if (word && kind != BTF_FWD) {
		put(&p, word);
		if (*btf_name(btf, id))
			put(&p, " ");
		put_name(&p, btf_name(btf, id));
		put_body(&p, id);
		put_end(&p, ";");
	} else if (kind == BTF_TYPEDEF) {
		put(&p, "typedef ");
		print_declarator(&p, btf_ref_type(btf, id), btf_name(btf, id));
		put_end(&p, ";");
	} else if (kind == BTF_FUNC || kind == BTF_VAR || kind == BTF_FWD) {
		if (kind != BTF_FWD)
			put_linkage(&p, id);
		put_whole(&p, id, "");
		put_end(&p, ";");
	} else if (kind == BTF_DATASEC) {
		put_datasec(&p, id);
		put_end(&p, "");
	} else {
		put_whole(&p, id, "");
		put_end(&p, "");
	}
}
