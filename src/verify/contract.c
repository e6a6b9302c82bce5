// SPDX-License-Identifier: Apache-2.0
/* What functions take: the program its context, global functions what their BTF prototype and its decl tags say. */
#include "verify/contract.h"
#include "verify/helpers.h"
#include "verify/old_kernel.h"

/* The tags "arg:..." of one argument. */
static void read_tags(const struct verifier *v, uint32_t func, uint32_t arg, struct func_arg *a)
{
	const struct btf *b = v->o->btf;

	for (uint32_t id = 1; id < btf_count(b); id++) {
		const char *name;

		if (btf_kind(b, id) != BTF_DECL_TAG || btf_ref_type(b, id) != func ||
		    btf_decl_tag_index(b, id) != (int32_t)arg)
			continue;
		name = btf_name(b, id);
		if (strcmp(name, "arg:ctx") == 0)
			a->kind = FA_CTX;
		else if (strcmp(name, "arg:nonnull") == 0)
			a->nullable = false;
		else if (strcmp(name, "arg:nullable") == 0)
			a->nullable = true;
		else if (strcmp(name, "arg:trusted") == 0)
			a->trusted = true;
		else if (strcmp(name, "arg:untrusted") == 0)
			a->untrusted = true;
		else if (strcmp(name, "arg:arena") == 0)
			a->kind = FA_ARENA;
	}
}

