// SPDX-License-Identifier: Apache-2.0
/*
 * The model kernel: its heap, tasks and cgroups as this process's /proc has them, files, routes, sockets, tracked connections.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "btf/btf.h"
#include "check.h"
#include "model/model.h"

static struct model *new_model(void)
{
	struct model *m = NULL;

	CHECK_EQ_INT(model_new(&m, NULL), 0);
	return m;
}

static void heap(void)
{
	struct model *m = new_model();
	struct model_info info;
	uint8_t *o[600];

	for (uint32_t i = 0; i < 600; i++) {
		o[i] = model_alloc(m, MODEL_LOCAL, i * 50, i);
		CHECK_CASE("object %u", i);
		if (!CHECK(o[i] != NULL))
			break;
		if (!i)
			continue;
		CHECK(model_find(m, (uintptr_t)o[i], &info) && info.base == (uintptr_t)o[i]);
		CHECK(model_find(m, (uintptr_t)o[i] + i * 50 - 1, &info) && info.size == i * 50 &&
		      info.tag == i);
		CHECK(!model_find(m, (uintptr_t)o[i] + i * 50, &info) ||
		      info.base != (uintptr_t)o[i]);
		CHECK(!model_find(m, (uintptr_t)o[i] - 1, &info) || info.base != (uintptr_t)o[i]);
		memset(o[i], 0xaa, i * 50);
	}
	CHECK_CASE("counts");
	model_ref(m, o[7]);
	CHECK(!model_unref(m, o[7]) && model_refs(m, o[7]) == 1);
	CHECK(model_object(m, (uintptr_t)o[7] + 9, MODEL_LOCAL) == o[7]);
	CHECK(!model_object(m, (uintptr_t)o[7], MODEL_TASK));
	CHECK(model_unref(m, o[7]));
	CHECK(!model_find(m, (uintptr_t)o[7], &info));
	CHECK(model_alloc(m, MODEL_TASK, 350, 0) == o[7] && !o[7][0]); /* zeroed again */
	CHECK(!model_alloc(m, MODEL_LOCAL, MODEL_MAX_OBJECT + 1, 0));
	CHECK(!model_find(m, 0, &info) && !model_find(m, UINT64_MAX, &info));
	model_free(m);
}

static void full(void)
{
	struct model *m = new_model();
	uint32_t n = 0;

	while (model_alloc(m, MODEL_LOCAL, 30000, 0))
		n++;
	CHECK_MSG(n > 7000 && n <= 8192, "%u objects", n);
	CHECK(!model_alloc(m, MODEL_LOCAL, 1, 0));
	model_free(m);
}

static void tasks(void)
{
	struct model *m = new_model();
	const struct model_task *t = model_task(m, getpid());
	const struct model_task_struct *up;
	struct model_who who = {
		.pid = getpid(), .comm = "other", .uid = 77, .gid = 78, .known = true
	};

	if (!CHECK(t != NULL))
		return;
	CHECK_EQ_INT(t->task.pid, getpid());
	CHECK_EQ_INT(t->task.tgid, getpid());
	CHECK_EQ_INT(t->task.real_parent->pid, getppid());
	CHECK_EQ_INT(t->task.cred->uid.val, getuid());
	CHECK_EQ_INT(t->task.cred->egid.val, getegid());
	CHECK_EQ_STR(t->task.comm, "model_test");
	CHECK(t->task.mm && t->task.mm->total_vm && t->task.mm->start_stack);
	CHECK(t->task.nsproxy->net_ns->ns.inum && t->task.cpus_ptr->bits[0]);
	up = &t->task;
	for (int i = 0; i < 100 && up->pid > 1; i++)
		up = up->real_parent;
	CHECK(up->pid <= 1);
	CHECK(model_task(m, getpid()) == t && !model_task(m, -1) && !model_task(m, 0x3ffffff));
	t = model_task_is(m, &who);
	CHECK_EQ_STR(t->task.comm, "other");
	CHECK_EQ_INT(t->cred.uid.val, 77);
	who = (struct model_who){ .pid = 0x3fffffe, .tgid = 5, .comm = "gone" };
	t = model_task_is(m, &who);
	CHECK(t && t->task.pid == 0x3fffffe && t->task.tgid == 5 && !t->task.mm);
	CHECK_EQ_INT(model_task_next(m, 0, getpid()), getpid());
	CHECK_EQ_INT(model_task_next(m, getpid(), getpid()), 0);
	model_free(m);
}

