// SPDX-License-Identifier: Apache-2.0
/*
 * Where packets go: look-ups in the model's routes and neighbours, MTUs, redirections, copies (bpf-helpers(7)). A redirection
 * is noted in the event; the host that runs the program acts on it.
 */
#include <arpa/inet.h>
#include <net/if.h>

#include "helper/packet.h"

#define TC_SHOT 2u
#define TC_REDIRECT 7u
#define FIB_SRC (1u << 4)
#define FIB_MARK (1u << 5)
/* headers of 6.1 do not have these */
#define FIB_SKIP_NEIGH (1u << 2)
#define FIB_TBID (1u << 3)
#define FIB_NO_SRC 9

static uint32_t device_of(struct exec_run *run)
{
	const struct ctx_skb *skb = run->ctx_backing;
	const uint8_t *data;
	uint64_t len;

	switch (packet_of(run, &data, &len)) {
	case PACKET_XDP:
		return ((const struct ctx_xdp *)run->ctx_backing)->ingress_ifindex;
	case PACKET_SKB:
		return skb->ifindex;
	case PACKET_NONE:
		break;
	}
	return 0;
}

static uint64_t packet_len(struct exec_run *run)
{
	const uint8_t *data;
	uint64_t len = 0;

	packet_of(run, &data, &len);
	return len;
}

/* Fills in the next hop, the MACs and the device. */
static int next_hop(struct model *m, const struct model_route *r, const struct model_addr *to,
		    struct bpf_fib_lookup *p, uint32_t flags)
{
	const struct model_addr *via = r->gateway.family ? &r->gateway : to;
	const struct model_dev *out = model_dev(m, r->ifindex);
	uint32_t mtu = r->mtu;

	if (!out)
		return -ENODEV;
	p->ifindex = r->ifindex;
	p->rt_metric = r->metric;
	if (r->gateway.family) {
		p->family = via->family;
		memcpy(p->ipv6_dst, via->bytes, via->family == AF_INET ? 4 : 16);
	}
	if (!mtu || (out->dev.mtu && out->dev.mtu < mtu))
		mtu = out->dev.mtu;
	if (p->tot_len && mtu && p->tot_len > mtu) {
		p->mtu_result = (uint16_t)mtu;
		return BPF_FIB_LKUP_RET_FRAG_NEEDED;
	}
	p->mtu_result = (uint16_t)mtu;
	if (flags & FIB_SRC) {
		if (!r->source.family)
			return FIB_NO_SRC;
		memcpy(p->ipv6_src, r->source.bytes, r->source.family == AF_INET ? 4 : 16);
	}
	p->h_vlan_proto = p->h_vlan_TCI = 0;
	if (flags & FIB_SKIP_NEIGH)
		return BPF_FIB_LKUP_RET_SUCCESS;
	if (!model_neigh_find(m, via, r->ifindex, p->dmac))
		return BPF_FIB_LKUP_RET_NO_NEIGH;
	memcpy(p->smac, out->mac, sizeof(p->smac));
	return BPF_FIB_LKUP_RET_SUCCESS;
}

static int lookup(struct model *m, struct bpf_fib_lookup *p, uint32_t flags)
{
	struct model_addr to = { .family = p->family };
	const struct model_dev *in = model_dev(m, p->ifindex);
	struct model_route r;
	uint32_t table = 0;

	if (!in)
		return -ENODEV;
	if (!(flags & BPF_FIB_LOOKUP_OUTPUT) && !in->forwards)
		return BPF_FIB_LKUP_RET_FWD_DISABLED;
	if (flags & FIB_TBID && flags & BPF_FIB_LOOKUP_DIRECT)
		memcpy(&table, &p->h_vlan_proto, sizeof(table));
	memcpy(to.bytes, p->ipv6_dst, p->family == AF_INET ? 4 : 16);
	if (!model_route_find(m, &to, table, &r))
		return BPF_FIB_LKUP_RET_NOT_FWDED;
	switch (r.type) {
	case ROUTE_BLACKHOLE:
		return BPF_FIB_LKUP_RET_BLACKHOLE;
	case ROUTE_UNREACHABLE:
		return BPF_FIB_LKUP_RET_UNREACHABLE;
	case ROUTE_PROHIBIT:
		return BPF_FIB_LKUP_RET_PROHIBIT;
	case ROUTE_LOCAL:
		return BPF_FIB_LKUP_RET_NOT_FWDED;
	case ROUTE_UNICAST:
		break;
	}
	return next_hop(m, &r, &to, p, flags);
}

