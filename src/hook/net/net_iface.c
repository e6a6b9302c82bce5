// SPDX-License-Identifier: Apache-2.0
/*
 * Packets of a network interface, through a packet socket (packet(7)). The socket is bound only
 * when it is all set up, so it never holds packets of other interfaces. Packets are read many at a
 * time, each with room before it for the VLAN tag that the kernel keeps beside the data: a record
 * has it where it was on the wire. The interface is not made promiscuous.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "hook/net/internal.h"

#define BATCH 32
#define SLOT_ROOM 64 /* before the packet; a tag needs 4 */
#define SLOT_DATA (65536 + 64)
#define SLOT_SIZE (SLOT_ROOM + SLOT_DATA)
#define RECEIVE_BUFFER (8 * 1024 * 1024)

/* linux/if_arp.h, which does not go with net/if.h */
#ifndef ARPHRD_RAWIP
#define ARPHRD_RAWIP 519
#endif
#ifndef ARPHRD_NONE
#define ARPHRD_NONE 0xfffe
#endif

union control {
	char bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata)) + CMSG_SPACE(sizeof(struct timespec))];
	struct cmsghdr align;
};

struct iface_input {
	struct net_input in;
	int fd;
	uint32_t ifindex;
	bool outgoing;
	uint64_t dropped;
	uint8_t *mem; /* BATCH slots */
	unsigned int got, used;
	struct mmsghdr msgs[BATCH];
	struct iovec iovs[BATCH];
	struct sockaddr_ll addrs[BATCH];
	union control controls[BATCH];
};

/* What the kernel tells beside the bytes. */
struct beside {
	bool tagged;
	uint16_t tci, tpid;
	uint32_t len;
	uint64_t sec, nsec;
};

static struct beside read_control(const struct mmsghdr *m)
{
	struct beside b = { .len = m->msg_len };
	struct msghdr *h = (struct msghdr *)&m->msg_hdr;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		struct tpacket_auxdata aux;
		struct timespec ts;

		if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA &&
		    c->cmsg_len >= CMSG_LEN(sizeof(aux))) {
			memcpy(&aux, CMSG_DATA(c), sizeof(aux));
			b.len = aux.tp_len;
			b.tagged = aux.tp_status & TP_STATUS_VLAN_VALID;
			b.tci = aux.tp_vlan_tci;
			b.tpid = aux.tp_status & TP_STATUS_VLAN_TPID_VALID ? aux.tp_vlan_tpid :
									     ETH_P_8021Q;
		} else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS &&
			   c->cmsg_len >= CMSG_LEN(sizeof(ts))) {
			memcpy(&ts, CMSG_DATA(c), sizeof(ts));
			b.sec = (uint64_t)ts.tv_sec;
			b.nsec = (uint64_t)ts.tv_nsec;
		}
	}
	return b;
}

static uint8_t *insert_tag(uint8_t *bytes, uint16_t tpid, uint16_t tci)
{
	const uint8_t tag[VLAN_SIZE] = { (uint8_t)(tpid >> 8), (uint8_t)tpid, (uint8_t)(tci >> 8),
					 (uint8_t)tci };

	memmove(bytes - VLAN_SIZE, bytes, ETH_ADDRS);
	memcpy(bytes - VLAN_SIZE + ETH_ADDRS, tag, sizeof(tag));
	return bytes - VLAN_SIZE;
}

static void fill_record(struct iface_input *p, unsigned int i, struct net_record *ret)
{
	const struct sockaddr_ll *from = &p->addrs[i];
	struct beside b = read_control(&p->msgs[i]);
	uint8_t *bytes = p->iovs[i].iov_base;
	uint32_t caplen = (uint32_t)num_min(p->msgs[i].msg_len, SLOT_DATA);

	if (b.len < caplen)
		b.len = caplen;
	if (b.tagged && p->in.linktype == DLT_EN10MB && caplen >= ETH_ADDRS) {
		bytes = insert_tag(bytes, b.tpid, b.tci);
		caplen += VLAN_SIZE;
		b.len += VLAN_SIZE;
	}
	*ret = (struct net_record){ .bytes = bytes,
				    .caplen = caplen,
				    .len = b.len,
				    .sec = b.sec,
				    .nsec = b.nsec,
				    .ifindex = p->ifindex,
				    .pkt_type = from->sll_pkttype,
				    .dir = from->sll_pkttype == PACKET_OUTGOING ? NET_OUT :
										  NET_IN };
}

