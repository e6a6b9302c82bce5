// SPDX-License-Identifier: Apache-2.0
/* Rules of kernel functions by name: the rows of kfunc_rules.def, which ascend by name. */
#include <string.h>

#include "base/num.h"
#include "spec/rules.h"

#define BIT(type) (1ull << PROG_##type)
#define ANY (~0ull)
#define XDP BIT(XDP)
#define TC (BIT(SCHED_CLS) | BIT(SCHED_ACT))
#define SYSCALL BIT(SYSCALL)
#define KPROBE BIT(KPROBE)
#define LSM BIT(LSM)
/* fentry, LSM, tracepoint and perf event programs, and struct_ops, share a set. */
#define TRACED (BIT(PERF_EVENT) | BIT(TRACEPOINT) | BIT(TRACING) | LSM | BIT(STRUCT_OPS))
#define CPUMASK (TRACED | SYSCALL)
#define CGROUP_ALL                                                                       \
	(BIT(CGROUP_DEVICE) | BIT(CGROUP_SKB) | BIT(CGROUP_SOCK) | BIT(CGROUP_SOCKOPT) | \
	 BIT(CGROUP_SOCK_ADDR) | BIT(CGROUP_SYSCTL) | BIT(SOCK_OPS))
#define OBJECTS (CGROUP_ALL | CPUMASK | BIT(SCHED_CLS) | XDP)
#define SKB                                                                           \
	(CGROUP_ALL | TRACED | TC | BIT(LWT_IN) | BIT(LWT_OUT) | BIT(LWT_SEG6LOCAL) | \
	 BIT(LWT_XMIT) | BIT(NETFILTER) | BIT(SK_SKB) | BIT(SOCKET_FILTER))

#define ACQUIRE KFUNC_F_ACQUIRE
#define RELEASE KFUNC_F_RELEASE
#define RET_NULL KFUNC_F_RET_NULL
#define TRUSTED KFUNC_F_TRUSTED
#define SLEEP KFUNC_F_SLEEP
#define RCU KFUNC_F_RCU
#define ITER_NEW KFUNC_F_ITER_NEW
#define ITER_NEXT KFUNC_F_ITER_NEXT
#define ITER_DESTROY KFUNC_F_ITER_DESTROY
#define RCU_PROTECTED KFUNC_F_RCU_PROTECTED

static const struct spec_kfunc_rule rules[] = {
#define KFUNC_RULE(function, bits, types) { .name = #function, .flags = (bits), .gate = (types) },
#include "spec/kfunc_rules.def"
#undef KFUNC_RULE
};

const struct spec_kfunc_rule *spec_kfunc_rule(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (strcmp(rules[i].name, name) == 0)
			return &rules[i];
	return NULL;
}

bool spec_kfunc_allowed(const struct spec_kfunc_rule *rule, int prog_type)
{
	return prog_type >= 0 && prog_type < PROG_TYPE_COUNT && rule->gate >> prog_type & 1;
}
