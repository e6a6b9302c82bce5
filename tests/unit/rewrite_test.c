// SPDX-License-Identifier: Apache-2.0
/*
 * The rewritten program (verify_rewrite) against the original one: random TC programs run both on random packets and
 * contexts, the original over the context as programs see it, the rewritten one over the struct behind it. And its
 * length against the kernel's (BPF_OBJ_GET_INFO_BY_FD, xlated_prog_len), for programs that the kernel adds nothing to.
 */
#include <stdlib.h>

#include "check.h"
#include "exec/exec.h"
#include "oracle.h"
#include "verify/verify.h"

#define PROGRAMS 300
#define RUNS 8
#define BODY 24
#define MAX_INSNS 80
#define PACKET 64

static uint64_t state = 88172645463325252ull;

static uint32_t below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 33) % n;
}

struct program {
	struct skep_insn in[MAX_INSNS];
	uint32_t n;
};

static void put(struct program *p, uint8_t code, unsigned int dst, unsigned int src, int off,
		int32_t imm)
{
	p->in[p->n++] = (struct skep_insn){ code, (uint8_t)(dst | src << 4), (int16_t)off, imm };
}

/* Numbers that are known (r7, r8) and not (r6), so that some branches are decided and some code is dead. */
static void put_statement(struct program *p, uint32_t left, bool fields)
{
	static const uint8_t alu[] = { 0x07, 0x17, 0x27, 0x47, 0x57, 0xa7, 0xb7, 0x04, 0xa4, 0xb4 };
	static const uint8_t regs[] = { 0x0f, 0xaf, 0x0c, 0xac, 0xbf, 0xbc };
	static const uint8_t jumps[] = {
		0x15, 0x25, 0x35, 0x55, 0xa5, 0xb5, 0x65, 0xd5, 0x16, 0x26
	};
	static const int offs[] = { 8, 32, 44, 68 }; /* mark, priority, tc_index, hash */
	unsigned int r = 6 + below(3);

	switch (below(fields ? 10 : 5)) {
	case 0:
		put(p, alu[below(sizeof(alu))], r, 0, 0, (int32_t)below(9));
		return;
	case 1:
		put(p, regs[below(sizeof(regs))], r, 6 + below(3), 0, 0);
		return;
	case 2:
	case 3:
		put(p, jumps[below(sizeof(jumps))], r, 0, (int)below(left), (int32_t)below(6));
		return;
	case 4:
		put(p, 0x71, 6, 2, (int)below(PACKET), 0);
		return;
	case 5:
		put(p, 0x71, 6, 9, offs[below(4)] + (int)below(4), 0);
		return;
	case 6:
		put(p, 0x69, 6, 9, offs[below(4)] + 2 * (int)below(2), 0);
		return;
	case 7:
		put(p, 0x61, 6, 9, offs[below(4)], 0);
		return;
	case 8:
		put(p, 0x61, 6, 9, 48 + 4 * (int)below(5), 0); /* cb[] */
		return;
	default:
		put(p, 0x63, 9, 6 + below(3), 48 + 4 * (int)below(5), 0);
	}
}

static void make(struct program *p, bool fields)
{
	uint32_t end;

	p->n = 0;
	put(p, 0xbf, 9, 1, 0, 0);
	put(p, 0x61, 2, 1, fields ? 76 : 0, 0);
	put(p, 0x61, 3, 1, fields ? 80 : 4, 0);
	put(p, 0xbf, 4, 2, 0, 0);
	put(p, 0x07, 4, 0, 0, PACKET);
	put(p, 0xb7, 0, 0, 0, 1);
	end = p->n;
	put(p, 0x2d, 4, 3, 0, 0);
	put(p, 0x71, 6, 2, (int)below(PACKET), 0);
	put(p, 0xb7, 7, 0, 0, (int32_t)below(5));
	put(p, 0xb7, 8, 0, 0, (int32_t)below(5));
	for (uint32_t i = 0; i < BODY; i++)
		put_statement(p, BODY - i, fields);
	put(p, 0xbf, 0, 6, 0, 0);
	put(p, 0xaf, 0, 7, 0, 0);
	put(p, 0x0f, 0, 8, 0, 0);
	put(p, 0x95, 0, 0, 0, 0);
	p->in[end].off = (int16_t)(p->n - 2 - end);
}

