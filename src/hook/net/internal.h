/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of hook/net/ share. A packet goes input -> record (bytes as on the wire, with the
 * link header of the input) -> frame (Ethernet, with room around it) -> programs -> writer. There
 * is one record, one frame and one run of the engine for a whole session: nothing is allocated for
 * a packet.
 */
#ifndef HOOK_NET_INTERNAL_H
#define HOOK_NET_INTERNAL_H

#include <pcap/pcap.h>

#include "base/num.h"
#include "hook/hook.h"

#define ERR(name, ident, errnum, text) \
	static const struct err_def ERR_##name __attribute__((unused)) = { ident, errnum, text };
#include "hook/net/errors.def"
#undef ERR

/* skep_fail() with the errno @e and its text, after what fmt says. */
int net_fail_errno(struct skep_error **reterr, const struct err_def *def, const char *name, int e,
		   const char *what);

#define NET_SNAPLEN 262144 /* libpcap's limit for one packet */

/* Sizes of link headers. */
enum { ETH_SIZE = 14, ETH_ADDRS = 12, VLAN_SIZE = 4, NULL_SIZE = 4, SLL_SIZE = 16, SLL2_SIZE = 20 };

/* linux/if_packet.h */
enum { PKT_HOST, PKT_BROADCAST, PKT_MULTICAST, PKT_OTHERHOST, PKT_OUTGOING };

/* Which way a packet goes, as bits; most captures do not say. */
enum net_dir { NET_IN = 1, NET_OUT = 2, NET_ANY = 3 };

/* When to end; asked before each packet and while waiting for one. */
struct net_limit {
	const volatile int *stop; /* may be NULL */
	uint64_t deadline;	  /* CLOCK_MONOTONIC in ns; 0: none */
};

bool net_limit_stopped(const struct net_limit *limit);
/* Also looks at the clock. */
bool net_limit_over(const struct net_limit *limit);
/* Waits for input on @fd. 1: there is some; 0: the limit ended it; -errno. */
int net_limit_wait(const struct net_limit *limit, int fd);

/* One packet; bytes are borrowed until the next one. */
struct net_record {
	const uint8_t *bytes;
	uint32_t caplen, len; /* what is there; what was on the wire, >= caplen */
	uint64_t sec, nsec;
	uint32_t ifindex;
	int pkt_type; /* PKT_..., -1: by its address */
	enum net_dir dir;
};

struct net_input;

struct net_input_ops {
	/* 1 and a record, 0 at the end (of the input, or by the limit), -errno. */
	int (*next)(struct net_input *in, struct net_record *ret, struct skep_error **reterr);
	void (*close)(struct net_input *in);
	uint64_t (*dropped)(struct net_input *in); /* packets, by the system, so far */
};

/* First member of each input. */
struct net_input {
	const struct net_input_ops *ops;
	const char *name;
	const struct net_limit *limit;
	int linktype;	   /* DLT_ */
	bool replay;	   /* programs get the packets' time, not the machine's */
	bool nano;	   /* time stamps have nanoseconds */
	bool cut;	   /* ended in mid-packet */
	uint64_t dev, ino; /* of a file */
	pcap_t *pcap;	   /* handle for filters, owned */
};

/* Of any link type. */
int net_pcap_open(const char *path, const struct net_limit *limit, struct net_input **ret,
		  struct skep_error **reterr);
/* @outgoing: packets that this machine sends, too. */
int net_iface_open(const char *name, bool outgoing, const struct net_limit *limit,
		   struct net_input **ret, struct skep_error **reterr);

/* Is the link type one that net_frame_load() knows? Otherwise an error that names it. */
int net_linktype_check(const char *name, int linktype, struct skep_error **reterr);

/*
 * A packet as programs see it. Invariant: hard_start <= data_meta <= data <= data_end <= frame_end,
 * all in mem; the current ones are those in skb when is_skb, else in xdp.
 */
struct net_frame {
	uint8_t *mem;
	struct ctx_xdp xdp;
	struct ctx_skb skb;
	bool is_skb;
	uint32_t loaded;  /* bytes of the frame when it was loaded */
	uint32_t missing; /* bytes that the capture left out */
};

int net_frame_init(struct net_frame *f, struct skep_error **reterr);
void net_frame_done(struct net_frame *f);
/* Makes an Ethernet frame of the record. False: it ends within its link header. */
bool net_frame_load(struct net_frame *f, int linktype, struct net_record *rec);
/* From XDP to socket buffer: outer VLAN tag out of the data, fields filled. */
void net_frame_to_skb(struct net_frame *f, const struct net_record *rec);
/* Length that programs see now. */
uint32_t net_frame_len(const struct net_frame *f);
/*
 * The bytes as on the wire, at most @keep of what programs see; the frame can only be loaded anew
 * after it.
 */
const uint8_t *net_frame_take(struct net_frame *f, uint32_t keep, uint32_t *ret_len);

struct net_writer {
	const char *path;
	pcap_t *dead;
	pcap_dumper_t *dumper;
	FILE *file;
	char *buffer; /* of the file */
	int fd;	      /* second descriptor, whose close tells what the first's would */
	bool nano;
	size_t unflushed;
	uint64_t given, written; /* packets; written: those the system has taken */
};

/* @linktype: of the packets that net_writer_add() is given. */
int net_writer_open(struct net_writer *w, const char *path, const struct net_input *in,
		    int linktype, struct skep_error **reterr);
int net_writer_add(struct net_writer *w, const struct net_record *rec, const uint8_t *bytes,
		   uint32_t caplen, uint32_t len, struct skep_error **reterr);
/* Writes what is left and closes; once. */
int net_writer_close(struct net_writer *w, struct skep_error **reterr);

enum net_stage {
#define NET_STAGE(id, ...) STAGE_##id,
#include "hook/net/verdicts.def"
#undef NET_STAGE
	STAGE_COUNT,
};

struct net_prog {
	struct core_prog *prog;
	const struct spec_ctx *ctx;
	enum net_stage stage;
	unsigned int policy; /* column of its fate */
	struct hook_verdicts *verdicts;
};

/* The programs of a session and what they run on. */
struct net_progs {
	struct net_prog *progs;		/* by stage */
	struct hook_verdicts *verdicts; /* in the order given */
	size_t n;
	const struct hook_sink *sink;
	struct exec_run run;
	struct exec_host host;
	uint64_t ctx_mem[SPEC_SKB_SIZE /
			 8]; /* what the context pointer points to; tables answer for it */
	uint64_t budget, now, events;
	bool replay;	 /* their clock is `now` */
	bool redirected; /* the running program chose a target */
};

/* Where the program attaches; false: @why says why it cannot. */
bool net_prog_stage(const struct core_prog *prog, enum net_stage *ret, char *why, size_t size);
int net_progs_init(struct net_progs *p, struct core_prog **progs, size_t n, uint64_t budget,
		   const struct hook_sink *sink, struct skep_error **reterr);
void net_progs_done(struct net_progs *p);
/* Does a program want packets that go this way? */
bool net_progs_want(const struct net_progs *p, enum net_dir dir);
/*
 * Runs the packet in @f through all programs. 1: it passed, *ret_keep is how many bytes of it; 0:
 * it was dropped; -ECANCELED: the sink asks to stop.
 */
int net_progs_run(struct net_progs *p, struct net_frame *f, const struct net_record *rec,
		  bool replay, uint32_t *ret_keep);

#endif
