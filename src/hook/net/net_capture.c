// SPDX-License-Identifier: Apache-2.0
/*
 * Captures read for a filter alone: no programs, no frames, and any link type, as the packets are neither changed nor
 * looked into here. The compiler of expressions is libpcap's.
 */
#include <stdlib.h>
#include <string.h>

#include "hook/net/internal.h"

_Static_assert(sizeof(struct skep_cbpf) == sizeof(struct bpf_insn) &&
		       offsetof(struct skep_cbpf, k) == offsetof(struct bpf_insn, k) &&
		       offsetof(struct skep_cbpf, jf) == offsetof(struct bpf_insn, jf),
	       "libpcap's instruction and ours are one layout");

int hook_filter_compile(const char *expr, const struct hook_filter_opts *opts,
			struct skep_cbpf **ret_insns, size_t *ret_n, struct skep_error **reterr)
{
	struct bpf_program program;
	pcap_t *dead = pcap_open_dead(opts->linktype, (int)num_min(opts->snaplen, INT32_MAX));
	int r = 0;

	if (!dead)
		return skep_fail_nomem(reterr);
	if (pcap_compile(dead, &program, expr, !opts->no_optimize, PCAP_NETMASK_UNKNOWN) < 0) {
		skep_fail(reterr, &ERR_FILTER, SKEP_NOWHERE, "'%s': %s", expr, pcap_geterr(dead));
		skep_hint(reterr, "pcap-filter(7) describes expressions: 'tcp port 80', 'icmp6'");
		pcap_close(dead);
		return -ERR_FILTER.code;
	}
	*ret_insns = calloc(program.bf_len ? program.bf_len : 1, sizeof(**ret_insns));
	if (*ret_insns) {
		memcpy(*ret_insns, program.bf_insns, program.bf_len * sizeof(**ret_insns));
		*ret_n = program.bf_len;
	} else {
		r = skep_fail_nomem(reterr);
	}
	pcap_freecode(&program);
	pcap_close(dead);
	return r;
}

const char *hook_linktype_name(int linktype)
{
	const char *name = pcap_datalink_val_to_name(linktype);

	return name ? name : "?";
}

uint32_t hook_linktype_header(int linktype)
{
	switch (linktype) {
	case DLT_EN10MB:
		return ETH_SIZE;
	case DLT_NULL:
	case DLT_LOOP:
		return NULL_SIZE;
	case DLT_LINUX_SLL:
		return SLL_SIZE;
	case DLT_LINUX_SLL2:
		return SLL2_SIZE;
	default:
		return 0;
	}
}

struct hook_capture {
	struct net_limit limit;
	struct net_input *in;
	struct net_record record; /* the last one */
	struct net_writer writer;
	bool writing;
};

int hook_capture_open(const char *path, const volatile int *stop, struct hook_capture **ret,
		      struct skep_error **reterr)
{
	struct hook_capture *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return skep_fail_nomem(reterr);
	c->limit.stop = stop;
	r = net_pcap_open(path, &c->limit, &c->in, reterr);
	if (r < 0) {
		hook_capture_close(c);
		return r;
	}
	*ret = c;
	return 0;
}

int hook_capture_write(struct hook_capture *c, const char *path, struct skep_error **reterr)
{
	int r = net_writer_open(&c->writer, path, c->in, c->in->linktype, reterr);

	c->writing = r == 0;
	return r;
}

int hook_capture_linktype(const struct hook_capture *c)
{
	return c->in->linktype;
}

uint32_t hook_capture_snaplen(const struct hook_capture *c)
{
	int snaplen = pcap_snapshot(c->in->pcap);

	return snaplen > 0 ? (uint32_t)snaplen : NET_SNAPLEN;
}

bool hook_capture_cut(const struct hook_capture *c)
{
	return c->in->cut;
}

int hook_capture_next(struct hook_capture *c, struct hook_packet *ret, struct skep_error **reterr)
{
	int r = net_limit_stopped(&c->limit) ? 0 : c->in->ops->next(c->in, &c->record, reterr);

	if (r > 0)
		*ret = (struct hook_packet){ c->record.bytes, c->record.caplen, c->record.len };
	return r;
}

int hook_capture_keep(struct hook_capture *c, uint32_t keep, struct skep_error **reterr)
{
	if (!c->writing)
		return 0;
	return net_writer_add(&c->writer, &c->record, c->record.bytes,
			      (uint32_t)num_min(keep, c->record.caplen), c->record.len, reterr);
}

int hook_capture_finish(struct hook_capture *c, uint64_t *ret_written, struct skep_error **reterr)
{
	int r = c->writing ? net_writer_close(&c->writer, reterr) : 0;

	c->writing = false;
	*ret_written = c->writer.written;
	return r;
}

void hook_capture_close(struct hook_capture *c)
{
	if (!c)
		return;
	if (c->writing)
		net_writer_close(&c->writer, NULL);
	if (c->in)
		c->in->ops->close(c->in);
	free(c);
}
