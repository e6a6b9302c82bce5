// SPDX-License-Identifier: Apache-2.0
/*
 * probe_read and its kin: reads that fail instead of faulting. User memory is the traced process's, through the
 * host. Kernel memory is what the run may touch, nothing else of our own process; unless the host says that its
 * memory is this process's (own_user, own_kernel): then any address is read under guard. As in the kernel a read that
 * fails leaves zeroes, a string read needs no byte behind the NUL, so it goes page by page, and it leaves
 * alone what stands behind the NUL in the buffer, which may be part of a key.
 */
#include <sys/uio.h>

#include "exec/guard.h"
#include "helper/internal.h"

#define PAGE 4096u
#define CHUNK 512u
/* What the kernel says to a kernel read of a user address, or of what is no address, is -ERANGE. */
#define USER_END (1ull << 47)
#define KERNEL_START (-USER_END)

static bool own_user(const struct exec_run *run)
{
	return run->host && run->host->own_user;
}

static bool own_kernel(const struct exec_run *run)
{
	return run->host && run->host->own_kernel;
}

/* The kernel refuses what cannot be its own address; of ours that is the first page and what has no 48 bits. */
static bool is_address(uint64_t addr)
{
	return addr >= PAGE && (addr < USER_END || addr >= KERNEL_START);
}

/* Nothing is ever in the first page: to find that out by a fault would take a thousand times as long. */
static bool is_user(uint64_t addr)
{
	return addr - PAGE < USER_END - PAGE;
}

static int guarded(void *out, uint64_t addr, uint64_t len)
{
	struct exec_pair got;

	if (len != 8)
		return exec_guard_read(out, pointer(addr), len);
	if (exec_guard_start() < 0)
		return -EFAULT;
	got = exec_guard_load8(addr);
	memcpy(out, &got.value, sizeof(got.value));
	return got.ok ? 0 : -EFAULT;
}

int mem_read_user(struct exec_run *run, void *out, uint64_t addr, uint64_t len)
{
	if (!len)
		return 0;
	if (own_user(run))
		return is_user(addr) ? guarded(out, addr, len) : -EFAULT;
	if (!run->host || !run->host->read_user || addr + len < addr)
		return -EFAULT;
	return run->host->read_user(run->host_ctx, out, addr, len) < 0 ? -EFAULT : 0;
}

/* Bytes from @addr to the end of its region of plain memory; 0: none. */
static uint64_t readable(struct exec_run *run, uint64_t addr)
{
	struct exec_region region;

	if (!exec_region_find(run, addr, &region) || region.ctx)
		return 0;
	return region.size - (addr - region.base);
}

int mem_read_kernel(struct exec_run *run, void *out, uint64_t addr, uint64_t len)
{
	uint64_t there;

	if (!len)
		return 0;
	if (own_kernel(run))
		return is_address(addr) ? guarded(out, addr, len) : -ERANGE;
	there = readable(run, addr);
	if (!there && addr < KERNEL_START)
		return -ERANGE;
	if (there < len)
		return -EFAULT;
	memcpy(out, pointer(addr), len);
	return 0;
}

static enum mem_from decide(struct exec_run *run, enum mem_from from, uint64_t addr)
{
	if (from != MEM_EITHER)
		return from;
	if (own_user(run) && own_kernel(run))
		return MEM_KERNEL;
	return readable(run, addr) ? MEM_KERNEL : MEM_USER;
}

static int64_t own_str(char *out, uint64_t size, uint64_t addr)
{
	int64_t n = is_address(addr) ? exec_guard_str(out, pointer(addr), size) : -ERANGE;

	if (n > 0)
		out[n - 1] = '\0';
	return n;
}

static int64_t kernel_str(struct exec_run *run, char *out, uint64_t size, uint64_t addr)
{
	uint64_t there = readable(run, addr), n = num_min(there, size);
	const char *from = pointer(addr), *end;

	if (!there)
		return addr < KERNEL_START ? -ERANGE : -EFAULT;
	end = memchr(from, 0, n);
	if (!end && there < size)
		return -EFAULT;
	n = end ? (uint64_t)(end - from) + 1 : size;
	memcpy(out, from, n);
	out[n - 1] = '\0';
	return (int64_t)n;
}

