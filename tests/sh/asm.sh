#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `skep asm` and the bare forms of `skep disasm`: each notation there and back, each form of output, errors with their
# place.

# shellcheck source=tests/sh/golden.bash
. "$(dirname "$0")/golden.bash"

cat >"$work/p.s" <<'END'
	r6 = r1
	w0 = *(u16 *)(r6 + 12)
	if w0 != 8 goto out
	r2 = 4294967296 ll
	lock *(u64 *)(r10 - 8) += r2
	call sub
out:	exit
sub:	r0 = atomic_fetch_add((u64 *)(r10 - 8), r0)
	exit
END

notations()
{
	local style

	"$SKEP" asm "$work/p.s" -o "$work/raw" || fail 'not assembled' </dev/null
	for style in kernel clang asm; do
		golden "asm_$style" "$SKEP" disasm --raw --style $style "$work/raw"
		"$SKEP" disasm --raw --labels --style $style "$work/raw" >"$work/$style.s"
		check "$style, with labels, and back" "$("$SKEP" asm --hex "$work/$style.s")" \
			"$("$SKEP" asm --hex "$work/p.s")"
		check "$style, said, and back" "$("$SKEP" asm --hex --style $style "$work/$style.s")" \
			"$("$SKEP" asm --hex "$work/p.s")"
		"$SKEP" disasm --raw --style $style "$work/raw" >"$work/$style.list"
		[ $style = asm ] || check "$style, a listing, and back" \
			"$("$SKEP" asm --hex --style $style "$work/$style.list")" "$("$SKEP" asm --hex "$work/p.s")"
	done
	golden asm_labels cat "$work/clang.s"
	check 'hex to text' "$("$SKEP" asm --hex "$work/p.s" | "$SKEP" disasm --hex --style clang)" \
		"$("$SKEP" disasm --raw --style clang "$work/raw")"
}

forms()
{
	golden asm_hex "$SKEP" asm --hex "$work/p.s"
	golden asm_c "$SKEP" asm --c --name filter "$work/p.s"
	golden asm_bytes "$SKEP" disasm --raw --bytes "$work/raw"
	golden asm_json "$SKEP" disasm --raw --json "$work/raw"
	"$SKEP" asm --elf --section xdp --name drop --license GPL -o "$work/p.o" <<<'r0 = 1; XDP_DROP
		exit'
	golden asm_elf "$SKEP" disasm "$work/p.o"
	check 'the object runs' "$("$SKEP" run --json "$work/p.o" --pcap examples/captures/mixed.pcap |
		grep -c '"XDP_DROP","count":993')" 1
	if command -v llvm-objdump-19 >/dev/null; then
		check 'LLVM reads the object' "$(llvm-objdump-19 -d --no-show-raw-insn "$work/p.o" | tail -2 |
			tr -s ' \t' ' ')" ' 0: r0 = 0x1
 1: exit'
		check 'and skep what LLVM prints' "$(llvm-objdump-19 -d "$work/p.o" | sed 1,6d | "$SKEP" asm --hex)" \
			"$("$SKEP" asm --hex <<<$'r0 = 1\nexit')"
	fi
	check 'it runs' "$(printf 'r0 = 42\nexit\n' | "$SKEP" asm --hex | "$SKEP" exec)" 2a
}

classic()
{
	"$SKEP" filter --print cbpf 'tcp port 80' >"$work/d"
	check 'tcpdump -d there and back' "$("$SKEP" disasm --cbpf "$work/d")" "$(cat "$work/d")"
	"$SKEP" asm --cbpf --c "$work/d" | grep '^	{' >"$work/dd"
	check 'tcpdump -dd there and back' "$("$SKEP" disasm --cbpf "$work/dd")" "$(cat "$work/d")"
	golden asm_ddd "$SKEP" disasm --cbpf <<<$'4\n40 0 0 12\n21 0 1 2054\n6 0 0 262144\n6 0 0 0'
	golden asm_comma "$SKEP" disasm --cbpf <<<'4,40 0 0 12,21 0 1 2054,6 0 0 262144,6 0 0 0'
	golden asm_translated "$SKEP" disasm --cbpf --style kernel <<<$'ldh [x + 4]\nmod x\nret'
	golden asm_cbpf_hex "$SKEP" asm --cbpf --hex <<<$'ld [vlanp]\nret'
	golden asm_cbpf_json "$SKEP" disasm --cbpf --json <<<$'ld M[3]\nret'
}

refusals()
{
	golden asm_wrong "$SKEP" asm --hex <<<$'r0 = 1\nr0 += r77\nexit'
	golden asm_wrong_json "$SKEP" asm --json <<<$'r0 = 1\nr0 =\nexit'
	golden asm_label "$SKEP" asm --hex "$work/none.s"
	golden asm_style "$SKEP" asm --style intel
	golden asm_forms "$SKEP" asm --hex --c
	golden asm_section "$SKEP" asm --section x
	golden asm_cbpf_unwritten "$SKEP" asm --cbpf --hex <<<$'ld M[3]\nret'
	golden asm_cbpf_text "$SKEP" asm --cbpf --hex <<<$'ldh [12]\nfrob'
	golden disasm_partial "$SKEP" disasm --raw <<<'abc'
	golden disasm_not_hex "$SKEP" disasm --hex <<<'xyz'
	golden disasm_labels "$SKEP" disasm --labels "$work/p.o"
	golden disasm_invalid "$SKEP" disasm --hex <<<'ff 00 00 00 00 00 00 00'
}

notations
forms
classic
refusals
finish
