// SPDX-License-Identifier: Apache-2.0
/*
 * The free list of a pool is a list of extents in the order of their addresses; neighbours are joined. Code is placed
 * in units of UNIT bytes, first fit. All of a pool's state is under its lock; programs hold a reference, so code
 * outlives the last user's handle.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __aarch64__
#include <linux/membarrier.h>
#endif

#include "base/num.h"
#include "jit/code_mem.h"

#define POOL_SIZE (64u << 20)
#define UNIT 64
#ifdef __aarch64__ /* calls reach 128 MiB */
#define NEAR_DISTANCE (8u << 20)
#define NEAR_SLOTS 512
#define REACH (120u << 20)
#else
#define NEAR_DISTANCE (256u << 20) /* below this library: its heap grows upwards */
#define NEAR_SLOTS 16384	   /* of 64 KiB, below that */
#define REACH (INT32_MAX - (64u << 20))
#endif
#define NEAR_TRIES 8
#define KEPT_TAIL (256u << 10)
#define KEPT_PAGES 16

struct extent {
	struct extent *next;
	size_t start, size;
};

struct jit_pool {
	pthread_mutex_t lock;
	uint32_t refs;
	int fd;
	uint8_t *base; /* executable */
	uint8_t *reserved;
	size_t page;
	struct extent *free;
	size_t used; /* bytes given out */
	struct arena scratch[MEM_KINDS];
	bool lent;  /* scratch is in use */
	bool remap; /* new code is only seen through a new mapping */
};

static size_t round_up(size_t n, size_t unit)
{
	return (n + unit - 1) / unit * unit;
}

/* Is all of a mapping where calls into this library reach? */
static bool is_near(const uint8_t *at, size_t size)
{
	int64_t from = (int64_t)((uintptr_t)&code_mem_alloc - (uintptr_t)at);

	return from > -(int64_t)REACH && from < (int64_t)(REACH - size);
}

/*
 * A place for @size bytes near this library: below it, as its heap grows upwards; above, every other time, where a
 * boundary of 4 GiB lies in between, since calls across one take twice as long (2.0 and 1.0 ns on an Intel Xeon).
 */
static uintptr_t near_place(size_t size, uint32_t slot, uint32_t attempt)
{
	uintptr_t here = (uintptr_t)&code_mem_alloc & ~(uintptr_t)0xffff;
	uintptr_t below = NEAR_DISTANCE + ((uintptr_t)slot << 16) + size;

	if ((here & UINT32_MAX) < below && attempt % 2 == 0)
		return here + 4 * (uintptr_t)NEAR_DISTANCE + ((uintptr_t)slot << 15);
	return here > below ? here - below : 0;
}

/*
 * Address space without memory, near this library if there is room. The places asked for differ by @salt, so that a
 * process with many programs finds a free one soon.
 */
