// SPDX-License-Identifier: Apache-2.0
//
// Kernel functions, and what they answer: `answers` must be the same on both engines.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define ANSWERS 256

long answers[ANSWERS];
int used;

/* Not in the UAPI headers of Debian 12. */
struct bpf_iter_num {
	__u64 opaque[1];
} __attribute__((aligned(8)));

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern void bpf_preempt_disable(void) __ksym;
extern void bpf_preempt_enable(void) __ksym;
extern int bpf_strcmp(const char *a, const char *b) __ksym;
extern int bpf_strcasecmp(const char *a, const char *b) __ksym;
extern int bpf_strchr(const char *s, char c) __ksym;
extern int bpf_strchrnul(const char *s, char c) __ksym;
extern int bpf_strnchr(const char *s, __u64 n, char c) __ksym;
extern int bpf_strrchr(const char *s, int c) __ksym;
extern int bpf_strlen(const char *s) __ksym;
extern int bpf_strnlen(const char *s, __u64 n) __ksym;
extern int bpf_strspn(const char *s, const char *set) __ksym;
extern int bpf_strcspn(const char *s, const char *set) __ksym;
extern int bpf_strstr(const char *s, const char *part) __ksym;
extern int bpf_strnstr(const char *s, const char *part, __u64 n) __ksym;

static __always_inline void answer(long value)
{
	int i = used;

	if (i >= 0 && i < ANSWERS)
		answers[i] = value;
	used = i + 1;
}

static __always_inline void count(int start, int end)
{
	struct bpf_iter_num it;
	int *v, rounds = 0;
	long sum = 0;

	answer(bpf_iter_num_new(&it, start, end));
	while ((v = bpf_iter_num_next(&it))) {
		sum += *v;
		rounds++;
	}
	answer(sum);
	answer(rounds);
	bpf_iter_num_destroy(&it);
}

SEC("raw_tp/sys_enter")
int iterate(void *ctx)
{
	used = 0;
	count(0, 10);
	count(-5, 5);
	count(3, 3);
	count(5, 3);
	count(0, 1 << 23);
	count(0, (1 << 23) + 1);
	count(-2147483647 - 1, -2147483647 + 3);
	count(2147483647 - 3, 2147483647);
	return 0;
}

SEC("raw_tp/sys_enter")
int sections(void *ctx)
{
	used = 0;
	bpf_rcu_read_lock();
	answer(1);
	bpf_rcu_read_unlock();
	bpf_preempt_disable();
	answer(2);
	bpf_preempt_enable();
	return 0;
}

char text[32] = "Hello, World";
char empty[4];
char part[8] = "World";
char lower[32] = "hello, world";
char set[8] = "Helo";
#define FULL 70000
char full[FULL]; /* no NUL within the longest string, once it is filled */

SEC("raw_tp/sys_enter")
int strings(void *ctx)
{
	used = 0;
	answer(bpf_strlen(text));
	answer(bpf_strlen(empty));
	answer(bpf_strnlen(text, 5));
	answer(bpf_strnlen(text, 0));
	answer(bpf_strnlen(text, 100));
	answer(bpf_strcmp(text, text));
	answer(bpf_strcmp(text, part));
	answer(bpf_strcmp(part, text));
	answer(bpf_strcmp(text, lower));
	answer(bpf_strcmp(empty, text));
	answer(bpf_strcasecmp(text, lower));
	answer(bpf_strcasecmp(part, lower));
	answer(bpf_strchr(text, 'o'));
	answer(bpf_strchr(text, 'z'));
	answer(bpf_strchr(text, 0));
	answer(bpf_strchr(empty, 0));
	answer(bpf_strchrnul(text, 'o'));
	answer(bpf_strchrnul(text, 'z'));
	answer(bpf_strnchr(text, 4, 'o'));
	answer(bpf_strnchr(text, 5, 'o'));
	answer(bpf_strnchr(text, 100, 'z'));
	answer(bpf_strnchr(text, 100, 0));
	answer(bpf_strrchr(text, 'o'));
	answer(bpf_strrchr(text, 'z'));
	answer(bpf_strrchr(text, 0));
	return 0;
}

SEC("raw_tp/sys_enter")
int strings_in_strings(void *ctx)
{
	used = 0;
	answer(bpf_strspn(text, set));
	answer(bpf_strspn(text, empty));
	answer(bpf_strspn(text, text));
	answer(bpf_strcspn(text, part));
	answer(bpf_strcspn(text, empty));
	answer(bpf_strstr(text, part));
	answer(bpf_strstr(part, text));
	answer(bpf_strstr(text, empty));
	answer(bpf_strstr(empty, text));
	answer(bpf_strstr(empty, empty));
	answer(bpf_strnstr(text, part, 12));
	answer(bpf_strnstr(text, part, 11));
	answer(bpf_strnstr(text, empty, 0));
	answer(bpf_strnstr(text, part, 0));
	answer(bpf_strnstr(text, part, 100));
	return 0;
}

static __always_inline void fill(void)
{
	struct bpf_iter_num it;
	int *v;

	bpf_iter_num_new(&it, 0, FULL);
	while ((v = bpf_iter_num_next(&it))) {
		unsigned int i = *v;

		if (i < FULL - 1)
			full[i] = 'x';
	}
	bpf_iter_num_destroy(&it);
}

SEC("raw_tp/sys_enter")
int string_limits(void *ctx)
{
	used = 0;
	fill();
	answer(bpf_strlen(full));
	answer(bpf_strnlen(full, 70000));
	answer(bpf_strnlen(full, 65535));
	answer(bpf_strnlen(full, 65536));
	answer(bpf_strchr(full, 'z'));
	answer(bpf_strnchr(full, 65536, 'z'));
	answer(bpf_strnchr(full, 65537, 'z'));
	answer(bpf_strrchr(full, 'x'));
	answer(bpf_strcmp(full, full));
	answer(bpf_strspn(full, set));
	answer(bpf_strcspn(full, set));
	answer(bpf_strstr(full, set));
	answer(bpf_strlen((const char *)8));
	answer(bpf_strcmp(text, (const char *)8));
	answer(bpf_strcmp((const char *)8, text));
	answer(bpf_strstr(text, (const char *)8));
	answer(bpf_strlen((const char *)0xdead000000000000));
	return 0;
}

char _license[] SEC("license") = "GPL";
