// SPDX-License-Identifier: Apache-2.0
/* Spaces: a handle around map's. */
#include <stdlib.h>

#include "lib/internal.h"

struct skep_space {
	struct map_space *space;
};

struct map_space *lib_space(const struct skep_space *space)
{
	return space ? space->space : NULL;
}

int skep_space_new(uint64_t limit, struct skep_space **ret, struct skep_error **reterr)
{
	struct skep_space *space = calloc(1, sizeof(*space));
	int r;

	if (!space)
		return skep_fail_nomem(reterr);
	r = map_space_new(limit, &space->space, reterr);
	if (r < 0)
		free(space);
	else
		*ret = space;
	return r;
}

int skep_space_join(int fd, struct skep_space **ret, struct skep_error **reterr)
{
	struct skep_space *space = calloc(1, sizeof(*space));
	int r;

	if (!space)
		return skep_fail_nomem(reterr);
	r = map_space_join(fd, &space->space, reterr);
	if (r < 0)
		free(space);
	else
		*ret = space;
	return r;
}

int skep_space_fd(const struct skep_space *space)
{
	return map_space_fd(space->space);
}

void skep_space_close(struct skep_space *space)
{
	if (!space)
		return;
	map_space_unref(space->space);
	free(space);
}
