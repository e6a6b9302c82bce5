// SPDX-License-Identifier: Apache-2.0
/*
 * Programs of cgroups (bpf-helpers(7)): the value that a call will return, sysctls, socket options, the TCP header options of
 * sock_ops. All of it is in the event, which the host fills and then acts on.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "helper/internal.h"

BODY(get_retval)
{
	const struct helper_event *e = run->event;

	return e ? result(e->retval) : 0;
}

BODY(set_retval)
{
	struct helper_event *e = event_of(run);

	if (e) {
		e->retval = (int32_t)a1;
		e->retval_set = true;
	}
	return 0;
}

/* Sysctls ------------------------------------------------------------------------------------------------- */

/* Copies as much as fits and a NUL; the length, or -E2BIG when it was cut. */
static uint64_t copy_text(uint64_t to, uint32_t size, const char *text)
{
	size_t len = strlen(text);
	char *out = pointer(to);

	if (!size)
		return fail(EINVAL);
	if (len >= size) {
		memcpy(out, text, size - 1);
		out[size - 1] = '\0';
		return fail(E2BIG);
	}
	memcpy(out, text, len + 1);
	return len;
}

BODY(sysctl_get_name)
{
	const struct helper_event *e = run->event;
	const char *name = e ? e->sysctl_name : NULL, *base;

	if (!name || a4 & ~(uint64_t)BPF_F_SYSCTL_BASE_NAME)
		return fail(EINVAL);
	base = strrchr(name, '/');
	return copy_text(a2, (uint32_t)a3, a4 && base ? base + 1 : name);
}

BODY(sysctl_get_current_value)
{
	const struct helper_event *e = run->event;

	memset(pointer(a2), 0, (uint32_t)a3);
	return e && e->sysctl_value ? copy_text(a2, (uint32_t)a3, e->sysctl_value) : fail(EINVAL);
}

BODY(sysctl_get_new_value)
{
	const struct helper_event *e = run->event;

	memset(pointer(a2), 0, (uint32_t)a3);
	return e && e->sysctl_writes ? copy_text(a2, (uint32_t)a3, e->sysctl_new) : fail(EINVAL);
}

BODY(sysctl_set_new_value)
{
	struct helper_event *e = run->event;

	if (!e || !e->sysctl_writes || !(uint32_t)a3)
		return fail(EINVAL);
	if ((uint32_t)a3 > EVENT_VALUE - 1)
		return fail(E2BIG);
	memcpy(e->sysctl_new, pointer(a2), (uint32_t)a3);
	e->sysctl_new[(uint32_t)a3] = '\0';
	e->sysctl_changed = true;
	return 0;
}

/* Socket options: those that the kernel lets programs have, kept with the socket ---------------------------- */

static const struct option {
	int level, name;
	uint8_t set, get;
} options[] = {
	{ SOL_SOCKET, SO_SNDBUF, 1, 1 },	  { SOL_SOCKET, SO_RCVBUF, 1, 1 },
	{ SOL_SOCKET, SO_PRIORITY, 1, 1 },	  { SOL_SOCKET, SO_MARK, 1, 1 },
	{ SOL_SOCKET, SO_KEEPALIVE, 1, 1 },	  { SOL_SOCKET, SO_RCVLOWAT, 1, 1 },
	{ SOL_SOCKET, SO_REUSEADDR, 1, 1 },	  { SOL_SOCKET, SO_REUSEPORT, 1, 1 },
	{ SOL_SOCKET, SO_MAX_PACING_RATE, 1, 1 }, { IPPROTO_IP, IP_TOS, 1, 1 },
	{ IPPROTO_IPV6, IPV6_TCLASS, 1, 1 },	  { IPPROTO_TCP, TCP_NODELAY, 1, 1 },
	{ IPPROTO_TCP, TCP_KEEPIDLE, 1, 1 },	  { IPPROTO_TCP, TCP_KEEPINTVL, 1, 1 },
	{ IPPROTO_TCP, TCP_KEEPCNT, 1, 1 },	  { IPPROTO_TCP, TCP_USER_TIMEOUT, 1, 1 },
};
_Static_assert(ARRAY_SIZE(options) <= ARRAY_SIZE(((struct model_end *)0)->values),
	       "values of a socket");

