// SPDX-License-Identifier: Apache-2.0
/*
 * Captures as files: damaged, strange and slow ones, filters, limits, and the file of packets that
 * passed. Each way of the source to refuse is met here or in tests/sh/iface.sh.
 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "net_kit.h"

#define RETURN(v) "mov %r0, " #v "\nexit"

/* To 02:00:00:00:00:01, IPv4, UDP 1000 -> 53, in 42 bytes. */
static const uint8_t dns[42] = { 2,    0, 0,  0,  0, 1, 2, 0,	 0,  0,	 0, 2, 8,  0,
				 0x45, 0, 0,  28, 0, 0, 0, 0,	 64, 17, 0, 0, 10, 0,
				 0,    1, 10, 0,  0, 2, 3, 0xe8, 0,  53, 0, 8, 0,  0 };

static uint8_t arp[42] = { 255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 2, 8, 6 };

/* DNS packets and, as every third, ARP. */
static void give_mixed(struct kit *k, uint32_t magic, unsigned int n)
{
	struct buf b;

	buf_init(&b);
	kit_header(&b, magic, 1);
	for (unsigned int i = 0; i < n; i++)
		kit_record(&b, 100 + i, 123456, i % 3 == 2 ? arp : dns, 42, 42);
	kit_input(k, &b);
	buf_done(&b);
}

static void run_xdp_pass(struct kit *k)
{
	kit_add(k, "xdp", RETURN(2));
	kit_run(k);
}

