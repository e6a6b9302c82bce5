/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BPF objects: open an unmodified .bpf.o, look at it, load it on the user engine.
 *
 * Ownership: programs, maps and every string that a getter returns are borrowed from the object and live until
 * skep_obj_close(). Threading: an object may be read by several threads; opening, loading, running
 * (run.h) and closing are for one thread at a time. Behaviour follows libbpf's documented object format
 * (kernel documents bpf/libbpf/libbpf_overview.rst, program_types.rst, bpf/btf.rst, bpf/llvm_reloc.rst).
 */
#ifndef SKEP_OBJECT_H
#define SKEP_OBJECT_H

#include <stdbool.h>

#include "skep/error.h"
#include "skep/insn.h"

#ifdef __cplusplus
extern "C" {
#endif

struct skep_obj;
struct skep_space;
struct skep_prog;
struct skep_map;
struct skep_profile;

/** A value for a .kconfig extern, spelled as in a kernel's .config: "y", "100", "\"text\"". */
struct skep_kconfig {
	const char *name, *value;
};

/** Options; zero-initialise and set size = sizeof(struct skep_obj_opts). NULL takes all defaults. */
struct skep_obj_opts {
	size_t size;
	const char *name; /**< what errors call the object; default: the path */
	const char *
		btf; /**< CO-RE target: a raw BTF file (/sys/kernel/btf/vmlinux); default: the model kernel of the user engine */
	const struct skep_kconfig *kconfig; /**< ended by a NULL name */
	uint32_t ncpus;			    /**< CPUs of per-CPU maps; default: the machine's */
	uint64_t memory_limit;		    /**< bytes one map may take; default 1 GiB */
	bool interpret; /**< programs are not compiled; default: what the compiler takes is */
	bool perf_map;	/**< perf(1) learns of compiled programs */
	struct skep_space *space; /**< where declared maps are shared (space.h); default: nowhere */
	/**
	 * Programs are verified when they are loaded; what is accepted (skep_prog_info.verified) runs without the checks that the verdict
	 * makes needless, the rest as ever. Not with @btf: then pointers are not what programs take them for.
	 */
	bool verify;
	const struct skep_profile *
		profile; /**< programs are verified as for this kernel (kernel.h), and CO-RE answers as it; outlives the object */
};

/**
 * Reads and checks an object; creates nothing. Any bytes are safe to pass. Errors: -ENOENT, -EACCES
 * (file), -EINVAL, -ENOEXEC, -EFBIG (content, with section and offset), -ENOMEM.
 */
SKEP_API int skep_obj_open(const char *path, const struct skep_obj_opts *opts,
			   struct skep_obj **ret, struct skep_error **reterr);
/** The same from memory; the bytes are copied. */
SKEP_API int skep_obj_open_mem(const void *data, size_t size, const struct skep_obj_opts *opts,
			       struct skep_obj **ret, struct skep_error **reterr);
/** Frees the object, its maps and programs; NULL is fine. */
SKEP_API void skep_obj_close(struct skep_obj *obj);

/**
 * Gives a global variable another initial value, as a loader does with an object's settings; before
 * skep_obj_load(). @name is a variable of .data, .rodata or .bss, perhaps with members and indexes
 * ("targ_pid", "filter.port", "ports[2]"). @value by the variable's type: a number, an enumerator's name,
 * true/false/yes/no/y/n, text for a char array; big-endian types (__be16, __be32) take numbers in host order, and
 * __be32 an IPv4 address. Errors: -ENOENT (no such variable), -EINVAL, -ERANGE (value), -EALREADY (loaded), -ENOMEM.
 */
SKEP_API int skep_obj_set_global(struct skep_obj *obj, const char *name, const char *value,
				 struct skep_error **reterr);

/**
 * Creates the maps and prepares every program that is not marked SEC("?..."). Fails (-E2BIG, -EINVAL,
 * -ENOMEM, -EOPNOTSUPP) only for what concerns the whole object; a program that this engine refuses keeps its
 * reason in skep_prog_error() and the rest is loaded. Once per object.
 */
SKEP_API int skep_obj_load(struct skep_obj *obj, struct skep_error **reterr);

SKEP_API const char *skep_obj_name(const struct skep_obj *obj);
SKEP_API const char *skep_obj_license(const struct skep_obj *obj); /**< "" when it has none */
/** The object's byte order is not the host's: it can be inspected, not loaded. */
SKEP_API bool skep_obj_swapped(const struct skep_obj *obj);

/** ELF sections. */
struct skep_section_info {
	const char *name;
	uint64_t offset, size, flags;
	uint32_t type;	       /**< SHT_* */
	const char *type_name; /**< "PROGBITS" */
	const char *use;       /**< "program: tracepoint", "map declarations", "BTF"; "" unknown */
};
SKEP_API size_t skep_obj_nsections(const struct skep_obj *obj);
SKEP_API void skep_obj_section(const struct skep_obj *obj, size_t i, struct skep_section_info *ret);

/** Externs: kconfig values, kernel symbols, kfuncs. */
struct skep_extern_info {
	const char *name, *kind; /**< kind: "kconfig", "ksym", "kfunc" */
	bool weak, resolved;
	uint64_t value;
};
SKEP_API size_t skep_obj_nexterns(const struct skep_obj *obj);
SKEP_API void skep_obj_extern(const struct skep_obj *obj, size_t i, struct skep_extern_info *ret);

/** ELF relocations of a section that programs or data use. */
struct skep_reloc_info {
	const char *section, *type, *symbol; /**< type: "R_BPF_64_64" */
	uint64_t offset;
};
SKEP_API size_t skep_obj_nrelocs(const struct skep_obj *obj);
SKEP_API void skep_obj_reloc(const struct skep_obj *obj, size_t i, struct skep_reloc_info *ret);

/** Programs. */
SKEP_API size_t skep_obj_nprogs(const struct skep_obj *obj);
SKEP_API struct skep_prog *skep_obj_prog(const struct skep_obj *obj, size_t i);
SKEP_API struct skep_prog *skep_obj_find_prog(const struct skep_obj *obj, const char *name);

struct skep_prog_info {
	const char *name, *section;
	const char *type;   /**< "tracepoint"; NULL when the section name is unknown */
	const char *attach; /**< attach type, or NULL */
	const char *target; /**< behind the section's '/', or NULL */
	bool autoload, sleepable;
	const struct skep_insn *insns; /**< relocated; maps by index */
	size_t ninsns;
	size_t nfuncs; /**< functions in insns, itself included */
	size_t ncore, ncore_unresolved;
	const char *unusable;		 /**< why no engine can use it, or NULL */
	uint64_t runs, faults, executed; /**< since load; executed: instructions */
	bool compiled;	  /**< runs as machine code; false: interpreted, or not loaded */
	bool verified;	  /**< skep_obj_opts.verify was set, and the verifier accepts it */
	size_t code_size; /**< bytes of machine code; 0: not compiled */
};
SKEP_API void skep_prog_info(const struct skep_prog *prog, struct skep_prog_info *ret);
/** Why the user engine refused the program when the object was loaded; NULL: it did not. Borrowed. */
SKEP_API const struct skep_error *skep_prog_error(const struct skep_prog *prog);
/** Source line of an instruction: false when there is none (or it is the same as the previous one's and @new_only). */
SKEP_API bool skep_prog_line(const struct skep_prog *prog, size_t insn, bool new_only,
			     struct skep_place *ret);
/** Name of the function that starts at @insn, or NULL. */
SKEP_API const char *skep_prog_func(const struct skep_prog *prog, size_t insn);
/** One CO-RE relocation. */
struct skep_core_info {
	size_t insn;
	const char *kind, *what; /**< "field offset", "struct task_struct.pid" */
	bool resolved;
	uint64_t old_value, new_value;
	const char *reason; /**< why it is unresolved, or NULL */
};
SKEP_API void skep_prog_core(const struct skep_prog *prog, size_t i, struct skep_core_info *ret);
/**
 * Prints one instruction of the program with names of helpers, maps and functions. As skep_insn_print().
 */
SKEP_API int skep_prog_print_insn(const struct skep_prog *prog, size_t insn,
				  enum skep_insn_style style, char *buf, size_t size);

/** Maps, in the order of declaration; the object's data sections are maps too. */
SKEP_API size_t skep_obj_nmaps(const struct skep_obj *obj);
SKEP_API struct skep_map *skep_obj_map(const struct skep_obj *obj, size_t i);
SKEP_API struct skep_map *skep_obj_find_map(const struct skep_obj *obj, const char *name);

#ifdef __cplusplus
}
#endif
#endif