static bool rewrite(const struct program *p, int type, struct verify_result *ret)
{
	const struct verify_opts o = { .insns = p->in,
				       .n = p->n,
				       .prog_type = type,
				       .attach_type = ATTACH_NONE,
				       .gpl = true,
				       .want_rewrite = true,
				       .caps = VERIFY_CAPS_ALL };
	struct skep_error *err = NULL;
	int r = verify_prog(&o, ret, &err);
	bool ok = CHECK_MSG(r == 0, "%s", err ? skep_error_message(err) : "?");

	skep_error_free(err);
	return ok && CHECK(ret->rewrite.n > 0);
}

static uint8_t packet[PACKET + 1];
static struct ctx_skb behind;

/* r0, or a number that no program gives. */
static uint64_t run_one(const struct skep_insn *insns, uint32_t n, bool original)
{
	const struct exec_prog_opts o = {
		.object = "t", .name = "t", .insns = insns, .ninsns = n, .prog_type = -1
	};
	static uint64_t seen[SPEC_SKB_SIZE / 8];
	struct exec_prog *prog = NULL;
	struct skep_error *err = NULL;
	struct exec_run run;
	uint64_t r0 = 0;
	int r = exec_prog_new(&o, &prog, &err);

	if (r == 0)
		r = exec_run_init(&run, &err);
	if (r == 0) {
		exec_run_start(&run, 0);
		run.ctx_backing = &behind;
		exec_region_add(&run,
				&(struct exec_region){
					.base = original ? (uintptr_t)seen : (uintptr_t)&behind,
					.size = original ? SPEC_SKB_SIZE : sizeof(behind),
					.kind = REGION_CTX,
					.writable = true,
					.ctx = original ? spec_ctx_of(PROG_SCHED_CLS) : NULL,
					.backing = original ? &behind : NULL });
		exec_region_add(&run, &(struct exec_region){ .base = (uintptr_t)packet,
							     .size = PACKET,
							     .kind = REGION_PACKET });
		r = exec(prog, &run, original ? (uintptr_t)seen : (uintptr_t)&behind, &r0, &err);
		exec_run_done(&run);
	}
	CHECK_MSG(r == 0, "%s: %s", original ? "original" : "rewritten",
		  err ? skep_error_message(err) : "?");
	skep_error_free(err);
	exec_prog_free(prog);
	return r0;
}

static void fresh_input(void)
{
	for (uint32_t i = 0; i < PACKET; i++)
		packet[i] = (uint8_t)(below(3) ? below(6) : below(256));
	behind.data = behind.data_meta = behind.hard_start = (uintptr_t)packet;
	behind.data_end = behind.frame_end = (uintptr_t)packet + (below(8) ? PACKET : 10);
	behind.mark = below(7);
	behind.priority = below(2) ? 0x01020304 : below(7);
	behind.tc_index = below(1 << 20);
	behind.hash = below(2) ? 0xfffefdfc : below(3);
	for (uint32_t i = 0; i < 5; i++)
		behind.cb[i] = below(9);
}

