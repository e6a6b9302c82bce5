// SPDX-License-Identifier: Apache-2.0
/*
 * Messages of sk_msg programs, and maps of sockets and devices (bpf-helpers(7)). A message is one buffer of the event with room behind
 * it; its region moves with it. Selections are noted in the event, for the host to act on.
 */
#include "helper/packet.h"
#include "map/object.h"

#define DROP 0u
#define PASS 1u
#define XDP_ABORTED 0u
#define XDP_REDIRECT 4u

static struct helper_event *message(struct exec_run *run)
{
	struct helper_event *e = run->event;

	if (e && e->msg)
		return e;
	exec_fault(run, &ERR_CONTEXT, "of a message");
	return NULL;
}

static void message_moved(struct exec_run *run, const struct helper_event *e)
{
	exec_region_move(run, REGION_PACKET, (uintptr_t)e->msg, e->msg_len);
	exec_forget(run);
}

BODY(msg_apply_bytes)
{
	struct helper_event *e = message(run);

	if (e)
		e->msg_apply = (uint32_t)a2;
	return 0;
}

BODY(msg_cork_bytes)
{
	struct helper_event *e = message(run);

	if (e)
		e->msg_cork = (uint32_t)a2;
	return 0;
}

BODY(msg_pull_data)
{
	struct helper_event *e = message(run);

	if (!e)
		return 0;
	if (a4 || (uint32_t)a3 <= (uint32_t)a2 || (uint32_t)a3 > e->msg_len)
		return fail(EINVAL);
	return 0;
}

BODY(msg_push_data)
{
	struct helper_event *e = message(run);
	uint32_t at = (uint32_t)a2, n = (uint32_t)a3;

	if (!e)
		return 0;
	if (a4 || at > e->msg_len)
		return fail(EINVAL);
	if (n > e->msg_room - e->msg_len)
		return fail(ENOMEM);
	memmove(e->msg + at + n, e->msg + at, e->msg_len - at);
	memset(e->msg + at, 0, n);
	e->msg_len += n;
	message_moved(run, e);
	return 0;
}

BODY(msg_pop_data)
{
	struct helper_event *e = message(run);
	uint32_t at = (uint32_t)a2, n = (uint32_t)a3;

	if (!e)
		return 0;
	if (a4 || !n || !num_inside(at, n, e->msg_len))
		return fail(EINVAL);
	memmove(e->msg + at, e->msg + at + n, e->msg_len - at - n);
	e->msg_len -= n;
	message_moved(run, e);
	return 0;
}

/* Selections --------------------------------------------------------------------------------------------- */

static struct map *typed(struct exec_run *run, const char *name, uint64_t addr, uint64_t types)
{
	struct map *map = map_of(run, addr);

	if (map && types >> map_attr(map)->type & 1)
		return map;
	exec_fault(run, &ERR_MAP_TYPE, "%s: '%s' is of type %s", name,
		   map ? map_attr(map)->name : "?",
		   map ? spec_map_type_name((int)map_attr(map)->type) : "none");
	return NULL;
}

#define M(type) (1ull << MAP_##type)

/* Notes what lies under @key; false: nothing does. */
static bool choose(struct exec_run *run, struct map *map, const void *key, uint64_t flags)
{
	struct helper_event *e = event_of(run);
	struct map_target t;

	if (!e || map_target(map, key, &t) < 0)
		return false;
	e->target = TARGET_MAP;
	e->ifindex = t.number;
	e->target_flags = flags;
	e->selected = t.object ? t.object->model : NULL;
	if (run->host && run->host->redirect)
		run->host->redirect(run->host_ctx, t.number, flags);
	return true;
}

static bool has_index(const struct map *map, uint64_t key)
{
	return map_attr(map)->key_size == 4 &&
	       (map_attr(map)->type == MAP_DEVMAP_HASH || key < map_attr(map)->max_entries);
}

/* Of the flags, the lowest two bits are what it returns when there is nothing. */
BODY(redirect_map)
{
	struct map *map = typed(run, "bpf_redirect_map", a1,
				M(DEVMAP) | M(DEVMAP_HASH) | M(CPUMAP) | M(XSKMAP));
	const uint64_t broadcast = BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS;
	uint32_t key = (uint32_t)a2;
	bool device;

	if (!map)
		return 0;
	device = map_attr(map)->type == MAP_DEVMAP || map_attr(map)->type == MAP_DEVMAP_HASH;
	if (a3 & ~(3ull | (device ? broadcast : 0)))
		return XDP_ABORTED;
	if (a3 & BPF_F_BROADCAST && event_of(run)) {
		((struct helper_event *)run->event)->target = TARGET_MAP;
		((struct helper_event *)run->event)->target_flags = a3;
		return XDP_REDIRECT;
	}
	return has_index(map, key) && choose(run, map, &key, a3) ? XDP_REDIRECT : a3 & 3;
}

static uint64_t sock_redirect(struct exec_run *run, struct map *map, const void *key,
			      uint64_t flags)
{
	if (!map)
		return 0;
	if (flags & ~(uint64_t)BPF_F_INGRESS)
		return DROP;
	return choose(run, map, key, flags) ? PASS : DROP;
}

BODY(sk_redirect_map)
{
	const uint32_t key = (uint32_t)a3;

	return sock_redirect(run, typed(run, "bpf_sk_redirect_map", a2, M(SOCKMAP)), &key, a4);
}

BODY(sk_redirect_hash)
{
	return sock_redirect(run, typed(run, "bpf_sk_redirect_hash", a2, M(SOCKHASH)), pointer(a3),
			     a4);
}

BODY(msg_redirect_map)
{
	const uint32_t key = (uint32_t)a3;

	return sock_redirect(run, typed(run, "bpf_msg_redirect_map", a2, M(SOCKMAP)), &key, a4);
}

BODY(msg_redirect_hash)
{
	return sock_redirect(run, typed(run, "bpf_msg_redirect_hash", a2, M(SOCKHASH)), pointer(a3),
			     a4);
}

BODY(sk_select_reuseport)
{
	struct map *map = typed(run, "bpf_sk_select_reuseport", a2,
				M(REUSEPORT_SOCKARRAY) | M(SOCKMAP) | M(SOCKHASH));

	if (!map)
		return 0;
	if (a4)
		return fail(EINVAL);
	return choose(run, map, pointer(a3), 0) ? 0 : fail(ENOENT);
}

static uint64_t sock_update(struct exec_run *run, struct map *map, uint64_t key, uint64_t flags)
{
	const struct helper_event *e = run->event;
	struct map_object *o;

	if (!map)
		return 0;
	if (!e || !e->sk)
		return fail(EINVAL);
	o = object_in(run, map, MAP_OBJECT_SOCK, e->sk->cookie, e->sk);
	return o ? result(map_sock_update(map, pointer(key), o, flags)) : fail(ENOMEM);
}

BODY(sock_map_update)
{
	return sock_update(run, typed(run, "bpf_sock_map_update", a2, M(SOCKMAP)), a3, a4);
}

BODY(sock_hash_update)
{
	return sock_update(run, typed(run, "bpf_sock_hash_update", a2, M(SOCKHASH)), a3, a4);
}
