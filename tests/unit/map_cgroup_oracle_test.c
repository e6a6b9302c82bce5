// SPDX-License-Identifier: Apache-2.0
/*
 * Cgroup storage beside the kernel's: a program that uses the map is attached to cgroups of our own and taken off again, and user
 * space reads, writes and walks. Results and errno must be equal.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "check.h"
#include "map/object.h"
#include "map_model.h"
#include "oracle.h"

#define STEPS 2000
#define CGROUPS 3

struct key {
	uint64_t cgroup;
	uint32_t attach_type, hole;
};

struct pair {
	struct map_world *world;
	struct map *map;
	int fd, prog, dir[CGROUPS];
	char path[CGROUPS][128];
	uint64_t id[CGROUPS];
	bool attached[CGROUPS], has[CGROUPS];
	uint64_t state;
	uint32_t key_size, words;
};

static const char *make_cgroups(struct pair *p)
{
	static const char *const roots[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };
	struct stat st;

	for (int i = 0; i < CGROUPS; i++) {
		p->dir[i] = -1;
		for (size_t r = 0; p->dir[i] < 0 && r < ARRAY_SIZE(roots); r++) {
			snprintf(p->path[i], sizeof(p->path[i]), "%s/skep-test-%d-%d", roots[r],
				 (int)getpid(), i);
			if (mkdir(p->path[i], 0755) == 0)
				p->dir[i] = open(p->path[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		}
		if (p->dir[i] < 0)
			return "no cgroup can be made";
		fstat(p->dir[i], &st);
		p->id[i] = st.st_ino;
	}
	return NULL;
}

static void drop_cgroups(struct pair *p)
{
	for (int i = 0; i < CGROUPS; i++) {
		if (p->dir[i] < 0)
			continue;
		close(p->dir[i]);
		rmdir(p->path[i]);
	}
}

/* bpf_get_local_storage(map, 0); return 1 */
static int load_program(int map)
{
	struct bpf_insn insns[] = {
		{ .code = 0x18, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = map },
		{ 0 },
		{ .code = 0xb7, .dst_reg = 2 },
		{ .code = 0x85, .imm = BPF_FUNC_get_local_storage },
		{ .code = 0xb7, .dst_reg = 0, .imm = 1 },
		{ .code = 0x95 },
	};

	return oracle_load(BPF_PROG_TYPE_CGROUP_SKB, insns, ARRAY_SIZE(insns), NULL, 0);
}

static const char *open_pair(struct pair *p, uint32_t type, uint32_t key_size)
{
	struct map_attr attr = { .name = "m", .type = type, .key_size = key_size, .value_size = 8 };

	memset(p, 0, sizeof(*p));
	p->state = type + key_size;
	p->key_size = key_size;
	p->world = map_world_new(NULL, NULL);
	attr.world = p->world;
	CHECK_EQ_INT(map_new(&attr, &p->map, NULL), 0);
	p->words = map_user_value_size(p->map) / 8;
	p->fd = oracle_map_new(type, key_size, 8, 0, 0, 0);
	p->prog = p->fd < 0 ? p->fd : load_program(p->fd);
	if (p->prog < 0) {
		for (int i = 0; i < CGROUPS; i++)
			p->dir[i] = -1;
		return "the kernel loads no program of a cgroup";
	}
	return make_cgroups(p);
}

static void close_pair(struct pair *p)
{
	drop_cgroups(p);
	if (p->prog >= 0)
		close(p->prog);
	if (p->fd >= 0)
		close(p->fd);
	map_unref(p->map);
	map_world_unref(p->world);
}

