#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The compiler for arm64 on emulated CPUs: the library and its tests are cross-compiled, statically, and run under
# qemu-aarch64, once on a CPU with atomic instructions (LSE) and once on one without. `make check-arm64` runs this alone.
# In tests SKEP_EMULATED=1 says that time is dear, and that the process's memory is the emulator's too.

set -u
cd "$(dirname "$0")/../.." || exit 3
build=${SKEP_BUILD:-build}
make=${MAKE:-make}

skip()
{
	echo "skip arm64: $1"
	echo '0 passed, 0 failed, 1 skipped'
	exit 0
}

case $(basename "$build") in
san-*) skip 'sanitizers do not work below the emulator' ;;
esac
for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
	command -v $tool >/dev/null || skip "$tool is not installed"
done

log=$(mktemp -d) || exit 3
trap 'rm -rf "$log"' EXIT
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
rm -f "$build"/arm64/tests/*/* # what the Makefile lists no more is not run
if ! "$make" -s -j2 BUILD="$build/arm64" CC=aarch64-linux-gnu-gcc AR=aarch64-linux-gnu-ar CFLAGS=-O1 LDFLAGS=-static-pie \
	LIB_LIBS=-lpthread TEST_LIBS= SAN= arm64-programs >"$log/build" 2>&1; then
	tail -n 40 "$log/build"
	echo '0 passed, 1 failed'
	exit 1
fi

# One program on one CPU; its last line counts.
run_one()
{
	local cpu=$1 program=$2 name counts rc
	shift 2
	name="$cpu ${program##*/}"
	timeout 300 qemu-aarch64 -cpu "$cpu" "$program" "$@" >"$LOG/$name" 2>&1
	rc=$?
	counts=$(grep -aE '^(# )?[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$LOG/$name" | tail -n 1)
	[ -n "$counts" ] || counts="$((rc == 0)) passed, $((rc != 0)) failed, 0 skipped"
	if [ $rc != 0 ] || [[ $counts == *skipped && $counts != *' 0 skipped' ]]; then
		echo "# $name: exit status $rc"
		grep -avE '^ok ' "$LOG/$name" | grep -v '^qemu: uncaught target signal' | tail -n 30
		[[ $rc != 0 && $counts == *' 0 failed'* ]] && counts='0 passed, 1 failed, 0 skipped'
	fi
	echo "$name: ${counts#\# }"
}
export -f run_one
export LOG=$log SKEP_EMULATED=1

programs=$build/arm64/tests
vectors=(tests/cases/exec/*.data)
[ ! -d ../shared/conformance ] || vectors+=(../shared/conformance/*.data)
{
	for cpu in max cortex-a53; do
		for test in "$programs"/unit/*_test; do
			# the interpreter does not know which CPU it is
			case $cpu-${test##*/} in
			max-* | *-jit_[cft]* | *-vm_*) echo "$cpu $test" ;;
			esac
		done
		echo "$cpu $programs/tools/difffuzz -a -n 1500"
		echo "$cpu $programs/arm64/vectors ${vectors[*]}"
	done
} | xargs -L 1 -P 2 bash -c 'run_one "$@"' run_one | tee "$log/all"

awk '/: [0-9]+ passed, / {
	sub(/.*: /, "")
	gsub(/[^0-9 ]/, "")
	passed += $1; failed += $2; skipped += $3
}
END {
	printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
	exit failed > 0 || passed == 0
}' "$log/all"
