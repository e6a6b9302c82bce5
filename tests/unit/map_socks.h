/* SPDX-License-Identifier: Apache-2.0 */
/* What user space may name in maps of objects: one descriptor of every kind, and what each map must answer to it. */
#ifndef TESTS_UNIT_MAP_SOCKS_H
#define TESTS_UNIT_MAP_SOCKS_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOTSUPP 524 /* the kernel's ENOTSUPP */

/* Answers: of socket maps, reuseport arrays, XSK maps, cgroup arrays; then of storage of sockets, inodes, tasks, cgroups. */
enum answer { A_SOCK, A_REUSE, A_XSK, A_CGROUP, A_SK, A_INODE, A_TASK, A_CGRP, A_COUNT };

#define POOL_MAX 20
struct pool_entry {
	const char *name;
	int fd;
	uint64_t id; /* cookie, or any number that tells it from the others */
	int answer[A_COUNT];
};

struct pool {
	uint32_t n;
	struct pool_entry list[POOL_MAX];
	int keep[8]; /* the other ends */
	uint32_t nkeep;
};

static inline void pool_add(struct pool *p, const char *name, int fd, int sock, int reuse, int xsk)
{
	bool is_sock = sock != -ENOTSOCK && sock != -EBADF;
	struct pool_entry *e = &p->list[p->n++];
	socklen_t len = sizeof(e->id);

	*e = (struct pool_entry){ name, fd, p->n, { sock, reuse, xsk } };
	e->answer[A_CGROUP] = e->answer[A_TASK] = e->answer[A_CGRP] = -EBADF;
	e->answer[A_SK] = is_sock ? 0 : sock;
	e->answer[A_INODE] = sock == -EBADF ? -EBADF : 0;
	if (is_sock)
		getsockopt(fd, SOL_SOCKET, SO_COOKIE, &e->id, &len);
}

static inline int pool_inet(int type, bool reuseport, bool bound, bool listening)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;

	if (reuseport)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (bound)
		bind(fd, (struct sockaddr *)&addr, sizeof(addr));
	if (listening)
		listen(fd, 4);
	return fd;
}

/* Both ends of a TCP connection over loopback. */
static inline int pool_connected(struct pool *p, int listener)
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	getsockname(listener, (struct sockaddr *)&addr, &len);
	connect(fd, (struct sockaddr *)&addr, len);
	p->keep[p->nkeep++] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	return fd;
}

static inline void pool_open(struct pool *p)
{
	int listener = pool_inet(SOCK_STREAM, false, true, true), pair[2], fd;

	memset(p, 0, sizeof(*p));
	pool_add(p, "TCP, new", pool_inet(SOCK_STREAM, false, false, false), -EOPNOTSUPP, -EINVAL,
		 -EOPNOTSUPP);
	pool_add(p, "TCP, listening", listener, 0, -EINVAL, -EOPNOTSUPP);
	pool_add(p, "TCP, connected", pool_connected(p, listener), 0, -EINVAL, -EOPNOTSUPP);
	pool_add(p, "UDP, new", pool_inet(SOCK_DGRAM, false, false, false), -EOPNOTSUPP, -EINVAL,
		 -EOPNOTSUPP);
	pool_add(p, "UDP, of a group", pool_inet(SOCK_DGRAM, true, true, false), 0, 0, -EOPNOTSUPP);
	pool_add(p, "TCP, of a group", pool_inet(SOCK_STREAM, true, true, true), 0, 0, -EOPNOTSUPP);
	pool_add(p, "UDP, bound", pool_inet(SOCK_DGRAM, false, true, false), 0, -EINVAL,
		 -EOPNOTSUPP);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) {
		pool_add(p, "Unix stream", pair[0], 0, -NOTSUPP, -EOPNOTSUPP);
		p->keep[p->nkeep++] = pair[1];
	}
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) == 0) {
		pool_add(p, "Unix datagrams", pair[0], 0, -NOTSUPP, -EOPNOTSUPP);
		p->keep[p->nkeep++] = pair[1];
	}
	pool_add(p, "netlink", socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0), -EOPNOTSUPP,
		 -NOTSUPP, -EOPNOTSUPP);
	pool_add(p, "none", 0x7ffffff0, -EBADF, -EBADF, -EBADF);
	pool_add(p, "directory", open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), -ENOTSOCK,
		 -ENOTSOCK, -ENOTSOCK);
	fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (fd >= 0) {
		pool_add(p, "process", fd, -ENOTSOCK, -ENOTSOCK, -ENOTSOCK);
		p->list[p->n - 1].answer[A_TASK] = 0;
	}
	fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		pool_add(p, "AF_XDP", fd, -EOPNOTSUPP, -NOTSUPP, 0);
	fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		pool_add(p, "another AF_XDP", fd, -EOPNOTSUPP, -NOTSUPP, 0);
	for (int i = 0; i < 2; i++) {
		static const char *const places[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };

		fd = open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		pool_add(p, "cgroup", fd, -ENOTSOCK, -ENOTSOCK, -ENOTSOCK);
		p->list[p->n - 1].answer[A_CGROUP] = p->list[p->n - 1].answer[A_CGRP] = 0;
		break;
	}
}

static inline void pool_close(struct pool *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		if (p->list[i].fd != 0x7ffffff0)
			close(p->list[i].fd);
	for (uint32_t i = 0; i < p->nkeep; i++)
		close(p->keep[i]);
}

#endif