/* The kernel copies user strings by words where it can, and so zeroes the rest of the NUL's word. */
static void fill_word(struct exec_run *run, char *out, uint64_t size, uint64_t addr, uint64_t n)
{
	uint64_t word = (n - 1) & ~7ull, full = num_align(n, 8);
	char bytes[8];

	if (full <= size && full > n && mem_read_user(run, bytes, addr + word, 8) == 0)
		memset(out + n, 0, full - n);
}

static int64_t user_str(struct exec_run *run, char *out, uint64_t size, uint64_t addr)
{
	char chunk[CHUNK];
	uint64_t done = 0;

	while (done < size) {
		uint64_t at = addr + done;
		uint64_t n = num_min(num_min(size - done, CHUNK), PAGE - at % PAGE);
		const char *end;

		if (mem_read_user(run, chunk, at, n) < 0)
			return -EFAULT;
		end = memchr(chunk, 0, n);
		if (end)
			n = (uint64_t)(end - chunk) + 1;
		memcpy(out + done, chunk, n);
		done += n;
		if (end) {
			fill_word(run, out, size, addr, done);
			return (int64_t)done;
		}
	}
	out[size - 1] = '\0';
	return (int64_t)size;
}

int64_t mem_read_str(struct exec_run *run, enum mem_from from, char *out, uint64_t size,
		     uint64_t addr)
{
	if (!size)
		return 0;
	if (decide(run, from, addr) == MEM_KERNEL)
		return own_kernel(run) ? own_str(out, size, addr) :
					 kernel_str(run, out, size, addr);
	return user_str(run, out, size, addr);
}

static int mem_read(struct exec_run *run, enum mem_from from, void *out, uint64_t addr,
		    uint64_t len)
{
	if (decide(run, from, addr) == MEM_KERNEL)
		return mem_read_kernel(run, out, addr, len);
	return mem_read_user(run, out, addr, len);
}

static uint64_t read_bytes(struct exec_run *run, enum mem_from from, uint64_t out, uint64_t size,
			   uint64_t addr)
{
	int r = mem_read(run, from, pointer(out), addr, size);

	if (r < 0)
		memset(pointer(out), 0, size);
	return result(r);
}

static uint64_t read_str(struct exec_run *run, enum mem_from from, uint64_t out, uint64_t size,
			 uint64_t addr)
{
	int64_t r = mem_read_str(run, from, pointer(out), size, addr);

	if (r < 0)
		memset(pointer(out), 0, size);
	return result(r);
}

static struct exec_pair probe(struct exec_run *run, enum mem_from from, uint64_t addr,
			      uint64_t size)
{
	uint64_t value = 0;
	int r = mem_read(run, from, &value, addr, size);

	return (struct exec_pair){ .value = r < 0 ? 0 : value, .ok = result(r) };
}

struct exec_pair mem_probe_user(struct exec_run *run, uint64_t addr, uint64_t size)
{
	struct exec_pair got;

	if (!own_user(run) || size != 8)
		return probe(run, MEM_USER, addr, size);
	if (!is_user(addr) || exec_guard_start() < 0)
		return (struct exec_pair){ .ok = (uint64_t)-EFAULT };
	got = exec_guard_load8(addr);
	got.ok = got.ok ? 0 : (uint64_t)-EFAULT;
	return got;
}

struct exec_pair mem_probe_kernel(struct exec_run *run, uint64_t addr, uint64_t size)
{
	return probe(run, MEM_KERNEL, addr, size);
}

struct exec_pair mem_probe_either(struct exec_run *run, uint64_t addr, uint64_t size)
{
	return probe(run, MEM_EITHER, addr, size);
}

BODY(probe_read)
{
	return read_bytes(run, MEM_EITHER, a1, (uint32_t)a2, a3);
}

BODY(probe_read_user)
{
	return read_bytes(run, MEM_USER, a1, (uint32_t)a2, a3);
}

BODY(probe_read_kernel)
{
	return read_bytes(run, MEM_KERNEL, a1, (uint32_t)a2, a3);
}

