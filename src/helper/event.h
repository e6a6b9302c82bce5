/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of an event beyond its context: run->event of struct exec_run. A hook fills what its program type has
 * and gives it before the run; helpers read it, and leave in it what the program decided. A hook that gives none has no
 * such things, and helpers answer as the kernel does then (no socket, no tunnel); what the program sets is kept for the run.
 */
#ifndef HELPER_EVENT_H
#define HELPER_EVENT_H

#include "exec/exec.h"
#include "model/model.h"

#define EVENT_VALUE 4096u /* the most that a sysctl or a socket option holds */
#define EVENT_TUNNEL_OPT 255u

/* Actions of sk_skb, sk_msg and reuseport programs, of redirections. */
enum event_target {
	TARGET_NONE,
	TARGET_DEVICE, /* ifindex */
	TARGET_PEER,   /* ... its peer in another namespace */
	TARGET_NEIGH,  /* ... to this neighbour */
	TARGET_MAP,    /* the object in a map's slot */
};

struct helper_event {
	/* Sockets */
	struct model_end *sk;	     /* of the packet, message or call */
	struct model_end *assigned;  /* by bpf_sk_assign() */
	struct model_end *selected;  /* from a map: reuseport, sk_redirect, msg_redirect */
	struct model_addr bind_addr; /* bpf_bind() asked for it */
	uint16_t bind_port;
	/* Packets */
	struct bpf_tunnel_key rx_tunnel, tx_tunnel;
	bool has_rx_tunnel, has_tx_tunnel;
	uint8_t rx_opt[EVENT_TUNNEL_OPT], tx_opt[EVENT_TUNNEL_OPT];
	uint32_t rx_opt_len, tx_opt_len;
	uint32_t realm, classid;
	bool csum_complete,
		csum_checked; /* the device gave a sum; it said that the packet is good */
	uint32_t csum, csum_level;
	enum event_target target;
	uint32_t ifindex;
	uint64_t target_flags;
	struct bpf_redir_neigh neigh;
	uint32_t clones; /* that bpf_clone_redirect() made: the host sends them, when it has a clone() */
	void (*clone)(void *ctx, const void *data, uint64_t len, uint32_t ifindex, uint64_t flags);
	void *clone_ctx;
	/* Metadata of the device (XDP) */
	bool has_rx_time, has_rx_hash, has_rx_vlan;
	uint64_t rx_time;
	uint32_t rx_hash, rx_hash_type;
	uint16_t rx_vlan_proto, rx_vlan_tci;
	/* Messages of sk_msg: a buffer with room */
	uint8_t *msg;
	uint32_t msg_len, msg_room, msg_apply, msg_cork;
	/* TCP header options of sock_ops: those of the packet, those that the program writes */
	const uint8_t *hdr_opts;
	uint32_t hdr_opts_len, hdr_reserved, hdr_written;
	uint8_t hdr_out[40];
	/* Cgroups: what the call will return; sysctl */
	int32_t retval;
	bool retval_set;
	const char *sysctl_name;      /* "net/ipv4/ip_forward" */
	const char *sysctl_value;     /* NULL: it cannot be read */
	char sysctl_new[EVENT_VALUE]; /* what is written, and what the program makes of it */
	bool sysctl_writes, sysctl_changed;
	/* Tracing */
	const struct model_pt_regs *regs; /* of the thread in user space */
	const uint64_t *args; /* of the traced function, nargs of them, then its result */
	uint32_t nargs;
	bool has_ret;
	uint64_t func_ip, cookie;
	bool session_return;
	uint64_t *session_cookie;
	bool overridden; /* by bpf_override_return(): what the function returns instead */
	uint64_t override_value;
	uint64_t counter, enabled, running; /* of the perf event */
	struct model_seq *seq;		    /* the output of an iterator */
	uint32_t bprm_flags;
	uint32_t attach_type; /* enum spec_attach_type: of the program, for storage of cgroups */
	char sun_path[108];   /* bpf_sock_addr_set_sun_path() asked for it */
	uint32_t sun_path_len;
};

/* The output of an iterator: what is written beyond `room` is lost, and counted. */
struct model_seq {
	struct model_seq_file file;
	char *bytes;
	uint64_t len, room, lost;
};

#endif
