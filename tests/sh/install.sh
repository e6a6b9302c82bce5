#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `make install` gives a tree that others can build with: pkg-config finds it, a C program links with
# the shared and with the static library and runs, the shared library exports the public names only,
# and `make uninstall` leaves no file behind.

set -eu
cd "$(dirname "$0")/../.."
build=$(realpath --relative-to=. "${SKEP_BUILD:-build}")
case $build in
*/san-*) echo 'a sanitizer would have to be in the reader of the library too' && exit 77 ;;
esac
unset MAKEFLAGS MFLAGS MAKEOVERRIDES

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
to=(PREFIX=/opt/skep DESTDIR="$root" BUILD="$build")
lib=$root/opt/skep/lib
passed=0

ok()
{
	echo "ok $1"
	passed=$((passed + 1))
}

make -s install-files "${to[@]}"
test -s "$root/opt/skep/share/man/man1/skep.1"
test -s "$root/opt/skep/share/bash-completion/completions/skep"
"$root/opt/skep/bin/skep" --version | grep -q '^skep [0-9]'
ok 'command, man page and completion are there'

export PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_PATH=$lib/pkgconfig
if grep -F "$root" "$lib/pkgconfig/skep.pc"; then
	echo "not ok skep.pc names DESTDIR"
	exit 1
fi
ok 'skep.pc does not name DESTDIR'

cat >"$root/reader.c" <<'EOF'
#include <stdio.h>
#include <stdlib.h>
#include <skep/error.h>
#include <skep/insn.h>

int main(void)
{
	struct skep_error *err = NULL;
	struct skep_insn *insns;
	size_t n;

	if (skep_insn_assemble("mov %r0, 7\nexit\n", &insns, &n, NULL) || n != 2)
		return 1;
	free(insns);
	if (!skep_insn_assemble("no such instruction\n", &insns, &n, &err))
		return 2;
	puts(skep_error_message(err));
	skep_error_free(err);
	return 0;
}
EOF
flags=$(pkg-config --cflags skep)
# shellcheck disable=SC2086
"${CC:-gcc}" -std=c11 -Wall -Werror $flags "$root/reader.c" -o "$root/reader" $(pkg-config --libs skep)
LD_LIBRARY_PATH=$lib "$root/reader" | grep -q .
readelf -d "$root/reader" | grep -q 'NEEDED.*libskep\.so\.0'
ok 'a program runs with the shared library'

# shellcheck disable=SC2086
"${CC:-gcc}" -std=c11 -Wall -Werror $flags "$root/reader.c" -o "$root/reader" "$lib/libskep.a" \
	$(pkg-config --static --libs-only-l skep | sed 's/-lskep//')
"$root/reader" | grep -q .
ok 'a program runs with the static library'

foreign=$(nm -D --defined-only "$lib/libskep.so" |
	awk '$2 != "A" && $3 !~ /^(skep_|__jit_debug_)/ { print $3 }') # debuggers give those names
if [ -n "$foreign" ]; then
	printf 'not ok exported: %s\n' $foreign
	exit 1
fi
ok 'only skep_ names are exported'

if ! readelf -d "$lib/libskep.so" | grep -q NODELETE; then
	echo 'not ok a process that has its fault handlers can unload the library'
	exit 1
fi
ok 'the library is not unloaded below its fault handlers'

make -s uninstall "${to[@]}"
left=$(find "$root/opt" ! -type d)
if [ -n "$left" ]; then
	printf 'not ok left behind: %s\n' $left
	exit 1
fi
ok 'uninstall leaves no file'
echo "$passed passed, 0 failed"
