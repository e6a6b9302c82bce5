/* SPDX-License-Identifier: Apache-2.0 */
/* What bodies on packets share: the packet of a __sk_buff, and of an xdp_md. */
#ifndef HELPER_PACKET_H
#define HELPER_PACKET_H

#include "helper/internal.h"

#define ETH_LEN 14u
#define PROTO_IPV4 0x0800
#define PROTO_IPV6 0x86dd
/* Flags that are younger than the UAPI headers that this is built with. */
#define F_IPV6 0x80ull
#define F_DECAP_IPV4 0x80ull
#define F_DECAP_L3 0x180ull
#define F_NO_TUNNEL_KEY 16ull

/* The packet of the run; NULL: it has none of the kind, and ends. */
struct ctx_skb *skb_of(struct exec_run *run);
struct ctx_xdp *xdp_of(struct exec_run *run);
/* After the ends moved. */
void skb_moved(struct exec_run *run, struct ctx_skb *skb);
/* [off, off + len) of the packet, or NULL. */
uint8_t *skb_bytes(const struct ctx_skb *skb, uint64_t off, uint64_t len);
/* @n zeroes at @off, at the cost of the room before the packet; false: there is too little. */
bool skb_insert(struct exec_run *run, struct ctx_skb *skb, uint32_t off, uint32_t n);
void skb_remove(struct exec_run *run, struct ctx_skb *skb, uint32_t off, uint32_t n);

#endif
