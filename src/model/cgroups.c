// SPDX-License-Identifier: Apache-2.0
/*
 * Cgroups: the directories of the host's cgroup v2 hierarchy (cgroups(7)). The number of a cgroup is its directory's
 * inode, its level the directories above it. Where no hierarchy is mounted there is the root alone, of number 1.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "model/internal.h"

#define MAX_DEPTH 32

/* The mount point of cgroup v2, or NULL. */
static const char *root_of(struct model *m)
{
	char text[16384], *line, *save = NULL;

	if (m->cgroup_root[0])
		return m->cgroup_root[0] == '/' ? m->cgroup_root : NULL;
	m->cgroup_root[0] = '-';
	if (proc_read(0, "self/mounts", text, sizeof(text)) <= 0)
		return NULL;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char where[256], type[32];

		if (sscanf(line, "%*s %255s %31s", where, type) == 2 && !strcmp(type, "cgroup2")) {
			memcpy(m->cgroup_root, where, sizeof(where));
			return m->cgroup_root;
		}
	}
	return NULL;
}

bool model_cgroup_dir_path(struct model *m, const struct model_cgroup_dir *c, char *out,
			   size_t size)
{
	const char *root;
	int n;

	model_lock(m);
	root = root_of(m);
	n = root ? snprintf(out, size, "%s%s", root, c->path) : -1;
	model_unlock(m);
	return n > 0 && (size_t)n < size;
}

static struct model_cgroup_dir *make(struct model *m, const char *path, uint64_t id,
				     struct model_cgroup_dir *parent)
{
	struct model_cgroup_dir *c = model_alloc(m, MODEL_CGROUP, sizeof(*c), 0);
	const char *slash = strrchr(path, '/');

	if (!c)
		return NULL;
	snprintf(c->path, sizeof(c->path), "%s", path);
	snprintf(c->name, sizeof(c->name), "%s", slash ? slash + 1 : path);
	c->kn = (struct model_kernfs_node){ id, parent ? &parent->kn : NULL, c->name };
	c->cgroup.kn = &c->kn;
	c->cgroup.level = parent ? parent->cgroup.level + 1 : 0;
	c->cgroup.self = (struct model_css){ &c->cgroup, parent ? &parent->cgroup.self : NULL, 1 };
	index_add(&m->cgroups, id, c);
	return c;
}

/* The cgroup of @path, which ends after @len bytes. */
static struct model_cgroup_dir *at(struct model *m, const char *path, unsigned int depth)
{
	struct model_cgroup_dir *c, *parent = NULL;
	const char *root = root_of(m), *slash = strrchr(path, '/');
	char full[PATH_MAX], up[1024];
	struct stat st;
	uint64_t id = 1;

	if (strlen(path) >= sizeof(c->path) || depth > MAX_DEPTH || strstr(path, ".."))
		return NULL;
	if (root) {
		snprintf(full, sizeof(full), "%s%s", root, path);
		if (stat(full, &st) < 0 || !S_ISDIR(st.st_mode))
			return NULL;
		id = st.st_ino;
	} else if (*path) {
		return NULL;
	}
	c = index_find(&m->cgroups, id);
	if (c && !strcmp(c->path, path))
		return c;
	if (c)
		index_remove(&m->cgroups, c);
	if (*path && slash) {
		snprintf(up, sizeof(up), "%.*s", (int)(slash - path), path);
		parent = at(m, up, depth + 1);
		if (!parent)
			return NULL;
	}
	return make(m, path, id, parent);
}

struct model_cgroup_dir *model_cgroup_at(struct model *m, const char *path)
{
	struct model_cgroup_dir *c;

	model_lock(m);
	c = at(m, strcmp(path, "/") ? path : "", 0);
	model_unlock(m);
	return c;
}

struct model_cgroup_dir *model_cgroup_of(struct model *m, int32_t pid)
{
	char text[4096], *line, *save = NULL;

	if (proc_read(pid, "cgroup", text, sizeof(text)) <= 0)
		return model_cgroup_at(m, "");
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (!strncmp(line, "0::/", 4)) {
			struct model_cgroup_dir *c = model_cgroup_at(m, line + 3);

			return c ? c : model_cgroup_at(m, "");
		}
	return model_cgroup_at(m, "");
}

