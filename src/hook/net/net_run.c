// SPDX-License-Identifier: Apache-2.0
/*
 * Programs and their verdicts. A packet passes the attach points in the order in which the kernel's
 * receive path, then its send path, has them (verdicts.def), and each program's answer decides
 * whether the next one sees it. Socket filters come last, each as if on a packet socket of its own;
 * what is kept is the longest that any of them wants.
 */
#include <stdlib.h>
#include <string.h>

#include "hook/net/internal.h"

enum fate { FATE_NEXT, FATE_LEGACY, FATE_ACCEPT, FATE_LEAVE, FATE_FORWARD, FATE_DROP };
enum kind { KIND_XDP, KIND_TC, KIND_SOCKET };
enum policy { POLICY_CLS, POLICY_ACT, POLICY_TCX, POLICY_NETKIT, POLICY_COUNT };

struct stage {
	enum net_stage next;
	enum net_dir dirs;
	enum kind kind;
};

static const struct stage stages[STAGE_COUNT] = {
#define NET_STAGE(id, next, dirs, kind) [STAGE_##id] = { STAGE_##next, dirs, KIND_##kind },
#include "hook/net/verdicts.def"
#undef NET_STAGE
};

struct verdict {
	const char *name;
	int value;
	enum fate fates[POLICY_COUNT];
};

static const struct verdict xdp_verdicts[] = {
#define XDP_VERDICT(name, value, fate) { #name, value, { FATE_##fate } },
#include "hook/net/verdicts.def"
#undef XDP_VERDICT
};

