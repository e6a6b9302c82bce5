// SPDX-License-Identifier: Apache-2.0
/*
 * Where compiled code leaves a function: calls, callbacks, tail calls, packet loads, may_goto, an embedder's helpers,
 * faults. Each row says what the interpreter gives, and whether the compiler takes the program; every variant of
 * compiled code must give the same r0, the same memory, or the same error at the same instruction. What it does not
 * take it must refuse (J0002), for the caller to interpret.
 */
#include <stdio.h>

#include "exec_fixture.h"
#include "jit/jit.h"

#define TAIL(slot) "mov %r1, %r6\nlddw %r2, map_idx 2\nmov %r3, " #slot "\ncall 12\n"
/* n turns of f over the stack from @at on */
#define LOOP(n, f, at)                                            \
	"mov %r1, " #n "\nlddw %r2, func " #f "\nmov %r3, %r10\n" \
	"add %r3, " #at "\nmov %r4, 0\ncall 181\n"

enum { TRACING, CUSTOM, CUSTOM_CTX };

struct row {
	const char *text,
		*other; /* @other: in slots 0 of the prog array; slot 1 is the program, 2 is empty */
	uint64_t r0;
	const char *error;
	int kind;
	bool refused;
};

static const struct row calls[] = {
	{ "mov %r1, 20\nmov %r2, 22\ncall local f\nexit\nf: mov %r0, %r1\nadd %r0, %r2\nexit\n",
	  .r0 = 42 },
	/* five arguments in their order */
	{ "mov %r1, 1\nmov %r2, 2\nmov %r3, 3\nmov %r4, 4\nmov %r5, 5\ncall local f\nexit\n"
	  "f: mov %r0, %r1\nmul %r0, 10\nadd %r0, %r2\nmul %r0, 10\nadd %r0, %r3\nmul %r0, 10\n"
	  "add %r0, %r4\nmul %r0, 10\nadd %r0, %r5\nexit\n",
	  .r0 = 12345 },
	/* arguments that change places */
	{ "mov %r6, %r1\nldxb %r1, [%r6+0]\nldxb %r2, [%r6+1]\nldxb %r3, [%r6+2]\nldxb %r4, [%r6+3]\n"
	  "ldxb %r5, [%r6+4]\ncall local f\nexit\n"
	  "f: mov %r0, %r1\nmov %r1, %r5\nmov %r5, %r0\nmov %r0, %r2\nmov %r2, %r4\nmov %r4, %r0\n"
	  "call local g\nexit\n"
	  "g: mov %r0, %r1\nmul %r0, 10\nadd %r0, %r2\nmul %r0, 10\nadd %r0, %r3\nmul %r0, 10\n"
	  "add %r0, %r4\nmul %r0, 10\nadd %r0, %r5\nexit\n",
	  .r0 = 54321 },
	/* r6 to r9 are kept */
	{ "mov %r9, %r1\nldxb %r6, [%r1+5]\nldxb %r7, [%r1+6]\nldxb %r8, [%r1+7]\ncall local f\n"
	  "mul %r0, 10\nadd %r0, %r6\nmul %r0, 10\nadd %r0, %r7\nmul %r0, 10\nadd %r0, %r8\n"
	  "ldxb %r1, [%r9+8]\nmul %r0, 10\nadd %r0, %r1\nexit\n"
	  "f: ldxb %r6, [%r1+0]\nmov %r7, %r6\nmov %r8, %r6\nmov %r9, %r6\ncall local g\n"
	  "add %r0, %r6\nadd %r0, %r7\nadd %r0, %r8\nadd %r0, %r9\nexit\n"
	  "g: mov %r6, 100\nmov %r7, 100\nmov %r8, 100\nmov %r9, 100\nmov %r0, 1\nexit\n",
	  .r0 = 56789 },
	/* each its own stack, also when called again one deeper */
	{ "stdw [%r10-8], 7\nmov %r1, 1\ncall local f\nmov %r6, %r0\nmov %r1, 2\ncall local g\n"
	  "add %r0, %r6\nldxdw %r1, [%r10-8]\nadd %r0, %r1\nexit\n"
	  "f: stxdw [%r10-8], %r1\ncall local g\nldxdw %r1, [%r10-8]\nmul %r1, 1000\nadd %r0, %r1\nexit\n"
	  "g: mul %r1, 100\nstxdw [%r10-8], %r1\nldxdw %r0, [%r10-8]\nexit\n",
	  .r0 = 1307 },
	/* the caller's frame through a pointer */
	{ "mov %r6, 6\nmov %r9, 90\nstdw [%r10-8], 0\nmov %r1, %r10\nadd %r1, -8\ncall local f\n"
	  "ldxdw %r0, [%r10-8]\nadd %r0, %r6\nadd %r0, %r9\nexit\n"
	  "f: mov %r6, 1\nmov %r9, 1\nstdw [%r10-8], 77\nstdw [%r1+0], 500\nexit\n",
	  .r0 = 596 },
	/* slots beside the one whose address is taken, above and below */
	{ "stdw [%r10-8], 1\nstdw [%r10-16], 2\nstdw [%r10-24], 3\nmov %r1, %r10\nadd %r1, -16\n"
	  "call local f\nldxdw %r0, [%r10-8]\nldxdw %r1, [%r10-16]\nldxdw %r2, [%r10-24]\n"
	  "mul %r0, 10\nadd %r0, %r1\nmul %r0, 10\nadd %r0, %r2\nexit\n"
	  "f: ldxdw %r2, [%r1-8]\nadd %r2, 1\nstxdw [%r1-8], %r2\nldxdw %r2, [%r1+8]\nadd %r2, 4\n"
	  "stxdw [%r1+8], %r2\nstxdw [%r1+0], %r2\nmov %r0, 0\nexit\n",
	  .r0 = 554 },
	/* the pointer goes through memory */
	{ "stdw [%r10-8], 1\nmov %r2, %r10\nadd %r2, -8\nstxdw [%r10-16], %r2\nmov %r1, %r10\n"
	  "add %r1, -16\ncall local f\nldxw %r0, [%r10-8]\nldxw %r1, [%r10-4]\nadd %r0, %r1\nexit\n"
	  "f: ldxdw %r1, [%r1+0]\nstw [%r1+4], 30\nldxdw %r0, [%r1+0]\nexit\n",
	  .r0 = 31 },
	/* in a loop; the memory changes under a load that was made before */
	{ "mov %r6, %r1\nmov %r7, 0\nagain: ldxdw %r8, [%r6+0]\nmov %r1, %r6\ncall local f\n"
	  "ldxdw %r0, [%r6+0]\nsub %r0, %r8\nadd %r7, %r0\njlt %r7, 50, again\nmov %r0, %r7\nexit\n"
	  "f: ldxdw %r2, [%r1+0]\nadd %r2, 9\nstxdw [%r1+0], %r2\nmov %r0, 0\nexit\n",
	  .r0 = 54 },
	/* a function that returns nothing of its own, one that is never called */
	{ "mov %r0, 3\ncall local f\nmov %r0, 4\nexit\nf: mov %r0, 1\nexit\n"
	  "g: call local f\nexit\n",
	  .r0 = 4 },
	/* decided at run time */
	{ "lddw %r6, func f\ncallx %r6\nexit\nf: mov %r0, 8\nexit\n", .r0 = 8, .kind = CUSTOM },
	{ "stdw [%r10-8], 3\nmov %r7, 0\nmov %r8, 0\nagain: lddw %r6, func f\njlt %r8, 5, go\n"
	  "lddw %r6, func g\ngo: mov %r1, %r10\nadd %r1, -8\nmov %r2, %r8\ncallx %r6\nadd %r7, %r0\n"
	  "add %r8, 1\njlt %r8, 9, again\nldxdw %r0, [%r10-8]\nmul %r0, 1000\nadd %r0, %r7\nexit\n"
	  "f: stdw [%r10-8], 9\nldxdw %r0, [%r1+0]\nadd %r0, %r2\nstxdw [%r1+0], %r0\nexit\n"
	  "g: mov %r6, %r1\ncall local f\nmov %r8, 1\nmov %r7, 1\nldxdw %r0, [%r6+0]\nexit\n",
	  .r0 = 39147, .kind = CUSTOM },
	{ "mov %r6, 12345\ncallx %r6\nexit\n", .error = "X0111", .kind = CUSTOM },
	{ "lddw %r6, func f\ncallx %r6\nexit\nf: lddw %r6, func f\nmov %r0, 1\njne %r1, 1, out\n"
	  "mov %r1, 2\ncallx %r6\nadd %r0, 3\nout: exit\n",
	  .r0 = 1, .kind = CUSTOM, .refused = true },
	/* recursion */
	{ "mov %r1, 5\ncall local f\nexit\nf: mov %r0, 0\njeq %r1, 0, out\nadd %r1, -1\n"
	  "call local f\nadd %r0, 2\nout: exit\n",
	  .r0 = 10, .refused = true },
};

