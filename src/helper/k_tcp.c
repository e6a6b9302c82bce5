// SPDX-License-Identifier: Apache-2.0
/*
 * What congestion controls in struct_ops share: Reno (RFC 5681) on the model's tcp_sock. Windows count segments.
 */
#include "helper/internal.h"

static struct model_tcp_sock *tcp_of(struct exec_run *run, const char *name, uint64_t addr)
{
	struct model_end *s = socket_of(run, addr);

	if (s && s->uapi.protocol == 6)
		return &s->tcp6.tcp;
	no_object(run, name, "tcp_sock", addr);
	return NULL;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* A segment for each that was acknowledged, up to the threshold; what is left of them. */
static uint32_t slow_start(struct model_tcp_sock *t, uint32_t acked)
{
	uint32_t to = smaller(t->snd_cwnd + acked, t->snd_ssthresh);

	if (to < t->snd_cwnd)
		to = t->snd_cwnd;
	acked -= to - t->snd_cwnd;
	t->snd_cwnd = smaller(to, t->snd_cwnd_clamp ? t->snd_cwnd_clamp : UINT32_MAX);
	return acked;
}

/* A segment for each window of @w that was acknowledged. */
static void avoid(struct model_tcp_sock *t, uint32_t w, uint32_t acked)
{
	uint32_t more;

	if (!w)
		return;
	if (t->snd_cwnd_cnt >= w) {
		t->snd_cwnd_cnt = 0;
		t->snd_cwnd++;
	}
	t->snd_cwnd_cnt += acked;
	if (t->snd_cwnd_cnt >= w) {
		more = t->snd_cwnd_cnt / w;
		t->snd_cwnd_cnt -= more * w;
		t->snd_cwnd += more;
	}
	t->snd_cwnd = smaller(t->snd_cwnd, t->snd_cwnd_clamp ? t->snd_cwnd_clamp : UINT32_MAX);
}

KBODY(tcp_slow_start)
{
	struct model_tcp_sock *t = tcp_of(run, "tcp_slow_start", a1);

	return t ? slow_start(t, (uint32_t)a2) : 0;
}

KBODY(tcp_cong_avoid_ai)
{
	struct model_tcp_sock *t = tcp_of(run, "tcp_cong_avoid_ai", a1);

	if (t)
		avoid(t, (uint32_t)a2, (uint32_t)a3);
	return 0;
}

KBODY(tcp_reno_ssthresh)
{
	const struct model_tcp_sock *t = tcp_of(run, "tcp_reno_ssthresh", a1);

	return t ? (t->snd_cwnd / 2 > 2 ? t->snd_cwnd / 2 : 2) : 0;
}

KBODY(tcp_reno_undo_cwnd)
{
	const struct model_tcp_sock *t = tcp_of(run, "tcp_reno_undo_cwnd", a1);

	return t ? (t->snd_cwnd > t->prior_cwnd ? t->snd_cwnd : t->prior_cwnd) : 0;
}

KBODY(tcp_reno_cong_avoid)
{
	struct model_tcp_sock *t = tcp_of(run, "tcp_reno_cong_avoid", a1);
	uint32_t acked = (uint32_t)a3;

	if (!t || !t->is_cwnd_limited)
		return 0;
	if (t->snd_cwnd < t->snd_ssthresh) {
		acked = slow_start(t, acked);
		if (!acked)
			return 0;
	}
	avoid(t, t->snd_cwnd, acked);
	return 0;
}
