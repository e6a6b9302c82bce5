/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules of single instructions share (stack.c, memory.c, ctx_access.c, alu.c, branch.c, call*.c): inside verify/ only. */
#ifndef VERIFY_WALK_H
#define VERIFY_WALK_H

#include "verify/graph.h"
#include "verify/state.h"

static inline struct reg *reg_at(struct verifier *v, unsigned int regno)
{
	return &frame_of(v->st)->regs[regno];
}

/* One access to memory. */
struct access {
	unsigned int regno; /* of the pointer */
	int32_t off;	    /* of the instruction */
	uint32_t size;
	bool write, sign;
	bool indirect;	  /* by a helper */
	bool once_strict; /* atomics */
	int value;	  /* register that is loaded or stored, or -1 */
	bool is_imm;	  /* stores `imm` */
	int32_t imm;
};

int no_value(struct verifier *v, unsigned int regno) __attribute__((cold));

/* The register is read; -errno when it has no value. */
static inline int use_reg(struct verifier *v, unsigned int regno)
{
	touch_reg(v, v->st->cur, regno);
	return reg_at(v, regno)->type == T_NOT_INIT ? no_value(v, regno) : 0;
}

/* It was written: the log shows it. */
static inline void def_reg(struct verifier *v, unsigned int regno)
{
	touch_reg(v, v->st->cur, regno);
}

/* memory.c */
int mem_access(struct verifier *v, const struct access *a);
/* [off, off + size) of a region of @limit bytes, with what the register adds. */
int mem_region(struct verifier *v, unsigned int regno, int64_t off, uint64_t size, uint64_t limit,
	       bool zero_ok);
int mem_packet(struct verifier *v, unsigned int regno, int64_t off, uint64_t size, bool zero_ok);
int mem_map_value(struct verifier *v, unsigned int regno, int64_t off, uint64_t size, bool zero_ok,
		  bool indirect, bool write);
int mem_map_type(struct verifier *v, unsigned int regno, int64_t off, uint64_t size, bool write);
bool mem_packet_writable(struct verifier *v, bool write);
/* No unknown part, no offset (unless @off_ok); "dereference of modified %s ptr". */
int mem_fixed(struct verifier *v, unsigned int regno, bool off_ok);
uint32_t inner_value_size(const struct verify_map *map);

/* stack.c */
int stack_access(struct verifier *v, const struct access *a);
/* A helper's or kfunc's: [off, off + size) is read, and written when @write; @raw: needs no value before. */
int stack_helper(struct verifier *v, unsigned int regno, int64_t off, uint64_t size, bool write,
		 bool raw);
void stack_mark_read(struct verifier *v, uint32_t frame, int64_t min, int64_t max);

/* ctx_access.c */
int ctx_access(struct verifier *v, const struct access *a);
int sock_access(struct verifier *v, const struct access *a);

/* ctx_args.c */
int ctx_argument(struct verifier *v, const struct access *a, uint32_t off);

/* struct_ops.c */
int struct_ops_check(struct verifier *v);
/* FUNC_PROTO of the member, 0: unknown. */
uint32_t struct_ops_proto(const struct verifier *v, const char **ret_name);
bool struct_ops_may_be_null(const struct verifier *v, uint32_t arg);
/* What an argument is that points to this struct. */
uint32_t struct_ops_object(const struct verifier *v, uint32_t type);
bool struct_ops_helper(const struct verifier *v, int32_t id);
int struct_ops_result(struct verifier *v, bool *ret_done);
/* May the program write there, in the kernel's object that the register points to? */
int kernel_write(struct verifier *v, const struct access *a, int64_t off);

/* map_use.c */
int map_use(struct verifier *v, const struct verify_map *map);

/* btf_access.c */
int btf_object_access(struct verifier *v, const struct access *a);

/* alu.c */
int do_alu(struct verifier *v);
int do_cast(struct verifier *v);
void link_scalars(struct verifier *v, struct reg *src);
void sync_linked(struct verifier *v, const struct reg *known, struct step *step);

/* branch.c */
int do_branch(struct verifier *v, bool *ret_both, uint32_t *ret_next);
/* The pointers with this id, which may be null, are, or are not. */
void null_decide(struct verifier *v, struct state *st, uint32_t id, uint32_t ref, bool null);

/* speculate.c */
struct alu_mask {
	bool on, left, off_is_dst;
	uint8_t state;
	uint32_t limit;
};
bool speculates(const struct verifier *v);
int speculate_branch(struct verifier *v, uint32_t to, const struct skep_insn *in);
/* The instruction failed where only speculation comes: no reason to refuse, the path ends. */
bool speculate_recovers(struct verifier *v, int err);
int speculate_numbers(struct verifier *v);
/* Around ptr +- off; the destination register holds what it held, then the result. */
int speculate_before(struct verifier *v, const struct reg *ptr, const struct reg *off,
		     bool ptr_is_dst, struct alu_mask *m);
int speculate_after(struct verifier *v, const struct alu_mask *m);

/* precise.c */
int precise_reg(struct verifier *v, unsigned int regno);
int precise_slot(struct verifier *v, uint32_t frame, uint32_t slot);
int precise_from(struct verifier *v, struct state *equal);
/* These matter, in the kept state before v->st and before that. */
void precise_marks(struct verifier *v, const struct marks *want);

/* prune.c */
int prune_visit(struct verifier *v, bool *ret_known);
void prune_done(struct verifier *v, struct state *st);
/* Keeps v->st, which goes on behind it. */
void prune_keep(struct verifier *v);
bool prune_within(struct verifier *v, const struct state *old, const struct state *now);
bool prune_reg_within(struct verifier *v, const struct reg *old, const struct reg *now);
bool prune_slot_within(struct verifier *v, const struct slot *old, const struct slot *now);

/* watch.c */
void watch_state(struct verifier *v) __attribute__((cold));

/* rewrite.c: 0, also when there is none because a jump would be too long, or -ENOMEM. @facts may be NULL. */
int rewrite_make(struct verifier *v, const struct spec_fact *facts, struct verify_rewrite *ret);

/* costs.c: what v->costs wants. The walk comes to an instruction; it ends. */
void costs_note(struct verifier *v) __attribute__((cold));
void costs_end(struct verifier *v);

/* explore.c */
/* Numbers of @st that changed since the same place was kept on its way: unknown, so that rounds converge. */
void widen_round(struct verifier *v, struct state *st, uint32_t at);
/* A way from @st was walked to its end. */
void path_ended(struct verifier *v, struct state *st);
struct state *push_branch(struct verifier *v, uint32_t at, uint32_t prev);
uint32_t next_id(struct verifier *v);
void invalidate_packets(struct verifier *v);
int do_exit(struct verifier *v, bool *ret_returned);

/* call*.c */
int do_call(struct verifier *v);
int call_local(struct verifier *v);
int call_helper(struct verifier *v);
int call_kfunc(struct verifier *v);
int call_return(struct verifier *v);
int check_return(struct verifier *v, const char *what);
int out_of_range(struct verifier *v, const char *what, const struct reg *r, struct range range);
int resource_leak(struct verifier *v, const char *what, bool leaving);
int release_ref(struct verifier *v, uint32_t id);
void clobber_caller_regs(struct verifier *v);
int do_packet_load(struct verifier *v);

#endif
