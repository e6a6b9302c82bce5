// SPDX-License-Identifier: Apache-2.0
/*
 * probe_read and its kin: reads that fail instead of faulting. User memory is the traced process's, through the
 * host. Kernel memory is what the run may touch, nothing else of our own process. As in the kernel a read that
 * fails leaves zeroes, and a string read needs no byte behind the NUL, so it goes page by page.
 */
#include "helper/internal.h"

#define PAGE 4096u

int mem_read_user(struct exec_run *run, void *out, uint64_t addr, uint64_t len)
{
	if (!len)
		return 0;
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
	if (!len)
		return 0;
	if (readable(run, addr) < len)
		return -EFAULT;
	memcpy(out, pointer(addr), len);
	return 0;
}

static int mem_read(struct exec_run *run, enum mem_from from, void *out, uint64_t addr,
		    uint64_t len)
{
	if (from == MEM_EITHER)
		from = readable(run, addr) ? MEM_KERNEL : MEM_USER;
	return from == MEM_KERNEL ? mem_read_kernel(run, out, addr, len) :
				    mem_read_user(run, out, addr, len);
}

/* The most that can be read at @addr without running into what may not be there. */
static uint64_t step(struct exec_run *run, enum mem_from from, uint64_t addr, uint64_t left)
{
	if (from == MEM_KERNEL)
		return num_min(left, readable(run, addr));
	return num_min(left, PAGE - addr % PAGE);
}

int64_t mem_read_str(struct exec_run *run, enum mem_from from, char *out, uint64_t size,
		     uint64_t addr)
{
	uint64_t done = 0;

	if (!size)
		return 0;
	if (from == MEM_EITHER)
		from = readable(run, addr) ? MEM_KERNEL : MEM_USER;
	while (done < size) {
		uint64_t n = step(run, from, addr + done, size - done);
		char *end;

		if (!n || mem_read(run, from, out + done, addr + done, n) < 0)
			return -EFAULT;
		end = memchr(out + done, 0, n);
		if (end)
			return end - out + 1;
		done += n;
	}
	out[size - 1] = '\0';
	return (int64_t)size;
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
