// SPDX-License-Identifier: Apache-2.0
/*
 * Loops that are decided by a summary: what terminates and is safe is accepted although its rounds are beyond any limit, what
 * does not terminate, or leaves its bounds in the last round only, is refused.
 */
#include "check.h"
#include "verify/verify.h"

#define MOV(r, x)             \
	{                     \
		0xb7, r, 0, x \
	}
#define COPY(d, s)                         \
	{                                  \
		0xbf, (d) | (s) << 4, 0, 0 \
	}
#define ADD(r, x)             \
	{                     \
		0x07, r, 0, x \
	}
#define SUM(d, s)                          \
	{                                  \
		0x0f, (d) | (s) << 4, 0, 0 \
	}
#define ADD32(r, x)           \
	{                     \
		0x04, r, 0, x \
	}
#define IF_NE(r, x, to)        \
	{                      \
		0x55, r, to, x \
	}
#define IF_LT(r, x, to)        \
	{                      \
		0xa5, r, to, x \
	}
#define IF_SET(r, x, to)       \
	{                      \
		0x45, r, to, x \
	}
#define GOTO(to)               \
	{                      \
		0x05, 0, to, 0 \
	}
#define LOAD(d, s, at)                      \
	{                                   \
		0x79, (d) | (s) << 4, at, 0 \
	}
#define LOAD4(d, s, at)                     \
	{                                   \
		0x61, (d) | (s) << 4, at, 0 \
	}
#define STORE(d, s, at)                     \
	{                                   \
		0x7b, (d) | (s) << 4, at, 0 \
	}
#define STORE1(d, at, x)       \
	{                      \
		0x72, d, at, x \
	}
#define CALL(to)                  \
	{                         \
		0x85, 0x10, 0, to \
	}
#define EXIT                  \
	{                     \
		0x95, 0, 0, 0 \
	}

enum want { REFUSED, DECIDED, WALKED };

static const struct row {
	const char *name;
	enum want want;
	struct skep_insn in[16];
} rows[] = {
	{ "up to 100,000,000",
	  DECIDED,
	  { MOV(0, 0), MOV(1, 0), ADD(1, 1), SUM(0, 1), IF_NE(1, 100000000, -3), EXIT } },
	{ "32 bits",
	  DECIDED,
	  { MOV(0, 0), MOV(1, 0), ADD32(1, 1), SUM(0, 1), IF_LT(1, 100000000, -3), EXIT } },
	{ "down to 0", DECIDED, { MOV(0, 1), MOV(1, 5000000), ADD(1, -1), IF_NE(1, 0, -2), EXIT } },
	{ "steps of 3 that meet",
	  DECIDED,
	  { MOV(0, 1), MOV(1, 0), ADD(1, 3), IF_NE(1, 30000000, -2), EXIT } },
	{ "steps of 3 that pass",
	  REFUSED,
	  { MOV(0, 1), MOV(1, 0), ADD(1, 3), IF_NE(1, 30000001, -2), EXIT } },
	{ "the counter on the stack",
	  DECIDED,
	  { MOV(0, 1), MOV(1, 0), STORE(10, 1, -8), LOAD(1, 10, -8), ADD(1, 1), STORE(10, 1, -8),
	    IF_LT(1, 5000000, -4), EXIT } },
	{ "one loop in the other",
	  DECIDED,
	  { MOV(0, 1), MOV(1, 0), MOV(2, 0), ADD(2, 1), IF_LT(2, 10000, -2), ADD(1, 1),
	    IF_LT(1, 10000, -5), EXIT } },
	{ "a function in the loop",
	  DECIDED,
	  { MOV(6, 0), COPY(1, 6), CALL(3), ADD(6, 1), IF_LT(6, 3000000, -4), EXIT, MOV(0, 2),
	    EXIT } },
	{ "one of two ways does not count",
	  REFUSED,
	  { LOAD4(3, 1, 0), MOV(0, 1), MOV(1, 0), IF_SET(0, 1, 1), ADD(1, 1), IF_LT(1, 5000000, -3),
	    EXIT } },
	{ "nothing changes", REFUSED, { MOV(0, 1), MOV(1, 7), IF_NE(1, 5, -1), EXIT } },
	{ "the counter is reset",
	  REFUSED,
	  { MOV(0, 1), MOV(1, 0), ADD(1, 1), IF_LT(1, 10, -2), MOV(1, 0), GOTO(-4), EXIT } },
	{ "64 bytes of the stack",
	  DECIDED,
	  { MOV(0, 1), MOV(1, 0), COPY(2, 10), ADD(2, -64), SUM(2, 1), STORE1(2, 0, 5), ADD(1, 1),
	    IF_LT(1, 64, -6), EXIT } },
	{ "65 bytes of the stack",
	  REFUSED,
	  { MOV(0, 1), MOV(1, 0), COPY(2, 10), ADD(2, -64), SUM(2, 1), STORE1(2, 0, 5), ADD(1, 1),
	    IF_LT(1, 65, -6), EXIT } },
	{ "a pointer that moves along",
	  DECIDED,
	  { MOV(0, 1), MOV(1, 0), COPY(2, 10), ADD(2, -64), STORE1(2, 0, 5), ADD(2, 1), ADD(1, 1),
	    IF_NE(1, 64, -4), EXIT } },
	{ "a pointer that moves along too far",
	  REFUSED,
	  { MOV(0, 1), MOV(1, 0), COPY(2, 10), ADD(2, -64), STORE1(2, 0, 5), ADD(2, 1), ADD(1, 1),
	    IF_NE(1, 65, -4), EXIT } },
};

static uint32_t length(const struct row *r)
{
	uint32_t n = ARRAY_SIZE(r->in);

	while (!r->in[n - 1].code)
		n--;
	return n;
}

static int ask(const struct row *r, uint32_t level, bool every_round, struct verify_result *ret)
{
	return verify_prog(&(struct verify_opts){ .insns = r->in,
						  .n = length(r),
						  .prog_type = PROG_XDP,
						  .attach_type = ATTACH_NONE,
						  .caps = VERIFY_CAPS_ALL,
						  .log_level = level,
						  .every_round = every_round },
			   ret, NULL);
}

static void verdicts(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];
		struct verify_result ret;

		CHECK_CASE("%s", r->name);
		CHECK_EQ_INT(ask(r, 0, false, &ret) == 0, r->want != REFUSED);
		CHECK_EQ_INT(ret.stats.summaries != 0 && r->want == DECIDED, r->want == DECIDED);
		CHECK(r->want != DECIDED || ret.stats.insns_processed < 1000);
		verify_done(&ret);
	}
}

/* The walk of all rounds gives up; a log tells of that walk, and the verdict is the same. */
static void limits(void)
{
	struct verify_result ret;

	CHECK_EQ_INT(ask(&rows[0], 0, true, &ret), -E2BIG);
	verify_done(&ret);
	CHECK_EQ_INT(ask(&rows[0], VERIFY_LOG_PATH, false, &ret), 0);
	CHECK(ret.log && strstr(ret.log, "accepted with a summary of 1 loops"));
	verify_done(&ret);
}

CHECK_MAIN({ "verdicts", verdicts }, { "limits", limits })
