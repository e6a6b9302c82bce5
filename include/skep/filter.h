/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packet filters: classic BPF programs (SO_ATTACH_FILTER, libpcap), checked by the kernel's rules, translated to
 * eBPF and run by skep's engine; and libpcap's filter expressions over captures.
 */
#ifndef SKEP_FILTER_H
#define SKEP_FILTER_H

#include "skep/error.h"
#include "skep/insn.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One classic instruction; the layout of struct sock_filter and libpcap's struct bpf_insn. */
struct skep_cbpf {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

#define SKEP_CBPF_MAX 4096 /**< instructions that the kernel takes in a program */

/**
 * The context of a translated program (r1 points to it): the packet, and what the extensions (SKF_AD_*) load.
 * Numbers are in the host's byte order. The program returns how many bytes to keep, 0 for a packet that does not
 * pass. A load outside the packet ends it with 0; so does a division by an index register of 0.
 */
struct skep_filter_ctx {
	uint64_t data; /**< address of the first byte, from which absolute loads (and SKF_LL_OFF) count */
	uint32_t len;	  /**< bytes that are there */
	uint32_t wirelen; /**< length of the packet, what `ld #pktlen` gives */
	uint32_t net_off; /**< offset of the network header, from which SKF_NET_OFF counts */
	uint32_t protocol, pkttype, ifindex, mark, queue, hatype, rxhash, cpu;
	uint32_t vlan_tci, vlan_present, vlan_tpid;
	uint32_t pay_offset; /**< of the transport's payload */
};

/**
 * Would the kernel take it? -EINVAL with the instruction otherwise: unknown codes, jumps out of the program, no
 * return at the end, division by 0, shifts of 32 bits and more, scratch memory read before it is written.
 */
SKEP_API int skep_cbpf_check(const struct skep_cbpf *insns, size_t n, struct skep_error **reterr);
/**
 * Checks, then translates to eBPF over struct skep_filter_ctx. *@ret_insns is freed with free(3). The only helper that
 * it calls is 7 (bpf_get_prandom_u32), for the extension that gives a random number.
 */
SKEP_API int skep_cbpf_translate(const struct skep_cbpf *insns, size_t n,
				 struct skep_insn **ret_insns, size_t *ret_n,
				 struct skep_error **reterr);
/** The instruction at @insns[@at] as a line of `tcpdump -d`, as snprintf(3) would. -EINVAL for an unknown code. */
SKEP_API int skep_cbpf_print(const struct skep_cbpf *insns, size_t at, char *buf, size_t size);
/**
 * Reads a program in the form of `tcpdump -d` (indexes and `jt`, `jf` are slots of the program), `-dd` (C arrays) or
 * `-ddd` (decimal, also in one line with commas). It is not checked. *@ret_insns is freed with free(3). @name is for
 * errors.
 */
SKEP_API int skep_cbpf_parse(const char *text, const char *name, struct skep_cbpf **ret_insns,
			     size_t *ret_n, struct skep_error **reterr);

struct skep_filter;

/** Zero-initialise and set size. */
struct skep_filter_opts {
	size_t size;
	int linktype; /**< DLT_ of the packets; 0: Ethernet (DLT_NULL captures have their own way to open) */
	uint32_t snaplen; /**< what an expression's program returns; 0: 262144 */
	int no_optimize;  /**< of expressions, for reading what libpcap makes of them */
	const char *name; /**< for errors; default "filter" */
};

/** A filter from a classic program. */
SKEP_API int skep_filter_new(const struct skep_cbpf *insns, size_t n,
			     const struct skep_filter_opts *opts, struct skep_filter **ret,
			     struct skep_error **reterr);
/** A filter from an expression, see pcap-filter(7); "" takes every packet. */
SKEP_API int skep_filter_new_expr(const char *expr, const struct skep_filter_opts *opts,
				  struct skep_filter **ret, struct skep_error **reterr);
SKEP_API void skep_filter_free(struct skep_filter *filter);
/** Its program before and after the translation; borrowed. */
SKEP_API const struct skep_cbpf *skep_filter_cbpf(const struct skep_filter *filter, size_t *ret_n);
SKEP_API const struct skep_insn *skep_filter_insns(const struct skep_filter *filter, size_t *ret_n);
/**
 * How many bytes of the packet the filter keeps; 0: it does not pass. @len bytes are there of @wirelen. Extensions
 * that speak of a socket buffer are 0. One thread at a time per filter.
 */
SKEP_API uint32_t skep_filter_run(struct skep_filter *filter, const void *packet, uint32_t len,
				  uint32_t wirelen);
/** The same with a context of the caller's; its members data and len are the packet, and must be. */
SKEP_API uint32_t skep_filter_run_ctx(struct skep_filter *filter,
				      const struct skep_filter_ctx *ctx);

/** Zero-initialise and set size. */
struct skep_capture_opts {
	size_t size;
	const char *expr; /**< NULL: every packet */
	const char *write; /**< file for packets that pass, of the capture's link type; may be NULL */
	uint64_t max_packets; /**< ends after so many that passed; 0: no limit */
	int no_optimize;
	const volatile int *stop; /**< not 0: end soon; may be NULL */
};

struct skep_capture_stats {
	uint64_t packets, matched; /**< read; passed */
	uint64_t bytes,
		written;      /**< bytes of packets that passed, on the wire; packets in the file */
	uint64_t cut_packets; /**< of which the capture has not all bytes */
	int linktype;
	const char *linkname; /**< "EN10MB" */
	int cut;	      /**< the file ends in mid-packet */
};

struct skep_capture;
/** Opens a capture ("-": standard input) and makes the filter for its link type. */
SKEP_API int skep_capture_open(const char *path, const struct skep_capture_opts *opts,
			       struct skep_capture **ret, struct skep_error **reterr);
SKEP_API struct skep_filter *skep_capture_filter(struct skep_capture *capture);
/** Reads to the end, once. Statistics are there also after an error. */
SKEP_API int skep_capture_run(struct skep_capture *capture, struct skep_error **reterr);
SKEP_API void skep_capture_stats(const struct skep_capture *capture,
				 struct skep_capture_stats *ret);
SKEP_API void skep_capture_close(struct skep_capture *capture);

#ifdef __cplusplus
}
#endif
#endif
