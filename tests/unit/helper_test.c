// SPDX-License-Identifier: Apache-2.0
/*
 * Helpers on our engine alone: what a host provides, what ends a run, and what the kernel cannot be asked about
 * exactly. helper_oracle_test.c compares the rest with the kernel.
 */
#include <sys/mman.h>

#include "both.h"

/* A host that answers with numbers of its own and keeps what it was told. */
static struct {
	char line[2048];
	uint32_t lines, ifindex;
	uint64_t flags;
} told;

static uint64_t host_pid(void *ctx)
{
	(void)ctx;
	return 100ull << 32 | 101;
}

static uint64_t host_uid(void *ctx)
{
	(void)ctx;
	return 7ull << 32 | 1000;
}

static uint64_t host_cgroup(void *ctx)
{
	(void)ctx;
	return 4711;
}

static uint32_t host_cpu(void *ctx)
{
	(void)ctx;
	return 1;
}

static void host_comm(void *ctx, char out[16])
{
	(void)ctx;
	memcpy(out, "fifteen-letters", 16);
}

static void host_trace(void *ctx, const char *line, size_t len)
{
	(void)ctx;
	told.lines++;
	snprintf(told.line, sizeof(told.line), "%.*s", (int)len, line);
}

static void host_redirect(void *ctx, uint32_t ifindex, uint64_t flags)
{
	(void)ctx;
	told.ifindex = ifindex;
	told.flags = flags;
}

static const struct exec_host host = {
	.pid_tgid = host_pid,
	.uid_gid = host_uid,
	.comm = host_comm,
	.cgroup_id = host_cgroup,
	.cpu = host_cpu,
	.trace = host_trace,
	.redirect = host_redirect,
};

static const uint8_t packet[64] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static struct both_result got;

static void run_ok(struct both_case *c)
{
	both_ours(c, &got);
	CHECK_MSG(got.loaded == 0, "%d: %s", got.loaded, got.why);
}

static void the_host_answers(void)
{
	static const struct {
		int helper;
		uint64_t with, without;
	} rows[] = {
		{ BPF_FUNC_get_current_pid_tgid, 100ull << 32 | 101, 0 },
		{ BPF_FUNC_get_current_uid_gid, 7ull << 32 | 1000, 0 },
		{ BPF_FUNC_get_current_cgroup_id, 4711, 0 },
		{ BPF_FUNC_get_smp_processor_id, 1, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct both_case c = { .type = PROG_TRACEPOINT, .host = &host };

		CHECK_CASE("bpf_%s", spec_helper(rows[i].helper)->name);
		asm_call(&c.code, rows[i].helper);
		asm_keep(&c.code, 0);
		asm_exit(&c.code, 0);
		run_ok(&c);
		CHECK_EQ_INT(both_word(&got, 0), rows[i].with);
		c.host = NULL;
		run_ok(&c);
		CHECK_EQ_INT(both_word(&got, 0), rows[i].without);
	}
}

static void comm_is_cut(void)
{
	for (int32_t size = 1; size <= 20; size++) {
		struct both_case c = { .type = PROG_TRACEPOINT, .host = &host };
		char want[20] = "";

		asm_value(&c.code, 1, MAP_OUT, 16);
		asm_mov(&c.code, 2, size);
		asm_call(&c.code, BPF_FUNC_get_current_comm);
		asm_keep(&c.code, 0);
		asm_exit(&c.code, 0);
		run_ok(&c);
		memcpy(want, "fifteen-letters", (size_t)(size < 16 ? size - 1 : 15));
		CHECK_EQ_INT(both_word(&got, 0), 0);
		CHECK_EQ_MEM(got.out + 16, want, (size_t)size);
		CHECK_EQ_INT(got.out[16 + size], BOTH_FILL);
		c.host = NULL;
		run_ok(&c);
		CHECK_EQ_INT(both_word(&got, 0), (uint64_t)-EINVAL);
		CHECK_EQ_INT(got.out[16], 0);
	}
}

static void clocks_follow_the_event(void)
{
	static const int helpers[] = { BPF_FUNC_ktime_get_ns, BPF_FUNC_ktime_get_boot_ns,
				       BPF_FUNC_ktime_get_coarse_ns, BPF_FUNC_ktime_get_tai_ns };
	size_t n;
	const exec_helper_fn *table = helper_table(&n);
	const uint64_t event = 123456789;
	struct exec_run run = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(helpers); i++) {
		uint64_t first;

		CHECK_CASE("bpf_%s", spec_helper(helpers[i])->name);
		run.now = NULL;
		first = table[helpers[i]](&run, 0, 0, 0, 0, 0);
		CHECK(first > 0);
		CHECK(table[helpers[i]](&run, 0, 0, 0, 0, 0) >= first);
		run.now = &event;
		CHECK_EQ_INT(table[helpers[i]](&run, 0, 0, 0, 0, 0), event);
	}
}

