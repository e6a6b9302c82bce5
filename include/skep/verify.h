/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier: would the kernel load this program? Needs no kernel and no privilege. The answer is Linux 6.18's, and
 * a rejection says where, what was needed, what was known. Kernel documents bpf/verifier.rst, bpf/kfuncs.rst.
 *
 * Threading: programs of one object may be verified by several threads at once.
 */
#ifndef SKEP_VERIFY_H
#define SKEP_VERIFY_H

#include <stdbool.h>

#include "skep/insn.h"
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
	uint32_t max_errors; /**< of skep_prog_explain(); 0: 20 */
	bool want_lines;     /**< skep_verify_result.lines; slower */
	bool want_rewritten; /**< skep_verify_result.rewritten */
};

/** Marks of skep_verify_rewritten. */
enum skep_verify_mark {
	SKEP_VERIFY_ZEXT = 1,		/**< 32 bits that are read as 64 later */
	SKEP_VERIFY_INLINE = 2,		/**< a call that code may take the place of */
	SKEP_VERIFY_BARRIER = 4,	/**< before it speculation has to end */
	SKEP_VERIFY_CONTEXT = 8,	/**< was an access to the context */
	SKEP_VERIFY_FOLDED = 16,	/**< was an operation whose result is known */
	SKEP_VERIFY_BARRIER_AFTER = 32, /**< a store that speculation must not pass */
	SKEP_VERIFY_MASKED = 64, /**< arithmetic on a pointer, to be masked against speculation */
};

/** A slot of the program as it is to be run: without dead code, branches decided, contexts converted. */
struct skep_verify_rewritten {
	struct skep_insn insn;
	uint32_t from;	/**< the slot of the program */
	uint32_t marks; /**< enum skep_verify_mark */
};

/** What a line of the source cost the verifier; without line information an instruction. */
struct skep_verify_line {
	const char *file, *source; /**< of the object's; NULL: unknown */
	uint32_t line, insn;	   /**< insn: the first of the line */
	uint32_t walked;	   /**< instructions */
	uint32_t kept;		   /**< states */
	uint64_t time_ns;
};

