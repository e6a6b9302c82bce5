// SPDX-License-Identifier: Apache-2.0
/* Objects: open, look at, load. The object owns everything that its getters lend. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "lib/internal.h"

#define OBJECT_LIMIT ((size_t)256 << 20)
#define BTF_LIMIT ((size_t)256 << 20)

const char *skep_version(void)
{
	return SKEP_VERSION;
}

size_t lib_copy_out(const char *text, size_t len, char *buf, size_t size)
{
	if (size) {
		size_t n = len < size - 1 ? len : size - 1;

		memcpy(buf, text, n);
		buf[n] = '\0';
	}
	return len;
}

static int open_target(const char *path, struct btf **ret, struct skep_error **reterr)
{
	struct buf bytes;
	int r;

	if (!path)
		return spec_model_btf(ret, reterr);
	buf_init(&bytes);
	r = file_read(path, BTF_LIMIT, &bytes, reterr);
	if (r == 0)
		r = btf_open(bytes.data, bytes.len, path, ret, reterr);
	buf_done(&bytes);
	return r < 0 ? skep_wrap(reterr, r, "reading the kernel types of '%s'", path) : 0;
}

static int count_relocs(struct skep_obj *obj, struct skep_error **reterr)
{
	const struct elf *elf = &obj->spec->elf;
	size_t total = 0;

	for (size_t i = 1; i < elf->nsections; i++)
		if (elf->sections[i].type == ELF_SHT_REL || elf->sections[i].type == ELF_SHT_RELA)
			total += elf_rel_count(&elf->sections[i]);
	obj->relocs = ARENA_ARRAY(&obj->arena, struct lib_reloc, total);
	return obj->relocs ? 0 : skep_fail_nomem(reterr);
}

static void add_relocs(struct skep_obj *obj, const struct elf_section *sec)
{
	const struct elf *elf = &obj->spec->elf;
	const struct elf_section *target;

	if (sec->info >= elf->nsections)
		return;
	target = &elf->sections[sec->info];
	if (strncmp(target->name, ".debug", 6) == 0 || strncmp(target->name, ".eh_", 4) == 0 ||
	    strncmp(target->name, ".BTF", 4) == 0)
		return;
	for (size_t i = 0; i < elf_rel_count(sec); i++) {
		struct lib_reloc *out = &obj->relocs[obj->nrelocs];
		struct elf_rel rel;

		if (elf_rel_get(elf, sec, i, &rel, NULL) < 0)
			continue;
		out->section = target->name;
		out->offset = rel.offset;
		out->symbol = elf->symbols[rel.symbol].name;
		out->type = elf_rel_name(rel.type);
		obj->nrelocs++;
	}
}

static int index_parts(struct skep_obj *obj, struct skep_error **reterr)
{
	const struct elf *elf = &obj->spec->elf;
	int r = count_relocs(obj, reterr);

	if (r < 0)
		return r;
	for (size_t i = 1; i < elf->nsections; i++)
		if (elf->sections[i].type == ELF_SHT_REL || elf->sections[i].type == ELF_SHT_RELA)
			add_relocs(obj, &elf->sections[i]);
	obj->progs = ARENA_ARRAY(&obj->arena, struct skep_prog, obj->spec->nprogs);
	obj->maps = ARENA_ARRAY(&obj->arena, struct skep_map, obj->spec->nmaps);
	if (!obj->progs || !obj->maps)
		return skep_fail_nomem(reterr);
	for (uint32_t i = 0; i < obj->spec->nprogs; i++)
		obj->progs[i] = (struct skep_prog){ obj, i };
	for (uint32_t i = 0; i < obj->spec->nmaps; i++)
		obj->maps[i] = (struct skep_map){ obj, i };
	return 0;
}

/* What libbpf knows without a .config: the running kernel's version, and what this engine has. */
static struct load_kconfig *kconfig_of(struct skep_obj *obj, const struct skep_kconfig *own)
{
	unsigned int a = 0, b = 0, c = 0;
	struct load_kconfig *all;
	struct utsname u;
	size_t n = 0;

	while (own && own[n].name)
		n++;
	all = ARENA_ARRAY(&obj->arena, struct load_kconfig, n + 4);
	if (!all || uname(&u) < 0)
		return all;
	for (size_t i = 0; i < n; i++)
		all[i] = (struct load_kconfig){ own[i].name, own[i].value };
	sscanf(u.release, "%u.%u.%u", &a, &b, &c);
	if (obj->profiled) {
		a = obj->profile.version >> 16;
		b = obj->profile.version >> 8 & 0xff;
		c = 0;
	}
	all[n].name = "LINUX_KERNEL_VERSION";
	all[n++].value = arena_printf(&obj->arena, "%u", a << 16 | b << 8 | (c > 255 ? 255 : c));
	all[n++] = (struct load_kconfig){ "LINUX_HAS_BPF_COOKIE", "0" };
	all[n++] = (struct load_kconfig){ "LINUX_HAS_SYSCALL_WRAPPER", "1" };
	return all[n - 3].value ? all : NULL;
}

