// SPDX-License-Identifier: Apache-2.0
/*
 * Loads and stores, by what the pointer points to. What a register adds to a pointer (its unknown part) counts from its
 * least to its greatest value: both ends must lie inside.
 */
#include "spec/spec.h"
#include "verify/fields.h"
#include "verify/old_kernel.h"
#include "verify/summary.h"

uint32_t inner_value_size(const struct verify_map *map)
{
	return map->value_size;
}

HOT int mem_fixed(struct verifier *v, unsigned int regno, bool off_ok)
{
	const struct reg *r = reg_at(v, regno);
	char name[TYPE_NAME];

	if (!r->off && scalar_is_const(&r->s) && !scalar_value(&r->s))
		return 0;
	type_name(v, r->type, r->flags, name, sizeof(name));
	if (r->off < 0)
		return reject(v, &ERR_ARGUMENT, "negative offset %s ptr R%u off=%d disallowed",
			      name, regno, r->off);
	if (!off_ok && r->off)
		return reject(v, &ERR_ARGUMENT,
			      "dereference of modified %s ptr R%u off=%d disallowed", name, regno,
			      r->off);
	if (!scalar_is_const(&r->s) || scalar_value(&r->s))
		return reject(v, &ERR_ARGUMENT,
			      "variable %s access var_off=(0x%llx; 0x%llx) disallowed", name,
			      (unsigned long long)r->s.t.value, (unsigned long long)r->s.t.mask);
	return 0;
}

/* One end of the access. */
HOT static int inside(struct verifier *v, unsigned int regno, int64_t off, uint64_t size,
		      uint64_t limit, bool zero_ok)
{
	const struct reg *r = reg_at(v, regno);

	if (off >= 0 && (size || zero_ok) && (uint64_t)off + size <= limit)
		return 0;
	switch (r->type) {
	case T_MAP_KEY:
		return reject(v, &ERR_ACCESS,
			      "invalid access to map key, key_size=%llu off=%lld size=%llu",
			      (unsigned long long)limit, (long long)off, (unsigned long long)size);
	case T_MAP_VALUE:
		return reject(v, &ERR_ACCESS,
			      "invalid access to map value, value_size=%llu off=%lld size=%llu",
			      (unsigned long long)limit, (long long)off, (unsigned long long)size);
	case T_PKT:
	case T_PKT_META:
	case T_PKT_END:
		return reject(
			v, &ERR_PACKET,
			"invalid access to packet, off=%lld size=%llu, R%u(id=%u,off=%lld,r=%lld)",
			(long long)off, (unsigned long long)size, regno, r->id, (long long)off,
			(long long)limit);
	default:
		return reject(v, &ERR_ACCESS,
			      "invalid access to memory, mem_size=%llu off=%lld size=%llu",
			      (unsigned long long)limit, (long long)off, (unsigned long long)size);
	}
}

int mem_region(struct verifier *v, unsigned int regno, int64_t off, uint64_t size, uint64_t limit,
	       bool zero_ok)
{
	const struct scalar *s = &reg_at(v, regno)->s;
	int err;

	if (s->smin < 0 && (s->smin == INT64_MIN || off + s->smin != (int32_t)(off + s->smin) ||
			    off + s->smin < 0))
		return reject(
			v, &ERR_ACCESS,
			"R%u min value is negative, either use unsigned index or do a if (index >=0) check.",
			regno);
	err = inside(v, regno, s->smin + off, size, limit, zero_ok);
	if (err < 0) {
		reject(v, &ERR_ACCESS, "R%u min value is outside of the allowed memory range",
		       regno);
		return err;
	}
	if (s->umax >= MAX_OFFSET)
		return reject(
			v, &ERR_ACCESS,
			"R%u unbounded memory access, make sure to bounds check any such access",
			regno);
	err = inside(v, regno, (int64_t)s->umax + off, size, limit, zero_ok);
	if (err < 0)
		reject(v, &ERR_ACCESS, "R%u max value is outside of the allowed memory range",
		       regno);
	return err;
}

