// SPDX-License-Identifier: Apache-2.0
/*
 * The one change that a BTF may see after it was read: a loader, doing a linker's work, puts variables
 * where they really are (kernel document bpf/btf.rst, section 2.2.15). Only before the btf is shared.
 */
#include "btf/internal.h"

void btf_set_datasec_size(struct btf *btf, uint32_t id, uint32_t size)
{
	uint32_t *w = (uint32_t *)btf_words(btf, id);

	assert(btf->refs == 1 && btf_kind(btf, id) == BTF_DATASEC);
	w[W_WORD] = size;
	btf->size[id] = size;
}

void btf_set_secinfo(struct btf *btf, uint32_t id, uint32_t i, uint32_t offset, uint32_t size)
{
	uint32_t *w = (uint32_t *)btf_entry(btf, id, i, SECINFO_WORDS);

	assert(btf->refs == 1 && btf_kind(btf, id) == BTF_DATASEC);
	w[SECINFO_OFF] = offset;
	w[SECINFO_SIZE] = size;
}
