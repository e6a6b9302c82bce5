// SPDX-License-Identifier: Apache-2.0
/*
 * Indirect jumps through jump tables, as clang 22 writes them for a switch: an object made by hand, whose program picks
 * an entry of its table by the first number of its context, interpreted and compiled; and what is no jump table.
 */
#include "check.h"
#include "core/core.h"
#include "elf_kit.h"
#include "jit/jit.h"
#include "load/load.h"
#include "skep/insn.h"

/* Instructions 10, 12, 14 and 16 are where it may lead; 5 and 6 are the address. */
static const char text[] = "r1 = *(u64 *)(r1 + 0)\n"
			   "r0 = 0x1\n"
			   "r2 = 0x0\n"
			   "r2 += r1\n"
			   "r1 <<= 0x3\n"
			   "r3 = 0x0 ll\n"
			   "r3 += r1\n"
			   "r1 = *(u64 *)(r3 + 0x0)\n"
			   "gotox r1\n"
			   "r0 = 0xa\n"
			   "exit\n"
			   "r0 += 0x14\n"
			   "exit\n"
			   "r2 += -0x1\n"
			   "if r2 s> 0x0 goto -0x6\n"
			   "r0 = 0x28\n"
			   "exit\n";

#define ADDRESS 5
#define FUNC_BYTES (18 * 8)

struct jumper {
	uint64_t table[4];
	uint64_t size; /* of the symbol */
	int rel_type;
	const char *error; /* NULL: it loads */
};

static uint8_t *make(const struct jumper *j, size_t *ret_size)
{
	const struct skep_asm_opts any = { .size = sizeof(any), .style = SKEP_INSN_ANY };
	struct skep_insn *insns = NULL;
	unsigned int code, tables, symbol;
	uint8_t *bytes;
	struct kit k;
	size_t n = 0;

	kit_init(&k);
	CHECK_EQ_INT(skep_insn_assemble_as(text, &any, &insns, &n, NULL), 0);
	CHECK_EQ_INT(n * 8, FUNC_BYTES);
	code = kit_code(&k, "raw_tp/sys_enter", insns, n);
	tables = kit_section(&k, ".jumptables", SHT_PROGBITS, 0, j->table, sizeof(j->table));
	kit_symbol(&k, "jump", code, 0, FUNC_BYTES, STT_FUNC, STB_GLOBAL);
	symbol = kit_symbol(&k, "BPF.JT.0.0", tables, 0, j->size, STT_OBJECT, STB_GLOBAL);
	kit_rel(&k, code, ADDRESS * 8, (uint32_t)j->rel_type, symbol);
	bytes = kit_bytes(&k, ret_size);
	kit_done(&k);
	free(insns);
	return bytes;
}

enum engine { INTERPRETED, COMPILED, CHECKED, ENGINES };
static const char *const engines[] = { "interpreted", "compiled", "checked" };

static int run_one(const struct core_prog *prog, uint64_t which, enum engine engine,
		   uint64_t *ret_r0, char *id, size_t id_size)
{
	struct exec_region region = { .base = (uintptr_t)&which,
				      .size = sizeof(which),
				      .kind = REGION_CTX };
	struct jit_opts opts = { .mode = engine == CHECKED ? JIT_CHECKED : JIT_TRUSTED };
	struct skep_error *err = NULL;
	struct jit_prog *jit = NULL;
	struct exec_run run;
	int r;

	CHECK_EQ_INT(exec_run_init(&run, NULL), 0);
	exec_run_start(&run, 10000);
	exec_region_add(&run, &region);
	if (engine != INTERPRETED)
		r = jit_new(prog->exec, &opts, &jit, &err);
	else
		r = exec(prog->exec, &run, (uintptr_t)&which, ret_r0, &err);
	if (engine != INTERPRETED && r == 0)
		r = jit_run(jit, &run, (uintptr_t)&which, ret_r0, &err);
	snprintf(id, id_size, "%s", err ? skep_error_id(err) : "");
	skep_error_free(err);
	jit_free(jit);
	exec_run_done(&run);
	return r;
}

/* The object of @j at run time, or NULL and the error's id. */
static struct core_obj *open_object(const struct jumper *j, struct load_obj **spec, char *id,
				    size_t id_size)
{
	const struct load_opts opts = { 0 };
	struct skep_error *err = NULL;
	struct core_obj *obj = NULL;
	size_t size = 0;
	uint8_t *bytes = make(j, &size);
	int r = load_open(bytes, size, "jumps.bpf.o", &opts, spec, &err);

	if (r == 0)
		r = core_new(*spec, NULL, &obj, &err);
	snprintf(id, id_size, "%s", err ? skep_error_id(err) : "");
	skep_error_free(err);
	free(bytes);
	return obj;
}

