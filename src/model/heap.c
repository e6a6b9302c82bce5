// SPDX-License-Identifier: Apache-2.0
/*
 * The heap of the model: slabs of equal slots in one reserved range, each slot a head and an object. From an address
 * to its slot is arithmetic; a slot is live while its head has a kind. Memory is never given back before the model goes, so a
 * stale pointer reads an old object or another one, and never faults.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "btf/btf.h"
#include "model/internal.h"

static const struct {
	const char *name;
	bool writable;
} kinds[] = {
#define KIND(id, name, writable) { name, writable },
#include "model/model_kinds.def"
#undef KIND
};

int model_new(struct model **ret, struct skep_error **reterr)
{
	struct model *m = calloc(1, sizeof(*m));
	pthread_mutexattr_t attr;

	if (!m)
		return skep_fail_nomem(reterr);
	m->heap = mmap(NULL, HEAP_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m->heap == (void *)-1) {
		free(m);
		return skep_fail_nomem(reterr);
	}
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&m->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	if (net_init(m) < 0) {
		model_free(m);
		return skep_fail_nomem(reterr);
	}
	*ret = m;
	return 0;
}

void model_free(struct model *m)
{
	if (!m)
		return;
	if (m->stop)
		m->stop(m->service);
	net_done(m);
	btf_unref(m->btf);
	pthread_mutex_destroy(&m->lock);
	munmap(m->heap, HEAP_BYTES);
	free(m);
}

void model_lock(struct model *m)
{
	pthread_mutex_lock(&m->lock);
}

void model_unlock(struct model *m)
{
	pthread_mutex_unlock(&m->lock);
}

void *model_service(const struct model *m)
{
	return m->service;
}

void model_set_service(struct model *m, void *service, void (*stop)(void *service))
{
	m->service = service;
	m->stop = stop;
}

const struct btf *model_types(const struct model *m)
{
	return m->types;
}

void model_set_types(struct model *m, const struct btf *types)
{
	m->types = types;
}

const struct btf *model_btf(struct model *m)
{
	model_lock(m);
	if (!m->btf)
		spec_model_btf(&m->btf, NULL);
	model_unlock(m);
	return m->btf;
}

static uint32_t slot_size(uint32_t class)
{
	return CLASS_MIN << class;
}

/* A new slab of the class, all of it on the list of free slots. */
static bool grow(struct model *m, uint32_t class)
{
	uint32_t size = slot_size(class);
	uint8_t *slab;

	if (m->nslabs == SLABS)
		return false;
	slab = m->heap + (uint64_t)m->nslabs * SLAB_BYTES;
	m->slab_class[m->nslabs] = (uint8_t) class;
	__atomic_store_n(&m->nslabs, m->nslabs + 1, __ATOMIC_RELEASE);
	for (uint32_t at = SLAB_BYTES; at >= size; at -= size) {
		struct head *h = (struct head *)(slab + at - size);

		h->next = m->free[class];
		m->free[class] = h;
	}
	return true;
}

void *model_alloc(struct model *m, enum model_kind kind, uint32_t size, uint32_t tag)
{
	uint32_t class = 0;
	struct head *h;

	if (size > MODEL_MAX_OBJECT)
		return NULL;
	while (slot_size(class) < size + sizeof(*h))
		class ++;
	model_lock(m);
	if (!m->free[class] && !grow(m, class)) {
		model_unlock(m);
		return NULL;
	}
	h = m->free[class];
	m->free[class] = h->next;
	memset(h + 1, 0, size);
	h->size = size;
	h->tag = tag;
	h->refs = 1;
	h->next = NULL;
	h->key = 0;
	__atomic_store_n(&h->kind, kind, __ATOMIC_RELEASE);
	model_unlock(m);
	return h + 1;
}

bool model_find(const struct model *m, uint64_t addr, struct model_info *ret)
{
	uint64_t off = addr - (uint64_t)(uintptr_t)m->heap, slab = off / SLAB_BYTES;
	const struct head *h;
	uint32_t kind, size;
	uint64_t start;

	if (off >= HEAP_BYTES || slab >= __atomic_load_n(&m->nslabs, __ATOMIC_ACQUIRE))
		return false;
	size = slot_size(m->slab_class[slab]);
	start = off & ~(uint64_t)(size - 1);
	h = (const struct head *)(m->heap + start);
	kind = __atomic_load_n(&h->kind, __ATOMIC_ACQUIRE);
	if (kind == MODEL_NONE || off - start - sizeof(*h) >= h->size)
		return false;
	*ret = (struct model_info){ .base = (uintptr_t)(h + 1),
				    .size = h->size,
				    .tag = h->tag,
				    .kind = (enum model_kind)kind,
				    .writable = kinds[kind].writable,
				    .name = kinds[kind].name };
	return true;
}

void *model_object(const struct model *m, uint64_t addr, enum model_kind kind)
{
	struct model_info info;

	if (!model_find(m, addr, &info) || info.kind != kind)
		return NULL;
	return (void *)(uintptr_t)info.base;
}

void model_ref(const struct model *m, const void *object)
{
	(void)m;
	__atomic_fetch_add(&head_of(object)->refs, 1, __ATOMIC_RELAXED);
}

uint32_t model_refs(const struct model *m, const void *object)
{
	(void)m;
	return __atomic_load_n(&head_of(object)->refs, __ATOMIC_RELAXED);
}

bool model_unref(struct model *m, const void *object)
{
	struct head *h = head_of(object);
	uint32_t class = 0;

	if (__atomic_sub_fetch(&h->refs, 1, __ATOMIC_ACQ_REL))
		return false;
	while (slot_size(class) < h->size + sizeof(*h))
		class ++;
	model_lock(m);
	__atomic_store_n(&h->kind, MODEL_NONE, __ATOMIC_RELEASE);
	h->next = m->free[class];
	m->free[class] = h;
	model_unlock(m);
	return true;
}

/* Tables ------------------------------------------------------------------------------------------- */

static uint32_t bucket_of(uint64_t key)
{
	return (uint32_t)(key * 0x9e3779b97f4a7c15ull >> 56) % TABLE_BUCKETS;
}

void *index_find(const struct index *t, uint64_t key)
{
	for (struct head *h = t->bucket[bucket_of(key)]; h; h = h->next)
		if (h->key == key)
			return h + 1;
	return NULL;
}

void index_add(struct index *t, uint64_t key, void *object)
{
	struct head *h = head_of(object), **at = &t->bucket[bucket_of(key)];

	h->key = key;
	h->next = *at;
	*at = h;
}

void index_remove(struct index *t, void *object)
{
	struct head *h = head_of(object), **at = &t->bucket[bucket_of(h->key)];

	while (*at && *at != h)
		at = &(*at)->next;
	if (*at)
		*at = h->next;
	h->next = NULL;
}
