// SPDX-License-Identifier: Apache-2.0
/*
 * CO-RE against libbpf: the same object, relocated against the same target BTF, must give the same
 * instructions. libbpf relocates inside bpf_object__load(); a section handler that is called just before the
 * first program would go to the kernel takes copies of all of them and stops it there. Nothing is loaded, so
 * verdicts do not matter. Needs root, because libbpf probes the kernel first.
 *
 * Compared is every slot but those that name maps and externs, which differ by nature. libbpf replaces a
 * relocation without an answer by a call of a helper that does not exist; so do we, by the same one.
 */
#include <bpf/libbpf.h>
#include <dirent.h>
#include <unistd.h>

#include "base/file.h"
#include "check.h"
#include "isa/isa.h"
#include "load/load.h"

#define MAX_SECTIONS 4096
#define MAX_PROGS 512

struct copy {
	char name[128];
	struct skep_insn *insns;
	size_t n;
};

static struct {
	struct bpf_object *obj;
	struct copy progs[MAX_PROGS];
	size_t n;
	char warning[512];
	char *sections[MAX_SECTIONS];
	size_t nsections;
	size_t objects, relocations, poisons, kinds[BTF_CORE_TYPE_MATCHES + 1];
} oracle;

static const char *build_dir(void)
{
	const char *dir = getenv("SKEP_BUILD");

	return dir ? dir : "build";
}

static int note(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBBPF_WARN && !oracle.warning[0])
		vsnprintf(oracle.warning, sizeof(oracle.warning), fmt, ap);
	return 0;
}

/* Called for the first program; by then all are relocated. */
static int take(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	struct bpf_program *p = NULL;

	(void)prog;
	(void)opts;
	(void)cookie;
	while (oracle.n < MAX_PROGS && (p = bpf_object__next_program(oracle.obj, p))) {
		struct copy *c = &oracle.progs[oracle.n];

		c->n = bpf_program__insn_cnt(p);
		c->insns = malloc(c->n * sizeof(c->insns[0]) + 1);
		if (!c->insns)
			break;
		memcpy(c->insns, bpf_program__insns(p), c->n * sizeof(c->insns[0]));
		snprintf(c->name, sizeof(c->name), "%s", bpf_program__name(p));
		oracle.n++;
	}
	return -ECANCELED;
}

static void forget(void)
{
	for (size_t i = 0; i < oracle.n; i++)
		free(oracle.progs[i].insns);
	oracle.n = 0;
	oracle.warning[0] = 0;
}

static bool handle_section(const char *name)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = take);

	name += *name == '?';
	for (size_t i = 0; i < oracle.nsections; i++)
		if (!strcmp(oracle.sections[i], name))
			return true;
	if (oracle.nsections == MAX_SECTIONS)
		return false;
	oracle.sections[oracle.nsections] = strdup(name);
	return oracle.sections[oracle.nsections] &&
	       libbpf_register_prog_handler(oracle.sections[oracle.nsections++],
					    BPF_PROG_TYPE_SOCKET_FILTER, 0, &opts) >= 0;
}

/* libbpf's answer; false: it has none, the reason is in oracle.warning. */
static bool ask_libbpf(const void *data, size_t size, const struct load_obj *ours,
		       const char *target)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "oracle", .btf_custom_path = target);
	struct bpf_program *p = NULL;
	struct bpf_map *m = NULL;

	forget();
	for (uint32_t i = 0; i < ours->nprogs; i++)
		if (!handle_section(ours->progs[i].section))
			return false;
	oracle.obj = bpf_object__open_mem(data, size, &opts);
	if (!oracle.obj)
		return false;
	while ((p = bpf_object__next_program(oracle.obj, p)))
		bpf_program__set_autoload(p, true);
	while ((m = bpf_object__next_map(oracle.obj, m)))
		bpf_map__set_autocreate(m, false);
	bpf_object__load(oracle.obj);
	bpf_object__close(oracle.obj);
	return oracle.n > 0;
}

