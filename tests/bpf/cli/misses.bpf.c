// SPDX-License-Identifier: Apache-2.0
//
// What a relocation looks for and does not find: fields, a type, an enumerator; and externs of each kind.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct task_struct {
	int pid;
	int no_such_field;
} __attribute__((preserve_access_index));

struct no_such_struct {
	int x;
} __attribute__((preserve_access_index));

enum no_such_enum { NO_SUCH_VALUE = 3 };

extern int LINUX_KERNEL_VERSION __kconfig;
extern _Bool CONFIG_NO_SUCH __kconfig __weak;
extern const int no_such_symbol __ksym __weak;
extern void no_such_function(void) __ksym __weak;

__u64 sum;

SEC("tracepoint/syscalls/sys_enter_getppid")
int on_getppid(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	sum += LINUX_KERNEL_VERSION + CONFIG_NO_SUCH;
	sum += bpf_core_type_exists(struct no_such_struct);
	sum += bpf_core_field_exists(task->no_such_field);
	sum += bpf_core_enum_value_exists(enum no_such_enum, NO_SUCH_VALUE);
	if (&no_such_symbol)
		sum += 1;
	if (no_such_function)
		no_such_function();
	return BPF_CORE_READ(task, no_such_field);
}

char LICENSE[] SEC("license") = "GPL";