HOT int mem_packet(struct verifier *v, unsigned int regno, int64_t off, uint64_t size, bool zero_ok)
{
	const struct reg *r = reg_at(v, regno);
	int err;

	if (r->s.smin < 0)
		return reject(
			v, &ERR_PACKET,
			"R%u min value is negative, either use unsigned index or do a if (index >=0) check.",
			regno);
	err = r->range < 0 ? -EINVAL : inside(v, regno, off, size, (uint64_t)r->range, zero_ok);
	if (err < 0) {
		int32_t range = r->range;

		reject(v, &ERR_PACKET, "R%u offset is outside of the packet", regno);
		skep_need(&v->error, "%lld bytes of the packet after the pointer's base",
			  (long long)off + (long long)size);
		skep_known(&v->error, "%d bytes were compared with the packet's end",
			   range > 0 ? range : 0);
		skep_hint(&v->error,
			  "compare the pointer plus the size with `data_end` before this access");
	}
	return err;
}

int mem_map_type(struct verifier *v, unsigned int regno, int64_t off, uint64_t size, bool write)
{
	const struct verify_map *map = reg_at(v, regno)->map;

	if (write && map->flags & MAP_F_RDONLY_PROG)
		return reject(v, &ERR_READONLY,
			      "write into map forbidden, value_size=%u off=%lld size=%llu",
			      map->value_size, (long long)off, (unsigned long long)size);
	if (!write && map->flags & MAP_F_WRONLY_PROG)
		return reject(v, &ERR_READONLY,
			      "read from map forbidden, value_size=%u off=%lld size=%llu",
			      map->value_size, (long long)off, (unsigned long long)size);
	return 0;
}

int mem_map_value(struct verifier *v, unsigned int regno, int64_t off, uint64_t size, bool zero_ok,
		  bool indirect, bool write)
{
	const struct reg *r = reg_at(v, regno);
	int err = mem_region(v, regno, off, size, inner_value_size(r->map), zero_ok);

	return err < 0 ? err :
			 fields_overlap(v, regno, r->map, off + r->s.smin,
					off + (int64_t)r->s.umax + (int64_t)size, size, indirect,
					write);
}

bool mem_packet_writable(struct verifier *v, bool write)
{
	switch (v->o->prog_type) {
	case PROG_LWT_IN:
	case PROG_LWT_OUT:
	case PROG_LWT_SEG6LOCAL:
	case PROG_SK_REUSEPORT:
	case PROG_FLOW_DISSECTOR:
	case PROG_CGROUP_SKB:
		return !write;
	case PROG_SCHED_CLS:
	case PROG_SCHED_ACT:
	case PROG_XDP:
	case PROG_LWT_XMIT:
	case PROG_SK_SKB:
	case PROG_SK_MSG:
		return true;
	case PROG_CGROUP_SOCKOPT:
		return true;
	default:
		return false;
	}
}

/* Alignment --------------------------------------------------------------------------------------- */

static const char *region_name(const struct reg *r)
{
	switch (r->type) {
	case T_FLOW_KEYS:
		return "flow keys ";
	case T_MAP_KEY:
		return "key ";
	case T_MAP_VALUE:
		return "value ";
	case T_CTX:
		return "context ";
	case T_STACK:
		return "stack ";
	case T_SOCKET:
		return "sock ";
	case T_SOCK_COMMON:
		return "sock_common ";
	case T_TCP_SOCK:
		return "tcp_sock ";
	case T_XDP_SOCK:
		return "xdp_sock ";
	case T_ARENA:
		return "arena ";
	default:
		return "";
	}
}

static int aligned(struct verifier *v, const struct reg *r, const struct access *a)
{
	bool packet = reg_is_packet(r), strict = v->strict || a->once_strict;
	int64_t fixed = (int64_t)r->off + a->off;
	char text[TYPE_NAME];
	struct tnum t;

	if (r->type == T_ARENA)
		return 0;
	if (r->type == T_STACK)
		strict = true;
	if (!strict || a->size == 1)
		return 0;
	if (packet)
		fixed += 2; /* NET_IP_ALIGN of machines that need alignment */
	t = tnum_add(r->s.t, tnum_const((uint64_t)fixed));
	if (tnum_is_aligned(t, a->size))
		return 0;
	tnum_name(r->s.t, text, sizeof(text));
	if (packet)
		return reject(v, &ERR_ALIGN, "misaligned packet access off 2+%s+%d+%d size %u",
			      text, r->off, a->off, a->size);
	return reject(v, &ERR_ALIGN, "misaligned %saccess off %s+%d+%d size %u", region_name(r),
		      text, r->off, a->off, a->size);
}

/* By type ----------------------------------------------------------------------------------------- */

