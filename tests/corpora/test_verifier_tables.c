// SPDX-License-Identifier: Apache-2.0
/* The tables of test_verifier.c, cut out at measuring time (tables.inc), as plain data. */
#include <assert.h>
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <linux/btf.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/types.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bpf_rand.h"
#include "bpf_util.h"
#include "test_btf.h"
#include "tables.inc"
#include "test_verifier.h"

#define TEST_VAL (sizeof(struct test_val))
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* One row a list of instructions in a test: its field and the map that they want. */
static const struct {
	size_t field;
	struct tv_map map;
} maps[] = {
#define MAP(name, ...) { offsetof(struct bpf_test, fixup_##name), { __VA_ARGS__ } },
	MAP(map_hash_8b, TV_PLAIN, BPF_MAP_TYPE_HASH, 8, 8, 1, BPF_F_NO_PREALLOC,
	    0) MAP(map_hash_48b, TV_PLAIN, BPF_MAP_TYPE_HASH, 8, TEST_VAL, 1, BPF_F_NO_PREALLOC,
		   0) MAP(map_hash_16b, TV_PLAIN, BPF_MAP_TYPE_HASH, 8, 16, 1, BPF_F_NO_PREALLOC,
			  0) MAP(map_array_48b, TV_FILLED, BPF_MAP_TYPE_ARRAY, 4, TEST_VAL, 1, 0,
				 0) MAP(map_sockmap, TV_PLAIN, BPF_MAP_TYPE_SOCKMAP, 4, 4, 1, 0, 0)
		MAP(map_sockhash, TV_PLAIN, BPF_MAP_TYPE_SOCKHASH, 4, 4, 1, 0,
		    0) MAP(map_xskmap, TV_PLAIN, BPF_MAP_TYPE_XSKMAP, 4, 4, 1, 0,
			   0) MAP(map_stacktrace, TV_PLAIN, BPF_MAP_TYPE_STACK_TRACE, 4, 8, 1, 0,
				  0) MAP(prog1, TV_PROGS, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, 0, 0)
			MAP(prog2, TV_PROGS, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 8, 0,
			    0) MAP(map_in_map, TV_INNER, BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 1, 0,
				   0) MAP(cgroup_storage, TV_PLAIN, BPF_MAP_TYPE_CGROUP_STORAGE, 16,
					  TEST_DATA_LEN, 0, 0, 0)
				MAP(percpu_cgroup_storage, TV_PLAIN,
				    BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE, 16, TEST_DATA_LEN, 0, 0,
				    0) MAP(map_spin_lock, TV_TYPED, BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0,
					   3) MAP(map_array_ro, TV_FILLED, BPF_MAP_TYPE_ARRAY, 4,
						  TEST_VAL, 1, BPF_F_RDONLY_PROG, 0)
					MAP(map_array_wo, TV_FILLED, BPF_MAP_TYPE_ARRAY, 4,
					    TEST_VAL, 1, BPF_F_WRONLY_PROG,
					    0) MAP(map_array_small, TV_PLAIN, BPF_MAP_TYPE_ARRAY, 4,
						   1, 1, 0, 0) MAP(sk_storage_map, TV_TYPED,
								   BPF_MAP_TYPE_SK_STORAGE, 4, 8, 0,
								   BPF_F_NO_PREALLOC, 3)
						MAP(map_event_output, TV_PLAIN,
						    BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 1, 0,
						    0) MAP(map_reuseport_array, TV_PLAIN,
							   BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, 4, 8,
							   1, 0, 0) MAP(map_ringbuf, TV_PLAIN,
									BPF_MAP_TYPE_RINGBUF, 0, 0,
									4096, 0, 0)
							MAP(map_timer, TV_TYPED, BPF_MAP_TYPE_ARRAY,
							    4, 16, 1, 0, 5) MAP(map_kptr, TV_TYPED,
										BPF_MAP_TYPE_ARRAY,
										4, 24, 1, 0, 14)
#undef MAP
};

_Static_assert(COUNT(maps) == MAX_NR_MAPS, "a list of the tests has no row");

unsigned int tv_count(void)
{
	return COUNT(tests);
}

