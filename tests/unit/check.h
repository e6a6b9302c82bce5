/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole unit-test framework: checks, named cases and a summary.
 *
 * A test file is a list of functions given to CHECK_MAIN. Each function opens cases with CHECK_CASE
 * (a printf format: table-driven tests name the row) and states checks; a function without CHECK_CASE
 * is one case under its own name. A failed check is printed with its place and its values, fails the
 * case it stands in, and the test goes on. CHECK_SKIP leaves the function and shows the reason.
 *
 *	static void adds(void)
 *	{
 *		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
 *			CHECK_CASE("%u + %u", rows[i].a, rows[i].b);
 *			CHECK_EQ_INT(rows[i].a + rows[i].b, rows[i].sum);
 *		}
 *	}
 *	CHECK_MAIN({ "adds", adds }, { "subtracts", subtracts })
 *
 * Output is read by tests/run: `ok NAME`, `not ok NAME`, `skip NAME: reason`, details after `#`, last
 * `# N passed, N failed, N skipped`. Arguments select functions by name. Exit code 1 if a case failed.
 */
#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#endif

struct check_test {
	const char *name;
	void (*run)(void);
};

static struct {
	const char *function;
	char name[256];
	unsigned passed, failed, skipped;
	unsigned bad, cases; /* failed checks in the open case, cases closed in this function */
	bool open, skipping;
} check_state;

static inline void check_close(void)
{
	if (!check_state.open)
		return;
	check_state.open = false;
	check_state.cases++;
	if (check_state.bad) {
		check_state.failed++;
		printf("not ok %s\n", check_state.name);
	} else {
		check_state.passed++;
		printf("ok %s\n", check_state.name);
	}
	fflush(stdout);
}

__attribute__((format(printf, 1, 2))) static inline void check_case(const char *fmt, ...)
{
	char row[192];
	va_list ap;

	check_close();
	va_start(ap, fmt);
	vsnprintf(row, sizeof(row), fmt, ap);
	va_end(ap);
	for (char *p = row; *p; p++)
		if ((unsigned char)*p < 0x20)
			*p = ' ';
	snprintf(check_state.name, sizeof(check_state.name), "%s: %s", check_state.function, row);
	check_state.open = true;
	check_state.bad = 0;
}

/* Checks before the first CHECK_CASE of a function belong to a case with the function's name. */
static inline void check_open(void)
{
	if (check_state.open)
		return;
	snprintf(check_state.name, sizeof(check_state.name), "%s", check_state.function);
	check_state.open = true;
	check_state.bad = 0;
}

__attribute__((format(printf, 4, 5))) static inline bool check_true(bool good, const char *file,
								    int line, const char *fmt, ...)
{
	va_list ap;

	check_open();
	if (good)
		return true;
	check_state.bad++;
	printf("# %s:%d: %s: ", file, line, check_state.name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	return false;
}

static inline bool check_str(const char *a, const char *b, const char *text, const char *file,
			     int line)
{
	bool same = a && b ? strcmp(a, b) == 0 : a == b;

	return check_true(same, file, line, "%s: got '%s', expected '%s'", text, a ? a : "(null)",
			  b ? b : "(null)");
}

static inline bool check_mem(const void *a, const void *b, size_t n, const char *text,
			     const char *file, int line)
{
	const unsigned char *p = a, *q = b;
	size_t i = 0;

	if (n && (!a || !b))
		return check_true(a == b, file, line, "%s: one side is NULL", text);
	while (i < n && p[i] == q[i])
		i++;
	return check_true(i == n, file, line, "%s: byte %zu of %zu is 0x%02x, expected 0x%02x",
			  text, i, n, i < n ? p[i] : 0, i < n ? q[i] : 0);
}

/* got is the identifier of the error that came, NULL for none. */
static inline bool check_err(const char *got, const char *message, const char *id, const char *file,
			     int line)
{
	return check_true(got && id ? !strcmp(got, id) : got == id, file, line,
			  "got error %s (%s), expected %s", got ? got : "none",
			  message ? message : "no message", id ? id : "none");
}

static inline void check_skip(const char *reason)
{
	check_close();
	check_state.skipped++;
	check_state.skipping = true;
	printf("skip %s: %s\n", check_state.function, reason);
}

static inline int check_main(const struct check_test *tests, size_t count, int argc, char **argv)
{
	unsigned ran = 0;

	for (size_t i = 0; i < count; i++) {
		bool wanted = argc < 2;

		for (int a = 1; a < argc; a++)
			wanted = wanted || !strcmp(argv[a], tests[i].name);
		if (!wanted)
			continue;
		ran++;
		check_state.function = tests[i].name;
		check_state.cases = 0;
		check_state.skipping = false;
		tests[i].run();
		check_close();
		if (!check_state.cases && !check_state.skipping) {
			check_open();
			check_true(false, __FILE__, __LINE__, "the test checked nothing");
			check_close();
		}
	}
	if (!ran) {
		printf("not ok selection\n# no test function was selected\n");
		check_state.failed++;
	}
	printf("# %u passed, %u failed, %u skipped\n", check_state.passed, check_state.failed,
	       check_state.skipped);
	return check_state.failed ? 1 : 0;
}

#define CHECK_CASE(...) check_case(__VA_ARGS__)

/* Each check is true if it held, so that a test can stop before using what is not there. */
#define CHECK(cond) check_true(!!(cond), __FILE__, __LINE__, "%s is false", #cond)
#define CHECK_MSG(cond, ...) check_true(!!(cond), __FILE__, __LINE__, __VA_ARGS__)
#define CHECK_EQ_STR(a, b) check_str((a), (b), #a, __FILE__, __LINE__)
#define CHECK_EQ_MEM(a, b, n) check_mem((a), (b), (n), #a, __FILE__, __LINE__)
/* A struct skep_error, which stays the caller's; id NULL means that there must be no error. */
#define CHECK_ERR(err, id)                                                                         \
	check_err((err) ? skep_error_id(err) : NULL, (err) ? skep_error_message(err) : NULL, (id), \
		  __FILE__, __LINE__)
/* Any integers: compared as 64 bits, printed signed and in hexadecimal. */
#define CHECK_EQ_INT(a, b)                                                                        \
	__extension__({                                                                           \
		long long check_a = (long long)(a), check_b = (long long)(b);                     \
		check_true(check_a == check_b, __FILE__, __LINE__,                                \
			   "%s: got %lld (0x%llx), expected %lld (0x%llx)", #a, check_a, check_a, \
			   check_b, check_b);                                                     \
	})

/* Of @n rounds of a long test those that an emulated CPU has the time for. */
static inline int check_rounds(int n)
{
	return getenv("SKEP_EMULATED") ? (n + 19) / 20 : n;
}

/* Leaves the test function: `if (!possible) CHECK_SKIP("why");` */
#define CHECK_SKIP(reason)          \
	do {                        \
		check_skip(reason); \
		return;             \
	} while (0)

#define CHECK_MAIN(...)                                                   \
	int main(int argc, char **argv)                                   \
	{                                                                 \
		static const struct check_test tests[] = { __VA_ARGS__ }; \
                                                                          \
		return check_main(tests, ARRAY_SIZE(tests), argc, argv);  \
	}

#endif