static const struct row callbacks[] = {
	/* the context points to the stack of the caller */
	{ "stdw [%r10-8], 0\n" LOOP(
		  10, f,
		  -8) "ldxdw %r1, [%r10-8]\nadd %r0, %r1\nexit\n"
		      "f: ldxdw %r3, [%r2+0]\nadd %r3, %r1\nstxdw [%r2+0], %r3\nmov %r0, 0\nexit\n",
	  .r0 = 55 },
	/* it stops early; none at all */
	{ LOOP(10, f, -8) "exit\nf: mov %r0, 0\njne %r1, 3, out\nmov %r0, 1\nout: exit\n",
	  .r0 = 4 },
	{ LOOP(0, f, -8) "exit\nf: mov %r0, 1\nexit\n", .r0 = 0 },
	/* slots around the one that is given away, kept registers, its own stack */
	{ "mov %r6, 1\nmov %r7, 2\nmov %r8, 3\nmov %r9, 4\nstdw [%r10-8], 5\nstdw [%r10-16], 6\n" LOOP(
		  3, f,
		  -16) "ldxdw %r1, [%r10-8]\nldxdw %r2, [%r10-16]\nadd %r0, %r1\nadd %r0, %r2\n"
		       "mul %r0, 10\nadd %r0, %r6\nadd %r0, %r7\nadd %r0, %r8\nadd %r0, %r9\nexit\n"
		       "f: mov %r6, %r2\nmov %r7, 70\nmov %r8, 80\nmov %r9, 90\nstxdw [%r10-16], %r1\n"
		       "stdw [%r10-8], 1\nldxdw %r3, [%r10-16]\nldxdw %r4, [%r6+8]\nadd %r4, %r3\n"
		       "stxdw [%r6+8], %r4\nstxdw [%r6+0], %r7\nmov %r0, 0\nexit\n",
	  .r0 = 820 },
	/* from a function, calling functions, two of them, one also called directly */
	{ "mov %r1, 3\ncall local run\nexit\n"
	  "run: stxdw [%r10-8], %r1\n" LOOP(4, f, -8) LOOP(
		  2, g,
		  -8) "mov %r1, 100\nmov %r2, %r10\nadd %r2, -8\ncall local f\nldxdw %r0, [%r10-8]\nexit\n"
		      "f: mov %r6, %r2\ncall local twice\nldxdw %r1, [%r6+0]\nadd %r1, %r0\nstxdw [%r6+0], %r1\n"
		      "mov %r0, 0\nexit\n"
		      "g: ldxdw %r1, [%r2+0]\nadd %r1, 1000\nstxdw [%r2+0], %r1\nmov %r0, 0\nexit\n"
		      "twice: stxdw [%r10-8], %r1\nldxdw %r0, [%r10-8]\nlsh %r0, 1\nexit\n",
	  .r0 = 2215 },
	/* one that calls a helper; and one below seven other frames */
	{ "stw [%r10-4], 1\n" LOOP(
		  5, f,
		  -4) "ldxw %r1, [%r10-4]\nadd %r0, %r1\nexit\n"
		      "f: mov %r6, %r2\nlddw %r1, map_idx 0\ncall 1\nstdw [%r0+0], 77\nstw [%r6+0], 2\n"
		      "mov %r0, 0\nexit\n",
	  .r0 = 7 },
	{ "call local a\n" LOOP(
		  2, z,
		  -8) "exit\na: call local b\nexit\nb: call local c\nexit\n"
		      "c: call local d\nexit\nd: call local e\nexit\ne: call local f\nexit\nf: call local g\nexit\n"
		      "g: mov %r0, 1\nexit\nz: mov %r0, 0\nexit\n",
	  .r0 = 2 },
	/* an embedder's helper that calls back from a deeper frame than where the function was named */
	{ "lddw %r1, func z\ncall local f\nexit\n"
	  "f: stdw [%r10-8], 5\nmov %r2, %r10\nadd %r2, -8\nmov %r3, 0\nmov %r4, 0\nmov %r5, 0\n"
	  "call 4\nldxdw %r0, [%r10-8]\nexit\n"
	  "z: stdw [%r10-8], 100\nldxdw %r3, [%r10-8]\nldxdw %r4, [%r2+0]\nadd %r3, %r4\n"
	  "stxdw [%r2+0], %r3\nmov %r0, 0\nexit\n",
	  .r0 = 105, .kind = CUSTOM },
	/* one that calls such a helper itself */
	{ "lddw %r1, func z\nmov %r2, 6\nmov %r3, 0\nmov %r4, 0\nmov %r5, 0\ncall 4\nexit\n"
	  "z: mov %r1, %r2\nmov %r2, 0\nmov %r3, 0\nmov %r4, 0\nmov %r5, 0\ncall 1\nexit\n",
	  .r0 = 60000, .kind = CUSTOM, .refused = true },
	/* nested */
	{ "stdw [%r10-8], 0\n" LOOP(
		  3, f,
		  -8) "ldxdw %r0, [%r10-8]\nexit\n"
		      "f: mov %r3, %r2\nmov %r1, 4\nlddw %r2, func g\nmov %r4, 0\ncall 181\nmov %r0, 0\nexit\n"
		      "g: ldxdw %r3, [%r2+0]\nadd %r3, 1\nstxdw [%r2+0], %r3\nmov %r0, 0\nexit\n",
	  .r0 = 12 },
	{ "stdw [%r10-8], 0\nstdw [%r10-16], 1\n" LOOP(
		  3, f,
		  -8) "ldxdw %r0, [%r10-8]\nldxdw %r1, [%r10-16]\nmul %r0, 10\nadd %r0, %r1\nexit\n"
		      "f: mov %r6, %r1\nstxdw [%r10-8], %r6\nmov %r3, %r2\nmov %r1, 4\nlddw %r2, func g\n"
		      "mov %r4, 0\ncall 181\nldxdw %r0, [%r10-8]\nsub %r0, %r6\nexit\n"
		      "g: stdw [%r10-8], 70\nmov %r3, %r2\nmov %r1, 2\nlddw %r2, func h\nmov %r4, 0\n"
		      "call 181\nldxdw %r0, [%r10-8]\nsub %r0, 70\nexit\n"
		      "h: stdw [%r10-8], 80\nldxdw %r3, [%r2+0]\nadd %r3, 1\nstxdw [%r2+0], %r3\nmov %r0, 0\nexit\n",
	  .r0 = 241 },
	/* one that calls itself so */
	{ LOOP(2, f, -8) "exit\nf: mov %r0, 1\njne %r1, 0, out\nmov %r3, %r2\nmov %r1, 2\n"
			 "lddw %r2, func f\nmov %r4, 0\ncall 181\nmov %r0, 0\nout: exit\n",
	  .error = "X0107", .refused = true },
	/* the address of a function that is never given away, found by counting (16 bytes an instruction) */
	{ "stdw [%r10-8], 0\nmov %r2, %r10\nadd %r2, -8\ncall local g\nmov %r1, 3\nlddw %r2, func f\n"
	  "add %r2, 32\nmov %r3, %r10\nadd %r3, -8\nmov %r4, 0\ncall 181\nldxdw %r0, [%r10-8]\nexit\n"
	  "f: mov %r0, 1\nexit\ng: ldxdw %r3, [%r2+0]\nadd %r3, 1\nstxdw [%r2+0], %r3\nmov %r0, 0\nexit\n",
	  .r0 = 4 },
};

