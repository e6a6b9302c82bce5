// SPDX-License-Identifier: Apache-2.0
// One of everything that an object can hold; tests/unit/load_test.c says what must come out.

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

struct key {
	__u32 a, b;
};

struct value {
	__u64 count;
	char name[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct key);
	__type(value, struct value);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 3);
	__uint(key_size, 4);
	__uint(value_size, 24);
	__uint(numa_node, 1);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} sizes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 100);
	__uint(map_extra, 5);
	__type(value, __u64);
} bloom SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} inner_one SEC(".maps"), inner_two SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {
	.values = { [0] = &inner_two, [3] = &inner_one },
};

int tail_one(struct xdp_md *ctx);
int tail_two(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 8);
	__uint(key_size, 4);
	__array(values, int(struct xdp_md *));
} jumps SEC(".maps") = {
	.values = { [1] = &tail_one, [7] = &tail_two },
};

const volatile int constant = 42;
const volatile char text[8] = "text";
int initialised = 7;
static int hidden_initialised = 8;
__u64 zero;
static __u64 hidden_zero;
long custom SEC(".data.custom") = 11;
const volatile long fixed SEC(".rodata.fixed") = 12;
int empty SEC(".bss.empty");
int *pointer SEC(".data.pointer") = &initialised;

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool LINUX_HAS_BPF_COOKIE __kconfig __weak;
extern int CONFIG_HZ __kconfig;
extern enum libbpf_tristate CONFIG_MODULE __kconfig;
extern char CONFIG_LETTER __kconfig;
extern char CONFIG_TEXT[8] __kconfig;
extern bool CONFIG_ABSENT __kconfig __weak;
extern bool CONFIG_REQUIRED __kconfig;

extern int weak_kfunc(int x) __ksym __weak;
extern int strong_kfunc(int x) __ksym;
extern const void weak_ksym __ksym __weak;

static __noinline int leaf(int x)
{
	return x * constant + hidden_initialised++;
}

__noinline int global_function(int x)
{
	return leaf(x) + leaf(x + 1);
}

__weak __noinline int weak_function(int x)
{
	return x ^ initialised;
}

__hidden __noinline int hidden_function(int x)
{
	return weak_function(x) + 3;
}

static long callback(__u32 index, void *data)
{
	hidden_zero += index;
	return global_function(index) > 100;
}

SEC("xdp")
int tail_one(struct xdp_md *ctx)
{
	return hidden_function(ctx->data) & 3;
}

SEC("xdp")
int tail_two(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &jumps, 1);
	return global_function(ctx->ingress_ifindex) & 1;
}

SEC("?xdp.frags/devmap")
int optional(struct xdp_md *ctx)
{
	return bpf_loop(10, callback, (void *)0, 0);
}

SEC("tracepoint/syscalls/sys_enter_openat")
int with_maps(void *ctx)
{
	struct key key = { 1, 2 };
	struct value *v = bpf_map_lookup_elem(&table, &key);
	__u32 index = 1;

	if (v)
		v->count += fixed + custom + empty;
	bpf_map_lookup_elem(&sizes, &index);
	bpf_map_peek_elem(&bloom, &zero);
	return bpf_map_lookup_elem(&outer, &index) != 0;
}

SEC("tracepoint/syscalls/sys_exit_openat")
int with_config(void *ctx)
{
	zero = LINUX_KERNEL_VERSION + CONFIG_HZ + CONFIG_MODULE + CONFIG_LETTER + CONFIG_TEXT[3];
	return LINUX_HAS_BPF_COOKIE + CONFIG_ABSENT;
}

SEC("tracepoint/syscalls/sys_enter_close")
int needs_config(void *ctx)
{
	return CONFIG_REQUIRED;
}

SEC("tc")
int with_weak(struct __sk_buff *skb)
{
	if (weak_kfunc)
		return weak_kfunc(skb->len);
	return &weak_ksym != 0;
}

SEC("tc")
int with_strong(struct __sk_buff *skb)
{
	return strong_kfunc(skb->len);
}

SEC("tracepont/syscalls/sys_enter_read")
int misspelt(void *ctx)
{
	return 0;
}

SEC("nothing like any section of this world")
int far_off(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
__u32 old_version SEC("version") = 5;
