// SPDX-License-Identifier: Apache-2.0
/*
 * Spaces: making, joining, taking part, and locks that outlive their owners (space.h). A space lies at one of a few
 * places of the address space that the system's own mappings leave free; joining fails by name when another
 * mapping of this process is in the way, it never moves.
 *
 * Locks: pthreads' robust mutexes would do the same with a list in each thread that the kernel walks at its death;
 * here the waiter asks whether the owner's file lock is still held (fcntl(2), F_OFD_GETLK), so an uncontended lock costs one
 * exchange. The directory's lock protects what is found again by looking: nothing has to be repaired behind it.
 */
#include "map/space.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x6563617073736b65ull
#define VERSION 1u
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define DEFAULT_LIMIT (64ull << 30)
#define SLOT_BYTES (1ull << 62) /* beyond every file: bytes that stand for slots */
#define SPINS_TO_YIELD 64u
#define SPINS_TO_ASK 4096u

/* Far from where programs, heaps, stacks and libraries go; the last for small address spaces. */
static const uint64_t places[] = {
#ifndef __SANITIZE_THREAD__
	0x200000000000, 0x300000000000, 0x400000000000,
#endif
	0x7e9000000000, 0x2000000000,
};

/* Taking part --------------------------------------------------------------------------------------- */

static int slot_lock(int fd, int command, uint32_t slot, struct flock *lock)
{
	*lock = (struct flock){ .l_type = F_WRLCK,
				.l_whence = SEEK_SET,
				.l_start = (off_t)(SLOT_BYTES + slot),
				.l_len = 1 };
	return fcntl(fd, command, lock);
}

static uint64_t namespace_of_pids(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
}

/* When @pid started, in clock ticks; 0: there is none, or it is dead and not yet waited for. */
static uint64_t started(int32_t pid)
{
	char path[40], line[512], *at;
	uint64_t ticks = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fgets(line, sizeof(line), file)) {
		at = strrchr(line, ')');
		for (int field = 2; at && field < 22; field++) {
			at = strchr(at + 1, ' ');
			if (at && field == 2 && (at[1] == 'Z' || at[1] == 'X'))
				at = NULL;
		}
		if (at)
			ticks = strtoull(at + 1, NULL, 10);
	}
	fclose(file);
	return ticks;
}

bool space_alive(const struct map_space *space, uint32_t mark)
{
	const struct space_slot *slot = &space->head->slot[space_slot_of(mark)];
	struct flock lock;

	if (mark == __atomic_load_n(space->me, __ATOMIC_RELAXED))
		return true;
	if (__atomic_load_n(&slot->generation, __ATOMIC_ACQUIRE) != mark / SPACE_SLOTS)
		return false;
	if (slot_lock(space->fd, F_OFD_GETLK, space_slot_of(mark), &lock) == 0 &&
	    lock.l_type == F_UNLCK)
		return false;
	/* A child that it forked and that did not touch the space since holds its lock as well. */
	if (!slot->pid_namespace || slot->pid_namespace != namespace_of_pids())
		return true;
	return !slot->started || started(slot->pid) == slot->started;
}

/* A description of one's own, for those who pass the descriptor on share theirs. */
static int reopen(int fd)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDWR | O_CLOEXEC);
}

static int take_slot(struct map_space *space, uint32_t *ret_mark)
{
	for (uint32_t i = 0; i < SPACE_SLOTS; i++) {
		struct space_slot *slot = &space->head->slot[i];
		struct flock lock;
		uint32_t generation;

		if (slot_lock(space->fd, F_OFD_SETLK, i, &lock) < 0)
			continue;
		generation = (slot->generation + 1) % (UINT32_MAX / SPACE_SLOTS);
		generation += !generation;
		slot->pid = getpid();
		slot->pid_namespace = namespace_of_pids();
		slot->started = started(slot->pid);
		__atomic_store_n(&slot->generation, generation, __ATOMIC_RELEASE);
		*ret_mark = generation * SPACE_SLOTS + i;
		return 0;
	}
	return -EUSERS;
}

static int register_here(struct map_space *space)
{
	uint32_t mark = 0;
	int r = take_slot(space, &mark);

	if (r < 0)
		return r;
	__atomic_store_n(space->me, mark, __ATOMIC_RELEASE);
	space_forget(space, space_slot_of(mark));
	return 0;
}

