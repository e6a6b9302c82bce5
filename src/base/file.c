// SPDX-License-Identifier: Apache-2.0
/* Bounded reading of files; see file.h. */
#include "base/file.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FIFO_WAIT_MS 2000
#define PIPE_FILESYSTEM 0x50495045 /* linux/magic.h: pipes without a name, whose writer is there */

#define ERR(name, ident, errnum, text) \
	static const struct err_def ERR_##name = { ident, errnum, text };
#include "base/errors.def"
#undef ERR

static int fail_errno(struct skep_error **reterr, const struct err_def *def, const char *name,
		      int e)
{
	struct err_def own = *def;

	own.code = e;
	return skep_fail(reterr, &own, SKEP_AT_FILE(name, 0), "%s", strerror(e));
}

int file_read_fd(int fd, const char *name, size_t limit, struct buf *out,
		 struct skep_error **reterr)
{
	char chunk[65536];
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return fail_errno(reterr, &ERR_FILE_READ, name, errno);
	if (S_ISDIR(st.st_mode))
		return skep_fail(reterr, &ERR_FILE_KIND, SKEP_AT_FILE(name, 0), "a directory");
	for (;;) {
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(reterr, &ERR_FILE_READ, name, errno);
		if (n == 0)
			break;
		if ((size_t)n > limit - out->len)
			return skep_fail(reterr, &ERR_FILE_LARGE, SKEP_AT_FILE(name, limit),
					 "more than %zu bytes", limit);
		buf_add(out, chunk, (size_t)n);
		if (out->failed)
			return skep_fail_nomem(reterr);
	}
	return 0;
}

/*
 * A FIFO with a name may have no writer, now or ever: opening it must not wait for one, and reading would give an
 * empty file at once. So it is opened without waiting, and its first byte has a deadline.
 */
static int await_writer(int fd, const char *name, struct skep_error **reterr)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct statfs fs;
	struct stat st;
	int flags = fcntl(fd, F_GETFL), n;

	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0 || fstat(fd, &st) < 0)
		return fail_errno(reterr, &ERR_FILE_READ, name, errno);
	if (!S_ISFIFO(st.st_mode) || (fstatfs(fd, &fs) == 0 && fs.f_type == PIPE_FILESYSTEM))
		return 0;
	do
		n = poll(&p, 1, FIFO_WAIT_MS);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return 0;
	return skep_fail(reterr,
			 &(struct err_def){ ERR_FILE_READ.id, ETIMEDOUT, ERR_FILE_READ.problem },
			 SKEP_AT_FILE(name, 0), "a FIFO that nobody writes to");
}

int file_read(const char *path, size_t limit, struct buf *out, struct skep_error **reterr)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int r;

	if (fd < 0)
		return fail_errno(reterr, &ERR_FILE_OPEN, path, errno);
	r = await_writer(fd, path, reterr);
	if (r == 0)
		r = file_read_fd(fd, path, limit, out, reterr);
	close(fd);
	return r;
}