void tv_map_btf(const struct tv_map *m, struct tv_test *out)
{
	uint32_t at = 0;

	for (uint32_t id = 1; id <= m->value_type && at < COUNT(btf_raw_types); id++) {
		uint32_t info = btf_raw_types[at + 1];

		at += 3;
		if (BTF_INFO_KIND(info) == BTF_KIND_INT)
			at++;
		else if (BTF_INFO_KIND(info) == BTF_KIND_STRUCT)
			at += 3 * BTF_INFO_VLEN(info);
	}
	out->types = btf_raw_types;
	out->types_size = at * 4;
	out->strings = btf_str_sec;
	out->strings_size = sizeof(btf_str_sec);
}

static void find_uses(const struct bpf_test *t, struct tv_test *out)
{
	for (size_t i = 0; i < COUNT(maps); i++) {
		const int *list = (const int *)((const char *)t + maps[i].field);

		for (int k = 0; k < MAX_FIXUPS && list[k]; k++) {
			assert(out->nuses < TV_USES);
			out->uses[out->nuses++] =
				(struct tv_use){ (uint32_t)list[k], &maps[i].map };
		}
	}
}

static uint32_t length(const struct bpf_insn *insns)
{
	uint32_t n = MAX_INSNS;

	while (n > 1 && !insns[n - 1].code && !insns[n - 1].imm)
		n--;
	return n;
}

static void program(struct bpf_test *t, uint32_t (*find)(const char *name), struct tv_test *out)
{
	for (int i = 0; i < MAX_FIXUPS && t->fixup_kfunc_btf_id[i].kfunc; i++)
		t->insns[t->fixup_kfunc_btf_id[i].insn_idx].imm =
			(int)find(t->fixup_kfunc_btf_id[i].kfunc);
	out->insns = t->insns;
	out->n = length(t->insns);
	if (!t->fill_helper)
		return;
	t->fill_insns = calloc(MAX_TEST_INSNS, sizeof(struct bpf_insn));
	assert(t->fill_insns);
	srand(1);
	t->fill_helper(t);
	out->insns = t->fill_insns;
	out->n = (uint32_t)t->prog_len;
}

static void types(const struct bpf_test *t, struct tv_test *out)
{
	uint32_t n = 0;

	for (int i = 0; i < t->func_info_cnt; i++)
		out->funcs[out->nfuncs++] =
			(struct tv_func){ t->func_info[i].insn_off, t->func_info[i].type_id };
	if (!t->btf_types[0])
		return;
	while (n < MAX_BTF_TYPES && t->btf_types[n] != BTF_END_RAW)
		n++;
	out->types = t->btf_types;
	out->types_size = n * 4;
	out->strings = t->btf_strings;
	out->strings_size = sizeof(t->btf_strings);
}

void tv_get(unsigned int i, uint32_t (*find)(const char *name), struct tv_test *out)
{
	struct bpf_test *t = &tests[i];

	memset(out, 0, sizeof(*out));
	out->name = t->descr;
	out->err = t->errstr;
	out->err_unpriv = t->errstr_unpriv;
	out->target = t->kfunc;
	out->result = (enum tv_verdict)t->result;
	out->result_unpriv = (enum tv_verdict)t->result_unpriv;
	out->unprivileged = !t->prog_type || t->prog_type == BPF_PROG_TYPE_SOCKET_FILTER ||
			    t->prog_type == BPF_PROG_TYPE_CGROUP_SKB;
	out->prog_type = t->prog_type ? (int)t->prog_type : BPF_PROG_TYPE_SOCKET_FILTER;
	out->attach_type = (int)t->expected_attach_type;
	out->flags = BPF_F_TEST_RND_HI32 | (uint32_t)(t->flags & ~3);
	out->flags |= t->flags & F_LOAD_WITH_STRICT_ALIGNMENT ? BPF_F_STRICT_ALIGNMENT : 0;
	out->flags |= t->flags & F_NEEDS_EFFICIENT_UNALIGNED_ACCESS ? BPF_F_ANY_ALIGNMENT : 0;
	program(t, find, out);
	find_uses(t, out);
	types(t, out);
}
