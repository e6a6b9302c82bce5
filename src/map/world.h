/* SPDX-License-Identifier: Apache-2.0 */
/* Inside map/: what worlds (map_world.c) and the maps that hold objects share. */
#ifndef MAP_WORLD_H
#define MAP_WORLD_H

#include <pthread.h>

#include "map/internal.h"
#include "map/object.h"

/* A place of a map that names an object. */
struct map_held {
	struct map_held *next;
	struct map *map;
	uint8_t key[];
};

struct map_world {
	pthread_mutex_t lock;
	struct map_world_ops ops; /* none NULL */
	void *ctx;
	uint32_t refs;
	struct map_object *buckets[];
};

/* world_process.c: what descriptors of this process mean. */
extern const struct map_world_ops world_ops_of_process;

void world_lock(struct map_world *w);
void world_unlock(struct map_world *w);

/* With the world locked, all of them: */

/* The object behind @fd; NULL in *ret when there is none yet and @create is not set. */
int world_object(struct map_world *w, enum map_object_kind kind, int fd, bool create,
		 struct map_object **ret);
/* Notes that, or no more that, @map has @o under @key. */
int world_hold(struct map_object *o, struct map *map, const void *key, uint32_t key_size);
void world_drop(struct map_object *o, const struct map *map, const void *key, uint32_t key_size);
/* Does a map of this kind hold it? */
bool world_holds(const struct map_object *o, const struct map_ops *ops);

/* A table inside a map that has its values: keys of @key_size, and the map's fields if @with_fields. */
int world_table(struct map *map, uint32_t key_size, uint32_t value_size, uint32_t max_entries,
		bool with_fields, struct map **ret, struct skep_error **reterr);
/* For user space, under the value's lock if it has one. */
int world_table_lookup(const struct map *map, const void *key, void *value);

#endif
