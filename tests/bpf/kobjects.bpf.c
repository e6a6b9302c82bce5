// SPDX-License-Identifier: Apache-2.0
//
// Objects of kernel functions: CPU masks, dynptrs, bits, numbers in text. `answers`
// must be the same on both engines.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define ANSWERS 256

long answers[ANSWERS];
int used;

struct cpumask {
	unsigned long bits[1];
};
struct bpf_cpumask {
	struct cpumask cpumask;
	__u32 usage;
};
struct bpf_iter_bits {
	__u64 opaque[2];
} __attribute__((aligned(8)));
extern struct bpf_cpumask *bpf_cpumask_create(void) __ksym;
extern struct bpf_cpumask *bpf_cpumask_acquire(struct bpf_cpumask *m) __ksym;
extern void bpf_cpumask_release(struct bpf_cpumask *m) __ksym;
extern __u32 bpf_cpumask_first(const struct cpumask *m) __ksym;
extern __u32 bpf_cpumask_first_zero(const struct cpumask *m) __ksym;
extern void bpf_cpumask_set_cpu(__u32 cpu, struct bpf_cpumask *m) __ksym;
extern void bpf_cpumask_clear_cpu(__u32 cpu, struct bpf_cpumask *m) __ksym;
extern _Bool bpf_cpumask_test_cpu(__u32 cpu, const struct cpumask *m) __ksym;
extern _Bool bpf_cpumask_test_and_set_cpu(__u32 cpu, struct bpf_cpumask *m) __ksym;
extern _Bool bpf_cpumask_test_and_clear_cpu(__u32 cpu, struct bpf_cpumask *m) __ksym;
extern void bpf_cpumask_setall(struct bpf_cpumask *m) __ksym;
extern void bpf_cpumask_clear(struct bpf_cpumask *m) __ksym;
extern _Bool bpf_cpumask_and(struct bpf_cpumask *d, const struct cpumask *a,
			     const struct cpumask *b) __ksym;
extern void bpf_cpumask_or(struct bpf_cpumask *d, const struct cpumask *a,
			   const struct cpumask *b) __ksym;
extern void bpf_cpumask_xor(struct bpf_cpumask *d, const struct cpumask *a,
			    const struct cpumask *b) __ksym;
extern _Bool bpf_cpumask_equal(const struct cpumask *a, const struct cpumask *b) __ksym;
extern _Bool bpf_cpumask_intersects(const struct cpumask *a, const struct cpumask *b) __ksym;
extern _Bool bpf_cpumask_subset(const struct cpumask *a, const struct cpumask *b) __ksym;
extern _Bool bpf_cpumask_empty(const struct cpumask *m) __ksym;
extern void bpf_cpumask_copy(struct bpf_cpumask *d, const struct cpumask *s) __ksym;
extern __u32 bpf_cpumask_weight(const struct cpumask *m) __ksym;
extern int bpf_iter_bits_new(struct bpf_iter_bits *it, const __u64 *p, __u32 n) __ksym;
extern int *bpf_iter_bits_next(struct bpf_iter_bits *it) __ksym;
extern void bpf_iter_bits_destroy(struct bpf_iter_bits *it) __ksym;
extern int bpf_dynptr_adjust(const struct bpf_dynptr *p, __u32 start, __u32 end) __ksym;
extern _Bool bpf_dynptr_is_null(const struct bpf_dynptr *p) __ksym;
extern _Bool bpf_dynptr_is_rdonly(const struct bpf_dynptr *p) __ksym;
extern __u32 bpf_dynptr_size(const struct bpf_dynptr *p) __ksym;
extern int bpf_dynptr_clone(const struct bpf_dynptr *p, struct bpf_dynptr *to) __ksym;
extern int bpf_dynptr_copy(struct bpf_dynptr *d, __u32 doff, struct bpf_dynptr *s, __u32 soff,
			   __u32 n) __ksym;
