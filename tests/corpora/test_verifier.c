// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel's verdict and skep's on the tests of test_verifier.c: test_verifier FROM CAPS [LEVEL]. CAPS are those of verify.h, of whoever
 * loads; the kernel is asked with the same ones, dropped in this process. One JSON object a test comes out, from test FROM
 * on. A test may take skep SECONDS, then the process ends by SIGALRM, and whoever reads goes on with the next. Built and
 * started by tools/corpora-test-verifier.
 */
#include "test_verifier.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "btf/btf.h"
#include "verify/verify.h"

#define SECONDS 20
#define LOG_SIZE (16u << 20)
#define KERNEL_TYPES "/sys/kernel/btf/vmlinux"

static struct btf *kernel_btf;
static uint32_t caps, level;
static char *kernel_log;

static void put_json(const char *key, const char *text, bool last)
{
	printf("\"%s\": \"", key);
	for (const unsigned char *p = (const unsigned char *)(text ? text : ""); *p; p++)
		if (*p == '"' || *p == '\\')
			printf("\\%c", *p);
		else if (*p < 0x20 || *p >= 0x7f)
			printf("\\u%04x", *p);
		else
			putchar(*p);
	fputs(last ? "\"}\n" : "\", ", stdout);
}

static int bpf(int command, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}

static void set_caps(uint32_t want)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	static const struct {
		uint32_t ours;
		unsigned int theirs;
	} pairs[] = { { VERIFY_CAP_BPF, CAP_BPF },
		      { VERIFY_CAP_PERFMON, CAP_PERFMON },
		      { VERIFY_CAP_NET_ADMIN, CAP_NET_ADMIN },
		      { VERIFY_CAP_SYS_ADMIN, CAP_SYS_ADMIN } };

	if (syscall(SYS_capget, &header, data) != 0)
		return;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		uint32_t *word = &data[pairs[i].theirs / 32].effective;
		uint32_t bit = 1u << pairs[i].theirs % 32;

		*word = want & pairs[i].ours ? *word | bit : *word & ~bit;
	}
	syscall(SYS_capset, &header, data);
}

static uint32_t find_func(const char *name)
{
	return kernel_btf ? btf_find(kernel_btf, name, BTF_FUNC, 0) : 0;
}

/* Bytes of a BTF section; the caller frees them. */
static void *btf_bytes(const struct tv_test *t, size_t *ret_size)
{
	const uint32_t header[6] = { 0x0001eb9f,     24, 0, t->types_size, t->types_size,
				     t->strings_size };
	char *bytes = malloc(sizeof(header) + t->types_size + t->strings_size);

	if (!bytes)
		abort();
	*ret_size = sizeof(header) + t->types_size + t->strings_size;
	memcpy(bytes, header, sizeof(header));
	memcpy(bytes + sizeof(header), t->types, t->types_size);
	memcpy(bytes + sizeof(header) + t->types_size, t->strings, t->strings_size);
	return bytes;
}

static int btf_load(const struct tv_test *t)
{
	union bpf_attr attr = { 0 };
	size_t size;
	void *bytes = btf_bytes(t, &size);
	int fd;

	attr.btf = (uintptr_t)bytes;
	attr.btf_size = (uint32_t)size;
	fd = bpf(BPF_BTF_LOAD, &attr);
	free(bytes);
	return fd;
}

/* Maps in the kernel ------------------------------------------------------------------------------ */

static int map_new(const struct tv_map *m, int inner)
{
	union bpf_attr attr = { .map_type = m->type,
				.key_size = m->key_size,
				.value_size = m->value_size,
				.max_entries = m->max_entries,
				.map_flags = m->flags };
	int fd;

	if (inner >= 0)
		attr.inner_map_fd = (uint32_t)inner;
	if (m->kind == TV_TYPED) {
		struct tv_test types = { 0 };

		tv_map_btf(m, &types);
		fd = btf_load(&types);
		if (fd < 0)
			return fd;
		attr.btf_fd = (uint32_t)fd;
		attr.btf_key_type_id = 1;
		attr.btf_value_type_id = m->value_type;
		fd = bpf(BPF_MAP_CREATE, &attr);
		close((int)attr.btf_fd);
		return fd;
	}
	return bpf(BPF_MAP_CREATE, &attr);
}

static const struct tv_map inner_map = { TV_PLAIN, BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0, 0 };

static int map_make(const struct tv_map *m)
{
	uint32_t value[12] = { [0] = 7 * sizeof(int), [7] = 0xabcdef12 }, key = 0;
	union bpf_attr attr = { 0 };
	int fd, inner = m->kind == TV_INNER ? map_new(&inner_map, -1) : -1;

	fd = map_new(m, inner);
	if (inner >= 0)
		close(inner);
	if (fd >= 0 && m->kind == TV_FILLED) {
		attr.map_fd = (uint32_t)fd;
		attr.key = (uintptr_t)&key;
		attr.value = (uintptr_t)value;
		bpf(BPF_MAP_UPDATE_ELEM, &attr);
	}
	return fd;
}

