// SPDX-License-Identifier: Apache-2.0
/*
 * Sockets of the model (bpf-helpers(7)): look-ups, casts between the structs that show one, what is known of one. All pointers to a
 * socket lead into one object (struct model_end), so any of them is good wherever a socket is wanted; the context counts as the
 * event's socket.
 */
#include <netinet/in.h>
#include <stdio.h>

#include "helper/packet.h"

#define LISTEN 10
#define TIME_WAIT 6
#define NEW_SYN_RECV 12

/* The socket of an argument; the context is the event's. */
static struct model_end *end_of(struct exec_run *run, uint64_t addr)
{
	const struct helper_event *e = run->event;

	return addr && addr == run->ctx ? (e ? e->sk : NULL) : socket_of(run, addr);
}

static struct model_end *need(struct exec_run *run, const char *name, uint64_t addr)
{
	struct model_end *s = socket_of(run, addr);

	if (!s)
		no_object(run, name, "socket", addr);
	return s;
}

/* Look-ups: the program has the packet's view, whose source is the socket's remote end. ------------------ */

static bool tuple_of(uint64_t addr, uint32_t len, uint8_t protocol, struct model_tuple *t)
{
	const struct bpf_sock_tuple *from = pointer(addr);

	*t = (struct model_tuple){ .protocol = protocol };
	if (len == sizeof(from->ipv4)) {
		t->local.family = t->remote.family = AF_INET;
		memcpy(t->remote.bytes, &from->ipv4.saddr, 4);
		memcpy(t->local.bytes, &from->ipv4.daddr, 4);
		t->rport = from->ipv4.sport;
		t->lport = from->ipv4.dport;
		return true;
	}
	if (len != sizeof(from->ipv6))
		return false;
	t->local.family = t->remote.family = AF_INET6;
	memcpy(t->remote.bytes, from->ipv6.saddr, 16);
	memcpy(t->local.bytes, from->ipv6.daddr, 16);
	t->rport = from->ipv6.sport;
	t->lport = from->ipv6.dport;
	return true;
}

/* With a reference, which the program gives back; only this namespace has sockets. */
static struct model_end *look(struct exec_run *run, const uint64_t a[5], uint8_t protocol,
			      bool full)
{
	struct model *m = world(run);
	struct model_end *s;
	struct model_tuple t;

	if (!m || a[4] || ((int32_t)a[3] < 0 && (int32_t)a[3] != BPF_F_CURRENT_NETNS) ||
	    (int32_t)a[3] > 0 || !tuple_of(a[1], (uint32_t)a[2], protocol, &t))
		return NULL;
	s = model_socket_find(m, &t);
	if (s && full && (s->uapi.state == TIME_WAIT || s->uapi.state == NEW_SYN_RECV)) {
		model_unref(m, s);
		return NULL;
	}
	return s;
}

BODY(sk_lookup_tcp)
{
	struct model_end *s = look(run, (uint64_t[]){ a1, a2, a3, a4, a5 }, IPPROTO_TCP, true);

	return s ? (uintptr_t)&s->uapi : 0;
}

BODY(sk_lookup_udp)
{
	struct model_end *s = look(run, (uint64_t[]){ a1, a2, a3, a4, a5 }, IPPROTO_UDP, true);

	return s ? (uintptr_t)&s->uapi : 0;
}

BODY(skc_lookup_tcp)
{
	struct model_end *s = look(run, (uint64_t[]){ a1, a2, a3, a4, a5 }, IPPROTO_TCP, false);

	return s ? (uintptr_t)&s->uapi : 0;
}

BODY(sk_release)
{
	struct model_end *s = need(run, "bpf_sk_release", a1);

	if (!s)
		return 0;
	if (model_refs(run->model, s) < 2 && s->uapi.state != 7)
		return exec_fault(run, &ERR_OBJECT, "bpf_sk_release: nobody acquired it");
	if (model_unref(run->model, s))
		exec_forget(run);
	return 0;
}

/* Casts --------------------------------------------------------------------------------------------------- */

static bool is_full(const struct model_end *s)
{
	return s->uapi.state != TIME_WAIT && s->uapi.state != NEW_SYN_RECV;
}

BODY(sk_fullsock)
{
	struct model_end *s = end_of(run, a1);

	return s && is_full(s) ? (uintptr_t)&s->uapi : 0;
}

BODY(tcp_sock)
{
	struct model_end *s = end_of(run, a1);

	return s && is_full(s) && s->uapi.protocol == IPPROTO_TCP ? (uintptr_t)&s->tcp : 0;
}

BODY(get_listener_sock)
{
	struct model_end *s = end_of(run, a1), *l = NULL;

	if (!s)
		return 0;
	if (s->uapi.state == LISTEN)
		return (uintptr_t)&s->uapi;
	l = model_socket_listener(run->model, &s->tuple);
	if (!l || l->uapi.state != LISTEN)
		return 0;
	model_unref(run->model, l); /* the model's own stays */
	return (uintptr_t)&l->uapi;
}

enum { ANY_STATE = -1, FULL = -2 };

/* @s as another of its structs, when it is of this protocol, family and state. */
static uint64_t cast(struct exec_run *run, uint64_t addr, int protocol, int family, int state)
{
	const struct model_end *s = end_of(run, addr);

	if (!s || (protocol && s->uapi.protocol != (uint32_t)protocol) ||
	    (family && s->uapi.family != (uint32_t)family))
		return 0;
	if (state == FULL ? !is_full(s) : state != ANY_STATE && s->uapi.state != (uint32_t)state)
		return 0;
	return (uintptr_t)&s->sk;
}