BODY(probe_read_str)
{
	return read_str(run, MEM_EITHER, a1, (uint32_t)a2, a3);
}

BODY(probe_read_user_str)
{
	return read_str(run, MEM_USER, a1, (uint32_t)a2, a3);
}

BODY(probe_read_kernel_str)
{
	return read_str(run, MEM_KERNEL, a1, (uint32_t)a2, a3);
}

BODY(copy_from_user)
{
	return read_bytes(run, MEM_USER, a1, (uint32_t)a2, a3);
}

/* Memory of other processes: process_vm_readv(2), whose permissions are ptrace's. ------------------------- */

int mem_read_task(struct exec_run *run, const struct model_task *task, void *out, uint64_t addr,
		  uint64_t len)
{
	struct iovec to = { out, len }, from = { pointer(addr), len };
	uint64_t id = run->host && run->host->pid_tgid ? run->host->pid_tgid(run->host_ctx) : 0;

	if (!task || (int32_t)id == task->task.pid || (int32_t)(id >> 32) == task->task.tgid)
		return mem_read_user(run, out, addr, len);
	if (!task->task.pid || addr >= USER_END)
		return -EFAULT;
	return !len || process_vm_readv(task->task.pid, &to, 1, &from, 1, 0) == (ssize_t)len ?
		       0 :
		       -EFAULT;
}

int64_t mem_read_task_str(struct exec_run *run, const struct model_task *task, char *out,
			  uint64_t size, uint64_t addr)
{
	char chunk[CHUNK];
	uint64_t done = 0;

	while (done < size) {
		uint64_t at = addr + done;
		uint64_t n = num_min(num_min(size - done, CHUNK), PAGE - at % PAGE);
		const char *end;

		if (mem_read_task(run, task, chunk, at, n) < 0)
			return -EFAULT;
		end = memchr(chunk, 0, n);
		if (end)
			n = (uint64_t)(end - chunk) + 1;
		memcpy(out + done, chunk, n);
		done += n;
		if (end)
			return (int64_t)done;
	}
	if (size)
		out[size - 1] = '\0';
	return (int64_t)size;
}

BODY(copy_from_user_task)
{
	const struct model_task *task = task_of(run, a4);
	int r;

	if (!task)
		return no_object(run, "bpf_copy_from_user_task", "task", a4);
	if (a5)
		return fail(EINVAL);
	r = mem_read_task(run, task, pointer(a1), a3, (uint32_t)a2);
	if (r < 0)
		memset(pointer(a1), 0, (uint32_t)a2);
	return result(r);
}

BODY(probe_write_user)
{
	if (!run->host || !run->host->write_user || a1 >= USER_END || a1 + (uint32_t)a3 > USER_END)
		return fail(EPERM);
	return run->host->write_user(run->host_ctx, a1, pointer(a2), (uint32_t)a3) < 0 ?
		       fail(EFAULT) :
		       0;
}

/* Behind the NUL are zeroes with the flag, else what was there. */
static uint64_t user_string(struct exec_run *run, const char *name, const uint64_t a[3],
			    uint64_t flags, const struct model_task *task)
{
	uint32_t size = (uint32_t)a[1];
	int64_t r;

	if (!kfunc_memory(run, name, a[0], size, true))
		return 0;
	if (flags & ~1ull)
		return (uint32_t)-EINVAL;
	if (!size)
		return 0;
	r = mem_read_task_str(run, task, pointer(a[0]), size, a[2]);
	if (r < 0)
		memset(pointer(a[0]), 0, size);
	else if (flags & 1)
		memset((uint8_t *)pointer(a[0]) + r, 0, size - (uint64_t)r);
	return (uint32_t)r;
}

KBODY(bpf_copy_from_user_str)
{
	const uint64_t a[3] = { a1, a2, a3 };

	return user_string(run, "bpf_copy_from_user_str", a, a4, NULL);
}

KBODY(bpf_copy_from_user_task_str)
{
	const uint64_t a[3] = { a1, a2, a3 };
	const struct model_task *task = task_of(run, a4);

	if (!task)
		return no_object(run, "bpf_copy_from_user_task_str", "task", a4);
	return user_string(run, "bpf_copy_from_user_task_str", a, a5, task);
}
