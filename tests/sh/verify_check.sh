#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `skep verify --check`: what is accepted runs on random inputs and stays inside what the verifier foresaw.

# shellcheck source=tests/sh/golden.bash
. "$(dirname "$0")/golden.bash"

for o in "$examples"/*.bpf.o; do
	"$SKEP" verify --model --check 40 --json -o "$work/json" "$o" 2>"$work/err"
	check "--check ${o##*/}" "$? $("$json_lines" - verdict check.runs check.breaches <"$work/json" | sort -u | tr '\n' ' ')$(cat "$work/err")" \
		'0 "accepted" 40 0 '
done
"$SKEP" verify --model --check 20 --json -o "$work/json" "$examples/xdp_stats.bpf.o"
check 'steps and states' "$("$json_lines" - check.steps check.states check.unwatched <"$work/json" | sed -E 's/[1-9][0-9]*/N/g')" \
	'N N false'
"$SKEP" verify --model --check 20 --seed 7 "$examples/opensnoop.bpf.o" enter_openat >"$work/text"
check 'as text' "$? $(sed -E 's/[0-9]+ (steps|states)/N \1/g' "$work/text")" '0 enter_openat: accepted
  checked: 20 runs, N steps inside N states, 0 breaches'
check 'no number of runs' "$("$SKEP" verify --check some "$examples/xdp_stats.bpf.o" 2>&1 | head -n 1)" \
	"skep verify: bad number of runs 'some'"
check 'no runs' "$("$SKEP" verify --check 0 "$examples/xdp_stats.bpf.o" 2>&1 | head -n 1)" "skep verify: bad number of runs '0'"
check 'no seed' "$("$SKEP" verify --seed -1 "$examples/xdp_stats.bpf.o" 2>&1 | head -n 1)" "skep verify: bad seed '-1'"
finish
