#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `skep filter`: the counts of tests/captures/mixed.filters, which are tcpdump's; tcpdump itself, where it is there, on
# other captures and for what is written; the programs printed; refusals.
# FILTERS_REBASE=1 writes the counts anew, from tcpdump.

# shellcheck source=tests/sh/golden.bash
. "$(dirname "$0")/golden.bash"
filters=tests/captures/mixed.filters
mixed=examples/captures/mixed.pcap

tcpdump_count()
{
	tcpdump --count -nr "$1" "$2" 2>/dev/null | sed 's/ .*//'
}

if [ "${FILTERS_REBASE-}" = 1 ]; then
	grep '^#' "$filters" >"$work/filters"
	sed -nE 's/^[0-9]+\t//p' "$filters" | while IFS= read -r expr; do
		printf '%s\t%s\n' "$(tcpdump_count "$mixed" "$expr")" "$expr"
	done >>"$work/filters"
	cp "$work/filters" "$filters"
fi

counts()
{
	local want expr got

	while IFS=$'\t' read -r want expr; do
		[[ $want == '#'* ]] && continue
		got=$("$SKEP" filter "$expr" --pcap "$mixed" 2>&1 | sed -n '1s/ of .*//p')
		check "tcpdump's count: $expr" "$got" "$want"
		got=$("$SKEP" filter --no-optimize "$expr" --pcap "$mixed" 2>&1 | sed -n '1s/ of .*//p')
		check "without the optimizer: $expr" "$got" "$want"
	done <"$filters"
}

against_tcpdump()
{
	local file expr want

	if ! command -v tcpdump >/dev/null; then
		echo 'skip other captures: tcpdump is not there'
		return
	fi
	# `loop` has a packet that is longer than itself, which is taken as long as it is
	for file in examples/captures/small.pcapng fuzz/seeds/pcap/*; do
		[ "${file##*/}" = loop ] && continue
		for expr in '' ip tcp 'udp or icmp6' 'len > 60' 'not arp'; do
			want=$(tcpdump_count "$file" "$expr")
			[ -z "$want" ] || check "${file##*/}: '$expr'" \
				"$("$SKEP" filter "$expr" --pcap "$file" 2>/dev/null | sed -n '1s/ of .*//p')" "$want"
		done
	done
	"$SKEP" filter 'tcp port 80' --pcap "$mixed" --write "$work/ours" >/dev/null
	check 'what is written is what tcpdump finds' "$(tcpdump -nttr "$work/ours" 2>/dev/null | md5sum)" \
		"$(tcpdump -nttr "$mixed" 'tcp port 80' 2>/dev/null | md5sum)"
	check 'the program is that of tcpdump' "$("$SKEP" filter 'tcp port 80' --pcap "$mixed" --print cbpf)" \
		"$(tcpdump -r "$mixed" -d 'tcp port 80' 2>/dev/null)"
}

forms()
{
	golden filter "$SKEP" filter tcp port 443 --pcap "$mixed"
	golden filter_count "$SKEP" filter icmp -c 3 --pcap "$mixed" --write "$work/three"
	golden filter_json "$SKEP" filter arp --pcap "$mixed" --json
	golden filter_none "$SKEP" filter 'ip host 192.0.2.77' --pcap "$mixed"
	golden filter_wrong "$SKEP" filter 'tcp port' --pcap "$mixed" --write "$work/never"
	check 'a wrong expression leaves no file' "$(ls "$work/never" 2>&1 | grep -c 'No such')" 1
	golden filter_no_file "$SKEP" filter tcp --pcap "$work/nothing"
	golden filter_same_file "$SKEP" filter tcp --pcap "$work/three" --write "$work/three"
	golden filter_no_packets "$SKEP" filter tcp
	golden filter_form "$SKEP" filter tcp --print c
	golden filter_cbpf "$SKEP" filter icmp --print cbpf
	golden filter_ebpf "$SKEP" filter icmp --print ebpf
	golden filter_asm "$SKEP" filter 'ip[2:2] > 100' --print asm
	check 'from standard input' "$("$SKEP" filter icmp --pcap - <"$mixed" | head -1)" \
		"$("$SKEP" filter icmp --pcap "$mixed")"
	head -c 5000 "$mixed" >"$work/cut"
	golden filter_cut "$SKEP" filter --pcap "$work/cut"
}

counts
against_tcpdump
forms
finish