static bool leaks(struct verifier *v, const struct access *a)
{
	return a->write && a->value >= 0 && !v->allow_leak &&
	       reg_is_pointer(reg_at(v, (unsigned int)a->value));
}

static void loaded(struct verifier *v, const struct access *a)
{
	if (!a->write && a->value >= 0)
		reg_unknown(reg_at(v, (unsigned int)a->value));
}

/* Bytes of a frozen map, as the load gives them. */
static bool frozen_value(struct verifier *v, const struct access *a)
{
	const struct reg *r = reg_at(v, a->regno);
	int64_t off = (int64_t)r->off + a->off + (int64_t)scalar_value(&r->s);
	uint64_t value = 0;

	if (!r->map->frozen || !scalar_is_const(&r->s) || a->value < 0 || a->write ||
	    !(r->map->flags & MAP_F_RDONLY_PROG) || off < 0 ||
	    !num_inside((uint64_t)off, a->size, r->map->value_size))
		return false;
	if (!profile_knows(v, FEATURE_FROZEN_NUMBERS))
		return false;
	memcpy(&value, r->map->frozen + off, a->size);
	if (a->sign && a->size < 8)
		value = (uint64_t)((int64_t)(value << (64 - 8 * a->size)) >> (64 - 8 * a->size));
	reg_const(reg_at(v, (unsigned int)a->value), value);
	return true;
}

static int map_access(struct verifier *v, const struct access *a, bool *ret_known)
{
	struct reg *r = reg_at(v, a->regno);
	int64_t off = (int64_t)r->off + a->off;
	bool kptr = false;
	int err;

	if (leaks(v, a))
		return reject(v, &ERR_LEAK, "R%d leaks addr into map", a->value);
	err = mem_map_type(v, a->regno, off, a->size, a->write);
	if (err == 0)
		err = mem_map_value(v, a->regno, off, a->size, false, false, a->write);
	if (err == 0)
		err = fields_kptr(v, a, r->map, off + (int64_t)scalar_value(&r->s), &kptr);
	if (err < 0 || kptr) {
		*ret_known = true;
		return err;
	}
	*ret_known = frozen_value(v, a);
	return 0;
}

static int memory_access(struct verifier *v, const struct access *a)
{
	struct reg *r = reg_at(v, a->regno);
	char name[TYPE_NAME];

	if (r->flags & F_NULL)
		return reject(v, &ERR_NULL_ACCESS, "R%u invalid mem access '%s'", a->regno,
			      type_name(v, r->type, r->flags, name, sizeof(name)));
	if (a->write && r->flags & F_RDONLY)
		return reject(v, &ERR_READONLY, "R%u cannot write into %s", a->regno,
			      type_name(v, r->type, r->flags, name, sizeof(name)));
	if (leaks(v, a))
		return reject(v, &ERR_LEAK, "R%d leaks addr into mem", a->value);
	if (r->flags & F_UNTRUSTED)
		return 0;
	return mem_region(v, a->regno, (int64_t)r->off + a->off, a->size, r->mem_size, false);
}

static int packet_access(struct verifier *v, const struct access *a)
{
	struct reg *r = reg_at(v, a->regno);

	if (a->write && !mem_packet_writable(v, true))
		return reject(v, &ERR_READONLY, "cannot write into packet");
	if (leaks(v, a))
		return reject(v, &ERR_LEAK, "R%d leaks addr into packet", a->value);
	return mem_packet(v, a->regno, (int64_t)r->off + a->off, a->size, false);
}

#define FLOW_KEYS_SIZE 56

static int flow_keys_access(struct verifier *v, const struct access *a)
{
	int64_t off = (int64_t)reg_at(v, a->regno)->off + a->off;

	if (leaks(v, a))
		return reject(v, &ERR_LEAK, "R%d leaks addr into flow keys", a->value);
	if (off < 0 || off + a->size > FLOW_KEYS_SIZE)
		return reject(v, &ERR_ACCESS, "invalid access to flow keys off=%lld size=%u",
			      (long long)off, a->size);
	return 0;
}

