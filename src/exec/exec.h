/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contract of the checking interpreter and of the call ABI between programs and helpers.
 *
 * Pointers in programs are host addresses. Every access is checked against the regions that a run
 * may touch: its own list (context, packet, ring reservations, hook memory), its stack, and the map memory of its
 * `exec_space`. So an unverified program can do no harm, and this engine is the oracle of verifier and JIT.
 * Programs (struct exec_prog) and spaces are immutable while they run and may be shared by threads; an
 * exec_run belongs to one thread.
 */
#ifndef EXEC_EXEC_H
#define EXEC_EXEC_H

#include "base/error.h"
#include "exec/checked.h"
#include "isa/isa.h"
#include "spec/form.h"
#include "spec/spec.h"

struct exec_prog;
struct exec_run;
struct exec_native;

#define EXEC_DEFAULT_BUDGET 10000000ull
#define EXEC_MAX_REGIONS 32
#define EXEC_MAX_HELD 8

enum exec_region_kind {
	REGION_CTX,
	REGION_STACK,
	REGION_PACKET,
	REGION_MAP_VALUE,
	REGION_RING, /* a reservation */
	REGION_RODATA,
	REGION_KERNEL, /* read-only memory of the hook: pt_regs, model structs */
	REGION_MEM,    /* memory that an embedder gave */
	REGION_KIND_COUNT,
};

struct exec_region {
	uint64_t base, size;
	enum exec_region_kind kind;
	bool writable;
	const char *name;	    /* of the map or structure; may be NULL */
	const struct spec_ctx *ctx; /* REGION_CTX with a table: accesses are converted */
	void *backing;		    /* of that context (struct ctx_xdp ...) */
};

/* A map as exec needs to know it. `map` is the value of a map pointer in a register. */
struct exec_map {
	void *map;
	const char *name;
	uint32_t type, key_size, value_size;
};

/* The maps of one loaded object. Implemented by core. */
struct exec_space_ops {
	/* The map whose pointer is @addr, or NULL. */
	const struct exec_map *(*map)(void *space, uint64_t addr);
	/* The one map value (of this or that CPU) that holds @addr: fills base, size, writable, kind, name. */
	bool (*value)(void *space, uint64_t addr, struct exec_region *ret);
	/* The program in slot @index of a prog array, or NULL. */
	const struct exec_prog *(*tail)(void *space, void *map, uint32_t index);
	/* The types that the object's programs name by number; NULL: there are none. May be NULL. */
	const struct btf *(*types)(void *space);
	/* The compiled form of a program that `tail` gave, or NULL. May be NULL. */
	const struct exec_native *(*native)(void *space, const struct exec_prog *prog);
	/* How the map whose pointer is @addr is built into compiled code; false: it is not. May be NULL. */
	bool (*form)(void *space, uint64_t addr, struct map_form *ret);
};

typedef uint64_t (*exec_helper_fn)(struct exec_run *run, uint64_t a1, uint64_t a2, uint64_t a3,
				   uint64_t a4, uint64_t a5);

struct exec_line {
	uint32_t insn;
	const char *file, *text;
	uint32_t line, col;
};

struct exec_poison {
	uint32_t insn;
	const char *reason;
};

/*
 * A helper of an embedder; its arguments are checked as those of the kernel's are. Without a custom_ctx it gets the
 * struct exec_run instead, and may end the run with exec_fault().
 */
struct exec_custom {
	uint32_t id;
	const char *name;
	uint64_t (*fn)(void *ctx, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);
	enum spec_arg args[5]; /* all ARG_NONE: not checked */
};

/* A kernel function that a program refers to by its index; fn NULL: this engine has none. */
struct exec_kfunc {
	const char *name; /* not copied */
	exec_helper_fn fn;
	unsigned int nargs;
	unsigned int callbacks; /* bit n: argument n is a function of the program */
};

