// SPDX-License-Identifier: Apache-2.0
/*
 * Sockets and tracked connections, both found by their ends. The table of sockets is keyed by a hash of the tuple; who listens has
 * the remote end 0, and the local address 0 when it listens at all of them. Sockets that no host added are the namespace's, from
 * /proc/net/{tcp,udp}{,6}, read again when that is longer than STALE ago.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "model/net_internal.h"

#define STALE 100000000ull /* ns */
#define STATE_LISTEN 10
#define STATE_TIME_WAIT 6
#define STATE_SYN_RECV 3
#define STATE_NEW_SYN_RECV 12

static uint64_t mix(uint64_t h, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < n; i++)
		h = (h ^ at[i]) * 0x100000001b3ull;
	return h;
}

static uint64_t key_of(const struct model_tuple *t)
{
	uint64_t h = 0xcbf29ce484222325ull;

	h = mix(h, &t->protocol, 1);
	h = mix(h, &t->local, sizeof(t->local));
	h = mix(h, &t->remote.bytes, sizeof(t->remote.bytes));
	h = mix(h, &t->lport, 2);
	return mix(h, &t->rport, 2);
}

static bool same(const struct model_tuple *a, const struct model_tuple *b)
{
	return a->protocol == b->protocol && a->lport == b->lport && a->rport == b->rport &&
	       a->local.family == b->local.family && !memcmp(a->local.bytes, b->local.bytes, 16) &&
	       !memcmp(a->remote.bytes, b->remote.bytes, 16);
}

static struct model_end *find(const struct index *table, const struct model_tuple *t)
{
	uint64_t key = key_of(t);

	for (const struct head *h =
		     table->bucket[(uint32_t)(key * 0x9e3779b97f4a7c15ull >> 56) % TABLE_BUCKETS];
	     h; h = h->next) {
		struct model_end *s = (struct model_end *)(uintptr_t)(h + 1);

		if (h->key == key && same(&s->tuple, t))
			return s;
	}
	return NULL;
}

/* The UAPI's view, whose ports are 16 bits in network byte order but for src_port (linux/bpf.h). */
static void show(struct model_end *s, uint8_t state)
{
	const struct model_tuple *t = &s->tuple;
	bool v6 = t->local.family == AF_INET6;

	s->uapi = (struct bpf_sock){ .family = t->local.family,
				     .type = t->protocol == IPPROTO_TCP ? 1 : 2,
				     .protocol = t->protocol,
				     .src_port = ntohs(t->lport),
				     .dst_port = t->rport,
				     .state = state,
				     .rx_queue_mapping = -1 };
	if (v6) {
		memcpy(s->uapi.src_ip6, t->local.bytes, 16);
		memcpy(s->uapi.dst_ip6, t->remote.bytes, 16);
	} else {
		memcpy(&s->uapi.src_ip4, t->local.bytes, 4);
		memcpy(&s->uapi.dst_ip4, t->remote.bytes, 4);
	}
}

static void show_kernel(struct model *m, struct model_end *s, uint8_t state)
{
	const struct model_tuple *t = &s->tuple;
	struct model_sock_common *c = &s->sk.__sk_common;

	if (t->local.family == AF_INET6) {
		memcpy(&c->skc_v6_rcv_saddr, t->local.bytes, 16);
		memcpy(&c->skc_v6_daddr, t->remote.bytes, 16);
	} else {
		memcpy(&c->skc_rcv_saddr, t->local.bytes, 4);
		memcpy(&c->skc_daddr, t->remote.bytes, 4);
	}
	c->skc_family = t->local.family;
	c->skc_num = ntohs(t->lport);
	c->skc_dport = t->rport;
	c->skc_state = state;
	c->skc_net.net = model_netns(m);
	c->skc_cookie.counter = (int64_t)s->cookie;
	if (state == STATE_TIME_WAIT || state == STATE_NEW_SYN_RECV)
		return;
	s->sk.sk_type = t->protocol == IPPROTO_TCP ? 1 : 2;
	s->sk.sk_protocol = t->protocol;
	s->sk.sk_rcvbuf = s->sk.sk_sndbuf = 212992;
	s->sk.sk_uid.val = s->uid;
	s->sk.sk_socket = &s->socket;
	s->socket.sk = &s->sk;
	s->socket.type = s->sk.sk_type;
	if (t->protocol != IPPROTO_TCP)
		return;
	s->tcp6.tcp.snd_cwnd = 10;
	s->tcp6.tcp.snd_ssthresh = 0x7fffffff;
	s->tcp6.tcp.mss_cache = 536;
	s->tcp = (struct bpf_tcp_sock){ .snd_cwnd = 10,
					.snd_ssthresh = 0x7fffffff,
					.mss_cache = 536 };
}

static struct model_end *add(struct model *m, const struct model_tuple *t, uint8_t state)
{
	struct model_end *s = model_alloc(m, MODEL_SOCK, sizeof(*s), 0);

	if (!s)
		return NULL;
	s->tuple = *t;
	s->cookie = ++m->net->cookies;
	show(s, state);
	show_kernel(m, s, state);
	index_add(&m->socks, key_of(t), s);
	return s;
}

struct model_end *model_socket_add(struct model *m, const struct model_tuple *t, uint8_t state)
{
	struct model_end *s;

	model_lock(m);
	m->net->socks_own = true;
	s = add(m, t, state);
	if (s)
		model_ref(m, s);
	model_unlock(m);
	return s;
}

void model_socket_close(struct model *m, struct model_end *s)
{
	model_lock(m);
	index_remove(&m->socks, s);
	s->uapi.state = s->sk.__sk_common.skc_state = 7; /* TCP_CLOSE */
	model_unlock(m);
	model_unref(m, s);
}

