// SPDX-License-Identifier: Apache-2.0
/* What a program is attached to decides what it may be and call. Kernel document bpf/prog_lsm.rst; Linux 6.18's answers. */
#include "verify/loader.h"
#include "verify/walk.h"

/* Hooks that exist, but not for programs: of what they give the kernel expects more than a program can keep to. */
static const char *const disabled_hooks[] = {
	"audit_rule_match",  "getprocattr",	   "getselfattr",	  "inode_copy_up_xattr",
	"inode_getsecurity", "inode_listsecurity", "inode_need_killpriv", "ismaclabel",
	"key_getsecurity",   "setprocattr",	   "vm_enough_memory",
};

/* Functions that have a path at hand of which nobody holds a lock. */
static const char *const path_functions[] = {
	"dentry_open",
	"filp_close",
	"security_file_open",
	"security_file_permission",
	"security_inode_getattr",
	"security_path_truncate",
	"vfs_fallocate",
	"vfs_getattr",
	"vfs_truncate",
};

static bool is_among(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

/* Name of the kernel's function that it is attached to; empty when it is not known. */
static const char *target(const struct verifier *v)
{
	const struct verify_opts *o = v->o;

	if (o->attach_btf_id && o->kernel_btf && o->attach_btf_id < btf_count(o->kernel_btf))
		return btf_name(o->kernel_btf, o->attach_btf_id);
	return o->attach_name ? o->attach_name : "";
}

int attach_check(struct verifier *v)
{
	const char *name = target(v);

	if (v->o->prog_type != PROG_LSM)
		return 0;
	if (!v->o->gpl)
		return reject(v, &ERR_ATTACH, "LSM programs must have a GPL compatible license");
	if (strncmp(name, "bpf_lsm_", 8) == 0)
		name += 8;
	else if (v->o->attach_btf_id)
		return reject(v, &ERR_ATTACH, "attach_btf_id %u points to wrong type name %s",
			      v->o->attach_btf_id, name);
	if (is_among(name, disabled_hooks, ARRAY_SIZE(disabled_hooks)))
		return reject(v, &ERR_ATTACH, "attach_btf_id %u points to disabled hook %s",
			      v->o->attach_btf_id, name);
	return 0;
}

bool attach_has_path(const struct verifier *v)
{
	if (v->o->prog_type != PROG_TRACING || v->o->attach_type == ATTACH_TRACE_ITER)
		return true;
	return is_among(target(v), path_functions, ARRAY_SIZE(path_functions));
}
