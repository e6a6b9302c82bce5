// SPDX-License-Identifier: Apache-2.0
/*
 * Arguments of helpers: what each register must be, by the prototype's row. Memory arguments are looked at as an access of as many
 * bytes as their size says at most.
 */
#include <stdio.h>

#include "verify/fields.h"
#include "verify/helpers.h"

#define BIT(t) (1u << T_##t)
#define MEM_TYPES                                                                           \
	(BIT(STACK) | BIT(PKT) | BIT(PKT_META) | BIT(MAP_KEY) | BIT(MAP_VALUE) | BIT(MEM) | \
	 BIT(BUF))

struct wanted {
	uint32_t types;
	uint16_t flags; /* that the register may have */
	const char *names;
};

static const char mem_names[] =
	"fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_";

/* What no row names is an object of the kernel. */
static const struct wanted wanted[ARG_COUNT] = {
	[ARG_CTX] = { BIT(CTX), 0, "ctx" },
	[ARG_CTX_OR_NULL] = { BIT(CTX), 0, "ctx" },
	[ARG_MAP] = { BIT(MAP_PTR), 0, "map_ptr" },
	[ARG_MAP_KEY] = { MEM_TYPES | BIT(BTF), F_RINGBUF | F_RDONLY | F_TRUSTED | F_ALLOC,
			  mem_names },
	[ARG_MAP_VALUE] = { MEM_TYPES | BIT(BTF), F_RINGBUF | F_RDONLY | F_TRUSTED | F_ALLOC,
			    mem_names },
	[ARG_MAP_VALUE_OR_NULL] = { MEM_TYPES | BIT(BTF),
				    F_RINGBUF | F_RDONLY | F_TRUSTED | F_ALLOC, mem_names },
	[ARG_MAP_VALUE_OUT] = { MEM_TYPES | BIT(BTF), F_RINGBUF | F_RDONLY | F_TRUSTED | F_ALLOC,
				mem_names },
	[ARG_MEM] = { MEM_TYPES | BIT(BTF), F_RINGBUF | F_RDONLY | F_TRUSTED | F_ALLOC, mem_names },
	[ARG_MEM_OR_NULL] = { MEM_TYPES | BIT(BTF), F_RINGBUF | F_RDONLY | F_TRUSTED | F_ALLOC,
			      mem_names },
	[ARG_MEM_OUT] = { MEM_TYPES | BIT(BTF), F_RINGBUF | F_RDONLY | F_TRUSTED | F_ALLOC,
			  mem_names },
	[ARG_MEM_OUT_OR_NULL] = { MEM_TYPES | BIT(BTF), F_RINGBUF | F_RDONLY | F_TRUSTED | F_ALLOC,
				  mem_names },
	[ARG_MEM_INOUT] = { MEM_TYPES | BIT(BTF), F_RINGBUF | F_RDONLY | F_TRUSTED | F_ALLOC,
			    mem_names },
	[ARG_LONG_OUT] = { MEM_TYPES | BIT(BTF), F_RINGBUF | F_RDONLY | F_TRUSTED | F_ALLOC,
			   mem_names },
	[ARG_INT_OUT] = { MEM_TYPES | BIT(BTF), F_RINGBUF | F_RDONLY | F_TRUSTED | F_ALLOC,
			  mem_names },
	[ARG_INT_INOUT] = { MEM_TYPES | BIT(BTF), F_RINGBUF | F_RDONLY | F_TRUSTED | F_ALLOC,
			    mem_names },
	[ARG_IPV4_HDR] = { MEM_TYPES | BIT(BTF), F_RINGBUF | F_RDONLY | F_TRUSTED | F_ALLOC,
			   mem_names },
	[ARG_IPV6_HDR] = { MEM_TYPES | BIT(BTF), F_RINGBUF | F_RDONLY | F_TRUSTED | F_ALLOC,
			   mem_names },
	[ARG_TCP_HDR] = { MEM_TYPES | BIT(BTF), F_RINGBUF | F_RDONLY | F_TRUSTED | F_ALLOC,
			  mem_names },
	[ARG_SIZE] = { BIT(SCALAR), 0, "scalar" },
	[ARG_SIZE_OR_ZERO] = { BIT(SCALAR), 0, "scalar" },
	[ARG_ALLOC_SIZE] = { BIT(SCALAR), 0, "scalar" },
	[ARG_STR] = { BIT(MAP_VALUE), 0, "map_value" },
	[ARG_FUNC] = { BIT(FUNC), 0, "func" },
	[ARG_STACK_OR_NULL] = { BIT(STACK), 0, "fp" },
	[ARG_RING_MEM] = { BIT(MEM), F_RINGBUF, "ringbuf_mem" },
	[ARG_SPIN_LOCK] = { BIT(MAP_VALUE) | BIT(BTF), F_ALLOC, "map_value, ptr_" },
	[ARG_TIMER] = { BIT(MAP_VALUE), 0, "map_value" },
	[ARG_KPTR_SLOT] = { BIT(MAP_VALUE) | BIT(BTF), F_ALLOC | F_NON_OWN | F_RCU,
			    "map_value, ptr_" },
	[ARG_SOCK_COMMON] = { BIT(SOCK_COMMON) | BIT(SOCKET) | BIT(TCP_SOCK) | BIT(XDP_SOCK), 0,
			      "sock_common, sock, tcp_sock, xdp_sock" },
	[ARG_SOCK] = { BIT(SOCK_COMMON) | BIT(SOCKET) | BIT(TCP_SOCK) | BIT(XDP_SOCK) | BIT(BTF),
		       F_TRUSTED, "sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_" },
	[ARG_SOCKET_OR_NULL] = { BIT(SOCKET), 0, "sock" },
	[ARG_PERCPU] = { BIT(BTF), F_PERCPU | F_RCU | F_TRUSTED | F_ALLOC,
			 "percpu_ptr_, percpu_rcu_ptr_, percpu_trusted_ptr_" },
	[ARG_DYNPTR] = { BIT(STACK) | BIT(DYNPTR), 0, "fp, dynptr_ptr" },
	[ARG_DYNPTR_RING] = { BIT(STACK) | BIT(DYNPTR), 0, "fp, dynptr_ptr" },
	[ARG_DYNPTR_NEW] = { BIT(STACK) | BIT(DYNPTR), 0, "fp, dynptr_ptr" },
	[ARG_DYNPTR_NEW_RING] = { BIT(STACK) | BIT(DYNPTR), 0, "fp, dynptr_ptr" },
	[ARG_KPTR_OR_NULL] = { BIT(BTF), F_TRUSTED | F_ALLOC | F_PERCPU | F_RCU,
			       "ptr_, trusted_ptr_, rcu_ptr_" },
	[ARG_NONE] = { ~0u, UINT16_MAX, "" },
	[ARG_ANY] = { ~0u, UINT16_MAX, "" },
	[ARG_MORE] = { ~0u, UINT16_MAX, "" },
	[ARG_OTHER] = { ~0u, UINT16_MAX, "" },
};

