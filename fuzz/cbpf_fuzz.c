// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a classic program, any others as its packet; and as text. What the check takes is translated, and runs
 * without a fault, as libpcap's interpreter runs it where both mean the same. What is printed reads back. An input
 * begins with the number of instructions (0: the rest is text), then the program, then the packet.
 */
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "isa/isa.h"
#include "skep/filter.h"

#define INSN_SIZE 8

static void check(bool good)
{
	if (!good)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Does libpcap mean the same: no headers, no extensions, no shift by X, nothing added to X that could wrap? */
static bool is_common(const struct skep_cbpf *in, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned int mode = in[i].code & 0xe7u;

		if ((mode == 0x20 || mode == 0xa1) && in[i].k > INT32_MAX)
			return false;
		if (mode == 0x40 || in[i].code == 0x6c || in[i].code == 0x7c || in[i].code == 0x81)
			return false;
	}
	return true;
}

static void run(const struct skep_cbpf *in, size_t n, const uint8_t *packet, size_t len)
{
	struct skep_filter *f = NULL;
	const struct skep_insn *insns;
	struct skep_error *err = NULL;
	uint32_t got;
	size_t ninsns;
	int r = skep_filter_new(in, n, NULL, &f, &err);

	check(r == skep_cbpf_check(in, n, NULL));
	check((r == 0) == !err);
	skep_error_free(err);
	if (r < 0)
		return;
	insns = skep_filter_insns(f, &ninsns);
	for (size_t at = 0; at < ninsns; at++)
		check(isa_decode(insns + at, ninsns - at) != ISA_INVALID);
	got = skep_filter_run(f, packet, (uint32_t)len, (uint32_t)len);
	if (is_common(in, n))
		check(got == bpf_filter((const struct bpf_insn *)in, packet, (uint32_t)len,
					(uint32_t)len));
	skep_filter_free(f);
}

static void print_and_read(const struct skep_cbpf *in, size_t n)
{
	struct skep_cbpf *back = NULL;
	struct buf text;
	char line[96];
	size_t m = 0;

	buf_init(&text);
	for (size_t i = 0; i < n; i++) {
		check(skep_cbpf_print(in, i, line, sizeof(line)) == 0);
		buf_printf(&text, "%s\n", line);
	}
	check(skep_cbpf_parse(buf_str(&text), NULL, &back, &m, NULL) == 0 && m == n);
	for (size_t i = 0; i < n; i++)
		check(back[i].code == in[i].code);
	free(back);
	buf_done(&text);
}

static void read_text(const uint8_t *data, size_t size)
{
	struct skep_error *err = NULL;
	struct skep_cbpf *in = NULL;
	char *text = malloc(size + 1);
	size_t n;

	if (!text)
		return;
	memcpy(text, data, size);
	text[size] = '\0';
	if (skep_cbpf_parse(text, "text", &in, &n, &err) == 0 && skep_cbpf_check(in, n, NULL) == 0)
		print_and_read(in, n);
	skep_error_free(err);
	free(in);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct skep_cbpf *in;
	size_t n;

	if (!size)
		return 0;
	n = data[0];
	if (!n) {
		read_text(data + 1, size - 1);
		return 0;
	}
	if ((size - 1) / INSN_SIZE < n)
		return 0;
	in = malloc(n * sizeof(*in));
	if (!in)
		return 0;
	memcpy(in, data + 1, n * INSN_SIZE);
	run(in, n, data + 1 + n * INSN_SIZE, size - 1 - n * INSN_SIZE);
	if (skep_cbpf_check(in, n, NULL) == 0)
		print_and_read(in, n);
	free(in);
	return 0;
}