static const struct row tails[] = {
	{ "mov %r6, %r1\nstdw [%r6+8], 1\n" TAIL(0) "stdw [%r6+8], 2\nmov %r0, 9\nexit\n",
	  "ldxdw %r0, [%r1+8]\nadd %r0, 4\nstdw [%r1+16], 3\nexit\n", .r0 = 5 },
	/* empty, beyond */
	{ "mov %r6, %r1\n" TAIL(2) "exit\n", "mov %r0, 1\nexit\n", .r0 = (uint64_t)-2 },
	{ "mov %r6, %r1\n" TAIL(40) "add %r0, 10\nexit\n", "mov %r0, 1\nexit\n", .r0 = 8 },
	/* itself: 33 times */
	{ "mov %r6, %r1\nldxb %r7, [%r6+8]\nadd %r7, 1\nstxb [%r6+8], %r7\n" TAIL(
		  1) "ldxb %r1, [%r6+8]\nadd %r0, %r1\nexit\n",
	  .r0 = 9 + 34 - 40 },
	/* there and back */
	{ "mov %r6, %r1\nldxb %r7, [%r6+8]\nadd %r7, 1\nstxb [%r6+8], %r7\n" TAIL(0) "exit\n",
	  "mov %r6, %r1\nldxb %r7, [%r6+9]\nadd %r7, 1\nstxb [%r6+9], %r7\n" TAIL(
		  1) "ldxb %r0, [%r6+8]\nldxb %r1, [%r6+9]\nadd %r0, %r1\nexit\n",
	  .r0 = 9 + 17 + 10 + 17 },
	/* the other has frames and callbacks; a fresh stack */
	{ "mov %r6, %r1\nstdw [%r10-8], 5\nmov %r1, %r10\nadd %r1, -8\ncall local f\n" TAIL(
		  0) "exit\nf: stdw [%r1+0], 6\nmov %r0, 0\nexit\n",
	  "ldxdw %r6, [%r10-8]\nmov %r1, %r10\nadd %r1, -8\ncall local f\n" LOOP(
		  3, g,
		  -8) "ldxdw %r1, [%r10-8]\nadd %r0, %r1\nadd %r0, %r6\nexit\n"
		      "f: stdw [%r1+0], 10\nmov %r0, 0\nexit\n"
		      "g: ldxdw %r3, [%r2+0]\nadd %r3, 1\nstxdw [%r2+0], %r3\nmov %r0, 0\nexit\n",
	  .r0 = 16 },
	/* a fault in the other one */
	{ "mov %r6, %r1\n" TAIL(0) "exit\n", "mov %r1, 0\ncall 14\nmov %r0, 0\nexit\n",
	  .error = "T0001" },
	/* a loop around it; in a function */
	{ "mov %r6, %r1\nmov %r7, 0\nagain: mov %r1, %r6\nlddw %r2, map_idx 2\nmov %r3, 2\n"
	  "jne %r7, 4, go\nmov %r3, 0\ngo: call 12\nadd %r7, 1\njlt %r7, 9, again\nexit\n",
	  "mov %r0, 21\nexit\n", .r0 = 21 },
	{ "mov %r6, %r1\ncall local f\nadd %r0, 1\nexit\nf: mov %r6, %r1\n" TAIL(0) "exit\n",
	  "mov %r0, 4\nexit\n", .r0 = 5 },
	/* ... whose callers keep what they have; the slot is empty; frames run out */
	{ "mov %r6, %r1\nmov %r7, 30\nstdw [%r10-8], 5\ncall local f\nldxdw %r1, [%r10-8]\nadd %r0, %r1\n"
	  "add %r0, %r7\nexit\nf: mov %r6, %r1\nmov %r7, 2\nstdw [%r10-8], 6\n" TAIL(0) "exit\n",
	  "mov %r7, 1\nldxdw %r0, [%r10-8]\nstdw [%r10-8], 100\ncall local f\nldxdw %r1, [%r10-8]\n"
	  "add %r0, %r1\nexit\nf: stdw [%r10-8], 1\nmov %r0, 4\nexit\n",
	  .r0 = 139 },
	{ "mov %r6, %r1\ncall local f\nexit\nf: mov %r6, %r1\nstdw [%r10-8], 6\n" TAIL(
		  2) "ldxdw %r0, [%r10-8]\nexit\n",
	  "mov %r0, 4\nexit\n", .r0 = 6 },
	{ "mov %r6, %r1\ncall local f\nexit\nf: mov %r6, %r1\n" TAIL(0) "exit\n",
	  "call local a\nexit\na: call local b\nexit\nb: call local c\nexit\nc: call local d\nexit\n"
	  "d: call local e\nexit\ne: call local f\nexit\nf: call local g\nexit\ng: mov %r0, 1\nexit\n",
	  .error = "X0107" },
	{ "mov %r6, %r1\ncall local f\nadd %r0, 1\nexit\nf: mov %r6, %r1\n" TAIL(1) "exit\n",
	  .error = "X0107" },
	{ "mov %r6, %r1\ncall local f\nadd %r0, 1\nexit\nf: mov %r6, %r1\n" TAIL(0) "exit\n",
	  "mov %r6, %r1\nmov %r1, 0\ncall 14\nexit\n", .error = "T0001" },
};

