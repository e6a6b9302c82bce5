// SPDX-License-Identifier: Apache-2.0
/*
 * The interface by which gdb and lldb learn of code that a process makes (GDB manual, "JIT Compilation Interface"): they
 * stop in __jit_debug_register_code() and read the list that __jit_debug_descriptor starts. Both names and the list are
 * one for the whole process, and so this file holds such state. They are weak: a process that has them
 * already, from another compiler, keeps one list.
 */
#include <pthread.h>
#include <stdlib.h>

#include "jit/debug.h"

enum { DO_NOTHING, DO_REGISTER, DO_UNREGISTER };

struct jit_gdb { /* the layout is the debuggers' */
	struct jit_gdb *next, *prev;
	const char *symfile;
	uint64_t size;
};

struct descriptor {
	uint32_t version, action;
	struct jit_gdb *relevant, *first;
};

extern struct descriptor __jit_debug_descriptor;
void __jit_debug_register_code(void);

__attribute__((weak,
	       visibility("default"))) struct descriptor __jit_debug_descriptor = { .version = 1 };
__attribute__((weak, visibility("default"), noinline)) void __jit_debug_register_code(void)
{
	__asm__ volatile("" ::: "memory");
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void tell(struct jit_gdb *g, uint32_t action)
{
	__jit_debug_descriptor.relevant = g;
	__jit_debug_descriptor.action = action;
	__jit_debug_register_code();
	__jit_debug_descriptor.action = DO_NOTHING;
	__jit_debug_descriptor.relevant = NULL;
}

int jit_gdb_new(const struct jit_code_info *info, struct jit_gdb **ret)
{
	struct jit_gdb *g = calloc(1, sizeof(*g));
	struct buf file;

	buf_init(&file);
	jit_symfile(info, &file);
	if (!g || file.failed) {
		buf_done(&file);
		free(g);
		return -ENOMEM;
	}
	g->size = file.len;
	g->symfile = buf_give(&file);
	pthread_mutex_lock(&lock);
	g->next = __jit_debug_descriptor.first;
	if (g->next)
		g->next->prev = g;
	__jit_debug_descriptor.first = g;
	tell(g, DO_REGISTER);
	pthread_mutex_unlock(&lock);
	*ret = g;
	return 0;
}

void jit_gdb_free(struct jit_gdb *g)
{
	if (!g)
		return;
	pthread_mutex_lock(&lock);
	if (g->prev)
		g->prev->next = g->next;
	else
		__jit_debug_descriptor.first = g->next;
	if (g->next)
		g->next->prev = g->prev;
	tell(g, DO_UNREGISTER);
	pthread_mutex_unlock(&lock);
	free((void *)(uintptr_t)g->symfile);
	free(g);
}
