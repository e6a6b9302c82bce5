#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# gdb sees through compiled code: names of program functions, their source lines, the frames below them, at a call as well as
# between any two machine instructions.

subject=${SKEP_BUILD:-build}/tests/tools/gdb_subject
command -v gdb >/dev/null || { echo "gdb is not installed"; exit 77; }
case ${SKEP_BUILD-} in *san-*) echo "sanitizers and gdb do not go together"; exit 77 ;; esac
[ "$(uname -m)" = x86_64 ] || { echo "only the x86-64 compiler describes its frames"; exit 77; }
"$subject" >/dev/null || { echo "there is no compiler for this CPU"; exit 77; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

debug()
{
	{ echo 'set pagination off'; echo 'set debuginfod enabled off'; cat; } >"$dir/commands"
	gdb -nx -batch -x "$dir/commands" --args "$subject" ${1-} >"$dir/out" 2>&1 </dev/null
	if grep -q 'ptrace: Operation not permitted' "$dir/out"; then
		echo "gdb may not trace here"
		exit 77
	fi
}

want()
{
	grep -qE "$1" "$dir/out" && return
	echo "gdb did not say: $1"
	cat "$dir/out"
	exit 1
}

debug twice <<'END'
break subject_helper
run
backtrace
continue
backtrace
info symbol subject
continue
END
want '^#0 +subject_helper .*a1=100, a2=5'
want '^#1 +0x[0-9a-f]+ in subject\.9 \(\) at inner\.h:22$'
want '^#2 +0x[0-9a-f]+ in subject \(\) at subject\.bpf\.c:13$'
want '^#[0-9]+ .* in jit_run '
want '^#[0-9]+ .* in main '
# without source lines: the instructions; and what was freed is forgotten
want '^#1 +0x[0-9a-f]+ in unlined\.9 \(\) at unlined\.insns:14$'
want '^#2 +0x[0-9a-f]+ in unlined \(\) at unlined\.insns:6$'
want 'No symbol "subject" in current context'

debug <<'END'
set breakpoint pending on
break subject
run
set $i = 0
while $i < 70
backtrace
stepi
set $i = $i + 1
end
END
want '^#0 .*subject\.9 \(\) at inner\.h:20$'
want '^#0 .*subject\.9 \(\) at inner\.h:23$'
want '^#0 .*subject \(\) at subject\.bpf\.c:14$'
frames=$(grep -cE '^#[0-9]+ .* in main ' "$dir/out")
[ "$frames" = 70 ] || { echo "$frames of 70 steps show the whole stack"; cat "$dir/out"; exit 1; }
