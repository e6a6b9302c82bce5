/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What bench/map_bench.c measures, as programs; SECTION is theirs. Each does its operation STEPS times over keys that
 * move on from run to run, so that all ENTRIES of a map are visited, and returns how often it went well.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define STEPS 1000
#define ENTRIES 10000

#define MAP(name, kind, key_type, value_type, entries) \
	struct {                                       \
		__uint(type, BPF_MAP_TYPE_##kind);     \
		__uint(max_entries, entries);          \
		__type(key, key_type);                 \
		__type(value, value_type);             \
	} name SEC(".maps")

struct route {
	__u32 bits, addr;
};

MAP(array, ARRAY, __u32, __u64, ENTRIES);
MAP(hash, HASH, __u64, __u64, ENTRIES + 16);
MAP(percpu_hash, PERCPU_HASH, __u64, __u64, ENTRIES);
MAP(lru, LRU_HASH, __u64, __u64, ENTRIES + 2000); /* the kernel's evicts before it is full */
MAP(full_lru, LRU_HASH, __u64, __u64, ENTRIES);

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct route);
	__type(value, __u64);
} lpm SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} progs SEC(".maps");

__u64 start, readable, sum;

#define BARRIER(x) asm volatile("" : "+r"(x))
#define PROGRAM(name) \
	SEC(SECTION)  \
	int name(void *ctx)
#define STEPS_OF(i) for (__u32 i = 0; i < STEPS; i++)

static __always_inline __u64 advance(void)
{
	__u64 from = start;

	start = from + STEPS >= ENTRIES ? 0 : from + STEPS;
	return from;
}

PROGRAM(empty)
{
	return 0;
}

/* What the others have around their operation. */
PROGRAM(steps)
{
	__u64 from = advance(), n = 0;

	STEPS_OF(i)
	{
		__u64 key = from + i;

		BARRIER(key);
		n++;
	}
	return n;
}

PROGRAM(array_inc)
{
	__u32 from = advance(), n = 0;

	STEPS_OF(i)
	{
		__u32 key = from + i;
		__u64 *value = bpf_map_lookup_elem(&array, &key);

		if (value) {
			++*value;
			n++;
		}
	}
	return n;
}

#define LOOKUP(name, map)                                               \
	PROGRAM(name)                                                   \
	{                                                               \
		__u64 from = advance(), n = 0;                          \
		STEPS_OF(i)                                             \
		{                                                       \
			__u64 key = from + i;                           \
			__u64 *value = bpf_map_lookup_elem(&map, &key); \
			if (value) {                                    \
				++*value;                               \
				n++;                                    \
			}                                               \
		}                                                       \
		return n;                                               \
	}

LOOKUP(hash_lookup, hash)
LOOKUP(percpu_hash_lookup, percpu_hash)
LOOKUP(lru_lookup, lru)

PROGRAM(hash_update)
{
	__u64 from = advance(), n = 0;

	STEPS_OF(i)
	{
		__u64 key = from + i;

		n += bpf_map_update_elem(&hash, &key, &key, BPF_ANY) == 0;
	}
	return n;
}

PROGRAM(hash_pair)
{
	__u64 from = advance(), n = 0;

	STEPS_OF(i)
	{
		__u64 key = ENTRIES + from + i;

		n += bpf_map_update_elem(&hash, &key, &key, BPF_ANY) == 0 &&
		     bpf_map_delete_elem(&hash, &key) == 0;
	}
	return n;
}

/* Twice as many keys as there is room for: each update evicts. */
PROGRAM(lru_update)
{
	__u64 from = advance(), n = 0;

	sum += from == 0;
	from += (sum & 1) * ENTRIES;
	STEPS_OF(i)
	{
		__u64 key = from + i;

		n += bpf_map_update_elem(&full_lru, &key, &key, BPF_ANY) == 0;
	}
	return n;
}

PROGRAM(lpm_lookup)
{
	struct route key = { .bits = 32 };
	__u64 from = advance(), n = 0;

	STEPS_OF(i)
	{
		key.addr = (from + i) * 2654435761u;
		n += bpf_map_lookup_elem(&lpm, &key) != 0;
	}
	return n;
}

PROGRAM(ring_16)
{
	__u64 from = advance(), n = 0;

	STEPS_OF(i)
	{
		__u64 *record = bpf_ringbuf_reserve(&ring, 16, 0);

		if (!record)
			break;
		record[0] = from + i;
		record[1] = i;
		bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
		n++;
	}
	return n;
}

PROGRAM(ktime)
{
	__u64 n = 0, last = 0;

	STEPS_OF(i)
	{
		__u64 now = bpf_ktime_get_ns();

		n += now >= last;
		last = now;
	}
	return n;
}

PROGRAM(random)
{
	__u64 n = 0;

	STEPS_OF(i)
	n += bpf_get_prandom_u32() & 1;
	return n ? STEPS : 0;
}

PROGRAM(cpu)
{
	__u64 n = 0;

	STEPS_OF(i)
	{
		__u64 cpu = bpf_get_smp_processor_id();

		BARRIER(cpu);
		n += cpu < 4096;
	}
	return n;
}

PROGRAM(probe_read)
{
	__u64 n = 0, got, from = readable;

	STEPS_OF(i)
	{
		/* every eighth address is bad */
		__u64 at = i & 7 ? from + i % 64 * 8 : 8;

		n += (bpf_probe_read_user(&got, 8, (void *)at) == 0) == ((i & 7) != 0);
	}
	return n;
}

static long add(__u32 i, __u64 *total)
{
	*total += i;
	return 0;
}

PROGRAM(loop)
{
	__u64 total = 0;

	bpf_loop(STEPS, add, &total, 0);
	return total == (__u64)STEPS * (STEPS - 1) / 2 ? STEPS : 0;
}

/* Itself, until the limit of 33 in a row. */
PROGRAM(tail)
{
	bpf_tail_call(ctx, &progs, 0);
	return STEPS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
