// SPDX-License-Identifier: Apache-2.0
/*
 * Inputs as text, a line a part, hexadecimal bytes; what is zero is left out:
 *
 *	program NAME
 *	prandom NUMBER
 *	context BYTES			of plain memory
 *	field NAME BYTES		of a context with fields
 *	packet BYTES
 *	element MAP KEY VALUE
 *
 * An input ends where the next `program` begins. Lines that start with # say something to people.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "core/witness.h"
#include "lib/internal.h"

/* Writing ----------------------------------------------------------------------------------------- */

static void put_hex(struct buf *b, const uint8_t *data, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "%02x", data[i]);
	buf_addc(b, '\n');
}

static size_t used(const uint8_t *data, size_t n)
{
	while (n && !data[n - 1])
		n--;
	return n;
}

static void put_context(struct buf *b, const struct skep_prog *prog, const struct skep_input *in)
{
	const struct spec_ctx *ctx = spec_ctx_of(lib_prog_spec(prog)->def->prog_type);
	const uint8_t *data = in->context;
	size_t n = used(data, in->context_size);

	if (!ctx && n) {
		buf_adds(b, "context ");
		put_hex(b, data, n);
	}
	for (size_t i = 0; ctx && i < ctx->nfields; i++) {
		const struct spec_field *f = &ctx->fields[i];

		if ((f->kind != FIELD_ARRAY && f->kind != FIELD_SCALAR) ||
		    f->off + f->size > in->context_size || !used(data + f->off, f->size))
			continue;
		buf_printf(b, "field %s ", f->name);
		put_hex(b, data + f->off, f->size);
	}
}

char *skep_input_text(const struct skep_prog *prog, const struct skep_input *input)
{
	struct buf b;

	buf_init(&b);
	buf_printf(&b, "program %s\n", lib_prog_spec(prog)->name);
	if (input->prandom > 1)
		buf_printf(&b, "prandom 0x%llx\n", (unsigned long long)input->prandom);
	put_context(&b, prog, input);
	if (input->packet_size) {
		buf_adds(&b, "packet ");
		put_hex(&b, input->packet, input->packet_size);
	}
	for (size_t i = 0; i < input->nelements; i++) {
		const struct skep_input_element *e = &input->elements[i];

		buf_printf(&b, "element %s ", e->map);
		put_hex(&b, e->key, e->key_size);
		b.len -= !b.failed; /* on one line */
		buf_addc(&b, ' ');
		put_hex(&b, e->value, e->value_size);
	}
	return buf_give(&b);
}

/* Reading ----------------------------------------------------------------------------------------- */

struct reader {
	const struct skep_prog *prog;
	struct witness *w;
	struct skep_input_element *elements;
	const char *why;
};

static int digit(char c)
{
	const char *at = c ? strchr("0123456789abcdef", tolower((unsigned char)c)) : NULL;

	return at ? (int)(at - "0123456789abcdef") : -1;
}

/* A word of hexadecimal digits; the number of bytes, or -1. */
static long get_hex(const char **at, uint8_t *out, size_t max)
{
	size_t n = 0;

	*at += strspn(*at, " \t");
	while (digit(**at) >= 0) {
		int high = digit((*at)[0]), low = digit((*at)[1]);

		if (low < 0 || n == max)
			return -1;
		out[n++] = (uint8_t)(high << 4 | low);
		*at += 2;
	}
	return **at && !isspace((unsigned char)**at) ? -1 : (long)n;
}

static bool get_word(const char **at, char *out, size_t size)
{
	size_t n;

	*at += strspn(*at, " \t");
	n = strcspn(*at, " \t\n");
	if (!n || n >= size)
		return false;
	memcpy(out, *at, n);
	out[n] = '\0';
	*at += n;
	return true;
}