static void random_numbers(void)
{
	size_t n;
	const exec_helper_fn *table = helper_table(&n);
	struct exec_run run = { .prandom = 1 };
	uint32_t ones = 0;

	for (int i = 0; i < 1000; i++) {
		uint64_t r = table[BPF_FUNC_get_prandom_u32](&run, 0, 0, 0, 0, 0);

		CHECK(r <= UINT32_MAX);
		ones += (uint32_t)__builtin_popcountll(r);
	}
	CHECK_MSG(ones > 15500 && ones < 16500, "%u of 32000 bits", ones);
	run.prandom = 0;
	CHECK(table[BPF_FUNC_get_prandom_u32](&run, 0, 0, 0, 0, 0) != 0);
}

static void traced_lines(void)
{
	static const struct {
		const char *fmt, *line;
		int64_t result;
	} rows[] = {
		{ "pid %d, %s\n", "pid 5, text", 12 },
		{ "two\n\n", "two\n", 5 },
		{ "no newline", "no newline", 10 },
		{ "%d %d %d %d", NULL, -EINVAL },
		{ "%y", NULL, -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct both_case c = { .type = PROG_TRACEPOINT, .host = &host };

		CHECK_CASE("row %zu", i);
		memset(&told, 0, sizeof(told));
		both_text(&c, 0, rows[i].fmt);
		both_text(&c, 100, "text");
		asm_value(&c.code, 1, MAP_IN, 0);
		asm_mov(&c.code, 2, (int32_t)strlen(rows[i].fmt) + 1);
		asm_mov(&c.code, 3, 5);
		asm_value(&c.code, 4, MAP_IN, 100);
		asm_mov(&c.code, 5, 0);
		asm_call(&c.code, BPF_FUNC_trace_printk);
		asm_keep(&c.code, 0);
		asm_exit(&c.code, 0);
		run_ok(&c);
		CHECK_EQ_INT(both_word(&got, 0), rows[i].result);
		CHECK_EQ_INT(told.lines, rows[i].line != NULL);
		if (rows[i].line)
			CHECK_EQ_STR(told.line, rows[i].line);
	}
}

/* A format without its NUL in the given size, more arguments than there may be, half arguments. */
static void bad_print_arguments(void)
{
	static const struct {
		int32_t fmt_size, data_size;
	} rows[] = { { 3, 0 }, { 4, 104 }, { 4, 7 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct both_case c = { .type = PROG_TRACEPOINT, .host = &host };

		CHECK_CASE("row %zu", i);
		told.lines = 0;
		both_text(&c, 0, "abc");
		asm_value(&c.code, 1, MAP_IN, 0);
		asm_mov(&c.code, 2, rows[i].fmt_size);
		asm_value(&c.code, 3, MAP_IN, 200);
		asm_mov(&c.code, 4, rows[i].data_size);
		asm_call(&c.code, BPF_FUNC_trace_vprintk);
		asm_keep(&c.code, 0);
		asm_exit(&c.code, 0);
		run_ok(&c);
		CHECK_EQ_INT(both_word(&got, 0), (uint64_t)-EINVAL);
		CHECK_EQ_INT(told.lines, 0);
	}
}

static void redirection_is_told(void)
{
	struct both_case c = { .type = PROG_SCHED_CLS,
			       .host = &host,
			       .packet = packet,
			       .packet_len = sizeof(packet) };

	asm_mov(&c.code, 1, 12);
	asm_mov(&c.code, 2, 1);
	asm_call(&c.code, BPF_FUNC_redirect);
	asm_add(&c.code, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	memset(&told, 0, sizeof(told));
	run_ok(&c);
	CHECK_EQ_INT(got.retval, 7);
	CHECK_EQ_INT(told.ifindex, 12);
	CHECK_EQ_INT(told.flags, 1);
}

/* What the kernel refuses at load ends our run. */
static void misuse_ends_the_run(void)
{
	static const struct {
		uint32_t type, key, value, max;
		int helper;
		const char *says;
	} rows[] = {
		{ MAP_RINGBUF, 0, 0, 4096, BPF_FUNC_map_lookup_elem, "of type ringbuf" },
		{ MAP_PROG_ARRAY, 4, 4, 4, BPF_FUNC_map_lookup_elem, "of type prog_array" },
		{ MAP_PERF_EVENT_ARRAY, 4, 4, 4, BPF_FUNC_map_update_elem, "of type perf" },
		{ MAP_HASH, 4, 4, 4, BPF_FUNC_map_lookup_percpu_elem, "of type hash" },
		{ MAP_HASH, 4, 4, 4, BPF_FUNC_map_pop_elem, "of type hash" },
		{ MAP_QUEUE, 0, 4, 4, BPF_FUNC_map_delete_elem, "of type queue" },
		{ MAP_HASH, 4, 4, 4, BPF_FUNC_ringbuf_query, "no ring buffer" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct both_case c = { .type = PROG_TRACEPOINT,
				       .own_type = rows[i].type,
				       .own_key = rows[i].key,
				       .own_value = rows[i].value,
				       .own_entries = rows[i].max };

		CHECK_CASE("%s on %s", spec_helper(rows[i].helper)->name,
			   spec_map_type_name((int)rows[i].type));
		asm_add(&c.code, BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8, 0);
		asm_map(&c.code, 1, MAP_OWN);
		asm_stack(&c.code, 2, -8);
		asm_stack(&c.code, 3, -8);
		asm_mov(&c.code, 4, 0);
		asm_call(&c.code, rows[i].helper);
		asm_exit(&c.code, 0);
		both_ours(&c, &got);
		CHECK(got.loaded < 0);
		CHECK_MSG(strstr(got.why, rows[i].says) != NULL, "says '%s'", got.why);
	}
}

static void constant_maps_are_not_written(void)
{
	struct both_case c = { .type = PROG_TRACEPOINT };

	asm_add(&c.code, BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0);
	asm_map(&c.code, 1, MAP_IN);
	asm_stack(&c.code, 2, -4);
	asm_value(&c.code, 3, MAP_OUT, 0);
	asm_mov(&c.code, 4, 0);
	asm_call(&c.code, BPF_FUNC_map_update_elem);
	asm_exit(&c.code, 0);
	both_ours(&c, &got);
	CHECK_EQ_INT(got.loaded, -EACCES);
	CHECK_MSG(strstr(got.why, "'in'") != NULL, "says '%s'", got.why);
}

static void write_only_maps_are_not_read(void)
{
	struct both_case c = { .type = PROG_TRACEPOINT,
			       .own_type = MAP_HASH,
			       .own_key = 4,
			       .own_value = 4,
			       .own_entries = 1,
			       .own_flags = MAP_F_WRONLY_PROG };

	asm_add(&c.code, BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0);
	asm_map(&c.code, 1, MAP_OWN);
	asm_stack(&c.code, 2, -4);
	asm_call(&c.code, BPF_FUNC_map_lookup_elem);
	asm_exit(&c.code, 0);
	both_ours(&c, &got);
	CHECK_EQ_INT(got.loaded, -EACCES);
	CHECK_MSG(strstr(got.why, "'own'") != NULL, "says '%s'", got.why);
}

static void reservations_are_bounded_and_closed(void)
{
	struct both_case c = { .type = PROG_TRACEPOINT,
			       .own_type = MAP_RINGBUF,
			       .own_entries = 4096 };

	CHECK_CASE("too many");
	for (int i = 0; i <= EXEC_MAX_REGIONS; i++) {
		asm_map(&c.code, 1, MAP_OWN);
		asm_mov(&c.code, 2, 8);
		asm_mov(&c.code, 3, 0);
		asm_call(&c.code, BPF_FUNC_ringbuf_reserve);
	}
	asm_exit(&c.code, 0);
	both_ours(&c, &got);
	CHECK_EQ_INT(got.loaded, -ENOSPC);

	CHECK_CASE("twice");
	c.code.n = 0;
	asm_map(&c.code, 1, MAP_OWN);
	asm_mov(&c.code, 2, 8);
	asm_mov(&c.code, 3, 0);
	asm_call(&c.code, BPF_FUNC_ringbuf_reserve);
	asm_move(&c.code, 6, 0);
	for (int i = 0; i < 2; i++) {
		asm_move(&c.code, 1, 6);
		asm_mov(&c.code, 2, 0);
		asm_call(&c.code, BPF_FUNC_ringbuf_submit);
	}
	asm_exit(&c.code, 0);
	both_ours(&c, &got);
	CHECK(got.loaded < 0);
}

/* Direct calls for what needs a map with buffers open. */
struct kept {
	uint8_t bytes[64];
	size_t len;
	uint32_t cpu;
};

static int keep(void *ctx, uint32_t cpu, const void *data, size_t len)
{
	struct kept *k = ctx;

	k->len = len;
	k->cpu = cpu;
	memcpy(k->bytes, data, len < sizeof(k->bytes) ? len : sizeof(k->bytes));
	return 0;
}

static void perf_records_carry_packet_bytes(void)
{
	struct both_case c = { .type = PROG_XDP,
			       .host = &host,
			       .packet = packet,
			       .packet_len = sizeof(packet),
			       .own_type = MAP_PERF_EVENT_ARRAY,
			       .own_key = 4,
			       .own_value = 4,
			       .own_entries = 2 };
	size_t n;
	const exec_helper_fn *table = helper_table(&n);
	struct skep_error *err = NULL;
	struct exec_prog *prog = NULL;
	struct both_frame frame;
	struct both_space space;
	struct kept kept = { .len = 0 };
	struct exec_run run;
	uint64_t data = 0x1122334455667788, ctx;

	asm_exit(&c.code, 0);
	both_space_init(&space, &c);
	CHECK_EQ_INT(both_prepare(&c, &space, &prog, &err), 0);
	CHECK_EQ_INT(exec_run_init(&run, NULL), 0);
	exec_run_start(&run, 0);
	run.prog = prog;
	run.host = &host;
	ctx = both_context(&c, &run, &frame);
	CHECK_EQ_INT(map_perf_open(space.map[MAP_OWN], 1, 1), 0);
	CHECK_EQ_INT(table[BPF_FUNC_perf_event_output](&run, ctx, (uintptr_t)space.map[MAP_OWN],
						       0xffffffffull | 10ull << 32,
						       (uintptr_t)&data, 8),
		     0);
	CHECK_EQ_INT(map_perf_drain(space.map[MAP_OWN], keep, &kept, NULL), 1);
	CHECK_EQ_INT(kept.cpu, 1);
	CHECK_EQ_INT(kept.len, 18);
	CHECK_EQ_MEM(kept.bytes, &data, 8);
	CHECK_EQ_MEM(kept.bytes + 8, packet, 10);
	exec_run_done(&run);
	exec_prog_free(prog);
	for (int i = 0; i < BOTH_MAPS; i++)
		map_unref(space.map[i]);
}

/* Kernel reads stay inside what the run may touch, though the bytes behind are mapped too. */
static void kernel_reads_are_confined(void)
{
	static const struct {
		int32_t off, size;
		int64_t result;
	} rows[] = {
		{ 0, 16, 0 },
		{ BOTH_IN - 8, 8, 0 },
		{ BOTH_IN - 8, 9, -EFAULT },
		{ BOTH_IN - 1, 2, -EFAULT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct both_case c = { .type = PROG_TRACEPOINT };

		CHECK_CASE("%d + %d", rows[i].off, rows[i].size);
		memset(c.in, 0x77, sizeof(c.in));
		asm_value(&c.code, 1, MAP_OUT, 16);
		asm_mov(&c.code, 2, rows[i].size);
		asm_value(&c.code, 3, MAP_IN, rows[i].off);
		asm_call(&c.code, BPF_FUNC_probe_read_kernel);
		asm_keep(&c.code, 0);
		asm_exit(&c.code, 0);
		run_ok(&c);
		CHECK_EQ_INT(both_word(&got, 0), rows[i].result);
		CHECK_EQ_INT(got.out[16], rows[i].result ? 0 : 0x77);
		CHECK_EQ_INT(got.out[16 + rows[i].size], BOTH_FILL);
	}
}

/* A host whose memory is this process's: any address may be read, a bad one gives what the kernel gives. */
static void own_memory(void)
{
	static const struct exec_host own = { .own_user = true, .own_kernel = true };
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const uint64_t end = (uintptr_t)pages + 4096;
	const struct {
		int helper;
		uint64_t addr, size;
		int64_t result;
		const char *out;
	} rows[] = {
		{ BPF_FUNC_probe_read_kernel, end - 8, 8, 0, "or so ok" },
		{ BPF_FUNC_probe_read_kernel, end - 7, 8, -EFAULT, "\0\0\0\0\0\0\0\0" },
		{ BPF_FUNC_probe_read_kernel, end - 4, 4, 0, "o ok" },
		{ BPF_FUNC_probe_read_kernel, end - 4, 5, -EFAULT, "\0\0\0\0\0" },
		{ BPF_FUNC_probe_read_kernel, 8, 8, -ERANGE, "\0\0\0\0\0\0\0\0" },
		{ BPF_FUNC_probe_read_kernel, 0x0123456789abcdef, 4, -ERANGE, "\0\0\0\0" },
		{ BPF_FUNC_probe_read_kernel, 0xffff800000000008, 4, -EFAULT, "\0\0\0\0" },
		{ BPF_FUNC_probe_read_kernel_str, end - 4, 8, -EFAULT, "\0\0\0\0\0\0\0\0" },
		{ BPF_FUNC_probe_read_kernel_str, end - 4, 4, 4, "o o" },
		{ BPF_FUNC_probe_read_kernel_str, end - 16, 12, 6, "hello" },
		{ BPF_FUNC_probe_read_kernel_str, 8, 4, -ERANGE, "\0\0\0\0" },
		{ BPF_FUNC_probe_read_user, end - 8, 8, 0, "or so ok" },
		{ BPF_FUNC_probe_read_user, end - 7, 8, -EFAULT, "\0\0\0\0\0\0\0\0" },
		{ BPF_FUNC_probe_read_user, 8, 4, -EFAULT, "\0\0\0\0" },
		{ BPF_FUNC_probe_read_user, 0xffff800000000008, 4, -EFAULT, "\0\0\0\0" },
		{ BPF_FUNC_copy_from_user, end - 4, 4, 0, "o ok" },
		{ BPF_FUNC_copy_from_user, end - 4, 5, -EFAULT, "\0\0\0\0\0" },
		{ BPF_FUNC_probe_read_user_str, end - 16, 12, 6, "hello" },
		{ BPF_FUNC_probe_read_user_str, end - 4, 5, -EFAULT, "\0\0\0\0\0" },
		{ BPF_FUNC_probe_read, end - 8, 8, 0, "or so ok" },
		{ BPF_FUNC_probe_read, end - 7, 8, -EFAULT, "\0\0\0\0\0\0\0\0" },
		{ BPF_FUNC_probe_read_str, end - 16, 12, 6, "hello" },
	};
	const exec_helper_fn *table;
	struct exec_run run;
	size_t n;

	table = helper_table(&n);
	if (!CHECK(pages != MAP_FAILED))
		return;
	CHECK_EQ_INT(exec_run_init(&run, NULL), 0);
	run.host = &own;
	mprotect(pages + 4096, 4096, PROT_NONE);
	memcpy(pages + 4096 - 16, "hello\0..or so ok", 16);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char out[16];

		CHECK_CASE("row %zu, helper %d", i, rows[i].helper);
		memset(out, 'x', sizeof(out));
		CHECK_EQ_INT(table[rows[i].helper](&run, (uintptr_t)out, rows[i].size, rows[i].addr,
						   0, 0),
			     rows[i].result);
		CHECK_EQ_MEM(out, rows[i].out,
			     rows[i].result > 0 ? (uint64_t)rows[i].result : rows[i].size);
		CHECK_EQ_INT(out[rows[i].size], 'x');
	}
	exec_run_done(&run);
	munmap(pages, 8192);
}

/* Faults that exec's own checks come before: called directly. */
static void direct_misuse(void)
{
	static const struct {
		int helper;
		const char *id;
	} rows[] = {
		{ BPF_FUNC_xdp_adjust_head, "H0006" }, { BPF_FUNC_xdp_adjust_tail, "H0006" },
		{ BPF_FUNC_xdp_adjust_meta, "H0006" }, { BPF_FUNC_ringbuf_submit, "H0005" },
		{ BPF_FUNC_ringbuf_discard, "H0005" }, { BPF_FUNC_tail_call, "H0007" },
		{ BPF_FUNC_ringbuf_output, "H0001" },  { BPF_FUNC_perf_event_output, "H0001" },
	};
	struct both_case c = { .type = PROG_XDP };
	size_t n;
	const exec_helper_fn *table = helper_table(&n);
	struct exec_prog *prog = NULL;
	struct both_space space;
	struct exec_run run;

	asm_exit(&c.code, 0);
	both_space_init(&space, &c);
	CHECK_EQ_INT(both_prepare(&c, &space, &prog, NULL), 0);
	CHECK_EQ_INT(exec_run_init(&run, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_CASE("bpf_%s", spec_helper(rows[i].helper)->name);
		exec_run_start(&run, 0);
		run.prog = prog;
		CHECK_EQ_INT(table[rows[i].helper](&run, 8, 8, 0, 0, 0), 0);
		CHECK_ERR(run.fault, rows[i].id);
		skep_error_free(run.fault);
		run.fault = NULL;
	}
	exec_run_done(&run);
	exec_prog_free(prog);
	for (int i = 0; i < BOTH_MAPS; i++)
		map_unref(space.map[i]);
}

static void every_served_helper_has_a_body(void)
{
	size_t n;
	const exec_helper_fn *table = helper_table(&n);

	CHECK_EQ_INT(n, HELPER_COUNT);
	for (int id = 0; id < HELPER_COUNT; id++) {
		const struct spec_helper *h = spec_helper(id);

		if (h)
			CHECK_MSG(h->served == (table[id] != NULL), "bpf_%s", h->name);
		else
			CHECK(!table[id]);
	}
}

CHECK_MAIN({ "the_host_answers", the_host_answers }, { "comm_is_cut", comm_is_cut },
	   { "clocks_follow_the_event", clocks_follow_the_event },
	   { "random_numbers", random_numbers }, { "traced_lines", traced_lines },
	   { "bad_print_arguments", bad_print_arguments },
	   { "redirection_is_told", redirection_is_told },
	   { "misuse_ends_the_run", misuse_ends_the_run },
	   { "constant_maps_are_not_written", constant_maps_are_not_written },
	   { "write_only_maps_are_not_read", write_only_maps_are_not_read },
	   { "reservations_are_bounded_and_closed", reservations_are_bounded_and_closed },
	   { "perf_records_carry_packet_bytes", perf_records_carry_packet_bytes },
	   { "kernel_reads_are_confined", kernel_reads_are_confined }, { "own_memory", own_memory },
	   { "direct_misuse", direct_misuse },
	   { "every_served_helper_has_a_body", every_served_helper_has_a_body })
