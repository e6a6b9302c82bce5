#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What `skep inspect`, `disasm`, `exec` and the helps print.

# shellcheck source=tests/sh/golden.bash
. "$(dirname "$0")/golden.bash"

object=$cli/report.bpf.o
be=$SKEP_BUILD/tests/bpf/load/byte_order.be.bpf.o

inspect()
{
	local o keys

	golden inspect_parts "$SKEP" inspect --programs --maps --variables --externs "$object"
	golden inspect_skipped "$SKEP" inspect -p "$cli/skipped.bpf.o"
	golden inspect_relocations "$SKEP" inspect -r "$cli/faults.bpf.o"
	golden inspect_core "$SKEP" inspect -c "$SKEP_BUILD/tests/bpf/cli/misses.bpf.o"
	golden inspect_externs "$SKEP" inspect -e "$SKEP_BUILD/tests/bpf/cli/misses.bpf.o"
	golden inspect_sections bash -c '"$0" inspect -s "$1" | grep -vE "debug|addrsig" | awk "NR > 3 { \$1 = \$4 = \$5 = \"\"; print }"' \
		"$SKEP" "$cli/faults.bpf.o"
	golden inspect_types bash -c '"$0" inspect -t "$1" | sed -n "/STRUCT.* struct everything {/,/^};/p" | sed "s/\[[0-9]*\]/[N]/"' \
		"$SKEP" "$object"
	check 'inspect without options' "$("$SKEP" inspect "$object" | sed -n 's/^\([a-z]*\) ([0-9]*)$/\1/p' | tr '\n' ' ')" \
		'sections programs maps externs '
	check 'inspect --all' "$("$SKEP" inspect --all "$object" | sed -nE 's/^([A-Za-z -]*) \([0-9]*\)$/\1/p' | tr '\n' ',')" \
		'sections,programs,maps,variables,externs,relocations,CO-RE relocations,types,'
	for o in "$examples"/*.bpf.o "$cli"/[!l]*.bpf.o "$be"; do
		keys=$("$SKEP" inspect --json "$o" | "$json_lines" - object | tr -d '"')
		check "inspect --json ${o##*/}" "$keys" "$o"
		"$SKEP" inspect --all -o "$work/file" "$o" >"$work/out"
		check "inspect --all -o ${o##*/}" "$? $(wc -c <"$work/out") $(grep -c '^programs (' "$work/file")" '0 0 1'
	done
	check 'inspect --json: parts' "$("$SKEP" inspect --json -m "$object" |
		"$json_lines" - maps.0.name maps.2.key maps.2.max_entries programs)" '"events" "struct key" 16 (none)'
	check 'inspect --btf' "$("$SKEP" inspect -c --btf "$work/btf" "$object" 2>&1 | head -n 1)" \
		"error[B0002]: cannot open the file: No such file or directory"
}

disasm()
{
	golden disasm "$SKEP" disasm "$cli/faults.bpf.o"
	golden disasm_asm "$SKEP" disasm --style asm --no-source --bytes "$cli/faults.bpf.o"
	golden disasm_one "$SKEP" disasm --no-source "$cli/skipped.bpf.o:packets"
	golden disasm_none "$SKEP" disasm "$cli/skipped.bpf.o:nosuch"
	golden disasm_none_json "$SKEP" disasm --json "$cli/skipped.bpf.o:nosuch"
	golden disasm_full sh -c 'exec "$@" >/dev/full' sh "$SKEP" disasm "$object"
	cp "$cli/skipped.bpf.o" "$work/odd:packets"
	check 'disasm of a file with a colon' "$("$SKEP" disasm "$work/odd:packets" | grep -c ' instructions$')" 6
	check 'disasm of its program' "$("$SKEP" disasm "$work/odd:packets:packets" | grep -c ' instructions$')" 1
	check 'disasm --json' "$("$SKEP" disasm --json "$cli/faults.bpf.o" |
		"$json_lines" - program instruction text source.line | tail -n 1)" '"on_getppid" 30 "exit" 33'
	check 'disasm of the other byte order' "$("$SKEP" disasm --no-source "$be" | grep -c exit | sed 's/[1-9].*/some/')" some
}

