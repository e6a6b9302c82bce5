// SPDX-License-Identifier: Apache-2.0
/*
 * Hostile input of the verifier: whatever it is, there is a verdict or an error, in bounded time and memory. Sizes of programs:
 * verify_coverage_test; memory that runs out at every point: memory_test.
 */
#include <stdlib.h>
#include <time.h>

#include "btf/btf.h"
#include "check.h"
#include "verify/verify.h"

static uint64_t state = 88172645463325252ull;

static uint32_t below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 33) % n;
}

static struct verify_opts opts(const struct skep_insn *in, uint32_t n)
{
	return (struct verify_opts){ .insns = in,
				     .n = n,
				     .prog_type = PROG_SCHED_CLS,
				     .attach_type = ATTACH_NONE,
				     .gpl = true,
				     .want_facts = true,
				     .want_rewrite = true,
				     .log_level = 2,
				     .caps = VERIFY_CAPS_ALL };
}

/* Any answer, but an answer. */
static int answer(const struct verify_opts *o)
{
	struct skep_error *err = NULL;
	struct verify_result r;
	int code = verify_prog(o, &r, &err);

	CHECK((code < 0) == (err != NULL));
	CHECK(!err || skep_error_id(err)[0] == 'V');
	if (err && strcmp(skep_error_id(err), "V0502") == 0)
		CHECK_MSG(false, "%s", skep_error_message(err));
	skep_error_free(err);
	verify_done(&r);
	return code;
}

static void refused(const struct verify_opts *o, const char *words)
{
	struct skep_error *err = NULL;
	struct verify_result r;

	CHECK(verify_prog(o, &r, &err) < 0);
	CHECK_MSG(r.log && strstr(r.log, words), "not '%s' but: %s", words,
		  err ? skep_error_message(err) : "accepted");
	skep_error_free(err);
	verify_done(&r);
}

/* Into the middle of a wide instruction, and beyond the ends, by every instruction that has a target. */
static void targets(void)
{
	static const struct {
		const char *name, *words;
		struct skep_insn in;
	} rows[] = {
		{ "jump", "jump into the middle of ldimm64 insn", { 0x05, 0, 1, 0 } },
		{ "branch", "jump into the middle of ldimm64 insn", { 0x15, 0, 1, 0 } },
		{ "32-bit jump", "jump into the middle of ldimm64 insn", { 0x06, 0, 0, 1 } },
		{ "may_goto", "jump into the middle of ldimm64 insn", { 0xe5, 0, 1, 0 } },
		{ "jump too far", "jump out of range from insn 1 to", { 0x05, 0, 32767, 0 } },
		{ "jump before", "jump out of range from insn 1 to", { 0x05, 0, -3, 0 } },
		{ "32-bit jump, farthest", "jump out of range", { 0x06, 0, 0, INT32_MAX } },
		{ "32-bit jump, most before", "jump out of range", { 0x06, 0, 0, INT32_MIN } },
		{ "call too far", "", { 0x85, 0x10, 0, INT32_MAX } },
		{ "call before", "", { 0x85, 0x10, 0, INT32_MIN } },
		{ "call into the middle", "", { 0x85, 0x10, 0, 1 } },
	};
	struct skep_insn in[] = {
		{ 0xb7, 0, 0, 0 }, { 0 }, { 0x18, 1, 0, 5 }, { 0, 0, 0, 0 }, { 0x95, 0, 0, 0 }
	};
	const struct verify_opts o = opts(in, 5);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		in[1] = rows[i].in;
		CHECK_CASE("%s", rows[i].name);
		refused(&o, rows[i].words);
	}
	in[0] = (struct skep_insn){ 0x18, 0x42, 0, 2 }; /* r2 = a function, in the middle */
	in[1] = (struct skep_insn){ 0, 0, 0, 0 };
	CHECK_CASE("function's address");
	refused(&o, "");
	in[4] = (struct skep_insn){ 0x18, 1, 0, 5 };
	CHECK_CASE("half a wide one at the end");
	refused(&o, "");
}

