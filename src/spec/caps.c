// SPDX-License-Identifier: Apache-2.0
/* Capabilities that a program type or a helper asks of whoever loads (caps.def). */
#include "spec/rules.h"

uint32_t spec_prog_caps(int prog_type)
{
	switch (prog_type) {
#define LOAD(type, caps)  \
	case PROG_##type: \
		return SPEC_CAP_BPF | SPEC_CAP_##caps;
#define ANYBODY_LOADS(type) \
	case PROG_##type:   \
		return 0;
#define HELPER_PERFMON(name)
#define ANYBODY_CALLS(name)
#include "spec/caps.def"
	default:
		return SPEC_CAP_BPF;
	}
}

uint32_t spec_helper_caps(int id, int prog_type)
{
	/* who may load one that traces has it */
	bool traces = spec_prog_caps(prog_type) & SPEC_CAP_PERFMON || prog_type == PROG_SYSCALL;

	switch (id) {
#define LOAD(type, caps)
#define ANYBODY_LOADS(type)
#define HELPER_PERFMON(name) \
	case HELPER_##name:  \
		return traces ? SPEC_CAP_BPF : SPEC_CAP_BPF | SPEC_CAP_PERFMON;
#define ANYBODY_CALLS(name) \
	case HELPER_##name: \
		return 0;
#include "spec/caps.def"
	default:
		return SPEC_CAP_BPF;
	}
}