/* Files that are no captures; @part is of the message. */
static void bad_files(void)
{
	static const struct {
		const char *what, *bytes;
		size_t size;
		const char *id, *part;
	} rows[] = {
		{ "empty", "", 0, "N0002", "it is empty" },
		{ "one byte", "\xd4", 1, "N0002", "trunc" },
		{ "magic alone", "\xd4\xc3\xb2\xa1", 4, "N0002", "trunc" },
		{ "text", "hello, world, this is no capture at all", 39, "N0002", "68 65 6c 6c" },
		{ "ELF",
		  "\x7f"
		  "ELF\2\1\1\0\0\0\0\0\0\0\0\0\1\0\xf7\0\1\0\0\0",
		  24, "N0002", "7f 45 4c 46" },
		{ "zeros", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24, "N0002",
		  "00 00 00 00" },
		{ "version 9", "\xd4\xc3\xb2\xa1\x09\0\4\0\0\0\0\0\0\0\0\0\0\0\4\0\1\0\0\0", 24,
		  "N0002", "pcap" },
		{ "pcapng, cut", "\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\1\0\0\0", 16, "N0002",
		  "" },
		{ "pcapng, no order",
		  "\x0a\x0d\x0d\x0a\x1c\0\0\0\1\2\3\4\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 28, "N0002",
		  "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit k = { 0 };
		struct buf b;

		CHECK_CASE("%s", rows[i].what);
		buf_init(&b);
		buf_add(&b, rows[i].bytes, rows[i].size);
		kit_input(&k, &b);
		buf_done(&b);
		run_xdp_pass(&k);
		KIT_FAILED(&k, rows[i].id, rows[i].part);
		kit_done(&k);
	}
}

static void bad_paths(void)
{
	static const struct {
		const char *path, *id, *part;
		int code;
	} rows[] = {
		{ "/nonexistent/x.pcap", "N0001", "No such file", -ENOENT },
		{ "/", "N0001", "Is a directory", -EISDIR },
		{ "/proc/self/mem", "N0003", "", -EIO },
		{ "/dev/null", "N0002", "it is empty", -EBADMSG },
		{ "/dev/zero", "N0002", "00 00 00 00", -EBADMSG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit k = { .opts.pcap = rows[i].path };

		CHECK_CASE("%s", rows[i].path);
		run_xdp_pass(&k);
		KIT_FAILED(&k, rows[i].id, rows[i].part);
		KIT_FAILED(&k, rows[i].id, rows[i].path);
		CHECK_EQ_INT(k.result, rows[i].code);
		kit_done(&k);
	}
}

/* Link types that have no Ethernet frame in them are refused by name. */
static void link_types(void)
{
	static const struct {
		uint32_t linktype;
		const char *name;
	} rows[] = {
		{ 9, "DLT_PPP" },	{ 105, "DLT_IEEE802_11" }, { 127, "DLT_IEEE802_11_RADIO" },
		{ 249, "DLT_USBPCAP" }, { 147, "link type 147" },  { 0xfff0, "65520" }
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit k = { 0 };
		struct buf b;

		CHECK_CASE("%u", rows[i].linktype);
		buf_init(&b);
		kit_header(&b, KIT_MICRO, rows[i].linktype);
		kit_input(&k, &b);
		buf_done(&b);
		run_xdp_pass(&k);
		KIT_FAILED(&k, "N0005", rows[i].name);
		CHECK(strstr(k.text, "LINUX_SLL2"));
		kit_done(&k);
	}
}

/* Cut anywhere: what came before counts, and only a cut at the end of a record is no cut. */
static void cuts(void)
{
	struct kit k = { 0 };
	struct buf b, part;

	buf_init(&b);
	buf_init(&part);
	kit_header(&b, KIT_MICRO, 1);
	for (int i = 0; i < 2; i++)
		kit_record(&b, 1, 1, dns, sizeof(dns), sizeof(dns));
	kit_add(&k, "xdp", RETURN(2));
	for (size_t n = 24; n <= b.len; n++) {
		uint64_t whole = (n - 24) / 58;

		CHECK_CASE("at %zu", n);
		buf_clear(&part);
		buf_add(&part, b.data, n);
		kit_input(&k, &part);
		kit_run(&k);
		KIT_FINE(&k);
		CHECK_EQ_INT(k.stats.packets, whole);
		CHECK_EQ_INT(kit_count(&k, 0, "XDP_PASS"), whole);
		CHECK_EQ_INT(k.stats.cut, (n - 24) % 58 != 0);
	}
	buf_done(&b);
	buf_done(&part);
	kit_done(&k);
}

/* Records that lie about their length. */
static void lies(void)
{
	static const struct {
		const char *what;
		uint32_t caplen;
		const char *id;
		bool cut;
	} rows[] = {
		{ "more than there is", 1000, NULL, true },
		{ "more than libpcap's limit", 262145, "N0004", false },
		{ "4 GiB", 0xffffffff, "N0004", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit k = { 0 };
		struct buf b;

		CHECK_CASE("%s", rows[i].what);
		buf_init(&b);
		kit_header(&b, KIT_MICRO, 1);
		kit_record(&b, 1, 1, dns, sizeof(dns), sizeof(dns));
		kit_u32(&b, 1);
		kit_u32(&b, 1);
		kit_u32(&b, rows[i].caplen);
		kit_u32(&b, rows[i].caplen);
		buf_add(&b, dns, sizeof(dns));
		/* enough behind it that the end of the file is not what is noticed */
		if (rows[i].id)
			for (int n = 0; n < 100; n++)
				buf_add(&b, dns, sizeof(dns));
		kit_input(&k, &b);
		buf_done(&b);
		run_xdp_pass(&k);
		CHECK_EQ_INT(k.stats.packets, 1);
		CHECK_EQ_INT(k.stats.cut, rows[i].cut);
		if (rows[i].id)
			KIT_FAILED(&k, rows[i].id, "after packet 1");
		else
			KIT_FINE(&k);
		kit_done(&k);
	}
}

/* A header and then zeros: records of no bytes. */
static void zero_filled(void)
{
	struct kit k = { 0 };
	struct buf b;
	static const uint8_t zeros[16 * 50];

	buf_init(&b);
	kit_header(&b, KIT_MICRO, 1);
	kit_record(&b, 1, 1, dns, sizeof(dns), sizeof(dns));
	buf_add(&b, zeros, sizeof(zeros));
	kit_input(&k, &b);
	buf_done(&b);
	kit_output(&k);
	run_xdp_pass(&k);
	KIT_FINE(&k);
	CHECK_EQ_INT(k.stats.packets, 51);
	CHECK_EQ_INT(k.stats.written, 51);
	kit_done(&k);
}

static void filters(void)
{
	static const struct {
		const char *expr;
		int packets; /* of 9; -1: refused */
	} rows[] = {
		{ "udp port 53", 6 },
		{ "arp", 3 },
		{ "ip or arp", 9 },
		{ "tcp", 0 },
		{ "", 9 },
		{ "ether broadcast", 3 },
		{ "len > 100", 0 },
		{ "no such word", -1 },
		{ "port", -1 },
		{ "udp port 53 and (", -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit k = { .opts.filter = rows[i].expr };

		CHECK_CASE("'%s'", rows[i].expr);
		give_mixed(&k, KIT_MICRO, 9);
		run_xdp_pass(&k);
		if (rows[i].packets < 0) {
			KIT_FAILED(&k, "N0006", "pcap-filter(7)");
			CHECK_EQ_INT(k.result, -EINVAL);
		} else {
			KIT_FINE(&k);
			CHECK_EQ_INT(k.stats.packets, rows[i].packets);
			CHECK_EQ_INT(k.after, rows[i].packets);
		}
		kit_done(&k);
	}
}

/* A filter is about the frame as it was on the wire: also with the tag that tc does not see. */
static void vlan_filter(void)
{
	uint8_t tagged[46];
	struct kit k = { .opts.filter = "vlan 5 and udp port 53" };
	struct buf b;

	memcpy(tagged, dns, 12);
	memcpy(tagged + 12, "\x81\0\0\5", 4);
	memcpy(tagged + 16, dns + 12, 30);
	buf_init(&b);
	kit_header(&b, KIT_MICRO, 1);
	kit_record(&b, 1, 1, tagged, sizeof(tagged), sizeof(tagged));
	kit_record(&b, 1, 1, dns, sizeof(dns), sizeof(dns));
	kit_input(&k, &b);
	buf_done(&b);
	kit_add(&k, "tc", RETURN(0));
	kit_run(&k);
	CHECK_EQ_INT(k.stats.packets, 1);
	kit_done(&k);
}

static double seconds_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void limits(void)
{
	struct kit k = { 0 };

	CHECK_CASE("packets");
	k.opts.max_packets = 4;
	k.opts.filter = "udp";
	give_mixed(&k, KIT_MICRO, 9);
	kit_output(&k);
	run_xdp_pass(&k);
	KIT_FINE(&k);
	CHECK_EQ_INT(k.stats.packets, 4);
	CHECK_EQ_INT(k.stats.written, 4);
	CHECK(!k.stats.cut);
	kit_done(&k);

	CHECK_CASE("the sink asks to stop");
	k.stop_after = 3;
	give_mixed(&k, KIT_MICRO, 9);
	run_xdp_pass(&k);
	KIT_FINE(&k);
	CHECK_EQ_INT(k.stats.packets, 3);
	kit_done(&k);

	CHECK_CASE("stopped before it began");
	k.stop = 1;
	give_mixed(&k, KIT_MICRO, 9);
	run_xdp_pass(&k);
	KIT_FINE(&k);
	CHECK_EQ_INT(k.stats.packets, 0);
	kit_done(&k);

	CHECK_CASE("seconds that are not used up");
	k.opts.seconds = 1e12;
	give_mixed(&k, KIT_MICRO, 9);
	run_xdp_pass(&k);
	CHECK_EQ_INT(k.stats.packets, 9);
	kit_done(&k);
}

/* A writer at the other end of a FIFO: a capture's beginning, and then nothing for a while. */
static pid_t feed(const char *path, const struct buf *b, size_t n, unsigned int linger_ms)
{
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open(path, O_WRONLY);
		size_t at = 0;

		/* in small pieces */
		while (fd >= 0 && at < n) {
			ssize_t w = write(fd, b->data + at, n - at < 7 ? n - at : 7);

			if (w <= 0)
				break;
			at += (size_t)w;
		}
		usleep(linger_ms * 1000);
		_exit(0);
	}
	return pid;
}

static void pipes(void)
{
	static const struct {
		const char *what;
		size_t bytes;
		unsigned int linger_ms;
		double seconds;
		uint64_t packets;
		bool cut;
		const char *id;
	} rows[] = {
		{ "all of it", 24 + 3 * 58, 0, 0, 3, false, NULL },
		{ "cut", 24 + 2 * 58 + 20, 0, 0, 2, true, NULL },
		{ "a writer that stalls between packets", 24 + 58, 5000, 0.3, 1, false, NULL },
		{ "a writer that stalls in a packet", 24 + 58 + 20, 5000, 0.3, 1, false, NULL },
		{ "a writer that stalls in the header", 10, 5000, 0.3, 0, false, "N0009" },
		{ "a writer that says nothing", 0, 5000, 0.3, 0, false, "N0009" },
	};
	struct buf b;

	buf_init(&b);
	kit_header(&b, KIT_MICRO, 1);
	for (int i = 0; i < 3; i++)
		kit_record(&b, 1, 1, dns, sizeof(dns), sizeof(dns));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit k = { 0 };
		double start;
		pid_t pid;

		CHECK_CASE("%s", rows[i].what);
		kit_temp(k.in_path, sizeof(k.in_path));
		unlink(k.in_path);
		if (!CHECK(mkfifo(k.in_path, 0600) == 0))
			break;
		k.opts.pcap = k.in_path;
		k.opts.seconds = rows[i].seconds;
		pid = feed(k.in_path, &b, rows[i].bytes, rows[i].linger_ms);
		start = seconds_now();
		run_xdp_pass(&k);
		CHECK_MSG(seconds_now() - start < 3, "%f seconds", seconds_now() - start);
		if (rows[i].id)
			KIT_FAILED(&k, rows[i].id, "");
		else
			KIT_FINE(&k);
		CHECK_EQ_INT(k.stats.packets, rows[i].packets);
		CHECK_EQ_INT(k.stats.cut, rows[i].cut);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		kit_done(&k);
	}
	buf_done(&b);
}

static void standard_input(void)
{
	struct kit k = { 0 };
	int saved = dup(STDIN_FILENO), fd;

	give_mixed(&k, KIT_MICRO, 9);
	fd = open(k.in_path, O_RDONLY);
	if (!CHECK(fd >= 0 && saved >= 0 && dup2(fd, STDIN_FILENO) == STDIN_FILENO))
		return;
	k.opts.pcap = "-";
	run_xdp_pass(&k);
	KIT_FINE(&k);
	CHECK_EQ_INT(k.stats.packets, 9);
	CHECK_MSG(fcntl(STDIN_FILENO, F_GETFD) >= 0, "standard input was closed");
	dup2(saved, STDIN_FILENO);
	close(saved);
	close(fd);
	kit_done(&k);
}

/* What is written is what was read, with its time to the last digit. */
static void written(void)
{
	static const struct {
		const char *what;
		uint32_t magic;
	} rows[] = { { "microseconds", KIT_MICRO }, { "nanoseconds", KIT_NANO } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit k = { 0 };
		struct buf in, out;

		CHECK_CASE("%s", rows[i].what);
		buf_init(&in);
		buf_init(&out);
		give_mixed(&k, rows[i].magic, 9);
		kit_output(&k);
		run_xdp_pass(&k);
		KIT_FINE(&k);
		CHECK_EQ_INT(k.stats.written, 9);
		kit_read(k.in_path, &in);
		kit_read(k.out_path, &out);
		if (CHECK(in.len == out.len))
			CHECK_EQ_MEM(out.data, in.data, in.len);
		/* and again, through what was written */
		unlink(k.in_path);
		CHECK(rename(k.out_path, k.in_path) == 0);
		kit_run(&k);
		CHECK_EQ_INT(k.stats.packets, 9);
		buf_done(&in);
		buf_done(&out);
		kit_done(&k);
	}
}

static void write_errors(void)
{
	struct kit k = { 0 };

	CHECK_CASE("full from the start");
	give_mixed(&k, KIT_MICRO, 9);
	k.opts.write = "/dev/full";
	run_xdp_pass(&k);
	KIT_FAILED(&k, "N0008", "/dev/full");
	KIT_FAILED(&k, "N0008", "No space left");
	CHECK_EQ_INT(k.result, -ENOSPC);
	kit_done(&k);

	CHECK_CASE("a directory that is not there");
	give_mixed(&k, KIT_MICRO, 9);
	k.opts.write = "/nonexistent/out.pcap";
	run_xdp_pass(&k);
	KIT_FAILED(&k, "N0007", "No such file");
	kit_done(&k);

	CHECK_CASE("a directory");
	give_mixed(&k, KIT_MICRO, 9);
	k.opts.write = "/";
	run_xdp_pass(&k);
	KIT_FAILED(&k, "N0007", "Is a directory");
	CHECK_EQ_INT(k.result, -EISDIR);
	kit_done(&k);

	CHECK_CASE("the capture itself");
	give_mixed(&k, KIT_MICRO, 9);
	k.opts.write = k.in_path;
	run_xdp_pass(&k);
	KIT_FAILED(&k, "N0007", "it is the capture that is read");
	k.opts.write = NULL;
	kit_run(&k);
	CHECK_EQ_INT(k.stats.packets, 9);
	kit_done(&k);
}

/* The disk is full in the middle: a limit on the size of files does it to this process alone. */
static void full_in_the_middle(void)
{
	static const size_t sizes[] = { 24, 30, 1000, 65536, 300000 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct rlimit old, small = { sizes[i], RLIM_INFINITY };
		struct kit k = { 0 };
		struct buf out;
		uint32_t n, len;
		size_t whole = 0;

		CHECK_CASE("after %zu bytes", sizes[i]);
		buf_init(&out);
		give_mixed(&k, KIT_MICRO, 20000);
		kit_output(&k);
		getrlimit(RLIMIT_FSIZE, &old);
		small.rlim_max = old.rlim_max;
		signal(SIGXFSZ, SIG_IGN);
		CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
		run_xdp_pass(&k);
		setrlimit(RLIMIT_FSIZE, &old);
		KIT_FAILED(&k, "N0008", k.out_path);
		CHECK_EQ_INT(k.result, -EFBIG);
		kit_read(k.out_path, &out);
		while (kit_written(&out, whole, &n, &len) && whole <= k.stats.written)
			whole++;
		CHECK_MSG(whole >= k.stats.written && k.stats.written < 20000,
			  "%" PRIu64 " said to be written, %zu are", k.stats.written, whole);
		buf_done(&out);
		kit_done(&k);
	}
}

static void interfaces(void)
{
	struct kit k = { .opts.iface = "nosuchif0" };

	CHECK_CASE("none of that name");
	run_xdp_pass(&k);
	KIT_FAILED(&k, "N0010", "'lo'");
	CHECK_EQ_INT(k.result, -ENODEV);
	kit_done(&k);
}

/* In a child, because ids are given up: an interface needs a capability. */
static void interface_permission(void)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		struct kit k = { .opts.iface = "lo" };

		if (geteuid() == 0 && setuid(65534) < 0)
			_exit(2);
		kit_add(&k, "xdp", RETURN(2));
		kit_run(&k);
		_exit(strcmp(k.id, "N0011") == 0 && k.result == -EPERM &&
				      strstr(k.text, "CAP_NET_RAW") && strstr(k.text, "setcap") ?
			      0 :
			      1);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK_EQ_INT(status, 0);
}

CHECK_MAIN({ "bad_files", bad_files }, { "bad_paths", bad_paths }, { "link_types", link_types },
	   { "cuts", cuts }, { "lies", lies }, { "zero_filled", zero_filled },
	   { "filters", filters }, { "vlan_filter", vlan_filter }, { "limits", limits },
	   { "pipes", pipes }, { "standard_input", standard_input }, { "written", written },
	   { "write_errors", write_errors }, { "full_in_the_middle", full_in_the_middle },
	   { "interfaces", interfaces }, { "interface_permission", interface_permission })