static int find_option(int level, int name)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].level == level && options[i].name == name)
			return (int)i;
	return -1;
}

static struct model_end *sock_of(struct exec_run *run, uint64_t addr)
{
	const struct helper_event *e = run->event;

	return addr == run->ctx ? (e ? e->sk : NULL) : socket_of(run, addr);
}

BODY(setsockopt)
{
	struct model_end *s = sock_of(run, a1);
	int i = find_option((int32_t)a2, (int32_t)a3);
	int32_t value;

	if (!s || (uint32_t)a5 < sizeof(value))
		return fail(EINVAL);
	if (i < 0)
		return fail(ENOPROTOOPT);
	memcpy(&value, pointer(a4), sizeof(value));
	s->values[i] = value;
	if (options[i].name == SO_MARK && options[i].level == SOL_SOCKET)
		s->uapi.mark = s->sk.sk_mark = (uint32_t)value;
	else if (options[i].name == SO_PRIORITY && options[i].level == SOL_SOCKET)
		s->uapi.priority = s->sk.sk_priority = (uint32_t)value;
	else if (options[i].name == SO_SNDBUF && options[i].level == SOL_SOCKET)
		s->sk.sk_sndbuf = value * 2; /* socket(7) */
	else if (options[i].name == SO_RCVBUF && options[i].level == SOL_SOCKET)
		s->sk.sk_rcvbuf = value * 2;
	return 0;
}

static int32_t option_value(const struct model_end *s, int i)
{
	if (options[i].level == SOL_SOCKET && options[i].name == SO_SNDBUF)
		return s->sk.sk_sndbuf;
	if (options[i].level == SOL_SOCKET && options[i].name == SO_RCVBUF)
		return s->sk.sk_rcvbuf;
	return (int32_t)s->values[i];
}

BODY(getsockopt)
{
	const struct model_end *s = sock_of(run, a1);
	int i = find_option((int32_t)a2, (int32_t)a3);
	int32_t value;

	memset(pointer(a4), 0, (uint32_t)a5);
	if (!s || (uint32_t)a5 < sizeof(value))
		return fail(EINVAL);
	if (i < 0)
		return fail(ENOPROTOOPT);
	value = option_value(s, i);
	memcpy(pointer(a4), &value, sizeof(value));
	return 0;
}

BODY(sock_ops_cb_flags_set)
{
	const struct helper_event *e = run->event;
	uint32_t known = 0x7f; /* BPF_SOCK_OPS_ALL_CB_FLAGS */

	if (!e || !e->sk || e->sk->uapi.protocol != IPPROTO_TCP)
		return fail(EINVAL);
	e->sk->cb_flags = (uint32_t)a2 & known;
	return (uint32_t)a2 & ~known;
}

KBODY(bpf_sock_ops_enable_tx_tstamp)
{
	const struct helper_event *e = run->event;

	if (a2)
		return (uint32_t)-EINVAL;
	return e && e->sk && e->sk->uapi.protocol == IPPROTO_TCP ? 0 : (uint32_t)-EOPNOTSUPP;
}

/* TCP header options (RFC 9293): kind, length, data; 0 ends the list, 1 is padding -------------------------- */

#define OPT_END 0
#define OPT_NOP 1
#define OPT_EXPERIMENT_1 253
#define OPT_EXPERIMENT_2 254

/* The option with these first bytes; NULL and *why -ENOMSG, or -EFAULT of a broken list. */
static const uint8_t *find_opt(const uint8_t *at, uint32_t len, const uint8_t *want, uint32_t n,
			       int *why)
{
	*why = -ENOMSG;
	for (uint32_t i = 0; i < len && at[i] != OPT_END;) {
		if (at[i] == OPT_NOP) {
			i++;
			continue;
		}
		if (i + 1 >= len || at[i + 1] < 2 || at[i + 1] > len - i) {
			*why = -EFAULT;
			return NULL;
		}
		if (at[i] == want[0] &&
		    (n < 2 || (at[i + 1] >= 2 + n - 2 && !memcmp(at + i + 2, want + 2, n - 2))))
			return at + i;
		i += at[i + 1];
	}
	return NULL;
}

