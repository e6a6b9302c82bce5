#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The tester is tested: check.h counts right, and tests/run makes a failure of each way to fail.

set -eu
cd "$(dirname "$0")/../.."
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/tests/{sh,unit} "$tree/build/tests/unit"
cp tests/run "$tree/tests"
passed=0
failed=0

# $1: what is tested; $2: the text that must be a line of standard input's.
expect()
{
	if grep -qxF -- "$2"; then
		echo "ok $1"
		passed=$((passed + 1))
	else
		echo "not ok $1: no line '$2'"
		failed=$((failed + 1))
	fi
}

# $1: name; standard input: a shell test.
script()
{
	{ echo '#!/bin/sh' && cat; } >"$tree/tests/sh/$1.sh"
	chmod +x "$tree/tests/sh/$1.sh"
}

cat >"$tree/tests/unit/own_test.c" <<'EOF'
#include "check.h"
static void checks(void)
{
	CHECK(1);
	CHECK_EQ_INT(-1, 0xffffffffffffffffull);
	CHECK_CASE("row %d", 1);
	CHECK_EQ_STR("a", "b");
	CHECK_CASE("row %d", 2);
	CHECK_EQ_MEM("abc", "abd", 2);
}
static void skips(void)
{
	CHECK_SKIP("no \'x\'");
}
static void nothing(void)
{
}
CHECK_MAIN({ "checks", checks }, { "skips", skips }, { "nothing", nothing })
EOF
unit=$tree/build/tests/unit/own_test
"${CC:-gcc}" -std=gnu11 -Wall -Itests/unit "$tree/tests/unit/own_test.c" -o "$unit"
out=$("$unit" || echo "exit status $?")
expect 'cases are counted' '# 2 passed, 2 failed, 1 skipped' <<<"$out"
expect 'a failed case is named' 'not ok checks: row 1' <<<"$out"
expect 'a test that checks nothing fails' 'not ok nothing' <<<"$out"
expect 'failures are the exit status' 'exit status 1' <<<"$out"
out=$("$unit" nosuch || echo "exit status $?")
expect 'no test selected is a failure' 'exit status 1' <<<"$out"

run()
{
	(cd "$tree" && tests/run -j 2 -t 1 "$@") 2>&1 || echo "exit status $?"
}

expect 'cases of a unit program are added up' '2 passed, 2 failed, 1 skipped' <<<"$(run own)"
script good <<<'exit 0'
script counts <<<'echo "4 passed, 0 failed"'
expect 'scripts count' '5 passed, 0 failed, 0 skipped' <<<"$(run good counts)"
script skipped <<<'echo no such thing here; exit 77'
expect 'a skip shows its reason' 'skip  sh/skipped: no such thing here' <<<"$(run skipped)"
script bad <<<'exit 3'
expect 'an exit status' '0 passed, 1 failed, 0 skipped' <<<"$(run bad)"
expect 'fails the run' 'exit status 1' <<<"$(run bad)"
# shellcheck disable=SC2016
script dies <<<'echo "9 passed, 0 failed"; kill -9 $$'
expect 'a death after the summary' '9 passed, 1 failed, 0 skipped' <<<"$(run dies)"
script hangs <<<'sleep 30'
expect 'a time-out' '0 passed, 1 failed, 0 skipped' <<<"$(run hangs)"
script empty <<<'echo "0 passed, 0 failed"'
expect 'no case' '0 passed, 1 failed, 0 skipped' <<<"$(run empty)"
expect 'no test' 'no test ran' <<<"$(run nosuch)"

echo "$passed passed, $failed failed"
[ $failed = 0 ]