/* Walks the hierarchy until it meets the number. */
static struct model_cgroup_dir *search(struct model *m, const char *path, uint64_t id,
				       unsigned int depth)
{
	struct model_cgroup_dir *c = at(m, path, 0), *found = NULL;
	char full[PATH_MAX], sub[1024];
	struct dirent *e;
	DIR *dir;

	if (!c || c->kn.id == id || depth > MAX_DEPTH || !root_of(m))
		return c && c->kn.id == id ? c : NULL;
	snprintf(full, sizeof(full), "%s%s", root_of(m), path);
	dir = opendir(full);
	while (dir && !found && (e = readdir(dir))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		if (snprintf(sub, sizeof(sub), "%s/%s", path, e->d_name) < (int)sizeof(sub))
			found = search(m, sub, id, depth + 1);
	}
	if (dir)
		closedir(dir);
	return found;
}

struct model_cgroup_dir *model_cgroup_by_id(struct model *m, uint64_t id)
{
	struct model_cgroup_dir *c;

	model_lock(m);
	c = index_find(&m->cgroups, id);
	if (!c)
		c = search(m, "", id, 0);
	model_unlock(m);
	return c;
}

struct model_cgroup_dir *model_cgroup_parent(struct model *m, const struct model_cgroup_dir *c)
{
	const struct model_css *up = c->cgroup.self.parent;

	return up ? model_object(m, (uintptr_t)up, MODEL_CGROUP) : NULL;
}

struct model_cgroup_dir *model_cgroup_ancestor(struct model *m, struct model_cgroup_dir *c,
					       int level)
{
	if (level < 0 || level > c->cgroup.level)
		return NULL;
	while (c && c->cgroup.level > level)
		c = model_cgroup_parent(m, c);
	return c;
}

bool model_cgroup_under(struct model *m, struct model_cgroup_dir *c,
			const struct model_cgroup_dir *ancestor)
{
	return model_cgroup_ancestor(m, c, ancestor->cgroup.level) == ancestor;
}

/* Counts down @n in the walk below @path; the cgroup at which it is 0. */
static struct model_cgroup_dir *walk(struct model *m, const char *path, uint32_t *n, bool post,
				     unsigned int depth)
{
	struct model_cgroup_dir *c = at(m, path, 0), *found = NULL;
	char full[PATH_MAX], sub[1024];
	struct dirent *e;
	DIR *dir;

	if (!c || depth > MAX_DEPTH)
		return NULL;
	if (!post && !(*n)--)
		return c;
	if (root_of(m)) {
		snprintf(full, sizeof(full), "%s%s", root_of(m), path);
		dir = opendir(full);
		while (dir && !found && (e = readdir(dir))) {
			if (e->d_type != DT_DIR || e->d_name[0] == '.')
				continue;
			if (snprintf(sub, sizeof(sub), "%s/%s", path, e->d_name) < (int)sizeof(sub))
				found = walk(m, sub, n, post, depth + 1);
		}
		if (dir)
			closedir(dir);
	}
	if (found || !post)
		return found;
	return (*n)-- ? NULL : c;
}

struct model_cgroup_dir *model_cgroup_walk(struct model *m, const struct model_cgroup_dir *from,
					   uint32_t n, bool post)
{
	struct model_cgroup_dir *c;

	model_lock(m);
	c = walk(m, from->path, &n, post, 0);
	model_unlock(m);
	return c;
}

uint32_t model_cgroup_tasks(struct model *m, const struct model_cgroup_dir *c, bool threads,
			    int32_t *pids, uint32_t room)
{
	char path[PATH_MAX], file[PATH_MAX + 32];
	uint32_t n = 0;
	FILE *f;

	if (!model_cgroup_dir_path(m, c, path, sizeof(path)))
		return 0;
	snprintf(file, sizeof(file), "%s/cgroup.%s", path, threads ? "threads" : "procs");
	f = fopen(file, "re");
	while (f && n < room && fscanf(f, "%d", &pids[n]) == 1)
		n++;
	if (f)
		fclose(f);
	return n;
}
