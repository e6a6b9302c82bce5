/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A test of linux-source-6.1's test_verifier.c as plain data: what test_verifier_tables.c, which is compiled against those
 * tables in place, gives to test_verifier.c, which asks. The two are apart because both sides have types of the same names.
 */
#ifndef TESTS_CORPORA_TEST_VERIFIER_H
#define TESTS_CORPORA_TEST_VERIFIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tv_verdict { TV_UNDEF, TV_ACCEPT, TV_REJECT, TV_VERBOSE_ACCEPT };

/* Maps that tests name: what bpf(2) needs to make them. */
enum tv_map_kind { TV_PLAIN, TV_FILLED, TV_PROGS, TV_INNER, TV_TYPED };

struct tv_map {
	enum tv_map_kind kind;
	uint32_t type, key_size, value_size, max_entries, flags;
	uint32_t value_type; /* TYPED: id in the types */
};

struct tv_use { /* an instruction whose imm is a map */
	uint32_t insn;
	const struct tv_map *map;
};

struct tv_func {
	uint32_t start, btf_id;
};

#define TV_USES 32
#define TV_FUNCS 8

struct tv_test {
	const char *name, *err, *err_unpriv, *target;
	enum tv_verdict result, result_unpriv;
	bool unprivileged; /* the type is one that anybody may load */
	void *insns;	   /* n of 8 bytes; map references are not yet filled in */
	uint32_t n, nuses, nfuncs;
	struct tv_use uses[TV_USES];
	struct tv_func funcs[TV_FUNCS];
	int prog_type, attach_type;
	uint32_t flags; /* of BPF_PROG_LOAD */
	const void *types;
	uint32_t types_size;
	const char *strings;
	uint32_t strings_size;
};

unsigned int tv_count(void);
/* Once for each test and process. find: type id of a kernel function. */
void tv_get(unsigned int i, uint32_t (*find)(const char *name), struct tv_test *out);
/*
 * Types of a map of kind TYPED, as far as it needs them: those behind have tags of pointers that have other names since, and
 * with them no kernel of now takes any.
 */
void tv_map_btf(const struct tv_map *m, struct tv_test *out);

#endif