static const struct verdict tc_verdicts[] = {
#define TC_VERDICT(name, value, cls, act, tcx, netkit) \
	{ #name, value, { FATE_##cls, FATE_##act, FATE_##tcx, FATE_##netkit } },
#include "hook/net/verdicts.def"
#undef TC_VERDICT
};

static const enum fate tc_others[POLICY_COUNT] = {
#define TC_OTHERS(cls, act, tcx, netkit) FATE_##cls, FATE_##act, FATE_##tcx, FATE_##netkit
#include "hook/net/verdicts.def"
#undef TC_OTHERS
};

/*
 * Verdicts are found by value, TC's from -1 on: the index of a count is the value less the first.
 */
#define TC_FIRST (-1)
enum {
#define XDP_VERDICT(name, ...) ROW_##name,
#include "hook/net/verdicts.def"
#undef XDP_VERDICT
};
enum {
#define TC_VERDICT(name, ...) ROW_##name,
#include "hook/net/verdicts.def"
#undef TC_VERDICT
};
#define XDP_VERDICT(name, value, ...) _Static_assert(ROW_##name == (value), #name);
#define TC_VERDICT(name, value, ...) _Static_assert(ROW_##name + TC_FIRST == (value), #name);
#include "hook/net/verdicts.def"
#undef XDP_VERDICT
#undef TC_VERDICT
_Static_assert(ARRAY_SIZE(tc_verdicts) <= HOOK_MAX_VERDICTS, "each verdict has its count");

enum { SOCKET_DROPPED, SOCKET_KEPT };

static const char *const refusals[PROG_TYPE_COUNT] = {
#define NET_REFUSED(type, why) [PROG_##type] = why,
#include "hook/net/refused.def"
#undef NET_REFUSED
};

static bool refuse(char *why, size_t size, const char *name, const char *reason)
{
	snprintf(why, size, "type '%s': %s", name ? name : "?",
		 reason ? reason :
			  "packets do not fire it; they fire xdp, tc and socket filter programs");
	return false;
}

static bool xdp_stage(const struct spec_section *def, enum net_stage *ret, char *why, size_t size)
{
	*ret = STAGE_XDP;
	if (def->attach_type == ATTACH_XDP_DEVMAP)
		return refuse(why, size, def->prefix,
			      "it runs on what was redirected to an entry of a devmap, and no "
			      "packet is");
	if (def->attach_type == ATTACH_XDP_CPUMAP)
		return refuse(why, size, def->prefix,
			      "it runs on what was redirected to another CPU, and no packet is");
	return true;
}

bool net_prog_stage(const struct core_prog *prog, enum net_stage *ret, char *why, size_t size)
{
	const struct spec_section *def = prog->def;

	switch (def->prog_type) {
	case PROG_XDP:
		return xdp_stage(def, ret, why, size);
	case PROG_SOCKET_FILTER:
		*ret = STAGE_SOCKET;
		return true;
	case PROG_SCHED_CLS:
	case PROG_SCHED_ACT:
		*ret = def->attach_type == ATTACH_TCX_INGRESS	 ? STAGE_TCX_INGRESS :
		       def->attach_type == ATTACH_TCX_EGRESS	 ? STAGE_TCX_EGRESS :
		       def->attach_type == ATTACH_NETKIT_PEER	 ? STAGE_NETKIT_PEER :
		       def->attach_type == ATTACH_NETKIT_PRIMARY ? STAGE_NETKIT_PRIMARY :
								   STAGE_TC_INGRESS;
		return true;
	default:
		return refuse(why, size, spec_prog_type_name(def->prog_type),
			      def->prog_type >= 0 && def->prog_type < PROG_TYPE_COUNT ?
				      refusals[def->prog_type] :
				      NULL);
	}
}

static enum policy policy_of(const struct core_prog *prog, enum net_stage stage)
{
	switch (stage) {
	case STAGE_TCX_INGRESS:
	case STAGE_TCX_EGRESS:
		return POLICY_TCX;
	case STAGE_NETKIT_PEER:
	case STAGE_NETKIT_PRIMARY:
		return POLICY_NETKIT;
	case STAGE_TC_INGRESS:
		return prog->def->prog_type == PROG_SCHED_ACT ? POLICY_ACT : POLICY_CLS;
	case STAGE_XDP:
	case STAGE_SOCKET:
	case STAGE_COUNT:
		break;
	}
	return 0;
}

static void name_verdicts(struct hook_verdicts *v, enum kind kind)
{
	if (kind == KIND_SOCKET) {
		v->names[SOCKET_DROPPED] = "dropped";
		v->names[SOCKET_KEPT] = "kept";
	} else if (kind == KIND_XDP) {
		for (size_t i = 0; i < ARRAY_SIZE(xdp_verdicts); i++)
			v->names[xdp_verdicts[i].value] = xdp_verdicts[i].name;
	} else {
		for (size_t i = 0; i < ARRAY_SIZE(tc_verdicts); i++)
			v->names[tc_verdicts[i].value - TC_FIRST] = tc_verdicts[i].name;
	}
}

static void on_trace(void *ctx, const char *line, size_t len)
{
	struct net_progs *p = ctx;

	if (p->sink->trace)
		p->sink->trace(p->sink->ctx, line, len);
}

static void on_redirect(void *ctx, uint32_t ifindex, uint64_t flags)
{
	struct net_progs *p = ctx;

	(void)ifindex;
	(void)flags;
	p->redirected = true;
}

int net_progs_init(struct net_progs *p, struct core_prog **progs, size_t n, uint64_t budget,
		   const struct hook_sink *sink, struct skep_error **reterr)
{
	enum net_stage stage;
	char why[1];
	int r;

	*p = (struct net_progs){ .sink = sink, .budget = budget };
	r = exec_run_init(&p->run, reterr);
	if (r < 0)
		return r;
	p->host = (struct exec_host){ .trace = on_trace, .redirect = on_redirect };
	p->progs = calloc(n + 1, sizeof(*p->progs));
	p->verdicts = calloc(n + 1, sizeof(*p->verdicts));
	if (!p->progs || !p->verdicts) {
		net_progs_done(p);
		return skep_fail_nomem(reterr);
	}
	for (int s = 0; s < STAGE_COUNT; s++) {
		for (size_t i = 0; i < n; i++) {
			if (!net_prog_stage(progs[i], &stage, why, sizeof(why)) || (int)stage != s)
				continue;
			p->progs[p->n++] =
				(struct net_prog){ .prog = progs[i],
						   .ctx = spec_ctx_of(progs[i]->def->prog_type),
						   .stage = stage,
						   .policy = policy_of(progs[i], stage),
						   .verdicts = &p->verdicts[i] };
			p->verdicts[i].prog = progs[i];
			name_verdicts(&p->verdicts[i], stages[s].kind);
		}
	}
	return 0;
}

void net_progs_done(struct net_progs *p)
{
	exec_run_done(&p->run);
	free(p->progs);
	free(p->verdicts);
	p->progs = NULL;
	p->verdicts = NULL;
}

bool net_progs_want(const struct net_progs *p, enum net_dir dir)
{
	for (size_t i = 0; i < p->n; i++)
		if (stages[p->progs[i].stage].dirs & dir)
			return true;
	return false;
}

/* Runs one program on the frame as it is: 0 and *ret_r0, 1 when it faulted, or < 0. */
static int fire(struct net_progs *p, const struct net_prog *np, struct net_frame *f,
		uint64_t *ret_r0)
{
	struct exec_run *run = &p->run;
	bool skb = f->is_skb;
	uint64_t start = skb ? f->skb.data_meta : f->xdp.data_meta;
	uint64_t data = skb ? f->skb.data : f->xdp.data;
	uint64_t end = skb ? f->skb.data_end : f->xdp.data_end;
	void *backing = skb ? (void *)&f->skb : (void *)&f->xdp;
	const uint64_t ctx = (uint64_t)(uintptr_t)p->ctx_mem;

	exec_run_start(run, p->budget);
	run->now = p->replay ? &p->now : NULL;
	run->host = &p->host;
	run->host_ctx = p;
	run->ctx_backing = backing;
	run->packet = skb ? (const uint8_t *)(uintptr_t)data : NULL;
	run->packet_len = skb ? (uint32_t)(end - data) : 0;
	exec_region_add(run, &(struct exec_region){ .base = ctx,
						    .size = np->ctx->size,
						    .kind = REGION_CTX,
						    .writable = true,
						    .name = np->ctx->name,
						    .ctx = np->ctx,
						    .backing = backing });
	exec_region_add(run, &(struct exec_region){ .base = start,
						    .size = end - start,
						    .kind = REGION_PACKET,
						    .writable = np->stage != STAGE_SOCKET });
	p->redirected = false;
	p->events++;
	return hook_fire(p->sink, np->prog, run, ctx, ret_r0);
}

static enum fate judge_xdp(struct hook_verdicts *v, uint32_t r0)
{
	if (r0 < ARRAY_SIZE(xdp_verdicts)) {
		v->counts[r0]++;
		return xdp_verdicts[r0].fates[0];
	}
	v->other++;
	return FATE_DROP;
}

static enum fate judge_tc(struct hook_verdicts *v, enum policy policy, int32_t r0)
{
	if (r0 >= TC_FIRST && r0 < TC_FIRST + (int)ARRAY_SIZE(tc_verdicts)) {
		v->counts[r0 - TC_FIRST]++;
		return tc_verdicts[r0 - TC_FIRST].fates[policy];
	}
	v->other++;
	return tc_others[policy];
}

/*
 * Each socket has the packet for itself, without what programs before it left in the control block.
 */
static int run_socket(struct net_progs *p, const struct net_prog *np, struct net_frame *f,
		      uint32_t *keep)
{
	struct ctx_skb saved = f->skb;
	uint64_t r0 = 0;
	int r;

	memset(f->skb.cb, 0, sizeof(f->skb.cb));
	r = fire(p, np, f, &r0);
	f->skb = saved;
	if (r < 0)
		return r;
	if (r > 0) {
		np->verdicts->faulted++;
		return 0;
	}
	np->verdicts->counts[(uint32_t)r0 ? SOCKET_KEPT : SOCKET_DROPPED]++;
	if ((uint32_t)r0 > *keep)
		*keep = (uint32_t)r0;
	return 0;
}

static int run_stage(struct net_progs *p, const struct net_prog *np, struct net_frame *f,
		     enum fate *ret)
{
	uint64_t r0 = 0;
	int r = fire(p, np, f, &r0);

	if (r < 0)
		return r;
	if (r > 0) {
		np->verdicts->faulted++;
		*ret = FATE_DROP;
		return 0;
	}
	*ret = stages[np->stage].kind == KIND_XDP ? judge_xdp(np->verdicts, (uint32_t)r0) :
						    judge_tc(np->verdicts, np->policy, (int32_t)r0);
	return 0;
}

int net_progs_run(struct net_progs *p, struct net_frame *f, const struct net_record *rec,
		  bool replay, uint32_t *ret_keep)
{
	bool sockets = false;
	int at = 0, r;
	uint32_t keep = 0;
	enum fate fate;

	p->now = rec->sec * 1000000000ull + rec->nsec;
	p->replay = replay;
	for (size_t i = 0; i < p->n; i++) {
		const struct net_prog *np = &p->progs[i];

		if ((int)np->stage < at || !(stages[np->stage].dirs & rec->dir))
			continue;
		if (np->stage != STAGE_XDP && !f->is_skb)
			net_frame_to_skb(f, rec);
		if (np->stage == STAGE_SOCKET) {
			sockets = true;
			r = run_socket(p, np, f, &keep);
			if (r < 0)
				return r;
			continue;
		}
		r = run_stage(p, np, f, &fate);
		if (r < 0)
			return r;
		if (fate == FATE_DROP || (fate == FATE_FORWARD && !p->redirected))
			return 0;
		if (fate == FATE_LEAVE || fate == FATE_FORWARD)
			break;
		if (fate == FATE_ACCEPT)
			at = (int)stages[np->stage].next;
		else if (fate == FATE_LEGACY)
			at = (int)np->stage + 1;
	}
	*ret_keep = sockets ? keep : UINT32_MAX;
	return !sockets || keep;
}
