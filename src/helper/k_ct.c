// SPDX-License-Identifier: Apache-2.0
/*
 * Tracked connections of the model (kernel document bpf/kfuncs.rst). The packet's view of a tuple is the way that the packet goes; an
 * entry is found in both directions. What is allocated is not found until it is inserted.
 */
#include <netinet/in.h>

#include "helper/internal.h"

/* struct bpf_ct_opts, as long as programs have it: 12 or 16 bytes. */
struct ct_opts {
	int32_t netns_id;
	int32_t error;
	uint8_t l4proto, dir;
	uint8_t reserved[2];
	uint16_t zone_id;
	uint8_t zone_dir;
	uint8_t more[1];
};
_Static_assert(sizeof(struct ct_opts) == 16, "struct bpf_ct_opts");
#define OPTS_SHORT 12u

#define STATUS_EXPECTED 1u
#define STATUS_SEEN_REPLY 2u
#define STATUS_ASSURED 4u
#define STATUS_CONFIRMED 8u
#define STATUS_NAT_MASK 0x30u
#define STATUS_NAT_DONE 0x180u
#define STATUS_DYING 0x200u
#define UNCHANGEABLE \
	(STATUS_EXPECTED | STATUS_CONFIRMED | STATUS_NAT_MASK | STATUS_NAT_DONE | STATUS_DYING)

/* The arguments that all of these have: 0, or -errno, which the program finds in its options. */
static int check(struct exec_run *run, const char *name, const uint64_t a[5], struct model_tuple *t,
		 struct ct_opts *o)
{
	const struct bpf_sock_tuple *from = pointer(a[1]);
	uint32_t len = (uint32_t)a[2], size = (uint32_t)a[4];

	if (!kfunc_memory(run, name, a[1], len, false) ||
	    !kfunc_memory(run, name, a[3], size, true))
		return -EFAULT;
	*o = (struct ct_opts){ 0 };
	if (size < OPTS_SHORT)
		return -EINVAL;
	memcpy(o, pointer(a[3]), num_min(size, sizeof(*o)));
	*t = (struct model_tuple){ .protocol = o->l4proto };
	if ((size != sizeof(*o) && size != OPTS_SHORT) || o->reserved[0] || o->reserved[1] ||
	    (size == sizeof(*o) && o->more[0]))
		return -EINVAL;
	if (o->netns_id < BPF_F_CURRENT_NETNS)
		return -EINVAL;
	if (o->netns_id > 0)
		return -ENONET;
	if (o->l4proto != IPPROTO_TCP && o->l4proto != IPPROTO_UDP)
		return -EPROTO;
	if (len == sizeof(from->ipv4)) {
		t->local.family = t->remote.family = AF_INET;
		memcpy(t->local.bytes, &from->ipv4.saddr, 4);
		memcpy(t->remote.bytes, &from->ipv4.daddr, 4);
		t->lport = from->ipv4.sport;
		t->rport = from->ipv4.dport;
	} else if (len == sizeof(from->ipv6)) {
		t->local.family = t->remote.family = AF_INET6;
		memcpy(t->local.bytes, from->ipv6.saddr, 16);
		memcpy(t->remote.bytes, from->ipv6.daddr, 16);
		t->lport = from->ipv6.sport;
		t->rport = from->ipv6.dport;
	} else {
		return -EAFNOSUPPORT;
	}
	return 0;
}

static void tell(const uint64_t a[5], int error)
{
	struct ct_opts *o = pointer(a[3]);

	if ((uint32_t)a[4] >= offsetof(struct ct_opts, l4proto))
		o->error = error;
}

static uint64_t look(struct exec_run *run, const char *name, const uint64_t a[5])
{
	struct model *m = world(run);
	struct model_conn *c = NULL;
	struct model_tuple t;
	struct ct_opts o;
	uint8_t dir;
	int r = m ? check(run, name, a, &t, &o) : -ENOMEM;

	if (run->fault)
		return 0;
	if (r == 0) {
		c = model_conn_find(m, &t, o.zone_id, &dir);
		r = c ? 0 : -ENOENT;
	}
	if (c)
		((struct ct_opts *)pointer(a[3]))->dir = dir;
	else
		tell(a, r);
	return (uintptr_t)c;
}

