// SPDX-License-Identifier: Apache-2.0
/*
 * Devices, routes and neighbours. What hosts add is all there is; without it the namespace's own tables are read once, from
 * /proc/net (proc(5)): devices as programs name them, IPv4 and IPv6 routes, the ARP table. A route is chosen by the longest
 * prefix, then by the smallest metric.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/net_internal.h"

int net_init(struct model *m)
{
	m->net = calloc(1, sizeof(*m->net));
	if (!m->net)
		return -ENOMEM;
	if (getrandom(m->net->secret, sizeof(m->net->secret), GRND_NONBLOCK) < 0)
		memcpy(m->net->secret, &m, sizeof(m));
	return 0;
}

void net_done(struct model *m)
{
	if (!m->net)
		return;
	free(m->net->routes);
	free(m->net->neighs);
	free(m->net);
}

const uint8_t *model_secret(struct model *m)
{
	return m->net->secret;
}

struct model_net *model_netns(struct model *m)
{
	struct stat st;

	model_lock(m);
	if (!m->net->ns) {
		m->net->ns = model_alloc(m, MODEL_NET, sizeof(*m->net->ns), 0);
		if (m->net->ns && stat("/proc/self/ns/net", &st) == 0)
			m->net->ns->ns.inum = (uint32_t)st.st_ino;
		if (m->net->ns)
			m->net->ns->net_cookie = m->net->ns->ns.inum ? m->net->ns->ns.inum : 1;
	}
	model_unlock(m);
	return m->net->ns;
}

static int push(void **list, uint32_t *n, const void *item, size_t size)
{
	void *more = *n & (*n - 1) ? *list : realloc(*list, (*n ? *n * 2 : 1) * size);

	if (!more)
		return -ENOMEM;
	*list = more;
	memcpy((uint8_t *)more + *n * size, item, size);
	++*n;
	return 0;
}

int model_route_add(struct model *m, const struct model_route *r)
{
	int ret;

	model_lock(m);
	m->net->own = true;
	ret = push((void **)&m->net->routes, &m->net->nroutes, r, sizeof(*r));
	model_unlock(m);
	return ret;
}

int model_neigh_add(struct model *m, const struct model_neigh *n)
{
	int ret;

	model_lock(m);
	m->net->own = true;
	ret = push((void **)&m->net->neighs, &m->net->nneighs, n, sizeof(*n));
	model_unlock(m);
	return ret;
}

static struct model_dev *dev_make(struct model *m, const char *name, uint32_t ifindex)
{
	struct model_dev *d = model_alloc(m, MODEL_DEVICE, sizeof(*d), 0);

	if (!d)
		return NULL;
	snprintf(d->dev.name, sizeof(d->dev.name), "%.15s", name);
	d->dev.ifindex = (int32_t)ifindex;
	d->dev.nd_net.net = model_netns(m);
	index_add(&m->net->devs, ifindex, d);
	return d;
}

int model_dev_add(struct model *m, const char *name, uint32_t ifindex, uint32_t mtu,
		  const uint8_t mac[6], bool forwards)
{
	struct model_dev *d;

	model_lock(m);
	m->net->own = true;
	d = dev_make(m, name, ifindex);
	if (d) {
		d->dev.mtu = mtu;
		d->dev.flags = IFF_UP;
		memcpy(d->mac, mac, sizeof(d->mac));
		d->forwards = forwards;
	}
	model_unlock(m);
	return d ? 0 : -ENOMEM;
}

/* The namespace's device, by what its ioctls say (netdevice(7)). */
static struct model_dev *dev_read(struct model *m, uint32_t ifindex)
{
	struct ifreq req = { 0 };
	char text[16], path[96];
	struct model_dev *d;
	int fd;

	if (!if_indextoname(ifindex, req.ifr_name))
		return NULL;
	d = dev_make(m, req.ifr_name, ifindex);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (!d || fd < 0)
		return d;
	if (ioctl(fd, SIOCGIFMTU, &req) == 0)
		d->dev.mtu = (uint32_t)req.ifr_mtu;
	if (ioctl(fd, SIOCGIFFLAGS, &req) == 0)
		d->dev.flags = (uint16_t)req.ifr_flags;
	if (ioctl(fd, SIOCGIFHWADDR, &req) == 0) {
		d->dev.type = req.ifr_hwaddr.sa_family;
		memcpy(d->mac, req.ifr_hwaddr.sa_data, sizeof(d->mac));
	}
	close(fd);
	snprintf(path, sizeof(path), "sys/net/ipv4/conf/%s/forwarding", d->dev.name);
	d->forwards = proc_read(0, path, text, sizeof(text)) > 0 && text[0] == '1';
	return d;
}

struct model_dev *model_dev(struct model *m, uint32_t ifindex)
{
	struct model_dev *d;

	model_lock(m);
	d = index_find(&m->net->devs, ifindex);
	if (!d && !m->net->own)
		d = dev_read(m, ifindex);
	model_unlock(m);
	return d;
}

/* Reading /proc/net ----------------------------------------------------------------------------------- */

static uint32_t mask_bits(uint32_t mask)
{
	return (uint32_t)__builtin_popcount(mask);
}

