/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small programs that run on our engine, and on the kernel through BPF_PROG_TEST_RUN where that is allowed. Each has
 * two arrays of one value: `in`, constant to programs, and `out`. A program is written once with the builder
 * and refers to them by number; the kernel gets descriptors in their place.
 */
#ifndef TESTS_UNIT_BOTH_H
#define TESTS_UNIT_BOTH_H

#include <stdlib.h>

#include "check.h"
#include "exec/exec.h"
#include "helper/helper.h"
#include "map/map.h"
#include "oracle.h"

#define BOTH_IN 1024
#define BOTH_OUT 2048
#define BOTH_MAPS 3 /* in, out, and one of the test's choice */
#define BOTH_INSNS 512

enum { MAP_IN, MAP_OUT, MAP_OWN };

struct asm_code {
	struct bpf_insn in[BOTH_INSNS];
	uint32_t n;
};

static inline void asm_add(struct asm_code *a, uint8_t code, int dst, int src, int off, int32_t imm)
{
	if (a->n == BOTH_INSNS)
		abort();
	a->in[a->n++] = (struct bpf_insn){ .code = code,
					   .dst_reg = (uint8_t)dst & 15,
					   .src_reg = (uint8_t)src & 15,
					   .off = (int16_t)off,
					   .imm = imm };
}

static inline void asm_mov(struct asm_code *a, int dst, int32_t imm)
{
	asm_add(a, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm);
}

