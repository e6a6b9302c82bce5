/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model's network: devices, routes, neighbours, sockets, connections that are tracked, secrets. Devices, routes, neighbours and
 * sockets that nobody added are those of the process's network namespace, read from /proc/net when first asked for.
 * Included by model.h alone. Addresses and ports are in network byte order; an IPv4 address is the first 4 of 16 bytes.
 */
#ifndef MODEL_NETWORK_H
#define MODEL_NETWORK_H

#ifndef MODEL_MODEL_H
#error "include model/model.h"
#endif

struct model_addr {
	uint8_t family; /* AF_INET, AF_INET6 */
	uint8_t bytes[16];
};

struct model_dev {
	struct model_net_device dev;
	uint8_t mac[6];
	bool forwards;
};

enum model_route_type {
	ROUTE_UNICAST,
	ROUTE_LOCAL,
	ROUTE_BLACKHOLE,
	ROUTE_UNREACHABLE,
	ROUTE_PROHIBIT
};

struct model_route {
	enum model_route_type type;
	struct model_addr to, gateway, source; /* family 0: none */
	uint32_t prefix, ifindex, table, metric, mtu;
};

struct model_neigh {
	struct model_addr addr;
	uint32_t ifindex;
	uint8_t mac[6];
};

/* Both as seen from here: the local end first. */
struct model_tuple {
	struct model_addr local, remote;
	uint16_t lport, rport;
	uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP */
};

/* What programs see of a socket, in one object: by the UAPI's structs, and by the kernel's. */
struct model_end {
	union {
		struct model_tcp6_sock tcp6;
		struct model_udp6_sock udp6;
		struct model_unix_sock local;
		struct model_tcp_timewait timewait;
		struct model_tcp_request request;
		struct model_sock sk;
	};
	struct bpf_sock uapi;
	struct bpf_tcp_sock tcp;
	struct model_socket socket;
	struct model_tuple tuple;
	uint64_t cookie, cgroup_id;
	uint32_t uid, classid;
	bool mptcp;
	uint8_t opts[40], nopts; /* TCP header options to write */
	uint32_t cb_flags;
	int64_t values[16]; /* socket options that programs set: sockopt.c */
};

struct model_conn {
	union {
		struct model_nf_conn ct;
		struct model_nf_conn_init init;
	};
	struct model_tuple tuple;
	uint16_t zone;
	uint8_t dir;
	bool inserted;
	struct model_addr nat[2]; /* source, destination; family 0: none */
	uint16_t nat_port[2];
};

/* Hosts add what there is; then nothing is read from /proc/net. 0, or -ENOMEM. */
int model_dev_add(struct model *m, const char *name, uint32_t ifindex, uint32_t mtu,
		  const uint8_t mac[6], bool forwards);
int model_route_add(struct model *m, const struct model_route *r);
int model_neigh_add(struct model *m, const struct model_neigh *n);
/* With the caller's reference; the model has one of its own until model_socket_close(). */
struct model_end *model_socket_add(struct model *m, const struct model_tuple *t, uint8_t state);
void model_socket_close(struct model *m, struct model_end *s);

struct model_dev *model_dev(struct model *m, uint32_t ifindex);
/* The longest prefix, of those the smallest metric. @table 0: any. */
bool model_route_find(struct model *m, const struct model_addr *to, uint32_t table,
		      struct model_route *ret);
bool model_neigh_find(struct model *m, const struct model_addr *addr, uint32_t ifindex,
		      uint8_t ret_mac[6]);
/* A connected socket, else one that listens. With a reference; NULL: none. */
struct model_end *model_socket_find(struct model *m, const struct model_tuple *t);
struct model_end *model_socket_listener(struct model *m, const struct model_tuple *t);
/* Of any pointer into its object. */
struct model_end *model_socket_of(const struct model *m, uint64_t addr);

struct model_conn *model_conn_new(struct model *m, const struct model_tuple *t, uint16_t zone);
/* -EEXIST, -EBUSY. Takes over the reference. */
int model_conn_insert(struct model *m, struct model_conn *c);
/* With a reference; *ret_dir 1: the tuple is the reply's. */
struct model_conn *model_conn_find(struct model *m, const struct model_tuple *t, uint16_t zone,
				   uint8_t *ret_dir);

/* The network namespace, and a number for it. */
struct model_net *model_netns(struct model *m);
const uint8_t *model_secret(struct model *m); /* 16 random bytes */

#endif