static const char *read_field(struct reader *r, const char *at)
{
	const struct spec_ctx *ctx = spec_ctx_of(lib_prog_spec(r->prog)->def->prog_type);
	char name[64];

	if (!get_word(&at, name, sizeof(name)))
		return "a field without a name";
	for (size_t i = 0; ctx && i < ctx->nfields; i++) {
		const struct spec_field *f = &ctx->fields[i];

		if (strcmp(f->name, name) == 0 && f->off + f->size <= sizeof(r->w->ctx))
			return get_hex(&at, r->w->ctx + f->off, f->size) == f->size ?
				       NULL :
				       "a field of another size";
	}
	return "no such field of the context";
}

static const char *read_element(struct reader *r, const char *at)
{
	struct witness_entry *e = &r->w->entries[r->w->nentries];
	const struct load_obj *spec = r->prog->obj->spec;
	char name[256];
	long key, value;

	if (r->w->nentries == WITNESS_ENTRIES || !get_word(&at, name, sizeof(name)))
		return "too many elements, or one without a map";
	key = get_hex(&at, e->key, sizeof(e->key));
	value = get_hex(&at, e->value, sizeof(e->value));
	if (key <= 0 || value <= 0)
		return "an element without key or value";
	for (uint32_t i = 0; i < spec->nmaps; i++) {
		if (strcmp(spec->maps[i].name, name) != 0)
			continue;
		r->elements[r->w->nentries++] =
			(struct skep_input_element){ spec->maps[i].name, e->key, e->value,
						     (size_t)key, (size_t)value };
		return NULL;
	}
	return "no such map";
}

static const char *read_line(struct reader *r, const char *at)
{
	struct witness *w = r->w;
	char word[16];
	long n;

	if (*at == '#' || !get_word(&at, word, sizeof(word)))
		return NULL;
	if (strcmp(word, "prandom") == 0) {
		w->prandom = strtoull(at, NULL, 0);
		return NULL;
	}
	if (strcmp(word, "context") == 0) {
		n = get_hex(&at, w->ctx, sizeof(w->ctx));
		return n < 0 ? "a context that is no bytes" : NULL;
	}
	if (strcmp(word, "packet") == 0) {
		n = get_hex(&at, w->packet, WITNESS_PACKET);
		w->packet_len = n < 0 ? 0 : (uint32_t)n;
		return n < 0 ? "a packet that is no bytes" : NULL;
	}
	if (strcmp(word, "field") == 0)
		return read_field(r, at);
	if (strcmp(word, "element") == 0)
		return read_element(r, at);
	return "a line that is none of an input";
}

int skep_input_read(const struct skep_prog *prog, const char *text, struct skep_input **ret,
		    struct skep_error **reterr)
{
	size_t head =
		sizeof(struct skep_input) + WITNESS_ENTRIES * sizeof(struct skep_input_element);
	struct skep_input *in = calloc(1, head + sizeof(struct witness));
	struct reader r = { .prog = prog };

	if (!in)
		return skep_fail_nomem(reterr);
	r.elements = (struct skep_input_element *)(in + 1);
	r.w = (struct witness *)((char *)in + head);
	r.w->prandom = 1;
	if (!lib_prog_spec(prog)->def)
		r.why = "a program of unknown type";
	for (unsigned int line = 0; *text && !r.why; line++) {
		if (line && strncmp(text, "program ", 8) == 0)
			break;
		if (strncmp(text, "program ", 8) != 0)
			r.why = read_line(&r, text);
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	if (r.why) {
		free(in);
		return skep_fail(reterr, &ERR_INPUT_FIT,
				 SKEP_AT_INSN(prog->obj->spec->name, lib_prog_spec(prog)->name, 0),
				 "%s", r.why);
	}
	*in = (struct skep_input){ .size = sizeof(*in),
				   .prandom = r.w->prandom,
				   .context = r.w->ctx,
				   .packet = r.w->packet,
				   .context_size =
					   stage_ctx_size(lib_prog_spec(prog)->def->prog_type),
				   .packet_size = r.w->packet_len,
				   .elements = r.elements,
				   .nelements = r.w->nentries };
	*ret = in;
	return 0;
}
