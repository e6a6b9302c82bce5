// SPDX-License-Identifier: Apache-2.0
/*
 * Packet filters: a classic program, its translation, compiled where there is a compiler, and one run of the engine
 * that is used again for every packet. The engine checks each access, so a mistake of the translator cannot read beside the packet; there is no
 * way for a filter to fail but that, and it then keeps nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "helper/helper.h"
#include "jit/jit.h"
#include "lib/internal.h"
#include "skep/filter.h"

#define DEFAULT_LINKTYPE 1 /* DLT_EN10MB */
#define DEFAULT_SNAPLEN 262144
/* Programs only jump forward: the length of a program and of a packet bounds them. */
#define BUDGET (1ull << 40)

struct skep_filter {
	struct skep_cbpf *cbpf;
	size_t ncbpf;
	struct skep_insn *insns;
	size_t ninsns;
	struct exec_prog *prog;
	struct jit_prog *jit; /* NULL: interpreted */
	struct exec_run run;
	uint32_t net_off;
};

static int make_program(struct skep_filter *f, const char *name, struct skep_error **reterr)
{
	struct exec_prog_opts o = { .object = name, .name = name, .prog_type = -1 };
	const struct jit_opts checked = { .mode = JIT_CHECKED };
	int r = skep_cbpf_translate(f->cbpf, f->ncbpf, &f->insns, &f->ninsns, reterr);

	if (r < 0)
		return r;
	o.insns = f->insns;
	o.ninsns = (uint32_t)f->ninsns;
	o.helpers = helper_table(&o.nhelpers);
	r = exec_prog_new(&o, &f->prog, reterr);
	if (r == 0 && jit_new(f->prog, &checked, &f->jit, NULL) == -ENOMEM)
		return skep_fail_nomem(reterr);
	return r == 0 ? exec_run_init(&f->run, reterr) : r;
}

/* Takes @cbpf. */
static int make(struct skep_cbpf *cbpf, size_t n, int linktype, const char *name,
		struct skep_filter **ret, struct skep_error **reterr)
{
	struct skep_filter *f = calloc(1, sizeof(*f));
	int r;

	if (!f) {
		free(cbpf);
		return skep_fail_nomem(reterr);
	}
	f->cbpf = cbpf;
	f->ncbpf = n;
	f->net_off = hook_linktype_header(linktype);
	r = make_program(f, name, reterr);
	if (r < 0) {
		skep_filter_free(f);
		return r;
	}
	*ret = f;
	return 0;
}

static int linktype_of(const struct skep_filter_opts *opts)
{
	int linktype = OPT(opts, linktype, 0);

	return linktype ? linktype : DEFAULT_LINKTYPE;
}

int skep_filter_new(const struct skep_cbpf *insns, size_t n, const struct skep_filter_opts *opts,
		    struct skep_filter **ret, struct skep_error **reterr)
{
	const char *name = OPT(opts, name, NULL);
	int r = skep_cbpf_check(insns, n, reterr);
	struct skep_cbpf *copy;

	if (r < 0)
		return r;
	copy = calloc(n, sizeof(*copy));
	if (!copy)
		return skep_fail_nomem(reterr);
	memcpy(copy, insns, n * sizeof(*copy));
	return make(copy, n, linktype_of(opts), name ? name : "filter", ret, reterr);
}

static int from_expr(const char *expr, const struct hook_filter_opts *o, const char *name,
		     struct skep_filter **ret, struct skep_error **reterr)
{
	struct skep_cbpf *cbpf;
	size_t n;
	int r = hook_filter_compile(expr, o, &cbpf, &n, reterr);

	return r < 0 ? r : make(cbpf, n, o->linktype, name ? name : "filter", ret, reterr);
}

int skep_filter_new_expr(const char *expr, const struct skep_filter_opts *opts,
			 struct skep_filter **ret, struct skep_error **reterr)
{
	struct hook_filter_opts o = { .linktype = linktype_of(opts),
				      .snaplen = OPT(opts, snaplen, 0),
				      .no_optimize = OPT(opts, no_optimize, 0) };

	if (!o.snaplen)
		o.snaplen = DEFAULT_SNAPLEN;
	return from_expr(expr, &o, OPT(opts, name, NULL), ret, reterr);
}

void skep_filter_free(struct skep_filter *f)
{
	if (!f)
		return;
	jit_free(f->jit);
	exec_prog_free(f->prog);
	exec_run_done(&f->run);
	free(f->insns);
	free(f->cbpf);
	free(f);
}

