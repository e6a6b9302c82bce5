// SPDX-License-Identifier: Apache-2.0
/*
 * Functions that are written where they are called: many calls of one that is full of calls or of long instructions, which take
 * more room than the program's own instructions do; callees of callees; several ways out. All engines must agree.
 */
#include "jit_fixture.h"

#define SITES 10

enum body {
	BODY_HELPERS,
	BODY_DIVISIONS,
	BODY_BRANCHES,
	BODY_CALLEE, /* calls another one, which is long and called there only */
	BODY_COUNT,
};

static void put_call(struct text *t, uint32_t to)
{
	put(t, 0x85, 0, 1, 0, (int32_t)(to - t->n - 1));
}

static void put_body(struct text *t, enum body body)
{
	switch (body) {
	case BODY_HELPERS:
		put(t, 0xbf, 0, 1, 0, 0);
		for (int i = 0; i < 11; i++) {
			put(t, 0xbf, 1, 0, 0, 0);
			put(t, 0x85, 0, 0, 0, 2);
		}
		break;
	case BODY_DIVISIONS:
		put(t, 0xbf, 0, 1, 0, 0);
		for (int i = 0; i < 20; i++)
			put(t, i % 2 ? 0x9f : 0x3f, i % 3 ? 0 : 1, i % 3 ? 1 : 2, 1, 0);
		break;
	case BODY_BRANCHES:
		put(t, 0xb7, 0, 0, 0, 5);
		for (int i = 0; i < 6; i++) {
			put(t, 0x25, 1, 0, 2, 1 << i);
			put(t, 0x07, 0, 0, 0, i);
			put(t, 0x95, 0, 0, 0, 0);
		}
		break;
	case BODY_CALLEE:
		put(t, 0x07, 1, 0, 0, 3);
		put_call(t, t->n + 2);
		put(t, 0x95, 0, 0, 0, 0);
		put(t, 0xbf, 0, 1, 0, 0);
		for (int i = 0; i < 60; i++)
			put(t, i % 3 ? 0x27 : 0xa7, 0, 0, 0, 0x1001 + i);
		break;
	case BODY_COUNT:
		break;
	}
	put(t, 0x95, 0, 0, 0, 0);
}

static void many_sites(void)
{
	static const uint8_t memory[MEMORY] = { 1, 2, 3 };

	if (!jit_available())
		CHECK_SKIP("no back end for this machine");
	for (int body = 0; body < BODY_COUNT; body++) {
		struct text t = { .n = 0 };
		uint32_t callee = 2 + 6 * SITES + 2;

		CHECK_CASE("body %d", body);
		put(&t, 0xb7, 7, 0, 0, 0);
		put(&t, 0xb7, 8, 0, 0, 11);
		for (int i = 0; i < SITES; i++) {
			put(&t, 0xbf, 1, 8, 0, 0);
			put(&t, 0xb7, 2, 0, 0, i - 3);
			put_call(&t, callee);
			put(&t, 0x27, 7, 0, 0, 31);
			put(&t, 0x0f, 7, 0, 0, 0);
			put(&t, 0x07, 8, 0, 0, -7 * i);
		}
		put(&t, 0xbf, 0, 7, 0, 0);
		put(&t, 0x95, 0, 0, 0, 0);
		CHECK_EQ_INT(t.n, callee);
		put_body(&t, (enum body)body);
		if (!fixture_same(&t, memory))
			return;
	}
}

CHECK_MAIN({ "many_sites", many_sites })