static void jumps(void)
{
	static const struct jumper good = { { 80, 96, 112, 128 }, 32, 1, NULL };
	static const struct {
		uint64_t which, r0;
		const char *id;
	} cases[] = {
		{ 0, 10, "" }, { 1, 21, "" }, { 2, 10, "" }, { 3, 40, "" }, { 4, 0, "X0101" },
	};
	struct load_obj *spec = NULL;
	char id[32];
	struct core_obj *obj = open_object(&good, &spec, id, sizeof(id));

	CHECK_EQ_STR(id, "");
	for (size_t i = 0; obj && i < ARRAY_SIZE(cases); i++) {
		for (int engine = 0; engine < (jit_available() ? ENGINES : 1); engine++) {
			uint64_t r0 = 0;

			if (engine == COMPILED && *cases[i].id)
				continue;
			CHECK_CASE("entry %llu, %s", (unsigned long long)cases[i].which,
				   engines[engine]);
			run_one(core_prog(obj, 0), cases[i].which, engine, &r0, id, sizeof(id));
			CHECK_EQ_STR(id, cases[i].id);
			CHECK_EQ_INT(r0, cases[i].r0);
		}
	}
	core_free(obj);
	load_close(spec);
}

static void bad_tables(void)
{
	static const struct jumper bad[] = {
		{ { 80, 96, 112, FUNC_BYTES }, 32, 1, "L0028" },
		{ { 80, 96, 112, 81 }, 32, 1, "L0028" },
		{ { 80, 96, 112, UINT64_MAX }, 32, 1, "L0028" },
		{ { 80, 96, 112, 128 }, 0, 1, "L0020" },
		{ { 80, 96, 112, 128 }, 12, 1, "L0020" },
		{ { 80, 96, 112, 128 }, 40, 1, "L0020" },
		{ { 80, 96, 112, 128 }, 32, 10, "L0018" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct load_obj *spec = NULL;
		struct core_obj *obj;
		char id[32];

		CHECK_CASE("%zu", i);
		obj = open_object(&bad[i], &spec, id, sizeof(id));
		CHECK(!obj);
		CHECK_EQ_STR(id, bad[i].error);
		core_free(obj);
		load_close(spec);
	}
}

/* A program that makes up where it jumps to. */
static void made_up(void)
{
	static const struct jumper good = { { 80, 96, 112, 128 }, 32, 1, NULL };
	struct load_obj *spec = NULL;
	char id[32];
	struct core_obj *obj = open_object(&good, &spec, id, sizeof(id));
	const struct core_prog *prog = obj ? core_prog(obj, 0) : NULL;
	static const struct skep_insn jump[] = { { .code = 0x79, .regs = 0x11 },
						 { .code = 0x0d, .regs = 1 },
						 { .code = 0x95 } };
	uint64_t slots[1], bad[4] = { 0, 1, UINT64_MAX };
	const uint32_t to[1] = { 2 };
	const struct exec_table table = { slots, to, 1 };
	struct exec_prog_opts o = { .object = "t",
				    .name = "t",
				    .insns = jump,
				    .ninsns = 3,
				    .prog_type = PROG_RAW_TRACEPOINT,
				    .tables = &table,
				    .ntables = 1 };
	struct core_prog own = { 0 };

	CHECK(prog && prog->exec);
	CHECK_EQ_INT(exec_prog_new(&o, &own.exec, NULL), 0);
	bad[3] = slots[0] - 16;
	for (size_t i = 0; own.exec && i < 4; i++)
		for (int engine = 0; engine < (jit_available() ? ENGINES : 1); engine++) {
			uint64_t r0 = 0;

			if (engine == COMPILED)
				continue;
			CHECK_CASE("0x%llx, %s", (unsigned long long)bad[i], engines[engine]);
			run_one(&own, bad[i], engine, &r0, id, sizeof(id));
			CHECK_EQ_STR(id, "X0113");
		}
	exec_prog_free(own.exec);
	core_free(obj);
	load_close(spec);
}

/* An entry into the middle of a wide instruction is found when the program is made. */
static void into_a_wide_one(void)
{
	static const struct jumper wide = { { 80, 96, 112, (ADDRESS + 1) * 8 }, 32, 1, NULL };
	struct load_obj *spec = NULL;
	char id[32];
	struct core_obj *obj = open_object(&wide, &spec, id, sizeof(id));

	CHECK(obj && !core_prog(obj, 0)->exec && core_prog(obj, 0)->refused);
	if (obj && core_prog(obj, 0)->refused)
		CHECK_EQ_STR(skep_error_id(core_prog(obj, 0)->refused), "X0005");
	core_free(obj);
	load_close(spec);
}

CHECK_MAIN({ "jumps", jumps }, { "bad_tables", bad_tables }, { "made_up", made_up },
	   { "into_a_wide_one", into_a_wide_one })