/* What reads the kernel's version is another program for each. */
static void narrow(struct skep_obj *obj)
{
	for (uint32_t i = 0; obj->profiled && i < obj->spec->nexterns; i++)
		if (strcmp(obj->spec->externs[i].name, "LINUX_KERNEL_VERSION") == 0) {
			obj->profile.from = obj->profile.version;
			obj->profile.until = obj->profile.version + SPEC_VERSION(0, 1);
		}
}

static int fill(struct skep_obj *obj, const void *data, size_t size, const char *name,
		const struct skep_obj_opts *opts, struct skep_error **reterr)
{
	const char *path = OPT(opts, btf, NULL);
	struct load_opts lo = { .target_name = path ? path : "the model kernel" };
	const struct skep_profile *profile = OPT(opts, profile, NULL);
	int r = 0;

	if (profile) {
		obj->profile = profile->profile;
		obj->profiled = true;
		lo.profile = &obj->profile;
	}
	if (profile && profile->btf && !path)
		obj->target = btf_ref(profile->btf);
	else
		r = open_target(path, &obj->target, reterr);

	if (r < 0)
		return r;
	lo.target = obj->target;
	lo.kconfig = kconfig_of(obj, OPT(opts, kconfig, NULL));
	if (!lo.kconfig)
		return skep_fail_nomem(reterr);
	r = load_open(data, size, name, &lo, &obj->spec, reterr);
	if (r < 0)
		return r;
	narrow(obj);
	return index_parts(obj, reterr);
}

int skep_obj_open_mem(const void *data, size_t size, const struct skep_obj_opts *opts,
		      struct skep_obj **ret, struct skep_error **reterr)
{
	const char *name = OPT(opts, name, NULL);
	struct skep_obj *obj = calloc(1, sizeof(*obj));
	int r;

	if (!obj)
		return skep_fail_nomem(reterr);
	arena_init(&obj->arena, 0);
	obj->core_opts.ncpus = OPT(opts, ncpus, 0);
	obj->core_opts.memory_limit = OPT(opts, memory_limit, 0);
	obj->core_opts.interpret = OPT(opts, interpret, false);
	obj->core_opts.perf_map = OPT(opts, perf_map, false);
	obj->core_opts.space = lib_space(OPT(opts, space, NULL));
	if (OPT(opts, verify, false) && !OPT(opts, btf, NULL))
		obj->core_opts.facts = lib_facts;
	obj->core_opts.facts_ctx = obj;
	r = fill(obj, data, size, name ? name : "object", opts, reterr);
	if (r < 0) {
		skep_obj_close(obj);
		return r;
	}
	*ret = obj;
	return 0;
}

int skep_obj_open(const char *path, const struct skep_obj_opts *opts, struct skep_obj **ret,
		  struct skep_error **reterr)
{
	struct skep_obj_opts own = { .size = sizeof(own) };
	struct buf bytes;
	int r;

	if (opts)
		memcpy(&own, opts, opts->size < sizeof(own) ? opts->size : sizeof(own));
	own.size = sizeof(own);
	if (!own.name)
		own.name = path;
	buf_init(&bytes);
	r = file_read(path, OBJECT_LIMIT, &bytes, reterr);
	if (r == 0)
		r = skep_obj_open_mem(bytes.data, bytes.len, &own, ret, reterr);
	buf_done(&bytes);
	return r;
}

void skep_obj_close(struct skep_obj *obj)
{
	if (!obj)
		return;
	core_free(obj->core);
	if (obj->spec)
		load_close(obj->spec);
	btf_unref(obj->target);
	free(obj->verdicts);
	arena_done(&obj->arena);
	arena_done(&(struct arena){ .top = obj->verify_memory });
	free(obj);
}

int skep_obj_load(struct skep_obj *obj, struct skep_error **reterr)
{
	if (obj->core)
		return skep_fail(reterr, &ERR_LOADED, SKEP_AT_FILE(obj->spec->name, 0), NULL);
	return core_new(obj->spec, &obj->core_opts, &obj->core, reterr);
}

const char *skep_obj_name(const struct skep_obj *obj)
{
	return obj->spec->name;
}

const char *skep_obj_license(const struct skep_obj *obj)
{
	return obj->spec->license;
}