static void twins(void)
{
	uint32_t shorter = 0, contexts = 0, folded = 0;

	for (uint32_t i = 0; i < PROGRAMS; i++) {
		struct verify_result ret;
		struct program p;

		make(&p, true);
		CHECK_CASE("program %u", i);
		if (rewrite(&p, PROG_SCHED_CLS, &ret)) {
			shorter += ret.rewrite.n < p.n;
			for (uint32_t k = 0; k < ret.rewrite.n; k++) {
				contexts += ret.rewrite.marks[k] & VERIFY_MARK_CONTEXT ? 1 : 0;
				folded += ret.rewrite.marks[k] & VERIFY_MARK_FOLDED ? 1 : 0;
			}
			for (uint32_t k = 0; k < RUNS; k++) {
				uint64_t theirs;
				struct ctx_skb was;

				fresh_input();
				was = behind;
				theirs = run_one(p.in, p.n, true);
				behind = was;
				CHECK_EQ_INT(run_one(ret.rewrite.insns, ret.rewrite.n, false),
					     theirs);
			}
		}
		verify_done(&ret);
	}
	CHECK_CASE("dead code, contexts and known numbers occur");
	CHECK(shorter > PROGRAMS / 4);
	CHECK(contexts > PROGRAMS);
	CHECK(folded > PROGRAMS);
}

static uint32_t kernel_length(const struct program *p)
{
	int fd = oracle_load(BPF_PROG_TYPE_XDP, (const struct bpf_insn *)p->in, p->n, NULL, 0);
	struct bpf_prog_info info;
	union bpf_attr attr;

	if (fd < 0)
		return 0;
	memset(&info, 0, sizeof(info));
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;
	if (oracle_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) < 0)
		info.xlated_prog_len = 0;
	close(fd);
	return info.xlated_prog_len / 8;
}

/* What is dead is dead in the kernel, too. */
static void lengths(void)
{
	const char *why = oracle_missing();
	uint32_t differ = 0;

	if (why)
		CHECK_SKIP(why);
	for (uint32_t i = 0; i < PROGRAMS; i++) {
		struct verify_result ret;
		struct program p;
		uint32_t theirs;

		make(&p, false);
		CHECK_CASE("program %u", i);
		theirs = kernel_length(&p);
		if (CHECK(theirs > 0) && rewrite(&p, PROG_XDP, &ret)) {
			differ += ret.rewrite.n != theirs;
			verify_done(&ret);
		}
	}
	CHECK_CASE("as long as the kernel's");
	CHECK_EQ_INT(differ, 0);
}

/* Marks by hand: what is read as 64 bits is extended, what is not is not; an unprivileged store has a barrier. */
static void marks(void)
{
	static const struct skep_insn in[] = {
		{ 0xb4, 1, 0, 5 },     /* w1 = 5, stored as 4 bytes */
		{ 0x63, 0x1a, -4, 0 }, /* *(u32 *)(r10 - 4) = w1 */
		{ 0xb4, 0, 0, 7 },     /* w0 = 7, returned */
		{ 0x95, 0, 0, 0 },
	};
	struct verify_opts o = { .insns = in,
				 .n = 4,
				 .prog_type = PROG_SOCKET_FILTER,
				 .attach_type = ATTACH_NONE,
				 .want_rewrite = true };
	struct verify_result ret;

	if (CHECK_EQ_INT(verify_prog(&o, &ret, NULL), 0) && CHECK_EQ_INT(ret.rewrite.n, 4)) {
		CHECK_EQ_INT(ret.rewrite.marks[0], 0);
		CHECK_EQ_INT(ret.rewrite.marks[1], VERIFY_MARK_BARRIER_AFTER);
		CHECK_EQ_INT(ret.rewrite.marks[2], VERIFY_MARK_ZEXT);
	}
	verify_done(&ret);
	o.caps = VERIFY_CAPS_ALL;
	if (CHECK_EQ_INT(verify_prog(&o, &ret, NULL), 0) && CHECK_EQ_INT(ret.rewrite.n, 4))
		CHECK_EQ_INT(ret.rewrite.marks[1], 0);
	verify_done(&ret);
}

