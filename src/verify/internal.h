/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of verify/ share: registers, stack, frames, states, and the walk.
 *
 * The walk (explore.c) goes along every path of the program, a state being what is known at one point of one
 * path. At some instructions states are kept (prune.c): a path whose state is contained in a kept one that was walked to
 * its end needs no further walk. What of a kept state matters is found backwards: which registers are read (liveness.c,
 * before the walk), which stack slots (liveness.c, during it), which numbers have to be as precise as they were (precise.c).
 *
 * A state shares its callers' frames and its stacks with other states and copies them before it writes
 * (state.c). What is marked on a kept state lies in the state itself, never in what it shares.
 *
 * Functions return 0, or a negative errno after reject() told the reason.
 */
#ifndef VERIFY_INTERNAL_H
#define VERIFY_INTERNAL_H

#include <string.h>

#include "base/arena.h"
#include "base/num.h"
#include "verify/scalar.h"
#include "verify/verify.h"

#define ERR(name, id, code, problem) \
	static const struct err_def ERR_##name __attribute__((unused)) = { id, code, problem };
#include "verify/errors.def"
#undef ERR

#define MAX_INSNS 1000000
#define SLOTS 64	     /* of 8 bytes, of one frame */
#define MAX_OFFSET (1 << 29) /* of a pointer, either way */
#define MAX_PACKET 65535
#define FP ISA_REG_FP
#define MAX_PENDING 8192 /* branches to be walked; more is refused */

enum reg_type {
#define REG(id, name) T_##id,
#include "verify/regs.def"
#undef REG
	T_COUNT,
};

enum reg_flag {
	F_NULL = 1, /* may be null */
	F_RDONLY = 2,
	F_RINGBUF = 4, /* memory of a ring buffer reservation */
	F_ALLOC = 8,   /* object of the program's own types */
	F_PERCPU = 16,
	F_RCU = 32,
	F_TRUSTED = 64,
	F_UNTRUSTED = 128,
	F_USER = 256,
	F_NON_OWN = 512, /* non-owning reference to a node */
};

/* An id of a linked number: plus a constant, which is in `off`. */
#define ID_ADD (1u << 31)

enum dynptr_type {
	DYNPTR_NONE,
	DYNPTR_LOCAL,
	DYNPTR_RINGBUF,
	DYNPTR_SKB,
	DYNPTR_XDP,
	DYNPTR_SKB_META,
	DYNPTR_FILE
};
enum iter_state { ITER_NONE, ITER_ACTIVE, ITER_DRAINED };

struct reg {
	uint8_t type;	    /* enum reg_type */
	bool precise : 1;   /* for the log */
	bool by_rounds : 1; /* a constant in each round of a summarised loop */
	uint16_t flags;	    /* enum reg_flag */
	int32_t off;	    /* the fixed part of a pointer's offset */
	uint32_t id;	    /* equal ids: the same unknown part, or linked numbers */
	uint32_t ref;	    /* of the acquired reference that it belongs to */
	uint32_t origin; /* in a summary (summary.h): what the value was at the loop's head ... */
	int32_t delta;	 /* ... plus this; 0: not known */
	union {
		struct { /* MAP_PTR, MAP_VALUE, MAP_KEY */
			const struct verify_map *map;
			uint32_t uid; /* which inner map */
		};
		struct { /* BTF; an iterator's slot */
			const struct btf *btf;
			uint32_t btf_id;
			uint8_t iter_state;
			uint16_t iter_depth;
		};
		struct { /* MEM, TP_BUFFER, BUF */
			uint32_t mem_size;
			uint32_t dynptr_id; /* of the dynptr that it is a slice of */
		};
		struct { /* PKT...: how many bytes from the start of its unknown part were compared with the end */
			int32_t range;
		};
		uint32_t frame;	  /* STACK */
		uint32_t subprog; /* FUNC */
		struct {	  /* DYNPTR and a dynptr's slot */
			uint8_t dynptr;
			bool first;
		};
		uint8_t irq_class; /* an irq flag's slot */
	};
	struct scalar s; /* the number; a pointer's unknown part */
};

#define PKT_AT_END (-1)
#define PKT_BEYOND_END (-2)

enum slot_type { SLOT_INVALID, SLOT_SPILL, SLOT_MISC, SLOT_ZERO, SLOT_DYNPTR, SLOT_ITER, SLOT_IRQ };

struct slot {
	uint8_t type[8]; /* enum slot_type, the byte at the highest address first */
	struct reg spill;
};

/* Slot i is the 8 bytes at fp - 8 * (i + 1). */
struct stack {
	uint32_t refs;
	uint32_t n, cap;
	struct slot slots[];
};

struct range {
	int64_t min, max;
};