static void cgroups(void)
{
	struct model *m = new_model();
	struct model_cgroup_dir *root = model_cgroup_at(m, "/"),
				*own = model_cgroup_of(m, getpid());
	struct stat st;
	char path[2048];

	if (!CHECK(root && own))
		return;
	CHECK_EQ_INT(root->cgroup.level, 0);
	CHECK(!model_cgroup_parent(m, root));
	CHECK(model_cgroup_under(m, own, root) && model_cgroup_ancestor(m, own, 0) == root);
	CHECK(!model_cgroup_ancestor(m, own, own->cgroup.level + 1) &&
	      !model_cgroup_ancestor(m, own, -1));
	CHECK(model_cgroup_by_id(m, own->kn.id) == own && !model_cgroup_by_id(m, UINT64_MAX));
	CHECK(!model_cgroup_at(m, "/no such cgroup") && !model_cgroup_at(m, "/.."));
	if (model_cgroup_dir_path(m, own, path, sizeof(path)) && stat(path, &st) == 0)
		CHECK_EQ_INT(own->kn.id, st.st_ino);
	CHECK(model_cgroup_walk(m, root, 0, false) == root);
	model_free(m);
}

static void files(void)
{
	struct model *m = new_model();
	struct model_open_file *f = model_file_open(m, "/proc/self/exe");
	struct stat st;

	if (!CHECK(f && stat("/proc/self/exe", &st) == 0))
		return;
	CHECK_EQ_INT(f->file.f_inode->i_ino, st.st_ino);
	CHECK_EQ_INT(f->file.f_inode->i_size, st.st_size);
	CHECK_EQ_STR(f->file.f_path.dentry->d_name.name, "model_test");
	CHECK(model_path_of(m, (uintptr_t)&f->file.f_path) == f->path);
	CHECK(!model_path_of(m, (uintptr_t)m) && !model_file_open(m, "/no/such/file"));
	CHECK(model_unref(m, f));
	model_free(m);
}

static struct model_addr ip4(const char *text)
{
	struct model_addr a = { .family = AF_INET };

	inet_pton(AF_INET, text, a.bytes);
	return a;
}

static void routes(void)
{
	struct model *m = new_model();
	const struct model_route wide = {
		.to = ip4("10.0.0.0"), .prefix = 8, .ifindex = 1, .table = 254
	};
	const struct model_route narrow = {
		.to = ip4("10.1.2.0"), .prefix = 23, .ifindex = 2, .table = 254
	};
	const struct model_route cheap = {
		.to = ip4("10.1.2.0"), .prefix = 23, .ifindex = 3, .table = 7, .metric = 9
	};
	const struct model_neigh n = { .addr = ip4("10.1.2.3"),
				       .ifindex = 2,
				       .mac = { 2, 3, 4, 5, 6, 7 } };
	struct model_addr to;
	struct model_route r;
	uint8_t mac[6];

	CHECK_EQ_INT(model_route_add(m, &wide), 0);
	CHECK_EQ_INT(model_route_add(m, &cheap), 0);
	CHECK_EQ_INT(model_route_add(m, &narrow), 0);
	CHECK_EQ_INT(model_neigh_add(m, &n), 0);
	to = ip4("10.1.3.255");
	CHECK(model_route_find(m, &to, 0, &r) && r.ifindex == 2);
	CHECK(model_route_find(m, &to, 7, &r) && r.ifindex == 3);
	to = ip4("10.1.4.0");
	CHECK(model_route_find(m, &to, 0, &r) && r.ifindex == 1);
	to = ip4("11.1.4.0");
	CHECK(!model_route_find(m, &to, 0, &r));
	CHECK(model_neigh_find(m, &n.addr, 2, mac) && !memcmp(mac, n.mac, 6));
	CHECK(!model_neigh_find(m, &n.addr, 1, mac) && !model_neigh_find(m, &to, 2, mac));
	CHECK_EQ_INT(model_dev_add(m, "eth9", 9, 1400, n.mac, true), 0);
	CHECK(model_dev(m, 9) && model_dev(m, 9)->dev.mtu == 1400 && !model_dev(m, 10));
	model_free(m);
	m = new_model(); /* the namespace's own */
	CHECK(model_dev(m, 1) && !strcmp(model_dev(m, 1)->dev.name, "lo") &&
	      model_dev(m, 1)->dev.mtu);
	model_free(m);
}