/* Swaps of 64 bits read the upper half, though they are of the class of 32. */
static void swaps(void)
{
	struct skep_insn in[] = {
		{ 0x61, 0x10, 0, 0 }, /* r0 = *(u32 *)(r1 + 0) */
		{ 0xdc, 0, 0, 64 },   /* r0 = be64 r0 */
		{ 0x67, 0, 0, 32 },   /* r0 <<= 32 */
		{ 0x77, 0, 0, 32 },   { 0x95, 0, 0, 0 },
	};
	const struct verify_opts o = { .insns = in,
				       .n = 5,
				       .prog_type = PROG_SOCKET_FILTER,
				       .attach_type = ATTACH_NONE,
				       .want_rewrite = true,
				       .caps = VERIFY_CAPS_ALL };
	struct verify_result ret;

	for (int bits = 16; bits <= 64; bits *= 2) {
		in[1].imm = bits;
		CHECK_CASE("be%d", bits);
		if (CHECK_EQ_INT(verify_prog(&o, &ret, NULL), 0) && CHECK(ret.rewrite.n >= 5))
			CHECK_EQ_INT(ret.rewrite.marks[0] & VERIFY_MARK_ZEXT,
				     bits == 64 ? VERIFY_MARK_ZEXT : 0);
		verify_done(&ret);
	}
}

/* Maps are addresses; known results are moves, of 64 bits and of 32. */
static void constants(void)
{
	static const struct skep_insn in[] = {
		{ 0x18, 1 | ISA_PSEUDO_MAP_IDX << 4, 0, 0 },
		{ 0, 0, 0, 0 },
		{ 0xb7, 6, 0, 7 },
		{ 0xbf, 0x67, 0, 0 }, /* r7 = r6 */
		{ 0x0f, 0x67, 0, 0 }, /* r7 += r6 */
		{ 0xb4, 8, 0, 2 },
		{ 0x14, 8, 0, 7 },     /* w8 -= 7 */
		{ 0x7b, 0x7a, -8, 0 }, /* *(u64 *)(r10 - 8) = r7 */
		{ 0x79, 0xa0, -8, 0 }, /* r0 = *(u64 *)(r10 - 8) */
		{ 0x0f, 0x80, 0, 0 },  /* r0 += r8 */
		{ 0x95, 0, 0, 0 },
	};
	const struct verify_map map = { .name = "m",
					.type = MAP_ARRAY,
					.key_size = 4,
					.value_size = 8,
					.max_entries = 1,
					.address = 0x123456789abcull };
	const struct verify_opts o = { .insns = in,
				       .n = 11,
				       .prog_type = PROG_XDP,
				       .attach_type = ATTACH_NONE,
				       .maps = &map,
				       .nmaps = 1,
				       .want_rewrite = true,
				       .caps = VERIFY_CAPS_ALL };
	const struct skep_insn *out;
	struct verify_result ret;

	if (!CHECK_EQ_INT(verify_prog(&o, &ret, NULL), 0) || !CHECK_EQ_INT(ret.rewrite.n, 11))
		return;
	out = ret.rewrite.insns;
	CHECK_EQ_INT(out[0].regs, 1);
	CHECK_EQ_INT(out[0].imm, 0x56789abc);
	CHECK_EQ_INT(out[1].imm, 0x1234);
	for (uint32_t i = 3; i < 9; i++)
		CHECK_EQ_INT(ret.rewrite.marks[i] & VERIFY_MARK_FOLDED,
			     i == 5 || i == 7 ? 0 : VERIFY_MARK_FOLDED);
	CHECK_EQ_INT(out[4].code, 0xb7);
	CHECK_EQ_INT(out[4].imm, 14);
	CHECK_EQ_INT(out[6].code, 0xb4);
	CHECK_EQ_INT(out[6].imm, -5);
	CHECK_EQ_INT(out[8].imm, 14);
	CHECK_EQ_INT(out[9].code, 0x0f); /* 0x100000009 has no form of one slot */
	CHECK_EQ_INT(run_one(out, ret.rewrite.n, false), 0x100000009);
	verify_done(&ret);
}

CHECK_MAIN({ "twins", twins }, { "lengths", lengths }, { "marks", marks }, { "swaps", swaps },
	   { "constants", constants })