/* Asking ------------------------------------------------------------------------------------------ */

static uint32_t attach_id(const struct tv_test *t)
{
	char name[160];

	if (!t->target || !kernel_btf)
		return 0;
	if (t->prog_type == BPF_PROG_TYPE_LSM)
		snprintf(name, sizeof(name), "bpf_lsm_%s", t->target);
	else if (t->attach_type == BPF_TRACE_ITER)
		snprintf(name, sizeof(name), "bpf_iter_%s", t->target);
	else
		snprintf(name, sizeof(name), "%s%s",
			 t->attach_type == BPF_TRACE_RAW_TP ? "btf_trace_" : "", t->target);
	return btf_find(kernel_btf, name,
			t->attach_type == BPF_TRACE_RAW_TP ? BTF_TYPEDEF : BTF_FUNC, 0);
}

/* The maps of a test, each once. */
static uint32_t list_maps(const struct tv_test *t, const struct tv_map **list, uint32_t *index)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->nuses; i++) {
		uint32_t k = 0;

		while (k < n && list[k] != t->uses[i].map)
			k++;
		if (k == n)
			list[n++] = t->uses[i].map;
		index[i] = k;
	}
	return n;
}

static int ask_kernel(const struct tv_test *t, const struct tv_map **list, uint32_t nmaps,
		      const uint32_t *index, int *ret_setup)
{
	union bpf_attr attr = { .prog_type = (uint32_t)t->prog_type,
				.insns = (uintptr_t)t->insns,
				.insn_cnt = t->n,
				.license = (uintptr_t) "GPL",
				.log_buf = (uintptr_t)kernel_log,
				.log_size = LOG_SIZE,
				.log_level = t->result == TV_VERBOSE_ACCEPT ? 2 : level,
				.prog_flags = t->flags,
				.expected_attach_type = (uint32_t)t->attach_type,
				.attach_btf_id = attach_id(t) };
	struct bpf_insn *insns = t->insns;
	int fds[TV_USES], btf = -1, fd;
	struct bpf_func_info funcs[TV_FUNCS];

	*ret_setup = 0;
	kernel_log[0] = '\0';
	set_caps(caps);
	for (uint32_t i = 0; i < nmaps; i++) {
		fds[i] = map_make(list[i]);
		if (fds[i] < 0)
			*ret_setup = fds[i];
	}
	for (uint32_t i = 0; i < t->nuses; i++)
		insns[t->uses[i].insn].imm = fds[index[i]];
	if (t->types) {
		btf = btf_load(t);
		attr.prog_btf_fd = (uint32_t)btf;
	}
	for (uint32_t i = 0; i < t->nfuncs; i++)
		funcs[i] = (struct bpf_func_info){ t->funcs[i].start, t->funcs[i].btf_id };
	if (t->nfuncs) {
		attr.func_info = (uintptr_t)funcs;
		attr.func_info_cnt = t->nfuncs;
		attr.func_info_rec_size = sizeof(funcs[0]);
	}
	fd = bpf(BPF_PROG_LOAD, &attr);
	set_caps(VERIFY_CAPS_ALL);
	for (uint32_t i = 0; i < nmaps; i++)
		close(fds[i]);
	close(btf);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static struct btf *open_types(const struct tv_test *t)
{
	struct btf *btf = NULL;
	size_t size;
	void *bytes = btf_bytes(t, &size);

	btf_open(bytes, size, "the test", &btf, NULL);
	free(bytes);
	return btf;
}

static struct btf *map_types(const struct tv_map *m)
{
	struct tv_test types = { 0 };

	if (m->kind != TV_TYPED)
		return NULL;
	tv_map_btf(m, &types);
	return open_types(&types);
}

static void fill_maps(const struct tv_map **list, uint32_t n, struct verify_map *maps)
{
	static const struct verify_map inner = {
		.type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1
	};

	for (uint32_t i = 0; i < n; i++)
		maps[i] = (struct verify_map){
			.name = list[i]->kind == TV_TYPED ? "test_map" : "",
			.type = list[i]->type,
			.key_size = list[i]->key_size,
			.value_size = list[i]->value_size,
			.max_entries = list[i]->max_entries,
			.flags = list[i]->flags,
			.btf = map_types(list[i]),
			.key_type = list[i]->kind == TV_TYPED ? 1 : 0,
			.value_type = list[i]->value_type,
			.inner = list[i]->kind == TV_INNER ? &inner : NULL,
		};
}

static int ask_skep(const struct tv_test *t, const struct tv_map **list, uint32_t nmaps,
		    const uint32_t *index, struct verify_result *ret, struct skep_error **reterr)
{
	struct btf *btf = t->types ? open_types(t) : NULL;
	struct verify_func funcs[TV_FUNCS];
	struct verify_map maps[TV_USES];
	struct skep_insn *insns = t->insns;
	struct verify_opts o = {
		.prog = t->name,
		.insns = insns,
		.n = t->n,
		.prog_type = t->prog_type,
		.attach_type = t->attach_type,
		.attach_name = t->target,
		.attach_btf_id = attach_id(t),
		.prog_flags = t->flags,
		.gpl = true,
		.caps = caps,
		.maps = maps,
		.nmaps = nmaps,
		.btf = btf,
		.kernel_btf = kernel_btf,
		.funcs = t->nfuncs ? funcs : NULL,
		.nfuncs = t->nfuncs,
		.log_level = t->result == TV_VERBOSE_ACCEPT ? 2 : level,
	};
	int r;

	fill_maps(list, nmaps, maps);
	for (uint32_t i = 0; i < t->nuses; i++) {
		struct skep_insn *in = &insns[t->uses[i].insn];

		in->imm = (int32_t)index[i];
		if (in->code == 0x18)
			in->regs = insn_regs(insn_dst(in), insn_src(in) == ISA_PSEUDO_MAP_FD ?
								   ISA_PSEUDO_MAP_IDX :
								   ISA_PSEUDO_MAP_IDX_VALUE);
	}
	for (uint32_t i = 0; i < t->nfuncs; i++)
		funcs[i] = (struct verify_func){
			.start = t->funcs[i].start,
			.btf_id = t->funcs[i].btf_id,
			.name = btf ? btf_name(btf, t->funcs[i].btf_id) : "",
			.global = btf && btf_linkage(btf, t->funcs[i].btf_id) == BTF_GLOBAL
		};
	alarm(SECONDS);
	r = verify_prog(&o, ret, reterr);
	alarm(0);
	btf_unref(btf);
	for (uint32_t i = 0; i < nmaps; i++)
		btf_unref((struct btf *)maps[i].btf);
	return r;
}

static void ask(unsigned int number)
{
	const struct tv_map *list[TV_USES];
	uint32_t index[TV_USES], nmaps;
	struct verify_result result;
	struct skep_error *err = NULL;
	struct tv_test t;
	int kernel, ours, setup;

	tv_get(number, find_func, &t);
	nmaps = list_maps(&t, list, index);
	kernel = ask_kernel(&t, list, nmaps, index, &setup);
	ours = ask_skep(&t, list, nmaps, index, &result, &err);
	printf("{\"number\": %u, \"result\": %d, \"result_unpriv\": %d, \"unpriv\": %s, \"setup\": %d, "
	       "\"kernel\": %d, \"ours\": %d, \"memory\": %zu, \"at\": %lld, ",
	       number, t.result, t.result_unpriv, t.unprivileged ? "true" : "false", -setup,
	       -kernel, -ours, result.stats.memory,
	       err && skep_error_place(err) ? (long long)skep_error_place(err)->at : -1ll);
	put_json("name", t.name, false);
	put_json("err", t.err, false);
	put_json("err_unpriv", t.err_unpriv, false);
	put_json("id", err ? skep_error_id(err) : "", false);
	put_json("message", err ? skep_error_message(err) : "", false);
	put_json("kernel_log", kernel_log, false);
	put_json("log", result.log, true);
	fflush(stdout);
	skep_error_free(err);
	verify_done(&result);
}

static struct btf *kernel_types(void)
{
	FILE *f = fopen(KERNEL_TYPES, "rb");
	struct btf *btf = NULL;
	struct stat st;
	char *bytes;

	if (!f)
		return NULL;
	bytes = fstat(fileno(f), &st) == 0 ? malloc((size_t)st.st_size) : NULL;
	if (bytes && fread(bytes, 1, (size_t)st.st_size, f) == (size_t)st.st_size)
		btf_open(bytes, (size_t)st.st_size, KERNEL_TYPES, &btf, NULL);
	free(bytes);
	fclose(f);
	return btf;
}

int main(int argc, char **argv)
{
	kernel_log = calloc(1, LOG_SIZE);
	if (argc < 3 || !kernel_log)
		return 2;
	caps = (uint32_t)strtoul(argv[2], NULL, 0);
	level = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 0) : 4;
	kernel_btf = kernel_types();
	for (unsigned int i = (unsigned int)strtoul(argv[1], NULL, 0); i < tv_count(); i++)
		ask(i);
	btf_unref(kernel_btf);
	free(kernel_log);
	return 0;
}
