// SPDX-License-Identifier: Apache-2.0
//
// Rules of the verifier for struct_ops programs, as objects.bpf.c.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define tagged(x) __attribute__((btf_decl_tag(x)))
#define ACCEPT SEC("struct_ops") tagged("accept")
#define REJECT(words) SEC("struct_ops") tagged("reject:" words)

struct bpf_dummy_ops_state {
	int val;
} __attribute__((preserve_access_index));
struct bpf_dummy_ops {
	int (*test_1)(struct bpf_dummy_ops_state *state);
	int (*test_2)(struct bpf_dummy_ops_state *state, int a1, unsigned short a2, char a3,
		      unsigned long a4);
	int (*test_sleepable)(struct bpf_dummy_ops_state *state);
};

ACCEPT int test_1_accept(unsigned long long *ctx)
{
	struct bpf_dummy_ops_state *s = (void *)ctx[0];

	if (!s)
		return -1;
	s->val = 5;
	return s->val;
}

REJECT("invalid mem access 'trusted_ptr_or_null_'") int test_1_unchecked(unsigned long long *ctx)
{
	return ((struct bpf_dummy_ops_state *)ctx[0])->val;
}

ACCEPT int test_2_accept(unsigned long long *ctx)
{
	struct bpf_dummy_ops_state *s = (void *)ctx[0];

	s->val = (int)ctx[1] + (unsigned short)ctx[2];
	return 0;
}

REJECT("write access at off 0 with size 8") int test_2_outside(unsigned long long *ctx)
{
	long *s = (void *)ctx[0];

	s[0] = 1;
	return 0;
}

struct sock {
	unsigned long sk_pacing_rate;
} __attribute__((preserve_access_index));
struct tcp_sock {
	__u32 snd_cwnd, snd_una;
} __attribute__((preserve_access_index));
struct tcp_congestion_ops {
	__u32 (*ssthresh)(struct sock *sk);
	__u32 (*undo_cwnd)(struct sock *sk);
	void (*in_ack_event)(struct sock *sk, __u32 flags);
	unsigned long (*get_info)(struct sock *sk, __u32 ext, int *attr, void *info);
	char name[16];
};

ACCEPT int ssthresh_accept(unsigned long long *ctx)
{
	struct tcp_sock *tp = (void *)ctx[0]; /* not only a sock */

	tp->snd_cwnd = 3;
	return tp->snd_una & 0xff;
}

REJECT("no write support to tcp_sock at off") int undo_cwnd_writes(unsigned long long *ctx)
{
	struct tcp_sock *tp = (void *)ctx[0];

	tp->snd_una = 3;
	return 0;
}

REJECT("attach to unsupported member get_info of struct tcp_congestion_ops")
int get_info(unsigned long long *ctx)
{
	return 0;
}

/* A helper for congestion controls only. */
ACCEPT int in_ack_event_sends(unsigned long long *ctx)
{
	return ((long (*)(long, long))116)(ctx[0], 0) & 1; /* tcp_send_ack */
}

REJECT("R1 type=scalar expected=ptr_") int in_ack_event_number(unsigned long long *ctx)
{
	return ((long (*)(long, long))116)(1, 0) & 1;
}

SEC(".struct_ops")
struct bpf_dummy_ops good = {
	.test_1 = (void *)test_1_accept,
	.test_2 = (void *)test_2_accept,
};
SEC(".struct_ops")
struct bpf_dummy_ops bad = {
	.test_1 = (void *)test_1_unchecked,
	.test_2 = (void *)test_2_outside,
};
SEC(".struct_ops")
struct tcp_congestion_ops tcp = {
	.ssthresh = (void *)ssthresh_accept,
	.undo_cwnd = (void *)undo_cwnd_writes,
	.in_ack_event = (void *)in_ack_event_sends,
	.name = "skep",
};
SEC(".struct_ops")
struct tcp_congestion_ops tcp_bad = {
	.get_info = (void *)get_info,
	.in_ack_event = (void *)in_ack_event_number,
	.name = "skep_bad",
};

char gpl[] SEC("license") = "GPL";
