// SPDX-License-Identifier: Apache-2.0
/*
 * A run: every loaded program is given to the one source of the session or named as skipped with the reason;
 * records are drained after each event, so that what a program wrote is seen in order and rings do not fill while
 * somebody reads. Nothing is lost silently: what is, is counted in the stats.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/internal.h"

#define PERF_PAGES 64

struct session {
	struct skep_obj *obj;
	struct skep_run_opts opts;
	struct skep_run_stats stats;
	const struct skep_run_events *ev;
	struct core_prog **progs;
	size_t nprogs;
	struct skep_map *draining;
};

static int sink_fault(void *ctx, struct core_prog *prog, struct skep_error *err)
{
	struct session *s = ctx;

	s->stats.faults++;
	if (s->ev->fault)
		s->ev->fault(s->opts.ctx, &s->obj->progs[prog->index], err);
	skep_error_free(err);
	return 0;
}

static void sink_trace(void *ctx, const char *line, size_t len)
{
	struct session *s = ctx;

	if (s->ev->trace)
		s->ev->trace(s->opts.ctx, line, len);
}

static int on_record(void *ctx, uint32_t cpu, const void *data, size_t len)
{
	struct session *s = ctx;

	s->stats.records++;
	s->stats.record_bytes += len;
	if (s->ev->record)
		s->ev->record(s->opts.ctx, s->draining, cpu, data, len);
	return 0;
}

static void on_lost(void *ctx, uint32_t cpu, uint64_t n)
{
	struct session *s = ctx;

	if (s->ev->lost)
		s->ev->lost(s->opts.ctx, s->draining, cpu, n);
}

static int sink_after(void *ctx)
{
	struct session *s = ctx;

	if (!core_pending(s->obj->core))
		return 0;
	for (size_t i = 0; i < core_nmaps(s->obj->core); i++) {
		struct map *map = core_map(s->obj->core, i);

		s->draining = &s->obj->maps[i];
		if (!map)
			continue;
		if (map_attr(map)->type == MAP_RINGBUF)
			map_ring_drain(map, on_record, s);
		else if (map_attr(map)->type == MAP_PERF_EVENT_ARRAY)
			map_perf_drain(map, on_record, s, on_lost);
	}
	return 0;
}

static int skip(struct session *s, struct core_prog *prog, const char *why,
		struct skep_error **reterr)
{
	struct skep_error *copy = NULL;

	s->stats.skipped++;
	if (s->ev->skipped)
		s->ev->skipped(s->opts.ctx, &s->obj->progs[prog->index], why);
	if (!s->opts.strict)
		return 0;
	skep_fail(&copy, &ERR_STRICT, SKEP_AT_ELF(s->obj->spec->name, prog->section, 0), "'%s': %s",
		  prog->name, why);
	if (reterr)
		*reterr = copy;
	else
		skep_error_free(copy);
	return -ERR_STRICT.code;
}

static int choose(struct session *s, const struct hook_ops *ops, struct skep_error **reterr)
{
	struct core_obj *core = s->obj->core;
	char why[256];

	s->progs = calloc(core_nprogs(core) + 1, sizeof(struct core_prog *));
	if (!s->progs)
		return skep_fail_nomem(reterr);
	for (size_t i = 0; i < core_nprogs(core); i++) {
		struct core_prog *prog = core_prog(core, i);
		int r = 0;

		if (prog->refused)
			r = skip(s, prog, skep_error_message(prog->refused), reterr);
		else if (!prog->exec)
			continue; /* SEC("?..."): nobody asked for it */
		else if (!ops->serves(prog, why, sizeof(why)))
			r = skip(s, prog, why, reterr);
		else
			s->progs[s->nprogs++] = prog;
		if (r < 0)
			return r;
	}
	if (!s->nprogs)
		return skep_fail(reterr, &ERR_NOTHING, SKEP_AT_FILE(s->obj->spec->name, 0),
				 "of its %zu, none serves %s", core_nprogs(core),
				 ops == &hook_net ? "packets" : "a command");
	return 0;
}

static int open_buffers(struct session *s, struct skep_error **reterr)
{
	for (size_t i = 0; i < core_nmaps(s->obj->core); i++) {
		struct map *map = core_map(s->obj->core, i);

		if (!map || map_attr(map)->type != MAP_PERF_EVENT_ARRAY)
			continue;
		for (uint32_t cpu = 0; cpu < map_attr(map)->max_entries; cpu++) {
			int r = cpu < map_attr(map)->ncpus ? map_perf_open(map, cpu, PERF_PAGES) :
							     0;

			if (r == -ENOMEM)
				return skep_fail_nomem(reterr);
		}
	}
	return 0;
}

static int keep_verdicts(struct skep_obj *obj, const struct hook_stats *hs)
{
	free(obj->verdicts);
	obj->verdicts = NULL;
	obj->nverdicts = 0;
	if (!hs->nverdicts)
		return 0;
	obj->verdicts = calloc(hs->nverdicts, sizeof(*obj->verdicts));
	if (!obj->verdicts)
		return -ENOMEM;
	memcpy(obj->verdicts, hs->verdicts, hs->nverdicts * sizeof(*obj->verdicts));
	obj->nverdicts = hs->nverdicts;
	return 0;
}