static struct wanted wanted_of(enum spec_arg arg)
{
	static const struct wanted object = { BIT(BTF) | BIT(SOCK_COMMON) | BIT(SOCKET) |
						      BIT(TCP_SOCK),
					      F_TRUSTED | F_RCU, "ptr_, trusted_ptr_, rcu_ptr_" };

	return wanted[arg].names ? wanted[arg] : object;
}

static bool writes(enum spec_arg arg)
{
	return arg == ARG_MEM_OUT || arg == ARG_MEM_OUT_OR_NULL || arg == ARG_MEM_INOUT ||
	       arg == ARG_MAP_VALUE_OUT || arg == ARG_LONG_OUT || arg == ARG_INT_OUT ||
	       arg == ARG_INT_INOUT;
}

static bool raw(enum spec_arg arg)
{
	return writes(arg) && arg != ARG_MEM_INOUT && arg != ARG_INT_INOUT;
}

static bool releases(const struct call *c, unsigned int regno)
{
	return (regno == 1 && c->proto->flags & HELPER_F_RELEASE_1) ||
	       (regno == 2 && c->proto->flags & HELPER_F_RELEASE_2);
}

static int check_type(struct verifier *v, struct call *c, unsigned int regno, enum spec_arg arg)
{
	const struct reg *r = reg_at(v, regno);
	struct wanted w = wanted_of(arg);
	unsigned int flags = r->flags;
	char name[TYPE_NAME];

	if (spec_arg_info(arg)->null)
		flags &= (unsigned)~F_NULL;
	if (r->type == T_MEM && writes(arg))
		w.flags &= (uint16_t)~F_RDONLY;
	if (w.types >> r->type & 1 && !(flags & ~w.flags)) {
		if (r->type == T_BTF && w.names == mem_names && !(flags & (F_TRUSTED | F_ALLOC)))
			goto bad;
		if (r->type == T_BTF && w.names == mem_names && arg != ARG_MEM &&
		    arg != ARG_MEM_OR_NULL)
			return reject(v, &ERR_ARGUMENT,
				      "bpf_%s() may write into memory pointed by R%u type=%s",
				      c->proto->name, regno,
				      type_name(v, r->type, r->flags, name, sizeof(name)));
		if (r->type == T_BTF && r->flags & F_NULL && releases(c, regno))
			return reject(v, &ERR_ARGUMENT,
				      "Possibly NULL pointer passed to helper arg%u", regno);
		if (arg == ARG_PERCPU && !(flags & F_PERCPU))
			goto bad;
		if (arg == ARG_RING_MEM && !(flags & F_RINGBUF))
			goto bad;
		if ((arg == ARG_SPIN_LOCK || arg == ARG_KPTR_SLOT) && r->type == T_BTF &&
		    !(flags & F_ALLOC))
			goto bad;
		return 0;
	}
bad:
	(void)c;
	reject(v, &ERR_ARGUMENT, "R%u type=%s expected=%s", regno,
	       type_name(v, r->type, r->flags, name, sizeof(name)), w.names);
	skep_need(&v->error, "%s", spec_arg_info(arg)->what);
	return -EACCES;
}

