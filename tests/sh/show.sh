#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What `skep run` prints: lines, records, tables, histograms, settings, everything that was lost; as text against
# tests/sh/expect/, as JSON by its values.

# shellcheck source=tests/sh/golden.bash
. "$(dirname "$0")/golden.bash"

text()
{
	golden run_report "$SKEP" run "$cli/report.bpf.o" -- "$calls" calls 3
	golden run_report_quiet "$SKEP" run -q "$cli/report.bpf.o" -- "$calls" calls 1
	golden run_all_maps "$SKEP" run --all-maps --rows 1 "$cli/report.bpf.o" -- "$calls" calls 2
	golden run_ambiguous "$SKEP" run "$cli/ambiguous.bpf.o" -- "$calls" calls 2
	golden run_event "$SKEP" run --event 'events=struct second' --event others=only \
		"$cli/ambiguous.bpf.o" -- "$calls" calls 1
	golden run_event_map "$SKEP" run --event 'none=struct second' "$cli/ambiguous.bpf.o" -- true
	golden run_event_type "$SKEP" run --event 'events=struct none' "$cli/ambiguous.bpf.o" -- true
	golden run_losses sh -c '"$@" 2>&1 | uniq -c' sh "$SKEP" run "$cli/losses.bpf.o" -- "$calls" calls 1
	golden run_losses_quiet sh -c '"$@" | uniq -c' sh "$SKEP" run -q "$cli/losses.bpf.o" -- "$calls" calls 1
	golden run_skipped "$SKEP" run "$cli/skipped.bpf.o" -- "$calls" calls 1
	golden run_strict "$SKEP" run --strict "$cli/skipped.bpf.o" -- "$calls" calls 1
	golden run_nothing "$SKEP" run "$cli/skipped.bpf.o" --pcap /dev/null
	golden xdp_stats "$SKEP" run "$examples/xdp_stats.bpf.o" --pcap examples/captures/mixed.pcap
	golden tc_rewrite "$SKEP" run "$examples/tc_rewrite.bpf.o" --pcap examples/captures/mixed.pcap -c 100
}

faults()
{
	golden fault_null "$SKEP" run --set which=NULL_POINTER "$cli/faults.bpf.o" -- "$calls" calls 3
	golden fault_outside "$SKEP" run --set which=OUTSIDE "$cli/faults.bpf.o" -- "$calls" calls 1
	golden fault_budget "$SKEP" run --set which=ENDLESS --budget 1000 "$cli/faults.bpf.o" -- "$calls" calls 2
	golden fault_default_budget "$SKEP" run --set which=ENDLESS "$cli/faults.bpf.o" -- "$calls" calls 1
	check 'a fault as JSON' "$("$SKEP" run --json --set which=OUTSIDE "$cli/faults.bpf.o" -- "$calls" calls 2 |
		"$json_lines" fault program error.id error.place.line | uniq -c | sed 's/^ *//')" \
		'2 "on_getppid" "X0101" 29'
}

settings()
{
	local set=(--entries table=5 --entries ring=5000)

	golden set_none "$SKEP" run "$cli/settings.bpf.o" -- true
	golden set_sizes "$SKEP" run "${set[@]}" "$cli/settings.bpf.o" -- "$calls" calls 1
	golden set_all "$SKEP" run "${set[@]}" --set number=-7 --set small=255 --set big=18446744073709551615 \
		--set flag=yes --set mode=AUTO --set name=skep --set port=8080 --set address=10.1.2.3 \
		--set 'list[1]=9' --set limits.high=0x10 --set limits.nested=-128 --set limits.three=7 \
		--set limits.five=-16 --set fraction=2.5 --set hidden=11 --set changing=12 --set zeros=13 \
		"$cli/settings.bpf.o" -- "$calls" calls 1
	golden set_unknown "$SKEP" run --set nosuch=1 "$cli/settings.bpf.o" -- true
	golden set_range "$SKEP" run --set small=256 "$cli/settings.bpf.o" -- true
	golden set_form "$SKEP" run --set small "$cli/settings.bpf.o" -- true
	golden entries_unknown "$SKEP" run --entries nosuch=1 "$cli/settings.bpf.o" -- true
	golden entries_data "$SKEP" run --entries .rodata=1 "$cli/settings.bpf.o" -- true
	golden entries_wide "$SKEP" run --entries table=4294967296 "$cli/settings.bpf.o" -- true
	"$SKEP" run --json -o "$work/json" --entries counts=3 "$examples/syscount.bpf.o" -- "$calls" calls 1
	check 'a size of an example' "$("$json_lines" map map max_entries <"$work/json" | grep counts)" \
		'"counts" 3'
}

