// SPDX-License-Identifier: Apache-2.0
//
// Kernel functions by their flags and by what the names of their arguments ask for: one that is accepted, one that is
// rejected for it. Objects, lists, trees and locks: objects.bpf.c.

#include "helpers.h"

#define YES(section, name) SEC(section) tagged("accept") int yes_##name(void *ctx)
#define NO(section, name, words) SEC(section) tagged("reject:" words) int no_##name(void *ctx)
#define core __attribute__((preserve_access_index))

struct task_struct {
	int pid;
	struct task_struct *real_parent;
} core;
struct file {
	unsigned int f_flags;
} core;
struct dentry {
	unsigned int d_flags;
} core;
struct bpf_iter_num {
	__u64 opaque[1];
} __attribute__((aligned(8)));
struct bpf_iter_task {
	__u64 opaque[3];
} __attribute__((aligned(8)));

extern struct task_struct *bpf_task_from_pid(int pid) __ksym;
extern struct task_struct *bpf_task_acquire(struct task_struct *p) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;
enum pid_type { PIDTYPE_PID };
extern int bpf_send_signal_task(struct task_struct *task, int sig, enum pid_type type,
				__u64 value) __ksym;
extern int bpf_copy_from_user_str(void *dst, __u32 size, const void *src, __u64 flags) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;
extern int bpf_iter_task_new(struct bpf_iter_task *it, struct task_struct *task,
			     unsigned int flags) __ksym;
extern struct task_struct *bpf_iter_task_next(struct bpf_iter_task *it) __ksym;
extern void bpf_iter_task_destroy(struct bpf_iter_task *it) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *p, __u32 off, void *buf, __u32 size) __ksym;
extern int bpf_dynptr_clone(const struct bpf_dynptr *p, struct bpf_dynptr *clone) __ksym;
extern int bpf_xdp_metadata_rx_timestamp(const struct xdp_md *ctx, __u64 *timestamp) __ksym;
extern int bpf_strlen(const char *s) __ksym;
extern int bpf_get_file_xattr(struct file *file, const char *name, struct bpf_dynptr *value) __ksym;

#define THIS ((struct task_struct *)RUN(158, 0, 0, 0, 0, 0))

/* Acquired, released, perhaps NULL ---------------------------------------------------------------- */

YES("syscall", acquire)
{
	struct task_struct *t = bpf_task_from_pid(1);

	if (t)
		bpf_task_release(t);
	return 0;
}

NO("syscall", acquire, "Unreleased reference")
{
	return bpf_task_from_pid(1) != 0;
}

NO("syscall", ret_null, "Possibly NULL pointer passed to trusted arg0")
{
	bpf_task_release(bpf_task_from_pid(1));
	return 0;
}

NO("syscall", release, "release kernel function bpf_task_release expects refcounted")
{
	bpf_task_release(THIS);
	return 0;
}

NO("syscall", release_twice, "arg#0 pointer type STRUCT task_struct must point to scalar")
{
	struct task_struct *t = bpf_task_from_pid(1);

	if (t) {
		bpf_task_release(t);
		bpf_task_release(t);
	}
	return 0;
}

/* Trusted, or under RCU --------------------------------------------------------------------------- */

YES("syscall", trusted)
{
	return bpf_send_signal_task(THIS, 1, 1, 0);
}

NO("syscall", trusted, "R1 must be referenced or trusted")
{
	struct task_struct *p = THIS->real_parent;

	return p ? bpf_send_signal_task(p, 1, 1, 0) : 0;
}

YES("syscall", rcu)
{
	struct task_struct *p;

	bpf_rcu_read_lock();
	p = THIS->real_parent;
	p = p ? bpf_task_acquire(p) : 0;
	bpf_rcu_read_unlock();
	if (p)
		bpf_task_release(p);
	return 0;
}

NO("syscall", rcu, "R1 must be a rcu pointer")
{
	struct task_struct *p = THIS->real_parent;

	p = p ? bpf_task_acquire(p) : 0;
	if (p)
		bpf_task_release(p);
	return 0;
}

/* Sleepable --------------------------------------------------------------------------------------- */

YES("syscall", sleep)
{
	ROOM;
	return bpf_copy_from_user_str(buf, sizeof(buf), 0, 0);
}

NO("tc", sleep, "program must be sleepable to call sleepable kfunc bpf_copy_from_user_str")
{
	ROOM;
	return bpf_copy_from_user_str(buf, sizeof(buf), 0, 0);
}

/* Iterators --------------------------------------------------------------------------------------- */

YES("tc", iter)
{
	struct bpf_iter_num it;
	int *i, sum = 0;

	bpf_iter_num_new(&it, 0, 10);
	while ((i = bpf_iter_num_next(&it)))
		sum += *i;
	bpf_iter_num_destroy(&it);
	return sum & 1;
}

NO("tc", iter_new, "Unreleased reference")
{
	struct bpf_iter_num it;

	return bpf_iter_num_new(&it, 0, 10);
}