extern int bpf_dynptr_memset(struct bpf_dynptr *p, __u32 off, __u32 n, __u8 v) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *p, __u32 off, void *buf, __u32 n) __ksym;

static __always_inline void answer(long value)
{
	int i = used;

	if (i >= 0 && i < ANSWERS)
		answers[i] = value;
	used = i + 1;
}

#define MASK(m) ((const struct cpumask *)(m))

static __always_inline void ask(struct bpf_cpumask *a, struct bpf_cpumask *b)
{
	bpf_cpumask_set_cpu(0, a);
	bpf_cpumask_set_cpu(1, b);
	bpf_cpumask_set_cpu(70000, b);
	answer(bpf_cpumask_first(MASK(a)));
	answer(bpf_cpumask_first(MASK(b)));
	answer(bpf_cpumask_first_zero(MASK(a)));
	answer(bpf_cpumask_test_cpu(1, MASK(b)));
	answer(bpf_cpumask_test_cpu(70000, MASK(b)));
	answer(bpf_cpumask_test_and_set_cpu(0, a));
	answer(bpf_cpumask_test_and_set_cpu(0, b));
	answer(bpf_cpumask_test_and_clear_cpu(0, b));
	answer(bpf_cpumask_equal(MASK(a), MASK(b)));
	answer(bpf_cpumask_intersects(MASK(a), MASK(b)));
	answer(bpf_cpumask_subset(MASK(a), MASK(b)));
	answer(bpf_cpumask_and(a, MASK(a), MASK(b)));
	answer(bpf_cpumask_empty(MASK(a)));
	bpf_cpumask_or(a, MASK(a), MASK(b));
	answer(bpf_cpumask_equal(MASK(a), MASK(b)));
	bpf_cpumask_set_cpu(0, b);
	bpf_cpumask_xor(a, MASK(a), MASK(b));
	answer(bpf_cpumask_first(MASK(a)));
	answer(bpf_cpumask_weight(MASK(b)));
	bpf_cpumask_setall(a);
	answer(bpf_cpumask_subset(MASK(b), MASK(a)));
	bpf_cpumask_clear_cpu(0, a);
	answer(bpf_cpumask_first_zero(MASK(a)));
	bpf_cpumask_copy(a, MASK(b));
	answer(bpf_cpumask_weight(MASK(a)));
	bpf_cpumask_clear(a);
	answer(bpf_cpumask_weight(MASK(a)));
}

SEC("syscall")
int cpumasks(void *ctx)
{
	struct bpf_cpumask *a = bpf_cpumask_create(), *b, *c;

	if (!a)
		return 1;
	b = bpf_cpumask_create();
	if (!b) {
		bpf_cpumask_release(a);
		return 1;
	}
	ask(a, b);
	c = bpf_cpumask_acquire(a);
	bpf_cpumask_release(a);
	answer(bpf_cpumask_weight(MASK(c)));
	bpf_cpumask_release(c);
	bpf_cpumask_release(b);
	return 0;
}

__u64 words[4] = { 0x8000000000000001ull, 0, 0xf0, 1ull << 63 };

SEC("syscall")
int bits(void *ctx)
{
	struct bpf_iter_bits it;
	__u64 copy[4];
	int *v;

	__builtin_memcpy(copy, words, sizeof(copy));
	answer(bpf_iter_bits_new(&it, copy, 4));
	while ((v = bpf_iter_bits_next(&it)))
		answer(*v);
	bpf_iter_bits_destroy(&it);
	answer(bpf_iter_bits_new(&it, copy, 1));
	while ((v = bpf_iter_bits_next(&it)))
		answer(*v);
	bpf_iter_bits_destroy(&it);
	answer(bpf_iter_bits_new(&it, copy, 0));
	while ((v = bpf_iter_bits_next(&it)))
		answer(*v);
	bpf_iter_bits_destroy(&it);
	answer(bpf_iter_bits_new(&it, copy, 512));
	answer(bpf_iter_bits_next(&it) != 0);
	bpf_iter_bits_destroy(&it);
	return 0;
}

