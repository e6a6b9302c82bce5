/* SPDX-License-Identifier: Apache-2.0 */
/* A bare program out of an ELF object: inside lib/ only. */
#ifndef LIB_VM_ELF_H
#define LIB_VM_ELF_H

#include "base/error.h"
#include "skep/insn.h"

/* Function @func (NULL: "main", else the first) and what it calls, as one program; *ret_insns is freed with free(3). */
int vm_elf_read(const void *data, size_t size, const char *name, const char *func,
		struct skep_insn **ret_insns, size_t *ret_n, struct skep_error **reterr);

#endif