/* A jump table: slots[i] becomes what an indirect jump to instruction insns[i] takes. */
struct exec_table {
	uint64_t *slots; /* filled while the program is made; the program reads them */
	const uint32_t *insns;
	uint32_t n;
};

struct exec_prog_opts {
	const char *object, *name; /* for errors */
	const struct skep_insn *insns;
	uint32_t ninsns;
	int prog_type; /* enum spec_prog_type, or -1: no gate on helpers */
	/* Helper bodies by id; NULL entries and ids beyond are refused by name when the program is made.
	 * tail_call is the engine's own: its entry is not looked at. Not copied. */
	const exec_helper_fn *helpers;
	size_t nhelpers;
	const struct helper_form
		*forms; /* of the helpers, nhelpers of them. May be NULL. Not copied */
	/* When not NULL: the only helpers, instead of the kernel's; copied. */
	const struct exec_custom *customs;
	size_t ncustoms;
	void *custom_ctx;
	/* Value of map i's pointer and of the start of its value, for ISA_PSEUDO_MAP_IDX(_VALUE). */
	const uint64_t *map_ptr, *map_value;
	/* Why map i is not there (its pointer is 0); the program is refused if it can reach a use of it. May be NULL. */
	const char *const *map_missing;
	size_t nmaps;
	/* Of kfunc calls, whose imm is an index into these; only read while the program is made. */
	const struct exec_kfunc *kfuncs;
	size_t nkfuncs;
	const struct exec_table *tables;
	size_t ntables;
	/* Addresses that casts give lie in these 4 GiB (exec_arena_base()); 0: there is no arena. */
	uint64_t arena;
	const struct exec_line *lines; /* sorted; copied, strings too */
	size_t nlines;
	const struct exec_poison *poisons; /* copied */
	size_t npoisons;
	const struct spec_fact *facts; /* one a slot; of them FACT_PROBE counts here; may be NULL */
	void *space;
	const struct exec_space_ops *space_ops; /* may be NULL: no maps */
	/* 1 + the instruction of the function that gets what is thrown, and whose result is the run's; 0: it is the result. */
	uint32_t exception;
	void *owner; /* for exec_prog_owner(): core's program */
};

/* The multiple of 4 GiB below an address of an arena. */
static inline uint64_t exec_arena_base(uint64_t addr)
{
	return addr & ~0xffffffffull;
}

/*
 * Decodes and checks what needs no verifier: valid instructions, jump and call targets inside, no jump into the
 * middle of a wide one or across functions, no fall off the end, known helpers that this engine serves and this
 * program type may call. Copies what it keeps.
 */
int exec_prog_new(const struct exec_prog_opts *opts, struct exec_prog **ret,
		  struct skep_error **reterr);
void exec_prog_free(struct exec_prog *prog);
void *exec_prog_owner(const struct exec_prog *prog);
const char *exec_prog_name(const struct exec_prog *prog);

/*
 * Compiled form of a program, as exec sees it: callbacks and tail calls go through it. `call` runs the function
 * at instruction @insn on the stack frames of @run from run->depth on.
 */
struct exec_native {
	const struct exec_prog *prog;
	uint64_t (*call)(const struct exec_native *native, struct exec_run *run, uint32_t insn,
			 const uint64_t args[5]);
	/* May the function at @insn be called so? */
	bool (*has)(const struct exec_native *native, uint32_t insn);
	uint32_t frames; /* that the program needs */
	uint32_t dirty;	 /* frames of them that it may write */
	uint64_t entry;	 /* the code of its first function; 0: only `call` runs it */
	bool jumps;	 /* it goes on to other programs without a look at run->shift */
	/* exec_view_kin() of what may jump straight to `entry`; 0: nothing, the engine has to do something first */
	uint64_t kin;
	uint32_t depth; /* of the run in it: its frames but one */
};

