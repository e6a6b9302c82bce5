# SPDX-License-Identifier: Apache-2.0
#
# For tests that compare what a command prints with a text beside them (sourced, not run):
#
#	golden NAME COMMAND...	standard output, standard error and exit status against expect/NAME.expected
#	check WHAT GOT EXPECTED	two texts
#	finish			prints the sums; last line of the script
#
# SKEP_REBASE=1 writes the expectations anew; the difference is reviewed with git. What differs from machine to
# machine is replaced: paths, times, addresses, numbers of stops.

# shellcheck disable=SC2034 # variables are for the scripts
set -u
: "${SKEP:?}" "${SKEP_BUILD:?}"
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 3
expect=$PWD/tests/sh/expect
root=$PWD
work=$(mktemp -d) || exit 3
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
export ASAN_OPTIONS=${ASAN_OPTIONS-detect_leaks=1:allocator_may_return_null=1}
export LC_ALL=C.UTF-8 TERM=dumb
cli=$SKEP_BUILD/tests/bpf/cli
examples=$SKEP_BUILD/examples
calls=$SKEP_BUILD/tests/tools/calls
json_lines=$SKEP_BUILD/tests/tools/json_lines

pass()
{
	passed=$((passed + 1))
	echo "ok $1"
}

fail()
{
	failed=$((failed + 1))
	echo "not ok $1"
	sed 's/^/# /'
}

check()
{
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1" < <(diff <(echo "$3") <(echo "$2"))
	fi
}

normal()
{
	sed -E -e "s|$SKEP_BUILD/|BUILD/|g; s|$root/|SRC/|g; s|$work/|WORK/|g" \
		-e 's/[0-9]+\.[0-9]+ s([,;])/T s\1/; s/[0-9]+ stops?;/N stops;/' \
		-e 's/"seconds":[0-9.e+-]+/"seconds":0/; s/"stops":[0-9]+/"stops":0/' \
		-e 's/0x(60|[57][0-9a-f])[0-9a-f]{10}\b/ADDRESS/g; s/(LINUX_KERNEL_VERSION.*) [0-9]+$/\1 N/; s/on CPU [0-9]+/on CPU N/'
}

golden()
{
	local name=$1 file=$expect/$1.expected rc

	shift
	timeout 20 "$@" >"$work/golden.out" 2>"$work/golden.err"
	rc=$?
	{
		normal <"$work/golden.out"
		if [ -s "$work/golden.err" ]; then
			echo '--- standard error'
			normal <"$work/golden.err"
		fi
		echo "--- exit $rc"
	} >"$work/golden.text"
	if [ -n "${SKEP_REBASE-}" ]; then
		mkdir -p "$expect" && cp "$work/golden.text" "$file"
	fi
	if diff "$file" "$work/golden.text" >"$work/golden.diff" 2>&1; then
		pass "$name"
	else
		fail "$name" <"$work/golden.diff"
	fi
}

# One error block and an exit status, from a command that must end by itself.
#	refused NAME STATUS PATTERN COMMAND...
refused()
{
	local name=$1 status=$2 pattern=$3 rc blocks

	shift 3
	timeout -k 1 "${LIMIT-10}" "$@" >"$work/golden.out" 2>"$work/golden.err" </dev/null
	rc=$?
	blocks=$(grep -ac '^error\[[A-Z][0-9]*\]: ' "$work/golden.err")
	if [ $rc != "$status" ] || [ "$blocks" != 1 ] ||
		! grep -aqE -- "$pattern" "$work/golden.err"; then
		fail "$name" < <(
			echo "$*"
			echo "exit $rc (expected $status), $blocks errors, expected /$pattern/:"
			head -c 2000 "$work/golden.err"
		)
	else
		pass "$name"
	fi
}

finish()
{
	echo "$passed passed, $failed failed"
	[ $failed = 0 ]
	exit
}
