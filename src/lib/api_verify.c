// SPDX-License-Identifier: Apache-2.0
/* Verifying a program of an object: the loader's description becomes the verifier's options. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/internal.h"
#include "verify/verify.h"

#define FACTS_INSNS 200000    /* walked for facts: loading stays fast */
#define CALL_CODE 0x85	      /* of a helper */
#define POISON_CALL 195896080 /* what libbpf puts where a CO-RE relocation failed: no such helper */

struct job {
	const struct skep_obj *obj;
	const struct load_prog *prog;
	struct arena arena;
	struct skep_insn *insns;
	struct verify_map *maps;
	struct verify_func *funcs;
	struct verify_line *lines;
	struct spec_profile profile; /* when the object has one */
};

static bool is_gpl(const char *license)
{
	static const char *const names[] = {
		"GPL",		"GPL v2",	"GPL and additional rights",
		"Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(license, names[i]) == 0)
			return true;
	return false;
}

static bool fill_map(struct job *j, const struct load_map *m, struct verify_map *out)
{
	bool constant = m->kind == LOAD_MAP_RODATA || m->kind == LOAD_MAP_KCONFIG;
	struct verify_map *inner;

	*out = (struct verify_map){ .name = m->name,
				    .type = m->type,
				    .key_size = m->key_size,
				    .value_size = m->value_size,
				    .max_entries = m->max_entries,
				    .flags = m->flags,
				    .extra = m->map_extra,
				    .btf = j->obj->spec->btf,
				    .key_type = m->key_type,
				    .value_type = m->value_type };
	/* libbpf does without where the kernel cannot */
	if (j->obj->profiled && m->kind != LOAD_MAP_USER)
		out->flags &= ~MAP_F_MMAPABLE;
	if (m->type == MAP_PERF_EVENT_ARRAY && !m->max_entries)
		out->max_entries = (uint32_t)sysconf(_SC_NPROCESSORS_CONF);
	if (constant) {
		out->flags |= MAP_F_RDONLY_PROG;
		out->frozen = m->data;
		if (!m->data)
			out->frozen = arena_alloc(&j->arena, m->value_size, 1);
		if (!out->frozen)
			return false;
	}
	if (!m->inner)
		return true;
	inner = ARENA_NEW(&j->arena, struct verify_map);
	out->inner = inner;
	return inner && !m->inner->inner && fill_map(j, m->inner, inner);
}

static bool fill_maps(struct job *j)
{
	const struct load_obj *spec = j->obj->spec;

	j->maps = ARENA_ARRAY(&j->arena, struct verify_map, spec->nmaps);
	for (uint32_t i = 0; j->maps && i < spec->nmaps; i++)
		if (!fill_map(j, &spec->maps[i], &j->maps[i]))
			return false;
	return j->maps;
}

/* As libbpf: each slot becomes a call of a helper that is not there. */
static void poison(struct job *j, uint32_t at)
{
	static const struct skep_insn call = { CALL_CODE, 0, 0, POISON_CALL };
	unsigned int slots = isa_slots(isa_decode(&j->insns[at], j->prog->ninsns - at));

	for (unsigned int i = 0; i < (slots ? slots : 1); i++)
		j->insns[at + i] = call;
}

/* Is it a kernel function that the kernel of the profile has not? */
static bool lacks(struct job *j, const struct load_extern *e)
{
	struct spec_need need;

	if (!j->obj->profiled || e->kind != LOAD_EXTERN_KFUNC || !j->obj->target)
		return false;
	need = spec_need_kfunc(btf_name(j->obj->target, (uint32_t)e->value), -1);
	return !spec_profile_has(&j->profile, &need);
}

/* References to externs become type ids of the kernel. */
static bool fill_insns(struct job *j)
{
	const struct load_obj *spec = j->obj->spec;
	const struct load_prog *p = j->prog;

	j->insns = arena_dup(&j->arena, p->insns, p->ninsns * sizeof(*p->insns));
	for (uint32_t i = 0; j->insns && i < p->ninsns; i++) {
		struct skep_insn *in = &j->insns[i];
		enum isa_op op = isa_decode(in, p->ninsns - i);
		bool kfunc = op == ISA_CALL_KFUNC;
		bool ksym = op == ISA_LD_BTF_ID;

		if ((kfunc || ksym) && (uint32_t)in->imm < spec->nexterns) {
			const struct load_extern *e = &spec->externs[in->imm];

			bool there = e->resolved && !(e->weak && lacks(j, e));

			in->imm = there ? (int32_t)e->value : 0;
			in->off = 0;
			if (ksym && !there) {
				in->regs = insn_regs(insn_dst(in), 0);
				in[1].imm = 0;
			}
		}
		if (isa_slots(op) == 2)
			i++;
	}
	for (uint32_t i = 0; j->insns && i < p->npoisons; i++)
		poison(j, p->poisons[i].insn);
	return j->insns;
}

static bool fill_debug(struct job *j)
{
	const struct load_prog *p = j->prog;

	j->funcs = ARENA_ARRAY(&j->arena, struct verify_func, p->nfuncs);
	j->lines = ARENA_ARRAY(&j->arena, struct verify_line, p->nlines);
	if (!j->funcs || !j->lines)
		return false;
	for (uint32_t i = 0; i < p->nfuncs; i++)
		j->funcs[i] = (struct verify_func){ .name = p->funcs[i].name,
						    .start = p->funcs[i].start,
						    .btf_id = p->funcs[i].btf_id,
						    .global = p->funcs[i].global };
	for (uint32_t i = 0; i < p->nlines; i++)
		j->lines[i] = (struct verify_line){ p->lines[i].insn, p->lines[i].file,
						    p->lines[i].text, p->lines[i].line,
						    p->lines[i].col };
	return true;
}

/* The kernel's struct of operations, and which of its members the program is. */
static uint32_t ops_id(const struct job *j, uint32_t *ret_member)
{
	const struct load_prog *p = j->prog;
	const struct btf *b = j->obj->target;
	const char *flavour = p->ops ? strstr(p->ops, "___") : NULL;
	char name[128];
	uint32_t id;

	if (!b || !p->ops)
		return 0;
	snprintf(name, sizeof(name), "%.*s",
		 flavour ? (int)(flavour - p->ops) : (int)strlen(p->ops), p->ops);
	id = btf_find(b, name, BTF_STRUCT, 0);
	for (uint32_t i = 0; id && i < btf_vlen(b, id); i++) {
		struct btf_member m = btf_member(b, id, i);

		if (m.name && strcmp(m.name, p->member) == 0) {
			*ret_member = i;
			return id;
		}
	}
	return 0;
}

static uint32_t attach_id(const struct job *j)
{
	const struct load_prog *p = j->prog;
	const struct btf *b = j->obj->target;
	const char *prefix = "";
	enum btf_kind kind = BTF_FUNC;
	char name[160];

	if (!b || !p->target)
		return 0;
	if (p->def->prog_type == PROG_LSM)
		prefix = "bpf_lsm_";
	else if (p->def->attach_type == ATTACH_TRACE_ITER)
		prefix = "bpf_iter_";
	else if (p->def->attach_type == ATTACH_TRACE_RAW_TP) {
		prefix = "btf_trace_";
		kind = BTF_TYPEDEF;
	} else if (p->def->prog_type != PROG_TRACING) {
		return 0;
	}
	snprintf(name, sizeof(name), "%s%s", prefix, p->target);
	return btf_find(b, name, kind, 0);
}

static void options(const struct job *j, const struct skep_verify_opts *opts, struct verify_opts *o)
{
	const struct load_prog *p = j->prog;
	uint32_t caps = OPT(opts, caps, 0);

	*o = (struct verify_opts){
		.name = j->obj->spec->name,
		.prog = p->name,
		.insns = j->insns,
		.n = p->ninsns,
		.prog_type = p->def->prog_type,
		.attach_type = p->def->attach_type,
		.prog_flags = OPT(opts, prog_flags, 0),
		.attach_btf_id = attach_id(j),
		.attach_name = p->target,
		.gpl = is_gpl(j->obj->spec->license),
		.caps = caps ? caps & VERIFY_CAPS_ALL : VERIFY_CAPS_ALL,
		.maps = j->maps,
		.nmaps = j->obj->spec->nmaps,
		.btf = j->obj->spec->btf,
		.kernel_btf = j->obj->target,
		.funcs = j->funcs,
		.nfuncs = p->nfuncs,
		.lines = j->lines,
		.nlines = p->nlines,
		.log_level = OPT(opts, log_level, 0),
		.insn_limit = OPT(opts, insn_limit, 0),
		.want_costs = OPT(opts, want_lines, false),
		.want_rewrite = OPT(opts, want_rewritten, false),
	};
	if (p->def->prog_type == PROG_STRUCT_OPS)
		o->attach_btf_id = ops_id(j, &o->attach_member);
	if (p->def->flags & SECTION_SLEEPABLE)
		o->prog_flags |= VERIFY_F_SLEEPABLE;
	if (p->def->flags & SECTION_FRAGS)
		o->prog_flags |= VERIFY_F_XDP_HAS_FRAGS;
}

static struct skep_verify_rewritten *give_rewritten(const struct verify_rewrite *r, size_t *ret_n)
{
	struct skep_verify_rewritten *out = calloc(r->n, sizeof(*out));

	for (uint32_t i = 0; out && i < r->n; i++)
		out[i] = (struct skep_verify_rewritten){ r->insns[i], r->from[i],
							 r->marks ? r->marks[i] : 0 };
	*ret_n = out ? r->n : 0;
	return out;
}

static void give(const struct load_prog *p, struct verify_result *r, struct skep_verify_result *ret)
{
	struct skep_verify_result v = { .size = ret->size,
					.insns_processed = r->stats.insns_processed,
					.total_states = r->stats.total_states,
					.peak_states = r->stats.peak_states,
					.max_states_per_insn = r->stats.max_states_per_insn,
					.stack_depth = r->stack_depth,
					.time_ns = r->stats.time_ns,
					.memory = r->stats.memory,
					.log = r->log };
	size_t size = ret->size;

	r->log = NULL;
	if (r->costs && size >= sizeof(v))
		v.lines = lib_lines(p, r->costs, &v.nlines);
	if (r->rewrite.n && size >= sizeof(v))
		v.rewritten = give_rewritten(&r->rewrite, &v.nrewritten);
	memcpy(ret, &v, size && size < sizeof(v) ? size : sizeof(v));
}

int lib_verify(const struct skep_prog *prog, const struct skep_verify_opts *opts,
	       const struct lib_watch *watch, struct verify_result *ret, struct skep_error **reterr)
{
	struct job j = { .obj = prog->obj, .prog = lib_prog_spec(prog) };
	struct arena memory = { .limit = 0 };
	struct verify_opts o;
	int r;

	memset(ret, 0, sizeof(*ret));
	if (j.prog->unusable || !j.prog->def)
		return skep_fail(reterr, &ERR_UNUSABLE,
				 SKEP_AT_INSN(j.obj->spec->name, j.prog->name, 0), "%s",
				 j.prog->unusable ? j.prog->unusable : "unknown section name");
	arena_init(&j.arena, 0);
	j.profile = j.obj->profile;
	if (!fill_maps(&j) || !fill_insns(&j) || !fill_debug(&j)) {
		arena_done(&j.arena);
		return skep_fail_nomem(reterr);
	}
	options(&j, opts, &o);
	if (j.obj->profiled)
		o.profile = &j.profile;
	if (watch && watch->found) {
		o.found = watch->found;
		o.found_ctx = watch->ctx;
		o.max_errors = watch->max_errors;
	} else if (watch) {
		o.want_facts = !watch->see;
		o.watch = watch->see;
		o.watch_ctx = watch->ctx;
	}
	arena_init_from(&memory,
			__atomic_exchange_n(&prog->obj->verify_memory, NULL, __ATOMIC_ACQUIRE));
	o.memory = &memory;
	r = verify_prog(&o, ret, reterr);
	memory.top = __atomic_exchange_n(&prog->obj->verify_memory, memory.top, __ATOMIC_ACQ_REL);
	arena_done(&memory); /* another thread's, who was here meanwhile */
	arena_done(&j.arena);
	return r;
}

struct spec_fact *lib_facts(void *obj, uint32_t i)
{
	const struct skep_prog *prog = &((struct skep_obj *)obj)->progs[i];
	const struct skep_verify_opts opts = { .size = sizeof(opts), .insn_limit = FACTS_INSNS };
	const struct lib_watch watch = { 0 };
	struct spec_fact *facts = NULL;
	struct verify_result result;

	if (lib_verify(prog, &opts, &watch, &result, NULL) == 0) {
		facts = result.facts;
		result.facts = NULL;
	}
	verify_done(&result);
	return facts;
}

int skep_prog_verify(const struct skep_prog *prog, const struct skep_verify_opts *opts,
		     struct skep_verify_result *ret, struct skep_error **reterr)
{
	struct verify_result result;
	int r;

	if (ret) {
		size_t size = ret->size;

		memset(ret, 0, size && size < sizeof(*ret) ? size : sizeof(*ret));
		ret->size = size;
	}
	r = lib_verify(prog, opts, NULL, &result, reterr);
	if (ret)
		give(lib_prog_spec(prog), &result, ret);
	verify_done(&result);
	return r;
}

void skep_verify_result_done(struct skep_verify_result *verdict)
{
	free(verdict->log);
	verdict->log = NULL;
	if (verdict->size < sizeof(*verdict))
		return;
	free(verdict->lines);
	verdict->lines = NULL;
	free(verdict->rewritten);
	verdict->rewritten = NULL;
}
