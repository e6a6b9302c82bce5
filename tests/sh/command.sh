#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `skep run OBJ -- CMD` as a person at a terminal has it: input, output, status, signals, job control, and
# what happens when either of the two is killed. Counts of events are unit/proc_test's; here the whole
# command runs, once as this user and, if that is root, again as one without any privilege.

set -u
set -m # each background job is a process group, as at a terminal
: "${SKEP:?}" "${SKEP_BUILD:?}"
work=$(mktemp -d) || exit 3
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
mkdir -m 777 "$work/out"
out=$work/out/out
# A place that an ordinary user can read, whoever owns the build.
cp "$SKEP" "$SKEP_BUILD/tests/tools/calls" "$SKEP_BUILD"/examples/{opensnoop,execsnoop,syscount}.bpf.o "$work" || exit 3
chmod -R a+rX "$work"
skep=$work/skep calls=$work/calls
export ASAN_OPTIONS=detect_leaks=0
passed=0 failed=0

check()
{
	if [ "$2" = "$3" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf "not ok %s as %s: got '%s', expected '%s'\n" "$1" "$who" "$2" "$3"
	fi
}

# Waits until a condition holds, 5 s at most.
until_true()
{
	local i

	for i in $(seq 100); do
		"$@" && return
		sleep 0.05
	done
	return 1
}

state_of()
{
	sed 's/.*) \(.\).*/\1/' "/proc/$1/stat" 2>/dev/null
}

has_state()
{
	[ "$(state_of "$1")" = "$2" ]
}

gone()
{
	[ -z "$(state_of "$1")" ] || has_state "$1" Z
}

ready()
{
	grep -q ready "$1" 2>/dev/null
}

streams()
{
	local got

	got=$(echo input | $as "$skep" run -q -o "$out" "$work/opensnoop.bpf.o" -- \
		sh -c 'cat; echo error >&2; exit 3' 2>"$work/out/err")
	check 'exit without --status' $? 0
	check 'standard output' "$got" input
	check 'standard error' "$(cat "$work/out/err")" error
	check 'records go to the file' "$(grep -c libc "$out" | sed 's/[1-9][0-9]*/some/')" some
	$as "$skep" run -q --status -o "$out" "$work/opensnoop.bpf.o" -- sh -c 'exit 3'
	check 'status of the command' $? 3
	$as "$skep" run -q --status -o "$out" "$work/opensnoop.bpf.o" -- sh -c 'kill -9 $$'
	check 'status of a signal' $? 137
	$as "$skep" run -q -o "$out" "$work/opensnoop.bpf.o" -- no-such-command 2>"$work/out/err"
	check 'no such command fails' "$([ $? != 0 ] && echo yes)" yes
	check 'no such command is named' \
		"$(grep -c "P0001.*'no-such-command'" "$work/out/err")" 1
	check 'dispositions of signals' \
		"$($as "$skep" run -q -o "$out" "$work/opensnoop.bpf.o" -- grep -E "Sig(Blk|Ign|Cgt)" /proc/self/status)" \
		"$($as grep -E "Sig(Blk|Ign|Cgt)" /proc/self/status)"
}

counts()
{
	$as "$skep" run --json -o "$out" "$work/syscount.bpf.o" -- "$calls" threads 7 30
	check 'calls of threads' \
		"$(grep -o '"call":"getppid"[^}]*},"value":{"calls":[0-9]*' "$out" | grep -o '[0-9]*$')" 210
	check 'threads' "$(grep -o '"threads":[0-9]*' "$out")" '"threads":8'
	check 'nothing lost' "$(grep -o '"events_lost":[0-9]*' "$out")" '"events_lost":0'
	$as "$skep" run --json -o "$out" "$work/execsnoop.bpf.o" -- \
		sh -c "$calls vforks; $calls daemons; true"
	check 'programs that were started' "$(grep -c STARTED "$out")" 4
	check 'processes that ended' "$(grep -c EXITED "$out")" 6
}

# A signal to the group is what a terminal sends.
interrupt()
{
	$as "$skep" run -o "$out" "$work/opensnoop.bpf.o" -- sh -c 'echo ready; sleep 30; true' >"$work/out/say" &
	local job=$!

	until_true ready "$work/out/say"
	sleep 0.1
	kill -INT -- -$job
	wait $job
	check 'Ctrl-C: exit' $? 0
	check 'Ctrl-C: summary' "$(grep -c 'ended by signal 2\|exit 130' "$out")" 1
	rm -f "$work/out/say"

	$as "$skep" run -q --status -o "$out" "$work/opensnoop.bpf.o" -- "$calls" waits >"$work/out/say" &
	job=$!
	until_true ready "$work/out/say"
	kill -TERM $job
	wait $job
	check 'SIGTERM to skep alone reaches the command' $? 42
	rm -f "$work/out/say"
}

jobs_and_death()
{
	local job cmd

	$as "$skep" run -q --status -o "$out" "$work/opensnoop.bpf.o" -- \
		sh -c "echo \$\$ ready; exec $calls waits" >"$work/out/say" &
	job=$!
	until_true ready "$work/out/say"
	cmd=$(sed -n 's/ ready//p' "$work/out/say" | head -n 1)
	kill -TSTP -- -$job
	until_true has_state $job T
	check 'Ctrl-Z stops skep' "$(state_of $job)" T
	kill -CONT -- -$job
	until_true has_state $job S
	check 'fg continues skep' "$(state_of $job)" S
	kill -STOP "$cmd"
	until_true has_state "$cmd" t
	kill -CONT "$cmd"
	until_true has_state "$cmd" S
	check 'the command goes on' "$(state_of "$cmd")" S
	kill -TERM "$cmd"
	wait $job
	check 'the command ends' $? 42
	rm -f "$work/out/say"

	$as "$skep" run -q -o "$out" "$work/opensnoop.bpf.o" -- \
		sh -c "echo \$\$ ready; exec $calls waits" >"$work/out/say" &
	job=$!
	until_true ready "$work/out/say"
	cmd=$(sed -n 's/ ready//p' "$work/out/say" | head -n 1)
	kill -KILL $job
	wait $job 2>/dev/null
	until_true gone "$cmd"
	check 'the command dies with its supervisor' "$(gone "$cmd" && echo gone)" gone
	rm -f "$work/out/say"
}

nested()
{
	$as "$skep" run -q -o "$out" "$work/opensnoop.bpf.o" -- \
		"$skep" run -q -o "$out.inner" "$work/opensnoop.bpf.o" -- true 2>"$work/out/err"
	check 'skep under skep says why not' "$(grep -c P0004 "$work/out/err")" 1
}

all()
{
	rm -rf "$work/out"/*
	streams
	counts
	interrupt
	jobs_and_death
	nested
}

who=$(id -un) as=
all
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	who=nobody as='setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs --'
	all
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