/* Memory that a helper touches. */
int helper_memory(struct verifier *v, unsigned int regno, uint64_t size, bool write, bool is_raw,
		  bool zero_ok)
{
	const struct reg *r = reg_at(v, regno);
	struct access a = {
		.regno = regno, .size = 1, .write = write, .value = -1, .indirect = true
	};
	char name[TYPE_NAME];
	int err;

	switch ((int)r->type) {
	case T_PKT:
	case T_PKT_META:
		if (write && !mem_packet_writable(v, true))
			return reject(v, &ERR_READONLY, "cannot write into packet");
		return mem_packet(v, regno, r->off, size, zero_ok);
	case T_MAP_KEY:
		if (write)
			return reject(v, &ERR_READONLY, "R%u cannot write into %s", regno,
				      type_name(v, r->type, r->flags, name, sizeof(name)));
		return mem_region(v, regno, r->off, size, r->map->key_size, zero_ok);
	case T_MAP_VALUE:
		err = mem_map_type(v, regno, r->off, size, write);
		return err < 0 ? err : mem_map_value(v, regno, r->off, size, zero_ok, true, write);
	case T_MEM:
		if (write && r->flags & F_RDONLY)
			return reject(v, &ERR_READONLY, "R%u cannot write into %s", regno,
				      type_name(v, r->type, r->flags, name, sizeof(name)));
		return mem_region(v, regno, r->off, size, r->mem_size, zero_ok);
	case T_BUF:
		if (write && r->flags & F_RDONLY)
			return reject(v, &ERR_READONLY, "R%u cannot write into %s", regno,
				      type_name(v, r->type, r->flags, name, sizeof(name)));
		a.size = (uint32_t)size;
		return mem_access(v, &a);
	case T_STACK:
		return stack_helper(v, regno, 0, size, write, is_raw);
	case T_BTF:
		a.size = (uint32_t)size;
		return btf_object_access(v, &a);
	default:
		break;
	}
	if (zero_ok && !size && reg_is_null(r))
		return 0;
	return reject(v, &ERR_ARGUMENT, "R%u type=%s expected=%s", regno,
		      type_name(v, r->type, r->flags, name, sizeof(name)), "fp");
}

static int check_size(struct verifier *v, struct call *c, unsigned int regno, bool zero_ok)
{
	const struct reg *r = reg_at(v, regno);
	enum spec_arg mem = c->proto->args[regno - 2];
	bool is_raw = raw(mem) && scalar_is_const(&r->s);
	int err;

	c->max_size = r->s.umax;
	if (r->s.smin < 0)
		return reject(v, &ERR_ARGUMENT,
			      "R%u min value is negative, either use unsigned or 'var &= const'",
			      regno);
	if (!r->s.umin && !zero_ok)
		return reject(v, &ERR_ARGUMENT, "R%u invalid zero-sized read: u64=[%lld,%lld]",
			      regno, (long long)r->s.umin, (long long)r->s.umax);
	if (r->s.umax >= 1u << 29)
		return reject(
			v, &ERR_ARGUMENT,
			"R%u unbounded memory access, use 'var &= const' or 'if (var < const)'",
			regno);
	err = helper_memory(v, regno - 1, r->s.umax, writes(mem), is_raw, zero_ok);
	return err < 0 ? err : precise_reg(v, regno);
}

