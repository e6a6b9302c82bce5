// SPDX-License-Identifier: Apache-2.0
/*
 * Captures, pcap and pcapng, through libpcap. It reads from a stream of ours over the descriptor,
 * for three reasons: a pipe can be waited for and left, the first bytes can be looked at (an error
 * shows them, the magic number tells the precision), and the end of the file is told from damage by
 * what happened and not by the wording of a message.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "hook/net/internal.h"

#define HEAD_SIZE 4
#define STREAM_BUFFER (256 * 1024)

enum {
	MAGIC_MICRO = 0xa1b2c3d4,
	MAGIC_NANO = 0xa1b23c4d,
	MAGIC_PCAPNG = 0x0a0d0d0a,
};

struct pcap_input {
	struct net_input in;
	int fd;
	bool waits; /* a pipe or the like */
	bool eof;
	bool over; /* the limit ended a wait */
	int error; /* errno of a read */
	uint8_t head[HEAD_SIZE];
	size_t head_len, head_used;
	uint64_t packets;
	char buffer[STREAM_BUFFER];
};

/* As read(2), but within the limit. */
static ssize_t read_some(struct pcap_input *p, void *buf, size_t size)
{
	ssize_t n;
	int r;

	for (;;) {
		if (p->waits) {
			r = net_limit_wait(p->in.limit, p->fd);
			if (r <= 0) {
				p->over = r == 0;
				p->error = -r;
				return r;
			}
		}
		n = read(p->fd, buf, size);
		if (n >= 0 || (errno != EINTR && errno != EAGAIN))
			break;
		if (net_limit_over(p->in.limit)) {
			p->over = true;
			return 0;
		}
	}
	if (n == 0)
		p->eof = true;
	if (n < 0)
		p->error = errno;
	return n;
}

static ssize_t stream_read(void *cookie, char *buf, size_t size)
{
	struct pcap_input *p = cookie;
	size_t n = p->head_len - p->head_used;

	if (n) {
		n = num_min(n, size);
		memcpy(buf, p->head + p->head_used, n);
		p->head_used += n;
		return (ssize_t)n;
	}
	return read_some(p, buf, size);
}

static void pcap_input_close(struct net_input *in)
{
	struct pcap_input *p = (struct pcap_input *)in;

	if (in->pcap)
		pcap_close(in->pcap);
	if (p->fd > STDIN_FILENO)
		close(p->fd);
	free(p);
}

/*
 * Why there is no further packet: the end, a wait that was ended, a read error, a cut, or nonsense.
 */
static int ended(struct pcap_input *p, bool clean, struct skep_error **reterr)
{
	if (p->over || net_limit_stopped(p->in.limit))
		return 0;
	if (p->error)
		return net_fail_errno(reterr, &ERR_READ, p->in.name, p->error, NULL);
	if (clean || p->eof) {
		p->in.cut = !clean;
		return 0;
	}
	skep_fail(reterr, &ERR_DAMAGED, SKEP_AT_FILE(p->in.name, 0), "after packet %llu: %s",
		  (unsigned long long)p->packets, pcap_geterr(p->in.pcap));
	skep_hint(reterr, "what came before it has been run");
	return -ERR_DAMAGED.code;
}

static int pcap_input_next(struct net_input *in, struct net_record *ret, struct skep_error **reterr)
{
	struct pcap_input *p = (struct pcap_input *)in;
	struct pcap_pkthdr *hdr;
	const u_char *bytes;
	int r = pcap_next_ex(in->pcap, &hdr, &bytes);

	if (r != 1)
		return ended(p, r == PCAP_ERROR_BREAK, reterr);
	p->packets++;
	*ret = (struct net_record){ .bytes = bytes,
				    .caplen = hdr->caplen,
				    .len = (uint32_t)num_max(hdr->len, hdr->caplen),
				    .sec = (uint64_t)hdr->ts.tv_sec,
				    .nsec = (uint64_t)hdr->ts.tv_usec,
				    .ifindex = 1,
				    .pkt_type = -1,
				    .dir = NET_ANY };
	return 1;
}

static uint64_t pcap_input_dropped(struct net_input *in)
{
	(void)in;
	return 0;
}

