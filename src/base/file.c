// SPDX-License-Identifier: Apache-2.0
/* Bounded reading of files; see file.h. */
#include "base/file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

int file_read(const char *path, size_t limit, struct buf *out, struct skep_error **reterr)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return fail_errno(reterr, &ERR_FILE_OPEN, path, errno);
	r = file_read_fd(fd, path, limit, out, reterr);
	close(fd);
	return r;
}
