// SPDX-License-Identifier: Apache-2.0
/*
 * What the numbers of user space mean when nobody else says so: descriptors of this process and devices of its network
 * namespace, with the errno that bpf(2) has for those that do not fit. So a map of this engine can be filled by the
 * same calls as the kernel's. Such an object lasts as long as the world, for nobody tells when its descriptor goes.
 */
#include "map/world.h"

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define CGROUP_MAGIC 0x27e0eb
#define CGROUP2_MAGIC 0x63677270

static int option(int fd, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) < 0 ? -errno : value;
}

/* Is it bound to an address, as the kernel's tables of sockets know it? */
static bool is_bound(int fd, int family)
{
	struct sockaddr_storage addr = { 0 };
	socklen_t len = sizeof(addr);

	if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		return false;
	if (family == AF_INET)
		return ((struct sockaddr_in *)&addr)->sin_port != 0;
	if (family == AF_INET6)
		return ((struct sockaddr_in6 *)&addr)->sin6_port != 0;
	return false;
}

static uint8_t state_of(int fd, const struct map_sock *s)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(struct tcp_info);
	struct tcp_info info = { 0 };

	if (s->protocol == IPPROTO_TCP && s->family != AF_UNIX)
		return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 ? info.tcpi_state :
										 0;
	if (option(fd, SO_ACCEPTCONN) > 0)
		return TCP_LISTEN;
	len = sizeof(addr);
	return getpeername(fd, (struct sockaddr *)&addr, &len) == 0 ? TCP_ESTABLISHED : TCP_CLOSE;
}

static int socket_at(int fd, struct map_object_desc *ret)
{
	int family = option(fd, SO_DOMAIN);
	socklen_t len = sizeof(ret->id);

	if (family < 0)
		return family;
	ret->sock = (struct map_sock){
		.family = (uint16_t)family,
		.type = (uint16_t)option(fd, SO_TYPE),
		.protocol = (uint16_t)option(fd, SO_PROTOCOL),
		.bound = is_bound(fd, family),
		.reuseport = option(fd, SO_REUSEPORT) > 0,
	};
	ret->sock.state = state_of(fd, &ret->sock);
	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &ret->id, &len) < 0 ? -errno : 0;
}

/* "Pid:" of what /proc says of the descriptor. */
static int task_at(int fd, struct map_object_desc *ret)
{
	char path[64], line[128];
	long pid = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	if (!file)
		return -EBADF;
	while (!pid && fgets(line, sizeof(line), file))
		if (strncmp(line, "Pid:", 4) == 0)
			pid = strtol(line + 4, NULL, 10);
	fclose(file);
	ret->id = (uint64_t)pid;
	return pid > 0 ? 0 : pid < 0 ? -ENOENT : -EBADF;
}

static int inode_at(int fd, struct map_object_desc *ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -EBADF;
	ret->id = st.st_ino ^ (uint64_t)st.st_dev << 32 ^ (uint64_t)st.st_dev >> 32;
	return 0;
}

static int cgroup_at(int fd, struct map_object_desc *ret)
{
	struct statfs fs;
	struct stat st;

	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode) ||
	    (fs.f_type != CGROUP_MAGIC && fs.f_type != CGROUP2_MAGIC))
		return -EBADF;
	ret->id = st.st_ino;
	return 0;
}

static int object(void *ctx, enum map_object_kind kind, int fd, struct map_object_desc *ret)
{
	(void)ctx;
	switch (kind) {
	case MAP_OBJECT_SOCK:
		return socket_at(fd, ret);
	case MAP_OBJECT_TASK:
		return task_at(fd, ret);
	case MAP_OBJECT_INODE:
		return inode_at(fd, ret);
	case MAP_OBJECT_CGROUP:
		return cgroup_at(fd, ret);
	case MAP_OBJECT_KINDS:
		break;
	}
	return -EINVAL;
}

static bool device(void *ctx, uint32_t ifindex)
{
	char name[IF_NAMESIZE];

	(void)ctx;
	return if_indextoname(ifindex, name) != NULL;
}

static int prog(void *ctx, uint32_t map_type, int fd, void **ret_prog, uint32_t *ret_id)
{
	(void)ctx, (void)map_type, (void)ret_prog, (void)ret_id;
	return fcntl(fd, F_GETFD) < 0 ? -EBADF : -EINVAL;
}

static void put_prog(void *p)
{
	(void)p;
}

const struct map_world_ops world_ops_of_process = { object, device, prog, put_prog };
