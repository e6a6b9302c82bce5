#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Each public header compiles alone, as C11 and as C++17, without a warning.

cd "$(dirname "$0")/../.." || exit 3
cxx=${CLANG:-clang-19}
command -v g++ >/dev/null && cxx=g++
passed=0
failed=0

# $1: header; $2: name of the language; the rest: the compiler.
compiles()
{
	header=${1#include/} language=$2
	shift 2
	if printf '#include <%s>\n#include <%s>\n' "$header" "$header" |
		"$@" -pedantic -Wall -Wextra -Werror -fsyntax-only -Iinclude -; then
		passed=$((passed + 1))
	else
		echo "not ok $header as $language"
		failed=$((failed + 1))
	fi
}

for h in include/skep/*.h; do
	compiles "$h" C11 "${CC:-gcc}" -std=c11 -x c
	compiles "$h" C++17 "$cxx" -std=c++17 -x c++
done
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed != 0 ]