static const struct row packets[] = {
	{ "mov %r6, %r1\nldabsh 2\nexit\n", .r0 = 0x0304 },
	{ "mov %r6, %r1\nmov %r2, 60\nldindw %r2, 0\nexit\n", .r0 = 0x3d3e3f40 },
	{ "mov %r6, %r1\nmov %r2, -3\nldindb %r2, 10\nexit\n", .r0 = 8 },
	/* outside the packet: 0, and what was written before stays */
	{ "mov %r6, %r1\nstdw [%r6+8], 77\nmov %r0, 5\nldabsb 64\nstdw [%r6+8], 78\nmov %r0, 6\n"
	  "exit\n",
	  .r0 = 0 },
	{ "mov %r6, %r1\nmov %r2, 61\nldindw %r2, 0\nmov %r0, 6\nexit\n", .r0 = 0 },
	{ "mov %r6, %r1\nldabsb -1\nmov %r0, 6\nexit\n", .r0 = 0 },
	{ "mov %r6, %r1\nldabsb -0x200000\nexit\n", .r0 = 1 },
	{ "mov %r6, %r1\nldabsb -0x100000\nmov %r0, 6\nexit\n", .r0 = 0 },
	/* r6 to r9 and the stack are kept; a loop that ends by leaving the packet */
	{ "mov %r6, %r1\nmov %r7, 7\nmov %r8, 8\nmov %r9, 9\nstdw [%r10-8], 10\nldabsb 0\n"
	  "ldxdw %r1, [%r10-8]\nadd %r0, %r1\nadd %r0, %r7\nadd %r0, %r8\nadd %r0, %r9\nexit\n",
	  .r0 = 35 },
	{ "mov %r6, %r1\nmov %r7, 0\nmov %r8, 0\nagain: ldindb %r7, 0\nadd %r8, %r0\n"
	  "stxdw [%r6+8], %r8\nadd %r7, 1\nja again\n",
	  .r0 = 0 },
	{ "mov %r6, %r1\nmov %r7, 0\nmov %r8, 0\nagain: ldindh %r7, 0\nadd %r8, %r0\nadd %r7, 2\n"
	  "jlt %r7, 64, again\nmov %r0, %r8\nexit\n",
	  .r0 = 263200 },
	{ "mov %r6, %r1\ncall local f\nadd %r0, 1\nexit\nf: mov %r6, %r1\nldabsb 3\nexit\n",
	  .r0 = 5 },
	/* outside it ends the function, as in Linux */
	{ "mov %r6, %r1\ncall local f\nadd %r0, 1\nexit\n"
	  "f: mov %r6, %r1\nldabsb 10000\nadd %r0, 50\nexit\n",
	  .r0 = 1 },
};

