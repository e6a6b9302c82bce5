# SPDX-License-Identifier: Apache-2.0
#
# Every text: a licence line on top, nobody's machine, no leftovers, no blanks at the end of a line.

function problem(text)
{
	printf "%s:%d: %s\n", FILENAME, FNR, text
	bad = 1
}

function finish()
{
	if (last != "" && !licensed && last !~ /^tests\/cases\/.*\.[a-z]+$/) {
		printf "%s:1: no SPDX-License-Identifier in the first three lines\n", last
		bad = 1
	}
}

FNR == 1 { finish(); last = FILENAME; licensed = 0; markdown = FILENAME ~ /\.md$/ }
FNR <= 3 && /SPDX-License-Identifier: Apache-2\.0/ { licensed = 1 }
/(^|[^A-Za-z0-9_.}])\/(wor[k]|hom[e])\// || (/(^|[^A-Za-z0-9_.}])\/tm[p]\/[A-Za-z0-9_]/ && !/XXXXXX/) {
	problem("a path of one machine")
}
/TOD[O]|FIXM[E]|(^|[^X])XX[X]([^X]|$)/ && FILENAME !~ /^tests\/cases/ { problem("a leftover note") }
/[ \t]$/ && !markdown && FILENAME !~ /^tests\/cases/ { problem("blanks at the end of the line") }
END { finish(); exit bad }
