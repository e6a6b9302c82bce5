#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Every command has a man page that names exactly the options of its --help, and a line in skep(1);
# pages format without a warning; the completion offers the commands and options.

set -eu
cd "$(dirname "$0")/../.."
skep=${SKEP:-build/skep}
passed=0
failed=0

# $1: what; $2, $3: two texts that must be equal.
same()
{
	if [ "$2" = "$3" ]; then
		echo "ok $1"
		passed=$((passed + 1))
	else
		echo "not ok $1"
		diff <(echo "$2") <(echo "$3") | sed 's/^/# /' || true
		failed=$((failed + 1))
	fi
}

commands=$("$skep" --help | sed -nE 's/^  ([a-z][a-z-]*)  .*/\1/p' | sort)
same 'skep.1 names the commands' "$commands" "$(sed -nE 's/^\.It Cm ([a-z-]+)$/\1/p' man/skep.1 | sort)"

for c in $commands; do
	help=$("$skep" "$c" --help | sed -nE 's/^ +(-., +)?(--[a-z][a-z-]*).*/\2/p' |
		grep -vxE -- '--(help|usage|version)' | sort -u || true)
	[ -z "$help" ] && [ ! -e "man/skep-$c.1" ] && continue
	page=$(sed -nE 's/^\.It Fl (. , Fl )?-([a-z][a-z-]*).*/--\2/p' "man/skep-$c.1" | sort -u)
	same "skep-$c.1 has the options of skep $c --help" "$help" "$page"
done

for page in man/*.[1-9]; do
	same "${page##*/} formats" '' "$(groff -mdoc -Tutf8 -ww -z "$page" 2>&1)"
done

# shellcheck source=/dev/null
. completions/skep.bash
complete_at()
{
	COMP_WORDS=("$skep" "$@")
	COMP_CWORD=$#
	COMPREPLY=()
	_skep
	printf '%s\n' "${COMPREPLY[@]}"
}
same 'completion of a command' "$(grep '^i' <<<"$commands")" "$(complete_at i)"
same 'completion of an option' '--pcap' "$(complete_at run --pc)"
same 'no option of skep after --' '' "$(complete_at run x.o -- --pc)"

echo "$passed passed, $failed failed"
[ $failed = 0 ]
