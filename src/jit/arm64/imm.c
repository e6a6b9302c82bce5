// SPDX-License-Identifier: Apache-2.0
/*
 * Constants (Arm Architecture Reference Manual, DDI 0487, C6.2). A logical instruction holds a run of ones, rotated,
 * in an element of 2 to 64 bits that is repeated: element size, length and rotation are its 13 bits. Arithmetic
 * holds 12 bits, or those shifted by 12.
 */
#include "jit/arm64/a64.h"

static bool is_run(uint64_t v)
{
	return v && !(v & (v + 1));
}

bool a64_bitmask(int w, uint64_t value, uint32_t *ret)
{
	uint64_t v = w ? value : value << 32 | (uint32_t)value, mask;
	uint32_t size = 64, ones, start;

	if (!v || v == UINT64_MAX)
		return false;
	while (size > 2) {
		uint64_t half = (1ull << size / 2) - 1;

		if ((v ^ v >> size / 2) & half)
			break;
		size /= 2;
	}
	mask = UINT64_MAX >> (64 - size);
	v &= mask;
	ones = (uint32_t)__builtin_popcountll(v);
	start = (uint32_t)__builtin_ctzll(v);
	if (!is_run(v >> start)) {
		uint64_t gap = ~v & mask; /* the run may pass the end */

		start = (uint32_t)__builtin_ctzll(gap);
		if (!is_run(gap >> start))
			return false;
		start += size - ones;
	}
	*ret = (size == 64) << 12 | (size - start) % size << 6 | ((0u - 2 * size) & 0x3f) |
	       (ones - 1);
	return true;
}

static bool is_imm12(uint64_t v)
{
	return v < 4096 || (v < 4096u << 12 && !(v & 4095));
}

bool a64_is_arith(int w, uint64_t value, bool *ret_minus)
{
	uint64_t minus = w ? -value : (uint32_t)-value;

	if (!w)
		value = (uint32_t)value;
	*ret_minus = !is_imm12(value);
	return is_imm12(value) || is_imm12(minus);
}

bool a64_is_offset(int64_t disp, int size)
{
	return (disp >= -256 && disp < 256) ||
	       (disp >= 0 && disp % size == 0 && disp / size < 4096);
}

static int halves_other_than(uint64_t value, uint32_t half)
{
	int n = 0;

	for (int i = 0; i < 4; i++)
		n += (uint16_t)(value >> (16 * i)) != half;
	return n;
}

void a64_mov_imm(struct jit_code_buf *out, int rd, uint64_t value)
{
	int zeros = halves_other_than(value, 0), ones = halves_other_than(value, 0xffff);
	bool inverted = ones < zeros, first = true;
	int w = value != (uint32_t)value;
	uint32_t mask, skip;

	if (!w && (value >> 16 == 0xffff || (uint16_t)value == 0xffff) && zeros == 2) {
		int half = value >> 16 == 0xffff ? 0 :
						   1; /* that is not all ones: movn of 32 bits */

		a64_move_wide(out, 0, A64_MOVN, rd, (uint16_t) ~(value >> (16 * half)), half);
		return;
	}
	if ((inverted ? ones : zeros) > 1 && a64_bitmask(w, value, &mask)) {
		a64_logic_imm(out, w, A64_ORR, rd, XZR, mask);
		return;
	}
	skip = inverted ? 0xffff : 0;
	for (int i = 0; i < 4; i++) {
		uint32_t half = (uint16_t)(value >> (16 * i));

		if (half == skip && !(first && i == 3))
			continue;
		if (first)
			a64_move_wide(out, w, inverted ? A64_MOVN : A64_MOVZ, rd, half ^ skip,
				      half != skip ? i : 0);
		else
			a64_move_wide(out, w, A64_MOVK, rd, half, i);
		first = false;
	}
}