bool skep_obj_swapped(const struct skep_obj *obj)
{
	return obj->spec->swapped;
}

size_t skep_obj_nsections(const struct skep_obj *obj)
{
	return obj->spec->elf.nsections;
}

static const char *section_type_name(uint32_t type)
{
	static const struct {
		uint32_t type;
		const char *name;
	} names[] = {
		{ 0, "NULL" },
		{ ELF_SHT_PROGBITS, "PROGBITS" },
		{ ELF_SHT_SYMTAB, "SYMTAB" },
		{ ELF_SHT_STRTAB, "STRTAB" },
		{ ELF_SHT_RELA, "RELA" },
		{ ELF_SHT_NOBITS, "NOBITS" },
		{ ELF_SHT_REL, "REL" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].type == type)
			return names[i].name;
	return "other";
}

static const char *section_use(const struct skep_obj *obj, const struct elf_section *sec)
{
	static const struct {
		const char *name, *use;
	} uses[] = {
		{ ".maps", "map declarations" },
		{ "license", "licence" },
		{ ".BTF", "types" },
		{ ".BTF.ext", "lines and relocations of types" },
		{ ".symtab", "symbols" },
		{ ".strtab", "names" },
		{ ".text", "subprograms" },
		{ ".kconfig", "kernel configuration" },
	};
	const char *extra;

	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
		if (strcmp(sec->name, uses[i].name) == 0)
			return uses[i].use;
	for (uint32_t i = 0; i < obj->spec->nmaps; i++)
		if (obj->spec->maps[i].kind != LOAD_MAP_USER &&
		    strcmp(obj->spec->maps[i].name, sec->name) == 0)
			return "data";
	if (sec->type == ELF_SHT_PROGBITS && sec->flags & ELF_SHF_EXECINSTR) {
		const char *name = sec->name + (sec->name[0] == '?');

		return spec_section_find(name, &extra) ? "programs" : "code";
	}
	return "";
}

void skep_obj_section(const struct skep_obj *obj, size_t i, struct skep_section_info *ret)
{
	const struct elf_section *sec = &obj->spec->elf.sections[i];

	*ret = (struct skep_section_info){ .name = sec->name,
					   .offset = sec->offset,
					   .size = sec->size,
					   .flags = sec->flags,
					   .type = sec->type,
					   .type_name = section_type_name(sec->type),
					   .use = section_use(obj, sec) };
}

size_t skep_obj_nexterns(const struct skep_obj *obj)
{
	return obj->spec->nexterns;
}

void skep_obj_extern(const struct skep_obj *obj, size_t i, struct skep_extern_info *ret)
{
	static const char *const kinds[] = { [LOAD_EXTERN_KCONFIG] = "kconfig",
					     [LOAD_EXTERN_KSYM] = "ksym",
					     [LOAD_EXTERN_KFUNC] = "kfunc" };
	const struct load_extern *e = &obj->spec->externs[i];

	*ret = (struct skep_extern_info){ e->name, kinds[e->kind], e->weak, e->resolved, e->value };
}

size_t skep_obj_nrelocs(const struct skep_obj *obj)
{
	return obj->nrelocs;
}

void skep_obj_reloc(const struct skep_obj *obj, size_t i, struct skep_reloc_info *ret)
{
	const struct lib_reloc *r = &obj->relocs[i];

	*ret = (struct skep_reloc_info){ r->section, r->type ? r->type : "?", r->symbol,
					 r->offset };
}

size_t skep_obj_nprogs(const struct skep_obj *obj)
{
	return obj->spec->nprogs;
}

struct skep_prog *skep_obj_prog(const struct skep_obj *obj, size_t i)
{
	return i < obj->spec->nprogs ? &obj->progs[i] : NULL;
}

struct skep_prog *skep_obj_find_prog(const struct skep_obj *obj, const char *name)
{
	for (uint32_t i = 0; i < obj->spec->nprogs; i++)
		if (strcmp(obj->spec->progs[i].name, name) == 0)
			return &obj->progs[i];
	return NULL;
}

size_t skep_obj_nmaps(const struct skep_obj *obj)
{
	return obj->spec->nmaps;
}

struct skep_map *skep_obj_map(const struct skep_obj *obj, size_t i)
{
	return i < obj->spec->nmaps ? &obj->maps[i] : NULL;
}

struct skep_map *skep_obj_find_map(const struct skep_obj *obj, const char *name)
{
	for (uint32_t i = 0; i < obj->spec->nmaps; i++)
		if (strcmp(obj->spec->maps[i].name, name) == 0)
			return &obj->maps[i];
	return NULL;
}
