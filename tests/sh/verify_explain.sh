#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `skep verify` on programs that are rejected: text, JSON, SARIF, several objects, and --watch.

# shellcheck source=tests/sh/golden.bash
. "$(dirname "$0")/golden.bash"

rejected=$cli/rejected.bpf.o

golden verify_rejected "$SKEP" verify --model "$rejected"
golden verify_one "$SKEP" verify --model "$rejected" fine
golden verify_max "$SKEP" verify --model --max-errors 1 "$rejected" three
golden verify_two "$SKEP" verify --model "$rejected" "$examples/xdp_stats.bpf.o"
golden verify_nowhere "$SKEP" verify --model "$work/none.o"
golden verify_unknown "$SKEP" verify --model "$rejected" nobody
golden verify_usage "$SKEP" verify --model "$rejected" three four

"$SKEP" verify --model --json -o "$work/json" "$rejected"
check 'JSON: the exit code' $? 1
check 'JSON: findings' "$("$json_lines" - program verdict findings.0.error.id findings.0.error.place.line findings.1.error.id \
	findings.2.error.id findings.2.path.0.insn <"$work/json")" \
	"$(printf '%s\n' '"three" "rejected" "V0207" 24 "V0204" "V0201" 8' \
		'"fine" "accepted" (none) (none) (none) (none) (none)')"
check 'JSON: the first finding is the error' "$("$json_lines" - error.message error.place <"$work/json")" \
	"$("$json_lines" - findings.0.error.message findings.0.error.place <"$work/json")"

# What SARIF 2.1.0 requires: version, runs; of a run its tool's driver's name; of a result a message; ids of rules; places.
"$SKEP" verify --model --sarif -o "$work/sarif" "$rejected" "$examples/xdp_stats.bpf.o"
check 'SARIF: the exit code' $? 1
check 'SARIF: head' "$("$json_lines" - version runs.0.tool.driver.name runs.0.columnKind <"$work/sarif")" \
	'"2.1.0" "skep verify" "unicodeCodePoints"'
check 'SARIF: rules' "$("$json_lines" - runs.0.tool.driver.rules.0.id runs.0.tool.driver.rules.1.id \
	runs.0.tool.driver.rules.0.shortDescription.text <"$work/sarif")" \
	'"V0207" "V0204" "access through a pointer that may be null"'
for i in 0 1 2; do
	r=runs.0.results.$i
	l=$r.locations.0.physicalLocation
	f=$r.codeFlows.0.threadFlows.0.locations.0
	check "SARIF: result $i" "$("$json_lines" - $r.ruleId $r.ruleIndex $r.level $r.message.text \
		$l.artifactLocation.uri $l.region.startLine $l.region.startColumn $f.location.message.text \
		$f.location.physicalLocation.region.startLine $r.relatedLocations.0.id <"$work/sarif" |
		grep -cE "^\"V0[0-9]+\" $i \"error\" \".*needed: .*known: .*help: .*\" \"[^ \"]*rejected.bpf.c\" [0-9]+ [0-9]+ \"instruction [0-9]+: .*\" [0-9]+ 1$")" 1
done
"$SKEP" verify --model --sarif "$examples/xdp_stats.bpf.o" >"$work/sarif"
check 'SARIF: nothing to say' "$? $("$json_lines" - runs.0.results runs.0.tool.driver.rules <"$work/sarif")" '0 [] []'
check 'JSON or SARIF' "$("$SKEP" verify --json --sarif "$rejected" 2>&1 | head -n 1 | cut -c 1-5)" Usage

# What is found faults again, at the same instructions; elsewhere it says so.
"$SKEP" verify --model --counterexample "$work/inputs" --json -o "$work/json" "$rejected" three
check 'counterexamples: found' "$("$json_lines" - findings.0.counterexample.fault.id findings.1.counterexample.fault.id \
	findings.2.counterexample.fault.id <"$work/json")" '"X0102" "X0101" "X0101"'
places=$("$json_lines" - findings.0.error.place.at findings.1.error.place.at findings.2.error.place.at <"$work/json")
"$SKEP" verify --model --replay "$work/inputs" -o "$work/out" "$rejected"
check 'counterexamples: replayed' "$? $(sed -nE 's/.*, instruction ([0-9]+) .*/\1/p' "$work/out" | tr '\n' ' ')" "1 $places "
printf 'program fine\npacket 00\nfield ingress_ifindex 01000000\n' >"$work/inputs"
check 'an input without a fault' "$("$SKEP" verify --model --replay "$work/inputs" "$rejected"; echo $?)" \
	"$(printf '%s\n' 'fine: no fault, r0 is 0x2' 0)"
printf 'program fine\nfield nothing 01\n' >"$work/inputs"
golden replay_field "$SKEP" verify --model --replay "$work/inputs" "$rejected"
printf 'program fine\nelement counts 01 0\n' >"$work/inputs"
golden replay_element "$SKEP" verify --model --replay "$work/inputs" "$rejected"
printf 'program other\n' >"$work/inputs"
golden replay_program "$SKEP" verify --model --replay "$work/inputs" "$rejected"
golden replay_none "$SKEP" verify --model --replay "$work/none" "$rejected"
check 'no tries' "$("$SKEP" verify --model --tries 0 "$rejected" | grep -c counterexample)" 0

golden verify_rewritten "$SKEP" verify --model --rewritten "$rejected" fine
"$SKEP" verify --model --stats --json -o "$work/json" "$examples/xdp_stats.bpf.o"
check '--stats: by line' "$("$json_lines" - lines.0.line lines.0.walked lines.0.kept lines.0.ns lines.0.source <"$work/json" |
	grep -cE '^[0-9]+ [0-9]+ [0-9]+ [0-9]+ "')" 1
check '--stats: all instructions' "$("$json_lines" - processed <"$work/json")" \
	"$(grep -oE '"walked":[0-9]+' "$work/json" | cut -d: -f2 | paste -sd+ | bc)"
check '--stats: a table' "$("$SKEP" verify --model --stats "$examples/xdp_stats.bpf.o" | sed -n '2s/  */ /gp')" \
	' LINE WALKED STATES MS SOURCE'
check 'too complex' "$("$SKEP" verify --model --tries 0 "$cli/complex.bpf.o" | sed -E 's/[0-9]+ of them in line/N of them in line/' |
	grep -A 6 '^error' | grep -cE 'error.V0006|needed: no more than 1,000,000|known:  1000001 instructions were walked, N of them in line [1-9]')" 3

# Waits for a text in a file, for at most 10 seconds.
await()
{
	for ((i = 0; i < 100; i++)); do
		grep -qs "$1" "$2" && return
		sleep 0.1
	done
	return 1
}

mkdir "$work/watch"
cp "$rejected" "$work/watch/a.bpf.o"
"$SKEP" verify --model --watch -o "$work/out" "$work/watch/a.bpf.o" &
pid=$!
await 'three: rejected' "$work/out"
check '--watch: at the start' $? 0
cp "$examples/xdp_stats.bpf.o" "$work/watch/new" && mv "$work/watch/new" "$work/watch/a.bpf.o"
await 'xdp_stats: accepted' "$work/out"
check '--watch: after a change' $? 0
kill -INT "$pid"
wait "$pid"
check '--watch: ends on SIGINT' $? 0
finish
