// SPDX-License-Identifier: Apache-2.0
/* Instructions to an object. */
#include "elf/elf.h"
#include "lib/internal.h"

int skep_insn_object(const struct skep_insn *insns, size_t n, const struct skep_object_opts *opts,
		     void **ret_data, size_t *ret_size, struct skep_error **reterr)
{
	const char *section = OPT(opts, section, NULL), *function = OPT(opts, function, NULL);
	const struct elf_program p = { .section = section ? section : ".text",
				       .function = function ? function : "main",
				       .license = OPT(opts, license, NULL),
				       .code = insns,
				       .size = n * sizeof(*insns) };
	struct buf out;
	int r;

	buf_init(&out);
	r = elf_write_program(&out, &p, reterr);
	if (r < 0) {
		buf_done(&out);
		return r;
	}
	*ret_size = out.len;
	*ret_data = buf_give(&out);
	return 0;
}
