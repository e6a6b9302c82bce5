/* SPDX-License-Identifier: Apache-2.0 */
/* The network of the model, as network.c and sockets.c share it. */
#ifndef MODEL_NET_INTERNAL_H
#define MODEL_NET_INTERNAL_H

#include <errno.h>
#include <netinet/in.h>

#include "model/internal.h"

struct net {
	bool own;  /* hosts added something */
	bool read; /* /proc/net was */
	bool socks_own;
	uint64_t socks_read_at;
	struct index devs, conns;
	struct model_route *routes;
	struct model_neigh *neighs;
	uint32_t nroutes, nneighs;
	struct model_net *ns;
	uint64_t cookies;
	uint8_t secret[16];
};

#endif
