// SPDX-License-Identifier: Apache-2.0
//
// What runs later, or not to its end: timers, work, exceptions, samples of user space; storage of the current task.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_map;
struct task_struct;
struct bpf_wq {
	__u64 opaque[2];
} __attribute__((aligned(8)));

long ticks, works, cancelled, sum, stored, wrong;

struct timed {
	struct bpf_timer timer;
	long n;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, int);
	__type(value, struct timed);
} timers SEC(".maps");

struct worker {
	struct bpf_wq work;
	long n;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, int);
	__type(value, struct worker);
} workers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, long);
} visits SEC(".maps");

extern int bpf_wq_init(struct bpf_wq *wq, void *map, unsigned int flags) __ksym;
extern int bpf_wq_start(struct bpf_wq *wq, unsigned int flags) __ksym;
extern int bpf_wq_set_callback_impl(struct bpf_wq *wq, int (*fn)(void *map, int *key, void *value),
				    unsigned int flags, void *aux) __ksym;
extern void bpf_throw(__u64 cookie) __ksym;

static int tick(void *map, int *key, struct timed *v)
{
	if (*key != 7)
		wrong++;
	__sync_fetch_and_add(&ticks, 1);
	if (++v->n < 5)
		bpf_timer_start(&v->timer, 1000000, 0);
	if (v->n == 2 && bpf_timer_cancel(&v->timer) != -35)
		wrong++;
	return 0;
}

SEC("syscall")
int start(void *ctx)
{
	struct timed empty = {}, *v;
	int key = 7;

	bpf_map_update_elem(&timers, &key, &empty, BPF_ANY);
	v = bpf_map_lookup_elem(&timers, &key);
	if (!v)
		return 1;
	if (bpf_timer_start(&v->timer, 0, 0) != -22)
		return 2;
	if (bpf_timer_init(&v->timer, &timers, 1))
		return 3;
	if (bpf_timer_init(&v->timer, &timers, 1) != -16)
		return 4;
	if (bpf_timer_set_callback(&v->timer, tick))
		return 5;
	return bpf_timer_start(&v->timer, 1000000, 0);
}

SEC("syscall")
int cancel(void *ctx)
{
	struct timed empty = {}, *v;
	int key = 8;

	bpf_map_update_elem(&timers, &key, &empty, BPF_ANY);
	v = bpf_map_lookup_elem(&timers, &key);
	if (!v || bpf_timer_init(&v->timer, &timers, 1) || bpf_timer_set_callback(&v->timer, tick))
		return 1;
	bpf_timer_start(&v->timer, 3600000000000ull, 0);
	cancelled = bpf_timer_cancel(&v->timer) * 10 + bpf_timer_cancel(&v->timer);
	return bpf_map_delete_elem(&timers, &key);
}

static int do_work(void *map, int *key, void *value)
{
	__sync_fetch_and_add(&works, *key + 1);
	return 0;
}

SEC("syscall")
int work(void *ctx)
{
	int key = 1;
	struct worker *w = bpf_map_lookup_elem(&workers, &key);

	if (!w || bpf_wq_init(&w->work, &workers, 0) ||
	    bpf_wq_set_callback_impl(&w->work, do_work, 0, 0))
		return 1;
	return bpf_wq_start(&w->work, 0);
}

__noinline int thrower(int depth)
{
	if (depth > 2)
		bpf_throw(depth * 100);
	return depth;
}

SEC("syscall")
int throws(void *ctx)
{
	thrower(1);
	thrower(3);
	wrong++;
	return 1;
}

__noinline int handler(__u64 cookie)
{
	return cookie + 1;
}

SEC("syscall")
__attribute__((btf_decl_tag("exception_callback:handler"))) int handled(void *ctx)
{
	thrower(5);
	wrong++;
	return 1;
}

static long add(struct bpf_dynptr *sample, void *ctx)
{
	int v = 0;

	bpf_dynptr_read(&v, sizeof(v), sample, 0, 0);
	sum += v;
	return v == 99;
}

SEC("syscall")
int drain(void *ctx)
{
	return bpf_user_ringbuf_drain(&samples, add, 0, 0);
}

SEC("syscall")
int visit(void *ctx)
{
	struct task_struct *t = (void *)bpf_get_current_task_btf();
	long *v = bpf_task_storage_get(&visits, t, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!v)
		return 1;
	stored = ++*v;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
