#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Input that is damaged, hostile or not there: each ends by itself with one error block that names the file and the
# exit status of its kind (1 refused or not found, 2 usage, 3 environment); never a signal, never a hang.

# shellcheck source=tests/sh/golden.bash
. "$(dirname "$0")/golden.bash"

bad=$SKEP_BUILD/tests/tools/bad_objects
object=$cli/report.bpf.o
pcap=examples/captures/mixed.pcap
x=$work/x

# All commands that read an object must refuse it alike.
refused_object()
{
	local name=$1 pattern=$2 file=$3 file_pattern

	file_pattern=$(sed 's/[.+]/\\&/g' <<<"$file")
	refused "$name: inspect" 1 "$pattern" "$SKEP" inspect --all "$file"
	grep -aqE -- "--> $file_pattern" "$work/golden.err"
	check "$name: the file is named" $? 0
	refused "$name: run" 1 "$pattern" "$SKEP" run "$file" -- true
	refused "$name: disasm" 1 "$pattern" "$SKEP" disasm "$file:main"
}

files()
{
	local n

	: >"$x"
	refused_object 'empty file' 'E0001.*' "$x"
	for n in 1 4 16 63 64 100 1000 5000; do
		head -c $n "$object" >"$x"
		refused_object "cut to $n bytes" 'error\[[ET]00' "$x"
	done
	head -c 5000 /dev/zero >"$x"
	refused_object 'zeros' 'E0001' "$x"
	head -c 5000 /dev/urandom >"$x"
	refused_object 'noise' 'E0001' "$x"
	cp tests/sh/bad_input.sh "$x"
	refused_object 'a script' 'E0001' "$x"
	{ head -c 300 "$object" && head -c 5000 /dev/zero; } >"$x"
	refused_object 'zeros from byte 300 on' 'error\[E00' "$x"
	refused_object 'missing' 'B0002.*No such file' "$work/none"
	refused_object 'directory' 'B0005.*directory' "$work"
	refused_object 'endless' 'B0004' /dev/zero
	mkfifo "$work/fifo"
	refused_object 'FIFO' 'B0003.*FIFO' "$work/fifo"
	cp "$object" "$work/secret" && chmod 0 "$work/secret"
	if [ "$(id -u)" = 0 ]; then
		cp "$SKEP" "$work/skep" && chmod 755 "$work/skep"
		set -- setpriv --reuid 65534 --regid 65534 --clear-groups "$work/skep"
	else
		set -- "$SKEP"
	fi
	refused 'unreadable' 3 'B0002.*Permission denied' "$@" inspect "$work/secret"
	refused 'unreadable: capture' 3 'error\[N0001.*ermission' "$@" run "$examples/xdp_stats.bpf.o" --pcap "$work/secret"
	refused 'unreadable: types' 3 'B0002.*Permission denied' "$@" inspect --btf "$work/secret" "$object"
}

machines()
{
	echo 'int x;' | "${CC:-gcc}" -x c -c - -o "$x" || exit 3
	refused_object 'object of this machine' 'E0014' "$x"
	"$bad" machine "$object" "$x" 183
	refused_object 'object for AArch64' 'E0014.*AArch64' "$x"
	"$bad" class "$object" "$x" 1
	refused_object '32-bit object' 'E0002' "$x"
	refused_object 'the command itself' 'error\[E00' "$SKEP"
	refused 'the other byte order' 1 'C0001' "$SKEP" run "$SKEP_BUILD/tests/bpf/load/byte_order.be.bpf.o" -- true
	"$SKEP" inspect "$SKEP_BUILD/tests/bpf/load/byte_order.be.bpf.o" >"$work/out"
	check 'the other byte order can be inspected' $? 0
	check 'and says so' "$(grep -c 'other byte order' "$work/out")" 1
}

contents()
{
	"$bad" typedef "$object" "$x"
	refused_object 'typedef of itself' 'T0012.*TYPEDEF' "$x"
	"$bad" struct "$object" "$x"
	refused_object 'struct of itself' 'T0012.*STRUCT' "$x"
	"$bad" array "$object" "$x"
	refused_object 'array of itself' 'T0012.*ARRAY' "$x"
	"$bad" overlap "$x" 10000
	refused_object '10000 sections over each other' 'E0006' "$x"
	"$bad" sections "$x" 10000
	timeout 10 "$SKEP" inspect "$x" >"$work/out"
	check '10000 sections: inspect' "$? $(grep -c PROGBITS "$work/out")" '0 9998'
	refused '10000 sections: run' 1 'A0005' "$SKEP" run "$x" -- true
	refused_object 'legacy maps' "L0001.*section 'maps'" "$cli/legacy.bpf.o"
	grep -q 'SEC(".maps")' "$work/golden.err"
	check 'legacy maps: what to write instead' $? 0
	refused 'map of 2^32 - 1 entries' 3 "M0011.*4294967295 entries" "$SKEP" run "$cli/huge.bpf.o" -- true
	grep -q "map 'everything'" "$work/golden.err"
	check 'the map is named' $? 0
	refused 'hash of 2^32 - 1 entries' 1 'M0010' "$SKEP" run --entries table=4294967295 "$cli/settings.bpf.o" -- true
	refused 'an object as types' 1 'T0001' "$SKEP" inspect --btf "$object" "$object"
	head -c 3000 /dev/urandom >"$x"
	refused 'noise as types' 1 'T0001' "$SKEP" run --btf "$x" "$object" -- true
	refused 'no such types' 1 'B0002' "$SKEP" run --btf "$work/none" "$object" -- true
}