BODY(fib_lookup)
{
	const uint32_t known = BPF_FIB_LOOKUP_DIRECT | BPF_FIB_LOOKUP_OUTPUT | FIB_SKIP_NEIGH |
			       FIB_TBID | FIB_SRC | FIB_MARK;
	struct bpf_fib_lookup *p = pointer(a2);
	struct model *m;

	if ((uint32_t)a3 < sizeof(*p) || (uint32_t)a4 & ~known)
		return fail(EINVAL);
	if (p->family != AF_INET && p->family != AF_INET6)
		return fail(EAFNOSUPPORT);
	m = world(run);
	return m ? result(lookup(m, p, (uint32_t)a4)) : 0;
}

BODY(check_mtu)
{
	const uint8_t *data;
	uint64_t len = 0;
	bool xdp = packet_of(run, &data, &len) == PACKET_XDP;
	uint32_t ifindex = (uint32_t)a2 ? (uint32_t)a2 : device_of(run), mtu, limit,
		 *io = pointer(a3);
	const struct model_dev *dev;
	int64_t total;

	if (a5 & ~(uint64_t)(xdp ? 0 : BPF_MTU_CHK_SEGS))
		return fail(EINVAL);
	if (a5 & BPF_MTU_CHK_SEGS && ((int32_t)a4 || *io))
		return fail(EINVAL);
	if (!world(run))
		return 0;
	dev = model_dev(run->model, ifindex);
	if (!dev)
		return fail(ENODEV);
	mtu = dev->dev.mtu;
	limit = mtu + ETH_LEN;
	total = (int64_t)(*io ? *io + ETH_LEN : packet_len(run)) + (int32_t)a4;
	*io = mtu;
	return total <= (int64_t)limit ? BPF_MTU_CHK_RET_SUCCESS : BPF_MTU_CHK_RET_FRAG_NEEDED;
}

static uint64_t redirect_to(struct exec_run *run, enum event_target target, uint32_t ifindex)
{
	struct helper_event *e = event_of(run);

	if (!e)
		return 0;
	e->target = target;
	e->ifindex = ifindex;
	if (run->host && run->host->redirect)
		run->host->redirect(run->host_ctx, ifindex, 0);
	return TC_REDIRECT;
}

BODY(redirect_peer)
{
	return a2 ? TC_SHOT : redirect_to(run, TARGET_PEER, (uint32_t)a1);
}

BODY(redirect_neigh)
{
	uint64_t r;

	if (a4 || ((uint32_t)a3 && (uint32_t)a3 < sizeof(struct bpf_redir_neigh)))
		return TC_SHOT;
	r = redirect_to(run, TARGET_NEIGH, (uint32_t)a1);
	if (r && (uint32_t)a3)
		memcpy(&((struct helper_event *)run->event)->neigh, pointer(a2),
		       sizeof(struct bpf_redir_neigh));
	return r;
}

BODY(clone_redirect)
{
	struct ctx_skb *skb = skb_of(run);
	struct helper_event *e = event_of(run);
	struct model *m = world(run);

	if (!skb || !e || !m)
		return 0;
	if (a3 & ~(uint64_t)BPF_F_INGRESS || !model_dev(m, (uint32_t)a2))
		return fail(EINVAL);
	e->clones++;
	if (e->clone)
		e->clone(e->clone_ctx, pointer(skb->data), skb->len, (uint32_t)a2, a3);
	return 0;
}

BODY(get_route_realm)
{
	const struct helper_event *e = run->event;

	return e ? e->realm : 0;
}
