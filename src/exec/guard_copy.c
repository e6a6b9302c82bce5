// SPDX-License-Identifier: Apache-2.0
/*
 * The instructions that may fault, by hand, so that it is known which they are: a stretch of code with labels around, and
 * a table of (start, end, where to go on) beside it, as offsets from the entry. A function here keeps nothing on the
 * stack and calls nothing, so going on means to return an error from it. On a CPU without such code the
 * kernel copies (process_vm_readv(2) on ourselves): right, but slow.
 */
#include <sys/uio.h>
#include <unistd.h>

#include "exec/guard.h"
#include "exec/internal.h"

#if defined(__x86_64__) || defined(__aarch64__)

/* clang-format off */
#define BEGIN(name) ".globl " #name "\n.hidden " #name "\n.type " #name ", %function\n.balign 16\n" \
	#name ":\n.cfi_startproc\n"
#define END(name) ".cfi_endproc\n.size " #name ", . - " #name "\n"
#define GUARDED(start, end, next) ".pushsection .rodata.guard, \"a\"\n.long " #start " - ., " #end \
	" - ., " #next " - .\n.popsection\n"

__asm__(
".pushsection .rodata.guard, \"a\"\n.balign 4\n.globl guard_table\n.hidden guard_table\nguard_table:\n.popsection\n"
".text\n"
#ifdef __x86_64__
#define LOAD(n, insn) BEGIN(exec_guard_load##n) "1:	" insn "\n2:	mov $1, %edx\n	ret\n" \
	END(exec_guard_load##n) GUARDED(1b, 2b, guard_no_value)
LOAD(1, "movzbl (%rdi), %eax")
LOAD(2, "movzwl (%rdi), %eax")
LOAD(4, "movl (%rdi), %eax")
LOAD(8, "movq (%rdi), %rax")
BEGIN(guard_no_value)
"	xor %eax, %eax\n"
"	xor %edx, %edx\n"
"	ret\n"
END(guard_no_value)
BEGIN(guard_failed)
"	mov $-14, %rax\n"
"	ret\n"
END(guard_failed)

/* rdi to, rsi from, rdx count */
BEGIN(guard_copy)
"1:	cmp $16, %rdx\n"
"	jb 4f\n"
"	cmp $1024, %rdx\n"
"	jae 8f\n"
"	movups -16(%rsi,%rdx), %xmm1\n"
"	lea -16(%rdi,%rdx), %rcx\n"
"3:	movups (%rsi), %xmm0\n"
"	movups %xmm0, (%rdi)\n"
"	add $16, %rsi\n"
"	add $16, %rdi\n"
"	cmp %rcx, %rdi\n"
"	jb 3b\n"
"	movups %xmm1, (%rcx)\n"
"	xor %eax, %eax\n"
"	ret\n"
"8:	mov %rdx, %rcx\n"
"	rep movsb\n"
"	xor %eax, %eax\n"
"	ret\n"
"4:	xor %ecx, %ecx\n"
"	test $8, %dl\n"
"	je 5f\n"
"	mov (%rsi), %rax\n"
"	mov %rax, (%rdi)\n"
"	add $8, %ecx\n"
"5:	test $4, %dl\n"
"	je 6f\n"
"	mov (%rsi,%rcx), %eax\n"
"	mov %eax, (%rdi,%rcx)\n"
"	add $4, %ecx\n"
"6:	test $2, %dl\n"
"	je 7f\n"
"	movzwl (%rsi,%rcx), %eax\n"
"	mov %ax, (%rdi,%rcx)\n"
"	add $2, %ecx\n"
"7:	test $1, %dl\n"
"	je 9f\n"
"	movzbl (%rsi,%rcx), %eax\n"
"	mov %al, (%rdi,%rcx)\n"
"9:	xor %eax, %eax\n"
"2:	ret\n"
END(guard_copy) GUARDED(1b, 2b, guard_failed)

BEGIN(guard_str)
"	xor %eax, %eax\n"
"1:	cmp %rdx, %rax\n"
"	jae 2f\n"
"	movzbl (%rsi,%rax), %ecx\n"
"	mov %cl, (%rdi,%rax)\n"
"	inc %rax\n"
"	test %cl, %cl\n"
"	jne 1b\n"
"2:	ret\n"
END(guard_str) GUARDED(1b, 2b, guard_failed)

#else /* arm64 */
#define LOAD(n, insn) BEGIN(exec_guard_load##n) "1:	" insn "\n2:	mov x1, #1\n	ret\n" \
	END(exec_guard_load##n) GUARDED(1b, 2b, guard_no_value)
LOAD(1, "ldrb w0, [x0]")
LOAD(2, "ldrh w0, [x0]")
LOAD(4, "ldr w0, [x0]")
LOAD(8, "ldr x0, [x0]")
BEGIN(guard_no_value)
"	mov x0, #0\n"
"	mov x1, #0\n"
"	ret\n"
END(guard_no_value)
BEGIN(guard_failed)
"	mov x0, #-14\n"
"	ret\n"
END(guard_failed)

/* x0 to, x1 from, x2 count */
BEGIN(guard_copy)
"1:	subs x2, x2, #16\n"
"	b.lo 4f\n"
"3:	ldp x4, x5, [x1], #16\n"
"	stp x4, x5, [x0], #16\n"
"	subs x2, x2, #16\n"
"	b.hs 3b\n"
"4:	tbz x2, #3, 5f\n"
"	ldr x4, [x1], #8\n"
"	str x4, [x0], #8\n"
"5:	tbz x2, #2, 6f\n"
"	ldr w4, [x1], #4\n"
"	str w4, [x0], #4\n"
"6:	tbz x2, #1, 7f\n"
"	ldrh w4, [x1], #2\n"
"	strh w4, [x0], #2\n"
"7:	tbz x2, #0, 8f\n"
"	ldrb w4, [x1]\n"
"	strb w4, [x0]\n"
"8:	mov x0, #0\n"
"2:	ret\n"
END(guard_copy) GUARDED(1b, 2b, guard_failed)

BEGIN(guard_str)
"	mov x3, #0\n"
"1:	cmp x3, x2\n"
"	b.hs 3f\n"
"	ldrb w4, [x1, x3]\n"
"	strb w4, [x0, x3]\n"
"	add x3, x3, #1\n"
"	cbnz w4, 1b\n"
"3:	mov x0, x3\n"
"2:	ret\n"
END(guard_str) GUARDED(1b, 2b, guard_failed)
#endif
".pushsection .rodata.guard, \"a\"\n.globl guard_table_end\n.hidden guard_table_end\nguard_table_end:\n.popsection\n"
);
/* clang-format on */

struct guarded {
	int32_t start, end, next; /* each from its own place */
};
extern const struct guarded guard_table[], guard_table_end[];

bool guard_find(uintptr_t pc, uintptr_t *ret_next)
{
	for (const struct guarded *g = guard_table; g < guard_table_end; g++) {
		if (pc < (uintptr_t)&g->start + (uintptr_t)(intptr_t)g->start ||
		    pc >= (uintptr_t)&g->end + (uintptr_t)(intptr_t)g->end)
			continue;
		*ret_next = (uintptr_t)&g->next + (uintptr_t)(intptr_t)g->next;
		return true;
	}
	return false;
}

#else

static int copy(void *dst, const void *src, size_t n)
{
	struct iovec to = { dst, n }, from = { (void *)(uintptr_t)src, n };

	return !n || process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)n ? 0 : -EFAULT;
}

int guard_copy(void *dst, const void *src, size_t n)
{
	return copy(dst, src, n);
}

int64_t guard_str(char *dst, const void *src, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (copy(dst + i, (const char *)src + i, 1) < 0)
			return -EFAULT;
		if (!dst[i])
			return (int64_t)i + 1;
	}
	return (int64_t)n;
}

bool guard_find(uintptr_t pc, uintptr_t *ret_next)
{
	(void)pc, (void)ret_next;
	return false;
}

#define LOAD(n)                                                     \
	struct exec_pair exec_guard_load##n(uint64_t addr)          \
	{                                                           \
		union {                                             \
			uint8_t v1;                                 \
			uint16_t v2;                                \
			uint32_t v4;                                \
			uint64_t v8;                                \
		} u;                                                \
                                                                    \
		if (copy(&u, (const void *)(uintptr_t)addr, n) < 0) \
			return (struct exec_pair){ 0, 0 };          \
		return (struct exec_pair){ u.v##n, 1 };             \
	}
LOAD(1)
LOAD(2)
LOAD(4)
LOAD(8)
#endif
