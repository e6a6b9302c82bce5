/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other kernels: would Linux 5.10 load these programs, and which is the first that does? The verifier answers as that
 * kernel, by a table of what each version has; docs/kernel-versions.md shows the table and says what it cannot foresee.
 *
 * Threading: a profile and a finished report may be read by several threads.
 */
#ifndef SKEP_KERNEL_H
#define SKEP_KERNEL_H

#include "skep/object.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A kernel, as a table or its types describe it. */
struct skep_profile;

/**
 * @kernel is a version ("5.10"; also "6.1.0-56-amd64", of which the first two numbers count), "live" (this machine's: its release, its types, and
 * where bpf(2) is allowed what it creates), or a raw BTF file of a kernel. Errors: -EINVAL (neither),
 * -ENOENT, -EACCES (file), -ENOEXEC (no BTF), -ENOMEM.
 */
SKEP_API int skep_profile_open(const char *kernel, struct skep_profile **ret,
			       struct skep_error **reterr);
/** NULL is fine. */
SKEP_API void skep_profile_close(struct skep_profile *profile);
/** major << 16 | minor << 8 */
SKEP_API uint32_t skep_profile_version(const struct skep_profile *profile);
/** How many program and map types bpf(2) was asked to make; 0: none, types and release alone tell. */
SKEP_API size_t skep_profile_probed(const struct skep_profile *profile);

/** The versions that the table knows, oldest first, as major << 16 | minor << 8. */
SKEP_API size_t skep_kernel_count(void);
SKEP_API uint32_t skep_kernel_at(size_t i);

/** Zero-initialise and set size. */
struct skep_kernels_opts {
	size_t size;
	const struct skep_profile *profile; /**< ask this one; NULL: every version */
	const char *prog;	   /**< this program alone; NULL: all that are loaded by default */
	uint32_t caps, prog_flags; /**< as in skep_verify_opts */
	bool all;		   /**< also programs of sections that start with '?' */
};

/** What versions from first to last say. */
struct skep_kernel_verdict {
	uint32_t first, last;
	int code;			/**< 0: accepted, or the errno of loading */
	bool attach;			/**< it is loaded, but cannot be attached */
	const char *obstacle;		/**< "helper bpf_loop", or NULL: another reason */
	const char *kind;		/**< "helper" */
	const char *name;		/**< "loop" */
	uint32_t since;			/**< the first version that has it; 0: none */
	const struct skep_error *error; /**< of what is not accepted; borrowed */
};

/** The answers for an object's programs. */
struct skep_kernels;

/**
 * Verifies the programs of an object for a kernel, or for all. For each version CO-RE is answered as that kernel would, as far as the table knows
 * (enumerators of helpers, map types ...), fields by opts.btf. Errors are those of skep_obj_open(), and -ENOENT: no such program.
 */
SKEP_API int skep_kernels_new(const char *path, const struct skep_obj_opts *oo,
			      const struct skep_kernels_opts *opts, struct skep_kernels **ret,
			      struct skep_error **reterr);
SKEP_API void skep_kernels_free(struct skep_kernels *kernels);
SKEP_API size_t skep_kernels_nprogs(const struct skep_kernels *kernels);
/** Name and section of program @i; borrowed. */
SKEP_API const char *skep_kernels_prog(const struct skep_kernels *kernels, size_t i,
				       const char **ret_section);
/** Its answers, newest version first; false: there are not that many. */
SKEP_API bool skep_kernels_verdict(const struct skep_kernels *kernels, size_t i, size_t n,
				   struct skep_kernel_verdict *ret);
/**
 * The first version from which on all accept it, 0: the newest does not. *ret is what the version before says; code 0: there is none. @i SIZE_MAX: the
 * whole object, whose minimum is that of its most demanding program, *ret_prog.
 */
SKEP_API uint32_t skep_kernels_minimum(const struct skep_kernels *kernels, size_t i,
				       struct skep_kernel_verdict *ret, size_t *ret_prog);

#ifdef __cplusplus
}
#endif
#endif
