#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tools/lint finds each thing that it is there for, and is silent about a clean tree.

set -eu
cd "$(dirname "$0")/../.."
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
passed=0
failed=0

mkdir -p "$tree"/tools "$tree"/src/{base,isa,map,exec}
cp tools/lint tools/lint-c.awk tools/lint-text.awk "$tree/tools"
cat >"$tree/tools/limits" <<'EOF'
# SPDX-License-Identifier: Apache-2.0
function src/map/a.c:long_table 90
contract isa/alu.h
call src/base/fails.c abort
EOF
cat >"$tree/src/LAYERS" <<'EOF'
# SPDX-License-Identifier: Apache-2.0
base:
isa: base
map: base
exec: base isa
EOF
(cd "$tree" && git init -q .)

spdx='/* SPDX-License-Identifier: Apache-2.0 */'
lines()
{
	for _ in $(seq "$1"); do
		echo '	x++;'
	done
}

# $1: what is expected in the output, empty for silence; $2: file; standard input: its content.
expect()
{
	local out

	cat >"$tree/$2"
	out=$("$tree/tools/lint" 2>&1 || true)
	if { [ -n "$1" ] && [[ $out == *"$2:"*"$1"* ]]; } || [ "$out" = "$1" ]; then
		passed=$((passed + 1))
		echo "ok $2: ${1:-clean}"
	else
		failed=$((failed + 1))
		echo "not ok $2: expected '$1', got '$out'"
	fi
	rm "$tree/$2"
}

expect '' src/exec/good.c <<EOF
$spdx
#include "exec/internal.h"
#include "base/num.h"
#include "isa/isa.h"
#include "isa/alu.h"
#include "isa/isa.def"
#include "skep/error.h"
/* printf( in a comment, exit( over
 * two lines */
static const char *text = "sprintf(/* exit(";
int o = p->exit(1) + snprintf(0, 0, "") + my_abort();
EOF
expect "'exec' may not include 'map'" src/exec/a.c <<<"$spdx"$'\n#include "map/map.h"'
expect "'isa' may not include 'exec'" src/isa/a.c <<<"$spdx"$'\n#include "exec/exec.h"'
expect 'only isa/isa.h is for other folders' src/exec/a.c <<<"$spdx"$'\n#include "isa/internal.h"'
expect 'by its folder' src/exec/a.c <<<"$spdx"$'\n#include "internal.h"'
expect 'errors of' src/exec/a.c <<<"$spdx"$'\n#include "isa/errors.def"'
expect "'strcpy'" src/map/a.c <<<"$spdx"$'\n\tstrcpy(a, b);'
expect "'printf'" src/map/a.c <<<"$spdx"$'\n/* x */ printf("x");'
expect "'exit'" src/map/a.c <<<"$spdx"$'\n\tif (x) exit (1);'
expect '' src/base/fails.c <<<"$spdx"$'\n\tabort();'
expect 'no SPDX' src/map/a.c <<<'int x;'
expect '801 lines' src/map/a.c <<<"$spdx"$'\n'"$(lines 800)"
expect '301 lines, at most 300' src/map/map.h <<<"$spdx"$'\n'"$(lines 300)"
expect '' src/map/a.c <<<"$spdx"$'\nint long_table(void)\n{\n'"$(lines 61)"$'\n}'
expect "'other' has 61 lines" src/map/a.c <<<"$spdx"$'\nint other(void)\n{\n'"$(lines 61)"$'\n}'
expect 'an opcode as a number' src/exec/a.c <<<"$spdx"$'\n\tif (insn->code == 0x95)'
expect 'path of one machine' src/exec/a.c <<<"$spdx"$'\n/* /'"home/me/x */"
expect 'a leftover note' src/exec/a.c <<<"$spdx"$'\n/* FIX'"ME */"
expect 'blanks at the end' src/exec/a.c <<<"$spdx"$'\nint x; '
expect 'a row is' src/map/errors.def <<<"$spdx"$'\nERR(A, "12", EINVAL, "x")'
expect 'lower case' src/map/errors.def <<<"$spdx"$'\nERR(A, "M0001", EINVAL, "It broke.")'
expect 'M0001 is taken' src/map/errors.def <<<"$spdx"$'\nERR(A, "M0001", EIO, "x")\nERR(B, "M0001", EIO, "y")'
echo "$spdx" >"$tree/src/base/same.c"
expect 'the name is taken' src/map/same.c <<<"$spdx"
rm "$tree/src/base/same.c"
mkdir "$tree/src/new"
expect 'not in src/LAYERS' src/new/a.c <<<"$spdx"

echo "$passed passed, $failed failed"
[ $failed = 0 ]