int helper_string(struct verifier *v, unsigned int regno)
{
	const struct reg *r = reg_at(v, regno);
	int64_t off = r->off + (int64_t)scalar_value(&r->s);
	int err;

	if (!(r->map->flags & MAP_F_RDONLY_PROG) || !r->map->frozen)
		return reject(v, &ERR_ARGUMENT, "R%u does not point to a readonly map'", regno);
	if (!scalar_is_const(&r->s))
		return reject(v, &ERR_ARGUMENT, "R%u is not a constant address'", regno);
	err = mem_map_value(v, regno, r->off, 1, false, true, false);
	if (err < 0)
		return err;
	if (!memchr(r->map->frozen + off, 0, r->map->value_size - (size_t)off))
		return reject(v, &ERR_ARGUMENT, "string is not zero-terminated");
	return 0;
}

static int fixed(struct verifier *v, unsigned int regno, enum spec_arg arg, uint32_t size)
{
	const struct reg *r = reg_at(v, regno);
	bool stack = r->type == T_STACK;
	struct tnum t = tnum_add(r->s.t, tnum_const((uint64_t)(int64_t)r->off));
	char text[TYPE_NAME];
	int err = helper_memory(v, regno, size, writes(arg), raw(arg), false);

	if (err < 0 || !(stack || v->strict) || tnum_is_aligned(t, size))
		return err;
	return reject(v, &ERR_ALIGN, "misaligned %saccess off %s+%d+0 size %u",
		      stack ? "stack " : "", tnum_name(r->s.t, text, sizeof(text)), r->off, size);
}

static int check_map(struct verifier *v, struct call *c, unsigned int regno)
{
	struct reg *r = reg_at(v, regno);

	if (c->map_uid_set && c->map_uid != r->uid) {
		return reject(
			v, &ERR_ARGUMENT,
			"timer pointer in R1 map_uid=%u doesn't match map pointer in R2 map_uid=%u",
			c->map_uid, r->uid);
	}
	c->map = r->map;
	c->map_reg = *r;
	return 0;
}

static int check_value(struct verifier *v, struct call *c, unsigned int regno, enum spec_arg arg)
{
	if (!c->map)
		return reject(v, &ERR_ARGUMENT, "invalid map_ptr to access map->value");
	return helper_memory(v, regno, c->map->value_size, writes(arg), raw(arg), false);
}

static int check_any(struct verifier *v, unsigned int regno)
{
	if (reg_is_pointer(reg_at(v, regno)) && !v->allow_leak)
		return reject(v, &ERR_LEAK, "R%u leaks addr into helper function", regno);
	return 0;
}

/* Offsets that an argument of the type may have. */
static int check_offset(struct verifier *v, struct call *c, unsigned int regno, enum spec_arg arg)
{
	const struct reg *r = reg_at(v, regno);
	bool release = c->proto->flags & (regno == 1 ? HELPER_F_RELEASE_1 :
					  regno == 2 ? HELPER_F_RELEASE_2 :
						       0);

	if (release && r->type == T_STACK)
		return 0;
	if (release && !reg_is_null(r) && (r->off || !scalar_is_const(&r->s)))
		return reject(
			v, &ERR_RELEASE,
			"R%u must have zero offset when passed to release func or trusted arg to kfunc",
			regno);
	switch ((int)r->type) {
	case T_STACK:
	case T_PKT:
	case T_PKT_META:
	case T_MAP_KEY:
	case T_MAP_VALUE:
	case T_MEM:
	case T_BUF:
	case T_SCALAR:
		return arg == ARG_RING_MEM && !reg_is_null(r) ? mem_fixed(v, regno, false) : 0;
	case T_BTF:
		return mem_fixed(v, regno, true);
	default:
		return mem_fixed(v, regno, false);
	}
}