static uint64_t make(struct exec_run *run, const char *name, const uint64_t a[5])
{
	struct model *m = world(run);
	struct model_conn *c = NULL;
	struct model_tuple t;
	struct ct_opts o;
	int r = m ? check(run, name, a, &t, &o) : -ENOMEM;

	if (run->fault)
		return 0;
	if (r == 0) {
		c = model_conn_new(m, &t, o.zone_id);
		r = c ? 0 : -ENOMEM;
	}
	if (!c)
		tell(a, r);
	return (uintptr_t)c;
}

#define TUPLE_BODY(function, action)                                               \
	KBODY(function)                                                            \
	{                                                                          \
		return action(run, #function, (uint64_t[]){ a1, a2, a3, a4, a5 }); \
	}
TUPLE_BODY(bpf_xdp_ct_lookup, look)
TUPLE_BODY(bpf_skb_ct_lookup, look)
TUPLE_BODY(bpf_xdp_ct_alloc, make)
TUPLE_BODY(bpf_skb_ct_alloc, make)

static struct model_conn *conn(struct exec_run *run, const char *name, uint64_t addr)
{
	struct model_conn *c = run->model ? model_object(run->model, addr, MODEL_CONN) : NULL;

	if (!c)
		no_object(run, name, "nf_conn", addr);
	return c;
}

KBODY(bpf_ct_insert_entry)
{
	struct model_conn *c = conn(run, "bpf_ct_insert_entry", a1);

	if (!c)
		return 0;
	c->ct.status |= STATUS_CONFIRMED;
	if (model_conn_insert(run->model, c) == 0)
		return (uintptr_t)c;
	if (model_unref(run->model, c))
		exec_forget(run);
	return 0;
}

KBODY(bpf_ct_release)
{
	struct model_conn *c = a1 ? conn(run, "bpf_ct_release", a1) : NULL;

	if (c && model_unref(run->model, c))
		exec_forget(run);
	return 0;
}

/* In milliseconds; the kernel keeps jiffies, programs read what they set. */
KBODY(bpf_ct_set_timeout)
{
	struct model_conn *c = conn(run, "bpf_ct_set_timeout", a1);

	if (c)
		c->ct.timeout = (uint32_t)a2;
	return 0;
}

KBODY(bpf_ct_change_timeout)
{
	struct model_conn *c = conn(run, "bpf_ct_change_timeout", a1);

	if (c)
		c->ct.timeout = (uint32_t)a2;
	return 0;
}

static uint64_t set_status(struct model_conn *c, uint32_t status)
{
	uint32_t changed = (uint32_t)c->ct.status ^ status;

	if (!(changed & ~UNCHANGEABLE) && changed)
		return (uint32_t)-EBUSY;
	if (changed & (STATUS_EXPECTED | STATUS_CONFIRMED | STATUS_DYING))
		return (uint32_t)-EBUSY;
	if ((changed & STATUS_SEEN_REPLY && !(status & STATUS_SEEN_REPLY)) ||
	    (changed & STATUS_ASSURED && !(status & STATUS_ASSURED)))
		return (uint32_t)-EBUSY;
	c->ct.status |= status & ~UNCHANGEABLE;
	return 0;
}

KBODY(bpf_ct_set_status)
{
	struct model_conn *c = conn(run, "bpf_ct_set_status", a1);

	return c ? set_status(c, (uint32_t)a2) : 0;
}

KBODY(bpf_ct_change_status)
{
	struct model_conn *c = conn(run, "bpf_ct_change_status", a1);

	return c ? set_status(c, (uint32_t)a2) : 0;
}

KBODY(bpf_ct_set_nat_info)
{
	struct model_conn *c = conn(run, "bpf_ct_set_nat_info", a1);
	uint32_t which = (uint32_t)a4;

	if (!c || !kfunc_memory(run, "bpf_ct_set_nat_info", a2, 16, false))
		return 0;
	if ((int32_t)a3 < 0 || (int32_t)a3 > 65535 || which > 1)
		return (uint32_t)-EINVAL;
	c->nat[which].family = c->tuple.local.family;
	memcpy(c->nat[which].bytes, pointer(a2), 16);
	c->nat_port[which] = htons((uint16_t)a3);
	c->ct.status |= which ? 0x20 : 0x10;
	return 0;
}
