// SPDX-License-Identifier: Apache-2.0
//
// What a loader would set: sizes that the object leaves open and constants. getppid(2) prints them all.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

enum mode { OFF, ON, AUTO = 7 };

struct limits {
	__u32 low, high;
	struct {
		__s8 nested;
	};
	__u16 three : 3;
	__s16 five : 5;
};

const volatile int number = 5;
const volatile unsigned char small;
const volatile unsigned long long big;
const volatile _Bool flag;
const volatile enum mode mode;
const volatile char name[8] = "none";
const volatile __be16 port;
const volatile __be32 address;
const volatile __u32 list[3];
const volatile struct limits limits = { .low = 1 };
const volatile double fraction = 0.5;
void *const volatile pointer;
static volatile int hidden = 3;
int changing = 1;
__u64 zeros;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, __u32);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
} ring SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_getppid")
int on_getppid(void *ctx)
{
	char text[8];
	__u32 i;

	for (i = 0; i < sizeof(text); i++)
		text[i] = name[i];
	bpf_printk("number %d small %d big %llu", number, small, big);
	bpf_printk("flag %d mode %d name %s", flag, mode, text);
	bpf_printk("port %d address %x", bpf_ntohs(port), bpf_ntohl(address));
	bpf_printk("list %d %d %d", list[0], list[1], list[2]);
	bpf_printk("limits %d %d %d", limits.low, limits.high, limits.nested);
	bpf_printk("bits %d %d fraction %llx", limits.three, limits.five,
		   *(const volatile __u64 *)&fraction);
	bpf_printk("hidden %d changing %d zeros %llu", hidden, changing, zeros);
	bpf_printk("pointer %d", pointer != 0);
	for (i = 0; i < 10; i++)
		bpf_map_update_elem(&table, &i, &i, BPF_ANY);
	bpf_ringbuf_output(&ring, text, sizeof(text), 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