static int by_kind(struct verifier *v, struct call *c, unsigned int regno, enum spec_arg arg)
{
	struct reg *r = reg_at(v, regno);

	switch ((int)arg) {
	case ARG_MAP:
		return check_map(v, c, regno);
	case ARG_MAP_KEY:
		if (!c->map)
			return reject(v, &ERR_ARGUMENT, "invalid map_ptr to access map->key");
		return helper_memory(v, regno, c->map->key_size, false, false, false);
	case ARG_MAP_VALUE:
	case ARG_MAP_VALUE_OR_NULL:
	case ARG_MAP_VALUE_OUT:
		return check_value(v, c, regno, arg);
	case ARG_SIZE:
	case ARG_SIZE_OR_ZERO:
		return check_size(v, c, regno, arg == ARG_SIZE_OR_ZERO);
	case ARG_ALLOC_SIZE:
		if (!scalar_is_const(&r->s))
			return reject(v, &ERR_ARGUMENT, "R%u is not a known constant'", regno);
		c->alloc_size = scalar_value(&r->s);
		return precise_reg(v, regno);
	case ARG_STR:
		return helper_string(v, regno);
	case ARG_FUNC:
		c->func = r->subprog;
		return 0;
	case ARG_PERCPU:
		c->ret_btf = r->btf;
		c->ret_btf_id = r->btf_id;
		if (r->flags & F_RCU)
			c->ret_flags = F_ALLOC | F_RCU;
		return 0;
	case ARG_KPTR_OR_NULL:
		return object_btf(v, c, regno, arg);
	case ARG_LONG_OUT:
		return fixed(v, regno, arg, 8);
	case ARG_INT_OUT:
	case ARG_INT_INOUT:
		return fixed(v, regno, arg, 4);
	case ARG_IPV4_HDR:
	case ARG_TCP_HDR:
		return helper_memory(v, regno, 20, false, false, false);
	case ARG_IPV6_HDR:
		return helper_memory(v, regno, 40, false, false, false);
	case ARG_SPIN_LOCK:
		return object_spin_lock(v, c, regno);
	case ARG_TIMER:
		return object_timer(v, c, regno);
	case ARG_KPTR_SLOT:
		return object_kptr_slot(v, c, regno);
	case ARG_DYNPTR:
	case ARG_DYNPTR_RING:
	case ARG_DYNPTR_NEW:
	case ARG_DYNPTR_NEW_RING:
		return dynptr_argument(v, c, regno, arg);
	default:
		return spec_arg_info(arg)->btf ? object_btf(v, c, regno, arg) : 0;
	}
}

int helper_argument(struct verifier *v, struct call *c, unsigned int regno)
{
	enum spec_arg arg = c->proto->args[regno - 1];
	struct reg *r = reg_at(v, regno);
	int err;

	if (c->map && arg == ARG_MAP_VALUE &&
	    (c->map->type == MAP_SOCKMAP || c->map->type == MAP_SOCKHASH))
		arg = ARG_SOCK; /* their values are sockets */

	if (arg == ARG_NONE || (arg == ARG_MORE && r->type == T_NOT_INIT))
		return 0;
	err = use_reg(v, regno);
	if (err < 0)
		return err;
	if (arg == ARG_ANY || arg == ARG_MORE)
		return check_any(v, regno);
	if (arg == ARG_OTHER)
		return reject(v, &ERR_UNSERVED, "argument %u of helper %s cannot be checked", regno,
			      c->proto->name);
	if (reg_is_packet(r) &&
	    (!mem_packet_writable(v, false) || !(c->proto->flags & HELPER_F_PKT)))
		return reject(v, &ERR_PACKET, "helper access to the packet is not allowed");
	if (reg_is_null(r) && spec_arg_info(arg)->null)
		return 0;
	err = check_type(v, c, regno, arg);
	if (err == 0)
		err = check_offset(v, c, regno, arg);
	if (err < 0)
		return err;
	if (r->ref) {
		if (c->ref && c->ref != r->ref && arg != ARG_KPTR_SLOT &&
		    !(c->proto->id == HELPER_kptr_xchg))
			return reject(v, &ERR_BUG, "more than one arg with ref_obj_id R%u %u %u",
				      regno, r->ref, c->ref);
		c->ref = r->ref;
	}
	return by_kind(v, c, regno, arg);
}