static void read_route4(struct net *net, const char *line)
{
	uint32_t dst, gw, flags, mask, metric, mtu;
	struct model_route r = { .table = 254 };
	char name[32];

	if (sscanf(line, "%31s %x %x %x %*s %*s %u %x %u", name, &dst, &gw, &flags, &metric, &mask,
		   &mtu) < 6)
		return;
	r.to.family = AF_INET;
	memcpy(r.to.bytes, &dst, 4);
	if (gw) {
		r.gateway.family = AF_INET;
		memcpy(r.gateway.bytes, &gw, 4);
	}
	if (flags & 0x200) /* RTF_REJECT */
		r.type = ROUTE_UNREACHABLE;
	r.prefix = mask_bits(mask);
	r.ifindex = if_nametoindex(name);
	r.metric = metric;
	push((void **)&net->routes, &net->nroutes, &r, sizeof(r));
}

static bool hex_addr(const char *text, uint8_t out[16])
{
	for (int i = 0; i < 16; i++) {
		unsigned int byte;

		if (sscanf(text + (ptrdiff_t)i * 2, "%2x", &byte) != 1)
			return false;
		out[i] = (uint8_t)byte;
	}
	return true;
}

static void read_route6(struct net *net, const char *line)
{
	static const uint8_t none[16];
	char dst[33], gw[33], name[32];
	struct model_route r = { .table = 254 };
	uint32_t prefix, metric, flags;

	if (sscanf(line, "%32s %x %*s %*s %32s %x %*s %*s %x %31s", dst, &prefix, gw, &metric,
		   &flags, name) != 6)
		return;
	r.to.family = AF_INET6;
	if (!hex_addr(dst, r.to.bytes) || !hex_addr(gw, r.gateway.bytes))
		return;
	r.gateway.family = memcmp(r.gateway.bytes, none, 16) ? AF_INET6 : 0;
	if (flags & 0x200)
		r.type = ROUTE_UNREACHABLE;
	else if (flags & 0x80000000u) /* RTF_LOCAL */
		r.type = ROUTE_LOCAL;
	r.prefix = prefix;
	r.ifindex = if_nametoindex(name);
	r.metric = metric;
	push((void **)&net->routes, &net->nroutes, &r, sizeof(r));
}

static void read_arp(struct net *net, const char *line)
{
	struct model_neigh n = { .addr.family = AF_INET };
	char addr[64], mac[32], name[32];
	unsigned int b[6];

	if (sscanf(line, "%63s %*s %*s %31s %*s %31s", addr, mac, name) != 3 ||
	    inet_pton(AF_INET, addr, n.addr.bytes) != 1 ||
	    sscanf(mac, "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6)
		return;
	for (int i = 0; i < 6; i++)
		n.mac[i] = (uint8_t)b[i];
	n.ifindex = if_nametoindex(name);
	push((void **)&net->neighs, &net->nneighs, &n, sizeof(n));
}

static void read_table(struct net *net, const char *name, void (*row)(struct net *, const char *))
{
	char *text = malloc(1 << 20), *line, *save = NULL;

	if (text && proc_read(0, name, text, 1 << 20) > 0)
		for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
			row(net, line);
	free(text);
}

static void read_all(struct net *net)
{
	if (net->own || net->read)
		return;
	net->read = true;
	read_table(net, "net/route", read_route4);
	read_table(net, "net/ipv6_route", read_route6);
	read_table(net, "net/arp", read_arp);
}

/* Looking up --------------------------------------------------------------------------------------------- */

static bool has_prefix(const struct model_addr *a, const struct model_addr *net, uint32_t bits)
{
	uint32_t bytes = bits / 8;
	uint8_t mask = (uint8_t)(0xff00u >> bits % 8);

	return a->family == net->family && bits <= 128 && !memcmp(a->bytes, net->bytes, bytes) &&
	       (!(bits % 8) || !((a->bytes[bytes] ^ net->bytes[bytes]) & mask));
}

bool model_route_find(struct model *m, const struct model_addr *to, uint32_t table,
		      struct model_route *ret)
{
	const struct model_route *best = NULL;

	model_lock(m);
	read_all(m->net);
	for (uint32_t i = 0; i < m->net->nroutes; i++) {
		const struct model_route *r = &m->net->routes[i];

		if ((table && r->table != table) || !has_prefix(to, &r->to, r->prefix))
			continue;
		if (!best || r->prefix > best->prefix ||
		    (r->prefix == best->prefix && r->metric < best->metric))
			best = r;
	}
	if (best)
		*ret = *best;
	model_unlock(m);
	return best;
}

bool model_neigh_find(struct model *m, const struct model_addr *addr, uint32_t ifindex,
		      uint8_t ret_mac[6])
{
	bool found = false;

	model_lock(m);
	read_all(m->net);
	for (uint32_t i = 0; i < m->net->nneighs && !found; i++) {
		const struct model_neigh *n = &m->net->neighs[i];

		found = n->ifindex == ifindex && n->addr.family == addr->family &&
			!memcmp(n->addr.bytes, addr->bytes, sizeof(addr->bytes));
		if (found)
			memcpy(ret_mac, n->mac, 6);
	}
	model_unlock(m);
	return found;
}