static const struct row may_gotos[] = {
	{ "mov %r0, 1\nagain: may_goto out\nja again\nout: exit\n", .r0 = 1 },
	/* one that ends before, one in the other, and what is left after both */
	{ "mov %r0, 0\nagain: may_goto out\nadd %r0, 3\njlt %r0, 300, again\nout: exit\n",
	  .r0 = 300 },
	{ "mov %r0, 0\nmov %r6, 0\nouter: may_goto out\nmov %r7, 0\ninner: may_goto next\nadd %r7, 1\n"
	  "add %r0, 1\njlt %r7, 7, inner\nnext: add %r6, 1\njlt %r6, 5, outer\nout: exit\n",
	  .r0 = 35 },
	{ "again: may_goto out\nja again\nout: mov %r0, 5\nmay_goto end\nmov %r0, 6\nend: exit\n",
	  .r0 = 5 },
	{ "call local f\nadd %r0, 1\nexit\nf: mov %r0, 1\nagain: may_goto out\nja again\nout: exit\n",
	  .r0 = 2 },
};

static const struct row customs[] = {
	{ "mov %r1, 1\nmov %r2, 2\nmov %r3, 3\nmov %r4, 4\nmov %r5, 5\ncall 1\nexit\n", .r0 = 12345,
	  .kind = CUSTOM },
	{ "mov %r1, 1\nmov %r2, 2\nmov %r3, 3\nmov %r4, 4\nmov %r5, 5\ncall 1\nexit\n", .r0 = 12345,
	  .kind = CUSTOM_CTX },
	{ "mov %r1, 5\ncall 2\nexit\n", .r0 = 7005, .kind = CUSTOM_CTX },
	{ "mov %r6, 1\nmov %r1, 5\ncall local f\nadd %r0, %r6\nexit\n"
	  "f: mov %r6, %r1\ncall 2\nadd %r0, %r6\nexit\n",
	  .r0 = 7011, .kind = CUSTOM_CTX },
	/* their id is decided at run time */
	{ "mov %r1, 5\nmov %r6, 2\ncallx %r6\nexit\n", .r0 = 7005, .kind = CUSTOM_CTX },
	/* memory that they change */
	{ "stdw [%r10-8], 1\nldxdw %r6, [%r1+0]\nmov %r7, %r1\ncall 5\nldxdw %r0, [%r7+0]\n"
	  "mov %r1, %r10\nadd %r1, -8\nmov %r6, %r0\ncall 5\nldxdw %r0, [%r10-8]\nadd %r0, %r6\nexit\n",
	  .r0 = 0x0807060504030201 + 1 + 2, .kind = CUSTOM },
	{ "mov %r0, 1\ncall 3\nmov %r0, 2\nexit\n", .error = "T0002", .kind = CUSTOM },
};