# Whatever a turned bit does to an object, every command ends with 0 or 1 and at most one error block.
flips()
{
	local size step=${FLIP_STEP-4409} bit rc command good=0 refused=0 wrong=

	size=$(($(stat -c %s "$object") * 8))
	for ((bit = 3; bit < size; bit += step)); do
		"$bad" flip "$object" "$x" $bit || exit 3
		for command in 'inspect --all' 'run --json' disasm; do
			case $command in
			run*) set -- -- "$calls" calls 1 ;;
			*) set -- ;;
			esac
			# shellcheck disable=SC2086
			timeout -k 1 10 "$SKEP" $command "$x" "$@" >"$work/out" 2>"$work/err"
			rc=$?
			case $rc$(grep -acE '^error\[|^."event":"error"' "$work/err") in
			0*) good=$((good + 1)) ;;
			11) refused=$((refused + 1)) ;;
			*) wrong+="bit $bit, $command: exit $rc"$'\n'$(head -n 5 "$work/err")$'\n' ;;
			esac
		done
	done
	check 'flipped bits' "$wrong" ''
	check 'some flips are refused, some are not' "$((good > 3)) $((refused > 3))" '1 1'
}

packets()
{
	local run=("$SKEP" run "$examples/xdp_stats.bpf.o")

	refused 'no such capture' 1 'N0001' "${run[@]}" --pcap "$work/none"
	refused 'empty capture' 1 'N0002' "${run[@]}" --pcap /dev/null
	refused 'directory as a capture' 1 'error\[N000[123]' "${run[@]}" --pcap "$work"
	refused 'an object as a capture' 1 'N0002' "${run[@]}" --pcap "$object"
	head -c 40000 "$pcap" >"$x"
	"${run[@]}" --pcap "$x" >"$work/out" 2>"$work/err"
	check 'capture cut in mid-packet: the rest is told' \
		"$? $(grep -c 'the capture ends in mid-packet' "$work/out")" '0 1'
	"$SKEP" run --json "$examples/xdp_stats.bpf.o" --pcap "$x" >"$work/out"
	check 'capture cut in mid-packet: JSON' "$("$json_lines" summary cut <"$work/out")" true
	refused 'bad filter' 1 "N0006" "${run[@]}" --pcap "$pcap" --filter 'port of call'
	refused 'no such interface' 3 "N0010.*'nonesuch0'" "${run[@]}" --iface nonesuch0
	refused 'full disk' 3 'N0008.*No space' "${run[@]}" --pcap "$pcap" --write /dev/full
	refused 'nowhere to write' 1 'N0007' "${run[@]}" --pcap "$pcap" --write "$work"
}

commands()
{
	local run=("$SKEP" run -o "$work/out" "$object" --)

	refused 'no such command' 1 "P0001.*'no-such-command'" "${run[@]}" no-such-command
	refused 'no such path' 1 "P0001" "${run[@]}" "$work/none"
	refused 'not executable' 3 'P0002' "${run[@]}" /etc/passwd
	refused 'a directory as a command' 3 'P0002' "${run[@]}" /etc
	golden command_false "$SKEP" run "$object" -- false
	golden command_kill_self "$SKEP" run "$object" -- sh -c 'kill -9 $$'
	golden command_kill_child "$SKEP" run "$object" -- sh -c 'sleep 9 & kill -9 $!; wait $!'
	refused 'output on a full disk' 3 'U0002' "$SKEP" run -o /dev/full "$object" -- "$calls" calls 1
}

# Names that would steer a terminal or break JSON are spelt out wherever they are printed.
names()
{
	local evil=$'\e[2J\xff\n.' where

	LC_ALL=C sed -e "s/on_getppid/${evil//$'\n'/\\n}pid/g" -e "s/totals/t\x1b]0;x/g" \
		-e "s/everything/every\x9b\x07\xe2\x80\xae/g" -e "s/RED/R\x1bD/g" \
		-e "s/sys_enter_getppid/sys_enter_getp\x1bid/g" "$object" >"$x"
	for where in 'inspect --all' 'disasm' 'run --all-maps' 'inspect --json' 'disasm --json' 'run --json'; do
		# shellcheck disable=SC2086
		case $where in
		run*) "$SKEP" $where "$x" -- "$calls" calls 2 ;;
		*) "$SKEP" $where "$x" ;;
		esac >"$work/out" 2>"$work/err"
		check "hostile names: $where prints no control character" \
			"$(cat "$work/out" "$work/err" | LC_ALL=C tr -d '\t\n\40-\176' | LC_ALL=C sed 's/\xe2\x96[\x80-\x9f]//g' | od -An -c)" ''
		case $where in
		*json*) check "hostile names: $where is JSON" "$("$json_lines" <"$work/out" >/dev/null; echo $?)" 0 ;;
		*) check "hostile names: $where spells them" \
			"$(cat "$work/out" "$work/err" | grep -acF '\x1b' | sed 's/^[1-9].*/some/')" some ;;
		esac
	done
}

usage()
{
	check 'no command: the usage, as an error' "$("$SKEP" 2>&1 >/dev/null; echo "exit $?")" \
		"$("$SKEP" --help; echo 'exit 2')"
	golden usage_command "$SKEP" nosuch
	golden usage_run "$SKEP" run
	golden usage_source "$SKEP" run x.o
	golden usage_no_object "$SKEP" run -- ls
	golden usage_sources "$SKEP" run x.o --pcap a -- true
	golden usage_option "$SKEP" run --nosuch
	golden usage_number "$SKEP" run --budget 5x x.o -- true
	golden usage_seconds "$SKEP" run --seconds -1 x.o -- true
	golden usage_inspect "$SKEP" inspect
	golden usage_objects "$SKEP" inspect a b
	golden usage_style "$SKEP" disasm --style=x a
	golden usage_memory "$SKEP" exec 00 11
}

files
machines
contents
flips
packets
commands
names
usage
finish