BODY(skc_to_tcp6_sock)
{
	return cast(run, a1, IPPROTO_TCP, AF_INET6, FULL);
}

BODY(skc_to_tcp_sock)
{
	return cast(run, a1, IPPROTO_TCP, 0, FULL);
}

BODY(skc_to_tcp_timewait_sock)
{
	return cast(run, a1, IPPROTO_TCP, 0, TIME_WAIT);
}

BODY(skc_to_tcp_request_sock)
{
	return cast(run, a1, IPPROTO_TCP, 0, NEW_SYN_RECV);
}

BODY(skc_to_udp6_sock)
{
	return cast(run, a1, IPPROTO_UDP, AF_INET6, ANY_STATE);
}

BODY(skc_to_unix_sock)
{
	return cast(run, a1, 0, AF_UNIX, FULL);
}

BODY(skc_to_mptcp_sock)
{
	const struct model_end *s = end_of(run, a1);

	return s && s->mptcp ? (uintptr_t)&s->sk : 0;
}

BODY(sock_from_file)
{
	const struct model_open_file *f = run->model ? model_object(run->model, a1, MODEL_FILE) :
						       NULL;

	if (!f)
		return no_object(run, "bpf_sock_from_file", "file", a1);
	return socket_of(run, (uintptr_t)f->file.private_data) ? (uintptr_t)f->file.private_data :
								 0;
}

/* What is known of one ------------------------------------------------------------------------------------ */

BODY(get_socket_cookie)
{
	const struct model_end *s = end_of(run, a1);

	return s ? s->cookie : 0;
}

BODY(get_socket_uid)
{
	const struct model_end *s = end_of(run, a1);

	return s ? s->uid : 65534; /* the overflow id */
}

BODY(get_netns_cookie)
{
	struct model *m = world(run);

	if (!m || !a1)
		return m ? 1 : 0; /* of the first namespace */
	return model_netns(m) ? model_netns(m)->net_cookie : 0;
}

static struct model_cgroup_dir *sock_cgroup(struct exec_run *run, const struct model_end *s)
{
	if (!s || !world(run))
		return NULL;
	return s->cgroup_id ? model_cgroup_by_id(run->model, s->cgroup_id) : NULL;
}

static uint64_t cgroup_id(const struct model_cgroup_dir *c)
{
	return c ? c->kn.id : 0;
}

BODY(sk_cgroup_id)
{
	return cgroup_id(sock_cgroup(run, need(run, "bpf_sk_cgroup_id", a1)));
}

BODY(sk_ancestor_cgroup_id)
{
	struct model_cgroup_dir *c = sock_cgroup(run, need(run, "bpf_sk_ancestor_cgroup_id", a1));

	return c ? cgroup_id(model_cgroup_ancestor(run->model, c, (int32_t)a2)) : 0;
}

BODY(skb_cgroup_id)
{
	return cgroup_id(sock_cgroup(run, end_of(run, a1)));
}

BODY(skb_ancestor_cgroup_id)
{
	struct model_cgroup_dir *c = sock_cgroup(run, end_of(run, a1));

	return c ? cgroup_id(model_cgroup_ancestor(run->model, c, (int32_t)a2)) : 0;
}

BODY(skb_cgroup_classid)
{
	const struct model_end *s = end_of(run, a1);

	return s ? s->classid : 0;
}

/* Decisions ----------------------------------------------------------------------------------------------- */

BODY(sk_assign)
{
	struct helper_event *e = event_of(run);
	struct model_end *s = a2 ? need(run, "bpf_sk_assign", a2) : NULL;

	if (!e || run->fault)
		return 0;
	if (a3 & ~3ull) /* BPF_SK_LOOKUP_F_REPLACE, _NO_REUSEPORT */
		return fail(EINVAL);
	if (s && !is_full(s))
		return fail(EOPNOTSUPP);
	if (e->assigned && s && !(a3 & BPF_SK_LOOKUP_F_REPLACE) && run->ctx_backing == NULL)
		return fail(EEXIST);
	e->assigned = s;
	return 0;
}

BODY(bind)
{
	struct helper_event *e = event_of(run);
	const uint8_t *addr = pointer(a2);
	uint16_t family;

	if (!e)
		return 0;
	if ((uint32_t)a3 < 2)
		return fail(EINVAL);
	memcpy(&family, addr, 2);
	if (family == AF_INET) {
		if ((uint32_t)a3 < sizeof(struct sockaddr_in))
			return fail(EINVAL);
		memcpy(e->bind_addr.bytes, addr + 4, 4);
	} else if (family == AF_INET6) {
		if ((uint32_t)a3 < 24) /* SIN6_LEN_RFC2133 */
			return fail(EINVAL);
		memcpy(e->bind_addr.bytes, addr + 8, 16);
	} else {
		return fail(EAFNOSUPPORT);
	}
	e->bind_addr.family = (uint8_t)family;
	memcpy(&e->bind_port, addr + 2, 2);
	return 0;
}

KBODY(bpf_sock_destroy)
{
	struct model_end *s = need(run, "bpf_sock_destroy", a1);

	if (!s)
		return 0;
	if (s->uapi.protocol != IPPROTO_TCP && s->uapi.protocol != IPPROTO_UDP)
		return (uint32_t)-EOPNOTSUPP;
	s->uapi.state = s->sk.__sk_common.skc_state = 7; /* TCP_CLOSE */
	s->sk.sk_err = ECONNABORTED;
	return 0;
}