static inline void asm_move(struct asm_code *a, int dst, int src)
{
	asm_add(a, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static inline void asm_const(struct asm_code *a, int dst, uint64_t v)
{
	asm_add(a, BPF_LD | BPF_DW | BPF_IMM, dst, 0, 0, (int32_t)v);
	asm_add(a, 0, 0, 0, 0, (int32_t)(v >> 32));
}

/* Pointer to a map, or to byte @off of its value. */
static inline void asm_map(struct asm_code *a, int dst, int map)
{
	asm_add(a, BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_IDX, 0, map);
	asm_add(a, 0, 0, 0, 0, 0);
}

static inline void asm_value(struct asm_code *a, int dst, int map, int32_t off)
{
	asm_add(a, BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_IDX_VALUE, 0, map);
	asm_add(a, 0, 0, 0, 0, off);
}

static inline void asm_stack(struct asm_code *a, int dst, int32_t off)
{
	asm_move(a, dst, 10);
	asm_add(a, BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, off);
}

static inline void asm_call(struct asm_code *a, int helper)
{
	asm_add(a, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

/* *(u64 *)(out + off) = r0; uses r1. */
static inline void asm_keep(struct asm_code *a, int32_t off)
{
	asm_value(a, 1, MAP_OUT, off);
	asm_add(a, BPF_STX | BPF_MEM | BPF_DW, 1, 0, 0, 0);
}

static inline void asm_exit(struct asm_code *a, int32_t r0)
{
	asm_mov(a, 0, r0);
	asm_add(a, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* One run on one engine. */
struct both_result {
	int loaded;    /* 0 or -errno */
	char why[192]; /* of a fault or refusal */
	uint32_t retval;
	uint8_t out[BOTH_OUT];
	uint8_t packet[4096]; /* with its metadata before it */
	uint32_t packet_len;
};

struct both_case {
	int type; /* enum spec_prog_type */
	struct asm_code code;
	uint8_t in[BOTH_IN];
	const void *packet;
	uint32_t packet_len;
	/* A third map, when own_type is not 0. */
	uint32_t own_type, own_key, own_value, own_entries, own_flags;
	/* Raw BTF and function records that callbacks need; btf_len 0: none. */
	const void *btf, *func_info;
	uint32_t btf_len, nfuncs;
	const struct exec_host *host;
	void *event; /* struct helper_event; NULL: the run makes one when it needs it */
	void *model; /* struct model; the same */
};

#define BOTH_FILL 0xaa

/* Puts a string into `in`. */
static inline void both_text(struct both_case *c, uint32_t off, const char *text)
{
	size_t len = strlen(text) + 1;

	if (off + len > BOTH_IN)
		abort();
	memcpy(c->in + off, text, len);
}

/* The kernel ---------------------------------------------------------------------------------------- */

static inline int both_kernel_maps(const struct both_case *c, int fds[BOTH_MAPS])
{
	uint8_t out[BOTH_OUT];
	uint32_t zero = 0;

	memset(out, BOTH_FILL, sizeof(out));
	fds[MAP_IN] = oracle_map_new(BPF_MAP_TYPE_ARRAY, 4, BOTH_IN, 1, BPF_F_RDONLY_PROG, 0);
	fds[MAP_OUT] = oracle_map_new(BPF_MAP_TYPE_ARRAY, 4, BOTH_OUT, 1, 0, 0);
	fds[MAP_OWN] = c->own_type ? oracle_map_new(c->own_type, c->own_key, c->own_value,
						    c->own_entries, c->own_flags, 0) :
				     -1;
	if (fds[MAP_IN] < 0 || fds[MAP_OUT] < 0 || (c->own_type && fds[MAP_OWN] < 0))
		return -EINVAL;
	if (oracle_update(fds[MAP_IN], &zero, c->in, 0) || oracle_freeze(fds[MAP_IN]))
		return -EINVAL;
	return oracle_update(fds[MAP_OUT], &zero, out, 0);
}

static inline int both_load_btf(const struct both_case *c)
{
	union bpf_attr attr;

	if (!c->btf_len)
		return 0;
	memset(&attr, 0, sizeof(attr));
	attr.btf = (uintptr_t)c->btf;
	attr.btf_size = c->btf_len;
	return oracle_bpf(BPF_BTF_LOAD, &attr);
}

static inline int both_kernel_load(const struct both_case *c, const int fds[BOTH_MAPS], char *why,
				   size_t size)
{
	struct bpf_insn in[BOTH_INSNS];
	static char log[65536];
	union bpf_attr attr;
	int fd, btf = both_load_btf(c);
	char *end;

	if (btf < 0)
		return btf;
	memcpy(in, c->code.in, c->code.n * sizeof(in[0]));
	for (uint32_t i = 0; i < c->code.n; i++) {
		if (in[i].code != (BPF_LD | BPF_DW | BPF_IMM))
			continue;
		if (in[i].src_reg == BPF_PSEUDO_MAP_IDX ||
		    in[i].src_reg == BPF_PSEUDO_MAP_IDX_VALUE) {
			in[i].src_reg -= BPF_PSEUDO_MAP_IDX - BPF_PSEUDO_MAP_FD;
			in[i].imm = fds[in[i].imm];
		}
		i++;
	}
	log[0] = '\0';
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = (uint32_t)c->type;
	attr.insns = (uintptr_t)in;
	attr.insn_cnt = c->code.n;
	attr.license = (uintptr_t) "GPL";
	attr.log_buf = (uintptr_t)log;
	attr.log_size = sizeof(log);
	attr.log_level = 1;
	attr.prog_flags = c->type == PROG_SYSCALL ? BPF_F_SLEEPABLE : 0;
	if (c->btf_len) {
		attr.prog_btf_fd = (uint32_t)btf;
		attr.func_info = (uintptr_t)c->func_info;
		attr.func_info_cnt = c->nfuncs;
		attr.func_info_rec_size = 8;
	}
	fd = oracle_bpf(BPF_PROG_LOAD, &attr);
	if (btf > 0)
		close(btf);
	end = log + strlen(log);
	if (end - log > 180)
		end -= 180;
	else
		end = log;
	snprintf(why, size, "%.180s", end);
	return fd;
}

static inline void both_kernel(const struct both_case *c, struct both_result *ret)
{
	int fds[BOTH_MAPS], prog;
	uint32_t zero = 0;
	union bpf_attr attr;

	memset(ret, 0, sizeof(*ret));
	ret->loaded = both_kernel_maps(c, fds);
	if (ret->loaded)
		goto out;
	prog = both_kernel_load(c, fds, ret->why, sizeof(ret->why));
	if (prog < 0) {
		ret->loaded = prog;
		goto out;
	}
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (uint32_t)prog;
	if (c->packet) {
		attr.test.data_in = (uintptr_t)c->packet;
		attr.test.data_size_in = c->packet_len;
		attr.test.data_out = (uintptr_t)ret->packet;
		attr.test.data_size_out = sizeof(ret->packet);
	}
	ret->loaded = oracle_bpf(BPF_PROG_TEST_RUN, &attr);
	ret->retval = attr.test.retval;
	ret->packet_len = attr.test.data_size_out;
	close(prog);
	oracle_lookup(fds[MAP_OUT], &zero, ret->out);
out:
	for (int i = 0; i < BOTH_MAPS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* Our engine ------------------------------------------------------------------------------------------ */

struct both_space {
	struct map *map[BOTH_MAPS];
	struct exec_map ref[BOTH_MAPS];
};

static inline const struct exec_map *both_map(void *space, uint64_t addr)
{
	struct both_space *s = space;

	for (int i = 0; i < BOTH_MAPS; i++)
		if (s->map[i] && (uintptr_t)s->map[i] == addr)
			return &s->ref[i];
	return NULL;
}

static inline bool both_value(void *space, uint64_t addr, struct exec_region *ret)
{
	struct both_space *s = space;
	uint64_t base;
	uint32_t size;

	for (int i = 0; i < BOTH_MAPS; i++) {
		if (!s->map[i] || !map_value_at(s->map[i], addr, &base, &size))
			continue;
		*ret = (struct exec_region){ .base = base,
					     .size = size,
					     .kind = REGION_MAP_VALUE,
					     .writable = map_prog_may_write(s->map[i]) };
		return true;
	}
	return false;
}

static const struct exec_space_ops both_ops = { .map = both_map, .value = both_value };

static inline void both_space_init(struct both_space *s, const struct both_case *c)
{
	struct map_attr attrs[BOTH_MAPS] = {
		{ .name = "in",
		  .type = MAP_ARRAY,
		  .key_size = 4,
		  .value_size = BOTH_IN,
		  .max_entries = 1,
		  .flags = MAP_F_RDONLY_PROG },
		{ .name = "out",
		  .type = MAP_ARRAY,
		  .key_size = 4,
		  .value_size = BOTH_OUT,
		  .max_entries = 1 },
		{ .name = "own",
		  .type = c->own_type,
		  .key_size = c->own_key,
		  .value_size = c->own_value,
		  .max_entries = c->own_entries,
		  .flags = c->own_flags },
	};
	uint8_t out[BOTH_OUT];
	uint32_t zero = 0;

	memset(s, 0, sizeof(*s));
	memset(out, BOTH_FILL, sizeof(out));
	for (int i = 0; i < BOTH_MAPS; i++) {
		if (!attrs[i].type)
			continue;
		if (map_new(&attrs[i], &s->map[i], NULL) < 0)
			abort();
		s->ref[i] = (struct exec_map){ s->map[i], attrs[i].name, attrs[i].type,
					       attrs[i].key_size, attrs[i].value_size };
	}
	map_user_update(s->map[MAP_IN], &zero, c->in, 0);
	map_user_update(s->map[MAP_OUT], &zero, out, 0);
}

/* A frame as the kernel's test run lays one out: 256 bytes of headroom, 320 at the end that are its own. */
struct both_frame {
	uint8_t bytes[4096];
	struct ctx_xdp xdp;
	struct ctx_skb skb;
};

static inline uint64_t both_context(const struct both_case *c, struct exec_run *run,
				    struct both_frame *f)
{
	uint64_t start = (uintptr_t)f->bytes, data = start + 256, end = data + c->packet_len;
	const struct spec_ctx *ctx = spec_ctx_of(c->type);
	struct exec_region region = {
		.kind = REGION_PACKET, .base = data, .size = c->packet_len, .writable = true
	};

	memset(f, 0, sizeof(*f));
	if (!c->packet || !ctx)
		return 0;
	memcpy(f->bytes + 256, c->packet, c->packet_len);
	f->xdp = (struct ctx_xdp){ .data = data,
				   .data_end = end,
				   .data_meta = data,
				   .hard_start = start,
				   .frame_end = start + 4096 - 320 };
	f->skb = (struct ctx_skb){ .data = data,
				   .data_end = end,
				   .data_meta = data,
				   .len = c->packet_len,
				   .hard_start = start,
				   .frame_end = start + sizeof(f->bytes) - 320 };
	f->skb.pkt_type = 3; /* for another host */
	if (c->packet_len >= 14)
		memcpy(&f->skb.protocol, (const uint8_t *)c->packet + 12, 2);
	exec_region_add(run, &region);
	run->ctx_backing = c->type == PROG_XDP ? (void *)&f->xdp : (void *)&f->skb;
	region = (struct exec_region){ .kind = REGION_CTX,
				       .base = (uintptr_t)run->ctx_backing,
				       .size = ctx->size,
				       .ctx = ctx,
				       .backing = run->ctx_backing };
	exec_region_add(run, &region);
	return region.base;
}

static inline int both_prepare(const struct both_case *c, struct both_space *s,
			       struct exec_prog **ret, struct skep_error **err)
{
	uint64_t ptr[BOTH_MAPS] = { 0 }, value[BOTH_MAPS] = { 0 };
	struct exec_prog_opts opts = {
		.object = "test",
		.name = "prog",
		.insns = (const struct skep_insn *)c->code.in,
		.ninsns = c->code.n,
		.prog_type = c->type,
		.map_ptr = ptr,
		.map_value = value,
		.nmaps = BOTH_MAPS,
		.space = s,
		.space_ops = &both_ops,
	};

	for (int i = 0; i < BOTH_MAPS; i++) {
		ptr[i] = (uintptr_t)s->map[i];
		value[i] = s->map[i] ? map_direct_value(s->map[i]) : 0;
	}
	opts.helpers = helper_table(&opts.nhelpers);
	return exec_prog_new(&opts, ret, err);
}

/* @host_ctx of the host is the result. */
static inline void both_ours(const struct both_case *c, struct both_result *ret)
{
	struct skep_error *err = NULL;
	struct exec_prog *prog = NULL;
	struct both_frame *frame = malloc(sizeof(*frame));
	struct both_space space;
	struct exec_run run;
	uint64_t ctx, r0 = 0;
	uint32_t zero = 0;

	memset(ret, 0, sizeof(*ret));
	both_space_init(&space, c);
	ret->loaded = both_prepare(c, &space, &prog, &err);
	if (ret->loaded == 0 && frame && exec_run_init(&run, NULL) == 0) {
		exec_run_start(&run, 100000000);
		run.host = c->host;
		run.host_ctx = ret;
		run.event = c->event;
		run.model = c->model;
		run.model_find = helper_find_object;
		ctx = both_context(c, &run, frame);
		ret->loaded = exec(prog, &run, ctx, &r0, &err);
		ret->retval = (uint32_t)r0;
		if (c->packet) {
			uint64_t data = c->type == PROG_XDP ? frame->xdp.data_meta :
							      frame->skb.data;
			uint64_t end = c->type == PROG_XDP ? frame->xdp.data_end :
							     frame->skb.data_end;

			ret->packet_len = (uint32_t)(end - data);
			memcpy(ret->packet, (void *)(uintptr_t)data, ret->packet_len);
		}
		exec_run_done(&run);
	}
	if (err)
		snprintf(ret->why, sizeof(ret->why), "%s", skep_error_message(err));
	skep_error_free(err);
	exec_prog_free(prog);
	map_user_lookup(space.map[MAP_OUT], &zero, ret->out);
	for (int i = 0; i < BOTH_MAPS; i++)
		map_unref(space.map[i]);
	free(frame);
}

static inline uint64_t both_word(const struct both_result *r, uint32_t off)
{
	uint64_t word;

	memcpy(&word, r->out + off, 8);
	return word;
}

#endif