/* The first lock after a fork: the child takes part by itself. -errno: it cannot. */
static int register_child(struct map_space *space)
{
	int fd = reopen(space->fd), r = 0;

	if (fd < 0)
		return -errno;
	pthread_mutex_lock(&space->lock);
	if (!__atomic_load_n(space->me, __ATOMIC_ACQUIRE)) {
		int old = space->fd;

		space->fd = fd;
		fd = old;
		r = register_here(space);
		if (r == 0)
			space_claim_open(space, space_slot_of(*space->me));
	}
	pthread_mutex_unlock(&space->lock);
	close(fd);
	return r;
}

/* A process that forked takes part as itself from its first lock on. */
static void take_part(struct map_space *space)
{
	if (space && !__atomic_load_n(space->me, __ATOMIC_RELAXED) && register_child(space) < 0)
		sched_yield(); /* all slots are taken, or descriptors: until one is given back */
}

static bool take_over(const struct map *map, struct map_lock *lock, uint32_t owner)
{
	uint32_t me = __atomic_load_n(map->me, __ATOMIC_RELAXED);

	return map->space && me && owner && !space_alive(map->space, owner) &&
	       __atomic_compare_exchange_n(&lock->owner, &owner, me, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

bool map_lock_slowly(const struct map *map, struct map_lock *lock)
{
	for (uint32_t spins = 1;; spins++) {
		uint32_t owner = __atomic_load_n(&lock->owner, __ATOMIC_RELAXED);

		take_part(map->space);
		if (!owner && map_lock_fast(map, lock))
			return false;
		if (spins % SPINS_TO_ASK == 0 && take_over(map, lock, owner))
			return true;
		if (spins % SPINS_TO_YIELD == 0)
			sched_yield();
	}
}

bool map_trylock(const struct map *map, struct map_lock *lock)
{
	take_part(map->space);
	return map_lock_fast(map, lock) ||
	       take_over(map, lock, __atomic_load_n(&lock->owner, __ATOMIC_RELAXED));
}

bool map_is_dead(const struct map *map, const struct map_lock *lock)
{
	uint32_t owner = __atomic_load_n(&lock->owner, __ATOMIC_ACQUIRE);

	return map->space && owner && !space_alive(map->space, owner);
}

/* Life ------------------------------------------------------------------------------------------------ */

static int refuse(struct skep_error **reterr, const struct err_def *def, const char *what, int e)
{
	return skep_fail(reterr, def, SKEP_NOWHERE, "%s: %s", what, strerror(e));
}

static void space_free(struct map_space *space)
{
	if (space->head)
		munmap(space->head, SPACE_BLOCKS);
	if (space->me)
		munmap(space->me, (size_t)sysconf(_SC_PAGESIZE));
	if (space->fd >= 0)
		close(space->fd);
	pthread_mutex_destroy(&space->lock);
	free(space);
}

static struct map_space *space_alloc(int fd)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct map_space *space = calloc(1, sizeof(*space));
	pthread_mutexattr_t recursive;
	void *mine;

	if (!space)
		return NULL;
	space->fd = fd;
	space->refs = 1;
	pthread_mutexattr_init(&recursive);
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&space->lock, &recursive); /* a child may register under it */
	pthread_mutexattr_destroy(&recursive);
	mine = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mine == MAP_FAILED || madvise(mine, page, MADV_WIPEONFORK) < 0) {
		space->fd = -1;
		space_free(space);
		return NULL;
	}
	space->me = mine;
	return space;
}

static int map_head(struct map_space *space, uint64_t base)
{
	void *at = mmap((void *)(uintptr_t)base, SPACE_BLOCKS, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_FIXED_NOREPLACE, space->fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	if ((uintptr_t)at != base) { /* a kernel before 4.17 */
		munmap(at, SPACE_BLOCKS);
		return -EEXIST;
	}
	space->head = at;
	space->records = (struct space_record *)((uint8_t *)at + SPACE_RECORDS);
	return 0;
}

static int make_head(struct map_space *space, uint64_t limit)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), step = num_align(limit, 1ull << 30);
	int r = -ENOMEM;

	/* another space of this process may lie at the same place */
	for (size_t i = 0; i < ARRAY_SIZE(places) && r < 0; i++)
		for (uint64_t k = 0; k < 16 && r < 0; k++)
			r = map_head(space, places[i] + k * step);
	if (r < 0)
		return r;
	space->head->base = (uintptr_t)space->head;
	space->head->limit = limit;
	space->head->version = VERSION;
	space->head->page = (uint32_t)page;
	space->head->used = num_align(SPACE_BLOCKS, page);
	__atomic_store_n(&space->head->magic, MAGIC, __ATOMIC_RELEASE);
	return 0;
}