/* Buffers whose end is checked by who runs the program: a constant offset that is not negative. */
static int buffer_access(struct verifier *v, const struct access *a)
{
	struct reg *r = reg_at(v, a->regno);
	char name[TYPE_NAME];
	const char *kind = r->type == T_TP_BUFFER ? "tracepoint" :
			   r->flags & F_RDONLY	  ? "rdonly" :
						    "rdwr";

	type_name(v, r->type, r->flags, name, sizeof(name));
	if (r->flags & F_NULL)
		return reject(v, &ERR_NULL_ACCESS, "R%u invalid mem access '%s'", a->regno, name);
	if (a->write && r->flags & F_RDONLY)
		return reject(v, &ERR_READONLY, "R%u cannot write into %s", a->regno, name);
	if (r->off + a->off < 0)
		return reject(v, &ERR_ACCESS, "R%u invalid %s buffer access: off=%d, size=%u",
			      a->regno, kind, r->off + a->off, a->size);
	if (!scalar_is_const(&r->s) || scalar_value(&r->s))
		return reject(
			v, &ERR_ACCESS,
			"R%u invalid variable buffer offset: off=%d, var_off=(0x%llx; 0x%llx)",
			a->regno, r->off + a->off, (unsigned long long)r->s.t.value,
			(unsigned long long)r->s.t.mask);
	return 0;
}

static int no_access(struct verifier *v, const struct access *a)
{
	const struct reg *r = reg_at(v, a->regno);
	char name[TYPE_NAME];

	reject(v, r->flags & F_NULL ? &ERR_NULL_ACCESS : &ERR_ACCESS, "R%u invalid mem access '%s'",
	       a->regno, type_name(v, r->type, r->flags, name, sizeof(name)));
	if (r->flags & F_NULL) {
		skep_need(&v->error, "a pointer that is known not to be null");
		skep_hint(&v->error, "compare the pointer with NULL before using it");
	}
	return -EACCES;
}

static int by_type(struct verifier *v, const struct access *a, bool *ret_known)
{
	struct reg *r = reg_at(v, a->regno);
	char name[TYPE_NAME];

	switch ((enum reg_type)r->type) {
	case T_MAP_KEY:
		if (a->write)
			return reject(v, &ERR_READONLY, "write to change key R%u not allowed",
				      a->regno);
		return mem_region(v, a->regno, (int64_t)r->off + a->off, a->size, r->map->key_size,
				  false);
	case T_MAP_VALUE:
		if (r->flags & F_NULL)
			break;
		return map_access(v, a, ret_known);
	case T_MEM:
		return memory_access(v, a);
	case T_CTX:
		*ret_known = true;
		return ctx_access(v, a);
	case T_STACK:
		*ret_known = true;
		return stack_access(v, a);
	case T_PKT:
	case T_PKT_META:
		return packet_access(v, a);
	case T_FLOW_KEYS:
		return flow_keys_access(v, a);
	case T_SOCKET:
	case T_SOCK_COMMON:
	case T_TCP_SOCK:
	case T_XDP_SOCK:
		if (r->flags & F_NULL)
			break;
		if (a->write)
			return reject(v, &ERR_READONLY, "R%u cannot write into %s", a->regno,
				      type_name(v, r->type, r->flags, name, sizeof(name)));
		*ret_known = true;
		return sock_access(v, a);
	case T_TP_BUFFER:
	case T_BUF:
		return buffer_access(v, a);
	case T_BTF:
	case T_MAP_PTR:
		if (r->flags & F_NULL && !(r->flags & F_RCU && false))
			break;
		*ret_known = true;
		return btf_object_access(v, a);
	case T_ARENA:
		return 0;
	case T_NOT_INIT:
	case T_SCALAR:
	case T_PKT_END:
	case T_FUNC:
	case T_DYNPTR:
	case T_COUNT:
		break;
	}
	return no_access(v, a);
}

HOT int mem_access(struct verifier *v, const struct access *a)
{
	struct reg *r = reg_at(v, a->regno);
	bool known = false;
	int err = aligned(v, r, a);

	if (err == 0)
		err = by_type(v, a, &known);
	if (err < 0 || a->write || a->value < 0)
		return err;
	r = reg_at(v, (unsigned int)a->value);
	if (!known)
		loaded(v, a);
	if (r->type == T_SCALAR && a->size < 8) {
		if (a->sign) {
			r->s = known && scalar_is_const(&r->s) ? scalar_sext(&r->s, a->size) :
			       scalar_is_unknown(&r->s)	       ? scalar_signed(a->size) :
								 scalar_sext(&r->s, a->size);
			r->id = 0;
			r->off = 0;
			origin_lose(r);
		} else {
			r->s = scalar_zext(&r->s, a->size);
		}
	}
	return 0;
}