char bytes[64] = "the quick brown fox jumps over the lazy dog";
char other[32];

SEC("syscall")
int dynptrs(void *ctx)
{
	struct bpf_dynptr p, q, o;
	char got[8] = "", buf[8] = "", *slice;

	answer(bpf_dynptr_from_mem(bytes, sizeof(bytes), 0, &p));
	answer(bpf_dynptr_from_mem(other, sizeof(other), 1, &o));
	answer(bpf_dynptr_is_null(&o));
	answer(bpf_dynptr_size(&o));
	answer(bpf_dynptr_from_mem(other, sizeof(other), 0, &o));
	answer(bpf_dynptr_size(&p));
	answer(bpf_dynptr_is_null(&p));
	answer(bpf_dynptr_is_rdonly(&p));
	answer(bpf_dynptr_read(got, 4, &p, 4, 0));
	answer(*(int *)got);
	answer(bpf_dynptr_read(got, 4, &p, 61, 0));
	answer(bpf_dynptr_read(got, 4, &p, 4, 1));
	answer(bpf_dynptr_clone(&p, &q));
	answer(bpf_dynptr_adjust(&q, 4, 20));
	answer(bpf_dynptr_adjust(&q, 20, 4));
	answer(bpf_dynptr_adjust(&q, 0, 17));
	answer(bpf_dynptr_size(&q));
	answer(bpf_dynptr_read(got, 4, &q, 6, 0));
	answer(*(int *)got);
	answer(bpf_dynptr_write(&q, 0, "slow", 4, 0));
	answer(bpf_dynptr_write(&q, 14, "slow", 4, 0));
	answer(bpf_dynptr_copy(&o, 2, &q, 0, 10));
	answer(bpf_dynptr_copy(&o, 30, &q, 0, 10));
	answer(bpf_dynptr_copy(&o, 0, &q, 10, 10));
	answer(*(long *)other);
	answer(bpf_dynptr_memset(&o, 4, 8, 'x'));
	answer(bpf_dynptr_memset(&o, 30, 8, 'x'));
	answer(*(long *)(other + 2));
	slice = bpf_dynptr_slice(&q, 0, buf, sizeof(buf));
	answer(slice ? *(long *)slice : 0);
	slice = bpf_dynptr_slice(&q, 10, buf, sizeof(buf));
	answer(!slice);
	slice = bpf_dynptr_data(&p, 0, 8);
	answer(slice ? *(long *)slice : 0);
	return 0;
}

static __always_inline void number(const char *text, int len, __u64 flags)
{
	unsigned long u = 99;
	long l = 99;

	answer(bpf_strtol(text, len, flags, &l));
	answer(l);
	answer(bpf_strtoul(text, len, flags, &u));
	answer(u);
}

SEC("syscall")
int numbers(void *ctx)
{
	static const char texts[][24] = { "12",
					  " -12 ",
					  "0x1f",
					  "017",
					  "9223372036854775808",
					  "-9223372036854775808",
					  "99999999999999999999",
					  "x",
					  "",
					  "0xg",
					  "+5",
					  "12abc" };

	number(texts[0], 3, 0);
	number(texts[0], 1, 10);
	number(texts[1], 6, 0);
	number(texts[2], 5, 0);
	number(texts[2], 5, 16);
	number(texts[2], 5, 10);
	number(texts[3], 4, 0);
	number(texts[3], 4, 8);
	number(texts[4], 20, 10);
	number(texts[5], 21, 10);
	number(texts[6], 21, 10);
	number(texts[7], 2, 0);
	number(texts[8], 1, 0);
	number(texts[9], 4, 0);
	number(texts[10], 3, 0);
	number(texts[11], 6, 16);
	number(texts[0], 3, 7);
	number(texts[0], 3, 32);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