static void *reserve(size_t size, uintptr_t salt)
{
	uint8_t *at = MAP_FAILED;

	for (uint32_t i = 0; i < NEAR_TRIES; i++) {
		uint32_t slot = (uint32_t)(salt * 0x9e3779b97f4a7c15ull >> 40) % NEAR_SLOTS;

		at = mmap((void *)near_place(size, slot, i), size, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (at == MAP_FAILED || is_near(at, size) || i + 1 == NEAR_TRIES)
			break;
		munmap(at, size);
		salt += 0x10001;
	}
	return at;
}

/*
 * Makes code that was written run, on this thread and the others. x86-64 needs nothing; arm64 has caches and pipelines
 * that do not look at what is written.
 */
static void publish(uint8_t *at, size_t size)
{
#ifdef __aarch64__
	__builtin___clear_cache((char *)at, (char *)at + size);
	syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
#else
	(void)at, (void)size;
#endif
}

/* Code of a pool at @start is written through the file. */
static int write_pool(struct jit_pool *p, uint8_t *start, const uint8_t *bytes, size_t size)
{
	size_t at = (size_t)(start - p->base), first = at / p->page * p->page;

	if (pwrite(p->fd, bytes, size, (off_t)at) != (ssize_t)size)
		return -ENOMEM;
	publish(start, size);
	if (p->remap &&
	    mmap(p->base + first, round_up(at + size - first, p->page), PROT_READ | PROT_EXEC,
		 MAP_SHARED | MAP_FIXED, p->fd, (off_t)first) == MAP_FAILED)
		return -ENOMEM;
	return 0;
}

/*
 * An emulator that translates arm64 code may not see that the file behind an executable mapping changed: two functions
 * in turn in one place tell.
 */
static int find_remap(struct jit_pool *p)
{
#ifdef __aarch64__
	static const uint32_t code[2][2] = { { 0x52800020, 0xd65f03c0 },   /* mov w0, #1; ret */
					     { 0x52800040, 0xd65f03c0 } }; /* mov w0, #2; ret */
	int (*run)(void) = (int (*)(void))(uintptr_t)p->base;

	syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
	for (int i = 0; i < 2; i++) {
		if (write_pool(p, p->base, (const uint8_t *)code[i], sizeof(code[i])) < 0)
			return -ENOMEM;
		p->remap = run() != i + 1;
	}
#else
	(void)p;
#endif
	return 0;
}

int jit_pool_new(struct jit_pool **ret, struct skep_error **reterr)
{
	struct jit_pool *p = calloc(1, sizeof(*p));
	struct extent *all = calloc(1, sizeof(*all));

	if (!p || !all)
		goto failed;
	p->fd = -1;
	p->refs = 1;
	p->page = (size_t)sysconf(_SC_PAGESIZE);
	p->reserved = reserve(POOL_SIZE + 2 * p->page, (uintptr_t)p >> 4);
	if (p->reserved == MAP_FAILED)
		goto failed;
	p->base = p->reserved + p->page;
	p->fd = memfd_create("skep-code", MFD_CLOEXEC);
	if (p->fd < 0 || ftruncate(p->fd, POOL_SIZE) < 0 ||
	    mmap(p->base, POOL_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, p->fd, 0) ==
		    MAP_FAILED ||
	    find_remap(p) < 0) {
		munmap(p->reserved, POOL_SIZE + 2 * p->page);
		goto failed;
	}
	pthread_mutex_init(&p->lock, NULL);
	all->size = POOL_SIZE;
	p->free = all;
	*ret = p;
	return 0;
failed:
	if (p && p->fd >= 0)
		close(p->fd);
	free(all);
	free(p);
	return skep_fail_nomem(reterr);
}

struct jit_pool *jit_pool_ref(struct jit_pool *p)
{
	if (p) {
		pthread_mutex_lock(&p->lock);
		p->refs++;
		pthread_mutex_unlock(&p->lock);
	}
	return p;
}

struct jit_pool *jit_pool_unref(struct jit_pool *p)
{
	uint32_t left;

	if (!p)
		return NULL;
	pthread_mutex_lock(&p->lock);
	left = --p->refs;
	pthread_mutex_unlock(&p->lock);
	if (left)
		return NULL;
	munmap(p->reserved, POOL_SIZE + 2 * p->page);
	close(p->fd);
	for (int k = 0; k < MEM_KINDS; k++)
		arena_done(&p->scratch[k]);
	while (p->free) {
		struct extent *next = p->free->next;

		free(p->free);
		p->free = next;
	}
	pthread_mutex_destroy(&p->lock);
	free(p);
	return NULL;
}

size_t jit_pool_used(struct jit_pool *p)
{
	size_t used;

	pthread_mutex_lock(&p->lock);
	used = p->used;
	pthread_mutex_unlock(&p->lock);
	return used;
}

bool jit_pool_lend(struct jit_pool *p, struct arena ret[MEM_KINDS])
{
	bool good;

	for (int k = 0; k < MEM_KINDS; k++)
		arena_init(&ret[k], 0);
	if (!p)
		return false;
	pthread_mutex_lock(&p->lock);
	good = !p->lent;
	p->lent = true;
	pthread_mutex_unlock(&p->lock);
	if (good)
		memcpy(ret, p->scratch, sizeof(p->scratch));
	return good;
}

void jit_pool_take_back(struct jit_pool *p, struct arena scratch[MEM_KINDS])
{
	for (int k = 0; k < MEM_KINDS; k++)
		arena_reset(&scratch[k], JIT_KEPT_SCRATCH);
	memcpy(p->scratch, scratch, sizeof(p->scratch));
	pthread_mutex_lock(&p->lock);
	p->lent = false;
	pthread_mutex_unlock(&p->lock);
}

static bool take(struct jit_pool *p, size_t size, size_t *ret)
{
	for (struct extent **at = &p->free; *at; at = &(*at)->next) {
		struct extent *e = *at;

		if (e->size < size)
			continue;
		*ret = e->start;
		e->start += size;
		e->size -= size;
		p->used += size;
		if (!e->size) {
			*at = e->next;
			free(e);
		}
		return true;
	}
	return false;
}

/*
 * Whole pages inside a free extent hold no memory, but for the pool's first: what comes and goes lies there, as the
 * first place that fits is taken.
 */
static void give_back_pages(struct jit_pool *p, const struct extent *e)
{
	size_t first = round_up(e->start, p->page), end = (e->start + e->size) / p->page * p->page;

	if (first < KEPT_PAGES * p->page)
		first = KEPT_PAGES * p->page;
	if (first < end)
		fallocate(p->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)first,
			  (off_t)(end - first));
}