static const struct row faults[] = {
	{ "mov %r1, 0\ncall 14\nexit\n", .error = "T0001" },
	/* the first one counts */
	{ "call 14\ncall 8\nmov %r0, 0\nexit\n", .error = "T0001" },
	{ "call 8\ncall 14\nexit\n", .error = "X0206" },
	{ "mov %r6, 1\ncall local f\nmov %r0, 0\nexit\nf: mov %r0, 1\ncall 14\nexit\n",
	  .error = "T0001" },
	{ LOOP(10, f, -8) "mov %r0, 0\nexit\nf: call 14\nmov %r0, 0\nexit\n", .error = "T0001" },
	/* a reservation that is left open */
	{ "lddw %r1, map_idx 0\nmov %r2, 24\nmov %r3, 0\ncall 131\nmov %r0, 0\nexit\n",
	  .error = "X0109" },
};

static uint64_t c_digits(void *ctx, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	(void)ctx;
	return a * 10000 + b * 1000 + c * 100 + d * 10 + e;
}

static uint64_t c_context(void *ctx, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	(void)b, (void)c, (void)d, (void)e;
	return *(const int *)ctx + a;
}

static uint64_t c_fault(void *run, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	static const struct err_def own = { "T0002", EPERM, "the embedder says no" };

	(void)a, (void)b, (void)c, (void)d, (void)e;
	return exec_fault(run, &own, "%d", 43);
}

static uint64_t c_call_back(void *run, uint64_t func, uint64_t data, uint64_t c, uint64_t d,
			    uint64_t e)
{
	uint64_t args[5] = { 0, data }, ret = 0;

	(void)c, (void)d, (void)e;
	exec_callback(run, func, args, &ret);
	return ret;
}

static uint64_t c_add(void *run, uint64_t at, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	uint64_t *word = (uint64_t *)(uintptr_t)at;

	(void)run, (void)b, (void)c, (void)d, (void)e;
	return ++*word;
}

static const struct exec_custom own_helpers[] = {
	{ .id = 1, .name = "digits", .fn = c_digits },
	{ .id = 2, .name = "context", .fn = c_context, .args = { ARG_ANY } },
	{ .id = 3, .name = "fault", .fn = c_fault },
	{ .id = 4, .name = "call_back", .fn = c_call_back },
	{ .id = 5, .name = "add", .fn = c_add },
};

static int seven_thousand = 7000;

static struct exec_prog *make(struct fix *f, const char *text, int kind)
{
	struct exec_prog_opts o = tracing;
	struct exec_prog *prog = NULL;
	struct skep_error *err = NULL;
	char message[600];

