// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a capture, read through a memory file as --pcap reads a file, by programs of each
 * kind that move the packet's ends, read and write it, and keep part of it, with --write into
 * another one. What is counted must add up, and what was written must be a capture that can be read
 * again, with as many packets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "helper/helper.h"
#include "hook/hook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

#define PROGS 4

static struct core_prog progs[PROGS];
static char in_path[64], out_path[64];
static int in_fd, out_fd;
static uint64_t faults, packets;

static const struct {
	const char *section, *text;
} sources[PROGS] = {
	/* four bytes more in front, the first of the packet's into them; two less behind */
	{ "xdp", "mov %r6, %r1\nmov %r2, -4\ncall 44\njne %r0, 0, out\nldxw %r2, [%r6]\n"
		 "ldxw %r3, [%r6+4]\nmov %r4, %r2\nadd %r4, 18\njgt %r4, %r3, out\n"
		 "ldxdw %r5, [%r2+4]\nstxdw [%r2], %r5\nmov %r1, %r6\nmov %r2, -2\ncall 65\n"
		 "out:\nmov %r0, 2\nexit" },
	/* a fault for packets that are short */
	{ "xdp", "ldxw %r2, [%r1]\nldxb %r0, [%r2+20]\nmov %r0, 2\nexit" },
	{ "tc", "ldxw %r2, [%r1+76]\nldxw %r3, [%r1+80]\nmov %r4, %r2\nadd %r4, 14\n"
		"jgt %r4, %r3, out\nldxw %r5, [%r1+24]\nstxw [%r2], %r5\nldxw %r5, [%r1+16]\n"
		"stxw [%r2+4], %r5\nout:\nldxw %r0, [%r1+4]\nand %r0, 1\njeq %r0, 0, end\n"
		"mov %r0, -1\nend:\nexit" },
	{ "socket", "mov %r6, %r1\nldabsb 13\nadd %r0, 14\nexit" },
};

static int on_fault(void *ctx, struct core_prog *prog, struct skep_error *err)
{
	(void)ctx;
	(void)prog;
	MUST(skep_error_message(err)[0]);
	skep_error_free(err);
	faults++;
	return 0;
}

static int on_after(void *ctx)
{
	(void)ctx;
	packets++;
	return 0;
}

static const struct hook_sink sink = { .fault = on_fault, .after = on_after };

static void prepare(void)
{
	for (size_t i = 0; i < PROGS; i++) {
		struct exec_prog_opts o = { .object = "fuzz", .name = sources[i].section };
		struct skep_insn *insns;
		size_t n;

		MUST(skep_insn_assemble(sources[i].text, &insns, &n, NULL) == 0);
		progs[i].name = progs[i].section = sources[i].section;
		progs[i].def = spec_section_find(sources[i].section, &progs[i].target);
		o.insns = insns;
		o.ninsns = (uint32_t)n;
		o.prog_type = progs[i].def->prog_type;
		o.owner = &progs[i];
		o.helpers = helper_table(&o.nhelpers);
		MUST(exec_prog_new(&o, &progs[i].exec, NULL) == 0);
		free(insns);
	}
	in_fd = memfd_create("capture", 0);
	out_fd = memfd_create("passed", 0);
	MUST(in_fd >= 0 && out_fd >= 0);
	snprintf(in_path, sizeof(in_path), "/proc/self/fd/%d", in_fd);
	snprintf(out_path, sizeof(out_path), "/proc/self/fd/%d", out_fd);
}

static bool session(const struct hook_opts *opts, size_t nprogs, struct hook_stats *ret)
{
	struct core_prog *list[PROGS] = { &progs[0], &progs[1], &progs[2], &progs[3] };
	struct skep_error *err = NULL;
	uint64_t judged = 0;
	void *source;
	int r;

	faults = packets = 0;
	r = hook_net.open(opts, list, nprogs, &sink, &source, &err);
	if (r < 0) {
		MUST(err && skep_error_code(err) == r);
		skep_error_free(err);
		return false;
	}
	r = hook_net.run(source, &err);
	MUST((r < 0) == (err != NULL));
	skep_error_free(err);
	hook_net.stats(source, ret);
	MUST(ret->packets == packets && ret->written <= packets);
	for (size_t i = 0; i < ret->nverdicts; i++) {
		for (size_t k = 0; k < HOOK_MAX_VERDICTS; k++)
			judged += ret->verdicts[i].counts[k];
		judged += ret->verdicts[i].other + ret->verdicts[i].faulted;
	}
	MUST(judged == ret->events);
	hook_net.close(source);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hook_opts opts = { .budget = 1000, .max_packets = 5000 };
	struct hook_stats st, again;

	if (!in_path[0])
		prepare();
	MUST(ftruncate(in_fd, 0) == 0 && ftruncate(out_fd, 0) == 0);
	MUST(pwrite(in_fd, data, size, 0) == (ssize_t)size);
	opts.pcap = in_path;
	opts.write = out_path;
	/* the last byte chooses: a filter that not all packets pass */
	opts.filter = size && data[size - 1] & 1 ? "ip or vlan or len > 60" : NULL;
	if (!session(&opts, PROGS, &st))
		return 0;
	opts = (struct hook_opts){ .budget = 1000, .pcap = out_path };
	MUST(session(&opts, 0, &again) && again.packets == st.written && !again.cut);
	return 0;
}
