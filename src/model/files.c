// SPDX-License-Identifier: Apache-2.0
/* Files: a path of the host as the kernel's file, dentry and inode; they show what stat(2) says. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "model/internal.h"

struct model_open_file *model_file_open(struct model *m, const char *path)
{
	struct model_open_file *f;
	struct stat st;
	char *real = realpath(path, NULL);
	const char *name;

	if (!real || stat(real, &st) < 0 || strlen(real) >= sizeof(f->path)) {
		free(real);
		return NULL;
	}
	f = model_alloc(m, MODEL_FILE, sizeof(*f), 0);
	if (!f) {
		free(real);
		return NULL;
	}
	memcpy(f->path, real, strlen(real) + 1);
	free(real);
	f->dev = st.st_dev;
	f->sb.s_dev = (uint32_t)(major(st.st_dev) << 20 | minor(st.st_dev));
	f->inode = (struct model_inode){ .i_mode = (uint16_t)st.st_mode,
					 .i_uid = { st.st_uid },
					 .i_gid = { st.st_gid },
					 .i_sb = &f->sb,
					 .i_ino = st.st_ino,
					 .i_nlink = (uint32_t)st.st_nlink,
					 .i_rdev = (uint32_t)st.st_rdev,
					 .i_size = st.st_size };
	name = strrchr(f->path, '/');
	name = name && name[1] ? name + 1 : "/";
	snprintf(f->dentry.d_iname, sizeof(f->dentry.d_iname), "%s", name);
	f->dentry.d_name = (struct model_qstr){ 0, (uint32_t)strlen(name), f->dentry.d_iname };
	f->dentry.d_parent = &f->dentry;
	f->dentry.d_inode = &f->inode;
	f->dentry.d_sb = f->mnt.mnt_sb = &f->sb;
	f->mnt.mnt_root = &f->dentry;
	f->file.f_mode = 1;
	f->file.f_inode = &f->inode;
	f->file.f_path = (struct model_path){ &f->mnt, &f->dentry };
	return f;
}

const char *model_path_of(const struct model *m, uint64_t addr)
{
	const struct model_open_file *f = model_object(m, addr, MODEL_FILE);

	return f ? f->path : NULL;
}