static void take_stats(struct session *s, const struct hook_stats *hs)
{
	s->stats.events = hs->events;
	s->stats.stops = hs->stops;
	s->stats.processes = hs->processes;
	s->stats.threads = hs->threads;
	s->stats.events_lost = hs->lost;
	s->stats.exited = hs->exited;
	s->stats.status = hs->status;
	s->stats.signal = hs->signal;
	s->stats.packets = hs->packets;
	s->stats.bytes = hs->bytes;
	s->stats.written = hs->written;
	s->stats.truncated = hs->truncated;
	s->stats.dropped = hs->dropped;
	s->stats.cut = hs->cut;
	for (size_t i = 0; i < core_nmaps(s->obj->core); i++) {
		struct map *map = core_map(s->obj->core, i);
		struct map_stats ms;

		if (!map)
			continue;
		map_stats(map, &ms);
		s->stats.lost += ms.lost;
	}
}

static double now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int run_source(struct session *s, const struct hook_ops *ops, struct skep_error **reterr)
{
	const struct hook_opts ho = { .argv = s->opts.argv,
				      .spread = s->opts.spread,
				      .pcap = s->opts.pcap,
				      .iface = s->opts.iface,
				      .filter = s->opts.filter,
				      .write = s->opts.write,
				      .max_packets = s->opts.max_packets,
				      .seconds = s->opts.seconds,
				      .budget = s->opts.budget };
	const struct hook_sink sink = { s, sink_fault, sink_after, sink_trace, s->opts.stop };
	struct hook_stats hs = { 0 };
	double start;
	void *src;
	int r;

	r = ops->open(&ho, s->progs, s->nprogs, &sink, &src, reterr);
	if (r < 0)
		return r;
	if (s->ev->start)
		s->ev->start(s->opts.ctx);
	start = now_seconds();
	r = ops->run(src, reterr);
	s->stats.seconds = now_seconds() - start;
	sink_after(s);
	ops->stats(src, &hs);
	take_stats(s, &hs);
	if (keep_verdicts(s->obj, &hs) < 0 && r == 0)
		r = skep_fail_nomem(reterr);
	ops->close(src);
	return r;
}

static const struct hook_ops *source_of(const struct skep_run_opts *o, const char *name,
					struct skep_error **reterr)
{
	int n = (o->argv != NULL) + (o->pcap != NULL) + (o->iface != NULL);

	if (n == 1)
		return o->argv ? &hook_proc : &hook_net;
	skep_fail(reterr, &ERR_SOURCE, SKEP_AT_FILE(name, 0),
		  "a command, a capture file or an interface; %d were given", n);
	return NULL;
}

int skep_run(struct skep_obj *obj, const struct skep_run_opts *opts,
	     struct skep_run_stats *ret_stats, struct skep_error **reterr)
{
	static const struct skep_run_events silent;
	struct session s = { .obj = obj };
	const struct hook_ops *ops;
	int r;

	if (opts)
		memcpy(&s.opts, opts, opts->size < sizeof(s.opts) ? opts->size : sizeof(s.opts));
	s.ev = s.opts.events ? s.opts.events : &silent;
	if (!obj->core)
		return skep_fail(reterr, &ERR_NOT_LOADED, SKEP_AT_FILE(obj->spec->name, 0), NULL);
	ops = source_of(&s.opts, obj->spec->name, reterr);
	if (!ops)
		return -EINVAL;
	r = choose(&s, ops, reterr);
	if (r == 0)
		r = open_buffers(&s, reterr);
	if (r == 0)
		r = run_source(&s, ops, reterr);
	if (ret_stats) {
		s.stats.size = ret_stats->size;
		memcpy(ret_stats, &s.stats,
		       ret_stats->size < sizeof(s.stats) ? ret_stats->size : sizeof(s.stats));
	}
	free(s.progs);
	return r;
}

bool skep_run_verdict(const struct skep_obj *obj, size_t i, struct skep_verdict *ret)
{
	for (size_t p = 0; p < obj->nverdicts; p++) {
		const struct hook_verdicts *v = &obj->verdicts[p];

		for (size_t k = 0; k < HOOK_MAX_VERDICTS + 2; k++) {
			bool named = k < HOOK_MAX_VERDICTS;
			uint64_t n = named		    ? v->counts[k] :
				     k == HOOK_MAX_VERDICTS ? v->other :
							      v->faulted;

			if (!n || i-- > 0)
				continue;
			ret->prog = &obj->progs[v->prog->index];
			ret->name = named && v->names[k]       ? v->names[k] :
				    k == HOOK_MAX_VERDICTS + 1 ? "fault" :
								 "other";
			ret->count = n;
			return true;
		}
	}
	return false;
}

const char *skep_syscall_name(int nr)
{
	return spec_syscall_name(nr);
}