# Every line of --json is one object, whatever happens; values keep their types.
json()
{
	local run=("$SKEP" run --json) one='"on_getppid" "tracepoint/syscalls/sys_enter_getppid"'

	"${run[@]}" "$cli/report.bpf.o" -- "$calls" calls 3 >"$work/report"
	check 'JSON: kinds of lines' "$("$json_lines" <"$work/report" | sort | tr '\n' ' ')" \
		'map 4 programs 1 record 6 summary 1 trace 3 variables 1 '
	check 'JSON: a line' "$("$json_lines" trace text <"$work/report" | head -n 1)" '"call 1 of getppid"'
	check 'JSON: a ring record' "$("$json_lines" record map type size data <"$work/report" | head -n 1)" \
		"\"events\" \"struct everything\" 112 $(cat tests/sh/expect/everything.json)"
	check 'JSON: a perf record' "$("$json_lines" record map type data <"$work/report" | sed -n 2p)" \
		'"samples" "struct sample" {"n":1,"wide":"HUGE"}'
	check 'JSON: tables' "$("$json_lines" map map entries elements.0.key elements.0.value <"$work/report" | head -n 1)" \
		'"totals" 2 {"colour":"RED","id":1} {"count":2,"sum":4}'
	check 'JSON: each CPU' "$("$json_lines" map map elements.0.values <"$work/report" |
		sed -n 's/"per_cpu" //p' | tr '[],' '  +' | bc)" 3
	check 'JSON: variables' "$("$json_lines" variables section values <"$work/report")" '".bss" {"calls":3}'
	check 'JSON: programs' "$("$json_lines" programs programs.0.name programs.0.section programs.0.runs \
		<"$work/report")" "$one 3"
	check 'JSON: summary' "$("$json_lines" summary runs records lost faults skipped processes status \
		<"$work/report")" '3 6 0 0 0 1 0'
	check 'JSON: losses' "$("${run[@]}" "$cli/losses.bpf.o" -- "$calls" calls 1 |
		"$json_lines" summary records lost full)" '121 179 6'
	check 'JSON: undecoded' "$("${run[@]}" "$cli/ambiguous.bpf.o" -- "$calls" calls 2 |
		"$json_lines" undecoded map size candidates)" \
		"$(printf '%s\n' '"events" 24 ["struct first","struct second"]' '"events" 5 []')"
	check 'JSON: skipped' "$("${run[@]}" "$cli/skipped.bpf.o" -- "$calls" calls 1 | "$json_lines" | grep skip)" \
		'skipped 4'
	check 'JSON: verdicts' "$("${run[@]}" "$examples/xdp_stats.bpf.o" --pcap examples/captures/mixed.pcap |
		"$json_lines" summary packets verdicts)" \
		'993 [{"count":993,"program":"xdp_stats","verdict":"XDP_PASS"}]'
	check 'JSON: an error' "$("${run[@]}" --event none=x "$cli/ambiguous.bpf.o" -- true 2>&1 |
		"$json_lines" error error.id error.code)" '"U0004" -2'
	for o in "$examples"/*.bpf.o; do
		case $o in
		*/xdp_* | */tc_*) set -- --pcap examples/captures/mixed.pcap ;;
		*) set -- -- sh -c 'ls / | wc' ;;
		esac
		"${run[@]}" -o "$work/json" "$o" "$@" >"$work/out"
		check "JSON: every line of ${o##*/}" "$("$json_lines" <"$work/json" | grep summary)" 'summary 1'
	done
}

# The command has its own output; with -o nothing of skep's is on it.
output()
{
	printf 'a\0b\377\r\n\033[1m' >"$work/bytes"
	"$SKEP" run -o "$work/file" "$cli/report.bpf.o" -- sh -c "cat '$work/bytes'; '$calls' calls 1; cat '$work/bytes' >&2" \
		>"$work/out" 2>"$work/err"
	cmp "$work/out" "$work/bytes" && cmp "$work/err" "$work/bytes"
	check 'the bytes of a command are its own' $? 0
	check '-o has the rest' "$(grep -c 'call 1 of getppid' "$work/file")" 1
	golden out_full "$SKEP" run -o /dev/full "$cli/report.bpf.o" -- "$calls" calls 1
	golden out_stdout_full sh -c 'exec "$@" >/dev/full' sh "$SKEP" run "$cli/report.bpf.o" -- "$calls" calls 1
	golden out_nowhere "$SKEP" run -o "$work/no/file" "$cli/report.bpf.o" -- true
	golden write_full "$SKEP" run "$examples/xdp_stats.bpf.o" --pcap examples/captures/mixed.pcap --write /dev/full
	"$SKEP" run "$cli/report.bpf.o" -- "$calls" calls 5000 2>"$work/err" | head -n 1 >"$work/out"
	check 'a reader that has seen enough' "$(cat "$work/out" "$work/err")" 'call 1 of getppid'
	"$SKEP" run "$cli/report.bpf.o" -- "$calls" status 7 >"$work/out"
	check 'without --status' $? 0
	"$SKEP" run --status "$cli/report.bpf.o" -- "$calls" status 7 >"$work/out"
	check 'with --status' $? 7
}

text
faults
settings
json
output
finish