struct frame {
	uint32_t refs;
	uint32_t func;			     /* index into funcs */
	uint32_t callsite;		     /* the call instruction in the caller */
	uint32_t inst;			     /* index into live's instances */
	bool in_callback, in_async, in_tree; /* in_tree: compares nodes of a tree */
	uint32_t async_entry;
	struct range callback_ret;
	uint32_t callback_depth;
	struct reg regs[ISA_REGS];
	struct stack *stack;
};

enum ref_kind { REF_PTR, REF_LOCK, REF_RES_LOCK, REF_RES_LOCK_IRQ, REF_IRQ };

struct ref {
	enum ref_kind kind;
	uint32_t id;
	uint32_t insn;
	const void *ptr; /* of a lock: map, or btf */
};

/* One step that is not to the next instruction, or touches the stack, or refines linked numbers. */
struct step {
	uint32_t at, from; /* the instruction, and the one before it */
	uint32_t when;	   /* which instruction of the walk */
	int16_t slot;	   /* of a spill or fill; -1: none, SEVERAL_SLOTS */
	uint8_t frame;	   /* of that */
	uint8_t nlinked;
	int8_t linked[6]; /* registers 0-10, or -1 - slot */
	uint8_t linked_frame[6];
};

#define SEVERAL_SLOTS (-2)

struct marks {
	uint16_t regs[ISA_MAX_FRAMES];
	uint64_t slots[ISA_MAX_FRAMES];
};

struct state {
	struct frame *frames[ISA_MAX_FRAMES];
	uint32_t cur; /* index of the innermost frame */
	uint32_t insn;
	uint32_t first_insn, last_insn; /* of the way from `parent` */
	struct state *parent;
	uint32_t branches; /* ways from here that are not walked to their end */
	struct ref *refs;
	uint32_t nrefs, crefs;
	uint32_t locks; /* spin locks held, a part of refs */
	uint32_t active_lock_id;
	const void *active_lock_ptr;
	uint32_t preempt, rcu;
	uint32_t active_irq;
	bool sleepable;
	struct step *steps;
	uint32_t nsteps, csteps;
	uint32_t may_goto_depth, callback_depth, depth;
	struct trail *trail; /* for explanations; NULL without */
	/* of a kept state */
	struct marks precise;
	struct state *next;
	uint32_t hits, misses;
	bool kept, cleaned, evicted, in_loop, is_head;
	uint32_t loop_id, journal; /* of the summary in which it was kept; 0: none */
	bool speculative;	   /* the CPU may run ahead here, the program does not come */
};

static inline struct frame *frame_of(struct state *st)
{
	return st->frames[st->cur];
}

struct pending {
	struct state *state;
	uint32_t insn, prev;
	size_t log_pos;
	struct pending *next;
	bool late; /* register `regno` is yet to become `s`: until then the frame is shared */
	uint8_t regno;
	struct scalar s;
};

enum insn_mark {
	AT_TARGET = 1,	    /* states are kept here */
	AT_FORCE = 2,	    /* ... always */
	AT_VISITED = 4,	    /* of the graph walk */
	AT_ITER = 8,	    /* iterator's next */
	AT_CALLBACK = 16,   /* call of a helper that calls back */
	AT_LOOP = 32,	    /* in a cycle with a forced keeping place */
	AT_SEEN = 64,	    /* the walk came here */
	AT_SECOND = 128,    /* second half of a wide one */
	AT_BAD_WRITE = 256, /* writes r10 */
	AT_BAD_FIELD = 512, /* a reserved field is not 0 */
	AT_ALWAYS = 1024,   /* a branch that was taken */
	AT_NEVER = 2048,    /* ... that was not */
	AT_BARRIER = 4096,  /* speculation ends here */
	AT_BARRIER_AFTER = 8192,
	AT_PAIR = 16384, /* spill or fill around a call that clobbers little (depth.c) */
	AT_FAST = 32768, /* ... such a call */
};

struct func {
	const char *name;
	uint32_t start, end;
	uint32_t btf_id; /* FUNC */
	bool global, is_static_called, is_callback, is_async, is_exception, has_tail_call,
		has_ld_abs;
	bool checked, called, args_known, changes_data, might_sleep;
	uint32_t depth;	   /* stack bytes */
	int32_t pairs_end; /* pairs of spill and fill lie below */
	bool has_pairs, keeps_pairs, own_stack, shares_stack;
	struct func_arg *args;
	uint32_t nargs;
	bool ret_void, ret_int;
};

struct call_map { /* of a helper call */
	const struct verify_map *map;
	bool several;
	bool foreign; /* it got a pointer to memory that is not the program's */
};

struct loop_call { /* of bpf_loop */
	uint32_t at, callback;
	bool in_line; /* the kernel may write it so */
	struct loop_call *next;
};

struct masked { /* arithmetic (speculate.c) */
	uint32_t limit;
	uint8_t state;
};

