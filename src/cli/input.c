// SPDX-License-Identifier: Apache-2.0
/* Input of commands that take a file or standard input: text, bytes, or bytes written as hex. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli.h"

#define LIMIT ((size_t)64 << 20)

const char *input_name(const char *path)
{
	return path && strcmp(path, "-") != 0 ? path : "standard input";
}

int input_read(const char *path, struct buf *out, struct skep_error **err)
{
	if (path && strcmp(path, "-") != 0)
		return file_read(path, LIMIT, out, err);
	return file_read_fd(STDIN_FILENO, input_name(path), LIMIT, out, err);
}

static int from_hex(const char *name, struct buf *text, struct skep_error **err)
{
	size_t n = 0, bad = text->len;
	unsigned char *bytes = hex_parse(buf_str(text), text->len, &n, &bad);

	if (!bytes && bad + 1 < text->len)
		return skep_fail(err, &ERR_NOT_HEX, SKEP_AT_FILE(name, bad), "'%.2s'",
				 buf_str(text) + bad);
	if (!bytes)
		return skep_fail(err, &ERR_NOT_HEX, SKEP_AT_FILE(name, bad),
				 "half a byte at the end");
	buf_clear(text);
	buf_add(text, bytes, n);
	free(bytes);
	return text->failed ? skep_fail_nomem(err) : 0;
}

int input_insns(const char *path, bool hex, struct skep_insn **ret, size_t *ret_n,
		struct skep_error **err)
{
	const char *name = input_name(path);
	struct buf b;
	int r;

	buf_init(&b);
	r = input_read(path, &b, err);
	if (r == 0 && hex)
		r = from_hex(name, &b, err);
	if (r == 0 && (!b.len || b.len % sizeof(**ret)))
		r = skep_fail(err, &ERR_PARTIAL, SKEP_AT_FILE(name, 0), "%zu bytes, 8 each", b.len);
	if (r < 0) {
		buf_done(&b);
		return r;
	}
	*ret_n = b.len / sizeof(**ret);
	*ret = (struct skep_insn *)(void *)buf_give(&b);
	return 0;
}

bool style_parse(const char *text, int *ret)
{
	static const struct {
		const char *name;
		int style;
	} styles[] = { { "auto", SKEP_INSN_ANY },
		       { "kernel", SKEP_INSN_KERNEL },
		       { "clang", SKEP_INSN_CLANG },
		       { "conformance", SKEP_INSN_ASM },
		       { "asm", SKEP_INSN_ASM } };

	for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++)
		if (strcmp(text, styles[i].name) == 0) {
			*ret = styles[i].style;
			return true;
		}
	return false;
}