static const struct net_input_ops pcap_input_ops = { .next = pcap_input_next,
						     .close = pcap_input_close,
						     .dropped = pcap_input_dropped };

static int open_fd(struct pcap_input *p, const char *path, struct skep_error **reterr)
{
	struct stat st;

	if (!strcmp(path, "-")) {
		p->fd = STDIN_FILENO;
		p->in.name = "standard input";
	} else {
		/* not to wait for the writer of a FIFO: reads do, within the limit */
		p->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	}
	if (p->fd < 0 || fstat(p->fd, &st) < 0)
		return net_fail_errno(reterr, &ERR_OPEN, p->in.name, errno, NULL);
	if (S_ISDIR(st.st_mode))
		return net_fail_errno(reterr, &ERR_OPEN, p->in.name, EISDIR, NULL);
	p->waits = !S_ISREG(st.st_mode);
	if (S_ISREG(st.st_mode)) {
		p->in.dev = st.st_dev;
		p->in.ino = st.st_ino;
	}
	return 0;
}

/*
 * A FIFO that nobody has opened for writing reads as if at its end; poll(2) waits for the first
 * writer.
 */
static int read_head(struct pcap_input *p, struct skep_error **reterr)
{
	ssize_t n;

	do {
		n = read_some(p, p->head + p->head_len, HEAD_SIZE - p->head_len);
		p->head_len += n > 0 ? (size_t)n : 0;
	} while (n > 0 && p->head_len < HEAD_SIZE);
	if (p->over)
		return skep_fail(reterr, &ERR_STOPPED, SKEP_AT_FILE(p->in.name, 0), NULL);
	if (p->error)
		return net_fail_errno(reterr, &ERR_READ, p->in.name, p->error, NULL);
	if (!p->head_len)
		return skep_fail(reterr, &ERR_FORMAT, SKEP_AT_FILE(p->in.name, 0), "it is empty");
	if (p->head_len == HEAD_SIZE) {
		uint32_t magic = bytes_u32(p->head, false);

		p->in.nano = magic == MAGIC_NANO || magic == __builtin_bswap32(MAGIC_NANO) ||
			     magic == MAGIC_PCAPNG;
	}
	return 0;
}

static int refuse_format(struct pcap_input *p, const char *why, struct skep_error **reterr)
{
	if (p->over || net_limit_stopped(p->in.limit))
		return skep_fail(reterr, &ERR_STOPPED, SKEP_AT_FILE(p->in.name, 0), NULL);
	if (p->error)
		return net_fail_errno(reterr, &ERR_READ, p->in.name, p->error, NULL);
	skep_fail(reterr, &ERR_FORMAT, SKEP_AT_FILE(p->in.name, 0), "%s", why);
	skep_need(reterr, "a capture in pcap or pcapng form");
	if (p->head_len == HEAD_SIZE)
		skep_known(reterr, "it begins with the bytes %02x %02x %02x %02x", p->head[0],
			   p->head[1], p->head[2], p->head[3]);
	return -ERR_FORMAT.code;
}

static int start(struct pcap_input *p, struct skep_error **reterr)
{
	static const cookie_io_functions_t io = { .read = stream_read };
	char why[PCAP_ERRBUF_SIZE] = "";
	FILE *f;
	int r = read_head(p, reterr);

	if (r < 0)
		return r;
	f = fopencookie(p, "rb", io);
	if (!f)
		return skep_fail_nomem(reterr);
	setvbuf(f, p->buffer, _IOFBF, sizeof(p->buffer));
	p->in.pcap = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, why);
	if (!p->in.pcap) {
		fclose(f);
		return refuse_format(p, why, reterr);
	}
	p->in.linktype = pcap_datalink(p->in.pcap);
	return 0;
}

int net_pcap_open(const char *path, const struct net_limit *limit, struct net_input **ret,
		  struct skep_error **reterr)
{
	struct pcap_input *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return skep_fail_nomem(reterr);
	p->in = (struct net_input){
		.ops = &pcap_input_ops, .name = path, .limit = limit, .replay = true
	};
	p->fd = -1;
	r = open_fd(p, path, reterr);
	if (r == 0)
		r = start(p, reterr);
	if (r < 0) {
		pcap_input_close(&p->in);
		return r;
	}
	*ret = &p->in;
	return 0;
}