NO("tc", iter_new_twice, "expected uninitialized iter_num as arg #0")
{
	struct bpf_iter_num it;

	bpf_iter_num_new(&it, 0, 10);
	bpf_iter_num_new(&it, 0, 10);
	bpf_iter_num_destroy(&it);
	return 0;
}

NO("tc", iter_next, "expected an initialized iter_num as arg #0")
{
	struct bpf_iter_num it;

	return bpf_iter_num_next(&it) != 0;
}

NO("tc", iter_next_null, "invalid mem access 'scalar'")
{
	struct bpf_iter_num it;
	int r;

	bpf_iter_num_new(&it, 0, 10);
	r = *(volatile int *)bpf_iter_num_next(&it);
	bpf_iter_num_destroy(&it);
	return r;
}

NO("tc", iter_destroy, "expected an initialized iter_num as arg #0")
{
	struct bpf_iter_num it;

	bpf_iter_num_destroy(&it);
	return 0;
}

YES("syscall", rcu_protected)
{
	struct bpf_iter_task it;
	int n = 0;

	bpf_rcu_read_lock();
	bpf_iter_task_new(&it, 0, 0);
	while (n < 10 && bpf_iter_task_next(&it))
		n++;
	bpf_iter_task_destroy(&it);
	bpf_rcu_read_unlock();
	return n & 1;
}

NO("syscall", rcu_protected, "requires RCU critical section protection")
{
	struct bpf_iter_task it;

	bpf_iter_task_new(&it, 0, 0);
	bpf_iter_task_destroy(&it);
	return 0;
}

NO("syscall", nullable, "arg#1")
{
	struct bpf_iter_task it;

	bpf_rcu_read_lock();
	bpf_iter_task_new(&it, (void *)1, 0);
	bpf_iter_task_destroy(&it);
	bpf_rcu_read_unlock();
	return 0;
}

/* Names of arguments ------------------------------------------------------------------------------- */

NO("syscall", sz, "invalid indirect access to stack R1 off=-64 size=65")
{
	ROOM;
	return bpf_copy_from_user_str(buf, 65, 0, 0);
}

static char bytes[64];

YES("tc", szk)
{
	struct bpf_dynptr d;
	char buf[16], *p;

	RUN(197, bytes, 64, 0, &d, 0);
	p = bpf_dynptr_slice(&d, 0, buf, sizeof(buf));
	return p ? p[15] & 1 : 0;
}

NO("tc", szk, "must be a known constant")
{
	struct bpf_dynptr d;
	char buf[16], *p;

	RUN(197, bytes, 64, 0, &d, 0);
	p = bpf_dynptr_slice(&d, 0, buf, ((struct __sk_buff *)ctx)->len & 15);
	return p != 0;
}

YES("tc", opt)
{
	struct bpf_dynptr d;
	char *p;

	RUN(197, bytes, 64, 0, &d, 0);
	p = bpf_dynptr_slice(&d, 0, 0, 16);
	return p ? p[15] & 1 : 0;
}

NO("tc", opt, "R0 min value is outside of the allowed memory range")
{
	struct bpf_dynptr d;
	char *p;

	RUN(197, bytes, 64, 0, &d, 0);
	p = bpf_dynptr_slice(&d, 0, 0, 16);
	return p ? p[16] & 1 : 0;
}

YES("tc", uninit)
{
	struct bpf_dynptr d, copy;

	RUN(197, bytes, 64, 0, &d, 0);
	return bpf_dynptr_clone(&d, &copy);
}

NO("tc", uninit, "Expected an initialized dynptr as arg #0")
{
	struct bpf_dynptr d, copy;

	return bpf_dynptr_clone(&d, &copy);
}

NO("xdp", device, "metadata kfuncs require device-bound program")
{
	__u64 t;

	return bpf_xdp_metadata_rx_timestamp(ctx, &t);
}

/* Functions ---------------------------------------------------------------------------------------- */

__attribute__((noinline)) int takes(int *p)
{
	return p ? *p : 0;
}

YES("tc", global)
{
	int n = 3;

	return takes(&n);
}

NO("tc", global, "Caller passes invalid args into func")
{
	return takes((int *)((struct __sk_buff *)ctx)->sk);
}

static const char text[] = "user.a";

YES("tc", ign)
{
	return bpf_strlen(text);
}

NO("tc", kfunc_of_other_type, "calling kernel function bpf_get_file_xattr is not allowed")
{
	struct bpf_dynptr d;

	RUN(197, bytes, 64, 0, &d, 0);
	return bpf_get_file_xattr(0, text, &d);
}

YES("lsm.s/file_open", str)
{
	struct bpf_dynptr d;

	RUN(197, bytes, 64, 0, &d, 0);
	bpf_get_file_xattr((void *)*(long *)ctx, text, &d);
	return 0;
}

NO("lsm.s/file_open", str, "arg#1")
{
	struct bpf_dynptr d;

	RUN(197, bytes, 64, 0, &d, 0);
	bpf_get_file_xattr((void *)*(long *)ctx, (void *)1, &d);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