/* Bytes of the magic number that tells experimental options apart, from the length that the program gives. */
static int search_len(const uint8_t *opt, uint32_t size)
{
	bool experiment = opt[0] == OPT_EXPERIMENT_1 || opt[0] == OPT_EXPERIMENT_2;

	if (opt[0] == OPT_END || opt[0] == OPT_NOP)
		return -EINVAL;
	if (experiment ? (opt[1] != 4 && opt[1] != 6) : opt[1] != 0)
		return -EINVAL;
	return experiment ? (opt[1] <= size ? opt[1] : -EINVAL) : 1;
}

BODY(load_hdr_opt)
{
	const struct helper_event *e = run->event;
	uint8_t *opt = pointer(a2);
	const uint8_t *found;
	int n, why;

	if (!e || (uint32_t)a3 < 2 || a4 & ~1ull) /* BPF_LOAD_HDR_OPT_TCP_SYN */
		return fail(EINVAL);
	n = search_len(opt, (uint32_t)a3);
	if (n < 0)
		return result(n);
	if (!e->hdr_opts)
		return fail(a4 ? ENOENT : EPERM);
	found = find_opt(e->hdr_opts, e->hdr_opts_len, opt, (uint32_t)n, &why);
	if (!found)
		return result(why);
	memcpy(opt, found, num_min(found[1], (uint32_t)a3));
	return found[1] > (uint32_t)a3 ? fail(ENOSPC) : found[1];
}

BODY(reserve_hdr_opt)
{
	struct helper_event *e = event_of(run);

	if (!e)
		return 0;
	if (a3 || (uint32_t)a2 < 2)
		return fail(EINVAL);
	if ((uint32_t)a2 > sizeof(e->hdr_out) - e->hdr_reserved)
		return fail(ENOSPC);
	e->hdr_reserved += (uint32_t)a2;
	return 0;
}

BODY(store_hdr_opt)
{
	struct helper_event *e = event_of(run);
	const uint8_t *opt = pointer(a2);
	uint32_t n = 1;
	int why;

	if (!e)
		return 0;
	if (a4 || (uint32_t)a3 < 2 || opt[0] == OPT_END || opt[0] == OPT_NOP || opt[1] < 2 ||
	    opt[1] > (uint32_t)a3)
		return fail(EINVAL);
	if (opt[0] == OPT_EXPERIMENT_1 || opt[0] == OPT_EXPERIMENT_2)
		n = opt[1] >= 6 ? 6 : 4;
	if (n > 1 && opt[1] < 4)
		return fail(EINVAL);
	if (opt[1] > e->hdr_reserved - e->hdr_written)
		return fail(ENOSPC);
	if (find_opt(e->hdr_out, e->hdr_written, opt, n, &why))
		return fail(EEXIST);
	memcpy(e->hdr_out + e->hdr_written, opt, opt[1]);
	e->hdr_written += opt[1];
	return 0;
}

/* The path of a Unix socket's address, in the event's context: struct bpf_sock_addr is the host's to change. */
KBODY(bpf_sock_addr_set_sun_path)
{
	struct helper_event *e = event_of(run);

	if (!e || !kfunc_memory(run, "bpf_sock_addr_set_sun_path", a2, (uint32_t)a3, false))
		return 0;
	if (!e->sk || e->sk->uapi.family != AF_UNIX || !(uint32_t)a3 ||
	    (uint32_t)a3 > sizeof(e->sun_path))
		return (uint32_t)-EINVAL;
	memcpy(e->sun_path, pointer(a2), (uint32_t)a3);
	e->sun_path_len = (uint32_t)a3;
	return 0;
}