	if (kind != TRACING)
		o = (struct exec_prog_opts){ .prog_type = -1,
					     .customs = own_helpers,
					     .ncustoms = ARRAY_SIZE(own_helpers),
					     .custom_ctx = kind == CUSTOM_CTX ? &seven_thousand :
										NULL };
	if (fix_new(f, text, &o, &prog, &err) < 0) {
		skep_error_text(err, message, sizeof(message));
		CHECK_MSG(false, "%s", message);
		skep_error_free(err);
	}
	return prog;
}

/* How a run ended; its memory is in the fixture. */
struct outcome {
	int r;
	uint64_t r0;
	struct skep_error *err;
	uint8_t mem[64];
	uint64_t counts[8];
};

struct both {
	struct fix fix; /* the same for all, for its addresses */
	struct exec_run run;
	struct exec_prog *prog, *other;
	struct jit_prog *jit, *other_jit;
	uint64_t budget;
};

/* @jit: compiled, else interpreted */
static struct outcome run_once(struct both *b, bool jit)
{
	struct outcome o = { .r0 = 0xdead };
	struct fix fresh, *f = &b->fix;
	uint64_t ctx = (uint64_t)(uintptr_t)f->mem;

	fix_init(&fresh);
	memcpy(f->counts, fresh.counts, sizeof(f->counts));
	memcpy(f->mem, fresh.mem, sizeof(f->mem));
	if (!jit) {
		o.r = fix_exec(f, &b->run, b->prog, b->budget, &o.r0, &o.err);
	} else {
		exec_run_start(&b->run, b->budget);
		exec_region_add(&b->run, &(struct exec_region){ .base = ctx,
								.size = sizeof(f->mem),
								.kind = REGION_CTX,
								.writable = true,
								.name = "record" });
		b->run.packet = f->mem;
		b->run.packet_len = sizeof(f->mem);
		o.r = jit_run(b->jit, &b->run, ctx, &o.r0, &o.err);
	}
	memcpy(o.mem, f->mem, sizeof(o.mem));
	memcpy(o.counts, f->counts, sizeof(o.counts));
	return o;
}

static void same(const struct outcome *want, struct outcome *got, int variant, bool native)
{
	CHECK_MSG(got->r == want->r && got->r0 == want->r0,
		  "variant %d, tail calls %s: %d, 0x%llx, the interpreter %d, 0x%llx", variant,
		  native ? "compiled" : "interpreted", got->r, (unsigned long long)got->r0, want->r,
		  (unsigned long long)want->r0);
	if (want->err && CHECK(got->err != NULL)) {
		CHECK_EQ_STR(skep_error_id(got->err), skep_error_id(want->err));
		/* an open reservation is found after the end, whose place compiled code does not note */
		if (strcmp(skep_error_id(want->err), "X0109") != 0)
			CHECK_EQ_INT(skep_error_place(got->err)->at,
				     skep_error_place(want->err)->at);
	} else if (!want->err) { /* after a fault compiled code goes on to its end */
		CHECK_EQ_MEM(got->mem, want->mem, sizeof(got->mem));
		CHECK_EQ_MEM((const uint8_t *)got->counts, (const uint8_t *)want->counts,
			     sizeof(got->counts));
	}
	skep_error_free(got->err);
}

/* Compiled as @opts say: the program, and what it calls in its place, compiled and not. */
static void compiled(struct both *b, const struct row *row, const struct jit_opts *opts,
		     const struct outcome *want, int variant)
{
	struct skep_error *err = NULL;
	struct outcome got;
	int r = jit_new(b->prog, opts, &b->jit, &err);

	if (CHECK_EQ_INT(r, row->refused ? -EOPNOTSUPP : 0) && r < 0)
		CHECK_ERR(err, "J0002");
	skep_error_free(err);
	if (r < 0)
		return;
	for (int native = 0; native < (row->other ? 2 : 1); native++) {
		if (native && CHECK_EQ_INT(jit_new(b->other, opts, &b->other_jit, NULL), 0))
			b->fix.natives[0] = jit_native(b->other_jit);
		b->fix.natives[1] = native || !row->other ? jit_native(b->jit) : NULL;
		for (int again = 0; again < 2; again++) { /* the run is as clean as at first */
			got = run_once(b, true);
			same(want, &got, variant, native);
		}
	}
	jit_free(b->jit);
	jit_free(b->other_jit);
	b->jit = b->other_jit = NULL;
	memset(b->fix.natives, 0, sizeof(b->fix.natives));
}

