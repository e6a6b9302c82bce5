// SPDX-License-Identifier: Apache-2.0
/* Programs of an object: what they are, their lines, their text. */
#include <stdio.h>
#include <string.h>

#include "lib/internal.h"

const struct load_prog *lib_prog_spec(const struct skep_prog *prog)
{
	return &prog->obj->spec->progs[prog->index];
}

struct core_prog *lib_prog_core(const struct skep_prog *prog)
{
	return prog->obj->core ? core_prog(prog->obj->core, prog->index) : NULL;
}

void skep_prog_info(const struct skep_prog *prog, struct skep_prog_info *ret)
{
	const struct load_prog *p = lib_prog_spec(prog);
	const struct core_prog *run = lib_prog_core(prog);

	*ret = (struct skep_prog_info){
		.name = p->name,
		.section = p->section,
		.type = p->def ? spec_prog_type_name(p->def->prog_type) : NULL,
		.attach = p->def && p->def->attach_type != ATTACH_NONE ?
				  spec_attach_type_name(p->def->attach_type) :
				  NULL,
		.target = p->target,
		.autoload = p->autoload,
		.sleepable = p->def && p->def->flags & SECTION_SLEEPABLE,
		.insns = p->insns,
		.ninsns = p->ninsns,
		.nfuncs = p->nfuncs,
		.ncore = p->ncores,
		.unusable = p->unusable,
		.runs = run ? run->runs : 0,
		.faults = run ? run->faults : 0,
		.executed = run ? run->insns : 0,
		.compiled = run && run->jit,
		.verified = run && run->verified,
		.code_size = run ? core_code_size(run) : 0,
	};
	for (uint32_t i = 0; i < p->ncores; i++)
		ret->ncore_unresolved += !p->cores[i].resolved;
}

const struct skep_error *skep_prog_error(const struct skep_prog *prog)
{
	const struct core_prog *run = lib_prog_core(prog);

	return run ? run->refused : NULL;
}

bool skep_prog_line(const struct skep_prog *prog, size_t insn, bool new_only,
		    struct skep_place *ret)
{
	const struct load_prog *p = lib_prog_spec(prog);
	const struct load_line *line = load_line_at(p, (uint32_t)insn);

	if (!line || (new_only && line->insn != insn))
		return false;
	*ret = (struct skep_place){ .kind = SKEP_PLACE_INSN,
				    .name = prog->obj->spec->name,
				    .part = p->name,
				    .at = insn,
				    .src = line->file,
				    .text = line->text,
				    .line = line->line,
				    .col = line->col };
	return true;
}

const char *skep_prog_func(const struct skep_prog *prog, size_t insn)
{
	const struct load_prog *p = lib_prog_spec(prog);

	for (uint32_t i = 0; i < p->nfuncs; i++)
		if (p->funcs[i].start == insn)
			return p->funcs[i].name;
	return NULL;
}

void skep_prog_core(const struct skep_prog *prog, size_t i, struct skep_core_info *ret)
{
	const struct load_prog *p = lib_prog_spec(prog);
	const struct load_core *c = &p->cores[i];
	const struct load_poison *poison = c->resolved ? NULL : load_poison_at(p, c->insn);
	const char *kind = btf_core_kind_name(c->kind);

	*ret = (struct skep_core_info){ .insn = c->insn,
					.kind = kind ? kind : "unknown",
					.what = c->local,
					.resolved = c->resolved,
					.old_value = c->old_value,
					.new_value = c->new_value,
					.reason = poison ? poison->reason : NULL };
}

/* Names inside instructions. The text is built in `scratch`, which lives as long as the printing. */
struct namer {
	const struct skep_prog *prog;
	char scratch[160];
};

static const char *name_helper(void *ctx, int32_t id)
{
	const struct spec_helper *h = spec_helper(id);

	(void)ctx;
	return h ? h->name : NULL;
}

static const char *name_pseudo(void *ctx, const struct skep_insn *in)
{
	struct namer *n = ctx;
	const struct load_obj *spec = n->prog->obj->spec;
	unsigned int src = insn_src(in);

	if (src == ISA_PSEUDO_FUNC)
		return NULL;
	if (src == ISA_PSEUDO_MAP_IDX_VALUE && in->imm >= 0 && (uint32_t)in->imm >= spec->nmaps) {
		snprintf(n->scratch, sizeof(n->scratch), "jump table %u",
			 (uint32_t)in->imm - spec->nmaps);
		return n->scratch;
	}
	if ((src != ISA_PSEUDO_MAP_IDX && src != ISA_PSEUDO_MAP_IDX_VALUE) ||
	    (uint32_t)in->imm >= spec->nmaps)
		return NULL;
	if (src == ISA_PSEUDO_MAP_IDX)
		snprintf(n->scratch, sizeof(n->scratch), "map %s", spec->maps[in->imm].name);
	else
		snprintf(n->scratch, sizeof(n->scratch), "map %s +%d", spec->maps[in->imm].name,
			 in[1].imm);
	return n->scratch;
}

static const char *name_func(void *ctx, int64_t target)
{
	struct namer *n = ctx;

	return target < 0 ? NULL : skep_prog_func(n->prog, (size_t)target);
}

int skep_prog_print_insn(const struct skep_prog *prog, size_t insn, enum skep_insn_style style,
			 char *buf, size_t size)
{
	const struct load_prog *p = lib_prog_spec(prog);
	struct namer n = { .prog = prog };
	struct isa_names names = {
		.helper = name_helper, .pseudo = name_pseudo, .func = name_func, .ctx = &n
	};
	struct buf text;
	int r;

	if (insn >= p->ninsns)
		return -EINVAL;
	buf_init(&text);
	r = isa_print(&text, &p->insns[insn], p->ninsns - insn, insn, style, &names);
	lib_copy_out(buf_str(&text), text.len, buf, size);
	buf_done(&text);
	return r;
}
