// SPDX-License-Identifier: Apache-2.0
/*
 * CPU masks (kernel document bpf/cpumasks.rst): counted objects of the model's heap, and the masks inside of tasks, which can only
 * be read. A mask has a bit for each CPU that the machine may have; what lies beyond is never set.
 */
#include "helper/internal.h"

#define WORD 64u
#define WORDS 16u
_Static_assert(sizeof(((struct model_cpumask *)0)->bits) == WORDS * 8, "bits of a mask");

static uint32_t cpus(void)
{
	return (uint32_t)num_min(map_possible_cpus(), WORDS * WORD);
}

/* The mask of an argument, which may be part of an object; NULL: the run ends. */
static const struct model_cpumask *mask(struct exec_run *run, const char *name, uint64_t addr)
{
	return kfunc_memory(run, name, addr, sizeof(struct model_cpumask), false) ? pointer(addr) :
										    NULL;
}

static struct model_cpumask *own(struct exec_run *run, const char *name, uint64_t addr)
{
	struct model_bpf_cpumask *m = run->model ? model_object(run->model, addr, MODEL_CPUMASK) :
						   NULL;

	if (!m)
		no_object(run, name, "bpf_cpumask", addr);
	return m ? &m->cpumask : NULL;
}

/* The bits of word @i that CPUs have. */
static uint64_t valid(uint32_t i)
{
	uint32_t n = cpus(), first = i * WORD;

	if (first >= n)
		return 0;
	return n - first >= WORD ? UINT64_MAX : (1ull << (n - first)) - 1;
}

KBODY(bpf_cpumask_create)
{
	struct model *m = world(run);
	struct model_bpf_cpumask *mask = m ? model_alloc(m, MODEL_CPUMASK, sizeof(*mask), 0) : NULL;

	if (mask)
		mask->usage = 1;
	return (uintptr_t)mask;
}

KBODY(bpf_cpumask_acquire)
{
	struct model_cpumask *m = own(run, "bpf_cpumask_acquire", a1);

	if (m)
		model_ref(run->model, m);
	return (uintptr_t)m;
}

KBODY(bpf_cpumask_release)
{
	struct model_cpumask *m = own(run, "bpf_cpumask_release", a1);

	if (m && model_unref(run->model, m))
		exec_forget(run);
	return 0;
}

static uint32_t first_of(const struct model_cpumask *a, const struct model_cpumask *b,
			 uint64_t flip)
{
	for (uint32_t i = 0; i < WORDS; i++) {
		uint64_t bits = ((a->bits[i] ^ flip) & (b ? b->bits[i] : UINT64_MAX)) & valid(i);

		if (bits)
			return i * WORD + (uint32_t)__builtin_ctzll(bits);
	}
	return cpus();
}

KBODY(bpf_cpumask_first)
{
	const struct model_cpumask *m = mask(run, "bpf_cpumask_first", a1);

	return m ? first_of(m, NULL, 0) : 0;
}

KBODY(bpf_cpumask_first_zero)
{
	const struct model_cpumask *m = mask(run, "bpf_cpumask_first_zero", a1);

	return m ? first_of(m, NULL, UINT64_MAX) : 0;
}

KBODY(bpf_cpumask_first_and)
{
	const struct model_cpumask *a = mask(run, "bpf_cpumask_first_and", a1);
	const struct model_cpumask *b = mask(run, "bpf_cpumask_first_and", a2);

	return a && b ? first_of(a, b, 0) : 0;
}

static void set(struct model_cpumask *m, uint32_t cpu, bool on)
{
	unsigned long bit = 1ul << cpu % WORD;

	if (on)
		__atomic_fetch_or(&m->bits[cpu / WORD], bit, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&m->bits[cpu / WORD], ~bit, __ATOMIC_RELAXED);
}

static bool is_set(const struct model_cpumask *m, uint32_t cpu)
{
	return __atomic_load_n(&m->bits[cpu / WORD], __ATOMIC_RELAXED) >> cpu % WORD & 1;
}

/* CPUs that the machine does not have are left alone. */
KBODY(bpf_cpumask_set_cpu)
{
	struct model_cpumask *m = own(run, "bpf_cpumask_set_cpu", a2);

	if (m && (uint32_t)a1 < cpus())
		set(m, (uint32_t)a1, true);
	return 0;
}

KBODY(bpf_cpumask_clear_cpu)
{
	struct model_cpumask *m = own(run, "bpf_cpumask_clear_cpu", a2);

	if (m && (uint32_t)a1 < cpus())
		set(m, (uint32_t)a1, false);
	return 0;
}

KBODY(bpf_cpumask_test_cpu)
{
	const struct model_cpumask *m = mask(run, "bpf_cpumask_test_cpu", a2);

	return m && (uint32_t)a1 < cpus() && is_set(m, (uint32_t)a1);
}

KBODY(bpf_cpumask_test_and_set_cpu)
{
	struct model_cpumask *m = own(run, "bpf_cpumask_test_and_set_cpu", a2);
	unsigned long bit = 1ul << a1 % WORD;

	return m && (uint32_t)a1 < cpus() &&
	       __atomic_fetch_or(&m->bits[(uint32_t)a1 / WORD], bit, __ATOMIC_ACQ_REL) & bit;
}

KBODY(bpf_cpumask_test_and_clear_cpu)
{
	struct model_cpumask *m = own(run, "bpf_cpumask_test_and_clear_cpu", a2);
	unsigned long bit = 1ul << a1 % WORD;

	return m && (uint32_t)a1 < cpus() &&
	       __atomic_fetch_and(&m->bits[(uint32_t)a1 / WORD], ~bit, __ATOMIC_ACQ_REL) & bit;
}