/* Slots that name maps, programs or the kernel's objects. */
static bool is_named(const struct skep_insn *in)
{
	return isa_is_wide_load(isa_decode(in, 2)) && insn_src(in) != ISA_PSEUDO_IMM &&
	       insn_src(in) != ISA_PSEUDO_FUNC;
}

static bool same_insns(const struct load_obj *obj, const struct load_prog *p, const struct copy *c)
{
	for (uint32_t i = 0; i < p->ninsns; i++) {
		const struct skep_insn *a = &p->insns[i], *b = &c->insns[i];
		enum isa_op op = isa_decode(a, p->ninsns - i);

		if (isa_is_wide_load(op) && is_named(a)) {
			i++;
			continue;
		}
		if (op == ISA_CALL_KFUNC || (op == ISA_LD_IMM && insn_src(b) == ISA_PSEUDO_BTF_ID))
			continue;
		if (!CHECK_MSG(
			    !memcmp(a, b, sizeof(*a)),
			    "%s: '%s' at %u: ours %02x %02x %04x %08x, libbpf's %02x %02x %04x %08x",
			    obj->name, p->name, i, a->code, a->regs, (uint16_t)a->off,
			    (uint32_t)a->imm, b->code, b->regs, (uint16_t)b->off, (uint32_t)b->imm))
			return false;
	}
	return true;
}

static bool catches(const char *name)
{
	return strncmp(name, "throw_caught", strlen("throw_caught")) == 0 ||
	       strcmp(name, "handled") == 0;
}

static void compare(const struct load_obj *obj)
{
	for (uint32_t i = 0; i < obj->nprogs; i++) {
		const struct load_prog *p = &obj->progs[i];
		const struct copy *c = NULL;

		for (size_t k = 0; k < oracle.n && !c; k++)
			if (!strcmp(oracle.progs[k].name, p->name))
				c = &oracle.progs[k];
		if (!CHECK_MSG(c, "libbpf has no program '%s'", p->name))
			continue;
		/* libbpf before 1.3 does not know the tag that puts a callback behind the program */
		if (c->n < p->ninsns && catches(p->name))
			continue;
		if (!CHECK_MSG(c->n == p->ninsns, "'%s': %u instructions, libbpf has %zu", p->name,
			       p->ninsns, c->n))
			continue;
		if (!same_insns(obj, p, c))
			continue;
		oracle.relocations += p->ncores;
		oracle.poisons += p->npoisons;
		for (uint32_t k = 0; k < p->ncores; k++)
			if (p->cores[k].kind < ARRAY_SIZE(oracle.kinds))
				oracle.kinds[p->cores[k].kind]++;
	}
	oracle.objects++;
}

static bool refused_by_libbpf(const void *data, size_t size)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "oracle");
	struct bpf_object *obj;

	forget();
	obj = bpf_object__open_mem(data, size, &opts);
	bpf_object__close(obj);
	return !obj;
}

static void compare_file(const char *path, const char *target_path, const struct btf *target)
{
	static const struct load_kconfig kconfig[] = { { "LINUX_KERNEL_VERSION", "1" },
						       { "LINUX_HAS_BPF_COOKIE", "1" },
						       { "LINUX_HAS_SYSCALL_WRAPPER", "1" },
						       { NULL, NULL } };
	struct load_opts opts = { .target = target,
				  .target_name = "the target",
				  .kconfig = kconfig };
	struct skep_error *err = NULL;
	struct load_obj *obj;
	struct buf file;

	buf_init(&file);
	if (!CHECK_MSG(file_read(path, 1 << 26, &file, NULL) == 0, "cannot read %s", path))
		return;
	if (load_open(file.data, file.len, path, &opts, &obj, &err) < 0) {
		CHECK_MSG(refused_by_libbpf(file.data, file.len), "%s: only ours says: %s", path,
			  skep_error_message(err));
		skep_error_free(err);
	} else {
		if (ask_libbpf(file.data, file.len, obj, target_path))
			compare(obj);
		else
			printf("# libbpf has no answer for %s: %s\n", path,
			       oracle.warning[0] ? oracle.warning : "no reason given");
		load_close(obj);
	}
	buf_done(&file);
}