/* What came with the first attachment stays. */
static void attach(struct pair *p, uint32_t i)
{
	struct map_object *o = map_object_find(p->world, MAP_OBJECT_CGROUP, p->id[i], true);
	union bpf_attr a;
	int r;

	memset(&a, 0, sizeof(a));
	a.target_fd = (uint32_t)p->dir[i];
	a.attach_bpf_fd = (uint32_t)p->prog;
	a.attach_type = BPF_CGROUP_INET_EGRESS;
	r = oracle_bpf(p->attached[i] ? BPF_PROG_DETACH : BPF_PROG_ATTACH, &a);
	CHECK_EQ_INT(r, 0);
	if (!p->attached[i])
		CHECK_EQ_INT(map_cgroup_storage_attach(p->map, o, BPF_CGROUP_INET_EGRESS), 0);
	p->attached[i] = !p->attached[i];
	p->has[i] = true;
}

static void random_key(struct pair *p, struct key *key)
{
	uint32_t i = (uint32_t)(model_random(&p->state) % (CGROUPS + 1));

	*key = (struct key){ i < CGROUPS ? p->id[i] : 12345678,
			     model_random(&p->state) % 8 ? BPF_CGROUP_INET_EGRESS : 0, 0 };
}

static void walk(struct pair *p)
{
	struct key ours = { 0 }, theirs = { 0 };
	uint32_t want = 0, n = 0, m = 0;

	for (int i = 0; i < CGROUPS; i++)
		want += p->has[i];
	for (int r = map_next_key(p->map, NULL, &ours); r == 0 && n < 10;
	     r = map_next_key(p->map, &ours, &ours))
		n++;
	for (int r = oracle_next(p->fd, NULL, &theirs); r == 0 && m < 10;
	     r = oracle_next(p->fd, &theirs, &theirs))
		m++;
	CHECK_EQ_INT(n, want);
	CHECK_MSG(m == want, "kernel walks %u of %u", m, want);
	random_key(p, &ours);
	theirs = ours;
	if (map_user_lookup(p->map, &ours, (uint64_t[256]){ 0 }) < 0)
		CHECK_EQ_INT(map_next_key(p->map, &ours, &ours),
			     oracle_next(p->fd, &theirs, &theirs));
}

static void step(struct pair *p)
{
	static const uint8_t some[] = { 0, 0, 0, 2, 2, 1, 3, 4, 8 };
	uint64_t value[256], theirs[256] = { 0 };
	uint64_t flags = some[model_random(&p->state) % ARRAY_SIZE(some)];
	struct key key;
	int r;

	random_key(p, &key);
	switch (model_random(&p->state) % 8) {
	case 0:
		attach(p, (uint32_t)(model_random(&p->state) % CGROUPS));
		break;
	case 1:
		walk(p);
		break;
	case 2:
		CHECK_EQ_INT(map_user_delete(p->map, &key), oracle_delete(p->fd, &key));
		break;
	case 3:
	case 4:
	case 5:
		for (uint32_t i = 0; i < p->words; i++)
			value[i] = model_random(&p->state);
		CHECK_EQ_INT(map_user_update(p->map, &key, value, flags),
			     oracle_update(p->fd, &key, value, flags));
		break;
	default:
		r = map_user_lookup(p->map, &key, value);
		CHECK_EQ_INT(r, oracle_lookup(p->fd, &key, theirs));
		if (r == 0)
			CHECK_EQ_MEM(value, theirs, p->words * 8);
	}
}

static void same_operations(void)
{
	static const uint32_t types[] = { MAP_CGROUP_STORAGE, MAP_PERCPU_CGROUP_STORAGE };
	const char *missing = oracle_missing();

	if (missing)
		CHECK_SKIP(missing);
	for (size_t t = 0; t < ARRAY_SIZE(types); t++)
		for (uint32_t key_size = 8; key_size <= 16; key_size += 8) {
			struct pair p;

			CHECK_CASE("%s, keys of %u bytes", spec_map_type_name((int)types[t]),
				   key_size);
			missing = open_pair(&p, types[t], key_size);
			if (missing) {
				close_pair(&p);
				CHECK_SKIP(missing);
			}
			for (unsigned long n = 0; n < model_steps(STEPS) && !check_state.bad; n++)
				step(&p);
			close_pair(&p);
		}
}

CHECK_MAIN({ "same_operations", same_operations })