int map_space_new(uint64_t limit, struct map_space **ret, struct skep_error **reterr)
{
	struct map_space *space;
	int fd = memfd_create("skep-space", MFD_CLOEXEC | MFD_ALLOW_SEALING), own, r = 0;

	limit = num_align(limit ? limit : DEFAULT_LIMIT, (uint64_t)sysconf(_SC_PAGESIZE));
	if (fd < 0)
		return refuse(reterr, &ERR_SPACE_MEMORY, "memfd_create", errno);
	if (limit <= SPACE_BLOCKS || limit > 1ull << 40) {
		close(fd);
		return skep_fail(reterr, &ERR_SPACE_LIMIT, SKEP_NOWHERE,
				 "%llu bytes; from %llu to 2^40", (unsigned long long)limit,
				 (unsigned long long)SPACE_BLOCKS + 1);
	}
	if (ftruncate(fd, (off_t)limit) < 0 || fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		r = -errno;
	own = r == 0 ? reopen(fd) : -1;
	if (r == 0 && own < 0)
		r = -errno;
	close(fd);
	if (r < 0)
		return refuse(reterr, &ERR_SPACE_MEMORY, "the file of a space", -r);
	space = space_alloc(own);
	if (!space) {
		close(own);
		return skep_fail_nomem(reterr);
	}
	r = make_head(space, limit);
	if (r == 0)
		r = register_here(space);
	if (r < 0) {
		space_free(space);
		return refuse(reterr, &ERR_SPACE_ADDRESS, "mapping a new space", -r);
	}
	*ret = space;
	return 0;
}

/* Reads the header by pread(2): nothing is mapped before it is checked. */
static int check_head(int fd, uint64_t *ret_base, struct skep_error **reterr)
{
	struct space_head head;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return refuse(reterr, &ERR_SPACE_FILE, "fstat", errno);
	if (pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) || head.magic != MAGIC)
		return skep_fail(reterr, &ERR_SPACE_FILE, SKEP_NOWHERE,
				 "it does not begin as a space does");
	if (head.version != VERSION || head.page != (uint32_t)sysconf(_SC_PAGESIZE))
		return skep_fail(reterr, &ERR_SPACE_FILE, SKEP_NOWHERE,
				 "it is of version %u with pages of %u bytes, this is version %u",
				 head.version, head.page, VERSION);
	if (head.limit != (uint64_t)st.st_size || head.limit <= SPACE_BLOCKS ||
	    head.limit > 1ull << 40 || head.base % head.page || head.base > 1ull << 47 ||
	    !head.base || !(fcntl(fd, F_GET_SEALS) & F_SEAL_SHRINK))
		return skep_fail(reterr, &ERR_SPACE_FILE, SKEP_NOWHERE,
				 "its size is not what its header says, or may change");
	*ret_base = head.base;
	return 0;
}

int map_space_join(int fd, struct map_space **ret, struct skep_error **reterr)
{
	struct map_space *space;
	uint64_t base = 0;
	int own, r = check_head(fd, &base, reterr);

	if (r < 0)
		return r;
	own = reopen(fd);
	if (own < 0)
		return refuse(reterr, &ERR_SPACE_FILE, "opening it by /proc/self/fd", errno);
	space = space_alloc(own);
	if (!space) {
		close(own);
		return skep_fail_nomem(reterr);
	}
	r = map_head(space, base);
	if (r < 0) {
		skep_fail(reterr, &ERR_SPACE_ADDRESS, SKEP_NOWHERE, "at 0x%llx: %s",
			  (unsigned long long)base, strerror(-r));
		skep_hint(reterr, "a process can join a space once; other mappings there are in "
				  "the way");
		space_free(space);
		return -ERR_SPACE_ADDRESS.code;
	}
	r = register_here(space);
	if (r < 0) {
		space_free(space);
		return skep_fail(reterr, &ERR_SPACE_FULL, SKEP_NOWHERE, "%u processes have joined",
				 SPACE_SLOTS);
	}
	*ret = space;
	return 0;
}

int map_space_fd(const struct map_space *space)
{
	return space->fd;
}

struct map_space *map_space_ref(struct map_space *space)
{
	__atomic_fetch_add(&space->refs, 1, __ATOMIC_RELAXED);
	return space;
}

struct map_space *map_space_unref(struct map_space *space)
{
	if (space && __atomic_sub_fetch(&space->refs, 1, __ATOMIC_ACQ_REL) == 0)
		space_free(space);
	return NULL;
}