static void compare_folder(const char *folder, const char *target_path, const struct btf *target)
{
	struct dirent **list;
	int n = scandir(folder, &list, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		size_t len = strlen(list[i]->d_name);
		char path[1024];

		if (len > 6 && !strcmp(list[i]->d_name + len - 6, ".bpf.o")) {
			snprintf(path, sizeof(path), "%s/%s", folder, list[i]->d_name);
			compare_file(path, target_path, target);
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

static struct btf *open_btf(const char *path, bool in_elf)
{
	struct btf *btf = NULL;
	struct buf file;
	struct elf elf;

	buf_init(&file);
	if (file_read(path, 1 << 26, &file, NULL) < 0)
		return NULL;
	if (!in_elf) {
		btf_open(file.data, file.len, path, &btf, NULL);
	} else if (elf_open(&elf, file.data, file.len, path, NULL) == 0) {
		const struct elf_section *s = elf_section(&elf, ".BTF");

		if (s)
			btf_open(s->data, s->size, path, &btf, NULL);
		elf_close(&elf);
	}
	buf_done(&file);
	return btf;
}

static bool may_ask(void)
{
	libbpf_set_print(note);
	return geteuid() == 0;
}

/* core_local.bpf.c asks all 13 questions of core_target.bpf.c. */
static void every_kind(void)
{
	char local[512], path[512];
	struct btf *target;

	if (!may_ask())
		CHECK_SKIP("needs root");
	snprintf(local, sizeof(local), "%s/tests/bpf/load/core_local.bpf.o", build_dir());
	snprintf(path, sizeof(path), "%s/tests/bpf/load/core_target.bpf.o", build_dir());
	target = open_btf(path, true);
	if (!CHECK_MSG(target, "cannot read %s", path))
		return;
	compare_file(local, path, target);
	btf_unref(target);
	if (!oracle.objects && strstr(oracle.warning, "Operation not permitted"))
		CHECK_SKIP("bpf(2) is not permitted");
	CHECK_EQ_INT(oracle.objects, 1);
	for (size_t i = 0; i < ARRAY_SIZE(oracle.kinds); i++)
		CHECK_MSG(oracle.kinds[i] > 0, "no relocation of kind '%s'",
			  btf_core_kind_name((uint32_t)i));
	CHECK_MSG(oracle.poisons > 0, "no poisoned instruction");
	printf("# %zu relocations, %zu poisoned slots\n", oracle.relocations, oracle.poisons);
	forget();
}

/* Real programs against the running kernel; SKEP_CORPUS_DIR names more of them. */
static void running_kernel(void)
{
	static const char vmlinux[] = "/sys/kernel/btf/vmlinux";
	const char *corpus = getenv("SKEP_CORPUS_DIR");
	char path[512];
	struct btf *target;

	if (!may_ask())
		CHECK_SKIP("needs root");
	target = open_btf(vmlinux, false);
	if (!target)
		CHECK_SKIP("the kernel has no BTF");
	oracle.objects = oracle.relocations = oracle.poisons = 0;
	snprintf(path, sizeof(path), "%s/examples", build_dir());
	compare_folder(path, vmlinux, target);
	snprintf(path, sizeof(path), "%s/tests/bpf", build_dir());
	compare_folder(path, vmlinux, target);
	snprintf(path, sizeof(path), "%s/tests/bpf/load", build_dir());
	compare_folder(path, vmlinux, target);
	if (corpus)
		compare_folder(corpus, vmlinux, target);
	btf_unref(target);
	CHECK_MSG(oracle.objects > 0, "no object was compared");
	printf("# %zu objects, %zu relocations, %zu poisoned slots\n", oracle.objects,
	       oracle.relocations, oracle.poisons);
	forget();
	for (size_t i = 0; i < oracle.nsections; i++)
		free(oracle.sections[i]);
	oracle.nsections = 0;
}

CHECK_MAIN({ "every_kind", every_kind }, { "running_kernel", running_kernel })