static void give(struct jit_pool *p, struct extent *e)
{
	struct extent **at = &p->free, *before = NULL;
	size_t first = e->start / p->page * p->page, end = round_up(e->start + e->size, p->page);
	struct extent touched;

	while (*at && (*at)->start < e->start) {
		before = *at;
		at = &before->next;
	}
	p->used -= e->size;
	e->next = *at;
	*at = e;
	if (e->next && e->start + e->size == e->next->start) {
		struct extent *next = e->next;

		e->size += next->size;
		e->next = next->next;
		free(next);
	}
	if (before && before->start + before->size == e->start) {
		before->size += e->size;
		before->next = e->next;
		free(e);
		e = before;
	}
	/* only the pages that this code lay on can have become free now */
	touched = *e;
	if (touched.start < first) {
		touched.size -= first - touched.start;
		touched.start = first;
	}
	if (touched.start + touched.size > end)
		touched.size = end - touched.start;
	give_back_pages(p, &touched);
}

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

int code_mem_alloc(struct jit_pool *pool, size_t most, struct code_mem *ret)
{
	size_t whole = round_up(most, page_size()) + page_size();
	uint8_t *at;

	*ret = (struct code_mem){ 0 };
	if (pool) {
		ret->pool = jit_pool_ref(pool);
		return 0;
	}
	at = reserve(whole, (uintptr_t)ret >> 4);
	if (at == MAP_FAILED)
		return -ENOMEM;
	ret->start = at;
	ret->mapped = whole;
	return 0;
}

void code_mem_reach(const struct code_mem *mem, uint64_t *ret_lo, uint64_t *ret_hi)
{
	*ret_lo = (uintptr_t)(mem->pool ? mem->pool->base : mem->start);
	*ret_hi = *ret_lo + (mem->pool ? POOL_SIZE : mem->mapped);
}

int code_mem_fit(struct code_mem *mem, size_t size)
{
	size_t at, whole = mem->pool ? round_up(size, UNIT) :
				       round_up(size, page_size()) + page_size();
	bool good;

	if (!mem->pool) {
		if (whole > mem->mapped)
			return -ENOMEM;
		/* what is left is address space: not worth a system call unless there is much of it */
		if (mem->mapped - whole > KEPT_TAIL) {
			munmap(mem->start + whole, mem->mapped - whole);
			mem->mapped = whole;
		}
		mem->size = size;
		return 0;
	}
	pthread_mutex_lock(&mem->pool->lock);
	good = take(mem->pool, whole, &at);
	pthread_mutex_unlock(&mem->pool->lock);
	if (!good)
		return -ENOMEM;
	mem->start = mem->pool->base + at;
	mem->size = whole;
	return 0;
}

int code_mem_write(struct code_mem *mem, const uint8_t *bytes, size_t size)
{
	size_t pages = round_up(size, page_size());

	if (mem->pool)
		return write_pool(mem->pool, mem->start, bytes, size);
	if (mprotect(mem->start, pages, PROT_READ | PROT_WRITE) < 0)
		return -ENOMEM;
	memcpy(mem->start, bytes, size);
	if (mprotect(mem->start, pages, PROT_READ | PROT_EXEC) < 0)
		return -ENOMEM;
	publish(mem->start, size);
	return 0;
}

void code_mem_free(struct code_mem *mem)
{
	struct extent *e;

	if (!mem->pool) {
		if (mem->start)
			munmap(mem->start, mem->mapped);
		return;
	}
	e = mem->start ? calloc(1, sizeof(*e)) : NULL;
	if (e) { /* else this code stays until the pool goes */
		e->start = (size_t)(mem->start - mem->pool->base);
		e->size = mem->size;
		pthread_mutex_lock(&mem->pool->lock);
		give(mem->pool, e);
		pthread_mutex_unlock(&mem->pool->lock);
	}
	jit_pool_unref(mem->pool);
}
