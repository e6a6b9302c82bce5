/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contract of the verifier: a program and what surrounds it -> verdict, log, facts. It knows no file descriptor, no
 * map contents but frozen ones, no kernel: everything that it needs is in struct verify_opts, borrowed for the call.
 * Pure: same input, same answer; no global state, so threads may verify side by side. Written from the kernel documents
 * bpf/verifier.rst and bpf/kfuncs.rst, RFC 9669, and experiments with bpf(2).
 *
 * The instructions are those of load/load.h, with these references: wide loads ISA_PSEUDO_MAP_IDX and _MAP_IDX_VALUE
 * have an index into maps[] in imm (descriptors are refused: nobody here could open them); ISA_PSEUDO_BTF_ID and calls of kfuncs have a type id of
 * kernel_btf in imm (0: a weak one that is not there; reaching the call is refused).
 */
#ifndef VERIFY_VERIFY_H
#define VERIFY_VERIFY_H

#include "base/arena.h"
#include "base/error.h"
#include "btf/btf.h"
#include "isa/isa.h"
#include "spec/profile.h"
#include "spec/spec.h"
#include "verify/scalar.h"

/* Who loads the program. 0 is unprivileged. */
enum verify_cap {
	VERIFY_CAP_BPF = 1,
	VERIFY_CAP_PERFMON = 2,
	VERIFY_CAP_NET_ADMIN = 4,
	VERIFY_CAP_SYS_ADMIN = 8,
	VERIFY_CAPS_ALL = 15,
};

/* Flags of BPF_PROG_LOAD, as in linux/bpf.h. */
enum verify_prog_flag {
	VERIFY_F_STRICT_ALIGNMENT = 1,
	VERIFY_F_ANY_ALIGNMENT = 2,
	VERIFY_F_TEST_RND_HI32 = 4,
	VERIFY_F_TEST_STATE_FREQ = 8,
	VERIFY_F_SLEEPABLE = 16,
	VERIFY_F_XDP_HAS_FRAGS = 32,
	VERIFY_F_XDP_DEV_BOUND_ONLY = 64,
	VERIFY_F_TEST_REG_INVARIANTS = 128,
};

/* Bits of a log level: 1 the path that fails, 2 every path, 4 statistics only (as bpf(2)'s log_level). */
enum verify_log_level { VERIFY_LOG_PATH = 1, VERIFY_LOG_ALL = 2, VERIFY_LOG_STATS = 4 };

struct verify_map {
	const char *name;
	uint32_t type, key_size, value_size, max_entries, flags;
	uint64_t extra;			/* map_extra */
	const struct btf *btf;		/* of key_type and value_type; may be NULL */
	uint32_t key_type, value_type;	/* ids in btf, 0: none; for data sections the DATASEC */
	const struct verify_map *inner; /* template of a map-in-map */
	const uint8_t
		*frozen; /* value_size bytes of a frozen, read-only array of one element, or NULL */
	uint64_t address; /* what facts call it; 0: its index */
};

/* A function of the program; funcs[0] starts at 0. Without any, the verifier finds the starts by the calls. */
struct verify_func {
	const char *name;
	uint32_t start;	 /* in slots */
	uint32_t btf_id; /* FUNC in `btf`, 0: none */
	bool global;	 /* is checked by itself, against its contract */
};

struct verify_line {
	uint32_t insn;
	const char *file, *text;
	uint32_t line, col;
};

/* What a register or a piece of the stack holds, for verify_opts.watch. */
enum verify_kind {
	VERIFY_NOTHING, /* nothing is known, not even that it was written */
	VERIFY_NUMBER,
	VERIFY_CTX, /* the pointers: where something begins, plus `off`, plus the number */
	VERIFY_STACK,
	VERIFY_PACKET,
	VERIFY_MAP_VALUE,
	VERIFY_POINTER, /* another one */
};

struct verify_value {
	enum verify_kind kind;
	bool null;	/* or 0 */
	uint32_t frame; /* STACK: whose, 0 the outermost that is walked */
	int32_t off;
	struct scalar s;
};

/* 8 bytes of a stack, from fp - 8 * (i + 1) on. */
struct verify_slot {
	uint8_t size; /* bytes that `value` takes, from the lowest on; 0: none */
	uint8_t zero; /* bit i: byte i is zero */
	struct verify_value value;
};

/* A state before an instruction. */
struct verify_point {
	uint32_t insn, depth; /* depth: frames that are walked, less one */
	struct verify_value regs[ISA_REGS];
	struct {
		uint32_t callsite; /* in the frame before it */
		uint32_t nslots;
		struct verify_slot slots[ISA_STACK_SIZE / 8];
	} frames[ISA_MAX_FRAMES];
};

/* A step of the way that gave a value what is known of it, for verify_opts.found. */
struct verify_cause {
	uint32_t insn;
	bool branch, taken;
	const char *code;	  /* the instruction, as in the log */
	const char *text;	  /* in words: what came of it */
	int regno;		  /* the register that `text` is about, or -1 */
	const struct reg *result; /* inside verify/ only */
};

/* What comes with an error. Borrowed for the call. */
struct verify_finding {
	uint32_t insn;
	int reg;			   /* whose value is refused, or -1 */
	const struct verify_cause *causes; /* oldest first */
	uint32_t ncauses;
	const uint32_t *path; /* every instruction of the path, from its start to `insn` */
	uint32_t npath;
};

