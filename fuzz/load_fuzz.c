// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as an object. What is taken must keep the promises of load/load.h: every reference of every
 * program leads to something that exists, in order, inside its bounds. CO-RE relocates against the object's own
 * types, where they can be read.
 */
#include <stdlib.h>
#include <string.h>

#include "isa/isa.h"
#include "load/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

static void check_map(const struct load_obj *obj, const struct load_map *m)
{
	uint32_t sum = 0;

	MUST(m->name && m->section);
	for (uint32_t i = 0; i < m->nslots; i++) {
		MUST(m->slots[i].index < m->max_entries);
		MUST(!i || m->slots[i - 1].index < m->slots[i].index);
		MUST((uint32_t)m->slots[i].target <
		     (m->type == MAP_PROG_ARRAY ? obj->nprogs : obj->nmaps));
	}
	for (uint32_t i = 0; m->data && i < m->value_size; i++)
		sum += m->data[i];
	if (m->kind == LOAD_MAP_KCONFIG)
		MUST(m->data && sum == sum);
}

static void check_insn(const struct load_obj *obj, const struct load_prog *p, uint32_t i)
{
	const struct skep_insn *in = &p->insns[i];
	uint32_t index = (uint32_t)in->imm;

	switch ((unsigned int)isa_decode(in, p->ninsns - i)) {
	case ISA_CALL_LOCAL:
	case ISA_LD_FUNC:
		MUST(i + 1 + index < p->ninsns);
		break;
	case ISA_CALL_KFUNC:
	case ISA_LD_BTF_ID:
	case ISA_LD_MAP_IDX:
	case ISA_LD_MAP_IDX_VALUE:
		break; /* the file may hold them itself, with any index; whoever runs them looks */
	default:
		break;
	}
	(void)obj;
}

static void check_prog(const struct load_obj *obj, const struct load_prog *p)
{
	uint32_t at = 0;

	MUST(p->nfuncs && p->ninsns && (p->def || p->unusable));
	for (uint32_t i = 0; i < p->nfuncs; i++) {
		MUST(p->funcs[i].start == at && p->funcs[i].len);
		at += p->funcs[i].len;
	}
	MUST(at == p->ninsns);
	for (uint32_t i = 0; i < p->nlines; i++) {
		MUST(p->lines[i].insn < p->ninsns && p->lines[i].file && p->lines[i].text);
		MUST(!i || p->lines[i - 1].insn < p->lines[i].insn);
	}
	for (uint32_t i = 0; i < p->npoisons; i++) {
		MUST(p->poisons[i].insn < p->ninsns && p->poisons[i].reason);
		MUST(load_poison_at(p, p->poisons[i].insn));
	}
	for (uint32_t i = 0; i < p->ncores; i++)
		MUST(p->cores[i].insn < p->ninsns && p->cores[i].local);
	for (uint32_t i = 0; i < p->ninsns; i++) {
		load_line_at(p, i);
		check_insn(obj, p, i);
	}
}

static void check(const struct load_obj *obj)
{
	MUST(strlen(obj->license) < 1000);
	for (uint32_t i = 0; i < obj->nmaps; i++)
		check_map(obj, &obj->maps[i]);
	for (uint32_t i = 0; i < obj->nprogs; i++)
		check_prog(obj, &obj->progs[i]);
	for (uint32_t i = 0; i < obj->nexterns; i++)
		MUST(obj->externs[i].name &&
		     (!obj->externs[i].resolved || !obj->externs[i].problem));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct load_kconfig kconfig[] = { { "CONFIG_HZ", "250" },
						       { "CONFIG_MODULE", "m" },
						       { "CONFIG_TEXT", "\"text\"" },
						       { NULL, NULL } };
	struct load_opts opts = { .kconfig = kconfig };
	struct skep_error *err = NULL;
	struct load_obj *obj, *again;
	int r = load_open(data, size, "fuzz", &opts, &obj, &err);

	MUST((r == 0) == !err);
	skep_error_free(err);
	if (r < 0)
		return 0;
	check(obj);
	if (obj->btf) {
		opts.target = obj->btf;
		if (load_open(data, size, "fuzz", &opts, &again, NULL) == 0) {
			check(again);
			load_close(again);
		}
	}
	load_close(obj);
	return 0;
}