/* What the hook knows about the moment of the event. All may be NULL: then 0, or -EINVAL as the kernel would. */
struct exec_host {
	uint64_t (*pid_tgid)(void *ctx); /* tgid << 32 | pid */
	uint64_t (*uid_gid)(void *ctx);	 /* gid << 32 | uid */
	void (*comm)(void *ctx, char out[16]);
	uint64_t (*cgroup_id)(void *ctx);
	uint32_t (*cpu)(void *ctx);
	/* Reads user memory of the current task: 0, or -EFAULT (nothing promised about @out). */
	int (*read_user)(void *ctx, void *out, uint64_t addr, size_t len);
	/* Writes it, the same way. */
	int (*write_user)(void *ctx, uint64_t addr, const void *data, size_t len);
	/* The counter in slot @index of a perf event array: its value, and the times that it was enabled and running. 0 or -errno. */
	int (*counter)(void *ctx, void *map, uint32_t index, uint64_t out[3]);
	/* Sends a signal, to the thread or to its process. 0 or -errno. */
	int (*signal)(void *ctx, int32_t pid, bool thread, int sig, uint64_t value);
	/*
	 * The event's user (kernel) addresses are addresses of this process: any may be read, a bad one fails. Without
	 * it kernel memory is what the run may touch, and user memory what read_user gives.
	 */
	bool own_user, own_kernel;
	/* One formatted trace_printk line, without newline. */
	void (*trace)(void *ctx, const char *line, size_t len);
	/* XDP/TC redirect target was chosen by the program. */
	void (*redirect)(void *ctx, uint32_t ifindex, uint64_t flags);
};

struct exec_frame; /* private */
struct exec_near {
	uint64_t base, size;
	bool writable;
};

/* State of one run. exec_run_init() once, then exec_run_start() + exec() for each event. */
struct exec_run {
	const struct exec_prog *prog;
	const struct exec_host *host;
	void *host_ctx;
	void *ctx_backing; /* struct ctx_xdp, struct ctx_skb, or NULL */
	uint64_t ctx;	   /* r1 */
	uint64_t ctx_len;  /* r2 at the start, for programs over bare memory */
	uint64_t budget;   /* instructions left */
	uint64_t budget_start;
	uint32_t tail_calls;
	struct exec_region regions[EXEC_MAX_REGIONS];
	uint32_t nregions;
	const uint8_t *packet; /* for LD_ABS / LD_IND; NULL: none */
	uint32_t packet_len;
	struct skep_error *fault; /* set by exec_fault(); taken by exec() */
	uint64_t callback_depth;
	uint8_t *stack; /* frames and the gaps between them, owned; while compiled code runs in its place, of a subprogram that tail-called it */
	uint32_t shift; /* the frames below that */
	struct exec_frame *frames;
	uint32_t depth, max_depth;
	uint32_t dirty;	     /* frames that may hold what a program wrote */
	uint32_t insn;	     /* of prog: the call under way, the place of a fault */
	uint32_t packet_net; /* offset of the network header in the packet, for LD_ABS; 0: none */
	struct exec_near near[2]; /* where accesses last fell: a region of the list, a map value */
	uint64_t map_addr;	  /* the map pointer looked up last, and its map */
	const struct exec_map *map_last;
	uint64_t prandom;    /* state of get_prandom_u32, seeded by exec_run_init */
	const uint64_t *now; /* time of the event when the hook replays a capture: NULL = now */
	void *user;	     /* core's */
	uint32_t stop;	     /* not 0: end the run soon; set by exec_stop() */
	const struct exec_native *native; /* of prog: its callbacks run compiled; NULL: interpreted */
	/* Sees each instruction before it is interpreted: run->insn of run->prog, @r: r0 to r10. False: end it, after exec_fault(). */
	bool (*watch)(void *ctx, struct exec_run *run, const uint64_t *r);
	void *watch_ctx;
	uint32_t sampled, cpu; /* enum helper_need: which of these are the host's, of this run */
	uint64_t pid_tgid;
	struct exec_checks checks;
	/* The model kernel that helpers answer from (helper/), and its objects. Nobody's, or of who set it; with `model_free` the run's own. */
	void *model;
	bool (*model_find)(void *model, uint64_t addr, struct exec_region *ret);
	void (*model_free)(void *model);
	void *event; /* what is known of the event beyond the context: helper/event.h; with `event_free` the run's own */
	void (*event_free)(void *event);
	/* Locks that the program holds: words that are 0 when they are free. What is left when it ends is freed. */
	uint64_t held[EXEC_MAX_HELD];
	uint32_t nheld;
	bool thrown; /* bpf_throw() ended it, with this */
	uint64_t thrown_value;
};