/** What came out; skep_verify_result_done() releases it. */
struct skep_verify_result {
	size_t size;		  /**< sizeof(struct skep_verify_result), set by the caller */
	uint32_t insns_processed; /**< instructions walked */
	uint32_t total_states, peak_states, max_states_per_insn;
	uint32_t stack_depth; /**< bytes */
	uint64_t time_ns;
	uint64_t memory;		/**< bytes that the verifier took */
	char *log;			/**< NULL without a log level */
	struct skep_verify_line *lines; /**< the dearest first; NULL when they are not wanted */
	size_t nlines;
	struct skep_verify_rewritten *rewritten; /**< NULL when it is not wanted, or rejected */
	size_t nrewritten;
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

/** A step of the way that gave a value what is known of it. */
struct skep_verify_cause {
	uint32_t insn;
	bool branch, taken;	   /**< a conditional jump, and which way */
	const char *code;	   /**< the instruction, as in the log */
	const char *text;	   /**< what came of it, in words */
	const char *file, *source; /**< of the source line; NULL: unknown */
	uint32_t line, col;
};

/** One reason to reject a program. All of it is borrowed for the call. */
struct skep_verify_finding {
	size_t size;
	const struct skep_error *error;		/**< with place, needed, known and help */
	const struct skep_verify_cause *causes; /**< the causal path, oldest first */
	size_t ncauses;
	const uint32_t *path; /**< all instructions of the path from its start */
	size_t npath;
};

/**
 * Why is it rejected? Calls @found for every error that is not the consequence of another one; the first is the one that
 * skep_prog_verify() gives. The verifier goes on behind each. The code of the first, or 0 when the program is accepted;
 * -ENOEXEC and -ENOMEM as skep_prog_verify(), with the reason in *reterr.
 */
SKEP_API int skep_prog_explain(const struct skep_prog *prog, const struct skep_verify_opts *opts,
			       void (*found)(void *ctx, const struct skep_verify_finding *finding),
			       void *ctx, struct skep_error **reterr);

/** An element of a map: the same value on each CPU. */
struct skep_input_element {
	const char *map;
	const void *key, *value;
	size_t key_size, value_size;
};

/** An input of a program: its context as linux/bpf.h has it, without what points to the packet; the packet; elements of maps. */
struct skep_input {
	size_t size;
	uint64_t prandom; /**< state of the random numbers that the program gets */
	const void *context, *packet;
	size_t context_size, packet_size;
	const struct skep_input_element *elements;
	size_t nelements;
};

/** Zero-initialise and set size. */
struct skep_search_opts {
	size_t size;
	uint64_t tries;	 /**< runs; 0: 1,000 */
	uint64_t seed;	 /**< 0: 1 */
	uint64_t budget; /**< instructions a run; 0: 100,000 */
};

/**
 * Is what the verifier refuses really wrong? Runs the program of a loaded object on inputs that follow the path of the
 * finding, in the checking interpreter, until one faults at the instruction of its error. 0: *ret is that input (skep_input_free()), and
 * *ret_fault what went wrong. -ENOENT: none was found within the tries; -EOPNOTSUPP: the program cannot be run here, with the reason in
 * *ret_fault. *ret_tries, which may be NULL, says how many runs were made. What the object's maps hold changes.
 */
SKEP_API int skep_prog_find_fault(const struct skep_prog *prog,
				  const struct skep_verify_finding *finding,
				  const struct skep_search_opts *opts, struct skep_input **ret,
				  struct skep_error **ret_fault, uint64_t *ret_tries);
SKEP_API void skep_input_free(struct skep_input *input);
/** An input as text, a line a part; free() it. NULL: out of memory. */
SKEP_API char *skep_input_text(const struct skep_prog *prog, const struct skep_input *input);
/** The first input of a text; -EINVAL when it does not fit the program. */
SKEP_API int skep_input_read(const struct skep_prog *prog, const char *text,
			     struct skep_input **ret, struct skep_error **reterr);
/**
 * Runs a program of a loaded object once on an input, in the checking interpreter. 0: it ended with *ret_r0; -EOPNOTSUPP: it cannot
 * be run here; otherwise the fault, in *reterr.
 */
SKEP_API int skep_prog_replay(const struct skep_prog *prog, const struct skep_input *input,
			      uint64_t budget, uint64_t *ret_r0, struct skep_error **reterr);

/** Zero-initialise and set size. */
struct skep_check_opts {
	size_t size;
	uint64_t runs;		   /**< with as many inputs; 0: 100 */
	uint64_t seed;		   /**< of the inputs; 0: 1 */
	uint64_t budget;	   /**< instructions a run; 0: 1,000,000 */
	uint32_t caps, prog_flags; /**< as in skep_verify_opts */
};

/** What came out of skep_prog_check(); set size. */
struct skep_check_result {
	size_t size;
	uint64_t runs; /**< that were made */
	uint64_t ended; /**< of them: that ended early, for what the engine lacks, or for the budget */
	uint64_t steps; /**< that were compared with states of the verifier */
	uint64_t states;
	uint64_t breaches; /**< 1, and the runs end, or 0 */
	bool unwatched;	   /**< too many states: only accesses were checked, not registers */
};

/**
 * Is the verifier right about this program? Runs it on random and boundary inputs in the checking interpreter: no
 * access may fail, and before each instruction the registers and the stack have to lie inside a state that the
 * verifier saw. The object is loaded; what its maps hold changes. 0: all was as foreseen; -ENOTRECOVERABLE: a breach, which
 * *reterr tells; -EOPNOTSUPP: it cannot be run here; otherwise why the verifier refuses it, as skep_prog_verify().
 * One thread at a time for one object.
 */
SKEP_API int skep_prog_check(const struct skep_prog *prog, const struct skep_check_opts *opts,
			     struct skep_check_result *ret, struct skep_error **reterr);

#ifdef __cplusplus
}
#endif
#endif
