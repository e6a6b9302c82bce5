// SPDX-License-Identifier: Apache-2.0
/*
 * The map of code that perf(1) reads for a process (Linux: tools/perf/Documentation/jit-interface.txt): a line a
 * function, its start, its size and its name. Each program is one write, so lines of several threads do not mix. There
 * is no word for code that is gone: a line stands until a later one of the same place.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jit/debug.h"

/* In a directory that all may write to: only a plain file that is ours is written to. */
static int open_map(void)
{
	char path[64];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), P_tmpdir "/perf-%d.map", (int)getpid());
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

int jit_perf_map(const struct jit_code_info *info)
{
	struct jit_code_func f;
	struct buf text;
	uint32_t at = 0;
	int fd, r = 0;

	buf_init(&text);
	while (jit_next_func(info, &at, &f))
		buf_printf(&text, "%llx %x bpf_prog_%s\n",
			   (unsigned long long)(info->start + f.start), f.end - f.start, f.name);
	if (text.failed)
		return -ENOMEM;
	fd = open_map();
	if (fd < 0)
		r = fd;
	else if (write(fd, text.data, text.len) != (ssize_t)text.len)
		r = -EIO;
	if (fd >= 0)
		close(fd);
	buf_done(&text);
	return r;
}
