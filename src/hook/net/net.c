// SPDX-License-Identifier: Apache-2.0
/*
 * The source "packets": from a capture or an interface, through the filter, to the programs, and
 * what passed into a file. Each packet is counted before anything can go wrong with it. In a replay
 * the programs' clock is the packet's time stamp, so what a program measures and limits is what it
 * would have been then.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hook/net/internal.h"

/*
 * Looking at the clock costs as much as a small program, so it is done for every so many packets.
 */
#define PACKETS_A_LOOK 64

struct source {
	struct net_limit limit;
	struct net_input *in;
	struct net_frame frame;
	struct net_progs progs;
	struct net_writer writer;
	bool writing;
	struct bpf_program filter;
	bool filtering;
	double seconds;
	uint64_t max_packets;
	struct hook_stats stats;
};

static bool serves(const struct core_prog *prog, char *why, size_t size)
{
	enum net_stage stage;

	return net_prog_stage(prog, &stage, why, size);
}

static void set_deadline(struct source *s)
{
	struct timespec ts;

	if (!(s->seconds > 0))
		return;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	s->limit.deadline = (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec +
			    (uint64_t)(s->seconds < 1e9 ? s->seconds * 1e9 : 1e18);
}

static void source_close(void *source)
{
	struct source *s = source;

	if (!s)
		return;
	if (s->writing)
		net_writer_close(&s->writer, NULL);
	if (s->filtering)
		pcap_freecode(&s->filter);
	if (s->in)
		s->in->ops->close(s->in);
	net_progs_done(&s->progs);
	net_frame_done(&s->frame);
	free(s);
}

static int open_filter(struct source *s, const char *expr, struct skep_error **reterr)
{
	if (pcap_compile(s->in->pcap, &s->filter, expr, 1, PCAP_NETMASK_UNKNOWN) < 0) {
		skep_fail(reterr, &ERR_FILTER, SKEP_NOWHERE, "'%s': %s", expr,
			  pcap_geterr(s->in->pcap));
		skep_hint(reterr, "pcap-filter(7) describes expressions: 'tcp port 80', 'icmp6'");
		return -ERR_FILTER.code;
	}
	s->filtering = true;
	return 0;
}

static int open_all(struct source *s, const struct hook_opts *opts, struct core_prog **progs,
		    size_t nprogs, const struct hook_sink *sink, struct skep_error **reterr)
{
	int r = net_frame_init(&s->frame, reterr);

	if (r == 0)
		r = net_progs_init(&s->progs, progs, nprogs, opts->budget, sink, reterr);
	if (r == 0 && opts->iface)
		r = net_iface_open(opts->iface, net_progs_want(&s->progs, NET_OUT), &s->limit,
				   &s->in, reterr);
	else if (r == 0)
		r = net_pcap_open(opts->pcap, &s->limit, &s->in, reterr);
	if (r == 0 && !opts->iface)
		r = net_linktype_check(s->in->name, s->in->linktype, reterr);
	if (r == 0 && opts->filter)
		r = open_filter(s, opts->filter, reterr);
	if (r == 0 && opts->write) {
		r = net_writer_open(&s->writer, opts->write, s->in, DLT_EN10MB, reterr);
		s->writing = r == 0;
	}
	return r;
}

static int source_open(const struct hook_opts *opts, struct core_prog **progs, size_t nprogs,
		       const struct hook_sink *sink, void **ret, struct skep_error **reterr)
{
	struct source *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return skep_fail_nomem(reterr);
	s->limit.stop = sink->stop;
	s->seconds = opts->seconds;
	s->max_packets = opts->max_packets;
	set_deadline(s);
	r = open_all(s, opts, progs, nprogs, sink, reterr);
	if (r < 0) {
		source_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

static bool wanted(const struct source *s, const struct net_record *rec)
{
	const struct pcap_pkthdr hdr = { .caplen = rec->caplen, .len = rec->len };

	return !s->filtering || pcap_offline_filter(&s->filter, &hdr, rec->bytes);
}

/* 0, or < 0: an error, or -ECANCELED for an end that the sink asked for. */
static int one_packet(struct source *s, struct net_record *rec, struct skep_error **reterr)
{
	const uint8_t *bytes;
	uint32_t keep, len;
	int r;

	s->stats.packets++;
	if (rec->caplen < rec->len)
		s->stats.truncated++;
	if (!net_frame_load(&s->frame, s->in->linktype, rec)) {
		s->stats.truncated += rec->caplen == rec->len;
		return 0;
	}
	s->stats.bytes += s->frame.loaded;
	r = net_progs_run(&s->progs, &s->frame, rec, s->in->replay, &keep);
	if (r <= 0 || !s->writing)
		return r < 0 ? r : 0;
	bytes = net_frame_take(&s->frame, keep, &len);
	return net_writer_add(&s->writer, rec, bytes, len, len + s->frame.missing, reterr);
}

static int each_packet(struct source *s, struct skep_error **reterr)
{
	const struct hook_sink *sink = s->progs.sink;
	struct net_record rec;
	uint64_t seen = 0;
	int r = 1;

	while (!net_limit_stopped(&s->limit)) {
		if (s->max_packets && s->stats.packets >= s->max_packets)
			return 0;
		if ((seen++ % PACKETS_A_LOOK == 0 || !s->in->replay) && net_limit_over(&s->limit))
			return 0;
		r = s->in->ops->next(s->in, &rec, reterr);
		if (r <= 0)
			return r;
		if (!wanted(s, &rec))
			continue;
		r = one_packet(s, &rec, reterr);
		if (r < 0)
			return r;
		if (sink->after(sink->ctx))
			return 0;
	}
	return 0;
}

static int source_run(void *source, struct skep_error **reterr)
{
	struct source *s = source;
	int r, w;

	set_deadline(s);
	r = each_packet(s, reterr);
	if (r == -ECANCELED)
		r = 0;
	if (!s->writing)
		return r;
	/* one error is enough: the first */
	w = net_writer_close(&s->writer, r < 0 ? NULL : reterr);
	s->writing = false;
	return r < 0 ? r : w;
}

static void source_stats(void *source, struct hook_stats *ret)
{
	struct source *s = source;

	s->stats.events = s->progs.events;
	s->stats.written = s->writer.written;
	s->stats.cut = s->in->cut;
	s->stats.dropped = s->in->ops->dropped(s->in);
	s->stats.verdicts = s->progs.verdicts;
	s->stats.nverdicts = s->progs.n;
	*ret = s->stats;
}

const struct hook_ops hook_net = {
	.name = "packets",
	.serves = serves,
	.open = source_open,
	.run = source_run,
	.stats = source_stats,
	.close = source_close,
};