static void sockets(void)
{
	struct model *m = new_model();
	struct model_tuple t = { .local = ip4("10.0.0.1"),
				 .remote = ip4("10.0.0.2"),
				 .lport = htons(80),
				 .rport = htons(4000),
				 .protocol = IPPROTO_TCP };
	struct model_tuple all = { .local = ip4("0.0.0.0"),
				   .lport = htons(80),
				   .protocol = IPPROTO_TCP };
	struct model_end *s = model_socket_add(m, &t, 1), *l, *found;

	all.remote.family = AF_INET;
	l = model_socket_add(m, &all, 10);
	found = model_socket_find(m, &t);
	CHECK(s && l && found == s && found->cookie == 1);
	CHECK_EQ_INT(s->uapi.src_port, 80);
	CHECK_EQ_INT(s->uapi.dst_port, htons(4000));
	CHECK_EQ_INT(s->sk.__sk_common.skc_num, 80);
	CHECK(model_socket_of(m, (uintptr_t)&s->tcp) == s);
	model_unref(m, found);
	t.rport = htons(4001);
	found = model_socket_find(m, &t);
	CHECK(found == l);
	model_unref(m, found);
	t.lport = htons(81);
	CHECK(!model_socket_find(m, &t));
	model_socket_close(m, l);
	CHECK(!model_socket_listener(m, &all) && l->uapi.state == 7);
	model_unref(m, l);
	model_free(m);
}

static void connections(void)
{
	struct model *m = new_model();
	const struct model_tuple t = { .local = ip4("10.0.0.1"),
				       .remote = ip4("10.0.0.2"),
				       .lport = 1,
				       .rport = 2,
				       .protocol = 6 };
	const struct model_tuple back = { .local = ip4("10.0.0.2"),
					  .remote = ip4("10.0.0.1"),
					  .lport = 2,
					  .rport = 1,
					  .protocol = 6 };
	struct model_conn *c = model_conn_new(m, &t, 0), *twin = model_conn_new(m, &t, 0);
	uint8_t dir;

	CHECK(!model_conn_find(m, &t, 0, &dir));
	CHECK_EQ_INT(model_conn_insert(m, c), 0);
	CHECK_EQ_INT(model_conn_insert(m, c), -EBUSY);
	CHECK_EQ_INT(model_conn_insert(m, twin), -EEXIST);
	CHECK(model_conn_find(m, &t, 0, &dir) == c && dir == 0);
	CHECK(model_conn_find(m, &back, 0, &dir) == c && dir == 1);
	CHECK(!model_conn_find(m, &t, 1, &dir));
	model_free(m);
}

CHECK_MAIN({ "heap", heap }, { "full", full }, { "tasks", tasks }, { "cgroups", cgroups },
	   { "files", files }, { "routes", routes }, { "sockets", sockets },
	   { "connections", connections })
