// SPDX-License-Identifier: Apache-2.0
/*
 * Keys and options of tunnels (bpf-helpers(7)): those that the packet came with, which the host knows, and those that it is
 * to be sent with, which the program sets. A key may be as short as older headers had it.
 */
#include "helper/packet.h"

static bool key_size_fits(uint32_t size)
{
	return size == sizeof(struct bpf_tunnel_key) ||
	       size == offsetof(struct bpf_tunnel_key, local_ipv6) ||
	       size == offsetof(struct bpf_tunnel_key, tunnel_label) ||
	       size == offsetof(struct bpf_tunnel_key, tunnel_ext) ||
	       size == offsetof(struct bpf_tunnel_key, remote_ipv6[1]);
}

BODY(skb_get_tunnel_key)
{
	const struct helper_event *e = run->event;
	uint32_t size = (uint32_t)a3;
	uint64_t r = 0;

	if (!skb_of(run))
		return 0;
	if (!e || !e->has_rx_tunnel || a4 & ~(uint64_t)(BPF_F_TUNINFO_IPV6 | BPF_F_TUNINFO_FLAGS))
		r = fail(EINVAL);
	else if (!key_size_fits(size))
		r = fail(EINVAL);
	else if ((e->rx_tunnel.tunnel_ext & 1) != (a4 & BPF_F_TUNINFO_IPV6))
		r = fail(EPROTO);
	memset(pointer(a2), 0, size);
	if (!r)
		memcpy(pointer(a2), &e->rx_tunnel, size);
	return r;
}

BODY(skb_set_tunnel_key)
{
	const uint64_t known = BPF_F_TUNINFO_IPV6 | BPF_F_ZERO_CSUM_TX | BPF_F_DONT_FRAGMENT |
			       BPF_F_SEQ_NUMBER | F_NO_TUNNEL_KEY;
	struct helper_event *e = event_of(run);
	struct bpf_tunnel_key key = { 0 };

	if (!e || !skb_of(run))
		return 0;
	if (a4 & ~known || !key_size_fits((uint32_t)a3))
		return fail(EINVAL);
	memcpy(&key, pointer(a2), (uint32_t)a3);
	if ((!(a4 & BPF_F_TUNINFO_IPV6) && key.tunnel_label) || key.tunnel_ext)
		return fail(EINVAL);
	e->tx_tunnel = key;
	e->tx_opt_len = 0;
	e->has_tx_tunnel = true;
	return 0;
}

BODY(skb_get_tunnel_opt)
{
	const struct helper_event *e = run->event;

	if (!skb_of(run))
		return 0;
	memset(pointer(a2), 0, (uint32_t)a3);
	if (!e || !e->has_rx_tunnel || !e->rx_opt_len)
		return fail(ENOENT);
	if ((uint32_t)a3 < e->rx_opt_len)
		return fail(ENOMEM);
	memcpy(pointer(a2), e->rx_opt, e->rx_opt_len);
	return e->rx_opt_len;
}

BODY(skb_set_tunnel_opt)
{
	struct helper_event *e = event_of(run);

	if (!e || !skb_of(run))
		return 0;
	if (!e->has_tx_tunnel || a3 & 3)
		return fail(EINVAL);
	if ((uint32_t)a3 > EVENT_TUNNEL_OPT)
		return fail(ENOMEM);
	memcpy(e->tx_opt, pointer(a2), (uint32_t)a3);
	e->tx_opt_len = (uint32_t)a3;
	return 0;
}