static void check_row(const struct row *row)
{
	static const struct jit_opts variants[] = {
		{ .mode = JIT_TRUSTED },
		{ .mode = JIT_TRUSTED, .portable = true },
		{ .mode = JIT_TRUSTED, .no_optimise = true },
		{ .mode = JIT_TRUSTED, .blind = true },
		{ .mode = JIT_CHECKED },
		{ .mode = JIT_CHECKED, .no_optimise = true },
#ifdef __x86_64__
		{ .mode = JIT_TRUSTED, .blind = true, .harden = true },
#endif
	};
	struct both b = { 0 };
	struct outcome want;

	fix_init(&b.fix);
	b.prog = make(&b.fix, row->text, row->kind);
	b.other = row->other ? make(&b.fix, row->other, row->kind) : NULL;
	b.fix.slots[0] = b.other;
	b.fix.slots[1] = b.prog;
	if (b.prog && CHECK_EQ_INT(exec_run_init(&b.run, NULL), 0)) {
		want = run_once(&b, false);
		CHECK_EQ_INT(want.r < 0, row->error != NULL);
		if (row->error)
			CHECK_ERR(want.err, row->error);
		else
			CHECK_EQ_INT(want.r0, row->r0);
		for (int v = 0; v < (int)ARRAY_SIZE(variants); v++)
			compiled(&b, row, &variants[v], &want, v);
		skep_error_free(want.err);
		exec_run_done(&b.run);
	}
	exec_prog_free(b.prog);
	exec_prog_free(b.other);
}

static void check_rows(const struct row *rows, size_t n)
{
	if (!jit_available())
		CHECK_SKIP("no back end for this machine");
	for (size_t i = 0; i < n; i++) {
		CHECK_CASE("%zu: %s", i, rows[i].text);
		check_row(&rows[i]);
	}
}

#define ROWS(table)                                   \
	static void test_##table(void)                \
	{                                             \
		check_rows(table, ARRAY_SIZE(table)); \
	}
ROWS(calls)
ROWS(callbacks)
ROWS(tails)
ROWS(packets)
ROWS(may_gotos)
ROWS(customs)
ROWS(faults)

/* Every budget from 1 to enough: the verdict is the interpreter's. */
static void spend_all(struct both *b)
{
	for (b->budget = 1; b->budget < 150; b->budget++) {
		struct outcome want = run_once(b, false), got = run_once(b, true);

		CHECK_MSG(got.r == want.r && (want.r < 0 || got.r0 == want.r0) &&
				  (want.r == 0 ||
				   !strcmp(skep_error_id(got.err), skep_error_id(want.err))),
			  "budget %llu: %d, 0x%llx, the interpreter %d, 0x%llx",
			  (unsigned long long)b->budget, got.r, (unsigned long long)got.r0, want.r,
			  (unsigned long long)want.r0);
		skep_error_free(want.err);
		skep_error_free(got.err);
	}
}

static void budgets(void)
{
	static const struct jit_opts variants[] = {
		{ .mode = JIT_CHECKED },
		{ .mode = JIT_CHECKED, .count = true },
		{ .mode = JIT_CHECKED, .no_optimise = true },
	};

	if (!jit_available())
		CHECK_SKIP("no back end for this machine");
	for (size_t i = 0; i < ARRAY_SIZE(callbacks); i++)
		for (size_t v = 0; v < ARRAY_SIZE(variants) && !callbacks[i].refused; v++) {
			struct both b = { 0 };

			CHECK_CASE("%zu, variant %zu: %s", i, v, callbacks[i].text);
			fix_init(&b.fix);
			b.prog = make(&b.fix, callbacks[i].text, callbacks[i].kind);
			if (b.prog && CHECK_EQ_INT(exec_run_init(&b.run, NULL), 0)) {
				if (CHECK_EQ_INT(jit_new(b.prog, &variants[v], &b.jit, NULL), 0))
					spend_all(&b);
				exec_run_done(&b.run);
			}
			jit_free(b.jit);
			exec_prog_free(b.prog);
		}
}

/* A chain of functions, each with its frame. */
static void depth(void)
{
	char text[1024];

	if (!jit_available())
		CHECK_SKIP("no back end for this machine");
	for (int frames = 2; frames <= ISA_MAX_FRAMES + 1; frames++) {
		bool deep = frames > ISA_MAX_FRAMES;
		int n = snprintf(text, sizeof(text), "stdw [%%r10-8], 1\ncall local f1\n");

		CHECK_CASE("%d frames", frames);
		for (int i = 1; i < frames; i++) {
			n += snprintf(text + n, sizeof(text) - (size_t)n,
				      "ldxdw %%r1, [%%r10-8]\nadd %%r0, %%r1\nexit\n"
				      "f%d: stdw [%%r10-8], 1\nmov %%r0, 0\n",
				      i);
			if (i + 1 < frames)
				n += snprintf(text + n, sizeof(text) - (size_t)n,
					      "call local f%d\n", i + 1);
		}
		snprintf(text + n, sizeof(text) - (size_t)n,
			 "ldxdw %%r1, [%%r10-8]\nadd %%r0, %%r1\nexit\n");
		check_row(&(struct row){ .text = text,
					 .r0 = (uint64_t)frames,
					 .error = deep ? "X0107" : NULL,
					 .refused = deep });
	}
}

CHECK_MAIN({ "calls", test_calls }, { "callbacks", test_callbacks }, { "tails", test_tails },
	   { "packets", test_packets }, { "may_gotos", test_may_gotos },
	   { "customs", test_customs }, { "faults", test_faults }, { "budgets", budgets },
	   { "depth", depth })
