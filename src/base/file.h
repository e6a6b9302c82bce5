/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files in memory: read with a limit, so that a lying size or an endless device ends. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"
#include "base/error.h"

/* Reads all of @path into @out (initialised by the caller). Refuses directories and more than @limit bytes. */
int file_read(const char *path, size_t limit, struct buf *out, struct skep_error **reterr);
/* The same from an open descriptor; @name is for the error. */
int file_read_fd(int fd, const char *name, size_t limit, struct buf *out,
		 struct skep_error **reterr);

#endif