int exec_run_init(struct exec_run *run, struct skep_error **reterr);
void exec_run_done(struct exec_run *run);
/* Forgets regions, fault, depth; sets the budget (0: default). */
void exec_run_start(struct exec_run *run, uint64_t budget);
/*
 * From any thread: what @run runs ends soon with -ECANCELED, and so does what it runs later, until it is allowed
 * to run again.
 */
void exec_stop(struct exec_run *run, bool stop);
/* Adds a region; -ENOSPC when there are too many. */
int exec_region_add(struct exec_run *run, const struct exec_region *region);
/* Removes the region that starts at @base; -ENOENT. */
int exec_region_remove(struct exec_run *run, enum exec_region_kind kind, uint64_t base);
/* Changes bounds of the (first) region of a kind, after adjust_head and the like. */
void exec_region_move(struct exec_run *run, enum exec_region_kind kind, uint64_t base,
		      uint64_t size);

/*
 * Runs @prog with r1 = @ctx. 0 and *ret_r0; or -errno and the error of the access, budget, depth... that ended
 * it. Ring reservations that it left open end the run with an error that names them; the caller discards them.
 */
int exec(const struct exec_prog *prog, struct exec_run *run, uint64_t ctx, uint64_t *ret_r0,
	 struct skep_error **reterr);

/* For compiled code ------------------------------------------------------------------------------- */

#define EXEC_FRAME_STRIDE 1024 /* from one frame of run->stack to the next */

/* What exec() does before and after the program. */
void exec_begin(const struct exec_prog *prog, struct exec_run *run, uint64_t ctx);
int exec_end(struct exec_run *run, int r, struct skep_error **reterr);

/* A value and whether there is one, in two registers. */
struct exec_pair {
	uint64_t value, ok;
};

/* For helper bodies ------------------------------------------------------------------------------ */

/* May the program access [addr, addr + len)? */
bool exec_may_access(struct exec_run *run, uint64_t addr, uint64_t len, bool write);
/* Region that holds addr, for messages and for string length; false: none. */
bool exec_region_find(struct exec_run *run, uint64_t addr, struct exec_region *ret);
/* Calls a callback of the running program (the value of an ISA_PSEUDO_FUNC load). 0, or -errno with the fault set. */
int exec_callback(struct exec_run *run, uint64_t func, const uint64_t args[5], uint64_t *ret);
/* Ends the run after the helper returns, without an error: its result is @value, or what the program's handler makes of it. */
void exec_throw(struct exec_run *run, uint64_t value);
/* A function of @prog on a run of its own: what a timer calls. */
int exec_async(const struct exec_prog *prog, struct exec_run *run, uint64_t func,
	       const uint64_t args[5], uint64_t *ret, struct skep_error **reterr);
/* An object of the model, or a map's, is gone: what was found is looked up anew. */
void exec_forget(struct exec_run *run);
/* Types that the running program names by number, or NULL. */
const struct btf *exec_types(const struct exec_run *run);
/* Ends the run after the helper returns, with this error placed at the call. Returns 0 for `return exec_fault(...)`. */
uint64_t exec_fault(struct exec_run *run, const struct err_def *def, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The map behind a map pointer (already checked by the call), as the map layer's pointer. */
const struct exec_map *exec_map_of(struct exec_run *run, uint64_t addr);

#endif
