// SPDX-License-Identifier: Apache-2.0
/* Around compiled code: its size, its memory (never writable and executable, reclaimed), and threads. */
#include <pthread.h>

#include "jit_fixture.h"

#ifdef __x86_64__
#define TINY 4
#else
#define TINY 8 /* two instructions */
#endif

static void tiny(struct text *t)
{
	t->n = 0;
	put(t, 0xb7, 0, 0, 0, 0);
	put(t, 0x95, 0, 0, 0, 0);
}

static void empty_program(void)
{
	struct text t;
	struct exec_prog *prog;
	struct jit_prog *jit = NULL;
	size_t size = 0;

	if (!jit_available())
		CHECK_SKIP("no back end for this machine");
	tiny(&t);
	prog = fixture_prog(&t);
	if (CHECK_EQ_INT(jit_new(prog, NULL, &jit, NULL), 0)) {
		CHECK(jit_code(jit, &size) != NULL);
		CHECK(size <= TINY);
		CHECK_EQ_INT(jit_code(jit, NULL)(NULL, 0, 0), 0);
	}
	jit_free(jit);
	exec_prog_free(prog);
}

/* No mapping of this process may be written and executed. */
static bool write_xor_execute(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512], perms[5];
	bool good = f != NULL;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %4s", perms) == 1)
			good &= !(perms[1] == 'w' && perms[2] == 'x');
	if (f)
		fclose(f);
	return good;
}

static void code_is_reclaimed(void)
{
	struct jit_opts opts = { .mode = JIT_TRUSTED };
	struct jit_prog *keep[8] = { NULL };
	struct exec_prog *prog;
	struct text t;
	int failed = 0;

	if (!jit_available())
		CHECK_SKIP("no back end for this machine");
	tiny(&t);
	prog = fixture_prog(&t);
	if (!CHECK_EQ_INT(jit_pool_new(&opts.pool, NULL), 0))
		return;
	for (int i = 0; i < check_rounds(100000); i++) {
		jit_free(keep[i % 8]);
		failed += jit_new(prog, &opts, &keep[i % 8], NULL) < 0;
	}
	CHECK_EQ_INT(failed, 0);
	CHECK(jit_pool_used(opts.pool) <= 8 * 64);
	CHECK(write_xor_execute());
	for (int i = 0; i < 8; i++)
		jit_free(keep[i]);
	CHECK_EQ_INT(jit_pool_used(opts.pool), 0);
	jit_pool_unref(opts.pool);
	exec_prog_free(prog);
}

static struct jit_opts shared = { .mode = JIT_TRUSTED };

static void *compile_and_run(void *arg)
{
	const struct exec_prog *prog = arg;
	uint8_t memory[MEMORY] = { 0 };
	uintptr_t wrong = 0;

	for (int i = 0; i < 200; i++) {
		struct outcome out = fixture_run(prog, &shared, memory);

		wrong += out.r != 0 || out.r0 != 0;
	}
	return (void *)wrong;
}

static void threads(void)
{
	pthread_t thread[4];
	struct exec_prog *prog;
	struct text t;
	void *wrong;

	if (!jit_available())
		CHECK_SKIP("no back end for this machine");
	tiny(&t);
	prog = fixture_prog(&t);
	CHECK_EQ_INT(jit_pool_new(&shared.pool, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, compile_and_run, prog);
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], &wrong);
		CHECK(!wrong);
	}
	CHECK_EQ_INT(jit_pool_used(shared.pool), 0);
	jit_pool_unref(shared.pool);
	exec_prog_free(prog);
}

CHECK_MAIN({ "empty_program", empty_program }, { "code_is_reclaimed", code_is_reclaimed },
	   { "threads", threads })
