// SPDX-License-Identifier: Apache-2.0
/*
 * An embedder: a price rule as eBPF, compiled once, run over the embedder's own struct, of which it may write
 * one field, with one helper of the embedder. The rule gives 10 % off from 100 pieces on. It is not trusted: the
 * compiled code checks what it touches and counts what it runs.
 *
 *	cc embed.c $(pkg-config --cflags --libs skep) && ./a.out
 */
#include <errno.h>
#include <skep/vm.h>
#include <stdio.h>
#include <stdlib.h>

struct order {
	uint64_t article, count, price;
};

static uint64_t unit_price(void *ctx, uint64_t article, uint64_t b, uint64_t c, uint64_t d,
			   uint64_t e)
{
	(void)b, (void)c, (void)d, (void)e;
	return ((const uint64_t *)ctx)[article % 3];
}

int main(void)
{
	static const char rule[] = "mov %r6, %r1\n"
				   "ldxdw %r1, [%r6+0]\n"
				   "call 1\n"
				   "ldxdw %r2, [%r6+8]\n"
				   "mul %r0, %r2\n"
				   "jlt %r2, 100, full\n"
				   "mov %r3, %r0\n"
				   "div %r3, 10\n"
				   "sub %r0, %r3\n"
				   "full: stxdw [%r6+16], %r0\n"
				   "exit\n";
	static uint64_t prices[] = { 5, 40, 200 };
	const struct skep_vm_helper helpers[] = {
		{ .id = 1, .name = "unit_price", .fn = unit_price }, { 0 }
	};
	const struct skep_vm_region layout[] = {
		{ "article and count", .offset = 0, .size = 16 },
		{ "price", .offset = 16, .size = 8, .writable = 1 },
		{ 0 },
	};
	struct skep_vm_opts opts = { .size = sizeof(opts),
				     .helpers = helpers,
				     .ctx = prices,
				     .regions = layout,
				     .engine = SKEP_ENGINE_CHECKED };
	struct order order = { .article = 1, .count = 120 };
	struct skep_error *err = NULL;
	struct skep_insn *insns = NULL;
	struct skep_vm *vm = NULL;
	uint64_t r0;
	size_t n;
	int r = skep_insn_assemble(rule, &insns, &n, &err);

	if (r == 0)
		r = skep_vm_new(insns, n, &opts, &vm, &err);
	if (r == -EOPNOTSUPP) { /* no compiler for this CPU */
		opts.engine = SKEP_ENGINE_INTERP;
		skep_error_free(err);
		err = NULL;
		r = skep_vm_new(insns, n, &opts, &vm, &err);
	}
	if (r == 0)
		r = skep_vm_run(vm, &order, sizeof(order), &r0, &err);
	if (r == 0)
		printf("%llu pieces: %llu\n", (unsigned long long)order.count,
		       (unsigned long long)order.price);
	else
		fprintf(stderr, "%s\n", skep_error_message(err));
	skep_vm_free(vm);
	free(insns);
	skep_error_free(err);
	return r ? 1 : 0;
}
