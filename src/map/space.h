/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A space: memory that several processes map at the same addresses, so that maps in it are shared without copies and
 * system calls, and pointers into them mean the same to all. It is one memfd:
 *
 *	0		struct space_head: who takes part (slots), and the lock of the directory
 *	SPACE_RECORDS	struct space_record, one a map: its declaration, its counters and the state of its family
 *	SPACE_BLOCKS	what maps took, each block of pages at base + its offset in the file
 *
 * Who takes part holds an open file description lock on a byte of the file that stands for its slot; the kernel drops
 * it when the process dies, however that happens, and across pid namespaces. A mark is a slot's number and its
 * generation; locks and busy records hold marks. What a dead owner left is taken over by who waits for it.
 *
 * Invariant: every change that others rely on is published by one store, so a process may die between any two
 * instructions: what was not published is found by sweeping (table_sweep() and its like) and given back.
 * Who takes part is trusted with the contents: a space is for processes that would trust each other's threads.
 */
#ifndef MAP_SPACE_H
#define MAP_SPACE_H

#include <pthread.h>

#include "map/internal.h"

#define SPACE_SLOTS 128u
#define SPACE_MAPS 1024u
#define SPACE_NAME 128u
#define SPACE_FAMILY 512u
#define SPACE_MAP_BLOCKS 6u
#define SPACE_RECORDS (64ull << 10)

struct space_slot {
	uint32_t generation;
	int32_t pid; /* for people, and for forked children that hold the lock of their dead parent */
	uint64_t started, pid_namespace;
};

struct space_head {
	uint64_t magic, base, limit; /* limit: bytes of the file */
	uint32_t version, page;
	struct map_lock lock; /* of the directory */
	uint64_t used;	      /* no block reaches beyond */
	struct space_slot slot[SPACE_SLOTS];
};

enum space_state { SPACE_FREE, SPACE_MAKING, SPACE_LIVE };

struct space_block {
	uint64_t at, bytes; /* offset in the file; bytes of the address space */
	uint64_t head; /* of a block whose rest lies twice in a row; UINT64_MAX: it lies once */
};

struct space_record {
	uint32_t state, maker; /* the mark of who makes it */
	uint64_t users[SPACE_SLOTS / 64];
	char name[SPACE_NAME];
	uint32_t type, key_size, value_size, max_entries, flags, numa_node, ncpus, keep;
	uint64_t map_extra, memory_limit;
	uint32_t nblocks;
	struct space_block block[SPACE_MAP_BLOCKS];
	uint8_t family[SPACE_FAMILY] __attribute__((aligned(64)));
};

#define SPACE_BLOCKS (SPACE_RECORDS + SPACE_MAPS * sizeof(struct space_record))

struct map_space {
	int fd;
	uint32_t refs;
	uint32_t *me;	      /* on a page that a forked child sees as zero */
	pthread_mutex_t lock; /* of what this process has open */
	struct map *open;
	struct space_head *head;
	struct space_record *records;
};

/* Is who made @mark still there? */
bool space_alive(const struct map_space *space, uint32_t mark);
/* The slot of a mark. */
static inline uint32_t space_slot_of(uint32_t mark)
{
	return mark % SPACE_SLOTS;
}

/* map_space_dir.c: for map_new(), map_open() and destroy(). */

/* A record for @map, not yet live. -EEXIST: one of that name is. */
int space_enter(struct map *map, struct skep_error **reterr);
/* All can open it now. */
void space_publish(struct map *map);
/* The map is closed here, and gone when nobody else has it. */
void space_leave(struct map *map);
/* The next block of @map: taken, or, when it joined, what its maker took. @head: struct space_block. */
int space_take(struct map *map, uint64_t bytes, uint64_t head, void **ret,
	       struct skep_error **reterr);
/* Who had @slot before died, and uses nothing. */
void space_forget(struct map_space *space, uint32_t slot);
/* What this process has open is used by it under the slot of a new mark. With the lock of the space. */
void space_claim_open(struct map_space *space, uint32_t slot);

#endif
