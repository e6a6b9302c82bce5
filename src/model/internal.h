/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of model/ share: the model itself. */
#ifndef MODEL_INTERNAL_H
#define MODEL_INTERNAL_H

#include <pthread.h>
#include <string.h>

#include "base/num.h"
#include "model/model.h"

#define HEAP_BYTES (256ull << 20)
#define SLAB_BYTES (64u << 10)
#define SLABS (HEAP_BYTES / SLAB_BYTES)
#define CLASSES 10 /* slots of 64 bytes, 128, ... 32768 */
#define CLASS_MIN 64u

/* Before each object. */
struct head {
	uint32_t kind; /* enum model_kind; MODEL_NONE: free */
	uint32_t size, tag, refs;
	struct head *next; /* of the free ones, or of a table's bucket */
	uint64_t key;	   /* of that table */
};

#define TABLE_BUCKETS 256u

/* Objects by number; they hold a reference. */
struct index {
	struct head *bucket[TABLE_BUCKETS];
};

struct model {
	pthread_mutex_t lock; /* recursive */
	uint8_t *heap;
	uint32_t nslabs;
	uint8_t slab_class[SLABS];
	struct head *free[CLASSES];
	struct index tasks, cgroups, socks;
	char cgroup_root[256]; /* where cgroup v2 is mounted; "-": nowhere */
	struct btf *btf;
	const struct btf *types;
	void *service;
	void (*stop)(void *service);
	struct net *net;
};

static inline struct head *head_of(const void *object)
{
	return (struct head *)((uintptr_t)object - sizeof(struct head));
}

void *index_find(const struct index *t, uint64_t key);
/* Takes over a reference of @object. */
void index_add(struct index *t, uint64_t key, void *object);
void index_remove(struct index *t, void *object);

/* network.c */
int net_init(struct model *m);
void net_done(struct model *m);

/* /proc/@pid/@name as text, at most @size - 1 bytes of it; its length, or -errno. */
int proc_read(int32_t pid, const char *name, char *out, size_t size);

#endif