static bool is_ctx_name(const char *name)
{
	static const char *const names[] = { "__sk_buff",
					     "xdp_md",
					     "bpf_raw_tracepoint_args",
					     "bpf_perf_event_data",
					     "user_pt_regs",
					     "bpf_sock_ops",
					     "bpf_sock",
					     "bpf_sock_addr",
					     "bpf_sysctl",
					     "bpf_sockopt",
					     "sk_msg_md",
					     "sk_reuseport_md",
					     "bpf_sk_lookup",
					     "bpf_cgroup_dev_ctx",
					     "bpf_nf_ctx",
					     "bpf_user_pt_regs_t",
					     "pt_regs" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static void pointer_arg(const struct verifier *v, uint32_t type, struct func_arg *a)
{
	const struct btf *b = v->o->btf;
	uint32_t raw = btf_ref_type(b, btf_strip_all(b, type)), target = btf_strip_all(b, raw);
	uint32_t named = btf_strip(b, raw);

	if (a->kind == FA_CTX || a->kind == FA_ARENA)
		return;
	if (is_ctx_name(btf_name(b, target)) || is_ctx_name(btf_name(b, named))) {
		a->kind = FA_CTX;
		return;
	}
	if (strcmp(btf_name(b, target), "bpf_dynptr") == 0) {
		a->kind = FA_DYNPTR;
		return;
	}
	if (a->trusted) {
		const char *name = btf_name(b, target), *flavour = strstr(name, "___");
		char plain[128];
		size_t n = flavour ? (size_t)(flavour - name) : strlen(name);

		if (n < sizeof(plain) && v->o->kernel_btf) {
			memcpy(plain, name, n);
			plain[n] = '\0';
			a->btf_id = btf_find(v->o->kernel_btf, plain, BTF_STRUCT, 0);
		}
		a->kind = a->btf_id ? FA_BTF : FA_BAD;
		return;
	}
	a->mem_size = (uint32_t)btf_size(b, raw);
	a->kind = a->mem_size ? FA_MEM : FA_BAD;
}

static int read_args(struct verifier *v, struct func *f, uint32_t proto)
{
	const struct btf *b = v->o->btf;

	for (uint32_t i = 0; i < f->nargs; i++) {
		struct func_arg *a = &f->args[i];
		uint32_t t = btf_strip_all(b, btf_param(b, proto, i).type);

		a->nullable = true;
		read_tags(v, f->btf_id, i, a);
		if (btf_kind(b, t) == BTF_PTR) {
			pointer_arg(v, t, a);
			if (a->kind == FA_BTF && a->nullable) {
				struct func_arg probe = { .nullable = false };

				read_tags(v, f->btf_id, i, &probe);
				a->nullable = probe.nullable;
			}
		} else if (btf_kind(b, t) == BTF_INT || btf_kind(b, t) == BTF_ENUM ||
			   btf_kind(b, t) == BTF_ENUM64) {
			a->kind = FA_ANY;
		} else {
			a->kind = FA_BAD;
		}
		if (a->kind == FA_BAD) {
			v->at = f->start;
			if (btf_kind(b, t) == BTF_PTR) {
				uint32_t target = btf_strip_all(b, btf_ref_type(b, t));

				return reject(
					v, &ERR_FUNCTION,
					"arg#%u reference type('%s %s') size cannot be determined: -22",
					i, btf_kind_name(btf_kind(b, target)), btf_name(b, target));
			}
			return reject(v, &ERR_FUNCTION,
				      "Arg#%u type %s in %s() is not supported yet.", i,
				      btf_kind_name(btf_kind(b, t)), f->name ? f->name : "");
		}
	}
	return 0;
}

HOT int contract_read(struct verifier *v, uint32_t func)
{
	struct func *f = &v->funcs[func];
	const struct btf *b = v->o->btf;
	uint32_t proto, ret;
	int err;

	if (f->args_known)
		return 0;
	f->args_known = true;
	if (!b || !f->btf_id || f->btf_id >= btf_count(b))
		return 0;
	proto = btf_ref_type(b, f->btf_id);
	if (btf_kind(b, proto) != BTF_FUNC_PROTO)
		return 0;
	ret = btf_strip_all(b, btf_ref_type(b, proto));
	f->ret_void = ret == 0;
	f->ret_int = btf_kind(b, ret) == BTF_INT || btf_kind(b, ret) == BTF_ENUM ||
		     btf_kind(b, ret) == BTF_ENUM64;
	f->nargs = btf_vlen(b, proto);
	if (f->nargs > 5)
		return reject(v, &ERR_FUNCTION,
			      "Global function %s() with %u > 5 args. Buggy compiler.",
			      f->name ? f->name : "", f->nargs);
	f->args = ARENA_ARRAY(&v->arena, struct func_arg, f->nargs + 1);
	if (!f->args)
		return out_of_memory(v);
	if (!f->global)
		return 0;
	err = read_args(v, f, proto);
	if (err == 0)
		err = profile_args(v, f);
	if (err < 0)
		return err;
	if (!f->ret_int) {
		v->at = f->start;
		return reject(
			v, &ERR_FUNCTION,
			"Global function %s() doesn't return scalar. Only those are supported.",
			f->name ? f->name : "");
	}
	if (f->is_exception && (f->nargs != 1 || f->args[0].kind != FA_ANY))
		return reject(v, &ERR_FUNCTION,
			      "exception cb only supports single integer argument");
	return 0;
}

HOT int contract_enter(struct verifier *v, uint32_t func, struct frame *f)
{
	const struct func *fn = &v->funcs[func];

	if (!func || !fn->args) {
		reg_pointer(&f->regs[1], T_CTX, 0);
		return 0;
	}
	for (uint32_t i = 0; i < fn->nargs; i++) {
		const struct func_arg *a = &fn->args[i];
		struct reg *r = &f->regs[i + 1];

		switch (a->kind) {
		case FA_ANY:
		case FA_BAD:
			reg_unknown(r);
			break;
		case FA_CTX:
			reg_pointer(r, T_CTX, 0);
			break;
		case FA_ARENA:
			reg_pointer(r, T_ARENA, 0);
			break;
		case FA_DYNPTR:
			reg_pointer(r, T_DYNPTR, 0);
			r->dynptr = DYNPTR_LOCAL;
			r->id = next_id(v);
			break;
		case FA_MEM:
			reg_pointer(r, T_MEM, a->nullable ? F_NULL : 0);
			if (a->untrusted)
				r->flags = F_RDONLY | F_UNTRUSTED;
			r->mem_size = a->mem_size;
			r->id = next_id(v);
			break;
		case FA_BTF:
			reg_pointer(r, T_BTF, F_TRUSTED | (a->nullable ? F_NULL : 0u));
			r->btf = v->o->kernel_btf;
			r->btf_id = a->btf_id;
			r->id = next_id(v);
			break;
		}
	}
	return 0;
}

/* Memory that a global function may read and write. */
static int check_memory(struct verifier *v, unsigned int regno, const struct func_arg *a)
{
	struct access acc = { .regno = regno, .size = a->mem_size, .value = -1, .indirect = true };
	struct reg *r = reg_at(v, regno), saved = *r;
	char name[TYPE_NAME];
	int err;

	if (a->untrusted || (reg_is_null(r) && a->nullable))
		return 0;
	type_name(v, r->type, r->flags, name, sizeof(name));
	if (!reg_is_pointer(r))
		return reject(v, &ERR_CALL_ARGS,
			      "R%u type=%s expected=fp, pkt, pkt_meta, map_key, map_value", regno,
			      name);
	if (a->nullable)
		r->flags &= (uint16_t)~F_NULL;
	if (r->flags & F_NULL)
		return reject(v, &ERR_CALL_ARGS, "Possibly NULL pointer passed to trusted arg%u",
			      regno - 1);
	if (r->type == T_STACK) {
		err = stack_helper(v, regno, 0, a->mem_size, true, false);
	} else {
		err = mem_access(v, &acc);
		acc.write = true;
		if (err == 0)
			err = mem_access(v, &acc);
	}
	*reg_at(v, regno) = saved;
	return err;
}

static int check_dynptr(struct verifier *v, unsigned int regno)
{
	static const struct spec_helper none = { .name = "" };
	const struct reg *r = reg_at(v, regno);
	struct call c = { .proto = &none };

	if (r->type != T_STACK && r->type != T_DYNPTR)
		return reject(v, &ERR_CALL_ARGS,
			      "arg#%u expected pointer to stack or const struct bpf_dynptr",
			      regno - 1);
	return dynptr_argument(v, &c, regno, ARG_DYNPTR);
}

static int check_arg(struct verifier *v, unsigned int regno, const struct func_arg *a)
{
	struct reg *r = reg_at(v, regno);
	char name[TYPE_NAME];

	type_name(v, r->type, r->flags, name, sizeof(name));
	switch (a->kind) {
	case FA_ANY:
	case FA_BAD:
		if (r->type != T_SCALAR)
			return reject(v, &ERR_CALL_ARGS, "R%u is not a scalar", regno);
		return 0;
	case FA_CTX:
		if (r->type != T_CTX)
			return reject(v, &ERR_CALL_ARGS, "arg#%u expects pointer to ctx",
				      regno - 1);
		return mem_fixed(v, regno, false);
	case FA_ARENA:
		if (r->type != T_ARENA && r->type != T_SCALAR)
			return reject(v, &ERR_CALL_ARGS, "R%u is not a pointer to arena or scalar.",
				      regno);
		return 0;
	case FA_DYNPTR:
		return check_dynptr(v, regno);
	case FA_MEM:
		return check_memory(v, regno, a);
	case FA_BTF:
		if (reg_is_null(r) && a->nullable)
			return 0;
		if (r->type != T_BTF || r->btf_id != a->btf_id ||
		    (r->flags & F_NULL && !a->nullable) || !(r->flags & F_TRUSTED || r->ref))
			return reject(v, &ERR_CALL_ARGS,
				      "R%u type=%s expected=ptr_, trusted_ptr_, rcu_ptr_", regno,
				      name);
		return 0;
	}
	return 0;
}

int contract_call(struct verifier *v, uint32_t func)
{
	const struct func *f = &v->funcs[func];

	for (uint32_t i = 0; i < f->nargs; i++) {
		int err = use_reg(v, i + 1);

		if (err == 0)
			err = check_arg(v, i + 1, &f->args[i]);
		if (err < 0)
			return err;
	}
	return 0;
}

int contract_ksym(struct verifier *v, struct reg *dst, uint32_t id)
{
	const struct btf *b = v->o->kernel_btf;
	uint32_t type;

	if (!id) {
		reg_const(dst, 0);
		return 0;
	}
	if (!b || id >= btf_count(b))
		return reject(v, &ERR_UNSERVED, "kernel symbol with type id %u is not known", id);
	if (btf_kind(b, id) == BTF_FUNC) {
		reg_pointer(dst, T_MEM, F_RDONLY);
		return 0;
	}
	if (btf_kind(b, id) != BTF_VAR)
		return reject(v, &ERR_TARGET,
			      "pseudo btf_id %u in ldimm64 isn't KIND_VAR or KIND_FUNC", id);
	type = btf_strip_all(b, btf_ref_type(b, id));
	if (btf_kind(b, type) == BTF_STRUCT || btf_kind(b, type) == BTF_UNION) {
		reg_pointer(dst, T_BTF, 0);
		dst->btf = b;
		dst->btf_id = type;
	} else {
		reg_pointer(dst, T_MEM, F_RDONLY);
		dst->mem_size = (uint32_t)btf_size(b, type);
	}
	for (uint32_t s = 1; s < btf_count(b); s++)
		if (btf_kind(b, s) == BTF_DATASEC && strcmp(btf_name(b, s), ".data..percpu") == 0)
			for (uint32_t i = 0; i < btf_vlen(b, s); i++)
				if (btf_secinfo(b, s, i).type == id) {
					reg_pointer(dst, T_BTF, F_PERCPU);
					dst->btf = b;
					dst->btf_id = type;
				}
	return 0;
}

/* A tail call that fails and a packet load outside the packet end a function with a number. */
int contract_ends(struct verifier *v)
{
	for (uint32_t i = v->funcs[0].end; i < v->n; i++) {
		const struct func *f = &v->funcs[func_at(v, i)];
		const char *what;

		if (v->ops[i] == ISA_CALL_HELPER && v->insns[i].imm == HELPER_tail_call)
			what = "tail_call";
		else if (isa_kind(v->ops[i]) == ISA_KIND_PACKET)
			what = "LD_ABS";
		else
			continue;
		v->at = i;
		if (!f->btf_id)
			return reject(v, &ERR_FUNCTION, "%s is not allowed in subprogs without BTF",
				      what);
		if (!f->ret_int)
			return reject(v, &ERR_FUNCTION,
				      "%s is only allowed in functions that return 'int'.", what);
	}
	return 0;
}
