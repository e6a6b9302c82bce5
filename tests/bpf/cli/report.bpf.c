// SPDX-License-Identifier: Apache-2.0
//
// Everything that `skep run` shows, with nothing in it that changes from run to run: the n-th getppid(2) of
// `calls calls N` prints a line, gives a ring and a perf record, and counts in every kind of table.

#include <linux/bpf.h>
#include <linux/in6.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

enum colour { RED = 1, GREEN, BLUE };
enum wide { HUGE = 1ull << 40 };

struct everything {
	__u32 n;
	enum colour colour;
	__s64 negative;
	__u64 large; /* more than a signed 64-bit number holds */
	_Bool odd;
	char name[15];
	__be16 port;
	__u16 bits : 3;
	__s16 signed_bits : 5;
	__be32 address;
	__u8 mac[6];
	__u8 pad[2];
	__u8 address6[16];
	struct {
		__u32 inner;
		union {
			__u32 as_number;
			__u8 as_bytes[4];
		};
	};
	struct {
		__u16 x, y;
	} point;
	void *pointer;
	__u32 list[3];
	__u32 pad2;
};

struct sample {
	__u64 n;
	enum wide wide;
};

struct key {
	__u32 id;
	enum colour colour;
};

struct total {
	__u64 count, sum;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, struct key);
	__type(value, struct total);
} totals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} per_cpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} size_hist SEC(".maps");

struct spread {
	__u64 count;
	__u64 slots[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct spread);
} spreads SEC(".maps");

/* never touched */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} idle SEC(".maps");

__u64 calls;
__u32 start_at = 100;
const struct everything *const keep_everything;
const struct sample *const keep_sample;

static __always_inline void fill(struct everything *e, __u32 n)
{
	__builtin_memset(e, 0, sizeof(*e));
	e->n = n;
	e->colour = n % 4; /* 0 has no name */
	e->negative = -(__s64)n * 1000000007;
	e->large = ~0ull - n;
	e->odd = n & 1;
	__builtin_memcpy(e->name, "na\tme\033[1m\xff", 11);
	e->port = bpf_htons(8000 + n);
	e->bits = n;
	e->signed_bits = -(int)n;
	e->address = bpf_htonl(0x0a000000 | n);
	e->mac[0] = 2;
	e->mac[5] = n;
	e->address6[0] = 0xfd;
	e->address6[15] = n;
	e->inner = n * 2;
	e->as_number = 0x01020304;
	e->point.x = n;
	e->point.y = n + 1;
	e->pointer = (void *)0xffff888000000000;
	e->list[2] = n;
}

static __always_inline void count(__u32 n)
{
	struct key key = { n % 2, n % 2 ? RED : BLUE };
	struct total first = {}, *t;
	struct spread none = {}, *s;
	__u32 zero = 0, slot = n & 15;
	__u64 *v;

	bpf_map_update_elem(&totals, &key, &first, BPF_NOEXIST);
	t = bpf_map_lookup_elem(&totals, &key);
	if (t) {
		t->count++;
		t->sum += n;
	}
	v = bpf_map_lookup_elem(&per_cpu, &zero);
	if (v)
		*v += 1;
	v = bpf_map_lookup_elem(&size_hist, &slot);
	if (v)
		*v += n;
	bpf_map_update_elem(&spreads, &key.id, &none, BPF_NOEXIST);
	s = bpf_map_lookup_elem(&spreads, &key.id);
	if (s) {
		s->count++;
		s->slots[n & 7]++;
	}
}

SEC("tracepoint/syscalls/sys_enter_getppid")
int on_getppid(void *ctx)
{
	__u32 n = start_at + __sync_fetch_and_add(&calls, 1) - 99;
	struct sample sample = { .n = n, .wide = HUGE };
	struct everything *e;

	bpf_printk("call %d of %s", n, "getppid");
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (e) {
		fill(e, n);
		bpf_ringbuf_submit(e, 0);
	}
	bpf_perf_event_output(ctx, &samples, BPF_F_CURRENT_CPU, &sample, sizeof(sample));
	count(n);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
