// SPDX-License-Identifier: Apache-2.0
/*
 * SYN cookies (RFC 4987 section 3.6, bpf-helpers(7)): a sequence number that holds a keyed hash of the connection's ends, a minute and an
 * index of the MSS, so that a listener needs no memory for who has only begun. The hash is SipHash-2-4 (Aumasson and
 * Bernstein, 2012) with the model's secret: cookies are good where they were made, and nowhere else.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <time.h>

#include "helper/internal.h"

#define LISTEN 10u
#define MAX_AGE 2u
#define MINUTE 60
#define MSS_BITS 2u

static const uint16_t mss4[] = { 536, 1300, 1440, 1460 };
static const uint16_t mss6[] = { 1220, 1420, 1440, 8940 };

/* What the cookie speaks for. */
struct flow {
	uint8_t saddr[16], daddr[16];
	uint16_t sport, dport;
	uint32_t seq;
};

static uint64_t rotate(uint64_t v, int n)
{
	return v << n | v >> (64 - n);
}

static void mix(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

static uint64_t siphash(const uint8_t key[16], const void *data, size_t len)
{
	const uint8_t *at = data;
	uint64_t k[2], last = (uint64_t)len << 56, word;
	uint64_t v[4] = { 0x736f6d6570736575ull, 0x646f72616e646f6dull, 0x6c7967656e657261ull,
			  0x7465646279746573ull };

	memcpy(k, key, sizeof(k));
	for (int i = 0; i < 4; i++)
		v[i] ^= k[i & 1];
	for (; len >= 8; len -= 8, at += 8) {
		memcpy(&word, at, 8);
		v[3] ^= word;
		mix(v);
		mix(v);
		v[0] ^= word;
	}
	for (size_t i = 0; i < len; i++)
		last |= (uint64_t)at[i] << 8 * i;
	v[3] ^= last;
	mix(v);
	mix(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		mix(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint32_t minute(void)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)(now.tv_sec / MINUTE);
}

/* 24 bits of hash, 6 of the minute, 2 of the MSS; the number of the client's SYN is added. */
static uint32_t make(struct model *m, const struct flow *f, uint32_t when, uint32_t mss)
{
	struct {
		struct flow flow;
		uint32_t when, mss;
	} in = { *f, when, mss };
	uint32_t cookie = (uint32_t)siphash(model_secret(m), &in, sizeof(in)) & 0xffffff;

	return (cookie | (when & 63) << 24 | mss << 30) + f->seq;
}

static int check(struct model *m, const struct flow *f, uint32_t cookie)
{
	uint32_t now = minute(), bits = cookie - f->seq;

	for (uint32_t age = 0; age <= MAX_AGE && age <= now; age++)
		if (((now - age) & 63) == (bits >> 24 & 63) &&
		    make(m, f, now - age, bits >> 30) == cookie)
			return (int)(bits >> 30);
	return -ENOENT;
}

static bool flow_of(const uint8_t *ip, uint32_t ip_len, const uint8_t *tcp, struct flow *f)
{
	*f = (struct flow){ 0 };
	if (ip_len >= 20 && ip[0] >> 4 == 4) {
		memcpy(f->saddr, ip + 12, 4);
		memcpy(f->daddr, ip + 16, 4);
	} else if (ip_len >= 40 && ip[0] >> 4 == 6) {
		memcpy(f->saddr, ip + 8, 16);
		memcpy(f->daddr, ip + 24, 16);
	} else {
		return false;
	}
	memcpy(&f->sport, tcp, 2);
	memcpy(&f->dport, tcp + 2, 2);
	memcpy(&f->seq, tcp + 4, 4);
	f->seq = ntohl(f->seq);
	return true;
}

/* The MSS option of a SYN; 0: it has none. */
static uint32_t mss_of(const uint8_t *tcp, uint32_t len)
{
	for (uint32_t i = 20; i < len && tcp[i];) {
		if (tcp[i] == 1) {
			i++;
			continue;
		}
		if (i + 1 >= len || tcp[i + 1] < 2 || tcp[i + 1] > len - i)
			break;
		if (tcp[i] == 2 && tcp[i + 1] == 4)
			return (uint32_t)tcp[i + 2] << 8 | tcp[i + 3];
		i += tcp[i + 1];
	}
	return 0;
}

static uint32_t index_of(bool v6, uint32_t mss)
{
	const uint16_t *table = v6 ? mss6 : mss4;
	uint32_t i = ARRAY_SIZE(mss4) - 1;

	while (i && table[i] > mss)
		i--;
	return i;
}

#define TCP_FLAGS(tcp) ((tcp)[13])
#define SYN 2u
#define RST 4u
#define ACK 16u
#define FIN 1u

/* Cookie and MSS as the helpers return them. */
static uint64_t answer(struct model *m, const struct flow *f, bool v6, uint32_t mss)
{
	uint32_t i = index_of(v6, mss);

	return make(m, f, minute(), i) | (uint64_t)(v6 ? mss6 : mss4)[i] << 32;
}

/* -errno, or 0 and the flow of a segment to a socket that listens. */
static int segment(struct exec_run *run, const char *name, const uint64_t a[5], struct flow *f)
{
	const struct model_end *s = socket_of(run, a[0]);
	const uint8_t *tcp = pointer(a[3]);

	if (!s) {
		no_object(run, name, "socket", a[0]);
		return -EINVAL;
	}
	if ((uint32_t)a[4] < 20 || s->uapi.protocol != IPPROTO_TCP || s->uapi.state != LISTEN)
		return -EINVAL;
	if ((uint32_t)a[2] < 20)
		return -EINVAL;
	return flow_of(pointer(a[1]), (uint32_t)a[2], tcp, f) ? 0 : -EPROTONOSUPPORT;
}

BODY(tcp_gen_syncookie)
{
	const uint8_t *tcp = pointer(a4);
	struct flow f;
	int r = segment(run, "bpf_tcp_gen_syncookie", (uint64_t[]){ a1, a2, a3, a4, a5 }, &f);

	if (r < 0)
		return result(r);
	if ((uint32_t)a5 != (uint32_t)(tcp[12] >> 4) * 4)
		return fail(EINVAL);
	if (!(TCP_FLAGS(tcp) & SYN) || TCP_FLAGS(tcp) & (ACK | FIN | RST))
		return fail(ENOENT);
	return answer(run->model, &f, *(const uint8_t *)pointer(a2) >> 4 == 6,
		      mss_of(tcp, (uint32_t)a5));
}

BODY(tcp_check_syncookie)
{
	const uint8_t *tcp = pointer(a4);
	uint32_t ack;
	struct flow f;
	int r = segment(run, "bpf_tcp_check_syncookie", (uint64_t[]){ a1, a2, a3, a4, a5 }, &f);

	if (r < 0)
		return result(r);
	if (!(TCP_FLAGS(tcp) & ACK) || TCP_FLAGS(tcp) & (RST | SYN))
		return fail(ENOENT);
	memcpy(&ack, tcp + 8, 4);
	f.seq--;
	return check(run->model, &f, ntohl(ack) - 1) < 0 ? fail(ENOENT) : 0;
}

static uint64_t raw_gen(struct exec_run *run, uint64_t ip, uint32_t ip_len, uint64_t th,
			uint32_t len)
{
	const uint8_t *tcp = pointer(th);
	struct model *m = world(run);
	struct flow f;
	uint32_t mss;

	if (!m || len < 20 || len != (uint32_t)(tcp[12] >> 4) * 4 ||
	    !flow_of(pointer(ip), ip_len, tcp, &f))
		return fail(EINVAL);
	mss = mss_of(tcp, len);
	return answer(m, &f, ip_len == 40, mss ? mss : ip_len == 40 ? 1220 : 536);
}

BODY(tcp_raw_gen_syncookie_ipv4)
{
	return raw_gen(run, a1, 20, a2, (uint32_t)a3);
}

BODY(tcp_raw_gen_syncookie_ipv6)
{
	return raw_gen(run, a1, 40, a2, (uint32_t)a3);
}

static uint64_t raw_check(struct exec_run *run, uint64_t ip, uint32_t ip_len, uint64_t th)
{
	const uint8_t *tcp = pointer(th);
	struct model *m = world(run);
	struct flow f;
	uint32_t ack;

	if (!m || !flow_of(pointer(ip), ip_len, tcp, &f))
		return fail(EACCES);
	memcpy(&ack, tcp + 8, 4);
	f.seq--;
	return check(m, &f, ntohl(ack) - 1) < 0 ? fail(EACCES) : 0;
}

BODY(tcp_raw_check_syncookie_ipv4)
{
	return raw_check(run, a1, 20, a2);
}

BODY(tcp_raw_check_syncookie_ipv6)
{
	return raw_check(run, a1, 40, a2);
}
