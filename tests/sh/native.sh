#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# `skep disasm --jit`: machine code behind the instructions it comes from; and what else `skep exec` can do with it.

skep=${SKEP:-build/skep}
object=${SKEP_BUILD:-build}/tests/bpf/native.bpf.o
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
status=0

case $(uname -m) in x86_64 | aarch64) ;; *) echo "there is no compiler for this CPU" && exit 77 ;; esac

ok()
{
	if "$@"; then
		echo "ok $name"
	else
		echo "not ok $name"
		cat "$dir/out"
		status=1
	fi
}

name='instructions, source lines and bytes'
"$skep" disasm --jit "$object" >"$dir/out" 2>&1
ok grep -q '^native (raw_tracepoint/sys_enter), ' "$dir/out"
name='a source line'
ok grep -q '^; .*: sum += weigh(ctx\[0\], i);' "$dir/out"
name='the function that stayed one'
ok grep -q '^; .*: return value \* by ^ value >> 7;' "$dir/out"
name='every byte once, in order'
ok awk '/^ +[0-9a-f]+:( [0-9a-f][0-9a-f])+$/ {
		at = $1; sub(":", "", at)
		if (sprintf("%x", n) != at) exit 1
		n += NF - 1
	} END { exit n < 40 }' "$dir/out"

name='the same as JSON'
"$skep" disasm --jit --json "$object" >"$dir/out" 2>&1
ok awk -F '"bytes":"' '{ split($2, b, "\""); n += length(b[1]) / 2 } END { exit n < 40 }' "$dir/out"

name='a program that has maps says so'
"$skep" disasm --jit "${SKEP_BUILD:-build}/examples/xdp_stats.bpf.o" >"$dir/out" 2>&1
[ $? = 1 ] || status=1
ok grep -q 'X0009' "$dir/out"

name='bare instructions'
echo 'b7 00 00 00 2a 00 00 00  95 00 00 00 00 00 00 00' | "$skep" disasm --hex --jit >"$dir/out" 2>&1
ok grep -q '1: exit' "$dir/out"

name='--blind hides what --jit shows'
code='18 00 00 00 ef be ad de 00 00 00 00 78 56 34 12  95 00 00 00 00 00 00 00'
echo "$code" | "$skep" exec --jit --interp --blind >"$dir/out" 2>&1
ok grep -qx '12345678deadbeef' "$dir/out"

name='perf learns of the code'
echo "$code" | (sh -c 'echo $$; exec "$0" exec --jit --perf-map' "$skep") >"$dir/out" 2>&1
map="/tmp"/perf-$(head -n 1 "$dir/out").map # where perf looks
ok grep -Eq '^[0-9a-f]+ [0-9a-f]+ bpf_prog_standard_input$' "$map"
rm -f "$map"

if [ "$(uname -m)" = x86_64 ]; then
	name='hardened code, told to a debugger'
	echo "$code" | "$skep" exec --jit --interp --harden --debugger >"$dir/out" 2>&1
	ok grep -qx '12345678deadbeef' "$dir/out"
fi
exit $status