struct verify_opts {
	const char *name; /* the object, for errors; may be NULL */
	const char *prog; /* the program, for errors; may be NULL */
	const struct skep_insn *insns;
	uint32_t n; /* slots */
	int prog_type;
	int attach_type;	/* expected_attach_type, or ATTACH_NONE */
	uint32_t prog_flags;	/* enum verify_prog_flag */
	uint32_t attach_btf_id; /* of kernel_btf, or of target_btf for EXT; 0: none */
	uint32_t attach_member; /* of STRUCT_OPS, whose attach_btf_id is the struct: the index of the member */
	const char *attach_name; /* what the section name says it attaches to; may be NULL */
	bool gpl;		 /* the licence is GPL-compatible */
	uint32_t caps;		 /* enum verify_cap */
	const struct verify_map *maps;
	uint32_t nmaps;
	const struct btf *btf;	      /* the program's; may be NULL */
	const struct btf *kernel_btf; /* may be NULL: what needs it is refused */
	const struct verify_func *funcs;
	uint32_t nfuncs;
	const struct verify_line *lines; /* sorted by insn */
	uint32_t nlines;
	uint32_t log_level;
	/* Gets the log in pieces, whole lines; may be NULL. Of level 1 it comes at the end. */
	void (*log)(void *ctx, const char *text, size_t len);
	void *log_ctx;
	/* The kernel that is asked, whose `from` and `until` are narrowed to where the verdict holds; NULL: the newest. */
	struct spec_profile *profile;
	uint32_t insn_limit; /* instructions walked; 0: 1,000,000 */
	/*
	 * Every round of every loop is walked, as the kernel does; otherwise loops may be decided by a summary, and what the
	 * kernel refuses only for its limits may be accepted. A log of paths tells the rounds.
	 */
	bool every_round;
	size_t memory_limit; /* bytes; 0: 1 GiB */
	/* To work in, emptied before and after; what was needed stays for the next call, to some MiB. NULL: none is kept. */
	struct arena *memory;
	bool want_facts;
	bool want_rewrite;
	bool want_costs; /* slower: the clock is read at each instruction */
	/*
	 * Gets every state before it is walked on. Then nothing is left out: a path ends early only where all registers, slots
	 * and numbers lie within a state that was seen. That walk is longer, its verdict may be -E2BIG.
	 */
	void (*watch)(void *ctx, const struct verify_point *at);
	void *watch_ctx;
	/*
	 * Gets every error that is not the consequence of another, the verdict's first, with needed, known and help, and owns it. The walk goes on behind
	 * each, up to @max_errors (0: 20); then the log and the figures are of no kernel, and verify_prog() gives the
	 * code of the first and no error.
	 */
	void (*found)(void *ctx, const struct verify_finding *finding, struct skep_error *err);
	void *found_ctx;
	uint32_t max_errors;
};

/* Where the complexity is: what one slot of the program cost. */
struct verify_cost {
	uint32_t walked, kept; /* times; states */
	uint64_t time_ns;
};

struct verify_stats {
	uint32_t insns_processed, total_states, peak_states, max_states_per_insn, mark_read;
	uint32_t summaries; /* loops that were decided without walking their rounds */
	uint64_t time_ns;
	size_t memory; /* peak, bytes */
};

enum verify_mark {
	VERIFY_MARK_ZEXT = 1, /* its result of 32 bits has to be extended: the upper half is read */
	VERIFY_MARK_INLINE =
		2, /* a call that code may take the place of: the map is known, or no map is needed */
	/* for loaders without CAP_PERFMON (speculate.c): */
	VERIFY_MARK_BARRIER = 4,	/* before it speculation has to end */
	VERIFY_MARK_BARRIER_AFTER = 32, /* a store that speculation must not pass */
	VERIFY_MARK_MASKED =
		64, /* arithmetic on a pointer that must stay inside also in speculation */
	VERIFY_MARK_CONTEXT = 8, /* was an access to the context; now to the struct behind it */
	VERIFY_MARK_FOLDED =
		16, /* was an operation, or a load from the stack; now a move of what it gives */
};

/* The program as it is to be run: see rewrite.c. */
struct verify_rewrite {
	struct skep_insn *insns;
	uint32_t *from; /* the slot that each was made from */
	uint8_t *marks; /* enum verify_mark */
	uint32_t n;
};

struct verify_result {
	struct verify_stats stats;
	struct spec_fact *facts;       /* n of them when wanted and accepted, else NULL */
	uint32_t stack_depth;	       /* bytes, of the deepest chain of calls */
	struct verify_rewrite rewrite; /* when wanted and accepted; n 0: none */
	struct verify_cost *costs;     /* n of them when wanted, else NULL */
	uint32_t *hits; /* how often each slot was walked, n of them when facts are wanted; else NULL */
	char *log;	/* the log as text; NULL when log_level is 0 */
	uint32_t from, until;	   /* of the profile: versions in [from, until) have this verdict */
	bool has_obstacle;	   /* it was rejected because the profile's kernel lacks ... */
	struct spec_need obstacle; /* ... this */
};

/*
 * 0: accepted. Else the errno that bpf(2) would give (-EACCES, -EINVAL, -E2BIG, -EPERM ...), the reason in *reterr with the
 * instruction and source line as its place. @ret may be NULL; it is filled in both cases, verify_done() releases it.
 */
int verify_prog(const struct verify_opts *opts, struct verify_result *ret,
		struct skep_error **reterr);
void verify_done(struct verify_result *result);
/* Fills in what an error of the verifier lacks of needed and help, as far as they are the same for all programs. */
void verify_advise(struct skep_error **err);

#endif