KBODY(bpf_cpumask_setall)
{
	struct model_cpumask *m = own(run, "bpf_cpumask_setall", a1);

	for (uint32_t i = 0; m && i < WORDS; i++)
		m->bits[i] = valid(i);
	return 0;
}

KBODY(bpf_cpumask_clear)
{
	struct model_cpumask *m = own(run, "bpf_cpumask_clear", a1);

	if (m)
		memset(m, 0, sizeof(*m));
	return 0;
}

enum join { JOIN_AND, JOIN_OR, JOIN_XOR };

/* Is there a bit in the result? */
static bool join(struct exec_run *run, const char *name, const uint64_t a[3], enum join how)
{
	struct model_cpumask *to = own(run, name, a[0]);
	const struct model_cpumask *x = mask(run, name, a[1]), *y = mask(run, name, a[2]);
	unsigned long any = 0;

	for (uint32_t i = 0; to && x && y && i < WORDS; i++) {
		to->bits[i] = how == JOIN_AND ? x->bits[i] & y->bits[i] :
			      how == JOIN_OR  ? x->bits[i] | y->bits[i] :
						x->bits[i] ^ y->bits[i];
		any |= to->bits[i];
	}
	return any;
}

KBODY(bpf_cpumask_and)
{
	return join(run, "bpf_cpumask_and", (uint64_t[]){ a1, a2, a3 }, JOIN_AND);
}

KBODY(bpf_cpumask_or)
{
	join(run, "bpf_cpumask_or", (uint64_t[]){ a1, a2, a3 }, JOIN_OR);
	return 0;
}

KBODY(bpf_cpumask_xor)
{
	join(run, "bpf_cpumask_xor", (uint64_t[]){ a1, a2, a3 }, JOIN_XOR);
	return 0;
}

KBODY(bpf_cpumask_copy)
{
	struct model_cpumask *to = own(run, "bpf_cpumask_copy", a1);
	const struct model_cpumask *from = mask(run, "bpf_cpumask_copy", a2);

	if (to && from)
		*to = *from;
	return 0;
}

KBODY(bpf_cpumask_equal)
{
	const struct model_cpumask *a = mask(run, "bpf_cpumask_equal", a1);
	const struct model_cpumask *b = mask(run, "bpf_cpumask_equal", a2);

	return a && b && !memcmp(a, b, sizeof(*a));
}

KBODY(bpf_cpumask_intersects)
{
	const struct model_cpumask *a = mask(run, "bpf_cpumask_intersects", a1);
	const struct model_cpumask *b = mask(run, "bpf_cpumask_intersects", a2);

	return a && b && first_of(a, b, 0) < cpus();
}

KBODY(bpf_cpumask_subset)
{
	const struct model_cpumask *a = mask(run, "bpf_cpumask_subset", a1);
	const struct model_cpumask *b = mask(run, "bpf_cpumask_subset", a2);

	for (uint32_t i = 0; a && b && i < WORDS; i++)
		if (a->bits[i] & ~b->bits[i])
			return false;
	return a && b;
}

KBODY(bpf_cpumask_empty)
{
	const struct model_cpumask *m = mask(run, "bpf_cpumask_empty", a1);

	return m && first_of(m, NULL, 0) == cpus();
}

KBODY(bpf_cpumask_full)
{
	const struct model_cpumask *m = mask(run, "bpf_cpumask_full", a1);

	return m && first_of(m, NULL, UINT64_MAX) == cpus();
}

KBODY(bpf_cpumask_weight)
{
	const struct model_cpumask *m = mask(run, "bpf_cpumask_weight", a1);
	uint32_t n = 0;

	for (uint32_t i = 0; m && i < WORDS; i++)
		n += (uint32_t)__builtin_popcountl(m->bits[i]);
	return n;
}

/* Any of them will do: spread over the mask by chance. */
static uint32_t any(struct exec_run *run, const struct model_cpumask *a,
		    const struct model_cpumask *b)
{
	uint32_t n = cpus(), start = (uint32_t)h_get_prandom_u32(run, 0, 0, 0, 0, 0) % n;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t cpu = (start + i) % n;

		if (is_set(a, cpu) && (!b || is_set(b, cpu)))
			return cpu;
	}
	return n;
}

KBODY(bpf_cpumask_any_distribute)
{
	const struct model_cpumask *m = mask(run, "bpf_cpumask_any_distribute", a1);

	return m ? any(run, m, NULL) : 0;
}

KBODY(bpf_cpumask_any_and_distribute)
{
	const struct model_cpumask *a = mask(run, "bpf_cpumask_any_and_distribute", a1);
	const struct model_cpumask *b = mask(run, "bpf_cpumask_any_and_distribute", a2);

	return a && b ? any(run, a, b) : 0;
}

KBODY(bpf_cpumask_populate)
{
	struct model_cpumask *m = own(run, "bpf_cpumask_populate", a1);
	uint32_t n = (cpus() + WORD - 1) / WORD * 8;

	if (!m || !kfunc_memory(run, "bpf_cpumask_populate", a2, a3, false))
		return 0;
	if (a3 < n || a2 & 7)
		return (uint32_t)-EACCES;
	for (uint32_t i = 0; i < n / 8; i++) {
		memcpy(&m->bits[i], pointer(a2 + i * 8ull), 8);
		m->bits[i] &= valid(i);
	}
	return 0;
}