const struct skep_cbpf *skep_filter_cbpf(const struct skep_filter *f, size_t *ret_n)
{
	*ret_n = f->ncbpf;
	return f->cbpf;
}

const struct skep_insn *skep_filter_insns(const struct skep_filter *f, size_t *ret_n)
{
	*ret_n = f->ninsns;
	return f->insns;
}

uint32_t skep_filter_run_ctx(struct skep_filter *f, const struct skep_filter_ctx *ctx)
{
	const struct exec_region packet = {
		.base = ctx->data, .size = ctx->len, .kind = REGION_PACKET, .name = "packet"
	};
	const struct exec_region context = { .base = (uint64_t)(uintptr_t)ctx,
					     .size = sizeof(*ctx),
					     .kind = REGION_KERNEL,
					     .name = "filter context" };
	uint64_t r0;
	int r;

	exec_run_start(&f->run, BUDGET);
	exec_region_add(&f->run, &context);
	if (ctx->len)
		exec_region_add(&f->run, &packet);
	r = f->jit ? jit_run(f->jit, &f->run, context.base, &r0, NULL) :
		     exec(f->prog, &f->run, context.base, &r0, NULL);
	return r < 0 ? 0 : (uint32_t)r0;
}

uint32_t skep_filter_run(struct skep_filter *f, const void *packet, uint32_t len, uint32_t wirelen)
{
	const struct skep_filter_ctx ctx = { .data = (uint64_t)(uintptr_t)packet,
					     .len = len,
					     .wirelen = wirelen,
					     .net_off = f->net_off };

	return skep_filter_run_ctx(f, &ctx);
}

struct skep_capture {
	struct skep_filter *filter;
	struct hook_capture *in;
	struct skep_capture_stats stats;
	uint64_t max_packets;
};

int skep_capture_open(const char *path, const struct skep_capture_opts *opts,
		      struct skep_capture **ret, struct skep_error **reterr)
{
	const char *expr = OPT(opts, expr, NULL), *write = OPT(opts, write, NULL);
	struct hook_filter_opts o = { .no_optimize = OPT(opts, no_optimize, 0) };
	struct skep_capture *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return skep_fail_nomem(reterr);
	c->max_packets = OPT(opts, max_packets, 0);
	r = hook_capture_open(path, OPT(opts, stop, NULL), &c->in, reterr);
	if (r == 0) {
		o.linktype = c->stats.linktype = hook_capture_linktype(c->in);
		o.snaplen = hook_capture_snaplen(c->in);
		c->stats.linkname = hook_linktype_name(o.linktype);
		r = from_expr(expr ? expr : "", &o, NULL, &c->filter, reterr);
	}
	if (r == 0 && write)
		r = hook_capture_write(c->in, write, reterr);
	if (r < 0) {
		skep_capture_close(c);
		return r;
	}
	*ret = c;
	return 0;
}

struct skep_filter *skep_capture_filter(struct skep_capture *c)
{
	return c->filter;
}

static int each_packet(struct skep_capture *c, struct skep_error **reterr)
{
	struct hook_packet packet;
	int r = 0;

	while (!c->max_packets || c->stats.matched < c->max_packets) {
		r = hook_capture_next(c->in, &packet, reterr);
		if (r <= 0)
			return r;
		c->stats.packets++;
		c->stats.cut_packets += packet.caplen < packet.len;
		if (!skep_filter_run(c->filter, packet.bytes, packet.caplen, packet.len))
			continue;
		c->stats.matched++;
		c->stats.bytes += packet.len;
		r = hook_capture_keep(c->in, packet.caplen, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

int skep_capture_run(struct skep_capture *c, struct skep_error **reterr)
{
	int r = each_packet(c, reterr), w;

	c->stats.cut = hook_capture_cut(c->in);
	/* one error is enough: the first */
	w = hook_capture_finish(c->in, &c->stats.written, r < 0 ? NULL : reterr);
	return r < 0 ? r : w;
}

void skep_capture_stats(const struct skep_capture *c, struct skep_capture_stats *ret)
{
	*ret = c->stats;
}

void skep_capture_close(struct skep_capture *c)
{
	if (!c)
		return;
	skep_filter_free(c->filter);
	hook_capture_close(c->in);
	free(c);
}