struct verifier {
	const struct verify_opts *o;
	const struct tries *tries;
	struct arena arena; /* the verifier itself lies in it */
	void *borrowed;	    /* of `tries` */
	bool on_kept;	    /* it lies in verify_opts.memory */
	const struct skep_insn *insns;
	uint32_t n;
	uint8_t *ops;	   /* enum isa_op per slot; ISA_INVALID in second halves */
	uint16_t *marks;   /* enum insn_mark */
	uint16_t *live;	   /* registers that are read from here on; live_regs() */
	uint32_t *func_of; /* NULL: all is one function */
	uint32_t *scc;	   /* cycle number, 0: in none; NULL: there is no cycle */
	uint8_t *ptr_types; /* of loads and stores: the base register's, must not change; 0: not known yet */
	struct call_map *call_maps; /* when facts are wanted, or a tail call is to be masked */
	struct loop_call *loop_calls;
	struct masked *masked; /* when the CPU may speculate */
	bool has[256];	       /* ops that there are */
	bool cyclic, backward; /* there may be a cycle; a jump goes back */
	struct func *funcs;
	uint32_t nfuncs;
	bool privileged, allow_leak, strict, any_align, test_state_freq, bpf_capable, perfmon;
	bool strict_numbers; /* masks depend on numbers: states are equal only when these are */
	bool cb_seen;	     /* the log needs no more than ... */
	/* the walk */
	struct state *st;
	uint32_t at, prev; /* the instruction, the one before it */
	struct pending *pending;
	uint32_t npending;
	struct state **kept;
	uint32_t ids, async_entries;
	uint32_t func; /* which is walked */
	uint32_t jumps, kept_jumps, kept_insns;
	bool explored; /* a function was walked */
	uint32_t next; /* instruction, where a call or exit leads */
	uint32_t insn_limit, stack_depth;
	bool popped, log_from, started;
	struct pending *free_pending;
	struct fields_cache *fields;
	struct live_data *lives;
	struct loops *loops; /* NULL: every round is walked */
	struct trial *trial; /* the innermost loop that is being summarised */
	bool resumed;	     /* the state at this instruction is kept already */
	uint32_t *preds, *first_pred;
	struct free_block *free_frames, *free_states, *free_stacks[9], *free_refs[12],
		*free_steps[22];
	struct verify_stats stats;
	/* log */
	struct buf log;
	uint32_t log_level;
	const struct verify_line *last_line;
	uint32_t printed_regs[ISA_MAX_FRAMES];
	uint64_t printed_slots[ISA_MAX_FRAMES]; /* what changed since it was printed */
	size_t insn_start, insn_end;		/* of the last instruction in the log */
	struct skep_error **reterr;
	struct skep_error *error;
	struct spec_need obstacle; /* why the profile's kernel refuses */
	bool has_obstacle;
	bool oom;
	struct spares *spares; /* what states are made of when memory is out */
	bool spared;
	struct verify_cost *costs; /* of each slot; NULL: not wanted */
	uint64_t cost_time;
	uint32_t cost_at;
	struct explain *explain;    /* verify_opts.found; NULL without */
	struct verify_point *point; /* for verify_opts.watch */
};

/* log.c */
int reject(struct verifier *v, const struct err_def *def, const char *fmt, ...)
	__attribute__((cold, format(printf, 3, 4)));
int out_of_memory(struct verifier *v) __attribute__((cold));
void say(struct verifier *v, const char *fmt, ...) __attribute__((cold, format(printf, 2, 3)));
/* The same at every log level. */
void say_always(struct verifier *v, const char *fmt, ...)
	__attribute__((cold, format(printf, 2, 3)));
static inline bool logging(const struct verifier *v)
{
	return __builtin_expect(v->log_level & (VERIFY_LOG_PATH | VERIFY_LOG_ALL), 0);
}
const char *tnum_name(struct tnum t, char *buf, size_t size);
void log_insn(struct verifier *v, uint32_t at);
void log_insn_text(struct verifier *v, uint32_t at, struct buf *out);
void log_state(struct verifier *v, const struct state *st, uint32_t frame, bool all);
void log_changed(struct verifier *v);
void log_line(struct verifier *v, uint32_t at);
static inline void touch_reg(struct verifier *v, uint32_t frame, uint32_t regno)
{
	v->printed_regs[frame] |= 1u << regno;
}

static inline void touch_slot(struct verifier *v, uint32_t frame, uint32_t slot)
{
	if (slot < SLOTS)
		v->printed_slots[frame] |= 1ull << slot;
}
/* "rdonly_mem_or_null": into a buffer of the caller's. */
const char *type_name(const struct verifier *v, enum reg_type type, unsigned int flags, char *buf,
		      size_t size);
#define TYPE_NAME 64

#endif