/* Every opcode, with fields that fit and that do not. */
static void opcodes(void)
{
	static const int32_t imms[] = { 0, 1, 16, 64, -1, INT32_MIN, INT32_MAX, 0xe1, 0x100 };
	struct skep_insn in[] = {
		{ 0xb7, 0, 0, 1 }, { 0xb7, 1, 0, 1 }, { 0 }, { 0xb7, 0, 0, 0 }, { 0x95, 0, 0, 0 }
	};
	struct verify_opts o = opts(in, 5);
	uint32_t accepted = 0, n = 0;

	o.log_level = 0;
	for (uint32_t code = 0; code < 256; code++) {
		CHECK_CASE("opcode %02x", code);
		for (uint32_t k = 0; k < 300; k++, n++) {
			in[2] = (struct skep_insn){
				.code = (uint8_t)code,
				.regs = (uint8_t)(k < 100 ? below(2) | below(2) << 4 : below(256)),
				.off = (int16_t)(k % 3 ? 0 : below(65536)),
				.imm = imms[below(sizeof(imms) / sizeof(imms[0]))]
			};
			accepted += answer(&o) == 0;
		}
	}
	CHECK_CASE("some were accepted");
	CHECK(accepted > 1000 && accepted < n);
}

/* Types ------------------------------------------------------------------------------------------- */

enum { CYC_INT = 1, CYC_SELF, CYC_A, CYC_B, CYC_PTR, CYC_ARRAY, CYC_PROTO, CYC_FUNC, CYC_COUNT };

/*
 * By the bits of @kinds: typedefs in a circle, with a modifier, a struct that holds itself, an array that does, a pointer to itself;
 * a bit that is not set leaves the harmless way, through a pointer to a struct.
 */
static struct btf *cyclic(uint32_t kinds)
{
	struct btf_builder *b = btf_builder_new();
	struct btf_member m = { .name = "me", .type = kinds & 4 ? CYC_SELF : CYC_PTR };
	struct btf_param p = { .name = "p__map", .type = kinds & 1 ? CYC_A : CYC_PTR };
	struct btf *btf = NULL;

	btf_add_int(b, "int", 4, BTF_INT_SIGNED);
	btf_add_composite(b, BTF_STRUCT, "self", 8, &m, 1);
	btf_add_ref(b, BTF_TYPEDEF, "a", CYC_B);
	btf_add_ref(b, kinds & 2 ? BTF_CONST : BTF_TYPEDEF, kinds & 2 ? NULL : "b",
		    kinds & 1 ? CYC_A : CYC_PTR);
	btf_add_ref(b, BTF_PTR, NULL, kinds & 16 ? CYC_PTR : CYC_SELF);
	btf_add_array(b, kinds & 8 ? CYC_ARRAY : CYC_SELF, CYC_INT, 1);
	btf_add_proto(b, CYC_INT, &p, 1);
	btf_add_func(b, "main", CYC_PROTO, 1);
	btf_add_func(b, "other", CYC_PROTO, 1);
	if (btf_finish(b, "cyclic", &btf, NULL) < 0)
		btf = NULL;
	btf_builder_free(b);
	return btf;
}

static void cyclic_types(void)
{
	static const struct skep_insn in[] = {
		{ 0x7a, 10, -8, 0 },  { 0xbf, 0xa2, 0, 0 }, { 0x07, 2, 0, -8 },
		{ 0x18, 0x51, 0, 0 }, { 0, 0, 0, 0 },	    { 0x85, 0, 0, 1 },
		{ 0xbf, 0x01, 0, 0 }, { 0x85, 0x10, 0, 2 }, { 0xb7, 0, 0, 0 },
		{ 0x95, 0, 0, 0 },    { 0xb7, 0, 0, 0 },    { 0x95, 0, 0, 0 },
	};
	uint32_t opened = 0;

	for (uint32_t seed = 0; seed < 32; seed++) {
		struct btf *btf = cyclic(seed);
		struct verify_opts o = opts(in, sizeof(in) / sizeof(in[0]));
		const struct verify_func funcs[] = { { "main", 0, CYC_FUNC, true },
						     { "other", 10, CYC_FUNC + 1, true } };

		if (!btf)
			continue; /* the reader refuses it: nothing is left to verify */
		opened++;
		o.btf = o.kernel_btf = btf;
		o.funcs = funcs;
		o.nfuncs = 2;
		o.nmaps = 1;
		for (uint32_t t = 0; t < CYC_COUNT; t++) {
			const struct verify_map map = { .name = "m",
							.type = MAP_ARRAY,
							.key_size = 4,
							.value_size = 8,
							.max_entries = 1,
							.btf = btf,
							.key_type = CYC_INT,
							.value_type = t };
			o.maps = &map;
			CHECK_CASE("seed %u, value of type %u", seed, t);
			o.prog_type = PROG_SCHED_CLS;
			answer(&o);
			o.prog_type = PROG_TRACING;
			o.attach_type = ATTACH_TRACE_FENTRY;
			o.attach_btf_id = t;
			answer(&o);
			o.prog_type = PROG_STRUCT_OPS;
			o.attach_type = ATTACH_NONE;
			answer(&o);
		}
		btf_unref(btf);
	}
	CHECK_CASE("some were read");
	printf("# %u of 32 cyclic graphs are types for the reader\n", opened);
	CHECK(opened > 0);
}

