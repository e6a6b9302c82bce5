// SPDX-License-Identifier: Apache-2.0
/*
 * The file of packets that passed. libpcap formats records into a stream whose buffer is larger
 * than what lies unflushed in it, so the stream writes only when it is told to, and `written` is
 * exactly the packets that the system has taken. The file is never the input's own: opening would
 * empty it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hook/net/internal.h"

#define FLUSH_AT (256 * 1024)
#define RECORD_HEADER 16
#define STREAM_BUFFER (FLUSH_AT + NET_SNAPLEN + 4096)

static int open_file(struct net_writer *w, const struct net_input *in, struct skep_error **reterr)
{
	struct stat st;
	int fd;

	if (stat(w->path, &st) == 0 && S_ISREG(st.st_mode) && in->ino && st.st_ino == in->ino &&
	    st.st_dev == in->dev)
		return skep_fail(reterr, &ERR_WRITE_OPEN, SKEP_AT_FILE(w->path, 0),
				 "it is the capture that is read");
	fd = open(w->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return net_fail_errno(reterr, &ERR_WRITE_OPEN, w->path, errno, NULL);
	w->file = fdopen(fd, "wb");
	if (!w->file) {
		close(fd);
		return skep_fail_nomem(reterr);
	}
	w->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (w->fd < 0)
		return net_fail_errno(reterr, &ERR_WRITE_OPEN, w->path, errno, NULL);
	w->buffer = malloc(STREAM_BUFFER);
	if (!w->buffer || setvbuf(w->file, w->buffer, _IOFBF, STREAM_BUFFER))
		return skep_fail_nomem(reterr);
	return 0;
}

static int fail_write(struct net_writer *w, int e, struct skep_error **reterr)
{
	net_fail_errno(reterr, &ERR_WRITE, w->path, e, NULL);
	skep_known(reterr, "%llu packets had been written", (unsigned long long)w->written);
	return e ? -e : -ERR_WRITE.code;
}

static int flush(struct net_writer *w, struct skep_error **reterr)
{
	errno = 0;
	if (pcap_dump_flush(w->dumper) < 0 || ferror(w->file))
		return fail_write(w, errno, reterr);
	w->written = w->given;
	w->unflushed = 0;
	return 0;
}

static void release(struct net_writer *w)
{
	if (w->dumper)
		pcap_dump_close(w->dumper); /* closes the file */
	else if (w->file)
		fclose(w->file);
	if (w->fd >= 0)
		close(w->fd);
	if (w->dead)
		pcap_close(w->dead);
	free(w->buffer);
	w->buffer = NULL;
	w->dumper = NULL;
	w->file = NULL;
	w->dead = NULL;
	w->fd = -1;
}

/* The header goes out at once: a full disk is known before the first packet. */
int net_writer_open(struct net_writer *w, const char *path, const struct net_input *in,
		    int linktype, struct skep_error **reterr)
{
	int r;

	*w = (struct net_writer){ .path = path, .fd = -1, .nano = in->nano };
	r = open_file(w, in, reterr);
	if (r == 0) {
		w->dead = pcap_open_dead_with_tstamp_precision(
			linktype, NET_SNAPLEN,
			w->nano ? PCAP_TSTAMP_PRECISION_NANO : PCAP_TSTAMP_PRECISION_MICRO);
		w->dumper = w->dead ? pcap_dump_fopen(w->dead, w->file) : NULL;
		r = w->dumper ? flush(w, reterr) : skep_fail_nomem(reterr);
	}
	if (r < 0)
		release(w);
	return r;
}

int net_writer_add(struct net_writer *w, const struct net_record *rec, const uint8_t *bytes,
		   uint32_t caplen, uint32_t len, struct skep_error **reterr)
{
	const struct pcap_pkthdr hdr = {
		.ts = { .tv_sec = (time_t)rec->sec,
			.tv_usec = (suseconds_t)(w->nano ? rec->nsec : rec->nsec / 1000) },
		.caplen = caplen,
		.len = len
	};

	pcap_dump((u_char *)w->dumper, &hdr, bytes);
	w->given++;
	w->unflushed += RECORD_HEADER + caplen;
	return w->unflushed >= FLUSH_AT ? flush(w, reterr) : 0;
}

int net_writer_close(struct net_writer *w, struct skep_error **reterr)
{
	int r = 0;

	if (!w->dumper)
		return 0;
	if (w->unflushed)
		r = flush(w, reterr);
	/* some file systems tell of a full disk only here */
	if (close(w->fd) < 0 && r == 0)
		r = fail_write(w, errno, reterr);
	w->fd = -1;
	release(w);
	return r;
}