run_exec()
{
	local hex=$1

	shift
	printf '%s' "$hex" | "$SKEP" exec "$@"
}

exec_cases()
{
	local ret42='b7 00 00 00 2a 00 00 00  95 00 00 00 00 00 00 00' o

	check 'exec: blanks' "$(run_exec "$ret42")" 2a
	check 'exec: none' "$(run_exec "$(tr -d ' ' <<<"$ret42")")" 2a
	check 'exec: 0x and upper case' "$(run_exec "$(sed 's/\(..\) /0x\1\n/g; s/a/A/g' <<<"$ret42")")" 2a
	check 'exec: memory' "$(run_exec '71 10 01 00 00 00 00 00 95 00 00 00 00 00 00 00' 'aa bb 0xcc')" bb
	check 'exec: its length' "$(run_exec 'bf 20 00 00 00 00 00 00 95 00 00 00 00 00 00 00' aabbcc)" 3
	check 'exec: --budget' "$(run_exec "$ret42" --budget 2)" 2a
	golden exec_budget bash -c 'echo 05 00 ff ff 00 00 00 00 | "$0" exec --budget 9' "$SKEP"
	golden exec_bad_hex bash -c 'echo b7 00 0x 00 | "$0" exec' "$SKEP"
	golden exec_half_byte bash -c 'echo b7 00 0 | "$0" exec' "$SKEP"
	golden exec_bad_memory bash -c 'echo b7 | "$0" exec xy' "$SKEP"
	golden exec_partial bash -c 'echo b7 00 | "$0" exec' "$SKEP"
	golden exec_empty bash -c '"$0" exec </dev/null' "$SKEP"
	golden exec_invalid bash -c 'echo ff 00 00 00 00 00 00 00 | "$0" exec' "$SKEP"
	golden exec_outside bash -c 'echo 71 10 03 00 00 00 00 00 95 00 00 00 00 00 00 00 | "$0" exec aabbcc' "$SKEP"
	golden exec_json bash -c 'echo b7 00 | "$0" exec --json' "$SKEP"
	golden exec_full bash -c 'echo b7 00 00 00 2a 00 00 00 95 00 00 00 00 00 00 00 | "$0" exec >/dev/full' "$SKEP"
	o=$(od -An -v -tx1 "$cli/vector.bpf.o")
	check 'exec --elf' "$(run_exec "$o" --elf)" 1e
	check 'exec --elf --function' "$(run_exec "$o" --elf --function twice 0500000000000000)" a
	golden exec_no_function bash -c 'od -An -v -tx1 "$1" | "$0" exec --elf --function nosuch' "$SKEP" "$cli/vector.bpf.o"
	golden exec_not_elf bash -c 'echo b7 00 | "$0" exec --elf' "$SKEP"
	golden exec_maps bash -c 'od -An -v -tx1 "$1" | "$0" exec --elf --function on_getppid' "$SKEP" "$object"
}

helps()
{
	local c

	golden help "$SKEP" --help
	check 'help' "$("$SKEP" help)" "$("$SKEP" --help)"
	for c in $("$SKEP" --help | sed -nE 's/^  ([a-z][a-z-]*)  .*/\1/p'); do
		golden "help_$c" "$SKEP" "$c" --help
		check "help $c has an example" "$("$SKEP" "$c" --help | grep -cE '^  (.*\| )?skep '"$c" | sed 's/[1-9].*/some/')" some
		check "help $c" "$("$SKEP" help "$c")" "$("$SKEP" "$c" --help)"
	done
	golden help_unknown "$SKEP" help nosuch
	check 'version' "$("$SKEP" --version)" "$("$SKEP" version)"
}

inspect
disasm
exec_cases
helps
finish
