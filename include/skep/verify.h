/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier: would the kernel load this program? Needs no kernel and no privilege. The answer is Linux 6.18's, and
 * a rejection says where, what was needed, what was known. Kernel documents bpf/verifier.rst, bpf/kfuncs.rst.
 *
 * Threading: programs of one object may be verified by several threads at once.
 */
#ifndef SKEP_VERIFY_H
#define SKEP_VERIFY_H

#include "skep/object.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Who loads it, for skep_verify_opts.caps. */
enum skep_verify_cap {
	SKEP_VERIFY_BPF = 1,	   /**< CAP_BPF */
	SKEP_VERIFY_PERFMON = 2,   /**< CAP_PERFMON */
	SKEP_VERIFY_NET_ADMIN = 4, /**< CAP_NET_ADMIN */
	SKEP_VERIFY_SYS_ADMIN = 8, /**< CAP_SYS_ADMIN */
	SKEP_VERIFY_NOBODY = 16,   /**< none of them; 0 is all of them */
};

/** Zero-initialise and set size; NULL takes all defaults. */
struct skep_verify_opts {
	size_t size;
	uint32_t caps;	     /**< enum skep_verify_cap; 0: all */
	uint32_t prog_flags; /**< BPF_F_* of BPF_PROG_LOAD that are added to the section's */
	uint32_t log_level; /**< of bpf(2): 1 the path that fails, 2 every path, 4 statistics; 0: no log */
	uint32_t insn_limit; /**< instructions to walk; 0: the kernel's 1,000,000 */
};

/** What came out; skep_verify_result_done() releases it. */
struct skep_verify_result {
	size_t size;		  /**< sizeof(struct skep_verify_result), set by the caller */
	uint32_t insns_processed; /**< instructions walked */
	uint32_t total_states, peak_states, max_states_per_insn;
	uint32_t stack_depth; /**< bytes */
	uint64_t time_ns;
	uint64_t memory; /**< bytes that the verifier took */
	char *log;	 /**< NULL without a log level */
};

/**
 * Verifies a program of an object. 0: accepted. Otherwise the errno that bpf(2) would give, and why in *reterr; -ENOEXEC
 * with the reason where the program cannot be loaded at all. @ret may be NULL; it is filled in both cases.
 * The types of the kernel are those that the object was opened with (skep_obj_opts.btf).
 */
SKEP_API int skep_prog_verify(const struct skep_prog *prog, const struct skep_verify_opts *opts,
			      struct skep_verify_result *ret, struct skep_error **reterr);
/** Releases what a verdict holds. */
SKEP_API void skep_verify_result_done(struct skep_verify_result *verdict);

#ifdef __cplusplus
}
#endif
#endif