struct model_end *model_socket_of(const struct model *m, uint64_t addr)
{
	return model_object(m, addr, MODEL_SOCK);
}

/* /proc/net/tcp has addresses as words of the host's byte order, ports as numbers. */
static bool read_end(const char *text, uint8_t family, struct model_addr *addr, uint16_t *port)
{
	int words = family == AF_INET6 ? 4 : 1;
	unsigned int word, number;

	addr->family = family;
	for (int i = 0; i < words; i++) {
		if (sscanf(text + (ptrdiff_t)i * 8, "%8x", &word) != 1)
			return false;
		memcpy(addr->bytes + (ptrdiff_t)i * 4, &word, 4);
	}
	if (sscanf(text + (ptrdiff_t)words * 8, ":%x", &number) != 1)
		return false;
	*port = htons((uint16_t)number);
	return true;
}

static void read_row(struct model *m, const char *line, uint8_t family, uint8_t protocol)
{
	struct model_tuple t = { .protocol = protocol };
	char local[64], remote[64];
	struct model_end *s;
	unsigned int state, uid;

	if (sscanf(line, "%*s %63s %63s %x %*s %*s %*s %u", local, remote, &state, &uid) != 4 ||
	    !read_end(local, family, &t.local, &t.lport) ||
	    !read_end(remote, family, &t.remote, &t.rport))
		return;
	s = find(&m->socks, &t);
	if (!s)
		s = add(m, &t, (uint8_t)state);
	if (!s)
		return;
	s->uapi.state = (uint8_t)state;
	s->sk.__sk_common.skc_state = (uint8_t)state;
	s->uid = uid;
	s->sk.sk_uid.val = uid;
}

static void read_file(struct model *m, const char *name, uint8_t family, uint8_t protocol)
{
	char *text = malloc(1 << 20), *line, *save = NULL;

	if (text && proc_read(0, name, text, 1 << 20) > 0)
		for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
			read_row(m, line, family, protocol);
	free(text);
}

static void read_sockets(struct model *m)
{
	struct timespec ts = { 0 };
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	if (m->net->socks_own || (m->net->socks_read_at && now - m->net->socks_read_at < STALE))
		return;
	m->net->socks_read_at = now;
	read_file(m, "net/tcp", AF_INET, IPPROTO_TCP);
	read_file(m, "net/tcp6", AF_INET6, IPPROTO_TCP);
	read_file(m, "net/udp", AF_INET, IPPROTO_UDP);
	read_file(m, "net/udp6", AF_INET6, IPPROTO_UDP);
}

static struct model_end *listener(struct model *m, const struct model_tuple *t)
{
	struct model_tuple wild = { .protocol = t->protocol, .local = t->local, .lport = t->lport };
	struct model_end *s = find(&m->socks, &wild);

	if (s)
		return s;
	memset(wild.local.bytes, 0, sizeof(wild.local.bytes));
	s = find(&m->socks, &wild);
	if (!s && t->local.family == AF_INET) { /* both families at once (ipv6(7)) */
		wild.local.family = AF_INET6;
		s = find(&m->socks, &wild);
	}
	return s;
}

struct model_end *model_socket_listener(struct model *m, const struct model_tuple *t)
{
	struct model_end *s;

	model_lock(m);
	read_sockets(m);
	s = listener(m, t);
	if (s)
		model_ref(m, s);
	model_unlock(m);
	return s;
}

struct model_end *model_socket_find(struct model *m, const struct model_tuple *t)
{
	struct model_tuple full = *t;
	struct model_end *s;

	full.remote.family = t->local.family;
	model_lock(m);
	read_sockets(m);
	s = find(&m->socks, &full);
	if (!s)
		s = listener(m, t);
	if (s)
		model_ref(m, s);
	model_unlock(m);
	return s;
}

/* Tracked connections ---------------------------------------------------------------------------------- */

struct model_conn *model_conn_new(struct model *m, const struct model_tuple *t, uint16_t zone)
{
	struct model_conn *c = model_alloc(m, MODEL_CONN, sizeof(*c), 0);

	if (!c)
		return NULL;
	c->tuple = *t;
	c->zone = zone;
	c->ct.timeout = 60;
	return c;
}

static struct model_conn *conn(struct model *m, const struct model_tuple *t, uint16_t zone)
{
	uint64_t key = key_of(t);

	for (const struct head *h =
		     m->net->conns
			     .bucket[(uint32_t)(key * 0x9e3779b97f4a7c15ull >> 56) % TABLE_BUCKETS];
	     h; h = h->next) {
		struct model_conn *c = (struct model_conn *)(uintptr_t)(h + 1);

		if (h->key == key && c->zone == zone && same(&c->tuple, t))
			return c;
	}
	return NULL;
}

int model_conn_insert(struct model *m, struct model_conn *c)
{
	int r = 0;

	model_lock(m);
	if (c->inserted)
		r = -EBUSY;
	else if (conn(m, &c->tuple, c->zone))
		r = -EEXIST;
	if (r == 0) {
		c->inserted = true;
		model_ref(m, c);
		index_add(&m->net->conns, key_of(&c->tuple), c);
	}
	model_unlock(m);
	return r;
}

struct model_conn *model_conn_find(struct model *m, const struct model_tuple *t, uint16_t zone,
				   uint8_t *ret_dir)
{
	struct model_tuple back = { .local = t->remote,
				    .remote = t->local,
				    .lport = t->rport,
				    .rport = t->lport,
				    .protocol = t->protocol };
	struct model_conn *c;

	model_lock(m);
	*ret_dir = 0;
	c = conn(m, t, zone);
	if (!c) {
		*ret_dir = 1;
		c = conn(m, &back, zone);
	}
	if (c)
		model_ref(m, c);
	model_unlock(m);
	return c;
}