/* 1: a batch; 0: the limit; -errno. */
static int receive(struct iface_input *p, struct skep_error **reterr)
{
	int n, r;

	for (;;) {
		for (unsigned int i = 0; i < BATCH; i++) {
			p->msgs[i].msg_hdr.msg_namelen = sizeof(p->addrs[i]);
			p->msgs[i].msg_hdr.msg_controllen = sizeof(p->controls[i]);
		}
		n = recvmmsg(p->fd, p->msgs, BATCH, MSG_DONTWAIT | MSG_TRUNC, NULL);
		if (n > 0) {
			p->got = (unsigned int)n;
			p->used = 0;
			return 1;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return net_fail_errno(reterr, &ERR_IFACE, p->in.name, errno, NULL);
		r = net_limit_wait(p->in.limit, p->fd);
		if (r < 0)
			return net_fail_errno(reterr, &ERR_IFACE, p->in.name, -r, NULL);
		if (r == 0)
			return 0;
	}
}

static int iface_next(struct net_input *in, struct net_record *ret, struct skep_error **reterr)
{
	struct iface_input *p = (struct iface_input *)in;

	for (;;) {
		while (p->used < p->got) {
			unsigned int i = p->used++;

			if (p->addrs[i].sll_pkttype == PACKET_OUTGOING && !p->outgoing)
				continue; /* a kernel without PACKET_IGNORE_OUTGOING */
			fill_record(p, i, ret);
			return 1;
		}
		int r = receive(p, reterr);

		if (r <= 0)
			return r;
	}
}

/* The kernel's counter starts anew with each look. */
static uint64_t iface_dropped(struct net_input *in)
{
	struct iface_input *p = (struct iface_input *)in;
	struct tpacket_stats st = { 0 };
	socklen_t len = sizeof(st);

	if (getsockopt(p->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len) == 0)
		p->dropped += st.tp_drops;
	return p->dropped;
}

static void iface_close(struct net_input *in)
{
	struct iface_input *p = (struct iface_input *)in;

	if (in->pcap)
		pcap_close(in->pcap);
	if (p->fd >= 0)
		close(p->fd);
	free(p->mem);
	free(p);
}

static const struct net_input_ops iface_ops = { .next = iface_next,
						.close = iface_close,
						.dropped = iface_dropped };

static int refuse_name(const char *name, struct skep_error **reterr)
{
	struct if_nameindex *all = if_nameindex();
	struct buf known;

	buf_init(&known);
	for (size_t i = 0; all && all[i].if_name && i < 16; i++)
		buf_printf(&known, "%s'%s'", i ? ", " : "", all[i].if_name);
	skep_fail(reterr, &ERR_NO_IFACE, SKEP_AT_FILE(name, 0), "'%s'", name);
	if (known.len)
		skep_known(reterr, "%s", buf_str(&known));
	buf_done(&known);
	if (all)
		if_freenameindex(all);
	return -ERR_NO_IFACE.code;
}

static int refuse_socket(const char *name, int e, struct skep_error **reterr)
{
	if (e != EPERM && e != EACCES)
		return net_fail_errno(reterr, &ERR_IFACE, name, e, NULL);
	net_fail_errno(reterr, &ERR_PERMISSION, name, e, NULL);
	skep_need(reterr, "CAP_NET_RAW in the network namespace of '%s'", name);
	skep_hint(reterr,
		  "run it as root, or `setcap cap_net_raw+ep` the command; or let tcpdump "
		  "capture: tcpdump -i %s -w - | skep run OBJECT --pcap -",
		  name);
	return -e;
}

/* The link type as libpcap numbers them, for interfaces that have a name there. */
static int link_of(struct iface_input *p, struct skep_error **reterr)
{
	struct ifreq req = { 0 };

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", p->in.name);
	if (ioctl(p->fd, SIOCGIFHWADDR, &req) < 0)
		return net_fail_errno(reterr, &ERR_IFACE, p->in.name, errno, NULL);
	switch (req.ifr_hwaddr.sa_family) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		p->in.linktype = DLT_EN10MB;
		return 0;
	case ARPHRD_NONE:
	case ARPHRD_RAWIP:
		p->in.linktype = DLT_RAW;
		return 0;
	default:
		break;
	}
	skep_fail(reterr, &ERR_LINKTYPE, SKEP_AT_FILE(p->in.name, 0), "interface of ARP type %u",
		  req.ifr_hwaddr.sa_family);
	skep_need(reterr, "Ethernet, loopback or raw IP");
	return -ERR_LINKTYPE.code;
}

static int set_up(struct iface_input *p, struct skep_error **reterr)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET,
				    .sll_protocol = htons(ETH_P_ALL),
				    .sll_ifindex = (int)p->ifindex };
	const int on = 1, size = RECEIVE_BUFFER;

	/* a larger buffer is welcome, not needed */
	if (setsockopt(p->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (!p->outgoing)
		setsockopt(p->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
	if (setsockopt(p->fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) < 0 ||
	    setsockopt(p->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ||
	    bind(p->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return net_fail_errno(reterr, &ERR_IFACE, p->in.name, errno, NULL);
	return 0;
}

static int prepare(struct iface_input *p, struct skep_error **reterr)
{
	p->mem = malloc((size_t)BATCH * SLOT_SIZE);
	p->in.pcap = pcap_open_dead(p->in.linktype, NET_SNAPLEN);
	if (!p->mem || !p->in.pcap)
		return skep_fail_nomem(reterr);
	for (size_t i = 0; i < BATCH; i++) {
		p->iovs[i] = (struct iovec){ p->mem + i * SLOT_SIZE + SLOT_ROOM, SLOT_DATA };
		p->msgs[i].msg_hdr = (struct msghdr){ .msg_name = &p->addrs[i],
						      .msg_iov = &p->iovs[i],
						      .msg_iovlen = 1,
						      .msg_control = &p->controls[i] };
	}
	return 0;
}

int net_iface_open(const char *name, bool outgoing, const struct net_limit *limit,
		   struct net_input **ret, struct skep_error **reterr)
{
	uint32_t ifindex = if_nametoindex(name);
	struct iface_input *p;
	int r;

	if (!ifindex)
		return refuse_name(name, reterr);
	p = calloc(1, sizeof(*p));
	if (!p)
		return skep_fail_nomem(reterr);
	p->in = (struct net_input){ .ops = &iface_ops, .name = name, .limit = limit, .nano = true };
	p->ifindex = ifindex;
	p->outgoing = outgoing;
	p->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	r = p->fd < 0 ? refuse_socket(name, errno, reterr) : link_of(p, reterr);
	if (r == 0)
		r = prepare(p, reterr);
	if (r == 0)
		r = set_up(p, reterr);
	if (r < 0) {
		iface_close(&p->in);
		return r;
	}
	*ret = &p->in;
	return 0;
}
