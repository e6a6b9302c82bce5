// SPDX-License-Identifier: Apache-2.0
//
// Values shown by their types: `shown` must be the same on both engines. Casts are left out of structures, whose members have
// other typedefs in the model kernel.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define ROOM 512
#define CASES 12

char shown[CASES][ROOM];
long results[CASES];

struct ethhdr {
	unsigned char h_dest[6];
	unsigned char h_source[6];
	__u16 h_proto;
} __attribute__((preserve_access_index, packed));
struct udphdr {
	__u16 source, dest, len, check;
} __attribute__((preserve_access_index));

unsigned char eth[14] = { 1, 2, 0, 4, 5, 6 };
__u16 udp[4] = { 1, 0, 300, 65535 };
int number = -5, nothing;

static __always_inline void show(int i, void *ptr, __u32 type, __u64 flags, __u32 size)
{
	struct btf_ptr p = { .ptr = ptr, .type_id = type };

	results[i] = bpf_snprintf_btf(shown[i], size, &p, sizeof(p), flags);
}

SEC("raw_tp/sys_enter")
int values(void *ctx)
{
	show(0, &number, bpf_core_type_id_kernel(int), 0, ROOM);
	show(1, &nothing, bpf_core_type_id_kernel(int), 0, ROOM);
	show(2, &number, bpf_core_type_id_kernel(int), BTF_F_NONAME, ROOM);
	show(3, eth, bpf_core_type_id_kernel(struct ethhdr), BTF_F_NONAME | BTF_F_COMPACT, ROOM);
	show(4, eth, bpf_core_type_id_kernel(struct ethhdr),
	     BTF_F_NONAME | BTF_F_COMPACT | BTF_F_ZERO, ROOM);
	show(5, eth, bpf_core_type_id_kernel(struct ethhdr), BTF_F_NONAME, ROOM);
	show(6, udp, bpf_core_type_id_kernel(struct udphdr), BTF_F_NONAME | BTF_F_COMPACT, ROOM);
	show(7, udp, bpf_core_type_id_kernel(struct udphdr), BTF_F_NONAME | BTF_F_ZERO, ROOM);
	show(8, udp, bpf_core_type_id_kernel(struct udphdr), BTF_F_NONAME, 8);
	show(9, udp, bpf_core_type_id_kernel(struct udphdr), 16, ROOM);
	show(10, udp, 0, 0, ROOM);
	show(11, 0, bpf_core_type_id_kernel(struct udphdr), BTF_F_NONAME, ROOM);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