/* What loaders say ------------------------------------------------------------------------------- */

static void lying_lines(void)
{
	static const struct skep_insn in[] = { { 0x85, 0x10, 0, 2 },
					       { 0x79, 0x10, 0, 0 },
					       { 0x95, 0, 0, 0 },
					       { 0xb7, 0, 0, 0 },
					       { 0x95, 0, 0, 0 } };
	static const char *const texts[] = { NULL, "", "\n\n\x01\xff", "\t\t\tx = y;" };

	for (uint32_t k = 0; k < 2000; k++) {
		struct verify_line lines[6];
		struct verify_func funcs[4];
		struct verify_opts o = opts(in, 5);

		CHECK_CASE("%u", k);
		for (uint32_t i = 0; i < 6; i++)
			lines[i] =
				(struct verify_line){ .insn = below(3) ? below(7) : below(1u << 31),
						      .file = texts[below(4)],
						      .text = texts[below(4)],
						      .line = below(1u << 31),
						      .col = below(1u << 31) };
		for (uint32_t i = 0; i < 4; i++)
			funcs[i] = (struct verify_func){ .name = texts[below(4)],
							 .start = i && below(4) ?
									  3 * i - 3 + below(2) :
								  i ? below(1u << 31) :
								      0,
							 .global = below(2) };
		o.lines = lines;
		o.nlines = below(7);
		o.funcs = funcs;
		o.nfuncs = below(5);
		o.want_costs = below(2);
		answer(&o);
	}
}

/* Explosion --------------------------------------------------------------------------------------- */

#define BITS 40

/* Each unknown bit sets a bit of a sum that matters: 2^BITS states, none of which covers another. */
static uint32_t explosion(struct skep_insn *in, bool loop)
{
	uint32_t n = 0, start;

	in[n++] = (struct skep_insn){ 0xb7, 7, 0, 0 };
	in[n++] = (struct skep_insn){ 0xb7, 8, 0, 0 };
	start = n;
	for (uint32_t i = 0; i < BITS; i++) {
		in[n++] = (struct skep_insn){ 0x85, 0, 0, 7 };
		in[n++] = (struct skep_insn){ 0x45, 0, 1, 1 };
		in[n++] = (struct skep_insn){ 0x07, 7, 0, (int32_t)(1u << i % 30) };
	}
	if (loop) {
		in[n++] = (struct skep_insn){ 0x07, 8, 0, 1 };
		in[n] = (struct skep_insn){ 0xa5, 8, (int16_t)(start - n - 1), 1000 };
		n++;
	}
	in[n++] = (struct skep_insn){ 0x57, 7, 0, 0x1f8 };
	in[n++] = (struct skep_insn){ 0x17, 7, 0, ISA_STACK_SIZE };
	in[n++] = (struct skep_insn){ 0xbf, 0xa1, 0, 0 };
	in[n++] = (struct skep_insn){ 0x0f, 0x71, 0, 0 };
	in[n++] = (struct skep_insn){ 0x7a, 1, 0, 0 };
	in[n++] = (struct skep_insn){ 0xb7, 0, 0, 0 };
	in[n++] = (struct skep_insn){ 0x95, 0, 0, 0 };
	return n;
}

static void explosions(void)
{
	static struct skep_insn in[4 * BITS + 20];

	for (int k = 0; k < 4; k++) {
		struct verify_opts o = opts(in, explosion(in, k & 1));
		struct verify_result r;
		struct timespec a, b;
		double seconds;
		int code;

		o.log_level = 0;
		o.memory_limit = k & 2 ? 8 << 20 : 0;
		CHECK_CASE("explosion %d", k);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
		code = verify_prog(&o, &r, NULL);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
		seconds = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
		printf("# %d: %u instructions, %u states, %.2f s, %zu bytes\n", code,
		       r.stats.insns_processed, r.stats.total_states, seconds, r.stats.memory);
		CHECK(code == -E2BIG || code == -ENOMEM || code == -EACCES);
		CHECK(r.stats.insns_processed <= 1000001);
		CHECK(seconds < 30);
		CHECK(r.stats.memory <= (k & 2 ? 9u << 20 : 1100u << 20));
		verify_done(&r);
	}
}

CHECK_MAIN({ "targets", targets }, { "opcodes", opcodes }, { "cyclic_types", cyclic_types },
	   { "lying_lines", lying_lines }, { "explosions", explosions })
