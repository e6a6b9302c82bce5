/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps that several processes share. A space is memory behind a file descriptor that every process which joins sees
 * at the same addresses; programs and readers in all of them work on the same maps, without copies and system calls. Any
 * of them may be killed at any instruction: the others go on, no lock stays held, no entry is lost or doubled.
 *
 *	struct skep_space *space;
 *	skep_space_new(0, &space, &err);	 the other side: skep_space_join(fd, &space, &err)
 *	struct skep_obj_opts opts = { .size = sizeof(opts), .space = space };
 *	skep_obj_open("prog.bpf.o", &opts, &obj, &err);
 *	skep_obj_load(obj, &err);		 maps of the same name are the same maps
 *
 * Shared are the maps that an object declares of these types: hash, lru_hash, their per-CPU kinds, array, percpu_array,
 * lpm_trie, queue, stack, bloom_filter, ringbuf. Others, and data sections, stay each process's own. A map
 * is gone when nobody has it open. Who joins is trusted as a thread of one's own would be. Source: bpf(2) for what
 * maps do, memfd_create(2), fcntl(2) for how those who died are known.
 */
#ifndef SKEP_SPACE_H
#define SKEP_SPACE_H

#include "skep/object.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A new space of at most @limit bytes, 0: 64 GiB; memory is used as maps are written. Errors: -EINVAL (limit), -ENOMEM,
 * -EADDRINUSE. Any thread.
 */
SKEP_API int skep_space_new(uint64_t limit, struct skep_space **ret, struct skep_error **reterr);
/**
 * Joins the space behind @fd, which stays the caller's: from skep_space_fd() of another process, by SCM_RIGHTS or
 * inheritance. Errors: -EBADF (no space), -EADDRINUSE (this process has it already, or other memory lies there),
 * -EUSERS (128 processes joined), -ENOMEM. A forked child has joined already. Any thread.
 */
SKEP_API int skep_space_join(int fd, struct skep_space **ret, struct skep_error **reterr);
/** For passing on; valid as long as the space. */
SKEP_API int skep_space_fd(const struct skep_space *space);
/** Objects in it keep what they use; NULL is fine. */
SKEP_API void skep_space_close(struct skep_space *space);

#ifdef __cplusplus
}
#endif
#endif
